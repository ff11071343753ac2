/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands behind inodes: fds, opened when needed and closed for room. See backing.c. */
#ifndef HOSTFS_BACKING_H
#define HOSTFS_BACKING_H

#include <finode/hostfs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget;

#define BACKING_SHARDS 16

/* The library's part of struct hostfs_inode. */
struct backing_node {
	_Atomic uint32_t word; /* state, flags, users */
	int fd;		       /* while OPEN or CLOSING */
	/* The ring of its shard, while it may be closed. Protected by the shard's lock. */
	struct backing_node *prev, *next;
};

struct backing_shard {
	_Alignas(64) pthread_mutex_t lock;
	pthread_cond_t changed; /* an inode has left OPENING or CLOSING */

	/* Protected by the lock. */
	struct backing_node ring;
	unsigned long length;
};

struct backing {
	struct budget *budget;	    /* set at init */
	_Atomic unsigned long kept; /* fds that may not be closed, now */
	_Atomic unsigned int hand;  /* the shard to be asked next */
	_Atomic uint64_t opened, closed, stale;
	struct backing_shard shards[BACKING_SHARDS];
};

/* From here on the budget finds room in what is idle here. */
void hostfs__backing_init(struct backing *backing, struct budget *budget);
void hostfs__backing_finish(struct backing *backing);

/*
 * A new inode, with the fd that a look-up has opened. Takes the fd if the inode has no
 * handle, and if it has one when there is room. @return 0 or -ENFILE
 */
int hostfs__backing_new(struct hostfs_inode *inode, bool handle, int *fd);

/* A look-up has found an inode whose fd is closed: takes this one if there is room. */
void hostfs__backing_offer(struct hostfs_inode *inode, int *fd);

/* The inode is evicted. */
void hostfs__backing_end(struct hostfs_inode *inode);

/*
 * The inode is about to lose its last name: its fd stays open until the inode ends, or
 * until hostfs__backing_release(). Takes `fd` if it has none. @return 0 or a negative errno
 */
int hostfs__backing_keep(struct hostfs_inode *inode, int *fd);
void hostfs__backing_release(struct hostfs_inode *inode);

/* Closes an fd that nobody uses. @return false if there is none */
bool hostfs__backing_close_idle(struct backing *backing);

#endif
