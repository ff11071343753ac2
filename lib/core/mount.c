/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a mount: obtain, find, hold, put, detach. See mount.h.
 *
 * This file owns the states of mounts, their list and the hash of their ids, and the counts
 * of inodes behind each object:
 *
 *      allocation of a mount: [author's object, the base in it][one count for each shard]
 */
#define HASH_NONFATAL_OOM 1
#include "base/memory.h"

/* Both names are variables of the functions that use uthash. */
#define uthash_malloc(size)    memory_get(allocator, bytes, size)
#define uthash_free(ptr, size) memory_put(allocator, bytes, ptr, size)
#include "core/mount.h"

#include <errno.h>
#include <string.h>

#include "base/callback.h"
#include "core/count.h"
#include "core/inode.h"
#include "base/log.h"
#include "base/testing.h"

/* For authors who have nothing of their own to keep. */
static const struct finode_mount_ops plain_ops = {
	.ops_size = sizeof(plain_ops),
	.object_size = sizeof(struct finode_mount),
};

static struct finode_mount *mount_of_core(struct mount_core *core)
{
	return FINODE_CONTAINER_OF(core, struct finode_mount, library);
}

/* ---- Counts of inodes ---- */

static size_t counts_offset(const struct finode_mount_ops *ops)
{
	return (ops->object_size + sizeof(uint32_t) - 1) & ~(sizeof(uint32_t) - 1);
}

static size_t mount_size(const struct finode_table *table)
{
	return counts_offset(table->mounts.ops) + table->shard_count * sizeof(uint32_t);
}

static char *object_of(struct finode_mount *mount)
{
	return (char *)mount - mounts_of(mount)->ops->base_offset;
}

static uint32_t *count_in(struct finode_mount *mount, const struct shard *shard)
{
	uint32_t *counts =
		(void *)(object_of(mount) + counts_offset(mounts_of(mount)->ops));

	return &counts[shard - mount->table->shards];
}

void finode__mount_join_locked(struct finode_mount *mount, struct shard *shard)
{
	if (mount_is_first(mount))
		return;
	if ((*count_in(mount, shard))++ == 0)
		finode_mount_hold(mount);
}

struct finode_mount *finode__mount_leave_locked(struct finode_mount *mount,
						struct shard *shard)
{
	if (mount_is_first(mount) || FINODE_MUTANT(inodes_never_leave))
		return NULL;
	return --*count_in(mount, shard) == 0 ? mount : NULL;
}

bool finode__mount_counts_locked(struct finode_mount *mount, const struct shard *shard)
{
	return mount_is_first(mount) || *count_in(mount, shard) > 0;
}

/* ---- Callbacks ---- */

/* What the author returned, unless it is nothing that may be returned. */
static int checked(struct finode_mount *mount, const char *callback, int result, int most)
{
	if (result <= most)
		return result;
	finode__misuse(mount->table, "%s() of a mount returned %d; it must be at most %d",
		       callback, result, most);
	return -EIO;
}

static int call_init(struct finode_mount *mount, void *arg)
{
	const struct finode_mount_ops *ops = mounts_of(mount)->ops;
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
	const struct finode_mount_ops *ops = mounts_of(mount)->ops;

	if (!ops->match)
		return 1;
	finode__lock_check_none_held("match() of a mount");
	return checked(mount, "match", ops->match(mount, arg), 1);
}

static void call_evict(struct finode_mount *mount)
{
	const struct finode_mount_ops *ops = mounts_of(mount)->ops;
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
	return (uint32_t)finode__hash(table, id, sizeof(*id));
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

	return finode__hash(table, &serial, sizeof(serial));
}

static int create_locked(struct finode_table *table, struct finode_mount *parent,
			 const struct finode_mount_id *id, struct finode_mount **out)
{
	struct mounts *mounts = &table->mounts;
	char *object = memory_get(&table->allocator, &mounts->bytes, mount_size(table));
	struct finode_mount *mount;

	if (!object)
		return -ENOMEM;
	mount = (void *)(object + mounts->ops->base_offset);
	mount->table = table;
	mount->id = *id;
	mount_core(mount)->salt = next_salt_locked(table);
	if (add_id_locked(mount) != 0) {
		memory_put(&table->allocator, &mounts->bytes, object, mount_size(table));
		return -ENOMEM;
	}
	append_locked(mounts, mount);
	mount->parent = parent ? finode_mount_hold(parent) : NULL;
	*out = mount;
	return 0;
}

/* @return the parent, to be put */
static struct finode_mount *remove_locked(struct finode_mount *mount)
{
	struct finode_table *table = mount->table;
	struct finode_mount *parent = mount->parent;
	struct mounts *mounts = &table->mounts;

	if (!mount_is_detached(mount))
		remove_id_locked(mount);
	finode__mount_unmap_locked(mount);
	finode__mount_forget_roots_locked(mount);
	cut_locked(mounts, mount);
	memory_put(&table->allocator, &mounts->bytes, object_of(mount), mount_size(table));
	pthread_cond_broadcast(&mounts->changed);
	return parent;
}

/* NEW -> LIVE with a reference, or -> nothing. @return FINODE_CREATED or an error */
static int begin(struct finode_mount *mount, void *arg)
{
	struct mounts *mounts = mounts_of(mount);
	struct finode_mount *parent = NULL;
	int err = call_init(mount, arg);

	FINODE_YIELD("mount: init() returned");
	lock_take(&mounts->lock);
	if (err) {
		parent = remove_locked(mount);
	} else {
		mount_core(mount)->state = MOUNT_LIVE;
		atomic_store_explicit(&mount_core(mount)->refs, 1, memory_order_relaxed);
		mounts->created++;
		pthread_cond_broadcast(&mounts->changed);
	}
	lock_release(&mounts->lock);
	finode_mount_put(parent);
	return err ? err : FINODE_CREATED;
}

/* The mount of an id, waiting while it is NEW or EVICTING. @return 0 or -EDEADLK */
static int find_settled_locked(struct finode_table *table, const struct finode_mount_id *id,
			       struct finode_mount **out)
{
	struct mounts *mounts = &table->mounts;

	for (;;) {
		*out = find_locked(table, id);
		if (!*out || mount_core(*out)->state == MOUNT_LIVE ||
		    FINODE_MUTANT(no_wait_for_mounts))
			return 0;
		if (finode__in_callback_for(*out))
			return -EDEADLK;
		FINODE_YIELD("waits: mount, locked");
		lock_wait(&mounts->lock, &mounts->changed);
	}
}

/* @return FINODE_FOUND with a reference; FINODE_CREATED with a NEW one; or an error */
static int find_or_create(struct finode_table *table, struct finode_mount *parent,
			  const struct finode_mount_id *id, struct finode_mount **out)
{
	struct mounts *mounts = &table->mounts;
	int result;

	lock_take(&mounts->lock);
	result = find_settled_locked(table, id, out);
	if (result == 0 && *out) {
		finode_mount_hold(*out);
		result = FINODE_FOUND;
	} else if (result == 0) {
		result = create_locked(table, parent, id, out);
		if (result == 0)
			result = FINODE_CREATED;
	}
	lock_release(&mounts->lock);
	return result;
}

static int obtain(struct finode_table *table, struct finode_mount *parent,
		  const struct finode_mount_id *id, void *arg, struct finode_mount **out)
{
	for (;;) {
		struct finode_mount *mount;
		int result = find_or_create(table, parent, id, &mount);
		int same;

		if (result == FINODE_CREATED)
			result = begin(mount, arg);
		if (result == FINODE_CREATED)
			*out = mount;
		if (result != FINODE_FOUND)
			return result;
		FINODE_YIELD("mount: found");
		same = call_match(mount, arg);
		if (same > 0) {
			*out = mount;
			return FINODE_FOUND;
		}
		if (same == 0)
			finode_mount_detach(mount);
		finode_mount_put(mount);
		if (same < 0)
			return same;
	}
}

int finode_mount_obtain(struct finode_mount *parent, const struct finode_mount_id *id,
			void *arg, struct finode_mount **out)
{
	*out = NULL;
	return obtain(parent->table, parent, id, arg, out);
}

struct finode_mount *finode_mount_find(struct finode_table *table,
				       const struct finode_mount_id *id)
{
	struct mounts *mounts = &table->mounts;
	struct finode_mount *mount;

	lock_take(&mounts->lock);
	mount = find_locked(table, id);
	if (mount && mount_core(mount)->state != MOUNT_LIVE)
		mount = NULL;
	if (mount)
		finode_mount_hold(mount);
	lock_release(&mounts->lock);
	return mount;
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
	last = atomic_fetch_sub_explicit(&core->refs, 1, memory_order_acq_rel) == 1 ||
	       FINODE_MUTANT(no_recheck_of_mounts);
	if (last)
		core->state = MOUNT_EVICTING;
	lock_release(&mounts->lock);
	return last;
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
			finode__misuse(mount->table,
				       "finode_mount_put() of a mount without a reference");
			return;
		}
		if (!put_last(mount))
			return;
		mount = end_life(mount);
	}
}

