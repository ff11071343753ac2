/* SPDX-License-Identifier: BSD-3-Clause */
/* What INIT offers and what is asked for: see init.c. */
#ifndef FINODE_LIB_INIT_H
#define FINODE_LIB_INIT_H

#include "fuse/fuse.h"

struct fuse_in_header;
struct fuse_init_out;

/* An INIT has come, or DESTROY: what the one before it has said is over. */
void finode__init_learn(struct session *s, const struct fuse_in_header *in);
void finode__init_forget(struct session *s);

/* Before and after the author's init(). */
void finode__init_begins(struct session *s, struct fuse_conn_info *conn);
void finode__init_ends(struct session *s, struct fuse_conn_info *conn);

/* Adds to the reply to INIT what libfuse leaves out. */
void finode__init_complete(struct session *s, struct fuse_init_out *out);

#endif
