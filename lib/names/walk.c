/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk over the children of a directory.
 *
 * Between two steps nothing is locked, and all that is kept is the alias that the caller
 * stands on. It is held, so its hash and its address, which are its place in the order of
 * children.h, are its own even if it is no child any more. Each step returns the least
 * child after that place; so no child comes twice, and none that stays is passed over.
 */
#include "base/testing.h"
#include "names/names.h"

/*
 * A directory that was large keeps its array until it is empty. After this many empty
 * chains the stripe is released, for others that want it.
 */
#define CHAINS 256

/* With the stripe held: the next child, with references to it and to its inode, or NULL. */
static struct finode_alias *next_held(struct finode *dir, struct children_cursor *cursor)
{
	struct finode_alias *alias =
		finode__children_after(&dir_node(dir)->children, cursor, CHAINS);

	if (!alias || !slots_hold(inode_slot(alias->inode), alias->inode->nodeid))
		return NULL;
	atomic_fetch_add_explicit(&alias_core(alias)->holds, 1, memory_order_relaxed);
	return alias;
}

struct finode_alias *finode_child_next(struct finode *dir, struct finode_alias *previous)
{
	struct children_cursor cursor = {0};
	struct finode_alias *alias;
	struct stripe *stripe;

	if (!names_of(dir) || !inode_is_dir(dir))
		return NULL;
	stripe = stripe_of(dir);
	lock_take(&stripe->lock);
	if (previous)
		cursor = finode__children_at(previous);
	while (!(alias = next_held(dir, &cursor)) && cursor.place < CHILDREN_END) {
		lock_release(&stripe->lock);
		FINODE_YIELD("children: between chains");
		lock_take(&stripe->lock);
	}
	lock_release(&stripe->lock);
	finode_alias_put(previous);
	return alias;
}
