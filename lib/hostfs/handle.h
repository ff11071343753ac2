/* SPDX-License-Identifier: BSD-3-Clause */
/* File handles of the host, and the keys of inodes. See handle.c. */
#ifndef HOSTFS_HANDLE_H
#define HOSTFS_HANDLE_H

#include <finode/inode.h>
#include <finode/mount.h>
#include <stdbool.h>
#include <stddef.h>

struct statx;

/* ---- Mounts ---- */

/* The mount of an inode, with what hostfs keeps for it; mount.c makes it. */
struct hostfs_mount {
	struct finode_mount base;
	int fd; /* of its root, for open_by_handle_at(); -1 if there are no handles */
};

static inline struct hostfs_mount *hostfs__mount(struct finode_mount *base)
{
	return FINODE_CONTAINER_OF(base, struct hostfs_mount, base);
}

/* Are inodes of the mount known by their handles? */
bool hostfs__mount_has_handles(struct finode_mount *base);

/* An fd for open_by_handle_at() if that works for a directory. @return 0 or its error */
int hostfs__open_for_handles(int dirfd, int *out);

/* ---- Keys ---- */

#define HOST_KEY_MAX (4 + 128) /* a type and MAX_HANDLE_SZ */

/* What makes an object of the host itself within its mount. */
struct host_key {
	bool handle; /* made of a handle, not of a number */
	size_t size;
	unsigned char bytes[HOST_KEY_MAX];
};

/* The key of an object that has no handle. */
void hostfs__key_of_number(const struct statx *stx, struct host_key *key);

/* The key of what `fd` is open of. @return 0, or an error if it has no handle */
int hostfs__key_of_handle(int fd, struct host_key *key);

/* Is there a handle behind the inode? */
bool hostfs__has_handle(const struct finode *inode);

/* Opens the handle of an inode that has one, O_PATH. @return 0 or a negative errno */
int hostfs__open_handle(const struct finode *inode, int *fd);

#endif
