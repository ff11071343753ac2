/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * finode_rekey(): an object gets another identity and stays itself. What stays, what finds
 * it from then on (B), what is refused, no memory (K), and the mount that it is in (I).
 * What may go on beside it is in test_rekey_schedules.c.
 */
#include "support/mounts_fixture.h"
#include "support/names_fixture.h"
#include "support/rekey.h"

#include "core/object.h"

/* ---- What stays ---- */

static void test_a_rekeyed_inode_is_the_same_object_for_everyone(void **state)
{
	struct fixture f;
	struct finode *inode, *same;
	struct finode_file *file;
	uint64_t nodeid;
	uint32_t generation;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	nodeid = inode->nodeid;
	generation = inode->generation;
	finode_count(inode, 5);
	finode_hold(inode);
	assert_int_equal(finode_file_open(inode, &f, &file), 0);
	assert_int_equal(rekey(inode, 8), 0);
	assert_found_by(&f, inode, 8, 7);
	assert_int_equal(inode->nodeid, nodeid);
	assert_int_equal(inode->generation, generation);
	assert_int_equal(finode_nlookup(inode), 5);
	assert_int_equal(slot_refs(inode_slot(inode)), 4); /* 2, the count's, the file's */
	assert_int_equal(object_of(inode)->value, 7);
	same = finode_get(f.table, nodeid);
	assert_ptr_equal(same, inode);
	finode_put(same);
	assert_true(finode_is_open(inode));
	assert_int_equal(finode_file_close(f.table, file->fh), 0);
	finode_file_put(file);
	assert_int_equal(f.inits, 2);
	assert_int_equal(f.evicts, 0);
	finode_put(inode);
	finode_put(inode);
	finode_forget(f.table, nodeid, 5);
	assert_int_equal(f.evicts, 1);
	assert_null(find(&f, 8));
	fixture_finish(&f);
}

static void test_b_both_keys_have_one_object_each(void **state)
{
	struct fixture f;
	struct finode *inode, *other, *again;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_int_equal(rekey(inode, 8), 0);
	assert_int_equal(obtain(&f, 8, &again), WAS_FOUND);
	assert_ptr_equal(again, inode);
	assert_int_equal(obtain(&f, 7, &other), WAS_CREATED);
	assert_ptr_not_equal(other, inode);
	/* Back and forth is a matter of the other one's place. */
	assert_int_equal(rekey(inode, 7), -EEXIST);
	finode_put(other);
	assert_int_equal(rekey(inode, 7), 0);
	assert_found_by(&f, inode, 7, 8);
	finode_put(again);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_names_stay(void **state)
{
	struct names_fixture n;
	struct finode *dir, *file;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 2);
	file = make_file(&n, 3);
	must_add(n.root, "dir", dir);
	must_add(dir, "file", file);
	must_add(n.root, "link", file);
	assert_int_equal(rekey(file, 4), 0);
	assert_int_equal(rekey(dir, 5), 0);
	assert_names(n.root, "dir", dir);
	assert_names(dir, "file", file);
	assert_alias_count(file, 2);
	assert_found_by(&n.f, file, 4, 3);
	assert_found_by(&n.f, dir, 5, 2);
	finode_put(file);
	finode_put(dir);
	names_finish(&n);
}

static void test_the_key_that_an_inode_has_needs_nothing(void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	f.fail_after = 0;
	assert_int_equal(rekey(inode, 7), 0);
	f.fail_after = -1;
	assert_int_equal(rekey(inode, 8), 0);
	f.fail_after = 0;
	assert_int_equal(rekey(inode, 8), 0);
	f.fail_after = -1;
	assert_found_by(&f, inode, 8, 7);
	finode_put(inode);
	fixture_finish(&f);
}

/* ---- Sizes and generations ---- */

static void test_keys_of_all_sizes_take_turns(void **state)
{
	struct fixture f;
	struct bytes first, b;
	uint64_t bytes;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1;
	assert_int_equal(fixture_start(&f), 0);
	finode_put(must_obtain(&f, 7));
	bytes = stats_of(&f).bytes;
	for (size_t began = 1; began <= FINODE_KEY_MAX; began += 1 + began / 8) {
		struct finode_mount *mount = finode_table_root(f.table)->mount;
		struct finode_key key = sized(&first, 1, began);
		struct what what = {.fixture = &f, .value = 7};
		struct finode *inode, *found;

		assert_int_equal(finode_obtain(mount, key, &what, &inode, NULL), 0);
		for (size_t size = 1; size <= FINODE_KEY_MAX; size++) {
			assert_int_equal(finode_rekey(inode, sized(&b, 2, size)), 0);
			assert_null(finode_find(mount, key));
			found = finode_find(mount, sized(&b, 2, size));
			assert_ptr_equal(found, inode);
			finode_put(found);
		}
		assert_table_clean(&f);
		assert_int_equal(finode_rekey(inode, key), 0);
		found = finode_find(mount, key);
		assert_ptr_equal(found, inode);
		finode_put(found);
		finode_put(inode);
		assert_null(finode_find(mount, key));
		assert_int_equal(stats_of(&f).bytes, bytes);
	}
	fixture_finish(&f);
}

