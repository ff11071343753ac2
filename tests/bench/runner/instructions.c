/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For callgrind: each operation in a region of its own, whose cost callgrind writes to a
 * file under the operation's name. One thread, no clock: the figures are the same each
 * time, within what the random seeds of hashes change.
 *
 * The loop around the operation is counted too, under the name "loop", to be taken off.
 */
#include <stdlib.h>

#include "heap.h"
#include "runner.h"

#ifdef BENCH_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION bench_die("built without callgrind's header")
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name_) ((void)(name_))
#endif

static void do_nothing(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		__asm__ volatile("" : : "r"(w->requests[i].id) : "memory");
}

static void do_lookup(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		w->requests[i].id = w->ops->lookup(w->table, &w->requests[i].key);
}

static void do_use(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		w->ops->use(w->table, w->requests[i].id);
}

static void do_forget(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		w->ops->forget(w->table, w->requests[i].id, 1);
}

static void region(const char *name, work_fn fn, struct work *work)
{
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	fn(work);
	CALLGRIND_DUMP_STATS_AT(name);
	CALLGRIND_STOP_INSTRUMENTATION;
}

void count_instructions(const struct bench_table *ops, uint64_t size, uint64_t requests)
{
	struct work work = {.ops = ops, .count = requests};

	heap_count_no_more();
	work.table = ops->create(false);
	work.requests = bench_alloc(requests * sizeof(*work.requests));
	for (uint64_t i = 0; i < size; i++) {
		struct bench_key key = key_of_file(i);

		ops->lookup(work.table, &key);
	}
	for (uint64_t i = 0; i < requests; i++)
		work.requests[i].key = key_of_file(i * 7919 % size);
	region("loop", do_nothing, &work);
	region("again", do_lookup, &work);
	region("get", do_use, &work);
	region("forget", do_forget, &work);
	for (uint64_t i = 0; i < requests; i++)
		work.requests[i].key = key_of_file(size + i);
	region("new", do_lookup, &work);
	region("evict", do_forget, &work);
	ops->evict_all(work.table);
	ops->destroy(work.table);
	free(work.requests);
}
