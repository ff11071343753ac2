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
 * The aliases of the inode itself are tried one after another, from the newest to the
 * oldest. One that becomes the newest meanwhile, by a look-up or a rename, may be missed.
 * So if none of them leads to the root, and one has become the newest, all are tried again.
 *
 * After a few climbs that were overtaken the tree lock is taken, under which no directory's
 * name changes at all.
 *
 * What a climb leaves is a path in a buffer, or, for those who want each component, a trail
 * of aliases: the same climb, the same check.
 */
#include "names/path.h"

#include <errno.h>
#include <string.h>

#include "base/testing.h"
#include "names/alias.h"
#include "names/trail.h"

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
		return finode_get(inode_table(inode), FINODE_ROOT_ID);
	stripe = stripe_of(inode);
	lock_take(&stripe->lock);
	alias = finode__alias_first(inode);
	if (alias)
		dir = hold_dir(alias);
	lock_release(&stripe->lock);
	return dir;
}

/* A trail, or a path that grows to its front. */
struct climb {
	struct names *names;
	uint64_t changes;    /* tree_changes before the first; odd: too late already */
	uint32_t renewals;   /* of the inode's aliases, before the first */
	struct trail *trail; /* or NULL, and then: */
	const char *leaf;    /* a name below the inode that the path ends with, or NULL */
	char *buf;
	size_t size;
	size_t start;  /* of what is in buf, which ends at size */
	bool too_long; /* for the buffer, or the trail */
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
	c->start = c->size;
	c->too_long = !c->trail && c->size == 0;
	if (c->start > 0)
		c->buf[--c->start] = '\0';
	if (c->leaf)
		prepend(c, c->leaf);
}

/* The way leads by this alias: the caller holds it, or the stripe of its inode. */
static void climb_by(struct climb *c, struct finode_alias *alias)
{
	if (!c->trail)
		prepend(c, alias->name);
	else if (!finode__trail_add(c->trail, alias))
		c->too_long = true;
}

static uint64_t changes_now(const struct climb *c)
{
	return atomic_load_explicit(&c->names->tree_changes, memory_order_acquire);
}

static uint32_t renewals_now(const struct finode *inode)
{
	return atomic_load_explicit(&name_node(inode)->renewals, memory_order_acquire);
}

static bool was_overtaken(const struct climb *c)
{
	return (c->changes & 1) || changes_now(c) != c->changes;
}

/* One step from a directory, which is consumed. @return the next one, held, or NULL */
static struct finode *step(struct climb *c, struct finode *dir)
{
	struct stripe *stripe = stripe_of(dir);
	struct finode_alias *alias;
	struct finode *next = NULL;

	FINODE_YIELD("path: a step");
	lock_take(&stripe->lock);
	alias = finode__alias_first(dir);
	if (alias)
		next = hold_dir(alias);
	if (next)
		climb_by(c, alias);
	lock_release(&stripe->lock);
	finode_put(dir);
	return next;
}

/*
 * From an alias, which the caller holds, to the root, whoever moves what meanwhile.
 * @return 1; 0 if it does not lead there; -EAGAIN if the tree has changed
 */
static int climb(struct climb *c, struct finode_alias *alias)
{
	struct finode *dir = hold_dir(alias);
	bool arrived;

	climb_begin(c);
	climb_by(c, alias);
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
	climb_begin(c);
	climb_by(c, alias);
	while (dir && !inode_is_root(dir)) {
		struct stripe *stripe = stripe_of(dir);
		struct finode_alias *up;

		lock_take(&stripe->lock);
		up = finode__alias_first(dir);
		if (up)
			climb_by(c, up);
		dir = up ? up->dir : NULL;
		lock_release(&stripe->lock);
	}
	return dir != NULL;
}

static int climb_exclusively(struct climb *c, struct finode_alias *alias)
{
	int result;

	lock_take(&c->names->tree);
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
	int result = -ENOENT, got = 0;

	c->changes = changes_now(c);
	c->renewals = renewals_now(inode);
	while ((alias = finode__alias_step(inode, alias, true))) {
		if (c->trail)
			finode__trail_drop(c->trail);
		got = exclusively ? climb_exclusively(c, alias) : climb(c, alias);
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
	return was_overtaken(c) || renewals_now(inode) != c->renewals ? -EAGAIN : result;
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
	return names_of(inode) ? build_path(inode, NULL, buf, size)
			       : finode__names_refuse(inode);
}

ssize_t finode_path_at(struct finode *dir, const char *name, char *buf, size_t size)
{
	int err = finode__name_fault(dir, name);

	return err ? err : build_path(dir, name, buf, size);
}

static int call_each(const struct trail *trail,
		     int (*component)(const struct finode_alias *alias, void *arg),
		     void *arg)
{
	int result = 0;

	finode__lock_check_none_held("component()");
	for (size_t i = trail->length; i > 0 && result == 0; i--)
		result = component(trail->aliases[i - 1], arg);
	return result;
}

int finode_path_each(struct finode *inode,
		     int (*component)(const struct finode_alias *alias, void *arg),
		     void *arg)
{
	struct trail trail;
	struct climb c = {.names = names_of(inode), .trail = &trail};
	int result;

	if (!c.names)
		return finode__names_refuse(inode);
	if (inode_is_root(inode))
		return 0;
	finode__trail_init(&trail, inode);
	result = find_way(&c, inode);
	while (result == -ENAMETOOLONG) {
		result = finode__trail_grow(&trail);
		if (!result)
			result = find_way(&c, inode);
	}
	if (!result)
		result = call_each(&trail, component, arg);
	finode__trail_finish(&trail);
	return result;
}
