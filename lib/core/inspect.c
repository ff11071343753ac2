/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows into a table: the check of every invariant, the list of nodeids, the dump.
 *
 * This file only reads, and it must be right beside other threads: what a shard's lock
 * protects is compared under that lock, everything else with a reference held.
 */
#include <errno.h>
#include <string.h>

#include "core/object.h"
#include "core/verdict.h"

/* Is what a link names in the same list, and leads back to the inode? */
static bool is_neighbour(const struct shard *shard, const struct finode *inode,
			 const struct finode *beside, uint32_t back)
{
	return beside->mount == inode->mount && inode_shard(beside) == shard &&
	       !(beside->library_flags & INODE_DETACHED) && back == inode_core(inode)->slot;
}

/* In a mount other than the first, each inode is where the mount's list in its shard says.
 */
static bool is_listed_locked(struct shard *shard, const struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	const struct mount_links *links;
	const struct finode *next, *previous;

	if (mount_is_first(inode->mount) || inode->library_flags & INODE_DETACHED)
		return true;
	links = mount_links(inode);
	if (!links->previous && *mount_head(inode->mount, shard) != inode_core(inode)->slot)
		return false;
	next = links->next ? inode_at(table, links->next) : NULL;
	previous = links->previous ? inode_at(table, links->previous) : NULL;
	return (!next || is_neighbour(shard, inode, next, mount_links(next)->previous)) &&
	       (!previous ||
		is_neighbour(shard, inode, previous, mount_links(previous)->next));
}

/* Holds for every inode in the index; its shard's lock is held. */
static int check_indexed_locked(struct finode_table *table, struct shard *shard,
				struct finode *inode, const struct verdict *verdict)
{
	const struct inode_core *core = inode_core(inode);
	const struct key_view key = finode__inode_key(inode);
	unsigned long long id = inode->nodeid;
	struct slot *slot = slots_find(&table->inodes, inode->nodeid);
	uint64_t nlookup = atomic_load(inode_nlookup(inode));
	bool live = inode->library_state == LIFE_LIVE;
	struct probe probe;

	if (inode->mount->table != table)
		return finode__broken(verdict,
				      "nodeid %#llx: its mount is of another table", id);
	if (!is_listed_locked(shard, inode))
		return finode__broken(verdict, "nodeid %#llx: its mount does not list it",
				      id);
	finode__probe_init(&probe, inode->mount, key.bytes, key.size);
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
		born += inode->library_state != LIFE_NEW;
	}
	if (born + shard->not_indexed != shard->inodes)
		return finode__broken(
			verdict,
			"shard %u: %llu in the index and %llu retired or known by name, "
			"but %llu inodes",
			(unsigned int)(shard - table->shards), (unsigned long long)born,
			(unsigned long long)shard->not_indexed,
			(unsigned long long)shard->inodes);
	return 0;
}

/* Of an inode that may not be in the index. The caller holds it. */
static bool is_listed(const struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);
	bool listed = is_listed_locked(shard, inode);

	lock_release(&shard->lock);
	return listed;
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
		if (!is_listed(inode))
			return finode__broken(verdict,
					      "nodeid %#llx: its mount does not list it",
					      (unsigned long long)inode->nodeid);
		finode_put(inode);
	}
	return 0;
}

/* With the lock of the mounts held, which all hold their parents. */
static int check_mount_locked(struct finode_mount *mount, const struct verdict *verdict)
{
	const struct mount_core *core = mount_core(mount);
	const unsigned long long a = mount->id.word[0], b = mount->id.word[1];

	if ((core->state == LIFE_EVICTING) != (core->refs == 0))
		return finode__broken(verdict,
				      "mount %llx:%llx: state %d with %u references", a, b,
				      (int)core->state, core->refs);
	if (mount->parent && mount_core(mount->parent)->state != LIFE_LIVE)
		return finode__broken(verdict, "mount %llx:%llx: its parent has gone", a,
				      b);
	return 0;
}

static int check_mounts(struct finode_table *table, const struct verdict *verdict)
{
	struct mounts *mounts = &table->mounts;
	int err = 0;

	lock_take(&mounts->lock);
	for (struct finode_mount *mount = mounts->first; mount && !err;
	     mount = mount_core(mount)->next)
		err = check_mount_locked(mount, verdict);
	lock_release(&mounts->lock);
	return err;
}

int finode_table_check(struct finode_table *table, char *why, size_t why_size)
{
	const struct verdict verdict = {why, why_size};
	const struct table_part *const *part;
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
	for (part = table->parts; *part && !err; part++)
		if ((*part)->check)
			err = (*part)->check(table, &verdict);
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

/* A copy of the key, which finode_rekey() may change. @return its size */
static size_t copy_key(const struct finode *inode, unsigned char to[FINODE_KEY_MAX])
{
	struct shard *shard = inode_shard_lock(inode);
	const struct key_view key = finode__inode_key(inode);

	memcpy(to, key.bytes, key.size);
	lock_release(&shard->lock);
	return key.size;
}

static void dump_inode(struct finode *inode, FILE *stream)
{
	unsigned char key[FINODE_KEY_MAX];
	const size_t key_size = copy_key(inode, key);

	fprintf(stream, "nodeid %#llx generation %u type %06o nlookup %llu refs %u key ",
		(unsigned long long)inode->nodeid, inode->generation, inode->type,
		(unsigned long long)atomic_load(inode_nlookup(inode)),
		slot_refs(inode_slot(inode)) - 1);
	for (size_t i = 0; i < key_size; i++)
		fprintf(stream, "%02x", key[i]);
	if (!mount_is_first(inode->mount))
		fprintf(stream, " mount %llx:%llx",
			(unsigned long long)inode->mount->id.word[0],
			(unsigned long long)inode->mount->id.word[1]);
	fputc('\n', stream);
}

int finode_table_dump(struct finode_table *table, FILE *stream)
{
	const struct table_part *const *part;
	struct finode *inode;
	uint64_t cursor = 0;

	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		dump_inode(inode, stream);
		for (part = table->parts; *part; part++)
			if ((*part)->dump)
				(*part)->dump(inode, stream);
		finode_put(inode);
	}
	return ferror(stream) ? -EIO : 0;
}
