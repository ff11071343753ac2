/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bynamefs: a server over a backend that knows nothing but paths: a directory of the host,
 * used as if it were an object store. No inode number is kept, and no descriptor but those
 * of open files. It has files and directories, and no links.
 *
 *     bynamefs /srv/files /mnt        # as root, or as anyone who may use fusermount3
 *     mv /mnt/a /mnt/b                # a file open below "a" stays what it was
 *     fusermount3 -u /mnt
 *
 * Its name identifies an inode. So finode_obtain_at() takes the place of finode_obtain(),
 * finode_alias_rename() gives an inode its new name, and it keeps its nodeid; finode_path()
 * tells where it is now. An inode whose name was removed, or is another object's now, can
 * be reached as long as it is open. A path is true until somebody renames something on it:
 * so paths are built and used under a lock that changes of names take alone. The numbers in
 * st_ino are the host's, and nothing here relies on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lo.h"
#include "serve.h"

struct by_inode {
	struct finode base;
	unsigned int opens; /* its open files; protected by `names`, as the next is */
	int fd;		    /* a duplicate of the first one's, while there are any */
};

static struct finode_table *table;
static char *source; /* an absolute path */
static pthread_rwlock_t names = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static const struct finode_ops by_ops = {FINODE_OPS_FOR(struct by_inode, base)};

#define by_inode(base_) FINODE_CONTAINER_OF(base_, struct by_inode, base)

/* Called with `names` held alone. */
static int by_file_init(struct finode_file *base, void *arg)
{
	struct by_inode *inode = by_inode(base->inode);
	int *fd = arg, err = lo_file_ops.init(base, fd);

	if (!err && inode->opens++ == 0)
		inode->fd = fcntl(lo_fd(base), F_DUPFD_CLOEXEC, 0);
	return err;
}

/* Takes `names`: so nobody may put a file while holding it. */
static void by_file_release(struct finode_file *base)
{
	struct by_inode *inode = by_inode(base->inode);

	pthread_rwlock_wrlock(&names);
	if (--inode->opens == 0)
		lo_close(&inode->fd);
	pthread_rwlock_unlock(&names);
	lo_file_ops.release(base);
}

static const struct finode_file_ops by_file_ops = {
	FINODE_FILE_OPS_FOR(struct lo_file, base),
	.init = by_file_init,
	.release = by_file_release,
};

/* The path of an inode; with a name, the path of that name in it. */
static int by_path(struct finode *inode, const char *name, char path[PATH_MAX])
{
	int used = snprintf(path, PATH_MAX, "%s", source);
	size_t room = PATH_MAX - (size_t)used;
	ssize_t length = name ? finode_path_at(inode, name, path + used, room)
			      : finode_path(inode, path + used, room);

	return length == -ENOENT ? -ESTALE : length < 0 ? (int)length : 0;
}

/* As by_path(), or by an open file. Returns the AT_ flags with which to use the path. */
static int by_find(struct finode *inode, char path[PATH_MAX])
{
	int err = inode ? by_path(inode, NULL, path) : -ESTALE;

	if (!inode || err != -ESTALE || by_inode(inode)->opens == 0)
		return err ? err : AT_SYMLINK_NOFOLLOW;
	lo_path(by_inode(inode)->fd, path);
	return 0;
}

/* For a request that names an entry: its directory, and the path to the entry. */
static int by_child(fuse_ino_t parent, const char *name, struct finode **dir,
		    char path[PATH_MAX])
{
	int err = finode_get_dir(table, parent, name, dir);

	return err ? err : by_path(*dir, name, path);
}

/* MKDIR; or CREATE, which returns the fd. */
static int by_make(fuse_req_t req, const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int made;

	lo_act_as_caller(req);
	made = fi ? open(path, fi->flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode)
		  : mkdir(path, mode);
	if (made < 0)
		made = -errno;
	lo_act_as_self();
	return made;
}

/*
 * LOOKUP (`created` is 0), and requests that make the name first. `names` is held until
 * the answer is sent: when the kernel and the table are told of a name, it is still true.
 */
static void by_enter(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t created,
		     mode_t mode, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *dir, *inode = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	struct lo_object obj;
	char path[PATH_MAX];
	int err, fd = -1;

	(created ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&names);
	err = by_child(parent, name, &dir, path);
	if (!err && created)
		err = fd = by_make(req, path, mode, fi);
	if (err >= 0)
		err = lstat(path, &obj.st) < 0 ? -errno : 0;
	if (!err)
		err = finode_obtain_at(dir, name, obj.st.st_mode, NULL, &inode, NULL);
	if (err >= 0 && fi)
		err = finode_file_open(inode, &fd, &file);
	if (err == -ENOENT)
		finode_reply_negative(req, dir, name, created ? 0 : LO_TIMEOUT);
	else if (err < 0)
		finode_reply_err(req, err);
	else if (fi)
		finode_reply_create(req, dir, name, inode, &lo_entry(&obj, created), file,
				    fi);
	else
		finode_reply_entry(req, dir, name, inode, &lo_entry(&obj, created));
	pthread_rwlock_unlock(&names);
	if (fi)
		lo_close(&fd);
}

