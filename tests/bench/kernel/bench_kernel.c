/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The example servers beside other servers and beside the directory that they show, behind
 * real mounts: see usage(). scripts/bench runs it, in a mount namespace of its own, and
 * prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

#define TURN_MS 300000 /* after that the server is taken to hang */

/* What is done, in this order. Each round gives every server a turn. */
struct workload {
	const char *name;
	enum group group;
	const char *source;
	void (*fn)(const struct turn *turn);
	unsigned int rounds;
	unsigned int processes;
};

static const struct workload workloads[] = {
	{"stat of a tree", STAT, "stat", do_stat, 5, 1},
	{"stat of a large tree, 1,024 fds", LIMIT, "limit", do_limit, 3, 1},
	{"look-up, many directories, 1", LOOKUP, "lookup-many", do_lookup_many, 5, 1},
	{"look-up, many directories, 2", LOOKUP, "lookup-many", do_lookup_many, 5, 2},
	{"look-up, many directories, 4", LOOKUP, "lookup-many", do_lookup_many, 5, 4},
	{"look-up, one directory, 1", LOOKUP, "lookup-one", do_lookup_one, 5, 1},
	{"look-up, one directory, 2", LOOKUP, "lookup-one", do_lookup_one, 5, 2},
	{"look-up, one directory, 4", LOOKUP, "lookup-one", do_lookup_one, 5, 4},
	{"small files, links, renames", CHANGE, "change", do_change, 5, 1},
	{"untar, rm -r", PROGRAMS, "change", do_untar, 5, 1},
	{"git status", PROGRAMS, "git", do_git, 5, 1},
	{"reading and writing", DATA, "data", do_data, 5, 1},
	{"many small files", MANY, "tmpfs/many", do_many, 1, 1},
	{"growth", GROW, "tmpfs/grow", do_grow, 5, 1},
	{NULL, 0, NULL, NULL, 0, 0},
};

static const struct sizes full = {
	.stat = 15000,
	.limit = 200000,
	.lookup = 5000,
	.change = 1000,
	.many = 100000,
	.links = 1000,
	.renames = 3200,
	.source = 800,
	.git = 10000,
	.data = 64 << 20,
	.grow = 1000000,
	.grow_often = 100000,
};

static const struct sizes small = {
	.stat = 2000,
	.limit = 5000,
	.lookup = 1000,
	.change = 500,
	.many = 2000,
	.links = 200,
	.renames = 3200,
	.source = 200,
	.git = 500,
	.data = 8 << 20,
	.grow = 10000,
	.grow_often = 10000,
};

struct options {
	const struct sizes *sizes;
	const char *json, *perf, *only, *work;
	unsigned int most_rounds;
	unsigned long fds;
	bool quick;
};

static char mnt[200], sources[200];
static uint64_t began;

void bench_die(const char *what)
{
	fprintf(stderr, "bench_kernel: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* In the mount, or, if there is no server, in the source. */
static void do_turn(struct turn *turn, void (*fn)(const struct turn *turn))
{
	if (chdir(turn->pid ? mnt : turn->source) != 0)
		sample_send(turn, "chdir", "error", 0, 1, errno);
	else
		fn(turn);
	_exit(0);
}

static void add(const struct server *server, const struct sample *sample)
{
	results_add(server->name, sample);
	if (strcmp(sample->pattern, "error") == 0)
		fprintf(stderr, "bench_kernel: %s: %s: %s\n", server->name, sample->op,
			strerror((int)sample->value));
}

static void add_error(const struct server *server, const char *op, int err)
{
	struct sample sample = {.pattern = "error", .threads = 1, .value = err};

	snprintf(sample.op, sizeof(sample.op), "%s", op);
	add(server, &sample);
}

/* @return whether all samples came before the turn was over */
static bool take_samples(const struct server *server, int in)
{
	const uint64_t end = now_ns() + TURN_MS * 1000000ull;
	struct pollfd ready = {.fd = in, .events = POLLIN};
	struct sample sample;

	while (now_ns() < end && poll(&ready, 1, 1000) >= 0) {
		if (!ready.revents)
			continue;
		if (read(in, &sample, sizeof(sample)) != sizeof(sample))
			return true;
		add(server, &sample);
	}
	return false;
}

static void give_turn(struct turn *turn, void (*fn)(const struct turn *turn))
{
	int ends[2];
	pid_t child;
	bool ended;

	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0)
		bench_die("no process");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		turn->out = ends[1];
		do_turn(turn, fn);
	}
	close(ends[1]);
	ended = take_samples(turn->server, ends[0]);
	if (!ended) {
		add_error(turn->server, "hang", ETIMEDOUT);
		/* So that whoever waits in the mount ends. */
		if (turn->pid)
			kill(turn->pid, SIGKILL);
		kill(child, SIGKILL);
	}
	close(ends[0]);
	waitpid(child, NULL, 0);
}

