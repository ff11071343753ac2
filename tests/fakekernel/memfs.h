/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server over a tree in memory, for tests: the operations of examples/minimal.c without a
 * host. It is as nasty a backend as the table may meet: inode numbers are used again at
 * once, while inodes of the old object still live (only match() tells them apart), and
 * hardlinks are found through any name by any thread.
 */
#ifndef TESTS_MEMFS_H
#define TESTS_MEMFS_H

#include <finode.h>
#include <finode/fuse.h>
#include <stdbool.h>

struct memfs {
	struct finode_table *table;
	/* what happened */
	_Atomic unsigned long inits, evicts, opens, releases;
	_Atomic long nodes; /* objects of the backend that live */
	/* what shall happen */
	_Atomic int init_error;	 /* init() fails with it */
	_Atomic bool bogus_type; /* LOOKUP answers with attributes of another type */
	_Atomic bool bogus_size;
	_Atomic bool bogus_root; /* LOOKUP answers with the root */
	_Atomic bool bogus_name; /* READDIR lists a name with a '/' */
	_Atomic bool open_flags; /* CREATE sets every flag of struct fuse_file_info */
	_Atomic double timeout;	 /* seconds, of every entry; 1 unless told otherwise */
	_Atomic double
		negative_timeout;    /* seconds, of LOOKUPs that find nothing; 0 at first */
	_Atomic unsigned long syncs; /* SYNCFS requests */
	_Atomic int statx_flags, statx_mask; /* of the last STATX */
	_Atomic bool statx_open;	     /* had it an open file? */
	/* Called in each LOOKUP before anything else, if it is set. */
	void (*_Atomic on_lookup)(struct memfs *fs, fuse_req_t req, uint64_t parent,
				  const char *name);
	void *arg; /* the test's own */
	struct tree *tree;
};

/* Starts with an empty root directory. `change`, if any, may change the config first. */
int memfs_start(struct memfs *fs, void (*change)(struct finode_config *config, void *arg),
		void *arg);
void memfs_stop(struct memfs *fs);

/* The server as a session is made of it. Its user is the memfs. */
struct finode_session_config memfs_server(struct memfs *fs);

#endif
