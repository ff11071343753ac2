/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What malloc has handed out, to the byte: every allocation of the program and of the
 * libraries that it uses is counted as it is made and freed, with the size of the chunk
 * that it occupies, malloc's own header included. In a build with a sanitizer, which has a
 * malloc of its own, nothing is counted.
 */
#ifndef FINODE_BENCH_HEAP_H
#define FINODE_BENCH_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/* Is it counted at all? */
bool heap_is_counted(void);

/* In use now. Exact while no other thread allocates or frees. */
int64_t heap_in_use(void);

/* Stop counting, for who counts instructions. */
void heap_count_no_more(void);

#endif
