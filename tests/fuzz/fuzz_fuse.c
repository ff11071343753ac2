/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes -> raw FUSE messages from a hostile kernel or guest, into a libfuse session over
 * memfs. An input is a sequence of records:
 *
 *     opcode   which message, as an index into opcodes[]; its high bit: the reply fails
 *     nodeid   0..0x7f: that number; else one of those that replies have named
 *     length   of the payload that follows
 *     payload
 *
 * 64-bit numbers in the payload that are 0xff.. or small are nodeids, counts and handles as
 * the fuzzer likes. After the input every inode must end with the table, and the table's
 * own check must be clean.
 *
 * libfuse itself trusts the kernel's lengths: the buffer is as large and as zeroed as its
 * own would be, and a BATCH_FORGET whose count is over its length is not passed on (libfuse
 * would read past the end of the buffer). INTERRUPT is left out: libfuse 3.14 parks one
 * that comes before its request in a list that the end of the session does not free.
 */
#include "fakekernel/memfs.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUFFER_SIZE (1u << 17)
#define NAMED	    16

static char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
static uint64_t named[NAMED]; /* nodeids and handles of replies */
static unsigned int named_count;
static int reply_fails;

static const uint8_t opcodes[] = {
	FUSE_LOOKUP,  FUSE_LOOKUP,  FUSE_FORGET,      FUSE_BATCH_FORGET, FUSE_GETATTR,
	FUSE_MKNOD,   FUSE_MKDIR,   FUSE_SYMLINK,     FUSE_LINK,	 FUSE_UNLINK,
	FUSE_RMDIR,   FUSE_RENAME,  FUSE_RENAME2,     FUSE_CREATE,	 FUSE_OPEN,
	FUSE_OPENDIR, FUSE_READDIR, FUSE_READDIRPLUS, FUSE_RELEASE,	 FUSE_RELEASEDIR,

	FUSE_SETATTR, FUSE_READ,    FUSE_STATFS,      FUSE_INIT,	 0,
	200,
};

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	(void)fd;
	(void)buf;
	(void)size;
	(void)userdata;
	errno = ENODEV;
	return -1;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	ssize_t sum = 0;

	(void)fd;
	(void)userdata;
	for (int i = 0; i < count; i++)
		sum += (ssize_t)iov[i].iov_len;
	if (reply_fails) {
		errno = ENOENT;
		return -1;
	}
	/* The first number of an entry is its nodeid, that of an open its handle. */
	if (count > 1 && iov[1].iov_len >= sizeof(uint64_t))
		memcpy(&named[named_count++ % NAMED], iov[1].iov_base, sizeof(uint64_t));
	return sum;
}

static void process(struct fuse_session *se, uint32_t opcode, uint64_t nodeid,
		    size_t payload)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + payload),
		.opcode = opcode,
		.unique = 2,
		.nodeid = nodeid,
	};
	struct fuse_buf buf = {.size = header.len, .mem = buffer};

	memcpy(buffer, &header, sizeof(header));
	fuse_session_process_buf(se, &buf);
}

static int batch_is_whole(size_t payload)
{
	struct fuse_batch_forget_in in;

	memcpy(&in, buffer + sizeof(struct fuse_in_header), sizeof(in));
	return payload >= sizeof(in) &&
	       in.count <= (payload - sizeof(in)) / sizeof(struct fuse_forget_one);
}

static uint64_t pick_nodeid(uint8_t byte)
{
	return byte < 0x80 ? byte : named[byte % NAMED];
}

/* @return how many bytes the record took */
static size_t one_record(struct fuse_session *se, const uint8_t *data, size_t size)
{
	uint32_t opcode = opcodes[(data[0] & 0x7f) % sizeof(opcodes)];
	size_t payload = data[2] < size - 3 ? data[2] : size - 3;
	char *place = buffer + sizeof(struct fuse_in_header);

	reply_fails = data[0] >> 7;
	memset(buffer, 0, 4096);
	memcpy(place, data + 3, payload);
	/* Handles lie at the start of these; let them be real ones at times. */
	if ((opcode == FUSE_READDIRPLUS || opcode == FUSE_READDIR ||
	     opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR || opcode == FUSE_LINK) &&
	    payload >= 8 && place[7] & 1)
		memcpy(place, &named[(uint8_t)place[0] % NAMED], sizeof(uint64_t));
	if (opcode != FUSE_BATCH_FORGET || batch_is_whole(payload))
		process(se, opcode, pick_nodeid(data[1]), payload);
	return 3 + payload;
}

static struct fuse_session *start_session(struct memfs *fs)
{
	static const struct fuse_custom_io io = {.writev = io_writev, .read = io_read};
	static const struct fuse_init_in init = {
		.major = FUSE_KERNEL_VERSION, .minor = 38, .flags = FUSE_DO_READDIRPLUS};
	char *argv[] = {"fuzz_fuse", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se =
		fuse_session_new(&args, &memfs_operations, memfs_operations_size, fs);

	fuse_opt_free_args(&args);
	if (!se || fuse_session_custom_io(se, &io, eventfd(0, EFD_CLOEXEC)) != 0)
		abort();
	reply_fails = 0;
	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer + sizeof(struct fuse_in_header), &init, sizeof(init));
	process(se, FUSE_INIT, 0, sizeof(init));
	return se;
}

static void no_log(enum fuse_log_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct memfs fs;
	struct fuse_session *se;
	char why[200];

	fuse_set_log_func(no_log);
	memset(named, 0, sizeof(named));
	named_count = 0;
	if (memfs_start(&fs, NULL, NULL) != 0)
		abort();
	se = start_session(&fs);
	while (size >= 3) {
		size_t used = one_record(se, data, size);

		data += used;
		size -= used;
	}
	if (finode_table_check(fs.table, why, sizeof(why)) != 0) {
		fprintf(stderr, "fuzz_fuse: %s\n", why);
		abort();
	}
	fuse_session_destroy(se);
	memfs_stop(&fs);
	if (fs.inits != fs.evicts || fs.opens != fs.releases || fs.nodes != 0) {
		fprintf(stderr, "fuzz_fuse: something is left\n");
		abort();
	}
	return 0;
}
