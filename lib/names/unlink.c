/* SPDX-License-Identifier: BSD-3-Clause */
/* See unlink.h. This file owns the states of backing objects and the waits for them. */
#include "names/unlink.h"

#include <errno.h>

#include "finode/unlink.h"
#include "base/log.h"
#include "base/testing.h"

/* With the stripe held: waits while a callback runs that lets go or takes hold again. */
static void settle_locked(struct stripe *stripe, const struct name_node *node)
{
	while (node->backing == BACKING_LETTING_GO || node->backing == BACKING_REBINDING) {
		FINODE_YIELD("waits: backing, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
}

/* The same, and while another one waits to let go: of two, the second replies later, too.
 */
static void settle_alone_locked(struct stripe *stripe, const struct name_node *node)
{
	while (node->backing != BACKING_HELD && node->backing != BACKING_GONE) {
		FINODE_YIELD("waits: backing, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
}

static void become_locked(struct stripe *stripe, struct name_node *node,
			  enum backing_state state)
{
	node->backing = state;
	if (!FINODE_MUTANT(no_wake_of_the_unlinked))
		pthread_cond_broadcast(&stripe->changed);
}

static bool has_name_or_file(const struct finode *inode)
{
	const struct name_node *node = name_node(inode);

	return finode__alias_first(inode) ||
	       (node->opens > 0 && !FINODE_MUTANT(unlinked_while_open));
}

bool finode__backing_takes_names(const struct finode *inode)
{
	const struct name_node *node = name_node(inode);

	return node->backing == BACKING_HELD || node->backing == BACKING_WANTED ||
	       FINODE_MUTANT(names_for_the_let_go);
}

int finode_pin(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	int err = 0;

	if (!backing_is_tracked(inode))
		return 0;
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	settle_locked(stripe, node);
	if (node->backing == BACKING_GONE)
		err = -ESTALE;
	else
		node->pins++;
	lock_release(&stripe->lock);
	return err;
}

void finode_unpin(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	bool mistake;

	if (!backing_is_tracked(inode))
		return;
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	mistake = node->pins == 0;
	if (!mistake && --node->pins == 0)
		pthread_cond_broadcast(&stripe->changed);
	lock_release(&stripe->lock);
	if (mistake)
		finode__misuse(inode_table(inode),
			       "finode_unpin() of nodeid %#llx, which is not pinned",
			       (unsigned long long)inode->nodeid);
}

/*
 * From HELD to LETTING_GO, if it may be. What has pinned the inode may give it a name or
 * open it, so both are asked again after the wait.
 */
static bool want_locked(struct stripe *stripe, struct name_node *node,
			const struct finode *inode)
{
	if (FINODE_MUTANT(two_let_go))
		settle_locked(stripe, node);
	else
		settle_alone_locked(stripe, node);
	if (node->backing == BACKING_GONE || has_name_or_file(inode))
		return false;
	node->backing = BACKING_WANTED;
	while (node->pins > 0 && !FINODE_MUTANT(no_wait_for_pins)) {
		FINODE_YIELD("waits: pins, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
	if (has_name_or_file(inode) && !FINODE_MUTANT(no_second_thought)) {
		become_locked(stripe, node, BACKING_HELD);
		return false;
	}
	become_locked(stripe, node, BACKING_LETTING_GO);
	return true;
}

int finode_unlinked(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	bool wanted;

	/* The root needs no name. */
	if (!backing_is_tracked(inode) || inode_is_root(inode))
		return 0;
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	wanted = want_locked(stripe, node, inode);
	lock_release(&stripe->lock);
	if (!wanted)
		return 0;
	finode__lock_check_none_held("unlinked()");
	FINODE_YIELD("unlinked: letting go");
	inode_table(inode)->ops->unlinked(inode);
	lock_take(&stripe->lock);
	stripe->let_go++;
	become_locked(stripe, node, BACKING_GONE);
	lock_release(&stripe->lock);
	return 1;
}

static int call_rebind(struct finode *inode, void *arg)
{
	int err;

	finode__lock_check_none_held("rebind()");
	err = inode_table(inode)->ops->rebind(inode, arg);
	if (err <= 0)
		return err;
	finode__misuse(inode_table(inode),
		       "rebind() returned %d; it must be 0 or a negative errno", err);
	return -EIO;
}

int finode__backing_found(struct finode *inode, void *arg)
{
	struct stripe *stripe;
	struct name_node *node;
	bool gone;
	int err;

	if (!backing_is_tracked(inode) || FINODE_MUTANT(no_rebind))
		return 0;
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	settle_locked(stripe, node);
	gone = node->backing == BACKING_GONE;
	if (gone)
		become_locked(stripe, node, BACKING_REBINDING);
	lock_release(&stripe->lock);
	if (!gone)
		return 0;
	FINODE_YIELD("obtain: rebinding");
	err = call_rebind(inode, arg);
	lock_take(&stripe->lock);
	stripe->rebound += err == 0;
	become_locked(stripe, node, err ? BACKING_GONE : BACKING_HELD);
	lock_release(&stripe->lock);
	return err;
}

int finode__backing_open(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	int err = 0;

	if (!backing_is_tracked(inode))
		return 0;
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	settle_locked(stripe, node);
	if (node->backing == BACKING_GONE)
		err = -ESTALE;
	else
		node->opens++;
	lock_release(&stripe->lock);
	return err;
}

void finode__backing_close(struct finode *inode)
{
	struct stripe *stripe;

	if (!backing_is_tracked(inode))
		return;
	stripe = stripe_of(inode);
	lock_take(&stripe->lock);
	name_node(inode)->opens--;
	lock_release(&stripe->lock);
}
