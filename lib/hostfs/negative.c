/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names that are not there. The kernel keeps a dentry of each that it has asked for, and of
 * each that was removed; and a directory that has one cannot be forgotten by PRUNE, though
 * nobody uses it. Where a directory costs an fd, that is one lost until memory gets short.
 *
 * So the last of those names are kept here, and the kernel is told to forget them when it
 * is asked to forget inodes; one that makes room for another is told at once. That goes by
 * INVAL_ENTRY, which would take a name away from who is in the directory that it has
 * become: the host is asked first.
 *
 * Nothing is kept while less than a fourth of the budget is: then the directories that
 * such names hold are no more than that.
 */
#include "negative.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

void hostfs__negative_init(struct hostfs_state *state)
{
	pthread_mutex_init(&state->negative.mutex, NULL);
}

void hostfs__negative_finish(struct hostfs_state *state)
{
	for (int i = 0; i < NEGATIVE_ENTRIES; i++)
		free(state->negative.ring[i].name);
	pthread_mutex_destroy(&state->negative.mutex);
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
static struct negative_entry put(struct negative_entries *names,
				 struct negative_entry entry)
{
	struct negative_entry oldest;

	pthread_mutex_lock(&names->mutex);
	oldest = names->ring[names->next];
	names->ring[names->next] = entry;
	names->next = (names->next + 1) % NEGATIVE_ENTRIES;
	pthread_mutex_unlock(&names->mutex);
	return oldest;
}

void hostfs__negative_add(fuse_req_t req, const struct finode *dir, const char *name)
{
	struct hostfs_state *state = hostfs__state(req);
	struct finode_session *session = finode_session_of(req);
	struct negative_entry entry = {dir->nodeid, NULL};

	if (hostfs__mount(dir->mount)->fd >= 0 ||
	    state->backing.kept < state->backing.budget / 4 ||
	    !(finode_session_kernel(session)->features & FINODE_KERNEL_PRUNE))
		return;
	entry.name = strdup(name);
	if (!entry.name)
		return; /* without memory this is the least that may be forgotten */
	entry = put(&state->negative, entry);
	tell(session, &entry);
}

void hostfs__negative_forget(struct finode_session *session, struct hostfs_state *state)
{
	for (unsigned int i = 0; i < NEGATIVE_ENTRIES; i++) {
		struct negative_entry entry =
			put(&state->negative, (struct negative_entry){0, NULL});

		tell(session, &entry);
	}
}
