/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The check and the dump of names: inspect.c for what names.h describes.
 *
 * For every inode: its ring is whole, each alias in it is in the children of its directory,
 * and the other way round; a directory has one name, the root none; the directory of an
 * alias has a reference for it; and no way up ends where it began. Each link is compared
 * with the stripes of both its ends held, so other threads may change what they like
 * before and after.
 */
#include "names/check.h"

#include <errno.h>

#include "base/escape.h"
#include "names/alias.h"
#include "names/path.h"
#include "names/unlink.h"

static unsigned long long id_of(const struct finode *inode)
{
	return (unsigned long long)inode->nodeid;
}

/* The ring of an inode; its stripe is held. */
static int check_ring_locked(struct finode *inode, const struct verdict *verdict)
{
	struct finode_alias *first = name_node(inode)->aliases, *alias = first;
	unsigned int attached = 0;

	if (!first)
		return 0;
	do {
		struct alias_core *core = alias_core(alias);

		if (alias->inode != inode)
			return finode__broken(verdict,
					      "nodeid %#llx: alias \"%s\" is another's",
					      id_of(inode), ESCAPED(alias->name));
		if (alias_core(core->next)->prev != alias)
			return finode__broken(verdict, "nodeid %#llx: its ring is torn",
					      id_of(inode));
		if (atomic_load(&core->holds) == 0)
			return finode__broken(verdict,
					      "nodeid %#llx: alias \"%s\" has no holds",
					      id_of(inode), ESCAPED(alias->name));
		attached += core->attached;
		alias = core->next;
	} while (alias != first);
	if (attached != name_count(inode))
		return finode__broken(verdict, "nodeid %#llx: %u names, but counts %u",
				      id_of(inode), attached, name_count(inode));
	if ((inode_is_dir(inode) && attached > 1) || (inode_is_root(inode) && attached > 0))
		return finode__broken(verdict, "nodeid %#llx: a directory with %u names",
				      id_of(inode), attached);
	return 0;
}

/* An attached alias, from both sides; both stripes are held. */
static int check_alias_locked(struct finode_alias *alias, const struct verdict *verdict)
{
	const struct finode *dir = alias->dir;
	uint32_t hash = finode__name_hash(names_of(dir), alias->name);
	struct finode_alias *next = alias_core(alias)->next;

	if (!inode_is_dir(dir))
		return finode__broken(verdict, "alias \"%s\": nodeid %#llx, no directory",
				      ESCAPED(alias->name), id_of(dir));
	if (alias_core(alias)->hash != hash)
		return finode__broken(verdict, "alias \"%s\": it does not have its hash",
				      ESCAPED(alias->name));
	if (finode__alias_find(dir, alias->name, hash) != alias)
		return finode__broken(verdict,
				      "alias \"%s\": not what nodeid %#llx has there",
				      ESCAPED(alias->name), id_of(dir));
	if (!name_node(alias->inode)->aliases || alias_core(next)->prev != alias ||
	    next->inode != alias->inode)
		return finode__broken(verdict,
				      "alias \"%s\": not in the ring of nodeid %#llx",
				      ESCAPED(alias->name), id_of(alias->inode));
	return 0;
}

/* See unlink.h; the inode's stripe is held. */
static int check_backing_locked(const struct finode *inode, const struct verdict *verdict)
{
	const struct name_node *node = name_node(inode);

	if (!backing_is_tracked(inode) && (node->pins || node->opens || node->backing))
		return finode__broken(verdict, "nodeid %#llx: pins without unlinked()",
				      id_of(inode));
	if (node->backing <= BACKING_WANTED)
		return 0;
	if (finode__alias_first(inode) || node->opens > 0 || node->pins > 0)
		return finode__broken(verdict,
				      "nodeid %#llx: released, but named, open or pinned",
				      id_of(inode));
	return 0;
}

/* Each alias of an inode that the caller holds is in the children of its directory. */
static int check_aliases(struct finode *inode, const struct verdict *verdict)
{
	struct stripe *stripe = stripe_of(inode);
	struct finode_alias *alias = NULL;
	int err;

	lock_take(&stripe->lock);
	err = check_ring_locked(inode, verdict);
	if (!err)
		err = check_backing_locked(inode, verdict);
	lock_release(&stripe->lock);
	while (!err && (alias = finode_alias_next(inode, alias))) {
		struct name_locks locks = {.names = names_of(inode)};

		finode__name_locks_want(&locks, inode);
		finode__name_locks_want(&locks, alias->dir);
		finode__name_locks_take(&locks);
		if (alias_core(alias)->attached)
			err = check_alias_locked(alias, verdict);
		finode__name_locks_release(&locks);
	}
	if (err)
		finode_alias_put(alias);
	return err;
}

