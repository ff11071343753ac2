/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs that cross between a program and the library, each as a header of another time
 * has it: shorter, longer, or not fit, which is refused with a line in the log. What is not
 * the program's own lies in a page that nobody may touch. And objects that want more
 * alignment than memory has.
 */
#include "support/fence.h"
#include "support/mounts_fixture.h"

#include <stdalign.h>
#include <stdio.h>

#include "base/abi.h"

#define LATER 24 /* bytes that a later version has added */

/* ---- struct finode_config ---- */

/* Makes a table with so many bytes of the fixture's config; the last added one is `last`.
 */
static int start_with_size(struct fixture *f, size_t size, char last)
{
	struct what root = {.fixture = f, .value = 1};
	struct finode_config *config;
	struct fence fence;
	int err;

	f->config.root_arg = &root;
	config = fence_up(&fence, size, &f->config, sizeof(f->config));
	config->size = size;
	if (size > sizeof(*config))
		((char *)config)[size - 1] = last;
	if (size < ABI_UP_TO(struct finode_config, allocator))
		err = finode_table_create(config, &f->table);
	else
		err = fixture_start_with(f, config);
	fence_down(&fence);
	return err;
}

static void test_a_config_may_be_older_or_newer(void **state)
{
	static const size_t sizes[] = {
		ABI_UP_TO(struct finode_config, root_arg),
		offsetof(struct finode_config, log),
		offsetof(struct finode_config, forget_submount_roots),
		sizeof(struct finode_config),
		sizeof(struct finode_config) + LATER,
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fixture f;

		fixture_init(&f);
		assert_int_equal(start_with_size(&f, sizes[i], 0), 0);
		finode_put(must_obtain(&f, 7));
		fixture_finish(&f);
	}
}

static void assert_told(const struct fixture *f, const char *what, const char *words)
{
	assert_int_equal(f->errors, 1);
	if (!strstr(f->last_log, what) || !strstr(f->last_log, words))
		fail_msg("'%s' does not say '%s' and '%s'", f->last_log, what, words);
}

static void test_a_config_that_asks_for_what_is_not_known_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(start_with_size(&f, sizeof(f.config) + LATER, 1), -EINVAL);
	assert_null(f.table);
	assert_told(&f, "config", "does not have");
	assert_int_equal(f.live_allocations, 0);
}

/* What is written to stderr while fn runs, which nobody else may write to. */
static void read_stderr(char *text, size_t size, void (*fn)(void *arg), void *arg)
{
	int pipes[2], saved;
	ssize_t got;

	assert_int_equal(pipe(pipes), 0);
	saved = dup(STDERR_FILENO);
	dup2(pipes[1], STDERR_FILENO);
	fn(arg);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipes[1]);
	got = read(pipes[0], text, size - 1);
	close(pipes[0]);
	text[got > 0 ? got : 0] = '\0';
}

struct start {
	struct fixture f;
	size_t size;
	int err;
};

static void start_one(void *arg)
{
	struct start *start = arg;

	start->err = start_with_size(&start->f, start->size, 0);
}

static void set_size_alone(void *arg)
{
	struct start *start = arg;

	start->f.config.size = start->size;
	start->err = finode_table_create(&start->f.config, &start->f.table);
}

/* It may be too short to say where the log is. */
static void test_a_config_that_lacks_what_is_required_is_refused(void **state)
{
	const size_t least = ABI_UP_TO(struct finode_config, root_arg);
	struct start start;
	char text[200];

	(void)state;
	for (start.size = sizeof(size_t); start.size < least;
	     start.size += sizeof(size_t)) {
		fixture_init(&start.f);
		read_stderr(text, sizeof(text), start_one, &start);
		assert_int_equal(start.err, -EINVAL);
		assert_null(start.f.table);
		assert_non_null(strstr(text, "finode: config has no size"));
	}
	/* Of a struct that nobody has initialised. */
	fixture_init(&start.f);
	start.size = (size_t)&start;
	read_stderr(text, sizeof(text), set_size_alone, &start);
	assert_int_equal(start.err, -EINVAL);
	assert_non_null(strstr(text, "finode: config has no size"));
}

