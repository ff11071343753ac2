/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mounts through libfuse, beside what the kernel is told of their roots
 * (test_submounts.c): whose inodes they are, their numbers, syncing, detaching, memory.
 */
#include "fakekernel/world.h"

#include <linux/fuse.h>
#include <stdio.h>

/* A world with the mounts "a", "b" and, in a, "c"; with submounts or without. */
struct mounts_world {
	struct world w;
	struct mem_volume *main, *a, *b, *c;
};

static void begin_as(struct mounts_world *m, uint64_t no_flags,
		     void (*change)(struct finode_config *, void *))
{
	world_prepare_as(&m->w, change);
	m->w.options.no_flags = no_flags;
	world_connect(&m->w);
	m->main = &m->w.fs.main;
	m->a = memfs_mount(&m->w.fs, m->main, "a", S_IFDIR);
	m->b = memfs_mount(&m->w.fs, m->main, "b", S_IFDIR);
	m->c = memfs_mount(&m->w.fs, m->a, "c", S_IFDIR);
	assert_true(m->a && m->b && m->c);
}

static void configure(struct finode_config *config, void *world)
{
	world_configure(config, world);
	memfs_with_mounts(config, world);
}

static void configure_with_names(struct finode_config *config, void *world)
{
	configure(config, world);
	memfs_with_names(config, world);
}

static void begin(struct mounts_world *m, uint64_t no_flags)
{
	begin_as(m, no_flags, configure);
}

/* Submounts and SYNCFS need a libfuse that shows all messages to the session. */
static bool begin_interposed(struct mounts_world *m, uint64_t no_flags)
{
	begin(m, no_flags);
	if (world_is_interposed(&m->w))
		return true;
	print_message("SKIPPED: this libfuse was built without custom io\n");
	world_end(&m->w, false);
	return false;
}

static struct fk_entry must_lookup(struct mounts_world *m, uint64_t parent,
				   const char *name)
{
	struct fk_entry e;

	assert_int_equal(fk_lookup(&m->w.c, parent, name, &e), 0);
	return e;
}

static struct fk_entry must_make(struct mounts_world *m, uint64_t parent, const char *name)
{
	struct fk_entry e;

	assert_int_equal(fk_mknod(&m->w.c, parent, name, S_IFREG | 0644, &e), 0);
	return e;
}

static uint64_t host_ino(struct mounts_world *m, uint64_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(m->w.fs.table, nodeid);
	size_t size;

	return *(const uint64_t *)finode_key_bytes(inode, &size);
}

static void test_b_equal_numbers_in_two_mounts_are_two_inodes(void **state)
{
	struct mounts_world m;
	struct fk_entry a, b, in_a, in_b;

	(void)state;
	begin(&m, FUSE_SUBMOUNTS);
	a = must_lookup(&m, 1, "a");
	b = must_lookup(&m, 1, "b");
	in_a = must_make(&m, a.nodeid, "f");
	must_make(&m, b.nodeid, "f");
	assert_int_equal(host_ino(&m, b.nodeid), host_ino(&m, 1));
	in_b = must_make(&m, b.nodeid, "g"); /* the second: c was made in a before f */
	assert_int_equal(host_ino(&m, in_a.nodeid), host_ino(&m, in_b.nodeid));
	assert_int_not_equal(in_a.nodeid, in_b.nodeid);
	assert_int_not_equal(a.nodeid, b.nodeid);
	assert_int_equal(fk_unlink(&m.w.c, a.nodeid, "f"), 0);
	assert_int_equal(fk_getattr(&m.w.c, in_b.nodeid, &b), 0);
	assert_int_equal(b.nlink, 1);
	assert_int_equal(world_stats(&m.w).retired, 0);
	world_end(&m.w, false);
}

/* The numbers that were told, and of which nodeid. */
struct numbers {
	struct {
		uint64_t ino, nodeid;
	} seen[64];
	unsigned int count;
};

