/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a mount with its inodes, for every order of steps of a few threads.
 *
 * This file owns a model of lib/core/mount.c, of lib/core/detach.c, and of the announcements
 * of lib/mounts/crossing.c, with what of lib/core/{object,inode,end,count}.c touches them: the
 * references of a mount, its lists of inodes, obtain, put, another key, crossing, announcing
 * and withdrawing, FORGET, detach, the end of the connection. Spin walks through every state
 * that the model can reach and looks at every CHECK in each. It is a model, not the code:
 * docs/verification.md says what stands for what, and what is left out. tests/model/run.sh
 * runs it.
 *
 * What there is
 *
 *   - One id below the first mount, number 0; with NESTED a second one, 1, found in the
 *     mount of the first. Two keys in each mount, each in a shard of its own: 0, which is
 *     the directory that a crossing comes to, and 1, which is no directory. With TWO_ROOTS
 *     both are directories, and crossings come to both.
 *   - Handlers: each serves up to ROUNDS (OTHER_ROUNDS) LOOKUPs, one after the other, which
 *     cross. A LOOKUP obtains the mount, obtains an inode in it, puts the mount, announces
 *     the root, counts, replies, and takes all of it back if the reply is refused.
 *   - init() may fail, each time anew. match() of an inode may say "no" (REPLACED), so may
 *     that of a mount (MATCH). All slots in use is the model's out of memory.
 *   - Forgetters: threads that serve the kernel's FORGETs. An honest kernel takes back what
 *     replies gave it, a HOSTILE one anything at any time.
 *   - Detachers: threads that find the mount and detach it, once each.
 *   - Rekeyers: threads that find an inode and give it the other key, once each.
 *   - The end: when all of them are done, finode_table_forget_all(), and no mount may be
 *     left.
 *
 * How steps are cut
 *
 * What is done under a lock is one step, if at most one thing in it can be seen without the
 * lock. The mounts' lock has no other sections. The shard's lock has one, in which an inode
 * is published and the mount's flag is looked at: there the lock is held from one step to
 * the next, and the two steps come in any order, as the processor may do them: nothing but
 * the lock orders them. A compare-exchange that is tried until it succeeds is one step; so
 * is the change of nlookup with that of its reference, since inode.pml looks at what is
 * between. evict() lasts from the step that makes the object EVICTING to the step that
 * removes it, init() from the step that makes it NEW to the one that makes it LIVE, and
 * others run meanwhile. Steps are sequentially consistent but for the two said above.
 *
 * What an announcement kept is put in the step that ends it where this is done by a thread
 * that has a reference to the same inode: its put is not the last, so nobody can see it.
 *
 * A FORGET arrives in the step in which the kernel sends it: what is late it may as well
 * send later. FORGETs for what has gone meanwhile change nothing but what is owed, so only
 * the difference is in the model.
 *
 * Ghosts are variables that the code does not have. They change in the step that they
 * speak of, and are read by CHECKs only, but for the honest kernel's book.
 *
 * BREAK_<name> puts in a defect that Spin must notice.
 */
#ifdef NESTED
#define IDS 2
#else
#define IDS 1
#endif
#ifndef MOUNTS
#define MOUNTS 2
#endif
#ifndef INODES
#define INODES 3
#endif
#ifndef HANDLERS
#define HANDLERS 2
#endif
#ifndef FORGETTERS
#define FORGETTERS 1
#endif
#ifndef DETACHERS
#define DETACHERS 0
#endif
#ifndef REKEYERS
#define REKEYERS 0
#endif
#ifndef ROUNDS
#define ROUNDS 1 /* of the first handler; */
#endif
#ifndef OTHER_ROUNDS
#define OTHER_ROUNDS 1 /* of every other */
#endif

/*
 * A CHECK that fails shows its name in Spin's message. The names are variables that stay
 * 0 and are no part of a state.
 */
#define CHECK(name, condition) assert(name || (condition))
hidden byte B_one_object_of_an_id, B_detached_is_not_found, C_kernel_holds_what_it_counts,
	D_honest_forget_is_exact, D_late_forget_is_expected, D_no_more_is_owed,
	E_inode_used_while_held, E_inode_ended_while_held, E_mount_used_while_held,
	E_mount_ended_while_held, E_put_without_a_reference, F_evicted_once_per_init,
	I_announced_root_answers, I_detached_is_left_alone, I_live_has_a_reference,
	I_mount_counts_its_inodes, I_refs_add_up, I_kept_is_announced, K_id_is_free,
	Z_nothing_is_left;

#define FREE	 0
#define NEW	 1 /* init() runs */
#define LIVE	 2 /* has references */
#define EVICTING 3 /* evict() runs */

#define NONE 255

typedef mount_object {
	/* no lock */
	byte refs;
	bit detached;
	/* under the mounts' lock */
	byte state;
	byte id;
	byte parent; /* NONE: the first mount, which has no life here */
	/* each under its shard's lock: how many inodes are in the list there */
	byte count[2];
	/* ghosts */
	byte author; /* references of handlers and detachers */
	bit ready    /* init() has succeeded and evict() was not called since */
};
mount_object mounts[MOUNTS];
byte by_id[IDS] = NONE;
byte owed; /* less the lookups that the kernel still is to forget of what has gone */

