/* SPDX-License-Identifier: BSD-3-Clause */
/* See translate.h. */
#include "fuse/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuse/protocol.h"

/* Where libfuse knows the operation itself, the author's callback becomes its. */
#define NATIVE_TMPFILE (FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17))
#define NATIVE_STATX   (FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18))

/* In the flags of an IOCTL; the kernel's own use the low bits. */
#define CARRIER		 (1u << 31)
#define CARRIER_WITH_FH	 (1u << 30)
#define CARRIER_RESERVED (CARRIER | CARRIER_WITH_FH)

/* The name that the kernel sends with TMPFILE, and the whole size of that request. */
#define TMPFILE_NAME "/"
#define TMPFILE_SIZE                                                                       \
	(sizeof(struct fuse_in_header) + sizeof(struct fuse_create_in) +                   \
	 sizeof(TMPFILE_NAME))
#define STATX_SIZE_WHOLE  (sizeof(struct fuse_in_header) + sizeof(struct protocol_statx_in))
#define SYNCFS_SIZE_WHOLE (sizeof(struct fuse_in_header) + sizeof(struct fuse_syncfs_in))
#define CARRIER_SIZE	  (sizeof(struct fuse_in_header) + sizeof(struct fuse_ioctl_in))

/* The largest message that may have to be looked at in a pipe, as it is or rewritten. */
#define SMALL CARRIER_SIZE

_Static_assert(TMPFILE_SIZE <= SMALL && STATX_SIZE_WHOLE <= SMALL &&
		       SYNCFS_SIZE_WHOLE <= SMALL,
	       "a carrier is larger than what it carries");

static bool tmpfile_is_translated(const struct session *s)
{
	return !NATIVE_TMPFILE && s->config.tmpfile;
}

static bool statx_is_translated(const struct session *s)
{
	return !NATIVE_STATX && s->config.statx;
}

/* Of its name, which is the kernel's "/" or what a guest wrote there, nothing is left. */
static size_t translate_tmpfile(struct fuse_in_header *in, size_t size, size_t room)
{
	struct fuse_create_in *create = (void *)(in + 1);

	if (room < TMPFILE_SIZE)
		return size;
	in->opcode = FUSE_CREATE;
	in->len = TMPFILE_SIZE;
	memcpy(create + 1, TMPFILE_NAME, sizeof(TMPFILE_NAME));
	return TMPFILE_SIZE;
}

static size_t into_ioctl(struct fuse_in_header *in, const struct fuse_ioctl_in *carrier,
			 size_t size, size_t room)
{
	if (room < CARRIER_SIZE)
		return size;
	in->opcode = FUSE_IOCTL;
	in->len = CARRIER_SIZE;
	memcpy(in + 1, carrier, sizeof(*carrier));
	return CARRIER_SIZE;
}

static size_t translate_statx(struct fuse_in_header *in, size_t size, size_t room)
{
	struct protocol_statx_in statx;
	struct fuse_ioctl_in carrier = {.flags = CARRIER, .cmd = PROTOCOL_STATX};

	memcpy(&statx, in + 1, sizeof(statx));
	carrier.fh = statx.fh;
	carrier.arg = statx.sx_mask;
	carrier.out_size = statx.sx_flags;
	if (statx.getattr_flags & FUSE_GETATTR_FH)
		carrier.flags |= CARRIER_WITH_FH;
	return into_ioctl(in, &carrier, size, room);
}

static size_t translate_syncfs(struct fuse_in_header *in, size_t size, size_t room)
{
	const struct fuse_ioctl_in carrier = {.flags = CARRIER, .cmd = FUSE_SYNCFS};

	return into_ioctl(in, &carrier, size, room);
}

size_t finode__translate(const struct session *s, void *message, size_t size, size_t room)
{
	struct fuse_in_header *in = message;

	switch (in->opcode) {
	case FUSE_TMPFILE:
		return tmpfile_is_translated(s) ? translate_tmpfile(in, size, room) : size;
	case PROTOCOL_STATX:
		return statx_is_translated(s) ? translate_statx(in, size, room) : size;
	case FUSE_SYNCFS:
		return s->config.syncfs ? translate_syncfs(in, size, room) : size;
	case FUSE_IOCTL:
		/* Nobody but the two above may make a carrier. */
		((struct fuse_ioctl_in *)(void *)(in + 1))->flags &= ~CARRIER_RESERVED;
		return size;
	default:
		return size;
	}
}

static bool may_be_translated(const struct session *s, size_t size)
{
	return (size == TMPFILE_SIZE && tmpfile_is_translated(s)) ||
	       (size == STATX_SIZE_WHOLE && statx_is_translated(s)) ||
	       (size == SYNCFS_SIZE_WHOLE && s->config.syncfs);
}

ssize_t finode__translate_in_pipe(const struct session *s, int pipe, size_t size)
{
	union {
		struct fuse_in_header header;
		char bytes[SMALL];
	} message;
	char path[32];
	ssize_t got;
	int fd;

	if (!may_be_translated(s, size))
		return (ssize_t)size;
	/* The reading end is libfuse's; a process without /proc gets its ENOSYS. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipe);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return (ssize_t)size;
	got = read(fd, &message, size);
	close(fd);
	if (got == (ssize_t)size) {
		size = finode__translate(s, &message, size, sizeof(message));
		got = write(pipe, &message, size);
	}
	if (got == (ssize_t)size)
		return got;
	errno = EIO;
	return -1;
}

static void session_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			   struct fuse_file_info *fi)
{
	struct session *s = session_of(finode_session_of(req));

	if (name[0] == TMPFILE_NAME[0] && s->config.tmpfile)
		s->config.tmpfile(req, parent, mode, fi);
	else if (s->author.create)
		s->author.create(req, parent, name, mode, fi);
	else
		finode_reply_err(req, -ENOSYS);
}

static void session_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
			  struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
			  size_t in_size, size_t out_size)
{
	struct session *s = session_of(finode_session_of(req));
	/* Where the session does not see messages, nobody has made a carrier. */
	const bool carrier = s->interposed && flags & CARRIER;

	if (!carrier && s->author.ioctl)
		s->author.ioctl(req, nodeid, cmd, arg, fi, flags, in_buf, in_size,
				out_size);
	else if (carrier && cmd == PROTOCOL_STATX)
		s->config.statx(req, nodeid, (int)out_size, (int)(uintptr_t)arg,
				flags & CARRIER_WITH_FH ? fi : NULL);
	else if (carrier)
		s->config.syncfs(req, nodeid);
	else
		finode_reply_err(req, -ENOSYS);
}

void finode__translate_install(struct session *s, struct fuse_lowlevel_ops *ops)
{
	s->author.create = ops->create;
	s->author.ioctl = ops->ioctl;
	if (tmpfile_is_translated(s))
		ops->create = session_create;
	if (statx_is_translated(s) || s->config.syncfs)
		ops->ioctl = session_ioctl;
#if NATIVE_TMPFILE
	if (s->config.tmpfile)
		ops->tmpfile = s->config.tmpfile;
#endif
#if NATIVE_STATX
	if (s->config.statx)
		ops->statx = s->config.statx;
#endif
}
