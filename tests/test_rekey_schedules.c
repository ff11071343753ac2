/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * finode_rekey() beside all that may go on with the inode, its mount and its old and new
 * key; the threads are stopped at chosen points.
 */
#include "support/mounts_fixture.h"
#include "support/rekey.h"
#include "support/schedule.h"

#include <stdio.h>

#include "core/object.h"

/* ---- Beside a detach ---- */

/* What moves while a mount is detached, and where from and to. */
static struct {
	struct mounts_fixture m;
	struct finode *inode;
	uint64_t number;
	unsigned int evicts;
	int result;
} moving;

static void move_in_evict(struct finode *evicted)
{
	(void)evicted;
	moving.evicts++;
	moving.result = rekey(moving.inode, moving.number);
}

static unsigned int shard_of(const struct finode *inode)
{
	return atomic_load(&inode_core(inode)->shard);
}

/* A new inode of the mount in that shard; its key in *number. */
static struct finode *obtain_in_shard(struct finode_mount *mount, unsigned int shard,
				      uint64_t *number)
{
	for (;;) {
		struct finode *inode = must_obtain_in(&moving.m, mount, ++*number, S_IFREG);

		if (shard_of(inode) == shard)
			return inode;
		finode_put(inode);
	}
}

/* Detaching goes through the shards, and has left the one that an inode moves into. */
static void test_i_no_inode_escapes_a_detach_into_a_shard_that_is_done(void **state)
{
	struct finode_mount *mount;
	struct finode *idle;
	uint64_t number = 100, nodeid;

	(void)state;
	memset(&moving, 0, sizeof(moving));
	mounts_create(&moving.m);
	mount = must_mount(&moving.m, 2);
	/* A free key of the first shard; the inode that moves is in the last. */
	finode_put(obtain_in_shard(mount, 0, &number));
	moving.number = number;
	moving.inode = obtain_in_shard(mount, 3, &number);
	nodeid = moving.inode->nodeid;
	finode_count(moving.inode, 1);
	idle = obtain_in_shard(mount, 1, &number);
	finode_count(idle, 1);
	finode_put(idle);
	moving.m.f.in_evict = move_in_evict;
	finode_mount_detach(mount);
	moving.m.f.in_evict = NULL;
	assert_int_equal(moving.evicts, 1);
	assert_int_equal(moving.result, -ESTALE);
	assert_int_equal(finode_nlookup(moving.inode), 0);
	finode_put(moving.inode);
	assert_null(finode_get(moving.m.f.table, nodeid));
	assert_table_clean(&moving.m.f);
	finode_mount_put(mount);
	mounts_finish(&moving.m);
}

/* ---- Beside a look-up ---- */

struct look_up {
	struct actor actor;
	struct fixture *f;
	uint64_t number;
	uint32_t generation;
	struct finode *inode;
	int result;
};

static void does_obtain(struct actor *actor)
{
	struct look_up *l = FINODE_CONTAINER_OF(actor, struct look_up, actor);

	l->result = obtain_as(l->f, l->number, S_IFREG, l->generation, &l->inode);
}

/* The look-up has found the inode by its key; then it has another one, of any generation.
 */
static void test_b_a_lookup_that_found_the_inode_takes_its_new_key_for_nothing(void **state)
{
	static struct look_up l;
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	l = (struct look_up){.f = &f, .number = 7};
	actor_start(&l.actor, does_obtain, "obtain: found, before match()");
	assert_int_equal(rekey_as(inode, 8, 9), 0);
	actor_finish(&l.actor);
	assert_int_equal(l.result, WAS_FOUND);
	assert_ptr_equal(l.inode, inode);
	assert_int_equal(stats_of(&f).retired, 0);
	assert_found_by(&f, inode, 8, 7);
	finode_put(l.inode);
	finode_put(inode);
	fixture_finish(&f);
}

/* match() says that it is not what the old key is for: so it is, and that is no fault. */
static void look_up_what_gets_another_key(const char *point)
{
	static struct look_up l;
	struct fixture f;
	struct finode *inode;

	fixture_create(&f);
	inode = must_obtain(&f, 7);
	f.match_says = 0;
	l = (struct look_up){.f = &f, .number = 7};
	actor_start(&l.actor, does_obtain, point);
	assert_int_equal(rekey(inode, 8), 0);
	actor_finish(&l.actor);
	f.match_says = 1;
	assert_int_equal(l.result, WAS_CREATED);
	assert_ptr_not_equal(l.inode, inode);
	assert_int_equal(stats_of(&f).retired, 0);
	assert_found_by(&f, inode, 8, 0);
	assert_found_by(&f, l.inode, 7, 0);
	finode_put(l.inode);
	finode_put(inode);
	fixture_finish(&f);
}

static void test_b_a_lookup_does_not_retire_what_has_another_key_by_now(void **state)
{
	(void)state;
	look_up_what_gets_another_key("obtain: found, before match()");
	look_up_what_gets_another_key("obtain: not what was found");
}

