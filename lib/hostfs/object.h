/* SPDX-License-Identifier: BSD-3-Clause */
/* What one look-up of the host finds, and the inode that belongs to it. See object.c. */
#ifndef HOSTFS_OBJECT_H
#define HOSTFS_OBJECT_H

#include <finode/inode.h>
#include <sys/stat.h>

#include "handle.h"

struct hostfs_state;

/* An object of the host that was found. Owns the fd and the reference to the mount. */
struct object {
	int fd; /* O_PATH; -1 if init() of the inode took it */
	struct statx stx;
	struct finode_mount *mount;
	struct host_key key;
};

#define AUTO_OBJECT __attribute__((cleanup(hostfs__object_finish)))

/* An object that is nothing yet; what hostfs__object_finish() accepts. */
void hostfs__object_init(struct object *object);
void hostfs__object_finish(struct object *object);

/* `name` in `dir`, whose fd is `dirfd`. Symlinks are not followed. */
int hostfs__object_find(struct finode *dir, int dirfd, const char *name,
			struct object *object);

/* What an open file is of; a name of it is in `dir`, or was. */
int hostfs__object_of(struct finode *dir, int fd, struct object *object);

/* The root of a table that is not made yet, from an fd, which is consumed. */
int hostfs__object_root(const struct hostfs_state *state, int fd, struct object *object);

/* Its inode. @return as finode_obtain() */
int hostfs__object_obtain(struct object *object, struct finode **out);

/* The inode, if there is one. A new reference, or NULL. */
struct finode *hostfs__object_known(struct object *object);

/* For the table. The bytes are borrowed from the object. */
struct finode_key hostfs__object_key(const struct object *object);

#endif
