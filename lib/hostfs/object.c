/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of the host: what a look-up finds, and which inode that is.
 *
 * This file owns identity. A look-up opens the name with O_PATH | O_NOFOLLOW, and whatever
 * it wants to know it asks of that fd, so all of it is true of one object, whoever changes
 * the name meanwhile. Which inode it is, is said by the key:
 *
 *   - where the mount has handles that this process may open: the handle, which contains
 *     the generation of the inode number. A number that is used again has another handle,
 *     so it is another inode, whether anybody noticed the end of the first or not;
 *   - else (number, device), and the inode holds an fd for all of its life: while an fd is
 *     open the host does not use its inode number again.
 *
 * So a key that is found is proof by itself, and there is no match(). What comes of a
 * number that was used again never has the nodeid of what it was before.
 *
 * Invariant: an object's key begins with the type of the handle, or with NO_HANDLE. Each
 * filesystem decides for itself how long a handle is, up to MAX_HANDLE_SZ.
 *
 * A mount keeps one fd of its root, where handles work: open_by_handle_at(2) needs it, and
 * it keeps the mount's id from being used again. Where they do not work the inodes' own fds
 * do that.
 */
#include "object.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "internal.h"

#define NO_HANDLE UINT32_MAX

/* As struct file_handle of open_by_handle_at(2), with its room. */
struct handle {
	unsigned int size;
	int type;
	unsigned char bytes[128];
};

_Static_assert(sizeof(struct handle) == sizeof(struct file_handle) + MAX_HANDLE_SZ,
	       "struct file_handle");

static int open_handle(int mount_fd, struct handle *handle)
{
	return open_by_handle_at(mount_fd, (struct file_handle *)(void *)handle,
				 O_PATH | O_CLOEXEC);
}

static int handle_of(int fd, struct handle *handle)
{
	int mount_id;

	handle->size = sizeof(handle->bytes);
	return name_to_handle_at(fd, "", (struct file_handle *)(void *)handle, &mount_id,
				 AT_EMPTY_PATH);
}

/* ---- Mounts ---- */

/* An fd for open_by_handle_at(), if that works for a directory, and all its errors. */
static int open_for_handles(int dirfd, int *out)
{
	struct handle handle;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int opened = -1, err = 0;

	if (fd < 0)
		return -errno;
	if (handle_of(dirfd, &handle) < 0 || (opened = open_handle(fd, &handle)) < 0)
		err = -errno;
	hostfs__close(&opened);
	if (err)
		hostfs__close(&fd);
	*out = fd;
	return err;
}

static int mount_init(struct finode_mount *base, void *arg)
{
	const struct object *object = arg;
	const struct hostfs *fs = finode_table_user(base->table);
	struct hostfs_mount *mount = hostfs__mount(base);
	int err;

	mount->fd = -1;
	if (fs->state->config.policy == HOSTFS_FDS || !S_ISDIR(object->stx.stx_mode))
		return 0;
	err = hostfs__backing_reserve(fs->state);
	if (err)
		return err;
	err = open_for_handles(object->fd, &mount->fd);
	if (!err)
		return 0;
	hostfs__backing_unreserve(fs->state);
	if (err == -EPERM)
		hostfs__warn_once(fs->state, WARN_HANDLES,
				  "this process may not open file handles "
				  "(CAP_DAC_READ_SEARCH): each inode costs a file "
				  "descriptor");
	/* A mount below the source without handles is no reason not to show it. */
	return base->parent || fs->state->config.policy == HOSTFS_AUTO ? 0 : err;
}

static void mount_evict(struct finode_mount *base)
{
	const struct hostfs *fs = finode_table_user(base->table);
	struct hostfs_mount *mount = hostfs__mount(base);

	if (mount->fd < 0)
		return;
	hostfs__close(&mount->fd);
	hostfs__backing_unreserve(fs->state);
}

