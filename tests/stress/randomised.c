/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random operations from a seed, against a model:
 *
 *   table    one thread on a table, each step compared with the plain model of model.c
 *   threads  four threads on a table; each keeps the account of what it counted, and at
 *            the end the sum must be what the table says
 *   fuse     four clients on a libfuse session with 1 to 8 workers through the fake kernel,
 *            with failing replies and late FORGETs, against the fake kernel's books
 *   mounts   the same in a world with mounts, with either kind of kernel for their roots,
 * or one that takes no submounts; every other seed they come and go meanwhile
 *
 * Each run is a process of its own, so that a crash is a result like any other. When one
 * fails, its seed is printed and the number of steps is halved down to the shortest prefix
 * that still fails.
 *
 *     randomised [--seconds N | --seeds N] [--steps N] [--seed S --mode MODE]
 */
#include "randomised.h"

#include "core/object.h"
#include "model.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define RUN_SECONDS 60 /* a run that takes longer hangs */
#define FIXED_SEEDS 12

static const char *const mode_names[MODES] = {"table", "threads", "fuse", "mounts"};

struct totals *totals;

static unsigned int draw_from_seed(void *source, unsigned int n)
{
	return (unsigned int)((next_random(source) >> 16) % n);
}

bool complain(const char *text)
{
	fprintf(stderr, "  %s\n", text);
	return false;
}

static bool run_table(uint64_t seed, uint64_t steps)
{
	static struct model m;
	uint64_t source = spread(seed);
	bool fine = true;

	model_start(&m, draw_from_seed, &source);
	while (fine && m.steps < steps)
		fine = model_step(&m);
	fine = fine && model_end(&m);
	totals->steps[MODE_TABLE] += m.steps;
	totals->failed_allocations += m.failed_allocations;
	return fine || complain(m.wrong);
}

/* What one thread counted, and not yet forgot. */
#define ACCOUNTS 64
struct account {
	uint64_t nodeid, count;
};

struct threads {
	struct fixture f;
	uint64_t seed, steps;
	struct account accounts[THREADS][ACCOUNTS];
};

/* Forgets all that the thread counted of one nodeid: the honest kernel's part. */
static void close_account(struct threads *t, struct account *a)
{
	if (a->count)
		finode_forget(t->f.table, a->nodeid, a->count);
	*a = (struct account){0};
}

static void thread_step(struct threads *t, struct account *accounts, uint64_t *random)
{
	struct account *a = &accounts[next_random(random) % ACCOUNTS];
	FINODE_AUTOPUT struct finode *inode = NULL;
	uint64_t n = next_random(random) % 3;

	if (next_random(random) % 4 == 0) {
		close_account(t, a);
		return;
	}
	if (a->count && next_random(random) % 2)
		inode = finode_get(t->f.table, a->nodeid);
	else if (obtain(&t->f, 100 + next_random(random) % 16, &inode) < 0)
		t->f.broken++;
	if (!inode) {
		t->f.broken++; /* what is counted must be there */
		return;
	}
	if (object_of(inode)->canary != OBJECT_CANARY)
		t->f.broken++;
	if (a->nodeid != inode->nodeid)
		close_account(t, a);
	finode_count(inode, n + 1);
	finode_uncount(inode, n); /* as if n replies had failed */
	*a = (struct account){inode->nodeid, a->count + 1};
	if (next_random(random) % 32 == 0)
		finode_retire(inode);
}

static void be_thread(void *arg, unsigned int number)
{
	struct threads *t = arg;
	uint64_t random = spread(t->seed * THREADS + number);

	for (uint64_t i = 0; i < t->steps / THREADS; i++)
		thread_step(t, t->accounts[number], &random);
}

static uint64_t sum_of_accounts(const struct threads *t, uint64_t nodeid)
{
	uint64_t sum = 0;

	for (int i = 0; i < THREADS * ACCOUNTS; i++) {
		const struct account *a = &t->accounts[i / ACCOUNTS][i % ACCOUNTS];

		sum += a->nodeid == nodeid ? a->count : 0;
	}
	return sum;
}

static bool accounts_balance(struct threads *t)
{
	for (int i = 0; i < THREADS * ACCOUNTS; i++) {
		const struct account *a = &t->accounts[i / ACCOUNTS][i % ACCOUNTS];
		FINODE_AUTOPUT struct finode *inode = NULL;

		if (a->count == 0)
			continue;
		inode = finode_get(t->f.table, a->nodeid);
		if (!inode ||
		    atomic_load(inode_nlookup(inode)) != sum_of_accounts(t, a->nodeid))
			return complain("the sum of what was counted is not the count");
	}
	return true;
}

