/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random changes of names, against a plain model (names_model.h):
 *
 *   one      one thread; after each step everything that can be asked is compared
 *   true     one thread changes names and keeps every world that ever was; three others
 *            build paths, and each path must be that of a world between the moment before
 *            and the moment after
 *   all      four threads change, walk and build paths as they like, and let inodes end;
 *            what they see must be possible, and the table must be whole
 *
 *     names [--seconds N] [--seed S]
 */
#include "support/names_fixture.h"

#include "names_model.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define STEPS  20000
#define WORLDS 20000 /* of the mode `true` */

static uint64_t spread(uint64_t seed)
{
	return seed * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
}

static int draw(uint64_t *random, int n)
{
	return (int)((next_random(random) >> 16) % (unsigned int)n);
}

/* What goes wrong is told by its first teller. */
static char wrong[300];
static _Atomic unsigned int wrongs;

__attribute__((format(printf, 1, 2))) static void differ(const char *format, ...)
{
	va_list args;

	if (wrongs++ > 0)
		return;
	va_start(args, format);
	vsnprintf(wrong, sizeof(wrong), format, args);
	va_end(args);
}

static const char *name_of(int name)
{
	static const char *const names[WORLD_NAMES] = {"a", "b", "c", "d", "e"};

	return names[name];
}

/* The table and, for those who look at one, the world that it must be equal to. */
struct stage {
	struct names_fixture n;
	struct world w;
	struct finode *inodes[WORLD_INODES]; /* what the test holds; NULL if it does not */
	uint64_t nodeids[WORLD_INODES];
	uint64_t random, failures;
};

static int obtain_numbered(struct stage *s, int i, struct finode **out)
{
	return obtain_as(&s->n.f, 100 + (uint64_t)i, world_is_dir(i) ? S_IFDIR : S_IFREG, 0,
			 out);
}

/* Takes hold of an inode: the one of before if it still lives, else a new one. */
static void take(struct stage *s, int i)
{
	int result;

	if (s->w.held[i])
		return;
	result = obtain_numbered(s, i, &s->inodes[i]);
	if (result != (s->w.alive[i] ? WAS_FOUND : WAS_CREATED))
		differ("inode %d: obtain() says %d", i, result);
	if (s->w.alive[i] && s->inodes[i]->nodeid != s->nodeids[i])
		differ("inode %d: another nodeid than before", i);
	s->nodeids[i] = s->inodes[i]->nodeid;
	s->w.held[i] = s->w.alive[i] = true;
}

static void release(struct stage *s, int i)
{
	if (i == 0 || !s->w.held[i])
		return;
	s->w.held[i] = false;
	world_settle(&s->w);
	finode_put(s->inodes[i]);
	s->inodes[i] = NULL;
}

static void stage_start(struct stage *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	names_init(&s->n);
	if (names_start(&s->n) != 0)
		differ("the table could not be made");
	s->random = spread(seed);
	world_init(&s->w);
	s->inodes[0] = s->n.root;
	s->nodeids[0] = 1;
}

/* Takes what names a path of names leads through, so that the test may use it. */
static int some_dir(struct stage *s)
{
	int dir = draw(&s->random, WORLD_DIRS);

	take(s, dir);
	return dir;
}

static void compare_inode(struct stage *s, int i)
{
	char path[200], expected[200];
	struct finode_alias *alias = NULL;
	struct finode *parent = finode_parent(s->inodes[i]);
	unsigned int count = 0;
	int dir = world_parent(&s->w, i);
	bool has = world_path(&s->w, i, expected, sizeof(expected));
	ssize_t length = finode_path(s->inodes[i], path, sizeof(path));

	if (has ? length < 0 || strcmp(path, expected) != 0 : length != -ENOENT)
		differ("inode %d: path \"%s\" (%zd), expected \"%s\"", i,
		       length < 0 ? "" : path, length, has ? expected : "none");
	if ((parent ? parent->nodeid : 0) != (dir == NOBODY ? 0 : s->nodeids[dir]))
		differ("inode %d: not the parent that it has", i);
	finode_put(parent);
	while ((alias = finode_alias_next(s->inodes[i], alias)))
		count++;
	if (count != world_count(&s->w, i))
		differ("inode %d: %u names, expected %u", i, count, world_count(&s->w, i));
}

