/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of inodes.
 *
 * This file owns the order of an inode's two parts: the fd or handle (backing.c) is there
 * before the derived server's init() and until after its evict().
 */
#include "inode.h"

#include <errno.h>
#include <string.h>

#include "backing.h"
#include "object.h"
#include "state.h"

static int inode_init(struct finode *base, void *arg)
{
	struct object *object = arg;
	struct hostfs_inode *inode = hostfs_inode(base);
	const struct hostfs_inode_ops *ops = &hostfs__state_of(base)->inode_ops;
	int err = hostfs__backing_new(inode, object->key.handle, &object->fd);

	if (!err && ops->init) {
		err = ops->init(inode, &object->stx);
		if (err)
			hostfs__backing_end(inode);
	}
	return err;
}

static void inode_evict(struct finode *base)
{
	struct hostfs_inode *inode = hostfs_inode(base);
	const struct hostfs_inode_ops *ops = &hostfs__state_of(base)->inode_ops;

	if (ops->evict)
		ops->evict(inode);
	hostfs__backing_end(inode);
}

int hostfs__inode_ops_init(struct hostfs_state *state)
{
	struct hostfs_inode_ops *copy = &state->inode_ops;
	const struct hostfs_inode_ops *ops = state->config.inode_ops;

	*copy = (struct hostfs_inode_ops){
		.ops_size = sizeof(*copy),
		.object_size = sizeof(struct hostfs_inode),
	};
	if (ops) {
		if (ops->ops_size < offsetof(struct hostfs_inode_ops, init) ||
		    ops->ops_size > sizeof(*ops) ||
		    ops->object_size < sizeof(struct hostfs_inode) ||
		    ops->base_offset > ops->object_size - sizeof(struct hostfs_inode))
			return -EINVAL;
		memcpy(copy, ops, ops->ops_size);
	}
	state->ops = (struct finode_ops){
		.ops_size = sizeof(state->ops),
		.object_size = copy->object_size,
		.base_offset = copy->base_offset + offsetof(struct hostfs_inode, base),
		.init = inode_init,
		.evict = inode_evict,
	};
	return 0;
}
