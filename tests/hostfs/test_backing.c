/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind inodes: get and put, the budget, handles, and files that lose their
 * last name. On a tmpfs of its own where it may mount one, for that has handles. With
 * FINODE_INODES=1000000 the last test is the one of the manual.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "object.h"
#include "state.h"

#define UNUSED __attribute__((unused))

#define BUDGET 20

static char source[] = "/tmp/finode-backing.XXXXXX";
static int source_fd = -1;

/* ---- A hostfs without a session ---- */

static void no_log(enum finode_log_level level UNUSED, const char *message UNUSED,
		   void *user UNUSED)
{
}

static void begin(struct hostfs *fs, enum hostfs_policy policy, unsigned long fds)
{
	struct hostfs_config config = HOSTFS_CONFIG_INIT;

	config.source = source;
	config.policy = policy;
	config.fds = fds;
	config.log = no_log;
	assert_int_equal(hostfs_init(fs, &config), 0);
}

static struct hostfs_stats stats_of(struct hostfs *fs)
{
	struct hostfs_stats stats;

	hostfs_stats(fs, &stats, sizeof(stats));
	return stats;
}

/* Where there are no handles their tests have nothing to test. */
static void needs_handles(struct hostfs *fs)
{
	if (stats_of(fs).handles)
		return;
	hostfs_finish(fs);
	skip();
}

static const char *name_of(int number)
{
	static _Thread_local char name[32];

	snprintf(name, sizeof(name), "f%d", number);
	return name;
}