static void note_number(struct numbers *numbers, uint64_t ino, uint64_t nodeid)
{
	for (unsigned int i = 0; i < numbers->count; i++)
		if (numbers->seen[i].ino == ino || numbers->seen[i].nodeid == nodeid) {
			assert_int_equal(numbers->seen[i].ino, ino);
			assert_int_equal(numbers->seen[i].nodeid, nodeid);
			return;
		}
	numbers->seen[numbers->count].ino = ino;
	numbers->seen[numbers->count++].nodeid = nodeid;
}

static void note_listed(void *arg, const char *name, uint64_t off, const struct fk_entry *e)
{
	(void)off;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		note_number(arg, e->ino, e->nodeid);
}

/* A plain READDIR tells numbers only: they must be those of READDIRPLUS. */
static void note_ino(void *arg, const char *name, uint64_t off, const struct fk_entry *e)
{
	struct numbers *numbers = arg;

	(void)off;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		numbers->seen[numbers->count++].ino = e->ino;
}

static void list(struct mounts_world *m, uint64_t dir, struct numbers *numbers)
{
	struct numbers plus = {0}, plain = {0};
	uint64_t fh;

	assert_int_equal(fk_open(&m->w.c, dir, true, &fh), 0);
	assert_int_equal(fk_readdir(&m->w.c, dir, fh, 0, 4096, true, note_listed, numbers),
			 0);
	assert_int_equal(fk_readdir(&m->w.c, dir, fh, 0, 4096, true, note_ino, &plus), 0);
	assert_int_equal(fk_readdir(&m->w.c, dir, fh, 0, 4096, false, note_ino, &plain), 0);
	assert_int_equal(fk_release(&m->w.c, dir, true, fh), 0);
	assert_int_equal(plus.count, plain.count);
	for (unsigned int i = 0; i < plus.count; i++)
		assert_int_equal(plus.seen[i].ino, plain.seen[i].ino);
}

static void test_an_inode_number_is_told_of_one_inode(void **state)
{
	static const char *const names[] = {"f", "g", "h"};
	struct numbers numbers = {0};
	uint64_t dirs[4] = {1};
	struct mounts_world m;
	struct fk_entry e;
	struct statx stx;

	(void)state;
	begin(&m, 0);
	dirs[1] = must_lookup(&m, 1, "a").nodeid;
	dirs[2] = must_lookup(&m, 1, "b").nodeid;
	dirs[3] = must_lookup(&m, dirs[1], "c").nodeid;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(fk_getattr(&m.w.c, dirs[i], &e), 0);
		note_number(&numbers, e.ino, dirs[i]);
		for (int j = 0; j < 3; j++) {
			e = must_make(&m, dirs[i], names[j]);
			note_number(&numbers, e.ino, e.nodeid);
			assert_int_equal(fk_statx(&m.w.c, e.nodeid, 0, STATX_BTIME, &stx),
					 0);
			assert_int_equal(stx.stx_ino, e.ino);
		}
	}
	assert_int_equal(numbers.count, 16);
	for (int i = 0; i < 4; i++)
		list(&m, dirs[i], &numbers);
	assert_int_equal(numbers.count, 16);
	/* In the first mount they are the host's. */
	assert_int_equal(fk_getattr(&m.w.c, 1, &e), 0);
	assert_int_equal(e.ino, host_ino(&m, 1));
	world_end(&m.w, false);
}

static void test_links_and_renames_do_not_cross(void **state)
{
	struct mounts_world m;
	struct fk_entry a, f, e;

	(void)state;
	begin(&m, FUSE_SUBMOUNTS);
	a = must_lookup(&m, 1, "a");
	f = must_make(&m, a.nodeid, "f");
	assert_int_equal(fk_link(&m.w.c, f.nodeid, 1, "f", &e), -EXDEV);
	assert_int_equal(fk_rename(&m.w.c, a.nodeid, "f", 1, "f", 0), -EXDEV);
	assert_int_equal(fk_rename(&m.w.c, 1, "b", a.nodeid, "b", 0), -EXDEV);
	assert_int_equal(fk_link(&m.w.c, f.nodeid, a.nodeid, "g", &e), 0);
	assert_int_equal(fk_rename(&m.w.c, a.nodeid, "f", a.nodeid, "h", 0), 0);
	assert_int_equal(fk_rename(&m.w.c, 1, "b", 1, "x", 0), -EBUSY);
	assert_int_equal(fk_rmdir(&m.w.c, 1, "b"), -EBUSY);
	world_end(&m.w, false);
}

