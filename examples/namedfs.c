/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * namedfs: a passthrough server that knows the names of its inodes. It does what minimal
 * does. It also tells by which path it knows an inode, keeps look-ups and changes of one
 * directory apart, and closes the descriptor of a removed file before UNLINK is answered.
 *
 *     namedfs /srv/files /mnt                             # as root, or as anyone
 *     getfattr --only-values -n user.finode.path /mnt/a/b # by fd it follows renames
 *     fusermount3 -u /mnt
 *
 * The last of these matters where the backend is NFS or alike. There, while somebody has a
 * file open by a name that was removed, something is left in the directory (.nfsXXXX), and
 * the directory cannot be removed. The FORGET, at which a server closes its descriptor,
 * comes too late for the RMDIR that follows. So when a name has gone, na_name_gone() makes
 * sure that no descriptor was opened by it. The file is opened again by another name that
 * is known; if there is none, the descriptor is closed (finode/unlink.h).
 *
 * Two rules: a handler takes the locks of directories before it pins an inode, and none
 * after that. It closes what a look-up has opened before it unlocks the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lo.h"
#include "serve.h"

/* The host's file handle: what tells an object from a later one with its inode number. */
union na_handle {
	struct file_handle head;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

struct na_inode {
	struct lo_inode lo; /* its fd is -1 after unlinked() */
	union na_handle handle;
};

static struct finode_table *table;
static pthread_mutex_t reopening = PTHREAD_MUTEX_INITIALIZER;

/* A handle of no bytes where the filesystem has none: then no two are equal. */
static void na_get_handle(int fd, union na_handle *handle)
{
	int mount;

	*handle = (union na_handle){.head.handle_bytes = MAX_HANDLE_SZ};
	if (name_to_handle_at(fd, "", &handle->head, &mount, AT_EMPTY_PATH) < 0)
		handle->head.handle_bytes = 0;
}

static union na_handle *na_handle(struct finode *base)
{
	return &FINODE_CONTAINER_OF(base, struct na_inode, lo.base)->handle;
}

static int na_init(struct finode *base, void *arg)
{
	struct lo_object *obj = arg;

	na_get_handle(obj->fd, na_handle(base));
	lo_inode(base)->fd = obj->fd;
	obj->fd = -1;
	lo_count_fd(1);
	return 0;
}

/* While an object's fd is open, no other object gets its number. */
static int na_match(struct finode *base, void *arg)
{
	const struct lo_object *obj = arg;
	const union na_handle *old = na_handle(base);
	union na_handle found;

	if (finode_pin(base) == 0) {
		finode_unpin(base);
		return 1;
	}
	na_get_handle(obj->fd, &found);
	return old->head.handle_bytes > 0 &&
	       old->head.handle_bytes == found.head.handle_bytes &&
	       old->head.handle_type == found.head.handle_type &&
	       memcmp(old->head.f_handle, found.head.f_handle, found.head.handle_bytes) ==
		       0;
}

static void na_unlinked(struct finode *base)
{
	lo_close(&lo_inode(base)->fd);
	lo_count_fd(-1);
}

static int na_rebind(struct finode *base, void *arg)
{
	struct lo_object *obj = arg;

	lo_inode(base)->fd = obj->fd;
	obj->fd = -1;
	lo_count_fd(1);
	return 0;
}

static void na_evict(struct finode *base)
{
	if (lo_inode(base)->fd >= 0)
		na_unlinked(base);
}

static const struct finode_ops na_ops = {
	FINODE_OPS_FOR(struct na_inode, lo.base),
	.init = na_init,
	.match = na_match,
	.evict = na_evict,
	.unlinked = na_unlinked,
	.rebind = na_rebind,
};

/* ---- Directories and names ---- */

/* The directory of a request: found, locked and pinned. */
struct na_dir {
	struct finode *inode, *pinned;
	struct finode_dirlock lock;
};

static int na_begin(fuse_ino_t parent, const char *name,
		    int (*lock)(struct finode *, struct finode_dirlock *),
		    struct na_dir *dir)
{
	int err;