static int mount_sync(struct finode_mount *base)
{
	FINODE_AUTOPUT struct finode *root = finode_mount_root(base);
	const int mount_fd = hostfs__mount(base)->fd;
	char path[HOSTFS_PATH_MAX];
	int fd = -1, opened = -1, err;

	if (mount_fd >= 0)
		return syncfs(mount_fd) < 0 ? -errno : 0;
	/* Whoever has an inode of the mount has its root. */
	if (!root)
		return 0;
	err = hostfs_get(root, &fd);
	if (err)
		return err;
	opened = open(hostfs_path(fd, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	err = opened < 0 || syncfs(opened) < 0 ? -errno : 0;
	hostfs__close(&opened);
	hostfs_put(root);
	return err;
}

const struct finode_mount_ops hostfs__mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct hostfs_mount, base),
	.init = mount_init,
	.evict = mount_evict,
	.sync = mount_sync,
};

/* ---- Keys ---- */

static void key_add(struct object *object, const void *bytes, size_t size)
{
	memcpy(object->key + object->key_size, bytes, size);
	object->key_size += size;
}

static void set_key_of_number(struct object *object)
{
	const struct statx *stx = &object->stx;
	const uint32_t no_handle = NO_HANDLE;
	const uint64_t number[2] = {stx->stx_ino,
				    makedev(stx->stx_dev_major, stx->stx_dev_minor)};

	object->key_size = 0;
	object->handle = false;
	key_add(object, &no_handle, sizeof(no_handle));
	key_add(object, number, sizeof(number));
}

/* The handle of what `fd` is open of, or its number where it has none. */
static void set_key(struct object *object, int fd)
{
	struct handle handle;

	if (hostfs__mount(object->mount)->fd < 0 || handle_of(fd, &handle) < 0) {
		set_key_of_number(object);
		return;
	}
	object->key_size = 0;
	object->handle = true;
	key_add(object, &handle.type, sizeof(handle.type));
	key_add(object, handle.bytes, handle.size);
}

bool hostfs__has_handle(const struct finode *inode)
{
	const uint32_t no_handle = NO_HANDLE;
	size_t size;

	return memcmp(finode_key_bytes(inode, &size), &no_handle, sizeof(no_handle)) != 0;
}

int hostfs__open_handle(const struct finode *inode, int *fd)
{
	struct handle handle;
	size_t size;
	const unsigned char *key = finode_key_bytes(inode, &size);

	memcpy(&handle.type, key, sizeof(handle.type));
	handle.size = (unsigned int)(size - sizeof(handle.type));
	memcpy(handle.bytes, key + sizeof(handle.type), handle.size);
	*fd = open_handle(hostfs__mount(inode->mount)->fd, &handle);
	return *fd < 0 ? -errno : 0;
}

/* ---- Finding ---- */

void hostfs__object_init(struct object *object)
{
	object->fd = -1;
	object->mount = NULL;
}

void hostfs__object_finish(struct object *object)
{
	hostfs__close(&object->fd);
	finode_mount_put(object->mount);
	object->mount = NULL;
}

int hostfs__statx_fd(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, OBJECT_STATX, stx) < 0
		       ? -errno
		       : 0;
}

/* The mount and the key, of what was found in `dir`. */
static int identify(struct finode *dir, int fd, struct object *object)
{
	int err = hostfs__statx_fd(fd, &object->stx);

	if (!err)
		err = finode_mount_of(dir, &object->stx, object, &object->mount);
	if (err < 0)
		return err;
	set_key(object, fd);
	return 0;
}

/* Opens with O_PATH; what is idle is closed if the process has no fd left. */
static int open_path(struct hostfs_state *state, int dirfd, const char *path, int flags)
{
	int fd;

	do
		fd = openat(dirfd, path, O_PATH | O_CLOEXEC | flags);
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
	       hostfs__backing_relieve(&state->backing));
	return fd < 0 ? -errno : fd;
}

int hostfs__object_find(struct finode *dir, int dirfd, const char *name,
			struct object *object)
{
	int fd = open_path(hostfs__state_of(dir), dirfd, name, O_NOFOLLOW);

	if (fd < 0)
		return fd;
	object->fd = fd;
	return identify(dir, fd, object);
}

int hostfs__object_of(struct finode *dir, int fd, struct object *object)
{
	int err = identify(dir, fd, object);
	char path[HOSTFS_PATH_MAX];

	if (err || object->handle)
		return err;
	/* The inode needs one of its own, which does not hold the file open for writing. */
	object->fd = open_path(hostfs__state_of(dir), AT_FDCWD, hostfs_path(fd, path), 0);
	err = object->fd < 0 ? object->fd : 0;
	return err;
}

