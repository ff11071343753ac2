/* SPDX-License-Identifier: BSD-3-Clause */
/* struct statx and its masks: libc's where it has them, which musl has since 1.2.5. */
#ifndef FINODE_LIB_STATX_H
#define FINODE_LIB_STATX_H

#include <sys/stat.h>
#ifndef STATX_BASIC_STATS
#include <linux/stat.h>
#endif

#endif
