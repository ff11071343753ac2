/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The core from inside: the table, its shards, its slots, its mounts.
 *
 * A shard is a part of the index with its lock; an inode belongs to the shard that the hash
 * of its key selects. Everything that changes for one inode (its state, its place in the
 * index, the step of its references to 0, its slot) is under that one lock, so there is no
 * order of locks to think about. Counters are in the shards too, so that no cache line is
 * shared by all threads; rare ones are in the table.
 *
 * The core does not know who builds on it. What others want to be told of (an inode has
 * ended, a file was opened) they register as hooks when the table is made; hooks.h.
 */
#ifndef FINODE_LIB_CORE_H
#define FINODE_LIB_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/lock.h"
#include "base/log.h"
#include "core/hooks.h"
#include "core/index.h"
#include "core/slots.h"
#include "finode/file.h"
#include "finode/inode.h"
#include "finode/mount.h"
#include "finode/table.h"

#define CACHE_LINE 64

/* The states of an inode, and of a mount: never back. */
enum life {
	LIFE_NEW,      /* init() runs */
	LIFE_LIVE,     /* has references */
	LIFE_EVICTING, /* no reference is left; evict() runs, or is about to */
	LIFE_ENDED     /* only where debug builds keep memory, to name who uses it */
};

#ifdef FINODE_DEBUG
/* Debug builds keep some of a shard's ended inodes, to name who puts one again. */
#define ENDED_KEPT 8

struct ended {
	struct finode *inode;
	size_t size; /* of its memory, which no statistic counts */
};
#endif

/* The lock and what a look-up needs of the index are in the first line of the cache. */
struct shard {
	struct lock lock;

	/* protected by lock */
	struct index index;
	uint64_t hits, misses, created, evicted, retired, waits;
	uint64_t inodes, not_indexed; /* now: LIVE or EVICTING, of which not in the index */
	struct slots_pool inode_pool;
	struct slots_pool file_pool;
	uint64_t bytes;		/* of objects and of the index */
	uint64_t files;		/* now */
	uint32_t waiting;	/* threads, for: */
	pthread_cond_t changed; /* an inode of this shard left NEW or EVICTING */
#ifdef FINODE_DEBUG
	struct ended ended[ENDED_KEPT];
	unsigned int ended_next;
#endif

	/* no lock */
	_Atomic uint64_t forgets;
} __attribute__((aligned(CACHE_LINE)));

/* Calls that are refused with -EINVAL, by what is wrong with them. */
enum refusal {
	REFUSED_TYPE,	  /* of a mode */
	REFUSED_KEY,	  /* its size */
	REFUSED_REKEY,	  /* to a key that the inode cannot have */
	REFUSED_MOUNT,	  /* that would take the id of the first one */
	REFUSED_FILE,	  /* where there are no file_ops */
	REFUSED_NO_NAMES, /* where there are no aliases */
	REFUSED_NAME,	  /* what finode_name_check() refuses */
	REFUSED_RENAME,	  /* its flags */
	REFUSED_CONFIG,
	REFUSED_TRANSPORT, /* of a session */
	REFUSED_DIRBUF,
	REFUSALS
};

/* Things that are counted when they happen, and logged only the first time. */
struct rare_events {
	_Atomic uint64_t forgets_clamped;
	_Atomic uint64_t forgets_unknown;
	_Atomic uint64_t forgets_root;
	_Atomic uint64_t entries_refused;
	_Atomic uint64_t replies_failed;
	_Atomic uint64_t refused[REFUSALS];
};

/* How far finode_table_destroy() has come: see end.c. */
enum table_end {
	TABLE_LIVES,
	TABLE_ENDS,	 /* nothing new comes; inodes and mounts keep their memory */
	TABLE_ROOT_ENDS, /* the table puts its root */
	TABLE_TAKES_ALL	 /* references are taken from those who still have them */
};

struct mount_core;

/* See mount.h. */
struct mounts {
	/* set by init, never changed */
	struct finode_mount_ops ops;
	struct finode_mount *first; /* the root inode's */

	struct lock lock;
	pthread_cond_t changed; /* a mount left NEW or EVICTING */

	/* protected by lock */
	struct mount_core *by_id;
	struct finode_mount *last;
	struct finode_mount *graves;	  /* their memory is freed last; see end.c */
	struct number_prefixes *prefixes; /* of mounts/ino.c */
	uint64_t bytes, serials;
	uint64_t created, evicted, detached;
};

/* Lies in what is kept until the table ends: see finode__table_keep(). */
struct table_kept {
	struct table_kept *next;
	void *memory;
};

struct finode_table {
	/* set by create, never changed */
	struct finode_ops ops;
	struct finode_file_ops file_ops; /* object_size 0: the table has no files */
	struct hooks hooks;
	const struct table_part *const *parts; /* ends with NULL */
	struct names *names;		       /* of names/; NULL: no aliases */
	struct crossings *crossings;	       /* of mounts/ */
	struct finode_allocator allocator;
	struct log log;
	void *user;
	struct hash_seed seed;
	uint32_t generation;   /* random: is added to those of keys */
	size_t key_offsets[2]; /* from a struct finode to its key; of a directory: [1] */
	unsigned int shard_count;
	struct shard *shards;
	void *shards_memory;
	struct finode *root;

	struct table_kept *kept; /* protected by the lock of struct mounts */

	/* of the one thread that destroys the table */
	enum table_end end;
	uint32_t graves;      /* slots of inodes and of files whose memory is freed last: */
	uint32_t file_graves; /* the first of each */

	/* locks of their own */
	struct slots inodes;
	struct slots files;
	struct mounts mounts;

	/* no lock */
	struct rare_events rare;
	_Atomic uint64_t owed; /* lookups that are to be forgotten of what was detached */
	_Atomic uint64_t forgets_late;
};

#endif
