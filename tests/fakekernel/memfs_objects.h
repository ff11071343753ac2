/* SPDX-License-Identifier: BSD-3-Clause */
/* What memfs is made of: between its objects (memfs.c) and its operations. */
#ifndef TESTS_MEMFS_OBJECTS_H
#define TESTS_MEMFS_OBJECTS_H

#include "memfs.h"
#include "tree.h"

struct mem_inode {
	struct finode base;
	struct node *node; /* owned; NULL once it was let go */
	uint64_t serial;   /* of the node, for life */
	struct memfs *fs;
};

static inline struct mem_inode *mem_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct mem_inode, base);
}
/* The node of an inode, while `pinned`, a FINODE_AUTOUNPIN, is in scope. */
int mem_use(struct finode *inode, struct finode **pinned);

/* From a node, whose reference is consumed, to its inode and the entry for it. */
int mem_obtain(struct memfs *fs, struct finode *dir, struct node *node,
	       struct finode **inode, struct finode_entry *entry);

#endif
