/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of an inode, for every order of steps of a few threads.
 *
 * This file owns a model of lib/core/{inode,object,end,count}.c and of the slot words of
 * lib/core/slots.h: obtain, find, get, hold, put, retire, count, uncount, forget; what
 * follows an end is in ends.pml. Spin walks through every
 * state that the model can reach and looks at every CHECK in each. It is a model, not the
 * code: docs/verification.md says which line stands for which function, and what is left
 * out. tests/model/run.sh runs it.
 *
 * What there is
 *
 *   - One key, one shard. An object is an incarnation of a slot: memory is allocated and
 *     freed with the slot, so whoever still uses it under an older sequence number uses
 *     freed memory, and CHECK(E_...) says so. The lowest free slot is taken first, so
 *     that slots are used again as soon as they can be.
 *   - A slot's word is `seq * 8 + refs` in one byte, read and changed as one, as in the
 *     code. All slots in use is the model's out of memory: obtain fails with -ENOMEM.
 *   - Handlers: each serves up to ROUNDS (OTHER_ROUNDS) requests, one after the other. A
 *     request obtains or finds the inode; it may retire it; it may count it and reply,
 *     and the reply may fail. init() may fail and match() may say "no" or
 *     fail, each time anew.
 *   - Forgetters: threads that serve the kernel's FORGETs. An honest kernel takes back
 *     only what replies gave it. A hostile one sends any number of any nodeid, old, new
 *     or not yet given out, as often as it likes.
 *   - The end: when all of them are done, what the kernel still holds is dropped, as
 *     finode_table_forget_all() does, and nothing may be left.
 *
 * How steps are cut
 *
 * Each atomic instruction (load, compare-exchange, fetch-sub) and each release of the lock
 * is a step of its own, and others may run between any two. Plain memory that the lock
 * protects is looked at and changed in the same step as the taking of the lock, and so is
 * the one atomic instruction that some of the critical sections have: whatever others do
 * between the two could as well be done before the lock was taken. Only obtain and find
 * have more (a load and a compare-exchange), and there they are steps. A compare-exchange
 * that fails loads the new value in the same step, as it does in C. Steps are
 * sequentially consistent. init() and evict() last from the step that makes the object
 * NEW or EVICTING to the step that returns, and others run meanwhile.
 *
 * Ghosts are variables that the code does not have. They change in the step that they
 * speak of, and are read by CHECKs only, but for the honest kernel's book.
 *
 * Variants: HONEST or HOSTILE. BREAK_<name> puts in a defect that Spin must notice.
 */
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef HANDLERS
#define HANDLERS 2
#endif
#ifndef FORGETTERS
#define FORGETTERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 2 /* of the first handler; */
#endif
#ifndef OTHER_ROUNDS
#define OTHER_ROUNDS 1 /* of every other */
#endif
#if defined(HONEST) == defined(HOSTILE)
#error one of HONEST and HOSTILE
#endif

/*
 * A CHECK that fails shows its name in Spin's message. The names are variables that stay
 * 0 and are no part of a state.
 */
#define CHECK(name, condition) assert(name || (condition))
hidden byte A_id_names_no_other_object, B_one_object_of_a_key, C_kernel_holds_what_it_counts,
	C_honest_forget_is_exact, C_counts_agree_at_rest, E_used_after_its_end,
	E_ended_while_held, E_put_without_a_reference, E_counts_reference_is_not_the_last,
	F_evicted_once_per_init, F_callback_under_a_lock, I_live_in_index_has_a_reference,
	I_count_has_its_reference, K_index_is_free, Z_nothing_is_left;

#define FREE	 0
#define NEW	 1 /* init() runs */
#define LIVE	 2 /* has references */
#define EVICTING 3 /* evict() runs */

#define NONE	SLOTS
#define SEQ(w)	((w) >> 3)
#define REFS(w) ((w) & 7)
#define ID(seq) ((seq) << 3)

/* The slots and what is behind them. */
byte word[SLOTS];
byte nlookup[SLOTS];

/* Protected by the lock, as the index is. */
byte state[SLOTS];
bit retired[SLOTS];
byte index = NONE; /* the slot of the key's object */

/* The shard's lock, and its condition `changed`. */
#define NOBODY	  255
#define PROCESSES (HANDLERS + FORGETTERS + 1)
byte owner = NOBODY;
bit waits[PROCESSES];

byte running = HANDLERS + FORGETTERS;

/* Ghosts. */
byte holders[SLOTS]; /* references that are not the count's */
byte objects;	     /* of the key, not retired, from init()'s begin to evict()'s return */
bit ready[SLOTS];    /* init() has succeeded and evict() was not called since */
#ifdef HONEST
byte given[SLOTS];    /* the kernel's own book: replies it got, minus FORGETs it sent */
byte given_seq[SLOTS]; /* and the nodeid, while that is not 0 */
#endif

