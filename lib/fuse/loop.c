/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: threads that read messages and serve them.
 *
 * This file owns the threads. Each reads into a buffer of its own, has the message looked
 * at (connection.c) and gives it to libfuse. When the last idle one has got a request,
 * another one is started, up to the most that there may be.
 *
 * A thread can be cancelled while it reads, and nowhere else: an author's code never is.
 * At the end the readers are cancelled, or interrupted if the transport can do that; those
 * that serve are waited for, until the session's deadline. Who is left then is in a system
 * call, of a backend that does not answer; the connection is aborted, and what that thread
 * uses is never freed.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/memory.h"
#include "core/core.h"
#include "fuse/connection.h"
#include "fuse/custom_io.h"
#include "fuse/deadline.h"
#include "fuse/protocol.h"
#include "fuse/rings.h"

#define THREADS_DEFAULT 10u

struct worker {
	struct worker *next;
	struct loop *loop;
	pthread_t id;
	unsigned int clone; /* which fd is read: 0 the first, else that clone */
	void *buffer;
	size_t size;
	_Atomic bool done; /* it ends */
};

struct loop {
	struct session *s;
	struct finode_loop_config config;
	struct lock lock;

	/* protected by lock */
	struct worker *workers;
	unsigned int clones;
	int err;

	_Atomic unsigned int count; /* of threads that have not ended */
	_Atomic int idle;	    /* those that read, or are about to */
	_Atomic bool ending;
};

static void *worker_main(void *arg);

/* ---- Threads come ---- */

/* An fd of its own, where that was asked for and can be. */
static unsigned int take_clone_locked(struct loop *loop)
{
	struct transport *t = &loop->s->transport;
	int fd;

	if (!loop->s->clones || loop->clones == CLONES || loop->count == 0)
		return 0;
	fd = t->clone(t);
	if (fd < 0)
		return 0;
	loop->s->clones->fds[++loop->clones] = fd;
	return loop->clones;
}

