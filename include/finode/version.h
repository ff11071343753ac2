/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FINODE_VERSION_H
#define FINODE_VERSION_H

#include <finode/export.h>

#define FINODE_VERSION_MAJOR 0
#define FINODE_VERSION_MINOR 1
#define FINODE_VERSION_PATCH 0

FINODE_BEGIN_DECLS

/** The version of the library that is running, "0.1.0". Static. @since 0.1 */
FINODE_API const char *finode_version(void);

FINODE_END_DECLS

#endif