#include "slots.pml"

/* inode_remove_locked(). */
inline inode_remove()
{
	if
#if defined(BREAK_REMOVE_RETIRED)
	:: true -> index = NONE
#elif defined(BREAK_LEAVE_INDEX_EARLY)
	:: index == s -> index = NONE /* after a failed init(); else long gone */
	:: else
#else
	:: !retired[s] -> index = NONE
	:: else
#endif
	fi;
	CHECK(F_evicted_once_per_init, !ready[s]);
	assert(nlookup[s] == 0 && holders[s] == 0);
	state[s] = FREE;
	retired[s] = 0;
	word[s] = ID(seq + 1);
#ifndef BREAK_NO_WAKE
	broadcast()
#endif
}

/* end_life(): EVICTING -> nothing. evict() runs from before its first step to that step. */
inline end_life()
{
	atomic { /* evict() returns */
		CHECK(F_callback_under_a_lock, owner != me);
		CHECK(F_evicted_once_per_init, ready[s]);
		CHECK(E_ended_while_held, holders[s] == 0 && REFS(word[s]) == 0);
		assert(state[s] == EVICTING && SEQ(word[s]) == seq);
		ready[s] = 0;
		objects = objects - (1 - retired[s])
	}
	atomic { LOCK_TAKE; inode_remove() }
	lock_release()
}

/* put_last(): 1 -> 0 under the lock, in the same breath as LIVE -> EVICTING. */
inline put_last(last)
{
	atomic {
		LOCK_TAKE;
#ifndef BREAK_FREE_OUTSIDE_LOCK
		word[s] = word[s] - 1; /* slots_put_last(): one fetch-sub */
		holders[s] = holders[s] - 1;
#ifndef BREAK_NO_RECHECK
		last = (REFS(word[s]) == 0);
#endif
#endif
		if
		:: last ->
			CHECK(E_ended_while_held, holders[s] == 0 && REFS(word[s]) == 0);
			CHECK(I_count_has_its_reference, nlookup[s] == 0);
#ifdef HONEST
			CHECK(C_kernel_holds_what_it_counts, given[s] == 0);
#endif
			state[s] = EVICTING;
#ifdef BREAK_LEAVE_INDEX_EARLY
			if
			:: !retired[s] -> index = NONE
			:: else
			fi
#endif
		:: else
		fi
	}
	lock_release();
	if
	:: last -> end_life()
	:: else
	fi
}

inline finode_put()
{
	slots_put(1, flag);
	if
	:: flag ->
#ifdef BREAK_FREE_OUTSIDE_LOCK
		atomic {
			word[s] = word[s] - 1;
			holders[s] = holders[s] - 1;
			flag = (REFS(word[s]) == 0)
		}
		if
		:: flag -> put_last(flag)
		:: else
		fi
#else
		put_last(flag)
#endif
	:: else
	fi;
	flag = 0
}

inline drop_counts_reference()
{
	slots_put(0, flag);
	CHECK(E_counts_reference_is_not_the_last, !flag)
}

/* count_more(): m -> m + 1, where m > 0. done is 0 if the count is 0. */
inline count_more(done)
{
	atomic { USE; n = nlookup[s] }
	do
	:: atomic {
		if
		:: n == 0 -> done = 0; break
		:: n != 0 && nlookup[s] == n -> USE; nlookup[s] = n + 1; done = 1; n = 0; break
		:: n != 0 && nlookup[s] != n -> USE; n = nlookup[s]
		fi
	   }
	od
}

/* count_first(): 0 -> 1, the reference before the count. */
inline count_first(done)
{
#ifndef BREAK_COUNT_BEFORE_REF
	slots_take(0, flag);
	atomic {
		CHECK(E_used_after_its_end, flag);
		flag = 0;
		USE;
		done = (nlookup[s] == 0);
		if
		:: done -> nlookup[s] = 1
		:: else
		fi
	}
	if
	:: !done -> drop_counts_reference()
	:: else
	fi
#else
	atomic {
		USE;
		done = (nlookup[s] == 0);
		if
		:: done -> nlookup[s] = 1
		:: else
		fi
	}
	if
	:: done -> slots_take(0, flag); flag = 0
	:: else
	fi
#endif
}

inline finode_count()
{
	do
	:: count_more(done);
	   if
	   :: done -> break
	   :: else -> count_first(done);
		      if
		      :: done -> break
		      :: else
		      fi
	   fi
	od;
	done = 0
}

/* subtract(): m -> max(m - much, 0); who makes it 0 drops the count's reference. */
inline subtract(much)
{
	atomic { USE; n = nlookup[s] }
	subtract_loaded(much)
}

