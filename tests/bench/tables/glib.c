/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A GLib hash, an array of ids and one mutex: QEMU's virtiofsd (tools/virtiofsd, up to QEMU
 * 7.2).
 *
 * The key is hashed by adding its parts. The nodeid is an index into an array that grows by
 * 256 elements at a time, with a list of free ones. An inode has nlookup, under the mutex,
 * and an atomic reference count, in which nlookup as a whole counts one, and each request
 * one. As in list.c, search and insertion are one hold of the lock here, and an id is
 * resolved inside it.
 */
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>

#include "table.h"

#define GROWS_BY 256
#define NO_ELEM	 (-1)

struct inode {
	gint refcount;
	struct bench_key key;
	uint64_t nlookup, id;
	int fd;
};

struct elem {
	union {
		struct inode *inode;
		ssize_t next_free;
	};
	bool in_use;
};

struct server {
	pthread_mutex_t mutex;
	GHashTable *inodes;
	struct elem *elems;
	size_t count;
	ssize_t free_list;
};

static guint key_hash(gconstpointer ptr)
{
	const struct bench_key *key = ptr;

	return (guint)(key->ino + key->dev);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct bench_key *left = a, *right = b;

	return left->ino == right->ino && left->dev == right->dev;
}

static void *create(bool names)
{
	struct server *s = bench_alloc(sizeof(*s));

	(void)names;
	pthread_mutex_init(&s->mutex, NULL);
	s->inodes = g_hash_table_new(key_hash, key_equal);
	s->free_list = NO_ELEM;
	return s;
}

static void destroy(void *table)
{
	struct server *s = table;

	g_hash_table_destroy(s->inodes);
	pthread_mutex_destroy(&s->mutex);
	free(s->elems);
	free(s);
}

static void grow_locked(struct server *s)
{
	size_t count = s->count + GROWS_BY;
	struct elem *elems = realloc(s->elems, count * sizeof(*elems));

	if (!elems)
		bench_die("no memory");
	for (size_t i = count; i-- > s->count;) {
		elems[i].in_use = false;
		elems[i].next_free = s->free_list;
		s->free_list = (ssize_t)i;
	}
	s->elems = elems;
	s->count = count;
}

static struct inode *insert_locked(struct server *s, const struct bench_key *key)
{
	struct inode *inode = bench_alloc(sizeof(*inode));
	struct elem *elem;

	if (s->free_list == NO_ELEM)
		grow_locked(s);
	elem = &s->elems[s->free_list];
	inode->id = (uint64_t)s->free_list + 1; /* 0 is no nodeid */
	s->free_list = elem->next_free;
	elem->in_use = true;
	elem->inode = inode;
	inode->key = *key;
	inode->fd = bench_fd(key);
	inode->refcount = 1; /* nlookup's */
	g_hash_table_insert(s->inodes, &inode->key, inode);
	return inode;
}

static void put(struct inode *inode)
{
	if (g_atomic_int_dec_and_test(&inode->refcount))
		free(inode);
}

static uint64_t lookup(void *table, const struct bench_key *key)
{
	struct server *s = table;
	struct inode *inode;
	uint64_t id;

	pthread_mutex_lock(&s->mutex);
	inode = g_hash_table_lookup(s->inodes, key);
	if (!inode)
		inode = insert_locked(s, key);
	inode->nlookup++;
	g_atomic_int_inc(&inode->refcount);
	pthread_mutex_unlock(&s->mutex);
	id = inode->id;
	put(inode);
	return id;
}

static struct inode *get(struct server *s, uint64_t id)
{
	struct inode *inode = NULL;
	size_t i = id - 1;

	pthread_mutex_lock(&s->mutex);
	if (i < s->count && s->elems[i].in_use) {
		inode = s->elems[i].inode;
		g_atomic_int_inc(&inode->refcount);
	}
	pthread_mutex_unlock(&s->mutex);
	return inode;
}

static int use(void *table, uint64_t id)
{
	struct inode *inode = get(table, id);
	int fd;

	if (!inode)
		return -1;
	fd = inode->fd;
	put(inode);
	return fd;
}

static void remove_locked(struct server *s, struct inode *inode)
{
	struct elem *elem = &s->elems[inode->id - 1];

	elem->in_use = false;
	elem->next_free = s->free_list;
	s->free_list = (ssize_t)(inode->id - 1);
	g_hash_table_remove(s->inodes, &inode->key);
}

static void forget(void *table, uint64_t id, uint64_t n)
{
	struct server *s = table;
	struct inode *inode = get(s, id);
	bool last;

	if (!inode)
		return;
	pthread_mutex_lock(&s->mutex);
	inode->nlookup -= n < inode->nlookup ? n : inode->nlookup;
	last = inode->nlookup == 0;
	if (last)
		remove_locked(s, inode);
	pthread_mutex_unlock(&s->mutex);
	if (last)
		put(inode);
	put(inode);
}

static void forget_batch(void *table, const struct bench_forget *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forget(table, batch[i].id, batch[i].n);
}

static gboolean evict_one(gpointer key, gpointer value, gpointer user)
{
	(void)key;
	(void)user;
	put(value);
	return TRUE;
}

/* The array of ids goes with the server, at its end. */
static void evict_all(void *table)
{
	struct server *s = table;

	pthread_mutex_lock(&s->mutex);
	g_hash_table_foreach_remove(s->inodes, evict_one, NULL);
	free(s->elems);
	s->elems = NULL;
	s->count = 0;
	s->free_list = NO_ELEM;
	pthread_mutex_unlock(&s->mutex);
}

static uint64_t inodes(void *table)
{
	struct server *s = table;

	return g_hash_table_size(s->inodes);
}

const struct bench_table bench_glib = {
	.name = "glib",
	.server = "QEMU virtiofsd: GHashTable, id array, mutex",
	.checked_ids = true,
	.weak_keys = "sum",
	.create = create,
	.destroy = destroy,
	.lookup = lookup,
	.use = use,
	.forget = forget,
	.forget_batch = forget_batch,
	.evict_all = evict_all,
	.inodes = inodes,
};
