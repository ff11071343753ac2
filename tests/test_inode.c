/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of an inode: guarantees A, B, E, F and what obtain() and its kin promise. */
#include "support/fixture.h"

static void test_a_unknown_nodeids_are_refused(void **state)
{
	struct fixture f;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	assert_null(finode_get(f.table, 0));
	assert_null(finode_get(f.table, UINT64_MAX));
	assert_null(finode_get(f.table, id + 1));
	assert_null(finode_get(f.table, id ^ 1ull << 32));
	finode_put(inode);
	assert_null(finode_get(f.table, id));
	fixture_finish(&f);
}

static void test_a_a_nodeid_is_not_used_again(void **state)
{
	uint64_t ids[1000];
	struct fixture f;

	(void)state;
	fixture_create(&f);
	for (int i = 0; i < 1000; i++) {
		struct finode *inode = must_obtain(&f, 7);

		ids[i] = inode->nodeid; /* of one slot */
		for (int before = 0; before < i; before++)
			assert_null(finode_get(f.table, ids[before]));
		finode_put(inode);
	}
	fixture_finish(&f);
}

static void test_a_get_finds_the_inode_and_takes_a_reference(void **state)
{
	struct fixture f;
	struct finode *inode, *again;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	again = finode_get(f.table, inode->nodeid);
	assert_ptr_equal(again, inode);
	finode_put(inode);
	assert_int_equal(f.evicts, 0);
	finode_put(again);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_the_root_is_1_generation_0_and_permanent(void **state)
{
	struct fixture f;
	struct finode *root;

	(void)state;
	fixture_create(&f);
	root = finode_get(f.table, FINODE_ROOT_ID);
	assert_ptr_equal(root, finode_table_root(f.table));
	assert_int_equal(root->generation, 0);
	assert_ptr_equal(finode_mount_root(root->mount), root); /* its own reference */
	finode_put(root);
	finode_put(root);
	finode_forget(f.table, FINODE_ROOT_ID, UINT64_MAX);
	finode_count(root, 5);
	finode_uncount(root, 5);
	root = finode_get(f.table, FINODE_ROOT_ID);
	assert_non_null(root);
	finode_put(root);
	assert_int_equal(stats_of(&f).forgets_root, 1);
	assert_int_equal(f.evicts, 0);
	fixture_finish(&f);
}

static void test_get_dir_checks_the_name_and_the_type(void **state)
{
	struct fixture f;
	struct finode *file = NULL, *dir;
	char longest[FINODE_NAME_MAX + 2];

	(void)state;
	fixture_create(&f);
	memset(longest, 'x', sizeof(longest));
	longest[FINODE_NAME_MAX + 1] = '\0';
	file = must_obtain(&f, 7);
	assert_int_equal(finode_get_dir(f.table, 1, longest, &dir), -ENAMETOOLONG);
	longest[FINODE_NAME_MAX] = '\0';
	assert_int_equal(finode_get_dir(f.table, 1, longest, &dir), 0);
	finode_put(dir);
	assert_int_equal(finode_get_dir(f.table, 1, "", &dir), -EINVAL);
	assert_int_equal(finode_get_dir(f.table, 1, ".", &dir), -EINVAL);
	assert_int_equal(finode_get_dir(f.table, 1, "..", &dir), -EINVAL);
	assert_int_equal(finode_get_dir(f.table, 1, "a/b", &dir), -EINVAL);
	assert_int_equal(finode_get_dir(f.table, 99, "a", &dir), -ESTALE);
	assert_int_equal(finode_get_dir(f.table, file->nodeid, "a", &dir), -ENOTDIR);
	assert_null(dir);
	finode_put(file);
	assert_int_equal(f.evicts, 1); /* -ENOTDIR kept no reference */
	fixture_finish(&f);
}

static void test_b_obtain_twice_is_one_object(void **state)
{
	struct fixture f;
	struct finode *a, *b;

	(void)state;
	fixture_create(&f);
	assert_int_equal(obtain(&f, 7, &a), WAS_CREATED);
	assert_int_equal(obtain(&f, 7, &b), WAS_FOUND);
	assert_ptr_equal(a, b);
	assert_int_equal(object_of(a)->value, 7);
	assert_int_equal(f.inits, 2); /* the root's and this one's */
	finode_put(a);
	finode_put(b);
	fixture_finish(&f);
}

static void test_b_keys_differ_in_bytes_and_in_size(void **state)
{
	struct fixture f;
	struct finode *inodes[4] = {NULL};
	const unsigned char bytes[FINODE_KEY_MAX + 1] = {0};
	const size_t sizes[] = {1, 2, 8, FINODE_KEY_MAX};
	struct what what = {.fixture = &f, .value = 3};
	struct finode_mount *mount;
	struct finode *none;
	size_t size;

	(void)state;
	fixture_create(&f);
	mount = finode_table_root(f.table)->mount;
	for (int i = 0; i < 4; i++) {
		struct finode_key key = {bytes, sizes[i], S_IFREG, 0};

		assert_int_equal(finode_obtain(mount, key, &what, &inodes[i], NULL), 0);
		finode_key_bytes(inodes[i], &size);
		assert_int_equal(size, sizes[i]);
	}
	for (int i = 0; i < 4; i++)
		finode_put(inodes[i]);
	for (size_t bad = 0; bad <= FINODE_KEY_MAX + 1; bad += FINODE_KEY_MAX + 1) {
		struct finode_key key = {bytes, bad, S_IFREG, 0};

		assert_int_equal(finode_obtain(mount, key, &what, &none, NULL), -EINVAL);
		assert_null(none);
		assert_null(finode_find(mount, key));
	}
	fixture_finish(&f);
}

static void test_obtain_refuses_a_mode_without_a_type(void **state)
{
	struct fixture f;
	struct finode *none;

	(void)state;
	fixture_create(&f);
	assert_int_equal(obtain_as(&f, 7, 0, 0, &none), -EINVAL);
	assert_int_equal(obtain_as(&f, 7, S_IFMT, 0, &none), -EINVAL);
	fixture_finish(&f);
}

struct crowd {
	struct fixture *f;
	struct finode *got[16];
	int result[16];
};

static void obtain_in_crowd(void *arg, unsigned int number)
{
	struct crowd *crowd = arg;

	crowd->result[number] = obtain(crowd->f, 7, &crowd->got[number]);
}

static void test_b_many_threads_at_once_get_one_object(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f);
	for (int round = 0; round < 500; round++) {
		struct crowd crowd = {.f = &f};
		int created = 0;

		run_threads(8, obtain_in_crowd, &crowd);
		for (int i = 0; i < 8; i++) {
			assert_true(crowd.result[i] >= 0);
			assert_ptr_equal(crowd.got[i], crowd.got[0]);
			created += crowd.result[i] == WAS_CREATED;
		}
		assert_int_equal(created, 1);
		for (int i = 0; i < 8; i++)
			finode_put(crowd.got[i]);
	}
	fixture_finish(&f);
}