typedef inode_object {
	/* no lock */
	byte refs;
	byte nlookup;
	/* under the lock of its shard, which has the number of the key */
	byte state;
	byte mount;
	byte key;
	bit retired;
	bit parted; /* taken out of the list by a detach: it holds the mount by itself */
	/* its announcement, under the mounts' lock: there is one if replies > 0 */
	byte replies;
	bit kept;
	/* ghosts */
	byte holders; /* references that are neither the count's nor an announcement's */
	byte told;    /* replies that arrived and announced it: not retired, mount attached */
	bit leaving;  /* who made it has seen the mount's flag, and retires it */
#ifndef HOSTILE
	byte given /* the kernel's own book: replies it got, minus FORGETs it sent */
#endif
};
inode_object inodes[INODES];
byte index[MOUNTS * 2] = NONE;
#define INDEX(m, k) index[(m)*2 + (k)]

bit locked[2]; /* the shards */

/* Conditions: 0 and 1 are those of the shards, */
#define OF_MOUNTS 2
#define PROCESSES (HANDLERS + FORGETTERS + DETACHERS + REKEYERS + 1)
byte waits[PROCESSES] = NONE;

byte running = HANDLERS + FORGETTERS + DETACHERS + REKEYERS;

byte objects[IDS]; /* ghost: not detached, from init()'s begin to evict()'s return */

#define IS_IN(i, m)    (inodes[i].state != FREE && inodes[i].mount == m)
#define IS_BELOW(c, m) (mounts[c].state != FREE && mounts[c].parent == m)
#if INODES > 3
#define HAS_INODES(m) (IS_IN(0, m) || IS_IN(1, m) || IS_IN(2, m) || IS_IN(3, m))
#elif INODES > 2
#define HAS_INODES(m) (IS_IN(0, m) || IS_IN(1, m) || IS_IN(2, m))
#else
#define HAS_INODES(m) (IS_IN(0, m) || IS_IN(1, m))
#endif
#define HAS_PARTED(i, m) (IS_IN(i, m) && inodes[i].parted)
#if INODES > 3
#define PARTED(m) (HAS_PARTED(0, m) + HAS_PARTED(1, m) + HAS_PARTED(2, m) + HAS_PARTED(3, m))
#elif INODES > 2
#define PARTED(m) (HAS_PARTED(0, m) + HAS_PARTED(1, m) + HAS_PARTED(2, m))
#else
#define PARTED(m) (HAS_PARTED(0, m) + HAS_PARTED(1, m))
#endif
#if MOUNTS > 2
#define CHILDREN(m) (IS_BELOW(0, m) + IS_BELOW(1, m) + IS_BELOW(2, m))
#else
#define CHILDREN(m) (IS_BELOW(0, m) + IS_BELOW(1, m))
#endif

/* In all that follows: m is the author's mount, s the inode in hand, me the process. */

/* pthread_cond_broadcast(). */
inline broadcast(condition)
{
	wake = 0;
	do
	:: wake < PROCESSES ->
		if
		:: waits[wake] == condition -> waits[wake] = NONE
		:: else
		fi;
		wake++
	:: else -> break
	od;
	wake = 0
}

/* ---- Mounts: put ---- */

/* remove_locked(), in a step. x becomes the parent, to be put. */
inline mount_remove()
{
	assert(mounts[x].refs == 0 && !HAS_INODES(x));
	if
#ifdef BREAK_REMOVE_DETACHED_ID
	:: true -> by_id[mounts[x].id] = NONE
#else
	:: !mounts[x].detached ->
		CHECK(K_id_is_free, by_id[mounts[x].id] == x || by_id[mounts[x].id] == NONE);
		by_id[mounts[x].id] = NONE;
		objects[mounts[x].id]--
	:: else
#endif
	fi;
	n = mounts[x].parent;
	mounts[x].state = FREE;
	mounts[x].detached = 0;
	mounts[x].id = 0;
	mounts[x].parent = 0;
	x = n;
	n = 0;
#ifndef BREAK_NO_WAKE_OF_MOUNTS
	broadcast(OF_MOUNTS)
#endif
}

/* In the step that makes a mount EVICTING. */
inline mount_is_unused()
{
	CHECK(E_mount_ended_while_held, mounts[x].author == 0 && mounts[x].refs == 0);
	CHECK(E_mount_ended_while_held, !HAS_INODES(x) && CHILDREN(x) == 0);
	CHECK(E_mount_ended_while_held,
	      mounts[x].count[0] == 0 && mounts[x].count[1] == 0);
	CHECK(F_evicted_once_per_init, mounts[x].ready);
	mounts[x].ready = 0
}

