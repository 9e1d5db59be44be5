/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The freeze protocol of include/tdxcore/mirror.h, for the model checker Spin.
 *
 * Two trees of three levels with two slots each: the mirror (0) and the direct
 * tree (1). The index at level 3 is the alias bit, so private memory hangs
 * below slot 0 and shared memory below slot 1. Faulters install, a zapper
 * removes, all with the lock held shared; only the end of the build
 * (TDH.MR.FINALIZE) and teardown take it exclusive. The TDX module may answer
 * BUSY to any call, and fails once with an unknown outcome.
 *
 * One step of a process is one access to shared memory, or one call of the
 * module; its private work belongs to the step before. The exceptions are
 * accesses that can race with nothing, such as the accounting of the owner of
 * a frozen entry.
 *
 * Each property is checked where its name stands: CHECK(I_OWN, ...). The names
 * are those of kvm-mirror-mmu.md 12.3 (I-*, safety) and 12.4 (P-*, liveness);
 * README.md says which are where. ONLY=n leaves only the n-th property on;
 * MUTATION=n breaks the protocol in one place, run.py lists how.
 */

/* --- configuration, by run.py ---------------------------------------------- */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef ONLY
#define ONLY 0
#endif
#ifndef VCPUS
#define VCPUS 2
#endif
#ifndef TREES
#define TREES 1 /* 1: faults in private memory, 2: in both */
#endif
#ifndef HALVES
#define HALVES 0 /* 1: one faulter for each */
#endif
#ifndef GFNS
#define GFNS 3
#endif
#ifndef FAILS
#define FAILS 1 /* the module may fail, once, with an unknown outcome */
#endif
#ifndef ACCEPTED
#define ACCEPTED 1 /* pages that the guest may accept */
#endif
/* Liveness: so many BUSY and so many zaps, then none; 0: without end. */
#ifndef BUSIES
#define BUSIES 0
#endif
#ifndef ZAPS
#define ZAPS 0
#endif
/* Liveness: the TD is final at the start, nobody fails, nobody tears down. */
#ifndef LIVE
#define LIVE 0
#endif
/* The zapper may leave the lock between two frames. */
#ifndef YIELDS
#define YIELDS 0
#endif
/* Liveness: the zapper may stop for ever where it owns an entry. */
#ifndef HALT
#define HALT 0
#endif
/* Liveness: a fault may be told to give up. */
#ifndef CANCEL
#define CANCEL 0
#endif

/* --- properties ------------------------------------------------------------- */

/* Never set but to switch a property off: they put the name into Spin's
 * message. */
#define CHECK(name, good) assert(name || (good))

hidden byte I_OWN     = (ONLY != 0 && ONLY != 1);
hidden byte I_EXCL    = (ONLY != 0 && ONLY != 2);
hidden byte I_WNOF    = (ONLY != 0 && ONLY != 3);
hidden byte I_AGREE   = (ONLY != 0 && ONLY != 4);
hidden byte I_FPRE    = (ONLY != 0 && ONLY != 5);
hidden byte I_PARENT  = (ONLY != 0 && ONLY != 6);
hidden byte I_CHILD   = (ONLY != 0 && ONLY != 7);
hidden byte I_NOPP    = (ONLY != 0 && ONLY != 8);
hidden byte I_ROLL    = (ONLY != 0 && ONLY != 9);
hidden byte I_NOYIELD = (ONLY != 0 && ONLY != 10);
hidden byte I_ENC     = (ONLY != 0 && ONLY != 11);
hidden byte I_DESC    = (ONLY != 0 && ONLY != 12);
hidden byte I_SINGLE  = (ONLY != 0 && ONLY != 13);
hidden byte I_RET     = (ONLY != 0 && ONLY != 14);
hidden byte I_TLB     = (ONLY != 0 && ONLY != 15);
hidden byte I_TRK1    = (ONLY != 0 && ONLY != 16);
hidden byte I_HOLD    = (ONLY != 0 && ONLY != 17);
hidden byte I_STATE   = (ONLY != 0 && ONLY != 18);
hidden byte I_ROOT    = (ONLY != 0 && ONLY != 19);
hidden byte I_FILT    = (ONLY != 0 && ONLY != 20);
hidden byte I_BITS    = (ONLY != 0 && ONLY != 21);
hidden byte I_CNT     = (ONLY != 0 && ONLY != 22);
hidden byte I_BUG     = (ONLY != 0 && ONLY != 23);
hidden byte P_ZAP     = (ONLY != 0 && ONLY != 24);
hidden byte P_YIELD   = (ONLY != 0 && ONLY != 25);

/* --- the mirror and the direct tree ------------------------------------------ */

