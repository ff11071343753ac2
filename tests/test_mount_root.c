/* SPDX-License-Identifier: BSD-3-Clause */
/* The roots of mounts: crossings, announcements, what stays (guarantee I), what is synced.
 */
#include "support/mounts_fixture.h"

#include "core/mount.h"
#include "mounts/crossing.h"

/* A mount in a table whose kernel takes submounts. @return its root */
static struct finode *begin(struct mounts_fixture *m,
			    void (*change)(struct finode_config *),
			    struct finode_mount **mount)
{
	mounts_create_with(m, change);
	mounts_announce(m);
	*mount = must_mount(m, 2);
	return must_obtain_in(m, *mount, 1, S_IFDIR);
}

/* ---- Roots stay ---- */

static void test_i_an_announced_root_stays_when_it_is_forgotten(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root, *found;
	uint64_t nodeid;

	(void)state;
	root = begin(&m, NULL, &mount);
	nodeid = root->nodeid;
	finode_count(root, 1);
	assert_true(mounts_cross(m.root, root));
	finode_put(root);
	finode_mount_put(mount);
	finode_forget(m.f.table, nodeid, 1);
	assert_int_equal(stats_of(&m.f).roots_kept, 1);
	assert_int_equal(stats_of(&m.f).mounts, 2);
	found = finode_get(m.f.table, nodeid);
	assert_ptr_equal(found, root);
	finode_put(found);
	found = finode_mount_root(mount);
	assert_ptr_equal(found, root);
	finode_put(found);
	assert_table_clean(&m.f);
	finode_table_forget_all(m.f.table); /* the session ends */
	assert_null(finode_get(m.f.table, nodeid));
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	mounts_finish(&m);
}

static void forget_roots(struct finode_config *config)
{
	config->forget_submount_roots = true;
}

