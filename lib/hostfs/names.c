/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names: LOOKUP, what makes a name, and what removes or moves one.
 *
 * This file owns the order of things around a name. A directory's fd is taken with the
 * server's rights; one system call on one name is made with the caller's; what that has
 * made is looked up with the server's rights again, and replied with a count.
 *
 * Invariants:
 *
 *   - A name is one component, finode_get_dir() has seen to it, and it is never followed:
 *     nothing here can leave the directory that the fd stands for.
 *   - An inode that is about to lose what may be its last name keeps its fd from before the
 *     system call on, since its handle would not open afterwards.
 *   - LINK answers with the inode that was linked, whatever has the name by now.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/alias.h>
#include <finode/hostfs.h>
#include <finode/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "caller.h"
#include "entry.h"
#include "fd.h"
#include "handle.h"
#include "negative.h"
#include "object.h"
#include "recent.h"
#include "reclaim.h"
#include "request.h"
#include "state.h"

/* ---- Looking up ---- */

/* Answers with what `name` is now; `created` as of struct finode_entry. */
static void reply_child(fuse_req_t req, const struct use *dir, const char *name,
			mode_t created)
{
	const struct hostfs_state *state = hostfs__state(req);
	FINODE_AUTOPUT struct finode *inode = NULL;
	AUTO_OBJECT struct object object;
	struct finode_entry entry;
	int err;

	hostfs__object_init(&object);
	err = hostfs__object_find(dir->inode, dir->fd, name, &object);
	if (!err)
		err = hostfs__obtain(req, &object, &inode);
	if (!err)
		err = hostfs__entry(state, inode, &object.stx, created, &entry);
	if (err == -ENOENT) {
		hostfs__negative_add(req, dir->inode, name);
		finode_reply_negative(req, dir->inode, name,
				      state->config.negative_timeout);
	} else if (err) {
		finode_reply_err(req, err);
	} else {
		finode_reply_entry(req, dir->inode, name, inode, &entry);
	}
}

/* LOOKUP of "." and "..", by a kernel that has only a file handle of its own. */
static void lookup_dot(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(hostfs_of(req)->table, nodeid);
	FINODE_AUTOPUT struct finode *found = NULL;
	struct finode_entry entry;
	struct statx stx;
	int err = -ESTALE, fd;

	/* The parent by which the table knows it: the host's ".." may lead out. */
	if (inode)
		found = name[1] ? finode_parent(inode) : finode_hold(inode);
	if (found)
		err = hostfs_get(found, &fd);
	if (!err) {
		err = hostfs__statx_fd(fd, &stx);
		hostfs_put(found);
	}
	if (!err)
		err = hostfs__entry(hostfs__state(req), found, &stx, 0, &entry);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, inode, name, found, &entry);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	AUTO_USE struct use dir = USE_NONE;
	const bool dot = name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
	int err;

	if (dot && hostfs__wants(hostfs__state(req), HOSTFS_EXPORT)) {
		lookup_dot(req, parent, name);
		return;
	}
	err = hostfs__use_dir(req, parent, name, &dir);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	hostfs__recent_add(hostfs__state(req)->recent, parent);
	reply_child(req, &dir, name, 0);
}

static void do_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, hostfs_of(req)->table, nodeid, nlookup);
}

static void do_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, hostfs_of(req)->table, count, forgets);
}

/* ---- Making ---- */

/* MKNOD, MKDIR and SYMLINK differ in one system call. */
static int make(fuse_req_t req, int dirfd, const char *name, mode_t mode, dev_t rdev,
		const char *target)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller;
	mode_t masked;
	int err;

	/* Whether S_ISGID stays is decided by the groups, and not told. */
	hostfs_caller_begin(&caller, req, (mode & S_ISGID) != 0);
	masked = hostfs__masked(req, mode);
	do
		err = (S_ISDIR(mode)   ? mkdirat(dirfd, name, masked & 07777)
		       : S_ISLNK(mode) ? symlinkat(target, dirfd, name)
				       : mknodat(dirfd, name, masked, rdev)) < 0
			      ? -errno
			      : 0;
	while (hostfs_caller_retry(&caller, err));
	return err;
}

static void make_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			   dev_t rdev, const char *target)
{
	AUTO_USE struct use dir = USE_NONE;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err)
		err = make(req, dir.fd, name, mode, rdev, target);
	if (err)
		finode_reply_err(req, err);
	else
		reply_child(req, &dir, name, mode & S_IFMT);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	if ((mode & S_IFMT) == 0)
		mode |= S_IFREG;
	/* mknod(2) makes neither, and make() takes them for something else. */
	if (S_ISDIR(mode) || S_ISLNK(mode))
		finode_reply_err(req, -EINVAL);
	else
		make_and_reply(req, parent, name, mode, rdev, "");
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make_and_reply(req, parent, name, (mode & ~S_IFMT) | S_IFDIR, 0, "");
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	make_and_reply(req, parent, name, S_IFLNK, 0, target);
}

static int link_as_caller(fuse_req_t req, int fd, int dirfd, const char *name)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller;
	char path[HOSTFS_PATH_MAX];
	int err;

	/*
	 * By /proc, and not with AT_EMPTY_PATH, which asks for CAP_DAC_READ_SEARCH: so
	 * protected_hardlinks is asked as on the host. It links what the fd stands for, a
	 * symlink itself too, and a file of O_TMPFILE.
	 */
	hostfs_caller_begin(&caller, req, false);
	do
		err = linkat(AT_FDCWD, hostfs_path(fd, path), dirfd, name,
			     AT_SYMLINK_FOLLOW) < 0
			      ? -errno
			      : 0;
	while (hostfs_caller_retry(&caller, err));
	return err;
}

