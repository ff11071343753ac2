/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * minimal: the smallest correct passthrough server. It shows a directory of the host at
 * a mountpoint, and what a server has to say to libfinode, and what not.
 *
 *     minimal /usr/share /mnt         # as root, or as anyone who may use fusermount3
 *     kill -USR1 $(pidof minimal)     # logs the statistics of the table
 *     fusermount3 -u /mnt
 *
 * Read it from the top: what an inode is here, how one is made and ended, how a name is
 * looked up. From "Operations" on there is nothing but system calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/fsuid.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "serve.h"

/*
 * Our inode: the library's base and, for the host's object, a file descriptor that can be
 * used for everything but reading and writing. While it is open, the host does not give
 * its inode number to another object.
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

/* What makes a host object itself. One directory in two mounts is two objects. */
struct lo_id {
	uint64_t ino, dev, mount;
};

/* What one lookup found; the argument that lo_init() may take over. */
struct lo_object {
	int fd;
	struct lo_id id;
	struct stat st;
};

#define LO_OBJECT_NONE ((struct lo_object){.fd = -1})

static struct finode_table *table; /* all inodes and open files of this server */

static const double timeout = 1.0; /* seconds that the kernel may believe what we say */

static _Atomic unsigned long inodes;	 /* now, each with its file descriptor */
static unsigned long budget;		 /* how many there should be at most */
static _Atomic unsigned long relieve_at; /* the kernel is asked to drop some */

static struct lo_inode *lo_inode(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct lo_inode, base);
}

static int lo_init(struct finode *base, void *arg)
{
	struct lo_object *obj = arg;

	lo_inode(base)->fd = obj->fd;
	obj->fd = -1;
	inodes++;
	return 0;
}

static void lo_evict(struct finode *base)
{
	close(lo_inode(base)->fd);
	inodes--;
}

static const struct finode_ops lo_ops = {
	FINODE_OPS_FOR(struct lo_inode, base),
	.init = lo_init,
	.evict = lo_evict,
};

/* -1 for no file at all, on which every system call says EBADF. */
static int lo_fd(struct finode_file *base)
{
	return base ? FINODE_CONTAINER_OF(base, struct lo_file, base)->fd : -1;
}

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

static const struct finode_file_ops lo_file_ops = {
	FINODE_FILE_OPS_FOR(struct lo_file, base),
	.init = lo_file_init,
	.release = lo_file_release,
};

static void lo_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A path to the host's object that survives renames and unlinks. */
static const char *lo_path(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

static int lo_stat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Takes hold of what a path, relative to an open directory, leads to. */
static int lo_open_object(int dirfd, const char *path, int flags, struct lo_object *obj)
{
	struct statx sx = {0};
	int err;

	obj->fd = openat(dirfd, path, O_PATH | O_CLOEXEC | flags);
	if (obj->fd < 0)
		return -errno;
	err = lo_stat(obj->fd, &obj->st);
	if (!err && statx(obj->fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0)
		err = -errno;
	obj->id = (struct lo_id){obj->st.st_ino, obj->st.st_dev, sx.stx_mnt_id};
	if (err)
		lo_close(&obj->fd);
	return err;
}

static struct finode_key lo_key(const struct lo_object *obj)
{
	return (struct finode_key){&obj->id, sizeof(obj->id), obj->st.st_mode, 0};
}

#define lo_entry(obj, created_)                                                            \
	((struct finode_entry){.attr = (obj)->st,                                          \
			       .entry_timeout = timeout,                                   \
			       .attr_timeout = timeout,                                    \
			       .created = (created_)})

/*
 * Each inode costs a file descriptor, and the kernel remembers inodes as long as it has
 * memory: from time to time it is asked to drop those that nobody uses.
 */
static void lo_bound(fuse_req_t req)
{
	unsigned long now = inodes, at = relieve_at;

	if (now > at && atomic_compare_exchange_strong(&relieve_at, &at, now + budget / 8))
		serve_prune(finode_session_of(req));
	else if (now < budget / 2)
		relieve_at = budget;
}

/* The answer to LOOKUP and to everything that has made a name. */
static void lo_reply_child(fuse_req_t req, struct finode *dir, const char *name,
			   mode_t created)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	int err = lo_open_object(lo_inode(dir)->fd, name, O_NOFOLLOW, &obj);

	lo_bound(req);
	if (!err)
		err = finode_obtain(dir->mount, lo_key(&obj), &obj, &inode);
	if (err == -ENOENT)
		finode_reply_negative(req, dir, name, timeout);
	else if (err < 0)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir, name, inode, &lo_entry(&obj, created));
	lo_close(&obj.fd); /* unless lo_init() took it */
}

