/* SPDX-License-Identifier: BSD-3-Clause */
/* See memfs.h. The operations of memfs: each is what an author would write. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "memfs_objects.h"

static struct memfs *memfs_of(fuse_req_t req)
{
	return finode_session_of(req)->user;
}
/* Are names kept? Then lookups share a directory, and changes take it alone. */
static bool has_names(const struct memfs *fs)
{
	return fs->names;
}

static int mem_share(struct memfs *fs, struct finode *dir, struct finode_dirlock *lock)
{
	return has_names(fs) ? finode_dir_share(dir, lock) : 0;
}

static int mem_change(struct memfs *fs, struct finode *dir, struct finode_dirlock *lock)
{
	return has_names(fs) ? finode_dir_change(dir, lock) : 0;
}

/* After a name of the inode has gone: was it the last one? */
static void mem_name_gone(struct finode *inode)
{
	struct stat st = {.st_nlink = 1};

	if (finode_pin(inode) != 0)
		return;
	tree_stat(mem_tree(inode), mem_inode(inode)->node, &st);
	finode_unpin(inode);
	if (st.st_nlink == 0)
		finode_unlinked(inode);
}
static void mem_reply_child(fuse_req_t req, struct finode *dir, const char *name,
			    struct node *node, mode_t created)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct finode_entry entry;
	int err = mem_obtain(fs, dir, node, &inode, &entry);

	if (err) {
		finode_reply_err(req, err);
		return;
	}
	entry.created = created;
	finode_reply_entry(req, dir, name,
			   fs->bogus_root ? finode_table_root(fs->table) : inode, &entry);
}

static void mem_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	int err = finode_get_dir(fs->table, parent, name, &dir);
	void (*hook)(struct memfs *, fuse_req_t, uint64_t, const char *) = fs->on_lookup;
	struct node *node = NULL;

	if (hook)
		hook(fs, req, parent, name);
	if (!err)
		err = mem_share(fs, dir, &lock);
	if (!err)
		err = mem_use(dir, &pinned);
	if (!err)
		err = tree_lookup(mem_tree(dir), mem_inode(dir)->node, name, &node);
	if (err == -ENOENT)
		finode_reply_negative(req, dir, name, fs->negative_timeout);
	else if (err)
		finode_reply_err(req, err);
	else
		mem_reply_child(req, dir, name, node, 0);
}

static void mem_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, memfs_of(req)->table, nodeid, nlookup);
}

static void mem_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, memfs_of(req)->table, count, forgets);
}

static void mem_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *inode = finode_get(fs->table, nodeid);
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	struct stat st;

	(void)fi;
	if (!inode || mem_use(inode, &pinned) != 0 || mem_stat(inode, &st) != 0) {
		finode_reply_err(req, -ESTALE);
		return;
	}
	if (fs->bogus_type)
		st.st_mode ^= S_IFREG ^ S_IFDIR;
	if (fs->bogus_size)
		st.st_size = -1;
	finode_reply_attr(req, inode, &st, fs->timeout);
}

static void mem_statx(fuse_req_t req, fuse_ino_t nodeid, int flags, int mask,
		      struct fuse_file_info *fi)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *inode = finode_get(fs->table, nodeid);
	struct statx stx = {.stx_mask = STATX_BASIC_STATS | STATX_BTIME,
			    .stx_btime = {.tv_sec = 1234567890, .tv_nsec = 42}};
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	struct stat st;

	fs->statx_flags = flags;
	fs->statx_mask = mask;
	fs->statx_open = fi != NULL;
	if (!inode || mem_use(inode, &pinned) != 0 || mem_stat(inode, &st) != 0) {
		finode_reply_err(req, -ESTALE);
		return;
	}
	stx.stx_ino = st.st_ino;
	stx.stx_nlink = (uint32_t)st.st_nlink;
	stx.stx_mode =
		(uint16_t)(fs->bogus_type ? st.st_mode ^ S_IFREG ^ S_IFDIR : st.st_mode);
	finode_reply_statx(req, inode, &stx, fs->timeout);
}

static void mem_syncfs(fuse_req_t req, fuse_ino_t nodeid)
{
	struct memfs *fs = memfs_of(req);

	fs->syncs++;
	finode_reply_err(req, nodeid == FUSE_ROOT_ID ? 0 : -ESTALE);
}

static void mem_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	int err = finode_get_dir(fs->table, parent, name, &dir);
	struct node *node = NULL;

	if (!err)
		err = mem_change(fs, dir, &lock);
	if (!err)
		err = mem_use(dir, &pinned);
	if (!err)
		err = tree_make(mem_tree(dir), mem_inode(dir)->node, name, mode, &node);
	if (err)
		finode_reply_err(req, err);
	else
		mem_reply_child(req, dir, name, node, mode & S_IFMT);
}

