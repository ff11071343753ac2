/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names, and the release of a backing object, for every order of steps of a few threads.
 *
 * This file owns a model of what lies between UNLINK, RENAME and LINK on one side and
 * LOOKUP of another hardlink, GETATTR and OPEN on the other: finode_pin(), finode_unpin(),
 * finode_unlinked(), the part of finode_obtain() that calls rebind(), what counts open
 * files, finode_alias_add() and finode_alias_rename(), and handlers that use them in the
 * right order. Spin walks
 * through every state that the model can reach and looks at every CHECK in each. It is a
 * model, not the code: docs/verification.md says what stands for what, and what is left
 * out. tests/model/run.sh runs it.
 *
 * What there is
 *
 *   - Two directories with a name each, number 0 ("d1/a") and 1 ("d2/b"). A name has in
 *     the backend nothing, the file FILE, another file OTHER, or NEXT: a file that was
 *     made when FILE was gone from the backend, and has its inode number, so its key.
 *   - The inode of FILE, which the kernel counts all the time. The server has a handle of
 *     FILE for it (`held`), as passthrough servers have an fd. The backend keeps FILE as
 *     long as it has a link, or anyone has a handle of it.
 *   - OTHER and NEXT have inodes too, but these have no life here.
 *   - Handlers: each serves up to ROUNDS (OTHER_ROUNDS) requests, one after the other, and
 *     takes any of those that the variant has.
 *   - The end: when all of them are done, nothing may be left that should have gone.
 *
 * The state of the backing object, under the lock of the inode's names, is that of
 * lib/names/unlink.h:
 *
 *               no link, no name, no file             no pin
 *        HELD ----------------------------> WANTED ---------> UNLINKING  unlinked() runs
 *        ^  ^                                 |                   |
 *        |  '--- a name or a file meanwhile --'                   v
 *        '------------- REBINDING <----------------------------- GONE
 *    rebind() took the lookup's handle   rebind() failed: GONE again
 *
 * Pins, open files and names come in WANTED as they do in HELD. So nobody who has a pin
 * waits for those who wait for pins, and a handler may pin twice, or open what it has
 * pinned: that is searched in every variant.
 *
 * How steps are cut
 *
 * What is done under the lock of the inode's names is one step: it is plain memory. Who
 * waits on its condition sleeps until somebody wakes; the code wakes also where nobody
 * could go on, which the model leaves out. Each call of the backend is a step, and so is
 * each taking of a directory's lock. unlinked(), rebind() and the use of a pinned handle
 * last from one step to a later one, and others run meanwhile. Steps are sequentially
 * consistent.
 *
 * Ghosts are variables that the code does not have. They change in the step that they
 * speak of, and are read by CHECKs only.
 *
 * Variants: LOCKED, where handlers take the lock of the directory as finode/dirlock.h says,
 * or UNLOCKED. EAGER: the backend may say that no link is left when there is one, as it may
 * where attributes are cached; or the author does not ask. What can happen without EAGER
 * can happen with it: only searches for defects go without. LINK: there are LINK, and other
 * clients of the backend. RELEASE: the handler of RELEASE releases it too, when no link is
 * left. TRIM, with UNLOCKED: other clients rename FILE, and each reply with an entry brings
 * the number of its links, by which the older one of two known names is dropped; elsewhere
 * that number is 0. BREAK_<name> puts in a defect that Spin must notice.
 */
#ifndef HANDLERS
#define HANDLERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1 /* of the first handler; */
#endif
#ifndef OTHER_ROUNDS
#define OTHER_ROUNDS 1 /* of every other */
#endif
#if defined(LOCKED) == defined(UNLOCKED)
#error one of LOCKED and UNLOCKED
#endif

/*
 * A CHECK that fails shows its name in Spin's message. The names are variables that stay
 * 0 and are no part of a state.
 */
#define CHECK(name, condition) assert(name || (condition))
hidden byte A_rebound_to_the_same_object, F_callbacks_come_one_by_one,
	G_known_is_a_link, G_shown_is_known, G_trimmed_to_its_links, H_used_while_held,
	H_named_is_held, H_open_is_held, H_pinned_is_held, H_released_when_unused, H_released_once,
	H_rebound_when_gone, H_link_is_usable, N_removed_is_released, Z_nothing_is_left;

/* What a name has in the backend, and what it is known to name. */
#define NONE  0
#define FILE  1
#define OTHER 2
#define NEXT  3

