/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading and writing one file, whose data is in the host's cache: what is measured is the
 * way there. The mount's own cache of it is emptied before each measurement.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"

#define SMALL 4096u
#define LARGE (1u << 20)

/* What a random order of small blocks goes through, of the file; it is slow. */
#define PART_OF_FILE 4

struct access {
	const char *op;
	size_t block;
	bool random, writes;
};

static struct access current;
static char block[LARGE];

static uint64_t amount(const struct turn *turn)
{
	const bool slow = current.random && current.block == SMALL;

	return turn->sizes->data / (slow ? PART_OF_FILE : 1);
}

static int transfer(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const uint64_t blocks = turn->sizes->data / current.block;
	const uint64_t count = amount(turn) / current.block;
	int fd = open("data", (current.writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);

	(void)part;
	(void)parts;
	if (fd < 0)
		return errno;
	for (uint64_t i = 0; i < count; i++) {
		/* A stride that is prime meets every block once. */
		const uint64_t at = current.random ? i * 7919 % blocks : i;
		const off_t off = (off_t)(at * current.block);
		ssize_t got = current.writes ? pwrite(fd, block, current.block, off)
					     : pread(fd, block, current.block, off);

		if (got != (ssize_t)current.block)
			return got < 0 ? errno : ENODATA;
	}
	return close(fd) < 0 ? errno : 0;
}

static int map(const struct turn *turn, unsigned int part, unsigned int parts)
{
	const size_t size = turn->sizes->data;
	int fd = open("data", O_RDONLY | O_CLOEXEC);
	const volatile char *data;
	unsigned int sum = 0;

	(void)part;
	(void)parts;
	if (fd < 0)
		return errno;
	data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return errno;
	for (size_t i = 0; i < size; i += 64)
		sum += (unsigned char)data[i];
	return sum == size / 64 * (unsigned char)'x' ? 0 : ENODATA;
}

static void empty_cache(const struct turn *turn)
{
	int fd = turn->pid ? open("data", O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

void do_data(const struct turn *turn)
{
	static const struct access all[] = {
		{"read-seq-1M", LARGE, false, false}, {"read-seq-4k", SMALL, false, false},
		{"read-rand-1M", LARGE, true, false}, {"read-rand-4k", SMALL, true, false},
		{"write-seq-1M", LARGE, false, true}, {"write-seq-4k", SMALL, false, true},
		{"write-rand-1M", LARGE, true, true}, {"write-rand-4k", SMALL, true, true},
	};

	for (size_t i = 0; i < LARGE; i++)
		block[i] = 'x';
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		current = all[i];
		empty_cache(turn);
		step(turn, current.op, amount(turn) >> 20, 1, transfer);
	}
	empty_cache(turn);
	step(turn, "read-mmap", turn->sizes->data >> 20, 1, map);
}