	*dir = (struct na_dir){.lock = FINODE_DIRLOCK_INIT};
	err = finode_get_dir(table, parent, name, &dir->inode);
	if (!err)
		err = lock(dir->inode, &dir->lock);
	if (!err)
		err = finode_pin(dir->inode);
	if (!err)
		dir->pinned = dir->inode;
	return err;
}

static void na_unpin(struct finode **pinned)
{
	finode_autounpin(pinned);
	*pinned = NULL;
}

static void na_end(struct na_dir *dir)
{
	na_unpin(&dir->pinned);
	finode_dir_unlock(&dir->lock);
	finode_put(dir->inode);
}

#define NA_AUTOEND __attribute__((cleanup(na_end)))

/* Opens the object of an inode by one of its names, if that still leads there. */
static int na_reopen(struct finode *inode, struct finode_alias *alias)
{
	struct lo_object obj = LO_OBJECT_NONE;
	size_t size;
	const void *id = finode_key_bytes(inode, &size);
	int err = finode_pin(alias->dir);

	if (!err) {
		err = lo_open_object(lo_inode(alias->dir)->fd, alias->name, O_NOFOLLOW,
				     &obj);
		finode_unpin(alias->dir);
	}
	if (!err && memcmp(&obj.id, id, size) != 0)
		err = -ESTALE;
	if (!err)
		err = finode_pin(inode);
	if (!err) {
		/* The number of the fd stays, so nobody who uses it has to wait. */
		err = dup3(obj.fd, lo_inode(inode)->fd, O_CLOEXEC) < 0 ? -errno : 0;
		finode_unpin(inode);
	}
	lo_close(&obj.fd);
	return err;
}

/*
 * A name of the inode, which may be NULL, was removed from the host and from the table. The
 * fd may have been opened by it: see the top. If it is closed although the host has other
 * links of it, which nobody knows of, a look-up by one of them finds it again.
 */
static void na_name_gone(struct finode *inode)
{
	struct finode_alias *alias = NULL;

	if (!inode)
		return;
	pthread_mutex_lock(&reopening);
	while ((alias = finode_alias_next(inode, alias))) {
		if (na_reopen(inode, alias) == 0)
			break;
		finode_alias_drop(alias->dir, alias->name, inode);
	}
	finode_alias_put(alias);
	pthread_mutex_unlock(&reopening);
	finode_unlinked(inode);
}

/* Answers LOOKUP, and each request that has made a name. */
static void na_reply_child(fuse_req_t req, struct finode *dir, const char *name,
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
	lo_close(&obj.fd); /* before the directory is unlocked */
}

/* ---- Operations ---- */

static void na_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	NA_AUTOEND struct na_dir dir;
	int err = na_begin(parent, name, finode_dir_share, &dir);

	if (err)
		finode_reply_err(req, err);
	else
		na_reply_child(req, dir.inode, name, 0);
}

static void na_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    dev_t rdev, const char *target)
{
	NA_AUTOEND struct na_dir dir;
	int err = na_begin(parent, name, finode_dir_change, &dir);
	int fd = err ? -1 : lo_inode(dir.inode)->fd;

	lo_act_as_caller(req);
	if (!err && (S_ISDIR(mode)   ? mkdirat(fd, name, mode & ~S_IFMT)
		     : S_ISLNK(mode) ? symlinkat(target, fd, name)
				     : mknodat(fd, name, mode, rdev)) < 0)
		err = -errno;
	lo_act_as_self();
	if (err)
		finode_reply_err(req, err);
	else
		na_reply_child(req, dir.inode, name, mode & S_IFMT);
}

static void na_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	na_make(req, parent, name, mode & S_IFMT ? mode : mode | S_IFREG, rdev, "");
}

static void na_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	na_make(req, parent, name, (mode & ~S_IFMT) | S_IFDIR, 0, "");
}

static void na_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	na_make(req, parent, name, S_IFLNK, 0, target);
}

static void na_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	NA_AUTOEND struct na_dir dir;
	int err = na_begin(parent, name, finode_dir_change, &dir);
	char path[32];

	if (!err)
		err = inode ? finode_mount_check_same(inode, dir.inode) : -ESTALE;
	if (!err)
		err = finode_pin(inode);
	if (!err) {
		if (linkat(AT_FDCWD, lo_path(lo_inode(inode)->fd, path),
			   lo_inode(dir.inode)->fd, name, AT_SYMLINK_FOLLOW) < 0)
			err = -errno;
		finode_unpin(inode);
	}
	if (err)
		finode_reply_err(req, err);
	else
		na_reply_child(req, dir.inode, name, 0);
}

static void na_remove(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	NA_AUTOEND struct na_dir dir;
	int err = na_begin(parent, name, finode_dir_change, &dir);

	if (!err) {
		inode = finode_alias_lookup(dir.inode, name);
		err = unlinkat(lo_inode(dir.inode)->fd, name, flags) < 0 ? -errno : 0;
	}
	na_unpin(&dir.pinned);
	if (!err) {
		finode_alias_remove(dir.inode, name);
		na_name_gone(inode);
	}
	finode_reply_err(req, err);
}

static void na_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	na_remove(req, parent, name, 0);
}

static void na_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	na_remove(req, parent, name, AT_REMOVEDIR);
}

/* The system call, with both directories pinned; they may be the same. */
static int na_rename_pinned(struct finode *dir, const char *name, struct finode *newdir,
			    const char *newname, unsigned int flags)
{
	int err = finode_pin(dir);

	if (err)
		return err;
	err = finode_pin(newdir);
	if (!err) {
		if (renameat2(lo_inode(dir)->fd, name, lo_inode(newdir)->fd, newname,
			      flags) < 0)
			err = -errno;
		finode_unpin(newdir);
	}
	finode_unpin(dir);
	return err;
}