/* Entries. LEAF + p: page p is mapped; SHARED: a page of shared memory. */
#define UNLINKED 0 /* memory of a table that nobody can reach */
#define EMPTY	 1
#define FROZEN	 2
#define TABLE	 3
#define DEAD	 4 /* frozen for good: slot of an unlinked table */
#define ZERO	 5 /* all bits 0: decodes as MMIO in a TD */
#define LEAF	 6 /* and 7 */
#define OTHER	 8 /* page 0 with other attributes */
#define SHARED	 9

/* Slots: level 3: 0, 1; level 2: 2, 3; level 1: 4, 5 and 6, 7; the direct
 * tree's are 8 more. */
byte M[8 * TREES];
byte own[8 * TREES]; /* who froze it: 1, 2: faulters, 3: zapper */
byte pre[8 * TREES]; /* what stood there */

#define PAGES	  2
#define FAULTER_1 1
#define FAULTER_2 2
#define ZAPPER	  3

#define is_leaf(v) ((v) >= LEAF)
#define is_used(v) ((v) == TABLE || is_leaf(v))
#define low(s)	   ((s) & 7)
#define level(s)   (low(s) < 2 -> 3 : (low(s) < 4 -> 2 : 1))
#define parent(s)  (low(s) < 4 -> 0 : low(s) / 2)
#define child_of(s, g) \
	(((s) & 8) + (level(s) == 3 -> 2 + (g) / 2 : 4 + (g)))
#define root_slot(tree) (8 * (tree) + alias(tree))

#if MUTATION == 12
#define alias(tree) 1
#else
#define alias(tree) (tree)
#endif

/* --- the caller's lock, the guest, the module ---------------------------------- */

byte readers; /* bit per holder */
bool writer;

#define INIT	 0
#define RUNNABLE 1
#define TORN	 2
byte st = LIVE; /* INIT or RUNNABLE */
bool root_valid = true;
bool bug;	  /* poisoned */
bool failed = !FAILS; /* the module has failed, once */
byte unknown;	  /* bit per leaf slot 4 to 7: outcome unknown */

/* The private tree as the module has it. */
#define X_FREE 0
#define X_TBL  1
#define X_PEND 2 /* + page */
#define X_MAP  4
#define X_BLK  6
byte X[8];

/* Epoch tags of vCPUs, relative to the TD's epoch. */
#define OUT  0
#define CUR  1
#define PREV 2
byte tag[VCPUS];
bool hold;    /* vCPU entry barred */
bool tracked; /* TRACK done since the last BLOCK */

/* Pages of private memory, and which frame each one backs. */
#define HOST 0
#define LENT 1
#define LOST 2
byte page[PAGES];
byte frame[PAGES];
byte mapped; /* the counter of private pages */

/* What faults are about, and invalidation. */
byte fault_tree[3];
byte fault_gfn[3];
bool stale[3];
bool inval;	  /* under way, for this range and these trees */
byte inval_lo, inval_hi, filter; /* filter: bit per tree */

byte busies;	   /* used up */
bool cancel[3];	   /* told to give up */
bool in_fault[3];  /* for liveness */
bool in_section[3];
bool in_zap;

#define in_range(tree, g) \
	(((filter >> (tree)) & 1) && (g) >= inval_lo && (g) < inval_hi)

/* The module may say BUSY: it takes what is left of them, if not endless. */
#define may_be_busy (BUSIES == 0 || busies < BUSIES)
#define note_busy busies = busies + (BUSIES == 0 -> 0 : 1)

/* --- invariants, in every state that a step leaves behind ---------------------- */

#define is_unknown(s) ((unknown >> (s)) & 1)
#define holds(t) (((readers >> (t)) & 1) || (writer && (t) == ZAPPER))
#define owned(s) (M[s] != FROZEN || (own[s] != 0 && holds(own[s])))

#define maps(s, v) (X[s] == X_PEND + (v) - LEAF || X[s] == X_MAP + (v) - LEAF)
#define agrees(s)                                                     \
	(M[s] == FROZEN || M[s] == DEAD || is_unknown(s) ||  \
	 ((M[s] == EMPTY || M[s] == UNLINKED) && X[s] == X_FREE) ||   \
	 (M[s] == TABLE && X[s] == X_TBL) ||                          \
	 (is_leaf(M[s]) && maps(s, M[s])))

/* Image of what stood there, or of what will: a fault goes from nothing to a
 * table or to a page, a zap from a page through BLOCKED to nothing. */
