/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inode numbers where all mounts appear on one device: no two objects share one, and one
 * keeps its own.
 */
#include "support/mounts_fixture.h"

#include "core/mount.h"

#define DEV 100u

static uint64_t shown(struct finode_mount *mount, uint64_t dev, uint64_t ino)
{
	uint64_t number = 0;

	assert_int_equal(finode_mount_ino(mount, dev, ino, &number), 0);
	assert_int_not_equal(number, 0);
	return number;
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
	enum { INOS = sizeof(inos) / sizeof(inos[0]), MOUNTS = 4, DEVS = 3 };
	uint64_t numbers[MOUNTS * DEVS * INOS], again[MOUNTS * DEVS * INOS];
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
	qsort(numbers, sizeof(numbers) / sizeof(numbers[0]), sizeof(numbers[0]), compare);
	for (int i = 1; i < MOUNTS * DEVS * INOS; i++)
		assert_int_not_equal(numbers[i - 1], numbers[i]);
	for (int i = 1; i < MOUNTS; i++)
		finode_mount_put(mounts[i]);
	mounts_finish(&m);
}

/* A filesystem whose numbers are random uses up the prefixes, and goes on without. */
static void test_numbers_that_need_all_their_bits(void **state)
{
	enum { COUNT = 70000 };
	uint64_t *numbers = malloc(COUNT * sizeof(*numbers)), seed = 0x9e3779b97f4a7c15ull;
	uint64_t first_seed = seed;
	struct finode_mount *mount, *late;
	struct mounts_fixture m;

	(void)state;
	assert_non_null(numbers);
	mounts_create(&m);
	mount = must_mount(&m, 2);
	for (uint64_t i = 0; i < COUNT;
	     i++) /* each has high bits, or a device, of its own */
		numbers[i] = shown(mount, i / 65536, i << 48 | (next_random(&seed) >> 16));
	for (uint64_t i = 0; i < COUNT; i++)
		assert_int_equal(numbers[i],
				 shown(mount, i / 65536,
				       i << 48 | (next_random(&first_seed) >> 16)));
	late = must_mount(&m, 3); /* there is no prefix left for it */
	assert_int_equal(shown(late, DEV, 7), shown(late, DEV, 7));
	assert_int_not_equal(shown(late, DEV, 7), shown(late, DEV, 8));
	for (uint64_t i = 0; i < COUNT; i++)
		assert_int_not_equal(numbers[i], shown(late, DEV, 7));
	qsort(numbers, COUNT, sizeof(numbers[0]), compare);
	for (int i = 1; i < COUNT; i++)
		assert_int_not_equal(numbers[i - 1], numbers[i]);
	finode_mount_put(late);
	finode_mount_put(mount);
	/* All are free again. */
	assert_int_equal(m.f.table->mounts.prefixes_used, 0);
	mount = must_mount(&m, 2);
	assert_true(shown(mount, DEV, 7) >> 48 < 0xffff);
	finode_mount_put(mount);
	mounts_finish(&m);
	free(numbers);
}

/* A mount that was forgotten, and comes again, has the numbers that it had. */
static void test_a_mount_that_comes_again_has_its_numbers(void **state)
{
	struct finode_mount *mount;
	struct mounts_fixture m;
	uint64_t numbers[100], equal = 0;

	(void)state;
	mounts_create(&m);
	for (uint64_t pass = 0; pass < 2; pass++) {
		for (uint64_t i = 0; i < 100; i++) {
			mount = must_mount(&m, 2 + i);
			if (pass == 0)
				numbers[i] = shown(mount, DEV, 7);
			assert_int_equal(shown(mount, DEV, 7), numbers[i]);
			finode_mount_put(mount);
		}
	}
	/* They never met; but it would be a poor choice to give all the same. */
	qsort(numbers, 100, sizeof(numbers[0]), compare);
	for (int i = 1; i < 100; i++)
		equal += numbers[i] == numbers[i - 1];
	assert_true(equal <= 2);
	mounts_finish(&m);
}

static void asks_for_numbers(void *arg, unsigned int number)
{
	struct mounts_fixture *m = arg;
	struct finode_mount *mount;
	uint64_t before = 0, now;

	(void)number;
	if (mount_obtain(m, m->first, 2, &mount) < 0) {
		m->broken++;
		return;
	}
	for (uint64_t i = 0; i < 20000; i++) {
		const uint64_t high = i % 5 << 48;

		if (finode_mount_ino(mount, i % 2, high | 7, &now) != 0 ||
		    (now & 0xff) != 7 || now == before)
			m->broken++;
		before = now;
	}
	finode_mount_put(mount);
}

static void test_many_threads_ask_at_once(void **state)
{
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	run_threads(4, asks_for_numbers, &m);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_mount_keeps_its_numbers),
		cmocka_unit_test(test_no_two_objects_share_a_number),
		cmocka_unit_test(test_numbers_that_need_all_their_bits),
		cmocka_unit_test(test_a_mount_that_comes_again_has_its_numbers),
		cmocka_unit_test(test_many_threads_ask_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
