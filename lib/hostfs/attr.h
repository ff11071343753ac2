/* SPDX-License-Identifier: BSD-3-Clause */
/* GETATTR, SETATTR, STATX, ACCESS, READLINK, STATFS. See attr.c. */
#ifndef HOSTFS_ATTR_H
#define HOSTFS_ATTR_H

#include <finode/fuse.h>

void hostfs__attr_ops(struct fuse_lowlevel_ops *ops);

/* libfuse may not know this one. */
void hostfs__statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		   struct fuse_file_info *fi);

#endif