inline subtract_loaded(much)
{
	do
	:: atomic {
		if
#ifdef BREAK_NO_CLAMP
		:: n == 0 || much == 0 -> done = (much > 0); n = 0; break
#else
		:: n == 0 || much == 0 ->
#ifdef HONEST
			CHECK(C_honest_forget_is_exact, false);
#endif
			n = 0;
			break
#endif
		:: n != 0 && much != 0 && nlookup[s] == n ->
			USE;
#ifdef HONEST
			CHECK(C_honest_forget_is_exact, much <= n);
#endif
			nlookup[s] = (much < n -> n - much : 0);
			done = (much >= n);
			n = 0;
			break
		:: n != 0 && much != 0 && nlookup[s] != n -> USE; n = nlookup[s]
		fi
	   }
	od;
	if
	:: done -> drop_counts_reference()
	:: else
	fi;
	done = 0
}

/* Forgets what was in hand, so that states that differ only in that become one. */
inline clear_hand()
{
	atomic { s = 0; seq = 0; w = 0; n = 0; flag = 0; done = 0 }
}

/*
 * find_or_create() and the begin of init(): `made` is 1 for a NEW inode, and neither it
 * nor `found` is if there is no memory.
 */
inline find_or_create()
{
	do
	:: atomic {
		!waits[me] && LOCK_TAKE;
		if
		:: index != NONE && state[index] != LIVE -> /* find_settled_locked() */
			waits[me] = 1;
			owner = NOBODY
		:: index != NONE && state[index] == LIVE -> s = index; seq = SEQ(word[s]); break
		:: index == NONE -> break
		fi
	   }
	od;
	if
	:: index != NONE ->
		slots_take(1, found);
		CHECK(I_live_in_index_has_a_reference, found)
	:: atomic {
		index == NONE ->
		do
		:: s < SLOTS && state[s] != FREE -> s++
		:: s < SLOTS && state[s] == FREE -> /* inode_create_locked() */
			seq = SEQ(word[s]);
			assert(REFS(word[s]) == 0 && seq < 30);
			state[s] = NEW;
			index = s;
			objects++;
			CHECK(B_one_object_of_a_key, objects == 1);
			made = 1;
			break
		:: s == SLOTS -> s = 0; break
		od
	   }
	fi;
	lock_release()
}

/* begin_life(): NEW -> LIVE, with the first reference, or -> nothing. */
inline begin_life()
{
	made = 0;
	atomic { /* init() returns */
		CHECK(F_callback_under_a_lock, owner != me);
		CHECK(F_evicted_once_per_init, !ready[s]);
		assert(state[s] == NEW && SEQ(word[s]) == seq);
		if
		:: ready[s] = 1; found = 1
		:: objects--
		fi
	}
	atomic {
		LOCK_TAKE;
		if
		:: found ->
			CHECK(K_index_is_free, index == s && state[s] == NEW);
			state[s] = LIVE;
			word[s] = word[s] + 1; /* slots_publish() */
			holders[s]++;
			broadcast()
		:: else -> inode_remove()
		fi
	}
	lock_release()
}

inline finode_retire()
{
	atomic {
		LOCK_TAKE;
		USE;
		if
		:: !retired[s] ->
			CHECK(K_index_is_free, index == s);
			index = NONE;
			retired[s] = 1;
			objects--
		:: else
		fi
	}
	lock_release()
}

/* With found = 1, and a reference, or with found = 0. */
inline finode_obtain()
{
	do
	:: find_or_create();
	   if
	   :: made -> begin_life(); break
	   :: !made && !found -> break /* -ENOMEM */
	   :: !made && found ->
		atomic { /* match() */
			CHECK(F_callback_under_a_lock, owner != me);
			USE;
			if
			:: break
			:: found = 0 /* another object, */
			:: found = 0; flag = 1 /* or an error */
			fi
		}
		if
		:: flag -> flag = 0; finode_put(); break
		:: else -> finode_retire(); finode_put(); clear_hand()
		fi
	   fi
	od
}

inline finode_find()
{
	atomic {
		LOCK_TAKE;
		if
		:: index != NONE && state[index] == LIVE -> s = index; seq = SEQ(word[s]); done = 1
		:: index == NONE || state[index] != LIVE
		fi
	}
	if
	:: done ->
		done = 0;
		slots_take(1, found);
		CHECK(I_live_in_index_has_a_reference, found)
	:: else
	fi;
	lock_release()
}

/*
 * The next FORGET. An honest kernel writes it off in its book when it sends it, and the
 * server has it some time later. A hostile one may send anything at any time, so nothing
 * is lost if it chooses the nodeid in the step in which the server looks at it, and the
 * number when the server is about to subtract it.
 */
