/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes: GETATTR, SETATTR, STATX, ACCESS, READLINK, STATFS.
 *
 * This file owns how an inode is changed. It keeps nothing: each answer is the host's of
 * this moment.
 *
 * Invariants:
 *
 *   - An object that is not a regular file is never opened, not even to change it: its mode
 *     goes through /proc, owner and times through its O_PATH fd, so symlinks and special
 *     files are changed themselves.
 *   - SETATTR runs with the caller's rights, but for one case. The kernel takes suid and
 * sgid away from a file in the name of the process that writes to it, which need not be the
 *     owner's. So a change of mode that takes only those may be done with the server's
 * rights.
 */
#include "attr.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <finode/mount.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "caller.h"
#include "entry.h"
#include "fd.h"
#include "file.h"
#include "request.h"
#include "state.h"

/* ---- Reading ---- */

/* The inode, with an fd for statx(): that of the open file if the request names one. */
static int use_for_stat(fuse_req_t req, fuse_ino_t nodeid, const struct fuse_file_info *fi,
			struct file_use *file, struct use *use, int *fd)
{
	struct finode_table *table = hostfs_of(req)->table;
	int err;

	if (fi && (file->file = finode_file_get(table, fi->fh)) &&
	    file->file->inode->nodeid == nodeid) {
		use->inode = finode_hold(file->file->inode);
		*fd = hostfs_file(file->file)->fd;
		return use->inode ? 0 : -EOVERFLOW;
	}
	err = hostfs__use(req, nodeid, use);
	*fd = use->fd;
	return err;
}

static void reply_attr(fuse_req_t req, struct finode *inode, int fd)
{
	struct statx stx;
	struct stat attr;
	int err = hostfs__statx_fd(fd, &stx);

	if (!err)
		err = hostfs__attr(inode->mount, &stx, &attr);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &attr,
				  hostfs__attr_timeout(hostfs__state(req), &attr));
}

static void do_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	AUTO_USE struct use use = USE_NONE;
	AUTO_FILE_USE struct file_use file = FILE_USE_NONE;
	int fd, err = use_for_stat(req, nodeid, fi, &file, &use, &fd);

	if (err)
		finode_reply_err(req, err);
	else
		reply_attr(req, use.inode, fd);
}

void hostfs__statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		   struct fuse_file_info *fi)
{
	AUTO_USE struct use use = USE_NONE;
	AUTO_FILE_USE struct file_use file = FILE_USE_NONE;
	const int how = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (flags & AT_STATX_SYNC_TYPE);
	struct statx stx;
	uint64_t ino;
	int fd, err = use_for_stat(req, nodeid, fi, &file, &use, &fd);

	if (!err &&
	    statx(fd, "", how, (unsigned int)mask | STATX_TYPE | STATX_INO, &stx) < 0)
		err = -errno;
	if (!err)
		err = finode_mount_ino(use.inode->mount,
				       makedev(stx.stx_dev_major, stx.stx_dev_minor),
				       stx.stx_ino, &ino);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	stx.stx_ino = ino;
	finode_reply_statx(req, use.inode, &stx, hostfs__state(req)->config.attr_timeout);
}

static void do_access(fuse_req_t req, fuse_ino_t nodeid, int mask)
{
	AUTO_USE struct use use = USE_NONE;
	struct hostfs_caller caller;
	int err = hostfs__use(req, nodeid, &use);

	if (!err) {
		hostfs_caller_begin(&caller, req, false);
		do
			err = syscall(SYS_faccessat2, use.fd, "", mask,
				      AT_EMPTY_PATH | AT_EACCESS) < 0
				      ? -errno
				      : 0;
		while (hostfs_caller_retry(&caller, err));
		hostfs_caller_end(&caller);
	}
	finode_reply_err(req, err);
}

static void do_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	AUTO_USE struct use use = USE_NONE;
	char target[PATH_MAX + 1];
	int err = hostfs__use(req, nodeid, &use);
	ssize_t length = 0;

	if (!err && use.inode->type != S_IFLNK)
		err = -EINVAL;
	if (!err && (length = readlinkat(use.fd, "", target, sizeof(target) - 1)) < 0)
		err = -errno;
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	target[length] = '\0';
	fuse_reply_readlink(req, target);
}

static void do_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	AUTO_USE struct use use = USE_NONE;
	struct statvfs st;
	int err = hostfs__use(req, nodeid, &use);

	if (!err && fstatvfs(use.fd, &st) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- Changing ---- */

#define SET_TIMES                                                                          \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |             \
	 FUSE_SET_ATTR_MTIME_NOW)

struct change {
	fuse_req_t req;
	int fd;	     /* O_PATH */
	int file_fd; /* open for writing, or -1 */
	const struct stat *to;
	int set;
};

/* Does the change of mode only take suid and sgid away? */
static bool only_kills(const struct change *change, mode_t mode)
{
	struct statx stx;

	return hostfs__statx_fd(change->fd, &stx) == 0 &&
	       ((stx.stx_mode ^ mode) & 07777 & ~(S_ISUID | S_ISGID)) == 0 &&
	       (mode & ~stx.stx_mode & (S_ISUID | S_ISGID)) == 0;
}

