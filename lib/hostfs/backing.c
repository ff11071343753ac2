/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind inodes.
 *
 * This file owns the fds of inodes. An inode has either an fd, for all of its life, or a
 * file handle, which is its key. With a handle it has an fd only while somebody uses it,
 * and for as long afterwards as the budget allows.
 *
 *               get()                       opened
 *      CLOSED ---------> OPENING ------------------------> OPEN <--- new(), with an fd
 *        ^                  | error                          |
 *        +------------------+                                | for room: nobody uses it
 *        +---------------------- CLOSING <-------------------+
 *
 * The state, two flags and the number of users are one atomic word. Taking and dropping a
 * use of an OPEN inode is one instruction on it, without a lock. An inode that is OPEN and
 * has a handle is in the ring of its shard, a clock: a thread that needs room looks at the
 * first, spares it once if it was used since the last time, and closes its fd if nobody
 * uses it.
 *
 * Invariants:
 *
 *   - The fd is valid from OPEN with a user to the end of that use: CLOSING is reached from
 *     OPEN without users only, by a compare-and-swap of the whole word.
 *   - An inode leaves CLOSED, OPENING and CLOSING under the shard's lock, with a broadcast.
 *     System calls are made without the lock, while the state keeps everybody else away.
 *   - An inode is in the ring if it is OPEN and not KEPT. KEPT are inodes without a handle,
 *     and those that are about to lose their last name, or have lost it: the handle of such
 *     an inode does not open any more.
 *   - Each fd is counted in the budget.
 */
#include "backing.h"

#include <errno.h>
#include <stddef.h>

#include "budget.h"
#include "fd.h"
#include "handle.h"
#include "state.h"

#define STATE_MASK 3u
#define CLOSED	   0u
#define OPENING	   1u
#define OPEN	   2u
#define CLOSING	   3u
#define RECENT	   4u
#define KEPT	   8u
#define USER	   16u

_Static_assert(sizeof(struct backing_node) <= sizeof(((struct hostfs_inode *)0)->library),
	       "the library's part of struct hostfs_inode");

static struct backing_node *node_of(struct hostfs_inode *inode)
{
	return (struct backing_node *)(void *)inode->library;
}

static struct backing *backing_of(struct hostfs_inode *inode)
{
	return hostfs__state_of(&inode->base)->backing;
}

static struct backing_shard *shard_of(struct hostfs_inode *inode)
{
	/* Nodeids come in a row, so their low bits spread them. */
	return &backing_of(inode)->shards[inode->base.nodeid % BACKING_SHARDS];
}

static bool close_any_idle(void *backing)
{
	return hostfs__backing_close_idle(backing);
}

void hostfs__backing_init(struct backing *backing, struct budget *budget)
{
	backing->budget = budget;
	hostfs__budget_set_close_idle(budget, close_any_idle, backing);
	for (int i = 0; i < BACKING_SHARDS; i++) {
		struct backing_shard *shard = &backing->shards[i];

		pthread_mutex_init(&shard->lock, NULL);
		pthread_cond_init(&shard->changed, NULL);
		shard->ring.prev = shard->ring.next = &shard->ring;
	}
}

void hostfs__backing_finish(struct backing *backing)
{
	for (int i = 0; i < BACKING_SHARDS; i++) {
		pthread_mutex_destroy(&backing->shards[i].lock);
		pthread_cond_destroy(&backing->shards[i].changed);
	}
}

/* ---- The ring ---- */

static void link_locked(struct backing_shard *shard, struct backing_node *node)
{
	node->next = &shard->ring;
	node->prev = shard->ring.prev;
	node->prev->next = node->next->prev = node;
	shard->length++;
}

static void unlink_locked(struct backing_shard *shard, struct backing_node *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
	shard->length--;
}

static void set_state_locked(struct backing_shard *shard, struct backing_node *node,
			     uint32_t word)
{
	atomic_store_explicit(&node->word, word, memory_order_release);
	pthread_cond_broadcast(&shard->changed);
}

