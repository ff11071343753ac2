/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dino DIR..: does readdir tell of each entry the inode number that stat tells? Prints
 * those of which it does not, and exits with 1 if there are any.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int differs(DIR *dir, const char *path, const struct dirent *d)
{
	struct stat st;

	if (strcmp(d->d_name, "..") == 0)
		return 0; /* at a mountpoint it is another one, everywhere */
	if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		printf("%s/%s: %s\n", path, d->d_name, strerror(errno));
		return 1;
	}
	if (st.st_ino == d->d_ino)
		return 0;
	printf("%s/%s: readdir says %lu, stat %lu\n", path, d->d_name,
	       (unsigned long)d->d_ino, (unsigned long)st.st_ino);
	return 1;
}

int main(int argc, char *argv[])
{
	int found = 0;

	for (int i = 1; i < argc; i++) {
		const struct dirent *d;
		DIR *dir = opendir(argv[i]);

		if (!dir) {
			printf("%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		while ((d = readdir(dir)))
			found |= differs(dir, argv[i], d);
		closedir(dir);
	}
	return found;
}
