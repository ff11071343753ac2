/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request begins with: its nodeid becomes an inode, and the inode an fd. This file
 * owns nothing; a struct use holds a reference and a use of the fd until the end of its
 * scope.
 */
#include "request.h"

#include <errno.h>
#include <finode/hostfs.h>

static int use_inode(struct use *use)
{
	int err = hostfs_get(use->inode, &use->fd);

	if (err)
		use->fd = -1;
	return err;
}

int hostfs__use(fuse_req_t req, fuse_ino_t nodeid, struct use *use)
{
	use->fd = -1;
	use->inode = finode_get(hostfs_of(req)->table, nodeid);
	return use->inode ? use_inode(use) : -ESTALE;
}

int hostfs__use_dir(fuse_req_t req, fuse_ino_t nodeid, const char *name, struct use *use)
{
	int err = finode_get_dir(hostfs_of(req)->table, nodeid, name, &use->inode);

	use->fd = -1;
	return err ? err : use_inode(use);
}

void hostfs__unuse(struct use *use)
{
	if (use->fd >= 0)
		hostfs_put(use->inode);
	finode_put(use->inode);
	*use = USE_NONE;
}
