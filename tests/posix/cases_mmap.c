/* SPDX-License-Identifier: BSD-3-Clause */
/* mmap(): what mapping and file see of each other; execve(); sync calls; inode flags. */
#include "cases.h"

#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE 4096L

static char *map(int fd, int protection, int flags)
{
	void *at = mmap(NULL, 2 * PAGE, protection, flags, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void store(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
}

static void shared(void)
{
	char text[16], *a, *b;
	int fd = open("f", O_RDWR | O_CREAT, 0600), other = open("f", O_RDWR);

	see("size", ftruncate(fd, 2 * PAGE));
	a = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	b = map(other, PROT_READ, MAP_SHARED);
	see("mmap", a && b ? 0 : -1);
	if (!a || !b)
		return;
	see("write", pwrite(fd, "written", 7, 10));
	see_bytes("seen in the map", b + 10, 7);
	store(a + PAGE, "stored");
	see_bytes("seen by read", text, pread(other, text, 6, PAGE));
	see_bytes("seen in the other map", b + PAGE, 6);
	see("msync", msync(a, 2 * PAGE, MS_SYNC));
	see("msync async", msync(a, 2 * PAGE, MS_ASYNC));
	see("unlink", unlink("f"));
	store(a, "after");
	see_bytes("after the unlink", text, pread(fd, text, 5, 0));
	see("close", close(fd));
	store(a, "close");
	see_bytes("after the close", text, pread(other, text, 5, 0));
	see("munmap", munmap(a, 2 * PAGE));
	see_bytes("after the munmap", text, pread(other, text, 5, 0));
}

static void private(void)
{
	char text[16], *at;
	int fd = open("file", O_RDONLY);

	at = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	see("mmap", at ? 0 : -1);
	if (!at)
		return;
	see_bytes("read", at, 8);
	store(at, "PRIVATE");
	see_bytes("the file", text, pread(fd, text, 8, 0));
	see_bytes("beyond the end", at + 8, 8);
	see("close", close(fd));
	see_bytes("after the close", at, 8);
}

static void permissions(void)
{
	int r = open("file", O_RDONLY), w = open("file", O_WRONLY);

	see("shared write of a read only fd",
	    map(r, PROT_READ | PROT_WRITE, MAP_SHARED) ? 0 : -1);
	see("read of a write only fd", map(w, PROT_READ, MAP_SHARED) ? 0 : -1);
	see("private of a write only fd", map(w, PROT_READ, MAP_PRIVATE) ? 0 : -1);
	see("execute", map(r, PROT_READ | PROT_EXEC, MAP_PRIVATE) ? 0 : -1);
	see("directory", map(open("dir", O_RDONLY), PROT_READ, MAP_SHARED) ? 0 : -1);
	see("fifo", map(open("fifo", O_RDWR | O_NONBLOCK), PROT_READ, MAP_SHARED) ? 0 : -1);
	see("bad fd", map(-1, PROT_READ, MAP_SHARED) ? 0 : -1);
	see("validated",
	    map(open("file", O_RDWR), PROT_READ, MAP_SHARED_VALIDATE) ? 0 : -1);
}

/* A child touches a page that the file has no more. */
static void beyond_the_end(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), status = 0;
	pid_t child;
	char *at;

	see("size", ftruncate(fd, 2 * PAGE));
	at = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (!at)
		return;
	memset(at, 'x', 2 * PAGE);
	see("truncate", ftruncate(fd, 100));
	fflush(NULL);
	child = fork();
	if (child == 0) {
		_exit(((volatile char *)at)[PAGE]);
	}
	waitpid(child, &status, 0);
	see_value("touched beyond", "SIG%s",
		  WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "none");
	see_bytes("behind the end", at + 98, 4);
	see("grow", ftruncate(fd, 2 * PAGE));
	see_bytes("grown", at + 98, 4);
	see_bytes("grown page", at + PAGE, 2);
}

static const struct posix_case mmap_cases[] = {
	{"shared", shared, NULL},
	{"private", private, prepare_my_types},
	{"permissions", permissions, prepare_my_types},
	{"beyond_the_end", beyond_the_end, NULL},
};

const struct family mmap_family = {"mmap", mmap_cases, COUNT(mmap_cases)};

/* ---- Programs ---- */

static void prepare_programs(void)
{
	char command[100];

	put_file("script", 0755, "#!/bin/sh\nexit 7\n");
	put_file("closed", 0644, "#!/bin/sh\nexit 7\n");
	put_file("unreadable", 0711, "#!/bin/sh\nexit 7\n");
	put_file("lost", 0755, "#!./nothing\n");
	put_file("text", 0755, "exit 7\n");
	put_file("empty", 0755, "");
	put_dir("dir", 0755);
	snprintf(command, sizeof(command), "cp /bin/true binary && cp /bin/sleep sleep");
	must(system(command) == 0 ? 0 : -1, "cp"); /* NOLINT: a constant */
	must(symlink("binary", "link"), "symlink");
}

static void see_run(const char *path)
{
	int pipes[2], error = 0, status = 0;
	pid_t child;

	must(pipe2(pipes, O_CLOEXEC), "pipe");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		execl(path, path, (char *)NULL);
		error = errno;
		_exit(write(pipes[1], &error, sizeof(error)) < 0);
	}
	close(pipes[1]);
	if (read(pipes[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	waitpid(child, &status, 0);
	see_value(words("%s", path), "%s, status %d", error_name(error),
		  error ? 0 : WEXITSTATUS(status));
	close(pipes[0]);
}

static void run_programs(void)
{
	static const char *const programs[] = {"./script", "./closed",	"./unreadable",
					       "./lost",   "./text",	"./empty",
					       "./dir",	   "./binary",	"./link",
					       "./none",   "./binary/", "./binary/x"};
	int pipes[2];
	pid_t child;
	char byte;

	for (size_t i = 0; i < COUNT(programs); i++)
		see_run(programs[i]);
	must(pipe2(pipes, O_CLOEXEC), "pipe");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		execl("./sleep", "sleep", "5", (char *)NULL);
		_exit(1);
	}
	close(pipes[1]);
	see("started", read(pipes[0], &byte, 1)); /* closed by the exec */
	see_open("write while it runs", "sleep", O_WRONLY, 0);
	see("truncate while it runs", truncate("sleep", 0));
	see("rename while it runs", rename("sleep", "slept"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	see_open("write then", "slept", O_WRONLY, 0);
}

static const struct posix_case exec_cases[] = {
	{"programs", run_programs, prepare_programs},
};

const struct family exec_family = {"exec", exec_cases, COUNT(exec_cases)};

/* ---- Syncing ---- */

static void sync_calls(void)
{
	static const char *const paths[] = {"file", "dir", "fifo", "chr"};

	for (size_t i = 0; i < COUNT(paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_NONBLOCK);

		see(words("fsync %s", paths[i]), fsync(fd));
		see(words("fdatasync %s", paths[i]), fdatasync(fd));
		see(words("syncfs %s", paths[i]), syncfs(fd));
		see(words("sync_file_range %s", paths[i]), sync_file_range(fd, 0, 100, 7));
		see(words("posix_fadvise %s", paths[i]),
		    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
		see(words("readahead %s", paths[i]), readahead(fd, 0, 100));
	}
	see("bad range", sync_file_range(open("file", O_RDWR), -1, 5, 7));
	see("bad flags", sync_file_range(open("file", O_RDWR), 0, 5, 99));
	see("bad fd", fsync(-1));
	see("path only", fsync(open("file", O_PATH)));
}

static const struct posix_case sync_cases[] = {
	{"calls", sync_calls, prepare_my_types},
};

const struct family sync_family = {"sync", sync_cases, COUNT(sync_cases)};

/* ---- Inode flags ---- */

/* Without what ext4 alone has and decides. */
#define CHOSEN_FLAGS (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL)

static void set_flags(const char *label, const char *path, unsigned int flags)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	unsigned int now = 0;

	see(words("%s get", label), ioctl(fd, FS_IOC_GETFLAGS, &now));
	now = (now & ~(unsigned int)CHOSEN_FLAGS) | flags;
	see(words("%s set", label), ioctl(fd, FS_IOC_SETFLAGS, &now));
	if (ioctl(fd, FS_IOC_GETFLAGS, &now) == 0)
		see_value(words("%s then", label), "%x", now);
	close(fd);
}

static void change_flagged(const char *path)
{
	see_open(words("%s r", path), path, O_RDONLY, 0);
	see_open(words("%s w", path), path, O_WRONLY, 0);
	see_open(words("%s append", path), path, O_WRONLY | O_APPEND, 0);
	see_open(words("%s trunc", path), path, O_WRONLY | O_TRUNC | O_APPEND, 0);
	see(words("%s truncate", path), truncate(path, 0));
	see(words("%s chmod", path), chmod(path, 0600));
	see(words("%s chown", path), chown(path, me.uid, me.gid));
	see(words("%s utimens", path), utimensat(AT_FDCWD, path, NULL, 0));
	see(words("%s link", path), link(path, "linked"));
	see(words("%s rename", path), rename(path, "renamed"));
	see(words("%s unlink", path), unlink(path));
}

static void inode_flags(void)
{
	struct fsxattr attributes = {0};
	int fd;

	put_file("immutable", 0644, "x");
	put_file("append", 0644, "x");
	put_file("plain", 0644, "x");
	put_dir("d", 0755);
	put_file("d/f", 0644, "x");
	set_flags("plain", "plain", FS_NODUMP_FL | FS_NOATIME_FL);
	set_flags("immutable", "immutable", FS_IMMUTABLE_FL);
	set_flags("append", "append", FS_APPEND_FL);
	set_flags("directory", "d", FS_IMMUTABLE_FL);
	change_flagged("immutable");
	change_flagged("append");
	see_open("d create", "d/new", O_RDWR | O_CREAT, 0600);
	see("d unlink", unlink("d/f"));
	see_open("d write below", "d/f", O_WRONLY, 0);
	fd = open("plain", O_RDONLY);
	see("FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, &attributes));
	see_value("FSGETXATTR says", "%x", attributes.fsx_xflags);
	see("GETVERSION", ioctl(fd, FS_IOC_GETVERSION, &(long){0}) < 0 ? -1 : 0);
	see("unknown ioctl", ioctl(fd, 0x12345678, NULL));
	see("TIOCGWINSZ", ioctl(fd, TIOCGWINSZ, (char[64]){0}));
	set_flags("immutable off", "immutable", 0);
	set_flags("append off", "append", 0);
	set_flags("directory off", "d", 0);
	see("unlink", unlink("immutable"));
}

static const struct posix_case flags_cases[] = {
	{"inode_flags", inode_flags, NULL},
};

const struct family flags_family = {"flags", flags_cases, COUNT(flags_cases)};
