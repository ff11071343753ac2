/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a test of the glue needs: memfs as the server, the fake kernel, a client of it, and
 * an allocator that counts, and fails when it is told to. The end of a world asserts that
 * nothing is left: no inode, file, node, byte, fd.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "support/fixture.h"

#include "fakekernel.h"
#include "memfs.h"

struct world {
	struct memfs fs;
	struct fakekernel *fk;
	struct fk_client c;
	struct fk_options options; /* of the fake kernel; its server is the memfs */
	_Atomic unsigned int warnings;
	char first_warning[512]; /* to be read when there is one */
	_Atomic long fail_after; /* allocations that still succeed; below 0: all */
	_Atomic long live;	 /* allocations now */
	unsigned int fds;	 /* open when it began */
};

/* The server alone; options may be changed before world_connect(). */
void world_prepare(struct world *w);
void world_prepare_with_names(struct world *w);
/* One in which memfs_mount() may be called. */
void world_prepare_with_mounts(struct world *w);
/* One of the test's own: change() calls world_configure(), then does what it wants. */
void world_prepare_as(struct world *w,
		      void (*change)(struct finode_config *config, void *world));
void world_configure(struct finode_config *config, void *world);
void world_connect(struct world *w);
/* Both, with so many threads in the server. */
void world_begin(struct world *w, unsigned int workers);
/* The same with a table that keeps names. */
void world_begin_with_names(struct world *w, unsigned int workers);
void world_begin_with_mounts(struct world *w, unsigned int workers);

/* The books of the fake kernel are equal to the table, and both are in order. */
void world_assert_balanced(struct world *w);

/* Ends without a FORGET, with a DESTROY if asked for; nothing may be left. */
void world_finish(struct world *w, bool destroy);
/* The same after world_assert_balanced(). */
void world_end(struct world *w, bool destroy);

/* Does libfuse let the session see each message? See lib/fuse/fuse.h. */
bool world_is_interposed(struct world *w);

struct finode_stats world_stats(struct world *w);

#endif
