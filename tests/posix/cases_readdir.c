/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading directories: what is listed, positions, and changes while it is read. */
#include "cases.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define MANY 3000

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is listed, sorted, with types. */
static void see_listing(const char *label, DIR *dir)
{
	static char *names[64];
	static char text[2000];
	size_t count = 0, used = 0;
	struct dirent *entry;

	errno = 0;
	while (count < COUNT(names) && (entry = readdir(dir)))
		names[count++] = strdup(words("%s=%d", entry->d_name, entry->d_type));
	see(words("%s error", label), errno ? -1 : 0);
	qsort(names, count, sizeof(names[0]), compare);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", names[i]);
		free(names[i]);
	}
	see_value(label, "%zu:%s", count, text);
}

static void types(void)
{
	DIR *dir = opendir(".");
	DIR *empty = opendir("dir");

	see_listing("all", dir);
	rewinddir(dir);
	see_listing("again", dir);
	see_listing("at the end", dir);
	see_listing("empty", empty);
	see("mkdir", mkdir("dir/new", 0700));
	rewinddir(empty);
	see_listing("no more empty", empty);
	see("rmdir", rmdir("dir/new"));
	see("rmdir of it", rmdir("dir"));
	rewinddir(empty);
	see_listing("removed", empty);
	closedir(empty);
	closedir(dir);
}

/* d_ino is st_ino, each file has its own, and "." is in the parent what ".." leads to. */
static void numbers(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	int same = 0, count = 0;
	struct stat st, parent;

	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".."))
			continue;
		count++;
		if (lstat(entry->d_name, &st) == 0 && st.st_ino == entry->d_ino)
			same++;
	}
	see_value("d_ino is st_ino", "%d of %d", same, count);
	see("stat", stat(".", &st));
	see("stat of dir/..", stat("dir/..", &parent));
	see_value("'..' is the parent", "%d",
		  st.st_ino == parent.st_ino && st.st_dev == parent.st_dev);
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (!strcmp(entry->d_name, ".") && stat(".", &st) == 0)
			see_value("d_ino of '.'", "%d", st.st_ino == entry->d_ino);
	closedir(dir);
}

static void prepare_many(void)
{
	put_dir("many", 0755);
	must(chown("many", me.uid, me.gid), "chown");
	for (int i = 0; i < MANY; i++)
		must(mknod(words("many/%04d", i), S_IFREG | 0644, 0), "mknod");
}

/* How many of the MANY are listed once, and how many entries there were. */
static void see_count(const char *label, DIR *dir)
{
	static unsigned char seen[MANY];
	int entries = 0, once = 0;
	struct dirent *entry;

	memset(seen, 0, sizeof(seen));
	errno = 0;
	while ((entry = readdir(dir))) {
		char *end;
		long i = strtol(entry->d_name, &end, 10);

		entries++;
		if (!*end && i >= 0 && i < MANY)
			seen[i]++;
	}
	see(words("%s error", label), errno ? -1 : 0);
	for (int i = 0; i < MANY; i++)
		once += seen[i] == 1;
	see_value(label, "%d once of %d entries", once, entries);
}

static void skip_entries(DIR *dir, int count)
{
	while (count > 0 && readdir(dir))
		count--;
}

static void many(void)
{
	DIR *dir = opendir("many");
	struct dirent *entry;
	char name[300];
	long at = 0;

	see_count("all", dir);
	rewinddir(dir);
	see_count("again", dir);
	rewinddir(dir);
	skip_entries(dir, 1000);
	at = telldir(dir);
	entry = readdir(dir);
	snprintf(name, sizeof(name), "%s", entry ? entry->d_name : "");
	skip_entries(dir, 1000);
	seekdir(dir, at);
	entry = readdir(dir);
	see_value("seekdir", "%d", entry && !strcmp(entry->d_name, name));
	closedir(dir);
	dir = opendir("many");
	seekdir(dir, at);
	entry = readdir(dir);
	see_value("seekdir in another", "%d", entry && !strcmp(entry->d_name, name));
	closedir(dir);
}

/* What was there all the time is listed once, whatever else comes and goes. */
static void changing(void)
{
	DIR *dir = opendir("many");
	int seen = 0, gone = 0, stay = 0;
	struct dirent *entry;

	skip_entries(dir, 10);
	for (int i = 0; i < MANY; i += 2)
		unlink(words("many/%04d", i));
	for (int i = 0; i < 100; i++)
		must(mknod(words("many/new%d", i), S_IFREG | 0644, 0), "mknod");
	while ((entry = readdir(dir)))
		if (atoi(entry->d_name) % 2)
			seen++;
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "new", 3))
			gone++;
		else if (atoi(entry->d_name) % 2)
			stay++;
	see_value("the others", "%d", seen >= MANY / 2 - 10);
	see_value("the others, rewound", "%d, new %d", stay, gone);
	closedir(dir);
}

/* rm -r as programs do it: read, and unlink what was read. */
static void removing(void)
{
	DIR *dir = opendir("many");
	int removed = 0, failed = 0;
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			removed++;
		else if (entry->d_name[0] != '.')
			failed++;
	see_value("removed", "%d, failed %d", removed, failed);
	see("rmdir", rmdir("many"));
	closedir(dir);
}

static void errors(void)
{
	char buffer[1024];
	int dir = open("dir", O_RDONLY), file = open("file", O_RDONLY);

	see("small buffer", syscall(SYS_getdents64, dir, buffer, 8));
	see("bad address", syscall(SYS_getdents64, dir, 1, 1024));
	see("file", syscall(SYS_getdents64, file, buffer, sizeof(buffer)));
	see("path only", syscall(SYS_getdents64, open("dir", O_PATH), buffer, 1024));
	see("dir", syscall(SYS_getdents64, dir, buffer, sizeof(buffer)) > 0);
	see("dir at the end", syscall(SYS_getdents64, dir, buffer, sizeof(buffer)));
	see("bad fd", syscall(SYS_getdents64, -1, buffer, sizeof(buffer)));
	for (int i = 0; i < FILE_TYPES; i++)
		see(words("opendir %s", file_types[i]), opendir(file_types[i]) ? 0 : -1);
}

static const struct posix_case cases[] = {
	{"types", types, prepare_my_types},   {"numbers", numbers, prepare_my_types},
	{"many", many, prepare_many},	      {"changing", changing, prepare_many},
	{"removing", removing, prepare_many}, {"errors", errors, prepare_my_types},
};

const struct family readdir_family = {"readdir", cases, COUNT(cases)};
