/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs that cross between a program and the glue, each as a header of another time has
 * it (see test_core_abi.c), and what replies and the buffers of directories say.
 */
#include "fakekernel/fakekernel.h"
#include "support/fence.h"
#include "support/fixture.h"

#include <linux/fuse.h>
#include <stdio.h>

#include "base/abi.h"
#include "core/object.h"

#define LATER 24 /* bytes that a later version has added */

/* ---- A server whose structs are what the test wants ---- */

/* How long its struct finode_entry is, and its struct finode_dirbuf; and what is in them.
 */
struct server {
	struct fixture f;
	struct fakekernel *fk;
	struct fk_client c;
	size_t entry_size, dirbuf_size;
	struct finode_entry entry;
	char entry_later, dirbuf_later; /* the last bytes of what is longer than here */
	int dirbuf_init;
	struct finode *file; /* what its names lead to */
};

static struct server *server_of(fuse_req_t req)
{
	return finode_session_of(req)->user;
}

static struct finode_entry *make_entry(const struct server *s, struct fence *fence)
{
	struct finode_entry *entry =
		fence_up(fence, s->entry_size, &s->entry, sizeof(s->entry));

	if (s->entry_size > sizeof(*entry))
		((char *)entry)[s->entry_size - 1] = s->entry_later;
	if (s->entry.size != 0)
		entry->size = s->entry_size;
	return entry;
}

static void serve_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	FINODE_AUTOPUT struct finode *dir = finode_get(s->f.table, parent);
	struct fence fence;

	finode_reply_entry(req, dir, name, s->file, make_entry(s, &fence));
	fence_down(&fence);
}

static void serve_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	FINODE_AUTOPUT struct finode *dir = finode_get(s->f.table, parent);
	struct fence fence;

	(void)mode;
	finode_reply_create(req, dir, name, s->file, make_entry(s, &fence), NULL, fi);
	fence_down(&fence);
}

static int fill(struct server *s, struct finode_dirbuf *buf)
{
	struct fence fence;
	int full = finode_dirbuf_add(buf, "name", 1, s->file, make_entry(s, &fence));

	fence_down(&fence);
	return full;
}

static void serve_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			      struct fuse_file_info *fi)
{
	static const struct finode_dirbuf init = FINODE_DIRBUF_INIT;
	struct server *s = server_of(req);
	FINODE_AUTOPUT struct finode *dir = finode_get(s->f.table, nodeid);
	struct fence fence;
	struct finode_dirbuf *buf = fence_up(&fence, s->dirbuf_size, &init, sizeof(init));

	(void)fi;
	buf->struct_size = s->dirbuf_size;
	if (s->dirbuf_later)
		((char *)buf)[s->dirbuf_size - 1] = s->dirbuf_later;
	s->dirbuf_init = finode_dirbuf_init(buf, dir, size, 1);
	if (!s->dirbuf_init && off == 0)
		fill(s, buf);
	if (s->dirbuf_init)
		finode_reply_err(req, s->dirbuf_init);
	else
		finode_dirbuf_reply(buf, req);
	fence_down(&fence);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = serve_lookup,
	.create = serve_create,
	.readdirplus = serve_readdirplus,
};

static struct finode_session_config server_config(struct server *s)
{
	struct finode_session_config config = FINODE_SESSION_CONFIG_INIT;

	config.table = s->f.table;
	config.ops = &operations;
	config.ops_size = sizeof(operations);
	config.user = s;
	return config;
}

static void server_prepare(struct server *s)
{
	memset(s, 0, sizeof(*s));
	fixture_create(&s->f);
	s->file = must_obtain(&s->f, 7);
	s->entry_size = sizeof(s->entry);
	s->dirbuf_size = sizeof(struct finode_dirbuf);
	s->entry = (struct finode_entry)FINODE_ENTRY_INIT;
	s->entry.attr.st_mode = S_IFREG | 0600;
	s->entry.attr.st_ino = 7;
}

static void server_connect(struct server *s)
{
	const struct fk_options options = {.server = server_config(s), .workers = 1};

	s->fk = fk_start(&options);
	assert_non_null(s->fk);
	fk_client_init(&s->c, s->fk, 1);
}

static void server_begin(struct server *s)
{
	server_prepare(s);
	server_connect(s);
}

static void server_end(struct server *s)
{
	if (s->fk)
		fk_stop(s->fk, false);
	finode_put(s->file);
	fixture_finish(&s->f);
}

