/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The glue through a real libfuse session and the fake kernel: guarantee C for every kind
 * of reply, refused replies, bogus entries, and the ends of a session (J).
 */
#include "fakekernel/world.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>

#include "core/object.h"

static void test_c_every_kind_of_entry_reply_counts_one(void **state)
{
	struct world w;
	struct fk_entry e, again;
	uint64_t file;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_lookup(&w.c, 1, "none", &e), -ENOENT);
	assert_int_equal(fk_mknod(&w.c, 1, "file", S_IFREG | 0644, &e), 0);
	file = e.nodeid;
	assert_int_equal(fk_count(w.fk, file), 1);
	assert_int_equal(fk_lookup(&w.c, 1, "file", &again), 0);
	assert_int_equal(again.nodeid, file);
	assert_int_equal(fk_link(&w.c, file, 1, "link", &again), 0);
	assert_int_equal(again.nodeid, file);
	assert_int_equal(again.nlink, 2);
	assert_int_equal(fk_count(w.fk, file), 3);
	assert_int_equal(fk_mkdir(&w.c, 1, "dir", &e), 0);
	assert_int_equal(fk_symlink(&w.c, e.nodeid, "sym", "target", &again), 0);
	assert_int_equal(fk_create(&w.c, e.nodeid, "new", &again), 0);
	world_assert_balanced(&w);
	assert_int_equal(fk_release(&w.c, again.nodeid, false, again.fh), 0);
	assert_int_equal(fk_release(&w.c, again.nodeid, false, again.fh), -EBADF);
	assert_int_equal(fk_create(&w.c, e.nodeid, "new", &again),
			 0); /* exists: counts too */
	assert_int_equal(fk_count(w.fk, again.nodeid), 2);
	assert_int_equal(fk_getattr(&w.c, file, &e), 0);
	assert_int_equal(fk_getattr(&w.c, 4242, &e), -ESTALE);
	assert_int_equal(fk_lookup(&w.c, 4242, "x", &e), -ESTALE);
	assert_int_equal(fk_lookup(&w.c, file, "x", &e), -ENOTDIR);
	assert_int_equal(fk_forget(&w.c, file, 3), 3);
	world_assert_balanced(&w);
	assert_int_equal(fk_getattr(&w.c, file, &e), -ESTALE);
	world_end(&w, false);
}

static void test_c_a_reply_that_fails_is_taken_back(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	w.c.refuse_percent = 100;
	assert_int_equal(fk_mknod(&w.c, 1, "a", S_IFREG | 0644, &e), -ECONNABORTED);
	assert_int_equal(fk_mkdir(&w.c, 1, "b", &e), -ECONNABORTED);
	assert_int_equal(fk_symlink(&w.c, 1, "c", "t", &e), -ECONNABORTED);
	assert_int_equal(fk_create(&w.c, 1, "d", &e), -ECONNABORTED);
	assert_int_equal(fk_lookup(&w.c, 1, "a", &e), -ECONNABORTED);
	w.c.refuse_percent = 0;
	world_assert_balanced(
		&w); /* waits: the server takes it back after the failed write */
	assert_int_equal(world_stats(&w).inodes, 1);
	AWAIT(world_stats(&w).files == 0); /* no RELEASE will come for it */
	assert_int_equal(world_stats(&w).replies_failed, 5);
	assert_int_equal(world_stats(&w).forgets_clamped, 0);
	assert_int_equal(fk_lookup(&w.c, 1, "a", &e), 0);
	w.c.refuse_percent = 100;
	assert_int_equal(fk_link(&w.c, e.nodeid, 1, "e", &e), -ECONNABORTED);
	{
		uint64_t fh;

		assert_int_equal(fk_open(&w.c, 1, true, &fh), -ECONNABORTED);
	}
	w.c.refuse_percent = 0;
	world_assert_balanced(&w);
	AWAIT(world_stats(&w).files == 0);
	world_end(&w, false);
}

struct seen {
	unsigned int names, inodes;
	uint64_t last_off;
	char last_name[256];
};

