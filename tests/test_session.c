/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session between libfuse and the fake kernel: what INIT offers and is answered, the
 * operations that libfuse may not know, malformed messages, and its own life.
 */
#include "fakekernel/world.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse/protocol.h"

static struct finode_session_stats session_stats(struct world *w)
{
	struct finode_session_stats s;

	finode_session_stats(fk_session(w->fk), &s, sizeof(s));
	return s;
}

/* Ends a test that needs the session between libfuse and the fake kernel. */
static bool skipped_without_interposition(struct world *w)
{
	if (world_is_interposed(w))
		return false;
	print_message("SKIPPED: this libfuse was built without custom io\n");
	world_end(w, false);
	return true;
}

static struct finode_kernel kernel_of(struct finode_session *session)
{
	struct finode_kernel kernel;

	finode_session_kernel(session, &kernel, sizeof(kernel));
	return kernel;
}

static void test_the_session_tells_what_the_kernel_offered(void **state)
{
	struct finode_kernel kernel;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	kernel = kernel_of(fk_session(w.fk));
	assert_int_equal(kernel.major, 7);
	assert_int_equal(kernel.minor, 45);
	if (world_is_interposed(&w)) {
		assert_true(kernel.flags & PROTOCOL_HAS_RESEND); /* of the high word */
		assert_true(kernel.features & FINODE_KERNEL_SUBMOUNTS);
	}
	assert_int_equal(kernel.features & ~FINODE_KERNEL_SUBMOUNTS,
			 FINODE_KERNEL_PARALLEL_DIROPS | FINODE_KERNEL_EXPORT |
				 FINODE_KERNEL_RESEND | FINODE_KERNEL_PASSTHROUGH |
				 FINODE_KERNEL_EXPIRE | FINODE_KERNEL_EPOCH |
				 FINODE_KERNEL_PRUNE);
	world_end(&w, false);
	world_prepare(&w);
	w.options.minor = 37;
	w.options.no_flags = FUSE_SUBMOUNTS | FUSE_INIT_EXT | FUSE_PARALLEL_DIROPS;
	world_connect(&w);
	kernel = kernel_of(fk_session(w.fk));
	assert_int_equal(kernel.features, FINODE_KERNEL_EXPORT);
	world_end(&w, false);
}

static void test_the_kernel_is_asked_for_parallel_lookups(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_true(fk_init_flags(w.fk) & FUSE_PARALLEL_DIROPS);
	world_end(&w, false);
}

static void test_parallel_lookups_are_not_asked_for_where_nobody_wants_them(void **state)
{
	struct world w;

	(void)state;
	world_prepare(&w);
	w.options.server.serial_dirops = 1;
	world_connect(&w);
	assert_false(fk_init_flags(w.fk) & FUSE_PARALLEL_DIROPS);
	world_end(&w, false);
	world_prepare(&w);
	w.options.no_flags = FUSE_PARALLEL_DIROPS;
	world_connect(&w);
	assert_false(fk_init_flags(w.fk) & FUSE_PARALLEL_DIROPS);
	world_end(&w, false);
}

/* What libfuse 3.14 shows an author as wanted, the author may refuse. */
static uint32_t minor_in_init;

static void refuse_parallel_dirops(void *userdata, struct fuse_conn_info *conn)
{
	minor_in_init = kernel_of(userdata).minor;
	conn->want &= ~(unsigned int)FUSE_CAP_PARALLEL_DIROPS;
}

static void want_writeback(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want |= FUSE_CAP_WRITEBACK_CACHE;
}

/* Starts a session that asks for passthrough, or not; what came of it? */
static void assert_passthrough(int asked, uint64_t not_offered,
			       void (*init)(void *, struct fuse_conn_info *), bool taken)
{
	struct fuse_lowlevel_ops ops;
	struct world w;
	int err;

	world_prepare(&w);
	memcpy(&ops, w.options.server.ops, sizeof(ops));
	ops.init = init;
	w.options.server.ops = &ops;
	w.options.server.ops_size = sizeof(ops);
	w.options.server.passthrough = asked;
	w.options.no_flags = not_offered;
	world_connect(&w);
	assert_int_equal((fk_init_flags(w.fk) & PROTOCOL_PASSTHROUGH) != 0, taken);
	assert_int_equal(fk_init_stack_depth(w.fk), taken ? 1 : 0);
	/* It is no /dev/fuse, so no file can be registered. */
	err = finode_backing_open(fk_session(w.fk), 0);
	assert_true(taken ? err < 0 && err != -EOPNOTSUPP : err == -EOPNOTSUPP);
	assert_true(finode_backing_close(fk_session(w.fk), 1) < 0);
	world_end(&w, false);
}

