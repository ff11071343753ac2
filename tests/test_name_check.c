/* SPDX-License-Identifier: BSD-3-Clause */
/* Windows into names: what the check notices, the dump, and mistakes of the author's. */
#include "support/names_fixture.h"

#include <stdio.h>

#include "names/alias.h"

static void test_dump_has_a_line_for_each_name(void **state)
{
	struct names_fixture n;
	struct finode *file;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	(void)state;
	names_create(&n);
	file = make_file(&n, 20);
	must_add(n.root, "plain", file);
	must_add(n.root, "new\nline\"", file);
	stream = open_memstream(&text, &size);
	assert_int_equal(finode_table_dump(n.f.table, stream), 0);
	fclose(stream);
	assert_non_null(strstr(text, "\n  name in 0x1 \"plain\"\n"));
	assert_non_null(strstr(text, "\n  name in 0x1 \"new\\x0aline\\x22\"\n"));
	free(text);
	finode_put(file);
	names_finish(&n);
}

static void assert_noticed(struct names_fixture *n, const char *words)
{
	char why[200] = "";

	assert_int_equal(finode_table_check(n->f.table, why, sizeof(why)), -EUCLEAN);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
}

/* An alias that is attached without being asked whether it may be. */
static struct finode_alias *force(struct finode *dir, const char *name,
				  struct finode *inode)
{
	struct finode_alias *alias;

	assert_int_equal(finode__alias_create(dir, name,
					      finode__name_hash(names_of(dir), name), inode,
					      &alias),
			 0);
	finode__alias_attach(alias);
	return alias;
}

static void undo(struct finode_alias *alias)
{
	struct finode_alias *doomed = NULL;

	finode__alias_detach(alias, &doomed);
	finode__aliases_end(&doomed);
}

static void test_check_notices_each_kind_of_damage(void **state)
{
	struct names_fixture n;
	struct finode *early, *a, *b, *file, *other;
	struct finode_alias *alias, *forced = NULL;
	struct alias_core *core;
	struct children *children;

	(void)state;
	names_init(&n);
	n.f.config.shards = 1; /* so the walk is in the order of their making */
	assert_int_equal(names_start(&n), 0);
	early = make_file(&n, 19);
	a = make_dir(&n, 10);
	b = make_dir(&n, 11);
	file = make_file(&n, 20);
	other = make_file(&n, 21);
	must_add(n.root, "a", a);
	must_add(a, "b", b);
	must_add(a, "f\n", file);
	must_add(a, "g", file);
	alias = alias_of(a, "f\n");
	core = alias_core(alias);
	children = &dir_node(a)->children;
#define DAMAGE(break_it, words, mend_it)                                                   \
	do {                                                                               \
		break_it;                                                                  \
		assert_noticed(&n, words);                                                 \
		mend_it;                                                                   \
		assert_table_clean(&n.f);                                                  \
	} while (0)
	DAMAGE(core->hash ^= 1, "\"f\\x0a\": it does not have its hash", core->hash ^= 1);
	DAMAGE(core->attached = 0, "no child of its own", core->attached = 1);
	DAMAGE(alias->dir = b, "no child of its own", alias->dir = a);
	DAMAGE(children->count++, "but counts 4", children->count--);
	DAMAGE(alias->inode = other, "not in the ring", alias->inode = file);
	DAMAGE(core->holds = 0, "no holds", core->holds = 2);
	DAMAGE(core->prev = NULL, "not in the ring", core->prev = core->next);
	DAMAGE(atomic_fetch_sub(&inode_slot(a)->word, 3), "only 2 references",
	       atomic_fetch_add(&inode_slot(a)->word, 3));
	DAMAGE(forced = force(n.root, "b", b), "with 2 names", undo(forced));
	DAMAGE(forced = force(b, "a", n.root), "with 1 names", undo(forced));
	DAMAGE(forced = force(a, "f\n", other), "not what nodeid", undo(forced));
	finode_alias_remove(n.root, "a");
	DAMAGE(forced = force(b, "a", a), "below itself", undo(forced));
	finode_alias_put(alias);
	must_add(a, "h", early);
	must_add(a, "i", early);
	core = alias_core(name_node(early)->aliases);
	DAMAGE(core->prev = name_node(early)->aliases, "is torn", core->prev = core->next);
	DAMAGE(name_node(early)->aliases = NULL, "not in the ring",
	       name_node(early)->aliases = alias_core(core->prev)->next);
	DAMAGE(name_node(early)->aliases->inode = file, "is another's",
	       name_node(early)->aliases->inode = early);
	finode_put(early);
	finode_put(a);
	finode_put(b);
	finode_put(file);
	finode_put(other);
	names_finish(&n);
}

static void leave_an_alias(struct fixture *f)
{
	static struct names_fixture n;
	struct finode *file;

	names_init(&n);
	n.f.config.log_user = f;
	if (names_start(&n) != 0 || obtain(&n.f, 20, &file) < 0 ||
	    finode_alias_add(n.root, "f", file, 0) < 0 || !alias_of(n.root, "f"))
		exit(4);
	finode_put(file);
	finode_table_destroy(n.f.table);
	if (n.f.live_allocations != 0)
		exit(5);
}

static void test_mistakes_of_the_author_are_reported(void **state)
{
	(void)state;
	assert_misuse(leave_an_alias);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_has_a_line_for_each_name),
		cmocka_unit_test(test_check_notices_each_kind_of_damage),
		cmocka_unit_test(test_mistakes_of_the_author_are_reported),
	};

	return cmocka_run_group_tests_name("name_check", tests, NULL, NULL);
}