/* ---- struct finode_ops, finode_file_ops, finode_mount_ops ---- */

/* They begin with the same members. */
struct head {
	size_t ops_size, object_size, object_align, base_offset, base_size;
};

#define ASSERT_BEGINS_WITH_HEAD(type_)                                                     \
	_Static_assert(offsetof(type_, ops_size) == 0 &&                                   \
			       offsetof(type_, object_size) ==                             \
				       offsetof(struct head, object_size) &&               \
			       offsetof(type_, object_align) ==                            \
				       offsetof(struct head, object_align) &&              \
			       offsetof(type_, base_offset) ==                             \
				       offsetof(struct head, base_offset) &&               \
			       offsetof(type_, base_size) ==                               \
				       offsetof(struct head, base_size),                   \
		       "struct head is out of date")

ASSERT_BEGINS_WITH_HEAD(struct finode_ops);
ASSERT_BEGINS_WITH_HEAD(struct finode_file_ops);
ASSERT_BEGINS_WITH_HEAD(struct finode_mount_ops);

static const struct kind {
	const char *name;
	size_t pointer_at; /* in struct finode_config */
	size_t size, callbacks;
} kinds[] = {
	{"config.ops", offsetof(struct finode_config, ops), sizeof(struct finode_ops),
	 offsetof(struct finode_ops, init)},
	{"config.file_ops", offsetof(struct finode_config, file_ops),
	 sizeof(struct finode_file_ops), offsetof(struct finode_file_ops, init)},
	{"config.mount_ops", offsetof(struct finode_config, mount_ops),
	 sizeof(struct finode_mount_ops), offsetof(struct finode_mount_ops, init)},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Ops of one kind that do not lie in the program, and a table that is made with them. */
struct trial {
	const struct kind *kind;
	struct mounts_fixture m;
	struct where first;
	struct fence fence;
	struct head *ops;
	int err;
};

static void trial_prepare(struct trial *t, const struct kind *kind, size_t size)
{
	const void *ops;

	t->kind = kind;
	mounts_prepare(&t->m, &t->first);
	memcpy(&ops, (char *)&t->m.f.config + kind->pointer_at, sizeof(ops));
	t->ops = fence_up(&t->fence, size, ops, kind->size);
	t->ops->ops_size = size;
	memcpy((char *)&t->m.f.config + kind->pointer_at, &t->ops, sizeof(t->ops));
}

static void trial_run(struct trial *t)
{
	t->err = fixture_start(&t->m.f);
	fence_down(&t->fence);
}

static void trial_is_accepted(struct trial *t)
{
	trial_run(t);
	assert_int_equal(t->err, 0);
	finode_put(must_obtain(&t->m.f, 7));
	finode_table_destroy(t->m.f.table);
	assert_int_equal(t->m.f.live_allocations, 0);
	assert_int_equal(t->m.f.errors, 0);
}

static void trial_is_refused(struct trial *t, const char *words)
{
	trial_run(t);
	assert_int_equal(t->err, -EINVAL);
	assert_null(t->m.f.table);
	assert_int_equal(t->m.f.live_allocations, 0);
	assert_told(&t->m.f, t->kind->name, words);
}

static void test_ops_may_be_older_or_newer(void **state)
{
	static struct trial t;

	(void)state;
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++)
		for (size_t size = kind->callbacks; size <= kind->size + LATER;
		     size += sizeof(size_t)) {
			trial_prepare(&t, kind, size);
			trial_is_accepted(&t);
		}
}

/* As fences show that nothing is read behind them, callbacks that lie there are not called.
 */
