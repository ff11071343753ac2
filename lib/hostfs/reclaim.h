/* SPDX-License-Identifier: BSD-3-Clause */
/* Reclaim: asking the kernel to forget what it does not use. See reclaim.c. */
#ifndef HOSTFS_RECLAIM_H
#define HOSTFS_RECLAIM_H

#include <finode/fuse.h>
#include <stdatomic.h>
#include <stdint.h>

struct budget;
struct object;

struct reclaim {
	_Atomic uint64_t cursor;  /* where the next walk of the table goes on */
	_Atomic uint64_t prunes;  /* times that the kernel was asked */
	_Atomic int waiters;	  /* threads that wait for room */
	_Atomic unsigned long at; /* kept fds at which the kernel is asked next */
};

void hostfs__reclaim_init(struct reclaim *reclaim, const struct budget *budget);

/* hostfs__object_obtain() for a request, with room made for the fd of a new inode. */
int hostfs__obtain(fuse_req_t req, struct object *object, struct finode **out);

/*
 * One more fd for a request, as hostfs__budget_reserve(), but that it waits for room.
 * @return 0 or -ENFILE, which has been counted
 */
int hostfs__reserve(fuse_req_t req);

#endif
