/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table whose every callback is counted and can be told to fail, to block or to lie.
 *
 * cmocka's asserts may be used by the main thread only: workers leave what they saw in
 * the fixture or in their own struct, and the test asserts after they were joined.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <finode.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A door that stops threads: closed by the test, opened by the test. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool closed;
	unsigned int waiting;
};

void gate_close(struct gate *gate);
void gate_pass(struct gate *gate);
/* Waits until `n` threads stand before the gate. */
void gate_await(struct gate *gate, unsigned int n);
void gate_open(struct gate *gate);

/* The author's object of these tests; the base is not at its start. */
struct object {
	uint64_t canary;
	struct finode base;
	struct fixture *fixture;
	uint64_t value; /* what init() was given */
};

#define OBJECT_CANARY 0x0b1ec7u

struct open_object {
	struct finode_file base;
	struct fixture *fixture;
};

struct fixture {
	struct finode_table *table;
	struct finode_config config;

	/* what happened */
	_Atomic unsigned int inits, evicts, init_failures, matches, releases, logs, errors;
	_Atomic unsigned int broken; /* an object that was not whole in a callback */
	char last_log[512];
	char *said; /* the last error, for another process; or NULL */
	pthread_mutex_t last_log_mutex;

	/* what shall happen */
	_Atomic int init_error; /* init() fails with it */
	_Atomic int match_says; /* 1 unless told otherwise */
	struct gate *init_gate, *evict_gate, *match_gate;
	uint64_t gated_value; /* of the object that the gates stop; 0: every one */
	void (*in_evict)(struct finode *); /* called in the middle of evict() */

	/* the allocator */
	_Atomic long fail_after; /* allocations that still succeed; below 0: all of them */
	_Atomic long live_allocations;
	_Atomic unsigned long allocations;
	bool sparing; /* gives memory that is aligned to 16 bytes and never to more */
};

/* What init() and match() are given. */
struct what {
	struct fixture *fixture;
	uint64_t value;
	bool taken; /* set by init() */
};

/* Prepares everything but the table; then change config, then fixture_start(). */
void fixture_init(struct fixture *f);
int fixture_start(struct fixture *f);
/* With a config that is not f->config, whose allocator and argument of the root it sets. */
int fixture_start_with(struct fixture *f, struct finode_config *config);
void fixture_create(struct fixture *f); /* both, and asserts */
/* Checks every invariant, destroys the table, and asserts that nothing is left. */
void fixture_finish(struct fixture *f);

struct object *object_of(struct finode *base);

/* A key of 8 bytes; the pointer must outlive the call that uses it. */
struct finode_key key_of(const uint64_t *number, mode_t type);

/* What obtain() and its like return beside errors. */
enum { WAS_FOUND, WAS_CREATED };

/* Obtains regular file `number`; asserts nothing, so that workers may use it. */
int obtain(struct fixture *f, uint64_t number, struct finode **out);
int obtain_as(struct fixture *f, uint64_t number, mode_t type, uint32_t generation,
	      struct finode **out);
struct finode *find(struct fixture *f, uint64_t number);
/* The main thread's: obtains and asserts success. */
struct finode *must_obtain(struct fixture *f, uint64_t number);

struct finode_stats stats_of(struct fixture *f);
uint64_t nlookup_of(struct finode *inode);
void assert_table_clean(struct fixture *f);

/* Runs `count` threads with fn(arg, its number) and joins them. */
void run_threads(unsigned int count, void (*fn)(void *arg, unsigned int number), void *arg);

/* One thread beside the test. */
struct task {
	pthread_t id;
	void (*fn)(void *arg);
	void *arg;
};

void task_start(struct task *task, void (*fn)(void *arg), void *arg);
void task_join(struct task *task);

/* An obtain() for a task. */
struct obtaining {
	struct fixture *f;
	uint64_t number;
	struct finode *got;
	int result;
};

void task_obtain(void *obtaining);
void task_put(void *inode);

/* Waits until something has become true in another thread; ctest's timeout is the limit. */
#define AWAIT(condition)                                                                   \
	do {                                                                               \
		while (!(condition))                                                       \
			usleep(100);                                                       \
	} while (0)

/*
 * Runs fn in a child; asserts that it is aborted in debug builds, and returns in others.
 * The second one asserts as well what the last error in the log says.
 */
void assert_misuse(void (*fn)(struct fixture *f));
void assert_misuse_says(void (*fn)(struct fixture *f), const char *words);

/* A small random generator for workers: never 0 seeds. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
