/* SPDX-License-Identifier: BSD-3-Clause */
/* A user of the filesystem, driven by a client's generator. See fk_client_play(). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "connection.h"

#define NAMES 20

struct player {
	struct fk_client *c;
	uint64_t dir;	 /* a second directory beside the root, or 0 */
	uint64_t inside; /* the root of a mount that the player is in, or 0 */
	bool entered;	 /* as a submount; else it is counted, like any directory */
};

static unsigned int draw(struct fk_client *c, unsigned int below)
{
	return (unsigned int)(connection_draw(c) % below);
}

static const char *some_name(struct fk_client *c, char name[16])
{
	snprintf(name, 16, "n%u", draw(c, NAMES));
	return name;
}

static uint64_t some_dir(struct player *p)
{
	if (p->inside && draw(p->c, 2))
		return p->inside;
	return p->dir && draw(p->c, 2) ? p->dir : FUSE_ROOT_ID;
}

/* A kernel does not lose its RELEASEs: a refused reply would be no error of the server's.
 */
static void release(struct fk_client *c, uint64_t nodeid, bool directory, uint64_t fh)
{
	unsigned int percent = c->refuse_percent;

	c->refuse_percent = 0;
	if (fk_release(c, nodeid, directory, fh) != 0)
		books_complain(connection_books(c->fk), "RELEASE of an open file failed");
	c->refuse_percent = percent;
}

static void ignore(void *arg, const char *name, uint64_t off, const struct fk_entry *entry)
{
	(void)arg;
	(void)name;
	(void)off;
	(void)entry;
}

static void list(struct player *p)
{
	uint64_t dir = some_dir(p), fh;

	if (fk_open(p->c, dir, true, &fh) != 0)
		return;
	fk_readdir(p->c, dir, fh, draw(p->c, 4), 200 + draw(p->c, 4000), draw(p->c, 4) != 0,
		   ignore, NULL);
	release(p->c, dir, true, fh);
}

static void create(struct player *p)
{
	struct fk_entry e;
	char name[16];

	if (fk_create(p->c, some_dir(p), some_name(p->c, name), &e) == 0)
		release(p->c, e.nodeid, false, e.fh);
}

/* A file without a name, which gets one half of the time. */
static void make_unnamed(struct player *p)
{
	struct fk_entry e, linked;
	char name[16];

	if (fk_tmpfile(p->c, some_dir(p), &e) != 0)
		return;
	if (draw(p->c, 2))
		fk_link(p->c, e.nodeid, some_dir(p), some_name(p->c, name), &linked);
	release(p->c, e.nodeid, false, e.fh);
	fk_forget_later(p->c, e.nodeid, 1 + draw(p->c, 2));
}

/* Gives the player a directory of its own to work in, or takes it away. */
static void change_dir(struct player *p)
{
	struct fk_entry e;

	if (p->dir) {
		fk_forget_later(p->c, p->dir, 1);
		p->dir = 0;
	} else if (fk_mkdir(p->c, FUSE_ROOT_ID, "d", &e) == 0 ||
		   fk_lookup(p->c, FUSE_ROOT_ID, "d", &e) == 0) {
		p->dir = e.nodeid;
	}
}

static void move(struct player *p)
{
	static const unsigned int flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
					     RENAME_WHITEOUT};
	char name[16], other[16];

	fk_rename(p->c, some_dir(p), some_name(p->c, name), some_dir(p),
		  some_name(p->c, other), flags[draw(p->c, 5)]);
}

static void look_up(struct player *p)
{
	struct fk_entry e, linked;
	char name[16];

	if (fk_lookup(p->c, some_dir(p), some_name(p->c, name), &e) != 0)
		return;
	if (draw(p->c, 4) == 0)
		fk_link(p->c, e.nodeid, some_dir(p), some_name(p->c, name), &linked);
	else
		fk_forget_later(p->c, e.nodeid, 1 + draw(p->c, 3));
}

