/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that the kernel remembers as absent. See absent.c. */
#ifndef HOSTFS_NEGATIVE_H
#define HOSTFS_NEGATIVE_H

#include <finode/fuse.h>
#include <pthread.h>

#define ABSENT_NAMES 256

struct absent {
	uint64_t dir; /* a nodeid */
	char *name;   /* NULL if there is none */
};

struct absent_names {
	pthread_mutex_t mutex;

	/* protected by mutex */
	struct absent ring[ABSENT_NAMES];
	unsigned int next;
};

struct hostfs_state;

void hostfs__absent_init(struct hostfs_state *state);
void hostfs__absent_finish(struct hostfs_state *state);

/* The answer to a request will be that the directory has no such name, or no more. */
void hostfs__absent(fuse_req_t req, const struct finode *dir, const char *name);

/* Tells the kernel to forget all of them. */
void hostfs__absent_forget(struct finode_session *session, struct hostfs_state *state);

#endif