static void test_passthrough_is_asked_for_where_it_can_be_had(void **state)
{
	(void)state;
	assert_passthrough(1, 0, NULL, true);
	assert_passthrough(0, 0, NULL, false);
	assert_passthrough(1, PROTOCOL_PASSTHROUGH, NULL, false);
	assert_passthrough(1, 0, want_writeback, false);
}

static void test_the_authors_init_has_the_last_word(void **state)
{
#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
	struct fuse_lowlevel_ops ops;
	struct world w;

	(void)state;
	world_prepare(&w);
	ops = *w.options.server.ops;
	ops.init = refuse_parallel_dirops;
	w.options.server.ops = &ops;
	world_connect(&w);
	assert_false(fk_init_flags(w.fk) & FUSE_PARALLEL_DIROPS);
	assert_int_equal(minor_in_init, 45);
	world_end(&w, false);
#else
	(void)state;
	(void)refuse_parallel_dirops;
	print_message("libfuse from 3.17 on shows no default to refuse: serial_dirops\n");
#endif
}

static void test_c_tmpfile_counts_one_and_can_be_linked_later(void **state)
{
	struct fk_entry e, linked;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_tmpfile(&w.c, 1, &e), 0);
	assert_int_equal(e.mode & S_IFMT, S_IFREG);
	assert_int_equal(e.nlink, 0);
	assert_int_equal(fk_count(w.fk, e.nodeid), 1);
	world_assert_balanced(&w);
	assert_int_equal(fk_lookup(&w.c, 1, "name", &linked), -ENOENT);
	assert_int_equal(fk_link(&w.c, e.nodeid, 1, "name", &linked), 0);
	assert_int_equal(linked.nodeid, e.nodeid);
	assert_int_equal(linked.nlink, 1);
	assert_int_equal(fk_count(w.fk, e.nodeid), 2);
	assert_int_equal(fk_release(&w.c, e.nodeid, false, e.fh), 0);
	assert_int_equal(fk_tmpfile(&w.c, 4242, &e), -ESTALE);
	assert_int_equal(fk_tmpfile(&w.c, linked.nodeid, &e), -ENOTDIR);
	w.c.refuse_percent = 100;
	assert_int_equal(fk_tmpfile(&w.c, 1, &e), -ECONNABORTED);
	w.c.refuse_percent = 0;
	world_assert_balanced(&w);
	AWAIT(world_stats(&w).files == 0);
	world_end(&w, false);
}

static void test_statx_arrives_with_its_arguments_and_tells_the_birth_time(void **state)
{
	struct fk_entry e;
	struct statx stx;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_mknod(&w.c, 1, "f", S_IFREG | 0644, &e), 0);
	assert_int_equal(fk_statx(&w.c, e.nodeid, AT_STATX_FORCE_SYNC,
				  STATX_BTIME | STATX_MODE, &stx),
			 0);
	assert_int_equal(w.fs.statx_flags, AT_STATX_FORCE_SYNC);
	assert_int_equal(w.fs.statx_mask, STATX_BTIME | STATX_MODE);
	assert_false(w.fs.statx_open);
	assert_int_equal(stx.stx_btime.tv_sec, 1234567890);
	assert_int_equal(stx.stx_btime.tv_nsec, 42);
	assert_int_equal(stx.stx_ino, e.ino);
	assert_int_equal(stx.stx_mode, e.mode);
	assert_int_equal(fk_statx(&w.c, 4242, 0, STATX_BTIME, &stx), -ESTALE);
	world_end(&w, false);
}

static void test_statx_tells_of_an_open_file(void **state)
{
	struct protocol_statx_in in = {.getattr_flags = FUSE_GETATTR_FH,
				       .sx_mask = STATX_BTIME};
	struct protocol_statx_out out;
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_create(&w.c, 1, "f", &e), 0);
	in.fh = e.fh;
	assert_int_equal(
		fk_raw(&w.c, PROTOCOL_STATX, e.nodeid, &in, sizeof(in), &out, sizeof(out)),
		sizeof(out));
	assert_true(w.fs.statx_open);
	assert_int_equal(fk_release(&w.c, e.nodeid, false, e.fh), 0);
	world_end(&w, false);
}

static void test_syncfs_arrives_with_its_root(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 1);
	if (skipped_without_interposition(&w))
		skip();
	assert_int_equal(fk_syncfs(&w.c, 1), 0);
	assert_int_equal(fk_syncfs(&w.c, 99), -ESTALE);
	assert_int_equal(w.fs.syncs, 2);
	world_end(&w, false);
}

