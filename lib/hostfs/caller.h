/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose rights a thread acts with. See caller.c. */
#ifndef HOSTFS_CALLER_H
#define HOSTFS_CALLER_H

#include <finode/hostfs.h>
#include <linux/capability.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITY_GROUPS 64

/* The server's own identity, as hostfs_init() found it. Never changes after that. */
struct identity {
	bool switches; /* this process may act as others */
	uid_t uid;
	gid_t gid;
	int group_count;
	gid_t groups[IDENTITY_GROUPS];
	struct __user_cap_data_struct caps[2];
	_Atomic uint64_t switched, groups_read;
};

void hostfs__identity_init(struct identity *self);

/*
 * Do the caller's groups decide whether a change of this file leaves sgid alone? They do
 * where its group may not execute it. In every other case the kernel of the mount has taken
 * sgid away before, or the host does.
 */
bool hostfs__groups_decide(fuse_req_t req, int fd);

/*
 * The mode for a system call that makes a file, after hostfs_caller_begin(). The umask is
 * taken out of it if the thread could not have one of its own; then default ACLs have no
 * effect. Only a seccomp filter can be the reason.
 */
mode_t hostfs__masked(fuse_req_t req, mode_t mode);

#endif
