/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does a table do what all of them do? The same random requests go to each, beside a model
 * of two arrays; then threads make and forget the same inodes at once. A benchmark of
 * tables that do not agree would compare nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "runner.h"

#define INODES	      1000
#define STEPS	      50000
#define SHARED	      256
#define SHARED_ROUNDS 20

struct model {
	const struct bench_table *ops;
	void *table;
	uint64_t ids[INODES], counts[INODES], known;
};

static void expect(const struct bench_table *ops, bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "bench_tables: %s: %s\n", ops->name, what);
	exit(1);
}

static void step_lookup(struct model *m, uint64_t i)
{
	struct bench_key key = key_of_file(i);
	uint64_t id = m->ops->lookup(m->table, &key);

	expect(m->ops, id != 0, "a look-up gave no id");
	expect(m->ops, m->counts[i] == 0 || id == m->ids[i], "one inode has two ids");
	m->known += m->counts[i] == 0;
	m->ids[i] = id;
	m->counts[i]++;
}

static void step_use(struct model *m, uint64_t i)
{
	struct bench_key key = key_of_file(i);
	int wanted = m->counts[i] ? bench_fd(&key) : -1;

	/* An id that was given back may be another inode's by now, where ids are reused. */
	if (m->counts[i])
		expect(m->ops, m->ops->use(m->table, m->ids[i]) == wanted,
		       "an id leads elsewhere");
	if (m->ops->checked_ids)
		expect(m->ops, m->ops->use(m->table, UINT64_MAX - i) == -1,
		       "an id that nobody gave out leads somewhere");
}

static void step_forget(struct model *m, uint64_t i, uint64_t all, bool batch)
{
	uint64_t n = all ? m->counts[i] : 1;
	struct bench_forget one = {m->ids[i], n};

	if (m->counts[i] == 0)
		return;
	if (batch)
		m->ops->forget_batch(m->table, &one, 1);
	else
		m->ops->forget(m->table, m->ids[i], n);
	m->counts[i] -= n;
	m->known -= m->counts[i] == 0;
}

static void against_model(const struct bench_table *ops)
{
	struct model *m = bench_alloc(sizeof(*m));
	uint64_t state = 88172645463325252u;

	m->ops = ops;
	m->table = ops->create(false);
	for (unsigned int s = 0; s < STEPS; s++) {
		uint64_t i = random_below(&state, INODES), what = random_next(&state);

		if (what % 4 < 2)
			step_lookup(m, i);
		else if (what % 4 == 2)
			step_use(m, i);
		else
			step_forget(m, i, what >> 8 & 1, what >> 9 & 1);
		if (s % 1000 == 0)
			expect(ops, ops->inodes(m->table) == m->known,
			       "there are more or fewer inodes than the kernel knows");
	}
	ops->evict_all(m->table);
	expect(ops, ops->inodes(m->table) == 0, "the end of the session left inodes");
	ops->destroy(m->table);
	free(m);
}

static void look_up_and_forget(struct work *w)
{
	for (unsigned int round = 0; round < SHARED_ROUNDS; round++) {
		for (uint64_t i = 0; i < w->count; i++) {
			struct bench_key key = key_of_file(i);

			w->requests[i].id = w->ops->lookup(w->table, &key);
			if (w->ops->use(w->table, w->requests[i].id) != bench_fd(&key))
				bench_die("an id leads elsewhere");
		}
		for (uint64_t i = 0; i < w->count; i++)
			w->ops->forget(w->table, w->requests[i].id, 1);
	}
}

static void with_threads(const struct bench_table *ops)
{
	struct work works[THREADS_MAX];
	void *table = ops->create(false);

	for (unsigned int t = 0; t < THREADS_MAX; t++)
		works[t] = (struct work){
			.ops = ops,
			.table = table,
			.count = SHARED,
			.requests = bench_alloc(SHARED * sizeof(struct request))};
	run_parallel(look_up_and_forget, works, THREADS_MAX);
	expect(ops, ops->inodes(table) == 0, "threads left inodes that nobody knows");
	ops->evict_all(table);
	ops->destroy(table);
	for (unsigned int t = 0; t < THREADS_MAX; t++)
		free(works[t].requests);
}

static void with_names(const struct bench_table *ops)
{
	struct bench_key dirs[2] = {{1000, DIRS_DEV}, {1001, DIRS_DEV}};
	struct bench_key files[2] = {key_of_file(0), key_of_file(1)};
	void *table = ops->create(true);
	uint64_t a = ops->lookup(table, &dirs[0]), b = ops->lookup(table, &dirs[1]);
	uint64_t one = ops->lookup(table, &files[0]), two = ops->lookup(table, &files[1]);

	ops->name_add(table, a, "one", one);
	ops->name_add(table, b, "two", two);
	expect(ops, ops->name_find(table, a, "one") == one, "a name is lost");
	expect(ops, ops->name_find(table, b, "one") == 0, "a name is everywhere");
	ops->rename(table, a, "one", b, "two");
	expect(ops, ops->name_find(table, a, "one") == 0, "a renamed name is still there");
	expect(ops, ops->name_find(table, b, "two") == one, "a renamed name is lost");
	ops->evict_all(table);
	expect(ops, ops->inodes(table) == 0, "names keep inodes after the session");
	ops->destroy(table);
}

void check_agreement(const struct bench_table *ops)
{
	against_model(ops);
	with_threads(ops);
	if (ops->rename)
		with_names(ops);
}
