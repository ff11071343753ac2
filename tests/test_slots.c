/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots alone: ids, references, growth under readers, the end of a sequence. */
#include "support/fixture.h"

#include "base/memory.h"
#include "core/slots.h"

static void *allocate(size_t size, void *user)
{
	int *fail = user;

	return fail && *fail ? NULL : calloc(1, size);
}

static void release(void *ptr, void *user)
{
	(void)user;
	free(ptr);
}

struct env {
	struct slots slots;
	struct slots_pool pool;
	struct finode_allocator allocator;
	int fail;
};

#define FIRST_SEQ 0x12345678u

static void setup_at(struct env *e, uint32_t first_seq)
{
	memset(e, 0, sizeof(*e));
	e->allocator = (struct finode_allocator){allocate, release, &e->fail};
	assert_int_equal(finode__slots_init(&e->slots, &e->allocator, first_seq), 0);
}

static void setup(struct env *e)
{
	setup_at(e, FIRST_SEQ);
}

static uint64_t add(struct env *e, void *object)
{
	uint64_t id = 0;

	assert_int_equal(finode__slots_alloc(&e->slots, &e->pool, object, &id), 0);
	slots_publish(slots_find(&e->slots, id), 1);
	return id;
}

static void drop(struct env *e, uint64_t id)
{
	struct slot *slot = slots_find(&e->slots, id);

	assert_int_equal(slots_put(slot, id), SLOTS_PUT_LAST);
	assert_true(slots_put_last(slot));
	finode__slots_free(&e->slots, &e->pool, id);
}

/* The sequence of an id. */
static uint32_t seq_of(uint64_t id)
{
	return (uint32_t)(id >> 32);
}

/* Takes number 1, whose sequence starts elsewhere. */
static void add_first(struct env *e)
{
	static int object;

	assert_int_equal(add(e, &object), 1);
}

static void test_the_first_id_is_1_and_0_is_never_given(void **state)
{
	struct env e;
	int object;

	(void)state;
	setup(&e);
	assert_int_equal(add(&e, &object), 1);
	assert_null(slots_get(&e.slots, 0));
	drop(&e, 1);
	finode__slots_finish(&e.slots);
}

static void test_a_an_id_is_refused_before_publish_and_after_free(void **state)
{
	struct env e;
	uint64_t id;
	int object;

	(void)state;
	setup(&e);
	assert_int_equal(finode__slots_alloc(&e.slots, &e.pool, &object, &id), 0);
	assert_null(slots_get(&e.slots, id));
	slots_publish(slots_find(&e.slots, id), 1);
	assert_ptr_equal(slots_get(&e.slots, id), &object);
	assert_int_equal(slots_put(slots_find(&e.slots, id), id), SLOTS_PUT_DONE);
	drop(&e, id);
	assert_null(slots_get(&e.slots, id));
	finode__slots_finish(&e.slots);
}

static void test_a_a_slot_used_again_has_another_id(void **state)
{
	struct env e;
	int object;
	uint64_t first, second;

	(void)state;
	setup(&e);
	first = add(&e, &object);
	drop(&e, first);
	second = add(&e, &object);
	assert_int_equal((uint32_t)first, (uint32_t)second);
	assert_int_not_equal(first, second);
	assert_null(slots_get(&e.slots, first));
	assert_int_equal(slots_put(slots_find(&e.slots, first), first), SLOTS_PUT_NOT_HELD);
	assert_false(slots_hold(slots_find(&e.slots, first), first));
	drop(&e, second);
	finode__slots_finish(&e.slots);
}

static void test_a_sequences_start_where_the_owner_says(void **state)
{
	struct env e;
	int object;

	(void)state;
	setup(&e);
	add_first(&e);
	for (uint32_t number = 2; number < 100; number++)
		assert_int_equal(add(&e, &object), (uint64_t)FIRST_SEQ << 32 | number);
	finode__slots_finish(&e.slots);
}

