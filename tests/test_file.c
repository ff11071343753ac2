/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files: file handles are as safe as nodeids (A), and end as exactly (E, F); and those
 * of an inode are known.
 */
#include "support/fixture.h"

#include "core/object.h"

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

/* ---- The open files of an inode ---- */

/* Closes it and puts the caller's reference. */
static void must_close(struct fixture *f, struct finode_file *file)
{
	assert_int_equal(finode_file_close(f->table, file->fh), 0);
	finode_file_put(file);
}

/* Asserts what a walk returns; `files` are held, and the walk leaves nothing behind. */
static void assert_walk(struct finode *inode, struct finode_file **files,
			unsigned int count)
{
	struct finode_file *file = NULL;
	unsigned int i = 0;

	while ((file = finode_file_next(inode, file))) {
		assert_true(i < count);
		assert_ptr_equal(file, files[i++]);
	}
	assert_int_equal(i, count);
	assert_int_equal(finode_is_open(inode), count > 0);
}

static void test_the_open_files_of_an_inode_are_walked_newest_first(void **state)
{
	struct fixture f;
	struct finode *inode, *other;
	struct finode_file *files[4], *others;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	other = must_obtain(&f, 8);
	assert_walk(inode, NULL, 0);
	others = must_open(&f, other);
	for (int i = 3; i >= 0; i--) {
		files[i] = must_open(&f, inode);
		assert_walk(inode, &files[i], (unsigned int)(4 - i));
	}
	assert_walk(other, &others, 1);
	must_close(&f, others);
	assert_walk(other, NULL, 0);
	/* From the middle, from the front, from the end. */
	must_close(&f, files[1]);
	files[1] = files[2], files[2] = files[3];
	assert_walk(inode, files, 3);
	must_close(&f, files[0]);
	assert_walk(inode, files + 1, 2);
	must_close(&f, files[2]);
	assert_walk(inode, files + 1, 1);
	must_close(&f, files[1]);
	assert_walk(inode, NULL, 0);
	assert_int_equal(slot_refs(inode_slot(inode)), 1);
	finode_put(other);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_a_closed_file_is_not_open_whoever_uses_it(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *used, *open;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	used = must_open(&f, inode);
	assert_int_equal(finode_file_close(f.table, used->fh), 0);
	assert_walk(inode, NULL, 0);
	open = must_open(&f, inode);
	assert_walk(inode, &open, 1);
	must_close(&f, open);
	finode_file_put(used);
	assert_int_equal(f.releases, 2);
	finode_put(inode);
	fixture_finish(&f);
}

static int asks_in_init(struct finode_file *base, void *arg)
{
	(void)arg;
	if (finode_is_open(base->inode) || finode_file_next(base->inode, NULL))
		return -EUCLEAN;
	return -EACCES;
}

static void test_a_file_that_is_being_opened_is_not_open_yet(void **state)
{
	static const struct finode_file_ops ops = {
		FINODE_FILE_OPS_FOR(struct open_object, base), .init = asks_in_init};
	struct fixture f;
	struct finode *inode;
	struct finode_file *file;

	(void)state;
	fixture_init(&f);
	f.config.file_ops = &ops;
	assert_int_equal(fixture_start(&f), 0);
	inode = must_obtain(&f, 7);
	assert_int_equal(finode_file_open(inode, &f, &file), -EACCES);
	assert_false(finode_is_open(inode));
	finode_put(inode);
	fixture_finish(&f);
}

/* The walk stands on what is closed meanwhile, as are its neighbours. */
static void test_e_a_walk_goes_on_from_a_file_that_was_closed(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *oldest, *old, *newer, *newest, *file, *late;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	oldest = must_open(&f, inode);
	old = must_open(&f, inode);
	newer = must_open(&f, inode);
	newest = must_open(&f, inode);
	file = finode_file_next(inode, NULL);
	file = finode_file_next(inode, file);
	assert_ptr_equal(file, newer);
	must_close(&f, newer); /* the walk holds it */
	must_close(&f, newest);
	must_close(&f, old);
	late = must_open(&f, inode);
	assert_int_equal(f.releases, 2);
	file = finode_file_next(inode, file);
	assert_int_equal(f.releases, 3); /* it was the last who held it */
	assert_ptr_equal(file, oldest);
	assert_null(finode_file_next(inode, file));
	/* A walk that is given up. */
	file = finode_file_next(inode, NULL);
	assert_ptr_equal(file, late);
	finode_file_put(file);
	must_close(&f, late);
	must_close(&f, oldest);
	finode_put(inode);
	fixture_finish(&f);
}

struct walks {
	struct fixture f;
	struct finode *inode;
	struct finode_file *always; /* open */
	_Atomic bool over;
};

static void open_and_close(struct walks *w)
{
	for (unsigned int i = 0; i < 2000; i++) {
		struct finode_file *file;

		if (finode_file_open(w->inode, &w->f, &file) != 0) {
			w->f.broken++;
			continue;
		}
		if (finode_file_close(w->f.table, file->fh) != 0)
			w->f.broken++;
		finode_file_put(file);
	}
	w->over = true;
}

static void walk_on(struct walks *w)
{
	do {
		struct finode_file *file = NULL;
		unsigned int found = 0;

		while ((file = finode_file_next(w->inode, file))) {
			found += file == w->always;
			if (file->inode != w->inode)
				w->f.broken++;
		}
		if (found != 1 || !finode_is_open(w->inode))
			w->f.broken++;
	} while (!w->over);
}

/* The list is in the care of the inode's shard, and that changes. */
static void change_shards(struct walks *w)
{
	uint64_t number = 100;

	do {
		number++;
		if (finode_rekey(w->inode, key_of(&number, S_IFREG)) != 0)
			w->f.broken++;
	} while (!w->over);
}

static void open_walk_or_rekey(void *arg, unsigned int number)
{
	void (*const parts[])(struct walks * w) = {open_and_close, walk_on, change_shards,
						   open_and_close};

	parts[number](arg);
}

static void test_e_walks_beside_opens_and_closes_find_what_stays_open(void **state)
{
	static struct walks w;

	(void)state;
	fixture_create(&w.f);
	w.inode = must_obtain(&w.f, 7);
	finode_file_put(must_open(&w.f, w.inode)); /* older, .. */
	w.always = must_open(&w.f, w.inode);
	finode_file_put(must_open(&w.f, w.inode)); /* .. and newer than it */
	run_threads(4, open_walk_or_rekey, &w);
	assert_int_equal(w.f.broken, 0);
	assert_int_equal(stats_of(&w.f).files, 3);
	finode_file_put(w.always);
	finode_put(w.inode);
	assert_table_clean(&w.f);
	fixture_finish(&w.f); /* closes them */
	assert_int_equal(w.f.releases, 4003);
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
		cmocka_unit_test(test_the_open_files_of_an_inode_are_walked_newest_first),
		cmocka_unit_test(test_a_closed_file_is_not_open_whoever_uses_it),
		cmocka_unit_test(test_a_file_that_is_being_opened_is_not_open_yet),
		cmocka_unit_test(test_e_a_walk_goes_on_from_a_file_that_was_closed),
		cmocka_unit_test(test_e_walks_beside_opens_and_closes_find_what_stays_open),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