static void test_b_obtain_waits_for_a_slow_init(void **state)
{
	struct fixture f;
	struct gate gate;
	struct obtaining first = {&f, 7, NULL, 0}, second = {&f, 7, NULL, 0};
	struct task tasks[2];

	(void)state;
	fixture_create(&f);
	gate_close(&gate);
	f.init_gate = &gate;
	task_start(&tasks[0], task_obtain, &first);
	gate_await(&gate, 1);
	assert_null(find(&f, 7)); /* find() does not wait: NEW is not there yet */
	task_start(&tasks[1], task_obtain, &second);
	AWAIT(stats_of(&f).waits == 1);
	gate_open(&gate);
	task_join(&tasks[0]);
	task_join(&tasks[1]);
	assert_int_equal(first.result, WAS_CREATED);
	assert_int_equal(second.result, WAS_FOUND);
	assert_ptr_equal(first.got, second.got);
	finode_put(first.got);
	finode_put(second.got);
	fixture_finish(&f);
}

static void test_b_obtain_waits_for_a_slow_evict_and_makes_a_new_object(void **state)
{
	struct fixture f;
	struct gate gate;
	struct obtaining again = {&f, 7, NULL, 0};
	struct task tasks[2];
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	gate_close(&gate);
	f.evict_gate = &gate;
	task_start(&tasks[0], task_put, inode);
	gate_await(&gate, 1);
	assert_null(find(&f, 7));
	assert_null(finode_get(f.table, id));
	assert_table_clean(&f);
	task_start(&tasks[1], task_obtain, &again);
	AWAIT(stats_of(&f).waits == 1);
	assert_int_equal(f.inits,
			 2); /* the new object is not begun before the old has ended */
	gate_open(&gate);
	task_join(&tasks[0]);
	task_join(&tasks[1]);
	f.evict_gate = NULL;
	assert_int_equal(again.result, WAS_CREATED);
	assert_int_not_equal(again.got->nodeid, id);
	finode_put(again.got);
	fixture_finish(&f);
}

