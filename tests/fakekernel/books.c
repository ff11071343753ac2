/* SPDX-License-Identifier: BSD-3-Clause */
#include "books.h"

#include "core/object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void books_init(struct books *books)
{
	*books = (struct books){0};
	pthread_mutex_init(&books->mutex, NULL);
}

static struct name_key name_key(uint64_t parent, const char *name)
{
	struct name_key key;

	memset(&key, 0, sizeof(key));
	key.parent = parent;
	snprintf(key.name, sizeof(key.name), "%s", name);
	return key;
}

void books_cache(struct books *books, uint64_t parent, const char *name, uint64_t nodeid)
{
	const struct name_key key = name_key(parent, name);
	struct cached_name *cached;

	pthread_mutex_lock(&books->mutex);
	HASH_FIND(hh, books->names, &key, sizeof(key), cached);
	if (cached && nodeid == 0) {
		HASH_DEL(books->names, cached);
		free(cached);
	} else if (cached) {
		cached->nodeid = nodeid;
	} else if (nodeid != 0) {
		cached = calloc(1, sizeof(*cached));
		cached->key = key;
		cached->nodeid = nodeid;
		HASH_ADD(hh, books->names, key, sizeof(key), cached);
	}
	pthread_mutex_unlock(&books->mutex);
}

uint64_t books_cached(struct books *books, uint64_t parent, const char *name)
{
	const struct name_key key = name_key(parent, name);
	struct cached_name *cached;
	uint64_t nodeid;

	pthread_mutex_lock(&books->mutex);
	HASH_FIND(hh, books->names, &key, sizeof(key), cached);
	nodeid = cached ? cached->nodeid : 0;
	pthread_mutex_unlock(&books->mutex);
	return nodeid;
}

void books_clear(struct books *books)
{
	struct cached_name *cached, *next_name;
	struct book *book, *next;

	pthread_mutex_lock(&books->mutex);
	HASH_ITER(hh, books->names, cached, next_name)
	{
		HASH_DEL(books->names, cached);
		free(cached);
	}
	HASH_ITER(hh, books->head, book, next)
	{
		HASH_DEL(books->head, book);
		free(book);
	}
	crossings_clear_locked(books);
	pthread_mutex_unlock(&books->mutex);
}

void books_finish(struct books *books)
{
	books_clear(books);
	pthread_mutex_destroy(&books->mutex);
}

__attribute__((format(printf, 2, 0))) static void complain_locked(struct books *books,
								  const char *format,
								  va_list args)
{
	if (books->complaint[0] == '\0')
		vsnprintf(books->complaint, sizeof(books->complaint), format, args);
}

void books_complain(struct books *books, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&books->mutex);
	complain_locked(books, format, args);
	pthread_mutex_unlock(&books->mutex);
	va_end(args);
}

struct book *books_find_locked(struct books *books, uint64_t nodeid)
{
	struct book *book;

	HASH_FIND(hh, books->head, &nodeid, sizeof(nodeid), book);
	return book;
}

void books_count(struct books *books, uint64_t nodeid, uint64_t generation, mode_t mode,
		 int submount)
{
	const char *wrong = NULL;
	struct book *book;

	if (nodeid <= FINODE_ROOT_ID) {
		books_complain(books, "an entry with nodeid %lu", (unsigned long)nodeid);
		return;
	}
	pthread_mutex_lock(&books->mutex);
	book = books_find_locked(books, nodeid);
	if (!book) {
		book = calloc(1, sizeof(*book));
		book->nodeid = nodeid;
		book->generation = generation;
		book->type = mode & S_IFMT;
		book->submount = -1;
		HASH_ADD(hh, books->head, nodeid, sizeof(nodeid), book);
	}
	if (book->generation != generation)
		wrong = "generation";
	if (book->type != (mode & S_IFMT))
		wrong = "type";
	/* Each revalidation would fail, and the directory would be looked up for ever. */
	if (submount >= 0 && book->submount >= 0 && book->submount != submount)
		wrong = "being the root of a submount";
	if (submount >= 0)
		book->submount = submount;
	book->count++;
	if (submount > 0)
		crossings_note_locked(books, nodeid);
	pthread_mutex_unlock(&books->mutex);
	if (wrong)
		books_complain(books, "nodeid %#lx changed its %s", (unsigned long)nodeid,
			       wrong);
}

