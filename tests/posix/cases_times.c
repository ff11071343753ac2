/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the three times each operation changes, in the file and in its directory. */
#include "cases.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/xattr.h>

/* One operation between two looks at two files. */
struct look {
	const char *a, *b;
	struct times before_a, before_b;
};

static struct look look_at(const char *a, const char *b)
{
	struct look look = {.a = a, .b = b, .before_a = times_of(a)};

	if (b)
		look.before_b = times_of(b);
	return look;
}

static void then(const char *label, const struct look *look, long result)
{
	see(label, result);
	see_changed(words("%s, %s", label, look->a), look->a, &look->before_a);
	if (look->b)
		see_changed(words("%s, %s", label, look->b), look->b, &look->before_b);
}

static void prepare(void)
{
	put_dir("d", 0755);
	put_file("d/f", 0644, "contents");
	put_dir("e", 0755);
	must(symlink("f", "d/s"), "symlink");
	must(chown("d", me.uid, me.gid), "chown");
	must(chown("e", me.uid, me.gid), "chown");
	must(chown("d/f", me.uid, me.gid), "chown");
	must(lchown("d/s", me.uid, me.gid), "lchown");
}

static void names(void)
{
	struct look look = look_at("d", NULL);

	then("mkdir", &look, mkdir("d/sub", 0755));
	look = look_at("d", NULL);
	then("rmdir", &look, rmdir("d/sub"));
	look = look_at("d", NULL);
	then("mkfifo", &look, mkfifo("d/p", 0644));
	look = look_at("d", NULL);
	then("symlink", &look, symlink("x", "d/l"));
	look = look_at("d", "d/f");
	then("link", &look, link("d/f", "d/g"));
	look = look_at("d", "d/f");
	then("unlink of a link", &look, unlink("d/g"));
	look = look_at("d", "d/f");
	then("rename within", &look,
	     rename("d/f", "d/f2") < 0 ? -1 : rename("d/f2", "d/f"));
	look = look_at("d", "e");
	then("rename across", &look, rename("d/f", "e/f"));
	look = look_at("e", "d/p");
	then("rename over", &look, rename("d/p", "e/f"));
	look = look_at("d", "e");
	then("exchange", &look,
	     renameat2(AT_FDCWD, "d/l", AT_FDCWD, "e/f", RENAME_EXCHANGE));
	look = look_at("d", NULL);
	then("failing mkdir", &look, mkdir("d/l", 0755));
}

static void create(void)
{
	struct look look = look_at("d", "d/f");
	int fd;

	fd = open("d/new", O_RDWR | O_CREAT, 0600);
	then("create", &look, fd < 0 ? -1 : 0);
	look = look_at("d", "d/new");
	then("close", &look, close(fd));
	look = look_at("d", "d/new");
	then("open with O_CREAT", &look,
	     open("d/new", O_RDWR | O_CREAT, 0600) < 0 ? -1 : 0);
	look = look_at("d", "d/new");
	then("O_TRUNC of nothing", &look, open("d/new", O_RDWR | O_TRUNC) < 0 ? -1 : 0);
	look = look_at("d", "d/f");
	then("O_TRUNC", &look, open("d/f", O_RDWR | O_TRUNC) < 0 ? -1 : 0);
}

static void contents(void)
{
	char text[16];
	int fd = open("d/f", O_RDWR);
	struct look look = look_at("d/f", NULL);

	then("read", &look, read(fd, text, 3));
	look = look_at("d/f", NULL);
	then("read of nothing", &look, read(fd, text, 0));
	look = look_at("d/f", NULL);
	then("write", &look, write(fd, "x", 1));
	look = look_at("d/f", NULL);
	then("write of nothing", &look, write(fd, "x", 0));
	look = look_at("d/f", NULL);
	then("fsync", &look, fsync(fd));
	look = look_at("d/f", NULL);
	then("read after write", &look, pread(fd, text, 3, 0));
	look = look_at("d/f", NULL);
	then("lseek", &look, lseek(fd, 0, SEEK_END));
	look = look_at("d/f", NULL);
	then("ftruncate to the size", &look, ftruncate(fd, 8));
	look = look_at("d/f", NULL);
	then("ftruncate", &look, ftruncate(fd, 4));
	look = look_at("d/f", NULL);
	then("truncate to the size", &look, truncate("d/f", 4));
	look = look_at("d/f", NULL);
	then("truncate", &look, truncate("d/f", 6));
	look = look_at("d/f", NULL);
	then("fallocate", &look, fallocate(fd, 0, 0, 5000));
	look = look_at("d/f", NULL);
	then("fallocate keeping the size", &look,
	     fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000));
	look = look_at("d/f", NULL);
	then("punch", &look,
	     fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 10));
	look = look_at("d/f", NULL);
	then("close", &look, close(fd));
}

