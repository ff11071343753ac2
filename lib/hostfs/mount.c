/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of mounts.
 *
 * This file owns the fd of a mount's root, from the first look-up that comes into the mount
 * until nobody uses it. open_by_handle_at(2) needs that fd, and it keeps the mount's id
 * from being used again. A mount without handles has none: there the fds of its inodes do
 * that.
 */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <unistd.h>

#include "budget.h"
#include "fd.h"
#include "handle.h"
#include "object.h"
#include "state.h"

static struct hostfs_state *state_of(const struct finode_mount *base)
{
	const struct hostfs *fs = finode_table_user(base->table);

	return fs->state;
}

static int mount_init(struct finode_mount *base, void *arg)
{
	const struct object *object = arg;
	struct hostfs_state *state = state_of(base);
	struct hostfs_mount *mount = hostfs__mount(base);
	int err;

	mount->fd = -1;
	if (state->config.policy == HOSTFS_FDS || !S_ISDIR(object->stx.stx_mode))
		return 0;
	err = hostfs__budget_reserve(state->budget);
	if (err)
		return err;
	err = hostfs__open_for_handles(object->fd, &mount->fd);
	if (!err)
		return 0;
	hostfs__budget_unreserve(state->budget);
	if (err == -EPERM)
		hostfs__warn_once(state, WARN_HANDLES,
				  "this process may not open file handles "
				  "(CAP_DAC_READ_SEARCH): each inode costs a file "
				  "descriptor");
	/* A mount below the source without handles is no reason not to show it. */
	return base->parent || state->config.policy == HOSTFS_AUTO ? 0 : err;
}

static void mount_evict(struct finode_mount *base)
{
	struct hostfs_mount *mount = hostfs__mount(base);

	if (mount->fd < 0)
		return;
	hostfs__close(&mount->fd);
	hostfs__budget_unreserve(state_of(base)->budget);
}

static int mount_sync(struct finode_mount *base)
{
	FINODE_AUTOPUT struct finode *root = finode_mount_root(base);
	const int mount_fd = hostfs__mount(base)->fd;
	char path[HOSTFS_PATH_MAX];
	int fd = -1, opened = -1, err;

	if (mount_fd >= 0)
		return syncfs(mount_fd) < 0 ? -errno : 0;
	/* A mount that has inodes has its root. */
	if (!root)
		return 0;
	err = hostfs_get(root, &fd);
	if (err)
		return err;
	opened = open(hostfs_path(fd, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	err = opened < 0 || syncfs(opened) < 0 ? -errno : 0;
	hostfs__close(&opened);
	hostfs_put(root);
	return err;
}

const struct finode_mount_ops hostfs__mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct hostfs_mount, base),
	.init = mount_init,
	.evict = mount_evict,
	.sync = mount_sync,
};
