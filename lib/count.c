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
#include "count.h"

#include "inode.h"
#include "log.h"
#include "mount.h"
#include "testing.h"

#define NLOOKUP_SATURATED UINT64_MAX

/* Drops the count's reference; the caller's own keeps it from being the last. */
static void drop_counts_reference(struct finode *inode)
{
	if (slots_put(inode_slot(inode), inode->nodeid) != SLOTS_PUT_DONE)
		finode__misuse(inode_table(inode),
			       "nlookup of nodeid %#llx changed without a reference to it",
			       (unsigned long long)inode->nodeid);
}

/* 0 -> n. @return false if the count was not 0 any more */
static bool count_first(struct finode *inode, uint64_t n)
{
	uint64_t zero = 0;

	if (!FINODE_MUTANT(count_before_reference) && !finode_hold(inode))
		return true; /* reported; not counted, so the inode is merely forgotten
				early */
	if (atomic_compare_exchange_strong_explicit(inode_nlookup(inode), &zero, n,
						    memory_order_seq_cst,
						    memory_order_relaxed)) {
		FINODE_YIELD("count: the first is counted");
		if (FINODE_MUTANT(count_before_reference))
			finode_hold(inode);
		return true;
	}
	drop_counts_reference(inode);
	return false;
}

/* m -> m + n, where m > 0. @return false if the count is 0 */
static bool count_more(struct finode *inode, uint64_t n)
{
	uint64_t before = atomic_load_explicit(inode_nlookup(inode), memory_order_relaxed);
	uint64_t after;

	do {
		if (before == 0)
			return false;
		after = before + n < before ? NLOOKUP_SATURATED : before + n;
	} while (!atomic_compare_exchange_weak_explicit(inode_nlookup(inode), &before,
							after, memory_order_seq_cst,
							memory_order_relaxed));
	return true;
}

void finode_count(struct finode *inode, uint64_t n)
{
	if (n == 0 || inode_is_root(inode))
		return;
	while (!count_more(inode, n) && !count_first(inode, n))
		;
	if (mount_is_first(inode->mount) || FINODE_MUTANT(count_what_is_detached))
		return;
	/*
	 * Whoever detaches marks the mount and then clears the counts, and here it is the
	 * other way round, all in one order: so one of the two sees the other.
	 */
	if (atomic_load_explicit(&mount_core(inode->mount)->detached, memory_order_seq_cst))
		finode__mount_owe(inode);
}

/* m -> max(m - n, 0). @return how much was taken */
static uint64_t subtract(struct finode *inode, uint64_t n)
{
	uint64_t before = atomic_load_explicit(inode_nlookup(inode), memory_order_relaxed);
	uint64_t taken;

	do {
		if (before == NLOOKUP_SATURATED)
			return n; /* nobody knows how much there was: it stays */
		taken = n < before || FINODE_MUTANT(no_clamp) ? n : before;
		if (taken == 0)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(
		inode_nlookup(inode), &before, before - taken, memory_order_acq_rel,
		memory_order_relaxed));
	if (taken == before) {
		FINODE_YIELD("forget: none left, before its reference");
		drop_counts_reference(inode);
	}
	return taken;
}

/* @return false if more was to be taken than there was because the mount is detached */
static bool subtract_clamped(struct finode *inode, uint64_t n)
{
	struct finode_table *table = inode_table(inode);
	uint64_t taken = subtract(inode, n);

	if (taken < n && mount_is_detached(inode->mount) &&
	    !FINODE_MUTANT(late_is_too_much)) {
		finode__mounts_settle(table, n - taken);
		return false;
	}
	if (taken < n)
		finode__log_first(
			table, &table->rare.forgets_clamped,
			"nodeid %#llx: told to forget %llu lookups of %llu; clamped "
			"(further ones are only counted)",
			(unsigned long long)inode->nodeid, (unsigned long long)n,
			(unsigned long long)taken);
	return true;
}

void finode_uncount(struct finode *inode, uint64_t n)
{
	if (n != 0 && !inode_is_root(inode))
		subtract_clamped(inode, n);
}

void finode_forget(struct finode_table *table, uint64_t nodeid, uint64_t n)
{
	struct finode *inode;
	_Atomic uint64_t *counter;

	if (nodeid == FINODE_ROOT_ID && !FINODE_MUTANT(root_forgotten)) {
		atomic_fetch_add_explicit(&table->rare.forgets_root, 1,
					  memory_order_relaxed);
		return;
	}
	inode = finode_get(table, nodeid);
	if (!inode && finode__mounts_expect_forget(table, n))
		return;
	if (!inode) {
		finode__log_first(table, &table->rare.forgets_unknown,
				  "FORGET of unknown nodeid %#llx; ignored "
				  "(further ones are only counted)",
				  (unsigned long long)nodeid);
		return;
	}
	FINODE_YIELD("forget: got the inode");
	counter = n == 0 || subtract_clamped(inode, n) ? &inode_shard(inode)->forgets
						       : &table->mounts.forgets_late;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	finode_put(inode);
}

void finode_forget_batch(struct finode_table *table, const struct finode_forget_one *batch,
			 size_t count)
{
	/* Far enough ahead for a slot to arrive from memory, near enough to stay cached. */
	const size_t ahead = 8;

	for (size_t i = 0; i + FINODE_MUTANT(batch_drops_last) < count; i++) {
		if (i + ahead < count)
			__builtin_prefetch(
				slots_find(&table->inodes, batch[i + ahead].nodeid));
		finode_forget(table, batch[i].nodeid, batch[i].nlookup);
	}
}

uint64_t finode__count_clear(struct finode *inode)
{
	uint64_t before =
		atomic_exchange_explicit(inode_nlookup(inode), 0, memory_order_seq_cst);

	if (before != 0 && !FINODE_MUTANT(clear_keeps_reference))
		drop_counts_reference(inode);
	return before;
}
