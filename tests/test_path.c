/* SPDX-License-Identifier: BSD-3-Clause */
/* The way up: parents and paths; and how long ways end. */
#include "support/names_fixture.h"

#include <stdio.h>

static void test_parent_is_the_directory_of_the_oldest_name(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file, *parent;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	assert_null(finode_parent(file));
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	must_add(n.root, "f", file);
	parent = finode_parent(file);
	assert_ptr_equal(parent, dir);
	finode_put(parent);
	finode_alias_remove(dir, "f");
	parent = finode_parent(file);
	assert_ptr_equal(parent, n.root);
	finode_put(parent);
	parent = finode_parent(n.root);
	assert_ptr_equal(parent, n.root);
	finode_put(parent);
	finode_put(dir);
	finode_put(file);
	names_finish(&n);
}

static void test_path_tries_every_name_and_says_what_is_wrong(void **state)
{
	struct names_fixture n;
	struct finode *lost, *dir, *file;
	char buf[20];

	(void)state;
	names_create(&n);
	lost = make_dir(&n, 10);
	dir = make_dir(&n, 11);
	file = make_file(&n, 20);
	assert_path(file, NULL);
	must_add(lost, "f", file); /* leads nowhere */
	assert_path(file, NULL);
	must_add(n.root, "dir", dir);
	must_add(dir, "long-name", file);
	assert_path(file, "/dir/long-name");
	assert_int_equal(finode_path(file, buf, 14), -ENAMETOOLONG);
	assert_int_equal(finode_path(file, buf, 15), 14);
	assert_int_equal(finode_path(file, buf, 0), -ENAMETOOLONG);
	assert_int_equal(finode_path(n.root, buf, 1), -ENAMETOOLONG);
	assert_int_equal(finode_path(n.root, buf, 2), 1);
	must_add(n.root, "f", file); /* shorter: it fits */
	assert_int_equal(finode_path(file, buf, 4), 2);
	assert_string_equal(buf, "/f");
	assert_int_equal(finode_path(file, buf, 2), -ENAMETOOLONG);
	finode_put(file);
	finode_put(dir);
	finode_put(lost);
	names_finish(&n);
}

static void assert_path_at(struct finode *dir, const char *name, const char *path)
{
	char buf[600];
	ssize_t length = finode_path_at(dir, name, buf, sizeof(buf));

	if (!path) {
		assert_int_equal(length, -ENOENT);
		return;
	}
	assert_int_equal(length, strlen(path));
	assert_string_equal(buf, path);
}

static void test_g_path_at_is_of_a_name_whether_known_or_not(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;
	char in_dir[300] = "/dir/";

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	assert_path_at(n.root, "f", "/f");
	assert_path_at(dir, "f", NULL); /* it leads nowhere */
	must_add(n.root, "dir", dir);
	assert_path_at(dir, "f", "/dir/f");
	must_add(dir, "f", file);
	assert_path_at(dir, "f", "/dir/f");
	assert_path_at(n.root, "dir", "/dir");
	memset(in_dir + 5, 'x', 255);
	assert_path_at(dir, in_dir + 5, in_dir);
	assert_path_at(n.root, in_dir + 5, memset(in_dir + 4, '/', 1));
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
}

