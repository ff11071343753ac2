/* SPDX-License-Identifier: BSD-3-Clause */
/* See slots.h. This file owns the segments, the pools and the life of a slot number. */
#include "core/slots.h"

#include <errno.h>

#include "base/memory.h"

_Static_assert(SLOTS_BATCH <= 1 << (SLOTS_FIRST_BITS - SLOTS_PART_BITS),
	       "a batch of numbers lies in one segment");

static size_t segment_bytes(uint64_t segment)
{
	uint64_t doubling = segment >> SLOTS_PART_BITS;

	return sizeof(struct slot) << (SLOTS_FIRST_BITS - SLOTS_PART_BITS + doubling);
}

int finode__slots_init(struct slots *slots, const struct finode_allocator *allocator,
		       uint32_t first_seq)
{
	slots->allocator = allocator;
	slots->first_seq = first_seq;
	for (unsigned int i = 0; i <= SLOTS_SEGMENTS; i++)
		atomic_init(&slots->segment[i], NULL);
	atomic_init(&slots->end, 0);
	slots->bytes = 0;
	return finode__lock_init(&slots->grow, LOCK_RANK_SLOTS);
}

void finode__slots_finish(struct slots *slots)
{
	for (unsigned int i = 0; i < SLOTS_SEGMENTS; i++) {
		struct slot *segment = atomic_load(&slots->segment[i]);

		if (segment)
			memory_put(slots->allocator, &slots->bytes, segment,
				   segment_bytes(i));
	}
	finode__lock_finish(&slots->grow);
}

uint64_t finode__slots_bytes(struct slots *slots)
{
	uint64_t bytes;

	lock_take(&slots->grow);
	bytes = slots->bytes;
	lock_release(&slots->grow);
	return bytes;
}

/* Makes sure that the segment of `number` exists. The grow lock is held. */
static int segment_ensure_locked(struct slots *slots, uint32_t number)
{
	uint64_t i = slots_place(number).segment;
	struct slot *segment;

	if (i >= SLOTS_SEGMENTS)
		return -ENOMEM;
	if (atomic_load_explicit(&slots->segment[i], memory_order_relaxed))
		return 0;
	segment = memory_get(slots->allocator, &slots->bytes, segment_bytes(i));
	if (!segment)
		return -ENOMEM;
	atomic_store_explicit(&slots->segment[i], segment, memory_order_release);
	return 0;
}

/* Gives the pool its next batch of fresh numbers, which lies in one segment. */
static int pool_refill(struct slots *slots, struct slots_pool *pool)
{
	uint64_t first;
	int err;

	lock_take(&slots->grow);
	first = atomic_load_explicit(&slots->end, memory_order_relaxed);
	err = segment_ensure_locked(slots, (uint32_t)first);
	if (!err)
		atomic_store_explicit(&slots->end, first + SLOTS_BATCH,
				      memory_order_release);
	lock_release(&slots->grow);
	if (err)
		return err;
	pool->fresh = (uint32_t)(first ? first : 1); /* number 0 stays unused */
	pool->fresh_end = (uint32_t)(first + SLOTS_BATCH);
	return 0;
}

int finode__slots_alloc(struct slots *slots, struct slots_pool *pool, void *object,
			uint64_t *id)
{
	struct slot *slot;
	uint32_t number, seq;

	if (pool->free) {
		number = pool->free;
		slot = slots_at(slots, number);
		pool->free = slot->next_free;
		seq = atomic_load_explicit(&slot->word, memory_order_relaxed) >> 32;
	} else {
		if (pool->fresh == pool->fresh_end) {
			int err = pool_refill(slots, pool);

			if (err)
				return err;
		}
		number = pool->fresh++;
		slot = slots_at(slots, number);
		seq = number == 1 ? 0 : slots->first_seq;
		atomic_store_explicit(&slot->word, (uint64_t)seq << 32,
				      memory_order_relaxed);
	}
	slot->object = object;
	atomic_store_explicit(&slot->count, 0, memory_order_relaxed);
	*id = (uint64_t)seq << 32 | number;
	return 0;
}

void finode__slots_free(struct slots *slots, struct slots_pool *pool, uint64_t id)
{
	struct slot *slot = slots_at(slots, slots_number(id));
	uint32_t next = (uint32_t)(id >> 32) + 1;

	if (next == slots->first_seq) {
		slot->object = NULL;
		pool->worn++;
		return;
	}
	slot->next_free = pool->free;
	pool->free = slots_number(id);
	atomic_store_explicit(&slot->word, (uint64_t)next << 32, memory_order_release);
}

void *finode__slots_next(struct slots *slots, uint64_t *cursor)
{
	uint64_t end = atomic_load_explicit(&slots->end, memory_order_acquire);

	while (*cursor < end) {
		uint64_t number = (*cursor)++;
		struct slot *slot = slots_at(slots, (uint32_t)number);
		uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
		void *object;

		if ((uint32_t)word == 0)
			continue;
		object = slot_get(slot, (word >> 32 << 32) | number);
		if (object)
			return object;
	}
	return NULL;
}
