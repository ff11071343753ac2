/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of the fake kernel, and what its books make of their replies. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "connection.h"
#include "fuse/protocol.h"

#define DIR_REPLY_MAX 65536

void fk_client_init(struct fk_client *client, struct fakekernel *fk, uint64_t seed)
{
	*client = (struct fk_client){.fk = fk, .random = seed * 0x9e3779b97f4a7c15ull + 1};
}

static void take_attr(struct fk_entry *out, const struct fuse_attr *attr)
{
	out->ino = attr->ino;
	out->size = attr->size;
	out->mode = attr->mode;
	out->nlink = attr->nlink;
}

static void take_entry(struct fk_entry *out, const struct fuse_entry_out *entry)
{
	*out = (struct fk_entry){
		.nodeid = entry->nodeid,
		.generation = entry->generation,
		.entry_timeout = (double)entry->entry_valid + entry->entry_valid_nsec / 1e9,
	};
	take_attr(out, &entry->attr);
	out->submount = (entry->attr.flags & FUSE_ATTR_SUBMOUNT) != 0;
}

/* Counts an entry under its name; what the kernel would not take as a mountpoint is wrong.
 */
static void count_entry(struct fk_client *c, const char *name, const struct fk_entry *entry)
{
	const bool offered = connection_offers(c->fk) & FUSE_SUBMOUNTS;
	const bool dot = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	struct books *books = connection_books(c->fk);

	if (entry->submount && !offered)
		books_complain(books, "%s: a submount was announced unasked", name);
	if (entry->submount && !S_ISDIR(entry->mode))
		books_complain(books, "%s: a submount that is no directory", name);
	if (entry->submount && dot)
		books_complain(books, "%s: a submount behind it", name);
	books_count(books, entry->nodeid, entry->generation, entry->mode,
		    dot ? -1 : entry->submount);
}

/* A request whose payload is a struct and up to two strings, and whose reply is an entry.
 */
struct named {
	const void *head;
	size_t head_size;
	const char *first, *second;
};

static size_t pack(char *buf, size_t size, const struct named *in)
{
	const char *strings[] = {in->first, in->second};
	size_t used = in->head_size;

	if (used)
		memcpy(buf, in->head, used);
	for (int i = 0; i < 2; i++) {
		size_t length = strings[i] ? strlen(strings[i]) + 1 : 0;

		if (length && used + length <= size) {
			memcpy(buf + used, strings[i], length);
			used += length;
		}
	}
	return used;
}

static ssize_t call(struct fk_client *c, uint32_t opcode, uint64_t nodeid,
		    const struct named *in, void *out, size_t out_size)
{
	char buf[2048];
	size_t size = pack(buf, sizeof(buf), in);

	return fk_raw(c, opcode, nodeid, buf, size, out, out_size);
}

static int call_for_entry(struct fk_client *c, uint32_t opcode, uint64_t nodeid,
			  const struct named *in, mode_t created, struct fk_entry *out)
{
	struct fuse_entry_out entry;
	ssize_t got = call(c, opcode, nodeid, in, &entry, sizeof(entry));

	*out = (struct fk_entry){0};
	if (got < 0)
		return (int)got;
	if (got != sizeof(entry)) {
		books_complain(connection_books(c->fk), "an entry of %zd bytes", got);
		return -EIO;
	}
	take_entry(out, &entry);
	if (opcode == FUSE_LOOKUP && entry.nodeid == 0) /* a negative entry: not counted */
		return -ENOENT;
	if (created && (entry.attr.mode & S_IFMT) != created)
		books_complain(connection_books(c->fk), "created %o instead of %o",
			       entry.attr.mode, created);
	count_entry(c, in->first, out);
	/* The header's nodeid is the parent in all of them, LINK too. */
	books_cache(connection_books(c->fk), nodeid, in->first, entry.nodeid);
	return 0;
}