static void test_callbacks_that_older_ops_lack_are_not_called(void **state)
{
	static struct trial t;
	struct finode *inode;

	(void)state;
	trial_prepare(&t, &kinds[0], offsetof(struct finode_ops, match));
	trial_run(&t);
	assert_int_equal(t.err, 0);
	inode = must_obtain(&t.m.f, 7);
	finode_put(must_obtain(&t.m.f, 7));
	finode_put(inode);
	assert_int_equal(t.m.f.inits, 2);
	assert_int_equal(t.m.f.matches, 0);
	assert_int_equal(t.m.f.evicts, 0);
	finode_table_destroy(t.m.f.table);
	assert_int_equal(t.m.f.live_allocations, 0);
}

static void test_ops_that_ask_for_what_is_not_known_are_refused(void **state)
{
	static struct trial t;

	(void)state;
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		trial_prepare(&t, kind, kind->size + LATER);
		memset((char *)t.ops + kind->size, 1, 1);
		trial_is_refused(&t, "does not have");
		trial_prepare(&t, kind, kind->size + LATER);
		memset((char *)t.ops + kind->size + LATER - 1, 1, 1);
		trial_is_refused(&t, "does not have");
	}
}

static void test_ops_that_lack_what_is_required_are_refused(void **state)
{
	static struct trial t;

	(void)state;
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		for (size_t size = 8; size < kind->callbacks; size += sizeof(size_t)) {
			trial_prepare(&t, kind, size);
			trial_is_refused(&t, "has no size");
		}
		trial_prepare(&t, kind, kind->size);
		t.ops->ops_size = 0;
		trial_is_refused(&t, "has no size");
	}
}

static void assert_refused_with(const struct kind *kind, size_t member, size_t value,
				const char *words)
{
	static struct trial t;

	trial_prepare(&t, kind, kind->size);
	memcpy((char *)t.ops + member, &value, sizeof(value));
	trial_is_refused(&t, words);
}

static void test_objects_that_do_not_fit_are_refused_by_the_name_of_the_member(void **state)
{
	static const size_t bad_aligns[] = {0, 1, 2, 3, 24, 8192};

	(void)state;
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		static struct trial t;
		struct head good;

		trial_prepare(&t, kind, kind->size);
		good = *t.ops;
		trial_is_accepted(&t);
		assert_refused_with(kind, offsetof(struct head, base_size),
				    good.base_size - 8, ".base_size");
		assert_refused_with(kind, offsetof(struct head, base_size), 0,
				    ".base_size");
		assert_refused_with(kind, offsetof(struct head, base_size), SIZE_MAX,
				    ".object_size");
		assert_refused_with(kind, offsetof(struct head, object_size),
				    good.base_size - 8, ".object_size");
		/* Rounded up, these would be small. */
		assert_refused_with(kind, offsetof(struct head, object_size), SIZE_MAX,
				    ".object_size");
		assert_refused_with(kind, offsetof(struct head, object_size), SIZE_MAX - 15,
				    ".object_size");
		assert_refused_with(kind, offsetof(struct head, base_offset),
				    good.object_size - good.base_size + 8, ".base_offset");
		assert_refused_with(kind, offsetof(struct head, base_offset), SIZE_MAX - 7,
				    ".base_offset");
		assert_refused_with(kind, offsetof(struct head, base_offset), 1,
				    ".base_offset");
		for (unsigned int i = 0; i < sizeof(bad_aligns) / sizeof(bad_aligns[0]);
		     i++)
			assert_refused_with(kind, offsetof(struct head, object_align),
					    bad_aligns[i], ".object_align");
	}
}

/* The base has grown in its header, but not beyond the object. */
static void test_a_base_may_be_newer(void **state)
{
	static struct trial t;

	(void)state;
	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		trial_prepare(&t, kind, kind->size);
		t.ops->base_size += sizeof(void *);
		trial_is_accepted(&t);
	}
}

/* ---- Alignment ---- */

struct aligned_inode {
	char first;
	struct finode base;
	alignas(64) char line[64];
};

struct aligned_file {
	struct finode_file base;
	alignas(256) char lines[256];
};

struct aligned_mount {
	uint64_t words[3];
	struct finode_mount base;
	alignas(4096) char page[1];
};