/* ---- SYNCFS ---- */

static void assert_synced(struct mounts_world *m, unsigned int root, unsigned int a,
			  unsigned int b, unsigned int c)
{
	assert_int_equal(m->main->syncs, root);
	assert_int_equal(m->a->syncs, a);
	assert_int_equal(m->b->syncs, b);
	assert_int_equal(m->c->syncs, c);
	m->main->syncs = m->a->syncs = m->b->syncs = m->c->syncs = 0;
}

static void test_syncfs_reaches_the_submount_that_was_asked_for(void **state)
{
	struct mounts_world m;
	struct fk_entry a, b, c;

	(void)state;
	if (!begin_interposed(&m, 0))
		skip();
	a = must_lookup(&m, 1, "a");
	b = must_lookup(&m, 1, "b");
	c = must_lookup(&m, a.nodeid, "c");
	assert_int_equal(fk_syncfs(&m.w.c, b.nodeid), 0);
	assert_synced(&m, 0, 0, 1, 0);
	assert_int_equal(fk_syncfs(&m.w.c, a.nodeid), 0);
	assert_synced(&m, 0, 1, 0, 0); /* c is the kernel's own to ask for */
	assert_int_equal(fk_syncfs(&m.w.c, c.nodeid), 0);
	assert_synced(&m, 0, 0, 0, 1);
	assert_int_equal(fk_syncfs(&m.w.c, 1), 0);
	assert_synced(&m, 1, 0, 0, 0);
	assert_int_equal(fk_syncfs(&m.w.c, 4242), -ESTALE);
	assert_synced(&m, 0, 0, 0, 0);
	world_end(&m.w, false);
}

/* What the kernel takes for a part of the filesystem that it syncs, nobody else syncs. */
static void test_syncfs_reaches_what_the_kernel_does_not_know_as_a_submount(void **state)
{
	struct mounts_world m;
	struct fk_entry a, b, c;

	(void)state;
	if (!begin_interposed(&m, FUSE_SUBMOUNTS))
		skip();
	a = must_lookup(&m, 1, "a");
	c = must_lookup(&m, a.nodeid, "c");
	assert_int_equal(fk_syncfs(&m.w.c, 1), 0);
	assert_synced(&m, 1, 1, 0, 1); /* nobody has been in b */
	assert_int_equal(fk_syncfs(&m.w.c, a.nodeid), 0);
	assert_synced(&m, 0, 1, 0, 1);
	b = must_lookup(&m, 1, "b");
	assert_int_equal(fk_syncfs(&m.w.c, b.nodeid), 0);
	assert_synced(&m, 0, 0, 1, 0);
	assert_int_equal(fk_syncfs(&m.w.c, c.nodeid), 0);
	assert_synced(&m, 0, 0, 0, 1);
	world_end(&m.w, false);
}

/* A root that was announced, and is not counted any more: nobody may be in it. */
static void test_syncfs_reaches_a_submount_that_the_kernel_has_forgotten(void **state)
{
	struct mounts_world m;
	struct fk_entry a;

	(void)state;
	if (!begin_interposed(&m, 0))
		skip();
	a = must_lookup(&m, 1, "a");
	must_lookup(&m, 1, "b");
	assert_int_equal(fk_evict_mountpoint(&m.w.c, a.nodeid), 0);
	world_assert_balanced(&m.w);
	assert_int_equal(fk_syncfs(&m.w.c, 1), 0);
	assert_synced(&m, 1, 1, 0, 0);
	world_end(&m.w, false);
}

