/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages that the kernel was asked for: RETRIEVE is answered by a message of its own, which
 * is found again by the number that it was asked with. libfuse's own numbers are small.
 */
#ifndef FINODE_LIB_RETRIEVE_H
#define FINODE_LIB_RETRIEVE_H

#include <stdbool.h>

#include "fuse/fuse.h"

struct fuse_in_header;

/* Is the answer to one of ours? */
bool finode__retrieve_is_ours(uint64_t unique);

/* Notes one that is to be asked for. @return its number; 0 without memory */
uint64_t finode__retrieve_begin(struct session *s, uint64_t nodeid, off_t off,
				uint64_t cookie);

/*
 * It is over: hands the author what has come; NULL if nothing will. Once for each, whoever
 * is first.
 */
void finode__retrieve_end(struct session *s, uint64_t unique, const void *data,
			  size_t size);

/* It was not asked for after all: the author is not told. */
void finode__retrieve_cancel(struct session *s, uint64_t unique);

/* A NOTIFY_REPLY that is ours, and well-formed. */
void finode__retrieve_answered(struct session *s, const struct fuse_in_header *in);

/* The connection has ended: nothing comes any more. */
void finode__retrieve_end_all(struct session *s);

#endif
