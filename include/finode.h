/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfinode: the inode and lookup cache of low-level FUSE servers.
 *
 * This header is all of the core, libfinode-core, which needs no libfuse. A libfuse server
 * includes <finode/fuse.h> too, which is libfinode's; a server that shows a directory of
 * the host <finode/hostfs.h>, which is libfinode-hostfs's.
 *
 * To begin with: table.h (how a table is made), inode.h (inodes and their references) and
 * examples/minimal.c. Each header begins with what it is for.
 *
 * What stays the same from version to version: docs/abi.md.
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
