/* SPDX-License-Identifier: BSD-3-Clause */
/* See log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/lock.h"

#define LINE_MAX_BYTES 512

void finode__log_default(enum finode_log_level level, const char *message, void *user)
{
	(void)user;
	if (level <= FINODE_LOG_WARNING)
		fprintf(stderr, "finode: %s\n", message);
}

__attribute__((format(printf, 3, 0))) static void log_va(const struct log *log,
							 enum finode_log_level level,
							 const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];

	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): its callers began it */
	vsnprintf(line, sizeof(line), format, args);
	finode__lock_check_none_held("the log callback");
	log->fn(level, line, log->user);
}

void finode__log(const struct log *log, enum finode_log_level level, const char *format,
		 ...)
{
	va_list args;

	va_start(args, format);
	log_va(log, level, format, args);
	va_end(args);
}

static bool is_first(_Atomic uint64_t *counter)
{
	return atomic_fetch_add_explicit(counter, 1, memory_order_relaxed) == 0;
}

void finode__log_first(const struct log *log, _Atomic uint64_t *counter, const char *format,
		       ...)
{
	va_list args;

	if (!is_first(counter))
		return;
	va_start(args, format);
	log_va(log, FINODE_LOG_WARNING, format, args);
	va_end(args);
}

void finode__misuse(const struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_va(log, FINODE_LOG_ERROR, format, args);
	va_end(args);
#ifdef FINODE_DEBUG
	abort();
#endif
}

int finode__refuse(const struct log *log, _Atomic uint64_t *counter, const char *format,
		   ...)
{
	va_list args;

	if (is_first(counter)) {
		va_start(args, format);
		log_va(log, FINODE_LOG_ERROR, format, args);
		va_end(args);
	}
	return -EINVAL;
}