static void test_operations_that_the_author_has_not_are_enosys(void **state)
{
	struct fk_entry e;
	struct statx stx;
	struct world w;

	(void)state;
	world_prepare(&w);
	w.options.server.tmpfile = NULL;
	w.options.server.statx = NULL;
	w.options.server.syncfs = NULL;
	world_connect(&w);
	assert_int_equal(fk_tmpfile(&w.c, 1, &e), -ENOSYS);
	assert_int_equal(fk_statx(&w.c, 1, 0, STATX_BTIME, &stx), -ENOSYS);
	assert_int_equal(fk_syncfs(&w.c, 1), -ENOSYS);
	world_end(&w, false);
}

/* The requests that carry STATX and SYNCFS through libfuse are nobody else's to send. */
static void test_an_ioctl_is_never_taken_for_something_else(void **state)
{
	const struct fuse_ioctl_in in = {.flags = UINT32_MAX & ~FUSE_IOCTL_DIR,
					 .cmd = FUSE_SYNCFS};
	char out[64];
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_raw(&w.c, FUSE_IOCTL, 1, &in, sizeof(in), out, sizeof(out)),
			 -ENOSYS);
	assert_int_equal(w.fs.syncs, 0);
	world_end(&w, false);
}

static unsigned int ioctl_seen;

static void note_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
		       struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
		       size_t in_size, size_t out_size)
{
	(void)nodeid;
	(void)arg;
	(void)fi;
	(void)flags;
	(void)in_buf;
	(void)in_size;
	(void)out_size;
	ioctl_seen = cmd;
	fuse_reply_ioctl(req, 7, NULL, 0);
}

static void test_the_authors_own_ioctl_still_works(void **state)
{
	const struct fuse_ioctl_in in = {.cmd = FUSE_SYNCFS};
	struct fuse_ioctl_out out;
	struct fuse_lowlevel_ops ops;
	struct world w;

	(void)state;
	world_prepare(&w);
	ops = *w.options.server.ops;
	ops.ioctl = note_ioctl;
	w.options.server.ops = &ops;
	world_connect(&w);
	assert_int_equal(fk_raw(&w.c, FUSE_IOCTL, 1, &in, sizeof(in), &out, sizeof(out)),
			 sizeof(out));
	assert_int_equal(out.result, 7);
	assert_int_equal(ioctl_seen, FUSE_SYNCFS);
	assert_int_equal(w.fs.syncs, 0);
	if (world_is_interposed(&w))
		assert_int_equal(fk_syncfs(&w.c, 1), 0);
	world_end(&w, false);
}

/* A server may leave FORGETs to the session; or have a handler for single ones only. */
static void test_d_forgets_need_no_handler(void **state)
{
	struct fuse_lowlevel_ops ops;
	struct fk_entry e[3];
	struct world w;

	(void)state;
	for (int both = 0; both < 2; both++) {
		world_prepare(&w);
		ops = *w.options.server.ops;
		ops.forget_multi = NULL;
		if (both)
			ops.forget = NULL;
		w.options.server.ops = &ops;
		world_connect(&w);
		for (int i = 0; i < 3; i++) {
			char name[] = {(char)('a' + i), '\0'};

			assert_int_equal(fk_mknod(&w.c, 1, name, S_IFREG | 0600, &e[i]), 0);
		}
		assert_int_equal(fk_forget(&w.c, e[0].nodeid, 1), 1);
		fk_forget_everything(&w.c);
		world_assert_balanced(&w);
		assert_int_equal(world_stats(&w).inodes, 1);
		assert_int_equal(world_stats(&w).forgets, 3);
		world_end(&w, false);
	}
}

static void open_with_a_handle(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	fi->fh = 1000 + nodeid;
	finode_reply_open(req, NULL, fi);
}

static void close_the_handle(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	finode_reply_err(req, fi->fh == 1000 + nodeid ? 0 : -EBADF);
}

static void test_a_server_may_have_file_handles_of_its_own(void **state)
{
	struct fuse_lowlevel_ops ops;
	struct world w;
	uint64_t fh;

	(void)state;
	world_prepare(&w);
	ops = *w.options.server.ops;
	ops.opendir = open_with_a_handle;
	ops.releasedir = close_the_handle;
	w.options.server.ops = &ops;
	world_connect(&w);
	assert_int_equal(fk_open(&w.c, 1, true, &fh), 0);
	assert_int_equal(fh, 1001);
	assert_int_equal(fk_release(&w.c, 1, true, fh), 0);
	assert_int_equal(world_stats(&w).files, 0);
	world_end(&w, false);
}

