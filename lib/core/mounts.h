/* SPDX-License-Identifier: BSD-3-Clause */
/* The mounts of a table as a whole: see mounts.c. A single one is in mount.h. */
#ifndef FINODE_LIB_MOUNTS_H
#define FINODE_LIB_MOUNTS_H

#include "core/core.h"

int finode__mounts_init(struct finode_table *table, const struct finode_config *config);
void finode__mounts_finish(struct finode_table *table);
void finode__mounts_stats(struct finode_table *table, struct finode_stats *sum);

/*
 * Walks the mounts that have references, in the order of their making. Puts `previous`,
 * NULL to start. @return a mount with a reference taken, or NULL at the end
 */
struct finode_mount *finode__mounts_next(struct finode_table *table,
					 struct finode_mount *previous);

/* The table ends: nothing comes into any mount any more. */
void finode__mounts_close(struct finode_table *table);
/* Mounts that the author still holds are reported, and evicted. */
void finode__mounts_end_held(struct finode_table *table);
/* The same for the first one, which the table has held. */
void finode__mounts_end_first(struct finode_table *table);

#endif
