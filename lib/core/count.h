/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rest of the library needs of count.c. */
#ifndef FINODE_LIB_COUNT_H
#define FINODE_LIB_COUNT_H

#include <stdint.h>

struct finode;

/* nlookup = 0. The caller holds a reference and keeps it. @return what it was */
uint64_t finode__count_clear(struct finode *inode);

#endif
