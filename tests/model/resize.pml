/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Private pages that change their size, and tables that go while the guest is
 * alive, for the model checker Spin: tdxc_mmu_demote(), tdxc_mmu_promote() and
 * tdxc_mmu_remove_tables() beside faults and a zap, all in shared mode.
 *
 * One entry of the mirror, E, above two frames. It is empty, maps both as one
 * large page, or points to a table with an entry for each. Tables come from a
 * pool of three and go back to it when all read-side sections that could see
 * them have ended, so the same memory may come again elsewhere.
 *
 * One step of a process is one access to shared memory, or one call of the
 * module, as in freeze.pml; ONLY and MUTATION are as there.
 */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef ONLY
#define ONLY 0
#endif
/* Liveness: so many BUSY, zaps and changes, then none; 0: without end. */
#ifndef BUSIES
#define BUSIES 0
#endif
#ifndef ZAPS
#define ZAPS 0
#endif
#ifndef CHANGES
#define CHANGES 0
#endif
#ifndef LIVE
#define LIVE 0
#endif

#define CHECK(name, good) assert(name || (good))

hidden byte I_OWN    = (ONLY != 0 && ONLY != 1);
hidden byte I_EXCL   = (ONLY != 0 && ONLY != 2);
hidden byte I_AGREE  = (ONLY != 0 && ONLY != 3);
hidden byte I_PARENT = (ONLY != 0 && ONLY != 4);
hidden byte I_CHILD  = (ONLY != 0 && ONLY != 5);
hidden byte I_NOPP   = (ONLY != 0 && ONLY != 6);
hidden byte I_ROLL   = (ONLY != 0 && ONLY != 7);
hidden byte I_SINGLE = (ONLY != 0 && ONLY != 8);
hidden byte I_FREE   = (ONLY != 0 && ONLY != 9);
hidden byte I_CNT    = (ONLY != 0 && ONLY != 10);
hidden byte R7	     = (ONLY != 0 && ONLY != 11);

/* --- state -------------------------------------------------------------------- */

#define JUNK   0 /* memory of a table that is not linked */
#define EMPTY  1
#define FROZEN 2
#define TABLE  3
#define LEAF   4

byte E = EMPTY;
byte E_own, E_pre;
byte E_tab;	/* the table that E points to, or did when it was frozen */
bool E_changed; /* the private tree has changed since it was frozen */

#define TABLES 3
#define SPARE  0
#define LINKED 1
#define GONE   2
byte S[6]; /* entries of table t: 2t, 2t + 1 */
byte S_own[6], S_pre[6];
byte state[TABLES];
byte waited[TABLES]; /* sections that may still see it */
byte readers;	     /* bit per read-side section */

/* The private tree as the module has it. */
#define X_FREE	0
#define X_TBL	1
#define X_LARGE 2
byte X;
bool X_small[2];

byte large, small, tables; /* counts */

#define FAULTER 1
#define CHANGER 2
#define ZAPPER	3

bool inval;
byte lo, hi;
bool stale, in_fault, in_zap;
byte fault_gfn;
bool fault_large;
byte busies;

#define may_be_busy (BUSIES == 0 || busies < BUSIES)
#define note_busy   busies = busies + (BUSIES == 0 -> 0 : 1)

#if MUTATION == 5
#define concerns_fault (fault_gfn >= lo && fault_gfn < hi)
#else
#define concerns_fault (fault_large || (fault_gfn >= lo && fault_gfn < hi))
#endif

/* --- invariants ----------------------------------------------------------------- */

#define in_section(p) ((readers >> (p)) & 1)
#define e_agrees \
	(E == FROZEN || (E == EMPTY && X == X_FREE) || \
	 (E == TABLE && X == X_TBL) || (E == LEAF && X == X_LARGE))
#define s_agrees(i) \
	(E != TABLE || S[2 * E_tab + i] == FROZEN || \
	 (S[2 * E_tab + i] == LEAF && X_small[i]) || \
	 (S[2 * E_tab + i] == EMPTY && !X_small[i]))
