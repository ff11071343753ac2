/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notifications to the fake kernel, which answers as a kernel does, or waits as one does.
 */
#include "fakekernel/wire.h"
#include "fakekernel/world.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse/protocol.h"
#include "fuse/fuse.h"

#define SEEN_MAX 16

/* What the kernel was told, and how it takes it. */
struct kernel {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned int count;
	struct {
		int code;
		size_t size;
		char body[512];
	} seen[SEEN_MAX];
	int error;    /* a positive errno: what it answers */
	bool hold;    /* it does not answer at all */
	bool holding; /* and somebody waits */
};

static int take_notification(void *arg, int code, const void *body, size_t size)
{
	struct kernel *k = arg;
	int error;

	pthread_mutex_lock(&k->mutex);
	if (k->count < SEEN_MAX && size <= sizeof(k->seen[0].body)) {
		k->seen[k->count].code = code;
		k->seen[k->count].size = size;
		memcpy(k->seen[k->count].body, body, size);
	}
	k->count++;
	k->holding = k->hold;
	pthread_cond_broadcast(&k->changed);
	while (k->hold)
		pthread_cond_wait(&k->changed, &k->mutex);
	k->holding = false;
	error = k->error;
	pthread_mutex_unlock(&k->mutex);
	return error;
}

static void hold(struct kernel *k, bool on)
{
	pthread_mutex_lock(&k->mutex);
	k->hold = on;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->mutex);
}

static bool is_holding(struct kernel *k)
{
	bool holding;

	pthread_mutex_lock(&k->mutex);
	holding = k->holding;
	pthread_mutex_unlock(&k->mutex);
	return holding;
}

static void begin(struct world *w, struct kernel *k, uint32_t minor, unsigned int limit)
{
	*k = (struct kernel){.mutex = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER};
	world_prepare(w);
	w->options.minor = minor;
	w->options.server.notify_limit = limit;
	world_connect(w);
	fk_on_notify(w->fk, take_notification, k);
}

static struct finode_session_stats stats(struct world *w)
{
	struct finode_session_stats s;

	finode_session_stats(fk_session(w->fk), &s, sizeof(s));
	return s;
}

