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
 *        ^         |
 *        '---------'  only while the root is kept (guarantee I): mount_root.c
 *
 * Invariants:
 *
 *   - References go 1 -> 0 only under the lock, in the same breath as LIVE -> EVICTING.
 *   - A mount is in the list of all from its making to its end, in the order of making, so
 *     that a parent comes before its children; and in the hash of ids unless it is
 * detached.
 *   - What is detached gets no new inodes: the flag is set before the walk over its inodes,
 *     and whoever publishes an inode looks at the flag under its shard's lock.
 */
#ifndef FINODE_LIB_MOUNT_H
#define FINODE_LIB_MOUNT_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "finode/mount.h"
#include "base/lock.h"
#include "core/table.h"

enum mount_state {
	MOUNT_NEW,	/* init() runs */
	MOUNT_LIVE,	/* has references */
	MOUNT_EVICTING, /* evict() runs */
};

/* What lies in the opaque area of a struct finode_mount. */
struct mount_core {
	UT_hash_handle
		hh; /* of the ids; protected by the lock of struct mounts, as are .. */
	struct finode_mount *next, *previous; /* .. all mounts of the table */
	enum mount_state state;
	struct announcement *announcements; /* see mount_root.c */
	struct mapping *mappings;	    /* see mount_ino.c */
	_Atomic uint32_t first_ready;	    /* the first device is known: */
	uint32_t first_prefix;
	uint64_t first_dev;

	/* no lock */
	_Atomic uint32_t refs;
	_Atomic uint32_t detached;
	_Atomic uint64_t root; /* nodeid of the inode that a reply has crossed to; or 0 */

	/* set when it is made, never changed */
	uint64_t salt; /* of the hash of keys, see index.h */
};

_Static_assert(sizeof(struct mount_core) <= sizeof(((struct finode_mount *)0)->library),
	       "the opaque area of struct finode_mount is too small");

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
	return atomic_load_explicit(&mount_core(mount)->detached, memory_order_acquire);
}

int finode__mounts_init(struct finode_table *table, const struct finode_config *config);
void finode__mounts_finish(struct finode_table *table);
void finode__mounts_stats(struct finode_table *table, struct finode_stats *sum);

/*
 * An inode of the mount comes into a shard, or has left it; the shard's lock is held. The
 * caller of mount_join() holds the mount. The first mount of a table lives anyway.
 */
void finode__mount_join_locked(struct finode_mount *mount, struct shard *shard);
/* @return the mount, if it is to be put once no lock is held; else NULL */
struct finode_mount *finode__mount_leave_locked(struct finode_mount *mount,
						struct shard *shard);

/* Has the mount inodes in the shard? True for the first mount. For finode_table_check(). */
bool finode__mount_counts_locked(struct finode_mount *mount, const struct shard *shard);

/*
 * Walks the mounts that have references, in the order of their making. Puts `previous`,
 * NULL to start. @return a mount with a reference taken, or NULL at the end
 */
struct finode_mount *finode__mounts_next(struct finode_table *table,
					 struct finode_mount *previous);

/* For the end of a table: mounts that the author still holds are reported, and evicted. */
void finode__mounts_end_held(struct finode_table *table);
/* The same for the first one, which the table has held. */
void finode__mounts_end_first(struct finode_table *table);

/*
 * mount_root.c: a reply to (dir, name) is about to tell the kernel of the inode.
 * @return 1 if it is to say that this is the root of a submount; 0 if not; -ENOMEM
 */
int finode__mount_cross(struct finode *dir, const char *name, struct finode *inode);
/* The reply, which was told to announce, did not reach the kernel. */
void finode__mount_withdraw(struct finode *inode);
/* An inode of a mount was retired: if it is an announced root, that is over. */
void finode__mount_retire_root(struct finode *inode);
/* No root is known to the kernel any more; with the lock held, where nothing is kept. */
void finode__mount_forget_roots(struct finode_mount *mount);
void finode__mount_forget_roots_locked(struct finode_mount *mount);
/* How many it keeps, or UINT64_MAX if one is not its own; for finode_table_check(). */
uint64_t finode__mount_roots_kept_locked(struct finode_mount *mount);
/* Of all mounts: the connection has ended. */
void finode__mounts_forget(struct finode_table *table);
/* What the kernel counts of an inode of a detached mount is not counted here any more. */
void finode__mount_owe(struct finode *inode);
/* A FORGET of an unknown nodeid: does it come for an inode of a detached mount? */
bool finode__mounts_expect_forget(struct finode_table *table, uint64_t n);
/* So many of those lookups are forgotten, or have never come to the kernel. */
void finode__mounts_settle(struct finode_table *table, uint64_t n);

/* mount_ino.c; with the lock held: the mount's numbers may be used for others. */
void finode__mount_unmap_locked(struct finode_mount *mount);

#endif
