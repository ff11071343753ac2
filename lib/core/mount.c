/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a mount: obtain, hold, put. See mount.h.
 *
 * This file owns the states of mounts, their list and the hash of their ids.
 *
 *      allocation of a mount: [author's object, the base in it][a head for each shard]
 */
#define HASH_NONFATAL_OOM 1
#include "base/memory.h"

/* Both names are variables of the functions that use uthash. */
#define uthash_malloc(size)    memory_get(allocator, bytes, size)
#define uthash_free(ptr, size) memory_put(allocator, bytes, ptr, size)
#include "core/mount.h"

#include <errno.h>
#include <string.h>

#include "base/abi.h"
#include "base/callback.h"
#include "base/testing.h"

static struct finode_mount *mount_of_core(struct mount_core *core)
{
	return FINODE_CONTAINER_OF(core, struct finode_mount, library);
}

/* ---- Memory ---- */

static size_t heads_offset(const struct finode_mount_ops *ops)
{
	return (ops->object_size + sizeof(uint32_t) - 1) & ~(sizeof(uint32_t) - 1);
}

static size_t mount_size(const struct finode_table *table)
{
	return heads_offset(&table->mounts.ops) + table->shard_count * sizeof(uint32_t);
}

static char *object_of(struct finode_mount *mount)
{
	return (char *)mount - mounts_of(mount)->ops.base_offset;
}

static struct finode_mount *mount_alloc(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;
	char *object = memory_get_aligned(&table->allocator, &mounts->bytes,
					  mount_size(table), mounts->ops.object_align);
	struct finode_mount *mount;

	if (!object)
		return NULL;
	mount = (void *)(object + mounts->ops.base_offset);
	mount_core(mount)->heads = (void *)(object + heads_offset(&mounts->ops));
	return mount;
}

static void mount_free(struct finode_table *table, struct finode_mount *mount)
{
	struct mounts *mounts = &table->mounts;

	memory_put_aligned(&table->allocator, &mounts->bytes, object_of(mount),
			   mount_size(table), mounts->ops.object_align);
}

/* ---- Callbacks ---- */

/* What the author returned, unless it is nothing that may be returned. */
static int checked(struct finode_mount *mount, const char *callback, int result, int most)
{
	if (result <= most)
		return result;
	finode__misuse(&mount->table->log,
		       "%s() of a mount returned %d; it must be at most %d", callback,
		       result, most);
	return -EIO;
}

static int call_init(struct finode_mount *mount, void *arg)
{
	const struct finode_mount_ops *ops = &mounts_of(mount)->ops;
	struct callback_frame frame;
	int err;

	if (!ops->init)
		return 0;
	finode__lock_check_none_held("init() of a mount");
	finode__callback_begin(&frame, mount);
	err = ops->init(mount, arg);
	finode__callback_end(&frame);
	return checked(mount, "init", err, 0);
}

static int call_match(struct finode_mount *mount, void *arg)
{
	const struct finode_mount_ops *ops = &mounts_of(mount)->ops;

	if (!ops->match)
		return 1;
	finode__lock_check_none_held("match() of a mount");
	return checked(mount, "match", ops->match(mount, arg), 1);
}

static void call_evict(struct finode_mount *mount)
{
	const struct finode_mount_ops *ops = &mounts_of(mount)->ops;
	struct callback_frame frame;

	if (!ops->evict)
		return;
	finode__lock_check_none_held("evict() of a mount");
	finode__callback_begin(&frame, mount);
	ops->evict(mount);
	finode__callback_end(&frame);
}

/* ---- The hash of ids, and the list ---- */

static uint32_t hash_of(const struct finode_table *table, const struct finode_mount_id *id)
{
	return (uint32_t)finode__hash(&table->seed, id, sizeof(*id));
}

static struct finode_mount *find_locked(struct finode_table *table,
					const struct finode_mount_id *id)
{
	const uint32_t hash = hash_of(table, id);
	struct mount_core *core;

	HASH_FIND_BYHASHVALUE(hh, table->mounts.by_id, id, sizeof(*id), hash, core);
	return core ? mount_of_core(core) : NULL;
}

/* @return 0, or -ENOMEM with nothing changed. uthash's macro is long. */
/* NOLINTNEXTLINE(readability-function-size) */
static int add_id_locked(struct finode_mount *mount)
{
	const struct finode_allocator *allocator = &mount->table->allocator;
	struct mounts *mounts = mounts_of(mount);
	struct mount_core *core = mount_core(mount);
	uint64_t *bytes = &mounts->bytes;

	HASH_ADD_KEYPTR_BYHASHVALUE(hh, mounts->by_id, &mount->id, sizeof(mount->id),
				    hash_of(mount->table, &mount->id), core);
	return core->hh.tbl ? 0 : -ENOMEM;
}

static void remove_id_locked(struct finode_mount *mount)
{
	const struct finode_allocator *allocator = &mount->table->allocator;
	struct mounts *mounts = mounts_of(mount);
	struct mount_core *core = mount_core(mount);
	uint64_t *bytes = &mounts->bytes;

	HASH_DELETE(hh, mounts->by_id, core);
}

static void append_locked(struct mounts *mounts, struct finode_mount *mount)
{
	struct mount_core *core = mount_core(mount);

	core->previous = mounts->last;
	if (mounts->last)
		mount_core(mounts->last)->next = mount;
	mounts->last = mount;
}

static void cut_locked(struct mounts *mounts, struct finode_mount *mount)
{
	const struct mount_core *core = mount_core(mount);

	if (core->previous)
		mount_core(core->previous)->next = core->next;
	if (core->next)
		mount_core(core->next)->previous = core->previous;
	else
		mounts->last = core->previous;
}

/* ---- From nothing to LIVE ---- */

/* The salt comes from the seed of the table, so nobody can foresee it. */
static uint64_t next_salt_locked(struct finode_table *table)
{
	const uint64_t serial = table->mounts.serials++;

	return finode__hash(&table->seed, &serial, sizeof(serial));
}

/* With the reference that its maker gets: init() may make inodes in it, which hold it. */
static int create_locked(struct finode_table *table, struct finode_mount *parent,
			 const struct finode_mount_id *id, struct finode_mount **out)
{
	struct finode_mount *mount = mount_alloc(table);

	if (!mount)
		return -ENOMEM;
	mount->table = table;
	mount->id = *id;
	mount_core(mount)->salt = next_salt_locked(table);
	atomic_init(&mount_core(mount)->refs, 1);
	if (add_id_locked(mount) != 0) {
		mount_free(table, mount);
		return -ENOMEM;
	}
	append_locked(&table->mounts, mount);
	mount->parent = parent ? finode_mount_hold(parent) : NULL;
	*out = mount;
	return 0;
}

/* While the table ends, mounts keep their memory as inodes do: see end.c. */
static void bury_locked(struct mounts *mounts, struct finode_mount *mount)
{
	mount_core(mount)->next = mounts->graves;
	mounts->graves = mount;
}

/* @return the parent, to be put */
static struct finode_mount *remove_locked(struct finode_mount *mount)
{
	struct finode_table *table = mount->table;
	struct finode_mount *parent = mount->parent;

	if (mount_core(mount)->detached != MOUNT_DETACHED)
		remove_id_locked(mount);
	if (table->hooks.mount_ends_locked)
		table->hooks.mount_ends_locked(mount);
	cut_locked(&table->mounts, mount);
	if (table->end == TABLE_LIVES)
		mount_free(table, mount);
	else
		bury_locked(&table->mounts, mount);
	pthread_cond_broadcast(&table->mounts.changed);
	return parent;
}

/* NEW -> LIVE, or -> nothing. @return 0 or an error */
static int begin(struct finode_mount *mount, void *arg)
{
	struct mounts *mounts = mounts_of(mount);
	struct finode_mount *parent = NULL;
	int err = call_init(mount, arg);

	FINODE_YIELD("mount: init() returned");
	if (err && mount_core(mount)->refs != 1)
		finode__misuse(&mount->table->log,
			       "init() of a mount failed, and has left %u references to it",
			       mount_core(mount)->refs - 1);
	lock_take(&mounts->lock);
	if (err) {
		parent = remove_locked(mount);
	} else {
		mount_core(mount)->state = LIFE_LIVE;
		mounts->created++;
		pthread_cond_broadcast(&mounts->changed);
	}
	lock_release(&mounts->lock);
	finode_mount_put(parent);
	return err;
}

/*
 * The mount of an id, waiting while it is NEW or EVICTING. @return 0; MOUNT_IS_AWAITED if
 * that must not be; or -EDEADLK
 */
static int find_settled_locked(struct finode_table *table, const struct finode_mount_id *id,
			       bool may_wait, struct finode_mount **out)
{
	struct mounts *mounts = &table->mounts;

	for (;;) {
		*out = find_locked(table, id);
		if (!*out || mount_core(*out)->state == LIFE_LIVE)
			return 0;
		if (finode__in_callback_for(*out))
			return -EDEADLK;
		if (!may_wait)
			return MOUNT_IS_AWAITED;
		FINODE_YIELD("waits: mount, locked");
		lock_wait(&mounts->lock, &mounts->changed);
	}
}

/*
 * @return MOUNT_FOUND with a reference; MOUNT_MADE with a NEW one; MOUNT_IS_AWAITED; or an
 * error
 */
static int find_or_create(struct finode_table *table, struct finode_mount *parent,
			  const struct finode_mount_id *id, bool may_wait,
			  struct finode_mount **out)
{
	struct mounts *mounts = &table->mounts;
	int result;

	lock_take(&mounts->lock);
	result = find_settled_locked(table, id, may_wait, out);
	if (result == 0 && *out) {
		finode_mount_hold(*out);
		result = MOUNT_FOUND;
	} else if (result == 0 && parent && mount_core(parent)->state == LIFE_EVICTING) {
		result = -ESTALE;
	} else if (result == 0) {
		result = create_locked(table, parent, id, out);
		if (result == 0)
			result = MOUNT_MADE;
	}
	lock_release(&mounts->lock);
	return result;
}

/* @return MOUNT_FOUND; MOUNT_IS_ANOTHER, for the caller to detach; or an error */
static int verify(struct finode_mount *mount, void *arg)
{
	int same = call_match(mount, arg);

	if (same < 0)
		return same;
	if (same == 0 && mount_is_first(mount))
		return finode__refuse(&mount->table->log,
				      &mount->table->rare.refused[REFUSED_MOUNT],
				      "finode_mount_obtain(): match() says that another "
				      "mount has the id of the first one, which stays: "
				      "see config.root_mount_id");
	return same > 0 ? MOUNT_FOUND : MOUNT_IS_ANOTHER;
}

int finode__mount_obtain(struct finode_table *table, struct finode_mount *parent,
			 const struct finode_mount_id *id, void *arg, bool may_wait,
			 struct finode_mount **out)
{
	struct finode_mount *mount;
	int result = find_or_create(table, parent, id, may_wait, &mount);

	if (result == MOUNT_FOUND) {
		FINODE_YIELD("mount: found");
		result = verify(mount, arg);
		if (result < 0)
			finode_mount_put(mount);
	} else if (result == MOUNT_MADE) {
		int err = begin(mount, arg);

		if (err)
			result = err;
	}
	if (result >= 0)
		*out = mount;
	return result;
}

struct finode_mount *finode_mount_hold(struct finode_mount *mount)
{
	atomic_fetch_add_explicit(&mount_core(mount)->refs, 1, memory_order_relaxed);
	return mount;
}

/* ---- From LIVE to nothing ---- */

/* Nobody has a reference. @return the parent, to be put */
static struct finode_mount *end_life(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct finode_mount *parent;

	FINODE_YIELD("mount: before evict()");
	call_evict(mount);
	lock_take(&mounts->lock);
	mounts->evicted++;
	parent = remove_locked(mount);
	lock_release(&mounts->lock);
	return parent;
}

/* Drops a reference that is not the last. @return false if it is, or if there is none */
static bool put_unless_last(struct mount_core *core)
{
	uint32_t refs = atomic_load_explicit(&core->refs, memory_order_relaxed);

	do {
		if (refs <= 1)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&core->refs, &refs, refs - 1, memory_order_release, memory_order_relaxed));
	return true;
}

