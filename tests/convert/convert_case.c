/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "convert_case.h"

#include <check.h>
#include <string.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define PAGE	   TDXC_PAGE_SIZE
#define PER_2M	   512u
#define PER_1G	   0x40000u
#define JUNK	   0xA5A5A5A5A5A5A5A5ull
#define LEVEL_MASK 7ull

/* As ck_assert(), which makes a system call even where all is well: this here
 * is called for each page. */
#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)

static uint64_t pages_of(uint64_t level)
{
	return 1ull << (9 * level);
}

static size_t index_of(uint64_t gpa)
{
	REQUIRE(gpa >= CASE_BASE);
	REQUIRE(gpa < CASE_END);
	return (size_t)((gpa - CASE_BASE) / PAGE);
}

static uint8_t leaf_level(const struct convert_case *k, size_t page)
{
	return k->level[page / PER_2M];
}

/* Leaves that lie in part in a range become 4 KiB. */
static void split_at(struct convert_case *k, size_t page)
{
	uint8_t level = leaf_level(k, page);

	if (level == 0 || page % pages_of(level) == 0)
		return;
	if (level == 2)
		memset(&k->level[page / PER_1G * PER_2M], 1, PER_2M);
	if (page % PER_2M != 0)
		k->level[page / PER_2M] = 0;
}

static void demote(struct convert_case *k, size_t page, uint64_t level)
{
	if (level < 2 && leaf_level(k, page) == 2)
		memset(&k->level[page / PER_1G * PER_2M], 1, PER_2M);
	if (level == 0)
		k->level[page / PER_2M] = 0;
}

/* --- the host --------------------------------------------------------------
 */

static void do_map(struct convert_case *k, uint64_t gpa, uint64_t bytes,
		   bool shared)
{
	size_t first;
	size_t i;

	/* what is private already stays mapped as it is */
	if (bytes == 0 ||
	    (!shared && convert_case_count(k, gpa, bytes, CASE_SHARED) == 0))
		return;
	first = index_of(gpa);
	split_at(k, first);
	if (gpa + bytes < CASE_END)
		split_at(k, index_of(gpa + bytes));
	for (i = 0; i < bytes / PAGE; i++) {
		uint8_t *page = &k->page[first + i];

		if (shared)
			*page = CASE_SHARED;
		else if (*page == CASE_SHARED)
			*page = CASE_PENDING;
	}
}

static struct case_step next_step(struct convert_case *k, uint64_t bytes)
{
	struct case_step all = {.bytes = bytes};

	if (k->step < k->nr_steps) {
		all = k->steps[k->step];
		if (!k->last_for_ever || k->step + 1 < k->nr_steps)
			k->step++;
	} else if (k->chunk != 0 && k->chunk < bytes) {
		all.r10 = TDXC_MAP_GPA_RETRY;
		all.bytes = k->chunk;
	}
	REQUIRE(all.bytes <= bytes);
	return all;
}

static uint64_t map_gpa(struct convert_case *k, struct tdxc_tdcall_regs *regs)
{
	uint64_t bit = regs->r12 & k->shared_bit;
	uint64_t gpa = regs->r12 ^ bit;
	struct case_step s = next_step(k, regs->r13);

	REQUIRE(regs->rcx == TDXC_VMCALL_R10_TO_R13);
	REQUIRE(regs->r10 == 0);
	REQUIRE(regs->r11 == TDXC_VMCALL_MAP_GPA);
	do_map(k, gpa, s.bytes, bit != 0);
	regs->r10 = s.r10;
	regs->r11 = s.r11;
	if (s.how == CASE_R11_OFFSET)
		regs->r11 = regs->r12 + s.r11;
	else if (s.how == CASE_R11_NEXT)
		regs->r11 = regs->r12 + s.bytes;
	return s.rax;
}

/* --- the module ------------------------------------------------------------
 */

static uint64_t accept_page(struct convert_case *k, size_t page, uint64_t level)
{
	if (k->page[page] == CASE_SHARED)
		return CASE_FREE;
	if (k->page[page] == CASE_PRIVATE)
		return CASE_ALREADY | leaf_level(k, page);
	memset(&k->page[page], CASE_PRIVATE, pages_of(level));
	return 0;
}

static uint64_t release_page(struct convert_case *k, size_t page,
			     uint64_t level)
{
	if (k->page[page] != CASE_PRIVATE)
		return CASE_FREE;
	memset(&k->page[page], CASE_PENDING, pages_of(level));
	return 0;
}

