/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs that cross between a program and this library, each built with a header of its
 * own time: older ones, newer ones, and those that do not fit and are refused with a line
 * in the log. An older struct is followed by poison: bytes that are not the library's to
 * read.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define POISON 0xa5

static char source[] = "/tmp/finode-abi.XXXXXX";

/* ---- The log ---- */

static char line[512];	/* the last error */
static void *line_user; /* and whose it is */
static int lines;

static void log_line(enum finode_log_level level, const char *message, void *user)
{
	if (level != FINODE_LOG_ERROR)
		return;
	snprintf(line, sizeof(line), "%s", message);
	line_user = user;
	lines++;
}

__attribute__((format(printf, 2, 0))) static void log_to_fuse(enum fuse_log_level level,
							      const char *format,
							      va_list list)
{
	if (level != FUSE_LOG_ERR)
		return;
	vsnprintf(line, sizeof(line), format, list);
	line_user = NULL;
	lines++;
}

static struct hostfs_config good_config(void)
{
	struct hostfs_config config = HOSTFS_CONFIG_INIT;

	config.source = source;
	config.fds = 100;
	config.log = log_line;
	config.log_user = line;
	return config;
}

static void is_accepted(const struct hostfs_config *config)
{
	struct hostfs fs;

	lines = 0;
	assert_int_equal(hostfs_init(&fs, config), 0);
	assert_int_equal(lines, 0);
	hostfs_finish(&fs);
}

static void is_refused(const struct hostfs_config *config, const char *what)
{
	struct hostfs fs;

	lines = 0;
	assert_int_equal(hostfs_init(&fs, config), -EINVAL);
	assert_int_equal(lines, 1);
	if (!strstr(line, what))
		fail_msg("the log says \"%s\", not \"%s\"", line, what);
}

/* ---- struct hostfs_config ---- */

static void a_config_one_member_older_is_taken(void **unused)
{
	struct hostfs_config config = good_config();

	(void)unused;
	config.size = offsetof(struct hostfs_config, log_user);
	memset(&config.log_user, POISON, sizeof(config.log_user));
	is_accepted(&config);
	/* What an older program does not know is 0. */
	config.entry_timeout = -1;
	is_refused(&config, "entry_timeout");
	assert_null(line_user);
}

static void the_oldest_config_has_a_source(void **unused)
{
	struct hostfs_config config;

	(void)unused;
	memset(&config, POISON, sizeof(config));
	config.size = offsetof(struct hostfs_config, policy);
	config.source = source;
	is_accepted(&config);
	config.size = offsetof(struct hostfs_config, source);
	is_refused(&config, "config.size");
}

struct newer_config {
	struct hostfs_config known;
	uint64_t unknown;
};

static void a_config_one_member_newer_is_taken_if_that_is_0(void **unused)
{
	struct newer_config config = {good_config(), 0};

	(void)unused;
	config.known.size = sizeof(config);
	is_accepted(&config.known);
	for (int byte = 0; byte < 8; byte++) {
		config.unknown = (uint64_t)1 << (8 * byte);
		is_refused(&config.known, "newer");
		assert_ptr_equal(line_user, line);
	}
}

static void a_config_of_no_size_is_refused(void **unused)
{
	struct hostfs_config config = good_config();

	(void)unused;
	config.size = 0;
	is_refused(&config, "config.size");
	config.size = SIZE_MAX;
	is_refused(&config, "config.size");
}

static void every_refused_config_is_explained(void **unused)
{
	struct hostfs_config config = good_config();

	(void)unused;
	config.source = NULL;
	is_refused(&config, "config.source");
	config = good_config();
	config.policy = HOSTFS_HANDLES + 1;
	is_refused(&config, "config.policy");
	config = good_config();
	config.flags = 1u << 31;
	is_refused(&config, "config.flags");
	config = good_config();
	config.entry_timeout = -1;
	is_refused(&config, "config.entry_timeout");
	config = good_config();
	config.attr_timeout = (double)NAN;
	is_refused(&config, "config.attr_timeout");
	config = good_config();
	config.negative_timeout = -0.5;
	is_refused(&config, "config.negative_timeout");
}

/* ---- struct hostfs_inode_ops ---- */

struct derived {
	int before;
	struct hostfs_inode base;
	int after;
};

