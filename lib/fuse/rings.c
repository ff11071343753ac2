/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuse-over-io_uring: the threads of libfuse's rings, and their end.
 *
 * libfuse starts them while it answers INIT, one for each processor, and they run the
 * author's operations. Only its own loops stop them: by a function that nobody else can
 * call, that cancels them wherever they are, and waits for them without end. So, for
 * finode_session_loop(), this file
 *
 *   - learns which threads they are, and which fds their rings: those that have come
 * between the end of init() and the reply to INIT;
 *   - ends the connection when the loop ends, so that nothing comes through a ring any
 * more, and waits until each thread is gone, or waits in its own ring;
 *   - has libfuse's loop stop them when the session is destroyed: in a session that has
 *     exited it does only that. What is to be answered lies in the rings, so not before.
 *
 * Rings are for a /dev/fuse only, where nobody sends a second INIT: so they are those of
 * the first of libfuse's sessions (inner.c).
 *
 * Invariant: libfuse cancels no thread that is in an operation. What `known` holds is all
 * that there is, or the connection has no rings.
 */
#include "fuse/rings.h"

#ifdef FUSE_CAP_OVER_IO_URING

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/core.h"
#include "fuse/deadline.h"

#define THREAD_NAME "fuse-ring-"

/* A thread or a ring of the process. */
struct ring_part {
	struct ring_part *next;
	bool thread; /* else it is a ring */
	bool before; /* it was there before: not this session's */
	int number;  /* its tid, or its fd */
};

/* Who starts rings: so that two sessions can tell theirs apart. */
static struct lock starting = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = LOCK_RANK_RINGS};

/* ---- What is there ---- */

static bool is_ring_thread(int tid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strncmp(name, THREAD_NAME, strlen(THREAD_NAME)) == 0;
}

static bool is_ring(int fd)
{
	static const char ring[] = "anon_inode:[io_uring]";
	char path[64], target[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	size = readlink(path, target, sizeof(target));
	return size == (ssize_t)strlen(ring) && memcmp(target, ring, (size_t)size) == 0;
}

static struct ring_part *find(const struct rings *rings, bool thread, int number)
{
	struct ring_part *part = rings->known;

	while (part && (part->thread != thread || part->number != number))
		part = part->next;
	return part;
}

static int add(struct session *s, bool thread, int number, bool before)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct ring_part *part;

	if (find(&s->rings, thread, number))
		return 0;
	part = allocator->allocate(sizeof(*part), allocator->user);
	if (!part)
		return -ENOMEM;
	part->thread = thread;
	part->number = number;
	part->before = before;
	part->next = s->rings.known;
	s->rings.known = part;
	if (thread && !before)
		s->rings.threads++;
	return 0;
}

/* Notes the threads, or the rings. @return 0 or an error */
static int look_at(struct session *s, bool threads, bool before)
{
	DIR *dir = opendir(threads ? "/proc/self/task" : "/proc/self/fd");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		const int number = (int)strtol(entry->d_name, NULL, 10);

		if (threads ? is_ring_thread(number) : is_ring(number))
			err = add(s, threads, number, before);
	}
	closedir(dir);
	return err;
}

static int look(struct session *s, bool before)
{
	int err = look_at(s, true, before);

	return err ? err : look_at(s, false, before);
}

static void forget(struct session *s)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct ring_part *part;

	while ((part = s->rings.known)) {
		s->rings.known = part->next;
		allocator->release(part, allocator->user);
	}
	s->rings.threads = 0;
}

/* ---- They come ---- */

void finode__rings_expect(struct session *s)
{
	s->rings.expected = true;
}

/* What must be readable at the end. */
static bool can_watch(void)
{
	return access("/proc/thread-self/syscall", R_OK) == 0;
}

void finode__rings_begin(struct session *s, struct fuse_conn_info *conn)
{
	if (!s->rings.expected || !fuse_get_feature_flag(conn, FUSE_CAP_OVER_IO_URING))
		return;
	if (!s->transport.clone) {
		fuse_unset_feature_flag(conn, FUSE_CAP_OVER_IO_URING);
		return;
	}
	lock_take(&starting);
	if (can_watch() && look(s, true) == 0) {
		s->rings.starting = true;
		return;
	}
	lock_release(&starting);
	forget(s);
	fuse_unset_feature_flag(conn, FUSE_CAP_OVER_IO_URING);
	finode__log(
		&s->base.table->log, FINODE_LOG_INFO,
		"no io_uring: without /proc nobody could tell when its threads are idle");
}

void finode__rings_begun(struct session *s)
{
	s->rings.expected = false;
	if (!s->rings.starting)
		return;
	s->rings.starting = false;
	s->rings.lost = look(s, false) != 0;
	lock_release(&starting);
}

bool finode__rings_serve_here(void)
{
	char name[17] = "";

	prctl(PR_GET_NAME, name);
	return strncmp(name, THREAD_NAME, strlen(THREAD_NAME)) == 0;
}

/* ---- They go ---- */

/*
 * What a thread waits in: "NUMBER ARGUMENT.." of a system call, or "running". @return false
 * if it has gone
 */
static bool read_call(int tid, char *line, size_t size)
{
	char path[64];
	FILE *file;
	bool there;

	line[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "re");
	if (!file)
		return errno != ENOENT;
	errno = 0;
	there = fgets(line, (int)size, file) || errno != ESRCH;
	fclose(file);
	return there;
}

static bool waits_in_own_ring(const struct session *s, const char *call)
{
	const struct ring_part *ring;
	char *end;

	if (strtol(call, &end, 10) != SYS_io_uring_enter || end == call)
		return false;
	ring = find(&s->rings, false, (int)strtol(end, NULL, 16));
	return ring && !ring->before;
}

/* As long as the connection lives, who waits in a ring may get something. */
static bool is_idle(const struct session *s, int tid)
{
	char call[128];

	return !read_call(tid, call, sizeof(call)) ||
	       (finode__transport_is_over(&s->transport) && waits_in_own_ring(s, call));
}

static bool all_idle(const struct session *s)
{
	for (const struct ring_part *part = s->rings.known; part; part = part->next)
		if (part->thread && !part->before && !is_idle(s, part->number))
			return false;
	return !s->rings.lost;
}

bool finode__rings_end(struct session *s)
{
	if (!s->rings.threads && !s->rings.lost)
		return true;
	/* What has come through them is answered; nobody else would. */
	(void)s->transport.abort(&s->transport);
	while (!all_idle(s)) {
		if (finode__deadline_left(s) == 0)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

void finode__rings_destroy(struct session *s)
{
	if (s->rings.threads) {
		fuse_session_exit(s->base.fuse);
		(void)fuse_session_loop(s->base.fuse);
	}
	forget(s);
}

#endif
