/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest's memory, a host that does MapGPA in parts or not at all, a module
 * with a page table of leaves, and a log of what was asked of both.
 */
#ifndef TDXC_TESTS_CONVERT_CASE_H
#define TDXC_TESTS_CONVERT_CASE_H

#include <tdxcore/convert.h>
#include <tdxcore/range.h>

#define CASE_BASE	 0x40000000ull
#define CASE_PAGES	 0x80000ull /* 2 GiB */
#define CASE_END	 (CASE_BASE + CASE_PAGES * TDXC_PAGE_SIZE)
#define CASE_STEPS	 16u
#define CASE_LOG	 64u
#define CASE_LEAVES	 31u

#define CASE_BUSY	 0x8000020000000001ull
#define CASE_INVALID_RAX 0xC000010000000000ull
#define CASE_INVALID_RCX 0xC000010000000001ull
#define CASE_ALREADY	 0x00000B0A00000000ull /* | level */
#define CASE_MISMATCH	 0xC0000B0B00000000ull /* | level */
#define CASE_WALK_FAILED 0xC0000B0000000000ull
#define CASE_FREE	 0xC0000B0100000000ull

enum case_page {
	CASE_PRIVATE, /* accepted */
	CASE_PENDING,
	CASE_SHARED,
};

/* What R11 says after a MapGPA. */
enum case_r11 {
	CASE_R11_NEXT,	 /* where what was done ends */
	CASE_R11_OFFSET, /* so far from the address asked for */
	CASE_R11_RAW,	 /* this */
};

/* What the host does with one MapGPA. */
struct case_step {
	uint64_t r10;
	uint64_t bytes; /* done, of what is asked */
	enum case_r11 how;
	uint64_t r11;
	uint64_t rax; /* the TDCALL failed, and yet the registers are there */
};

/* An answer of the module instead of its own, to a call of `leaf`. */
struct case_answer {
	uint64_t leaf;
	uint64_t skip;	/* calls of that leaf that go before */
	uint64_t times; /* how many are answered so */
	uint64_t rax;
};

struct case_call {
	uint64_t rax;
	struct tdxc_tdcall_regs in;
};

struct convert_case {
	struct tdxc_converter c;
	struct tdxc_convert_config config;
	uint64_t shared_bit;

	struct case_step steps[CASE_STEPS]; /* then it does all it is asked */
	size_t nr_steps;
	bool last_for_ever; /* the last step is repeated instead */
	uint64_t chunk;	    /* or so many bytes a call, with RETRY */
	size_t step;	    /* next */

	struct case_answer answers[CASE_STEPS];
	size_t nr_answers;
	bool has_1g;
	bool has_release;

	uint8_t page[CASE_PAGES];	/* #case_page */
	uint8_t level[CASE_PAGES >> 9]; /* of the leaf: 0, 1 or 2 */

	struct case_call log[CASE_LOG];
	uint64_t calls;
	uint64_t calls_of[CASE_LEAVES]; /* by leaf */
	uint64_t zeroed;		/* bytes */
	uint64_t zero_calls;
	int zero_err;
};

/* All memory private, mapped by 2 MiB; nothing scripted. */
void convert_case_begin(struct convert_case *k, uint32_t gpaw);
/* After a change of k->config. */
void convert_case_configure(struct convert_case *k);
void convert_case_answer(struct convert_case *k, uint64_t leaf, uint64_t skip,
			 uint64_t times, uint64_t rax);
void convert_case_step(struct convert_case *k, struct case_step step);
/* The state and the leaf size of a range. */
void convert_case_set(struct convert_case *k, uint64_t gpa, uint64_t bytes,
		      enum case_page state, uint8_t level);
/* Pages of a range in a state. */
uint64_t convert_case_count(const struct convert_case *k, uint64_t gpa,
			    uint64_t bytes, enum case_page state);

#endif
