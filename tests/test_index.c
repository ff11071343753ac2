/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of one shard, against a plain array that knows what is in it. */
#include "support/fixture.h"

#include "core/index.h"

#define MOST 4000

/* What the index is to hold, and an allocator that can be told to fail. */
struct world {
	struct index index;
	uint32_t hashes[MOST + 1]; /* by number */
	bool in[MOST + 1];
	struct finode_allocator allocator;
	uint64_t bytes;
	long live, fail_after;
};

static void *allocate(size_t size, void *user)
{
	struct world *w = user;

	if (w->fail_after == 0)
		return NULL;
	w->fail_after -= w->fail_after > 0;
	w->live++;
	return calloc(1, size);
}

static void release(void *ptr, void *user)
{
	struct world *w = user;

	w->live--;
	free(ptr);
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->allocator = (struct finode_allocator){allocate, release, w};
	w->fail_after = -1;
}

static void world_finish(struct world *w)
{
	finode__index_finish(&w->index, &w->allocator, &w->bytes);
	assert_int_equal(w->live, 0);
	assert_int_equal(w->bytes, 0);
}

static bool finds(const struct world *w, uint32_t number)
{
	size_t cell = index_home(&w->index, w->hashes[number]);
	uint32_t found;

	if (w->index.used == 0)
		return false;
	do
		found = index_search(&w->index, w->hashes[number], &cell);
	while (found != 0 && found != number);
	return found == number;
}

/* Everything that is in it is found and walked, once, and nothing else. */
static void assert_whole(const struct world *w)
{
	bool walked[MOST + 1] = {false};
	uint32_t count = 0, number;
	size_t cursor = 0;

	while ((number = finode__index_next(&w->index, &cursor))) {
		assert_true(number <= MOST && w->in[number] && !walked[number]);
		walked[number] = true;
	}
	for (number = 1; number <= MOST; number++) {
		assert_int_equal(walked[number], w->in[number]);
		if (w->in[number] != (w->hashes[number] != 0 && finds(w, number)))
			fail_msg("number %u is%s found", number,
				 w->in[number] ? " not" : "");
		count += w->in[number];
	}
	assert_int_equal(w->index.used, count);
}

static int add(struct world *w, uint32_t number)
{
	int err = finode__index_add(&w->index, w->hashes[number], number, &w->allocator,
				    &w->bytes);

	w->in[number] = w->in[number] || !err;
	return err;
}

static void take_out(struct world *w, uint32_t number)
{
	finode__index_remove(&w->index, w->hashes[number], number, &w->allocator,
			     &w->bytes);
	w->in[number] = false;
}

static uint32_t random_hash(uint64_t *random)
{
	return (uint32_t)(next_random(random) >> 16) | 1;
}

/* Hashes in full chunks, as runs of inode numbers have. */
static void choose_hashes(struct world *w, bool chunks)
{
	uint64_t random = 0x9e3779b97f4a7c15u, chunk = 0;

	for (uint32_t i = 1; i <= MOST; i++) {
		if (i % INDEX_CHUNK == 1 || !chunks)
			chunk = next_random(&random);
		w->hashes[i] = chunks ? index_hash(chunk | 8, (unsigned char)i)
				      : random_hash(&random);
	}
}

static void fill_and_empty(bool chunks, int order)
{
	static struct world w;
	uint32_t number;

	world_init(&w);
	choose_hashes(&w, chunks);
	for (uint32_t i = 1; i <= MOST; i++) {
		assert_int_equal(add(&w, i), 0);
		if (i % 97 == 0 || i < 40)
			assert_whole(&w);
	}
	for (uint32_t i = 0; i < MOST; i++) {
		number = order == 0 ? i + 1 : order == 1 ? MOST - i : i * 1231 % MOST + 1;
		take_out(&w, number);
		if (i % 97 == 0 || i > MOST - 40)
			assert_whole(&w);
	}
	world_finish(&w);
}

static void test_what_is_added_is_found_and_what_is_removed_is_not(void **state)
{
	(void)state;
	for (int order = 0; order < 3; order++) {
		fill_and_empty(true, order);
		fill_and_empty(false, order);
	}
}

/* The six entries that one line takes, in every order of removal. */
static void remove_in_order(const uint32_t *hashes, uint32_t order)
{
	static struct world w;
	uint32_t left[6] = {1, 2, 3, 4, 5, 6};

	world_init(&w);
	for (uint32_t i = 1; i <= 6; i++) {
		w.hashes[i] = hashes[i - 1];
		assert_int_equal(add(&w, i), 0);
	}
	assert_int_equal(w.index.lines, 1);
	for (uint32_t count = 6; count > 0; count--) {
		uint32_t which = order % count;

		order /= count;
		take_out(&w, left[which]);
		left[which] = left[count - 1];
		assert_whole(&w);
	}
	world_finish(&w);
}