/* Signals are for the thread that called. */
static int create_thread(struct worker *worker)
{
	sigset_t block, before;
	int err;

	sigfillset(&block);
	pthread_sigmask(SIG_SETMASK, &block, &before);
	err = -pthread_create(&worker->id, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int add_worker_locked(struct loop *loop)
{
	const struct finode_allocator *allocator = &loop->s->base.table->allocator;
	struct worker *worker = allocator->allocate(sizeof(*worker), allocator->user);
	int err;

	if (!worker)
		return -ENOMEM;
	worker->loop = loop;
	worker->clone = take_clone_locked(loop);
	atomic_fetch_add(&loop->idle, 1);
	atomic_fetch_add(&loop->count, 1);
	err = create_thread(worker);
	if (err) {
		atomic_fetch_sub(&loop->count, 1);
		atomic_fetch_sub(&loop->idle, 1);
		allocator->release(worker, allocator->user);
		return err;
	}
	worker->next = loop->workers;
	loop->workers = worker;
	return 0;
}

/* A thread more, if there may be one; without memory the others go on. */
static void add_worker(struct loop *loop)
{
	lock_take(&loop->lock);
	if (!loop->ending && loop->count < loop->config.threads_most)
		(void)add_worker_locked(loop);
	lock_release(&loop->lock);
}

/* ---- What they do ---- */

static void end_with(struct loop *loop, int err)
{
	lock_take(&loop->lock);
	if (!loop->err)
		loop->err = err;
	lock_release(&loop->lock);
	fuse_session_exit(loop->s->base.fuse);
	sem_post(&loop->s->wake);
}

static int fd_of(const struct worker *worker)
{
	const struct session *s = worker->loop->s;

	return worker->clone ? s->clones->fds[worker->clone] : s->transport.fd;
}

/* A buffer as large as the kernel wants it by now. */
static int fit_buffer(struct worker *worker)
{
	struct session *s = worker->loop->s;
	const struct finode_allocator *allocator = &s->base.table->allocator;
	const size_t size = finode__connection_buffer(s);

	if (worker->size >= size)
		return 0;
	if (worker->buffer)
		allocator->release(worker->buffer, allocator->user);
	worker->buffer = allocator->allocate(size, allocator->user);
	worker->size = worker->buffer ? size : 0;
	return worker->buffer ? 0 : -ENOMEM;
}

static ssize_t receive(struct worker *worker)
{
	struct transport *t = &worker->loop->s->transport;
	ssize_t got = fit_buffer(worker);

	if (got)
		return got;
	if (!finode__transport_is_interruptible(t))
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	got = t->receive(t, fd_of(worker), worker->buffer, worker->size);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return got;
}

/* Is somebody else needed meanwhile? Not for what is soon done, and comes alone. */
static bool takes_time(const struct fuse_in_header *in)
{
	return in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET &&
	       in->opcode != FUSE_INIT;
}

static void serve(struct worker *worker, size_t got)
{
	struct loop *loop = worker->loop;
	struct session *s = loop->s;
	const bool busy =
		got >= sizeof(struct fuse_in_header) && takes_time(worker->buffer);

	if (busy && atomic_fetch_sub(&loop->idle, 1) == 1)
		add_worker(loop);
	got = finode__connection_look(s, fd_of(worker), worker->buffer, got, worker->size);
	if (got && worker->clone &&
	    !finode__custom_io_mark(s, worker->buffer, worker->clone))
		got = 0;
	if (got)
		finode__connection_process(s, worker->buffer, got);
	if (busy)
		atomic_fetch_add(&loop->idle, 1);
}

/* May a thread that has just served something go? */
static bool is_superfluous(struct loop *loop)
{
	return atomic_load_explicit(&loop->idle, memory_order_relaxed) >
	       (int)loop->config.threads_least;
}

/* Errors after which there is something more to read. */
static bool is_passing(ssize_t err)
{
	return err == -EINTR || err == -EAGAIN || err == -ENOENT;
}

static void serve_until_the_end(struct worker *worker)
{
	struct loop *loop = worker->loop;

	while (!fuse_session_exited(loop->s->base.fuse) && !loop->ending) {
		ssize_t got = receive(worker);

		if (got > 0) {
			serve(worker, (size_t)got);
			if (is_superfluous(loop))
				return;
		} else if (!is_passing(got)) {
			end_with(loop, got == -ENODEV ? 0 : (int)got);
			return;
		}
	}
	sem_post(&loop->s->wake);
}

static void worker_ends(void *arg)
{
	struct worker *worker = arg;
	struct loop *loop = worker->loop;
	sem_t *wake = &loop->s->wake;

	atomic_fetch_sub(&loop->idle, 1);
	atomic_store(&worker->done, true);
	atomic_fetch_sub(&loop->count, 1);
	sem_post(wake);
}

static void *worker_main(void *arg)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_push(worker_ends, arg);
	serve_until_the_end(arg);
	pthread_cleanup_pop(1);
	return NULL;
}

/* ---- Threads go ---- */

static void worker_free(struct loop *loop, struct worker *worker)
{
	const struct finode_allocator *allocator = &loop->s->base.table->allocator;

	pthread_join(worker->id, NULL);
	if (worker->buffer)
		allocator->release(worker->buffer, allocator->user);
	allocator->release(worker, allocator->user);
}

/* Those that have ended. */
static void reap(struct loop *loop)
{
	struct worker **link = &loop->workers, *done = NULL;

	lock_take(&loop->lock);
	while (*link) {
		struct worker *worker = *link;

		if (worker->done) {
			*link = worker->next;
			worker->next = done;
			done = worker;
		} else {
			link = &worker->next;
		}
	}
	lock_release(&loop->lock);
	while (done) {
		struct worker *next = done->next;

		worker_free(loop, done);
		done = next;
	}
}

/* Waits for something to do, or `ms`; a signal ends it too. */
static void await_change(struct loop *loop, unsigned int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)sem_timedwait(&loop->s->wake, &until);
}

static void end_reading(struct loop *loop)
{
	struct transport *t = &loop->s->transport;

	lock_take(&loop->lock);
	loop->ending = true;
	if (finode__transport_is_interruptible(t)) {
		finode__transport_interrupt(t, true);
		lock_release(&loop->lock);
		return;
	}
	for (struct worker *worker = loop->workers; worker; worker = worker->next)
		if (!worker->done)
			pthread_cancel(worker->id);
	lock_release(&loop->lock);
}

