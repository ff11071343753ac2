/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection: what is between libfuse and the kernel. See fuse.h.
 *
 * This file reads for libfuse and writes for it, from as many threads as libfuse's loop
 * has.
 *
 * Invariants: where the session is interposed, libfuse sees no malformed message, unless it
 * was spliced (which only a real /dev/fuse can do). What INIT said is known before the
 * author's init() runs.
 */
#include "fuse/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/core.h"
#include "fuse/message.h"
#include "fuse/protocol.h"
#include "fuse/translate.h"
#include "mounts/crossing.h"

/* ---- The transport: one message at a time over a file descriptor ---- */

static ssize_t fd_read(int fd, void *buf, size_t size, void *userdata)
{
	ssize_t got = read(fd, buf, size);

	(void)userdata;
	if (got != 0)
		return got;
	errno = ENODEV; /* a socket's peer has gone: as when a mount has */
	return -1;
}

static ssize_t fd_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return writev(fd, iov, count);
}

static ssize_t fd_splice(int in, off_t *in_off, int out, off_t *out_off, size_t size,
			 unsigned int flags, void *userdata)
{
	(void)userdata;
	return splice(in, in_off, out, out_off, size, flags);
}

/* A socket keeps messages apart only for read and write. */
static bool can_splice(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
}

/* ---- What comes in ---- */

/* The session of which this thread has read a request and sent no reply since, if any. */
static _Thread_local const struct session *serving;

bool finode__connection_is_serving(const struct session *s)
{
	return serving == s;
}

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
static void learn(struct finode_kernel *kernel, const struct fuse_init_in *in)
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

/* The first INIT counts; libfuse answers any other with an error. */
static void note_init(struct session *s, const struct fuse_in_header *in)
{
	if (session_initialised(s))
		return;
	learn(&s->kernel, (const void *)(in + 1));
	finode__crossings_announce(s->base.table,
				   (s->kernel.features & FINODE_KERNEL_SUBMOUNTS) != 0);
	s->init_unique = in->unique;
	atomic_store_explicit(&s->initialised, true, memory_order_release);
}

static void answer(struct session *s, int fd, const struct fuse_in_header *in, int err)
{
	struct fuse_out_header out = {
		.len = sizeof(out), .error = err, .unique = in->unique};
	struct iovec iov = {&out, sizeof(out)};

	/* Who has no request to be answered any more is not told. */
	if (finode__message_wants_reply(in))
		(void)s->io.writev(fd, &iov, 1, &s->base);
}

static ssize_t session_read(int fd, void *buf, size_t size, void *userdata)
{
	struct session *s = userdata;
	const struct fuse_in_header *in = buf;
	const char *fault;
	ssize_t got;

	serving = NULL;
	got = s->io.read(fd, buf, size, &s->base);
	if (got < (ssize_t)sizeof(*in))
		return got;
	fault = finode__message_fault(in, (size_t)got, s->setxattr_ext);
	if (fault) {
		finode__log_first(&s->base.table->log, &s->malformed,
				  "a message with opcode %u was refused: %s "
				  "(further ones are only counted)",
				  in->opcode, fault);
		answer(s, fd, in, -EINVAL);
		errno = ENOENT; /* libfuse reads again */
		return -1;
	}
	if (in->opcode == FUSE_INIT)
		note_init(s, in);
	if (finode__message_wants_reply(in))
		serving = s;
	return (ssize_t)finode__translate(s, buf, (size_t)got, size);
}

static ssize_t session_splice_receive(int in, off_t *in_off, int out, off_t *out_off,
				      size_t size, unsigned int flags, void *userdata)
{
	struct session *s = userdata;
	ssize_t got;

	serving = NULL;
	got = s->io.splice_receive(in, in_off, out, out_off, size, flags, &s->base);
	if (got > 0)
		got = finode__translate_in_pipe(s, out, (size_t)got);
	if (got > 0)
		serving = s;
	return got;
}

/* ---- What goes out ---- */

static bool may_pass_through(const struct session *s)
{
	return s->config.passthrough && s->kernel.features & FINODE_KERNEL_PASSTHROUGH;
}

