/* SPDX-License-Identifier: BSD-3-Clause */
/* How a table is made: see table.c. The public part is in finode/table.h. */
#ifndef FINODE_LIB_TABLE_H
#define FINODE_LIB_TABLE_H

#include "base/private.h"
#include "core/core.h"

/*
 * As finode_table_create(), with what builds on the core: `parts` ends with NULL, lives as
 * long as the program, and is begun in its order.
 */
int finode__table_create(const struct finode_config *config,
			 const struct table_part *const *parts, struct finode_table **out);

/* Memory that may still be pointed to while the table lives: it is freed with it. */
FINODE_PRIVATE void finode__table_keep(struct finode_table *table, struct table_kept *kept,
				       void *memory);

#endif
