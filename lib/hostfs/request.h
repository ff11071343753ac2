/* SPDX-License-Identifier: BSD-3-Clause */
/* A request's inode, with its fd. See request.c. */
#ifndef HOSTFS_REQUEST_H
#define HOSTFS_REQUEST_H

#include <finode/fuse.h>
#include <stddef.h>

/* From hostfs__use() until the end of the scope. The fd is -1 if that failed. */
struct use {
	struct finode *inode;
	int fd;
};

#define USE_NONE ((struct use){NULL, -1})
#define AUTO_USE __attribute__((cleanup(hostfs__unuse)))

/* Resolves a nodeid and opens what is behind it. @return 0, -ESTALE, .. */
int hostfs__use(fuse_req_t req, fuse_ino_t nodeid, struct use *use);

/* The same for the directory of a request that names an entry. */
int hostfs__use_dir(fuse_req_t req, fuse_ino_t nodeid, const char *name, struct use *use);

void hostfs__unuse(struct use *use);

#endif