static void do_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	AUTO_USE struct use dir = USE_NONE, use = USE_NONE;
	struct finode_entry entry;
	struct statx stx;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err)
		err = hostfs__use(req, nodeid, &use);
	if (!err)
		err = finode_mount_check_same(use.inode, dir.inode);
	if (!err)
		err = link_as_caller(req, use.fd, dir.fd, name);
	if (!err)
		err = hostfs__statx_fd(use.fd, &stx);
	if (!err)
		err = hostfs__entry(hostfs__state(req), use.inode, &stx, 0, &entry);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir.inode, name, use.inode, &entry);
}

/* ---- Removing ---- */

/*
 * The inode of `name`, which is about to lose it, keeps its fd from now on if it may have
 * no other name. @return a new reference if so, else NULL
 */
static struct finode *keep(const struct use *dir, const char *name)
{
	AUTO_OBJECT struct object object;
	struct finode *inode;

	hostfs__object_init(&object);
	/* Where there are no handles every inode has its fd. */
	if (!hostfs__mount_has_handles(dir->inode->mount) ||
	    hostfs__object_find(dir->inode, dir->fd, name, &object) != 0)
		return NULL;
	if (!S_ISDIR(object.stx.stx_mode) && object.stx.stx_nlink > 1)
		return NULL;
	inode = object.key.handle ? hostfs__object_known(&object) : NULL;
	/* If that fails, what is left of it cannot be used: ESTALE. */
	if (inode && hostfs__backing_keep(hostfs_inode(inode), &object.fd) != 0) {
		finode_put(inode);
		inode = NULL;
	}
	return inode;
}

/*
 * The end of keep(): if it has a name still, that one or another, its handle opens. A
 * removal that failed may have met one that did not, so it is the object that is asked.
 */
static void kept(struct finode *inode, int err)
{
	struct statx stx;
	int fd;

	if (!inode || hostfs_get(inode, &fd) != 0)
		return;
	if (hostfs__statx_fd(fd, &stx) == 0 && stx.stx_nlink > 0 &&
	    (err || !S_ISDIR(stx.stx_mode)))
		hostfs__backing_release(hostfs_inode(inode));
	hostfs_put(inode);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	AUTO_USE struct use dir = USE_NONE;
	struct hostfs_caller caller;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err) {
		inode = keep(&dir, name);
		hostfs_caller_begin(&caller, req, false);
		do
			err = unlinkat(dir.fd, name, flags) < 0 ? -errno : 0;
		while (hostfs_caller_retry(&caller, err));
		hostfs_caller_end(&caller);
		kept(inode, err);
	}
	if (!err) {
		if (hostfs__keeps_names(hostfs__state(req)))
			finode_alias_remove(dir.inode, name);
		hostfs__negative_add(req, dir.inode, name);
	}
	finode_reply_err(req, err);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

/* ---- Moving ---- */

static int rename_as_caller(fuse_req_t req, int dirfd, const char *name, int newdirfd,
			    const char *newname, unsigned int flags)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller;
	int err;

	hostfs_caller_begin(&caller, req, false);
	do
		err = renameat2(dirfd, name, newdirfd, newname, flags) < 0 ? -errno : 0;
	while (hostfs_caller_retry(&caller, err));
	return err;
}

/* The table's names follow. Without memory for that it knows neither of the two. */
static void rename_alias(const struct use *dir, const char *name, const struct use *newdir,
			 const char *newname, unsigned int flags)
{
	int err = finode_alias_rename(dir->inode, name, newdir->inode, newname, flags);

	if (err == -ENOMEM || err == -ELOOP) {
		finode_alias_drop(dir->inode, name, NULL);
		finode_alias_drop(newdir->inode, newname, NULL);
	}
}

static void renamed(fuse_req_t req, const struct use *dir, const char *name,
		    const struct use *newdir, const char *newname, unsigned int flags)
{
	if (hostfs__keeps_names(hostfs__state(req)))
		rename_alias(dir, name, newdir, newname, flags);
	if (!(flags & FINODE_RENAME_EXCHANGE))
		hostfs__negative_add(req, dir->inode, name);
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	FINODE_AUTOPUT struct finode *replaced = NULL;
	AUTO_USE struct use dir = USE_NONE, newdir = USE_NONE;
	int err = hostfs__use_dir(req, parent, name, &dir);

	if (!err)
		err = hostfs__use_dir(req, newparent, newname, &newdir);
	if (!err)
		err = finode_mount_check_same(dir.inode, newdir.inode);
	if (!err && !(flags & (FINODE_RENAME_EXCHANGE | FINODE_RENAME_NOREPLACE)))
		replaced = keep(&newdir, newname);
	if (!err) {
		err = rename_as_caller(req, dir.fd, name, newdir.fd, newname, flags);
		kept(replaced, err);
	}
	if (!err)
		renamed(req, &dir, name, &newdir, newname, flags);
	finode_reply_err(req, err);
}

void hostfs__names_ops(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = do_lookup;
	ops->forget = do_forget;
	ops->forget_multi = do_forget_multi;
	ops->mknod = do_mknod;
	ops->mkdir = do_mkdir;
	ops->symlink = do_symlink;
	ops->link = do_link;
	ops->unlink = do_unlink;
	ops->rmdir = do_rmdir;
	ops->rename = do_rename;
}
