/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files: OPEN, CREATE, TMPFILE, RELEASE.
 *
 * This file owns the fds behind fi->fh. A file is opened through the path in /proc of its
 * inode's O_PATH fd: what is opened is what was looked up, whatever has its name by now.
 *
 * Invariants:
 *
 *   - Only regular files are opened here, and directories in dir.c; the kernel opens
 *     special files by itself, and who asks for one all the same does not get the host's.
 *   - Each fd is counted in the budget from before it is opened until it was closed.
 *   - A file that is opened for reading is opened with the server's rights: the kernel has
 *     checked the caller's, also the right to execute, which open(2) cannot ask for. One
 *     that is opened for writing is opened with the caller's.
 *   - O_DIRECT stays in the kernel of the mount: it is about its page cache, and on the
 *     host it would ask for aligned memory.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "reclaim.h"
#include "internal.h"

#define OPEN_FLAGS                                                                         \
	(O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC | O_NONBLOCK | O_NOATIME)

static int file_init(struct finode_file *base, void *arg)
{
	struct hostfs_file *file = hostfs_file(base);
	struct opened *opened = arg;

	file->fd = opened->fd;
	hostfs__file_part(file)->flags = opened->flags;
	opened->fd = -1;
	return 0;
}

static void file_release(struct finode_file *base)
{
	struct hostfs_file *file = hostfs_file(base);

	hostfs__passthrough_close(hostfs__state_of(base->inode), file);
	hostfs__dir_finish(file);
	hostfs__close(&file->fd);
	hostfs__backing_unreserve(hostfs__state_of(base->inode));
}

const struct finode_file_ops hostfs__file_ops = {
	FINODE_FILE_OPS_FOR(struct hostfs_file, base),
	.init = file_init,
	.release = file_release,
};

void hostfs__opened_drop(struct hostfs_state *state, struct opened *opened)
{
	if (opened->fd < 0)
		return;
	hostfs__close(&opened->fd);
	hostfs__backing_unreserve(state);
}

/* ---- Opening ---- */

static int host_flags(const struct hostfs_state *state, int flags)
{
	int host = (flags & OPEN_FLAGS) | O_CLOEXEC;

	if (!hostfs__wants(state, HOSTFS_WRITEBACK))
		return host;
	/* The kernel reads what it does not write whole, and knows where the end is. */
	if ((host & O_ACCMODE) == O_WRONLY)
		host = (host & ~O_ACCMODE) | O_RDWR;
	return host & ~O_APPEND;
}

static int open_as_caller(fuse_req_t req, int path_fd, int flags)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller;
	const bool groups = flags & O_TRUNC && hostfs__groups_decide(req, path_fd);
	char path[HOSTFS_PATH_MAX];
	int fd;

	hostfs_path(path_fd, path);
	hostfs_caller_begin(&caller, req, groups);
	do
		fd = open(path, flags);
	while (fd < 0 && hostfs_caller_retry(&caller, -errno));
	return fd < 0 ? -errno : fd;
}

