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
 * `server` is what the session is made of, but for its table, which is destroyed at the
 * end. Returns the exit status: 0, 1 for what went wrong (told on stderr), 2 for a bad
 * command line.
 */
int serve_main(int argc, char *argv[], const char *about,
	       const struct finode_session_config *server, serve_open_fn open_source);

/* Raises the limit of open files as far as this process may, and returns it. */
unsigned long serve_raise_fd_limit(void);

/*
 * Asks the kernel to drop every inode that nobody uses. Returns at once; the FORGETs come
 * when they come. Does nothing on kernels before 6.18, which cannot be asked.
 */
void serve_prune(struct finode_session *session);

#endif
