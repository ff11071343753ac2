/* SPDX-License-Identifier: BSD-3-Clause */
/* Recent look-ups of each directory. See recent.c. */
#ifndef HOSTFS_RECENT_H
#define HOSTFS_RECENT_H

#include <stdatomic.h>
#include <stdint.h>

#define RECENT_DIRS 4096

/* Zeroed: nothing. */
struct recent_lookups {
	_Atomic uint64_t dirs[RECENT_DIRS];
};

void hostfs__recent_add(struct recent_lookups *recent, uint64_t dir);

/* @return how many times, since this was asked last; at most RECENT_MOST */
#define RECENT_MOST 0xffffu
uint32_t hostfs__recent_take(struct recent_lookups *recent, uint64_t dir);

#endif
