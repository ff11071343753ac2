/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfinode beside the tables of other servers, in one process family: see usage().
 * tables/ has the tables, runner/ what is measured; scripts/bench runs it and prints.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/runner.h"

#define HOSTILE_COUNT 100000

const struct bench_table *const bench_tables[] = {
	&bench_finode,	   &bench_list,	   &bench_unordered, &bench_two_maps, &bench_glib,
	&bench_three_maps, &bench_ordered, &bench_chained,   &bench_urcu,     NULL,
};

struct options {
	const char *json, *only;
	uint64_t most;
	unsigned int runs;
	bool quick;
};

void bench_die(const char *what)
{
	fprintf(stderr, "bench_tables: %s\n", what);
	exit(1);
}

void *bench_alloc(size_t size)
{
	void *ptr = calloc(1, size);

	if (!ptr)
		bench_die("no memory");
	return ptr;
}

void report(const struct plan *plan, const char *op, const char *pattern,
	    unsigned int threads, double value)
{
	struct sample sample = {.size = plan->size, .threads = threads, .value = value};

	snprintf(sample.op, sizeof(sample.op), "%s", op);
	snprintf(sample.pattern, sizeof(sample.pattern), "%s", pattern);
	if (write(plan->out, &sample, sizeof(sample)) != sizeof(sample))
		bench_die("a sample was lost");
}

typedef void (*round_fn)(const struct bench_table *ops, const char *set,
			 const struct plan *plan);

static void inodes_of_any_set(const struct bench_table *ops, const char *set,
			      const struct plan *plan)
{
	(void)set;
	round_of_inodes(ops, plan);
}

static void names_of_any_set(const struct bench_table *ops, const char *set,
			     const struct plan *plan)
{
	(void)set;
	round_of_names(ops, plan);
}

static void agreement(const struct bench_table *ops, const char *set,
		      const struct plan *plan)
{
	(void)set;
	(void)plan;
	check_agreement(ops);
}

/*
 * A round in a process of its own. The first process has no table and no thread, since
 * not every library here lives on in a child.
 */
static void run_round(const struct bench_table *ops, round_fn fn, const char *set,
		      struct plan plan)
{
	struct sample sample;
	int ends[2], status;
	pid_t child;

	fflush(NULL);
	if (pipe(ends) != 0 || (child = fork()) < 0)
		bench_die(strerror(errno));
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a round of 10 million takes long */
		close(ends[0]);
		plan.out = ends[1];
		fn(ops, set, &plan);
		_exit(0);
	}
	close(ends[1]);
	while (read(ends[0], &sample, sizeof(sample)) == sizeof(sample))
		results_add(ops->name, &sample);
	close(ends[0]);
	if (waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "bench_tables: %s: %llu inodes: the round failed\n",
			ops->name, (unsigned long long)plan.size);
		exit(1);
	}
}

static bool wanted(const struct options *o, const struct bench_table *ops)
{
	return !o->only || strcmp(o->only, ops->name) == 0 || ops == &bench_finode;
}

/* Each table once, with `size` inodes; with or without names. */
static void take_turns(const struct options *o, uint64_t size, bool names)
{
	struct plan plan = {.size = size, .requests = o->quick ? 10000 : 100000};

	for (unsigned int i = 0; i < (o->quick || size > 1000000 ? 2 : 3); i++)
		plan.threads[i] = 1u << i;
	for (const struct bench_table *const *t = bench_tables; *t; t++) {
		struct plan own = plan;

		if (!wanted(o, *t) || ((*t)->most && size > (*t)->most))
			continue;
		if ((*t)->most && (*t)->most < 100000)
			own.requests /= 10; /* a walk of everything, each time */
		if (names && (*t)->rename)
			run_round(*t, names_of_any_set, NULL, own);
		else if (!names)
			run_round(*t, inodes_of_any_set, NULL, own);
	}
}

/* What was made against a table, and random input; libfinode gets everything. */
static void be_hostile(const struct options *o)
{
	struct plan plan = {.size = HOSTILE_COUNT};

	for (const struct bench_table *const *t = bench_tables; *t; t++) {
		if (!wanted(o, *t))
			continue;
		for (const char *const *set = hostile_key_sets; *set; set++)
			if (*t == &bench_finode ||
			    ((*t)->weak_keys && (set == hostile_key_sets ||
						 strcmp(*set, (*t)->weak_keys) == 0)))
				run_round(*t, round_of_hostile_keys, *set, plan);
		for (const char *const *set = hostile_name_sets; *set; set++)
			if (*t == &bench_finode ||
			    ((*t)->weak_names && (set == hostile_name_sets ||
						  strcmp(*set, (*t)->weak_names) == 0)))
				run_round(*t, round_of_hostile_names, *set, plan);
	}
}