static void test_each_kind_says_what_the_kernel_reads(void **state)
{
	struct fuse_notify_inval_inode_out inode;
	struct fuse_notify_inval_entry_out entry;
	struct fuse_notify_delete_out delete;
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	assert_int_equal(finode_notify_inval_inode(s, 7, -1, 5), 0);
	assert_int_equal(finode_notify_inval_inode(s, 7, 4096, 8192), 0);
	assert_int_equal(finode_notify_inval_entry(s, 1, "name"), 0);
	assert_int_equal(finode_notify_expire_entry(s, 1, "name"), 0);
	assert_int_equal(finode_notify_delete(s, 1, 7, "name"), 0);
	assert_int_equal(finode_notify_increment_epoch(s), 0);
	assert_int_equal(finode_notify_resend(s), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(k.count, 7);

	assert_int_equal(k.seen[0].code, FUSE_NOTIFY_INVAL_INODE);
	memcpy(&inode, k.seen[0].body, sizeof(inode));
	assert_int_equal(inode.ino, 7);
	assert_int_equal(inode.off, -1);
	memcpy(&inode, k.seen[1].body, sizeof(inode));
	assert_int_equal(inode.off, 4096);
	assert_int_equal(inode.len, 8192);

	for (int i = 2; i < 4; i++) {
		assert_int_equal(k.seen[i].code, FUSE_NOTIFY_INVAL_ENTRY);
		memcpy(&entry, k.seen[i].body, sizeof(entry));
		assert_int_equal(entry.parent, 1);
		assert_int_equal(entry.namelen, 4);
		assert_int_equal(entry.flags, i == 3 ? FUSE_EXPIRE_ONLY : 0);
		assert_int_equal(k.seen[i].size, sizeof(entry) + 5);
		assert_string_equal(k.seen[i].body + sizeof(entry), "name");
	}

	assert_int_equal(k.seen[4].code, FUSE_NOTIFY_DELETE);
	memcpy(&delete, k.seen[4].body, sizeof(delete));
	assert_int_equal(delete.parent, 1);
	assert_int_equal(delete.child, 7);
	assert_string_equal(k.seen[4].body + sizeof(delete), "name");

	assert_int_equal(k.seen[5].code, PROTOCOL_NOTIFY_INC_EPOCH);
	assert_int_equal(k.seen[5].size, 0);
	assert_int_equal(k.seen[6].code, PROTOCOL_NOTIFY_RESEND);
	assert_int_equal(k.seen[6].size, 0);
	world_end(&w, false);
}

static void test_prunes_that_wait_go_in_one_message(void **state)
{
	struct protocol_prune_out out;
	struct finode_session *s;
	uint64_t nodeids[3];
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	hold(&k, true);
	assert_int_equal(finode_notify_resend(s), 0);
	AWAIT(is_holding(&k));
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(finode_notify_prune(s, 100 + i, 0, NULL), 0);
	assert_int_equal(finode_notify_inval_inode(s, 7, 0, 0), 0);
	hold(&k, false);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(k.count, 3);
	assert_int_equal(k.seen[1].code, PROTOCOL_NOTIFY_PRUNE);
	memcpy(&out, k.seen[1].body, sizeof(out));
	memcpy(nodeids, k.seen[1].body + sizeof(out), sizeof(nodeids));
	assert_int_equal(out.count, 3);
	assert_int_equal(k.seen[1].size, sizeof(out) + sizeof(nodeids));
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(nodeids[i], 100 + i);
	assert_int_equal(stats(&w).notify[FINODE_NOTIFY_PRUNE].sent, 3);
	world_end(&w, false);
}

static void test_more_prunes_than_fit_one_message_all_arrive(void **state)
{
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	hold(&k, true);
	assert_int_equal(finode_notify_resend(s), 0);
	AWAIT(is_holding(&k));
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(finode_notify_prune(s, 100 + i, 0, NULL), 0);
	hold(&k, false);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(stats(&w).notify[FINODE_NOTIFY_PRUNE].sent, 1000);
	assert_true(k.count < 20);
	world_end(&w, false);
}

static void test_what_an_old_kernel_does_not_know(void **state)
{
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 38, 0);
	s = fk_session(w.fk);
	assert_int_equal(finode_notify_increment_epoch(s), -EOPNOTSUPP);
	assert_int_equal(finode_notify_prune(s, 7, 0, NULL), -EOPNOTSUPP);
	/* With a name there is the next best. */
	assert_int_equal(finode_notify_prune(s, 7, 1, "name"), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(k.count, 1);
	assert_int_equal(k.seen[0].code, FUSE_NOTIFY_INVAL_ENTRY);
	world_end(&w, false);
}

static void test_resend_only_where_the_kernel_offers_it(void **state)
{
	struct world w;

	(void)state;
	world_prepare(&w);
	w.options.no_flags = PROTOCOL_HAS_RESEND;
	w.options.minor = 39; /* without the flag, and before it was invented */
	world_connect(&w);
	assert_int_equal(finode_notify_resend(fk_session(w.fk)), -EOPNOTSUPP);
	world_end(&w, false);
}

static void test_names_that_are_none_are_not_sent(void **state)
{
	struct finode_session *s;
	char longest[300];
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(finode_notify_inval_entry(s, 1, ""), -EINVAL);
	assert_int_equal(finode_notify_expire_entry(s, 1, "a/b"), -EINVAL);
	assert_int_equal(finode_notify_delete(s, 1, 2, ".."), -EINVAL);
	assert_int_equal(finode_notify_inval_entry(s, 1, longest), -ENAMETOOLONG);
	longest[255] = '\0';
	assert_int_equal(finode_notify_inval_entry(s, 1, longest), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(k.count, 1);
	world_end(&w, false);
}

static void test_equal_messages_that_wait_are_one(void **state)
{
	struct finode_session_stats st;
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	hold(&k, true);
	assert_int_equal(finode_notify_inval_entry(s, 1, "a"), 0);
	AWAIT(is_holding(&k));
	/* The first is being written: what changed since then is news. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(finode_notify_inval_entry(s, 1, "a"), 0);
	assert_int_equal(finode_notify_inval_entry(s, 1, "b"), 0);
	assert_int_equal(finode_notify_inval_entry(s, 2, "a"), 0);
	assert_int_equal(finode_notify_expire_entry(s, 1, "a"), 0);
	st = stats(&w);
	assert_int_equal(st.notify[FINODE_NOTIFY_INVAL_ENTRY].waiting, 3);
	assert_int_equal(st.notify[FINODE_NOTIFY_INVAL_ENTRY].merged, 4);
	hold(&k, false);
	assert_int_equal(finode_notify_flush(s), 0);
	st = stats(&w);
	assert_int_equal(k.count, 5);
	assert_int_equal(st.notify[FINODE_NOTIFY_INVAL_ENTRY].queued, 8);
	assert_int_equal(st.notify[FINODE_NOTIFY_INVAL_ENTRY].sent, 4);
	assert_int_equal(st.notify[FINODE_NOTIFY_INVAL_ENTRY].waiting, 0);
	assert_int_equal(st.notify[FINODE_NOTIFY_EXPIRE_ENTRY].sent, 1);
	world_end(&w, false);
}

static void test_a_full_queue_tells_the_caller(void **state)
{
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 2);
	s = fk_session(w.fk);
	hold(&k, true);
	assert_int_equal(finode_notify_inval_entry(s, 1, "a"), 0);
	AWAIT(is_holding(&k));
	assert_int_equal(finode_notify_inval_entry(s, 1, "b"), 0);
	assert_int_equal(finode_notify_inval_entry(s, 1, "c"), 0);
	assert_int_equal(finode_notify_inval_entry(s, 1, "d"), -ENOBUFS);
	assert_int_equal(finode_notify_inval_entry(s, 1, "c"), 0); /* merged */
	assert_int_equal(stats(&w).notify_full, 1);
	hold(&k, false);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(finode_notify_inval_entry(s, 1, "d"), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(k.count, 4);
	world_end(&w, false);
}

static void test_what_the_kernel_does_not_know_is_success(void **state)
{
	struct finode_session *s;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	s = fk_session(w.fk);
	k.error = ENOENT;
	assert_int_equal(finode_notify_inval_entry(s, 1, "gone"), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(stats(&w).notify[FINODE_NOTIFY_INVAL_ENTRY].unknown, 1);
	assert_int_equal(w.warnings, 0);
	k.error = ENOTEMPTY;
	assert_int_equal(finode_notify_delete(s, 1, 2, "full"), 0);
	assert_int_equal(finode_notify_delete(s, 1, 3, "full"), 0);
	assert_int_equal(finode_notify_flush(s), 0);
	assert_int_equal(stats(&w).notify[FINODE_NOTIFY_DELETE].failed, 2);
	assert_int_equal(w.warnings, 1); /* logged once */
	world_end(&w, false);
}

/* ---- From inside a handler ---- */

static _Atomic int flush_in_handler, inval_in_handler;

/* The kernel takes no INVAL_ENTRY while a LOOKUP in the parent is out. */
static void invalidate_while_answering(struct memfs *fs, fuse_req_t req, uint64_t parent,
				       const char *name)
{
	struct finode_session *s = finode_session_of(req);

	(void)fs;
	inval_in_handler = finode_notify_inval_entry(s, parent, name);
	/* A session that does not see requests cannot tell, and would wait for ever. */
	flush_in_handler = session_of(s)->interposed ? finode_notify_flush(s) : -EDEADLK;
}

static void test_a_handler_may_invalidate_what_it_answers(void **state)
{
	struct fk_entry e;
	struct kernel k;
	struct world w;

	(void)state;
	begin(&w, &k, 0, 0);
	assert_int_equal(fk_mknod(&w.c, 1, "f", S_IFREG | 0644, &e), 0);
	w.fs.on_lookup = invalidate_while_answering;
	hold(&k, true); /* until the LOOKUP is answered */
	assert_int_equal(fk_lookup(&w.c, 1, "f", &e), 0);
	assert_int_equal(inval_in_handler, 0);
	assert_int_equal(flush_in_handler, -EDEADLK);
	AWAIT(is_holding(&k));
	hold(&k, false);
	assert_int_equal(finode_notify_flush(fk_session(w.fk)), 0);
	assert_int_equal(k.count, 1);
	world_end(&w, false);
}

/* ---- Beginning and end ---- */

static struct finode_session *unconnected(struct world *w)
{
	char *argv[] = {"test", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct finode_session *session;

	assert_int_equal(finode_session_create(&args, &w->options.server, &session), 0);
	fuse_opt_free_args(&args);
	return session;
}

static _Atomic int flush_after_reply;

static void flush_behind_the_reply(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct finode_session *s = finode_session_of(req);

	(void)parent;
	finode_reply_negative(req, finode_table_root(s->table), name, 0);
	flush_after_reply = finode_notify_flush(s);
}

static void test_who_has_replied_may_wait(void **state)
{
	struct fuse_lowlevel_ops ops;
	struct fk_entry e;
	struct world w;

	(void)state;
	world_prepare(&w);
	ops = *w.options.server.ops;
	ops.lookup = flush_behind_the_reply;
	w.options.server.ops = &ops;
	world_connect(&w);
	flush_after_reply = 1;
	assert_int_equal(fk_lookup(&w.c, 1, "f", &e), -ENOENT);
	AWAIT(flush_after_reply != 1);
	assert_int_equal(flush_after_reply, 0);
	world_end(&w, false);
}

static void test_nothing_is_queued_before_init(void **state)
{
	struct finode_session *session;
	struct world w;

	(void)state;
	world_prepare(&w);
	session = unconnected(&w);
	assert_int_equal(finode_notify_inval_entry(session, 1, "a"), -ENOTCONN);
	assert_int_equal(finode_notify_prune(session, 2, 0, NULL), -ENOTCONN);
	assert_int_equal(finode_notify_flush(session),
			 0); /* there is nothing to wait for */
	finode_session_destroy(session);
	world_finish(&w, false);
}

static void *end_later(void *arg)
{
	usleep(10000);
	hold(arg, false);
	return NULL;
}

static void test_the_end_drops_what_waits(void **state)
{
	struct finode_session_stats before;
	pthread_t thread;
	struct kernel k;
	struct world w;
	char name[16];

	(void)state;
	begin(&w, &k, 0, 0);
	hold(&k, true);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(finode_notify_inval_entry(fk_session(w.fk), 1, name), 0);
	}
	AWAIT(is_holding(&k));
	before = stats(&w);
	assert_int_equal(before.notify[FINODE_NOTIFY_INVAL_ENTRY].waiting, 99);
	pthread_create(&thread, NULL, end_later, &k);
	world_finish(&w, false); /* and no byte is left */
	pthread_join(thread, NULL);
	assert_int_equal(k.count, 1);
}

/*
 * The loop has ended, a LOOKUP was never read, and a notification waits for it: as a kernel
 * would, the transport holds it until the LOOKUP's reply has come.
 */
#define LOST_UNIQUE 1000

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool waiting, answered;
	int error;
} lost = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, 0};

static ssize_t lost_read(int fd, void *buf, size_t size, void *userdata)
{
	(void)userdata;
	return read(fd, buf, size);
}

static ssize_t lost_write(void *arg, const struct iovec *iov, int count)
{
	const struct fuse_out_header *header = iov[0].iov_base;
	const struct msghdr message = {.msg_iov = (struct iovec *)iov,
				       .msg_iovlen = (size_t)count};

	pthread_mutex_lock(&lost.mutex);
	if (header->unique == LOST_UNIQUE) {
		lost.answered = true;
		lost.error = header->error;
	}
	lost.waiting |= header->unique == 0;
	pthread_cond_broadcast(&lost.changed);
	while (header->unique == 0 && !lost.answered)
		pthread_cond_wait(&lost.changed, &lost.mutex);
	pthread_mutex_unlock(&lost.mutex);
	return header->unique == 0 ? (ssize_t)header->len
				   : sendmsg(*(int *)arg, &message, MSG_NOSIGNAL);
}

static ssize_t lost_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return lost_write(&fd, iov, count);
}

static void attach_lost(struct finode_session *session, int *fd)
{
	static const struct fuse_custom_io io = {.read = lost_read, .writev = lost_writev};
	int err = finode_session_attach(session, *fd, &io);

	if (err == -ENOTSUP) {
		wire_watch(*fd, lost_write, fd);
		err = finode_session_attach(session, *fd, NULL);
	}
	assert_int_equal(err, 0);
}

static bool lost_is_waited_for(void)
{
	bool waiting;

	pthread_mutex_lock(&lost.mutex);
	waiting = lost.waiting;
	pthread_mutex_unlock(&lost.mutex);
	return waiting;
}

static void send_to(int fd, uint32_t opcode, uint64_t unique, const void *in, size_t size)
{
	struct fuse_in_header header = {.len = (uint32_t)(sizeof(header) + size),
					.opcode = opcode,
					.unique = unique,
					.nodeid = 1};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)in, size}};

	assert_int_equal(writev(fd, iov, 2), header.len);
}

