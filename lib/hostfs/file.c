/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files and directories: what stands behind fi->fh.
 *
 * This file owns an open file's fd, the entries of an open directory, and the file's part
 * in passthrough.c, from finode_file_open() until the file is closed and the last request
 * that uses it has ended.
 *
 * Invariant: each fd is counted in the budget from before it is opened until it was closed.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "budget.h"
#include "entries.h"
#include "fd.h"
#include "passthrough.h"
#include "reclaim.h"
#include "request.h"
#include "state.h"

static int file_init(struct finode_file *base, void *arg)
{
	struct hostfs_file *file = hostfs_file(base);
	struct file_part *part = hostfs__file_part(file);
	struct opened *opened = arg;

	file->fd = opened->fd;
	part->flags = opened->flags;
	part->entries = opened->entries;
	opened->fd = -1;
	opened->entries = NULL;
	return 0;
}

static void file_release(struct finode_file *base)
{
	struct hostfs_state *state = hostfs__state_of(base->inode);
	struct hostfs_file *file = hostfs_file(base);
	struct file_part *part = hostfs__file_part(file);

	if (part->passthrough)
		hostfs__passthrough_close(state->passthrough, base->inode->nodeid);
	hostfs__entries_destroy(part->entries);
	hostfs__close(&file->fd);
	hostfs__budget_unreserve(state->budget);
}

const struct finode_file_ops hostfs__file_ops = {
	FINODE_FILE_OPS_FOR(struct hostfs_file, base),
	.init = file_init,
	.release = file_release,
};

/* ---- Opening ---- */

static int file_passthrough(fuse_req_t req, struct hostfs_file *file)
{
	struct hostfs_state *state = hostfs__state(req);
	const struct finode *inode = file->base.inode;
	int err;

	if (!hostfs__wants(state, HOSTFS_PASSTHROUGH) || inode->type != S_IFREG)
		return 0;
	err = hostfs__passthrough_open(state->passthrough, finode_session_of(req),
				       inode->nodeid, file->fd, &file->base.backing_id);
	hostfs__file_part(file)->passthrough = err == 0;
	return err;
}

int hostfs__file_open(fuse_req_t req, struct finode *inode, struct opened *opened,
		      struct finode_file **out)
{
	int err = finode_file_open(inode, opened, out);

	if (err)
		return err;
	err = file_passthrough(req, hostfs_file(*out));
	if (err) {
		finode_file_close(inode->mount->table, (*out)->fh);
		finode_file_put(*out);
		*out = NULL;
	}
	return err;
}

void hostfs__opened_drop(fuse_req_t req, struct opened *opened)
{
	hostfs__entries_destroy(opened->entries);
	if (opened->fd >= 0) {
		hostfs__close(&opened->fd);
		hostfs__budget_unreserve(hostfs__state(req)->budget);
	}
	*opened = OPENED_NONE;
}

/* ---- A request's file ---- */

static int open_for_this(fuse_req_t req, fuse_ino_t nodeid, int flags, struct file_use *use)
{
	AUTO_USE struct use inode = USE_NONE;
	char path[HOSTFS_PATH_MAX];
	int err = hostfs__use(req, nodeid, &inode);

	if (err)
		return err;
	if (inode.inode->type != S_IFREG && inode.inode->type != S_IFDIR)
		return -EBADF;
	use->inode = finode_hold(inode.inode);
	if (!use->inode)
		return -EOVERFLOW;
	err = hostfs__reserve(req);
	if (err)
		return err;
	use->fd = open(hostfs_path(inode.fd, path), flags | O_CLOEXEC);
	if (use->fd < 0) {
		err = -errno;
		hostfs__budget_unreserve(hostfs__state(req)->budget);
		return err;
	}
	use->own = true;
	return 0;
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
	if (use->own) {
		hostfs__close(&use->fd);
		hostfs__budget_unreserve(hostfs__state_of(use->inode)->budget);
	}
	finode_file_put(use->file);
	finode_put(use->inode);
	*use = FILE_USE_NONE;
}
