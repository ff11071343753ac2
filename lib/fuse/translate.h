/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations that this libfuse does not know: TMPFILE before 3.17, STATX before 3.18,
 * SYNCFS in all that there are.
 *
 * libfuse answers an unknown opcode with ENOSYS, and nobody else can make a fuse_req_t. So
 * such a request is translated, before libfuse sees it, into one that it knows and that
 * has room for the arguments; the session's own operation, in the place of the author's,
 * recognises it and calls the author's callback with the libfuse request:
 *
 *   TMPFILE  a CREATE of the name "/": the layout is the same, and no CREATE has that name
 *   STATX, SYNCFS  an IOCTL with the opcode as its command, and a flag that no ioctl has
 */
#ifndef FINODE_LIB_TRANSLATE_H
#define FINODE_LIB_TRANSLATE_H

#include "fuse/fuse.h"

/* Takes the place of operations of the author's, in the session's copy of them. */
void finode__translate_install(struct session *s, struct fuse_lowlevel_ops *ops);

/*
 * Translates a message in place if it is one of those. It may grow: `room` is what there
 * is. Returns its size from then on.
 */
size_t finode__translate(const struct session *s, void *message, size_t size, size_t room);

/* This thread's libfuse has seen the message. */
void finode__translate_end(void);

#endif
