/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of hostfs share: the state of one hostfs, and what each file offers to
 * the others. The rules of each part are at the top of its own file.
 */
#ifndef HOSTFS_INTERNAL_H
#define HOSTFS_INTERNAL_H

#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <finode/hostfs.h>
#include <stdatomic.h>
#include <unistd.h>

#include "negative.h"
#include "backing.h"
#include "caller.h"
#include "recent.h"
#include "lock.h"
#include "mounts.h"
#include "object.h"
#include "passthrough.h"

/* Operations have libfuse's signatures, and no use for all of their arguments. */
#define UNUSED __attribute__((unused))

struct hostfs_state {
	struct hostfs *fs;
	struct hostfs_config config;
	struct hostfs_inode_ops inode_ops;
	struct finode_ops ops; /* of inodes */
	struct backing backing;
	struct identity self;
	struct host_mounts mounts;
	struct lock_owners locks;
	struct passthrough passthrough;
	struct negative_entries negative;
	struct recent_lookups recent;
	_Atomic uint64_t warned; /* bits of enum warning */
	_Atomic uint64_t prune_cursor;
	_Atomic uint64_t prunes;
	_Atomic int waiters;		/* for room, see reclaim.c */
	_Atomic unsigned long prune_at; /* kept fds at which the kernel is asked */
};

/* What is told once. */
enum warning {
	WARN_HANDLES = 1 << 0,
	WARN_RIGHTS = 1 << 1,
	WARN_MOUNTS = 1 << 2,
	WARN_FDS = 1 << 3
};

void hostfs__warn_once(struct hostfs_state *state, enum warning what, const char *message);

static inline struct hostfs_state *hostfs__state(fuse_req_t req)
{
	return hostfs_of(req)->state;
}

static inline bool hostfs__wants(const struct hostfs_state *state, enum hostfs_flag flag)
{
	return (state->config.flags & flag) != 0;
}

/* The hostfs that an inode belongs to. */
static inline struct hostfs_state *hostfs__state_of(const struct finode *inode)
{
	const struct hostfs *fs = finode_table_user(inode->mount->table);

	return fs->state;
}

/* The mount of an inode, with what hostfs keeps for it. */
struct hostfs_mount {
	struct finode_mount base;
	int fd; /* of its root, for open_by_handle_at(); -1 if there are no handles */
};

static inline struct hostfs_mount *hostfs__mount(struct finode_mount *base)
{
	return FINODE_CONTAINER_OF(base, struct hostfs_mount, base);
}

extern const struct finode_mount_ops hostfs__mount_ops;
extern const struct finode_file_ops hostfs__file_ops;

static inline void hostfs__close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- A request's inode, with its fd ---- */

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

/* ---- Open files ---- */

/* The library's part of struct hostfs_file. */
struct file_part {
	struct entries *entries; /* of an open directory, see dir.c */
	_Atomic int flags;	 /* as of open(2); F_SETFL changes them, see io.c */
	bool listed;		 /* among the open inodes of passthrough.c */
};

_Static_assert(sizeof(struct file_part) <= sizeof(((struct hostfs_file *)0)->library),
	       "the library's part of struct hostfs_file");

static inline struct file_part *hostfs__file_part(struct hostfs_file *file)
{
	return (struct file_part *)(void *)file->library;
}

/* What a file is made of; init() of struct hostfs_file takes the fd. */
struct opened {
	int fd; /* counted in the budget; -1 if there is none */
	int flags;
};

/* Closes what nobody took. */
void hostfs__opened_drop(struct hostfs_state *state, struct opened *opened);

/*
 * What fi->fh names. Without one, as in a session without OPEN, the inode is opened for
 * this request only.
 */
struct file_use {
	struct finode_file *file;
	struct finode *inode;
	int fd;
	bool own; /* the fd is closed at the end */
};

#define FILE_USE_NONE ((struct file_use){NULL, NULL, -1, false})
#define AUTO_FILE_USE __attribute__((cleanup(hostfs__file_unuse)))

/* @param flags for an open() of this request only. @return 0, -EBADF, -ESTALE, .. */
int hostfs__file_use(fuse_req_t req, fuse_ino_t nodeid, const struct fuse_file_info *fi,
		     int flags, struct file_use *use);
void hostfs__file_unuse(struct file_use *use);

/* ---- Each operation, in the file of its kind ---- */

void hostfs__lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void hostfs__forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup);
void hostfs__forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void hostfs__mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   dev_t rdev);
void hostfs__mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void hostfs__symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		     const char *name);
void hostfs__link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name);
void hostfs__unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void hostfs__rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void hostfs__rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		    fuse_ino_t newparent, const char *newname, unsigned int flags);

void hostfs__getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void hostfs__setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		     struct fuse_file_info *fi);
void hostfs__statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		   struct fuse_file_info *fi);
void hostfs__access(fuse_req_t req, fuse_ino_t nodeid, int mask);
void hostfs__readlink(fuse_req_t req, fuse_ino_t nodeid);
void hostfs__statfs(fuse_req_t req, fuse_ino_t nodeid);

void hostfs__open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void hostfs__create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    struct fuse_file_info *fi);
void hostfs__tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		     struct fuse_file_info *fi);
void hostfs__release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);

void hostfs__read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		  struct fuse_file_info *fi);
void hostfs__write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size,
		   off_t off, struct fuse_file_info *fi);
void hostfs__write_buf(fuse_req_t req, fuse_ino_t nodeid, struct fuse_bufvec *in, off_t off,
		       struct fuse_file_info *fi);
void hostfs__flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void hostfs__fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		   struct fuse_file_info *fi);
void hostfs__fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off, off_t length,
		       struct fuse_file_info *fi);
void hostfs__copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_off,
			     struct fuse_file_info *from_fi, fuse_ino_t to, off_t to_off,
			     struct fuse_file_info *to_fi, size_t length, int flags);
void hostfs__lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
		   struct fuse_file_info *fi);
void hostfs__ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
		   struct fuse_file_info *fi, unsigned int flags, const void *in,
		   size_t in_size, size_t out_size);

void hostfs__opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void hostfs__readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		     struct fuse_file_info *fi);
void hostfs__readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			 struct fuse_file_info *fi);
void hostfs__releasedir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void hostfs__fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		      struct fuse_file_info *fi);

void hostfs__setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		      const char *value, size_t size, int flags);
void hostfs__getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size);
void hostfs__listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size);
void hostfs__removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name);

void hostfs__getlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		   struct flock *lock);
void hostfs__setlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		   struct flock *lock, int sleep);
void hostfs__flock(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi, int op);

/* The buffer of an open directory's entries, freed with its file. */
void hostfs__dir_finish(struct hostfs_file *file);

#endif
