/* SPDX-License-Identifier: BSD-3-Clause */
/* A server on hostfs, as far as it goes without a mount. Built with what was installed. */
#include <finode/hostfs.h>
#include <stdio.h>

int main(void)
{
	struct hostfs_config config = HOSTFS_CONFIG_INIT;
	struct fuse_lowlevel_ops ops;
	struct hostfs_stats stats;
	struct hostfs fs;

	config.source = "/";
	hostfs_ops(&ops, sizeof(ops));
	if (!ops.lookup || hostfs_init(&fs, &config) != 0)
		return 1;
	hostfs_stats(&fs, &stats, sizeof(stats));
	printf("hostfs: %d fds\n", (int)stats.fds);
	hostfs_finish(&fs);
	return stats.fds == 0;
}
