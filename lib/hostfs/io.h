/* SPDX-License-Identifier: BSD-3-Clause */
/* Data of open files. See io.c. */
#ifndef HOSTFS_IO_H
#define HOSTFS_IO_H

struct fuse_lowlevel_ops;

void hostfs__io_ops(struct fuse_lowlevel_ops *ops);

#endif
