/* SPDX-License-Identifier: BSD-3-Clause */
/* See part.h. In a table without aliases this part does nothing. */
#include "names/part.h"

#include "names/alias.h"
#include "names/change.h"
#include "names/check.h"
#include "names/unlink.h"

static void detach_and_end(struct finode *inode)
{
	struct finode_alias *doomed = NULL;

	finode__aliases_detach(inode, &doomed);
	finode__aliases_end(&doomed);
}

static void inode_retired(struct finode *inode)
{
	if (inode_table(inode)->names)
		detach_and_end(inode);
}

static int check_config(struct finode_table *table)
{
	const struct finode_ops *ops = &table->ops;

	if (!ops->unlinked != !ops->rebind)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG],
				      "config.ops has one of unlinked() and rebind(): they "
				      "go together");
	if (ops->unlinked && !table->names)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG],
				      "config.ops has unlinked(), which needs "
				      "config.aliases");
	return 0;
}

static void set_hooks(struct finode_table *table)
{
	if (!table->names)
		return;
	table->hooks.evicted = detach_and_end;
	if (!table->ops.unlinked)
		return;
	table->hooks.found = finode__backing_found;
	table->hooks.file_opens = finode__backing_open;
	table->hooks.file_closed = finode__backing_close;
}

static int part_init(struct finode_table *table, const struct finode_config *config)
{
	int err = finode__names_init(table, config);

	if (err)
		return err;
	err = check_config(table);
	if (err)
		finode__names_finish(table);
	else
		set_hooks(table);
	return err;
}

static void part_finish(struct finode_table *table)
{
	if (table->names)
		finode__aliases_free_abandoned(table->names);
	finode__names_finish(table);
}

/* No name is left, and no reference of one. */
static void part_end(struct finode_table *table)
{
	struct finode *inode;
	uint64_t cursor = 0;

	if (!table->names)
		return;
	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		detach_and_end(inode);
		finode_put(inode);
	}
}

const struct table_part finode__names_part = {
	.init = part_init,
	.finish = part_finish,
	.retired = inode_retired,
	.end = part_end,
	.stats = finode__names_stats,
	.check = finode__names_check,
	.dump = finode__names_dump,
};
