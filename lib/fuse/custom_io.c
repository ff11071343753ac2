/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only libfuse's custom io can do, where this libfuse has it.
 *
 *   - libfuse's own loops read through the session, so that messages are looked at there
 * too.
 *   - The reply to INIT is completed with what libfuse before 3.17 leaves out.
 *   - An author's own functions may be the transport.
 *   - Replies find the clone of the fd that their request was read from. libfuse writes all
 *     that comes by fuse_session_process_buf() to the first one; so a request from a clone
 *     carries the number of that in its own, on its way to libfuse and back.
 */
#include "fuse/custom_io.h"

#include <errno.h>
#include <fcntl.h>

#include "fuse/connection.h"
#include "fuse/init.h"
#include "fuse/message.h"
#include "fuse/protocol.h"
#include "fuse/serving.h"

/* ---- Requests from clones ---- */

/* In a request's number, which the kernel counts up by two: bits that it reaches in years.
 */
#define CLONE_SHIFT 52
#define CLONE_MASK  (0xffull << CLONE_SHIFT)

static _Atomic uint64_t *memory_of(struct session *s, uint64_t unique)
{
	return &s->clones->requests[(unique >> 1) % CLONE_MEMORY];
}

bool finode__custom_io_mark(struct session *s, void *message, unsigned int clone)
{
	struct fuse_in_header *in = message;
	const uint64_t mark = (uint64_t)clone << CLONE_SHIFT;
	struct fuse_interrupt_in *interrupt = (void *)(in + 1);
	uint64_t known;

	if (in->opcode != FUSE_INTERRUPT) {
		atomic_store_explicit(memory_of(s, in->unique), in->unique | mark,
				      memory_order_relaxed);
		in->unique |= mark;
		return true;
	}
	/* It may be read from another clone than its request. */
	known = atomic_load_explicit(memory_of(s, interrupt->unique), memory_order_relaxed);
	if ((known & ~CLONE_MASK) != interrupt->unique)
		return false;
	interrupt->unique = known;
	in->unique |= mark;
	return true;
}

/* Where a reply goes; its number is the kernel's again. */
static int fd_of_reply(const struct session *s, struct fuse_out_header *header, int fd)
{
	const unsigned int clone = (header->unique & CLONE_MASK) >> CLONE_SHIFT;

	if (clone == 0 || header->unique == 0)
		return fd;
	header->unique &= ~CLONE_MASK;
	return s->clones->fds[clone];
}

/* ---- What libfuse calls ---- */

static ssize_t fail(int err)
{
	errno = -err;
	return -1;
}

/* For libfuse's own loops. */
static ssize_t session_read(int fd, void *buf, size_t size, void *userdata)
{
	struct session *s = userdata;
	ssize_t got;
	size_t left;

	finode__serving_set(NULL);
	got = s->transport.receive(&s->transport, fd, buf, size);
	if (got < 0)
		return fail((int)got);
	left = finode__connection_look(s, fd, buf, (size_t)got, size);
	if (left == 0)
		return fail(-ENOENT); /* libfuse reads again */
	if (finode__message_wants_reply(buf))
		finode__serving_set(s);
	return (ssize_t)left;
}

static bool is_init_reply(const struct session *s, const struct fuse_out_header *header,
			  const struct iovec *iov, int count)
{
	const uint64_t init = atomic_load_explicit(&s->init_unique, memory_order_relaxed);

	return init != 0 && header->unique == init && header->error == 0 && count > 1 &&
	       iov[1].iov_len >= FUSE_COMPAT_22_INIT_OUT_SIZE;
}

static ssize_t session_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct session *s = userdata;
	struct fuse_out_header *header = iov[0].iov_base;
	const int to = fd_of_reply(s, header, fd);
	const bool init = is_init_reply(s, header, iov, count);
	const ssize_t size = header->len;
	int err;

	if (init) {
		finode__init_complete(s, iov[1].iov_base);
		s->init_unique = 0;
	}
	finode__serving_set(NULL);
	err = s->transport.send(&s->transport, to, iov, count);
	if (init && !err)
		finode__connection_answered(s);
	return err ? fail(err) : size;
}

static ssize_t session_splice_send(int in, off_t *in_off, int out, off_t *out_off,
				   size_t size, unsigned int flags, void *userdata)
{
	(void)userdata;
	finode__serving_set(NULL);
	return splice(in, in_off, out, out_off, size, flags);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
/* libfuse 3.17 and later clone no fd of a session with custom io but through this. */
static int clone_for_libfuse(int master)
{
	struct transport t;
	int fd;

	finode__transport_use_fd(&t, master, NULL);
	fd = t.clone ? t.clone(&t) : -ENOTSUP;
	return fd < 0 ? (int)fail(fd) : fd;
}
#endif

int finode__custom_io_install(struct session *s, struct fuse_session *fuse, int fd)
{
	struct fuse_custom_io io = {.writev = session_writev, .read = session_read};
	int err;

	/* A device takes data from a pipe; a socket would not keep messages apart. */
	if (s->transport.clone)
		io.splice_send = session_splice_send;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	io.clone_fd = s->transport.clone ? clone_for_libfuse : NULL;
	err = fuse_session_custom_io_317(fuse, &io, sizeof(io), fd);
#else
	err = fuse_session_custom_io(fuse, &io, fd);
#endif
	return err == -1 ? -EINVAL : err;
}
