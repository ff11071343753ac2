/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows into a table: statistics, the check of every invariant, the dump.
 *
 * This file only reads, and it must be right beside other threads: what a shard's lock
 * protects is compared under that lock, everything else with a reference held.
 */
#include "core/inspect.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "core/inode.h"
#include "core/mount.h"
#include "names/names.h"

static uint64_t rare(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_shard(struct finode_stats *sum, struct shard *shard)
{
	lock_take(&shard->lock);
	sum->inodes += shard->created - shard->evicted;
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
	struct finode_stats sum = {
		.forgets_clamped = rare(&table->rare.forgets_clamped),
		.forgets_unknown = rare(&table->rare.forgets_unknown),
		.forgets_root = rare(&table->rare.forgets_root),
		.entries_refused = rare(&table->rare.entries_refused),
		.replies_failed = rare(&table->rare.replies_failed),
	};

	for (unsigned int i = 0; i < table->shard_count; i++)
		add_shard(&sum, &table->shards[i]);
	sum.bytes += sizeof(*table) + (table->shard_count * sizeof(struct shard)) +
		     CACHE_LINE - 1 + finode__slots_bytes(&table->inodes) +
		     finode__slots_bytes(&table->files);
	if (table->names)
		finode__names_stats(table->names, &sum);
	finode__mounts_stats(table, &sum);
	sum.forgets += sum.forgets_unknown + sum.forgets_root + sum.forgets_late;
	memset(stats, 0, size);
	memcpy(stats, &sum, size < sizeof(sum) ? size : sizeof(sum));
}

int finode__broken(const struct verdict *verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (verdict->why && verdict->size > 0)
		/* It is begun. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
		vsnprintf(verdict->why, verdict->size, format, args);
	va_end(args);
	return -EUCLEAN;
}

/* Holds for every inode in the index; its shard's lock is held. */
static int check_indexed_locked(struct finode_table *table, struct shard *shard,
				struct finode *inode, const struct verdict *verdict)
{
	const struct inode_core *core = inode_core_const(inode);
	unsigned long long id = inode->nodeid;
	struct slot *slot = slots_find(&table->inodes, inode->nodeid);
	uint64_t nlookup = atomic_load(inode_nlookup(inode));
	bool live = inode->library_state == INODE_LIVE;
	struct probe probe;

	if (inode->mount->table != table)
		return finode__broken(verdict,
				      "nodeid %#llx: its mount is of another table", id);
	if (!finode__mount_counts_locked(inode->mount, shard))
		return finode__broken(verdict, "nodeid %#llx: its mount does not count it",
				      id);
	finode__probe_init(&probe, inode->mount, inode_key(inode), core->key_size);
	if (probe.hash != core->hash || probe.shard != core->shard)
		return finode__broken(verdict,
				      "nodeid %#llx: its key does not have its hash", id);
	if (inode_shard(inode) != shard)
		return finode__broken(verdict,
				      "nodeid %#llx: in a shard that is not its own", id);
	if (inode->library_flags & INODE_NOT_INDEXED)
		return finode__broken(
			verdict,
			"nodeid %#llx: retired or known by name, but still in the index",
			id);
	if (finode__inode_find_locked(shard, &probe) != slot)
		return finode__broken(verdict, "nodeid %#llx: another inode has its key",
				      id);
	if (!slot_word_is(atomic_load(&slot->word), id))
		return finode__broken(verdict, "nodeid %#llx: its slot is not its own", id);
	if (live != (slot_refs(slot) > 0))
		return finode__broken(verdict, "nodeid %#llx: state %u with %u references",
				      id, inode->library_state, slot_refs(slot));
	if (nlookup > 0 && !live)
		return finode__broken(verdict, "nodeid %#llx: nlookup %llu, but not alive",
				      id, (unsigned long long)nlookup);
	return 0;
}

static int check_shard_locked(struct finode_table *table, struct shard *shard,
			      const struct verdict *verdict)
{
	uint64_t born = 0;
	size_t cursor = 0;
	uint32_t number;

	while ((number = finode__index_next(&shard->index, &cursor))) {
		struct finode *inode = slots_at(&table->inodes, number)->object;
		int err;

		if (slots_number(inode->nodeid) != number)
			return finode__broken(
				verdict,
				"slot %u, which is in the index, leads to nodeid %#llx",
				number, (unsigned long long)inode->nodeid);
		err = check_indexed_locked(table, shard, inode, verdict);
		if (err)
			return err;
		born += inode->library_state != INODE_NEW;
	}
	if (born + shard->not_indexed != shard->created - shard->evicted)
		return finode__broken(
			verdict,
			"shard %u: %llu in the index and %llu retired or known by name, "
			"but %llu created and %llu evicted",
			(unsigned int)(shard - table->shards), (unsigned long long)born,
			(unsigned long long)shard->not_indexed,
			(unsigned long long)shard->created,
			(unsigned long long)shard->evicted);
	return 0;
}

/* Every slot that is in use leads to an inode that believes to be in this slot. */
static int check_slots(struct finode_table *table, const struct verdict *verdict)
{
	struct finode *inode;
	uint64_t cursor = 0;

	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		uint64_t number =
			cursor - 1; /* of the slot that the walk has just passed */

		if ((uint32_t)inode->nodeid != number || inode->mount->table != table)
			return finode__broken(verdict, "slot %llu leads to nodeid %#llx",
					      (unsigned long long)number,
					      (unsigned long long)inode->nodeid);
		finode_put(inode);
	}
	return 0;
}

/* With the lock of the mounts held, which all hold their parents. Adds the roots it keeps.
 */
static int check_mount_locked(struct finode_mount *mount, uint64_t *kept,
			      const struct verdict *verdict)
{
	const struct mount_core *core = mount_core(mount);
	const uint64_t roots = finode__mount_roots_kept_locked(mount);
	const unsigned long long a = mount->id.word[0], b = mount->id.word[1];

	if ((core->state == MOUNT_LIVE) != (core->refs > 0))
		return finode__broken(verdict,
				      "mount %llx:%llx: state %d with %u references", a, b,
				      (int)core->state, core->refs);
	if (mount->parent && mount_core(mount->parent)->state != MOUNT_LIVE)
		return finode__broken(verdict, "mount %llx:%llx: its parent has gone", a,
				      b);
	if (roots == UINT64_MAX)
		return finode__broken(verdict,
				      "mount %llx:%llx: keeps what is not its root", a, b);
	*kept += roots;
	return 0;
}

static int check_mounts(struct finode_table *table, const struct verdict *verdict)
{
	struct mounts *mounts = &table->mounts;
	uint64_t kept = 0;
	int err = 0;

	lock_take(&mounts->lock);
	for (struct finode_mount *mount = mounts->first; mount && !err;
	     mount = mount_core(mount)->next)
		err = check_mount_locked(mount, &kept, verdict);
	if (!err && kept != mounts->roots_kept)
		err = finode__broken(verdict, "%llu roots are kept, but %llu counted",
				     (unsigned long long)kept,
				     (unsigned long long)mounts->roots_kept);
	lock_release(&mounts->lock);
	return err;
}

int finode_table_check(struct finode_table *table, char *why, size_t why_size)
{
	const struct verdict verdict = {why, why_size};
	const struct finode *root = table->root;
	int err;

	if (root->nodeid != FINODE_ROOT_ID || root->generation != 0)
		return finode__broken(&verdict,
				      "the root has nodeid %#llx and generation %u",
				      (unsigned long long)root->nodeid, root->generation);
	for (unsigned int i = 0; i < table->shard_count; i++) {
		struct shard *shard = &table->shards[i];

		lock_take(&shard->lock);
		err = check_shard_locked(table, shard, &verdict);
		lock_release(&shard->lock);
		if (err)
			return err;
	}
	err = check_slots(table, &verdict);
	if (!err)
		err = check_mounts(table, &verdict);
	if (!err && table->names)
		err = finode__names_check(table, &verdict);
	return err;
}

size_t finode_table_nodeids(struct finode_table *table, uint64_t *cursor, uint64_t *nodeids,
			    size_t count)
{
	size_t written = 0;
	struct finode *inode;

	while (written < count && (inode = finode__slots_next(&table->inodes, cursor))) {
		if (!inode_is_root(inode))
			nodeids[written++] = inode->nodeid;
		finode_put(inode);
	}
	return written;
}

static void dump_inode(struct finode_table *table, struct finode *inode, FILE *stream)
{
	const struct inode_core *core = inode_core_const(inode);
	const unsigned char *key = inode_key(inode);

	fprintf(stream, "nodeid %#llx generation %u type %06o nlookup %llu refs %u key ",
		(unsigned long long)inode->nodeid, inode->generation, inode->type,
		(unsigned long long)atomic_load(inode_nlookup(inode)),
		slot_refs(slots_find(&table->inodes, inode->nodeid)) - 1);
	for (unsigned int i = 0; i < core->key_size; i++)
		fprintf(stream, "%02x", key[i]);
	if (!mount_is_first(inode->mount))
		fprintf(stream, " mount %llx:%llx",
			(unsigned long long)inode->mount->id.word[0],
			(unsigned long long)inode->mount->id.word[1]);
	fputc('\n', stream);
}

int finode_table_dump(struct finode_table *table, FILE *stream)
{
	struct finode *inode;
	uint64_t cursor = 0;

	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		dump_inode(table, inode, stream);
		if (table->names)
			finode__names_dump(inode, stream);
		finode_put(inode);
	}
	return ferror(stream) ? -EIO : 0;
}
