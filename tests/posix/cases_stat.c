/* SPDX-License-Identifier: BSD-3-Clause */
/* access(), stat(), statx() and statfs(): what is told of a file and its file system. */
#include "cases.h"

#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static const int wanted[] = {F_OK, R_OK, W_OK, X_OK, R_OK | W_OK, R_OK | W_OK | X_OK, 8};

static void access_types(void)
{
	for (int i = 0; i < FILE_TYPES; i++)
		for (size_t w = 0; w < COUNT(wanted); w++) {
			const char *label = words("%s %d", file_types[i], wanted[w]);

			see(label, access(file_types[i], wanted[w]));
			see(words("%s effective", label),
			    faccessat(AT_FDCWD, file_types[i], wanted[w], AT_EACCESS));
			see(words("%s nofollow", label),
			    faccessat(AT_FDCWD, file_types[i], wanted[w],
				      AT_SYMLINK_NOFOLLOW));
		}
	see("absent", access("absent", F_OK));
	see("file/", access("file/", F_OK));
	see("file/x", access("file/x", F_OK));
	see("empty", access("", F_OK));
	see("empty of fd",
	    faccessat(open("file", O_PATH), "", R_OK, AT_EMPTY_PATH | AT_EACCESS));
}

static const mode_t modes[] = {0, 0100, 0200, 0400, 0755, 0070, 0007, 0711, 0611, 01777};

static void prepare_access_modes(void)
{
	for (size_t m = 0; m < COUNT(modes); m++) {
		put_file(words("mine-%04o", modes[m]), 0600, "x");
		give(words("mine-%04o", modes[m]), me.uid, OTHER_GID, modes[m]);
		put_file(words("team-%04o", modes[m]), 0600, "x");
		give(words("team-%04o", modes[m]), OTHER_UID, TEAM_GID, modes[m]);
		put_dir(words("dir-%04o", modes[m]), 0700);
		give(words("dir-%04o", modes[m]), OTHER_UID, OTHER_GID, modes[m]);
	}
}

static void access_modes(void)
{
	static const char *const names[] = {"mine", "team", "dir"};

	for (size_t m = 0; m < COUNT(modes); m++)
		for (size_t n = 0; n < COUNT(names); n++)
			for (size_t w = 0; w < COUNT(wanted); w++) {
				const char *path = words("%s-%04o", names[n], modes[m]);

				see(words("%s %d", path, wanted[w]),
				    access(path, wanted[w]));
			}
}

/* access() asks for the real user, faccessat(AT_EACCESS) and open() for the effective. */
static void access_real(void)
{
	if (me.uid != 0)
		return;
	must(setresuid(OTHER_UID, 0, 0), "setresuid");
	see("root's file, real", access("secret", R_OK));
	see("root's file, effective", faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
	see_open("root's file, open", "secret", O_RDONLY, 0);
	must(setresuid(0, OTHER_UID, 0), "setresuid");
	see("their way, real", access("secret", R_OK));
	see("their way, effective", faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
	see_open("their way, open", "secret", O_RDONLY, 0);
	see_open("their way, create", "new", O_RDWR | O_CREAT, 0600);
}

/* The file system user decides, which only setfsuid() changes alone. */
static void prepare_secret(void)
{
	put_file("secret", 0600, "x");
	must(chmod(".", 0777), "chmod");
}

static const struct posix_case access_cases[] = {
	{"every_type", access_types, prepare_my_types},
	{"every_type_of_others", access_types, prepare_other_types},
	{"modes", access_modes, prepare_access_modes},
	{"real_and_effective", access_real, prepare_secret},
};

const struct family access_family = {"access", access_cases, COUNT(access_cases)};

static void stat_types(void)
{
	struct stat a, b;
	struct statx x;

	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];

		see_stat(words("%s", type), type);
		see(words("%s followed", type), stat(type, &a));
		if (lstat(type, &a) == 0)
			see_value(words("%s blocks", type), "%jd of %jd",
				  (intmax_t)a.st_blocks, (intmax_t)a.st_blksize);
		see(words("%s statx", type),
		    statx(AT_FDCWD, type, AT_SYMLINK_NOFOLLOW, STATX_ALL, &x));
		see_value(words("%s statx says", type),
			  "mask %x of %llx attributes %llx birth %d",
			  x.stx_mask & STATX_ALL,
			  (unsigned long long)(x.stx_attributes_mask &
					       ~STATX_ATTR_MOUNT_ROOT),
			  (unsigned long long)x.stx_attributes,
			  x.stx_btime.tv_sec <= x.stx_ctime.tv_sec);
		see_value(words("%s statx agrees", type), "%d",
			  x.stx_ino == a.st_ino && x.stx_size == (uint64_t)a.st_size &&
				  x.stx_mtime.tv_nsec == (uint32_t)a.st_mtim.tv_nsec);
	}
	see("one device",
	    lstat("file", &a) == 0 && lstat("dir", &b) == 0 && a.st_dev == b.st_dev);
	see("file/", stat("file/", &a));
	see("bad address", fstat(-1, &a));
}

