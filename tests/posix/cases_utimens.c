/* SPDX-License-Identifier: BSD-3-Clause */
/* utimensat(): what it sets, its rules of permission, its range. */
#include "cases.h"

#include <stdlib.h>
#include <time.h>

/* A time that is about now is said to be so, since no two runs have the same. */
static const char *time_text(const struct timespec *at)
{
	if (llabs(at->tv_sec - time(NULL)) < 3600)
		return "now";
	return words("%jd.%09ld", (intmax_t)at->tv_sec, at->tv_nsec);
}

static void see_times(const char *label, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		see(label, -1);
	else
		see_value(label, "atime %s mtime %s", time_text(&st.st_atim),
			  time_text(&st.st_mtim));
}

static const struct {
	const char *name;
	struct timespec times[2];
} settings[] = {
	{"set", {{1000000000, 123456789}, {1100000000, 987654321}}},
	{"omit", {{0, UTIME_OMIT}, {0, UTIME_OMIT}}},
	{"set+omit", {{1000000001, 1}, {0, UTIME_OMIT}}},
	{"omit+set", {{0, UTIME_OMIT}, {1100000001, 999999999}}},
	{"omit+now", {{0, UTIME_OMIT}, {0, UTIME_NOW}}},
	{"now+omit", {{0, UTIME_NOW}, {0, UTIME_OMIT}}},
	{"now+set", {{0, UTIME_NOW}, {1200000001, 5}}},
	{"now", {{0, UTIME_NOW}, {0, UTIME_NOW}}},
};

static const char *const owned[] = {"mine", "my-readonly", "theirs", "writable"};

static void prepare_owned(void)
{
	put_file("mine", 0644, "x");
	give("mine", me.uid, me.gid, 0644);
	put_file("my-readonly", 0644, "x");
	give("my-readonly", me.uid, me.gid, 0444);
	put_file("theirs", 0644, "x");
	give("theirs", OTHER_UID, OTHER_GID, 0644);
	put_file("writable", 0644, "x");
	give("writable", OTHER_UID, OTHER_GID, 0666);
}

static void who_may(void)
{
	for (size_t f = 0; f < COUNT(owned); f++) {
		struct times before = times_of(owned[f]);

		see(words("%s NULL", owned[f]), utimensat(AT_FDCWD, owned[f], NULL, 0));
		see_changed(words("%s NULL then", owned[f]), owned[f], &before);
		for (size_t i = 0; i < COUNT(settings); i++) {
			const char *label = words("%s %s", owned[f], settings[i].name);

			before = times_of(owned[f]);
			see(label, utimensat(AT_FDCWD, owned[f], settings[i].times, 0));
			see_changed(words("%s then", label), owned[f], &before);
		}
	}
}

static void by_descriptor(void)
{
	for (size_t f = 0; f < COUNT(owned); f++)
		for (size_t i = 0; i < COUNT(settings); i++) {
			int fd = open(owned[f], O_RDONLY);

			see(words("%s %s", owned[f], settings[i].name),
			    futimens(fd, settings[i].times));
			close(fd);
		}
}

static void every_type(void)
{
	const struct timespec times[2] = {{1000000000, 111222333}, {1100000000, 444555666}};

	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];

		see(words("%s nofollow", type),
		    utimensat(AT_FDCWD, type, times, AT_SYMLINK_NOFOLLOW));
		see_times(words("%s is", type), type);
		see(words("%s", type), utimensat(AT_FDCWD, type, NULL, 0));
	}
	see("absent", utimensat(AT_FDCWD, "absent", times, 0));
	see("bad flags", utimensat(AT_FDCWD, "file", times, 0x4000));
	see("file/", utimensat(AT_FDCWD, "file/", times, 0));
}

static void range(void)
{
	static const int64_t seconds[] = {0,
					  -1,
					  1,
					  -2147483648LL,
					  -2147483649LL,
					  2147483647,
					  2147483648LL,
					  4294967295LL,
					  4294967296LL,
					  15032385535LL,
					  15032385536LL,
					  68719476735LL,
					  9223372036LL,
					  INT64_MAX / 2,
					  -9223372036LL};

	put_file("f", 0600, "x");
	for (size_t i = 0; i < COUNT(seconds); i++) {
		const struct timespec times[2] = {{seconds[i], 1}, {seconds[i], 999999999}};
		const char *label = words("%jd", (intmax_t)seconds[i]);

		see(label, utimensat(AT_FDCWD, "f", times, 0));
		see_times(words("%s is", label), "f");
	}
}

static void nanoseconds(void)
{
	static const long values[] = {-1, 0, 1, 999999999, 1000000000};

	put_file("f", 0600, "x");
	for (size_t i = 0; i < COUNT(values); i++) {
		const struct timespec times[2] = {{1000, values[i]}, {2000, 7}};

		see(words("%ld", values[i]), utimensat(AT_FDCWD, "f", times, 0));
		see_times(words("%ld is", values[i]), "f");
	}
}

/* Set times stay: neither a cache nor an open file makes others of them. */
static void stay(void)
{
	const struct timespec times[2] = {{1000000000, 1}, {1100000000, 2}};
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	see("write", write(fd, "abc", 3));
	see("set", futimens(fd, times));
	see_times("set is", "f");
	see("close", close(fd));
	see_times("closed is", "f");
	see_open("open", "f", O_RDWR, 0);
	see_times("opened is", "f");
	see("chmod", chmod("f", 0640));
	see("link", link("f", "g"));
	see("rename", rename("g", "h"));
	see_times("renamed is", "h");
}

static const struct posix_case cases[] = {
	{"who_may", who_may, prepare_owned},
	{"by_descriptor", by_descriptor, prepare_owned},
	{"every_type", every_type, prepare_my_types},
	{"every_type_of_others", every_type, prepare_other_types},
	{"range", range, NULL},
	{"nanoseconds", nanoseconds, NULL},
	{"stay", stay, NULL},
};

const struct family utimens_family = {"utimens", cases, COUNT(cases)};