/*
 * What is made belongs to who asked for it: for the length of one system call the thread
 * acts as the caller of the request. Without privileges this changes nothing.
 */
static void lo_act_as(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
}

/* ---- Operations: names ---- */

static void lo_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	FINODE_AUTOPUT struct finode *dir;
	int err = finode_get_dir(table, parent, name, &dir);

	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_child(req, dir, name, 0);
}

static void lo_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, table, nodeid, nlookup);
}

static void lo_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, table, count, forgets);
}

/* MKNOD, MKDIR and SYMLINK differ in one system call. */
static void lo_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    dev_t rdev, const char *target)
{
	FINODE_AUTOPUT struct finode *dir;
	int err = finode_get_dir(table, parent, name, &dir);

	lo_act_as(fuse_req_ctx(req)->uid, fuse_req_ctx(req)->gid);
	if (!err && (S_ISDIR(mode)   ? mkdirat(lo_inode(dir)->fd, name, mode & ~S_IFMT)
		     : S_ISLNK(mode) ? symlinkat(target, lo_inode(dir)->fd, name)
				     : mknodat(lo_inode(dir)->fd, name, mode, rdev)) < 0)
		err = -errno;
	lo_act_as(geteuid(), getegid());
	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_child(req, dir, name, mode & S_IFMT);
}

static void lo_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	lo_make(req, parent, name, mode & S_IFMT ? mode : mode | S_IFREG, rdev, "");
}

static void lo_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	lo_make(req, parent, name, (mode & ~S_IFMT) | S_IFDIR, 0, "");
}

static void lo_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	lo_make(req, parent, name, S_IFLNK, 0, target);
}

static void lo_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	FINODE_AUTOPUT struct finode *dir;
	int err = finode_get_dir(table, parent, name, &dir);
	char path[32];

	if (!err && !inode)
		err = -ESTALE;
	if (!err && linkat(AT_FDCWD, lo_path(lo_inode(inode)->fd, path), lo_inode(dir)->fd,
			   name, AT_SYMLINK_FOLLOW) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_child(req, dir, name, 0);
}

static void lo_remove(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	FINODE_AUTOPUT struct finode *dir;
	int err = finode_get_dir(table, parent, name, &dir);

	/* The inode, if the kernel knows it, stays usable until it is forgotten. */
	if (!err && unlinkat(lo_inode(dir)->fd, name, flags) < 0)
		err = -errno;
	finode_reply_err(req, err);
}

static void lo_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	lo_remove(req, parent, name, 0);
}

static void lo_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	lo_remove(req, parent, name, AT_REMOVEDIR);
}

static void lo_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	FINODE_AUTOPUT struct finode *dir, *newdir = NULL;
	int err = finode_get_dir(table, parent, name, &dir);

	if (!err)
		err = finode_get_dir(table, newparent, newname, &newdir);
	if (!err &&
	    renameat2(lo_inode(dir)->fd, name, lo_inode(newdir)->fd, newname, flags) < 0)
		err = -errno;
	finode_reply_err(req, err);
}

/* ---- Operations: attributes ---- */

static void lo_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	struct stat st;
	int err = inode ? lo_stat(lo_inode(inode)->fd, &st) : -ESTALE;

	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &st, timeout);
}

static void lo_statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		     struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	const int how = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (flags & AT_STATX_SYNC_TYPE);
	struct statx stx;
	int err = inode ? 0 : -ESTALE;

	if (!err && statx(lo_inode(inode)->fd, "", how, (unsigned int)mask, &stx) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_statx(req, inode, &stx, timeout);
}

static struct timespec lo_time(int set, int now, struct timespec time)
{
	return (struct timespec){time.tv_sec, now   ? UTIME_NOW
					      : set ? time.tv_nsec
						    : UTIME_OMIT};
}

