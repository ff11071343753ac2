/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guarantee K through libfuse: for each kind of request the first, second, .. allocation
 * fails until the request succeeds; after each failure the requester has ENOMEM, the fake
 * kernel's books are equal to the table, and nothing more is allocated than before. The
 * core's own calls are in test_table.c.
 */
#include "fakekernel/world.h"

#include <stdio.h>

/* One request of its kind, on the nth name; an attempt that failed is made again. */
typedef int (*request_fn)(struct world *w, const char *name);

static void fail_each_allocation(request_fn request, const char *prefix)
{
	unsigned int failures = 0;
	struct world w;
	int err;

	world_begin(&w, 1);
	/* Enough names for slots and index to grow, and fail to, on the way. */
	for (unsigned int i = 0; i < 60; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s%u", prefix, i);
		err = -ENOMEM;
		for (long n = 0; err == -ENOMEM; n++) {
			w.fail_after = n;
			err = request(&w, name);
			w.fail_after = -1;
			failures += err == -ENOMEM;
			world_assert_balanced(&w);
			assert_true(n < 100);
		}
		assert_int_equal(err, 0);
	}
	assert_true(failures >= 60);
	print_message("%s: %u failed allocations\n", prefix, failures);
	world_end(&w, false);
}

/* A creation that failed after the backend had made the name: take it away again. */
static int remade(struct world *w, const char *name, int err)
{
	w->fail_after = -1;
	if (err == -ENOMEM && fk_unlink(&w->c, 1, name) == -EISDIR)
		fk_rmdir(&w->c, 1, name);
	return err;
}

static int do_mknod(struct world *w, const char *name)
{
	struct fk_entry e;

	return remade(w, name, fk_mknod(&w->c, 1, name, S_IFREG | 0644, &e));
}

static int do_mkdir(struct world *w, const char *name)
{
	struct fk_entry e;

	return remade(w, name, fk_mkdir(&w->c, 1, name, &e));
}

static int do_symlink(struct world *w, const char *name)
{
	struct fk_entry e;

	return remade(w, name, fk_symlink(&w->c, 1, name, "target", &e));
}

static int do_create(struct world *w, const char *name)
{
	struct fk_entry e;
	int err = remade(w, name, fk_create(&w->c, 1, name, &e));

	return err ? err : fk_release(&w->c, e.nodeid, false, e.fh);
}

/* Makes the name and forgets it, without faults, so that the request has to find it. */
static uint64_t prepare(struct world *w, const char *name, bool keep)
{
	long fail_after = w->fail_after;
	struct fk_entry e;

	w->fail_after = -1;
	if (fk_mknod(&w->c, 1, name, S_IFREG | 0644, &e) == -EEXIST)
		fk_lookup(&w->c, 1, name, &e);
	if (!keep)
		fk_forget(&w->c, e.nodeid, UINT64_MAX);
	world_assert_balanced(w);
	w->fail_after = fail_after;
	return e.nodeid;
}

static int do_lookup(struct world *w, const char *name)
{
	struct fk_entry e;

	prepare(w, name, false);
	return fk_lookup(&w->c, 1, name, &e);
}

static int do_tmpfile(struct world *w, const char *name)
{
	struct fk_entry e;
	int err = fk_tmpfile(&w->c, 1, &e);

	(void)name;
	return err ? err : fk_release(&w->c, e.nodeid, false, e.fh);
}

static int do_notify(struct world *w, const char *name)
{
	int err = finode_notify_inval_entry(fk_session(w->fk), 1, name);

	/* The thread's own releases do not disturb the count of allocations. */
	w->fail_after = -1;
	return err ? err : finode_notify_flush(fk_session(w->fk));
}

static int do_open(struct world *w, const char *name)
{
	uint64_t nodeid = prepare(w, name, true), fh;
	int err = fk_open(&w->c, nodeid, false, &fh);

	return err; /* left open: the end closes it */
}

struct names {
	unsigned int count;
};

static void count_names(void *arg, const char *name, uint64_t off, const struct fk_entry *e)
{
	(void)name;
	(void)off;
	(void)e;
	((struct names *)arg)->count++;
}

static int do_readdirplus(struct world *w, const char *name)
{
	long fail_after = w->fail_after;
	struct names names = {0};
	uint64_t fh;
	int err;

	prepare(w, name, false);
	w->fail_after = -1;
	assert_int_equal(fk_open(&w->c, 1, true, &fh), 0);
	w->fail_after = fail_after;
	err = fk_readdir(&w->c, 1, fh, 0, 60000, true, count_names, &names);
	w->fail_after = -1;
	assert_int_equal(fk_release(&w->c, 1, true, fh), 0);
	return err;
}

#define FAULT_TEST(request)                                                                \
	static void test_k_##request##_fails_cleanly_at_every_allocation(void **state)     \
	{                                                                                  \
		(void)state;                                                               \
		fail_each_allocation(do_##request, #request);                              \
	}

FAULT_TEST(lookup)
FAULT_TEST(mknod)
FAULT_TEST(mkdir)
FAULT_TEST(symlink)
FAULT_TEST(create)
FAULT_TEST(tmpfile)
FAULT_TEST(notify)
FAULT_TEST(open)
FAULT_TEST(readdirplus)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_k_lookup_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_mknod_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_mkdir_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_symlink_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_create_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_tmpfile_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_notify_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_open_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_readdirplus_fails_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