int fk_lookup(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out)
{
	const struct named in = {.first = name};

	return call_for_entry(c, FUSE_LOOKUP, parent, &in, 0, out);
}

int fk_mknod(struct fk_client *c, uint64_t parent, const char *name, mode_t mode,
	     struct fk_entry *out)
{
	const struct fuse_mknod_in head = {.mode = mode};
	const struct named in = {&head, sizeof(head), name, NULL};

	return call_for_entry(c, FUSE_MKNOD, parent, &in, mode & S_IFMT, out);
}

int fk_mkdir(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out)
{
	const struct fuse_mkdir_in head = {.mode = 0755};
	const struct named in = {&head, sizeof(head), name, NULL};

	return call_for_entry(c, FUSE_MKDIR, parent, &in, S_IFDIR, out);
}

int fk_symlink(struct fk_client *c, uint64_t parent, const char *name, const char *target,
	       struct fk_entry *out)
{
	const struct named in = {.first = name, .second = target};

	return call_for_entry(c, FUSE_SYMLINK, parent, &in, S_IFLNK, out);
}

int fk_link(struct fk_client *c, uint64_t nodeid, uint64_t parent, const char *name,
	    struct fk_entry *out)
{
	const struct fuse_link_in head = {.oldnodeid = nodeid};
	const struct named in = {&head, sizeof(head), name, NULL};

	return call_for_entry(c, FUSE_LINK, parent, &in, 0, out);
}

/* CREATE and TMPFILE, whose requests and replies are alike. */
static int create(struct fk_client *c, uint32_t opcode, uint64_t parent, const char *name,
		  struct fk_entry *out)
{
	const struct fuse_create_in head = {.mode = S_IFREG | 0644, .umask = 022};
	const struct named in = {&head, sizeof(head), name, NULL};
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} reply;
	ssize_t got = call(c, opcode, parent, &in, &reply, sizeof(reply));

	*out = (struct fk_entry){0};
	if (got < 0)
		return (int)got;
	if (got != sizeof(reply)) {
		books_complain(connection_books(c->fk), "a CREATE of %zd bytes", got);
		return -EIO;
	}
	take_entry(out, &reply.entry);
	out->fh = reply.open.fh;
	out->open_flags = reply.open.open_flags;
	memcpy(&out->backing_id, (char *)&reply.open + PROTOCOL_BACKING_ID_OFFSET,
	       sizeof(out->backing_id));
	count_entry(c, name, out);
	return 0;
}

int fk_create(struct fk_client *c, uint64_t parent, const char *name, struct fk_entry *out)
{
	int err = create(c, FUSE_CREATE, parent, name, out);

	if (!err)
		books_cache(connection_books(c->fk), parent, name, out->nodeid);
	return err;
}

int fk_tmpfile(struct fk_client *c, uint64_t parent, struct fk_entry *out)
{
	return create(c, FUSE_TMPFILE, parent, "/", out);
}

static int call_for_nothing(struct fk_client *c, uint32_t opcode, uint64_t nodeid,
			    const struct named *in)
{
	ssize_t got = call(c, opcode, nodeid, in, NULL, 0);

	return got < 0 ? (int)got : 0;
}

static int remove_name(struct fk_client *c, uint32_t opcode, uint64_t parent,
		       const char *name)
{
	int err = call_for_nothing(c, opcode, parent, &(struct named){.first = name});

	if (!err)
		books_cache(connection_books(c->fk), parent, name, 0);
	return err;
}

int fk_unlink(struct fk_client *c, uint64_t parent, const char *name)
{
	return remove_name(c, FUSE_UNLINK, parent, name);
}

int fk_rmdir(struct fk_client *c, uint64_t parent, const char *name)
{
	return remove_name(c, FUSE_RMDIR, parent, name);
}

