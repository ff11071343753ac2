/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an inode costs: obtains N inodes with 16-byte keys, looks each up by nodeid, obtains
 * each again, forgets all. Prints heap per inode (what malloc handed out, its own headers
 * included; the author's object has no field of its own) and the longest single obtain.
 *
 *     million [NUMBER]     1,000,000 if not said
 *
 * It asserts what can be asserted of any machine: the memory, and that everything ends.
 */
#include <finode.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define HEAP_GOAL 120 /* bytes for each inode */

struct bare {
	struct finode base;
};

static const struct finode_ops bare_ops = {FINODE_OPS_FOR(struct bare, base)};

struct key {
	uint64_t ino, dev;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t heap_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static struct finode_key key_of(const struct key *key, mode_t type)
{
	return (struct finode_key){key, sizeof(*key), type, 0};
}

static void die(const char *what)
{
	fprintf(stderr, "million: %s\n", what);
	exit(1);
}

static struct finode *obtain(struct finode_table *table, uint64_t i)
{
	struct key key = {1000 + i, 42};
	struct finode *inode;

	if (finode_obtain(finode_table_root(table)->mount, key_of(&key, S_IFREG), NULL,
			  &inode, NULL) < 0)
		die("obtain failed");
	return inode;
}

/* Obtains them all, each counted once. @return the longest single obtain in ns */
static uint64_t obtain_all(struct finode_table *table, uint64_t *ids, uint64_t count)
{
	uint64_t longest = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t before = now_ns(), took;
		struct finode *inode = obtain(table, i);

		took = now_ns() - before;
		if (took > longest)
			longest = took;
		finode_count(inode, 1);
		ids[i] = inode->nodeid;
		finode_put(inode);
	}
	return longest;
}

static void report(const char *what, uint64_t start, uint64_t count)
{
	printf("%-28s %7.0f ns each\n", what, (double)(now_ns() - start) / (double)count);
}

int main(int argc, char *argv[])
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	struct finode_config config = FINODE_CONFIG_INIT;
	const struct key root = {1, 42};
	struct finode_table *table = NULL;
	struct finode_stats stats;
	uint64_t *ids = malloc(count * sizeof(*ids)), longest, start;
	size_t empty, full;
	double heap;

	config.ops = &bare_ops;
	config.root_key = key_of(&root, S_IFDIR);
	if (!ids || finode_table_create(&config, &table) != 0)
		die("no memory");
	empty = heap_in_use();
	start = now_ns();
	longest = obtain_all(table, ids, count);
	report("obtain new, count, put", start, count);
	full = heap_in_use();
	start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		finode_put(finode_get(table, ids[i * 7919 % count]));
	report("get and put by nodeid", start, count);
	start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		finode_put(obtain(table, i * 7919 % count));
	report("obtain again and put", start, count);
	start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		finode_forget(table, ids[i], 1);
	report("forget and evict", start, count);
	finode_table_stats(table, &stats, sizeof(stats));
	heap = (double)(full - empty) / (double)count;
	printf("%" PRIu64 " inodes: %.1f bytes of heap each (goal: at most %d), "
	       "longest single obtain %.3f ms\n",
	       count, heap, HEAP_GOAL, (double)longest / 1e6);
	finode_table_destroy(table);
	free(ids);
	if (stats.inodes != 1 || stats.forgets_clamped || stats.forgets_unknown)
		die("not every inode was evicted by its FORGET");
	return 0;
}
