/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FUSE passthrough: with HOSTFS_PASSTHROUGH the kernel is given the host's file with the
 * answer to OPEN or CREATE, and reads and writes it by itself.
 *
 * The kernel takes one backing file for each inode, and no mixture: while an inode is open
 * with one, every other OPEN of it must name the same, and while it is open without, none
 * may. Otherwise open(2) fails with EIO. So this file owns, for each inode that is open,
 * its backing file and how many files are open; the first OPEN of an inode decides.
 *
 * Invariants, under the mutex of the inode's bucket: an inode is in its bucket while a file
 * of it is open; `id` is not 0 exactly if those files have a backing file. The kernel's own
 * count of a file ends before its RELEASE, so this one is never too low. The ioctl is made
 * with the mutex held; it does not block.
 *
 * A file that cannot have a backing file (its filesystem is stacked itself) does without. A
 * process that may not have any (CAP_SYS_ADMIN) asks once.
 */
#include "passthrough.h"

#include <errno.h>
#include <finode/fuse.h>
#include <stdlib.h>

struct open_inode {
	struct open_inode *next;
	uint64_t nodeid;
	unsigned int files;
	int id;
};

void hostfs__passthrough_init(struct passthrough *passthrough)
{
	for (int i = 0; i < PASSTHROUGH_BUCKETS; i++)
		pthread_mutex_init(&passthrough->buckets[i].mutex, NULL);
}

void hostfs__passthrough_finish(struct passthrough *passthrough)
{
	for (int i = 0; i < PASSTHROUGH_BUCKETS; i++)
		pthread_mutex_destroy(&passthrough->buckets[i].mutex);
}

static pthread_mutex_t *mutex_of(struct passthrough *passthrough, uint64_t nodeid)
{
	return &passthrough->buckets[nodeid % PASSTHROUGH_BUCKETS].mutex;
}

static struct open_inode **find_locked(struct passthrough *passthrough, uint64_t nodeid)
{
	struct open_inode **at = &passthrough->buckets[nodeid % PASSTHROUGH_BUCKETS].first;

	while (*at && (*at)->nodeid != nodeid)
		at = &(*at)->next;
	return at;
}

/* @return an id, or 0 for a file that must do without */
static int backing_open(struct passthrough *passthrough, struct finode_session *session,
			int fd)
{
	int id;

	if (passthrough->off)
		return 0;
	passthrough->session = session;
	id = finode_backing_open(session, fd);
	if (id == -EPERM || id == -ENOTTY || id == -EOPNOTSUPP)
		passthrough->off = true;
	return id > 0 ? id : 0;
}

/* The inode, in its bucket. @return NULL if there is no memory */
static struct open_inode *obtain_locked(struct passthrough *passthrough,
					struct finode_session *session, uint64_t nodeid,
					int fd)
{
	struct open_inode **at = find_locked(passthrough, nodeid);

	if (!*at) {
		struct open_inode *open = calloc(1, sizeof(*open));

		if (!open)
			return NULL;
		open->nodeid = nodeid;
		open->id = backing_open(passthrough, session, fd);
		*at = open;
	}
	return *at;
}

int hostfs__passthrough_open(struct passthrough *passthrough,
			     struct finode_session *session, uint64_t nodeid, int fd,
			     int32_t *backing_id)
{
	pthread_mutex_t *mutex = mutex_of(passthrough, nodeid);
	struct open_inode *open;

	pthread_mutex_lock(mutex);
	open = obtain_locked(passthrough, session, nodeid, fd);
	if (open) {
		open->files++;
		*backing_id = open->id;
		if (open->id)
			atomic_fetch_add(&passthrough->opens, 1);
	}
	pthread_mutex_unlock(mutex);
	return open ? 0 : -ENOMEM;
}

void hostfs__passthrough_close(struct passthrough *passthrough, uint64_t nodeid)
{
	pthread_mutex_t *mutex = mutex_of(passthrough, nodeid);
	struct open_inode **at, *open;

	pthread_mutex_lock(mutex);
	at = find_locked(passthrough, nodeid);
	open = *at;
	if (open && --open->files == 0) {
		*at = open->next;
		/* After the session has ended there is nothing left to close. */
		if (open->id && passthrough->session)
			finode_backing_close(passthrough->session, open->id);
		free(open);
	}
	pthread_mutex_unlock(mutex);
}

void hostfs__passthrough_stop(struct passthrough *passthrough)
{
	passthrough->session = NULL;
}
