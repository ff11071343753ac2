/* SPDX-License-Identifier: BSD-3-Clause */
/* Windows into names: see check.c. Both do nothing in a table without aliases. */
#ifndef FINODE_LIB_NAMES_CHECK_H
#define FINODE_LIB_NAMES_CHECK_H

#include <stdio.h>

#include "core/verdict.h"

struct finode;
struct finode_table;

/* Everything about names. */
int finode__names_check(struct finode_table *table, const struct verdict *verdict);

/* One line for each alias of the inode. */
void finode__names_dump(struct finode *inode, FILE *stream);

#endif
