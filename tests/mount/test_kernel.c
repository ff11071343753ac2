/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session and its notifications against the real kernel: memfs, served by this process
 * at a mountpoint of its own, used by children. As root with /dev/fuse; else it skips.
 * What a test has mounted is static: a test that fails leaves its server running.
 */
#include "support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fakekernel/memfs.h"

#define PATIENCE 20 /* seconds after which a wait has failed */

struct mounted {
	struct memfs fs;
	struct finode_session *session;
	char path[64];
	pthread_t loop;
	_Atomic unsigned int lookups;
	/* of test_two_lookups.. */
	_Atomic bool slow_began, fast_came, overlapped;
	unsigned int hold_ms;
	/* of test_..queued_from_handlers.. */
	_Atomic unsigned long calls, refused;
	int loop_result; /* of own_loop() */
};

static struct finode_kernel kernel_of(struct finode_session *session)
{
	struct finode_kernel kernel;

	finode_session_kernel(session, &kernel, sizeof(kernel));
	return kernel;
}

static void *loop_main(void *arg)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	fuse_session_loop_mt(((struct mounted *)arg)->session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return NULL;
}

static void mount_only(struct mounted *m, const struct finode_session_config *changes)
{
	struct finode_session_config config = memfs_server(&m->fs);
	char *argv[] = {"test_kernel", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	config.serial_dirops = changes->serial_dirops;
	config.notify_limit = changes->notify_limit;
	config.end_timeout_ms = changes->end_timeout_ms;
	if (changes->ops)
		config.ops = changes->ops;
	snprintf(m->path, sizeof(m->path), "/tmp/finode-kernel.XXXXXX");
	assert_non_null(mkdtemp(m->path));
	assert_int_equal(finode_session_create(&args, &config, &m->session), 0);
	fuse_opt_free_args(&args);
	assert_int_equal(finode_session_mount(m->session, m->path), 0);
}

static void begin_with(struct mounted *m, const struct finode_session_config *changes)
{
	*m = (struct mounted){0};
	assert_int_equal(memfs_start(&m->fs, NULL, NULL), 0);
	m->fs.arg = m;
	mount_only(m, changes);
	assert_int_equal(pthread_create(&m->loop, NULL, loop_main, m), 0);
}

static void begin(struct mounted *m)
{
	begin_with(m, &(struct finode_session_config){0});
}

static void finish(struct mounted *m)
{
	char why[200];

	assert_int_equal(finode_table_check(m->fs.table, why, sizeof(why)), 0);
	assert_int_equal(umount2(m->path, 0), 0);
	pthread_join(m->loop, NULL);
	finode_session_destroy(m->session);
	assert_int_equal(rmdir(m->path), 0);
	memfs_stop(&m->fs);
	assert_int_equal(m->fs.inits, m->fs.evicts);
	assert_int_equal(m->fs.nodes, 0);
}

static struct finode_stats table_stats(struct mounted *m)
{
	struct finode_stats s;

	finode_table_stats(m->fs.table, &s, sizeof(s));
	return s;
}

static struct finode_session_stats session_stats(struct mounted *m)
{
	struct finode_session_stats s;

	finode_session_stats(m->session, &s, sizeof(s));
	return s;
}

/* ---- Children: the server must not use its own mount ---- */

typedef int (*child_fn)(const char *dir, const char *name);

static pid_t start_child(struct mounted *m, child_fn fn, const char *name)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* Else it would keep the connection alive that it waits for. */
		close(fuse_session_fd(m->session->fuse));
		_exit(fn(m->path, name));
	}
	return pid;
}

/* The child's status; it is killed, and the test fails, if it does not end. */
static int end_child(pid_t pid)
{
	int status;

	for (int i = 0; i < PATIENCE * 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			assert_true(WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		usleep(1000);
	}
	kill(pid, SIGKILL);
	fail_msg("a child hangs");
	return -1;
}

static int run_child(struct mounted *m, child_fn fn, const char *name)
{
	return end_child(start_child(m, fn, name));
}

/* In the child: returns 0 or the errno. */
static int child_stat(const char *dir, const char *name)
{
	struct stat st;
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) < 0 ? errno : 0;
}

static int child_make(const char *dir, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return mknod(path, S_IFREG | 0644, 0) < 0 ? errno : 0;
}

/* ---- Lookups side by side ---- */

