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

#include "finode/memory.h"

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

/* What every allocator gives (max_align_t, which C++ and old C do not name alike). */
#define MEMORY_ALIGN _Alignof(long double)

/*
 * The same for objects that may want a greater alignment: then more is allocated, and what
 * the allocator returned is noted in front of the object.
 */
static inline size_t memory_size_aligned(size_t size, size_t align)
{
	return align <= MEMORY_ALIGN ? size : size + align + sizeof(void *);
}

static inline void *memory_get_aligned(const struct finode_allocator *allocator,
				       uint64_t *bytes, size_t size, size_t align)
{
	char *memory = memory_get(allocator, bytes, memory_size_aligned(size, align));
	uintptr_t first;

	if (align <= MEMORY_ALIGN || !memory)
		return memory;
	first = (uintptr_t)memory + sizeof(void *);
	first = (first + align - 1) / align * align;
	((void **)first)[-1] = memory;
	return (void *)first;
}

static inline void memory_put_aligned(const struct finode_allocator *allocator,
				      uint64_t *bytes, void *ptr, size_t size, size_t align)
{
	memory_put(allocator, bytes, align <= MEMORY_ALIGN ? ptr : ((void **)ptr)[-1],
		   memory_size_aligned(size, align));
}

#endif
