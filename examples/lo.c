/* SPDX-License-Identifier: BSD-3-Clause */
/* See lo.h. */
#include "lo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "serve.h"

/* ---- Objects ---- */

void lo_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

const char *lo_path(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

static struct timespec lo_timespec(struct statx_timestamp time)
{
	return (struct timespec){time.tv_sec, time.tv_nsec};
}

static struct stat lo_stat_of(const struct statx *stx)
{
	return (struct stat){
		.st_dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.st_ino = stx->stx_ino,
		.st_mode = stx->stx_mode,
		.st_nlink = stx->stx_nlink,
		.st_uid = stx->stx_uid,
		.st_gid = stx->stx_gid,
		.st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor),
		.st_size = (off_t)stx->stx_size,
		.st_blksize = stx->stx_blksize,
		.st_blocks = (blkcnt_t)stx->stx_blocks,
		.st_atim = lo_timespec(stx->stx_atime),
		.st_mtim = lo_timespec(stx->stx_mtime),
		.st_ctim = lo_timespec(stx->stx_ctime),
	};
}

int lo_open_object(int dirfd, const char *path, int flags, struct lo_object *obj)
{
	*obj = LO_OBJECT_NONE;
	obj->fd = openat(dirfd, path, O_PATH | O_CLOEXEC | flags);
	if (obj->fd < 0)
		return -errno;
	if (statx(obj->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		  STATX_BASIC_STATS | FINODE_STATX_MNT_ID, &obj->stx) < 0) {
		int err = -errno;

		lo_close(&obj->fd);
		return err;
	}
	obj->st = lo_stat_of(&obj->stx);
	obj->id = (struct lo_id){obj->st.st_ino, obj->st.st_dev};
	return 0;
}

/* ---- Mounts ---- */

static int lo_mount_init(struct finode_mount *base, void *arg)
{
	const struct lo_object *obj = arg;
	int fd = fcntl(obj->fd, F_DUPFD_CLOEXEC, 0);

	FINODE_CONTAINER_OF(base, struct lo_mount, base)->fd = fd;
	return fd < 0 ? -errno : 0;
}

static void lo_mount_evict(struct finode_mount *base)
{
	close(FINODE_CONTAINER_OF(base, struct lo_mount, base)->fd);
}

/* The fd is of any object in the mount, perhaps a FIFO or a device: so O_NONBLOCK. */
static int lo_mount_sync(struct finode_mount *base)
{
	const int mounted = FINODE_CONTAINER_OF(base, struct lo_mount, base)->fd;
	char path[32];
	int fd = open(lo_path(mounted, path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int err = fd < 0 || syncfs(fd) < 0 ? -errno : 0;

	lo_close(&fd);
	return err;
}

const struct finode_mount_ops lo_mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct lo_mount, base),
	.init = lo_mount_init,
	.evict = lo_mount_evict,
	.sync = lo_mount_sync,
};

/* All mounts appear on one device, where equal numbers of the host would meet. */
static int lo_show(struct finode_mount *mount, struct stat *st)
{
	uint64_t ino;
	int err = finode_mount_ino(mount, st->st_dev, st->st_ino, &ino);

	if (!err)
		st->st_ino = ino;
	return err;
}

int lo_obtain(struct finode *dir, struct lo_object *obj, struct finode **inode)
{
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount;
	int err = finode_mount_of(dir, &obj->stx, obj, &mount);

	*inode = NULL;
	if (!err)
		err = lo_show(mount, &obj->st);
	return err ? err : finode_obtain(mount, lo_key(obj), obj, inode, NULL);
}

/* What getattr says of an inode. */
static int lo_stat(const struct finode *inode, int fd, struct stat *st)
{
	if (fstatat(fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return lo_show(inode->mount, st);
}

void lo_act_as_caller(fuse_req_t req)
{
	setfsgid(fuse_req_ctx(req)->gid);
	setfsuid(fuse_req_ctx(req)->uid);
}

void lo_act_as_self(void)
{
	setfsgid(getegid());
	setfsuid(geteuid());
}

static _Atomic unsigned long fds;	 /* of inodes, now */
static unsigned long budget;		 /* how many there should be at most */
static _Atomic unsigned long relieve_at; /* the kernel is asked to drop some */

/* The first is the root's, before there is any other thread. */
void lo_count_fd(int change)
{
	if (budget == 0)
		relieve_at = budget = serve_raise_fd_limit() / 2;
	fds += (unsigned long)change;
}

/*
 * Processes look names up faster than the kernel forgets others: waits as long as it does
 * forget some. Only a few threads wait, since others have to read the FORGETs.
 */
static void lo_wait_for_forgets(fuse_req_t req)
{
	struct finode_session *session = finode_session_of(req);
	static _Atomic int waiting;
	unsigned long before;

	if (!finode_session_kernel_has(session, FINODE_KERNEL_PRUNE))
		return;
	if (waiting++ < 4) {
		do {
			before = fds;
			serve_prune(session);
			poll(NULL, 0, 5);
		} while (fds > budget / 2 * 3 && fds < before);
	}
	waiting--;
}

void lo_reclaim(fuse_req_t req)
{
	unsigned long now = fds, at = relieve_at;

	if (now > at && atomic_compare_exchange_strong(&relieve_at, &at, now + budget / 8))
		serve_prune(finode_session_of(req));
	else if (now < budget / 2)
		relieve_at = budget;
	if (now > budget / 2 * 3)
		lo_wait_for_forgets(req);
}

static struct finode_table *lo_table(fuse_req_t req)
{
	return finode_session_of(req)->table;
}

/* ---- Operations: the end of lookups ---- */

void lo_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, lo_table(req), nodeid, nlookup);
}