/* @return an fd or a negative errno */
static int open_for(fuse_req_t req, int path_fd, int flags)
{
	const bool reads = (flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY;
	const bool more = hostfs__wants(hostfs__state(req), HOSTFS_WRITEBACK);
	char path[HOSTFS_PATH_MAX];
	int fd;

	hostfs_path(path_fd, path);
	fd = reads ? open(path, flags) : open_as_caller(req, path_fd, flags);
	if (reads && fd < 0)
		fd = -errno;
	/* Where root may less than the caller, as on NFS. */
	if (reads && fd == -EACCES)
		fd = open_as_caller(req, path_fd, flags);
	/* Where more was asked for than the caller did. */
	if (!reads && more && fd == -EACCES && (fd = open(path, flags)) < 0)
		fd = -errno;
	return fd;
}

static int open_inode(fuse_req_t req, const struct use *use, int flags,
		      struct opened *opened)
{
	struct hostfs_state *state = hostfs__state(req);
	int err;

	if (use->inode->type != S_IFREG)
		return use->inode->type == S_IFLNK   ? -ELOOP
		       : use->inode->type == S_IFDIR ? -EISDIR
						     : -ENXIO;
	err = hostfs__reserve(req);
	if (err)
		return err;
	opened->flags = host_flags(state, flags);
	opened->fd = open_for(req, use->fd, opened->flags);
	if (opened->fd >= 0)
		return 0;
	hostfs__backing_unreserve(state);
	return opened->fd;
}

static void set_reply_flags(const struct hostfs_state *state, struct fuse_file_info *fi)
{
	fi->keep_cache = hostfs__wants(state, HOSTFS_KEEP_CACHE);
	fi->direct_io = hostfs__wants(state, HOSTFS_DIRECT_IO);
}

/* The answer is an error, so the file, if there is one, was never open for the kernel. */
static void reply_failed(fuse_req_t req, struct finode_file *file, int err)
{
	if (file)
		finode_file_close(file->inode->mount->table, file->fh);
	finode_reply_err(req, err);
}

void hostfs__open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	AUTO_USE struct use use = USE_NONE;
	struct opened opened = {-1, 0};
	int err;

	if (hostfs__wants(state, HOSTFS_NO_OPEN)) {
		finode_reply_err(req, -ENOSYS);
		return;
	}
	err = hostfs__use(req, nodeid, &use);
	if (!err)
		err = open_inode(req, &use, fi->flags, &opened);
	if (!err)
		err = finode_file_open(use.inode, &opened, &file);
	if (!err)
		err = hostfs__passthrough_open(req, hostfs_file(file));
	set_reply_flags(state, fi);
	if (err)
		reply_failed(req, file, err);
	else
		finode_reply_open(req, file, fi);
	hostfs__opened_drop(state, &opened); /* unless file_init() took it */
}

void hostfs__release(fuse_req_t req, fuse_ino_t nodeid UNUSED, struct fuse_file_info *fi)
{
	/* A session without OPEN has RELEASE of created files only. */
	finode_reply_err(req, finode_file_close(hostfs_of(req)->table, fi->fh));
}

/* ---- Making ---- */

/* No name leads to it, so a handle would open nothing: it has an fd as long as it lives. */
static int keep_unnamed(struct finode *inode, const struct opened *opened)
{
	char path[HOSTFS_PATH_MAX];
	int fd, err;

	if (!hostfs__has_handle(inode))
		return 0;
	fd = open(hostfs_path(opened->fd, path), O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = hostfs__backing_keep(hostfs_inode(inode), &fd);
	hostfs__close(&fd);
	return err;
}

/* The answer to CREATE, and to TMPFILE, which has no name. */
static void reply_made(fuse_req_t req, const struct use *dir, const char *name,
		       struct opened *opened, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	FINODE_AUTOPUT struct finode *inode = NULL;
	AUTO_OBJECT struct object object;
	struct finode_entry entry;
	int err;

	hostfs__object_init(&object);
	err = hostfs__object_of(dir->inode, opened->fd, &object);
	if (!err)
		err = hostfs__obtain(req, &object, &inode);
	if (err >= 0 && !name)
		err = keep_unnamed(inode, opened);
	if (err >= 0)
		err = hostfs__entry(state, inode, &object.stx, S_IFREG, &entry);
	if (!err)
		err = finode_file_open(inode, opened, &file);
	if (!err)
		err = hostfs__passthrough_open(req, hostfs_file(file));
	set_reply_flags(state, fi);
	if (err)
		reply_failed(req, file, err);
	else if (name)
		finode_reply_create(req, dir->inode, name, inode, &entry, file, fi);
	else
		finode_reply_tmpfile(req, dir->inode, inode, &entry, file, fi);
}

/* openat(2) that makes a file, with the caller's rights. @return 0 or a negative errno */
static int open_new(fuse_req_t req, int dirfd, const char *name, int flags, mode_t mode,
		    struct opened *opened)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller = HOSTFS_CALLER_INIT;
	struct hostfs_state *state = hostfs__state(req);
	int err = hostfs__reserve(req);

	if (err)
		return err;
	hostfs_caller_begin(&caller, req, (mode & S_ISGID) != 0);
	mode = hostfs__masked(req, mode);
	do {
		opened->fd = openat(dirfd, name, flags, mode & 07777);
		err = opened->fd < 0 ? -errno : 0;
	} while (hostfs_caller_retry(&caller, err));
	opened->flags = flags;
	if (err)
		hostfs__backing_unreserve(state);
	return err;
}

