/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mounts from inside: what a table knows of them, and what lies in the opaque area of each.
 *
 * A mount lives as an inode does: NEW while init() runs, LIVE while it has references,
 * EVICTING while evict() runs, and its id is taken from the first to the last of these. Its
 * references are those of the author, of the mounts below it, of a table for its first
 * mount, and one for each shard that has inodes of it: so the births and deaths of inodes
 * change no counter that all threads share, but for the first and the last of a mount in a
 * shard.
 *
 *      inode --> mount --> its parent --> .. --> the table's first mount
 *
 * Invariants:
 *
 *   - References go 1 -> 0 only under the lock, in the same breath as LIVE -> EVICTING.
 *   - A mount is in the list of all from its making to its end, in the order of making, so
 *     that a parent comes before its children. It is in the hash of ids until then, or
 *     until it is detached.
 *   - What is detached gets no new inodes: the flag is set before the walk over its inodes,
 *     and whoever publishes an inode looks at the flag under its shard's lock.
 */
#ifndef FINODE_LIB_MOUNT_H
#define FINODE_LIB_MOUNT_H

#ifndef HASH_NONFATAL_OOM
#define HASH_NONFATAL_OOM 1
#endif
#include <uthash.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "core/core.h"

enum detached {
	MOUNT_ATTACHED,
	MOUNT_DETACHED, /* by finode_mount_detach() */
	MOUNT_CLOSED	/* it ends, or the table: nothing comes into it any more */
};

/* What lies in the opaque area of a struct finode_mount. */
struct mount_core {
	UT_hash_handle hh; /* of ids; protected by the lock of struct mounts, as are .. */
	struct finode_mount *next, *previous; /* .. all mounts of the table */
	enum life state;
	struct announcement *announcements; /* of mounts/crossing.c */
	uint64_t numbers[3];		    /* of mounts/ino.c */

	/* no lock */
	_Atomic uint32_t refs;
	_Atomic uint32_t detached; /* enum detached */
	_Atomic uint64_t root; /* nodeid of the inode that a reply has crossed to; or 0 */

	/* set when it is made, never changed */
	uint64_t salt;	 /* of the hash of keys, see index.h */
	uint32_t *heads; /* for each shard the first of its inodes, by slot; see object.c */
};

_Static_assert(sizeof(struct mount_core) + 2 * sizeof(uint64_t) <=
		       sizeof(((struct finode_mount *)0)->library),
	       "the opaque area of struct finode_mount is too small to grow");
_Static_assert(offsetof(struct finode_mount, library) % _Alignof(struct mount_core) == 0 &&
		       _Alignof(struct finode_mount) >= _Alignof(struct mount_core),
	       "the opaque area of struct finode_mount is not aligned");

static inline struct mount_core *mount_core(const struct finode_mount *mount)
{
	return (struct mount_core *)(void *)mount->library;
}

static inline struct mounts *mounts_of(const struct finode_mount *mount)
{
	return &mount->table->mounts;
}

static inline bool mount_is_first(const struct finode_mount *mount)
{
	return mount == mount->table->mounts.first;
}

static inline bool mount_is_detached(const struct finode_mount *mount)
{
	return atomic_load_explicit(&mount_core(mount)->detached, memory_order_acquire) !=
	       MOUNT_ATTACHED;
}

/* Nothing comes into the mount any more. */
static inline void mount_close_locked(struct finode_mount *mount)
{
	if (!mount_is_detached(mount))
		atomic_store_explicit(&mount_core(mount)->detached, MOUNT_CLOSED,
				      memory_order_seq_cst);
}

/* Protected by the shard's lock; not of the first mount. */
static inline uint32_t *mount_head(struct finode_mount *mount, const struct shard *shard)
{
	return &mount_core(mount)->heads[shard - mount->table->shards];
}

/* What came of finode__mount_obtain(). */
enum mount_found {
	MOUNT_FOUND,
	MOUNT_MADE,
	MOUNT_IS_ANOTHER, /* with a reference: it did not match, and is to be detached */
	MOUNT_IS_AWAITED  /* without one: it is NEW or EVICTING */
};

/*
 * One try at finding the mount of an id, or making it; as finode_mount_obtain().
 * `may_wait`: while it is NEW or EVICTING. @return an enum mount_found, or an error
 */
int finode__mount_obtain(struct finode_table *table, struct finode_mount *parent,
			 const struct finode_mount_id *id, void *arg, bool may_wait,
			 struct finode_mount **out);

/* Marks it, so that it gets nothing new. @return false if it cannot be or has been */
bool finode__mount_mark_detached(struct finode_mount *mount);

/*
 * For the end of a table: takes all references from a mount, and evicts it. @return the
 * parent, to be put
 */
struct finode_mount *finode__mount_end_held(struct finode_mount *mount);
/* All evict()s have returned: frees the memory that a table which ends has kept. */
void finode__mounts_free(struct finode_table *table);

#endif
