/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a name costs: N files in a tree of directories, then a name for each. Prints heap
 * per alias without its name's bytes (what malloc handed out, its own headers and the
 * arrays of the directories included), the longest single addition, and the time of each
 * operation; once with 100 files to a directory and once with all in one.
 *
 *     aliases [NUMBER]     1,000,000 if not said
 *
 * It asserts the memory, and that everything ends.
 */
#include <finode.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HEAP_GOAL 80 /* bytes for each alias, and its name */

struct bare {
	struct finode base;
};

static const struct finode_ops bare_ops = {FINODE_OPS_FOR(struct bare, base)};

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

static void die(const char *what)
{
	fprintf(stderr, "aliases: %s\n", what);
	exit(1);
}

static struct finode *obtain(struct finode_table *table, uint64_t number, mode_t type)
{
	struct finode_key key = {&number, sizeof(number), type, 0};
	struct finode *inode;

	if (finode_obtain(finode_table_root(table)->mount, key, NULL, &inode, NULL) < 0)
		die("obtain failed");
	return inode;
}

/* Names as trees of sources have them: 5 to 20 bytes. */
static void name_file(char *name, size_t size, uint64_t i)
{
	static const char *const words[] = {"main", "readme", "test_of_names", "inode",
					    "Makefile.am"};

	snprintf(name, size, "%s%" PRIu64, words[i % 5], i % 1000003);
}

struct bench {
	struct finode_table *table;
	struct finode **files, **dirs;
	uint64_t count, per_dir, name_bytes, longest;
};

static struct finode *dir_of(const struct bench *b, uint64_t i)
{
	return b->dirs[i / b->per_dir];
}

static void make_inodes(struct bench *b)
{
	char name[32];

	for (uint64_t i = 0; i < b->count; i++) {
		if (i % b->per_dir == 0) {
			struct finode *dir = obtain(b->table, 1u << 30 | i, S_IFDIR);

			snprintf(name, sizeof(name), "dir%" PRIu64, i);
			if (finode_alias_add(finode_table_root(b->table), name, dir, 0) < 0)
				die("no memory");
			b->dirs[i / b->per_dir] = dir;
		}
		b->files[i] = obtain(b->table, 1000 + i, S_IFREG);
	}
}

static void add_names(struct bench *b)
{
	char name[32];

	for (uint64_t i = 0; i < b->count; i++) {
		uint64_t before, took;

		name_file(name, sizeof(name), i);
		b->name_bytes += strlen(name);
		before = now_ns();
		if (finode_alias_add(dir_of(b, i), name, b->files[i], 0) < 0)
			die("add failed");
		took = now_ns() - before;
		b->longest = took > b->longest ? took : b->longest;
	}
}

static void look_names_up(struct bench *b)
{
	char name[32];

	for (uint64_t i = 0; i < b->count; i++) {
		uint64_t k = i * 7919 % b->count;
		struct finode *file;

		name_file(name, sizeof(name), k);
		file = finode_alias_lookup(dir_of(b, k), name);
		if (file != b->files[k])
			die("a name leads elsewhere");
		finode_put(file);
	}
}

static void build_paths(struct bench *b)
{
	char path[64];

	for (uint64_t i = 0; i < b->count; i++)
		if (finode_path(b->files[i * 7919 % b->count], path, sizeof(path)) < 0)
			die("no path");
}

static void walk_children(struct bench *b)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < b->count; i += b->per_dir) {
		struct finode_alias *alias = NULL;

		while ((alias = finode_child_next(dir_of(b, i), alias)))
			seen++;
	}
	if (seen != b->count)
		die("a walk that misses children");
}

static void drop_inodes(struct bench *b)
{
	for (uint64_t i = 0; i < b->count; i++) {
		finode_put(b->files[i]);
		if (i % b->per_dir == 0)
			finode_put(b->dirs[i / b->per_dir]);
	}
}

static void timed(const char *what, void (*fn)(struct bench *), struct bench *b)
{
	uint64_t start = now_ns();

	fn(b);
	printf("    %-24s %7.0f ns each\n", what,
	       (double)(now_ns() - start) / (double)b->count);
}

/* @return heap for each alias, without its name; 0 where a sanitizer's malloc does not tell
 */
static double run(uint64_t count, uint64_t per_dir)
{
	struct finode_config config = FINODE_CONFIG_INIT;
	struct bench b = {.count = count, .per_dir = per_dir};
	const uint64_t root = 1;
	struct finode_stats stats;
	size_t before;
	double heap;

	config.ops = &bare_ops;
	config.aliases = true;
	config.root_key = (struct finode_key){&root, sizeof(root), S_IFDIR, 0};
	b.files = malloc(count * sizeof(struct finode *));
	b.dirs = malloc((count / per_dir + 1) * sizeof(struct finode *));
	if (!b.files || !b.dirs || finode_table_create(&config, &b.table) != 0)
		die("no memory");
	printf("%" PRIu64 " files, %" PRIu64 " in a directory:\n", count, per_dir);
	make_inodes(&b);
	before = heap_in_use();
	timed("add a name", add_names, &b);
	heap = before ? (double)(heap_in_use() - before - b.name_bytes) / (double)count : 0;
	timed("look a name up", look_names_up, &b);
	timed("build a path", build_paths, &b);
	timed("walk to the next child", walk_children, &b);
	timed("evict with its name", drop_inodes, &b);
	finode_table_stats(b.table, &stats, sizeof(stats));
	if (stats.inodes != 1 || stats.aliases != 0)
		die("not every inode and name went with its last reference");
	finode_table_destroy(b.table);
	free(b.files);
	free(b.dirs);
	printf("aliases: %.1f bytes of heap each, and the name (goal: at most %d); longest "
	       "single addition %.3f ms\n",
	       heap, HEAP_GOAL, (double)b.longest / 1e6);
	return heap;
}

int main(int argc, char *argv[])
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;

	if (count == 0)
		return 2;
	if (run(count, 100) > HEAP_GOAL || run(count, count) > HEAP_GOAL)
		die("more memory for an alias than the goal");
	return 0;
}
