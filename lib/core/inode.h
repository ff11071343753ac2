/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's view of a struct finode: what lies in its opaque area, its state, and the
 * way from it to its table, shard and slot.
 *
 * States move NEW -> LIVE -> EVICTING under the lock of the inode's shard, never back.
 * Invariants, all checked by finode_table_check():
 *
 *   - LIVE if and only if its slot has references.
 *   - In the index unless it was retired, or is known by its name only, or init() has
 *     failed, or evict() has returned.
 *   - nlookup > 0 holds one reference; the root's table holds one for ever.
 *   - The shard is chosen by the hash of the key, so it never changes either.
 *
 * The allocation is the author's object, then in tables with aliases a node (names.h), then
 * the key.
 */
#ifndef FINODE_LIB_INODE_H
#define FINODE_LIB_INODE_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "finode/inode.h"
#include "core/table.h"

/* What lies in the opaque area of a struct finode. */
struct inode_core {
	/* set when it is made, never changed, also after the inode has left the index */
	uint32_t hash;
	uint16_t shard;
	uint8_t key_size;
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

/* A key and what belongs to it, on its way into the index. */
struct probe {
	const struct finode_mount *mount;
	const void *bytes;
	size_t size;
	uint32_t hash;
	uint16_t shard;
};

enum inode_state {
	INODE_NEW,	/* init() runs */
	INODE_LIVE,	/* has references */
	INODE_EVICTING, /* evict() runs */
};

/* In struct finode's library_flags; protected by the shard's lock. */
#define INODE_RETIRED	  1u
#define INODE_NOT_INDEXED 2u /* retired, or known by its name only */

static inline struct finode_table *inode_table(const struct finode *inode)
{
	return inode->mount->table;
}

static inline struct shard *inode_shard(const struct finode *inode)
{
	return &inode_table(inode)->shards[inode_core_const(inode)->shard];
}

static inline struct slot *inode_slot(const struct finode *inode)
{
	return slots_find(&inode_table(inode)->inodes, inode->nodeid);
}

static inline bool inode_is_root(const struct finode *inode)
{
	return inode->nodeid == FINODE_ROOT_ID;
}

/* The count of its slot. */
static inline _Atomic uint64_t *inode_nlookup(const struct finode *inode)
{
	return &inode_slot(inode)->count;
}

/* Where the author's object ends and the next thing may begin. */
static inline size_t object_end(const struct finode_ops *ops)
{
	return (ops->object_size + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
}

static inline unsigned char *inode_key(const struct finode *inode)
{
	return (unsigned char *)inode +
	       inode_table(inode)->key_offsets[inode->type == S_IFDIR];
}

/* Hash and shard of a key of 1 to FINODE_KEY_MAX bytes. */
void finode__probe_init(struct probe *probe, const struct finode_mount *mount,
			const void *bytes, size_t size);

/*
 * @return the slot of the inode that is in the index, whatever its state, or NULL; its
 * object is the inode, borrowed
 */
struct slot *finode__inode_find_locked(const struct shard *shard,
				       const struct probe *probe);

/* False before init() has returned, once finode_retire() was called, and during evict(). */
bool finode__inode_is_current(const struct finode *inode);

bool finode__type_is_known(mode_t mode);
/* NEW -> LIVE, with the first reference, or -> nothing. @return FINODE_CREATED or an error
 */
int finode__inode_begin(struct finode *inode, void *arg);
/* Is the inode that was found what the caller means? @return 1, 0, or an error */
int finode__inode_is_same(struct finode *inode, const struct finode_key *key, void *arg);

/*
 * For inodes that are known by their names only: the key is there only while they are made,
 * so that nobody makes another one.
 *
 * @return 0 with a NEW inode in the index; -EAGAIN if there was one, after a change;
 *         -EDEADLK; -ENOMEM
 */
int finode__inode_claim(struct finode_mount *mount, const struct finode_key *key,
			struct finode **out);
/* NEW -> nothing, without init(). */
void finode__inode_abandon(struct finode *inode);
/* Frees the key of a LIVE inode. */
void finode__inode_unindex(struct finode *inode);

/* Evicts an inode of a table that ends, although somebody still holds references. */
void finode__inode_evict_held(struct finode *inode);

#endif
