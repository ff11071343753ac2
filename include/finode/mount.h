/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Mounts: the filesystems below a server's root.
 *
 * An inode belongs to exactly one mount, for all of its life, and what identifies it is
 * the pair (mount, key). A table is born with one mount, the one of its root inode; it
 * lives as long as the table.
 */
#ifndef FINODE_MOUNT_H
#define FINODE_MOUNT_H

#include <stdint.h>

#include <finode/export.h>

struct finode;
struct finode_table;

/** Read-only for the author. */
struct finode_mount {
	/** The table that the mount, and so each inode in it, belongs to. */
	struct finode_table *table;
	/** The mount's root inode, borrowed: it lives as long as the mount. */
	struct finode *root;
	/** The library's own. */
	uint64_t library[2];
};

#endif
