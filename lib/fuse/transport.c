/* SPDX-License-Identifier: BSD-3-Clause */
/* See transport.h. This file owns the ways to the kernel, and the forced end of one. */
#include "fuse/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/protocol.h"

/* ---- Over a file descriptor ---- */

static ssize_t fd_receive(struct transport *t, int fd, void *buf, size_t size)
{
	ssize_t got = read(fd, buf, size);

	(void)t;
	if (got > 0)
		return got;
	/* A socket's peer has gone: as when a mount has. */
	return got == 0 ? -ENODEV : -errno;
}

static int fd_send(struct transport *t, int fd, const struct iovec *iov, int count)
{
	(void)t;
	return writev(fd, iov, count) < 0 ? -errno : 0;
}

static int device_clone(struct transport *t)
{
	uint32_t master = (uint32_t)t->fd;
	int err, fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, FUSE_DEV_IOC_CLONE, &master) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* A path as /proc/self/mountinfo has it: "\\040" for a space, and so on. In place. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				     (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * The minor number of the st_dev of a mount, which names its connection. Read from the list
 * of mounts: to ask the mount itself would be to wait for the server.
 */
static unsigned int minor_of(const char *mountpoint)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor, found = 0;
	char *line = NULL, point[4096];
	size_t size = 0;

	while (mounts && getline(&line, &size, mounts) > 0) {
		if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &major, &minor, point) != 3)
			continue;
		unescape(point);
		if (strcmp(point, mountpoint) == 0)
			found = minor; /* the last one is on top */
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return found;
}

/* The same of any fd of the connection, where the kernel tells (since Linux 6.17). */
static unsigned int minor_by_fd(int fd)
{
	char path[64], line[128];
	unsigned int found = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "fuse_connection: %u", &found) == 1)
			break;
	if (info)
		fclose(info);
	return found;
}

/* By the file that the mount's owner may write to, too. */
static int abort_by_number(unsigned int minor)
{
	char path[64];
	ssize_t put;
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	put = write(fd, "1", 1);
	close(fd);
	return put == 1 ? 0 : -EIO;
}

bool finode__transport_is_over(const struct transport *t)
{
	struct pollfd poller = {.fd = t->fd};

	return poll(&poller, 1, 0) == 1 && poller.revents & POLLERR;
}

static int device_abort(struct transport *t)
{
	int err;

	/* Another mount may be there by now. */
	if (finode__transport_is_over(t))
		return 0;
	err = t->minor ? abort_by_number(t->minor) : -ENOENT;
	if (err && t->mountpoint && umount2(t->mountpoint, MNT_FORCE | UMOUNT_NOFOLLOW) < 0)
		err = -errno;
	/* Busy is what a mount is that somebody stands in: it was aborted all the same. */
	return err == -EBUSY ? 0 : err;
}

static int socket_abort(struct transport *t)
{
	return shutdown(t->fd, SHUT_RDWR) < 0 ? -errno : 0;
}

/* With the rights of the mount's owner, where ours are not enough. */
static void run_fusermount(char *mountpoint)
{
	char *argv[] = {"fusermount3", "-u", "-q", "-z", "--", mountpoint, NULL};
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

void finode__transport_unmount(struct transport *t)
{
	if (!t->mountpoint || !t->minor || minor_of(t->mountpoint) != t->minor)
		return;
	if (umount2(t->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		run_fusermount(t->mountpoint);
}

void finode__transport_use_fd(struct transport *t, int fd, char *mountpoint)
{
	struct stat st;

	*t = (struct transport){.receive = fd_receive,
				.send = fd_send,
				.fd = fd,
				.interrupt = -1,
				.mountpoint = mountpoint};
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
		t->abort = socket_abort;
		return;
	}
	t->clone = device_clone;
	t->abort = device_abort;
	t->minor = minor_by_fd(fd);
	if (mountpoint && !t->minor)
		t->minor = minor_of(mountpoint);
}

/* ---- By an author's functions ---- */

static void release_reading(void *arg)
{
	pthread_mutex_unlock(arg);
}

/*
 * Waits until there is something to read, and keeps others from reading it. The wait may be
 * cancelled, and nothing else here: the author's code is not. @return false if it was
 * interrupted
 */
static bool await_message(struct transport *t, int fd)
{
	struct pollfd pollers[2] = {{.fd = fd, .events = POLLIN},
				    {.fd = t->interrupt, .events = POLLIN}};
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_mutex_lock(&t->reading);
	pthread_cleanup_push(release_reading, &t->reading);
	pthread_setcancelstate(before, NULL);
	while (poll(pollers, 2, -1) < 0 && errno == EINTR)
		;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	if (pollers[1].revents)
		pthread_mutex_unlock(&t->reading);
	return !pollers[1].revents;
}

static ssize_t io_receive(struct transport *t, int fd, void *buf, size_t size)
{
	ssize_t got;
	int err;

	if (!await_message(t, fd))
		return -EINTR;
	got = t->io.read(fd, buf, size, t->userdata);
	err = errno;
	pthread_mutex_unlock(&t->reading);
	return got > 0 ? got : got == 0 ? -ENODEV : -err;
}

static int io_send(struct transport *t, int fd, const struct iovec *iov, int count)
{
	return t->io.writev(fd, (struct iovec *)iov, count, t->userdata) < 0 ? -errno : 0;
}

int finode__transport_use_io(struct transport *t, int fd, const struct fuse_custom_io *io,
			     void *userdata)
{
	const int interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (interrupt < 0)
		return -errno;
	*t = (struct transport){
		.receive = io_receive,
		.send = io_send,
		.abort = socket_abort, /* of anything else it is an error, and no harm */
		.fd = fd,
		.interrupt = interrupt,
		.io = *io,
		.userdata = userdata,
	};
	pthread_mutex_init(&t->reading, NULL);
	return 0;
}

bool finode__transport_is_interruptible(const struct transport *t)
{
	return t->interrupt >= 0;
}

void finode__transport_interrupt(struct transport *t, bool on)
{
	eventfd_t taken;

	if (on)
		(void)eventfd_write(t->interrupt, 1);
	else
		(void)eventfd_read(t->interrupt, &taken);
}

void finode__transport_finish(struct transport *t)
{
	free(t->mountpoint);
	t->mountpoint = NULL;
	if (t->interrupt >= 0)
		close(t->interrupt);
	t->interrupt = -1;
}
