/* SPDX-License-Identifier: BSD-3-Clause */
/* The working directory, and names and paths of every length. */
#include "cases.h"

#include <limits.h>
#include <stdlib.h>

/* The path below the directory of the case. */
static void see_cwd(const char *label)
{
	static char path[3 * PATH_MAX];
	const char *below = getcwd(path, sizeof(path)) ? strstr(path, "directory.") : NULL;

	if (!below)
		see(label, -1);
	else
		see_value(label, "%s", below);
}

static void working_directory(void)
{
	must(mkdir("a", 0755), "mkdir");
	must(mkdir("a/b", 0755), "mkdir");
	must(symlink("a/b", "link"), "symlink");
	see("chdir", chdir("link"));
	see_cwd("by a symlink");
	see("rename of it", rename("../../a/b", "../../c"));
	see_cwd("renamed");
	see("chdir ..", chdir(".."));
	see_cwd("parent");
	see("chdir dangling", chdir("link"));
	see("rename of the parent", rename("a", "c/a"));
	see("chdir deep", chdir("c/a"));
	see_cwd("deep");
	see("chdir file", chdir("/proc/self/status"));
	see("rmdir", rmdir("../a"));
	see_cwd("removed");
	see("chdir out", chdir(".."));
	see_cwd("out");
}

static void chdir_types(void)
{
	for (int i = 0; i < FILE_TYPES; i++)
		see(words("%s", file_types[i]),
		    chdir(file_types[i]) < 0 ? -1 : chdir(".."));
	see("empty", chdir(""));
	see("absent", chdir("absent"));
	see("chroot", chroot("dir"));
}

/* Where a search permission is lost on the way. */
static void lost_search(void)
{
	must(mkdir("a", 0755), "mkdir");
	must(mkdir("a/b", 0755), "mkdir");
	put_file("a/b/f", 0644, "x");
	see("chdir", chdir("a/b"));
	see("chmod", chmod("..", 0));
	see("stat by '.'", access("f", F_OK));
	see("stat by '..'", access("../b/f", F_OK));
	see("chdir ..", chdir(".."));
	see("chmod of '.'", chmod(".", 0));
	see_open("open '.'", ".", O_RDONLY, 0);
	see_cwd("cwd");
	chmod("..", 0755);
}

static const struct posix_case directory_cases[] = {
	{"working", working_directory, NULL},
	{"chdir", chdir_types, prepare_my_types},
	{"chdir_of_others", chdir_types, prepare_other_types},
	{"lost_search", lost_search, NULL},
};

const struct family directory_family = {"directory", directory_cases,
					COUNT(directory_cases)};

static void name_lengths(void)
{
	static char name[400], other[400];
	struct stat st;

	for (size_t length = 1; length <= 300; length++) {
		memset(name, 'n', length);
		memset(other, 'o', length);
		name[length] = other[length] = '\0';
		if (length > 8 && length < 250 && length % 16)
			continue;
		see_open(words("create %zu", length), name, O_RDWR | O_CREAT | O_EXCL,
			 0600);
		see(words("stat %zu", length), lstat(name, &st));
		see(words("link %zu", length), link(name, other));
		see(words("rename %zu", length), rename(other, "short"));
		see(words("rename back %zu", length), rename("short", other));
		see(words("unlink %zu", length), unlink(other));
		see(words("unlink last %zu", length), unlink(name));
		see(words("mkdir %zu", length), mkdir(name, 0700));
		see(words("rmdir %zu", length), rmdir(name));
		see(words("symlink %zu", length), symlink("x", name));
		see(words("unlink symlink %zu", length), unlink(name));
		see(words("mkfifo %zu", length), mkfifo(name, 0600));
		see(words("unlink fifo %zu", length), unlink(name));
		unlink("short");
	}
}

/* Every byte, alone and in multi-byte characters, valid or not. */
static void name_bytes(void)
{
	static const char *const names[] = {
		"\xc3\xa9",
		"e\xcc\x81",
		"\xff\xfe",
		"\xe4\xbd\xa0\xe5\xa5\xbd",
		"\xf0\x9f\x98\x80",
		"\xed\xa0\x80",
		"...",
		" ",
		"\n",
		"-",
		"~",
		"A",
		"a",
	};
	int made = 0, found = 0, refused = 0;
	char name[4];

	for (int byte = 1; byte < 256; byte++) {
		snprintf(name, sizeof(name), "x%c", byte);
		if (byte == '/')
			continue;
		if (mknod(name, S_IFREG | 0600, 0) == 0)
			made++;
		else
			refused++;
	}
	for (int byte = 1; byte < 256; byte++) {
		snprintf(name, sizeof(name), "x%c", byte);
		if (byte != '/' && access(name, F_OK) == 0 && unlink(name) == 0)
			found++;
	}
	see_value("bytes", "%d made, %d refused, %d found", made, refused, found);
	for (size_t i = 0; i < COUNT(names); i++)
		see(words("name %zu", i), mknod(names[i], S_IFREG | 0600, 0));
	for (size_t i = 0; i < COUNT(names); i++)
		see(words("unlink name %zu", i), unlink(names[i]));
	see("case matters", access("A", F_OK));
}

/* 255 characters of several bytes are too many, 255 bytes are not. */
static void name_multibyte(void)
{
	static char name[1200];

	for (size_t count = 60; count <= 90; count++) {
		name[0] = '\0';
		for (size_t i = 0; i < count; i++)
			memcpy(name + 3 * i, "\xe4\xbd\xa0", 4);
		see(words("%zu of 3 bytes", count), mkdir(name, 0700));
		rmdir(name);
	}
}

/* Paths about as long as PATH_MAX, which counts the NUL. */
static void path_lengths(void)
{
	static char path[PATH_MAX + 100];

	for (size_t length = PATH_MAX - 6; length < PATH_MAX + 4; length++) {
		for (size_t i = 0; i < length; i++)
			path[i] = i % 2 ? '/' : '.';
		path[length - 1] = 'f';
		path[length] = '\0';
		if (length % 2 == 0)
			path[length - 2] = '/';
		see_open(words("create %zu", length), path, O_RDWR | O_CREAT, 0600);
		see(words("stat %zu", length), access(path, F_OK));
		see(words("unlink %zu", length), unlink(path));
	}
	memset(path, 'd', 200);
	path[200] = '\0';
	for (int i = 0; i < 25; i++) {
		must(mkdir(path, 0755), "mkdir");
		must(chdir(path), "chdir");
	}
	see_cwd("deeper than PATH_MAX");
	see_open("create in the deep", "f", O_RDWR | O_CREAT, 0600);
	see("rename in the deep", rename("f", "g"));
	see_stat("stat in the deep", "g");
	see("link to above", link("g", "../h"));
}

static const struct posix_case name_cases[] = {
	{"lengths", name_lengths, NULL},
	{"bytes", name_bytes, NULL},
	{"multibyte", name_multibyte, NULL},
	{"path_lengths", path_lengths, NULL},
};

const struct family name_family = {"name", name_cases, COUNT(name_cases)};
