/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every server on hostfs does around its operations: the command line, the mount, the
 * loop, signals, and figures. passthrough.c, audit.c and readonly.c are made of it.
 */
#ifndef EXAMPLES_HOSTSERVE_H
#define EXAMPLES_HOSTSERVE_H

#include <finode/hostfs.h>

/* How a server differs from a plain passthrough. */
struct hostserve {
	const char *about;  /* one line for --help */
	unsigned int flags; /* enum hostfs_flag, beside those of the command line */
	/* Replaces operations; `base` are those of hostfs. Optional. */
	void (*customise)(struct fuse_lowlevel_ops *ops,
			  const struct fuse_lowlevel_ops *base);
	/* As of struct finode_session_config; NULL for that of hostfs. */
	void (*tmpfile)(fuse_req_t req, fuse_ino_t dir, mode_t mode,
			struct fuse_file_info *fi);
};

/* A whole main(). Returns the exit status, see enum hostserve_status. */
int hostserve_main(int argc, char *argv[], const struct hostserve *server);

enum hostserve_status {
	HOSTSERVE_OK = 0,
	HOSTSERVE_FAILED = 1,	  /* something else, while it ran */
	HOSTSERVE_USAGE = 2,	  /* the command line */
	HOSTSERVE_SOURCE = 3,	  /* missing, or no directory */
	HOSTSERVE_MOUNTPOINT = 4, /* missing, no directory, busy, inside the source */
	HOSTSERVE_DEVICE = 5,	  /* no /dev/fuse */
	HOSTSERVE_DENIED = 6	  /* no permission */
};

/* The name of the extended attribute of the root that holds the figures. */
#define HOSTSERVE_STATS "user.finode.stats"

/* What the command line says. */
struct hostserve_options {
	const char *program;
	char *source, *mountpoint, *policy, *stats_of;
	char *words[2]; /* that are no options */
	int word_count;
	int foreground, debug, single_threaded, clone_fd, libfuse_loop, show_help,
		show_version;
	int flags[13]; /* by the bits of enum hostfs_flag */
	unsigned int threads;
	unsigned long fds;
	double timeout, entry_timeout, attr_timeout, negative_timeout;
	struct fuse_args args; /* what is left, for libfuse */
};

/* @return a status, or -1 to go on */
int hostserve_parse(struct hostserve_options *options, int argc, char *argv[],
		    const struct hostserve *server);
void hostserve_options_finish(struct hostserve_options *options);

/* Looks at what can be wrong before anything is done. @return a status, or -1 to go on */
int hostserve_check(const struct hostserve_options *options);

/* Tells what is wrong, with the program's name. @return status */
int hostserve_fail(const struct hostserve_options *options, int status, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));

/* The figures of a server, as people like to read them. @return the length */
size_t hostserve_stats(struct hostfs *fs, char *text, size_t size);

/* passthrough --stats MOUNTPOINT. @return a status */
int hostserve_show_stats(const struct hostserve_options *options);

#endif
