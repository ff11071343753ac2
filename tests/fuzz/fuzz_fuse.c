/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes -> raw FUSE messages from a hostile kernel or guest, into a libfuse session over
 * memfs. An input is a sequence of records:
 *
 *     opcode   which message, as an index into opcodes[]; its high bit: the reply fails
 *     nodeid   0..0x7f: that number; else one that replies have named, see named[]
 *     length   of the payload that follows
 *     payload
 *
 * An input of odd length is for a server that keeps names.
 *
 * A 64-bit number in the payload whose highest byte is 0xfe stands for a nodeid or handle
 * that replies have named, all others for themselves. After the input every inode must end
 * with the table, and the table's own check must be clean.
 *
 * The session must let nothing through that makes libfuse read past the end of a message:
 * each one lies in memory of its own size, so that AddressSanitizer sees what handlers and
 * string functions read of it. INTERRUPT is left out: libfuse 3.14 parks one that comes
 * before its request in a list that the end of the session does not free.
 */
#include "fakekernel/memfs.h"
#include "fakekernel/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "fuse/message.h"
#include "fuse/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAYLOAD_MAX 256
#define NAMED	    16
/* A request that libfuse does not know may grow by this when it is rewritten. */
#define GROWTH (sizeof(struct fuse_ioctl_in))

static char payload[PAYLOAD_MAX] __attribute__((aligned(8)));
static bool interposed;			     /* the session sees messages before libfuse */
static const struct fuse_in_header *arrived; /* what io_read() gives, once */
static uint64_t named[NAMED];		     /* the last nodeids and handles of replies */
static unsigned int named_count;
static int reply_fails;

static const uint8_t opcodes[] = {
	FUSE_LOOKUP,  FUSE_LOOKUP,   FUSE_FORGET,      FUSE_BATCH_FORGET, FUSE_GETATTR,
	FUSE_MKNOD,   FUSE_MKDIR,    FUSE_SYMLINK,     FUSE_LINK,	  FUSE_UNLINK,
	FUSE_RMDIR,   FUSE_RENAME,   FUSE_RENAME2,     FUSE_CREATE,	  FUSE_OPEN,
	FUSE_OPENDIR, FUSE_READDIR,  FUSE_READDIRPLUS, FUSE_RELEASE,	  FUSE_RELEASEDIR,

	FUSE_SETATTR, FUSE_READ,     FUSE_STATFS,      FUSE_INIT,	  0,
	200,	      FUSE_TMPFILE,  PROTOCOL_STATX,   FUSE_SYNCFS,	  FUSE_IOCTL,
	FUSE_WRITE,   FUSE_SETXATTR, FUSE_GETXATTR,    FUSE_SETLK,	  FUSE_FALLOCATE,
};

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	const struct fuse_in_header *in = arrived;

	(void)fd;
	(void)userdata;
	arrived = NULL;
	if (in && in->len <= size) {
		memcpy(buf, in, in->len);
		return in->len;
	}
	errno = EAGAIN;
	return -1;
}

static ssize_t take_reply(void *arg, const struct iovec *iov, int count)
{
	ssize_t sum = 0;

	(void)arg;
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

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)fd;
	(void)userdata;
	return take_reply(NULL, iov, count);
}

static bool may_grow(uint32_t opcode)
{
	return opcode == FUSE_TMPFILE || opcode == PROTOCOL_STATX || opcode == FUSE_SYNCFS;
}

static void process(struct finode_session *session, uint32_t opcode, uint64_t nodeid,
		    size_t size)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.opcode = opcode,
		.unique = 2,
		.nodeid = nodeid,
	};
	char *message = malloc(header.len);
	struct fuse_buf buf = {.mem = malloc(header.len + (may_grow(opcode) ? GROWTH : 0))};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), payload, size);
	arrived = (const void *)message;
	if (!interposed) { /* then libfuse is not to be fed with what may not be */
		buf.size = header.len;
		memcpy(buf.mem, message, header.len);
		if (!finode__message_fault(arrived, header.len, false))
			fuse_session_process_buf(session->fuse, &buf);
	} else if (fuse_session_receive_buf(session->fuse, &buf) > 0) {
		fuse_session_process_buf(session->fuse, &buf);
	}
	free(buf.mem);
	free(message);
}

static uint64_t pick_nodeid(uint8_t byte)
{
	return byte < 0x80 ? byte : named[byte % NAMED];
}

/* No input can know what the table will give out. */
static void put_named_into_payload(size_t length)
{
	for (size_t at = 0; at + sizeof(uint64_t) <= length; at += sizeof(uint64_t)) {
		uint64_t number;

		memcpy(&number, payload + at, sizeof(number));
		if (number >> 56 == 0xfe)
			memcpy(payload + at, &named[number % NAMED], sizeof(number));
	}
}

/* @return how many bytes the record took */
static size_t one_record(struct finode_session *session, const uint8_t *data, size_t size)
{
	uint32_t opcode = opcodes[(data[0] & 0x7f) % sizeof(opcodes)];
	size_t length = data[2] < size - 3 ? data[2] : size - 3;

	reply_fails = data[0] >> 7;
	memcpy(payload, data + 3, length);
	put_named_into_payload(length);
	process(session, opcode, pick_nodeid(data[1]), length);
	return 3 + length;
}

static struct finode_session *start_session(struct memfs *fs)
{
	static const struct fuse_custom_io io = {.writev = io_writev, .read = io_read};
	static const struct fuse_init_in init = {
		.major = FUSE_KERNEL_VERSION, .minor = 38, .flags = FUSE_DO_READDIRPLUS};
	const struct finode_session_config config = memfs_server(fs);
	char *argv[] = {"fuzz_fuse", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct finode_session *session;
	/* Nothing is read from it or written, but the session waits until it is readable.
	 */
	int fd = eventfd(1, EFD_CLOEXEC);

	if (finode_session_create(&args, &config, &session) != 0)
		abort();
	interposed = finode_session_attach(session, fd, &io) == 0;
	wire_watch(fd, take_reply, NULL);
	if (!interposed && finode_session_attach(session, fd, NULL) != 0)
		abort();
	fuse_opt_free_args(&args);
	reply_fails = 0;
	memcpy(payload, &init, sizeof(init));
	process(session, FUSE_INIT, 0, sizeof(init));
	return session;
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
	struct finode_session *session;
	char why[200];

	fuse_set_log_func(no_log);
	if (memfs_start(&fs, size % 2 ? memfs_with_names : NULL, NULL) != 0)
		abort();
	session = start_session(&fs);
	memset(named, 0, sizeof(named)); /* of INIT's reply nothing is named */
	named_count = 0;
	while (size >= 3) {
		size_t used = one_record(session, data, size);

		data += used;
		size -= used;
	}
	if (finode_table_check(fs.table, why, sizeof(why)) != 0) {
		fprintf(stderr, "fuzz_fuse: %s\n", why);
		abort();
	}
	finode_session_destroy(session);
	memfs_stop(&fs);
	if (fs.inits != fs.evicts || fs.opens != fs.releases || fs.nodes != 0) {
		fprintf(stderr, "fuzz_fuse: something is left\n");
		abort();
	}
	return 0;
}
