/* SPDX-License-Identifier: BSD-3-Clause */
/* read(), write(), lseek() and O_DIRECT: positions, ends, holes, and errors. */
#include "cases.h"

#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

/* Volatile, for compilers know that it is none. */
static void *volatile const bad_address = (void *)1;

static void errors(void)
{
	char text[16];
	int r = open("file", O_RDONLY), w = open("file", O_WRONLY),
	    d = open("dir", O_RDONLY);

	see("write to a read only fd", write(r, "x", 1));
	see("read of a write only fd", read(w, text, 1));
	see("read of a directory", read(d, text, 1));
	see("pread of a directory", pread(d, text, 1, 0));
	see("write to a directory", write(d, text, 1));
	see("read into a bad address", read(r, bad_address, 4));
	see("write from a bad address", write(w, bad_address, 4));
	see("pread negative", pread(r, text, 1, -1));
	see("pwrite negative", pwrite(w, text, 1, -1));
	see("pread far", pread(r, text, 1, INT64_MAX - 1));
	see("pwrite far", pwrite(w, text, 2, INT64_MAX - 1));
	see("read of nothing", read(r, text, 0));
	see("read of nothing, write only", read(w, text, 0));
	see("write of nothing, read only", write(r, text, 0));
	see("bad fd", read(-1, text, 1));
	see("readv of too many", readv(r, bad_address, 2000));
	see("sendfile to read only", sendfile(r, r, NULL, 1));
	see("lseek negative", lseek(r, -1, SEEK_SET));
	see("lseek bad whence", lseek(r, 0, 99));
	see("lseek beyond all", lseek(r, INT64_MAX, SEEK_SET));
	see("lseek of a fifo", lseek(open("fifo", O_RDWR | O_NONBLOCK), 0, SEEK_SET));
	see("lseek of a directory", lseek(d, 0, SEEK_SET));
}

static void positions(void)
{
	char text[32];
	int fd = open("f", O_RDWR | O_CREAT, 0600), copy = dup(fd);
	struct iovec out[2] = {{(char[]){"one "}, 4}, {(char[]){"two"}, 3}};
	struct iovec in[2] = {{text, 2}, {text + 2, 30}};

	see("writev", writev(fd, out, 2));
	see("position of the copy", lseek(copy, 0, SEEK_CUR));
	see("lseek", lseek(copy, 1, SEEK_SET));
	see("readv", readv(fd, in, 2));
	see_bytes("read", text, 6);
	see("read at the end", read(fd, text, 1));
	see("lseek beyond", lseek(fd, 100, SEEK_END));
	see("read beyond", read(fd, text, 1));
	see("write beyond", write(fd, "z", 1));
	see_fstat("is", fd);
	see_bytes("hole", text, pread(fd, text, 8, 5));
	see("lseek back", lseek(fd, -1, SEEK_END));
	see("lseek before the start", lseek(fd, -1000, SEEK_CUR));
	see("pwrite", pwrite(fd, "P", 1, 0));
	see("position after pwrite", lseek(fd, 0, SEEK_CUR));
	see("pwritev2 append", pwritev2(fd, out, 1, 0, RWF_APPEND));
	see("preadv2 nowait", preadv2(fd, in, 1, 0, RWF_NOWAIT) < 0 ? -1 : 0);
	see("pwritev2 dsync", pwritev2(fd, out, 1, 0, RWF_DSYNC));
	see("pwritev2 unknown", pwritev2(fd, out, 1, 0, 0x4000));
	see_fstat("is then", fd);
}

static const size_t big_sizes[] = {1,	   4095,   4096,    4097,    65536,
				   131071, 131072, 1048576, 1048577, 3000000};

