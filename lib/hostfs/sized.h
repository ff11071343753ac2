/* SPDX-License-Identifier: BSD-3-Clause */
/* Public structs that grow, from programs of other times. See sized.c. */
#ifndef HOSTFS_SIZED_H
#define HOSTFS_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* Is it the size of such a struct? `least` is what the oldest program has. */
bool hostfs__sized_check(size_t size, size_t least);

/*
 * Copies a program's struct into the library's, which begins with zeros.
 * @return false if the program's is larger, and what the library does not know is not 0
 */
bool hostfs__sized_in(void *to, size_t to_size, const void *from, size_t from_size);

/* Copies the library's struct into a program's: what the library does not know becomes 0.
 */
void hostfs__sized_out(void *to, size_t to_size, const void *from, size_t from_size);

#endif
