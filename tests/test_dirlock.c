/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of a directory: who shares, who waits, and in which order. Who is to wait is
 * seen to stand in the queue before the test goes on, so nothing here depends on time.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <sched.h>
#include <signal.h>

#include "names/names.h"

_Static_assert(sizeof(struct dir_node) <=
		       sizeof(struct name_node) + sizeof(struct children) + 16,
	       "the lock takes two words of a directory");

/* One thread that takes a guard, says so, and waits before a gate to give it back. */
struct guest {
	struct actor actor;
	struct finode *dir, *other; /* other: change_two */
	bool changes;
	struct gate *out;
	_Atomic bool inside;
};

static void visit(struct actor *actor)
{
	struct guest *g = FINODE_CONTAINER_OF(actor, struct guest, actor);
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	int err, state;

	if (g->other)
		err = finode_dir_change_two(g->dir, g->other, &lock);
	else if (g->changes)
		err = finode_dir_change(g->dir, &lock);
	else
		err = finode_dir_share(g->dir, &lock);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	g->inside = !err;
	if (g->out)
		gate_pass(g->out);
}

#define SHARES	false
#define CHANGES true

/* Comes and is let in at once. */
static void come(struct guest *g, struct finode *dir, bool changes, struct gate *out)
{
	*g = (struct guest){.dir = dir, .changes = changes, .out = out};
	actor_start(&g->actor, visit, NULL);
	AWAIT(g->inside);
}

/* Comes and waits: returns when it stands in the queue, and is about to sleep. */
static void queue(struct guest *g)
{
	g->inside = false;
	actor_start(&g->actor, visit, "waits: directory");
	actor_go(&g->actor, NULL);
}

static void come_and_wait(struct guest *g, struct finode *dir, bool changes,
			  struct gate *out)
{
	*g = (struct guest){.dir = dir, .changes = changes, .out = out};
	queue(g);
}

/* Lets it in, if it waited, and out. */
static void go_home(struct guest *g)
{
	actor_finish(&g->actor);
	assert_true(g->inside);
}

#define ONE_CHANGES UINT32_MAX

/* Who has the lock: the number of sharers, or ONE_CHANGES. */
static uint32_t holders(struct finode *dir)
{
	uint32_t sharers;

	lock_take(&stripe_of(dir)->lock);
	sharers = dir_node(dir)->sharers;
	lock_release(&stripe_of(dir)->lock);
	return sharers;
}

static void test_sharers_share(void **state)
{
	struct names_fixture n;
	struct guest one, other;
	struct gate out;

	(void)state;
	names_create(&n);
	gate_close(&out);
	come(&one, n.root, SHARES, &out);
	come(&other, n.root, SHARES, &out);
	gate_await(&out, 2);
	gate_open(&out);
	go_home(&one);
	go_home(&other);
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
	come(&one, n.root, CHANGES, &out);
	come_and_wait(&sharer, n.root, SHARES, NULL);
	come_and_wait(&other, n.root, CHANGES, NULL);
	assert_int_equal(holders(n.root), ONE_CHANGES);
	gate_open(&out);
	go_home(&one);
	go_home(&sharer);
	go_home(&other);
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
	come(&first, n.root, SHARES, &out);
	come_and_wait(&change, n.root, CHANGES, &change_out);
	come_and_wait(&late, n.root, SHARES, NULL); /* it could share, but it came later */
	gate_open(&out);
	go_home(&first);
	gate_await(&change_out, 1);
	assert_int_equal(holders(n.root), ONE_CHANGES);
	assert_false(late.inside);
	gate_open(&change_out);
	go_home(&change);
	go_home(&late);
	names_finish(&n);
}

/* As they came; of sharers, those between two changes together. */
static void test_all_are_let_in_in_the_order_in_which_they_came(void **state)
{
	static const char order[] = "scssscccsscs";
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct guest guests[sizeof(order)];
	struct gate outs[sizeof(order)];

	(void)state;
	names_create(&n);
	assert_int_equal(finode_dir_change(n.root, &lock), 0);
	for (unsigned int i = 0; order[i]; i++) {
		gate_close(&outs[i]);
		come_and_wait(&guests[i], n.root, order[i] == 'c', &outs[i]);
	}
	finode_dir_unlock(&lock);
	for (unsigned int first = 0, next; order[first]; first = next) {
		next = first + 1;
		while (order[first] == 's' && order[next] == 's')
			next++;
		assert_int_equal(holders(n.root),
				 order[first] == 'c' ? ONE_CHANGES : next - first);
		for (unsigned int i = first; i < next; i++) {
			gate_await(&outs[i], 1);
			gate_open(&outs[i]);
			go_home(&guests[i]);
		}
	}
	assert_int_equal(holders(n.root), 0);
	names_finish(&n);
}

