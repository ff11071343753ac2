/* SPDX-License-Identifier: BSD-3-Clause */
/* mkdir(), rmdir(), mknod() and symlink(): what is made, and where it may be. */
#include "cases.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

static const char *const shared[] = {"plain", "sgid", "team", "sticky", "closed"};

static void prepare_shared(void)
{
	static const gid_t gids[] = {OTHER_GID, OTHER_GID, TEAM_GID, OTHER_GID, OTHER_GID};
	static const mode_t modes[] = {0777, 02777, 02770, 01777, 0755};

	for (size_t i = 0; i < COUNT(shared); i++) {
		put_dir(shared[i], 0755);
		give(shared[i], OTHER_UID, gids[i], modes[i]);
	}
}

static void mkdir_modes(void)
{
	static const mode_t modes[] = {0, 0555, 0700, 0777, 01777, 02777, 04777, 07777};
	static const mode_t masks[] = {0, 022, 077, 0777};

	for (size_t m = 0; m < COUNT(masks); m++)
		for (size_t i = 0; i < COUNT(modes); i++) {
			umask(masks[m]);
			see(words("%04o & ~%03o", modes[i], masks[m]),
			    mkdir("d", modes[i]));
			see_stat(words("%04o & ~%03o is", modes[i], masks[m]), "d");
			rmdir("d");
		}
}

static void mkdir_shared(void)
{
	umask(0);
	for (size_t i = 0; i < COUNT(shared); i++) {
		see(words("%s", shared[i]), mkdir(words("%s/d", shared[i]), 0775));
		see_stat(words("%s is", shared[i]), words("%s/d", shared[i]));
		see_stat(words("%s parent", shared[i]), shared[i]);
		see(words("%s below", shared[i]), mkdir(words("%s/d/e", shared[i]), 0775));
		see_stat(words("%s below is", shared[i]), words("%s/d/e", shared[i]));
	}
}

static const char *const odd_paths[] = {
	"",	    ".",	 "..",	     "dir/",	  "dir/.", "dir/..",
	"absent/.", "absent/..", "new//",    "file/",	  "loop/", "file/x",
	"absent/x", "dangling/", "dirlink/", "dirlink/.", "full/", "full/.",
};

static void mkdir_odd(void)
{
	for (int i = 0; i < FILE_TYPES; i++)
		see(words("over %s", file_types[i]), mkdir(file_types[i], 0755));
	for (size_t i = 0; i < COUNT(odd_paths); i++)
		see(words("at '%s'", odd_paths[i]), mkdir(odd_paths[i], 0755));
	see_stat("made by dangling/", "nothing-there");
}

static void rmdir_odd(void)
{
	int fd;

	for (int i = 0; i < FILE_TYPES; i++)
		see(words("of %s", file_types[i]), rmdir(file_types[i]));
	for (size_t i = 0; i < COUNT(odd_paths); i++)
		see(words("at '%s'", odd_paths[i]), rmdir(odd_paths[i]));
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	see_stat("nlink of a parent", "a");
	see("not empty", rmdir("a"));
	fd = open("a/b", O_RDONLY | O_DIRECTORY);
	see("while open", rmdir("a/b"));
	see_fstat("while open is", fd);
	see("create in it", openat(fd, "x", O_CREAT | O_RDWR, 0600) < 0 ? -1 : 0);
	see("mkdir in it", mkdirat(fd, "x", 0700));
	see("symlink in it", symlinkat("x", fd, "x"));
	see("link into it", linkat(AT_FDCWD, "file", fd, "x", 0));
	see("rename into it", renameat(AT_FDCWD, "file", fd, "x"));
	see("lookup in it", faccessat(fd, "x", F_OK, 0));
	see("open '.' in it", openat(fd, ".", O_RDONLY) < 0 ? -1 : 0);
	see_stat("nlink then", "a");
}

static const struct posix_case mkdir_cases[] = {
	{"modes", mkdir_modes, NULL},
	{"shared", mkdir_shared, prepare_shared},
	{"odd", mkdir_odd, prepare_my_types},
	{"rmdir", rmdir_odd, prepare_my_types},
};

const struct family mkdir_family = {"mkdir", mkdir_cases, COUNT(mkdir_cases)};

static const struct {
	const char *name;
	mode_t type;
	dev_t dev;
} nodes[] = {
	{"reg", S_IFREG, 0},	 {"none", 0, 0},	  {"fifo", S_IFIFO, 0},
	{"sock", S_IFSOCK, 0},	 {"chr", S_IFCHR, 0x103}, {"whiteout", S_IFCHR, 0},
	{"blk", S_IFBLK, 0x701}, {"dir", S_IFDIR, 0},	  {"lnk", S_IFLNK, 0},
	{"bad", 0030000, 0},
};

static void mknod_every(void)
{
	static const mode_t modes[] = {0, 0644, 0777, 07777};
	struct stat st;

	for (size_t n = 0; n < COUNT(nodes); n++)
		for (size_t m = 0; m < COUNT(modes); m++) {
			const char *label = words("%s %04o", nodes[n].name, modes[m]);

			see(label, mknod("n", nodes[n].type | modes[m], nodes[n].dev));
			see_stat(words("%s is", label), "n");
			if (lstat("n", &st) == 0)
				see_value(words("%s device", label), "%u:%u",
					  major(st.st_rdev), minor(st.st_rdev));
			see_open(words("%s open", label), "n", O_RDONLY | O_NONBLOCK, 0);
			unlink("n");
		}
}