int fk_rename(struct fk_client *c, uint64_t parent, const char *name, uint64_t newparent,
	      const char *newname, unsigned int flags)
{
	const struct fuse_rename2_in head = {.newdir = newparent, .flags = flags};
	const struct named in = {&head, sizeof(head), name, newname};

	struct books *books = connection_books(c->fk);
	uint64_t moved = books_cached(books, parent, name);
	uint64_t other = books_cached(books, newparent, newname);
	int err = call_for_nothing(c, FUSE_RENAME2, parent, &in);

	if (!err) {
		books_cache(books, newparent, newname, moved);
		books_cache(books, parent, name, flags & RENAME_EXCHANGE ? other : 0);
	}
	return err;
}

int fk_getattr(struct fk_client *c, uint64_t nodeid, struct fk_entry *out)
{
	const struct fuse_getattr_in in = {0};
	struct fuse_attr_out reply;
	ssize_t got =
		fk_raw(c, FUSE_GETATTR, nodeid, &in, sizeof(in), &reply, sizeof(reply));

	*out = (struct fk_entry){0};
	if (got < 0)
		return (int)got;
	take_attr(out, &reply.attr);
	return 0;
}

int fk_statx(struct fk_client *c, uint64_t nodeid, uint32_t flags, uint32_t mask,
	     struct statx *out)
{
	const struct protocol_statx_in in = {.sx_flags = flags, .sx_mask = mask};
	struct protocol_statx_out reply;
	ssize_t got =
		fk_raw(c, PROTOCOL_STATX, nodeid, &in, sizeof(in), &reply, sizeof(reply));

	*out = (struct statx){0};
	if (got < 0)
		return (int)got;
	if (got != sizeof(reply)) {
		books_complain(connection_books(c->fk), "a STATX of %zd bytes", got);
		return -EIO;
	}
	/* The kernel has made the one out of the other. */
	memcpy(out, &reply.stat, sizeof(reply.stat));
	return 0;
}

int fk_syncfs(struct fk_client *c, uint64_t nodeid)
{
	const struct fuse_syncfs_in in = {0};
	ssize_t got = fk_raw(c, FUSE_SYNCFS, nodeid, &in, sizeof(in), NULL, 0);

	return got < 0 ? (int)got : 0;
}

int fk_open(struct fk_client *c, uint64_t nodeid, bool directory, uint64_t *fh)
{
	const struct fuse_open_in in = {0};
	struct fuse_open_out reply = {0};
	ssize_t got = fk_raw(c, directory ? FUSE_OPENDIR : FUSE_OPEN, nodeid, &in,
			     sizeof(in), &reply, sizeof(reply));

	*fh = reply.fh;
	return got < 0 ? (int)got : 0;
}

int fk_release(struct fk_client *c, uint64_t nodeid, bool directory, uint64_t fh)
{
	const struct fuse_release_in in = {.fh = fh};
	ssize_t got = fk_raw(c, directory ? FUSE_RELEASEDIR : FUSE_RELEASE, nodeid, &in,
			     sizeof(in), NULL, 0);

	return got < 0 ? (int)got : 0;
}

/* One entry of a directory reply, as the kernel would take it. @return its size, 0: broken
 */
static size_t take_dirent(struct fk_client *c, const char *at, size_t left, bool plus,
			  fk_dirent_fn fn, void *arg)
{
	const size_t head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	struct fuse_entry_out entry_out = {0};
	struct fuse_dirent dirent;
	struct fk_entry entry;
	char name[256];

	if (left < head + FUSE_NAME_OFFSET)
		return 0;
	if (plus)
		memcpy(&entry_out, at, sizeof(entry_out));
	memcpy(&dirent, at + head, FUSE_NAME_OFFSET);
	if (dirent.namelen == 0 || dirent.namelen > 255 ||
	    head + FUSE_NAME_OFFSET + dirent.namelen > left)
		return 0;
	memcpy(name, at + head + FUSE_NAME_OFFSET, dirent.namelen);
	name[dirent.namelen] = '\0';
	take_entry(&entry, &entry_out);
	if (entry.nodeid == 0)
		entry.ino = dirent.ino;
	else if (entry.ino != dirent.ino)
		books_complain(connection_books(c->fk), "%s: d_ino is not st_ino", name);
	if (entry.nodeid != 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		count_entry(c, name, &entry);
	fn(arg, name, dirent.off, &entry);
	return FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + dirent.namelen);
}

