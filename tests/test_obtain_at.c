/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inodes that are known by their names only: guarantees B, H and K for finode_obtain_at().
 * Orders of steps are in test_name_schedules.c.
 */
#include "support/names_fixture.h"

#include <stdio.h>

static int at_as(struct names_fixture *n, struct finode *dir, const char *name, mode_t type,
		 struct finode **out)
{
	struct what what = {.fixture = &n->f, .value = 7};
	bool created = false;
	int result = finode_obtain_at(dir, name, type, &what, out, &created);

	if (!result)
		result = created ? WAS_CREATED : WAS_FOUND;
	if (result >= 0 && what.taken != (result == WAS_CREATED))
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
	assert_int_equal(at(&n, "f", &file), WAS_CREATED);
	assert_int_equal(at(&n, "f", &again), WAS_FOUND);
	assert_ptr_equal(again, file);
	assert_int_equal(at(&n, "g", &other), WAS_CREATED);
	assert_ptr_not_equal(other, file);
	assert_int_equal(at_as(&n, n.root, "d", S_IFDIR, &dir), WAS_CREATED);
	finode_put(other);
	assert_int_equal(at_as(&n, dir, "f", S_IFREG, &other), WAS_CREATED);
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
	assert_int_equal(at(&n, "f", &file), WAS_CREATED);
	id = file->nodeid;
	assert_int_equal(finode_alias_rename(n.root, "f", n.root, "g", 0), 0);
	assert_int_equal(at(&n, "g", &again), WAS_FOUND);
	assert_int_equal(again->nodeid, id);
	assert_int_equal(at(&n, "f", &next), WAS_CREATED);
	assert_int_not_equal(next->nodeid, id);
	assert_int_equal(
		finode_alias_rename(n.root, "f", n.root, "g", FINODE_RENAME_EXCHANGE), 0);
	finode_put(again);
	assert_int_equal(at(&n, "f", &again), WAS_FOUND);
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
	assert_int_equal(at(&n, "f", &unlinked), WAS_CREATED);
	assert_int_equal(finode_alias_remove(n.root, "f"), 0);
	assert_int_equal(at(&n, "f", &replaced), WAS_CREATED);
	assert_int_equal(at(&n, "g", &file), WAS_CREATED);
	assert_int_equal(finode_alias_rename(n.root, "g", n.root, "f", 0), 0);
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
	assert_int_equal(at(&n, "f", &first), WAS_CREATED);
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &second), WAS_CREATED);
	assert_ptr_not_equal(second, first);
	n.f.match_says = 0;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &third), WAS_CREATED);
	n.f.match_says = -EIO;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &again), -EIO);
	assert_null(again);
	n.f.match_says = 1;
	assert_int_equal(at_as(&n, n.root, "f", S_IFLNK, &again), WAS_FOUND);
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
	assert_int_equal(at(&n, "f", &file), WAS_CREATED);
	assert_int_equal(at_as(&n, file, "f", S_IFREG, &none), -ENOTDIR);
	assert_null(none);
	finode_put(file);
	names_finish(&n);
	fixture_create(&plain);
	assert_int_equal(finode_obtain_at(finode_table_root(plain.table), "f", S_IFREG,
					  NULL, &none, NULL),
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
		assert_int_equal(err, WAS_CREATED);
	}
	assert_true(failures >= 80);
	n.f.init_error = -EACCES;
	assert_int_equal(at(&n, "x", &none), -EACCES);
	n.f.init_error = 0;
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
			created += crowd.result[i] == WAS_CREATED;
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
		    finode_alias_rename(n->root, "f", n->root, "g", 0) != 0)
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
	assert_int_equal(at(&n, "f", &file), WAS_CREATED);
	n.f.in_evict = obtain_oneself;
	finode_put(file);
	assert_int_equal(evict_said, -EDEADLK);
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
	};

	return cmocka_run_group_tests_name("obtain_at", tests, NULL, NULL);
}
