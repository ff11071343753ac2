/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The table: all inodes and open files of one FUSE session, how it is made and ended, and
 * what can be seen of it from outside.
 *
 * There are no globals: a process may have any number of tables. Every function of the
 * library may be called from any thread at any time, but for finode_table_destroy(): then
 * no other thread may use the table.
 */
#ifndef FINODE_TABLE_H
#define FINODE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <finode/export.h>
#include <finode/inode.h>
#include <finode/log.h>
#include <finode/memory.h>
#include <finode/mount.h>

FINODE_BEGIN_DECLS

struct finode_file_ops;
struct finode_mount_ops;
struct finode_table;

/**
 * What a table is to be like. Start from FINODE_CONFIG_INIT. finode_table_create() copies
 * it, with the ops and the allocator that it points to, and needs it no longer.
 */
struct finode_config {
	/** sizeof(struct finode_config), for growth. */
	size_t size;
	/** The author's inodes. Required. */
	const struct finode_ops *ops;
	/** The author's open files; NULL if the table is to have none. See file.h. */
	const struct finode_file_ops *file_ops;
	/** The key of the root inode. Required: a directory's, with generation 0. */
	struct finode_key root_key;
	/** The argument of the root's init(). */
	void *root_arg;
	/** Anything of the author's: finode_table_user() returns it. */
	void *user;
	/** NULL for calloc() and free(). Copied. */
	const struct finode_allocator *allocator;
	/** NULL for one line to stderr for each warning and error. */
	finode_log_fn log;
	void *log_user;
	/**
	 * How many parts, each with its own lock, the index has: a power of two up to
	 * 65536. 0 for the default, right for anything from a handful to tens of
	 * millions of inodes. More parts mean shorter pauses while it grows.
	 */
	unsigned int shards;
	/** Keep the names of inodes: see alias.h. Costs nothing where it is off. */
	bool aliases;
	/** The author's part of mounts; NULL if they have none. See mount.h. */
	const struct finode_mount_ops *mount_ops;
	/** The id of the root's mount, all zero too: no other mount can have it. */
	struct finode_mount_id root_mount_id;
	/** The argument of that mount's init(). */
	void *root_mount_arg;
	/**
	 * Some kernels forget the root of a submount and go on using it, so the library
	 * keeps each root that it has announced. True: it does not. For servers whose
	 * kernels are 5.15.146, 6.1.70, 6.6.9, 6.7 or later (guarantee I,
	 * docs/submounts.md).
	 */
	bool forget_submount_roots;
};

#define FINODE_CONFIG_INIT FINODE_SIZED_INIT(struct finode_config, size)

/**
 * Makes a table with its first mount and its root inode (nodeid 1, generation 0), whose
 * init()s run here, in this order.
 * @param out  NULL on failure
 * @return 0; -ENOMEM; -EINVAL if something required is missing or out of range, or does not
 *         fit this version of the library, with a line in the log that says what; -EIO if
 *         an init() returned what it must not; else what an init() returned
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_table_create(const struct finode_config *config,
						    struct finode_table **out);

/**
 * Ends the session for good: closes every open file and evicts every inode, waiting for no
 * FORGET (guarantee J), then frees the table. NULL is fine. No other thread may use the
 * table.
 *
 * From the beginning nothing new comes into the table: what an evict() then wants to obtain
 * or to open is -ESTALE. Inodes that nobody holds end first, then the root, then what these
 * have put in their evict(): so a directory may hold its children. The memory of inodes and
 * mounts is freed when all evict()s have returned: one evict() may look at, and put, what
 * another one has ended. docs/lifecycle.md has the whole order.
 *
 * References that are left then are mistakes of the author's, as are objects that hold each
 * other in a circle: each is reported in the log, and its inode, file or mount ends all the
 * same, once.
 * @since 0.1
 */
FINODE_API void finode_table_destroy(struct finode_table *table);

/**
 * The connection has ended, by DESTROY or because it was lost: clears all lookup counts and
 * closes all open files. Everything that no running request holds is released and evicted.
 * The table and its root can serve another INIT. May run beside requests.
 * @since 0.1
 */
FINODE_API void finode_table_forget_all(struct finode_table *table);

/** The root inode, borrowed; it lives as long as the table. @since 0.1 */
FINODE_API struct finode *finode_table_root(struct finode_table *table);

/** config.user. @since 0.1 */
FINODE_API void *finode_table_user(const struct finode_table *table);

