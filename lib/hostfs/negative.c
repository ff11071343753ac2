/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Negative entries. The kernel keeps a dentry of each name that it has looked for in vain,
 * and of each that was removed. A directory that has one cannot be forgotten by PRUNE,
 * though nobody uses it. Where a directory costs an fd, that fd is lost until memory gets
 * short.
 *
 * This file owns the last of those names. The kernel is told to forget them when it is
 * asked to forget inodes (reclaim.c); a name that makes room for another is told at once.
 * The message is INVAL_ENTRY, which would take a name away from processes in the directory
 * that it has become meanwhile: so the host is asked first.
 *
 * Nothing is kept while less than a fourth of the budget is: then the directories that
 * such names hold are no more than that.
 */
#include "negative.h"

#include <errno.h>
#include <fcntl.h>
#include <finode/hostfs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backing.h"
#include "budget.h"
#include "handle.h"
#include "state.h"

void hostfs__negative_init(struct negative_entries *negative)
{
	pthread_mutex_init(&negative->mutex, NULL);
}

void hostfs__negative_finish(struct negative_entries *negative)
{
	for (int i = 0; i < NEGATIVE_ENTRIES; i++)
		free(negative->ring[i].name);
	pthread_mutex_destroy(&negative->mutex);
}

static bool is_there(struct finode *dir, const char *name)
{
	struct stat st;
	bool there = true;
	int fd;

	if (hostfs_get(dir, &fd) == 0) {
		there = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
		hostfs_put(dir);
	}
	return there;
}

/* Consumes the name. */
static void tell(struct finode_session *session, struct negative_entry *entry)
{
	FINODE_AUTOPUT struct finode *dir = NULL;

	if (entry->name)
		dir = finode_get(session->table, entry->dir);
	if (dir && !is_there(dir, entry->name))
		finode_notify_inval_entry(session, entry->dir, entry->name);
	free(entry->name);
}

/* Puts this one in the place of the oldest. @return that */
static struct negative_entry put(struct negative_entries *negative,
				 struct negative_entry entry)
{
	struct negative_entry oldest;

	pthread_mutex_lock(&negative->mutex);
	oldest = negative->ring[negative->next];
	negative->ring[negative->next] = entry;
	negative->next = (negative->next + 1) % NEGATIVE_ENTRIES;
	pthread_mutex_unlock(&negative->mutex);
	return oldest;
}

void hostfs__negative_add(fuse_req_t req, const struct finode *dir, const char *name)
{
	struct hostfs_state *state = hostfs__state(req);
	struct finode_session *session = finode_session_of(req);
	struct negative_entry entry = {dir->nodeid, NULL};

	if (hostfs__mount_has_handles(dir->mount) ||
	    state->backing->kept < state->budget->limit / 4 ||
	    !finode_session_kernel_has(session, FINODE_KERNEL_PRUNE))
		return;
	entry.name = strdup(name);
	if (!entry.name)
		return; /* out of memory, one fd may stay lost */
	entry = put(state->negative, entry);
	tell(session, &entry);
}

void hostfs__negative_forget(struct negative_entries *negative,
			     struct finode_session *session)
{
	for (unsigned int i = 0; i < NEGATIVE_ENTRIES; i++) {
		struct negative_entry entry =
			put(negative, (struct negative_entry){0, NULL});

		tell(session, &entry);
	}
}
