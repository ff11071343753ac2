/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: the builder of READDIR and READDIRPLUS replies.
 *
 * This file owns the bytes of such a reply and the counts of its entries. An entry is
 * counted when it is placed, and the reply itself is the record of what was counted: to
 * take the counts back, its entries are read again. The count keeps the inode alive
 * meanwhile; a guest that guesses the nodeid and forgets it early only loses the entry.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>

#include "base/abi.h"
#include "base/name.h"
#include "core/object.h"
#include "fuse/reply.h"
#include "fuse/serving.h"

#define DIRBUF_MAX (1u << 20)

int finode_dirbuf_init(struct finode_dirbuf *buf, struct finode *dir, size_t size, int plus)
{
	struct finode_table *table = inode_table(dir);
	const struct finode_allocator *allocator = &table->allocator;
	const char *fault = finode__abi_fault(buf, buf->struct_size,
					      ABI_UP_TO(struct finode_dirbuf, plus),
					      offsetof(struct finode_dirbuf, reserved));

	if (fault)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_DIRBUF],
				      "struct finode_dirbuf%s", fault);
	buf->dir = dir;
	buf->plus = plus;
	buf->used = 0;
	buf->size = size < DIRBUF_MAX ? size : DIRBUF_MAX;
	buf->bytes = allocator->allocate(buf->size ? buf->size : 1, allocator->user);
	return buf->bytes ? 0 : -ENOMEM;
}

/*
 * Does this entry of a READDIRPLUS reply tell the kernel of a lookup? Then it is written to
 * `out`.
 */
static int counts(struct finode_dirbuf *buf, const char *name, struct finode *inode,
		  const struct finode_entry *entry, struct fuse_entry_out *out)
{
	const char *fault;

	if (!buf->plus || !inode || name_is_dot(name))
		return 0;
	fault = finode__entry_fault(buf->dir, name, inode, entry, entry->created);
	if (fault)
		finode__entry_note_refusal(inode, name, fault);
	return !fault && finode__entry_name(buf->dir, name, inode, entry) == 0 &&
	       finode__entry_fill(out, buf->dir, name, inode, entry) == 0;
}

/* Where the dirent begins. */
static size_t head_size(const struct finode_dirbuf *buf)
{
	return buf->plus ? offsetof(struct fuse_direntplus, dirent) : 0;
}

static size_t size_of(const struct finode_dirbuf *buf, size_t name_size)
{
	return FUSE_DIRENT_ALIGN(head_size(buf) + FUSE_NAME_OFFSET + name_size);
}

int finode_dirbuf_fits(const struct finode_dirbuf *buf, const char *name)
{
	return size_of(buf, strlen(name)) <= buf->size - buf->used;
}

int finode_dirbuf_add(struct finode_dirbuf *buf, const char *name, off_t off,
		      struct finode *inode, const struct finode_entry *entry)
{
	const size_t name_size = strlen(name);
	const size_t head = head_size(buf);
	const size_t size = size_of(buf, name_size);
	struct fuse_dirent dirent = {
		.ino = entry->attr.st_ino,
		.off = (uint64_t)off,
		.namelen = (uint32_t)name_size,
		.type = (entry->attr.st_mode & S_IFMT) >> 12,
	};
	char *place = buf->bytes + buf->used;
	struct fuse_entry_out out;

	if (!name_is_dot(name) && finode_name_check(name) != 0) {
		/* The kernel would stop at it, and leak the counts of those behind it. */
		finode__entry_note_refusal(buf->dir, name, "its name is no name");
		return 0;
	}
	if (size > buf->size - buf->used)
		return 1;
	memset(place, 0, size);
	if (counts(buf, name, inode, entry, &out)) {
		memcpy(place, &out, sizeof(out));
		finode_count(inode, 1);
	}
	memcpy(place + head, &dirent, FUSE_NAME_OFFSET);
	/* A dirent has no '\0'. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(place + head + FUSE_NAME_OFFSET, name, name_size);
	buf->used += size;
	return 0;
}

/* Takes back the counts of all entries that were placed. */
static void uncount_all(struct finode_dirbuf *buf)
{
	size_t at = 0;

	while (buf->plus && at < buf->used) {
		struct fuse_direntplus entry;

		memcpy(&entry, buf->bytes + at, sizeof(entry));
		if (entry.entry_out.nodeid != 0) {
			FINODE_AUTOPUT struct finode *inode =
				finode_get(inode_table(buf->dir), entry.entry_out.nodeid);

			if (inode)
				finode__entry_undo(&entry.entry_out, inode);
		}
		at += FUSE_DIRENTPLUS_SIZE(&entry);
	}
}

static void end(struct finode_dirbuf *buf)
{
	if (buf->bytes) {
		const struct finode_allocator *allocator =
			&inode_table(buf->dir)->allocator;

		allocator->release(buf->bytes, allocator->user);
	}
	buf->bytes = NULL;
	buf->used = buf->size = 0;
}

int finode_dirbuf_reply(struct finode_dirbuf *buf, fuse_req_t req)
{
	int err;

	finode__serving_set(NULL);
	err = fuse_reply_buf(req, buf->bytes, buf->used);

	if (err) {
		finode__entry_note_failure(inode_table(buf->dir));
		uncount_all(buf);
	}
	end(buf);
	return err;
}

void finode_dirbuf_drop(struct finode_dirbuf *buf)
{
	uncount_all(buf);
	end(buf);
}
