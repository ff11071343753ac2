/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mountpoints and submounts as the two kinds of kernel account for them, see struct
 * fk_options.
 *
 * This file owns the crossings: one for each dentry of a mountpoint, from its look-up until
 * neither it nor what was mounted on it is left; at most one of a nodeid has its dentry. In
 * a new kernel each holds one lookup of its nodeid, which no other FORGET takes.
 */
#include <errno.h>
#include <stdlib.h>

#include "connection.h"

void crossings_note_locked(struct books *books, uint64_t nodeid)
{
	struct crossing *crossing = books->crossings;

	while (crossing && !(crossing->nodeid == nodeid && crossing->mountpoint))
		crossing = crossing->next;
	if (crossing)
		return;
	crossing = calloc(1, sizeof(*crossing));
	*crossing = (struct crossing){nodeid, true, 0, books->crossings};
	books->crossings = crossing;
}

uint64_t crossings_hold_locked(const struct books *books, uint64_t nodeid)
{
	uint64_t held = 0;

	if (books->old_submounts)
		return 0;
	for (const struct crossing *c = books->crossings; c; c = c->next)
		held += c->nodeid == nodeid;
	return held;
}

void crossings_clear_locked(struct books *books)
{
	struct crossing *crossing;

	while ((crossing = books->crossings)) {
		books->crossings = crossing->next;
		free(crossing);
	}
}

/* The mountpoint of a nodeid, or a submount in use, first one that has no mountpoint. */
static struct crossing **find_locked(struct books *books, uint64_t nodeid, bool mountpoint)
{
	struct crossing **found = NULL;

	for (struct crossing **link = &books->crossings; *link; link = &(*link)->next) {
		if ((*link)->nodeid != nodeid)
			continue;
		if (mountpoint ? !(*link)->mountpoint : (*link)->users == 0)
			continue;
		if (!found || !(*link)->mountpoint)
			found = link;
	}
	return found;
}

/* @return the lookups that go with a crossing of which nothing is left: the shared one */
static uint64_t end_locked(struct books *books, struct crossing **link)
{
	struct crossing *crossing = *link;
	struct book *book = books_find_locked(books, crossing->nodeid);

	if (crossing->mountpoint || crossing->users > 0)
		return 0;
	*link = crossing->next;
	free(crossing);
	if (books->old_submounts || !book || book->count == 0)
		return 0;
	book->count--;
	return 1;
}

int fk_enter_submount(struct fk_client *c, uint64_t nodeid)
{
	struct books *books = connection_books(c->fk);
	struct crossing **link;

	pthread_mutex_lock(&books->mutex);
	link = find_locked(books, nodeid, true);
	if (link)
		(*link)->users++;
	pthread_mutex_unlock(&books->mutex);
	return link ? 0 : -ENOENT;
}

/* The lookups of the dentry, but for those that submounts share. */
static uint64_t take_rest_locked(struct books *books, uint64_t nodeid)
{
	const uint64_t held = crossings_hold_locked(books, nodeid);
	struct book *book = books_find_locked(books, nodeid);
	uint64_t rest = book && book->count > held ? book->count - held : 0;

	if (book)
		book->count -= rest;
	return rest;
}

int fk_evict_mountpoint(struct fk_client *c, uint64_t nodeid)
{
	struct books *books = connection_books(c->fk);
	uint64_t rest = 0, shared = 0;
	struct crossing **link;

	pthread_mutex_lock(&books->mutex);
	link = find_locked(books, nodeid, true);
	if (link) {
		(*link)->mountpoint = false;
		rest = take_rest_locked(books, nodeid);
		shared = end_locked(books, link);
	}
	pthread_mutex_unlock(&books->mutex);
	if (rest)
		connection_send_forget(c->fk, nodeid, rest);
	if (shared)
		connection_send_forget(c->fk, nodeid, shared);
	return link ? 0 : -ENOENT;
}

int fk_leave_submount(struct fk_client *c, uint64_t nodeid)
{
	struct books *books = connection_books(c->fk);
	struct crossing **link;
	uint64_t shared = 0;

	pthread_mutex_lock(&books->mutex);
	link = find_locked(books, nodeid, false);
	if (link) {
		(*link)->users--;
		shared = end_locked(books, link);
	}
	pthread_mutex_unlock(&books->mutex);
	if (shared)
		connection_send_forget(c->fk, nodeid, shared);
	return link ? 0 : -ENOENT;
}

static void abandon(struct fk_client *c, uint64_t nodeid)
{
	while (fk_leave_submount(c, nodeid) == 0)
		;
	fk_evict_mountpoint(c, nodeid);
}

static uint64_t any_crossing(struct books *books)
{
	uint64_t nodeid;

	pthread_mutex_lock(&books->mutex);
	nodeid = books->crossings ? books->crossings->nodeid : 0;
	pthread_mutex_unlock(&books->mutex);
	return nodeid;
}

void fk_abandon_submounts(struct fk_client *c)
{
	uint64_t nodeid;

	while ((nodeid = any_crossing(connection_books(c->fk))) != 0)
		abandon(c, nodeid);
}

unsigned int fk_drop_stale(struct fk_client *c)
{
	struct books *books = connection_books(c->fk);
	unsigned int dropped = 0;
	struct fk_entry e;

	for (uint64_t nodeid = 0; (nodeid = books_next(books, nodeid)) != 0;) {
		if (fk_getattr(c, nodeid, &e) != -ESTALE)
			continue;
		abandon(c, nodeid);
		fk_forget(c, nodeid, UINT64_MAX);
		dropped++;
	}
	return dropped;
}
