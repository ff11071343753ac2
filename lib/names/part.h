/* SPDX-License-Identifier: BSD-3-Clause */
/* Names as a part of a table: what the core tells them of. */
#ifndef FINODE_LIB_NAMES_PART_H
#define FINODE_LIB_NAMES_PART_H

#include "core/hooks.h"

extern const struct table_part finode__names_part;

#endif
