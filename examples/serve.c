/* SPDX-License-Identifier: BSD-3-Clause */
/* See serve.h. */
#include "serve.h"

#include <errno.h>
#include <finode.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct serve {
	const char *name;  /* of the program */
	const char *about; /* one line for --help */
	char *source;
	struct fuse_args args;
	struct fuse_cmdline_opts opts;
	struct finode_table *table;
	struct finode_session *session;
	_Atomic bool ended; /* tells report() to end */
};

static void log_notifications(const char *name, struct finode_session *session)
{
	static const char *const kinds[FINODE_NOTIFY_KINDS] = {
		[FINODE_NOTIFY_INVAL_INODE] = "inval_inode",
		[FINODE_NOTIFY_INVAL_ENTRY] = "inval_entry",
		[FINODE_NOTIFY_EXPIRE_ENTRY] = "expire_entry",
		[FINODE_NOTIFY_DELETE] = "delete",
		[FINODE_NOTIFY_PRUNE] = "prune",
		[FINODE_NOTIFY_INCREMENT_EPOCH] = "increment_epoch",
		[FINODE_NOTIFY_RESEND] = "resend",
	};
	struct finode_session_stats s;

	finode_session_stats(session, &s, sizeof(s));
	for (int i = 0; i < FINODE_NOTIFY_KINDS; i++)
		if (s.notify[i].queued)
			fuse_log(FUSE_LOG_INFO,
				 "%s: notify %s: queued=%" PRIu64 " waiting=%" PRIu64
				 " merged=%" PRIu64 " sent=%" PRIu64 " unknown=%" PRIu64
				 " failed=%" PRIu64 "\n",
				 name, kinds[i], s.notify[i].queued, s.notify[i].waiting,
				 s.notify[i].merged, s.notify[i].sent, s.notify[i].unknown,
				 s.notify[i].failed);
}

static void log_stats(const char *name, struct finode_table *table)
{
	struct finode_stats s;
	char why[200] = "clean";

	finode_table_check(table, why, sizeof(why));
	finode_table_stats(table, &s, sizeof(s));
	fuse_log(FUSE_LOG_INFO,
		 "%s: inodes=%" PRIu64 " files=%" PRIu64 " hits=%" PRIu64 " misses=%" PRIu64
		 " created=%" PRIu64 " evicted=%" PRIu64 " retired=%" PRIu64
		 " waits=%" PRIu64 " forgets=%" PRIu64 " clamped=%" PRIu64
		 " unknown=%" PRIu64 " refused=%" PRIu64 " failed=%" PRIu64
		 " aliases=%" PRIu64 " unlinked=%" PRIu64 " rebound=%" PRIu64
		 " mounts=%" PRIu64 " bytes=%" PRIu64 " check=%s\n",
		 name, s.inodes, s.files, s.hits, s.misses, s.created, s.evicted, s.retired,
		 s.waits, s.forgets, s.forgets_clamped, s.forgets_unknown,
		 s.entries_refused, s.replies_failed, s.aliases, s.unlinked, s.rebound,
		 s.mounts, s.bytes, why);
}

static void report_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
}

static void *report(void *arg)
{
	const struct serve *serve = arg;
	sigset_t set;
	int signo;

	report_signals(&set);
	while (sigwait(&set, &signo) == 0 && !serve->ended) {
		log_notifications(serve->name, serve->session);
		log_stats(serve->name, serve->table);
	}
	return NULL;
}

