/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Tables that are taken out of a direct tree while others walk it, for the
 * model checker Spin.
 *
 * One entry points to a table of two slots. Two faulters link a table where
 * there is none, and fill its slots. A remover, with the lock held shared like
 * them, takes the table out: it freezes the entry, exchanges each slot for the
 * frozen value, for good, waiting while a faulter owns it, empties the entry
 * and retires the table. The port frees it, and what stands in it is junk, when
 * all read-side sections that could see it have ended; then it is used again.
 *
 *   I_FREE  nobody reads or writes a table that was freed
 *   I_EXCL  what a faulter has frozen is overwritten by nobody else
 *   I_CNT   each page that was mapped is handed back exactly once (R20), and
 *           none is mapped in a dead table (R21)
 *   I_ENC   no junk is read from a table that a walk may be in
 *
 * MUTATION=n breaks one place; run.py lists how.
 */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef ONLY
#define ONLY 0
#endif
#ifndef LIVE
#define LIVE 0
#endif

#define CHECK(name, good) assert(name || (good))

/* Never set but to switch a property off: they put the name into Spin's
 * message. */
hidden byte I_FREE = (ONLY != 0 && ONLY != 1);
hidden byte I_EXCL = (ONLY != 0 && ONLY != 2);
hidden byte I_CNT  = (ONLY != 0 && ONLY != 3);
hidden byte I_ENC  = (ONLY != 0 && ONLY != 4);

#define JUNK   0
#define EMPTY  1
#define FROZEN 2
#define LEAF   3
#define TABLE  4 /* and 5, 6 */
#define TABLES 3
#define NONE   9

#define UNUSED	0
#define SPARE	1
#define LINKED	2
#define RETIRED 3

byte top = EMPTY;	  /* the entry */
byte slot[2 * TABLES];
byte own[2 * TABLES];	  /* 1, 2: faulters; 0: nobody, or dead */
byte use[TABLES];
byte sections;		  /* bit per process that is in one */
byte waits[TABLES];	  /* those that were in one when it was retired */
byte mapped;
bool removing;

#define is_table(v) ((v) >= TABLE)
#define alive(s)    (use[(s) / 2] == LINKED || use[(s) / 2] == RETIRED)

inline enter(me) {
	sections = sections | (1 << me)
}

inline leave(me) {
	sections = sections & ~(1 << me);
	waits[0] = waits[0] & ~(1 << me);
	waits[1] = waits[1] & ~(1 << me);
	waits[2] = waits[2] & ~(1 << me)
}

proctype faulter(byte me)
{
	byte spare = NONE;
	byte s, v;

again:
	atomic {
		if
		:: spare != NONE
		:: spare == NONE && use[0] == UNUSED -> spare = 0
		:: spare == NONE && use[1] == UNUSED -> spare = 1
		:: spare == NONE && use[2] == UNUSED -> spare = 2
		fi;
		use[spare] = SPARE;
		slot[2 * spare] = EMPTY;
		slot[2 * spare + 1] = EMPTY;
		own[2 * spare] = 0;
		own[2 * spare + 1] = 0
	}
	atomic { enter(me); v = top }
	if
	:: atomic { v == FROZEN -> goto out }
	:: atomic { v == EMPTY && top != EMPTY -> goto out }
	:: atomic { v == EMPTY && top == EMPTY -> top = FROZEN }
		atomic {
			top = TABLE + spare;
			use[spare] = LINKED;
			v = TABLE + spare;
			spare = NONE
		}
	:: atomic { is_table(v) -> skip }
	fi;

	atomic {
		if
		:: s = 2 * (v - TABLE)
		:: s = 2 * (v - TABLE) + 1
		fi;
		v = 0
	}
	atomic {
		CHECK(I_FREE, alive(s));
		v = slot[s];
		CHECK(I_ENC, v != JUNK);
		if
		:: v != EMPTY -> goto out
		:: else -> v = 0
		fi
	}
	atomic {
		CHECK(I_FREE, alive(s));
		if
		:: slot[s] == EMPTY -> slot[s] = FROZEN; own[s] = me
		:: else -> goto out
		fi
	}
	atomic {
		CHECK(I_FREE, alive(s));
		CHECK(I_EXCL, slot[s] == FROZEN && own[s] == me);
#if MUTATION != 4
		slot[s] = LEAF;
		mapped++;
#endif
		own[s] = 0
	}
out:
	atomic { leave(me); v = 0; s = 0 }
	goto again
}

proctype remover(byte me)
{
	byte c, s, v;

again:
	atomic { is_table(top) -> removing = true; enter(me); c = top - TABLE;
		top = FROZEN }
	s = 2 * c;
	do
	:: s == 2 * c + 2 -> break
	:: s != 2 * c + 2 ->
		/* An exchange; a frozen one is exchanged for itself. */
		atomic {
			CHECK(I_FREE, alive(s));
			v = slot[s];
#if MUTATION == 2
			CHECK(I_EXCL, own[s] == 0);
			own[s] = 0;
			slot[s] = FROZEN;
#elif MUTATION == 3
			slot[s] = (v == FROZEN -> FROZEN : EMPTY);
#else
			slot[s] = FROZEN;
#endif
			if
			:: v == LEAF -> mapped--
			:: else
			fi
		};
		if
#if MUTATION != 2
		:: atomic { v == FROZEN -> v = 0 }
		:: atomic { v != FROZEN -> v = 0; s++ }
#else
		:: atomic { v = 0; s++ }
#endif
		fi
	od;
	atomic {
		top = EMPTY;
		use[c] = RETIRED;
#if MUTATION == 1
		waits[c] = 0;
#else
		waits[c] = sections;
#endif
		c = 0;
		s = 0;
		removing = false
	}
	atomic { leave(me) }
	goto again
}

/* What the port does when a table was retired. */
inline free(t) {
	CHECK(I_CNT, slot[2 * t] != LEAF && slot[2 * t + 1] != LEAF);
	use[t] = UNUSED;
	slot[2 * t] = JUNK;
	slot[2 * t + 1] = JUNK;
	own[2 * t] = 0;
	own[2 * t + 1] = 0
}

proctype port()
{
end:
	do
	:: atomic { use[0] == RETIRED && waits[0] == 0 -> free(0) }
	:: atomic { use[1] == RETIRED && waits[1] == 0 -> free(1) }
	:: atomic { use[2] == RETIRED && waits[2] == 0 -> free(2) }
	:: atomic { sections == 0 && use[0] != RETIRED && use[1] != RETIRED &&
		use[2] != RETIRED && is_table(top) ->
		CHECK(I_CNT, mapped ==
		      (slot[2 * (top - TABLE)] == LEAF -> 1 : 0) +
		      (slot[2 * (top - TABLE) + 1] == LEAF -> 1 : 0)) }
	od
}

init
{
	atomic {
		run faulter(1);
		run faulter(2);
		run remover(3);
		run port()
	}
}

/* Under weak fairness: a remover that waits for a frozen slot gets on. */
#if LIVE
ltl p_unlink { [] (removing -> <> !removing) }
#endif
