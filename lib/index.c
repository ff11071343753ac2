/* SPDX-License-Identifier: BSD-3-Clause */
/* See index.h. This file owns the hash, its seed's use, and uthash. */
#include "memory.h"

/* uthash allocates here; both names are parameters of the functions that use it. */
#define uthash_malloc(size)    memory_get(allocator, bytes, size)
#define uthash_free(ptr, size) memory_put(allocator, bytes, ptr, size)
#include "index.h"

#include <errno.h>
#include <string.h>

#include "mount.h"
#include "siphash.h"
#include "table.h"

uint64_t finode__hash(const struct finode_table *table, const void *bytes, size_t size)
{
	return siphash_1_3(table->hash_seed, bytes, size);
}

uint32_t finode__index_hash(const struct finode_mount *mount, const void *bytes,
			    size_t size)
{
	return (uint32_t)(finode__hash(mount->table, bytes, size) ^
			  mount_core(mount)->salt);
}

struct finode *finode__index_find(const struct index *index, const struct probe *probe)
{
	const UT_hash_table *table;
	struct UT_hash_handle *hh;

	if (!index->head)
		return NULL;
	/* As HASH_FIND does, but for the mount: uthash compares only a key's bytes. */
	table = index->head->hh.tbl;
	hh = table->buckets[probe->hash & (table->num_buckets - 1)].hh_head;
	for (; hh; hh = hh->hh_next) {
		struct finode *inode;

		if (hh->hashv != probe->hash || hh->keylen != probe->size)
			continue;
		inode = inode_of_core(ELMT_FROM_HH(table, hh));
		if (inode->mount == probe->mount &&
		    memcmp(hh->key, probe->bytes, probe->size) == 0)
			return inode;
	}
	return NULL;
}

/* One statement here, dozens in uthash's macro. */
/* NOLINTNEXTLINE(readability-function-size) */
int finode__index_add(struct index *index, struct finode *inode,
		      const struct finode_allocator *allocator, uint64_t *bytes)
{
	struct inode_core *core = inode_core(inode);

	HASH_ADD_KEYPTR_BYHASHVALUE(hh, index->head, core->hh.key, core->hh.keylen,
				    core->hh.hashv, core);
	/* uthash tells by this that it could not grow and has undone the addition. */
	return core->hh.tbl ? 0 : -ENOMEM;
}

void finode__index_remove(struct index *index, struct finode *inode,
			  const struct finode_allocator *allocator, uint64_t *bytes)
{
	struct inode_core *core = inode_core(inode);

	HASH_DELETE(hh, index->head, core);
}

struct finode *finode__index_next(const struct index *index, struct finode *inode)
{
	struct inode_core *next = inode ? inode_core(inode)->hh.next : index->head;

	return next ? inode_of_core(next) : NULL;
}
