/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A round of inodes: a table grows to its size; then, for each number of threads, requests
 * of every kind come in every pattern; then the session ends. Counts balance: what a
 * measurement looks up, a later one forgets, so the table is the same for all of them.
 *
 * Requests are made beforehand and read in order, as they come from the kernel: no cache
 * miss of the benchmark's own is in the figures.
 */
#include <stdlib.h>

#include "heap.h"
#include "runner.h"

#define CLOCK_EVERY 16	  /* lookups between two looks at the clock while a table grows */
#define BATCH	    128	  /* entries of a BATCH_FORGET */
#define NEW_MAX	    65536 /* inodes that come and go on top of the others */
#define NEW_MIN	    16384 /* .. in how many such requests, at least */

static const char *const pattern_names[] = {"sequential", "random", "hot"};

struct round {
	const struct bench_table *ops;
	const struct plan *plan;
	void *table;
	uint64_t *ids;
	struct request *requests; /* room for the largest measurement */
	struct work works[THREADS_MAX];
};

static void do_lookup(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		w->requests[i].id = w->ops->lookup(w->table, &w->requests[i].key);
}

static void do_use(struct work *w)
{
	int wrong = 0;

	for (uint64_t i = 0; i < w->count; i++)
		wrong |= w->ops->use(w->table, w->requests[i].id) ^
			 bench_fd(&w->requests[i].key);
	if (wrong)
		bench_die("an id leads to another inode");
}

static void do_forget(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++)
		w->ops->forget(w->table, w->requests[i].id, 1);
}

static void do_batch(struct work *w)
{
	struct bench_forget batch[BATCH];

	for (uint64_t i = 0; i < w->count;) {
		size_t n = 0;

		while (n < BATCH && i < w->count)
			batch[n++] = (struct bench_forget){w->requests[i++].id, 1};
		w->ops->forget_batch(w->table, batch, n);
	}
}

/* The requests of a measurement, a part for each thread. */
static void share(struct round *r, uint64_t count, unsigned int threads)
{
	for (unsigned int t = 0; t < threads; t++)
		r->works[t] = (struct work){
			.ops = r->ops,
			.table = r->table,
			.requests = r->requests + count * t / threads,
			.count = count * (t + 1) / threads - count * t / threads,
		};
}

static void measure(struct round *r, const char *op, const char *pattern, work_fn fn,
		    unsigned int threads, uint64_t count)
{
	uint64_t took = run_parallel(fn, r->works, threads);

	report(r->plan, op, pattern, threads, (double)took / (double)count);
}

static void aim(struct round *r, enum pattern pattern)
{
	uint64_t size = r->plan->size, state = 88172645463325252u;
	uint64_t hot = size / 100 ? size / 100 : 1;

	for (uint64_t i = 0; i < r->plan->requests; i++) {
		uint64_t k = i % size;

		if (pattern == RANDOM || (pattern == HOT && i % 10 == 0))
			k = random_below(&state, size);
		else if (pattern == HOT)
			k = random_below(&state, hot) * (size / hot);
		r->requests[i] = (struct request){key_of_file(k), r->ids[k]};
	}
}

/* What is in the table already. Every pattern with one thread; with more, those that miss
 * the caches and those that meet each other. */
static void known_inodes(struct round *r, unsigned int threads)
{
	for (enum pattern p = threads == 1 ? SEQUENTIAL : RANDOM; p <= HOT; p++) {
		uint64_t count = r->plan->requests;

		aim(r, p);
		share(r, count, threads);
		measure(r, "again", pattern_names[p], do_lookup, threads, count);
		measure(r, "get", pattern_names[p], do_use, threads, count);
		measure(r, "forget", pattern_names[p], do_forget, threads, count);
	}
}

/* What comes on top of it and goes again, with its last count. */
static void new_inodes(struct round *r, unsigned int threads)
{
	uint64_t size = r->plan->size, count = size < NEW_MAX ? size : NEW_MAX;
	uint64_t took[3] = {0}, done = 0;

	for (uint64_t i = 0; i < count; i++)
		r->requests[i] = (struct request){key_of_file(size + i), 0};
	share(r, count, threads);
	while (done < NEW_MIN) {
		took[0] += run_parallel(do_lookup, r->works, threads);
		took[1] += run_parallel(do_forget, r->works, threads);
		run_parallel(do_lookup, r->works, threads);
		took[2] += run_parallel(do_batch, r->works, threads);
		done += count;
	}
	report(r->plan, "new", "sequential", threads, (double)took[0] / (double)done);
	report(r->plan, "evict", "sequential", threads, (double)took[1] / (double)done);
	report(r->plan, "batch", "sequential", threads, (double)took[2] / (double)done);
}

static void grow(struct round *r)
{
	uint64_t size = r->plan->size, start = now_ns(), last = start, longest = 0;
	int64_t heap = heap_in_use();

	for (uint64_t i = 0; i < size; i++) {
		struct bench_key key = key_of_file(i);

		r->ids[i] = r->ops->lookup(r->table, &key);
		if (i % CLOCK_EVERY == CLOCK_EVERY - 1) {
			uint64_t now = now_ns();

			longest = now - last > longest ? now - last : longest;
			last = now;
		}
	}
	report(r->plan, "grow", "sequential", 1, (double)(now_ns() - start) / (double)size);
	report(r->plan, "longest", "sequential", 1, (double)longest);
	if (heap_is_counted())
		report(r->plan, "heap", "", 1,
		       (double)(heap_in_use() - heap) / (double)size);
}

static void end_session(struct round *r)
{
	uint64_t start = now_ns();

	r->ops->evict_all(r->table);
	report(r->plan, "evict-all", "", 1,
	       (double)(now_ns() - start) / (double)r->plan->size);
	if (r->ops->inodes(r->table) != 0)
		bench_die("the end of the session left inodes");
}

void round_of_inodes(const struct bench_table *ops, const struct plan *plan)
{
	uint64_t room = plan->requests > NEW_MAX ? plan->requests : NEW_MAX;
	struct round r = {.ops = ops, .plan = plan};

	r.ids = bench_alloc(plan->size * sizeof(*r.ids));
	r.requests = bench_alloc(room * sizeof(*r.requests));
	r.table = ops->create(false);
	grow(&r);
	for (unsigned int i = 0; i < 3 && plan->threads[i]; i++) {
		known_inodes(&r, plan->threads[i]);
		new_inodes(&r, plan->threads[i]);
	}
	if (ops->inodes(r.table) != plan->size)
		bench_die("inodes were lost or left over");
	end_session(&r);
	ops->destroy(r.table);
	free(r.requests);
	free(r.ids);
}
