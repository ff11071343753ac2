/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table as a whole: how it is made, how a session ends in it.
 *
 * This file owns struct finode_table and its shards. The root inode is made with the table
 * and takes the first slot, whose id is 1; the table holds one reference to it for ever,
 * so no FORGET and no put of anyone else can end it.
 */
#include "core/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/count.h"
#include "core/file.h"
#include "core/inode.h"
#include "base/log.h"
#include "core/mount.h"
#include "names/names.h"

/*
 * Enough that the growth of one shard is a short pause even with tens of millions of
 * inodes (tests/bench has the figures), few enough that an idle table stays small.
 */
#define SHARDS_DEFAULT 256u
#define SHARDS_MAX     65536u

uint64_t finode__hash(const struct finode_table *table, const void *bytes, size_t size)
{
	return siphash_1_3(table->hash_seed, bytes, size);
}

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

static bool object_holds_base(size_t object_size, size_t base_offset, size_t base_size)
{
	return object_size >= base_size && base_offset <= object_size - base_size &&
	       base_offset % _Alignof(uint64_t) == 0;
}

/* What is wrong with a config, in words; NULL if nothing is. */
static const char *config_fault(const struct finode_config *config)
{
	const struct finode_ops *ops = config->ops;
	const struct finode_file_ops *files = config->file_ops;
	const struct finode_alias_ops *aliases = config->alias_ops;
	const struct finode_mount_ops *mounts = config->mount_ops;

	if (config->size != sizeof(*config))
		return "config.size is not this library's: start from FINODE_CONFIG_INIT";
	if (!ops)
		return "config.ops is missing";
	if (ops->ops_size != sizeof(*ops) ||
	    !object_holds_base(ops->object_size, ops->base_offset, sizeof(struct finode)))
		return "config.ops has wrong sizes: fill them in with FINODE_OPS_FOR";
	if (files && (files->ops_size != sizeof(*files) ||
		      !object_holds_base(files->object_size, files->base_offset,
					 sizeof(struct finode_file))))
		return "config.file_ops has wrong sizes: use FINODE_FILE_OPS_FOR";
	if (!ops->unlinked != !ops->rebind)
		return "config.ops has one of unlinked() and rebind(): they go together";
	if (ops->unlinked && !config->aliases && !aliases)
		return "config.ops has unlinked(), which needs config.aliases";
	if (aliases && (aliases->ops_size != sizeof(*aliases) ||
			!object_holds_base(aliases->object_size, aliases->base_offset,
					   sizeof(struct finode_alias))))
		return "config.alias_ops has wrong sizes: use FINODE_ALIAS_OPS_FOR";
	if (mounts && (mounts->ops_size != sizeof(*mounts) ||
		       !object_holds_base(mounts->object_size, mounts->base_offset,
					  sizeof(struct finode_mount))))
		return "config.mount_ops has wrong sizes: use FINODE_MOUNT_OPS_FOR";
	if (config->shards > SHARDS_MAX || (config->shards & (config->shards - 1)) != 0)
		return "config.shards is not a power of two up to 65536";
	if (!S_ISDIR(config->root_key.mode) || config->root_key.generation != 0)
		return "config.root_key must be a directory's, with generation 0";
	if (!config->root_key.bytes || config->root_key.size == 0 ||
	    config->root_key.size > FINODE_KEY_MAX)
		return "config.root_key has no bytes, or more than FINODE_KEY_MAX";
	if (config->allocator &&
	    (!config->allocator->allocate || !config->allocator->release))
		return "config.allocator lacks a function";
	return NULL;
}

static void table_free(struct finode_table *table)
{
	struct finode_allocator allocator = table->allocator;

	allocator.release(table, allocator.user);
}

static void shards_finish(struct finode_table *table, unsigned int count)
{
	while (count > 0) {
		struct shard *shard = &table->shards[--count];

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

		if (!err && (err = -pthread_cond_init(&table->shards[i].changed, NULL)))
			finode__lock_finish(&table->shards[i].lock);
		if (err) {
			shards_finish(table, i);
			return err;
		}
	}
	return 0;
}

