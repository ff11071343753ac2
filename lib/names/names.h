/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names from inside: what a table with aliases has, and what lies behind each inode in it.
 *
 * Behind the author's object of each inode, before its key, lies a node: the ring of the
 * inode's aliases, and for a directory its children and the state of its lock. A table
 * without aliases has neither nodes nor a struct names.
 *
 *      struct names                        dir's allocation
 *      tree lock                           +-----------------+
 *      stripes [0 .. count)                | author's object |
 *         |                                | dir_node        |-- children --> chains of
 *         `- chosen by nodeid              | key             |                aliases
 *                                          +-----------------+
 *
 * Invariants:
 *
 *   - An alias that is attached is in the children of its directory and in the ring of its
 *     inode. Both change in one step, with the stripes of both inodes held.
 *   - Whoever holds either stripe and sees an attached alias may use the alias, its
 *     directory, which it holds, and its inode, whose memory outlives its aliases. The
 *     inode may be EVICTING: slots_hold() tells.
 *   - An alias that is not attached any more stays in the ring while somebody holds it, so
 *     that a walk finds its way; who holds it holds the inode as well.
 *   - Every alias of a directory is attached and detached with the tree lock held too. So
 *     under that lock the way up from a directory is still, and what it leads through is
 *     alive, without references.
 *   - tree_changes is odd while a directory gets an alias. Aliases that only go do not
 *     count: see path.c.
 */
#ifndef FINODE_LIB_NAMES_H
#define FINODE_LIB_NAMES_H

#include <sys/stat.h>

#include "names/children.h"
#include "core/inode.h"
#include "core/table.h"

struct stripe {
	struct lock lock;
	pthread_cond_t changed; /* what a name names, or the backing object of an inode */

	/* protected by lock; of the directories of the stripe */
	uint64_t bytes;
	uint64_t attached; /* now */
	uint64_t added, moved, removed, stale;
	uint64_t let_go, rebound;
};

struct names {
	/* set by init, never changed */
	struct finode_table *table;
	const struct finode_alias_ops *ops;
	size_t node_offset; /* from a struct finode to its node */
	unsigned int count;

	struct lock tree;
	_Atomic uint64_t tree_changes;
	_Atomic uint64_t refused;
	uint32_t marks; /* of finode_table_check(); protected by tree */
	struct stripe stripes[];
};

/* Behind every inode; protected by the inode's stripe. */
struct name_node {
	struct finode_alias *aliases; /* the oldest of a ring, or NULL */
	/* see unlink.h */
	uint32_t pins;
	uint32_t opens : 29, backing : 3;
};

/* Behind a directory. */
struct dir_node {
	struct name_node node;
	struct children children;
	/* its lock, see dirlock.c */
	struct dir_waiter *waiters; /* the last that came, of a ring; NULL: nobody waits */
	uint32_t sharers;	    /* UINT32_MAX: one that changes */
	uint32_t mark; /* of finode_table_check(); protected by the tree lock */
};

int finode__names_init(struct finode_table *table, const struct finode_config *config,
		       unsigned int stripes);
void finode__names_finish(struct finode_table *table);
void finode__names_stats(struct names *names, struct finode_stats *sum);

/* For tables that have names. */
static inline struct names *names_of(const struct finode *inode)
{
	return inode_table(inode)->names;
}

static inline struct name_node *name_node(const struct finode *inode)
{
	return (struct name_node *)(void *)((char *)inode + names_of(inode)->node_offset);
}

static inline size_t node_size(mode_t mode)
{
	return S_ISDIR(mode) ? sizeof(struct dir_node) : sizeof(struct name_node);
}

static inline bool inode_is_dir(const struct finode *inode)
{
	return inode->type == S_IFDIR;
}

/* The inode is a directory. */
static inline struct dir_node *dir_node(const struct finode *inode)
{
	return (struct dir_node *)(void *)name_node(inode);
}

static inline unsigned int stripe_place(const struct finode *inode)
{
	uint32_t hash = (uint32_t)(inode->nodeid * 0x9e3779b97f4a7c15ull >> 32);

	return (unsigned int)((uint64_t)hash * names_of(inode)->count >> 32);
}

static inline struct stripe *stripe_of(const struct finode *inode)
{
	return &names_of(inode)->stripes[stripe_place(inode)];
}

/*
 * The locks that a change of names needs: perhaps the tree, and up to NAME_LOCKS stripes.
 * What a change needs is often seen only under a lock, so it wants what it knows, takes
 * that, looks, and begins again if it needs more.
 */
#define NAME_LOCKS 4

struct name_locks {
	struct names *names;
	bool tree;
	unsigned int count;
	unsigned int places[NAME_LOCKS]; /* rising */
};

/* Adds the stripe of an inode to what is wanted. */
void finode__name_locks_want(struct name_locks *locks, const struct finode *inode);
/* True if who holds `held` needs nothing more for `wanted`. */
bool finode__name_locks_cover(const struct name_locks *held,
			      const struct name_locks *wanted);
void finode__name_locks_take(const struct name_locks *locks); /* all but the tree */
void finode__name_locks_release(const struct name_locks *locks);

/* alias.c. `doomed` is a list of aliases that are to end once no lock is held. */
uint32_t finode__name_hash(const struct names *names, const char *name);
/* 0, or why the name cannot be one of an entry of dir. */
int finode__name_fault(const struct finode *dir, const char *name);
/* With the directory's stripe held: the alias, borrowed, or NULL. */
struct finode_alias *finode__alias_find(const struct finode *dir, const char *name,
					uint32_t hash);
/*
 * What a name names, with a reference; and, if `alias` is not NULL, with one to the alias.
 * Waits while that is being evicted. @return 0, with NULL if nothing is known; -EDEADLK;
 * -EOVERFLOW
 */
int finode__alias_await(struct finode *dir, const char *name, uint32_t hash,
			struct finode **inode, struct finode_alias **alias);
/* With the inode's stripe held: its oldest attached alias, borrowed, or NULL. */
struct finode_alias *finode__alias_first(const struct finode *inode);
/*
 * One step of a walk, as finode_alias_next(), or the end of it; but without references to
 * the inode, whose caller has one, or is its evict().
 */
struct finode_alias *finode__alias_step(struct finode *inode, struct finode_alias *previous,
					bool further);
/* Makes an alias that nobody sees yet. Takes a reference to dir, calls init(). */
int finode__alias_create(struct finode *dir, const char *name, uint32_t hash,
			 struct finode *inode, void *arg, struct finode_alias **out);
/* Both with the stripes of dir and inode held, and the tree if it is a directory. */
void finode__alias_attach(struct finode_alias *alias);
void finode__alias_detach(struct finode_alias *alias, struct finode_alias **doomed);
void finode__alias_doom(struct finode_alias *alias, struct finode_alias **doomed);
/*
 * Dooms what is left in the ring of an inode that is being evicted: nobody has a reference
 * to it, so who held an alias of it has forgotten that.
 */
void finode__aliases_abandon(struct finode *inode, struct finode_alias **doomed);
/*
 * alias_change.c: attaches a new alias, or dooms it. @return as finode_alias_add(), and
 * -EEXIST if the name names another inode and is not to be replaced
 */
int finode__alias_place(struct finode_alias *alias, bool replace,
			struct finode_alias **doomed);
/* Detaches all aliases of an inode that is retired, or is being evicted. */
void finode__aliases_detach(struct finode *inode, struct finode_alias **doomed);
/*
 * Ends the first of the doomed. @return its directory, whose reference the caller now has
 */
struct finode *finode__alias_end(struct finode_alias **doomed);
/* Ends all of them. In inode.c, since that may evict. */
void finode__aliases_end(struct finode_alias **doomed);
/* For the end of a table: no name is left, and no reference of one. */
void finode__names_end(struct finode_table *table);

/* path.c; with the tree held: the directory that a directory is in, borrowed, or NULL. */
struct finode *finode__dir_above(const struct finode *dir);
/* With the tree held: is dir the inode, or below it? */
bool finode__dir_is_below(struct finode *dir, const struct finode *inode);

#endif
