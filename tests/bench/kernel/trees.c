/* SPDX-License-Identifier: BSD-3-Clause */
/* The trees that servers show: made once, in the source. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"

void tree_name(char name[48], uint64_t file)
{
	snprintf(name, 48, "d%" PRIu64 "/f%" PRIu64, file / FILES_PER_DIR, file);
}

static void make_file(int dirfd, const char *name, const char *content, size_t size)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, content, size) != (ssize_t)size)
		bench_die(name);
	close(fd);
}

static int make_dir(const char *dir)
{
	int fd;

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		bench_die(dir);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		bench_die(dir);
	return fd;
}

/* Each file has up to `most` times the content. */
void tree_make(const char *dir, uint64_t files, const char *content, unsigned int most)
{
	char *contents = calloc(most + 1, strlen(content) + 1), name[48];
	const size_t length = strlen(content);
	int fd = make_dir(dir);

	if (!contents)
		bench_die("no memory");
	for (unsigned int i = 0; i < most; i++)
		memcpy(contents + i * length, content, length);
	for (uint64_t i = 0; i < files; i++) {
		tree_name(name, i);
		if (i % FILES_PER_DIR == 0) {
			*strchr(name, '/') = '\0';
			if (mkdirat(fd, name, 0755) != 0)
				bench_die(name);
			tree_name(name, i);
		}
		make_file(fd, name, contents, length * (most ? i * 7919 % most + 1 : 0));
	}
	close(fd);
	free(contents);
}

/* f0, f1, .. in one directory. */
static void make_flat(const char *dir, uint64_t files)
{
	int fd = make_dir(dir);
	char name[24];

	for (uint64_t i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "f%" PRIu64, i);
		make_file(fd, name, "", 0);
	}
	close(fd);
}

static void make_data(const char *dir, uint64_t size)
{
	static char block[1 << 20];
	int dirfd = make_dir(dir), fd;

	memset(block, 'x', sizeof(block));
	fd = openat(dirfd, "data", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (uint64_t at = 0; fd >= 0 && at < size; at += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			bench_die("the file for reading and writing");
	if (fd < 0 || fsync(fd) < 0)
		bench_die("the file for reading and writing");
	close(fd);
	close(dirfd);
}

static void shell(const char *root, const char *command)
{
	char line[600];

	snprintf(line, sizeof(line), "cd '%s' && { %s; } >/dev/null", root, command);
	if (system(line) != 0)
		bench_die(command);
}

void trees_make(const char *root, const struct sizes *sizes)
{
	char path[300];

#define IN(name) (snprintf(path, sizeof(path), "%s/" name, root), path)
	tree_make(IN("stat"), sizes->stat, "", 0);
	tree_make(IN("limit"), sizes->limit, "", 0);
	tree_make(IN("lookup-many"), sizes->lookup, "", 0);
	make_flat(IN("lookup-one"), sizes->lookup);
	tree_make(IN("tree"), sizes->source, "static int a_line_of_some_length;\n", 600);
	tree_make(IN("git"), sizes->git, "x\n", 1);
	make_data(IN("data"), sizes->data);
	close(make_dir(IN("change")));
#undef IN
	shell(root, "tar -cf tree.tar tree");
	/* An old repository: what is as young as its index would be read again. */
	shell(root,
	      "find git -exec touch -d '1 hour ago' {} + && cd git && git init -q && "
	      "git add . && git -c user.name=b -c user.email=b@localhost commit -qm 1");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(const char *dir)
{
	if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 &&
	    errno != ENOENT)
		bench_die(dir);
}

/* As du, find, rsync: everything that is listed, in that order. */
static int walk(int dirfd, const char *name, uint64_t *files)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	struct stat st;

	if (!dir)
		return errno;
	while (!err && (errno = 0, d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			err = errno;
		else if (S_ISDIR(st.st_mode))
			err = walk(fd, d->d_name, files);
		else
			++*files;
	}
	if (!err)
		err = errno;
	closedir(dir);
	return err;
}

int tree_walk(const char *dir, uint64_t *files)
{
	*files = 0;
	return walk(AT_FDCWD, dir, files);
}