static int seed_init(void *seed, size_t size)
{
	ssize_t got;

	do
		got = getrandom(seed, size, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

static void table_configure(struct finode_table *table, const struct finode_config *config)
{
	static const struct finode_allocator allocator_default = {
		.allocate = allocate_default,
		.release = release_default,
	};

	table->allocator = config->allocator ? *config->allocator : allocator_default;
	table->ops = config->ops;
	table->file_ops = config->file_ops;
	table->user = config->user;
	table->log = config->log ? config->log : finode__log_default;
	table->log_user = config->log_user;
}

static void place_keys(struct finode_table *table)
{
	const struct finode_ops *ops = table->ops;
	const mode_t types[] = {S_IFREG, S_IFDIR};

	for (unsigned int i = 0; i < 2; i++)
		table->key_offsets[i] =
			(table->names ? object_end(ops) + node_size(types[i])
				      : ops->object_size) -
			ops->base_offset;
}

/* The random seed of the hash, the shards, the two arrays of slots, names and mounts. */
static int table_init(struct finode_table *table, const struct finode_config *config)
{
	unsigned int shards = config->shards ? config->shards : SHARDS_DEFAULT;
	uint32_t first_seqs[2]; /* random: of inodes, of files */
	int err = seed_init(table->hash_seed, sizeof(table->hash_seed));

	if (!err)
		err = seed_init(first_seqs, sizeof(first_seqs));
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
	err = finode__names_init(table, config, shards);
	if (err)
		goto err_files;
	place_keys(table);
	err = finode__mounts_init(table, config);
	if (err)
		goto err_names;
	return 0;

err_names:
	finode__names_finish(table);
err_files:
	finode__slots_finish(&table->files);
err_inodes:
	finode__slots_finish(&table->inodes);
err_shards:
	shards_finish(table, shards);
	return err;
}

static void table_finish(struct finode_table *table)
{
	finode__mounts_end_first(table);
	finode__mounts_finish(table);
	finode__names_finish(table);
	finode__slots_finish(&table->files);
	finode__slots_finish(&table->inodes);
	shards_finish(table, table->shard_count);
}

int finode_table_create(const struct finode_config *config, struct finode_table **out)
{
	const char *fault = config_fault(config);
	struct finode_table *table;
	int err;

	*out = NULL;
	if (fault) {
		finode_log_fn log = config->size == sizeof(*config) && config->log
					    ? config->log
					    : finode__log_default;

		log(FINODE_LOG_ERROR, fault, config->log_user);
		return -EINVAL;
	}
	table = config->allocator ? config->allocator->allocate(sizeof(*table),
								config->allocator->user)
				  : allocate_default(sizeof(*table), NULL);
	if (!table)
		return -ENOMEM;
	table_configure(table, config);
	err = table_init(table, config);
	if (err)
		goto err_table;
	err = finode_obtain(table->mounts.first, config->root_key, config->root_arg,
			    &table->root);
	if (err < 0)
		goto err_init;
	*out = table;
	return 0;

err_init:
	table_finish(table);
err_table:
	table_free(table);
	return err;
}

void finode_table_forget_all(struct finode_table *table)
{
	struct finode_file *file;
	struct finode *inode;
	uint64_t cursor = 0;

	finode__mounts_forget(table);
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

/* Reports and ends what somebody should have put before the table's end. */
static void end_what_is_held(struct finode_table *table)
{
	struct finode_file *file;
	struct finode *inode;
	uint64_t cursor = 0;

	while ((file = finode__slots_next(&table->files, &cursor))) {
		finode__misuse(table, "end of the table: fh %#llx still has %u references",
			       (unsigned long long)file->fh,
			       slot_refs(slots_find(&table->files, file->fh)) - 1);
		finode__file_end_held(file);
	}
	cursor = 0;
	while ((inode = finode__slots_next(&table->inodes, &cursor))) {
		unsigned int refs =
			slot_refs(slots_find(&table->inodes, inode->nodeid)) - 1;

		if (inode_is_root(inode)) {
			slots_put(slots_find(&table->inodes, inode->nodeid), inode->nodeid);
			refs--;
		}
		if (refs > 0)
			finode__misuse(
				table,
				"end of the table: nodeid %#llx still has %u references",
				(unsigned long long)inode->nodeid, refs);
		if (!inode_is_root(inode))
			finode__inode_evict_held(inode);
	}
}

void finode_table_destroy(struct finode_table *table)
{
	if (!table)
		return;
	finode_table_forget_all(table);
	finode__names_end(table);
	end_what_is_held(table);
	finode__mounts_end_held(table);
	finode__inode_evict_held(table->root);
	table_finish(table);
	table_free(table);
}

struct finode *finode_table_root(struct finode_table *table)
{
	return table->root;
}

void *finode_table_user(const struct finode_table *table)
{
	return table->user;
}
