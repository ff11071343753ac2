/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See object.h. This file owns the memory of inodes and what the index has of them. A key
 * is taken from the moment that an inode is made, NEW, to the return of its evict().
 */
#include "core/object.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

/* Where the key of an inode lies after finode_rekey(). */
struct key_apart {
	uint32_t generation;
	uint8_t size;
	unsigned char bytes[];
};

/* Each mount adds a secret of its own, since equal keys in many mounts are ordinary. */
void finode__probe_init(struct probe *probe, const struct finode_mount *mount,
			const void *bytes, size_t size)
{
	const struct finode_table *table = mount->table;
	uint64_t hash = siphash(table->seed.bytes, bytes, size, INDEX_CHUNK - 1, 1, 3) ^
			mount_core(mount)->salt;

	probe->mount = mount;
	probe->bytes = bytes;
	probe->size = size;
	probe->hash = index_hash(hash, *(const unsigned char *)bytes);
	probe->shard = (uint16_t)(hash >> 32 & (table->shard_count - 1));
}

void finode__key_refuse(const struct finode_mount *mount, const struct finode_key *key)
{
	finode__refuse(&mount->table->log, &mount->table->rare.refused[REFUSED_KEY],
		       "a key needs 1 to %d bytes, this one has %zu%s", FINODE_KEY_MAX,
		       key->size, key->bytes ? "" : " and no pointer to them");
}

/* ---- Keys ---- */

static struct key_apart *key_apart(const struct finode *inode)
{
	struct key_apart *apart;

	memcpy(&apart, inode_key(inode), sizeof(void *));
	return apart;
}

static size_t key_apart_size(size_t key_size)
{
	return sizeof(struct key_apart) + key_size;
}

struct key_view finode__inode_key(const struct finode *inode)
{
	const struct key_apart *apart;

	if (inode_core(inode)->key_size > 0)
		return (struct key_view){inode_key(inode), inode_core(inode)->key_size};
	apart = key_apart(inode);
	return (struct key_view){apart->bytes, apart->size};
}

bool finode__inode_is_like(const struct finode *inode, const struct finode_key *key)
{
	if (inode_is_root(inode))
		return inode->generation == key->generation;
	return inode_core(inode)->key_size == 0 &&
	       key_apart(inode)->generation == key->generation;
}

/* Most keys are two words, and a call costs more than to compare them. */
static inline bool same_bytes(const unsigned char *a, const unsigned char *b, size_t size)
{
	uint64_t left[2], right[2];

	if (size != sizeof(left))
		return memcmp(a, b, size) == 0;
	memcpy(left, a, sizeof(left));
	memcpy(right, b, sizeof(right));
	return left[0] == right[0] && left[1] == right[1];
}

static bool has_key_apart(const struct finode *inode, const struct probe *probe)
{
	const struct key_view key = finode__inode_key(inode);

	return key.size == probe->size && memcmp(key.bytes, probe->bytes, key.size) == 0;
}

static inline bool has_key(const struct finode *inode, const struct probe *probe)
{
	const size_t size = inode_core(inode)->key_size;

	if (inode->mount != probe->mount)
		return false;
	if (size == probe->size)
		return same_bytes(inode_key(inode), probe->bytes, probe->size);
	return size == 0 && has_key_apart(inode, probe);
}

struct slot *finode__inode_find_locked(const struct shard *shard, const struct probe *probe)
{
	const struct index *index = &shard->index;
	size_t cell = index_home(index, probe->hash);
	uint32_t number;

	if (index->used == 0)
		return NULL;
	while ((number = index_search(index, probe->hash, &cell))) {
		struct slot *slot = slots_at(&probe->mount->table->inodes, number);

		if (has_key(slot->object, probe))
			return slot;
	}
	return NULL;
}

/* ---- Memory ---- */

