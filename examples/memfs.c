/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memfs: a filesystem in memory, as tmpfs is one. The first server to read: there is no
 * backend, so all that is here is what a server does, and what libfinode does for it.
 *
 *     memfs none /mnt                 # as root, or as anyone who may use fusermount3
 *     cp -a /usr/share/doc /mnt
 *     kill -USR1 $(pidof memfs)       # logs the statistics of the table
 *     fusermount3 -u /mnt             # everything in it is gone
 *
 * What the server does: a directory has entries; each names an inode, and holds it. One
 * lock protects all that. A handler has it from its first look until it has replied, so
 * what the kernel is told is still true.
 *
 * What the library does: it makes the inodes, resolves what the kernel sends back, counts
 * what the kernel was told and forgets, and calls mem_evict() when no entry, no request and
 * no count holds an inode any more. So UNLINK takes an entry away, and that is all: a file
 * that is open lives on, and no line here has to know. At the end the table puts the root,
 * that puts what its entries hold, and so on down, in a loop.
 */
#include <errno.h>
#include <finode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memfs.h"
#include "serve.h"

struct finode_table *mem_table;
pthread_mutex_t mem_tree = PTHREAD_MUTEX_INITIALIZER;
static int names;	    /* -o names: the table keeps names; this server needs none */
static _Atomic long inodes; /* now */
static ino_t last_ino = 1;  /* the root's */

/* ---- Inodes ---- */

/* What a new inode is made of. */
struct mem_new {
	struct stat st;
	const char *target; /* of a symlink, or NULL */
};

static int mem_init(struct finode *base, void *arg)
{
	struct mem_inode *inode = mem_inode(base);
	const struct mem_new *new = arg;

	inode->st = new->st;
	inode->last_off = 2; /* "." and ".." come before all entries */
	inode->data = new->target ? strdup(new->target) : NULL;
	if (new->target && !inode->data)
		return -ENOMEM;
	inodes++;
	return 0;
}

/* Nobody can reach it any more. What it puts ends after it, however deep the tree is. */
static void mem_evict(struct finode *base)
{
	struct mem_inode *inode = mem_inode(base);
	struct mem_entry *entry = inode->entries, *next;

	HASH_CLEAR(hh, inode->entries);
	for (; entry; entry = next) {
		next = entry->hh.next;
		finode_put(&entry->inode->base);
		free(entry);
	}
	free(inode->data);
	inodes--;
}

static const struct finode_ops mem_ops = {
	FINODE_OPS_FOR(struct mem_inode, base),
	.init = mem_init,
	.evict = mem_evict,
};

/* ---- Entries ---- */

/* uthash's macros are long. NOLINTNEXTLINE(readability-function-size) */
static struct mem_entry *mem_find(struct mem_inode *dir, const char *name)
{
	struct mem_entry *entry;

	HASH_FIND_STR(dir->entries, name, entry);
	return entry;
}

/* A directory is its own "." and the ".." of its children: those are links, too. */
static void mem_link_count(struct mem_inode *dir, struct mem_inode *inode, int by)
{
	inode->st.st_nlink += by;
	if (S_ISDIR(inode->st.st_mode)) {
		inode->st.st_nlink += by;
		dir->st.st_nlink += by;
		inode->parent = by > 0 ? dir : inode->st.st_nlink ? inode->parent : NULL;
	}
	mem_modified(dir);
	inode->st.st_ctim = dir->st.st_ctim;
}

/* What it has named may go: here, or when whoever uses it has done so. NULL for nothing. */
static void mem_entry_set(struct mem_inode *dir, struct mem_entry *entry,
			  struct mem_inode *inode)
{
	struct mem_inode *old = entry->inode;

	entry->inode = inode;
	if (inode) {
		finode_hold(&inode->base);
		mem_link_count(dir, inode, 1);
	}
	if (old) {
		mem_link_count(dir, old, -1);
		finode_put(&old->base);
	}
}

