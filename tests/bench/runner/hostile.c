/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A round of hostile input: a table is filled with keys (or a directory with names) of one
 * set, and all are looked up again. What takes longer than LIMIT_NS is stopped there, and
 * the figure is that of the requests so far: at least so slow is it. Nothing is cleaned up;
 * the round's process ends, since that might take for ever too.
 */
#include <stdlib.h>

#include "runner.h"

#define LIMIT_NS   500000000u
#define LOOK_EVERY 64

typedef void (*hostile_fn)(void *state, uint64_t i);

/* @return how many were done */
static uint64_t run(const struct plan *plan, const char *op, const char *set, hostile_fn fn,
		    void *state, uint64_t count)
{
	uint64_t start = now_ns(), took = 0, i;

	for (i = 0; i < count && took < LIMIT_NS; i++) {
		fn(state, i);
		if (i % LOOK_EVERY == LOOK_EVERY - 1)
			took = now_ns() - start;
	}
	took = now_ns() - start;
	report(plan, op, set, 1, (double)took / (double)i);
	return i;
}

struct keys {
	const struct bench_table *ops;
	void *table;
	struct bench_key *keys;
};

static void look_key_up(void *state, uint64_t i)
{
	struct keys *k = state;

	k->ops->lookup(k->table, &k->keys[i]);
}

void round_of_hostile_keys(const struct bench_table *ops, const char *set,
			   const struct plan *plan)
{
	struct keys k = {.ops = ops};
	uint64_t done;

	k.keys = bench_alloc(plan->size * sizeof(*k.keys));
	hostile_keys(set, k.keys, plan->size);
	k.table = ops->create(false);
	done = run(plan, "key-new", set, look_key_up, &k, plan->size);
	run(plan, "key-again", set, look_key_up, &k, done);
	report(plan, "key-done", set, 1, (double)done);
	if (ops->inodes(k.table) != done)
		bench_die("hostile keys were taken for each other");
}

struct names {
	const struct bench_table *ops;
	void *table;
	char (*names)[HOSTILE_NAME_MAX];
	uint64_t *ids, dir;
};

static void add_name(void *state, uint64_t i)
{
	struct names *n = state;

	n->ops->name_add(n->table, n->dir, n->names[i], n->ids[i]);
}

static void look_name_up(void *state, uint64_t i)
{
	struct names *n = state;

	if (n->ops->name_find(n->table, n->dir, n->names[i]) != n->ids[i])
		bench_die("a hostile name was taken for another one");
}

void round_of_hostile_names(const struct bench_table *ops, const char *set,
			    const struct plan *plan)
{
	struct bench_key dir = {1000, DIRS_DEV};
	struct names n = {.ops = ops};
	uint64_t done;

	n.names = bench_alloc(plan->size * sizeof(*n.names));
	n.ids = bench_alloc(plan->size * sizeof(*n.ids));
	hostile_names(set, n.names, plan->size);
	n.table = ops->create(true);
	n.dir = ops->lookup(n.table, &dir);
	for (uint64_t i = 0; i < plan->size; i++) {
		struct bench_key key = key_of_file(i);

		n.ids[i] = ops->lookup(n.table, &key);
	}
	done = run(plan, "name-new", set, add_name, &n, plan->size);
	run(plan, "name-again", set, look_name_up, &n, done);
	report(plan, "name-done", set, 1, (double)done);
}
