/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Aliases: their life, and how they are found.
 *
 * This file owns the life of a struct finode_alias:
 *
 *      created, by one thread  -->  attached          -->  doomed, by one thread
 *                                   everyone finds it      freed; its directory is put
 *
 * The step to attached, and the step away from it, are made under both stripes (names.h),
 * by change.c and rename.c. An alias is doomed when it is detached and nobody holds it. To
 * end one may be the last put of its directory, which ends that one's alias, and so on
 * upward: the core does that in a loop (core/end.c).
 *
 * The ring of an inode has its newest alias first: the last one that a look-up has shown.
 */
#include "names/alias.h"

#include <errno.h>
#include <string.h>

#include "base/callback.h"
#include "base/memory.h"
#include "base/testing.h"
#include "core/end.h"
#include "finode/name.h"

uint32_t finode__name_hash(const struct names *names, const char *name)
{
	return (uint32_t)finode__hash(&names->table->seed, name, strlen(name)) >> 1;
}

int finode__name_fault(const struct finode *dir, const char *name)
{
	struct finode_table *table = inode_table(dir);
	int err;

	if (!table->names)
		return finode__names_refuse(dir);
	if (!inode_is_dir(dir))
		return -ENOTDIR;
	err = finode_name_check(name);
	if (err == -EINVAL)
		finode__log_first(&table->log, &table->rare.refused[REFUSED_NAME],
				  "a name is empty, \".\", \"..\" or has a '/'");
	return err;
}

struct finode_alias *finode__alias_find(const struct finode *dir, const char *name,
					uint32_t hash)
{
	return finode__children_find(&dir_node(dir)->children, name, hash);
}

struct finode_alias *finode__alias_first(const struct finode *inode)
{
	struct finode_alias *first = name_node(inode)->aliases, *alias = first;

	if (!first)
		return NULL;
	do {
		if (alias_core(alias)->attached)
			return alias;
		alias = alias_core(alias)->next;
	} while (alias != first);
	return NULL;
}

struct finode_alias *finode__alias_last(const struct finode *inode)
{
	struct finode_alias *first = name_node(inode)->aliases, *alias = first;

	if (!first)
		return NULL;
	do {
		alias = alias_core(alias)->prev;
		if (alias_core(alias)->attached)
			return alias;
	} while (alias != first);
	return NULL;
}

static size_t alias_size(const char *name)
{
	return sizeof(struct finode_alias) + strlen(name) + 1;
}

static void alias_free(struct finode_alias *alias)
{
	struct names *names = names_of(alias->dir);
	struct stripe *stripe = stripe_of(alias->dir);

	lock_take(&stripe->lock);
	memory_put(&names->table->allocator, &stripe->bytes, alias,
		   alias_size(alias->name));
	lock_release(&stripe->lock);
}

static struct finode_alias *alias_alloc(struct finode *dir, const char *name)
{
	struct names *names = names_of(dir);
	struct stripe *stripe = stripe_of(dir);
	struct finode_alias *alias;

	lock_take(&stripe->lock);
	alias = memory_get(&names->table->allocator, &stripe->bytes, alias_size(name));
	lock_release(&stripe->lock);
	if (!alias)
		return NULL;
	alias->name = memcpy(alias + 1, name, strlen(name) + 1);
	alias->dir = dir;
	return alias;
}

int finode__alias_create(struct finode *dir, const char *name, uint32_t hash,
			 struct finode *inode, struct finode_alias **out)
{
	struct finode_alias *alias;

	if (!slots_hold(inode_slot(dir), dir->nodeid))
		return -EOVERFLOW;
	alias = alias_alloc(dir, name);
	if (!alias) {
		finode_put(dir);
		return -ENOMEM;
	}
	alias->inode = inode;
	alias_core(alias)->hash = hash & 0x7fffffffu;
	*out = alias;
	return 0;
}