static void sizes(void)
{
	const size_t most = 3000000;
	unsigned char *out = malloc(most), *in = calloc(1, most + 1);

	for (size_t i = 0; i < most; i++)
		out[i] = (unsigned char)(i * 31 + i / 4096);
	for (size_t i = 0; i < COUNT(big_sizes); i++) {
		const size_t size = big_sizes[i];
		int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

		see(words("write %zu", size), pwrite(fd, out, size, 7));
		see(words("read %zu", size), pread(fd, in, size + 1, 7));
		see(words("same %zu", size), !memcmp(in, out, size));
		see_fstat(words("is %zu", size), fd);
		close(fd);
	}
	free(out);
	free(in);
}

static void holes(void)
{
	static const off_t from[] = {0,	     1,	     65535,  65536, 65537,
				     131072, 262143, 262144, 300000};
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	see("ftruncate", ftruncate(fd, 262144));
	see("data of a hole", lseek(fd, 0, SEEK_DATA));
	see("hole of a hole", lseek(fd, 0, SEEK_HOLE));
	see("write", pwrite(fd, "data", 4, 65536));
	see("write at the end", pwrite(fd, "data", 4, 262140));
	see("fsync", fsync(fd));
	for (size_t i = 0; i < COUNT(from); i++) {
		see(words("data %jd", (intmax_t)from[i]), lseek(fd, from[i], SEEK_DATA));
		see(words("position %jd", (intmax_t)from[i]), lseek(fd, 0, SEEK_CUR));
		see(words("hole %jd", (intmax_t)from[i]), lseek(fd, from[i], SEEK_HOLE));
	}
	see("data negative", lseek(fd, -1, SEEK_DATA));
	see("data of an empty file",
	    lseek(open("g", O_RDWR | O_CREAT, 0600), 0, SEEK_DATA));
	see("data of a directory", lseek(open(".", O_RDONLY), 0, SEEK_DATA));
}

static void two_descriptors(void)
{
	char text[32];
	int a = open("f", O_RDWR | O_CREAT, 0600), b = open("f", O_RDWR);

	see("write", write(a, "0123456789", 10));
	see_bytes("read by the other", text, read(b, text, sizeof(text)));
	see("truncate", ftruncate(b, 3));
	see_fstat("seen by the first", a);
	see("write on", write(a, "x", 1));
	see_bytes("read", text, pread(b, text, sizeof(text), 0));
	see_stat("by name", "f");
	see("O_TRUNC", open("f", O_WRONLY | O_TRUNC) < 0 ? -1 : 0);
	see_fstat("is", b);
	see_bytes("read of nothing", text, pread(a, text, sizeof(text), 0));
}

/* Aligned and not. */
static void direct(void)
{
	unsigned char *buffer;
	int fd = see_fd("open", open("f", O_RDWR | O_CREAT | O_DIRECT, 0600)), plain;

	if (fd < 0 || posix_memalign((void **)&buffer, 4096, 65536) != 0)
		return;
	memset(buffer, 'd', 65536);
	plain = open("f", O_RDWR);
	see("write", pwrite(fd, buffer, 16384, 0));
	see_bytes("read plainly", buffer + 30000, pread(plain, buffer + 30000, 5, 16380));
	see("write plainly", pwrite(plain, "plain", 5, 4096));
	see("read", pread(fd, buffer, 8192, 4096));
	see_bytes("contents", buffer, 7);
	see("read at the end", pread(fd, buffer, 4096, 16384));
	see("read over the end", pread(fd, buffer, 65536, 8192));
	see("append", pwrite(fd, buffer, 4096, 16384));
	see("unaligned size", pread(fd, buffer, 4096 * 3 / 2, 0) < 0 ? -1 : 0);
	see("O_DIRECT by F_SETFL", fcntl(plain, F_SETFL, O_DIRECT));
	see("F_GETFL", fcntl(plain, F_GETFL));
	see_fstat("is", fd);
	free(buffer);
}

static const struct posix_case cases[] = {
	{"errors", errors, prepare_my_types},
	{"positions", positions, NULL},
	{"sizes", sizes, NULL},
	{"holes", holes, NULL},
	{"two_descriptors", two_descriptors, NULL},
	{"direct", direct, NULL},
};

const struct family io_family = {"io", cases, COUNT(cases)};
