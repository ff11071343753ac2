/* SPDX-License-Identifier: BSD-3-Clause */
/* See index.h. This file owns the array of an index: how it grows, shrinks and is kept
 * whole. */
#include "core/index.h"

#include <errno.h>

#include "base/memory.h"

#define LINE_BYTES (INDEX_LINE * sizeof(struct index_cell))

/* What an index that has become empty keeps, for shards with few inodes that come and go.
 */
#define LINES_KEPT 4

/* How many entries so many lines take: three cells of four. */
static size_t room(uint32_t lines)
{
	return (size_t)lines * (INDEX_LINE * 3 / 4);
}

/* 1, 2, 3, 4, 6, 8, 12, 16, ..: two steps to the double. */
static uint32_t lines_after(uint32_t lines)
{
	return lines < 2 ? lines + 1
			 : lines + (1u << (30 - (unsigned int)__builtin_clz(lines)));
}

static size_t memory_size(uint32_t lines)
{
	return (lines * LINE_BYTES) + LINE_BYTES - 1;
}

static void place(const struct index *index, struct index_cell entry)
{
	struct index_cell *cells = index->cells;
	const size_t count = index_cells(index);
	size_t at = index_home(index, entry.hash);

	while (cells[at].number != 0)
		at = index_after(at, count);
	cells[at] = entry;
}

/* @return 0, or -ENOMEM with nothing changed */
static int resize(struct index *index, uint32_t lines,
		  const struct finode_allocator *allocator, uint64_t *bytes)
{
	struct index old = *index;
	uintptr_t address;
	void *memory = memory_get(allocator, bytes, memory_size(lines));

	if (!memory)
		return -ENOMEM;
	address = (uintptr_t)memory;
	index->cells = (void *)((address + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
	index->lines = lines;
	index->memory = memory;
	for (size_t cell = 0; cell < index_cells(&old); cell++)
		if (old.cells[cell].number != 0)
			place(index, old.cells[cell]);
	finode__index_finish(&old, allocator, bytes);
	return 0;
}

/* Half as many lines, and again, as long as the room left is at least what is used. */
static uint32_t lines_enough(const struct index *index)
{
	uint32_t lines = index->lines;

	while (lines > 1 && index->used < room(lines) / 4)
		lines /= 2;
	return lines;
}

int finode__index_add(struct index *index, uint32_t hash, uint32_t number,
		      const struct finode_allocator *allocator, uint64_t *bytes)
{
	uint32_t lines = index->used == room(index->lines) ? lines_after(index->lines)
							   : lines_enough(index);

	/* Where it was to shrink, it does as well without. */
	if (lines != index->lines && resize(index, lines, allocator, bytes) != 0 &&
	    lines > index->lines)
		return -ENOMEM;
	place(index, (struct index_cell){hash, number});
	index->used++;
	return 0;
}

/*
 * Empties a cell. What lies behind it, up to the next empty one, moves into the hole unless
 * it belongs behind it, and leaves another hole.
 */
static void empty(const struct index *index, size_t hole)
{
	const struct index shape = *index; /* no store to a cell can change it */
	struct index_cell *cells = shape.cells;
	const size_t count = index_cells(&shape);
	size_t behind = 1; /* the hole by so many cells, going up and round */

	for (size_t at = index_after(hole, count); cells[at].number != 0;
	     at = index_after(at, count), behind++) {
		size_t home = index_home(&shape, cells[at].hash);
		size_t moved = at >= home ? at - home : at + count - home;

		if (moved < behind)
			continue;
		cells[hole] = cells[at];
		hole = at;
		behind = 0;
	}
	cells[hole] = (struct index_cell){0, 0};
}

void finode__index_remove(struct index *index, uint32_t hash, uint32_t number,
			  const struct finode_allocator *allocator, uint64_t *bytes)
{
	size_t at = index_home(index, hash);

	/* Of two entries of a number the newer one lies behind: it came to an empty cell.
	 */
	while (index->cells[at].number != number)
		at = index_after(at, index_cells(index));
	empty(index, at);
	index->used--;
	if (index->used == 0 && index->lines > LINES_KEPT)
		finode__index_finish(index, allocator, bytes);
}

uint32_t finode__index_next(const struct index *index, size_t *cursor)
{
	while (*cursor < index_cells(index)) {
		uint32_t number = index->cells[(*cursor)++].number;

		if (number != 0)
			return number;
	}
	return 0;
}

void finode__index_finish(struct index *index, const struct finode_allocator *allocator,
			  uint64_t *bytes)
{
	if (index->memory)
		memory_put(allocator, bytes, index->memory, memory_size(index->lines));
	*index = (struct index){.cells = NULL};
}