/* Of x, which becomes NONE; NONE is fine. */
inline mount_put()
{
	do
	:: x == NONE -> x = 0; break
	:: x != NONE ->
		atomic { /* put_unless_last() */
			CHECK(E_mount_used_while_held, mounts[x].state == LIVE);
			CHECK(E_put_without_a_reference, mounts[x].refs > 0);
			if
			:: mounts[x].refs > 1 -> mounts[x].refs--; x = NONE
			:: else
#ifdef BREAK_PUT_OUTSIDE_LOCK
				-> mounts[x].refs--
#endif
			fi
		}
		if
		:: x != NONE ->
			atomic { /* put_last() */
#ifndef BREAK_PUT_OUTSIDE_LOCK
				mounts[x].refs--;
#endif
				if
#ifdef BREAK_PUT_NO_RECHECK
				:: true ->
#else
				:: mounts[x].refs == 0 ->
#endif
					mount_is_unused();
					mounts[x].state = EVICTING;
#ifdef BREAK_LEAVE_HASH_EARLY
					if
					:: !mounts[x].detached -> by_id[mounts[x].id] = NONE
					:: else
					fi
#endif
				:: else -> x = NONE
				fi
			}
		:: else
		fi;
		if
		:: x != NONE -> atomic { /* evict() has returned */ mount_remove() }
		:: else
		fi
	od
}

inline put_own_mount()
{
	atomic {
		x = m;
		mounts[m].author--;
		m = NONE
	}
	mount_put()
}

/* ---- Inodes: put, retire, count ---- */

/* mount_leave_locked(). x becomes the mount, if it is to be put. */
inline mount_leave(i)
{
	if
#ifndef BREAK_PARTED_LEAVES_TWICE
	:: inodes[i].parted -> x = inodes[i].mount; inodes[i].parted = 0
	:: !inodes[i].parted ->
#else
	:: true ->
#endif
		CHECK(I_mount_counts_its_inodes,
		      mounts[inodes[i].mount].count[inodes[i].key] > 0);
		mounts[inodes[i].mount].count[inodes[i].key]--;
		x = (mounts[inodes[i].mount].count[inodes[i].key] == 0 -> inodes[i].mount :
									  NONE)
	fi
}

/* finode__inode_part_locked(): of the list's last, it takes over the reference of that. */
inline inode_part(i)
{
	mount_leave(i);
	inodes[i].parted = 1;
#ifndef BREAK_PARTED_HOLDS_NOTHING
	mounts[inodes[i].mount].refs = mounts[inodes[i].mount].refs + (x == NONE);
#endif
	x = 0
}

/* finode__inode_leave_locked() and finode__inode_free_locked(), in a step. */
inline inode_remove(i)
{
	CHECK(E_mount_used_while_held, mounts[inodes[i].mount].state == LIVE);
	assert(inodes[i].refs == 0 && inodes[i].nlookup == 0);
#ifdef BREAK_LEAVE_BEFORE_EVICT
	if
	:: inodes[i].state == NEW -> mount_leave(i)
	:: else -> x = NONE
	fi;
#else
	mount_leave(i);
#endif
	if
	:: !inodes[i].retired -> INDEX(inodes[i].mount, inodes[i].key) = NONE
	:: else
	fi;
	n = inodes[i].key;
	inodes[i].state = FREE;
	inodes[i].mount = 0;
	inodes[i].key = 0;
	inodes[i].retired = 0;
	inodes[i].leaving = 0;
	inodes[i].replies = 0; /* only if it kept nothing: cut_dead_locked() */
	broadcast(n);
	n = 0
}

/* In the step that makes an inode EVICTING. */
inline inode_is_unused(i)
{
	CHECK(E_inode_ended_while_held, inodes[i].holders == 0 && inodes[i].refs == 0);
	CHECK(E_inode_ended_while_held, inodes[i].nlookup == 0 && !inodes[i].kept);
	CHECK(I_announced_root_answers, inodes[i].told == 0);
#ifndef HOSTILE
	CHECK(C_kernel_holds_what_it_counts,
	      inodes[i].given == 0 || mounts[inodes[i].mount].detached);
	CHECK(D_late_forget_is_expected, owed >= inodes[i].given);
	owed = owed - inodes[i].given;
	inodes[i].given = 0
#endif
}

/* Of t, which becomes NONE. */
inline finode_put()
{
	atomic {
		CHECK(E_inode_used_while_held, inodes[t].state == LIVE);
		CHECK(E_put_without_a_reference, inodes[t].refs > 0);
		if
		:: inodes[t].refs > 1 ->
			inodes[t].refs--;
			inodes[t].holders--;
			t = NONE
		:: else
		fi
	}
	if
	:: t != NONE ->
		atomic { /* put_last() */
			!locked[inodes[t].key];
			inodes[t].refs--;
			inodes[t].holders--;
			if
			:: inodes[t].refs == 0 ->
				inode_is_unused(t);
				inodes[t].state = EVICTING;
#ifdef BREAK_LEAVE_BEFORE_EVICT
				mount_leave(t)
#endif
			:: else -> t = NONE
			fi
		}
#ifdef BREAK_LEAVE_BEFORE_EVICT
		if
		:: t != NONE -> mount_put()
		:: else
		fi
#endif
	:: else
	fi;
	if
	:: t != NONE ->
		atomic { /* evict() has returned */
			!locked[inodes[t].key];
			inode_remove(t);
			t = NONE
		}
		mount_put()
	:: else
	fi
}

inline put_own_inode()
{
	atomic { t = s; s = NONE }
	finode_put()
}