void hostfs__create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	AUTO_USE struct use dir = USE_NONE;
	struct opened opened = {-1, 0};
	const int flags =
		host_flags(state, fi->flags) | (fi->flags & O_EXCL) | O_CREAT | O_NOFOLLOW;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err)
		err = open_new(req, dir.fd, name, flags, mode, &opened);
	if (err)
		finode_reply_err(req, err);
	else
		reply_made(req, &dir, name, &opened, fi);
	hostfs__opened_drop(state, &opened);
}

void hostfs__tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		     struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	AUTO_USE struct use dir = USE_NONE;
	struct opened opened = {-1, 0};
	char path[HOSTFS_PATH_MAX];
	const int flags = host_flags(state, fi->flags) | (fi->flags & O_EXCL) | O_TMPFILE;
	int err = hostfs__use(req, parent, &dir);

	if (!err && dir.inode->type != S_IFDIR)
		err = -ENOTDIR;
	if (!err)
		err = open_new(req, AT_FDCWD, hostfs_path(dir.fd, path), flags, mode,
			       &opened);
	if (err)
		finode_reply_err(req, err);
	else
		reply_made(req, &dir, NULL, &opened, fi);
	hostfs__opened_drop(state, &opened);
}

/* ---- A request's file ---- */

static int open_for_this(fuse_req_t req, fuse_ino_t nodeid, int flags, struct file_use *use)
{
	AUTO_USE struct use inode = USE_NONE;
	char path[HOSTFS_PATH_MAX];
	int err = hostfs__use(req, nodeid, &inode);

	if (!err)
		err = hostfs__reserve(req);
	if (err)
		return err;
	if (inode.inode->type != S_IFREG && inode.inode->type != S_IFDIR)
		errno = EBADF;
	else
		use->fd = open(hostfs_path(inode.fd, path), flags | O_CLOEXEC);
	if (use->fd < 0) {
		err = -errno;
		hostfs__backing_unreserve(hostfs__state(req));
		return err;
	}
	use->own = true;
	use->inode = finode_hold(inode.inode);
	return use->inode ? 0 : -EOVERFLOW;
}

int hostfs__file_use(fuse_req_t req, fuse_ino_t nodeid, const struct fuse_file_info *fi,
		     int flags, struct file_use *use)
{
	*use = FILE_USE_NONE;
	if (fi && fi->fh)
		use->file = finode_file_get(hostfs_of(req)->table, fi->fh);
	else if (hostfs__wants(hostfs__state(req), HOSTFS_NO_OPEN))
		return open_for_this(req, nodeid, flags, use);
	if (!use->file)
		return -EBADF;
	use->fd = hostfs_file(use->file)->fd;
	use->inode = finode_hold(use->file->inode);
	return use->inode ? 0 : -EOVERFLOW;
}

void hostfs__file_unuse(struct file_use *use)
{
	if (use->own && use->fd >= 0) {
		close(use->fd);
		hostfs__backing_unreserve(hostfs__state_of(use->inode));
	}
	finode_file_put(use->file);
	finode_put(use->inode);
	*use = FILE_USE_NONE;
}
