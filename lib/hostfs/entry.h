/* SPDX-License-Identifier: BSD-3-Clause */
/* What replies say of an object of the host. See entry.c. */
#ifndef HOSTFS_ENTRY_H
#define HOSTFS_ENTRY_H

#include <finode/fuse.h>
#include <sys/stat.h>

struct hostfs_state;

/* As stat(2) would report an object of `mount` in this filesystem. */
int hostfs__attr(struct finode_mount *mount, const struct statx *stx, struct stat *attr);

/* How long the kernel may believe that. */
double hostfs__attr_timeout(const struct hostfs_state *state, const struct stat *attr);

/* What an entry reply says of an object. `created` as of struct finode_entry. */
int hostfs__entry(const struct hostfs_state *state, struct finode *inode,
		  const struct statx *stx, mode_t created, struct finode_entry *entry);

#endif
