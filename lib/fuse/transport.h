/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where messages come from and where replies go to: a /dev/fuse, a socket that keeps
 * messages apart, or an author's own functions. Everything above knows this interface only.
 */
#ifndef FINODE_LIB_TRANSPORT_H
#define FINODE_LIB_TRANSPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "finode/fuse.h"

struct transport {
	/*
	 * Reads one message; waits for it, and is a cancellation point. `fd` is the
	 * transport's, or a clone. @return its size, or a negative errno: -ENODEV at the
	 * end of the connection, -EINTR after finode__transport_interrupt()
	 */
	ssize_t (*receive)(struct transport *t, int fd, void *buf, size_t size);
	/* Writes one message. @return 0 or a negative errno */
	int (*send)(struct transport *t, int fd, const struct iovec *iov, int count);
	/*
	 * Another fd of the same connection, whose requests are answered on it. NULL if
	 * there is no such thing. @return it, or a negative errno
	 */
	int (*clone)(struct transport *t);
	/*
	 * Ends the connection by force: every wait for it ends, of the kernel's callers and
	 * in receive() and send(). @return 0 or a negative errno
	 */
	int (*abort)(struct transport *t);

	/* the transport's own */
	int fd;
	int interrupt;		  /* an eventfd; -1: readers are cancelled instead */
	struct fuse_custom_io io; /* the author's, and what they get: */
	void *userdata;
	pthread_mutex_t reading; /* of who is in the author's read() */
	unsigned int minor;	 /* of the mount's st_dev; 0 if it is not known */
	char *mountpoint;	 /* NULL if somebody else has mounted */
};

/*
 * Over an fd: a /dev/fuse or a socket. `mountpoint` is as realpath() said before the mount,
 * and is consumed; NULL if somebody else has mounted.
 */
void finode__transport_use_fd(struct transport *t, int fd, char *mountpoint);
/* By an author's functions. @return 0 or a negative errno */
int finode__transport_use_io(struct transport *t, int fd, const struct fuse_custom_io *io,
			     void *userdata);

/*
 * Can receive() be made to return? Then who waits in it need not be cancelled, and `on`
 * does so until it is taken back.
 */
bool finode__transport_is_interruptible(const struct transport *t);
void finode__transport_interrupt(struct transport *t, bool on);

/* Has the connection of a /dev/fuse ended? */
bool finode__transport_is_over(const struct transport *t);
/*
 * Takes a mount of ours away that is still there. For after libfuse has unmounted: it
 * leaves one alone whose connection was aborted.
 */
void finode__transport_unmount(struct transport *t);

/* Gives the memory back. The fd is libfuse's. */
void finode__transport_finish(struct transport *t);

#endif
