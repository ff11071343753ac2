/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guarantee I through libfuse: what the kernel is told of the roots of mounts, and what the
 * two kinds of kernel make of it, see struct fk_options. What else mounts are is in
 * test_mounts_glue.c.
 */
#include "fakekernel/world.h"

#include <linux/fuse.h>
#include <stdio.h>

/* A world with a mount at "m". @return false if this libfuse shows no INIT to the session
 */
static bool begin(struct world *w, bool old_submounts)
{
	world_prepare_with_mounts(w);
	w->options.old_submounts = old_submounts;
	world_connect(w);
	if (world_is_interposed(w)) {
		assert_non_null(memfs_mount(&w->fs, &w->fs.main, "m", S_IFDIR));
		return true;
	}
	print_message("SKIPPED: this libfuse was built without custom io\n");
	world_end(w, false);
	return false;
}

static void configure_without_pins(struct finode_config *config, void *world)
{
	world_configure(config, world);
	memfs_with_mounts(config, world);
	config->forget_submount_roots = true;
}

/* The same with the policy off. */
static bool begin_without_pins(struct world *w, bool old_submounts)
{
	world_prepare_as(w, configure_without_pins);
	w->options.old_submounts = old_submounts;
	world_connect(w);
	assert_non_null(memfs_mount(&w->fs, &w->fs.main, "m", S_IFDIR));
	if (world_is_interposed(w))
		return true;
	world_end(w, false);
	return false;
}

/* Looks a submount up and goes in. @return the nodeid of its root */
static uint64_t enter(struct world *w, uint64_t parent, const char *name)
{
	struct fk_entry e;

	assert_int_equal(fk_lookup(&w->c, parent, name, &e), 0);
	assert_true(e.submount);
	assert_int_equal(fk_enter_submount(&w->c, e.nodeid), 0);
	return e.nodeid;
}

static void test_i_a_root_answers_after_the_old_kernel_forgot_it(void **state)
{
	struct fk_entry e, child;
	struct world w;
	uint64_t root;

	(void)state;
	if (!begin(&w, true))
		skip();
	root = enter(&w, 1, "m");
	assert_int_equal(fk_mknod(&w.c, root, "f", S_IFREG | 0644, &child), 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	assert_int_equal(fk_count(w.fk, root), 0);
	world_assert_balanced(&w); /* waits for the FORGET */
	assert_int_equal(fk_getattr(&w.c, root, &e), 0);
	assert_int_equal(fk_lookup(&w.c, root, "f", &e), 0);
	assert_int_equal(e.nodeid, child.nodeid);
	assert_int_equal(fk_mkdir(&w.c, root, "d", &e), 0);
	assert_int_equal(world_stats(&w).roots_kept, 1);
	assert_int_equal(enter(&w, 1, "m"), root); /* it has not changed */
	assert_int_equal(fk_leave_submount(&w.c, root), 0);
	assert_int_equal(fk_leave_submount(&w.c, root), 0);
	fk_forget_everything(&w.c);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 2);
	world_end(&w, false);
}

/* What the pin is for: without it the same kernel loses a filesystem that it uses. */
static void test_i_without_the_policy_the_old_kernel_loses_a_root_in_use(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t root;

	(void)state;
	if (!begin_without_pins(&w, true))
		skip();
	root = enter(&w, 1, "m");
	assert_int_equal(world_stats(&w).roots_kept, 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	world_assert_balanced(&w);
	assert_int_equal(fk_getattr(&w.c, root, &e), -ESTALE);
	assert_int_equal(world_stats(&w).inodes, 1);
	assert_int_equal(w.fs.volumes->evicts, 1);
	world_end(&w, false);
}

static void test_i_the_new_kernel_keeps_a_root_in_use_by_itself(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t root;

	(void)state;
	if (!begin_without_pins(&w, false))
		skip();
	root = enter(&w, 1, "m");
	for (int i = 0; i < 3; i++)
		assert_int_equal(fk_lookup(&w.c, 1, "m", &e), 0);
	assert_int_equal(fk_count(w.fk, root), 4);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	assert_int_equal(fk_count(w.fk, root), 1);
	world_assert_balanced(&w);
	assert_int_equal(fk_getattr(&w.c, root, &e), 0);
	/* The mountpoint again, and another mount on it, with a lookup of its own. */
	assert_int_equal(enter(&w, 1, "m"), root);
	assert_int_equal(fk_count(w.fk, root), 2);
	assert_int_equal(fk_leave_submount(&w.c, root), 0);
	assert_int_equal(fk_count(w.fk, root), 1);
	assert_int_equal(fk_leave_submount(&w.c, root), 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), -ENOENT);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1);
	world_end(&w, false);
}