#define s_owned(k) \
	(S[k] != FROZEN || state[(k) / 2] != LINKED || \
	 (S_own[k] != 0 && in_section(S_own[k])) || \
	 /* owned with the entry above */ \
	 (E == FROZEN && E_tab == (k) / 2))
#define e_counts(v) ((E == FROZEN -> E_pre : E) == v)
#define s_counts(k) \
	((state[(k) / 2] == LINKED && (S[k] == FROZEN -> S_pre[k] : S[k]) == LEAF) -> 1 : 0)

inline INVARIANTS() {
	d_step {
		CHECK(I_OWN, (E != FROZEN || (E_own != 0 && in_section(E_own))) &&
			s_owned(0) && s_owned(1) && s_owned(2) && s_owned(3) &&
			s_owned(4) && s_owned(5));
		CHECK(I_AGREE, e_agrees && s_agrees(0) && s_agrees(1));
		CHECK(I_PARENT, X == X_TBL || (!X_small[0] && !X_small[1]));
		CHECK(I_CNT, large == (e_counts(LEAF) -> 1 : 0));
		CHECK(I_CNT, tables == (e_counts(TABLE) -> 1 : 0));
		CHECK(I_CNT, small == s_counts(0) + s_counts(1) + s_counts(2) +
			s_counts(3) + s_counts(4) + s_counts(5))
	}
}

/* --- the moves -------------------------------------------------------------------- */

inline freeze_e(me) {
	E_pre = E;
	E = FROZEN;
	E_own = me;
	E_changed = false
}

inline thaw_e(value, me) {
	CHECK(I_EXCL, E == FROZEN && E_own == me);
	CHECK(I_NOPP, E_pre == EMPTY || value == EMPTY || value == E_pre ||
		E_changed);
	CHECK(I_ROLL, value != E_pre || !E_changed);
	E = value;
	E_own = 0;
	E_pre = 0
}

inline freeze_s(k, me) {
	S_pre[k] = S[k];
	S[k] = FROZEN;
	S_own[k] = me
}

inline thaw_s(k, value, me) {
	CHECK(I_EXCL, S[k] == FROZEN && S_own[k] == me);
	S[k] = value;
	S_own[k] = 0;
	S_pre[k] = 0
}

#define sees(t, me) \
	(state[t] == LINKED || (state[t] == GONE && ((waited[t] >> (me)) & 1)))

inline enter(me) {
	readers = readers | (1 << me)
}

inline reuse(t, me) {
	waited[t] = waited[t] & ~(1 << me);
	if
	:: state[t] == GONE && waited[t] == 0 ->
		state[t] = SPARE;
		S[2 * t] = JUNK;
		S[2 * t + 1] = JUNK
	:: else
	fi
}

inline leave(me) {
	readers = readers & ~(1 << me);
	reuse(0, me);
	reuse(1, me);
	reuse(2, me);
	INVARIANTS()
}

/* A table from the pool; 9: none is left. */
inline take_spare(t) {
	t = (state[0] == SPARE -> 0 : (state[1] == SPARE -> 1 :
		(state[2] == SPARE -> 2 : 9)))
}

inline link(t, value) {
	state[t] = LINKED;
	S[2 * t] = value;
	S[2 * t + 1] = value;
	E_tab = t;
	tables++
}

/* No longer linked: its entries are frozen for good, and nobody's. */
inline bury(t) {
	tables--;
	state[t] = GONE;
	S_own[2 * t] = 0;
	S_own[2 * t + 1] = 0;
	S_pre[2 * t] = 0;
	S_pre[2 * t + 1] = 0;
#if MUTATION == 3
	S[2 * t] = EMPTY;
	S[2 * t + 1] = EMPTY;
#endif
#if MUTATION == 4
	waited[t] = 0;
	state[t] = SPARE;
	S[2 * t] = JUNK;
	S[2 * t + 1] = JUNK
#else
	waited[t] = readers
#endif
}

