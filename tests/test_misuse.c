/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The author's mistakes, and limits that nobody should reach: reported by name; debug
 * builds abort.
 */
#include "support/fixture.h"

#include "core/object.h"

/* As if 2^31 requests held it: nothing more is given out, and nothing breaks. */
static void test_e_references_stop_at_their_limit(void **state)
{
	struct fixture f;
	struct finode *inode, *none;
	struct finode_file *file;
	uint64_t word;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	word = atomic_load(&inode_slot(inode)->word);
	atomic_store(&inode_slot(inode)->word, word - 1 + SLOT_REFS_MAX);
	assert_int_equal(obtain(&f, 7, &none), -EOVERFLOW);
	assert_null(find(&f, 7));
	assert_null(finode_get(f.table, inode->nodeid));
#ifndef FINODE_DEBUG /* it is reported, which aborts there */
	assert_null(finode_hold(inode));
	assert_int_equal(finode_file_open(inode, &f, &file), -EOVERFLOW);
	finode_count(inode, 1);
	assert_int_equal(f.errors, 3);
#else
	(void)file;
#endif
	atomic_store(&inode_slot(inode)->word, word);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_a_server_without_callbacks_is_a_server(void **state)
{
	static const struct finode_ops no_callbacks = {FINODE_OPS_FOR(struct object, base)};
	struct fixture f;
	struct finode *inode;
	const uint64_t number = 7;

	(void)state;
	fixture_init(&f);
	f.config.ops = &no_callbacks;
	assert_int_equal(fixture_start(&f), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(finode_obtain(finode_table_root(f.table)->mount,
					       key_of(&number, S_IFREG), NULL, &inode,
					       NULL),
				 0);
		finode_count(inode, 1);
		finode_put(inode);
	}
	fixture_finish(&f);
}

static void put_the_root(struct fixture *f)
{
	struct finode *inode = NULL;

	if (obtain(f, 7, &inode) < 0)
		return;
	finode_count(inode, 1); /* keeps the memory alive */
	finode_put(inode);
	finode_put(finode_table_root(f->table));
}

static void test_a_put_of_the_roots_own_reference_is_reported(void **state)
{
	(void)state;
	assert_misuse(put_the_root);
}

static void wrong_init(struct fixture *f)
{
	struct finode *none = NULL;

	f->init_error = 5;
	if (obtain(f, 7, &none) != -EIO)
		exit(4);
}

static void wrong_match(struct fixture *f)
{
	struct finode *inode = NULL, *none;

	if (obtain(f, 7, &inode) < 0)
		exit(4);
	f->match_says = 5;
	if (obtain(f, 7, &none) != -EIO)
		exit(4);
}

static void put_a_file_twice(struct fixture *f)
{
	struct finode_file *file = NULL;

	if (finode_file_open(finode_table_root(f->table), f, &file) < 0)
		exit(4);
	/* Frees it, but for its memory, which this keeps: a put too many must be seen. */
	atomic_store(
		&slots_find(&finode_table_root(f->table)->mount->table->files, file->fh)
			 ->word,
		0);
	finode_file_put(file);
}

static void count_without_reference(struct fixture *f)
{
	struct finode *inode = NULL;

	if (obtain(f, 7, &inode) < 0)
		exit(4);
	finode_count(inode, 1);
	atomic_store(&inode_slot(inode)->word, inode->nodeid >> 32 << 32 | 1);
	finode_uncount(inode, 1);
}

static void test_puts_and_counts_without_a_reference_are_reported(void **state)
{
	(void)state;
	assert_misuse(put_a_file_twice);
	assert_misuse(count_without_reference);
}

/* ---- What has ended ---- */

#ifdef FINODE_DEBUG

static void put_what_has_ended(struct fixture *f)
{
	struct finode *inode = NULL;

	if (obtain(f, 7, &inode) < 0)
		exit(4);
	finode_put(inode);
	finode_put(inode);
}

static void hold_what_has_ended(struct fixture *f)
{
	struct finode *inode = NULL;

	if (obtain(f, 7, &inode) < 0)
		exit(4);
	finode_put(inode);
	finode_hold(inode);
}

/* Another one has its slot, and its key, by now. */
static void put_what_has_a_successor(struct fixture *f)
{
	struct finode *inode = NULL, *successor = NULL;

	if (obtain(f, 7, &inode) < 0)
		exit(4);
	finode_put(inode);
	if (obtain(f, 7, &successor) < 0)
		exit(4);
	finode_put(inode);
}

/* It had a key that lay elsewhere, and the mount that it was in has gone as well. */
static void put_what_has_ended_with_its_mount(struct fixture *f)
{
	const struct finode_mount_id id = {{7, 7}};
	const uint64_t number = 7, other = 8;
	struct what what = {.fixture = f, .value = 7};
	struct finode_mount *mount = NULL;
	struct finode *inode = NULL;

	if (finode_mount_obtain(finode_table_root(f->table)->mount, &id, NULL, &mount,
				NULL) != 0 ||
	    finode_obtain(mount, key_of(&number, S_IFREG), &what, &inode, NULL) != 0 ||
	    finode_rekey(inode, key_of(&other, S_IFREG)) != 0)
		exit(4);
	finode_mount_put(mount);
	finode_put(inode);
	finode_put(inode);
}

static void test_e_a_put_and_a_hold_of_what_has_ended_are_named(void **state)
{
	(void)state;
	assert_misuse_says(put_what_has_ended, "without a reference to it: it has ended");
	assert_misuse_says(put_what_has_a_successor, "it has ended");
	assert_misuse_says(put_what_has_ended_with_its_mount, "it has ended");
	assert_misuse_says(hold_what_has_ended, "finode_hold() of nodeid");
	assert_misuse_says(hold_what_has_ended, ": it has ended");
}

/* What is kept to name them is nobody's any more, and goes with the table. */
static void test_what_is_kept_of_the_ended_is_not_counted(void **state)
{
	struct fixture f;
	uint64_t bytes;
	long live;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1;
	assert_int_equal(fixture_start(&f), 0);
	finode_put(must_obtain(&f, 7));
	bytes = stats_of(&f).bytes;
	live = f.live_allocations;
	for (long kept = 2; kept <= 3 * ENDED_KEPT; kept++) {
		finode_put(must_obtain(&f, 7));
		assert_int_equal(stats_of(&f).bytes, bytes);
		assert_int_equal(f.live_allocations,
				 live + (kept < ENDED_KEPT ? kept : ENDED_KEPT) - 1);
	}
	fixture_finish(&f); /* asserts that nothing is left */
}

#endif

/* ---- Pins ---- */

static void lets_go(struct finode *inode)
{
	(void)inode;
}

static int takes_again(struct finode *inode, void *arg)
{
	(void)inode;
	(void)arg;
	return 0;
}

/* finode_unlinked() by a thread that has pinned the inode, or another one. */
static void unlinked_with_a_pin(struct fixture *f, uint64_t number, uint64_t pinned)
{
	struct finode_ops ops = *f->config.ops;
	struct finode *inode = NULL, *other = NULL;

	finode_table_destroy(f->table);
	ops.unlinked = lets_go;
	ops.rebind = takes_again;
	f->config.ops = &ops;
	f->config.aliases = true;
	if (fixture_start(f) != 0 || obtain(f, number, &inode) < 0 ||
	    obtain(f, pinned, &other) < 0 || finode_pin(other) != 0)
		exit(4);
	alarm(20); /* it would wait for itself */
	if (finode_unlinked(inode))
		exit(5); /* it is kept */
	finode_unpin(other);
	if (!finode_unlinked(inode))
		exit(6);
}

static void unlinked_with_its_pin(struct fixture *f)
{
	unlinked_with_a_pin(f, 7, 7);
}

static void unlinked_with_anothers_pin(struct fixture *f)
{
	unlinked_with_a_pin(f, 7, 8);
}

static void test_h_who_lets_go_with_a_pin_is_told_and_does_not_wait_for_himself(
	void **state)
{
	(void)state;
	assert_misuse_says(unlinked_with_its_pin, "finode_unlinked() of nodeid");
	assert_misuse_says(unlinked_with_its_pin, "unpin before; the object is kept");
	assert_misuse_says(unlinked_with_anothers_pin, "unpin before; the object is kept");
}

static void test_callbacks_that_break_their_contract_are_reported(void **state)
{
	(void)state;
	assert_misuse(wrong_init);
	assert_misuse(wrong_match);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_e_references_stop_at_their_limit),
		cmocka_unit_test(test_a_server_without_callbacks_is_a_server),
		cmocka_unit_test(test_a_put_of_the_roots_own_reference_is_reported),
		cmocka_unit_test(test_puts_and_counts_without_a_reference_are_reported),
		cmocka_unit_test(test_callbacks_that_break_their_contract_are_reported),
#ifdef FINODE_DEBUG
		cmocka_unit_test(test_e_a_put_and_a_hold_of_what_has_ended_are_named),
		cmocka_unit_test(test_what_is_kept_of_the_ended_is_not_counted),
#endif
		cmocka_unit_test(
			test_h_who_lets_go_with_a_pin_is_told_and_does_not_wait_for_himself),
	};

	return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
