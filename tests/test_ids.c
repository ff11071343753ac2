/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an inode is called by: keys in a line, the numbers that the kernel is told (A), and
 * what obtaining it and counting it say.
 */
#include "support/mounts_fixture.h"
#include "support/names_fixture.h"

#include "core/object.h"

/* ---- Obtaining ---- */

static void test_b_obtain_says_whether_it_made_the_inode(void **state)
{
	const uint64_t number = 7;
	struct fixture f;
	struct what what = {.fixture = &f, .value = number};
	struct finode *inode, *again;
	struct finode_mount *mount;
	bool created = false;

	(void)state;
	fixture_create(&f);
	mount = finode_table_root(f.table)->mount;
	assert_int_equal(
		finode_obtain(mount, key_of(&number, S_IFREG), &what, &inode, &created), 0);
	assert_true(created);
	assert_int_equal(
		finode_obtain(mount, key_of(&number, S_IFREG), &what, &again, &created), 0);
	assert_false(created);
	assert_ptr_equal(again, inode);
	finode_put(again);
	/* Another one has its number. */
	f.match_says = 0;
	assert_int_equal(
		finode_obtain(mount, key_of(&number, S_IFREG), &what, &again, &created), 0);
	assert_true(created);
	assert_ptr_not_equal(again, inode);
	f.match_says = 1;
	finode_put(again);
	finode_put(inode);
	assert_int_equal(
		finode_obtain(mount, key_of(&number, S_IFREG), &what, &inode, NULL), 0);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_b_obtain_of_a_mount_says_whether_it_made_it(void **state)
{
	const struct finode_mount_id id = {{7, 100}};
	static struct mounts_fixture m;
	struct where where = {&m, 7};
	struct finode_mount *mount, *again;
	bool created = false;

	(void)state;
	mounts_create(&m);
	assert_int_equal(finode_mount_obtain(m.first, &id, &where, &mount, &created), 0);
	assert_true(created);
	assert_int_equal(finode_mount_obtain(m.first, &id, &where, &again, &created), 0);
	assert_false(created);
	assert_ptr_equal(again, mount);
	finode_mount_put(again);
	m.match_says = 0;
	assert_int_equal(finode_mount_obtain(m.first, &id, &where, &again, &created), 0);
	assert_true(created);
	assert_ptr_not_equal(again, mount);
	m.match_says = 1;
	finode_mount_put(again);
	finode_mount_put(mount);
	assert_int_equal(finode_mount_obtain(m.first, &id, &where, &mount, NULL), 0);
	finode_mount_put(mount);
	mounts_finish(&m);
}

static void test_b_obtain_at_says_whether_it_made_the_inode(void **state)
{
	struct names_fixture n;
	struct what what = {.fixture = &n.f, .value = 7};
	struct finode *inode, *again;
	bool created = false;

	(void)state;
	names_create(&n);
	assert_int_equal(finode_obtain_at(n.root, "name", S_IFREG, &what, &inode, &created),
			 0);
	assert_true(created);
	assert_int_equal(finode_obtain_at(n.root, "name", S_IFREG, &what, &again, &created),
			 0);
	assert_false(created);
	assert_ptr_equal(again, inode);
	finode_put(again);
	assert_int_equal(finode_obtain_at(n.root, "name", S_IFREG, &what, &again, NULL), 0);
	finode_put(again);
	finode_put(inode);
	names_finish(&n);
}

/* ---- Keys ---- */

static void test_keys_of_words_are_their_bytes(void **state)
{
	const uint64_t words[2] = {0x0123456789abcdef, 7};
	const unsigned int small = 7;
	unsigned int evaluated = 0;
	struct fixture f;
	struct what what = {.fixture = &f, .value = 7};
	struct finode *one, *pair, *found;
	struct finode_mount *mount;

	(void)state;
	fixture_create(&f);
	mount = finode_table_root(f.table)->mount;
	assert_int_equal(finode_obtain(mount, FINODE_KEY_U64(words[0], S_IFREG | 0644),
				       &what, &one, NULL),
			 0);
	assert_int_equal(finode_obtain(mount, FINODE_KEY_U64_PAIR(words[0], small, S_IFREG),
				       &what, &pair, NULL),
			 0);
	assert_ptr_not_equal(one, pair);
	found = finode_find(mount, (struct finode_key){words, 8, S_IFREG, 0});
	assert_ptr_equal(found, one);
	finode_put(found);
	found = finode_find(mount, (struct finode_key){words, 16, S_IFREG, 0});
	assert_ptr_equal(found, pair);
	finode_put(found);
	found = finode_find(mount, FINODE_KEY_U64(small + evaluated++, S_IFDIR));
	assert_null(found);
	assert_int_equal(evaluated, 1);
	assert_int_equal(finode_rekey(one, FINODE_KEY_U64(small, S_IFREG)), 0);
	found = finode_find(mount, FINODE_KEY_U64(7, 0));
	assert_ptr_equal(found, one);
	finode_put(found);
	finode_put(pair);
	finode_put(one);
	fixture_finish(&f);
}

/* ---- What the kernel is told ---- */

/* The number that a table adds to the generations of keys. */
static uint32_t base_of(struct fixture *f)
{
	uint32_t base;
	struct finode *inode;

	assert_int_equal(obtain_as(f, 7, S_IFREG, 0, &inode), WAS_CREATED);
	base = inode->generation;
	finode_put(inode);
	return base;
}

static void test_a_generations_are_those_of_keys_and_of_the_table(void **state)
{
	static const uint32_t generations[] = {0, 1, 5, UINT32_MAX};
	struct fixture f;
	uint32_t base;

	(void)state;
	fixture_create(&f);
	base = base_of(&f);
	for (unsigned int i = 0; i < 4; i++) {
		struct finode *inode, *again;

		assert_int_equal(obtain_as(&f, 100 + i, S_IFREG, generations[i], &inode),
				 WAS_CREATED);
		assert_int_equal(inode->generation, base + generations[i]);
		assert_int_equal(obtain_as(&f, 100 + i, S_IFREG, generations[i], &again),
				 WAS_FOUND);
		finode_put(again);
		finode_put(inode);
	}
	fixture_finish(&f);
}

/* The kernel's root is 1, without a generation; and obtained as any other inode is. */
static void test_a_the_root_is_1_and_0_in_every_table(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct fixture f;
		struct finode *root;

		fixture_create(&f);
		assert_int_equal(finode_table_root(f.table)->nodeid, FINODE_ROOT_ID);
		assert_int_equal(finode_table_root(f.table)->generation, 0);
		assert_int_equal(obtain_as(&f, 1, S_IFDIR, 0, &root), WAS_FOUND);
		assert_ptr_equal(root, finode_table_root(f.table));
		finode_put(root);
		assert_int_equal(stats_of(&f).retired, 0);
		fixture_finish(&f);
	}
}

