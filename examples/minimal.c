/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * minimal: the smallest correct passthrough server. It shows a directory of the host at
 * a mountpoint; and this file shows what a server has to tell libfinode, and what not.
 *
 *     minimal /usr/share /mnt         # as root, or as anyone who may use fusermount3
 *     kill -USR1 $(pidof minimal)     # logs the statistics of the table
 *     fusermount3 -u /mnt
 *
 * Read it from the top: how an inode is made and ended, how a name is looked up, how names
 * are made and removed. What an inode and an open file are here is in lo.h, and what is
 * nothing but system calls on a file descriptor is in lo.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <stdio.h>
#include <unistd.h>

#include "lo.h"
#include "serve.h"

static struct finode_table *table; /* all inodes and open files of this server */

static int lo_init(struct finode *base, void *arg)
{
	struct lo_object *obj = arg;

	lo_inode(base)->fd = obj->fd;
	obj->fd = -1;
	lo_count_fd(1);
	return 0;
}

static void lo_evict(struct finode *base)
{
	close(lo_inode(base)->fd);
	lo_count_fd(-1);
}

static const struct finode_ops lo_ops = {
	FINODE_OPS_FOR(struct lo_inode, base),
	.init = lo_init,
	.evict = lo_evict,
};

/* Answers LOOKUP, and each request that has made a name. */
static void lo_reply_child(fuse_req_t req, struct finode *dir, const char *name,
			   mode_t created)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	int err = lo_open_object(lo_inode(dir)->fd, name, O_NOFOLLOW, &obj);

	lo_reclaim(req);
	if (!err)
		err = lo_obtain(dir, &obj, &inode);
	if (err == -ENOENT)
		finode_reply_negative(req, dir, name, LO_TIMEOUT);
	else if (err < 0)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir, name, inode, &lo_entry(&obj, created));
	lo_close(&obj.fd); /* unless lo_init() took it */
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

/* MKNOD, MKDIR and SYMLINK differ in one system call. */
static void lo_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    dev_t rdev, const char *target)
{
	FINODE_AUTOPUT struct finode *dir;
	int err = finode_get_dir(table, parent, name, &dir);

	lo_act_as_caller(req);
	if (!err && (S_ISDIR(mode)   ? mkdirat(lo_inode(dir)->fd, name, mode & ~S_IFMT)
		     : S_ISLNK(mode) ? symlinkat(target, lo_inode(dir)->fd, name)
				     : mknodat(lo_inode(dir)->fd, name, mode, rdev)) < 0)
		err = -errno;
	lo_act_as_self();
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

	if (!err)
		err = inode ? finode_mount_check_same(inode, dir) : -ESTALE;
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
	if (!err)
		err = finode_mount_check_same(dir, newdir);
	if (!err &&
	    renameat2(lo_inode(dir)->fd, name, lo_inode(newdir)->fd, newname, flags) < 0)
		err = -errno;
	finode_reply_err(req, err);
}

/* ---- Operations: open files ---- */

/* Answers CREATE, and TMPFILE, which has no name: the file is open as `fd`. */
static void lo_reply_opened(fuse_req_t req, struct finode *dir, const char *name, int fd,
			    struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	struct lo_object obj = LO_OBJECT_NONE;
	char path[32];
	/* Looks at what was opened: the name may be another file's by now. */
	int err = lo_open_object(AT_FDCWD, lo_path(fd, path), 0, &obj);

	lo_reclaim(req);
	if (!err)
		err = lo_obtain(dir, &obj, &inode);
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
		lo_act_as_caller(req);
		fd = openat(lo_inode(dir)->fd, name, flags, mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as_self();
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
		lo_act_as_caller(req);
		fd = open(lo_path(lo_inode(dir)->fd, path),
			  (fi->flags & ~(O_CREAT | O_NOFOLLOW)) | O_TMPFILE | O_CLOEXEC,
			  mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as_self();
	}
	if (err)
		finode_reply_err(req, err);
	else
		lo_reply_opened(req, dir, NULL, fd, fi);
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
};

/* ---- The server ---- */

static int lo_open_source(const char *source, struct finode_table **out)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct lo_object root = LO_OBJECT_NONE;
	int err = lo_open_object(AT_FDCWD, source, O_DIRECTORY, &root);

	if (err)
		return err;
	config.ops = &lo_ops;
	config.file_ops = &lo_file_ops;
	config.log = finode_log_to_fuse;
	config.root_key = lo_key(&root);
	config.root_arg = &root;
	config.mount_ops = &lo_mount_ops;
	config.root_mount_id = finode_mount_id_of(&root.stx);
	config.root_mount_arg = &root;
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