static void test_the_generation_is_part_of_the_key(void **state)
{
	struct fixture f;
	struct finode *inode, *again, *another;
	uint32_t generation;

	(void)state;
	fixture_create(&f);
	assert_int_equal(obtain_as(&f, 7, S_IFREG, 3, &inode), WAS_CREATED);
	generation = inode->generation;
	assert_int_equal(rekey_as(inode, 8, 4), 0);
	assert_int_equal(inode->generation, generation); /* the kernel knows it */
	assert_int_equal(obtain_as(&f, 8, S_IFREG, 4, &again), WAS_FOUND);
	assert_ptr_equal(again, inode);
	finode_put(again);
	/* The same bytes, of another time. */
	assert_int_equal(rekey_as(inode, 8, 5), 0);
	assert_int_equal(obtain_as(&f, 8, S_IFREG, 5, &again), WAS_FOUND);
	finode_put(again);
	assert_int_equal(stats_of(&f).retired, 0);
	assert_int_equal(obtain_as(&f, 8, S_IFREG, 3, &another), WAS_CREATED);
	assert_ptr_not_equal(another, inode);
	assert_int_equal(stats_of(&f).retired, 1);
	assert_int_equal(rekey_as(inode, 9, 5), -ESTALE);
	finode_put(another);
	finode_put(inode);
	fixture_finish(&f);
}

/* In one shard an inode is there twice for a moment: the right one has to go. */
static void test_many_rekeys_in_one_shard_keep_the_index_whole(void **state)
{
	struct finode *inodes[100];
	uint64_t seed = 1, next = 1000;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1;
	assert_int_equal(fixture_start(&f), 0);
	for (uint64_t i = 0; i < 100; i++)
		inodes[i] = must_obtain(&f, 100 + i);
	for (unsigned int round = 0; round < 5000; round++) {
		assert_int_equal(rekey(inodes[next_random(&seed) % 100], next++), 0);
		if (round % 50 == 0)
			assert_table_clean(&f);
	}
	assert_table_clean(&f);
	assert_int_equal(stats_of(&f).inodes, 101);
	for (uint64_t i = 0; i < 100; i++)
		finode_put(inodes[i]);
	fixture_finish(&f);
}

/* ---- What is refused ---- */

