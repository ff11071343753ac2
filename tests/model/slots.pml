/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shard's lock and condition, and the slot words of lib/core/slots.h: a part of inode.pml.
 *
 * This file owns the steps in which a reference is taken or dropped, but for the last one,
 * which is put_last()'s. A word is `seq * 8 + refs`, and seq is counted from the slot's first.
 */
/* To be the first of an atomic sequence: takes the lock. */
#define LOCK_TAKE owner == NOBODY -> owner = me

/* In all that follows: s and seq are the nodeid in hand, me is the process. */

/* Uses the object: the caller has a reference. */
#define USE CHECK(E_used_after_its_end, SEQ(word[s]) == seq && state[s] == LIVE)

inline lock_release()
{
	owner = NOBODY
}

/* pthread_cond_broadcast(), by the lock's owner. */
inline broadcast()
{
	waits_clear = 0;
	do
	:: waits_clear < PROCESSES -> waits[waits_clear] = 0; waits_clear++
	:: else -> break
	od;
	waits_clear = 0
}

#ifdef BREAK_NO_SEQ_CHECK
#define REFUSED(w) (REFS(w) == 0)
#else
#define REFUSED(w) (REFS(w) == 0 || SEQ(w) != seq)
#endif

/*
 * slots_get() and slots_hold(): takes a reference, if the word has the id's sequence and
 * references. `own` is 0 for the one that stands for the count.
 */
inline slots_take(own, taken)
{
	w = word[s];
	slots_take_loaded(own, taken)
}

inline slots_take_loaded(own, taken)
{
	do
	:: atomic {
		if
		:: REFUSED(w) -> taken = 0; w = 0; break
		:: !REFUSED(w) && word[s] == w ->
			CHECK(A_id_names_no_other_object, SEQ(w) == seq);
			assert(REFS(w) < 7);
			word[s] = w + 1;
			holders[s] = holders[s] + own;
			taken = 1;
			w = 0;
			break
		:: !REFUSED(w) && word[s] != w -> w = word[s]
		fi
	   }
	od
}

/* slots_put(): drops a reference, unless it is the last; then `last` is 1. */
inline slots_put(own, last)
{
	atomic { USE; w = word[s] };
	do
	:: atomic {
		CHECK(E_put_without_a_reference, SEQ(w) == seq && REFS(w) > 0);
		if
		:: REFS(w) == 1 -> last = 1; w = 0; break
		:: REFS(w) != 1 && word[s] == w ->
			word[s] = w - 1;
			holders[s] = holders[s] - own;
			last = 0;
			w = 0;
			break
		:: REFS(w) != 1 && word[s] != w -> w = word[s]
		fi
	   }
	od
}
