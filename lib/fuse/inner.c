/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfuse's sessions inside of one of ours.
 *
 * Most have one. But libfuse before 3.17 answers an INIT that comes after DESTROY with an
 * error, and others keep some of what the INIT before it has agreed on. A guest that boots
 * again begins with an INIT; so each INIT after the first gets a session of libfuse's that
 * is new.
 *
 * The one before it is kept until the end: a request that the author has parked points to
 * it. There are never so many that this is worth a thought, since nobody boots that often;
 * a peer that only pretends to is refused in the end.
 */
#include "fuse/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/core.h"

#define RETIRED_MAX 1000

struct retired {
	struct retired *next;
	struct fuse_session *fuse;
};

static struct fuse_session *make(struct session *s)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *fuse = NULL;
	bool copied = true;

	for (int i = 0; i < s->inner.args.argc && copied; i++)
		copied = fuse_opt_add_arg(&args, s->inner.args.argv[i]) == 0;
	if (copied)
		fuse = fuse_session_new(&args, s->inner.ops, s->inner.ops_size, &s->base);
	fuse_opt_free_args(&args);
	return fuse;
}

static int copy_args(struct session *s, const struct fuse_args *args)
{
	for (int i = 0; i < args->argc; i++)
		if (fuse_opt_add_arg(&s->inner.args, args->argv[i]) != 0)
			return -ENOMEM;
	return 0;
}

static void forget_made_of(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;

	fuse_opt_free_args(&s->inner.args);
	if (s->inner.ops)
		allocator->release(s->inner.ops, allocator->user);
	s->inner.ops = NULL;
}

int finode__inner_create(struct session *s, struct fuse_args *args,
			 const struct fuse_lowlevel_ops *ops, size_t size)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	int err = copy_args(s, args);

	s->inner.ops = err ? NULL : allocator->allocate(size, allocator->user);
	if (!s->inner.ops) {
		forget_made_of(s);
		return -ENOMEM;
	}
	memcpy(s->inner.ops, ops, size);
	s->inner.ops_size = size;
	/* The first takes its options out of the author's arguments. */
	s->base.fuse = fuse_session_new(args, s->inner.ops, size, &s->base);
	if (!s->base.fuse) {
		forget_made_of(s);
		return -EINVAL;
	}
	s->inner.current = s->base.fuse;
	return 0;
}

/* libfuse takes an fd that is open already by this name of a mountpoint. */
static int adopt(struct fuse_session *fuse, int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	return fuse_session_mount(fuse, name) == 0 ? 0 : -EBADF;
}

int finode__inner_adopt(struct session *s, int fd)
{
	return adopt(s->base.fuse, fd);
}

int finode__inner_interpose(struct session *s)
{
	int err = s->inner.interpose(s, s->base.fuse, s->transport.fd);

	s->interposed = err == 0;
	return err;
}

/* With an fd of its own, which it closes. */
static int connect_another(struct session *s, struct fuse_session *fuse)
{
	const int fd = fcntl(s->transport.fd, F_DUPFD_CLOEXEC, 3);
	int err;

	if (fd < 0)
		return -errno;
	err = s->interposed ? s->inner.interpose(s, fuse, fd) : adopt(fuse, fd);
	if (err)
		close(fd);
	return err;
}

static int retire(struct session *s, struct fuse_session *fuse)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct retired *retired = allocator->allocate(sizeof(*retired), allocator->user);

	if (!retired)
		return -ENOMEM;
	retired->fuse = fuse;
	retired->next = s->inner.retired;
	s->inner.retired = retired;
	s->inner.retired_count++;
	return 0;
}

int finode__inner_renew(struct session *s)
{
	struct fuse_session *fuse;
	int err;

	if (!s->inner.used)
		return 0;
	if (s->inner.retired_count == RETIRED_MAX)
		return -ENOSPC;
	fuse = make(s);
	if (!fuse)
		return -ENOMEM;
	err = connect_another(s, fuse);
	if (!err)
		err = retire(s, s->inner.current);
	if (err)
		fuse_session_destroy(fuse);
	else
		atomic_store_explicit(&s->inner.current, fuse, memory_order_release);
	return err;
}

void finode__inner_process(struct session *s, const struct fuse_buf *buf)
{
	fuse_session_process_buf(
		atomic_load_explicit(&s->inner.current, memory_order_acquire), buf);
}

void finode__inner_destroy(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct retired *retired;

	fuse_session_destroy(s->inner.current);
	while ((retired = s->inner.retired)) {
		s->inner.retired = retired->next;
		fuse_session_destroy(retired->fuse);
		allocator->release(retired, allocator->user);
	}
	s->base.fuse = NULL;
	forget_made_of(s);
}
