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
 *   - An announcement counts the replies that have made it and were not refused; the last
 *     refusal takes it back, so what reached the kernel is never withdrawn by another
 * reply.
 *   - `kept` is the inode of `nodeid`, or NULL if the table does not keep roots; roots_kept
 * is how many there are.
 */
#include "core/mount.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/count.h"
#include "finode/alias.h"
#include "core/inode.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/testing.h"

/* ---- Announcing ---- */

struct announcement {
	struct announcement *next;
	uint64_t nodeid;
	struct finode *kept; /* the inode, if this holds it */
	uint32_t replies;
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
	mounts->roots_kept -= kept != NULL;
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
	struct mounts *mounts = mounts_of(mount);
	struct announcement *made;

	cut_dead_locked(mount);
	made = memory_get(&mount->table->allocator, &mounts->bytes, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->nodeid = inode->nodeid;
	made->replies = 1;
	if (mounts->keep_roots && !FINODE_MUTANT(roots_go))
		made->kept = finode_hold(inode);
	mounts->roots_kept += made->kept != NULL;
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
	if (!finode__inode_is_current(inode) && !FINODE_MUTANT(retired_roots_stay))
		finode__mount_retire_root(inode);
	return err ? err : 1;
}

int finode__mount_cross(struct finode *dir, const char *name, struct finode *inode)
{
	struct finode_mount *mount = inode->mount;
	struct mounts *mounts = mounts_of(mount);

	if (mount == dir->mount || (name_is_dot(name) && !FINODE_MUTANT(up_is_a_submount)))
		return 0;
	atomic_store_explicit(&mount_core(mount)->root, inode->nodeid,
			      memory_order_relaxed);
	if (inode->type != S_IFDIR && !FINODE_MUTANT(announce_files))
		return 0;
	if (!atomic_load_explicit(&mounts->announces, memory_order_relaxed) &&
	    !FINODE_MUTANT(announce_unasked))
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
	if (*link && (--(*link)->replies == 0 || FINODE_MUTANT(withdraw_all)))
		kept = cut_locked(inode->mount, link);
	lock_release(&mounts->lock);
	finode_put(kept);
}

void finode__mount_retire_root(struct finode *inode)
{
	struct mounts *mounts = mounts_of(inode->mount);
	struct announcement **link;
	struct finode *kept = NULL;

	if (inode->type != S_IFDIR ||
	    !atomic_load_explicit(&mounts->announces, memory_order_relaxed))
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

uint64_t finode__mount_roots_kept_locked(struct finode_mount *mount)
{
	uint64_t count = 0;

	for (const struct announcement *a = mount_core(mount)->announcements; a;
	     a = a->next) {
		if (a->kept && (a->kept->mount != mount || a->kept->nodeid != a->nodeid))
			return UINT64_MAX;
		count += a->kept != NULL;
	}
	return count;
}

void finode__mounts_forget(struct finode_table *table)
{
	struct finode_mount *mount = NULL;

	while ((mount = finode__mounts_next(table, mount)))
		if (!FINODE_MUTANT(roots_outlive_the_session))
			finode__mount_forget_roots(mount);
	atomic_store_explicit(&table->mounts.owed, 0, memory_order_relaxed);
}

void finode__mount_owe(struct finode *inode)
{
	atomic_fetch_add_explicit(&mounts_of(inode->mount)->owed,
				  finode__count_clear(inode), memory_order_relaxed);
}

void finode__mounts_settle(struct finode_table *table, uint64_t n)
{
	_Atomic uint64_t *owed = &table->mounts.owed;
	uint64_t before = atomic_load_explicit(owed, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		owed, &before, before - (n < before ? n : before), memory_order_relaxed,
		memory_order_relaxed))
		;
}

bool finode__mounts_expect_forget(struct finode_table *table, uint64_t n)
{
	struct mounts *mounts = &table->mounts;
	uint64_t owed = atomic_load_explicit(&mounts->owed, memory_order_relaxed);

	do {
		if (owed < n || owed == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&mounts->owed, &owed, owed - n,
							memory_order_relaxed,
							memory_order_relaxed));
	atomic_fetch_add_explicit(&mounts->forgets_late, 1, memory_order_relaxed);
	return true;
}

/* ---- Windows ---- */

struct finode *finode_mount_root(struct finode_mount *mount)
{
	if (mount_is_first(mount))
		return finode_hold(mount->table->root);
	return finode_get(mount->table, atomic_load_explicit(&mount_core(mount)->root,
							     memory_order_relaxed));
}

struct finode_alias *finode_mount_point(struct finode_mount *mount)
{
	FINODE_AUTOPUT struct finode *root = finode_mount_root(mount);