/* "slow" is answered when "fast" has come, or after hold_ms. */
static void hold_slow(struct memfs *fs, fuse_req_t req, uint64_t parent, const char *name)
{
	struct mounted *m = fs->arg;

	(void)req;
	(void)parent;
	if (strcmp(name, "fast") == 0)
		m->fast_came = true;
	if (strcmp(name, "slow") != 0)
		return;
	m->slow_began = true;
	for (unsigned int i = 0; i < m->hold_ms && !m->fast_came; i++)
		usleep(1000);
	m->overlapped = m->fast_came;
}

/* A ring serves the requests of one processor, one after the other: each has its own. */
static int child_stat_apart(const char *dir, const char *name)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(strcmp(name, "slow") == 0 ? 0 : 1, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	return child_stat(dir, name);
}

static bool two_lookups_overlap(int serial, unsigned int hold_ms)
{
	static struct mounted m;
	pid_t slow;

	begin_with(&m, &(struct finode_session_config){.serial_dirops = serial});
	m.hold_ms = hold_ms;
	m.fs.on_lookup = hold_slow;
	slow = start_child(&m, child_stat_apart, "slow");
	AWAIT(m.slow_began);
	assert_int_equal(run_child(&m, child_stat_apart, "fast"), ENOENT);
	assert_int_equal(end_child(slow), ENOENT);
	m.fs.on_lookup = NULL;
	finish(&m);
	return m.overlapped;
}

static void test_two_lookups_in_one_directory_run_at_the_same_time(void **state)
{
	(void)state;
	assert_true(two_lookups_overlap(0, PATIENCE * 1000));
}

/* The same test can fail: where the server asks for one at a time, the second waits. */
static void test_with_serial_dirops_they_do_not(void **state)
{
	(void)state;
	assert_false(two_lookups_overlap(1, 500));
}

/* ---- What libfuse may not know ---- */

static int child_tmpfile(const char *dir, const char *name)
{
	int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	char link[400], path[64];
	struct stat st, named;

	snprintf(link, sizeof(link), "%s/%s", dir, name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink != 0)
		return errno ? errno : 200;
	if (linkat(AT_FDCWD, path, AT_FDCWD, link, AT_SYMLINK_FOLLOW) < 0)
		return errno;
	if (stat(link, &named) < 0)
		return errno;
	return named.st_ino == st.st_ino && named.st_nlink == 1 ? 0 : 201;
}

static int child_statx(const char *dir, const char *name)
{
	struct statx stx;
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BTIME, &stx) < 0)
		return errno;
	return stx.stx_mask & STATX_BTIME && stx.stx_btime.tv_sec == 1234567890 ? 0 : 200;
}

static void tmpfile_and_statx(const struct fuse_lowlevel_ops *ops)
{
	static struct mounted m;

	begin_with(&m, &(struct finode_session_config){.ops = ops});
	assert_int_equal(run_child(&m, child_tmpfile, "linked"), 0);
	if (kernel_of(m.session).minor >= 39)
		assert_int_equal(run_child(&m, child_statx, "linked"), 0);
	else
		print_message("this kernel sends no STATX\n");
	assert_int_equal(session_stats(&m).malformed, 0);
	finish(&m);
}

static void test_tmpfile_with_linkat_and_statx_with_btime(void **state)
{
	(void)state;
	tmpfile_and_statx(NULL);
}

static void no_write(fuse_req_t req, fuse_ino_t nodeid, struct fuse_bufvec *in, off_t off,
		     struct fuse_file_info *fi)
{
	(void)nodeid;
	(void)in;
	(void)off;
	(void)fi;
	finode_reply_err(req, -EIO);
}

/* What libfuse reads at once must fit a pipe, whose size has a limit without privileges. */
static void small_writes(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = 1 << 17;
}

/* With write_buf, libfuse splices requests, and the session finds them in its pipe. */
static const struct fuse_lowlevel_ops *with_splice(struct fuse_lowlevel_ops *ops)
{
	struct memfs fs = {0};

	*ops = *memfs_server(&fs).ops;
	ops->write_buf = no_write;
	ops->init = small_writes;
	return ops;
}

static void test_the_same_where_requests_are_spliced(void **state)
{
	struct fuse_lowlevel_ops ops;

	(void)state;
	tmpfile_and_statx(with_splice(&ops));
}

/* ---- Notifications ---- */

