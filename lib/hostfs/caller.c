/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose rights: a thread acts as the caller of a request for the length of a system call or
 * two, and as the server before and after.
 *
 * This file owns the credentials and the umask of the threads that serve requests. Linux
 * keeps credentials for each thread; the raw system calls change those of the calling one
 * only, while the C library's setgroups() would change them all.
 *
 * Invariants:
 *
 *   - Outside of a struct hostfs_caller that has begun, every thread has the credentials
 *     that the process had at hostfs_init(). A function that begins declares the guard with
 *     HOSTFS_AUTO_CALLER, or ends it by hand before it returns: nothing leaks into the next
 *     request.
 *   - While a thread acts as another user than root it has no capability at all. With
 *     fsuid alone it would keep those that are not about files: CAP_SYS_RESOURCE, which is
 *     above quotas and reserved blocks, CAP_SYS_ADMIN and CAP_SETFCAP for attributes.
 *   - root with another group acts with that group, and keeps the capabilities.
 *   - The umask is left behind. It matters only to a call that makes a file, and every such
 *     call sets it first. Each thread has one of its own, unshare(2).
 *
 * A server that may not act as others (an ordinary user's, or root's without the
 * capabilities) only takes the umask of its callers.
 */
#include "caller.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "state.h"

static struct identity *self_of(fuse_req_t req)
{
	return hostfs__state(req)->self;
}

static bool has_cap(const struct identity *self, int cap)
{
	return (self->caps[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap)) != 0;
}

static int cap_header_call(long number, struct __user_cap_data_struct caps[2])
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

	return (int)syscall(number, &header, caps);
}

void hostfs__identity_init(struct identity *self)
{
	self->uid = geteuid();
	self->gid = getegid();
	self->group_count = getgroups(IDENTITY_GROUPS, self->groups);
	self->switches = cap_header_call(SYS_capget, self->caps) == 0 && self->uid == 0 &&
			 self->group_count >= 0 && has_cap(self, CAP_SETUID) &&
			 has_cap(self, CAP_SETGID);
}

/* ---- The umask ---- */

static _Thread_local bool has_own_umask;
static _Thread_local mode_t current_umask;

static void set_umask(mode_t mask)
{
	mask &= 0777;
	if (!has_own_umask) {
		/* Without a umask of its own the thread must not touch that of all. */
		if (unshare(CLONE_FS) < 0)
			return;
		has_own_umask = true;
		current_umask = mask;
		umask(mask);
	} else if (mask != current_umask) {
		current_umask = mask;
		umask(mask);
	}
}

mode_t hostfs__masked(fuse_req_t req, mode_t mode)
{
	return has_own_umask ? mode : mode & ~fuse_req_ctx(req)->umask;
}

bool hostfs__groups_decide(fuse_req_t req, int fd)
{
	struct statx stx;

	return self_of(req)->switches && fuse_req_ctx(req)->uid != 0 &&
	       hostfs__statx_fd(fd, &stx) == 0 &&
	       (stx.stx_mode & (S_IFMT | S_ISGID | S_IXGRP)) == (S_IFREG | S_ISGID);
}

/* ---- There and back ---- */

/* The thread's supplementary groups become the caller's. */
static void take_groups(struct hostfs_caller *caller)
{
	struct identity *self = self_of(caller->req);
	gid_t few[IDENTITY_GROUPS], *list = few, *many = NULL;
	int count = fuse_req_getgroups(caller->req, IDENTITY_GROUPS, few);

	if (count > IDENTITY_GROUPS && (many = calloc((size_t)count, sizeof(*many)))) {
		count = fuse_req_getgroups(caller->req, count, many);
		list = many;
	}
	/* A caller that has ended meanwhile has no groups. */
	if (count < 0 || (list == few && count > IDENTITY_GROUPS))
		count = 0;
	syscall(SYS_setgroups, (size_t)count, list);
	free(many);
	caller->groups = true;
	atomic_fetch_add_explicit(&self->groups_read, 1, memory_order_relaxed);
}

void hostfs_caller_begin(struct hostfs_caller *caller, fuse_req_t req, bool groups)
{
	struct __user_cap_data_struct caps[2];
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct identity *self = self_of(req);

	*caller = (struct hostfs_caller)HOSTFS_CALLER_INIT;
	set_umask(who->umask);
	if (!self->switches || (who->uid == self->uid && who->gid == self->gid))
		return;
	caller->req = req;
	atomic_fetch_add_explicit(&self->switched, 1, memory_order_relaxed);
	if (who->uid == self->uid) {
		setfsgid(who->gid);
		return;
	}
	if (groups)
		take_groups(caller);
	else if (self->group_count > 0)
		syscall(SYS_setgroups, (size_t)0, NULL);
	setfsgid(who->gid);
	setfsuid(who->uid);
	memcpy(caps, self->caps, sizeof(caps));
	caps[0].effective = 0;
	caps[1].effective = 0;
	cap_header_call(SYS_capset, caps);
	caller->caps = true;
}

static void become_self(struct hostfs_caller *caller)
{
	struct identity *self = self_of(caller->req);

	/* None of this needs a capability that the thread has given up. */
	if (caller->caps) {
		setfsuid(self->uid);
		cap_header_call(SYS_capset, self->caps);
	}
	setfsgid(self->gid);
	if (caller->caps && (caller->groups || self->group_count > 0))
		syscall(SYS_setgroups, (size_t)self->group_count, self->groups);
}

bool hostfs_caller_retry(struct hostfs_caller *caller, int err)
{
	fuse_req_t req = caller->req;

	if ((err != -EACCES && err != -EPERM) || !caller->caps || caller->groups)
		return false;
	become_self(caller);
	hostfs_caller_begin(caller, req, true);
	return true;
}

void hostfs_caller_end(struct hostfs_caller *caller)
{
	if (!caller->req)
		return;
	become_self(caller);
	*caller = (struct hostfs_caller)HOSTFS_CALLER_INIT;
}
