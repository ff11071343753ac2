/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table as a whole: how it is made, how a session ends in it, how it ends.
 *
 * This file owns struct finode_table and its shards. The root inode is made with the table
 * and takes the first slot, whose id is 1; the table holds one reference to it for ever,
 * so no FORGET and no put of anyone else can end it.
 */
#include "core/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/abi.h"
#include "base/memory.h"
#include "core/count.h"
#include "core/end.h"
#include "core/file.h"
#include "core/mounts.h"
#include "core/object.h"
#include "finode/version.h"

/*
 * Enough that the growth of one shard is a short pause even with tens of millions of
 * inodes (tests/bench has the figures), few enough that an idle table stays small.
 */
#define SHARDS_DEFAULT 256u
#define SHARDS_MAX     65536u

const char *finode_version(void)
{
#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)
	return TEXT(FINODE_VERSION_MAJOR) "." TEXT(FINODE_VERSION_MINOR) "." TEXT(
		FINODE_VERSION_PATCH);
}

static void *allocate_default(size_t size, void *user)
{
	(void)user;
	return calloc(1, size);
}

static void release_default(void *ptr, void *user)
{
	(void)user;
	free(ptr);
}

/* ---- What is asked for ---- */

static const char *copy_inode_ops(struct finode_ops *to, const struct finode_ops *ops)
{
	const char *fault = finode__abi_copy(to, sizeof(*to), ops, ops->ops_size,
					     ABI_UP_TO(struct finode_ops, base_size));
	const struct abi_object object = {to->object_size, to->object_align,
					  to->base_offset, to->base_size};

	return fault ? fault
		     : finode__abi_object_fault(&object, sizeof(struct finode),
						_Alignof(struct finode));
}

static const char *copy_file_ops(struct finode_file_ops *to,
				 const struct finode_file_ops *ops)
{
	const char *fault = finode__abi_copy(to, sizeof(*to), ops, ops->ops_size,
					     ABI_UP_TO(struct finode_file_ops, base_size));
	const struct abi_object object = {to->object_size, to->object_align,
					  to->base_offset, to->base_size};

	return fault ? fault
		     : finode__abi_object_fault(&object, sizeof(struct finode_file),
						_Alignof(struct finode_file));
}

/* What is wrong with the members of a config, in words; NULL if nothing is. */
static const char *config_fault(const struct finode_config *config)
{
	if (!config->ops)
		return ".ops is missing";
	if (config->shards > SHARDS_MAX || (config->shards & (config->shards - 1)) != 0)
		return ".shards is not a power of two up to 65536";
	if (!S_ISDIR(config->root_key.mode) || config->root_key.generation != 0)
		return ".root_key must be a directory's, with generation 0";
	if (!config->root_key.bytes || config->root_key.size == 0 ||
	    config->root_key.size > FINODE_KEY_MAX)
		return ".root_key has no bytes, or more than FINODE_KEY_MAX";
	if (config->allocator &&
	    (!config->allocator->allocate || !config->allocator->release))
		return ".allocator lacks a function";
	return NULL;
}

/* What is wrong with the author's operations. They are copied. */
static int ops_init(struct finode_table *table, const struct finode_config *config)
{
	const char *which = "config.ops";
	const char *fault = copy_inode_ops(&table->ops, config->ops);

	if (!fault && config->file_ops) {
		which = "config.file_ops";
		fault = copy_file_ops(&table->file_ops, config->file_ops);
	}
	if (!fault)
		return 0;
	return finode__refuse(&table->log, &table->rare.refused[REFUSED_CONFIG], "%s%s",
			      which, fault);
}

static void table_configure(struct finode_table *table, const struct finode_config *config)
{
	table->user = config->user;
	table->allocator = *config->allocator;
	table->log = (struct log){config->log, config->log_user};
}

/* ---- Made ---- */

static void table_free(struct finode_table *table)
{
	struct finode_allocator allocator = table->allocator;

	allocator.release(table, allocator.user);
}

