/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks and ways that others overtake: finode_child_next(), finode_path_at() and
 * finode_path_each() with the threads stopped at chosen points.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <stdio.h>

/* /a, /b, /a/d, /a/d/f */
struct tree {
	struct names_fixture n;
	struct finode *a, *b, *d, *f;
};

static void tree_make(struct tree *t)
{
	names_create(&t->n);
	t->a = make_dir(&t->n, 10);
	t->b = make_dir(&t->n, 11);
	t->d = make_dir(&t->n, 12);
	t->f = make_file(&t->n, 20);
	must_add(t->n.root, "a", t->a);
	must_add(t->n.root, "b", t->b);
	must_add(t->a, "d", t->d);
	must_add(t->d, "f", t->f);
}

static void tree_finish(struct tree *t)
{
	finode_put(t->a);
	finode_put(t->b);
	finode_put(t->d);
	finode_put(t->f);
	names_finish(&t->n);
}

static void must_rename(struct finode *olddir, const char *oldname, struct finode *newdir,
			const char *newname)
{
	assert_int_equal(finode_alias_rename(olddir, oldname, newdir, newname, 0), 0);
}

/* An actor, and what it asks for. */
struct party {
	struct actor actor;
	struct finode *inode;
	const char *name;
	char path[1000];
	unsigned int calls, seen;
	ssize_t result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

static void does_path_at(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_path_at(p->inode, p->name, p->path, sizeof(p->path));
}

static int append(const struct finode_alias *alias, void *arg)
{
	struct party *p = arg;

	strcat(strcat(p->path, "/"), alias->name);
	p->calls++;
	return 0;
}

static void does_path_each(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_path_each(p->inode, append, p);
}

/* The names that stay are one digit. */
static void does_walk(struct actor *actor)
{
	struct party *p = party_of(actor);
	struct finode_alias *alias = NULL;

	while ((alias = finode_child_next(p->inode, alias)))
		if (alias->name[1] == '\0')
			p->seen += 1u << 4 * (alias->name[0] - '0');
}

#define START(party_, fn_, point_, ...)                                                    \
	do {                                                                               \
		(party_) = (struct party){__VA_ARGS__};                                    \
		actor_start(&(party_).actor, fn_, point_);                                 \
	} while (0)

static void test_g_path_at_is_not_mixed_of_before_and_after_a_rename(void **state)
{
	static struct tree t;
	static struct party path;

	(void)state;
	tree_make(&t);
	START(path, does_path_at, "path: a step", .inode = t.d, .name = "new");
	must_rename(t.a, "d", t.b, "e"); /* it has seen /d, and stands at a */
	must_rename(t.n.root, "a", t.n.root, "z");
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/b/e/new"); /* "/z/d/new" was never true */
	tree_finish(&t);
}

static void test_g_components_are_not_mixed_of_before_and_after_a_rename(void **state)
{
	static struct tree t;
	static struct party each;

	(void)state;
	tree_make(&t);
	START(each, does_path_each, "path: a step", .inode = t.f);
	actor_go(&each.actor, "path: a step"); /* it has seen /d/f, and stands at a */
	must_rename(t.a, "d", t.b, "g");
	must_rename(t.n.root, "a", t.n.root, "z");
	assert_int_equal(each.calls, 0);
	actor_finish(&each.actor);
	assert_string_equal(each.path, "/b/g/f"); /* "/z/d/f" was never true */
	assert_int_equal(each.calls, 3);
	tree_finish(&t);
}

/* The directories that a climb has come by go while it stands there. */
static void test_e_a_climb_that_ends_early_lets_everything_go(void **state)
{
	static struct tree t;
	static struct party each;

	(void)state;
	tree_make(&t);
	START(each, does_path_each, "path: a step", .inode = t.f);
	actor_go(&each.actor, "path: a step"); /* it stands at a */
	finode_alias_remove(t.n.root, "a");
	finode_alias_remove(t.a, "d");
	finode_alias_remove(t.d, "f");
	finode_put(t.a);
	finode_put(t.d);
	assert_int_equal(t.n.f.evicts, 0);
	actor_finish(&each.actor);
	assert_int_equal(each.result, -ENOENT);
	assert_int_equal(each.calls, 0);
	assert_int_equal(t.n.f.evicts, 2);
	t.a = t.d = NULL;
	tree_finish(&t);
}

/* Deep enough to need memory, which is not asked for under the lock. */
static void test_g_components_that_are_always_overtaken_end_under_the_tree_lock(
	void **state)
{
	static struct tree t;
	static struct party each;
	struct finode *dir;

	(void)state;
	tree_make(&t);
	dir = finode_hold(t.d);
	for (unsigned int i = 0; i < 40; i++) {
		struct finode *next = make_dir(&t.n, 100 + i);

		must_add(dir, "d", next);
		finode_put(dir);
		dir = next;
	}
	START(each, does_path_each, "path: a step", .inode = dir);
	for (int i = 0; i < 4; i++) {
		must_rename(t.n.root, i % 2 ? "y" : "a", t.n.root, i % 2 ? "a" : "y");
		actor_go(&each.actor, i < 3 ? "path: a step" : NULL);
	}
	actor_finish(&each.actor);
	assert_int_equal(each.result, 0);
	assert_int_equal(each.calls, 42);
	finode_put(dir);
	tree_finish(&t);
}

#define MANY 20000 /* children for an array of 16384 chains; 32768 make it double */

static void name_all(struct tree *t, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		must_add(t->d, name, t->f);
	}
}

