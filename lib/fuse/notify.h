/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notifications: a bounded queue, and a thread that writes it to the kernel.
 *
 * INVAL_ENTRY, EXPIRE and DELETE take the lock of the parent directory in the kernel, and
 * so wait for a LOOKUP there that the server has not answered (fuse_reverse_inval_entry()).
 * Therefore nobody but this thread writes them, it holds no lock meanwhile, and it is none
 * of those that answer requests.
 */
#ifndef FINODE_LIB_NOTIFY_H
#define FINODE_LIB_NOTIFY_H

#include "fuse/fuse.h"

int finode__notify_init(struct session *s);
/*
 * Starts the thread, once; by a thread that has the session's credentials, and after the
 * server has forked, if it does. @return 0 or an error
 */
int finode__notify_start(struct session *s);

/* Queues a message. @return 0, or what the calls of finode/fuse.h say */
int finode__notify_say(struct session *s, const struct saying *saying, const char *name);
int finode__notify_store(struct session *s, const struct saying *saying, const void *data,
			 size_t size);
int finode__notify_retrieve(struct session *s, const struct saying *saying,
			    uint64_t cookie);
/* Waits until all of them have been written. @return 0 or -ENOTCONN */
int finode__notify_flush(struct session *s);

/* The kernel has sent DESTROY: what waits was for somebody else. */
void finode__notify_drop(struct session *s);
/* The end of the connection: drops what waits, and sees the thread off. */
void finode__notify_stop(struct session *s);
/* Calls may still come: they find that the session has ended. */
void finode__notify_finish(struct session *s);
void finode__notify_stats(struct session *s, struct finode_session_stats *stats);

#endif