static void test_a_ids_of_another_array_are_refused(void **state)
{
	struct env one, other;
	int object;

	(void)state;
	setup(&one);
	setup_at(&other, FIRST_SEQ + 1000);
	add_first(&one);
	add_first(&other);
	for (int i = 0; i < 100; i++) {
		uint64_t a = add(&one, &object), b = add(&other, &object);

		assert_null(slots_get(&one.slots, b));
		assert_null(slots_get(&other.slots, a));
	}
	finode__slots_finish(&other.slots);
	finode__slots_finish(&one.slots);
}

static void test_a_a_slot_never_used_refuses_every_id(void **state)
{
	const uint32_t seqs[] = {0, 1, FIRST_SEQ - 1, FIRST_SEQ, FIRST_SEQ + 1, UINT32_MAX};
	struct env e;

	(void)state;
	setup(&e);
	add_first(&e);
	for (size_t i = 0; i < sizeof(seqs) / sizeof(*seqs); i++) {
		uint64_t id = (uint64_t)seqs[i] << 32 | 2;
		struct slot *slot = slots_find(&e.slots, id);

		assert_non_null(slot);
		assert_null(slots_get(&e.slots, id));
		assert_false(slots_hold(slot, id));
		assert_int_equal(slots_put(slot, id), SLOTS_PUT_NOT_HELD);
	}
	finode__slots_finish(&e.slots);
}

static void test_a_a_sequence_goes_on_at_0_after_its_greatest(void **state)
{
	struct env e;
	int object;
	uint64_t last, next;

	(void)state;
	setup_at(&e, UINT32_MAX);
	add_first(&e);
	last = add(&e, &object);
	assert_int_equal(seq_of(last), UINT32_MAX);
	drop(&e, last);
	next = add(&e, &object);
	assert_int_equal(next, 2);
	assert_null(slots_get(&e.slots, last));
	assert_int_equal(slots_put(slots_find(&e.slots, last), last), SLOTS_PUT_NOT_HELD);
	assert_ptr_equal(slots_get(&e.slots, next), &object);
	assert_int_equal(e.pool.worn, 0);
	finode__slots_finish(&e.slots);
}

/* A free slot whose first_seq was passed long ago; its next sequence is to be `seq`. */
static void age(struct env *e, uint64_t id, uint32_t seq)
{
	drop(e, id);
	atomic_store(&slots_find(&e->slots, id)->word, (uint64_t)seq << 32);
}

/* It had every sequence from first_seq on: the next one would be the first again. */
static void assert_worn_before(uint32_t first_seq)
{
	struct env e;
	int object;
	uint64_t first, last;

	setup_at(&e, first_seq);
	add_first(&e);
	first = add(&e, &object);
	age(&e, first, first_seq - 2);
	last = add(&e, &object);
	assert_int_equal(last, (uint64_t)(first_seq - 2) << 32 | 2);
	drop(&e, last);
	last = add(&e, &object);
	assert_int_equal(last, (uint64_t)(uint32_t)(first_seq - 1) << 32 | 2);
	assert_int_equal(e.pool.worn, 0);
	drop(&e, last);
	assert_int_equal(e.pool.worn, 1);
	assert_null(slots_get(&e.slots, last));
	assert_null(slots_get(&e.slots, first));
	assert_int_equal(slots_number(add(&e, &object)), 3);
	assert_null(slots_get(&e.slots, first));
	finode__slots_finish(&e.slots);
}

static void test_a_a_slot_that_had_every_sequence_is_not_used_again(void **state)
{
	(void)state;
	assert_worn_before(FIRST_SEQ);
	assert_worn_before(0);
	assert_worn_before(1);
	assert_worn_before(UINT32_MAX);
}