static void count_lookups(struct memfs *fs, fuse_req_t req, uint64_t parent,
			  const char *name)
{
	(void)req;
	(void)parent;
	(void)name;
	((struct mounted *)fs->arg)->lookups++;
}

/* How many LOOKUPs one stat of a name that is cached for long causes after `tell`. */
static unsigned int lookups_after(struct mounted *m, int (*tell)(struct finode_session *s))
{
	unsigned int before;

	assert_int_equal(run_child(m, child_stat, "f"), 0);
	before = m->lookups;
	assert_int_equal(run_child(m, child_stat, "f"), 0);
	assert_int_equal(m->lookups, before); /* it is cached */
	assert_int_equal(tell(m->session), 0);
	assert_int_equal(finode_notify_flush(m->session), 0);
	assert_int_equal(run_child(m, child_stat, "f"), 0);
	return m->lookups - before;
}

static int tell_inval(struct finode_session *s)
{
	return finode_notify_inval_entry(s, FUSE_ROOT_ID, "f");
}

static int tell_expire(struct finode_session *s)
{
	return finode_notify_expire_entry(s, FUSE_ROOT_ID, "f");
}

static int tell_epoch(struct finode_session *s)
{
	return finode_notify_increment_epoch(s);
}

static int tell_unknown(struct finode_session *s)
{
	return finode_notify_inval_entry(s, FUSE_ROOT_ID, "never heard of");
}

static void test_the_kernel_looks_up_again_what_is_no_longer_true(void **state)
{
	static struct mounted m;

	(void)state;
	begin(&m);
	m.fs.timeout = 1000;
	m.fs.on_lookup = count_lookups;
	assert_int_equal(run_child(&m, child_make, "f"), 0);
	assert_int_equal(lookups_after(&m, tell_inval), 1);
	assert_int_equal(lookups_after(&m, tell_expire), 1);
	if (finode_session_kernel_has(m.session, FINODE_KERNEL_EPOCH))
		assert_int_equal(lookups_after(&m, tell_epoch), 1);
	else
		print_message("this kernel knows no epochs\n");
	assert_int_equal(lookups_after(&m, tell_unknown), 0);
	assert_int_equal(session_stats(&m).notify[FINODE_NOTIFY_INVAL_ENTRY].unknown, 1);
	finish(&m);
}

static void invalidate_itself(struct memfs *fs, fuse_req_t req, uint64_t parent,
			      const char *name)
{
	struct mounted *m = fs->arg;

	if (finode_notify_inval_entry(finode_session_of(req), parent, name) == 0)
		m->calls++;
	usleep(20000); /* long enough for the message to be in the kernel, and wait */
}

static void test_a_handler_may_invalidate_the_very_entry_that_it_answers(void **state)
{
	static struct mounted m;

	(void)state;
	begin(&m);
	assert_int_equal(run_child(&m, child_make, "f"), 0);
	assert_int_equal(finode_notify_inval_entry(m.session, FUSE_ROOT_ID, "f"), 0);
	assert_int_equal(finode_notify_flush(m.session), 0);
	m.fs.on_lookup = invalidate_itself;
	assert_int_equal(run_child(&m, child_stat, "f"), 0);
	assert_int_equal(run_child(&m, child_stat, "none"), ENOENT);
	m.fs.on_lookup = NULL;
	assert_true(m.calls >= 2);
	assert_int_equal(finode_notify_flush(m.session), 0);
	finish(&m);
}

#define CALLS_WANTED 100000
#define CALLS_EACH   20 /* in one handler */
#define LOAD	     4	/* children */

static void invalidate_many(struct memfs *fs, fuse_req_t req, uint64_t parent,
			    const char *name)
{
	struct finode_session *s = finode_session_of(req);
	struct mounted *m = fs->arg;
	unsigned long n = m->calls;
	char other[32];

	m->refused += finode_notify_inval_entry(s, parent, name) != 0;
	m->refused += finode_notify_inval_inode(s, n % 100, -1, 0) != 0;
	for (int i = 2; i < CALLS_EACH; i++) {
		snprintf(other, sizeof(other), "%lu-%d", n, i);
		m->refused += finode_notify_inval_entry(s, parent, other) != 0;
	}
	m->calls += CALLS_EACH;
}

static _Atomic bool *load_ends; /* shared with the children */

