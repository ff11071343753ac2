/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes. See xattr.c. */
#ifndef HOSTFS_XATTR_H
#define HOSTFS_XATTR_H

struct fuse_lowlevel_ops;

void hostfs__xattr_ops(struct fuse_lowlevel_ops *ops);

#endif