int hostfs__object_root(struct hostfs_state *state, int fd, struct object *object)
{
	int err = hostfs__statx_fd(fd, &object->stx);
	int for_handles = -1;
	struct handle handle;

	object->fd = fd;
	if (err)
		return err;
	set_key_of_number(object);
	if (state->config.policy == HOSTFS_FDS)
		return 0;
	/* The mount, which has an fd of its own, does not exist yet. */
	err = open_for_handles(fd, &for_handles);
	hostfs__close(&for_handles);
	if (err || handle_of(fd, &handle) < 0)
		return state->config.policy == HOSTFS_HANDLES ? err : 0;
	object->key_size = 0;
	object->handle = true;
	key_add(object, &handle.type, sizeof(handle.type));
	key_add(object, handle.bytes, handle.size);
	return 0;
}

int hostfs__object_obtain(struct object *object, struct finode **out)
{
	bool created;
	int err = finode_obtain(object->mount, hostfs__object_key(object), object, out,
				&created);

	if (!err && !created && object->handle)
		hostfs__backing_offer(hostfs_inode(*out), &object->fd);
	return err;
}

struct finode *hostfs__object_known(struct object *object)
{
	return finode_find(object->mount, hostfs__object_key(object));
}

/* ---- Inodes ---- */

int hostfs__inode_init(struct finode *base, void *arg)
{
	struct object *object = arg;
	struct hostfs_inode *inode = hostfs_inode(base);
	const struct hostfs_inode_ops *ops = &hostfs__state_of(base)->inode_ops;
	int err = hostfs__backing_new(inode, object->handle, &object->fd);

	if (!err && ops->init) {
		err = ops->init(inode, &object->stx);
		if (err)
			hostfs__backing_end(inode);
	}
	return err;
}

void hostfs__inode_evict(struct finode *base)
{
	struct hostfs_inode *inode = hostfs_inode(base);
	const struct hostfs_inode_ops *ops = &hostfs__state_of(base)->inode_ops;

	if (ops->evict)
		ops->evict(inode);
	hostfs__backing_end(inode);
}

/* ---- Attributes ---- */

static struct timespec time_of(struct statx_timestamp from)
{
	return (struct timespec){from.tv_sec, from.tv_nsec};
}

int hostfs__attr(struct finode_mount *mount, const struct statx *stx, struct stat *attr)
{
	const dev_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	uint64_t ino;
	int err = finode_mount_ino(mount, dev, stx->stx_ino, &ino);

	memset(attr, 0, sizeof(*attr));
	attr->st_dev = dev;
	attr->st_ino = ino;
	attr->st_mode = stx->stx_mode;
	attr->st_nlink = stx->stx_nlink;
	attr->st_uid = stx->stx_uid;
	attr->st_gid = stx->stx_gid;
	attr->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	attr->st_size = (off_t)stx->stx_size;
	attr->st_blksize = stx->stx_blksize;
	attr->st_blocks = (blkcnt_t)stx->stx_blocks;
	attr->st_atim = time_of(stx->stx_atime);
	attr->st_mtim = time_of(stx->stx_mtime);
	attr->st_ctim = time_of(stx->stx_ctime);
	return err;
}

double hostfs__attr_timeout(const struct hostfs_state *state, const struct stat *attr)
{
	/* Without a page cache the host takes suid away on a write, and nobody tells. */
	if (hostfs__wants(state, HOSTFS_DIRECT_IO) && S_ISREG(attr->st_mode) &&
	    attr->st_mode & (S_ISUID | S_ISGID))
		return 0;
	return state->config.attr_timeout;
}

int hostfs__entry(const struct hostfs_state *state, struct finode *inode,
		  const struct statx *stx, mode_t created, struct finode_entry *entry)
{
	int err;

	*entry = (struct finode_entry){
		.size = sizeof(*entry),
		.entry_timeout = state->config.entry_timeout,
		.created = created,
	};
	err = hostfs__attr(inode->mount, stx, &entry->attr);
	entry->attr_timeout = hostfs__attr_timeout(state, &entry->attr);
	return err;
}
