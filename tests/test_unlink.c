/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guarantee H: unlinked is not gone. When the last name goes, who uses the backing object
 * and who finds it again by another hardlink, in every order that could leave an inode with
 * a closed object; the threads are stopped at chosen points.
 */
#include "support/names_fixture.h"
#include "support/schedule.h"

#include <errno.h>
#include <stdio.h>

#include "names/names.h"

/* One file, /f, whose object is held or not; the others of the table are not looked at. */
static struct {
	struct names_fixture n;
	struct finode *f;
	struct finode_ops ops;
	_Atomic int held, using; /* the object, and how many use it */
	_Atomic unsigned int unlinkeds, rebinds, broken;
	_Atomic int rebind_error;
} w;

#define F_NUMBER 20

static void release(struct finode *base)
{
	if (base != w.f || !w.held || w.using)
		w.broken++;
	w.held = 0;
	w.unlinkeds++;
}

static int hold_again(struct finode *base, void *arg)
{
	if (base != w.f || w.held || !arg)
		w.broken++;
	if (w.rebind_error)
		return w.rebind_error;
	w.held = 1;
	w.rebinds++;
	return 0;
}

static void begin(void)
{
	memset(&w, 0, sizeof(w));
	names_init(&w.n);
	w.ops = *w.n.f.config.ops;
	w.ops.unlinked = release;
	w.ops.rebind = hold_again;
	w.n.f.config.ops = &w.ops;
	assert_int_equal(names_start(&w.n), 0);
	w.f = make_file(&w.n, F_NUMBER);
	w.held = 1;
	must_add(w.n.root, "f", w.f);
}

static void end(void)
{
	assert_table_clean(&w.n.f);
	finode_put(w.f);
	names_finish(&w.n);
	assert_int_equal(w.broken, 0);
}

/* What UNLINK does, but for the backend. */
static int unlink_name(const char *name)
{
	assert_int_equal(finode_alias_remove(w.n.root, name), 0);
	return finode_unlinked(w.f);
}

/* What a look-up of another hardlink does. @return as finode_obtain() */
static int find_again(void)
{
	struct finode *found;
	int result = obtain(&w.n.f, F_NUMBER, &found);

	if (result >= 0 && found != w.f)
		w.broken++;
	finode_put(found);
	return result;
}

static void test_h_the_last_name_releases_once(void **state)
{
	(void)state;
	begin();
	assert_int_equal(unlink_name("f"), 1);
	assert_int_equal(w.held, 0);
	assert_int_equal(finode_unlinked(w.f), 0); /* once */
	assert_int_equal(w.unlinkeds, 1);
	assert_int_equal(stats_of(&w.n.f).unlinked, 1);
	assert_int_equal(finode_pin(w.f), -ESTALE);
	end(); /* and evict() runs for it all the same */
}

static void test_h_the_root_is_never_released(void **state)
{
	(void)state;
	begin();
	assert_int_equal(finode_unlinked(w.n.root), 0);
	assert_int_equal(finode_pin(w.n.root), 0);
	finode_unpin(w.n.root);
	assert_int_equal(w.unlinkeds, 0);
	end();
}

static void test_h_another_name_keeps_it(void **state)
{
	(void)state;
	begin();
	must_add(w.n.root, "g", w.f);
	assert_int_equal(unlink_name("f"), 0);
	assert_int_equal(finode_pin(w.f), 0);
	finode_unpin(w.f);
	assert_int_equal(unlink_name("g"), 1);
	assert_int_equal(w.unlinkeds, 1);
	end();
}

static void test_h_an_open_file_keeps_it(void **state)
{
	struct finode_file *file;

	(void)state;
	begin();
	assert_int_equal(finode_file_open(w.f, &w.n.f, &file), 0);
	assert_int_equal(unlink_name("f"), 0);
	assert_int_equal(w.held, 1);
	assert_int_equal(finode_file_close(w.n.f.table, file->fh), 0);
	assert_int_equal(finode_unlinked(w.f), 0); /* a request still uses the file */
	finode_file_put(file);
	assert_int_equal(finode_unlinked(w.f), 1);
	assert_int_equal(finode_file_open(w.f, &w.n.f, &file), -ESTALE);
	end();
}