static void by_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	by_enter(req, parent, name, 0, 0, NULL);
}

static void by_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	by_enter(req, parent, name, S_IFDIR, mode & 07777, NULL);
}

static void by_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	by_enter(req, parent, name, S_IFREG, mode & 07777, fi);
}

/* UNLINK and RMDIR. The kernel has checked which of them is the right one. */
static void by_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	FINODE_AUTOPUT struct finode *dir;
	char path[PATH_MAX];
	int err;

	pthread_rwlock_wrlock(&names);
	err = by_child(parent, name, &dir, path);
	if (!err && remove(path) < 0)
		err = -errno;
	if (!err)
		finode_alias_remove(dir, name);
	pthread_rwlock_unlock(&names);
	finode_reply_err(req, err);
}

static void by_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	FINODE_AUTOPUT struct finode *dir, *newdir = NULL;
	char path[PATH_MAX], newpath[PATH_MAX];
	int err;

	pthread_rwlock_wrlock(&names);
	err = by_child(parent, name, &dir, path);
	if (!err)
		err = by_child(newparent, newname, &newdir, newpath);
	if (!err && renameat2(AT_FDCWD, path, AT_FDCWD, newpath, flags) < 0)
		err = -errno;
	if (!err && finode_alias_rename(dir, name, newdir, newname, flags) < 0) {
		finode_alias_drop(dir, name, NULL); /* they will be looked up again */
		finode_alias_drop(newdir, newname, NULL);
	}
	pthread_rwlock_unlock(&names);
	finode_reply_err(req, err);
}

static void by_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	char path[PATH_MAX];
	int err, fd = -1;

	pthread_rwlock_wrlock(&names);
	err = by_find(inode, path);
	if (err >= 0) {
		fd = open(path, (fi->flags & ~O_NOFOLLOW) | O_CLOEXEC);
		err = fd < 0 ? -errno : finode_file_open(inode, &fd, &file);
	}
	pthread_rwlock_unlock(&names);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_open(req, file, fi);
	lo_close(&fd);
}

/* GETATTR; and SETATTR, which changes something first. */
static void by_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *to, int set,
		       struct fuse_file_info *fi)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	char path[PATH_MAX];
	struct stat st;
	int flags, err;

	pthread_rwlock_rdlock(&names);
	flags = by_find(inode, path);
	err = flags < 0 ? flags : set ? lo_change(path, flags, NULL, to, set) : 0;
	if (!err && fstatat(AT_FDCWD, path, &st, flags) < 0)
		err = -errno;
	pthread_rwlock_unlock(&names);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_attr(req, inode, &st, LO_TIMEOUT);
}

static void by_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	by_setattr(req, nodeid, NULL, 0, fi);
}

/* clang-format off */
static const struct fuse_lowlevel_ops by_operations = {
	.lookup = by_lookup,   .forget = lo_forget,     .forget_multi = lo_forget_multi,
	.getattr = by_getattr, .setattr = by_setattr,   .create = by_create,
	.mkdir = by_mkdir,     .rmdir = by_remove,      .unlink = by_remove,
	.rename = by_rename,   .releasedir = lo_release, .fsync = lo_fsync,
	.open = by_open,       .read = lo_read,         .write = lo_write,
	.release = lo_release, .opendir = by_open,      .readdir = lo_readdir,
};
/* clang-format on */

static const struct finode_session_config by_server = {
	.size = sizeof(by_server),
	.ops = &by_operations,
	.ops_size = sizeof(by_operations),
};

static int by_open_source(const char *path, struct finode_table **out)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct stat st;
	int err;

	source = realpath(path, NULL);
	if (!source || stat(source, &st) < 0)
		return -errno;
	config.ops = &by_ops;
	config.file_ops = &by_file_ops;
	config.aliases = true;
	config.log = finode_log_to_fuse;
	config.root_key = (struct finode_key){"", 1, st.st_mode, 0};
	err = S_ISDIR(st.st_mode) ? finode_table_create(&config, &table) : -ENOTDIR;
	*out = table;
	return err;
}

int main(int argc, char *argv[])
{
	return serve_main(argc, argv, "Shows SOURCE at MOUNTPOINT, by path only.",
			  &by_server, by_open_source);
}
