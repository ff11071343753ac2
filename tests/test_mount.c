/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mounts: their life, the identity of inodes in them, detaching. Their roots are in
 * test_mount_root.c, what is told to a kernel of them in test_submounts.c.
 */
#include "support/mounts_fixture.h"

#include <sys/sysmacros.h>

#include "base/statx.h"
#include "core/mount.h"

/* ---- Life ---- */

static void test_a_mount_lives_as_long_as_it_is_held(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount, *again;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	assert_ptr_equal(mount->table, m.f.table);
	assert_ptr_equal(mount->parent, m.first);
	assert_int_equal(mount->id.word[0], 2);
	assert_int_equal(place_of(mount)->value, 2);
	assert_int_equal(mount_obtain(&m, m.first, 2, &again), WAS_FOUND);
	assert_ptr_equal(again, mount);
	finode_mount_put(again);
	again = find_mount(&m, 2);
	assert_ptr_equal(again, mount);
	finode_mount_put(mount);
	assert_int_equal(stats_of(&m.f).mounts, 2);
	finode_mount_put(again);
	assert_int_equal(m.evicts, 1);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	assert_int_equal(stats_of(&m.f).mounts_created, 2);
	assert_int_equal(stats_of(&m.f).mounts_evicted, 1);
	assert_null(find_mount(&m, 2));
	finode_mount_put(NULL);
	mounts_finish(&m);
}

static void test_an_inode_holds_its_mount_and_a_mount_its_parent(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *outer, *inner;
	struct finode *files[8];

	(void)state;
	mounts_create(&m);
	outer = must_mount(&m, 2);
	assert_int_equal(mount_obtain(&m, outer, 3, &inner), WAS_CREATED);
	for (uint64_t i = 0; i < 8; i++) /* in all shards, and more than one in some */
		files[i] = must_obtain_in(&m, inner, i, S_IFREG);
	finode_mount_put(outer);
	finode_mount_put(inner);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(m.evicts, 0);
		assert_int_equal(stats_of(&m.f).mounts, 3);
		assert_table_clean(&m.f);
		finode_put(files[i]);
	}
	assert_int_equal(m.evicts, 2);
	mounts_finish(&m);
}

