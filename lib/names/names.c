/* SPDX-License-Identifier: BSD-3-Clause */
/* See names.h. This file owns the stripes and the sets of them that changes hold. */
#include "names/names.h"

#include <errno.h>

#include "base/memory.h"

/* Enough that threads seldom meet in one, few enough that an idle table stays small. */
#define STRIPES_MAX 256u

static size_t names_size(unsigned int stripes)
{
	return sizeof(struct names) + (stripes * sizeof(struct stripe));
}

static void names_free(struct names *names)
{
	struct finode_table *table = names->table;

	while (names->count > 0) {
		struct stripe *stripe = &names->stripes[--names->count];

		pthread_cond_destroy(&stripe->changed);
		finode__lock_finish(&stripe->lock);
	}
	finode__lock_finish(&names->tree);
	table->allocator.release(names, table->allocator.user);
	table->names = NULL;
}

static int stripe_init(struct stripe *stripe, unsigned int place)
{
	int err = finode__lock_init(&stripe->lock, LOCK_RANK_STRIPE);

	if (err)
		return err;
	stripe->lock.place = place;
	err = -pthread_cond_init(&stripe->changed, NULL);
	if (err)
		finode__lock_finish(&stripe->lock);
	return err;
}

/* Behind the author's object, which may be of any size, and in front of the key. */
static void place_nodes(struct finode_table *table, struct names *names)
{
	const size_t align = _Alignof(struct dir_node);

	names->node_offset = (table->key_offsets[0] + align - 1) / align * align;
	table->key_offsets[0] = names->node_offset + node_size(S_IFREG);
	table->key_offsets[1] = names->node_offset + node_size(S_IFDIR);
}

int finode__names_init(struct finode_table *table, const struct finode_config *config)
{
	unsigned int stripes = table->shard_count;
	struct names *names;
	int err;

	if (!config->aliases)
		return 0;
	if (stripes > STRIPES_MAX)
		stripes = STRIPES_MAX;
	names = table->allocator.allocate(names_size(stripes), table->allocator.user);
	if (!names)
		return -ENOMEM;
	err = finode__lock_init(&names->tree, LOCK_RANK_TREE);
	if (err) {
		table->allocator.release(names, table->allocator.user);
		return err;
	}
	table->names = names;
	names->table = table;
	place_nodes(table, names);
	for (; names->count < stripes; names->count++) {
		err = stripe_init(&names->stripes[names->count], names->count);
		if (err) {
			names_free(names);
			return err;
		}
	}
	return 0;
}

void finode__names_finish(struct finode_table *table)
{
	if (table->names)
		names_free(table->names);
}

void finode__names_stats(struct finode_table *table, struct finode_stats *sum)
{
	struct names *names = table->names;

	if (!names)
		return;
	for (unsigned int i = 0; i < names->count; i++) {
		struct stripe *stripe = &names->stripes[i];

		lock_take(&stripe->lock);
		sum->bytes += stripe->bytes;
		sum->aliases += stripe->attached;
		sum->aliases_added += stripe->added;
		sum->aliases_moved += stripe->moved;
		sum->aliases_removed += stripe->removed;
		sum->aliases_stale += stripe->stale;
		sum->unlinked += stripe->unlinked;
		sum->rebound += stripe->rebound;
		lock_release(&stripe->lock);
	}
	sum->bytes += names_size(names->count);
	sum->aliases_refused = atomic_load_explicit(&names->refused, memory_order_relaxed);
}

int finode__names_refuse(const struct finode *inode)
{
	struct finode_table *table = inode_table(inode);

	return finode__refuse(&table->log, &table->rare.refused[REFUSED_NO_NAMES],
			      "names, paths and locks of directories are asked for in a "
			      "table without config.aliases");
}

void finode__name_locks_want(struct name_locks *locks, const struct finode *inode)
{
	unsigned int place = stripe_place(inode), i = locks->count;

	for (unsigned int k = 0; k < locks->count; k++)
		if (locks->places[k] == place)
			return;
	for (; i > 0 && locks->places[i - 1] > place; i--)
		locks->places[i] = locks->places[i - 1];
	locks->places[i] = place;
	locks->count++;
}

bool finode__name_locks_cover(const struct name_locks *held,
			      const struct name_locks *wanted)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < held->count && found < wanted->count; i++)
		found += held->places[i] == wanted->places[found];
	return found == wanted->count && (held->tree || !wanted->tree);
}

void finode__name_locks_take(const struct name_locks *locks)
{
	for (unsigned int i = 0; i < locks->count; i++)
		lock_take(&locks->names->stripes[locks->places[i]].lock);
}

void finode__name_locks_release(const struct name_locks *locks)
{
	for (unsigned int i = locks->count; i > 0; i--)
		lock_release(&locks->names->stripes[locks->places[i - 1]].lock);
	if (locks->tree)
		lock_release(&locks->names->tree);
}
