/* SPDX-License-Identifier: BSD-3-Clause */
/* Data that does not come to the server: FUSE passthrough. See through.c. */
#ifndef HOSTFS_PASSTHROUGH_H
#define HOSTFS_PASSTHROUGH_H

#include <finode/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hostfs_file;
struct hostfs_state;
struct open_inode;

#define THROUGH_BUCKETS 64

struct through {
	/* From the first open on, until it ends. */
	_Atomic(struct finode_session *) session;
	_Atomic bool off; /* this process may not, or this kernel cannot */
	_Atomic uint64_t passed;
	struct {
		pthread_mutex_t mutex;
		struct open_inode *first; /* protected by the mutex */
	} buckets[THROUGH_BUCKETS];
};

void hostfs__through_init(struct through *through);
void hostfs__through_finish(struct through *through);

/*
 * A file is being opened, and not yet answered for: says in it how it is to be.
 * @return 0 or -ENOMEM
 */
int hostfs__through_open(fuse_req_t req, struct hostfs_file *file);

/* A file that went through that has ended. */
void hostfs__through_close(struct hostfs_state *state, struct hostfs_file *file);

#endif
