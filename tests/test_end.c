/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ends of inodes that hold others (guarantees F and J): in a loop, after the evict()
 * that has put them, and all of them at the end of a table. What follows an author's
 * mistakes is in test_end_held.c.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <stdio.h>

#include "core/object.h"

/* What the object of a number holds, and puts in its evict(): by the number. */
#define MANY 200000
static struct finode *held[MANY + 2];
static struct finode_file *held_file[16];

static void put_held(struct finode *base)
{
	uint64_t number = object_of(base)->value;

	finode_put(held[number]);
	held[number] = NULL;
}

/* With names or without; what is tested is the same. */
static void start(struct names_fixture *n, bool names)
{
	names_init(n);
	n->f.config.aliases = names;
	assert_int_equal(names_start(n), 0);
}

/* ---- Chains ---- */

static void chain_of_holders(bool names)
{
	struct names_fixture n;
	struct finode *last = NULL;

	start(&n, names);
	n.f.in_evict = put_held;
	for (uint64_t i = 2; i < MANY + 2; i++) {
		held[i] = last;
		last = make_dir(&n, i);
	}
	finode_put(last);
	assert_int_equal(n.f.evicts, MANY);
	names_finish(&n);
}

static void test_j_a_chain_of_inodes_that_hold_each_other_ends_in_a_loop(void **state)
{
	(void)state;
	chain_of_holders(false);
	chain_of_holders(true);
}

/* /d/d/d/..: each is held by nothing but its name's child. */
static void test_j_a_chain_of_names_ends_in_a_loop(void **state)
{
	struct names_fixture n;
	struct finode *dir, *child;

	(void)state;
	names_create(&n);
	dir = finode_hold(n.root);
	for (uint64_t i = 2; i < MANY + 2; i++) {
		child = make_dir(&n, i);
		must_add(dir, "d", child);
		finode_put(dir);
		dir = child;
	}
	assert_int_equal(n.f.evicts, 0);
	finode_put(dir);
	assert_int_equal(n.f.evicts, MANY);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

/* ---- Order ---- */

#define LOG_MOST 64
static int evict_log[LOG_MOST]; /* the number, and minus the number when it returns */
static unsigned int evict_log_used;

static void log_evict(int what)
{
	if (evict_log_used < LOG_MOST)
		evict_log[evict_log_used++] = what;
}

static void put_held_and_log(struct finode *base)
{
	const int number = (int)object_of(base)->value;

	log_evict(number);
	put_held(base);
	log_evict(-number);
}

static void test_f_what_an_evict_puts_ends_after_it_has_returned(void **state)
{
	static const int expected[] = {4, -4, 3, -3, 2, -2};
	struct names_fixture n;

	(void)state;
	for (int names = 0; names < 2; names++) {
		start(&n, names);
		evict_log_used = 0;
		n.f.in_evict = put_held_and_log;
		held[3] = make_dir(&n, 2);
		held[4] = make_dir(&n, 3);
		finode_put(make_dir(&n, 4));
		n.f.in_evict = NULL;
		assert_int_equal(evict_log_used, 6);
		assert_memory_equal(evict_log, expected, sizeof(expected));
		names_finish(&n);
	}
}

/* ---- An evict() that wants back what it has put ---- */

enum { AGAIN = 300 }; /* objects 10 .. are put, and obtained again */
static uint64_t old_ids[AGAIN];
static unsigned int again_made;

static void put_and_obtain_keys(struct finode *base)
{
	struct fixture *f = object_of(base)->fixture;
	struct finode *again;

	if (object_of(base)->value != 7)
		return;
	for (uint64_t i = 0; i < AGAIN; i++)
		finode_put(held[10 + i]);
	for (uint64_t i = 0; i < AGAIN; i++) {
		if (obtain(f, 10 + i, &again) == WAS_CREATED)
			again_made += again->nodeid != old_ids[i];
		finode_put(again);
	}
	if (obtain(f, 7, &again) != -EDEADLK)
		f->broken++;
}

static void test_f_evict_obtains_again_the_keys_that_it_has_put(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int names = 0; names < 2; names++) {
		start(&n, names);
		n.f.in_evict = put_and_obtain_keys;
		again_made = 0;
		for (uint64_t i = 0; i < AGAIN; i++) {
			held[10 + i] = must_obtain(&n.f, 10 + i);
			old_ids[i] = held[10 + i]->nodeid;
		}
		finode_put(must_obtain(&n.f, 7));
		n.f.in_evict = NULL;
		assert_int_equal(again_made, AGAIN);
		assert_int_equal(n.f.evicts, 2 * AGAIN + 1);
		names_finish(&n);
	}
}

