/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of a directory (dirlock.h): a few words in its node, under its stripe.
 *
 * Who comes takes a ticket, and is let in in the order of the tickets: a sharer as soon as
 * nobody changes, a changer as soon as nobody has the lock. So a changer that waits makes
 * those who come after it wait too, and is not starved, and neither are they. Those who
 * wait sleep on the stripe's condition; they are few, so each wakes and looks for itself.
 *
 * Two directories are locked in the order of their nodeids.
 */
#include "finode/dirlock.h"

#include <errno.h>

#include "names/names.h"
#include "base/testing.h"

#define CHANGING UINT32_MAX /* as the number of sharers */

static bool may_enter(const struct dir_node *node, bool changes)
{
	return changes ? node->sharers == 0 : node->sharers != CHANGING;
}

static void enter(struct finode *dir, bool changes)
{
	struct stripe *stripe = stripe_of(dir);
	struct dir_node *node = dir_node(dir);
	uint32_t ticket;

	lock_take(&stripe->lock);
	ticket = node->next_ticket++;
	while ((node->now_serving != ticket && !FINODE_MUTANT(sharers_pass_changers)) ||
	       !may_enter(node, changes)) {
		FINODE_YIELD("waits: directory, locked");
		lock_wait(&stripe->lock, &stripe->changed);
	}
	node->sharers = changes ? CHANGING : node->sharers + 1;
	node->now_serving++;
	/* The next one may be a sharer too. */
	if (node->now_serving != node->next_ticket)
		pthread_cond_broadcast(&stripe->changed);
	lock_release(&stripe->lock);
}

static void leave(struct finode *dir, bool changes)
{
	struct stripe *stripe = stripe_of(dir);
	struct dir_node *node = dir_node(dir);

	lock_take(&stripe->lock);
	node->sharers = changes ? 0 : node->sharers - 1;
	if (node->now_serving != node->next_ticket)
		pthread_cond_broadcast(&stripe->changed);
	lock_release(&stripe->lock);
}

/* 0, with a reference to the directory, or why it cannot be locked. */
static int hold_lockable(struct finode *dir)
{
	if (!names_of(dir))
		return -EINVAL;
	if (!inode_is_dir(dir))
		return -ENOTDIR;
	return slots_hold(inode_slot(dir), dir->nodeid) ? 0 : -EOVERFLOW;
}

static int lock_one(struct finode *dir, struct finode_dirlock *lock, bool changes)
{
	int err = hold_lockable(dir);

	*lock = (struct finode_dirlock)FINODE_DIRLOCK_INIT;
	if (err)
		return err;
	enter(dir, changes);
	lock->dirs[0] = dir;
	lock->changes = changes;
	return 0;
}

int finode_dir_share(struct finode *dir, struct finode_dirlock *lock)
{
	return lock_one(dir, lock, false);
}

int finode_dir_change(struct finode *dir, struct finode_dirlock *lock)
{
	return lock_one(dir, lock, true);
}

int finode_dir_change_two(struct finode *dir, struct finode *other,
			  struct finode_dirlock *lock)
{
	bool in_order = dir->nodeid < other->nodeid || FINODE_MUTANT(dirs_in_any_order);
	struct finode *first = in_order ? dir : other;
	struct finode *second = in_order ? other : dir;
	int err;

	if (dir == other)
		return lock_one(dir, lock, true);
	*lock = (struct finode_dirlock)FINODE_DIRLOCK_INIT;
	if (inode_table(dir) != inode_table(other))
		return -EXDEV;
	err = hold_lockable(second);
	if (err)
		return err;
	err = lock_one(first, lock, true);
	if (err) {
		finode_put(second);
		return err;
	}
	enter(second, true);
	lock->dirs[1] = second;
	return 0;
}

void finode_dir_unlock(struct finode_dirlock *lock)
{
	for (int i = 1; i >= 0; i--) {
		struct finode *dir = lock->dirs[i];

		lock->dirs[i] = NULL;
		if (dir)
			leave(dir, lock->changes);
		finode_put(dir);
	}
}
