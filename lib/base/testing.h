/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the tests reach what chance rarely does. Both macros are nothing in a normal build;
 * with FINODE_TESTING:
 *
 *   - FINODE_YIELD(point) tells the test that this thread is here. The test may keep it
 *     here while others go on (tests/support/schedule.h). The name of a point ends in
 *     ", locked" if a lock is held; names that begin with "waits: " are for threads that
 *     are about to wait for another one.
 *   - FINODE_MUTANT(name), with FINODE_MUTANTS too, asks the test whether this deliberate
 *     defect is to be there: tests/mutants.sh chooses one after the other, and asserts that
 *     some test fails.
 */
#ifndef FINODE_LIB_TESTING_H
#define FINODE_LIB_TESTING_H

/* The tests provide them. */
void finode__yield(const char *point);
int finode__mutant(const char *name); /* 1 or 0 */

#ifdef FINODE_TESTING
#define FINODE_TESTED	    1
#define FINODE_YIELD(point) finode__yield(point)
#else
#define FINODE_TESTED	    0
#define FINODE_YIELD(point) ((void)0)
#endif

#ifdef FINODE_MUTANTS
#define FINODE_MUTANT(name) finode__mutant(#name)
#else
#define FINODE_MUTANT(name) 0
#endif

#endif