static void test_syncfs_goes_on_after_an_error_and_tells_the_first(void **state)
{
	struct mounts_world m;

	(void)state;
	if (!begin_interposed(&m, FUSE_SUBMOUNTS))
		skip();
	must_lookup(&m, must_lookup(&m, 1, "a").nodeid, "c");
	must_lookup(&m, 1, "b");
	m.a->sync_error = -ENOSPC;
	m.b->sync_error = -EIO;
	assert_int_equal(fk_syncfs(&m.w.c, 1), -ENOSPC);
	assert_synced(&m, 1, 1, 1, 1);
	m.a->sync_error = 0;
	assert_int_equal(fk_syncfs(&m.w.c, 1), -EIO);
	assert_synced(&m, 1, 1, 1, 1);
	m.main->sync_error = 5; /* no errno */
	assert_int_equal(fk_syncfs(&m.w.c, 1), -EIO);
	world_end(&m.w, false);
}

static void test_the_authors_own_syncfs_comes_first(void **state)
{
	struct finode_session_config server;
	struct world plain, w;

	(void)state;
	world_prepare(&plain); /* its server has one */
	server = plain.options.server;
	world_finish(&plain, false);
	world_prepare_with_mounts(&w);
	w.options.server.syncfs = server.syncfs;
	world_connect(&w);
	if (world_is_interposed(&w)) {
		assert_int_equal(fk_syncfs(&w.c, 1), 0);
		assert_int_equal(w.fs.syncs, 1);
		assert_int_equal(w.fs.main.syncs, 0);
	}
	world_end(&w, false);
}

/* ---- Detaching ---- */

static void test_i_what_is_detached_is_stale_and_its_forgets_are_expected(void **state)
{
	struct mounts_world m;
	struct fk_entry b, f, e;

	(void)state;
	if (!begin_interposed(&m, 0))
		skip();
	b = must_lookup(&m, 1, "b");
	assert_int_equal(fk_enter_submount(&m.w.c, b.nodeid), 0);
	f = must_make(&m, b.nodeid, "f");
	must_lookup(&m, b.nodeid, "f");
	assert_int_equal(world_stats(&m.w).roots_kept, 1);
	assert_int_equal(memfs_umount(&m.w.fs, m.b), 0);
	assert_int_equal(m.b->inits, 1);
	AWAIT(m.b->evicts == 1); /* at once, but for what the last request still holds */
	assert_int_equal(world_stats(&m.w).roots_kept, 0);
	assert_int_equal(world_stats(&m.w).inodes, 1);
	assert_int_equal(world_stats(&m.w).mounts_detached, 1);
	assert_int_equal(fk_getattr(&m.w.c, b.nodeid, &e), -ESTALE);
	assert_int_equal(fk_lookup(&m.w.c, b.nodeid, "f", &e), -ESTALE);
	assert_int_equal(fk_getattr(&m.w.c, f.nodeid, &e), -ESTALE);
	assert_int_equal(fk_syncfs(&m.w.c, b.nodeid), -ESTALE);
	assert_int_equal(fk_drop_stale(&m.w.c), 2);
	world_assert_balanced(&m.w);
	assert_int_equal(world_stats(&m.w).forgets_late, 2);
	assert_int_equal(world_stats(&m.w).forgets_unknown, 0);
	assert_int_equal(m.w.warnings, 0);
	fk_forget_lie(&m.w.c, b.nodeid, 1); /* that was all */
	AWAIT(world_stats(&m.w).forgets_unknown == 1);
	world_end(&m.w, false);
}

