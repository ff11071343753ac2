/* SPDX-License-Identifier: BSD-3-Clause */
/* See escape.h. */
#include "base/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && !strchr("\"'\\", c);
}

const char *finode__escape(char *out, size_t size, const char *name)
{
	char *const end = out + size;
	char *at = out, *cut = out; /* where ".." still has room */

	for (; *name; name++) {
		const ptrdiff_t length = is_plain(*name) ? 1 : 4;

		if (end - at <= length) {
			memcpy(cut, "..", sizeof(".."));
			return out;
		}
		if (length == 1)
			*at = *name;
		else
			snprintf(at, 5, "\\x%02x", (unsigned char)*name);
		at += length;
		if (end - at >= 3)
			cut = at;
	}
	*at = '\0';
	return out;
}
