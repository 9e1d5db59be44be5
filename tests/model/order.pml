/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The freeze protocol on weakly ordered machines, for the model checker Spin.
 *
 * Each CPU has a store buffer. A plain store leaves it at any time, before or
 * after the others, unless they are to the same place; a release store leaves
 * it after all that entered before; a fully ordered swap and a fence wait until
 * it is empty. TSO=1: stores leave in the order in which they entered (x86). A
 * CPU reads its own stores at once. A read that is not an acquire, and a read
 * behind a swap that is not fully ordered, may be made early: its value is
 * taken before that of the access in front of it.
 *
 * Two CPUs in one of three scenarios: one links a table and one meets it; one
 * installs a page and one invalidates and zaps; one makes the TD final and one
 * prefaults. Properties:
 *
 *   R24       who finds a table finds it initialised
 *   HANDOVER  who finds or freezes an entry sees what its last owner did
 *             before letting it go, by a new value or by the old one
 *   R7        when a zap has passed an entry, no stale fault fills it
 *   R23       who sees prefault allowed sees the TD final
 *
 * MUTATION=n weakens one access; run.py lists how, and what must come of it.
 */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef TSO
#define TSO 0
#endif

#define CHECK(name, good) assert(name || (good))

/* Never set but to switch a property off: they put the name into Spin's
 * message. */
#ifndef ONLY
#define ONLY 0
#endif
hidden byte R24	     = (ONLY != 0 && ONLY != 1);
hidden byte HANDOVER = (ONLY != 0 && ONLY != 2);
hidden byte R7	     = (ONLY != 0 && ONLY != 3);
hidden byte R23	     = (ONLY != 0 && ONLY != 4);

/* How a store is ordered. */
#define PLAIN	0
#define RELEASE 1

#define ORDER_PUBLISH (MUTATION == 1 -> PLAIN : RELEASE)
#define ORDER_RESTORE (MUTATION == 2 -> PLAIN : RELEASE)
#define ORDER_ALLOW   (MUTATION == 5 -> PLAIN : RELEASE)

/* Places in memory. */
#define ENTRY	0 /* points to the table */
#define CHILD	1 /* entry of that table */
#define RECORD	2 /* what an owner writes down inside its window */
#define LEAF	3 /* entry of a page, in another table */
#define INVAL	4 /* an invalidation has begun */
#define STATE	5 /* the TD is final */
#define ALLOWED 6 /* prefault is allowed */
#define PLACES	7
byte mem[PLACES];

/* Values. */
#define JUNK   0 /* memory that nobody has initialised */
#define EMPTY  1
#define FROZEN 2
#define TABLE  3
#define PAGE   4

/* Store buffers: oldest first. */
#define CPUS 2
#define ROOM 3
typedef entry {
	byte place;
	byte value;
	bit order
};
typedef buffer {
	entry at[ROOM];
	byte n
};
buffer sb[CPUS];

/* Store k of CPU c may leave now. */
#define is_oldest(c, k) ((k) == 0)
#define same(c, j, k)	(sb[c].at[j].place == sb[c].at[k].place)
#if TSO
#define may_leave(c, k) ((k) < sb[c].n && is_oldest(c, k))
#else
#define may_leave(c, k)                                            \
	((k) < sb[c].n && (is_oldest(c, k) ||                      \
	  (sb[c].at[k].order == PLAIN && !same(c, 0, k) &&         \
	   ((k) == 1 || !same(c, 1, k)))))
#endif

inline leave(c, k) {
	d_step {
		mem[sb[c].at[k].place] = sb[c].at[k].value;
		j = k;
		do
		:: j + 1 < sb[c].n ->
			sb[c].at[j].place = sb[c].at[j + 1].place;
			sb[c].at[j].value = sb[c].at[j + 1].value;
			sb[c].at[j].order = sb[c].at[j + 1].order;
			j++
		:: else -> break
		od;
		sb[c].n--;
		sb[c].at[j].place = 0;
		sb[c].at[j].value = 0;
		sb[c].at[j].order = 0;
		j = 0
	}
}

/* A buffer empties itself. */
proctype drain(byte c)
{
	byte j;

end:
	do
	:: atomic { may_leave(c, 0) -> leave(c, 0) }
	:: atomic { may_leave(c, 1) -> leave(c, 1) }
	:: atomic { may_leave(c, 2) -> leave(c, 2) }
	od
}

inline store(c, p, v, o) {
	atomic {
		assert(sb[c].n < ROOM);
		sb[c].at[sb[c].n].place = p;
		sb[c].at[sb[c].n].value = v;
		sb[c].at[sb[c].n].order = o;
		sb[c].n++
	}
}

