/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of an inode: obtain, find, get, hold, put, retire.
 *
 * This file owns the states of inode.h and every step between them. The rules that make
 * it simple:
 *
 *   - References go 1 -> 0 only under the shard's lock, in the same breath as LIVE ->
 *     EVICTING. So an inode that is found LIVE in the index has a reference, and whoever
 *     holds the lock may take another: there is no object that comes back from 0.
 *   - An inode leaves the index after evict() has returned, not before. So a lookup of its
 *     key waits, and a key has one object at any time (guarantee B).
 *   - A retired inode has left the index early; it goes through EVICTING all the same.
 *   - init(), match() and evict() run with no lock held (guarantee F). What they work on
 *     is safe: a NEW or EVICTING inode is out of everyone else's reach, and for match()
 *     the caller holds a reference.
 *   - In a table with aliases, those of an inode go after evict() has returned, for the
 *     same reason: finode_obtain_at() of the name waits.
 */
#include "core/inode.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/callback.h"
#include "finode/name.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/mount.h"
#include "names/names.h"
#include "base/siphash.h"
#include "base/testing.h"
#include "names/unlink.h"

static int call_init(struct finode *inode, void *arg)
{
	struct finode_table *table = inode_table(inode);
	struct callback_frame frame;
	int err;

	if (!table->ops->init)
		return 0;
	finode__lock_check_none_held("init()");
	finode__callback_begin(&frame, inode);
	err = table->ops->init(inode, arg);
	finode__callback_end(&frame);
	if (err > 0) {
		finode__misuse(table,
			       "init() returned %d; it must be 0 or a negative errno", err);
		return -EIO;
	}
	return err;
}

static void call_evict(struct finode *inode)
{
	const struct finode_ops *ops = inode_table(inode)->ops;
	struct callback_frame frame;

	if (!ops->evict)
		return;
	finode__lock_check_none_held("evict()");
	finode__callback_begin(&frame, inode);
	ops->evict(inode);
	finode__callback_end(&frame);
}

static int call_match(struct finode *inode, void *arg)
{
	struct finode_table *table = inode_table(inode);
	int same;

	if (!table->ops->match)
		return 1;
	finode__lock_check_none_held("match()");
	same = table->ops->match(inode, arg);
	if (same > 1) {
		finode__misuse(table,
			       "match() returned %d; it must be 1, 0 or a negative errno",
			       same);
		return -EIO;
	}
	return same;
}

