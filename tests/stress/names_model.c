/* SPDX-License-Identifier: BSD-3-Clause */
#include "names_model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	for (int d = 0; d < WORLD_DIRS; d++)
		for (int n = 0; n < WORLD_NAMES; n++)
			w->places[d][n].inode = NOBODY;
	w->held[0] = w->alive[0] = true;
}

bool world_is_dir(int inode)
{
	return inode < WORLD_DIRS;
}

static void clear(struct place *place)
{
	*place = (struct place){.inode = NOBODY};
}

static void put(struct world *w, struct place *place, int inode)
{
	*place = (struct place){(int8_t)inode, ++w->clock};
}

void world_retire(struct world *w, int inode)
{
	for (int i = 0; i < WORLD_DIRS * WORLD_NAMES; i++) {
		struct place *place = &w->places[i / WORLD_NAMES][i % WORLD_NAMES];

		if (place->inode == inode)
			clear(place);
	}
}

/* The next name of an inode, older than one of that age: its directory, or NOBODY. */
static int next_name(const struct world *w, int inode, uint32_t *age, int *name)
{
	uint32_t best = 0;
	int dir = NOBODY;

	for (int i = 0; i < WORLD_DIRS * WORLD_NAMES; i++) {
		const struct place *place = &w->places[i / WORLD_NAMES][i % WORLD_NAMES];

		if (place->inode == inode && place->age < *age && place->age > best) {
			best = place->age;
			dir = i / WORLD_NAMES;
			*name = i % WORLD_NAMES;
		}
	}
	*age = best;
	return dir;
}

int world_parent(const struct world *w, int inode)
{
	uint32_t age = UINT32_MAX;
	int name;

	return inode == 0 ? 0 : next_name(w, inode, &age, &name);
}

unsigned int world_count(const struct world *w, int inode)
{
	unsigned int count = 0;
	uint32_t age = UINT32_MAX;
	int name;

	while (next_name(w, inode, &age, &name) != NOBODY)
		count++;
	return count;
}

/* Is the directory the inode, or below it? */
static bool is_below(const struct world *w, int dir, int inode)
{
	while (dir != NOBODY && dir != inode && dir != 0)
		dir = world_parent(w, dir);
	return dir == inode;
}

/* The names of an inode that are more than its links go, the oldest first. */
static void trim(struct world *w, int inode, unsigned int nlink)
{
	uint32_t age = UINT32_MAX;
	int name, dir;

	for (unsigned int n = 0; (dir = next_name(w, inode, &age, &name)) != NOBODY; n++)
		if (n >= nlink)
			clear(&w->places[dir][name]);
}

int world_add(struct world *w, int dir, int name, int inode, unsigned int nlink)
{
	struct place *place = &w->places[dir][name];

	if (inode == 0 || inode == dir)
		return -ELOOP;
	if (place->inode != inode && world_is_dir(inode) && is_below(w, dir, inode))
		return -ELOOP;
	put(w, place, inode);
	if (world_is_dir(inode))
		trim(w, inode, 1);
	else if (nlink > 0)
		trim(w, inode, nlink);
	return 0;
}

int world_remove(struct world *w, int dir, int name, int inode)
{
	struct place *place = &w->places[dir][name];

	if (place->inode == NOBODY || (inode != NOBODY && place->inode != inode))
		return -ENOENT;
	clear(place);
	return 0;
}

static bool may_move(const struct world *w, int inode, int dir)
{
	return inode == NOBODY || !world_is_dir(inode) || !is_below(w, dir, inode);
}

int world_rename(struct world *w, int olddir, int oldname, int newdir, int newname,
		 bool exchange)
{
	struct place *from = &w->places[olddir][oldname];
	struct place *to = &w->places[newdir][newname];
	int moves = from->inode, comes = exchange ? to->inode : NOBODY;

	if (from == to)
		return 0;
	if (!may_move(w, moves, newdir) || !may_move(w, comes, olddir))
		return -ELOOP;
	if (moves != NOBODY && moves == to->inode)
		return 0;
	clear(from);
	clear(to);
	if (moves != NOBODY)
		put(w, to, moves);
	if (comes != NOBODY)
		put(w, from, comes);
	return 0;
}

static bool has_children(const struct world *w, int dir)
{
	for (int n = 0; world_is_dir(dir) && n < WORLD_NAMES; n++)
		if (w->places[dir][n].inode != NOBODY)
			return true;
	return false;
}

void world_settle(struct world *w)
{
	for (int i = 0; i < WORLD_INODES; i++) {
		if (!w->alive[i] || w->held[i] || has_children(w, i))
			continue;
		w->alive[i] = false;
		world_retire(w, i);
		i = -1; /* its directory may end too */
	}
}

/* The path of a directory, or "" for the root; false if there is none. */
static bool dir_path(const struct world *w, int dir, char *buf, size_t size)
{
	char above[200];
	uint32_t age = UINT32_MAX;
	int name = 0, parent;

	if (dir == 0) {
		buf[0] = '\0';
		return true;
	}
	parent = next_name(w, dir, &age, &name);
	if (parent == NOBODY || !dir_path(w, parent, above, sizeof(above)))
		return false;
	return snprintf(buf, size, "%s/%c", above, 'a' + name) < (int)size;
}

bool world_path(const struct world *w, int inode, char *buf, size_t size)
{
	uint32_t age = UINT32_MAX;
	char above[200];
	int name, dir;

	if (inode == 0)
		return snprintf(buf, size, "/") > 0;
	while ((dir = next_name(w, inode, &age, &name)) != NOBODY)
		if (dir_path(w, dir, above, sizeof(above)))
			return snprintf(buf, size, "%s/%c", above, 'a' + name) < (int)size;
	return false;
}

int world_resolve(const struct world *w, const char *path)
{
	int inode = 0;

	if (strcmp(path, "/") == 0)
		return 0;
	for (; *path && inode != NOBODY; path += 2) {
		int name = path[1] - 'a';

		if (path[0] != '/' || name < 0 || name >= WORLD_NAMES ||
		    !world_is_dir(inode))
			return NOBODY;
		inode = w->places[inode][name].inode;
	}
	return inode;
}
