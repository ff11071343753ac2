/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks on files that the host knows, in a session with HOSTFS_REMOTE_LOCKS; in any other
 * the kernel of the mount keeps locks by itself, which is all that its own processes need.
 *
 * A BSD lock belongs to an open file, and the host's is in struct hostfs_file: flock(2). A
 * POSIX lock belongs to a process and an inode, and all its open files share it. So there
 * is one open file of the host for each (inode, owner) that has locks, with locks of the
 * "open file description" kind; closing it is what the close(2) of the process means.
 *
 * A lock that must wait is not waited for in a thread of the session, whose requests might
 * be what lets it go. It is in a list, and one thread, started by the first of them, tries
 * each every few milliseconds, and answers those that were interrupted with EINTR. So there
 * is no order among those who wait, and no EDEADLK.
 *
 * Invariants: an owner is in the table until its process closes the file, and lives as long
 * as a request uses it. System calls are made without the mutex.
 */
#include "lock.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>

#include "internal.h"

#define TRY_EVERY 5 /* milliseconds */

struct lock_owner {
	struct lock_owner *next;
	uint64_t nodeid, owner;
	pid_t pid; /* who has locked last */
	int users; /* and one for being in the table */
	int fd;
};

/* A request that waits. Of a POSIX lock if there is an owner, else of a BSD lock. */
struct lock_wait {
	struct lock_wait *next;
	fuse_req_t req;
	struct lock_owner *owner;
	struct finode_file *file;
	struct flock lock;
	int op;
};

/* ---- Owners ---- */

static struct lock_owner **bucket_of(struct lock_owners *locks, uint64_t nodeid)
{
	return &locks->buckets[nodeid % LOCK_BUCKETS];
}

static struct lock_owner **find_locked(struct lock_owners *locks, uint64_t nodeid,
				       uint64_t owner)
{
	struct lock_owner **at = bucket_of(locks, nodeid);

	while (*at && ((*at)->nodeid != nodeid || (*at)->owner != owner))
		at = &(*at)->next;
	return at;
}

static struct lock_owner *owner_get(struct lock_owners *locks, uint64_t nodeid,
				    uint64_t owner)
{
	struct lock_owner *found;

	pthread_mutex_lock(&locks->mutex);
	found = *find_locked(locks, nodeid, owner);
	if (found)
		found->users++;
	pthread_mutex_unlock(&locks->mutex);
	return found;
}

static void owner_put(struct lock_owners *locks, struct lock_owner *owner)
{
	bool last;

	if (!owner)
		return;
	pthread_mutex_lock(&locks->mutex);
	last = --owner->users == 0;
	pthread_mutex_unlock(&locks->mutex);
	if (!last)
		return;
	hostfs__close(&owner->fd);
	hostfs__backing_unreserve(locks->state);
	atomic_fetch_sub(&locks->count, 1);
	free(owner);
}

