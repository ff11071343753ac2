/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Inodes: the base object that an author embeds in their own, its references and counts.
 *
 * An inode lives while the kernel counts it (nlookup) or anyone holds a reference. The
 * library allocates the author's object, zeroed, finds it again by (mount, key) or by
 * nodeid, and calls the author at the two ends of its life:
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
 * References: a function that "returns a new reference" must be paired with finode_put();
 * "borrowed" means that the caller keeps the reference that it had. Every handler of a
 * request holds a reference from the moment it resolves a nodeid until after its reply
 * (rule 5 of the FUSE protocol notes); FINODE_AUTOPUT does that by itself.
 *
 * Errors are negative errno values. No function here may be called with a lock held that
 * the author's own init(), match() or evict() takes.
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
 * The base object, embedded anywhere in the author's struct. Read-only for the author,
 * and all of it is set before init() is called and never changes.
 */
struct finode {
	/**
	 * Never 0; 1 for the root only; not used again while the table lives, and not by
	 * another table either, but for chance: each begins at a random number.
	 */
	uint64_t nodeid;
	/** The inode holds it. `mount->table` is the inode's table. */
	struct finode_mount *mount;
	/**
	 * What the kernel is told beside the nodeid: the key's generation, and a random
	 * number of the table's added to it; 0 for the root.
	 */
	uint32_t generation;
	/** The S_IFMT bits of its mode. */
	uint16_t type;
	/** The library's own, and room to grow, from here on. */
	uint8_t library_state;
	uint8_t library_flags;
	uint64_t library[3];
};

/** What makes an object itself within its mount. Passed by value; bytes are borrowed. */
struct finode_key {
	/** The author's bytes: an inode number, a UUID, a file handle. Copied. */
	const void *bytes;
	/** 1 to FINODE_KEY_MAX. Pad bytes count: clear a struct before filling it in. */
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
/** A key of one 64-bit word, as an inode number is. Its bytes live as long as the block. */
#define FINODE_KEY_U64(word_, mode_)                                                       \
	((struct finode_key){.bytes = (const uint64_t[]){(word_)},                         \
			     .size = sizeof(uint64_t),                                     \
			     .mode = (mode_)})

/** A key of two, as a device and an inode number are. */
#define FINODE_KEY_U64_PAIR(first_, second_, mode_)                                        \
	((struct finode_key){.bytes = (const uint64_t[]){(first_), (second_)},             \
			     .size = 2 * sizeof(uint64_t),                                 \
			     .mode = (mode_)})
#endif

/**
 * The author's side of an inode. Fill in with FINODE_OPS_FOR and designated initialisers;
 * the table copies it.
 *
 * Callbacks run with no lock of the library held (guarantee F) and may call the library,
 * with one exception: init() and evict() must not obtain the key that they are called for
 * (finode_obtain() would wait for itself, and returns -EDEADLK instead).
 */
struct finode_ops {
	size_t ops_size;     /**< sizeof(struct finode_ops), for growth */
	size_t object_size;  /**< of the author's object */
	size_t object_align; /**< of its type, which may be more than malloc() gives */
	size_t base_offset;  /**< of the struct finode in it */
	size_t base_size;    /**< sizeof(struct finode), as it was compiled */

	/**
	 * Makes a zeroed object whole; `base` is filled in. `arg` is what obtain() was
	 * given, and what init() takes out of it the object owns from now on.
	 * May block: only lookups of this very key wait. Optional.
	 * @return 0, or a negative errno, which obtain() returns; then the object is gone,
	 *         evict() is not called, and lookups that waited try for themselves.
	 */
	int (*init)(struct finode *base, void *arg);

	/**
	 * Is the object found under a key, of the right type and generation, really what
	 * `arg` describes? Needed where keys may be used again while the inode lives, as
	 * inode numbers are. Called with a reference held. May block. Optional: yes.
	 * @return 1 for yes, 0 for no (the inode is retired), or a negative errno, which
	 *         obtain() returns.
	 */
	int (*match)(struct finode *base, void *arg);

	/**
	 * The last moment of an object: nobody else has a reference and no nodeid leads
	 * to it. Releases what init() took; the memory is the library's to free. Exactly
	 * once for each successful init(). May block: only lookups of this very key wait.
	 * What it puts of other inodes ends after it has returned, in a loop and not by
	 * recursion, however long the chain is; so do directories whose last name it was.
	 * Optional.
	 */
	void (*evict)(struct finode *base);

	/**
	 * The last name of the inode has gone: lets go of the backing object, whose users
	 * have ended and will not come back. The inode stays; evict() still follows. See
	 * finode_unlinked() in unlink.h. Optional; with rebind(), and in a table with
	 * aliases only.
	 */
	void (*unlinked)(struct finode *base);

