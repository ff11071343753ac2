/* SPDX-License-Identifier: BSD-3-Clause */
/* See notify.h. */
#include "fuse/notify.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "core/core.h"
#include "fuse/connection.h"
#include "fuse/protocol.h"
#include "fuse/retrieve.h"

#define LIMIT_DEFAULT 65536u
#define BYTES_DEFAULT (64u << 20)
#define PRUNE_AT_ONCE 128 /* nodeids in one message */

#define NOTICE_MERGED 1 /* a result: an equal one waits */

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

	return s->transport.send(&s->transport, s->transport.fd, iov, count);
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

static int write_store(struct session *s, const struct notice *notice)
{
	const struct fuse_notify_store_out out = {
		.nodeid = notice->saying.nodeid,
		.offset = (uint64_t)notice->saying.off,
		.size = (uint32_t)notice->data_size,
	};

	return write_message(s, FUSE_NOTIFY_STORE, &out, sizeof(out), notice->name,
			     notice->data_size);
}

static int write_retrieve(struct session *s, const struct notice *notice)
{
	const struct fuse_notify_retrieve_out out = {
		.notify_unique = notice->unique,
		.nodeid = notice->saying.nodeid,
		.offset = (uint64_t)notice->saying.off,
		.size = (uint32_t)notice->saying.len,
	};

	return write_message(s, FUSE_NOTIFY_RETRIEVE, &out, sizeof(out), NULL, 0);
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
	case FINODE_NOTIFY_STORE:
		return write_store(s, notice);
	case FINODE_NOTIFY_RETRIEVE:
		return write_retrieve(s, notice);
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

/* What was asked for and did not get to the kernel will not come. */
static void end_retrieve(struct session *s, uint32_t kind, uint64_t unique, enum fate fate)
{
	if (kind == FINODE_NOTIFY_RETRIEVE && fate != SENT)
		finode__retrieve_end(s, unique, NULL, 0);
}

/* Writes the next message. The lock is held, but not meanwhile. */
static void send_next_locked(struct session *s)
{
	struct notify *n = &s->notify;
	struct notice *taken = take_locked(n);
	const uint32_t kind = taken->saying.kind;
	const uint64_t unique = taken->unique;
	enum fate fate;

	lock_release(&n->lock);
	fate = send_taken(s, taken);
	lock_take(&n->lock);
	end_locked(s, taken, fate);
	lock_release(&n->lock);
	end_retrieve(s, kind, unique, fate);
	lock_take(&n->lock);
}

static void drop_all_locked(struct session *s)
{
	while (s->notify.first)
		end_locked(s, finode__queue_pop_locked(&s->notify), DROPPED);
}

static void *notify_main(void *arg)
{
	struct session *s = arg;
	struct notify *n = &s->notify;

	lock_take(&n->lock);
	while (!n->stopping) {
		if (n->first && n->open)
			send_next_locked(s);
		else
			lock_wait(&n->lock, &n->wanted);
	}
	drop_all_locked(s);
	n->stopped = true;
	lock_release(&n->lock);
	return NULL;
}

int finode__notify_start(struct session *s)
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

/* ---- What comes into the queue ---- */

static struct notice *make_notice(struct session *s, const struct saying *saying,
				  const void *bytes, size_t size)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notice *notice =
		allocator->allocate(sizeof(*notice) + size + 1, allocator->user);

	if (!notice)
		return NULL;
	notice->saying = *saying;
	memcpy(notice->name, bytes, size);
	return notice;
}

/* Consumes the notice. Two that say the same are one, but for data. */
static int push_locked(struct session *s, struct notice *notice)
{
	struct notify *n = &s->notify;
	const struct saying *saying = &notice->saying;
	const bool data = saying->kind == FINODE_NOTIFY_STORE ||
			  saying->kind == FINODE_NOTIFY_RETRIEVE;

	if (n->stopping)
		return -ENOTCONN;
	if (!n->started)
		return -EAGAIN;
	if (!data && finode__queue_find_locked(n, saying, notice->name, notice->hash)) {
		n->stats.notify[saying->kind].queued++;
		n->stats.notify[saying->kind].merged++;
		return NOTICE_MERGED;
	}
	if (n->waiting >= n->limit || n->bytes + notice->data_size > n->limit_bytes) {
		n->stats.notify_full++;
		return -ENOBUFS;
	}
	n->stats.notify[saying->kind].queued++;
	finode__queue_push_locked(n, notice);
	pthread_cond_signal(&n->wanted);
	return 0;
}