static void compare_dir(struct stage *s, int dir)
{
	struct finode_alias *child = NULL;
	int count = 0;

	while ((child = finode_child_next(s->inodes[dir], child))) {
		int expected = s->w.places[dir][child->name[0] - 'a'].inode;

		if (expected == NOBODY || child->inode->nodeid != s->nodeids[expected])
			differ("directory %d: a child \"%s\"", dir, child->name);
		count++;
	}
	for (int name = 0; name < WORLD_NAMES; name++) {
		int expected = s->w.places[dir][name].inode;
		struct finode *inode = finode_alias_lookup(s->inodes[dir], name_of(name));

		if ((inode ? inode->nodeid : 0) !=
		    (expected == NOBODY ? 0 : s->nodeids[expected]))
			differ("directory %d: \"%s\" leads elsewhere", dir, name_of(name));
		finode_put(inode);
		count -= expected != NOBODY;
	}
	if (count != 0)
		differ("directory %d: %d children more than it has", dir, count);
}

static void compare(struct stage *s)
{
	struct finode_stats stats = stats_of(&s->n.f);
	uint64_t aliases = 0, inodes = 0;
	char why[200];

	for (int i = 0; i < WORLD_INODES; i++) {
		aliases += world_count(&s->w, i);
		inodes += s->w.alive[i];
		if (!s->inodes[i])
			continue;
		compare_inode(s, i);
		if (world_is_dir(i))
			compare_dir(s, i);
	}
	if (stats.aliases != aliases || stats.inodes != inodes)
		differ("%lu names and %lu inodes, expected %lu and %lu",
		       (unsigned long)stats.aliases, (unsigned long)stats.inodes,
		       (unsigned long)aliases, (unsigned long)inodes);
	if (finode_table_check(s->n.f.table, why, sizeof(why)) != 0)
		differ("%s", why);
}

/* One change, on the table and on a copy of the world, which is kept unless it failed. */
static void change(struct stage *s, struct world *w, bool faults)
{
	int dir = some_dir(s), name = draw(&s->random, WORLD_NAMES);
	int other = some_dir(s), newname = draw(&s->random, WORLD_NAMES);
	int inode = draw(&s->random, WORLD_INODES), kind = draw(&s->random, 10);
	unsigned int nlink = draw(&s->random, 4);
	bool exchange = draw(&s->random, 3) == 0;
	struct finode *d = s->inodes[dir];
	int expected, result;

	take(s, inode);
	*w = s->w;
	if (faults && draw(&s->random, 8) == 0)
		s->n.f.fail_after = draw(&s->random, 3);
	if (kind < 4) {
		expected = world_add(w, dir, name, inode, nlink);
		result = finode_alias_add(d, name_of(name), s->inodes[inode], nlink);
	} else if (kind < 8) {
		expected = world_rename(w, dir, name, other, newname, exchange);
		result = finode_alias_rename(d, name_of(name), s->inodes[other],
					     name_of(newname),
					     exchange ? FINODE_RENAME_EXCHANGE : 0);
	} else if (kind == 8) {
		expected = world_remove(w, dir, name, NOBODY);
		result = finode_alias_remove(d, name_of(name));
	} else {
		expected = world_remove(w, dir, name, inode);
		result = finode_alias_drop(d, name_of(name), s->inodes[inode]);
	}
	if (s->n.f.fail_after >= 0 && result == -ENOMEM) {
		s->failures++;
		*w = s->w;
	} else if (result != expected) {
		differ("change %d says %d, expected %d", kind, result, expected);
	}
	s->n.f.fail_after = -1;
}

static void retire(struct stage *s, int i)
{
	if (i == 0 || world_is_dir(i)) /* a directory's children would keep it */
		return;
	take(s, i);
	finode_retire(s->inodes[i]);
	world_retire(&s->w, i);
	release(s, i);
}

static uint64_t failures;

static void run_one(uint64_t seed)
{
	static struct stage s;

	stage_start(&s, seed);
	for (int step = 0; step < STEPS && !wrongs; step++) {
		struct world w;

		change(&s, &w, true);
		s.w = w;
		world_settle(&s.w);
		for (int i = draw(&s.random, 4); i > 0; i--)
			release(&s, draw(&s.random, WORLD_INODES));
		if (draw(&s.random, 16) == 0)
			retire(&s, draw(&s.random, WORLD_INODES));
		compare(&s);
		if (wrongs == 1)
			differ("step %d", step);
	}
	for (int i = 0; i < WORLD_INODES; i++)
		release(&s, i);
	if (!wrongs)
		compare(&s);
	finode_table_destroy(s.n.f.table);
	if (!wrongs && (s.n.f.live_allocations || s.n.f.broken || s.n.f.errors))
		differ("something is left, or was broken");
	failures += s.failures;
}

/* Every world that was, and how many of them there are. */
struct history {
	struct stage s;
	struct world worlds[WORLDS];
	_Atomic unsigned int count;
	uint64_t seed;
	_Atomic uint64_t paths, found;
};

