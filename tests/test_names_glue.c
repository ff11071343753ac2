/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names through libfuse and the fake kernel: entry replies record them, changes move them,
 * and what has lost its last name is released before the reply to its UNLINK. memfs is the
 * author: with the directories' locks, finode_alias_remove() and finode_alias_rename().
 */
#include "fakekernel/world.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>

#define ROOT FUSE_ROOT_ID

/* What the table calls a nodeid; NULL for nothing. */
static void assert_path(struct world *w, uint64_t nodeid, const char *expected)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(w->fs.table, nodeid);
	char path[200];
	ssize_t length;

	assert_non_null(inode);
	length = finode_path(inode, path, sizeof(path));
	if (!expected) {
		assert_int_equal(length, -ENOENT);
	} else {
		assert_true(length > 0);
		assert_string_equal(path, expected);
	}
}

static uint64_t make_dir(struct world *w, uint64_t parent, const char *name)
{
	struct fk_entry e;

	assert_int_equal(fk_mkdir(&w->c, parent, name, &e), 0);
	return e.nodeid;
}

static uint64_t make_file(struct world *w, uint64_t parent, const char *name)
{
	struct fk_entry e;

	assert_int_equal(fk_mknod(&w->c, parent, name, S_IFREG | 0644, &e), 0);
	return e.nodeid;
}

static void must_rename(struct world *w, uint64_t olddir, const char *oldname,
			uint64_t newdir, const char *newname, unsigned int flags)
{
	assert_int_equal(fk_rename(&w->c, olddir, oldname, newdir, newname, flags), 0);
}

static void test_g_entry_replies_record_names(void **state)
{
	uint64_t dir, file;
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	dir = make_dir(&w, ROOT, "dir");
	file = make_file(&w, dir, "file");
	assert_path(&w, dir, "/dir");
	assert_path(&w, file, "/dir/file");
	assert_int_equal(fk_symlink(&w.c, dir, "sym", "target", &e), 0);
	assert_path(&w, e.nodeid, "/dir/sym");
	assert_int_equal(fk_create(&w.c, ROOT, "new", &e), 0);
	assert_path(&w, e.nodeid, "/new");
	assert_int_equal(fk_tmpfile(&w.c, ROOT, &e), 0);
	assert_path(&w, e.nodeid, NULL);
	assert_int_equal(fk_link(&w.c, e.nodeid, dir, "linked", &e), 0);
	assert_path(&w, e.nodeid, "/dir/linked");
	assert_int_equal(fk_link(&w.c, file, ROOT, "other", &e), 0);
	assert_int_equal(world_stats(&w).aliases, 6);
	assert_int_equal(fk_lookup(&w.c, dir, "file", &e), 0); /* known: nothing new */
	assert_int_equal(world_stats(&w).aliases, 6);
	world_end(&w, false);
}

static void ignore(void *arg, const char *name, uint64_t off, const struct fk_entry *entry)
{
	(void)arg;
	(void)name;
	(void)off;
	(void)entry;
}

static void test_g_readdirplus_records_names_and_readdir_none(void **state)
{
	uint64_t fh;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	assert_int_equal(fk_forget(&w.c, make_file(&w, ROOT, "a"), 1), 1);
	assert_int_equal(fk_forget(&w.c, make_file(&w, ROOT, "b"), 1), 1);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).aliases, 0); /* gone with their inodes */
	assert_int_equal(fk_open(&w.c, ROOT, true, &fh), 0);
	assert_int_equal(fk_readdir(&w.c, ROOT, fh, 0, 4096, false, ignore, NULL), 0);
	assert_int_equal(world_stats(&w).aliases, 0);
	assert_int_equal(fk_readdir(&w.c, ROOT, fh, 0, 4096, true, ignore, NULL), 0);
	assert_int_equal(world_stats(&w).aliases, 2); /* not "." and ".." */
	assert_int_equal(fk_release(&w.c, ROOT, true, fh), 0);
	world_end(&w, false);
}

