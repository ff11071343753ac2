/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session: its life, and its connection's. See fuse.h.
 *
 * A connection is made by mount or attach, once, and ended by unmount.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/abi.h"
#include "core/core.h"
#include "fuse/connection.h"
#include "fuse/notify.h"
#include "fuse/translate.h"

/* Is there anything to be done between this libfuse and a /dev/fuse? See fuse.h. */
#define INTERPOSE_DEV_FUSE (FUSE_VERSION < FUSE_MAKE_VERSION(3, 18))

/* ---- Making one ---- */

static void session_init(void *userdata, struct fuse_conn_info *conn)
{
	struct session *s = userdata;
	const unsigned int before = conn->want & FUSE_CAP_PARALLEL_DIROPS;

	if (!s->interposed)
		finode__connection_init_begins(s, conn);
	if (s->author.init)
		s->author.init(userdata, conn);
	if (!s->interposed)
		finode__connection_init_ends(s, conn);
	/* libfuse 3.14 wants it by default, and so shows an author who does not. */
	if (before && !(conn->want & FUSE_CAP_PARALLEL_DIROPS))
		s->serial_dirops = true;
	s->max_write = conn->max_write;
}

/* FORGET and BATCH_FORGET of an author who leaves them to the table. */
static void forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, finode_session_of(req)->table, nodeid, nlookup);
}

static void forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, finode_session_of(req)->table, count, forgets);
}

/* SYNCFS of an author who leaves it to the table's mounts. */
static void sync_mounts(fuse_req_t req, fuse_ino_t nodeid)
{
	finode_reply_err(req, finode_mount_syncfs(finode_session_of(req)->table, nodeid));
}

/* The author's operations, of the size that the author's header or ours has. */
static int make_fuse_session(struct session *s, struct fuse_args *args)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	const size_t size = s->config.ops_size > sizeof(struct fuse_lowlevel_ops)
				    ? s->config.ops_size
				    : sizeof(struct fuse_lowlevel_ops);
	struct fuse_lowlevel_ops *ops = allocator->allocate(size, allocator->user);

	if (!ops)
		return -ENOMEM;
	memcpy(ops, s->config.ops, s->config.ops_size);
	s->author.init = ops->init;
	ops->init = session_init;
	/* Without forget_multi() libfuse calls forget() for each. */
	if (!ops->forget) {
		ops->forget = forget;
		if (!ops->forget_multi)
			ops->forget_multi = forget_multi;
	}
	finode__translate_install(s, ops);
	s->base.fuse = fuse_session_new(args, ops, size, &s->base);
	allocator->release(ops, allocator->user);
	if (s->base.fuse)
		return 0;
	return finode__refuse(&s->base.table->log,
			      &s->base.table->rare.refused[REFUSED_CONFIG],
			      "libfuse makes no session of these arguments and operations");
}

/* What is wrong with the members of a config; NULL if nothing is. */
static const char *config_fault(const struct finode_session_config *config)
{
	if (!config->table)
		return ".table is missing";
	if (!config->ops || config->ops_size == 0)
		return ".ops or its ops_size is missing";
	return NULL;
}

/* Refuses a config, in the log of its table if it says which that is. */
static int config_refuse(const struct finode_session_config *config, const char *fault)
{
	static const struct log unknown = {finode_log_to_fuse, NULL};
	static const char format[] = "the session's config%s";
	struct finode_table *table = config->table;
	_Atomic uint64_t first = 0;

	if (!table)
		return finode__refuse(&unknown, &first, format, fault);
	return finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG], format,
			      fault);
}

/* A config as this library knows it. What is wrong is told. */
static int copy_config(struct finode_session_config *copy,
		       const struct finode_session_config *config)
{
	const char *fault = finode__abi_copy(copy, sizeof(*copy), config, config->size,
					     ABI_UP_TO(struct finode_session_config, user));

	if (!fault)
		fault = config_fault(copy);
	return fault ? config_refuse(copy, fault) : 0;
}