static void see(void *arg, const char *name, uint64_t off, const struct fk_entry *entry)
{
	struct seen *seen = arg;

	seen->names++;
	seen->inodes += entry->nodeid != 0;
	seen->last_off = off;
	snprintf(seen->last_name, sizeof(seen->last_name), "%s", name);
}

static void fill_root(struct world *w, unsigned int count)
{
	struct fk_entry e;
	char name[16];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(fk_mknod(&w->c, 1, name, S_IFREG | 0644, &e), 0);
		assert_int_equal(fk_forget(&w->c, e.nodeid, 1), 1);
	}
	world_assert_balanced(w);
}

static void test_c_readdirplus_counts_what_was_placed_and_goes_on_behind_it(void **state)
{
	struct world w;
	struct seen seen = {0};
	unsigned int calls = 0, before;
	uint64_t fh;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 100);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	do {
		before = seen.names;
		assert_int_equal(
			fk_readdir(&w.c, 1, fh, seen.last_off, 1000, true, see, &seen), 0);
		world_assert_balanced(&w);
		calls++;
	} while (seen.names > before);
	assert_int_equal(seen.names, 102);
	assert_int_equal(seen.inodes, 100); /* not "." and ".." */
	assert_true(calls > 10);
	assert_int_equal(world_stats(&w).inodes, 101);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	fk_forget_everything(&w.c);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1);
	world_end(&w, false);
}

/* What the table has counted of one inode when a reply is about to be written. */
struct watch {
	struct finode_table *table;
	uint64_t nodeid;
	_Atomic uint64_t nlookup;
};

static void watch_reply(void *arg)
{
	struct watch *watch = arg;
	struct finode *inode = finode_get(watch->table, watch->nodeid);

	watch->nlookup = inode ? atomic_load(inode_nlookup(inode)) : 0;
	finode_put(inode);
}

/* Else a FORGET could arrive in another thread before the count that it takes back. */
static void test_c_an_entry_is_counted_before_the_kernel_is_told(void **state)
{
	struct fk_entry e;
	struct world w;
	struct watch watch = {0};
	struct seen seen = {0};
	uint64_t fh;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 1);
	assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), 0);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	watch.table = w.fs.table;
	watch.nodeid = e.nodeid;
	fk_before_replies(w.fk, watch_reply, &watch);
	assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), 0);
	assert_int_equal(watch.nlookup, fk_count(w.fk, e.nodeid));
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, true, see, &seen), 0);
	assert_int_equal(watch.nlookup, fk_count(w.fk, e.nodeid));
	fk_before_replies(w.fk, NULL, NULL);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	world_end(&w, false);
}

static void test_c_plain_readdir_counts_nothing(void **state)
{
	struct world w;
	struct seen seen = {0};
	uint64_t fh;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 10);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, false, see, &seen), 0);
	assert_int_equal(seen.names, 12);
	assert_int_equal(seen.inodes, 0);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	world_end(&w, false);
}

static void test_c_a_readdirplus_that_fails_is_taken_back_whole(void **state)
{
	struct world w;
	struct seen seen = {0};
	uint64_t fh;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 20);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	w.c.refuse_percent = 100;
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, true, see, &seen), -ECONNABORTED);
	w.c.refuse_percent = 0;
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1);
	/* An error in the middle takes back what was placed before it. */
	w.fs.init_error = -EIO;
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, true, see, &seen), -EIO);
	w.fs.init_error = 0;
	world_assert_balanced(&w);
	assert_int_equal(fk_readdir(&w.c, 1, 777, 0, 4096, true, see, &seen), -EBADF);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	world_end(&w, false);
}

static void test_c_bogus_entries_are_refused_before_the_kernel_leaks_them(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 1);
	w.fs.bogus_type = true;
	assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), -EIO);
	w.fs.bogus_type = false;
	w.fs.bogus_size = true;
	assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), -EIO);
	w.fs.bogus_size = false;
	w.fs.bogus_root = true;
	assert_int_equal(fk_mkdir(&w.c, 1, "d", &e), -EIO);
	w.fs.bogus_root = false;
	assert_int_equal(world_stats(&w).entries_refused, 3);
	assert_int_equal(w.warnings, 1);
	world_assert_balanced(&w);
	/* CREATE over something that is no regular file. */
	assert_int_equal(fk_mkdir(&w.c, 1, "e", &e), 0);
	assert_int_equal(fk_create(&w.c, 1, "e", &e), -EIO);
	AWAIT(world_stats(&w).files == 0); /* the handler puts the file after its reply */
	world_end(&w, false);
}

