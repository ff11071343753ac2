/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session from inside: what lies behind a struct finode_session.
 *
 *     kernel --> transport --> connection.c --> libfuse --> the author's operations
 *            <-- transport <------------------- libfuse <-- fuse_reply_*()
 *
 * loop.c reads each message; connection.c looks at it before libfuse does: message.c judges
 * it, translate.c turns what this libfuse does not know into something that it knows. What
 * libfuse writes it writes by itself; where it lets somebody in between (custom_io.c), its
 * reply to INIT is completed, and an author's own transport is possible. notify.c owns what
 * the server says unasked, passthrough.c the files that the kernel reads and writes by
 * itself, and session.c the life of it all.
 *
 * Set by create and not changed: all that has no other comment.
 */
#ifndef FINODE_LIB_FUSE_H
#define FINODE_LIB_FUSE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/table.h"
#include "finode/fuse.h"
#include "fuse/queue.h"
#include "fuse/transport.h"

/* What of the author's operations the session stands in for. */
struct session_author {
	void (*init)(void *userdata, struct fuse_conn_info *conn);
	void (*destroy)(void *userdata);
	void (*create)(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi);
	void (*ioctl)(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
		      struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
		      size_t in_size, size_t out_size);
};

/* What a session is in: always onward, but for INIT and DESTROY, which may come again. */
enum session_state {
	SESSION_NEW,	   /* not connected */
	SESSION_CONNECTED, /* the kernel has not sent INIT, or has sent DESTROY */
	SESSION_KNOWN,	   /* INIT was read; the author's init() runs */
	SESSION_READY,	   /* it has returned: notifications are taken */
	SESSION_ENDED	   /* unmounted, for good */
};

#define CLONES	     255   /* of the fd, numbered from 1 */
#define CLONE_MEMORY 16384 /* requests whose clone is known */

/* For a loop with clones of the fd: see custom_io.c. */
struct clones {
	int fds[CLONES + 1];
	_Atomic uint64_t requests[CLONE_MEMORY];
};

struct session;

/* See inner.c. The first of libfuse's sessions is base.fuse. */
struct inner {
	/* as finode__custom_io_install(), which is above */
	int (*interpose)(struct session *s, struct fuse_session *fuse, int fd);
	_Atomic(struct fuse_session *) current;
	struct fuse_args args; /* what the first was made of */
	struct fuse_lowlevel_ops *ops;
	size_t ops_size;
	_Atomic bool used; /* INIT has come to `current` */
	struct retired *retired;
	unsigned int retired_count;
};

/* See rings.c. */
struct rings {
	bool expected; /* finode_session_loop() has read an INIT that is not answered */
	bool starting; /* the lock is held */
	bool lost;     /* there are threads that are not known */
	unsigned int threads;
	struct ring_part *known;
};

struct session {
	struct finode_session base; /* first: it is the userdata of libfuse's session */
	struct finode_session_config config;
	struct session_author author;
	struct table_kept kept;

	struct inner inner;
	struct transport transport; /* set by mount or attach */
	struct clones *clones;	    /* NULL unless the loop has some */
	struct rings rings;
	_Atomic uint32_t state;	   /* enum session_state */
	_Atomic bool foreign_loop; /* INIT was not read by finode_session_loop() */
	bool interposed;	   /* libfuse reads and writes through the session */
	bool forgets; /* FORGETs are the table's alone: the author has no operations */
	_Atomic bool stuck; /* threads of the loop are left: nothing may be freed */

	/* what INIT and its reply have agreed on */
	struct finode_kernel kernel; /* changed with the lock of `notify` held */
	_Atomic uint64_t init_unique;
	_Atomic size_t max_write;  /* 0 before INIT */
	_Atomic uint32_t features; /* of the kernel's */
	_Atomic bool setxattr_ext;
	_Atomic bool passthrough; /* was asked for, and will be taken */
	_Atomic bool serial_dirops;

	sem_t wake; /* the thread in finode_session_loop() has something to do */
	_Atomic uint64_t deadline; /* of the end, in ms; 0 until it begins */
	_Atomic uint64_t malformed;
	_Atomic uint32_t interrupts; /* INTERRUPTs since the last message that is none */
	struct notify notify;
};

static inline struct session *session_of(struct finode_session *base)
{
	return FINODE_CONTAINER_OF(base, struct session, base);
}

static inline enum session_state session_state(const struct session *s)
{
	return atomic_load_explicit(&s->state, memory_order_acquire);
}

/* Has the kernel this feature? False before INIT. */
static inline bool session_kernel_has(const struct session *s,
				      enum finode_kernel_feature feature)
{
	return atomic_load_explicit(&s->features, memory_order_relaxed) & feature;
}

#endif
