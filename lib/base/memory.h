/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every allocation of the core goes through the table's allocator, so that a test can
 * make each of them fail, and is counted, so that statistics can tell the bytes in use.
 *
 * The count is the sum of the sizes asked for; each owner keeps its own counter beside
 * its own lock, so that no counter is shared by all threads.
 */
#ifndef FINODE_LIB_MEMORY_H
#define FINODE_LIB_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "finode/table.h"

static inline void *memory_get(const struct finode_allocator *allocator, uint64_t *bytes,
			       size_t size)
{
	void *ptr = allocator->allocate(size, allocator->user);

	if (ptr)
		*bytes += size;
	return ptr;
}

static inline void memory_put(const struct finode_allocator *allocator, uint64_t *bytes,
			      void *ptr, size_t size)
{
	*bytes -= size;
	allocator->release(ptr, allocator->user);
}

#endif
