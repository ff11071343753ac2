/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Callbacks that call the library, and what they return: each test puts in those that it
 * is about.
 */
#include "support/fixture.h"

#include "core/object.h"

/* An inode and a mount that may each hold others, and put them in their evict(). */
struct item {
	struct finode base;
	struct finode *held, *also;
	uint64_t value;
};

struct volume {
	struct finode_mount base;
	struct finode *held;
};

/* What the callbacks do beside that; all may be NULL. */
static struct {
	int (*init)(struct finode *base, void *arg);
	int (*match)(struct finode *base, void *arg);
	void (*evict)(struct finode *base);
	int (*mount_init)(struct finode_mount *base, void *arg);
	void (*mount_evict)(struct finode_mount *base);
} calls;

static struct item *item_of(struct finode *base)
{
	return FINODE_CONTAINER_OF(base, struct item, base);
}

static struct volume *volume_of(struct finode_mount *base)
{
	return FINODE_CONTAINER_OF(base, struct volume, base);
}

static int item_init(struct finode *base, void *arg)
{
	struct fixture *f = finode_table_user(base->mount->table);

	memcpy(&item_of(base)->value, finode_key_bytes(base, &(size_t){0}),
	       sizeof(uint64_t));
	f->inits++;
	return calls.init ? calls.init(base, arg) : 0;
}

static int item_match(struct finode *base, void *arg)
{
	return calls.match ? calls.match(base, arg) : 1;
}

static void item_evict(struct finode *base)
{
	struct fixture *f = finode_table_user(base->mount->table);

	finode_put(item_of(base)->held);
	finode_put(item_of(base)->also);
	if (calls.evict)
		calls.evict(base);
	f->evicts++;
}

static int volume_init(struct finode_mount *base, void *arg)
{
	return calls.mount_init ? calls.mount_init(base, arg) : 0;
}

static void volume_evict(struct finode_mount *base)
{
	finode_put(volume_of(base)->held);
	if (calls.mount_evict)
		calls.mount_evict(base);
}

static struct finode_ops item_ops = {
	FINODE_OPS_FOR(struct item, base),
	.init = item_init,
	.match = item_match,
	.evict = item_evict,
};

static const struct finode_mount_ops volume_ops = {
	FINODE_MOUNT_OPS_FOR(struct volume, base),
	.init = volume_init,
	.evict = volume_evict,
};

static void prepare(struct fixture *f)
{
	memset(&calls, 0, sizeof(calls));
	fixture_init(f);
	f->config.ops = &item_ops;
	f->config.mount_ops = &volume_ops;
}

static int obtain_in(struct finode_mount *mount, uint64_t number, struct finode **out)
{
	return finode_obtain(mount, key_of(&number, S_IFREG), NULL, out, NULL);
}

static struct finode *must_obtain_in(struct finode_mount *mount, uint64_t number)
{
	struct finode *inode;

	assert_int_equal(obtain_in(mount, number, &inode), 0);
	return inode;
}

static struct finode_mount *first_mount(struct fixture *f)
{
	return finode_table_root(f->table)->mount;
}

static struct finode_mount *must_mount(struct fixture *f)
{
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount;

	assert_int_equal(finode_mount_obtain(first_mount(f), &id, NULL, &mount, NULL), 0);
	return mount;
}

/* ---- What they return ---- */

static int says_try_again(struct finode *base, void *arg)
{
	(void)base;
	(void)arg;
	return -EAGAIN;
}

/* A file with a lease says so, for as long as its holder likes. */
static void test_obtain_returns_whatever_a_callback_does(void **state)
{
	struct finode *inode, *none;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	inode = must_obtain_in(first_mount(&f), 7);
	calls.match = says_try_again;
	calls.init = says_try_again;
	assert_int_equal(obtain_in(first_mount(&f), 7, &none), -EAGAIN);
	assert_null(none);
	assert_int_equal(obtain_in(first_mount(&f), 8, &none), -EAGAIN);
	assert_null(none);
	f.inits--;
	finode_put(inode);
	fixture_finish(&f);
}

