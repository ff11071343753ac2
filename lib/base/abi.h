/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs that cross the ABI and may grow: each begins with its size, as its user was
 * compiled. An older user's struct is shorter, and what it lacks is 0. A newer user's is
 * longer, and what this library does not know of must be 0, since to ignore a wish would be
 * worse than to refuse it. A member that is added begins behind the sizeof() of the version
 * before, never in its padding, which nobody has set to 0.
 */
#ifndef FINODE_LIB_ABI_H
#define FINODE_LIB_ABI_H

#include <stddef.h>

#include "base/private.h"

/* What the members that every version has come to. */
#define ABI_UP_TO(type_, member_) (offsetof(type_, member_) + sizeof(((type_ *)0)->member_))

/*
 * Is there anything wrong with a struct of `size` bytes? At least `least` must be there,
 * and what comes behind the `known` ones must be 0.
 * @return NULL, or what is wrong, to follow the name of the struct in a line
 */
FINODE_PRIVATE const char *finode__abi_fault(const void *from, size_t size, size_t least,
					     size_t known);

/*
 * Copies a struct of `size` bytes into one of `known` bytes, all of which are set: what is
 * not there is 0, and nothing is there if it is too short. @return as finode__abi_fault()
 */
FINODE_PRIVATE const char *finode__abi_copy(void *to, size_t known, const void *from,
					    size_t size, size_t least);

/* The other way, for what is read: as much as the user knows of; the rest is 0. */
FINODE_PRIVATE void finode__abi_report(void *to, size_t size, const void *from,
				       size_t known);

/* What the user says of their object, by one of the .._OPS_FOR macros. */
struct abi_object {
	size_t size, align;
	size_t base_offset, base_size;
};

/* What is wrong with it, as above; `base_size` and `base_align` are the library's. */
const char *finode__abi_object_fault(const struct abi_object *object, size_t base_size,
				     size_t base_align);

#endif
