/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names are current (guarantee G): what other clients of the backend rename and remove is
 * seen by look-ups only, which tell how many links an inode has. It keeps as many names as
 * that, the last that were seen, and what is not true any more holds no directory.
 */
#include "support/names_fixture.h"

#include <stdio.h>

static void seen(struct finode *dir, const char *name, struct finode *inode, uint64_t nlink)
{
	assert_int_equal(finode_alias_add(dir, name, inode, nlink), 0);
}

/* The names of an inode in the order of a walk: "c b a". */
static void assert_order(struct finode *inode, const char *expected)
{
	struct finode_alias *alias = NULL;
	char text[200] = "";

	while ((alias = finode_alias_next(inode, alias))) {
		if (text[0])
			strcat(text, " ");
		strcat(text, alias->name);
	}
	assert_string_equal(text, expected);
}

/* ---- Files that others rename ---- */

enum { RENAMES = 100000 };

/* d0/n -> d1/n -> ..: each is looked up, and the directories are forgotten at once. */
static void test_g_a_file_that_others_rename_has_one_name_the_newest(void **state)
{
	struct names_fixture n;
	struct finode *file, *dir;
	char name[32], path[64];
	uint64_t before = 0;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	for (uint64_t i = 0; i < RENAMES; i++) {
		dir = make_dir(&n, 1000 + i);
		snprintf(name, sizeof(name), "d%llu", (unsigned long long)i);
		seen(n.root, name, dir, 2);
		seen(dir, "n", file, 1);
		finode_put(dir);
		if (i == 10)
			before = stats_of(&n.f).bytes;
		if (i % 20000 != 0)
			continue;
		snprintf(path, sizeof(path), "/%s/n", name);
		assert_path(file, path);
		assert_alias_count(file, 1);
		assert_table_clean(&n.f);
	}
	assert_path(file, "/d99999/n");
	assert_int_equal(stats_of(&n.f).aliases, 2);
	assert_int_equal(stats_of(&n.f).inodes, 3);
	assert_int_equal(stats_of(&n.f).aliases_stale, RENAMES - 1);
	assert_int_equal(n.f.evicts, RENAMES - 1);
	/* But for a few ended ones that debug builds keep, which are not counted. */
	assert_true(stats_of(&n.f).bytes < before + 4096);
	finode_put(file);
	assert_int_equal(stats_of(&n.f).inodes, 1);
	names_finish(&n);
}

/* ---- Hardlinks ---- */

static void test_g_two_links_have_two_names(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	seen(n.root, "a", file, 1);
	seen(n.root, "b", file, 2);
	assert_order(file, "b a");
	seen(n.root, "a", file, 2); /* seen again, so the newest */
	assert_order(file, "a b");
	seen(n.root, "c", file,
	     2); /* one of the others was renamed to it: the oldest goes */
	assert_order(file, "c a");
	assert_names(n.root, "b", NULL);
	seen(n.root, "c", file, 2);
	assert_order(file, "c a");
	assert_int_equal(stats_of(&n.f).aliases_stale, 1);
	finode_put(file);
	names_finish(&n);
}

static void test_g_the_oldest_of_many_names_go_first(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	seen(n.root, "a", file, 3);
	seen(n.root, "b", file, 3);
	seen(n.root, "c", file, 3);
	seen(n.root, "a", file, 3);
	assert_order(file, "a c b");
	seen(n.root, "d", file, 3);
	assert_order(file, "d a c");
	seen(n.root, "e", file, 4);
	assert_order(file, "e d a c");
	seen(n.root, "c", file,
	     2); /* two have gone, which is seen by a name that is known */
	assert_order(file, "c e");
	seen(n.root, "e", file, 1);
	assert_order(file, "e");
	assert_int_equal(stats_of(&n.f).aliases, 1);
	assert_table_clean(&n.f);
	finode_put(file);
	names_finish(&n);
}

static void test_g_no_link_count_is_none_that_is_small(void **state)
{
	struct names_fixture n;
	struct finode *file;
	char name[16];

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		seen(n.root, name, file, 0);
	}
	assert_alias_count(file, 20);
	seen(n.root, "n3", file, 0);
	assert_alias_count(file, 20);
	seen(n.root, "n3", file, UINT64_MAX);
	assert_alias_count(file, 20);
	seen(n.root, "n3", file, 2);
	assert_order(file, "n3 n19");
	finode_put(file);
	names_finish(&n);
}

/* The inode has the name, but not in this directory. */
static void test_g_equal_names_in_two_directories_are_two(void **state)
{
	struct names_fixture n;
	struct finode *file, *dir;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	dir = make_dir(&n, 3);
	seen(n.root, "d", dir, 2);
	seen(dir, "f", file, 1);
	finode_put(dir);
	seen(n.root, "f", file, 1);
	assert_path(file, "/f");
	assert_int_equal(n.f.evicts, 1); /* its directory, which nothing else held */
	assert_int_equal(stats_of(&n.f).aliases, 1);
	finode_put(file);
	names_finish(&n);
}

