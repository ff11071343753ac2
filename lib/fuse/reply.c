/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies: entries, open files, errors, forgets.
 *
 * This file owns the order of steps of a counted reply: validate, count, write, take back
 * if the write failed. Entries are written as the kernel's own structs through
 * fuse_reply_buf(), so what they can say does not depend on the version of libfuse.
 */
#include "finode/fuse.h"

#include <errno.h>
#include <string.h>

#include "base/abi.h"
#include "base/escape.h"
#include "base/name.h"
#include "base/statx.h"
#include "core/object.h"
#include "finode/alias.h"
#include "fuse/protocol.h"
#include "fuse/reply.h"
#include "fuse/serving.h"
#include "mounts/crossing.h"

/* The kernel takes errors in [-511, -1]; others abort the connection or the reply. */
#define KERNEL_ERROR_LIMIT 512

/* Who has answered serves no more: see serving.h. */
static int answer_buf(fuse_req_t req, const void *buf, size_t size)
{
	finode__serving_set(NULL);
	return fuse_reply_buf(req, buf, size);
}

int finode_reply_err(fuse_req_t req, int err)
{
	if (err > 0 || err <= -KERNEL_ERROR_LIMIT)
		err = -EIO;
	finode__serving_set(NULL);
	return fuse_reply_err(req, -err);
}

/* Nearly all are as this library has them. */
static bool entry_is_known(const struct finode_entry *entry)
{
	if (entry->size == sizeof(*entry) && entry->reserved == 0)
		return true;
	return !finode__abi_fault(entry, entry->size,
				  ABI_UP_TO(struct finode_entry, attr_flags),
				  offsetof(struct finode_entry, reserved));
}

const char *finode__entry_fault(const struct finode *dir, const char *name,
				const struct finode *inode,
				const struct finode_entry *entry, mode_t created)
{
	mode_t type = entry->attr.st_mode & S_IFMT;

	if (!entry_is_known(entry))
		return "its struct finode_entry has no size, or members that this version "
		       "of the library does not have: start from FINODE_ENTRY_INIT";
	if (type != inode->type)
		return "the attributes are of another type than the inode";
	if (created && type != (created & S_IFMT))
		return "another type was created than was asked for";
	if (entry->attr.st_size < 0)
		return "the size is over LLONG_MAX";
	if (dir->type != S_IFDIR)
		return "its parent is not a directory";
	if (inode_is_root(inode) && !name_is_dot(name))
		return "it is the root";
	return NULL;
}

int finode__entry_name(struct finode *dir, const char *name, struct finode *inode,
		       const struct finode_entry *entry)
{
	if (!inode_table(dir)->names || name_is_dot(name))
		return 0;
	return finode_alias_add(dir, name, inode, entry->attr.st_nlink);
}

void finode__entry_note_refusal(struct finode *inode, const char *name, const char *fault)
{
	struct finode_table *table = inode_table(inode);
	char shown[101];

	finode__log_first(&table->log, &table->rare.entries_refused,
			  "entry '%s', nodeid %#llx, refused: %s "
			  "(further ones are only counted)",
			  finode__escape(shown, sizeof(shown), name),
			  (unsigned long long)inode->nodeid, fault);
}

void finode__entry_note_failure(struct finode_table *table)
{
	atomic_fetch_add_explicit(&table->rare.replies_failed, 1, memory_order_relaxed);
}

static int entry_refuse(fuse_req_t req, struct finode *inode, const char *name,
			const char *fault)
{
	finode__entry_note_refusal(inode, name, fault);
	finode_reply_err(req, -EIO);
	return -EIO;
}

/* A time to live in seconds as the kernel wants it; what is no time at all is 0. */
static void split_timeout(double timeout, uint64_t *sec, uint32_t *nsec)
{
	const double longest = (double)(1ull << 62);

	if (!(timeout > 0))
		timeout = 0;
	else if (timeout > longest)
		timeout = longest;
	*sec = (uint64_t)timeout;
	*nsec = (uint32_t)((timeout - (double)*sec) * 1e9);
}

static void fill_attr(struct fuse_attr *out, const struct stat *st)
{
	out->ino = st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->blocks = (uint64_t)st->st_blocks;
	out->atime = (uint64_t)st->st_atim.tv_sec;
	out->mtime = (uint64_t)st->st_mtim.tv_sec;
	out->ctime = (uint64_t)st->st_ctim.tv_sec;
	out->atimensec = (uint32_t)st->st_atim.tv_nsec;
	out->mtimensec = (uint32_t)st->st_mtim.tv_nsec;
	out->ctimensec = (uint32_t)st->st_ctim.tv_nsec;
	out->mode = st->st_mode;
	out->nlink = (uint32_t)st->st_nlink;
	out->uid = st->st_uid;
	out->gid = st->st_gid;
	out->rdev = (uint32_t)st->st_rdev;
	out->blksize = (uint32_t)st->st_blksize;
}

int finode__entry_fill(struct fuse_entry_out *out, struct finode *dir, const char *name,
		       struct finode *inode, const struct finode_entry *entry)
{
	int announced = finode__mount_cross(dir, name, inode);