static void test_keys_of_others_are_refused(void **state)
{
	struct gate gate;
	struct fixture f;
	struct task task;
	struct finode *inode, *other;
	struct obtaining o = {.f = &f, .number = 9};

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	other = must_obtain(&f, 8);
	assert_int_equal(rekey(inode, 8), -EEXIST);
	assert_found_by(&f, inode, 7, 0);
	assert_found_by(&f, other, 8, 0);
	finode_put(other);
	/* One that is being made has its key already, .. */
	gate_close(&gate);
	f.init_gate = &gate;
	task_start(&task, task_obtain, &o);
	gate_await(&gate, 1);
	assert_int_equal(rekey(inode, 9), -EEXIST);
	gate_open(&gate);
	task_join(&task);
	f.init_gate = NULL;
	/* .. and one that is being evicted still. */
	gate_close(&gate);
	f.evict_gate = &gate;
	task_start(&task, task_put, o.got);
	gate_await(&gate, 1);
	assert_int_equal(rekey(inode, 9), -EEXIST);
	gate_open(&gate);
	task_join(&task);
	f.evict_gate = NULL;
	assert_int_equal(rekey(inode, 9), 0);
	assert_found_by(&f, inode, 9, 7);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_what_is_retired_gets_no_key(void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_int_equal(rekey(inode, 8), 0);
	finode_retire(inode);
	assert_int_equal(rekey(inode, 9), -ESTALE);
	assert_int_equal(rekey(inode, 8), -ESTALE);
	assert_null(find(&f, 8));
	assert_null(find(&f, 9));
	assert_table_clean(&f);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_what_is_known_by_its_name_gets_no_key(void **state)
{
	struct names_fixture n;
	struct what what;
	struct finode *inode;

	(void)state;
	names_create(&n);
	what = (struct what){.fixture = &n.f, .value = 7};
	assert_int_equal(finode_obtain_at(n.root, "name", S_IFREG, &what, &inode, NULL), 0);
	assert_int_equal(rekey(inode, 8), -ESTALE);
	assert_null(find(&n.f, 8));
	finode_put(inode);
	names_finish(&n);
}

static int in_evict_result;

static void rekey_in_evict(struct finode *inode)
{
	in_evict_result = rekey(inode, 8);
}

static void test_what_is_evicted_gets_no_key(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f);
	f.in_evict = rekey_in_evict;
	finode_put(must_obtain(&f, 7));
	f.in_evict = NULL;
	assert_int_equal(in_evict_result, -ESTALE);
	fixture_finish(&f);
}

/* ---- No memory ---- */

/* Asserts that nothing has changed. @return how many allocations there were */
static long fail_rekey(struct fixture *f, struct finode *inode, uint64_t from, uint64_t to)
{
	int err = -ENOMEM;
	long n;

	for (n = 0; err == -ENOMEM; n++) {
		const long live = f->live_allocations;
		const uint64_t bytes = stats_of(f).bytes;

		f->fail_after = n;
		err = rekey(inode, to);
		f->fail_after = -1;
		if (err == 0)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(f->live_allocations, live);
		assert_int_equal(stats_of(f).bytes, bytes);
		assert_found_by(f, inode, from, to);
	}
	assert_found_by(f, inode, to, from);
	return n;
}

static void test_k_rekey_fails_cleanly_at_every_allocation(void **state)
{
	struct fixture f;
	long most = 0;

	(void)state;
	fixture_create(&f);
	for (uint64_t i = 0; i < 200; i++) {
		struct finode *inode = must_obtain(&f, 1000 + i);
		uint64_t from = 1000 + i;

		for (uint64_t to = 10000 + i; to < 13000; to += 1000) {
			long n = fail_rekey(&f, inode, from, to);

			most = n > most ? n : most;
			from = to;
		}
		finode_count(inode, 1);
		finode_put(inode);
	}
	assert_int_equal(most, 2); /* what holds the key, and a larger index */
	fixture_finish(&f);
}

/* ---- Mounts ---- */

#define OF_MOUNT 200

static void test_i_a_mount_knows_its_rekeyed_inodes(void **state)
{
	static struct mounts_fixture m;
	struct finode *inodes[OF_MOUNT], *kept;
	uint64_t nodeids[OF_MOUNT], seed = 1;
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	kept = must_obtain(&m.f, 5); /* keys of other mounts are others */
	for (uint64_t i = 0; i < OF_MOUNT; i++) {
		inodes[i] = must_obtain_in(&m, mount, i, S_IFREG);
		nodeids[i] = inodes[i]->nodeid;
		finode_count(inodes[i], 1);
	}
	for (uint64_t key = 1000; key < 3000; key++)
		assert_int_equal(rekey(inodes[next_random(&seed) % OF_MOUNT], key), 0);
	assert_table_clean(&m.f);
	for (unsigned int i = 0; i < OF_MOUNT; i++)
		finode_put(inodes[i]);
	finode_mount_detach(mount);
	assert_table_clean(&m.f);
	assert_int_equal(m.f.evicts, OF_MOUNT);
	for (unsigned int i = 0; i < OF_MOUNT; i++)
		assert_null(finode_get(m.f.table, nodeids[i]));
	finode_mount_put(mount);
	assert_int_equal(m.evicts, 1);
	finode_put(kept);
	mounts_finish(&m);
}

/* Each of them leaves the list of its shard, and is in that of another one. */
static void test_a_mount_ends_with_its_last_rekeyed_inode(void **state)
{
	static struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *inode;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	inode = must_obtain_in(&m, mount, 7, S_IFREG);
	finode_mount_put(mount);
	for (uint64_t key = 100; key < 200; key++) {
		assert_int_equal(rekey(inode, key), 0);
		assert_int_equal(m.evicts, 0);
		assert_table_clean(&m.f);
	}
	finode_put(inode);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

static void test_what_is_of_a_detached_mount_gets_no_key(void **state)
{
	static struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *inode;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	inode = must_obtain_in(&m, mount, 7, S_IFREG);
	finode_mount_detach(mount);
	assert_int_equal(rekey(inode, 8), -ESTALE);
	finode_put(inode);
	finode_mount_put(mount);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_rekeyed_inode_is_the_same_object_for_everyone),
		cmocka_unit_test(test_b_both_keys_have_one_object_each),
		cmocka_unit_test(test_names_stay),
		cmocka_unit_test(test_the_key_that_an_inode_has_needs_nothing),
		cmocka_unit_test(test_keys_of_all_sizes_take_turns),
		cmocka_unit_test(test_the_generation_is_part_of_the_key),
		cmocka_unit_test(test_many_rekeys_in_one_shard_keep_the_index_whole),
		cmocka_unit_test(test_keys_of_others_are_refused),
		cmocka_unit_test(test_what_is_retired_gets_no_key),
		cmocka_unit_test(test_what_is_known_by_its_name_gets_no_key),
		cmocka_unit_test(test_what_is_evicted_gets_no_key),
		cmocka_unit_test(test_k_rekey_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_i_a_mount_knows_its_rekeyed_inodes),
		cmocka_unit_test(test_a_mount_ends_with_its_last_rekeyed_inode),
		cmocka_unit_test(test_what_is_of_a_detached_mount_gets_no_key),
	};

	return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}