static void shards_finish(struct finode_table *table, unsigned int count)
{
	while (count > 0) {
		struct shard *shard = &table->shards[--count];

		finode__ended_free(table, shard);
		finode__index_finish(&shard->index, &table->allocator, &shard->bytes);
		pthread_cond_destroy(&shard->changed);
		finode__lock_finish(&shard->lock);
	}
	table->allocator.release(table->shards_memory, table->allocator.user);
}

static int shards_init(struct finode_table *table, unsigned int count)
{
	uintptr_t address;

	table->shards_memory = table->allocator.allocate(
		(count * sizeof(struct shard)) + CACHE_LINE - 1, table->allocator.user);
	if (!table->shards_memory)
		return -ENOMEM;
	address = (uintptr_t)table->shards_memory;
	table->shards = (void *)((address + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	table->shard_count = count;
	for (unsigned int i = 0; i < count; i++) {
		int err = finode__lock_init(&table->shards[i].lock, LOCK_RANK_SHARD);

		table->shards[i].lock.place = i;
		if (!err && (err = -pthread_cond_init(&table->shards[i].changed, NULL)))
			finode__lock_finish(&table->shards[i].lock);
		if (err) {
			shards_finish(table, i);
			return err;
		}
	}
	return 0;
}

/* Where keys lie, before parts ask for room in front of them. */
static void place_keys(struct finode_table *table)
{
	table->key_offsets[0] = table->key_offsets[1] =
		table->ops.object_size - table->ops.base_offset;
}

/* The random numbers, the shards, the two arrays of slots, the mounts. */
static int core_init(struct finode_table *table, const struct finode_config *config)
{
	unsigned int shards = config->shards ? config->shards : SHARDS_DEFAULT;
	uint32_t first_seqs[2]; /* of inodes, of files */
	int err = finode__random(&table->seed, sizeof(table->seed));

	if (!err)
		err = finode__random(first_seqs, sizeof(first_seqs));
	if (!err)
		err = shards_init(table, shards);
	if (err)
		return err;
	err = finode__slots_init(&table->inodes, &table->allocator, first_seqs[0]);
	if (err)
		goto err_shards;
	err = finode__slots_init(&table->files, &table->allocator, first_seqs[1]);
	if (err)
		goto err_inodes;
	err = finode__mounts_init(table, config);
	if (err)
		goto err_files;
	return 0;

err_files:
	finode__slots_finish(&table->files);
err_inodes:
	finode__slots_finish(&table->inodes);
err_shards:
	shards_finish(table, shards);
	return err;
}

static void kept_free(struct finode_table *table)
{
	while (table->kept) {
		void *memory = table->kept->memory;

		table->kept = table->kept->next;
		table->allocator.release(memory, table->allocator.user);
	}
}

static void core_finish(struct finode_table *table)
{
	kept_free(table);
	finode__mounts_finish(table);
	finode__slots_finish(&table->files);
	finode__slots_finish(&table->inodes);
	shards_finish(table, table->shard_count);
}

static void parts_finish(struct finode_table *table, unsigned int count)
{
	while (count > 0)
		table->parts[--count]->finish(table);
}

/* @return how many there are, or an error with none begun */
static int parts_init(struct finode_table *table, const struct finode_config *config)
{
	int count = 0;

	for (; table->parts[count]; count++) {
		int err = table->parts[count]->init(table, config);

		if (err) {
			parts_finish(table, (unsigned int)count);
			return err;
		}
	}
	return count;
}

static unsigned int count_parts(const struct finode_table *table)
{
	unsigned int count = 0;

	while (table->parts[count])
		count++;
	return count;
}

/* The first mount and the root in it, whose generation is 0: the table's is taken off. */
static int root_init(struct finode_table *table, const struct finode_config *config)
{
	struct finode_key key = config->root_key;
	int err = finode__random(&table->generation, sizeof(table->generation));

	if (!err)
		err = finode__mount_obtain(table, NULL, &config->root_mount_id,
					   config->root_mount_arg, true,
					   &table->mounts.first);
	if (err < 0)
		return err;
	key.generation = 0u - table->generation;
	err = finode_obtain(table->mounts.first, key, config->root_arg, &table->root, NULL);
	if (err)
		finode__mounts_end_first(table);
	return err;
}

static int table_init(struct finode_table *table, const struct finode_config *config)
{
	int err = ops_init(table, config);

	if (err)
		return err;
	place_keys(table);
	err = core_init(table, config);
	if (err)
		return err;
	err = parts_init(table, config);
	if (err < 0)
		goto err_core;
	err = root_init(table, config);
	if (err)
		goto err_parts;
	return 0;

err_parts:
	parts_finish(table, count_parts(table));
err_core:
	core_finish(table);
	return err;
}

/* A config as this library knows it. What can be told of a fault is told. */
static int copy_config(struct finode_config *to, const struct finode_config *config)
{
	static const struct finode_allocator allocator = {allocate_default, release_default,
							  NULL};
	_Atomic uint64_t first = 0;
	struct log log;
	const char *fault = finode__abi_copy(to, sizeof(*to), config, config->size,
					     ABI_UP_TO(struct finode_config, root_arg));

	if (!to->log)
		to->log = finode__log_default;
	if (!to->allocator)
		to->allocator = &allocator;
	log = (struct log){to->log, to->log_user};
	if (!fault)
		fault = config_fault(to);
	return fault ? finode__refuse(&log, &first, "config%s", fault) : 0;
}

int finode__table_create(const struct finode_config *config,
			 const struct table_part *const *parts, struct finode_table **out)
{
	struct finode_config own;
	struct finode_table *table;
	int err = copy_config(&own, config);

	*out = NULL;
	if (err)
		return err;
	table = own.allocator->allocate(sizeof(*table), own.allocator->user);
	if (!table)
		return -ENOMEM;
	table_configure(table, &own);
	table->parts = parts;
	err = table_init(table, &own);
	if (err)
		table_free(table);
	else
		*out = table;
	return err;
}

/* ---- Ended ---- */

void finode_table_forget_all(struct finode_table *table)
{
	struct finode_file *file;
	struct finode *inode;
	uint64_t cursor = 0;

	for (const struct table_part *const *part = table->parts; *part; part++)
		if ((*part)->forget_all)
			(*part)->forget_all(table);
	finode__count_forget_owed(table);
	while ((file = finode__slots_next(&table->files, &cursor))) {
		finode_file_close(table, file->fh);
		finode_file_put(file);
	}
	cursor = 0;
	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		finode__count_clear(inode);
		finode_put(inode);
	}
}

/* Reports and ends the files that somebody should have put. */
static void files_end_held(struct finode_table *table)
{
	struct finode_file *file;
	uint64_t cursor = 0;

	while ((file = finode__slots_next(&table->files, &cursor))) {
		finode__misuse(&table->log,
			       "end of the table: fh %#llx still has %u references",
			       (unsigned long long)file->fh,
			       slot_refs(slots_find(&table->files, file->fh)) - 1);
		finode__file_end_held(file);
	}
}

void finode_table_destroy(struct finode_table *table)
{
	if (!table)
		return;
	finode__table_close(table);
	finode_table_forget_all(table);
	for (const struct table_part *const *part = table->parts; *part; part++)
		if ((*part)->end)
			(*part)->end(table);
	finode__root_end(table);
	files_end_held(table);
	finode__inodes_end_held(table);
	finode__mounts_end_held(table);
	finode__mounts_end_first(table);
	finode__files_free(table);
	finode__inodes_free(table);
	finode__mounts_free(table);
	parts_finish(table, count_parts(table));
	core_finish(table);
	table_free(table);
}

void finode__table_keep(struct finode_table *table, struct table_kept *kept, void *memory)
{
	lock_take(&table->mounts.lock);
	kept->memory = memory;
	kept->next = table->kept;
	table->kept = kept;
	lock_release(&table->mounts.lock);
}

/* ---- Windows ---- */

struct finode *finode_table_root(struct finode_table *table)
{
	return table->root;
}

void *finode_table_user(const struct finode_table *table)
{
	return table->user;
}
