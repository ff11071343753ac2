/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OPEN, CREATE, TMPFILE, and RELEASE of files and directories.
 *
 * This file owns with whose rights a file is opened. A file is opened through the path in
 * /proc of its inode's O_PATH fd: what is opened is what was looked up, whatever has its
 * name by now.
 *
 * Invariants:
 *
 *   - Only regular files are opened here, and directories in dir.c. The kernel opens
 * special files by itself, and a request for one does not get the host's.
 *   - A file that is opened for reading is opened with the server's rights: the kernel has
 *     checked the caller's, also the right to execute, which open(2) cannot ask for. A file
 *     that is opened for writing is opened with the caller's.
 *   - O_DIRECT stays in the kernel of the mount: it is about its page cache, and on the
 *     host it would ask for aligned memory.
 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "budget.h"
#include "caller.h"
#include "entry.h"
#include "fd.h"
#include "file.h"
#include "handle.h"
#include "object.h"
#include "reclaim.h"
#include "request.h"
#include "state.h"

#define OPEN_FLAGS                                                                         \
	(O_ACCMODE | O_APPEND | O_TRUNC | O_DSYNC | O_SYNC | O_NONBLOCK | O_NOATIME)

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
	hostfs__budget_unreserve(state->budget);
	return opened->fd;
}

static void set_reply_flags(const struct hostfs_state *state, struct fuse_file_info *fi)
{
	fi->keep_cache = hostfs__wants(state, HOSTFS_KEEP_CACHE);
	fi->direct_io = hostfs__wants(state, HOSTFS_DIRECT_IO);
}

static void do_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	AUTO_USE struct use use = USE_NONE;
	struct opened opened = OPENED_NONE;
	int err;

	if (hostfs__wants(state, HOSTFS_NO_OPEN)) {
		finode_reply_err(req, -ENOSYS);
		return;
	}
	err = hostfs__use(req, nodeid, &use);
	if (!err)
		err = open_inode(req, &use, fi->flags, &opened);
	if (!err)
		err = hostfs__file_open(req, use.inode, &opened, &file);
	set_reply_flags(state, fi);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_open(req, file, fi);
	hostfs__opened_drop(req, &opened); /* unless the file has taken it */
}

static void do_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	(void)nodeid;
	/* In a session without OPEN only created files are released. */
	finode_reply_err(req, finode_file_close(hostfs_of(req)->table, fi->fh));
}

/* ---- Making ---- */

/* An inode without a name has an fd as long as it lives: its handle would open nothing. */
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
	if (!err && !name)
		err = keep_unnamed(inode, opened);
	if (!err)
		err = hostfs__entry(state, inode, &object.stx, S_IFREG, &entry);
	if (!err)
		err = hostfs__file_open(req, inode, opened, &file);
	set_reply_flags(state, fi);
	if (err)
		finode_reply_err(req, err);
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
		hostfs__budget_unreserve(state->budget);
	return err;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	AUTO_USE struct use dir = USE_NONE;
	struct opened opened = OPENED_NONE;
	const int flags =
		host_flags(state, fi->flags) | (fi->flags & O_EXCL) | O_CREAT | O_NOFOLLOW;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err)
		err = open_new(req, dir.fd, name, flags, mode, &opened);
	if (err)
		finode_reply_err(req, err);
	else
		reply_made(req, &dir, name, &opened, fi);
	hostfs__opened_drop(req, &opened);
}

void hostfs__tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		     struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	AUTO_USE struct use dir = USE_NONE;
	struct opened opened = OPENED_NONE;
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
	hostfs__opened_drop(req, &opened);
}

void hostfs__open_ops(struct fuse_lowlevel_ops *ops)
{
	ops->open = do_open;
	ops->create = do_create;
	ops->release = do_release;
	ops->releasedir = do_release;
}
