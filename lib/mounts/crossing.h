/* SPDX-License-Identifier: BSD-3-Clause */
/* The roots of mounts, and what the kernel was told of them: see crossing.c. */
#ifndef FINODE_LIB_CROSSING_H
#define FINODE_LIB_CROSSING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/private.h"
#include "core/verdict.h"
#include "finode/table.h"

/*
 * A reply to (dir, name) is about to tell the kernel of the inode.
 * @return 1 if it is to say that this is the root of a submount; 0 if not; -ENOMEM
 */
FINODE_PRIVATE int finode__mount_cross(struct finode *dir, const char *name,
				       struct finode *inode);
/* The reply, which was told to announce, did not reach the kernel. */
FINODE_PRIVATE void finode__mount_withdraw(struct finode *inode);

/* An inode of a mount was retired: if it is an announced root, that is over. */
void finode__mount_retire_root(struct finode *inode);
/* No root is known to the kernel any more; with the lock held, where nothing is kept. */
void finode__mount_forget_roots(struct finode_mount *mount);
void finode__mount_forget_roots_locked(struct finode_mount *mount);

/* The nodeid of the n-th root that was announced, or 0. */
uint64_t finode__mount_announced(struct finode_mount *mount, unsigned int n);

/* Does the kernel take submounts? What its INIT has said. */
FINODE_PRIVATE void finode__crossings_announce(struct finode_table *table, bool announces);

int finode__crossings_init(struct finode_table *table, const struct finode_config *config);
void finode__crossings_finish(struct finode_table *table);
/* Of all mounts: the connection has ended. */
void finode__crossings_forget(struct finode_table *table);
void finode__crossings_stats(struct finode_table *table, struct finode_stats *sum);
int finode__crossings_check(struct finode_table *table, const struct verdict *verdict);

#endif
