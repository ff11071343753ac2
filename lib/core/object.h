/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's view of a struct finode: what lies in its opaque area, its memory, its key,
 * its place in the index; and the way from it to its table, shard and slot.
 *
 * States move NEW -> LIVE -> EVICTING under the lock of the inode's shard, never back.
 * Invariants, all checked by finode_table_check():
 *
 *   - LIVE if and only if its slot has references.
 *   - In the index unless it was retired, or is known by its name only, or init() has
 *     failed, or evict() has returned.
 *   - nlookup > 0 holds one reference; the root's table holds one for ever.
 *   - The shard is chosen by the hash of the key. Only finode_rekey() moves a LIVE inode to
 *     another one, with both locked: so who has taken the lock of an inode's shard looks
 *     whether it still is that (inode_shard_lock()).
 *
 *     the allocation:  [author's object, the base in it][what parts keep][key][links]
 *
 * The key has room for a pointer at least: after finode_rekey() that is where the key lies
 * instead. Links are there only in mounts other than the first: detach.c walks them.
 */
#ifndef FINODE_LIB_OBJECT_H
#define FINODE_LIB_OBJECT_H

#include <errno.h>
#include <sys/stat.h>

#include "core/core.h"
#include "core/mount.h"

/* What lies in the opaque area of a struct finode. */
struct inode_core {
	uint32_t hash; /* of the key; protected by the shard's lock */
	uint32_t slot; /* its number; set when it is made */
	union {
		uint32_t files;	     /* the newest open file's slot, or 0; shard's lock */
		uint32_t next_ended; /* of a list in end.c, once it is EVICTING */
	};
	_Atomic uint16_t shard; /* changed with both locks held */
	uint8_t key_size;	/* 0: the key lies elsewhere */
	uint8_t key_room;	/* set when it is made */
};

_Static_assert(sizeof(struct inode_core) + sizeof(uint64_t) <=
		       sizeof(((struct finode *)0)->library),
	       "the opaque area of struct finode is too small to grow");
_Static_assert(offsetof(struct finode, library) % _Alignof(struct inode_core) == 0 &&
		       _Alignof(struct finode) >= _Alignof(struct inode_core),
	       "the opaque area of struct finode is not aligned");

/* In struct finode's library_flags; protected by the shard's lock. */
#define INODE_RETIRED	  1u
#define INODE_NOT_INDEXED 2u  /* retired, or known by its name only */
#define INODE_DETACHED	  4u  /* its mount is detached: not in the list of that */
#define INODE_BY_NAME	  8u  /* known by its name only */
#define INODE_LINKED	  16u /* has links, being made in a mount other than the first */

/* A key and what belongs to it, on its way into the index. */
struct probe {
	const struct finode_mount *mount;
	const void *bytes;
	size_t size;
	uint32_t hash;
	uint16_t shard;
};

/* The key of an inode, wherever it lies. */
struct key_view {
	const unsigned char *bytes;
	size_t size;
};

static inline struct inode_core *inode_core(const struct finode *inode)
{
	return (struct inode_core *)(void *)inode->library;
}

static inline struct finode_table *inode_table(const struct finode *inode)
{
	return inode->mount->table;
}

static inline struct slot *inode_slot(const struct finode *inode)
{
	return slots_at(&inode_table(inode)->inodes, inode_core(inode)->slot);
}

/* The count of its slot. */
static inline _Atomic uint64_t *inode_nlookup(const struct finode *inode)
{
	return &inode_slot(inode)->count;
}

static inline bool inode_is_root(const struct finode *inode)
{
	return inode->nodeid == FINODE_ROOT_ID;
}

static inline bool inode_is_dir(const struct finode *inode)
{
	return inode->type == S_IFDIR;
}

static inline struct shard *inode_shard(const struct finode *inode)
{
	unsigned int place =
		atomic_load_explicit(&inode_core(inode)->shard, memory_order_relaxed);

	return &inode_table(inode)->shards[place];
}

/* Locks the shard that the inode is in. @return it */
static inline struct shard *inode_shard_lock(const struct finode *inode)
{
	for (;;) {
		struct shard *shard = inode_shard(inode);

		lock_take(&shard->lock);
		if (shard == inode_shard(inode))
			return shard;
		lock_release(&shard->lock);
	}
}

/* Where the key is, or what stands for it. */
static inline unsigned char *inode_key(const struct finode *inode)
{
	return (unsigned char *)inode +
	       inode_table(inode)->key_offsets[inode->type == S_IFDIR];
}

/* A slot's object, while the caller knows that it is in use. */
static inline struct finode *inode_at(struct finode_table *table, uint32_t number)
{
	return slots_at(&table->inodes, number)->object;
}

/* In mounts other than the first: the mount's inodes in a shard, by their slots. */
struct mount_links {
	uint32_t next, previous;
};

static inline size_t mount_links_offset(size_t end)
{
	const size_t align = _Alignof(struct mount_links);

	return (end + align - 1) / align * align;
}

/* Of an inode that is INODE_LINKED; protected by the shard's lock. */
static inline struct mount_links *mount_links(const struct finode *inode)
{
	const size_t end = inode_table(inode)->key_offsets[inode->type == S_IFDIR] +
			   inode_core(inode)->key_room;

	return (void *)((char *)inode + mount_links_offset(end));
}

/* Is it one of the types that a file can have? The S_IFMT bits count. */
static inline bool type_is_known(mode_t mode)
{
	const unsigned int known = 1u << (S_IFREG >> 12) | 1u << (S_IFDIR >> 12) |
				   1u << (S_IFLNK >> 12) | 1u << (S_IFCHR >> 12) |
				   1u << (S_IFBLK >> 12) | 1u << (S_IFIFO >> 12) |
				   1u << (S_IFSOCK >> 12);

	return known >> ((mode & S_IFMT) >> 12) & 1;
}

/* Hash and shard of a key of 1 to FINODE_KEY_MAX bytes. */
void finode__probe_init(struct probe *probe, const struct finode_mount *mount,
			const void *bytes, size_t size);
/* Tells of a key that cannot be one, which is refused with -EINVAL. */
void finode__key_refuse(const struct finode_mount *mount, const struct finode_key *key);

/* finode__probe_init() of what an author gives. @return 0, or -EINVAL, told in the log */
static inline int probe_key(struct probe *probe, const struct finode_mount *mount,
			    const struct finode_key *key)
{
	if (!key->bytes || key->size == 0 || key->size > FINODE_KEY_MAX) {
		finode__key_refuse(mount, key);
		return -EINVAL;
	}
	finode__probe_init(probe, mount, key->bytes, key->size);
	return 0;
}

static inline struct shard *probe_shard(const struct probe *probe)
{
	return &probe->mount->table->shards[probe->shard];
}

/*
 * The inodes of a mount in a shard, whose lock is held; not for the first mount. The first
 * of the list, or NULL; the one after another. An inode leaves the list at its end, or
 * before that by finode__inode_part_locked(), and then holds the mount by itself.
 */
struct finode *finode__mount_first_locked(struct finode_mount *mount, struct shard *shard);
struct finode *finode__mount_after_locked(const struct finode *inode);
void finode__inode_part_locked(struct shard *shard, struct finode *inode);

/* With the shard's lock held, or by who holds the inode and knows of no finode_rekey(). */
struct key_view finode__inode_key(const struct finode *inode);

/* The rest of inode_is_like(): the root, and keys that lie elsewhere. */
bool finode__inode_is_like(const struct finode *inode, const struct finode_key *key);

/* Has the inode the type and the generation of this key? Its shard's lock is held. */
static inline bool inode_is_like(const struct finode *inode, const struct finode_key *key)
{
	if (inode->type != (key->mode & S_IFMT))
		return false;
	if (inode->generation == key->generation + inode_table(inode)->generation &&
	    inode_core(inode)->key_size > 0)
		return true;
	return finode__inode_is_like(inode, key);
}

/*
 * @return the slot of the inode that is in the index, whatever its state, or NULL; its
 * object is the inode, borrowed
 */
struct slot *finode__inode_find_locked(const struct shard *shard,
				       const struct probe *probe);

/* Puts a NEW inode into the index. @return 0, or -ENOMEM with nothing left behind */
int finode__inode_create_locked(struct shard *shard, const struct probe *probe,
				const struct finode_key *key, struct finode **out);

/*
 * Undoes it: the inode leaves index and mount, and whoever waited for it looks again; then
 * its slot and its memory are given back.
 * @return the mount, if it is to be put once no lock is held; else NULL
 */
struct finode_mount *finode__inode_leave_locked(struct shard *shard, struct finode *inode);
void finode__inode_free_locked(struct shard *shard, struct finode *inode);

/* Both. */
static inline struct finode_mount *inode_remove_locked(struct shard *shard,
						       struct finode *inode)
{
	struct finode_mount *left = finode__inode_leave_locked(shard, inode);

	finode__inode_free_locked(shard, inode);
	return left;
}

/* A LIVE inode leaves the index before its end. */
void finode__inode_unindex_locked(struct shard *shard, struct finode *inode);

/* False before init() has returned, once finode_retire() was called, and during evict(). */
bool finode__inode_is_current(const struct finode *inode);

/* Waits for a change of an inode of the shard; and ends such waits. */
void finode__shard_wait(struct shard *shard);

/* Nearly always there is nobody to wake, and to find that out costs a call. */
static inline void shard_wake(struct shard *shard)
{
	if (shard->waiting > 0)
		pthread_cond_broadcast(&shard->changed);
}

/*
 * Gives the inode another key; the caller holds it. @return as finode_rekey()
 */
int finode__inode_rekey(struct finode *inode, const struct probe *probe,
			const struct finode_key *key);

/* At the end of a table: frees the memory of ended inodes that a debug build has kept. */
void finode__ended_free(struct finode_table *table, struct shard *shard);

#endif
