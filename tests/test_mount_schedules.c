/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mounts in chosen orders of steps: the end of one against a crossing into it, a detach
 * against an inode that is being made, two who meet a new device.
 */
#include "support/mounts_fixture.h"
#include "support/schedule.h"

#include "core/mount.h"

/* An actor and the one call that it makes. */
struct party {
	struct actor actor;
	struct mounts_fixture *m;
	struct finode_mount *mount;
	struct finode *inode;
	uint64_t number, shown;
	int result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

/* A look-up that crosses: the mount, an inode in it, and the mount is put. */
static void does_cross(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = mount_obtain(p->m, p->m->first, p->number, &p->mount);
	if (p->result >= 0)
		p->result = obtain_in(p->m, p->mount, 1, S_IFDIR, &p->inode);
	finode_mount_put(p->mount);
}

static void does_obtain_in(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = obtain_in(p->m, p->mount, 7, S_IFREG, &p->inode);
}

static void does_obtain_mount(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = mount_obtain(p->m, p->m->first, p->number, &p->mount);
}

static void does_put(struct actor *actor)
{
	finode_put(party_of(actor)->inode);
}

static void does_put_mount(struct actor *actor)
{
	finode_mount_put(party_of(actor)->mount);
}

static void does_detach(struct actor *actor)
{
	finode_mount_detach(party_of(actor)->mount);
}

static void does_show(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_mount_ino(p->mount, p->number, 7, &p->shown);
}

static struct party party(struct mounts_fixture *m)
{
	return (struct party){.m = m, .number = 2};
}

/* A mount whose only inode, and reference, is the caller's. */
static struct finode *lonely_inode(struct mounts_fixture *m)
{
	struct finode_mount *mount = must_mount(m, 2);
	struct finode *inode = must_obtain_in(m, mount, 1, S_IFDIR);

