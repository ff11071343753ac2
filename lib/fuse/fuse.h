/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session from inside: what lies behind a struct finode_session.
 *
 *     kernel <-- transport (s->io) <-- connection.c <-- libfuse <-- the author's operations
 *
 * connection.c sees each message on its way in and each reply on its way out; message.c
 * judges what comes in; translate.c turns requests that this libfuse does not know into
 * some that it knows; notify.c owns what the server says unasked, passthrough.c the files
 * that the kernel reads and writes by itself, and session.c the life of it all.
 *
 * libfuse from 3.18 on knows what a kernel of /dev/fuse sends, and from 3.18.3 on lets
 * nobody between it and its fd unless it was built for that. There the session keeps out of
 * the way (not interposed), but for a transport of the author's own.
 *
 * Fields are set by create, or by INIT before the author's init() runs, and are not changed
 * after that, but for those that are atomic and the queue of notify.c, with its own lock.
 */
#ifndef FINODE_LIB_FUSE_H
#define FINODE_LIB_FUSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "finode/fuse.h"
#include "fuse/queue.h"

/* What of the author's operations the session stands in for. */
struct session_author {
	void (*init)(void *userdata, struct fuse_conn_info *conn);
	void (*create)(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi);
	void (*ioctl)(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
		      struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
		      size_t in_size, size_t out_size);
};

struct session {
	struct finode_session base; /* first: it is the userdata of libfuse's session */
	struct finode_session_config config;
	struct session_author author;
	struct fuse_custom_io io; /* the transport, below libfuse */
	bool connected;
	bool interposed; /* libfuse reads and writes through the session */

	struct finode_kernel kernel;
	_Atomic bool initialised; /* kernel is set */
	_Atomic uint64_t init_unique;
	_Atomic bool setxattr_ext;
	_Atomic bool passthrough; /* was asked for, and will be taken */
	bool serial_dirops;
	size_t max_write;

	_Atomic uint64_t malformed;
	struct notify notify;
};

static inline struct session *session_of(struct finode_session *base)
{
	return FINODE_CONTAINER_OF(base, struct session, base);
}

static inline const struct session *session_of_const(const struct finode_session *base)
{
	return (const struct session *)(const void *)base;
}

/* Has the kernel sent INIT? What it said is to be seen then. */
static inline bool session_initialised(struct session *s)
{
	return atomic_load_explicit(&s->initialised, memory_order_acquire);
}

#endif
