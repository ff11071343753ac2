/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A round of names: N files in directories of 100, a name for each, names looked up, and
 * entries renamed to another name in another directory. Each thread has directories of its
 * own to rename from, and all of them to rename to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "runner.h"

#define PER_DIR 100

struct names {
	const struct bench_table *ops;
	const struct plan *plan;
	void *table;
	uint64_t *files, *dirs, dir_count;
	struct rename_request *renames;
	struct work works[THREADS_MAX];
};

/* Names as trees of sources have them: 5 to 20 bytes. */
static void name_file(char *name, size_t size, uint64_t i)
{
	static const char *const words[] = {"main", "readme", "test_of_names", "inode",
					    "Makefile.am"};

	snprintf(name, size, "%s%" PRIu64, words[i % 5], i % 1000003);
}

static uint64_t make(struct names *n, uint64_t ino, uint64_t dev)
{
	struct bench_key key = {ino, dev};

	return n->ops->lookup(n->table, &key);
}

static void make_inodes(struct names *n)
{
	for (uint64_t i = 0; i < n->dir_count; i++)
		n->dirs[i] = make(n, 1000 + i, DIRS_DEV);
	for (uint64_t i = 0; i < n->plan->size; i++) {
		struct bench_key key = key_of_file(i);

		n->files[i] = make(n, key.ino, key.dev);
	}
}

static void add_names(struct names *n)
{
	uint64_t size = n->plan->size, start = now_ns(), bytes = 0;
	int64_t heap = heap_in_use();
	char name[24];

	for (uint64_t i = 0; i < size; i++) {
		name_file(name, sizeof(name), i);
		bytes += strlen(name);
		n->ops->name_add(n->table, n->dirs[i / PER_DIR], name, n->files[i]);
	}
	report(n->plan, "name-add", "sequential", 1,
	       (double)(now_ns() - start) / (double)size);
	if (heap_is_counted())
		report(n->plan, "name-heap", "", 1,
		       (double)(heap_in_use() - heap - (int64_t)bytes) / (double)size);
}

/* File i goes from its own directory and name to another one, or comes back. */
static void aim(struct names *n, struct rename_request *to, uint64_t i, uint64_t *state)
{
	to->dir = n->dirs[i / PER_DIR];
	name_file(to->name, sizeof(to->name), i);
	to->newdir = n->dirs[random_below(state, n->dir_count)];
	snprintf(to->newname, sizeof(to->newname), "moved-%" PRIu64, i);
}

static void do_find(struct work *w)
{
	uint64_t found = 0;

	for (uint64_t i = 0; i < w->count; i++)
		found += w->ops->name_find(w->table, w->renames[i].dir,
					   w->renames[i].name) != 0;
	if (found != w->count)
		bench_die("a name is lost");
}

static void do_rename(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++) {
		const struct rename_request *r = &w->renames[i];

		w->ops->rename(w->table, r->dir, r->name, r->newdir, r->newname);
	}
}

static void do_rename_back(struct work *w)
{
	for (uint64_t i = 0; i < w->count; i++) {
		const struct rename_request *r = &w->renames[i];

		w->ops->rename(w->table, r->newdir, r->newname, r->dir, r->name);
	}
}

static void measure(struct names *n, unsigned int threads)
{
	uint64_t count =
		n->plan->requests < n->plan->size ? n->plan->requests : n->plan->size;
	uint64_t state = 88172645463325252u, took;
	uint64_t step = n->plan->size / count;

	/* A file once: the order in which one is renamed twice would be the threads'. */
	for (uint64_t i = 0; i < count; i++)
		aim(n, &n->renames[i], i * 7919 % count * step, &state);
	for (unsigned int t = 0; t < threads; t++)
		n->works[t] = (struct work){
			.ops = n->ops,
			.table = n->table,
			.renames = n->renames + count * t / threads,
			.count = count * (t + 1) / threads - count * t / threads,
		};
	took = run_parallel(do_find, n->works, threads);
	report(n->plan, "name-find", "random", threads, (double)took / (double)count);
	took = run_parallel(do_rename, n->works, threads);
	took += run_parallel(do_rename_back, n->works, threads);
	report(n->plan, "rename", "random", threads, (double)took / (double)(2 * count));
	run_parallel(do_find, n->works, 1);
}

void round_of_names(const struct bench_table *ops, const struct plan *plan)
{
	struct names n = {.ops = ops, .plan = plan};

	n.dir_count = (plan->size + PER_DIR - 1) / PER_DIR;
	n.files = bench_alloc(plan->size * sizeof(*n.files));
	n.dirs = bench_alloc(n.dir_count * sizeof(*n.dirs));
	n.renames = bench_alloc(plan->requests * sizeof(*n.renames));
	n.table = ops->create(true);
	make_inodes(&n);
	add_names(&n);
	for (unsigned int i = 0; i < 3 && plan->threads[i]; i++)
		measure(&n, plan->threads[i]);
	ops->evict_all(n.table);
	if (ops->inodes(n.table) != 0)
		bench_die("the end of the session left inodes with names");
	ops->destroy(n.table);
	free(n.renames);
	free(n.dirs);
	free(n.files);
}
