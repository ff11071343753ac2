/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking the kernel to forget what it does not use. See bound.c. */
#ifndef HOSTFS_BOUND_H
#define HOSTFS_BOUND_H

#include <finode/fuse.h>

#include "object.h"

/* hostfs__object_obtain() for a request, with room made for the fd of a new inode. */
int hostfs__obtain(fuse_req_t req, struct object *object, struct finode **out);

#endif
