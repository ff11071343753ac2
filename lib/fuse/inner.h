/* SPDX-License-Identifier: BSD-3-Clause */
/* libfuse's sessions inside of one of ours: see inner.c. */
#ifndef FINODE_LIB_INNER_H
#define FINODE_LIB_INNER_H

#include <stdbool.h>

#include "fuse/fuse.h"

/*
 * Makes the first, s->base.fuse. Keeps copies of the arguments and of the operations, which
 * are `size` bytes. @return 0, or an error with nothing left behind
 */
int finode__inner_create(struct session *s, struct fuse_args *args,
			 const struct fuse_lowlevel_ops *ops, size_t size);

/* The first one's ways to the transport: by an fd, which it owns then; by custom io. */
int finode__inner_adopt(struct session *s, int fd);
int finode__inner_interpose(struct session *s);

/*
 * For an INIT after a DESTROY: the next one, connected as the first is. Does nothing for
 * the first INIT. @return 0 or an error, after which the one before it is still there
 */
int finode__inner_renew(struct session *s);

/* Gives libfuse a message. */
void finode__inner_process(struct session *s, const struct fuse_buf *buf);

/* Frees all of them. */
void finode__inner_destroy(struct session *s);

#endif
