/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Schedules: threads that a test stops at the library's yield points (lib/base/testing.h)
 * and continues one after another, so that an order of steps that chance brings once in a
 * million runs happens in every one.
 *
 * Only actors stop; the test's own thread passes every point. All functions here are for
 * the test's thread. Whoever does not come within ACTOR_SECONDS fails the test, by name.
 */
#ifndef TESTS_SCHEDULE_H
#define TESTS_SCHEDULE_H

#include <pthread.h>
#include <stdbool.h>

#define ACTOR_SECONDS 10

/* One thread of a schedule. The mutex of schedule.c protects it. */
struct actor {
	pthread_t id;
	void (*fn)(struct actor *actor);
	const char *stop; /* the point where it shall stop next, or NULL */
	bool parked;	  /* it stands at that point */
	bool waits;	  /* the last point it passed was one before a wait */
	bool finished;
};

/* Starts the actor; with a `point`, returns when it stands there. */
void actor_start(struct actor *actor, void (*fn)(struct actor *actor), const char *point);

/* Lets it go on from where it stands; with a `point`, returns when it stands there. */
void actor_go(struct actor *actor, const char *point);

/* Returns when it has finished or waits for another thread. @return true if finished */
bool actor_settle(struct actor *actor);

/* Lets it go on to its end. */
void actor_finish(struct actor *actor);

#endif
