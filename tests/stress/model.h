/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plain model of a table: an array of objects with their counts, without threads, hashes
 * or slots. model_step() makes one random operation on both and compares them; it is used
 * by the randomised test, which draws from a seed, and by the fuzzer, which draws from
 * bytes.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "support/fixture.h"

#define MODEL_KEYS    12
#define MODEL_OBJECTS 64
#define MODEL_REFS    6

struct model_object {
	struct finode *inode;
	uint64_t nodeid, key;
	mode_t type;
	unsigned int refs; /* that the test holds */
	uint64_t count;
	bool alive, retired;
};

struct model {
	struct fixture f;
	struct model_object objects[MODEL_OBJECTS];
	uint64_t dead[MODEL_OBJECTS]; /* nodeids that must be refused */
	unsigned int dead_count;
	/* what the table's statistics must say */
	uint64_t created, evicted, retired, forgets, clamped, unknown, root;
	uint64_t steps, failed_allocations;
	/* where decisions come from: a number below n */
	unsigned int (*draw)(void *source, unsigned int n);
	void *source;
	char wrong[300]; /* the first difference; empty if none */
};

void model_start(struct model *m, unsigned int (*draw)(void *source, unsigned int n),
		 void *source);
/* One operation on both. Returns false, with the difference in wrong, if they differ. */
bool model_step(struct model *m);
/* Ends both: everything must go. Returns false as model_step(). */
bool model_end(struct model *m);

#endif