struct malformed {
	uint32_t opcode;
	const void *bytes;
	size_t size;
};

static void test_malformed_messages_do_not_reach_libfuse(void **state)
{
	static const struct fuse_write_in write = {.size = 4096};
	static const struct fuse_rename2_in rename = {.newdir = 1};
	static const struct fuse_ioctl_in ioctl = {.in_size = UINT32_MAX};
	static const struct fuse_setxattr_in setxattr = {.size = UINT32_MAX};
	static const struct malformed cases[] = {
		{FUSE_LOOKUP, "", 0},
		{FUSE_LOOKUP, "noend", 5},
		{FUSE_SYMLINK, "name\0target", 11},
		{FUSE_MKDIR, "12345678", 8},
		{FUSE_CREATE, "0123456789abcdefname", 20},
		{FUSE_TMPFILE, "0123456789abcde", 15},
		{FUSE_RENAME2, &rename, sizeof(rename)},
		{FUSE_READDIRPLUS, "12345678", 8},
		{FUSE_GETATTR, "12345678", 8},
		{FUSE_SETATTR, "12345678", 8},
		{FUSE_WRITE, &write, sizeof(write)},
		{FUSE_IOCTL, &ioctl, sizeof(ioctl)},
		{FUSE_SETXATTR, &setxattr, sizeof(setxattr)},
		{PROTOCOL_STATX, "12345678", 8},
		{FUSE_SYNCFS, "1234", 4},
	};
	const size_t count = sizeof(cases) / sizeof(cases[0]);
	struct fk_entry e;
	struct world w;
	char out[64];

	(void)state;
	world_begin(&w, 1);
	if (skipped_without_interposition(&w))
		skip();
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fk_raw(&w.c, cases[i].opcode, 1, cases[i].bytes,
					cases[i].size, out, sizeof(out)),
				 -EINVAL);
	assert_int_equal(session_stats(&w).malformed, count);
	assert_int_equal(w.warnings, 1); /* logged once */
	assert_int_equal(fk_lookup(&w.c, 1, "none", &e), -ENOENT);
	world_end(&w, false);
}

/* libfuse 3.14 reads as many as the message says, wherever it ends. */
static void test_d_a_batch_forget_that_counts_too_much_is_dropped(void **state)
{
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one;
	} batch = {.in.count = UINT32_MAX, .one.nlookup = 1};
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	if (skipped_without_interposition(&w))
		skip();
	assert_int_equal(fk_mknod(&w.c, 1, "f", S_IFREG | 0644, &e), 0);
	batch.one.nodeid = e.nodeid;
	fk_send(&w.c, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch));
	AWAIT(session_stats(&w).malformed == 1);
	assert_int_equal(world_stats(&w).forgets, 0);
	world_end(&w, false);
}

static void test_a_negative_entry_is_cached_and_counts_nothing(void **state)
{
	struct fk_entry e;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_lookup(&w.c, 1, "none", &e), -ENOENT);
	assert_true(e.entry_timeout == 0); /* an error, not an entry */
	w.fs.negative_timeout = 2.5;
	assert_int_equal(fk_lookup(&w.c, 1, "none", &e), -ENOENT);
	assert_true(e.entry_timeout == 2.5);
	assert_int_equal(world_stats(&w).inodes, 1);
	world_end(&w, false);
}

/* Attributes of another type make the kernel drop the inode: better to look it up anew. */
static void test_attributes_of_another_type_are_stale(void **state)
{
	struct fk_entry e, attr;
	struct statx stx;
	struct world w;

	(void)state;
	world_begin(&w, 1);
	assert_int_equal(fk_mknod(&w.c, 1, "f", S_IFREG | 0644, &e), 0);
	assert_int_equal(fk_getattr(&w.c, e.nodeid, &attr), 0);
	assert_int_equal(attr.mode, e.mode);
	w.fs.bogus_type = true;
	assert_int_equal(fk_getattr(&w.c, e.nodeid, &attr), -ESTALE);
	assert_int_equal(fk_statx(&w.c, e.nodeid, 0, STATX_BTIME, &stx), -ESTALE);
	w.fs.bogus_type = false;
	w.fs.bogus_size = true;
	assert_int_equal(fk_getattr(&w.c, e.nodeid, &attr), -EIO);
	w.fs.bogus_size = false;
	assert_int_equal(world_stats(&w).entries_refused, 3);
	world_end(&w, false);
}

