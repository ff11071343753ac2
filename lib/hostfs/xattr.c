/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes, and with them POSIX ACLs and capabilities of files.
 *
 * This file owns nothing. The system calls take a path, and the one in /proc of an O_PATH
 * fd names the object itself, a symlink too. An ACL is the attribute that the host stores:
 * its ids are the host's.
 *
 * Invariants: attributes are set with the caller's rights, and for an ACL with all of its
 * groups, which decide whether sgid stays. Only root is shown trusted.*, as on the host.
 */
#include "xattr.h"

#include <errno.h>
#include <finode/hostfs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "request.h"
#include "state.h"

#define LIST_MAX 65536 /* XATTR_LIST_MAX */

/* What a request begins with: the path of the inode, or an error. */
static int path_of(fuse_req_t req, fuse_ino_t nodeid, struct use *use,
		   char path[HOSTFS_PATH_MAX])
{
	int err;

	if (hostfs__wants(hostfs__state(req), HOSTFS_NO_XATTR))
		return -ENOSYS;
	err = hostfs__use(req, nodeid, use);
	hostfs_path(use->fd, path);
	return err;
}

/* The kernel takes capabilities away in the name of the process that writes to the file. */
static bool is_capability(const char *name)
{
	return strcmp(name, "security.capability") == 0;
}

static void do_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
			const char *value, size_t size, int flags)
{
	AUTO_USE struct use use = USE_NONE;
	const bool acl = strncmp(name, "system.posix_acl_", 17) == 0;
	struct hostfs_caller caller;
	char path[HOSTFS_PATH_MAX];
	int err = path_of(req, nodeid, &use, path);

	if (!err) {
		hostfs_caller_begin(&caller, req, acl);
		do
			err = setxattr(path, name, value, size, flags) < 0 ? -errno : 0;
		while (hostfs_caller_retry(&caller, err));
		hostfs_caller_end(&caller);
	}
	finode_reply_err(req, err);
}

static void do_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	AUTO_USE struct use use = USE_NONE;
	struct hostfs_caller caller;
	char path[HOSTFS_PATH_MAX];
	int err = path_of(req, nodeid, &use, path);

	if (!err && is_capability(name)) {
		err = removexattr(path, name) < 0 ? -errno : 0;
	} else if (!err) {
		hostfs_caller_begin(&caller, req, false);
		do
			err = removexattr(path, name) < 0 ? -errno : 0;
		while (hostfs_caller_retry(&caller, err));
		hostfs_caller_end(&caller);
	}
	finode_reply_err(req, err);
}

/* Replies with what there is of `value`, or, if the caller asks for it, with its size. */
static void reply_value(fuse_req_t req, const char *value, ssize_t length, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, (size_t)length);
	else if ((size_t)length > size)
		finode_reply_err(req, -ERANGE);
	else
		fuse_reply_buf(req, value, (size_t)length);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size)
{
	AUTO_USE struct use use = USE_NONE;
	char path[HOSTFS_PATH_MAX], small[1024], *value = small;
	int err = path_of(req, nodeid, &use, path);
	ssize_t length = 0;

	if (size > LIST_MAX)
		size = LIST_MAX;
	if (!err && size > sizeof(small) && !(value = malloc(size)))
		err = -ENOMEM;
	if (!err && (length = getxattr(path, name, size ? value : NULL, size)) < 0)
		err = -errno;
	if (err)
		finode_reply_err(req, err);
	else
		reply_value(req, value, length, size);
	if (value != small)
		free(value);
}

/* Takes trusted.* out of a list, in place. @return the new length */
static ssize_t hide_trusted(char *list, ssize_t length)
{
	char *to = list;

	for (const char *name = list; name < list + length;) {
		const size_t size = strlen(name) + 1;

		if (strncmp(name, "trusted.", 8) != 0) {
			memmove(to, name, size);
			to += size;
		}
		name += size;
	}
	return to - list;
}

static void do_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	AUTO_USE struct use use = USE_NONE;
	char path[HOSTFS_PATH_MAX], *list = NULL;
	int err = path_of(req, nodeid, &use, path);
	ssize_t length = 0;

	/* The whole list, since the size of what is shown is not that of what there is. */
	if (!err && !(list = malloc(LIST_MAX)))
		err = -ENOMEM;
	if (!err && (length = listxattr(path, list, LIST_MAX)) < 0)
		err = -errno;
	if (!err && fuse_req_ctx(req)->uid != 0)
		length = hide_trusted(list, length);
	if (err)
		finode_reply_err(req, err);
	else
		reply_value(req, list, length, size);
	free(list);
}

void hostfs__xattr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->setxattr = do_setxattr;
	ops->getxattr = do_getxattr;
	ops->listxattr = do_listxattr;
	ops->removexattr = do_removexattr;
}
