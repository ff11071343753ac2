/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GETLK, SETLK, FLOCK: locks on files that the host knows, in a session with
 * HOSTFS_REMOTE_LOCKS. In any other session the kernel of the mount keeps locks by itself,
 * which is all that its own processes need.
 *
 * This file owns nothing. A BSD lock belongs to an open file, and the host's is in struct
 * hostfs_file: flock(2). A POSIX lock belongs to a process: lock_owner.c.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <stdlib.h>
#include <sys/file.h>

#include "file.h"
#include "lock_owner.h"
#include "lock_wait.h"
#include "state.h"

static void do_getlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		     struct flock *lock)
{
	struct lock_owners *owners = hostfs__state(req)->lock_owners;
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct lock_owner *owner = NULL;
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);

	if (!err)
		err = hostfs__lock_owner_obtain(owners, nodeid, fi->lock_owner, use.fd,
						&owner);
	lock->l_pid = 0;
	if (!err && fcntl(owner->fd, F_OFD_GETLK, lock) < 0)
		err = -errno;
	hostfs__lock_owner_put(owners, owner);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	if (lock->l_type != F_UNLCK)
		lock->l_pid = hostfs__lock_owners_other_pid(owners, nodeid, fi->lock_owner);
	fuse_reply_lock(req, lock);
}

static void reply_err_and_put(fuse_req_t req, struct finode_file *file, int err)
{
	finode_reply_err(req, err);
	finode_file_put(file);
}

static void do_setlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		     struct flock *lock, int sleep)
{
	struct hostfs_state *state = hostfs__state(req);
	struct lock_owners *owners = state->lock_owners;
	struct finode_file *file = finode_file_get(state->fs->table, fi->fh);
	struct lock_owner *owner = hostfs__lock_owner_get(owners, nodeid, fi->lock_owner);
	struct lock_wait *wait = NULL;
	int err = file ? 0 : -EBADF;

	/* The process has no locks, so there is nothing to unlock. */
	if (!err && !owner && lock->l_type == F_UNLCK) {
		reply_err_and_put(req, file, 0);
		return;
	}
	if (!err && !owner)
		err = hostfs__lock_owner_obtain(owners, nodeid, fi->lock_owner,
						hostfs_file(file)->fd, &owner);
	if (!err && !(wait = calloc(1, sizeof(*wait))))
		err = -ENOMEM;
	if (err) {
		hostfs__lock_owner_put(owners, owner);
		reply_err_and_put(req, file, err);
		return;
	}
	owner->pid = lock->l_pid;
	*wait = (struct lock_wait){.req = req, .owner = owner, .file = file, .lock = *lock};
	wait->lock.l_pid = 0;
	hostfs__lock_or_wait(state->lock_waits, wait, sleep && lock->l_type != F_UNLCK);
}

static void do_flock(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi, int op)
{
	struct finode_file *file = finode_file_get(hostfs_of(req)->table, fi->fh);
	struct lock_wait *wait = file ? calloc(1, sizeof(*wait)) : NULL;

	(void)nodeid;
	if (!wait) {
		reply_err_and_put(req, file, file ? -ENOMEM : -EBADF);
		return;
	}
	*wait = (struct lock_wait){.req = req, .file = file, .op = op & ~LOCK_NB};
	hostfs__lock_or_wait(hostfs__state(req)->lock_waits, wait, !(op & LOCK_NB));
}

void hostfs__lock_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getlk = do_getlk;
	ops->setlk = do_setlk;
	ops->flock = do_flock;
}