	if (announced < 0)
		return announced;
	memset(out, 0, sizeof(*out));
	out->nodeid = inode->nodeid;
	out->generation = inode->generation;
	split_timeout(entry->entry_timeout, &out->entry_valid, &out->entry_valid_nsec);
	split_timeout(entry->attr_timeout, &out->attr_valid, &out->attr_valid_nsec);
	fill_attr(&out->attr, &entry->attr);
	out->attr.flags = entry->attr_flags & ~(uint32_t)FUSE_ATTR_SUBMOUNT;
	if (announced)
		out->attr.flags |= FUSE_ATTR_SUBMOUNT;
	return 0;
}

void finode__entry_undo(const struct fuse_entry_out *out, struct finode *inode)
{
	if (out->attr.flags & FUSE_ATTR_SUBMOUNT)
		finode__mount_withdraw(inode);
	finode_uncount(inode, 1);
}

/* `file` is NULL if the author keeps file handles of their own. */
static void fill_open(struct fuse_open_out *out, const struct finode_file *file,
		      const struct fuse_file_info *fi)
{
	memset(out, 0, sizeof(*out));
	out->fh = fi->fh;
	if (fi->direct_io)
		out->open_flags |= FOPEN_DIRECT_IO;
	if (fi->keep_cache)
		out->open_flags |= FOPEN_KEEP_CACHE;
	if (fi->cache_readdir)
		out->open_flags |= FOPEN_CACHE_DIR;
	if (fi->nonseekable)
		out->open_flags |= FOPEN_NONSEEKABLE;
	if (fi->noflush)
		out->open_flags |= FOPEN_NOFLUSH;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 15)
	if (fi->parallel_direct_writes)
		out->open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
#endif
	if (file && file->backing_id > 0) {
		out->open_flags &= PROTOCOL_FOPEN_BESIDE_PASSTHROUGH;
		out->open_flags |= PROTOCOL_FOPEN_PASSTHROUGH;
		memcpy((char *)out + PROTOCOL_BACKING_ID_OFFSET, &file->backing_id,
		       sizeof(file->backing_id));
	}
}

static int entry_fail(fuse_req_t req, int err)
{
	finode_reply_err(req, err);
	return err;
}

/* The reply that tells the kernel of one lookup of `inode`; it begins with the entry. */
static int reply_counted(fuse_req_t req, struct finode *inode,
			 const struct fuse_entry_out *entry, size_t size)
{
	int err;

	finode_count(inode, 1);
	err = answer_buf(req, (const void *)entry, size);
	if (err) {
		finode__entry_note_failure(inode_table(inode));
		finode__entry_undo(entry, inode);
	}
	return err;
}

int finode_reply_entry(fuse_req_t req, struct finode *dir, const char *name,
		       struct finode *inode, const struct finode_entry *entry)
{
	const char *fault = finode__entry_fault(dir, name, inode, entry, entry->created);
	struct fuse_entry_out out;
	int err;

	if (fault)
		return entry_refuse(req, inode, name, fault);
	err = finode__entry_name(dir, name, inode, entry);
	if (!err)
		err = finode__entry_fill(&out, dir, name, inode, entry);
	if (err)
		return entry_fail(req, err);
	return reply_counted(req, inode, &out, sizeof(out));
}

/*
 * CREATE and TMPFILE, which has no name: an entry, counted, and an open file, closed if it
 * did not arrive.
 */
static int reply_opened(fuse_req_t req, struct finode *dir, const char *name,
			struct finode *inode, const struct finode_entry *entry,
			struct finode_file *file, struct fuse_file_info *fi)
{
	const char *shown = name ? name : "(no name)";
	const char *fault = finode__entry_fault(dir, shown, inode, entry, S_IFREG);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int err;

	err = fault || !name ? 0 : finode__entry_name(dir, name, inode, entry);
	if (!fault && !err)
		err = finode__entry_fill(&out.entry, dir, shown, inode, entry);
	if (file)
		fi->fh = file->fh;
	if (fault) {
		err = entry_refuse(req, inode, shown, fault);
	} else if (err) {
		entry_fail(req, err);
	} else {
		fill_open(&out.open, file, fi);
		err = reply_counted(req, inode, &out.entry, sizeof(out));
	}
	if (err && file)
		finode_file_close(inode_table(inode), file->fh);
	return err;
}

int finode_reply_create(fuse_req_t req, struct finode *dir, const char *name,
			struct finode *inode, const struct finode_entry *entry,
			struct finode_file *file, struct fuse_file_info *fi)
{
	return reply_opened(req, dir, name, inode, entry, file, fi);
}

int finode_reply_tmpfile(fuse_req_t req, struct finode *dir, struct finode *inode,
			 const struct finode_entry *entry, struct finode_file *file,
			 struct fuse_file_info *fi)
{
	return reply_opened(req, dir, NULL, inode, entry, file, fi);
}

