/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that come, go and move: small files, hardlinks, renames. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"

#define DIRS	  16
#define FARM	  50 /* files that have many links */
#define STORMERS  2
#define SHARERS	  4 /* processes that share many files */
#define FILE_SIZE 1024

static void name_of(char name[48], const char *kind, uint64_t dir, uint64_t i)
{
	snprintf(name, 48, "c%" PRIu64 "/%s%" PRIu64, dir % DIRS, kind, i);
}

static uint64_t files; /* small ones that are made, looked at and removed */

static int create(const struct turn *turn, unsigned int part, unsigned int parts)
{
	static const char content[FILE_SIZE];
	char name[48];

	(void)turn;
	for (uint64_t i = part; i < files; i += parts) {
		int fd;

		name_of(name, "f", i, i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, content, FILE_SIZE) != FILE_SIZE || close(fd) != 0)
			return errno;
	}
	return 0;
}

static int look(const struct turn *turn, unsigned int part, unsigned int parts)
{
	struct stat st;
	char name[48];

	(void)turn;
	for (uint64_t i = part; i < files; i += parts) {
		name_of(name, "f", i, i);
		if (lstat(name, &st) < 0)
			return errno;
		if (st.st_size != FILE_SIZE)
			return ENODATA;
	}
	return 0;
}

/* Every link is made, looked at and removed. */
static int farm(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const uint64_t links = turn->sizes->links;
	char name[48], link_name[48];
	struct stat st;

	(void)part;
	(void)parts;
	for (uint64_t i = 0; i < links; i++) {
		name_of(name, "f", i % FARM, i % FARM);
		name_of(link_name, "l", i, i);
		if (link(name, link_name) < 0)
			return errno;
	}
	for (uint64_t i = 0; i < links; i++) {
		name_of(link_name, "l", i, i);
		if (lstat(link_name, &st) < 0)
			return errno;
	}
	for (uint64_t i = 0; i < links; i++) {
		name_of(link_name, "l", i, i);
		if (unlink(link_name) < 0)
			return errno;
	}
	return 0;
}

/* Files wander from directory to directory, and back in the end. */
static int storm(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const uint64_t each = 100, rounds = turn->sizes->renames / parts / each / DIRS;
	char from[48], to[48];

	for (uint64_t i = 0; i < rounds * DIRS; i++) {
		for (uint64_t f = 0; f < each; f++) {
			const uint64_t file = part + parts * f;

			name_of(from, "f", file + i, file);
			name_of(to, "f", file + i + 1, file);
			if (rename(from, to) < 0)
				return errno;
		}
	}
	return 0;
}

static int remove_all(const struct turn *turn, unsigned int part, unsigned int parts)
{
	char name[48];

	(void)turn;
	for (uint64_t i = part; i < files; i += parts) {
		name_of(name, "f", i, i);
		if (unlink(name) < 0)
			return errno;
	}
	return 0;
}

static void make_dirs(void)
{
	char name[48];

	for (int i = 0; i < DIRS; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		if (mkdir(name, 0755) < 0)
			bench_die(name);
	}
}

void do_change(const struct turn *turn)
{
	const struct sizes *sizes = turn->sizes;

	make_dirs();
	files = sizes->change;
	if (!step(turn, "create", files, 1, create))
		return;
	step(turn, "links", sizes->links * 3, 1, farm);
	step(turn, "renames", sizes->renames, STORMERS, storm);
	let_expire();
	step(turn, "stat-small", files, 1, look);
	step(turn, "unlink", files, 1, remove_all);
}

void do_many(const struct turn *turn)
{
	make_dirs();
	files = turn->sizes->many;
	if (!step(turn, "create-many", files, SHARERS, create))
		return;
	let_expire();
	step(turn, "stat-many", files, SHARERS, look);
	step(turn, "unlink-many", files, SHARERS, remove_all);
}