/* @return true if no reference is left: the mount is EVICTING */
static bool put_last(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct mount_core *core = mount_core(mount);
	bool last;

	FINODE_YIELD("mount put: the last, before the lock");
	lock_take(&mounts->lock);
	last = atomic_fetch_sub_explicit(&core->refs, 1, memory_order_acq_rel) == 1;
	if (last) {
		core->state = LIFE_EVICTING;
		mount_close_locked(mount);
	}
	lock_release(&mounts->lock);
	return last;
}

static void put_not_held(const struct finode_mount *mount)
{
	/* At the end of a table what somebody held was taken from them. */
	if (mount->table->end != TABLE_TAKES_ALL)
		finode__misuse(&mount->table->log,
			       "finode_mount_put() of a mount without a reference");
}

/* With the last reference to a mount goes one to its parent: a loop, not a recursion. */
void finode_mount_put(struct finode_mount *mount)
{
	while (mount) {
		struct mount_core *core = mount_core(mount);

		if (put_unless_last(core))
			return;
		if (atomic_load_explicit(&core->refs, memory_order_relaxed) == 0 ||
		    mount_is_first(mount)) {
			put_not_held(mount);
			return;
		}
		if (!put_last(mount))
			return;
		mount = end_life(mount);
	}
}

/* ---- Detaching ---- */

bool finode__mount_mark_detached(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct mount_core *core = mount_core(mount);
	bool marked;

	if (mount_is_first(mount)) {
		finode__misuse(&mount->table->log,
			       "finode_mount_detach() of the first mount");
		return false;
	}
	lock_take(&mounts->lock);
	marked = !mount_is_detached(mount);
	if (marked) {
		remove_id_locked(mount);
		/* See finode_count(). */
		atomic_store_explicit(&core->detached, MOUNT_DETACHED,
				      memory_order_seq_cst);
		mounts->detached++;
	}
	lock_release(&mounts->lock);
	return marked;
}

/* ---- The end of a table ---- */

struct finode_mount *finode__mount_end_held(struct finode_mount *mount)
{
	struct mount_core *core = mount_core(mount);

	atomic_store_explicit(&core->refs, 0, memory_order_relaxed);
	core->state = LIFE_EVICTING;
	return end_life(mount);
}

void finode__mounts_free(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	while (mounts->graves) {
		struct finode_mount *mount = mounts->graves;

		mounts->graves = mount_core(mount)->next;
		mount_free(table, mount);
	}
}
