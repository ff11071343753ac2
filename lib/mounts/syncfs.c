/* SPDX-License-Identifier: BSD-3-Clause */
/* Which mounts a SYNCFS is for: finode_mount_syncfs(). */
#include <errno.h>

#include "core/mount.h"
#include "core/mounts.h"
#include "mounts/crossing.h"

/* Does the kernel sync this one by itself, if it syncs all it knows? */
static bool kernel_knows(struct finode_mount *mount)
{
	uint64_t nodeid, nlookup = 0;

	/* An old kernel may use a root that it does not count: then it is synced twice. */
	for (unsigned int n = 0;
	     nlookup == 0 && (nodeid = finode__mount_announced(mount, n)) != 0; n++) {
		struct finode *root = finode_get(mount->table, nodeid);

		if (root)
			nlookup = finode_nlookup(root);
		finode_put(root);
	}
	return nlookup > 0;
}

/* Is the mount the one that was asked for, or below it and of no other filesystem? */
static bool belongs_to(struct finode_mount *mount, const struct finode_mount *asked)
{
	while (mount != asked) {
		if (!mount || kernel_knows(mount))
			return false;
		mount = mount->parent;
	}
	return true;
}

int finode_mount_syncfs(struct finode_table *table, uint64_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	const struct finode_mount_ops *ops = &table->mounts.ops;
	struct finode_mount *mount = NULL;
	int first = 0;

	if (!inode)
		return -ESTALE;
	if (!ops->sync)
		return -ENOSYS;
	while ((mount = finode__mounts_next(table, mount))) {
		int err = 0;

		if (belongs_to(mount, inode->mount)) {
			finode__lock_check_none_held("sync() of a mount");
			err = ops->sync(mount);
		}
		if (first == 0)
			first = err;
	}
	return first > 0 ? -EIO : first;
}
