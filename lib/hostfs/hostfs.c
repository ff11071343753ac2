/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a hostfs: its config, its table, its operations.
 *
 * This file owns struct hostfs_state from hostfs_init() to hostfs_finish(), and the limits
 * of the process that hostfs_init() sets. Invariant: `fs->state` is whole before the table
 * is made, whose root is an inode like any other, and outlives it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "internal.h"

/* Threads, their pipes, /dev/fuse, a look-up's own: what the budget does not count. */
#define RESERVE 128ul

void hostfs__warn_once(struct hostfs_state *state, enum warning what, const char *message)
{
	if (!(atomic_fetch_or(&state->warned, what) & what))
		state->config.log(FINODE_LOG_WARNING, message, state->config.log_user);
}

/* ---- Limits ---- */

static unsigned long nr_open(void)
{
	unsigned long most = 1u << 20;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");

	if (file && fscanf(file, "%lu", &most) != 1)
		most = 1u << 20;
	if (file)
		fclose(file);
	return most;
}

/* Raises the soft limit to the hard one, and returns how many fds may be used. */
static unsigned long raise_fd_limit(bool raise)
{
	const unsigned long most = nr_open();
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (raise && limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {limit.rlim_max < most ? limit.rlim_max : most,
					limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur < most ? (unsigned long)limit.rlim_cur : most;
}

static unsigned long budget_of(const struct hostfs_config *config)
{
	const unsigned long limit = raise_fd_limit(config->fds == 0);
	const unsigned long most =
		limit >= 4 * RESERVE ? limit - RESERVE : limit - limit / 4;

	return config->fds == 0 || config->fds > most ? most : config->fds;
}

/* ---- Config ---- */

static int copy_config(struct hostfs_state *state, const struct hostfs_config *config)
{
	if (config->size < offsetof(struct hostfs_config, inode_ops) ||
	    config->size > sizeof(*config))
		return -EINVAL;
	memcpy(&state->config, config, config->size);
	if (!state->config.source || state->config.policy < HOSTFS_AUTO ||
	    state->config.policy > HOSTFS_HANDLES)
		return -EINVAL;
	if (state->config.entry_timeout < 0 || state->config.attr_timeout < 0 ||
	    state->config.negative_timeout < 0)
		return -EINVAL;
	/* They say where data goes, too. */
	if (state->config.flags & (HOSTFS_WRITEBACK | HOSTFS_DIRECT_IO | HOSTFS_NO_OPEN))
		state->config.flags &= ~(unsigned int)HOSTFS_PASSTHROUGH;
	if (!state->config.log)
		state->config.log = finode_log_to_fuse;
	return 0;
}

static int copy_inode_ops(struct hostfs_state *state)
{
	struct hostfs_inode_ops *copy = &state->inode_ops;
	const struct hostfs_inode_ops *ops = state->config.inode_ops;

	*copy = (struct hostfs_inode_ops){
		.ops_size = sizeof(*copy),
		.object_size = sizeof(struct hostfs_inode),
	};
	if (ops) {
		if (ops->ops_size < offsetof(struct hostfs_inode_ops, init) ||
		    ops->ops_size > sizeof(*ops) ||
		    ops->object_size < sizeof(struct hostfs_inode) ||
		    ops->base_offset > ops->object_size - sizeof(struct hostfs_inode))
			return -EINVAL;
		memcpy(copy, ops, ops->ops_size);
	}
	state->ops = (struct finode_ops){
		.ops_size = sizeof(state->ops),
		.object_size = copy->object_size,
		.base_offset = copy->base_offset + offsetof(struct hostfs_inode, base),
		.init = hostfs__inode_init,
		.evict = hostfs__inode_evict,
	};
	return 0;
}

/* ---- Life ---- */

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
	config.aliases =
		hostfs__wants(state, HOSTFS_ALIASES) || hostfs__wants(state, HOSTFS_EXPORT);
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

static void destroy_state(struct hostfs_state *state)
{
	hostfs__negative_finish(state);
	hostfs__locks_finish(&state->locks);
	hostfs__mounts_finish(state);
	hostfs__passthrough_finish(&state->passthrough);
	hostfs__backing_finish(&state->backing);
	free(state);
}

int hostfs_init(struct hostfs *fs, const struct hostfs_config *config)
{
	struct hostfs_state *state =
		aligned_alloc(_Alignof(struct hostfs_state), sizeof(struct hostfs_state));
	int err;

	*fs = (struct hostfs){.state = state};
	if (!state)
		return -ENOMEM;
	memset(state, 0, sizeof(*state));
	state->fs = fs;
	err = copy_config(state, config);
	if (!err)
		err = copy_inode_ops(state);
	if (err) {
		free(state);
		return err;
	}
	hostfs__identity_init(&state->self);
	hostfs__backing_init(&state->backing, budget_of(&state->config));
	state->prune_at = state->backing.budget / 4 * 3;
	hostfs__locks_init(state);
	hostfs__negative_init(state);
	hostfs__passthrough_init(&state->passthrough);
	hostfs__mounts_init(state);
	umask(0); /* for threads that cannot have one of their own */
	err = open_source(state);
	if (err) {
		destroy_state(state);
		fs->state = NULL;
		return err;
	}
	if (!state->self.switches)
		hostfs__warn_once(state, WARN_RIGHTS,
				  "not run by root: everything is done with this user's "
				  "rights, whoever asks, and what is made belongs to it");
	return 0;
}

void hostfs_finish(struct hostfs *fs)
{
	hostfs__locks_stop(&fs->state->locks);
	hostfs__mounts_release(fs->state);
	finode_table_destroy(fs->table);
	destroy_state(fs->state);
	*fs = (struct hostfs){NULL, NULL};
}

/* ---- Operations ---- */

static void set_want(struct fuse_conn_info *conn, unsigned int caps, bool wanted)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	/* The session asks in this way too, and libfuse does not take both. */
	for (unsigned int cap = 1; cap; cap <<= 1)
		if (caps & cap && wanted)
			fuse_set_feature_flag(conn, cap);
		else if (caps & cap)
			fuse_unset_feature_flag(conn, cap);
#else
	if (wanted)
		conn->want |= conn->capable & caps;
	else
		conn->want &= ~caps;
#endif
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	const struct finode_session *session = userdata;
	const struct hostfs_state *state = ((struct hostfs *)session->user)->state;
	const bool splice = !hostfs__wants(state, HOSTFS_NO_SPLICE);
	const bool locks = hostfs__wants(state, HOSTFS_REMOTE_LOCKS);

	/* The host applies umask and default ACLs; the kernel looks at ACLs. */
	set_want(conn, FUSE_CAP_DONT_MASK, true);
	set_want(conn, FUSE_CAP_POSIX_ACL, !hostfs__wants(state, HOSTFS_NO_XATTR));
	/* The kernel itself takes suid and capabilities away, by SETATTR and the like. */
	set_want(conn, FUSE_CAP_HANDLE_KILLPRIV, false);
	set_want(conn, FUSE_CAP_WRITEBACK_CACHE, hostfs__wants(state, HOSTFS_WRITEBACK));
	set_want(conn, FUSE_CAP_EXPORT_SUPPORT, hostfs__wants(state, HOSTFS_EXPORT));
	set_want(conn, FUSE_CAP_CACHE_SYMLINKS,
		 hostfs__wants(state, HOSTFS_CACHE_SYMLINKS));
	/* Without OPEN nobody would tell of O_TRUNC. */
	set_want(conn, FUSE_CAP_ATOMIC_O_TRUNC, !hostfs__wants(state, HOSTFS_NO_OPEN));
	set_want(conn, FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS, locks);
	set_want(conn, FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE,
		 splice);
	set_want(conn, FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO,
		 !hostfs__wants(state, HOSTFS_NO_READDIRPLUS));
}

/* The session ends: nobody may be waiting to answer a request of it. */
static void destroy(void *userdata)
{
	const struct finode_session *session = userdata;
	const struct hostfs *fs = session->user;

	hostfs__locks_stop(&fs->state->locks);
	fs->state->passthrough.session = NULL;
}

void hostfs_ops(struct fuse_lowlevel_ops *ops, size_t size)
{
	const struct fuse_lowlevel_ops all = {
		.init = init,
		.destroy = destroy,
		.lookup = hostfs__lookup,
		.forget = hostfs__forget,
		.forget_multi = hostfs__forget_multi,
		.getattr = hostfs__getattr,
		.setattr = hostfs__setattr,
		.readlink = hostfs__readlink,
		.mknod = hostfs__mknod,
		.mkdir = hostfs__mkdir,
		.unlink = hostfs__unlink,
		.rmdir = hostfs__rmdir,
		.symlink = hostfs__symlink,
		.rename = hostfs__rename,
		.link = hostfs__link,
		.open = hostfs__open,
		.read = hostfs__read,
		.write = hostfs__write,
		.write_buf = hostfs__write_buf,
		.flush = hostfs__flush,
		.release = hostfs__release,
		.fsync = hostfs__fsync,
		.opendir = hostfs__opendir,
		.readdir = hostfs__readdir,
		.readdirplus = hostfs__readdirplus,
		.releasedir = hostfs__releasedir,
		.fsyncdir = hostfs__fsyncdir,
		.statfs = hostfs__statfs,
		.setxattr = hostfs__setxattr,
		.getxattr = hostfs__getxattr,
		.listxattr = hostfs__listxattr,
		.removexattr = hostfs__removexattr,
		.access = hostfs__access,
		.create = hostfs__create,
		.getlk = hostfs__getlk,
		.setlk = hostfs__setlk,
		.flock = hostfs__flock,
		.ioctl = hostfs__ioctl,
		.fallocate = hostfs__fallocate,
		.copy_file_range = hostfs__copy_file_range,
		.lseek = hostfs__lseek,
	};

	memcpy(ops, &all, size < sizeof(all) ? size : sizeof(all));
}

void hostfs_session_config(struct hostfs *fs, const struct fuse_lowlevel_ops *ops,
			   size_t ops_size, struct finode_session_config *config)
{
	config->table = fs->table;
	config->ops = ops;
	config->ops_size = ops_size;
	config->user = fs;
	config->tmpfile = hostfs__tmpfile;
	config->statx = hostfs__statx;
	config->passthrough = hostfs__wants(fs->state, HOSTFS_PASSTHROUGH);
}

/* ---- Requests ---- */

static int use_inode(struct use *use)
{
	int err = hostfs_get(use->inode, &use->fd);

	if (err)
		use->fd = -1;
	return err;
}

int hostfs__use(fuse_req_t req, fuse_ino_t nodeid, struct use *use)
{
	use->fd = -1;
	use->inode = finode_get(hostfs_of(req)->table, nodeid);
	return use->inode ? use_inode(use) : -ESTALE;
}

int hostfs__use_dir(fuse_req_t req, fuse_ino_t nodeid, const char *name, struct use *use)
{
	int err = finode_get_dir(hostfs_of(req)->table, nodeid, name, &use->inode);

	use->fd = -1;
	return err ? err : use_inode(use);
}

void hostfs__unuse(struct use *use)
{
	if (use->fd >= 0)
		hostfs_put(use->inode);
	finode_put(use->inode);
	*use = USE_NONE;
}

/* ---- Windows ---- */

const char *hostfs_path(int fd, char buf[HOSTFS_PATH_MAX])
{
	snprintf(buf, HOSTFS_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

void hostfs_stats(struct hostfs *fs, struct hostfs_stats *stats, size_t size)
{
	struct hostfs_state *state = fs->state;
	struct backing *backing = &state->backing;
	const struct hostfs_stats all = {
		.fds = backing->fds,
		.fds_budget = backing->budget,
		.fds_kept = backing->kept,
		.opened = backing->opened,
		.closed = backing->closed,
		.refused = backing->refused,
		.stale = backing->stale,
		.prunes = state->prunes,
		.switches = state->self.switched,
		.groups_read = state->self.groups_read,
		.mountpoints = hostfs__mounts_count(state),
		.locks = state->locks.count,
		.lock_waits = state->locks.waits,
		.passthrough_opens = state->passthrough.opens,
		.handles = hostfs__has_handle(finode_table_root(fs->table)),
		.as_caller = state->self.switches,
	};

	memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}