/* ---- Requests ---- */

static int look_up(struct server *s, struct fuse_entry_out *out)
{
	ssize_t got =
		fk_raw(&s->c, FUSE_LOOKUP, 1, "name", sizeof("name"), out, sizeof(*out));

	return got == sizeof(*out) ? 0 : (int)got;
}

static int create(struct server *s, struct fuse_entry_out *out)
{
	struct {
		struct fuse_create_in in;
		char name[8];
	} in = {.name = "name"};
	char reply[sizeof(*out) + sizeof(struct fuse_open_out)];
	ssize_t got =
		fk_raw(&s->c, FUSE_CREATE, 1, &in, sizeof(in.in) + 5, reply, sizeof(reply));

	memcpy(out, reply, sizeof(*out));
	return got == sizeof(reply) ? 0 : (int)got;
}

/* The entry of the only name. */
static int read_dir(struct server *s, struct fuse_entry_out *out)
{
	const struct fuse_read_in in = {.size = 4096};
	char reply[4096];
	ssize_t got =
		fk_raw(&s->c, FUSE_READDIRPLUS, 1, &in, sizeof(in), reply, sizeof(reply));

	memcpy(out, reply, sizeof(*out));
	return got > (ssize_t)sizeof(*out) ? 0 : (int)got;
}

static const struct {
	int (*request)(struct server *s, struct fuse_entry_out *out);
	int refused; /* what it returns of a bad entry: READDIRPLUS lists the name */
} requests[] = {{look_up, -EIO}, {create, -EIO}, {read_dir, 0}};

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

static void entries_are_accepted(struct server *s)
{
	for (unsigned int i = 0; i < REQUESTS; i++) {
		uint64_t before = finode_nlookup(s->file);
		struct fuse_entry_out out = {0};

		assert_int_equal(requests[i].request(s, &out), 0);
		assert_int_equal(out.nodeid, s->file->nodeid);
		assert_int_equal(finode_nlookup(s->file), before + 1);
	}
	assert_int_equal(s->f.logs, 0);
	assert_int_equal(stats_of(&s->f).entries_refused, 0);
}

static void entries_are_refused(struct server *s)
{
	for (unsigned int i = 0; i < REQUESTS; i++) {
		struct fuse_entry_out out = {.nodeid = 1};

		assert_int_equal(requests[i].request(s, &out), requests[i].refused);
		assert_true(requests[i].refused || out.nodeid == 0);
		assert_int_equal(finode_nlookup(s->file), 0);
		assert_int_equal(stats_of(&s->f).entries_refused, i + 1);
	}
	assert_int_equal(s->f.logs, 1);
	assert_non_null(strstr(s->f.last_log, "struct finode_entry"));
}

/* ---- struct finode_entry ---- */

static void test_an_entry_may_be_older_or_newer(void **state)
{
	static const size_t sizes[] = {
		offsetof(struct finode_entry, reserved),
		sizeof(struct finode_entry),
		sizeof(struct finode_entry) + LATER,
	};
	static struct server s;

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		server_begin(&s);
		s.entry_size = sizes[i];
		entries_are_accepted(&s);
		server_end(&s);
	}
}

static void test_an_entry_that_asks_for_what_is_not_known_is_refused(void **state)
{
	static struct server s;

	(void)state;
	server_begin(&s);
	s.entry_size += LATER;
	s.entry_later = 1;
	entries_are_refused(&s);
	server_end(&s);
	/* A member of a later version that lies in what is room here. */
	server_begin(&s);
	s.entry.reserved = 1;
	entries_are_refused(&s);
	server_end(&s);
}

static void test_an_entry_that_lacks_its_size_is_refused(void **state)
{
	static struct server s;

	(void)state;
	server_begin(&s);
	s.entry.size = 0;
	entries_are_refused(&s);
	server_end(&s);
}

static void test_attr_flags_reach_the_kernel_but_for_the_librarys_own(void **state)
{
	static struct server s;

	(void)state;
	server_begin(&s);
	s.entry.attr_flags = FUSE_ATTR_DAX | FUSE_ATTR_SUBMOUNT | 1u << 20;
	for (unsigned int i = 0; i < REQUESTS; i++) {
		struct fuse_entry_out out = {0};

		assert_int_equal(requests[i].request(&s, &out), 0);
		assert_int_equal(out.attr.flags, FUSE_ATTR_DAX | 1u << 20);
	}
	server_end(&s);
}

/* ---- struct finode_dirbuf ---- */