static void test_i_a_new_mount_at_the_same_place_has_new_nodeids(void **state)
{
	struct mounts_world m;
	struct fk_entry old, old_f, b, f, e;

	(void)state;
	begin(&m, 0);
	old = must_lookup(&m, 1, "b");
	old_f = must_make(&m, old.nodeid, "f");
	assert_int_equal(memfs_umount(&m.w.fs, m.b), 0);
	e = must_lookup(&m, 1, "b"); /* the directory that was covered */
	assert_false(e.submount);
	assert_int_not_equal(e.nodeid, old.nodeid);
	m.b = memfs_mount(&m.w.fs, m.main, "b", S_IFDIR);
	assert_non_null(m.b);
	b = must_lookup(&m, 1, "b");
	f = must_make(&m, b.nodeid, "f");
	assert_int_not_equal(b.nodeid, old.nodeid);
	assert_int_not_equal(b.nodeid, e.nodeid);
	assert_int_not_equal(f.nodeid, old_f.nodeid);
	assert_int_equal(fk_getattr(&m.w.c, old_f.nodeid, &e), -ESTALE);
	assert_int_equal(fk_drop_stale(&m.w.c), 2);
	assert_int_equal(fk_count(m.w.fk, f.nodeid), 1);
	world_end(&m.w, false);
}

static void test_i_an_open_file_outlives_its_mount(void **state)
{
	struct mounts_world m;
	struct fk_entry b, f;

	(void)state;
	begin(&m, 0);
	b = must_lookup(&m, 1, "b");
	assert_int_equal(fk_create(&m.w.c, b.nodeid, "f", &f), 0);
	assert_int_equal(memfs_umount(&m.w.fs, m.b), 0);
	assert_int_equal(world_stats(&m.w).files, 1);
	assert_int_equal(m.b->evicts, 0); /* the file holds its inode, which holds it */
	/* The kernel forgets before it releases, or after: it is expected either way. */
	assert_int_equal(fk_forget(&m.w.c, f.nodeid, 1), 1);
	AWAIT(world_stats(&m.w).forgets == 1);
	assert_int_equal(world_stats(&m.w).forgets_late, 1);
	assert_int_equal(world_stats(&m.w).forgets_clamped, 0);
	assert_int_equal(m.w.warnings, 0);
	assert_int_equal(fk_release(&m.w.c, f.nodeid, false, f.fh), 0);
	AWAIT(m.b->evicts == 1);
	fk_drop_stale(&m.w.c);
	world_assert_balanced(&m.w);
	assert_int_equal(world_stats(&m.w).forgets_late, 2);
	assert_int_equal(world_stats(&m.w).inodes, 1);
	world_end(&m.w, false);
}

/* A LOOKUP of "late" finds the root of the volume fs->arg, which goes before the reply. */
static void (*look_up_name)(fuse_req_t req, fuse_ino_t parent, const char *name);

static void look_up(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct memfs *fs = finode_session_of(req)->user;
	const struct finode_entry entry = FINODE_ENTRY(.attr = {.st_mode = S_IFDIR | 0755});
	FINODE_AUTOPUT struct finode *dir = NULL, *inode = NULL;
	FINODE_MOUNT_AUTOPUT struct finode_mount *mount = NULL;
	struct mem_volume *volume = fs->arg;

	if (strcmp(name, "late") != 0) {
		look_up_name(req, parent, name);
		return;
	}
	dir = finode_get(fs->table, parent);
	if (finode_mount_obtain(dir->mount, &volume->id, volume, &mount, NULL) != 0)
		abort();
	inode = finode_mount_root(mount);
	memfs_umount(fs, volume);
	finode_reply_entry(req, dir, name, inode, &entry);
}

