/* SPDX-License-Identifier: BSD-3-Clause */
/* Names in lines of the log: whatever a guest sends, a line stays one line. */
#include "support/fixture.h"

#include <stdio.h>

#include "base/escape.h"

static void assert_escaped(const char *name, const char *expected)
{
	char text[ESCAPED_SIZE];

	assert_ptr_equal(finode__escape(text, sizeof(text), name), text);
	assert_string_equal(text, expected);
}

static void test_a_plain_name_is_as_it_is(void **state)
{
	(void)state;
	assert_escaped("", "");
	assert_escaped("a name, of 1 [file]~", "a name, of 1 [file]~");
}

static void test_what_could_end_a_line_or_a_quotation_is_hexadecimal(void **state)
{
	(void)state;
	assert_escaped("a\nb\r\t\x1b[2J\x7f", "a\\x0ab\\x0d\\x09\\x1b[2J\\x7f");
	assert_escaped("\"it's\" a \\n", "\\x22it\\x27s\\x22 a \\x5cn");
	assert_escaped("gr\xc3\xbc\xff", "gr\\xc3\\xbc\\xff");
}

static void test_the_longest_name_has_room(void **state)
{
	char name[FINODE_NAME_MAX + 1], text[ESCAPED_SIZE];

	(void)state;
	memset(name, '\n', FINODE_NAME_MAX);
	name[FINODE_NAME_MAX] = '\0';
	finode__escape(text, sizeof(text), name);
	assert_int_equal(strlen(text), 4 * FINODE_NAME_MAX);
}

static void test_a_name_without_room_is_cut_between_its_bytes(void **state)
{
	char text[9];

	(void)state;
	assert_string_equal(finode__escape(text, 9, "12345678"), "12345678");
	assert_string_equal(finode__escape(text, 9, "123456789"), "123456..");
	assert_string_equal(finode__escape(text, 9, "1234\n"), "1234\\x0a");
	assert_string_equal(finode__escape(text, 9, "1234\n6"), "1234..");
	assert_string_equal(finode__escape(text, 9, "12345\n"), "12345..");
	assert_string_equal(finode__escape(text, 9, "\n\n"), "\\x0a\\x0a");
	assert_string_equal(finode__escape(text, 9, "\n\n\n"), "\\x0a..");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_name_is_as_it_is),
		cmocka_unit_test(test_what_could_end_a_line_or_a_quotation_is_hexadecimal),
		cmocka_unit_test(test_the_longest_name_has_room),
		cmocka_unit_test(test_a_name_without_room_is_cut_between_its_bytes),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