static int inits, evicts;

static int derived_init(struct hostfs_inode *base, const struct statx *attr)
{
	struct derived *inode = FINODE_CONTAINER_OF(base, struct derived, base);

	inode->before = inode->after = (int)attr->stx_nlink;
	inits++;
	return 0;
}

static void derived_evict(struct hostfs_inode *base)
{
	(void)base;
	evicts++;
}

static struct hostfs_inode_ops good_ops(void)
{
	return (struct hostfs_inode_ops){
		HOSTFS_INODE_OPS_FOR(struct derived, base),
		.init = derived_init,
		.evict = derived_evict,
	};
}

static void are_accepted(const struct hostfs_inode_ops *ops, int init_count,
			 int evict_count)
{
	struct hostfs_config config = good_config();

	config.inode_ops = ops;
	inits = evicts = 0;
	is_accepted(&config);
	assert_int_equal(inits, init_count);
	assert_int_equal(evicts, evict_count);
}

static void are_refused(const struct hostfs_inode_ops *ops, const char *what)
{
	struct hostfs_config config = good_config();

	config.inode_ops = ops;
	is_refused(&config, what);
	assert_ptr_equal(line_user, line);
}

static void ops_of_an_inode_have_all_sizes(void **unused)
{
	const struct hostfs_inode_ops ops = good_ops();

	(void)unused;
	assert_int_equal(ops.ops_size, sizeof(struct hostfs_inode_ops));
	assert_int_equal(ops.object_size, sizeof(struct derived));
	assert_int_equal(ops.base_offset, offsetof(struct derived, base));
	assert_int_equal(ops.base_size, sizeof(struct hostfs_inode));
	assert_int_equal(ops.object_align, _Alignof(struct derived));
	are_accepted(&ops, 1, 1);
}

static void ops_one_member_older_are_taken(void **unused)
{
	struct hostfs_inode_ops ops = good_ops();

	(void)unused;
	ops.ops_size = offsetof(struct hostfs_inode_ops, evict);
	memset(&ops.evict, POISON, sizeof(ops.evict));
	are_accepted(&ops, 1, 0);
	/* The oldest has the sizes only. */
	memset(&ops.init, POISON, sizeof(ops.init));
	ops.ops_size = offsetof(struct hostfs_inode_ops, init);
	are_accepted(&ops, 0, 0);
	ops.ops_size = offsetof(struct hostfs_inode_ops, object_align);
	are_refused(&ops, "HOSTFS_INODE_OPS_FOR");
	ops.ops_size = SIZE_MAX;
	are_refused(&ops, "HOSTFS_INODE_OPS_FOR");
}

struct newer_ops {
	struct hostfs_inode_ops known;
	void (*unknown)(void);
};

static void ops_one_member_newer_are_taken_if_that_is_0(void **unused)
{
	struct newer_ops ops = {good_ops(), NULL};

	(void)unused;
	ops.known.ops_size = sizeof(ops);
	are_accepted(&ops.known, 1, 1);
	ops.unknown = abort;
	are_refused(&ops.known, "newer");
}

static void a_base_that_does_not_fit_is_refused(void **unused)
{
	struct hostfs_inode_ops ops = good_ops();

	(void)unused;
	/* An older program has left less room than the library needs .. */
	ops.base_size -= sizeof(uint64_t);
	are_refused(&ops, "base_size");
	/* .. and a newer one more. */
	ops.base_size += 2 * sizeof(uint64_t);
	ops.object_size += sizeof(uint64_t);
	are_accepted(&ops, 1, 1);
	ops.object_size = ops.base_offset + ops.base_size - 1;
	are_refused(&ops, "object_size");
	ops = good_ops();
	ops.object_size = ops.base_size - 1;
	are_refused(&ops, "object_size");
	ops = good_ops();
	ops.base_offset = SIZE_MAX;
	are_refused(&ops, "object_size");
	ops = good_ops();
	ops.base_offset -= 1;
	are_refused(&ops, "base_offset");
}

static void an_alignment_that_does_not_fit_is_refused(void **unused)
{
	struct hostfs_inode_ops ops = good_ops();

	(void)unused;
	ops.object_align = 0;
	are_refused(&ops, "object_align");
	ops.object_align = 24;
	are_refused(&ops, "object_align");
	ops.object_align = _Alignof(struct hostfs_inode) / 2;
	are_refused(&ops, "object_align");
	ops.object_align = 2 * _Alignof(max_align_t);
	are_accepted(&ops, 1, 1);
}

