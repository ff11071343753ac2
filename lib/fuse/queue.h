/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue of notifications: what waits, in its order, and an index of it, so that what
 * waits is found again.
 *
 * Invariants, all under the lock:
 *
 *   - what waits is in the queue, in its order, and in one bucket of the index; what is
 *     being written is in neither, so an equal call after that is queued again
 *   - waiting <= limit, bytes <= limit_bytes
 *   - of each kind, queued = waiting + merged + sent + unknown + failed + dropped, and what
 *     is being written
 */
#ifndef FINODE_LIB_QUEUE_H
#define FINODE_LIB_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/lock.h"
#include "finode/fuse.h"

/* What a message says, and what makes two of them equal: all of it. */
struct saying {
	uint64_t nodeid; /* or the parent's */
	int64_t off, len;
	uint64_t child;
	uint32_t kind;
	uint32_t name_size; /* without its '\0' */
};

struct notice {
	struct notice *next;	  /* in the queue */
	struct notice *in_bucket; /* the next there */
	uint64_t hash;
	struct saying saying;
	uint64_t unique;  /* of a RETRIEVE */
	size_t data_size; /* of a STORE */
	char name[];	  /* ends in '\0'; or the data */
};

struct retrieve;

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
	size_t bytes, limit_bytes; /* of data that waits */
	uint64_t entered, left; /* how many ever came into the queue, and are done with */
	bool started, stopping, stopped;
	bool open;		    /* INIT was answered: what waits may be written */
	struct retrieve *retrieves; /* see retrieve.h */
	uint64_t retrieve_serial;
	struct finode_session_stats stats;

	_Atomic uint64_t refused; /* by the kernel */
};

/* Names come from users: without a secret they could all be made to fall into one bucket.
 */
uint64_t finode__notice_hash(const struct hash_seed *seed, const struct saying *saying,
			     const char *name);

/* The rest is called with the lock held. @return what waits and says the same, or NULL */
struct notice *finode__queue_find_locked(const struct notify *n,
					 const struct saying *saying, const char *name,
					 uint64_t hash);
void finode__queue_push_locked(struct notify *n, struct notice *notice);
/* There is one. */
struct notice *finode__queue_pop_locked(struct notify *n);

#endif
