/* SPDX-License-Identifier: BSD-3-Clause */
/* How names come and go: see change.c. */
#ifndef FINODE_LIB_CHANGE_H
#define FINODE_LIB_CHANGE_H

#include "names/names.h"

/*
 * Attaches a new alias, or dooms it. @return 0; NAME_KNOWN if the name is known to
 * name the inode already; an error of finode_alias_add(); and -EEXIST if the name names
 * another inode and is not to be replaced
 */
#define NAME_KNOWN 1
int finode__alias_place(struct finode_alias *alias, bool replace,
			struct finode_alias **doomed);
/* Detaches all aliases of an inode that is retired, or is being evicted. */
void finode__aliases_detach(struct finode *inode, struct finode_alias **doomed);
/* Detaches the oldest aliases of an inode, until it has at most so many. */
void finode__aliases_trim(struct finode *inode, uint64_t most,
			  struct finode_alias **doomed);

#endif
