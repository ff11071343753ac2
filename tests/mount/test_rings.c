/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuse-over-io_uring, with our loop: its threads come and go with a session, no operation
 * is cancelled, and what is answered late harms nobody. As root with /dev/fuse, with a
 * libfuse and a kernel that have it; else it skips, unless FUSE_URING_ENABLE asks for it.
 */
#include "support/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "fakekernel/memfs.h"

#define SESSIONS 50

struct served {
	struct memfs fs;
	struct finode_session_config config;
	struct fuse_lowlevel_ops ops;
	struct finode_session *session;
	char path[64];
	pthread_t loop;
	int result; /* of the loop */
	/* what the LOOKUP of "parked" and of "slow" do */
	fuse_req_t _Atomic parked;
	_Atomic bool slow_began, slow_ended;
	struct gate gate; /* for "slow" */
};

static const struct fuse_lowlevel_ops *memfs_ops;

/* ---- What the process has ---- */

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static unsigned int threads_named(const char *name)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[300], line[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(line, sizeof(line), file))
			count += strncmp(line, name, strlen(name)) == 0;
		if (file)
			fclose(file);
	}
	closedir(dir);
	return count;
}

/* ---- A server ---- */

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct served *s = ((struct memfs *)finode_session_of(req)->user)->arg;

	if (strcmp(name, "parked") == 0) {
		s->parked = req;
		return;
	}
	if (strcmp(name, "slow") == 0) {
		s->slow_began = true;
		gate_pass(&s->gate);
		usleep(200000); /* here it could be cancelled */
		s->slow_ended = true;
	}
	memfs_ops->lookup(req, parent, name);
}

static void *loop_main(void *arg)
{
	struct served *s = arg;

	s->result = finode_session_loop(s->session, NULL);
	return NULL;
}

static void begin(struct served *s)
{
	char *argv[] = {"test_rings", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	*s = (struct served){0};
	assert_int_equal(memfs_start(&s->fs, NULL, NULL), 0);
	pthread_mutex_init(&s->gate.mutex, NULL);
	pthread_cond_init(&s->gate.changed, NULL);
	s->fs.arg = s;
	s->config = memfs_server(&s->fs);
	memfs_ops = s->config.ops;
	s->ops = *memfs_ops;
	s->ops.lookup = lookup;
	s->config.ops = &s->ops;
	snprintf(s->path, sizeof(s->path), "/tmp/finode-rings.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	assert_int_equal(finode_session_create(&args, &s->config, &s->session), 0);
	fuse_opt_free_args(&args);
	assert_int_equal(finode_session_mount(s->session, s->path), 0);
	assert_int_equal(pthread_create(&s->loop, NULL, loop_main, s), 0);
}

static void finish(struct served *s)
{
	finode_session_unmount(s->session);
	finode_session_destroy(s->session);
	assert_int_equal(rmdir(s->path), 0); /* it is no mountpoint any more */
	memfs_stop(&s->fs);
	assert_int_equal(s->fs.inits, s->fs.evicts);
}

/* ---- Who uses it: children, since the server must not ---- */

static pid_t start_stat(const struct served *s, const char *name)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct stat st;
		char path[200];

		/* Else it would keep the connection alive that it waits for. */
		close_range(3, ~0u, 0);
		snprintf(path, sizeof(path), "%s/%s", s->path, name);
		_exit(stat(path, &st) < 0 ? errno : 0);
	}
	return pid;
}

