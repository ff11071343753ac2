/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks on files that the host knows. See lock.c. */
#ifndef HOSTFS_LOCK_H
#define HOSTFS_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hostfs_state;
struct lock_owner;
struct lock_wait;

#define LOCK_BUCKETS 64

struct lock_owners {
	struct hostfs_state *state;
	pthread_mutex_t mutex;
	_Atomic uint64_t count, waits;
	/* Protected by the mutex. */
	struct lock_owner *buckets[LOCK_BUCKETS];
	struct lock_wait *waiting;
	bool running, stopping;
	pthread_cond_t arrived;
	pthread_t thread;
};

void hostfs__locks_init(struct hostfs_state *state);
void hostfs__locks_finish(struct lock_owners *locks);

/* A process has closed the file: its POSIX locks on it are gone. */
void hostfs__locks_drop(struct lock_owners *locks, uint64_t nodeid, uint64_t owner);

/* Ends the waiting: every request that waits is answered with EINTR. */
void hostfs__locks_stop(struct lock_owners *locks);

#endif