/* ---- Detaching ---- */

/* Marks it, so that it gets nothing new. @return false if it cannot be or has been */
static bool mark_detached(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct mount_core *core = mount_core(mount);
	bool marked;

	if (mount_is_first(mount)) {
		finode__misuse(mount->table, "finode_mount_detach() of the first mount");
		return false;
	}
	lock_take(&mounts->lock);
	marked = !mount_is_detached(mount);
	if (marked) {
		if (!FINODE_MUTANT(detached_keeps_its_id))
			remove_id_locked(mount);
		/* See finode_count(). */
		atomic_store_explicit(&core->detached, 1, memory_order_seq_cst);
		mounts->detached++;
	}
	lock_release(&mounts->lock);
	return marked;
}

/* Whoever published an inode of the mount before now has done so for the walk to see. */
static void pass_all_shards(struct finode_table *table)
{
	for (unsigned int i = 0; i < table->shard_count; i++) {
		lock_take(&table->shards[i].lock);
		lock_release(&table->shards[i].lock);
	}
}

void finode_mount_detach(struct finode_mount *mount)
{
	struct finode_table *table = mount->table;
	struct finode *inode;
	uint64_t cursor = 0;

	if (!mark_detached(mount))
		return;
	if (!FINODE_MUTANT(detach_keeps_the_root))
		finode__mount_forget_roots(mount);
	pass_all_shards(table);
	FINODE_YIELD("detach: marked");
	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		if (inode->mount == mount) {
			finode_retire(inode);
			if (!FINODE_MUTANT(detach_keeps_counts))
				finode__mount_owe(inode);
		}
		finode_put(inode);
	}
}