int fk_readdir(struct fk_client *c, uint64_t nodeid, uint64_t fh, uint64_t off, size_t size,
	       bool plus, fk_dirent_fn fn, void *arg)
{
	const struct fuse_read_in in = {.fh = fh, .offset = off, .size = (uint32_t)size};
	char *reply = malloc(DIR_REPLY_MAX);
	ssize_t got = fk_raw(c, plus ? FUSE_READDIRPLUS : FUSE_READDIR, nodeid, &in,
			     sizeof(in), reply, DIR_REPLY_MAX);
	size_t at = 0;

	if (got > (ssize_t)size)
		books_complain(connection_books(c->fk), "a reply over its size");
	while (got > 0 && at < (size_t)got) {
		size_t taken = take_dirent(c, reply + at, (size_t)got - at, plus, fn, arg);

		if (taken == 0) {
			books_complain(connection_books(c->fk), "a broken directory reply");
			break;
		}
		at += taken;
	}
	free(reply);
	return got < 0 ? (int)got : 0;
}

uint64_t fk_count(struct fakekernel *fk, uint64_t nodeid)
{
	return books_of(connection_books(fk), nodeid);
}

uint64_t fk_cached(struct fakekernel *fk, uint64_t parent, const char *name)
{
	return books_cached(connection_books(fk), parent, name);
}

uint64_t fk_forget(struct fk_client *c, uint64_t nodeid, uint64_t n)
{
	n = books_take(connection_books(c->fk), nodeid, n);
	if (n)
		connection_send_forget(c->fk, nodeid, n);
	return n;
}

uint64_t fk_forget_later(struct fk_client *c, uint64_t nodeid, uint64_t n)
{
	n = books_take(connection_books(c->fk), nodeid, n);
	if (n && c->held_count == FK_HELD_MAX)
		fk_send_held(c);
	if (n)
		c->held[c->held_count++] = (struct fuse_forget_data){nodeid, n};
	return n;
}

void fk_forget_lie(struct fk_client *c, uint64_t nodeid, uint64_t n)
{
	connection_send_forget(c->fk, nodeid, n);
}

/* Sends one held FORGET by itself, in two parts if the seed says so. */
static void send_split(struct fk_client *c, const struct fuse_forget_data *forget)
{
	uint64_t part = forget->nlookup > 1 ? connection_draw(c) % forget->nlookup : 0;

	if (part)
		connection_send_forget(c->fk, forget->ino, part);
	connection_send_forget(c->fk, forget->ino, forget->nlookup - part);
}

void fk_send_held(struct fk_client *c)
{
	for (unsigned int i = c->held_count; i > 1; i--) {
		unsigned int other = (unsigned int)(connection_draw(c) % i);
		struct fuse_forget_data swap = c->held[i - 1];

		c->held[i - 1] = c->held[other];
		c->held[other] = swap;
	}
	for (unsigned int at = 0; at < c->held_count;) {
		unsigned int left = c->held_count - at;
		unsigned int n = 1 + (unsigned int)(connection_draw(c) % left);

		if (n == 1)
			send_split(c, &c->held[at]);
		else
			connection_send_batch(c->fk, &c->held[at], n);
		at += n;
	}
	c->held_count = 0;
}

void fk_forget_everything(struct fk_client *c)
{
	uint64_t nodeid;

	fk_send_held(c);
	fk_abandon_submounts(c);
	while ((nodeid = books_any(connection_books(c->fk))) != 0)
		fk_forget_later(c, nodeid, UINT64_MAX);
	fk_send_held(c);
}
