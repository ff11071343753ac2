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
 * An inode that is EVICTING, and whose end this thread has put off until the evict() that
 * it runs has returned: ends it now, since who waits for that would wait for itself. No
 * lock is held. @return false if it is not one of those
 */
bool finode__inode_end_now(struct finode *inode);
/* The same question, of whoever holds a lock. */
bool finode__inode_end_is_put_off(const struct finode *inode);

/*
 * The end of a table: evicts the root, what that has put, and what somebody should have
 * put. Memory is freed when all evict()s have returned.
 */
void finode__inodes_end(struct finode_table *table);

#endif
