/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inode numbers where all mounts appear on one device: no two objects share one, one keeps
 * its own, and nothing is kept for any of them.
 */
#include "support/mounts_fixture.h"

#define DEV	 100u
#define PREFIXES 32768u /* prefix 0 is the first mount's */
#define DEVICES	 16u	/* of a mount that have prefixes */

static uint64_t shown(struct finode_mount *mount, uint64_t dev, uint64_t ino)
{
	uint64_t number = 0;

	assert_int_equal(finode_mount_ino(mount, dev, ino, &number), 0);
	assert_int_not_equal(number, 0);
	return number;
}

static bool has_prefix(uint64_t number)
{
	return number >> 63 == 0;
}

static uint64_t bytes_of(struct mounts_fixture *m)
{
	return stats_of(&m->f).bytes;
}

static void test_the_first_mount_keeps_its_numbers(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	assert_int_not_equal(shown(mount, DEV, 7), 7);
	for (uint64_t ino = 1; ino < 1ull << 48; ino *= 3)
		assert_int_equal(shown(m.first, DEV, ino), ino);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Every combination of a mount, a device and a number: all different, and the same again.
 */
static void test_no_two_objects_share_a_number(void **state)
{
	static const uint64_t inos[] = {1,
					2,
					7,
					(1ull << 48) - 1,
					1ull << 48,
					(1ull << 48) + 1,
					(1ull << 48) + 7,
					(7ull << 48) + 7,
					1ull << 63,
					UINT64_MAX - 1,
					UINT64_MAX};
	enum { INOS = sizeof(inos) / sizeof(inos[0]), MOUNTS = 4, DEVS = DEVICES + 4 };
	enum { ALL = MOUNTS * DEVS * INOS };
	uint64_t numbers[ALL], again[ALL];
	struct finode_mount *mounts[MOUNTS];
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	mounts[0] = m.first;
	for (int i = 1; i < MOUNTS; i++)
		mounts[i] = must_mount(&m, (uint64_t)i + 1);
	for (int pass = 0; pass < 2; pass++) {
		uint64_t *out = pass ? again : numbers;

		for (int i = 0; i < MOUNTS; i++)
			for (uint64_t dev = 0; dev < DEVS; dev++)
				for (int k = 0; k < INOS; k++)
					*out++ = shown(mounts[i], dev, inos[k]);
	}
	assert_memory_equal(numbers, again, sizeof(numbers));
	qsort(numbers, ALL, sizeof(numbers[0]), compare);
	for (int i = 1; i < ALL; i++)
		assert_int_not_equal(numbers[i - 1], numbers[i]);
	for (int i = 1; i < MOUNTS; i++)
		finode_mount_put(mounts[i]);
	mounts_finish(&m);
}

struct triple {
	uint64_t number, mount, dev, ino;
};

static void test_random_objects_share_no_number(void **state)
{
	enum { COUNT = 500000, MOUNTS = 20, DEVS = 2 * DEVICES };
	struct triple *triples = malloc(COUNT * sizeof(*triples));
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	struct finode_mount *mounts[MOUNTS];
	struct mounts_fixture m;

	(void)state;
	assert_non_null(triples);
	mounts_create(&m);
	mounts[0] = m.first;
	for (uint64_t i = 1; i < MOUNTS; i++)
		mounts[i] = must_mount(&m, i + 1);
	for (int i = 0; i < COUNT; i++) {
		struct triple *t = &triples[i];

		t->mount = next_random(&seed) % MOUNTS;
		t->dev = next_random(&seed) % DEVS;
		t->ino = 1 + (next_random(&seed) >> (next_random(&seed) % 63 + 1));
		t->number = shown(mounts[t->mount], t->dev, t->ino);
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(
			shown(mounts[triples[i].mount], triples[i].dev, triples[i].ino),
			triples[i].number);
	/* Small numbers come up more than once, and are to be the same then. */
	qsort(triples, COUNT, sizeof(*triples), compare);
	for (int i = 1; i < COUNT; i++)
		if (triples[i].number == triples[i - 1].number)
			assert_memory_equal(&triples[i], &triples[i - 1], sizeof(*triples));
	for (int i = 1; i < MOUNTS; i++)
		finode_mount_put(mounts[i]);
	mounts_finish(&m);
	free(triples);
}

/* However many there have been, of a filesystem with random numbers or of any other. */
static void test_nothing_is_kept_for_a_number(void **state)
{
	enum { RANDOM = 1000000, IN_A_ROW = 4000000 };
	uint64_t seed = 88172645463325252ull, before, number;
	struct finode_mount *mount;
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	before = bytes_of(&m);
	for (int i = 0; i < RANDOM; i++)
		m.broken +=
			finode_mount_ino(m.first, DEV, next_random(&seed), &number) != 0;
	assert_int_equal(bytes_of(&m), before);
	mount = must_mount(&m, 2);
	assert_true(has_prefix(shown(mount, DEV, 7)));
	before = bytes_of(&m);
	for (uint64_t i = 1; i <= IN_A_ROW; i++)
		m.broken += finode_mount_ino(mount, DEV, i, &number) != 0;
	assert_int_equal(bytes_of(&m), before);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* Random numbers and ever new devices take nothing from other mounts. */
static void test_no_mount_uses_up_the_prefixes(void **state)
{
	enum { COUNT = 70000, LATE = 1000 };
	uint64_t *numbers = malloc((COUNT + LATE) * sizeof(*numbers)), before = 0;
	uint64_t seed = 0x9e3779b97f4a7c15ull, prefixes = 0;
	struct finode_mount *mounts[LATE];
	struct mounts_fixture m;

	(void)state;
	assert_non_null(numbers);
	mounts_create(&m);
	mounts[0] = must_mount(&m, 2);
	for (uint64_t i = 0; i < COUNT; i++) {
		numbers[i] = shown(mounts[0], i, next_random(&seed) >> i % 64);
		prefixes += has_prefix(numbers[i]);
		if (i == COUNT / 2)
			before = bytes_of(&m);
	}
	assert_int_equal(bytes_of(&m), before);
	assert_int_equal(prefixes, DEVICES);
	for (uint64_t i = 1; i < LATE; i++) {
		mounts[i] = must_mount(&m, 2 + i);
		numbers[COUNT + i - 1] = shown(mounts[i], DEV, 7);
		assert_true(has_prefix(numbers[COUNT + i - 1]));
		assert_int_equal(numbers[COUNT + i - 1] & 0xffffffffffff, 7);
	}
	numbers[COUNT + LATE - 1] = shown(m.first, DEV, 7);
	assert_int_equal(numbers[COUNT + LATE - 1], 7);
	qsort(numbers, COUNT + LATE, sizeof(numbers[0]), compare);
	for (uint64_t i = 1; i < COUNT + LATE; i++)
		assert_int_not_equal(numbers[i - 1], numbers[i]);
	for (int i = 0; i < LATE; i++)
		finode_mount_put(mounts[i]);
	mounts_finish(&m);
	free(numbers);
}

/* ---- The same numbers again ---- */

/* What some objects of a mount are shown as: with and without prefixes. */
static uint64_t *show_some(struct finode_mount *mount, uint64_t *out)
{
	for (uint64_t dev = 0; dev < DEVICES + 4; dev++) {
		*out++ = shown(mount, DEV + dev, 7);
		*out++ = shown(mount, DEV + dev, 7ull << 48);
	}
	return out;
}

/* A mount that was forgotten, and comes again, has the numbers that it had. */
static void test_a_mount_that_comes_again_has_its_numbers(void **state)
{
	enum { MOUNTS = 100, EACH = 2 * (DEVICES + 4) };
	uint64_t numbers[MOUNTS * EACH], again[MOUNTS * EACH], firsts[MOUNTS], equal = 0;
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	for (int pass = 0; pass < 2; pass++) {
		uint64_t *out = pass ? again : numbers;

		for (uint64_t i = 0; i < MOUNTS; i++) {
			struct finode_mount *mount = must_mount(&m, 2 + i);

			firsts[i] = *out = shown(mount, DEV, 7);
			out = show_some(mount, out);
			finode_mount_put(mount);
		}
	}
	assert_memory_equal(numbers, again, sizeof(numbers));
	/* They never met; but it would be a poor choice to give all the same. */
	qsort(firsts, MOUNTS, sizeof(firsts[0]), compare);
	for (int i = 1; i < MOUNTS; i++)
		equal += firsts[i] == firsts[i - 1];
	assert_true(equal <= 2);
	mounts_finish(&m);
}

/* What was asked before, other random numbers here, makes no difference. */
static void test_another_run_has_the_same_numbers(void **state)
{
	enum { EACH = 2 * (DEVICES + 4) };
	uint64_t numbers[2 * EACH], again[2 * EACH];

	(void)state;
	for (uint64_t run = 0; run < 2; run++) {
		uint64_t *out = run ? again : numbers, seed = run + 1;
		struct mounts_fixture m;
		struct finode_mount *mount;

		mounts_create(&m);
		mount = must_mount(&m, 2);
		for (int i = 0; i < 1000; i++)
			shown(mount, DEV, next_random(&seed) | 1ull << 48);
		show_some(mount, show_some(m.first, out));
		finode_mount_put(mount);
		mounts_finish(&m);
	}
	assert_memory_equal(numbers, again, sizeof(numbers));
}

static void first_mount_has_another_id(struct finode_config *config)
{
	config->root_mount_id = (struct finode_mount_id){{5, 6}};
}

/* The source of a server may be mounted anew, under another id. */
static void test_the_first_mounts_id_does_not_count(void **state)
{
	enum { EACH = 2 * (DEVICES + 4) };
	uint64_t numbers[EACH], again[EACH];
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	show_some(m.first, numbers);
	mounts_finish(&m);
	mounts_create_with(&m, first_mount_has_another_id);
	show_some(m.first, again);
	mounts_finish(&m);
	assert_memory_equal(numbers, again, sizeof(numbers));
}

/* ---- More mounts than prefixes ---- */

/* @return how many of the mounts have prefixes; no two of them may share a number */
static uint64_t count_prefixes(struct finode_mount **mounts, uint64_t *numbers,
			       uint64_t count)
{
	uint64_t prefixes = 0;

	for (uint64_t i = 0; i < count; i++) {
		numbers[i] = shown(mounts[i], DEV, 7);
		prefixes += has_prefix(numbers[i]);
	}
	qsort(numbers, count, sizeof(numbers[0]), compare);
	for (uint64_t i = 1; i < count; i++)
		assert_int_not_equal(numbers[i - 1], numbers[i]);
	return prefixes;
}

static void test_more_mounts_than_prefixes(void **state)
{
	enum { MOUNTS = 40000 };
	struct finode_mount **mounts = malloc(MOUNTS * sizeof(struct finode_mount *));
	uint64_t *numbers = malloc(MOUNTS * sizeof(*numbers));
	struct mounts_fixture m;

	(void)state;
	assert_non_null(mounts);
	assert_non_null(numbers);
	mounts_create(&m);
	shown(m.first, DEV, 7);
	for (int pass = 0; pass < 2; pass++) { /* all are free again in the second */
		for (uint64_t i = 0; i < MOUNTS; i++)
			mounts[i] = must_mount(&m, 2 + i);
		assert_int_equal(count_prefixes(mounts, numbers, MOUNTS), PREFIXES - 1);
		for (uint64_t i = 0; i < MOUNTS; i++)
			finode_mount_put(mounts[i]);
	}
	mounts_finish(&m);
	free(numbers);
	free(mounts);
}

/* A device that got no prefix never has one, though there may be some later. */
static void test_a_number_stays_when_prefixes_come_free(void **state)
{
	struct finode_mount **mounts = malloc(PREFIXES * sizeof(struct finode_mount *));
	struct finode_mount *mount;
	struct mounts_fixture m;
	uint64_t number;

	(void)state;
	assert_non_null(mounts);
	mounts_create(&m);
	for (uint64_t i = 1; i < PREFIXES; i++) {
		mounts[i] = must_mount(&m, 2 + i);
		assert_true(has_prefix(shown(mounts[i], DEV, 7)));
	}
	mount = must_mount(&m, 2);
	number = shown(mount, DEV, 7);
	assert_false(has_prefix(number));
	for (uint64_t i = 1; i < PREFIXES; i++)
		finode_mount_put(mounts[i]);
	assert_int_equal(shown(mount, DEV, 7), number);
	assert_true(has_prefix(shown(mount, DEV + 1, 7)));
	finode_mount_put(mount);
	mount = must_mount(&m, 2);
	assert_true(has_prefix(shown(mount, DEV, 7)));
	finode_mount_put(mount);
	mounts_finish(&m);
	free(mounts);
}

/* ---- Callbacks, memory, threads ---- */

static int init_result;

static int asks_in_init(struct finode_mount *base, void *arg)
{
	(void)arg;
	assert_int_equal(shown(base, DEV, 7), 7);
	shown(base, DEV + 1, 7);
	return init_result;
}

static const struct finode_mount_ops asking_ops = {
	FINODE_MOUNT_OPS_FOR(struct place, base),
	.init = asks_in_init,
};

static void first_mount_asks(struct finode_config *config)
{
	config->mount_ops = &asking_ops;
}

static void test_init_of_the_first_mount_may_ask(void **state)
{
	struct mounts_fixture m;
	struct where first;

	(void)state;
	init_result = 0;
	mounts_create_with(&m, first_mount_asks);
	assert_int_equal(shown(m.first, DEV, 7), 7);
	mounts_finish(&m);
	init_result = -EIO;
	mounts_prepare(&m, &first);
	first_mount_asks(&m.f.config);
	assert_int_equal(fixture_start(&m.f), -EIO);
	assert_int_equal(m.f.live_allocations, 0);
}

/* Asks with memory for 0, 1, .. allocations. @return with how many there is a number */
static long allocations_for(struct mounts_fixture *m, struct finode_mount *mount,
			    uint64_t dev)
{
	const uint64_t before = bytes_of(m);

	for (long n = 0;; n++) {
		uint64_t number = 1;
		int err;

		m->f.fail_after = n;
		err = finode_mount_ino(mount, dev, 7, &number);
		m->f.fail_after = -1;
		if (!err)
			return n;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(number, 0);
		assert_int_equal(bytes_of(m), before);
	}
}

/* Only what is new needs memory: a table's first prefix, a mount's second device. */
static void test_k_a_number_fails_cleanly_at_every_allocation(void **state)
{
	struct finode_mount *mount;
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	assert_int_equal(allocations_for(&m, m.first, DEV), 0);
	assert_int_equal(allocations_for(&m, m.first, DEV + 1), 2);
	mounts_finish(&m);

	mounts_create(&m);
	mount = must_mount(&m, 2);
	assert_int_equal(allocations_for(&m, mount, DEV), 1);
	assert_int_equal(allocations_for(&m, mount, DEV + 1), 1);
	for (uint64_t dev = DEV; dev < DEV + 2 * DEVICES; dev++)
		assert_int_equal(allocations_for(&m, mount, dev), 0);
	m.f.fail_after = 0;
	shown(mount, DEV + 3 * DEVICES, 7ull << 48);
	m.f.fail_after = -1;
	finode_mount_put(mount);
	mounts_finish(&m);
}

struct asking {
	struct mounts_fixture m;
	struct finode_mount *mount;
	_Atomic uint64_t numbers[2 * DEVICES][2];
};

/* Whoever is first, all get the same. */
static void asks_for_numbers(void *arg, unsigned int number)
{
	struct asking *a = arg;

	for (uint64_t i = 0; i < 40000; i++) {
		const uint64_t dev = (i / 2 + number) % (2ull * DEVICES), high = i % 2;
		uint64_t known = 0, now;

		if (finode_mount_ino(a->mount, dev, high << 48 | 7, &now) != 0 ||
		    (!atomic_compare_exchange_strong(&a->numbers[dev][high], &known, now) &&
		     known != now))
			a->m.broken++;
	}
}

static void test_many_threads_ask_at_once(void **state)
{
	struct asking a = {0};

	(void)state;
	mounts_create(&a.m);
	for (uint64_t round = 0; round < 20; round++) {
		a.mount = must_mount(&a.m, 2 + round);
		memset(a.numbers, 0, sizeof(a.numbers));
		run_threads(4, asks_for_numbers, &a);
		finode_mount_put(a.mount);
	}
	mounts_finish(&a.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_mount_keeps_its_numbers),
		cmocka_unit_test(test_no_two_objects_share_a_number),
		cmocka_unit_test(test_random_objects_share_no_number),
		cmocka_unit_test(test_nothing_is_kept_for_a_number),
		cmocka_unit_test(test_no_mount_uses_up_the_prefixes),
		cmocka_unit_test(test_a_mount_that_comes_again_has_its_numbers),
		cmocka_unit_test(test_another_run_has_the_same_numbers),
		cmocka_unit_test(test_the_first_mounts_id_does_not_count),
		cmocka_unit_test(test_more_mounts_than_prefixes),
		cmocka_unit_test(test_a_number_stays_when_prefixes_come_free),
		cmocka_unit_test(test_init_of_the_first_mount_may_ask),
		cmocka_unit_test(test_k_a_number_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_many_threads_ask_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