static void test_every_order_of_removal_closes_the_holes(void **state)
{
	/* in cells: one after the other; all in one; over the end; crossed */
	static const uint32_t sets[][6] = {
		{8, 1, 2, 3, 4, 5},   {3, 11, 19, 27, 35, 43}, {6, 14, 7, 15, 22, 23},
		{7, 15, 8, 23, 1, 9}, {5, 13, 6, 14, 7, 8},    {2, 1, 10, 9, 18, 17},
	};

	(void)state;
	for (size_t set = 0; set < sizeof(sets) / sizeof(sets[0]); set++)
		for (uint32_t order = 0; order < 720; order++)
			remove_in_order(sets[set], order);
}

static void test_entries_come_and_go_at_random(void **state)
{
	static struct world w;
	uint64_t random = 88172645463325252u;

	(void)state;
	world_init(&w);
	choose_hashes(&w, true);
	for (int step = 0; step < 100000; step++) {
		/* Waves, so that it grows and shrinks. */
		uint32_t span = step / 10000 % 2 ? 100 : MOST;
		uint32_t number = (uint32_t)(next_random(&random) >> 8) % MOST + 1;

		if (w.in[number] && (number > span || step % 2))
			take_out(&w, number);
		else if (!w.in[number] && number <= span)
			assert_int_equal(add(&w, number), 0);
		if (step % 1000 == 0)
			assert_whole(&w);
	}
	assert_whole(&w);
	world_finish(&w);
}

static void test_equal_hashes_are_told_apart_by_who_asks(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 1; i <= 40; i++) {
		w.hashes[i] = 0xfffffff7;
		assert_int_equal(add(&w, i), 0);
		assert_whole(&w);
	}
	for (uint32_t i = 1; i <= 40; i++) {
		take_out(&w, i * 17 % 41);
		assert_whole(&w);
	}
	world_finish(&w);
}

static void test_a_chunk_has_one_line_and_a_cell_for_each_key(void **state)
{
	static struct world w;
	uint64_t random = 88172645463325252u;

	(void)state;
	world_init(&w);
	choose_hashes(&w, false);
	for (uint32_t i = 1; i <= MOST; i++) {
		uint64_t hash = next_random(&random);
		size_t line;
		uint8_t cells = 0;

		assert_int_equal(add(&w, i), 0);
		line = index_home(&w.index, index_hash(hash, 0)) / INDEX_LINE;
		for (unsigned int k = 0; k < INDEX_CHUNK; k++) {
			size_t home =
				index_home(&w.index, index_hash(hash, (unsigned char)k));

			assert_true(home < index_cells(&w.index));
			assert_int_equal(home / INDEX_LINE, line);
			cells |= (uint8_t)(1 << home % INDEX_LINE);
		}
		assert_int_equal(__builtin_popcount(cells), INDEX_CHUNK);
	}
	assert_int_equal((uintptr_t)w.index.cells % 64, 0);
	world_finish(&w);
}

static void test_k_growth_that_fails_changes_nothing(void **state)
{
	static struct world w;
	unsigned int failures = 0;

	(void)state;
	world_init(&w);
	choose_hashes(&w, true);
	for (uint32_t i = 1; i <= MOST; i++) {
		uint64_t bytes = w.bytes;

		w.fail_after = 0;
		if (add(&w, i) == 0)
			continue;
		failures++;
		assert_int_equal(w.bytes, bytes);
		assert_whole(&w);
		w.fail_after = 1;
		assert_int_equal(add(&w, i), 0);
		assert_whole(&w);
	}
	assert_true(failures > 15);
	/* A removal needs no memory; an addition that would rather shrink goes on without.
	 */
	w.fail_after = 0;
	for (uint32_t i = MOST; i > 10; i--)
		take_out(&w, i);
	assert_whole(&w);
	assert_int_equal(add(&w, 11), 0);
	assert_whole(&w);
	world_finish(&w);
}

static void test_what_has_held_many_gives_memory_back(void **state)
{
	static struct world w;
	uint64_t full;

	(void)state;
	world_init(&w);
	choose_hashes(&w, true);
	for (uint32_t i = 1; i <= MOST; i++)
		assert_int_equal(add(&w, i), 0);
	full = w.bytes;
	assert_true(full < (uint64_t)MOST * 17); /* at most a half more than 8 / 0.75 */
	for (uint32_t i = MOST; i > 100; i--)
		take_out(&w, i);
	assert_int_equal(add(&w, 101), 0);
	assert_whole(&w);
	assert_true(w.bytes < full / 10);
	for (uint32_t i = 102; i < 1000; i++)
		assert_int_equal(add(&w, i), 0);
	for (uint32_t i = 1; i < 1000; i++)
		take_out(&w, i);
	assert_int_equal(w.bytes, 0);
	assert_int_equal(add(&w, 1), 0);
	assert_whole(&w);
	take_out(&w, 1);
	assert_int_not_equal(w.bytes, 0); /* a little is kept for the next one */
	world_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_added_is_found_and_what_is_removed_is_not),
		cmocka_unit_test(test_every_order_of_removal_closes_the_holes),
		cmocka_unit_test(test_entries_come_and_go_at_random),
		cmocka_unit_test(test_equal_hashes_are_told_apart_by_who_asks),
		cmocka_unit_test(test_a_chunk_has_one_line_and_a_cell_for_each_key),
		cmocka_unit_test(test_k_growth_that_fails_changes_nothing),
		cmocka_unit_test(test_what_has_held_many_gives_memory_back),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
