/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chained hashes of a fixed size and one mutex: GlusterFS (libglusterfs/src/inode.c at
 * 595745f8).
 *
 * 65536 buckets for inodes, chosen by the last two bytes of the identity; 14057 for names,
 * chosen by 31 * hash + byte and the directory's address. The nodeid is an address, but a
 * request takes a reference to it, under the lock. An inode is on the list of active ones
 * while it has references and on the lru list while only the kernel knows it. A lookup
 * takes the lock to find and hold the inode, counts it, and takes the lock to drop it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define INODE_BUCKETS  65536
#define DENTRY_BUCKETS 14057

struct link {
	struct link *next, *prev;
};

struct inode {
	struct bench_key key;
	_Atomic uint64_t nlookup;
	uint32_t ref;
	int fd;
	struct link list; /* active or lru */
	struct inode *hash_next;
	struct dentry *dentries;
};

struct dentry {
	struct dentry *hash_next, **hash_prev;
	struct dentry *of_inode;
	struct inode *parent, *inode;
	char name[];
};

struct table {
	pthread_mutex_t lock;
	struct inode **inode_hash;
	struct dentry **name_hash;
	struct link active, lru;
	uint64_t count;
};

static void link_init(struct link *link)
{
	link->next = link->prev = link;
}

static void link_move(struct link *link, struct link *to)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = to;
	link->prev = to->prev;
	to->prev->next = link;
	to->prev = link;
}

static struct inode *inode_of_link(struct link *link)
{
	return (struct inode *)(void *)((char *)link - offsetof(struct inode, list));
}

static struct inode *inode_of_id(uint64_t id)
{
	return (struct inode *)(uintptr_t)id;
}

static void *create(bool names)
{
	struct table *t = bench_alloc(sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	t->inode_hash = bench_alloc(INODE_BUCKETS * sizeof(*t->inode_hash));
	if (names)
		t->name_hash = bench_alloc(DENTRY_BUCKETS * sizeof(*t->name_hash));
	link_init(&t->active);
	link_init(&t->lru);
	return t;
}

static void destroy(void *table)
{
	struct table *t = table;

	pthread_mutex_destroy(&t->lock);
	free(t->inode_hash);
	free(t->name_hash);
	free(t);
}

static struct inode **bucket_of(struct table *t, const struct bench_key *key)
{
	return &t->inode_hash[key->ino % INODE_BUCKETS];
}

static struct inode *find_locked(struct table *t, const struct bench_key *key)
{
	struct inode *inode = *bucket_of(t, key);

	while (inode && (inode->key.ino != key->ino || inode->key.dev != key->dev))
		inode = inode->hash_next;
	return inode;
}

static struct inode *insert_locked(struct table *t, const struct bench_key *key)
{
	struct inode *inode = bench_alloc(sizeof(*inode));
	struct inode **bucket = bucket_of(t, key);

	inode->key = *key;
	inode->fd = bench_fd(key);
	link_init(&inode->list);
	inode->hash_next = *bucket;
	*bucket = inode;
	t->count++;
	return inode;
}

static void ref_locked(struct table *t, struct inode *inode)
{
	if (inode->ref++ == 0)
		link_move(&inode->list, &t->active);
}

static void dentry_remove_locked(struct dentry *dentry)
{
	struct dentry **of = &dentry->inode->dentries;

	*dentry->hash_prev = dentry->hash_next;
	if (dentry->hash_next)
		dentry->hash_next->hash_prev = dentry->hash_prev;
	while (*of != dentry)
		of = &(*of)->of_inode;
	*of = dentry->of_inode;
	free(dentry);
}

static void retire_locked(struct table *t, struct inode *inode)
{
	struct inode **at = bucket_of(t, &inode->key);

	while (*at != inode)
		at = &(*at)->hash_next;
	*at = inode->hash_next;
	inode->list.prev->next = inode->list.next;
	inode->list.next->prev = inode->list.prev;
	while (inode->dentries)
		dentry_remove_locked(inode->dentries);
	t->count--;
}

/* @return true if it has gone from the table, and is the caller's to free */
static bool unref_locked(struct table *t, struct inode *inode)
{
	if (--inode->ref != 0)
		return false;
	if (atomic_load_explicit(&inode->nlookup, memory_order_relaxed) == 0) {
		retire_locked(t, inode);
		return true;
	}
	link_move(&inode->list, &t->lru);
	return false;
}

static void unref(struct table *t, struct inode *inode)
{
	bool gone;

	pthread_mutex_lock(&t->lock);
	gone = unref_locked(t, inode);
	pthread_mutex_unlock(&t->lock);
	if (gone)
		free(inode);
}

static uint64_t lookup(void *table, const struct bench_key *key)
{
	struct table *t = table;
	struct inode *inode;

	pthread_mutex_lock(&t->lock);
	inode = find_locked(t, key);
	if (!inode)
		inode = insert_locked(t, key);
	ref_locked(t, inode);
	pthread_mutex_unlock(&t->lock);
	atomic_fetch_add_explicit(&inode->nlookup, 1, memory_order_relaxed);
	unref(t, inode);
	return (uintptr_t)inode;
}

static int use(void *table, uint64_t id)
{
	struct inode *inode = inode_of_id(id);
	struct table *t = table;
	int fd;

	pthread_mutex_lock(&t->lock);
	ref_locked(t, inode);
	pthread_mutex_unlock(&t->lock);
	fd = inode->fd;
	unref(t, inode);
	return fd;
}

static bool forget_locked(struct table *t, struct inode *inode, uint64_t n)
{
	atomic_fetch_sub_explicit(&inode->nlookup, n, memory_order_relaxed);
	ref_locked(t, inode);
	return unref_locked(t, inode);
}

static void forget(void *table, uint64_t id, uint64_t n)
{
	struct inode *inode = inode_of_id(id);
	struct table *t = table;
	bool gone;

	pthread_mutex_lock(&t->lock);
	gone = forget_locked(t, inode, n);
	pthread_mutex_unlock(&t->lock);
	if (gone)
		free(inode);
}

static void forget_batch(void *table, const struct bench_forget *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forget(table, batch[i].id, batch[i].n);
}

static void evict_all(void *table)
{
	struct table *t = table;

	pthread_mutex_lock(&t->lock);
	while (t->lru.next != &t->lru) {
		struct inode *inode = inode_of_link(t->lru.next);

		retire_locked(t, inode);
		free(inode);
	}
	pthread_mutex_unlock(&t->lock);
}

static uint64_t inodes(void *table)
{
	return ((struct table *)table)->count;
}

static struct dentry **name_bucket(struct table *t, const struct inode *dir,
				   const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++)
		hash = hash * 31 + (unsigned char)*name;
	return &t->name_hash[(hash + (uintptr_t)dir) % DENTRY_BUCKETS];
}