/* NOLINTNEXTLINE(readability-function-size) */
static int mem_entry_add(struct mem_inode *dir, const char *name, struct mem_inode *inode)
{
	const size_t size = strlen(name) + 1;
	struct mem_entry *entry = calloc(1, sizeof(*entry) + size);

	if (!entry)
		return -ENOSPC;
	memcpy(entry->name, name, size);
	entry->off = ++dir->last_off;
	HASH_ADD_STR(dir->entries, name, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return -ENOSPC;
	}
	mem_entry_set(dir, entry, inode);
	return 0;
}

static void mem_entry_remove(struct mem_inode *dir, struct mem_entry *entry)
{
	mem_entry_set(dir, entry, NULL);
	HASH_DEL(dir->entries, entry);
	free(entry);
}

/* ---- Requests and replies ---- */

/* The directory of a name, as mem_get(). */
static struct finode *mem_get_dir(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct finode *dir;
	int err = finode_get_dir(mem_table, nodeid, name, &dir);

	if (err)
		finode_reply_err(req, err);
	return dir;
}

/* `created_` as in struct finode_entry. */
#define mem_attr(inode_, created_)                                                         \
	FINODE_ENTRY(.attr = (inode_)->st, .entry_timeout = MEM_TIMEOUT,                   \
		     .attr_timeout = MEM_TIMEOUT, .created = (created_))

/* ---- Operations: names ---- */

static void mem_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *dir = mem_get_dir(req, parent, name);
	struct mem_entry *entry = dir ? mem_find(mem_inode(dir), name) : NULL;

	if (entry)
		finode_reply_entry(req, dir, name, &entry->inode->base,
				   &mem_attr(entry->inode, 0));
	else if (dir)
		finode_reply_negative(req, dir, name, MEM_TIMEOUT);
}

/* May the directory get this name? */
static int mem_check_new(struct mem_inode *dir, const char *name)
{
	return dir->st.st_nlink == 0 ? -ENOENT : mem_find(dir, name) ? -EEXIST : 0;
}

/* MKNOD, MKDIR and SYMLINK; and CREATE, with a `fi`. */
static void mem_make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev, const char *target, struct fuse_file_info *fi)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *base = mem_get_dir(req, parent, name), *inode = NULL;
	struct mem_new new = {.st = {.st_mode = mode, .st_rdev = rdev}, .target = target};
	struct mem_inode *dir = base ? mem_inode(base) : NULL;
	bool group = dir && (dir->st.st_mode & S_ISGID);
	int err;

	if (!dir)
		return;
	new.st.st_ino = ++last_ino;
	new.st.st_size = target ? (off_t)strlen(target) : 0;
	new.st.st_uid = fuse_req_ctx(req)->uid;
	new.st.st_gid = group ? dir->st.st_gid : fuse_req_ctx(req)->gid;
	if (group && S_ISDIR(mode))
		new.st.st_mode |= S_ISGID;
	clock_gettime(CLOCK_REALTIME, &new.st.st_mtim);
	new.st.st_atim = new.st.st_mtim;
	err = mem_check_new(dir, name);
	if (!err)
		err = finode_obtain(base->mount, FINODE_KEY_U64(last_ino, mode), &new,
				    &inode, NULL);
	if (!err)
		err = mem_entry_add(dir, name, mem_inode(inode));
	if (err)
		finode_reply_err(req, err);
	else if (fi)
		finode_reply_create(req, base, name, inode,
				    &mem_attr(mem_inode(inode), S_IFREG), NULL, fi);
	else
		finode_reply_entry(req, base, name, inode,
				   &mem_attr(mem_inode(inode), mode & S_IFMT));
}

static void mem_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      dev_t rdev)
{
	mem_make(req, parent, name, mode & S_IFMT ? mode : mode | S_IFREG, rdev, NULL,
		 NULL);
}

static void mem_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	mem_make(req, parent, name, (mode & ~S_IFMT) | S_IFDIR, 0, NULL, NULL);
}