static void test_the_end_does_not_wait_for_a_request_that_nobody_reads(void **state)
{
	const struct fuse_init_in init = {.major = 7, .minor = 38};
	struct fuse_buf buf = {0};
	struct finode_session *session;
	struct world w;
	int fds[2];

	(void)state;
	world_prepare(&w);
	session = unconnected(&w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	attach_lost(session, &fds[0]);
	send_to(fds[1], FUSE_INIT, 2, &init, sizeof(init));
	assert_true(fuse_session_receive_buf(session->fuse, &buf) > 0);
	fuse_session_process_buf(session->fuse, &buf);
	free(buf.mem);
	assert_int_equal(finode_notify_inval_entry(session, 1, "a"), 0);
	AWAIT(lost_is_waited_for());
	send_to(fds[1], FUSE_LOOKUP, LOST_UNIQUE, "a", 2);
	finode_session_destroy(session); /* would wait for ever */
	assert_int_equal(lost.error, -ENOTCONN);
	wire_unwatch(fds[0]);
	close(fds[1]);
	world_finish(&w, false);
}

/* ---- Load ---- */

#define CALLS 25000 /* by each of four threads */

static void call_much(void *arg, unsigned int number)
{
	struct world *w = arg;
	char name[32];

	for (int i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "%u-%d", number, i % 5000);
		while (finode_notify_inval_entry(fk_session(w->fk), 1 + number, name) ==
		       -ENOBUFS)
			usleep(100);
	}
}