static void test_path_at_says_what_is_wrong(void **state)
{
	struct names_fixture n;
	struct fixture f;
	struct finode *dir, *file;
	char buf[300], name[258] = "";

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "dir", dir);
	must_add(dir, "f", file);
	assert_int_equal(finode_path_at(file, "x", buf, sizeof(buf)), -ENOTDIR);
	assert_int_equal(finode_path_at(dir, "", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(finode_path_at(dir, "..", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(finode_path_at(dir, "x/y", buf, sizeof(buf)), -EINVAL);
	memset(name, 'x', 256);
	assert_int_equal(finode_path_at(dir, name, buf, sizeof(buf)), -ENAMETOOLONG);
	assert_int_equal(finode_path_at(dir, "x", buf, 6), -ENAMETOOLONG);
	assert_int_equal(finode_path_at(dir, "x", buf, 7), 6);
	assert_string_equal(buf, "/dir/x");
	assert_int_equal(finode_path_at(n.root, "x", buf, 2), -ENAMETOOLONG);
	assert_int_equal(finode_path_at(n.root, "x", buf, 3), 2);
	for (size_t size = 0; size < 2; size++) {
		assert_int_equal(finode_path_at(n.root, "x", buf, size), -ENAMETOOLONG);
		assert_int_equal(finode_path_at(dir, "x", buf, size), -ENAMETOOLONG);
	}
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
	fixture_create(&f); /* no names at all */
	assert_int_equal(finode_path_at(finode_table_root(f.table), "x", buf, 9), -EINVAL);
	fixture_finish(&f);
}

static char path_in_evict[64];

static void ask_for_ones_path(struct finode *inode)
{
	struct finode *parent = finode_parent(inode);

	if (finode_path(inode, path_in_evict, sizeof(path_in_evict)) < 0 || !parent)
		path_in_evict[0] = '\0';
	finode_put(parent);
}

/* A server that writes back in evict(), to a backend that wants paths. */
static void test_evict_may_ask_for_the_path(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(n.root, "d", dir);
	must_add(dir, "f", file);
	n.f.in_evict = ask_for_ones_path;
	finode_put(file);
	assert_string_equal(path_in_evict, "/d/f");
	finode_put(dir);
	assert_string_equal(path_in_evict, "/d");
	n.f.in_evict = NULL;
	names_finish(&n);
}

#define DEPTH 100000

static void put_chain(void *arg)
{
	finode_put(arg);
}

/* On a stack that recursion over the chain would overflow. */
static void run_on_small_stack(void (*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, 128 * 1024), 0);
	assert_int_equal(pthread_create(&id, &attr, (void *(*)(void *))(void *)fn, arg), 0);
	pthread_join(id, NULL);
	pthread_attr_destroy(&attr);
}

static struct finode *make_chain(struct names_fixture *n, unsigned int depth)
{
	struct finode *dir = finode_hold(n->root);

	for (unsigned int i = 0; i < depth; i++) {
		struct finode *next = make_dir(n, 1000 + i);

		must_add(dir, "d", next);
		finode_put(dir);
		dir = next;
	}
	return dir;
}

static void test_e_the_end_of_a_deep_chain_needs_no_deep_stack(void **state)
{
	struct names_fixture n;
	struct finode *last;
	char *buf = malloc(2 * DEPTH + 1);

	(void)state;
	names_create(&n);
	last = make_chain(&n, DEPTH);
	assert_int_equal(finode_path(last, buf, 2 * DEPTH + 1), 2 * DEPTH);
	assert_int_equal(finode_path(last, buf, 2 * DEPTH), -ENAMETOOLONG);
	assert_table_clean(&n.f);
	assert_int_equal(n.f.evicts, 0);
	run_on_small_stack(put_chain, last);
	assert_int_equal(n.f.evicts, DEPTH);
	free(buf);
	names_finish(&n);
}

static void forget_chain(void *table)
{
	finode_table_forget_all(table);
}

static void test_j_the_end_of_the_session_takes_the_names(void **state)
{
	struct names_fixture n;
	struct finode *last, *file, *dir;

	(void)state;
	names_create(&n);
	last = make_chain(&n, 1000);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	must_add(last, "d", dir);
	must_add(dir, "f", file);
	must_add(n.root, "f", file);
	finode_count(file, 1);
	finode_put(last);
	finode_put(dir);
	finode_put(file);
	assert_int_equal(n.f.evicts, 0);
	run_on_small_stack(forget_chain, n.f.table);
	assert_int_equal(n.f.evicts, 1002);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parent_is_the_directory_of_the_oldest_name),
		cmocka_unit_test(test_path_tries_every_name_and_says_what_is_wrong),
		cmocka_unit_test(test_g_path_at_is_of_a_name_whether_known_or_not),
		cmocka_unit_test(test_path_at_says_what_is_wrong),
		cmocka_unit_test(test_evict_may_ask_for_the_path),
		cmocka_unit_test(test_e_the_end_of_a_deep_chain_needs_no_deep_stack),
		cmocka_unit_test(test_j_the_end_of_the_session_takes_the_names),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
