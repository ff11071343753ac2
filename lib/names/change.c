/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How names come and go: add, remove, drop, trim, and the end of an inode's names.
 *
 * Each change is one step, made with everything locked that it touches: the stripes of the
 * directory, of the inode, of the inode that has the name until now, and of the directory
 * that has the other name of a directory; and the tree if a directory gets or loses a
 * name. Who is concerned is seen only under a lock, so each change takes the locks it
 * knows of, looks, and begins again with more if it has to.
 */
#include "names/change.h"

#include <errno.h>

#include "base/testing.h"
#include "core/inode.h"
#include "names/alias.h"
#include "names/path.h"
#include "names/unlink.h"

/* An addition that is under way. */
struct addition {
	struct finode_alias *alias;
	struct name_locks locks;
	struct finode_alias *there; /* what the name is known to name */
	struct finode_alias *other; /* the other name of a directory */
};

/* Looks what else changes. @return false if that needs more locks; they are wanted now */
static bool addition_look(struct addition *a, const struct name_locks *least)
{
	struct finode_alias *alias = a->alias;
	struct name_locks wanted = *least;

	a->other = NULL;
	a->there = finode__alias_find(alias->dir, alias->name, alias_core(alias)->hash);
	if (a->there) {
		finode__name_locks_want(&wanted, a->there->inode);
		wanted.tree |= inode_is_dir(a->there->inode);
	}
	if (inode_is_dir(alias->inode))
		a->other = finode__alias_first(alias->inode);
	if (a->other)
		finode__name_locks_want(&wanted, a->other->dir);
	if (finode__name_locks_cover(&a->locks, &wanted))
		return true;
	finode__name_locks_release(&a->locks);
	a->locks = wanted;
	return false;
}

/* An empty directory is above nothing: no need to climb. */
static bool has_children(const struct finode *inode)
{
	struct stripe *stripe = stripe_of(inode);
	bool has;

	lock_take(&stripe->lock);
	has = dir_node(inode)->children.count > 0;
	lock_release(&stripe->lock);
	return has;
}

/* The tree is held, but no stripe. */
static bool makes_a_loop(struct finode *dir, struct finode *inode)
{
	return inode_is_dir(inode) && has_children(inode) &&
	       finode__dir_is_below(dir, inode);
}

/* Takes all locks that the addition needs, or none. @return 0 or -ELOOP */
static int addition_lock(struct addition *a)
{
	struct finode_alias *alias = a->alias;
	struct name_locks least = {.names = names_of(alias->dir)};

	least.tree = inode_is_dir(alias->inode);
	finode__name_locks_want(&least, alias->dir);
	finode__name_locks_want(&least, alias->inode);
	a->locks = least;
	do {
		if (a->locks.tree)
			lock_take(&a->locks.names->tree);
		if (least.tree && makes_a_loop(alias->dir, alias->inode)) {
			lock_release(&a->locks.names->tree);
			return -ELOOP;
		}
		finode__name_locks_take(&a->locks);
	} while (!addition_look(a, &least));
	return 0;
}

/* With everything locked: makes the change. */
static void addition_make(struct addition *a, struct finode_alias **doomed)
{
	struct stripe *stripe = stripe_of(a->alias->dir);
	struct names *names = a->locks.names;
	bool dir = inode_is_dir(a->alias->inode);

	if (dir)
		atomic_fetch_add_explicit(&names->tree_changes, 1, memory_order_acq_rel);
	if (a->there) {
		finode__alias_detach(a->there, doomed);
		stripe->stale++;
	}
	if (a->other) {
		finode__alias_detach(a->other, doomed);
		stripe->moved++;
	} else {
		stripe->added++;
	}
	finode__alias_attach(a->alias);
	if (dir)
		atomic_fetch_add_explicit(&names->tree_changes, 1, memory_order_acq_rel);
}

static int refuse(struct names *names)
{
	atomic_fetch_add_explicit(&names->refused, 1, memory_order_relaxed);
	return -ELOOP;
}