inline finode_retire(i)
{
#ifdef BREAK_RETIRE_CUTS_FIRST
	retire_root(i);
#endif
	atomic {
		!locked[inodes[i].key];
		CHECK(E_inode_used_while_held, inodes[i].state == LIVE);
		if
		:: !inodes[i].retired ->
			INDEX(inodes[i].mount, inodes[i].key) = NONE;
			inodes[i].retired = 1;
			inodes[i].told = 0
		:: else
		fi
	}
#if !defined(BREAK_RETIRE_CUTS_FIRST) && !defined(BREAK_RETIRE_KEEPS_ROOT)
	retire_root(i)
#endif
}

inline finode_count(i)
{
	atomic {
		CHECK(E_inode_used_while_held, inodes[i].state == LIVE);
		inodes[i].refs = inodes[i].refs + (inodes[i].nlookup == 0);
		inodes[i].nlookup++
	}
#if DETACHERS > 0 || defined(MATCH)
	atomic {
		if
#ifdef BREAK_COUNT_WHAT_IS_DETACHED
		:: true
#else
		:: mounts[inodes[i].mount].detached -> disown(i)
		:: else
#endif
		fi
	}
#endif
}

/* finode__count_disown(): what the kernel counts is owed. */
inline disown(i)
{
	owed = owed + inodes[i].nlookup;
	subtract(i, inodes[i].nlookup)
}

#ifdef BREAK_NOTHING_IS_SETTLED
#define SETTLE(n) skip
#else
#define SETTLE(n) owed = (owed > (n) -> owed - (n) : 0)
#endif

/*
 * Who subtracts has a reference of its own. What was cleared by a detach may be less, and
 * then the rest is owed no more: settle().
 */
inline subtract(i, much)
{
	CHECK(E_inode_used_while_held, inodes[i].state == LIVE);
#ifndef HOSTILE
	CHECK(D_honest_forget_is_exact,
	      inodes[i].nlookup >= much || mounts[inodes[i].mount].detached);
#endif
	if
	:: inodes[i].nlookup < much && mounts[inodes[i].mount].detached ->
		SETTLE(much - inodes[i].nlookup)
	:: else
	fi;
	if
	:: inodes[i].nlookup > much -> inodes[i].nlookup = inodes[i].nlookup - much
	:: inodes[i].nlookup > 0 && inodes[i].nlookup <= much ->
		inodes[i].nlookup = 0;
		inodes[i].refs--
	:: inodes[i].nlookup == 0
	fi
}

/* ---- Roots ---- */

#ifdef TWO_ROOTS
#define IS_DIRECTORY(k) true
#else
#define IS_DIRECTORY(k) (k) == 0
#endif
#define IS_ANNOUNCED(i, m) (inodes[i].replies > 0 && inodes[i].mount == m)

/* cut_locked(). What was kept is still to be put. */
inline cut(i)
{
	inodes[i].replies = 0;
#ifndef BREAK_KEPT_PUT_TWICE
	inodes[i].kept = 0
#endif
}

/* The same with the put, by one who has a reference to it. */
inline cut_own(i)
{
	CHECK(E_inode_used_while_held, inodes[i].state == LIVE);
	CHECK(E_put_without_a_reference, inodes[i].refs > inodes[i].kept);
	inodes[i].refs = inodes[i].refs - inodes[i].kept;
	cut(i)
}

/* finode__mount_retire_root(), by one who has a reference to it. */
inline retire_root(i)
{
	if
	:: IS_DIRECTORY(inodes[i].key) ->
		atomic {
			CHECK(E_mount_used_while_held, mounts[inodes[i].mount].state == LIVE);
			if
			:: inodes[i].replies > 0 -> cut_own(i)
			:: else
			fi
		}
	:: else
	fi
}

/* finode__mount_forget_roots(): the list has them in any order. */
inline forget_roots(mm)
{
	do
	:: atomic {
		if
		:: IS_ANNOUNCED(0, mm) -> t = 0
		:: IS_ANNOUNCED(1, mm) -> t = 1
#if INODES > 2
		:: IS_ANNOUNCED(2, mm) -> t = 2
#endif
#if INODES > 3
		:: IS_ANNOUNCED(3, mm) -> t = 3
#endif
		:: else -> break
		fi;
		if
		:: inodes[t].kept -> inodes[t].holders++; cut(t)
		:: else -> cut(t); t = NONE
		fi
	   }
	   put_kept()
	od
}

inline put_kept()
{
	if
	:: t != NONE -> finode_put()
	:: else
	fi
}

/* Its roots need not answer any more. */
inline untell(mm)
{
	do
	:: n < INODES ->
		if
		:: IS_IN(n, mm) -> inodes[n].told = 0
		:: else
		fi;
		n++
	:: else -> n = 0; break
	od
}

/* Of another inode of the mount, if there is one: as if there were one record for all. */
inline cut_another()
{
	do
	:: i < INODES ->
		if
		:: i != s && IS_ANNOUNCED(i, n) ->
			t = i;
			inodes[t].holders++;
			cut(t)
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od
}