byte backend[2];
byte alias[2];
#ifdef TRIM
bit newest; /* of two aliases of FILE */
#endif

#define COUNT(names, object) ((names[0] == object) + (names[1] == object))
#define LINKS		     COUNT(backend, FILE)
#define NAMES		     COUNT(alias, FILE)

/* The inode of FILE: its backing object, under the lock of its names. */
#define HELD	   0
#define WANTED	   1 /* one waits for the pins, to release it */
#define UNLINKING 2 /* unlinked() runs */
#define GONE	   3
#define REBINDING  4 /* rebind() runs */
#define USABLE	   (state == HELD || state == WANTED)
#define IN_BETWEEN (state == UNLINKING || state == REBINDING)
byte state = HELD;
byte pins;  /* uses of the handle now */
byte opens; /* open files */
bit waits[HANDLERS + 1];

/* The server's handles of FILE. */
bit held = 1; /* the inode's; */
byte found;   /* of lookups: not yet taken by rebind(), not yet closed */

byte running = HANDLERS;

/* Ghosts. Those about replies are for LOCKED only. */
#ifdef LOCKED
#define GHOST(change) change
#else
#define GHOST(change) skip
#endif
byte shown[2];	   /* what the kernel was told that the name is */
byte callbacks;	   /* unlinked() and rebind() that run */
byte removing;	   /* handlers that have removed a link and not yet decided to release it */
bit kept_for_open; /* no link was left, but the file was open */

/* pthread_cond_broadcast() of the stripe's condition. */
inline broadcast()
{
	waits[0] = 0;
#if HANDLERS > 1
	waits[1] = 0;
#endif
#if HANDLERS > 2
	waits[2] = 0;
#endif
	skip
}

/* The author uses the pinned handle. */
#define USE CHECK(H_used_while_held, held)

/*
 * settle_locked(), and what follows it for a pin or an open file: with ok = 1 and one more
 * of them, or with ok = 0 (-ESTALE) if the object is gone.
 */
inline settle_and_count(uses, others_wait)
{
	do
	:: atomic {
		!waits[me];
		if
		:: state == GONE -> ok = 0; break
		:: USABLE && !(others_wait) -> uses++; ok = 1; break
		:: IN_BETWEEN || (USABLE && (others_wait)) -> waits[me] = 1
		fi
	   }
	od
}

#ifdef BREAK_PIN_WAITS_FOR_WANTED
#define PIN_WAITS (state == WANTED)
#else
#define PIN_WAITS false
#endif
#ifdef BREAK_OPEN_WAITS_FOR_WANTED
#define OPEN_WAITS (state == WANTED)
#else
#define OPEN_WAITS false
#endif

inline finode_pin()
{
	settle_and_count(pins, PIN_WAITS)
}

inline finode_unpin()
{
	atomic {
		USE; /* to the end */
		assert(pins > 0);
		pins--;
		if
		:: pins == 0 -> broadcast()
		:: else
		fi
	}
}

/* finode_file_open(), the part that keeps the object; its end is `opens--`. */
inline finode_file_open()
{
	settle_and_count(opens, OPEN_WAITS)
}

/* It is decided whether to release it. */
inline decide()
{
	removing = removing - counted;
	counted = 0;
	mine = 0
}

inline decide_to_keep()
{
	GHOST(kept_for_open = (kept_for_open || (opens > 0 && LINKS == 0)));
	last = (last && !(NAMES > 0 && removing > counted));
	decide()
}

inline decide_to_release()
{
	state = UNLINKING;
	go = 1;
	decide()
}

#ifdef BREAK_UNLINKED_IGNORES_OPENS
#define UNUSED (NAMES == 0)
#else
#define UNUSED (NAMES == 0 && opens == 0)
#endif
#ifdef BREAK_NO_WAIT_FOR_PINS
#define QUIET true
#else
#define QUIET (pins == 0)
#endif
#ifdef BREAK_NO_SECOND_CHECK
#define STILL_UNUSED true
#else
#define STILL_UNUSED UNUSED
#endif
#ifdef BREAK_TWO_WANT
#define ANOTHER_WANTS false
#else
#define ANOTHER_WANTS (state == WANTED)
#endif

/*
 * finode_unlinked(). Who comes while another waits to release it, releases or rebinds it,
 * waits for the end of that: the handle must be closed before either of them replies. With
 * mine = 1 it is this handler that made it WANTED.
 */
