/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every structure of the benchmark can do, libfinode among them: the inode table of a
 * server, as its request handlers use it.
 *
 * Each file beside this one is one such table, written from what the server named in it is
 * known to do (which locks, which hash, which ids, where references are taken), and as fast
 * as that allows. Where a server has a race in its table, the race is closed here in the
 * cheapest way: the point is to compare tables that are all correct. No code was taken from
 * any of them.
 *
 * All keep the same thing for an inode: a 16-byte key, nlookup, and what the author needs,
 * which is one file descriptor. It is not a real one: it is made of the key, so that the
 * benchmark can see whether it was given the right inode.
 */
#ifndef FINODE_BENCH_TABLE_H
#define FINODE_BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Laid out as a server without our library has it; both words count. */
struct bench_key {
	uint64_t ino, dev;
};

/* As libfuse's struct fuse_forget_data. */
struct bench_forget {
	uint64_t id, n;
};

struct bench_table {
	const char *name;
	/* Who has such a table. */
	const char *server;
	/* It is not run with more inodes than this, since it would take hours; or 0. */
	uint64_t most;
	/* An id that names nothing is refused; else ids are addresses, and are trusted. */
	bool checked_ids;
	/* Which of the sets of hostile keys and names is made for it, or NULL. */
	const char *weak_keys, *weak_names;

	/* A table, with room for names if it has them at all. Never NULL. */
	void *(*create)(bool names);
	/* Every inode must have gone. */
	void (*destroy)(void *table);
	/* LOOKUP: finds the inode or makes it, and counts one. @return its id */
	uint64_t (*lookup)(void *table, const struct bench_key *key);
	/* Any other request: the inode of an id, held as the server holds it during a
	 * request, and put. @return its fd, or -1 for an id that names nothing */
	int (*use)(void *table, uint64_t id);
	/* FORGET and BATCH_FORGET: with the last count the inode is gone. */
	void (*forget)(void *table, uint64_t id, uint64_t n);
	void (*forget_batch)(void *table, const struct bench_forget *batch, size_t count);
	/* The session has ended: everything goes. */
	void (*evict_all)(void *table);
	/* How many there are. For checks: need not be fast. */
	uint64_t (*inodes)(void *table);

	/* The rest is NULL where the server keeps no names. `dir` is an id. */
	void (*name_add)(void *table, uint64_t dir, const char *name, uint64_t id);
	/* @return the id, or 0; counts nothing */
	uint64_t (*name_find)(void *table, uint64_t dir, const char *name);
	void (*rename)(void *table, uint64_t dir, const char *name, uint64_t newdir,
		       const char *newname);

	/* For those whose threads must be known; or NULL. */
	void (*thread_begin)(void);
	void (*thread_end)(void);
};

extern const struct bench_table bench_finode;
extern const struct bench_table bench_list;
extern const struct bench_table bench_unordered;
extern const struct bench_table bench_two_maps;
extern const struct bench_table bench_glib;
extern const struct bench_table bench_ordered;
extern const struct bench_table bench_three_maps;
extern const struct bench_table bench_chained;
extern const struct bench_table bench_urcu;

/* All of these, libfinode first; ends with NULL. */
extern const struct bench_table *const bench_tables[];

/* What stands for the author's fd. */
static inline int bench_fd(const struct bench_key *key)
{
	return (int)((key->ino ^ key->dev) & 0x7fffffff);
}

/* Ends the program. */
void bench_die(const char *what) __attribute__((noreturn));

/* calloc() that does not fail. */
void *bench_alloc(size_t size);

#ifdef __cplusplus
}
#endif
#endif
