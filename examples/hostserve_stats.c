/* SPDX-License-Identifier: BSD-3-Clause */
/* The figures of a server on hostfs, for people. See hostserve.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "hostserve.h"

/* Text that grows in a buffer, and stops at its end. */
struct text {
	char *at;
	size_t left;
};

static void add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	/* It is. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	length = vsnprintf(text->at, text->left, format, list);
	va_end(list);
	if (length < 0 || (size_t)length >= text->left)
		length = text->left ? (int)text->left - 1 : 0;
	text->at += length;
	text->left -= (size_t)length;
}

/* 1234567 as 1,234,567; several in one printf() need several buffers. */
struct number {
	char text[32];
};

static struct number number(uint64_t value)
{
	struct number number;
	char digits[24], *to = number.text;
	int count = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return number;
}

#define N(value_) (number(value_).text)

size_t hostserve_stats(struct hostfs *fs, char *buf, size_t size)
{
	struct text text = {buf, size};
	struct hostfs_stats h;
	struct finode_stats s;
	char why[200] = "clean";

	hostfs_stats(fs, &h, sizeof(h));
	finode_table_stats(fs->table, &s, sizeof(s));
	finode_table_check(fs->table, why, sizeof(why));
	add(&text, "inodes            %s now, in %s KiB; %s made, %s ended, %s retired\n",
	    N(s.inodes), N(s.bytes / 1024), N(s.created), N(s.evicted), N(s.retired));
	add(&text, "names             %s known now; %s were stale\n", N(s.aliases),
	    N(s.aliases_stale));
	add(&text, "look-ups          %s found, %s new; %s waited\n", N(s.hits),
	    N(s.misses), N(s.waits));
	add(&text, "forgets           %s; %s clamped, %s unknown\n", N(s.forgets),
	    N(s.forgets_clamped), N(s.forgets_unknown));
	add(&text, "replies           %s did not arrive; %s entries refused\n",
	    N(s.replies_failed), N(s.entries_refused));
	add(&text, "open files        %s now; %s were read and written by the kernel\n",
	    N(s.files), N(h.passthrough_opens));
	add(&text, "mounts            %s now; %s mountpoints on the host\n", N(s.mounts),
	    N(h.mountpoints));
	add(&text, "behind inodes     %s\n",
	    h.handles ? "file handles, opened when needed" : "a file descriptor each");
	add(&text, "file descriptors  %s of %s; %s of inodes must stay open\n", N(h.fds),
	    N(h.fds_budget), N(h.fds_kept));
	add(&text, "                  %s opened by handle, %s closed to make room\n",
	    N(h.opened), N(h.closed));
	add(&text, "                  %s refused (ENFILE), %s handles stale, %s prunes\n",
	    N(h.refused), N(h.stale), N(h.prunes));
	add(&text, "rights            %s; %s switches, groups read %s times\n",
	    h.as_caller ? "the caller's" : "the server's own", N(h.switches),
	    N(h.groups_read));
	add(&text, "locks             %s owners, %s have waited\n", N(h.locks),
	    N(h.lock_waits));
	add(&text, "table             %s\n", why);
	return size - text.left;
}

int hostserve_show_stats(const struct hostserve_options *options)
{
	char text[8192];
	ssize_t length = getxattr(options->stats_of, HOSTSERVE_STATS, text, sizeof(text));

	if (length >= 0) {
		fwrite(text, 1, (size_t)length, stdout);
		return HOSTSERVE_OK;
	}
	if (errno == ENODATA || errno == EOPNOTSUPP)
		return hostserve_fail(options, HOSTSERVE_MOUNTPOINT,
				      "'%s' is not the mountpoint of such a server",
				      options->stats_of);
	return hostserve_fail(options,
			      errno == EACCES ? HOSTSERVE_DENIED : HOSTSERVE_MOUNTPOINT,
			      "'%s': %s", options->stats_of, strerror(errno));
}