#define x_page(s) (X[s] & 1)
#define between(s)                                                        \
	(M[s] != FROZEN || X[s] == X_FREE || is_unknown(s) ||    \
	 (pre[s] == EMPTY && (low(s) < 4 -> X[s] == X_TBL :               \
	    (X[s] >= X_PEND && X[s] < X_BLK &&                            \
	     frame[x_page(s)] == low(s) - 4))) ||                         \
	 (is_leaf(pre[s]) && X[s] >= X_PEND && x_page(s) == pre[s] - LEAF))

#define x_has_parent(s) (X[s] == X_FREE || X[parent(s)] == X_TBL)
#define m_has_parent(s)                              \
	((M[s] != FROZEN && !is_used(M[s])) ||       \
	 (M[parent(s)] == TABLE && X[parent(s)] == X_TBL))

#define each(what) \
	(what(0) && what(2) && what(3) && what(4) && what(5) && what(6) && \
	 what(7))
#define each_below(what) \
	(what(2) && what(3) && what(4) && what(5) && what(6) && what(7))
#if TREES == 2
#define each_direct(what) \
	(what(9) && what(10) && what(11) && what(12) && what(13) && \
	 what(14) && what(15))
#define direct_alias M[8] == EMPTY
#else
#define each_direct(what) true
#define direct_alias true
#endif

#define not_frozen(s) (M[s] != FROZEN)
#define one_leaf(s)   (is_leaf(M[s]) -> 1 : \
	((M[s] == FROZEN && is_leaf(pre[s])) -> 1 : 0))
#define leaves	      (one_leaf(4) + one_leaf(5) + one_leaf(6) + one_leaf(7))

#define in_x(p)	(X[4] >= X_PEND && x_page(4) == p) || \
	(X[5] >= X_PEND && x_page(5) == p) ||      \
	(X[6] >= X_PEND && x_page(6) == p) || (X[7] >= X_PEND && x_page(7) == p)
#define host_is_free(p) (page[p] != HOST || !(in_x(p)))

inline INVARIANTS() {
	d_step {
		CHECK(I_OWN, each(owned) && each_direct(owned));
		CHECK(I_WNOF, !writer || (each(not_frozen) && each_direct(not_frozen)));
		CHECK(I_AGREE, each(agrees));
		CHECK(I_FPRE, each(between));
		CHECK(I_PARENT, each_below(x_has_parent) && each_below(m_has_parent));
		CHECK(I_BITS, M[1] == EMPTY && X[1] == X_FREE && direct_alias);
		CHECK(I_RET, host_is_free(0) && host_is_free(1));
		CHECK(I_CNT, unknown || st == TORN || mapped == leaves);
		CHECK(I_ROOT, root_valid == (st != TORN))
	}
}

/* --- the moves ------------------------------------------------------------------ */

#if MUTATION == 2
#define stands_there(s, known) true
#else
#define stands_there(s, known) M[s] == known
#endif

/* What a compare and swap of `known` for FROZEN does when it wins. */
inline freeze(s, known, me) {
	CHECK(I_EXCL, own[s] == 0 || own[s] == me);
	M[s] = FROZEN;
	own[s] = me;
	pre[s] = known;
	INVARIANTS()
}

/* Release store of the new value, or of the old one. */
inline thaw(s, value, me) {
	CHECK(I_EXCL, own[s] == me);
	CHECK(I_NOPP, !is_used(pre[s]) || !is_used(value) || pre[s] == value);
	M[s] = value;
	own[s] = 0;
	pre[s] = 0
}

#define owns_none(me)                                                   \
	(own[0] != me && own[1] != me && own[2] != me && own[3] != me && \
	 own[4] != me && own[5] != me && own[6] != me && own[7] != me && \
	 owns_none_direct(me))
#if TREES == 2
#define owns_none_direct(me)                                               \
	(own[8] != me && own[9] != me && own[10] != me && own[11] != me && \
	 own[12] != me && own[13] != me && own[14] != me && own[15] != me)
#else
#define owns_none_direct(me) true
#endif

inline lock_shared(me) {
	!writer -> readers = readers | (1 << me)
}

inline unlock_shared(me) {
	CHECK(I_NOYIELD, owns_none(me));
	readers = readers & ~(1 << me)
}

/* --- a vCPU that faults ----------------------------------------------------------- */

#define OK   0
#define BUSY 1
#define FAIL 2

#if MUTATION == 10
#define FILL ZERO
#else
#define FILL EMPTY
#endif
#if MUTATION == 19
#define gives_up(me) false
#else
#define gives_up(me) cancel[me]
#endif

/* The table that slot s points to from now on, as its owner filled it. */
#define first_child(s) ((s) & 8) + (level(s) == 3 -> 2 : 2 * low(s))
inline link_children(s) {
	M[first_child(s)] = FILL;
	M[first_child(s) + 1] = FILL
}

