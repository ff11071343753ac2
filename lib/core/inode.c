/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How an inode is found, or made: obtain, find, get.
 *
 * This file owns the steps nothing -> NEW -> LIVE. init() and match() run with no lock held
 * (guarantee F), and what they work on is safe: a NEW inode is out of everyone else's
 * reach, and for match() the caller holds a reference. Who looks for a key that is NEW or
 * EVICTING waits.
 */
#include "core/inode.h"

#include <errno.h>

#include "base/callback.h"
#include "base/testing.h"
#include "core/end.h"
#include "finode/name.h"

static int call_init(struct finode *inode, void *arg)
{
	struct finode_table *table = inode_table(inode);
	struct callback_frame frame;
	int err;

	if (!table->ops.init)
		return 0;
	finode__lock_check_none_held("init()");
	finode__callback_begin(&frame, inode);
	err = table->ops.init(inode, arg);
	finode__callback_end(&frame);
	if (err > 0) {
		finode__misuse(&table->log,
			       "init() returned %d; it must be 0 or a negative errno", err);
		return -EIO;
	}
	return err;
}

static int call_match(struct finode *inode, void *arg)
{
	struct finode_table *table = inode_table(inode);
	int same;

	if (!table->ops.match)
		return 1;
	finode__lock_check_none_held("match()");
	same = table->ops.match(inode, arg);
	if (same > 1) {
		finode__misuse(&table->log,
			       "match() returned %d; it must be 1, 0 or a negative errno",
			       same);
		return -EIO;
	}
	return same;
}

/*
 * Waits for a change of an inode that is not LIVE; the lock is released meanwhile.
 * @return 0, or -EDEADLK
 */
static int settle_locked(struct shard *shard, const struct finode *inode)
{
	if (finode__in_callback_for(inode))
		return -EDEADLK;
	if (finode__any_put_off()) {
		lock_release(&shard->lock);
		finode__end_put_off();
		lock_take(&shard->lock);
		return 0;
	}
	FINODE_YIELD("waits: key, locked");
	finode__shard_wait(shard);
	return 0;
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
		struct finode *inode = slot ? slot->object : NULL;
		int err;

		if (!inode || inode->library_state == LIFE_LIVE) {
			*out = slot;
			return 0;
		}
		err = settle_locked(shard, inode);
		if (err)
			return err;
	}
}

/* What was searched is here: FOUND or FOUND_ANOTHER, with a reference, or -EOVERFLOW. */
static int hold_found_locked(struct shard *shard, const struct finode_key *key,
			     struct slot *slot, struct finode **out)
{
	struct finode *inode = slot->object;

	shard->hits++;
	FINODE_YIELD("obtain: found, locked");
	*out = inode;
	if (!slots_hold(slot, inode->nodeid))
		return -EOVERFLOW;
	return inode_is_like(inode, key) ? FOUND : FOUND_ANOTHER;
}

/* It is not: CREATED, NEW, with no reference, or -ENOMEM. */
static int create_locked(struct shard *shard, const struct probe *probe,
			 const struct finode_key *key, struct finode **out)
{
	shard->misses++;
	FINODE_YIELD("obtain: not found, locked");
	return finode__inode_create_locked(shard, probe, key, out) == 0 ? CREATED : -ENOMEM;
}

static int find_or_create(const struct probe *probe, const struct finode_key *key,
			  struct finode **out)
{
	struct shard *shard = probe_shard(probe);
	struct slot *slot = NULL;
	int result;

	lock_take(&shard->lock);
	result = find_settled_locked(shard, probe, &slot);
	if (result >= 0)
		result = slot ? hold_found_locked(shard, key, slot, out)
			      : create_locked(shard, probe, key, out);
	lock_release(&shard->lock);
	return result;
}

int finode__inode_begin(struct finode *inode, void *arg)
{
	int err = call_init(inode, arg);
	struct finode_mount *left = NULL;
	struct shard *shard;
	bool detached = false;

	FINODE_YIELD("obtain: init() returned");
	shard = inode_shard_lock(inode);
	if (err) {
		left = inode_remove_locked(shard, inode);
	} else {
		inode->library_state = LIFE_LIVE;
		slots_publish(inode_slot(inode), 1);
		shard->created++;
		shard->inodes++;
		shard_wake(shard);
		detached = mount_is_detached(inode->mount);
	}
	lock_release(&shard->lock);
	finode_mount_put(left);
	if (!detached)
		return err;
	/* Who detaches may have passed this inode, which was not LIVE yet. */
	finode_retire(inode);
	finode_put(inode);
	return -ESTALE;
}

int finode__inode_is_same(struct finode *inode, mode_t type, void *arg)
{
	return inode->type == (type & S_IFMT) ? call_match(inode, arg) : 0;
}

int finode__inode_use(struct finode *inode, void *arg, struct finode **out)
{
	int (*found)(struct finode *, void *) = inode_table(inode)->hooks.found;
	int err = found ? found(inode, arg) : 0;

	if (err)
		finode_put(inode);
	else
		*out = inode;
	return err;
}

