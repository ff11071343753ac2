/* SPDX-License-Identifier: BSD-3-Clause */
/* One measurement: processes that begin together, and what the server used meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

#define PARTS_MAX 4

void sample_send(const struct turn *turn, const char *op, const char *metric, uint64_t size,
		 unsigned int processes, double value)
{
	struct sample sample = {.size = size, .threads = processes, .value = value};

	snprintf(sample.op, sizeof(sample.op), "%s", op);
	snprintf(sample.pattern, sizeof(sample.pattern), "%s", metric);
	if (write(turn->out, &sample, sizeof(sample)) != sizeof(sample))
		bench_die("a sample was lost");
}

static void report(const struct turn *turn, const char *op, uint64_t count,
		   unsigned int parts, const struct usage *from, const struct usage *to)
{
	const double ops = (double)count;
	const double user = to->user - from->user, system = to->system - from->system;
	const double cpu = (double)(to->cpu - from->cpu) / ops;

	sample_send(turn, op, "time", count, parts, (double)(to->time - from->time) / ops);
	if (!turn->pid)
		return;
	sample_send(turn, op, "cpu", count, parts, cpu);
	/* The sum is exact to the nanosecond, its parts to a tick. */
	if (user + system > 0)
		sample_send(turn, op, "user", count, parts, cpu * user / (user + system));
	sample_send(turn, op, "peak", count, parts,
		    (double)server_memory(turn->pid, "VmHWM"));
	sample_send(turn, op, "fds", count, parts, server_fds(turn->pid));
}

/* The first error of all parts. */
static int wait_for(unsigned int parts)
{
	int status, err = 0;

	for (unsigned int i = 0; i < parts; i++) {
		if (wait(&status) < 0)
			bench_die("a process was lost");
		if (!err && status != 0)
			err = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	}
	return err;
}

int run_parts(const struct turn *turn, unsigned int parts, step_fn fn, struct usage *from,
	      struct usage *to)
{
	int start[2], err;
	char byte;

	if (pipe(start) != 0)
		bench_die("no pipe");
	fflush(NULL);
	for (unsigned int i = 0; i < parts; i++) {
		pid_t child = fork();

		if (child < 0)
			bench_die("no process");
		if (child == 0) {
			close(start[1]);
			/* It ends when the last writer closes it. */
			if (read(start[0], &byte, 1) != 0)
				_exit(EIO);
			_exit(fn(turn, i, parts));
		}
	}
	close(start[0]);
	if (turn->pid)
		server_reset_peak(turn->pid);
	server_usage(turn->pid, from);
	close(start[1]);
	err = wait_for(parts);
	server_usage(turn->pid, to);
	return err;
}

bool step(const struct turn *turn, const char *op, uint64_t count, unsigned int parts,
	  step_fn fn)
{
	struct usage from, to;
	int err = run_parts(turn, parts, fn, &from, &to);

	if (err)
		sample_send(turn, op, "error", count, parts, err);
	else
		report(turn, op, count, parts, &from, &to);
	return !err;
}

void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	if (fd < 0 || write(fd, "2", 1) != 1)
		bench_die("cannot drop the kernel's caches");
	close(fd);
}

void warm_up(const struct turn *turn)
{
	uint64_t files;

	if (tree_walk(turn->source, &files) != 0)
		bench_die(turn->source);
}

void let_expire(void)
{
	const struct timespec more_than_a_second = {1, 100000000};

	nanosleep(&more_than_a_second, NULL);
}
