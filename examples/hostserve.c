/* SPDX-License-Identifier: BSD-3-Clause */
/* See hostserve.h. */
#include "hostserve.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

struct server {
	const struct hostserve *kind;
	struct hostserve_options options;
	struct hostfs fs;
	struct fuse_lowlevel_ops ops;
	struct finode_session *session;
	_Atomic bool ended; /* tells report() to end */
};

static struct fuse_lowlevel_ops base; /* those of hostfs */

/* ---- Figures ---- */

/* An attribute of the root that no listing shows; all others are the host's. */
static void getxattr_or_stats(fuse_req_t req, fuse_ino_t nodeid, const char *name,
			      size_t size)
{
	char text[4096];
	size_t length;

	if (nodeid != FUSE_ROOT_ID || strcmp(name, HOSTSERVE_STATS) != 0) {
		base.getxattr(req, nodeid, name, size);
		return;
	}
	length = hostserve_stats(hostfs_of(req), text, sizeof(text));
	if (size == 0)
		fuse_reply_xattr(req, length);
	else if (size < length)
		finode_reply_err(req, -ERANGE);
	else
		fuse_reply_buf(req, text, length);
}

static void log_stats(struct server *server)
{
	char text[4096], *save = NULL, *line;

	hostserve_stats(&server->fs, text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		fuse_log(FUSE_LOG_INFO, "%s: %s\n", server->options.program, line);
}

static void report_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
}

static void *report(void *arg)
{
	struct server *server = arg;
	sigset_t set;
	int signo;

	report_signals(&set);
	while (sigwait(&set, &signo) == 0 && !server->ended)
		log_stats(server);
	return NULL;
}

/* ---- The loop ---- */

/* That of libfuse; see docs/session.md for what it lacks. */
static int libfuse_loop(struct server *server, unsigned int threads)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	if (!config)
		return -ENOMEM;
	if (threads)
		fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_clone_fd(config, (unsigned int)server->options.clone_fd);
	err = fuse_session_loop_mt(server->session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return err > 0 ? 0 : err; /* more than 0: a signal */
}

static int own_loop(struct server *server, unsigned int threads)
{
	struct finode_loop_config config = FINODE_LOOP_CONFIG_INIT;

	config.threads_most = threads;
	config.clone_fd = server->options.clone_fd;
	return finode_session_loop(server->session, &config);
}

static int loop(struct server *server)
{
	const struct hostserve_options *options = &server->options;
	const unsigned int threads = options->single_threaded ? 1 : options->threads;
	pthread_t reporter;
	int err = -pthread_create(&reporter, NULL, report, server);

	if (err)
		return err;
	err = options->libfuse_loop ? libfuse_loop(server, threads)
				    : own_loop(server, threads);
	server->ended = true;
	pthread_kill(reporter, SIGUSR1);
	pthread_join(reporter, NULL);
	return err;
}

/* A daemon has no stderr. */
__attribute__((format(printf, 2, 0))) static void log_to_syslog(enum fuse_log_level level,
								const char *format,
								va_list list)
{
	vsyslog((int)level, format, list);
}

static int become_daemon(const struct hostserve_options *options)
{
	const bool foreground = options->foreground || options->debug;

	if (!foreground) {
		openlog(options->program, LOG_PID, LOG_DAEMON);
		fuse_set_log_func(log_to_syslog);
	}
	return fuse_daemonize(foreground);
}

static int mount_and_loop(struct server *server)
{
	sigset_t set;
	int err;

	/* Every thread from here on leaves SIGUSR1 to report(). */
	report_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* The limit of a file's size is the caller's, which the kernel has asked. */
	signal(SIGXFSZ, SIG_IGN);
	if (fuse_set_signal_handlers(server->session->fuse) != 0)
		return -EIO;
	err = finode_session_mount(server->session, server->options.mountpoint);
	if (!err) {
		err = become_daemon(&server->options);
		if (!err)
			err = loop(server);
		finode_session_unmount(server->session);
	}
	fuse_remove_signal_handlers(server->session->fuse);
	return err;
}

/* ---- Putting it together ---- */

