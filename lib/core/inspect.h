/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two parts of finode_table_check() share. */
#ifndef FINODE_LIB_INSPECT_H
#define FINODE_LIB_INSPECT_H

#include <stddef.h>
#include <stdio.h>

struct finode;
struct finode_table;

/* Where the first broken invariant is told. */
struct verdict {
	char *why;
	size_t size;
};

/* Tells it. @return -EUCLEAN */
__attribute__((format(printf, 2, 3))) int finode__broken(const struct verdict *verdict,
							 const char *format, ...);

/* Everything about names. The table keeps aliases. */
int finode__names_check(struct finode_table *table, const struct verdict *verdict);

/* One line for each alias of the inode. The table keeps aliases. */
void finode__names_dump(struct finode *inode, FILE *stream);

#endif