/*
 * An inode was found, and is held: is it what was meant? @return FOUND with the reference
 * in *out; AGAIN if it was not, and does not have the key any more; or an error
 */
static int use_or_retire(struct finode *inode, const struct probe *probe,
			 const struct finode_key *key, bool alike, void *arg,
			 struct finode **out)
{
	int same;

	FINODE_YIELD("obtain: found, before match()");
	same = alike ? call_match(inode, arg) : 0;
	if (same > 0)
		return finode__inode_use(inode, arg, out);
	FINODE_YIELD("obtain: not what was found");
	if (same == 0)
		finode__inode_retire_found(inode, probe, key, alike);
	finode_put(inode);
	return same < 0 ? same : AGAIN;
}

static int obtain(const struct probe *probe, const struct finode_key *key, void *arg,
		  struct finode **out)
{
	struct finode *inode = NULL;
	int result;

	do {
		result = find_or_create(probe, key, &inode);
		if (result == FOUND || result == FOUND_ANOTHER)
			result =
				use_or_retire(inode, probe, key, result == FOUND, arg, out);
	} while (result == AGAIN);
	if (result != CREATED)
		return result;
	result = finode__inode_begin(inode, arg);
	if (result)
		return result;
	*out = inode;
	return CREATED;
}

int finode_obtain(struct finode_mount *mount, struct finode_key key, void *arg,
		  struct finode **out, bool *created)
{
	struct probe probe;
	int result;

	*out = NULL;
	if (!type_is_known(key.mode))
		return finode__refuse(&mount->table->log,
				      &mount->table->rare.refused[REFUSED_TYPE],
				      "finode_obtain(): key.mode %#o is of no type",
				      (unsigned int)key.mode);
	result = probe_key(&probe, mount, &key);
	if (result)
		return result;
	if (mount_is_detached(mount))
		return -ESTALE;
	result = obtain(&probe, &key, arg, out);
	if (result < 0)
		return result;
	if (created)
		*created = result == CREATED;
	return 0;
}

/* Is what the index has LIVE, and what finode_find() was asked for? */
static bool is_wanted(const struct finode *inode, const struct finode_key *key)
{
	return inode->library_state == LIFE_LIVE &&
	       (key->mode == 0 || inode_is_like(inode, key));
}

struct finode *finode_find(struct finode_mount *mount, struct finode_key key)
{
	struct finode *inode;
	struct shard *shard;
	struct probe probe;
	struct slot *slot;

	if (probe_key(&probe, mount, &key) != 0)
		return NULL;
	shard = probe_shard(&probe);
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
		return err != -EINVAL
			       ? err
			       : finode__refuse(&table->log,
						&table->rare.refused[REFUSED_NAME],
						"finode_get_dir(): a name is empty, \".\", "
						"\"..\" or has a '/'");
	if (!*out)
		return -ESTALE;
	if (inode_is_dir(*out))
		return 0;
	finode_put(*out);
	*out = NULL;
	return -ENOTDIR;
}

int finode__inode_claim(struct finode_mount *mount, const struct finode_key *key,
			struct finode **out)
{
	struct shard *shard;
	struct probe probe;
	struct slot *slot;
	int err;

	finode__probe_init(&probe, mount, key->bytes, key->size);
	shard = probe_shard(&probe);
	lock_take(&shard->lock);
	slot = finode__inode_find_locked(shard, &probe);
	if (!slot) {
		shard->misses++;
		err = finode__inode_create_locked(shard, &probe, key, out);
		if (!err)
			(*out)->library_flags |= INODE_BY_NAME;
	} else {
		err = settle_locked(shard, slot->object);
		if (!err)
			err = AGAIN;
	}
	lock_release(&shard->lock);
	return err;
}

void finode__inode_abandon(struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);
	struct finode_mount *left = inode_remove_locked(shard, inode);

	lock_release(&shard->lock);
	finode_mount_put(left);
}

void finode__inode_know_by_name(struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);

	finode__inode_unindex_locked(shard, inode);
	shard_wake(shard);
	lock_release(&shard->lock);
}

bool finode__inode_is_by_name(const struct finode *inode)
{
	struct shard *shard = inode_shard_lock(inode);
	bool by_name = inode->library_flags & INODE_BY_NAME;

	lock_release(&shard->lock);
	return by_name;
}

/* ---- Keys ---- */

int finode_rekey(struct finode *inode, struct finode_key key)
{
	struct finode_table *table = inode_table(inode);
	struct probe probe;
	int err = probe_key(&probe, inode->mount, &key);

	if (err)
		return err;
	if ((key.mode & S_IFMT) != inode->type || inode_is_root(inode))
		return finode__refuse(
			&table->log, &table->rare.refused[REFUSED_REKEY],
			"finode_rekey(): %s",
			inode_is_root(inode)
				? "the root keeps its key"
				: "key.mode is of another type than the inode");
	return finode__inode_rekey(inode, &probe, &key);
}

const void *finode_key_bytes(const struct finode *inode, size_t *size)
{
	const struct key_view key = finode__inode_key(inode);

	*size = key.size;
	return key.bytes;
}
