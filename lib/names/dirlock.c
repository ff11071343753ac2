/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of a directory (dirlock.h): a few words in its node, under its stripe.
 *
 * Who cannot have the lock at once joins a ring and sleeps, each on a semaphore of its own.
 * The ring is in the order of arrival. Who releases the lock takes from its head all whom
 * the lock can be given to: one changer, or a run of sharers. It makes them holders in that
 * same step, under the stripe, and then wakes them; they find the lock theirs and take
 * nothing more.
 *
 * Invariants:
 *
 *   - The first of the ring cannot have the lock now. So whoever finds somebody waiting
 *     waits too, and neither sharers nor changers starve.
 *   - A waiter lies on the stack of who waits. It is in the ring, or in the list of one
 *     thread that is about to wake it, until its semaphore is posted, and is not touched
 *     after that.
 *
 * Two directories are locked in the order of their nodeids.
 */
#include "finode/dirlock.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "base/testing.h"
#include "core/end.h"
#include "names/names.h"

#define CHANGING UINT32_MAX /* as the number of sharers */

struct dir_waiter {
	struct dir_waiter *next; /* of the ring, or of those who are to be woken */
	bool changes;		 /* set by init, never changed */
	sem_t admitted;		 /* posted once */
};

/* Those whose name ends in _locked are called with the stripe of the directory held. */
static bool admissible_locked(const struct dir_node *node, bool changes)
{
	return changes ? node->sharers == 0 : node->sharers != CHANGING;
}

static void admit_locked(struct dir_node *node, bool changes)
{
	node->sharers = changes ? CHANGING : node->sharers + 1;
}

static void join_locked(struct dir_node *node, struct dir_waiter *waiter)
{
	struct dir_waiter *last = node->waiters;

	waiter->next = last ? last->next : waiter;
	if (last)
		last->next = waiter;
	node->waiters = waiter;
}

static struct dir_waiter *leave_ring_locked(struct dir_node *node)
{
	struct dir_waiter *first = node->waiters->next;

	if (first == node->waiters)
		node->waiters = NULL;
	else
		node->waiters->next = first->next;
	return first;
}

/* Makes holders of all at the head of the ring who may be. @return a list of them */
static struct dir_waiter *admit_waiters_locked(struct dir_node *node)
{
	struct dir_waiter *admitted = NULL, **end = &admitted;

	while (node->waiters && admissible_locked(node, node->waiters->next->changes)) {
		struct dir_waiter *waiter = leave_ring_locked(node);

		admit_locked(node, waiter->changes);
		*end = waiter;
		end = &waiter->next;
	}
	*end = NULL;
	return admitted;
}

/* Each may return, and its stack be used for something else, as soon as it is posted. */
static void wake(struct dir_waiter *waiter)
{
	while (waiter) {
		struct dir_waiter *next = waiter->next;

		sem_post(&waiter->admitted);
		waiter = next;
	}
}

/* A thread whose waiter is in the ring cannot be cancelled: its stack is in use. */
static void await_admission(struct dir_waiter *waiter)
{
	int cancelable;

	finode__lock_check_none_held("a wait");
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	FINODE_YIELD("waits: directory");
	while (sem_wait(&waiter->admitted) != 0)
		; /* EINTR */
	sem_destroy(&waiter->admitted);
	pthread_setcancelstate(cancelable, NULL);
}

static bool must_wait_locked(const struct dir_node *node, bool changes)
{
	return node->waiters || !admissible_locked(node, changes);
}

static void enter(struct finode *dir, bool changes)
{
	struct dir_waiter waiter = {.changes = changes};
	struct stripe *stripe = stripe_of(dir);
	struct dir_node *node = dir_node(dir);
	bool waits;

	lock_take(&stripe->lock);
	while ((waits = must_wait_locked(node, changes)) && finode__any_put_off()) {
		lock_release(&stripe->lock);
		finode__end_put_off();
		lock_take(&stripe->lock);
	}
	if (waits) {
		sem_init(&waiter.admitted, 0, 0);
		join_locked(node, &waiter);
	} else {
		admit_locked(node, changes);
	}
	lock_release(&stripe->lock);
	if (waits)
		await_admission(&waiter);
}

static void leave(struct finode *dir, bool changes)
{
	struct stripe *stripe = stripe_of(dir);
	struct dir_node *node = dir_node(dir);
	struct dir_waiter *admitted;

	lock_take(&stripe->lock);
	node->sharers = changes ? 0 : node->sharers - 1;
	admitted = admit_waiters_locked(node);
	lock_release(&stripe->lock);
	wake(admitted);
}

/* 0, with a reference to the directory, or why it cannot be locked. */
static int hold_lockable(struct finode *dir)
{
	if (!names_of(dir))
		return finode__names_refuse(dir);
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
	bool in_order = dir->nodeid < other->nodeid;
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
