/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As much of CMocka as the tests of the core use, for the platforms of compile_matrix.sh,
 * for which Debian has no CMocka: the first assertion that fails says so and ends the
 * program.
 */
#ifndef TESTS_COMPILE_CMOCKA_H
#define TESTS_COMPILE_CMOCKA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                         \
	{                                                                                  \
#function, function                                                        \
	}

#define fail_msg(...)                                                                      \
	do {                                                                               \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                            \
		fprintf(stderr, __VA_ARGS__);                                              \
		fputc('\n', stderr);                                                       \
		exit(1);                                                                   \
	} while (0)

#define assert_true(condition)                                                             \
	do {                                                                               \
		if (!(condition))                                                          \
			fail_msg("%s", #condition);                                        \
	} while (0)

#define assert_false(condition) assert_true(!(condition))
#define assert_null(a)		assert_true((a) == NULL)
#define assert_non_null(a)	assert_true((a) != NULL)

/* As CMocka: integers of every type, as the largest one. */
#define assert_int_equal(a, b)	   assert_true((uintmax_t)(a) == (uintmax_t)(b))
#define assert_int_not_equal(a, b) assert_true((uintmax_t)(a) != (uintmax_t)(b))
#define assert_ptr_equal(a, b)	   assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))

#define assert_string_equal(a, b)     assert_true(strcmp(a, b) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp(a, b) != 0)
#define assert_memory_equal(a, b, n)  assert_true(memcmp(a, b, n) == 0)

#define cmocka_run_group_tests_name(name, tests, setup, finish)                            \
	cmocka_run(name, tests, sizeof(tests) / sizeof((tests)[0]))
#define cmocka_run_group_tests(tests, setup, finish)                                       \
	cmocka_run_group_tests_name(#tests, tests, setup, finish)

static inline int cmocka_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	void *state = NULL;

	for (size_t i = 0; i < count; i++) {
		printf("%s: %s\n", name, tests[i].name);
		fflush(stdout); /* children must not print it once more */
		tests[i].run(&state);
	}
	return 0;
}

#endif
