/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of inodes, and of the derived server's part of them. See inode.c. */
#ifndef HOSTFS_INODE_H
#define HOSTFS_INODE_H

struct hostfs_state;

/*
 * Fills in state->inode_ops from the config, and state->ops for the table. The argument of
 * init() is the struct object that was found.
 * @return 0, or -EINVAL with a line in the log
 */
int hostfs__inode_ops_init(struct hostfs_state *state);

#endif
