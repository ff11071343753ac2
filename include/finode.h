/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfinode: the inode and lookup cache of low-level FUSE servers.
 *
 * This header is all of the core, libfinode-core, which needs no libfuse. A libfuse server
 * adds <finode/fuse.h>, of libfinode; one that shows a directory of the host
 * <finode/hostfs.h>, of libfinode-hostfs.
 */
#ifndef FINODE_H
#define FINODE_H

#include <finode/alias.h>
#include <finode/dirlock.h>
#include <finode/file.h>
#include <finode/inode.h>
#include <finode/mount.h>
#include <finode/name.h>
#include <finode/table.h>
#include <finode/unlink.h>
#include <finode/version.h>

#endif
