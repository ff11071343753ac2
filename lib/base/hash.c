/* SPDX-License-Identifier: BSD-3-Clause */
/* See hash.h. */
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

int finode__random(void *bytes, size_t size)
{
	ssize_t got;

	do
		got = getrandom(bytes, size, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

uint64_t finode__hash(const struct hash_seed *seed, const void *bytes, size_t size)
{
	return siphash_1_3(seed->bytes, bytes, size);
}
