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

#include "core/object.h"
#include "names/children.h"

struct stripe {
	struct lock lock;
	pthread_cond_t changed; /* what a name names, or the backing object of an inode */

	/* protected by lock; of the directories of the stripe */
	uint64_t bytes;
	uint64_t attached; /* now */
	uint64_t added, moved, removed, stale;
	uint64_t unlinked, rebound;
};

struct names {
	/* set by init, never changed */
	struct finode_table *table;
	size_t node_offset; /* from a struct finode to its node */
	unsigned int count;

	struct lock tree;
	_Atomic uint64_t tree_changes;
	_Atomic uint64_t refused;
	uint32_t marks;			/* of finode_table_check(); protected by tree */
	struct finode_alias *abandoned; /* by the end of the table: see alias.h */
	struct stripe stripes[];
};

/* Behind every inode; protected by the inode's stripe. */
struct name_node {
	struct finode_alias *aliases; /* the newest of a ring, or NULL */
	_Atomic uint32_t names;	      /* how many of the ring are attached */
	_Atomic uint32_t renewals;    /* how often an alias became the newest; see path.c */
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

int finode__names_init(struct finode_table *table, const struct finode_config *config);
void finode__names_finish(struct finode_table *table);
void finode__names_stats(struct finode_table *table, struct finode_stats *sum);

/* For tables that have names. */
static inline struct names *names_of(const struct finode *inode)
{
	return inode_table(inode)->names;
}

static inline struct name_node *name_node(const struct finode *inode)
{
	return (struct name_node *)(void *)((char *)inode + names_of(inode)->node_offset);
}

/* Refuses a call in a table that keeps none. @return -EINVAL, with a line in the log */
int finode__names_refuse(const struct finode *inode);

/* How many names are known; exact with the inode's stripe held. */
static inline uint32_t name_count(const struct finode *inode)
{
	return atomic_load_explicit(&name_node(inode)->names, memory_order_relaxed);
}

static inline void name_count_change(const struct finode *inode, int by)
{
	atomic_store_explicit(&name_node(inode)->names, name_count(inode) + (uint32_t)by,
			      memory_order_relaxed);
}

static inline size_t node_size(mode_t mode)
{
	return S_ISDIR(mode) ? sizeof(struct dir_node) : sizeof(struct name_node);
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

#endif