/* Adds to the reply to INIT what libfuse leaves out. */
static void complete_init(struct session *s, struct fuse_init_out *out)
{
	if (s->kernel.features & FINODE_KERNEL_PARALLEL_DIROPS) {
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

static ssize_t session_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct session *s = userdata;
	const struct fuse_out_header *header = iov[0].iov_base;
	uint64_t init = atomic_load_explicit(&s->init_unique, memory_order_relaxed);

	if (header->unique == init && init != 0 && header->error == 0 && count > 1 &&
	    iov[1].iov_len >= FUSE_COMPAT_22_INIT_OUT_SIZE) {
		complete_init(s, iov[1].iov_base);
		s->init_unique = 0;
	}
	serving = NULL;
	return s->io.writev(fd, iov, count, &s->base);
}

static ssize_t session_splice_send(int in, off_t *in_off, int out, off_t *out_off,
				   size_t size, unsigned int flags, void *userdata)
{
	struct session *s = userdata;

	serving = NULL;
	return s->io.splice_send(in, in_off, out, out_off, size, flags, &s->base);
}

/* ---- INIT, where libfuse keeps it to itself ---- */

/* The same for a session that is not interposed: libfuse asks if it is told to. */
static void want_parallel_dirops(struct session *s, struct fuse_conn_info *conn)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	if (s->serial_dirops)
		fuse_unset_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
	else if (s->kernel.features & FINODE_KERNEL_PARALLEL_DIROPS)
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

void finode__connection_init_begins(struct session *s, struct fuse_conn_info *conn)
{
	learn_from_libfuse(&s->kernel, conn);
	want_parallel_dirops(s, conn);
	atomic_store_explicit(&s->initialised, true, memory_order_release);
}

void finode__connection_init_ends(struct session *s, struct fuse_conn_info *conn)
{
	want_passthrough(s, conn);
}

/* ---- Connecting ---- */

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
/* libfuse 3.17 and later clone no fd of a session with custom io but through this. */
static int clone_fd(int master)
{
	uint32_t fd = (uint32_t)master;
	int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &fd) < 0) {
		close(clone);
		clone = -1;
	}
	return clone;
}
#endif

/* Puts the session between libfuse and the fd; -ENOTSUP if libfuse was not built for it. */
int finode__connection_interpose(struct session *s, int fd)
{
	struct fuse_custom_io io = {.writev = session_writev, .read = session_read};
	int err;

	if (s->io.splice_receive)
		io.splice_receive = session_splice_receive;
	if (s->io.splice_send)
		io.splice_send = session_splice_send;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	io.clone_fd = s->io.clone_fd;
	err = fuse_session_custom_io_317(s->base.fuse, &io, sizeof(io), fd);
#else
	err = fuse_session_custom_io(s->base.fuse, &io, fd);
#endif
	s->interposed = err == 0;
	return err == -1 ? -EINVAL : err;
}

void finode__connection_use_fd(struct session *s, int fd)
{
	s->io = (struct fuse_custom_io){.writev = fd_writev, .read = fd_read};
	if (!can_splice(fd))
		return;
	s->io.splice_receive = fd_splice;
	s->io.splice_send = fd_splice;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	s->io.clone_fd = clone_fd;
#endif
}

/* ---- Draining ---- */

static size_t drain_size(size_t max_write)
{
	const size_t least = 1u << 20, most = 1u << 28; /* pages of a request: 2^16 */
	const size_t payload = max_write < least  ? least
			       : max_write > most ? most
						  : max_write;

	return payload + 65536;
}

void finode__connection_drain(struct session *s, bool (*done)(struct session *s))
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	/* What the kernel may send: it refuses to fill a smaller buffer. */
	const size_t size = drain_size(s->max_write);
	struct pollfd poller = {.fd = fuse_session_fd(s->base.fuse), .events = POLLIN};
	struct fuse_in_header *in = NULL;

	while (!done(s)) {
		/* Without memory there is nothing to do but to wait for some. */
		if (!in)
			in = allocator->allocate(size, allocator->user);
		if (poll(&poller, 1, 10) <= 0 || !(poller.revents & POLLIN) || !in)
			continue;
		if (s->io.read(poller.fd, in, size, &s->base) >= (ssize_t)sizeof(*in))
			answer(s, poller.fd, in, -ENOTCONN);
	}
	if (in)
		allocator->release(in, allocator->user);
}
