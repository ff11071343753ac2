/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Mounts: the filesystems below a server's root.
 *
 * An inode belongs to exactly one mount, for all of its life, and the pair (mount, key)
 * identifies it: equal inode numbers in two mounts never meet. A table begins with one
 * mount, that of its root inode, which lives as long as the table. Other mounts are
 * obtained by their ids when a look-up crosses into them. They go when their last inode and
 * the author's last reference have gone.
 *
 * A mount is a base object, as an inode is: an author derives from it to keep what belongs
 * to a mount (a connection, a descriptor to sync), see struct finode_mount_ops.
 *
 * What the kernel is told of mounts depends on how it is reached. virtio-fs makes each
 * directory that is announced as the root of a submount a filesystem of its own, with its
 * own st_dev; finode_reply_entry() and finode_dirbuf_add() announce such a directory if,
 * and only if, the session's INIT offered it. A kernel of /dev/fuse shows everything on one
 * st_dev: there finode_mount_ino() keeps the inode numbers of all mounts apart.
 * docs/submounts.md tells the whole story.
 *
 * Errors are negative errno values.
 */
#ifndef FINODE_MOUNT_H
#define FINODE_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <finode/export.h>

FINODE_BEGIN_DECLS

struct finode;
struct finode_table;
struct statx;

/**
 * What tells the mounts of a table apart. It is the author's (a volume's UUID, an fsid), or
 * the host's as finode_mount_id_of() reads it. All zero is an id like any other.
 */
struct finode_mount_id {
	uint64_t word[2];
};

/**
 * The base object, embedded anywhere in the author's struct. Read-only for the author. The
 * members with names of their own are set before init() is called, and never change.
 */
struct finode_mount {
	/** The table that the mount, and so each inode in it, belongs to. */
	struct finode_table *table;
	/** The mount that this one was found in, and holds; NULL for the table's first. */
	struct finode_mount *parent;
	struct finode_mount_id id;
	/** The library's own, and room to grow. */
	uint64_t library[24] __attribute__((aligned(8)));
};

/**
 * The author's side of a mount: config.mount_ops, which is optional. Fill it in with
 * FINODE_MOUNT_OPS_FOR and designated initialisers; the table copies it. Callbacks run with
 * no lock of the library held. All are optional.
 */
struct finode_mount_ops {
	size_t ops_size;     /**< sizeof(struct finode_mount_ops), for growth */
	size_t object_size;  /**< of the author's object */
	size_t object_align; /**< of its type */
	size_t base_offset;  /**< of the struct finode_mount in it */
	size_t base_size;    /**< sizeof(struct finode_mount), as it was compiled */

	/**
	 * Makes a zeroed object whole; `base` is filled in. `arg` is what
	 * finode_mount_obtain() was given. What init() takes out of it belongs to the
	 * object from now on. May block: only finode_mount_obtain() of this id waits.
	 * @return 0; or a negative errno, which finode_mount_obtain() returns. Then the
	 *         object is gone and evict() is not called.
	 */
	int (*init)(struct finode_mount *base, void *arg);

	/**
	 * A mount was found under the id. Is it really what `arg` describes? Needed where
	 * ids may be used again while a mount lives, see finode_mount_id_of().
	 * @return 1 for yes; 0 for no: the mount is detached and another one made (of the
	 *         first mount, which cannot be detached, that is a mistake); or a negative
	 *         errno, which finode_mount_obtain() returns
	 */
	int (*match)(struct finode_mount *base, void *arg);

	/**
	 * The last moment of an object: no inode is in it and nobody has a reference.
	 * Called exactly once for each successful init(). May block, in an unmount or at
	 * the end of a connection: only finode_mount_obtain() of this id waits. Nothing
	 * new comes into the mount: finode_obtain() returns -ESTALE.
	 */
	void (*evict)(struct finode_mount *base);

	/**
	 * Writes everything of this mount, and of no other, to where it is safe: syncfs(2).
	 * Called with a reference held, see finode_mount_syncfs().
	 * @return 0 or a negative errno
	 */
	int (*sync)(struct finode_mount *base);
};

