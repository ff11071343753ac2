/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel's protocol has and linux/fuse.h of Debian 12 (7.38) has not: numbers and
 * layouts of its ABI, under names that a newer header does not define.
 */
#ifndef FINODE_LIB_PROTOCOL_H
#define FINODE_LIB_PROTOCOL_H

#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_STATX 52 /* opcode, 7.39 */

/* Flags of INIT, in both words. */
#define PROTOCOL_PASSTHROUGH (1ull << 37) /* 7.40 */
#define PROTOCOL_HAS_RESEND  (1ull << 39) /* 7.40 */

/* Codes of notifications. */
#define PROTOCOL_NOTIFY_RESEND	  7 /* 7.40 */
#define PROTOCOL_NOTIFY_INC_EPOCH 8 /* 7.44 */
#define PROTOCOL_NOTIFY_PRUNE	  9 /* 7.45 */

/* The minors that brought what no flag tells of. */
#define PROTOCOL_MINOR_RESEND 40
#define PROTOCOL_MINOR_EPOCH  44
#define PROTOCOL_MINOR_PRUNE  45

struct protocol_statx_in {
	uint32_t getattr_flags;
	uint32_t reserved;
	uint64_t fh;
	uint32_t sx_flags;
	uint32_t sx_mask;
};

struct protocol_time {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t reserved;
};

struct protocol_statx {
	uint32_t mask;
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t spare0;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct protocol_time atime, btime, ctime, mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t spare2[14];
};

struct protocol_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	struct protocol_statx stat;
};

struct protocol_prune_out {
	uint32_t count;
	uint32_t padding;
	uint64_t spare;
};

/* In the place of fuse_init_out, behind flags2. */
#define PROTOCOL_STACK_DEPTH_OFFSET (offsetof(struct fuse_init_out, flags2) + 4)

/* Of fuse_open_out, and what it has in the place of its padding then. */
#define PROTOCOL_BACKING_ID_OFFSET (offsetof(struct fuse_open_out, open_flags) + 4)
#define PROTOCOL_FOPEN_PASSTHROUGH (1u << 7)
/* What else an open reply may say with it; anything more is refused (fuse_file_io_open()).
 */
#define PROTOCOL_FOPEN_BESIDE_PASSTHROUGH                                                  \
	(FOPEN_DIRECT_IO | FOPEN_NOFLUSH | (1u << 6) /* parallel direct writes */)

struct protocol_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

#define PROTOCOL_BACKING_OPEN  _IOW(229, 1, struct protocol_backing_map)
#define PROTOCOL_BACKING_CLOSE _IOW(229, 2, uint32_t)

_Static_assert(sizeof(struct protocol_backing_map) == 16, "the kernel's fuse_backing_map");
_Static_assert(sizeof(struct protocol_statx_in) == 24, "the kernel's fuse_statx_in");
_Static_assert(sizeof(struct protocol_statx_out) == 288, "the kernel's fuse_statx_out");
_Static_assert(sizeof(struct protocol_prune_out) == 16,
	       "the kernel's fuse_notify_prune_out");

#endif
