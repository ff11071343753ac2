/* SPDX-License-Identifier: BSD-3-Clause */
/* What is looked at between the kernel and libfuse: see connection.c. */
#ifndef FINODE_LIB_CONNECTION_H
#define FINODE_LIB_CONNECTION_H

#include "fuse/fuse.h"

/* How large a buffer the kernel wants for a message, as far as is known. */
size_t finode__connection_buffer(const struct session *s);

/*
 * Looks at a message of `got` bytes, which was read from `fd` into `room` bytes.
 * @return its size for libfuse, since it may have been translated; 0 if it is done with:
 * it was answered, or needs no answer
 */
size_t finode__connection_look(struct session *s, int fd, void *message, size_t got,
			       size_t room);

/*
 * Gives libfuse a message that was looked at; its operation runs here, and what that does
 * not answer is answered later, by whoever the author likes.
 */
void finode__connection_process(struct session *s, void *message, size_t size);

/*
 * The author's init() has returned: notifications are taken. The reply to INIT has been
 * written: they may go.
 */
void finode__connection_ready(struct session *s);
void finode__connection_answered(struct session *s);

/*
 * Reads and answers requests that nobody else will, until done(s) or the session's
 * deadline. Waits in small steps. @return false if the deadline has come
 */
bool finode__connection_drain(struct session *s, bool (*done)(struct session *s));

/* ---- The end ---- */

/* After the deadline: waits a little until done(s). @return false if that is never */
bool finode__connection_outlast(struct session *s, bool (*done)(struct session *s));
/* Ends it by force, with a line in the log that says what was waited for. */
void finode__connection_abort(struct session *s, const char *what);

#endif
