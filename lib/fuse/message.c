/* SPDX-License-Identifier: BSD-3-Clause */
/* See message.h. This file owns the table of shapes; it reads messages and changes none. */
#include "fuse/message.h"

#include <string.h>

#include "fuse/protocol.h"

/* The fixed part of a request, and how many strings follow it. */
struct shape {
	unsigned short head;
	unsigned char names;
};

#define HEAD(type) sizeof(struct type)

/* An opcode that is not here has nothing that must be there. */
static const struct shape shapes[] = {
	[FUSE_LOOKUP] = {0, 1},
	[FUSE_FORGET] = {HEAD(fuse_forget_in), 0},
	[FUSE_GETATTR] = {HEAD(fuse_getattr_in), 0},
	[FUSE_SETATTR] = {HEAD(fuse_setattr_in), 0},
	[FUSE_SYMLINK] = {0, 2},
	[FUSE_MKNOD] = {HEAD(fuse_mknod_in), 1},
	[FUSE_MKDIR] = {HEAD(fuse_mkdir_in), 1},
	[FUSE_UNLINK] = {0, 1},
	[FUSE_RMDIR] = {0, 1},
	[FUSE_RENAME] = {HEAD(fuse_rename_in), 2},
	[FUSE_LINK] = {HEAD(fuse_link_in), 1},
	[FUSE_OPEN] = {HEAD(fuse_open_in), 0},
	[FUSE_READ] = {HEAD(fuse_read_in), 0},
	[FUSE_WRITE] = {HEAD(fuse_write_in), 0},
	[FUSE_RELEASE] = {HEAD(fuse_release_in), 0},
	[FUSE_FSYNC] = {HEAD(fuse_fsync_in), 0},
	[FUSE_SETXATTR] = {FUSE_COMPAT_SETXATTR_IN_SIZE, 1},
	[FUSE_GETXATTR] = {HEAD(fuse_getxattr_in), 1},
	[FUSE_LISTXATTR] = {HEAD(fuse_getxattr_in), 0},
	[FUSE_REMOVEXATTR] = {0, 1},
	[FUSE_FLUSH] = {HEAD(fuse_flush_in), 0},
	[FUSE_INIT] = {offsetof(struct fuse_init_in, flags2), 0},
	[FUSE_OPENDIR] = {HEAD(fuse_open_in), 0},
	[FUSE_READDIR] = {HEAD(fuse_read_in), 0},
	[FUSE_RELEASEDIR] = {HEAD(fuse_release_in), 0},
	[FUSE_FSYNCDIR] = {HEAD(fuse_fsync_in), 0},
	[FUSE_GETLK] = {HEAD(fuse_lk_in), 0},
	[FUSE_SETLK] = {HEAD(fuse_lk_in), 0},
	[FUSE_SETLKW] = {HEAD(fuse_lk_in), 0},
	[FUSE_ACCESS] = {HEAD(fuse_access_in), 0},
	[FUSE_CREATE] = {HEAD(fuse_create_in), 1},
	[FUSE_INTERRUPT] = {HEAD(fuse_interrupt_in), 0},
	[FUSE_BMAP] = {HEAD(fuse_bmap_in), 0},
	[FUSE_IOCTL] = {HEAD(fuse_ioctl_in), 0},
	[FUSE_POLL] = {HEAD(fuse_poll_in), 0},
	[FUSE_NOTIFY_REPLY] = {HEAD(fuse_notify_retrieve_in), 0},
	[FUSE_BATCH_FORGET] = {HEAD(fuse_batch_forget_in), 0},
	[FUSE_FALLOCATE] = {HEAD(fuse_fallocate_in), 0},
	[FUSE_READDIRPLUS] = {HEAD(fuse_read_in), 0},
	[FUSE_RENAME2] = {HEAD(fuse_rename2_in), 2},
	[FUSE_LSEEK] = {HEAD(fuse_lseek_in), 0},
	[FUSE_COPY_FILE_RANGE] = {HEAD(fuse_copy_file_range_in), 0},
	[FUSE_SETUPMAPPING] = {HEAD(fuse_setupmapping_in), 0},
	[FUSE_REMOVEMAPPING] = {HEAD(fuse_removemapping_in), 0},
	[FUSE_SYNCFS] = {HEAD(fuse_syncfs_in), 0},
	[FUSE_TMPFILE] = {HEAD(fuse_create_in), 1},
	[PROTOCOL_STATX] = {HEAD(protocol_statx_in), 0},
};

/*
 * How many bytes must follow the head and the names; more than there can be if that is
 * beyond all measure.
 */
static uint64_t tail_of(const struct fuse_in_header *in)
{
	const void *head = in + 1;

	switch (in->opcode) {
	case FUSE_WRITE:
		return ((const struct fuse_write_in *)head)->size;
	case FUSE_SETXATTR:
		return ((const struct fuse_setxattr_in *)head)->size;
	case FUSE_IOCTL:
		return ((const struct fuse_ioctl_in *)head)->in_size;
	case FUSE_NOTIFY_REPLY:
		return ((const struct fuse_notify_retrieve_in *)head)->size;
	case FUSE_BATCH_FORGET:
		return (uint64_t)((const struct fuse_batch_forget_in *)head)->count *
		       sizeof(struct fuse_forget_one);
	case FUSE_INIT:
		return ((const struct fuse_init_in *)head)->flags & FUSE_INIT_EXT
			       ? sizeof(struct fuse_init_in) -
					 offsetof(struct fuse_init_in, flags2)
			       : 0;
	default:
		return 0;
	}
}

const char *finode__message_fault(const struct fuse_in_header *in, size_t size,
				  bool setxattr_ext)
{
	struct shape shape = {0, 0};
	const char *at = (const char *)(in + 1);
	size_t left = size - sizeof(*in);

	if (in->len != size)
		return "its length is not what it says";
	if (in->opcode < sizeof(shapes) / sizeof(shapes[0]))
		shape = shapes[in->opcode];
	if (in->opcode == FUSE_SETXATTR && setxattr_ext)
		shape.head = sizeof(struct fuse_setxattr_in);
	if (left < shape.head)
		return "it is too short";
	at += shape.head;
	left -= shape.head;
	for (int i = 0; i < shape.names; i++) {
		const char *end = memchr(at, '\0', left);

		if (!end)
			return "a name in it has no end";
		left -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	return left < tail_of(in) ? "it counts more than it has" : NULL;
}

static void clamp(uint32_t *size, size_t most)
{
	if (*size > most)
		*size = (uint32_t)most;
}

/*
 * A kernel asks for whole pages, of 64 KiB at most, and where nothing else was agreed on
 * for 32 of its own.
 */
static size_t most_data(size_t max_write)
{
	const size_t page = 65536, least = 32 * page;
	const size_t pages = max_write / page + (max_write % page != 0);

	return pages * page > least ? pages * page : least;
}

void finode__message_clamp(struct fuse_in_header *in, size_t max_write)
{
	const size_t longest_value = 65536; /* XATTR_SIZE_MAX, XATTR_LIST_MAX */
	void *head = in + 1;

	switch (in->opcode) {
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		clamp(&((struct fuse_read_in *)head)->size, most_data(max_write));
		break;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		clamp(&((struct fuse_getxattr_in *)head)->size, longest_value);
		break;
	default:
		break;
	}
}

bool finode__message_wants_reply(const struct fuse_in_header *in)
{
	return in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET &&
	       in->opcode != FUSE_INTERRUPT && in->opcode != FUSE_NOTIFY_REPLY;
}