/* finode__mount_cross(), to a directory. */
inline announce()
{
#ifdef BREAK_LOOK_BEFORE_ANNOUNCE
	look_again();
#endif
	atomic {
		n = inodes[s].mount;
		CHECK(E_mount_used_while_held, mounts[n].state == LIVE);
		if
#ifndef BREAK_ANNOUNCE_DETACHED
		:: mounts[n].detached
		:: !mounts[n].detached ->
#else
		:: true ->
#endif
#ifdef BREAK_ONE_RECORD
			cut_another();
#endif
#ifndef BREAK_ROOTS_GO
			if
			:: inodes[s].replies == 0 -> /* add_locked() */
				CHECK(I_live_has_a_reference, inodes[s].refs > 0);
				inodes[s].kept = 1;
				inodes[s].refs++
			:: else
			fi;
#endif
			inodes[s].replies++
		fi;
		n = 0
	}
#ifdef BREAK_ONE_RECORD
	put_kept();
#endif
#if !defined(BREAK_LOOK_BEFORE_ANNOUNCE) && !defined(BREAK_NO_SECOND_LOOK)
	look_again()
#endif
}

/* finode__inode_is_current(), and what follows it. */
inline look_again()
{
	atomic {
		!locked[inodes[s].key];
		flag = inodes[s].retired
	}
	if
	:: flag -> flag = 0; retire_root(s)
	:: else
	fi
}

/* finode__mount_withdraw(). */
inline withdraw()
{
	atomic {
		CHECK(E_mount_used_while_held, mounts[inodes[s].mount].state == LIVE);
		if
		:: inodes[s].replies > 0 ->
			inodes[s].replies--;
			if
#ifdef BREAK_WITHDRAW_FOR_ALL
			:: true -> cut_own(s)
#else
			:: inodes[s].replies == 0 -> cut_own(s)
			:: else
#endif
			fi
		:: else
		fi
	}
}

/* ---- Detach ---- */

#ifdef BREAK_WALK_TAKES_NO_LOCK
#define WALK_LOCK(shard) true
#else
#define WALK_LOCK(shard) !locked[shard]
#endif

/* take_some(): the LIVE inodes of the list in a shard, each with a reference. */
inline take_some(shard)
{
	atomic {
		WALK_LOCK(shard);
		do
		:: i < INODES ->
			if
			:: IS_IN(i, m) && inodes[i].key == shard && inodes[i].refs > 0 &&
					!inodes[i].parted ->
				inodes[i].refs++;
				inodes[i].holders++;
				inode_part(i);
				taken[i] = 1
			:: else
			fi;
			i++
		:: else -> i = 0; break
		od
	}
}

inline detach_shard(shard)
{
	take_some(shard);
	do
	:: i < INODES ->
		if
		:: taken[i] ->
			atomic { t = i; taken[i] = 0 }
			finode_retire(t);
#ifndef BREAK_RETIRE_KEEPS_COUNT
#ifdef BREAK_OWED_AFTER_PUT
			atomic { much = inodes[t].nlookup; subtract(t, much) }
#else
			atomic { disown(t) }
#endif
#endif
			finode_put()
#ifdef BREAK_OWED_AFTER_PUT
			;
			owed = owed + much;
			much = 0
#endif
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od
}

/* Of m, which has been found, and stays held. */
inline finode_mount_detach()
{
	atomic { /* finode__mount_mark_detached() */
		CHECK(E_mount_used_while_held, mounts[m].state == LIVE);
		flag = !mounts[m].detached;
		if
		:: flag ->
#ifndef BREAK_DETACH_KEEPS_ID
			by_id[mounts[m].id] = NONE;
#endif
			objects[mounts[m].id]--;
			untell(m);
#ifndef BREAK_FLAG_AFTER_WALK
			mounts[m].detached = 1
#endif
		:: else
		fi
	}
	if
	:: flag ->
		flag = 0;
#ifndef BREAK_DETACH_KEEPS_ROOT
		forget_roots(m);
#endif
		detach_shard(0);
		detach_shard(1);
#ifdef BREAK_FLAG_AFTER_WALK
		mounts[m].detached = 1;
#endif
		atomic {
			do
			:: i < INODES ->
				CHECK(I_detached_is_left_alone,
				      !IS_IN(i, m) || inodes[i].refs == 0 ||
				      inodes[i].holders > 0);
				CHECK(I_detached_is_left_alone,
				      !IS_IN(i, m) || inodes[i].refs == 0 ||
				      inodes[i].retired || inodes[i].leaving ||
				      locked[inodes[i].key]); /* is being published */
				CHECK(I_detached_is_left_alone,
				      !IS_IN(i, m) || !inodes[i].kept);
				i++
			:: else -> i = 0; break
			od
		}
	:: else
	fi
}

/* ---- Mounts: obtain and find ---- */

