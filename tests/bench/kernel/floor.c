/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a look-up costs at the least: a libfuse server without an inode table. It knows the
 * trees of bench_kernel (d0/f0 .. d0/f99, d1/f100 ..), and the number in a name is the
 * index of what is known of it; nothing is counted, and nothing ever forgotten.
 *
 *     bench_floor array SOURCE MOUNTPOINT    answers from what it has read before: no
 *                                            system call but those of libfuse
 *     bench_floor calls SOURCE MOUNTPOINT    openat and fstatat for each look-up; the fd is
 *                                            kept, as by a server without file handles
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES	(1u << 20)
#define DIRS	(1u << 14)
#define DIR_ID	2u
#define FILE_ID (DIR_ID + DIRS)
#define IDS	(FILE_ID + FILES)
#define TIMEOUT 1.0

static bool makes_calls;
static struct stat *attrs; /* by id; st_ino 0: nothing */
static _Atomic int *fds;   /* by id; 0: none */
static int root;

/* 0: no such name can be. */
static fuse_ino_t id_of(const char *name)
{
	char *end;
	unsigned long number = strtoul(name + (name[0] != '\0'), &end, 10);

	if (*end != '\0' || end == name + 1)
		return 0;
	if (name[0] == 'd')
		return number < DIRS ? DIR_ID + number : 0;
	return name[0] == 'f' && number < FILES ? FILE_ID + number : 0;
}

static int fd_of(fuse_ino_t id)
{
	return id == FUSE_ROOT_ID ? root : atomic_load(&fds[id]);
}

/* @return 0 or an errno */
static int call(fuse_ino_t parent, const char *name, fuse_ino_t id, struct stat *attr)
{
	int fd = openat(fd_of(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC), none = 0;

	if (fd < 0)
		return errno;
	if (fstatat(fd, "", attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
		close(fd);
		return errno;
	}
	if (!atomic_compare_exchange_strong(&fds[id], &none, fd))
		close(fd); /* known already */
	return 0;
}

static void floor_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {
		.ino = id_of(name), .attr_timeout = TIMEOUT, .entry_timeout = TIMEOUT};
	int err = 0;

	if (entry.ino == 0)
		err = ENOENT;
	else if (makes_calls)
		err = call(parent, name, entry.ino, &entry.attr);
	else if (attrs[entry.ino].st_ino == 0)
		err = ENOENT;
	else
		entry.attr = attrs[entry.ino];
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &entry);
}

static void floor_forget(fuse_req_t req, fuse_ino_t id, uint64_t nlookup)
{
	(void)id;
	(void)nlookup;
	fuse_reply_none(req);
}

static void floor_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct stat attr = {0};
	int err = 0;

	(void)fi;
	if (!makes_calls)
		attr = attrs[id];
	else if (fstatat(fd_of(id), "", &attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		err = errno;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &attr, TIMEOUT);
}

static const struct fuse_lowlevel_ops floor_ops = {
	.lookup = floor_lookup,
	.forget = floor_forget,
	.getattr = floor_getattr,
};

/* Before anything is measured. */
static void read_tree(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		const fuse_ino_t id = id_of(d->d_name);

		if (id == 0 || fstatat(fd, d->d_name, &attrs[id], AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(attrs[id].st_mode)) {
			int below = openat(fd, d->d_name, O_PATH | O_CLOEXEC);

			read_tree(below);
			close(below);
		}
	}
	if (dir)
		closedir(dir);
}

static int serve(const char *mnt)
{
	char *arguments[] = {(char[]){"bench_floor"}, (char[]){"-oallow_other"},
			     (char[]){"-odefault_permissions"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, arguments);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse_session *session =
		fuse_session_new(&args, &floor_ops, sizeof(floor_ops), NULL);
	int err = -1;

	if (session && config && fuse_session_mount(session, mnt) == 0) {
		err = fuse_session_loop_mt(session, config);
		fuse_session_unmount(session);
	}
	if (session)
		fuse_session_destroy(session);
	fuse_loop_cfg_destroy(config);
	return err ? 1 : 0;
}

int main(int argc, char *argv[])
{
	if (argc != 4 || (strcmp(argv[1], "array") != 0 && strcmp(argv[1], "calls") != 0)) {
		fprintf(stderr, "usage: bench_floor array|calls SOURCE MOUNTPOINT\n");
		return 2;
	}
	makes_calls = argv[1][0] == 'c';
	root = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	attrs = calloc(makes_calls ? 2 : IDS, sizeof(*attrs));
	fds = calloc(makes_calls ? IDS : 2, sizeof(*fds));
	if (root < 0 || !attrs || !fds) {
		perror(argv[2]);
		return 1;
	}
	if (!makes_calls) {
		fstat(root, &attrs[FUSE_ROOT_ID]);
		read_tree(root);
	}
	return serve(argv[3]);
}
