/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names while they change: each order of steps that a table of names could get wrong, with
 * the threads stopped at chosen points, so nothing here depends on chance.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <stdio.h>

#include "names/names.h"

/* /a, /b, /a/d, /a/d/f and, on request, /b/e */
struct tree {
	struct names_fixture n;
	struct finode *a, *b, *d, *f;
};

static void tree_make(struct tree *t, unsigned int shards)
{
	names_init(&t->n);
	t->n.f.config.shards = shards;
	assert_int_equal(names_start(&t->n), 0);
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

/* An actor and the one call that it makes. */
struct party {
	struct actor actor;
	struct finode *dir, *inode, *newdir;
	const char *name, *newname;
	unsigned int flags;
	char path[200];
	ssize_t result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

static void does_path(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_path(p->inode, p->path, sizeof(p->path));
}

static void does_rename(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_alias_rename(p->dir, p->name, p->newdir, p->newname, p->flags);
}

static void does_add(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_alias_add(p->dir, p->name, p->inode, 0);
}

static void does_remove(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_alias_remove(p->dir, p->name);
}

static void does_lookup(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->inode = finode_alias_lookup(p->dir, p->name);
}

static void does_put(struct actor *actor)
{
	finode_put(party_of(actor)->inode);
}

static void must_rename(struct finode *olddir, const char *oldname, struct finode *newdir,
			const char *newname, unsigned int flags)
{
	assert_int_equal(finode_alias_rename(olddir, oldname, newdir, newname, flags), 0);
}

#define START(party_, fn_, point_, ...)                                                    \
	do {                                                                               \
		(party_) = (struct party){__VA_ARGS__};                                    \
		actor_start(&(party_).actor, fn_, point_);                                 \
	} while (0)

/* The path has "f" already when d moves to /b; "/b/d" and "/a" must not be mixed. */
static void test_g_a_path_is_not_mixed_of_before_and_after_a_rename(void **state)
{
	static struct tree t;
	static struct party path;

	(void)state;
	tree_make(&t, 4);
	START(path, does_path, "path: a step", .inode = t.f);
	actor_go(&path.actor, "path: a step"); /* it has seen /d/f, and stands at a */
	must_rename(t.d, "f", t.b, "g", 0);    /* f is not in d any more .. */
	must_rename(t.n.root, "a", t.n.root, "z", 0); /* .. when a becomes z */
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/b/g"); /* "/z/d/f" was never true */
	tree_finish(&t);
}

static void test_g_a_path_is_not_mixed_of_before_and_after_an_exchange(void **state)
{
	static struct tree t;
	static struct party path;
	struct finode *e;

	(void)state;
	tree_make(&t, 4);
	e = make_dir(&t.n, 13);
	must_add(t.b, "e", e);
	START(path, does_path, "path: a step", .inode = t.f);
	actor_go(&path.actor, "path: a step"); /* it has seen d/f */
	must_rename(t.d, "f", e, "f", 0);
	must_rename(t.n.root, "a", t.n.root, "b", FINODE_RENAME_EXCHANGE);
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/a/e/f"); /* "/b/d/f" was never true */
	finode_put(e);
	tree_finish(&t);
}

/* Only what comes below another directory makes a path begin again. */
static void test_g_a_path_that_no_rename_touches_is_true_while_files_move(void **state)
{
	static struct tree t;
	static struct party path;

	(void)state;
	tree_make(&t, 1); /* all in one stripe */
	START(path, does_path, "path: a step", .inode = t.f);
	must_rename(t.d, "f", t.b, "g", 0);
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/a/d/f"); /* it was, when it was looked at */
	tree_finish(&t);
}

static void test_g_a_path_that_is_always_overtaken_ends_under_the_tree_lock(void **state)
{
	static struct tree t;
	static struct party path;

	(void)state;
	tree_make(&t, 4);
	START(path, does_path, "path: a step", .inode = t.f);
	for (int i = 0; i < 3; i++) {
		must_rename(t.n.root, i % 2 ? "z" : "a", t.n.root, i % 2 ? "a" : "z", 0);
		actor_go(&path.actor, "path: a step");
	}
	must_rename(t.n.root, "z", t.n.root, "y", 0);
	actor_finish(&path.actor); /* there is no such point under the lock */
	assert_string_equal(path.path, "/y/d/f");
	tree_finish(&t);
}

/* /d/f leads to the root at every moment, but its alias moves past the path's walk. */
static void test_g_a_path_by_a_name_that_becomes_the_newest_is_found(void **state)
{
	static struct tree t;
	static struct party path;
	struct finode *lost;

	(void)state;
	tree_make(&t, 4);
	lost = make_dir(&t.n, 13); /* no name leads to it */
	must_add(lost, "f", t.f);
	START(path, does_path, "path: a step", .inode = t.f);
	must_add(t.d, "f", t.f); /* a look-up has seen it again */
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/a/d/f");

	must_add(lost, "f", t.f);
	START(path, does_path, "path: a step", .inode = t.f);
	must_rename(t.d, "f", t.d, "g", 0);
	actor_finish(&path.actor);
	assert_string_equal(path.path, "/a/d/g");
	finode_put(lost);
	tree_finish(&t);
}

/* What the path climbs through goes while it stands there. */
static void test_e_a_directory_that_goes_under_a_path_is_still_held(void **state)
{
	static struct tree t;
	static struct party path;
	unsigned int evicts;

	(void)state;
	tree_make(&t, 4);
	START(path, does_path, "path: a step", .inode = t.f);
	finode_alias_remove(t.d, "f");
	finode_alias_remove(t.a, "d");
	evicts = t.n.f.evicts;
	finode_put(t.d);
	assert_int_equal(t.n.f.evicts, evicts); /* the path stands on it */
	actor_finish(&path.actor);
	assert_int_equal(path.result, -ENOENT);
	assert_int_equal(t.n.f.evicts, evicts + 1);
	t.d = NULL;
	tree_finish(&t);
}

static void test_g_two_renames_cannot_make_a_circle(void **state)
{
	static struct tree t;
	static struct party rename;

	(void)state;
	tree_make(&t, 4);
	/* a -> /b/a, which is fine as it stands; meanwhile b goes below a */
	START(rename, does_rename, "rename: before the locks", .dir = t.n.root, .name = "a",
	      .newdir = t.b, .newname = "a");
	must_rename(t.n.root, "b", t.a, "b", 0);
	actor_finish(&rename.actor);
	assert_int_equal(rename.result, -ELOOP);
	assert_path(t.b, "/a/b");
	tree_finish(&t);
}

static void test_g_an_addition_and_a_rename_cannot_make_a_circle(void **state)
{
	static struct tree t;
	static struct party add;

	(void)state;
	tree_make(&t, 4);
	START(add, does_add, "add: before the locks", .dir = t.b, .name = "a",
	      .inode = t.a);
	must_rename(t.n.root, "b", t.d, "b", 0);
	actor_finish(&add.actor);
	assert_int_equal(add.result, -ELOOP);
	assert_path(t.b, "/a/d/b");
	tree_finish(&t);
}

static void test_g_two_lookups_of_one_name_make_one_alias(void **state)
{
	static struct tree t;
	static struct party add;

	(void)state;
	tree_make(&t, 4);
	START(add, does_add, "add: before the locks", .dir = t.b, .name = "x",
	      .inode = t.f);
	must_add(t.b, "x", t.f);
	actor_finish(&add.actor);
	assert_int_equal(add.result, 0);
	assert_int_equal(stats_of(&t.n.f).aliases, 5);
	tree_finish(&t);
}

/* The rename has seen a; before its step, another one puts d there. */
static void test_g_a_rename_that_was_overtaken_begins_again(void **state)
{
	static struct tree t;
	static struct party rename;

	(void)state;
	tree_make(&t, 4);
	START(rename, does_rename, "rename: before the locks", .dir = t.n.root, .name = "a",
	      .newdir = t.b, .newname = "x");
	must_rename(t.a, "d", t.n.root, "a", 0);
	actor_finish(&rename.actor);
	assert_int_equal(rename.result, 0);
	assert_path(t.d, "/b/x");
	assert_names(t.n.root, "a", NULL);
	assert_path(t.a, NULL);
	tree_finish(&t);
}

static void test_e_a_lookup_that_races_with_a_removal_gets_a_usable_inode(void **state)
{
	static struct tree t;
	static struct party lookup, remove;

	(void)state;
	tree_make(&t, 4);
	START(lookup, does_lookup, "lookup: found, locked", .dir = t.d, .name = "f");
	START(remove, does_remove, NULL, .dir = t.d, .name = "f");
	assert_false(actor_settle(&remove.actor)); /* the lookup comes first */
	actor_finish(&lookup.actor);
	actor_finish(&remove.actor);
	assert_int_equal(remove.result, 0);
	assert_ptr_equal(lookup.inode, t.f);
	finode_put(t.f);
	assert_int_equal(t.n.f.evicts, 0);
	assert_int_equal(object_of(lookup.inode)->value, 20);
	assert_path(lookup.inode, NULL);
	tree_finish(&t);
}

/* Its last reference has gone, its names have not yet. */
static void test_e_a_lookup_by_name_never_gets_what_is_being_evicted(void **state)
{
	static struct tree t;
	static struct party put;

	(void)state;
	tree_make(&t, 4);
	START(put, does_put, "put: before evict()", .inode = t.f);
	assert_null(finode_alias_lookup(t.d, "f"));
	actor_finish(&put.actor);
	assert_int_equal(t.n.f.evicts, 1);
	t.f = NULL;
	tree_finish(&t);
}

/* .. and its name already belongs to the next one. */
static void test_e_the_end_of_an_inode_leaves_the_name_to_its_successor(void **state)
{
	static struct tree t;
	static struct party put;
	struct finode *next;

	(void)state;
	tree_make(&t, 4);
	next = make_file(&t.n, 21);
	START(put, does_put, "put: before evict()", .inode = t.f);
	must_add(t.d, "f", next);
	actor_finish(&put.actor);
	assert_names(t.d, "f", next);
	t.f = next;
	tree_finish(&t);
}

/* The addition has made its alias; nobody else holds the directory any more. */
static void test_e_an_addition_keeps_its_directory(void **state)
{
	static struct tree t;
	static struct party add;

	(void)state;
	tree_make(&t, 4);
	finode_alias_remove(t.d, "f");
	START(add, does_add, "add: before the locks", .dir = finode_hold(t.d), .name = "g",
	      .inode = t.f);
	finode_alias_remove(t.a, "d");
	finode_put(t.d);
	t.d = NULL;
	actor_finish(&add.actor);
	assert_int_equal(add.result, 0);
	finode_put(add.dir); /* the actor's: now only the alias holds it */
	assert_int_equal(t.n.f.evicts, 0);
	assert_names(add.dir, "g", t.f);
	tree_finish(&t);
	assert_int_equal(t.n.f.evicts, 5);
}

/* A lookup that found an inode is slower than its retirement. */
static void test_h_an_addition_that_was_overtaken_by_retire_gives_no_name(void **state)
{
	static struct tree t;
	static struct party add;

	(void)state;
	tree_make(&t, 4);
	START(add, does_add, "add: before the locks", .dir = t.d, .name = "g",
	      .inode = t.f);
	finode_retire(t.f);
	actor_finish(&add.actor);
	assert_int_equal(add.result, -ESTALE);
	assert_names(t.d, "g", NULL);
	assert_alias_count(t.f, 0);
	tree_finish(&t);
}

/* A rename of what is being evicted waits; it does not spin, and leaves no name. */
static void test_e_a_rename_of_what_is_being_evicted_waits_for_its_end(void **state)
{
	static struct tree t;
	static struct party put, rename;
	struct gate gate;

	(void)state;
	tree_make(&t, 4);
	gate_close(&gate);
	t.n.f.evict_gate = &gate;
	t.n.f.gated_value = 20;
	START(put, does_put, NULL, .inode = t.f);
	gate_await(&gate, 1);
	START(rename, does_rename, NULL, .dir = t.d, .name = "f", .newdir = t.b,
	      .newname = "g");
	assert_false(actor_settle(&rename.actor));
	assert_int_equal(finode_alias_remove(t.d, "g"), -ENOENT); /* others need not wait */
	gate_open(&gate);
	actor_finish(&put.actor);
	actor_finish(&rename.actor);
	assert_int_equal(rename.result, 0);
	assert_names(t.d, "f", NULL);
	assert_names(t.b, "g", NULL);
	t.f = NULL;
	tree_finish(&t);
}

/* A regular file that is known by its name only. */
static int obtain_at(struct finode *dir, const char *name, struct finode **out)
{
	struct names_fixture *n = finode_table_user(dir->mount->table);
	struct what what = {.fixture = &n->f, .value = 7};

	bool created = false;
	int err = finode_obtain_at(dir, name, S_IFREG, &what, out, &created);

	return err ? err : created ? WAS_CREATED : WAS_FOUND;
}

static void does_obtain_at(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = obtain_at(p->dir, p->name, &p->inode);
}

static void test_b_a_lookup_during_init_waits_for_it(void **state)
{
	static struct names_fixture n;
	static struct party one, other;

	(void)state;
	names_create(&n);
	START(one, does_obtain_at, "obtain: init() returned", .dir = n.root, .name = "f");
	START(other, does_obtain_at, NULL, .dir = n.root, .name = "f");
	assert_false(actor_settle(&other.actor));
	actor_go(&one.actor, "obtain at: named");
	actor_finish(&one.actor);
	actor_finish(&other.actor);
	assert_int_equal(one.result, WAS_CREATED);
	assert_int_equal(other.result, WAS_FOUND);
	assert_ptr_equal(one.inode, other.inode);
	finode_put(one.inode);
	finode_put(other.inode);
	names_finish(&n);
}

/* It has its name, and its key still: names are all that it is known by, so none is old. */
static void test_g_what_is_known_by_its_name_keeps_all_from_the_first(void **state)
{
	static struct names_fixture n;
	static struct party one;
	struct finode *file;

	(void)state;
	names_create(&n);
	START(one, does_obtain_at, "obtain at: named", .dir = n.root, .name = "f");
	file = finode_alias_lookup(n.root, "f");
	assert_non_null(file);
	assert_int_equal(finode_alias_add(n.root, "g", file, 1), 0);
	assert_alias_count(file, 2);
	actor_finish(&one.actor);
	assert_int_equal(one.result, WAS_CREATED);
	assert_ptr_equal(one.inode, file);
	finode_put(file);
	finode_put(one.inode);
	names_finish(&n);
}

static void test_b_a_lookup_that_saw_nothing_looks_again(void **state)
{
	static struct names_fixture n;
	static struct party late;
	struct finode *file;

	(void)state;
	names_create(&n);
	START(late, does_obtain_at, "obtain at: looked", .dir = n.root, .name = "f");
	assert_int_equal(obtain_at(n.root, "f", &file), WAS_CREATED);
	actor_finish(&late.actor);
	assert_int_equal(late.result, WAS_FOUND);
	assert_int_equal(n.f.inits, 2);
	finode_put(file);
	finode_put(late.inode);
	names_finish(&n);
}

static void test_b_a_lookup_during_evict_waits_and_makes_a_new_object(void **state)
{
	static struct names_fixture n;
	static struct party end, lookup;
	struct gate gate;
	struct finode *file;
	uint64_t id;

	(void)state;
	names_create(&n);
	assert_int_equal(obtain_at(n.root, "f", &file), WAS_CREATED);
	id = file->nodeid;
	gate_close(&gate);
	n.f.evict_gate = &gate;
	START(end, does_put, NULL, .inode = file);
	gate_await(&gate, 1);
	START(lookup, does_obtain_at, NULL, .dir = n.root, .name = "f");
	assert_false(actor_settle(&lookup.actor));
	assert_int_equal(n.f.inits, 2);
	assert_null(finode_alias_lookup(n.root, "f")); /* that one does not wait */
	gate_open(&gate);
	actor_finish(&end.actor);
	actor_finish(&lookup.actor);
	assert_int_equal(lookup.result, WAS_CREATED);
	assert_int_not_equal(lookup.inode->nodeid, id);
	finode_put(lookup.inode);
	names_finish(&n);
}

/* While one makes the object, the name is given to another one. */
static void test_b_a_name_that_was_given_away_during_init_is_to_be_looked_up_again(
	void **state)
{
	static struct names_fixture n;
	static struct party one;
	struct finode *moved;

	(void)state;
	names_create(&n);
	assert_int_equal(obtain_at(n.root, "g", &moved), WAS_CREATED);
	START(one, does_obtain_at, "obtain: init() returned", .dir = n.root, .name = "f");
	assert_int_equal(finode_alias_rename(n.root, "g", n.root, "f", 0), 0);
	actor_finish(&one.actor);
	assert_int_equal(one.result, -ESTALE); /* init() has its argument: no second try */
	assert_null(one.inode);
	assert_int_equal(n.f.evicts, 1);
	assert_names(n.root, "f", moved);
	finode_put(moved);
	names_finish(&n);
}

/* Stops a look-up where it has found the name; a rename of it has to wait. */
static void rename_beside_a_lookup(struct tree *t, struct finode *dir, const char *name,
				   struct finode *newdir, const char *newname)
{
	static struct party lookup, rename;

	START(lookup, does_lookup, "lookup: found, locked", .dir = dir, .name = name);
	START(rename, does_rename, NULL, .dir = dir, .name = name, .newdir = newdir,
	      .newname = newname);
	assert_false(actor_settle(&rename.actor));
	actor_finish(&lookup.actor);
	actor_finish(&rename.actor);
	assert_ptr_equal(lookup.inode, t->f); /* it came before */
	finode_put(lookup.inode);
	assert_int_equal(rename.result, 0);
	assert_names(dir, name, NULL);
	assert_names(newdir, newname, t->f);
}

static void test_g_a_lookup_in_either_directory_comes_before_a_rename_or_after(void **state)
{
	static struct tree t;
	static struct party rename;

	(void)state;
	tree_make(&t, 4);
	rename_beside_a_lookup(&t, t.d, "f", t.b, "g");
	rename_beside_a_lookup(&t, t.b, "g", t.d, "f");
	START(rename, does_rename, "rename: before the locks", .dir = t.d, .name = "f",
	      .newdir = t.b, .newname = "g");
	assert_names(t.d, "f", t.f);
	assert_names(t.b, "g", NULL);
	actor_finish(&rename.actor);
	assert_names(t.d, "f", NULL);
	assert_names(t.b, "g", t.f);
	tree_finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_a_path_is_not_mixed_of_before_and_after_a_rename),
		cmocka_unit_test(
			test_g_a_path_is_not_mixed_of_before_and_after_an_exchange),
		cmocka_unit_test(
			test_g_a_path_that_no_rename_touches_is_true_while_files_move),
		cmocka_unit_test(
			test_g_a_path_that_is_always_overtaken_ends_under_the_tree_lock),
		cmocka_unit_test(test_g_a_path_by_a_name_that_becomes_the_newest_is_found),
		cmocka_unit_test(test_e_a_directory_that_goes_under_a_path_is_still_held),
		cmocka_unit_test(test_g_two_renames_cannot_make_a_circle),
		cmocka_unit_test(test_g_an_addition_and_a_rename_cannot_make_a_circle),
		cmocka_unit_test(test_g_two_lookups_of_one_name_make_one_alias),
		cmocka_unit_test(test_g_a_rename_that_was_overtaken_begins_again),
		cmocka_unit_test(
			test_g_a_lookup_in_either_directory_comes_before_a_rename_or_after),
		cmocka_unit_test(
			test_e_a_lookup_that_races_with_a_removal_gets_a_usable_inode),
		cmocka_unit_test(test_e_a_lookup_by_name_never_gets_what_is_being_evicted),
		cmocka_unit_test(
			test_e_the_end_of_an_inode_leaves_the_name_to_its_successor),
		cmocka_unit_test(test_e_an_addition_keeps_its_directory),
		cmocka_unit_test(
			test_e_a_rename_of_what_is_being_evicted_waits_for_its_end),
		cmocka_unit_test(
			test_h_an_addition_that_was_overtaken_by_retire_gives_no_name),
		cmocka_unit_test(test_b_a_lookup_during_init_waits_for_it),
		cmocka_unit_test(test_g_what_is_known_by_its_name_keeps_all_from_the_first),
		cmocka_unit_test(test_b_a_lookup_that_saw_nothing_looks_again),
		cmocka_unit_test(test_b_a_lookup_during_evict_waits_and_makes_a_new_object),
		cmocka_unit_test(
			test_b_a_name_that_was_given_away_during_init_is_to_be_looked_up_again),
	};

	printf("schedules of names: %zu orders of steps, each made to happen\n",
	       sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests_name("name_schedules", tests, NULL, NULL);
}
