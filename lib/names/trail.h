/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trail: the aliases that a climb has come by, from that of an inode up to one in the
 * root.
 *
 * Each is held. An alias holds its directory, which is the inode of the next one, so
 * nothing else needs a reference, but for the inode that the trail begins with: its caller
 * has one, or is its evict(). They are put from the other end, so that each alias is
 * gone before what holds its inode.
 *
 * A climb runs under locks, where nothing is allocated: what a trail has no room for it
 * only counts, and who climbs makes room for as much and climbs again.
 */
#ifndef FINODE_LIB_TRAIL_H
#define FINODE_LIB_TRAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "finode/alias.h"

#define TRAIL_FEW 32 /* aliases that need no memory */

struct trail {
	const struct finode *inode; /* the first alias is its; memory is counted there */
	struct finode_alias **aliases;
	size_t room;
	size_t length; /* more than `room` if not all are there */
	size_t wanted; /* the greatest length that there was */
	struct finode_alias *few[TRAIL_FEW];
};

void finode__trail_init(struct trail *trail, const struct finode *inode);

/* Drops everything, and gives the memory back. */
void finode__trail_finish(struct trail *trail);

/* The caller holds the alias, or the stripe of its inode. @return false without room */
bool finode__trail_add(struct trail *trail, struct finode_alias *alias);

/* Puts all aliases, and so may call evict(). No lock is held. */
void finode__trail_drop(struct trail *trail);

/* Drops everything; then there is room for what was wanted. @return 0 or -ENOMEM */
int finode__trail_grow(struct trail *trail);

#endif
