/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table from inside: its shards, its slots, its mounts.
 *
 * A shard is a part of the index with its lock; an inode belongs, for life, to the shard
 * that its hash selects. Everything that changes for one inode (its state, its place in
 * the index, the step of its references to 0, its slot) is under that one lock, so there
 * is no order of locks to think about. Counters are in the shards too, so that no cache
 * line is shared by all threads; rare ones are in the table.
 */
#ifndef FINODE_LIB_TABLE_H
#define FINODE_LIB_TABLE_H

#include "finode/file.h"
#include "finode/mount.h"
#include "finode/table.h"
#include "finode/version.h"
#include "core/index.h"
#include "base/lock.h"
#include "base/siphash.h"
#include "core/slots.h"

#define CACHE_LINE 64

/* The lock and what a look-up needs of the index are in the first line of the cache. */
struct shard {
	struct lock lock;

	/* protected by lock */
	struct index index;
	uint64_t hits, misses, created, evicted, retired, not_indexed, waits;
	struct slots_pool inode_pool;
	struct slots_pool file_pool;
	uint64_t bytes;		/* of objects and of the index */
	uint64_t files;		/* now */
	uint32_t waiting;	/* threads, for: */
	pthread_cond_t changed; /* an inode of this shard left NEW or EVICTING */

	/* no lock */
	_Atomic uint64_t forgets;
} __attribute__((aligned(CACHE_LINE)));

struct announcement;
struct mapping;
struct mount_core;

/* Things that are counted when they happen, and logged only the first time. */
struct rare_events {
	_Atomic uint64_t forgets_clamped;
	_Atomic uint64_t forgets_unknown;
	_Atomic uint64_t forgets_root;
	_Atomic uint64_t entries_refused;
	_Atomic uint64_t replies_failed;
};

/* See mount.h. */
struct mounts {
	/* set by init, never changed */
	const struct finode_mount_ops *ops;
	struct finode_mount *first; /* the root inode's */
	bool keep_roots;

	struct lock lock;
	pthread_cond_t changed; /* a mount left NEW or EVICTING */

	/* protected by lock */
	struct mount_core *by_id;
	struct finode_mount *last;
	struct mapping *mappings;
	uint64_t *prefixes; /* a bitmap of those in use; NULL before the first */
	uint32_t prefixes_used;
	uint64_t next_number;
	uint64_t bytes, serials;
	uint64_t created, evicted, detached, roots_kept;

	/* no lock */
	_Atomic bool announces; /* the kernel has offered to take submounts */
	_Atomic uint64_t owed;	/* lookups that are to be forgotten of what was detached */
	_Atomic uint64_t forgets_late;
};

struct names;

struct finode_table {
	/* set by create, never changed */
	const struct finode_ops *ops;
	const struct finode_file_ops *file_ops; /* NULL if the table has no files */
	struct finode_allocator allocator;
	finode_log_fn log;
	void *log_user;
	void *user;
	unsigned char hash_seed[SIPHASH_SEED_SIZE];
	size_t key_offsets[2]; /* from a struct finode to its key; of a directory: [1] */
	unsigned int shard_count;
	struct shard *shards;
	void *shards_memory;
	struct finode *root;
	struct names *names; /* NULL if the table keeps no aliases */

	/* locks of their own */
	struct slots inodes;
	struct slots files;
	struct mounts mounts;
	struct rare_events rare;
};

/* The keyed hash, for whatever is found by what a user may choose. */
uint64_t finode__hash(const struct finode_table *table, const void *bytes, size_t size);

#endif