/* May this one be closed? If so it is CLOSING, and out of the ring. */
static bool take_locked(struct backing_shard *shard, struct backing_node *node)
{
	uint32_t word = atomic_load_explicit(&node->word, memory_order_relaxed);

	if (word & RECENT) {
		atomic_fetch_and_explicit(&node->word, ~RECENT, memory_order_relaxed);
		return false;
	}
	if (word != OPEN || !atomic_compare_exchange_strong_explicit(
				    &node->word, &word, CLOSING, memory_order_acquire,
				    memory_order_relaxed))
		return false;
	unlink_locked(shard, node);
	return true;
}

static struct backing_node *find_idle_locked(struct backing_shard *shard)
{
	/* Twice around: what was used since the last time is spared once. */
	for (unsigned long left = 2 * shard->length; left > 0; left--) {
		struct backing_node *node = shard->ring.next;

		if (take_locked(shard, node))
			return node;
		unlink_locked(shard, node);
		link_locked(shard, node);
	}
	return NULL;
}

static bool close_idle(struct backing *backing, struct backing_shard *shard)
{
	struct backing_node *node;

	pthread_mutex_lock(&shard->lock);
	node = find_idle_locked(shard);
	pthread_mutex_unlock(&shard->lock);
	if (!node)
		return false;
	/* The inode cannot end before this: its end waits for CLOSING to be over. */
	hostfs__close(&node->fd);
	hostfs__budget_unreserve(backing->budget);
	atomic_fetch_add_explicit(&backing->closed, 1, memory_order_relaxed);
	pthread_mutex_lock(&shard->lock);
	set_state_locked(shard, node, CLOSED);
	pthread_mutex_unlock(&shard->lock);
	return true;
}

bool hostfs__backing_close_idle(struct backing *backing)
{
	for (int i = 0; i < BACKING_SHARDS; i++) {
		unsigned int hand = atomic_fetch_add(&backing->hand, 1) % BACKING_SHARDS;

		if (close_idle(backing, &backing->shards[hand]))
			return true;
	}
	return false;
}

/* ---- Opening ---- */

/* Opens the handle of an inode, in the state OPENING. */
static int open_handle(struct hostfs_inode *inode, int *fd)
{
	struct backing *backing = backing_of(inode);
	int err = hostfs__budget_reserve(backing->budget);

	if (err)
		return err;
	err = hostfs__open_handle(&inode->base, fd);
	if (!err) {
		atomic_fetch_add_explicit(&backing->opened, 1, memory_order_relaxed);
		return 0;
	}
	hostfs__budget_unreserve(backing->budget);
	if (err == -ESTALE)
		atomic_fetch_add(&backing->stale, 1);
	return err;
}

/* From OPENING to OPEN, in use, if `err` is 0; else back to CLOSED. */
static int opened(struct hostfs_inode *inode, int fd, int err)
{
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);

	pthread_mutex_lock(&shard->lock);
	if (!err) {
		node->fd = fd;
		link_locked(shard, node);
	}
	set_state_locked(shard, node, err ? CLOSED : (OPEN | RECENT) + USER);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

/* Takes a use if the inode is OPEN. */
static bool use_if_open(struct backing_node *node)
{
	uint32_t word = atomic_load_explicit(&node->word, memory_order_relaxed);

	do
		if ((word & STATE_MASK) != OPEN)
			return false;
	while (!atomic_compare_exchange_weak_explicit(
		&node->word, &word, (word | RECENT) + USER, memory_order_acquire,
		memory_order_relaxed));
	return true;
}

/* A use of the inode (true), or the state OPENING and the task of opening it (false). */
static bool use_or_begin(struct hostfs_inode *inode)
{
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);
	bool used;

	pthread_mutex_lock(&shard->lock);
	while (!(used = use_if_open(node)) &&
	       atomic_load_explicit(&node->word, memory_order_relaxed) != CLOSED)
		pthread_cond_wait(&shard->changed, &shard->lock);
	if (!used)
		atomic_store_explicit(&node->word, OPENING, memory_order_relaxed);
	pthread_mutex_unlock(&shard->lock);
	return used;
}

