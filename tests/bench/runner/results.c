/* SPDX-License-Identifier: BSD-3-Clause */
/* See results.h. */
#include "results.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS_MAX 8192

struct result {
	const char *table;
	struct sample key; /* but for its value */
	double values[RUNS_MAX];
	unsigned int runs;
};

static struct result results[RESULTS_MAX];
static unsigned int count;

static bool same(const struct sample *a, const struct sample *b)
{
	return a->size == b->size && a->threads == b->threads &&
	       strcmp(a->op, b->op) == 0 && strcmp(a->pattern, b->pattern) == 0;
}

void results_add(const char *table, const struct sample *sample)
{
	struct result *r = results;

	while (r < results + count &&
	       !(strcmp(r->table, table) == 0 && same(&r->key, sample)))
		r++;
	if (r == results + count) {
		if (count == RESULTS_MAX)
			abort(); /* too many */
		count++;
		r->table = table;
		r->key = *sample;
	}
	if (r->runs < RUNS_MAX)
		r->values[r->runs++] = sample->value;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

void results_write(FILE *out)
{
	fprintf(out, "\"results\": [");
	for (unsigned int i = 0; i < count; i++) {
		struct result *r = &results[i];

		qsort(r->values, r->runs, sizeof(*r->values), compare);
		fprintf(out,
			"%s\n{\"table\": \"%s\", \"size\": %" PRIu64
			", \"op\": \"%s\", \"pattern\": \"%s\", \"threads\": %u, "
			"\"median\": %.2f, \"min\": %.2f, \"max\": %.2f, \"runs\": %u}",
			i ? "," : "", r->table, r->key.size, r->key.op, r->key.pattern,
			r->key.threads, r->values[r->runs / 2], r->values[0],
			r->values[r->runs - 1], r->runs);
	}
	fprintf(out, "\n]\n");
}