int finode_reply_negative(fuse_req_t req, struct finode *dir, const char *name,
			  double entry_timeout)
{
	struct fuse_entry_out out = {.nodeid = 0};

	if (inode_table(dir)->names && !name_is_dot(name))
		finode_alias_drop(dir, name, NULL);
	if (!(entry_timeout > 0))
		return finode_reply_err(req, -ENOENT);
	split_timeout(entry_timeout, &out.entry_valid, &out.entry_valid_nsec);
	return answer_buf(req, (const void *)&out, sizeof(out));
}

/* The kernel takes an inode for bad if it changes its type or has no size. */
static int attr_refuse(fuse_req_t req, struct finode *inode, mode_t mode, int64_t size)
{
	int err = (mode & S_IFMT) != inode->type ? -ESTALE : size < 0 ? -EIO : 0;

	if (err) {
		finode__entry_note_refusal(inode, "(attributes)",
					   err == -ESTALE ? "another type than the inode's"
							  : "the size is over LLONG_MAX");
		finode_reply_err(req, err);
	}
	return err;
}

int finode_reply_attr(fuse_req_t req, struct finode *inode, const struct stat *attr,
		      double attr_timeout)
{
	struct fuse_attr_out out = {0};
	int err = attr_refuse(req, inode, attr->st_mode, attr->st_size);

	if (err)
		return err;
	split_timeout(attr_timeout, &out.attr_valid, &out.attr_valid_nsec);
	fill_attr(&out.attr, attr);
	return answer_buf(req, (const void *)&out, sizeof(out));
}

static struct protocol_time protocol_time(const struct statx_timestamp *time)
{
	return (struct protocol_time){.tv_sec = time->tv_sec, .tv_nsec = time->tv_nsec};
}

static void fill_statx(struct protocol_statx *out, const struct statx *stx)
{
	*out = (struct protocol_statx){
		.mask = stx->stx_mask & (STATX_BASIC_STATS | STATX_BTIME),
		.blksize = stx->stx_blksize,
		.attributes = stx->stx_attributes,
		.attributes_mask = stx->stx_attributes_mask,
		.nlink = stx->stx_nlink,
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.mode = stx->stx_mode,
		.ino = stx->stx_ino,
		.size = stx->stx_size,
		.blocks = stx->stx_blocks,
		.atime = protocol_time(&stx->stx_atime),
		.btime = protocol_time(&stx->stx_btime),
		.ctime = protocol_time(&stx->stx_ctime),
		.mtime = protocol_time(&stx->stx_mtime),
		.rdev_major = stx->stx_rdev_major,
		.rdev_minor = stx->stx_rdev_minor,
	};
}

int finode_reply_statx(fuse_req_t req, struct finode *inode, const struct statx *attr,
		       double attr_timeout)
{
	const mode_t mode = attr->stx_mask & STATX_TYPE ? attr->stx_mode : inode->type;
	const int64_t size = attr->stx_mask & STATX_SIZE ? (int64_t)attr->stx_size : 0;
	struct protocol_statx_out out = {0};
	int err = attr_refuse(req, inode, mode, size);

	if (err)
		return err;
	split_timeout(attr_timeout, &out.attr_valid, &out.attr_valid_nsec);
	fill_statx(&out.stat, attr);
	return answer_buf(req, (const void *)&out, sizeof(out));
}

int finode_reply_open(fuse_req_t req, struct finode_file *file, struct fuse_file_info *fi)
{
	struct fuse_open_out out;
	int err;

	if (file)
		fi->fh = file->fh;
	fill_open(&out, file, fi);
	err = answer_buf(req, (const void *)&out, sizeof(out));
	if (err && file)
		finode_file_close(inode_table(file->inode), file->fh);
	return err;
}

void finode_reply_forget(fuse_req_t req, struct finode_table *table, uint64_t nodeid,
			 uint64_t nlookup)
{
	finode_forget(table, nodeid, nlookup);
	fuse_reply_none(req);
}

void finode_reply_forget_multi(fuse_req_t req, struct finode_table *table, size_t count,
			       const struct fuse_forget_data *forgets)
{
	struct finode_forget_one batch[64];
	const size_t most = sizeof(batch) / sizeof(batch[0]);

	while (count > 0) {
		size_t n = count < most ? count : most;

		for (size_t i = 0; i < n; i++) {
			batch[i].nodeid = forgets[i].ino;
			batch[i].nlookup = forgets[i].nlookup;
		}
		finode_forget_batch(table, batch, n);
		forgets += n;
		count -= n;
	}
	fuse_reply_none(req);
}

void finode_log_to_fuse(enum finode_log_level level, const char *message, void *user)
{
	static const enum fuse_log_level levels[] = {
		[FINODE_LOG_ERROR] = FUSE_LOG_ERR,
		[FINODE_LOG_WARNING] = FUSE_LOG_WARNING,
		[FINODE_LOG_INFO] = FUSE_LOG_INFO,
		[FINODE_LOG_DEBUG] = FUSE_LOG_DEBUG,
	};

	(void)user;
	fuse_log(levels[level], "finode: %s\n", message);
}