uint64_t books_take(struct books *books, uint64_t nodeid, uint64_t n)
{
	uint64_t held, most = 0;
	struct book *book;

	pthread_mutex_lock(&books->mutex);
	book = books_find_locked(books, nodeid);
	held = crossings_hold_locked(books, nodeid);
	if (book && book->count > held)
		most = book->count - held;
	if (n > most)
		n = most;
	if (book)
		book->count -= n;
	/* The entry stays: a nodeid that comes again must be what it was. */
	pthread_mutex_unlock(&books->mutex);
	return n;
}

uint64_t books_of(struct books *books, uint64_t nodeid)
{
	struct book *book;
	uint64_t count;

	pthread_mutex_lock(&books->mutex);
	book = books_find_locked(books, nodeid);
	count = book ? book->count : 0;
	pthread_mutex_unlock(&books->mutex);
	return count;
}

uint64_t books_any(struct books *books)
{
	struct book *book, *next;
	uint64_t nodeid = 0;

	pthread_mutex_lock(&books->mutex);
	HASH_ITER(hh, books->head, book, next)
	{
		if (book->count > 0 && nodeid == 0)
			nodeid = book->nodeid;
		else if (book->count == 0 && book->submount <= 0) {
			HASH_DEL(books->head, book);
			free(book);
		}
	}
	pthread_mutex_unlock(&books->mutex);
	return nodeid;
}

uint64_t books_next(struct books *books, uint64_t nodeid)
{
	struct book *book, *next;
	uint64_t found = 0;

	pthread_mutex_lock(&books->mutex);
	HASH_ITER(hh, books->head, book, next)
	{
		if (book->count > 0 && book->nodeid > nodeid &&
		    (found == 0 || book->nodeid < found))
			found = book->nodeid;
	}
	pthread_mutex_unlock(&books->mutex);
	return found;
}

uint64_t books_some(struct books *books, uint64_t random)
{
	struct book *book;
	uint64_t nodeid;

	pthread_mutex_lock(&books->mutex);
	if (books->head)
		random %= HASH_COUNT(books->head);
	for (book = books->head; book && random > 0; random--)
		book = book->hh.next;
	nodeid = book ? book->nodeid : 0;
	pthread_mutex_unlock(&books->mutex);
	return nodeid;
}

/* A root that was announced stays, guarantee I, though the kernel has forgotten it. */
static bool stays_uncounted(struct finode_table *table, const struct book *book)
{
	FINODE_AUTOPUT struct finode *inode = book->submount > 0 && book->count == 0
						      ? finode_get(table, book->nodeid)
						      : NULL;

	return inode != NULL;
}

static int compare_one(struct finode_table *table, const struct book *book, char *why,
		       size_t size)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(table, book->nodeid);
	uint64_t nlookup = inode ? atomic_load(inode_nlookup(inode)) : 0;

	if (nlookup == book->count && (inode || book->count == 0))
		return 0;
	snprintf(why, size, "nodeid %#lx: the kernel counts %lu, the server %lu%s",
		 (unsigned long)book->nodeid, (unsigned long)book->count,
		 (unsigned long)nlookup, inode ? "" : " (unknown)");
	return -1;
}

int books_compare(struct books *books, struct finode_table *table, char *why, size_t size)
{
	struct book *book, *next;
	struct finode_stats stats;
	uint64_t known = 1, kept = 0; /* the root */
	int err = 0;

	pthread_mutex_lock(&books->mutex);
	HASH_ITER(hh, books->head, book, next)
	{
		known += book->count > 0;
		kept += stays_uncounted(table, book);
		if (!err)
			err = compare_one(table, book, why, size);
	}
	pthread_mutex_unlock(&books->mutex);
	finode_table_stats(table, &stats, sizeof(stats));
	if (!err && (stats.inodes != known + kept || kept > stats.roots_kept)) {
		snprintf(why, size,
			 "the kernel knows %lu inodes, %lu roots stay without it; the "
			 "server knows %lu and keeps %lu",
			 (unsigned long)known, (unsigned long)kept,
			 (unsigned long)stats.inodes, (unsigned long)stats.roots_kept);
		err = -1;
	}
	return err;
}
