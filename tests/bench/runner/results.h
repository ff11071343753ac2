/* SPDX-License-Identifier: BSD-3-Clause */
/* All samples of a run, and what is made of them: medians with least and most, as JSON. */
#ifndef FINODE_BENCH_RESULTS_H
#define FINODE_BENCH_RESULTS_H

#include <stdio.h>

#include "runner.h"

void results_add(const struct bench_table *ops, const struct sample *sample);

/*
 * One JSON document: what ran, then a line for each result, so that line-based tools can
 * read it too.
 */
void results_write(FILE *out, const char *mode, unsigned int runs);

#endif