static const struct finode_ops aligned_ops = {FINODE_OPS_FOR(struct aligned_inode, base)};
static const struct finode_file_ops aligned_file_ops = {
	FINODE_FILE_OPS_FOR(struct aligned_file, base)};
static const struct finode_mount_ops aligned_mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct aligned_mount, base)};

static bool is_aligned(const void *object, size_t align)
{
	return (uintptr_t)object % align == 0;
}

#define KEYS 64 /* of 1 byte and more, so that there is something of each size behind */

struct aligned {
	struct fixture f;
	struct finode *inodes[2 * KEYS];
	struct finode_file *files[KEYS];
	struct finode_mount *mount;
};

static void aligned_create(struct aligned *a, bool sparing, bool aliases)
{
	memset(a, 0, sizeof(*a));
	fixture_init(&a->f);
	a->f.sparing = sparing;
	a->f.config.ops = &aligned_ops;
	a->f.config.file_ops = &aligned_file_ops;
	a->f.config.mount_ops = &aligned_mount_ops;
	a->f.config.aliases = aliases;
	a->f.config.shards = 1; /* as much stays of each round */
	assert_int_equal(fixture_start(&a->f), 0);
}

/* Odd ones are directories, whose nodes are longer. */
static struct finode *obtain_of_size(struct finode_mount *mount, size_t size)
{
	const unsigned char bytes[KEYS] = {(unsigned char)size};
	struct finode_key key = {bytes, size, size % 2 ? S_IFDIR : S_IFREG, 0};
	struct finode *inode;

	assert_int_equal(finode_obtain(mount, key, NULL, &inode, NULL), 0);
	return inode;
}

/* What is written to all of each object disturbs nobody else's. */
static void aligned_fill(struct aligned *a)
{
	const struct finode_mount_id id = {{7, 7}};
	struct finode *root = finode_table_root(a->f.table);

	assert_int_equal(finode_mount_obtain(root->mount, &id, NULL, &a->mount, NULL), 0);
	for (unsigned int i = 0; i < KEYS; i++) {
		struct finode *inode = obtain_of_size(root->mount, i + 1);
		struct finode_file *file;

		a->inodes[i] = inode;
		a->inodes[KEYS + i] = obtain_of_size(a->mount, i + 1);
		assert_int_equal(finode_file_open(inode, NULL, &file), 0);
		a->files[i] = file;
		memset(FINODE_CONTAINER_OF(inode, struct aligned_inode, base)->line, 'i',
		       64);
		memset(FINODE_CONTAINER_OF(file, struct aligned_file, base)->lines, 'f',
		       256);
	}
	FINODE_CONTAINER_OF(a->mount, struct aligned_mount, base)->page[0] = 'm';
}

static void aligned_assert(struct aligned *a)
{
	const struct finode *root = finode_table_root(a->f.table);

	assert_true(is_aligned(FINODE_CONTAINER_OF(root, struct aligned_inode, base), 64));
	for (unsigned int i = 0; i < 2 * KEYS; i++)
		assert_true(is_aligned(
			FINODE_CONTAINER_OF(a->inodes[i], struct aligned_inode, base), 64));
	for (unsigned int i = 0; i < KEYS; i++)
		assert_true(is_aligned(
			FINODE_CONTAINER_OF(a->files[i], struct aligned_file, base), 256));
	assert_true(is_aligned(FINODE_CONTAINER_OF(a->mount, struct aligned_mount, base),
			       4096));
	assert_true(is_aligned(FINODE_CONTAINER_OF(root->mount, struct aligned_mount, base),
			       4096));
	assert_table_clean(&a->f);
}

static void aligned_empty(struct aligned *a)
{
	for (unsigned int i = 0; i < KEYS; i++) {
		assert_int_equal(finode_file_close(a->f.table, a->files[i]->fh), 0);
		finode_file_put(a->files[i]);
		finode_put(a->inodes[i]);
		finode_put(a->inodes[KEYS + i]);
	}
	finode_mount_put(a->mount);
}

