/* SPDX-License-Identifier: BSD-3-Clause */
/* Which names are mountpoints of the host. See mountpoints.c. */
#ifndef HOSTFS_MOUNTPOINTS_H
#define HOSTFS_MOUNTPOINTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct finode_mount;
struct hostfs_state;

struct mountpoints {
	/* Set at init, never changed. */
	struct hostfs_state *state;
	int fd; /* /proc/self/mountinfo; -1 if it cannot be read */

	pthread_rwlock_t lock;
	/* Protected by the lock: hashes of the last components of mountpoints, sorted. */
	uint64_t *names;
	unsigned long count;
	/* Protected by the lock: mounts whose roots were listed, a reference to each. */
	struct finode_mount **held;
	unsigned long held_count;
};

void hostfs__mountpoints_init(struct mountpoints *mountpoints, struct hostfs_state *state);
void hostfs__mountpoints_finish(struct mountpoints *mountpoints);

/* Reads the host's mounts again if they have changed. */
void hostfs__mountpoints_refresh(struct mountpoints *mountpoints);

/* How many there are, of the last reading. */
unsigned long hostfs__mountpoints_count(struct mountpoints *mountpoints);

/* May the name, in some directory, be a mountpoint? */
bool hostfs__mountpoints_may_have(struct mountpoints *mountpoints, const char *name);

/* The number of its root was told: the mount stays, and so does the number. */
void hostfs__mountpoints_hold(struct mountpoints *mountpoints, struct finode_mount *mount);

/* Puts the mounts that are held. */
void hostfs__mountpoints_release(struct mountpoints *mountpoints);

#endif