static int enter(struct session *s, struct notice *notice)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	int result;

	if (!notice)
		return -ENOMEM;
	lock_take(&s->notify.lock);
	result = push_locked(s, notice);
	lock_release(&s->notify.lock);
	if (result)
		allocator->release(notice, allocator->user);
	return result == NOTICE_MERGED ? 0 : result;
}

int finode__notify_say(struct session *s, const struct saying *what, const char *name)
{
	struct saying saying = *what;
	struct notice *notice;

	/* The kernel takes no notification before it has the reply to its INIT. */
	if (session_state(s) != SESSION_READY)
		return -ENOTCONN;
	saying.name_size = (uint32_t)strlen(name);
	notice = make_notice(s, &saying, name, saying.name_size);
	if (notice)
		notice->hash = finode__notice_hash(&s->base.table->seed, &saying, name);
	return enter(s, notice);
}

int finode__notify_store(struct session *s, const struct saying *saying, const void *data,
			 size_t size)
{
	struct notice *notice;

	if (session_state(s) != SESSION_READY)
		return -ENOTCONN;
	notice = make_notice(s, saying, data, size);
	if (notice)
		notice->data_size = size;
	return enter(s, notice);
}

int finode__notify_retrieve(struct session *s, const struct saying *saying, uint64_t cookie)
{
	struct notice *notice;
	uint64_t unique;
	int err;

	if (session_state(s) != SESSION_READY)
		return -ENOTCONN;
	unique = finode__retrieve_begin(s, saying->nodeid, saying->off, cookie);
	if (!unique)
		return -ENOMEM;
	notice = make_notice(s, saying, "", 0);
	if (notice)
		notice->unique = unique;
	err = enter(s, notice);
	if (err)
		finode__retrieve_cancel(s, unique);
	return err;
}

int finode__notify_flush(struct session *s)
{
	struct notify *n = &s->notify;
	uint64_t until;
	int err;

	if (session_state(s) == SESSION_ENDED)
		return -ENOTCONN;
	lock_take(&n->lock);
	until = n->entered;
	while (n->left < until && !n->stopping)
		lock_wait(&n->lock, &n->written);
	/* What was dropped has left, too. */
	err = n->stopping ? -ENOTCONN : 0;
	lock_release(&n->lock);
	return err;
}

/* ---- Life ---- */

int finode__notify_init(struct session *s)
{
	struct notify *n = &s->notify;
	unsigned int buckets = 64;

	n->limit = s->config.notify_limit ? s->config.notify_limit : LIMIT_DEFAULT;
	n->limit_bytes = s->config.notify_bytes ? s->config.notify_bytes : BYTES_DEFAULT;
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

void finode__notify_drop(struct session *s)
{
	lock_take(&s->notify.lock);
	drop_all_locked(s);
	lock_release(&s->notify.lock);
	finode__retrieve_end_all(s);
}

/* @return false if the thread does not come back from the kernel, even by force */
static bool see_thread_off(struct session *s)
{
	/* It may be in a write that waits for a request that no loop reads any more. */
	if (finode__connection_drain(s, thread_has_stopped))
		return true;
	finode__connection_abort(s, "a notification waits in the kernel for a request that "
				    "is not answered");
	return finode__connection_outlast(s, thread_has_stopped);
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
	if (see_thread_off(s))
		pthread_join(n->thread, NULL);
	else
		s->stuck = true;
	finode__retrieve_end_all(s);
}

void finode__notify_finish(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notify *n = &s->notify;

	if (n->buckets)
		allocator->release(n->buckets, allocator->user);
	n->buckets = NULL;
}

void finode__notify_stats(struct session *s, struct finode_session_stats *stats)
{
	uint64_t malformed = stats->malformed;

	lock_take(&s->notify.lock);
	*stats = s->notify.stats;
	lock_release(&s->notify.lock);
	stats->malformed = malformed;
}
