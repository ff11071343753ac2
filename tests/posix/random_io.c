/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_io FILE SECONDS [SEED]: random operations on FILE, and the same on a model in
 * memory; whatever is read, by read() or through a mapping, must be what the model has, and
 * so must the size. At the first difference: what differs, the last operations, exit 1.
 *
 * Operations go through one of two descriptors, one of them with O_APPEND for a while now
 * and then, so that what a server or a kernel keeps for one open file only is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST	 ((size_t)320 * 1024) /* the file is never longer */
#define LONGEST	 ((size_t)80 * 1024)  /* of one operation */
#define LOG_SIZE 40

static struct {
	const char *path;
	int fds[2];
	unsigned char good[MOST]; /* zero from `size` on */
	unsigned char buffer[MOST];
	size_t size;
	uint64_t state; /* of the random numbers */
	uint64_t count; /* of operations */
	char log[LOG_SIZE][120];
	bool refused[8]; /* operations that the file system does not have */
} io;

static uint64_t random_number(uint64_t below)
{
	io.state ^= io.state << 13;
	io.state ^= io.state >> 7;
	io.state ^= io.state << 17;
	return below ? (io.state >> 11) % below : 0;
}

static int any_fd(void)
{
	return io.fds[random_number(2)];
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(io.log[io.count % LOG_SIZE], sizeof(io.log[0]), format, args);
	va_end(args);
}

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "random_io: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nthe last operations:\n");
	for (uint64_t i = io.count < LOG_SIZE ? 0 : io.count - LOG_SIZE + 1; i <= io.count;
	     i++)
		fprintf(stderr, "%8ju %s\n", (uintmax_t)i, io.log[i % LOG_SIZE]);
	exit(1);
}

static void must(bool well, const char *what)
{
	if (!well)
		fail("%s: %s", what, strerror(errno));
}

static void check(const unsigned char *seen, size_t at, size_t length, const char *how)
{
	for (size_t i = 0; i < length; i++)
		if (seen[i] != io.good[at + i])
			fail("%s: at %zu there is %02x, not %02x (from %zu, %zu bytes)",
			     how, at + i, seen[i], io.good[at + i], at, length);
}

static void check_size(void)
{
	struct stat st;

	must(fstat(any_fd(), &st) == 0, "fstat");
	if ((size_t)st.st_size != io.size)
		fail("the size is %jd, not %zu", (intmax_t)st.st_size, io.size);
}