#ifdef HONEST
#define HOW_MUCH skip
inline forget_from_kernel()
{
	atomic {
		if
		:: given[0] > 0 -> s = 0
#if SLOTS > 1
		:: given[1] > 0 -> s = 1
#endif
#if SLOTS > 2
		:: given[2] > 0 -> s = 2
#endif
		fi;
		seq = given_seq[s];
		do
		:: much < given[s] -> much++
		:: much > 0 -> break
		od;
		given[s] = given[s] - much;
		if
		:: given[s] == 0 -> given_seq[s] = 0
		:: else
		fi
	}
	slots_take(1, found); /* finode_get() */
	CHECK(C_honest_forget_is_exact, found)
}
#else
#define HOW_MUCH select (much : 0 .. 2)
inline forget_from_kernel()
{
	atomic {
		select (s : 0 .. SLOTS - 1);
		do
		:: seq <= SEQ(word[s]) -> seq++
		:: break
		od;
		w = word[s]; /* finode_get() */
		if
		:: REFUSED(w) -> s = 0; seq = 0; w = 0
		:: else -> found = 1
		fi
	}
	if
	:: found -> slots_take_loaded(1, found)
	:: else
	fi
}
#endif

/* reply_counted(): count, write, take back what the kernel did not get. */
inline reply()
{
#ifndef BREAK_COUNT_AFTER_REPLY
	finode_count();
#endif
	if
	:: atomic { /* written */
		USE;
#ifdef HONEST
		given[s]++;
		given_seq[s] = seq
#endif
	   }
#ifdef BREAK_COUNT_AFTER_REPLY
	   finode_count()
#endif
	:: true; /* not written */
#if !defined(BREAK_NO_UNCOUNT) && !defined(BREAK_COUNT_AFTER_REPLY)
	   subtract(1)
#else
	   skip
#endif
	fi
}

proctype handler(byte me)
{
	byte s, seq, w, n, rounds, waits_clear;
	bit flag, done, found, made;

	rounds = (me == 0 -> ROUNDS : OTHER_ROUNDS);
	do
	:: rounds > 0 ->
		rounds--;
		if
		:: finode_obtain()
		:: finode_find()
		fi;
		if
		:: found ->
			found = 0;
			if
			:: finode_retire()
			:: true
			fi;
			if
			:: reply()
			:: true
			fi;
			finode_put()
		:: else
		fi;
		clear_hand()
	:: true -> break
	od;
	atomic { rounds = 0; running-- }
}

/* finode_forget() in a thread that serves FORGETs. */
proctype forgetter(byte me)
{
	byte s, seq, w, n, much, waits_clear;
	bit flag, done, found;

	do
	:: forget_from_kernel();
		if
		:: found ->
			found = 0;
			atomic { HOW_MUCH; USE; n = nlookup[s] }
			subtract_loaded(much);
			much = 0;
			finode_put()
		:: else
		fi;
		clear_hand()
	:: true -> break
	od;
	running--
}

/* finode_table_forget_all(), and what must be true before it and after it. */
proctype ending(byte me)
{
	byte s, seq, w, n, i, waits_clear;
	bit flag, found;

	running == 0;
	do
	:: i < SLOTS ->
		atomic {
			s = i;
			seq = SEQ(word[s]);
			assert(holders[s] == 0 && owner == NOBODY);
			CHECK(I_count_has_its_reference,
			      REFS(word[s]) == (nlookup[s] > 0 -> 1 : 0));
			CHECK(Z_nothing_is_left, (state[s] == LIVE) == (REFS(word[s]) == 1));
			CHECK(Z_nothing_is_left, state[s] == LIVE || state[s] == FREE)
#ifdef HONEST
			;
			CHECK(C_counts_agree_at_rest, nlookup[s] == given[s]);
			CHECK(C_counts_agree_at_rest, given[s] == 0 || given_seq[s] == seq);
			given[s] = 0;
			given_seq[s] = 0
#endif
		}
		slots_take(1, found); /* finode__slots_next() */
		if
		:: found ->
			atomic { USE; n = nlookup[s]; nlookup[s] = 0 } /* an exchange */
			if
			:: n > 0 -> drop_counts_reference()
			:: else
			fi;
			finode_put();
			found = 0
		:: else
		fi;
		atomic {
			CHECK(Z_nothing_is_left, state[s] == FREE && REFS(word[s]) == 0);
			CHECK(F_evicted_once_per_init, !ready[s]);
			n = 0;
			i++
		}
	:: else -> break
	od;
	CHECK(Z_nothing_is_left, index == NONE && objects == 0)
}

init
{
	byte i;

	atomic {
		do
		:: i < HANDLERS -> run handler(i); i++
		:: i >= HANDLERS && i < HANDLERS + FORGETTERS -> run forgetter(i); i++
		:: else -> break
		od;
		run ending(i);
		i = 0
	}
}