/* Did the path lead to the inode in some world from `first` to `last`? NULL: none did. */
static bool was_true(const struct history *h, int inode, const char *path,
		     unsigned int first, unsigned int last)
{
	char any[200];

	for (unsigned int i = first; i <= last; i++) {
		const struct world *w = &h->worlds[i];

		if (path ? world_resolve(w, path) == inode
			 : !world_path(w, inode, any, sizeof(any)))
			return true;
	}
	return false;
}

static void change_and_record(struct history *h)
{
	while (h->count < WORLDS && !wrongs) {
		change(&h->s, &h->worlds[h->count], false);
		h->s.w = h->worlds[h->count];
		h->count++;
	}
}

static int append(const struct finode_alias *alias, void *path)
{
	strcat(strcat(path, "/"), alias->name);
	return 0;
}

/* A path, as a string or of its components. */
static ssize_t some_path(struct finode *inode, bool each, char *path, size_t size)
{
	int err;

	if (!each || inode->nodeid == 1)
		return finode_path(inode, path, size);
	path[0] = '\0';
	err = finode_path_each(inode, append, path);
	return err ? err : (ssize_t)strlen(path);
}

static void build_paths(struct history *h, uint64_t *random)
{
	while (h->count < WORLDS && !wrongs) {
		unsigned int first = h->count - 1, last;
		int inode = draw(random, WORLD_INODES);
		char path[200];
		ssize_t length = some_path(h->s.inodes[inode], draw(random, 2) == 0, path,
					   sizeof(path));

		/* The world that is being made may be true already: wait until it is told.
		 */
		last = h->count;
		while (h->count == last && !wrongs)
			if (last == WORLDS)
				return;
		if (!was_true(h, inode, length < 0 ? NULL : path, first, last))
			differ("inode %d: path \"%s\" was never true", inode,
			       length < 0 ? "(none)" : path);
		h->paths++;
		h->found += length >= 0;
	}
}

static void be_part_of_history(void *arg, unsigned int number)
{
	struct history *h = arg;
	uint64_t random = spread(h->seed * 8 + number);

	if (number == 0)
		change_and_record(h);
	else
		build_paths(h, &random);
}

static uint64_t paths, paths_found;

static void run_true(uint64_t seed)
{
	static struct history h;

	memset(&h, 0, sizeof(h));
	stage_start(&h.s, seed);
	h.seed = seed;
	for (int i = 0; i < WORLD_INODES; i++)
		take(&h.s, i);
	h.s.inodes[0] = h.s.n.root;
	h.worlds[0] = h.s.w;
	h.count = 1;
	run_threads(4, be_part_of_history, &h);
	if (!wrongs)
		compare(&h.s);
	for (int i = 0; i < WORLD_INODES; i++)
		release(&h.s, i);
	finode_table_destroy(h.s.n.f.table);
	paths += h.paths;
	paths_found += h.found;
}

/* What all threads share in the mode `all`: only the table. */
struct crowd {
	struct names_fixture n;
	uint64_t seed;
	struct finode *dirs[4]; /* held throughout */
};

static struct finode *crowd_inode(struct crowd *c, int i)
{
	struct finode *inode = NULL;

	if (i == 0)
		return finode_hold(c->n.root);
	if (obtain_as(&c->n.f, 100 + (uint64_t)i, world_is_dir(i) ? S_IFDIR : S_IFREG, 0,
		      &inode) < 0)
		differ("obtain() failed");
	return inode;
}

static void crowd_look(struct finode *dir, struct finode *inode, const char *name)
{
	FINODE_AUTOPUT struct finode *child = finode_alias_lookup(dir, name);
	FINODE_AUTOPUT struct finode *parent = finode_parent(inode);
	FINODE_ALIAS_AUTOPUT struct finode_alias *held = alias_of(dir, name);
	struct finode_alias *alias = NULL;
	char path[400];
	ssize_t length = finode_path(inode, path, sizeof(path));

	if (child && object_of(child)->canary != OBJECT_CANARY)
		differ("a name leads to what is not alive");
	if (parent &&
	    (parent->type != S_IFDIR || object_of(parent)->canary != OBJECT_CANARY))
		differ("a parent that is no directory, or not alive");
	if (held && (held->dir != dir || strcmp(held->name, name) != 0 ||
		     object_of(held->inode)->canary != OBJECT_CANARY))
		differ("an alias that is not whole");
	while ((alias = finode_alias_next(inode, alias)))
		if (alias->inode != inode)
			differ("a walk comes to what is another's");
	while ((alias = finode_child_next(dir, alias)))
		if (alias->dir != dir || object_of(alias->inode)->canary != OBJECT_CANARY)
			differ("a walk comes to what is no child, or not alive");
	if (length < 0 && length != -ENOENT)
		differ("path says %zd", length);
}

