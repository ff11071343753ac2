/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * readonly: shows a directory and refuses every change, whoever asks. Derived from hostfs:
 * what would change something is replaced, all else is the base's.
 *
 *     readonly /usr/share /mnt && touch /mnt/new      # Read-only file system
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

#include "hostserve.h"

static const struct fuse_lowlevel_ops *base;

#define REFUSE(name_, ...)                                                                 \
	static void name_(fuse_req_t req, __VA_ARGS__)                                     \
	{                                                                                  \
		finode_reply_err(req, -EROFS);                                             \
	}

typedef struct fuse_file_info *file_info;

REFUSE(no_setattr, fuse_ino_t ino, struct stat *attr, int set, file_info fi)
REFUSE(no_mknod, fuse_ino_t dir, const char *name, mode_t mode, dev_t rdev)
REFUSE(no_mkdir, fuse_ino_t dir, const char *name, mode_t mode)
REFUSE(no_remove, fuse_ino_t dir, const char *name)
REFUSE(no_symlink, const char *target, fuse_ino_t dir, const char *name)
REFUSE(no_rename, fuse_ino_t a, const char *an, fuse_ino_t b, const char *bn, unsigned f)
REFUSE(no_link, fuse_ino_t ino, fuse_ino_t dir, const char *name)
REFUSE(no_create, fuse_ino_t dir, const char *name, mode_t mode, file_info fi)
REFUSE(no_tmpfile, fuse_ino_t dir, mode_t mode, file_info fi)
REFUSE(no_setxattr, fuse_ino_t i, const char *name, const char *value, size_t size, int f)
REFUSE(no_ioctl, fuse_ino_t ino, unsigned cmd, void *arg, file_info fi, unsigned f,
       const void *in, size_t in_size, size_t out_size)

static void reading_open(fuse_req_t req, fuse_ino_t ino, file_info fi)
{
	if ((fi->flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY)
		finode_reply_err(req, -EROFS);
	else
		base->open(req, ino, fi);
}

static void customise(struct fuse_lowlevel_ops *ops, const struct fuse_lowlevel_ops *hostfs)
{
	base = hostfs;
	ops->setattr = no_setattr, ops->mknod = no_mknod, ops->mkdir = no_mkdir;
	ops->unlink = ops->rmdir = ops->removexattr = no_remove;
	ops->symlink = no_symlink, ops->rename = no_rename, ops->link = no_link;
	ops->create = no_create, ops->setxattr = no_setxattr, ops->ioctl = no_ioctl;
	ops->open = reading_open; /* so nothing is open for writing */
}

int main(int argc, char *argv[])
{
	return hostserve_main(argc, argv,
			      &(struct hostserve){"Shows SOURCE, unchangeable.", 0,
						  customise, no_tmpfile});
}