/* What is allocated for one inode, if its key needs so much room. */
static size_t inode_size(const struct finode_table *table, mode_t mode, size_t key_room,
			 bool linked)
{
	const size_t end =
		table->ops.base_offset + table->key_offsets[S_ISDIR(mode)] + key_room;

	return linked ? mount_links_offset(end) + sizeof(struct mount_links) : end;
}

static size_t inode_size_of(const struct finode *inode)
{
	return inode_size(inode_table(inode), inode->type, inode_core(inode)->key_room,
			  inode->library_flags & INODE_LINKED);
}

static void memory_release(struct finode_table *table, uint64_t *bytes,
			   struct finode *inode, size_t size)
{
	memory_put_aligned(&table->allocator, bytes, (char *)inode - table->ops.base_offset,
			   size, table->ops.object_align);
}

#ifdef FINODE_DEBUG
/* Keeps the memory of an inode for a while, so that a second put of it is named. */
static void inode_memory_free_locked(struct shard *shard, struct finode *inode, size_t size)
{
	struct finode_table *table = inode_table(inode);
	struct ended *place = &shard->ended[shard->ended_next];
	uint64_t uncounted = 0;

	shard->bytes -= memory_size_aligned(size, table->ops.object_align);
	if (place->inode)
		memory_release(table, &uncounted, place->inode, place->size);
	*place = (struct ended){inode, size};
	shard->ended_next = (shard->ended_next + 1) % ENDED_KEPT;
	inode->library_state = LIFE_ENDED;
	inode->mount = table->mounts.first;
}

void finode__ended_free(struct finode_table *table, struct shard *shard)
{
	uint64_t uncounted = 0;

	for (unsigned int i = 0; i < ENDED_KEPT; i++)
		if (shard->ended[i].inode)
			memory_release(table, &uncounted, shard->ended[i].inode,
				       shard->ended[i].size);
}
#else
static void inode_memory_free_locked(struct shard *shard, struct finode *inode, size_t size)
{
	memory_release(inode_table(inode), &shard->bytes, inode, size);
}

void finode__ended_free(struct finode_table *table, struct shard *shard)
{
	(void)table;
	(void)shard;
}
#endif

/* ---- The inodes of a mount ---- */

struct finode *finode__mount_first_locked(struct finode_mount *mount, struct shard *shard)
{
	const uint32_t first = *mount_head(mount, shard);

	return first ? inode_at(mount->table, first) : NULL;
}

struct finode *finode__mount_after_locked(const struct finode *inode)
{
	const uint32_t next = mount_links(inode)->next;

	return next ? inode_at(inode_table(inode), next) : NULL;
}

/*
 * Not into the first mount, which keeps no list. The caller holds the mount; the first
 * inode in a shard holds it too.
 */
static void mount_join_locked(struct shard *shard, struct finode *inode)
{
	struct mount_links *links;
	uint32_t *head;

	head = mount_head(inode->mount, shard);
	links = mount_links(inode);
	*links = (struct mount_links){.next = *head};
	if (*head)
		mount_links(inode_at(inode_table(inode), *head))->previous =
			inode_core(inode)->slot;
	else
		finode_mount_hold(inode->mount);
	*head = inode_core(inode)->slot;
}

/* @return the mount, if it is to be put once no lock is held; else NULL */
static struct finode_mount *mount_leave_locked(struct shard *shard, struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct finode_mount *mount = inode->mount;
	const struct mount_links *links;
	uint32_t *head;

	if (mount_is_first(mount))
		return NULL;
	if (inode->library_flags & INODE_DETACHED)
		return mount;
	head = mount_head(mount, shard);
	links = mount_links(inode);
	if (links->next)
		mount_links(inode_at(table, links->next))->previous = links->previous;
	if (links->previous)
		mount_links(inode_at(table, links->previous))->next = links->next;
	else
		*head = links->next;
	return *head ? NULL : mount;
}

void finode__inode_part_locked(struct shard *shard, struct finode *inode)
{
	struct finode_mount *left = mount_leave_locked(shard, inode);

	/* If it was the last of the shard, it takes over the reference of that. */
	if (!left)
		finode_mount_hold(inode->mount);
	inode->library_flags |= INODE_DETACHED;
}