static void mapped(void)
{
	int fd = open("d/f", O_RDWR);
	volatile char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct look look = look_at("d/f", NULL);

	if (map == MAP_FAILED) {
		see("mmap", -1);
		return;
	}
	map[0] = 'X';
	then("stored and synced", &look, msync((void *)map, 4096, MS_SYNC));
	look = look_at("d/f", NULL);
	map[1] = 'Y';
	then("stored and unmapped", &look, munmap((void *)map, 4096));
	look = look_at("d/f", NULL);
	then("fsync", &look, fsync(fd));
}

static void attributes(void)
{
	struct look look = look_at("d/f", "d");

	then("chmod", &look, chmod("d/f", 0600));
	look = look_at("d/f", "d");
	then("chmod to the same", &look, chmod("d/f", 0600));
	look = look_at("d/f", "d");
	then("chown", &look, chown("d/f", me.uid, me.gid));
	look = look_at("d/f", "d");
	then("chown of nothing", &look, chown("d/f", (uid_t)-1, (gid_t)-1));
	look = look_at("d/f", "d");
	then("setxattr", &look, setxattr("d/f", "user.a", "b", 1, 0));
	look = look_at("d/f", "d");
	then("getxattr", &look, getxattr("d/f", "user.a", NULL, 0));
	look = look_at("d/f", "d");
	then("removexattr", &look, removexattr("d/f", "user.a"));
	look = look_at("d/f", "d");
	then("stat", &look, access("d/f", R_OK));
	look = look_at("d", NULL);
	then("chmod of a directory", &look, chmod("d", 0750));
}

static void reading(void)
{
	char text[16];
	struct look look = look_at("d/s", "d");
	DIR *dir;

	then("readlink", &look, readlink("d/s", text, sizeof(text)));
	look = look_at("d/s", "d");
	then("following", &look, access("d/s", F_OK));
	look = look_at("d", NULL);
	dir = opendir("d");
	then("opendir", &look, dir ? 0 : -1);
	look = look_at("d", NULL);
	while (dir && readdir(dir))
		;
	then("readdir", &look, 0);
	look = look_at("d", NULL);
	then("closedir", &look, dir ? closedir(dir) : 0);
}

/* O_NOATIME, and a second read, which relatime leaves alone. */
static void access_times(void)
{
	char text[16];
	int fd = open("d/f", O_RDONLY | O_NOATIME);
	struct look look = look_at("d/f", NULL);

	then("O_NOATIME", &look, read(fd, text, 3));
	close(fd);
	fd = open("d/f", O_RDONLY);
	look = look_at("d/f", NULL);
	then("first read", &look, read(fd, text, 3));
	look = look_at("d/f", NULL);
	then("second read", &look, pread(fd, text, 3, 0));
	see("touch", futimens(fd, NULL));
	look = look_at("d/f", NULL);
	then("read after a touch", &look, pread(fd, text, 3, 0));
}

/* A new file's three times are one, and not before its directory's were. */
static void of_new(void)
{
	struct stat f, d;
	int fd = open("d/new", O_RDWR | O_CREAT, 0600);

	see("fstat", fstat(fd, &f));
	see("stat of the directory", stat("d", &d));
	see_value("one", "%d",
		  f.st_mtim.tv_nsec == f.st_ctim.tv_nsec &&
			  f.st_atim.tv_nsec == f.st_mtim.tv_nsec);
	see("mkdir", mkdir("d/sub", 0700));
	see("stat", stat("d/sub", &f));
	see_value("one of a directory", "%d",
		  f.st_mtim.tv_nsec == f.st_ctim.tv_nsec &&
			  f.st_atim.tv_nsec == f.st_mtim.tv_nsec);
}

static const struct posix_case cases[] = {
	{"names", names, prepare},	     {"create", create, prepare},
	{"contents", contents, prepare},     {"mapped", mapped, prepare},
	{"attributes", attributes, prepare}, {"reading", reading, prepare},
	{"access", access_times, prepare},   {"of_new", of_new, prepare},
};

const struct family times_family = {"times", cases, COUNT(cases)};
