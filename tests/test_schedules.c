/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defects that other tables of inodes have had, each in the order of steps that shows it:
 * the threads are stopped at chosen points, so nothing here depends on chance.
 */
#include "support/fixture.h"
#include "support/schedule.h"

#include <stdio.h>

#include "core/object.h"

/* An actor and the one call that it makes. */
struct party {
	struct actor actor;
	struct fixture *f;
	uint64_t number; /* of the object, or the nodeid or file handle */
	struct finode *inode;
	int result;
};

static struct party *party_of(struct actor *actor)
{
	return FINODE_CONTAINER_OF(actor, struct party, actor);
}

static void does_obtain(struct actor *actor)
{
	struct party *p = party_of(actor);

	p->result = obtain(p->f, p->number, &p->inode);
}

static void does_find(struct actor *actor)
{
	party_of(actor)->inode = find(party_of(actor)->f, party_of(actor)->number);
}

static void does_get(struct actor *actor)
{
	party_of(actor)->inode =
		finode_get(party_of(actor)->f->table, party_of(actor)->number);
}

static void does_forget_1(struct actor *actor)
{
	finode_forget(party_of(actor)->f->table, party_of(actor)->number, 1);
}

static void does_count_1(struct actor *actor)
{
	finode_count(party_of(actor)->inode, 1);
}

static void does_put(struct actor *actor)
{
	finode_put(party_of(actor)->inode);
}

static void does_close(struct actor *actor)
{
	party_of(actor)->result =
		finode_file_close(party_of(actor)->f->table, party_of(actor)->number);
}

static void start(struct party *p, struct fixture *f, void (*fn)(struct actor *),
		  uint64_t number, const char *point)
{
	*p = (struct party){.f = f, .number = number};
	actor_start(&p->actor, fn, point);
}

static void start_with(struct party *p, struct fixture *f, void (*fn)(struct actor *),
		       struct finode *inode, const char *point)
{
	*p = (struct party){.f = f, .inode = inode};
	actor_start(&p->actor, fn, point);
}

/* An inode that nobody but the kernel has, with a count of 1. @return its nodeid */
static uint64_t known_to_the_kernel(struct fixture *f, uint64_t number)
{
	struct finode *inode = must_obtain(f, number);
	uint64_t id = inode->nodeid;

	finode_count(inode, 1);
	finode_put(inode);
	return id;
}

/* The caller has the only reference to it, and it is as it was made. */
static void assert_usable(struct fixture *f, struct finode *inode, uint64_t number)
{
	struct finode *again;

	assert_non_null(inode);
	assert_int_equal(object_of(inode)->canary, OBJECT_CANARY);
	assert_int_equal(object_of(inode)->value, number);
	assert_int_equal(slot_refs(inode_slot(inode)), 1);
	assert_int_equal(inode->library_state, LIFE_LIVE);
	again = finode_get(f->table, inode->nodeid);
	assert_ptr_equal(again, inode);
	finode_put(again);
}

static void put_the_last(struct fixture *f, struct finode *inode)
{
	unsigned int evicts = f->evicts;

	finode_put(inode);
	assert_int_equal(f->evicts, evicts + 1);
}

/* libfuse #1368: the lookup has found the object and not yet taken it. */
static void test_e_lookup_that_races_with_the_last_forget_gets_a_usable_inode(void **state)
{
	static struct fixture f;
	static struct party lookup, forget;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	id = known_to_the_kernel(&f, 7);
	start(&lookup, &f, does_obtain, 7, "obtain: found, locked");
	start(&forget, &f, does_forget_1, id, NULL);
	assert_false(actor_settle(&forget.actor)); /* the lookup comes first */
	actor_finish(&lookup.actor);
	actor_finish(&forget.actor);
	assert_int_equal(lookup.result, WAS_FOUND);
	assert_int_equal(f.evicts, 0);
	assert_int_equal(lookup.inode->nodeid, id);
	assert_usable(&f, lookup.inode, 7);
	put_the_last(&f, lookup.inode);
	fixture_finish(&f);
}