static void test_g_a_name_that_is_gone_is_dropped_by_the_lookup(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t file;

	(void)state;
	world_begin_with_names(&w, 1);
	file = make_file(&w, ROOT, "f");
	memfs_remove_behind_the_back(&w.fs, "f");
	assert_path(&w, file, "/f");
	assert_int_equal(fk_lookup(&w.c, ROOT, "f", &e), -ENOENT);
	assert_path(&w, file, NULL);
	assert_int_equal(world_stats(&w).aliases_stale, 1);
	world_end(&w, false);
}

static void test_g_rename_moves_the_name_with_all_below_it(void **state)
{
	uint64_t a, b, d, file;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	a = make_dir(&w, ROOT, "a");
	b = make_dir(&w, ROOT, "b");
	d = make_dir(&w, a, "d");
	file = make_file(&w, d, "f");
	must_rename(&w, a, "d", b, "e", 0);
	assert_path(&w, file, "/b/e/f");
	must_rename(&w, b, "e", a, "d", RENAME_NOREPLACE);
	assert_path(&w, file, "/a/d/f");
	assert_int_equal(fk_rename(&w.c, ROOT, "a", ROOT, "b", RENAME_NOREPLACE), -EEXIST);
	assert_path(&w, file, "/a/d/f");
	must_rename(&w, ROOT, "a", ROOT, "b", RENAME_EXCHANGE);
	assert_path(&w, file, "/b/d/f");
	assert_path(&w, b, "/a");
	world_end(&w, false);
}

static void test_h_rename_over_a_name_takes_it_from_the_other(void **state)
{
	uint64_t f, g;
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	f = make_file(&w, ROOT, "f");
	g = make_file(&w, ROOT, "g");
	must_rename(&w, ROOT, "f", ROOT, "g", 0);
	assert_path(&w, f, "/g");
	assert_path(&w, g, NULL);
	assert_int_equal(world_stats(&w).unlinked, 1); /* g has no link left */
	assert_int_equal(fk_getattr(&w.c, g, &e), -ESTALE);
	assert_int_equal(fk_getattr(&w.c, f, &e), 0);
	world_end(&w, false);
}

static void test_g_whiteout_leaves_an_object_that_nobody_knows_yet(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t f;

	(void)state;
	world_begin_with_names(&w, 1);
	f = make_file(&w, ROOT, "f");
	must_rename(&w, ROOT, "f", ROOT, "g", RENAME_WHITEOUT);
	assert_path(&w, f, "/g");
	assert_int_equal(fk_lookup(&w.c, ROOT, "f", &e), 0); /* the whiteout */
	assert_int_not_equal(e.nodeid, f);
	assert_path(&w, e.nodeid, "/f");
	world_end(&w, false);
}

static void test_h_the_last_unlink_releases_before_its_reply(void **state)
{
	struct fk_entry e, linked;
	struct world w;
	uint64_t f;

	(void)state;
	world_begin_with_names(&w, 1);
	f = make_file(&w, ROOT, "f");
	assert_int_equal(fk_link(&w.c, f, ROOT, "g", &linked), 0);
	assert_int_equal(fk_unlink(&w.c, ROOT, "f"), 0);
	assert_int_equal(world_stats(&w).unlinked, 0);
	assert_int_equal(fk_getattr(&w.c, f, &e), 0);
	assert_int_equal(fk_unlink(&w.c, ROOT, "g"), 0);
	assert_int_equal(world_stats(&w).unlinked, 1);
	assert_int_equal(w.fs.nodes, 1); /* the root's: the backend has nothing of it */
	assert_int_equal(fk_count(w.fk, f), 2);
	world_end(&w, false);
}

