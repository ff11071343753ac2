/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mounts that go while inodes are in them: detach; and obtain, which detaches a mount that
 * turns out to be another one.
 *
 * A detached mount gets no new inodes: the mark is set before the walk over its inodes, and
 * whoever publishes an inode looks at the mark under its shard's lock. The walk costs the
 * inodes of the mount, and the lock of each shard once.
 */
#include <errno.h>

#include "base/testing.h"
#include "core/count.h"
#include "core/end.h"
#include "core/object.h"

#define AT_ONCE 64 /* inodes for which a shard is locked */

/*
 * Takes the next LIVE inodes out of the list that the mount has in a shard, each with a
 * reference. @return how many
 */
static unsigned int take_some(struct finode_mount *mount, struct shard *shard,
			      struct finode *taken[AT_ONCE])
{
	unsigned int count = 0;
	struct finode *inode, *next;

	lock_take(&shard->lock);
	for (inode = finode__mount_first_locked(mount, shard); inode && count < AT_ONCE;
	     inode = next) {
		next = finode__mount_after_locked(inode);
		/* What is NEW sees the mark, and what is EVICTING is on its way. */
		if (inode->library_state != LIFE_LIVE ||
		    !slots_hold(inode_slot(inode), inode->nodeid))
			continue;
		finode__inode_part_locked(shard, inode);
		taken[count++] = inode;
	}
	lock_release(&shard->lock);
	return count;
}

static void detach_shard(struct finode_mount *mount, struct shard *shard)
{
	struct finode *taken[AT_ONCE];
	unsigned int count;

	do {
		count = take_some(mount, shard, taken);
		if (count > 0)
			FINODE_YIELD("detach: taken");
		for (unsigned int i = 0; i < count; i++) {
			finode_retire(taken[i]);
			finode__count_disown(taken[i]);
			finode_put(taken[i]);
		}
	} while (count == AT_ONCE);
}

void finode_mount_detach(struct finode_mount *mount)
{
	struct finode_table *table = mount->table;

	if (!finode__mount_mark_detached(mount))
		return;
	if (table->hooks.mount_detached)
		table->hooks.mount_detached(mount);
	FINODE_YIELD("detach: marked");
	for (unsigned int i = 0; i < table->shard_count; i++)
		detach_shard(mount, &table->shards[i]);
}

int finode_mount_obtain(struct finode_mount *parent, const struct finode_mount_id *id,
			void *arg, struct finode_mount **out, bool *created)
{
	struct finode_mount *mount;
	int result;

	*out = NULL;
	if (parent->table->end != TABLE_LIVES)
		return -ESTALE;
	do {
		result = finode__mount_obtain(parent->table, parent, id, arg,
					      !finode__any_put_off(), &mount);
		if (result == MOUNT_IS_AWAITED) {
			finode__end_put_off();
		} else if (result == MOUNT_IS_ANOTHER) {
			finode_mount_detach(mount);
			finode_mount_put(mount);
		}
	} while (result == MOUNT_IS_ANOTHER || result == MOUNT_IS_AWAITED);
	if (result < 0)
		return result;
	*out = mount;
	if (created)
		*created = result == MOUNT_MADE;
	return 0;
}
