/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends that follow from ends, for every order of steps of a few threads, and the end of a
 * table, for every way in which a few objects may hold one another.
 *
 * This file owns a model of lib/core/end.c beyond the life of one inode: what an evict()
 * puts, the lists of what threads have put off, who waits for such an end, and the order in
 * which a table ends. Spin walks through every state that the model can reach and looks at
 * every CHECK in each. It is a model, not the code: docs/verification.md says what stands
 * for what, and what is left out. tests/model/run.sh runs it.
 *
 * THREADS
 *
 *   - Keys 0 and up, in one shard, each with one object at a time. References are plain
 *     numbers and change under the lock: inode.pml has the words of slots.
 *   - Enders: each runs the evict() of an inode that nobody else knows. It obtains keys and
 *     puts them, up to ROUNDS times; what it puts last is put off until this evict() has
 *     returned, and is evicted then, one after the other. Their evict()s do the same, but
 *     obtain greater keys only: no two wait for each other's keys. Who is about to wait
 *     ends before what it has put off, inside of the evict() that it is in; those do
 *     nothing.
 *   - Others: threads that obtain keys and put them, in no evict().
 *   - What is done under the shard's lock is one step. init() lasts from one step to
 *     another, and so does evict().
 *
 * TABLE_END
 *
 *   - OBJECTS inodes, of which number 0 is the root, and a second mount beside the first.
 *     Each inode is in one of the mounts, and may hold any inodes, which it puts in its
 *     evict(); a mount's object may hold one. What each holds, and what somebody has not
 *     put, is chosen at the start, so that every inode is held by something.
 *   - finode_table_destroy() from where kernel, names and files have let go. One thread.
 *
 * Ghosts are variables that the code does not have, and are read by CHECKs only.
 * BREAK_<name> puts in a defect that Spin must notice.
 */
#if defined(THREADS) == defined(TABLE_END)
#error one of THREADS and TABLE_END
#endif

/*
 * A CHECK that fails shows its name in Spin's message. The names are variables that stay
 * 0 and are no part of a state.
 */
#define CHECK(name, condition) assert(name || (condition))
hidden byte B_one_object_of_a_key, E_used_after_its_end, E_put_without_a_reference,
	F_evicted_once_per_init, F_evicted_when_unused,
	J_only_mistakes_are_reported, Z_nothing_is_left;

#define FREE	 0
#define NEW	 1 /* init() runs */
#define LIVE	 2 /* has references */
#define EVICTING 3 /* evict() runs, or is put off */

#define NONE 255

#ifdef THREADS

#ifndef KEYS
#define KEYS 2
#endif
#ifndef ENDERS
#define ENDERS 2
#endif
#ifndef OTHERS
#define OTHERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3 /* of the first ender; */
#endif
#ifndef OTHER_ROUNDS
#define OTHER_ROUNDS 2 /* of every other thread */
#endif
#define PROCESSES (ENDERS + OTHERS)

/* Of the object of a key; protected by the shard's lock. */
byte state[KEYS];
byte refs[KEYS];
bit waits[PROCESSES];

/* A thread's own: the keys whose objects it is to end. */
typedef list {
	bit has[KEYS]
};
list put_off[ENDERS];

byte running = PROCESSES;

bit evicts[KEYS]; /* ghost: evict() was called */

/* In all that follows: k is the key in hand, e one that is to end, me the process. */

inline broadcast()
{
	i = 0;
	do
	:: i < PROCESSES -> waits[i] = 0; i++
	:: else -> i = 0; break
	od
}

/* end_life(), from the call of evict() to its return: nobody has a reference. */
inline evict_begins(which)
{
	CHECK(F_evicted_when_unused, state[which] == EVICTING && refs[which] == 0);
	CHECK(F_evicted_once_per_init, !evicts[which]);
	evicts[which] = 1
}

inline evict_returns(which)
{
	CHECK(F_evicted_when_unused, state[which] == EVICTING && refs[which] == 0);
	evicts[which] = 0;
	state[which] = FREE;
#ifndef BREAK_NO_WAKE_AT_END
	broadcast()
#endif
}

#define ANY_PUT_OFF (me < ENDERS && (put_off[me].has[0] || put_off[me].has[KEYS - 1]))

/* Takes one out of the list: any, as the order of the list makes no difference to others. */
inline take_put_off()
{
	if
	:: put_off[me].has[0] -> e = 0
	:: put_off[me].has[KEYS - 1] -> e = KEYS - 1
	fi;
#ifndef BREAK_TAKEN_TWICE
	put_off[me].has[e] = 0
#endif
}

#if defined(BREAK_WAITS_WITH_ENDS_PUT_OFF)
#define ENDS_BEFORE false
#elif defined(BREAK_ENDS_ONLY_WHAT_IT_ASKS_FOR)
#define ENDS_BEFORE (me < ENDERS && put_off[me].has[k])
#else
#define ENDS_BEFORE ANY_PUT_OFF
#endif

/* settle_locked(): with `ends`, it is to end before what it has put off; or it sleeps. */
inline settle()
{
	if
	:: ENDS_BEFORE -> ends = 1
	:: else -> waits[me] = 1
	fi
}

