/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core tells those who build on it: names and mounts. They are given to the table
 * when it is made, as parts, and the core knows nothing else of them.
 */
#ifndef FINODE_LIB_HOOKS_H
#define FINODE_LIB_HOOKS_H

#include <stdio.h>

#include "finode/table.h"

struct verdict;

/*
 * Each is NULL until the one who cares has set it, in init() of its part. They are asked on
 * ordinary ways, so a table that needs none of them pays a comparison.
 */
struct hooks {
	/*
	 * finode_obtain() has found the inode that was meant; the caller holds it.
	 * @return 0, or an error that is returned instead
	 */
	int (*found)(struct finode *inode, void *arg);
	/* evict() has returned; who asks for the key waits still. May put other inodes. */
	void (*evicted)(struct finode *inode);
	/* An open file of the inode comes, or is not to be had: -ESTALE. */
	int (*file_opens)(struct finode *inode);
	/* It has gone, or has failed to come. */
	void (*file_closed)(struct finode *inode);
	/* A mount ends; the lock of struct mounts is held. */
	void (*mount_ends_locked)(struct finode_mount *mount);
	/* A mount was marked as detached; its inodes are about to be retired. */
	void (*mount_detached)(struct finode_mount *mount);
};

/* A folder that builds on the core. All but init() and finish() are optional. */
struct table_part {
	/* @return 0, or an error with nothing left behind */
	int (*init)(struct finode_table *table, const struct finode_config *config);
	void (*finish)(struct finode_table *table);
	/* The inode has lost its key, or its detached mount has taken it. The caller holds
	 * it. */
	void (*retired)(struct finode *inode);
	/* The connection has ended: holds no inode for the kernel any more. */
	void (*forget_all)(struct finode_table *table);
	/* The table ends: holds no inode at all any more. */
	void (*end)(struct finode_table *table);
	void (*stats)(struct finode_table *table, struct finode_stats *sum);
	int (*check)(struct finode_table *table, const struct verdict *verdict);
	void (*dump)(struct finode *inode, FILE *stream);
};

#endif
