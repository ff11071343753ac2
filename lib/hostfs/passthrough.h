/* SPDX-License-Identifier: BSD-3-Clause */
/* Data that does not come to the server: FUSE passthrough. See passthrough.c. */
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

#define PASSTHROUGH_BUCKETS 64

struct passthrough {
	/* From the first open on, until it ends. */
	_Atomic(struct finode_session *) session;
	_Atomic bool off;	/* this process may not, or this kernel cannot */
	_Atomic uint64_t opens; /* of files with a backing file */
	struct {
		pthread_mutex_t mutex;
		struct open_inode *first; /* protected by the mutex */
	} buckets[PASSTHROUGH_BUCKETS];
};

void hostfs__passthrough_init(struct passthrough *passthrough);
void hostfs__passthrough_finish(struct passthrough *passthrough);

/*
 * A file is being opened, and not yet answered for: says in it how it is to be.
 * @return 0 or -ENOMEM
 */
int hostfs__passthrough_open(fuse_req_t req, struct hostfs_file *file);

/* The end of a file that hostfs__passthrough_open() has seen. */
void hostfs__passthrough_close(struct hostfs_state *state, struct hostfs_file *file);

#endif
