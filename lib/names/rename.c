/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rename and exchange.
 *
 * An alias does not change while anyone can see it, so a rename replaces: it sees what has
 * the old names, makes aliases for the new ones, and then, with everything locked, looks
 * whether the old names are as it saw them, and puts the new ones in their place in one
 * step. If somebody was faster it begins again.
 *
 * The tree lock is held for that step, whether a directory moves or not: renames are rare,
 * and what a name names would else be known too late.
 */
#include <errno.h>
#include <string.h>

#include "base/testing.h"
#include "names/alias.h"
#include "names/path.h"

/* One of the two names of a rename. */
struct end {
	struct finode *dir;
	const char *name;
	uint32_t hash;
	struct finode_alias *seen;     /* held: what moves away from here; or NULL */
	struct finode_alias *new;      /* what comes here instead */
	struct finode_alias *replaced; /* what is here when everything is locked */
};

struct move {
	struct end from, to;
	bool exchange;
	struct name_locks locks;
};

/* Waits for what is being evicted: it moved in the backend too, so its new name waits. */
static int end_look(struct end *end)
{
	struct finode *inode;

	return finode__alias_await(end->dir, end->name, end->hash, &inode, &end->seen);
}

/* An alias here for what the other end has. */
static int end_prepare(struct end *end, const struct end *other)
{
	if (!other->seen)
		return 0;
	return finode__alias_create(end->dir, end->name, end->hash, other->seen->inode,
				    &end->new);
}

/* Puts what was seen, and dooms a new alias that has not found its place. */
static void end_finish(struct end *end, struct finode_alias **doomed)
{
	if (end->new)
		finode__alias_doom(end->new, doomed);
	finode_alias_put(end->seen);
	end->new = end->seen = NULL;
}

/* Would what moves to this end come below itself? The tree is held. */
static bool end_makes_a_loop(const struct end *end)
{
	return end->new &&inode_is_dir(end->new->inode) &&
	       finode__dir_is_below(end->dir, end->new->inode);
}

/* Everything that both ends need locked for what is there now. */
static void end_want(struct end *end, struct name_locks *wanted)
{
	finode__name_locks_want(wanted, end->dir);
	end->replaced = finode__alias_find(end->dir, end->name, end->hash);
	if (end->replaced)
		finode__name_locks_want(wanted, end->replaced->inode);
}

/* Takes all locks, or none. @return 0 or -ELOOP */
static int move_lock(struct move *m)
{
	struct name_locks wanted = {.names = names_of(m->from.dir), .tree = true};

	finode__name_locks_want(&wanted, m->from.dir);
	finode__name_locks_want(&wanted, m->to.dir);
	lock_take(&wanted.names->tree);
	if (end_makes_a_loop(&m->from) || end_makes_a_loop(&m->to)) {
		lock_release(&wanted.names->tree);
		return -ELOOP;
	}
	for (;;) {
		struct name_locks now = {.names = wanted.names, .tree = true};

		m->locks = wanted;
		finode__name_locks_take(&m->locks);
		end_want(&m->from, &now);
		end_want(&m->to, &now);
		if (finode__name_locks_cover(&m->locks, &now))
			return 0;
		m->locks.tree = false; /* keep it */
		finode__name_locks_release(&m->locks);
		wanted = now;
	}
}

/* With everything locked: are the names as they were seen? */
static bool is_as_seen(const struct move *m)
{
	return m->from.replaced == m->from.seen &&
	       (!m->exchange || m->to.replaced == m->to.seen);
}

static bool both_are_one_inode(const struct move *m)
{
	return m->from.replaced && m->to.replaced &&
	       m->from.replaced->inode == m->to.replaced->inode;
}

static bool moves_a_directory(const struct move *m)
{
	return (m->to.new &&inode_is_dir(m->to.new->inode)) ||
	       (m->from.new &&inode_is_dir(m->from.new->inode));
}