int finode_session_create(struct fuse_args *args,
			  const struct finode_session_config *config,
			  struct finode_session **out)
{
	struct finode_session_config copy;
	const struct finode_allocator *allocator;
	struct session *s;
	int err = copy_config(&copy, config);

	*out = NULL;
	if (err)
		return err;
	allocator = &copy.table->allocator;
	s = allocator->allocate(sizeof(*s), allocator->user);
	if (!s)
		return -ENOMEM;
	s->config = copy;
	s->base.table = copy.table;
	s->base.user = copy.user;
	if (!copy.syncfs && copy.table->mounts.ops.sync)
		s->config.syncfs = sync_mounts;
	s->serial_dirops = copy.serial_dirops != 0;
	err = finode__notify_init(s);
	if (!err) {
		err = make_fuse_session(s, args);
		if (!err) {
			*out = &s->base;
			return 0;
		}
		finode__notify_finish(s);
	}
	allocator->release(s, allocator->user);
	return err;
}

/* ---- Connecting ---- */

/* Between libfuse and a /dev/fuse, or not, as this libfuse needs it. */
static int interpose_if_needed(struct session *s, int fd)
{
	int err = INTERPOSE_DEV_FUSE ? finode__connection_interpose(s, fd) : -ENOTSUP;

	return err == -ENOTSUP ? 0 : err;
}

int finode_session_mount(struct finode_session *session, const char *mountpoint)
{
	struct session *s = session_of(session);
	int err;

	if (s->connected)
		return -EALREADY;
	if (fuse_session_mount(session->fuse, mountpoint) != 0)
		return -EIO;
	finode__connection_use_fd(s, fuse_session_fd(session->fuse));
	err = interpose_if_needed(s, fuse_session_fd(session->fuse));
	if (err)
		fuse_session_unmount(session->fuse);
	s->connected = err == 0;
	return err;
}

/* libfuse takes an fd that is open already by this name of a mountpoint. */
static int attach_fd(struct session *s, int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	if (fuse_session_mount(s->base.fuse, name) != 0)
		return -EBADF;
	finode__connection_use_fd(s, fd);
	return interpose_if_needed(s, fd);
}

int finode_session_attach(struct finode_session *session, int fd,
			  const struct fuse_custom_io *io)
{
	struct session *s = session_of(session);
	int err;

	if (s->connected)
		return -EALREADY;
	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	if (io && (!io->read || !io->writev))
		return finode__refuse(&session->table->log,
				      &session->table->rare.refused[REFUSED_TRANSPORT],
				      "finode_session_attach(): io lacks read or writev");
	if (io)
		s->io = *io;
	err = io ? finode__connection_interpose(s, fd) : attach_fd(s, fd);
	s->connected = err == 0;
	return err;
}

/* ---- Ending one ---- */

void finode_session_unmount(struct finode_session *session)
{
	struct session *s = session_of(session);

	if (!s->connected)
		return;
	finode__notify_stop(s);
	s->connected = false;
	fuse_session_unmount(session->fuse);
}

void finode_session_destroy(struct finode_session *session)
{
	const struct finode_allocator *allocator;
	struct session *s;

	if (!session)
		return;
	s = session_of(session);
	allocator = &session->table->allocator;
	finode_session_unmount(session);
	fuse_session_destroy(session->fuse);
	finode__notify_finish(s);
	allocator->release(s, allocator->user);
}

/* ---- Windows ---- */

const struct finode_kernel *finode_session_kernel(const struct finode_session *session)
{
	static const struct finode_kernel unknown;
	const struct session *s = session_of_const(session);

	return atomic_load_explicit(&s->initialised, memory_order_acquire) ? &s->kernel
									   : &unknown;
}

void finode_session_stats(struct finode_session *session,
			  struct finode_session_stats *stats, size_t size)
{
	struct session *s = session_of(session);
	struct finode_session_stats all = {.malformed = s->malformed};

	finode__notify_stats(s, &all);
	finode__abi_report(stats, size, &all, sizeof(all));
}