static void test_h_an_open_file_is_kept_when_its_name_goes(void **state)
{
	struct fk_entry e, attr;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	assert_int_equal(fk_create(&w.c, ROOT, "f", &e), 0);
	assert_int_equal(fk_unlink(&w.c, ROOT, "f"), 0);
	assert_int_equal(world_stats(&w).unlinked, 0);
	assert_int_equal(fk_getattr(&w.c, e.nodeid, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(fk_release(&w.c, e.nodeid, false, e.fh), 0);
	world_end(&w, false);
}

static void test_c_a_refused_reply_counts_nothing_and_the_name_is_still_true(void **state)
{
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin_with_names(&w, 1);
	w.c.refuse_percent = 100;
	assert_int_equal(fk_mknod(&w.c, ROOT, "f", S_IFREG | 0644, &e), -ECONNABORTED);
	w.c.refuse_percent = 0;
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1); /* and its name went with it */
	AWAIT(world_stats(&w).aliases == 0);
	world_end(&w, false);
}

static _Atomic unsigned int invalidated;

static int count_invalidations(void *arg, int code, const void *body, size_t size)
{
	(void)arg;
	(void)body;
	(void)size;
	invalidated += code == FUSE_NOTIFY_INVAL_ENTRY;
	return 0;
}

/* A kernel that cannot be asked to prune is told that a name of the inode is no longer
 * true. */
static void test_prune_of_an_old_kernel_uses_a_known_name(void **state)
{
	struct finode_session *session;
	struct fk_entry e;
	struct world w;
	uint64_t file, dir;

	(void)state;
	world_prepare_with_names(&w);
	w.options.minor = 38;
	world_connect(&w);
	fk_on_notify(w.fk, count_invalidations, NULL);
	session = fk_session(w.fk);
	file = make_file(&w, ROOT, "f");
	dir = make_dir(&w, ROOT, "d");
	assert_int_equal(fk_tmpfile(&w.c, ROOT, &e), 0);
	assert_int_equal(finode_notify_prune(session, file, 0, NULL), 0);
	assert_int_equal(finode_notify_prune(session, dir, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(finode_notify_prune(session, e.nodeid, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(finode_notify_prune(session, 4242, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(finode_notify_flush(session), 0);
	assert_int_equal(invalidated, 1);
	world_end(&w, false);
}

static void be_client(void *arg, unsigned int number)
{
	struct world *w = arg;
	struct fk_client c;

	fk_client_init(&c, w->fk, number + 1);
	c.refuse_percent = 10;
	fk_client_play(&c, 1500);
}

static void test_g_h_names_and_books_balance_with_many_workers(void **state)
{
	static const unsigned int workers[] = {1, 2, 8};
	struct world w;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		world_begin_with_names(&w, workers[i]);
		run_threads(4, be_client, &w);
		world_assert_balanced(&w);
		assert_true(world_stats(&w).unlinked > 10);
		assert_int_equal(world_stats(&w).forgets_clamped, 0);
		fk_forget_everything(&w.c);
		world_assert_balanced(&w);
		AWAIT(world_stats(&w).aliases == 0);
		world_end(&w, i % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g_entry_replies_record_names),
		cmocka_unit_test(test_g_readdirplus_records_names_and_readdir_none),
		cmocka_unit_test(test_g_a_name_that_is_gone_is_dropped_by_the_lookup),
		cmocka_unit_test(test_g_rename_moves_the_name_with_all_below_it),
		cmocka_unit_test(test_h_rename_over_a_name_takes_it_from_the_other),
		cmocka_unit_test(test_g_whiteout_leaves_an_object_that_nobody_knows_yet),
		cmocka_unit_test(test_h_the_last_unlink_releases_before_its_reply),
		cmocka_unit_test(test_h_an_open_file_is_kept_when_its_name_goes),
		cmocka_unit_test(
			test_c_a_refused_reply_counts_nothing_and_the_name_is_still_true),
		cmocka_unit_test(test_prune_of_an_old_kernel_uses_a_known_name),
		cmocka_unit_test(test_g_h_names_and_books_balance_with_many_workers),
	};

	return cmocka_run_group_tests_name("names_glue", tests, NULL, NULL);
}
