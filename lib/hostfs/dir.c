/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: OPENDIR, READDIR, READDIRPLUS, RELEASEDIR, FSYNCDIR.
 *
 * This file owns the entries that an open directory has read and not yet replied: one
 * getdents64(2) of the host's gives more than one reply takes. Offsets are the host's own.
 *
 * Invariants:
 *
 *   - The buffer is of one open directory and protected by its lock. It is used only for a
 *     request that goes on where the last one ended; any other offset, and 0 of all, reads
 *     the host anew.
 *   - Entries that recent look-ups have told the kernel of are listed without attributes
 *     in READDIRPLUS as in READDIR: see recent.c.
 *   - A mountpoint is listed with the number of the root that covers it, in READDIR as in
 *     READDIRPLUS, and ".." of the root with the root's own: nothing is told of what is
 *     above the source.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "reclaim.h"
#include "internal.h"

#define ENTRIES_SIZE 32768

struct entries {
	pthread_mutex_t lock;
	off_t next;	/* the offset that goes on with what is left */
	uint32_t known; /* so many more entries that the kernel has been told of by name */
	size_t at, used;
	char bytes[ENTRIES_SIZE] __attribute__((aligned(8)));
};

static struct entries *entries_create(void)
{
	struct entries *entries = malloc(sizeof(*entries));

	if (!entries)
		return NULL;
	pthread_mutex_init(&entries->lock, NULL);
	entries->next = -1;
	entries->at = entries->used = 0;
	entries->known = 0;
	return entries;
}

static void entries_destroy(struct entries *entries)
{
	if (!entries)
		return;
	pthread_mutex_destroy(&entries->lock);
	free(entries);
}

void hostfs__dir_finish(struct hostfs_file *file)
{
	entries_destroy(hostfs__file_part(file)->entries);
}

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
	hostfs__backing_unreserve(hostfs__state(req));
	return err;
}

void hostfs__opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct hostfs_state *state = hostfs__state(req);
	FINODE_FILE_AUTOPUT struct finode_file *file = NULL;
	struct entries *entries = NULL;
	AUTO_USE struct use use = USE_NONE;
	struct opened opened = {-1, O_RDONLY};
	int err;

	if (hostfs__wants(state, HOSTFS_NO_OPEN)) {
		finode_reply_err(req, -ENOSYS);
		return;
	}
	err = hostfs__use(req, nodeid, &use);
	if (!err && !(entries = entries_create()))
		err = -ENOMEM;
	if (!err)
		err = open_dir(req, &use, &opened);
	if (!err)
		err = finode_file_open(use.inode, &opened, &file);
	if (!err) {
		hostfs__file_part(hostfs_file(file))->entries = entries;
		entries = NULL;
		fi->cache_readdir = hostfs__wants(state, HOSTFS_CACHE_DIRS);
		fi->keep_cache = hostfs__wants(state, HOSTFS_CACHE_DIRS);
		finode_reply_open(req, file, fi);
	} else {
		finode_reply_err(req, err);
	}
	entries_destroy(entries);
	hostfs__opened_drop(state, &opened);
}

void hostfs__releasedir(fuse_req_t req, fuse_ino_t nodeid UNUSED, struct fuse_file_info *fi)
{
	finode_reply_err(req, finode_file_close(hostfs_of(req)->table, fi->fh));
}

void hostfs__fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int datasync,
		      struct fuse_file_info *fi)
{
	hostfs__fsync(req, nodeid, datasync, fi);
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
	struct finode_dirbuf buf;
};

/* The entry's inode, and what READDIRPLUS says of it. @return false if it has gone */
static bool look_up(struct listing *list, const char *name, struct finode_entry *entry,
		    struct finode **inode)
{
	AUTO_OBJECT struct object object;

	hostfs__object_init(&object);
	return hostfs__object_find(list->dir, list->fd, name, &object) == 0 &&
	       hostfs__obtain(list->req, &object, inode) >= 0 &&
	       hostfs__entry(list->state, *inode, &object.stx, 0, entry) == 0;
}

