/* SPDX-License-Identifier: BSD-3-Clause */
/* See notify.h. */
#include "fuse/notify.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "core/core.h"
#include "finode/alias.h"
#include "finode/name.h"
#include "fuse/connection.h"
#include "fuse/protocol.h"

#define LIMIT_DEFAULT 65536u
#define PRUNE_AT_ONCE 128 /* nodeids in one message */

/* ---- The messages ---- */

/* One message of up to three parts behind its header. */
static int write_message(struct session *s, int code, const void *head, size_t head_size,
			 const void *tail, size_t tail_size)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + head_size + tail_size), .error = code};
	struct iovec iov[3] = {{&header, sizeof(header)},
			       {(void *)head, head_size},
			       {(void *)tail, tail_size}};
	int count = tail_size ? 3 : head_size ? 2 : 1;

	if (s->io.writev(fuse_session_fd(s->base.fuse), iov, count, &s->base) < 0)
		return -errno;
	return 0;
}

static int write_entry(struct session *s, const struct notice *notice, uint32_t flags)
{
	const struct fuse_notify_inval_entry_out out = {
		.parent = notice->saying.nodeid,
		.namelen = notice->saying.name_size,
		.flags = flags,
	};

	return write_message(s, FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof(out), notice->name,
			     notice->saying.name_size + 1);
}

static int write_delete(struct session *s, const struct notice *notice)
{
	const struct fuse_notify_delete_out out = {
		.parent = notice->saying.nodeid,
		.child = notice->saying.child,
		.namelen = notice->saying.name_size,
	};

	return write_message(s, FUSE_NOTIFY_DELETE, &out, sizeof(out), notice->name,
			     notice->saying.name_size + 1);
}

static int write_inval_inode(struct session *s, const struct notice *notice)
{
	const struct fuse_notify_inval_inode_out out = {
		.ino = notice->saying.nodeid,
		.off = notice->saying.off,
		.len = notice->saying.len,
	};

	return write_message(s, FUSE_NOTIFY_INVAL_INODE, &out, sizeof(out), NULL, 0);
}

/* A list of notices that may all go in one message. */
static int write_prune(struct session *s, const struct notice *notice)
{
	struct protocol_prune_out out = {0};
	uint64_t nodeids[PRUNE_AT_ONCE];

	for (; notice; notice = notice->next)
		nodeids[out.count++] = notice->saying.nodeid;
	return write_message(s, PROTOCOL_NOTIFY_PRUNE, &out, sizeof(out), nodeids,
			     out.count * sizeof(nodeids[0]));
}

/* Writes what take() has taken: one notice, or several prunes. 0 or a negative errno. */
static int write_notice(struct session *s, const struct notice *notice)
{
	switch (notice->saying.kind) {
	case FINODE_NOTIFY_INVAL_INODE:
		return write_inval_inode(s, notice);
	case FINODE_NOTIFY_INVAL_ENTRY:
		return write_entry(s, notice, 0);
	case FINODE_NOTIFY_EXPIRE_ENTRY:
		return write_entry(s, notice, FUSE_EXPIRE_ONLY);
	case FINODE_NOTIFY_DELETE:
		return write_delete(s, notice);
	case FINODE_NOTIFY_PRUNE:
		return write_prune(s, notice);
	case FINODE_NOTIFY_INCREMENT_EPOCH:
		return write_message(s, PROTOCOL_NOTIFY_INC_EPOCH, NULL, 0, NULL, 0);
	default:
		return write_message(s, PROTOCOL_NOTIFY_RESEND, NULL, 0, NULL, 0);
	}
}

/* ---- The thread ---- */

/* Takes the next message out of the queue: one notice, or a list of prunes. */
static struct notice *take_locked(struct notify *n)
{
	struct notice *taken = finode__queue_pop_locked(n), **end = &taken->next;

	for (int i = 1;
	     i < PRUNE_AT_ONCE && n->first && taken->saying.kind == FINODE_NOTIFY_PRUNE &&
	     n->first->saying.kind == FINODE_NOTIFY_PRUNE;
	     i++) {
		*end = finode__queue_pop_locked(n);
		end = &(*end)->next;
	}
	return taken;
}

enum fate { SENT, UNKNOWN, FAILED, DROPPED };

/* Counts what became of a list of notices, and frees them. */
static void end_locked(struct session *s, struct notice *notice, enum fate fate)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notify *n = &s->notify;

	while (notice) {
		struct notice *next = notice->next;
		uint64_t *const counters[] = {
			[SENT] = &n->stats.notify[notice->saying.kind].sent,
			[UNKNOWN] = &n->stats.notify[notice->saying.kind].unknown,
			[FAILED] = &n->stats.notify[notice->saying.kind].failed,
			[DROPPED] = &n->stats.notify[notice->saying.kind].dropped,
		};

		++*counters[fate];
		n->left++;
		allocator->release(notice, allocator->user);
		notice = next;
	}
	pthread_cond_broadcast(&n->written);
}

