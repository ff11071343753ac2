/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of one hostfs, and how a request or an inode leads to it. See state.c. */
#ifndef HOSTFS_STATE_H
#define HOSTFS_STATE_H

#include <finode/hostfs.h>
#include <finode/mount.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backing;
struct budget;
struct identity;
struct lock_owners;
struct lock_waits;
struct mountpoints;
struct negative_entries;
struct passthrough;
struct recent_lookups;
struct reclaim;

/*
 * hostfs.c makes the state and its parts together, before the table, and frees them after
 * the table. The pointers, the config and the ops are set at init and never change.
 */
struct hostfs_state {
	struct hostfs *fs;
	struct hostfs_config config;
	struct hostfs_inode_ops inode_ops;
	struct finode_ops ops; /* of inodes */

	/* The parts. Each belongs to the file that declares its struct. */
	struct budget *budget;
	struct identity *self;
	struct backing *backing;
	struct mountpoints *mountpoints;
	struct recent_lookups *recent;
	struct negative_entries *negative;
	struct reclaim *reclaim;
	struct passthrough *passthrough;
	struct lock_owners *lock_owners;
	struct lock_waits *lock_waits;

	_Atomic uint64_t warned; /* bits of enum warning */
};

static inline struct hostfs_state *hostfs__state(fuse_req_t req)
{
	return hostfs_of(req)->state;
}

/* The hostfs that an inode belongs to. */
static inline struct hostfs_state *hostfs__state_of(const struct finode *inode)
{
	const struct hostfs *fs = finode_table_user(inode->mount->table);

	return fs->state;
}

static inline bool hostfs__wants(const struct hostfs_state *state, enum hostfs_flag flag)
{
	return (state->config.flags & flag) != 0;
}

/* Has the table aliases? */
static inline bool hostfs__keeps_names(const struct hostfs_state *state)
{
	return hostfs__wants(state, HOSTFS_ALIASES) || hostfs__wants(state, HOSTFS_EXPORT);
}

/* One line in the author's log. */
void hostfs__log_error(struct hostfs_state *state, const char *message);

/* What is told once. */
enum warning {
	WARN_HANDLES = 1 << 0,
	WARN_RIGHTS = 1 << 1,
	WARN_MOUNTPOINTS = 1 << 2,
	WARN_FDS = 1 << 3
};

void hostfs__warn_once(struct hostfs_state *state, enum warning what, const char *message);

#endif
