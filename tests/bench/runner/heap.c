/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See heap.h. glibc lets a program have malloc() and its family for itself; these here call
 * glibc's under their other names. Each thread counts in a place of its own, so that
 * counting costs no more than an addition, the same for every table.
 */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_UNCOUNTED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_UNCOUNTED 1
#endif

#ifdef HEAP_UNCOUNTED

bool heap_is_counted(void)
{
	return false;
}

int64_t heap_in_use(void)
{
	return 0;
}

void heap_count_no_more(void)
{
}

#else

#define THREADS_MAX 4096

/* glibc's, exported for this use. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);

static struct counter {
	_Alignas(64) _Atomic int64_t bytes; /* written by one thread */
} counters[THREADS_MAX];

static _Atomic unsigned int threads;
static bool off;
static _Thread_local struct counter *mine;

static void count(int64_t bytes)
{
	if (off)
		return;
	if (!mine)
		mine = &counters[atomic_fetch_add(&threads, 1) % THREADS_MAX];
	atomic_store_explicit(&mine->bytes,
			      atomic_load_explicit(&mine->bytes, memory_order_relaxed) +
				      bytes,
			      memory_order_relaxed);
}

static int64_t chunk_of(void *ptr)
{
	return ptr ? (int64_t)(malloc_usable_size(ptr) + sizeof(size_t)) : 0;
}

bool heap_is_counted(void)
{
	return true;
}

int64_t heap_in_use(void)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < THREADS_MAX; i++)
		sum += atomic_load_explicit(&counters[i].bytes, memory_order_relaxed);
	return sum;
}

void heap_count_no_more(void)
{
	off = true;
}

void *malloc(size_t size)
{
	void *ptr = __libc_malloc(size);

	count(chunk_of(ptr));
	return ptr;
}

void *calloc(size_t number, size_t size)
{
	void *ptr = __libc_calloc(number, size);

	count(chunk_of(ptr));
	return ptr;
}

void *realloc(void *old, size_t size)
{
	int64_t before = chunk_of(old);
	void *ptr = __libc_realloc(old, size);

	if (ptr || size == 0)
		count(chunk_of(ptr) - before);
	return ptr;
}

void *memalign(size_t alignment, size_t size)
{
	void *ptr = __libc_memalign(alignment, size);

	count(chunk_of(ptr));
	return ptr;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *ptr = memalign(alignment, size);

	if (!ptr)
		return ENOMEM;
	*out = ptr;
	return 0;
}

void free(void *ptr)
{
	count(-chunk_of(ptr));
	__libc_free(ptr);
}

#endif