#define MANY 1000

/* The release itself makes holders of all of them; and they hold it together. */
static void test_a_release_lets_all_sharers_in_at_once(void **state)
{
	static struct guest sharers[MANY], change;
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct gate out;

	(void)state;
	names_create(&n);
	gate_close(&out);
	assert_int_equal(finode_dir_change(n.root, &lock), 0);
	for (unsigned int i = 0; i < MANY; i++)
		come_and_wait(&sharers[i], n.root, SHARES, &out);
	come_and_wait(&change, n.root, CHANGES, NULL);
	finode_dir_unlock(&lock);
	assert_int_equal(holders(n.root), MANY);
	gate_await(&out, MANY);
	assert_false(change.inside);
	gate_open(&out);
	for (unsigned int i = 0; i < MANY; i++)
		go_home(&sharers[i]);
	go_home(&change);
	names_finish(&n);
}

/* It stands in the queue, but does not sleep yet, when the lock is given to it. */
static void test_who_is_let_in_before_it_sleeps_does_not_sleep(void **state)
{
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct guest guest;

	(void)state;
	names_create(&n);
	assert_int_equal(finode_dir_share(n.root, &lock), 0);
	guest = (struct guest){.dir = n.root, .changes = true};
	actor_start(&guest.actor, visit, "waits: directory");
	finode_dir_unlock(&lock);
	assert_int_equal(holders(n.root), ONE_CHANGES);
	go_home(&guest);
	names_finish(&n);
}

static void unlock(void *lock)
{
	finode_dir_unlock(lock);
}

static void test_another_thread_may_release(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct guest change, sharer;
	struct task task;

	(void)state;
	names_create(&n);
	assert_int_equal(finode_dir_change(n.root, &lock), 0);
	come_and_wait(&change, n.root, CHANGES, NULL);
	come_and_wait(&sharer, n.root, SHARES, NULL);
	task_start(&task, unlock, &lock);
	task_join(&task);
	go_home(&change);
	go_home(&sharer);
	names_finish(&n);
}

static _Atomic unsigned int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* The first may come before it sleeps; not all of them do. */
static void test_a_signal_lets_nobody_in(void **state)
{
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct sigaction action = {.sa_handler = count_signal};
	struct names_fixture n;
	struct guest guest;

	(void)state;
	names_create(&n);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(finode_dir_change(n.root, &lock), 0);
	come_and_wait(&guest, n.root, SHARES, NULL);
	for (unsigned int i = 1; i <= 100; i++) {
		assert_int_equal(pthread_kill(guest.actor.id, SIGUSR1), 0);
		AWAIT(signals == i || guest.inside);
	}
	assert_false(guest.inside);
	finode_dir_unlock(&lock);
	go_home(&guest);
	names_finish(&n);
}

/* Others still find it in the queue, on its stack. */
static void test_who_waits_is_not_cancelled(void **state)
{
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct guest guest, next;

	(void)state;
	names_create(&n);
	assert_int_equal(finode_dir_change(n.root, &lock), 0);
	come_and_wait(&guest, n.root, CHANGES, NULL);
	assert_int_equal(pthread_cancel(guest.actor.id), 0);
	come_and_wait(&next, n.root, SHARES, NULL);
	finode_dir_unlock(&lock);
	go_home(&guest);
	go_home(&next);
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
	come_and_wait(&guest, n.root, SHARES, NULL);
	finode_dir_unlock(&lock);
	finode_dir_unlock(&lock); /* nothing more to do */
	go_home(&guest);
	names_finish(&n);
}