static struct finode_session *create(struct world *w, int *err)
{
	char *argv[] = {"test", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct finode_session *session;

	*err = finode_session_create(&args, &w->options.server, &session);
	fuse_opt_free_args(&args);
	return session;
}

static void test_a_session_says_what_is_wrong_with_its_config(void **state)
{
	struct finode_session *session;
	struct world w;
	int err;

	(void)state;
	world_prepare(&w);
	w.options.server.size = 3;
	assert_null(create(&w, &err));
	assert_int_equal(err, -EINVAL);
	w.options.server = memfs_server(&w.fs);
	w.options.server.table = NULL;
	assert_null(create(&w, &err));
	assert_int_equal(err, -EINVAL);
	w.options.server = memfs_server(&w.fs);
	w.options.server.ops = NULL;
	assert_null(create(&w, &err));
	assert_int_equal(err, -EINVAL);
	assert_int_equal(w.warnings, 1);
	w.options.server = memfs_server(&w.fs);
	session = create(&w, &err);
	assert_non_null(session);
	assert_ptr_equal(session->table, w.fs.table);
	assert_ptr_equal(session->user, &w.fs);
	assert_int_equal(kernel_of(session).minor, 0);
	assert_int_equal(finode_session_attach(session, -1, NULL), -EBADF);
	finode_session_unmount(session); /* nothing to do */
	finode_session_destroy(session);
	finode_session_destroy(NULL);
	world_finish(&w, false);
}

static void test_k_a_session_fails_cleanly_at_every_allocation(void **state)
{
	struct finode_session *session = NULL;
	struct world w;
	long failures = 0;
	int err;

	(void)state;
	world_prepare(&w);
	for (long n = 0; !session; n++) {
		long live = w.live;

		w.fail_after = n;
		session = create(&w, &err);
		w.fail_after = -1;
		if (session)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(w.live, live);
		failures++;
	}
	assert_true(failures >= 2);
	finode_session_destroy(session);
	world_finish(&w, false);
}

static void test_a_session_attaches_once_and_closes_what_it_was_given(void **state)
{
	struct finode_session *session;
	struct world w;
	int fds[2], err;
	char byte;

	(void)state;
	world_prepare(&w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	session = create(&w, &err);
	assert_int_equal(
		finode_session_attach(session, fds[0], &(struct fuse_custom_io){0}),
		-EINVAL);
	assert_int_equal(finode_session_attach(session, fds[0], NULL), 0);
	assert_int_equal(finode_session_attach(session, fds[0], NULL), -EALREADY);
	assert_int_equal(finode_session_mount(session, "/nowhere"), -EALREADY);
	finode_session_destroy(session);
	assert_int_equal(read(fds[1], &byte, 1), 0); /* the other end is closed */
	close(fds[1]);
	world_finish(&w, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_session_tells_what_the_kernel_offered),
		cmocka_unit_test(test_the_kernel_is_asked_for_parallel_lookups),
		cmocka_unit_test(
			test_parallel_lookups_are_not_asked_for_where_nobody_wants_them),
		cmocka_unit_test(test_passthrough_is_asked_for_where_it_can_be_had),
		cmocka_unit_test(test_the_authors_init_has_the_last_word),
		cmocka_unit_test(test_c_tmpfile_counts_one_and_can_be_linked_later),
		cmocka_unit_test(
			test_statx_arrives_with_its_arguments_and_tells_the_birth_time),
		cmocka_unit_test(test_statx_tells_of_an_open_file),
		cmocka_unit_test(test_syncfs_arrives_with_its_root),
		cmocka_unit_test(test_operations_that_the_author_has_not_are_enosys),
		cmocka_unit_test(test_an_ioctl_is_never_taken_for_something_else),
		cmocka_unit_test(test_the_authors_own_ioctl_still_works),
		cmocka_unit_test(test_malformed_messages_do_not_reach_libfuse),
		cmocka_unit_test(test_d_forgets_need_no_handler),
		cmocka_unit_test(test_a_server_may_have_file_handles_of_its_own),
		cmocka_unit_test(test_d_a_batch_forget_that_counts_too_much_is_dropped),
		cmocka_unit_test(test_a_negative_entry_is_cached_and_counts_nothing),
		cmocka_unit_test(test_attributes_of_another_type_are_stale),
		cmocka_unit_test(test_a_session_says_what_is_wrong_with_its_config),
		cmocka_unit_test(test_k_a_session_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_a_session_attaches_once_and_closes_what_it_was_given),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