static void reply_after_the_detach(unsigned int refuse_percent)
{
	struct fuse_lowlevel_ops ops;
	struct mem_volume *volume;
	struct fk_entry m, e;
	struct world w;
	int err;

	world_prepare_with_mounts(&w);
	ops = *w.options.server.ops;
	look_up_name = ops.lookup;
	ops.lookup = look_up;
	w.options.server.ops = &ops;
	world_connect(&w);
	w.fs.arg = volume = memfs_mount(&w.fs, &w.fs.main, "m", S_IFDIR);
	assert_int_equal(fk_lookup(&w.c, 1, "m", &m), 0);
	w.c.refuse_percent = refuse_percent;
	err = fk_lookup(&w.c, 1, "late", &e);
	w.c.refuse_percent = 0;
	assert_int_equal(err, refuse_percent ? -ECONNABORTED : 0);
	AWAIT(volume->evicts == 1); /* not only when the kernel forgets it */
	assert_int_equal(fk_getattr(&w.c, m.nodeid, &e), -ESTALE);
	assert_int_equal(world_stats(&w).roots_kept, 0);
	assert_int_equal(fk_drop_stale(&w.c), 1);
	world_assert_balanced(&w);
	assert_int_equal(world_stats(&w).forgets_clamped, 0);
	assert_int_equal(world_stats(&w).forgets_unknown, 0);
	fk_forget_lie(&w.c, m.nodeid, 1); /* nothing is expected any more */
	AWAIT(world_stats(&w).forgets_unknown == 1);
	world_end(&w, false);
}

static void test_i_a_reply_after_the_detach_counts_nothing_that_stays(void **state)
{
	(void)state;
	reply_after_the_detach(0);
	reply_after_the_detach(100);
}

static void test_f_a_mount_is_evicted_once_for_each_init(void **state)
{
	struct mounts_world m;

	(void)state;
	begin(&m, FUSE_SUBMOUNTS);
	for (unsigned int i = 1; i <= 3; i++) {
		must_lookup(&m, must_lookup(&m, 1, "a").nodeid, "c");
		assert_int_equal(m.a->inits, i);
		assert_int_equal(m.a->evicts, i - 1);
		fk_forget_everything(&m.w.c);
		world_assert_balanced(&m.w);
		AWAIT(m.a->evicts == i && m.c->evicts == i);
	}
	assert_int_equal(memfs_umount(&m.w.fs, m.a), -EBUSY); /* c is in it */
	assert_int_equal(m.main->inits, 1);
	world_end(&m.w, false);
}

/* ---- With names ---- */

static void test_g_a_mountpoint_is_the_name_of_its_root(void **state)
{
	FINODE_AUTOPUT struct finode *c = NULL;
	struct finode_alias *point;
	struct mounts_world m;
	struct fk_entry a, old;
	char path[64];

	(void)state;
	begin_as(&m, 0, configure_with_names);
	a = must_lookup(&m, 1, "a");
	c = finode_get(m.w.fs.table, must_lookup(&m, a.nodeid, "c").nodeid);
	point = finode_alias_next(c, NULL);
	assert_non_null(point);
	assert_ptr_equal(point->inode, c);
	assert_int_equal(point->dir->nodeid, a.nodeid);
	assert_string_equal(point->name, "c");
	finode_alias_put(point);
	assert_true(finode_path(c, path, sizeof(path)) > 0);
	assert_string_equal(path, "/a/c");
	old = must_lookup(&m, 1, "b");
	assert_int_equal(memfs_umount(&m.w.fs, m.b), 0);
	assert_int_not_equal(must_lookup(&m, 1, "b").nodeid, old.nodeid);
	fk_drop_stale(&m.w.c);
	world_assert_balanced(&m.w); /* of the names too */
	finode_put(c);
	c = NULL;
	world_end(&m.w, false);
}

/* ---- Memory ---- */

static void test_k_a_lookup_that_crosses_fails_cleanly_at_every_allocation(void **state)
{
	struct mounts_world m;
	unsigned int failures = 0;

	(void)state;
	begin(&m, 0);
	for (int round = 0; round < 3; round++) {
		int err = -ENOMEM;

		for (long n = 0; err == -ENOMEM; n++) {
			const struct finode_stats before = world_stats(&m.w);
			long live = m.w.live;
			struct fk_entry e;

			m.w.fail_after = n;
			err = fk_lookup(&m.w.c, 1, "b", &e);
			m.w.fail_after = -1;
			if (!err)
				break;
			assert_int_equal(err, -ENOMEM);
			world_assert_balanced(&m.w);
			assert_int_equal(world_stats(&m.w).mounts, before.mounts);
			assert_int_equal(world_stats(&m.w).roots_kept, 0);
			/* The first that needs them makes the prefixes, and slots. */
			assert_true(m.w.live <= live + 3);
			failures++;
		}
		assert_int_equal(m.b->inits, m.b->evicts + 1);
		assert_int_equal(fk_reinit(m.w.fk), 0);
		assert_int_equal(m.b->inits, m.b->evicts);
	}
	assert_true(failures >= 9);
	print_message("crossing: %u failed allocations\n", failures);
	world_end(&m.w, false);
}

