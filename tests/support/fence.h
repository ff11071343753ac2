/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that ends before a page that nobody may touch: for structs of which the library
 * knows the size and must not believe that they are longer.
 */
#ifndef TESTS_FENCE_H
#define TESTS_FENCE_H

#include <stddef.h>

struct fence {
	char *pages;
	size_t size; /* of all of them */
};

/*
 * `size` bytes, with a copy of `from`, which has `have`; what is more is 0. They are
 * aligned to 8; what so lies between their end and the page is no 0.
 */
void *fence_up(struct fence *fence, size_t size, const void *from, size_t have);
void fence_down(struct fence *fence);

#endif
