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

void hostfs__through_init(struct through *through)
{
	for (int i = 0; i < THROUGH_BUCKETS; i++)
		pthread_mutex_init(&through->buckets[i].mutex, NULL);
}

void hostfs__through_finish(struct through *through)
{
	for (int i = 0; i < THROUGH_BUCKETS; i++)
		pthread_mutex_destroy(&through->buckets[i].mutex);
}

static bool is_on(const struct hostfs_state *state)
{
	return hostfs__wants(state, HOSTFS_PASSTHROUGH);
}

static struct open_inode **find_locked(struct through *through, uint64_t nodeid)
{
	struct open_inode **at = &through->buckets[nodeid % THROUGH_BUCKETS].first;

	while (*at && (*at)->nodeid != nodeid)
		at = &(*at)->next;
	return at;
}

/* @return an id, or 0 for a file that must do without */
static int backing_open(fuse_req_t req, struct through *through, int fd)
{
	struct finode_session *session = finode_session_of(req);
	int id;

	if (through->off)
		return 0;
	through->session = session;
	id = finode_backing_open(session, fd);
	if (id == -EPERM || id == -ENOTTY || id == -EOPNOTSUPP)
		through->off = true;
	return id > 0 ? id : 0;
}

static int open_locked(fuse_req_t req, struct through *through, struct hostfs_file *file)
{
	const uint64_t nodeid = file->base.inode->nodeid;
	struct open_inode **at = find_locked(through, nodeid);
	struct open_inode *open = *at;

	if (!open) {
		open = calloc(1, sizeof(*open));
		if (!open)
			return -ENOMEM;
		open->nodeid = nodeid;
		open->id = backing_open(req, through, file->fd);
		*at = open;
	}
	open->files++;
	hostfs__file_part(file)->listed = true;
	file->base.backing_id = open->id;
	if (open->id)
		atomic_fetch_add(&through->passed, 1);
	return 0;
}

int hostfs__through_open(fuse_req_t req, struct hostfs_file *file)
{
	struct hostfs_state *state = hostfs__state(req);
	pthread_mutex_t *mutex;
	int err;

	if (!is_on(state))
		return 0;
	mutex = &state->through.buckets[file->base.inode->nodeid % THROUGH_BUCKETS].mutex;
	pthread_mutex_lock(mutex);
	err = open_locked(req, &state->through, file);
	pthread_mutex_unlock(mutex);
	return err;
}

void hostfs__through_close(struct hostfs_state *state, struct hostfs_file *file)
{
	struct through *through = &state->through;
	const uint64_t nodeid = file->base.inode->nodeid;
	pthread_mutex_t *mutex = &through->buckets[nodeid % THROUGH_BUCKETS].mutex;
	struct open_inode **at, *open;

	if (!hostfs__file_part(file)->listed)
		return;
	pthread_mutex_lock(mutex);
	at = find_locked(through, nodeid);
	open = *at;
	if (open && --open->files == 0) {
		*at = open->next;
		/* After the session has ended there is nothing left to close. */
		if (open->id && through->session)
			finode_backing_close(through->session, open->id);
		free(open);
	}
	pthread_mutex_unlock(mutex);
}
