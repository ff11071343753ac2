/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nlookup: what the kernel believes it holds (guarantees C, D, E).
 *
 * This file owns the count and the one reference that stands for all of it. The order of
 * the two is the invariant: the reference is taken before the count leaves 0, and dropped
 * after the count has returned to 0. So there is never a count without its reference, and
 * a FORGET, whose number is untrusted, can drop no reference but that one.
 *
 * Everybody here holds a reference of their own meanwhile, so no step in this file frees
 * anything; the last finode_put() does.
 */
#include "core/count.h"

#include "base/testing.h"
#include "core/end.h"
#include "core/object.h"

#define NLOOKUP_SATURATED UINT64_MAX

/* Drops the count's reference; the caller's own keeps it from being the last. */
static void drop_counts_reference(struct finode_table *table, struct slot *slot,
				  uint64_t id)
{
	if (slots_put(slot, id) != SLOTS_PUT_DONE)
		finode__misuse(&table->log,
			       "nlookup of nodeid %#llx changed without a reference to it",
			       (unsigned long long)id);
}

/* 0 -> n. @return false if the count was not 0 any more */
static bool count_first(struct finode *inode, struct slot *slot, uint64_t n)
{
	uint64_t zero = 0;

	/* finode_hold() reports it; not counted, the inode is merely forgotten early. */
	if (!slots_hold(slot, inode->nodeid) && !finode_hold(inode))
		return true;
	if (atomic_compare_exchange_strong_explicit(
		    &slot->count, &zero, n, memory_order_seq_cst, memory_order_relaxed)) {
		FINODE_YIELD("count: the first is counted");
		return true;
	}
	drop_counts_reference(inode_table(inode), slot, inode->nodeid);
	return false;
}

/* m -> m + n, where m > 0. @return false if the count is 0 */
static bool count_more(struct slot *slot, uint64_t n)
{
	uint64_t before = atomic_load_explicit(&slot->count, memory_order_relaxed);
	uint64_t after;

	do {
		if (before == 0)
			return false;
		after = before + n < before ? NLOOKUP_SATURATED : before + n;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->count, &before, after, memory_order_seq_cst, memory_order_relaxed));
	return true;
}

void finode_count(struct finode *inode, uint64_t n)
{
	struct slot *slot;

	if (n == 0 || inode_is_root(inode))
		return;
	slot = inode_slot(inode);
	while (!count_more(slot, n) && !count_first(inode, slot, n))
		;
	if (mount_is_first(inode->mount))
		return;
	/*
	 * Whoever detaches marks the mount and then clears the counts, and here it is the
	 * other way round, all in one order: so one of the two sees the other.
	 */
	if (atomic_load_explicit(&mount_core(inode->mount)->detached, memory_order_seq_cst))
		finode__count_disown(inode);
}

/* m -> max(m - n, 0). @return how much was taken */
static uint64_t subtract(struct finode_table *table, struct slot *slot, uint64_t id,
			 uint64_t n)
{
	uint64_t before = atomic_load_explicit(&slot->count, memory_order_relaxed);
	uint64_t taken;

	do {
		if (before == NLOOKUP_SATURATED)
			return n; /* nobody knows how much there was: it stays */
		taken = n < before ? n : before;
		if (taken == 0)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->count, &before, before - taken, memory_order_acq_rel,
		memory_order_relaxed));
	if (taken == before) {
		FINODE_YIELD("forget: none left, before its reference");
		drop_counts_reference(table, slot, id);
	}
	return taken;
}

/* ---- What is owed of detached mounts ---- */

void finode__count_disown(struct finode *inode)
{
	atomic_fetch_add_explicit(&inode_table(inode)->owed, finode__count_clear(inode),
				  memory_order_relaxed);
}

void finode__count_forget_owed(struct finode_table *table)
{
	atomic_store_explicit(&table->owed, 0, memory_order_relaxed);
}

/* So many of those lookups are forgotten, or have never come to the kernel. */
static void settle(struct finode_table *table, uint64_t n)
{
	_Atomic uint64_t *owed = &table->owed;
	uint64_t before = atomic_load_explicit(owed, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		owed, &before, before - (n < before ? n : before), memory_order_relaxed,
		memory_order_relaxed))
		;
}

