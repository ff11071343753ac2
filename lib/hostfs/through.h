/* SPDX-License-Identifier: BSD-3-Clause */
/* Data that does not come to the server: FUSE passthrough. See through.c. */
#ifndef HOSTFS_THROUGH_H
#define HOSTFS_THROUGH_H

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
	_Atomic int
		dev_fd;	  /* of the session, from its first open on; -1 if there is none */
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
 * A file is being opened: how is it to be? For OPEN, which can be answered with a backing
 * file. @return the id of the backing file, 0 for none, or -ENOMEM
 */
int hostfs__through_open(fuse_req_t req, struct hostfs_file *file);

/* For CREATE and TMPFILE, which cannot. @return 0, -ENOMEM; -ESTALE if the inode has one */
int hostfs__through_create(fuse_req_t req, struct hostfs_file *file);

/* A file that went through one of the above has ended. */
void hostfs__through_close(struct hostfs_state *state, struct hostfs_file *file);

/* As finode_reply_open(), with the backing file. */
void hostfs__through_reply(fuse_req_t req, struct finode_file *file, int id);

#endif