static int lo_change(int fd, struct finode_file *file, const struct stat *to, int set)
{
	char path[32];
	const uid_t uid = set & FUSE_SET_ATTR_UID ? to->st_uid : (uid_t)-1;
	const gid_t gid = set & FUSE_SET_ATTR_GID ? to->st_gid : (gid_t)-1;
	const struct timespec times[2] = {
		lo_time(set & FUSE_SET_ATTR_ATIME, set & FUSE_SET_ATTR_ATIME_NOW,
			to->st_atim),
		lo_time(set & FUSE_SET_ATTR_MTIME, set & FUSE_SET_ATTR_MTIME_NOW,
			to->st_mtim),
	};

	lo_path(fd, path);
	if (set & FUSE_SET_ATTR_MODE && chmod(path, to->st_mode) < 0)
		return -errno;
	if (set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (set & FUSE_SET_ATTR_SIZE &&
	    (file ? ftruncate(lo_fd(file), to->st_size) : truncate(path, to->st_size)) < 0)
		return -errno;
	if (set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    utimensat(fd, "", times, AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static void lo_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		       struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	FINODE_FILE_AUTOPUT struct finode_file *file =
		fi ? finode_file_get(table, fi->fh) : NULL;
	int err = !inode ? -ESTALE : fi && !file ? -EBADF : 0;

	if (!err)
		err = lo_change(lo_inode(inode)->fd, file, to, set);
	if (err)
		finode_reply_err(req, err);
	else
		lo_getattr(req, nodeid, fi);
}

static void lo_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	char target[PATH_MAX] = "";
	int err = inode ? 0 : -ESTALE;

	if (!err && readlinkat(lo_inode(inode)->fd, "", target, sizeof(target) - 1) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_readlink(req, target);
}

static void lo_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	struct statvfs st;
	int err = !inode ? -ESTALE : fstatvfs(lo_inode(inode)->fd, &st) < 0 ? -errno : 0;

	if (err)
		finode_reply_err(req, err);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- Operations: open files and directories ---- */

/* The answer to CREATE, and to TMPFILE, which has no name: the file is open as `fd`. */
static void lo_reply_opened(fuse_req_t req, struct finode *dir, const char *name, int fd,
			    struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	char path[32];
	/* What was opened, whatever has the name by now. */
	int err = lo_open_object(AT_FDCWD, lo_path(fd, path), 0, &obj);

	lo_bound(req);
	if (!err)
		err = finode_obtain(dir->mount, lo_key(&obj), &obj, &inode);
	if (err >= 0)
		err = finode_file_open(inode, &fd, &file);
	if (err < 0)
		finode_reply_err(req, err);
	else if (name)
		finode_reply_create(req, dir, name, inode, &lo_entry(&obj, S_IFREG), file,
				    fi);
	else
		finode_reply_tmpfile(req, dir, inode, &lo_entry(&obj, S_IFREG), file, fi);
	lo_close(&fd); /* unless lo_file_init() took it */
	lo_close(&obj.fd);
}

static void lo_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *dir;
	const int flags = fi->flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int err = finode_get_dir(table, parent, name, &dir), fd = -1;

	if (!err) {
		lo_act_as(fuse_req_ctx(req)->uid, fuse_req_ctx(req)->gid);
		fd = openat(lo_inode(dir)->fd, name, flags, mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as(geteuid(), getegid());
	}
	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_opened(req, dir, name, fd, fi);
}

static void lo_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		       struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *dir = finode_get(table, parent);
	int err = dir ? 0 : -ESTALE, fd = -1;
	char path[32];

	if (!err) {
		lo_act_as(fuse_req_ctx(req)->uid, fuse_req_ctx(req)->gid);
		fd = open(lo_path(lo_inode(dir)->fd, path),
			  (fi->flags & ~(O_CREAT | O_NOFOLLOW)) | O_TMPFILE | O_CLOEXEC,
			  mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as(geteuid(), getegid());
	}
	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_opened(req, dir, NULL, fd, fi);
}

static void lo_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	int err = inode ? 0 : -ESTALE, fd = -1;
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

static void lo_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	finode_reply_err(req, finode_file_close(table, fi->fh));
}

static void lo_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fi->fh);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = lo_fd(file);
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

static void lo_write(fuse_req_t req, fuse_ino_t nodeid, const char *data, size_t size,
		     off_t off, struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fi->fh);
	ssize_t written = pwrite(lo_fd(file), data, size, off);

	if (written < 0)
		finode_reply_err(req, -errno);
	else
		fuse_reply_write(req, (size_t)written);
}

static void lo_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		     struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fi->fh);

	finode_reply_err(req, (datasync ? fdatasync : fsync)(lo_fd(file)) < 0 ? -errno : 0);
}

static void lo_syncfs(fuse_req_t req, fuse_ino_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	char path[32];
	int fd =
		inode ? open(lo_path(lo_inode(inode)->fd, path), O_RDONLY | O_CLOEXEC) : -1;
	int err = !inode ? -ESTALE : fd < 0 || syncfs(fd) < 0 ? -errno : 0;

	finode_reply_err(req, err);
	lo_close(&fd);
}

