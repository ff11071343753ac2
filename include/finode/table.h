/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * The table: all inodes and open files of one FUSE session, and windows into it.
 *
 * There are no globals: a process may have any number of tables. Every function of the
 * library may be called from any thread, except that a table is created and destroyed
 * while no other thread uses it.
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
 * How a table is to be. Start from FINODE_CONFIG_INIT; borrowed, with all that it points
 * to, only during create.
 */
struct finode_config {
	/** sizeof(struct finode_config), for growth. */
	size_t size;
	/** The author's inodes. Required. */
	const struct finode_ops *ops;
	/** The author's open files, if the table is to have any; as ops. See file.h. */
	const struct finode_file_ops *file_ops;
	/** Key of the root inode, and the argument of its init(). Required: a directory's.
	 */
	struct finode_key root_key;
	void *root_arg;
	/** Anything of the author's: finode_table_user() gives it back. */
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
	/** The author's mounts, if they have anything of their own; as ops. See mount.h. */
	const struct finode_mount_ops *mount_ops;
	/** Id of the root's mount, and the argument of its init(), if it has one. */
	struct finode_mount_id root_mount_id;
	void *root_mount_arg;
	/**
	 * Do not keep the root of a submount that was announced to the kernel when the
	 * kernel has forgotten it. For kernels which do not forget what they use: 5.15.146,
	 * 6.1.70, 6.6.9, 6.7 and later (guarantee I, docs/submounts.md).
	 */
	bool forget_submount_roots;
};

#define FINODE_CONFIG_INIT                                                                 \
	{                                                                                  \
		.size = sizeof(struct finode_config)                                       \
	}

/**
 * Makes a table with its root inode (nodeid 1, generation 0), whose init() runs here.
 * @return 0; -ENOMEM; -EINVAL if something required is missing or out of range, or does not
 *         fit this version of the library, with a line in the log that says what; what the
 *         root's init() returned
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_table_create(const struct finode_config *config,
						    struct finode_table **out);

/**
 * Ends the session for good: closes every open file and evicts every inode, waiting for no
 * FORGET (guarantee J), then frees the table. NULL is fine. No other thread may use the
 * table.
 *
 * What nobody holds ends first, then the root, then what those have put in their evict(): a
 * directory may hold its children. References that are left are mistakes: each is reported,
 * and the inode is evicted all the same. Memory is freed when all evict()s have returned,
 * so they may use, and put, what others have held in any order.
 * @since 0.1
 */
FINODE_API void finode_table_destroy(struct finode_table *table);

/**
 * The kernel's counts are all 0 and its open files closed, as after DESTROY or a lost
 * connection: everything that no running request holds is released and evicted. The
 * table, and the root, can serve another INIT. May run beside requests.
 * @since 0.1
 */
FINODE_API void finode_table_forget_all(struct finode_table *table);

/** The root inode, borrowed; it lives as long as the table. @since 0.1 */
FINODE_API struct finode *finode_table_root(struct finode_table *table);

/** config.user. @since 0.1 */
FINODE_API void *finode_table_user(const struct finode_table *table);

/** Counters since the table was made, but for those that say "now". */
struct finode_stats {
	uint64_t inodes;	  /**< LIVE or EVICTING now, the root included */
	uint64_t files;		  /**< open files now */
	uint64_t hits;		  /**< obtain() and find() that found an inode */
	uint64_t misses;	  /**< those that did not */
	uint64_t created;	  /**< successful init()s, the root's included */
	uint64_t evicted;	  /**< evict()s that have returned */
	uint64_t retired;	  /**< inodes that lost their key while alive */
	uint64_t waits;		  /**< times that obtain() waited for init() or evict() */
	uint64_t forgets;	  /**< FORGETs received, each entry of a batch for itself */
	uint64_t forgets_clamped; /**< those that took more than was counted */
	uint64_t forgets_unknown; /**< those for a nodeid that named nothing */
	uint64_t forgets_root;	  /**< those for the root, ignored */
	uint64_t entries_refused; /**< bogus entries that the glue did not let through */
	uint64_t replies_failed;  /**< counted replies that did not reach the kernel */
	/**
	 * Memory of the table and all that is in it now. What an inode and an open file
	 * have their ids from stays until the table ends, or an old id could come again:
	 * 24 to 27 bytes for each of the most there ever were at a time. So a table that
	 * had 10 million inodes keeps 252 MB when all are forgotten.
	 */
	uint64_t bytes;
	uint64_t aliases;	  /**< names now */
	uint64_t aliases_added;	  /**< names that a look-up or a creation has shown */
	uint64_t aliases_moved;	  /**< by rename, or directories found elsewhere */
	uint64_t aliases_removed; /**< by unlink or rmdir, or replaced by a rename */
	uint64_t aliases_stale;	  /**< dropped: the backend says otherwise by now */
	uint64_t aliases_refused; /**< that would have put a directory below itself */
	uint64_t unlinked;	  /**< unlinked()s that have returned */
	uint64_t rebound;	  /**< rebind()s that have succeeded */
	uint64_t mounts;	  /**< LIVE or EVICTING now, the root's included */
	uint64_t mounts_created;  /**< successful init()s of mounts */
	uint64_t mounts_evicted;  /**< their evict()s that have returned */
	uint64_t mounts_detached; /**< that have gone on the host while in use */
	uint64_t roots_kept;	  /**< announced roots of submounts that stay, now */
	uint64_t forgets_late;	  /**< FORGETs for inodes of detached mounts */
	uint64_t calls_refused; /**< -EINVAL of this library, the first of a kind logged */
};

/**
 * Reads the counters, one shard after another: while other threads work, the sums are of
 * slightly different moments. @param size is sizeof(*stats): a program built with an older
 * header gets the counters that it knows.
 * @since 0.1
 */
FINODE_API void finode_table_stats(struct finode_table *table, struct finode_stats *stats,
				   size_t size);

/**
 * Lists the nodeids of LIVE inodes but the root, some at each call, in no order. Takes no
 * lock; inodes that come or go meanwhile may be listed or not.
 * @param cursor  0 for the first call, then left alone
 * @param nodeids room for `count` of them
 * @return how many were written; 0 at the end
 * @since 0.1
 */
FINODE_API size_t finode_table_nodeids(struct finode_table *table, uint64_t *cursor,
				       uint64_t *nodeids, size_t count);

/**
 * Walks the whole table and compares everything with everything. For tests and for a
 * server that has reason to doubt itself: it holds each shard's lock for as long as the
 * walk of that shard takes. Other threads may work meanwhile.
 * @param why  on failure, the first broken invariant in words; may be NULL
 * @return 0, or -EUCLEAN
 * @since 0.1
 */
FINODE_API int finode_table_check(struct finode_table *table, char *why, size_t why_size);

/**
 * Writes one line for each LIVE inode: nodeid, generation, type, nlookup, references, key;
 * and, if the table keeps aliases, one for each of its names.
 * For people; the format is no promise. Holds no lock while it writes.
 * @return 0, or -EIO if the stream failed
 * @since 0.1
 */
FINODE_API int finode_table_dump(struct finode_table *table, FILE *stream);

FINODE_END_DECLS

#endif