static void test_i_unless_the_author_knows_better(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root;
	uint64_t nodeid;

	(void)state;
	root = begin(&m, forget_roots, &mount);
	nodeid = root->nodeid;
	assert_true(mounts_cross(m.root, root));
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode_put(root);
	assert_null(finode_get(m.f.table, nodeid));
	assert_null(finode_mount_root(mount));
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void test_i_an_announcement_that_did_not_arrive_keeps_nothing(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root, *other;

	(void)state;
	root = begin(&m, NULL, &mount);
	other = must_obtain_in(&m, mount, 2, S_IFDIR);
	assert_true(mounts_cross(m.root, root));
	assert_true(mounts_cross(m.root, root));
	finode__mount_withdraw(root);
	assert_int_equal(stats_of(&m.f).roots_kept, 1);
	finode__mount_withdraw(root);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode__mount_withdraw(root); /* it was detached meanwhile, or the like */
	/* Each root is announced for itself. */
	assert_true(mounts_cross(m.root, root));
	assert_true(mounts_cross(m.root, other));
	assert_int_equal(stats_of(&m.f).roots_kept, 2);
	assert_table_clean(&m.f);
	finode__mount_withdraw(other);
	assert_int_equal(stats_of(&m.f).roots_kept, 1);
	finode__mount_withdraw(root);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode_put(root);
	finode_put(other);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/*
 * Root B takes the place of A while replies with either are on their way; the one with B
 * that was announced first is refused, the other arrived. B stays: tests/model/mount.pml.
 */
static void test_i_a_refusal_withdraws_no_other_reply(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *a, *b;
	uint64_t nodeid;

	(void)state;
	a = begin(&m, NULL, &mount);
	finode_retire(a);
	b = must_obtain_in(&m, mount, 1, S_IFDIR);
	nodeid = b->nodeid;
	assert_true(mounts_cross(m.root, b)); /* will be refused */
	assert_true(mounts_cross(m.root, a)); /* stale, and arrives */
	assert_true(mounts_cross(m.root, b)); /* arrives */
	finode__mount_withdraw(b);
	finode_put(b);
	b = finode_get(m.f.table, nodeid);
	assert_non_null(b);
	/* What is stale already is not kept, nor is what becomes it. */
	assert_int_equal(stats_of(&m.f).roots_kept, 1);
	finode_retire(b);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode_put(a);
	finode_put(b);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* By a session whose kernel took submounts, before one whose kernel does not. */
static void test_a_detach_ends_what_was_announced_long_ago(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root;

	(void)state;
	root = begin(&m, NULL, &mount);
	assert_true(mounts_cross(m.root, root));
	finode_put(root);
	finode__crossings_announce(m.f.table, false);
	finode_mount_detach(mount);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	assert_int_equal(stats_of(&m.f).inodes, 1);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void test_k_an_announcement_needs_memory(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root;

	(void)state;
	root = begin(&m, NULL, &mount);
	m.f.fail_after = 0;
	assert_int_equal(finode__mount_cross(m.root, "mnt", root), -ENOMEM);
	m.f.fail_after = -1;
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	assert_int_equal(finode__mount_cross(m.root, "mnt", root), 1);
	finode_mount_detach(mount);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	assert_int_equal(finode__mount_cross(m.root, "mnt", root), 1);
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode_put(root);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* Where roots are not kept, announcements of those that have gone are not either. */
static void test_announcements_of_what_has_gone_do_not_add_up(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	uint64_t bytes = 0;

	(void)state;
	mounts_create_with(&m, forget_roots);
	mounts_announce(&m);
	mount = must_mount(&m, 2);
	for (int i = 0; i < 100; i++) {
		struct finode *root = must_obtain_in(&m, mount, 1, S_IFDIR);

		assert_true(mounts_cross(m.root, root));
		finode_put(root);
		if (i == 0)
			bytes = stats_of(&m.f).bytes;
	}
	assert_int_equal(stats_of(&m.f).bytes, bytes);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void test_what_is_no_crossing_is_not_announced(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *root, *file, *dir;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	root = must_obtain_in(&m, mount, 1, S_IFDIR);
	file = must_obtain_in(&m, mount, 2, S_IFREG);
	dir = must_obtain_in(&m, m.first, 9, S_IFDIR);
	assert_null(finode_mount_root(mount));
	assert_false(
		mounts_cross(m.root, root)); /* the kernel has not offered to take it */
	mounts_announce(&m);
	assert_false(mounts_cross(m.root, dir));
	assert_false(mounts_cross(root, file));
	assert_false(mounts_cross(m.root, file)); /* a file that is mounted over a file */
	assert_false(finode__mount_cross(root, "..", m.root));
	assert_false(finode__mount_cross(root, ".", root));
	assert_int_equal(stats_of(&m.f).roots_kept, 0);
	finode_put(root);
	finode_put(file);
	finode_put(dir);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void keep_names(struct finode_config *config)
{
	config->aliases = true;
}

static void test_the_mountpoint_is_the_name_of_the_root(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode_alias *point;
	struct finode *root;

	(void)state;
	mounts_create_with(&m, keep_names);
	mount = must_mount(&m, 2);
	assert_null(finode_mount_root(mount));
	root = must_obtain_in(&m, mount, 1, S_IFDIR);
	assert_true(finode_alias_add(m.root, "mnt", root, 0) >= 0);
	mounts_cross(m.root, root);
	point = finode_alias_next(root, NULL);
	assert_non_null(point);
	assert_ptr_equal(point->dir, m.root);
	assert_string_equal(point->name, "mnt");
	finode_alias_put(point);
	assert_null(finode_alias_next(m.root, NULL));
	finode_put(root);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* ---- Syncing ---- */

static void assert_synced(struct mounts_fixture *m, uint64_t nodeid, int result,
			  const char *letters)
{
	m->synced[0] = '\0';
	assert_int_equal(finode_mount_syncfs(m->f.table, nodeid), result);
	assert_string_equal(m->synced, letters);
}

static void test_syncfs_syncs_what_the_kernel_does_not_know(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *known, *inner, *file_mount, *below;
	struct finode *known_root, *inner_root, *file;

	(void)state;
	mounts_create(&m);
	known = must_mount(&m, 2);
	assert_int_equal(mount_obtain(&m, known, 3, &inner), WAS_CREATED);
	file_mount = must_mount(&m, 4);
	assert_int_equal(mount_obtain(&m, inner, 5, &below), WAS_CREATED);
	known_root = must_obtain_in(&m, known, 1, S_IFDIR);
	inner_root = must_obtain_in(&m, inner, 1, S_IFDIR);
	file = must_obtain_in(&m, file_mount, 1, S_IFREG);
	assert_synced(&m, FINODE_ROOT_ID, 0, "abcde");
	mounts_announce(&m);
	assert_true(mounts_cross(m.root, known_root));
	/* Announced, and not counted: the kernel does not have it any more. */
	assert_synced(&m, FINODE_ROOT_ID, 0, "abcde");
	finode_count(known_root, 1);
	assert_synced(&m, FINODE_ROOT_ID, 0, "ad");
	assert_synced(&m, known_root->nodeid, 0, "bce");
	assert_synced(&m, inner_root->nodeid, 0, "ce");
	assert_true(mounts_cross(known_root, inner_root));
	finode_count(inner_root, 1);
	assert_synced(&m, known_root->nodeid, 0, "b");
	assert_synced(&m, inner_root->nodeid, 0, "ce");
	assert_synced(&m, file->nodeid, 0, "d");
	assert_synced(&m, 12345, -ESTALE, "");
	m.sync_error = -EIO;
	m.failing = 3;
	assert_synced(&m, inner_root->nodeid, -EIO, "ce");
	m.sync_error = 5; /* no errno: the author's mistake */
	assert_synced(&m, inner_root->nodeid, -EIO, "ce");
	finode_table_forget_all(m.f.table);
	finode_put(known_root);
	finode_put(inner_root);
	finode_put(file);
	finode_mount_put(below);
	finode_mount_put(inner);
	finode_mount_put(known);
	finode_mount_put(file_mount);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_i_an_announced_root_stays_when_it_is_forgotten),
		cmocka_unit_test(test_i_unless_the_author_knows_better),
		cmocka_unit_test(test_i_an_announcement_that_did_not_arrive_keeps_nothing),
		cmocka_unit_test(test_i_a_refusal_withdraws_no_other_reply),
		cmocka_unit_test(test_a_detach_ends_what_was_announced_long_ago),
		cmocka_unit_test(test_k_an_announcement_needs_memory),
		cmocka_unit_test(test_announcements_of_what_has_gone_do_not_add_up),
		cmocka_unit_test(test_what_is_no_crossing_is_not_announced),
		cmocka_unit_test(test_the_mountpoint_is_the_name_of_the_root),
		cmocka_unit_test(test_syncfs_syncs_what_the_kernel_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