/* The number of the root that covers a mountpoint. @return false if it is none */
static bool covering_ino(struct listing *list, const char *name, struct stat *attr)
{
	AUTO_OBJECT struct object object;

	hostfs__object_init(&object);
	if (!hostfs__mounts_may_have(list->state, name) ||
	    hostfs__object_find(list->dir, list->fd, name, &object) != 0 ||
	    object.mount == list->dir->mount ||
	    hostfs__attr(object.mount, &object.stx, attr) != 0)
		return false;
	hostfs__mounts_hold(list->state, object.mount);
	return true;
}

static int add(struct listing *list, const struct dirent64 *d, bool plus)
{
	FINODE_AUTOPUT struct finode *inode = NULL;
	struct finode_entry entry = {.attr = {.st_mode = DTTOIF(d->d_type)}};
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
		entry = (struct finode_entry){.attr = {.st_mode = DTTOIF(d->d_type)}};
		if (finode_mount_ino(list->dir->mount, list->dev, ino, &ino) == 0)
			entry.attr.st_ino = ino;
	}
	return finode_dirbuf_add(&list->buf, d->d_name, d->d_off, inode, &entry);
}

/* What is left in the buffer. @return 1 if the reply is full, 0 if there was no more */
static int add_buffered(struct listing *list, struct entries *entries)
{
	while (entries->at < entries->used) {
		const struct dirent64 *d = (const void *)(entries->bytes + entries->at);
		const bool known = entries->known > 0 && finode_name_check(d->d_name) == 0;

		if (add(list, d, list->plus && !known))
			return 1;
		entries->known -= known;
		entries->at += d->d_reclen;
		entries->next = d->d_off;
	}
	return 0;
}

static int fill_locked(struct listing *list, struct entries *entries, off_t off)
{
	bool any = false;
	ssize_t got;

	if (off == 0 || off != entries->next) {
		if (lseek(list->fd, off, SEEK_SET) < 0)
			return -errno;
		entries->at = entries->used = 0;
		entries->next = off;
	}
	for (;;) {
		any = any || entries->at < entries->used;
		if (add_buffered(list, entries))
			return 0;
		got = getdents64(list->fd, entries->bytes, sizeof(entries->bytes));
		entries->at = 0;
		entries->used = got > 0 ? (size_t)got : 0;
		if (got <= 0)
			return got < 0 && !any ? -errno : 0;
	}
}

/* What of it does the kernel know? */
static void begin_locked(const struct listing *list, struct entries *entries, off_t off)
{
	if (off == 0)
		entries->known =
			hostfs__recent_take(&list->state->recent, list->dir->nodeid);
	if (!list->plus || entries->known > 0)
		hostfs__mounts_refresh(list->state);
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
		       : (own = entries_create());
	if (!entries)
		return file ? -ENOTDIR : -ENOMEM;
	pthread_mutex_lock(&entries->lock);
	begin_locked(list, entries, off);
	err = fill_locked(list, entries, off);
	pthread_mutex_unlock(&entries->lock);
	entries_destroy(own);
	return err;
}

static void reply_list(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi, bool plus)
{
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct listing list = {.req = req, .state = hostfs__state(req), .plus = plus};
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY | O_DIRECTORY, &use);

	if (!err)
		err = finode_dirbuf_init(&list.buf, use.inode, size, plus);
	if (!err) {
		list.dir = use.inode;
		list.fd = use.fd;
		err = fill(&list, use.file, off);
	}
	if (err) {
		finode_dirbuf_drop(&list.buf);
		finode_reply_err(req, err);
	} else {
		finode_dirbuf_reply(&list.buf, req);
	}
}

void hostfs__readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	reply_list(req, nodeid, size, off, fi, false);
}

void hostfs__readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			 struct fuse_file_info *fi)
{
	reply_list(req, nodeid, size, off, fi, true);
}