static void open_both(void)
{
	for (int i = 0; i < 2; i++) {
		io.fds[i] = open(io.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		must(io.fds[i] >= 0, "open");
	}
}

/* A place: often one where pages and blocks meet. */
static size_t any_place(size_t below)
{
	size_t at = random_number(below);

	if (random_number(3) == 0)
		at = at / 4096 * 4096;
	return at;
}

static size_t any_length(size_t at)
{
	const size_t room = MOST - at;
	size_t length = 1 + random_number(random_number(4) ? 9000 : LONGEST);

	if (random_number(4) == 0)
		length = (length + 4095) / 4096 * 4096;
	return length < room ? length : room;
}

/* New bytes for the model, which the caller writes to the file. */
static void new_bytes(size_t at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		io.good[at + i] = (unsigned char)random_number(256);
	if (at + length > io.size)
		io.size = at + length;
}

static void set_size(size_t size)
{
	if (size < io.size)
		memset(io.good + size, 0, io.size - size);
	io.size = size;
}

/* ---- Operations ---- */

static void do_read(void)
{
	const size_t at = any_place(MOST), length = any_length(at);
	const size_t expected = at >= io.size		? 0
				: at + length > io.size ? io.size - at
							: length;
	ssize_t got;

	note("read %zu from %zu", length, at);
	got = pread(any_fd(), io.buffer, length, (off_t)at);
	must(got >= 0, "read");
	if ((size_t)got != expected)
		fail("read: %zd bytes, not %zu", got, expected);
	check(io.buffer, at, expected, "read");
}

static void do_write(void)
{
	const size_t at = any_place(MOST), length = any_length(at);

	note("write %zu at %zu", length, at);
	new_bytes(at, length);
	must(pwrite(any_fd(), io.good + at, length, (off_t)at) == (ssize_t)length, "write");
}

static void do_append(void)
{
	const size_t at = io.size;
	const size_t length = at < MOST ? any_length(at) : 0;
	const int fd = any_fd();

	note("append %zu at %zu", length, at);
	if (!length)
		return;
	new_bytes(at, length);
	must(fcntl(fd, F_SETFL, O_APPEND) == 0, "F_SETFL");
	must(write(fd, io.good + at, length) == (ssize_t)length, "append");
	must(fcntl(fd, F_SETFL, 0) == 0, "F_SETFL");
}

static void do_truncate(void)
{
	const size_t size = any_place(MOST);
	const bool by_name = random_number(2);

	note("truncate %zu to %zu", io.size, size);
	must((by_name ? truncate(io.path, (off_t)size)
		      : ftruncate(any_fd(), (off_t)size)) == 0,
	     "truncate");
	set_size(size);
}

/* The part of the file that starts near `at`, mapped; NULL if it cannot be. */
static unsigned char *map(size_t at, size_t length, int protection, size_t *offset)
{
	const size_t start = at / 4096 * 4096;
	void *address = mmap(NULL, at + length - start, protection, MAP_SHARED, any_fd(),
			     (off_t)start);

	if (address == MAP_FAILED && errno == ENODEV)
		return NULL;
	must(address != MAP_FAILED, "mmap");
	*offset = at - start;
	return address;
}

static void do_map_read(void)
{
	const size_t at = io.size ? any_place(io.size) : 0;
	size_t length = any_length(at), offset, rest;
	unsigned char *address;

	if (!io.size)
		return;
	if (length > io.size - at)
		length = io.size - at;
	note("mapped read %zu from %zu", length, at);
	address = map(at, length, PROT_READ, &offset);
	if (!address)
		return;
	check(address + offset, at, length, "mapped read");
	rest = (4096 - (at + length) % 4096) % 4096;
	if (at + length == io.size)
		for (size_t i = 0; i < rest; i++)
			if (address[offset + length + i])
				fail("mapped read: a byte behind the end is not 0");
	munmap(address, offset + length);
}

static void do_map_write(void)
{
	const size_t at = io.size ? any_place(io.size) : 0;
	size_t length = any_length(at), offset;
	unsigned char *address;

	if (!io.size)
		return;
	if (length > io.size - at)
		length = io.size - at;
	note("mapped write %zu at %zu", length, at);
	address = map(at, length, PROT_READ | PROT_WRITE, &offset);
	if (!address)
		return;
	new_bytes(at, length);
	memcpy(address + offset, io.good + at, length);
	if (random_number(2))
		must(msync(address, offset + length, MS_SYNC) == 0, "msync");
	munmap(address, offset + length);
}

static void do_fallocate(void)
{
	static const struct {
		const char *name;
		int mode;
	} modes[] = {
		{"allocate", 0},
		{"allocate keeping the size", FALLOC_FL_KEEP_SIZE},
		{"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
		{"zero", FALLOC_FL_ZERO_RANGE},
		{"zero keeping the size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
	};
	const size_t which = random_number(sizeof(modes) / sizeof(modes[0]));
	const int mode = modes[which].mode;
	const size_t at = any_place(MOST), length = any_length(at);

	note("%s %zu at %zu", modes[which].name, length, at);
	if (io.refused[which])
		return;
	if (fallocate(any_fd(), mode, (off_t)at, (off_t)length) < 0) {
		must(errno == EOPNOTSUPP, modes[which].name);
		io.refused[which] = true;
		return;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && at + length > io.size)
		set_size(at + length);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(io.good + at, 0, length);
}

static void do_copy(void)
{
	size_t from = any_place(io.size + 1), to = any_place(MOST), length = any_length(to);
	off_t at = (off_t)from, there = (off_t)to;
	ssize_t got;

	if (length > io.size - from)
		length = io.size - from;
	if (from < to + length && to < from + length)
		return; /* it may not overlap */
	note("copy %zu from %zu to %zu", length, from, to);
	got = copy_file_range(any_fd(), &at, any_fd(), &there, length, 0);
	must(got >= 0 && (got > 0 || !length), "copy_file_range");
	if (got > 0)
		memcpy(io.good + to, io.good + from, (size_t)got);
	if (got > 0 && to + (size_t)got > io.size)
		io.size = to + (size_t)got;
}

static void do_reopen(void)
{
	const int which = (int)random_number(2);

	note("reopen");
	must(close(io.fds[which]) == 0, "close");
	io.fds[which] = open(io.path, O_RDWR | O_CLOEXEC);
	must(io.fds[which] >= 0, "open");
	if (random_number(4) == 0)
		must(posix_fadvise(any_fd(), 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
}

static void do_sync(void)
{
	note("sync");
	must((random_number(2) ? fsync(any_fd()) : fdatasync(any_fd())) == 0, "fsync");
}

static void do_check_all(void)
{
	ssize_t got;

	note("check all");
	got = pread(any_fd(), io.buffer, MOST, 0);
	if (got != (ssize_t)io.size)
		fail("the whole file: %zd bytes, not %zu", got, io.size);
	check(io.buffer, 0, io.size, "the whole file");
}

static void do_something(void)
{
	static void (*const operations[])(void) = {
		do_read,     do_read,	   do_read,	 do_write,     do_write,
		do_write,    do_append,	   do_truncate,	 do_truncate,  do_map_read,
		do_map_read, do_map_write, do_map_write, do_fallocate, do_fallocate,
		do_copy,     do_reopen,	   do_sync,	 do_check_all,
	};

	operations[random_number(sizeof(operations) / sizeof(operations[0]))]();
	check_size();
	io.count++;
}

int main(int argc, char *argv[])
{
	uint64_t seed;
	time_t end;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: random_io FILE SECONDS [SEED]\n");
		return 2;
	}
	io.path = argv[1];
	end = time(NULL) + atoi(argv[2]);
	seed = argc == 4 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	io.state = seed * 0x9e3779b97f4a7c15u + 1;
	printf("random_io: seed %ju\n", (uintmax_t)seed);
	fflush(stdout);
	open_both();
	must(ftruncate(io.fds[0], 0) == 0, "truncate");
	while (time(NULL) < end)
		do_something();
	do_check_all();
	printf("random_io: %ju operations\n", (uintmax_t)io.count);
	return 0;
}