/** Begins a struct finode_mount_ops, as FINODE_OPS_FOR a struct finode_ops. */
#define FINODE_MOUNT_OPS_FOR(type_, member_)                                               \
	.ops_size = sizeof(struct finode_mount_ops), FINODE_OBJECT_FOR(type_, member_)

#ifdef __cplusplus
/** For C++ without designated initialisers: such ops without callbacks, to be added. */
#define FINODE_MOUNT_OPS_INIT(type_, member_)                                              \
	FINODE_OBJECT_OPS_INIT(struct finode_mount_ops, type_, member_)
#endif

/* ---- Life ---- */

/**
 * Finds the mount of an id, or makes it. There is one object however many threads ask at
 * once: one of them runs init(), and the others get the mount when init() has returned. A
 * mount that is found and does not match is detached, as by finode_mount_detach(), and
 * another one is made.
 *
 * May block: while init() or evict() of the same id runs in another thread, and in the
 * author's own callbacks.
 *
 * @param parent  the mount that this one was found in; the caller holds it, or an inode
 *                in it. A mount that is found keeps the parent that it was made with.
 * @param id      borrowed for the call
 * @param arg     for init() and match(); if the mount was found, what is in it still
 *                belongs to the caller
 * @param out     a new reference; NULL on failure
 * @param created  on success: true if the mount was made here, false if it was found. May
 *                 be NULL.
 * @return 0; -ENOMEM, with nothing left behind; -EDEADLK when called from init() or evict()
 *         of this id; -ESTALE in evict() of `parent`, and while the table is being
 *         destroyed; -EIO if init() or match() returned what it must not; -EINVAL if
 *         match() says that another mount has the id of the first one, with a line in the
 *         log; else what init() or match() returned
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_mount_obtain(struct finode_mount *parent,
						    const struct finode_mount_id *id,
						    void *arg, struct finode_mount **out,
						    bool *created);

/**
 * Takes another reference beside one that the caller holds; an inode holds its mount.
 * Lock-free.
 * @return the mount
 * @since 0.1
 */
FINODE_API struct finode_mount *finode_mount_hold(struct finode_mount *mount);

/**
 * Consumes a reference; NULL is fine. If it was the last one, and no inode is in the mount,
 * the mount is evicted by this very call, so the call may block in evict().
 * @since 0.1
 */
FINODE_API void finode_mount_put(struct finode_mount *mount);

/**
 * For a mount that has gone on the host, or is about to. Its id is free for another mount.
 * Each inode in it is retired and loses its lookup count, for good: finode_count() does not
 * change it any more. Those that nobody uses are evicted before the call returns, and
 * their nodeids are unknown from then on: requests get ESTALE, on which the kernel looks
 * the names up again. What running requests and open files use lives, and keeps its
 * nodeid, until they end. The FORGETs still come, and are counted as `forgets_late`.
 * Nothing new comes into the mount: finode_obtain() returns -ESTALE. Mounts below it are
 * not touched: detach them first.
 *
 * The caller holds a reference, and keeps it: who is told by the host that a mount has
 * gone keeps one for that, or finds it by an inode, finode_alias_lookup(). (An obtain of
 * the id may make a new one.) Does nothing to a mount that is detached already. The first
 * mount of a table cannot be detached. The call takes time for the inodes of this mount
 * only, however many the table has. May block in evict().
 * @since 0.1
 */
FINODE_API void finode_mount_detach(struct finode_mount *mount);

/** @cond the cleanup behind FINODE_MOUNT_AUTOPUT */
static inline void finode_mount_autoput(struct finode_mount **mount)
{
	finode_mount_put(*mount);
}
/** @endcond */

/** Declares a `struct finode_mount *` that is put when it goes out of scope. */
#define FINODE_MOUNT_AUTOPUT __attribute__((cleanup(finode_mount_autoput)))

/* ---- Crossing ---- */

/**
 * Finds the root inode of a mount. It is the inode that the last reply which crossed into
 * the mount has told the kernel of; of the first mount it is the table's root.
 * @return a new reference; NULL if no reply has crossed yet, or that inode has ended
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_mount_root(struct finode_mount *mount);

/**
 * Checks that two inodes are in one mount, for a RENAME of its two directories, for a LINK
 * of the inode and the new directory. A kernel of /dev/fuse sees one filesystem, so it asks
 * the server to rename and to link across mounts.
 * @return 0; -EXDEV if they are in two
 * @since 0.1
 */
