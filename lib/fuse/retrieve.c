/* SPDX-License-Identifier: BSD-3-Clause */
/* See retrieve.h. This file owns the list of what was asked for, under the queue's lock. */
#include "fuse/retrieve.h"

#include "base/memory.h"
#include "core/core.h"
#include "fuse/protocol.h"

#define OURS (1ull << 62)

struct retrieve {
	struct retrieve *next;
	uint64_t unique, nodeid, cookie;
	off_t off;
};

bool finode__retrieve_is_ours(uint64_t unique)
{
	return (unique & OURS) != 0;
}

uint64_t finode__retrieve_begin(struct session *s, uint64_t nodeid, off_t off,
				uint64_t cookie)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct notify *n = &s->notify;
	struct retrieve *made = allocator->allocate(sizeof(*made), allocator->user);
	uint64_t unique;

	if (!made)
		return 0;
	made->nodeid = nodeid;
	made->off = off;
	made->cookie = cookie;
	lock_take(&n->lock);
	unique = made->unique = OURS | ++n->retrieve_serial;
	made->next = n->retrieves;
	n->retrieves = made;
	lock_release(&n->lock);
	return unique;
}

/* Takes it out of the list; NULL for the first of all. @return NULL if it is not there */
static struct retrieve *take(struct session *s, const uint64_t *unique)
{
	struct notify *n = &s->notify;
	struct retrieve **link = &n->retrieves, *taken;

	lock_take(&n->lock);
	while (*link && unique && (*link)->unique != *unique)
		link = &(*link)->next;
	taken = *link;
	if (taken)
		*link = taken->next;
	lock_release(&n->lock);
	return taken;
}

static void end(struct session *s, struct retrieve *taken, const void *data, size_t size)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;

	finode__lock_check_none_held("retrieved()");
	s->config.retrieved(&s->base, taken->cookie, taken->nodeid, taken->off, data, size);
	allocator->release(taken, allocator->user);
}

void finode__retrieve_end(struct session *s, uint64_t unique, const void *data, size_t size)
{
	struct retrieve *taken = take(s, &unique);

	if (taken)
		end(s, taken, data, size);
}

void finode__retrieve_cancel(struct session *s, uint64_t unique)
{
	const struct finode_allocator *allocator = &s->base.table->allocator;
	struct retrieve *taken = take(s, &unique);

	if (taken)
		allocator->release(taken, allocator->user);
}

void finode__retrieve_answered(struct session *s, const struct fuse_in_header *in)
{
	const struct fuse_notify_retrieve_in *head = (const void *)(in + 1);

	finode__retrieve_end(s, in->unique, head + 1, head->size);
}

void finode__retrieve_end_all(struct session *s)
{
	struct retrieve *taken;

	while ((taken = take(s, NULL)))
		end(s, taken, NULL, 0);
}
