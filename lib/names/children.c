/* SPDX-License-Identifier: BSD-3-Clause */
/* See children.h. This file owns the arrays of chains and their growth. */
#include "names/children.h"

#include <string.h>

#include "base/memory.h"
#include "base/testing.h"

#define FEW	   4 /* children that need no array */
#define FEW_BITS   2 /* the first array has this many bits */
#define LOAD	   2 /* aliases for each chain, then it grows */
#define MOVE_CHAIN 2 /* chains of the old array that one addition moves */

static uint32_t size_of(uint8_t bits)
{
	return 1u << bits;
}

static size_t memory_of(uint32_t chains)
{
	return chains * sizeof(void *);
}

/* Where an alias of this hash is, or is to be. */
static struct finode_alias **chain_of(struct children *children, uint32_t hash)
{
	uint32_t old = hash & (size_of(children->bits) / 2 - 1);

	if (children->bits == 0)
		return &children->only;
	if (children->old && old >= children->moved &&
	    !FINODE_MUTANT(children_lost_in_growth))
		return &children->old[old];
	return &children->buckets[hash & (size_of(children->bits) - 1)];
}

struct finode_alias *finode__children_find(const struct children *children,
					   const char *name, uint32_t hash)
{
	struct finode_alias *alias = *chain_of((struct children *)children, hash);

	for (; alias; alias = alias_core(alias)->chain)
		if (alias_core(alias)->hash == hash && strcmp(alias->name, name) == 0)
			return alias;
	return NULL;
}

static void push(struct finode_alias **chain, struct finode_alias *alias)
{
	alias_core(alias)->chain = *chain;
	*chain = alias;
}

/* Moves all of one chain to where it belongs in the new array. */
static void spread(struct children *children, struct finode_alias *alias)
{
	while (alias) {
		struct finode_alias *next = alias_core(alias)->chain;
		uint32_t hash = alias_core(alias)->hash;

		push(&children->buckets[hash & (size_of(children->bits) - 1)], alias);
		alias = next;
	}
}

/* Moves the next chains of the old array, and frees it when it is empty. */
static void move_some(struct children *children, const struct finode_allocator *allocator,
		      uint64_t *bytes)
{
	uint32_t size = size_of(children->bits) / 2;

	for (int i = 0; i < MOVE_CHAIN && children->moved < size; i++) {
		struct finode_alias *first = children->old[children->moved];

		children->old[children->moved++] = NULL;
		spread(children, first);
	}
	if (children->moved < size)
		return;
	memory_put(allocator, bytes, children->old, memory_of(size));
	children->old = NULL;
}

static void grow(struct children *children, const struct finode_allocator *allocator,
		 uint64_t *bytes)
{
	uint8_t bits = children->bits ? (uint8_t)(children->bits + 1) : FEW_BITS;
	struct finode_alias **buckets =
		memory_get(allocator, bytes, memory_of(size_of(bits)));
	struct finode_alias *only = children->only;

	if (!buckets)
		return;
	if (children->bits == 0) {
		children->buckets = buckets;
		children->bits = bits;
		spread(children, only);
		return;
	}
	children->old = children->buckets;
	children->moved = 0;
	children->buckets = buckets;
	children->bits = bits;
}

static bool is_crowded(const struct children *children)
{
	if (children->bits == 0)
		return children->count >= FEW;
	/* 2^30 chains are enough for anyone: hashes have 31 bits. */
	return children->bits < 30 && children->count / LOAD >= size_of(children->bits);
}

void finode__children_add(struct children *children, struct finode_alias *alias,
			  const struct finode_allocator *allocator, uint64_t *bytes)
{
	if (children->old)
		move_some(children, allocator, bytes);
	else if (is_crowded(children))
		grow(children, allocator, bytes);
	push(chain_of(children, alias_core(alias)->hash), alias);
	children->count++;
}

/* The arrays of a directory that has become empty. */
static void shrink(struct children *children, const struct finode_allocator *allocator,
		   uint64_t *bytes)
{
	uint32_t size = size_of(children->bits);

	if (children->old)
		memory_put(allocator, bytes, children->old, memory_of(size / 2));
	if (children->bits > 0)
		memory_put(allocator, bytes, children->buckets, memory_of(size));
	*children = (struct children){0};
}

void finode__children_remove(struct children *children, struct finode_alias *alias,
			     const struct finode_allocator *allocator, uint64_t *bytes)
{
	struct finode_alias **link = chain_of(children, alias_core(alias)->hash);

	while (*link != alias)
		link = &alias_core(*link)->chain;
	*link = alias_core(alias)->chain;
	if (--children->count == 0)
		shrink(children, allocator, bytes);
}

bool finode__children_chain(const struct children *children, uint32_t n,
			    struct finode_alias **first)
{
	uint32_t size = size_of(children->bits);

	if (n < size) {
		*first = children->bits ? children->buckets[n] : children->only;
		return true;
	}
	n -= size;
	if (!children->old || n >= size / 2)
		return false;
	*first = children->old[n];
	return true;
}