static void test_a_dirbuf_may_be_older_or_newer(void **state)
{
	static const size_t sizes[] = {
		offsetof(struct finode_dirbuf, reserved),
		sizeof(struct finode_dirbuf),
		sizeof(struct finode_dirbuf) + LATER,
	};
	static struct server s;

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fuse_entry_out out = {0};

		server_begin(&s);
		s.dirbuf_size = sizes[i];
		assert_int_equal(read_dir(&s, &out), 0);
		assert_int_equal(s.dirbuf_init, 0);
		assert_int_equal(out.nodeid, s.file->nodeid);
		server_end(&s);
	}
}

static void dirbuf_is_refused(size_t size, char later, const char *words)
{
	static struct server s;
	struct fuse_entry_out out;

	server_begin(&s);
	s.dirbuf_size = size;
	s.dirbuf_later = later;
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(read_dir(&s, &out), -EINVAL);
		assert_int_equal(s.dirbuf_init, -EINVAL);
	}
	assert_int_equal(s.f.errors, 1);
	assert_int_equal(stats_of(&s.f).calls_refused, 2);
	assert_non_null(strstr(s.f.last_log, "struct finode_dirbuf"));
	assert_non_null(strstr(s.f.last_log, words));
	server_end(&s);
}

static void test_a_dirbuf_that_does_not_fit_is_refused(void **state)
{
	const size_t least = ABI_UP_TO(struct finode_dirbuf, plus);

	(void)state;
	for (size_t size = sizeof(size_t); size < least; size += sizeof(size_t))
		dirbuf_is_refused(size, 0, "has no size");
	dirbuf_is_refused(sizeof(struct finode_dirbuf), 1, "does not have");
	dirbuf_is_refused(sizeof(struct finode_dirbuf) + LATER, 1, "does not have");
}

static void test_a_dirbuf_without_its_size_is_refused(void **state)
{
	struct fixture f;
	struct finode_dirbuf buf = {0};

	(void)state;
	fixture_create(&f);
	assert_int_equal(finode_dirbuf_init(&buf, finode_table_root(f.table), 4096, 0),
			 -EINVAL);
	assert_int_equal(f.errors, 1);
	finode_dirbuf_drop(&buf);
	fixture_finish(&f);
}

/* What fits is what can be added, for names of every length and every rest. */
static void test_what_fits_in_a_dirbuf_can_be_added(void **state)
{
	struct finode_entry entry = FINODE_ENTRY_INIT;
	char name[FINODE_NAME_MAX + 1];
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	entry.attr.st_mode = S_IFREG;
	for (size_t size = 0; size <= 1000; size += 7) {
		for (size_t length = 1; length <= FINODE_NAME_MAX; length++) {
			int plus = (size + length) % 2;
			FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;
			bool fits;

			memset(name, 'n', length);
			name[length] = '\0';
			assert_false(finode_dirbuf_fits(&buf, name));
			assert_int_equal(finode_dirbuf_init(&buf,
							    finode_table_root(f.table),
							    size, plus),
					 0);
			do {
				fits = finode_dirbuf_fits(&buf, name);
				assert_int_equal(
					finode_dirbuf_add(&buf, name, 1, inode, &entry),
					!fits);
			} while (fits);
		}
	}
	assert_int_equal(finode_nlookup(inode), 0);
	finode_put(inode);
	fixture_finish(&f);
}

/* A handler that returns early. */
static void leave_early(struct fixture *f, struct finode *inode)
{
	const struct finode_entry entry = FINODE_ENTRY(.attr = {.st_mode = S_IFREG});
	FINODE_AUTO_DIRBUF struct finode_dirbuf never_begun = FINODE_DIRBUF_INIT;
	FINODE_AUTO_DIRBUF struct finode_dirbuf buf = FINODE_DIRBUF_INIT;

	(void)never_begun;
	assert_int_equal(finode_dirbuf_init(&buf, finode_table_root(f->table), 4096, 1), 0);
	assert_int_equal(finode_dirbuf_add(&buf, "a", 1, inode, &entry), 0);
	assert_int_equal(finode_dirbuf_add(&buf, "b", 2, inode, &entry), 0);
	assert_int_equal(finode_nlookup(inode), 2);
}

