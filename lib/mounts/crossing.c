/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crossings: the roots of mounts, what the kernel is told of them, and what that obliges
 * to.
 *
 * This file owns the announcements. A root that was announced is a filesystem of its own
 * for the kernel, which may use it while it counts no lookup of it (guarantee I; the
 * kernels and the timelines are in docs/submounts.md). So an announcement holds a reference
 * of its own, until the mount is detached, the connection ends, or the root is retired.
 *
 * A mount has one announcement for each inode that was told to be its root. Most have one;
 * where the host's mounts cannot be told apart, one filesystem is found at several places,
 * and an inode that turns out to be stale may be told beside the one that takes its place.
 *
 * Invariants, under the lock of struct mounts:
 *
 *   - An announcement counts the replies that have made it and were not refused. Only the
 *     last refusal takes it back, so one that reached the kernel stays.
 *   - `kept` is the inode of `nodeid`, or NULL if the table does not keep roots; `kept` of
 *     struct crossings is how many there are.
 */
#include "mounts/crossing.h"

#include <errno.h>

#include "base/memory.h"
#include "base/name.h"
#include "base/testing.h"
#include "core/mounts.h"
#include "core/object.h"

/* ---- Announcing ---- */

struct announcement {
	struct announcement *next;
	uint64_t nodeid;
	struct finode *kept; /* the inode, if this holds it */
	uint64_t replies;
};

/* A table's. */
struct crossings {
	bool keep_roots;	/* set by init, never changed */
	uint64_t kept;		/* now; protected by the lock of struct mounts */
	_Atomic bool announces; /* the kernel has offered to take submounts */
};

/* Where the announcement of a nodeid is, or would be. */
static struct announcement **find_locked(struct finode_mount *mount, uint64_t nodeid)
{
	struct announcement **link = &mount_core(mount)->announcements;

	while (*link && (*link)->nodeid != nodeid)
		link = &(*link)->next;
	return link;
}

/* Ends one. @return what it kept, to be put; or NULL */
static struct finode *cut_locked(struct finode_mount *mount, struct announcement **link)
{
	struct mounts *mounts = mounts_of(mount);
	struct announcement *gone = *link;
	struct finode *kept = gone->kept;

	*link = gone->next;
	mount->table->crossings->kept -= kept != NULL;
	memory_put(&mount->table->allocator, &mounts->bytes, gone, sizeof(*gone));
	return kept;
}

/* Ends those that keep nothing, and whose inodes have gone. */
static void cut_dead_locked(struct finode_mount *mount)
{
	struct announcement **link = &mount_core(mount)->announcements;

	while (*link) {
		const struct slot *slot =
			slots_find(&mount->table->inodes, (*link)->nodeid);
		const uint64_t word =
			atomic_load_explicit(&slot->word, memory_order_relaxed);

		if (slot_word_is(word, (*link)->nodeid) && (uint32_t)word > 0)
			link = &(*link)->next;
		else
			cut_locked(mount, link);
	}
}

