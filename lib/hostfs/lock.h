/* SPDX-License-Identifier: BSD-3-Clause */
/* GETLK, SETLK, FLOCK. See lock.c. */
#ifndef HOSTFS_LOCK_H
#define HOSTFS_LOCK_H

struct fuse_lowlevel_ops;

void hostfs__lock_ops(struct fuse_lowlevel_ops *ops);

#endif