int hostfs_get(struct finode *base, int *fd)
{
	struct hostfs_inode *inode = hostfs_inode(base);
	struct backing_node *node = node_of(inode);
	int err = 0, new_fd = -1;

	if (!use_if_open(node) && !use_or_begin(inode)) {
		err = open_handle(inode, &new_fd);
		err = opened(inode, new_fd, err);
	}
	*fd = err ? -1 : node->fd;
	return err;
}

void hostfs_put(struct finode *inode)
{
	atomic_fetch_sub_explicit(&node_of(hostfs_inode(inode))->word, USER,
				  memory_order_release);
}

/* ---- The life of an inode ---- */

int hostfs__backing_new(struct hostfs_inode *inode, bool handle, int *fd)
{
	struct backing *backing = backing_of(inode);
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);
	int err;

	node->fd = -1;
	if (*fd < 0)
		return handle ? 0 : -EBADF;
	err = hostfs__budget_try(
		backing->budget); /* a request may wait for room: reclaim.c */
	if (err)
		return handle ? 0 : err;
	node->fd = *fd;
	*fd = -1;
	if (!handle) {
		atomic_fetch_add(&backing->kept, 1);
		atomic_store_explicit(&node->word, OPEN | KEPT, memory_order_release);
		return 0;
	}
	pthread_mutex_lock(&shard->lock);
	link_locked(shard, node);
	atomic_store_explicit(&node->word, OPEN, memory_order_release);
	pthread_mutex_unlock(&shard->lock);
	return 0;
}

void hostfs__backing_offer(struct hostfs_inode *inode, int *fd)
{
	struct backing *backing = backing_of(inode);
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);

	if (*fd < 0 || atomic_load_explicit(&node->word, memory_order_relaxed) != CLOSED ||
	    !hostfs__budget_reserve_free(backing->budget))
		return;
	pthread_mutex_lock(&shard->lock);
	if (atomic_load_explicit(&node->word, memory_order_relaxed) == CLOSED) {
		node->fd = *fd;
		*fd = -1;
		link_locked(shard, node);
		set_state_locked(shard, node, OPEN | RECENT);
	}
	pthread_mutex_unlock(&shard->lock);
	if (*fd >= 0)
		hostfs__budget_unreserve(backing->budget);
}

void hostfs__backing_end(struct hostfs_inode *inode)
{
	struct backing *backing = backing_of(inode);
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);
	uint32_t word;

	pthread_mutex_lock(&shard->lock);
	while (((word = atomic_load_explicit(&node->word, memory_order_acquire)) &
		STATE_MASK) == CLOSING)
		pthread_cond_wait(&shard->changed, &shard->lock);
	if ((word & STATE_MASK) == OPEN && !(word & KEPT))
		unlink_locked(shard, node);
	pthread_mutex_unlock(&shard->lock);
	if ((word & STATE_MASK) != OPEN)
		return;
	if (word & KEPT)
		atomic_fetch_sub(&backing->kept, 1);
	hostfs__close(&node->fd);
	hostfs__budget_unreserve(backing->budget);
}

int hostfs__backing_keep(struct hostfs_inode *inode, int *fd)
{
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);
	int used, err;

	hostfs__backing_offer(inode, fd);
	err = hostfs_get(&inode->base, &used);
	if (err)
		return err;
	pthread_mutex_lock(&shard->lock);
	if (!(atomic_fetch_or(&node->word, KEPT) & KEPT)) {
		unlink_locked(shard, node);
		atomic_fetch_add(&backing_of(inode)->kept, 1);
	}
	pthread_mutex_unlock(&shard->lock);
	hostfs_put(&inode->base);
	return 0;
}

void hostfs__backing_release(struct hostfs_inode *inode)
{
	struct backing_shard *shard = shard_of(inode);
	struct backing_node *node = node_of(inode);

	if (!hostfs__has_handle(&inode->base))
		return;
	pthread_mutex_lock(&shard->lock);
	if (atomic_fetch_and(&node->word, ~KEPT) & KEPT) {
		link_locked(shard, node);
		atomic_fetch_sub(&backing_of(inode)->kept, 1);
	}
	pthread_mutex_unlock(&shard->lock);
}
