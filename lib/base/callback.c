/* SPDX-License-Identifier: BSD-3-Clause */
/* See callback.h. */
#include "base/callback.h"

static _Thread_local const struct callback_frame *frames;

void finode__callback_begin(struct callback_frame *frame, const void *object)
{
	*frame = (struct callback_frame){object, frames};
	frames = frame;
}

void finode__callback_end(const struct callback_frame *frame)
{
	frames = frame->outer;
}

bool finode__in_callback_for(const void *object)
{
	for (const struct callback_frame *frame = frames; frame; frame = frame->outer)
		if (frame->object == object)
			return true;
	return false;
}
