/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * audit: shows a directory, and logs every open, unlink and rename: what, and by whom.
 * Derived from hostfs: three operations are wrapped, all else is the base's.
 *
 *     audit -f /srv/data /mnt
 *     audit: pid 1234 uid 1000 gid 100 unlink /letters/draft
 *
 * A path is the one by which the server knows the inode at that moment. With the names of
 * inodes kept, HOSTFS_ALIASES, finode_path() tells it without asking the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "hostserve.h"

static const struct fuse_lowlevel_ops *base;

/* A path for people: "?" where no name is known any more, and on one line. */
struct path {
	char text[PATH_MAX + FINODE_NAME_MAX + 2];
};

static const char *path_of(fuse_req_t req, fuse_ino_t nodeid, const char *name,
			   struct path *path)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(hostfs_of(req)->table, nodeid);
	ssize_t length = inode ? finode_path(inode, path->text, PATH_MAX) : -ESTALE;

	if (length < 0)
		length = snprintf(path->text, PATH_MAX, "?");
	if (name)
		snprintf(path->text + length, sizeof(path->text) - (size_t)length, "%s%s",
			 length > 1 ? "/" : "", name);
	for (char *c = path->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return path->text;
}

static void record(fuse_req_t req, const char *what, const char *path, const char *to)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);

	fuse_log(FUSE_LOG_NOTICE, "audit: pid %d uid %u gid %u %s %s%s%s\n", (int)who->pid,
		 who->uid, who->gid, what, path, to ? " -> " : "", to ? to : "");
}

/* ---- The operations, logged before they are tried ---- */

static void audit_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	static const char *const how[] = {"open-read", "open-write", "open-read-write",
					  "open"};
	struct path path;

	record(req, how[fi->flags & O_ACCMODE], path_of(req, nodeid, NULL, &path), NULL);
	base->open(req, nodeid, fi);
}

static void audit_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *fi)
{
	struct path path;

	record(req, "open-create", path_of(req, parent, name, &path), NULL);
	base->create(req, parent, name, mode, fi);
}

static void audit_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct path path;

	record(req, "unlink", path_of(req, parent, name, &path), NULL);
	base->unlink(req, parent, name);
}

static void audit_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			 fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct path path, newpath;

	record(req, "rename", path_of(req, parent, name, &path),
	       path_of(req, newparent, newname, &newpath));
	base->rename(req, parent, name, newparent, newname, flags);
}

static void customise(struct fuse_lowlevel_ops *ops, const struct fuse_lowlevel_ops *hostfs)
{
	base = hostfs;
	ops->open = audit_open;
	ops->create = audit_create;
	ops->unlink = audit_unlink;
	ops->rename = audit_rename;
}

int main(int argc, char *argv[])
{
	static const struct hostserve audit = {
		.about = "Shows SOURCE, and logs every open, unlink and rename.",
		.flags = HOSTFS_ALIASES,
		.customise = customise,
	};

	return hostserve_main(argc, argv, &audit);
}