/* The same two, but now the forget has decided and not yet done it. */
static void test_e_forget_that_races_with_a_lookup_does_not_end_the_inode(void **state)
{
	static struct fixture f;
	static struct party forget;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	id = known_to_the_kernel(&f, 7);
	start(&forget, &f, does_forget_1, id, "put: the last, before the lock");
	assert_int_equal(obtain(&f, 7, &inode), WAS_FOUND);
	actor_finish(&forget.actor);
	assert_int_equal(f.evicts, 0);
	assert_usable(&f, inode, 7);
	put_the_last(&f, inode);
	fixture_finish(&f);
}

/* libfuse #1371: both have seen the inode, and each may think that it was the last. */
static void test_f_two_forgets_of_one_inode_evict_it_once(void **state)
{
	static struct fixture f;
	static struct party first, second;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	id = known_to_the_kernel(&f, 7);
	start(&first, &f, does_forget_1, id, "put: the last, before the lock");
	start(&second, &f, does_forget_1, id, "forget: got the inode");
	actor_finish(&first.actor);
	assert_int_equal(f.evicts, 0); /* the second one still uses it */
	actor_finish(&second.actor);
	assert_int_equal(f.evicts, 1);
	assert_int_equal(stats_of(&f).forgets_clamped, 1);
	fixture_finish(&f);
}

