/* SPDX-License-Identifier: BSD-3-Clause */
/* See fakekernel.h. This file owns the connection: messages out, replies in. */
#include "fakekernel.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connection.h"
#include "fuse/protocol.h"
#include "wire.h"

#define MESSAGE_MAX (1u << 17)
#define WORKERS_MAX 8

/* The transport is handed the session, so the fake kernel is found by the session's fd. */
static struct fakekernel *by_fd[1024];

struct fakekernel {
	struct fk_options options;
	struct finode_session *session;
	uint64_t init_flags; /* both words, if the second counts */
	uint32_t stack_depth;
	fk_notify_fn _Atomic notify;
	void *notify_arg;
	int kernel_fd, server_fd;
	pthread_t workers[WORKERS_MAX], reader;
	pthread_mutex_t mutex; /* of the requests that wait, and of the socket's senders */
	pthread_cond_t replied;
	struct waiting *waiting;
	_Atomic uint64_t unique, messages, forgets;
	uint64_t forgets_before; /* the table's, when the fake kernel started */
	struct books books;
	void (*_Atomic before_reply)(void *arg);
	void *before_reply_arg;
};

/* A request whose reply has not come. On the stack of its sender. */
struct waiting {
	uint64_t unique;
	bool refuse, done, refused;
	int error;
	void *out;
	size_t out_size;
	ssize_t got;
	struct waiting *next;
};

static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	ssize_t got = recv(fd, buf, size, 0);

	(void)userdata;
	if (got != 0)
		return got;
	errno = ENODEV; /* as when the filesystem was unmounted */
	return -1;
}

/* Finds the request that a reply is for and ends its wait; true if it is to be refused. */
static bool refuse(struct fakekernel *fk, uint64_t unique)
{
	bool refused = false;

	pthread_mutex_lock(&fk->mutex);
	for (struct waiting *w = fk->waiting; w; w = w->next) {
		if (w->unique == unique && w->refuse && !w->done) {
			refused = w->done = w->refused = true;
			pthread_cond_broadcast(&fk->replied);
		}
	}
	pthread_mutex_unlock(&fk->mutex);
	return refused;
}

/* What the kernel does with what the server says unasked. */
static ssize_t notified(struct fakekernel *fk, const struct iovec *iov, int count)
{
	const struct fuse_out_header *header = iov[0].iov_base;
	fk_notify_fn notify = fk->notify;
	char body[4096];
	size_t size = 0;

	for (int i = 1; i < count && size + iov[i].iov_len <= sizeof(body); i++) {
		memcpy(body + size, iov[i].iov_base, iov[i].iov_len);
		size += iov[i].iov_len;
	}
	if (header->len != size + sizeof(*header))
		books_complain(&fk->books, "a notification of %zu bytes says %u",
			       size + sizeof(*header), header->len);
	errno = notify ? notify(fk->notify_arg, header->error, body, size) : 0;
	return errno ? -1 : (ssize_t)header->len;
}

static ssize_t take_message(void *arg, const struct iovec *iov, int count)
{
	struct fakekernel *fk = arg;
	const struct fuse_out_header *header = iov[0].iov_base;
	const struct msghdr message = {.msg_iov = (struct iovec *)iov,
				       .msg_iovlen = (size_t)count};
	void (*before)(void *arg) = fk->before_reply;

	if (header->unique == 0)
		return notified(fk, iov, count);
	if (before)
		before(fk->before_reply_arg);
	if (refuse(fk, header->unique)) {
		errno = ENOENT;
		return -1;
	}
	return sendmsg(fk->server_fd, &message, MSG_NOSIGNAL);
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return take_message(by_fd[fd], iov, count);
}

void fk_before_replies(struct fakekernel *fk, void (*fn)(void *arg), void *arg)
{
	fk->before_reply_arg = arg;
	fk->before_reply = fn;
}

void fk_on_notify(struct fakekernel *fk, fk_notify_fn fn, void *arg)
{
	fk->notify_arg = arg;
	fk->notify = fn;
}

struct finode_session *fk_session(struct fakekernel *fk)
{
	return fk->session;
}

uint64_t fk_init_flags(const struct fakekernel *fk)
{
	return fk->init_flags;
}

uint32_t fk_init_stack_depth(const struct fakekernel *fk)
{
	return fk->stack_depth;
}

/* As the session's own loop. */
static void *loop_main(void *arg)
{
	struct fakekernel *fk = arg;
	struct finode_loop_config config = FINODE_LOOP_CONFIG_INIT;
	int err;

	config.threads_most = fk->options.workers;
	err = finode_session_loop(fk->session, &config);
	if (err && err != -ETIMEDOUT)
		books_complain(&fk->books, "finode_session_loop() returned %d", err);
	return NULL;
}

/* As libfuse's own loops, or an author's. */
static void *worker_main(void *arg)
{
	struct fakekernel *fk = arg;
	struct fuse_session *fuse = fk->session->fuse;
	struct fuse_buf buf = {0};

	for (;;) {
		int got = fuse_session_receive_buf(fuse, &buf);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		fuse_session_process_buf(fuse, &buf);
	}
	free(buf.mem);
	return NULL;
}

