/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table from inside: its shards, its slots, its root's mount.
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
#include "index.h"
#include "lock.h"
#include "slots.h"

#define CACHE_LINE 64

struct shard {
	struct lock lock;
	pthread_cond_t changed; /* an inode of this shard left NEW or EVICTING */

	/* protected by lock */
	struct index index;
	struct slots_pool inode_pool;
	struct slots_pool file_pool;
	uint64_t bytes; /* of objects and of the index */
	uint64_t hits, misses, created, evicted, retired, not_indexed, waits;
	uint64_t files; /* now */

	/* no lock */
	_Atomic uint64_t forgets;
} __attribute__((aligned(CACHE_LINE)));

/* Things that are counted when they happen, and logged only the first time. */
struct rare_events {
	_Atomic uint64_t forgets_clamped;
	_Atomic uint64_t forgets_unknown;
	_Atomic uint64_t forgets_root;
	_Atomic uint64_t entries_refused;
	_Atomic uint64_t replies_failed;
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
	unsigned char hash_seed[16];
	unsigned int shard_shift; /* hash >> this is the number of the shard */
	unsigned int shard_count;
	struct shard *shards;
	void *shards_memory;
	struct finode_mount root_mount;
	struct names *names; /* NULL if the table keeps no aliases */

	/* locks of their own */
	struct slots inodes;
	struct slots files;
	struct rare_events rare;
};

/* What lies in the opaque area of a struct finode_mount. */
struct mount_core {
	uint64_t salt;
};

_Static_assert(sizeof(struct mount_core) <= sizeof(((struct finode_mount *)0)->library),
	       "the opaque area of struct finode_mount is too small");

static inline struct mount_core *mount_core(struct finode_mount *mount)
{
	return (struct mount_core *)(void *)mount->library;
}

static inline uint64_t mount_salt(const struct finode_mount *mount)
{
	return ((const struct mount_core *)(const void *)mount->library)->salt;
}

/* The high bits choose the shard, since uthash uses the low ones for its buckets. */
static inline struct shard *shard_of_hash(struct finode_table *table, uint32_t hash)
{
	return &table->shards[(uint64_t)hash >> table->shard_shift];
}

#endif
