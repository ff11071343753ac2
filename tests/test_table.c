/* SPDX-License-Identifier: BSD-3-Clause */
/* The table as a whole: how it is made, how it ends (J), no memory (K), what it shows. */
#include "support/fixture.h"

#include "core/object.h"

static void *counting_nothing(size_t size, void *user)
{
	(void)size;
	(void)user;
	return NULL;
}

static void test_create_says_what_is_wrong_with_a_config(void **state)
{
	static const struct finode_file_ops no_file_sizes;
	static const struct finode_ops no_sizes;
	struct fixture f;
	unsigned int faults = 0;

	(void)state;
#define ASSERT_REFUSED(change)                                                             \
	do {                                                                               \
		fixture_init(&f);                                                          \
		change;                                                                    \
		assert_int_equal(fixture_start(&f), -EINVAL);                              \
		assert_null(f.table);                                                      \
		faults++;                                                                  \
	} while (0)
	ASSERT_REFUSED(f.config.size = 3);
	ASSERT_REFUSED(f.config.ops = NULL);
	ASSERT_REFUSED(f.config.ops = &no_sizes);
	ASSERT_REFUSED(f.config.file_ops = &no_file_sizes);
	ASSERT_REFUSED(f.config.shards = 3);
	ASSERT_REFUSED(f.config.shards = 1 << 17);
	ASSERT_REFUSED(f.config.root_key.mode = S_IFREG);
	ASSERT_REFUSED(f.config.root_key.generation = 1);
	ASSERT_REFUSED(f.config.root_key.bytes = NULL);
	ASSERT_REFUSED(f.config.root_key.size = 0);
	ASSERT_REFUSED(f.config.root_key.size = 256);
	{
		struct finode_allocator half = {counting_nothing, NULL, NULL};

		fixture_init(&f);
		f.config.allocator = &half;
		assert_int_equal(finode_table_create(&f.config, &f.table), -EINVAL);
	}
	assert_int_equal(f.errors, 1); /* of the last one: it is told in the log */
	assert_int_equal(faults, 11);
}

static void test_create_with_the_defaults(void **state)
{
	struct fixture f;
	struct what root = {.fixture = &f, .value = 1};

	(void)state;
	fixture_init(&f);
	f.config.shards = 0;
	f.config.root_arg = &root;
	assert_int_equal(finode_table_create(&f.config, &f.table), 0);
	assert_ptr_equal(finode_table_user(f.table), &f);
	assert_true(root.taken);
	finode_put(must_obtain(&f, 7));
	fixture_finish(&f);
}

static void test_create_fails_as_the_roots_init_does(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.init_error = -ENOTCONN;
	assert_int_equal(fixture_start(&f), -ENOTCONN);
	assert_null(f.table);
	assert_int_equal(f.live_allocations, 0);
}

static void test_destroy_accepts_null(void **state)
{
	(void)state;
	finode_table_destroy(NULL);
}

static void test_j_destroy_waits_for_no_forget(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f);
	for (uint64_t i = 0; i < 100; i++) {
		struct finode *inode = must_obtain(&f, 100 + i);
		struct finode_file *file;

		finode_count(inode, i + 1);
		if (i % 3 == 0)
			finode_retire(inode);
		assert_int_equal(finode_file_open(inode, &f, &file), 0);
		finode_file_put(file);
		finode_put(inode);
	}
	assert_int_equal(f.evicts, 0);
	fixture_finish(&f); /* asserts init == evict */
	assert_int_equal(f.evicts, 101);
	assert_int_equal(f.releases, 100);
	assert_int_equal(f.errors, 0);
}

