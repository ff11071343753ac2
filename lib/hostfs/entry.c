/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What replies say of an object of the host: its attributes, and for how long they may be
 * believed. This file owns nothing. Only the inode number is not the host's, where the
 * source has several mounts: finode_mount_ino().
 */
#include "entry.h"

#include <finode/mount.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "state.h"

static struct timespec time_of(struct statx_timestamp from)
{
	return (struct timespec){from.tv_sec, from.tv_nsec};
}

int hostfs__attr(struct finode_mount *mount, const struct statx *stx, struct stat *attr)
{
	const dev_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	uint64_t ino;
	int err = finode_mount_ino(mount, dev, stx->stx_ino, &ino);

	memset(attr, 0, sizeof(*attr));
	attr->st_dev = dev;
	attr->st_ino = ino;
	attr->st_mode = stx->stx_mode;
	attr->st_nlink = stx->stx_nlink;
	attr->st_uid = stx->stx_uid;
	attr->st_gid = stx->stx_gid;
	attr->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	attr->st_size = (off_t)stx->stx_size;
	attr->st_blksize = stx->stx_blksize;
	attr->st_blocks = (blkcnt_t)stx->stx_blocks;
	attr->st_atim = time_of(stx->stx_atime);
	attr->st_mtim = time_of(stx->stx_mtime);
	attr->st_ctim = time_of(stx->stx_ctime);
	return err;
}

double hostfs__attr_timeout(const struct hostfs_state *state, const struct stat *attr)
{
	/* Without a page cache the host takes suid away on a write, and tells nobody. */
	if (hostfs__wants(state, HOSTFS_DIRECT_IO) && S_ISREG(attr->st_mode) &&
	    attr->st_mode & (S_ISUID | S_ISGID))
		return 0;
	return state->config.attr_timeout;
}

int hostfs__entry(const struct hostfs_state *state, struct finode *inode,
		  const struct statx *stx, mode_t created, struct finode_entry *entry)
{
	int err;

	*entry = (struct finode_entry){
		.size = sizeof(*entry),
		.entry_timeout = state->config.entry_timeout,
		.created = created,
	};
	err = hostfs__attr(inode->mount, stx, &entry->attr);
	entry->attr_timeout = hostfs__attr_timeout(state, &entry->attr);
	return err;
}