static void crowd_step(struct crowd *c, uint64_t *random)
{
	FINODE_AUTOPUT struct finode *dir = crowd_inode(c, draw(random, WORLD_DIRS));
	FINODE_AUTOPUT struct finode *other = crowd_inode(c, draw(random, WORLD_DIRS));
	FINODE_AUTOPUT struct finode *inode = crowd_inode(c, draw(random, WORLD_INODES));
	const char *name = name_of(draw(random, WORLD_NAMES));
	const char *newname = name_of(draw(random, WORLD_NAMES));
	int result = 0, kind = draw(random, 12);

	if (!dir || !other || !inode)
		return;
	if (kind < 4)
		result = finode_alias_add(dir, name, inode, draw(random, 4));
	else if (kind < 7)
		result = finode_alias_rename(dir, name, other, newname,
					     draw(random, 2) ? FINODE_RENAME_EXCHANGE : 0);
	else if (kind == 7)
		finode_alias_drop(dir, name, inode);
	else if (kind == 8)
		finode_alias_remove(dir, name);
	else if (kind == 9 && draw(random, 8) == 0 && inode->type != S_IFDIR)
		finode_retire(inode);
	else
		crowd_look(dir, inode, name);
	if (result < 0 && result != -ELOOP && result != -ESTALE)
		differ("a change says %d", result);
}

static void be_one_of_all(void *arg, unsigned int number)
{
	struct crowd *c = arg;
	uint64_t random = spread(c->seed * 8 + number);
	char why[200];

	for (int i = 0; i < STEPS / 4 && !wrongs; i++) {
		crowd_step(c, &random);
		if (number == 0 && i % 500 == 0 &&
		    finode_table_check(c->n.f.table, why, sizeof(why)) != 0)
			differ("while others work: %s", why);
	}
}

static void run_all(uint64_t seed)
{
	static struct crowd c;
	char why[200];

	names_init(&c.n);
	c.seed = seed;
	if (seed % 2)
		c.n.f.config.shards = 1; /* every stripe is the same one */
	if (names_start(&c.n) != 0)
		differ("the table could not be made");
	for (int i = 0; i < 4; i++)
		c.dirs[i] = crowd_inode(&c, i);
	run_threads(4, be_one_of_all, &c);
	if (finode_table_check(c.n.f.table, why, sizeof(why)) != 0)
		differ("%s", why);
	for (int i = 0; i < 4; i++)
		finode_put(c.dirs[i]);
	if (!wrongs && (stats_of(&c.n.f).inodes != 1 || stats_of(&c.n.f).aliases != 0))
		differ("an inode or a name has outlived the last reference");
	finode_table_destroy(c.n.f.table);
	if (!wrongs && (c.n.f.inits != c.n.f.evicts || c.n.f.live_allocations ||
			c.n.f.broken || c.n.f.errors))
		differ("something is left, or was broken");
}

static void (*const runs[])(uint64_t seed) = {run_one, run_true, run_all};
static const char *const run_names[] = {"one", "true", "all"};

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 't'},
		{"seed", required_argument, NULL, 's'},
		{0},
	};
	uint64_t seed = 0, seeds = 0;
	time_t end = time(NULL) + 5;
	uint32_t fresh = 1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return 2;
		if (option == 't')
			end = time(NULL) + (time_t)strtoull(optarg, NULL, 0);
		else
			seed = strtoull(optarg, NULL, 0);
	}
	if (seed == 0 && getrandom(&fresh, sizeof(fresh), 0) == sizeof(fresh))
		seed = fresh;
	printf("names: seeds from %lu on\n", (unsigned long)seed);
	fflush(stdout);
	do {
		for (int mode = 0; mode < 3 && !wrongs; mode++) {
			runs[mode](seed);
			if (wrongs)
				fprintf(stderr, "FAILED: names --seed %lu, mode %s: %s\n",
					(unsigned long)seed, run_names[mode], wrong);
		}
		seed++;
		seeds++;
	} while (!wrongs && time(NULL) < end);
	printf("names: %lu seeds of %d steps; %lu failed allocations; %lu paths while "
	       "names "
	       "changed, %lu of them found: %s\n",
	       (unsigned long)seeds, 3 * STEPS, failures, paths, paths_found,
	       wrongs ? "FAILED" : "all equal to the model");
	return wrongs ? 1 : 0;
}
