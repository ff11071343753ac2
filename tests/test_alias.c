/* SPDX-License-Identifier: BSD-3-Clause */
/* Names: guarantee G, and what alias.h promises; one thread at a time. */
#include "support/names_fixture.h"

#include <stdio.h>

static void test_a_name_names_what_was_added(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	assert_int_equal(finode_alias_add(dir, "f", file, 0), 0);
	assert_names(n.root, "d", dir);
	assert_names(dir, "f", file);
	assert_names(dir, "g", NULL);
	assert_path(file, "/d/f");
	assert_path(n.root, "/");
	assert_int_equal(stats_of(&n.f).aliases, 2);
	assert_int_equal(stats_of(&n.f).aliases_added, 2);
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
}

static void test_a_file_has_many_names_and_a_walk_sees_each(void **state)
{
	struct names_fixture n;
	struct finode_alias *alias = NULL;
	struct finode *dir, *file;
	char name[16];

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		must_add(i % 2 ? dir : n.root, name, file);
	}
	for (int i = 0; i < 10; i++) {
		alias = finode_alias_next(file, alias);
		snprintf(name, sizeof(name), "f%d", 9 - i); /* the newest first */
		assert_string_equal(alias->name, name);
		assert_ptr_equal(alias->dir, i % 2 ? n.root : dir);
	}
	assert_null(finode_alias_next(file, alias));
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
}

static void test_a_walk_goes_on_past_what_is_removed_and_added(void **state)
{
	struct names_fixture n;
	struct finode_alias *alias;
	struct finode *file;

	(void)state;
	names_create(&n);
	file = make_file(&n, 20);
	must_add(n.root, "a", file);
	must_add(n.root, "b", file);
	must_add(n.root, "c", file);
	alias = finode_alias_next(file, NULL);
	assert_int_equal(finode_alias_remove(n.root, "c"), 0);
	assert_int_equal(finode_alias_remove(n.root, "b"), 0);
	assert_string_equal(alias->name, "c"); /* held, so still there */
	assert_ptr_equal(alias->inode, file);
	assert_alias_count(file, 1);
	must_add(n.root, "d", file); /* newer than where the walk is */
	alias = finode_alias_next(file, alias);
	assert_string_equal(alias->name, "a");
	finode_alias_put(alias);
	finode_put(file);
	names_finish(&n);
}

static void test_a_held_alias_holds_its_inode_and_its_directory(void **state)
{
	struct names_fixture n;
	struct finode_alias *alias;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	alias = alias_of(dir, "f");
	assert_non_null(alias);
	assert_null(alias_of(dir, "g"));
	assert_null(alias_of(dir, ".."));
	finode_put(file);
	finode_put(dir);
	assert_int_equal(n.f.evicts, 0);
	assert_int_equal(object_of(alias->inode)->value, 20);
	assert_int_equal(object_of(alias->dir)->value, 10);
	finode_alias_put(alias);
	assert_int_equal(n.f.evicts, 2); /* the file, and with it the directory */
	finode_alias_put(NULL);
	names_finish(&n);
}