static uint64_t call_page(struct convert_case *k, uint64_t leaf, uint64_t rcx)
{
	uint64_t level = rcx & LEVEL_MASK;
	uint64_t gpa = rcx & ~LEVEL_MASK;
	size_t page = index_of(gpa);

	REQUIRE(level <= 2);
	REQUIRE(gpa % (pages_of(level) * PAGE) == 0);
	if (leaf == TDXC_TDG_MEM_PAGE_RELEASE && !k->has_release)
		return CASE_INVALID_RAX;
	if (level == 2 && !k->has_1g)
		return CASE_INVALID_RCX;
	if (leaf_level(k, page) < level)
		return CASE_MISMATCH | level;
	/* what a host does about an ACCEPT below a pending leaf */
	if (k->page[page] != CASE_PRIVATE || leaf == TDXC_TDG_MEM_PAGE_RELEASE)
		demote(k, page, level);
	return leaf == TDXC_TDG_MEM_PAGE_ACCEPT ? accept_page(k, page, level)
						: release_page(k, page, level);
}

/* Whether a test has an answer of its own. */
static bool scripted(const struct convert_case *k, uint64_t leaf, uint64_t *rax)
{
	for (size_t i = 0; i < k->nr_answers; i++) {
		const struct case_answer *a = &k->answers[i];
		uint64_t n = k->calls_of[leaf] - 1;

		if (a->leaf == leaf && n >= a->skip && n - a->skip < a->times) {
			*rax = a->rax;
			return true;
		}
	}
	return false;
}

static uint64_t tdcall(void *ctx, uint64_t leaf, struct tdxc_tdcall_regs *regs)
{
	struct convert_case *k = ctx;
	uint64_t rcx = regs->rcx;
	uint64_t rax;

	if (k->calls < CASE_LOG)
		k->log[k->calls] = (struct case_call){leaf, *regs};
	k->calls++;
	REQUIRE(leaf < CASE_LEAVES);
	k->calls_of[leaf]++;
	if (scripted(k, leaf, &rax)) {
		/* what a busy call leaves behind must not be used */
		*regs = (struct tdxc_tdcall_regs){JUNK, JUNK, JUNK, JUNK,
						  0,	JUNK, JUNK, JUNK};
		return rax;
	}
	if (leaf == TDXC_TDG_VP_VMCALL)
		return map_gpa(k, regs);
	regs->rcx = JUNK;
	return call_page(k, leaf, rcx);
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	struct convert_case *k = ctx;

	REQUIRE(gpa % bytes == 0);
	REQUIRE(convert_case_count(k, gpa, bytes, CASE_PRIVATE) ==
		bytes / PAGE);
	k->zero_calls++;
	if (k->zero_err == TDXC_OK)
		k->zeroed += bytes;
	return k->zero_err;
}

static const struct tdxc_convert_ops ops = {TDXC_ABI, tdcall, zero};

/* --- a case ----------------------------------------------------------------
 */

void convert_case_configure(struct convert_case *k)
{
	REQUIRE(tdxc_convert_init(&k->c, &k->config) == TDXC_OK);
	k->shared_bit = 1ull << (k->config.gpaw - 1);
}

void convert_case_begin(struct convert_case *k, uint32_t gpaw)
{
	memset(k, 0, sizeof(*k));
	memset(k->level, 1, sizeof(k->level));
	k->config = (struct tdxc_convert_config){
		.abi = TDXC_ABI,
		.gpaw = gpaw,
		.ops = &ops,
		.ctx = k,
	};
	convert_case_configure(k);
}

void convert_case_answer(struct convert_case *k, uint64_t leaf, uint64_t skip,
			 uint64_t times, uint64_t rax)
{
	REQUIRE(k->nr_answers < CASE_STEPS);
	k->answers[k->nr_answers++] =
		(struct case_answer){leaf, skip, times, rax};
}

void convert_case_step(struct convert_case *k, struct case_step step)
{
	REQUIRE(k->nr_steps < CASE_STEPS);
	k->steps[k->nr_steps++] = step;
}

void convert_case_set(struct convert_case *k, uint64_t gpa, uint64_t bytes,
		      enum case_page state, uint8_t level)
{
	memset(&k->page[index_of(gpa)], (int)state, bytes / PAGE);
	memset(&k->level[index_of(gpa) / PER_2M], level,
	       (bytes / PAGE + PER_2M - 1) / PER_2M);
}

uint64_t convert_case_count(const struct convert_case *k, uint64_t gpa,
			    uint64_t bytes, enum case_page state)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < bytes / PAGE; i++)
		n += k->page[index_of(gpa + i * PAGE)] == state;
	return n;
}
