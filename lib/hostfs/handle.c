/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * File handles of the host, and the keys of inodes.
 *
 * This file owns the bytes of a key. They say which inode an object is:
 *
 *   - Where the mount has handles that this process may open, the key is the handle. It
 *     contains the generation of the inode number: a number that is used again has another
 *     handle, so it is another inode, whether anybody noticed the end of the first or not.
 *   - Elsewhere the key is (number, device), and the inode holds an fd for all of its life:
 *     the host does not use a number again while an fd is open.
 *
 * So a key that is found is proof by itself, and there is no match(). An object that has
 * the number of an earlier one never gets its nodeid.
 *
 * Invariant: a key begins with the type of the handle, or with NO_HANDLE. Each filesystem
 * decides for itself how long a handle is, up to MAX_HANDLE_SZ.
 */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd.h"

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

bool hostfs__mount_has_handles(struct finode_mount *base)
{
	return hostfs__mount(base)->fd >= 0;
}

int hostfs__open_for_handles(int dirfd, int *out)
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

/* ---- Keys ---- */

static void key_add(struct host_key *key, const void *bytes, size_t size)
{
	memcpy(key->bytes + key->size, bytes, size);
	key->size += size;
}

void hostfs__key_of_number(const struct statx *stx, struct host_key *key)
{
	const uint32_t no_handle = NO_HANDLE;
	const uint64_t number[2] = {stx->stx_ino,
				    makedev(stx->stx_dev_major, stx->stx_dev_minor)};

	key->size = 0;
	key->handle = false;
	key_add(key, &no_handle, sizeof(no_handle));
	key_add(key, number, sizeof(number));
}

int hostfs__key_of_handle(int fd, struct host_key *key)
{
	struct handle handle;

	if (handle_of(fd, &handle) < 0)
		return -errno;
	key->size = 0;
	key->handle = true;
	key_add(key, &handle.type, sizeof(handle.type));
	key_add(key, handle.bytes, handle.size);
	return 0;
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
