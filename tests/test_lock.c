/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of locks, and that no callback runs under one (F): debug builds must notice. */
#include "support/fixture.h"

#include "base/lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef FINODE_DEBUG
#define NOTICED 1
#else
#define NOTICED 0
#endif

static struct lock tree, stripe, next_stripe, shard, other_shard, slots;

static void in_order(void)
{
	lock_take(&shard);
	lock_take(&slots);
	lock_release(&slots);
	lock_release(&shard);
	finode__lock_check_none_held("a callback");
}

static void against_the_order(void)
{
	lock_take(&slots);
	lock_take(&shard);
}

static void two_of_one_rank(void)
{
	lock_take(&shard);
	lock_take(&other_shard);
}

static void stripes_in_order(void)
{
	lock_take(&tree);
	lock_take(&stripe);
	lock_take(&next_stripe);
	lock_take(&shard);
	lock_release(&stripe); /* in any order */
	lock_release(&shard);
	lock_release(&tree);
	lock_take(&shard);
	lock_release(&shard);
	lock_release(&next_stripe);
	finode__lock_check_none_held("a callback");
}

static void stripes_against_the_order(void)
{
	lock_take(&next_stripe);
	lock_take(&stripe);
}

static void one_stripe_twice(void)
{
	lock_take(&stripe);
	lock_take(&stripe);
}

static void too_many(void)
{
	static struct lock locks[20];

	for (unsigned int i = 0; i < 20; i++) {
		finode__lock_init(&locks[i], LOCK_RANK_STRIPE);
		locks[i].place = i;
		lock_take(&locks[i]);
	}
}

static void callback_under_a_lock(void)
{
	lock_take(&shard);
	finode__lock_check_none_held("a callback");
}

static bool aborts(void (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		fn();
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_f_the_order_of_locks_is_checked(void **state)
{
	(void)state;
	finode__lock_init(&shard, LOCK_RANK_SHARD);
	finode__lock_init(&other_shard, LOCK_RANK_SHARD);
	finode__lock_init(&slots, LOCK_RANK_SLOTS);
	finode__lock_init(&tree, LOCK_RANK_TREE);
	finode__lock_init(&stripe, LOCK_RANK_STRIPE);
	finode__lock_init(&next_stripe, LOCK_RANK_STRIPE);
	next_stripe.place = 1;
	assert_false(aborts(in_order));
	assert_false(aborts(stripes_in_order));
	assert_int_equal(aborts(stripes_against_the_order), NOTICED);
	assert_int_equal(aborts(too_many), NOTICED);
	assert_int_equal(aborts(against_the_order), NOTICED);
	assert_int_equal(aborts(two_of_one_rank), NOTICED);
	if (NOTICED) /* else it waits for itself */
		assert_true(aborts(one_stripe_twice));
	assert_int_equal(aborts(callback_under_a_lock), NOTICED);
}

/* What the abort with a lock of this rank held says, on one line. */
static void complaint(enum lock_rank rank, char *line, size_t size)
{
	int ends[2], status;
	ssize_t length;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct lock lock;

		dup2(ends[1], STDERR_FILENO);
		finode__lock_init(&lock, rank);
		lock_take(&lock);
		finode__lock_check_none_held("a callback");
		exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	length = read(ends[0], line, size - 1);
	close(ends[0]);
	assert_true(length >= 0);
	line[length] = '\0';
}

static void test_f_every_rank_has_a_name(void **state)
{
	(void)state;
	for (int rank = 0; NOTICED && rank < LOCK_RANKS; rank++) {
		char line[200], name[20] = "";

		complaint((enum lock_rank)rank, line, sizeof(line));
		sscanf(line, "finode: lock order: a callback while holding %19[a-z]", name);
		assert_string_not_equal(name, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f_every_rank_has_a_name),
		cmocka_unit_test(test_f_the_order_of_locks_is_checked),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
