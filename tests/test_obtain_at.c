/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inodes that are known by their names only: guarantees B, H and K for finode_obtain_at().
 * Linked with the yield points, for the orders of steps at its end.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <stdio.h>

#include "inode.h"

static int at_as(struct names_fixture *n, struct finode *dir, const char *name, mode_t type,
		 struct finode **out)
{
	struct what what = {.fixture = &n->f, .value = 7};
	int result = finode_obtain_at(dir, name, type, &what, out);

	if (result >= 0 && what.taken != (result == FINODE_CREATED))
		n->f.broken++;
	return result;
}

static int at(struct names_fixture *n, const char *name, struct finode **out)
{
	return at_as(n, n->root, name, S_IFREG, out);
}

static void assert_alive(struct names_fixture *n, struct finode *inode, uint64_t nodeid)
{
	struct finode *again = finode_get(n->f.table, nodeid);

	assert_ptr_equal(again, inode);
	assert_int_equal(object_of(inode)->canary, OBJECT_CANARY);
	finode_put(again);
}

static void test_b_a_name_is_one_object(void **state)
{
	struct names_fixture n;
	struct finode *file, *again, *other, *dir;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	assert_int_equal(at(&n, "f", &again), FINODE_FOUND);
	assert_ptr_equal(again, file);
	assert_int_equal(at(&n, "g", &other), FINODE_CREATED);
	assert_ptr_not_equal(other, file);
	assert_int_equal(at_as(&n, n.root, "d", S_IFDIR, &dir), FINODE_CREATED);
	finode_put(other);
	assert_int_equal(at_as(&n, dir, "f", S_IFREG, &other), FINODE_CREATED);
	assert_ptr_not_equal(other, file);
	assert_path(other, "/d/f");
	assert_table_clean(&n.f);
	finode_put(file);
	finode_put(again);
	finode_put(other);
	finode_put(dir);
	assert_int_equal(stats_of(&n.f).inodes, 1);
	names_finish(&n);
}

static void test_b_the_object_follows_renames(void **state)
{
	struct names_fixture n;
	struct finode *file, *again, *next;
	uint64_t id;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	id = file->nodeid;
	assert_int_equal(finode_alias_rename(n.root, "f", n.root, "g", 0, NULL), 0);
	assert_int_equal(at(&n, "g", &again), FINODE_FOUND);
	assert_int_equal(again->nodeid, id);
	assert_int_equal(at(&n, "f", &next), FINODE_CREATED);
	assert_int_not_equal(next->nodeid, id);
	assert_int_equal(
		finode_alias_rename(n.root, "f", n.root, "g", FINODE_RENAME_EXCHANGE, NULL),
		0);
	finode_put(again);
	assert_int_equal(at(&n, "f", &again), FINODE_FOUND);
	assert_ptr_equal(again, file);
	finode_put(file);
	finode_put(again);
	finode_put(next);
	names_finish(&n);
}

static void test_h_an_object_without_its_name_stays_usable(void **state)
{
	struct names_fixture n;
	struct finode *unlinked, *replaced, *file;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "f", &unlinked), FINODE_CREATED);
	assert_int_equal(finode_alias_remove(n.root, "f"), 0);
	assert_int_equal(at(&n, "f", &replaced), FINODE_CREATED);
	assert_int_equal(at(&n, "g", &file), FINODE_CREATED);
	assert_int_equal(finode_alias_rename(n.root, "g", n.root, "f", 0, NULL), 0);
	assert_names(n.root, "f", file);
	assert_alive(&n, unlinked, unlinked->nodeid);
	assert_alive(&n, replaced, replaced->nodeid);
	assert_path(replaced, NULL);
	finode_put(unlinked);
	finode_put(replaced);
	finode_put(file);
	names_finish(&n);
}

static void test_h_another_object_under_the_name_retires_the_old_one(void **state)
{
	struct names_fixture n;
	struct finode *first, *second, *third, *again;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "f", &first), FINODE_CREATED);
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &second), FINODE_CREATED);
	assert_ptr_not_equal(second, first);
	n.f.match_says = 0;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &third), FINODE_CREATED);
	n.f.match_says = -EIO;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &again), -EIO);
	assert_null(again);
	n.f.match_says = 1;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &again), FINODE_FOUND);
	assert_ptr_equal(again, third);
	assert_int_equal(stats_of(&n.f).retired, 2);
	assert_alive(&n, first, first->nodeid);
	assert_alive(&n, second, second->nodeid);
	assert_names(n.root, "f", third);
	finode_put(first);
	finode_put(second);
	finode_put(third);
	finode_put(again);
	names_finish(&n);
}