static void run_everything(const struct options *o)
{
	const uint64_t most = o->most ? o->most : o->quick ? 100000 : 10000000;
	const struct plan plan = {0};
	uint64_t start = now_ns();

	for (const struct bench_table *const *t = bench_tables; *t; t++)
		run_round(*t, agreement, NULL, plan);
	for (unsigned int run = 0; run < o->runs; run++) {
		for (uint64_t size = 1000; size <= most; size *= 10) {
			take_turns(o, size, false);
			if (size <= 1000000)
				take_turns(o, size, true);
			fprintf(stderr, "run %u of %u: %llu inodes: %.0f s\n", run + 1,
				o->runs, (unsigned long long)size,
				(double)(now_ns() - start) / 1e9);
		}
		if (!o->quick || run == 0)
			be_hostile(o);
	}
}

static void write_json(FILE *out, const struct options *o)
{
	fprintf(out, "{\"mode\": \"%s\", \"runs\": %u,\n\"tables\": [",
		o->quick ? "quick" : "full", o->runs);
	for (const struct bench_table *const *t = bench_tables; *t; t++)
		fprintf(out, "%s\n{\"name\": \"%s\", \"server\": \"%s\"}",
			t == bench_tables ? "" : ",", (*t)->name, (*t)->server);
	fprintf(out, "\n],\n");
	results_write(out);
	fprintf(out, "}\n");
}

static void usage(FILE *out)
{
	fputs("usage: bench_tables [--quick] [--json FILE] [--only TABLE] [--runs N]\n"
	      "                    [--most INODES]\n"
	      "       bench_tables --check\n"
	      "       bench_tables --callgrind TABLE\n"
	      "\n"
	      "Measures libfinode beside the inode tables of other servers; medians go to\n"
	      "FILE as JSON, or to stdout.\n"
	      "\n"
	      "  --quick      up to 100,000 inodes and 2 threads; else 10 million and 4\n"
	      "  --only       libfinode and this one\n"
	      "  --runs       how often each table has its turn: 5 if not said, at most 9\n"
	      "  --most       the largest table\n"
	      "  --check      only that all tables agree on what a table does\n"
	      "  --callgrind  for valgrind --tool=callgrind --instr-atstart=no: 10,000\n"
	      "               requests of each kind to one table of 10,000 inodes\n",
	      out);
}

static void callgrind(const char *name)
{
	for (const struct bench_table *const *t = bench_tables; *t; t++)
		if (strcmp((*t)->name, name) == 0) {
			count_instructions(*t, 10000, 10000);
			exit(0);
		}
	bench_die("no table has this name");
}

static void check(void)
{
	for (const struct bench_table *const *t = bench_tables; *t; t++) {
		check_agreement(*t);
		printf("%-12s does as the model does\n", (*t)->name);
	}
	exit(0);
}

static void parse(int argc, char *argv[], struct options *o)
{
	static const struct option long_options[] = {
		{"quick", no_argument, NULL, 'q'},
		{"json", required_argument, NULL, 'j'},
		{"only", required_argument, NULL, 'o'},
		{"runs", required_argument, NULL, 'r'},
		{"most", required_argument, NULL, 'm'},
		{"check", no_argument, NULL, 'c'},
		{"callgrind", required_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'q')
			o->quick = true;
		else if (option == 'j')
			o->json = optarg;
		else if (option == 'o')
			o->only = optarg;
		else if (option == 'r')
			o->runs = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			o->most = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			check();
		else if (option == 'g')
			callgrind(optarg);
		else {
			usage(option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (optind != argc || o->runs == 0 || o->runs > RUNS_MAX) {
		usage(stderr);
		exit(2);
	}
}

int main(int argc, char *argv[])
{
	struct options o = {.runs = 5};
	FILE *out = stdout;

	parse(argc, argv, &o);
	run_everything(&o);
	if (o.json)
		out = fopen(o.json, "w");
	if (!out)
		bench_die(strerror(errno));
	write_json(out, &o);
	if (fclose(out) != 0)
		bench_die(strerror(errno));
	return 0;
}