static struct dentry *dentry_find_locked(struct table *t, const struct inode *dir,
					 const char *name)
{
	struct dentry *dentry = *name_bucket(t, dir, name);

	while (dentry && (dentry->parent != dir || strcmp(dentry->name, name) != 0))
		dentry = dentry->hash_next;
	return dentry;
}

static struct dentry *dentry_add_locked(struct table *t, struct inode *dir,
					const char *name, struct inode *inode)
{
	struct dentry **bucket = name_bucket(t, dir, name);
	struct dentry *dentry = bench_alloc(sizeof(*dentry) + strlen(name) + 1);

	strcpy(dentry->name, name);
	dentry->parent = dir;
	dentry->inode = inode;
	dentry->of_inode = inode->dentries;
	inode->dentries = dentry;
	dentry->hash_next = *bucket;
	dentry->hash_prev = bucket;
	if (*bucket)
		(*bucket)->hash_prev = &dentry->hash_next;
	*bucket = dentry;
	return dentry;
}

static void name_add(void *table, uint64_t dir, const char *name, uint64_t id)
{
	struct table *t = table;

	pthread_mutex_lock(&t->lock);
	if (!dentry_find_locked(t, inode_of_id(dir), name))
		dentry_add_locked(t, inode_of_id(dir), name, inode_of_id(id));
	pthread_mutex_unlock(&t->lock);
}

static uint64_t name_find(void *table, uint64_t dir, const char *name)
{
	struct table *t = table;
	struct inode *inode = NULL;
	struct dentry *dentry;

	pthread_mutex_lock(&t->lock);
	dentry = dentry_find_locked(t, inode_of_id(dir), name);
	if (dentry) {
		inode = dentry->inode;
		ref_locked(t, inode);
	}
	pthread_mutex_unlock(&t->lock);
	if (inode)
		unref(t, inode);
	return (uintptr_t)inode;
}

static void rename_entry(void *table, uint64_t dir, const char *name, uint64_t newdir,
			 const char *newname)
{
	struct table *t = table;
	struct dentry *old, *replaced;

	pthread_mutex_lock(&t->lock);
	old = dentry_find_locked(t, inode_of_id(dir), name);
	replaced = dentry_find_locked(t, inode_of_id(newdir), newname);
	if (replaced)
		dentry_remove_locked(replaced);
	if (old) {
		dentry_add_locked(t, inode_of_id(newdir), newname, old->inode);
		dentry_remove_locked(old);
	}
	pthread_mutex_unlock(&t->lock);
}

const struct bench_table bench_chained = {
	.name = "chained",
	.server = "GlusterFS: 65536 chained buckets, mutex",
	.most = 1000000, /* at 10 million a chain is 150 long, and a run takes minutes */
	.weak_keys = "low16",
	.weak_names = "times31",
	.create = create,
	.destroy = destroy,
	.lookup = lookup,
	.use = use,
	.forget = forget,
	.forget_batch = forget_batch,
	.evict_all = evict_all,
	.inodes = inodes,
	.name_add = name_add,
	.name_find = name_find,
	.rename = rename_entry,
};