static void test_at_refuses_what_cannot_be(void **state)
{
	struct fixture plain;
	struct names_fixture n;
	struct finode *file, *none;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "..", &none), -EINVAL);
	assert_int_equal(at_as(&n, n.root, "f", 0, &none), -EINVAL);
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	assert_int_equal(at_as(&n, file, "f", S_IFREG, &none), -ENOTDIR);
	assert_null(none);
	finode_put(file);
	names_finish(&n);
	fixture_create(&plain);
	assert_int_equal(
		finode_obtain_at(finode_table_root(plain.table), "f", S_IFREG, NULL, &none),
		-EINVAL);
	fixture_finish(&plain);
}

static void test_k_at_fails_cleanly(void **state)
{
	struct names_fixture n;
	struct finode *inodes[40], *none;
	unsigned int failures = 0;
	char name[16];

	(void)state;
	names_create(&n);
	for (int i = 0; i < 40; i++) {
		int err = -ENOMEM;

		snprintf(name, sizeof(name), "f%d", i);
		for (long k = 0; err == -ENOMEM; k++) {
			uint64_t inodes_before = stats_of(&n.f).inodes;

			n.f.fail_after = k;
			err = at(&n, name, &inodes[i]);
			n.f.fail_after = -1;
			if (err != -ENOMEM)
				break;
			failures++;
			assert_null(inodes[i]);
			assert_int_equal(stats_of(&n.f).inodes, inodes_before);
			assert_names(n.root, name, NULL);
			assert_table_clean(&n.f);
		}
		assert_int_equal(err, FINODE_CREATED);
	}
	assert_true(failures >= 80);
	n.f.init_error = -EACCES;
	assert_int_equal(at(&n, "x", &none), -EACCES);
	n.f.init_error = 0;
	n.init_error = -EMFILE; /* the alias's */
	assert_int_equal(at(&n, "x", &none), -EMFILE);
	n.init_error = 0;
	assert_names(n.root, "x", NULL);
	for (int i = 0; i < 40; i++)
		finode_put(inodes[i]);
	names_finish(&n);
}

struct crowd {
	struct names_fixture *n;
	struct finode *got[8];
	int result[8];
};

static void obtain_in_crowd(void *arg, unsigned int number)
{
	struct crowd *crowd = arg;

	crowd->result[number] = at(crowd->n, "f", &crowd->got[number]);
}

static void test_b_many_threads_at_once_get_one_object(void **state)
{
	struct names_fixture n;

	(void)state;
	names_create(&n);
	for (unsigned int round = 0; round < 300; round++) {
		struct crowd crowd = {.n = &n};
		int created = 0;

		run_threads(8, obtain_in_crowd, &crowd);
		for (int i = 0; i < 8; i++) {
			assert_true(crowd.result[i] >= 0);
			assert_ptr_equal(crowd.got[i], crowd.got[0]);
			created += crowd.result[i] == FINODE_CREATED;
		}
		assert_int_equal(created, 1);
		assert_int_equal(n.f.inits, round + 2); /* the root's, and one a round */
		for (int i = 0; i < 8; i++)
			finode_put(crowd.got[i]);
	}
	names_finish(&n);
}

/* At every moment at most one object of each name is between init() and evict(). */
static void come_and_go(void *arg, unsigned int number)
{
	struct names_fixture *n = arg;
	uint64_t random = number + 1;

	for (int i = 0; i < 3000; i++) {
		const char *name = next_random(&random) & 1 << 20 ? "f" : "g";
		struct finode *inode;
		int result = at(n, name, &inode);

		if (result == -ESTALE) /* a rename was faster */
			continue;
		if (result < 0 || object_of(inode)->canary != OBJECT_CANARY) {
			n->f.broken++;
			continue;
		}
		if (next_random(&random) % 8 == 0)
			finode_alias_remove(n->root, name);
		if (next_random(&random) % 8 == 0 &&
		    finode_alias_rename(n->root, "f", n->root, "g", 0, NULL) != 0)
			n->f.broken++;
		finode_put(inode);
	}
}

static void test_b_names_come_and_go_on_many_threads(void **state)
{
	struct names_fixture n;

	(void)state;
	names_create(&n);
	run_threads(4, come_and_go, &n);
	assert_int_equal(stats_of(&n.f).inodes, 1);
	assert_int_equal(stats_of(&n.f).aliases, 0);
	names_finish(&n);
}

static int evict_said;

static void obtain_oneself(struct finode *inode)
{
	struct names_fixture *n = finode_table_user(inode->mount->table);
	struct finode *none;

	n->f.in_evict = NULL;
	evict_said = at(n, "f", &none);
}

