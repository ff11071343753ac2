/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the tests reach what chance rarely does. Both macros are nothing in a normal build;
 * with FINODE_TESTING:
 *
 *   - FINODE_YIELD(point) tells the test that this thread is here. The test may keep it
 *     here while others go on (tests/support/schedule.h). The name of a point ends in
 *     ", locked" if a lock is held; names that begin with "waits: " are for threads that
 *     are about to wait for another one.
 *   - FINODE_MUTANT(name) is 1 if FINODE_MUTANT_name is defined, and guards a deliberate
 *     defect: tests/mutants.sh builds the library with each of them and asserts that some
 *     test fails.
 */
#ifndef FINODE_LIB_TESTING_H
#define FINODE_LIB_TESTING_H

/* The tests provide it. */
void finode__yield(const char *point);

#ifdef FINODE_TESTING

#define FINODE_TESTED	    1
#define FINODE_YIELD(point) finode__yield(point)

/* Only a name that is defined as 1 becomes TESTING_COMMA_1, and 1 the second argument. */
#define FINODE_MUTANT(name)  TESTING_IS_1(FINODE_MUTANT_##name)
#define TESTING_IS_1(value)  TESTING_PASTE(value)
#define TESTING_PASTE(value) TESTING_CHOOSE(TESTING_COMMA_##value)
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the comma is the point of it */
#define TESTING_CHOOSE(comma)	  TESTING_SECOND(comma 1, 0, 0)
#define TESTING_COMMA_1		  0,
#define TESTING_SECOND(a, b, ...) b

#else

#define FINODE_TESTED	    0
#define FINODE_YIELD(point) ((void)0)
#define FINODE_MUTANT(name) 0

#endif
#endif