	return root && mount->table->names ? finode_alias_next(root, NULL) : NULL;
}

int finode_mount_check_same(const struct finode *a, const struct finode *b)
{
	return a->mount == b->mount || FINODE_MUTANT(links_cross) ? 0 : -EXDEV;
}

/* ---- The host's mounts ---- */

struct finode_mount_id finode_mount_id_of(const struct statx *stx)
{
	const bool known = (stx->stx_mask & FINODE_STATX_MNT_ID) != 0;

	return (struct finode_mount_id){{known ? stx->stx_mnt_id : 0,
					 makedev(stx->stx_dev_major, stx->stx_dev_minor)}};
}

int finode_mount_of(struct finode *dir, const struct statx *stx, void *arg,
		    struct finode_mount **out)
{
	const struct finode_mount_id id = finode_mount_id_of(stx);
	const struct finode_mount_id *here = &dir->mount->id;
	const bool same_mount = id.word[0] == here->word[0];
	const bool same_dev = id.word[1] == here->word[1];

	/* 0 is no mount's: a kernel that does not tell. */
	if (!same_mount || (!same_dev && (S_ISDIR(stx->stx_mode) || id.word[0] == 0)))
		return finode_mount_obtain(dir->mount, &id, arg, out);
	*out = finode_mount_hold(dir->mount);
	return FINODE_FOUND;
}

/* ---- Syncing ---- */

/* The nodeid of the n-th root that was announced, or 0. */
static uint64_t announced(struct finode_mount *mount, unsigned int n)
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

/* Does the kernel sync this one by itself, if it syncs all it knows? */
static bool kernel_knows(struct finode_mount *mount)
{
	uint64_t nodeid, nlookup = 0;

	/* An old kernel may use a root that it does not count: then it is synced twice. */
	for (unsigned int n = 0; nlookup == 0 && (nodeid = announced(mount, n)) != 0; n++) {
		struct finode *root = finode_get(mount->table, nodeid);

		if (root)
			nlookup = atomic_load_explicit(inode_nlookup(root),
						       memory_order_relaxed);
		finode_put(root);
	}
	return nlookup > 0;
}

/* Is the mount the one that was asked for, or below it and of no other filesystem? */
static bool belongs_to(struct finode_mount *mount, const struct finode_mount *asked)
{
	while (mount != asked) {
		if (!mount || (kernel_knows(mount) && !FINODE_MUTANT(sync_what_is_known)))
			return false;
		mount = mount->parent;
	}
	return true;
}

int finode_mount_syncfs(struct finode_table *table, uint64_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, nodeid);
	const struct finode_mount_ops *ops = table->mounts.ops;
	struct finode_mount *mount = NULL;
	int first = 0;

	if (!inode)
		return -ESTALE;
	if (!ops->sync)
		return -ENOSYS;
	while ((mount = finode__mounts_next(table, mount))) {
		int err = 0;

		if (belongs_to(mount, FINODE_MUTANT(sync_the_first) ? table->mounts.first
								    : inode->mount)) {
			finode__lock_check_none_held("sync() of a mount");
			err = ops->sync(mount);
		}
		if (first == 0)
			first = err;
		if (err && FINODE_MUTANT(sync_stops_at_an_error)) {
			finode_mount_put(mount);
			break;
		}
	}
	return first > 0 ? -EIO : first;
}