static void test_obtain_at_returns_whatever_a_callback_does(void **state)
{
	struct finode *inode, *none, *root;
	struct fixture f;

	(void)state;
	prepare(&f);
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	root = finode_table_root(f.table);
	assert_int_equal(finode_obtain_at(root, "f", S_IFREG, NULL, &inode, NULL), 0);
	calls.match = says_try_again;
	calls.init = says_try_again;
	assert_int_equal(finode_obtain_at(root, "f", S_IFREG, NULL, &none, NULL), -EAGAIN);
	assert_null(none);
	assert_int_equal(finode_obtain_at(root, "g", S_IFREG, NULL, &none, NULL), -EAGAIN);
	assert_null(none);
	f.inits--;
	finode_put(inode);
	fixture_finish(&f);
}

static void lets_go(struct finode *base)
{
	(void)base;
}

static void test_obtain_returns_whatever_rebind_does(void **state)
{
	struct finode_ops ops = item_ops;
	struct finode *inode, *none;
	struct fixture f;

	(void)state;
	prepare(&f);
	ops.unlinked = lets_go;
	ops.rebind = says_try_again;
	f.config.ops = &ops;
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	inode = must_obtain_in(first_mount(&f), 7);
	assert_true(finode_unlinked(inode));
	assert_int_equal(obtain_in(first_mount(&f), 7, &none), -EAGAIN);
	assert_null(none);
	finode_put(inode);
	fixture_finish(&f);
}

/* ---- What they obtain ---- */

static int init_obtains_8(struct finode *base, void *arg)
{
	(void)arg;
	return item_of(base)->value == 8 ? 0
					 : obtain_in(base->mount, 8, &item_of(base)->held);
}

static void test_init_of_the_root_may_obtain_other_inodes(void **state)
{
	struct finode *root, *inode;
	struct fixture f;

	(void)state;
	prepare(&f);
	calls.init = init_obtains_8;
	assert_int_equal(fixture_start(&f), 0);
	root = finode_table_root(f.table);
	assert_int_equal(root->nodeid, FINODE_ROOT_ID);
	assert_int_equal(root->generation, 0);
	inode = must_obtain_in(root->mount, 8);
	assert_ptr_equal(inode, item_of(root)->held);
	finode_put(inode);
	fixture_finish(&f);
	assert_int_equal(f.errors, 0);
}

static int mount_init_obtains_7(struct finode_mount *base, void *arg)
{
	(void)arg;
	return base->parent ? obtain_in(base, 7, &volume_of(base->parent)->held) : 0;
}

/* The root of a mount, say. */
static void test_init_of_a_mount_may_obtain_inodes_in_it(void **state)
{
	struct finode_mount *mount;
	struct finode *inode;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	calls.mount_init = mount_init_obtains_7;
	mount = must_mount(&f);
	inode = volume_of(first_mount(&f))->held;
	volume_of(first_mount(&f))->held = NULL;
	finode_mount_put(mount);
	assert_int_equal(stats_of(&f).mounts, 2); /* the inode holds it */
	assert_table_clean(&f);
	finode_put(inode);
	assert_int_equal(stats_of(&f).mounts, 1);
	fixture_finish(&f);
}

static int mount_init_obtains_and_puts_7(struct finode_mount *base, void *arg)
{
	struct finode *inode;
	int err = obtain_in(base, 7, &inode);

	(void)arg;
	if (!err)
		finode_put(inode);
	return err;
}

static void test_an_inode_that_ends_in_init_of_its_mount_does_not_end_it(void **state)
{
	struct finode_mount *mount;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	calls.mount_init = mount_init_obtains_and_puts_7;
	mount = must_mount(&f);
	assert_int_equal(stats_of(&f).mounts, 2);
	finode_mount_put(mount);
	assert_int_equal(stats_of(&f).mounts, 1);
	fixture_finish(&f);
}

/* What it would get would hold a mount that is freed when this has returned. */
static void mount_evict_obtains_something(struct finode_mount *base)
{
	static const struct finode_mount_id id = {{9, 9}};
	struct fixture *f = finode_table_user(base->table);
	struct finode_mount *mount;
	struct finode *inode;

	if (obtain_in(base, 7, &inode) != -ESTALE || inode ||
	    finode_mount_obtain(base, &id, NULL, &mount, NULL) != -ESTALE || mount)
		f->broken++;
}

static void test_nothing_new_comes_into_a_mount_that_ends(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	calls.mount_evict = mount_evict_obtains_something;
	finode_mount_put(must_mount(&f));
	assert_int_equal(stats_of(&f).mounts, 1);
	assert_int_equal(stats_of(&f).mounts_detached, 0);
	assert_table_clean(&f);
	finode_mount_put(must_mount(&f)); /* its id is free again */
	assert_int_equal(stats_of(&f).mounts_created, 3);
	fixture_finish(&f);
	assert_int_equal(f.errors, 0);
	assert_int_equal(f.broken, 0);
}