static void test_j_forget_all_leaves_what_a_request_holds_and_the_root(void **state)
{
	struct fixture f;
	struct finode *held, *idle;
	struct finode_file *file;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	held = must_obtain(&f, 7);
	idle = must_obtain(&f, 8);
	id = idle->nodeid;
	finode_count(held, 9);
	finode_count(idle, 9);
	assert_int_equal(finode_file_open(idle, &f, &file), 0);
	finode_file_put(file);
	finode_put(idle);
	finode_table_forget_all(f.table);
	assert_null(finode_get(f.table, id));
	assert_int_equal(f.evicts, 1);
	assert_int_equal(f.releases, 1);
	assert_int_equal(atomic_load(inode_nlookup(held)), 0);
	assert_int_equal(stats_of(&f).inodes, 2);
	finode_put(held);
	finode_put(must_obtain(&f, 8)); /* ready for another session */
	fixture_finish(&f);
}

static void leak_a_reference(struct fixture *f)
{
	struct finode *inode = NULL;

	if (obtain(f, 7, &inode) < 0)
		return;
	finode_table_destroy(f->table);
	if (f->evicts != 2 || f->live_allocations != 0)
		exit(4);
}

static void leak_a_file(struct fixture *f)
{
	struct finode *inode = NULL;
	struct finode_file *file = NULL;

	if (obtain(f, 7, &inode) < 0 || finode_file_open(inode, f, &file) < 0)
		return;
	finode_put(inode);
	finode_table_destroy(f->table);
	if (f->evicts != 2 || f->releases != 1 || f->live_allocations != 0)
		exit(4);
}

static void test_j_references_that_are_left_are_reported_and_ended(void **state)
{
	(void)state;
	assert_misuse(leak_a_reference);
	assert_misuse(leak_a_file);
}

static void test_k_create_fails_cleanly_at_every_allocation(void **state)
{
	struct fixture f;
	long n;
	int err = -ENOMEM;

	(void)state;
	for (n = 0; err == -ENOMEM; n++) {
		fixture_init(&f);
		f.fail_after = n;
		err = fixture_start(&f);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_null(f.table);
			assert_int_equal(f.live_allocations, 0);
		}
	}
	assert_int_equal(err, 0);
	assert_true(n > 4);
	f.fail_after = -1;
	fixture_finish(&f);
}

/* Obtains until it succeeds, each time with one more allocation allowed. */
static long fail_obtain(struct fixture *f, uint64_t number)
{
	struct finode_stats before = stats_of(f), after;
	struct finode *inode;
	long n;
	int err = -ENOMEM;

	for (n = 0; err == -ENOMEM; n++) {
		f->fail_after = n;
		err = obtain(f, number, &inode);
		f->fail_after = -1;
		if (err != -ENOMEM)
			break;
		after = stats_of(f);
		assert_null(inode);
		assert_int_equal(after.inodes, before.inodes);
		assert_int_equal(after.created, before.created);
		assert_null(find(f, number));
		assert_table_clean(f);
	}
	assert_int_equal(err, WAS_CREATED);
	finode_count(inode, 1);
	finode_put(inode);
	return n;
}

static void test_k_obtain_fails_cleanly_at_every_allocation(void **state)
{
	struct fixture f;
	long failures = 0;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1;
	assert_int_equal(fixture_start(&f), 0);
	/* Enough for new segments of slots and for the index to grow several times. */
	for (uint64_t i = 0; i < 3000; i++)
		failures += fail_obtain(&f, 100 + i);
	assert_true(failures > 3000 + 4);
	fixture_finish(&f);
}

