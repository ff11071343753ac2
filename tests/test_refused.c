/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that are refused with -EINVAL: each is counted, and the first of each kind has a
 * line in the log that says what was wrong.
 */
#include "support/names_fixture.h"

#include <stdio.h>

/* The calls that a test makes are all of one kind. */
struct refusals {
	struct fixture *f;
	unsigned int calls;
	bool known; /* the first of the kind was told */
};

static void assert_refused(struct refusals *r, long result, const char *words)
{
	assert_int_equal(result, -EINVAL);
	assert_int_equal(stats_of(r->f).calls_refused, ++r->calls);
	if (!r->known && !strstr(r->f->last_log, words))
		fail_msg("'%s' does not say '%s'", r->f->last_log, words);
	r->known = true;
	assert_int_equal(r->f->logs, 1);
}

/* From here on another kind. */
static void next_kind(struct refusals *r)
{
	r->known = false;
	r->f->logs = 0;
}

static int obtain_key(struct fixture *f, struct finode_key key)
{
	struct what what = {.fixture = f};
	struct finode *inode;
	int err =
		finode_obtain(finode_table_root(f->table)->mount, key, &what, &inode, NULL);

	assert_null(inode);
	return err;
}

static void test_modes_of_no_type_are_told(void **state)
{
	static const char bytes[FINODE_KEY_MAX + 1];
	struct names_fixture n;
	struct refusals r = {.f = &n.f};
	struct finode *none;

	(void)state;
	names_create(&n);
	assert_refused(&r, obtain_key(&n.f, (struct finode_key){bytes, 8, 0, 0}),
		       "key.mode 0 is of no type");
	assert_refused(&r, obtain_key(&n.f, (struct finode_key){bytes, 8, 0644, 0}), "");
	assert_refused(&r, obtain_key(&n.f, (struct finode_key){bytes, 8, S_IFMT, 0}), "");
	assert_refused(&r, finode_obtain_at(n.root, "name", 0644, &n.f, &none, NULL), "");
	assert_null(none);
	assert_int_equal(n.f.inits, 1);
	names_finish(&n);
}

static void test_keys_without_bytes_and_too_long_ones_are_told(void **state)
{
	static const char bytes[FINODE_KEY_MAX + 1];
	struct fixture f;
	struct refusals r = {.f = &f};
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_refused(&r, obtain_key(&f, (struct finode_key){bytes, 256, S_IFREG, 0}),
		       "1 to 255 bytes, this one has 256");
	assert_refused(&r, obtain_key(&f, (struct finode_key){bytes, 0, S_IFREG, 0}), "");
	assert_refused(&r, obtain_key(&f, (struct finode_key){NULL, 8, S_IFREG, 0}), "");
	assert_refused(&r, finode_rekey(inode, (struct finode_key){bytes, 0, S_IFREG, 0}),
		       "");
	/* finode_find() finds nothing, and tells as well. */
	assert_null(finode_find(inode->mount, (struct finode_key){bytes, 256, 0, 0}));
	assert_int_equal(stats_of(&f).calls_refused, 5);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_keys_that_an_inode_cannot_get_are_told(void **state)
{
	const uint64_t number = 8;
	struct fixture f;
	struct refusals r = {.f = &f};
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_refused(&r, finode_rekey(inode, key_of(&number, S_IFDIR)), "another type");
	assert_refused(&r, finode_rekey(inode, key_of(&number, 0)), "");
	assert_refused(&r,
		       finode_rekey(finode_table_root(f.table), key_of(&number, S_IFDIR)),
		       "the root");
	finode_put(inode);
	fixture_finish(&f);
}

static void test_files_of_a_table_without_file_ops_are_told(void **state)
{
	struct fixture f;
	struct refusals r = {.f = &f};
	struct finode_file *file;

	(void)state;
	fixture_init(&f);
	f.config.file_ops = NULL;
	assert_int_equal(fixture_start(&f), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_refused(&r, finode_file_open(finode_table_root(f.table), &f, &file),
			       "config.file_ops");
		assert_null(file);
	}
	assert_false(finode_is_open(finode_table_root(f.table)));
	assert_null(finode_file_next(finode_table_root(f.table), NULL));
	fixture_finish(&f);
}

static int component(const struct finode_alias *alias, void *arg)
{
	(void)alias;
	(void)arg;
	return 1;
}

/* What needs config.aliases; root is a directory. */
static long add(struct finode *root)
{
	return finode_alias_add(root, "a", root, 1);
}

static long remove_name(struct finode *root)
{
	return finode_alias_remove(root, "a");
}

static long drop(struct finode *root)
{
	return finode_alias_drop(root, "a", NULL);
}

static long rename_name(struct finode *root)
{
	return finode_alias_rename(root, "a", root, "b", 0);
}

static long obtain_at(struct finode *root)
{
	struct finode *none;

	return finode_obtain_at(root, "a", S_IFREG, NULL, &none, NULL);
}

static long path(struct finode *root)
{
	char buf[100];

	return finode_path(root, buf, sizeof(buf));
}

static long path_at(struct finode *root)
{
	char buf[100];

	return finode_path_at(root, "a", buf, sizeof(buf));
}

static long path_each(struct finode *root)
{
	return finode_path_each(root, component, NULL);
}

static long share(struct finode *root)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	return finode_dir_share(root, &lock);
}

