/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of servers on hostfs, and what can be wrong with it. See hostserve.h. */
#include <errno.h>
#include <fcntl.h>
#include <finode.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostserve.h"

/* Each option has a long form and one for -o. */
#define OPTION(name_, format_, member_)                                                    \
	{"--" name_ format_, offsetof(struct hostserve_options, member_), 1},              \
	{                                                                                  \
		name_ format_, offsetof(struct hostserve_options, member_), 1              \
	}
#define SHORT(name_, member_)                                                              \
	{                                                                                  \
		name_, offsetof(struct hostserve_options, member_), 1                      \
	}

static const struct fuse_opt specs[] = {
	SHORT("-f", foreground),
	SHORT("--foreground", foreground),
	SHORT("-s", single_threaded),
	SHORT("--single-threaded", single_threaded),
	SHORT("-d", debug),
	OPTION("debug", "", debug),
	SHORT("-h", show_help),
	SHORT("--help", show_help),
	SHORT("-V", show_version),
	SHORT("--version", show_version),
	SHORT("--stats %s", stats_of),
	SHORT("--stats=%s", stats_of),
	OPTION("source", "=%s", source),
	OPTION("policy", "=%s", policy),
	OPTION("fds", "=%lu", fds),
	OPTION("threads", "=%u", threads),
	OPTION("clone_fd", "", clone_fd),
	OPTION("libfuse_loop", "", libfuse_loop),
	OPTION("timeout", "=%lf", timeout),
	OPTION("entry_timeout", "=%lf", entry_timeout),
	OPTION("attr_timeout", "=%lf", attr_timeout),
	OPTION("negative_timeout", "=%lf", negative_timeout),
	OPTION("writeback", "", flags[0]),
	OPTION("keep_cache", "", flags[1]),
	OPTION("direct_io", "", flags[2]),
	OPTION("no_open", "", flags[3]),
	OPTION("export", "", flags[4]),
	OPTION("remote_locks", "", flags[6]),
	OPTION("no_xattr", "", flags[7]),
	OPTION("no_splice", "", flags[8]),
	OPTION("no_readdirplus", "", flags[9]),
	OPTION("cache_dirs", "", flags[10]),
	OPTION("cache_symlinks", "", flags[11]),
	OPTION("passthrough", "", flags[12]),
	/* Words of /etc/fstab that are for others. */
	FUSE_OPT_KEY("defaults", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("auto", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("noauto", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("user", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("users", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("nouser", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("nofail", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_KEY("_netdev", FUSE_OPT_KEY_DISCARD),
	FUSE_OPT_END,
};

static const char help_text[] =
	"usage: %s [options] SOURCE MOUNTPOINT\n"
	"       %s --stats MOUNTPOINT\n"
	"\n%s\n"
	"\nRunning:\n"
	"  -f, --foreground         do not become a daemon\n"
	"  -d, --debug              show every request; implies -f\n"
	"  -s, --single-threaded    serve one request at a time\n"
	"      --threads=N          at most N threads\n"
	"  -h, --help  -V, --version\n"
	"      --stats MOUNTPOINT   figures of a running server; SIGUSR1 logs them\n"
	"\nEach of the following also as -o NAME[=VALUE]:\n"
	"\nSource:\n"
	"      --source=DIR         instead of the argument SOURCE\n"
	"      --policy=POLICY      behind inodes: auto, fds, handles\n"
	"      --fds=N              use at most N file descriptors\n"
	"      --no_xattr           no extended attributes, no ACLs\n"
	"      --remote_locks       locks are those of the host\n"
	"\nCaching:\n"
	"      --timeout=SEC        how long the kernel believes names and attributes (1)\n"
	"      --entry_timeout=SEC  --attr_timeout=SEC  --negative_timeout=SEC (0)\n"
	"      --writeback          the kernel gathers writes; for a source of our own\n"
	"      --keep_cache         cached data outlives a close\n"
	"      --direct_io          no cached data at all\n"
	"      --passthrough        the kernel reads and writes without the server\n"
	"      --cache_dirs         --cache_symlinks\n"
	"\nSession:\n"
	"      --no_open            no requests for opening\n"
	"      --export             for NFS: file handles work while the server runs\n"
	"      --clone_fd           --no_splice  --no_readdirplus  --libfuse_loop\n"
	"\nMount options of FUSE (-o allow_other, ro, suid, dev, ..) are passed on; root\n"
	"mounts with allow_other, and all mount with default_permissions.\n";

int hostserve_fail(const struct hostserve_options *options, int status, const char *format,
		   ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "%s: ", options->program);
	/* It is. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	return status;
}

static int take_word(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct hostserve_options *options = data;

	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT)
		return strncmp(arg, "x-", 2) == 0 ? 0 : 1;
	if (options->word_count == 2)
		return hostserve_fail(options, -1, "one argument too many: '%s'", arg);
	options->words[options->word_count] = strdup(arg);
	return options->words[options->word_count++] ? 0 : -1;
}

static int set_defaults(struct hostserve_options *options)
{
	if (options->entry_timeout < 0)
		options->entry_timeout = options->timeout;
	if (options->attr_timeout < 0)
		options->attr_timeout = options->timeout;
	return options->timeout < 0 || options->negative_timeout < 0
		       ? hostserve_fail(options, HOSTSERVE_USAGE,
					"a timeout must not be negative")
		       : -1;
}

/* SOURCE MOUNTPOINT; with -o source= the first may be left out, or be anything. */
static int take_words(struct hostserve_options *options)
{
	if (!options->source && options->word_count > 0)
		options->source = strdup(options->words[0]);
	else if (options->source && options->word_count == 1)
		options->mountpoint = strdup(options->words[0]);
	if (options->word_count == 2)
		options->mountpoint = strdup(options->words[1]);
	if (!options->source)
		return hostserve_fail(options, HOSTSERVE_USAGE,
				      "the source is missing (--help tells more)");
	if (!options->mountpoint)
		return hostserve_fail(options, HOSTSERVE_USAGE,
				      "the mountpoint is missing (--help tells more)");
	return -1;
}

int hostserve_parse(struct hostserve_options *options, int argc, char *argv[],
		    const struct hostserve *server)
{
	const char *slash = strrchr(argv[0], '/');
	int status;

	*options = (struct hostserve_options){
		.program = slash ? slash + 1 : argv[0],
		.args = FUSE_ARGS_INIT(argc, argv),
		.timeout = 1.0,
		.entry_timeout = -1.0,
		.attr_timeout = -1.0,
	};
	if (fuse_opt_parse(&options->args, options, specs, take_word) != 0)
		return HOSTSERVE_USAGE;
	if (options->show_help) {
		printf(help_text, options->program, options->program, server->about);
		return HOSTSERVE_OK;
	}
	if (options->show_version) {
		printf("%s (libfinode %s, libfuse %s)\n", options->program,
		       finode_version(), fuse_pkgversion());
		return HOSTSERVE_OK;
	}
	if (options->stats_of)
		return hostserve_show_stats(options);
	status = take_words(options);
	return status < 0 ? set_defaults(options) : status;
}

void hostserve_options_finish(struct hostserve_options *options)
{
	for (int i = 0; i < options->word_count; i++)
		free(options->words[i]);
	free(options->source);
	free(options->mountpoint);
	free(options->policy);
	free(options->stats_of);
	fuse_opt_free_args(&options->args);
}

/* ---- What can be wrong ---- */

/* Reads as mount(8) would say it. */
static int fail_errno(const struct hostserve_options *options, int status, const char *what,
		      const char *path)
{
	if (errno == EACCES || errno == EPERM)
		status = HOSTSERVE_DENIED;
	if (errno == ENOTCONN)
		return hostserve_fail(options, status,
				      "%s '%s': its server has died; unmount it first",
				      what, path);
	return hostserve_fail(options, status, "%s '%s': %s", what, path, strerror(errno));
}

static int check_directory(const struct hostserve_options *options, int status,
			   const char *what, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail_errno(options, status, what, path);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return fail_errno(options, status, what, path);
	}
	return -1;
}

static int check_device(const struct hostserve_options *options)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return -1;
	}
	if (errno == EACCES || errno == EPERM)
		return hostserve_fail(options, HOSTSERVE_DENIED, "/dev/fuse: %s",
				      strerror(errno));
	return hostserve_fail(options, HOSTSERVE_DEVICE,
			      "/dev/fuse: %s; is the kernel module 'fuse' loaded?",
			      strerror(errno));
}

/* Is a server of this very kind mounted there, as the last one? */
static bool is_busy(const struct hostserve_options *options, const char *path)
{
	char line[3 * PATH_MAX], at[PATH_MAX], type[64], kind[64];
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool busy = false;

	snprintf(kind, sizeof(kind), "fuse.%s", options->program);
	while (file && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");

		if (rest && sscanf(line, "%*s %*s %*s %*s %4095s", at) == 1 &&
		    sscanf(rest, " - %63s", type) == 1 && strcmp(at, path) == 0)
			busy = strcmp(type, kind) == 0;
	}
	if (file)
		fclose(file);
	return busy;
}

int hostserve_check(const struct hostserve_options *options)
{
	char source[PATH_MAX], mountpoint[PATH_MAX];
	size_t length;
	int status = check_directory(options, HOSTSERVE_SOURCE, "source", options->source);

	if (status < 0)
		status = check_directory(options, HOSTSERVE_MOUNTPOINT, "mountpoint",
					 options->mountpoint);
	if (status >= 0)
		return status;
	if (!realpath(options->source, source))
		return fail_errno(options, HOSTSERVE_SOURCE, "source", options->source);
	if (!realpath(options->mountpoint, mountpoint))
		return fail_errno(options, HOSTSERVE_MOUNTPOINT, "mountpoint",
				  options->mountpoint);
	length = strcmp(source, "/") == 0 ? 0 : strlen(source);
	if (strncmp(mountpoint, source, length) == 0 && mountpoint[length] == '/' &&
	    mountpoint[length + 1])
		return hostserve_fail(options, HOSTSERVE_MOUNTPOINT,
				      "mountpoint '%s' is inside the source '%s'",
				      mountpoint, source);
	if (is_busy(options, mountpoint))
		return hostserve_fail(options, HOSTSERVE_MOUNTPOINT,
				      "mountpoint '%s' is busy: %s is mounted there",
				      mountpoint, options->program);
	return check_device(options);
}
