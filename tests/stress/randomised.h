/* SPDX-License-Identifier: BSD-3-Clause */
/* What the modes of the randomised test share: see randomised.c. */
#ifndef TESTS_RANDOMISED_H
#define TESTS_RANDOMISED_H

#include "support/fixture.h"

#define THREADS 4

enum mode { MODE_TABLE, MODE_THREADS, MODE_FUSE, MODE_MOUNTS, MODES };
/* Shared with the processes that run: how much was done. */
struct totals {
	_Atomic uint64_t steps[MODES], messages, failed_allocations;
};
extern struct totals *totals;

static inline uint64_t spread(uint64_t seed)
{
	return seed * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
}

/* Tells what is wrong. @return false */
bool complain(const char *text);

/* sessions.c: the modes with a libfuse session. Each returns true if all was well. */
bool run_fuse(uint64_t seed, uint64_t steps);
bool run_mounts(uint64_t seed, uint64_t steps);

#endif
