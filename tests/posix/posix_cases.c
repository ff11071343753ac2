/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * posix_cases [--uid U --gid G [--groups A,B]] [--only PATTERN] [--list] DIR: runs every
 * case (see cases.h), each in a new directory in DIR, and prints what it observes. To be
 * started by root, since cases need files of others; --uid.. is who they run as then.
 *
 * The exit status is not 0 if a case could not be prepared, crashed, or took too long; of
 * what is right or wrong only a comparison of two outputs can tell.
 */
#include "cases.h"

#include <dirent.h>
#include <fnmatch.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "run.h"

#define CASE_SECONDS 30

struct identity me;
char case_name[128];

static const struct family *const families[] = {
	&open_family,	   &tmpfile_family,	&permission_family, &mkdir_family,
	&mknod_family,	   &symlink_family,	&link_family,	    &unlink_family,
	&rename_family,	   &rename_type_family, &chmod_family,	    &chown_family,
	&utimens_family,   &times_family,	&truncate_family,   &kill_family,
	&io_family,	   &fallocate_family,	&copy_family,	    &readdir_family,
	&directory_family, &xattr_family,	&acl_family,	    &access_family,
	&stat_family,	   &name_family,	&lock_family,	    &mmap_family,
	&flags_family,	   &exec_family,	&sync_family,
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Removes a name in `dir` and all below it, at any depth of path. */
static void remove_tree(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	DIR *stream;

	if (fd >= 0) {
		stream = fdopendir(fd);
		if (!stream)
			die("fdopendir");
		while ((entry = readdir(stream)))
			if (strcmp(entry->d_name, ".") != 0 &&
			    strcmp(entry->d_name, "..") != 0)
				remove_tree(fd, entry->d_name);
		closedir(stream);
	}
	if (unlinkat(dir, name, fd >= 0 ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
		die(name);
}

static void become_user(void)
{
	if (setgroups(me.group_count, me.groups) < 0 ||
	    setresgid(me.gid, me.gid, me.gid) < 0 || setresuid(me.uid, me.uid, me.uid) < 0)
		die("become the user");
	prctl(PR_SET_DUMPABLE, 1);
}

static void run_in_child(int dir, const struct posix_case *test)
{
	setpgid(0, 0);
	alarm(CASE_SECONDS);
	umask(022);
	if (fchdir(dir) < 0)
		die("fchdir");
	close(dir);
	if (test->prepare)
		test->prepare();
	become_user();
	test->run();
	exit(0);
}

/* Returns whether the case ended well. */
static bool run_case(int parent, const struct posix_case *test)
{
	int status = 0, dir;
	pid_t child;

	if (mkdirat(parent, case_name, 0755) < 0 ||
	    fchownat(parent, case_name, me.uid, me.gid, 0) < 0)
		die(case_name);
	dir = openat(parent, case_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fflush(NULL);
	child = dir < 0 ? -1 : fork();
	if (child < 0)
		die(case_name);
	if (child == 0)
		run_in_child(dir, test);
	waitpid(child, &status, 0);
	kill(-child, SIGKILL); /* what it may have left behind */
	close(dir);
	if (WIFSIGNALED(status))
		printf("%s: ended by SIG%s\n", case_name, sigabbrev_np(WTERMSIG(status)));
	remove_tree(parent, case_name);
	return status == 0;
}

static int run_all(int parent, const char *only, bool list)
{
	int failed = 0;

	for (size_t f = 0; f < COUNT(families); f++)
		for (size_t c = 0; c < families[f]->count; c++) {
			const struct posix_case *test = &families[f]->cases[c];

			snprintf(case_name, sizeof(case_name), "%s.%s", families[f]->name,
				 test->name);
			if (only && fnmatch(only, case_name, 0) != 0)
				continue;
			if (list)
				puts(case_name);
			else if (!run_case(parent, test))
				failed = 1;
		}
	return failed;
}

static void parse_groups(char *list)
{
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ","))
		if (me.group_count < COUNT(me.groups))
			me.groups[me.group_count++] = (gid_t)strtoul(word, NULL, 10);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"uid", required_argument, NULL, 'u'},
		{"gid", required_argument, NULL, 'g'},
		{"groups", required_argument, NULL, 'G'},
		{"only", required_argument, NULL, 'o'},
		{"list", no_argument, NULL, 'l'},
		{0},
	};
	const char *only = NULL;
	bool list = false, bad = false;
	int option, parent;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'u')
			me.uid = (uid_t)strtoul(optarg, NULL, 10);
		else if (option == 'g')
			me.gid = (gid_t)strtoul(optarg, NULL, 10);
		else if (option == 'G')
			parse_groups(optarg);
		else if (option == 'o')
			only = optarg;
		else if (option == 'l')
			list = true;
		else
			bad = true;
	}
	if (bad || optind + (list ? 0 : 1) != argc) {
		fprintf(stderr, "usage: posix_cases [--uid U --gid G [--groups A,B]] "
				"[--only PATTERN] [--list] DIR\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	parent = list ? -1 : open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!list && parent < 0)
		die(argv[optind]);
	return run_all(parent, only, list);
}