static int open_source(struct server *server)
{
	static const char *const policies[] = {"auto", "fds", "handles"};
	const struct hostserve_options *options = &server->options;
	struct hostfs_config config = HOSTFS_CONFIG_INIT;
	int err;

	config.source = options->source;
	config.flags = server->kind->flags;
	for (unsigned int i = 0; i < sizeof(options->flags) / sizeof(*options->flags); i++)
		config.flags |= options->flags[i] ? 1u << i : 0;
	config.fds = options->fds;
	config.entry_timeout = options->entry_timeout;
	config.attr_timeout = options->attr_timeout;
	config.negative_timeout = options->negative_timeout;
	while (options->policy && strcmp(options->policy, policies[config.policy]) != 0)
		if (++config.policy > HOSTFS_HANDLES)
			return hostserve_fail(options, HOSTSERVE_USAGE,
					      "no policy '%s': auto, fds or handles",
					      options->policy);
	/* What this process was given has no say in what its callers may do. */
	if (geteuid() == 0 && setgroups(0, NULL) < 0)
		fuse_log(FUSE_LOG_WARNING, "%s: setgroups: %s\n", options->program,
			 strerror(errno));
	err = hostfs_init(&server->fs, &config);
	if (!err)
		return -1;
	return hostserve_fail(options,
			      err == -EACCES || err == -EPERM ? HOSTSERVE_DENIED
							      : HOSTSERVE_SOURCE,
			      "source '%s': %s", options->source, strerror(-err));
}

/* "name=value" for libfuse, whatever characters the value has. */
static int add_option(struct fuse_args *args, const char *name, const char *value)
{
	char *option = NULL, *escaped = NULL, *arg = NULL;
	int err = -1;

	if (asprintf(&option, "%s=%s", name, value) >= 0 &&
	    fuse_opt_add_opt_escaped(&escaped, option) == 0 &&
	    asprintf(&arg, "-o%s", escaped) >= 0)
		err = fuse_opt_add_arg(args, arg);
	free(option);
	free(escaped);
	free(arg);
	return err;
}

static int create_session(struct server *server)
{
	struct finode_session_config config = FINODE_SESSION_CONFIG_INIT;
	struct fuse_args *args = &server->options.args;

	if (add_option(args, "fsname", server->options.source) != 0 ||
	    add_option(args, "subtype", server->options.program) != 0 ||
	    fuse_opt_add_arg(args, "-odefault_permissions") != 0 ||
	    (geteuid() == 0 && fuse_opt_add_arg(args, "-oallow_other") != 0) ||
	    (server->options.debug && fuse_opt_add_arg(args, "-odebug") != 0))
		return -ENOMEM;
	hostfs_ops(&base, sizeof(base));
	server->ops = base;
	if (server->kind->customise)
		server->kind->customise(&server->ops, &base);
	server->ops.getxattr = getxattr_or_stats;
	hostfs_session_config(&server->fs, &server->ops, sizeof(server->ops), &config);
	if (server->kind->tmpfile)
		config.tmpfile = server->kind->tmpfile;
	return finode_session_create(args, &config, &server->session);
}

static int run(struct server *server)
{
	int status = open_source(server);
	int err;

	if (status >= 0)
		return status;
	/* libfuse has told which option it does not know. */
	if (create_session(server) != 0) {
		hostfs_finish(&server->fs);
		return HOSTSERVE_USAGE;
	}
	err = mount_and_loop(server);
	/* The source does not let go of some threads: they use what would be freed here. */
	if (err == -ETIMEDOUT)
		_exit(HOSTSERVE_FAILED);
	finode_session_destroy(server->session);
	hostfs_finish(&server->fs);
	if (!err)
		return HOSTSERVE_OK;
	return geteuid() != 0 ? HOSTSERVE_DENIED : HOSTSERVE_FAILED;
}

int hostserve_main(int argc, char *argv[], const struct hostserve *kind)
{
	struct server server = {.kind = kind};
	int status = hostserve_parse(&server.options, argc, argv, kind);

	if (status < 0)
		status = hostserve_check(&server.options);
	if (status < 0)
		status = run(&server);
	hostserve_options_finish(&server.options);
	return status;
}
