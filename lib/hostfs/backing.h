/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands behind inodes: fds, opened and closed within a budget. See backing.c. */
#ifndef HOSTFS_BACKING_H
#define HOSTFS_BACKING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct finode;
struct hostfs_inode;
struct hostfs_state;

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
	pthread_cond_t changed; /* somebody has left OPENING or CLOSING */
	struct backing_node ring;
	unsigned long length;
};

struct backing {
	unsigned long budget;
	_Atomic unsigned long fds;
	_Atomic unsigned long kept;
	_Atomic unsigned int hand; /* the shard to be asked next */
	_Atomic uint64_t opened, closed, refused, stale;
	struct backing_shard shards[BACKING_SHARDS];
};

void hostfs__backing_init(struct backing *backing, unsigned long fds);
void hostfs__backing_finish(struct backing *backing);

/*
 * A new inode, with the fd that a look-up has opened. The fd is taken if it must be (no
 * handle) or may be (the budget allows). @return 0 or -ENFILE
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

/* Counts an answer ENFILE, and the first time says so. */
void hostfs__backing_refused(struct hostfs_state *state);

/* One more fd. @return 0, or -ENFILE, which is not answered yet */
int hostfs__backing_try(struct hostfs_state *state);

/* One more fd, or -ENFILE, which is then counted as answered; and one fewer. */
int hostfs__backing_reserve(struct hostfs_state *state);
void hostfs__backing_unreserve(struct hostfs_state *state);

/* Closes something that nobody uses. @return false if there is nothing */
bool hostfs__backing_relieve(struct backing *backing);

#endif
