/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * renames MOUNT SECONDS: PROCESSES processes move files and directories about in one tree,
 * and ask for the paths of all of them, all the time. Every path that comes out is checked
 * to have been true at one moment while it was asked for.
 *
 * How that can be known: each process owns one directory and one file, and nobody else
 * renames them. It moves them into any directory of anybody, each time by a name that was
 * never used before: "OBJECT.N" is the Nth place of an object. Before the rename it writes
 * down, in shared memory, where that place is, and the time; after it the time again. So
 * each name in a path says of which object it is, in which directory it must be found, and
 * when it can have been true: from the moment before the rename that made it to the moment
 * after the one that ended it. A path is right if
 *   - each name in it was in the directory that the name before it is of,
 *   - the last one is of the object that was asked for, and
 *   - the times of all its names and of the call itself have a moment in common.
 *
 * That this can fail is shown on the way: a path that was right at an earlier call is
 * checked as if it had come from the present one, and so is a path without its first name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 8
#define OBJECTS	  (2 * PROCESSES) /* the directories, then the files */
#define ROOT	  OBJECTS
#define PLACES	  100000 /* of each object, at most */

struct place {
	_Atomic int dir;
	_Atomic uint64_t before, after; /* the rename that made it; 0: not yet */
};

static struct shared {
	struct place places[OBJECTS][PLACES];
	_Atomic unsigned long renames, refused, paths, names, old, old_refused, cut,
		cut_refused;
} * shared;

static int fds[OBJECTS + 1]; /* open, and inherited by all processes */
static unsigned int random_state;

static int draw(int below)
{
	return rand_r(&random_state) % below;
}

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "renames: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static const char *name_of(char name[32], int object, unsigned int n)
{
	snprintf(name, 32, "%d.%u", object, n);
	return name;
}

static void begin_place(int object, unsigned int n, int dir)
{
	shared->places[object][n].dir = dir;
	shared->places[object][n].before = now();
}

static void make(int object)
{
	char name[32];

	begin_place(object, 0, ROOT);
	name_of(name, object, 0);
	if (object < PROCESSES && mkdirat(fds[ROOT], name, 0700) < 0)
		fail("mkdir", name);
	fds[object] =
		openat(fds[ROOT], name,
		       object < PROCESSES ? O_RDONLY : O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fds[object] < 0)
		fail("open", name);
	shared->places[object][0].after = now();
}

/* Moves an object from its place `n` to a new one, if that is not below itself. */
static bool move(int object, unsigned int n)
{
	int dir = draw(PROCESSES + 1);
	char from[32], to[32];

	if (dir == PROCESSES)
		dir = ROOT;
	if (dir == object)
		return false;
	begin_place(object, n + 1, dir);
	if (renameat(fds[shared->places[object][n].dir], name_of(from, object, n), fds[dir],
		     name_of(to, object, n + 1)) < 0) {
		if (errno != EINVAL)
			fail("rename to", to);
		shared->refused++;
		return false;
	}
	shared->places[object][n + 1].after = now();
	shared->renames++;
	return true;
}

/* NULL if the path is right, see the top; else what is wrong. Of a call from t0 to t1. */
static const char *wrong(const char *path, int asked, uint64_t t0, uint64_t t1)
{
	int dir = ROOT, object = ROOT, length;
	unsigned int n;

	while (*path) {
		const struct place *place;

		if (sscanf(path, "/%d.%u%n", &object, &n, &length) != 2 || object < 0 ||
		    object >= OBJECTS || n + 1 >= PLACES)
			return "a name that nobody gave";
		place = &shared->places[object][n];
		if (place->dir != dir)
			return "a name that was never there";
		if (place->before > t0)
			t0 = place->before;
		if (place[1].after && place[1].after < t1)
			t1 = place[1].after;
		dir = object;
		path += length;
		shared->names++;
	}
	if (object != asked)
		return "another object";
	return t0 <= t1 ? NULL : "true at no one moment";
}

/* The check of what must be wrong, unless nothing has moved meanwhile. */
static void check_the_check(const char *last, const char *path, int object, uint64_t t0,
			    uint64_t t1)
{
	const char *second = strchr(path + 1, '/');

	if (*last && strcmp(last, path) != 0) {
		shared->old++;
		shared->old_refused += wrong(last, object, t0, t1) != NULL;
	}
	if (second) {
		shared->cut++;
		shared->cut_refused += wrong(second, object, t0, t1) != NULL;
	}
}

static void ask(int object)
{
	static char last[OBJECTS][4096];
	char path[4096] = "";
	uint64_t t0 = now(), t1;
	const char *what;

	if (fgetxattr(fds[object], "user.finode.path", path, sizeof(path) - 1) < 0)
		fail("no path of an object that always has one", "");
	t1 = now();
	what = wrong(path, object, t0, t1);
	if (what) {
		fprintf(stderr, "renames: %s: %s\n", what, path);
		exit(1);
	}
	shared->paths++;
	check_the_check(last[object], path, object, t0, t1);
	strcpy(last[object], path);
}

static void work(int self, uint64_t end)
{
	const int own[2] = {self, PROCESSES + self};
	unsigned int n[2] = {0, 0};

	random_state = (unsigned int)self + 1;
	while (now() < end) {
		int which = draw(2);

		if (n[which] + 3 < PLACES)
			n[which] += move(own[which], n[which]);
		for (int i = 0; i < 4; i++)
			ask(draw(OBJECTS));
	}
	exit(0);
}

int main(int argc, char *argv[])
{
	int seconds = argc > 2 ? atoi(argv[2]) : 0, status, failures = 0;
	uint64_t end;

	if (seconds <= 0 || (fds[ROOT] = open(argv[1], O_RDONLY | O_DIRECTORY)) < 0) {
		fprintf(stderr, "usage: renames MOUNT SECONDS\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap", "");
	for (int i = 0; i < OBJECTS; i++)
		make(i);
	end = now() + (uint64_t)seconds * 1000000000;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork", "");
		if (pid == 0)
			work(i, end);
	}
	while (wait(&status) > 0)
		failures += status != 0;
	printf("renames: %lu renames, %lu refused; %lu paths, each true at some moment; "
	       "%lu "
	       "of %lu older paths refused, %lu of %lu without their first name\n",
	       shared->renames, shared->refused, shared->paths, shared->old_refused,
	       shared->old, shared->cut_refused, shared->cut);
	if (shared->old_refused == 0 || shared->cut_refused != shared->cut) {
		fprintf(stderr, "renames: the check does not notice what is wrong\n");
		return 1;
	}
	return failures ? 1 : 0;
}
