/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counters of a table, added up. They lie where they are counted: in the shards, in the
 * table for what is rare, and in the parts that build on the core.
 */
#include "base/abi.h"
#include "core/mounts.h"

static uint64_t rare(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t refused(struct finode_table *table)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < REFUSALS; i++)
		sum += rare(&table->rare.refused[i]);
	return sum;
}

static void add_shard(struct finode_stats *sum, struct shard *shard)
{
	lock_take(&shard->lock);
	sum->inodes += shard->inodes;
	sum->files += shard->files;
	sum->hits += shard->hits;
	sum->misses += shard->misses;
	sum->created += shard->created;
	sum->evicted += shard->evicted;
	sum->retired += shard->retired;
	sum->waits += shard->waits;
	sum->bytes += shard->bytes;
	lock_release(&shard->lock);
	sum->forgets += rare(&shard->forgets);
}

void finode_table_stats(struct finode_table *table, struct finode_stats *stats, size_t size)
{
	const struct table_part *const *part;
	struct finode_stats sum = {
		.forgets_clamped = rare(&table->rare.forgets_clamped),
		.forgets_unknown = rare(&table->rare.forgets_unknown),
		.forgets_root = rare(&table->rare.forgets_root),
		.entries_refused = rare(&table->rare.entries_refused),
		.replies_failed = rare(&table->rare.replies_failed),
		.forgets_late = rare(&table->forgets_late),
		.calls_refused = refused(table),
	};

	for (unsigned int i = 0; i < table->shard_count; i++)
		add_shard(&sum, &table->shards[i]);
	sum.bytes += sizeof(*table) + (table->shard_count * sizeof(struct shard)) +
		     CACHE_LINE - 1 + finode__slots_bytes(&table->inodes) +
		     finode__slots_bytes(&table->files);
	finode__mounts_stats(table, &sum);
	for (part = table->parts; *part; part++)
		if ((*part)->stats)
			(*part)->stats(table, &sum);
	sum.forgets += sum.forgets_unknown + sum.forgets_root + sum.forgets_late;
	finode__abi_report(stats, size, &sum, sizeof(sum));
}
