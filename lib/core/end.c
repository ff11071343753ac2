/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * References, and the end that follows the last one: hold, put, retire, evict.
 *
 * This file owns the step LIVE -> EVICTING and all that comes after it. The rules that make
 * it simple:
 *
 *   - References go 1 -> 0 only under the shard's lock, in the same breath as LIVE ->
 *     EVICTING. So an inode that is found LIVE in the index has a reference, and whoever
 *     holds the lock may take another: there is no object that comes back from 0.
 *   - An inode leaves the index after evict() has returned, not before. So a look-up of its
 *     key waits, and a key has one object at any time (guarantee B). A retired inode has
 *     left the index early; it goes through EVICTING all the same.
 *   - evict() runs with no lock held (guarantee F), out of everyone else's reach.
 *   - What an evict() puts, and what ends with the names of an inode, is ended after that
 *     evict() has returned, in a loop: a chain of inodes may be too long for a stack. Each
 *     thread has a list of the ends that it has put off. A thread that has to wait for
 *     another one ends all of them before, so that nobody waits for who waits.
 *   - While a table is destroyed no memory is freed before the last evict() has returned:
 *     objects may use, and put, what they hold in any order.
 */
#include "core/end.h"

#include "base/callback.h"
#include "base/testing.h"
#include "core/mounts.h"
#include "core/object.h"

/* An end that is under way on this thread, and what is to follow it. */
struct ending {
	struct finode_table *table;
	uint32_t next; /* a slot, and so on by next_ended; 0 at the end */
	struct ending *outer;
};

static _Thread_local struct ending *endings;

/* ---- Ends that are put off ---- */

/* The end of an inode of this table, if one is under way on this thread. */
static struct ending *ending_of(const struct finode_table *table)
{
	struct ending *ending = endings;

	while (ending && ending->table != table)
		ending = ending->outer;
	return ending;
}

static void push(struct ending *ending, struct finode *inode)
{
	inode_core(inode)->next_ended = ending->next;
	ending->next = inode_core(inode)->slot;
}

/* Out of the list it has no file again: its evict() may ask for those. */
static struct finode *pop(struct ending *ending)
{
	struct finode *inode = ending->next ? inode_at(ending->table, ending->next) : NULL;

	if (inode) {
		ending->next = inode_core(inode)->next_ended;
		inode_core(inode)->files = 0;
	}
	return inode;
}

bool finode__any_put_off(void)
{
	const struct ending *ending = endings;

	while (ending && !ending->next)
		ending = ending->outer;
	return ending != NULL;
}

/* ---- The end of one ---- */

static void call_evict(struct finode *inode)
{
	const struct finode_ops *ops = &inode_table(inode)->ops;
	struct callback_frame frame;

	if (!ops->evict)
		return;
	finode__lock_check_none_held("evict()");
	finode__callback_begin(&frame, inode);
	ops->evict(inode);
	finode__callback_end(&frame);
}

/*
 * While the table ends, what was evicted keeps its memory. It has left its mount, which is
 * evicted with its last inode as ever, and keeps its memory, too.
 */
static void bury_locked(struct finode_table *table, struct finode *inode)
{
	inode_core(inode)->next_ended = table->graves;
	table->graves = inode_core(inode)->slot;
}

static void remove_evicted(struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct shard *shard = inode_shard_lock(inode);
	struct finode_mount *left;

	shard->evicted++;
	shard->inodes--;
	if (inode->library_flags & INODE_NOT_INDEXED)
		shard->not_indexed--;
	left = finode__inode_leave_locked(shard, inode);
	if (table->end != TABLE_LIVES)
		bury_locked(table, inode);
	else
		finode__inode_free_locked(shard, inode);
	lock_release(&shard->lock);
	if (left)
		finode_mount_put(left);
}

/* EVICTING -> nothing. */
static void end_life(struct finode *inode)
{
	const struct hooks *hooks = &inode_table(inode)->hooks;

	FINODE_YIELD("put: before evict()");
	call_evict(inode);
	if (hooks->evicted)
		hooks->evicted(inode);
	FINODE_YIELD("put: evict() returned");
	remove_evicted(inode);
}

/* Ends an inode that is EVICTING: now, or after the evict() that this thread is in. */
static void end_or_put_off(struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct ending *outer = endings ? ending_of(table) : NULL;
	struct ending ending = {.table = table, .outer = endings};

	if (outer) {
		push(outer, inode);
		return;
	}
	endings = &ending;
	end_life(inode);
	while ((inode = pop(&ending)))
		end_life(inode);
	endings = ending.outer;
}

void finode__end_put_off(void)
{
	struct ending *ending = endings;

	/* One that ends may add to any of the lists. */
	while (ending) {
		struct finode *inode = pop(ending);

		if (inode)
			end_life(inode);
		ending = inode ? endings : ending->outer;
	}
}