static void test_h_a_later_lookup_rebinds(void **state)
{
	struct finode_file *file;

	(void)state;
	begin();
	assert_int_equal(unlink_name("f"), 1);
	assert_int_equal(finode_alias_add(w.n.root, "g", w.f, 0), -ESTALE);
	assert_int_equal(find_again(), 0);
	assert_int_equal(w.rebinds, 1);
	assert_int_equal(find_again(), 0); /* nothing more to do */
	assert_int_equal(w.rebinds, 1);
	assert_int_equal(stats_of(&w.n.f).rebound, 1);
	must_add(w.n.root, "g", w.f);
	assert_int_equal(finode_pin(w.f), 0);
	finode_unpin(w.f);
	assert_int_equal(finode_file_open(w.f, &w.n.f, &file), 0);
	finode_file_close(w.n.f.table, file->fh);
	finode_file_put(file);
	assert_int_equal(unlink_name("g"), 1); /* and so on */
	end();
}

static void test_h_what_cannot_be_rebound_stays_released(void **state)
{
	(void)state;
	begin();
	assert_int_equal(unlink_name("f"), 1);
	w.rebind_error = -EMFILE;
	assert_int_equal(find_again(), -EMFILE);
	assert_int_equal(finode_pin(w.f), -ESTALE);
	w.rebind_error = 0;
	assert_int_equal(find_again(), 0);
	assert_int_equal(finode_pin(w.f), 0);
	finode_unpin(w.f);
	end();
}

static void test_the_config_must_fit(void **state)
{
	struct names_fixture n;
	struct finode_ops ops;

	(void)state;
	names_init(&n);
	ops = *n.f.config.ops;
	ops.unlinked = release;
	n.f.config.ops = &ops;
	assert_int_equal(names_start(&n), -EINVAL);
	ops.rebind = hold_again;
	n.f.config.aliases = 0;
	assert_int_equal(names_start(&n), -EINVAL);
}

/* ---- Schedules ---- */

struct party {
	struct actor actor;
	int result;
};

#define RESULT(actor_) (FINODE_CONTAINER_OF(actor_, struct party, actor)->result)

static void does_unlinked(struct actor *actor)
{
	RESULT(actor) = finode_unlinked(w.f);
}

static void does_obtain(struct actor *actor)
{
	RESULT(actor) = find_again();
}

static void does_pin(struct actor *actor)
{
	RESULT(actor) = finode_pin(w.f);
}

/* Uses the object as a request does, and stops in between at the wait of others. */
static void does_use(struct actor *actor)
{
	RESULT(actor) = finode_pin(w.f);
	if (RESULT(actor))
		return;
	if (!w.held)
		w.broken++;
	finode_unpin(w.f);
}

static void test_h_unlinked_waits_for_pins(void **state)
{
	static struct party unlinked, use;

	(void)state;
	begin();
	assert_int_equal(finode_pin(w.f), 0);
	w.using ++;
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&unlinked.actor, does_unlinked, NULL);
	assert_false(actor_settle(&unlinked.actor));
	assert_int_equal(w.unlinkeds, 0);
	actor_start(&use.actor, does_use, NULL); /* who uses it twice must not wait */
	actor_finish(&use.actor);
	assert_int_equal(use.result, 0);
	assert_int_equal(w.unlinkeds, 0);
	w.using --;
	finode_unpin(w.f);
	actor_finish(&unlinked.actor);
	assert_int_equal(unlinked.result, 1);
	assert_int_equal(finode_pin(w.f), -ESTALE);
	end();
}

static void test_h_a_name_added_while_unlinked_waits_keeps_it(void **state)
{
	static struct party unlinked;

	(void)state;
	begin();
	assert_int_equal(finode_pin(w.f), 0);
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&unlinked.actor, does_unlinked, NULL);
	assert_false(actor_settle(&unlinked.actor));
	must_add(w.n.root, "g", w.f); /* LINK, by who has pinned it */
	finode_unpin(w.f);
	actor_finish(&unlinked.actor);
	assert_int_equal(unlinked.result, 0);
	assert_int_equal(w.held, 1);
	assert_int_equal(finode_pin(w.f), 0);
	finode_unpin(w.f);
	end();
}

static void test_h_a_file_opened_while_unlinked_waits_keeps_it(void **state)
{
	static struct party unlinked;
	struct finode_file *file;

	(void)state;
	begin();
	assert_int_equal(finode_pin(w.f), 0);
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&unlinked.actor, does_unlinked, NULL);
	assert_false(actor_settle(&unlinked.actor));
	assert_int_equal(finode_file_open(w.f, &w.n.f, &file), 0);
	finode_unpin(w.f);
	actor_finish(&unlinked.actor);
	assert_int_equal(unlinked.result, 0);
	assert_int_equal(w.held, 1);
	finode_file_close(w.n.f.table, file->fh);
	finode_file_put(file);
	end();
}

