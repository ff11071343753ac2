/* SPDX-License-Identifier: BSD-3-Clause */
/* What names mean, in one place; see also finode/name.h. */
#ifndef FINODE_LIB_NAME_H
#define FINODE_LIB_NAME_H

#include <stdbool.h>

#include "finode/name.h"

/* The two names that every directory has, that no alias has, and that never count. */
static inline bool name_is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

#endif