/* Another open file of the same inode; for writing too, if that may be. */
static int open_another(int fd)
{
	char path[HOSTFS_PATH_MAX];
	int another = open(hostfs_path(fd, path), O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (another < 0)
		another = open(path,
			       (fcntl(fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK);
	return another < 0 ? -errno : another;
}

/* @return an owner with a use, or NULL and the error in *err */
static struct lock_owner *owner_create(struct lock_owners *locks, uint64_t nodeid,
				       uint64_t owner, int fd, int *err)
{
	struct lock_owner *made = calloc(1, sizeof(*made)), **at, *known;

	*err = made ? hostfs__backing_reserve(locks->state) : -ENOMEM;
	if (*err) {
		free(made);
		return NULL;
	}
	*made = (struct lock_owner){.nodeid = nodeid, .owner = owner, .users = 2};
	made->fd = open_another(fd);
	if (made->fd < 0) {
		*err = made->fd;
		hostfs__backing_unreserve(locks->state);
		free(made);
		return NULL;
	}
	atomic_fetch_add(&locks->count, 1);
	pthread_mutex_lock(&locks->mutex);
	at = find_locked(locks, nodeid, owner);
	known = *at;
	if (known)
		known->users++;
	else
		*at = made;
	/* Another thread of the process was faster: its owner it is. */
	if (known)
		made->users = 1;
	pthread_mutex_unlock(&locks->mutex);
	if (!known)
		return made;
	owner_put(locks, made);
	return known;
}

void hostfs__locks_drop(struct lock_owners *locks, uint64_t nodeid, uint64_t owner)
{
	struct lock_owner **at, *found;

	if (locks->count == 0)
		return;
	pthread_mutex_lock(&locks->mutex);
	at = find_locked(locks, nodeid, owner);
	found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&locks->mutex);
	if (found) {
		/* Whoever waits for a lock keeps the file open, but not its locks. */
		struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

		fcntl(found->fd, F_OFD_SETLK, &all);
		owner_put(locks, found);
	}
}

/* Who has a lock in the way, as far as that is known: OFD locks do not tell. */
static pid_t pid_of_other(struct lock_owners *locks, uint64_t nodeid, uint64_t owner)
{
	const struct lock_owner *other;
	pid_t pid = 0;

	pthread_mutex_lock(&locks->mutex);
	for (other = *bucket_of(locks, nodeid); other; other = other->next)
		if (other->nodeid == nodeid && other->owner != owner)
			pid = other->pid;
	pthread_mutex_unlock(&locks->mutex);
	return pid;
}

/* ---- Waiting ---- */

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

static void wait_end(struct lock_owners *locks, struct lock_wait *wait, int err)
{
	finode_reply_err(wait->req, err);
	owner_put(locks, wait->owner);
	finode_file_put(wait->file);
	free(wait);
}

/* Tries all of a list. @return those that still must wait */
static struct lock_wait *try_all(struct lock_owners *locks, struct lock_wait *list)
{
	struct lock_wait *left = NULL, *next;

	for (; list; list = next) {
		int err = fuse_req_interrupted(list->req) ? -EINTR : try(list);

		next = list->next;
		if (must_wait(err)) {
			list->next = left;
			left = list;
		} else {
			wait_end(locks, list, err);
		}
	}
	return left;
}

static struct lock_wait *take_new(struct lock_owners *locks, bool idle, bool *stopping)
{
	struct lock_wait *list;

	pthread_mutex_lock(&locks->mutex);
	while (idle && !locks->waiting && !locks->stopping)
		pthread_cond_wait(&locks->arrived, &locks->mutex);
	list = locks->waiting;
	locks->waiting = NULL;
	*stopping = locks->stopping;
	pthread_mutex_unlock(&locks->mutex);
	return list;
}

static void *wait_for_locks(void *arg)
{
	struct lock_owners *locks = arg;
	struct lock_wait *waiting = NULL, *last;
	bool stopping = false;

	while (!stopping) {
		struct lock_wait *list = take_new(locks, !waiting, &stopping);

		if (list) {
			for (last = list; last->next; last = last->next)
				;
			last->next = waiting;
			waiting = list;
		}
		waiting = try_all(locks, waiting);
		if (waiting && !stopping)
			poll(NULL, 0, TRY_EVERY);
	}
	while ((last = waiting)) {
		waiting = last->next;
		wait_end(locks, last, -EINTR);
	}
	return NULL;
}

static int start_locked(struct lock_owners *locks)
{
	sigset_t all, before;
	int err;

	if (locks->running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&locks->thread, NULL, wait_for_locks, locks);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	locks->running = err == 0;
	return err;
}

/* Consumes the wait: it is answered here and now, or by the thread. */
static void lock_or_wait(struct lock_owners *locks, struct lock_wait *wait, bool sleep)
{
	int err = try(wait);

	if (!sleep || !must_wait(err)) {
		wait_end(locks, wait, err);
		return;
	}
	atomic_fetch_add(&locks->waits, 1);
	pthread_mutex_lock(&locks->mutex);
	err = locks->stopping ? -EINTR : start_locked(locks);
	if (!err) {
		wait->next = locks->waiting;
		locks->waiting = wait;
		pthread_cond_signal(&locks->arrived);
	}
	pthread_mutex_unlock(&locks->mutex);
	if (err)
		wait_end(locks, wait, err);
}

void hostfs__locks_stop(struct lock_owners *locks)
{
	bool running;

	pthread_mutex_lock(&locks->mutex);
	running = locks->running;
	locks->stopping = true;
	locks->running = false;
	pthread_cond_signal(&locks->arrived);
	pthread_mutex_unlock(&locks->mutex);
	if (running)
		pthread_join(locks->thread, NULL);
	pthread_mutex_lock(&locks->mutex);
	locks->stopping = false;
	pthread_mutex_unlock(&locks->mutex);
}

void hostfs__locks_init(struct hostfs_state *state)
{
	state->locks.state = state;
	pthread_mutex_init(&state->locks.mutex, NULL);
	pthread_cond_init(&state->locks.arrived, NULL);
}

void hostfs__locks_finish(struct lock_owners *locks)
{
	hostfs__locks_stop(locks);
	for (int i = 0; i < LOCK_BUCKETS; i++) {
		struct lock_owner *owner;

		while ((owner = locks->buckets[i])) {
			locks->buckets[i] = owner->next;
			owner_put(locks, owner);
		}
	}
	pthread_cond_destroy(&locks->arrived);
	pthread_mutex_destroy(&locks->mutex);
}

/* ---- Operations ---- */

void hostfs__getlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		   struct flock *lock)
{
	struct lock_owners *locks = &hostfs__state(req)->locks;
	AUTO_FILE_USE struct file_use use = FILE_USE_NONE;
	struct lock_owner *owner = NULL;
	int err = hostfs__file_use(req, nodeid, fi, O_RDONLY, &use);

	if (!err && !(owner = owner_get(locks, nodeid, fi->lock_owner)))
		owner = owner_create(locks, nodeid, fi->lock_owner, use.fd, &err);
	lock->l_pid = 0;
	if (!err && fcntl(owner->fd, F_OFD_GETLK, lock) < 0)
		err = -errno;
	owner_put(locks, owner);
	if (err) {
		finode_reply_err(req, err);
		return;
	}
	if (lock->l_type != F_UNLCK)
		lock->l_pid = pid_of_other(locks, nodeid, fi->lock_owner);
	fuse_reply_lock(req, lock);
}

static void reply_err_and_put(fuse_req_t req, struct finode_file *file, int err)
{
	finode_reply_err(req, err);
	finode_file_put(file);
}

void hostfs__setlk(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi,
		   struct flock *lock, int sleep)
{
	struct lock_owners *locks = &hostfs__state(req)->locks;
	struct finode_file *file = finode_file_get(hostfs_of(req)->table, fi->fh);
	struct lock_owner *owner = owner_get(locks, nodeid, fi->lock_owner);
	struct lock_wait *wait = NULL;
	int err = file ? 0 : -EBADF;

	/* Nothing is locked, so nothing is to be unlocked. */
	if (!err && !owner && lock->l_type == F_UNLCK) {
		reply_err_and_put(req, file, 0);
		return;
	}
	if (!err && !owner)
		owner = owner_create(locks, nodeid, fi->lock_owner, hostfs_file(file)->fd,
				     &err);
	if (!err && !(wait = calloc(1, sizeof(*wait))))
		err = -ENOMEM;
	if (err) {
		owner_put(locks, owner);
		reply_err_and_put(req, file, err);
		return;
	}
	owner->pid = lock->l_pid;
	*wait = (struct lock_wait){.req = req, .owner = owner, .file = file, .lock = *lock};
	wait->lock.l_pid = 0;
	lock_or_wait(locks, wait, sleep && lock->l_type != F_UNLCK);
}

void hostfs__flock(fuse_req_t req, fuse_ino_t nodeid UNUSED, struct fuse_file_info *fi,
		   int op)
{
	struct finode_file *file = finode_file_get(hostfs_of(req)->table, fi->fh);
	struct lock_wait *wait = file ? calloc(1, sizeof(*wait)) : NULL;

	if (!wait) {
		reply_err_and_put(req, file, file ? -ENOMEM : -EBADF);
		return;
	}
	*wait = (struct lock_wait){.req = req, .file = file, .op = op & ~LOCK_NB};
	lock_or_wait(&hostfs__state(req)->locks, wait, !(op & LOCK_NB));
}
