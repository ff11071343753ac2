/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <stdio.h>

#include "core/object.h"

__attribute__((format(printf, 2, 3))) static void differ(struct model *m,
							 const char *format, ...)
{
	va_list args;

	if (m->wrong[0])
		return;
	va_start(args, format);
	vsnprintf(m->wrong, sizeof(m->wrong), format, args);
	va_end(args);
}

static unsigned int draw(struct model *m, unsigned int n)
{
	return m->draw(m->source, n);
}

static struct model_object *object_by_key(struct model *m, const struct model_mount *mount,
					  uint64_t key)
{
	for (int i = 0; i < MODEL_OBJECTS; i++)
		if (m->objects[i].alive && !m->objects[i].retired &&
		    m->objects[i].mount == mount && m->objects[i].key == key)
			return &m->objects[i];
	return NULL;
}

static struct model_object *free_object(struct model *m)
{
	for (int i = 0; i < MODEL_OBJECTS; i++)
		if (!m->objects[i].alive)
			return &m->objects[i];
	return NULL;
}

/* An object that lives, from a random place on; NULL if none does. */
static struct model_object *some_object(struct model *m, bool held)
{
	unsigned int start = draw(m, MODEL_OBJECTS);

	for (unsigned int i = 0; i < MODEL_OBJECTS; i++) {
		struct model_object *o = &m->objects[(start + i) % MODEL_OBJECTS];

		if (o->alive && (!held || o->refs > 0))
			return o;
	}
	return NULL;
}

/* A mount that the test holds; the first if there is no other. */
static struct model_mount *some_mount(struct model *m)
{
	struct model_mount *mount = &m->mounts[draw(m, MODEL_MOUNTS)];

	return mount->alive && mount->refs > 0 ? mount : &m->mounts[0];
}

/* A mount with neither references nor objects is evicted. */
static void settle_mount(struct model *m, struct model_mount *mount)
{
	if (!mount->alive || mount->refs > 0)
		return;
	for (int i = 0; i < MODEL_OBJECTS; i++)
		if (m->objects[i].alive && m->objects[i].mount == mount)
			return;
	mount->alive = false;
	m->mounts_evicted++;
}

/* An object with neither references nor a count is evicted. */
static void settle(struct model *m, struct model_object *o)
{
	if (!o->alive || o->refs > 0 || o->count > 0)
		return;
	o->alive = false;
	m->evicted++;
	m->dead[m->dead_count++ % MODEL_OBJECTS] = o->nodeid;
	settle_mount(m, o->mount);
}

static void model_retire(struct model *m, struct model_object *o)
{
	m->retired += !o->retired;
	o->retired = true;
	settle(m, o);
}

static void took_reference(struct model *m, struct model_object *o, struct finode *inode)
{
	if (inode != o->inode || inode->nodeid != o->nodeid ||
	    inode->mount != o->mount->mount || object_of(inode)->canary != OBJECT_CANARY ||
	    inode->type != o->type)
		differ(m, "nodeid %#lx: not the object that it was",
		       (unsigned long)o->nodeid);
	if (o->refs == MODEL_REFS)
		finode_put(inode);
	else
		o->refs++;
}

static void created(struct model *m, struct model_mount *mount, struct finode *inode,
		    uint64_t key, mode_t type)
{
	struct model_object *o = free_object(m);

	for (int i = 0; i < MODEL_OBJECTS; i++)
		if (m->dead[i] == inode->nodeid)
			differ(m, "nodeid %#lx is used again",
			       (unsigned long)inode->nodeid);
	*o = (struct model_object){inode, mount, inode->nodeid, key,  type,
				   1,	  0,	 true,		false};
	m->created++;
}

/* obtain(): with the chance that allocations fail, that init() fails, that match() says no.
 */