/* find_or_create(), with `made` or `found`; neither if there is no memory. */
inline mount_find_or_create(which, above)
{
	do
	:: atomic {
		waits[me] == NONE ->
		if
		:: by_id[which] == NONE ->
			do
			:: i < MOUNTS && mounts[i].state != FREE -> i++
			:: i < MOUNTS && mounts[i].state == FREE -> /* create_locked() */
				m = i;
				mounts[m].state = NEW;
				mounts[m].refs = 1;
				mounts[m].id = which;
				mounts[m].parent = above;
				by_id[which] = m;
				objects[which]++;
				CHECK(B_one_object_of_an_id, objects[which] == 1);
#ifndef BREAK_PARENT_NOT_HELD
				if
				:: above != NONE -> mounts[above].refs++
				:: else
				fi;
#endif
				made = 1;
				break
			:: i == MOUNTS -> break
			od;
			i = 0;
			break
#ifdef BREAK_FIND_IGNORES_STATE
		:: by_id[which] != NONE ->
#else
		:: by_id[which] != NONE && mounts[by_id[which]].state == LIVE ->
#endif
			m = by_id[which];
			mount_hold();
			found = 1;
			break
#ifndef BREAK_FIND_IGNORES_STATE
		:: by_id[which] != NONE && mounts[by_id[which]].state != LIVE ->
			waits[me] = OF_MOUNTS /* find_settled_locked() */
#endif
		fi
	   }
	od
}

/* In a step, of m, which is in the hash. */
inline mount_hold()
{
	CHECK(I_live_has_a_reference, mounts[m].refs > 0);
	CHECK(B_detached_is_not_found, !mounts[m].detached);
	mounts[m].refs++;
	mounts[m].author++
}

/* begin(): NEW -> LIVE, or -> nothing. */
inline mount_begin()
{
	made = 0;
	if
	:: atomic { /* init() has succeeded */
		assert(mounts[m].state == NEW && mounts[m].refs == 1);
		CHECK(F_evicted_once_per_init, !mounts[m].ready);
		mounts[m].ready = 1;
		mounts[m].state = LIVE;
		mounts[m].author = 1;
		broadcast(OF_MOUNTS)
	   }
	:: atomic { /* it has failed */
		x = m;
		m = NONE;
		mounts[x].refs = 0;
		mount_remove()
	   }
	   mount_put()
	fi
}

/* m is NONE if it failed. */
inline finode_mount_obtain(which, above)
{
	do
	:: mount_find_or_create(which, above);
	   if
	   :: made -> mount_begin(); break
	   :: !made && !found -> break
	   :: !made && found ->
		found = 0;
#ifdef MATCH
		if
		:: break
		:: finode_mount_detach(); put_own_mount()
		fi
#else
		break
#endif
	   fi
	od
}

/* Finds a mount that has a reference, as a walk over all of them does. */
inline find_mount(which)
{
	atomic {
		if
		:: by_id[which] != NONE && mounts[by_id[which]].state == LIVE ->
			m = by_id[which];
			mount_hold()
		:: else
		fi
	}
}

/* ---- Inodes: obtain ---- */

/* mount_join_locked(). */
inline mount_join()
{
	CHECK(E_mount_used_while_held, mounts[m].state == LIVE && mounts[m].refs > 0);
	mounts[m].refs = mounts[m].refs + (mounts[m].count[k] == 0);
	mounts[m].count[k]++
}

/* find_or_create(), as that of mounts. */
inline inode_find_or_create()
{
	do
	:: atomic {
		waits[me] == NONE && !locked[k] ->
		if
		:: INDEX(m, k) == NONE ->
			do
			:: i < INODES && inodes[i].state != FREE -> i++
			:: i < INODES && inodes[i].state == FREE -> /* inode_create_locked() */
				s = i;
				inodes[s].state = NEW;
				inodes[s].mount = m;
				inodes[s].key = k;
				INDEX(m, k) = s;
#ifndef BREAK_JOIN_AFTER_PUBLISH
				mount_join();
#endif
				made = 1;
				break
			:: i == INODES -> break
			od;
			i = 0;
			break
		:: INDEX(m, k) != NONE && inodes[INDEX(m, k)].state == LIVE ->
			s = INDEX(m, k);
			CHECK(I_live_has_a_reference, inodes[s].refs > 0);
			CHECK(I_mount_counts_its_inodes, inodes[s].parted || mounts[m].count[k] > 0);
			inodes[s].refs++;
			inodes[s].holders++;
			found = 1;
			break
		:: INDEX(m, k) != NONE && inodes[INDEX(m, k)].state != LIVE ->
			waits[me] = k /* find_settled_locked() */
		fi
	   }
	od
}

#ifdef BREAK_PUBLISH_IGNORES_FLAG
#define LOOK_AT_FLAG skip
#else
#define LOOK_AT_FLAG flag = mounts[m].detached; inodes[s].leaving = flag
#endif

inline publish()
{
	inodes[s].refs = 1;
	inodes[s].holders = 1
}

/* finode__inode_begin(): NEW -> LIVE, with a reference, or -> nothing. */
inline inode_begin()
{
	made = 0;
	if
	:: atomic { /* init() has succeeded */
		!locked[k];
		locked[k] = 1;
		assert(inodes[s].state == NEW && inodes[s].refs == 0);
		inodes[s].state = LIVE
	   }
	   if
	   :: publish_first()
	   :: look_first()
	   fi;
#ifdef BREAK_JOIN_AFTER_PUBLISH
	   atomic { !locked[k]; mount_join() }
#endif
	   if
	   :: flag -> flag = 0; finode_retire(s); put_own_inode() /* -ESTALE */
	   :: else
	   fi
	:: atomic { /* it has failed */
		!locked[k];
#ifdef BREAK_JOIN_AFTER_PUBLISH
		mount_join();
#endif
		inode_remove(s);
		s = NONE
	   }
	   mount_put()
	fi
}

