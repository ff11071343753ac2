/* SPDX-License-Identifier: BSD-3-Clause */
/* What a server can tell the kernel: finode_notify_*(). See notify.h. */
#include <errno.h>

#include "core/core.h"
#include "finode/alias.h"
#include "finode/name.h"
#include "fuse/notify.h"
#include "fuse/rings.h"
#include "fuse/serving.h"

/* A message that names an entry. */
static int enter_entry(struct session *s, struct saying saying, const char *name)
{
	struct finode_table *table = s->base.table;
	int err = finode_name_check(name);

	if (err == -EINVAL)
		return finode__refuse(&table->log, &table->rare.refused[REFUSED_NAME],
				      "finode_notify_*(): a name is empty, \".\", \"..\" "
				      "or has a '/'");
	return err ? err : finode__notify_say(s, &saying, name);
}

/* A message that only some kernels know. */
static int enter_if(struct session *s, enum finode_kernel_feature feature,
		    struct saying saying)
{
	if (session_state(s) == SESSION_READY && !session_kernel_has(s, feature))
		return -EOPNOTSUPP;
	return finode__notify_say(s, &saying, "");
}

int finode_notify_inval_inode(struct finode_session *session, uint64_t nodeid, off_t off,
			      off_t len)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INVAL_INODE,
				      .nodeid = nodeid,
				      .off = off < 0 ? -1 : off,
				      .len = off < 0 || len < 0 ? 0 : len};

	return finode__notify_say(session_of(session), &saying, "");
}

int finode_notify_inval_entry(struct finode_session *session, uint64_t parent,
			      const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INVAL_ENTRY, .nodeid = parent};

	return enter_entry(session_of(session), saying, name);
}

int finode_notify_inval_alias(struct finode_session *session,
			      const struct finode_alias *alias)
{
	return finode_notify_inval_entry(session, alias->dir->nodeid, alias->name);
}

int finode_notify_expire_entry(struct finode_session *session, uint64_t parent,
			       const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_EXPIRE_ENTRY, .nodeid = parent};

	return enter_entry(session_of(session), saying, name);
}

int finode_notify_delete(struct finode_session *session, uint64_t parent, uint64_t child,
			 const char *name)
{
	const struct saying saying = {
		.kind = FINODE_NOTIFY_DELETE, .nodeid = parent, .child = child};

	return enter_entry(session_of(session), saying, name);
}

/* The next best to PRUNE: a name of the inode, if the table keeps names and has one. */
static int inval_known_name(struct session *s, uint64_t nodeid)
{
	FINODE_AUTOPUT struct finode *inode = finode_get(s->base.table, nodeid);
	FINODE_ALIAS_AUTOPUT struct finode_alias *alias = NULL;

	if (inode && inode->type != S_IFDIR)
		alias = finode_alias_next(inode, NULL);
	if (!alias)
		return -EOPNOTSUPP;
	return finode_notify_inval_alias(&s->base, alias);
}

int finode_notify_prune(struct finode_session *session, uint64_t nodeid, uint64_t parent,
			const char *name)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_PRUNE, .nodeid = nodeid};
	struct session *s = session_of(session);

	if (session_state(s) != SESSION_READY || session_kernel_has(s, FINODE_KERNEL_PRUNE))
		return enter_if(s, FINODE_KERNEL_PRUNE, saying);
	return name ? finode_notify_inval_entry(session, parent, name)
		    : inval_known_name(s, nodeid);
}

int finode_notify_increment_epoch(struct finode_session *session)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_INCREMENT_EPOCH};

	return enter_if(session_of(session), FINODE_KERNEL_EPOCH, saying);
}

int finode_notify_resend(struct finode_session *session)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_RESEND};

	return enter_if(session_of(session), FINODE_KERNEL_RESEND, saying);
}

/* ---- Data ---- */

/* More than this never goes into one message. */
#define DATA_MAX (1u << 20)

int finode_notify_store(struct finode_session *session, uint64_t nodeid, off_t off,
			const void *data, size_t size)
{
	const struct saying saying = {
		.kind = FINODE_NOTIFY_STORE, .nodeid = nodeid, .off = off};

	if (off < 0 || size == 0 || size > DATA_MAX)
		return -EINVAL;
	return finode__notify_store(session_of(session), &saying, data, size);
}

int finode_notify_retrieve(struct finode_session *session, uint64_t nodeid, off_t off,
			   size_t size, uint64_t cookie)
{
	const struct saying saying = {.kind = FINODE_NOTIFY_RETRIEVE,
				      .nodeid = nodeid,
				      .off = off,
				      .len = (int64_t)size};
	struct session *s = session_of(session);

	if (off < 0 || size == 0 || size > DATA_MAX || !s->config.retrieved)
		return -EINVAL;
	return finode__notify_retrieve(s, &saying, cookie);
}

int finode_notify_flush(struct finode_session *session)
{
	struct session *s = session_of(session);

	/* A thread of a ring is the only one of its ring, whatever it has answered. */
	if (finode__serving() == s || finode__rings_serve_here())
		return -EDEADLK;
	return finode__notify_flush(s);
}
