/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keyed hash: for whatever is found by what a user, a guest or a backend may choose.
 * Without the secret nobody can choose inputs that collide.
 */
#ifndef FINODE_LIB_HASH_H
#define FINODE_LIB_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/private.h"
#include "base/siphash.h"

struct hash_seed {
	unsigned char bytes[SIPHASH_SEED_SIZE];
};

/* Random bytes from the system. @return 0 or a negative errno */
int finode__random(void *bytes, size_t size);

FINODE_PRIVATE uint64_t finode__hash(const struct hash_seed *seed, const void *bytes,
				     size_t size);

#endif