/* ---- Made and removed ---- */

static struct finode *inode_alloc_locked(struct shard *shard, const struct probe *probe,
					 const struct finode_key *key)
{
	struct finode_table *table = probe->mount->table;
	const size_t room = probe->size < sizeof(struct key_apart *)
				    ? sizeof(struct key_apart *)
				    : probe->size;
	const bool linked = !mount_is_first(probe->mount);
	struct inode_core *core;
	struct finode *inode;
	char *object = memory_get_aligned(&table->allocator, &shard->bytes,
					  inode_size(table, key->mode, room, linked),
					  table->ops.object_align);

	if (!object)
		return NULL;
	inode = (struct finode *)(void *)(object + table->ops.base_offset);
	inode->mount = (struct finode_mount *)probe->mount;
	inode->generation = key->generation + table->generation;
	inode->type = (uint16_t)(key->mode & S_IFMT);
	inode->library_state = LIFE_NEW;
	inode->library_flags = linked ? INODE_LINKED : 0;
	core = inode_core(inode);
	core->hash = probe->hash;
	atomic_init(&core->shard, probe->shard);
	core->key_size = (uint8_t)probe->size;
	core->key_room = (uint8_t)room;
	memcpy(inode_key(inode), probe->bytes, probe->size);
	return inode;
}

int finode__inode_create_locked(struct shard *shard, const struct probe *probe,
				const struct finode_key *key, struct finode **out)
{
	struct finode_table *table = probe->mount->table;
	struct finode *inode = inode_alloc_locked(shard, probe, key);
	int err;

	if (!inode)
		return -ENOMEM;
	err = finode__slots_alloc(&table->inodes, &shard->inode_pool, inode,
				  &inode->nodeid);
	if (err)
		goto err_inode;
	inode_core(inode)->slot = slots_number(inode->nodeid);
	err = finode__index_add(&shard->index, probe->hash, inode_core(inode)->slot,
				&table->allocator, &shard->bytes);
	if (err)
		goto err_slot;
	if (!mount_is_first(inode->mount))
		mount_join_locked(shard, inode);
	*out = inode;
	return 0;

err_slot:
	finode__slots_free(&table->inodes, &shard->inode_pool, inode->nodeid);
err_inode:
	memory_release(table, &shard->bytes, inode, inode_size_of(inode));
	return err;
}

static void index_remove_locked(struct shard *shard, struct finode *inode)
{
	finode__index_remove(&shard->index, inode_core(inode)->hash,
			     inode_core(inode)->slot, &inode_table(inode)->allocator,
			     &shard->bytes);
}

static void key_apart_free(struct shard *shard, struct finode *inode)
{
	struct key_apart *apart;

	if (inode_core(inode)->key_size > 0)
		return;
	apart = key_apart(inode);
	memory_put(&inode_table(inode)->allocator, &shard->bytes, apart,
		   key_apart_size(apart->size));
}

struct finode_mount *finode__inode_leave_locked(struct shard *shard, struct finode *inode)
{
	struct finode_mount *left = mount_leave_locked(shard, inode);

	if (!(inode->library_flags & INODE_NOT_INDEXED))
		index_remove_locked(shard, inode);
	shard_wake(shard);
	return left;
}

void finode__inode_free_locked(struct shard *shard, struct finode *inode)
{
	struct finode_table *table = inode_table(inode);

	finode__slots_free(&table->inodes, &shard->inode_pool, inode->nodeid);
	key_apart_free(shard, inode);
	inode_memory_free_locked(shard, inode, inode_size_of(inode));
}

void finode__inode_unindex_locked(struct shard *shard, struct finode *inode)
{
	if (inode->library_flags & INODE_NOT_INDEXED)
		return;
	index_remove_locked(shard, inode);
	inode->library_flags |= INODE_NOT_INDEXED;
	shard->not_indexed++;
}

