/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of mounts. See mount.c. */
#ifndef HOSTFS_MOUNT_H
#define HOSTFS_MOUNT_H

#include <finode/mount.h>

/* For the table. The argument of init() is the struct object that was found in the mount.
 */
extern const struct finode_mount_ops hostfs__mount_ops;

#endif