static void test_b_evict_must_not_ask_for_its_own_name(void **state)
{
	struct names_fixture n;
	struct finode *file;

	(void)state;
	names_create(&n);
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	n.f.in_evict = obtain_oneself;
	finode_put(file);
	assert_int_equal(evict_said, -EDEADLK);
	names_finish(&n);
}

/* An actor that obtains "f". */
struct party {
	struct actor actor;
	struct names_fixture *n;
	struct finode *inode;
	int result;
};

static void does_obtain(struct actor *actor)
{
	struct party *p = FINODE_CONTAINER_OF(actor, struct party, actor);

	p->result = at(p->n, "f", &p->inode);
}

static void does_put(struct actor *actor)
{
	finode_put(FINODE_CONTAINER_OF(actor, struct party, actor)->inode);
}

static void start(struct party *p, struct names_fixture *n, void (*fn)(struct actor *),
		  struct finode *inode, const char *point)
{
	*p = (struct party){.n = n, .inode = inode};
	actor_start(&p->actor, fn, point);
}

static void test_b_a_lookup_during_init_waits_for_it(void **state)
{
	static struct names_fixture n;
	static struct party one, other;

	(void)state;
	names_create(&n);
	start(&one, &n, does_obtain, NULL, "obtain: init() returned");
	start(&other, &n, does_obtain, NULL, NULL);
	assert_false(actor_settle(&other.actor));
	actor_go(&one.actor, "obtain at: named");
	actor_finish(&one.actor);
	actor_finish(&other.actor);
	assert_int_equal(one.result, FINODE_CREATED);
	assert_int_equal(other.result, FINODE_FOUND);
	assert_ptr_equal(one.inode, other.inode);
	finode_put(one.inode);
	finode_put(other.inode);
	names_finish(&n);
}

static void test_b_a_lookup_that_saw_nothing_looks_again(void **state)
{
	static struct names_fixture n;
	static struct party late;
	struct finode *file;

	(void)state;
	names_create(&n);
	start(&late, &n, does_obtain, NULL, "obtain at: looked");
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	actor_finish(&late.actor);
	assert_int_equal(late.result, FINODE_FOUND);
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
	assert_int_equal(at(&n, "f", &file), FINODE_CREATED);
	id = file->nodeid;
	gate_close(&gate);
	n.f.evict_gate = &gate;
	start(&end, &n, does_put, file, NULL);
	gate_await(&gate, 1);
	start(&lookup, &n, does_obtain, NULL, NULL);
	assert_false(actor_settle(&lookup.actor));
	assert_int_equal(n.f.inits, 2);
	assert_null(finode_alias_lookup(n.root, "f")); /* that one does not wait */
	gate_open(&gate);
	actor_finish(&end.actor);
	actor_finish(&lookup.actor);
	assert_int_equal(lookup.result, FINODE_CREATED);
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
	assert_int_equal(at(&n, "g", &moved), FINODE_CREATED);
	start(&one, &n, does_obtain, NULL, "obtain: init() returned");
	assert_int_equal(finode_alias_rename(n.root, "g", n.root, "f", 0, NULL), 0);
	actor_finish(&one.actor);
	assert_int_equal(one.result, -ESTALE); /* init() has its argument: no second try */
	assert_null(one.inode);
	assert_int_equal(n.f.evicts, 1);
	assert_names(n.root, "f", moved);
	finode_put(moved);
	names_finish(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b_a_name_is_one_object),
		cmocka_unit_test(test_b_the_object_follows_renames),
		cmocka_unit_test(test_h_an_object_without_its_name_stays_usable),
		cmocka_unit_test(test_h_another_object_under_the_name_retires_the_old_one),
		cmocka_unit_test(test_at_refuses_what_cannot_be),
		cmocka_unit_test(test_k_at_fails_cleanly),
		cmocka_unit_test(test_b_many_threads_at_once_get_one_object),
		cmocka_unit_test(test_b_names_come_and_go_on_many_threads),
		cmocka_unit_test(test_b_evict_must_not_ask_for_its_own_name),
		cmocka_unit_test(test_b_a_lookup_during_init_waits_for_it),
		cmocka_unit_test(test_b_a_lookup_that_saw_nothing_looks_again),
		cmocka_unit_test(test_b_a_lookup_during_evict_waits_and_makes_a_new_object),
		cmocka_unit_test(
			test_b_a_name_that_was_given_away_during_init_is_to_be_looked_up_again),
	};

	return cmocka_run_group_tests_name("obtain_at", tests, NULL, NULL);
}