static int count_only(void *arg, int code, const void *body, size_t size)
{
	(void)code;
	(void)body;
	(void)size;
	++*(_Atomic uint64_t *)arg;
	return 0;
}

static void test_every_call_under_load_is_accounted_for(void **state)
{
	_Atomic uint64_t told = 0;
	struct finode_session_stats s;
	struct world w;

	(void)state;
	world_prepare(&w);
	w.options.server.notify_limit = 1000;
	world_connect(&w);
	fk_on_notify(w.fk, count_only, &told);
	run_threads(4, call_much, &w);
	assert_int_equal(finode_notify_flush(fk_session(w.fk)), 0);
	s = stats(&w);
	assert_int_equal(s.notify[FINODE_NOTIFY_INVAL_ENTRY].queued, 4 * CALLS);
	assert_int_equal(s.notify[FINODE_NOTIFY_INVAL_ENTRY].sent, told);
	assert_int_equal(s.notify[FINODE_NOTIFY_INVAL_ENTRY].sent +
				 s.notify[FINODE_NOTIFY_INVAL_ENTRY].merged,
			 4 * CALLS);
	assert_int_equal(s.notify[FINODE_NOTIFY_INVAL_ENTRY].waiting, 0);
	world_end(&w, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_says_what_the_kernel_reads),
		cmocka_unit_test(test_prunes_that_wait_go_in_one_message),
		cmocka_unit_test(test_more_prunes_than_fit_one_message_all_arrive),
		cmocka_unit_test(test_what_an_old_kernel_does_not_know),
		cmocka_unit_test(test_resend_only_where_the_kernel_offers_it),
		cmocka_unit_test(test_names_that_are_none_are_not_sent),
		cmocka_unit_test(test_equal_messages_that_wait_are_one),
		cmocka_unit_test(test_a_full_queue_tells_the_caller),
		cmocka_unit_test(test_what_the_kernel_does_not_know_is_success),
		cmocka_unit_test(test_a_handler_may_invalidate_what_it_answers),
		cmocka_unit_test(test_who_has_replied_may_wait),
		cmocka_unit_test(test_nothing_is_queued_before_init),
		cmocka_unit_test(test_the_end_drops_what_waits),
		cmocka_unit_test(
			test_the_end_does_not_wait_for_a_request_that_nobody_reads),
		cmocka_unit_test(test_every_call_under_load_is_accounted_for),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
