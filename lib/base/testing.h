/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the tests reach an order of steps that chance rarely gives. With FINODE_TESTING,
 * FINODE_YIELD(point) tells the test that this thread is here, and the test may keep it
 * here while others go on (tests/support/schedule.h); in a normal build it is nothing. The
 * name of a point ends in ", locked" if a lock is held; names that begin with "waits: " are
 * for threads that are about to wait for another one.
 */
#ifndef FINODE_LIB_TESTING_H
#define FINODE_LIB_TESTING_H

void finode__yield(const char *point); /* the test provides it */

#ifdef FINODE_TESTING
#define FINODE_TESTED	    1
#define FINODE_YIELD(point) finode__yield(point)
#else
#define FINODE_TESTED	    0
#define FINODE_YIELD(point) ((void)0)
#endif

#endif