static void mem_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      dev_t rdev)
{
	(void)rdev;
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFSOCK:
		mem_make(req, parent, name, mode);
		break;
	default:
		finode_reply_err(req, -EINVAL);
	}
}

static void mem_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	mem_make(req, parent, name, S_IFDIR | (mode & ~S_IFMT));
}

static void mem_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			const char *name)
{
	(void)target;
	mem_make(req, parent, name, S_IFLNK | 0777);
}

static void mem_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *inode = finode_get(fs->table, nodeid);
	FINODE_AUTOPUT struct finode *dir;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOUNPIN struct finode *pinned = NULL, *pinned_dir = NULL;
	int err = finode_get_dir(fs->table, parent, name, &dir);
	struct node *node = NULL;

	if (!err)
		err = inode ? finode_mount_check_same(inode, dir) : -ESTALE;
	if (!err)
		err = mem_change(fs, dir, &lock);
	if (!err)
		err = mem_use(dir, &pinned_dir);
	if (!err)
		err = inode == dir ? -EPERM : mem_use(inode, &pinned);
	if (!err) {
		node = mem_inode(inode)->node;
		err = tree_link(mem_tree(dir), node, mem_inode(dir)->node, name);
	}
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	tree_hold(mem_tree(dir), node);
	mem_reply_child(req, dir, name, node, 0);
}

/* UNLINK and RMDIR: what the backend does. */
static int mem_remove_name(struct finode *dir, const char *name, int directory)
{
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	int err = mem_use(dir, &pinned);

	return err ? err
		   : tree_remove(mem_tree(dir), mem_inode(dir)->node, name, directory);
}

static void mem_remove(fuse_req_t req, fuse_ino_t parent, const char *name, int directory)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir;
	FINODE_AUTOPUT struct finode *inode = NULL;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	int err = finode_get_dir(fs->table, parent, name, &dir);

	if (!err)
		err = mem_change(fs, dir, &lock);
	if (!err) {
		inode = finode_alias_lookup(dir, name);
		err = mem_remove_name(dir, name, directory);
	}
	if (!err)
		finode_alias_remove(dir, name);
	if (!err && inode)
		mem_name_gone(inode);
	finode_reply_err(req, err);
}

static void mem_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, 0);
}

static void mem_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, 1);
}

static int mem_rename_name(struct finode *dir, const char *name, struct finode *newdir,
			   const char *newname, unsigned int flags)
{
	FINODE_AUTOUNPIN struct finode *pinned = NULL, *pinned_too = NULL;
	int err = mem_use(dir, &pinned);

	if (!err && newdir != dir)
		err = mem_use(newdir, &pinned_too);
	return err ? err
		   : tree_rename(mem_tree(dir), mem_inode(dir)->node, name,
				 mem_inode(newdir)->node, newname, flags);
}

/* What the table is told of a rename that the backend has made. */
static void mem_renamed(struct finode *dir, const char *name, struct finode *newdir,
			const char *newname, unsigned int flags, struct finode *replaced)
{
	if (finode_alias_rename(dir, name, newdir, newname, flags) != 0) {
		finode_alias_drop(dir, name, NULL);
		finode_alias_drop(newdir, newname, NULL);
	}
	if (replaced)
		mem_name_gone(replaced);
}

static void mem_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		       fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir, *newdir = NULL;
	FINODE_AUTOPUT struct finode *replaced = NULL;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	int err = finode_get_dir(fs->table, parent, name, &dir);

	if (!err)
		err = finode_get_dir(fs->table, newparent, newname, &newdir);
	if (!err)
		err = finode_mount_check_same(dir, newdir);
	if (!err && has_names(fs))
		err = finode_dir_change_two(dir, newdir, &lock);
	if (!err) {
		replaced = finode_alias_lookup(newdir, newname);
		err = mem_rename_name(dir, name, newdir, newname, flags);
	}
	if (!err)
		mem_renamed(dir, name, newdir, newname, flags, replaced);
	finode_reply_err(req, err);
}

static void mem_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir, *inode = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	int err = finode_get_dir(fs->table, parent, name, &dir);
	struct finode_entry entry;
	struct node *node = NULL;

	if (!err)
		err = mem_change(fs, dir, &lock);
	if (!err)
		err = mem_use(dir, &pinned);
	if (!err) {
		err = tree_make(mem_tree(dir), mem_inode(dir)->node, name,
				S_IFREG | (mode & ~S_IFMT), &node);
		if (err == -EEXIST)
			err = tree_lookup(mem_tree(dir), mem_inode(dir)->node, name, &node);
	}
	if (!err)
		err = mem_obtain(fs, dir, node, &inode, &entry);
	if (!err)
		err = finode_file_open(inode, fs, &file);
	if (!err && fs->open_flags)
		fi->direct_io = fi->keep_cache = fi->cache_readdir = fi->nonseekable =
			fi->noflush = 1;
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_create(req, dir, name, inode, &entry, file, fi);
}

