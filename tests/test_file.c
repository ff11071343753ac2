/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files: file handles are as safe as nodeids (A), and end as exactly (E, F). */
#include "support/fixture.h"

static struct finode_file *must_open(struct fixture *f, struct finode *inode)
{
	struct finode_file *file;

	assert_int_equal(finode_file_open(inode, f, &file), 0);
	assert_non_null(file);
	return file;
}

static void test_a_unknown_file_handles_are_refused(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *file;
	uint64_t fh;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	file = must_open(&f, inode);
	fh = file->fh;
	assert_int_not_equal(fh, 0);
	assert_null(finode_file_get(f.table, 0));
	assert_null(finode_file_get(f.table, fh + 1));
	assert_null(finode_file_get(f.table, UINT64_MAX));
	assert_int_equal(finode_file_close(f.table, 0), -EBADF);
	finode_file_put(file);
	file = finode_file_get(f.table, fh);
	assert_non_null(file);
	finode_file_put(file);
	assert_int_equal(finode_file_close(f.table, fh), 0);
	assert_null(finode_file_get(f.table, fh));
	assert_int_equal(finode_file_close(f.table, fh), -EBADF);
	finode_put(inode);
	fixture_finish(&f);
}

/* What each table gives out: an inode, and a file that is not its first. */
struct ids {
	struct fixture f;
	struct finode *inode;
	struct finode_file *first, *file;
};

static void give_out(struct ids *ids)
{
	fixture_create(&ids->f);
	ids->inode = must_obtain(&ids->f, 7);
	ids->first = must_open(&ids->f, ids->inode);
	ids->file = must_open(&ids->f, ids->inode);
}

static void assert_refuses(const struct ids *ids, const struct ids *other)
{
	assert_int_not_equal(ids->inode->nodeid, other->inode->nodeid);
	assert_int_not_equal(ids->file->fh, other->file->fh);
	assert_null(finode_get(ids->f.table, other->inode->nodeid));
	assert_null(finode_file_get(ids->f.table, other->file->fh));
	assert_int_equal(finode_file_close(ids->f.table, other->file->fh), -EBADF);
}

static void take_back(struct ids *ids)
{
	assert_int_equal(finode_file_close(ids->f.table, ids->first->fh), 0);
	assert_int_equal(finode_file_close(ids->f.table, ids->file->fh), 0);
	finode_file_put(ids->first);
	finode_file_put(ids->file);
	finode_put(ids->inode);
	fixture_finish(&ids->f);
}

static void test_a_ids_of_another_table_are_refused(void **state)
{
	static struct ids one, other;

	(void)state;
	give_out(&one);
	give_out(&other);
	assert_refuses(&one, &other);
	assert_refuses(&other, &one);
	assert_int_not_equal(one.inode->nodeid >> 32, one.file->fh >> 32);
	take_back(&other);
	take_back(&one);
}

static void test_e_a_closed_file_lives_while_a_request_uses_it(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *file, *request;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	file = must_open(&f, inode);
	request = finode_file_get(f.table, file->fh);
	finode_file_put(file);
	assert_int_equal(finode_file_close(f.table, request->fh), 0);
	assert_int_equal(finode_file_close(f.table, request->fh),
			 -EBADF); /* RELEASE twice */
	assert_null(finode_file_get(f.table, request->fh));
	assert_int_equal(f.releases, 0);
	finode_file_put(request);
	assert_int_equal(f.releases, 1);
	finode_file_put(NULL);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_e_an_open_file_holds_its_inode(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *file;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	file = must_open(&f, inode);
	assert_ptr_equal(file->inode, inode);
	finode_put(inode);
	assert_int_equal(f.evicts, 0);
	assert_int_equal(stats_of(&f).files, 1);
	assert_int_equal(finode_file_close(f.table, file->fh), 0);
	finode_file_put(file);
	assert_int_equal(f.evicts, 1);
	assert_int_equal(stats_of(&f).files, 0);
	fixture_finish(&f);
}

static void test_open_fails_as_init_does(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *file;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	f.init_error = -EACCES;
	assert_int_equal(finode_file_open(inode, &f, &file), -EACCES);
	assert_null(file);
	assert_int_equal(f.releases, 0);
	f.init_error = 0;
	finode_put(inode);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_a_table_without_file_ops_opens_nothing(void **state)
{
	struct fixture f;
	struct finode_file *file;

	(void)state;
	fixture_init(&f);
	f.config.file_ops = NULL;
	assert_int_equal(fixture_start(&f), 0);
	assert_int_equal(finode_file_open(finode_table_root(f.table), &f, &file), -EINVAL);
	fixture_finish(&f);
}

struct race {
	struct fixture f;
	struct finode *inode;
	_Atomic uint64_t fh;
	_Atomic unsigned int closed;
};

static void close_and_use(void *arg, unsigned int number)
{
	struct race *race = arg;
	struct finode_file *file = finode_file_get(race->f.table, race->fh);

	if (number % 2 && finode_file_close(race->f.table, race->fh) == 0)
		race->closed++;
	if (file && file->inode != race->inode)
		race->f.broken++;
	finode_file_put(file);
}

static void test_f_one_of_many_closes_closes(void **state)
{
	static struct race race;

	(void)state;
	fixture_create(&race.f);
	race.inode = must_obtain(&race.f, 7);
	for (int round = 0; round < 1000; round++) {
		struct finode_file *file = must_open(&race.f, race.inode);

		race.fh = file->fh;
		race.closed = 0;
		finode_file_put(file);
		run_threads(4, close_and_use, &race);
		assert_int_equal(race.closed, 1);
		assert_int_equal(race.f.releases, round + 1);
	}
	finode_put(race.inode);
	fixture_finish(&race.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_unknown_file_handles_are_refused),
		cmocka_unit_test(test_a_ids_of_another_table_are_refused),
		cmocka_unit_test(test_e_a_closed_file_lives_while_a_request_uses_it),
		cmocka_unit_test(test_e_an_open_file_holds_its_inode),
		cmocka_unit_test(test_open_fails_as_init_does),
		cmocka_unit_test(test_a_table_without_file_ops_opens_nothing),
		cmocka_unit_test(test_f_one_of_many_closes_closes),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
