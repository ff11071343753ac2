/* SPDX-License-Identifier: BSD-3-Clause */
/* The servers: how each is started and ended, and what it has used. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

#define FEW_FDS 1024

/*
 * All of them: many threads, entries and attributes for one second (minimal has nothing
 * else), the kernel checks permissions, any user may come.
 */
const struct server servers[] = {
	{"native", "no server: the source itself", {NULL}, ~0u, 0},
	{"minimal",
	 "this library: examples/minimal.c",
	 {"minimal", "-f", "-o", "allow_other", "SOURCE", "MNT", NULL},
	 ~0u,
	 0},
	{"passthrough",
	 "this library: finode-hostfs, as it is without options",
	 {"passthrough", "-f", "SOURCE", "MNT", NULL},
	 ~0u,
	 0},
	{"passthrough+p",
	 "the same with -o passthrough: the kernel reads and writes",
	 {"passthrough", "-f", "-o", "passthrough", "SOURCE", "MNT", NULL},
	 DATA | PROGRAMS,
	 0},
	{"passthrough+l",
	 "the same with -o libfuse_loop: requests are read by libfuse's loop",
	 {"passthrough", "-f", "-o", "libfuse_loop", "SOURCE", "MNT", NULL},
	 STAT | LOOKUP | CHANGE | DATA,
	 0},
	{"bindfs",
	 "Debian's bindfs, libfuse 2, --multithreaded",
	 {"bindfs", "-f", "--multithreaded", "SOURCE", "MNT", NULL},
	 ~0u,
	 0},
	{"passthrough_ll",
	 "libfuse's example, from Debian's libfuse3-dev, cache=auto",
	 {"passthrough_ll", "-f", "-o",
	  "source=SOURCE,cache=auto,allow_other,default_permissions", "MNT", NULL},
	 ~0u,
	 10000},
	{"floor-calls",
	 "no table: openat and fstatat for each look-up, into an array",
	 {"bench_floor", "calls", "SOURCE", "MNT", NULL},
	 LOOKUP | GROW,
	 10000},
	{"floor-array",
	 "no system call: answers from an array made before",
	 {"bench_floor", "array", "SOURCE", "MNT", NULL},
	 LOOKUP | GROW,
	 0},
	{NULL, NULL, {NULL}, 0, 0},
};

bool server_is_there(const struct server *server)
{
	char *path = strdup(getenv("PATH") ? getenv("PATH") : ""), file[500], *save = NULL;
	bool found = !server->command[0];

	for (char *dir = strtok_r(path, ":", &save); dir && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		snprintf(file, sizeof(file), "%s/%s", dir, server->command[0]);
		found = access(file, X_OK) == 0;
	}
	free(path);
	return found;
}

/* An argument with the directories in it; it lives as long as the process. */
static char *argument(const char *pattern, const char *source, const char *mnt)
{
	const char *at = strstr(pattern, "SOURCE"), *rest = NULL;
	char *out;

	if (strcmp(pattern, "MNT") == 0)
		return strdup(mnt);
	if (!at)
		return strdup(pattern);
	rest = at + strlen("SOURCE");
	if (asprintf(&out, "%.*s%s%s", (int)(at - pattern), pattern, source, rest) < 0)
		return NULL;
	return out;
}

/* The limit holds for root too. */
static void limit_fds(void)
{
	const struct rlimit limit = {FEW_FDS, FEW_FDS};

	prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(126);
}

/* What servers say is beside the mountpoint. */
static void log_output(const char *mnt)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s.log", mnt);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
}

static void run_server(const struct server *server, const char *source, const char *mnt,
		       bool few_fds)
{
	char *argv[12] = {NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_output(mnt);
	for (int i = 0; server->command[i]; i++)
		argv[i] = argument(server->command[i], source, mnt);
	if (few_fds)
		limit_fds();
	execvp(argv[0], argv);
	_exit(127);
}

static bool is_mounted(const char *mnt)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[1000], wanted[300];
	bool found = false;

	snprintf(wanted, sizeof(wanted), " %s ", mnt);
	while (mounts && !found && fgets(line, sizeof(line), mounts))
		found = strstr(line, wanted) != NULL;
	if (mounts)
		fclose(mounts);
	return found;
}

static void pause_ms(long ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

pid_t server_start(const struct server *server, const char *source, const char *mnt,
		   bool few_fds)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_server(server, source, mnt, few_fds);
	for (int i = 0; pid > 0 && i < 2000; i++) {
		if (is_mounted(mnt))
			return pid;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		pause_ms(5);
	}
	return -1;
}

/* Its end may take a while, if it has a million inodes. */
void server_stop(pid_t pid, const char *mnt)
{
	if (umount2(mnt, 0) != 0)
		umount2(mnt, MNT_DETACH);
	for (int i = 0; i < 6000; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		pause_ms(i < 200 ? 1 : 10);
	}
	fprintf(stderr, "bench_kernel: a server did not end, and was killed\n");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static FILE *proc(pid_t pid, const char *name, const char *mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, mode);
}

void server_usage(pid_t pid, struct usage *usage)
{
	struct timespec cpu = {0, 0};
	char line[1000], *rest;
	FILE *stat;
	clockid_t clock;

	*usage = (struct usage){0};
	if (pid) {
		stat = proc(pid, "stat", "re");
		/* The name, in brackets, may have spaces; utime is the 12th after it. */
		if (stat && fgets(line, sizeof(line), stat) && (rest = strrchr(line, ')')))
			sscanf(rest + 1,
			       " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lf %lf",
			       &usage->user, &usage->system);
		if (stat)
			fclose(stat);
		/* With the threads that have ended, and more exact than ticks. */
		if (clock_getcpuclockid(pid, &clock) == 0)
			clock_gettime(clock, &cpu);
		usage->cpu = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
	}
	usage->time = now_ns();
}

uint64_t server_memory(pid_t pid, const char *field)
{
	FILE *status = proc(pid, "status", "re");
	const size_t length = strlen(field);
	char line[300];
	uint64_t kb = 0;

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, field, length) == 0 && line[length] == ':')
			kb = strtoull(line + length + 1, NULL, 10);
	if (status)
		fclose(status);
	return kb;
}

void server_reset_peak(pid_t pid)
{
	FILE *refs = proc(pid, "clear_refs", "we");

	if (refs) {
		fputs("5", refs);
		fclose(refs);
	}
}

unsigned int server_fds(pid_t pid)
{
	char path[64];
	unsigned int fds = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		fds++;
	if (dir)
		closedir(dir);
	return fds > 2 ? fds - 2 : 0; /* without "." and ".." */
}