/* Locals that the next step does not read are 0 between steps. */
proctype faulter(byte me)
{
	byte s;	    /* the entry the walk is at */
	byte v;	    /* what was read there */
	byte p;	    /* page behind the faulting frame */
	byte r;	    /* of the module */
	bool add;   /* the TD was not final when it was looked at */
	bool late;  /* the MMU was poisoned before the entry was frozen */

idle:
	atomic {
		if
		:: frame[0] == 0 || frame[1] == 0 -> fault_gfn[me] = 0
		:: frame[0] == 1 || frame[1] == 1 -> fault_gfn[me] = 1
		:: frame[0] == 2 || frame[1] == 2 -> fault_gfn[me] = 2
		:: frame[0] == 3 || frame[1] == 3 -> fault_gfn[me] = 3
		:: bug || !root_valid -> goto end
		fi;
#if TREES == 2 && HALVES
		fault_tree[me] = me - 1;
#elif TREES == 2
		if
		:: fault_tree[me] = 0
		:: fault_tree[me] = 1
		fi;
#endif
		in_fault[me] = true

		/* Spare tables are filled up, and the page is looked up, before
		 * the lock is taken. An invalidation under way is waited for; a
		 * frame without a page is the VMM's to handle. */
again:
		CHECK(I_NOYIELD, owns_none(me));
		if
		:: bug || !root_valid || gives_up(me) -> goto done
		:: !bug && root_valid && !gives_up(me) &&
		   !(inval && in_range(fault_tree[me], fault_gfn[me])) ->
			if
			:: fault_tree[me] == 1
			:: fault_tree[me] == 0 && frame[0] == fault_gfn[me] ->
				p = 0
			:: fault_tree[me] == 0 && frame[1] == fault_gfn[me] ->
				p = 1
			:: else -> goto done
			fi
		fi
	}

	/* Tables stay while the lock is held, so reading an entry that points
	 * to one is no step of its own. */
	atomic {
		lock_shared(me);
		in_section[me] = true;
		if
		:: !root_valid -> goto leave
		:: else -> s = root_slot(fault_tree[me])
		fi;
walk:
		v = M[s];
judge:
		CHECK(I_DESC, v != UNLINKED);
		CHECK(I_ENC, v != ZERO);
		if
#if MUTATION == 18
		:: v == FROZEN -> goto waiting
#elif MUTATION == 26
		:: v == FROZEN && level(s) > 1 ->
			s = child_of(s, fault_gfn[me]);
			goto walk
		:: v == FROZEN && level(s) == 1 -> goto leave
#else
		:: v == FROZEN -> goto leave
#endif
		:: v == DEAD -> goto leave
		:: v == TABLE -> s = child_of(s, fault_gfn[me]); goto walk
		:: is_leaf(v) -> goto fixed
		:: v == EMPTY || v == UNLINKED || v == ZERO
		fi
	}
lost:
	atomic {
		if
		:: stands_there(s, v) -> freeze(s, v, me); late = bug; v = 0
#if MUTATION == 11
		:: else -> goto lost_again
#else
		:: else -> v = M[s]; goto judge
#endif
		fi
	}

#if MUTATION == 3
	atomic { unlock_shared(me); in_section[me] = false }
	atomic { lock_shared(me); in_section[me] = true }
#endif

	/* In the frozen window: is it still wanted, and how? */
	atomic {
		add = (st == INIT);
		if
#if MUTATION != 15
		:: bug -> goto restore
#endif
#if MUTATION != 13
		:: !bug && level(s) == 1 && stale[me] -> goto restore
#endif
		:: else
		fi;
		if
		:: fault_tree[me] == 1 -> goto publish
		:: else
		fi;
#if MUTATION == 21
		mapped = mapped + (level(s) == 1 -> 1 : 0);
#endif
	}

#if MUTATION == 1
	atomic {
		if
		:: level(s) > 1 ->
			link_children(s);
			thaw(s, TABLE, me);
			INVARIANTS()
		:: else
		fi
	}
#endif

	/* TDH.MEM.SEPT.ADD, or TDH.MEM.PAGE.ADD or AUG. */
	atomic {
		CHECK(I_BUG, !late);
		CHECK(I_PARENT, low(s) == 0 || X[parent(s)] == X_TBL);
		CHECK(I_STATE, st != TORN && (level(s) > 1 || add == (st == INIT)));
		CHECK(I_SINGLE, level(s) > 1 || (page[p] == HOST &&
			(p == 0 -> !(in_x(0)) : !(in_x(1)))));
		if
		:: may_be_busy -> note_busy; goto restore
		:: r = OK
		:: !failed && !LIVE -> failed = true; r = FAIL
		fi;
		if
		:: r == FAIL
		:: level(s) > 1 -> X[s] = X_TBL
		:: level(s) == 1 ->
			X[s] = (add -> X_MAP : X_PEND) + p;
			page[p] = LENT
		fi;
		if
		:: r == FAIL ->
			/* Its fate is not known: it is never used again. */
			unknown = unknown | (1 << s);
			bug = true;
			if
			:: level(s) == 1 -> page[p] = LOST
			:: else
			fi
		:: else
		fi;
		INVARIANTS();
#if MUTATION == 1
		if
		:: level(s) > 1 && r == OK ->
			s = child_of(s, fault_gfn[me]);
			goto walk
		:: level(s) > 1 && r != OK -> goto leave
		:: else
		fi;
#endif
		late = false;
		add = false
	}
	if
	:: atomic { r == OK -> goto publish }
	:: atomic { r == FAIL -> goto restore }
	fi;

	/* Nothing has changed, or nobody knows: the old value. */
restore:
	atomic {
		CHECK(I_ROLL, fault_tree[me] == 1 || is_unknown(s) || X[s] == X_FREE);
#if MUTATION == 8
		/* The external page goes back to where it came from. */
		CHECK(I_RET, level(s) == 1 || X[s] != X_TBL);
#else
		CHECK(I_RET, level(s) == 1 || is_unknown(s) || X[s] != X_TBL);
#endif
#if MUTATION == 20
		if
		:: r != FAIL -> own[s] = 0; goto leave
		:: else
		fi;
#endif
		thaw(s, pre[s], me);
		INVARIANTS();
		goto leave
	}

	/* Counted only now that it has succeeded. */
publish:
	atomic {
		if
		:: level(s) > 1 -> link_children(s); v = TABLE
#if MUTATION == 21
		:: level(s) == 1 && fault_tree[me] == 0 -> v = LEAF + p
#elif MUTATION == 7
		:: level(s) == 1 && fault_tree[me] == 0 -> v = EMPTY
#else
		:: level(s) == 1 && fault_tree[me] == 0 -> v = LEAF + p; mapped++
#endif
		:: level(s) == 1 && fault_tree[me] == 1 -> v = SHARED
		fi;
		thaw(s, v, me);
		INVARIANTS();
		r = 0;
		late = false;
		add = false;
		if
		:: v == TABLE -> s = child_of(s, fault_gfn[me]); goto walk
		:: else
		fi;
fixed:
		unlock_shared(me);
		in_section[me] = false;
		goto done
	}

leave:
	atomic {
		unlock_shared(me);
		in_section[me] = false;
		v = 0;
		s = 0;
		r = 0;
		p = 0;
		add = false;
		late = false;
		stale[me] = false;
		goto again
	}

done:
	atomic {
		in_fault[me] = false;
		cancel[me] = false;
		fault_gfn[me] = 0;
		fault_tree[me] = 0;
		stale[me] = false;
		v = 0;
		s = 0;
		p = 0;
#if !LIVE
		goto idle
#endif
	}
	goto idle;

#if MUTATION == 11
lost_again:
	goto lost;
#elif MUTATION == 18
waiting:
	if
	:: M[s] != FROZEN -> goto walk
	:: else -> goto waiting
	fi;
#endif
end:
	skip
}