/* --- demotion, by whoever wants it -------------------------------------------------- */

/* E was seen to be a leaf. */
inline demote(t, me) {
	atomic {
		take_spare(t);
		if
		:: E == LEAF && t != 9 -> freeze_e(me); INVARIANTS()
		:: else -> t = 9
		fi
	}
#if MUTATION == 1
	atomic {
		if
		:: t != 9 ->
			E = TABLE;
			E_tab = t;
			state[t] = LINKED;
			S[2 * t] = LEAF;
			S[2 * t + 1] = LEAF;
			INVARIANTS()
		:: else
		fi
	}
#endif
	atomic {
		if
		:: t == 9
		:: t != 9 && may_be_busy ->
			note_busy;
#if MUTATION == 8
			link(t, LEAF);
			large--;
			small = small + 2;
			thaw_e(TABLE, me);
#else
			thaw_e(LEAF, me);
#endif
			INVARIANTS();
			t = 9
		:: t != 9 ->
			CHECK(I_SINGLE, X == X_LARGE && !X_small[0] &&
				!X_small[1]);
			X = X_TBL;
			X_small[0] = true;
			X_small[1] = true;
			E_changed = true
		fi
	}
	atomic {
		if
		:: t != 9 ->
			link(t, LEAF);
			large--;
			small = small + 2;
			thaw_e(TABLE, me);
			INVARIANTS()
		:: else
		fi;
		t = 0
	}
}

/* --- a fault ---------------------------------------------------------------------- */

proctype faulter(byte me)
{
	byte t, k;

idle:
	atomic {
		if
		:: fault_gfn = 0
		:: fault_gfn = 1
		fi;
		if
		:: fault_large = true
		:: true
		fi;
		in_fault = true
	}
again:
	atomic {
		/* An invalidation under way is waited for. */
		!(inval && (fault_large ||
			(fault_gfn >= lo && fault_gfn < hi)));
		stale = false;
		enter(me)
	}
walk:
	atomic {
		if
		:: E == FROZEN -> goto retry
		:: E == LEAF -> goto done
		:: E == TABLE -> t = E_tab; goto inside
		:: E == EMPTY
		fi
	}
	atomic {
		take_spare(t);
		if
		:: E != EMPTY -> goto walk
		:: E == EMPTY && !fault_large && t == 9 -> goto retry
		:: E == EMPTY && (fault_large || t != 9) ->
			freeze_e(me);
			INVARIANTS()
		fi
	}
	atomic {
		if
		:: fault_large && stale -> goto restore
		:: else
		fi;
		CHECK(I_SINGLE, X == X_FREE && !X_small[0] && !X_small[1]);
		if
		:: may_be_busy -> note_busy; goto restore
		:: fault_large -> X = X_LARGE
		:: !fault_large -> X = X_TBL
		fi;
		E_changed = true
	}
	atomic {
		if
		:: fault_large ->
			large++;
			thaw_e(LEAF, me);
			INVARIANTS();
			goto done
		:: !fault_large ->
			link(t, EMPTY);
			thaw_e(TABLE, me);
			INVARIANTS()
		fi
	}

	/* In a table, which may have gone since. */
inside:
	atomic {
		CHECK(I_FREE, sees(t, me));
		k = 2 * t + fault_gfn;
		if
		:: S[k] == LEAF -> goto done
		:: S[k] == EMPTY
		:: else -> goto retry
		fi
	}
	atomic {
		CHECK(I_FREE, sees(t, me));
		if
		:: S[k] == EMPTY -> freeze_s(k, me); INVARIANTS()
		:: S[k] != EMPTY -> goto retry
		fi
	}
	atomic {
		if
		:: stale -> goto restore_small
		:: else
		fi;
		CHECK(I_SINGLE, state[t] == LINKED && X == X_TBL &&
			!X_small[fault_gfn]);
		if
		:: may_be_busy -> note_busy; goto restore_small
		:: X_small[fault_gfn] = true
		fi
	}
	atomic {
		small++;
		thaw_s(k, LEAF, me);
		INVARIANTS();
		goto done
	}

restore:
	atomic {
#if MUTATION != 9
		thaw_e(EMPTY, me);
		INVARIANTS();
#endif
		goto retry
	}
restore_small:
	atomic {
		thaw_s(k, EMPTY, me);
		INVARIANTS();
		goto retry
	}
retry:
	atomic {
		t = 0;
		k = 0;
		leave(me);
		goto again
	}
done:
	atomic {
		t = 0;
		k = 0;
		leave(me);
		in_fault = false;
		fault_large = false;
		fault_gfn = 0;
		goto idle
	}
}

