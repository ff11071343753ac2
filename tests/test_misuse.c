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
	};

	return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