static void play(void *arg, unsigned int number)
{
	struct world *w = arg;
	struct fk_client c;

	fk_client_init(&c, w->fk, number + 1);
	c.refuse_percent = number % 2 ? 10 : 0;
	c.mounts = 3;
	c.mounts_stay = true;
	fk_client_play(&c, 1500);
}

static void balance(bool old_submounts, unsigned int workers, uint64_t no_flags)
{
	struct mem_volume *volume;
	struct world w;

	world_prepare_with_mounts(&w);
	w.options.old_submounts = old_submounts;
	w.options.workers = workers;
	w.options.no_flags = no_flags;
	world_connect(&w);
	assert_non_null(memfs_mount(&w.fs, &w.fs.main, "m0", S_IFDIR));
	volume = memfs_mount(&w.fs, &w.fs.main, "m1", S_IFDIR);
	assert_non_null(volume);
	assert_non_null(memfs_mount(&w.fs, volume, "m0", S_IFDIR));
	assert_non_null(memfs_mount(&w.fs, volume, "m2", S_IFDIR));
	run_threads(4, play, &w);
	world_assert_balanced(&w);
	fk_forget_everything(&w.c);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).inodes, 1 + world_stats(&w).roots_kept);
	assert_int_equal(world_stats(&w).forgets_clamped, 0);
	assert_int_equal(world_stats(&w).forgets_unknown, 0);
	if (no_flags)
		assert_int_equal(world_stats(&w).mounts, 1);
	world_end(&w, false);
}

static void test_i_both_kernels_balance(void **state)
{
	(void)state;
	for (unsigned int old = 0; old < 2; old++) {
		balance(old, 1, 0);
		balance(old, 2, 0);
		balance(old, 8, 0);
	}
}

static void test_c_a_kernel_that_takes_no_submounts_balances_too(void **state)
{
	(void)state;
	balance(false, 1, FUSE_SUBMOUNTS);
	balance(false, 8, FUSE_SUBMOUNTS);
}

static void ignore(void *arg, const char *name, uint64_t off, const struct fk_entry *entry)
{
	(void)arg;
	(void)name;
	(void)off;
	(void)entry;
}

static int read_root_plus(struct world *w, fk_dirent_fn fn, void *arg)
{
	unsigned int percent = w->c.refuse_percent;
	uint64_t fh;
	int err;

	w->c.refuse_percent = 0;
	assert_int_equal(fk_open(&w->c, 1, true, &fh), 0);
	w->c.refuse_percent = percent;
	err = fk_readdir(&w->c, 1, fh, 0, 4096, true, fn, arg);
	w->c.refuse_percent = 0;
	assert_int_equal(fk_release(&w->c, 1, true, fh), 0);
	return err;
}

static void test_i_an_announcement_that_did_not_arrive_is_withdrawn(void **state)
{
	struct fk_entry e;
	struct world w;

	(void)state;
	if (!begin(&w, true))
		skip();
	w.c.refuse_percent = 100;
	assert_int_equal(fk_lookup(&w.c, 1, "m", &e), -ECONNABORTED);
	w.c.refuse_percent = 0;
	world_assert_balanced(&w); /* waits until the server has taken it back */
	AWAIT(world_stats(&w).roots_kept == 0 && world_stats(&w).mounts == 1);
	w.c.refuse_percent = 100;
	assert_int_equal(read_root_plus(&w, ignore, NULL), -ECONNABORTED);
	AWAIT(world_stats(&w).roots_kept == 0 && world_stats(&w).mounts == 1);
	assert_int_equal(world_stats(&w).replies_failed, 2);
	AWAIT(w.fs.volumes->inits == w.fs.volumes->evicts);
	assert_int_equal(w.fs.volumes->inits, 2);
	world_end(&w, false);
}