static void mem_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			const char *name)
{
	mem_make(req, parent, name, S_IFLNK | 0777, 0, target, NULL);
}

static void mem_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	mem_make(req, parent, name, (mode & ~S_IFMT) | S_IFREG, 0, NULL, fi);
}

static void mem_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *inode = mem_get(req, nodeid, 0);
	FINODE_AUTOPUT struct finode *dir = inode ? mem_get_dir(req, parent, name) : NULL;
	int err;

	if (!dir)
		return;
	err = inode->type == S_IFDIR ? -EPERM : mem_check_new(mem_inode(dir), name);
	if (!err)
		err = mem_entry_add(mem_inode(dir), name, mem_inode(inode));
	if (err)
		finode_reply_err(req, err);
	else
		finode_reply_entry(req, dir, name, inode, &mem_attr(mem_inode(inode), 0));
}

/* May this go, as a directory or as something else? */
static int mem_check_removal(const struct mem_inode *inode, bool dir)
{
	if (S_ISDIR(inode->st.st_mode) != dir)
		return dir ? -ENOTDIR : -EISDIR;
	return inode->entries ? -ENOTEMPTY : 0;
}

static void mem_remove(fuse_req_t req, fuse_ino_t parent, const char *name, bool rmdir)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *dir = mem_get_dir(req, parent, name);
	struct mem_entry *entry = dir ? mem_find(mem_inode(dir), name) : NULL;
	int err = entry ? mem_check_removal(entry->inode, rmdir) : -ENOENT;

	if (!dir)
		return;
	if (!err)
		mem_entry_remove(mem_inode(dir), entry);
	if (!err && names)
		finode_alias_remove(dir, name);
	finode_reply_err(req, err);
}

static void mem_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, false);
}

static void mem_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mem_remove(req, parent, name, true);
}

static bool mem_is_below(const struct mem_inode *dir, const struct mem_inode *inode)
{
	while (dir && dir != inode)
		dir = dir->parent;
	return dir != NULL;
}

/* An honest kernel has asked all this; but nothing here relies on one. */
static int mem_check_rename(struct mem_inode *dir, const struct mem_entry *from,
			    struct mem_inode *newdir, const struct mem_entry *to,
			    unsigned int flags)
{
	if (flags & ~(FINODE_RENAME_NOREPLACE | FINODE_RENAME_EXCHANGE))
		return -EINVAL;
	if (!from || (!to && (flags & FINODE_RENAME_EXCHANGE)) || !newdir->st.st_nlink)
		return -ENOENT;
	if (to && (flags & FINODE_RENAME_NOREPLACE))
		return -EEXIST;
	if (mem_is_below(newdir, from->inode))
		return -EINVAL;
	if (flags & FINODE_RENAME_EXCHANGE)
		return mem_is_below(dir, to->inode) ? -EINVAL : 0;
	return to ? mem_check_removal(to->inode, S_ISDIR(from->inode->st.st_mode)) : 0;
}

static int mem_move(struct mem_inode *dir, const char *name, struct mem_inode *newdir,
		    const char *newname, unsigned int flags)
{
	struct mem_entry *from = mem_find(dir, name), *to = mem_find(newdir, newname);
	FINODE_AUTOPUT struct finode *other = to ? finode_hold(&to->inode->base) : NULL;
	int err = mem_check_rename(dir, from, newdir, to, flags);

	if (err || (to && to->inode == from->inode))
		return err; /* two names of one file both stay: rename(2) */
	if (to)
		mem_entry_set(newdir, to, from->inode);
	else
		err = mem_entry_add(newdir, newname, from->inode);
	if (flags & FINODE_RENAME_EXCHANGE)
		mem_entry_set(dir, from, mem_inode(other));
	else if (!err)
		mem_entry_remove(dir, from);
	return err;
}