static void test_a_name_in_the_log_is_one_line_without_what_a_terminal_obeys(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_mknod(&w.c, 1, "f'\n\x1b[2J", S_IFREG | 0644, &e), 0);
	w.fs.bogus_type = true;
	assert_int_equal(fk_lookup(&w.c, 1, "f'\n\x1b[2J", &e), -EIO);
	w.fs.bogus_type = false;
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.first_warning, "'f\\x27\\x0a\\x1b[2J'"));
	assert_null(strchr(w.first_warning, '\n'));
	world_end(&w, false);
}

static void test_c_bogus_entries_of_readdirplus_are_listed_without_their_inode(void **state)
{
	struct world w;
	struct seen seen = {0};
	uint64_t fh;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 5);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	w.fs.bogus_type = true;
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, true, see, &seen), 0);
	assert_int_equal(seen.names, 7);
	assert_int_equal(seen.inodes, 0);
	w.fs.bogus_type = false;
	w.fs.bogus_name = true;
	assert_int_equal(fk_readdir(&w.c, 1, fh, 0, 4096, true, see, &seen), 0);
	assert_int_equal(seen.names, 7 + 2); /* "." and ".." */
	w.fs.bogus_name = false;
	assert_int_equal(world_stats(&w).entries_refused, 10);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	world_assert_balanced(&w);
	world_end(&w, false);
}

static void test_timeouts_are_clamped_to_what_the_kernel_can_say(void **state)
{
	static const struct {
		double asked, told;
	} cases[] = {{0, 0}, {-3, 0}, {0.25, 0.25}, {1e300, (double)(1ull << 62)}};
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 1);
	for (unsigned int i = 0; i < 4; i++) {
		w.fs.timeout = cases[i].asked;
		assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), 0);
		assert_true(e.entry_timeout == cases[i].told);
	}
	world_end(&w, false);
}

static void test_create_tells_every_flag_of_the_open_file(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_create(&w.c, 1, "plain", &e), 0);
	assert_int_equal(e.open_flags, 0);
	w.fs.open_flags = true;
	assert_int_equal(fk_create(&w.c, 1, "all", &e), 0);
	assert_int_equal(e.open_flags, FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE |
					       FOPEN_CACHE_DIR | FOPEN_NONSEEKABLE |
					       FOPEN_NOFLUSH);
	/* Of a file that the kernel reads by itself, what it would refuse beside that is
	 * left out (fuse_file_io_open()). */
	assert_int_equal(e.backing_id, 0);
	w.fs.backing_id = 7;
	assert_int_equal(fk_create(&w.c, 1, "backed", &e), 0);
	assert_int_equal(e.backing_id, 7);
	assert_int_equal(e.open_flags, FOPEN_DIRECT_IO | FOPEN_NOFLUSH | 1u << 7);
	world_end(&w, false);
}

static char fuse_line[200];

__attribute__((format(printf, 2, 0))) static void take_fuse_log(enum fuse_log_level level,
								const char *format,
								va_list args)
{
	int used = snprintf(fuse_line, sizeof(fuse_line), "%d ", level);

	vsnprintf(fuse_line + used, sizeof(fuse_line) - (size_t)used, format, args);
}

static void test_the_log_can_go_to_libfuses(void **state)
{
	(void)state;
	fuse_set_log_func(take_fuse_log);
	finode_log_to_fuse(FINODE_LOG_WARNING, "words", NULL);
	fuse_set_log_func(NULL);
	assert_string_equal(fuse_line, "4 finode: words\n"); /* FUSE_LOG_WARNING */
}

