/* SPDX-License-Identifier: BSD-3-Clause */
/* OPENDIR, READDIR, READDIRPLUS. See dir.c. */
#ifndef HOSTFS_DIR_H
#define HOSTFS_DIR_H

struct fuse_lowlevel_ops;

void hostfs__dir_ops(struct fuse_lowlevel_ops *ops);

#endif
