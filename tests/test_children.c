/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over the known children of a directory: finode_child_next(). */
#include "support/names_fixture.h"

#include <limits.h>
#include <stdio.h>

#include "names/children.h"

/* A directory with files that stay, "s0", "s1", .., and those that come and go. */
struct crowd {
	struct names_fixture n;
	struct finode *dir, **files;
	unsigned char *seen; /* how often the walk has returned it */
	unsigned int count;
};

static struct finode *add_file(struct crowd *c, char kind, unsigned int number)
{
	struct finode *file = make_file(&c->n, 1000 + number);
	char name[16];

	snprintf(name, sizeof(name), "%c%u", kind, number);
	must_add(c->dir, name, file);
	return file;
}

static void crowd_make(struct crowd *c, unsigned int count)
{
	memset(c, 0, sizeof(*c));
	names_create(&c->n);
	c->count = count;
	c->files = calloc(count + 1, sizeof(struct finode *));
	c->seen = calloc(count + 1, 1);
	c->dir = make_dir(&c->n, 10);
	must_add(c->n.root, "dir", c->dir);
	for (unsigned int i = 0; i < count; i++)
		c->files[i] = add_file(c, 's', i);
}

static void crowd_finish(struct crowd *c)
{
	for (unsigned int i = 0; i < c->count; i++)
		finode_put(c->files[i]);
	finode_put(c->dir);
	free(c->files);
	free(c->seen);
	names_finish(&c->n);
}

/* Notes what the walk has returned. @return 0 if it cannot be */
static int note(struct crowd *c, const struct finode_alias *alias)
{
	unsigned int number = (unsigned int)strtoul(alias->name + 1, NULL, 10);

	if (alias->dir != c->dir || !alias->inode)
		return 0;
	if (alias->name[0] != 's')
		return 1;
	return number < c->count && alias->inode == c->files[number] &&
	       c->seen[number]++ == 0;
}

/* One step of a walk; it asserts what can be asserted of each. */
static struct finode_alias *step(struct crowd *c, struct finode_alias *previous)
{
	struct finode_alias *alias = finode_child_next(c->dir, previous);

	if (alias)
		assert_true(note(c, alias));
	return alias;
}

/* Those from `first` on have been seen once each, and nothing else that stays. */
static void assert_seen_from(struct crowd *c, unsigned int first)
{
	for (unsigned int i = first; i < c->count; i++)
		assert_int_equal(c->seen[i], 1);
	memset(c->seen, 0, c->count);
}

static unsigned int walk(struct crowd *c)
{
	struct finode_alias *alias = NULL;
	unsigned int count = 0;

	while ((alias = step(c, alias)))
		count++;
	return count;
}

static void remove_file(struct crowd *c, char kind, unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%u", kind, number);
	assert_int_equal(finode_alias_remove(c->dir, name), 0);
}

static void test_g_a_walk_returns_each_child_once(void **state)
{
	static const unsigned int counts[] = {0, 1, 2, 4, 5, 8, 9, 100, 1024, 5000};
	struct crowd c;

	(void)state;
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		crowd_make(&c, counts[i]);
		assert_int_equal(walk(&c), counts[i]);
		assert_seen_from(&c, 0);
		crowd_finish(&c);
	}
}

static void test_g_what_has_no_children_ends_a_walk_at_once(void **state)
{
	struct names_fixture n;
	struct fixture f;
	struct finode *file, *dir;

	(void)state;
	names_create(&n);
	file = make_file(&n, 20);
	dir = make_dir(&n, 10);
	assert_null(finode_child_next(n.root, NULL));
	must_add(n.root, "f", file);
	assert_null(finode_child_next(file, NULL));
	assert_null(finode_child_next(dir, NULL)); /* of no name itself */
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
	fixture_create(&f); /* no names at all */
	assert_null(finode_child_next(finode_table_root(f.table), NULL));
	fixture_finish(&f);
}

static void test_e_what_a_walk_returns_is_held(void **state)
{
	struct finode_alias *alias;
	struct crowd c;

	(void)state;
	crowd_make(&c, 1);
	alias = finode_child_next(c.dir, NULL);
	finode_put(c.files[0]);
	remove_file(&c, 's', 0);
	assert_int_equal(c.n.f.evicts, 0);
	assert_string_equal(alias->name, "s0");
	assert_ptr_equal(alias->dir, c.dir);
	finode_alias_put(alias); /* a walk that stops early */
	assert_int_equal(c.n.f.evicts, 1);
	c.count = 0;
	crowd_finish(&c);
}

