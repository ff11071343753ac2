/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session: its life, and its connection's. See fuse.h.
 *
 * A connection is made by mount or attach, once, and ended by unmount; inside it INIT and
 * DESTROY may come more than once. The end takes bounded time, whatever the kernel or the
 * author still owes: what is waited for in vain is aborted. A session that has ended
 * answers every call with -ENOTCONN as long as its table lives, since evict() may make one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/abi.h"
#include "core/table.h"
#include "fuse/connection.h"
#include "fuse/custom_io.h"
#include "fuse/deadline.h"
#include "fuse/init.h"
#include "fuse/inner.h"
#include "fuse/notify.h"
#include "fuse/rings.h"
#include "fuse/translate.h"

/* Is there anything to be done between this libfuse and a /dev/fuse? See custom_io.c. */
#define INTERPOSE_DEV_FUSE (FUSE_VERSION < FUSE_MAKE_VERSION(3, 18))

/* ---- Making one ---- */

static void session_init(void *userdata, struct fuse_conn_info *conn)
{
	struct session *s = userdata;
	const unsigned int before = conn->want & FUSE_CAP_PARALLEL_DIROPS;

	finode__init_begins(s, conn);
	if (finode__notify_start(s) != 0)
		finode__log(&s->base.table->log, FINODE_LOG_WARNING,
			    "no thread for notifications: there will be none");
	if (s->author.init)
		s->author.init(userdata, conn);
	/* libfuse 3.14 wants it by default, and so shows an author who does not. */
	if (before && !(conn->want & FUSE_CAP_PARALLEL_DIROPS))
		s->serial_dirops = true;
	finode__init_ends(s, conn);
	finode__connection_ready(s);
	/* Where nobody sees the reply, it is about to be written. */
	if (s->foreign_loop && !s->interposed)
		finode__connection_answered(s);
	finode__rings_begin(s, conn); /* last: from here to the reply it is libfuse's */
}

/* DESTROY: the kernel has forgotten everything, and may begin anew with INIT. */
static void session_destroy(void *userdata)
{
	struct session *s = userdata;

	if (s->author.destroy)
		s->author.destroy(userdata);
	if (session_state(s) != SESSION_ENDED) {
		finode__init_forget(s);
		finode__notify_drop(s);
	}
	finode_table_forget_all(s->base.table);
}

static void session_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	finode_reply_forget(req, finode_session_of(req)->table, nodeid, nlookup);
}

static void session_forget_multi(fuse_req_t req, size_t count,
				 struct fuse_forget_data *forgets)
{
	finode_reply_forget_multi(req, finode_session_of(req)->table, count, forgets);
}

/* What the author has none of, and what the session stands in for. */
static void install(struct session *s, struct fuse_lowlevel_ops *ops)
{
	s->author.init = ops->init;
	s->author.destroy = ops->destroy;
	s->forgets = !ops->forget && !ops->forget_multi;
	ops->init = session_init;
	ops->destroy = session_destroy;
	if (!ops->forget)
		ops->forget = session_forget;
	if (!ops->forget_multi && s->forgets)
		ops->forget_multi = session_forget_multi;
	finode__translate_install(s, ops);
}

/* SYNCFS of an author who leaves it to the table's mounts. */
static void sync_mounts(fuse_req_t req, fuse_ino_t nodeid)
{
	finode_reply_err(req, finode_mount_syncfs(finode_session_of(req)->table, nodeid));
}

/* The author's operations, of the size that the author's header or ours has. */
static int make_inner(struct session *s, struct fuse_args *args)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	const size_t size = s->config.ops_size > sizeof(struct fuse_lowlevel_ops)
				    ? s->config.ops_size
				    : sizeof(struct fuse_lowlevel_ops);
	struct fuse_lowlevel_ops *ops = allocator->allocate(size, allocator->user);
	int err;

	if (!ops)
		return -ENOMEM;
	memcpy(ops, s->config.ops, s->config.ops_size);
	install(s, ops);
	err = finode__inner_create(s, args, ops, size);
	allocator->release(ops, allocator->user);
	if (err != -EINVAL)
		return err;
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
	sem_init(&s->wake, 0, 0);
	s->inner.interpose = finode__custom_io_install;
	err = finode__notify_init(s);
	if (!err)
		err = make_inner(s, args);
	if (err)
		allocator->release(s, allocator->user);
	else
		*out = &s->base;
	return err;
}

/* ---- Connecting ---- */