static void test_h_a_lookup_during_unlinked_waits_and_rebinds(void **state)
{
	static struct party unlinked, lookup, pin;

	(void)state;
	begin();
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&unlinked.actor, does_unlinked, "unlinked: before unlinked()");
	actor_start(&lookup.actor, does_obtain, NULL);
	assert_false(actor_settle(&lookup.actor));
	actor_start(&pin.actor, does_pin, NULL);
	assert_false(actor_settle(&pin.actor));
	actor_finish(&unlinked.actor);
	actor_finish(&lookup.actor);
	actor_finish(&pin.actor);
	assert_int_equal(unlinked.result, 1);
	assert_int_equal(lookup.result, 0);
	assert_int_equal(w.held, 1);
	if (pin.result == 0) /* it came before the look-up, or after */
		finode_unpin(w.f);
	else
		assert_int_equal(pin.result, -ESTALE);
	end();
}

/* Thread 1 unlinks dir1/file while thread 2, which looks up dir2/link, has it in its hand.
 */
static void test_h_a_lookup_that_unlinked_overtakes_looks_again(void **state)
{
	struct finode *found;

	(void)state;
	begin();
	assert_int_equal(obtain(&w.n.f, F_NUMBER, &found), 0); /* thread 2 */
	assert_int_equal(unlink_name("f"), 1);		       /* thread 1 */
	assert_int_equal(finode_alias_add(w.n.root, "link", found, 0), -ESTALE);
	finode_put(found);
	assert_int_equal(find_again(), 0);
	must_add(w.n.root, "link", w.f);
	assert_int_equal(w.held, 1);
	end();
}

static void test_h_two_unlinks_at_once_release_once(void **state)
{
	static struct party first, second;

	(void)state;
	begin();
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&first.actor, does_unlinked, "unlinked: before unlinked()");
	actor_start(&second.actor, does_unlinked, NULL);
	assert_false(actor_settle(&second.actor)); /* its reply waits for it, too */
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	assert_int_equal(first.result + second.result, 1);
	assert_int_equal(w.unlinkeds, 1);
	end();
}

static void test_h_two_unlinks_that_wait_release_once(void **state)
{
	static struct party first, second;

	(void)state;
	begin();
	assert_int_equal(finode_pin(w.f), 0);
	assert_int_equal(finode_alias_remove(w.n.root, "f"), 0);
	actor_start(&first.actor, does_unlinked, NULL);
	assert_false(actor_settle(&first.actor));
	actor_start(&second.actor, does_unlinked, NULL);
	assert_false(actor_settle(&second.actor));
	finode_unpin(w.f);
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	assert_int_equal(first.result + second.result, 1);
	assert_int_equal(w.unlinkeds, 1);
	end();
}

static void test_h_two_lookups_rebind_once(void **state)
{
	static struct party first, second, use;

	(void)state;
	begin();
	assert_int_equal(unlink_name("f"), 1);
	actor_start(&first.actor, does_obtain, "obtain: rebinding");
	actor_start(&second.actor, does_obtain, NULL);
	assert_false(actor_settle(&second.actor));
	actor_start(&use.actor, does_use, NULL);
	assert_false(actor_settle(&use.actor));
	actor_finish(&first.actor);
	actor_finish(&second.actor);
	actor_finish(&use.actor);
	assert_int_equal(first.result, 0);
	assert_int_equal(second.result, 0);
	assert_int_equal(use.result, 0);
	assert_int_equal(w.rebinds, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_h_the_last_name_releases_once),
		cmocka_unit_test(test_h_the_root_is_never_released),
		cmocka_unit_test(test_h_another_name_keeps_it),
		cmocka_unit_test(test_h_an_open_file_keeps_it),
		cmocka_unit_test(test_h_a_later_lookup_rebinds),
		cmocka_unit_test(test_h_what_cannot_be_rebound_stays_released),
		cmocka_unit_test(test_the_config_must_fit),
		cmocka_unit_test(test_h_unlinked_waits_for_pins),
		cmocka_unit_test(test_h_a_name_added_while_unlinked_waits_keeps_it),
		cmocka_unit_test(test_h_a_file_opened_while_unlinked_waits_keeps_it),
		cmocka_unit_test(test_h_a_lookup_during_unlinked_waits_and_rebinds),
		cmocka_unit_test(test_h_a_lookup_that_unlinked_overtakes_looks_again),
		cmocka_unit_test(test_h_two_unlinks_at_once_release_once),
		cmocka_unit_test(test_h_two_unlinks_that_wait_release_once),
		cmocka_unit_test(test_h_two_lookups_rebind_once),
	};

	return cmocka_run_group_tests_name("unlink", tests, NULL, NULL);
}