static void deliver(struct fakekernel *fk, const char *reply, size_t size)
{
	const struct fuse_out_header *header = (const void *)reply;
	struct waiting *w;

	pthread_mutex_lock(&fk->mutex);
	for (w = fk->waiting; w && w->unique != header->unique; w = w->next)
		;
	if (!w || header->len != size) {
		pthread_mutex_unlock(&fk->mutex);
		books_complain(&fk->books, "a reply of %zu bytes that nobody waits for",
			       size);
		return;
	}
	w->error = header->error;
	w->got = (ssize_t)(size - sizeof(*header));
	if (w->out && (size_t)w->got <= w->out_size)
		memcpy(w->out, header + 1, (size_t)w->got);
	w->done = true;
	pthread_cond_broadcast(&fk->replied);
	pthread_mutex_unlock(&fk->mutex);
}

static void *reader_main(void *arg)
{
	struct fakekernel *fk = arg;
	char *reply = malloc(MESSAGE_MAX);
	ssize_t got;

	while (reply && (got = recv(fk->kernel_fd, reply, MESSAGE_MAX, 0)) > 0)
		if ((size_t)got >= sizeof(struct fuse_out_header))
			deliver(fk, reply, (size_t)got);
	free(reply);
	return NULL;
}

static uint64_t next_unique(struct fakekernel *fk)
{
	return atomic_fetch_add(&fk->unique, 2) + 2; /* even, as the kernel's */
}

static ssize_t send_message(struct fakekernel *fk, uint32_t opcode, uint64_t nodeid,
			    uint64_t unique, const void *in, size_t in_size)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + in_size),
		.opcode = opcode,
		.unique = unique,
		.nodeid = nodeid,
		.pid = (uint32_t)getpid(),
	};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)in, in_size}};
	const struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	fk->messages++;
	return sendmsg(fk->kernel_fd, &message, MSG_NOSIGNAL);
}

static void wait_locked(struct fakekernel *fk, struct waiting *w)
{
	struct waiting **link = &fk->waiting;

	while (!w->done)
		pthread_cond_wait(&fk->replied, &fk->mutex);
	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
}

ssize_t fk_raw(struct fk_client *c, uint32_t opcode, uint64_t nodeid, const void *in,
	       size_t in_size, void *out, size_t out_size)
{
	struct fakekernel *fk = c->fk;
	struct waiting w = {.unique = next_unique(fk), .out = out, .out_size = out_size};

	w.refuse = connection_draw(c) % 100 < c->refuse_percent;
	pthread_mutex_lock(&fk->mutex);
	w.next = fk->waiting;
	fk->waiting = &w;
	pthread_mutex_unlock(&fk->mutex);
	if (send_message(fk, opcode, nodeid, w.unique, in, in_size) < 0)
		w.done = true, w.error = -errno;
	pthread_mutex_lock(&fk->mutex);
	wait_locked(fk, &w);
	pthread_mutex_unlock(&fk->mutex);
	c->refused = w.refused;
	if (w.refused)
		return -ECONNABORTED;
	return w.error ? w.error : w.got;
}

void fk_send(struct fk_client *c, uint32_t opcode, uint64_t nodeid, const void *in,
	     size_t in_size)
{
	send_message(c->fk, opcode, nodeid, next_unique(c->fk), in, in_size);
}

void connection_send_forget(struct fakekernel *fk, uint64_t nodeid, uint64_t n)
{
	const struct fuse_forget_in in = {.nlookup = n};

	fk->forgets++;
	send_message(fk, FUSE_FORGET, nodeid, next_unique(fk), &in, sizeof(in));
}

void connection_send_batch(struct fakekernel *fk, const struct fuse_forget_data *forgets,
			   unsigned int count)
{
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one[FK_HELD_MAX];
	} batch = {.in.count = count};

	for (unsigned int i = 0; i < count; i++) {
		batch.one[i].nodeid = forgets[i].ino;
		batch.one[i].nlookup = forgets[i].nlookup;
	}
	fk->forgets += count;
	send_message(fk, FUSE_BATCH_FORGET, 0, next_unique(fk), &batch,
		     sizeof(batch.in) + count * sizeof(batch.one[0]));
}

struct books *connection_books(struct fakekernel *fk)
{
	return &fk->books;
}

/* What kernel 6.18 says, but for what only its device can do. */
#define INIT_FLAGS                                                                         \
	(FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | \
	 FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_EXPORT_SUPPORT | FUSE_SUBMOUNTS |    \
	 FUSE_INIT_EXT | FUSE_HAS_EXPIRE_ONLY | FUSE_WRITEBACK_CACHE |                     \
	 PROTOCOL_PASSTHROUGH | PROTOCOL_HAS_RESEND)

uint64_t connection_offers(const struct fakekernel *fk)
{
	return INIT_FLAGS & ~fk->options.no_flags;
}

