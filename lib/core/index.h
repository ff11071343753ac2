/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of one shard: from the hash of a key to the numbers of the slots that have it.
 *
 * An open hash with linear probing over one array of cells, 8 bytes each: the hash, and the
 * number of a slot. Eight cells are a line of the cache. Nothing here knows what an inode
 * is: who looks up a key asks for the numbers with its hash and compares for itself, which
 * needs a second look once in 2^32.
 *
 * Where a cell belongs is worked out from the hash alone:
 *
 *      line   hash * lines >> 32, so that any number of lines will do
 *      cell   the low 3 bits of the hash
 *
 * From there on it lies in the first cell that is free. So the array grows by a half or a
 * third at a time, and to grow is to copy cells from one array to another, both from front
 * to back, without a look at any inode: 40,000 cells, a shard's part of 10 million inodes,
 * take about as long as the page faults of the new array.
 *
 * Invariants, with the shard's lock held:
 *
 *   - From the cell where an entry belongs to the one where it lies no cell is empty. To
 *     keep that, removal moves entries back into the hole that it leaves, instead of
 *     marking it: nothing builds up in a table whose inodes come and go for months.
 *   - At most three cells of four are in use, so that every search comes to an empty one
 *     soon. What has held many gives the memory back when the next one is added, or none is
 *     left: a removal allocates nothing and cannot fail.
 *
 * Hash and locality. Keys come from users (chosen inode numbers, names), so the hash is
 * SipHash with a secret, and nobody can choose keys that collide. But inode numbers come in
 * runs, and who walks a tree asks for neighbours, which a good hash scatters over shards
 * and lines. So keys that differ in nothing but the low 2 bits of their first byte (where
 * the lowest bits of an inode number are, on nearly all machines) are a chunk: SipHash gets
 * them as 0, and index_hash() puts them, as they are, in the place of the low 2 bits of the
 * hash. A chunk has one shard and one line, and its keys have cells of their own in it. Who
 * chooses keys thus chooses chunks of at most 4 keys, which come to random places that they
 * do not know: no key can be made to lie in the way of more others than that.
 */
#ifndef FINODE_LIB_INDEX_H
#define FINODE_LIB_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct finode_allocator;

#define INDEX_LINE 8 /* cells in a line of the cache */

/*
 * Keys that share a line: those that differ only in the low bits of their first byte. Twice
 * as many would spare a walk one line in four; but then every second chunk that comes to a
 * line lies in the next one, and all that look for something there wait for both.
 */
#define INDEX_CHUNK 4

struct index_cell {
	uint32_t hash;
	uint32_t number; /* of a slot; 0: the cell is empty */
};

/* A zeroed index is an empty one. */
struct index {
	struct index_cell *cells; /* on a boundary of lines */
	uint32_t lines;
	uint32_t used; /* cells */
	void *memory;  /* what the cells lie in */
};

/* The bits of the first byte that are to be left out of `hash`, and are put in here. */
static inline uint32_t index_hash(uint64_t hash, unsigned char first)
{
	const uint32_t low = INDEX_CHUNK - 1;

	return ((uint32_t)hash & ~low) | (first & low);
}

static inline size_t index_cells(const struct index *index)
{
	return (size_t)index->lines * INDEX_LINE;
}

/* The cell where an entry belongs. */
static inline size_t index_home(const struct index *index, uint32_t hash)
{
	return (size_t)((uint64_t)hash * index->lines >> 32) * INDEX_LINE +
	       hash % INDEX_LINE;
}

/* The cell after this one, of so many. */
static inline size_t index_after(size_t cell, size_t count)
{
	return cell + 1 == count ? 0 : cell + 1;
}

/*
 * Searches a hash: begin with `*cell` at its home, and call it until the number is the
 * right one, or 0. The index is not empty, and does not change meanwhile.
 */
static inline uint32_t index_search(const struct index *index, uint32_t hash, size_t *cell)
{
	const struct index_cell *cells = index->cells;
	const size_t count = index_cells(index);
	struct index_cell entry;
	size_t at = *cell;

	do {
		entry = cells[at];
		at = index_after(at, count);
	} while (entry.number != 0 && entry.hash != hash);
	*cell = at;
	return entry.number;
}

/*
 * @return 0, or -ENOMEM with nothing changed. The number is not in it yet, unless its entry
 * there is removed next.
 */
int finode__index_add(struct index *index, uint32_t hash, uint32_t number,
		      const struct finode_allocator *allocator, uint64_t *bytes);

/* The number is in it, with this hash. */
void finode__index_remove(struct index *index, uint32_t hash, uint32_t number,
			  const struct finode_allocator *allocator, uint64_t *bytes);

/*
 * Walks the numbers in no particular order; start with a cursor of 0. Additions and
 * removals move others, so the lock is held from the first step to the last and nothing is
 * changed meanwhile. @return 0 at the end
 */
uint32_t finode__index_next(const struct index *index, size_t *cursor);

/* Gives its memory back, whatever is in it. */
void finode__index_finish(struct index *index, const struct finode_allocator *allocator,
			  uint64_t *bytes);

#endif
