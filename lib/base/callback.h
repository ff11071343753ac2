/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose init() or evict() runs on this thread, innermost first: to wait for the end of one
 * of them would be to wait for oneself.
 */
#ifndef FINODE_LIB_CALLBACK_H
#define FINODE_LIB_CALLBACK_H

#include <stdbool.h>

/* On the stack of whoever calls the author. */
struct callback_frame {
	const void *object; /* an inode or a mount */
	const struct callback_frame *outer;
};

void finode__callback_begin(struct callback_frame *frame, const void *object);
void finode__callback_end(const struct callback_frame *frame);

bool finode__in_callback_for(const void *object);

#endif