static int at(struct names_fixture *n, struct finode *dir, const char *name, uint64_t value,
	      struct finode **out)
{
	struct what what = {.fixture = &n->f, .value = value};
	bool created = false;
	int err = finode_obtain_at(dir, name, S_IFREG, &what, out, &created);

	return err ? err : created ? WAS_CREATED : WAS_FOUND;
}

static struct finode *must_obtain_at(struct names_fixture *n, const char *name,
				     uint64_t value)
{
	struct finode *inode;

	assert_int_equal(at(n, n->root, name, value, &inode), WAS_CREATED);
	return inode;
}

static void put_and_obtain_name(struct finode *base)
{
	struct names_fixture *n = finode_table_user(base->mount->table);
	struct finode *again;

	if (object_of(base)->value != 7)
		return;
	finode_put(held[10]);
	if (at(n, n->root, "ten", 11, &again) == WAS_CREATED)
		again_made += again->nodeid != old_ids[0];
	finode_put(again);
	if (at(n, n->root, "seven", 7, &again) != -EDEADLK)
		n->f.broken++;
}

static void test_f_evict_obtains_again_the_name_that_it_has_put(void **state)
{
	struct names_fixture n;

	(void)state;
	names_create(&n);
	n.f.in_evict = put_and_obtain_name;
	again_made = 0;
	held[10] = must_obtain_at(&n, "ten", 10);
	old_ids[0] = held[10]->nodeid;
	finode_put(must_obtain_at(&n, "seven", 7));
	assert_int_equal(again_made, 1);
	assert_int_equal(n.f.evicts, 3);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	n.f.in_evict = NULL;
	names_finish(&n);
}

static void put_and_rename(struct finode *base)
{
	struct names_fixture *n = finode_table_user(base->mount->table);

	if (object_of(base)->value != 7)
		return;
	finode_put(held[10]);
	if (finode_alias_rename(n->root, "ten", n->root, "x", 0) != 0)
		n->f.broken++;
}

/* A rename waits for the end of what moves: of nobody, when it has come about. */
static void test_f_evict_renames_what_it_has_put(void **state)
{
	struct names_fixture n;

	(void)state;
	names_create(&n);
	n.f.in_evict = put_and_rename;
	held[10] = must_obtain_at(&n, "ten", 10);
	finode_put(must_obtain_at(&n, "seven", 7));
	assert_int_equal(n.f.evicts, 2);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

/* ---- Two tables ---- */

static void test_j_a_chain_through_two_tables_ends_in_a_loop(void **state)
{
	struct names_fixture tables[2];
	struct finode *last = NULL;

	(void)state;
	start(&tables[0], false);
	start(&tables[1], true);
	for (int i = 0; i < 2; i++)
		tables[i].f.in_evict = put_held;
	for (uint64_t i = 2; i < MANY + 2; i++) {
		held[i] = last;
		last = make_file(&tables[i % 2], i);
	}
	finode_put(last);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tables[i].f.evicts, MANY / 2);
		names_finish(&tables[i]);
	}
}

/* ---- The end of a table ---- */

/* The root holds directories 2 .. 9, and each of them 100 files; the kernel counts some. */
static void hold_a_tree(struct names_fixture *n)
{
	memset(held, 0, sizeof(held));
	for (uint64_t i = 2; i < 10; i++)
		held[i] = make_dir(n, i);
	for (uint64_t i = 100; i < 900; i++)
		held[i] = make_file(n, i);
	for (uint64_t i = 100; i < 900; i += 3)
		finode_count(held[i], i);
	finode_count(held[2], 1);
}

static void put_below(uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		finode_put(held[i]);
		held[i] = NULL;
	}
}

static void put_children(struct finode *base)
{
	uint64_t number = object_of(base)->value;

	if (number == 1)
		put_below(2, 8);
	else if (number < 10)
		put_below(100 * (number - 1), 100);
}

static void test_j_a_tree_whose_directories_hold_their_children_ends_clean(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int names = 0; names < 2; names++) {
		start(&n, names);
		hold_a_tree(&n);
		if (names)
			must_add(n.root, "two", held[2]);
		n.f.in_evict = put_children;
		names_finish(&n);
		assert_int_equal(n.f.evicts, 1 + 8 + 800);
		assert_int_equal(n.f.logs, 0);
	}
}

/* Borrowed by every object: an inode that may have been evicted long ago. */
static struct finode *other[MANY + 2];
static unsigned int others_seen;
static long live_at_first;
enum { SHARDS = 4 };