/* The first reply with this root. */
static int add_locked(struct finode_mount *mount, struct finode *inode)
{
	struct crossings *crossings = mount->table->crossings;
	struct mounts *mounts = mounts_of(mount);
	struct announcement *made;

	cut_dead_locked(mount);
	made = memory_get(&mount->table->allocator, &mounts->bytes, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->nodeid = inode->nodeid;
	made->replies = 1;
	if (crossings->keep_roots)
		made->kept = finode_hold(inode);
	crossings->kept += made->kept != NULL;
	made->next = mount_core(mount)->announcements;
	mount_core(mount)->announcements = made;
	return 0;
}

/* Of a mount that is detached nothing is kept any more. @return 1, or -ENOMEM */
static int announce(struct finode_mount *mount, struct finode *inode)
{
	struct mounts *mounts = mounts_of(mount);
	struct announcement *known;
	int err = 0;

	lock_take(&mounts->lock);
	if (!mount_is_detached(mount)) {
		known = *find_locked(mount, inode->nodeid);
		if (known)
			known->replies++;
		else
			err = add_locked(mount, inode);
	}
	lock_release(&mounts->lock);
	FINODE_YIELD("announce: announced");
	/* Whoever retires it meanwhile has set the mark, or finds the announcement. */
	if (!finode__inode_is_current(inode))
		finode__mount_retire_root(inode);
	return err ? err : 1;
}

int finode__mount_cross(struct finode *dir, const char *name, struct finode *inode)
{
	struct finode_mount *mount = inode->mount;

	if (mount == dir->mount || name_is_dot(name))
		return 0;
	atomic_store_explicit(&mount_core(mount)->root, inode->nodeid,
			      memory_order_relaxed);
	if (inode->type != S_IFDIR)
		return 0;
	if (!atomic_load_explicit(&mount->table->crossings->announces,
				  memory_order_relaxed))
		return 0;
	return announce(mount, inode);
}

void finode__mount_withdraw(struct finode *inode)
{
	struct mounts *mounts = mounts_of(inode->mount);
	struct announcement **link;
	struct finode *kept = NULL;

	lock_take(&mounts->lock);
	link = find_locked(inode->mount, inode->nodeid);
	if (*link && --(*link)->replies == 0)
		kept = cut_locked(inode->mount, link);
	lock_release(&mounts->lock);
	finode_put(kept);
}

void finode__mount_retire_root(struct finode *inode)
{
	struct mounts *mounts = mounts_of(inode->mount);
	struct announcement **link;
	struct finode *kept = NULL;

	if (!inode_is_dir(inode) ||
	    !atomic_load_explicit(&inode_table(inode)->crossings->announces,
				  memory_order_relaxed))
		return;
	lock_take(&mounts->lock);
	link = find_locked(inode->mount, inode->nodeid);
	if (*link)
		kept = cut_locked(inode->mount, link);
	lock_release(&mounts->lock);
	finode_put(kept);
}

void finode__mount_forget_roots_locked(struct finode_mount *mount)
{
	while (mount_core(mount)->announcements)
		cut_locked(mount, &mount_core(mount)->announcements);
}

void finode__mount_forget_roots(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct finode *kept;
	bool any;

	do {
		kept = NULL;
		lock_take(&mounts->lock);
		any = mount_core(mount)->announcements != NULL;
		if (any)
			kept = cut_locked(mount, &mount_core(mount)->announcements);
		lock_release(&mounts->lock);
		finode_put(kept);
	} while (any);
}

static int broken_root(const struct finode_mount *mount, const struct verdict *verdict)
{
	return finode__broken(verdict, "mount %llx:%llx: keeps what is not its root",
			      (unsigned long long)mount->id.word[0],
			      (unsigned long long)mount->id.word[1]);
}

int finode__crossings_check(struct finode_table *table, const struct verdict *verdict)
{
	struct mounts *mounts = &table->mounts;
	uint64_t kept = 0;
	int err = 0;

	lock_take(&mounts->lock);
	for (struct finode_mount *mount = mounts->first; mount && !err;
	     mount = mount_core(mount)->next)
		for (const struct announcement *a = mount_core(mount)->announcements; a;
		     a = a->next) {
			if (a->kept &&
			    (a->kept->mount != mount || a->kept->nodeid != a->nodeid))
				err = broken_root(mount, verdict);
			kept += a->kept != NULL;
		}
	if (!err && kept != table->crossings->kept)
		err = finode__broken(verdict, "%llu roots are kept, but %llu counted",
				     (unsigned long long)kept,
				     (unsigned long long)table->crossings->kept);
	lock_release(&mounts->lock);
	return err;
}

void finode__crossings_forget(struct finode_table *table)
{
	struct finode_mount *mount = NULL;

	while ((mount = finode__mounts_next(table, mount)))
		finode__mount_forget_roots(mount);
}

void finode__crossings_announce(struct finode_table *table, bool announces)
{
	atomic_store_explicit(&table->crossings->announces, announces,
			      memory_order_relaxed);
}

void finode__crossings_stats(struct finode_table *table, struct finode_stats *sum)
{
	lock_take(&table->mounts.lock);
	sum->roots_kept = table->crossings->kept;
	sum->bytes += sizeof(*table->crossings);
	lock_release(&table->mounts.lock);
}

int finode__crossings_init(struct finode_table *table, const struct finode_config *config)
{
	table->crossings =
		table->allocator.allocate(sizeof(*table->crossings), table->allocator.user);
	if (!table->crossings)
		return -ENOMEM;
	table->crossings->keep_roots = !config->forget_submount_roots;
	return 0;
}

void finode__crossings_finish(struct finode_table *table)
{
	table->allocator.release(table->crossings, table->allocator.user);
}

/* ---- Windows ---- */

/* The nodeid of the n-th root that was announced, or 0. */
uint64_t finode__mount_announced(struct finode_mount *mount, unsigned int n)
{
	struct mounts *mounts = mounts_of(mount);
	const struct announcement *found;
	uint64_t nodeid;

	lock_take(&mounts->lock);
	found = mount_core(mount)->announcements;
	while (found && n-- > 0)
		found = found->next;
	nodeid = found ? found->nodeid : 0;
	lock_release(&mounts->lock);
	return nodeid;
}

struct finode *finode_mount_root(struct finode_mount *mount)
{
	if (mount_is_first(mount))
		return finode_get(mount->table, FINODE_ROOT_ID);
	return finode_get(mount->table, atomic_load_explicit(&mount_core(mount)->root,
							     memory_order_relaxed));
}

int finode_mount_check_same(const struct finode *a, const struct finode *b)
{
	return a->mount == b->mount ? 0 : -EXDEV;
}