/* .. and the other way round: the second one is through before the first goes on. */
static void test_f_a_forget_that_is_overtaken_evicts_once(void **state)
{
	static struct fixture f;
	static struct party first;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	id = known_to_the_kernel(&f, 7);
	start(&first, &f, does_forget_1, id, "forget: none left, before its reference");
	finode_forget(f.table, id, 1);
	assert_int_equal(f.evicts, 0);
	actor_finish(&first.actor);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

/* The second forget comes with a nodeid whose object and slot others have by now. */
static void test_a_forget_of_a_slot_that_was_used_again_takes_nothing(void **state)
{
	static struct fixture f;
	static struct party late;
	struct finode *next;
	uint64_t id;

	(void)state;
	fixture_init(&f);
	f.config.shards = 1; /* one pool, so the slot is used again at once */
	assert_int_equal(fixture_start(&f), 0);
	id = known_to_the_kernel(&f, 7);
	start(&late, &f, does_forget_1, id, "get: before the exchange");
	finode_forget(f.table, id, 1);
	assert_int_equal(f.evicts, 1);
	next = must_obtain(&f, 8);
	assert_int_equal((uint32_t)next->nodeid, (uint32_t)id);
	finode_count(next, 1);
	actor_finish(&late.actor);
	assert_int_equal(stats_of(&f).forgets_unknown, 1);
	assert_int_equal(atomic_load(inode_nlookup(next)), 1);
	finode_forget(f.table, next->nodeid, 1);
	assert_usable(&f, next, 8);
	put_the_last(&f, next);
	fixture_finish(&f);
}

/* passthrough_ll: "not there" and the insertion are not one step. */
static void test_b_first_lookups_of_two_hardlinks_give_one_nodeid(void **state)
{
	static struct fixture f;
	static struct party one, other;

	(void)state;
	fixture_create(&f);
	start(&one, &f, does_obtain, 7, "obtain: not found, locked");
	start(&other, &f, does_obtain, 7, NULL);
	assert_false(actor_settle(&other.actor));
	actor_go(&one.actor, "obtain: init() returned");
	assert_false(actor_settle(&other.actor));
	actor_finish(&one.actor);
	actor_finish(&other.actor);
	assert_int_equal(one.result, WAS_CREATED);
	assert_int_equal(other.result, WAS_FOUND);
	assert_ptr_equal(one.inode, other.inode);
	assert_int_equal(f.inits, 2); /* the root's is one */
	finode_put(one.inode);
	assert_usable(&f, other.inode, 7);
	put_the_last(&f, other.inode);
	fixture_finish(&f);
}

/* virtiofsd: the end of the old object removes the key, whoever has it now. */
static void test_b_the_end_of_a_retired_inode_leaves_its_successor_in_the_index(
	void **state)
{
	static struct fixture f;
	static struct party end;
	struct finode *old, *new, *found;

	(void)state;
	fixture_create(&f);
	old = must_obtain(&f, 7);
	finode_retire(old);
	start_with(&end, &f, does_put, old, "put: evict() returned");
	assert_int_equal(obtain(&f, 7, &new), WAS_CREATED); /* and does not wait */
	actor_finish(&end.actor);
	assert_int_equal(f.evicts, 1);
	found = find(&f, 7);
	assert_ptr_equal(found, new);
	finode_put(found);
	assert_usable(&f, new, 7);
	put_the_last(&f, new);
	fixture_finish(&f);
}

/* QEMU's virtiofsd: the array of ids moves while a reader stands in it. */
static void test_a_get_is_right_while_the_array_of_ids_grows(void **state)
{
	enum { MANY = 2000 }; /* several segments */
	static struct fixture f;
	static struct finode *many[MANY];
	static struct party reader;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	start(&reader, &f, does_get, inode->nodeid, "get: before the exchange");
	for (uint64_t i = 0; i < MANY; i++)
		many[i] = must_obtain(&f, 100 + i);
	actor_finish(&reader.actor);
	assert_ptr_equal(reader.inode, inode);
	finode_put(inode);
	assert_usable(&f, reader.inode, 7);
	finode_put(reader.inode);
	for (uint64_t i = 0; i < MANY; i++)
		finode_put(many[i]);
	fixture_finish(&f);
}

static void test_e_lookup_that_races_with_retire_gets_a_usable_inode(void **state)
{
	static struct fixture f;
	static struct party lookup;
	struct finode *old, *new;

	(void)state;
	fixture_create(&f);
	old = must_obtain(&f, 7);
	start(&lookup, &f, does_obtain, 7, "obtain: found, before match()");
	finode_retire(old);
	finode_put(old);
	assert_int_equal(obtain(&f, 7, &new), WAS_CREATED);
	actor_finish(&lookup.actor);
	assert_int_equal(lookup.result, WAS_FOUND); /* it was, when it was looked up */
	assert_ptr_equal(lookup.inode, old);
	assert_usable(&f, old, 7);
	assert_usable(&f, new, 7);
	put_the_last(&f, old);
	put_the_last(&f, new);
	fixture_finish(&f);
}

/* Both see that the object under the key is another one now. */
static void test_b_two_lookups_that_refuse_an_inode_agree_on_the_next_one(void **state)
{
	static struct fixture f;
	static struct party lookup;
	struct finode *old, *new;

	(void)state;
	fixture_create(&f);
	old = must_obtain(&f, 7);
	f.match_says = 0;
	start(&lookup, &f, does_obtain, 7, "obtain: not what was found");
	assert_int_equal(obtain(&f, 7, &new), WAS_CREATED);
	f.match_says = 1;
	actor_finish(&lookup.actor);
	assert_int_equal(lookup.result, WAS_FOUND);
	assert_ptr_equal(lookup.inode, new);
	assert_int_equal(stats_of(&f).retired, 1);
	put_the_last(&f, old);
	finode_put(new);
	assert_usable(&f, lookup.inode, 7);
	put_the_last(&f, new);
	fixture_finish(&f);
}

static void test_b_who_waited_for_a_failing_init_makes_the_object(void **state)
{
	static struct fixture f;
	static struct party fails, waits;

	(void)state;
	fixture_create(&f);
	f.init_error = -EACCES;
	start(&fails, &f, does_obtain, 7, "obtain: init() returned");
	f.init_error = 0;
	start(&waits, &f, does_obtain, 7, NULL);
	assert_false(actor_settle(&waits.actor));
	actor_finish(&fails.actor);
	actor_finish(&waits.actor);
	assert_int_equal(fails.result, -EACCES);
	assert_null(fails.inode);
	assert_int_equal(waits.result, WAS_CREATED);
	assert_usable(&f, waits.inode, 7);
	put_the_last(&f, waits.inode);
	fixture_finish(&f);
}

static void test_b_lookup_during_a_slow_evict_waits_and_makes_a_new_object(void **state)
{
	static struct fixture f;
	static struct party end, lookup;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	start_with(&end, &f, does_put, inode, "put: evict() returned");
	start(&lookup, &f, does_obtain, 7, NULL);
	assert_false(actor_settle(&lookup.actor));
	assert_int_equal(f.inits, 2); /* the root's and the old one's */
	assert_null(find(&f, 7));
	assert_null(finode_get(f.table, id));
	actor_finish(&end.actor);
	actor_finish(&lookup.actor);
	assert_int_equal(lookup.result, WAS_CREATED);
	assert_int_not_equal(lookup.inode->nodeid, id);
	assert_usable(&f, lookup.inode, 7);
	put_the_last(&f, lookup.inode);
	fixture_finish(&f);
}

static void test_e_find_that_races_with_the_last_put_gets_a_usable_inode(void **state)
{
	static struct fixture f;
	static struct party finder, put;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	start(&finder, &f, does_find, 7, "find: looked up, locked");
	start_with(&put, &f, does_put, inode, NULL);
	assert_false(actor_settle(&put.actor));
	actor_finish(&finder.actor);
	actor_finish(&put.actor);
	assert_ptr_equal(finder.inode, inode);
	assert_int_equal(f.evicts, 0);
	assert_usable(&f, inode, 7);
	put_the_last(&f, inode);
	fixture_finish(&f);
}

static void test_e_put_that_races_with_a_find_does_not_end_the_inode(void **state)
{
	static struct fixture f;
	static struct party put;
	struct finode *inode, *found;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	start_with(&put, &f, does_put, inode, "put: the last, before the lock");
	found = find(&f, 7);
	assert_ptr_equal(found, inode);
	actor_finish(&put.actor);
	assert_int_equal(f.evicts, 0);
	assert_usable(&f, found, 7);
	put_the_last(&f, found);
	fixture_finish(&f);
}

/* A nodeid needs no lock, so it comes between the decision and the lock. */
static void test_e_get_between_the_last_put_and_its_lock_keeps_the_inode(void **state)
{
	static struct fixture f;
	static struct party put;
	struct finode *inode, *got;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	id = inode->nodeid;
	start_with(&put, &f, does_put, inode, "put: the last, before the lock");
	got = finode_get(f.table, id);
	assert_ptr_equal(got, inode);
	actor_finish(&put.actor);
	assert_int_equal(f.evicts, 0);
	assert_usable(&f, got, 7);
	put_the_last(&f, got);
	assert_null(finode_get(f.table, id));
	fixture_finish(&f);
}

/* The get has read the slot; before it takes the reference, the last one goes. */
static void test_e_get_that_comes_after_the_last_put_gets_nothing(void **state)
{
	static struct fixture f;
	static struct party reader;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	start(&reader, &f, does_get, inode->nodeid, "get: before the exchange");
	put_the_last(&f, inode);
	actor_finish(&reader.actor);
	assert_null(reader.inode);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

static void test_c_a_forget_after_the_first_count_leaves_the_replys_reference(void **state)
{
	static struct fixture f;
	static struct party reply;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	start_with(&reply, &f, does_count_1, inode, "count: the first is counted");
	finode_forget(f.table, inode->nodeid, 1);
	assert_int_equal(f.evicts, 0);
	actor_finish(&reply.actor);
	assert_int_equal(atomic_load(inode_nlookup(inode)), 0);
	assert_usable(&f, inode, 7);
	put_the_last(&f, inode);
	fixture_finish(&f);
}

static void test_c_a_count_during_the_last_forget_has_its_own_reference(void **state)
{
	static struct fixture f;
	static struct party forget;
	struct finode *inode;
	uint64_t id;

	(void)state;
	fixture_create(&f);
	id = known_to_the_kernel(&f, 7);
	start(&forget, &f, does_forget_1, id, "forget: none left, before its reference");
	inode = finode_get(f.table, id);
	assert_non_null(inode);
	finode_count(inode, 1); /* 0 -> 1 again */
	finode_put(inode);
	actor_finish(&forget.actor);
	assert_int_equal(f.evicts, 0);
	assert_int_equal(atomic_load(inode_nlookup(inode)), 1);
	assert_usable(&f, inode, 7); /* its one reference is the count's */
	finode_forget(f.table, id, 1);
	assert_int_equal(f.evicts, 1);
	fixture_finish(&f);
}

/* RELEASE has found the handle's last reference; a request came in between. */
static void test_f_a_file_in_use_while_it_closes_is_released_once(void **state)
{
	static struct fixture f;
	static struct party release;
	struct finode_file *file, *used;
	struct finode *inode;
	uint64_t fh;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	assert_int_equal(finode_file_open(inode, &f, &file), 0);
	fh = file->fh;
	finode_file_put(file);
	start(&release, &f, does_close, fh, "file put: the last");
	assert_null(finode_file_get(f.table, fh)); /* closed */
	used = slots_get(&f.table->files, fh);	   /* as who came just before */
	assert_non_null(used);
	actor_finish(&release.actor);
	assert_int_equal(release.result, 0);
	assert_int_equal(f.releases, 0);
	finode_file_put(used);
	assert_int_equal(f.releases, 1);
	assert_usable(&f, inode, 7);
	put_the_last(&f, inode);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_e_lookup_that_races_with_the_last_forget_gets_a_usable_inode),
		cmocka_unit_test(
			test_e_forget_that_races_with_a_lookup_does_not_end_the_inode),
		cmocka_unit_test(test_f_two_forgets_of_one_inode_evict_it_once),
		cmocka_unit_test(test_f_a_forget_that_is_overtaken_evicts_once),
		cmocka_unit_test(test_a_forget_of_a_slot_that_was_used_again_takes_nothing),
		cmocka_unit_test(test_b_first_lookups_of_two_hardlinks_give_one_nodeid),
		cmocka_unit_test(
			test_b_the_end_of_a_retired_inode_leaves_its_successor_in_the_index),
		cmocka_unit_test(test_a_get_is_right_while_the_array_of_ids_grows),
		cmocka_unit_test(test_e_lookup_that_races_with_retire_gets_a_usable_inode),
		cmocka_unit_test(
			test_b_two_lookups_that_refuse_an_inode_agree_on_the_next_one),
		cmocka_unit_test(test_b_who_waited_for_a_failing_init_makes_the_object),
		cmocka_unit_test(
			test_b_lookup_during_a_slow_evict_waits_and_makes_a_new_object),
		cmocka_unit_test(
			test_e_find_that_races_with_the_last_put_gets_a_usable_inode),
		cmocka_unit_test(test_e_put_that_races_with_a_find_does_not_end_the_inode),
		cmocka_unit_test(
			test_e_get_between_the_last_put_and_its_lock_keeps_the_inode),
		cmocka_unit_test(test_e_get_that_comes_after_the_last_put_gets_nothing),
		cmocka_unit_test(
			test_c_a_forget_after_the_first_count_leaves_the_replys_reference),
		cmocka_unit_test(
			test_c_a_count_during_the_last_forget_has_its_own_reference),
		cmocka_unit_test(test_f_a_file_in_use_while_it_closes_is_released_once),
	};

	printf("schedules: %zu orders of steps, each made to happen\n",
	       sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests_name("schedules", tests, NULL, NULL);
}