static void test_e_the_aliases_of_an_inode_go_with_it(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	must_add(n.root, "f", file);
	finode_put(dir);
	assert_int_equal(n.f.evicts, 0); /* the alias holds it */
	finode_put(file);
	assert_int_equal(n.f.evicts, 2);
	assert_names(n.root, "f", NULL);
	assert_names(n.root, "d", NULL);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

static void test_h_a_retired_inode_loses_its_names_and_gets_none(void **state)
{
	struct names_fixture n;
	struct finode *old, *new;

	(void)state;
	names_create(&n);
	old = make_file(&n, 20);
	must_add(n.root, "a", old);
	must_add(n.root, "b", old);
	finode_retire(old);
	assert_alias_count(old, 0);
	assert_names(n.root, "a", NULL);
	assert_path(old, NULL);
	assert_int_equal(finode_alias_add(n.root, "a", old, 0), -ESTALE);
	new = make_file(&n, 20);
	assert_ptr_not_equal(new, old);
	must_add(n.root, "a", new);
	finode_put(old); /* takes nothing of the new one's */
	assert_names(n.root, "a", new);
	finode_put(new);
	names_finish(&n);
}

static void test_g_a_name_that_names_another_inode_moves_to_it(void **state)
{
	struct names_fixture n;
	struct finode *one, *other;

	(void)state;
	names_create(&n);
	one = make_file(&n, 20);
	other = make_file(&n, 21);
	must_add(n.root, "f", one);
	must_add(n.root, "f", other);
	assert_names(n.root, "f", other);
	assert_alias_count(one, 0);
	assert_alias_count(other, 1);
	assert_int_equal(stats_of(&n.f).aliases_stale, 1);
	assert_int_equal(stats_of(&n.f).aliases, 1);
	finode_put(one);
	finode_put(other);
	names_finish(&n);
}

static void test_g_a_directory_found_under_another_name_moves(void **state)
{
	struct names_fixture n;
	struct finode *a, *b, *dir, *file;

	(void)state;
	names_create(&n);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	dir = make_dir(&n, 12);
	file = make_file(&n, 20);
	must_add(n.root, "a", a);
	must_add(n.root, "b", b);
	must_add(a, "d", dir);
	must_add(dir, "f", file);
	assert_path(file, "/a/d/f");
	must_add(b, "e", dir);
	assert_path(file, "/b/e/f");
	assert_names(a, "d", NULL);
	assert_alias_count(dir, 1);
	assert_int_equal(stats_of(&n.f).aliases_moved, 1);
	assert_int_equal(stats_of(&n.f).aliases_added, 4);
	/* .. also within a directory, and onto a name that another directory had. */
	must_add(b, "f", dir);
	assert_path(file, "/b/f/f");
	must_add(n.root, "a", dir);
	assert_path(file, "/a/f");
	assert_alias_count(a, 0);
	assert_path(a, NULL);
	finode_put(file);
	finode_put(dir);
	finode_put(b);
	finode_put(a);
	names_finish(&n);
}

static void test_g_no_directory_comes_below_itself(void **state)
{
	struct names_fixture n;
	struct finode *a, *b, *c;

	(void)state;
	names_create(&n);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	c = make_dir(&n, 12);
	must_add(n.root, "a", a);
	must_add(a, "b", b);
	must_add(b, "c", c);
	assert_int_equal(finode_alias_add(c, "x", a, 0), -ELOOP);
	assert_int_equal(finode_alias_add(c, "x", b, 0), -ELOOP);
	assert_int_equal(finode_alias_add(c, "x", c, 0), -ELOOP);
	assert_int_equal(finode_alias_add(c, "x", n.root, 0), -ELOOP);
	assert_int_equal(finode_alias_rename(n.root, "a", c, "x", 0), -ELOOP);
	assert_int_equal(finode_alias_rename(a, "b", b, "x", 0), -ELOOP);
	assert_int_equal(finode_alias_rename(n.root, "a", b, "c", FINODE_RENAME_EXCHANGE),
			 -ELOOP);
	assert_int_equal(finode_alias_rename(b, "c", n.root, "a", FINODE_RENAME_EXCHANGE),
			 -ELOOP);
	assert_path(c, "/a/b/c"); /* nothing has changed */
	assert_names(c, "x", NULL);
	assert_int_equal(stats_of(&n.f).aliases, 3);
	assert_int_equal(stats_of(&n.f).aliases_refused, 8);
	finode_put(a);
	finode_put(b);
	finode_put(c);
	names_finish(&n);
}

static void test_g_a_directory_without_a_name_is_an_ancestor_all_the_same(void **state)
{
	struct names_fixture n;
	struct finode *a, *b;

	(void)state;
	names_create(&n);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	must_add(a, "b", b); /* a itself has no name */
	assert_path(b, NULL);
	assert_int_equal(finode_alias_add(b, "a", a, 0), -ELOOP);
	must_add(n.root, "a", a);
	assert_path(b, "/a/b");
	finode_put(a);
	finode_put(b);
	names_finish(&n);
}

static void test_g_a_crossing_is_a_name_like_any_other(void **state)
{
	struct names_fixture n;
	const struct finode_mount_id id = {{1, 0}};
	struct finode_mount *below;
	struct finode *dir, *root_below, *file, *parent;
	const uint64_t number = 1, twenty = 20;
	struct what what = {.fixture = &n.f, .value = 99};

	(void)state;
	names_create(&n);
	assert_int_equal(finode_mount_obtain(n.root->mount, &id, NULL, &below, NULL), 0);
	dir = make_dir(&n, 10);
	must_add(n.root, "mnt", dir);
	assert_int_equal(
		finode_obtain(below, key_of(&number, S_IFDIR), &what, &root_below, NULL),
		0);
	assert_int_equal(finode_obtain(below, key_of(&twenty, S_IFREG), &what, &file, NULL),
			 0);
	must_add(n.root, "mnt", root_below);
	must_add(root_below, "f", file);
	assert_path(file, "/mnt/f");
	parent = finode_parent(root_below);
	assert_ptr_equal(parent, n.root);
	finode_put(parent);
	assert_int_equal(finode_alias_add(root_below, "x", n.root, 0), -ELOOP);
	finode_put(dir);
	finode_put(root_below);
	finode_put(file);
	finode_mount_put(below);
	names_finish(&n);
}

static void test_bad_names_and_bad_directories_are_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b"};
	char longest[FINODE_NAME_MAX + 2];
	struct names_fixture n, other;
	struct finode *file;

	(void)state;
	names_create(&n);
	names_create(&other);
	file = make_file(&n, 20);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(finode_alias_add(n.root, bad[i], file, 0), -EINVAL);
		assert_int_equal(finode_alias_remove(n.root, bad[i]), -EINVAL);
		assert_int_equal(finode_alias_drop(n.root, bad[i], NULL), -EINVAL);
		assert_int_equal(finode_alias_rename(n.root, bad[i], n.root, "a", 0),
				 -EINVAL);
		assert_int_equal(finode_alias_rename(n.root, "a", n.root, bad[i], 0),
				 -EINVAL);
		assert_null(finode_alias_lookup(n.root, bad[i]));
	}
	memset(longest, 'x', sizeof(longest));
	longest[FINODE_NAME_MAX + 1] = '\0';
	assert_int_equal(finode_alias_add(n.root, longest, file, 0), -ENAMETOOLONG);
	longest[FINODE_NAME_MAX] = '\0';
	must_add(n.root, longest, file);
	assert_names(n.root, longest, file);
	assert_int_equal(finode_alias_add(file, "a", n.root, 0), -ENOTDIR);
	assert_int_equal(finode_alias_remove(file, "a"), -ENOTDIR);
	assert_int_equal(finode_alias_rename(n.root, "a", file, "b", 0), -ENOTDIR);
	assert_null(finode_alias_lookup(file, "a"));
	assert_int_equal(finode_alias_add(other.root, "a", file, 0), -EXDEV);
	assert_int_equal(finode_alias_rename(n.root, "a", other.root, "a", 0), -EXDEV);
	assert_int_equal(finode_alias_rename(n.root, "a", n.root, "b", 1u << 3), -EINVAL);
	for (unsigned int flag = FINODE_RENAME_NOREPLACE; flag <= FINODE_RENAME_WHITEOUT;
	     flag <<= 2)
		assert_int_equal(finode_alias_rename(n.root, "a", n.root, "b",
						     flag | FINODE_RENAME_EXCHANGE),
				 -EINVAL);
	finode_put(file);
	names_finish(&n);
	names_finish(&other);
}

