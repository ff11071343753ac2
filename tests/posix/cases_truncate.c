/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * truncate() and ftruncate(); and what a change of the contents takes away: suid, sgid and
 * file capabilities.
 */
#include "cases.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <signal.h>

static const off_t sizes[] = {0,    1,	  4,	  8,  9,	 4095,
			      4096, 4097, 100000, -1, INT64_MAX, (off_t)1 << 40};

static void sizes_of_a_file(void)
{
	char text[16];
	int fd;

	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const char *label = words("%jd", (intmax_t)sizes[i]);

		put_file("f", 0600, "contents");
		see(words("truncate %s", label), truncate("f", sizes[i]));
		see_stat(words("truncated %s", label), "f");
		fd = open("f", O_RDWR);
		see_bytes(words("read %s", label), text, pread(fd, text, sizeof(text), 0));
		see(words("ftruncate %s back", label), ftruncate(fd, 4));
		see(words("ftruncate %s", label), ftruncate(fd, 12));
		see_bytes(words("read %s then", label), text,
			  pread(fd, text, sizeof(text), 0));
		close(fd);
	}
}

static void every_type(void)
{
	for (int i = 0; i < FILE_TYPES; i++) {
		const char *type = file_types[i];
		int fd = open(type, O_RDONLY | O_NONBLOCK);

		see(words("%s", type), truncate(type, 3));
		see(words("%s read only", type), ftruncate(fd, 3));
		see_stat(words("%s is", type), type);
		if (fd >= 0)
			close(fd);
	}
	see("absent", truncate("absent", 0));
	see("file/", truncate("file/", 0));
	see("empty", truncate("", 0));
	see("bad fd", ftruncate(-1, 0));
	see("append only fd", ftruncate(open("file", O_WRONLY | O_APPEND), 1));
}

/* RLIMIT_FSIZE: the signal, and EFBIG. */
static void limit(void)
{
	const struct rlimit limit = {10000, 10000};
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	static char buffer[20000];

	signal(SIGXFSZ, SIG_IGN);
	see("setrlimit", setrlimit(RLIMIT_FSIZE, &limit));
	see("truncate beyond", ftruncate(fd, 10001));
	see("truncate to it", ftruncate(fd, 10000));
	see("write across", pwrite(fd, buffer, sizeof(buffer), 5000));
	see("write beyond", pwrite(fd, buffer, 1, 10000));
	see("fallocate beyond", fallocate(fd, 0, 0, 20000));
	see_stat("is", "f");
}

static const struct posix_case truncate_cases[] = {
	{"sizes", sizes_of_a_file, NULL},
	{"every_type", every_type, prepare_my_types},
	{"every_type_of_others", every_type, prepare_other_types},
	{"limit", limit, NULL},
};

const struct family truncate_family = {"truncate", truncate_cases, COUNT(truncate_cases)};

/* ---- What is taken away ---- */

/* VFS_CAP_REVISION_2, cap_net_raw permitted and effective. */
static const unsigned char caps[20] = {1, 0, 0, 2, 0, 0x20};
static const mode_t kill_modes[] = {04755, 02755, 02745, 06777, 06666, 07777};

static void prepare_kill(void)
{
	put_file("source", 0644, "source of a copy");
	for (size_t i = 0; i < COUNT(kill_modes); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%04o", mine, kill_modes[i]);

			put_file(path, 0600, "contents");
			give(path, mine ? me.uid : OTHER_UID, mine ? me.gid : TEAM_GID,
			     kill_modes[i]);
			must(setxattr(path, "security.capability", caps, sizeof(caps), 0),
			     "setxattr security.capability");
		}
}

/* Does it to each of the files, and shows what is left. */
static void kill_by(long (*change)(const char *path))
{
	for (size_t i = 0; i < COUNT(kill_modes); i++)
		for (int mine = 0; mine < 2; mine++) {
			const char *path = words("%d-%04o", mine, kill_modes[i]);

			see(words("change %s", path), change(path));
			see_stat(words("%s is", path), path);
			see(words("%s caps", path),
			    getxattr(path, "security.capability", NULL, 0));
		}
}

static long by_fd(const char *path, long (*change)(int fd))
{
	int fd = open(path, O_RDWR);
	long result = fd < 0 ? -1 : change(fd);
	const int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return result;
}

static long change_write(int fd)
{
	return write(fd, "x", 1);
}

static long change_write_nothing(int fd)
{
	return write(fd, "x", 0);
}

static long change_ftruncate(int fd)
{
	return ftruncate(fd, 2);
}

static long change_fallocate(int fd)
{
	return fallocate(fd, 0, 0, 10000);
}

static long change_punch(int fd)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static long change_copy(int fd)
{
	return copy_file_range(open("source", O_RDONLY), NULL, fd, NULL, 6, 0);
}

static long change_sendfile(int fd)
{
	return sendfile(fd, open("source", O_RDONLY), NULL, 6);
}

static long change_map(int fd)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	map[0] = 'x';
	return msync(map, 4096, MS_SYNC) < 0 ? -1 : munmap(map, 4096);
}

/* clang-format off */
static long do_write(const char *path) { return by_fd(path, change_write); }
static long do_write_nothing(const char *path) { return by_fd(path, change_write_nothing); }
static long do_ftruncate(const char *path) { return by_fd(path, change_ftruncate); }
static long do_fallocate(const char *path) { return by_fd(path, change_fallocate); }
static long do_punch(const char *path) { return by_fd(path, change_punch); }
static long do_copy(const char *path) { return by_fd(path, change_copy); }
static long do_sendfile(const char *path) { return by_fd(path, change_sendfile); }
static long do_map(const char *path) { return by_fd(path, change_map); }
static long do_truncate(const char *path) { return truncate(path, 3); }
static long do_truncate_same(const char *path) { return truncate(path, 8); }
static long do_open_trunc(const char *path)
{
	return open(path, O_WRONLY | O_TRUNC) < 0 ? -1 : 0;
}

static void kill_write(void) { kill_by(do_write); }
static void kill_write_nothing(void) { kill_by(do_write_nothing); }
static void kill_ftruncate(void) { kill_by(do_ftruncate); }
static void kill_fallocate(void) { kill_by(do_fallocate); }
static void kill_punch(void) { kill_by(do_punch); }
static void kill_copy(void) { kill_by(do_copy); }
static void kill_sendfile(void) { kill_by(do_sendfile); }
static void kill_map(void) { kill_by(do_map); }
static void kill_truncate(void) { kill_by(do_truncate); }
static void kill_truncate_same(void) { kill_by(do_truncate_same); }
static void kill_open_trunc(void) { kill_by(do_open_trunc); }
/* clang-format on */

static const struct posix_case kill_cases[] = {
	{"write", kill_write, prepare_kill},
	{"write_nothing", kill_write_nothing, prepare_kill},
	{"ftruncate", kill_ftruncate, prepare_kill},
	{"fallocate", kill_fallocate, prepare_kill},
	{"punch", kill_punch, prepare_kill},
	{"copy_file_range", kill_copy, prepare_kill},
	{"sendfile", kill_sendfile, prepare_kill},
	{"mmap", kill_map, prepare_kill},
	{"truncate", kill_truncate, prepare_kill},
	{"truncate_to_the_size", kill_truncate_same, prepare_kill},
	{"open_trunc", kill_open_trunc, prepare_kill},
};

const struct family kill_family = {"kill", kill_cases, COUNT(kill_cases)};