/* --- the zapper: one CPU that invalidates, finalises and tears down --------------- */

/* Calls of the module. */
#define BLOCK  0
#define TRACK  1
#define REMOVE 2
#define WB     3

#define all_out	  (tag[0] == OUT && tag[VCPUS - 1] == OUT)
#define none_prev (tag[0] != PREV && tag[VCPUS - 1] != PREV)

/* Every vCPU has left the guest once; it may be back at the next step. */
inline kick() {
	tag[0] = OUT;
	tag[VCPUS - 1] = OUT
}

proctype zapper(byte me)
{
	byte tree, g;	/* cursor */
	byte s, v;
	byte batch;	/* bit per frame: entries that are frozen */
	byte blocked;	/* those that the module has, or may have, blocked */
	byte returned;	/* those whose page is the host's */
	byte op, i, r;
	bool again;	/* the call is the guarded one */
	byte resume;	/* where to go on; 9: the range is done */
	byte gate = 9;	/* where the walk has yielded */
#if ZAPS
	byte rounds;
#endif

idle:
	atomic {
		if
#if ZAPS
		:: rounds == ZAPS -> goto end
		:: rounds < ZAPS -> rounds++
#else
		:: bug -> goto end
		:: !bug
#if !LIVE
		:: !bug && st == INIT -> goto finalise
		:: !bug && st == RUNNABLE -> goto tear
#endif
#endif
		fi;

		/* The invalidation begins: faults that have looked their page
		 * up are stale. */
		if
		:: inval_lo = 0; inval_hi = 2
#if GFNS > 2
		:: inval_lo = 2; inval_hi = GFNS
#endif
		fi;
		if
		:: filter = 1
#if TREES == 2
		:: filter = 2
		:: filter = 3
#endif
		fi;
		inval = true;
		in_zap = true;
		stale[1] = stale[1] || in_range(fault_tree[1], fault_gfn[1]);
		stale[2] = stale[2] || in_range(fault_tree[2], fault_gfn[2]);
		g = inval_lo
	}

	/* The next frame of the range, in the trees that the filter names. */
begin:
	atomic {
		lock_shared(me);
next:
		if
		:: tree == TREES -> resume = 9; goto flush
		:: tree < TREES && g >= inval_hi ->
			tree++;
			g = inval_lo;
			gate = 9;
			goto next
#if MUTATION == 14
		:: tree < TREES && g < inval_hi
#else
		:: tree < TREES && g < inval_hi && !((filter >> tree) & 1) ->
			g = inval_hi;
			goto next
		:: tree < TREES && g < inval_hi && ((filter >> tree) & 1)
#endif
		fi;
#if YIELDS
		/* The lock may be let go where the walk has got further. */
		if
#if MUTATION == 22
		:: g > inval_lo ->
#else
		:: g > inval_lo && gate != g ->
#endif
			CHECK(P_YIELD, gate != g);
			gate = g;
			resume = g;
			goto flush
		:: true
		fi;
#endif
		s = root_slot(tree);
walk:
		v = M[s];
judge:
		CHECK(I_DESC, v != UNLINKED);
		CHECK(I_ENC, v != ZERO);
		if
		:: v == FROZEN ->
			/* Never wait with entries frozen: let them go first. */
			resume = g;
			goto flush
		:: v == TABLE -> s = child_of(s, g); goto walk
		:: is_leaf(v)
		:: else -> v = 0; g++; goto next
		fi
	}
	atomic {
		CHECK(I_FILT, (filter >> tree) & 1);
		if
		:: tree == 0 && stands_there(s, v) ->
			freeze(s, v, me);
			batch = batch | (1 << g)
		:: tree == 1 && M[s] == v -> M[s] = EMPTY
		:: else -> v = M[s]; goto judge
		fi;
		v = 0;
		g++;
		goto next
	}

	/* --- external_remove: BLOCK all, TRACK, kick, REMOVE and WB each --- */
flush:
	atomic {
		s = 0;
		v = 0;
		g = 0;
		if
		:: batch == 0 -> goto flushed
		:: else
		fi;
#if MUTATION == 3
		unlock_shared(me)
#endif
	}
#if MUTATION == 3
	lock_shared(me);
#endif
#if HALT
	if
	:: false
	:: true
	:: goto halted
	fi;
#endif

pick:
	atomic {
		/* The next call: for the next frame of the batch, or of the
		 * next kind. */
		if
		:: op == BLOCK && i < GFNS && !((batch >> i) & 1) ->
			i++;
			goto pick
		:: op == BLOCK && i < GFNS && ((batch >> i) & 1) -> goto call
		:: op == BLOCK && i == GFNS && blocked == 0 -> goto thaw_all
		:: op == BLOCK && i == GFNS && blocked != 0 ->
			i = 0;
#if MUTATION == 4
			op = REMOVE;
			goto pick
#else
			op = (st == INIT -> REMOVE : TRACK);
			goto pick
#endif
		:: op == TRACK || op == WB -> goto call
		:: op == REMOVE && i < GFNS && !((blocked >> i) & 1) ->
			i++;
			goto pick
		:: op == REMOVE && i < GFNS && ((blocked >> i) & 1) -> goto call
		:: op == REMOVE && i == GFNS -> goto thaw_all
		fi
	}

	/* A call, and once more with all vCPUs held out. Then only BLOCK, which
	 * wants the whole tree, may still meet another CPU's call. */
call:
	atomic {
		CHECK(I_HOLD, !again || (hold && all_out));
		CHECK(I_STATE, st != TORN);
		CHECK(I_TRK1, op != TRACK || none_prev);
		CHECK(I_TLB, op != REMOVE || st != RUNNABLE ||
		      (tracked && none_prev));
		s = 4 + i;
		if
		:: op != WB && !again && may_be_busy -> note_busy; r = BUSY
		:: op == BLOCK && again && may_be_busy -> note_busy; r = BUSY
		:: op != WB && again && !all_out -> r = BUSY
		:: op == TRACK && !none_prev -> r = BUSY
		:: op != TRACK || none_prev -> r = OK
		:: !failed && !LIVE -> failed = true; r = FAIL
		fi;
		if
		:: r == BUSY
		:: r == FAIL
		:: r != BUSY && op == BLOCK ->
			X[s] = X_BLK + x_page(s);
			tracked = false
		:: r != BUSY && op == TRACK ->
			tracked = true;
			tag[0] = (tag[0] == CUR -> PREV : tag[0]);
			tag[VCPUS - 1] = (tag[VCPUS - 1] == CUR -> PREV :
				tag[VCPUS - 1])
		:: r != BUSY && op == REMOVE -> X[s] = X_FREE
		:: r != BUSY && op == WB
		fi;
		if
		:: op == BLOCK && r != BUSY -> blocked = blocked | (1 << i)
		:: op == WB && r == OK ->
			/* Clean, and the host's. */
			CHECK(I_RET, X[s] == X_FREE && page[pre[s] - LEAF] == LENT);
			page[pre[s] - LEAF] = HOST;
			returned = returned | (1 << i)
		:: else
		fi;
		if
		:: r == FAIL ->
			bug = true;
			unknown = unknown | ((blocked & ~returned) << 4)
		:: else
		fi;
		s = 0;
		INVARIANTS();
		if
		:: r == BUSY && !again -> r = 0; goto guard
		:: else
		fi;
		/* With all vCPUs out, nothing but BLOCK can be busy. */
		CHECK(P_ZAP, r != BUSY || op == BLOCK);
		hold = false;
		again = false;
		if
		:: r == FAIL || (r == BUSY && op != BLOCK) -> goto thaw_all
		:: r == BUSY && op == BLOCK -> i++
		:: r == OK && op == BLOCK -> i++
		:: r == OK && op == TRACK -> op = REMOVE; r = 0; goto kicking
		:: r == OK && op == REMOVE -> op = WB
		:: r == OK && op == WB -> op = REMOVE; i++
		fi;
		r = 0
	}
	goto pick;

guard:
	atomic { hold = true; kick() }
	atomic {
		again = true;
#if MUTATION == 6
		hold = false
#endif
	}
	goto call;

kicking:
#if MUTATION == 5
	skip;
#else
	atomic { kick() }
#endif
	goto pick;

	/* Removed: empty. Not even blocked: the old value, and later again.
	 * Else nobody knows: the old value, and the page is lost. */
thaw_all:
	atomic {
		i = 0;
		op = 0;
		r = 0;
		tracked = false;
thaw_next:
		if
		:: i < GFNS && !((batch >> i) & 1) -> i++; goto thaw_next
		:: i == GFNS -> goto flushed
		:: i < GFNS && ((batch >> i) & 1)
		fi;
		s = 4 + i;
		if
		:: (returned >> i) & 1 ->
#if MUTATION == 9
			thaw(s, OTHER, me);
#else
			thaw(s, EMPTY, me);
			mapped--
#endif
#if MUTATION == 23
		:: !((returned >> i) & 1) ->
#else
		:: !((blocked >> i) & 1) ->
#endif
			CHECK(I_ROLL, maps(s, pre[s]) &&
			      page[pre[s] - LEAF] == LENT);
			resume = (resume > i -> i : resume);
			thaw(s, pre[s], me)
#if MUTATION != 23
		:: ((blocked & ~returned) >> i) & 1 ->
			page[pre[s] - LEAF] = LOST;
			thaw(s, pre[s], me)
#endif
		fi;
		batch = batch & ~(1 << i);
		s = 0;
		INVARIANTS()
	}
	goto thaw_next;

	/* Nothing is frozen: done, or the lock may be left before more. */
flushed:
	atomic {
		CHECK(I_HOLD, !hold);
		unlock_shared(me);
		blocked = 0;
		returned = 0;
		i = 0;
		tree = (tree == TREES && resume != 9 -> 0 : tree);
		g = resume;
		resume = 0;
		if
		:: g != 9 && !bug -> goto more
		:: else
		fi;
		/* If the range is unmapped, its page may back another frame. */
		if
		:: g == 9 && (filter & 1) && page[0] == HOST && GFNS > 2 && !LIVE &&
		   frame[0] >= inval_lo && frame[0] < inval_hi ->
			frame[0] = 2 - frame[0]
		:: true
		fi;
		if
		:: g == 9 && (filter & 1) && page[1] == HOST && GFNS > 3 && !LIVE &&
		   frame[1] >= inval_lo && frame[1] < inval_hi ->
			frame[1] = 4 - frame[1]
		:: true
		fi;
		inval = false;
		inval_lo = 0;
		inval_hi = 0;
		filter = 0;
		in_zap = false;
		gate = 9;
		tree = 0;
		g = 0;
#if MUTATION == 25
		root_valid = false;
		INVARIANTS();
#endif
#if !LIVE
		goto idle
#endif
	}
	goto idle;
more:
	goto begin;

	/* TDH.MR.FINALIZE, with the lock held exclusive. */
finalise:
#if MUTATION != 16
	atomic {
#if MUTATION != 24
		readers == 0 ->
#endif
		writer = true;
		INVARIANTS()
	}
#endif
	atomic { st = RUNNABLE; INVARIANTS() }
	atomic { writer = false; goto idle }

	/* Teardown: leaves are gone, no vCPU is left, the KeyID is free; then
	 * tables, children before parents. */
tear:
	atomic {
		readers == 0 -> writer = true;
		if
		:: leaves != 0 || bug -> writer = false; goto idle
		:: else
		fi;
		hold = true;
		kick();
		root_valid = false;
		st = TORN;
#if MUTATION == 17
		s = 0;
#else
		s = 3;
#endif
		INVARIANTS()
	}
reclaim:
	atomic {
		if
		:: X[s] == X_TBL ->
			/* Its slots are dead, and nothing hangs below. */
			v = first_child(s);
			CHECK(I_CHILD, X[v] == X_FREE && X[v + 1] == X_FREE);
			M[v] = DEAD;
			M[v + 1] = DEAD;
			X[s] = X_FREE;
			v = 0
		:: else
		fi;
		M[s] = DEAD;
#if MUTATION == 17
		s = (s == 0 -> 2 : s + 1);
		if
		:: s < 4 -> goto reclaim
		:: else
		fi;
#else
		INVARIANTS();
		if
		:: s == 3 -> s = 2; goto reclaim
		:: s == 2 -> s = 0; goto reclaim
		:: else
		fi;
#endif
		writer = false
	}
end:
	skip;
#if HALT
halted:
	false
#endif
}

