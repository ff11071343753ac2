/* SPDX-License-Identifier: BSD-3-Clause */
/* The one place where names of directory entries are validated. */
#include "base/name.h"

#include <errno.h>
#include <string.h>

int finode_name_check(const char *name)
{
	if (name[0] == '\0' || name_is_dot(name) || strchr(name, '/'))
		return -EINVAL;
	return strnlen(name, FINODE_NAME_MAX + 1) > FINODE_NAME_MAX ? -ENAMETOOLONG : 0;
}