static bool run_with_threads(uint64_t seed, uint64_t steps)
{
	static struct threads t;
	struct finode_stats s;
	char why[200];

	fixture_init(&t.f);
	t.seed = seed;
	t.steps = steps;
	if (fixture_start(&t.f) != 0)
		return complain("the table could not be made");
	run_threads(THREADS, be_thread, &t);
	totals->steps[MODE_THREADS] += steps;
	if (!accounts_balance(&t))
		return false;
	for (int i = 0; i < THREADS * ACCOUNTS; i++)
		close_account(&t, &t.accounts[i / ACCOUNTS][i % ACCOUNTS]);
	s = stats_of(&t.f);
	if (s.inodes != 1 || s.forgets_clamped || s.forgets_unknown)
		return complain("something is left, or was clamped");
	if (finode_table_check(t.f.table, why, sizeof(why)) != 0)
		return complain(why);
	finode_table_destroy(t.f.table);
	if (t.f.inits != t.f.evicts || t.f.live_allocations || t.f.broken)
		return complain("init() and evict() differ, or an object was broken");
	return true;
}

static bool (*const runs[MODES])(uint64_t seed, uint64_t steps) = {
	run_table,
	run_with_threads,
	run_fuse,
	run_mounts,
};

/* Runs in a process of its own. @return true if it passed */
static bool run(enum mode mode, uint64_t seed, uint64_t steps)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		alarm(RUN_SECONDS);
		exit(runs[mode](seed, steps) ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return complain("no process for the run");
	if (WIFSIGNALED(status))
		fprintf(stderr, "  ended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return status == 0;
}

/* Threads do not fail every time: a prefix passes if it passes three times. */
static bool prefix_passes(enum mode mode, uint64_t seed, uint64_t steps)
{
	for (int i = 0; i < (mode == MODE_TABLE ? 1 : 3); i++)
		if (!run(mode, seed, steps))
			return false;
	return true;
}

static void report_failure(enum mode mode, uint64_t seed, uint64_t steps)
{
	uint64_t passes = 0, fails = steps;

	fprintf(stderr,
		"FAILED: mode %s, seed %lu, %lu steps; looking for the shortest prefix\n",
		mode_names[mode], (unsigned long)seed, (unsigned long)steps);
	while (fails - passes > 1 + fails / 100) {
		uint64_t middle = passes + (fails - passes) / 2;

		if (prefix_passes(mode, seed, middle))
			passes = middle;
		else
			fails = middle;
	}
	fprintf(stderr,
		"shortest that failed: randomised --mode %s --seed %lu --steps %lu\n",
		mode_names[mode], (unsigned long)seed, (unsigned long)fails);
}

static bool run_all_modes(uint64_t seed, uint64_t steps)
{
	for (enum mode mode = 0; mode < MODES; mode++) {
		if (!run(mode, seed, steps)) {
			report_failure(mode, seed, steps);
			return false;
		}
	}
	return true;
}

static uint64_t fresh_seed(void)
{
	uint32_t seed = 1;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint32_t)time(NULL);
	return seed;
}

struct wishes {
	uint64_t steps, seed, seeds;
	time_t seconds;
	int mode; /* -1: all */
};

static int parse(int argc, char *argv[], struct wishes *wishes)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 't'},
		{"seeds", required_argument, NULL, 'n'},
		{"steps", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'r'},
		{"mode", required_argument, NULL, 'm'},
		{0},
	};
	int option;

	*wishes = (struct wishes){.steps = 60000, .seeds = FIXED_SEEDS, .mode = -1};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t number =
			option == '?' || option == 'm' ? 0 : strtoull(optarg, NULL, 0);

		if (option == '?')
			return -1;
		if (option == 't')
			wishes->seconds = (time_t)number;
		if (option == 'n')
			wishes->seeds = number;
		if (option == 's')
			wishes->steps = number;
		if (option == 'r')
			wishes->seed = number;
		for (int m = 0; option == 'm' && m < MODES; m++)
			if (strcmp(optarg, mode_names[m]) == 0)
				wishes->mode = m;
	}
	return 0;
}

/* Fresh seeds until the time is over, and one even if there is no time. */
static bool run_fresh(const struct wishes *wishes, uint64_t *done)
{
	time_t end = time(NULL) + wishes->seconds;
	uint64_t seed = fresh_seed();

	printf("fresh seeds from %lu on\n", (unsigned long)seed);
	fflush(stdout);
	do {
		if (!run_all_modes(seed++, wishes->steps))
			return false;
		(*done)++;
	} while (time(NULL) < end);
	return true;
}

int main(int argc, char *argv[])
{
	struct wishes wishes;
	uint64_t done = 0;
	bool fine = true;

	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED || parse(argc, argv, &wishes) < 0)
		return 2;
	if (wishes.mode >= 0)
		return run((enum mode)wishes.mode, wishes.seed, wishes.steps) ? 0 : 1;
	for (uint64_t seed = 1; fine && seed <= wishes.seeds; seed++, done++)
		fine = run_all_modes(seed, wishes.steps);
	fine = fine && run_fresh(&wishes, &done);
	printf("randomised: %lu seeds; %lu steps on a table, %lu with threads, %lu through "
	       "libfuse, %lu among mounts (%lu messages), %lu failed allocations: %s\n",
	       (unsigned long)done, totals->steps[MODE_TABLE], totals->steps[MODE_THREADS],
	       totals->steps[MODE_FUSE], totals->steps[MODE_MOUNTS], totals->messages,
	       totals->failed_allocations, fine ? "all equal to the model" : "FAILED");
	return fine ? 0 : 1;
}
