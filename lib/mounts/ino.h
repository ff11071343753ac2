/* SPDX-License-Identifier: BSD-3-Clause */
/* See ino.c. */
#ifndef FINODE_LIB_INO_H
#define FINODE_LIB_INO_H

struct finode_mount;

/* A mount ends, with the lock of mounts held: its prefixes may be used for others. */
void finode__mount_unmap_locked(struct finode_mount *mount);

#endif