static void lo_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fi->fh);
	off_t found = lseek(lo_fd(file), off, whence);

	if (found < 0)
		finode_reply_err(req, -errno);
	else
		fuse_reply_lseek(req, found);
}

/* One entry of the host's: with its inode in a READDIRPLUS, if it can be had. */
static int lo_add(struct finode_dirbuf *buf, struct finode *dir, const struct dirent64 *d,
		  bool plus)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	struct finode_entry entry = {
		.attr = {.st_ino = d->d_ino, .st_mode = DTTOIF(d->d_type)}};
	int full;

	if (plus && finode_name_check(d->d_name) == 0 &&
	    lo_open_object(lo_inode(dir)->fd, d->d_name, O_NOFOLLOW, &obj) == 0 &&
	    finode_obtain(dir->mount, lo_key(&obj), &obj, &inode) >= 0)
		entry = lo_entry(&obj, 0);
	full = finode_dirbuf_add(buf, d->d_name, d->d_off, inode, &entry);
	lo_close(&obj.fd);
	return full;
}

/* The host's entries from `off` on, until the reply is full. */
static int lo_fill(struct finode_dirbuf *buf, struct finode *dir, int fd, off_t off,
		   bool plus)
{
	char entries[4096] __attribute__((aligned(8)));
	bool any = false;
	ssize_t got;

	if (lseek(fd, off, SEEK_SET) < 0)
		return -errno;
	while ((got = getdents64(fd, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < got; any = true) {
			const struct dirent64 *d = (const void *)(entries + at);

			if (lo_add(buf, dir, d, plus))
				return 0;
			at += d->d_reclen;
		}
	}
	return got < 0 && !any ? -errno : 0;
}

static void lo_list(fuse_req_t req, size_t size, off_t off, uint64_t fh, bool plus)
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fh);
	struct finode_dirbuf buf = {0};
	int err = file ? finode_dirbuf_init(&buf, file->inode, size, plus) : -EBADF;

	lo_bound(req);
	if (!err)
		err = lo_fill(&buf, file->inode, lo_fd(file), off, plus);
	if (err) {
		finode_dirbuf_drop(&buf);
		finode_reply_err(req, err);
	} else {
		finode_dirbuf_reply(&buf, req);
	}
}

static void lo_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	lo_list(req, size, off, fi->fh, false);
}

static void lo_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	lo_list(req, size, off, fi->fh, true);
}

/* clang-format off */
static const struct fuse_lowlevel_ops lo_operations = {
	.lookup = lo_lookup,   .forget = lo_forget,     .forget_multi = lo_forget_multi,
	.getattr = lo_getattr, .setattr = lo_setattr,   .readlink = lo_readlink,
	.mknod = lo_mknod,     .mkdir = lo_mkdir,       .symlink = lo_symlink,
	.unlink = lo_unlink,   .rmdir = lo_rmdir,       .rename = lo_rename,
	.link = lo_link,       .create = lo_create,     .open = lo_open,
	.read = lo_read,       .write = lo_write,       .fsync = lo_fsync,
	.lseek = lo_lseek,     .release = lo_release,   .opendir = lo_open,
	.readdir = lo_readdir, .releasedir = lo_release, .statfs = lo_statfs,
	.readdirplus = lo_readdirplus,
};
/* clang-format on */

/* What libfuse may not know comes from the session, whatever its version. */
static const struct finode_session_config lo_server = {
	.size = sizeof(lo_server),
	.ops = &lo_operations,
	.ops_size = sizeof(lo_operations),
	.tmpfile = lo_tmpfile,
	.statx = lo_statx,
	.syncfs = lo_syncfs,
};

/* ---- The server ---- */

static int lo_open_source(const char *source, struct finode_table **out)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct lo_object root;
	int err = lo_open_object(AT_FDCWD, source, O_DIRECTORY, &root);

	if (err)
		return err;
	budget = relieve_at = serve_raise_fd_limit() / 2; /* one for each inode */
	config.ops = &lo_ops;
	config.file_ops = &lo_file_ops;
	config.log = finode_log_to_fuse;
	config.root_key = lo_key(&root);
	config.root_arg = &root;
	err = finode_table_create(&config, &table);
	lo_close(&root.fd);
	*out = table;
	return err;
}

int main(int argc, char *argv[])
{
	return serve_main(argc, argv, "Shows the directory SOURCE at MOUNTPOINT.",
			  &lo_server, lo_open_source);
}