unsigned long serve_raise_fd_limit(void)
{
	struct rlimit limit = {1 << 20, 1 << 20};

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 &&
	    getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

void serve_prune(struct finode_session *session)
{
	uint64_t nodeids[256], cursor = 0;
	size_t count;
	int err = 0;

	while (!err &&
	       (count = finode_table_nodeids(session->table, &cursor, nodeids, 256)))
		for (size_t i = 0; !err && i < count; i++)
			err = finode_notify_prune(session, nodeids[i], 0, NULL);
}

static int loop(struct serve *serve)
{
	struct finode_loop_config config = FINODE_LOOP_CONFIG_INIT;
	pthread_t reporter;
	int err = -pthread_create(&reporter, NULL, report, serve);

	if (err)
		return err;
	config.threads_most = serve->opts.singlethread ? 1 : 0;
	config.clone_fd = serve->opts.clone_fd;
	err = finode_session_loop(serve->session, &config);
	serve->ended = true;
	pthread_kill(reporter, SIGUSR1);
	pthread_join(reporter, NULL);
	return err;
}

static int mount_and_loop(struct serve *serve)
{
	sigset_t set;
	int err;

	/* Every thread from here on leaves SIGUSR1 to report(). */
	report_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (fuse_set_signal_handlers(serve->session->fuse) != 0)
		return -1;
	err = finode_session_mount(serve->session, serve->opts.mountpoint);
	if (!err) {
		err = fuse_daemonize(serve->opts.foreground);
		if (!err)
			err = loop(serve);
		finode_session_unmount(serve->session);
	}
	fuse_remove_signal_handlers(serve->session->fuse);
	return err;
}

/* The first argument that is no option is the source; the rest is libfuse's. */
static int take_source(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct serve *serve = data;

	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT || serve->source)
		return 1;
	serve->source = strdup(arg);
	return serve->source ? 0 : -1;
}

static void help(const struct serve *serve)
{
	printf("usage: %s [options] SOURCE MOUNTPOINT\n\n%s\n"
	       "SIGUSR1 logs the statistics of the inode table.\n\noptions:\n",
	       serve->name, serve->about);
	fuse_cmdline_help();
	fuse_lowlevel_help();
}

/* Returns the exit status, or -1 to go on. */
static int parse(struct serve *serve)
{
	if (fuse_opt_parse(&serve->args, serve, NULL, take_source) != 0 ||
	    fuse_parse_cmdline(&serve->args, &serve->opts) != 0)
		return 2;
	if (serve->opts.show_help) {
		help(serve);
		return 0;
	}
	if (serve->opts.show_version) {
		printf("%s (libfinode %s)\n", serve->name, finode_version());
		fuse_lowlevel_version();
		return 0;
	}
	if (!serve->source || !serve->opts.mountpoint) {
		fprintf(stderr,
			"%s: %s is missing\nusage: %s [options] SOURCE MOUNTPOINT "
			"(--help tells more)\n",
			serve->name, serve->source ? "the mountpoint" : "the source",
			serve->name);
		return 2;
	}
	return -1;
}

static int run(struct serve *serve, const struct finode_session_config *server,
	       serve_open_fn open_source)
{
	struct finode_session_config config = *server;
	int err = open_source(serve->source, &serve->table);

	if (err) {
		fprintf(stderr, "%s: source '%s': %s\n", serve->name, serve->source,
			strerror(-err));
		return 1;
	}
	if (fuse_opt_add_arg(&serve->args, "-odefault_permissions") != 0)
		return 1;
	config.table = serve->table;
	if (finode_session_create(&serve->args, &config, &serve->session) != 0)
		return 2;
	err = mount_and_loop(serve);
	/* The backend does not let go of some threads: they use what would be freed here.
	 */
	if (err == -ETIMEDOUT)
		_exit(1);
	finode_session_destroy(serve->session);
	return err ? 1 : 0;
}

int serve_main(int argc, char *argv[], const char *about,
	       const struct finode_session_config *server, serve_open_fn open_source)
{
	const char *slash = strrchr(argv[0], '/');
	struct serve serve = {
		.name = slash ? slash + 1 : argv[0],
		.about = about,
		.args = FUSE_ARGS_INIT(argc, argv),
	};
	int status = parse(&serve);

	umask(0); /* the kernel has applied the caller's */
	if (status < 0)
		status = run(&serve, server, open_source);
	finode_table_destroy(serve.table);
	free(serve.opts.mountpoint);
	free(serve.source);
	fuse_opt_free_args(&serve.args);
	return status;
}