static void test_names_that_are_none_are_refused(void **state)
{
	struct world w;
	struct fk_entry e;
	char longest[300];

	(void)state;
	world_begin(&w, 1);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(fk_lookup(&w.c, 1, "", &e), -EINVAL);
	assert_int_equal(fk_lookup(&w.c, 1, "..", &e), -EINVAL);
	assert_int_equal(fk_mkdir(&w.c, 1, "a/b", &e), -EINVAL);
	assert_int_equal(fk_mkdir(&w.c, 1, longest, &e), -ENAMETOOLONG);
	assert_int_equal(fk_rename(&w.c, 1, "a", 1, "/", 0), -EINVAL);
	world_end(&w, false);
}

static void test_an_inode_whose_number_was_used_again_is_retired(void **state)
{
	struct world w;
	struct fk_entry old, new, e;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_mknod(&w.c, 1, "a", S_IFREG | 0644, &old), 0);
	assert_int_equal(fk_unlink(&w.c, 1, "a"), 0);
	assert_int_equal(fk_mknod(&w.c, 1, "b", S_IFREG | 0644, &new), 0);
	assert_int_equal(old.ino, new.ino);
	assert_int_not_equal(old.nodeid, new.nodeid);
	assert_int_equal(world_stats(&w).retired, 1);
	assert_int_equal(fk_getattr(&w.c, old.nodeid, &e), 0);
	assert_int_equal(e.nlink, 0);
	world_assert_balanced(&w);
	world_end(&w, false);
}

static void test_j_a_session_ends_with_or_without_destroy_and_can_begin_again(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	for (int destroy = 0; destroy < 2; destroy++) {
		world_begin(&w, 4);
		fill_root(&w, 10);
		assert_int_equal(fk_lookup(&w.c, 1, "f1", &e), 0);
		assert_int_equal(fk_create(&w.c, 1, "open", &e), 0);
		assert_int_equal(fk_reinit(w.fk), 0);
		assert_int_equal(world_stats(&w).inodes, 1);
		assert_int_equal(world_stats(&w).files, 0);
		assert_int_equal(fk_lookup(&w.c, 1, "f1", &e), 0);
		assert_int_equal(fk_create(&w.c, 1, "open", &e), 0);
		world_end(&w, destroy);
	}
}

static void test_reply_err_turns_what_is_no_errno_into_eio(void **state)
{
	struct world w;
	struct fk_entry e;

	(void)state;
	world_begin(&w, 1);
	fill_root(&w, 1);
	w.fs.init_error = -5000;
	assert_int_equal(fk_lookup(&w.c, 1, "f0", &e), -EIO);
	w.fs.init_error = 0;
	world_end(&w, false);
}

/* Many clients, many workers, refused replies, late FORGETs: the books must be equal. */
static void be_client(void *arg, unsigned int number)
{
	struct world *w = arg;
	struct fk_client c;

	fk_client_init(&c, w->fk, number + 100);
	c.refuse_percent = 20;
	fk_client_play(&c, 1500);
}

static void be_liar(void *arg, unsigned int number)
{
	struct world *w = arg;
	struct fk_client c;

	fk_client_init(&c, w->fk, number + 900);
	c.refuse_percent = 5;
	c.lie_percent = 30;
	fk_client_play(&c, 1500);
}

/* The books mean nothing then; but nobody is hurt, and everything ends. */
static void test_d_e_a_kernel_that_lies_hurts_only_itself(void **state)
{
	struct world w;
	char why[200];

	(void)state;
	world_begin(&w, 8);
	run_threads(4, be_liar, &w);
	assert_int_equal(finode_table_check(w.fs.table, why, sizeof(why)), 0);
	assert_true(world_stats(&w).forgets_root > 0);
	assert_true(world_stats(&w).forgets_unknown > 0);
	assert_true(world_stats(&w).forgets_clamped > 0);
	world_finish(&w, false);
}

