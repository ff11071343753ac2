/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The children of one directory: name -> alias, a chained hash for each directory.
 *
 * A directory with few children has one chain and no memory of its own. A larger one has
 * an array of chains that doubles when there are two aliases for each chain; the old
 * array is emptied a few chains at a time, by the additions that follow, so no single
 * addition pays for the whole. If there is no memory for a larger array the chains get
 * longer, and that is all: an addition never fails.
 *
 * Invariants: an alias is in exactly one chain: of the old array if there is one and its
 * chain there is not below `moved`, else of the new one. An empty directory has no memory.
 *
 * A walk needs an order that growth does not change. Children are ordered by their place,
 * which is the hash with its 31 bits reversed, and those of one place by their address. A
 * chain is chosen by the low bits of the hash, so it has all children whose places begin
 * with those bits, reversed: an interval. An array that doubles cuts each interval in two.
 *
 * Every function here is called with the stripe of the directory held.
 */
#ifndef FINODE_LIB_CHILDREN_H
#define FINODE_LIB_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "finode/alias.h"
#include "finode/table.h"

/* What lies in the opaque area of a struct finode_alias. */
struct alias_core {
	struct finode_alias *chain; /* the next one; of the doomed, once it is detached */
	struct finode_alias *next;  /* of the inode's ring, newest first */
	struct finode_alias *prev;
	uint32_t hash : 31;	/* of the name, set once */
	uint32_t attached : 1;	/* is a name; protected by both stripes */
	_Atomic uint32_t holds; /* one for being attached, one for each reference */
};

_Static_assert(sizeof(struct alias_core) <= sizeof(((struct finode_alias *)0)->library),
	       "the opaque area of struct finode_alias is too small");
_Static_assert(offsetof(struct finode_alias, library) % _Alignof(struct alias_core) == 0 &&
		       _Alignof(struct finode_alias) >= _Alignof(struct alias_core),
	       "the opaque area of struct finode_alias is not aligned");

static inline struct alias_core *alias_core(struct finode_alias *alias)
{
	return (struct alias_core *)(void *)alias->library;
}

/* Zeroed, it is empty. */
struct children {
	union {
		struct finode_alias *only;     /* the one chain, while bits is 0 */
		struct finode_alias **buckets; /* 1 << bits chains */
	};
	struct finode_alias **old; /* NULL unless it is being emptied into buckets */
	uint32_t moved;		   /* chains of old that are empty */
	uint32_t count;
	uint8_t bits;
};

/* Where a walk stands: after a place and, there, after an address. Zeroed: before all. */
struct children_cursor {
	uint32_t place; /* CHILDREN_END: after all */
	uintptr_t alias;
};

#define CHILDREN_END (1u << 31)

/* @return the alias, borrowed, or NULL */
struct finode_alias *finode__children_find(const struct children *children,
					   const char *name, uint32_t hash);

/* The name is not there yet. */
void finode__children_add(struct children *children, struct finode_alias *alias,
			  const struct finode_allocator *allocator, uint64_t *bytes);

/* The alias is there. */
void finode__children_remove(struct children *children, struct finode_alias *alias,
			     const struct finode_allocator *allocator, uint64_t *bytes);

/* The cursor that stands on an alias, which may have been removed by now. */
struct children_cursor finode__children_at(const struct finode_alias *alias);

/*
 * The first child after a cursor, which moves on to it. Looks at no more than `chains`
 * chains. @return the alias, borrowed; NULL if there was none in these chains: the cursor
 * stands after them, at CHILDREN_END if they were the last
 */
struct finode_alias *finode__children_after(const struct children *children,
					    struct children_cursor *cursor,
					    unsigned int chains);

/*
 * Walks the chains: the first alias of the nth, in *first, which may be NULL.
 * @return false if there are no more than n chains
 */
bool finode__children_chain(const struct children *children, uint32_t n,
			    struct finode_alias **first);

#endif