/* How many children there are, and that none is lost; the stripe is held. */
static int check_count_locked(struct finode *dir, const struct verdict *verdict)
{
	const struct children *children = &dir_node(dir)->children;
	struct finode_alias *alias;
	uint32_t count = 0;

	for (uint32_t n = 0; finode__children_chain(children, n, &alias); n++) {
		for (; alias; alias = alias_core(alias)->chain, count++)
			if (alias->dir != dir || !alias_core(alias)->attached)
				return finode__broken(
					verdict,
					"nodeid %#llx: \"%s\" is no child of its own",
					id_of(dir), ESCAPED(alias->name));
	}
	if (count != children->count)
		return finode__broken(verdict, "nodeid %#llx: %u children, but counts %u",
				      id_of(dir), count, children->count);
	if (slot_refs(inode_slot(dir)) < count)
		return finode__broken(verdict,
				      "nodeid %#llx: %u children, but only %u references",
				      id_of(dir), count, slot_refs(inode_slot(dir)));
	return 0;
}

/* The kth of the nth chain, with its inode's stripe and that of dir held; NULL at the end.
 */
static struct finode_alias *lock_child(struct finode *dir, uint32_t n, unsigned int k,
				       struct name_locks *locks)
{
	*locks = (struct name_locks){.names = names_of(dir)};
	finode__name_locks_want(locks, dir);
	for (;;) {
		struct name_locks wanted = {.names = names_of(dir)};
		struct finode_alias *alias;

		finode__name_locks_take(locks);
		if (!finode__children_chain(&dir_node(dir)->children, n, &alias))
			return NULL;
		for (unsigned int i = 0; alias && i < k; i++)
			alias = alias_core(alias)->chain;
		finode__name_locks_want(&wanted, dir);
		if (alias)
			finode__name_locks_want(&wanted, alias->inode);
		if (finode__name_locks_cover(locks, &wanted))
			return alias;
		finode__name_locks_release(locks);
		*locks = wanted;
	}
}

static bool has_chain(struct finode *dir, uint32_t n)
{
	struct stripe *stripe = stripe_of(dir);
	struct finode_alias *first;
	bool has;

	lock_take(&stripe->lock);
	has = finode__children_chain(&dir_node(dir)->children, n, &first);
	lock_release(&stripe->lock);
	return has;
}

/* Each child of a directory is in the ring of its inode. */
static int check_children(struct finode *dir, const struct verdict *verdict)
{
	struct stripe *stripe = stripe_of(dir);
	int err;

	lock_take(&stripe->lock);
	err = check_count_locked(dir, verdict);
	lock_release(&stripe->lock);
	for (uint32_t n = 0; !err && has_chain(dir, n); n++) {
		bool more = true;

		for (unsigned int k = 0; !err && more; k++) {
			struct name_locks locks;
			struct finode_alias *alias = lock_child(dir, n, k, &locks);

			more = alias != NULL;
			if (alias)
				err = check_alias_locked(alias, verdict);
			finode__name_locks_release(&locks);
		}
	}
	return err;
}

/*
 * No way up comes back to where it was. What is marked `done` was looked at before, so all
 * of a table is one walk over each directory.
 */
static int check_way_up(struct finode *dir, uint32_t done, const struct verdict *verdict)
{
	struct names *names = names_of(dir);
	struct finode *at = dir;
	uint32_t walking;
	bool loop;

	lock_take(&names->tree);
	walking = ++names->marks;
	for (; at && dir_node(at)->mark != done && dir_node(at)->mark != walking;
	     at = finode__dir_above(at))
		dir_node(at)->mark = walking;
	loop = at && dir_node(at)->mark == walking;
	for (at = dir; at && dir_node(at)->mark == walking; at = finode__dir_above(at))
		dir_node(at)->mark = done;
	lock_release(&names->tree);
	return loop ? finode__broken(verdict, "nodeid %#llx: below itself", id_of(dir)) : 0;
}

int finode__names_check(struct finode_table *table, const struct verdict *verdict)
{
	struct finode *inode;
	uint64_t cursor = 0;
	uint32_t done;
	int err = 0;

	if (!table->names)
		return 0;
	lock_take(&table->names->tree);
	done = ++table->names->marks;
	lock_release(&table->names->tree);
	while (!err && (inode = finode__slots_next(&table->inodes, &cursor))) {
		err = check_aliases(inode, verdict);
		if (!err && inode_is_dir(inode))
			err = check_children(inode, verdict);
		if (!err && inode_is_dir(inode))
			err = check_way_up(inode, done, verdict);
		finode_put(inode);
	}
	return err;
}

void finode__names_dump(struct finode *inode, FILE *stream)
{
	struct finode_alias *alias = NULL;

	while (names_of(inode) && (alias = finode_alias_next(inode, alias))) {
		fprintf(stream, "  name in %#llx \"%s\"\n", id_of(alias->dir),
			ESCAPED(alias->name));
	}
}
