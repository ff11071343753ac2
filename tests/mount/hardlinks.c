/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hardlinks MOUNT SOURCE ROUNDS [names]: two names, one inode. What is done through one of
 * them is seen through the other at once, though the kernel may believe attributes for a
 * second: there is one nodeid. With "names", what namedfs does beyond that too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *mount, *source;

static void fail(const char *what)
{
	fprintf(stderr, "hardlinks: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void must(int result, const char *what)
{
	if (result < 0)
		fail(what);
}

static void expect(int as_it_is, const char *what)
{
	errno = 0;
	if (!as_it_is)
		fail(what);
}

static struct stat look(const char *name)
{
	struct stat st;

	must(lstat(name, &st), name);
	return st;
}

static void make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	must(fd, name);
	expect(write(fd, "first", 5) == 5, "write");
	close(fd);
}

static void through_both_names(int round)
{
	const mode_t mode = 0600 + (mode_t)(round % 64);
	char seen[8] = "";
	int fd;

	expect(look("a").st_ino == look("d/b").st_ino, "one inode number");
	must(chmod("a", mode), "chmod");
	expect((look("d/b").st_mode & 07777) == mode, "the mode through the other name");
	must(truncate("d/b", round % 100), "truncate");
	expect(look("a").st_size == round % 100, "the size through the other name");
	must(truncate("a", 0), "truncate");
	fd = open("a", O_WRONLY | O_CLOEXEC);
	expect(fd >= 0 && write(fd, "again", 5) == 5, "write");
	close(fd);
	fd = open("d/b", O_RDONLY | O_CLOEXEC);
	expect(fd >= 0 && read(fd, seen, 7) == 5 && strcmp(seen, "again") == 0,
	       "the data through the other name");
	close(fd);
}

static void count_links(void)
{
	expect(look("a").st_nlink == 2 && look("d/b").st_nlink == 2, "two links");
	must(link("d/b", "c"), "link");
	expect(look("a").st_nlink == 3 && look("c").st_nlink == 3, "three links");
	must(rename("c", "d/b"), "rename onto the same inode");
	expect(look("c").st_nlink == 3, "which does nothing");
	must(unlink("c"), "unlink");
	expect(look("a").st_nlink == 2 && look("d/b").st_nlink == 2, "two links again");
	must(unlink("a"), "unlink");
	expect(look("d/b").st_nlink == 1, "one link");
	must(link("d/b", "a"), "link");
	expect(look("d/b").st_nlink == 2, "two links at last");
}

static int path_is(const char *name, const char *expected)
{
	char path[4096] = "";

	must((int)getxattr(name, "user.finode.path", path, sizeof(path) - 1), "getxattr");
	return strcmp(path, expected) == 0;
}

static void tell_paths(void)
{
	expect(path_is("a", "/a") || path_is("a", "/d/b"), "one of two paths");
	expect(path_is("d", "/d"), "the path of a directory");
	expect(path_is(".", "/"), "the path of the root");
	must(rename("d", "e"), "rename");
	must(rename("a", "e/a"), "rename");
	expect(path_is("e/b", "/e/a") || path_is("e/b", "/e/b"), "a path after renames");
	must(unlink("e/a"), "unlink");
	expect(path_is("e/b", "/e/b"), "the path that is left");
	must(link("e/b", "a"), "link");
	must(rename("e", "d"), "rename");
}

/* Another link, which no look-up has shown: the object is released, then found by it. */
static void find_again(void)
{
	char known[4096], unknown[4096];
	struct stat before, st;
	int fd;

	make("known");
	snprintf(known, sizeof(known), "%s/known", source);
	snprintf(unknown, sizeof(unknown), "%s/unknown", source);
	must(link(known, unknown), "link behind the server's back");
	before = look("known");
	fd = open("known", O_PATH | O_CLOEXEC); /* the kernel keeps the inode */
	must(fd, "open");
	must(unlink("known"), "unlink");
	expect(fstat(fd, &st) < 0, "what was released cannot be used");
	expect(look("unknown").st_ino == before.st_ino, "it is found again");
	must(fstat(fd, &st), "fstat of what was found again");
	expect(st.st_ino == before.st_ino && st.st_nlink == 1, "and is what it was");
	close(fd);
	must(unlink("unknown"), "unlink");
}

int main(int argc, char *argv[])
{
	int rounds = argc > 3 ? atoi(argv[3]) : 0;

	if (rounds <= 0) {
		fprintf(stderr, "usage: hardlinks MOUNT SOURCE ROUNDS [names]\n");
		return 2;
	}
	mount = argv[1];
	source = argv[2];
	must(chdir(mount), mount);
	must(mkdir("d", 0755), "mkdir");
	make("a");
	must(link("a", "d/b"), "link");
	for (int round = 0; round < rounds; round++) {
		through_both_names(round);
		count_links();
	}
	if (argc > 4) {
		tell_paths();
		find_again();
	}
	must(unlink("a"), "unlink");
	must(unlink("d/b"), "unlink");
	must(rmdir("d"), "rmdir");
	return 0;
}
