/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inode numbers where all mounts appear on one device: finode_mount_ino().
 *
 * This file owns the numbers that are shown. One is made of a prefix of 16 bits and the low
 * 48 bits of the host's; each (mount, device, high 16 bits of the host's number) has its
 * own prefix, 0 for what came first in the first mount. Most mounts need one prefix, that
 * of their first device, which is read without a lock. If all prefixes are in use, as by a
 * filesystem whose numbers are random, each further number is given one of its own, with a
 * prefix that is nobody's. docs/submounts.md has the reasons.
 *
 * Invariants, all under the lock of struct mounts:
 *
 *   - Two entries of the map have two values; a prefix is in the bitmap while an entry has
 * it.
 *   - What a mount was given is kept until it ends, and its prefixes are not given out
 * again before all others had their turn.
 */
#define HASH_NONFATAL_OOM 1
#include "base/memory.h"

#define uthash_malloc(size)    memory_get(allocator, bytes, size)
#define uthash_free(ptr, size) memory_put(allocator, bytes, ptr, size)
#include "core/mount.h"

#include <errno.h>

#include "base/testing.h"

#define HOST_BITS      48
#define HOST_MASK      ((1ull << HOST_BITS) - 1)
#define PREFIXES       65536u
#define PREFIX_NUMBERS (PREFIXES - 1) /* of numbers that are given out one by one */

struct mapping_key {
	const struct finode_mount *mount;
	uint64_t dev;
	uint64_t host;	/* the high bits of a number, or all of it */
	uint64_t whole; /* which of the two */
};

struct mapping {
	UT_hash_handle hh;
	struct mapping_key key;
	uint64_t value; /* a prefix in its place, or a number */
	struct mapping *next;
};

static struct mapping *find_locked(struct finode_table *table,
				   const struct mapping_key *key)
{
	struct mapping *found;

	HASH_FIND_BYHASHVALUE(hh, table->mounts.mappings, key, sizeof(*key),
			      (uint32_t)finode__hash(table, key, sizeof(*key)), found);
	return found;
}

/* uthash's macro is long. NOLINTNEXTLINE(readability-function-size) */
static int add_locked(struct finode_table *table, const struct mapping_key *key,
		      uint64_t value)
{
	const struct finode_allocator *allocator = &table->allocator;
	uint64_t *bytes = &table->mounts.bytes;
	struct mount_core *core = mount_core(key->mount);
	struct mapping *made = memory_get(allocator, bytes, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->key = *key;
	made->value = value;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, table->mounts.mappings, &made->key,
				    sizeof(made->key),
				    (uint32_t)finode__hash(table, key, sizeof(*key)), made);
	if (!made->hh.tbl) {
		memory_put(allocator, bytes, made, sizeof(*made));
		return -ENOMEM;
	}
	made->next = core->mappings;
	core->mappings = made;
	return 0;
}

/* ---- Prefixes ---- */

/*
 * Where to look for a prefix first. The same mount of the host finds the same one each time
 * it is made anew, in another run of the server too, unless somebody else has it.
 */
static uint32_t favourite(const struct mapping_key *key)
{
	uint64_t hash = key->mount->id.word[0];

	hash = (hash ^ key->mount->id.word[1]) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32 ^ key->dev) * 0xbf58476d1ce4e5b9ull;
	hash = (hash ^ hash >> 32 ^ key->host) * 0x94d049bb133111ebull;
	return (uint32_t)(hash >> 32) % PREFIX_NUMBERS;
}

/* Takes the first free prefix from `from` on. There is one. */
static uint32_t take_free_locked(struct mounts *mounts, uint32_t from)
{
	uint32_t word = from / 64;
	uint64_t free = ~mounts->prefixes[word] & ~0ull << (from % 64);
	uint32_t prefix;

	while (free == 0) {
		word = (word + 1) % (PREFIXES / 64);
		free = ~mounts->prefixes[word];
	}
	prefix = word * 64 + (uint32_t)__builtin_ctzll(free);
	mounts->prefixes[word] |= 1ull << (prefix % 64);
	mounts->prefixes_used++;
	return prefix;
}

/* The bitmap, with those in use that are not for everybody. */
static int make_bitmap_locked(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	mounts->prefixes = memory_get(&table->allocator, &mounts->bytes, PREFIXES / 8);
	if (!mounts->prefixes)
		return -ENOMEM;
	mounts->prefixes[0] = 1;
	mounts->prefixes[PREFIX_NUMBERS / 64] = 1ull << (PREFIX_NUMBERS % 64);
	return 0;
}

