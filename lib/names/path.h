/* SPDX-License-Identifier: BSD-3-Clause */
/* The way up from a directory, with the tree held: see path.c. */
#ifndef FINODE_LIB_PATH_H
#define FINODE_LIB_PATH_H

#include "names/names.h"

/* The directory that a directory is in, borrowed, or NULL. */
struct finode *finode__dir_above(const struct finode *dir);
/* Is dir the inode, or below it? */
bool finode__dir_is_below(struct finode *dir, const struct finode *inode);

#endif