/* The CPU's newest store to the place, or memory. */
#define in_buffer(c, k, p) (sb[c].n > (k) && sb[c].at[k].place == (p))
#define value_of(c, p)                                                      \
	(in_buffer(c, 2, p) -> sb[c].at[2].value :                          \
	 (in_buffer(c, 1, p) -> sb[c].at[1].value :                         \
	  (in_buffer(c, 0, p) -> sb[c].at[0].value : mem[p])))

#define fence(c) sb[c].n == 0

/* Fully ordered compare and swap. */
inline swap(c, p, old, now, won) {
	atomic {
		sb[c].n == 0;
		won = (mem[p] == old);
		if
		:: won -> mem[p] = now
		:: else
		fi
	}
}

/* --- scenarios of two CPUs, 0 and 1 ------------------------------------------- */

bool finished; /* CPU 0 */

/* R24: a table is linked, or the owner gives up and restores. Here the table is
 * filled inside the window, the worst place for it. */
proctype linker()
{
	bool won;

	swap(0, ENTRY, EMPTY, FROZEN, won);
	if
	:: !won
	:: won ->
		store(0, RECORD, 1, PLAIN);
		store(0, RECORD, 0, PLAIN);
		store(0, ENTRY, EMPTY, ORDER_RESTORE)
	:: won ->
		store(0, CHILD, EMPTY, PLAIN);
		store(0, RECORD, 2, PLAIN);
		store(0, ENTRY, TABLE, ORDER_PUBLISH)
	fi
}

/* Walks, or owns the entry after who gave up: then the record is not half
 * written. */
proctype walker()
{
	byte seen, child = 9;
	bool won;

#if MUTATION == 7
	if
	:: child = value_of(1, CHILD)
	:: true
	fi;
#endif
	seen = value_of(1, ENTRY);
	if
	:: seen == TABLE ->
		child = (child == 9 -> value_of(1, CHILD) : child);
		CHECK(R24, child == EMPTY);
		CHECK(HANDOVER, value_of(1, RECORD) == 2)
	:: seen == EMPTY ->
		swap(1, ENTRY, EMPTY, FROZEN, won);
		CHECK(HANDOVER, !won || value_of(1, RECORD) == 0)
	:: else
	fi
}

/* R7: a page was looked up while nothing was invalid. */
proctype faulter()
{
	bool won, stale, early;

#if MUTATION == 3
	if
	:: atomic { early = true; stale = value_of(0, INVAL) }
	:: true
	fi;
#endif
	swap(0, LEAF, EMPTY, FROZEN, won);
	assert(won);
	stale = (early -> stale : value_of(0, INVAL));
	if
	:: stale -> store(0, LEAF, EMPTY, ORDER_RESTORE)
	:: !stale ->
		store(0, RECORD, 1, PLAIN);
		store(0, LEAF, PAGE, ORDER_PUBLISH)
	fi;
	finished = true
}

/* Invalidates, then takes the page out if it is there. */
proctype zapper()
{
	byte seen;
	bool won;

	store(1, INVAL, 1, PLAIN);
#if MUTATION != 4
	fence(1);
#endif
	do
	:: atomic {
		value_of(1, LEAF) != FROZEN ->
			seen = value_of(1, LEAF)
	   };
	   if
	   :: seen == EMPTY -> break
	   :: seen == PAGE ->
		swap(1, LEAF, PAGE, FROZEN, won);
		assert(won);
		CHECK(HANDOVER, value_of(1, RECORD) == 1);
		store(1, LEAF, EMPTY, RELEASE);
		break
	   fi
	od;
	fence(1);
	atomic {
		finished && sb[0].n == 0;
		CHECK(R7, mem[LEAF] == EMPTY)
	}
}

/* R23: the TD is final, then prefault is allowed. */
proctype finaliser()
{
	store(0, STATE, 1, PLAIN);
	store(0, ALLOWED, 1, ORDER_ALLOW)
}

proctype prefaulter()
{
	byte state = 9;
	bool allowed;

#if MUTATION == 6
	if
	:: state = value_of(1, STATE)
	:: true
	fi;
#endif
	allowed = value_of(1, ALLOWED);
	if
	:: allowed ->
		state = (state == 9 -> value_of(1, STATE) : state);
		CHECK(R23, state == 1)
	:: else
	fi
}

init
{
	atomic {
		mem[ENTRY] = EMPTY;
		mem[LEAF] = EMPTY;
		run drain(0);
		run drain(1);
		if
		:: run linker(); run walker()
		:: run faulter(); run zapper()
		:: run finaliser(); run prefaulter()
		fi
	}
}