/* Only the last withdrawal ends it: another reply has told the kernel. */
static void test_i_an_announcement_that_arrived_stays_when_another_does_not(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t root;

	(void)state;
	if (!begin(&w, true))
		skip();
	root = enter(&w, 1, "m");
	w.c.refuse_percent = 100;
	assert_int_equal(fk_lookup(&w.c, 1, "m", &e), -ECONNABORTED);
	assert_int_equal(read_root_plus(&w, ignore, NULL), -ECONNABORTED);
	AWAIT(world_stats(&w).replies_failed == 2);
	world_assert_balanced(&w);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).roots_kept, 1);
	assert_int_equal(fk_getattr(&w.c, root, &e), 0);
	world_end(&w, false);
}

static void test_i_nothing_is_announced_to_a_kernel_that_did_not_offer(void **state)
{
	struct fk_entry e;
	struct world w;

	(void)state;
	world_prepare_with_mounts(&w);
	w.options.no_flags = FUSE_SUBMOUNTS;
	world_connect(&w);
	assert_non_null(memfs_mount(&w.fs, &w.fs.main, "m", S_IFDIR));
	assert_int_equal(fk_lookup(&w.c, 1, "m", &e), 0);
	assert_false(e.submount);
	assert_int_equal(read_root_plus(&w, ignore, NULL), 0);
	assert_int_equal(world_stats(&w).roots_kept, 0);
	assert_int_equal(world_stats(&w).mounts, 2);
	assert_int_equal(fk_forget(&w.c, e.nodeid, 2), 2);
	world_assert_balanced(&w); /* the fake kernel would complain of the flag */
	assert_int_equal(world_stats(&w).mounts, 1);
	world_end(&w, false);
}

static void test_a_file_that_is_a_mount_of_its_own_is_not_announced(void **state)
{
	struct mem_volume *volume;
	struct fk_entry e, below;
	struct world w;

	(void)state;
	if (!begin(&w, false))
		skip();
	assert_int_equal(fk_mknod(&w.c, 1, "f", S_IFREG | 0644, &below), 0);
	volume = memfs_mount(&w.fs, &w.fs.main, "f", S_IFREG);
	assert_non_null(volume);
	assert_int_equal(fk_lookup(&w.c, 1, "f", &e), 0);
	assert_false(e.submount);
	assert_int_not_equal(e.nodeid, below.nodeid);
	assert_int_not_equal(e.ino, below.ino);
	assert_int_equal(volume->inits, 1);
	assert_int_equal(world_stats(&w).roots_kept, 0);
	assert_int_equal(fk_unlink(&w.c, 1, "f"), -EBUSY);
	world_end(&w, false);
}

struct seen {
	struct fk_entry m, up;
};

static void see(void *arg, const char *name, uint64_t off, const struct fk_entry *entry)
{
	struct seen *seen = arg;

	(void)off;
	if (strcmp(name, "m") == 0)
		seen->m = *entry;
	if (strcmp(name, "..") == 0)
		seen->up = *entry;
}

static void test_i_readdirplus_announces_too(void **state)
{
	struct seen seen = {0};
	struct fk_entry e;
	struct world w;

	(void)state;
	if (!begin(&w, true))
		skip();
	assert_int_equal(read_root_plus(&w, see, &seen), 0);
	assert_true(seen.m.submount);
	assert_int_not_equal(seen.m.nodeid, 0);
	assert_int_equal(seen.up.nodeid, 0);
	assert_int_equal(world_stats(&w).roots_kept, 1);
	assert_int_equal(fk_enter_submount(&w.c, seen.m.nodeid), 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, seen.m.nodeid), 0);
	world_assert_balanced(&w);
	assert_int_equal(fk_getattr(&w.c, seen.m.nodeid, &e), 0);
	assert_int_equal(e.ino, seen.m.ino);
	world_end(&w, false);
}

/* LOOKUP of "..", which NFS asks for; what is above is fs->arg. */
static void (*look_up_name)(fuse_req_t req, fuse_ino_t parent, const char *name);

