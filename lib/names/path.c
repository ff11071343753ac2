/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way up: parents, paths, and the check that no directory comes below itself.
 *
 * A path is built from its end to its beginning, one alias at a time, each under the stripe
 * of one inode, with a reference to the directory that comes next. While it climbs, names
 * may change above and below. What comes out was nevertheless true at one moment, that of
 * the first step: all further steps are aliases of directories, and if tree_changes was
 * even before and is the same after, no directory got an alias in between, so each alias
 * that was seen was there at the first step already. (Aliases that went meanwhile do no
 * harm: they either were seen, and so were there, or the climb comes to an end early.)
 *
 * After a few climbs that were overtaken the tree lock is taken, under which no directory's
 * name changes at all.
 */
#include <errno.h>
#include <string.h>

#include "names/names.h"
#include "base/testing.h"

#define TRIES 4 /* climbs without the tree lock */

struct finode *finode__dir_above(const struct finode *inode)
{
	struct stripe *stripe = stripe_of(inode);
	const struct finode_alias *alias;
	struct finode *dir;

	lock_take(&stripe->lock);
	alias = finode__alias_first(inode);
	dir = alias ? alias->dir : NULL;
	lock_release(&stripe->lock);
	return dir;
}

bool finode__dir_is_below(struct finode *dir, const struct finode *inode)
{
	while (dir && dir != inode)
		dir = finode__dir_above(dir);
	return dir != NULL;
}

/* An alias holds its directory, so there is no need to ask for more than overflow. */
static struct finode *hold_dir(const struct finode_alias *alias)
{
	struct finode *dir = alias->dir;

	return slots_hold(inode_slot(dir), dir->nodeid) ? dir : NULL;
}

struct finode *finode_parent(struct finode *inode)
{
	const struct finode_alias *alias;
	struct finode *dir = NULL;
	struct stripe *stripe;

	if (!names_of(inode))
		return NULL;
	if (inode_is_root(inode))
		return finode_hold(inode);
	stripe = stripe_of(inode);
	lock_take(&stripe->lock);
	alias = finode__alias_first(inode);
	if (alias)
		dir = hold_dir(alias);
	lock_release(&stripe->lock);
	return dir;
}

/* A path that grows to its front. */
struct climb {
	struct names *names;
	uint64_t changes; /* tree_changes before it began; odd: too late already */
	const char *leaf; /* a name below the inode that the path ends with, or NULL */
	char *buf;
	size_t size;
	size_t start; /* of what is in buf, which ends at size */
	bool too_long;
};

static void prepend(struct climb *c, const char *name)
{
	size_t length = strlen(name);

	if (c->too_long || c->start < length + 1) {
		c->too_long = true;
		return;
	}
	c->start -= length;
	memcpy(c->buf + c->start, name, length);
	c->buf[--c->start] = '/';
}

static void climb_begin(struct climb *c)
{
	c->changes = atomic_load_explicit(&c->names->tree_changes, memory_order_acquire);
	c->start = c->size;
	c->too_long = c->size == 0;
	if (!c->too_long)
		c->buf[--c->start] = '\0';
	if (c->leaf)
		prepend(c, c->leaf);
}

static bool was_overtaken(const struct climb *c)
{
	if (FINODE_MUTANT(path_is_not_verified))
		return false;
	return (c->changes & 1) || atomic_load_explicit(&c->names->tree_changes,
							memory_order_acquire) != c->changes;
}

/* One step from a directory, which is consumed. @return the next one, held, or NULL */
static struct finode *step(struct climb *c, struct finode *dir)
{
	struct stripe *stripe = stripe_of(dir);
	const struct finode_alias *alias;
	struct finode *next = NULL;

	FINODE_YIELD("path: a step");
	lock_take(&stripe->lock);
	alias = finode__alias_first(dir);
	if (alias)
		next = hold_dir(alias);
	if (next)
		prepend(c, alias->name);
	lock_release(&stripe->lock);
	finode_put(dir);
	return next;
}

/*
 * From an alias, which the caller holds, to the root, whoever moves what meanwhile.
 * @return 1; 0 if it does not lead there; -EAGAIN if the tree has changed
 */