static void test_the_fake_kernel_knows_which_names_lead_where(void **state)
{
	struct world w;
	struct fk_entry a, b, dir;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_mknod(&w.c, 1, "a", S_IFREG | 0644, &a), 0);
	assert_int_equal(fk_create(&w.c, 1, "b", &b), 0);
	assert_int_equal(fk_mkdir(&w.c, 1, "dir", &dir), 0);
	assert_int_equal(fk_rename(&w.c, 1, "a", dir.nodeid, "c", 0), 0);
	assert_int_equal(fk_cached(w.fk, 1, "a"), 0);
	assert_int_equal(fk_cached(w.fk, dir.nodeid, "c"), a.nodeid);
	assert_int_equal(fk_rename(&w.c, 1, "b", dir.nodeid, "c", RENAME_EXCHANGE), 0);
	assert_int_equal(fk_cached(w.fk, 1, "b"), a.nodeid);
	assert_int_equal(fk_cached(w.fk, dir.nodeid, "c"), b.nodeid);
	/* And the server agrees. */
	assert_int_equal(fk_lookup(&w.c, 1, "b", &b), 0);
	assert_int_equal(b.nodeid, a.nodeid);
	assert_int_equal(fk_rename(&w.c, 1, "b", dir.nodeid, "c", RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(fk_rename(&w.c, 1, "b", dir.nodeid, "d", RENAME_WHITEOUT), 0);
	assert_int_equal(fk_cached(w.fk, 1, "b"), 0);
	assert_int_equal(fk_lookup(&w.c, 1, "b", &b), 0);
	assert_int_equal(b.mode & S_IFMT, S_IFCHR);
	assert_int_equal(fk_unlink(&w.c, 1, "b"), 0);
	assert_int_equal(fk_cached(w.fk, 1, "b"), 0);
	world_end(&w, false);
}

static void test_c_books_balance_with_many_workers_and_failing_replies(void **state)
{
	static const unsigned int workers[] = {1, 2, 8};
	struct world w;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		world_begin(&w, workers[i]);
		run_threads(4, be_client, &w);
		world_assert_balanced(&w);
		assert_int_equal(world_stats(&w).forgets_clamped, 0);
		assert_int_equal(world_stats(&w).forgets_unknown, 0);
		assert_true(world_stats(&w).replies_failed > 100);
		w.c.refuse_percent = 0;
		fk_forget_everything(&w.c);
		world_assert_balanced(&w);
		assert_int_equal(world_stats(&w).inodes, 1);
		world_end(&w, i % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c_every_kind_of_entry_reply_counts_one),
		cmocka_unit_test(test_c_a_reply_that_fails_is_taken_back),
		cmocka_unit_test(
			test_c_readdirplus_counts_what_was_placed_and_goes_on_behind_it),
		cmocka_unit_test(test_c_an_entry_is_counted_before_the_kernel_is_told),
		cmocka_unit_test(test_c_plain_readdir_counts_nothing),
		cmocka_unit_test(test_c_a_readdirplus_that_fails_is_taken_back_whole),
		cmocka_unit_test(
			test_c_bogus_entries_are_refused_before_the_kernel_leaks_them),
		cmocka_unit_test(
			test_a_name_in_the_log_is_one_line_without_what_a_terminal_obeys),
		cmocka_unit_test(
			test_c_bogus_entries_of_readdirplus_are_listed_without_their_inode),
		cmocka_unit_test(test_timeouts_are_clamped_to_what_the_kernel_can_say),
		cmocka_unit_test(test_create_tells_every_flag_of_the_open_file),
		cmocka_unit_test(test_the_log_can_go_to_libfuses),
		cmocka_unit_test(test_names_that_are_none_are_refused),
		cmocka_unit_test(test_an_inode_whose_number_was_used_again_is_retired),
		cmocka_unit_test(
			test_j_a_session_ends_with_or_without_destroy_and_can_begin_again),
		cmocka_unit_test(test_reply_err_turns_what_is_no_errno_into_eio),
		cmocka_unit_test(test_d_e_a_kernel_that_lies_hurts_only_itself),
		cmocka_unit_test(test_the_fake_kernel_knows_which_names_lead_where),
		cmocka_unit_test(
			test_c_books_balance_with_many_workers_and_failing_replies),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
