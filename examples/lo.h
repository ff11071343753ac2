/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's side of a passthrough server: objects behind file descriptors, and those
 * operations of FUSE that are nothing but system calls on one. What a server has to tell
 * libfinode of names and inodes is in the examples that use this, minimal.c first.
 */
#ifndef EXAMPLES_LO_H
#define EXAMPLES_LO_H

#include <finode.h>
#include <finode/fuse.h>
#include <stdbool.h>
#include <sys/stat.h>

/*
 * The inode of a passthrough server: the library's base and, for the host's object, a file
 * descriptor that can be used for everything but reading and writing. While it is open, the
 * host does not give its inode number to another object.
 */
struct lo_inode {
	struct finode base;
	int fd; /* O_PATH, owned */
};

/* An open file or directory: what fi->fh names. */
struct lo_file {
	struct finode_file base;
	int fd; /* owned */
};

/* A mount of the host at or below the source. A directory in two mounts is two objects. */
struct lo_mount {
	struct finode_mount base;
	int fd; /* O_PATH of an object in it, owned */
};

/* What makes a host object itself, within its mount. */
struct lo_id {
	uint64_t ino, dev;
};

/* What one lookup found; the argument that init() of an inode may take the fd from. */
struct lo_object {
	int fd;
	struct lo_id id;
	struct statx stx;
	struct stat st; /* the same, as it is shown once lo_obtain() has returned */
};

#define LO_OBJECT_NONE ((struct lo_object){.fd = -1})

#define LO_TIMEOUT 1.0 /* seconds that the kernel may believe what we say */

/* What a reply says of an object; `created_` as in struct finode_entry. */
#define lo_entry(obj, created_)                                                            \
	FINODE_ENTRY(.attr = (obj)->st, .entry_timeout = LO_TIMEOUT,                       \
		     .attr_timeout = LO_TIMEOUT, .created = (created_))

static inline struct lo_inode *lo_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct lo_inode, base);
}

/* -1 for no file at all, on which every system call says EBADF. */
static inline int lo_fd(struct finode_file *base)
{
	return base ? FINODE_CONTAINER_OF(base, struct lo_file, base)->fd : -1;
}

static inline struct finode_key lo_key(const struct lo_object *obj)
{
	return (struct finode_key){&obj->id, sizeof(obj->id), obj->st.st_mode, 0};
}

/* Opens what a path, relative to an open directory, leads to. Returns 0 or an errno < 0. */
int lo_open_object(int dirfd, const char *path, int flags, struct lo_object *obj);

/* As finode_obtain(), of an object that was found in `dir`: in whatever mount it is. */
int lo_obtain(struct finode *dir, struct lo_object *obj, struct finode **inode);

/* A path to the host's object that survives renames and unlinks. */
const char *lo_path(int fd, char path[32]);

/*
 * What SETATTR asks for: the attributes `set` of what `path` leads to become those of `to`.
 * Flags are 0 or AT_SYMLINK_NOFOLLOW; `file`, which may be NULL, is one that is open for
 * writing. Returns 0 or a negative errno.
 */
int lo_change(const char *path, int flags, struct finode_file *file, const struct stat *to,
	      int set);

/* Closes an fd that nobody took, and makes it -1. */
void lo_close(int *fd);

/*
 * What is made belongs to who asked for it: for the length of one system call the thread
 * acts as the caller of the request, then as itself. Without privileges this changes
 * nothing.
 */
void lo_act_as_caller(fuse_req_t req);
void lo_act_as_self(void);

/*
 * Each inode costs a file descriptor, and the kernel remembers inodes as long as it has
 * memory. An inode counts the fds that it keeps; lo_reclaim(), called at look-ups, asks the
 * kernel from time to time to drop those inodes that nobody uses.
 */
void lo_count_fd(int change);
void lo_reclaim(fuse_req_t req);

/* Of struct lo_mount: init() is given the object of the root, or one found in the mount. */
extern const struct finode_mount_ops lo_mount_ops;

/* Of struct lo_file: init() takes the fd that its argument, an int *, points to. */
extern const struct finode_file_ops lo_file_ops;

/* FORGET and BATCH_FORGET: the table counts, and there is nothing else to do. */
void lo_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup);
void lo_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

/* Operations on an inode. */
void lo_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void lo_statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
	      struct fuse_file_info *fi);
void lo_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		struct fuse_file_info *fi);
void lo_readlink(fuse_req_t req, fuse_ino_t nodeid);
void lo_statfs(fuse_req_t req, fuse_ino_t nodeid);
void lo_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);

/* Operations on an open file, which is a struct lo_file. */
void lo_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void lo_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	     struct fuse_file_info *fi);
void lo_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size, off_t off,
	      struct fuse_file_info *fi);
void lo_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync, struct fuse_file_info *fi);
void lo_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
	      struct fuse_file_info *fi);
void lo_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		struct fuse_file_info *fi);
void lo_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi);

#endif
