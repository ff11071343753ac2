/* SPDX-License-Identifier: BSD-3-Clause */
/* See lock.h. This file owns the debug build's record of what each thread holds. */
#include "lock.h"

#include <stdio.h>
#include <stdlib.h>

int finode__lock_init(struct lock *lock, enum lock_rank rank)
{
	lock->rank = rank;
	return -pthread_mutex_init(&lock->mutex, NULL);
}

void finode__lock_finish(struct lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

#ifdef FINODE_DEBUG
static const char *const rank_names[LOCK_RANKS] = {
	[LOCK_RANK_SHARD] = "shard",
	[LOCK_RANK_SLOTS] = "slots",
	[LOCK_RANK_NOTIFY] = "notify",
};

/* One bit for each rank that this thread holds. */
static _Thread_local unsigned held_ranks;

/* held_ranks is not 0. */
static const char *highest_held(void)
{
	return rank_names[31 - __builtin_clz(held_ranks)];
}

void finode__lock_check_order(enum lock_rank rank)
{
	if (held_ranks >> rank == 0)
		return;
	fprintf(stderr, "finode: lock order: taking %s while holding %s\n",
		rank_names[rank], highest_held());
	abort();
}

void finode__lock_note(enum lock_rank rank, int held)
{
	if (held)
		held_ranks |= 1u << rank;
	else
		held_ranks &= ~(1u << rank);
}

void finode__lock_check_none_held(const char *callback)
{
	if (held_ranks == 0)
		return;
	fprintf(stderr, "finode: lock order: %s while holding %s\n", callback,
		highest_held());
	abort();
}
#endif