static int change_mode(const struct change *change, struct hostfs_caller *caller)
{
	const mode_t mode = change->to->st_mode & 07777;
	char path[HOSTFS_PATH_MAX];
	const bool groups = caller->groups;
	int err = chmod(hostfs_path(change->fd, path), mode) < 0 ? -errno : 0;

	if (err != -EPERM || !caller->caps || !only_kills(change, mode))
		return err;
	hostfs_caller_end(caller);
	err = chmod(path, mode) < 0 ? -errno : 0;
	hostfs_caller_begin(caller, change->req, groups);
	return err;
}

static int change_owner(const struct change *change)
{
	const uid_t uid = change->set & FUSE_SET_ATTR_UID ? change->to->st_uid : (uid_t)-1;
	const gid_t gid = change->set & FUSE_SET_ATTR_GID ? change->to->st_gid : (gid_t)-1;

	return fchownat(change->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int change_size(const struct change *change)
{
	const off_t size = change->to->st_size;
	char path[HOSTFS_PATH_MAX];

	if (change->file_fd >= 0)
		return ftruncate(change->file_fd, size) < 0 ? -errno : 0;
	return truncate(hostfs_path(change->fd, path), size) < 0 ? -errno : 0;
}

static struct timespec time_to_set(int set, int now, struct timespec time)
{
	return (struct timespec){time.tv_sec, now   ? UTIME_NOW
					      : set ? time.tv_nsec
						    : UTIME_OMIT};
}

static int change_times(const struct change *change)
{
	const int set = change->set;
	const struct timespec times[2] = {
		time_to_set(set & FUSE_SET_ATTR_ATIME, set & FUSE_SET_ATTR_ATIME_NOW,
			    change->to->st_atim),
		time_to_set(set & FUSE_SET_ATTR_MTIME, set & FUSE_SET_ATTR_MTIME_NOW,
			    change->to->st_mtim),
	};

	return utimensat(change->fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* In this order: a change of owner or size takes suid away, and sets times. */
static int change_all(const struct change *change, struct hostfs_caller *caller)
{
	const int set = change->set;
	int err = 0;

	if (set & FUSE_SET_ATTR_MODE)
		err = change_mode(change, caller);
	if (!err && set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		err = change_owner(change);
	if (!err && set & FUSE_SET_ATTR_SIZE)
		err = change_size(change);
	if (!err && set & SET_TIMES)
		err = change_times(change);
	return err;
}

static int change_as_caller(const struct change *change)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller = HOSTFS_CALLER_INIT;
	/* Whether sgid stays is decided by the groups, and not told. */
	const bool groups =
		change->set & FUSE_SET_ATTR_MODE
			? (change->to->st_mode & S_ISGID) != 0
			: change->set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID |
					 FUSE_SET_ATTR_SIZE) &&
				  hostfs__groups_decide(change->req, change->fd);
	int err;

	hostfs_caller_begin(&caller, change->req, groups);
	do
		err = change_all(change, &caller);
	while (hostfs_caller_retry(&caller, err));
	return err;
}

/*
 * A kernel that gathers writes keeps the times of a file. It sends them with whatever else
 * happens, in the name of a process that writes or of none, and has checked the rights of
 * the process that set them.
 */
static bool are_the_kernels_times(fuse_req_t req, int set)
{
	return hostfs__wants(hostfs__state(req), HOSTFS_WRITEBACK) &&
	       set & FUSE_SET_ATTR_CTIME;
}

/*
 * A change of nothing, and so of the ctime: chown(path, -1, -1), which any process may, or
 * the end of a capability. The mode stays; a chown(2) of the host would take suid.
 */
static int touch_ctime(const struct change *change)
{
	struct statx stx;
	char path[HOSTFS_PATH_MAX];
	int err = hostfs__statx_fd(change->fd, &stx);

	if (err)
		return err;
	if (stx.stx_mode & (S_ISUID | S_ISGID) && !S_ISLNK(stx.stx_mode))
		chmod(hostfs_path(change->fd, path), stx.stx_mode & 07777);
	else
		change_owner(change);
	return 0;
}

static int change_attr(const struct change *change)
{
	struct change others = *change;
	int err;

	if (change->set == 0)
		return touch_ctime(change);
	if (!are_the_kernels_times(change->req, change->set))
		return change_as_caller(change);
	others.set &= ~SET_TIMES;
	err = others.set ? change_as_caller(&others) : 0;
	return err || !(change->set & SET_TIMES) ? err : change_times(change);
}

static void do_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		       struct fuse_file_info *fi)
{
	struct finode_table *table = hostfs_of(req)->table;
	AUTO_USE struct use use = USE_NONE;
	FINODE_FILE_AUTOPUT struct finode_file *file =
		fi ? finode_file_get(table, fi->fh) : NULL;
	struct change change = {req, -1, -1, to, set};
	int err = hostfs__use(req, nodeid, &use);

	/* Only regular files are opened, so only they can be truncated. */
	if (!err && set & FUSE_SET_ATTR_SIZE && use.inode->type != S_IFREG)
		err = use.inode->type == S_IFDIR ? -EISDIR : -EINVAL;
	if (!err) {
		change.fd = use.fd;
		if (file && file->inode == use.inode)
			change.file_fd = hostfs_file(file)->fd;
		err = change_attr(&change);
	}
	if (err)
		finode_reply_err(req, err);
	else
		reply_attr(req, use.inode, use.fd);
}

void hostfs__attr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = do_getattr;
	ops->setattr = do_setattr;
	ops->access = do_access;
	ops->readlink = do_readlink;
	ops->statfs = do_statfs;
}
