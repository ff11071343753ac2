/* SPDX-License-Identifier: BSD-3-Clause */
/* What one look-up of the host finds, and the inode that belongs to it. See object.c. */
#ifndef HOSTFS_OBJECT_H
#define HOSTFS_OBJECT_H

#include <finode.h>
#include <finode/fuse.h>
#include <linux/stat.h>
#include <sys/stat.h>

struct hostfs_state;

#define OBJECT_KEY_MAX (4 + 128) /* a type and MAX_HANDLE_SZ */

/* An object of the host that was found. Owns the fd and the reference to the mount. */
struct object {
	int fd; /* O_PATH; -1 if init() of the inode took it */
	bool handle;
	struct statx stx;
	struct finode_mount *mount;
	size_t key_size;
	unsigned char key[OBJECT_KEY_MAX];
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
int hostfs__object_root(struct hostfs_state *state, int fd, struct object *object);

/* Its inode. @return as finode_obtain() */
int hostfs__object_obtain(struct object *object, struct finode **out);

/* The inode, if there is one. A new reference, or NULL. */
struct finode *hostfs__object_known(struct object *object);

static inline struct finode_key hostfs__object_key(const struct object *object)
{
	return (struct finode_key){object->key, object->key_size, object->stx.stx_mode, 0};
}

/* Is there a handle behind the inode? */
bool hostfs__has_handle(const struct finode *inode);

/* Opens it, O_PATH. @return 0 or a negative errno */
int hostfs__open_handle(const struct finode *inode, int *fd);

/* What of statx(2) this library looks at, and what it asks for. */
#define OBJECT_STATX (STATX_BASIC_STATS | FINODE_STATX_MNT_ID)

/* statx(2) of an fd. @return 0 or a negative errno */
int hostfs__statx_fd(int fd, struct statx *stx);

/* As stat(2) would report an object of `mount` in this filesystem. */
int hostfs__attr(struct finode_mount *mount, const struct statx *stx, struct stat *attr);

/* How long the kernel may believe that. */
double hostfs__attr_timeout(const struct hostfs_state *state, const struct stat *attr);

/* What an entry reply says of an object. `created` as of struct finode_entry. */
int hostfs__entry(const struct hostfs_state *state, struct finode *inode,
		  const struct statx *stx, mode_t created, struct finode_entry *entry);

/* init() and evict() of inodes. */
int hostfs__inode_init(struct finode *base, void *arg);
void hostfs__inode_evict(struct finode *base);

#endif