/* The source as it was; what is left in it was left by a turn that failed. */
static void clean(const struct workload *w, const char *source)
{
	if (w->group != MANY && strcmp(w->source, "change") != 0)
		return;
	tree_remove(source);
	if (mkdir(source, 0755) != 0)
		bench_die(source);
}

static void run_server(const struct options *o, const struct workload *w,
		       const struct server *server, unsigned int round)
{
	char source[300];
	struct turn turn = {
		.server = server,
		.sizes = o->sizes,
		.root = sources,
		.source = source,
		.round = round,
		.processes = w->processes,
	};

	snprintf(source, sizeof(source), "%s/%s", sources, w->source);
	if (server->command[0]) {
		turn.pid = server_start(server, source, mnt, w->group == LIMIT);
		if (turn.pid < 0) {
			add_error(server, "mount", EIO);
			return;
		}
	}
	give_turn(&turn, w->fn);
	if (turn.pid)
		server_stop(turn.pid, mnt);
	clean(w, source);
}

static bool takes_part(const struct options *o, const struct server *server,
		       enum group group)
{
	return (server->groups & group) && server_is_there(server) &&
	       (!o->only || strcmp(o->only, server->name) == 0 || !server->command[0]);
}

/* Files are made in microseconds there, and no disk is in the way. */
static void mount_tmpfs(const struct options *o, const struct workload *w)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/tmpfs", sources);
	if (mkdir(path, 0755) != 0 ||
	    mount("finode-bench", path, "tmpfs", 0, "nr_inodes=0") != 0)
		bench_die(path);
	snprintf(path, sizeof(path), "%s/%s", sources, w->source);
	tree_make(path, w->group == GROW ? o->sizes->grow : 0, "", 0);
}

static void unmount_tmpfs(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/tmpfs", sources);
	umount2(path, MNT_DETACH);
	rmdir(path);
}

static void run_workload(const struct options *o, const struct workload *w)
{
	const bool in_memory = w->group & (GROW | MANY);

	if (in_memory)
		mount_tmpfs(o, w);
	for (unsigned int round = 0; round < w->rounds && round < o->most_rounds; round++)
		for (const struct server *s = servers; s->name; s++)
			if (takes_part(o, s, w->group))
				run_server(o, w, s, round);
	if (in_memory)
		unmount_tmpfs();
	fprintf(stderr, "%s: %.0f s\n", w->name, (double)(now_ns() - began) / 1e9);
}

/* ---- Profiles ---- */

static pid_t start_perf(const char *dir, const struct server *server, pid_t pid)
{
	char file[300], number[16];
	pid_t perf;

	snprintf(file, sizeof(file), "%s/%s.perf", dir, server->name);
	snprintf(number, sizeof(number), "%d", (int)pid);
	fflush(NULL);
	perf = fork();
	if (perf == 0) {
		int null = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		dup2(null, 2);
		execlp("perf", "perf", "record", "-q", "-e", "cpu-clock", "-F", "9999",
		       "-p", number, "-o", file, (char *)NULL);
		_exit(127);
	}
	usleep(500000); /* until it looks on */
	return perf;
}

/* The walk of STAT again, with perf(1) on the server. */
static void profile(const struct options *o)
{
	char source[300];

	snprintf(source, sizeof(source), "%s/stat", sources);
	for (const struct server *s = servers; s->name; s++) {
		struct turn turn = {
			.server = s, .sizes = o->sizes, .root = sources, .source = source};
		pid_t perf;

		if (!s->command[0] || !takes_part(o, s, STAT))
			continue;
		turn.pid = server_start(s, source, mnt, false);
		if (turn.pid < 0)
			bench_die(s->name);
		perf = start_perf(o->perf, s, turn.pid);
		give_turn(&turn, do_profile);
		if (perf > 0) {
			kill(perf, SIGINT);
			waitpid(perf, NULL, 0);
		}
		server_stop(turn.pid, mnt);
	}
}

