/* SPDX-License-Identifier: BSD-3-Clause */
/* See verdict.h. */
#include "core/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int finode__broken(const struct verdict *verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (verdict->why && verdict->size > 0)
		/* It is begun. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
		vsnprintf(verdict->why, verdict->size, format, args);
	va_end(args);
	return -EUCLEAN;
}
