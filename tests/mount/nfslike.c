/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A backend like NFS, below examples/namedfs: linked with it, and in the place of some of
 * the functions that it calls (ld --wrap).
 *
 * An NFS client renames what is removed while somebody has it open to .nfsXXXX in the same
 * directory, and so the directory cannot be removed. What counts is by which name it was
 * opened: other links of the file change nothing. The same here, without the .nfsXXXX: a
 * directory cannot be removed (ENOTEMPTY) while this process has an fd, of any kind, that
 * was opened by a name in it which is removed now.
 *
 * With FINODE_TEST_KEEP in the environment the server keeps what it has open until FORGET.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_unlinkat(int dirfd, const char *name, int flags);
int __wrap_unlinkat(int dirfd, const char *name, int flags);
int __real_finode_unlinked(struct finode *inode);
int __wrap_finode_unlinked(struct finode *inode);

/*
 * What the kernel says that an fd is: the path by which it was opened. The fds are other
 * threads', who may close them: so they are looked at, and not used.
 */
static bool path_of(const char *fd, char link[64], char path[PATH_MAX])
{
	ssize_t length;

	snprintf(link, 64, "/proc/self/fd/%.40s", fd);
	length = readlink(link, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static bool is_removed_below(const char *fd, const char *dir)
{
	static const char deleted[] = " (deleted)";
	char link[64], path[PATH_MAX];
	struct stat st;
	size_t length;

	if (!path_of(fd, link, path) || strncmp(path, dir, strlen(dir)) != 0)
		return false;
	length = strlen(path);
	return length > strlen(deleted) &&
	       strcmp(path + length - strlen(deleted), deleted) == 0 &&
	       stat(link, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool holds_removed(int dirfd, const char *name)
{
	DIR *fds = opendir("/proc/self/fd");
	char number[16], link[64], path[PATH_MAX], dir[PATH_MAX + NAME_MAX + 3];
	const struct dirent *d;
	bool found = false;

	snprintf(number, sizeof(number), "%d", dirfd);
	if (!fds || !path_of(number, link, path))
		abort();
	snprintf(dir, sizeof(dir), "%s/%s/", path, name);
	while (!found && (d = readdir(fds)))
		found = is_removed_below(d->d_name, dir);
	closedir(fds);
	return found;
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
	if (flags & AT_REMOVEDIR && holds_removed(dirfd, name)) {
		errno = ENOTEMPTY;
		return -1;
	}
	return __real_unlinkat(dirfd, name, flags);
}

int __wrap_finode_unlinked(struct finode *inode)
{
	return getenv("FINODE_TEST_KEEP") ? 0 : __real_finode_unlinked(inode);
}