	/**
	 * Takes hold again of a backing object that unlinked() has let go, since a look-up
	 * has found it by another name: takes out of `arg` what init() would. Nobody uses
	 * the object meanwhile. May block: only look-ups and pins of this inode wait.
	 * @return 0, or a negative errno, which obtain() returns; the object stays let go
	 */
	int (*rebind)(struct finode *base, void *arg);
};

/** The sizes for struct finode_ops: the author's type and the member that is the base. */
#define FINODE_OPS_FOR(type_, member_)                                                     \
	.ops_size = sizeof(struct finode_ops), FINODE_OBJECT_FOR(type_, member_)

/** From a base to the author's object around it. */
#define FINODE_CONTAINER_OF(ptr_, type_, member_)                                          \
	((type_ *)(void *)((char *)(ptr_)-offsetof(type_, member_)))

/**
 * Finds the inode of (mount, key), or makes it: one object however many threads ask at
 * once (guarantee B). The winner's init() has returned before anyone gets the inode.
 * An object found that does not match is retired and a new one is made.
 *
 * Does not count a lookup: see finode_count(), or reply through the glue, which does.
 *
 * May block: while init() or evict() of the same key runs in another thread, and in the
 * author's own callbacks.
 *
 * @param mount  the caller holds it, or an inode in it
 * @param arg    for init() and match(); a caller whose inode was found keeps what is in it
 * @param out    a new reference; NULL on failure
 * @param created  on success: was it made here, and not found? NULL if that is all the same
 * @return 0; -ENOMEM, with nothing left behind (guarantee K);
 *         -EINVAL for a key of a wrong size or a mode without a known type, with a line in
 *         the log; -ESTALE if the mount is detached, or the table being destroyed;
 *         -EDEADLK when called from init() or evict() of this key; -EOVERFLOW for 2^31
 *         references at once; -EIO if init(), match() or rebind() broke its contract; else
 *         what init(), match() or rebind() returned.
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_obtain(struct finode_mount *mount,
					      struct finode_key key, void *arg,
					      struct finode **out, bool *created);

/**
 * Finds the inode of (mount, key) if there is a LIVE one; match() is not asked. A mode of
 * 0 in the key finds any type, else type and generation must be equal. Never waits.
 * @return a new reference, or NULL
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_find(struct finode_mount *mount,
						       struct finode_key key);

/**
 * Resolves a nodeid that came from the kernel, or from anyone: any 64-bit value is safe
 * (guarantee A). Lock-free.
 * @return a new reference; NULL if the nodeid names nothing: reply ESTALE, on which the
 *         kernel's path walk looks the names up again (protocol notes, section 3).
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD struct finode *finode_get(struct finode_table *table,
						      uint64_t nodeid);

/**
 * Resolves the directory of a request that names an entry, and validates the name: what a
 * handler of MKDIR, UNLINK, RENAME, .. begins with. As finode_get() and
 * finode_name_check().
 * @param out  a new reference; NULL on failure
 * @return 0; -ESTALE if the nodeid names nothing; -ENOTDIR if it names no directory; what
 *         finode_name_check() returns
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
 * Consumes a reference; NULL is fine. With the last reference, and no nlookup left, the
 * inode is evicted by this very call, so evict() may block in it; but if this thread is in
 * evict() of another inode of the table, then after that has returned.
 * @since 0.1
 */
FINODE_API void finode_put(struct finode *inode);

/**
 * Takes the key from an inode whose backing object has gone: its last link was removed,
 * or its inode number belongs to another object now. The inode keeps its nodeid and stays
 * usable until it is forgotten and put; the key is free for a new object. Its aliases go,
 * and it gets no new ones. The caller holds a reference and keeps it. Does nothing if it
 * was retired before. Blocks only if it had aliases: in evict() of
 * a directory that nothing else holds.
 * @since 0.1
 */
FINODE_API void finode_retire(struct finode *inode);

/**
 * Gives the inode another key within its mount: what it shows has another identity by now
 * (a file that an overlay has copied up, a temporary file that got its number), and is the
 * same object for everyone who has it: nodeid, generation, references, counts, names and
 * open files stay. Look-ups of the new key find it, and those of the old one do not any
 * more. The caller holds the inode and keeps it.
 * @return 0, also if it has that key; -EEXIST, with nothing changed, if another inode has
 *         it; -ESTALE if the inode was retired, or is known by its name only; -EINVAL for a
 *         key of a wrong size or of another type, and for the root; -ENOMEM
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_rekey(struct finode *inode, struct finode_key key);

/**
 * The key that the inode was obtained with, or given by finode_rekey(). Borrowed, as long
 * as the inode, or until finode_rekey().
 * @since 0.1
 */
FINODE_API const void *finode_key_bytes(const struct finode *inode, size_t *size);

/**
 * Adds n lookups that are about to be told to the kernel. Before the reply is written:
 * the FORGET may overtake the return of the write. The caller holds a reference and keeps
 * it. The count saturates, it does not wrap; a saturated inode stays until the session
 * ends. The root is not counted. The glue's finode_reply_*() call this. Lock-free.
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
 * What the kernel counts now, as far as replies and FORGETs tell: 0 for the root. The
 * caller holds a reference. To be shown, or to choose what to reclaim: it may change at any
 * time.
 * @since 0.1
 */
FINODE_API uint64_t finode_nlookup(const struct finode *inode);

/**
 * A FORGET: nlookup of `nodeid` -= n, in any order against anything else (guarantee D).
 * More than was counted is clamped; unknown nodeids and the root are ignored; all three
 * are in the statistics. May evict, so evict() may block in it.
 * @since 0.1
 */
FINODE_API void finode_forget(struct finode_table *table, uint64_t nodeid, uint64_t n);

/** One entry of a BATCH_FORGET; laid out as the kernel's and libfuse's are. */
struct finode_forget_one {
	uint64_t nodeid;
	uint64_t nlookup;
};

/**
 * Many FORGETs in one pass, without allocation. As finode_forget() for each.
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
