/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking the kernel to forget what it does not use. See reclaim.c. */
#ifndef HOSTFS_RECLAIM_H
#define HOSTFS_RECLAIM_H

#include <finode/fuse.h>

#include "object.h"

/* hostfs__object_obtain() for a request, with room made for the fd of a new inode. */
int hostfs__obtain(fuse_req_t req, struct object *object, struct finode **out);

/*
 * One more fd for a request, as hostfs__backing_reserve(), but that it waits for room.
 * @return 0 or -ENFILE, which has been counted
 */
int hostfs__reserve(fuse_req_t req);

#endif