static void mem_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		       fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *dir = mem_get_dir(req, parent, name);
	FINODE_AUTOPUT struct finode *newdir =
		dir ? mem_get_dir(req, newparent, newname) : NULL;
	int err;

	if (!newdir)
		return;
	err = mem_move(mem_inode(dir), name, mem_inode(newdir), newname, flags);
	if (!err && names && finode_alias_rename(dir, name, newdir, newname, flags) != 0) {
		/* No memory for names: what is not known is not wrong. */
		finode_alias_drop(dir, name, NULL);
		finode_alias_drop(newdir, newname, NULL);
	}
	finode_reply_err(req, err);
}

/* @return true if it did not fit */
static bool mem_list_one(struct finode_dirbuf *buf, const char *name, off_t off,
			 struct mem_inode *inode)
{
	return finode_dirbuf_add(buf, name, off, &inode->base, &mem_attr(inode, 0)) != 0;
}

static void mem_list(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, bool plus)
{
	HOLD_TREE;
	FINODE_AUTOPUT struct finode *base = mem_get(req, nodeid, S_IFDIR);
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
	struct mem_inode *dir = base ? mem_inode(base) : NULL;
	int err = dir ? finode_dirbuf_init(&buf, base, size, plus) : 0;
	bool full;

	if (err)
		finode_reply_err(req, err);
	if (!dir || err)
		return;
	full = (off < 1 && mem_list_one(&buf, ".", 1, dir)) ||
	       (off < 2 && mem_list_one(&buf, "..", 2, dir->parent ? dir->parent : dir));
	for (struct mem_entry *entry = dir->entries; entry && !full; entry = entry->hh.next)
		if (entry->off > off)
			full = mem_list_one(&buf, entry->name, entry->off, entry->inode);
	finode_dirbuf_reply(&buf, req);
}

static void mem_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	mem_list(req, nodeid, size, off, false);
}

static void mem_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			    struct fuse_file_info *fi)
{
	mem_list(req, nodeid, size, off, true);
}

/* clang-format off */
/* No forget() and forget_multi(): the session has them. */
static const struct fuse_lowlevel_ops mem_operations = {
	.lookup = mem_lookup,   .getattr = mem_getattr,         .setattr = mem_setattr,
	.mknod = mem_mknod,     .mkdir = mem_mkdir,             .symlink = mem_symlink,
	.unlink = mem_unlink,   .rmdir = mem_rmdir,             .rename = mem_rename,
	.link = mem_link,       .create = mem_create,           .readlink = mem_readlink,
	.open = mem_open,       .read = mem_read,               .write = mem_write,
	.readdir = mem_readdir, .readdirplus = mem_readdirplus, .statfs = mem_statfs,
};
/* clang-format on */

static const struct finode_session_config mem_server = {
	.size = sizeof(mem_server),
	.ops = &mem_operations,
	.ops_size = sizeof(mem_operations),
};

/* ---- The server ---- */

/* There is no source: the word is for the list of mounts. */
static int mem_open_source(const char *source, struct finode_table **out)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct mem_new root = {.st = {.st_mode = S_IFDIR | 0755, .st_nlink = 2}};
	int err;

	root.st.st_ino = last_ino;
	root.st.st_uid = getuid();
	root.st.st_gid = getgid();
	config.ops = &mem_ops;
	config.root_key = FINODE_KEY_U64(last_ino, S_IFDIR);
	config.root_arg = &root;
	config.aliases = names;
	config.log = finode_log_to_fuse;
	err = finode_table_create(&config, &mem_table);
	*out = mem_table;
	return err;
}

int main(int argc, char *argv[])
{
	static const struct fuse_opt options[] = {{"names", 0, 1}, FUSE_OPT_END};
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	int status = 2;

	if (fuse_opt_parse(&args, &names, options, NULL) == 0)
		status = serve_main(args.argc, args.argv,
				    "An empty filesystem in memory; SOURCE is any word.\n"
				    "-o names: the table keeps names.",
				    &mem_server, mem_open_source);
	fuse_opt_free_args(&args);
	if (inodes != 0)
		fprintf(stderr, "memfs: %ld inodes were not evicted\n", inodes);
	return inodes ? 1 : status;
}
