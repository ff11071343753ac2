/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The budget of file descriptors.
 *
 * This file owns the count of all fds that a hostfs has, and the limit that the process has
 * on them. It does not know whose fds they are: when there is no room, it calls
 * close_idle(), which the owner of the idle ones has set.
 *
 * Invariant: `fds` counts every fd of an inode, an open file, a mount or a lock owner, from
 * before it is opened until after it is closed. It is never above `limit`.
 */
#include "budget.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include "state.h"

/* Threads, their pipes, /dev/fuse, a look-up's own: what the budget does not count. */
#define RESERVE 128ul

#define PASSES 16 /* over all that is idle, before the answer is that nothing is */

/* ---- The limit ---- */

static unsigned long nr_open(void)
{
	unsigned long most = 1u << 20;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");

	if (file && fscanf(file, "%lu", &most) != 1)
		most = 1u << 20;
	if (file)
		fclose(file);
	return most;
}

/* Raises the soft limit to the hard one. @return how many fds the process may have */
static unsigned long raise_limit(bool raise)
{
	const unsigned long most = nr_open();
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (raise && limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {limit.rlim_max < most ? limit.rlim_max : most,
					limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur < most ? (unsigned long)limit.rlim_cur : most;
}

static unsigned long limit_of(const struct hostfs_config *config)
{
	const unsigned long limit = raise_limit(config->fds == 0);
	const unsigned long most =
		limit >= 4 * RESERVE ? limit - RESERVE : limit - limit / 4;

	return config->fds == 0 || config->fds > most ? most : config->fds;
}

void hostfs__budget_init(struct budget *budget, struct hostfs_state *state)
{
	budget->state = state;
	budget->limit = limit_of(&state->config);
}

void hostfs__budget_set_close_idle(struct budget *budget, bool (*close_idle)(void *arg),
				   void *arg)
{
	budget->close_idle = close_idle;
	budget->close_idle_arg = arg;
}

/* ---- The count ---- */

bool hostfs__budget_reserve_free(struct budget *budget)
{
	unsigned long fds = atomic_load(&budget->fds);

	do
		if (fds >= budget->limit)
			return false;
	while (!atomic_compare_exchange_weak(&budget->fds, &fds, fds + 1));
	return true;
}

int hostfs__budget_try(struct budget *budget)
{
	int passes = 0;

	while (!hostfs__budget_reserve_free(budget)) {
		if (budget->close_idle(budget->close_idle_arg))
			continue;
		/* One may have become idle behind the clock's hand, or be closing. */
		if (++passes == PASSES)
			return -ENFILE;
		sched_yield();
	}
	return 0;
}

void hostfs__budget_refused(struct budget *budget)
{
	atomic_fetch_add(&budget->refused, 1);
	hostfs__warn_once(budget->state, WARN_FDS,
			  "all file descriptors are in use: the answer is ENFILE");
}

int hostfs__budget_reserve(struct budget *budget)
{
	int err = hostfs__budget_try(budget);

	if (err)
		hostfs__budget_refused(budget);
	return err;
}

void hostfs__budget_unreserve(struct budget *budget)
{
	atomic_fetch_sub(&budget->fds, 1);
}

int hostfs_count_fds(struct hostfs *fs, int n)
{
	struct budget *budget = fs->state->budget;
	int counted = 0, err = 0;

	for (; n < 0; n++)
		hostfs__budget_unreserve(budget);
	while (counted < n && !err) {
		err = hostfs__budget_reserve(budget);
		counted += !err;
	}
	while (err && counted-- > 0)
		hostfs__budget_unreserve(budget);
	return err;
}
