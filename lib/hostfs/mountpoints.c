/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's mountpoints: which names of directory entries may be one.
 *
 * readdir(3) of the host tells the number of what a mountpoint covers, not of the root that
 * is mounted there, and asking statx(2) of every entry would make a plain READDIR as slow
 * as a READDIRPLUS. So this file keeps the last components of all mountpoints of the
 * process's mount namespace, and only entries with such a name are looked at more closely.
 *
 * The kernel tells a poll(2) of /proc/self/mountinfo when something was mounted or
 * unmounted; then it is read anew. Invariant: a name that is in the host's list at the last
 * refresh is in `names`. A name too many costs a statx(2).
 *
 * A mount whose root was listed is held until the host's mounts change, even if its root is
 * never looked up: the number that was told is one of the mount's, and ends with it.
 */
#include "mountpoints.h"

#include <fcntl.h>
#include <finode/mount.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "state.h"

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

void hostfs__mountpoints_hold(struct mountpoints *mountpoints, struct finode_mount *mount)
{
	struct finode_mount **more;
	unsigned long i = 0;

	pthread_rwlock_wrlock(&mountpoints->lock);
	while (i < mountpoints->held_count && mountpoints->held[i] != mount)
		i++;
	if (i == mountpoints->held_count &&
	    (more = reallocarray(mountpoints->held, i + 1,
				 sizeof(struct finode_mount *)))) {
		mountpoints->held = more;
		mountpoints->held[mountpoints->held_count++] = finode_mount_hold(mount);
	}
	pthread_rwlock_unlock(&mountpoints->lock);
}

void hostfs__mountpoints_release(struct mountpoints *mountpoints)
{
	struct finode_mount **held;
	unsigned long count;

	pthread_rwlock_wrlock(&mountpoints->lock);
	held = mountpoints->held;
	count = mountpoints->held_count;
	mountpoints->held = NULL;
	mountpoints->held_count = 0;
	pthread_rwlock_unlock(&mountpoints->lock);
	while (count > 0)
		finode_mount_put(held[--count]);
	free(held);
}

static void reread(struct mountpoints *mountpoints)
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	uint64_t *names = NULL, *before;
	long count = stream ? read_names(stream, &names) : -1;

	if (stream)
		fclose(stream);
	if (count < 0) {
		free(names);
		hostfs__warn_once(mountpoints->state, WARN_MOUNTPOINTS,
				  "the host's mounts cannot be read: mountpoints are "
				  "listed with the number of what they cover");
		return;
	}
	if (count > 0)
		qsort(names, (size_t)count, sizeof(*names), compare);
	pthread_rwlock_wrlock(&mountpoints->lock);
	before = mountpoints->names;
	mountpoints->names = names;
	mountpoints->count = (unsigned long)count;
	pthread_rwlock_unlock(&mountpoints->lock);
	free(before);
}

void hostfs__mountpoints_init(struct mountpoints *mountpoints, struct hostfs_state *state)
{
	mountpoints->state = state;
	pthread_rwlock_init(&mountpoints->lock, NULL);
	mountpoints->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	reread(mountpoints);
}

void hostfs__mountpoints_finish(struct mountpoints *mountpoints)
{
	hostfs__close(&mountpoints->fd);
	free(mountpoints->names);
	pthread_rwlock_destroy(&mountpoints->lock);
}

void hostfs__mountpoints_refresh(struct mountpoints *mountpoints)
{
	struct pollfd changed = {.fd = mountpoints->fd, .events = POLLPRI};

	if (mountpoints->fd < 0 || poll(&changed, 1, 0) <= 0)
		return;
	hostfs__mountpoints_release(mountpoints);
	reread(mountpoints);
}

unsigned long hostfs__mountpoints_count(struct mountpoints *mountpoints)
{
	unsigned long count;

	pthread_rwlock_rdlock(&mountpoints->lock);
	count = mountpoints->count;
	pthread_rwlock_unlock(&mountpoints->lock);
	return count;
}

bool hostfs__mountpoints_may_have(struct mountpoints *mountpoints, const char *name)
{
	const uint64_t hash = hash_of(name);
	bool found;

	pthread_rwlock_rdlock(&mountpoints->lock);
	found = mountpoints->count > 0 &&
		bsearch(&hash, mountpoints->names, mountpoints->count, sizeof(hash),
			compare) != NULL;
	pthread_rwlock_unlock(&mountpoints->lock);
	return found;
}
