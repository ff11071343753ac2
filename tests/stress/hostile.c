/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile kernel: four threads throw random 64-bit nodeids, file handles and counts at
 * get and forget, while two others obtain, count, forget and evict inodes of their own.
 * Half of the nodeids are any number; a quarter are those that the honest threads are using
 * just now; a quarter are near to such ones.
 *
 *     hostile [NUMBER]     how many nodeids to throw; 10 million if not said
 *
 * Nothing may crash, no inode may be lost or left, and what the honest threads hold must
 * stay whole. Exit status 0 only if all of that held.
 */
#include "support/fixture.h"

#include <stdio.h>

#define HOSTILE_THREADS 4
#define HONEST_THREADS	2
#define WINDOW		64 /* inodes that an honest thread keeps at a time */

struct siege {
	struct fixture f;
	uint64_t throws; /* for each hostile thread */
	_Atomic unsigned int besiegers;
	_Atomic uint64_t hits, forgets, obtained;
	_Atomic uint64_t in_use[HONEST_THREADS][WINDOW];
};

/* What a kernel that lies might send. */
static uint64_t some_nodeid(struct siege *siege, uint64_t *random)
{
	uint64_t any = next_random(random), choice = next_random(random);
	uint64_t used = siege->in_use[choice >> 8 & 1][(choice >> 16) % WINDOW];

	switch (choice % 4) {
	case 0:
		return used;
	case 1:
		return used ^ (any % 4096 | (any >> 32 & 0xff) << 32);
	default:
		return any;
	}
}

static void throw_one(struct siege *siege, uint64_t *random)
{
	uint64_t nodeid = some_nodeid(siege, random), count = next_random(random);
	struct finode *inode = finode_get(siege->f.table, nodeid);

	if (count % 3 == 0)
		count %= 4;
	if (inode) {
		siege->hits++;
		if (object_of(inode)->canary != OBJECT_CANARY || inode->nodeid != nodeid)
			siege->f.broken++;
		finode_put(inode);
	}
	finode_file_put(finode_file_get(siege->f.table, nodeid));
	finode_forget(siege->f.table, nodeid, count);
	siege->forgets++;
}

static void be_hostile(struct siege *siege, unsigned int number)
{
	uint64_t random = 0x9e3779b97f4a7c15ull * (number + 1);

	for (uint64_t i = 0; i < siege->throws; i++)
		throw_one(siege, &random);
	siege->besiegers--;
}

static void be_honest(struct siege *siege, unsigned int number)
{
	struct finode *held[WINDOW] = {NULL};
	uint64_t next = 0;

	while (siege->besiegers > 0) {
		struct finode **place = &held[next % WINDOW];
		struct finode *inode;

		finode_put(*place);
		*place = NULL;
		if (obtain(&siege->f, (number + 1) << 20 | (next++ % 1000), place) < 0) {
			siege->f.broken++;
			continue;
		}
		siege->obtained++;
		inode = *place;
		siege->in_use[number - HOSTILE_THREADS][(next - 1) % WINDOW] =
			inode->nodeid;
		finode_count(inode, 2);
		if (object_of(inode)->canary != OBJECT_CANARY)
			siege->f.broken++;
		finode_forget(siege->f.table, inode->nodeid, 2);
		siege->forgets++;
	}
	for (int i = 0; i < WINDOW; i++)
		finode_put(held[i]);
}

static void take_part(void *arg, unsigned int number)
{
	if (number < HOSTILE_THREADS)
		be_hostile(arg, number);
	else
		be_honest(arg, number);
}

static uint64_t throws_wanted = 10000000;

static void test_a_d_e_random_nodeids_and_counts_do_no_harm(void **state)
{
	static struct siege siege;
	struct finode_stats stats;

	(void)state;
	fixture_create(&siege.f);
	siege.throws = throws_wanted / HOSTILE_THREADS;
	siege.besiegers = HOSTILE_THREADS;
	run_threads(HOSTILE_THREADS + HONEST_THREADS, take_part, &siege);
	stats = stats_of(&siege.f);
	print_message("hostile: %lu nodeids thrown, %lu hit a live inode, %lu obtained, "
		      "%lu clamped, %lu unknown\n",
		      siege.throws * HOSTILE_THREADS, siege.hits, siege.obtained,
		      stats.forgets_clamped, stats.forgets_unknown);
	assert_int_equal(stats.inodes, 1);
	assert_int_equal(stats.files, 0);
	assert_int_equal(stats.forgets, siege.forgets);
	assert_true(stats.forgets_unknown > 0);
	assert_true(siege.hits > 0);
	fixture_finish(&siege.f);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_d_e_random_nodeids_and_counts_do_no_harm),
	};

	if (argc > 1)
		throws_wanted = strtoull(argv[1], NULL, 0);
	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
