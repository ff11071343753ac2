/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a table whose author has left references behind, or objects that hold each
 * other in a circle: each is reported and evicted exactly once (guarantee J), and whatever
 * their evict()s use and put of each other is still there. Linked with the core as users
 * have it: builds with FINODE_DEBUG abort at the first mistake.
 */
#include "support/mounts_fixture.h"
#include "support/names_fixture.h"

#include <stdio.h>

/* By the number of an object: what it holds, and how often it was evicted. */
enum { NUMBERS = 1100 };
static struct finode *held[NUMBERS], *borrowed[NUMBERS];
static struct finode_file *held_file[NUMBERS];
static struct finode_alias *held_alias[NUMBERS];
static struct finode_mount *held_mount[NUMBERS];
static unsigned int evicted[NUMBERS];

static void put_all(struct finode *base)
{
	struct object *object = object_of(base);
	const uint64_t number = object->value;

	evicted[number]++;
	if (borrowed[number] && object_of(borrowed[number])->fixture != object->fixture)
		object->fixture->broken++;
	finode_put(held[number]);
	finode_file_put(held_file[number]);
	finode_alias_put(held_alias[number]);
	finode_mount_put(held_mount[number]);
}

static void forget_what_is_held(void)
{
	memset(held, 0, sizeof(held));
	memset(borrowed, 0, sizeof(borrowed));
	memset(held_file, 0, sizeof(held_file));
	memset(held_alias, 0, sizeof(held_alias));
	memset(held_mount, 0, sizeof(held_mount));
	memset(evicted, 0, sizeof(evicted));
}

static void start(struct names_fixture *n, bool names)
{
	forget_what_is_held();
	names_init(n);
	n->f.config.aliases = names;
	assert_int_equal(names_start(n), 0);
	n->f.in_evict = put_all;
}

/* Destroys it, and asserts how many mistakes were reported. */
static void finish(struct fixture *f, unsigned int mistakes)
{
	assert_table_clean(f);
	finode_table_destroy(f->table);
	assert_int_equal(f->errors, mistakes);
	assert_int_equal(f->inits, f->evicts);
	assert_int_equal(f->broken, 0);
	assert_int_equal(f->live_allocations, 0);
	for (unsigned int i = 0; i < NUMBERS; i++)
		assert_true(evicted[i] <= 1);
}

static void test_j_inodes_that_hold_each_other_in_a_circle(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int names = 0; names < 2; names++) {
		start(&n, names);
		for (uint64_t i = 100; i < 1100; i++)
			held[i] = make_dir(&n, i);
		for (uint64_t i = 100; i < 1100; i++)
			borrowed[i] = held[100 + (i * 7) % 1000];
		/* Circles of ten: each object holds the one before, the first the last. */
		for (uint64_t i = 100; i < 1100; i += 10) {
			struct finode *last = held[i + 9];

			memmove(&held[i + 1], &held[i], 9 * sizeof(held[0]));
			held[i] = last;
		}
		/* All of a circle are held when the first is taken, and let go by that. */
		finish(&n.f, 100);
		assert_int_equal(n.f.evicts, 1001);
	}
}

/* The root holds 2, and that holds the root. */
static void test_j_a_circle_through_the_root(void **state)
{
	struct names_fixture n;

	(void)state;
	start(&n, true);
	held[1] = make_dir(&n, 2);
	held[2] = finode_hold(n.root);
	finish(&n.f, 1);
}

static void leak_a_directory(struct names_fixture *n)
{
	for (uint64_t i = 3; i < 100; i++) {
		held[i - 1] = make_dir(n, i);
		borrowed[i] = n->root;
		borrowed[i - 1] = held[i - 1];
	}
	make_dir(n, 2);
	borrowed[1] = held[50];
}

/* A chain of directories, the first of which somebody has forgotten to put. */
static void test_j_what_hangs_on_a_reference_that_is_left_ends_with_it(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int names = 0; names < 2; names++) {
		start(&n, names);
		leak_a_directory(&n);
		assert_table_clean(&n.f);
		finode_table_destroy(n.f.table);
		assert_true(n.f.errors >= 1);
		assert_int_equal(n.f.evicts, 99);
		assert_int_equal(n.f.broken, 0);
		assert_int_equal(n.f.live_allocations, 0);
	}
}

/* A file, a name and an inode of which the object of an inode in a circle has hold. */
static void test_j_files_and_names_held_in_a_circle(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		const uint64_t a = turn ? 3 : 2, b = turn ? 2 : 3;
		struct finode *inodes[2];

		start(&n, true);
		for (uint64_t i = 2; i < 4; i++) {
			inodes[i - 2] = make_dir(&n, i);
			must_add(n.root, i == 2 ? "two" : "three", inodes[i - 2]);
		}
		/* a holds a file and the name of b, b holds a */
		held[b] = inodes[a - 2];
		assert_int_equal(finode_file_open(inodes[b - 2], &n.f, &held_file[a]), 0);
		held_alias[a] = alias_of(n.root, b == 2 ? "two" : "three");
		assert_non_null(held_alias[a]);
		finode_put(inodes[b - 2]);
		finode_table_destroy(n.f.table);
		assert_true(n.f.errors >= 2); /* the file, and one of the two */
		assert_int_equal(n.f.releases, 1);
		assert_int_equal(n.f.evicts, 3);
		assert_int_equal(n.f.live_allocations, 0);
	}
}

