/* SPDX-License-Identifier: BSD-3-Clause */
/* OPEN, CREATE, TMPFILE, RELEASE. See open.c. */
#ifndef HOSTFS_OPEN_H
#define HOSTFS_OPEN_H

#include <finode/fuse.h>

void hostfs__open_ops(struct fuse_lowlevel_ops *ops);

/* libfuse may not know this one. */
void hostfs__tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		     struct fuse_file_info *fi);

#endif
