/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests that wait for a lock of the host.
 *
 * A lock that must wait is not waited for in a thread of the session, whose requests might
 * be what releases it. The request is in a list, and one thread, started by the first of
 * them, tries each every few milliseconds, and answers those that were interrupted with
 * EINTR. So there is no order among those that wait, and no EDEADLK.
 *
 * Invariants: a request is in the list, or with the thread, exactly until it is answered.
 * System calls are made without the mutex.
 */
#include "lock_wait.h"

#include <errno.h>
#include <finode/hostfs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>

#include "lock_owner.h"

#define TRY_EVERY 5 /* milliseconds */

void hostfs__lock_waits_init(struct lock_waits *waits, struct lock_owners *owners)
{
	waits->owners = owners;
	pthread_mutex_init(&waits->mutex, NULL);
	pthread_cond_init(&waits->arrived, NULL);
}

void hostfs__lock_waits_finish(struct lock_waits *waits)
{
	hostfs__lock_waits_stop(waits);
	pthread_cond_destroy(&waits->arrived);
	pthread_mutex_destroy(&waits->mutex);
}

static int try(const struct lock_wait *wait)
{
	struct flock lock = wait->lock;

	if (!wait->owner)
		return flock(hostfs_file(wait->file)->fd, wait->op | LOCK_NB) < 0 ? -errno
										  : 0;
	return fcntl(wait->owner->fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

static bool must_wait(int err)
{
	return err == -EAGAIN || err == -EACCES;
}

static void wait_end(struct lock_waits *waits, struct lock_wait *wait, int err)
{
	finode_reply_err(wait->req, err);
	hostfs__lock_owner_put(waits->owners, wait->owner);
	finode_file_put(wait->file);
	free(wait);
}

/* Tries all of a list. @return those that still must wait */
static struct lock_wait *try_all(struct lock_waits *waits, struct lock_wait *list)
{
	struct lock_wait *left = NULL, *next;

	for (; list; list = next) {
		int err = fuse_req_interrupted(list->req) ? -EINTR : try(list);

		next = list->next;
		if (must_wait(err)) {
			list->next = left;
			left = list;
		} else {
			wait_end(waits, list, err);
		}
	}
	return left;
}

static struct lock_wait *take_new(struct lock_waits *waits, bool idle, bool *stopping)
{
	struct lock_wait *list;

	pthread_mutex_lock(&waits->mutex);
	while (idle && !waits->waiting && !waits->stopping)
		pthread_cond_wait(&waits->arrived, &waits->mutex);
	list = waits->waiting;
	waits->waiting = NULL;
	*stopping = waits->stopping;
	pthread_mutex_unlock(&waits->mutex);
	return list;
}

static void *wait_for_locks(void *arg)
{
	struct lock_waits *waits = arg;
	struct lock_wait *waiting = NULL, *last;
	bool stopping = false;

	while (!stopping) {
		struct lock_wait *list = take_new(waits, !waiting, &stopping);

		if (list) {
			for (last = list; last->next; last = last->next)
				;
			last->next = waiting;
			waiting = list;
		}
		waiting = try_all(waits, waiting);
		if (waiting && !stopping)
			poll(NULL, 0, TRY_EVERY);
	}
	while ((last = waiting)) {
		waiting = last->next;
		wait_end(waits, last, -EINTR);
	}
	return NULL;
}

static int start_locked(struct lock_waits *waits)
{
	sigset_t all, before;
	int err;

	if (waits->running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&waits->thread, NULL, wait_for_locks, waits);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	waits->running = err == 0;
	return err;
}

void hostfs__lock_or_wait(struct lock_waits *waits, struct lock_wait *wait, bool may_wait)
{
	int err = try(wait);

	if (!may_wait || !must_wait(err)) {
		wait_end(waits, wait, err);
		return;
	}
	atomic_fetch_add(&waits->count, 1);
	pthread_mutex_lock(&waits->mutex);
	err = waits->stopping ? -EINTR : start_locked(waits);
	if (!err) {
		wait->next = waits->waiting;
		waits->waiting = wait;
		pthread_cond_signal(&waits->arrived);
	}
	pthread_mutex_unlock(&waits->mutex);
	if (err)
		wait_end(waits, wait, err);
}

void hostfs__lock_waits_stop(struct lock_waits *waits)
{
	bool running;

	pthread_mutex_lock(&waits->mutex);
	running = waits->running;
	waits->stopping = true;
	waits->running = false;
	pthread_cond_signal(&waits->arrived);
	pthread_mutex_unlock(&waits->mutex);
	if (running)
		pthread_join(waits->thread, NULL);
	pthread_mutex_lock(&waits->mutex);
	waits->stopping = false;
	pthread_mutex_unlock(&waits->mutex);
}