/* With everything locked: may the alias be attached? @return 0, NAME_KNOWN or an error */
static int addition_verdict(const struct addition *a, bool replace)
{
	const struct finode *inode = a->alias->inode;

	if (a->there && a->there->inode == inode)
		return NAME_KNOWN; /* somebody was faster */
	if (a->there && !replace)
		return -EEXIST;
	if (!finode__inode_is_current(inode))
		return -ESTALE;
	return finode__backing_takes_names(inode) ? 0 : -ESTALE;
}

int finode__alias_place(struct finode_alias *alias, bool replace,
			struct finode_alias **doomed)
{
	struct addition a = {.alias = alias};
	int result;

	FINODE_YIELD("add: before the locks");
	result = addition_lock(&a);
	if (result) {
		finode__alias_doom(alias, doomed);
		return refuse(a.locks.names);
	}
	result = addition_verdict(&a, replace);
	if (!result)
		addition_make(&a, doomed);
	finode__name_locks_release(&a.locks);
	if (result)
		finode__alias_doom(alias, doomed);
	return result;
}

/* ---- Names that are no longer true ---- */

/*
 * The next alias that is too many, with the locks for it held, which are given in `locks`
 * and may have to be more; NULL if there is none. The oldest goes first.
 */
static struct finode_alias *lock_superfluous(struct finode *inode, uint64_t most,
					     struct name_locks *locks)
{
	for (;;) {
		struct name_locks wanted = {.names = locks->names};
		struct finode_alias *alias = NULL;

		if (locks->tree)
			lock_take(&locks->names->tree);
		finode__name_locks_take(locks);
		if (name_count(inode) > most)
			alias = finode__alias_last(inode);
		if (!alias)
			return NULL;
		finode__name_locks_want(&wanted, inode);
		finode__name_locks_want(&wanted, alias->dir);
		wanted.tree = inode_is_dir(inode);
		if (finode__name_locks_cover(locks, &wanted))
			return alias;
		finode__name_locks_release(locks);
		*locks = wanted;
	}
}

void finode__aliases_trim(struct finode *inode, uint64_t most, struct finode_alias **doomed)
{
	struct name_locks locks = {.names = names_of(inode)};
	struct finode_alias *alias;

	finode__name_locks_want(&locks, inode);
	do {
		alias = lock_superfluous(inode, most, &locks);
		if (alias) {
			finode__alias_detach(alias, doomed);
			stripe_of(alias->dir)->stale += most > 0;
		}
		finode__name_locks_release(&locks);
	} while (alias);
}

void finode__aliases_detach(struct finode *inode, struct finode_alias **doomed)
{
	finode__aliases_trim(inode, 0, doomed);
	if (inode->library_state == LIFE_EVICTING)
		finode__aliases_abandon(inode);
}

/*
 * The backend says how many names an inode has, and a look-up has just shown one: that and
 * the newest of the others are believed. Who is known by names only has no other identity,
 * and directories have one name anyway.
 */
static void trim_to(struct finode *inode, uint64_t nlink, struct finode_alias **doomed)
{
	if (nlink == 0 || name_count(inode) <= nlink || inode_is_dir(inode) ||
	    finode__inode_is_by_name(inode))
		return;
	finode__aliases_trim(inode, nlink, doomed);
}

/* ---- Add ---- */

enum known { NOT_KNOWN, KNOWN, KNOWN_AMONG_OTHERS };

static enum known is_known(const struct finode *dir, const char *name, uint32_t hash,
			   const struct finode *inode)
{
	struct stripe *stripe = stripe_of(dir);
	const struct finode_alias *alias;
	bool known;

	lock_take(&stripe->lock);
	alias = finode__alias_find(dir, name, hash);
	known = alias && alias->inode == inode;
	lock_release(&stripe->lock);
	if (!known)
		return NOT_KNOWN;
	return name_count(inode) <= 1 ? KNOWN : KNOWN_AMONG_OTHERS;
}