static void leave(struct player *p)
{
	struct books *books = connection_books(p->c->fk);
	struct fk_entry e;

	if (!p->inside)
		return;
	if (p->c->mounts_stay && fk_getattr(p->c, p->inside, &e) == -ESTALE)
		books_complain(books, "a root that is in use is unknown");
	if (!p->entered)
		fk_forget_later(p->c, p->inside, 1);
	else if (fk_leave_submount(p->c, p->inside) != 0)
		books_complain(books, "a submount in use has gone");
	p->inside = 0;
}

/* Into a mount, from the root or from the mount the player is in. */
static void cross(struct player *p)
{
	uint64_t parent = p->inside && draw(p->c, 2) ? p->inside : FUSE_ROOT_ID;
	struct fk_entry e;
	char name[16];

	snprintf(name, sizeof(name), "m%u", draw(p->c, p->c->mounts));
	if (fk_lookup(p->c, parent, name, &e) != 0)
		return;
	if (e.submount && fk_enter_submount(p->c, e.nodeid) != 0)
		return; /* another client's eviction was faster */
	leave(p);
	p->inside = e.nodeid;
	p->entered = e.submount;
}

/* The kernel runs out of memory: the name of a mountpoint goes. */
static void evict_mountpoint(struct player *p)
{
	char name[16];
	uint64_t nodeid;

	snprintf(name, sizeof(name), "m%u", draw(p->c, p->c->mounts));
	nodeid = fk_cached(p->c->fk, FUSE_ROOT_ID, name);
	if (nodeid)
		fk_evict_mountpoint(p->c, nodeid);
}

static void play_mounts(struct player *p)
{
	switch (draw(p->c, 5)) {
	case 0:
		leave(p);
		break;
	case 1:
		evict_mountpoint(p);
		break;
	case 2:
		fk_syncfs(p->c, p->inside ? p->inside : FUSE_ROOT_ID);
		break;
	default:
		cross(p);
		break;
	}
}

static void step(struct player *p)
{
	struct fk_entry e;
	char name[16];

	if (p->c->mounts && draw(p->c, 4) == 0) {
		play_mounts(p);
		return;
	}
	switch (draw(p->c, 11)) {
	case 0:
		fk_mknod(p->c, some_dir(p), some_name(p->c, name), S_IFREG | 0644, &e);
		break;
	case 1:
		fk_symlink(p->c, some_dir(p), some_name(p->c, name), "target", &e);
		break;
	case 2:
		fk_unlink(p->c, some_dir(p), some_name(p->c, name));
		break;
	case 3:
		move(p);
		break;
	case 4:
		create(p);
		break;
	case 5:
		list(p);
		break;
	case 6:
		change_dir(p);
		break;
	case 7:
		make_unnamed(p);
		break;
	default:
		look_up(p);
		break;
	}
}

/* One that the kernel knows or knew, one that differs in a bit, the root, or any number. */
static uint64_t lied_of(struct fk_client *c)
{
	uint64_t known = books_some(connection_books(c->fk), connection_draw(c));

	switch (draw(c, 4)) {
	case 0:
		return known;
	case 1:
		return known ^ 1ull << draw(c, 64);
	case 2:
		return FUSE_ROOT_ID;
	default:
		return connection_draw(c);
	}
}

/* What only a broken or hostile kernel does: too much, twice, unknown, the root. */
static void lie(struct player *p)
{
	static const uint64_t counts[] = {0, 1, 2, 1000, UINT64_MAX};
	uint64_t nodeid = lied_of(p->c);
	uint64_t count = counts[draw(p->c, 5)];

	fk_forget_lie(p->c, nodeid, count);
	if (draw(p->c, 2))
		fk_forget_lie(p->c, nodeid, count);
}

void fk_client_play(struct fk_client *c, unsigned long steps)
{
	struct player p = {.c = c};

	for (unsigned long i = 0; i < steps; i++) {
		step(&p);
		if (draw(c, 100) < c->lie_percent)
			lie(&p);
		if (draw(c, 50) == 0)
			fk_send_held(c);
	}
	leave(&p);
	if (p.dir)
		fk_forget_later(c, p.dir, 1);
	fk_send_held(c);
}