/* A handle of another process opens nothing here, but for a chance of 1 in 2^32. */
static void test_a_tables_begin_at_numbers_of_their_own(void **state)
{
	struct fixture one, other;
	struct finode *a, *b;

	(void)state;
	fixture_create(&one);
	fixture_create(&other);
	assert_int_not_equal(base_of(&one), base_of(&other));
	a = must_obtain(&one, 8);
	b = must_obtain(&other, 8);
	assert_int_not_equal(a->nodeid >> 32, b->nodeid >> 32);
	assert_null(finode_get(one.table, b->nodeid));
	assert_null(finode_get(other.table, a->nodeid));
	finode_put(b);
	finode_put(a);
	fixture_finish(&other);
	fixture_finish(&one);
}

/* ---- Counts ---- */

static void test_c_nlookup_is_what_the_kernel_counts(void **state)
{
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_int_equal(finode_nlookup(inode), 0);
	finode_count(inode, 1);
	finode_count(inode, 4);
	assert_int_equal(finode_nlookup(inode), 5);
	finode_uncount(inode, 1);
	assert_int_equal(finode_nlookup(inode), 4);
	finode_forget(f.table, inode->nodeid, 3);
	assert_int_equal(finode_nlookup(inode), 1);
	finode_forget(f.table, inode->nodeid, 3); /* a lie */
	assert_int_equal(finode_nlookup(inode), 0);
	finode_count(inode, UINT64_MAX);
	finode_count(inode, 1);
	assert_int_equal(finode_nlookup(inode), UINT64_MAX);
	finode_table_forget_all(f.table);
	assert_int_equal(finode_nlookup(inode), 0);
	finode_count(finode_table_root(f.table), 3);
	assert_int_equal(finode_nlookup(finode_table_root(f.table)), 0);
	finode_put(inode);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b_obtain_says_whether_it_made_the_inode),
		cmocka_unit_test(test_b_obtain_of_a_mount_says_whether_it_made_it),
		cmocka_unit_test(test_b_obtain_at_says_whether_it_made_the_inode),
		cmocka_unit_test(test_keys_of_words_are_their_bytes),
		cmocka_unit_test(test_a_generations_are_those_of_keys_and_of_the_table),
		cmocka_unit_test(test_a_the_root_is_1_and_0_in_every_table),
		cmocka_unit_test(test_a_tables_begin_at_numbers_of_their_own),
		cmocka_unit_test(test_c_nlookup_is_what_the_kernel_counts),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