inline finode_unlinked()
{
	do
	:: atomic {
		!waits[me];
		if
#ifdef BREAK_NO_WAIT_FOR_ANOTHER
		:: !mine && (IN_BETWEEN || ANOTHER_WANTS) -> decide(); break
#else
		:: !mine && (IN_BETWEEN || ANOTHER_WANTS) -> waits[me] = 1
#endif
		:: !mine && state == GONE -> decide(); break
		:: !mine && USABLE && !ANOTHER_WANTS && !UNUSED -> decide_to_keep(); break
		:: !mine && USABLE && !ANOTHER_WANTS && UNUSED && QUIET ->
			decide_to_release();
			break
		:: !mine && USABLE && !ANOTHER_WANTS && UNUSED && !QUIET ->
			state = WANTED;
			mine = 1;
			waits[me] = 1
		:: mine && !QUIET -> waits[me] = 1
		:: mine && QUIET && STILL_UNUSED -> decide_to_release(); break
		:: mine && QUIET && !STILL_UNUSED ->
			state = HELD;
			decide_to_keep();
#ifndef BREAK_NO_WAKE_WHEN_KEPT
			broadcast();
#endif
			break
		fi
	   }
	od;
	if
	:: go -> release_object()
	:: else
	fi
}

/* unlinked(), which closes the handle, and what is before and after it. */
inline release_object()
{
	atomic { /* unlinked() is called */
		CHECK(H_released_when_unused, pins == 0 && NAMES == 0 && opens == 0);
		CHECK(H_released_once, held && state == UNLINKING);
		CHECK(F_callbacks_come_one_by_one, callbacks == 0);
		callbacks++
	}
	atomic { /* and returns */
		CHECK(H_released_when_unused, pins == 0 && NAMES == 0 && opens == 0);
		callbacks--;
		held = 0
	}
	atomic {
		state = GONE;
		go = 0;
#ifndef BREAK_NO_WAKE_WHEN_GONE
		broadcast()
#endif
	}
}

/* rebind(), which takes the lookup's handle or fails, and what is before and after it. */
inline rebind_object()
{
	atomic { /* rebind() is called */
		CHECK(A_rebound_to_the_same_object, what == FILE);
		CHECK(H_rebound_when_gone, !held && NAMES == 0 && pins == 0);
		CHECK(F_callbacks_come_one_by_one, callbacks == 0);
		callbacks++
	}
	atomic { /* and returns */
		CHECK(H_rebound_when_gone, !held && NAMES == 0 && pins == 0);
		callbacks--;
		if
		:: held = 1; taken = 1; found--
		:: me < HANDLERS -> ok = 0 /* as it may, but for the last lookups */
		fi
	}
	atomic {
		state = (taken -> HELD : GONE);
		go = 0;
		broadcast()
	}
}

#ifdef BREAK_REBIND_TOGETHER
#define TAKE_HOLD skip
#else
#define TAKE_HOLD state = REBINDING
#endif

/* finode__backing_found(): with ok = 0 if rebind() failed. */
inline backing_found()
{
	do
	:: atomic {
		!waits[me];
		if
		:: IN_BETWEEN -> waits[me] = 1
		:: USABLE -> break
#ifdef BREAK_NO_REBIND
		:: state == GONE -> break
#else
		:: state == GONE -> TAKE_HOLD; go = 1; break
#endif
		fi
	   }
	od;
	if
	:: go -> rebind_object()
	:: else
	fi
}

/*
 * finode_obtain() of FILE's key, by a lookup that has a handle of FILE or of NEXT; with
 * ok = 0 if rebind() failed. match() is asked first, and tells NEXT from FILE, also when
 * FILE is gone; FILE's inode is retired then, and NEXT has one of its own.
 */
inline finode_obtain()
{
	ok = 1;
#ifdef BREAK_REBIND_BEFORE_MATCH
	backing_found()
#else
	if
	:: what == FILE -> backing_found()
	:: else
	fi
#endif
}

#ifdef TRIM
#ifdef BREAK_TRIMS_THE_NEWEST
#define TOO_MUCH newest
#else
#define TOO_MUCH (1 - newest)
#endif

/* trim_to(): the backend has said how many links FILE has, some time ago. */
inline trim()
{
#ifdef BREAK_NO_TRIM
	skip
#else
	atomic {
		if
		:: ok && what == FILE && links > 0 && NAMES > links -> alias[TOO_MUCH] = NONE
		:: else
		fi;
		links = 0
	}
#endif
}
#endif

