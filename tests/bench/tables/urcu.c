/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock-free, resizable hash of liburcu, twice: by key and by id. No server that we know
 * has it; it is the best that one can get from a package, and shows what is left to gain.
 *
 * Nobody takes a lock. A lookup that finds an inode raises its reference count unless that
 * is 0, in a read-side critical section; who lowers it to 0 unlinks the inode from both
 * hashes and frees it after a grace period. A lookup that meets an inode on its way out
 * tries again. The count of the kernel and those of requests are one number.
 *
 * The hash is that of a 64-bit mixer without a key: fast, and open to who chooses inode
 * numbers. The hash's memory comes from malloc ("order"), so that it is accounted for; the
 * default takes it from mmap.
 */
#define _LGPL_SOURCE /* the read side inlined, as the licence allows us */
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "table.h"

struct inode {
	struct cds_lfht_node by_key, by_id;
	struct bench_key key;
	uint64_t id;
	_Atomic uint64_t refs; /* nlookup, and one for each request */
	int fd;
	struct rcu_head rcu;
};

struct table {
	struct cds_lfht *by_key, *by_id;
	_Atomic uint64_t next_id;
};

#define INODE_OF(node_, member_)                                                           \
	((struct inode *)(void *)((char *)(node_)-offsetof(struct inode, member_)))

static _Thread_local bool registered;

static void thread_begin(void)
{
	if (!registered)
		urcu_memb_register_thread();
	registered = true;
}

static void thread_end(void)
{
	if (registered)
		urcu_memb_unregister_thread();
	registered = false;
}

static unsigned long mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

static unsigned long key_hash(const struct bench_key *key)
{
	return mix(key->ino ^ key->dev << 48);
}

static int match_key(struct cds_lfht_node *node, const void *ptr)
{
	const struct inode *inode = INODE_OF(node, by_key);
	const struct bench_key *key = ptr;

	return inode->key.ino == key->ino && inode->key.dev == key->dev;
}

static int match_id(struct cds_lfht_node *node, const void *ptr)
{
	return INODE_OF(node, by_id)->id == *(const uint64_t *)ptr;
}

static struct cds_lfht *hash_new(void)
{
	struct cds_lfht *hash =
		_cds_lfht_new(64, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
			      &cds_lfht_mm_order, &urcu_memb_flavor, NULL);

	if (!hash)
		bench_die("no memory");
	return hash;
}

static void *create(bool names)
{
	struct table *t = bench_alloc(sizeof(*t));

	(void)names;
	thread_begin();
	t->by_key = hash_new();
	t->by_id = hash_new();
	atomic_init(&t->next_id, 2);
	return t;
}

static void destroy(void *table)
{
	struct table *t = table;

	if (cds_lfht_destroy(t->by_key, NULL) || cds_lfht_destroy(t->by_id, NULL))
		bench_die("the lock-free hash is not empty");
	free(t);
	urcu_memb_barrier();
}

static struct inode *new_inode(struct table *t, const struct bench_key *key)
{
	struct inode *inode = bench_alloc(sizeof(*inode));

	inode->key = *key;
	inode->fd = bench_fd(key);
	inode->id = atomic_fetch_add_explicit(&t->next_id, 1, memory_order_relaxed);
	atomic_init(&inode->refs, 1);
	cds_lfht_node_init(&inode->by_key);
	cds_lfht_node_init(&inode->by_id);
	return inode;
}