static void use_other(struct finode *base)
{
	struct object *object = object_of(base);
	struct finode *inode = other[object->value];

	/* The index of a shard goes with the last key in it. */
	if (object->fixture->live_allocations + SHARDS < live_at_first)
		object->fixture->broken++;
	if (inode && object_of(inode)->fixture == object->fixture &&
	    inode->mount->table == base->mount->table)
		others_seen++;
	put_children(base);
}

/* Each uses the one before it, and the one after it: one of the two has been evicted. */
static void test_j_no_memory_goes_before_the_last_evict_of_a_table(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int step = -1; step <= 1; step += 2) {
		start(&n, false);
		memset(other, 0, sizeof(other));
		hold_a_tree(&n);
		for (uint64_t i = 101; i < 899; i++)
			other[i] = held[(int)i + step];
		/* Nobody but the kernel has these. */
		for (uint64_t i = 2000; i < 2400; i++)
			other[i] = make_file(&n, i);
		for (uint64_t i = 2000; i < 2400; i++) {
			finode_count(other[i], 1);
			finode_put(other[i]);
		}
		for (uint64_t i = 2001; step > 0 && i < 2400; i++)
			other[i] = other[2000];
		n.f.in_evict = use_other;
		others_seen = 0;
		live_at_first = n.f.live_allocations;
		assert_int_equal(n.f.config.shards, SHARDS);
		names_finish(&n);
		assert_int_equal(others_seen, 798 + 400);
		assert_int_equal(n.f.logs, 0);
	}
}

static unsigned int refusals;

static void obtain_during_the_end(struct finode *base)
{
	struct names_fixture *n = finode_table_user(base->mount->table);
	const struct finode_mount_id id = {{5, 5}};
	struct finode_mount *mount;
	struct finode_file *file;
	struct finode *none;

	put_children(base);
	refusals += obtain(&n->f, 5000, &none) == -ESTALE && !none;
	refusals += obtain(&n->f, 100, &none) == -ESTALE && !none;
	refusals +=
		at(n, base, "x", 1, &none) == (base->type == S_IFDIR ? -ESTALE : -ENOTDIR);
	refusals += finode_mount_obtain(base->mount, &id, NULL, &mount, NULL) == -ESTALE &&
		    !mount;
	refusals += finode_file_open(n->root, &n->f, &file) == -ESTALE && !file;
}

static void test_j_evict_obtains_nothing_while_its_table_ends(void **state)
{
	struct names_fixture n;

	(void)state;
	names_create(&n);
	hold_a_tree(&n);
	/* One that goes at once, since only the kernel has it. */
	finode_put(held[100]);
	held[100] = NULL;
	n.f.in_evict = obtain_during_the_end;
	refusals = 0;
	names_finish(&n);
	assert_int_equal(refusals, 5 * (1 + 8 + 800));
	assert_int_equal(n.f.inits, 1 + 8 + 800);
	assert_int_equal(n.f.logs, 0);
}

static void put_file_and_children(struct finode *base)
{
	uint64_t number = object_of(base)->value;

	if (number < 16)
		finode_file_put(held_file[number]);
	put_children(base);
}

/* A directory has a file of another one open: nobody's mistake. */
static void test_j_files_that_objects_hold_end_with_them(void **state)
{
	struct names_fixture n;

	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		start(&n, closed);
		hold_a_tree(&n);
		for (uint64_t i = 2; i < 9; i++) {
			assert_int_equal(finode_file_open(held[i + 1], &n.f, &held_file[i]),
					 0);
			if (closed)
				finode_file_close(n.f.table, held_file[i]->fh);
		}
		n.f.in_evict = put_file_and_children;
		names_finish(&n);
		assert_int_equal(n.f.releases, 7);
		assert_int_equal(n.f.logs, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_j_a_chain_of_inodes_that_hold_each_other_ends_in_a_loop),
		cmocka_unit_test(test_j_a_chain_of_names_ends_in_a_loop),
		cmocka_unit_test(test_f_what_an_evict_puts_ends_after_it_has_returned),
		cmocka_unit_test(test_f_evict_obtains_again_the_keys_that_it_has_put),
		cmocka_unit_test(test_f_evict_obtains_again_the_name_that_it_has_put),
		cmocka_unit_test(test_f_evict_renames_what_it_has_put),
		cmocka_unit_test(test_j_a_chain_through_two_tables_ends_in_a_loop),
		cmocka_unit_test(
			test_j_a_tree_whose_directories_hold_their_children_ends_clean),
		cmocka_unit_test(test_j_no_memory_goes_before_the_last_evict_of_a_table),
		cmocka_unit_test(test_j_evict_obtains_nothing_while_its_table_ends),
		cmocka_unit_test(test_j_files_that_objects_hold_end_with_them),
	};

	return cmocka_run_group_tests_name("end", tests, NULL, NULL);
}
