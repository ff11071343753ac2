/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection: what is looked at between the kernel and libfuse. See fuse.h.
 *
 * This file owns the way of a message from a transport to libfuse.
 *
 * Invariants: what comes this way is well-formed when libfuse sees it, and asks for no more
 * than was agreed on. What INIT said is known before the author's init() runs.
 */
#include "fuse/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/core.h"
#include "fuse/deadline.h"
#include "fuse/init.h"
#include "fuse/inner.h"
#include "fuse/message.h"
#include "fuse/protocol.h"
#include "fuse/retrieve.h"
#include "fuse/rings.h"
#include "fuse/serving.h"
#include "fuse/translate.h"

/* How many INTERRUPTs may come in a row: libfuse keeps those that find no request. */
#define INTERRUPTS_IN_A_ROW 4096

/* ---- What comes in ---- */

size_t finode__connection_buffer(const struct session *s)
{
	const size_t least = 1u << 20, most = 1u << 28; /* pages of a request: 2^16 */
	const size_t max_write = s->max_write;
	const size_t payload = max_write < least  ? least
			       : max_write > most ? most
						  : max_write;

	return payload + 65536;
}

static void answer(struct session *s, int fd, const struct fuse_in_header *in, int err)
{
	struct fuse_out_header out = {
		.len = sizeof(out), .error = err, .unique = in->unique};
	struct iovec iov = {&out, sizeof(out)};

	/* Who has no request to be answered any more is not told. */
	if (finode__message_wants_reply(in))
		(void)s->transport.send(&s->transport, fd, &iov, 1);
}

static size_t refuse(struct session *s, int fd, const struct fuse_in_header *in,
		     const char *fault)
{
	finode__log_first(&s->base.table->log, &s->malformed,
			  "a message with opcode %u was refused: %s "
			  "(further ones are only counted)",
			  in->opcode, fault);
	answer(s, fd, in, -EINVAL);
	return 0;
}

/* FORGETs are the table's, unless the author has operations for them. */
static size_t forget(struct session *s, const struct fuse_in_header *in)
{
	const struct fuse_batch_forget_in *batch = (const void *)(in + 1);
	const struct fuse_forget_in *one = (const void *)(in + 1);

	if (in->opcode == FUSE_FORGET)
		finode_forget(s->base.table, in->nodeid, one->nlookup);
	else
		finode_forget_batch(s->base.table, (const void *)(batch + 1), batch->count);
	return 0;
}

/* @return false if there were too many in a row */
static bool may_interrupt(struct session *s, const struct fuse_in_header *in)
{
	if (in->opcode != FUSE_INTERRUPT) {
		if (atomic_load_explicit(&s->interrupts, memory_order_relaxed) != 0)
			s->interrupts = 0;
		return true;
	}
	return atomic_fetch_add(&s->interrupts, 1) < INTERRUPTS_IN_A_ROW;
}

/* An INIT where one was before: libfuse begins anew, too. @return 0 or an error */
static int begin_anew(struct session *s)
{
	int err = session_state(s) == SESSION_CONNECTED ? finode__inner_renew(s) : 0;

	s->inner.used = true;
	return err;
}

size_t finode__connection_look(struct session *s, int fd, void *message, size_t got,
			       size_t room)
{
	struct fuse_in_header *in = message;
	const char *fault;

	if (got < sizeof(*in))
		return 0;
	fault = finode__message_fault(in, got, s->setxattr_ext);
	if (!fault && !may_interrupt(s, in))
		fault = "it is one INTERRUPT of very many";
	if (fault)
		return refuse(s, fd, in, fault);
	finode__message_clamp(in, s->max_write);
	switch (in->opcode) {
	case FUSE_INIT:
		if (begin_anew(s) != 0)
			return refuse(s, fd, in, "it is one INIT of very many");
		finode__init_learn(s, in);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		if (s->forgets)
			return forget(s, in);
		break;
	case FUSE_NOTIFY_REPLY:
		if (!finode__retrieve_is_ours(in->unique))
			break;
		finode__retrieve_answered(s, in);
		return 0;
	default:
		break;
	}
	return finode__translate(s, message, got, room);
}

void finode__connection_ready(struct session *s)
{
	uint32_t known = SESSION_KNOWN;

	atomic_compare_exchange_strong(&s->state, &known, SESSION_READY);
}

void finode__connection_answered(struct session *s)
{
	lock_take(&s->notify.lock);
	s->notify.open = session_state(s) == SESSION_READY;
	pthread_cond_signal(&s->notify.wanted);
	lock_release(&s->notify.lock);
}

void finode__connection_process(struct session *s, void *message, size_t size)
{
	const struct fuse_in_header *in = message;
	const struct fuse_buf buf = {.size = size, .mem = message};
	const struct session *outer = finode__serving();
	const bool init = in->opcode == FUSE_INIT;

	if (init)
		finode__rings_expect(s);
	if (finode__message_wants_reply(in))
		finode__serving_set(s);
	finode__inner_process(s, &buf);
	finode__serving_set(outer);
	finode__translate_end();
	if (init) {
		finode__rings_begun(s);
		finode__connection_answered(s);
	}
}

/* ---- Draining ---- */

bool finode__connection_drain(struct session *s, bool (*done)(struct session *s))
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	/* What the kernel may send: it refuses to fill a smaller buffer. */
	const size_t size = finode__connection_buffer(s);
	struct transport *t = &s->transport;
	struct pollfd poller = {.fd = t->fd, .events = POLLIN};
	struct fuse_in_header *in = NULL;
	bool over;

	while (!(over = done(s)) && finode__deadline_left(s) > 0) {
		/* Without memory there is nothing to do but to wait for some. */
		if (!in)
			in = allocator->allocate(size, allocator->user);
		if (poll(&poller, 1, 10) <= 0 || !(poller.revents & POLLIN) || !in)
			continue;
		if (t->receive(t, poller.fd, in, size) >= (ssize_t)sizeof(*in))
			answer(s, poller.fd, in, -ENOTCONN);
	}
	if (in)
		allocator->release(in, allocator->user);
	return over;
}

/* ---- The end ---- */

bool finode__connection_outlast(struct session *s, bool (*done)(struct session *s))
{
	for (int i = 0; i < 200; i++) {
		if (done(s))
			return true;
		poll(NULL, 0, 10);
	}
	return done(s);
}

void finode__connection_abort(struct session *s, const char *what)
{
	struct transport *t = &s->transport;
	int err = t->abort ? t->abort(t) : -ENOTSUP;

	finode__log(&s->base.table->log, FINODE_LOG_WARNING,
		    "the end of the session: %s; the connection was %s%s", what,
		    err ? "not aborted: " : "aborted", err ? strerror(-err) : "");
}