/* It holds its inode and its directory, the root. */
static void test_j_a_name_that_is_left(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	start(&n, true);
	file = make_file(&n, 2);
	must_add(n.root, "a", file);
	must_add(n.root, "b", file);
	finode_alias_next(file, NULL);
	finode_put(file);
	finish(&n.f, 2);
}

/* ---- Mounts ---- */

static struct finode *mount_holds[NUMBERS];
static struct finode_mount *mount_holds_mount[NUMBERS];

static void mount_puts(struct finode_mount *mount)
{
	const uint64_t number = place_of(mount)->value;

	finode_put(mount_holds[number]);
	finode_mount_put(mount_holds_mount[number]);
}

static void start_mounts(struct mounts_fixture *m)
{
	forget_what_is_held();
	memset(mount_holds, 0, sizeof(mount_holds));
	memset(mount_holds_mount, 0, sizeof(mount_holds_mount));
	mounts_create(m);
	m->in_evict = mount_puts;
	m->f.in_evict = put_all;
}

static void finish_mounts(struct mounts_fixture *m, unsigned int mistakes)
{
	finish(&m->f, mistakes);
	assert_int_equal(m->inits, m->evicts);
	assert_int_equal(m->broken, 0);
}

/*
 * The object of a mount holds the directory that it covers; the root's object holds an
 * inode in it, and an inode's a mount: nobody's mistake.
 */
static void test_j_mounts_that_hold_inodes_and_are_held_by_them(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;

	(void)state;
	start_mounts(&m);
	mount = must_mount(&m, 2);
	mount_holds[2] = must_obtain_in(&m, m.first, 20, S_IFDIR);
	held[1] = must_obtain_in(&m, mount, 1000, S_IFDIR);
	mount_holds[3] = must_obtain_in(&m, m.first, 30, S_IFDIR);
	held_mount[20] = must_mount(&m, 3);
	borrowed[20] = held[1];
	borrowed[30] = mount_holds[2];
	finode_mount_put(mount);
	finish_mounts(&m, 0);
}

/* 2 to 49 in a chain: inode, mount, inode, .. */
static void test_j_a_chain_of_inodes_and_mounts(void **state)
{
	struct mounts_fixture m;
	struct finode *last;

	(void)state;
	start_mounts(&m);
	last = must_obtain_in(&m, m.first, 900, S_IFREG);
	for (uint64_t i = 2; i < 500; i++) {
		struct finode_mount *mount = must_mount(&m, i);

		mount_holds[i] = last;
		last = must_obtain_in(&m, mount, i, S_IFREG);
		finode_mount_put(mount);
	}
	assert_int_equal(m.evicts, 0);
	finode_put(last);
	assert_int_equal(m.evicts, 498);
	assert_int_equal(m.f.evicts, 499);
	finish_mounts(&m, 0);
}

/* The mounts that are left hold an inode, and one another; an inode in them is left too. */
static void test_j_mounts_that_are_left(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *two, *three;

	(void)state;
	start_mounts(&m);
	two = must_mount(&m, 2);
	three = must_mount(&m, 3);
	mount_holds[2] = must_obtain_in(&m, m.first, 20, S_IFDIR);
	mount_holds[3] = must_obtain_in(&m, two, 21, S_IFDIR);
	mount_holds_mount[2] = finode_mount_hold(three);
	mount_holds_mount[3] = finode_mount_hold(two);
	must_obtain_in(&m, three, 22, S_IFDIR);
	finode_mount_put(two);
	finode_mount_put(three);
	finode_table_destroy(m.f.table);
	assert_true(m.f.errors >= 2);
	assert_int_equal(m.f.evicts, 4);
	assert_int_equal(m.evicts, 3);
	assert_int_equal(m.broken, 0);
	assert_int_equal(m.f.live_allocations, 0);
}

/* ---- Mistakes that are still seen ---- */

static void put_twice(struct finode *base)
{
	const uint64_t number = object_of(base)->value;

	finode_put(held[number]);
	finode_put(held[number]);
}

/* As long as nothing was taken from anybody, a put too many is one. */
static void test_a_put_too_many_is_reported_while_a_table_ends(void **state)
{
	struct names_fixture n;

	(void)state;
	start(&n, false);
	n.f.in_evict = put_twice;
	held[2] = make_dir(&n, 3);
	finode_count(held[2], 1);
	finode_put(held[2]);
	held[2] = n.root; /* which it does not hold, and the table does */
	finode_put(make_dir(&n, 2));
	assert_int_equal(n.f.errors, 2);
	held[1] = make_dir(&n, 4);
	finish(&n.f, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_j_inodes_that_hold_each_other_in_a_circle),
		cmocka_unit_test(test_j_a_circle_through_the_root),
		cmocka_unit_test(
			test_j_what_hangs_on_a_reference_that_is_left_ends_with_it),
		cmocka_unit_test(test_j_files_and_names_held_in_a_circle),
		cmocka_unit_test(test_j_a_name_that_is_left),
		cmocka_unit_test(test_j_mounts_that_hold_inodes_and_are_held_by_them),
		cmocka_unit_test(test_j_a_chain_of_inodes_and_mounts),
		cmocka_unit_test(test_j_mounts_that_are_left),
		cmocka_unit_test(test_a_put_too_many_is_reported_while_a_table_ends),
	};

#ifdef FINODE_DEBUG
	puts("SKIPPED: with FINODE_DEBUG nothing follows a mistake");
	return sizeof(tests) == 0;
#endif
	return cmocka_run_group_tests_name("end_held", tests, NULL, NULL);
}
