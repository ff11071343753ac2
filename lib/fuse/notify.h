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

#include "finode/fuse.h"

struct session;

int finode__notify_init(struct session *s);
/* The end of the connection: drops what waits, and sees the thread off. */
void finode__notify_stop(struct session *s);
void finode__notify_finish(struct session *s);
void finode__notify_stats(struct session *s, struct finode_session_stats *stats);

#endif
