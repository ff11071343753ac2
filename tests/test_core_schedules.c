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
		cmocka_unit_test(test_a_e_a_file_may_be_closed_before_its_open_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
