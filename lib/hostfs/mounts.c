/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's mounts: which names of directory entries may be mountpoints.
 *
 * readdir(3) of the host tells the number of what a mountpoint covers, not of the root that
 * is mounted there, and asking statx(2) of every entry would make a plain READDIR as slow
 * as a READDIRPLUS. So this file keeps the last components of all mountpoints of the
 * process's mount namespace, and only entries with such a name are looked at more closely.
 *
 * The kernel tells a poll(2) of /proc/self/mountinfo when something was mounted or
 * unmounted; then it is read anew. Invariant: a name that is in the host's list at the last
 * refresh is in `names`; a name that is there too much costs a statx(2).
 *
 * A mount whose root was listed is held until the host's mounts change, though nobody may
 * have looked its root up: the number that was told is one of its mount's, and goes with
 * it.
 */
#include "mounts.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* FNV-1a: two names that collide cost a statx(2). */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash;
}

static int compare(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* In place: mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* The fifth field of a line is the mountpoint. @return its last component, or NULL */
static char *name_in(char *line)
{
	char *save = NULL, *field = strtok_r(line, " ", &save);

	for (int i = 0; field && i < 4; i++)
		field = strtok_r(NULL, " ", &save);
	field = field ? strrchr(field, '/') : NULL;
	if (!field)
		return NULL;
	unescape(field + 1);
	return field + 1;
}

/* @return how many names there are, in *names, to be freed; or -1 */
static long read_names(FILE *stream, uint64_t **names)
{
	size_t line_size = 0;
	long count = 0, room = 0;
	char *line = NULL;

	*names = NULL;
	while (getline(&line, &line_size, stream) > 0) {
		const char *name = name_in(line);

		if (count == room) {
			uint64_t *more;

			room = room ? room * 2 : 64;
			more = reallocarray(*names, (size_t)room, sizeof(**names));
			if (!more) {
				count = -1;
				break;
			}
			*names = more;
		}
		if (name)
			(*names)[count++] = hash_of(name);
	}
	free(line);
	return count;
}

void hostfs__mounts_hold(struct hostfs_state *state, struct finode_mount *mount)
{
	struct host_mounts *mounts = &state->mounts;
	struct finode_mount **more;
	unsigned long i = 0;

	pthread_rwlock_wrlock(&mounts->lock);
	while (i < mounts->held_count && mounts->held[i] != mount)
		i++;
	if (i == mounts->held_count &&
	    (more = reallocarray(mounts->held, i + 1, sizeof(struct finode_mount *)))) {
		mounts->held = more;
		mounts->held[mounts->held_count++] = finode_mount_hold(mount);
	}
	pthread_rwlock_unlock(&mounts->lock);
}

void hostfs__mounts_release(struct hostfs_state *state)
{
	struct host_mounts *mounts = &state->mounts;
	struct finode_mount **held;
	unsigned long count;

	pthread_rwlock_wrlock(&mounts->lock);
	held = mounts->held;
	count = mounts->held_count;
	mounts->held = NULL;
	mounts->held_count = 0;
	pthread_rwlock_unlock(&mounts->lock);
	while (count > 0)
		finode_mount_put(held[--count]);
	free(held);
}

static void reread(struct hostfs_state *state)
{
	struct host_mounts *mounts = &state->mounts;
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	uint64_t *names = NULL, *before;
	long count = stream ? read_names(stream, &names) : -1;

	if (stream)
		fclose(stream);
	if (count < 0) {
		free(names);
		hostfs__warn_once(state, WARN_MOUNTS,
				  "the host's mounts cannot be read: mountpoints are "
				  "listed with the number of what they cover");
		return;
	}
	if (count > 0)
		qsort(names, (size_t)count, sizeof(*names), compare);
	pthread_rwlock_wrlock(&mounts->lock);
	before = mounts->names;
	mounts->names = names;
	mounts->count = (unsigned long)count;
	pthread_rwlock_unlock(&mounts->lock);
	free(before);
}

void hostfs__mounts_init(struct hostfs_state *state)
{
	pthread_rwlock_init(&state->mounts.lock, NULL);
	state->mounts.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	reread(state);
}

void hostfs__mounts_finish(struct hostfs_state *state)
{
	hostfs__close(&state->mounts.fd);
	free(state->mounts.names);
	pthread_rwlock_destroy(&state->mounts.lock);
}

void hostfs__mounts_refresh(struct hostfs_state *state)
{
	struct pollfd changed = {.fd = state->mounts.fd, .events = POLLPRI};

	if (state->mounts.fd < 0 || poll(&changed, 1, 0) <= 0)
		return;
	hostfs__mounts_release(state);
	reread(state);
}

unsigned long hostfs__mounts_count(struct hostfs_state *state)
{
	unsigned long count;

	pthread_rwlock_rdlock(&state->mounts.lock);
	count = state->mounts.count;
	pthread_rwlock_unlock(&state->mounts.lock);
	return count;
}

bool hostfs__mounts_may_have(struct hostfs_state *state, const char *name)
{
	struct host_mounts *mounts = &state->mounts;
	const uint64_t hash = hash_of(name);
	bool found;

	pthread_rwlock_rdlock(&mounts->lock);
	found = mounts->count > 0 &&
		bsearch(&hash, mounts->names, mounts->count, sizeof(hash), compare) != NULL;
	pthread_rwlock_unlock(&mounts->lock);
	return found;
}