static void share_load_ends(void)
{
	load_ends = mmap(NULL, sizeof(*load_ends), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(load_ends, MAP_FAILED);
}

static int child_load(const char *dir, const char *name)
{
	while (!*load_ends)
		if (child_stat(dir, name) != 0)
			return 1;
	return 0;
}

static void test_100000_invalidations_from_handlers_under_load_all_complete(void **state)
{
	struct finode_session_stats s;
	uint64_t queued = 0, done = 0;
	static struct mounted m;
	pid_t pids[LOAD];
	char name[16];

	(void)state;
	begin_with(&m, &(struct finode_session_config){.notify_limit = 1 << 20});
	m.fs.timeout = 0; /* each stat is a LOOKUP */
	share_load_ends();
	for (int i = 0; i < LOAD; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(run_child(&m, child_make, name), 0);
	}
	m.fs.on_lookup = invalidate_many;
	for (int i = 0; i < LOAD; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		pids[i] = start_child(&m, child_load, name);
	}
	AWAIT(m.calls >= CALLS_WANTED);
	*load_ends = true;
	for (int i = 0; i < LOAD; i++)
		assert_int_equal(end_child(pids[i]), 0);
	m.fs.on_lookup = NULL;
	assert_int_equal(finode_notify_flush(m.session), 0);
	assert_int_equal(m.refused, 0);
	s = session_stats(&m);
	for (int i = 0; i < FINODE_NOTIFY_KINDS; i++) {
		queued += s.notify[i].queued;
		done += s.notify[i].sent + s.notify[i].unknown + s.notify[i].merged;
		assert_int_equal(s.notify[i].failed, 0);
		assert_int_equal(s.notify[i].waiting, 0);
	}
	assert_int_equal(queued, m.calls);
	assert_int_equal(done, queued);
	print_message("%lu invalidations queued, all done\n", (unsigned long)queued);
	munmap((void *)load_ends, sizeof(*load_ends));
	finish(&m);
}

#define PRUNE_FILES 2000

static int child_make_many(const char *dir, const char *name)
{
	char numbered[32];

	for (int i = 0; i < PRUNE_FILES; i++) {
		snprintf(numbered, sizeof(numbered), "%s%d", name, i);
		if (child_make(dir, numbered) != 0)
			return 1;
	}
	return 0;
}

static void test_prune_of_idle_inodes_makes_the_table_shrink(void **state)
{
	uint64_t nodeids[64], cursor = 0;
	static struct mounted m;
	size_t count;

	(void)state;
	begin(&m);
	m.fs.timeout = 1000;
	assert_int_equal(run_child(&m, child_make_many, "f"), 0);
	if (!finode_session_kernel_has(m.session, FINODE_KERNEL_PRUNE)) {
		print_message(
			"SKIPPED: this kernel has no FUSE_NOTIFY_PRUNE (Linux 6.18)\n");
		finish(&m);
		skip();
	}
	while ((count = finode_table_nodeids(m.fs.table, &cursor, nodeids, 64)))
		for (size_t i = 0; i < count; i++)
			assert_int_equal(
				finode_notify_prune(m.session, nodeids[i], 0, NULL), 0);
	assert_int_equal(finode_notify_flush(m.session), 0);
	AWAIT(table_stats(&m).inodes == 1);
	assert_int_equal(table_stats(&m).forgets_clamped, 0);
	/* All of the files, unless somebody on this machine drops caches at this moment. */
	assert_true(session_stats(&m).notify[FINODE_NOTIFY_PRUNE].sent > 0);
	assert_int_equal(session_stats(&m).notify[FINODE_NOTIFY_PRUNE].failed, 0);
	print_message("%lu inodes pruned\n",
		      (unsigned long)session_stats(&m).notify[FINODE_NOTIFY_PRUNE].sent);
	finish(&m);
}

/* ---- The end ---- */

static void *own_loop(void *arg)
{
	struct mounted *m = arg;

	m->loop_result = finode_session_loop(m->session, NULL);
	return NULL;
}

/* One thread, one request after another, until a LOOKUP of "last" was answered. */
static void *short_loop(void *arg)
{
	struct mounted *m = arg;
	struct fuse_buf buf = {0};

	while (!m->fast_came && fuse_session_receive_buf(m->session->fuse, &buf) > 0)
		fuse_session_process_buf(m->session->fuse, &buf);
	free(buf.mem);
	return NULL;
}

static void note_last(struct memfs *fs, fuse_req_t req, uint64_t parent, const char *name)
{
	struct mounted *m = fs->arg;

	(void)req;
	(void)parent;
	m->fast_came = strcmp(name, "last") == 0;
}

/*
 * A LOOKUP that nobody reads holds the lock of its directory, and a notification waits for
 * that lock inside the kernel, with the fd of the connection in its hand: without help the
 * end would wait for ever.
 */
static void test_the_end_comes_through_a_notification_that_waits(void **state)
{
	static struct mounted m;
	const char *rings = getenv("FUSE_URING_ENABLE");
	pid_t lost;

	(void)state;
	assert_int_equal(memfs_start(&m.fs, NULL, NULL), 0);
	m.fs.arg = &m;
	m.fs.on_lookup = note_last;
	unsetenv("FUSE_URING_ENABLE"); /* short_loop() reads a /dev/fuse */
	mount_only(&m, &(struct finode_session_config){0});
	if (rings)
		setenv("FUSE_URING_ENABLE", rings, 1);
	assert_int_equal(pthread_create(&m.loop, NULL, short_loop, &m), 0);
	assert_int_equal(run_child(&m, child_stat, "last"), ENOENT);
	pthread_join(m.loop, NULL);
	lost = start_child(&m, child_stat, "lost");
	usleep(100000); /* for its LOOKUP to be in the kernel's queue */
	assert_int_equal(finode_notify_inval_entry(m.session, FUSE_ROOT_ID, "x"), 0);
	usleep(100000); /* for the message to wait behind it */
	finode_session_destroy(m.session);
	assert_int_equal(end_child(lost), ENOTCONN);
	AWAIT(rmdir(m.path) == 0); /* unmounted */
	memfs_stop(&m.fs);
}

static int child_stands(const char *dir, const char *name)
{
	(void)name;
	if (chdir(dir) == 0)
		pause();
	return errno;
}

static bool stands_in(pid_t pid, const char *dir)
{
	char link[64], cwd[64] = "";

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	return readlink(link, cwd, sizeof(cwd) - 1) > 0 && strcmp(cwd, dir) == 0;
}

/*
 * A handler does not return, so the connection is aborted; somebody stands in the mount, so
 * it is busy. It is unmounted all the same, also by a libfuse that leaves alone what was
 * aborted. The handler stays where it is: what it uses is not freed.
 */
static void test_j_a_busy_mount_is_unmounted_after_an_abort(void **state)
{
	static struct mounted m;
	pid_t stuck, stands;
	int gone;

	(void)state;
	assert_int_equal(memfs_start(&m.fs, NULL, NULL), 0);
	m.fs.arg = &m;
	m.fs.on_lookup = hold_slow;
	m.hold_ms = UINT_MAX;
	mount_only(&m, &(struct finode_session_config){.end_timeout_ms = 100});
	assert_int_equal(pthread_create(&m.loop, NULL, own_loop, &m), 0);
	stands = start_child(&m, child_stands, "");
	AWAIT(stands_in(stands, m.path));
	stuck = start_child(&m, child_stat, "slow");
	AWAIT(m.slow_began);
	finode_session_exit(m.session);
	pthread_join(m.loop, NULL);
	assert_int_equal(m.loop_result, -ETIMEDOUT);
	finode_session_unmount(m.session);
	gone = rmdir(m.path); /* EBUSY if it is still mounted */
	kill(stands, SIGKILL);
	waitpid(stands, NULL, 0);
	assert_int_equal(gone, 0);
	assert_int_not_equal(end_child(stuck), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_lookups_in_one_directory_run_at_the_same_time),
		cmocka_unit_test(test_with_serial_dirops_they_do_not),
		cmocka_unit_test(test_tmpfile_with_linkat_and_statx_with_btime),
		cmocka_unit_test(test_the_same_where_requests_are_spliced),
		cmocka_unit_test(test_the_kernel_looks_up_again_what_is_no_longer_true),
		cmocka_unit_test(
			test_a_handler_may_invalidate_the_very_entry_that_it_answers),
		cmocka_unit_test(
			test_100000_invalidations_from_handlers_under_load_all_complete),
		cmocka_unit_test(test_prune_of_idle_inodes_makes_the_table_shrink),
		cmocka_unit_test(test_the_end_comes_through_a_notification_that_waits),
		cmocka_unit_test(test_j_a_busy_mount_is_unmounted_after_an_abort),
	};

	if (access("/dev/fuse", R_OK | W_OK) != 0 || geteuid() != 0) {
		printf("SKIPPED: needs /dev/fuse and root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
