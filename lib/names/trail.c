/* SPDX-License-Identifier: BSD-3-Clause */
/* See trail.h. */
#include "names/trail.h"

#include <errno.h>

#include "base/memory.h"
#include "names/alias.h"

void finode__trail_init(struct trail *trail, const struct finode *inode)
{
	trail->inode = inode;
	trail->aliases = trail->few;
	trail->room = TRAIL_FEW;
	trail->length = trail->wanted = 0;
}

bool finode__trail_add(struct trail *trail, struct finode_alias *alias)
{
	size_t place = trail->length++;

	if (trail->length > trail->wanted)
		trail->wanted = trail->length;
	if (place >= trail->room)
		return false;
	atomic_fetch_add_explicit(&alias_core(alias)->holds, 1, memory_order_relaxed);
	trail->aliases[place] = alias;
	return true;
}

void finode__trail_drop(struct trail *trail)
{
	size_t held = trail->length < trail->room ? trail->length : trail->room;

	while (held > 0) {
		struct finode_alias *alias = trail->aliases[--held];

		finode__alias_step(alias->inode, alias, false);
	}
	trail->length = 0;
}

static size_t memory_of(size_t room)
{
	return room * sizeof(struct finode_alias *);
}

static const struct finode_allocator *allocator_of(const struct trail *trail)
{
	return &inode_table(trail->inode)->allocator;
}

/* The allocator was called without a lock; the counter has one. */
static void count_bytes(const struct trail *trail, uint64_t bytes)
{
	struct stripe *stripe = stripe_of(trail->inode);

	lock_take(&stripe->lock);
	stripe->bytes += bytes; /* or less: it wraps */
	lock_release(&stripe->lock);
}

void finode__trail_finish(struct trail *trail)
{
	uint64_t bytes = 0;

	finode__trail_drop(trail);
	if (trail->aliases == trail->few)
		return;
	memory_put(allocator_of(trail), &bytes, trail->aliases, memory_of(trail->room));
	count_bytes(trail, bytes);
	trail->aliases = trail->few;
	trail->room = TRAIL_FEW;
}

int finode__trail_grow(struct trail *trail)
{
	struct finode_alias **aliases;
	uint64_t bytes = 0;

	finode__trail_finish(trail);
	aliases = memory_get(allocator_of(trail), &bytes, memory_of(trail->wanted));
	if (!aliases)
		return -ENOMEM;
	count_bytes(trail, bytes);
	trail->aliases = aliases;
	trail->room = trail->wanted;
	return 0;
}
