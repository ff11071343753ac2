/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a hostfs: its state, its parts, its table; and its figures.
 *
 * This file owns struct hostfs_state and all that it points to, from hostfs_init() to
 * hostfs_finish(). Invariant: the state is whole before the table is made, whose root is an
 * inode like any other, and outlives the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <finode/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backing.h"
#include "budget.h"
#include "caller.h"
#include "config.h"
#include "file.h"
#include "handle.h"
#include "inode.h"
#include "lock_owner.h"
#include "lock_wait.h"
#include "mount.h"
#include "mountpoints.h"
#include "negative.h"
#include "object.h"
#include "passthrough.h"
#include "recent.h"
#include "reclaim.h"
#include "sized.h"
#include "state.h"

/* The state with its parts, in one piece of memory. */
struct whole {
	struct backing backing;
	struct hostfs_state state;
	struct budget budget;
	struct identity self;
	struct mountpoints mountpoints;
	struct recent_lookups recent;
	struct negative_entries negative;
	struct reclaim reclaim;
	struct passthrough passthrough;
	struct lock_owners lock_owners;
	struct lock_waits lock_waits;
};

/* ---- The state ---- */

static void free_state(struct hostfs_state *state)
{
	free(FINODE_CONTAINER_OF(state, struct whole, state));
}

/* Zeroed, but for the pointers to its parts. @return NULL if there is no memory */
static struct hostfs_state *allocate_state(struct hostfs *fs)
{
	struct whole *whole = aligned_alloc(_Alignof(struct whole), sizeof(struct whole));

	if (!whole)
		return NULL;
	memset(whole, 0, sizeof(*whole));
	whole->state = (struct hostfs_state){
		.fs = fs,
		.budget = &whole->budget,
		.self = &whole->self,
		.backing = &whole->backing,
		.mountpoints = &whole->mountpoints,
		.recent = &whole->recent,
		.negative = &whole->negative,
		.reclaim = &whole->reclaim,
		.passthrough = &whole->passthrough,
		.lock_owners = &whole->lock_owners,
		.lock_waits = &whole->lock_waits,
	};
	return &whole->state;
}

static void init_parts(struct hostfs_state *state)
{
	hostfs__identity_init(state->self);
	hostfs__budget_init(state->budget, state);
	hostfs__backing_init(state->backing, state->budget);
	hostfs__reclaim_init(state->reclaim, state->budget);
	hostfs__lock_owners_init(state->lock_owners, state->budget);
	hostfs__lock_waits_init(state->lock_waits, state->lock_owners);
	hostfs__negative_init(state->negative);
	hostfs__passthrough_init(state->passthrough);
	hostfs__mountpoints_init(state->mountpoints, state);
}

static void finish_parts(struct hostfs_state *state)
{
	hostfs__mountpoints_finish(state->mountpoints);
	hostfs__passthrough_finish(state->passthrough);
	hostfs__negative_finish(state->negative);
	hostfs__lock_waits_finish(state->lock_waits);
	hostfs__lock_owners_finish(state->lock_owners);
	hostfs__backing_finish(state->backing);
}

/* ---- The table ---- */

static int make_table(struct hostfs_state *state, struct object *root)
{
	struct finode_config config = FINODE_CONFIG_INIT;

	config.ops = &state->ops;
	config.file_ops = &hostfs__file_ops;
	config.mount_ops = &hostfs__mount_ops;
	config.root_key = hostfs__object_key(root);
	config.root_arg = root;
	config.root_mount_id = finode_mount_id_of(&root->stx);
	config.root_mount_arg = root;
	config.user = state->fs;
	config.log = state->config.log;
	config.log_user = state->config.log_user;
	config.aliases = hostfs__keeps_names(state);
	return finode_table_create(&config, &state->fs->table);
}

static int open_source(struct hostfs_state *state)
{
	AUTO_OBJECT struct object root;
	int fd = open(state->config.source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	hostfs__object_init(&root);
	if (fd < 0)
		return -errno;
	err = hostfs__object_root(state, fd, &root);
	if (!err)
		err = make_table(state, &root);
	return err;
}

/* ---- Life ---- */

static int begin(struct hostfs_state *state)
{
	int err;

	init_parts(state);
	umask(0); /* for threads that cannot have one of their own */
	err = open_source(state);
	if (err)
		finish_parts(state);
	return err;
}

int hostfs_init(struct hostfs *fs, const struct hostfs_config *config)
{
	struct hostfs_state *state = allocate_state(fs);
	int err;

	*fs = (struct hostfs){.state = state};
	if (!state)
		return -ENOMEM;
	err = hostfs__config_copy(state, config);
	if (!err)
		err = hostfs__inode_ops_init(state);
	if (!err)
		err = begin(state);
	if (err) {
		free_state(state);
		fs->state = NULL;
		return err;
	}
	if (!state->self->switches)
		hostfs__warn_once(state, WARN_RIGHTS,
				  "not run by root: everything is done with this user's "
				  "rights, whoever asks, and what is made belongs to it");
	return 0;
}

void hostfs_finish(struct hostfs *fs)
{
	hostfs__lock_waits_stop(fs->state->lock_waits);
	hostfs__mountpoints_release(fs->state->mountpoints);
	finode_table_destroy(fs->table);
	finish_parts(fs->state);
	free_state(fs->state);
	*fs = (struct hostfs){.state = NULL};
}

/* ---- Figures ---- */

void hostfs_stats(struct hostfs *fs, struct hostfs_stats *stats, size_t size)
{
	const struct hostfs_state *state = fs->state;
	const struct hostfs_stats all = {
		.fds = state->budget->fds,
		.fds_budget = state->budget->limit,
		.fds_kept = state->backing->kept,
		.opened = state->backing->opened,
		.closed = state->backing->closed,
		.refused = state->budget->refused,
		.stale = state->backing->stale,
		.prunes = state->reclaim->prunes,
		.switches = state->self->switched,
		.groups_read = state->self->groups_read,
		.mountpoints = hostfs__mountpoints_count(state->mountpoints),
		.locks = state->lock_owners->count,
		.lock_waits = state->lock_waits->count,
		.passthrough_opens = state->passthrough->opens,
		.handles = hostfs__has_handle(finode_table_root(fs->table)),
		.as_caller = state->self->switches,
	};

	hostfs__sized_out(stats, size, &all, sizeof(all));
}