/* finode__end_put_off(). */
inline end_put_off()
{
	do
	:: ANY_PUT_OFF ->
		atomic { take_put_off(); evict_begins(e) }
		atomic { evict_returns(e); e = NONE }
	:: !ANY_PUT_OFF -> break
	od;
	ends = 0
}

inline finode_obtain()
{
	do
	:: atomic {
		!waits[me];
		if
		:: state[k] == LIVE -> refs[k]++; break
		:: state[k] == FREE ->
			CHECK(B_one_object_of_a_key, refs[k] == 0 && !evicts[k]);
			state[k] = NEW;
			made = 1;
			break
		:: state[k] == NEW || state[k] == EVICTING -> settle()
		fi
	   }
	   if
	   :: ends -> end_put_off()
	   :: else
	   fi
	od;
	if
	:: made ->
		atomic {
			made = 0;
			state[k] = LIVE;
			refs[k] = 1;
			broadcast()
		}
	:: else
	fi
}

/* put_last() and end_or_put_off(): e is what is to end now, or NONE. */
inline finode_put()
{
	atomic {
		CHECK(E_put_without_a_reference, state[k] == LIVE && refs[k] > 0);
		refs[k]--;
		if
		:: refs[k] == 0 ->
			state[k] = EVICTING;
			if
			:: me < ENDERS -> put_off[me].has[k] = 1
			:: else -> e = k
			fi
		:: else
		fi
	}
	if
	:: e != NONE ->
		atomic { evict_begins(e) }
		atomic { evict_returns(e); e = NONE }
	:: else
	fi
}

/* The thread of an evict(), which comes back when the list is empty. */
proctype ender(byte me)
{
	byte k, e = NONE, i, rounds;
	byte current = NONE; /* whose evict() runs: at first one that nobody asks for */
	bit made, ends;

	rounds = (me == 0 -> ROUNDS : OTHER_ROUNDS);
	do
	:: rounds > 0 ->
		atomic { rounds--; select (k : 0 .. KEYS - 1) }
		if
		:: current == NONE || k > current -> finode_obtain(); finode_put()
		:: else /* it would wait for itself, or for one that waits for it */
		fi;
		k = 0
	:: true -> /* evict() returns */
		atomic {
			if
			:: current != NONE -> evict_returns(current); current = NONE
			:: else
			fi
		}
#ifdef BREAK_LIST_IS_LOST
		break
#endif
		atomic {
			if
			:: ANY_PUT_OFF ->
				take_put_off();
				current = e;
				e = NONE;
				evict_begins(current)
			:: !ANY_PUT_OFF -> break
			fi
		}
	od;
	atomic { rounds = 0; running-- }
}

proctype other(byte me)
{
	byte k, e = NONE, i, rounds = OTHER_ROUNDS;
	bit made, ends;

	do
	:: rounds > 0 ->
		atomic { rounds--; select (k : 0 .. KEYS - 1) }
		finode_obtain();
		finode_put();
		k = 0
	:: true -> break
	od;
	atomic { rounds = 0; running-- }
}

proctype at_rest()
{
	byte i;

	atomic {
		running == 0;
		do
		:: i < KEYS ->
			CHECK(Z_nothing_is_left, state[i] == FREE && refs[i] == 0 && !evicts[i]);
			i++
		:: else -> break
		od
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < ENDERS -> run ender(i); i++
		:: i >= ENDERS && i < PROCESSES -> run other(i); i++
		:: else -> break
		od;
		run at_rest();
		i = 0
	}
}

#else /* TABLE_END */

#ifndef OBJECTS
#define OBJECTS 3
#endif
#define BIT(n) (1 << (n))

typedef inode_object {
	byte state; /* LIVE, EVICTING, or FREE: buried */
	byte refs;
	byte holds;  /* a bit for each inode */
	bit mount;   /* 0: the first */
	/* ghosts */
	bit evicted, freed
};
inode_object inodes[OBJECTS];

typedef mount_object {
	byte inodes; /* in it */
	byte holds;  /* an inode, or NONE */
	bit held;    /* somebody has not put it */
	/* ghosts */
	bit ended, freed
};
mount_object mounts[2];

byte list;    /* what is put off, a bit for each inode; the thread's */
bit mistakes; /* ghost: somebody has not put something */

#define IS_THERE(one) (!inodes[one].freed && !mounts[inodes[one].mount].freed)

/* finode_put(): looks at the inode, and by its mount at the table. */
inline put(one)
{
	CHECK(E_used_after_its_end, IS_THERE(one));
	if
	:: inodes[one].refs == 0 /* it was taken from them: put_not_held() */
	:: inodes[one].refs > 0 ->
		inodes[one].refs--;
		if
		:: inodes[one].refs == 0 ->
			inodes[one].state = EVICTING;
			list = list | BIT(one)
		:: else
		fi
	fi
}