/* The look-up knows of the new generation before the inode has it. */
static void test_b_a_lookup_does_not_retire_what_has_its_generation_by_now(void **state)
{
	static struct look_up l;
	struct fixture f;
	struct finode *inode;

	(void)state;
	fixture_create(&f);
	inode = must_obtain(&f, 7);
	l = (struct look_up){.f = &f, .number = 7, .generation = 5};
	actor_start(&l.actor, does_obtain, "obtain: not what was found");
	assert_int_equal(rekey_as(inode, 7, 5), 0);
	actor_finish(&l.actor);
	assert_int_equal(l.result, WAS_FOUND);
	assert_ptr_equal(l.inode, inode);
	assert_int_equal(stats_of(&f).retired, 0);
	finode_put(l.inode);
	finode_put(inode);
	fixture_finish(&f);
}

/* ---- Beside everything ---- */

#define PLAYERS 4
#define STEPS	20000
#define NUMBERS 24 /* few, so that they meet */
#define HELD	3  /* by each player */

struct player {
	struct mounts_fixture *m;
	struct finode_mount *mount; /* held */
	struct finode *held[HELD];
	uint64_t seed;
};

static struct finode_key random_key(struct player *p, struct bytes *b)
{
	const unsigned int number = (unsigned int)(next_random(&p->seed) % NUMBERS);
	struct finode_key key = sized(b, number, 1 + number * 10);

	key.generation = next_random(&p->seed) % 16 == 0;
	return key;
}

static void play_obtain(struct player *p, struct finode **place)
{
	struct bytes b;
	struct what what = {.fixture = &p->m->f};
	int err;

	finode_put(*place);
	err = finode_obtain(next_random(&p->seed) % 2 ? p->m->first : p->mount,
			    random_key(p, &b), &what, place, NULL);
	if (err && err != -ESTALE)
		p->m->f.broken++;
}

static void play_rekey(struct player *p, struct finode *inode)
{
	struct bytes b;
	int err = finode_rekey(inode, random_key(p, &b));

	if (err && err != -EEXIST && err != -ESTALE)
		p->m->f.broken++;
}

static void play_open(struct finode *inode, struct fixture *f)
{
	struct finode_file *file;

	if (finode_file_open(inode, f, &file) != 0) {
		f->broken++;
		return;
	}
	if (!finode_is_open(inode) || finode_file_close(f->table, file->fh) != 0)
		f->broken++;
	finode_file_put(file);
}

static void play_detach(struct player *p)
{
	finode_mount_detach(p->mount);
	finode_mount_put(p->mount);
	if (mount_obtain(p->m, p->m->first, 2, &p->mount) < 0)
		p->m->f.broken++;
}

static void play_step(struct player *p)
{
	struct finode **place = &p->held[next_random(&p->seed) % HELD];
	const uint64_t what = next_random(&p->seed) % 32;
	struct bytes b;

	if (!*place || what < 8)
		play_obtain(p, place);
	else if (what < 20)
		play_rekey(p, *place);
	else if (what < 22)
		finode_put(finode_find((*place)->mount, random_key(p, &b)));
	else if (what < 24)
		finode_retire(*place);
	else if (what < 27)
		play_open(*place, &p->m->f);
	else if (what < 30)
		finode_count(*place, 1);
	else if (what < 31)
		finode_forget(p->m->f.table, (*place)->nodeid, 2);
	else if (next_random(&p->seed) % 8 == 0)
		play_detach(p);
}

static void play(void *arg, unsigned int number)
{
	struct player p = {.m = arg, .seed = 77 + number};

	if (mount_obtain(p.m, p.m->first, 2, &p.mount) < 0)
		p.m->f.broken++;
	for (unsigned int i = 0; i < STEPS; i++)
		play_step(&p);
	for (unsigned int i = 0; i < HELD; i++)
		finode_put(p.held[i]);
	finode_mount_put(p.mount);
}

static void watch_the_table(void *arg)
{
	struct fixture *f = arg;
	FILE *nowhere = fopen("/dev/null", "w");
	char why[200];

	for (unsigned int i = 0; i < 50; i++) {
		if (finode_table_check(f->table, why, sizeof(why)) != 0)
			f->broken++;
		finode_table_dump(f->table, nowhere);
	}
	fclose(nowhere);
}

static void test_b_e_rekeys_beside_everything_else(void **state)
{
	static struct mounts_fixture m;
	struct task watch;

	(void)state;
	mounts_create(&m);
	task_start(&watch, watch_the_table, &m.f);
	run_threads(PLAYERS, play, &m);
	task_join(&watch);
	assert_int_equal(m.f.broken, 0);
	assert_table_clean(&m.f);
	mounts_finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_i_no_inode_escapes_a_detach_into_a_shard_that_is_done),
		cmocka_unit_test(
			test_b_a_lookup_that_found_the_inode_takes_its_new_key_for_nothing),
		cmocka_unit_test(
			test_b_a_lookup_does_not_retire_what_has_another_key_by_now),
		cmocka_unit_test(
			test_b_a_lookup_does_not_retire_what_has_its_generation_by_now),
		cmocka_unit_test(test_b_e_rekeys_beside_everything_else),
	};

	return cmocka_run_group_tests_name("rekey_schedules", tests, NULL, NULL);
}
