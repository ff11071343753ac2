/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data that does not come to the server: with HOSTFS_PASSTHROUGH the kernel is given the
 * host's file with the answer to OPEN, and reads and writes it by itself.
 *
 * The kernel takes one backing file for each inode, and no mixture: while an inode is open
 * with one, every other OPEN of it must name the same, and while it is open without, none
 * may. Whoever breaks that has open(2) fail with EIO. So this file owns, for each inode
 * that is open, how it is and how often; the first OPEN decides. A CREATE is answered
 * without, for the glue's reply cannot name one; if the file exists and is open with one,
 * it is answered with ESTALE, and the kernel looks the name up and opens it.
 *
 * Invariants, under the mutex of the inode's bucket: an inode is in its bucket while a file
 * of it is open; `id` is not 0 exactly if those files have a backing file. The kernel's own
 * count of a file ends before its RELEASE, so this one is never too low. The ioctl is made
 * with the mutex held; it does not block.
 *
 * What cannot have a backing file (a filesystem that is stacked itself) does without, and a
 * process that may not have any (CAP_SYS_ADMIN) asks once.
 */
#include "through.h"

#include <linux/ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"

/* Of linux/fuse.h since 7.40, which Debian 12 does not have. */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
struct open_out {
	uint64_t fh;
	uint32_t flags;
	int32_t backing_id;
};
#define BACKING_OPEN	 _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE	 _IOW(229, 2, uint32_t)
#define OPEN_PASSTHROUGH (1u << 7)

struct open_inode {
	struct open_inode *next;
	uint64_t nodeid;
	unsigned int files;
	int id;
};

void hostfs__through_init(struct through *through)
{
	through->dev_fd = -1;
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
	const struct finode_session *session = finode_session_of(req);
	struct backing_map map = {.fd = fd};
	int id;

	if (through->off)
		return 0;
	if (!(finode_session_kernel(session)->features & FINODE_KERNEL_PASSTHROUGH)) {
		through->off = true;
		return 0;
	}
	through->dev_fd = fuse_session_fd(session->fuse);
	id = ioctl(through->dev_fd, BACKING_OPEN, &map);
	if (id < 0 && (errno == EPERM || errno == ENOTTY || errno == EOPNOTSUPP))
		through->off = true;
	return id > 0 ? id : 0;
}

static int open_locked(fuse_req_t req, struct through *through, struct hostfs_file *file,
		       bool can)
{
	const uint64_t nodeid = file->base.inode->nodeid;
	struct open_inode **at = find_locked(through, nodeid);
	struct open_inode *open = *at;

	if (open && open->id && !can)
		return -ESTALE;
	if (!open) {
		open = calloc(1, sizeof(*open));
		if (!open)
			return -ENOMEM;
		open->nodeid = nodeid;
		open->id = can ? backing_open(req, through, file->fd) : 0;
		*at = open;
	}
	open->files++;
	hostfs__file_part(file)->listed = true;
	if (open->id)
		atomic_fetch_add(&through->passed, 1);
	return open->id;
}

static int list_file(fuse_req_t req, struct hostfs_file *file, bool can)
{
	struct hostfs_state *state = hostfs__state(req);
	pthread_mutex_t *mutex;
	int id;

	if (!is_on(state))
		return 0;
	mutex = &state->through.buckets[file->base.inode->nodeid % THROUGH_BUCKETS].mutex;
	pthread_mutex_lock(mutex);
	id = open_locked(req, &state->through, file, can);
	pthread_mutex_unlock(mutex);
	return id;
}

int hostfs__through_open(fuse_req_t req, struct hostfs_file *file)
{
	return list_file(req, file, true);
}

int hostfs__through_create(fuse_req_t req, struct hostfs_file *file)
{
	return list_file(req, file, false);
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
		if (open->id) {
			uint32_t id = (uint32_t)open->id;

			/* After the session has ended there is nothing left to close. */
			(void)ioctl(through->dev_fd, BACKING_CLOSE, &id);
		}
		free(open);
	}
	pthread_mutex_unlock(mutex);
}

void hostfs__through_reply(fuse_req_t req, struct finode_file *file, int id)
{
	const struct open_out out = {file->fh, OPEN_PASSTHROUGH, id};
	struct finode_table *table = file->inode->mount->table;

	if (fuse_reply_buf(req, (const char *)&out, sizeof(out)) != 0)
		finode_file_close(table, out.fh);
}