static void test_a_number_1_is_worn_before_a_sequence_comes_twice(void **state)
{
	struct env e;
	int object;
	uint64_t last;

	(void)state;
	setup(&e);
	add_first(&e);
	age(&e, 1, FIRST_SEQ - 1);
	last = add(&e, &object);
	assert_int_equal(last, (uint64_t)(FIRST_SEQ - 1) << 32 | 1);
	drop(&e, last);
	assert_int_equal(e.pool.worn, 1);
	assert_null(slots_get(&e.slots, last));
	assert_null(slots_get(&e.slots, 1));
	assert_int_equal(slots_number(add(&e, &object)), 2);
	finode__slots_finish(&e.slots);
}

static void test_segments_follow_each_other_without_a_gap(void **state)
{
	uint64_t number = 0;

	(void)state;
	for (uint64_t i = 0; i < SLOTS_SEGMENTS; i++) {
		uint64_t size = 32ull << (i / 8);
		struct slots_place first = slots_place((uint32_t)number);
		struct slots_place last = slots_place((uint32_t)(number + size - 1));

		assert_int_equal(first.segment, i);
		assert_int_equal(first.offset, 0);
		assert_int_equal(last.segment, i);
		assert_int_equal(last.offset, size - 1);
		number += size;
	}
	assert_int_equal(number, (1ull << 32) - 256);
	assert_int_equal(slots_place((uint32_t)number).segment, SLOTS_SEGMENTS);
	assert_int_equal(slots_place(UINT32_MAX).segment, SLOTS_SEGMENTS);
}

static void test_at_most_a_ninth_of_the_memory_lies_ahead(void **state)
{
	struct env e;
	int object;

	(void)state;
	setup(&e);
	for (uint64_t used = 1; used < 200000; used++) {
		uint64_t slots;

		add(&e, &object);
		slots = e.slots.bytes / sizeof(struct slot);
		assert_true(slots > used);
		assert_true(9 * (slots - used) <= slots + 512);
	}
	finode__slots_finish(&e.slots);
}

static void test_a_numbers_beyond_every_segment_are_refused(void **state)
{
	struct env e;

	(void)state;
	setup(&e);
	assert_null(slots_find(&e.slots, UINT32_MAX));
	assert_null(slots_find(&e.slots, UINT32_MAX - 255));
	assert_null(slots_get(&e.slots, UINT64_MAX));
	assert_null(slots_get(&e.slots, 77)); /* no segment yet */
	finode__slots_finish(&e.slots);
}

static void test_references_stop_at_their_limit(void **state)
{
	struct env e;
	int object;
	uint64_t id;
	struct slot *slot;

	(void)state;
	setup(&e);
	id = add(&e, &object);
	slot = slots_find(&e.slots, id);
	atomic_store(&slot->word, SLOT_REFS_MAX);
	assert_null(slots_get(&e.slots, id));
	assert_false(slots_hold(slot, id));
	atomic_store(&slot->word, 1);
	drop(&e, id);
	finode__slots_finish(&e.slots);
}

static void test_ids_stay_right_over_many_segments(void **state)
{
	enum { COUNT = 5000 };
	static int objects[COUNT];
	static uint64_t ids[COUNT];
	struct env e;

	(void)state;
	setup(&e);
	for (int i = 0; i < COUNT; i++)
		ids[i] = add(&e, &objects[i]);
	for (int i = 0; i < COUNT; i++) {
		assert_ptr_equal(slots_get(&e.slots, ids[i]), &objects[i]);
		assert_int_equal(slots_put(slots_find(&e.slots, ids[i]), ids[i]),
				 SLOTS_PUT_DONE);
	}
	for (int i = 0; i < COUNT; i++)
		drop(&e, ids[i]);
	finode__slots_finish(&e.slots);
	assert_int_equal(e.slots.bytes, 0);
}

static void test_k_no_memory_for_a_segment_is_enomem(void **state)
{
	struct env e;
	uint64_t id;
	int object;

	(void)state;
	setup(&e);
	e.fail = 1;
	assert_int_equal(finode__slots_alloc(&e.slots, &e.pool, &object, &id), -ENOMEM);
	e.fail = 0;
	assert_int_equal(finode__slots_alloc(&e.slots, &e.pool, &object, &id), 0);
	finode__slots_finish(&e.slots);
}

