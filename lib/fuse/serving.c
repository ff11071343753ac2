/* SPDX-License-Identifier: BSD-3-Clause */
/* See serving.h. */
#include "fuse/serving.h"

#include <stddef.h>

static _Thread_local const struct session *serving;

const struct session *finode__serving(void)
{
	return serving;
}

void finode__serving_set(const struct session *s)
{
	serving = s;
}
