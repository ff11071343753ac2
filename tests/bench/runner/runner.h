/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runner of bench_tables: what is measured, and how a sample travels.
 *
 * A round is one life of one table in a process of its own, forked for it: it makes the
 * table, measures what it can on the way, and reports samples through a pipe. So no round
 * inherits a heap from another one, and memory is that of one table at a time. The
 * rounds of all tables take turns; results.c takes the medians of what comes back.
 */
#ifndef FINODE_BENCH_RUNNER_H
#define FINODE_BENCH_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../tables/table.h"
#include "results.h"

#define THREADS_MAX 4

enum pattern {
	SEQUENTIAL,
	RANDOM,
	HOT, /* 9 of 10 requests go to 1 of 100 inodes */
};

/* What a round is to do. */
struct plan {
	uint64_t size;
	uint64_t requests; /* of each kind, for each measurement */
	unsigned int threads[3];
	int out; /* the pipe */
};

/* Numbers that look random, from one that is not 0. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Evenly below n, which has at most 32 bits. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (random_next(state) >> 32) * n >> 32;
}

/* An even device: regular files, odd: directories. */
#define FILES_DEV 42u
#define DIRS_DEV  43u

/*
 * The key of file number i: inode numbers come in chunks of 64 that follow each other, and
 * the chunks lie anywhere, which is how XFS gives them out.
 */
static inline struct bench_key key_of_file(uint64_t i)
{
	uint64_t chunk = (i / 64 * 0x2545f49u) & 0x3ffffff;

	return (struct bench_key){(chunk + 2) * 64 + i % 64, FILES_DEV};
}

uint64_t now_ns(void);
void report(const struct plan *plan, const char *op, const char *pattern,
	    unsigned int threads, double value);

/* round.c: inodes. names.c: names. hostile.c: keys and names that collide. */
void round_of_inodes(const struct bench_table *ops, const struct plan *plan);
void round_of_names(const struct bench_table *ops, const struct plan *plan);
void round_of_hostile_keys(const struct bench_table *ops, const char *set,
			   const struct plan *plan);
void round_of_hostile_names(const struct bench_table *ops, const char *set,
			    const struct plan *plan);

/* hostile_sets.c. Names of the sets, "random" first; each list ends with NULL. */
extern const char *const hostile_key_sets[], *const hostile_name_sets[];
#define HOSTILE_NAME_MAX 88
void hostile_keys(const char *set, struct bench_key *keys, uint64_t count);
void hostile_names(const char *set, char (*names)[HOSTILE_NAME_MAX], uint64_t count);

/* instructions.c: every operation once under callgrind, each in a region of its own. */
void count_instructions(const struct bench_table *ops, uint64_t size, uint64_t requests);

/* agree.c: does the table do what all of them do? Ends the program if not. */
void check_agreement(const struct bench_table *ops);

/* parallel.c: a request for each thread at a time, and when they are done. */
struct request {
	struct bench_key key;
	uint64_t id;
};

struct rename_request {
	uint64_t dir, newdir;
	char name[24], newname[24];
};

/* What one thread does. It may write the ids. */
struct work {
	const struct bench_table *ops;
	void *table;
	struct request *requests;
	struct rename_request *renames;
	uint64_t count;
};

typedef void (*work_fn)(struct work *work);

/* Each of the threads does its work. @return ns from the first start to the last end */
uint64_t run_parallel(work_fn fn, struct work *works, unsigned int threads);

#endif