/* ---- What is not trimmed ---- */

/* However many links a directory is said to have, it has one name. */
static void test_g_directories_have_the_name_that_was_seen_last(void **state)
{
	struct names_fixture n;
	struct finode *dir, *below;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 2);
	below = make_dir(&n, 3);
	seen(n.root, "a", dir, 1);
	seen(dir, "b", below, 1);
	seen(n.root, "x", dir, 40);
	assert_order(dir, "x");
	assert_path(below, "/x/b");
	seen(n.root, "x", dir, 1);
	assert_path(below, "/x/b");
	assert_int_equal(stats_of(&n.f).aliases_moved, 1);
	finode_put(dir);
	finode_put(below);
	names_finish(&n);
}

static struct finode *must_obtain_at(struct names_fixture *n, const char *name,
				     int expected)
{
	struct what what = {.fixture = &n->f, .value = 7};
	struct finode *inode = NULL;
	bool created;

	assert_int_equal(finode_obtain_at(n->root, name, S_IFREG, &what, &inode, &created),
			 0);
	assert_int_equal(created, expected == WAS_CREATED);
	return inode;
}

/* Its names are all that an inode of finode_obtain_at() has. */
static void test_g_inodes_that_are_known_by_name_keep_their_names(void **state)
{
	struct names_fixture n;
	struct finode *file, *again;

	(void)state;
	names_create(&n);
	file = must_obtain_at(&n, "a", WAS_CREATED);
	seen(n.root, "b", file, 1);
	seen(n.root, "c", file, 1);
	seen(n.root, "b", file, 1);
	assert_order(file, "b c a");
	again = must_obtain_at(&n, "a", WAS_FOUND);
	assert_ptr_equal(again, file);
	finode_put(again);
	finode_put(file);
	names_finish(&n);
}

/* ---- Dropped ---- */

static void test_g_a_dropped_name_is_another_inodes_when_it_is_asked_for(void **state)
{
	struct names_fixture n;
	struct finode *file, *new, *found;

	(void)state;
	names_create(&n);
	file = must_obtain_at(&n, "a", WAS_CREATED);
	finode_count(file, 1);
	assert_int_equal(finode_alias_drop(n.root, "a", NULL), 0);
	assert_int_equal(stats_of(&n.f).aliases_stale, 1);
	assert_names(n.root, "a", NULL);
	assert_path(file, NULL);
	new = must_obtain_at(&n, "a", WAS_CREATED);
	assert_ptr_not_equal(new, file);
	assert_int_equal(finode_alias_drop(n.root, "a", file), -ENOENT); /* not its name */
	assert_names(n.root, "a", new);

	/* The old one is usable, by its nodeid too, and not retired: it may get a name. */
	found = finode_get(n.f.table, file->nodeid);
	assert_ptr_equal(found, file);
	finode_put(found);
	assert_int_equal(object_of(file)->canary, OBJECT_CANARY);
	assert_int_equal(stats_of(&n.f).retired, 0);
	assert_table_clean(&n.f);
	seen(n.root, "b", file, 1);
	found = must_obtain_at(&n, "b", WAS_FOUND);
	assert_ptr_equal(found, file);
	finode_put(found);
	assert_int_equal(finode_alias_drop(n.root, "b", file), 0);
	finode_put(file);
	assert_int_equal(n.f.evicts, 0); /* the kernel has it */
	finode_forget(n.f.table, file->nodeid, 1);
	assert_int_equal(n.f.evicts, 1);
	finode_put(new);
	names_finish(&n);
}

/* With one of two names gone it is found by the other. */
static void test_g_one_of_two_names_is_dropped(void **state)
{
	struct names_fixture n;
	struct finode *file, *found;

	(void)state;
	names_create(&n);
	file = must_obtain_at(&n, "a", WAS_CREATED);
	seen(n.root, "b", file, 2);
	assert_int_equal(finode_alias_drop(n.root, "a", file), 0);
	found = must_obtain_at(&n, "b", WAS_FOUND);
	assert_ptr_equal(found, file);
	finode_put(found);
	finode_put(file);
	names_finish(&n);
}

/* ---- Beside others ---- */

static void test_g_a_walk_may_stand_on_a_name_that_is_trimmed(void **state)
{
	struct names_fixture n;
	struct finode_alias *alias;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	seen(n.root, "a", file, 3);
	seen(n.root, "b", file, 3);
	seen(n.root, "c", file, 3);
	alias = finode_alias_next(file, finode_alias_next(file, NULL));
	assert_string_equal(alias->name, "b");
	seen(n.root, "c", file, 1);
	assert_string_equal(alias->name, "b");
	assert_order(file, "c");
	assert_null(finode_alias_next(file, alias));
	assert_int_equal(stats_of(&n.f).aliases, 1);
	/* What is held is no name: it does not count. */
	alias = alias_of(n.root, "c");
	assert_int_equal(finode_alias_remove(n.root, "c"), 0);
	seen(n.root, "x", file, 2);
	seen(n.root, "y", file, 2);
	assert_order(file, "y x");
	finode_alias_put(alias);
	finode_put(file);
	names_finish(&n);
}

