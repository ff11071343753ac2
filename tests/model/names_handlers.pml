/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directories' locks, and the handlers that take them: a part of names.pml.
 *
 * This file owns what the author of a server writes: which calls a request makes, and in
 * which order. Directories are locked before anything is pinned; nobody has a pin when it
 * calls finode_unlinked(), but it may pin twice, or open what it has pinned; the backend is
 * asked for links when the alias has gone; a lookup's own handle is closed before its
 * directory is unlocked.
 *
 * In all that follows: n is the name that the request is about, what is the object that was
 * found there, ok says whether the request goes on, me is the process.
 */

/*
 * The lock of a directory (finode/dirlock.h): look-ups share it, changes have it alone. A
 * changer that waits keeps those out who come to share, as its place in the queue does. Who
 * shares is let in by the step that lets it come: that it waited in the queue before, ahead of
 * a changer, is the same as that the changer came later.
 */
#define CHANGING 255 /* as the number of sharers */
#ifdef LOCKED
byte sharers[2];
byte changers[2]; /* that wait */
#endif

#if defined(LOCKED) && !defined(BREAK_LOOKUP_TAKES_NO_LOCK)
#define SHARE(d)   atomic { sharers[d] != CHANGING && changers[d] == 0 -> sharers[d]++ }
#define UNSHARE(d) sharers[d]--
#else
#define SHARE(d)   skip
#define UNSHARE(d) skip
#endif

inline change(d)
{
#ifdef LOCKED
	changers[d]++;
	atomic {
		sharers[d] == 0;
		sharers[d] = CHANGING;
		changers[d]--
	}
#else
	skip
#endif
}

inline unchange(d)
{
#ifdef LOCKED
	sharers[d] = 0
#else
	skip
#endif
}

/* A lookup's own handle, if rebind() has not taken it. */
inline close_own()
{
	atomic {
		if
		:: what == FILE && !taken -> found--
		:: else
		fi;
		what = NONE;
		taken = 0
	}
}

inline lookup()
{
	SHARE(n);
	atomic { /* opens what the backend has */
		what = backend[n];
		ok = 1;
#ifdef TRIM
		links = LINKS; /* and asks for its attributes: as old as they may be */
#endif
		if
		:: what == FILE -> found++
		:: else
		fi
	}
	if
	:: what == FILE || what == NEXT -> finode_obtain()
	:: else
	fi;
	if
	:: ok -> finode_alias_add() /* or finode_alias_drop(), if nothing is there */
	:: else
	fi;
	GHOST(shown[n] = (ok -> what : NONE)); /* the reply */
#ifdef BREAK_CLOSE_AFTER_UNLOCK
	UNSHARE(n);
	close_own()
#else
	close_own();
	UNSHARE(n)
#endif
}

/* Perhaps with a function that pins for itself what its caller has pinned. */
inline getattr()
{
	finode_pin();
	if
	:: ok -> finode_unpin()
	:: ok ->
		finode_pin();
		atomic {
			CHECK(H_pinned_is_held, ok);
			finode_unpin()
		}
		finode_unpin()
	:: else
	fi
}

/* With ok = 1 if the backend says that FILE has no link. */
inline ask_backend()
{
	finode_pin();
	if
	:: ok ->
		atomic { /* fstat() of the handle */
			USE;
			if
			:: LINKS > 0 -> ok = 0
#ifdef EAGER
			:: true
#else
			:: LINKS == 0
#endif
			fi
		}
#ifdef BREAK_UNLINKED_WITH_A_PIN
		pinned = 1
#else
		finode_unpin()
#endif
	:: else
	fi
}

/* An alias of `what` has gone, or an open file: releases it if no link is left. */
inline after_removal()
{
	if
	:: what == FILE ->
#ifndef BREAK_ASK_BEFORE_REMOVE
		ask_backend();
#endif
		if
		:: ok -> finode_unlinked()
		:: else
		fi;
#ifdef BREAK_UNLINKED_WITH_A_PIN
		if
		:: pinned -> finode_unpin(); pinned = 0
		:: else
		fi
#endif
	:: else
	fi
}

/* OPEN, pinned or not, and RELEASE some time later, which may ask as a removal does. */
inline open()
{
	if
	:: finode_file_open()
	:: finode_pin();
	   if
	   :: ok ->
		finode_file_open();
		atomic {
			CHECK(H_pinned_is_held, ok);
			finode_unpin()
		}
	   :: else
	   fi
	fi;
	if
	:: ok ->
		atomic {
			CHECK(H_open_is_held, held && USABLE);
			opens--
		}
#ifdef RELEASE
		what = FILE;
		after_removal();
		what = NONE
#endif
	:: else
	fi
}

/*
 * What must be true when the removal of the last link is replied: nobody in the server has
 * the file, but who has it open. Or else another handler has removed a link before, and its
 * alias was still known, or it is about to decide: then its reply is the last.
 */
