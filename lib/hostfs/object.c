/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of the host: what a look-up finds.
 *
 * This file owns no state, but the order of a look-up. It opens the name with
 * O_PATH | O_NOFOLLOW and asks that fd for everything else. So all of it is true of one
 * object, even if the name is changed meanwhile. The key (handle.c) says which inode the
 * object is.
 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <finode/mount.h>

#include "backing.h"
#include "fd.h"
#include "state.h"

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

/* ---- Finding ---- */

/* The mount and the key, of what was found in `dir`. */
static int identify(struct finode *dir, int fd, struct object *object)
{
	int err = hostfs__statx_fd(fd, &object->stx);

	if (!err)
		err = finode_mount_of(dir, &object->stx, object, &object->mount);
	if (err < 0)
		return err;
	if (!hostfs__mount_has_handles(object->mount) ||
	    hostfs__key_of_handle(fd, &object->key) != 0)
		hostfs__key_of_number(&object->stx, &object->key);
	return 0;
}

/* Opens with O_PATH. Closes an idle fd if the process has none left. */
static int open_path(const struct hostfs_state *state, int dirfd, const char *path,
		     int flags)
{
	int fd;

	do
		fd = openat(dirfd, path, O_PATH | O_CLOEXEC | flags);
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
	       hostfs__backing_close_idle(state->backing));
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

	if (err || object->key.handle)
		return err;
	/* The inode needs one of its own, which does not hold the file open for writing. */
	object->fd = open_path(hostfs__state_of(dir), AT_FDCWD, hostfs_path(fd, path), 0);
	err = object->fd < 0 ? object->fd : 0;
	return err;
}

int hostfs__object_root(const struct hostfs_state *state, int fd, struct object *object)
{
	int err = hostfs__statx_fd(fd, &object->stx);
	int for_handles = -1;

	object->fd = fd;
	if (err)
		return err;
	hostfs__key_of_number(&object->stx, &object->key);
	if (state->config.policy == HOSTFS_FDS)
		return 0;
	/* The mount, which has an fd of its own, does not exist yet. */
	err = hostfs__open_for_handles(fd, &for_handles);
	hostfs__close(&for_handles);
	if (!err)
		err = hostfs__key_of_handle(fd, &object->key);
	return state->config.policy == HOSTFS_HANDLES ? err : 0;
}

/* ---- Its inode ---- */

struct finode_key hostfs__object_key(const struct object *object)
{
	return (struct finode_key){object->key.bytes, object->key.size,
				   object->stx.stx_mode, 0};
}

int hostfs__object_obtain(struct object *object, struct finode **out)
{
	bool created;
	int err = finode_obtain(object->mount, hostfs__object_key(object), object, out,
				&created);

	if (!err && !created && object->key.handle)
		hostfs__backing_offer(hostfs_inode(*out), &object->fd);
	return err;
}

struct finode *hostfs__object_known(struct object *object)
{
	return finode_find(object->mount, hostfs__object_key(object));
}
