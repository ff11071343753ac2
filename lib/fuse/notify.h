/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notifications: a bounded queue, and a thread that writes it to the kernel.
 *
 * INVAL_ENTRY, EXPIRE and DELETE take the lock of the parent directory in the kernel, and
 * so wait for a LOOKUP there that the server has not answered (protocol notes, section 4).
 * Therefore nobody but this thread writes them, it holds no lock meanwhile, and it is none
 * of those that answer requests.
 *
 * Invariants, all under the lock:
 *
 *   - what waits is in the queue, in its order, and in one bucket of the index; what is
 *     being written is in neither, so an equal call after that is queued again
 *   - waiting <= limit
 *   - of each kind, queued = waiting + merged + sent + absent + failed + dropped, and what
 *     is being written
 */
#ifndef FINODE_LIB_NOTIFY_H
#define FINODE_LIB_NOTIFY_H

#include <pthread.h>
#include <stdbool.h>

#include "finode/fuse.h"
#include "base/lock.h"

struct notice;
struct session;

struct notify {
	struct lock lock;
	pthread_cond_t wanted;	/* the thread waits: something to write, or the end */
	pthread_cond_t written; /* finode_notify_flush() waits */
	pthread_t thread;

	/* protected by lock */
	struct notice *first, **last;
	struct notice **buckets; /* NULL until the first call */
	unsigned int bucket_mask;
	unsigned int waiting, limit;
	uint64_t entered, left; /* how many ever came into the queue, and are done with */
	bool started, stopping, stopped;
	struct finode_session_stats stats;

	_Atomic uint64_t refused; /* by the kernel */
};

int finode__notify_init(struct session *s);
/* The end of the connection: drops what waits, and sees the thread off. */
void finode__notify_stop(struct session *s);
void finode__notify_finish(struct session *s);
void finode__notify_stats(struct session *s, struct finode_session_stats *stats);

#endif
