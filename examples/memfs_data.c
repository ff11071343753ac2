/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The attributes and the bytes of memfs: operations on one inode. Of the library they need
 * the inode of a nodeid, and a reply.
 */
#include "memfs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MOST ((off_t)1 << 30) /* of a file; holes take memory, too */

/* The inode of a request, if it has this type, 0 for any; or NULL, after a reply. */
struct finode *mem_get(fuse_req_t req, fuse_ino_t nodeid, mode_t type)
{
	struct finode *inode = finode_get(mem_table, nodeid);

	if (inode && (!type || inode->type == type))
		return inode;
	finode_reply_err(req, inode ? -EINVAL : -ESTALE);
	finode_put(inode);
	return NULL;
}

void mem_modified(struct mem_inode *inode)
{
	clock_gettime(CLOCK_REALTIME, &inode->st.st_mtim);
	inode->st.st_ctim = inode->st.st_mtim;
}

static int mem_resize(struct mem_inode *inode, off_t size)
{
	char *data = size < 0 || size > SIZE_MOST ? NULL : realloc(inode->data, size + 1);

	if (!data)
		return size > SIZE_MOST ? -EFBIG : -ENOSPC;
	if (size > inode->st.st_size)
		memset(data + inode->st.st_size, 0, size - inode->st.st_size);
	inode->data = data;
	inode->st.st_size = size;
	inode->st.st_blocks = (size + 511) / 512;
	mem_modified(inode);
	return 0;
}

void mem_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, 0);

	if (inode)
		finode_reply_attr(req, inode, &mem_inode(inode)->st, MEM_TIMEOUT);
}

static void mem_change(struct stat *st, const struct stat *to, int set)
{
	clock_gettime(CLOCK_REALTIME, &st->st_ctim);
	if (set & FUSE_SET_ATTR_MODE)
		st->st_mode = (st->st_mode & S_IFMT) | (to->st_mode & ~S_IFMT);
	if (set & FUSE_SET_ATTR_UID)
		st->st_uid = to->st_uid;
	if (set & FUSE_SET_ATTR_GID)
		st->st_gid = to->st_gid;
	if (set & FUSE_SET_ATTR_ATIME)
		st->st_atim = set & FUSE_SET_ATTR_ATIME_NOW ? st->st_ctim : to->st_atim;
	if (set & FUSE_SET_ATTR_MTIME)
		st->st_mtim = set & FUSE_SET_ATTR_MTIME_NOW ? st->st_ctim : to->st_mtim;
}

void mem_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		 struct fuse_file_info *fi)
{
	const mode_t type = set & FUSE_SET_ATTR_SIZE ? S_IFREG : 0;
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, type);
	int err = inode && type ? mem_resize(mem_inode(inode), to->st_size) : 0;

	if (!inode)
		return;
	if (!err)
		mem_change(&mem_inode(inode)->st, to, set);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &mem_inode(inode)->st, MEM_TIMEOUT);
}

void mem_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, S_IFLNK);

	if (inode)
		fuse_reply_readlink(req, mem_inode(inode)->data);
}

/*
 * Nothing is kept for an open file: the kernel has its inode, and counts that. Who keeps
 * something derives it from struct finode_file.
 */
void mem_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, S_IFREG);
	int err = inode && (fi->flags & O_TRUNC) ? mem_resize(mem_inode(inode), 0) : 0;

	fi->keep_cache = 1;
	if (err)
		finode_reply_err(req, err);
	else if (inode)
		finode_reply_open(req, NULL, fi);
}

void mem_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, S_IFREG);
	off_t left = inode && off >= 0 ? mem_inode(inode)->st.st_size - off : 0;

	if (left > 0)
		fuse_reply_buf(req, mem_inode(inode)->data + off,
			       (off_t)size < left ? size : (size_t)left);
	else if (inode)
		fuse_reply_buf(req, NULL, 0);
}

void mem_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *base = mem_get(req, nodeid, S_IFREG);
	struct mem_inode *inode = base ? mem_inode(base) : NULL;
	int err = off < 0 || off > SIZE_MOST ? -EFBIG : 0;

	if (!inode)
		return;
	if (!err && off + (off_t)size > inode->st.st_size)
		err = mem_resize(inode, off + (off_t)size);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	memcpy(inode->data + off, data, size);
	mem_modified(inode);
	fuse_reply_write(req, size);
}

void mem_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	const struct statvfs st = {
		.f_bsize = sysconf(_SC_PAGESIZE),
		.f_frsize = sysconf(_SC_PAGESIZE),
		.f_blocks = sysconf(_SC_PHYS_PAGES),
		.f_bfree = sysconf(_SC_AVPHYS_PAGES),
		.f_bavail = sysconf(_SC_AVPHYS_PAGES),
		.f_namemax = NAME_MAX,
	};

	fuse_reply_statfs(req, &st);
}
