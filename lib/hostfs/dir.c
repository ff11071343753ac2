/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: OPENDIR, READDIR, READDIRPLUS. They are released by open.c and synced by
 * io.c, as files are.
 *
 * This file owns what a listing says of an entry.
 *
 * Invariants:
 *
 *   - Entries that recent look-ups have told the kernel of are listed without attributes in
 *     READDIRPLUS as in READDIR: see recent.c.
 *   - A mountpoint is listed with the number of the root that covers it, in READDIR as in
 *     READDIRPLUS, and ".." of the root with the root's own: nothing is told of what is
 *     above the source.
 */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <finode/mount.h>
#include <finode/name.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "budget.h"
#include "entries.h"
#include "entry.h"
#include "fd.h"
#include "file.h"
#include "mountpoints.h"
#include "object.h"
#include "recent.h"
#include "reclaim.h"
#include "request.h"
#include "state.h"

/* ---- Opening ---- */

static int open_dir(fuse_req_t req, const struct use *use, struct opened *opened)
{
	int err = use->inode->type == S_IFDIR ? 0 : -ENOTDIR;

	if (!err)
		err = hostfs__reserve(req);
	if (err)
		return err;
	opened->fd = openat(use->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened->fd >= 0)
		return 0;
	err = -errno;
	hostfs__budget_unreserve(hostfs__state(req)->budget);
	return err;
}

static void do_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	AUTO_USE struct use use = USE_NONE;
	struct opened opened = {-1, O_RDONLY, NULL};
	int err;

	if (hostfs__wants(state, HOSTFS_NO_OPEN)) {
		finode_reply_err(req, -ENOSYS);
		return;
	}
	err = hostfs__use(req, nodeid, &use);
	if (!err && !(opened.entries = hostfs__entries_create()))
		err = -ENOMEM;
	if (!err)
		err = open_dir(req, &use, &opened);
	if (!err)
		err = hostfs__file_open(req, use.inode, &opened, &file);
	if (!err) {
		fi->cache_readdir = hostfs__wants(state, HOSTFS_CACHE_DIRS);
		fi->keep_cache = hostfs__wants(state, HOSTFS_CACHE_DIRS);
		finode_reply_open(req, file, fi);
	} else {
		finode_reply_err(req, err);
	}
	hostfs__opened_drop(req, &opened); /* unless the file has taken it */
}

/* ---- Listing ---- */

/* A reply while it is made. */
struct listing {
	fuse_req_t req;
	struct hostfs_state *state;
	struct finode *dir;
	int fd;
	bool plus;
	uint64_t dev;
	struct finode_dirbuf *buf;
};

/* The entry's inode, and what READDIRPLUS says of it. @return false if it has gone */
static bool look_up(struct listing *list, const char *name, struct finode_entry *entry,
		    struct finode **inode)
{
	AUTO_OBJECT struct object object;

	hostfs__object_init(&object);
	return hostfs__object_find(list->dir, list->fd, name, &object) == 0 &&
	       hostfs__obtain(list->req, &object, inode) == 0 &&
	       hostfs__entry(list->state, *inode, &object.stx, 0, entry) == 0;
}

/* The number of the root that covers a mountpoint. @return false if it is none */
static bool covering_ino(struct listing *list, const char *name, struct stat *attr)
{
	AUTO_OBJECT struct object object;

	hostfs__object_init(&object);
	if (!hostfs__mountpoints_may_have(list->state->mountpoints, name) ||
	    hostfs__object_find(list->dir, list->fd, name, &object) != 0 ||
	    object.mount == list->dir->mount ||
	    hostfs__attr(object.mount, &object.stx, attr) != 0)
		return false;
	hostfs__mountpoints_hold(list->state->mountpoints, object.mount);
	return true;
}

static int add(struct listing *list, const struct dirent64 *d, bool plus)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct finode_entry entry = FINODE_ENTRY(.attr = {.st_mode = DTTOIF(d->d_type)});
	const bool dot = finode_name_check(d->d_name) != 0;
	uint64_t ino = d->d_ino;
	bool known = false;

	if (!dot && plus) {
		known = look_up(list, d->d_name, &entry, &inode);
		if (!known && inode) {
			finode_put(inode);
			inode = NULL;
		}
	} else if (!dot) {
		known = covering_ino(list, d->d_name, &entry.attr);
	} else if (list->dir->nodeid == FINODE_ROOT_ID) {
		struct statx stx;

		if (hostfs__statx_fd(list->fd, &stx) == 0)
			ino = stx.stx_ino;
	}
	if (!known) {
		entry = FINODE_ENTRY(.attr = {.st_mode = DTTOIF(d->d_type)});
		if (finode_mount_ino(list->dir->mount, list->dev, ino, &ino) == 0)
			entry.attr.st_ino = ino;
	}
	return finode_dirbuf_add(list->buf, d->d_name, d->d_off, inode, &entry);
}

/* Adds what fits. What was added is replied, even if the host has an error after it. */
static int fill_locked(struct listing *list, struct entries *entries, off_t off)
{
	const struct dirent64 *d;
	bool any = false;
	int err = hostfs__entries_seek_locked(entries, list->fd, off);

	if (err)
		return err;
	while ((err = hostfs__entries_peek_locked(entries, list->fd, &d)) > 0) {
		const bool known = entries->known > 0 && finode_name_check(d->d_name) == 0;

		if (add(list, d, list->plus && !known))
			return 0;
		entries->known -= known;
		hostfs__entries_advance_locked(entries);
		any = true;
	}
	return any ? 0 : err;
}

/* What of it does the kernel know? */
static void begin_locked(const struct listing *list, struct entries *entries, off_t off)
{
	if (off == 0)
		entries->known =
			hostfs__recent_take(list->state->recent, list->dir->nodeid);
	if (!list->plus || entries->known > 0)
		hostfs__mountpoints_refresh(list->state->mountpoints);
}

static int fill(struct listing *list, struct finode_file *file, off_t off)
{
	struct entries *own = NULL, *entries;
	struct statx stx;
	int err = hostfs__statx_fd(list->fd, &stx);

	if (err)
		return err;
	list->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	entries = file ? hostfs__file_part(hostfs_file(file))->entries
		       : (own = hostfs__entries_create());
	if (!entries)
		return file ? -ENOTDIR : -ENOMEM;
	pthread_mutex_lock(&entries->lock);
	begin_locked(list, entries, off);
	err = fill_locked(list, entries, off);
	pthread_mutex_unlock(&entries->lock);
	hostfs__entries_destroy(own);
	return err;
}

static void reply_list(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi, bool plus)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
	struct listing list = {
		.req = req, .state = hostfs__state(req), .plus = plus, .buf = &buf};
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY | O_DIRECTORY, &use);

	if (!err)
		err = finode_dirbuf_init(&buf, use.inode, size, plus);
	if (!err) {
		list.dir = use.inode;
		list.fd = use.fd;
		err = fill(&list, use.file, off);
	}
	if (err)
		finode_reply_err(req, err);
	else
		finode_dirbuf_reply(&buf, req);
}

static void do_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	reply_list(req, nodeid, size, off, fi, false);
}

static void do_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	reply_list(req, nodeid, size, off, fi, true);
}

void hostfs__dir_ops(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = do_opendir;
	ops->readdir = do_readdir;
	ops->readdirplus = do_readdirplus;
}
