/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that wait for a lock of the host. See lock_wait.c. */
#ifndef HOSTFS_LOCK_WAIT_H
#define HOSTFS_LOCK_WAIT_H

#include <fcntl.h>
#include <finode/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock_owner;
struct lock_owners;

/*
 * A request for a lock: a POSIX lock if there is an owner, else a BSD lock. Holds a use of
 * the owner and a reference to the file.
 */
struct lock_wait {
	struct lock_wait *next;
	fuse_req_t req;
	struct lock_owner *owner;
	struct finode_file *file;
	struct flock lock;
	int op;
};

struct lock_waits {
	struct lock_owners *owners; /* set at init */
	_Atomic uint64_t count;	    /* requests that had to wait */
	pthread_mutex_t mutex;
	pthread_cond_t arrived;
	pthread_t thread; /* while running */

	/* Protected by the mutex. */
	struct lock_wait *waiting;
	bool running, stopping;
};

void hostfs__lock_waits_init(struct lock_waits *waits, struct lock_owners *owners);
void hostfs__lock_waits_finish(struct lock_waits *waits);

/*
 * Takes the lock, or waits for it if the request may. Consumes the wait, from malloc(): it
 * is answered here and now, or by the thread.
 */
void hostfs__lock_or_wait(struct lock_waits *waits, struct lock_wait *wait, bool may_wait);

/* Ends the waiting: every request that waits is answered with EINTR. */
void hostfs__lock_waits_stop(struct lock_waits *waits);

#endif
