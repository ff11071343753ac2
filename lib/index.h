/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index: (mount, key) -> inode, one uthash table in each shard.
 *
 * Nobody else knows that it is uthash, so that another hash can take its place. The handle
 * lies in the opaque area of struct finode and keeps the key's address and length and
 * its hash, also after the inode has left the index.
 *
 * Keys come from users (names, chosen inode numbers), so the hash is SipHash with a random
 * seed for each table: nobody can choose keys that collide. Each mount adds a random salt
 * of its own, since equal keys in many mounts are ordinary.
 *
 * Every function here is called with the shard's lock held, but for the hashes.
 */
#ifndef FINODE_LIB_INDEX_H
#define FINODE_LIB_INDEX_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "finode/inode.h"
#include "finode/table.h"

/* What lies in the opaque area of a struct finode. */
struct inode_core {
	UT_hash_handle hh;
	_Atomic uint64_t nlookup;
};

_Static_assert(sizeof(struct inode_core) <= sizeof(((struct finode *)0)->library),
	       "the opaque area of struct finode is too small");
_Static_assert(offsetof(struct finode, library) % _Alignof(struct inode_core) == 0,
	       "the opaque area of struct finode is not aligned");

static inline struct inode_core *inode_core(struct finode *inode)
{
	return (struct inode_core *)(void *)inode->library;
}

static inline const struct inode_core *inode_core_const(const struct finode *inode)
{
	return (const struct inode_core *)(const void *)inode->library;
}

static inline struct finode *inode_of_core(struct inode_core *core)
{
	return FINODE_CONTAINER_OF(core, struct finode, library);
}

/* A key and what belongs to it, on its way into the index. */
struct probe {
	const struct finode_mount *mount;
	const void *bytes;
	unsigned int size;
	uint32_t hash;
};

/* One shard's part. A zeroed index is an empty one. */
struct index {
	struct inode_core *head;
};

/* The keyed hash itself, for whatever else is found by what a user may choose. */
uint64_t finode__hash(const struct finode_table *table, const void *bytes, size_t size);

uint32_t finode__index_hash(const struct finode_mount *mount, const void *bytes,
			    size_t size);

/* @return the inode, borrowed, whatever its state; or NULL */
struct finode *finode__index_find(const struct index *index, const struct probe *probe);

/* The inode's key and hash are set. @return 0, or -ENOMEM with nothing changed */
int finode__index_add(struct index *index, struct finode *inode,
		      const struct finode_allocator *allocator, uint64_t *bytes);

void finode__index_remove(struct index *index, struct finode *inode,
			  const struct finode_allocator *allocator, uint64_t *bytes);

/* Walks the index in no particular order; start with NULL. */
struct finode *finode__index_next(const struct index *index, struct finode *inode);

#endif
