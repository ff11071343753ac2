/* SPDX-License-Identifier: BSD-3-Clause */
/* Rename, exchange, and what they leave: guarantee G. */
#include "support/names_fixture.h"

#include <stdio.h>

static void test_g_rename_moves_replaces_and_drops(void **state)
{
	struct names_fixture n;
	struct finode *dir, *one, *other;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	one = make_file(&n, 20);
	other = make_file(&n, 21);
	must_add(n.root, "d", dir);
	must_add(n.root, "a", one);
	must_add(dir, "b", other);
	/* the same place: nothing to do */
	assert_int_equal(finode_alias_rename(dir, "b", dir, "b", 0), 0);
	assert_names(dir, "b", other);
	/* over an existing name */
	assert_int_equal(finode_alias_rename(n.root, "a", dir, "b", 0), 0);
	assert_names(n.root, "a", NULL);
	assert_names(dir, "b", one);
	assert_alias_count(other, 0);
	/* NOREPLACE and WHITEOUT: the backend has done it, whatever was believed */
	must_add(n.root, "a", other);
	assert_int_equal(
		finode_alias_rename(dir, "b", n.root, "a", FINODE_RENAME_NOREPLACE), 0);
	assert_names(n.root, "a", one);
	assert_int_equal(finode_alias_rename(n.root, "a", dir, "c", FINODE_RENAME_WHITEOUT),
			 0);
	assert_names(n.root, "a", NULL);
	assert_path(one, "/d/c");
	/* what is not known at the old name is not known at the new one either */
	assert_int_equal(finode_alias_rename(n.root, "x", dir, "c", 0), 0);
	assert_names(dir, "c", NULL);
	assert_int_equal(finode_alias_rename(n.root, "x", dir, "y", 0), 0);
	assert_int_equal(stats_of(&n.f).aliases, 1);
	assert_int_equal(stats_of(&n.f).aliases_moved, 3);
	assert_int_equal(stats_of(&n.f).aliases_removed, 2);
	assert_int_equal(stats_of(&n.f).aliases_stale, 1);
	finode_put(dir);
	finode_put(one);
	finode_put(other);
	names_finish(&n);
}

static void test_g_rename_of_a_directory_takes_what_is_below_along(void **state)
{
	struct names_fixture n;
	struct finode *a, *b, *file;

	(void)state;
	names_create(&n);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	file = make_file(&n, 20);
	must_add(n.root, "a", a);
	must_add(n.root, "b", b);
	must_add(a, "f", file);
	assert_int_equal(finode_alias_rename(n.root, "a", b, "c", 0), 0);
	assert_path(file, "/b/c/f");
	assert_alias_count(a, 1);
	/* onto its own ancestor: that one falls out of the tree, but there is no circle */
	assert_int_equal(finode_alias_rename(b, "c", n.root, "b", 0), 0);
	assert_path(file, "/b/f");
	assert_path(b, NULL);
	finode_put(a);
	finode_put(b);
	finode_put(file);
	names_finish(&n);
}

static void test_g_exchange_swaps_what_is_known(void **state)
{
	struct names_fixture n;
	struct finode *dir, *below, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	below = make_file(&n, 21);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "x", below);
	must_add(n.root, "f", file);
	assert_int_equal(
		finode_alias_rename(n.root, "d", n.root, "f", FINODE_RENAME_EXCHANGE), 0);
	assert_path(below, "/f/x");
	assert_path(file, "/d");
	/* one side unknown: the other moves, and leaves nothing known behind */
	assert_int_equal(finode_alias_rename(n.root, "d", dir, "y", FINODE_RENAME_EXCHANGE),
			 0);
	assert_path(file, "/f/y");
	assert_names(n.root, "d", NULL);
	assert_int_equal(finode_alias_rename(n.root, "q", dir, "y", FINODE_RENAME_EXCHANGE),
			 0);
	assert_path(file, "/q");
	assert_names(dir, "y", NULL);
	assert_int_equal(
		finode_alias_rename(n.root, "no", dir, "neither", FINODE_RENAME_EXCHANGE),
		0);
	assert_int_equal(stats_of(&n.f).aliases, 3);
	assert_int_equal(stats_of(&n.f).aliases_moved, 4);
	finode_put(dir);
	finode_put(below);
	finode_put(file);
	names_finish(&n);
}

static void test_rename_between_two_names_of_one_inode_leaves_both(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 20);
	must_add(n.root, "a", file);
	must_add(n.root, "b", file);
	assert_int_equal(finode_alias_rename(n.root, "a", n.root, "b", 0), 0);
	assert_names(n.root, "a", file);
	assert_names(n.root, "b", file);
	finode_put(file);
	names_finish(&n);
}

static void test_k_exchange_fails_cleanly_at_its_second_allocation(void **state)
{
	struct names_fixture n;
	struct finode *one, *other;

	(void)state;
	names_create(&n);
	one = make_file(&n, 20);
	other = make_file(&n, 21);
	must_add(n.root, "a", one);
	must_add(n.root, "b", other);
	for (long k = 0; k < 2; k++) {
		n.f.fail_after = k;
		assert_int_equal(finode_alias_rename(n.root, "a", n.root, "b",
						     FINODE_RENAME_EXCHANGE),
				 -ENOMEM);
		n.f.fail_after = -1;
		assert_names(n.root, "a", one);
		assert_names(n.root, "b", other);
	}
	finode_put(one);
	finode_put(other);
	names_finish(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_rename_moves_replaces_and_drops),
		cmocka_unit_test(test_g_rename_of_a_directory_takes_what_is_below_along),
		cmocka_unit_test(test_g_exchange_swaps_what_is_known),
		cmocka_unit_test(test_rename_between_two_names_of_one_inode_leaves_both),
		cmocka_unit_test(test_k_exchange_fails_cleanly_at_its_second_allocation),
	};

	return cmocka_run_group_tests_name("rename", tests, NULL, NULL);
}
