/* SPDX-License-Identifier: BSD-3-Clause */
/* What every file does with fds of the host. See fd.c. */
#ifndef HOSTFS_FD_H
#define HOSTFS_FD_H

struct statx;

/* Closes an fd, if it is one, and makes it -1. */
void hostfs__close(int *fd);

/* statx(2) of an fd: all that this library looks at. @return 0 or a negative errno */
int hostfs__statx_fd(int fd, struct statx *stx);

#endif