/* Its last inode has left it, or it is ended by force. */
inline mount_ends(which)
{
	CHECK(F_evicted_once_per_init, !mounts[which].ended);
	mounts[which].ended = 1;
	if
	:: mounts[which].holds != NONE -> put(mounts[which].holds)
	:: else
	fi
#ifdef BREAK_MEMORY_OF_MOUNTS_GOES_EARLY
	;
	mounts[which].freed = 1
#endif
}

inline mount_leave(which)
{
	mounts[which].inodes--;
	if
	:: which == 1 && mounts[which].inodes == 0 && !mounts[which].held -> mount_ends(which)
	:: else
	fi
}

/* finode__inode_end() in a table that ends: evict() puts what the object holds. */
inline inode_end(one)
{
	CHECK(F_evicted_once_per_init, !inodes[one].evicted && inodes[one].refs == 0);
	CHECK(E_used_after_its_end, IS_THERE(one));
	inodes[one].evicted = 1;
	j = 0;
	do
	:: j < OBJECTS ->
		if
		:: inodes[one].holds & BIT(j) -> put(j)
		:: else
		fi;
		j++
	:: else -> j = 0; break
	od;
	inodes[one].state = FREE;
#ifdef BREAK_MEMORY_GOES_EARLY
	inodes[one].freed = 1;
#endif
#ifndef BREAK_MOUNTS_END_LAST
	mount_leave(inodes[one].mount)
#endif
}

/* end_or_put_off(): the loop over what is put off. */
inline work_off()
{
	do
	:: list != 0 ->
		i = 0;
		do
		:: list & BIT(i) -> break
		:: else -> i++
		od;
		list = list & ~BIT(i);
		inode_end(i);
		i = 0
	:: else -> break
	od
}

inline free_memory()
{
	n = 0;
	do
	:: n < OBJECTS -> inodes[n].freed = 1; n++
	:: else -> n = 0; break
	od
}

/*
 * Chooses all of that. Who holds something that may hold them, too, is a mistake as well:
 * nobody ends a circle.
 */
inline choose_inodes()
{
	do
	:: n < OBJECTS ->
		if
		:: n > 0 -> inodes[n].mount = 1
		:: true
		fi;
		mounts[inodes[n].mount].inodes++;
		j = 1;
		do
		:: j < OBJECTS && j != n ->
			inodes[n].holds = inodes[n].holds | BIT(j);
			inodes[j].refs++;
			mistakes = mistakes || j < n;
			j++
		:: j < OBJECTS -> j++
		:: j == OBJECTS -> break
		od;
		n++
	:: n == OBJECTS -> n = 0; break
	od
}

inline choose_mounts()
{
	do
	:: n < 2 ->
		mounts[n].holds = NONE;
		if
		:: true
		:: select (j : 1 .. OBJECTS - 1);
		   mounts[n].holds = j;
		   inodes[j].refs++;
		   mistakes = mistakes || n == 0 || inodes[j].mount == 1 || inodes[j].holds != 0
		fi;
		n++
	:: n == 2 -> n = 0; break
	od;
	if
	:: mounts[1].held = 1; mistakes = 1
	:: mounts[1].inodes > 0
	fi
}

/* Somebody has not put one inode, or none, and those that nothing else holds. */
inline choose_mistakes()
{
	if
	:: select (j : 0 .. OBJECTS - 1); inodes[j].refs++; mistakes = 1
	:: true
	fi;
	n = 1;
	do
	:: n < OBJECTS && inodes[n].refs == 0 -> inodes[n].refs = 1; mistakes = 1; n++
	:: n < OBJECTS && inodes[n].refs > 0 -> n++
	:: n == OBJECTS -> n = 0; break
	od;
	inodes[0].refs++ /* the table */
}

init
{
	byte i, j, n;

	atomic {
		choose_inodes();
		choose_mounts();
		choose_mistakes();
		j = 0;
		do
		:: n < OBJECTS -> inodes[n].state = LIVE; n++
		:: else -> n = 0; break
		od;
		/* finode__root_end() */
#ifdef BREAK_ROOT_LAST
		n = 1;
#else
		put(0);
		work_off();
#endif
		do
		:: n < OBJECTS ->
			if
			:: inodes[n].refs > 0 -> /* finode__inodes_end_held() */
				CHECK(J_only_mistakes_are_reported, mistakes);
				inodes[n].refs = 0;
				inodes[n].state = EVICTING;
				list = list | BIT(n);
				work_off()
			:: else
			fi;
			n++
		:: else -> n = 0; break
		od;
#ifdef BREAK_ROOT_LAST
		put(0);
		work_off();
#endif
#ifdef BREAK_MEMORY_GOES_BEFORE_MOUNTS
		free_memory();
#endif
		/* finode__mounts_end_held(), and the first one */
		if
		:: !mounts[1].ended -> mount_ends(1)
		:: else
		fi;
		mount_ends(0);
#ifndef BREAK_MEMORY_GOES_BEFORE_MOUNTS
		free_memory();
#endif
		do
		:: n < OBJECTS ->
			CHECK(Z_nothing_is_left, inodes[n].evicted && inodes[n].state == FREE);
			n++
		:: else -> n = 0; break
		od;
		CHECK(Z_nothing_is_left, list == 0)
	}
}

#endif
