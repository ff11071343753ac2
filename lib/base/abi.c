/* SPDX-License-Identifier: BSD-3-Clause */
/* See abi.h. */
#include "base/abi.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OBJECT_ALIGN_MAX 4096u

static bool is_zero(const unsigned char *bytes, size_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

const char *finode__abi_copy(void *to, size_t known, const void *from, size_t size,
			     size_t least)
{
	if (size < least)
		return "has no size, or lacks members: start from its _INIT or _OPS_FOR";
	if (size > known && !is_zero((const unsigned char *)from + known, size - known))
		return "uses members that this version of the library does not have";
	finode__abi_report(to, known, from, size);
	return NULL;
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
		return "was compiled with a smaller base than this library's: recompile";
	if (object->align < base_align || object->align > OBJECT_ALIGN_MAX ||
	    (object->align & (object->align - 1)) != 0)
		return "has an alignment that no object has: use its _OPS_FOR";
	if (object->size < object->base_size ||
	    object->base_offset > object->size - object->base_size ||
	    object->base_offset % base_align != 0)
		return "has a base that does not lie in the object: use its _OPS_FOR";
	return NULL;
}
