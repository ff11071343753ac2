/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Mounts: the filesystems below a server's root.
 *
 * An inode belongs to exactly one mount, for all of its life, and what identifies it is
 * the pair (mount, key): equal inode numbers in two mounts never meet. A table is born
 * with one mount, the one of its root inode, which lives as long as the table; others are
 * obtained by their ids when a look-up crosses into them, and go when their last inode and
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
 * What tells the mounts of a table apart. Either the author's (a volume's UUID, an fsid),
 * or the host's as finode_mount_id_of() reads it; all zero is an id like any other.
 */
struct finode_mount_id {
	uint64_t word[2];
};

/**
 * The base object, embedded anywhere in the author's struct. Read-only for the author; all
 * of it is set before init() is called and never changes.
 */
struct finode_mount {
	/** The table that the mount, and so each inode in it, belongs to. */
	struct finode_table *table;
	/** The mount that this one was found in, which it holds; NULL for the first. */
	struct finode_mount *parent;
	struct finode_mount_id id;
	/** The library's own, and room to grow; it has counters of 64 bits. */
	uint64_t library[24] __attribute__((aligned(8)));
};

/**
 * The author's side of a mount, optional: config.mount_ops. Fill in with
 * FINODE_MOUNT_OPS_FOR and designated initialisers; the table copies it.
 * Callbacks run with no lock of the library held. All are optional.
 */
struct finode_mount_ops {
	size_t ops_size;     /**< sizeof(struct finode_mount_ops), for growth */
	size_t object_size;  /**< of the author's object */
	size_t object_align; /**< of its type */
	size_t base_offset;  /**< of the struct finode_mount in it */
	size_t base_size;    /**< sizeof(struct finode_mount), as it was compiled */

	/**
	 * Makes a zeroed object whole; `base` is filled in. What it takes out of `arg`,
	 * which finode_mount_obtain() was given, the object owns from now on. May block:
	 * only who obtains this very id waits.
	 * @return 0, or a negative errno, which finode_mount_obtain() returns; then the
	 *         object is gone and evict() is not called
	 */
	int (*init)(struct finode_mount *base, void *arg);

	/**
	 * Is the mount found under an id really what `arg` describes? Needed where ids may
	 * be used again while the mount lives, see finode_mount_id_of().
	 * @return 1 for yes; 0 for no: the mount is detached and another one made; or a
	 *         negative errno, which finode_mount_obtain() returns
	 */
	int (*match)(struct finode_mount *base, void *arg);

	/**
	 * The last moment of an object: no inode is in it and nobody has a reference.
	 * Exactly once for each successful init(). May block (an unmount, the end of a
	 * connection): only who obtains this very id waits.
	 */
	void (*evict)(struct finode_mount *base);

	/**
	 * Writes everything of this mount, and of no other, to where it is safe: syncfs(2).
	 * Called with a reference held, see finode_mount_syncfs().
	 * @return 0 or a negative errno
	 */
	int (*sync)(struct finode_mount *base);
};

/** The sizes for struct finode_mount_ops: the author's type and the member that is the
 * base.
 */
#define FINODE_MOUNT_OPS_FOR(type_, member_)                                               \
	.ops_size = sizeof(struct finode_mount_ops), FINODE_OBJECT_FOR(type_, member_)

/* ---- Life ---- */

/**
 * Finds the mount of an id, or makes it: one object however many threads ask at once. The
 * winner's init() has returned before anyone gets it. A mount found that does not match is
 * detached, finode_mount_detach(), and another one is made.
 *
 * May block: while init() or evict() of the same id runs in another thread, and in the
 * author's own callbacks.
 *
 * @param parent  the mount that this one was found in; the caller holds it, or an inode
 *                in it. A mount that is found keeps the parent that it was made with.
 * @param id      borrowed for the call
 * @param arg     for init() and match(); a caller whose mount was found keeps what is in it
 * @param out     a new reference; NULL on failure
 * @param created  on success: was it made here, and not found? NULL if that is all the same
 * @return 0; -ENOMEM, with nothing left behind; -EDEADLK when called from init() or evict()
 *         of this id; -EIO if init() or match() broke its contract; else what init() or
 *         match() returned
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
 * Consumes a reference; NULL is fine. With the last one, and no inode left in it, the mount
 * is evicted by this very call, so evict() may block in it.
 * @since 0.1
 */
FINODE_API void finode_mount_put(struct finode_mount *mount);

