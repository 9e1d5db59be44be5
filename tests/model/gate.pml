/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversion gate on weakly ordered machines, for the model checker Spin.
 *
 * Store buffers as in order.pml: a plain store leaves its CPU at any time,
 * unless one to the same place is in front of it; a fully ordered exchange
 * waits until the buffer is empty. TSO=1: stores leave in order, no read is
 * made early, and every exchange empties the buffer (x86).
 *
 * Two CPUs convert a page each, once, if the gate lets them. A third one closes
 * the gate; it gives up after any time, or is told that none is in flight,
 * takes all pages and opens the gate again. Properties:
 *
 *   CLEAN   who is told that none is in flight sees each page as it was before
 *           its conversion or after it, and after it if it has ended
 *   LATE    until the gate opens no conversion is under way
 *   COUNT   no end without a begin; at the end none is in flight
 *   OPENED  who begins after the gate has opened sees what its closer did
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
hidden byte CLEAN  = (ONLY != 0 && ONLY != 1);
hidden byte LATE   = (ONLY != 0 && ONLY != 2);
hidden byte COUNT  = (ONLY != 0 && ONLY != 3);
hidden byte OPENED = (ONLY != 0 && ONLY != 4);

/* Mark and count apart: with a fence between store and read that is right too. */
#define TWO_PLACES (MUTATION == 7 || MUTATION == 10)

/* Places in memory. */
#define WORD 0 /* closed mark and count */
#define FLAG 1 /* of TWO_PLACES: the mark */
#define PAGE 2 /* and 3: of a converter */
#define PLACES 4
byte mem[PLACES];

/* The word. */
#define CLOSED	    8
#define count_of(w) ((w) % CLOSED)
#define is_closed(w) ((w) >= CLOSED)

/* A page. */
#define BEFORE 0
#define HALF   1
#define DONE   2
#define TAKEN  3

#define CONVERTERS 2
#define CLOSER	   2
#define CPUS	   3
#define ROOM	   3
typedef entry {
	byte place;
	byte value
};
typedef buffer {
	entry at[ROOM];
	byte n
};
buffer sb[CPUS];

/* Not in any machine: who is where. */
bool inside[CONVERTERS];
bool ended[CONVERTERS];
bool opened;
byte finished;