/* A session connects once. */
static int check_new(const struct session *s)
{
	return session_state(s) == SESSION_NEW ? 0 : -EALREADY;
}

static void connected(struct session *s)
{
	atomic_store_explicit(&s->state, SESSION_CONNECTED, memory_order_release);
}

/* Between libfuse and a /dev/fuse, or not, as this libfuse needs it. */
static int interpose_if_needed(struct session *s)
{
	int err = INTERPOSE_DEV_FUSE ? finode__inner_interpose(s) : -ENOTSUP;

	return err == -ENOTSUP ? 0 : err;
}

int finode_session_mount(struct finode_session *session, const char *mountpoint)
{
	struct session *s = session_of(session);
	int err = check_new(s);
	char *path;

	if (err)
		return err;
	/* Before it is mounted: after that, to look at it is to wait for the server. */
	path = realpath(mountpoint, NULL);
	if (fuse_session_mount(session->fuse, mountpoint) != 0) {
		free(path);
		return -EIO;
	}
	finode__transport_use_fd(&s->transport, fuse_session_fd(session->fuse), path);
	err = interpose_if_needed(s);
	if (err) {
		fuse_session_unmount(session->fuse);
		finode__transport_finish(&s->transport);
		return err;
	}
	connected(s);
	return 0;
}

static int attach_fd(struct session *s, int fd)
{
	int err = finode__inner_adopt(s, fd);

	if (err)
		return err;
	finode__transport_use_fd(&s->transport, fd, NULL);
	return interpose_if_needed(s);
}

static int attach_io(struct session *s, int fd, const struct fuse_custom_io *io)
{
	int err = finode__transport_use_io(&s->transport, fd, io, &s->base);

	if (err)
		return err;
	err = finode__inner_interpose(s);
	if (err)
		finode__transport_finish(&s->transport);
	return err;
}

int finode_session_attach(struct finode_session *session, int fd,
			  const struct fuse_custom_io *io)
{
	struct session *s = session_of(session);
	int err = check_new(s);

	if (err)
		return err;
	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	if (io && (!io->read || !io->writev))
		return finode__refuse(&session->table->log,
				      &session->table->rare.refused[REFUSED_TRANSPORT],
				      "finode_session_attach(): io lacks read or writev");
	err = io ? attach_io(s, fd, io) : attach_fd(s, fd);
	if (!err)
		connected(s);
	return err;
}

/* ---- Ending one ---- */

void finode_session_unmount(struct finode_session *session)
{
	struct session *s = session_of(session);

	if (session_state(s) == SESSION_NEW || session_state(s) == SESSION_ENDED)
		return;
	atomic_store_explicit(&s->state, SESSION_ENDED, memory_order_release);
	finode__deadline_set(s);
	finode__notify_stop(s);
	fuse_session_unmount(session->fuse);
	finode__transport_unmount(&s->transport);
	finode__transport_finish(&s->transport);
	finode_table_forget_all(session->table);
}

void finode_session_destroy(struct finode_session *session)
{
	struct session *s;

	if (!session)
		return;
	s = session_of(session);
	finode_session_unmount(session);
	atomic_store_explicit(&s->state, SESSION_ENDED, memory_order_release);
	if (s->stuck) {
		finode__log(&session->table->log, FINODE_LOG_ERROR,
			    "a session is not freed: threads are left in it");
		return;
	}
	finode_table_forget_all(session->table);
	finode__rings_destroy(s);
	finode__inner_destroy(s);
	finode__notify_finish(s);
	/* Calls may still come, from evict() of inodes that the table has. */
	finode__table_keep(session->table, &s->kept, s);
}

/* ---- Windows ---- */

void finode_session_kernel(struct finode_session *session, struct finode_kernel *kernel,
			   size_t size)
{
	struct session *s = session_of(session);

	lock_take(&s->notify.lock);
	finode__abi_report(kernel, size, &s->kernel, sizeof(s->kernel));
	lock_release(&s->notify.lock);
}

bool finode_session_kernel_has(const struct finode_session *session,
			       enum finode_kernel_feature feature)
{
	return session_kernel_has((const struct session *)(const void *)session, feature);
}

void finode_session_stats(struct finode_session *session,
			  struct finode_session_stats *stats, size_t size)
{
	struct session *s = session_of(session);
	struct finode_session_stats all = {.malformed = s->malformed};

	finode__notify_stats(s, &all);
	finode__abi_report(stats, size, &all, sizeof(all));
}
