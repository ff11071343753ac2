/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names in lines that people read. A name comes from the kernel or a guest: it may have
 * line ends, what a terminal obeys, and the quotes that it is shown in.
 */
#ifndef FINODE_LIB_ESCAPE_H
#define FINODE_LIB_ESCAPE_H

#include <stddef.h>

#include "base/private.h"
#include "finode/name.h"

/* Room for every name, whatever is in it. */
#define ESCAPED_SIZE (4 * FINODE_NAME_MAX + 1)

/*
 * The name as printable ASCII without quotes and backslashes: every other byte is \xNN. Of
 * a name for which `size` bytes, at least 3, are too few, the beginning and "..". Returns
 * out.
 */
FINODE_PRIVATE const char *finode__escape(char *out, size_t size, const char *name);

/* The same, with room of its own in the block where it stands. */
#define ESCAPED(name) finode__escape((char[ESCAPED_SIZE]){0}, ESCAPED_SIZE, name)

#endif
