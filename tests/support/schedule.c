/* SPDX-License-Identifier: BSD-3-Clause */
#include "schedule.h"

#include <string.h>
#include <time.h>

#include "fixture.h"
#include "base/testing.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local struct actor *self;

void finode__yield(const char *point)
{
	if (!self)
		return;
	pthread_mutex_lock(&mutex);
	self->waits = strncmp(point, "waits: ", 7) == 0;
	if (self->stop && strcmp(point, self->stop) == 0) {
		self->stop = NULL;
		self->parked = true;
	}
	pthread_cond_broadcast(&changed);
	while (self->parked)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void *actor_main(void *data)
{
	self = data;
	self->fn(self);
	pthread_mutex_lock(&mutex);
	self->finished = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* Waits for the next change. @return false if none came for too long */
static bool next_change_locked(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ACTOR_SECONDS;
	return pthread_cond_timedwait(&changed, &mutex, &until) == 0;
}

static void await_point(struct actor *actor, const char *point)
{
	bool in_time = true, parked;

	pthread_mutex_lock(&mutex);
	while (!actor->parked && !actor->finished && in_time)
		in_time = next_change_locked();
	parked = actor->parked;
	pthread_mutex_unlock(&mutex);
	if (!parked)
		fail_msg("nobody came to \"%s\": the thread %s", point,
			 in_time ? "has finished" : "is stuck");
}

void actor_start(struct actor *actor, void (*fn)(struct actor *actor), const char *point)
{
	*actor = (struct actor){.fn = fn, .stop = point};
	assert_int_equal(pthread_create(&actor->id, NULL, actor_main, actor), 0);
	if (point)
		await_point(actor, point);
}

void actor_go(struct actor *actor, const char *point)
{
	pthread_mutex_lock(&mutex);
	actor->stop = point;
	actor->parked = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	if (point)
		await_point(actor, point);
}

bool actor_settle(struct actor *actor)
{
	bool in_time = true, finished;

	pthread_mutex_lock(&mutex);
	while (!actor->waits && !actor->finished && in_time)
		in_time = next_change_locked();
	finished = actor->finished;
	pthread_mutex_unlock(&mutex);
	if (!in_time)
		fail_msg("a thread neither finished nor waited");
	return finished;
}

void actor_finish(struct actor *actor)
{
	bool in_time = true;

	actor_go(actor, NULL);
	pthread_mutex_lock(&mutex);
	while (!actor->finished && in_time)
		in_time = next_change_locked();
	pthread_mutex_unlock(&mutex);
	if (!in_time)
		fail_msg("a thread did not finish: nobody woke it");
	pthread_join(actor->id, NULL);
}