static void make_file(const char *name)
{
	int fd = openat(source_fd, name, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_files(int count)
{
	for (int i = 0; i < count; i++)
		make_file(name_of(i));
}

static void remove_files(int count)
{
	for (int i = 0; i < count; i++)
		unlinkat(source_fd, name_of(i), 0);
}

/* What a LOOKUP does. */
static int look_up(struct hostfs *fs, const char *name, struct finode **out)
{
	struct finode *root = finode_table_root(fs->table);
	AUTO_OBJECT struct object object;
	int fd, err = hostfs_get(root, &fd);

	if (err)
		return err;
	hostfs__object_init(&object);
	err = hostfs__object_find(root, fd, name, &object);
	if (!err)
		err = hostfs__object_obtain(&object, out);
	hostfs_put(root);
	return err;
}

static ino_t ino_of_fd(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static ino_t ino_of_name(const char *name)
{
	struct stat st;

	return fstatat(source_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* ---- Tests ---- */

static void an_fd_is_of_its_inode_until_put(void **unused UNUSED)
{
	struct finode *inodes[3 * BUDGET];
	struct hostfs fs;
	int fd, held;

	make_files(3 * BUDGET);
	begin(&fs, HOSTFS_AUTO, BUDGET);
	needs_handles(&fs);
	for (int i = 0; i < 3 * BUDGET; i++)
		assert_int_equal(look_up(&fs, name_of(i), &inodes[i]), 0);
	assert_int_equal(hostfs_get(inodes[0], &held), 0);
	for (int round = 0; round < 3; round++)
		for (int i = 1; i < 3 * BUDGET; i++) {
			assert_int_equal(hostfs_get(inodes[i], &fd), 0);
			assert_int_equal(ino_of_fd(fd), ino_of_name(name_of(i)));
			hostfs_put(inodes[i]);
			assert_true(stats_of(&fs).fds <= BUDGET);
		}
	assert_int_equal(ino_of_fd(held), ino_of_name(name_of(0)));
	hostfs_put(inodes[0]);
	assert_true(stats_of(&fs).closed > 3 * BUDGET);
	for (int i = 0; i < 3 * BUDGET; i++)
		finode_put(inodes[i]);
	assert_true(stats_of(&fs).fds <= 2); /* the root's, and its mount's */
	hostfs_finish(&fs);
	remove_files(3 * BUDGET);
}

static void enfile_only_if_nothing_is_idle(void **unused UNUSED)
{
	struct finode *inodes[2 * BUDGET];
	struct hostfs fs;
	int fd, used = 0;

	make_files(2 * BUDGET);
	begin(&fs, HOSTFS_AUTO, BUDGET);
	needs_handles(&fs);
	for (int i = 0; i < 2 * BUDGET; i++)
		assert_int_equal(look_up(&fs, name_of(i), &inodes[i]), 0);
	while (hostfs_get(inodes[used], &fd) == 0)
		used++;
	/* All but the mount's, and the root's is idle. */
	assert_int_equal(used, BUDGET - 1);
	assert_int_equal(hostfs_get(inodes[used], &fd), -ENFILE);
	assert_int_equal(hostfs_count_fds(&fs, 1), -ENFILE);
	hostfs_put(inodes[3]);
	assert_int_equal(hostfs_get(inodes[used], &fd), 0);
	assert_int_equal(ino_of_fd(fd), ino_of_name(name_of(used)));
	hostfs_put(inodes[used]);
	for (int i = 0; i < used; i++)
		if (i != 3)
			hostfs_put(inodes[i]);
	for (int i = 0; i < 2 * BUDGET; i++)
		finode_put(inodes[i]);
	hostfs_finish(&fs);
	remove_files(2 * BUDGET);
}

static void without_handles_each_inode_has_its_fd(void **unused UNUSED)
{
	struct finode *inodes[BUDGET], *one_more;
	struct hostfs fs;
	int fd, made = 0;

	make_files(BUDGET);
	begin(&fs, HOSTFS_FDS, BUDGET);
	while (look_up(&fs, name_of(made), &inodes[made]) == 0)
		made++;
	assert_int_equal(made, BUDGET - 1); /* and the root */
	assert_int_equal(look_up(&fs, name_of(made), &one_more), -ENFILE);
	assert_null(one_more);
	/* What loses its last name is still there. */
	unlinkat(source_fd, name_of(0), 0);
	assert_int_equal(hostfs_get(inodes[0], &fd), 0);
	assert_true(ino_of_fd(fd) != 0);
	hostfs_put(inodes[0]);
	for (int i = 0; i < made; i++)
		finode_put(inodes[i]);
	assert_int_equal(stats_of(&fs).fds, 1);
	hostfs_finish(&fs);
	remove_files(BUDGET);
}

static void a_kept_inode_outlives_its_last_name(void **unused UNUSED)
{
	struct finode *kept, *lost;
	struct hostfs fs;
	int fd, none = -1;

	make_files(2);
	begin(&fs, HOSTFS_AUTO, BUDGET);
	needs_handles(&fs);
	assert_int_equal(look_up(&fs, name_of(0), &kept), 0);
	assert_int_equal(look_up(&fs, name_of(1), &lost), 0);
	assert_int_equal(hostfs__backing_keep(hostfs_inode(kept), &none), 0);
	remove_files(2);
	while (hostfs__backing_close_idle(fs.state->backing))
		;
	assert_int_equal(hostfs_get(kept, &fd), 0);
	hostfs_put(kept);
	assert_int_equal(hostfs_get(lost, &fd), -ESTALE);
	assert_int_equal(stats_of(&fs).stale, 1);
	assert_int_equal(stats_of(&fs).fds_kept, 1);
	/* Released, it is as any other: gone when its fd is closed. */
	hostfs__backing_release(hostfs_inode(kept));
	while (hostfs__backing_close_idle(fs.state->backing))
		;
	assert_int_equal(hostfs_get(kept, &fd), -ESTALE);
	finode_put(kept);
	finode_put(lost);
	hostfs_finish(&fs);
}

static void a_number_used_again_is_another_inode(void **unused UNUSED)
{
	struct finode *before, *after;
	struct hostfs fs;
	int same = 0;

	begin(&fs, HOSTFS_AUTO, BUDGET);
	needs_handles(&fs);
	for (int i = 0; i < 1000 && !same; i++) {
		uint64_t ino;

		make_file("again");
		ino = ino_of_name("again");
		assert_int_equal(look_up(&fs, "again", &before), 0);
		while (hostfs__backing_close_idle(fs.state->backing))
			;
		unlinkat(source_fd, "again", 0);
		make_file("again");
		same = ino_of_name("again") == ino;
		assert_int_equal(look_up(&fs, "again", &after), 0);
		assert_ptr_not_equal(before, after);
		finode_put(before);
		finode_put(after);
		unlinkat(source_fd, "again", 0);
	}
	print_message("the number was%s used again\n", same ? "" : " never");
	hostfs_finish(&fs);
}

/* ---- Threads ---- */

struct crowd {
	struct hostfs *fs;
	struct finode **inodes;
	ino_t *inos;
	int count;
	unsigned int seed;
	int wrong, refused;
};

static void *use_at_random(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 20000; i++) {
		int which = (int)(rand_r(&crowd->seed) % (unsigned int)crowd->count), fd;
		int err = hostfs_get(crowd->inodes[which], &fd);

		crowd->refused += err == -ENFILE;
		if (err)
			continue;
		crowd->wrong += ino_of_fd(fd) != crowd->inos[which];
		if (i % 64 == 0)
			sched_yield();
		crowd->wrong += ino_of_fd(fd) != crowd->inos[which];
		hostfs_put(crowd->inodes[which]);
	}
	return NULL;
}

static void threads_share_a_small_budget(void **unused UNUSED)
{
	struct crowd crowds[4];
	struct finode *inodes[200];
	ino_t inos[200];
	pthread_t threads[4];
	struct hostfs fs;

	make_files(200);
	begin(&fs, HOSTFS_AUTO, 10);
	needs_handles(&fs);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(look_up(&fs, name_of(i), &inodes[i]), 0);
		inos[i] = ino_of_name(name_of(i));
	}
	for (unsigned int i = 0; i < 4; i++) {
		crowds[i] = (struct crowd){&fs, inodes, inos, 200, i, 0, 0};
		pthread_create(&threads[i], NULL, use_at_random, &crowds[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowds[i].wrong, 0);
		assert_int_equal(crowds[i].refused, 0);
	}
	assert_true(stats_of(&fs).fds <= 10);
	for (int i = 0; i < 200; i++)
		finode_put(inodes[i]);
	hostfs_finish(&fs);
	remove_files(200);
}

static void many_inodes_few_fds(void **unused UNUSED)
{
	const char *wanted = getenv("FINODE_INODES");
	const int count = wanted ? atoi(wanted) : 20000;
	struct finode **inodes = calloc((size_t)count, sizeof(struct finode *));
	struct finode_stats table;
	struct hostfs fs;
	int fd;

	assert_non_null(inodes);
	begin(&fs, HOSTFS_AUTO, 1000);
	needs_handles(&fs);
	make_files(count);
	for (int i = 0; i < count; i++)
		assert_int_equal(look_up(&fs, name_of(i), &inodes[i]), 0);
	assert_true(stats_of(&fs).fds <= 1000);
	for (int i = 0; i < count; i += count / 5000) {
		assert_int_equal(hostfs_get(inodes[i], &fd), 0);
		assert_int_equal(ino_of_fd(fd), ino_of_name(name_of(i)));
		hostfs_put(inodes[i]);
	}
	assert_int_equal(stats_of(&fs).refused, 0);
	finode_table_stats(fs.table, &table, sizeof(table));
	print_message("%d inodes, %d bytes each, %d fds\n", count,
		      (int)(table.bytes / table.inodes), (int)stats_of(&fs).fds);
	for (int i = 0; i < count; i++)
		finode_put(inodes[i]);
	free(inodes);
	hostfs_finish(&fs);
	remove_files(count);
}

/* ---- The source ---- */

static int mount_source(void **unused UNUSED)
{
	if (!mkdtemp(source))
		return -1;
	if (unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", source, "tmpfs", 0, "nr_inodes=0") < 0)
		print_message("no tmpfs of its own: %s\n", strerror(errno));
	source_fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return source_fd < 0 ? -1 : 0;
}

static int remove_source(void **unused UNUSED)
{
	close(source_fd);
	umount2(source, MNT_DETACH);
	return rmdir(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_fd_is_of_its_inode_until_put),
		cmocka_unit_test(enfile_only_if_nothing_is_idle),
		cmocka_unit_test(without_handles_each_inode_has_its_fd),
		cmocka_unit_test(a_kept_inode_outlives_its_last_name),
		cmocka_unit_test(a_number_used_again_is_another_inode),
		cmocka_unit_test(threads_share_a_small_budget),
		cmocka_unit_test(many_inodes_few_fds),
	};

	return cmocka_run_group_tests(tests, mount_source, remove_source);
}