#define same(c, j, k) (sb[c].at[j].place == sb[c].at[k].place)
#if TSO
#define may_leave(c, k) ((k) == 0 && sb[c].n > 0)
#else
#define may_leave(c, k)                                            \
	((k) < sb[c].n && ((k) == 0 || (!same(c, 0, k) &&          \
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
			j++
		:: else -> break
		od;
		sb[c].n--;
		sb[c].at[j].place = 0;
		sb[c].at[j].value = 0;
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

inline store(c, p, v) {
	assert(sb[c].n < ROOM);
	sb[c].at[sb[c].n].place = p;
	sb[c].at[sb[c].n].value = v;
	sb[c].n++
}

/* The CPU's newest store to the place, or memory. */
#define in_buffer(c, k, p) (sb[c].n > (k) && sb[c].at[k].place == (p))
#define value_of(c, p)                                                      \
	(in_buffer(c, 2, p) -> sb[c].at[2].value :                          \
	 (in_buffer(c, 1, p) -> sb[c].at[1].value :                         \
	  (in_buffer(c, 0, p) -> sb[c].at[0].value : mem[p])))

#define drained(c) (sb[c].n == 0)

/* Mutation 4: an exchange that earlier stores may pass, but not those to the
 * word. */
#if MUTATION == 4 && !TSO
#define may_end(c) true
#else
#define may_end(c) drained(c)
#endif

/* --- a converter -------------------------------------------------------------- */

proctype converter(byte c)
{
	byte seen, page;
	bool early, after;

#if MUTATION == 6 && !TSO
	if
	:: atomic { early = true; page = value_of(c, PAGE + c) }
	:: true
	fi;
#endif
#if TWO_PLACES
	/* counts, then looks at the flag */
	atomic { drained(c) -> mem[WORD] = mem[WORD] + 1 };
	if
	:: atomic {
		value_of(c, FLAG) == 1 -> mem[WORD] = mem[WORD] - 1;
		goto out
	   }
	:: atomic {
		value_of(c, FLAG) == 0 -> inside[c] = true;
		after = opened
	   }
	fi;
#else
	seen = value_of(c, WORD);
	do
	:: is_closed(seen) -> goto out
#if MUTATION == 8
	:: !is_closed(seen) ->
		atomic {
			store(c, WORD, seen + 1);
			inside[c] = true;
			after = opened
		};
		break
#else
	:: !is_closed(seen) ->
		atomic {
			drained(c) ->
			if
			:: mem[WORD] == seen ->
				mem[WORD] = seen + 1;
				inside[c] = true;
				after = opened;
				break
			:: else -> seen = mem[WORD]
			fi
		}
#endif
	od;
#endif
	page = (early -> page : value_of(c, PAGE + c));
	CHECK(OPENED, !after || page == TAKEN);
	atomic { store(c, PAGE + c, HALF) };
	atomic { store(c, PAGE + c, DONE) };
	seen = value_of(c, WORD);
	do
	:: count_of(seen) == 0 -> CHECK(COUNT, false); goto out
#if MUTATION == 3
	:: count_of(seen) != 0 ->
		atomic {
			store(c, WORD, seen - 1);
			inside[c] = false;
			ended[c] = true
		};
		break
#else
	:: count_of(seen) != 0 ->
		atomic {
			may_end(c) ->
			if
			:: mem[WORD] == seen ->
				mem[WORD] = seen - 1;
				inside[c] = false;
				ended[c] = true;
				break
			:: else -> seen = mem[WORD]
			fi
		}
#endif
	od;
out:
	atomic { drained(c) -> finished++ }
}

/* --- who closes --------------------------------------------------------------- */

inline look_at_page(c, p) {
	if
	:: early
	:: !early -> p = value_of(CLOSER, PAGE + c)
	fi;
	CHECK(CLEAN, p != HALF && (!ended[c] || p == DONE))
}

inline take_page(c) {
	atomic { store(CLOSER, PAGE + c, TAKEN) }
}

proctype closer()
{
	byte seen, n, first, second;
	bool early;

#if MUTATION == 1
	seen = value_of(CLOSER, WORD);
	atomic {
		n = count_of(seen);
		store(CLOSER, WORD, CLOSED + n)
	};
#elif TWO_PLACES
	atomic { store(CLOSER, FLAG, 1) };
#if MUTATION == 10
	drained(CLOSER);
#endif
	n = count_of(value_of(CLOSER, WORD));
#else
	seen = value_of(CLOSER, WORD);
#if MUTATION == 2
	n = count_of(seen);
#endif
	do
	:: atomic {
		drained(CLOSER) ->
		if
		:: mem[WORD] == seen ->
			mem[WORD] = seen + CLOSED;
#if MUTATION != 2
			n = count_of(seen);
#endif
			break
		:: else -> seen = mem[WORD]
		fi
	   }
	od;
#endif

	/* waits; the pages may be read before the word if that is no acquire */
#if MUTATION == 5 && !TSO
	if
	:: atomic {
		early = true;
		first = value_of(CLOSER, PAGE);
		second = value_of(CLOSER, PAGE + 1)
	   }
	:: true
	fi;
#endif
	do
	:: n == 0 -> break
	:: n != 0 -> n = count_of(value_of(CLOSER, WORD))
	:: n != 0 -> goto out
	od;

	look_at_page(0, first);
	look_at_page(1, second);
	take_page(0);
	take_page(1);
#if MUTATION == 9
	atomic {
		CHECK(LATE, !inside[0] && !inside[1]);
		store(CLOSER, WORD, 0);
		opened = true
	};
#elif TWO_PLACES
	atomic {
		drained(CLOSER) ->
			CHECK(LATE, !inside[0] && !inside[1]);
			mem[FLAG] = 0;
			opened = true
	};
#else
	atomic {
		drained(CLOSER) ->
			CHECK(LATE, !inside[0] && !inside[1]);
			if
			:: mem[WORD] == CLOSED ->
				mem[WORD] = 0;
				opened = true
			:: else
			fi
	};
#endif
out:
	atomic { drained(CLOSER) -> finished++ }
}

/* When all is over. */
proctype judge()
{
	finished == CPUS;
	CHECK(COUNT, count_of(mem[WORD]) == 0)
}

init
{
	atomic {
		run drain(0);
		run drain(1);
		run drain(2);
		run converter(0);
		run converter(1);
		run closer();
		run judge()
	}
}
