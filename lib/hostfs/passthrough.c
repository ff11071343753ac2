/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data that does not come to the server: with HOSTFS_PASSTHROUGH the kernel is given the
 * host's file with the answer to OPEN or CREATE, and reads and writes it by itself.
 *
 * The kernel takes one backing file for each inode, and no mixture: while an inode is open
 * with one, every other OPEN of it must name the same, and while it is open without, none
 * may. Whoever breaks that has open(2) fail with EIO. So this file owns, for each inode
 * that is open, how it is and how often; the first who opens it decides.
 *
 * Invariants, under the mutex of the inode's bucket: an inode is in its bucket while a file
 * of it is open; `id` is not 0 exactly if those files have a backing file. The kernel's own
 * count of a file ends before its RELEASE, so this one is never too low. The ioctl is made
 * with the mutex held; it does not block.
 *
 * What cannot have a backing file (a filesystem that is stacked itself) does without, and a
 * process that may not have any (CAP_SYS_ADMIN) asks once.
 */
#include "passthrough.h"

#include <stdlib.h>

#include "internal.h"

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

static bool is_on(const struct hostfs_state *state)
{
	return hostfs__wants(state, HOSTFS_PASSTHROUGH);
}

static struct open_inode **find_locked(struct passthrough *passthrough, uint64_t nodeid)
{
	struct open_inode **at = &passthrough->buckets[nodeid % PASSTHROUGH_BUCKETS].first;

	while (*at && (*at)->nodeid != nodeid)
		at = &(*at)->next;
	return at;
}

/* @return an id, or 0 for a file that must do without */
static int backing_open(fuse_req_t req, struct passthrough *passthrough, int fd)
{
	struct finode_session *session = finode_session_of(req);
	int id;

	if (passthrough->off)
		return 0;
	passthrough->session = session;
	id = finode_backing_open(session, fd);
	if (id == -EPERM || id == -ENOTTY || id == -EOPNOTSUPP)
		passthrough->off = true;
	return id > 0 ? id : 0;
}

static int open_locked(fuse_req_t req, struct passthrough *passthrough,
		       struct hostfs_file *file)
{
	const uint64_t nodeid = file->base.inode->nodeid;
	struct open_inode **at = find_locked(passthrough, nodeid);
	struct open_inode *open = *at;

	if (!open) {
		open = calloc(1, sizeof(*open));
		if (!open)
			return -ENOMEM;
		open->nodeid = nodeid;
		open->id = backing_open(req, passthrough, file->fd);
		*at = open;
	}
	open->files++;
	hostfs__file_part(file)->listed = true;
	file->base.backing_id = open->id;
	if (open->id)
		atomic_fetch_add(&passthrough->opens, 1);
	return 0;
}

int hostfs__passthrough_open(fuse_req_t req, struct hostfs_file *file)
{
	struct hostfs_state *state = hostfs__state(req);
	pthread_mutex_t *mutex;
	int err;

	if (!is_on(state))
		return 0;
	mutex = &state->passthrough.buckets[file->base.inode->nodeid % PASSTHROUGH_BUCKETS]
			 .mutex;
	pthread_mutex_lock(mutex);
	err = open_locked(req, &state->passthrough, file);
	pthread_mutex_unlock(mutex);
	return err;
}

void hostfs__passthrough_close(struct hostfs_state *state, struct hostfs_file *file)
{
	struct passthrough *passthrough = &state->passthrough;
	const uint64_t nodeid = file->base.inode->nodeid;
	pthread_mutex_t *mutex = &passthrough->buckets[nodeid % PASSTHROUGH_BUCKETS].mutex;
	struct open_inode **at, *open;

	if (!hostfs__file_part(file)->listed)
		return;
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
