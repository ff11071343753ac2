/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Inodes: the base object that an author embeds in their own, its references and counts.
 *
 * An inode lives while the kernel counts it (nlookup) or anyone holds a reference. The
 * library allocates the author's object, zeroed, and finds it again by (mount, key) or by
 * nodeid. It calls the author at the two ends of the inode's life:
 *
 *                  obtain(): not found              init() returned 0
 *       (nothing) --------------------> NEW -------------------------> LIVE
 *                                        | init() failed                | last reference
 *                                        v                              v gone
 *                                    (nothing) <-- evict() returned -- EVICTING
 *
 * Between init() and the return of evict() a key has exactly one object (guarantee B):
 * finode_obtain() of a key that is NEW or EVICTING waits. docs/lifecycle.md tells the
 * whole story, docs/locking.md what may be called from where.
 *
 * References: each "new reference" that a function returns must be put once, with
 * finode_put(). "Borrowed" means that the caller keeps the reference that it had. A handler
 * of a request holds a reference from the moment when it resolves a nodeid until after its
 * reply; FINODE_AUTOPUT puts it at the end of the scope.
 *
 * Errors are negative errno values. -EINVAL is a mistake in the author's code, and comes
 * with a line in the log that says what was wrong. No function here may be called with a
 * lock held that the author's own init(), match() or evict() takes.
 */
#ifndef FINODE_INODE_H
#define FINODE_INODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <finode/export.h>
#include <finode/mount.h>

FINODE_BEGIN_DECLS

/** The nodeid of the root (FUSE_ROOT_ID). */
#define FINODE_ROOT_ID 1

/** The longest key, in bytes. */
#define FINODE_KEY_MAX 255

/**
 * The base object, embedded anywhere in the author's struct. Read-only for the author. The
 * members with names of their own are set before init() is called, and never change.
 */
struct finode {
	/**
	 * Never 0, and 1 for the root only. A table gives each nodeid to one inode in all
	 * its life. It begins at a random number, so a nodeid of another table, or of an
	 * earlier run of the server, names nothing here except by chance.
	 */
	uint64_t nodeid;
	/** The inode holds it. `mount->table` is the inode's table. */
	struct finode_mount *mount;
	/**
	 * What the kernel is told beside the nodeid: the key's generation plus a random
	 * number of the table's. 0 for the root.
	 */
	uint32_t generation;
	/** The S_IFMT bits of its mode. */
	uint16_t type;
	/** From here on: the library's own, and room to grow. */
	uint8_t library_state;
	uint8_t library_flags;
	uint64_t library[3];
};

/** What makes an object itself within its mount. Passed by value; bytes are borrowed. */
struct finode_key {
	/** The author's bytes: an inode number, a UUID, a file handle. Copied. */
	const void *bytes;
	/** 1 to FINODE_KEY_MAX. Padding is part of the key: clear a struct first. */
	size_t size;
	/** The S_IFMT bits of the object (other bits of a mode are ignored). */
	mode_t mode;
	/**
	 * The object's generation if the backend has one, else 0. An object found under
	 * the key with another type or generation is another object: it is retired.
	 */
	uint32_t generation;
};

#ifndef __cplusplus
/** A key of one 64-bit word, for example an inode number. It lives as long as the block. */
#define FINODE_KEY_U64(word_, mode_)                                                       \
	((struct finode_key){.bytes = (const uint64_t[]){(word_)},                         \
			     .size = sizeof(uint64_t),                                     \
			     .mode = (mode_)})

/** A key of two words, for example a device and an inode number. */
#define FINODE_KEY_U64_PAIR(first_, second_, mode_)                                        \
	((struct finode_key){.bytes = (const uint64_t[]){(first_), (second_)},             \
			     .size = 2 * sizeof(uint64_t),                                 \
			     .mode = (mode_)})
#endif

/**
 * The author's side of an inode. Fill it in with FINODE_OPS_FOR and designated
 * initialisers; the table copies it.
 *
 * Callbacks run with no lock of the library held (guarantee F) and may call the library.
 * There are two exceptions:
 *
 *   - init() and evict() must not obtain the key that they are called for: finode_obtain()
 *     would wait for itself there, and returns -EDEADLK instead. What unlinked() and
 *     rebind() must not ask for, unlink.h says.
 *   - In init() and evict() nobody holds the inode itself, and nobody can: they must not
 *     hold, count, open or lock it, or begin a walk over its names. What they may ask for
 *     about it says so, as finode_path() does.
 */
struct finode_ops {
	size_t ops_size;     /**< sizeof(struct finode_ops), for growth */
	size_t object_size;  /**< of the author's object */
	size_t object_align; /**< of its type, which may be more than malloc() gives */
	size_t base_offset;  /**< of the struct finode in it */
	size_t base_size;    /**< sizeof(struct finode), as it was compiled */