/* ---- All of them ---- */

struct finode_mount *finode__mounts_next(struct finode_table *table,
					 struct finode_mount *previous)
{
	struct mounts *mounts = &table->mounts;
	struct finode_mount *next;

	lock_take(&mounts->lock);
	next = previous ? mount_core(previous)->next : mounts->first;
	while (next && mount_core(next)->state != MOUNT_LIVE)
		next = mount_core(next)->next;
	if (next)
		finode_mount_hold(next);
	lock_release(&mounts->lock);
	finode_mount_put(previous);
	return next;
}

int finode__mounts_init(struct finode_table *table, const struct finode_config *config)
{
	struct mounts *mounts = &table->mounts;
	int err = finode__lock_init(&mounts->lock, LOCK_RANK_MOUNTS);

	if (err)
		return err;
	err = -pthread_cond_init(&mounts->changed, NULL);
	if (err)
		goto err_lock;
	mounts->ops = config->mount_ops ? config->mount_ops : &plain_ops;
	mounts->keep_roots = !config->forget_submount_roots;
	err = obtain(table, NULL, &config->root_mount_id, config->root_mount_arg,
		     &mounts->first);
	if (err < 0)
		goto err_cond;
	return 0;

err_cond:
	pthread_cond_destroy(&mounts->changed);
err_lock:
	finode__lock_finish(&mounts->lock);
	return err;
}

void finode__mounts_finish(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	pthread_cond_destroy(&mounts->changed);
	finode__lock_finish(&mounts->lock);
}

void finode__mounts_end_held(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;
	struct finode_mount *mount;

	/* From the last to the first: children come after their parents. */
	while ((mount = mounts->last) != mounts->first) {
		finode__misuse(
			table, "end of the table: mount %llx:%llx still has %u references",
			(unsigned long long)mount->id.word[0],
			(unsigned long long)mount->id.word[1], mount_core(mount)->refs);
		mount_core(mount)->state = MOUNT_EVICTING;
		finode_mount_put(end_life(mount));
	}
}

void finode__mounts_end_first(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;
	struct mount_core *core = mount_core(mounts->first);

	if (core->refs != 1)
		finode__misuse(table,
			       "end of the table: its first mount still has %u references",
			       core->refs - 1);
	core->state = MOUNT_EVICTING;
	end_life(mounts->first);
}

void finode__mounts_stats(struct finode_table *table, struct finode_stats *sum)
{
	struct mounts *mounts = &table->mounts;

	lock_take(&mounts->lock);
	sum->mounts = mounts->created - mounts->evicted;
	sum->mounts_created = mounts->created;
	sum->mounts_evicted = mounts->evicted;
	sum->mounts_detached = mounts->detached;
	sum->roots_kept = mounts->roots_kept;
	sum->bytes += mounts->bytes;
	lock_release(&mounts->lock);
	sum->forgets_late =
		atomic_load_explicit(&mounts->forgets_late, memory_order_relaxed);
}
