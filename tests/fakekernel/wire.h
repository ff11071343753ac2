/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A say in what a libfuse session writes, where finode_session_attach() cannot give it:
 * libfuse 3.18.3 and newer refuse custom io unless they were built for it, and those of the
 * distributions are not.
 */
#ifndef TESTS_FAKEKERNEL_WIRE_H
#define TESTS_FAKEKERNEL_WIRE_H

#include <sys/uio.h>

/* Writes a message, as writev(2) would. */
typedef ssize_t (*wire_writev_fn)(void *arg, const struct iovec *iov, int count);

/* From now on fn writes what this program writes to fd with writev(). */
void wire_watch(int fd, wire_writev_fn fn, void *arg);
void wire_unwatch(int fd);

#endif
