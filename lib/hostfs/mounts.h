/* SPDX-License-Identifier: BSD-3-Clause */
/* Which names are mountpoints of the host. See mounts.c. */
#ifndef HOSTFS_MOUNTS_H
#define HOSTFS_MOUNTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct finode_mount;
struct hostfs_state;

struct host_mounts {
	int fd; /* /proc/self/mountinfo; -1 if it cannot be read */
	pthread_rwlock_t lock;
	/* Protected by the lock: hashes of the last components of mountpoints, sorted. */
	uint64_t *names;
	unsigned long count;
	/* Protected by the lock: mounts whose roots were listed, a reference to each. */
	struct finode_mount **held;
	unsigned long held_count;
};

void hostfs__mounts_init(struct hostfs_state *state);
void hostfs__mounts_finish(struct hostfs_state *state);

/* Sees to it that what is known of the host's mounts is what is true now. */
void hostfs__mounts_refresh(struct hostfs_state *state);

/* How many there are, of the last reading. */
unsigned long hostfs__mounts_count(struct hostfs_state *state);

/* May the name, in some directory, be a mountpoint? */
bool hostfs__mounts_may_have(struct hostfs_state *state, const char *name);

/* The number of its root was told: the mount stays, and so does the number. */
void hostfs__mounts_hold(struct hostfs_state *state, struct finode_mount *mount);
void hostfs__mounts_release(struct hostfs_state *state);

#endif
