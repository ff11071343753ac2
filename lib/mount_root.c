/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crossings: the roots of mounts, what the kernel is told of them, and what that obliges
 * to.
 *
 * This file owns the announcements. A root that was announced is a filesystem of its own
 * for the kernel, which may use it while it counts no lookup of it (guarantee I; the
 * kernels and the timelines are in docs/submounts.md). So the announcement holds a
 * reference of its own, until the mount is detached or the connection ends.
 *
 * Invariant: `kept` is the inode whose nodeid is `announced`, or NULL if the table does not
 * keep roots; roots_kept is how many mounts have one.
 */
#include "mount.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "count.h"
#include "finode/alias.h"
#include "inode.h"
#include "name.h"
#include "testing.h"

static struct mounts *mounts_of(const struct finode_mount *mount)
{
	return &mount->table->mounts;
}

/* ---- Announcing ---- */

/* Nothing is announced any more; with the lock held. @return what was kept, to be put */
static struct finode *clear_locked(struct finode_mount *mount)
{
	struct mount_core *core = mount_core(mount);
	struct finode *kept = core->kept;

	atomic_store_explicit(&core->announced, 0, memory_order_relaxed);
	core->announcements = 0;
	core->kept = NULL;
	mounts_of(mount)->roots_kept -= kept != NULL;
	return kept;
}

/*
 * One more announcement of the inode, which may be another one than that announced before:
 * the root of a mount that is the host's root can be replaced. @return what is to be put
 */
static struct finode *announce_locked(struct finode_mount *mount, struct finode *inode)
{
	struct mount_core *core = mount_core(mount);
	struct mounts *mounts = mounts_of(mount);
	struct finode *before = NULL;

	if (mount_is_detached(mount))
		return NULL;
	if (atomic_load_explicit(&core->announced, memory_order_relaxed) != inode->nodeid) {
		before = clear_locked(mount);
		atomic_store_explicit(&core->announced, inode->nodeid,
				      memory_order_relaxed);
		if (mounts->keep_roots && !FINODE_MUTANT(roots_go))
			core->kept = finode_hold(inode);
		mounts->roots_kept += core->kept != NULL;
	}
	core->announcements++;
	return before;
}

bool finode__mount_cross(struct finode *dir, const char *name, struct finode *inode)
{
	struct finode_mount *mount = inode->mount;
	struct mounts *mounts = mounts_of(mount);
	struct finode *before;

	if (mount == dir->mount || (name_is_dot(name) && !FINODE_MUTANT(up_is_a_submount)))
		return false;
	atomic_store_explicit(&mount_core(mount)->root, inode->nodeid,
			      memory_order_relaxed);
	if (inode->type != S_IFDIR && !FINODE_MUTANT(announce_files))
		return false;
	if (!atomic_load_explicit(&mounts->announces, memory_order_relaxed) &&
	    !FINODE_MUTANT(announce_unasked))
		return false;
	lock_take(&mounts->lock);
	before = announce_locked(mount, inode);
	lock_release(&mounts->lock);
	finode_put(before);
	return true;
}

void finode__mount_withdraw(struct finode *inode)
{
	struct mount_core *core = mount_core(inode->mount);
	struct mounts *mounts = mounts_of(inode->mount);
	struct finode *kept = NULL;

	lock_take(&mounts->lock);
	if (core->announced == inode->nodeid &&
	    (--core->announcements == 0 || FINODE_MUTANT(withdraw_all)))
		kept = clear_locked(inode->mount);
	lock_release(&mounts->lock);
	finode_put(kept);
}

struct finode *finode__mount_forget_root(struct finode_mount *mount)
{
	struct mounts *mounts = mounts_of(mount);
	struct finode *kept;

	lock_take(&mounts->lock);
	kept = clear_locked(mount);
	lock_release(&mounts->lock);
	return kept;
}

void finode__mounts_forget(struct finode_table *table)
{
	struct finode_mount *mount = NULL;

	while ((mount = finode__mounts_next(table, mount)))
		if (!FINODE_MUTANT(roots_outlive_the_session))
			finode_put(finode__mount_forget_root(mount));
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
	const bool same_mount = id.word[0] != 0 && id.word[0] == here->word[0];

	if ((same_mount || id.word[0] == here->word[0]) && id.word[1] == here->word[1])
		goto here;
	if (same_mount && !S_ISDIR(stx->stx_mode))
		goto here;
	return finode_mount_obtain(dir->mount, &id, arg, out);

here:
	*out = finode_mount_hold(dir->mount);
	return FINODE_FOUND;
}

/* ---- Syncing ---- */

/* Does the kernel sync this one by itself, if it syncs all it knows? */
static bool kernel_knows(const struct finode_mount *mount)
{
	const uint64_t nodeid =
		atomic_load_explicit(&mount_core(mount)->announced, memory_order_relaxed);
	FINODE_AUTOPUT struct finode *root =
		nodeid ? finode_get(mount->table, nodeid) : NULL;

	/* An old kernel may use a root that it does not count: then it is synced twice. */
	return root && atomic_load_explicit(inode_nlookup(root), memory_order_relaxed) > 0;
}

/* Is the mount the one that was asked for, or below it and of no other filesystem? */
static bool belongs_to(const struct finode_mount *mount, const struct finode_mount *asked)
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