static void look_up(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct memfs *fs = finode_session_of(req)->user;
	const struct finode_entry entry = FINODE_ENTRY(.attr = {.st_mode = S_IFDIR | 0755});
	FINODE_AUTOPUT struct finode *dir = NULL, *above = NULL;

	if (strcmp(name, "..") != 0) {
		look_up_name(req, parent, name);
		return;
	}
	dir = finode_get(fs->table, parent);
	above = finode_get(fs->table, *(uint64_t *)fs->arg);
	finode_reply_entry(req, dir, name, above, &entry);
}

static void test_i_the_way_up_is_no_submount(void **state)
{
	struct fuse_lowlevel_ops ops;
	uint64_t outer, inner;
	struct fk_entry e;
	struct world w;

	(void)state;
	world_prepare_with_mounts(&w);
	ops = *w.options.server.ops;
	look_up_name = ops.lookup;
	ops.lookup = look_up;
	w.options.server.ops = &ops;
	w.fs.arg = &outer;
	world_connect(&w);
	if (!world_is_interposed(&w)) {
		world_end(&w, false);
		skip();
	}
	memfs_mount(&w.fs, memfs_mount(&w.fs, &w.fs.main, "m", S_IFDIR), "n", S_IFDIR);
	outer = enter(&w, 1, "m");
	inner = enter(&w, outer, "n");
	assert_int_equal(fk_lookup(&w.c, inner, "..", &e), 0);
	assert_int_equal(e.nodeid, outer);
	assert_false(e.submount);
	assert_int_equal(fk_count(w.fk, outer), 2);
	world_end(&w, false);
}

static void test_j_a_new_init_begins_with_no_submounts(void **state)
{
	struct fk_entry e;
	struct world w;
	uint64_t root;

	(void)state;
	if (!begin(&w, true))
		skip();
	root = enter(&w, 1, "m");
	assert_int_equal(fk_mknod(&w.c, root, "f", S_IFREG | 0644, &e), 0);
	assert_int_equal(fk_evict_mountpoint(&w.c, root), 0);
	world_assert_balanced(&w);
	assert_int_equal(fk_reinit(w.fk), 0);
	assert_int_equal(world_stats(&w).roots_kept, 0);
	assert_int_equal(world_stats(&w).inodes, 1);
	assert_int_equal(world_stats(&w).mounts, 1);
	assert_int_equal(w.fs.volumes->evicts, 1);
	assert_int_equal(fk_getattr(&w.c, root, &e), -ESTALE);
	assert_int_equal(fk_getattr(&w.c, 1, &e), 0);
	assert_int_not_equal(enter(&w, 1, "m"), root);
	world_assert_balanced(&w);
	/* The next kernel is not told what only this one has asked for. */
	fk_offer_all_but(w.fk, FUSE_SUBMOUNTS);
	assert_int_equal(fk_reinit(w.fk), 0);
	assert_int_equal(fk_lookup(&w.c, 1, "m", &e), 0);
	assert_false(e.submount);
	assert_int_equal(world_stats(&w).roots_kept, 0);
	world_end(&w, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_i_a_root_answers_after_the_old_kernel_forgot_it),
		cmocka_unit_test(
			test_i_without_the_policy_the_old_kernel_loses_a_root_in_use),
		cmocka_unit_test(test_i_the_new_kernel_keeps_a_root_in_use_by_itself),
		cmocka_unit_test(test_i_both_kernels_balance),
		cmocka_unit_test(test_c_a_kernel_that_takes_no_submounts_balances_too),
		cmocka_unit_test(test_i_an_announcement_that_did_not_arrive_is_withdrawn),
		cmocka_unit_test(
			test_i_an_announcement_that_arrived_stays_when_another_does_not),
		cmocka_unit_test(
			test_i_nothing_is_announced_to_a_kernel_that_did_not_offer),
		cmocka_unit_test(test_a_file_that_is_a_mount_of_its_own_is_not_announced),
		cmocka_unit_test(test_i_readdirplus_announces_too),
		cmocka_unit_test(test_i_the_way_up_is_no_submount),
		cmocka_unit_test(test_j_a_new_init_begins_with_no_submounts),
	};

	return cmocka_run_group_tests_name("submounts", tests, NULL, NULL);
}