inline publish_first()
{
	atomic { publish() }
	atomic { LOOK_AT_FLAG; locked[k] = 0; broadcast(k) }
}

inline look_first()
{
	LOOK_AT_FLAG;
	atomic { publish(); locked[k] = 0; broadcast(k) }
}

/* s is NONE if it failed. */
inline finode_obtain()
{
	if
	:: mounts[m].detached /* -ESTALE */
	:: !mounts[m].detached ->
		do
		:: inode_find_or_create();
		   if
		   :: made -> inode_begin(); break
		   :: !made && !found -> break
		   :: !made && found ->
			found = 0;
#ifdef REPLACED
			if
			:: break
			:: finode_retire(s); put_own_inode()
			fi
#else
			break
#endif
		   fi
		od
	fi
}

/* ---- Requests ---- */

/* finode_reply_entry(), of what has been crossed to. */
inline reply()
{
	if
	:: IS_DIRECTORY(k) -> announce()
	:: else
	fi;
	finode_count(s);
	if
	:: atomic { /* written */
#ifndef HOSTILE
		inodes[s].given++;
#endif
		if
		:: IS_DIRECTORY(k) && !inodes[s].retired &&
				!mounts[inodes[s].mount].detached ->
			inodes[s].told++
		:: else
		fi
	   }
	:: true; /* refused: finode__entry_undo() */
#ifndef BREAK_NO_WITHDRAW
	   if
	   :: IS_DIRECTORY(k) -> withdraw()
	   :: else
	   fi;
#endif
	   atomic { subtract(s, 1) }
	fi
}

inline lookup()
{
	finode_mount_obtain(0, NONE);
#ifdef NESTED
	if
	:: m != NONE ->
		atomic { p = m; m = NONE }
		finode_mount_obtain(1, p);
		atomic { x = p; mounts[p].author--; p = 0 }
		mount_put()
	:: true
	fi;
#endif
	if
	:: m != NONE ->
		if
		:: k = 0
		:: k = 1
		fi;
		finode_obtain();
		put_own_mount();
		if
		:: s != NONE -> reply(); put_own_inode()
		:: else
		fi;
		k = 0
	:: else
	fi
}

proctype handler(byte me)
{
	byte m = NONE, s = NONE, t = NONE, x, k, i, n, much, wake, rounds;
#ifdef NESTED
	byte p;
#endif
	bit made, found, flag;
#ifdef MATCH
	bit taken[INODES];
#endif

	rounds = (me == 0 -> ROUNDS : OTHER_ROUNDS);
	do
	:: rounds > 0 -> rounds--; lookup()
	:: rounds == 0 -> break
	od;
	running--
}

/* finode_forget(), in a thread that serves FORGETs. */
#ifdef HOSTILE
#define FORGETTABLE(i) inodes[i].refs > 0
#define HUGE	       100
#else
#define FORGETTABLE(i) inodes[i].given > 0
#endif

proctype forgetter(byte me)
{
	byte t = NONE, x, n, much, wake;

	do
	:: atomic {
		if
		:: FORGETTABLE(0) -> t = 0
		:: FORGETTABLE(1) -> t = 1
#if INODES > 2
		:: FORGETTABLE(2) -> t = 2
#endif
#if INODES > 3
		:: FORGETTABLE(3) -> t = 3
#endif
		fi;
#ifdef HOSTILE
		much = HUGE;
#else
		if
		:: much = 1
		:: inodes[t].given > 1 -> much = inodes[t].given
		fi;
		inodes[t].given = inodes[t].given - much;
		CHECK(C_kernel_holds_what_it_counts, inodes[t].refs > 0);
#endif
		inodes[t].refs++; /* finode_get() */
		inodes[t].holders++
	   }
	   atomic { subtract(t, much); much = 0 }
	   finode_put()
	:: break
	od;
	running--
}

proctype detacher(byte me)
{
	byte m = NONE, t = NONE, x, i, n, much, wake;
	bit flag, taken[INODES];

	find_mount(IDS - 1);
	if
	:: m != NONE -> finode_mount_detach(); put_own_mount()
	:: else
	fi;
	running--
}

#if REKEYERS > 0
#ifdef BREAK_REKEY_IGNORES_FLAG
#define KEEPS_ITS_KEY(i) inodes[i].retired
#else
#define KEEPS_ITS_KEY(i) (inodes[i].retired || mounts[inodes[i].mount].detached)
#endif

/* finode_find() of any key. */
inline find_any()
{
	atomic {
		if
		:: k = 0
		:: k = 1
		fi;
		if
		:: m = 0
		:: m = 1
		fi;
		if
		:: !locked[k] && INDEX(m, k) != NONE && inodes[INDEX(m, k)].state == LIVE ->
			s = INDEX(m, k);
			CHECK(I_live_has_a_reference, inodes[s].refs > 0);
			inodes[s].refs++;
			inodes[s].holders++
		:: else
		fi;
		k = 0;
		m = NONE
	}
}

