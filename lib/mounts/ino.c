/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inode numbers where all mounts appear on one device: finode_mount_ino().
 *
 * This file owns the numbers that are shown, and keeps nothing for any of them. Each
 * (mount, device) has a prefix of 15 bits, above the 48 bits of the host's number; 0 is
 * that of the first device of the first mount. Where there is no prefix, or the host's
 * number is longer, a hash of 63 bits is shown, with the top bit set. docs/submounts.md has
 * the reasons.
 *
 *      63 62       48 47                                   0
 *      0 |  prefix   |            host's number             |
 *      1 | hash of the mount's id, the device, the number   |
 *
 * Invariants:
 *
 *   - While a mount lives, a number depends on (mount, device, host's number) alone: a
 *     device that was met has its prefix, or has none, until the mount ends.
 *   - A prefix is one device's of one mount, and in the set while that mount knows it.
 *   - A mount's devices are added under the lock of struct mounts, and looked up without:
 *     `known` is stored last.
 */
#include "mounts/ino.h"

#include <errno.h>

#include "base/memory.h"
#include "base/siphash.h"
#include "base/testing.h"
#include "core/mount.h"

#define HOST_BITS 48
#define HASHED	  (1ull << 63)
#define PREFIXES  (1u << (63 - HOST_BITS))
#define WORDS	  (PREFIXES / 64)
#define NO_PREFIX PREFIXES
#define DEVICES	  16u /* of a mount that may have prefixes: its share */

/* A table's: those in use. */
struct number_prefixes {
	uint64_t used[WORDS];
};

struct numbered_device {
	uint64_t dev;
	uint32_t prefix;
};

/* A mount's. */
struct mount_numbers {
	_Atomic uint32_t known; /* how many devices: the first, and the others */
	uint32_t first_prefix;
	uint64_t first_dev;
	struct numbered_device *others; /* DEVICES - 1; NULL before the second */
};

#define OTHERS_SIZE ((DEVICES - 1) * sizeof(struct numbered_device))

_Static_assert(sizeof(struct mount_numbers) <= sizeof(((struct mount_core *)0)->numbers),
	       "the room in struct mount_core is too small");

static struct mount_numbers *numbers_of(const struct finode_mount *mount)
{
	return (void *)mount_core(mount)->numbers;
}

/* In init() of the first mount the table does not know it as such yet. */
static bool is_first(const struct finode_mount *mount)
{
	return !mount->parent;
}

/*
 * The same in every run: what is hashed is all that there is to a number, and the seed is
 * no secret. The id of the first mount does not count, so that the numbers stay when its
 * filesystem is mounted anew.
 */
static uint64_t hash_of(const struct finode_mount *mount, uint64_t dev, uint64_t ino)
{
	static const unsigned char seed[SIPHASH_SEED_SIZE] = "inode numbers";
	const bool first = is_first(mount);
	const uint64_t words[] = {
		first, first ? 0 : mount->id.word[0], first ? 0 : mount->id.word[1], dev,
		ino,
	};

	return siphash_1_3(seed, words, sizeof(words));
}

/* ---- Prefixes ---- */

/* Takes the first free one from `from` on. @return NO_PREFIX if there is none */
static uint32_t take_locked(struct number_prefixes *prefixes, uint32_t from)
{
	uint32_t word = from / 64, bit;
	uint64_t free = ~prefixes->used[word] & ~0ull << (from % 64);

	for (uint32_t i = 0; free == 0 && i < WORDS; i++) {
		word = (word + 1) % WORDS;
		free = ~prefixes->used[word];
	}
	if (free == 0)
		return NO_PREFIX;
	bit = (uint32_t)__builtin_ctzll(free);
	prefixes->used[word] |= 1ull << bit;
	return word * 64 + bit;
}

static void give_locked(struct number_prefixes *prefixes, uint32_t prefix)
{
	if (prefix == 0 || prefix == NO_PREFIX)
		return;
	prefixes->used[prefix / 64] &= ~(1ull << (prefix % 64));
}

static int make_prefixes_locked(struct finode_table *table)
{
	struct mounts *mounts = &table->mounts;

	if (mounts->prefixes)
		return 0;
	mounts->prefixes =
		memory_get(&table->allocator, &mounts->bytes, sizeof(*mounts->prefixes));
	if (!mounts->prefixes)
		return -ENOMEM;
	mounts->prefixes->used[0] = 1;
	return 0;
}

/*
 * A device that comes again, after its mount has gone or in another run, finds the prefix
 * that it had, unless somebody else has it now. @return NO_PREFIX if all are in use
 */
static uint32_t choose_locked(struct finode_mount *mount, uint64_t dev, bool first_dev)
{
	if (is_first(mount) && first_dev)
		return 0;
	return take_locked(mounts_of(mount)->prefixes,
			   (uint32_t)(hash_of(mount, dev, 0) % PREFIXES));
}

/* ---- The devices of a mount ---- */

/* @return true with the prefix or NO_PREFIX; false if the device is to be added */
static bool find_device(const struct mount_numbers *numbers, uint64_t dev, uint32_t *out)
{
	const uint32_t known = atomic_load_explicit(&numbers->known, memory_order_acquire);

	*out = NO_PREFIX;
	if (known > 0 && dev == numbers->first_dev) {
		*out = numbers->first_prefix;
		return true;
	}
	for (uint32_t i = 0; i + 1 < known; i++)
		if (numbers->others[i].dev == dev) {
			*out = numbers->others[i].prefix;
			return true;
		}
	return known == DEVICES;
}

static int make_others_locked(struct finode_mount *mount)
{
	struct mount_numbers *numbers = numbers_of(mount);

	numbers->others =
		memory_get(&mount->table->allocator, &mounts_of(mount)->bytes, OTHERS_SIZE);
	return numbers->others ? 0 : -ENOMEM;
}

static void drop_others_locked(struct finode_mount *mount)
{
	struct mount_numbers *numbers = numbers_of(mount);

	if (numbers->others)
		memory_put(&mount->table->allocator, &mounts_of(mount)->bytes,
			   numbers->others, OTHERS_SIZE);
	numbers->others = NULL;
}

/* The memory for a device beside those known. @return 0, or -ENOMEM with nothing changed */
static int make_room_locked(struct finode_mount *mount, uint32_t known)
{
	if (is_first(mount) && known == 0)
		return 0;
	if (known == 1 && make_others_locked(mount) != 0)
		return -ENOMEM;
	if (make_prefixes_locked(mount->table) == 0)
		return 0;
	if (known == 1)
		drop_others_locked(mount);
	return -ENOMEM;
}

static int add_device_locked(struct finode_mount *mount, uint64_t dev, uint32_t *out)
{
	struct mount_numbers *numbers = numbers_of(mount);
	const uint32_t known = atomic_load_explicit(&numbers->known, memory_order_relaxed);
	int err = make_room_locked(mount, known);

	if (err)
		return err;
	*out = choose_locked(mount, dev, known == 0);
	if (known == 0) {
		numbers->first_dev = dev;
		numbers->first_prefix = *out;
	} else {
		numbers->others[known - 1] = (struct numbered_device){dev, *out};
	}
	atomic_store_explicit(&numbers->known, known + 1, memory_order_release);
	return 0;
}

static int meet_device(struct finode_mount *mount, uint64_t dev, uint32_t *out)
{
	struct lock *lock = &mounts_of(mount)->lock;
	int err = 0;

	FINODE_YIELD("ino: a new device, before the lock");
	lock_take(lock);
	if (!find_device(numbers_of(mount), dev, out))
		err = add_device_locked(mount, dev, out);
	lock_release(lock);
	return err;
}

void finode__mount_unmap_locked(struct finode_mount *mount)
{
	struct mount_numbers *numbers = numbers_of(mount);
	struct mounts *mounts = mounts_of(mount);
	const uint32_t known = atomic_load_explicit(&numbers->known, memory_order_relaxed);

	if (known > 0)
		give_locked(mounts->prefixes, numbers->first_prefix);
	for (uint32_t i = 0; i + 1 < known; i++)
		give_locked(mounts->prefixes, numbers->others[i].prefix);
	drop_others_locked(mount);
	if (is_first(mount) && mounts->prefixes)
		memory_put(&mount->table->allocator, &mounts->bytes, mounts->prefixes,
			   sizeof(*mounts->prefixes));
}

/* ---- Numbers ---- */

int finode_mount_ino(struct finode_mount *mount, uint64_t dev, uint64_t ino, uint64_t *out)
{
	uint32_t prefix = NO_PREFIX;
	int err = 0;

	if (ino >> HOST_BITS == 0 && !find_device(numbers_of(mount), dev, &prefix))
		err = meet_device(mount, dev, &prefix);
	if (err)
		*out = 0;
	else if (prefix == NO_PREFIX)
		*out = HASHED | hash_of(mount, dev, ino);
	else
		*out = (uint64_t)prefix << HOST_BITS | ino;
	return err;
}