/* --- promotion, demotion, removal of a table ------------------------------------------ */

proctype changer(byte me)
{
	byte t, want, i;
#if CHANGES
	byte rounds;
#endif

idle:
	atomic {
#if CHANGES
		if
		:: rounds == CHANGES -> goto end
		:: rounds < CHANGES -> rounds++
		fi;
#endif
		enter(me);
		if
		:: E == LEAF -> goto split
		:: E == TABLE -> t = E_tab
		:: else -> goto out
		fi
	}
	/* What is wanted of the table: both are mapped, or none is. */
	atomic {
		CHECK(I_FREE, sees(t, me));
		want = S[2 * t];
		if
		:: want == LEAF || want == EMPTY
		:: else -> goto out
		fi
	}
	atomic {
		if
		:: E == TABLE && E_tab == t -> freeze_e(me); INVARIANTS()
		:: else -> goto out
		fi
	}
	/* Each entry of it, and nobody is waited for. */
own:
	atomic {
#if MUTATION == 2
		i = 2;
#endif
		if
		:: i == 2 -> goto call
		:: i < 2 && S[2 * t + i] == want ->
			freeze_s(2 * t + i, me);
			i++;
			INVARIANTS();
			goto own
		:: i < 2 && S[2 * t + i] != want ->
#if MUTATION == 10
			i++;
#endif
			goto put_back
		fi
	}
call:
	atomic {
		CHECK(I_CHILD, S[2 * t] == FROZEN && S_own[2 * t] == me &&
			S[2 * t + 1] == FROZEN && S_own[2 * t + 1] == me);
		CHECK(I_CHILD, X == X_TBL && X_small[0] == (want == LEAF) &&
			X_small[1] == (want == LEAF));
		if
		:: may_be_busy ->
			note_busy;
#if MUTATION == 7
			large = large + (want == LEAF -> 1 : 0);
#endif
			goto put_back
		:: true
		fi;
		X = (want == LEAF -> X_LARGE : X_FREE);
		X_small[0] = false;
		X_small[1] = false;
		E_changed = true
	}
	atomic {
		if
#if MUTATION == 11
		:: want == LEAF -> thaw_e(TABLE, me)
#else
		:: want == LEAF ->
			large++;
			small = small - 2;
			bury(t);
			thaw_e(LEAF, me)
#endif
		:: want == EMPTY ->
			bury(t);
			thaw_e(EMPTY, me)
		fi;
		INVARIANTS();
		goto out
	}
put_back:
	atomic {
		if
		:: i == 0 -> thaw_e(TABLE, me); INVARIANTS(); goto out
		:: i > 0 ->
			i--;
			thaw_s(2 * t + i, want, me);
			INVARIANTS();
			goto put_back
		fi
	}

split:
	demote(t, me);
out:
	atomic {
		t = 0;
		want = 0;
		i = 0;
		leave(me);
		goto idle
	}
end:
	skip
}

/* --- a zap ---------------------------------------------------------------------------- */

