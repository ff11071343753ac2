/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the library needs of count.c. */
#ifndef FINODE_LIB_COUNT_H
#define FINODE_LIB_COUNT_H

#include <stdint.h>

struct finode;
struct finode_table;

/* nlookup = 0. The caller holds a reference and keeps it. @return what it was */
uint64_t finode__count_clear(struct finode *inode);

/*
 * The same for an inode of a detached mount: the kernel still counts it, and will send the
 * FORGETs for that, which find nothing. So much is owed.
 */
void finode__count_disown(struct finode *inode);
/* The connection has ended, and with it what is owed. */
void finode__count_forget_owed(struct finode_table *table);

#endif
