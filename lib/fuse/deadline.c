/* SPDX-License-Identifier: BSD-3-Clause */
/* How long the end of a session may take: see deadline.h. */
#include "fuse/deadline.h"

#include <time.h>

#define END_TIMEOUT_MS 10000

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void finode__deadline_set(struct session *s)
{
	const unsigned int timeout =
		s->config.end_timeout_ms ? s->config.end_timeout_ms : END_TIMEOUT_MS;
	uint64_t none = 0;

	atomic_compare_exchange_strong(&s->deadline, &none, now_ms() + timeout);
}

unsigned int finode__deadline_left(const struct session *s)
{
	const uint64_t now = now_ms(), deadline = s->deadline;

	return deadline > now ? (unsigned int)(deadline - now) : 0;
}