static void test_c_a_dirbuf_that_goes_out_of_scope_takes_its_counts_back(void **state)
{
	struct fixture f;
	struct finode *inode;
	long allocations;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	allocations = f.live_allocations;
	leave_early(&f, inode);
	assert_int_equal(finode_nlookup(inode), 0);
	assert_int_equal(f.live_allocations, allocations);
	finode_put(inode);
	fixture_finish(&f);
}

/* ---- struct finode_session_config ---- */

static int create_session(const struct finode_session_config *config)
{
	char *argv[] = {"test", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct finode_session *session;
	int err = finode_session_create(&args, config, &session);

	if (err)
		assert_null(session);
	finode_session_destroy(session);
	fuse_opt_free_args(&args);
	return err;
}

static int create_session_with_size(struct server *s, size_t size, char later)
{
	const struct finode_session_config good = server_config(s);
	struct fence fence;
	struct finode_session_config *config = fence_up(&fence, size, &good, sizeof(good));
	int err;

	config->size = size;
	if (size > sizeof(good))
		((char *)config)[size - 1] = later;
	err = create_session(config);
	fence_down(&fence);
	return err;
}

static void test_the_config_of_a_session_may_be_older_or_newer(void **state)
{
	static const size_t sizes[] = {
		ABI_UP_TO(struct finode_session_config, user),
		offsetof(struct finode_session_config, passthrough),
		sizeof(struct finode_session_config),
		sizeof(struct finode_session_config) + LATER,
	};
	static struct server s;

	(void)state;
	server_prepare(&s);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(create_session_with_size(&s, sizes[i], 0), 0);
	assert_int_equal(s.f.logs, 0);
	server_end(&s);
}

static char fuse_line[300];
static unsigned int fuse_lines;

__attribute__((format(printf, 2, 0))) static void take_fuse_log(enum fuse_log_level level,
								const char *format,
								va_list args)
{
	if (level > FUSE_LOG_ERR)
		return;
	vsnprintf(fuse_line, sizeof(fuse_line), format, args);
	fuse_lines++;
}

static void assert_told_by_libfuse(const char *words)
{
	assert_int_equal(fuse_lines, 1);
	if (!strstr(fuse_line, words))
		fail_msg("'%s' does not say '%s'", fuse_line, words);
	fuse_lines = 0;
}

/* There is no log but libfuse's where nobody knows the table. */
static void test_a_config_that_does_not_say_its_table_is_refused(void **state)
{
	const size_t least = ABI_UP_TO(struct finode_session_config, user);
	struct finode_session_config config;
	static struct server s;

	(void)state;
	server_prepare(&s);
	fuse_set_log_func(take_fuse_log);
	for (size_t size = sizeof(size_t); size < least; size += sizeof(size_t)) {
		assert_int_equal(create_session_with_size(&s, size, 0), -EINVAL);
		assert_told_by_libfuse("the session's config has no size");
	}
	config = server_config(&s);
	config.table = NULL;
	assert_int_equal(create_session(&config), -EINVAL);
	assert_told_by_libfuse("the session's config.table is missing");
	fuse_set_log_func(NULL);
	assert_int_equal(s.f.logs, 0);
	server_end(&s);
}

static void session_is_refused(const struct finode_session_config *change, size_t size,
			       const char *words)
{
	static struct server s;
	struct finode_session_config config = *change;
	int err;

	server_prepare(&s);
	config.table = s.f.table;
	for (unsigned int i = 0; i < 2; i++) {
		err = size > sizeof(config) ? create_session_with_size(&s, size, 1)
					    : create_session(&config);
		assert_int_equal(err, -EINVAL);
	}
	assert_int_equal(s.f.errors, 1);
	assert_int_equal(stats_of(&s.f).calls_refused, 2);
	if (!strstr(s.f.last_log, words))
		fail_msg("'%s' does not say '%s'", s.f.last_log, words);
	server_end(&s);
}

static void test_a_session_that_cannot_be_is_refused_in_the_log_of_its_table(void **state)
{
	struct finode_session_config config = FINODE_SESSION_CONFIG_INIT;

	(void)state;
	session_is_refused(&config, sizeof(config), ".ops");
	config.ops = &operations;
	session_is_refused(&config, sizeof(config), "ops_size");
	session_is_refused(&config, sizeof(config) + LATER, "does not have");
}

static void test_arguments_that_libfuse_refuses_are_told(void **state)
{
	char *argv[] = {"test", "-o", "no_such_option", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct finode_session_config config;
	struct finode_session *session;
	static struct server s;

	(void)state;
	server_prepare(&s);
	config = server_config(&s);
	fuse_set_log_func(take_fuse_log);
	assert_int_equal(finode_session_create(&args, &config, &session), -EINVAL);
	fuse_set_log_func(NULL);
	assert_int_equal(s.f.errors, 1);
	assert_non_null(strstr(s.f.last_log, "libfuse"));
	assert_int_equal(stats_of(&s.f).calls_refused, 1);
	fuse_opt_free_args(&args);
	server_end(&s);
}

static void test_a_transport_that_cannot_read_or_write_is_told(void **state)
{
	const struct fuse_custom_io none = {0};
	char *argv[] = {"test", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct finode_session_config config;
	struct finode_session *session;
	static struct server s;

	(void)state;
	server_prepare(&s);
	config = server_config(&s);
	assert_int_equal(finode_session_create(&args, &config, &session), 0);
	assert_int_equal(finode_session_attach(session, STDIN_FILENO, &none), -EINVAL);
	assert_int_equal(s.f.errors, 1);
	assert_non_null(strstr(s.f.last_log, "finode_session_attach()"));
	assert_int_equal(stats_of(&s.f).calls_refused, 1);
	finode_session_destroy(session);
	fuse_opt_free_args(&args);
	server_end(&s);
}

static void test_a_notification_of_what_is_no_name_is_told(void **state)
{
	static struct server s;

	(void)state;
	server_begin(&s);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(finode_notify_inval_entry(fk_session(s.fk), 1, "a/b"),
				 -EINVAL);
	assert_int_equal(s.f.errors, 1);
	assert_non_null(strstr(s.f.last_log, "finode_notify_"));
	assert_int_equal(stats_of(&s.f).calls_refused, 2);
	server_end(&s);
}

/* ---- struct finode_session_stats ---- */

static void test_a_sessions_statistics_are_as_long_as_the_caller_knows_them(void **state)
{
	struct finode_session_stats now;
	static struct server s;

	(void)state;
	server_begin(&s);
	assert_int_equal(finode_notify_inval_inode(fk_session(s.fk), 99, -1, 0), 0);
	assert_int_equal(finode_notify_flush(fk_session(s.fk)), 0);
	finode_session_stats(fk_session(s.fk), &now, sizeof(now));
	assert_int_equal(now.notify[FINODE_NOTIFY_INVAL_INODE].queued, 1);
	for (size_t size = 0; size <= sizeof(now) + LATER; size += 8) {
		const size_t known = size < sizeof(now) ? size : sizeof(now);
		char ones[sizeof(now) + LATER];
		struct fence fence;
		char *stats;

		memset(ones, 0xff, sizeof(ones));
		stats = fence_up(&fence, size, ones, sizeof(ones));
		finode_session_stats(fk_session(s.fk), (void *)stats, size);
		assert_memory_equal(stats, &now, known);
		for (size_t i = known; i < size; i++)
			assert_int_equal(stats[i], 0);
		fence_down(&fence);
	}
	server_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_entry_may_be_older_or_newer),
		cmocka_unit_test(test_an_entry_that_asks_for_what_is_not_known_is_refused),
		cmocka_unit_test(test_an_entry_that_lacks_its_size_is_refused),
		cmocka_unit_test(test_attr_flags_reach_the_kernel_but_for_the_librarys_own),
		cmocka_unit_test(test_a_dirbuf_may_be_older_or_newer),
		cmocka_unit_test(test_a_dirbuf_that_does_not_fit_is_refused),
		cmocka_unit_test(test_a_dirbuf_without_its_size_is_refused),
		cmocka_unit_test(test_what_fits_in_a_dirbuf_can_be_added),
		cmocka_unit_test(
			test_c_a_dirbuf_that_goes_out_of_scope_takes_its_counts_back),
		cmocka_unit_test(test_the_config_of_a_session_may_be_older_or_newer),
		cmocka_unit_test(test_a_config_that_does_not_say_its_table_is_refused),
		cmocka_unit_test(
			test_a_session_that_cannot_be_is_refused_in_the_log_of_its_table),
		cmocka_unit_test(test_arguments_that_libfuse_refuses_are_told),
		cmocka_unit_test(test_a_transport_that_cannot_read_or_write_is_told),
		cmocka_unit_test(test_a_notification_of_what_is_no_name_is_told),
		cmocka_unit_test(
			test_a_sessions_statistics_are_as_long_as_the_caller_knows_them),
	};

	return cmocka_run_group_tests_name("glue_abi", tests, NULL, NULL);
}
