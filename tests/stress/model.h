/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plain model of a table: arrays of mounts and of objects with their counts, without
 * threads, hashes or slots. model_step() makes one random operation on both and compares
 * them; it is used by the randomised test, which draws from a seed, and by the fuzzer,
 * which draws from bytes.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "support/fixture.h"

#define MODEL_KEYS    12
#define MODEL_OBJECTS 64
#define MODEL_REFS    6
#define MODEL_IDS     3
#define MODEL_MOUNTS  12 /* the first, those attached, and those detached but in use */

struct model_mount {
	struct finode_mount *mount;
	uint64_t id;
	unsigned int refs; /* that the test holds */
	bool alive, detached;
};

struct model_object {
	struct finode *inode;
	struct model_mount *mount;
	uint64_t nodeid, key;
	mode_t type;
	unsigned int refs; /* that the test holds */
	uint64_t count;
	bool alive, retired;
};

struct model {
	struct fixture f;
	struct model_object objects[MODEL_OBJECTS];
	struct model_mount mounts[MODEL_MOUNTS];
	uint64_t dead[MODEL_OBJECTS]; /* nodeids that must be refused */
	unsigned int dead_count;
	/* what the table's statistics must say */
	uint64_t created, evicted, retired, forgets, clamped, unknown, root, late;
	uint64_t mounts_created, mounts_evicted, mounts_detached;
	uint64_t owed; /* lookups of detached mounts that are still to be forgotten */
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
