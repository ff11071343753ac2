/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files: slots of their own, with the same ids as inodes have.
 *
 * This file owns struct finode_file, and the list of those of an inode, newest first. Being
 * open is one reference, dropped once, by the close that turned `closed` from 0 to 1: a
 * second RELEASE of one handle finds nothing. A file is in the list from its making to its
 * end, so that who holds one can walk on; list, pool and counters are protected by the lock
 * of the inode's shard.
 */
#include "core/file.h"

#include <errno.h>

#include "base/memory.h"
#include "base/testing.h"
#include "core/object.h"

/* What lies in the opaque area of a struct finode_file. */
struct file_core {
	_Atomic uint32_t closed;
	/* slots of those beside it in the list; protected by the shard's lock */
	uint32_t older, newer;
};

_Static_assert(sizeof(struct file_core) + sizeof(uint64_t) <=
		       sizeof(((struct finode_file *)0)->library),
	       "the opaque area of struct finode_file is too small to grow");

static struct file_core *file_core(struct finode_file *file)
{
	return (struct file_core *)(void *)file->library;
}

static struct slot *file_slot(const struct finode_file *file)
{
	return slots_find(&inode_table(file->inode)->files, file->fh);
}

static struct finode_file *file_at(struct finode_table *table, uint32_t number)
{
	return number ? slots_at(&table->files, number)->object : NULL;
}

static void list_add_locked(struct finode *inode, struct finode_file *file)
{
	uint32_t *newest = &inode_core(inode)->files;
	struct finode_file *next = file_at(inode_table(inode), *newest);

	file_core(file)->older = *newest;
	*newest = slots_number(file->fh);
	if (next)
		file_core(next)->newer = *newest;
}

static void list_remove_locked(struct finode *inode, struct finode_file *file)
{
	const struct file_core *core = file_core(file);
	struct finode_file *older = file_at(inode_table(inode), core->older);
	struct finode_file *newer = file_at(inode_table(inode), core->newer);

	if (older)
		file_core(older)->newer = core->newer;
	if (newer)
		file_core(newer)->older = core->older;
	else
		inode_core(inode)->files = core->older;
}

static int file_create(struct finode *inode, struct finode_file **out)
{
	struct finode_table *table = inode_table(inode);
	const struct finode_file_ops *ops = &table->file_ops;
	struct shard *shard = inode_shard_lock(inode);
	struct finode_file *file;
	int err = -ENOMEM;
	char *object;

	object = memory_get_aligned(&table->allocator, &shard->bytes, ops->object_size,
				    ops->object_align);
	if (object) {
		file = (struct finode_file *)(void *)(object + ops->base_offset);
		file->inode = inode;
		err = finode__slots_alloc(&table->files, &shard->file_pool, file,
					  &file->fh);
		if (err) {
			memory_put_aligned(&table->allocator, &shard->bytes, object,
					   ops->object_size, ops->object_align);
		} else {
			list_add_locked(inode, file);
			*out = file;
		}
	}
	shard->files += err == 0;
	lock_release(&shard->lock);
	return err;
}

/* The file is not in the list of its inode any more. */
static void file_free(struct shard *shard, struct finode_file *file)
{
	struct finode_table *table = inode_table(file->inode);
	const struct finode_file_ops *ops = &table->file_ops;

	finode__slots_free(&table->files, &shard->file_pool, file->fh);
	memory_put_aligned(&table->allocator, &shard->bytes,
			   (char *)file - ops->base_offset, ops->object_size,
			   ops->object_align);
}

static void file_destroy(struct finode_file *file)
{
	struct shard *shard = inode_shard_lock(file->inode);

	shard->files--;
	list_remove_locked(file->inode, file);
	file_free(shard, file);
	lock_release(&shard->lock);
}

static int backing_opens(struct finode *inode)
{
	int (*opens)(struct finode *) = inode_table(inode)->hooks.file_opens;

	return opens ? opens(inode) : 0;
}

static void backing_closed(struct finode *inode)
{
	void (*closed)(struct finode *) = inode_table(inode)->hooks.file_closed;

	if (closed)
		closed(inode);
}

static int call_init(struct finode_file *file, void *arg)
{
	struct finode_table *table = inode_table(file->inode);
	int err;

	if (!table->file_ops.init)
		return 0;
	finode__lock_check_none_held("a file's init()");
	err = table->file_ops.init(file, arg);
	if (err <= 0)
		return err;
	finode__misuse(&table->log,
		       "a file's init() returned %d; it must be 0 or a negative errno",
		       err);
	return -EIO;
}