static void obtain_one(struct model *m)
{
	struct model_mount *mount = some_mount(m);
	uint64_t key = 100 + draw(m, MODEL_KEYS);
	mode_t type = draw(m, 8) ? S_IFREG : S_IFDIR;
	struct model_object *o = object_by_key(m, mount, key);
	struct what what = {.fixture = &m->f, .value = key};
	struct finode *inode = NULL;
	int result, init_error = draw(m, 16) ? 0 : -EACCES;
	bool match_error, may_fail, made = false;

	if (!free_object(m))
		return;
	m->f.init_error = init_error;
	m->f.match_says = draw(m, 16) ? 1 : draw(m, 2) ? 0 : -EPERM;
	match_error = o && o->type == type && m->f.match_says < 0;
	m->f.fail_after = draw(m, 8) ? -1 : (long)draw(m, 3);
	may_fail = m->f.fail_after >= 0;
	result = finode_obtain(mount->mount, key_of(&key, type), &what, &inode, &made);
	if (!result && made)
		result = WAS_CREATED;
	if (what.taken != (result == WAS_CREATED))
		differ(m, "init() took its argument, or not, against the result");
	if (o && (o->type != type || m->f.match_says == 0)) {
		model_retire(m, o); /* also if making the new one fails then */
		o = NULL;
	}
	m->f.init_error = 0;
	m->f.match_says = 1;
	m->f.fail_after = -1;
	if (match_error && result == -EPERM)
		return;
	if (mount->detached) {
		if (result != -ESTALE)
			differ(m, "obtain in a detached mount returned %d", result);
		return;
	}
	if (result == -ENOMEM && !o && may_fail)
		m->failed_allocations++;
	else if (o && result == WAS_FOUND)
		took_reference(m, o, inode);
	else if (!o && !init_error && result == WAS_CREATED)
		created(m, mount, inode, key, type);
	else if (o || !init_error || result != init_error)
		differ(m, "obtain of key %lu returned %d", (unsigned long)key, result);
}

static void find_one(struct model *m)
{
	struct model_mount *mount = some_mount(m);
	uint64_t key = 100 + draw(m, MODEL_KEYS);
	struct model_object *o = object_by_key(m, mount, key);
	struct finode *inode = finode_find(mount->mount, key_of(&key, 0));

	if ((inode != NULL) != (o != NULL))
		differ(m, "find of key %lu: %s", (unsigned long)key, inode ? "yes" : "no");
	else if (o)
		took_reference(m, o, inode);
}

static void get_one(struct model *m)
{
	struct model_object *o = some_object(m, false);
	uint64_t dead = m->dead[draw(m, MODEL_OBJECTS)];
	struct finode *inode;

	inode = finode_get(m->f.table, dead);
	if (inode)
		differ(m, "get of dead nodeid %#lx", (unsigned long)dead);
	if (!o)
		return;
	inode = finode_get(m->f.table, o->nodeid);
	if (!inode)
		differ(m, "get of nodeid %#lx: nothing", (unsigned long)o->nodeid);
	else
		took_reference(m, o, inode);
}

static void put_one(struct model *m)
{
	struct model_object *o = some_object(m, true);

	if (!o)
		return;
	finode_put(o->inode);
	o->refs--;
	settle(m, o);
}

static void count_one(struct model *m)
{
	struct model_object *o = some_object(m, true);
	uint64_t n = draw(m, 4);

	if (!o)
		return;
	if (draw(m, 4)) {
		finode_count(o->inode, n);
		*(o->mount->detached ? &m->owed : &o->count) += n;
	} else {
		n = n < o->count ? n : o->count;
		finode_uncount(o->inode, n);
		o->count -= n;
	}
}

static void hold_or_retire_one(struct model *m)
{
	struct model_object *o = some_object(m, true);

	if (!o)
		return;
	if (draw(m, 2)) {
		took_reference(m, o, finode_hold(o->inode));
	} else {
		finode_retire(o->inode);
		model_retire(m, o);
	}
}

/* What a FORGET does to the model; n may be a lie. */
static void model_forget(struct model *m, uint64_t nodeid, uint64_t n)
{
	m->forgets++;
	if (nodeid == FINODE_ROOT_ID) {
		m->root++;
		return;
	}
	for (int i = 0; i < MODEL_OBJECTS; i++) {
		struct model_object *o = &m->objects[i];

		if (!o->alive || o->nodeid != nodeid)
			continue;
		if (n > o->count && o->mount->detached) {
			m->late++;
			m->owed -= n < m->owed ? n : m->owed; /* it has no count */
		} else {
			m->clamped += n > o->count;
		}
		o->count -= n < o->count ? n : o->count;
		settle(m, o);
		return;
	}
	if (m->owed > 0 && m->owed >= n) {
		m->owed -= n;
		m->late++;
	} else {
		m->unknown++;
	}
}