	/**
	 * Makes a zeroed object whole; `base` is filled in. `arg` is what finode_obtain()
	 * was given. What init() takes out of it belongs to the object from now on.
	 * May block: only look-ups of this very key wait. Optional.
	 * @return 0; or a negative errno, which finode_obtain() returns. Then the object is
	 *         gone, evict() is not called, and each look-up that waited tries again.
	 */
	int (*init)(struct finode *base, void *arg);

	/**
	 * An inode was found under the key, and has the right type and generation. Is it
	 * really what `arg` describes? Needed where keys may be used again while an inode
	 * lives, as inode numbers are. Called with a reference held. May block. Optional;
	 * without it the answer is yes.
	 * @return 1 for yes; 0 for no: the inode is retired; or a negative errno, which
	 *         finode_obtain() returns
	 */
	int (*match)(struct finode *base, void *arg);

	/**
	 * The last moment of an object: nobody else has a reference, and no nodeid leads
	 * to it. Releases what init() took; the library frees the memory. Called exactly
	 * once for each successful init(). May block: only look-ups of this very key wait,
	 * and of what it has put.
	 * It may put other inodes. If one of these was the last reference, that inode ends
	 * after this evict() has returned: in a loop and not by recursion, so a chain of
	 * inodes may be as long as it likes. If this thread has to wait in the library for
	 * another one, it ends first what it has put. Optional.
	 */
	void (*evict)(struct finode *base);

	/**
	 * The last name of the inode has gone: releases the backing object, which nobody
	 * uses any more. The inode stays; evict() still follows. See finode_unlinked() in
	 * unlink.h. Optional; together with rebind(), and in a table with aliases only.
	 */
	void (*unlinked)(struct finode *base);

	/**
	 * A look-up has found the backing object that unlinked() has released, by another
	 * name: takes out of `arg` what init() would take. Nobody uses the object
	 * meanwhile. May block: only look-ups and pins of this inode wait.
	 * @return 0; or a negative errno, which finode_obtain() returns. Then the object
	 *         stays released.
	 */
	int (*rebind)(struct finode *base, void *arg);
};

/** Begins a struct finode_ops: the author's type, and which member of it is the base. */
#define FINODE_OPS_FOR(type_, member_)                                                     \
	.ops_size = sizeof(struct finode_ops), FINODE_OBJECT_FOR(type_, member_)

#ifdef __cplusplus
/** For C++ without designated initialisers: such ops without callbacks, to be added. */
#define FINODE_OPS_INIT(type_, member_)                                                    \
	FINODE_OBJECT_OPS_INIT(struct finode_ops, type_, member_)
#endif

/** From a base to the author's object around it. */
#define FINODE_CONTAINER_OF(ptr_, type_, member_)                                          \
	((type_ *)(void *)((char *)(ptr_)-offsetof(type_, member_)))

/**
 * Finds the inode of (mount, key), or makes it. There is one object however many threads
 * ask at once (guarantee B): one of them runs init(), and the others get the inode when
 * init() has returned. An inode that is found and does not match is retired, and a new one
 * is made.
 *
 * This does not count a lookup: finode_count() does, and so do the replies of the glue.
 *
 * May block: while init() or evict() of the same key runs in another thread, and in the
 * author's own callbacks.
 *
 * @param mount  the caller holds it, or an inode in it
 * @param arg    for init(), match() and rebind(); if the inode was found, what is in it
 *               still belongs to the caller
 * @param out    a new reference; NULL on failure
 * @param created  on success: true if the inode was made here, false if it was found. May
 *               be NULL.
 * @return 0; -ENOMEM, with nothing left behind (guarantee K);
 *         -EINVAL for a key of a wrong size or a mode without a known type, with a line in
 *         the log; -ESTALE if the mount is detached, or the table being destroyed;
 *         -EDEADLK when called from init() or evict() of this key; -EOVERFLOW for 2^31
 *         references at once; -EIO if init(), match() or rebind() returned what it must
 *         not; else what init(), match() or rebind() returned.
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_obtain(struct finode_mount *mount,
					      struct finode_key key, void *arg,
					      struct finode **out, bool *created);

/**
 * Finds the inode of (mount, key) if there is a LIVE one; match() is not asked. A key with
 * a mode of 0 finds an inode of any type and generation; otherwise both must be equal.
 * Never waits.
 * @return a new reference; NULL if there is none, or for a key of a wrong size
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_find(struct finode_mount *mount,
						       struct finode_key key);

/**
 * Resolves a nodeid that came from the kernel, or from anyone: any 64-bit value is safe
 * (guarantee A). Lock-free.
 * @return a new reference; NULL if the nodeid names nothing: then reply ESTALE, on which
 *         the kernel looks the names of the path up again
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_get(struct finode_table *table,
						      uint64_t nodeid);

/**
 * Resolves the directory of a request that names an entry, and checks the name: a handler
 * of MKDIR, UNLINK, RENAME and the like begins with it. It is finode_name_check() and
 * finode_get().
 * @param out  a new reference; NULL on failure
 * @return 0; -ESTALE if the nodeid names nothing; -ENOTDIR if it names no directory; what
 *         finode_name_check() returns, -EINVAL with a line in the log
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_get_dir(struct finode_table *table, uint64_t nodeid,
					       const char *name, struct finode **out);

/**
 * Takes another reference beside one that the caller holds. Lock-free.
 * @return the inode, a new reference; NULL only for 2^31 references at once
 * @since 0.1
 */
