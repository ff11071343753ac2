/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Detaching a mount: costs its inodes and no others, and finds each of them, whatever they
 * are doing. And the lists that it walks over.
 */
#include "support/mounts_fixture.h"
#include "support/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/object.h"

/* An actor and the one call that it makes. */
struct party {
	struct actor actor;
	struct mounts_fixture *m;
	struct finode_mount *mount;
	struct finode *inode;
	uint64_t number;
	int result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

static void does_detach(struct actor *actor)
{
	finode_mount_detach(party_of(actor)->mount);
}

static void does_put(struct actor *actor)
{
	finode_put(party_of(actor)->inode);
}

static int rekey(struct finode *inode, uint64_t number)
{
	return finode_rekey(inode, key_of(&number, inode->type));
}

static void does_rekey(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = rekey(p->inode, p->number);
}

static void with_names(struct finode_config *config)
{
	config->aliases = true;
}

static struct slot *slot_of(struct finode_table *table, uint64_t nodeid)
{
	struct slot *slot = slots_find(&table->inodes, nodeid);

	if (!slot)
		abort();
	return slot;
}

/* ---- What it costs ---- */

enum { OTHERS = 100000 };
static uint64_t other_ids[OTHERS], other_words[OTHERS];
static void *other_objects[OTHERS];

/* Inodes of the first mount that only the kernel has; whoever looked at one would crash. */
static void hide_others(struct mounts_fixture *m)
{
	for (uint64_t i = 0; i < OTHERS; i++) {
		struct finode *inode = must_obtain_in(m, m->first, 1000 + i, S_IFREG);

		finode_count(inode, 1);
		other_ids[i] = inode->nodeid;
		finode_put(inode);
	}
	for (uint64_t i = 0; i < OTHERS; i++) {
		struct slot *slot = slot_of(m->f.table, other_ids[i]);

		other_words[i] = slot->word;
		other_objects[i] = slot->object;
		slot->object = NULL;
	}
}

static void assert_others_untouched(struct mounts_fixture *m)
{
	for (uint64_t i = 0; i < OTHERS; i++) {
		struct slot *slot = slot_of(m->f.table, other_ids[i]);

		assert_int_equal(slot->word, other_words[i]);
		assert_int_equal(slot->count, 1);
		slot->object = other_objects[i];
	}
}

static void test_detach_touches_no_inode_of_another_mount(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *empty, *mount;

	(void)state;
	mounts_create(&m);
	empty = must_mount(&m, 2);
	mount = must_mount(&m, 3);
	for (uint64_t i = 0; i < 1000; i++) {
		struct finode *inode = must_obtain_in(&m, mount, i, S_IFREG);

		finode_count(inode, 1);
		finode_put(inode);
	}
	hide_others(&m);
	finode_mount_detach(empty);
	finode_mount_detach(mount);
	assert_others_untouched(&m);
	assert_int_equal(m.f.evicts, 1000);
	finode_mount_put(empty);
	finode_mount_put(mount);
	assert_int_equal(m.evicts, 2);
	mounts_finish(&m);
}

/* ---- What it finds ---- */

/* In use, retired, with a name, known by its name only: all lose their key and count. */
static void test_detach_finds_inodes_of_every_kind(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *dir, *used, *retired, *named, *again;
	struct what what = {.fixture = &m.f, .value = 40};
	uint64_t ids[3];

	(void)state;
	mounts_create_with(&m, with_names);
	mount = must_mount(&m, 2);
	dir = must_obtain_in(&m, mount, 10, S_IFDIR);
	used = must_obtain_in(&m, mount, 20, S_IFREG);
	retired = must_obtain_in(&m, mount, 30, S_IFREG);
	finode_retire(retired);
	assert_int_equal(finode_alias_add(dir, "used", used, 1), 0);
	assert_int_equal(finode_obtain_at(dir, "named", S_IFREG, &what, &named, NULL), 0);
	ids[0] = dir->nodeid;
	ids[1] = retired->nodeid;
	ids[2] = named->nodeid;
	finode_count(dir, 1);
	finode_count(retired, 2);
	finode_count(named, 3);
	finode_count(used, 4);
	finode_put(dir);
	finode_put(retired);
	finode_put(named);
	assert_table_clean(&m.f);
	finode_mount_detach(mount);
	for (int i = 0; i < 3; i++)
		assert_null(finode_get(m.f.table, ids[i]));
	assert_int_equal(finode_nlookup(used), 0);
	assert_int_equal(stats_of(&m.f).aliases, 0);
	again = finode_get(m.f.table, used->nodeid);
	assert_ptr_equal(again, used);
	finode_put(again);
	assert_table_clean(&m.f);
	finode_mount_put(mount);
	assert_int_equal(m.evicts, 0); /* the inode in use holds it */
	finode_put(used);
	assert_int_equal(m.evicts, 1);
	assert_int_equal(stats_of(&m.f).inodes, 1);
	mounts_finish(&m);
}

static void test_detach_passes_what_is_being_evicted(void **state)
{
	struct mounts_fixture m;
	struct party puts = {.m = &m};
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	puts.inode = must_obtain_in(&m, mount, 7, S_IFREG);
	finode_put(must_obtain_in(&m, mount, 8, S_IFREG));
	actor_start(&puts.actor, does_put, "put: evict() returned");
	finode_mount_detach(mount);
	assert_table_clean(&m.f);
	finode_mount_put(mount);
	assert_int_equal(m.evicts, 0);
	actor_finish(&puts.actor);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

static void detach_ones_mount(struct finode *base)
{
	if (object_of(base)->value == 7)
		finode_mount_detach(base->mount);
}

/* All others of the mount end after that evict() has returned. */
static void test_f_evict_may_detach_its_own_mount(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *seven;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	m.f.in_evict = detach_ones_mount;
	seven = must_obtain_in(&m, mount, 7, S_IFREG);
	for (uint64_t i = 100; i < 600; i++) {
		struct finode *inode = must_obtain_in(&m, mount, i, S_IFREG);

		finode_count(inode, 1);
		finode_put(inode);
	}
	finode_mount_put(mount);
	finode_put(seven);
	assert_int_equal(m.f.evicts, 501);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

/* ---- Inodes that get another key ---- */

/* A number whose inode is in another shard than that of `inode`. */
static uint64_t number_elsewhere(struct mounts_fixture *m, const struct finode *inode)
{
	for (uint64_t number = 5000;; number++) {
		struct finode *there = must_obtain_in(m, inode->mount, number, S_IFREG);
		bool elsewhere = inode_shard(there) != inode_shard(inode);

		finode_put(there);
		if (elsewhere)
			return number;
	}
}

static void test_detach_finds_what_has_another_key_by_now(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *inode;
	uint64_t nodeid;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	for (uint64_t i = 10; i < 20; i++) {
		inode = must_obtain_in(&m, mount, i, S_IFREG);
		assert_int_equal(rekey(inode, number_elsewhere(&m, inode)), 0);
		assert_table_clean(&m.f);
		assert_int_equal(rekey(inode, i), 0);
		assert_int_equal(rekey(inode, 100 + i), 0);
		nodeid = inode->nodeid;
		finode_count(inode, 1);
		finode_put(inode);
		assert_table_clean(&m.f);
	}
	finode_mount_detach(mount);
	assert_null(finode_get(m.f.table, nodeid));
	assert_int_equal(stats_of(&m.f).inodes, 1);
	finode_mount_put(mount);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

/* It must not get away to a shard that the walk has passed, or into its list again. */
static void rekey_at(const char *point)
{
	struct mounts_fixture m;
	struct party detaches = {.m = &m};
	struct finode *inode;
	uint64_t elsewhere;

	mounts_create(&m);
	detaches.mount = must_mount(&m, 2);
	inode = must_obtain_in(&m, detaches.mount, 7, S_IFREG);
	elsewhere = number_elsewhere(&m, inode);
	actor_start(&detaches.actor, does_detach, point);
	assert_int_equal(rekey(inode, elsewhere), -ESTALE);
	assert_int_equal(rekey(inode, 7), -ESTALE);
	actor_finish(&detaches.actor);
	assert_table_clean(&m.f);
	assert_int_equal(rekey(inode, elsewhere), -ESTALE);
	finode_mount_put(detaches.mount);
	finode_put(inode);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

static void test_no_inode_of_a_detached_mount_gets_another_key(void **state)
{
	(void)state;
	rekey_at("detach: marked");
	rekey_at("detach: taken");
}

/* The other way round: it has its new key when the mount is marked. */
static void test_detach_waits_for_a_new_key(void **state)
{
	struct mounts_fixture m;
	struct party detaches = {.m = &m}, rekeys = {.m = &m};

	(void)state;
	mounts_create(&m);
	detaches.mount = must_mount(&m, 2);
	rekeys.inode = must_obtain_in(&m, detaches.mount, 7, S_IFREG);
	rekeys.number = number_elsewhere(&m, rekeys.inode);
	actor_start(&rekeys.actor, does_rekey, "rekey: allowed, locked");
	actor_start(&detaches.actor, does_detach, NULL);
	assert_false(actor_settle(&detaches.actor));
	actor_finish(&rekeys.actor);
	actor_finish(&detaches.actor);
	assert_int_equal(rekeys.result, 0);
	assert_int_equal(stats_of(&m.f).retired, 1);
	finode_mount_put(detaches.mount);
	finode_put(rekeys.inode);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

/* ---- Many at once ---- */

static void detach_on_a_thread(void *arg, unsigned int number)
{
	struct mounts_fixture *m = arg;

	for (uint64_t i = 0; i < 8; i++) {
		struct finode_mount *mount = find_mount(m, 2 + (i + number / 2) % 8);

		if (mount)
			finode_mount_detach(mount);
		finode_mount_put(mount);
	}
}

/* Each mount by two threads, and all at the same time. */
static void test_several_detaches_at_once(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mounts[8];
	struct finode *kept[8];

	(void)state;
	mounts_create(&m);
	for (uint64_t k = 0; k < 8; k++) {
		mounts[k] = must_mount(&m, 2 + k);
		kept[k] = must_obtain_in(&m, mounts[k], 1, S_IFREG);
		for (uint64_t i = 10; i < 500; i++) {
			struct finode *inode = must_obtain_in(&m, mounts[k], i, S_IFREG);

			finode_count(inode, 1);
			finode_put(inode);
		}
	}
	run_threads(4, detach_on_a_thread, &m);
	assert_table_clean(&m.f);
	assert_int_equal(stats_of(&m.f).mounts_detached, 8);
	assert_int_equal(stats_of(&m.f).inodes, 1 + 8);
	for (int k = 0; k < 8; k++) {
		finode_put(kept[k]);
		finode_mount_put(mounts[k]);
	}
	assert_int_equal(m.evicts, 8);
	mounts_finish(&m);
}

/* Joins, leaves, new keys and detaches at random. */
enum { PLACES = 3, MINE = 40 };

static void churn(void *arg, unsigned int number)
{
	struct mounts_fixture *m = arg;
	struct finode *mine[MINE] = {NULL};
	uint64_t random = 1 + number;

	for (int i = 0; i < 4000; i++) {
		uint64_t r = next_random(&random);
		struct finode **one = &mine[r % MINE];
		struct finode_mount *mount = NULL;

		r >>= 8;
		if (*one && r % 4 == 0) {
			rekey(*one, 1 + (r >> 8) % 300);
		} else if (*one) {
			finode_put(*one);
			*one = NULL;
		} else if (mount_obtain(m, m->first, 2 + r % PLACES, &mount) >= 0) {
			obtain_in(m, mount, 1 + (r >> 8) % 300, S_IFREG, one);
			if (r % 97 == 0)
				finode_mount_detach(mount);
		}
		finode_mount_put(mount);
		if (number == 0 && i % 256 == 0 &&
		    finode_table_check(m->f.table, NULL, 0) != 0)
			m->broken++;
	}
	for (int i = 0; i < MINE; i++)
		finode_put(mine[i]);
}

static void test_lists_are_whole_whatever_comes_and_goes(void **state)
{
	struct mounts_fixture m;

	(void)state;
	mounts_create(&m);
	churn(&m, 0);
	assert_table_clean(&m.f);
	run_threads(4, churn, &m);
	assert_table_clean(&m.f);
	assert_int_equal(stats_of(&m.f).inodes, 1);
	assert_int_equal(stats_of(&m.f).mounts, 1);
	mounts_finish(&m);
}

/* ---- The check of the lists ---- */

static void assert_list_is_broken(struct mounts_fixture *m)
{
	char why[200] = "";

	assert_int_equal(finode_table_check(m->f.table, why, sizeof(why)), -EUCLEAN);
	if (!strstr(why, "its mount does not list it"))
		fail_msg("'%s'", why);
}

static void test_check_notices_a_broken_list(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;
	struct finode *inode;
	struct mount_links *links;
	uint32_t *head, saved;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	/* Three in one shard: the one in the middle has two neighbours. */
	inode = must_obtain_in(&m, mount, 1, S_IFREG);
	for (uint64_t i = 2; i < 100; i++)
		finode_count(must_obtain_in(&m, mount, i, S_IFREG), 1);
	head = mount_head(mount, inode_shard(inode));
	links = mount_links(inode_at(m.f.table, *head));
	links = mount_links(inode_at(m.f.table, links->next));
	assert_true(links->next && links->previous);
#define DAMAGE(what, value)                                                                \
	do {                                                                               \
		saved = (what);                                                            \
		(what) = (value);                                                          \
		assert_list_is_broken(&m);                                                 \
		(what) = saved;                                                            \
		assert_table_clean(&m.f);                                                  \
	} while (0)
	DAMAGE(*head, 0);
	DAMAGE(*head, links->next);
	DAMAGE(links->next, 0);
	DAMAGE(links->next, links->previous);
	DAMAGE(links->previous, 0);
	DAMAGE(links->previous, links->next);
	/* The root has slot 1, and is in another mount. */
	DAMAGE(links->next, 1);
	for (uint64_t i = 2; i < 100; i++) {
		struct finode *again = must_obtain_in(&m, mount, i, S_IFREG);

		finode_put(again);
		finode_put(again);
	}
	finode_put(inode);
	finode_mount_detach(mount);
	finode_mount_put(mount);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detach_touches_no_inode_of_another_mount),
		cmocka_unit_test(test_detach_finds_inodes_of_every_kind),
		cmocka_unit_test(test_detach_passes_what_is_being_evicted),
		cmocka_unit_test(test_f_evict_may_detach_its_own_mount),
		cmocka_unit_test(test_detach_finds_what_has_another_key_by_now),
		cmocka_unit_test(test_no_inode_of_a_detached_mount_gets_another_key),
		cmocka_unit_test(test_detach_waits_for_a_new_key),
		cmocka_unit_test(test_several_detaches_at_once),
		cmocka_unit_test(test_lists_are_whole_whatever_comes_and_goes),
		cmocka_unit_test(test_check_notices_a_broken_list),
	};

	return cmocka_run_group_tests_name("mount_detach", tests, NULL, NULL);
}