/* ---- All at once ---- */

static void play(void *arg, unsigned int number)
{
	struct mounts_world *m = arg;
	struct fk_client c;

	if (number == 0) {
		for (int i = 0; i < 300; i++) {
			if (memfs_umount(&m->w.fs, m->b) == 0)
				m->b = memfs_mount(&m->w.fs, m->main, "m1", S_IFDIR);
			usleep(200);
		}
		return;
	}
	fk_client_init(&c, m->w.fk, number);
	c.refuse_percent = number % 2 ? 10 : 0;
	c.mounts = 2;
	fk_client_play(&c, 1500);
}

static void come_and_go(bool old_submounts, uint64_t no_flags, unsigned int workers)
{
	struct mounts_world m = {.main = &m.w.fs.main};

	world_prepare_with_mounts(&m.w);
	m.w.options.old_submounts = old_submounts;
	m.w.options.no_flags = no_flags;
	m.w.options.workers = workers;
	world_connect(&m.w);
	m.a = memfs_mount(&m.w.fs, m.main, "m0", S_IFDIR);
	m.b = memfs_mount(&m.w.fs, m.main, "m1", S_IFDIR);
	assert_true(m.a && m.b);
	run_threads(4, play, &m);
	fk_forget_everything(&m.w.c);
	world_assert_balanced(&m.w);
	assert_int_equal(world_stats(&m.w).forgets_unknown, 0);
	assert_int_equal(world_stats(&m.w).forgets_clamped, 0);
	assert_int_equal(world_stats(&m.w).inodes, 1 + world_stats(&m.w).roots_kept);
	world_end(&m.w, false);
}

static void test_i_mounts_come_and_go_under_their_users(void **state)
{
	(void)state;
	come_and_go(true, 0, 1);
	come_and_go(true, 0, 8);
	come_and_go(false, 0, 4);
	come_and_go(false, FUSE_SUBMOUNTS, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b_equal_numbers_in_two_mounts_are_two_inodes),
		cmocka_unit_test(test_an_inode_number_is_told_of_one_inode),
		cmocka_unit_test(test_links_and_renames_do_not_cross),
		cmocka_unit_test(test_syncfs_reaches_the_submount_that_was_asked_for),
		cmocka_unit_test(
			test_syncfs_reaches_what_the_kernel_does_not_know_as_a_submount),
		cmocka_unit_test(
			test_syncfs_reaches_a_submount_that_the_kernel_has_forgotten),
		cmocka_unit_test(test_syncfs_goes_on_after_an_error_and_tells_the_first),
		cmocka_unit_test(test_the_authors_own_syncfs_comes_first),
		cmocka_unit_test(
			test_i_what_is_detached_is_stale_and_its_forgets_are_expected),
		cmocka_unit_test(test_i_a_new_mount_at_the_same_place_has_new_nodeids),
		cmocka_unit_test(test_i_an_open_file_outlives_its_mount),
		cmocka_unit_test(test_i_a_reply_after_the_detach_counts_nothing_that_stays),
		cmocka_unit_test(test_f_a_mount_is_evicted_once_for_each_init),
		cmocka_unit_test(test_g_a_mountpoint_is_the_name_of_its_root),
		cmocka_unit_test(
			test_k_a_lookup_that_crosses_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_i_mounts_come_and_go_under_their_users),
	};

	return cmocka_run_group_tests_name("mounts_glue", tests, NULL, NULL);
}