static void test_k_open_fails_cleanly_at_every_allocation(void **state)
{
	struct fixture f;
	struct finode *inode;
	struct finode_file *file;
	int failures = 0;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	for (long n = 0;; n++) {
		int err;

		f.fail_after = n;
		err = finode_file_open(inode, &f, &file);
		f.fail_after = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(file);
		assert_int_equal(stats_of(&f).files, 0);
		assert_int_equal(slot_refs(inode_slot(inode)), 1);
		failures++;
	}
	assert_int_equal(failures, 2); /* the object, and the first segment of slots */
	finode_file_close(f.table, file->fh);
	finode_file_put(file);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_statistics_count_what_happens(void **state)
{
	struct fixture f;
	struct finode_stats before, after;
	struct finode *a, *b;
	uint64_t short_stats[2] = {0, 77};

	(void)state;
	fixture_create(&f);
	before = stats_of(&f);
	assert_int_equal(before.inodes, 1);
	assert_int_equal(before.created, 1);
	a = must_obtain(&f, 7);
	b = must_obtain(&f, 7);
	finode_put(b);
	assert_null(find(&f, 8));
	after = stats_of(&f);
	assert_int_equal(after.inodes, 2);
	assert_int_equal(after.hits, before.hits + 1);
	assert_int_equal(after.misses, before.misses + 2);
	assert_true(after.bytes > before.bytes);
	finode_put(a);
	assert_int_equal(stats_of(&f).evicted, 1);
	/* A program that knows only the first counter. */
	finode_table_stats(f.table, (void *)short_stats, sizeof(short_stats[0]));
	assert_int_equal(short_stats[0], 1);
	assert_int_equal(short_stats[1], 77);
	fixture_finish(&f);
}

static void test_bytes_return_to_where_they_were(void **state)
{
	struct fixture f;
	struct finode *inodes[300];
	uint64_t before;

	(void)state;
	fixture_create(&f);
	finode_put(must_obtain(&f, 7));
	for (int round = 0; round < 2; round++) {
		before = stats_of(&f).bytes;
		for (uint64_t i = 0; i < 300; i++)
			inodes[i] = must_obtain(&f, 100 + i);
		assert_true(stats_of(&f).bytes > before + 300 * sizeof(struct object));
		for (uint64_t i = 0; i < 300; i++)
			finode_put(inodes[i]);
	}
	/* Only the slots, and the index of each shard, have grown for good. */
	assert_int_equal(stats_of(&f).bytes, before);
	fixture_finish(&f);
}

static void test_dump_has_a_line_for_each_inode(void **state)
{
	struct fixture f;
	struct finode *inode;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 0xab);
	finode_count(inode, 3);
	stream = open_memstream(&text, &size);
	assert_int_equal(finode_table_dump(f.table, stream), 0);
	fclose(stream);
	assert_non_null(strstr(text,
			       "nodeid 0x1 generation 0 type 040000 nlookup 0 refs 1 key "
			       "0100000000000000\n"));
	assert_non_null(
		strstr(text, "type 100000 nlookup 3 refs 2 key ab00000000000000\n"));
	free(text);
	finode_put(inode);
	stream = fopen("/dev/full", "w");
	setvbuf(stream, NULL, _IONBF, 0);
	assert_int_equal(finode_table_dump(f.table, stream), -EIO);
	fclose(stream);
	fixture_finish(&f);
}

/* Breaks one thing at a time by hand, and asserts that the check names it. */
static void assert_noticed(struct fixture *f, const char *words)
{
	char why[200] = "";

	assert_int_equal(finode_table_check(f->table, why, sizeof(why)), -EUCLEAN);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
	assert_int_equal(finode_table_check(f->table, NULL, 0), -EUCLEAN);
}