static void test_k_trimming_needs_no_memory(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 2);
	seen(n.root, "a", file, 3);
	seen(n.root, "b", file, 3);
	n.f.fail_after = 0;
	assert_int_equal(finode_alias_add(n.root, "c", file, 1), -ENOMEM);
	assert_order(file, "b a"); /* nothing has changed */
	seen(n.root, "a", file, 1);
	n.f.fail_after = -1;
	assert_order(file, "a");
	finode_put(file);
	names_finish(&n);
}

enum { FILES = 6, DIRS = 4 };

struct crowd {
	struct names_fixture n;
	struct finode *files[FILES], *dirs[DIRS];
	_Atomic unsigned int failures;
};

/* Look-ups with any link count, beside what others do to the same names and directories. */
static void look_and_change(void *arg, unsigned int number)
{
	struct crowd *c = arg;
	uint64_t random = 77 + number;

	for (int i = 0; i < 6000; i++) {
		uint64_t r = next_random(&random);
		struct finode *file = c->files[r % FILES];
		struct finode *dir = c->dirs[(r >> 8) % DIRS];
		const char name[2] = {(char)('a' + (r >> 16) % 5), '\0'};
		int err;

		switch ((r >> 24) % 8) {
		case 0:
			finode_alias_remove(dir, name);
			break;
		case 1:
			err = finode_alias_rename(dir, name, c->dirs[r % DIRS], "r", 0);
			c->failures += err != 0;
			break;
		case 2:
			finode_alias_drop(dir, name, file);
			break;
		default:
			err = finode_alias_add(dir, name, file, (r >> 32) % 4);
			c->failures += err != 0;
		}
	}
}

static void test_g_trimming_beside_additions_and_removals(void **state)
{
	static struct crowd c;

	(void)state;
	names_create(&c.n);
	for (uint64_t i = 0; i < FILES; i++)
		c.files[i] = make_file(&c.n, 100 + i);
	for (uint64_t i = 0; i < DIRS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d", (int)i);
		c.dirs[i] = make_dir(&c.n, 10 + i);
		seen(c.n.root, name, c.dirs[i], 0);
	}
	run_threads(4, look_and_change, &c);
	assert_int_equal(c.failures, 0);
	assert_table_clean(&c.n.f);
	for (int i = 0; i < FILES; i++) {
		seen(c.dirs[0], "last", c.files[i], 1);
		assert_alias_count(c.files[i], 1);
		finode_put(c.files[i]);
	}
	for (int i = 0; i < DIRS; i++)
		finode_put(c.dirs[i]);
	assert_int_equal(stats_of(&c.n.f).inodes, 1);
	assert_int_equal(stats_of(&c.n.f).aliases, 0);
	names_finish(&c.n);
}

static void look_or_retire(void *arg, unsigned int number)
{
	struct crowd *c = arg;
	struct finode *file = c->files[0];

	if (number == 3) {
		finode_retire(file);
		return;
	}
	for (int i = 0; i < 200; i++) {
		const char name[2] = {(char)('a' + i % 7), '\0'};
		int err = finode_alias_add(c->dirs[0], name, file, 1 + (uint64_t)i % 2);

		c->failures += err != 0 && err != -ESTALE;
	}
}

static void test_h_trimming_beside_the_end_of_all_names(void **state)
{
	static struct crowd c;

	(void)state;
	names_create(&c.n);
	for (uint64_t round = 0; round < 50; round++) {
		c.dirs[0] = c.n.root;
		c.files[0] = make_file(&c.n, 2 + round);
		run_threads(4, look_or_retire, &c);
		assert_int_equal(c.failures, 0);
		assert_alias_count(c.files[0], 0);
		finode_put(c.files[0]);
	}
	assert_int_equal(stats_of(&c.n.f).aliases, 0);
	names_finish(&c.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_a_file_that_others_rename_has_one_name_the_newest),
		cmocka_unit_test(test_g_two_links_have_two_names),
		cmocka_unit_test(test_g_the_oldest_of_many_names_go_first),
		cmocka_unit_test(test_g_no_link_count_is_none_that_is_small),
		cmocka_unit_test(test_g_equal_names_in_two_directories_are_two),
		cmocka_unit_test(test_g_directories_have_the_name_that_was_seen_last),
		cmocka_unit_test(test_g_inodes_that_are_known_by_name_keep_their_names),
		cmocka_unit_test(
			test_g_a_dropped_name_is_another_inodes_when_it_is_asked_for),
		cmocka_unit_test(test_g_one_of_two_names_is_dropped),
		cmocka_unit_test(test_g_a_walk_may_stand_on_a_name_that_is_trimmed),
		cmocka_unit_test(test_k_trimming_needs_no_memory),
		cmocka_unit_test(test_g_trimming_beside_additions_and_removals),
		cmocka_unit_test(test_h_trimming_beside_the_end_of_all_names),
	};

	return cmocka_run_group_tests_name("stale_names", tests, NULL, NULL);
}
