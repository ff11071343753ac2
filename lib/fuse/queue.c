/* SPDX-License-Identifier: BSD-3-Clause */
/* See queue.h. */
#include "fuse/queue.h"

#include <string.h>

#include "finode/name.h"

uint64_t finode__notice_hash(const struct hash_seed *seed, const struct saying *saying,
			     const char *name)
{
	unsigned char bytes[sizeof(*saying) + FINODE_NAME_MAX];

	memcpy(bytes, saying, sizeof(*saying));
	memcpy(bytes + sizeof(*saying), name, saying->name_size);
	return finode__hash(seed, bytes, sizeof(*saying) + saying->name_size);
}

struct notice *finode__queue_find_locked(const struct notify *n,
					 const struct saying *saying, const char *name,
					 uint64_t hash)
{
	struct notice *notice = n->buckets[hash & n->bucket_mask];

	while (notice && (notice->hash != hash ||
			  memcmp(&notice->saying, saying, sizeof(*saying)) != 0 ||
			  memcmp(notice->name, name, saying->name_size) != 0))
		notice = notice->in_bucket;
	return notice;
}

void finode__queue_push_locked(struct notify *n, struct notice *notice)
{
	struct notice **bucket = &n->buckets[notice->hash & n->bucket_mask];

	notice->in_bucket = *bucket;
	*bucket = notice;
	*n->last = notice;
	n->last = &notice->next;
	n->waiting++;
	n->bytes += notice->data_size;
	n->entered++;
	n->stats.notify[notice->saying.kind].waiting++;
}

struct notice *finode__queue_pop_locked(struct notify *n)
{
	struct notice *notice = n->first;
	struct notice **link = &n->buckets[notice->hash & n->bucket_mask];

	while (*link != notice)
		link = &(*link)->in_bucket;
	*link = notice->in_bucket;
	n->first = notice->next;
	if (!n->first)
		n->last = &n->first;
	notice->next = NULL;
	n->waiting--;
	n->bytes -= notice->data_size;
	n->stats.notify[notice->saying.kind].waiting--;
	return notice;
}
