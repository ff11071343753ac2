/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entries of an open directory.
 *
 * This file owns the entries that were read from the host and not yet replied: one
 * getdents64(2) gives more than one reply takes. Offsets are the host's own.
 *
 * Invariant: the buffer is used only for a request that goes on where the last one ended.
 * Any other offset, and 0 of all, reads the host anew.
 */
#include "entries.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct entries *hostfs__entries_create(void)
{
	struct entries *entries = malloc(sizeof(*entries));

	if (!entries)
		return NULL;
	pthread_mutex_init(&entries->lock, NULL);
	entries->next = -1;
	entries->at = entries->used = 0;
	entries->known = 0;
	return entries;
}

void hostfs__entries_destroy(struct entries *entries)
{
	if (!entries)
		return;
	pthread_mutex_destroy(&entries->lock);
	free(entries);
}

int hostfs__entries_seek_locked(struct entries *entries, int fd, off_t off)
{
	if (off != 0 && off == entries->next)
		return 0;
	if (lseek(fd, off, SEEK_SET) < 0)
		return -errno;
	entries->at = entries->used = 0;
	entries->next = off;
	return 0;
}

int hostfs__entries_peek_locked(struct entries *entries, int fd,
				const struct dirent64 **entry)
{
	if (entries->at >= entries->used) {
		ssize_t got = getdents64(fd, entries->bytes, sizeof(entries->bytes));

		entries->at = 0;
		entries->used = got > 0 ? (size_t)got : 0;
		if (got <= 0)
			return got < 0 ? -errno : 0;
	}
	*entry = (const void *)(entries->bytes + entries->at);
	return 1;
}

void hostfs__entries_advance_locked(struct entries *entries)
{
	const struct dirent64 *entry = (const void *)(entries->bytes + entries->at);

	entries->at += entry->d_reclen;
	entries->next = entry->d_off;
}
