/* SPDX-License-Identifier: BSD-3-Clause */
/* A program of somebody who has installed the library: makes a table and ends it. */
#include <finode.h>
#include <finode/fuse.h>
#include <stdio.h>

struct my_inode {
	int mine;
	struct finode base;
};

static const struct finode_ops ops = {FINODE_OPS_FOR(struct my_inode, base)};

int main(void)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct finode_table *table;
	int err;

	config.ops = &ops;
	config.log = finode_log_to_fuse;
	config.root_key = (struct finode_key){"/", 1, S_IFDIR, 0};
	err = finode_table_create(&config, &table);
	if (err) {
		fprintf(stderr, "finode_table_create: %d\n", err);
		return 1;
	}
	finode_table_destroy(table);
	printf("libfinode %s\n", finode_version());
	return 0;
}