static struct finode_forget_one some_forget(struct model *m)
{
	struct model_object *o = some_object(m, false);
	struct finode_forget_one forget = {0, draw(m, 4)};

	switch (draw(m, 16)) {
	case 0:
		forget.nodeid = FINODE_ROOT_ID;
		break;
	case 1:
		forget.nodeid = m->dead[draw(m, MODEL_OBJECTS)];
		break;
	case 2:
		forget.nlookup = UINT64_MAX - draw(m, 4);
		/* fall through */
	default:
		forget.nodeid = o ? o->nodeid : 0;
		if (o && draw(m, 4))
			forget.nlookup = o->count;
		break;
	}
	return forget;
}

static void forget_some(struct model *m)
{
	struct finode_forget_one batch[20];
	unsigned int count = draw(m, 2) ? 1 : draw(m, 20);

	for (unsigned int i = 0; i < count; i++) {
		batch[i] = some_forget(m);
		model_forget(m, batch[i].nodeid, batch[i].nlookup);
	}
	if (count == 1)
		finode_forget(m->f.table, batch[0].nodeid, batch[0].nlookup);
	else
		finode_forget_batch(m->f.table, batch, count);
}

static void forget_all(struct model *m)
{
	if (draw(m, 50))
		return;
	finode_table_forget_all(m->f.table);
	m->owed = 0;
	for (int i = 0; i < MODEL_OBJECTS; i++) {
		m->objects[i].count = 0;
		settle(m, &m->objects[i]);
	}
}

static struct model_mount *mount_by_id(struct model *m, uint64_t id)
{
	for (int i = 0; i < MODEL_MOUNTS; i++)
		if (m->mounts[i].alive && !m->mounts[i].detached && m->mounts[i].id == id)
			return &m->mounts[i];
	return NULL;
}

static struct model_mount *free_mount(struct model *m)
{
	for (int i = 0; i < MODEL_MOUNTS; i++)
		if (!m->mounts[i].alive)
			return &m->mounts[i];
	return NULL;
}

static void obtain_mount(struct model *m)
{
	const struct finode_mount_id id = {{draw(m, MODEL_IDS)}};
	struct model_mount *o = mount_by_id(m, id.word[0]), *unused = free_mount(m);
	struct finode_mount *mount = NULL;
	int result = WAS_FOUND;
	bool may_fail = draw(m, 4) == 0, made = false;

	if (unused) {
		m->f.fail_after = may_fail ? (long)draw(m, 3) : -1;
		result = finode_mount_obtain(m->mounts[0].mount, &id, NULL, &mount, &made);
		if (!result && made)
			result = WAS_CREATED;
		m->f.fail_after = -1;
		m->failed_allocations += result == -ENOMEM;
	}
	if (result == WAS_CREATED && !o) {
		*unused = (struct model_mount){mount, id.word[0], 1, true, false};
		m->mounts_created++;
	} else if (mount && o && result == WAS_FOUND && mount == o->mount) {
		o->refs++;
	} else if (mount || (result < 0 && (o || !may_fail))) {
		differ(m, "obtain of mount %lu returned %d", (unsigned long)id.word[0],
		       result);
	}
}

static void detach(struct model *m, struct model_mount *mount)
{
	finode_mount_detach(mount->mount);
	m->mounts_detached += !mount->detached;
	mount->detached = true;
	for (int i = 0; i < MODEL_OBJECTS; i++) {
		struct model_object *o = &m->objects[i];

		if (!o->alive || o->mount != mount)
			continue;
		m->owed += o->count;
		o->count = 0;
		model_retire(m, o);
	}
}