static bool ref_unless_zero(struct inode *inode)
{
	uint64_t refs = atomic_load_explicit(&inode->refs, memory_order_relaxed);

	do {
		if (refs == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&inode->refs, &refs, refs + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}

static void free_inode(struct rcu_head *head)
{
	free(INODE_OF(head, rcu));
}

static void unref(struct table *t, struct inode *inode, uint64_t n)
{
	if (atomic_fetch_sub_explicit(&inode->refs, n, memory_order_acq_rel) != n)
		return;
	/* Nobody can take it up again; by key it is in the way of those who look. */
	cds_lfht_del(t->by_id, &inode->by_id);
	cds_lfht_del(t->by_key, &inode->by_key);
	urcu_memb_call_rcu(&inode->rcu, free_inode);
}

/*
 * Made by a thread that had not found it. It is known by its id before it is by its key, so
 * that who finds it by key may give the id away.
 */
static struct inode *insert(struct table *t, const struct bench_key *key,
			    unsigned long hash)
{
	struct inode *inode = new_inode(t, key);
	struct cds_lfht_node *there;

	cds_lfht_add(t->by_id, mix(inode->id), &inode->by_id);
	there = cds_lfht_add_unique(t->by_key, hash, match_key, key, &inode->by_key);
	if (there == &inode->by_key)
		return inode;
	cds_lfht_del(t->by_id, &inode->by_id);
	urcu_memb_call_rcu(&inode->rcu, free_inode);
	inode = INODE_OF(there, by_key);
	return ref_unless_zero(inode) ? inode : NULL;
}

static uint64_t lookup(void *table, const struct bench_key *key)
{
	unsigned long hash = key_hash(key);
	struct inode *inode = NULL;
	struct cds_lfht_iter iter;
	struct table *t = table;
	uint64_t id;

	urcu_memb_read_lock();
	do {
		cds_lfht_lookup(t->by_key, hash, match_key, key, &iter);
		if (iter.node && ref_unless_zero(INODE_OF(iter.node, by_key)))
			inode = INODE_OF(iter.node, by_key);
		else if (!iter.node)
			inode = insert(t, key, hash);
	} while (!inode);
	id = inode->id;
	urcu_memb_read_unlock();
	return id;
}

/* With a reference, or NULL. In a read-side critical section. */
static struct inode *find_id(struct table *t, uint64_t id)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(t->by_id, mix(id), match_id, &id, &iter);
	return iter.node ? INODE_OF(iter.node, by_id) : NULL;
}

static int use(void *table, uint64_t id)
{
	struct inode *inode;
	int fd = -1;

	urcu_memb_read_lock();
	inode = find_id(table, id);
	if (inode && ref_unless_zero(inode)) {
		fd = inode->fd;
		unref(table, inode, 1);
	}
	urcu_memb_read_unlock();
	return fd;
}

static void forget(void *table, uint64_t id, uint64_t n)
{
	struct inode *inode;

	urcu_memb_read_lock();
	inode = find_id(table, id);
	if (inode)
		unref(table, inode, n);
	urcu_memb_read_unlock();
}

static void forget_batch(void *table, const struct bench_forget *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forget(table, batch[i].id, batch[i].n);
}

static void evict_all(void *table)
{
	struct table *t = table;
	struct cds_lfht_node *node;
	struct cds_lfht_iter iter;

	urcu_memb_read_lock();
	cds_lfht_for_each(t->by_id, &iter, node)
	{
		struct inode *inode = INODE_OF(node, by_id);

		unref(t, inode, atomic_load_explicit(&inode->refs, memory_order_relaxed));
	}
	urcu_memb_read_unlock();
	urcu_memb_barrier(); /* the end of a session is the end of its memory */
}

static uint64_t inodes(void *table)
{
	unsigned long count;
	struct table *t = table;
	long before, after;

	urcu_memb_read_lock();
	cds_lfht_count_nodes(t->by_id, &before, &count, &after);
	urcu_memb_read_unlock();
	return count;
}

const struct bench_table bench_urcu = {
	.name = "urcu",
	.server = "no server: liburcu's lock-free hash, twice",
	.most = 1000000, /* ten million take as long as all other tables together */
	.checked_ids = true,
	.weak_keys = "mixer",
	.create = create,
	.destroy = destroy,
	.lookup = lookup,
	.use = use,
	.forget = forget,
	.forget_batch = forget_batch,
	.evict_all = evict_all,
	.inodes = inodes,
	.thread_begin = thread_begin,
	.thread_end = thread_end,
};
