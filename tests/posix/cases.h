/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the cases of posix_cases are written with.
 *
 * A case makes observations: lines "family.case.label: value", in which nothing depends on
 * where or when the case runs, nor on numbers that the file system chooses. The same case
 * is run on a directory of the host and on the mount of one like it, and prints the same.
 * So a case asserts nothing: what is right is what the host does. A label is used once in
 * a case.
 *
 * Each case runs in a process of its own, in an empty directory that belongs to the user
 * of the run, with umask 022. `prepare` runs first, as root; then `run`, as the user.
 */
#ifndef POSIX_CASES_H
#define POSIX_CASES_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct posix_case {
	const char *name;
	void (*run)(void);
	void (*prepare)(void); /* or NULL */
};

struct family {
	const char *name;
	const struct posix_case *cases;
	size_t count;
};

/* clang-format off */
extern const struct family access_family, acl_family, chmod_family, chown_family,
	copy_family, directory_family, exec_family, fallocate_family, flags_family,
	io_family, kill_family, link_family, lock_family, mkdir_family, mknod_family,
	mmap_family, name_family, open_family, permission_family, readdir_family,
	rename_family, rename_type_family, stat_family, symlink_family, sync_family,
	times_family, tmpfile_family, truncate_family, unlink_family, utimens_family,
	xattr_family;
/* clang-format on */

/* The user that the cases run as; others are who the user is not. */
#define OTHER_UID 3000
#define OTHER_GID 3000
#define TEAM_GID  2000 /* of which some users of a run are members */

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[8];
	size_t group_count;
};

extern struct identity me;

/* ---- Observations ---- */

/* The result of a system call: the value, or the errno that it has just set. */
void see(const char *label, long result);
/* The same of a call that returns a descriptor, which is returned. */
int see_fd(const char *label, int fd);
/* The same, and the descriptor is closed. */
void see_open(const char *label, const char *path, int flags, mode_t mode);

void see_value(const char *label, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void see_bytes(const char *label, const void *bytes, ssize_t count);

/* Type, mode, owner, links and size. */
void see_stat(const char *label, const char *path); /* follows no symlink */
void see_fstat(const char *label, int fd);

/* A label made of several; valid until 256 more have been made. Leaves errno alone. */
const char *words(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Times ---- */

struct times {
	struct timespec access, modify, change;
};

/* The times of a file; the clock has moved on since whatever came before. */
struct times times_of(const char *path);
/* Which of them are others now. */
void see_changed(const char *label, const char *path, const struct times *before);
/* Waits until a change has another time than what came before. */
void tick(void);

/* ---- What cases need ---- */

/* Ends the case, and the run in the end, if a step of its preparation fails. */
void must(int result, const char *what);

void put_file(const char *path, mode_t mode, const char *text);
void put_dir(const char *path, mode_t mode);
/* Gives a file away; with a mode, since chown clears some of it. */
void give(const char *path, uid_t uid, gid_t gid, mode_t mode);

/* One object of every type in the working directory, each with that owner. */
enum { FILE_TYPES = 11 };
extern const char *const file_types[FILE_TYPES];
void put_types(uid_t uid, gid_t gid);
void put_type(const char *type, const char *path);

/* Preparations that many cases share: put_types() for the user and for somebody else. */
void prepare_my_types(void);
void prepare_other_types(void);

/* The errno names are strerrorname_np()'s, "0" for none. */
const char *error_name(int error);

#endif