/* finode__inode_rekey(), with both shards locked: it leaves one list and joins the other. */
inline finode_rekey()
{
	atomic {
		!locked[0] && !locked[1];
		CHECK(E_inode_used_while_held, inodes[s].state == LIVE);
		if
		:: KEEPS_ITS_KEY(s) ||
				INDEX(inodes[s].mount, 1 - inodes[s].key) != NONE
		:: else ->
			INDEX(inodes[s].mount, inodes[s].key) = NONE;
			m = inodes[s].mount;
			mount_leave(s);
			inodes[s].key = 1 - inodes[s].key;
			k = inodes[s].key;
			mount_join();
			mounts[m].refs = mounts[m].refs - (x != NONE);
			INDEX(m, k) = s;
			x = 0;
			k = 0;
			m = NONE
		fi
	}
}

proctype rekeyer(byte me)
{
	byte m = NONE, s = NONE, t = NONE, x, k, n, wake;

	find_any();
	if
	:: s != NONE -> finode_rekey(); put_own_inode()
	:: else
	fi;
	running--
}
#endif

/* At rest: references add up, in what is left of a mount. */
inline look_at_mount(mm)
{
	CHECK(Z_nothing_is_left, mounts[mm].state == LIVE && mounts[mm].author == 0);
	CHECK(I_refs_add_up, mounts[mm].refs == (mounts[mm].count[0] > 0) +
			      (mounts[mm].count[1] > 0) + PARTED(mm) + CHILDREN(mm))
}

inline look_at_inode(s)
{
	CHECK(Z_nothing_is_left, inodes[s].state == LIVE && inodes[s].holders == 0);
	CHECK(I_announced_root_answers, inodes[s].told <= inodes[s].replies);
	CHECK(I_kept_is_announced, inodes[s].told == inodes[s].replies);
	CHECK(I_kept_is_announced, inodes[s].kept == (inodes[s].replies > 0));
	CHECK(I_refs_add_up, inodes[s].refs == (inodes[s].nlookup > 0) + inodes[s].kept);
	inodes[s].told = 0;
	CHECK(I_detached_is_left_alone, !mounts[inodes[s].mount].detached ||
					 (inodes[s].retired && inodes[s].nlookup == 0))
#ifndef HOSTILE
	;
	CHECK(C_kernel_holds_what_it_counts,
	      inodes[s].nlookup == inodes[s].given || mounts[inodes[s].mount].detached);
	if
	:: mounts[inodes[s].mount].detached ->
		CHECK(D_late_forget_is_expected, owed >= inodes[s].given);
		owed = owed - inodes[s].given
	:: else
	fi;
	inodes[s].given = 0
#endif
}

/* finode_table_forget_all(), and what must be true before it and after it. */
proctype ending(byte me)
{
	byte t = NONE, m = NONE, x, i, n, wake;

	atomic {
		running == 0;
		do
		:: i < MOUNTS ->
			if
			:: mounts[i].state != FREE -> look_at_mount(i)
			:: else
			fi;
			i++
		:: else -> i = 0; break
		od;
		do
		:: i < INODES ->
			if
			:: inodes[i].state != FREE -> look_at_inode(i)
			:: else
			fi;
			i++
		:: else -> i = 0; break
		od
#ifndef HOSTILE
		;
		CHECK(D_no_more_is_owed, owed == 0)
#endif
	}
	do
	:: i < MOUNTS -> /* finode__mounts_forget() */
		atomic {
			if
			:: mounts[i].state == LIVE ->
				m = i;
				mounts[m].refs++;
				mounts[m].author++
			:: else
			fi
		}
		if
		:: m != NONE -> forget_roots(m); put_own_mount()
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od;
	do
	:: i < INODES ->
		atomic {
			if
			:: inodes[i].refs > 0 ->
				t = i;
				inodes[t].refs++;
				inodes[t].holders++;
				subtract(t, inodes[t].nlookup)
			:: else
			fi
		}
		if
		:: t != NONE -> finode_put()
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od;
	atomic {
		do
		:: i < MOUNTS ->
			CHECK(Z_nothing_is_left, mounts[i].state == FREE && mounts[i].refs == 0);
			CHECK(Z_nothing_is_left,
			      mounts[i].count[0] == 0 && mounts[i].count[1] == 0);
			CHECK(Z_nothing_is_left,
			      INDEX(i, 0) == NONE && INDEX(i, 1) == NONE);
			CHECK(F_evicted_once_per_init, !mounts[i].ready);
			i++
		:: else -> break
		od;
		CHECK(Z_nothing_is_left, by_id[0] == NONE && by_id[IDS - 1] == NONE);
		CHECK(B_one_object_of_an_id, objects[0] == 0 && objects[IDS - 1] == 0)
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < HANDLERS -> run handler(i); i++
		:: i >= HANDLERS && i < HANDLERS + FORGETTERS -> run forgetter(i); i++
		:: i >= HANDLERS + FORGETTERS && i < HANDLERS + FORGETTERS + DETACHERS ->
			run detacher(i);
			i++
#if REKEYERS > 0
		:: i >= HANDLERS + FORGETTERS + DETACHERS && i < PROCESSES - 1 ->
			run rekeyer(i);
			i++
#endif
		:: else -> break
		od;
		run ending(i);
		i = 0
	}
}