/* Without the lock. */
static enum fate send_taken(struct session *s, const struct notice *taken)
{
	int err = write_notice(s, taken);

	if (!err)
		return SENT;
	if (err == -ENOENT)
		return UNKNOWN;
	finode__log_first(&s->base.table->log, &s->notify.refused,
			  "the kernel refused a notification, kind %u, nodeid %#llx: %s "
			  "(further ones are only counted)",
			  taken->saying.kind, (unsigned long long)taken->saying.nodeid,
			  strerror(-err));
	return FAILED;
}

static void *notify_main(void *arg)
{
	struct session *s = arg;
	struct notify *n = &s->notify;

	lock_take(&n->lock);
	while (!n->stopping) {
		struct notice *taken;
		enum fate fate;

		if (!n->first) {
			lock_wait(&n->lock, &n->wanted);
			continue;
		}
		taken = take_locked(n);
		lock_release(&n->lock);
		fate = send_taken(s, taken);
		lock_take(&n->lock);
		end_locked(s, taken, fate);
	}
	while (n->first)
		end_locked(s, finode__queue_pop_locked(n), DROPPED);
	n->stopped = true;
	lock_release(&n->lock);
	return NULL;
}

/* Not before the first call: a server may fork between making a session and its loop. */
static int start_locked(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notify *n = &s->notify;
	sigset_t all, before;
	int err;

	if (n->started)
		return 0;
	if (!n->buckets)
		n->buckets = allocator->allocate(
			(n->bucket_mask + 1) * sizeof(struct notice *), allocator->user);
	if (!n->buckets)
		return -ENOMEM;
	/* Signals are for the author's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&n->thread, NULL, notify_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	n->started = err == 0;
	return err;
}

/* ---- Calls ---- */

static struct notice *make_notice(struct session *s, const struct saying *saying,
				  const char *name, uint64_t hash)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notice *notice = allocator->allocate(sizeof(*notice) + saying->name_size + 1,
						    allocator->user);

	if (notice) {
		notice->hash = hash;
		notice->saying = *saying;
		memcpy(notice->name, name, saying->name_size);
	}
	return notice;
}

static int enter_locked(struct session *s, const struct saying *saying, const char *name,
			uint64_t hash)
{
	struct notify *n = &s->notify;
	struct notice *notice;
	int err = n->stopping ? -ENOTCONN : start_locked(s);

	if (err)
		return err;
	if (finode__queue_find_locked(n, saying, name, hash)) {
		n->stats.notify[saying->kind].queued++;
		n->stats.notify[saying->kind].merged++;
		return 0;
	}
	if (n->waiting >= n->limit) {
		n->stats.notify_full++;
		return -ENOBUFS;
	}
	notice = make_notice(s, saying, name, hash);
	if (!notice)
		return -ENOMEM;
	n->stats.notify[saying->kind].queued++;
	finode__queue_push_locked(n, notice);
	pthread_cond_signal(&n->wanted);
	return 0;
}

static int enter(struct session *s, struct saying saying, const char *name)
{
	uint64_t hash;
	int err;

	/* The kernel takes no notification before it has the reply to its INIT. */
	if (!session_initialised(s) || s->init_unique != 0)
		return -ENOTCONN;
	saying.name_size = (uint32_t)strlen(name);
	hash = finode__notice_hash(&s->base.table->seed, &saying, name);
	lock_take(&s->notify.lock);
	err = enter_locked(s, &saying, name, hash);
	lock_release(&s->notify.lock);
	return err;
}

/* A message that names an entry. */
static int enter_entry(struct session *s, struct saying saying, const char *name)
{
	struct finode_table *table = s->base.table;
	int err = finode_name_check(name);

	if (err == -EINVAL)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_NAME],
				      "finode_notify_*(): a name is empty, \".\", \"..\" "
				      "or has a '/'");
	return err ? err : enter(s, saying, name);
}

static bool kernel_has(struct session *s, enum finode_kernel_feature feature)
{
	return session_initialised(s) && s->kernel.features & feature;
}

/* A message that only some kernels know. */
static int enter_if(struct session *s, enum finode_kernel_feature feature,
		    struct saying saying)
{
	if (session_initialised(s) && !kernel_has(s, feature))
		return -EOPNOTSUPP;
	return enter(s, saying, "");
}

