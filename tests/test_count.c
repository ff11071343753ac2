/* SPDX-License-Identifier: BSD-3-Clause */
/* nlookup: guarantees C and D, against a kernel that counts right and one that does not. */
#include "support/fixture.h"

#include "core/object.h"

static uint64_t nlookup(struct finode *inode)
{
	return atomic_load(inode_nlookup(inode));
}

static void test_c_undo_takes_back_what_was_counted(void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	finode_count(inode, 1);
	finode_count(inode, 4);
	assert_int_equal(nlookup(inode), 5);
	finode_uncount(inode, 1);
	assert_int_equal(nlookup(inode), 4);
	finode_uncount(inode, 4);
	assert_int_equal(nlookup(inode), 0);
	finode_count(inode, 0);
	finode_uncount(inode, 0);
	assert_int_equal(stats_of(&f).forgets_clamped, 0);
	finode_put(inode);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_d_forget_more_than_was_given_is_clamped_counted_and_logged_once(
	void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	finode_count(inode, 2);
	finode_forget(f.table, inode->nodeid, 3);
	assert_int_equal(nlookup(inode), 0);
	finode_forget(f.table, inode->nodeid, 1);
	finode_forget(f.table, inode->nodeid, 0); /* takes nothing, so nothing is clamped */
	assert_int_equal(stats_of(&f).forgets_clamped, 2);
	assert_int_equal(stats_of(&f).forgets, 3);
	assert_int_equal(f.logs, 1);
	assert_non_null(strstr(f.last_log, "clamped"));
	finode_put(inode);
	fixture_finish(&f);
}

static void test_d_forget_of_an_unknown_nodeid_is_ignored_and_counted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f);
	finode_forget(f.table, 12345, 1);
	finode_forget(f.table, 0, UINT64_MAX);
	assert_int_equal(stats_of(&f).forgets_unknown, 2);
	assert_int_equal(stats_of(&f).forgets, 2);
	assert_int_equal(f.logs, 1);
	fixture_finish(&f);
}

static void test_d_nlookup_saturates_and_then_stays(void **state)
{
	struct fixture f;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	finode_count(inode, UINT64_MAX - 1);
	finode_count(inode, 5);
	assert_true(nlookup(inode) == UINT64_MAX);
	finode_forget(f.table, id, UINT64_MAX);
	finode_uncount(inode, 1);
	finode_put(inode);
	inode = finode_get(f.table, id);
	assert_non_null(inode);
	assert_int_equal(stats_of(&f).forgets_clamped, 0);
	finode_put(inode);
	fixture_finish(&f); /* J: the end takes it all the same */
}

static void test_d_a_batch_is_its_entries(void **state)
{
	enum { COUNT = 100 };
	struct fixture f;
	struct finode_forget_one batch[COUNT + 3];

	(void)state;
	fixture_create(&f);
	for (uint64_t i = 0; i < COUNT; i++) {
		struct finode *inode = must_obtain(&f, 100 + i);

		finode_count(inode, i + 1);
		batch[i] = (struct finode_forget_one){inode->nodeid, i + 1};
		finode_put(inode);
	}
	batch[COUNT] = (struct finode_forget_one){FINODE_ROOT_ID, 1};
	batch[COUNT + 1] = (struct finode_forget_one){batch[0].nodeid, 1}; /* twice */
	batch[COUNT + 2] = (struct finode_forget_one){0, 0};
	f.allocations = 0;
	finode_forget_batch(f.table, batch, 0);
	assert_int_equal(f.evicts, 0);
	finode_forget_batch(f.table, batch, COUNT + 3);
	assert_int_equal(f.allocations, 0);
	assert_int_equal(f.evicts, COUNT);
	assert_int_equal(stats_of(&f).forgets, COUNT + 3);
	assert_int_equal(stats_of(&f).forgets_unknown, 2);
	assert_int_equal(stats_of(&f).inodes, 1);
	fixture_finish(&f);
}

/* Each thread counts and forgets its own, on one inode: the sum must be 0, and no more. */
struct storm {
	struct fixture f;
	uint64_t id;
};

static void count_and_forget(void *arg, unsigned int number)
{
	struct storm *storm = arg;
	uint64_t random = 1 + number;

	for (int i = 0; i < 50000; i++) {
		uint64_t n = 1 + next_random(&random) % 3;
		struct finode *inode = finode_get(storm->f.table, storm->id);

		if (!inode) {
			storm->f.broken++;
			return;
		}
		finode_count(inode, n);
		finode_put(inode);
		while (n-- > 0)
			finode_forget(storm->f.table, storm->id, 1);
	}
}

static void test_c_d_counts_are_exact_on_many_threads(void **state)
{
	static struct storm storm;
	struct finode *inode;

	(void)state;
	fixture_create(&storm.f);
	inode = must_obtain(&storm.f, 7);
	storm.id = inode->nodeid;
	run_threads(4, count_and_forget, &storm);
	assert_int_equal(nlookup(inode), 0);
	assert_int_equal(slot_refs(inode_slot(inode)), 1);
	assert_int_equal(stats_of(&storm.f).forgets_clamped, 0);
	finode_put(inode);
	assert_int_equal(storm.f.evicts, 1);
	fixture_finish(&storm.f);
}

/* The same inode, but half of the threads lie about the count. */
static void lie_or_hold(void *arg, unsigned int number)
{
	struct storm *storm = arg;
	uint64_t random = 1 + number;

	for (int i = 0; i < 20000; i++) {
		struct finode *inode;

		if (number % 2) {
			finode_forget(storm->f.table, storm->id, next_random(&random));
			continue;
		}
		inode = finode_get(storm->f.table, storm->id);
		if (!inode) {
			storm->f.broken++;
			return;
		}
		finode_count(inode, 1);
		if (object_of(inode)->canary != OBJECT_CANARY)
			storm->f.broken++;
		finode_put(inode);
	}
}

static void test_d_e_a_hostile_count_takes_nobodys_reference(void **state)
{
	static struct storm storm;
	struct finode *inode;

	(void)state;
	fixture_create(&storm.f);
	inode = must_obtain(&storm.f, 7);
	storm.id = inode->nodeid;
	run_threads(4, lie_or_hold, &storm);
	finode_forget(storm.f.table, storm.id, UINT64_MAX);
	assert_int_equal(nlookup(inode), 0);
	assert_int_equal(slot_refs(inode_slot(inode)), 1);
	assert_int_equal(storm.f.evicts, 0);
	finode_put(inode);
	assert_int_equal(storm.f.evicts, 1);
	fixture_finish(&storm.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c_undo_takes_back_what_was_counted),
		cmocka_unit_test(
			test_d_forget_more_than_was_given_is_clamped_counted_and_logged_once),
		cmocka_unit_test(test_d_forget_of_an_unknown_nodeid_is_ignored_and_counted),
		cmocka_unit_test(test_d_nlookup_saturates_and_then_stays),
		cmocka_unit_test(test_d_a_batch_is_its_entries),
		cmocka_unit_test(test_c_d_counts_are_exact_on_many_threads),
		cmocka_unit_test(test_d_e_a_hostile_count_takes_nobodys_reference),
	};

	return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
