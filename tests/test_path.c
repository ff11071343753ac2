/* SPDX-License-Identifier: BSD-3-Clause */
/* The way up: parents and paths; and how long ways end. */
#include "support/names_fixture.h"

#include <stdio.h>

static void test_parent_is_the_directory_of_the_newest_name(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file, *parent;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	file = make_file(&n, 20);
	assert_null(finode_parent(file));
	must_add(n.root, "d", dir);
	must_add(n.root, "f", file);
	must_add(dir, "f", file);
	parent = finode_parent(file);
	assert_ptr_equal(parent, dir);
	finode_put(parent);
	must_add(n.root, "f", file); /* seen again */
	parent = finode_parent(file);
	assert_ptr_equal(parent, n.root);
	finode_put(parent);
	finode_alias_remove(n.root, "f");
	parent = finode_parent(file);
	assert_ptr_equal(parent, dir);
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

/* What component() was called with; the path as finode_path() says it. */
struct each {
	struct finode *last; /* the directory that the next one is to be in */
	char path[300];
	unsigned int calls, stop; /* it returns 7 in this call */
	unsigned int broken;
	uint64_t bytes;
	struct fixture *f; /* whose bytes are asked for in each call, or NULL */
};

static int each_component(const struct finode_alias *alias, void *arg)
{
	struct each *e = arg;

	if (alias->dir != e->last || object_of(alias->inode)->canary != OBJECT_CANARY)
		e->broken++;
	e->last = alias->inode;
	if (strlen(e->path) + strlen(alias->name) + 2 < sizeof(e->path))
		strcat(strcat(e->path, "/"), alias->name);
	if (e->f)
		e->bytes = stats_of(e->f).bytes;
	return ++e->calls == e->stop ? 7 : 0;
}

static void assert_each(struct names_fixture *n, struct finode *inode, const char *path)
{
	struct each e = {.last = n->root};
	int result = finode_path_each(inode, each_component, &e);

	assert_int_equal(result, path ? 0 : -ENOENT);
	assert_string_equal(e.path, path ? path : "");
	assert_ptr_equal(e.last, path ? inode : n->root);
	assert_int_equal(e.broken, 0);
}

static void test_g_each_component_comes_from_the_root_down(void **state)
{
	struct names_fixture n;
	struct finode *lost, *dir, *file;
	struct fixture f;
	struct each e;

	(void)state;
	names_create(&n);
	lost = make_dir(&n, 10);
	dir = make_dir(&n, 11);
	file = make_file(&n, 20);
	assert_each(&n, n.root, "");
	assert_each(&n, file, NULL);
	must_add(lost, "f", file);
	assert_each(&n, file, NULL); /* it leads nowhere */
	must_add(n.root, "dir", dir);
	must_add(dir, "f", file);
	assert_each(&n, dir, "/dir");
	assert_each(&n, file, "/dir/f"); /* by its second name */
	must_add(dir, "lost", lost);
	must_add(lost, "f", file); /* seen again: the newest */
	assert_each(&n, file, "/dir/lost/f");
	for (unsigned int stop = 1; stop <= 3; stop++) {
		e = (struct each){.last = n.root, .stop = stop};
		assert_int_equal(finode_path_each(file, each_component, &e), 7);
		assert_int_equal(e.calls, stop);
	}
	finode_put(file);
	finode_put(dir);
	finode_put(lost);
	names_finish(&n);
	fixture_create(&f); /* no names at all */
	assert_int_equal(finode_path_each(finode_table_root(f.table), each_component, &e),
			 -EINVAL);
	fixture_finish(&f);
}

/* Takes away everything that it is called with, and all references of others. */
static int remove_component(const struct finode_alias *alias, void *arg)
{
	struct names_fixture *n = arg;

	if (finode_alias_remove(alias->dir, alias->name) != 0 || n->f.evicts != 0)
		n->f.broken++;
	finode_put(alias->inode); /* the test's */
	return 0;
}

static void test_e_components_are_held_while_they_are_told(void **state)
{
	struct names_fixture n;
	struct finode *a, *b, *file;

	(void)state;
	names_create(&n);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	file = make_file(&n, 20);
	must_add(n.root, "a", a);
	must_add(a, "b", b);
	must_add(b, "f", file);
	finode_count(file, 1); /* so the caller still has it */
	assert_int_equal(finode_path_each(file, remove_component, &n), 0);
	assert_int_equal(n.f.evicts, 2);
	finode_forget(n.f.table, file->nodeid, 1);
	assert_int_equal(n.f.evicts, 3);
	names_finish(&n);
}

static char path_in_evict[64];

static void ask_for_ones_path(struct finode *inode)
{
	struct finode *parent = finode_parent(inode);
	struct each e = {.last = finode_table_root(inode->mount->table)};

	if (finode_path(inode, path_in_evict, sizeof(path_in_evict)) < 0 || !parent ||
	    finode_path_each(inode, each_component, &e) != 0 || e.last != inode ||
	    strcmp(e.path, path_in_evict) != 0)
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

/* Deeper than a path that needs no memory. */
static void test_k_path_each_fails_cleanly_at_every_allocation(void **state)
{
	static const unsigned int depths[] = {31, 32, 33, 200};
	struct names_fixture n;
	struct finode *last;
	uint64_t bytes;

	(void)state;
	for (unsigned int i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		unsigned int failures = 0;
		struct each e;
		int result;

		names_create(&n);
		last = make_chain(&n, depths[i]);
		bytes = stats_of(&n.f).bytes;
		do {
			e = (struct each){.last = n.root, .f = &n.f};
			n.f.fail_after = failures;
			result = finode_path_each(last, each_component, &e);
			n.f.fail_after = -1;
			assert_int_equal(e.calls, result ? 0 : depths[i]);
			assert_int_equal(stats_of(&n.f).bytes, bytes);
		} while (result == -ENOMEM && ++failures < 9);
		assert_int_equal(result, 0);
		assert_int_equal(failures, depths[i] > 32);
		assert_int_equal(e.broken, 0);
		assert_int_equal(e.bytes - bytes,
				 depths[i] > 32 ? depths[i] * sizeof(void *) : 0);
		finode_put(last);
		names_finish(&n);
	}
}

static void test_e_the_end_of_a_deep_chain_needs_no_deep_stack(void **state)
{
	struct names_fixture n;
	struct finode *last;
	char *buf = malloc(2 * DEPTH + 1);
	struct each e = {0};

	(void)state;
	names_create(&n);
	e.last = n.root;
	last = make_chain(&n, DEPTH);
	assert_int_equal(finode_path(last, buf, 2 * DEPTH + 1), 2 * DEPTH);
	assert_int_equal(finode_path(last, buf, 2 * DEPTH), -ENAMETOOLONG);
	assert_int_equal(finode_path_each(last, each_component, &e), 0);
	assert_int_equal(e.calls, DEPTH);
	assert_int_equal(e.broken, 0);
	assert_table_clean(&n.f);
	assert_int_equal(n.f.evicts, 0);
	run_on_small_stack(put_chain, last);
	assert_int_equal(n.f.evicts, DEPTH);
	free(buf);
	names_finish(&n);
}

/* "/a/d/f" and "/b/e/f" are the only paths that are ever true. */
struct moves {
	struct names_fixture n;
	struct finode *a, *b, *dir, *file;
	_Atomic unsigned int told, failures;
};

static void tell_components(struct moves *m)
{
	for (int i = 0; i < 5000; i++) {
		struct each e = {.last = m->n.root};
		char path[40];

		if (finode_path_each(m->file, each_component, &e) != 0 || e.broken ||
		    (strcmp(e.path, "/a/d/f") != 0 && strcmp(e.path, "/b/e/f") != 0))
			m->failures++;
		if (finode_path_at(m->dir, "x", path, sizeof(path)) != 6 ||
		    (strcmp(path, "/a/d/x") != 0 && strcmp(path, "/b/e/x") != 0))
			m->failures++;
	}
	m->told++;
}

static void move_or_tell(void *arg, unsigned int number)
{
	struct moves *m = arg;

	if (number > 0) {
		tell_components(m);
		return;
	}
	while (m->told < 2) {
		m->failures += finode_alias_rename(m->a, "d", m->b, "e", 0) != 0;
		m->failures += finode_alias_rename(m->b, "e", m->a, "d", 0) != 0;
	}
}

static void test_g_components_are_of_one_path_while_others_rename_it(void **state)
{
	static struct moves m;

	(void)state;
	names_create(&m.n);
	m.a = make_dir(&m.n, 10);
	m.b = make_dir(&m.n, 11);
	m.dir = make_dir(&m.n, 12);
	m.file = make_file(&m.n, 20);
	must_add(m.n.root, "a", m.a);
	must_add(m.n.root, "b", m.b);
	must_add(m.a, "d", m.dir);
	must_add(m.dir, "f", m.file);
	run_threads(3, move_or_tell, &m);
	assert_int_equal(m.failures, 0);
	assert_each(&m.n, m.file, "/a/d/f");
	finode_put(m.a);
	finode_put(m.b);
	finode_put(m.dir);
	finode_put(m.file);
	names_finish(&m.n);
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
		cmocka_unit_test(test_parent_is_the_directory_of_the_newest_name),
		cmocka_unit_test(test_path_tries_every_name_and_says_what_is_wrong),
		cmocka_unit_test(test_g_path_at_is_of_a_name_whether_known_or_not),
		cmocka_unit_test(test_path_at_says_what_is_wrong),
		cmocka_unit_test(test_g_each_component_comes_from_the_root_down),
		cmocka_unit_test(test_e_components_are_held_while_they_are_told),
		cmocka_unit_test(test_evict_may_ask_for_the_path),
		cmocka_unit_test(test_k_path_each_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_e_the_end_of_a_deep_chain_needs_no_deep_stack),
		cmocka_unit_test(test_g_components_are_of_one_path_while_others_rename_it),
		cmocka_unit_test(test_j_the_end_of_the_session_takes_the_names),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