/* finode_alias_add(): with ok = 0 (-ESTALE) if the object is released at this moment. */
inline finode_alias_add()
{
	atomic {
		if
		:: what != FILE -> alias[n] = what
#ifdef BREAK_ADD_IGNORES_STATE
		:: what == FILE ->
#else
		:: what == FILE && !USABLE -> ok = 0
		:: what == FILE && USABLE ->
#endif
#if defined(TRIM) && defined(BREAK_KNOWN_NAME_STAYS_OLD)
			newest = (alias[n] == FILE -> newest : n);
#elif defined(TRIM)
			newest = n; /* also if it is known: finode__alias_renew() */
#endif
			alias[n] = FILE;
			CHECK(H_named_is_held, held && USABLE)
		fi
	}
#ifdef TRIM
	trim()
#endif
}

#include "names_handlers.pml"

proctype handler(byte me)
{
	byte n, what, moved, rounds;
	bit ok, go, mine, taken, exchange, counted, last;
#ifdef TRIM
	byte links;
#endif
#ifdef BREAK_UNLINKED_WITH_A_PIN
	bit pinned;
#endif
#ifdef BREAK_RENAME_IN_TWO_STEPS
	byte kept;
#endif

	rounds = (me == 0 -> ROUNDS : OTHER_ROUNDS);
	do
	:: rounds > 0 ->
		atomic {
			rounds--;
			select (n : 0 .. 1)
		}
		if
		:: lookup()
		:: n == 0 -> getattr()
		:: n == 0 -> open()
		:: unlink()
		:: n == 0 -> rename()
#ifdef LINK
		:: link()
		:: create()
#endif
#ifdef TRIM
		:: move()
#endif
#ifdef UNLOCKED
		:: alias[n] = NONE /* names are a cache: any may be dropped at any time */
#endif
		fi;
		atomic { n = 0; ok = 0 }
	:: rounds == 0 -> break
	od;
	running--
}

/* What is true when all is quiet; and then a lookup of each name. */
proctype ending(byte me)
{
	byte n, what;
	bit ok, go, taken;
#ifdef TRIM
	byte links;
#endif

	atomic {
		running == 0;
		CHECK(Z_nothing_is_left, pins == 0 && opens == 0 && state != WANTED);
		CHECK(Z_nothing_is_left, found == 0 && callbacks == 0 && removing == 0);
		CHECK(Z_nothing_is_left, !IN_BETWEEN && held == (state == HELD));
		CHECK(H_named_is_held, NAMES == 0 || held);
#ifdef LOCKED
#ifdef RELEASE
		CHECK(N_removed_is_released, LINKS > 0 || !held);
#else
		CHECK(N_removed_is_released, LINKS > 0 || kept_for_open || !held);
#endif
		do
		:: n < 2 ->
			CHECK(Z_nothing_is_left, sharers[n] == 0 && changers[n] == 0);
			CHECK(G_known_is_a_link,
			      alias[n] == NONE || alias[n] == backend[n]);
			CHECK(G_shown_is_known, shown[n] != FILE || alias[n] == FILE);
			n++
		:: else -> break
		od;
		n = 0
#endif
	}
	do
#ifdef TRIM
	:: n < 2 && backend[n] != FILE -> n++
	:: n < 2 && backend[n] == FILE ->
#else
	:: n < 2 ->
#endif
		lookup();
		CHECK(H_link_is_usable, ok && alias[n] == backend[n]);
		CHECK(H_link_is_usable, backend[n] != FILE || (held && state == HELD));
		n++
	:: else -> break
	od;
#ifdef TRIM
	CHECK(G_trimmed_to_its_links, NAMES <= LINKS || LINKS == 0);
#endif
	CHECK(Z_nothing_is_left, found == 0)
}

/* FILE is at one name or at both; a name is known, and the kernel's, or neither. */
init
{
	byte i;

	atomic {
		if
		:: backend[0] = FILE; backend[1] = FILE
		:: backend[0] = FILE; backend[1] = OTHER
		:: backend[0] = OTHER; backend[1] = FILE
#ifdef LINK
		:: backend[0] = FILE
#endif
		fi;
		do
		:: i < 2 && backend[i] != NONE ->
			alias[i] = backend[i];
			shown[i] = backend[i];
			i++
		:: i < 2 -> i++
		:: i == 2 -> break
		od;
		i = 0;
		do
		:: i < HANDLERS -> run handler(i); i++
		:: else -> break
		od;
		run ending(i);
		i = 0
	}
}