/* Whichever is named first: who waits for the one of the lower nodeid has not the other. */
static void test_two_directories_are_locked_in_the_order_of_nodeids(void **state)
{
	struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
	struct names_fixture n;
	struct finode *made[2], *low, *high;

	(void)state;
	names_create(&n);
	made[0] = make_dir(&n, 10);
	made[1] = make_dir(&n, 11);
	low = made[made[0]->nodeid > made[1]->nodeid];
	high = made[low == made[0]];
	for (int i = 0; i < 2; i++) {
		struct guest guest = {.dir = made[i], .other = made[!i]};

		assert_int_equal(finode_dir_share(low, &lock), 0);
		queue(&guest);
		assert_int_equal(holders(high), 0);
		finode_dir_unlock(&lock);
		go_home(&guest);
		assert_int_equal(finode_dir_share(high, &lock), 0);
		queue(&guest);
		assert_int_equal(holders(low), ONE_CHANGES);
		finode_dir_unlock(&lock);
		go_home(&guest);
	}
	finode_put(low);
	finode_put(high);
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
	struct names_fixture n, elsewhere;
	struct finode *file;

	(void)state;
	names_create(&n);
	names_create(&elsewhere);
	file = make_file(&n, 20);
	assert_int_equal(finode_dir_share(file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change(file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change_two(n.root, file, &lock), -ENOTDIR);
	assert_int_equal(finode_dir_change_two(file, n.root, &lock), -ENOTDIR);
	assert_null(lock.dirs[0]);
	finode_put(file);
	file = make_dir(&elsewhere, 10);
	assert_int_equal(finode_dir_change_two(n.root, file, &lock), -EXDEV);
	finode_put(file);
	assert_int_equal(finode_dir_change(n.root, &lock), 0); /* nothing was kept */
	finode_dir_unlock(&lock);
	names_finish(&n);
	names_finish(&elsewhere);
}

/* What the lock is for: a plain number that only changes may change. */
struct room {
	struct names_fixture n;
	struct finode *dirs[2];
	uint64_t numbers[2]; /* protected by the lock of the directory */
	_Atomic unsigned int torn;
	int guards[2]; /* a pipe: what another thread is to release */
};

/* Gives the guard back, or has another thread do it. */
static void give_back(struct room *room, struct finode_dirlock *lock, bool other_thread)
{
	if (!other_thread)
		finode_dir_unlock(lock);
	else if (write(room->guards[1], lock, sizeof(*lock)) != sizeof(*lock))
		room->torn++;
}

static void be_guest(void *arg, unsigned int number)
{
	struct room *room = arg;
	uint64_t random = number + 1, before;

	for (int i = 0; i < 1000; i++) {
		struct finode_dirlock lock = FINODE_DIRLOCK_INIT;
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
		default:
			err = finode_dir_share(room->dirs[which], &lock);
			before = room->numbers[which];
			sched_yield();
			room->torn += room->numbers[which] != before;
			break;
		}
		room->torn += err != 0;
		give_back(room, &lock, next_random(&random) >> 20 & 1);
	}
}

static void release_for_others(void *arg)
{
	struct room *room = arg;
	struct finode_dirlock lock;

	while (read(room->guards[0], &lock, sizeof(lock)) == sizeof(lock))
		finode_dir_unlock(&lock);
}

static void test_many_threads_on_two_directories(void **state)
{
	static struct room room;
	struct task releaser;

	(void)state;
	names_create(&room.n);
	room.dirs[0] = make_dir(&room.n, 10);
	room.dirs[1] = make_dir(&room.n, 11);
	assert_int_equal(pipe(room.guards), 0);
	task_start(&releaser, release_for_others, &room);
	run_threads(24, be_guest, &room);
	close(room.guards[1]);
	task_join(&releaser);
	close(room.guards[0]);
	assert_int_equal(room.torn, 0);
	assert_true(room.numbers[0] > 0 && room.numbers[1] > 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(holders(room.dirs[i]), 0);
		finode_put(room.dirs[i]);
	}
	names_finish(&room.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sharers_share),
		cmocka_unit_test(test_a_change_is_alone),
		cmocka_unit_test(test_a_change_waits_for_sharers_and_is_not_overtaken),
		cmocka_unit_test(test_all_are_let_in_in_the_order_in_which_they_came),
		cmocka_unit_test(test_a_release_lets_all_sharers_in_at_once),
		cmocka_unit_test(test_who_is_let_in_before_it_sleeps_does_not_sleep),
		cmocka_unit_test(test_another_thread_may_release),
		cmocka_unit_test(test_a_signal_lets_nobody_in),
		cmocka_unit_test(test_who_waits_is_not_cancelled),
		cmocka_unit_test(test_one_directory_twice_is_one_lock),
		cmocka_unit_test(test_two_directories_are_locked_in_the_order_of_nodeids),
		cmocka_unit_test(test_a_guard_holds_its_directories),
		cmocka_unit_test(test_only_directories_of_one_table_can_be_locked),
		cmocka_unit_test(test_many_threads_on_two_directories),
	};

	return cmocka_run_group_tests_name("dirlock", tests, NULL, NULL);
}