bool finode__inode_is_current(const struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);
	bool current = inode->library_state == LIFE_LIVE &&
		       !(inode->library_flags & INODE_RETIRED);

	lock_release(&shard->lock);
	return current;
}

/* ---- Another key ---- */

static void lock_two(struct shard *a, struct shard *b)
{
	lock_take(a < b ? &a->lock : &b->lock);
	if (a != b)
		lock_take(a < b ? &b->lock : &a->lock);
}

static void release_two(struct shard *a, struct shard *b)
{
	if (a != b)
		lock_release(&b->lock);
	lock_release(&a->lock);
}

/* Locks the shard of an inode and another one. @return the inode's */
static struct shard *lock_with(const struct finode *inode, struct shard *other)
{
	for (;;) {
		struct shard *shard = inode_shard(inode);

		lock_two(shard, other);
		if (shard == inode_shard(inode))
			return shard;
		release_two(shard, other);
	}
}

static struct key_apart *key_apart_make(struct shard *shard, const struct probe *probe,
					const struct finode_key *key)
{
	struct finode_table *table = probe->mount->table;
	struct key_apart *apart =
		memory_get(&table->allocator, &shard->bytes, key_apart_size(probe->size));

	if (!apart)
		return NULL;
	apart->generation = key->generation;
	apart->size = (uint8_t)probe->size;
	memcpy(apart->bytes, probe->bytes, probe->size);
	return apart;
}

static void shard_change_locked(struct shard *from, struct shard *to, struct finode *inode,
				uint16_t place)
{
	struct finode_mount *left = mount_leave_locked(from, inode);

	atomic_store_explicit(&inode_core(inode)->shard, place, memory_order_relaxed);
	if (!mount_is_first(inode->mount))
		mount_join_locked(to, inode);
	finode_mount_put(left); /* not the last: the inode holds it in the other shard */
	from->inodes--;
	to->inodes++;
}

/* @return 0, or -ENOMEM with nothing changed */
static int key_change_locked(struct shard *from, struct shard *to, struct finode *inode,
			     const struct probe *probe, const struct finode_key *key)
{
	const struct finode_allocator *allocator = &inode_table(inode)->allocator;
	struct key_apart *apart = key_apart_make(to, probe, key);

	FINODE_YIELD("rekey: allowed, locked");
	if (!apart)
		return -ENOMEM;
	if (finode__index_add(&to->index, probe->hash, inode_core(inode)->slot, allocator,
			      &to->bytes) != 0) {
		memory_put(allocator, &to->bytes, apart, key_apart_size(probe->size));
		return -ENOMEM;
	}
	index_remove_locked(from, inode);
	key_apart_free(from, inode);
	inode_core(inode)->hash = probe->hash;
	inode_core(inode)->key_size = 0;
	memcpy(inode_key(inode), &apart, sizeof(void *));
	if (from != to)
		shard_change_locked(from, to, inode, probe->shard);
	return 0;
}

int finode__inode_rekey(struct finode *inode, const struct probe *probe,
			const struct finode_key *key)
{
	struct shard *to = probe_shard(probe), *from = lock_with(inode, to);
	const struct slot *there = finode__inode_find_locked(to, probe);
	int err;

	/* Who detaches has set the mark, and may have passed the shard that it would go to.
	 */
	if (inode->library_state != LIFE_LIVE || inode->library_flags & INODE_NOT_INDEXED ||
	    mount_is_detached(inode->mount))
		err = -ESTALE;
	else if (there && there->object != inode)
		err = -EEXIST;
	else if (there && inode_is_like(inode, key))
		err = 0;
	else
		err = key_change_locked(from, to, inode, probe, key);
	release_two(from, to);
	return err;
}

/* ---- Waits ---- */

void finode__shard_wait(struct shard *shard)
{
	shard->waits++;
	shard->waiting++;
	lock_wait(&shard->lock, &shard->changed);
	shard->waiting--;
}