static void mknod_device_numbers(void)
{
	static const unsigned int numbers[][2] = {
		{1, 3}, {255, 255}, {256, 0}, {4095, 1048575}, {1, 256}, {0, 1048575}};
	struct stat st;

	for (size_t i = 0; i < COUNT(numbers); i++) {
		const char *label = words("%u:%u", numbers[i][0], numbers[i][1]);

		see(label,
		    mknod("n", S_IFCHR | 0600, makedev(numbers[i][0], numbers[i][1])));
		if (lstat("n", &st) == 0)
			see_value(words("%s is", label), "%u:%u", major(st.st_rdev),
				  minor(st.st_rdev));
		unlink("n");
	}
}

static void mknod_odd(void)
{
	umask(0);
	for (int i = 0; i < FILE_TYPES; i++)
		see(words("over %s", file_types[i]), mkfifo(file_types[i], 0644));
	for (size_t i = 0; i < COUNT(odd_paths); i++)
		see(words("at '%s'", odd_paths[i]), mkfifo(odd_paths[i], 0644));
}

static void mknod_shared(void)
{
	umask(0);
	for (size_t i = 0; i < COUNT(shared); i++) {
		see(words("%s", shared[i]), mkfifo(words("%s/p", shared[i]), 06775));
		see_stat(words("%s is", shared[i]), words("%s/p", shared[i]));
	}
}

static const struct posix_case mknod_cases[] = {
	{"every_type", mknod_every, NULL},
	{"device_numbers", mknod_device_numbers, NULL},
	{"odd", mknod_odd, prepare_my_types},
	{"shared", mknod_shared, prepare_shared},
};

const struct family mknod_family = {"mknod", mknod_cases, COUNT(mknod_cases)};

static void symlink_lengths(void)
{
	static const size_t lengths[] = {0,    1,    2,	   58,	 59,   60,   61,
					 127,  128,  254,  255,	 256,  1023, 1024,
					 2047, 4000, 4093, 4094, 4095, 4096, 5000};
	static char target[8192], seen[8192];

	for (size_t i = 0; i < COUNT(lengths); i++) {
		const size_t length = lengths[i];
		ssize_t got;

		memset(target, 'x', length);
		target[length] = '\0';
		see(words("%zu", length), symlink(target, "s"));
		see_stat(words("%zu is", length), "s");
		got = readlink("s", seen, sizeof(seen));
		see(words("%zu readlink", length), got);
		if (got >= 0)
			see(words("%zu same", length), !memcmp(seen, target, length));
		see(words("%zu short buffer", length), readlink("s", seen, 3));
		see(words("%zu no buffer", length), readlink("s", seen, 0));
		unlink("s");
	}
}

static void symlink_odd(void)
{
	char buffer[PATH_MAX];

	for (int i = 0; i < FILE_TYPES; i++) {
		see(words("over %s", file_types[i]), symlink("x", file_types[i]));
		see(words("readlink %s", file_types[i]),
		    readlink(file_types[i], buffer, sizeof(buffer)));
	}
	for (size_t i = 0; i < COUNT(odd_paths); i++) {
		see(words("at '%s'", odd_paths[i]), symlink("x", odd_paths[i]));
		see(words("readlink '%s'", odd_paths[i]),
		    readlink(odd_paths[i], buffer, sizeof(buffer)));
	}
}

/*
 * 40 symlinks may be followed, not 41. Those of a walk without locks that has to be done
 * again count too, so between 21 and 40 nothing is certain.
 */
static void symlink_chains(void)
{
	static const int lengths[] = {1, 2, 19, 20, 41, 42, 45};

	put_file("l0", 0644, "end");
	for (int i = 1; i <= 45; i++)
		must(symlink(words("l%d", i - 1), words("l%d", i)), "symlink");
	for (size_t i = 0; i < COUNT(lengths); i++)
		see_open(words("%d links", lengths[i]), words("l%d", lengths[i]), O_RDONLY,
			 0);
	must(symlink("two", "one"), "symlink");
	must(symlink("one", "two"), "symlink");
	see_open("each other", "one", O_RDONLY, 0);
	see("stat", access("one", F_OK));
	see_stat("lstat", "one");
	must(symlink("dir/../dir/./file", "winding"), "symlink");
	put_dir("dir", 0755);
	put_file("dir/file", 0644, "x");
	see_open("winding", "winding", O_RDONLY, 0);
	must(symlink("/proc/self/fd/0/none", "out"), "symlink");
	see_open("out of the file system", "out", O_RDONLY, 0);
	see("chmod of a dangling one", chmod("nothing", 0600));
	see_stat("mode and owner", "winding");
}

static void symlink_shared(void)
{
	for (size_t i = 0; i < COUNT(shared); i++) {
		see(words("%s", shared[i]), symlink("x", words("%s/s", shared[i])));
		see_stat(words("%s is", shared[i]), words("%s/s", shared[i]));
	}
}

static const struct posix_case symlink_cases[] = {
	{"lengths", symlink_lengths, NULL},
	{"odd", symlink_odd, prepare_my_types},
	{"chains", symlink_chains, NULL},
	{"shared", symlink_shared, prepare_shared},
};

const struct family symlink_family = {"symlink", symlink_cases, COUNT(symlink_cases)};