static void na_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	FINODE_AUTOPUT struct finode *dir, *newdir = NULL, *replaced = NULL;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	int err = finode_get_dir(table, parent, name, &dir);

	if (!err)
		err = finode_get_dir(table, newparent, newname, &newdir);
	if (!err)
		err = finode_mount_check_same(dir, newdir);
	if (!err)
		err = finode_dir_change_two(dir, newdir, &lock);
	if (!err)
		replaced = finode_alias_lookup(newdir, newname);
	if (!err)
		err = na_rename_pinned(dir, name, newdir, newname, flags);
	if (!err && finode_alias_rename(dir, name, newdir, newname, flags) < 0) {
		finode_alias_drop(dir, name, NULL); /* they will be looked up again */
		finode_alias_drop(newdir, newname, NULL);
	}
	if (!err && !(flags & FINODE_RENAME_EXCHANGE))
		na_name_gone(replaced);
	finode_reply_err(req, err);
}

/* Answers CREATE, and TMPFILE, which has no name: the file is open as `fd`. */
static void na_reply_opened(fuse_req_t req, struct finode *dir, const char *name, int fd,
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
	lo_close(&fd); /* unless init() of the file took it */
	lo_close(&obj.fd);
}

static void na_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	NA_AUTOEND struct na_dir dir;
	const int flags = fi->flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int err = na_begin(parent, name, finode_dir_change, &dir), fd = -1;

	if (!err) {
		lo_act_as_caller(req);
		fd = openat(lo_inode(dir.inode)->fd, name, flags, mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as_self();
	}
	if (err)
		finode_reply_err(req, err);
	else
		na_reply_opened(req, dir.inode, name, fd, fi);
}

static void na_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		       struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *dir = finode_get(table, parent);
	const int flags = (fi->flags & ~(O_CREAT | O_NOFOLLOW)) | O_TMPFILE | O_CLOEXEC;
	int err = dir ? finode_pin(dir) : -ESTALE, fd = -1;
	char path[32];

	if (!err) {
		lo_act_as_caller(req);
		fd = open(lo_path(lo_inode(dir)->fd, path), flags, mode);
		err = fd < 0 ? -errno : 0;
		lo_act_as_self();
		finode_unpin(dir);
	}
	if (err)
		finode_reply_err(req, err);
	else
		na_reply_opened(req, dir, NULL, fd, fi);
}

/*
 * Each entry is looked at, and with READDIRPLUS told as a look-up: none of them may be
 * held, or told of, while its name is being removed.
 */
static void na_list(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi,
		    void (*list)(fuse_req_t, fuse_ino_t, size_t, off_t,
				 struct fuse_file_info *))
{
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(table, fi->fh);
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	int err = file ? finode_dir_share(file->inode, &lock) : -EBADF;

	if (err)
		finode_reply_err(req, err);
	else
		list(req, nodeid, size, off, fi);
}

static void na_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	na_list(req, nodeid, size, off, fi, lo_readdir);
}

static void na_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	na_list(req, nodeid, size, off, fi, lo_readdirplus);
}

static void na_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	char path[PATH_MAX];
	ssize_t length = inode ? -ENODATA : -ESTALE;

	if (inode && strcmp(name, "user.finode.path") == 0)
		length = finode_path(inode, path, sizeof(path));
	if (length < 0)
		finode_reply_err(req, (int)length);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)length);
	else if (size < (size_t)length)
		finode_reply_err(req, -ERANGE);
	else
		fuse_reply_buf(req, path, (size_t)length);
}

/* clang-format off */
static const struct fuse_lowlevel_ops na_operations = {
	.lookup = na_lookup,   .forget = lo_forget,     .forget_multi = lo_forget_multi,
	.getattr = lo_getattr, .setattr = lo_setattr,   .readlink = lo_readlink,
	.mknod = na_mknod,     .mkdir = na_mkdir,       .symlink = na_symlink,
	.unlink = na_unlink,   .rmdir = na_rmdir,       .rename = na_rename,
	.link = na_link,       .create = na_create,     .open = lo_open,
	.read = lo_read,       .write = lo_write,       .fsync = lo_fsync,
	.lseek = lo_lseek,     .release = lo_release,   .opendir = lo_open,
	.readdir = na_readdir, .releasedir = lo_release, .statfs = lo_statfs,
	.readdirplus = na_readdirplus, .getxattr = na_getxattr,
};
/* clang-format on */

static const struct finode_session_config na_server = {
	.size = sizeof(na_server),
	.ops = &na_operations,
	.ops_size = sizeof(na_operations),
	.tmpfile = na_tmpfile,
	.statx = lo_statx,
};

static int na_open_source(const char *source, struct finode_table **out)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct lo_object root = LO_OBJECT_NONE;
	int err = lo_open_object(AT_FDCWD, source, O_DIRECTORY, &root);

	if (err)
		return err;
	config.ops = &na_ops;
	config.file_ops = &lo_file_ops;
	config.aliases = true;
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
	return serve_main(argc, argv, "Shows SOURCE at MOUNTPOINT, and knows its names.",
			  &na_server, na_open_source);
}
