/* SPDX-License-Identifier: BSD-3-Clause */
/* How an inode is found or made: see inode.c. The public part is in finode/inode.h. */
#ifndef FINODE_LIB_INODE_H
#define FINODE_LIB_INODE_H

#include "core/object.h"

/* What came of a search, beside negative errors, which may be any of the author's. */
enum found {
	FOUND,
	FOUND_ANOTHER, /* under the key, but of another type or generation */
	CREATED,
	AGAIN /* the search is to begin again */
};

/* NEW -> LIVE, with the first reference, or -> nothing. @return 0 or an error */
int finode__inode_begin(struct finode *inode, void *arg);

/* Is the inode that was found what the caller means? @return 1, 0, or an error */
int finode__inode_is_same(struct finode *inode, mode_t type, void *arg);

/*
 * The inode that was meant, which the caller holds: is its backing object there?
 * @return 0 with the reference in *out, or an error with none
 */
int finode__inode_use(struct finode *inode, void *arg, struct finode **out);

/*
 * For inodes that are known by their names only: the key is there only while they are made,
 * so that nobody makes another one.
 *
 * @return 0 with a NEW inode in the index; AGAIN if there was one, after a change;
 *         -EDEADLK; -ENOMEM
 */
int finode__inode_claim(struct finode_mount *mount, const struct finode_key *key,
			struct finode **out);
/* NEW -> nothing, without init(). */
void finode__inode_abandon(struct finode *inode);
/* It has got its name: its key is free. */
void finode__inode_know_by_name(struct finode *inode);
/* Is it one of those? */
bool finode__inode_is_by_name(const struct finode *inode);

#endif