static void test_check_notices_each_kind_of_damage(void **state)
{
	struct fixture f;
	struct finode *inode, *root;
	struct inode_core *core;
	struct slot *slot;
	struct finode_mount other = {0};

	(void)state;
	fixture_create(&f);
	root = finode_table_root(f.table);
	inode = must_obtain(&f, 7);
	core = inode_core(inode);
	slot = inode_slot(inode);
#define DAMAGE(break_it, words, mend_it)                                                   \
	do {                                                                               \
		break_it;                                                                  \
		assert_noticed(&f, words);                                                 \
		mend_it;                                                                   \
		assert_table_clean(&f);                                                    \
	} while (0)
	DAMAGE(inode->library_flags |= INODE_NOT_INDEXED, "retired",
	       inode->library_flags = 0);
	DAMAGE(inode->library_state = LIFE_EVICTING, "state",
	       inode->library_state = LIFE_LIVE);
	DAMAGE(slot->object = root, "leads to nodeid 0x1", slot->object = inode);
	DAMAGE(inode->nodeid ^= 1ull << 40, "its slot", inode->nodeid ^= 1ull << 40);
	DAMAGE(core->hash ^= 1, "hash", core->hash ^= 1);
	DAMAGE(root->generation = 1, "root", root->generation = 0);
	DAMAGE(inode_shard(inode)->inodes++, "inodes", inode_shard(inode)->inodes--);
	DAMAGE(inode_shard(inode)->not_indexed++, "retired",
	       inode_shard(inode)->not_indexed--);
	{
		struct finode_mount *mount = inode->mount;
		struct finode_table another = *f.table;

		other = *mount;
		other.table = &another;
		DAMAGE(inode->mount = &other, "another table", inode->mount = mount);
	}
	{
		/* The slot of a retired inode, which only the walk of the slots can see. */
		finode_retire(inode);
		DAMAGE(slot->object = root, "leads to nodeid 0x1", slot->object = inode;
		       /* the walk, and its second time, kept the references it stopped at
			*/
		       atomic_fetch_sub(&slot->word, 2));
		finode_put(inode);
		inode = must_obtain(&f, 7);
		slot = inode_slot(inode);
	}
	DAMAGE(atomic_store(&slot->word, inode->nodeid >> 32 << 32);
	       inode->library_state = LIFE_EVICTING; finode_count(root, 0);
	       atomic_store(inode_nlookup(inode), 1), "not alive",
	       atomic_store(inode_nlookup(inode), 0);
	       inode->library_state = LIFE_LIVE; slots_publish(slot, 1));
	finode_put(inode);
	fixture_finish(&f);
}

static void test_the_default_log_writes_warnings_to_stderr(void **state)
{
	struct fixture f;
	struct what root = {.fixture = &f, .value = 1};
	char text[200] = "";
	int pipes[2], saved;

	(void)state;
	fixture_init(&f);
	f.config.log = NULL;
	f.config.root_arg = &root;
	assert_int_equal(finode_table_create(&f.config, &f.table), 0);
	assert_int_equal(pipe(pipes), 0);
	saved = dup(STDERR_FILENO);
	dup2(pipes[1], STDERR_FILENO);
	finode_forget(f.table, 99, 1);
	dup2(saved, STDERR_FILENO);
	assert_true(read(pipes[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "finode: FORGET of unknown nodeid 0x63"));
	close(pipes[0]);
	close(pipes[1]);
	close(saved);
	fixture_finish(&f);
}

static void test_the_version_is_the_headers(void **state)
{
	(void)state;
	assert_string_equal(finode_version(), "0.1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_says_what_is_wrong_with_a_config),
		cmocka_unit_test(test_create_with_the_defaults),
		cmocka_unit_test(test_create_fails_as_the_roots_init_does),
		cmocka_unit_test(test_destroy_accepts_null),
		cmocka_unit_test(test_j_destroy_waits_for_no_forget),
		cmocka_unit_test(
			test_j_forget_all_leaves_what_a_request_holds_and_the_root),
		cmocka_unit_test(test_j_references_that_are_left_are_reported_and_ended),
		cmocka_unit_test(test_k_create_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_obtain_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_k_open_fails_cleanly_at_every_allocation),
		cmocka_unit_test(test_statistics_count_what_happens),
		cmocka_unit_test(test_bytes_return_to_where_they_were),
		cmocka_unit_test(test_dump_has_a_line_for_each_inode),
		cmocka_unit_test(test_check_notices_each_kind_of_damage),
		cmocka_unit_test(test_the_default_log_writes_warnings_to_stderr),
		cmocka_unit_test(test_the_version_is_the_headers),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