/* A name that is known was seen again, so it is the newest now. */
static void renew(struct finode *dir, const char *name, uint32_t hash, struct finode *inode)
{
	struct name_locks locks = {.names = names_of(dir)};
	struct finode_alias *alias;

	finode__name_locks_want(&locks, dir);
	finode__name_locks_want(&locks, inode);
	finode__name_locks_take(&locks);
	alias = finode__alias_find(dir, name, hash);
	if (alias && alias->inode == inode)
		finode__alias_renew(alias);
	finode__name_locks_release(&locks);
}

static int add_unknown(struct finode *dir, const char *name, uint32_t hash,
		       struct finode *inode, struct finode_alias **doomed)
{
	struct finode_alias *alias;
	int result = finode__alias_create(dir, name, hash, inode, &alias);

	if (!result)
		result = finode__alias_place(alias, true, doomed);
	return result == NAME_KNOWN ? 0 : result;
}

int finode_alias_add(struct finode *dir, const char *name, struct finode *inode,
		     uint64_t nlink)
{
	struct finode_alias *doomed = NULL;
	int err = finode__name_fault(dir, name);
	enum known known;
	uint32_t hash;

	if (err)
		return err;
	if (inode_table(inode) != inode_table(dir))
		return -EXDEV;
	if (inode == dir || inode_is_root(inode))
		return refuse(names_of(dir));
	hash = finode__name_hash(names_of(dir), name);
	known = is_known(dir, name, hash, inode);
	if (known == KNOWN)
		return 0;
	if (known == KNOWN_AMONG_OTHERS)
		renew(dir, name, hash, inode);
	else
		err = add_unknown(dir, name, hash, inode, &doomed);
	if (!err)
		trim_to(inode, nlink, &doomed);
	finode__aliases_end(&doomed);
	return err;
}

/* ---- Remove ---- */

/* What a removal counts as. */
enum removal { REMOVED, STALE };

/* Detaches what is at the name, if it is `inode` or that is NULL. @return 0 or -ENOENT */
static int remove_name(struct finode *dir, const char *name, const struct finode *inode,
		       enum removal kind, struct finode_alias **doomed)
{
	const uint32_t hash = finode__name_hash(names_of(dir), name);
	struct name_locks locks = {.names = names_of(dir)};
	struct finode_alias *alias;

	finode__name_locks_want(&locks, dir);
	for (;;) {
		struct name_locks wanted = {.names = locks.names};

		if (locks.tree)
			lock_take(&locks.names->tree);
		finode__name_locks_take(&locks);
		alias = finode__alias_find(dir, name, hash);
		if (alias && inode && alias->inode != inode)
			alias = NULL;
		finode__name_locks_want(&wanted, dir);
		if (alias) {
			finode__name_locks_want(&wanted, alias->inode);
			wanted.tree = inode_is_dir(alias->inode);
		}
		if (finode__name_locks_cover(&locks, &wanted))
			break;
		finode__name_locks_release(&locks);
		FINODE_YIELD("remove: needs more locks");
		locks = wanted;
	}
	if (alias) {
		finode__alias_detach(alias, doomed);
		stripe_of(dir)->removed += kind == REMOVED;
		stripe_of(dir)->stale += kind == STALE;
	}
	finode__name_locks_release(&locks);
	return alias ? 0 : -ENOENT;
}

static int remove_or_drop(struct finode *dir, const char *name, const struct finode *inode,
			  enum removal kind)
{
	int err = finode__name_fault(dir, name);
	struct finode_alias *doomed = NULL;

	if (err)
		return err;
	err = remove_name(dir, name, inode, kind, &doomed);
	finode__aliases_end(&doomed);
	return err;
}

int finode_alias_remove(struct finode *dir, const char *name)
{
	return remove_or_drop(dir, name, NULL, REMOVED);
}

int finode_alias_drop(struct finode *dir, const char *name, const struct finode *inode)
{
	return remove_or_drop(dir, name, inode, STALE);
}