static void test_objects_are_aligned_as_their_type_wants(void **state)
{
	static struct aligned a;

	(void)state;
	for (unsigned int way = 0; way < 4; way++) {
		uint64_t bytes;

		aligned_create(&a, way & 1, way & 2);
		/* What stays is there after the first round. */
		aligned_fill(&a);
		aligned_empty(&a);
		bytes = stats_of(&a.f).bytes;
		aligned_fill(&a);
		aligned_assert(&a);
		assert_true(stats_of(&a.f).bytes >
			    bytes + 2 * KEYS * sizeof(struct aligned_inode) +
				    KEYS * sizeof(struct aligned_file) +
				    sizeof(struct aligned_mount));
		aligned_empty(&a);
		assert_int_equal(stats_of(&a.f).bytes, bytes);
		fixture_finish(&a.f);
	}
}

static void test_k_an_aligned_object_that_gets_no_memory_leaves_nothing(void **state)
{
	static struct aligned a;
	const uint64_t number = 7;
	struct finode *root, *inode;
	struct finode_file *file;
	uint64_t bytes;
	int err = -ENOMEM;

	(void)state;
	aligned_create(&a, true, false);
	root = finode_table_root(a.f.table);
	for (long n = 0; err == -ENOMEM; n++) {
		bytes = stats_of(&a.f).bytes;
		a.f.fail_after = n;
		err = finode_obtain(root->mount, key_of(&number, S_IFREG), NULL, &inode,
				    NULL);
		a.f.fail_after = -1;
		assert_true(err == 0 || stats_of(&a.f).bytes <= bytes + 16384);
	}
	assert_int_equal(err, 0);
	bytes = stats_of(&a.f).bytes;
	a.f.fail_after = 0;
	assert_int_equal(finode_file_open(inode, NULL, &file), -ENOMEM);
	a.f.fail_after = -1;
	assert_int_equal(stats_of(&a.f).bytes, bytes);
	finode_put(inode);
	fixture_finish(&a.f);
}

/* ---- struct finode_stats ---- */

static void test_statistics_are_as_long_as_the_caller_knows_them(void **state)
{
	struct finode_stats now;
	struct fixture f;

	(void)state;
	fixture_create(&f);
	finode_put(must_obtain(&f, 7));
	now = stats_of(&f);
	for (size_t size = 0; size <= sizeof(now) + LATER; size += sizeof(size_t)) {
		const size_t known = size < sizeof(now) ? size : sizeof(now);
		char ones[sizeof(now) + LATER];
		struct fence fence;
		char *stats;

		memset(ones, 0xff, sizeof(ones));
		stats = fence_up(&fence, size, ones, sizeof(ones));
		finode_table_stats(f.table, (struct finode_stats *)(void *)stats, size);
		assert_memory_equal(stats, &now, known);
		for (size_t i = known; i < size; i++)
			assert_int_equal(stats[i], 0);
		fence_down(&fence);
	}
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_config_may_be_older_or_newer),
		cmocka_unit_test(test_a_config_that_asks_for_what_is_not_known_is_refused),
		cmocka_unit_test(test_a_config_that_lacks_what_is_required_is_refused),
		cmocka_unit_test(test_ops_may_be_older_or_newer),
		cmocka_unit_test(test_callbacks_that_older_ops_lack_are_not_called),
		cmocka_unit_test(test_ops_that_ask_for_what_is_not_known_are_refused),
		cmocka_unit_test(test_ops_that_lack_what_is_required_are_refused),
		cmocka_unit_test(
			test_objects_that_do_not_fit_are_refused_by_the_name_of_the_member),
		cmocka_unit_test(test_a_base_may_be_newer),
		cmocka_unit_test(test_objects_are_aligned_as_their_type_wants),
		cmocka_unit_test(
			test_k_an_aligned_object_that_gets_no_memory_leaves_nothing),
		cmocka_unit_test(test_statistics_are_as_long_as_the_caller_knows_them),
	};

	return cmocka_run_group_tests_name("core_abi", tests, NULL, NULL);
}