FINODE_API struct finode *finode_hold(struct finode *inode);

/**
 * Consumes a reference; NULL is fine. If it was the last one, and nlookup is 0, the inode
 * is evicted by this very call, so the call may block in evict(). In a thread that is in
 * evict() of another inode of the table, the inode is evicted after that one, or before
 * the thread waits for another one in the library.
 * @since 0.1
 */
FINODE_API void finode_put(struct finode *inode);

/**
 * Takes the key from an inode whose backing object has gone: its last link was removed,
 * or its inode number belongs to another object now. The inode keeps its nodeid and stays
 * usable until it is forgotten and put; the key is free for a new object. The inode's
 * aliases go, and it gets no new ones. The caller holds a reference and keeps it. Does
 * nothing to an inode that is retired already. A root that is retired, by this or by a
 * look-up of its key that does not match, stays the root, and another inode may get its
 * key. May block only if the inode has aliases: in evict() of a directory that nothing else
 * holds.
 * @since 0.1
 */
FINODE_API void finode_retire(struct finode *inode);

/**
 * Gives the inode another key within its mount. Its backing object has got another identity
 * and is still the same object: an overlay has copied a file up, a file that had a
 * temporary number has got its own. Nodeid, generation, references, counts, names and open
 * files stay. Look-ups of the new key find the inode; those of the old key do not any more,
 * but one that has begun before may still return it, if match() says that it is the object
 * that was meant. The caller holds the inode and keeps it.
 * @return 0, also if the inode has that key already; or, with nothing changed: -EEXIST if
 *         another inode has it; -ESTALE if the inode was retired, is known by its name only
 *         or is of a detached mount, and in its own init() and evict(); -EINVAL for a key
 *         of a wrong size or of another type, and for the root, with a line in the log;
 *         -ENOMEM
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_rekey(struct finode *inode, struct finode_key key);

/**
 * The key that the inode was obtained with, or that finode_rekey() gave it. The bytes are
 * borrowed: they stay until the inode ends or gets another key.
 * @since 0.1
 */
FINODE_API const void *finode_key_bytes(const struct finode *inode, size_t *size);

/**
 * Adds n lookups that the kernel is about to be told of. To be called before the reply is
 * written, since the FORGET may come before the write returns. The caller holds a reference
 * and keeps it. The count does not wrap: at its maximum it stays there, and the inode stays
 * until the session ends. The root is not counted. The glue's finode_reply_*() call this.
 * Lock-free.
 * @since 0.1
 */
FINODE_API void finode_count(struct finode *inode, uint64_t n);

/**
 * Takes back what finode_count() added for a reply that did not reach the kernel. The
 * caller holds a reference and keeps it. Lock-free.
 * @since 0.1
 */
FINODE_API void finode_uncount(struct finode *inode, uint64_t n);

/**
 * The lookup count of the inode, as replies and FORGETs have left it; 0 for the root. The
 * caller holds a reference. For people to see, or to choose what to reclaim: it may change
 * at any time.
 * @since 0.1
 */
FINODE_API uint64_t finode_nlookup(const struct finode *inode);

/**
 * A FORGET: takes n from nlookup of `nodeid`, in any order against anything else
 * (guarantee D). More than was counted is clamped to 0; unknown nodeids and the root are
 * ignored; the statistics count each of these. May block in evict().
 * @since 0.1
 */
FINODE_API void finode_forget(struct finode_table *table, uint64_t nodeid, uint64_t n);

/** One entry of a BATCH_FORGET; laid out as the kernel's and libfuse's are. */
struct finode_forget_one {
	uint64_t nodeid;
	uint64_t nlookup;
};

/**
 * finode_forget() for each of `count` entries. Needs no memory.
 * @since 0.1
 */
FINODE_API void finode_forget_batch(struct finode_table *table,
				    const struct finode_forget_one *batch, size_t count);

/** @cond the cleanup behind FINODE_AUTOPUT */
static inline void finode_autoput(struct finode **inode)
{
	finode_put(*inode);
}
/** @endcond */

/** Declares a `struct finode *` that is put when it goes out of scope. */
#define FINODE_AUTOPUT __attribute__((cleanup(finode_autoput)))

FINODE_END_DECLS

#endif
