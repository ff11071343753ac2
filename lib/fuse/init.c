/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel offers in INIT, and what it is asked for.
 *
 * This file owns struct finode_kernel of a session, from an INIT to the DESTROY after it.
 * Who sees the message learns from it; where libfuse keeps it to itself, because its own
 * loop reads it, what libfuse makes of it has to do.
 */
#include "fuse/init.h"

#include <string.h>

#include "core/core.h"
#include "fuse/protocol.h"
#include "mounts/crossing.h"

static const struct {
	uint64_t flag;	     /* of INIT */
	uint64_t capability; /* of libfuse, where it has one */
	enum finode_kernel_feature feature;
} features[] = {
	{FUSE_SUBMOUNTS, 0, FINODE_KERNEL_SUBMOUNTS},
	{FUSE_PARALLEL_DIROPS, FUSE_CAP_PARALLEL_DIROPS, FINODE_KERNEL_PARALLEL_DIROPS},
	{FUSE_EXPORT_SUPPORT, FUSE_CAP_EXPORT_SUPPORT, FINODE_KERNEL_EXPORT},
	{PROTOCOL_HAS_RESEND, 0, FINODE_KERNEL_RESEND},
	{FUSE_HAS_EXPIRE_ONLY, FUSE_CAP_EXPIRE_ONLY, FINODE_KERNEL_EXPIRE},
#ifdef FUSE_CAP_PASSTHROUGH
	{PROTOCOL_PASSTHROUGH, FUSE_CAP_PASSTHROUGH, FINODE_KERNEL_PASSTHROUGH},
#else
	{PROTOCOL_PASSTHROUGH, 0, FINODE_KERNEL_PASSTHROUGH},
#endif
};
#define FEATURES (sizeof(features) / sizeof(features[0]))

/* What only the version tells. */
static void learn_from_minor(struct finode_kernel *kernel)
{
	if (kernel->minor >= PROTOCOL_MINOR_EPOCH)
		kernel->features |= FINODE_KERNEL_EPOCH;
	if (kernel->minor >= PROTOCOL_MINOR_PRUNE)
		kernel->features |= FINODE_KERNEL_PRUNE;
}

/* From the message itself. */
static void learn_from_message(struct finode_kernel *kernel, const struct fuse_init_in *in)
{
	*kernel = (struct finode_kernel){.major = in->major, .minor = in->minor};
	kernel->flags = in->flags;
	if (in->flags & FUSE_INIT_EXT)
		kernel->flags |= (uint64_t)in->flags2 << 32;
	for (size_t i = 0; i < FEATURES; i++)
		if (kernel->flags & features[i].flag)
			kernel->features |= features[i].feature;
	learn_from_minor(kernel);
}

/* From what libfuse makes of it, where it keeps the message to itself. */
static void learn_from_libfuse(struct finode_kernel *kernel,
			       const struct fuse_conn_info *conn)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	const uint64_t capable = conn->capable_ext;
#else
	const uint64_t capable = conn->capable;
#endif

	*kernel = (struct finode_kernel){.major = conn->proto_major,
					 .minor = conn->proto_minor};
	for (size_t i = 0; i < FEATURES; i++)
		if (capable & features[i].capability)
			kernel->features |= features[i].feature;
	if (kernel->minor >= PROTOCOL_MINOR_RESEND) /* always offered since */
		kernel->features |= FINODE_KERNEL_RESEND;
	learn_from_minor(kernel);
}

/* What was learned holds until DESTROY. */
static void settle(struct session *s, const struct finode_kernel *kernel)
{
	lock_take(&s->notify.lock);
	s->kernel = *kernel;
	lock_release(&s->notify.lock);
	atomic_store_explicit(&s->features, kernel->features, memory_order_relaxed);
	finode__crossings_announce(s->base.table,
				   (kernel->features & FINODE_KERNEL_SUBMOUNTS) != 0);
	atomic_store_explicit(&s->state, SESSION_KNOWN, memory_order_release);
}

void finode__init_learn(struct session *s, const struct fuse_in_header *in)
{
	struct finode_kernel kernel;

	/* The first INIT counts; libfuse answers any other with an error. */
	if (session_state(s) != SESSION_CONNECTED)
		return;
	learn_from_message(&kernel, (const void *)(in + 1));
	s->foreign_loop = false;
	s->init_unique = in->unique;
	settle(s, &kernel);
}

void finode__init_forget(struct session *s)
{
	const struct finode_kernel unknown = {0};

	lock_take(&s->notify.lock);
	s->notify.open = false;
	lock_release(&s->notify.lock);
	settle(s, &unknown);
	s->init_unique = 0;
	s->setxattr_ext = false;
	s->passthrough = false;
	s->serial_dirops = s->config.serial_dirops != 0;
	atomic_store_explicit(&s->state, SESSION_CONNECTED, memory_order_release);
}

/* ---- What is asked for ---- */

static bool may_pass_through(const struct session *s)
{
	return s->config.passthrough && session_kernel_has(s, FINODE_KERNEL_PASSTHROUGH);
}

/* Where the reply is libfuse's alone: it asks if it is told to. */
static void want_parallel_dirops(struct session *s, struct fuse_conn_info *conn)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	if (s->serial_dirops)
		fuse_unset_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
	else if (session_kernel_has(s, FINODE_KERNEL_PARALLEL_DIROPS))
		fuse_set_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
#else
	(void)s; /* libfuse 3.14 would not send it */
	(void)conn;
#endif
}

/* The same; the kernel takes it only without a writeback cache. */
static void want_passthrough(struct session *s, struct fuse_conn_info *conn)
{
#ifdef FUSE_CAP_PASSTHROUGH
	/* An author may say it in either. */
	if (!may_pass_through(s) ||
	    (conn->want_ext | conn->want) & FUSE_CAP_WRITEBACK_CACHE)
		return;
	s->passthrough = fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
#else
	(void)s;
	(void)conn;
#endif
}

static void want_no_splice(struct fuse_conn_info *conn)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_WRITE);
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_MOVE);
#else
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
#endif
}

void finode__init_begins(struct session *s, struct fuse_conn_info *conn)
{
	struct finode_kernel kernel;

	if (session_state(s) == SESSION_CONNECTED) {
		learn_from_libfuse(&kernel, conn);
		s->foreign_loop = true;
		settle(s, &kernel);
	}
	if (!s->interposed)
		want_parallel_dirops(s, conn);
}

void finode__init_ends(struct session *s, struct fuse_conn_info *conn)
{
	if (!s->interposed)
		want_passthrough(s, conn);
	/* What is spliced into a fd cannot be sent to a clone of it instead. */
	if (s->clones)
		want_no_splice(conn);
	s->max_write = conn->max_write;
}

void finode__init_complete(struct session *s, struct fuse_init_out *out)
{
	if (session_kernel_has(s, FINODE_KERNEL_PARALLEL_DIROPS)) {
		if (s->serial_dirops)
			out->flags &= ~(uint32_t)FUSE_PARALLEL_DIROPS;
		else
			out->flags |= FUSE_PARALLEL_DIROPS;
	}
	s->setxattr_ext = (out->flags & FUSE_SETXATTR_EXT) != 0;
	if (may_pass_through(s) && !(out->flags & FUSE_WRITEBACK_CACHE)) {
		const uint32_t stack_depth =
			1; /* the file's filesystem is no stacked one */

		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= (uint32_t)(PROTOCOL_PASSTHROUGH >> 32);
		memcpy((char *)out + PROTOCOL_STACK_DEPTH_OFFSET, &stack_depth,
		       sizeof(stack_depth));
		s->passthrough = true;
	}
}
