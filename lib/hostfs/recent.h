/* SPDX-License-Identifier: BSD-3-Clause */
/* How much was looked up in a directory lately. See lately.c. */
#ifndef HOSTFS_RECENT_H
#define HOSTFS_RECENT_H

#include <stdatomic.h>
#include <stdint.h>

#define LATELY_DIRS 4096

/* Zeroed: nothing. */
struct lately {
	_Atomic uint64_t dirs[LATELY_DIRS];
};

void hostfs__lately_looked_up(struct lately *lately, uint64_t dir);

/* @return how many times, since this was asked last; at most LATELY_MOST */
#define LATELY_MOST 0xffffu
uint32_t hostfs__lately_take(struct lately *lately, uint64_t dir);

#endif
