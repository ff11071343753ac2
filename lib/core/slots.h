/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots: 64-bit ids for objects, safe to receive from anyone (guarantee A).
 *
 * An id is the number of a slot (low 32 bits) and the sequence number (high 32 bits)
 * that the slot had when the id was given out. Freeing a slot raises its sequence, so an
 * id names one object or nothing, for ever. Nodeids and file handles are both ids of this
 * kind; the code above treats them as opaque numbers.
 *
 * The sequences of an array start at a number that its owner draws, so that an id from
 * another array, or from a process that has ended, names something here by chance only.
 * They go on through UINT32_MAX to 0. A slot whose next sequence would be the first again
 * is worn: it is not used again. Number 1 alone starts at 0, so that the first id of an
 * array is 1 (the root's nodeid). It is worn at the same point as the others, after fewer
 * sequences, none of them twice.
 *
 * A slot is one atomic word, `seq:32 | refs:32`, beside a pointer to the object and a
 * count:
 *
 *      refs == 0    free, or its object is NEW or EVICTING: slots_get() refuses the id
 *      refs >= 1    the object is alive and stays so while the caller holds one of them
 *
 * Taking a reference by id is one compare-exchange that checks the sequence and that
 * refs is not 0; it takes no lock. A reference is dropped the same way, but for the last
 * one: the owner of the object makes the step 1 -> 0 under a lock of its own
 * (slots_put_last), so whoever holds that lock and sees refs >= 1 may take one too.
 *
 * Slots live in segments that never move, so a reader needs no lock while the array grows.
 * Each doubling of the array is 8 segments of one size, allocated one by one as the array's
 * end reaches them, so that at most about a ninth of the memory lies ahead. Sequences must
 * stay, so no segment is given back while the array is there: it keeps the memory of its
 * peak, sizeof(struct slot) for each slot and what lies ahead.
 *
 * Free slots are kept in pools; the owner of a pool guards it with its own lock (one pool
 * per shard), and only the growth of the array itself is shared. Number 0 is never given
 * out. A slot that was never used refuses every id, as a free one does.
 *
 * Recovery will want slot words in memory that outlives the process: nothing outside
 * this file and slots.c knows how a slot is laid out or what an id is made of.
 */
#ifndef FINODE_LIB_SLOTS_H
#define FINODE_LIB_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/testing.h"

struct finode_allocator;

#define SLOTS_FIRST_BITS 8 /* 256 slots before the size first doubles */
#define SLOTS_PART_BITS	 3 /* the segments of each doubling: 8 of the same size */
#define SLOTS_SEGMENTS	 ((32 - SLOTS_FIRST_BITS) << SLOTS_PART_BITS)
#define SLOTS_BATCH	 16 /* fresh numbers that a pool takes at a time */
#define SLOT_REFS_MAX	 0x7fffffffu

/*
 * The count is the owner's: 0 when an id is given out, and there as long as the id is
 * valid. What is asked for most by id alone lies here, so that it needs no look at the
 * object.
 */
struct slot {
	_Atomic uint64_t word;
	_Atomic uint64_t count;
	union {
		void *object;	    /* while in use */
		uint32_t next_free; /* while in a pool; 0 ends the list */
	};
};

struct slots {
	/* set by init, never changed */
	const struct finode_allocator *allocator;
	uint32_t first_seq; /* of every slot but number 1 */

	/* The one behind the last stays NULL: for the numbers that no segment holds. */
	_Atomic(struct slot *) segment[SLOTS_SEGMENTS + 1];
	_Atomic uint64_t end; /* every number below has a segment and was given to a pool */
	struct lock grow;
	uint64_t bytes; /* protected by grow */
};

/* Protected by a lock of its owner. A zeroed pool is an empty one. */
struct slots_pool {
	uint32_t free;	/* first of the freed slots, 0 for none */
	uint32_t fresh; /* next number that was never used, .. */
	uint32_t fresh_end;
	uint32_t worn; /* slots given up because their sequences have all been used */
};

/* first_seq: where sequences start. @return 0, or an error of the lock's */
int finode__slots_init(struct slots *slots, const struct finode_allocator *allocator,
		       uint32_t first_seq);
void finode__slots_finish(struct slots *slots);
uint64_t finode__slots_bytes(struct slots *slots);

/*
 * Gives `object` an id. The slot starts with no references: the id is refused until
 * slots_publish(). @return 0, or -ENOMEM. The pool's lock is held.
 */
int finode__slots_alloc(struct slots *slots, struct slots_pool *pool, void *object,
			uint64_t *id);

/* Makes the id invalid and the slot free. It has no references. The pool's lock is held. */
void finode__slots_free(struct slots *slots, struct slots_pool *pool, uint64_t id);

/*
 * Walks the objects that have references, in the order of their slots; start with a cursor
 * of 0. @return an object with a reference taken, or NULL at the end. What comes or goes
 * during the walk may be missed.
 */
void *finode__slots_next(struct slots *slots, uint64_t *cursor);

/* Where the slot of a number is. */
struct slots_place {
	uint64_t segment, offset;
};

/*
 * With 2^FIRST_BITS added, the leading bit of a number tells its doubling, and the next
 * PART_BITS its segment there.
 */
static inline struct slots_place slots_place(uint32_t number)
{
	uint64_t sum = (uint64_t)number + (1u << SLOTS_FIRST_BITS);
	unsigned int log2 = 63 ^ (unsigned int)__builtin_clzll(sum);
	unsigned int shift = log2 - SLOTS_PART_BITS; /* log2 of the segment's size */
	uint64_t top = sum >> shift;		     /* the leading bit and the next ones */
	uint64_t doubling = log2 - SLOTS_FIRST_BITS;

	return (struct slots_place){
		.segment = (doubling << SLOTS_PART_BITS) + top - (1u << SLOTS_PART_BITS),
		.offset = sum - (top << shift),
	};
}

/* The slot behind an id, or NULL for an id that no segment holds. */
static inline struct slot *slots_find(struct slots *slots, uint64_t id)
{
	struct slots_place place = slots_place((uint32_t)id);
	struct slot *segment =
		atomic_load_explicit(&slots->segment[place.segment], memory_order_acquire);

	return segment ? &segment[place.offset] : NULL;
}

/*
 * The number by which an id that is in use can be found again while it is: half as long,
 * for those who keep many.
 */
static inline uint32_t slots_number(uint64_t id)
{
	return (uint32_t)id;
}

/* The slot of a number below the array's end. */
static inline struct slot *slots_at(struct slots *slots, uint32_t number)
{
	struct slots_place place = slots_place(number);

	return atomic_load_explicit(&slots->segment[place.segment], memory_order_acquire) +
	       place.offset;
}

static inline uint32_t slot_refs(const struct slot *slot)
{
	return (uint32_t)atomic_load_explicit(&slot->word, memory_order_relaxed);
}

/* True if the word carries the sequence number of the id. */
static inline bool slot_word_is(uint64_t word, uint64_t id)
{
	return (word ^ id) >> 32 == 0;
}

/* Takes a reference by id, in its slot. @return false if the id names nothing */
static inline bool slot_take(struct slot *slot, uint64_t id)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	do {
		uint32_t refs = (uint32_t)word;

		if (!slot_word_is(word, id) || refs == 0 || refs >= SLOT_REFS_MAX)
			return false;
		FINODE_YIELD("get: before the exchange");
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->word, &word, word + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}

/* The same, in what slots_find() has returned. @return the object, or NULL */
static inline void *slot_get(struct slot *slot, uint64_t id)
{
	return slot && slot_take(slot, id) ? slot->object : NULL;
}

static inline void *slots_get(struct slots *slots, uint64_t id)
{
	return slot_get(slots_find(slots, id), id);
}

/* The first references of a new object; from now on its id is accepted. */
static inline void slots_publish(struct slot *slot, uint32_t refs)
{
	atomic_fetch_add_explicit(&slot->word, refs, memory_order_release);
}

/*
 * Takes a reference beside one that the caller holds, or under the lock that
 * slots_put_last() needs. @return false, with nothing taken, if there is none or there are
 * too many.
 */
static inline bool slots_hold(struct slot *slot, uint64_t id)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	do {
		uint32_t refs = (uint32_t)word;

		if (!slot_word_is(word, id) || refs == 0 || refs >= SLOT_REFS_MAX)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->word, &word, word + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

enum slots_put {
	SLOTS_PUT_DONE,	   /* dropped; others remain */
	SLOTS_PUT_LAST,	   /* not dropped: it is the last, see slots_put_last() */
	SLOTS_PUT_NOT_HELD /* the id is stale or nobody holds a reference: a caller's
			      mistake */
};

static inline enum slots_put slots_put(struct slot *slot, uint64_t id)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	do {
		if (!slot_word_is(word, id) || (uint32_t)word == 0)
			return SLOTS_PUT_NOT_HELD;
		if ((uint32_t)word == 1)
			return SLOTS_PUT_LAST;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->word, &word, word - 1, memory_order_release, memory_order_relaxed));
	return SLOTS_PUT_DONE;
}

/* Takes all references away, whoever holds them: for the end of a table. */
static inline void slots_revoke(struct slot *slot, uint64_t id)
{
	atomic_store_explicit(&slot->word, id >> 32 << 32, memory_order_relaxed);
}

/*
 * Drops a reference after SLOTS_PUT_LAST, under the lock that the owner uses for the step
 * to 0. @return true if no reference is left; false if another one was taken meanwhile.
 */
static inline bool slots_put_last(struct slot *slot)
{
	uint64_t before = atomic_fetch_sub_explicit(&slot->word, 1, memory_order_acq_rel);

	return (uint32_t)before == 1;
}

#endif
