/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the backing object of an inode is held, and how many use it: the states behind
 * finode/unlink.h, in the inode's name node, all protected by the inode's stripe.
 *
 *                    finode_unlinked()          pins == 0
 *             HELD ---------------------> WANTED ---------> UNLINKING    unlinked() runs,
 *              ^ ^                          |                   |         no lock held
 *              | '--------------------------'                   v
 *              |   it got a name or a file meanwhile           GONE
 *              |                                                |  finode_obtain() found it
 *              '------------------- REBINDING <-----------------'  rebind() runs, no lock
 *                   (if it fails: GONE)
 *
 * Invariants:
 *
 *   - pins > 0 only in HELD and WANTED. finode_pin() does not wait in WANTED: a thread that
 *     pins one inode twice, or two in another order than others do, would wait for ever.
 *   - UNLINKING, GONE, REBINDING: no attached alias, no open file.
 */
#ifndef FINODE_LIB_UNLINK_H
#define FINODE_LIB_UNLINK_H

#include "names/names.h"

enum backing_state {
	BACKING_HELD,
	BACKING_WANTED,
	BACKING_UNLINKING,
	BACKING_GONE,
	BACKING_REBINDING,
};

/* Are backing objects of this table released before evict()? */
static inline bool backing_is_tracked(const struct finode *inode)
{
	const struct finode_table *table = inode_table(inode);

	return table->names && table->ops.unlinked;
}

/* With the inode's stripe held: may it get a name? */
bool finode__backing_takes_names(const struct finode *inode);

/* finode_obtain() has found the inode: calls rebind() if its backing object is GONE. */
int finode__backing_found(struct finode *inode, void *arg);

/* An open file comes, or goes. @return 0 or -ESTALE */
int finode__backing_open(struct finode *inode);
void finode__backing_close(struct finode *inode);

#endif
