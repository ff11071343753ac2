/* SPDX-License-Identifier: BSD-3-Clause */
/* fallocate() in every mode, and copy_file_range() with sendfile() and splice(). */
#include "cases.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#define BLOCK 65536L

static const struct {
	const char *name;
	int mode;
} modes[] = {
	{"allocate", 0},
	{"keep", FALLOC_FL_KEEP_SIZE},
	{"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	{"punch without keep", FALLOC_FL_PUNCH_HOLE},
	{"zero", FALLOC_FL_ZERO_RANGE},
	{"zero keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
	{"collapse", FALLOC_FL_COLLAPSE_RANGE},
	{"insert", FALLOC_FL_INSERT_RANGE},
	{"unshare", FALLOC_FL_UNSHARE_RANGE},
	{"no hide stale", FALLOC_FL_NO_HIDE_STALE},
	{"unknown", 1 << 20},
};

static const struct {
	const char *name;
	off_t start, length;
} ranges[] = {
	{"inside", BLOCK, BLOCK},
	{"over the end", 3 * BLOCK, 4 * BLOCK},
	{"beyond", 10 * BLOCK, BLOCK},
	{"odd", 1000, 3000},
	{"nothing", 0, 0},
	{"negative", -1, BLOCK},
	{"negative length", BLOCK, -BLOCK},
	{"too far", INT64_MAX - 1, BLOCK},
};

static void fill(int fd)
{
	static char block[BLOCK];

	for (int i = 0; i < 4; i++) {
		memset(block, 'a' + i, sizeof(block));
		must(pwrite(fd, block, BLOCK, (off_t)i * BLOCK) == BLOCK ? 0 : -1, "fill");
	}
}

/* A number that another byte anywhere makes another one. */
static unsigned long checksum(int fd)
{
	static unsigned char block[BLOCK];
	unsigned long sum = 5381;
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, block, BLOCK, at)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 33 + block[i];
		at += got;
	}
	return sum;
}

static void every_mode(void)
{
	for (size_t m = 0; m < COUNT(modes); m++)
		for (size_t r = 0; r < COUNT(ranges); r++) {
			const char *label = words("%s %s", modes[m].name, ranges[r].name);
			int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

			fill(fd);
			see(label, fallocate(fd, modes[m].mode, ranges[r].start,
					     ranges[r].length));
			see_fstat(words("%s is", label), fd);
			/* First: what was read is no hole to ext4. */
			see(words("%s hole", label), lseek(fd, 0, SEEK_HOLE));
			see_value(words("%s contents", label), "%lu", checksum(fd));
			close(fd);
		}
}

static void every_type(void)
{
	int fds[2];

	for (int i = 0; i < FILE_TYPES; i++) {
		int fd = open(file_types[i], O_RDWR | O_NONBLOCK);

		see(words("%s", file_types[i]), fallocate(fd, 0, 0, 100));
	}
	see("read only", fallocate(open("file", O_RDONLY), 0, 0, 100));
	see("directory", fallocate(open("dir", O_RDONLY), 0, 0, 100));
	see("posix_fallocate", posix_fallocate(open("file", O_RDWR), 0, 5000));
	see_stat("what the file is", "file");
	see("append", fallocate(open("file", O_WRONLY | O_APPEND), 0, 0, 6000));
	if (pipe(fds) == 0)
		see("pipe", fallocate(fds[1], 0, 0, 100));
}

static const struct posix_case fallocate_cases[] = {
	{"every_mode", every_mode, NULL},
	{"every_type", every_type, prepare_my_types},
};

const struct family fallocate_family = {"fallocate", fallocate_cases,
					COUNT(fallocate_cases)};

static long copy(int from, off_t at, int to, off_t there, size_t length, unsigned int flags)
{
	return copy_file_range(from, &at, to, &there, length, flags);
}

