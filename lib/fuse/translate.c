/* SPDX-License-Identifier: BSD-3-Clause */
/* See translate.h. */
#include "fuse/translate.h"

#include <errno.h>
#include <string.h>

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
#define CARRIER_SIZE (sizeof(struct fuse_in_header) + sizeof(struct fuse_ioctl_in))

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

/* Has this thread just made a carrier, which libfuse is about to hand to session_ioctl()?
 */
static _Thread_local bool carries;

void finode__translate_end(void)
{
	carries = false;
}

static size_t into_ioctl(struct fuse_in_header *in, const struct fuse_ioctl_in *carrier,
			 size_t size, size_t room)
{
	if (room < CARRIER_SIZE)
		return size;
	in->opcode = FUSE_IOCTL;
	in->len = CARRIER_SIZE;
	memcpy(in + 1, carrier, sizeof(*carrier));
	carries = true;
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
	const bool carrier = carries && flags & CARRIER;

	carries = false;

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