static int send_init(struct fakekernel *fk)
{
	const uint64_t flags = connection_offers(fk);
	const struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = fk->options.minor ? fk->options.minor : 45,
		.max_readahead = 1 << 17,
		.flags = (uint32_t)flags,
		.flags2 = (uint32_t)(flags >> 32),
	};
	struct fuse_init_out out;
	struct fk_client c;
	ssize_t got;

	fk_client_init(&c, fk, 1);
	got = fk_raw(&c, FUSE_INIT, 0, &in, sizeof(in), &out, sizeof(out));
	if (got < 0)
		return (int)got;
	fk->init_flags = out.flags;
	if (out.flags & FUSE_INIT_EXT)
		fk->init_flags |= (uint64_t)out.flags2 << 32;
	memcpy(&fk->stack_depth, (char *)&out + PROTOCOL_STACK_DEPTH_OFFSET,
	       sizeof(fk->stack_depth));
	return 0;
}

static int open_session(struct fakekernel *fk)
{
	static const struct fuse_custom_io io = {.writev = io_writev, .read = io_read};
	char *argv[] = {"fakekernel", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	const int room = 1 << 20;
	int fds[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fk->kernel_fd = fds[0];
	fk->server_fd = fds[1];
	by_fd[fk->server_fd] = fk;
	err = finode_session_create(&args, &fk->options.server, &fk->session);
	fuse_opt_free_args(&args);
	if (err)
		return err;
	err = finode_session_attach(fk->session, fk->server_fd, &io);
	if (err != -ENOTSUP)
		return err;
	/* This libfuse lets nobody in between but by the fd that it reads and writes. */
	wire_watch(fk->server_fd, take_message, fk);
	return finode_session_attach(fk->session, fk->server_fd, NULL);
}

static int begin_session(struct fakekernel *fk)
{
	int err = open_session(fk);

	if (err)
		return err;
	pthread_create(&fk->reader, NULL, reader_main, fk);
	if (fk->options.foreign_loop)
		for (unsigned int i = 0; i < fk->options.workers; i++)
			pthread_create(&fk->workers[i], NULL, worker_main, fk);
	else
		pthread_create(&fk->workers[0], NULL, loop_main, fk);
	return send_init(fk);
}

static void end_session(struct fakekernel *fk, bool destroy)
{
	struct fk_client c;

	fk_client_init(&c, fk, 1);
	if (destroy)
		fk_raw(&c, FUSE_DESTROY, 0, NULL, 0, NULL, 0);
	shutdown(fk->kernel_fd, SHUT_RDWR);
	for (unsigned int i = 0; i < (fk->options.foreign_loop ? fk->options.workers : 1u);
	     i++)
		pthread_join(fk->workers[i], NULL);
	pthread_join(fk->reader, NULL);
	finode_session_destroy(fk->session); /* closes the server's end */
	by_fd[fk->server_fd] = NULL;
	wire_unwatch(fk->server_fd);
	close(fk->kernel_fd);
}

struct fakekernel *fk_start(const struct fk_options *options)
{
	struct fakekernel *fk = calloc(1, sizeof(*fk));
	struct finode_stats stats;

	if (!fk)
		return NULL;
	fk->options = *options;
	books_init(&fk->books);
	fk->books.old_submounts = options->old_submounts;
	pthread_mutex_init(&fk->mutex, NULL);
	pthread_cond_init(&fk->replied, NULL);
	finode_table_stats(options->server.table, &stats, sizeof(stats));
	fk->forgets_before = stats.forgets;
	return begin_session(fk) == 0 ? fk : NULL;
}

void fk_offer_all_but(struct fakekernel *fk, uint64_t no_flags)
{
	fk->options.no_flags = no_flags;
}

int fk_reinit(struct fakekernel *fk)
{
	end_session(fk, true);
	books_clear(&fk->books);
	return begin_session(fk);
}

void fk_stop(struct fakekernel *fk, bool destroy)
{
	end_session(fk, destroy);
	books_finish(&fk->books);
	pthread_cond_destroy(&fk->replied);
	pthread_mutex_destroy(&fk->mutex);
	free(fk);
}

/* FORGETs have no reply: waits until the table has seen as many as were sent. */
static bool forgets_arrived(struct fakekernel *fk)
{
	struct finode_stats stats;

	finode_table_stats(fk->options.server.table, &stats, sizeof(stats));
	return stats.forgets - fk->forgets_before >= fk->forgets;
}

int fk_compare(struct fakekernel *fk, char *why, size_t size)
{
	int differs = -1;

	snprintf(why, size, "FORGETs did not arrive");
	/* Up to ten seconds: the last FORGETs may have arrived, and evict still. */
	for (int i = 0; i < 10000 && differs; i++) {
		if (i)
			usleep(1000);
		if (forgets_arrived(fk))
			differs = books_compare(&fk->books, fk->options.server.table, why,
						size);
	}
	return differs;
}

const char *fk_complaint(struct fakekernel *fk)
{
	return fk->books.complaint[0] ? fk->books.complaint : NULL;
}

uint64_t fk_messages(const struct fakekernel *fk)
{
	return fk->messages;
}
