/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rmtree DIRECTORY ROUNDS: in each round a tree is made in DIRECTORY and removed by rm -rf,
 * which must succeed, while other processes stat everything in it and list it, all the
 * time.
 *
 * The tree is a chain of DIRS directories. Each has a file, a file with another link beside
 * it, and a file with links in the next directory (for the last one that is the first) and
 * in "other", which is not removed: those must still lead to what was written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIRS	 5
#define WATCHERS 3

static char dirs[DIRS][64];	    /* each in the one before it */
static _Atomic unsigned int *phase; /* odd while rm runs; shared */

static void fail(const char *what, const char *path)
{
	fprintf(stderr, "rmtree: %s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

static const char *in(char path[128], const char *dir, const char *name)
{
	snprintf(path, 128, "%.60s/%.60s", dir, name);
	return path;
}

static void name_dirs(void)
{
	char name[64] = "t";

	for (int i = 0; i < DIRS; i++) {
		memcpy(dirs[i], name, sizeof(name));
		snprintf(name, sizeof(name), "%.50s/%d", dirs[i], i + 1);
	}
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, path, strlen(path)) != (ssize_t)strlen(path))
		fail("create", path);
	close(fd);
}

static void make_link(const char *path, const char *name)
{
	if (link(path, name) < 0)
		fail("link", name);
}

/* The link of directory i in "other". */
static const char *other(char path[128], int i)
{
	snprintf(path, 128, "other/%d", i);
	return path;
}

static void make_tree(void)
{
	char a[128], b[128];

	for (int i = 0; i < DIRS; i++)
		if (mkdir(dirs[i], 0700) < 0)
			fail("mkdir", dirs[i]);
	for (int i = 0; i < DIRS; i++) {
		make_file(in(a, dirs[i], "alone"));
		make_file(in(a, dirs[i], "one"));
		make_link(a, in(b, dirs[i], "two"));
		make_file(in(a, dirs[i], "here"));
		make_link(a, in(b, dirs[(i + 1) % DIRS], "there"));
		make_link(a, other(b, i));
	}
}

static void remove_tree(int round)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "t", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("fork", "rm");
	if (status != 0) {
		fprintf(stderr, "rmtree: rm -rf failed in round %d\n", round);
		exit(1);
	}
}

/* The files that have a link left are what they were; then that goes too. */
static void check_others(void)
{
	char path[128], expected[128], seen[128] = "";

	for (int i = 0; i < DIRS; i++) {
		int fd = open(other(path, i), O_RDONLY | O_CLOEXEC);
		ssize_t got = fd < 0 ? -1 : read(fd, seen, sizeof(seen) - 1);
		struct stat st;

		if (got < 0 || fstat(fd, &st) < 0)
			fail("read", path);
		seen[got] = '\0';
		errno = 0;
		if (strcmp(seen, in(expected, dirs[i], "here")) != 0 || st.st_nlink != 1)
			fail("compare", path);
		close(fd);
		if (unlink(path) < 0)
			fail("unlink", path);
	}
}

/*
 * ---- Those who look on ----
 *
 * Names come and go. What goes while it is being looked at may be ESTALE too: the kernel
 * tries once more, and may again be too late. But what is in "other" stays while rm runs.
 */

static void tolerate(int result, const char *what, const char *path)
{
	if (result < 0 && errno != ENOENT && errno != ESTALE)
		fail(what, path);
}

static void look_at_other(int i)
{
	char path[128];
	struct stat st;
	unsigned int before = *phase;
	int result = lstat(other(path, i), &st);

	if (result < 0 && before % 2 == 1 && *phase == before)
		fail("lstat while rm runs:", path);
	tolerate(result, "lstat", path);
}

static void look_into(const char *path)
{
	DIR *dir = opendir(path);

	tolerate(dir ? 0 : -1, "opendir", path);
	if (!dir)
		return;
	while (readdir(dir))
		;
	closedir(dir);
}

static void watch(int self)
{
	static const char *const names[] = {"alone", "one", "two", "here", "there"};
	char path[128];
	struct stat st;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = (unsigned int)self;; i++) {
		in(path, dirs[i % DIRS], names[i / DIRS % 5]);
		tolerate(lstat(path, &st), "lstat", path);
		look_at_other((int)(i * 3 % DIRS));
		if (i % 7 == 0)
			look_into(dirs[i / 7 % DIRS]);
		usleep(1000); /* there are others on this machine */
	}
}

static pid_t watchers[WATCHERS];

/* Whatever the end is: nobody uses the mount any more. */
static void end_watchers(void)
{
	for (int i = 0; i < WATCHERS; i++) {
		if (watchers[i] == 0)
			continue; /* it has ended by itself */
		kill(watchers[i], SIGKILL);
		waitpid(watchers[i], NULL, 0);
	}
}

int main(int argc, char *argv[])
{
	int rounds = argc > 2 ? atoi(argv[2]) : 0, status;

	if (rounds <= 0 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: rmtree DIRECTORY ROUNDS\n");
		return 2;
	}
	phase = mmap(NULL, sizeof(*phase), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (phase == MAP_FAILED)
		fail("mmap", "");
	name_dirs();
	if (mkdir("other", 0700) < 0)
		fail("mkdir", "other");
	for (int i = 0; i < WATCHERS; i++) {
		watchers[i] = fork();
		if (watchers[i] < 0)
			fail("fork", "");
		if (watchers[i] == 0)
			watch(i);
	}
	atexit(end_watchers);
	for (int round = 0; round < rounds; round++) {
		make_tree();
		++*phase;
		remove_tree(round);
		++*phase;
		check_others();
	}
	for (int i = 0; i < WATCHERS; i++) {
		if (waitpid(watchers[i], &status, WNOHANG) != 0) {
			watchers[i] = 0;
			fprintf(stderr, "rmtree: a process that looks on has failed\n");
			return 1;
		}
	}
	if (rmdir("other") < 0)
		fail("rmdir", "other");
	printf("rmtree: %d trees of %d files and %d directories removed\n", rounds,
	       3 * DIRS, DIRS);
	return 0;
}
