/* SPDX-License-Identifier: BSD-3-Clause */
/* See abi.h. */
#include "base/abi.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OBJECT_ALIGN_MAX 4096u
#define OBJECT_SIZE_MAX	 (SIZE_MAX / 4) /* sums with what is behind it do not wrap */
#define STRUCT_SIZE_MAX	 4096u		/* more is no size that anybody has set */

static bool is_zero(const unsigned char *bytes, size_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

const char *finode__abi_fault(const void *from, size_t size, size_t least, size_t known)
{
	if (size < least || size > STRUCT_SIZE_MAX)
		return " has no size, or lacks members: start from its _INIT or _OPS_FOR";
	if (size > known && !is_zero((const unsigned char *)from + known, size - known))
		return " uses members that this version of the library does not have";
	return NULL;
}

const char *finode__abi_copy(void *to, size_t known, const void *from, size_t size,
			     size_t least)
{
	const bool there = size >= least && size <= STRUCT_SIZE_MAX;

	finode__abi_report(to, known, from, there ? size : 0);
	return finode__abi_fault(from, size, least, known);
}

void finode__abi_report(void *to, size_t size, const void *from, size_t known)
{
	memset(to, 0, size);
	memcpy(to, from, size < known ? size : known);
}

const char *finode__abi_object_fault(const struct abi_object *object, size_t base_size,
				     size_t base_align)
{
	if (object->base_size < base_size)
		return ".base_size is less than this library's base has: compile it anew";
	if (object->align < base_align || object->align > OBJECT_ALIGN_MAX ||
	    (object->align & (object->align - 1)) != 0)
		return ".object_align is no power of two from the base's alignment to "
		       "4096: use its _OPS_FOR";
	if (object->size < object->base_size || object->size > OBJECT_SIZE_MAX)
		return ".object_size is less than its base_size, or no size of a type: "
		       "use its _OPS_FOR";
	if (object->base_offset > object->size - object->base_size ||
	    object->base_offset % base_align != 0)
		return ".base_offset puts the base outside the object, or where none can "
		       "be: use its _OPS_FOR";
	return NULL;
}
