/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the parts of finode_table_check() tell the first broken invariant. */
#ifndef FINODE_LIB_VERDICT_H
#define FINODE_LIB_VERDICT_H

#include <stddef.h>

struct verdict {
	char *why; /* NULL if nobody wants to know */
	size_t size;
};

/* Tells it. @return -EUCLEAN */
__attribute__((format(printf, 2, 3))) int finode__broken(const struct verdict *verdict,
							 const char *format, ...);

#endif
