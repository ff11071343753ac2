/* SPDX-License-Identifier: BSD-3-Clause */
/* LOOKUP and FORGET, and every change of a name. See names.c. */
#ifndef HOSTFS_NAMES_H
#define HOSTFS_NAMES_H

struct fuse_lowlevel_ops;

void hostfs__names_ops(struct fuse_lowlevel_ops *ops);

#endif