static void unname_all(struct tree *t)
{
	for (unsigned int i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(finode_alias_remove(t->d, name), 0);
	}
}

/* Few children in a large array: the walk lets the lock go, and is stopped there. */
static void start_among_few(struct tree *t, struct party *walk, unsigned int stops)
{
	tree_make(t);
	assert_int_equal(finode_alias_remove(t->d, "f"), 0);
	for (char digit = '0'; digit < '4'; digit++)
		must_add(t->d, (char[]){digit, '\0'}, t->f);
	name_all(t, MANY);
	unname_all(t);
	START(*walk, does_walk, "children: between chains", .inode = t->d);
	for (unsigned int i = 1; i < stops; i++)
		actor_go(&walk->actor, "children: between chains");
}

static void test_g_growth_within_one_step_of_a_walk_loses_nothing(void **state)
{
	static struct tree t;
	static struct party walk;

	(void)state;
	for (unsigned int stops = 1; stops <= 41; stops += 20) {
		start_among_few(&t, &walk, stops);
		name_all(&t, 36000); /* the old array is emptied in part */
		actor_finish(&walk.actor);
		assert_int_equal(walk.seen, 0x1111);
		tree_finish(&t);
	}
}

static void test_g_the_end_of_the_array_within_one_step_of_a_walk_ends_it(void **state)
{
	static struct tree t;
	static struct party walk;

	(void)state;
	for (unsigned int stops = 1; stops <= 41; stops += 20) {
		start_among_few(&t, &walk, stops);
		for (char digit = '0'; digit < '4'; digit++)
			assert_int_equal(finode_alias_remove(t.d, (char[]){digit, '\0'}),
					 0);
		must_add(t.d, "0", t.f);
		actor_finish(&walk.actor);
		/* At most once each, but "0", which may be seen again. */
		assert_int_equal(walk.seen & ~0x1113u, 0);
		tree_finish(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_path_at_is_not_mixed_of_before_and_after_a_rename),
		cmocka_unit_test(
			test_g_components_are_not_mixed_of_before_and_after_a_rename),
		cmocka_unit_test(test_e_a_climb_that_ends_early_lets_everything_go),
		cmocka_unit_test(
			test_g_components_that_are_always_overtaken_end_under_the_tree_lock),
		cmocka_unit_test(test_g_growth_within_one_step_of_a_walk_loses_nothing),
		cmocka_unit_test(
			test_g_the_end_of_the_array_within_one_step_of_a_walk_ends_it),
	};

	return cmocka_run_group_tests_name("walk_schedules", tests, NULL, NULL);
}
