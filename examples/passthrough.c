/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * passthrough: shows a directory of the host at a mountpoint. All that there is to it is in
 * libfinode-hostfs, and, for the command line, in hostserve.c. passthrough(1) has the
 * manual.
 *
 *     passthrough /usr/share /mnt     # as root, or as anyone who may use fusermount3
 *     passthrough --stats /mnt
 *     umount /mnt
 */
#include "hostserve.h"

int main(int argc, char *argv[])
{
	static const struct hostserve passthrough = {
		.about = "Shows the directory SOURCE at MOUNTPOINT.",
	};

	return hostserve_main(argc, argv, &passthrough);
}