static int climb(struct climb *c, const struct finode_alias *alias)
{
	struct finode *dir = hold_dir(alias);
	bool arrived;

	prepend(c, alias->name);
	while (dir && !inode_is_root(dir) && !was_overtaken(c))
		dir = step(c, dir);
	arrived = dir && inode_is_root(dir);
	finode_put(dir);
	return was_overtaken(c) ? -EAGAIN : arrived;
}

static bool is_attached(struct finode_alias *alias)
{
	struct stripe *stripe = stripe_of(alias->inode);
	bool attached;

	lock_take(&stripe->lock);
	attached = alias_core(alias)->attached;
	lock_release(&stripe->lock);
	return attached;
}

/* As climb(), with the tree held: nothing moves, and nothing on the way goes. */
static int climb_locked(struct climb *c, struct finode_alias *alias)
{
	const struct finode *dir = alias->dir;

	if (!is_attached(alias))
		return 0;
	prepend(c, alias->name);
	while (dir && !inode_is_root(dir)) {
		struct stripe *stripe = stripe_of(dir);
		const struct finode_alias *up;

		lock_take(&stripe->lock);
		up = finode__alias_first(dir);
		if (up)
			prepend(c, up->name);
		dir = up ? up->dir : NULL;
		lock_release(&stripe->lock);
	}
	return dir != NULL;
}

static int climb_exclusively(struct climb *c, struct finode_alias *alias)
{
	int result;

	lock_take(&c->names->tree);
	climb_begin(c);
	result = climb_locked(c, alias);
	lock_release(&c->names->tree);
	return result;
}

/* The way from the root to itself: "/", which a leaf brings along. */
static int climb_nothing(struct climb *c)
{
	climb_begin(c);
	if (!c->leaf)
		prepend(c, "");
	return c->too_long ? -ENAMETOOLONG : 0;
}

/*
 * Tries every alias. @return 0; -ENOENT or -ENAMETOOLONG; -EAGAIN if the tree has
 * changed, which says nothing about what was found before
 */
static int try_aliases(struct climb *c, struct finode *inode, bool exclusively)
{
	struct finode_alias *alias = NULL;
	int result = -ENOENT;
	uint64_t changes;
	int got = 0;

	climb_begin(c);
	changes = c->changes;
	while ((alias = finode__alias_step(inode, alias, true))) {
		if (exclusively) {
			got = climb_exclusively(c, alias);
		} else {
			climb_begin(c);
			c->changes = changes;
			got = climb(c, alias);
		}
		if (got < 0 || (got > 0 && !c->too_long))
			break;
		if (got > 0)
			result = -ENAMETOOLONG;
	}
	if (alias)
		finode__alias_step(inode, alias, false);
	if (got < 0)
		return got;
	if (got > 0 && !c->too_long)
		return 0;
	/* "Not found" is about all aliases, so nothing may have moved between them. */
	c->changes = changes;
	return was_overtaken(c) ? -EAGAIN : result;
}

/* @return 0, -ENOENT or -ENAMETOOLONG */
static int find_way(struct climb *c, struct finode *inode)
{
	int result = -EAGAIN;

	if (inode_is_root(inode))
		return climb_nothing(c);
	for (unsigned int i = 0; result == -EAGAIN; i++)
		result = try_aliases(c, inode, i >= TRIES);
	return result;
}

static ssize_t build_path(struct finode *inode, const char *leaf, char *buf, size_t size)
{
	struct climb c = {.names = names_of(inode), .leaf = leaf, .buf = buf, .size = size};
	int err = find_way(&c, inode);

	if (err)
		return err;
	memmove(buf, buf + c.start, size - c.start);
	return (ssize_t)(size - c.start - 1);
}

ssize_t finode_path(struct finode *inode, char *buf, size_t size)
{
	return names_of(inode) ? build_path(inode, NULL, buf, size) : -EINVAL;
}

ssize_t finode_path_at(struct finode *dir, const char *name, char *buf, size_t size)
{
	int err = finode__name_fault(dir, name);

	return err ? err : build_path(dir, name, buf, size);
}
