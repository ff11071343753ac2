/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a well-formed request is: long enough for its opcode, with names that end in it and
 * counts that fit in it. libfuse believes all of these, which is right for a kernel's own
 * messages; from a guest they come as the guest likes.
 */
#ifndef FINODE_LIB_MESSAGE_H
#define FINODE_LIB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

struct fuse_in_header;

/*
 * What is wrong with a message of `size` bytes, at least a header's, in words; NULL if
 * nothing is. `setxattr_ext` tells whether FUSE_SETXATTR_EXT was negotiated.
 */
const char *finode__message_fault(const struct fuse_in_header *in, size_t size,
				  bool setxattr_ext);

/*
 * What a well-formed message asks for, clamped to what was agreed on: a READ or a listing
 * to `max_write` (0: nothing was yet), or what a kernel asks for anyway; values of extended
 * attributes to the most that there is.
 */
void finode__message_clamp(struct fuse_in_header *in, size_t max_write);

/* Does the kernel wait for a reply to it? */
bool finode__message_wants_reply(const struct fuse_in_header *in);

#endif