/* Each child, and its inode, goes while the walk stands on it. */
static void test_e_a_walk_goes_on_from_a_child_that_was_removed(void **state)
{
	struct finode_alias *alias = NULL;
	unsigned int count = 0;
	struct crowd c;

	(void)state;
	crowd_make(&c, 100);
	while ((alias = step(&c, alias))) {
		finode_put(alias->inode);
		assert_int_equal(finode_alias_remove(c.dir, alias->name), 0);
		assert_int_equal(c.n.f.evicts, count++);
	}
	assert_int_equal(c.n.f.evicts, 100);
	assert_seen_from(&c, 0);
	assert_null(finode_child_next(c.dir, NULL));
	c.count = 0;
	crowd_finish(&c);
}

/* Another name of one file. */
static void add_name(struct crowd *c, unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "t%u", number);
	must_add(c->dir, name, c->files[0]);
}

/* Two more for each that was seen: the arrays double under the walk several times. */
static void grow_during_a_walk(unsigned int count)
{
	struct finode_alias *alias = NULL;
	unsigned int more = 0;
	struct crowd c;

	crowd_make(&c, count);
	while ((alias = step(&c, alias))) {
		add_name(&c, more++);
		add_name(&c, more++);
	}
	assert_seen_from(&c, 0);
	assert_true(more >= 2 * count); /* more, for what was added and seen */
	assert_int_equal(walk(&c), count + more);
	crowd_finish(&c);
}

static void grow_between_two_steps(unsigned int count, unsigned int seen, unsigned int more)
{
	struct finode_alias *alias = NULL;
	struct crowd c;

	crowd_make(&c, count);
	for (unsigned int i = 0; i < seen; i++)
		alias = step(&c, alias);
	for (unsigned int i = 0; i < more; i++)
		add_name(&c, i);
	while ((alias = step(&c, alias)))
		;
	assert_seen_from(&c, 0);
	assert_int_equal(walk(&c), count + more);
	crowd_finish(&c);
}

static void test_g_growth_during_a_walk_makes_it_miss_and_repeat_nothing(void **state)
{
	(void)state;
	/* From one chain to many, and with the old array emptied to any part. */
	for (unsigned int seen = 0; seen <= 4; seen++)
		grow_between_two_steps(4, seen, 200);
	for (unsigned int more = 1; more < 70; more++)
		grow_between_two_steps(128, more % 7 * 17 + 1, more);
	grow_during_a_walk(3);
	grow_during_a_walk(500);
}

static void *allocate(size_t size, void *user)
{
	(void)user;
	return calloc(1, size);
}

static void release(void *ptr, void *user)
{
	(void)user;
	free(ptr);
}

/* Hashes of 31 bits meet too seldom in a table: here all are one of two. */
static void test_g_children_of_one_hash_have_an_order_too(void **state)
{
	static const struct finode_allocator allocator = {allocate, release, NULL};
	static struct finode_alias aliases[50];
	static unsigned char seen[50];
	struct children children = {0};
	struct children_cursor cursor = {0};
	struct finode_alias *alias;
	uint64_t bytes = 0;

	(void)state;
	for (unsigned int i = 0; i < 50; i++) {
		/* From the middle outward, so that chains are in no order of addresses. */
		alias = &aliases[i % 2 ? 25 + i / 2 : 24 - i / 2];
		alias_core(alias)->hash = i < 25 ? 0x7fffffff : 0x12345678;
		finode__children_add(&children, alias, &allocator, &bytes);
	}
	while ((alias = finode__children_after(&children, &cursor, UINT_MAX)))
		assert_int_equal(seen[alias - aliases]++, 0);
	assert_int_equal(cursor.place, CHILDREN_END);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(seen[i], 1);
		finode__children_remove(&children, &aliases[i], &allocator, &bytes);
	}
	assert_int_equal(bytes, 0);
}

/* The arrays go with the last child, and the new children begin with one chain again. */
static void test_g_a_walk_survives_a_directory_that_was_empty_meanwhile(void **state)
{
	struct finode_alias *alias = NULL;
	struct crowd c;

	(void)state;
	crowd_make(&c, 1000);
	for (unsigned int i = 0; i < 300; i++)
		alias = step(&c, alias);
	for (unsigned int i = 0; i < 1000; i++)
		remove_file(&c, 's', i);
	assert_null(finode_child_next(c.dir, alias));
	memset(c.seen, 0, c.count);
	for (unsigned int i = 0; i < 10; i++)
		must_add(c.dir, (char[]){'s', (char)('0' + i), 0}, c.files[i]);
	alias = NULL;
	for (unsigned int i = 0; i < 5; i++)
		alias = step(&c, alias);
	for (unsigned int i = 0; i < 10; i++)
		remove_file(&c, 's', i);
	must_add(c.dir, "t", c.files[0]);
	while ((alias = step(&c, alias)))
		assert_string_equal(alias->name, "t");
	crowd_finish(&c);
}

/* A large array with nearly nothing in it: the walk releases the lock now and then. */
static void test_g_a_walk_finds_the_few_that_many_have_left(void **state)
{
	struct crowd c;

	(void)state;
	crowd_make(&c, 20000);
	for (unsigned int i = 0; i < 20000 - 3; i++) {
		remove_file(&c, 's', i);
		c.seen[i] = 1;
	}
	assert_int_equal(walk(&c), 3);
	assert_seen_from(&c, 0);
	crowd_finish(&c);
}