/* --- vCPUs ------------------------------------------------------------------------ */

/* They are alike, so their tags are kept in order. */
inline sort() {
	if
	:: tag[0] < tag[VCPUS - 1] ->
		tag[VCPUS - 1] = tag[0] + tag[VCPUS - 1];
		tag[0] = tag[VCPUS - 1] - tag[0];
		tag[VCPUS - 1] = tag[VCPUS - 1] - tag[0]
	:: else
	fi
}

/* Pages are alike too: that one of them is accepted is enough. */
#define accepts(s) \
	(tag[0] != OUT && !bug && X[s] >= X_PEND && X[s] < X_PEND + ACCEPTED)
#define accept(s) X[s] = X[s] + X_MAP - X_PEND

proctype vcpus()
{
end:
	do
	:: atomic { tag[VCPUS - 1] == OUT && !hold && !bug && st == RUNNABLE ->
		tag[VCPUS - 1] = CUR; sort() }
	:: atomic { tag[0] != OUT -> tag[0] = OUT; sort() }
	:: atomic { tag[VCPUS - 1] != OUT -> tag[VCPUS - 1] = OUT; sort() }
	:: atomic { accepts(4) -> accept(4); INVARIANTS() }
	:: atomic { accepts(5) -> accept(5); INVARIANTS() }
	:: atomic { accepts(6) -> accept(6); INVARIANTS() }
	:: atomic { accepts(7) -> accept(7); INVARIANTS() }
	od
}

#if CANCEL
proctype canceller()
{
end:
	do
	:: atomic { in_fault[1] && !cancel[1] -> cancel[1] = true }
	od
}
#endif

init
{
	atomic {
		M[0] = EMPTY;
		M[1] = EMPTY;
#if TREES == 2
		M[8] = EMPTY;
		M[9] = EMPTY;
#endif
		frame[0] = 0;
		frame[1] = 1;
		run faulter(FAULTER_1);
		run faulter(FAULTER_2);
		run zapper(ZAPPER);
		run vcpus();
#if CANCEL
		run canceller()
#endif
	}
}

/* --- liveness, under weak fairness ------------------------------------------------ */

#if LIVE
ltl p_thaw_leaf { [] ((M[4] == FROZEN) -> <> (M[4] != FROZEN)) }
ltl p_thaw_table { [] ((M[2] == FROZEN) -> <> (M[2] != FROZEN)) }
ltl p_fault { [] (in_fault[1] -> <> !in_fault[1]) }
ltl p_zap { [] (in_zap -> <> !in_zap) }
ltl p_nospin { [] (in_section[1] -> <> !in_section[1]) }
ltl p_cancel { [] (cancel[1] -> <> !cancel[1]) }
#endif
