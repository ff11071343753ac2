/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which session's operation this thread is in, and has not answered, as far as can be told:
 * a reply by finode_reply_*() is seen, and one by fuse_reply_*() where libfuse writes
 * through the session.
 */
#ifndef FINODE_LIB_SERVING_H
#define FINODE_LIB_SERVING_H

struct session;

const struct session *finode__serving(void);
void finode__serving_set(const struct session *s);

#endif
