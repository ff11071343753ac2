/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every example server does around its operations: the command line, the mount, the
 * loop, signals, and a report of the table on SIGUSR1.
 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

#include <finode/fuse.h>

/*
 * Opens the source named on the command line and makes the table of the server.
 * Returns 0, or a negative errno, which is reported with the name of the source.
 */
typedef int (*serve_open_fn)(const char *source, struct finode_table **table);

/*
 * A whole main(): `NAME [options] SOURCE MOUNTPOINT`, with --help and --version, one or
 * many threads, until the mountpoint is unmounted or a SIGINT, SIGTERM or SIGHUP arrives.
 * The table is the session's userdata, and is destroyed at the end.
 * Returns the exit status: 0, 1 for what went wrong (told on stderr), 2 for a bad command
 * line.
 */
int serve_main(int argc, char *argv[], const char *about,
	       const struct fuse_lowlevel_ops *ops, serve_open_fn open_source);

/* Raises the limit of open files as far as this process may. */
void serve_raise_fd_limit(void);

#endif
