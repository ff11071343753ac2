/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fds of the host: close one, name one, look at one. This file owns nothing.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <finode/mount.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void hostfs__close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int hostfs__statx_fd(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		     STATX_BASIC_STATS | FINODE_STATX_MNT_ID, stx) < 0
		       ? -errno
		       : 0;
}

const char *hostfs_path(int fd, char buf[HOSTFS_PATH_MAX])
{
	snprintf(buf, HOSTFS_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}
