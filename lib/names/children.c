/* SPDX-License-Identifier: BSD-3-Clause */
/* See children.h. This file owns the arrays of chains and their growth. */
#include "names/children.h"

#include <string.h>

#include "base/memory.h"

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

/* The chain of a hash in the old array, if there is one. */
static uint32_t old_chain(const struct children *children, uint32_t hash)
{
	return hash & (size_of(children->bits) / 2 - 1);
}

/* Is that where its aliases are? */
static bool is_in_old(const struct children *children, uint32_t hash)
{
	return children->old && old_chain(children, hash) >= children->moved;
}

/* Where an alias of this hash is, or is to be. */
static struct finode_alias **chain_of(struct children *children, uint32_t hash)
{
	if (children->bits == 0)
		return &children->only;
	if (is_in_old(children, hash))
		return &children->old[old_chain(children, hash)];
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

/* Reverses the bits of a hash, or of a place. */
static uint32_t reverse(uint32_t bits)
{
	bits = (bits >> 1 & 0x55555555u) | (bits & 0x55555555u) << 1;
	bits = (bits >> 2 & 0x33333333u) | (bits & 0x33333333u) << 2;
	bits = (bits >> 4 & 0x0f0f0f0fu) | (bits & 0x0f0f0f0fu) << 4;
	return __builtin_bswap32(bits) >> 1; /* of 31 */
}

struct children_cursor finode__children_at(const struct finode_alias *alias)
{
	uint32_t hash = alias_core((struct finode_alias *)alias)->hash;

	return (struct children_cursor){reverse(hash), (uintptr_t)alias};
}

static bool is_before(struct children_cursor a, struct children_cursor b)
{
	return a.place < b.place || (a.place == b.place && a.alias < b.alias);
}

/* Chains are in no order. */
static struct finode_alias *least_after(struct finode_alias *alias,
					struct children_cursor *cursor)
{
	struct children_cursor least = {.place = CHILDREN_END};
	struct finode_alias *found = NULL;

	for (; alias; alias = alias_core(alias)->chain) {
		struct children_cursor at = finode__children_at(alias);

		if (is_before(*cursor, at) && is_before(at, least)) {
			least = at;
			found = alias;
		}
	}
	if (found)
		*cursor = least;
	return found;
}

/* Where the next chain begins. In the old array a chain has twice as many places. */
static uint32_t place_after(const struct children *children, uint32_t place)
{
	unsigned int shift = 31u - children->bits + is_in_old(children, reverse(place));

	return ((place >> shift) + 1) << shift;
}

struct finode_alias *finode__children_after(const struct children *children,
					    struct children_cursor *cursor,
					    unsigned int chains)
{
	for (; chains > 0 && cursor->place < CHILDREN_END; chains--) {
		uint32_t hash = reverse(cursor->place);
		struct finode_alias *alias =
			least_after(*chain_of((struct children *)children, hash), cursor);

		if (alias)
			return alias;
		*cursor = (struct children_cursor){place_after(children, cursor->place), 0};
	}
	return NULL;
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