/* To its front. */
static void ring_add(struct name_node *node, struct finode_alias *alias)
{
	uint32_t renewals = atomic_load_explicit(&node->renewals, memory_order_relaxed);
	struct finode_alias *first = node->aliases, *last;

	atomic_store_explicit(&node->renewals, renewals + 1, memory_order_relaxed);
	node->aliases = alias;
	if (!first) {
		alias_core(alias)->next = alias_core(alias)->prev = alias;
		return;
	}
	last = alias_core(first)->prev;
	alias_core(alias)->next = first;
	alias_core(alias)->prev = last;
	alias_core(last)->next = alias_core(first)->prev = alias;
}

static void ring_remove(struct name_node *node, struct finode_alias *alias)
{
	struct finode_alias *next = alias_core(alias)->next;
	struct finode_alias *prev = alias_core(alias)->prev;

	alias_core(prev)->next = next;
	alias_core(next)->prev = prev;
	if (node->aliases == alias)
		node->aliases = next == alias ? NULL : next;
}

void finode__alias_attach(struct finode_alias *alias)
{
	struct names *names = names_of(alias->dir);
	struct stripe *stripe = stripe_of(alias->dir);

	atomic_store_explicit(&alias_core(alias)->holds, 1, memory_order_relaxed);
	alias_core(alias)->attached = 1;
	ring_add(name_node(alias->inode), alias);
	name_count_change(alias->inode, 1);
	finode__children_add(&dir_node(alias->dir)->children, alias,
			     &names->table->allocator, &stripe->bytes);
	stripe->attached++;
}

void finode__alias_doom(struct finode_alias *alias, struct finode_alias **doomed)
{
	alias_core(alias)->chain = *doomed;
	*doomed = alias;
}

/* With the inode's stripe held: one hold less, and out of the ring with the last. */
static void drop_hold(struct finode_alias *alias, struct finode_alias **doomed)
{
	if (atomic_fetch_sub_explicit(&alias_core(alias)->holds, 1, memory_order_relaxed) !=
	    1)
		return;
	ring_remove(name_node(alias->inode), alias);
	finode__alias_doom(alias, doomed);
}

void finode__alias_detach(struct finode_alias *alias, struct finode_alias **doomed)
{
	struct names *names = names_of(alias->dir);
	struct stripe *stripe = stripe_of(alias->dir);

	finode__children_remove(&dir_node(alias->dir)->children, alias,
				&names->table->allocator, &stripe->bytes);
	stripe->attached--;
	pthread_cond_broadcast(&stripe->changed); /* who waits for the end of its inode */
	alias_core(alias)->attached = 0;
	name_count_change(alias->inode, -1);
	drop_hold(alias, doomed);
}

void finode__alias_renew(struct finode_alias *alias)
{
	struct name_node *node = name_node(alias->inode);

	if (node->aliases == alias)
		return;
	ring_remove(node, alias);
	ring_add(node, alias);
}

void finode__aliases_abandon(struct finode *inode)
{
	struct names *names = names_of(inode);
	struct finode_alias *alias;

	while ((alias = name_node(inode)->aliases)) {
		ring_remove(name_node(inode), alias);
		atomic_store_explicit(&alias_core(alias)->holds, 0, memory_order_relaxed);
		alias_core(alias)->chain = names->abandoned;
		names->abandoned = alias;
		finode_put(alias->dir);
	}
}

void finode__aliases_free_abandoned(struct names *names)
{
	struct finode_alias *alias;
	uint64_t uncounted = 0;

	while ((alias = names->abandoned)) {
		names->abandoned = alias_core(alias)->chain;
		memory_put(&names->table->allocator, &uncounted, alias,
			   alias_size(alias->name));
	}
}

__attribute__((noinline)) static void end_all(struct finode_alias *doomed)
{
	while (doomed) {
		struct finode_alias *alias = doomed;
		struct finode *dir = alias->dir;

		doomed = alias_core(alias)->chain;
		alias_free(alias);
		finode_put(dir);
	}
}

/* Apart from the rest, since mostly there are none: each step of a walk comes here. */
void finode__aliases_end(struct finode_alias **doomed)
{
	struct finode_alias *first = *doomed;

	*doomed = NULL;
	if (first)
		end_all(first);
}

/*
 * With the directory's stripe held: takes a reference to the inode of an alias, and perhaps
 * one to the alias. As finode_get(): what is being evicted is not there any more.
 */
