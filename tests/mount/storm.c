/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several processes in one directory of a mount, for a number of seconds: they create,
 * write, rename, hardlink, look up, list and remove the same few names, read back what they
 * wrote through files that were removed while open, and, as root, one of them drops the
 * kernel's caches in a loop.
 *
 *     storm DIRECTORY SECONDS PROCESSES [nolinks]
 *
 * With "nolinks" there are no hardlinks and no symbolic links, and a file that was found
 * and is gone when it is used may be ESTALE: for servers that know objects by their names
 * only.
 *
 * An error that these operations cannot cause on each other, or a wrong byte, is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES 12
#define WORDS 512

static unsigned int random_state;
static bool links = true;

static unsigned int draw(unsigned int below)
{
	return (unsigned int)rand_r(&random_state) % below;
}

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "storm: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

/* The names are everybody's, so they come and go; nothing else may go wrong. */
static void tolerate(int result, const char *what, const char *name)
{
	if (result < 0 && errno != ENOENT && errno != EEXIST && (links || errno != ESTALE))
		fail(what, name);
}

static void some_name(char name[16])
{
	snprintf(name, 16, "n%u", draw(NAMES));
}

/* A file of one word, repeated: whoever wrote it, its words are equal. */
static void write_words(int fd, uint64_t word, const char *name)
{
	uint64_t words[WORDS];

	for (int i = 0; i < WORDS; i++)
		words[i] = word;
	if (write(fd, words, sizeof(words)) != sizeof(words))
		fail("write", name);
}

static void check_words(int fd, uint64_t word, const char *name)
{
	uint64_t words[WORDS];

	if (pread(fd, words, sizeof(words), 0) != sizeof(words))
		fail("read", name);
	for (int i = 0; i < WORDS; i++) {
		if (words[i] != word) {
			errno = EILSEQ;
			fail("compare", name);
		}
	}
}

/* Creates a file of our own, takes its names away while it is open, reads it back. */
static void keep_open(unsigned int self)
{
	char name[32], other[32];
	uint64_t word = (uint64_t)self << 32 | draw(1 << 30);
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "own%u", self);
	snprintf(other, sizeof(other), "own%u.link", self);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		fail("create", name);
	write_words(fd, word, name);
	if (links) {
		if (link(name, other) < 0)
			fail("link", other);
		if (stat(other, &st) < 0 || st.st_nlink != 2)
			fail("stat of a hardlink", other);
		if (unlink(name) < 0)
			fail("unlink", name);
	} else if (rename(name, other) < 0) {
		fail("rename", name);
	}
	check_words(fd, word, other);
	if (rename(other, name) < 0)
		fail("rename", other);
	if (unlink(name) < 0)
		fail("unlink", name);
	check_words(fd, word, name);
	if (fstat(fd, &st) < 0 || st.st_nlink != 0)
		fail("fstat after unlink", name);
	if (fchmod(fd, 0640) < 0 || ftruncate(fd, 8) < 0)
		fail("change after unlink", name);
	close(fd);
}

static void make_dirs(unsigned int self)
{
	char name[32], below[64], moved[64];

	snprintf(name, sizeof(name), "d%u", self);
	snprintf(below, sizeof(below), "d%u/x", self);
	snprintf(moved, sizeof(moved), "d%u/y", self);
	if (mkdir(name, 0700) < 0)
		fail("mkdir", name);
	if ((links ? symlink("nowhere", below) : mkdir(below, 0700)) < 0)
		fail("symlink", below);
	if (rename(below, moved) < 0)
		fail("rename", moved);
	if (remove(moved) < 0)
		fail("remove", moved);
	if (rmdir(name) < 0)
		fail("rmdir", name);
}

static void list(void)
{
	DIR *dir = opendir(".");
	struct dirent *d;
	struct stat st;

	if (!dir)
		fail("opendir", ".");
	errno = 0;
	while ((d = readdir(dir)))
		tolerate(lstat(d->d_name, &st), "lstat", d->d_name);
	closedir(dir);
}

static void touch(void)
{
	char name[16];
	int fd;

	some_name(name);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	tolerate(fd, "open", name);
	if (fd >= 0) {
		write_words(fd, 1, name);
		close(fd);
	}
}

static void act(unsigned int self)
{
	char a[16], b[16];
	struct stat st;

	some_name(a);
	some_name(b);
	switch (draw(9)) {
	case 0:
		keep_open(self);
		break;
	case 1:
		make_dirs(self);
		break;
	case 2:
		list();
		break;
	case 3:
	case 4:
		touch();
		break;
	case 5:
		tolerate(rename(a, b), "rename", a);
		break;
	case 6:
		tolerate(links ? link(a, b) : 0, "link", a);
		break;
	case 7:
		tolerate(unlink(a), "unlink", a);
		break;
	default:
		tolerate(stat(a, &st), "stat", a);
		break;
	}
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "2", 1) != 1)
		fail("write", "drop_caches");
	close(fd);
}

static void work(unsigned int self, time_t end)
{
	unsigned long acts = 0;

	random_state = self + 1;
	while (time(NULL) < end) {
		act(self);
		if (self == 0 && ++acts % 50 == 0)
			drop_caches();
	}
	exit(0);
}

int main(int argc, char *argv[])
{
	unsigned int count = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	int status, failures = 0;
	time_t end;

	if (count == 0 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: storm DIRECTORY SECONDS PROCESSES [nolinks]\n");
		return 2;
	}
	links = argc < 5 || strcmp(argv[4], "nolinks") != 0;
	end = time(NULL) + atoi(argv[2]);
	for (unsigned int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork", "");
		if (pid == 0)
			work(i, end);
	}
	while (wait(&status) > 0)
		failures += status != 0;
	return failures ? 1 : 0;
}
