/* SPDX-License-Identifier: BSD-3-Clause */
/* See part.h. */
#include "mounts/part.h"

#include "core/core.h"
#include "mounts/crossing.h"
#include "mounts/ino.h"

static void mount_ends_locked(struct finode_mount *mount)
{
	finode__mount_unmap_locked(mount);
	finode__mount_forget_roots_locked(mount);
}

static int part_init(struct finode_table *table, const struct finode_config *config)
{
	int err = finode__crossings_init(table, config);

	if (err)
		return err;
	table->hooks.mount_ends_locked = mount_ends_locked;
	table->hooks.mount_detached = finode__mount_forget_roots;
	return 0;
}

const struct table_part finode__mounts_part = {
	.init = part_init,
	.finish = finode__crossings_finish,
	.retired = finode__mount_retire_root,
	.forget_all = finode__crossings_forget,
	.stats = finode__crossings_stats,
	.check = finode__crossings_check,
};