/* ---- The whole ---- */

/* What servers inherit. Where root may not raise it, it is what it is. */
static unsigned long fd_limit(void)
{
	struct rlimit limit = {1 << 20, 1 << 20};

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 &&
	    getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

static void write_json(const struct options *o)
{
	FILE *out = fopen(o->json ? o->json : "/dev/stdout", "w");
	const char *comma = "";

	if (!out)
		bench_die("the results");
	fprintf(out, "{\"mode\": \"%s\", \"fds\": %lu,\n\"tables\": [",
		o->quick ? "quick" : "full", o->fds);
	for (const struct server *server = servers; server->name; server++) {
		if (!server_is_there(server))
			continue;
		fprintf(out, "%s\n{\"name\": \"%s\", \"server\": \"%s\"}", comma,
			server->name, server->about);
		comma = ",";
	}
	fprintf(out, "\n],\n");
	results_write(out);
	fprintf(out, "}\n");
	if (fclose(out) != 0)
		bench_die("the results");
}

static void usage(FILE *out)
{
	fputs("usage: bench_kernel --work DIR [--quick] [--json FILE] [--perf DIR]\n"
	      "                    [--only SERVER] [--group NUMBER]\n"
	      "\n"
	      "Measures servers behind mounts; medians go to FILE as JSON, or to stdout. "
	      "The\n"
	      "servers are found in the PATH; those that are not there do not take part.\n"
	      "\n"
	      "  --work   an empty directory, for sources and the mountpoint; use a mount\n"
	      "           namespace of its own\n"
	      "  --quick  small trees, one round\n"
	      "  --perf   profiles of the servers (perf record) go there\n"
	      "  --only   native and this server\n"
	      "  --group  these workloads only, as a sum of bits of enum group\n",
	      out);
}

static void parse(int argc, char *argv[], struct options *o, unsigned int *groups)
{
	static const struct option long_options[] = {
		{"work", required_argument, NULL, 'w'},
		{"quick", no_argument, NULL, 'q'},
		{"json", required_argument, NULL, 'j'},
		{"perf", required_argument, NULL, 'p'},
		{"only", required_argument, NULL, 'o'},
		{"group", required_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'w') {
			o->work = optarg;
		} else if (option == 'q') {
			o->sizes = &small;
			o->quick = true;
			o->most_rounds = 1;
		} else if (option == 'j') {
			o->json = optarg;
		} else if (option == 'p') {
			o->perf = optarg;
		} else if (option == 'o') {
			o->only = optarg;
		} else if (option == 'g') {
			*groups = (unsigned int)strtoul(optarg, NULL, 10);
		} else {
			usage(option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (optind != argc || !o->work) {
		usage(stderr);
		exit(2);
	}
}

int main(int argc, char *argv[])
{
	struct options o = {.sizes = &full, .most_rounds = UINT32_MAX};
	unsigned int groups = ~0u;
	struct sizes sizes;

	parse(argc, argv, &o, &groups);
	sizes = *o.sizes;
	if (!(groups & LIMIT))
		sizes.limit = 0; /* it takes long to make */
	o.sizes = &sizes;
	began = now_ns();
	o.fds = fd_limit();
	umask(022);
	snprintf(mnt, sizeof(mnt), "%s/mnt", o.work);
	snprintf(sources, sizeof(sources), "%s/sources", o.work);
	if (mkdir(mnt, 0755) != 0 || mkdir(sources, 0755) != 0)
		bench_die(o.work);
	for (const struct server *s = servers; s->name; s++)
		if (!server_is_there(s))
			fprintf(stderr, "bench_kernel: %s is not there\n", s->name);
	trees_make(sources, o.sizes);
	fprintf(stderr, "the sources: %.0f s\n", (double)(now_ns() - began) / 1e9);
	for (const struct workload *w = workloads; w->name; w++) {
		if (!(groups & w->group))
			continue;
		run_workload(&o, w);
		if (o.json)
			write_json(&o); /* what there is, should the rest be interrupted */
	}
	if (o.perf)
		profile(&o);
	write_json(&o);
	return 0;
}
