/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Public structs that grow, from programs that were built with another header. This file
 * owns nothing.
 *
 * Such a struct grows at its end, and says its size. Invariant: nothing beyond that size is
 * read or written. What one side does not know is 0 on the other, which always means that
 * nothing is asked for.
 */
#include "sized.h"

#include <string.h>

#define LARGEST 4096 /* of any time; beyond it the size itself is wrong */

bool hostfs__sized_check(size_t size, size_t least)
{
	return size >= least && size <= LARGEST;
}

bool hostfs__sized_in(void *to, size_t to_size, const void *from, size_t from_size)
{
	const unsigned char *bytes = from;

	memcpy(to, from, from_size < to_size ? from_size : to_size);
	for (size_t i = to_size; i < from_size; i++)
		if (bytes[i])
			return false;
	return true;
}

void hostfs__sized_out(void *to, size_t to_size, const void *from, size_t from_size)
{
	memset(to, 0, to_size);
	memcpy(to, from, from_size < to_size ? from_size : to_size);
}