/* A FORGET of an unknown nodeid: does it come for an inode of a detached mount? */
static bool is_owed(struct finode_table *table, uint64_t n)
{
	uint64_t owed = atomic_load_explicit(&table->owed, memory_order_relaxed);

	do {
		if (owed < n || owed == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&table->owed, &owed, owed - n, memory_order_relaxed, memory_order_relaxed));
	atomic_fetch_add_explicit(&table->forgets_late, 1, memory_order_relaxed);
	return true;
}

/* ---- FORGET ---- */

/*
 * Only `taken` of n lookups could be forgotten.
 * @return false if that is because the mount is detached
 */
static bool was_too_much(const struct finode *inode, uint64_t n, uint64_t taken)
{
	struct finode_table *table = inode_table(inode);

	if (mount_is_detached(inode->mount)) {
		settle(table, n - taken);
		return false;
	}
	finode__log_first(&table->log, &table->rare.forgets_clamped,
			  "nodeid %#llx: told to forget %llu lookups of %llu; clamped "
			  "(further ones are only counted)",
			  (unsigned long long)inode->nodeid, (unsigned long long)n,
			  (unsigned long long)taken);
	return true;
}

void finode_uncount(struct finode *inode, uint64_t n)
{
	uint64_t taken;

	if (n == 0 || inode_is_root(inode))
		return;
	taken = subtract(inode_table(inode), inode_slot(inode), inode->nodeid, n);
	if (taken < n)
		was_too_much(inode, n, taken);
}

/* The shards' counters are added up: this is the one of the nodeid's neighbours. */
static _Atomic uint64_t *forgets_counter(struct finode_table *table, uint64_t nodeid)
{
	return &table->shards[slots_number(nodeid) / SLOTS_BATCH & (table->shard_count - 1)]
			.forgets;
}

static void forget_unknown(struct finode_table *table, uint64_t nodeid, uint64_t n)
{
	if (is_owed(table, n))
		return;
	finode__log_first(&table->log, &table->rare.forgets_unknown,
			  "FORGET of unknown nodeid %#llx; ignored "
			  "(further ones are only counted)",
			  (unsigned long long)nodeid);
}

/*
 * As long as something else holds the inode, all of this is in the slot and the inode is
 * not looked at: in a table of millions that is one wait for memory less.
 */
void finode_forget(struct finode_table *table, uint64_t nodeid, uint64_t n)
{
	_Atomic uint64_t *counter;
	enum slots_put result;
	struct finode *inode;
	struct slot *slot;
	uint64_t taken;

	if (nodeid == FINODE_ROOT_ID) {
		atomic_fetch_add_explicit(&table->rare.forgets_root, 1,
					  memory_order_relaxed);
		return;
	}
	slot = slots_find(&table->inodes, nodeid);
	if (!slot || !slot_take(slot, nodeid)) {
		forget_unknown(table, nodeid, n);
		return;
	}
	inode = slot->object;
	FINODE_YIELD("forget: got the inode");
	taken = subtract(table, slot, nodeid, n);
	counter = taken == n || was_too_much(inode, n, taken)
			  ? forgets_counter(table, nodeid)
			  : &table->forgets_late;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	result = slots_put(slot, nodeid);
	if (result == SLOTS_PUT_DONE)
		return;
	finode__put_slowly(inode, slot, result);
}

void finode_forget_batch(struct finode_table *table, const struct finode_forget_one *batch,
			 size_t count)
{
	/* Far enough ahead for a slot to arrive from memory, near enough to stay cached. */
	const size_t ahead = 8;

	for (size_t i = 0; i < count; i++) {
		if (i + ahead < count)
			__builtin_prefetch(
				slots_find(&table->inodes, batch[i + ahead].nodeid));
		finode_forget(table, batch[i].nodeid, batch[i].nlookup);
	}
}

uint64_t finode_nlookup(const struct finode *inode)
{
	return atomic_load_explicit(inode_nlookup(inode), memory_order_relaxed);
}

uint64_t finode__count_clear(struct finode *inode)
{
	struct slot *slot = inode_slot(inode);
	uint64_t before = atomic_exchange_explicit(&slot->count, 0, memory_order_seq_cst);

	if (before != 0)
		drop_counts_reference(inode_table(inode), slot, inode->nodeid);
	return before;
}
