/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of inodes.
 *
 * This file owns what the table is told of the derived server's inodes, and the order of an
 * inode's two parts: the fd or handle (backing.c) is there before the derived server's
 * init() and until after its evict().
 */
#include "inode.h"

#include <errno.h>
#include <stddef.h>

#include "backing.h"
#include "object.h"
#include "sized.h"
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

/* ---- The derived server's ops ---- */

/* The object of a server that derives nothing. */
struct underived {
	struct hostfs_inode base;
};

/* For the table: where in the derived object its own base is. */
static void set_table_ops(struct finode_ops *ops, const struct hostfs_inode_ops *derived)
{
	*ops = (struct finode_ops){
		.ops_size = sizeof(*ops),
		.object_size = derived->object_size,
		.object_align = derived->object_align,
		.base_offset = derived->base_offset + offsetof(struct hostfs_inode, base),
		.base_size = sizeof(struct finode),
		.init = inode_init,
		.evict = inode_evict,
	};
}

static const char *copy_known(struct hostfs_inode_ops *copy,
			      const struct hostfs_inode_ops *ops)
{
	/* The oldest program has all sizes. */
	if (!hostfs__sized_check(ops->ops_size, offsetof(struct hostfs_inode_ops, init)))
		return "config.inode_ops.ops_size is wrong: use HOSTFS_INODE_OPS_FOR";
	if (!hostfs__sized_in(copy, sizeof(*copy), ops, ops->ops_size))
		return "config.inode_ops has members that are newer than this library and "
		       "not 0";
	return NULL;
}

/* What of the ops does not fit this library, in words; NULL if all does. */
static const char *fault_of(const struct hostfs_inode_ops *ops)
{
	const size_t align = ops->object_align;

	if (ops->base_size < sizeof(struct hostfs_inode))
		return "config.inode_ops.base_size is less than this library needs: build "
		       "the program with its header";
	if (ops->object_size < ops->base_size ||
	    ops->base_offset > ops->object_size - ops->base_size)
		return "config.inode_ops.object_size has no room for the base: use "
		       "HOSTFS_INODE_OPS_FOR";
	if (ops->base_offset % _Alignof(struct hostfs_inode) != 0)
		return "config.inode_ops.base_offset is not aligned for the base";
	if ((align & (align - 1)) != 0 || align < _Alignof(struct hostfs_inode))
		return "config.inode_ops.object_align is no alignment of the base: use "
		       "HOSTFS_INODE_OPS_FOR";
	return NULL;
}

int hostfs__inode_ops_init(struct hostfs_state *state)
{
	static const struct hostfs_inode_ops none = {
		HOSTFS_INODE_OPS_FOR(struct underived, base)};
	const struct hostfs_inode_ops *ops = state->config.inode_ops;
	const char *fault = copy_known(&state->inode_ops, ops ? ops : &none);

	if (!fault)
		fault = fault_of(&state->inode_ops);
	if (fault) {
		hostfs__log_error(state, fault);
		return -EINVAL;
	}
	set_table_ops(&state->ops, &state->inode_ops);
	return 0;
}