static long change(struct finode *root)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	return finode_dir_change(root, &lock);
}

static long change_two(struct finode *root)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	return finode_dir_change_two(root, root, &lock);
}

static long (*const of_names[])(struct finode *root) = {
	add,	 remove_name, drop,  rename_name, obtain_at,  path,
	path_at, path_each,   share, change,	  change_two,
};

#define OF_NAMES (sizeof(of_names) / sizeof(of_names[0]))

/* Which of them comes first makes no difference. */
static void test_names_and_locks_of_a_table_without_aliases_are_told(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < OF_NAMES; first++) {
		struct fixture f;
		struct refusals r = {.f = &f};

		fixture_create(&f);
		for (unsigned int i = first; i < first + OF_NAMES; i++)
			assert_refused(&r,
				       of_names[i % OF_NAMES](finode_table_root(f.table)),
				       "config.aliases");
		fixture_finish(&f);
	}
}

static void test_locks_of_two_directories_without_aliases_are_told(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct fixture f;
	struct refusals r = {.f = &f};
	struct finode *dir;

	(void)state;
	fixture_create(&f);
	assert_int_equal(obtain_as(&f, 7, S_IFDIR, 0, &dir), WAS_CREATED);
	assert_refused(&r, finode_dir_change_two(dir, finode_table_root(f.table), &lock),
		       "config.aliases");
	finode_put(dir);
	fixture_finish(&f);
}

static void test_names_that_are_none_and_flags_are_told(void **state)
{
	struct names_fixture n;
	struct refusals r = {.f = &n.f};
	struct finode *none;

	(void)state;
	names_create(&n);
	assert_refused(&r, finode_alias_remove(n.root, "a/b"), "has a '/'");
	assert_refused(&r, finode_alias_drop(n.root, "..", NULL), "");
	assert_refused(&r, finode_alias_rename(n.root, "a", n.root, "", 0), "");
	assert_refused(&r, finode_get_dir(n.f.table, FINODE_ROOT_ID, ".", &none), "");
	next_kind(&r);
	assert_refused(&r, finode_alias_rename(n.root, "a", n.root, "b", 64),
		       "flags 0x40 are unknown");
	assert_refused(
		&r,
		finode_alias_rename(n.root, "a", n.root, "b",
				    FINODE_RENAME_EXCHANGE | FINODE_RENAME_NOREPLACE),
		"");
	assert_int_equal(
		finode_alias_rename(n.root, "a", n.root, "b",
				    FINODE_RENAME_NOREPLACE | FINODE_RENAME_WHITEOUT),
		0);
	names_finish(&n);
}

static void test_a_directory_asked_for_with_what_is_no_name_is_told(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b"};
	struct fixture f;
	struct refusals r = {.f = &f};
	struct finode *dir;

	(void)state;
	fixture_create(&f);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_refused(&r, finode_get_dir(f.table, FINODE_ROOT_ID, bad[i], &dir),
			       "finode_get_dir(): a name is empty");
		assert_null(dir);
	}
	fixture_finish(&f);
}

/* One kind does not hide another, however alike they are. */
static void test_each_kind_has_a_line_of_its_own(void **state)
{
	static const char bytes[FINODE_KEY_MAX + 1];
	const uint64_t number = 8;
	struct fixture f;
	struct refusals r = {.f = &f};

	(void)state;
	fixture_create(&f);
	assert_refused(&r, obtain_key(&f, (struct finode_key){bytes, 8, 0, 0}), "no type");
	next_kind(&r);
	assert_refused(&r, obtain_key(&f, (struct finode_key){bytes, 256, S_IFREG, 0}),
		       "bytes");
	next_kind(&r);
	assert_refused(&r,
		       finode_rekey(finode_table_root(f.table), key_of(&number, S_IFDIR)),
		       "root");
	next_kind(&r);
	assert_refused(&r, finode_alias_remove(finode_table_root(f.table), "a"), "aliases");
	assert_int_equal(f.errors, 4);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_of_no_type_are_told),
		cmocka_unit_test(test_keys_without_bytes_and_too_long_ones_are_told),
		cmocka_unit_test(test_keys_that_an_inode_cannot_get_are_told),
		cmocka_unit_test(test_files_of_a_table_without_file_ops_are_told),
		cmocka_unit_test(test_names_and_locks_of_a_table_without_aliases_are_told),
		cmocka_unit_test(test_locks_of_two_directories_without_aliases_are_told),
		cmocka_unit_test(test_names_that_are_none_and_flags_are_told),
		cmocka_unit_test(test_a_directory_asked_for_with_what_is_no_name_is_told),
		cmocka_unit_test(test_each_kind_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
