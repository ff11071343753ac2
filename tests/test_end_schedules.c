/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an evict() puts ends after it: in the meantime others may wait for that, and so a
 * thread must not keep it back while it waits for others itself. In chosen orders of steps.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include "base/testing.h"

/* An actor, and the inode that it puts or the number that it wants. */
struct party {
	struct actor actor;
	struct fixture *f;
	struct finode *inode;
	uint64_t number;
	int result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

static void does_put(struct actor *actor)
{
	finode_put(party_of(actor)->inode);
}

static void does_obtain(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = obtain(p->f, p->number, &p->inode);
}

/* Object 7 holds one, which its evict() puts; then it does what the test is about. */
static struct finode *held;
static void (*wants)(struct fixture *f);

static void put_and_want(struct finode *base)
{
	struct fixture *f = object_of(base)->fixture;
	const uint64_t number = object_of(base)->value;

	if (number != 7)
		return;
	finode_put(held);
	finode__yield("evict: has put");
	if (wants)
		wants(f);
}

static void prepare(struct fixture *f, void (*what)(struct fixture *f))
{
	f->in_evict = put_and_want;
	wants = what;
}

/* The evict() of 7 has put 10, whose end is put off. */
static struct party evicts_7(struct fixture *f)
{
	struct party p = {.f = f};