static void test_a_full_array_is_enomem(void **state)
{
	struct env e;
	uint64_t id;
	int object;

	(void)state;
	setup(&e);
	atomic_store(&e.slots.end, (1ull << 32) - 256);
	assert_int_equal(finode__slots_alloc(&e.slots, &e.pool, &object, &id), -ENOMEM);
	finode__slots_finish(&e.slots);
}

static void test_the_walk_sees_what_has_references(void **state)
{
	struct env e;
	int objects[3];
	uint64_t ids[3], cursor = 0;

	(void)state;
	setup(&e);
	for (int i = 0; i < 3; i++)
		ids[i] = add(&e, &objects[i]);
	drop(&e, ids[1]);
	assert_ptr_equal(finode__slots_next(&e.slots, &cursor), &objects[0]);
	assert_ptr_equal(finode__slots_next(&e.slots, &cursor), &objects[2]);
	assert_null(finode__slots_next(&e.slots, &cursor));
	assert_int_equal(slot_refs(slots_find(&e.slots, ids[0])), 2);
	finode__slots_finish(&e.slots);
}

/* Readers of one id while the array grows by thousands of others. */
struct growth {
	struct env e;
	int object;
	uint64_t id;
	_Atomic bool done;
	_Atomic unsigned int wrong;
};

static void grow_or_read(void *arg, unsigned int number)
{
	struct growth *g = arg;

	if (number == 0) {
		for (int i = 0; i < 100000; i++) {
			uint64_t id;

			if (finode__slots_alloc(&g->e.slots, &g->e.pool, &g->object, &id) !=
			    0)
				g->wrong++;
		}
		g->done = true;
		return;
	}
	while (!g->done) {
		if (slots_get(&g->e.slots, g->id) != &g->object)
			g->wrong++;
		else if (slots_put(slots_find(&g->e.slots, g->id), g->id) != SLOTS_PUT_DONE)
			g->wrong++;
	}
}

static void test_a_readers_are_right_while_the_array_grows(void **state)
{
	static struct growth g;

	(void)state;
	setup(&g.e);
	g.id = add(&g.e, &g.object);
	run_threads(4, grow_or_read, &g);
	assert_int_equal(g.wrong, 0);
	assert_int_equal(slot_refs(slots_find(&g.e.slots, g.id)), 1);
	finode__slots_finish(&g.e.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_id_is_1_and_0_is_never_given),
		cmocka_unit_test(test_a_an_id_is_refused_before_publish_and_after_free),
		cmocka_unit_test(test_a_a_slot_used_again_has_another_id),
		cmocka_unit_test(test_a_sequences_start_where_the_owner_says),
		cmocka_unit_test(test_a_ids_of_another_array_are_refused),
		cmocka_unit_test(test_a_a_slot_never_used_refuses_every_id),
		cmocka_unit_test(test_a_a_sequence_goes_on_at_0_after_its_greatest),
		cmocka_unit_test(test_a_a_slot_that_had_every_sequence_is_not_used_again),
		cmocka_unit_test(test_a_number_1_is_worn_before_a_sequence_comes_twice),
		cmocka_unit_test(test_segments_follow_each_other_without_a_gap),
		cmocka_unit_test(test_at_most_a_ninth_of_the_memory_lies_ahead),
		cmocka_unit_test(test_a_numbers_beyond_every_segment_are_refused),
		cmocka_unit_test(test_references_stop_at_their_limit),
		cmocka_unit_test(test_ids_stay_right_over_many_segments),
		cmocka_unit_test(test_k_no_memory_for_a_segment_is_enomem),
		cmocka_unit_test(test_a_full_array_is_enomem),
		cmocka_unit_test(test_the_walk_sees_what_has_references),
		cmocka_unit_test(test_a_readers_are_right_while_the_array_grows),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