/* With everything locked, and as seen: makes the change. */
static void move_make(struct move *m, struct finode_alias **doomed)
{
	struct stripe *stripe = stripe_of(m->to.dir);
	bool dir = moves_a_directory(m);

	if (dir)
		atomic_fetch_add_explicit(&m->locks.names->tree_changes, 1,
					  memory_order_acq_rel);
	if (m->from.replaced)
		finode__alias_detach(m->from.replaced, doomed);
	if (m->to.replaced)
		finode__alias_detach(m->to.replaced, doomed);
	if (m->to.replaced && !m->exchange) {
		stripe->removed += m->from.replaced != NULL;
		stripe->stale += m->from.replaced == NULL;
	}
	if (m->to.new) {
		finode__alias_attach(m->to.new);
		stripe->moved++;
	}
	if (m->from.new) {
		finode__alias_attach(m->from.new);
		stripe->moved++;
	}
	m->to.new = m->from.new = NULL;
	if (dir)
		atomic_fetch_add_explicit(&m->locks.names->tree_changes, 1,
					  memory_order_acq_rel);
}

/* @return 0; -ELOOP; -EAGAIN if somebody else has changed one of the names */
static int move_commit(struct move *m, struct finode_alias **doomed)
{
	int err;

	FINODE_YIELD("rename: before the locks");
	err = move_lock(m);
	if (err)
		return err;
	if (!is_as_seen(m))
		err = -EAGAIN;
	else if (!both_are_one_inode(m))
		move_make(m, doomed);
	finode__name_locks_release(&m->locks);
	return err;
}

static int move_try(struct move *m)
{
	struct finode_alias *doomed = NULL;
	int err = end_look(&m->from);

	if (!err && m->exchange)
		err = end_look(&m->to);
	if (!err)
		err = end_prepare(&m->to, &m->from);
	if (!err)
		err = end_prepare(&m->from, &m->to);
	if (!err)
		err = move_commit(m, &doomed);
	end_finish(&m->from, &doomed);
	end_finish(&m->to, &doomed);
	finode__aliases_end(&doomed);
	return err;
}

static bool flags_are_known(unsigned int flags)
{
	const unsigned int known =
		FINODE_RENAME_NOREPLACE | FINODE_RENAME_EXCHANGE | FINODE_RENAME_WHITEOUT;

	if (flags & FINODE_RENAME_EXCHANGE)
		return flags == FINODE_RENAME_EXCHANGE;
	return (flags & ~known) == 0;
}

static int rename_fault(const struct finode *olddir, const char *oldname,
			const struct finode *newdir, const char *newname,
			unsigned int flags)
{
	struct finode_table *table = inode_table(olddir);
	int err;

	if (!flags_are_known(flags))
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_RENAME],
				      "finode_alias_rename(): flags %#x are unknown, or "
				      "contradict each other",
				      flags);
	err = finode__name_fault(olddir, oldname);
	if (!err)
		err = finode__name_fault(newdir, newname);
	if (!err && inode_table(olddir) != inode_table(newdir))
		err = -EXDEV;
	return err;
}

int finode_alias_rename(struct finode *olddir, const char *oldname, struct finode *newdir,
			const char *newname, unsigned int flags)
{
	struct names *names = names_of(olddir);
	struct move m = {
		.from = {.dir = olddir, .name = oldname},
		.to = {.dir = newdir, .name = newname},
		.exchange = flags & FINODE_RENAME_EXCHANGE,
	};
	int err = rename_fault(olddir, oldname, newdir, newname, flags);

	if (err || (olddir == newdir && strcmp(oldname, newname) == 0))
		return err;
	m.from.hash = finode__name_hash(names, oldname);
	m.to.hash = finode__name_hash(names, newname);
	do
		err = move_try(&m);
	while (err == -EAGAIN);
	if (err == -ELOOP)
		atomic_fetch_add_explicit(&names->refused, 1, memory_order_relaxed);
	return err;
}