int finode_notify_inval_inode(struct finode_session *session, uint64_t nodeid, off_t off,
			      off_t len)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INVAL_INODE,
				      .nodeid = nodeid,
				      .off = off < 0 ? -1 : off,
				      .len = off < 0 || len < 0 ? 0 : len};

	return enter(session_of(session), saying, "");
}

int finode_notify_inval_entry(struct finode_session *session, uint64_t parent,
			      const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INVAL_ENTRY, .nodeid = parent};

	return enter_entry(session_of(session), saying, name);
}

int finode_notify_expire_entry(struct finode_session *session, uint64_t parent,
			       const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_EXPIRE_ENTRY, .nodeid = parent};

	return enter_entry(session_of(session), saying, name);
}

int finode_notify_delete(struct finode_session *session, uint64_t parent, uint64_t child,
			 const char *name)
{
	const struct saying saying = {
		.kind = FINODE_NOTIFY_DELETE, .nodeid = parent, .child = child};

	return enter_entry(session_of(session), saying, name);
}

/* The next best to PRUNE: a name of the inode, if the table keeps names and has one. */
static int inval_known_name(struct session *s, uint64_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(s->base.table, nodeid);
	FINODE_ALIAS_AUTOPUT struct finode_alias *alias = NULL;

	if (inode && inode->type != S_IFDIR)
		alias = finode_alias_next(inode, NULL);
	if (!alias)
		return -EOPNOTSUPP;
	return finode_notify_inval_entry(&s->base, alias->dir->nodeid, alias->name);
}

int finode_notify_prune(struct finode_session *session, uint64_t nodeid, uint64_t parent,
			const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_PRUNE, .nodeid = nodeid};
	struct session *s = session_of(session);

	if (!session_initialised(s) || kernel_has(s, FINODE_KERNEL_PRUNE))
		return enter_if(s, FINODE_KERNEL_PRUNE, saying);
	return name ? finode_notify_inval_entry(session, parent, name)
		    : inval_known_name(s, nodeid);
}

int finode_notify_increment_epoch(struct finode_session *session)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INCREMENT_EPOCH};

	return enter_if(session_of(session), FINODE_KERNEL_EPOCH, saying);
}

int finode_notify_resend(struct finode_session *session)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_RESEND};

	return enter_if(session_of(session), FINODE_KERNEL_RESEND, saying);
}

int finode_notify_flush(struct finode_session *session)
{
	struct session *s = session_of(session);
	struct notify *n = &s->notify;
	uint64_t until;
	int err;

	if (finode__connection_is_serving(s) && !fuse_session_exited(session->fuse))
		return -EDEADLK;
	lock_take(&n->lock);
	until = n->entered;
	while (n->left < until && !n->stopping)
		lock_wait(&n->lock, &n->written);
	err = n->left < until ? -ENOTCONN : 0;
	lock_release(&n->lock);
	return err;
}

/* ---- Life ---- */

int finode__notify_init(struct session *s)
{
	struct notify *n = &s->notify;
	unsigned int buckets = 64;

	n->limit = s->config.notify_limit ? s->config.notify_limit : LIMIT_DEFAULT;
	while (buckets < n->limit && buckets < LIMIT_DEFAULT)
		buckets *= 2;
	n->bucket_mask = buckets - 1;
	n->last = &n->first;
	pthread_cond_init(&n->wanted, NULL);
	pthread_cond_init(&n->written, NULL);
	return finode__lock_init(&n->lock, LOCK_RANK_NOTIFY);
}

static bool thread_has_stopped(struct session *s)
{
	bool stopped;

	lock_take(&s->notify.lock);
	stopped = s->notify.stopped;
	lock_release(&s->notify.lock);
	return stopped;
}

void finode__notify_stop(struct session *s)
{
	struct notify *n = &s->notify;
	bool started;

	lock_take(&n->lock);
	n->stopping = true;
	started = n->started;
	pthread_cond_broadcast(&n->wanted);
	pthread_cond_broadcast(&n->written);
	lock_release(&n->lock);
	if (!started)
		return;
	/* It may be in a write that waits for a request that no loop reads any more. */
	finode__connection_drain(s, thread_has_stopped);
	pthread_join(n->thread, NULL);
}

void finode__notify_finish(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notify *n = &s->notify;

	if (n->buckets)
		allocator->release(n->buckets, allocator->user);
	pthread_cond_destroy(&n->wanted);
	pthread_cond_destroy(&n->written);
	finode__lock_finish(&n->lock);
}

void finode__notify_stats(struct session *s, struct finode_session_stats *stats)
{
	uint64_t malformed = stats->malformed;

	lock_take(&s->notify.lock);
	*stats = s->notify.stats;
	lock_release(&s->notify.lock);
	stats->malformed = malformed;
}
