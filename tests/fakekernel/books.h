/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The books of the fake kernel: what it was told, and how often.
 */
#ifndef TESTS_FAKEKERNEL_BOOKS_H
#define TESTS_FAKEKERNEL_BOOKS_H

#include <finode.h>
#include <pthread.h>
#include <uthash.h>

struct book {
	uint64_t nodeid;
	uint64_t count;
	uint64_t generation;
	mode_t type;
	UT_hash_handle hh;
};

/* A name that the kernel has in its dentry cache. */
struct cached_name {
	struct name_key {
		uint64_t parent;
		char name[256]; /* zero behind the name */
	} key;
	uint64_t nodeid;
	UT_hash_handle hh;
};

struct books {
	pthread_mutex_t mutex;
	struct book *head;
	struct cached_name *names;
	char complaint[200]; /* the first thing that was wrong; empty if nothing */
};

void books_init(struct books *books);
void books_finish(struct books *books);
void books_clear(struct books *books);
void books_complain(struct books *books, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One more lookup of a nodeid; complains if it is not what it was. */
void books_count(struct books *books, uint64_t nodeid, uint64_t generation, mode_t mode);
/* Takes up to n; returns how much. */
uint64_t books_take(struct books *books, uint64_t nodeid, uint64_t n);
uint64_t books_of(struct books *books, uint64_t nodeid);
/* Any nodeid with a count, or 0. */
uint64_t books_any(struct books *books);
/* What a name leads to; nodeid 0 takes the name out. */
void books_cache(struct books *books, uint64_t parent, const char *name, uint64_t nodeid);
uint64_t books_cached(struct books *books, uint64_t parent, const char *name);
/* 0, or -1 with the first difference to the table in why. */
int books_compare(struct books *books, struct finode_table *table, char *why, size_t size);

#endif