static void mem_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
			struct fuse_file_info *fi)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *dir = finode_get(fs->table, parent);
	FINODE_AUTOPUT struct finode *inode = NULL;
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	int err = !dir ? -ESTALE : dir->type != S_IFDIR ? -ENOTDIR : 0;
	struct finode_entry entry;
	struct node *node = NULL;

	if (!err)
		err = tree_make_unnamed(mem_tree(dir), S_IFREG | (mode & ~S_IFMT), &node);
	if (!err)
		err = mem_obtain(fs, dir, node, &inode, &entry);
	if (!err)
		err = finode_file_open(inode, fs, &file);
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_tmpfile(req, dir, inode, &entry, file, fi);
}

static void mem_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct memfs *fs = memfs_of(req);
	FINODE_AUTOPUT struct finode *inode = finode_get(fs->table, nodeid);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	int err = inode ? finode_file_open(inode, fs, &file) : -ESTALE;

	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_open(req, file, fi);
}

static void mem_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	(void)nodeid;
	finode_reply_err(req, finode_file_close(memfs_of(req)->table, fi->fh));
}

/* "." and ".." first, at offsets 1 and 2; then the tree's names, theirs raised by 2. */
static int mem_fill(struct memfs *fs, struct finode *dir, struct finode_dirbuf *buf,
		    off_t off)
{
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	FINODE_AUTOUNPIN struct finode *pinned = NULL;
	struct finode_entry self = FINODE_ENTRY(.attr = {.st_ino = 1, .st_mode = S_IFDIR});
	uint64_t at = off > 2 ? (uint64_t)off - 2 : 0;
	struct node *node;
	char name[256];
	int full = 0, error = mem_share(fs, dir, &lock);

	if (!error)
		error = mem_use(dir, &pinned);
	if (error)
		return error;
	if (off < 1)
		full = finode_dirbuf_add(buf, ".", 1, dir, &self);
	if (!full && off < 2)
		full = finode_dirbuf_add(buf, "..", 2, dir, &self);
	while (!full &&
	       tree_next(mem_tree(dir), mem_inode(dir)->node, at, name, &at, &node) == 0) {
		FINODE_AUTOPUT struct finode *inode = NULL;
		struct finode_entry entry;
		int err = mem_obtain(fs, dir, node, &inode, &entry);

		if (err)
			return err;
		full = finode_dirbuf_add(buf, fs->bogus_name ? "a/b" : name, (off_t)at + 2,
					 inode, &entry);
	}
	return 0;
}

static void mem_read_dir(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi,
			 int plus)
{
	struct memfs *fs = memfs_of(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = finode_file_get(fs->table, fi->fh);
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
	int err = file ? 0 : -EBADF;

	if (!err && file->inode->type != S_IFDIR)
		err = -ENOTDIR;
	if (!err)
		err = finode_dirbuf_init(&buf, file->inode, size, plus);
	if (!err)
		err = mem_fill(fs, file->inode, &buf, off);
	if (err)
		finode_reply_err(req, err);
	else
		finode_dirbuf_reply(&buf, req);
}

static void mem_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	(void)nodeid;
	mem_read_dir(req, size, off, fi, 0);
}

static void mem_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			    struct fuse_file_info *fi)
{
	(void)nodeid;
	mem_read_dir(req, size, off, fi, 1);
}

static void mem_destroy(void *userdata)
{
	finode_table_forget_all(((struct finode_session *)userdata)->table);
}

static const struct fuse_lowlevel_ops mem_operations = {
	.destroy = mem_destroy,
	.lookup = mem_lookup,
	.forget = mem_forget,
	.forget_multi = mem_forget_multi,
	.getattr = mem_getattr,
	.mknod = mem_mknod,
	.mkdir = mem_mkdir,
	.symlink = mem_symlink,
	.link = mem_link,
	.unlink = mem_unlink,
	.rmdir = mem_rmdir,
	.rename = mem_rename,
	.create = mem_create,
	.open = mem_open,
	.release = mem_release,
	.opendir = mem_open,
	.readdir = mem_readdir,
	.readdirplus = mem_readdirplus,
	.releasedir = mem_release,
};

struct finode_session_config memfs_server(struct memfs *fs)
{
	struct finode_session_config config = FINODE_SESSION_CONFIG_INIT;

	config.table = fs->table;
	config.ops = &mem_operations;
	config.ops_size = sizeof(mem_operations);
	config.user = fs;
	config.tmpfile = mem_tmpfile;
	config.statx = mem_statx;
	config.syncfs = fs->mounts ? NULL : mem_syncfs;
	return config;
}
