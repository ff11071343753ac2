/* SPDX-License-Identifier: BSD-3-Clause */
/* FUSE passthrough: the kernel reads and writes a file by itself. See passthrough.c. */
#ifndef HOSTFS_PASSTHROUGH_H
#define HOSTFS_PASSTHROUGH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct finode_session;
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
 * A file of an inode is being opened, with the host's `fd`, and not yet answered for: says
 * which backing file the kernel is to use; 0 if the data comes to the server.
 * @return 0 or -ENOMEM
 */
int hostfs__passthrough_open(struct passthrough *passthrough,
			     struct finode_session *session, uint64_t nodeid, int fd,
			     int32_t *backing_id);

/* The end of a file that hostfs__passthrough_open() has seen. */
void hostfs__passthrough_close(struct passthrough *passthrough, uint64_t nodeid);

/* The session ends, and with it every backing file. */
void hostfs__passthrough_stop(struct passthrough *passthrough);

#endif