static void test_f_a_slow_callback_delays_no_other_key(void **state)
{
	struct fixture f;
	struct gate gate;
	struct obtaining slow = {&f, 7, NULL, 0};
	struct task task;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1; /* even in the same shard */
	assert_int_equal(fixture_start(&f), 0);
	gate_close(&gate);
	f.gated_value = 7;
	f.init_gate = &gate;
	task_start(&task, task_obtain, &slow);
	gate_await(&gate, 1);
	for (uint64_t i = 100; i < 200; i++)
		finode_put(must_obtain(&f, i));
	gate_open(&gate);
	task_join(&task);
	finode_put(slow.got);
	fixture_finish(&f);
}

static void test_b_waiters_try_again_when_init_fails(void **state)
{
	struct fixture f;
	struct gate gate;
	struct obtaining tries[3] = {{&f, 7, NULL, 0}, {&f, 7, NULL, 0}, {&f, 7, NULL, 0}};
	struct task tasks[3];

	(void)state;
	fixture_create(&f);
	gate_close(&gate);
	f.init_gate = &gate;
	f.init_error = -EACCES;
	for (int i = 0; i < 3; i++)
		task_start(&tasks[i], task_obtain, &tries[i]);
	gate_await(&gate, 1);
	AWAIT(stats_of(&f).waits == 2);
	gate_open(&gate);
	for (int i = 0; i < 3; i++) {
		task_join(&tasks[i]);
		assert_int_equal(tries[i].result, -EACCES);
		assert_null(tries[i].got);
	}
	assert_int_equal(f.init_failures, 3);
	assert_int_equal(stats_of(&f).inodes, 1);
	f.init_error = 0;
	finode_put(must_obtain(&f, 7));
	fixture_finish(&f);
}

static void obtain_own_key(struct finode *base)
{
	struct object *object = object_of(base);
	struct finode *none;

	if (object->value == 7 && obtain(object->fixture, 7, &none) != -EDEADLK)
		object->fixture->broken++;
}

static void obtain_other_key(struct finode *base)
{
	struct object *object = object_of(base);
	struct finode *other;

	if (object->value != 7)
		return;
	if (obtain(object->fixture, 8, &other) != WAS_CREATED)
		object->fixture->broken++;
	finode_put(other);
}

static void test_f_evict_may_obtain_another_key_and_is_told_of_a_deadlock(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f);
	f.in_evict = obtain_own_key;
	finode_put(must_obtain(&f, 7));
	f.in_evict = obtain_other_key;
	finode_put(must_obtain(&f, 7));
	f.in_evict = NULL;
	fixture_finish(&f);
}