	held = must_obtain(f, 10);
	p.inode = must_obtain(f, 7);
	return p;
}

/* Its end is near, and still it is in its place. */
static void test_b_a_lookup_waits_for_an_end_that_is_put_off(void **state)
{
	struct fixture f;
	struct party evicts, looks = {.f = &f, .number = 10};
	uint64_t old;

	(void)state;
	fixture_create(&f);
	prepare(&f, NULL);
	evicts = evicts_7(&f);
	old = held->nodeid;
	actor_start(&evicts.actor, does_put, "evict: has put");
	assert_null(finode_get(f.table, old));
	assert_null(find(&f, 10));
	assert_table_clean(&f);
	actor_start(&looks.actor, does_obtain, NULL);
	assert_false(actor_settle(&looks.actor));
	assert_int_equal(f.evicts, 0);
	actor_finish(&evicts.actor);
	actor_finish(&looks.actor);
	assert_int_equal(looks.result, WAS_CREATED);
	assert_int_not_equal(looks.inode->nodeid, old);
	assert_int_equal(f.evicts, 2);
	finode_put(looks.inode);
	fixture_finish(&f);
}

/* ---- Nobody waits with an end put off (keys and names: test_core_schedules.c) ---- */

/*
 * `other` keeps something and wants object 10, whose end the evict() of 7 has put off; and
 * that evict() wants what `other` keeps.
 */
static void let_meet(struct fixture *f, struct party *other, void (*fn)(struct actor *))
{
	struct party evicts = evicts_7(f);

	actor_start(&evicts.actor, does_put, "evict: has put");
	actor_start(&other->actor, fn, NULL);
	assert_false(actor_settle(&other->actor));
	actor_finish(&evicts.actor);
	actor_finish(&other->actor);
	assert_int_equal(other->result, WAS_CREATED);
	finode_put(other->inode);
}

static void does_change_and_obtain(struct actor *actor)
{
	struct party *p = party_of(actor);
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	p->result = finode_dir_change(finode_table_root(p->f->table), &lock);
	if (!p->result)
		does_obtain(actor);
}

static void share_the_root(struct fixture *f)
{
	FINODE_DIR_AUTOUNLOCK struct finode_dirlock lock = FINODE_DIRLOCK_INIT;

	if (finode_dir_share(finode_table_root(f->table), &lock) != 0)
		f->broken++;
}

static void test_f_an_evict_that_waits_for_the_lock_of_a_directory(void **state)
{
	struct names_fixture n;
	struct party other = {.f = &n.f, .number = 10};

	(void)state;
	names_create(&n);
	prepare(&n.f, share_the_root);
	let_meet(&n.f, &other, does_change_and_obtain);
	names_finish(&n);
}

static struct finode *pinned;
static struct party *unlinker;

static void obtain_in_unlinked(struct finode *base)
{
	(void)base;
	does_obtain(&unlinker->actor);
}

static int rebind(struct finode *base, void *arg)
{
	(void)base;
	(void)arg;
	return 0;
}

static void does_unlinked(struct actor *actor)
{
	unlinker = party_of(actor);
	if (!finode_unlinked(pinned))
		unlinker->f->broken++;
}

static void pin(struct fixture *f)
{
	if (finode_pin(pinned) != -ESTALE)
		f->broken++;
}

static void names_with_unlinked(struct names_fixture *n, struct finode_ops *ops,
				void (*unlinked)(struct finode *base))
{
	names_init(n);
	*ops = *n->f.config.ops;
	ops->unlinked = unlinked;
	ops->rebind = rebind;
	n->f.config.ops = ops;
	assert_int_equal(names_start(n), 0);
}

static void test_f_an_evict_that_waits_for_a_backing_object(void **state)
{
	struct names_fixture n;
	struct party other = {.f = &n.f, .number = 10};
	struct finode_ops ops;

	(void)state;
	names_with_unlinked(&n, &ops, obtain_in_unlinked);
	prepare(&n.f, pin);
	pinned = must_obtain(&n.f, 20);
	let_meet(&n.f, &other, does_unlinked);
	finode_put(pinned);
	names_finish(&n);
}

/* Object 30 is pinned by who wants 10; the evict() of 7 lets go of 30. */
static void does_pin_and_obtain(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = finode_pin(pinned);
	if (!p->result)
		does_obtain(actor);
	finode_unpin(pinned);
}

static void nothing(struct finode *base)
{
	(void)base;
}

static void let_go(struct fixture *f)
{
	if (!finode_unlinked(pinned))
		f->broken++;
}

static void test_f_an_evict_that_waits_for_pins(void **state)
{
	struct names_fixture n;
	struct party other = {.f = &n.f, .number = 10};
	struct finode_ops ops;

	(void)state;
	names_with_unlinked(&n, &ops, nothing);
	prepare(&n.f, let_go);
	pinned = must_obtain(&n.f, 30);
	let_meet(&n.f, &other, does_pin_and_obtain);
	finode_put(pinned);
	names_finish(&n);
}

static struct finode_mount *first_mount;

/* The init() of the mount wants object 10. */
static int init_obtains(struct finode_mount *base, void *arg)
{
	(void)base;
	if (arg)
		does_obtain(arg);
	return 0;
}

struct plain_mount {
	struct finode_mount base;
};

static const struct finode_mount_ops mount_ops = {
	FINODE_MOUNT_OPS_FOR(struct plain_mount, base),
	.init = init_obtains,
};

static const struct finode_mount_id second_mount = {{2, 100}};

static void does_mount(struct actor *actor)
{
	struct party *p = party_of(actor);
	struct finode_mount *mount;

	if (finode_mount_obtain(first_mount, &second_mount, actor, &mount, NULL) != 0)
		p->f->broken++;
	finode_mount_put(mount);
}

static void obtain_mount(struct fixture *f)
{
	struct finode_mount *mount;

	if (finode_mount_obtain(first_mount, &second_mount, NULL, &mount, NULL) != 0)
		f->broken++;
	finode_mount_put(mount);
}

static void test_f_an_evict_that_waits_for_a_mount(void **state)
{
	struct fixture f;
	struct party other = {.f = &f, .number = 10};

	(void)state;
	fixture_init(&f);
	f.config.mount_ops = &mount_ops;
	assert_int_equal(fixture_start(&f), 0);
	first_mount = finode_table_root(f.table)->mount;
	prepare(&f, obtain_mount);
	let_meet(&f, &other, does_mount);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b_a_lookup_waits_for_an_end_that_is_put_off),
		cmocka_unit_test(test_f_an_evict_that_waits_for_the_lock_of_a_directory),
		cmocka_unit_test(test_f_an_evict_that_waits_for_a_backing_object),
		cmocka_unit_test(test_f_an_evict_that_waits_for_pins),
		cmocka_unit_test(test_f_an_evict_that_waits_for_a_mount),
	};

	return cmocka_run_group_tests_name("end_schedules", tests, NULL, NULL);
}