int finode_file_open(struct finode *inode, void *arg, struct finode_file **out)
{
	struct finode_table *table = inode_table(inode);
	struct finode_file *file;
	int err;

	*out = NULL;
	if (table->file_ops.object_size == 0)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_FILE],
				      "finode_file_open() in a table without "
				      "config.file_ops");
	if (table->end != TABLE_LIVES)
		return -ESTALE;
	if (!finode_hold(inode))
		return -EOVERFLOW;
	err = backing_opens(inode);
	if (err)
		goto err_inode;
	err = file_create(inode, &file);
	if (err)
		goto err_backing;
	err = call_init(file, arg);
	if (err)
		goto err_file;
	/* One for being open, one for the caller, at once: a guest may guess the handle. */
	slots_publish(file_slot(file), 2);
	FINODE_YIELD("file open: published");
	*out = file;
	return 0;

err_file:
	file_destroy(file);
err_backing:
	backing_closed(inode);
err_inode:
	finode_put(inode);
	return err;
}

static bool is_closed(struct finode_file *file)
{
	return atomic_load_explicit(&file_core(file)->closed, memory_order_relaxed);
}

struct finode_file *finode_file_get(struct finode_table *table, uint64_t fh)
{
	struct finode_file *file = slots_get(&table->files, fh);

	if (file && is_closed(file)) {
		finode_file_put(file);
		return NULL;
	}
	return file;
}

static void call_release(struct finode_file *file)
{
	const struct finode_file_ops *ops = &inode_table(file->inode)->file_ops;

	finode__lock_check_none_held("a file's release()");
	if (ops->release)
		ops->release(file);
}

/* Nobody can reach the file any more. */
static void file_end(struct finode_file *file)
{
	struct finode *inode = file->inode;

	call_release(file);
	file_destroy(file);
	backing_closed(inode);
	finode_put(inode);
}

static void put_not_held(const struct finode_file *file)
{
	const struct finode_table *table = inode_table(file->inode);

	/* At the end of a table what somebody held was taken from them. */
	if (table->end != TABLE_TAKES_ALL)
		finode__misuse(&table->log,
			       "finode_file_put() of fh %#llx without a reference to it",
			       (unsigned long long)file->fh);
}

void finode_file_put(struct finode_file *file)
{
	struct slot *slot;

	if (!file)
		return;
	slot = file_slot(file);
	switch (slots_put(slot, file->fh)) {
	case SLOTS_PUT_DONE:
		break;
	case SLOTS_PUT_LAST:
		FINODE_YIELD("file put: the last");
		if (slots_put_last(slot))
			file_end(file);
		break;
	case SLOTS_PUT_NOT_HELD:
		put_not_held(file);
		break;
	}
}

int finode_file_close(struct finode_table *table, uint64_t fh)
{
	struct finode_file *file = slots_get(&table->files, fh);
	bool was_open;

	if (!file)
		return -EBADF;
	was_open = !atomic_exchange_explicit(&file_core(file)->closed, 1,
					     memory_order_relaxed);
	if (was_open)
		finode_file_put(file);
	finode_file_put(file);
	return was_open ? 0 : -EBADF;
}

/* The newest file that is older than `file`, or of all; open, and with a reference. */
static struct finode_file *next_locked(struct finode *inode, struct finode_file *file)
{
	struct finode_table *table = inode_table(inode);

	file = file_at(table, file ? file_core(file)->older : inode_core(inode)->files);
	while (file && (is_closed(file) || !slot_get(file_slot(file), file->fh)))
		file = file_at(table, file_core(file)->older);
	return file;
}

struct finode_file *finode_file_next(struct finode *inode, struct finode_file *previous)
{
	struct shard *shard = inode_shard_lock(inode);
	struct finode_file *next = next_locked(inode, previous);

	lock_release(&shard->lock);
	finode_file_put(previous);
	return next;
}

bool finode_is_open(struct finode *inode)
{
	struct finode_table *table = inode_table(inode);
	struct shard *shard = inode_shard_lock(inode);
	struct finode_file *file = file_at(table, inode_core(inode)->files);

	while (file && (is_closed(file) || slot_refs(file_slot(file)) == 0))
		file = file_at(table, file_core(file)->older);
	lock_release(&shard->lock);
	return file != NULL;
}

/* ---- The end of a table ---- */

void finode__file_end_held(struct finode_file *file)
{
	struct finode *inode = file->inode;
	struct finode_table *table = inode_table(inode);
	struct shard *shard;

	slots_revoke(file_slot(file), file->fh);
	call_release(file);
	shard = inode_shard_lock(inode);
	shard->files--;
	list_remove_locked(inode, file);
	file_core(file)->older = table->file_graves;
	table->file_graves = slots_number(file->fh);
	lock_release(&shard->lock);
	backing_closed(inode);
	finode_put(inode);
}

void finode__files_free(struct finode_table *table)
{
	struct finode_file *file;

	while ((file = file_at(table, table->file_graves))) {
		struct shard *shard = inode_shard_lock(file->inode);

		table->file_graves = file_core(file)->older;
		file_free(shard, file);
		lock_release(&shard->lock);
	}
}