inline reply_removal()
{
	removing = removing - counted;
#ifdef LOCKED
	CHECK(N_removed_is_released,
	      !last || removing > 0 || kept_for_open || (!held && found == 0));
#endif
	counted = 0;
	last = 0;
	what = NONE
}

inline unlink()
{
	change(n);
	what = backend[n]; /* which inode it is: by its key, or by its alias */
	atomic { /* in the backend */
		ok = (backend[n] != NONE);
		GHOST(counted = (ok && what == FILE));
		removing = removing + counted;
		backend[n] = NONE;
		last = (counted && LINKS == 0)
	}
#ifdef BREAK_ASK_BEFORE_REMOVE
	if
	:: ok && what == FILE -> ask_backend()
	:: else
	fi;
#endif
	alias[n] = NONE; /* finode_alias_remove() */
	if
	:: ok -> after_removal()
	:: else
	fi;
	atomic {
		GHOST(shown[n] = NONE);
		reply_removal()
	}
	unchange(n)
}

/* finode_alias_rename(), of name 1 to name 0, or an exchange of both. */
inline finode_alias_rename()
{
	atomic {
		moved = alias[0];
#ifdef BREAK_RENAME_IN_TWO_STEPS
		kept = alias[1];
		if
		:: moved != kept -> alias[0] = NONE; alias[1] = NONE
		:: else
		fi
	}
	atomic {
		alias[1] = kept;
		kept = NONE;
#endif
		if
		:: moved != alias[1] ->
			alias[0] = alias[1];
			alias[1] = (exchange -> moved : NONE)
		:: else /* nothing, or one inode: both stay */
		fi;
		moved = NONE;
		CHECK(H_named_is_held, NAMES == 0 || (held && USABLE))
	}
}

/* Two directories are locked in an order. */
inline change_two()
{
#ifdef BREAK_DIRECTORIES_IN_ANY_ORDER
	if
	:: change(0); change(1)
	:: change(1); change(0)
	fi
#else
	change(0);
	change(1)
#endif
}

/* RENAME of name 1 to name 0, also with RENAME_EXCHANGE. */
inline rename()
{
	if
	:: exchange = 0
	:: exchange = 1
	fi;
	change_two();
	what = backend[0]; /* what may be replaced */
	atomic { /* in the backend */
		ok = (backend[1] != NONE && (backend[0] != NONE || !exchange));
		if
		:: ok && exchange ->
			moved = backend[0];
			backend[0] = backend[1];
			backend[1] = moved;
			moved = NONE
		:: ok && !exchange && backend[0] != backend[1] ->
			GHOST(counted = (what == FILE));
			removing = removing + counted;
			backend[0] = backend[1];
			backend[1] = NONE;
			last = (counted && LINKS == 0)
		:: else /* an error, or two links of one file, which stay */
		fi
	}
	if
	:: ok ->
		finode_alias_rename();
#ifndef BREAK_RENAME_FORGETS_REPLACED
		if
		:: !exchange -> after_removal()
		:: else
		fi;
#endif
		atomic { /* the reply, if it was not an error */
			GHOST(moved = shown[0]);
			GHOST(shown[0] = shown[1]);
			GHOST(shown[1] = (exchange -> moved : NONE));
			moved = NONE
		}
	:: else
	fi;
	atomic {
		exchange = 0;
		reply_removal()
	}
	unchange(1);
	unchange(0)
}

/* FILE gets name n. */
inline link()
{
#ifdef BREAK_PIN_BEFORE_LOCK
	finode_pin();
	change(n);
#else
	change(n);
	finode_pin();
#endif
	if
	:: ok ->
		atomic { /* in the backend, which links no file that has no link */
			USE;
			ok = (backend[n] == NONE && LINKS > 0);
			if
			:: ok -> backend[n] = FILE; what = FILE
			:: else
			fi
#ifdef TRIM
			;
			links = LINKS
#endif
		}
		if
		:: what == FILE ->
			finode_alias_add();
			atomic {
				CHECK(H_pinned_is_held, ok);
				GHOST(shown[n] = FILE); /* the reply */
				what = NONE
			}
		:: else
		fi;
		finode_unpin()
	:: else
	fi;
	unchange(n)
}

#define FREED (LINKS == 0 && !held && found == 0 && opens == 0)

/* Another client of the backend makes a file, with FILE's number if that is free. */
inline create()
{
	atomic {
		if
		:: backend[n] == NONE && FREED && COUNT(backend, NEXT) == 0 ->
			backend[n] = NEXT
		:: backend[n] == NONE -> backend[n] = OTHER
		:: else
		fi
	}
}

#ifdef TRIM
/* Another client of the backend renames FILE, from name n to the other one. */
inline move()
{
	atomic {
		skip; /* so that it is not this `else` that the handler chooses by */
		if
		:: backend[n] == FILE && backend[1 - n] != FILE ->
			backend[1 - n] = FILE;
			backend[n] = NONE
		:: else
		fi
	}
}
#endif
