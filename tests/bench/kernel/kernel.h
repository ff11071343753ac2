/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runner of bench_kernel: servers behind a real mount, and what is done to them.
 *
 * A turn is one life of one server: it is started on a mountpoint, a process of its own
 * does the workload there and reports samples through a pipe, and it is unmounted. So no
 * turn inherits a cache of the mount from another one, and a server that hangs is
 * killed by the runner, which never touches the mount itself. "native" is a server that
 * does nothing: its workload is done in the source.
 */
#ifndef FINODE_BENCH_KERNEL_H
#define FINODE_BENCH_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../runner/results.h"

#define FILES_PER_DIR 100 /* d0/f0 .. d0/f99, d1/f100 .. */

enum group {
	STAT = 1 << 0,
	LIMIT = 1 << 1,
	LOOKUP = 1 << 2,
	CHANGE = 1 << 3,
	PROGRAMS = 1 << 4,
	DATA = 1 << 5,
	GROW = 1 << 6,
	MANY = 1 << 7,
};

struct server {
	const char *name, *about;
	/* SOURCE and MNT stand for the two directories. Empty: native. */
	const char *command[10];
	unsigned int groups; /* in which it takes part */
	uint64_t most;	     /* files of its largest tree in GROW; 0: any */
};

extern const struct server servers[];

/* How large everything is. */
struct sizes {
	uint64_t stat, limit, lookup, change, many, links, renames, source, git, data;
	uint64_t grow;	     /* at most */
	uint64_t grow_often; /* at most, but for the first round */
};

/* One turn, in the process that does the workload; its working directory is `dir`. */
struct turn {
	const struct server *server;
	const struct sizes *sizes;
	const char *root;   /* of all sources */
	const char *source; /* what is mounted */
	pid_t pid;	    /* of the server; 0: native */
	unsigned int round;
	unsigned int processes; /* of LOOKUP */
	int out;		/* the pipe */
};

/* ---- bench_kernel.c ---- */

void bench_die(const char *what) __attribute__((noreturn));
uint64_t now_ns(void);

/* ---- trees.c ---- */

void tree_make(const char *dir, uint64_t files, const char *content, unsigned int most);
void trees_make(const char *root, const struct sizes *sizes);
void tree_remove(const char *dir);
/* The path of a file of a tree that tree_make() has made. */
void tree_name(char name[48], uint64_t file);
/* Counts files; looks at every one of them. @return 0 or an errno */
int tree_walk(const char *dir, uint64_t *files);

/* ---- servers.c ---- */

/* What a server has used up to now. */
struct usage {
	uint64_t time, cpu;  /* ns */
	double user, system; /* clock ticks: only their ratio is used */
};

bool server_is_there(const struct server *server);
/* @return its process, or -1: then the reason is in the log. */
pid_t server_start(const struct server *server, const char *source, const char *mnt,
		   bool few_fds);
void server_stop(pid_t pid, const char *mnt);
void server_usage(pid_t pid, struct usage *usage);
/* A field of /proc/PID/status, in kB. */
uint64_t server_memory(pid_t pid, const char *field);
void server_reset_peak(pid_t pid);
unsigned int server_fds(pid_t pid);

/* ---- steps.c ---- */

/* One of `parts` processes that do the same. @return 0 or an errno */
typedef int (*step_fn)(const struct turn *turn, unsigned int part, unsigned int parts);

/*
 * Does `fn` in `parts` processes that begin together. @return 0 or the first errno; what
 * the server had used before and after
 */
int run_parts(const struct turn *turn, unsigned int parts, step_fn fn, struct usage *from,
	      struct usage *to);

/*
 * Measures `fn`, done by `parts` processes that begin together, and reports under `op` what
 * one of its `count` operations took. @return whether it succeeded; if not, that is what
 * was reported.
 */
bool step(const struct turn *turn, const char *op, uint64_t count, unsigned int parts,
	  step_fn fn);
void sample_send(const struct turn *turn, const char *op, const char *metric, uint64_t size,
		 unsigned int processes, double value);
/* Dentries and inodes leave the memory of the host, and of all mounts. */
void drop_caches(void);
/* The source is in the memory of the host, so that servers are compared and nothing else.
 */
void warm_up(const struct turn *turn);
/* Until the kernel believes nothing any more: all servers say one second. */
void let_expire(void);

/* ---- The workloads: stat.c, change.c, programs.c, data.c ---- */

void do_stat(const struct turn *turn);
void do_limit(const struct turn *turn);
void do_lookup_many(const struct turn *turn);
void do_lookup_one(const struct turn *turn);
void do_grow(const struct turn *turn);
void do_change(const struct turn *turn);
void do_many(const struct turn *turn);
void do_untar(const struct turn *turn);
void do_git(const struct turn *turn);
void do_data(const struct turn *turn);
void do_profile(const struct turn *turn);

#endif
