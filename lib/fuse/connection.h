/* SPDX-License-Identifier: BSD-3-Clause */
/* Between libfuse and the kernel: see connection.c. */
#ifndef FINODE_LIB_CONNECTION_H
#define FINODE_LIB_CONNECTION_H

#include "fuse/fuse.h"

/* The transport of a session without custom io: messages over a file descriptor. */
void finode__connection_use_fd(struct session *s, int fd);
/*
 * Puts the session between libfuse and the fd. @return 0; -ENOTSUP if libfuse was not built
 * for it; another error
 */
int finode__connection_interpose(struct session *s, int fd);

/*
 * What the kernel offers and is asked for, before and after the author's init(), in a
 * session that is not interposed.
 */
void finode__connection_init_begins(struct session *s, struct fuse_conn_info *conn);
void finode__connection_init_ends(struct session *s, struct fuse_conn_info *conn);

/* Is this thread serving a request of the session, as far as libfuse's loops tell? */
bool finode__connection_is_serving(const struct session *s);

/* Reads and answers requests that nobody else will, until done(s). Waits in small steps. */
void finode__connection_drain(struct session *s, bool (*done)(struct session *s));

#endif