bool finode__type_is_known(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static bool same_type_and_generation(const struct finode *inode,
				     const struct finode_key *key)
{
	return inode->type == (key->mode & S_IFMT) && inode->generation == key->generation;
}

/* Each mount adds a secret of its own, since equal keys in many mounts are ordinary. */
void finode__probe_init(struct probe *probe, const struct finode_mount *mount,
			const void *bytes, size_t size)
{
	const struct finode_table *table = mount->table;
	uint64_t hash = siphash(table->hash_seed, bytes, size, INDEX_CHUNK - 1, 1, 3) ^
			mount_core(mount)->salt;

	probe->mount = mount;
	probe->bytes = bytes;
	probe->size = size;
	probe->hash = index_hash(hash, *(const unsigned char *)bytes);
	probe->shard = (uint16_t)(hash >> 32 & (table->shard_count - 1));
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

static inline bool has_key(const struct finode *inode, const struct probe *probe)
{
	return inode->mount == probe->mount &&
	       inode_core_const(inode)->key_size == probe->size &&
	       same_bytes(inode_key(inode), probe->bytes, probe->size);
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

static bool probe_init(struct probe *probe, const struct finode_mount *mount,
		       const struct finode_key *key)
{
	if (!key->bytes || key->size == 0 || key->size > FINODE_KEY_MAX)
		return false;
	finode__probe_init(probe, mount, key->bytes, key->size);
	return true;
}

static struct shard *shard_of(const struct probe *probe)
{
	return &probe->mount->table->shards[probe->shard];
}

/* What is allocated for one inode: up to the end of its key. */
static size_t size_with_key(const struct finode_table *table, mode_t mode, size_t key_size)
{
	return table->ops->base_offset + table->key_offsets[S_ISDIR(mode)] + key_size;
}

/* Gives back the memory of an inode that has no slot and is not in the index. */
static void inode_free_locked(struct shard *shard, struct finode *inode)
{
	struct finode_table *table = inode_table(inode);

	memory_put(&table->allocator, &shard->bytes,
		   (char *)inode - table->ops->base_offset,
		   size_with_key(table, inode->type, inode_core(inode)->key_size));
}

static struct finode *inode_alloc_locked(struct shard *shard, const struct probe *probe,
					 const struct finode_key *key)
{
	struct finode_table *table = probe->mount->table;
	struct inode_core *core;
	struct finode *inode;
	char *object = memory_get(&table->allocator, &shard->bytes,
				  size_with_key(table, key->mode, probe->size));

	if (!object)
		return NULL;
	inode = (struct finode *)(void *)(object + table->ops->base_offset);
	inode->mount = (struct finode_mount *)probe->mount;
	inode->generation = key->generation;
	inode->type = (uint16_t)(key->mode & S_IFMT);
	inode->library_state = INODE_NEW;
	core = inode_core(inode);
	core->hash = probe->hash;
	core->shard = probe->shard;
	core->key_size = (uint8_t)probe->size;
	memcpy(inode_key(inode), probe->bytes, probe->size);
	return inode;
}

/* Puts a NEW inode into the index. @return 0, or -ENOMEM with nothing left behind */
static int inode_create_locked(struct shard *shard, const struct probe *probe,
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
	err = finode__index_add(&shard->index, probe->hash, slots_number(inode->nodeid),
				&table->allocator, &shard->bytes);
	if (err)
		goto err_slot;
	finode__mount_join_locked(inode->mount, shard);
	*out = inode;
	return 0;

err_slot:
	finode__slots_free(&table->inodes, &shard->inode_pool, inode->nodeid);
err_inode:
	if (!FINODE_MUTANT(leak_on_enomem))
		inode_free_locked(shard, inode);
	return err;
}

/* Waits for a change of an inode of the shard. */
static void wait_locked(struct shard *shard)
{
	shard->waits++;
	shard->waiting++;
	lock_wait(&shard->lock, &shard->changed);
	shard->waiting--;
}

/* Nearly always there is nobody to wake, and to find that out costs a call. */
static void wake_locked(struct shard *shard)
{
	if (shard->waiting > FINODE_MUTANT(one_waiter_is_none))
		pthread_cond_broadcast(&shard->changed);
}

static void unindex_locked(struct shard *shard, struct finode *inode)
{
	finode__index_remove(&shard->index, inode_core(inode)->hash,
			     slots_number(inode->nodeid), &inode_table(inode)->allocator,
			     &shard->bytes);
}

/*
 * Undoes inode_create_locked() and lets those who waited for the inode look again.
 * @return the mount, if it is to be put once no lock is held; else NULL
 */
static struct finode_mount *inode_remove_locked(struct shard *shard, struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct finode_mount *left = finode__mount_leave_locked(inode->mount, shard);

	if (!(inode->library_flags & INODE_NOT_INDEXED) || FINODE_MUTANT(unindex_retired))
		unindex_locked(shard, inode);
	finode__slots_free(&table->inodes, &shard->inode_pool, inode->nodeid);
	inode_free_locked(shard, inode);
	if (!FINODE_MUTANT(no_wake_at_end))
		wake_locked(shard);
	return left;
}

/*
 * Finds the LIVE inode of a key, waiting while it is NEW or EVICTING.
 * @return 0 with the inode's slot, or NULL in *out; or -EDEADLK
 */
static int find_settled_locked(struct shard *shard, const struct probe *probe,
			       struct slot **out)
{
	for (;;) {
		struct slot *slot = finode__inode_find_locked(shard, probe);
		const struct finode *inode = slot ? slot->object : NULL;

		if (!inode || inode->library_state == INODE_LIVE ||
		    FINODE_MUTANT(no_wait)) {
			*out = slot;
			return 0;
		}
		if (finode__in_callback_for(inode))
			return -EDEADLK;
		FINODE_YIELD("waits: key, locked");
		wait_locked(shard);
	}
}

/* One try at finding the inode, with a reference, or at making a NEW one, with none. */
static int find_or_create(const struct probe *probe, const struct finode_key *key,
			  struct finode **out)
{
	struct shard *shard = shard_of(probe);
	struct slot *slot;
	int result;

	lock_take(&shard->lock);
	result = find_settled_locked(shard, probe, &slot);
	if (result >= 0 && slot) {
		struct finode *inode = slot->object;

		shard->hits++;
		FINODE_YIELD("obtain: found, locked");
		*out = inode;
		result = slots_hold(slot, inode->nodeid) ? FINODE_FOUND : -EOVERFLOW;
	} else if (result >= 0) {
		shard->misses++;
		FINODE_YIELD("obtain: not found, locked");
		result = inode_create_locked(shard, probe, key, out);
		if (result == 0)
			result = FINODE_CREATED;
	}
	lock_release(&shard->lock);
	return result;
}

int finode__inode_begin(struct finode *inode, void *arg)
{
	struct shard *shard = inode_shard(inode);
	int err = call_init(inode, arg);
	struct finode_mount *left = NULL;
	bool detached = false;

	FINODE_YIELD("obtain: init() returned");
	lock_take(&shard->lock);
	if (err) {
		left = inode_remove_locked(shard, inode);
	} else {
		inode->library_state = INODE_LIVE;
		slots_publish(inode_slot(inode));
		shard->created++;
		if (!FINODE_MUTANT(no_wake))
			wake_locked(shard);
		detached = mount_is_detached(inode->mount) &&
			   !FINODE_MUTANT(born_into_a_detached_mount);
	}
	lock_release(&shard->lock);
	finode_mount_put(left);
	if (!detached)
		return err ? err : FINODE_CREATED;
	/* Who detaches may have passed this inode, which was not LIVE yet. */
	finode_retire(inode);
	finode_put(inode);
	return -ESTALE;
}

/* EVICTING -> nothing. Its aliases join the doomed. */
static void end_life(struct finode *inode, struct finode_alias **doomed)
{
	struct shard *shard = inode_shard(inode);
	struct finode_mount *left;

	FINODE_YIELD("put: before evict()");
	call_evict(inode);
	if (FINODE_MUTANT(evict_twice))
		call_evict(inode);
	if (inode_table(inode)->names && !FINODE_MUTANT(names_outlive_the_inode))
		finode__aliases_detach(inode, doomed);
	FINODE_YIELD("put: evict() returned");
	lock_take(&shard->lock);
	shard->evicted++;
	if (inode->library_flags & INODE_NOT_INDEXED)
		shard->not_indexed--;
	left = inode_remove_locked(shard, inode);
	lock_release(&shard->lock);
	finode_mount_put(left);
}

int finode__inode_is_same(struct finode *inode, const struct finode_key *key, void *arg)
{
	return same_type_and_generation(inode, key) ? call_match(inode, arg) : 0;
}

/* The inode that was meant, with a reference: is its backing object still there? */
static int found(struct finode *inode, void *arg, struct finode **out)
{
	int err = backing_is_tracked(inode) ? finode__backing_found(inode, arg) : 0;

	if (err) {
		finode_put(inode);
		return err;
	}
	*out = inode;
	return FINODE_FOUND;
}

int finode_obtain(struct finode_mount *mount, struct finode_key key, void *arg,
		  struct finode **out)
{
	struct probe probe;

	*out = NULL;
	if (!finode__type_is_known(key.mode) || !probe_init(&probe, mount, &key))
		return -EINVAL;
	if (mount_is_detached(mount))
		return -ESTALE;
	for (;;) {
		struct finode *inode = NULL;
		int result = find_or_create(&probe, &key, &inode);
		int same;

		if (inode && result == FINODE_CREATED)
			result = finode__inode_begin(inode, arg);
		if (result == FINODE_CREATED)
			*out = inode;
		if (result != FINODE_FOUND)
			return result;
		FINODE_YIELD("obtain: found, before match()");
		same = finode__inode_is_same(inode, &key, arg);
		if (same > 0)
			return found(inode, arg, out);
		FINODE_YIELD("obtain: not what was found");
		if (same == 0)
			finode_retire(inode);
		if (same == 0 || !FINODE_MUTANT(match_error_keeps_reference))
			finode_put(inode);
		if (same < 0)
			return same;
	}
}

/* Is what the index has LIVE, and what finode_find() was asked for? */
static bool is_wanted(const struct finode *inode, const struct finode_key *key)
{
	return inode->library_state == INODE_LIVE &&
	       (key->mode == 0 || same_type_and_generation(inode, key));
}

struct finode *finode_find(struct finode_mount *mount, struct finode_key key)
{
	struct finode *inode;
	struct shard *shard;
	struct probe probe;
	struct slot *slot;

	if (!probe_init(&probe, mount, &key))
		return NULL;
	shard = shard_of(&probe);
	lock_take(&shard->lock);
	slot = finode__inode_find_locked(shard, &probe);
	inode = slot ? slot->object : NULL;
	FINODE_YIELD("find: looked up, locked");
	if (inode && (!is_wanted(inode, &key) || !slots_hold(slot, inode->nodeid)))
		inode = NULL;
	if (inode)
		shard->hits++;
	else
		shard->misses++;
	lock_release(&shard->lock);
	return inode;
}

struct finode *finode_get(struct finode_table *table, uint64_t nodeid)
{
	return slots_get(&table->inodes, nodeid);
}

int finode_get_dir(struct finode_table *table, uint64_t nodeid, const char *name,
		   struct finode **out)
{
	int err = finode_name_check(name);

	*out = err ? NULL : finode_get(table, nodeid);
	if (err)
		return err;
	if (!*out)
		return -ESTALE;
	if ((*out)->type == S_IFDIR)
		return 0;
	finode_put(*out);
	*out = NULL;
	return -ENOTDIR;
}

struct finode *finode_hold(struct finode *inode)
{
	if (slots_hold(inode_slot(inode), inode->nodeid))
		return inode;
	finode__misuse(inode_table(inode),
		       "finode_hold() of nodeid %#llx, which nobody holds or 2^31 do",
		       (unsigned long long)inode->nodeid);
	return NULL;
}

/* Drops what may be the last reference, and ends the inode's life if it is. */
static void put_last(struct finode *inode, struct slot *slot, struct finode_alias **doomed)
{
	struct shard *shard = inode_shard(inode);
	bool last;

	FINODE_YIELD("put: the last, before the lock");
	if (FINODE_MUTANT(early_unindex))
		finode_retire(inode);
	if (!FINODE_MUTANT(free_outside_lock))
		lock_take(&shard->lock);
	last = slots_put_last(slot) || FINODE_MUTANT(no_recheck);
	if (FINODE_MUTANT(free_outside_lock))
		lock_take(&shard->lock);
	if (last)
		inode->library_state = INODE_EVICTING;
	lock_release(&shard->lock);
	if (last)
		end_life(inode, doomed);
}

/* As finode_put(), but leaves what is doomed by it to the caller. */
static void put(struct finode *inode, struct finode_alias **doomed)
{
	struct slot *slot = inode_slot(inode);
	enum slots_put result = slot ? slots_put(slot, inode->nodeid) : SLOTS_PUT_NOT_HELD;

	if (result == SLOTS_PUT_DONE)
		return;
	if (result == SLOTS_PUT_LAST && !inode_is_root(inode))
		put_last(inode, slot, doomed);
	else
		finode__misuse(inode_table(inode),
			       "finode_put() of nodeid %#llx without a reference to it",
			       (unsigned long long)inode->nodeid);
}

/*
 * The end of an alias may be that of its directory, whose alias is then doomed too: a loop,
 * since a chain of directories may be longer than a stack is deep.
 */
void finode__aliases_end(struct finode_alias **doomed)
{
	while (*doomed)
		put(finode__alias_end(doomed), doomed);
}

static void put_slowly(struct finode *inode)
{
	struct finode_alias *doomed = NULL;

	put(inode, &doomed);
	finode__aliases_end(&doomed);
}

void finode_put(struct finode *inode)
{
	struct slot *slot;

	if (!inode)
		return;
	/* Nearly always others remain. */
	slot = inode_slot(inode);
	if (!slot || slots_put(slot, inode->nodeid) != SLOTS_PUT_DONE)
		put_slowly(inode);
}

bool finode__inode_is_current(const struct finode *inode)
{
	struct shard *shard = inode_shard(inode);
	bool takes;

	lock_take(&shard->lock);
	takes = inode->library_state == INODE_LIVE &&
		!(inode->library_flags & INODE_RETIRED);
	lock_release(&shard->lock);
	return takes;
}

/* A LIVE inode leaves the index before its end. */
static void unindex_early_locked(struct shard *shard, struct finode *inode)
{
	if (inode->library_flags & INODE_NOT_INDEXED)
		return;
	if (!FINODE_MUTANT(retire_keeps_key))
		unindex_locked(shard, inode);
	inode->library_flags |= INODE_NOT_INDEXED;
	shard->not_indexed++;
}

void finode__inode_unindex(struct finode *inode)
{
	struct shard *shard = inode_shard(inode);

	lock_take(&shard->lock);
	unindex_early_locked(shard, inode);
	wake_locked(shard);
	lock_release(&shard->lock);
}

int finode__inode_claim(struct finode_mount *mount, const struct finode_key *key,
			struct finode **out)
{
	struct shard *shard;
	struct probe probe;
	struct slot *slot;
	int err;

	if (!probe_init(&probe, mount, key))
		return -EINVAL;
	shard = shard_of(&probe);
	lock_take(&shard->lock);
	slot = finode__inode_find_locked(shard, &probe);
	if (!slot) {
		shard->misses++;
		err = inode_create_locked(shard, &probe, key, out);
	} else if (finode__in_callback_for(slot->object)) {
		err = -EDEADLK;
	} else {
		err = -EAGAIN;
		FINODE_YIELD("waits: name, locked");
		wait_locked(shard);
	}
	lock_release(&shard->lock);
	return err;
}

void finode__inode_abandon(struct finode *inode)
{
	struct shard *shard = inode_shard(inode);
	struct finode_mount *left;

	lock_take(&shard->lock);
	left = inode_remove_locked(shard, inode);
	lock_release(&shard->lock);
	finode_mount_put(left);
}

void finode_retire(struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct shard *shard = inode_shard(inode);
	struct finode_alias *doomed = NULL;

	lock_take(&shard->lock);
	if (inode->library_state == INODE_LIVE && !(inode->library_flags & INODE_RETIRED)) {
		unindex_early_locked(shard, inode);
		inode->library_flags |= INODE_RETIRED;
		shard->retired++;
	}
	lock_release(&shard->lock);
	finode__mount_retire_root(inode);
	if (!table->names)
		return;
	finode__aliases_detach(inode, &doomed);
	finode__aliases_end(&doomed);
}

const void *finode_key_bytes(const struct finode *inode, size_t *size)
{
	*size = inode_core_const(inode)->key_size;
	return inode_key(inode);
}

void finode__inode_evict_held(struct finode *inode)
{
	struct shard *shard = inode_shard(inode);
	struct finode_alias *doomed = NULL;

	lock_take(&shard->lock);
	slots_revoke(inode_slot(inode), inode->nodeid);
	inode->library_state = INODE_EVICTING;
	lock_release(&shard->lock);
	end_life(inode, &doomed);
	finode__aliases_end(&doomed);
}
