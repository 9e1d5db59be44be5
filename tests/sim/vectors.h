/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The vectors S, E, K and D of tdx-module-abi.md 10 and 11 as lists of steps
 * for test_sim_vectors.c: a state to start from, then calls with the registers
 * that have to come back. Everything stands at a fixed place, so that a row
 * reads like the reference's.
 */
#ifndef TDXC_TESTS_SIM_VECTORS_H
#define TDXC_TESTS_SIM_VECTORS_H

#include <stdint.h>

/* Host memory. */
#define LIST   0x100000ull /* array for SYS.CONFIG: T0, T1 */
#define INFO   0x101000ull /* T0; T1 is 512 bytes on */
#define PARAMS 0x200000ull /* TD_PARAMS */
#define SOURCE 0x300000ull /* for PAGE.ADD */
#define BUFFER 0x400000ull

/* Private memory, all in T0. */
#define TDMR   0x100000000ull
#define TDR    0x100000000ull
#define TDCX   0x100001000ull /* six pages; page 3 is the S-EPT root */
#define ROOT   0x100004000ull
#define MORE   0x100008000ull /* pages 7 to 9 of the TDCS */
#define TDVPR  0x100010000ull /* and five pages more */
#define TDVPR2 0x100018000ull
#define PDPT   0x100020000ull /* S-EPT pages: entries of level 2, ... */
#define PD     0x100021000ull /* 1 */
#define PT     0x100022000ull /* 0 */
#define A      0x100100000ull
#define B      0x100101000ull
#define H2     0x100200000ull
#define H4     0x100400000ull
#define PAMT4K 0x4C0003000ull

#define KEYID  0x20ull
#define GLOBAL 0x3Full

/* Where PAMT.ADD finds two pages in a 2M range. */
#define PAIR0(range) ((range) + 0x1FE000)
#define PAIR1(range) ((range) + 0x1FF000)

/* Lock word of a page's PAMT entry. */
#define PAMT_OF(pa) (PAMT4K + ((pa)-TDMR) / 4096 * 16)

/* States to start from, each with all before it. */
enum vector_start {
	OFF,	 /* loaded */
	INITED,	 /* SYS.INIT */
	LPS,	 /* SYS.LP.INIT on all four */
	CONFIG,	 /* SYS.CONFIG with T0 */
	READY,	 /* SYS.KEY.CONFIG on both packages */
	TDMRS,	 /* T0 initialised */
	CREATED, /* MNG.CREATE */
	KEYED,	 /* MNG.KEY.CONFIG on both packages */
	PAGES,	 /* six TDCX pages */
	TD,	 /* MNG.INIT: op-state I */
	ROOTED,	 /* S-EPT pages for GPA 0 down to entries of level 1 */
	TABLES,	 /* and level 0 */
	VCPU,	 /* VP.CREATE, VP.ADDCX, VP.INIT on LP 0 */
	RUN,	 /* MR.FINALIZE, VP.FLUSH: op-state R */
	RUN2M,	 /* the same without the entries of level 0 */
	DYNAMIC, /* newer module, Dynamic PAMT; T0 initialised */
	DYNTD,	 /* a pair for the first 2M, and a TD in I as in ROOTED */
};

enum vector_op {
	END,
	CALL,  /* SEAMCALL that returns */
	ENTER, /* VP.ENTER that enters */
	EXIT,  /* the guest leaves */
	TDCALL,
	TDEXIT, /* TDCALL that leaves the guest */
	WRITE,	/* memory */
	SET,	/* bits in memory */
	CLEAR,
	IS,	/* memory is */
	ACCEPT, /* so many pages of 4K from a GPA on, on LP 1 */
	AUG,	/* so many pages of 4K from a GPA on, from a page on */
};

struct vector_step {
	enum vector_op op;
	uint32_t lp;
	uint32_t times;
	uint32_t nr_want;
	uint64_t want[5]; /* RAX RCX RDX R8 R9 */
	uint64_t in[8];	  /* RAX RCX RDX R8 R9 R10 R11 R12 */
};

/* R0: RAX alone is compared; R2: RCX and RDX too; R3: and R8. */
#define R0(rax, ...)                                                           \
	{                                                                      \
		CALL, 0, 1, 1, {rax},                                          \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define R1(rax, rcx, ...)                                                      \
	{                                                                      \
		CALL, 0, 1, 2, {rax, rcx},                                     \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define R2(rax, rcx, rdx, ...)                                                 \
	{                                                                      \
		CALL, 0, 1, 3, {rax, rcx, rdx},                                \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define R3(rax, rcx, rdx, r8, ...)                                             \
	{                                                                      \
		CALL, 0, 1, 4, {rax, rcx, rdx, r8},                            \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define ON(lp, rax, ...)                                                       \
	{                                                                      \
		CALL, lp, 1, 1, {rax},                                         \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define N(n, rax, ...)                                                         \
	{                                                                      \
		CALL, 0, n, 1, {rax},                                          \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define GUEST(rax, ...)                                                        \
	{                                                                      \
		TDCALL, 1, 1, 1, {rax},                                        \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define GUEST_OUT(rax, ...)                                                    \
	{                                                                      \
		TDEXIT, 1, 1, 1, {rax},                                        \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define IN                                                                     \
	{                                                                      \
		ENTER, 1, 1, 0, {0},                                           \
		{                                                              \
			0, TDVPR                                               \
		}                                                              \
	}
#define OUT                                                                    \
	{                                                                      \
		EXIT, 1, 1, 0, {0},                                            \
		{                                                              \
			0                                                      \
		}                                                              \
	}
#define DO(what, a, b)                                                         \
	{                                                                      \
		what, 0, 1, 0, {0},                                            \
		{                                                              \
			a, b                                                   \
		}                                                              \
	}
#define TAKEN(gpa, pa, n)                                                      \
	{                                                                      \
		AUG, 0, 1, 0, {0},                                             \
		{                                                              \
			gpa, pa, n                                             \
		}                                                              \
	}
#define ACCEPTED(gpa, n)                                                       \
	{                                                                      \
		ACCEPT, 1, 1, 0, {0},                                          \
		{                                                              \
			gpa, n                                                 \
		}                                                              \
	}

struct vector_case {
	const char *id;
	enum vector_start start;
	const char *what;
	struct vector_step steps[14];
};

#define INVALID(n) (0xC000010000000000ull | (n))
#define FREE_RCX   0x8000000000000000ull
#define MAPPED(pa) ((pa) | 0x80000000000000F7ull)
#define CHLDCNT	   0x8010000300000004ull
#define SEEN(pa)   ((pa) | 0x80000000000000F0ull)

#endif
