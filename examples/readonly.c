/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * readonly: shows a directory and refuses every change. Derived from hostfs: what changes
 * something is replaced, all else is the base's.
 *
 *     readonly /srv/data /mnt
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

#include "hostserve.h"

static const struct fuse_lowlevel_ops *base;
typedef struct fuse_file_info *file_info;

#define REFUSED finode_reply_err(req, -EROFS)
#define REFUSE(name_, ...)                                                                 \
	static void name_(fuse_req_t req, __VA_ARGS__)                                     \
	{                                                                                  \
		REFUSED;                                                                   \
	}

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

static void reading_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
			  file_info fi, unsigned f, const void *in, size_t size, size_t out)
{
	const bool sets = cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR;

	sets ? (void)REFUSED : base->ioctl(req, ino, cmd, arg, fi, f, in, size, out);
}

static void reading_open(fuse_req_t req, fuse_ino_t ino, file_info fi)
{
	const bool writes = (fi->flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY;

	writes ? (void)REFUSED : base->open(req, ino, fi);
}

static void customise(struct fuse_lowlevel_ops *ops, const struct fuse_lowlevel_ops *hostfs)
{
	base = hostfs;
	ops->setattr = no_setattr, ops->mknod = no_mknod, ops->mkdir = no_mkdir;
	ops->unlink = ops->rmdir = ops->removexattr = no_remove;
	ops->symlink = no_symlink, ops->rename = no_rename, ops->link = no_link;
	ops->create = no_create, ops->setxattr = no_setxattr, ops->ioctl = reading_ioctl;
	ops->open = reading_open;
}

int main(int argc, char *argv[])
{
	struct hostserve it = {"Shows SOURCE, unchangeable.", 0, customise, no_tmpfile};

	return hostserve_main(argc, argv, &it);
}
