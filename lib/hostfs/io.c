/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data of open files: READ, WRITE, FLUSH, FSYNC, FALLOCATE, COPY_FILE_RANGE, LSEEK, IOCTL;
 * and FSYNCDIR, which is FSYNC of a directory.
 *
 * This file owns nothing. Each operation is a system call or two on the fd that fi->fh
 * names. Data goes through a pipe, without a copy, where the kernel and the session allow.
 *
 * Invariants: what takes room on the host's disk (write, fallocate, copy_file_range) is
 * done with the caller's rights, for its quota and without root's reserve. The host's file
 * has O_APPEND exactly if the caller's has, when the caller writes.
 *
 * There is no POLL: a regular file is always ready, and a kernel that is told ENOSYS says
 * so by itself.
 */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caller.h"
#include "file.h"
#include "lock_owner.h"
#include "state.h"

static void do_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);

	if (err) {
		finode_reply_err(req, err);
		return;
	}
	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = use.fd;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

/* F_SETFL of the caller's comes with the next write. */
static void follow_append(const struct hostfs_state *state, struct finode_file *base,
			  int flags)
{
	struct file_part *part = base ? hostfs__file_part(hostfs_file(base)) : NULL;

	if (!part || hostfs__wants(state, HOSTFS_WRITEBACK) ||
	    !((part->flags ^ flags) & O_APPEND))
		return;
	part->flags = (part->flags & ~O_APPEND) | (flags & O_APPEND);
	fcntl(hostfs_file(base)->fd, F_SETFL, part->flags);
}

static void do_write_buf(fuse_req_t req, fuse_ino_t nodeid, struct fuse_bufvec *in,
			 off_t off, struct fuse_file_info *fi)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	struct hostfs_caller caller;
	ssize_t written;
	int err = hostfs__file_use(req, nodeid, fi, O_WRONLY, &use);

	if (err) {
		finode_reply_err(req, err);
		return;
	}
	follow_append(hostfs__state(req), use.file, fi->flags);
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = use.fd;
	out.buf[0].pos = off;
	hostfs_caller_begin(&caller, req, hostfs__groups_decide(req, use.fd));
	written = fuse_buf_copy(&out, in, FUSE_BUF_SPLICE_MOVE);
	hostfs_caller_end(&caller);
	if (written < 0)
		finode_reply_err(req, (int)written);
	else
		fuse_reply_write(req, (size_t)written);
}

static void do_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size,
		     off_t off, struct fuse_file_info *fi)
{
	struct fuse_bufvec in = FUSE_BUFVEC_INIT(size);

	in.buf[0].mem = (void *)(uintptr_t)data;
	do_write_buf(req, nodeid, &in, off, fi);
}

static void do_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	int copy, err;

	hostfs__lock_owners_drop(state->lock_owners, nodeid, fi->lock_owner);
	/* Without OPEN there is nothing that a close(2) could tell. */
	if (!fi->fh && hostfs__wants(state, HOSTFS_NO_OPEN)) {
		finode_reply_err(req, 0);
		return;
	}
	err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);
	if (!err) {
		copy = dup(use.fd);
		err = copy < 0 || close(copy) < 0 ? -errno : 0;
		/* One too many for this process is no error of the file's. */
		if (copy < 0 && err == -EMFILE)
			err = 0;
	}
	finode_reply_err(req, err);
}

static void do_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		     struct fuse_file_info *fi)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);

	if (!err && (datasync ? fdatasync(use.fd) : fsync(use.fd)) < 0)
		err = -errno;
	finode_reply_err(req, err);
}

static void do_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off,
			 off_t length, struct fuse_file_info *fi)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct hostfs_caller caller;
	int err = hostfs__file_use(req, nodeid, fi, O_WRONLY, &use);

	if (!err) {
		hostfs_caller_begin(&caller, req, hostfs__groups_decide(req, use.fd));
		err = fallocate(use.fd, mode, off, length) < 0 ? -errno : 0;
		hostfs_caller_end(&caller);
	}
	finode_reply_err(req, err);
}

static void do_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_off,
			       struct fuse_file_info *from_fi, fuse_ino_t to, off_t to_off,
			       struct fuse_file_info *to_fi, size_t length, int flags)
{
	AUTO_FILE_USE struct file_use in = FILE_USE_NONE, out = FILE_USE_NONE;
	struct hostfs_caller caller;
	ssize_t copied = 0;
	int err = hostfs__file_use(req, from, from_fi, O_RDONLY, &in);

	if (!err)
		err = hostfs__file_use(req, to, to_fi, O_WRONLY, &out);
	if (!err) {
		/* A caller that appends is refused by the kernel of the mount. */
		follow_append(hostfs__state(req), out.file, 0);
		hostfs_caller_begin(&caller, req, hostfs__groups_decide(req, out.fd));
		copied = copy_file_range(in.fd, &from_off, out.fd, &to_off, length,
					 (unsigned int)flags);
		err = copied < 0 ? -errno : 0;
		hostfs_caller_end(&caller);
	}
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_write(req, (size_t)copied);
}

static void do_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);
	off_t found = 0;

	if (!err && (found = lseek(use.fd, off, whence)) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_lseek(req, found);
}

/* ---- ioctl ---- */

union flags_arg {
	int flags;
	struct fsxattr attr;
};

/* The size of the argument of an ioctl for inode flags; 0 for any other. */
static size_t flags_arg_size(unsigned int cmd, bool *sets)
{
	*sets = cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR;
	switch (cmd) {
	case FS_IOC_GETFLAGS:
	case FS_IOC_SETFLAGS:
	case FS_IOC_GETVERSION:
		return sizeof(int);
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
		return sizeof(struct fsxattr);
	default:
		return 0;
	}
}

static int ioctl_as_caller(fuse_req_t req, int fd, unsigned int cmd, union flags_arg *arg)
{
	HOSTFS_AUTO_CALLER struct hostfs_caller caller;

	hostfs_caller_begin(&caller, req, false);
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static void do_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *to,
		     struct fuse_file_info *fi, unsigned int how, const void *in,
		     size_t in_size, size_t out_size)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	union flags_arg arg = {0};
	bool sets;
	const size_t size = flags_arg_size(cmd, &sets);
	int err = size == 0 ? -ENOTTY : (sets ? in_size : out_size) < size ? -EINVAL : 0;

	(void)to;
	(void)how;
	if (!err)
		err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);
	if (!err && sets)
		memcpy(&arg, in, size);
	if (!err)
		err = ioctl_as_caller(req, use.fd, cmd, &arg);
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_ioctl(req, 0, sets ? NULL : &arg, sets ? 0 : size);
}

void hostfs__io_ops(struct fuse_lowlevel_ops *ops)
{
	ops->read = do_read;
	ops->write = do_write;
	ops->write_buf = do_write_buf;
	ops->flush = do_flush;
	ops->fsync = do_fsync;
	ops->fsyncdir = do_fsync;
	ops->fallocate = do_fallocate;
	ops->copy_file_range = do_copy_file_range;
	ops->lseek = do_lseek;
	ops->ioctl = do_ioctl;
}