FINODE_API int finode_mount_check_same(const struct finode *a, const struct finode *b);

/* ---- Mounts of the host, for servers that show a directory of it ---- */

/** Bits for the mask of statx(2), beside others: what finode_mount_id_of() needs. */
#define FINODE_STATX_MNT_ID (0x1000u /* STATX_MNT_ID */ | 0x4000u /* .._UNIQUE */)

/**
 * Reads from a statx(2) of an object which mount of the host it is in, by the best that
 * this kernel offers. Since 6.8 that is an id which is never used again, since 5.8 one that
 * is not used again while a descriptor in the mount is open. st_dev is always part of it,
 * since one mount may have several (btrfs subvolumes); before 5.8 it is all.
 *
 * On kernels before 6.8 a server needs match() of its mounts, unless it keeps a descriptor
 * open in each mount as long as it has inodes of it.
 * @since 0.1
 */
FINODE_API struct finode_mount_id finode_mount_id_of(const struct statx *stx);

/**
 * Finds or makes the mount of an object of the host that was found in `dir`. Most objects
 * are in the mount of `dir`, and then this is a comparison. So is an object that is no
 * directory and has another st_dev in the same mount of the host, as overlayfs has them:
 * that is no mount of its own.
 * @param stx  of the object, asked for with STATX_TYPE and FINODE_STATX_MNT_ID
 * @param arg  as of finode_mount_obtain()
 * @param out  a new reference; NULL on failure
 * @return as finode_mount_obtain()
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_mount_of(struct finode *dir, const struct statx *stx,
						void *arg, struct finode_mount **out);

/**
 * Computes the inode number under which an object is shown where all mounts appear on one
 * st_dev. Use it wherever the server tells a number: getattr, entries, readdir,
 * readdirplus, statx. (In readdir a mountpoint has the number of the root that covers it.)
 * While the mount lives, the result depends on the mount, `dev` and `ino` alone.
 *
 * A host's number of up to 48 bits gets a prefix for its device and mount, and is different
 * from that of any other object. The first device of the table's first mount has prefix 0:
 * its numbers are the host's. There are 32,768 prefixes. Of the devices of one mount the
 * first 16 get one. Prefixes are free again when their mount has gone.
 *
 * Longer numbers, and those of devices without a prefix, are shown as a hash of 63 bits
 * with the top bit set. It is different from all numbers with a prefix. Among n hashed
 * numbers two are equal with a probability of n * n / 2^64: 1 in 184,000 for 10 million.
 * The hash has no secret, so a user who can choose inode numbers on the host can make two
 * of them equal.
 *
 * If a mount comes again, also in another run of the server, and its id and devices are the
 * same (of the first mount: its devices), then so are its numbers: hashed ones always,
 * those with a prefix most likely, since each device begins its search for a prefix at a
 * place of its own.
 *
 * The library keeps nothing for a number. It takes a lock only when a device of a mount is
 * asked for the first time.
 * @param dev, ino  st_dev and st_ino of the object on the host
 * @param out       0 on failure
 * @return 0; -ENOMEM, only for a device that is asked for the first time in its mount
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_mount_ino(struct finode_mount *mount, uint64_t dev,
						 uint64_t ino, uint64_t *out);

/* ---- Syncing ---- */

/**
 * Does what SYNCFS asks for: calls sync() of the mount of `nodeid`, and of every mount
 * below it that the kernel does not know as a filesystem of its own, since it was not
 * announced. Goes on after an error. Each sync() runs with a reference to its mount, and no
 * lock. A session whose config has no syncfs() answers SYNCFS with this if the mounts have
 * sync().
 * @return 0; -ESTALE if the nodeid names nothing; -ENOSYS if mounts have no sync(); or the
 *         first error of sync()
 * @since 0.1
 */
FINODE_API int finode_mount_syncfs(struct finode_table *table, uint64_t nodeid);

FINODE_END_DECLS

#endif
