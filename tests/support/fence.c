/* SPDX-License-Identifier: BSD-3-Clause */
#include "fence.h"

#include "fixture.h"

#include <sys/mman.h>

#define FENCE_ALIGN 8u
#define POISON	    0xa5

void *fence_up(struct fence *fence, size_t size, const void *from, size_t have)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t room = (size + page - 1) / page * page;
	const size_t aligned = (size + FENCE_ALIGN - 1) / FENCE_ALIGN * FENCE_ALIGN;
	char *begin;

	fence->size = room + page;
	fence->pages = mmap(NULL, fence->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fence->pages == MAP_FAILED)
		abort(); /* perhaps in a thread, which cannot assert */
	begin = fence->pages + room - aligned;
	memcpy(begin, from, have < size ? have : size);
	memset(begin + size, POISON, aligned - size);
	mprotect(fence->pages + room, page, PROT_NONE);
	return begin;
}

void fence_down(struct fence *fence)
{
	munmap(fence->pages, fence->size);
}