void lo_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, lo_table(req), count, forgets);
}

/*
 * The inode of a request, pinned: its fd stays what it is until the end of the handler.
 * That is for servers which close the fd of a removed file; else a pin is nothing.
 */
static int lo_use(fuse_req_t req, fuse_ino_t nodeid, struct finode **inode,
		  struct finode **pinned)
{
	int err;

	*inode = finode_get(lo_table(req), nodeid);
	err = *inode ? finode_pin(*inode) : -ESTALE;
	*pinned = err ? NULL : *inode;
	return err;
}

/* ---- Operations: attributes ---- */

void lo_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	struct stat st;
	int err = lo_use(req, nodeid, &inode, &pinned);

	if (!err)
		err = lo_stat(inode, lo_inode(inode)->fd, &st);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &st, LO_TIMEOUT);
}

void lo_statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
	      struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	const int how = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (flags & AT_STATX_SYNC_TYPE);
	struct statx stx;
	uint64_t ino;
	int err = lo_use(req, nodeid, &inode, &pinned);

	if (!err && statx(lo_inode(inode)->fd, "", how, (unsigned int)mask, &stx) < 0)
		err = -errno;
	if (!err)
		err = finode_mount_ino(inode->mount,
				       makedev(stx.stx_dev_major, stx.stx_dev_minor),
				       stx.stx_ino, &ino);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	stx.stx_ino = ino;
	finode_reply_statx(req, inode, &stx, LO_TIMEOUT);
}

static struct timespec lo_time(int set, int now, struct timespec time)
{
	return (struct timespec){time.tv_sec, now   ? UTIME_NOW
					      : set ? time.tv_nsec
						    : UTIME_OMIT};
}

int lo_change(const char *path, int flags, struct finode_file *file, const struct stat *to,
	      int set)
{
	const uid_t uid = set & FUSE_SET_ATTR_UID ? to->st_uid : (uid_t)-1;
	const gid_t gid = set & FUSE_SET_ATTR_GID ? to->st_gid : (gid_t)-1;
	const struct timespec times[2] = {
		lo_time(set & FUSE_SET_ATTR_ATIME, set & FUSE_SET_ATTR_ATIME_NOW,
			to->st_atim),
		lo_time(set & FUSE_SET_ATTR_MTIME, set & FUSE_SET_ATTR_MTIME_NOW,
			to->st_mtim),
	};

	if (set & FUSE_SET_ATTR_MODE && chmod(path, to->st_mode) < 0)
		return -errno;
	if (set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(AT_FDCWD, path, uid, gid, flags) < 0)
		return -errno;
	if (set & FUSE_SET_ATTR_SIZE &&
	    (file ? ftruncate(lo_fd(file), to->st_size) : truncate(path, to->st_size)) < 0)
		return -errno;
	if (set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    utimensat(AT_FDCWD, path, times, flags) < 0)
		return -errno;
	return 0;
}

void lo_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	FINODE_FILE_AUTOPUT struct finode_file *file =
		fi ? finode_file_get(lo_table(req), fi->fh) : NULL;
	int err = lo_use(req, nodeid, &inode, &pinned);
	struct stat st;
	char path[32];

	if (!err && fi && !file)
		err = -EBADF;
	if (!err)
		err = lo_change(lo_path(lo_inode(inode)->fd, path), 0, file, to, set);
	if (!err)
		err = lo_stat(inode, lo_inode(inode)->fd, &st);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &st, LO_TIMEOUT);
}

void lo_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	char target[PATH_MAX] = "";
	int err = lo_use(req, nodeid, &inode, &pinned);

	if (!err && readlinkat(lo_inode(inode)->fd, "", target, sizeof(target) - 1) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_readlink(req, target);
}