static void copy_ranges(void)
{
	int from = open("from", O_RDWR | O_CREAT, 0600);
	int to = open("to", O_RDWR | O_CREAT, 0600);

	fill(from);
	see("all", copy(from, 0, to, 0, 4UL * BLOCK, 0));
	see_value("all contents", "%d", checksum(from) == checksum(to));
	see("some", copy(from, 1000, to, 70000, 3000, 0));
	see_value("some contents", "%lu", checksum(to));
	see("over the end", copy(from, 4L * BLOCK - 100, to, 0, 1000, 0));
	see("at the end", copy(from, 4L * BLOCK, to, 0, 1000, 0));
	see("beyond", copy(from, 40L * BLOCK, to, 0, 1000, 0));
	see("to far", copy(from, 0, to, 10L * BLOCK, 1000, 0));
	see_fstat("to", to);
	see("nothing", copy(from, 0, to, 0, 0, 0));
	see("flags", copy(from, 0, to, 0, 100, 1));
	see("within", copy(from, 0, from, 2L * BLOCK, 1000, 0));
	see("overlapping", copy(from, 0, from, 500, 1000, 0));
	see("negative", copy(from, -1, to, 0, 100, 0));
	see("negative there", copy(from, 0, to, -1, 100, 0));
	see_value("at last", "%lu %lu", checksum(from), checksum(to));
	see("positions", copy_file_range(from, NULL, to, NULL, 1234, 0));
	see("position", lseek(from, 0, SEEK_CUR));
	see("position there", lseek(to, 0, SEEK_CUR));
}

static void copy_errors(void)
{
	int file = open("file", O_RDWR), dir = open("dir", O_RDONLY);
	int other = open("symlink", O_RDWR);
	int fifo = open("fifo", O_RDWR | O_NONBLOCK);

	see("to read only", copy(file, 0, open("symlink", O_RDONLY), 0, 4, 0));
	see("from write only", copy(open("file", O_WRONLY), 0, other, 0, 4, 0));
	see("to append", copy(file, 0, open("symlink", O_WRONLY | O_APPEND), 0, 4, 0));
	see("from a directory", copy(dir, 0, other, 0, 4, 0));
	see("to a directory", copy(file, 0, dir, 0, 4, 0));
	see("to a fifo", copy(file, 0, fifo, 0, 4, 0));
	see("to a device", copy(file, 0, open("chr", O_RDWR), 0, 4, 0));
	see("bad fd", copy(-1, 0, other, 0, 4, 0));
	see("sendfile", sendfile(other, file, NULL, 8));
	see("sendfile to append",
	    sendfile(open("file", O_WRONLY | O_APPEND), other, NULL, 8));
	see("splice to a file", splice(fifo, NULL, file, NULL, 8, SPLICE_F_NONBLOCK));
	see("splice from a file", splice(file, NULL, fifo, NULL, 4, SPLICE_F_NONBLOCK));
	see("splice to a file then", splice(fifo, NULL, other, NULL, 8, SPLICE_F_NONBLOCK));
	see_stat("symlink-target", "symlink-target");
}

/* Only the flags that a descriptor has now count. */
static void copy_no_more_append(void)
{
	int from = open("from", O_RDWR | O_CREAT, 0600);
	int to = open("to", O_RDWR | O_CREAT | O_APPEND, 0600);

	fill(from);
	see("append", copy(from, 0, to, 0, 100, 0));
	see("write", write(to, "x", 1));
	see("F_SETFL", fcntl(to, F_SETFL, 0));
	see("no more", copy(from, 0, to, 0, 100, 0));
	see_fstat("to", to);
	see("F_SETFL append", fcntl(to, F_SETFL, O_APPEND));
	see("append again", copy(from, 0, to, 0, 100, 0));
}

/* From and to another file system. */
static void copy_across(void)
{
	int out = memfd_create("out", MFD_CLOEXEC),
	    file = open("f", O_RDWR | O_CREAT, 0600);

	fill(file);
	see("to memory", copy(file, 10, out, 0, 2000, 0));
	see("from memory", copy(out, 0, file, 100000, 2000, 0));
	see_value("contents", "%lu %lu", checksum(file), checksum(out));
}

static void clone(void)
{
	struct file_clone_range range = {0};
	int from = open("from", O_RDWR | O_CREAT, 0600);
	int to = open("to", O_RDWR | O_CREAT, 0600);

	fill(from);
	range.src_fd = from;
	see("FICLONE", ioctl(to, FICLONE, from));
	see("FICLONERANGE", ioctl(to, FICLONERANGE, &range));
	see_fstat("to", to);
}

static const struct posix_case copy_cases[] = {
	{"ranges", copy_ranges, NULL},
	{"errors", copy_errors, prepare_my_types},
	{"no_more_append", copy_no_more_append, NULL},
	{"across", copy_across, NULL},
	{"clone", clone, NULL},
};

const struct family copy_family = {"copy", copy_cases, COUNT(copy_cases)};
