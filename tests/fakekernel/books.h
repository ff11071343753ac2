/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The books of the fake kernel: what it was told, and how often.
 */
#ifndef TESTS_FAKEKERNEL_BOOKS_H
#define TESTS_FAKEKERNEL_BOOKS_H

#include <finode.h>
#include <pthread.h>
#include <stdbool.h>
#include <uthash.h>

struct book {
	uint64_t nodeid;
	uint64_t count;
	uint64_t generation;
	mode_t type;
	int submount; /* as of books_count(); -1 while nobody has said */
	UT_hash_handle hh;
};

/*
 * The dentry of a directory that was announced as the root of a submount, and the
 * filesystem that is mounted on it, which may outlive it. See submounts.c.
 */
struct crossing {
	uint64_t nodeid;
	bool mountpoint;    /* the dentry is there */
	unsigned int users; /* of what is mounted on it */
	struct crossing *next;
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
	struct crossing *crossings;
	bool old_submounts;  /* the kernel is one of the old kind, see fakekernel.h */
	char complaint[200]; /* the first thing that was wrong; empty if nothing */
};

void books_init(struct books *books);
void books_finish(struct books *books);
void books_clear(struct books *books);
void books_complain(struct books *books, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * One more lookup of a nodeid; complains if it is not what it was.
 * submount: was it announced? 1, 0, or -1 if the reply could not say so
 */
void books_count(struct books *books, uint64_t nodeid, uint64_t generation, mode_t mode,
		 int submount);
/* Takes up to n of what no crossing holds; returns how much. */
uint64_t books_take(struct books *books, uint64_t nodeid, uint64_t n);
uint64_t books_of(struct books *books, uint64_t nodeid);
/* Any nodeid with a count, or 0. */
uint64_t books_any(struct books *books);
/* The one with a count that comes after another, or 0. */
uint64_t books_next(struct books *books, uint64_t nodeid);
/* One that replies have named, if the books still have it, counted or not; 0 if none. */
uint64_t books_some(struct books *books, uint64_t random);
struct book *books_find_locked(struct books *books, uint64_t nodeid);
/* What a name leads to; nodeid 0 takes the name out. */
void books_cache(struct books *books, uint64_t parent, const char *name, uint64_t nodeid);
uint64_t books_cached(struct books *books, uint64_t parent, const char *name);
/* 0, or -1 with the first difference to the table in why. */
int books_compare(struct books *books, struct finode_table *table, char *why, size_t size);

/* submounts.c: an announcement has come; how many lookups are the crossings'; the end. */
void crossings_note_locked(struct books *books, uint64_t nodeid);
uint64_t crossings_hold_locked(const struct books *books, uint64_t nodeid);
void crossings_clear_locked(struct books *books);

#endif
