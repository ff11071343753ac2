/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Where the library's memory comes from.
 */
#ifndef FINODE_MEMORY_H
#define FINODE_MEMORY_H

#include <stddef.h>

#include <finode/export.h>

FINODE_BEGIN_DECLS

/**
 * An allocator. Both functions are called from any thread, and with locks of the library
 * held: they must not call the library.
 */
struct finode_allocator {
	/** @return `size` bytes, zeroed, aligned for any type (max_align_t); or NULL */
	void *(*allocate)(size_t size, void *user);
	/** Releases what allocate() returned; never NULL. */
	void (*release)(void *ptr, void *user);
	void *user;
};

FINODE_END_DECLS

#endif