static void evict_asks_for_files(struct finode *base)
{
	struct fixture *f = finode_table_user(base->mount->table);

	if (finode_is_open(base) || finode_file_next(base, NULL))
		f->broken++;
}

/* The second and the third wait for the end of the first. */
static void test_evict_may_ask_for_files_of_its_inode(void **state)
{
	struct finode *inode;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	calls.evict = evict_asks_for_files;
	inode = must_obtain_in(first_mount(&f), 7);
	item_of(inode)->held = must_obtain_in(first_mount(&f), 8);
	item_of(inode)->also = must_obtain_in(first_mount(&f), 9);
	finode_put(inode);
	assert_int_equal(f.evicts, 3);
	fixture_finish(&f);
}

/* ---- Long chains ---- */

#define CHAIN 200000

static struct finode *other; /* what evict() asks for */

/* Each holds the next one. */
static struct finode *make_chain(struct fixture *f)
{
	struct finode *inode = NULL;

	for (uint64_t i = 0; i < CHAIN; i++) {
		struct finode *next = inode;

		inode = must_obtain_in(first_mount(f), 1000 + i);
		item_of(inode)->held = next;
	}
	return inode;
}

static void evict_obtains_the_mount(struct finode *base)
{
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount;

	if (finode_mount_obtain(base->mount, &id, NULL, &mount, NULL) == 0)
		finode_mount_put(mount);
}

/* It has put the next one, and that is not to end before it has returned: nobody waits. */
static void test_f_a_chain_ends_on_any_stack_if_evict_obtains_a_mount(void **state)
{
	struct finode_mount *mount;
	struct finode *inode;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	mount = must_mount(&f);
	inode = make_chain(&f);
	calls.evict = evict_obtains_the_mount;
	finode_put(inode);
	assert_int_equal(f.evicts, CHAIN);
	calls.evict = NULL;
	finode_mount_put(mount);
	fixture_finish(&f);
}

static void evict_releases_the_other(struct finode *base)
{
	struct fixture *f = finode_table_user(base->mount->table);

	if (finode_unlinked(other)) /* it has a name */
		f->broken++;
}

static void test_f_a_chain_ends_on_any_stack_if_evict_releases_another(void **state)
{
	struct finode_ops ops = item_ops;
	struct finode *inode;
	struct fixture f;

	(void)state;
	prepare(&f);
	ops.unlinked = lets_go;
	ops.rebind = says_try_again;
	f.config.ops = &ops;
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	other = must_obtain_in(first_mount(&f), 7);
	assert_int_equal(finode_alias_add(finode_table_root(f.table), "f", other, 0), 0);
	inode = make_chain(&f);
	calls.evict = evict_releases_the_other;
	finode_put(inode);
	assert_int_equal(f.evicts, CHAIN);
	calls.evict = NULL;
	finode_put(other);
	fixture_finish(&f);
}

/* ---- At the end of a table ---- */

/*
 * The root has the last inode of a mount, whose object has an inode of the first mount:
 * all of it ends with the root, and nobody is said to have held anything.
 */
static void test_j_a_mount_that_ends_with_the_table_may_put_an_inode(void **state)
{
	struct finode_mount *mount;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	mount = must_mount(&f);
	item_of(finode_table_root(f.table))->held = must_obtain_in(mount, 7);
	volume_of(mount)->held = must_obtain_in(first_mount(&f), 8);
	finode_mount_put(mount);
	fixture_finish(&f);
	assert_int_equal(f.evicts, 3);
	assert_int_equal(f.errors, 0);
}

static void first_mount_keeps_an_inode(struct fixture *f)
{
	finode_table_destroy(f->table);
	prepare(f);
	if (fixture_start(f))
		exit(4);
	if (obtain_in(first_mount(f), 7, &volume_of(first_mount(f))->held))
		exit(4);
	finode_table_destroy(f->table);
	if (f->evicts != 2 || f->live_allocations != 0)
		exit(4);
}

