/* SPDX-License-Identifier: BSD-3-Clause */
/* rename() and renameat2(): every flag, every type over every type, and the corners. */
#include "cases.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

static const struct {
	const char *name;
	unsigned int flags;
} flag_sets[] = {
	{"plain", 0},
	{"noreplace", RENAME_NOREPLACE},
	{"exchange", RENAME_EXCHANGE},
	{"whiteout", RENAME_WHITEOUT},
	{"noreplace+exchange", RENAME_NOREPLACE | RENAME_EXCHANGE},
	{"exchange+whiteout", RENAME_EXCHANGE | RENAME_WHITEOUT},
	{"noreplace+whiteout", RENAME_NOREPLACE | RENAME_WHITEOUT},
	{"unknown", 1u << 10},
};

static int move(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

static const char *type_of(const char *path)
{
	static const char *const kinds[16] = {
		[1] = "fifo", [2] = "chr",  [4] = "dir",   [6] = "blk",
		[8] = "reg",  [10] = "lnk", [12] = "sock",
	};
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_name(errno);
	return kinds[(st.st_mode & S_IFMT) >> 12];
}

/* The pairs are made in a/ and b/, so that directories are moved between parents too. */
static void prepare_pair(const char *from, const char *to)
{
	put_dir("a", 0755);
	put_dir("b", 0755);
	put_type(from, "a/from");
	if (strcmp(to, "absent") != 0)
		put_type(to, "b/to");
}

static void remove_pair(void)
{
	static const char *const names[] = {"a/from", "b/to", "a/from-target",
					    "b/to-target"};

	for (size_t i = 0; i < COUNT(names); i++) {
		unlink(words("%s/inside", names[i]));
		if (unlink(names[i]) < 0)
			rmdir(names[i]);
	}
	must(rmdir("a"), "rmdir a");
	must(rmdir("b"), "rmdir b");
}

/* As root, since users may not make all of the types. */
static void every_pair(unsigned int flags)
{
	for (int f = 0; f < FILE_TYPES; f++)
		for (int t = 0; t <= FILE_TYPES; t++) {
			const char *from = file_types[f];
			const char *to = t < FILE_TYPES ? file_types[t] : "absent";
			int result;

			if (me.uid != 0 && (f >= 9 || (t >= 9 && t < FILE_TYPES)))
				continue;
			prepare_pair(from, to);
			result = move("a/from", "b/to", flags);
			see_value(words("%s over %s", from, to), "%s; %s, %s",
				  result < 0 ? error_name(errno) : "0", type_of("a/from"),
				  type_of("b/to"));
			remove_pair();
		}
}

static void pairs_plain(void)
{
	every_pair(0);
}

static void pairs_noreplace(void)
{
	every_pair(RENAME_NOREPLACE);
}

static void pairs_exchange(void)
{
	every_pair(RENAME_EXCHANGE);
}

static const struct posix_case type_cases[] = {
	{"plain", pairs_plain, NULL},
	{"noreplace", pairs_noreplace, NULL},
	{"exchange", pairs_exchange, NULL},
};

const struct family rename_type_family = {"rename_types", type_cases, COUNT(type_cases)};

static void every_flag(void)
{
	for (size_t i = 0; i < COUNT(flag_sets); i++) {
		const char *name = flag_sets[i].name;
		const unsigned int flags = flag_sets[i].flags;
		struct stat st;

		put_file("f", 0644, "f");
		put_file("g", 0644, "gg");
		put_dir("d", 0755);
		see(words("%s to absent", name), move("f", "new", flags));
		see_stat(words("%s new", name), "new");
		if (lstat("f", &st) == 0)
			see_value(words("%s f", name), "%o %u:%u", st.st_mode,
				  major(st.st_rdev), minor(st.st_rdev));
		if (lstat("new", &st) == 0)
			rename("new", "f");
		see(words("%s of absent", name), move("absent", "g", flags));
		see(words("%s to itself", name), move("g", "g", flags));
		see(words("%s over file", name), move("f", "g", flags));
		see_stat(words("%s f then", name), "f");
		see_stat(words("%s g then", name), "g");
		see(words("%s dir to absent", name), move("d", "e", flags));
		see(words("%s between directories", name), move("g", "d/g", flags));
		see_stat(words("%s d", name), "d");
		see_stat(words("%s e", name), "e");
		unlink("f");
		unlink("g");
		unlink("d/g");
		unlink("d");
		rmdir("d");
		rmdir("e");
	}
}

static void corners(void)
{
	static const char *const paths[][2] = {
		{".", "new"},
		{"..", "new"},
		{"dir", "."},
		{"dir", ".."},
		{"dir/.", "new"},
		{"dir/..", "new"},
		{"dir", "full/."},
		{"dir", "full/.."},
		{"", "new"},
		{"file", ""},
		{"file/", "new"},
		{"file", "new/"},
		{"dir", "new/"},
		{"dir/", "new2/"},
		{"file", "dir/"},
		{"dir", "file/"},
		{"symlink/", "new3"},
		{"dirlink/", "new3"},
		{"dir", "dirlink/"},
		{"file", "dirlink/"},
		{"dangling/", "new3"},
		{"dir", "dangling/"},
		{"loop", "new4"},
		{"file", "loop/"},
		{"full", "full/x"},
		{"full", "full/inside"},
		{"full/inside", "full"},
		{"full", "full"},
		{"file", "file"},
		{"file", "absent/x"},
		{"absent/x", "file"},
		{"file/x", "new"},
		{"file", "chr/x"},
		{"file", "loop/x"},
		{"full", "dirlink/in"},
		{"new2", "dirlink"},
		{"file", "/proc/version"},
	};

	for (size_t i = 0; i < COUNT(paths); i++) {
		const char *label = words("'%s' '%s'", paths[i][0], paths[i][1]);

		see(label, rename(paths[i][0], paths[i][1]));
		see(words("%s noreplace", label),
		    move(paths[i][0], paths[i][1], RENAME_NOREPLACE));
		see(words("%s exchange", label),
		    move(paths[i][0], paths[i][1], RENAME_EXCHANGE));
	}
	see_stat("dir", "dir");
	see_stat("new", "new");
	see_stat("full", "full");
	see_stat("file", "file");
}

static void into_itself(void)
{
	must(mkdir("a", 0755), "mkdir");
	must(mkdir("a/b", 0755), "mkdir");
	must(mkdir("a/b/c", 0755), "mkdir");
	see("into a child", rename("a", "a/x"));
	see("into a grandchild", rename("a", "a/b/c/x"));
	see("over a child", rename("a", "a/b"));
	see("over a grandchild", rename("a", "a/b/c"));
	see("over the parent", rename("a/b", "a"));
	see("over the grandparent", rename("a/b/c", "a"));
	see("exchange with a child", move("a", "a/b", RENAME_EXCHANGE));
	see("exchange with the grandparent", move("a/b/c", "a", RENAME_EXCHANGE));
	see("up", rename("a/b/c", "c"));
	see("over the empty one", rename("c", "a/b"));
	see_stat("a", "a");
	see_stat("a/b", "a/b");
}

/* Two links of one file: nothing happens, and both stay. */
static void same_file(void)
{
	put_file("a", 0644, "x");
	must(link("a", "b"), "link");
	see("links", rename("a", "b"));
	see_stat("a", "a");
	see_stat("b", "b");
	see("noreplace", move("a", "b", RENAME_NOREPLACE));
	see("exchange", move("a", "b", RENAME_EXCHANGE));
	see_stat("a then", "a");
	must(symlink("a", "s"), "symlink");
	see("symlink over its target", rename("s", "a"));
	see_stat("a at last", "a");
	see_stat("b at last", "b");
}

static void keeps_open(void)
{
	char text[16];
	int fd, over;

	put_file("a", 0644, "aaa");
	put_file("b", 0644, "bbb");
	fd = open("a", O_RDWR);
	over = open("b", O_RDWR);
	see("rename", rename("a", "b"));
	see_bytes("moved", text, pread(fd, text, sizeof(text), 0));
	see_bytes("replaced", text, pread(over, text, sizeof(text), 0));
	see_fstat("moved is", fd);
	see_fstat("replaced is", over);
	see("write to the replaced", pwrite(over, "BBBB", 4, 0));
	see("write to the moved", pwrite(fd, "AAAA", 4, 0));
	see_stat("b", "b");
	see("fchmod replaced", fchmod(over, 0600));
	see_fstat("replaced then", over);
	see("rename away", rename("b", "c"));
	see_open("the old name", "b", O_RDONLY, 0);
	see_open("the new name", "c", O_RDONLY, 0);
}

static void keeps_dirs(void)
{
	char path[600], *last;
	int dir, over;

	must(mkdir("a", 0755), "mkdir");
	must(mkdir("b", 0755), "mkdir");
	must(mkdir("a/sub", 0755), "mkdir");
	put_file("a/sub/f", 0644, "f");
	dir = open("a/sub", O_RDONLY | O_DIRECTORY);
	over = open("b", O_RDONLY | O_DIRECTORY);
	see("rename", rename("a", "b"));
	see("in the moved", faccessat(dir, "f", F_OK, 0));
	see("'..' of the moved", faccessat(dir, "../sub", F_OK, 0));
	see_fstat("replaced", over);
	see("create in the replaced",
	    openat(over, "x", O_CREAT | O_RDWR, 0600) < 0 ? -1 : 0);
	see("fchdir", fchdir(dir));
	last = getcwd(path, sizeof(path));
	see_value("getcwd", "%s", last ? strstr(path, "rename.") : error_name(errno));
	see("rename of the parent", rename("../../b", "../../c"));
	last = getcwd(path, sizeof(path));
	see_value("getcwd then", "%s", last ? strstr(path, "rename.") : error_name(errno));
	see("move out", rename("../sub", "../../out"));
	last = getcwd(path, sizeof(path));
	see_value("getcwd out", "%s", last ? strstr(path, "rename.") : error_name(errno));
	see_stat("'..'", "..");
}

static void cases_of_sticky(void)
{
	put_dir("sticky", 0755);
	put_file("sticky/mine", 0644, "m");
	put_file("sticky/theirs", 0644, "t");
	put_dir("sticky/my-dir", 0755);
	put_dir("sticky/their-dir", 0755);
	must(chown("sticky/mine", me.uid, me.gid), "chown");
	must(chown("sticky/my-dir", me.uid, me.gid), "chown");
	must(chown("sticky/theirs", OTHER_UID, OTHER_GID), "chown");
	must(chown("sticky/their-dir", OTHER_UID, OTHER_GID), "chown");
	give("sticky", OTHER_UID, OTHER_GID, 01777);
	put_dir("unwritable", 0755);
	give("unwritable", OTHER_UID, OTHER_GID, 0777);
	put_dir("unwritable/dir", 0755);
	give("unwritable/dir", OTHER_UID, OTHER_GID, 0755);
}

static void sticky(void)
{
	see("mine over theirs", rename("sticky/mine", "sticky/theirs"));
	see("theirs over mine", rename("sticky/theirs", "sticky/mine"));
	see("theirs away", rename("sticky/theirs", "away"));
	see("exchange", move("sticky/mine", "sticky/theirs", RENAME_EXCHANGE));
	see("dir over dir", rename("sticky/my-dir", "sticky/their-dir"));
	see("mine away", rename("sticky/mine", "away2"));
	see("their dir away", rename("sticky/their-dir", "away3"));
	see("my dir away", rename("sticky/my-dir", "away4"));
	/* A directory that changes parents must be writable itself, for its "..". */
	see("unwritable directory", rename("unwritable/dir", "away5"));
	see("unwritable directory, same parent",
	    rename("unwritable/dir", "unwritable/dir2"));
	see("fifo in", mkfifo("sticky/new", 0600));
	see("new over theirs", rename("sticky/new", "sticky/theirs"));
}

static const struct posix_case cases[] = {
	{"every_flag", every_flag, NULL},    {"corners", corners, prepare_my_types},
	{"into_itself", into_itself, NULL},  {"same_file", same_file, NULL},
	{"keeps_open", keeps_open, NULL},    {"keeps_dirs", keeps_dirs, NULL},
	{"sticky", sticky, cases_of_sticky},
};

const struct family rename_family = {"rename", cases, COUNT(cases)};