static int end_stat(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void await(const _Atomic bool *what)
{
	while (!*what)
		usleep(1000);
}

/* ---- The tests ---- */

static void test_threads_and_fds_go_with_their_session(void **state)
{
	static struct served s;
	unsigned int tasks = 0, fds = 0;

	(void)state;
	for (int i = 0; i < SESSIONS; i++) {
		begin(&s);
		assert_int_equal(end_stat(start_stat(&s, "nothing")), ENOENT);
		assert_true(threads_named("fuse-ring-") > 0);
		if (i % 2)
			finode_session_exit(s.session);
		else
			assert_int_equal(umount2(s.path, 0), 0);
		pthread_join(s.loop, NULL);
		assert_int_equal(s.result, 0);
		finish(&s);
		assert_int_equal(threads_named("fuse-ring-"), 0);
		if (i == 0) {
			tasks = count_entries("/proc/self/task");
			fds = count_entries("/proc/self/fd");
		}
	}
	assert_int_equal(count_entries("/proc/self/task"), tasks);
	assert_int_equal(count_entries("/proc/self/fd"), fds);
}

static void test_J_an_operation_in_a_ring_is_waited_for_and_not_cancelled(void **state)
{
	static struct served s;
	pid_t pid;

	(void)state;
	begin(&s);
	pid = start_stat(&s, "slow");
	await(&s.slow_began);
	finode_session_exit(s.session);
	pthread_join(s.loop, NULL);
	assert_true(s.slow_ended);
	assert_int_equal(s.result, 0);
	assert_int_not_equal(end_stat(pid), 0);
	finish(&s);
}

static void test_C_a_request_may_be_answered_after_the_end_of_its_ring(void **state)
{
	static struct served s;
	pid_t pid;

	(void)state;
	begin(&s);
	pid = start_stat(&s, "parked");
	while (!s.parked)
		usleep(1000);
	finode_session_exit(s.session);
	pthread_join(s.loop, NULL);
	assert_int_not_equal(end_stat(pid), 0);
	/* Counted, and nobody has received it: the end takes it back. */
	assert_int_equal(memfs_make_behind_the_back(&s.fs.main, "parked"), 0);
	memfs_ops->lookup(s.parked, FINODE_ROOT_ID, "parked");
	finish(&s);
}

static void test_J_a_session_waits_for_its_own_rings_only(void **state)
{
	static struct served busy, other;
	pid_t pid;

	(void)state;
	begin(&busy);
	begin(&other);
	gate_close(&busy.gate);
	assert_int_equal(end_stat(start_stat(&other, "nothing")), ENOENT);
	pid = start_stat(&busy, "slow");
	await(&busy.slow_began);
	finode_session_exit(other.session);
	pthread_join(other.loop, NULL);
	assert_int_equal(other.result, 0);
	finish(&other);
	assert_false(busy.slow_ended);
	gate_open(&busy.gate);
	assert_int_equal(end_stat(pid), ENOENT);
	finode_session_exit(busy.session);
	pthread_join(busy.loop, NULL);
	finish(&busy);
}

/* Are there rings at all? */
static bool has_rings(void)
{
	static struct served s;
	bool found;

	begin(&s);
	assert_int_equal(end_stat(start_stat(&s, "nothing")), ENOENT);
	found = threads_named("fuse-ring-") > 0;
	finode_session_exit(s.session);
	pthread_join(s.loop, NULL);
	finish(&s);
	return found;
}

static int begin_all(void **state)
{
	const bool asked_for = getenv("FUSE_URING_ENABLE") != NULL;

	(void)state;
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0) {
		printf("SKIPPED: needs root and /dev/fuse\n");
		exit(77);
	}
	setenv("FUSE_URING_ENABLE", "1", 0);
	if (has_rings())
		return 0;
	if (asked_for)
		return -1;
	printf("SKIPPED: needs /sys/module/fuse/parameters/enable_uring, and a libfuse "
	       "that "
	       "was built with liburing\n");
	exit(77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_and_fds_go_with_their_session),
		cmocka_unit_test(
			test_J_an_operation_in_a_ring_is_waited_for_and_not_cancelled),
		cmocka_unit_test(
			test_C_a_request_may_be_answered_after_the_end_of_its_ring),
		cmocka_unit_test(test_J_a_session_waits_for_its_own_rings_only),
	};

	return cmocka_run_group_tests(tests, begin_all, NULL);
}
