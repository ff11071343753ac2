/* SPDX-License-Identifier: BSD-3-Clause */
/* See lock.h. This file owns the debug build's record of what each thread holds. */
#include "base/lock.h"

#include <stdio.h>
#include <stdlib.h>

int finode__lock_init(struct lock *lock, enum lock_rank rank)
{
	lock->rank = rank;
	lock->place = 0;
	return -pthread_mutex_init(&lock->mutex, NULL);
}

void finode__lock_finish(struct lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

#ifdef FINODE_DEBUG
static const char *const rank_names[LOCK_RANKS] = {
	[LOCK_RANK_TREE] = "tree",   [LOCK_RANK_STRIPE] = "stripe",
	[LOCK_RANK_SHARD] = "shard", [LOCK_RANK_MOUNTS] = "mounts",
	[LOCK_RANK_SLOTS] = "slots", [LOCK_RANK_LOOP] = "loop",
	[LOCK_RANK_RINGS] = "rings", [LOCK_RANK_NOTIFY] = "notify",
};

#define HELD_MAX 16

/* What this thread holds, in the order in which it was taken: rising. */
static _Thread_local const struct lock *held_locks[HELD_MAX];
static _Thread_local unsigned int held_count;

__attribute__((noreturn)) static void out_of_order(const char *what)
{
	fprintf(stderr, "finode: lock order: %s while holding %s\n", what,
		rank_names[held_locks[held_count - 1]->rank]);
	abort();
}

void finode__lock_check_order(const struct lock *lock)
{
	const struct lock *last = held_count ? held_locks[held_count - 1] : NULL;
	char what[40];

	if (!last || lock->rank > last->rank ||
	    (lock->rank == last->rank && lock->place > last->place))
		return;
	snprintf(what, sizeof(what), "taking %s", rank_names[lock->rank]);
	out_of_order(what);
}

void finode__lock_note(const struct lock *lock, int held)
{
	unsigned int i = held_count;

	if (held) {
		if (held_count == HELD_MAX)
			out_of_order("taking one more");
		held_locks[held_count++] = lock;
		return;
	}
	while (i > 0 && held_locks[i - 1] != lock)
		i--;
	for (; i > 0 && i < held_count; i++)
		held_locks[i - 1] = held_locks[i];
	held_count--;
}

void finode__lock_check_none_held(const char *callback)
{
	if (held_count > 0)
		out_of_order(callback);
}
#endif
