/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * Names of directory entries, as they come from the kernel or a guest.
 */
#ifndef FINODE_NAME_H
#define FINODE_NAME_H

#include <finode/export.h>

FINODE_BEGIN_DECLS

/** The longest name of a directory entry, in bytes (NAME_MAX). */
#define FINODE_NAME_MAX 255

/**
 * Checks that a name may be handed to the backend as one entry of a directory. "." and ".."
 * may not: only LOOKUP of an exporting server gets them, and it answers them without the
 * backend.
 * @return 0; -EINVAL if the name is empty, ".", ".." or has a '/', without a line in a log,
 *         for there is no table that has one; -ENAMETOOLONG
 * @since 0.1
 */
FINODE_API FINODE_NODISCARD int finode_name_check(const char *name);

FINODE_END_DECLS

#endif