/**
 * The mount has gone on the host, or is about to: its id is free for another mount, every
 * inode in it is retired and loses what the kernel counted, and those that nobody uses are
 * evicted here and now. From then on their nodeids are unknown (ESTALE, on which the kernel
 * looks the names up again), and its FORGETs, which still come, are expected. What running
 * requests and open files use lives until they end. Nothing new comes into the mount:
 * finode_obtain() says ESTALE. Mounts below it are not touched: detach them first.
 *
 * The caller holds a reference, and keeps it. Does nothing if it was called before. The
 * first mount of a table cannot be detached. Costs the inodes of the mount, however many
 * the table has; blocks in evict().
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
 * The root inode of a mount: the one through which a reply has crossed into it.
 * @return a new reference; NULL if no reply has crossed yet, or the root was forgotten
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_mount_root(struct finode_mount *mount);

/**
 * May a LINK or a RENAME go from one of the two to the other? Both may be any inodes; what
 * counts is their mounts. For a rename: the two directories; for a link: the inode and the
 * new directory. A kernel of /dev/fuse sees one filesystem and asks for it.
 * @return 0, or -EXDEV
 * @since 0.1
 */
FINODE_API int finode_mount_check_same(const struct finode *a, const struct finode *b);

/* ---- Mounts of the host, for servers that show a directory of it ---- */

/** What statx(2) is to be asked for, beside anything else, for finode_mount_id_of(). */
#define FINODE_STATX_MNT_ID (0x1000u /* STATX_MNT_ID */ | 0x4000u /* .._UNIQUE */)

/**
 * Reads from a statx(2) of an object which mount of the host it is in, by the best that
 * this kernel offers: an id that is never used again (6.8), or one that is not used again
 * while a descriptor in the mount is open (5.8), always with st_dev beside it, since one
 * mount may have several (btrfs subvolumes); before 5.8 only that.
 *
 * On kernels before 6.8 a server that keeps no descriptor open in a mount as long as it has
 * inodes of it needs match() of its mounts.
 * @since 0.1
 */
FINODE_API struct finode_mount_id finode_mount_id_of(const struct statx *stx);

/**
 * In which mount is an object of the host that was found in `dir`? The usual case, the
 * mount of `dir`, costs a comparison. So does an object other than a directory in the same
 * mount of the host with another st_dev, as overlayfs has them: it is no mount of its own.
 * @param stx  of the object, with STATX_TYPE and FINODE_STATX_MNT_ID
 * @param arg  as of finode_mount_obtain()
 * @param out  a new reference; NULL on failure
 * @return as finode_mount_obtain()
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_mount_of(struct finode *dir, const struct statx *stx,
						void *arg, struct finode_mount **out);

/**
 * The inode number under which an object is shown, where all mounts appear on one st_dev.
 * To be used wherever a number is told: getattr, entries, readdir (where a mountpoint has
 * the number of the root that covers it), readdirplus, statx. They agree: while the mount
 * lives, the number depends on the mount, `dev` and `ino` alone.
 *
 * A host's number of up to 48 bits gets a prefix of its device and mount, and is different
 * from that of any other object. The first device of the table's first mount has prefix 0:
 * its numbers are the host's. There are 32,768 prefixes, at most 16 for the devices of one
 * mount, the first that are asked for; they are free again when the mount has gone.
 *
 * Longer numbers, and devices without a prefix, are shown as a hash of 63 bits with the top
 * bit set: different from all with a prefix, and from each other but for chance. Among n of
 * them two meet with a probability of n * n / 2^64: 1 in 184,000 for 10 million. The hash
 * has no secret, so who may choose inode numbers on the host could make two of them meet.
 *
 * A mount that comes again, in another run of the server too, has the same numbers, if its
 * id and its devices are the same (for the first mount, its devices): the longer ones
 * always, the others most likely, since each device looks for its prefix at a place of its
 * own.
 *
 * Nothing is kept for a number. Takes a lock only when a device is asked for the first time
 * in its mount.
 * @param dev, ino  st_dev and st_ino of the object on the host
 * @param out       0 on failure
 * @return 0; -ENOMEM, for a device that is asked for the first time in its mount
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_mount_ino(struct finode_mount *mount, uint64_t dev,
						 uint64_t ino, uint64_t *out);

/* ---- Syncing ---- */

/**
 * What SYNCFS asks for: calls sync() of the mount of `nodeid`, and of every mount below it
 * that the kernel does not know as a filesystem of its own, since it was not announced.
 * Goes on after an error. With a reference to each mount, and no lock, held. A session
 * whose config has no syncfs() answers SYNCFS with this if the table's mounts have sync().
 * @return 0; -ESTALE if the nodeid names nothing; -ENOMEM; or the first error of sync()
 * @since 0.1
 */
FINODE_API int finode_mount_syncfs(struct finode_table *table, uint64_t nodeid);

FINODE_END_DECLS

#endif
