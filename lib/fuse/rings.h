/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuse-over-io_uring, which libfuse has since 3.18: its threads, and their end. See
 * rings.c.
 */
#ifndef FINODE_LIB_RINGS_H
#define FINODE_LIB_RINGS_H

#include "fuse/fuse.h"

#ifdef FUSE_CAP_OVER_IO_URING

/* Before finode_session_loop() gives libfuse an INIT. */
void finode__rings_expect(struct session *s);
/* The author's init() has returned, and libfuse starts its threads next, if it does. */
void finode__rings_begin(struct session *s, struct fuse_conn_info *conn);
/* libfuse has answered the INIT. */
void finode__rings_begun(struct session *s);

/* Is this thread one of libfuse's rings? */
bool finode__rings_serve_here(void);

/*
 * At the end of the loop: ends the connection if it has not ended, and waits until no
 * thread of a ring is in an operation any more. @return false if one is at the session's
 * deadline
 */
bool finode__rings_end(struct session *s);
/* After that, before libfuse's session is destroyed: no request will be answered any more.
 */
void finode__rings_destroy(struct session *s);

#else

static inline void finode__rings_expect(struct session *s)
{
	(void)s;
}
static inline void finode__rings_begin(struct session *s, struct fuse_conn_info *conn)
{
	(void)s;
	(void)conn;
}
static inline void finode__rings_begun(struct session *s)
{
	(void)s;
}
static inline bool finode__rings_serve_here(void)
{
	return false;
}
static inline bool finode__rings_end(struct session *s)
{
	(void)s;
	return true;
}
static inline void finode__rings_destroy(struct session *s)
{
	(void)s;
}

#endif
#endif