static void test_e_a_walk_leaves_out_what_is_being_evicted(void **state)
{
	struct gate gate;
	struct task task;
	struct crowd c;

	(void)state;
	crowd_make(&c, 4); /* all in one chain */
	gate_close(&gate);
	c.n.f.evict_gate = &gate;
	task_start(&task, task_put, c.files[2]);
	gate_await(&gate, 1);
	assert_int_equal(walk(&c), 3);
	c.seen[2]++;
	assert_seen_from(&c, 0);
	gate_open(&gate);
	task_join(&task);
	assert_int_equal(walk(&c), 3);
	c.files[2] = NULL;
	crowd_finish(&c);
}

/* ---- beside others ---- */

#define MANY	 100000
#define VISITORS 3000 /* that come and go */

struct traffic {
	struct crowd c;
	struct finode *visitors[VISITORS];
	_Atomic unsigned int changes, failures;
	_Atomic bool stop;
};

static void come(struct traffic *t, unsigned int i, char kind)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%u", kind, i);
	t->failures += finode_alias_add(t->c.dir, name, t->visitors[i], 0) < 0;
	t->changes++;
}

static void move(struct traffic *t, unsigned int i)
{
	char from[16], to[16];

	snprintf(from, sizeof(from), "t%u", i);
	snprintf(to, sizeof(to), "u%u", i);
	t->failures += finode_alias_rename(t->c.dir, from, t->c.dir, to, 0) < 0;
	t->changes++;
}

static void leave(struct traffic *t, unsigned int i)
{
	char name[16];

	snprintf(name, sizeof(name), "u%u", i);
	t->failures += finode_alias_remove(t->c.dir, name) < 0;
	t->changes++;
}

static void visitors_come_and_go(void *arg)
{
	struct traffic *t = arg;

	while (!t->stop) {
		for (unsigned int i = 0; i < VISITORS; i++)
			come(t, i, 't');
		for (unsigned int i = 0; i < VISITORS; i++)
			move(t, i);
		for (unsigned int i = 0; i < VISITORS; i++)
			leave(t, i);
	}
}

static void test_g_each_child_that_stays_is_returned_once_whatever_others_do(void **state)
{
	static struct traffic t;
	struct task task;

	(void)state;
	crowd_make(&t.c, MANY);
	for (unsigned int i = 0; i < VISITORS; i++)
		t.visitors[i] = make_file(&t.c.n, 1000 + MANY + i);
	task_start(&task, visitors_come_and_go, &t);
	for (unsigned int walks = 0; walks < 3 || t.changes < 4 * VISITORS; walks++) {
		walk(&t.c);
		assert_seen_from(&t.c, 0);
	}
	t.stop = true;
	task_join(&task);
	assert_int_equal(t.failures, 0);
	for (unsigned int i = 0; i < VISITORS; i++)
		finode_put(t.visitors[i]);
	assert_int_equal(walk(&t.c), MANY);
	crowd_finish(&t.c);
}

/* Several walks, of which each removes what it stands on: every child ends once. */
static void walk_and_remove(void *arg, unsigned int number)
{
	struct crowd *c = arg;
	struct finode_alias *alias = NULL;

	(void)number;
	while ((alias = finode_child_next(c->dir, alias)))
		finode_alias_remove(c->dir, alias->name);
}

static void test_e_several_walks_may_remove_what_the_others_stand_on(void **state)
{
	struct crowd c;

	(void)state;
	crowd_make(&c, 2000);
	run_threads(4, walk_and_remove, &c);
	assert_null(finode_child_next(c.dir, NULL));
	assert_int_equal(stats_of(&c.n.f).aliases, 1);
	crowd_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_a_walk_returns_each_child_once),
		cmocka_unit_test(test_g_what_has_no_children_ends_a_walk_at_once),
		cmocka_unit_test(test_e_what_a_walk_returns_is_held),
		cmocka_unit_test(test_e_a_walk_goes_on_from_a_child_that_was_removed),
		cmocka_unit_test(
			test_g_growth_during_a_walk_makes_it_miss_and_repeat_nothing),
		cmocka_unit_test(test_g_children_of_one_hash_have_an_order_too),
		cmocka_unit_test(
			test_g_a_walk_survives_a_directory_that_was_empty_meanwhile),
		cmocka_unit_test(test_g_a_walk_finds_the_few_that_many_have_left),
		cmocka_unit_test(test_e_a_walk_leaves_out_what_is_being_evicted),
		cmocka_unit_test(
			test_g_each_child_that_stays_is_returned_once_whatever_others_do),
		cmocka_unit_test(test_e_several_walks_may_remove_what_the_others_stand_on),
	};

	return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}