static bool hold_named(struct finode_alias *found, struct finode_alias **alias)
{
	if (!slots_hold(inode_slot(found->inode), found->inode->nodeid))
		return false;
	if (alias) {
		atomic_fetch_add_explicit(&alias_core(found)->holds, 1,
					  memory_order_relaxed);
		*alias = found;
	}
	return true;
}

static struct finode *find_held(struct finode *dir, const char *name)
{
	const uint32_t hash = finode__name_hash(names_of(dir), name);
	struct stripe *stripe = stripe_of(dir);
	struct finode *inode = NULL;
	struct finode_alias *found;

	lock_take(&stripe->lock);
	found = finode__alias_find(dir, name, hash);
	FINODE_YIELD("lookup: found, locked");
	if (found && hold_named(found, NULL))
		inode = found->inode;
	lock_release(&stripe->lock);
	return inode;
}

/*
 * Waits for the end of an inode that is EVICTING; the stripe is released meanwhile.
 * @return 0, or -EDEADLK
 */
static int settle_locked(struct stripe *stripe, const struct finode *inode)
{
	if (finode__in_callback_for(inode))
		return -EDEADLK;
	if (finode__any_put_off()) {
		lock_release(&stripe->lock);
		finode__end_put_off();
		lock_take(&stripe->lock);
		return 0;
	}
	FINODE_YIELD("waits: name, locked");
	lock_wait(&stripe->lock, &stripe->changed);
	return 0;
}

int finode__alias_await(struct finode *dir, const char *name, uint32_t hash,
			struct finode **inode, struct finode_alias **alias)
{
	struct stripe *stripe = stripe_of(dir);
	struct finode_alias *found;
	int err = 0;

	*inode = NULL;
	lock_take(&stripe->lock);
	while ((found = finode__alias_find(dir, name, hash))) {
		if (hold_named(found, alias)) {
			*inode = found->inode;
			break;
		}
		if (slot_refs(inode_slot(found->inode)) > 0)
			err = -EOVERFLOW;
		else
			err = settle_locked(stripe, found->inode);
		if (err)
			break;
	}
	lock_release(&stripe->lock);
	return err;
}

struct finode *finode_alias_lookup(struct finode *dir, const char *name)
{
	if (!names_of(dir) || finode__name_fault(dir, name) != 0)
		return NULL;
	return find_held(dir, name);
}

/* With the inode's stripe held: the next attached alias after one of the ring, or NULL. */
static struct finode_alias *next_attached(const struct finode *inode,
					  struct finode_alias *alias)
{
	do {
		alias = alias_core(alias)->next;
		if (alias == name_node(inode)->aliases)
			return NULL;
	} while (!alias_core(alias)->attached);
	return alias;
}

static bool alias_is_abandoned(struct finode_alias *alias)
{
	return atomic_load_explicit(&alias_core(alias)->holds, memory_order_relaxed) == 0;
}

struct finode_alias *finode__alias_step(struct finode *inode, struct finode_alias *previous,
					bool further)
{
	struct finode_alias *doomed = NULL, *next = NULL;
	struct stripe *stripe = stripe_of(inode);

	if (previous && alias_is_abandoned(previous))
		return NULL;
	lock_take(&stripe->lock);
	if (further)
		next = previous ? next_attached(inode, previous)
				: finode__alias_first(inode);
	if (next)
		atomic_fetch_add_explicit(&alias_core(next)->holds, 1,
					  memory_order_relaxed);
	if (previous)
		drop_hold(previous, &doomed);
	lock_release(&stripe->lock);
	finode__aliases_end(&doomed);
	return next;
}

struct finode_alias *finode_alias_next(struct finode *inode, struct finode_alias *previous)
{
	struct finode_alias *next;

	if (!names_of(inode))
		return NULL;
	/* An alias that is given out holds the inode: here it passes to the next one. */
	if (!previous && !finode_hold(inode))
		return NULL;
	next = finode__alias_step(inode, previous, true);
	if (!next)
		finode_put(inode);
	return next;
}

void finode_alias_put(struct finode_alias *alias)
{
	struct finode *inode;

	if (!alias)
		return;
	inode = alias->inode;
	finode__alias_step(inode, alias, false);
	finode_put(inode);
}