void lo_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	struct statvfs st;
	int err = lo_use(req, nodeid, &inode, &pinned);

	if (!err && fstatvfs(lo_inode(inode)->fd, &st) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- Operations: open files and directories ---- */

static int lo_file_init(struct finode_file *base, void *arg)
{
	int *fd = arg;

	FINODE_CONTAINER_OF(base, struct lo_file, base)->fd = *fd;
	*fd = -1;
	return 0;
}

static void lo_file_release(struct finode_file *base)
{
	close(lo_fd(base));
}

const struct finode_file_ops lo_file_ops = {
	FINODE_FILE_OPS_FOR(struct lo_file, base),
	.init = lo_file_init,
	.release = lo_file_release,
};

void lo_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode;
	FINODE_AUTOUNPIN struct finode *pinned;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	int err = lo_use(req, nodeid, &inode, &pinned), fd = -1;
	char path[32];

	if (!err) {
		fd = open(lo_path(lo_inode(inode)->fd, path),
			  (fi->flags & ~O_NOFOLLOW) | O_CLOEXEC);
		err = fd < 0 ? -errno : finode_file_open(inode, &fd, &file);
	}
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_open(req, file, fi);
	lo_close(&fd);
}

void lo_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	finode_reply_err(req, finode_file_close(lo_table(req), fi->fh));
}

void lo_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file =
		finode_file_get(lo_table(req), fi->fh);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = lo_fd(file);
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

void lo_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file =
		finode_file_get(lo_table(req), fi->fh);
	ssize_t written = pwrite(lo_fd(file), data, size, off);

	if (written < 0)
		finode_reply_err(req, -errno);
	else
		fuse_reply_write(req, (size_t)written);
}

void lo_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync, struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file =
		finode_file_get(lo_table(req), fi->fh);

	finode_reply_err(req, (datasync ? fdatasync : fsync)(lo_fd(file)) < 0 ? -errno : 0);
}

void lo_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
	      struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file =
		finode_file_get(lo_table(req), fi->fh);
	off_t found = lseek(lo_fd(file), off, whence);

	if (found < 0)
		finode_reply_err(req, -errno);
	else
		fuse_reply_lseek(req, found);
}

/*
 * What is listed of an entry of which no inode is told. The host lists the directory under
 * a mountpoint, and everybody else sees what is mounted there.
 */
static struct finode_entry lo_listed(struct finode *dir, struct finode_file *file,
				     const struct dirent64 *d)
{
	struct finode_entry entry =
		FINODE_ENTRY(.attr = {.st_ino = d->d_ino, .st_mode = DTTOIF(d->d_type)});
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount = NULL;
	struct lo_object obj = LO_OBJECT_NONE;

	if (strcmp(d->d_name, "..") != 0 &&
	    lo_open_object(lo_fd(file), d->d_name, O_NOFOLLOW, &obj) == 0 &&
	    finode_mount_of(dir, &obj.stx, &obj, &mount) == 0 &&
	    lo_show(mount, &obj.st) == 0)
		entry.attr = obj.st;
	lo_close(&obj.fd);
	return entry;
}

/* One entry of the host's: with its inode in a READDIRPLUS, if it can be had. */
static int lo_add(struct finode_dirbuf *buf, struct finode_file *file,
		  const struct dirent64 *d, bool plus)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	struct finode_entry entry;
	int full;

	if (plus && finode_name_check(d->d_name) == 0 &&
	    lo_open_object(lo_fd(file), d->d_name, O_NOFOLLOW, &obj) == 0 &&
	    lo_obtain(file->inode, &obj, &inode) == 0)
		entry = lo_entry(&obj, 0);
	else
		entry = lo_listed(file->inode, file, d);
	full = finode_dirbuf_add(buf, d->d_name, d->d_off, inode, &entry);
	lo_close(&obj.fd);
	return full;
}

/* The host's entries from `off` on, until the reply is full. */
static int lo_fill(struct finode_dirbuf *buf, struct finode_file *file, off_t off,
		   bool plus)
{
	char entries[4096] __attribute__((aligned(8)));
	bool any = false;
	ssize_t got;

	if (lseek(lo_fd(file), off, SEEK_SET) < 0)
		return -errno;
	while ((got = getdents64(lo_fd(file), entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < got; any = true) {
			const struct dirent64 *d = (const void *)(entries + at);

			if (lo_add(buf, file, d, plus))
				return 0;
			at += d->d_reclen;
		}
	}
	return got < 0 && !any ? -errno : 0;
}

static void lo_list(fuse_req_t req, size_t size, off_t off, uint64_t fh, bool plus)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(lo_table(req), fh);
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
	int err = file ? finode_dirbuf_init(&buf, file->inode, size, plus) : -EBADF;

	lo_reclaim(req);
	if (!err)
		err = lo_fill(&buf, file, off, plus);
	if (err)
		finode_reply_err(req, err);
	else
		finode_dirbuf_reply(&buf, req);
}

void lo_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	lo_list(req, size, off, fi->fh, false);
}

void lo_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	lo_list(req, size, off, fi->fh, true);
}