static void test_init_that_fails_leaves_no_mount(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	m.init_error = -ENODEV;
	assert_int_equal(mount_obtain(&m, m.first, 2, &mount), -ENODEV);
	assert_null(mount);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	m.init_error = 0;
	mount = must_mount(&m, 2);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void test_init_of_the_first_mount_may_fail(void **state)
{
	struct mounts_fixture m = {.match_says = 1, .init_error = -ENODEV};
	struct where first = {&m, 1};

	(void)state;
	mounts_prepare(&m, &first);
	m.init_error = -ENODEV;
	assert_int_equal(fixture_start(&m.f), -ENODEV);
	assert_int_equal(m.f.live_allocations, 0);
	assert_int_equal(m.f.inits, 0);
}

static void test_a_mount_that_does_not_match_is_detached(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *old, *new, *none;
	struct finode *file;
	uint64_t nodeid;

	(void)state;
	mounts_create(&m);
	old = must_mount(&m, 2);
	file = must_obtain_in(&m, old, 7, S_IFREG);
	nodeid = file->nodeid;
	finode_count(file, 1);
	finode_put(file);
	m.match_says = -EIO;
	assert_int_equal(mount_obtain(&m, m.first, 2, &none), -EIO);
	assert_null(none);
	m.match_says = 0;
	assert_int_equal(mount_obtain(&m, m.first, 2, &new), WAS_CREATED);
	assert_ptr_not_equal(new, old);
	assert_null(finode_get(m.f.table, nodeid));
	assert_int_equal(stats_of(&m.f).mounts_detached, 1);
	m.match_says = 1;
	assert_int_equal(mount_obtain(&m, m.first, 2, &none), WAS_FOUND);
	assert_ptr_equal(none, new);
	finode_mount_put(none);
	finode_mount_put(new);
	finode_mount_put(old);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	mounts_finish(&m);
}

/* Before, finode_mount_obtain() asked match() again and again. */
static void test_the_id_of_the_first_mount_is_no_other_ones(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *found;

	(void)state;
	mounts_create(&m);
	m.match_says = 0;
	assert_int_equal(finode_mount_obtain(m.first, &m.first->id, &(struct where){&m, 1},
					     &found, NULL),
			 -EINVAL);
	assert_null(found);
	assert_int_equal(m.matches, 1);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	assert_int_equal(stats_of(&m.f).mounts_detached, 0);
	assert_int_equal(stats_of(&m.f).calls_refused, 1);
	finode_put(must_obtain_in(&m, m.first, 5, S_IFREG));
	m.match_says = 1;
	assert_int_equal(finode_mount_obtain(m.first, &m.first->id, &(struct where){&m, 1},
					     &found, NULL),
			 0);
	assert_ptr_equal(found, m.first);
	finode_mount_put(found);
	mounts_finish(&m);
}

static void obtains_one(void *arg, unsigned int number)
{
	struct mounts_fixture *m = arg;

	(void)number;
	for (int i = 0; i < 2000; i++) {
		struct finode_mount *mount, *inner;
		struct finode *file;

		if (mount_obtain(m, m->first, 2 + i % 3, &mount) < 0 ||
		    mount_obtain(m, mount, 5 + i % 2, &inner) < 0 ||
		    obtain_in(m, inner, i % 4, S_IFREG, &file) < 0) {
			m->broken++;
			return;
		}
		if (place_of(mount)->value != 2 + (uint64_t)(i % 3))
			m->broken++;
		finode_mount_put(mount);
		finode_count(file, 1);
		finode_mount_put(inner);
		finode_forget(m->f.table, file->nodeid, 1);
		finode_put(file);
	}
}

static void test_b_an_id_has_one_mount_under_many_threads(void **state)
{
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	run_threads(4, obtains_one, &m);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	assert_int_equal(stats_of(&m.f).inodes, 1);
	mounts_finish(&m);
}

struct eviction {
	struct mounts_fixture *m;
	struct finode_mount *mount;
	int result;
};

static void puts_mount(void *arg)
{
	finode_mount_put(((struct eviction *)arg)->mount);
}

static void obtains_mount(void *arg)
{
	struct eviction *e = arg;

	e->result = mount_obtain(e->m, e->m->first, 2, &e->mount);
}

static void test_a_slow_eviction_blocks_only_its_own_id(void **state)
{
	struct mounts_fixture m;
	struct gate gate;
	struct eviction slow = {.m = &m}, waiter = {.m = &m, .result = -1};
	struct finode_mount *other;
	struct finode *file;
	struct task ends, waits;

	(void)state;
	mounts_create(&m);
	slow.mount = must_mount(&m, 2);
	gate_close(&gate);
	m.evict_gate = &gate;
	task_start(&ends, puts_mount, &slow);
	gate_await(&gate, 1);
	m.evict_gate = NULL;
	task_start(&waits, obtains_mount, &waiter);
	/* Everybody else goes on. */
	assert_null(find_mount(&m, 2));
	other = must_mount(&m, 3);
	file = must_obtain_in(&m, other, 7, S_IFREG);
	finode_put(file);
	finode_mount_put(other);
	assert_int_equal(waiter.result, -1);
	assert_table_clean(&m.f);
	gate_open(&gate);
	task_join(&ends);
	task_join(&waits);
	assert_int_equal(waiter.result, WAS_CREATED);
	assert_int_equal(m.evicts, 2);
	finode_mount_put(waiter.mount);
	mounts_finish(&m);
}

static int init_that_obtains(struct finode_mount *base, void *arg)
{
	struct finode_mount *itself;

	(void)arg;
	return base->parent
		       ? finode_mount_obtain(base->parent, &base->id, NULL, &itself, NULL)
		       : 0;
}

static void test_init_of_a_mount_that_obtains_its_own_id_does_not_wait(void **state)
{
	static const struct finode_mount_ops ops = {
		FINODE_MOUNT_OPS_FOR(struct place, base), .init = init_that_obtains};
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.config.mount_ops = &ops;
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(finode_mount_obtain(finode_table_root(f.table)->mount, &id, NULL,
					     &mount, NULL),
			 -EDEADLK);
	assert_null(mount);
	fixture_finish(&f);
}

static void test_mounts_need_no_callbacks(void **state)
{
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount, *again;
	struct fixture f;

	(void)state;
	fixture_create(&f);
	assert_int_equal(finode_mount_obtain(finode_table_root(f.table)->mount, &id, NULL,
					     &mount, NULL),
			 0);
	assert_int_equal(finode_mount_obtain(finode_table_root(f.table)->mount, &id, NULL,
					     &again, NULL),
			 0);
	assert_int_equal(finode_mount_syncfs(f.table, FINODE_ROOT_ID), -ENOSYS);
	finode_mount_put(mount);
	finode_mount_put(again);
	fixture_finish(&f);
}

static void test_k_out_of_memory_leaves_no_mount(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	long allocations;

	(void)state;
	mounts_create(&m);
	for (allocations = 0;; allocations++) {
		m.f.fail_after = allocations;
		if (mount_obtain(&m, m.first, 2, &mount) == WAS_CREATED)
			break;
		assert_null(mount);
		assert_int_equal(stats_of(&m.f).mounts, 1);
		assert_table_clean(&m.f);
	}
	assert_true(allocations > 0);
	m.f.fail_after = -1;
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* ---- Identity ---- */

static void test_equal_keys_in_two_mounts_are_two_inodes(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *a, *b;
	struct finode *in_a, *in_b, *in_first, *found;
	const uint64_t number = 7;

	(void)state;
	mounts_create(&m);
	a = must_mount(&m, 2);
	b = must_mount(&m, 3);
	in_first = must_obtain(&m.f, 7);
	in_a = must_obtain_in(&m, a, 7, S_IFREG);
	in_b = must_obtain_in(&m, b, 7, S_IFDIR);
	assert_ptr_not_equal(in_a, in_first);
	assert_int_not_equal(in_a->nodeid, in_b->nodeid);
	assert_ptr_equal(in_a->mount, a);
	found = finode_find(b, key_of(&number, S_IFDIR));
	assert_ptr_equal(found, in_b);
	finode_put(found);
	assert_int_equal(finode_mount_check_same(in_a, in_b), -EXDEV);
	assert_int_equal(finode_mount_check_same(m.root, in_first), 0);
	finode_put(in_a);
	finode_put(in_b);
	finode_put(in_first);
	finode_mount_put(a);
	finode_mount_put(b);
	mounts_finish(&m);
}

static struct statx host_object(uint64_t mount, unsigned int dev, mode_t mode)
{
	return (struct statx){.stx_mask = STATX_BASIC_STATS | 0x1000,
			      .stx_mnt_id = mount,
			      .stx_mode = (uint16_t)mode,
			      .stx_dev_minor = dev};
}

static void test_ids_of_the_hosts_mounts(void **state)
{
	struct statx stx = host_object(7, 3, S_IFDIR);

	(void)state;
	assert_int_equal(finode_mount_id_of(&stx).word[0], 7);
	assert_int_equal(finode_mount_id_of(&stx).word[1], makedev(0, 3));
	stx.stx_mask = STATX_BASIC_STATS | 0x4000; /* the one that is never used again */
	assert_int_equal(finode_mount_id_of(&stx).word[0], 7);
	stx.stx_mask = STATX_BASIC_STATS; /* a kernel before 5.8 */
	assert_int_equal(finode_mount_id_of(&stx).word[0], 0);
}

static void assert_mount_of(struct finode *dir, struct statx stx, void *arg,
			    const struct finode_mount *same)
{
	struct finode_mount *mount;

	assert_int_equal(finode_mount_of(dir, &stx, arg, &mount), 0);
	if (same)
		assert_ptr_equal(mount, same);
	else
		assert_ptr_not_equal(mount, dir->mount);
	finode_mount_put(mount);
}

static void test_a_host_object_finds_its_mount(void **state)
{
	struct mounts_fixture m;
	struct where where = {&m, 2};

	(void)state;
	mounts_create(&m);
	m.first->id.word[1] = makedev(0, 100);
	assert_mount_of(m.root, host_object(1, 100, S_IFDIR), &where, m.first);
	/* overlayfs: a file of another layer. btrfs: a subvolume. */
	assert_mount_of(m.root, host_object(1, 5, S_IFREG), &where, m.first);
	assert_mount_of(m.root, host_object(1, 5, S_IFDIR), &where, NULL);
	/* A bind mount of the same filesystem, of a directory or of a file. */
	assert_mount_of(m.root, host_object(2, 100, S_IFDIR), &where, NULL);
	assert_mount_of(m.root, host_object(2, 100, S_IFREG), &where, NULL);
	/* A kernel that knows no ids of mounts. */
	m.first->id.word[0] = 0;
	assert_mount_of(m.root, host_object(0, 100, S_IFREG), &where, m.first);
	assert_mount_of(m.root, host_object(0, 5, S_IFREG), &where, NULL);
	m.first->id.word[0] = 1;
	m.first->id.word[1] = 100;
	mounts_finish(&m);
}

/* ---- Detaching ---- */

static void test_a_detached_mount_loses_its_inodes(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount, *new;
	struct finode *root, *file, *none, *outside;
	struct finode_file *open;
	uint64_t root_id, file_id;

	(void)state;
	mounts_create(&m);
	mounts_announce(&m);
	outside = must_obtain(&m.f, 7);
	finode_count(outside, 1);
	finode_put(outside);
	mount = must_mount(&m, 2);
	root = must_obtain_in(&m, mount, 1, S_IFDIR);
	file = must_obtain_in(&m, mount, 7, S_IFREG);
	finode_count(root, 3);
	finode_count(file, 2);
	root_id = root->nodeid;
	file_id = file->nodeid;
	assert_true(mounts_cross(m.root, root));
	assert_int_equal(finode_file_open(file, &m.f, &open), 0);
	finode_file_put(open);
	finode_put(root);
	finode_put(file);
	finode_mount_detach(mount);
	finode_mount_detach(mount);
	assert_null(finode_get(m.f.table, root_id));
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	assert_int_equal(stats_of(&m.f).mounts_detached, 1);
	assert_int_equal(obtain_in(&m, mount, 9, S_IFREG, &none), -ESTALE);
	assert_null(none);
	/* What is open goes on; who looks at the same place finds another mount. */
	none = finode_get(m.f.table, file_id);
	assert_ptr_equal(none, file);
	finode_put(none);
	new = must_mount(&m, 2);
	assert_ptr_not_equal(new, mount);
	root = must_obtain_in(&m, new, 1, S_IFDIR);
	assert_int_not_equal(root->nodeid, root_id);
	assert_table_clean(&m.f);
	/* Its FORGETs come late, and are no surprise. */
	finode_forget(m.f.table, root_id, 2);
	finode_forget(m.f.table, root_id, 1);
	assert_int_equal(stats_of(&m.f).forgets_late, 2);
	assert_int_equal(m.f.logs, 0);
	assert_int_equal(finode_file_close(m.f.table, open->fh), 0);
	finode_forget(m.f.table, file_id, 2);
	assert_int_equal(stats_of(&m.f).forgets_late, 3);
	finode_forget(m.f.table, file_id, 1);
	assert_int_equal(stats_of(&m.f).forgets_unknown, 1);
	finode_put(root);
	finode_mount_put(new);
	finode_mount_put(mount);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	assert_int_equal(stats_of(&m.f).inodes, 2);
	mounts_finish(&m);
}

/* ---- The author's mistakes ---- */

static void put_the_first(struct fixture *f)
{
	finode_mount_put(finode_table_root(f->table)->mount);
}

static void detach_the_first(struct fixture *f)
{
	finode_mount_detach(finode_table_root(f->table)->mount);
}

static void end_with_a_mount_held(struct fixture *f)
{
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount;

	if (finode_mount_obtain(finode_table_root(f->table)->mount, &id, NULL, &mount,
				NULL) == 0)
		finode_table_destroy(f->table);
}

static void test_mistakes_with_mounts_are_reported(void **state)
{
	(void)state;
	assert_misuse(put_the_first);
	assert_misuse(detach_the_first);
	assert_misuse(end_with_a_mount_held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mount_lives_as_long_as_it_is_held),
		cmocka_unit_test(test_an_inode_holds_its_mount_and_a_mount_its_parent),
		cmocka_unit_test(test_init_that_fails_leaves_no_mount),
		cmocka_unit_test(test_init_of_the_first_mount_may_fail),
		cmocka_unit_test(test_a_mount_that_does_not_match_is_detached),
		cmocka_unit_test(test_the_id_of_the_first_mount_is_no_other_ones),
		cmocka_unit_test(test_b_an_id_has_one_mount_under_many_threads),
		cmocka_unit_test(test_a_slow_eviction_blocks_only_its_own_id),
		cmocka_unit_test(
			test_init_of_a_mount_that_obtains_its_own_id_does_not_wait),
		cmocka_unit_test(test_mounts_need_no_callbacks),
		cmocka_unit_test(test_k_out_of_memory_leaves_no_mount),
		cmocka_unit_test(test_equal_keys_in_two_mounts_are_two_inodes),
		cmocka_unit_test(test_ids_of_the_hosts_mounts),
		cmocka_unit_test(test_a_host_object_finds_its_mount),
		cmocka_unit_test(test_a_detached_mount_loses_its_inodes),
		cmocka_unit_test(test_mistakes_with_mounts_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
