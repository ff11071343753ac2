/* SPDX-License-Identifier: BSD-3-Clause */
/* The lock of a directory: who shares, who waits, and in which order. */
#include "support/names_fixture.h"

#include <sched.h>

/* One thread that takes a guard, says so, and waits before a gate to give it back. */
struct guest {
	struct task task;
	struct finode *dir, *other; /* other: change_two */
	bool changes;
	_Atomic bool inside;
	struct gate *out;
	int result;
};

static void visit(void *arg)
{
	struct guest *g = arg;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	if (g->other)
		g->result = finode_dir_change_two(g->dir, g->other, &lock);
	else if (g->changes)
		g->result = finode_dir_change(g->dir, &lock);
	else
		g->result = finode_dir_share(g->dir, &lock);
	g->inside = true;
	if (g->out)
		gate_pass(g->out);
}

static void come(struct guest *g, struct finode *dir, bool changes, struct gate *out)
{
	*g = (struct guest){.dir = dir, .changes = changes, .out = out};
	task_start(&g->task, visit, g);
}

/* Not a proof, but a thread that does not wait would be through by then. */
static bool still_outside(struct guest *g)
{
	usleep(20000);
	return !g->inside;
}

static void test_sharers_share(void **state)
{
	struct names_fixture n;
	struct guest one, other;
	struct gate out;

	(void)state;
	names_create(&n);
	gate_close(&out);
	come(&one, n.root, false, &out);
	come(&other, n.root, false, &out);
	gate_await(&out, 2);
	gate_open(&out);
	task_join(&one.task);
	task_join(&other.task);
	names_finish(&n);
}

static void test_a_change_is_alone(void **state)
{
	struct names_fixture n;
	struct guest one, sharer, other;
	struct gate out;

	(void)state;
	names_create(&n);
	gate_close(&out);
	come(&one, n.root, true, &out);
	gate_await(&out, 1);
	come(&sharer, n.root, false, NULL);
	come(&other, n.root, true, NULL);
	assert_true(still_outside(&sharer));
	assert_true(still_outside(&other));
	gate_open(&out);
	task_join(&one.task);
	task_join(&sharer.task);
	task_join(&other.task);
	assert_true(sharer.inside && other.inside);
	names_finish(&n);
}

static void test_a_change_waits_for_sharers_and_is_not_overtaken(void **state)
{
	struct names_fixture n;
	struct guest first, change, late;
	struct gate out, change_out;

	(void)state;
	names_create(&n);
	gate_close(&out);
	gate_close(&change_out);
	come(&first, n.root, false, &out);
	gate_await(&out, 1);
	come(&change, n.root, true, &change_out);
	assert_true(still_outside(&change));
	come(&late, n.root, false, NULL); /* it could share, but it came later */
	assert_true(still_outside(&late));
	gate_open(&out);
	gate_await(&change_out, 1);
	assert_true(still_outside(&late));
	gate_open(&change_out);
	task_join(&first.task);
	task_join(&change.task);
	task_join(&late.task);
	assert_true(late.inside);
	names_finish(&n);
}

static void test_one_directory_twice_is_one_lock(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct guest guest;

	(void)state;
	names_create(&n);
	assert_int_equal(finode_dir_change_two(n.root, n.root, &lock), 0);
	come(&guest, n.root, false, NULL);
	assert_true(still_outside(&guest));
	finode_dir_unlock(&lock);
	finode_dir_unlock(&lock); /* nothing more to do */
	task_join(&guest.task);
	names_finish(&n);
}

static void test_a_guard_holds_its_directories(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct finode *dir, *other;

	(void)state;
	names_create(&n);
	dir = make_dir(&n, 10);
	other = make_dir(&n, 11);
	assert_int_equal(finode_dir_change_two(other, dir, &lock), 0);
	finode_put(dir);
	finode_put(other);
	assert_int_equal(n.f.evicts, 0);
	finode_dir_unlock(&lock);
	assert_int_equal(n.f.evicts, 2);
	names_finish(&n);
}

static void test_only_directories_of_one_table_can_be_locked(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n, foreign;
	struct finode *file;

	(void)state;
	names_create(&n);
	names_create(&foreign);
	file = make_file(&n, 20);
	assert_int_equal(finode_dir_share(file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change(file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change_two(n.root, file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change_two(file, n.root, &lock), -ENOTDIR);
	assert_null(lock.dirs[0]);
	finode_put(file);
	file = make_dir(&foreign, 10);
	assert_int_equal(finode_dir_change_two(n.root, file, &lock), -EXDEV);
	finode_put(file);
	assert_int_equal(finode_dir_change(n.root, &lock), 0); /* nothing was kept */
	finode_dir_unlock(&lock);
	names_finish(&n);
	names_finish(&foreign);
}

/* What the lock is for: a plain number that only changes may change. */
struct room {
	struct names_fixture n;
	struct finode *dirs[2];
	uint64_t numbers[2]; /* protected by the lock of the directory */
	_Atomic unsigned int torn;
};

static void be_guest(void *arg, unsigned int number)
{
	struct room *room = arg;
	uint64_t random = number + 1;

	for (int i = 0; i < 3000; i++) {
		FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
		unsigned int which = next_random(&random) >> 20 & 1;
		int err;

		switch (next_random(&random) >> 20 & 3) {
		case 0:
			err = finode_dir_change(room->dirs[which], &lock);
			room->numbers[which]++;
			break;
		case 1:
			err = finode_dir_change_two(room->dirs[which], room->dirs[!which],
						    &lock);
			room->numbers[0]++;
			room->numbers[1]++;
			break;
		default: {
			uint64_t before;

			err = finode_dir_share(room->dirs[which], &lock);
			before = room->numbers[which];
			sched_yield();
			room->torn += room->numbers[which] != before;
			break;
		}
		}
		room->torn += err != 0;
	}
}

static void test_many_threads_on_two_directories(void **state)
{
	static struct room room;

	(void)state;
	names_create(&room.n);
	room.dirs[0] = make_dir(&room.n, 10);
	room.dirs[1] = make_dir(&room.n, 11);
	run_threads(6, be_guest, &room);
	assert_int_equal(room.torn, 0);
	assert_true(room.numbers[0] > 0 && room.numbers[1] > 0);
	finode_put(room.dirs[0]);
	finode_put(room.dirs[1]);
	names_finish(&room.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sharers_share),
		cmocka_unit_test(test_a_change_is_alone),
		cmocka_unit_test(test_a_change_waits_for_sharers_and_is_not_overtaken),
		cmocka_unit_test(test_one_directory_twice_is_one_lock),
		cmocka_unit_test(test_a_guard_holds_its_directories),
		cmocka_unit_test(test_only_directories_of_one_table_can_be_locked),
		cmocka_unit_test(test_many_threads_on_two_directories),
	};

	return cmocka_run_group_tests_name("dirlock", tests, NULL, NULL);
}
