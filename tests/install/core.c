/* SPDX-License-Identifier: BSD-3-Clause */
/* A server of another kind than libfuse's: an inode comes and goes. Links finode-core
 * alone. */
#include <finode.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct my_inode {
	int mine;
	struct finode base;
};

static const struct finode_ops ops = {FINODE_OPS_FOR(struct my_inode, base)};

int main(void)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct finode *inode, *found;
	struct finode_table *table;
	int number = 2;
	const struct finode_key key = {&number, sizeof(number), S_IFREG, 0};

	config.ops = &ops;
	config.root_key = (struct finode_key){"/", 1, S_IFDIR, 0};
	config.aliases = true;
	if (finode_table_create(&config, &table) != 0)
		return EXIT_FAILURE;
	if (finode_obtain(finode_table_root(table)->mount, key, NULL, &inode, NULL) < 0 ||
	    finode_alias_add(finode_table_root(table), "name", inode, 1) < 0)
		return EXIT_FAILURE;
	finode_count(inode, 1);
	finode_put(inode);
	found = finode_get(table, inode->nodeid);
	if (found != inode)
		return EXIT_FAILURE;
	finode_put(found);
	finode_table_destroy(table);
	printf("libfinode-core %s\n", finode_version());
	return EXIT_SUCCESS;
}
