/* SPDX-License-Identifier: BSD-3-Clause */
/* Negative entries: names that the kernel knows not to be there. See negative.c. */
#ifndef HOSTFS_NEGATIVE_H
#define HOSTFS_NEGATIVE_H

#include <finode/fuse.h>
#include <pthread.h>
#include <stdint.h>

#define NEGATIVE_ENTRIES 256

struct negative_entry {
	uint64_t dir; /* a nodeid */
	char *name;   /* NULL if there is none */
};

struct negative_entries {
	pthread_mutex_t mutex;

	/* Protected by the mutex. */
	struct negative_entry ring[NEGATIVE_ENTRIES];
	unsigned int next;
};

void hostfs__negative_init(struct negative_entries *negative);
void hostfs__negative_finish(struct negative_entries *negative);

/* The answer to a request will be that the directory has no such name, or no more. */
void hostfs__negative_add(fuse_req_t req, const struct finode *dir, const char *name);

/* Tells the kernel to forget all of them. */
void hostfs__negative_forget(struct negative_entries *negative,
			     struct finode_session *session);

#endif
