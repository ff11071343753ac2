/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tmpfile DIR: makes a file without a name in DIR, writes to it, gives it the name
 * "linked", and says what was wrong.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "from a file without a name\n";

static int complain(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char *argv[])
{
	char fd_path[64], path[4096];
	struct stat unnamed, named;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: tmpfile DIR\n");
		return 2;
	}
	fd = open(argv[1], O_TMPFILE | O_RDWR, 0640);
	if (fd < 0)
		return complain("open with O_TMPFILE");
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    fstat(fd, &unnamed) < 0)
		return complain("write");
	if (unnamed.st_nlink != 0 || (unnamed.st_mode & 07777) != 0640) {
		fprintf(stderr, "tmpfile: %ju links, mode %o\n",
			(uintmax_t)unnamed.st_nlink, unnamed.st_mode);
		return 1;
	}
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	snprintf(path, sizeof(path), "%s/linked", argv[1]);
	if (linkat(AT_FDCWD, fd_path, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		return complain("linkat");
	if (stat(path, &named) < 0)
		return complain("stat");
	if (named.st_ino != unnamed.st_ino || named.st_nlink != 1) {
		fprintf(stderr, "tmpfile: the name leads to another file\n");
		return 1;
	}
	return 0;
}
