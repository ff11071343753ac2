/* SPDX-License-Identifier: BSD-3-Clause */
/* Owners of POSIX locks that the host knows. See lock_owner.c. */
#ifndef HOSTFS_LOCK_OWNER_H
#define HOSTFS_LOCK_OWNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct budget;

#define LOCK_BUCKETS 64

/* A process, as far as it has locks on an inode. */
struct lock_owner {
	uint64_t nodeid, owner; /* set when made */
	int fd;			/* set when made; its locks are the owner's */
	_Atomic pid_t pid;	/* the one that has locked last */

	/* Protected by the mutex of the owners. */
	struct lock_owner *next;
	int users; /* and one for being in the table */
};

struct lock_owners {
	struct budget *budget; /* set at init */
	_Atomic uint64_t count;
	pthread_mutex_t mutex;
	struct lock_owner *buckets[LOCK_BUCKETS]; /* protected by the mutex */
};

void hostfs__lock_owners_init(struct lock_owners *owners, struct budget *budget);
void hostfs__lock_owners_finish(struct lock_owners *owners);

/* The owner, with a use; NULL if it has no locks. */
struct lock_owner *hostfs__lock_owner_get(struct lock_owners *owners, uint64_t nodeid,
					  uint64_t owner);

/*
 * The owner, with a use; made if need be, from an open file of the inode.
 * @return 0, -ENOMEM, -ENFILE or what open(2) says
 */
int hostfs__lock_owner_obtain(struct lock_owners *owners, uint64_t nodeid, uint64_t owner,
			      int fd, struct lock_owner **out);

/* The end of a use; NULL is fine. */
void hostfs__lock_owner_put(struct lock_owners *owners, struct lock_owner *owner);

/* A process has closed the file: its POSIX locks on it are gone. */
void hostfs__lock_owners_drop(struct lock_owners *owners, uint64_t nodeid, uint64_t owner);

/* Another process with locks on the inode; 0 if none is known. */
pid_t hostfs__lock_owners_other_pid(struct lock_owners *owners, uint64_t nodeid,
				    uint64_t owner);

#endif