static void test_a_table_without_aliases_refuses_names(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct fixture f;
	struct finode *root, *file;
	char buf[8];

	(void)state;
	fixture_create(&f);
	root = finode_table_root(f.table);
	file = must_obtain(&f, 20);
	assert_int_equal(finode_alias_add(root, "a", file, 0), -EINVAL);
	assert_int_equal(finode_alias_remove(root, "a"), -EINVAL);
	assert_int_equal(finode_alias_rename(root, "a", root, "b", 0), -EINVAL);
	assert_null(finode_alias_lookup(root, "a"));
	assert_null(alias_of(root, "a"));
	assert_null(finode_alias_next(file, NULL));
	assert_null(finode_parent(file));
	assert_int_equal(finode_path(file, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(finode_dir_share(root, &lock), -EINVAL);
	assert_int_equal(finode_dir_change_two(root, file, &lock), -EINVAL);
	finode_dir_unlock(&lock);
	finode_put(file);
	fixture_finish(&f);
}

static void test_aliases_without_an_authors_part(void **state)
{
	struct fixture f;
	struct finode *root, *file;
	struct finode_alias *alias;

	(void)state;
	fixture_init(&f);
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	root = finode_table_root(f.table);
	file = must_obtain(&f, 20);
	must_add(root, "a", file);
	alias = alias_of(root, "a");
	assert_string_equal(alias->name, "a");
	finode_alias_put(alias);
	assert_int_equal(finode_alias_rename(root, "a", root, "b", 0), 0);
	assert_path(file, "/b");
	finode_put(file);
	fixture_finish(&f);
}

static void test_remove_and_drop_take_the_name(void **state)
{
	struct names_fixture n;
	struct finode *one, *other, *dir;

	(void)state;
	names_create(&n);
	one = make_file(&n, 20);
	other = make_file(&n, 21);
	dir = make_dir(&n, 10);
	must_add(n.root, "a", one);
	must_add(n.root, "b", one);
	must_add(n.root, "d", dir);
	assert_int_equal(finode_alias_remove(n.root, "x"), -ENOENT);
	assert_int_equal(finode_alias_remove(n.root, "a"), 0);
	assert_int_equal(finode_alias_remove(n.root, "a"), -ENOENT);
	assert_int_equal(finode_alias_drop(n.root, "b", other), -ENOENT);
	assert_names(n.root, "b", one);
	assert_int_equal(finode_alias_drop(n.root, "b", one), 0);
	assert_int_equal(finode_alias_drop(n.root, "d", NULL), 0);
	assert_int_equal(finode_alias_drop(n.root, "d", NULL), -ENOENT);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	assert_int_equal(stats_of(&n.f).aliases_removed, 1);
	assert_int_equal(stats_of(&n.f).aliases_stale, 2);
	finode_put(one);
	finode_put(other);
	finode_put(dir);
	names_finish(&n);
}

static void test_a_large_directory_grows_and_shrinks(void **state)
{
	enum { MANY = 5000 };
	static struct finode *files[MANY];
	struct names_fixture n;
	struct finode *dir;
	uint64_t before;
	char name[16];

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	must_add(n.root, "d", dir);
	for (int i = 0; i < MANY; i++)
		files[i] = make_file(&n, 100 + (uint64_t)i);
	before = stats_of(&n.f).bytes;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		must_add(dir, name, files[i]);
		/* what was added while the old array was emptied is found too */
		snprintf(name, sizeof(name), "file%d", i / 2);
		assert_names(dir, name, files[i / 2]);
		if (i % 500 == 0)
			assert_table_clean(&n.f);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file%d", (i * 7) % MANY);
		assert_int_equal(finode_alias_remove(dir, name), 0);
		if (i % 500 == 0)
			assert_table_clean(&n.f);
	}
	assert_int_equal(stats_of(&n.f).bytes, before);
	for (int i = 0; i < MANY; i++)
		finode_put(files[i]);
	finode_put(dir);
	names_finish(&n);
}

static void test_j_names_are_not_references_that_somebody_left(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	finode_count(file, 3);
	finode_put(dir);
	finode_put(file);
	finode_table_destroy(n.f.table); /* file keeps dir, dir has its name: nobody's */
	assert_int_equal(n.f.errors, 0);
	assert_int_equal(n.f.live_allocations, 0);
}

/* Every allocation of a call fails once; after each failure nothing has changed. */
static void test_k_names_fail_cleanly_at_every_allocation(void **state)
{
	struct finode *dirs[2], *files[60];
	struct names_fixture n;
	unsigned int failures = 0;
	char name[16], moved[16];

	(void)state;
	names_create(&n);
	dirs[0] = make_dir(&n, 10);
	dirs[1] = make_dir(&n, 11);
	must_add(n.root, "d", dirs[0]);
	must_add(n.root, "e", dirs[1]);
	for (int i = 0; i < 60; i++)
		files[i] = make_file(&n, 100 + (uint64_t)i);
	for (int i = 0; i < 60; i++) {
		uint64_t aliases = stats_of(&n.f).aliases;
		long live = n.f.live_allocations;
		int err = -ENOMEM;

		snprintf(name, sizeof(name), "f%d", i);
		snprintf(moved, sizeof(moved), "m%d", i / 2);
		for (long k = 0; err == -ENOMEM; k++) {
			n.f.fail_after = k;
			err = finode_alias_add(dirs[0], name, files[i], 0);
			n.f.fail_after = -1;
			if (err != -ENOMEM)
				break;
			failures++;
			assert_int_equal(stats_of(&n.f).aliases, aliases);
			assert_int_equal(n.f.live_allocations, live);
			assert_names(dirs[0], name, NULL);
		}
		assert_int_equal(err, 0);
		err = -ENOMEM;
		for (long k = 0; i % 2 && err == -ENOMEM; k++) {
			n.f.fail_after = k;
			err = finode_alias_rename(dirs[0], name, dirs[1], moved,
						  i % 4 == 1 ? 0 : FINODE_RENAME_EXCHANGE);
			n.f.fail_after = -1;
			if (err != -ENOMEM)
				break;
			failures++;
			assert_names(dirs[0], name, files[i]);
			assert_names(dirs[1], moved, NULL);
		}
		assert_table_clean(&n.f);
	}
	assert_true(failures >= 60);
	n.f.fail_after = 0; /* what takes names away needs no memory */
	assert_int_equal(finode_alias_remove(dirs[0], "f0"), 0);
	assert_int_equal(finode_alias_drop(n.root, "d", NULL), 0);
	for (int i = 0; i < 60; i++)
		finode_put(files[i]);
	finode_put(dirs[0]);
	finode_put(dirs[1]);
	n.f.fail_after = -1;
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

static void test_k_create_of_a_table_with_names_fails_cleanly(void **state)
{
	struct names_fixture n;
	int err = -ENOMEM;

	(void)state;
	for (long k = 0; err == -ENOMEM; k++) {
		names_init(&n);
		n.f.fail_after = k;
		err = names_start(&n);
		n.f.fail_after = -1;
		if (err)
			assert_int_equal(n.f.live_allocations, 0);
	}
	assert_int_equal(err, 0);
	names_finish(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_names_what_was_added),
		cmocka_unit_test(test_a_file_has_many_names_and_a_walk_sees_each),
		cmocka_unit_test(test_a_walk_goes_on_past_what_is_removed_and_added),
		cmocka_unit_test(test_a_held_alias_holds_its_inode_and_its_directory),
		cmocka_unit_test(test_e_the_aliases_of_an_inode_go_with_it),
		cmocka_unit_test(test_h_a_retired_inode_loses_its_names_and_gets_none),
		cmocka_unit_test(test_g_a_name_that_names_another_inode_moves_to_it),
		cmocka_unit_test(test_g_a_directory_found_under_another_name_moves),
		cmocka_unit_test(test_g_no_directory_comes_below_itself),
		cmocka_unit_test(
			test_g_a_directory_without_a_name_is_an_ancestor_all_the_same),
		cmocka_unit_test(test_g_a_crossing_is_a_name_like_any_other),
		cmocka_unit_test(test_bad_names_and_bad_directories_are_refused),
		cmocka_unit_test(test_a_table_without_aliases_refuses_names),
		cmocka_unit_test(test_aliases_without_an_authors_part),
		cmocka_unit_test(test_remove_and_drop_take_the_name),
		cmocka_unit_test(test_a_large_directory_grows_and_shrinks),
		cmocka_unit_test(test_j_names_are_not_references_that_somebody_left),
		cmocka_unit_test(test_k_names_fail_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_create_of_a_table_with_names_fails_cleanly),
	};

	return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
