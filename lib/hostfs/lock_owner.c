/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owners of POSIX locks that the host knows.
 *
 * A POSIX lock belongs to a process and an inode, and all its open files share it. So this
 * file owns one open file of the host for each (inode, owner) that has locks, with locks of
 * the "open file description" kind; closing it is what the close(2) of the process means.
 *
 * Invariants: an owner is in the table until its process closes the file, and lives as long
 * as a request uses it. System calls are made without the mutex.
 */
#include "lock_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <stdbool.h>
#include <stdlib.h>

#include "budget.h"
#include "fd.h"

void hostfs__lock_owners_init(struct lock_owners *owners, struct budget *budget)
{
	owners->budget = budget;
	pthread_mutex_init(&owners->mutex, NULL);
}

void hostfs__lock_owners_finish(struct lock_owners *owners)
{
	for (int i = 0; i < LOCK_BUCKETS; i++) {
		struct lock_owner *owner;

		while ((owner = owners->buckets[i])) {
			owners->buckets[i] = owner->next;
			hostfs__lock_owner_put(owners, owner);
		}
	}
	pthread_mutex_destroy(&owners->mutex);
}

static struct lock_owner **bucket_of(struct lock_owners *owners, uint64_t nodeid)
{
	return &owners->buckets[nodeid % LOCK_BUCKETS];
}

static struct lock_owner **find_locked(struct lock_owners *owners, uint64_t nodeid,
				       uint64_t owner)
{
	struct lock_owner **at = bucket_of(owners, nodeid);

	while (*at && ((*at)->nodeid != nodeid || (*at)->owner != owner))
		at = &(*at)->next;
	return at;
}

struct lock_owner *hostfs__lock_owner_get(struct lock_owners *owners, uint64_t nodeid,
					  uint64_t owner)
{
	struct lock_owner *found;

	pthread_mutex_lock(&owners->mutex);
	found = *find_locked(owners, nodeid, owner);
	if (found)
		found->users++;
	pthread_mutex_unlock(&owners->mutex);
	return found;
}

static void destroy(struct lock_owners *owners, struct lock_owner *owner)
{
	hostfs__close(&owner->fd);
	hostfs__budget_unreserve(owners->budget);
	atomic_fetch_sub(&owners->count, 1);
	free(owner);
}

void hostfs__lock_owner_put(struct lock_owners *owners, struct lock_owner *owner)
{
	bool last;

	if (!owner)
		return;
	pthread_mutex_lock(&owners->mutex);
	last = --owner->users == 0;
	pthread_mutex_unlock(&owners->mutex);
	if (last)
		destroy(owners, owner);
}

/* ---- Making ---- */

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

/* An owner with one use, and one for being in the table, where it is not yet. */
static int create(struct lock_owners *owners, uint64_t nodeid, uint64_t owner, int fd,
		  struct lock_owner **out)
{
	struct lock_owner *made = calloc(1, sizeof(*made));
	int err = made ? hostfs__budget_reserve(owners->budget) : -ENOMEM;

	*out = NULL;
	if (err)
		goto error_free;
	*made = (struct lock_owner){.nodeid = nodeid, .owner = owner, .users = 2};
	made->fd = open_another(fd);
	if (made->fd < 0) {
		err = made->fd;
		goto error_unreserve;
	}
	atomic_fetch_add(&owners->count, 1);
	*out = made;
	return 0;

error_unreserve:
	hostfs__budget_unreserve(owners->budget);
error_free:
	free(made);
	return err;
}

int hostfs__lock_owner_obtain(struct lock_owners *owners, uint64_t nodeid, uint64_t owner,
			      int fd, struct lock_owner **out)
{
	struct lock_owner *made, **at;
	int err;

	*out = hostfs__lock_owner_get(owners, nodeid, owner);
	if (*out)
		return 0;
	err = create(owners, nodeid, owner, fd, &made);
	if (err)
		return err;
	pthread_mutex_lock(&owners->mutex);
	at = find_locked(owners, nodeid, owner);
	/* Another thread of the process may have been faster: then its owner it is. */
	if (*at)
		(*at)->users++;
	else
		*at = made;
	*out = *at;
	pthread_mutex_unlock(&owners->mutex);
	if (*out != made)
		destroy(owners, made);
	return 0;
}

/* ---- Dropping, and others ---- */

void hostfs__lock_owners_drop(struct lock_owners *owners, uint64_t nodeid, uint64_t owner)
{
	struct lock_owner **at, *found;

	if (owners->count == 0)
		return;
	pthread_mutex_lock(&owners->mutex);
	at = find_locked(owners, nodeid, owner);
	found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&owners->mutex);
	if (found) {
		/* A request that waits for a lock keeps the file open, but not its locks.
		 */
		struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

		fcntl(found->fd, F_OFD_SETLK, &all);
		hostfs__lock_owner_put(owners, found);
	}
}

pid_t hostfs__lock_owners_other_pid(struct lock_owners *owners, uint64_t nodeid,
				    uint64_t owner)
{
	const struct lock_owner *other;
	pid_t pid = 0;

	pthread_mutex_lock(&owners->mutex);
	for (other = *bucket_of(owners, nodeid); other; other = other->next)
		if (other->nodeid == nodeid && other->owner != owner)
			pid = other->pid;
	pthread_mutex_unlock(&owners->mutex);
	return pid;
}
