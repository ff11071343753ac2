/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries of an open directory, read from the host. See entries.c. */
#ifndef HOSTFS_ENTRIES_H
#define HOSTFS_ENTRIES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dirent64;

#define ENTRIES_SIZE 32768

struct entries {
	pthread_mutex_t lock;

	/* Protected by the lock. */
	off_t next;	/* the offset that goes on with what is left */
	uint32_t known; /* so many more entries that the kernel has been told of by name */
	size_t at, used;
	char bytes[ENTRIES_SIZE] __attribute__((aligned(8)));
};

/* @return NULL if there is no memory */
struct entries *hostfs__entries_create(void);
void hostfs__entries_destroy(struct entries *entries);

/* The next entry will be the one at the offset, of the directory that `fd` is open of. */
int hostfs__entries_seek_locked(struct entries *entries, int fd, off_t off);

/*
 * The next entry, valid until the next call; it stays the next one.
 * @return 1; 0 at the end of the directory; a negative errno
 */
int hostfs__entries_peek_locked(struct entries *entries, int fd,
				const struct dirent64 **entry);

/* Goes on to the one after it. */
void hostfs__entries_advance_locked(struct entries *entries);

#endif
