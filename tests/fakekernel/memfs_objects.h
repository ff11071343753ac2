/* SPDX-License-Identifier: BSD-3-Clause */
/* What memfs is made of: between its objects (memfs.c) and its operations. */
#ifndef TESTS_MEMFS_OBJECTS_H
#define TESTS_MEMFS_OBJECTS_H

#include "memfs.h"
#include "tree.h"

struct mem_inode {
	struct finode base;
	struct node *node; /* owned; NULL once it was released */
	struct tree *tree;
	uint64_t serial; /* of the node, for life */
	struct memfs *fs;
};

/* The object of a mount, in worlds with mounts. */
struct mem_mount {
	struct finode_mount base;
	struct mem_volume *volume; /* it holds a reference */
};

/* A node and the volume it is in; both are references. */
struct mem_place {
	struct mem_volume *volume;
	struct node *node;
};

static inline struct mem_inode *mem_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct mem_inode, base);
}

static inline struct tree *mem_tree(struct finode *base)
{
	return mem_inode(base)->tree;
}

/* The node of an inode, while `pinned`, a FINODE_AUTOUNPIN, is in scope. */
int mem_use(struct finode *inode, struct finode **pinned);

/* From a node, whose reference is consumed, to its inode and the entry for it. */
int mem_obtain(struct memfs *fs, struct finode *dir, struct node *node,
	       struct finode **inode, struct finode_entry *entry);

/* From a node that was found in `dir` to what covers it there, if anything does. */
void mem_cover(struct memfs *fs, struct finode *dir, struct mem_place *at);
/* The same, with the mount of it: a new reference; NULL on failure. */
int mem_cross(struct memfs *fs, struct finode *dir, struct mem_place *at,
	      struct finode_mount **mount);
/* Attributes as they are told: in worlds with mounts, with a number of their own. */
int mem_number(const struct memfs *fs, struct finode_mount *mount, struct stat *st);
int mem_stat(struct finode *inode, struct stat *st);

void mem_volumes_init(struct memfs *fs);
void mem_volumes_finish(struct memfs *fs);
void mem_volume_put(struct mem_volume *volume);

#endif