	finode_mount_put(mount);
	return inode;
}

/* The last inode has gone, the mount is about to: somebody crosses into it just before. */
static void test_b_a_crossing_saves_a_mount_that_is_about_to_go(void **state)
{
	struct mounts_fixture m;
	struct party ends = party(&m), crosses = party(&m);

	(void)state;
	mounts_create(&m);
	ends.inode = lonely_inode(&m);
	actor_start(&ends.actor, does_put, "mount put: the last, before the lock");
	actor_start(&crosses.actor, does_cross, NULL);
	actor_finish(&crosses.actor);
	actor_finish(&ends.actor);
	assert_int_equal(crosses.result, WAS_CREATED);
	assert_int_equal(m.evicts, 0);
	assert_int_equal(m.inits, 2);
	assert_table_clean(&m.f);
	finode_put(crosses.inode);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

/* The same, when its end has begun: the crossing waits for it and gets a new one. */
static void test_b_a_crossing_waits_for_the_end_of_a_mount(void **state)
{
	struct mounts_fixture m;
	struct party ends = party(&m), crosses = party(&m);

	(void)state;
	mounts_create(&m);
	ends.inode = lonely_inode(&m);
	actor_start(&ends.actor, does_put, "mount: before evict()");
	actor_start(&crosses.actor, does_cross, NULL);
	assert_false(actor_settle(&crosses.actor));
	assert_int_equal(m.inits, 2);
	actor_finish(&ends.actor);
	actor_finish(&crosses.actor);
	assert_int_equal(crosses.result, WAS_CREATED);
	assert_int_equal(m.evicts, 1);
	assert_int_equal(m.inits, 3);
	finode_put(crosses.inode);
	mounts_finish(&m);
}

/* Two who cross first: one makes the mount, the other waits for its init(). */
static void test_b_a_crossing_waits_for_the_init_of_a_mount(void **state)
{
	struct mounts_fixture m;
	struct party first = party(&m), second = party(&m);

	(void)state;
	mounts_create(&m);
	actor_start(&first.actor, does_obtain_mount, "mount: init() returned");
	actor_start(&second.actor, does_obtain_mount, NULL);
	assert_false(actor_settle(&second.actor));
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	assert_int_equal(first.result, WAS_CREATED);
	assert_int_equal(second.result, WAS_FOUND);
	assert_ptr_equal(first.mount, second.mount);
	assert_int_equal(m.inits, 2);
	finode_mount_put(first.mount);
	finode_mount_put(second.mount);
	mounts_finish(&m);
}

/* Whoever waited for an init() that failed tries for themselves. */
static void test_b_who_waited_for_a_failed_init_makes_the_mount(void **state)
{
	struct mounts_fixture m;
	struct party first = party(&m), second = party(&m);

	(void)state;
	mounts_create(&m);
	m.init_error = -EIO;
	actor_start(&first.actor, does_obtain_mount, "mount: init() returned");
	actor_start(&second.actor, does_obtain_mount, NULL);
	assert_false(actor_settle(&second.actor));
	m.init_error = 0;
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	assert_int_equal(first.result, -EIO);
	assert_int_equal(second.result, WAS_CREATED);
	finode_mount_put(second.mount);
	mounts_finish(&m);
}

/* Two drop the last two references at once: one of them is the last, and only one. */
static void test_f_a_mount_is_evicted_once(void **state)
{
	struct mounts_fixture m;
	struct party first = party(&m), second = party(&m);
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	first.mount = second.mount = mount = must_mount(&m, 2);
	actor_start(&first.actor, does_put_mount, "mount put: the last, before the lock");
	finode_mount_hold(mount);
	actor_start(&second.actor, does_put_mount, NULL);
	actor_finish(&second.actor);
	assert_int_equal(m.evicts, 0);
	actor_finish(&first.actor);
	assert_int_equal(m.evicts, 1);
	mounts_finish(&m);
}

/* The walk of a detach passes while init() of an inode runs: it must not stay. */
static void test_an_inode_that_is_made_during_a_detach_does_not_stay(void **state)
{
	struct mounts_fixture m;
	struct party makes = party(&m), detaches = party(&m);
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	makes.mount = detaches.mount = mount = must_mount(&m, 2);
	actor_start(&makes.actor, does_obtain_in, "obtain: init() returned");
	actor_start(&detaches.actor, does_detach, NULL);
	actor_finish(&detaches.actor);
	actor_finish(&makes.actor);
	assert_int_equal(makes.result, -ESTALE);
	assert_null(makes.inode);
	assert_int_equal(stats_of(&m.f).inodes, 1);
	assert_table_clean(&m.f);
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* It was made before the walk, which has only been announced: the walk finds it. */
static void test_an_inode_that_is_made_before_the_walk_is_found_by_it(void **state)
{
	struct mounts_fixture m;
	struct party detaches = party(&m);
	struct finode_mount *mount;
	struct finode *inode, *none;
	uint64_t nodeid;

	(void)state;
	mounts_create(&m);
	detaches.mount = mount = must_mount(&m, 2);
	inode = must_obtain_in(&m, mount, 7, S_IFREG);
	finode_count(inode, 1);
	nodeid = inode->nodeid;
	finode_put(inode);
	actor_start(&detaches.actor, does_detach, "detach: marked");
	/* Not even what is there already is given out now. */
	assert_int_equal(obtain_in(&m, mount, 7, S_IFREG, &none), -ESTALE);
	inode = finode_get(m.f.table, nodeid); /* a request that has come before */
	assert_non_null(inode);
	actor_finish(&detaches.actor);
	assert_int_equal(m.f.evicts, 0);
	finode_put(inode);
	assert_int_equal(m.f.evicts, 1);
	assert_null(finode_get(m.f.table, nodeid));
	finode_mount_put(mount);
	mounts_finish(&m);
}

/* A mount that does not match is replaced by one of two, whom the other follows. */
static void test_b_two_who_find_that_a_mount_does_not_match(void **state)
{
	struct mounts_fixture m;
	struct party first = party(&m), second = party(&m);
	struct finode_mount *old;

	(void)state;
	mounts_create(&m);
	old = must_mount(&m, 2);
	m.match_says = 0;
	actor_start(&first.actor, does_obtain_mount, "mount: found");
	actor_start(&second.actor, does_obtain_mount, "detach: marked");
	actor_go(&first.actor, "mount: init() returned");
	m.match_says = 1;
	actor_go(&second.actor, NULL);
	assert_false(actor_settle(&second.actor));
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	assert_int_equal(first.result, WAS_CREATED);
	assert_int_equal(second.result, WAS_FOUND);
	assert_ptr_equal(first.mount, second.mount);
	assert_ptr_not_equal(first.mount, old);
	finode_mount_put(first.mount);
	finode_mount_put(second.mount);
	finode_mount_put(old);
	mounts_finish(&m);
}

/* One has looked for it without the lock; the other, meanwhile, has given it a prefix. */
static void test_two_who_meet_a_device_show_the_same_number(void **state)
{
	struct mounts_fixture m;
	struct finode_mount *mount;

	(void)state;
	mounts_create(&m);
	mount = must_mount(&m, 2);
	for (uint64_t dev = 1; dev < 4; dev++) {
		struct party one = party(&m);
		uint64_t shown;

		one.mount = mount;
		one.number = dev;
		actor_start(&one.actor, does_show, "ino: a new device, before the lock");
		assert_int_equal(finode_mount_ino(mount, dev, 7, &shown), 0);
		actor_finish(&one.actor);
		assert_int_equal(one.result, 0);
		assert_int_equal(one.shown, shown);
	}
	finode_mount_put(mount);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b_a_crossing_saves_a_mount_that_is_about_to_go),
		cmocka_unit_test(test_b_a_crossing_waits_for_the_end_of_a_mount),
		cmocka_unit_test(test_b_a_crossing_waits_for_the_init_of_a_mount),
		cmocka_unit_test(test_b_who_waited_for_a_failed_init_makes_the_mount),
		cmocka_unit_test(test_f_a_mount_is_evicted_once),
		cmocka_unit_test(test_an_inode_that_is_made_during_a_detach_does_not_stay),
		cmocka_unit_test(test_an_inode_that_is_made_before_the_walk_is_found_by_it),
		cmocka_unit_test(test_b_two_who_find_that_a_mount_does_not_match),
		cmocka_unit_test(test_two_who_meet_a_device_show_the_same_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