/** Counters since the table was made, except those that say "now". */
struct finode_stats {
	uint64_t inodes;	  /**< LIVE or EVICTING now, the root included */
	uint64_t files;		  /**< open files now */
	uint64_t hits;		  /**< obtain() and find() that found an inode */
	uint64_t misses;	  /**< those that did not */
	uint64_t created;	  /**< successful init()s, the root's included */
	uint64_t evicted;	  /**< evict()s that have returned */
	uint64_t retired;	  /**< inodes that lost their key while alive */
	uint64_t waits;		  /**< times that obtain() waited for init() or evict() */
	uint64_t forgets;	  /**< FORGETs received, each entry of a batch counts one */
	uint64_t forgets_clamped; /**< of those, and of uncounts: more than was counted */
	uint64_t forgets_unknown; /**< of those: for a nodeid that named nothing */
	uint64_t forgets_root;	  /**< of those: for the root, ignored */
	uint64_t entries_refused; /**< entries that the glue did not tell the kernel */
	uint64_t replies_failed;  /**< counted replies that did not reach the kernel */
	/**
	 * Memory of the table and all that is in it now. The slots that ids are made of
	 * stay until the table ends, since without them an old id could come again: 24 to
	 * 27 bytes for each inode, and each open file, of the most that there ever were at
	 * a time. So a table that had 10 million inodes keeps 252 MB when all are
	 * forgotten.
	 */
	uint64_t bytes;
	uint64_t aliases;	  /**< names now */
	uint64_t aliases_added;	  /**< names that a look-up or a creation has shown */
	uint64_t aliases_moved;	  /**< by rename, or directories found elsewhere */
	uint64_t aliases_removed; /**< by unlink or rmdir, or replaced by a rename */
	uint64_t aliases_stale;	  /**< dropped or trimmed: not true any more */
	uint64_t aliases_refused; /**< that would have put a directory below itself */
	uint64_t unlinked;	  /**< unlinked()s that have returned */
	uint64_t rebound;	  /**< rebind()s that have succeeded */
	uint64_t mounts;	  /**< LIVE or EVICTING now, the root's included */
	uint64_t mounts_created;  /**< successful init()s of mounts */
	uint64_t mounts_evicted;  /**< their evict()s that have returned */
	uint64_t mounts_detached; /**< that have gone on the host while in use */
	uint64_t roots_kept;	  /**< announced roots of submounts that stay, now */
	uint64_t forgets_late;	  /**< FORGETs for inodes of detached mounts */
	/**
	 * Calls that have returned -EINVAL, or nothing for an argument that no object can
	 * have. The first of each kind is logged, with what was wrong.
	 */
	uint64_t calls_refused;
};

/**
 * Reads the counters, one shard after another: while other threads work, they are of
 * slightly different moments.
 * @param size  sizeof(*stats): a program that was built with an older header gets the
 *              counters that it knows, in one that was built with a newer one the rest is 0
 * @since 0.1
 */
FINODE_API void finode_table_stats(struct finode_table *table, struct finode_stats *stats,
				   size_t size);

/**
 * Lists the nodeids of the LIVE inodes except the root's, up to `count` at each call, in no
 * order. Takes no lock; inodes that come or go meanwhile may be listed or not.
 * @param cursor   points to 0 at the first call; the author leaves it alone after that
 * @param nodeids  room for `count` of them
 * @return how many were written; 0 at the end
 * @since 0.1
 */
FINODE_API size_t finode_table_nodeids(struct finode_table *table, uint64_t *cursor,
				       uint64_t *nodeids, size_t count);

/**
 * Walks the whole table and checks that everything agrees with everything. For tests, and
 * for a server that doubts itself: it holds each shard's lock for as long as the walk of
 * that shard takes. Other threads may work meanwhile.
 * @param why  on failure, the first broken invariant in words; may be NULL
 * @return 0, or -EUCLEAN
 * @since 0.1
 */
FINODE_API int finode_table_check(struct finode_table *table, char *why, size_t why_size);

/**
 * Writes one line for each LIVE inode: nodeid, generation, type, nlookup, references, key,
 * mount; and, if the table keeps aliases, one for each of its names. For people: the format
 * is not promised. Holds no lock while it writes.
 * @return 0, or -EIO if the stream failed
 * @since 0.1
 */
FINODE_API int finode_table_dump(struct finode_table *table, FILE *stream);

FINODE_END_DECLS

#endif
