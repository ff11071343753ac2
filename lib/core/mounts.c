/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mounts.h. This file owns the beginning and the end of a table's struct mounts, and
 * the walk over its list; mount.c owns what is in the list.
 */
#include "core/mounts.h"

#include "base/abi.h"
#include "core/mount.h"

/* What is wrong with the author's ops; NULL if nothing is. They are copied. */
static const char *copy_ops(struct finode_mount_ops *to, const struct finode_mount_ops *ops)
{
	const char *fault = finode__abi_copy(to, sizeof(*to), ops, ops->ops_size,
					     ABI_UP_TO(struct finode_mount_ops, base_size));
	const struct abi_object object = {to->object_size, to->object_align,
					  to->base_offset, to->base_size};

	return fault ? fault
		     : finode__abi_object_fault(&object, sizeof(struct finode_mount),
						_Alignof(struct finode_mount));
}

int finode__mounts_init(struct finode_table *table, const struct finode_config *config)
{
	/* For authors who have nothing of their own to keep. */
	static const struct finode_mount_ops plain = {
		.ops_size = sizeof(plain),
		.object_size = sizeof(struct finode_mount),
		.object_align = _Alignof(struct finode_mount),
		.base_size = sizeof(struct finode_mount),
	};
	struct mounts *mounts = &table->mounts;
	const char *fault =
		copy_ops(&mounts->ops, config->mount_ops ? config->mount_ops : &plain);
	int err;

	if (fault)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG],
				      "config.mount_ops%s", fault);
	err = finode__lock_init(&mounts->lock, LOCK_RANK_MOUNTS);
	if (err)
		return err;
	err = -pthread_cond_init(&mounts->changed, NULL);
	if (err)
		finode__lock_finish(&mounts->lock);
	return err;
}

void finode__mounts_finish(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	pthread_cond_destroy(&mounts->changed);
	finode__lock_finish(&mounts->lock);
}

void finode__mounts_stats(struct finode_table *table, struct finode_stats *sum)
{
	struct mounts *mounts = &table->mounts;

	lock_take(&mounts->lock);
	sum->mounts = mounts->created - mounts->evicted;
	sum->mounts_created = mounts->created;
	sum->mounts_evicted = mounts->evicted;
	sum->mounts_detached = mounts->detached;
	sum->bytes += mounts->bytes;
	lock_release(&mounts->lock);
}

struct finode_mount *finode__mounts_next(struct finode_table *table,
					 struct finode_mount *previous)
{
	struct mounts *mounts = &table->mounts;
	struct finode_mount *next;

	lock_take(&mounts->lock);
	next = previous ? mount_core(previous)->next : mounts->first;
	while (next && mount_core(next)->state != LIFE_LIVE)
		next = mount_core(next)->next;
	if (next)
		finode_mount_hold(next);
	lock_release(&mounts->lock);
	finode_mount_put(previous);
	return next;
}

/* ---- The end of a table ---- */

void finode__mounts_close(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	lock_take(&mounts->lock);
	for (struct finode_mount *mount = mounts->first; mount;
	     mount = mount_core(mount)->next)
		mount_close_locked(mount);
	lock_release(&mounts->lock);
}

void finode__mounts_end_held(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;
	struct finode_mount *mount;

	/* From the last to the first: children come after their parents. */
	while ((mount = mounts->last) != mounts->first) {
		finode__misuse(&table->log,
			       "end of the table: mount %llx:%llx still has %u references",
			       (unsigned long long)mount->id.word[0],
			       (unsigned long long)mount->id.word[1],
			       mount_core(mount)->refs);
		finode_mount_put(finode__mount_end_held(mount));
	}
}

void finode__mounts_end_first(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;
	struct mount_core *core = mount_core(mounts->first);

	if (core->refs != 1)
		finode__misuse(&table->log,
			       "end of the table: its first mount still has %u references",
			       core->refs - 1);
	finode__mount_end_held(mounts->first);
}