static void mount_that_is_held_keeps_an_inode(struct fixture *f)
{
	const struct finode_mount_id id = {{2, 0}};
	struct finode_mount *mount;

	finode_table_destroy(f->table);
	prepare(f);
	if (fixture_start(f))
		exit(4);
	if (finode_mount_obtain(first_mount(f), &id, NULL, &mount, NULL) ||
	    obtain_in(first_mount(f), 7, &volume_of(mount)->held))
		exit(4);
	finode_table_destroy(f->table);
	if (f->evicts != 2 || f->live_allocations != 0)
		exit(4);
}

/* What is reported is ended all the same, and is there until the last evict(). */
static void test_j_an_inode_that_a_mount_has_kept_is_reported(void **state)
{
	(void)state;
	assert_misuse(first_mount_keeps_an_inode);
	assert_misuse(mount_that_is_held_keeps_an_inode);
}

static void evict_obtains_something(struct finode *base)
{
	struct fixture *f = finode_table_user(base->mount->table);
	const struct finode_mount_id id = {{3, 0}};
	struct finode_mount *mount;
	struct finode *inode;

	if (finode_mount_obtain(base->mount, &id, NULL, &mount, NULL) != -ESTALE ||
	    obtain_in(base->mount, 7, &inode) != -ESTALE)
		f->broken++;
}

static void test_j_nothing_new_comes_into_a_table_that_ends(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_int_equal(fixture_start(&f), 0);
	calls.evict = evict_obtains_something;
	fixture_finish(&f);
	assert_int_equal(f.errors, 0);
}

static void evict_asks_for_the_root(struct finode *base)
{
	struct fixture *f = finode_table_user(base->mount->table);
	struct finode *root = finode_mount_root(base->mount);

	if (base->nodeid == FINODE_ROOT_ID && (root || finode_parent(base)))
		f->broken++;
	finode_put(root);
}

static void test_evict_may_ask_for_the_root_that_ends(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f);
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	calls.evict = evict_asks_for_the_root;
	item_of(finode_table_root(f.table))->held = must_obtain_in(first_mount(&f), 7);
	fixture_finish(&f);
	assert_int_equal(f.errors, 0);
	assert_int_equal(f.broken, 0);
}

/* ---- Their sizes ---- */

/* An object with room for a few bytes behind it. What the library keeps there is aligned.
 */
static void test_objects_may_have_any_size(void **state)
{
	struct finode_ops ops = item_ops;

	(void)state;
	for (size_t more = 1; more < 16; more++) {
		struct finode *dir, *root;
		struct fixture f;

		prepare(&f);
		ops.object_size = sizeof(struct item) + more;
		f.config.ops = &ops;
		f.config.aliases = true;
		assert_int_equal(fixture_start(&f), 0);
		root = finode_table_root(f.table);
		assert_int_equal(finode_obtain(root->mount, key_of(&(uint64_t){7}, S_IFDIR),
					       NULL, &dir, NULL),
				 0);
		memset(item_of(dir) + 1, 0xff, more);
		assert_int_equal(finode_alias_add(root, "d", dir, 0), 0);
		assert_table_clean(&f);
		finode_put(dir);
		fixture_finish(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_obtain_returns_whatever_a_callback_does),
		cmocka_unit_test(test_obtain_at_returns_whatever_a_callback_does),
		cmocka_unit_test(test_obtain_returns_whatever_rebind_does),
		cmocka_unit_test(test_init_of_the_root_may_obtain_other_inodes),
		cmocka_unit_test(test_init_of_a_mount_may_obtain_inodes_in_it),
		cmocka_unit_test(
			test_an_inode_that_ends_in_init_of_its_mount_does_not_end_it),
		cmocka_unit_test(test_nothing_new_comes_into_a_mount_that_ends),
		cmocka_unit_test(test_evict_may_ask_for_files_of_its_inode),
		cmocka_unit_test(test_f_a_chain_ends_on_any_stack_if_evict_obtains_a_mount),
		cmocka_unit_test(
			test_f_a_chain_ends_on_any_stack_if_evict_releases_another),
		cmocka_unit_test(test_j_a_mount_that_ends_with_the_table_may_put_an_inode),
		cmocka_unit_test(test_j_an_inode_that_a_mount_has_kept_is_reported),
		cmocka_unit_test(test_j_nothing_new_comes_into_a_table_that_ends),
		cmocka_unit_test(test_evict_may_ask_for_the_root_that_ends),
		cmocka_unit_test(test_objects_may_have_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