static void test_e_the_count_alone_keeps_an_inode(void **state)
{
	struct fixture f;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	finode_count(inode, 3);
	finode_put(inode);
	assert_int_equal(f.evicts, 0);
	finode_forget(f.table, id, 2);
	assert_int_equal(f.evicts, 0);
	finode_forget(f.table, id, 1);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_e_a_reference_outlives_every_forget(void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	finode_count(inode, 1);
	for (int i = 0; i < 10; i++)
		finode_forget(f.table, inode->nodeid, UINT64_MAX);
	assert_int_equal(f.evicts, 0);
	assert_int_equal(object_of(inode)->canary, OBJECT_CANARY);
	finode_put(inode);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_hold_and_find_take_references(void **state)
{
	struct fixture f;
	struct finode *inode, *held, *found;

	(void)state;
	fixture_create(&f);
	assert_null(find(&f, 7));
	inode = must_obtain(&f, 7);
	held = finode_hold(inode);
	assert_ptr_equal(held, inode);
	found = find(&f, 7);
	assert_ptr_equal(found, inode);
	finode_put(inode);
	finode_put(held);
	assert_int_equal(f.evicts, 0);
	finode_put(found);
	assert_int_equal(f.evicts, 1);
	finode_put(NULL);
	fixture_finish(&f);
}

static void test_find_with_a_mode_compares_type_and_generation(void **state)
{
	struct fixture f;
	const uint64_t number = 7;
	struct finode_mount *mount;
	struct finode_key key;
	struct finode *inode, *found;

	(void)state;
	fixture_create(&f);
	mount = finode_table_root(f.table)->mount;
	assert_int_equal(obtain_as(&f, 7, S_IFREG, 5, &inode), WAS_CREATED);
	key = key_of(&number, S_IFREG);
	assert_null(finode_find(mount, key));
	key.generation = 5;
	found = finode_find(mount, key);
	assert_ptr_equal(found, inode);
	finode_put(found);
	key.mode = S_IFDIR;
	assert_null(finode_find(mount, key));
	finode_put(inode);
	fixture_finish(&f);
}

static void test_retire_frees_the_key_and_keeps_the_nodeid(void **state)
{
	struct fixture f;
	struct finode *old, *new;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	old = must_obtain(&f, 7);
	id = old->nodeid;
	finode_count(old, 1);
	finode_retire(old);
	finode_retire(old); /* once is enough */
	assert_null(find(&f, 7));
	assert_int_equal(obtain(&f, 7, &new), WAS_CREATED);
	assert_ptr_not_equal(new, old);
	assert_int_not_equal(new->nodeid, id);
	finode_put(old);
	old = finode_get(f.table, id);
	assert_non_null(old);
	assert_table_clean(&f);
	finode_put(old);
	finode_forget(f.table, id, 1);
	assert_int_equal(f.evicts, 1);
	finode_put(find(&f, 7)); /* the survivor is still in the index */
	finode_put(new);
	assert_int_equal(stats_of(&f).retired, 1);
	fixture_finish(&f);
}

static void test_another_type_or_generation_under_a_key_is_another_object(void **state)
{
	struct fixture f;
	struct finode *file, *dir, *next;

	(void)state;
	fixture_create(&f);
	file = must_obtain(&f, 7);
	assert_int_equal(obtain_as(&f, 7, S_IFDIR, 0, &dir), WAS_CREATED);
	assert_int_equal(file->type, S_IFREG);
	assert_int_equal(dir->type, S_IFDIR);
	assert_int_equal(obtain_as(&f, 7, S_IFDIR, 1, &next), WAS_CREATED);
	assert_int_equal(next->generation, dir->generation + 1u);
	assert_int_equal(stats_of(&f).retired, 2);
	assert_int_equal(f.matches, 0); /* not asked: the answer is known */
	finode_put(file);
	finode_put(dir);
	finode_put(next);
	fixture_finish(&f);
}

static void test_match_decides_whether_a_found_object_is_the_same(void **state)
{
	struct fixture f;
	struct finode *old, *new, *none;

	(void)state;
	fixture_create(&f);
	old = must_obtain(&f, 7);
	f.match_says = -EIO;
	assert_int_equal(obtain(&f, 7, &none), -EIO);
	assert_null(none);
	f.match_says = 0;
	assert_int_equal(obtain(&f, 7, &new), WAS_CREATED);
	assert_ptr_not_equal(old, new);
	finode_put(old);
	finode_put(new);
	fixture_finish(&f);
}

/* Threads that find, make, count, forget, retire and put a few inodes, all at once. */
static void churn(void *arg, unsigned int number)
{
	struct fixture *f = arg;
	uint64_t random = 88172645463325252ull + number;

	for (int i = 0; i < 20000; i++) {
		struct finode *inode;

		if (obtain(f, 2 + next_random(&random) % 8, &inode) < 0) {
			f->broken++;
			continue;
		}
		if (object_of(inode)->canary != OBJECT_CANARY)
			f->broken++;
		finode_count(inode, 1);
		if (next_random(&random) % 16 == 0)
			finode_retire(inode);
		finode_forget(f->table, inode->nodeid, 1);
		if (object_of(inode)->canary != OBJECT_CANARY)
			f->broken++;
		finode_put(inode);
	}
}

static void test_e_f_churn_of_few_inodes_by_many_threads(void **state)
{
	struct fixture f;
	struct finode_stats stats;

	(void)state;
	fixture_create(&f);
	run_threads(4, churn, &f);
	stats = stats_of(&f);
	assert_int_equal(stats.inodes, 1);
	assert_int_equal(stats.forgets, 80000);
	assert_int_equal(stats.forgets_clamped, 0);
	assert_int_equal(stats.forgets_unknown, 0);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_unknown_nodeids_are_refused),
		cmocka_unit_test(test_a_a_nodeid_is_not_used_again),
		cmocka_unit_test(test_a_get_finds_the_inode_and_takes_a_reference),
		cmocka_unit_test(test_the_root_is_1_generation_0_and_permanent),
		cmocka_unit_test(test_get_dir_checks_the_name_and_the_type),
		cmocka_unit_test(test_b_obtain_twice_is_one_object),
		cmocka_unit_test(test_b_keys_differ_in_bytes_and_in_size),
		cmocka_unit_test(test_obtain_refuses_a_mode_without_a_type),
		cmocka_unit_test(test_b_many_threads_at_once_get_one_object),
		cmocka_unit_test(test_b_obtain_waits_for_a_slow_init),
		cmocka_unit_test(
			test_b_obtain_waits_for_a_slow_evict_and_makes_a_new_object),
		cmocka_unit_test(test_b_waiters_try_again_when_init_fails),
		cmocka_unit_test(test_f_a_slow_callback_delays_no_other_key),
		cmocka_unit_test(
			test_f_evict_may_obtain_another_key_and_is_told_of_a_deadlock),
		cmocka_unit_test(test_e_the_count_alone_keeps_an_inode),
		cmocka_unit_test(test_e_a_reference_outlives_every_forget),
		cmocka_unit_test(test_hold_and_find_take_references),
		cmocka_unit_test(test_find_with_a_mode_compares_type_and_generation),
		cmocka_unit_test(test_retire_frees_the_key_and_keeps_the_nodeid),
		cmocka_unit_test(
			test_another_type_or_generation_under_a_key_is_another_object),
		cmocka_unit_test(test_match_decides_whether_a_found_object_is_the_same),
		cmocka_unit_test(test_e_f_churn_of_few_inodes_by_many_threads),
	};

	return cmocka_run_group_tests_name("inode", tests, NULL, NULL);
}
