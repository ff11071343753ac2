/* SPDX-License-Identifier: BSD-3-Clause */
/* What memfs.c and memfs_data.c share: the objects, and the lock of all of them. */
#ifndef EXAMPLES_MEMFS_H
#define EXAMPLES_MEMFS_H

#include <finode.h>
#include <pthread.h>
#include <sys/stat.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include <finode/fuse.h>

#define MEM_TIMEOUT 60.0 /* seconds: all changes come through the kernel */

/* A name in a directory. */
struct mem_entry {
	UT_hash_handle hh;	 /* in the directory's entries, in the order of `off` */
	struct mem_inode *inode; /* the entry holds it */
	off_t off;		 /* where a listing goes on after it; not used again */
	char name[];
};

/* The author's object, which the library allocates with the base in it. */
struct mem_inode {
	struct finode base;
	struct stat st;
	char *data;		   /* of a file; the target of a symlink */
	struct mem_entry *entries; /* of a directory, as are the next two */
	struct mem_inode *parent;  /* borrowed: it has an entry of this one. Or NULL */
	off_t last_off;
};

extern struct finode_table *mem_table;
extern pthread_mutex_t mem_tree;

static inline pthread_mutex_t *mem_lock_tree(void)
{
	pthread_mutex_lock(&mem_tree);
	return &mem_tree;
}

static inline void mem_unlock_tree(pthread_mutex_t **held)
{
	pthread_mutex_unlock(*held);
}

/* Holds the lock to the end of the block. mem_evict() does not take it, so one may put. */
#define HOLD_TREE                                                                          \
	__attribute__((cleanup(mem_unlock_tree), unused)) pthread_mutex_t *held =          \
		mem_lock_tree()

static inline struct mem_inode *mem_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct mem_inode, base);
}

/* The inode of a request, if it has this type, 0 for any; or NULL, after a reply. */
struct finode *mem_get(fuse_req_t req, fuse_ino_t nodeid, mode_t type);

/* Its data, or what its entries are, has changed now. */
void mem_modified(struct mem_inode *inode);

/* The operations on one inode. */
void mem_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void mem_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		 struct fuse_file_info *fi);
void mem_readlink(fuse_req_t req, fuse_ino_t nodeid);
void mem_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void mem_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	      struct fuse_file_info *fi);
void mem_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size, off_t off,
	       struct fuse_file_info *fi);
void mem_statfs(fuse_req_t req, fuse_ino_t nodeid);

#endif