/* ---- References ---- */

struct finode *finode_hold(struct finode *inode)
{
	if (slots_hold(inode_slot(inode), inode->nodeid))
		return inode;
	finode__misuse(&inode_table(inode)->log, "finode_hold() of nodeid %#llx: %s",
		       (unsigned long long)inode->nodeid,
		       inode->library_state == LIFE_ENDED ? "it has ended"
							  : "nobody holds it, or 2^31 do");
	return NULL;
}

/* Drops what may be the last reference. @return true if it was: the inode is EVICTING */
static bool put_last(struct finode *inode, struct slot *slot)
{
	struct shard *shard;
	bool last;

	FINODE_YIELD("put: the last, before the lock");
	shard = inode_shard_lock(inode);
	last = slots_put_last(slot);
	if (last)
		inode->library_state = LIFE_EVICTING;
	lock_release(&shard->lock);
	return last;
}

static void put_not_held(struct finode *inode)
{
	/* At the end of a table what somebody held was taken from them. */
	if (inode_table(inode)->end == TABLE_TAKES_ALL)
		return;
	finode__misuse(&inode_table(inode)->log,
		       "finode_put() of nodeid %#llx without a reference to it%s",
		       (unsigned long long)inode->nodeid,
		       inode->library_state == LIFE_ENDED ? ": it has ended" : "");
}

void finode__put_slowly(struct finode *inode, struct slot *slot, enum slots_put result)
{
	if (result == SLOTS_PUT_NOT_HELD ||
	    (inode_is_root(inode) && inode_table(inode)->end < TABLE_ROOT_ENDS))
		put_not_held(inode);
	else if (put_last(inode, slot))
		end_or_put_off(inode);
}

void finode_put(struct finode *inode)
{
	enum slots_put result;
	struct slot *slot;

	if (!inode)
		return;
	/* Nearly always others remain. */
	slot = inode_slot(inode);
	result = slots_put(slot, inode->nodeid);
	if (result != SLOTS_PUT_DONE)
		finode__put_slowly(inode, slot, result);
}

static void retire_locked(struct shard *shard, struct finode *inode)
{
	if (inode->library_state != LIFE_LIVE || inode->library_flags & INODE_RETIRED)
		return;
	finode__inode_unindex_locked(shard, inode);
	inode->library_flags |= INODE_RETIRED;
	shard->retired++;
}

static void tell_retired(struct finode *inode)
{
	const struct table_part *const *part = inode_table(inode)->parts;

	for (; *part; part++)
		if ((*part)->retired)
			(*part)->retired(inode);
}

void finode_retire(struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);

	retire_locked(shard, inode);
	lock_release(&shard->lock);
	tell_retired(inode);
}

void finode__inode_retire_found(struct finode *inode, const struct probe *probe,
				const struct finode_key *key, bool alike)
{
	struct shard *shard = probe_shard(probe);
	const struct slot *there;
	bool still;

	lock_take(&shard->lock);
	there = finode__inode_find_locked(shard, probe);
	still = there && there->object == inode && inode_is_like(inode, key) == alike;
	if (still)
		retire_locked(shard, inode);
	lock_release(&shard->lock);
	if (still)
		tell_retired(inode);
}

/* ---- The end of a table ---- */

void finode__table_close(struct finode_table *table)
{
	table->end = TABLE_ENDS;
	finode__mounts_close(table);
}

void finode__root_end(struct finode_table *table)
{
	table->end = TABLE_ROOT_ENDS;
	finode_put(table->root);
	table->end = TABLE_TAKES_ALL;
}

/* Takes all references from an inode, whose last one the caller has. */
static void end_held(struct finode *inode)
{
	struct shard *shard;

	finode__misuse(&inode_table(inode)->log,
		       "end of the table: nodeid %#llx still has %u references",
		       (unsigned long long)inode->nodeid, slot_refs(inode_slot(inode)) - 1);
	shard = inode_shard_lock(inode);
	slots_revoke(inode_slot(inode), inode->nodeid);
	inode->library_state = LIFE_EVICTING;
	lock_release(&shard->lock);
	end_or_put_off(inode);
}

void finode__inodes_end_held(struct finode_table *table)
{
	struct finode *inode;
	uint64_t cursor = 0;

	while ((inode = finode__slots_next(&table->inodes, &cursor)))
		end_held(inode);
}

void finode__inodes_free(struct finode_table *table)
{
	while (table->graves) {
		struct finode *inode = inode_at(table, table->graves);
		struct shard *shard = inode_shard_lock(inode);

		table->graves = inode_core(inode)->next_ended;
		finode__inode_free_locked(shard, inode);
		lock_release(&shard->lock);
	}
}