/* Each object has its own number, links share it, and it stays. */
static void numbers(void)
{
	ino_t seen[FILE_TYPES];
	int distinct = 0, kept = 0;
	struct stat st, again;

	for (int i = 0; i < FILE_TYPES; i++) {
		bool is_new = lstat(file_types[i], &st) == 0;

		for (int j = 0; j < i; j++)
			is_new &= seen[j] != st.st_ino;
		seen[i] = st.st_ino;
		distinct += is_new;
		must(rename(file_types[i], "moved"), "rename");
		kept += lstat("moved", &st) == 0 && st.st_ino == seen[i];
		must(rename("moved", file_types[i]), "rename");
	}
	see_value("distinct", "%d", distinct);
	see_value("kept by rename", "%d", kept);
	must(link("file", "second"), "link");
	see("links", lstat("file", &st) == 0 && lstat("second", &again) == 0 &&
			     st.st_ino == again.st_ino);
	see("fstat",
	    fstat(open("second", O_RDONLY), &again) == 0 && st.st_ino == again.st_ino);
}

/* A birth time is before or at the change time, and no other change moves it. */
static void birth(void)
{
	struct statx before = {0}, after = {0};

	put_file("f", 0600, "x");
	see("statx", statx(AT_FDCWD, "f", 0, STATX_BTIME, &before));
	tick();
	see("write", truncate("f", 5));
	see("chmod", chmod("f", 0640));
	see("rename", rename("f", "g"));
	see("statx then", statx(AT_FDCWD, "g", 0, STATX_BTIME, &after));
	see_value("told", "%d", (before.stx_mask & STATX_BTIME) != 0);
	see_value("same", "%d",
		  before.stx_btime.tv_sec == after.stx_btime.tv_sec &&
			  before.stx_btime.tv_nsec == after.stx_btime.tv_nsec);
}

static void statx_flags(void)
{
	static const int flags[] = {0,
				    AT_STATX_FORCE_SYNC,
				    AT_STATX_DONT_SYNC,
				    AT_STATX_SYNC_TYPE,
				    AT_NO_AUTOMOUNT,
				    0x10000};
	static const unsigned int masks[] = {0, STATX_MODE, STATX_BASIC_STATS, STATX_SIZE,
					     STATX__RESERVED};
	struct statx x;

	for (size_t f = 0; f < COUNT(flags); f++)
		for (size_t m = 0; m < COUNT(masks); m++) {
			const char *label = words("flags %x mask %x", flags[f], masks[m]);

			memset(&x, 0, sizeof(x));
			see(label, statx(AT_FDCWD, "file", flags[f], masks[m], &x));
			see_value(words("%s size", label), "%llu",
				  (unsigned long long)x.stx_size);
		}
}

static void statfs_fields(void)
{
	static const char *const paths[] = {".", "file", "fifo", "dangling", "absent"};
	struct statvfs st;
	struct statfs fs;

	for (size_t i = 0; i < COUNT(paths); i++) {
		see(words("%s", paths[i]), statvfs(paths[i], &st));
		see(words("%s statfs", paths[i]), statfs(paths[i], &fs));
	}
	see("fd", fstatvfs(open("file", O_RDONLY), &st));
	see_value("names", "%lu", st.f_namemax);
	see_value("block size", "%lu %lu", st.f_bsize, st.f_frsize);
	see_value("blocks", "%ju", (uintmax_t)st.f_blocks);
	see_value("files", "%ju", (uintmax_t)st.f_files);
	see_value("free is sane", "%d",
		  st.f_bavail <= st.f_bfree && st.f_bfree <= st.f_blocks);
	see("pathconf link", pathconf("file", _PC_LINK_MAX) > 0);
	see("pathconf name", pathconf(".", _PC_NAME_MAX));
	see("pathconf path", pathconf(".", _PC_PATH_MAX));
}

/* st_blocks: data, holes, preallocation. */
static void blocks(void)
{
	static char data[65536];
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	see("hole", ftruncate(fd, 1 << 20));
	fstat(fd, &st);
	see_value("of a hole", "%jd", (intmax_t)st.st_blocks);
	see("write", pwrite(fd, data, sizeof(data), 0));
	see("fsync", fsync(fd));
	fstat(fd, &st);
	see_value("of data", "%jd", (intmax_t)st.st_blocks);
	see("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	fstat(fd, &st);
	see_value("of all", "%jd", (intmax_t)st.st_blocks);
	see("truncate", ftruncate(fd, 0));
	fstat(fd, &st);
	see_value("of nothing", "%jd", (intmax_t)st.st_blocks);
}

static const struct posix_case stat_cases[] = {
	{"every_type", stat_types, prepare_my_types},
	{"numbers", numbers, prepare_my_types},
	{"birth", birth, NULL},
	{"statx_flags", statx_flags, prepare_my_types},
	{"statfs", statfs_fields, prepare_my_types},
	{"blocks", blocks, NULL},
};

const struct family stat_family = {"stat", stat_cases, COUNT(stat_cases)};
