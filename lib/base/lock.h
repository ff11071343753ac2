/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks with ranks: the one place that says in which order locks are taken.
 *
 * A thread that holds a lock may take only locks of a higher rank, so no two threads
 * can wait for each other. Of one rank, only stripes or two shards may be held together,
 * and they are taken in the order of their places. Builds with FINODE_DEBUG keep a list of
 * what the thread holds and abort, naming both ranks, when the order is broken, or when a
 * callback of the author is about to run with a lock held. docs/locking.md explains each
 * rank; a test compares it with this enum.
 *
 * Invariant: a condition is waited for only with its own lock held, and no other.
 */
#ifndef FINODE_LIB_LOCK_H
#define FINODE_LIB_LOCK_H

#include <pthread.h>

#include "base/private.h"
#include "base/testing.h"

enum lock_rank {
	LOCK_RANK_TREE = 0,   /* every name of a directory */
	LOCK_RANK_STRIPE = 1, /* the names in some directories, and those of some inodes */
	LOCK_RANK_SHARD = 2, /* a shard of the index, the states of its inodes, its pools */
	LOCK_RANK_MOUNTS = 3, /* the mounts of a table, their ids and numbers */
	LOCK_RANK_SLOTS = 4,  /* the growth of one array of slots */
	LOCK_RANK_LOOP = 5,   /* the threads of a session's loop */
	LOCK_RANK_RINGS = 6,  /* the start of io_uring's threads, of all sessions */
	LOCK_RANK_NOTIFY = 7, /* the queue of notifications of a session */
	LOCK_RANKS
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
	unsigned int place; /* among those of its rank; 0 but for stripes and shards */
};

FINODE_PRIVATE int finode__lock_init(struct lock *lock, enum lock_rank rank);
FINODE_PRIVATE void finode__lock_finish(struct lock *lock);

#ifdef FINODE_DEBUG
FINODE_PRIVATE void finode__lock_check_order(const struct lock *lock);
FINODE_PRIVATE void finode__lock_note(const struct lock *lock, int held);
FINODE_PRIVATE void finode__lock_check_none_held(const char *callback);
#else
static inline void finode__lock_check_order(const struct lock *lock)
{
	(void)lock;
}
static inline void finode__lock_note(const struct lock *lock, int held)
{
	(void)lock;
	(void)held;
}
/* Called before each callback of the author (guarantee F). */
static inline void finode__lock_check_none_held(const char *callback)
{
	(void)callback;
}
#endif

static inline void lock_take(struct lock *lock)
{
	finode__lock_check_order(lock);
	/* A test wants to know who is about to wait for whom. */
	if (!FINODE_TESTED || pthread_mutex_trylock(&lock->mutex) != 0) {
		FINODE_YIELD("waits: lock");
		pthread_mutex_lock(&lock->mutex);
	}
	finode__lock_note(lock, 1);
}

static inline void lock_release(struct lock *lock)
{
	finode__lock_note(lock, 0);
	pthread_mutex_unlock(&lock->mutex);
}

static inline void lock_wait(struct lock *lock, pthread_cond_t *cond)
{
	finode__lock_note(lock, 0);
	finode__lock_check_none_held("a wait");
	pthread_cond_wait(cond, &lock->mutex);
	finode__lock_note(lock, 1);
}

#endif
