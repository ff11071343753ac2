/* SPDX-License-Identifier: BSD-3-Clause */
/* Observations and fixtures: see cases.h. */
#include "cases.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

#include "run.h"

const char *const file_types[FILE_TYPES] = {
	"file", "dir",	"full", "symlink", "dirlink", "dangling",
	"loop", "fifo", "sock", "chr",	   "blk",
};

const char *error_name(int error)
{
	const char *name = error ? strerrorname_np(error) : "0";

	return name ? name : "?";
}

const char *words(const char *format, ...)
{
	static char buffers[256][600];
	static unsigned int next;
	char *buffer = buffers[next++ % COUNT(buffers)];
	const int saved = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, sizeof(buffers[0]), format, args);
	va_end(args);
	errno = saved;
	return buffer;
}

void see_value(const char *label, const char *format, ...)
{
	const int saved = errno;
	va_list args;

	printf("%s.%s: ", case_name, label);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	errno = saved;
}

void see(const char *label, long result)
{
	if (result < 0)
		see_value(label, "-%s", error_name(errno));
	else
		see_value(label, "%ld", result);
}

int see_fd(const char *label, int fd)
{
	see(label, fd < 0 ? -1 : 0);
	return fd;
}

void see_open(const char *label, const char *path, int flags, mode_t mode)
{
	int fd = see_fd(label, open(path, flags | O_CLOEXEC, mode));

	if (fd >= 0)
		close(fd);
}

void see_bytes(const char *label, const void *bytes, ssize_t count)
{
	const unsigned char *at = bytes;
	char text[3 * 64 + 8];
	size_t used = 0;

	if (count < 0) {
		see(label, -1);
		return;
	}
	for (ssize_t i = 0; i < count && i < 64; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 at[i] > ' ' && at[i] < 127 ? "%c" : "\\%02x",
					 at[i]);
	text[used] = '\0';
	see_value(label, "%zd %s", count, text);
}

static void see_attributes(const char *label, const struct stat *st)
{
	static const char *const kinds[16] = {
		[1] = "fifo", [2] = "chr",  [4] = "dir",   [6] = "blk",
		[8] = "reg",  [10] = "lnk", [12] = "sock",
	};
	const char *kind = kinds[(st->st_mode & S_IFMT) >> 12];

	see_value(label, "%s mode=%04o uid=%u gid=%u nlink=%ju size=%jd", kind ? kind : "?",
		  st->st_mode & 07777, st->st_uid, st->st_gid, (uintmax_t)st->st_nlink,
		  (intmax_t)st->st_size);
}

void see_stat(const char *label, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		see(label, -1);
	else
		see_attributes(label, &st);
}

void see_fstat(const char *label, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		see(label, -1);
	else
		see_attributes(label, &st);
}

void tick(void)
{
	const struct timespec pause = {.tv_nsec = 15000000};

	nanosleep(&pause, NULL);
}

static struct times times_now(const char *path)
{
	struct stat st = {0};

	lstat(path, &st);
	return (struct times){st.st_atim, st.st_mtim, st.st_ctim};
}

struct times times_of(const char *path)
{
	struct times times = times_now(path);

	tick();
	return times;
}

static const char *if_changed(const struct timespec *a, const struct timespec *b,
			      const char *name)
{
	if (a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec)
		return "";
	if (a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec))
		return words(" %s-back", name);
	return words(" %s", name);
}

void see_changed(const char *label, const char *path, const struct times *before)
{
	struct times after = times_now(path);
	struct stat st;

	if (lstat(path, &st) < 0)
		see(label, -1);
	else
		see_value(label, "changed%s%s%s",
			  if_changed(&before->access, &after.access, "atime"),
			  if_changed(&before->modify, &after.modify, "mtime"),
			  if_changed(&before->change, &after.change, "ctime"));
}

void must(int result, const char *what)
{
	if (result >= 0)
		return;
	see(words("prepare %s", what), -1);
	exit(1);
}

void put_file(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const size_t length = strlen(text);

	must(fd, "open");
	must(write(fd, text, length) == (ssize_t)length ? 0 : -1, "write");
	must(fchmod(fd, mode), "fchmod");
	must(close(fd), "close");
}

void put_dir(const char *path, mode_t mode)
{
	must(mkdir(path, 0700), "mkdir");
	must(chmod(path, mode), "chmod");
}

void give(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	must(lchown(path, uid, gid), "lchown");
	must(chmod(path, mode), "chmod");
}

static void put_socket(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd, "socket");
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	must(bind(fd, (struct sockaddr *)&name, sizeof(name)), "bind");
	close(fd);
}

void put_type(const char *type, const char *path)
{
	if (!strcmp(type, "file")) {
		put_file(path, 0644, "contents");
	} else if (!strcmp(type, "dir")) {
		put_dir(path, 0755);
	} else if (!strcmp(type, "full")) {
		put_dir(path, 0755);
		put_file(words("%s/inside", path), 0644, "inside");
	} else if (!strcmp(type, "symlink")) {
		put_file(words("%s-target", path), 0644, "target");
		must(symlink(words("%s-target", path), path), "symlink");
	} else if (!strcmp(type, "dirlink")) {
		put_dir(words("%s-target", path), 0755);
		must(symlink(words("%s-target", path), path), "symlink");
	} else if (!strcmp(type, "dangling")) {
		must(symlink("nothing-there", path), "symlink");
	} else if (!strcmp(type, "loop")) {
		must(symlink(path, path), "symlink");
	} else if (!strcmp(type, "fifo")) {
		must(mkfifo(path, 0644), "mkfifo");
	} else if (!strcmp(type, "sock")) {
		put_socket(path);
	} else if (!strcmp(type, "chr")) {
		must(mknod(path, S_IFCHR | 0644, makedev(1, 3)), "mknod");
	} else if (!strcmp(type, "blk")) {
		must(mknod(path, S_IFBLK | 0644, makedev(240, 77)), "mknod");
	}
}

void put_types(uid_t uid, gid_t gid)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		put_type(file_types[i], file_types[i]);
		must(lchown(file_types[i], uid, gid), "lchown");
	}
	must(chown("full/inside", uid, gid), "chown");
	must(chown("symlink-target", uid, gid), "chown");
	must(chown("dirlink-target", uid, gid), "chown");
}

void prepare_my_types(void)
{
	put_types(me.uid, me.gid);
}

void prepare_other_types(void)
{
	put_types(OTHER_UID, OTHER_GID);
}
