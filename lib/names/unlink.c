/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See unlink.h. This file owns the states of backing objects and the waits for them, and
 * knows what each thread has pinned: finode_unlinked() with a pin held would wait for
 * itself.
 */
#include "names/unlink.h"

#include <errno.h>

#include "base/testing.h"
#include "core/end.h"
#include "finode/unlink.h"
#include "names/alias.h"

/* With the stripe held: waits while unlinked() or rebind() runs. */
static void settle_locked(struct stripe *stripe, const struct name_node *node)
{
	while (node->backing == BACKING_UNLINKING || node->backing == BACKING_REBINDING) {
		if (finode__any_put_off()) {
			lock_release(&stripe->lock);
			finode__end_put_off();
			lock_take(&stripe->lock);
			continue;
		}
		FINODE_YIELD("waits: backing, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
}

/* The same, and while another finode_unlinked() waits for pins: both reply after that. */
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
	pthread_cond_broadcast(&stripe->changed);
}

static bool has_name_or_file(const struct finode *inode)
{
	const struct name_node *node = name_node(inode);

	return finode__alias_first(inode) || node->opens > 0;
}

bool finode__backing_takes_names(const struct finode *inode)
{
	const struct name_node *node = name_node(inode);

	return node->backing == BACKING_HELD || node->backing == BACKING_WANTED;
}

/* ---- Pins ---- */

/* Of this thread, the last one last; what has no room is not noticed. */
#define PINS_NOTED 16
static _Thread_local struct {
	const struct finode *inode; /* only compared */
	uint64_t nodeid;
} pinned[PINS_NOTED];
static _Thread_local unsigned int pinned_count;

static void note_pin(const struct finode *inode)
{
	if (pinned_count < PINS_NOTED) {
		pinned[pinned_count].inode = inode;
		pinned[pinned_count++].nodeid = inode->nodeid;
	}
}

static void note_unpin(const struct finode *inode)
{
	unsigned int i = pinned_count;

	while (i > 0 && pinned[i - 1].inode != inode)
		i--;
	if (i == 0)
		return;
	for (; i < pinned_count; i++)
		pinned[i - 1] = pinned[i];
	pinned_count--;
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
	if (!err)
		note_pin(inode);
	return err;
}

void finode_unpin(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	bool mistake;

	if (!backing_is_tracked(inode))
		return;
	note_unpin(inode);
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	mistake = node->pins == 0;
	if (!mistake && --node->pins == 0)
		pthread_cond_broadcast(&stripe->changed);
	lock_release(&stripe->lock);
	if (mistake)
		finode__misuse(&inode_table(inode)->log,
			       "finode_unpin() of nodeid %#llx, which is not pinned",
			       (unsigned long long)inode->nodeid);
}

/* ---- unlinked() and rebind() ---- */

/* Has want_locked() to wait? */
static bool is_awaited_locked(const struct name_node *node, const struct finode *inode)
{
	if (node->backing != BACKING_HELD)
		return node->backing != BACKING_GONE;
	return node->pins > 0 && !has_name_or_file(inode);
}

/*
 * From HELD to UNLINKING, if it may be. What has pinned the inode may give it a name or
 * open it, so both are asked again after the wait.
 */
static bool want_locked(struct stripe *stripe, struct name_node *node,
			const struct finode *inode)
{
	settle_alone_locked(stripe, node);
	if (node->backing == BACKING_GONE || has_name_or_file(inode))
		return false;
	node->backing = BACKING_WANTED;
	while (node->pins > 0) {
		FINODE_YIELD("waits: pins, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
	if (has_name_or_file(inode)) {
		become_locked(stripe, node, BACKING_HELD);
		return false;
	}
	become_locked(stripe, node, BACKING_UNLINKING);
	return true;
}

bool finode_unlinked(struct finode *inode)
{
	struct stripe *stripe;
	struct name_node *node;
	bool wanted;

	/* The root needs no name. */
	if (!backing_is_tracked(inode) || inode_is_root(inode))
		return false;
	if (pinned_count > 0) {
		finode__misuse(&inode_table(inode)->log,
			       "finode_unlinked() of nodeid %#llx by who has pinned nodeid "
			       "%#llx: unpin before; the object is kept",
			       (unsigned long long)inode->nodeid,
			       (unsigned long long)pinned[pinned_count - 1].nodeid);
		return false;
	}
	stripe = stripe_of(inode);
	node = name_node(inode);
	lock_take(&stripe->lock);
	while (is_awaited_locked(node, inode) && finode__any_put_off()) {
		lock_release(&stripe->lock);
		finode__end_put_off();
		lock_take(&stripe->lock);
	}
	wanted = want_locked(stripe, node, inode);
	lock_release(&stripe->lock);
	if (!wanted)
		return false;
	finode__lock_check_none_held("unlinked()");
	FINODE_YIELD("unlinked: before unlinked()");
	inode_table(inode)->ops.unlinked(inode);
	lock_take(&stripe->lock);
	stripe->unlinked++;
	become_locked(stripe, node, BACKING_GONE);
	lock_release(&stripe->lock);
	return true;
}

static int call_rebind(struct finode *inode, void *arg)
{
	int err;

	finode__lock_check_none_held("rebind()");
	err = inode_table(inode)->ops.rebind(inode, arg);
	if (err <= 0)
		return err;
	finode__misuse(&inode_table(inode)->log,
		       "rebind() returned %d; it must be 0 or a negative errno", err);
	return -EIO;
}

int finode__backing_found(struct finode *inode, void *arg)
{
	struct stripe *stripe;
	struct name_node *node;
	bool gone;
	int err;

	if (!backing_is_tracked(inode))
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
