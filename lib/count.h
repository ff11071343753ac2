/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the library needs of count.c. */
#ifndef FINODE_LIB_COUNT_H
#define FINODE_LIB_COUNT_H

struct finode;

/* nlookup = 0, whatever it was. The caller holds a reference and keeps it. */
void finode__count_clear(struct finode *inode);

#endif
