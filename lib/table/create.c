/* SPDX-License-Identifier: BSD-3-Clause */
/* The public way to make a table: the core, with names and mounts on it. */
#include "core/table.h"
#include "mounts/part.h"
#include "names/part.h"

int finode_table_create(const struct finode_config *config, struct finode_table **out)
{
	static const struct table_part *const parts[] = {&finode__names_part,
							 &finode__mounts_part, NULL};

	return finode__table_create(config, parts, out);
}