/* @return false if some are left at the session's deadline */
static bool end_workers(struct loop *loop)
{
	struct session *s = loop->s;

	finode__deadline_set(s);
	end_reading(loop);
	while (atomic_load(&loop->count) > 0 && finode__deadline_left(s) > 0)
		await_change(loop, 20);
	reap(loop);
	/* Others read from here on. */
	if (finode__transport_is_interruptible(&s->transport))
		finode__transport_interrupt(&s->transport, false);
	return atomic_load(&loop->count) == 0;
}

/* ---- The whole ---- */

static int copy_config(struct loop *loop, const struct finode_loop_config *config)
{
	static const struct finode_loop_config plain = FINODE_LOOP_CONFIG_INIT;
	struct finode_table *table = loop->s->base.table;
	const struct finode_loop_config *given = config ? config : &plain;
	struct finode_loop_config *own = &loop->config;
	const char *fault =
		finode__abi_copy(own, sizeof(*own), given, given->size,
				 ABI_UP_TO(struct finode_loop_config, clone_fd));

	if (!own->threads_most)
		own->threads_most = THREADS_DEFAULT;
	if (!own->threads_least)
		own->threads_least = own->threads_most;
	if (!fault && own->threads_least > own->threads_most)
		fault = ".threads_least is more than .threads_most";
	return fault ? finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG],
				      "the loop's config%s", fault)
		     : 0;
}

/* Room for clones; where they cannot be, all read the one fd. */
static int clones_init(struct loop *loop)
{
	struct session *s = loop->s;
	const struct finode_allocator *allocator = &s->base.table->allocator;

	if (!loop->config.clone_fd)
		return 0;
	if (!s->interposed || !s->transport.clone) {
		finode__log(&s->base.table->log, FINODE_LOG_INFO,
			    "no clones of the fd: this libfuse, or this transport, has no "
			    "way to answer on them");
		return 0;
	}
	s->clones = allocator->allocate(sizeof(*s->clones), allocator->user);
	return s->clones ? 0 : -ENOMEM;
}

static void clones_finish(struct loop *loop)
{
	struct session *s = loop->s;
	const struct finode_allocator *allocator = &s->base.table->allocator;

	if (!s->clones)
		return;
	for (unsigned int i = 1; i <= loop->clones; i++)
		close(s->clones->fds[i]);
	allocator->release(s->clones, allocator->user);
	s->clones = NULL;
}

/*
 * One, and the others when they are needed: before INIT is answered nobody knows how large
 * their buffers must be.
 */
static int start_first(struct loop *loop)
{
	int err;

	lock_take(&loop->lock);
	err = add_worker_locked(loop);
	lock_release(&loop->lock);
	return err;
}

static int run(struct loop *loop)
{
	struct session *s = loop->s;
	int err = start_first(loop);

	while (!err && !fuse_session_exited(s->base.fuse)) {
		await_change(loop, 1000);
		reap(loop);
	}
	if (!end_workers(loop) || !finode__rings_end(s)) {
		s->stuck = true;
		finode__connection_abort(s,
					 "threads are in the server's operations, and do "
					 "not return");
		return -ETIMEDOUT;
	}
	clones_finish(loop);
	fuse_session_reset(s->base.fuse);
	return err ? err : loop->err;
}

int finode_session_loop(struct finode_session *session,
			const struct finode_loop_config *config)
{
	struct session *s = session_of(session);
	const struct finode_allocator *allocator = &session->table->allocator;
	struct loop *loop;
	int err;

	if (session_state(s) == SESSION_NEW || session_state(s) == SESSION_ENDED)
		return -ENOTCONN;
	loop = allocator->allocate(sizeof(*loop), allocator->user);
	if (!loop)
		return -ENOMEM;
	loop->s = s;
	err = copy_config(loop, config);
	if (!err)
		err = clones_init(loop);
	if (!err)
		err = finode__lock_init(&loop->lock, LOCK_RANK_LOOP);
	if (!err) {
		err = run(loop);
		if (s->stuck)
			return err; /* who is left still uses it */
		finode__lock_finish(&loop->lock);
	}
	allocator->release(loop, allocator->user);
	return err;
}

void finode_session_exit(struct finode_session *session)
{
	fuse_session_exit(session->fuse);
	sem_post(&session_of(session)->wake);
}
