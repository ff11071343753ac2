/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recent look-ups: how many names were looked up in a directory in the last ten seconds. A
 * process that looks at each file by its name and then lists the directory (git status)
 * needs no attributes with the listing, but the kernel cannot tell and asks for
 * READDIRPLUS. Entries that it has been told of by name are listed without attributes,
 * which costs no system call.
 *
 * This is a guess, and a wrong one costs a LOOKUP for an entry. So a few words do: one for
 * all directories whose nodeids are equal modulo RECENT_DIRS, which the last of them owns.
 * Updates that meet may lose one.
 *
 * A word is `nodeid / RECENT_DIRS: 24 | time: 24 | count: 16`, the time in eighths of a
 * second.
 */
#include "recent.h"

#include <stdbool.h>
#include <time.h>

#define RECENT_TICKS 80u /* ten seconds: a walk of a tree, and then its listing */
#define TICK_MASK    0xffffffu

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	return ((uint64_t)time.tv_sec * 8 + (uint64_t)time.tv_nsec / 125000000) & TICK_MASK;
}

static uint64_t word_of(uint64_t dir, uint64_t tick, uint64_t count)
{
	return dir / RECENT_DIRS << 40 | tick << 16 | count;
}

/* @return the count of a word if it is this directory's and recent */
static uint64_t count_of(uint64_t word, uint64_t dir, uint64_t tick)
{
	const bool same = (word ^ word_of(dir, 0, 0)) >> 40 == 0;
	const uint64_t age = (tick - (word >> 16)) & TICK_MASK;

	return same && age <= RECENT_TICKS ? word & RECENT_MOST : 0;
}

void hostfs__recent_add(struct recent_lookups *recent, uint64_t dir)
{
	_Atomic uint64_t *word = &recent->dirs[dir % RECENT_DIRS];
	const uint64_t tick = now();
	uint64_t count =
		count_of(atomic_load_explicit(word, memory_order_relaxed), dir, tick);

	count += count < RECENT_MOST;
	atomic_store_explicit(word, word_of(dir, tick, count), memory_order_relaxed);
}

uint32_t hostfs__recent_take(struct recent_lookups *recent, uint64_t dir)
{
	_Atomic uint64_t *word = &recent->dirs[dir % RECENT_DIRS];
	const uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
	const uint64_t count = count_of(before, dir, now());

	if (count)
		atomic_store_explicit(word, 0, memory_order_relaxed);
	return (uint32_t)count;
}
