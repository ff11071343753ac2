/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of an inode: see end.c. The public part is in finode/inode.h. */
#ifndef FINODE_LIB_END_H
#define FINODE_LIB_END_H

#include <stdbool.h>

#include "core/slots.h"

struct finode;
struct finode_key;
struct finode_table;
struct probe;

/* The rest of finode_put(), after a slots_put() that has not simply dropped a reference. */
__attribute__((noinline)) void finode__put_slowly(struct finode *inode, struct slot *slot,
						  enum slots_put result);

/*
 * As finode_retire(), unless the inode has another key by now than when it was found by
 * this one; `alike`: it had the type and the generation too.
 */
void finode__inode_retire_found(struct finode *inode, const struct probe *probe,
				const struct finode_key *key, bool alike);

/*
 * This thread is about to wait for another one. What it has put off until the evict() that
 * it runs has returned is to end before: nobody else brings it about, and whom it waits for
 * may be waiting for it, too. So who has to wait asks, with a lock held or not; and if
 * there is anything, lets go of the lock, ends it, and looks again.
 */
bool finode__any_put_off(void);
void finode__end_put_off(void);

/*
 * The end of a table, step by step. From the first one on nothing new comes into it, and
 * the memory of inodes and mounts stays.
 */
void finode__table_close(struct finode_table *table);
/* Puts the root, which may hold all the others. */
void finode__root_end(struct finode_table *table);
/* Evicts what is left; somebody should have put it. */
void finode__inodes_end_held(struct finode_table *table);
/* All evict()s have returned, those of mounts too. */
void finode__inodes_free(struct finode_table *table);

#endif
