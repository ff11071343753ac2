/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core does on many threads, in chosen orders of steps: ends that are put off, and
 * files that are closed before they are known.
 */
#include "support/fixture.h"
#include "support/schedule.h"

#include <stdio.h>

#include "base/testing.h"
#include "core/object.h"

/* An actor and the one call that it makes. */
struct party {
	struct actor actor;
	struct fixture *f;
	uint64_t number;
	struct finode *inode;
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

/* ---- Ends that are put off ---- */

/* What evict() of 1001 and of 1002 puts and obtains. */
static struct finode *put_by[2];
static uint64_t obtained_by[2];
static char named_by[2][8];
static _Atomic int results[2];

static void obtain_what_the_other_has_put(struct finode *base)
{
	struct object *object = object_of(base);
	struct fixture *f = object->fixture;
	unsigned int number = (unsigned int)object->value - 1001;
	struct finode *inode;

	if (number > 1)
		return;
	finode_put(put_by[number]);
	finode__yield("test: has put");
	if (named_by[0][0]) {
		struct what what = {.fixture = f, .value = 7};

		results[number] =
			finode_obtain_at(finode_table_root(f->table), named_by[number],
					 S_IFREG, &what, &inode, NULL);
	} else {
		results[number] = obtain(f, obtained_by[number], &inode);
	}
	finode_put(inode);
}

/* Two evict() which have each put an inode, and now each ask for that of the other. */
static void cross(struct fixture *f)
{
	struct party one = {.f = f}, two = {.f = f};

	one.inode = must_obtain(f, 1001);
	two.inode = must_obtain(f, 1002);
	results[0] = results[1] = -1;
	f->in_evict = obtain_what_the_other_has_put;
	actor_start(&one.actor, does_put, "test: has put");
	actor_start(&two.actor, does_put, "test: has put");
	actor_go(&one.actor, NULL);
	assert_false(actor_settle(&one.actor)); /* for what only the second can end */
	actor_finish(&two.actor);
	actor_finish(&one.actor);
	f->in_evict = NULL;
}

static void test_f_who_waits_for_a_key_has_put_nothing_off(void **state)
{
	static struct fixture f;

	(void)state;
	fixture_create(&f);
	memset(named_by, 0, sizeof(named_by));
	put_by[0] = must_obtain(&f, 21);
	put_by[1] = must_obtain(&f, 22);
	obtained_by[0] = 22;
	obtained_by[1] = 21;
	cross(&f);
	assert_int_equal(results[0], WAS_CREATED);
	assert_int_equal(results[1], WAS_CREATED);
	assert_int_equal(f.evicts, 6);
	fixture_finish(&f);
}

static void test_f_who_waits_for_a_name_has_put_nothing_off(void **state)
{
	static struct fixture f;
	struct what what = {.fixture = &f, .value = 7};

	(void)state;
	fixture_init(&f);
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(named_by[i], sizeof(named_by[i]), "f%d", 1 - i);
		assert_int_equal(finode_obtain_at(finode_table_root(f.table),
						  i ? "f1" : "f0", S_IFREG, &what,
						  &put_by[i], NULL),
				 0);
	}
	cross(&f);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	assert_int_equal(f.evicts, 6);
	fixture_finish(&f);
}

static void does_obtain_at_and_put(struct actor *actor)
{
	struct party *p = party_of(actor);
	struct what what = {.fixture = p->f, .value = 8};

	p->result = finode_obtain_at(finode_table_root(p->f->table), "f", S_IFREG, &what,
				     &p->inode, NULL);
	finode_put(p->inode);
}

static void obtain_at_f(struct finode *base)
{
	struct object *object = object_of(base);
	unsigned int number = (unsigned int)object->value - 1001;
	struct what what = {.fixture = object->fixture, .value = 7};
	struct finode *inode;

	if (number > 1)
		return;
	finode_put(put_by[number]);
	results[number] = finode_obtain_at(finode_table_root(object->fixture->table), "f",
					   S_IFREG, &what, &inode, NULL);
	finode_put(inode);
}

/*
 * Who is about to make what a name names finds that another thread has made it and is
 * ending it, and so ends first what it has put off itself; and that asks for the name, too.
 */
static void test_f_nobody_waits_who_has_claimed_a_name(void **state)
{
	static struct fixture f;
	struct party first = {.f = &f}, other = {.f = &f};

	(void)state;
	fixture_init(&f);
	f.config.aliases = true;
	assert_int_equal(fixture_start(&f), 0);
	first.inode = must_obtain(&f, 1001);
	put_by[0] = must_obtain(&f, 1002);
	put_by[1] = NULL;
	results[0] = results[1] = -1;
	f.in_evict = obtain_at_f;
	actor_start(&first.actor, does_put, "obtain at: looked");
	actor_start(&other.actor, does_obtain_at_and_put, "put: before evict()");
	actor_go(&first.actor, NULL);
	assert_false(actor_settle(&first.actor));
	actor_finish(&other.actor);
	actor_finish(&first.actor);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	f.in_evict = NULL;
	fixture_finish(&f);
}

/* ---- Files ---- */

static void does_open(struct actor *actor)
{
	struct party *p = party_of(actor);
	struct finode_file *file;

	p->result = finode_file_open(p->inode, p->f, &file);
	if (p->result)
		return;
	p->number = file->fh;
	finode_file_put(file);
}

/* A RELEASE of a handle that a guest has guessed comes before the reply to OPEN. */
static void test_a_e_a_file_may_be_closed_before_its_open_returns(void **state)
{
	static struct fixture f;
	struct party opens = {.f = &f};

	(void)state;
	fixture_create(&f);
	opens.inode = must_obtain(&f, 7);
	actor_start(&opens.actor, does_open, "file open: published");
	assert_int_equal(finode_file_close(f.table, 1), 0);
	assert_int_equal(f.releases, 0);
	actor_finish(&opens.actor);
	assert_int_equal(opens.result, 0);
	assert_int_equal(opens.number, 1);
	assert_int_equal(f.releases, 1);
	assert_int_equal(finode_file_close(f.table, 1), -EBADF);
	finode_put(opens.inode);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f_who_waits_for_a_key_has_put_nothing_off),
		cmocka_unit_test(test_f_who_waits_for_a_name_has_put_nothing_off),
		cmocka_unit_test(test_f_nobody_waits_who_has_claimed_a_name),
		cmocka_unit_test(test_a_e_a_file_may_be_closed_before_its_open_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