static void mount_one(struct model *m)
{
	struct model_mount *mount = some_mount(m);

	if (draw(m, 2)) {
		obtain_mount(m);
	} else if (mount != &m->mounts[0] && draw(m, 3) == 0) {
		detach(m, mount);
	} else if (mount->refs > 1 || mount != &m->mounts[0]) {
		finode_mount_put(mount->mount);
		mount->refs--;
		settle_mount(m, mount);
	}
}

static void compare_counts(struct model *m)
{
	for (int i = 0; i < MODEL_OBJECTS; i++) {
		const struct model_object *o = &m->objects[i];

		if (o->alive &&
		    (atomic_load(inode_nlookup(o->inode)) != o->count ||
		     slot_refs(inode_slot(o->inode)) != o->refs + (o->count > 0)))
			differ(m,
			       "nodeid %#lx: count %lu and %u references, not %lu and %u",
			       (unsigned long)o->nodeid,
			       (unsigned long)atomic_load(inode_nlookup(o->inode)),
			       slot_refs(inode_slot(o->inode)), (unsigned long)o->count,
			       o->refs + (o->count > 0));
	}
}

static void compare(struct model *m)
{
	struct finode_stats s = stats_of(&m->f);
	char why[200];

#define SAME(field, expected)                                                              \
	do {                                                                               \
		if (s.field != (expected))                                                 \
			differ(m, #field " is %lu, not %lu", (unsigned long)s.field,       \
			       (unsigned long)(expected));                                 \
	} while (0)
	SAME(created, m->created + 1);
	SAME(evicted, m->evicted);
	SAME(retired, m->retired);
	SAME(forgets, m->forgets);
	SAME(forgets_clamped, m->clamped);
	SAME(forgets_unknown, m->unknown);
	SAME(forgets_root, m->root);
	SAME(forgets_late, m->late);
	SAME(mounts_created, m->mounts_created);
	SAME(mounts_evicted, m->mounts_evicted);
	SAME(mounts_detached, m->mounts_detached);
	compare_counts(m);
	if (m->f.broken)
		differ(m, "an object was not whole in a callback");
	if (m->steps % 16 == 0 && finode_table_check(m->f.table, why, sizeof(why)) != 0)
		differ(m, "check: %s", why);
}

bool model_step(struct model *m)
{
	static void (*const operations[])(struct model * m) = {
		obtain_one, obtain_one, find_one,  get_one,	put_one,
		put_one,    count_one,	count_one, forget_some, hold_or_retire_one,
		forget_all, mount_one,
	};
	const unsigned int count = sizeof(operations) / sizeof(operations[0]);

	m->steps++;
	operations[draw(m, count)](m);
	compare(m);
	return m->wrong[0] == '\0';
}

void model_start(struct model *m, unsigned int (*draw_fn)(void *source, unsigned int n),
		 void *source)
{
	memset(m, 0, sizeof(*m));
	m->draw = draw_fn;
	m->source = source;
	fixture_init(&m->f);
	m->f.config.shards = 2;
	if (fixture_start(&m->f) != 0) {
		differ(m, "the table could not be made");
		return;
	}
	m->mounts_created = 1;
	m->mounts[0] = (struct model_mount){finode_table_root(m->f.table)->mount, 0, 1,
					    true, false};
}

bool model_end(struct model *m)
{
	for (int i = 0; i < MODEL_OBJECTS; i++)
		for (; m->objects[i].alive && m->objects[i].refs > 0; m->objects[i].refs--)
			finode_put(m->objects[i].inode);
	for (int i = 1; i < MODEL_MOUNTS; i++)
		for (; m->mounts[i].alive && m->mounts[i].refs > 0; m->mounts[i].refs--)
			finode_mount_put(m->mounts[i].mount);
	for (; m->mounts[0].refs > 1; m->mounts[0].refs--)
		finode_mount_put(m->mounts[0].mount);
	finode_table_destroy(m->f.table);
	if (m->f.inits != m->f.evicts)
		differ(m, "%u init() and %u evict()", m->f.inits, m->f.evicts);
	if (m->f.live_allocations != 0)
		differ(m, "%ld allocations are left", m->f.live_allocations);
	return m->wrong[0] == '\0';
}
