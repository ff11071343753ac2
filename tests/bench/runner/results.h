/* SPDX-License-Identifier: BSD-3-Clause */
/* All samples of a run, and what is made of them: medians with least and most, as JSON. */
#ifndef FINODE_BENCH_RESULTS_H
#define FINODE_BENCH_RESULTS_H

#include <stdint.h>
#include <stdio.h>

#define RUNS_MAX 9

/* One number of one round. */
struct sample {
	char op[16], pattern[12];
	uint64_t size;
	unsigned int threads;
	double value;
};

/* `table` is the name of what was measured, and lives on. */
void results_add(const char *table, const struct sample *sample);

/*
 * The field "results" of a JSON document: a line for each result, so that line-based tools
 * can read it too.
 */
void results_write(FILE *out);

#endif
