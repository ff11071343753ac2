/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files: slots of their own, with the same ids as inodes have.
 *
 * This file owns struct finode_file. Being open is one reference, dropped once, by the
 * close that turned `closed` from 0 to 1: a second RELEASE of one handle finds nothing.
 * Nothing finds a file but by its id, so its last reference needs no lock. The pool and
 * the counters are those of its inode's shard.
 */
#include "core/file.h"

#include <errno.h>

#include "core/inode.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/testing.h"
#include "names/unlink.h"

/* What lies in the opaque area of a struct finode_file. */
struct file_core {
	_Atomic uint32_t closed;
};

_Static_assert(sizeof(struct file_core) <= sizeof(((struct finode_file *)0)->library),
	       "the opaque area of struct finode_file is too small");

static struct file_core *file_core(struct finode_file *file)
{
	return (struct file_core *)(void *)file->library;
}

static struct slot *file_slot(const struct finode_file *file)
{
	return slots_find(&inode_table(file->inode)->files, file->fh);
}

static int file_create(struct finode *inode, struct finode_file **out)
{
	struct finode_table *table = inode_table(inode);
	const struct finode_file_ops *ops = table->file_ops;
	struct shard *shard = inode_shard(inode);
	struct finode_file *file;
	int err = -ENOMEM;
	char *object;

	lock_take(&shard->lock);
	object = memory_get(&table->allocator, &shard->bytes, ops->object_size);
	if (object) {
		file = (struct finode_file *)(void *)(object + ops->base_offset);
		file->inode = inode;
		err = finode__slots_alloc(&table->files, &shard->file_pool, file,
					  &file->fh);
		if (err)
			memory_put(&table->allocator, &shard->bytes, object,
				   ops->object_size);
		else
			*out = file;
	}
	shard->files += err == 0;
	lock_release(&shard->lock);
	return err;
}

static void file_destroy(struct finode_file *file)
{
	struct finode_table *table = inode_table(file->inode);
	const struct finode_file_ops *ops = table->file_ops;
	struct shard *shard = inode_shard(file->inode);

	lock_take(&shard->lock);
	shard->files--;
	finode__slots_free(&table->files, &shard->file_pool, file->fh);
	memory_put(&table->allocator, &shard->bytes, (char *)file - ops->base_offset,
		   ops->object_size);
	lock_release(&shard->lock);
}

int finode_file_open(struct finode *inode, void *arg, struct finode_file **out)
{
	const struct finode_file_ops *ops = inode_table(inode)->file_ops;
	struct finode_file *file;
	int err;

	*out = NULL;
	if (!ops)
		return -EINVAL;
	if (!finode_hold(inode))
		return -EOVERFLOW;
	err = finode__backing_open(inode);
	if (err)
		goto err_inode;
	err = file_create(inode, &file);
	if (err)
		goto err_backing;
	finode__lock_check_none_held("a file's init()");
	err = ops->init ? ops->init(file, arg) : 0;
	if (err)
		goto err_file;
	slots_publish(file_slot(file));
	slots_publish(file_slot(file)); /* one for being open, one for the caller */
	*out = file;
	return 0;

err_file:
	file_destroy(file);
err_backing:
	finode__backing_close(inode);
err_inode:
	finode_put(inode);
	return err;
}

struct finode_file *finode_file_get(struct finode_table *table, uint64_t fh)
{
	struct finode_file *file = slots_get(&table->files, fh);

	if (file && atomic_load_explicit(&file_core(file)->closed, memory_order_relaxed)) {
		finode_file_put(file);
		return NULL;
	}
	return file;
}

/* Nobody can reach the file any more. */
static void file_end(struct finode_file *file)
{
	const struct finode_file_ops *ops = inode_table(file->inode)->file_ops;
	struct finode *inode = file->inode;

	finode__lock_check_none_held("a file's release()");
	if (ops->release)
		ops->release(file);
	file_destroy(file);
	finode__backing_close(inode);
	finode_put(inode);
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
		if (slots_put_last(slot) || FINODE_MUTANT(no_file_recheck))
			file_end(file);
		break;
	case SLOTS_PUT_NOT_HELD:
		finode__misuse(inode_table(file->inode),
			       "finode_file_put() of fh %#llx without a reference to it",
			       (unsigned long long)file->fh);
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
	if (was_open || FINODE_MUTANT(files_close_twice))
		finode_file_put(file);
	finode_file_put(file);
	return was_open ? 0 : -EBADF;
}

void finode__file_end_held(struct finode_file *file)
{
	slots_revoke(file_slot(file), file->fh);
	file_end(file);
}