proctype zapper(byte me)
{
	byte t, g, i;
	byte batch;   /* bit per frame: small pages that are frozen */
	byte done_to; /* frames below it are unmapped */
	bool frozen;  /* what ended the walk */
#if ZAPS
	byte rounds;
#endif

idle:
	atomic {
#if ZAPS
		if
		:: rounds == ZAPS -> goto end
		:: rounds < ZAPS -> rounds++
		fi;
#endif
		if
		:: lo = 0; hi = 1
		:: lo = 1; hi = 2
		:: lo = 0; hi = 2
		fi;
		inval = true;
		in_zap = true;
		stale = stale || concerns_fault;
		done_to = lo
	}
begin:
	atomic {
		enter(me);
		g = done_to
	}
next:
	atomic {
		if
		:: g >= hi -> goto flush
		:: else
		fi;
		if
		:: E == EMPTY -> g = hi; goto flush
#if MUTATION == 6
		:: E == FROZEN -> g = hi; goto flush
#else
		:: E == FROZEN -> frozen = true; goto flush
#endif
		:: E == LEAF && hi - lo == 2 && batch == 0 -> goto whole
		:: E == LEAF && (hi - lo == 1 || batch != 0) ->
			frozen = true;
			goto flush
		:: E == TABLE -> t = E_tab
		fi
	}
	atomic {
		CHECK(I_FREE, sees(t, me));
		if
		:: S[2 * t + g] == FROZEN -> frozen = true; goto flush
		:: S[2 * t + g] == LEAF ->
			freeze_s(2 * t + g, me);
			batch = batch | (1 << g);
			INVARIANTS()
		:: else
		fi;
		g++;
		goto next
	}

	/* A large page, all of it. */
whole:
	atomic {
		if
		:: E == LEAF -> freeze_e(me); INVARIANTS()
		:: E != LEAF -> goto next
		fi
	}
	atomic {
		CHECK(I_SINGLE, X == X_LARGE);
		if
		:: may_be_busy -> note_busy; thaw_e(LEAF, me); frozen = true
		:: X = X_FREE; E_changed = true; large--;
			thaw_e(EMPTY, me);
			g = hi
		fi;
		INVARIANTS()
	}

	/* The batch goes out, or stays; nothing is owned afterwards. */
flush:
	atomic {
		if
		:: i == 2 -> goto flushed
		:: i < 2 && !((batch >> i) & 1) -> i++; goto flush
		:: i < 2 && ((batch >> i) & 1)
		fi
	}
	atomic {
		CHECK(I_SINGLE, X == X_TBL && X_small[i]);
		if
		:: may_be_busy ->
			note_busy;
			frozen = true;
			g = (g > i -> i : g);
			thaw_s(2 * t + i, LEAF, me)
		:: X_small[i] = false;
			small--;
			thaw_s(2 * t + i, EMPTY, me)
		fi;
		batch = batch & ~(1 << i);
		INVARIANTS();
		goto flush
	}
flushed:
	atomic {
		i = 0;
		done_to = g;
		if
		:: !frozen -> goto finished
		:: frozen
		fi;
		frozen = false;
		if
		:: E == LEAF && hi - lo == 1 -> goto split
		:: else -> goto out
		fi
	}
split:
	demote(t, me);
out:
	atomic {
		t = 0;
		g = 0;
		leave(me);
		goto begin
	}
finished:
	atomic {
		CHECK(R7, X != X_LARGE && !(lo == 0 && X_small[0]) &&
			!(hi == 2 && X_small[1]));
		t = 0;
		g = 0;
		done_to = 0;
		leave(me);
		inval = false;
		lo = 0;
		hi = 0;
		in_zap = false;
		goto idle
	}
end:
	skip
}

init
{
	atomic {
		run faulter(FAULTER);
		run changer(CHANGER);
		run zapper(ZAPPER)
	}
}

/* --- liveness, under weak fairness ------------------------------------------------------ */

#if LIVE
ltl p_thaw { [] ((E == FROZEN) -> <> (E != FROZEN)) }
ltl p_fault { [] (in_fault -> <> !in_fault) }
ltl p_zap { [] (in_zap -> <> !in_zap) }
#endif