/* ---- struct hostfs_stats ---- */

static void an_older_struct_of_stats_is_filled_as_far_as_it_goes(void **unused)
{
	const struct hostfs_config config = good_config();
	const size_t older = offsetof(struct hostfs_stats, as_caller);
	struct hostfs_stats stats, poison;
	struct hostfs fs;

	(void)unused;
	memset(&stats, POISON, sizeof(stats));
	poison = stats;
	assert_int_equal(hostfs_init(&fs, &config), 0);
	hostfs_stats(&fs, &stats, older);
	assert_int_equal(stats.fds_budget, 100);
	assert_true(stats.handles <= 1);
	assert_int_equal(stats.as_caller, poison.as_caller);
	hostfs_stats(&fs, &stats, 0);
	hostfs_finish(&fs);
}

struct newer_stats {
	struct hostfs_stats known;
	uint64_t unknown[2];
};

static void a_newer_struct_of_stats_gets_0_for_what_is_unknown(void **unused)
{
	const struct hostfs_config config = good_config();
	struct newer_stats stats;
	struct hostfs fs;

	(void)unused;
	memset(&stats, POISON, sizeof(stats));
	assert_int_equal(hostfs_init(&fs, &config), 0);
	hostfs_stats(&fs, &stats.known, sizeof(stats));
	assert_int_equal(stats.known.fds_budget, 100);
	assert_true(stats.known.as_caller <= 1);
	assert_int_equal(stats.unknown[0], 0);
	assert_int_equal(stats.unknown[1], 0);
	hostfs_finish(&fs);
}

/* ---- Embedded structs ---- */

static void embedded_structs_have_room_to_grow_and_it_is_0(void **unused)
{
	const struct hostfs_config config = good_config();
	const struct hostfs_caller caller = HOSTFS_CALLER_INIT;
	struct opened opened = {open(source, O_RDONLY | O_CLOEXEC), O_RDONLY, NULL};
	struct finode_file *file;
	struct hostfs fs;

	(void)unused;
	memset(&fs, POISON, sizeof(fs));
	assert_int_equal(hostfs_init(&fs, &config), 0);
	assert_int_equal(fs.reserved[0], 0);
	assert_int_equal(caller.reserved[0], 0);
	assert_int_equal(hostfs_inode(finode_table_root(fs.table))->reserved[0], 0);
	assert_int_equal(hostfs_count_fds(&fs, 1), 0);
	assert_int_equal(finode_file_open(finode_table_root(fs.table), &opened, &file), 0);
	assert_int_equal(hostfs_file(file)->reserved[0], 0);
	finode_file_put(file);
	hostfs_finish(&fs);
	assert_int_equal(fs.reserved[0], 0);
}

static int make_source(void **unused)
{
	(void)unused;
	fuse_set_log_func(log_to_fuse);
	return mkdtemp(source) ? 0 : -1;
}

static int remove_source(void **unused)
{
	(void)unused;
	return rmdir(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_one_member_older_is_taken),
		cmocka_unit_test(the_oldest_config_has_a_source),
		cmocka_unit_test(a_config_one_member_newer_is_taken_if_that_is_0),
		cmocka_unit_test(a_config_of_no_size_is_refused),
		cmocka_unit_test(every_refused_config_is_explained),
		cmocka_unit_test(ops_of_an_inode_have_all_sizes),
		cmocka_unit_test(ops_one_member_older_are_taken),
		cmocka_unit_test(ops_one_member_newer_are_taken_if_that_is_0),
		cmocka_unit_test(a_base_that_does_not_fit_is_refused),
		cmocka_unit_test(an_alignment_that_does_not_fit_is_refused),
		cmocka_unit_test(an_older_struct_of_stats_is_filled_as_far_as_it_goes),
		cmocka_unit_test(a_newer_struct_of_stats_gets_0_for_what_is_unknown),
		cmocka_unit_test(embedded_structs_have_room_to_grow_and_it_is_0),
	};

	return cmocka_run_group_tests(tests, make_source, remove_source);
}
