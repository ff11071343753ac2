/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A doubly linked list and one mutex: passthrough_ll of libfuse (example/passthrough_ll.c
 * at e8d407ce), from which most low-level servers in C began.
 *
 * The nodeid is the inode's address, so a request with a nodeid looks nothing up, takes no
 * reference, and believes what it is told. A lookup walks the list. The original unlocks
 * between the search and the insertion, so that two threads can make two inodes of one
 * file; here it is one hold of the lock.
 */
#include <pthread.h>
#include <stdlib.h>

#include "table.h"

struct inode {
	struct inode *next, *prev;
	int fd;
	uint64_t ino, dev, refcount;
};

struct list {
	pthread_mutex_t mutex;
	struct inode root; /* the list's head */
};

static void *create(bool names)
{
	struct list *list = bench_alloc(sizeof(*list));

	(void)names;
	pthread_mutex_init(&list->mutex, NULL);
	list->root.next = list->root.prev = &list->root;
	return list;
}

static void destroy(void *table)
{
	struct list *list = table;

	pthread_mutex_destroy(&list->mutex);
	free(list);
}

static struct inode *find_locked(struct list *list, const struct bench_key *key)
{
	for (struct inode *p = list->root.next; p != &list->root; p = p->next)
		if (p->ino == key->ino && p->dev == key->dev)
			return p;
	return NULL;
}

static struct inode *insert_locked(struct list *list, const struct bench_key *key)
{
	struct inode *inode = bench_alloc(sizeof(*inode));

	inode->ino = key->ino;
	inode->dev = key->dev;
	inode->fd = bench_fd(key);
	inode->prev = &list->root;
	inode->next = list->root.next;
	inode->next->prev = inode;
	list->root.next = inode;
	return inode;
}

static uint64_t lookup(void *table, const struct bench_key *key)
{
	struct list *list = table;
	struct inode *inode;

	pthread_mutex_lock(&list->mutex);
	inode = find_locked(list, key);
	if (!inode)
		inode = insert_locked(list, key);
	inode->refcount++;
	pthread_mutex_unlock(&list->mutex);
	return (uintptr_t)inode;
}

static int use(void *table, uint64_t id)
{
	(void)table;
	return ((struct inode *)(uintptr_t)id)->fd;
}

static void forget(void *table, uint64_t id, uint64_t n)
{
	struct inode *inode = (struct inode *)(uintptr_t)id;
	struct list *list = table;
	bool last;

	pthread_mutex_lock(&list->mutex);
	inode->refcount -= n;
	last = inode->refcount == 0;
	if (last) {
		inode->prev->next = inode->next;
		inode->next->prev = inode->prev;
	}
	pthread_mutex_unlock(&list->mutex);
	if (last)
		free(inode);
}

static void forget_batch(void *table, const struct bench_forget *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forget(table, batch[i].id, batch[i].n);
}

static void evict_all(void *table)
{
	struct list *list = table;

	while (list->root.next != &list->root) {
		struct inode *next = list->root.next;

		list->root.next = next->next;
		free(next);
	}
	list->root.prev = &list->root;
}

static uint64_t inodes(void *table)
{
	struct list *list = table;
	uint64_t count = 0;

	for (struct inode *p = list->root.next; p != &list->root; p = p->next)
		count++;
	return count;
}

const struct bench_table bench_list = {
	.name = "list",
	.server = "libfuse passthrough_ll: linked list, mutex",
	.most = 10000, /* the list is walked: at 100,000 one lookup takes a millisecond */
	.create = create,
	.destroy = destroy,
	.lookup = lookup,
	.use = use,
	.forget = forget,
	.forget_batch = forget_batch,
	.evict_all = evict_all,
	.inodes = inodes,
};