/* @return a free prefix, which is 0 for the very first only; or -ENOSPC, -ENOMEM */
static int64_t take_prefix_locked(struct finode_table *table, const struct mapping_key *key,
				  bool the_first)
{
	struct mounts *mounts = &table->mounts;

	if (!mounts->prefixes && make_bitmap_locked(table) != 0)
		return -ENOMEM;
	if (the_first)
		return 0;
	if (mounts->prefixes_used == PREFIX_NUMBERS - 1)
		return -ENOSPC;
	return take_free_locked(mounts, favourite(key));
}

static void give_prefix_locked(struct mounts *mounts, uint32_t prefix)
{
	if (prefix == 0)
		return;
	mounts->prefixes[prefix / 64] &= ~(1ull << (prefix % 64));
	mounts->prefixes_used--;
}

void finode__mount_unmap_locked(struct finode_mount *mount)
{
	struct finode_table *table = mount->table;
	const struct finode_allocator *allocator = &table->allocator;
	uint64_t *bytes = &table->mounts.bytes;
	struct mapping *mapping;

	while ((mapping = mount_core(mount)->mappings)) {
		mount_core(mount)->mappings = mapping->next;
		/* It is in there. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		HASH_DELETE(hh, table->mounts.mappings, mapping);
		if (!mapping->key.whole)
			give_prefix_locked(&table->mounts,
					   (uint32_t)(mapping->value >> HOST_BITS));
		memory_put(allocator, bytes, mapping, sizeof(*mapping));
	}
	if (mount_is_first(mount) && table->mounts.prefixes)
		memory_put(allocator, bytes, table->mounts.prefixes, PREFIXES / 8);
}

/* ---- Numbers ---- */

/* A prefix for all numbers that share the high bits. @return 0, -ENOSPC or -ENOMEM */
static int map_prefix_locked(struct finode_table *table, const struct mapping_key *key,
			     uint64_t *value)
{
	const struct mapping *known = find_locked(table, key);
	struct mount_core *core = mount_core(key->mount);
	bool the_first = mount_is_first(key->mount) && !core->first_ready;
	int64_t prefix;
	int err;

	if (known) {
		*value = known->value;
		return 0;
	}
	prefix = take_prefix_locked(table, key, the_first);
	if (prefix < 0)
		return (int)prefix;
	*value = FINODE_MUTANT(one_prefix) ? 0 : (uint64_t)prefix << HOST_BITS;
	err = add_locked(table, key, *value);
	if (err)
		give_prefix_locked(&table->mounts, (uint32_t)prefix);
	return err;
}

/* A number for this one alone. @return 0 or -ENOMEM */
static int map_number_locked(struct finode_table *table, const struct mapping_key *key,
			     uint64_t *value)
{
	const struct mapping *known = find_locked(table, key);

	if (known) {
		*value = known->value;
		return 0;
	}
	*value = ((uint64_t)PREFIX_NUMBERS << HOST_BITS) | ++table->mounts.next_number;
	return add_locked(table, key, *value);
}

/* The device of the first number that is asked for is the one without a lock. */
static int learn_first_locked(struct finode_mount *mount, uint64_t dev)
{
	const struct mapping_key key = {.mount = mount, .dev = dev};
	struct mount_core *core = mount_core(mount);
	uint64_t value;
	int err = map_prefix_locked(mount->table, &key, &value);

	if (err)
		return err;
	core->first_dev = dev;
	core->first_prefix = (uint32_t)(value >> HOST_BITS);
	atomic_store_explicit(&core->first_ready, 1, memory_order_release);
	return 0;
}

static int map_locked(struct finode_mount *mount, uint64_t dev, uint64_t ino, uint64_t *out)
{
	const struct mapping_key high = {
		.mount = mount, .dev = dev, .host = ino >> HOST_BITS};
	const struct mapping_key whole = {
		.mount = mount, .dev = dev, .host = ino, .whole = 1};
	uint64_t value;
	int err = 0;

	if (!mount_core(mount)->first_ready)
		err = learn_first_locked(mount, dev);
	if (!err || err == -ENOSPC)
		err = map_prefix_locked(mount->table, &high, &value);
	if (err != -ENOSPC) {
		*out = err ? 0 : value | (ino & HOST_MASK);
		return err;
	}
	return map_number_locked(mount->table, &whole, out);
}

int finode_mount_ino(struct finode_mount *mount, uint64_t dev, uint64_t ino, uint64_t *out)
{
	const struct mount_core *core = mount_core(mount);
	struct lock *lock = &mount->table->mounts.lock;
	int err;

	if (atomic_load_explicit(&core->first_ready, memory_order_acquire) &&
	    (dev == core->first_dev || FINODE_MUTANT(one_device)) &&
	    ino >> HOST_BITS == 0) {
		*out = ((uint64_t)core->first_prefix << HOST_BITS) | ino;
		return 0;
	}
	lock_take(lock);
	err = map_locked(mount, dev, ino, out);
	lock_release(lock);
	return err;
}
