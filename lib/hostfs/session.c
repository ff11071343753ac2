/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session: all operations together, and what is agreed with the kernel at INIT.
 *
 * This file owns nothing; it has no header, since the public one declares what it offers.
 * It is the only file that knows every kind of operation, and none of them knows it.
 */
#include <finode/hostfs.h>
#include <string.h>

#include "attr.h"
#include "dir.h"
#include "io.h"
#include "lock.h"
#include "lock_wait.h"
#include "names.h"
#include "open.h"
#include "passthrough.h"
#include "state.h"
#include "xattr.h"

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
	/* Without OPEN the server would not hear of O_TRUNC. */
	set_want(conn, FUSE_CAP_ATOMIC_O_TRUNC, !hostfs__wants(state, HOSTFS_NO_OPEN));
	set_want(conn, FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS, locks);
	set_want(conn, FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE,
		 splice);
	set_want(conn, FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO,
		 !hostfs__wants(state, HOSTFS_NO_READDIRPLUS));
}

/* The session ends: no request of it may be left to be answered later. */
static void destroy(void *userdata)
{
	const struct finode_session *session = userdata;
	const struct hostfs *fs = session->user;

	hostfs__lock_waits_stop(fs->state->lock_waits);
	hostfs__passthrough_stop(fs->state->passthrough);
}

void hostfs_ops(struct fuse_lowlevel_ops *ops, size_t size)
{
	struct fuse_lowlevel_ops all = {.init = init, .destroy = destroy};

	hostfs__names_ops(&all);
	hostfs__attr_ops(&all);
	hostfs__xattr_ops(&all);
	hostfs__open_ops(&all);
	hostfs__io_ops(&all);
	hostfs__dir_ops(&all);
	hostfs__lock_ops(&all);
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
