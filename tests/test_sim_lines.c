/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Caches and KeyIDs: what survives a kexec, who sees what, and what each cache
 * instruction is good for. The pages are those of a TD that the module built.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rig.h"

#define PAGE  4096u
#define LINE  64u
#define ALL   UINT64_MAX
#define PAGES 8u /* private pages of the TD */

/* A KeyID that is not checked, and memory no one has given away. */
#define MKTME 5u
#define FREE  0x20000000ull

static struct rig rig;
static uint64_t added[PAGES];

static void up(void)
{
	rig_up(&rig, 1);
	ck_assert_int_eq(tdxc_sim_machine_pconfig(&rig.machine, 0, MKTME), 0);
}

static void down(void)
{
	rig_down(&rig);
}

static void store(uint32_t lp, uint64_t pa, int byte, size_t bytes)
{
	unsigned char page[PAGE];

	memset(page, byte, bytes);
	ck_assert_int_eq(
		tdxc_sim_machine_store(&rig.machine, lp, pa, page, bytes), 0);
}

/* Whether `bytes` bytes are all this one. */
static bool holds(uint32_t lp, uint64_t pa, int byte, size_t bytes)
{
	unsigned char got[PAGE];
	unsigned char want[PAGE];

	memset(want, byte, bytes);
	(void)tdxc_sim_machine_load(&rig.machine, lp, pa, got, bytes);
	return memcmp(got, want, bytes) == 0;
}

static uint64_t keyed(uint64_t pa, uint32_t keyid)
{
	return rig_keyed(&rig, pa, keyid);
}

static size_t events(enum tdxc_sim_event_kind kind)
{
	struct tdxc_sim_event event;
	size_t n = 0;

	while (tdxc_sim_machine_event(&rig.machine, &event))
		n += event.kind == kind;
	return n;
}

static bool no_events(void)
{
	struct tdxc_sim_event event;

	return !tdxc_sim_machine_event(&rig.machine, &event);
}

static void wbinvd_everywhere(void)
{
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, lp), 0);
}

/* --- kexec ---------------------------------------------------------------- */

/* A guest that used its memory on processors of both packages. */
static void old_kernel_runs_a_td(void)
{
	rig_td(&rig);
	for (uint32_t i = 0; i < PAGES; i++) {
		added[i] = rig_add(&rig, i * (uint64_t)PAGE, 0x11);
		store(i % RIG_LPS, keyed(added[i], RIG_TD), 0x22, PAGE);
	}
}

/* The next kernel uses what the old one gave away, through KeyID 0, for a
 * while in which the caches run full, and then finds its memory so often to be
 * other than what it wrote. */
static uint64_t new_kernel_counts_wrong_lines(uint64_t start, uint64_t end)
{
	uint64_t wrong = 0;
	uint64_t pa;

	for (pa = start; pa < end; pa += PAGE) {
		store(0, pa, 0x33, PAGE);
		tdxc_sim_machine_evict(&rig.machine, 4);
	}
	tdxc_sim_machine_evict(&rig.machine, ALL);
	for (pa = start; pa < end; pa += LINE)
		wrong += !holds(0, pa, 0x33, LINE);
	return wrong;
}

START_TEST(S000_1_dirty_private_lines_corrupt_the_next_kernel)
{
	old_kernel_runs_a_td();
	ck_assert_uint_gt(tdxc_sim_machine_dirty(&rig.machine, RIG_TD), 0);
	ck_assert_uint_gt(tdxc_sim_machine_dirty(&rig.machine, RIG_GLOBAL), 0);
	ck_assert_uint_gt(new_kernel_counts_wrong_lines(RIG_BASE, rig.next), 0);
}
END_TEST

START_TEST(S000_5_wbinvd_on_every_processor_keeps_the_next_kernel_whole)
{
	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, RIG_TD), 0);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, RIG_GLOBAL), 0);
	ck_assert_uint_eq(new_kernel_counts_wrong_lines(RIG_BASE, rig.next), 0);
}
END_TEST

START_TEST(S000_5_wbinvd_in_one_package_does_not_reach_the_other)
{
	old_kernel_runs_a_td();
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 0), 0);
	ck_assert_uint_gt(new_kernel_counts_wrong_lines(RIG_BASE, rig.next), 0);
}
END_TEST

START_TEST(S000_2_a_seamcall_after_the_flush_makes_lines_dirty_again)
{
	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 38, rig.tdr), 0);
	ck_assert_uint_gt(tdxc_sim_machine_dirty(&rig.machine, RIG_GLOBAL), 0);
	ck_assert_uint_gt(new_kernel_counts_wrong_lines(RIG_BASE, rig.next), 0);
}
END_TEST

START_TEST(S000_2_a_guest_that_still_runs_makes_lines_dirty_again)
{
	old_kernel_runs_a_td();
	wbinvd_everywhere();
	store(3, keyed(added[0], RIG_TD), 0x44, LINE);
	store(0, added[0], 0x33, LINE);
	ck_assert_int_eq(
		tdxc_sim_machine_clflush(&rig.machine, 0, added[0], LINE), 0);
	tdxc_sim_machine_evict(&rig.machine, ALL);
	ck_assert(!holds(0, added[0], 0x33, LINE));
}
END_TEST

START_TEST(S000_3_keyid_0_reads_what_was_private_without_a_machine_check)
{
	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert(no_events());
	ck_assert(!holds(0, added[0], 0x22, LINE));
	ck_assert(no_events());
}
END_TEST

START_TEST(S003_2_sme_lines_corrupt_the_next_kernel_unless_flushed)
{
	const struct tdxc_sim_machine_options sme = {.lines = true,
						     .sme = true};
	struct tdxc_sim_platform platform;
	bool flush = _i != 0;
	uint64_t pa;
	uint64_t wrong;

	rig_platform(&platform);
	platform.pa_width = 48;
	platform.keyid_bits = 5;
	rig_down(&rig);
	ck_assert_int_eq(
		tdxc_sim_machine_init_with(&rig.machine, &platform, 7, &sme),
		0);
	for (pa = FREE; pa < FREE + PAGES * PAGE; pa += PAGE)
		store((uint32_t)(pa / PAGE % RIG_LPS), pa | 1ull << 47, 0x22,
		      PAGE);
	if (flush)
		wbinvd_everywhere();
	wrong = new_kernel_counts_wrong_lines(FREE, FREE + PAGES * PAGE);
	ck_assert_int_eq(wrong == 0, flush);
	ck_assert(no_events());
}
END_TEST

/* --- who sees what ----------------------------------------------------------
 */

START_TEST(a_wrong_private_keyid_is_a_machine_check)
{
	unsigned char got[LINE];
	struct tdxc_sim_event event;

	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert(no_events());
	ck_assert_int_eq(tdxc_sim_machine_load(&rig.machine, 2,
					       keyed(added[1], RIG_OTHER) + 70,
					       got, 8),
			 TDXC_E_IO);
	ck_assert(tdxc_sim_machine_event(&rig.machine, &event));
	ck_assert_int_eq(event.kind, TDXC_SIM_EVENT_WRONG_KEY);
	ck_assert_uint_eq(event.pa, added[1] + LINE);
	ck_assert_uint_eq(event.keyid, RIG_OTHER);
	ck_assert_uint_eq(event.last, RIG_TD);
	ck_assert_uint_eq(event.lp, 2);
	ck_assert(!event.by_module);
	ck_assert(no_events());
}
END_TEST

START_TEST(a_store_through_a_wrong_private_keyid_is_a_machine_check_and_lost)
{
	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert_int_eq(tdxc_sim_machine_store(&rig.machine, 0,
						keyed(added[0], RIG_OTHER), "x",
						1),
			 TDXC_E_IO);
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_WRONG_KEY), 1);
	ck_assert(holds(0, keyed(added[0], RIG_TD), 0x22, PAGE));
}
END_TEST

START_TEST(garbage_is_the_same_each_time_and_differs_with_the_address)
{
	unsigned char a[LINE];
	unsigned char b[LINE];
	unsigned char c[LINE];

	store(0, keyed(FREE, MKTME), 0x55, 2 * LINE);
	wbinvd_everywhere();
	(void)tdxc_sim_machine_load(&rig.machine, 0, FREE, a, LINE);
	wbinvd_everywhere();
	(void)tdxc_sim_machine_load(&rig.machine, 0, FREE, b, LINE);
	(void)tdxc_sim_machine_load(&rig.machine, 0, FREE + LINE, c, LINE);
	ck_assert_mem_eq(a, b, LINE);
	ck_assert_mem_ne(a, c, LINE);
	ck_assert(holds(0, keyed(FREE, MKTME), 0x55, LINE));
	ck_assert(no_events());
}
END_TEST

START_TEST(a_shared_keyid_without_a_key_has_that_of_keyid_0_but_its_own_lines)
{
	uint64_t other = keyed(FREE, MKTME + 1);

	store(0, FREE, 0x55, LINE);
	ck_assert(holds(0, other, 0, LINE)); /* not written back yet */
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 0), 0);
	ck_assert(holds(0, other, 0x55, LINE));
	ck_assert_int_eq(tdxc_sim_machine_pconfig(&rig.machine, 0, MKTME + 1),
			 0);
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 0), 0);
	ck_assert(!holds(0, other, 0x55, LINE));
	ck_assert_int_eq(tdxc_sim_machine_pconfig(&rig.machine, 0, RIG_TD),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_pconfig(&rig.machine, 0, 0),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_pconfig(&rig.machine, RIG_LPS, MKTME),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(a_page_given_by_aug_is_foreign_until_the_guest_accepts_it)
{
	struct tdxc_sim_regs regs = {{0}};
	uint64_t pa;

	old_kernel_runs_a_td();
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 17, rig.tdr), 0);
	pa = rig_page(&rig);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 6, 0x10000, rig.tdr, pa), 0);
	ck_assert(no_events());
	ck_assert(!holds(0, keyed(pa, RIG_TD), 0, LINE));
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_WRONG_KEY), 1);
	regs.gpr[TDXC_SIM_RCX] = rig.tdvpr;
	ck_assert_int_eq(tdxc_sim_machine_seamcall(&rig.machine, 0, &regs),
			 TDXC_SIM_ENTERED);
	memset(&regs, 0, sizeof(regs));
	regs.gpr[TDXC_SIM_RAX] = 6;
	regs.gpr[TDXC_SIM_RCX] = 0x10000;
	ck_assert_int_eq(tdxc_sim_machine_tdcall(&rig.machine, 0, &regs),
			 TDXC_SIM_RETURNED);
	ck_assert_uint_eq(regs.gpr[TDXC_SIM_RAX], 0);
	ck_assert(holds(0, keyed(pa, RIG_TD), 0, PAGE));
	/* what a running vCPU keeps locked survives a flush around it */
	wbinvd_everywhere();
	tdxc_sim_machine_interrupt_exit(&rig.machine, 0, &regs);
	wbinvd_everywhere();
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 18, rig.tdvpr), 0);
	ck_assert(no_events());
}
END_TEST

START_TEST(a_new_key_makes_what_the_old_one_wrote_foreign)
{
	uint64_t tdr;

	old_kernel_runs_a_td();
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 18, rig.tdvpr), 0);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 19, rig.tdr), 0);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 40), 0);
	ck_assert_uint_eq(RIG_CALL(&rig, 3, 40), 0);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, RIG_TD), 0);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 20, rig.tdr), 0);
	ck_assert(holds(0, keyed(added[0], RIG_TD), 0x22, LINE));
	wbinvd_everywhere();
	tdr = rig_page(&rig);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 9, tdr, RIG_TD), 0);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 8, tdr), 0);
	ck_assert(no_events());
	ck_assert(!holds(0, keyed(added[0], RIG_TD), 0x22, LINE));
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_WRONG_KEY), 1);
}
END_TEST

START_TEST(a_module_page_the_host_overwrote_is_a_machine_check_in_the_module)
{
	struct tdxc_sim_event event;

	old_kernel_runs_a_td();
	wbinvd_everywhere();
	store(0, rig.tdr + 3 * LINE, 0x33, LINE);
	wbinvd_everywhere();
	ck_assert(no_events());
	(void)RIG_CALL(&rig, 1, 38, rig.tdr);
	ck_assert(tdxc_sim_machine_event(&rig.machine, &event));
	ck_assert_int_eq(event.kind, TDXC_SIM_EVENT_WRONG_KEY);
	ck_assert_uint_eq(event.pa, rig.tdr + 3 * LINE);
	ck_assert_uint_eq(event.lp, 1);
	ck_assert(event.by_module);
	ck_assert(no_events());
}
END_TEST

#define PAGES_EACH 50u

struct crowd {
	uint64_t first; /* page for GPA 1 MiB */
	uint64_t done[RIG_LPS];
};

/* Again when another processor holds what this one needs. */
static uint64_t augment_one(struct tdxc_sim_machine *machine, uint32_t lp,
			    const struct crowd *crowd, uint64_t at)
{
	struct tdxc_sim_regs regs;
	int tries = 100000;

	do {
		memset(&regs, 0, sizeof(regs));
		regs.gpr[TDXC_SIM_RAX] = 6;
		regs.gpr[TDXC_SIM_RCX] = at;
		regs.gpr[TDXC_SIM_RDX] = rig.tdr;
		regs.gpr[TDXC_SIM_R8] = crowd->first + at;
		(void)tdxc_sim_machine_seamcall(machine, lp, &regs);
	} while (regs.gpr[TDXC_SIM_RAX] >> 32 == 0x80000200 && --tries != 0);
	return regs.gpr[TDXC_SIM_RAX];
}

static void augment(struct tdxc_sim_machine *machine, uint32_t lp, void *arg)
{
	struct crowd *crowd = arg;

	for (uint32_t i = 0; i < PAGES_EACH; i++) {
		uint64_t at = (uint64_t)(lp * PAGES_EACH + i) * PAGE;

		crowd->done[lp] += augment_one(machine, lp, crowd, at) == 0;
		if (i % 8 == 0)
			(void)tdxc_sim_machine_wbinvd(machine, lp);
		tdxc_sim_machine_evict(machine, 16);
	}
}

START_TEST(the_module_loses_nothing_when_caches_are_flushed_under_it)
{
	struct crowd crowd = {0};

	rig_td(&rig);
	crowd.first = rig.next;
	rig.next += RIG_LPS * PAGES_EACH * PAGE;
	ck_assert_int_eq(tdxc_sim_machine_start_lps(&rig.machine), 0);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_int_eq(tdxc_sim_machine_post(&rig.machine, lp,
						       augment, &crowd),
				 0);
	ck_assert_int_eq(tdxc_sim_machine_stop_lps(&rig.machine, 120000), 0);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_uint_eq(crowd.done[lp], PAGES_EACH);
	wbinvd_everywhere();
	for (uint64_t i = 0; i < RIG_LPS * PAGES_EACH; i++)
		ck_assert_uint_eq(RIG_CALL(&rig, 0, 29, i * PAGE, rig.tdr), 0);
	ck_assert(no_events());
}
END_TEST

/* --- instructions
 * ------------------------------------------------------------- */

START_TEST(a_dirty_line_written_back_late_overwrites_what_is_there_now)
{
	store(0, keyed(FREE, MKTME), 0x55, LINE);
	store(0, FREE, 0x66, LINE);
	ck_assert(holds(0, FREE, 0x66, LINE));
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 0, FREE, LINE),
			 0);
	ck_assert(holds(0, FREE, 0x66, LINE));
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 0, FREE, LINE),
			 0);
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 0,
						  keyed(FREE, MKTME), LINE),
			 0);
	ck_assert(!holds(0, FREE, 0x66, LINE));
	ck_assert(holds(0, keyed(FREE, MKTME), 0x55, LINE));
}
END_TEST

START_TEST(clflush_touches_one_keyid_and_the_lines_asked_for)
{
	store(0, FREE, 0x66, PAGE);
	store(0, keyed(FREE, MKTME), 0x55, PAGE);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, MKTME), 64);
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 3,
						  keyed(FREE, MKTME) + 63, 2),
			 0);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, MKTME), 62);
	ck_assert(holds(0, FREE, 0x66, PAGE));
}
END_TEST

START_TEST(wbnoinvd_writes_back_and_keeps_the_copy)
{
	store(0, keyed(FREE, MKTME), 0x55, LINE);
	ck_assert_int_eq(tdxc_sim_machine_wbnoinvd(&rig.machine, 1), 0);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(&rig.machine, MKTME), 0);
	store(0, FREE, 0x66, LINE);
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 0, FREE, LINE),
			 0);
	ck_assert(holds(0, keyed(FREE, MKTME), 0x55, LINE));
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 1), 0);
	ck_assert(!holds(0, keyed(FREE, MKTME), 0x55, LINE));
}
END_TEST

START_TEST(a_line_of_one_keyid_is_coherent_between_packages)
{
	store(0, FREE, 0x55, LINE);
	ck_assert(holds(3, FREE, 0x55, LINE));
	store(3, FREE, 0x66, LINE);
	ck_assert(holds(0, FREE, 0x66, LINE));
	/* package 1 wrote last: flushing package 0 leaves it dirty */
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 0), 0);
	store(3, keyed(FREE, MKTME), 0x77, LINE);
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 3,
						  keyed(FREE, MKTME), LINE),
			 0);
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(&rig.machine, 2), 0);
	ck_assert(holds(0, FREE, 0x66, LINE));
}
END_TEST

START_TEST(page_wbinvd_after_page_remove_is_what_makes_a_page_safe)
{
	bool flush = _i != 0;
	uint64_t pa;

	rig_td(&rig);
	pa = rig_add(&rig, 0, 0x11);
	store(1, keyed(pa, RIG_TD), 0x22, PAGE);
	ck_assert_uint_eq(RIG_CALL(&rig, 0, 29, 0, rig.tdr), 0);
	if (flush)
		ck_assert_uint_eq(RIG_CALL(&rig, 0, 41, keyed(pa, RIG_TD)), 0);
	store(0, pa, 0x33, PAGE);
	ck_assert_int_eq(tdxc_sim_machine_clflush(&rig.machine, 0, pa, PAGE),
			 0);
	tdxc_sim_machine_evict(&rig.machine, ALL);
	ck_assert_int_eq(holds(0, pa, 0x33, PAGE), flush);
}
END_TEST

START_TEST(a_page_not_flushed_before_it_is_given_away_corrupts_the_td)
{
	uint64_t pa;

	rig_td(&rig);
	pa = rig_add(&rig, 0, 0x11);
	ck_assert(holds(0, keyed(pa, RIG_TD), 0x11, PAGE));
	/* the host's own dirty lines, late */
	store(0, rig.next, 0x33, LINE);
	rig.next += PAGE;
	ck_assert_uint_eq(
		RIG_CALL(&rig, 0, 2, PAGE, rig.tdr, rig.next - PAGE, 0x104000),
		0);
	wbinvd_everywhere();
	ck_assert(no_events());
	ck_assert(!holds(0, keyed(rig.next - PAGE, RIG_TD), 0, LINE));
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_WRONG_KEY), 1);
	ck_assert(holds(0, keyed(rig.next - PAGE, RIG_TD) + LINE, 0,
			PAGE - LINE));
}
END_TEST

/* --- the erratum
 * ---------------------------------------------------------------- */

START_TEST(a_partial_write_poisons_and_movdir64b_cleans)
{
	static const unsigned char zeros[LINE];
	struct tdxc_sim_event event;

	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert_int_eq(tdxc_sim_machine_store_nt(&rig.machine, 0,
						   added[0] + 8, zeros, 8),
			 0);
	ck_assert(no_events()); /* silent until it is read */
	ck_assert(!holds(0, keyed(added[0], RIG_TD), 0x22, LINE));
	ck_assert(tdxc_sim_machine_event(&rig.machine, &event));
	ck_assert_int_eq(event.kind, TDXC_SIM_EVENT_POISON);
	ck_assert_uint_eq(event.pa, added[0]);
	(void)holds(0, added[0], 0, LINE);
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_POISON), 1);
	ck_assert_int_eq(
		tdxc_sim_machine_movdir64b(&rig.machine, 0, added[0], zeros),
		0);
	ck_assert(holds(0, added[0], 0, LINE));
	ck_assert(no_events());
	ck_assert_int_eq(tdxc_sim_machine_movdir64b(&rig.machine, 0,
						    added[0] + 8, zeros),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(a_partial_write_does_not_poison_shared_lines_nor_whole_ones)
{
	static const unsigned char ones[LINE] = {1};

	old_kernel_runs_a_td();
	wbinvd_everywhere();
	ck_assert_int_eq(
		tdxc_sim_machine_store_nt(&rig.machine, 0, FREE + 8, ones, 1),
		0);
	ck_assert(holds(0, FREE + 8, 1, 1));
	ck_assert_int_eq(tdxc_sim_machine_store_nt(&rig.machine, 0, added[0],
						   ones, LINE),
			 0);
	ck_assert(holds(0, added[0], 1, 1));
	/* an ordinary store is a whole line once it gets to memory */
	store(0, added[1], 0x33, 8);
	wbinvd_everywhere();
	ck_assert(holds(0, added[1], 0x33, 8));
	ck_assert(no_events());
}
END_TEST

START_TEST(a_part_without_the_erratum_merges_a_partial_write)
{
	struct tdxc_sim_platform platform;

	rig_platform(&platform);
	platform.fms = 0xA06D1; /* Granite Rapids */
	ck_assert_int_eq(tdxc_sim_machine_reset(&rig.machine, &platform), 0);
	store(0, FREE, 0x55, LINE);
	ck_assert_int_eq(
		tdxc_sim_machine_movdir64b(
			&rig.machine, 0, keyed(FREE, RIG_TD),
			"0123456789abcdef0123456789abcdef0123456789abcdef"
			"0123456789abcdef"),
		0);
	ck_assert_int_eq(
		tdxc_sim_machine_store_nt(&rig.machine, 0, FREE, "x", 1), 0);
	ck_assert(holds(0, FREE, 'x', 1));
	ck_assert(no_events());
	ck_assert_int_eq(tdxc_sim_machine_store_nt(&rig.machine, 0,
						   keyed(FREE, RIG_TD), "x", 1),
			 TDXC_E_IO);
	ck_assert_uint_eq(events(TDXC_SIM_EVENT_WRONG_KEY), 1);
}
END_TEST

START_TEST(S000_3_movdir64b_converts_from_any_keyid_to_any_other)
{
	static const unsigned char zeros[LINE];
	static const uint32_t keyids[] = {RIG_TD, MKTME, RIG_OTHER, 0, RIG_TD};

	for (size_t i = 0; i < sizeof(keyids) / sizeof(keyids[0]); i++) {
		uint64_t pa = keyed(FREE, keyids[i]);

		ck_assert_int_eq(
			tdxc_sim_machine_movdir64b(&rig.machine, 0, pa, zeros),
			0);
		ck_assert(holds(0, pa, 0, LINE));
		store(0, pa, (int)i + 1, LINE);
		ck_assert_int_eq(
			tdxc_sim_machine_clflush(&rig.machine, 0, pa, LINE), 0);
	}
	ck_assert(no_events());
}
END_TEST

static TCase *kexec_tests(void)
{
	TCase *tcase = tcase_create("kexec");

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(tcase,
		       S000_1_dirty_private_lines_corrupt_the_next_kernel);
	tcase_add_test(
		tcase,
		S000_5_wbinvd_on_every_processor_keeps_the_next_kernel_whole);
	tcase_add_test(tcase,
		       S000_5_wbinvd_in_one_package_does_not_reach_the_other);
	tcase_add_test(
		tcase,
		S000_2_a_seamcall_after_the_flush_makes_lines_dirty_again);
	tcase_add_test(tcase,
		       S000_2_a_guest_that_still_runs_makes_lines_dirty_again);
	tcase_add_test(
		tcase,
		S000_3_keyid_0_reads_what_was_private_without_a_machine_check);
	tcase_add_loop_test(
		tcase, S003_2_sme_lines_corrupt_the_next_kernel_unless_flushed,
		0, 2);
	return tcase;
}

static TCase *sight_tests(void)
{
	TCase *tcase = tcase_create("sight");

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(tcase, a_wrong_private_keyid_is_a_machine_check);
	tcase_add_test(
		tcase,
		a_store_through_a_wrong_private_keyid_is_a_machine_check_and_lost);
	tcase_add_test(
		tcase,
		garbage_is_the_same_each_time_and_differs_with_the_address);
	tcase_add_test(
		tcase,
		a_shared_keyid_without_a_key_has_that_of_keyid_0_but_its_own_lines);
	tcase_add_test(
		tcase,
		a_page_given_by_aug_is_foreign_until_the_guest_accepts_it);
	tcase_add_test(tcase, a_new_key_makes_what_the_old_one_wrote_foreign);
	tcase_add_test(
		tcase,
		a_module_page_the_host_overwrote_is_a_machine_check_in_the_module);
	tcase_add_test(
		tcase,
		the_module_loses_nothing_when_caches_are_flushed_under_it);
	return tcase;
}

static TCase *flush_tests(void)
{
	TCase *tcase = tcase_create("flush");

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(
		tcase,
		a_dirty_line_written_back_late_overwrites_what_is_there_now);
	tcase_add_test(tcase,
		       clflush_touches_one_keyid_and_the_lines_asked_for);
	tcase_add_test(tcase, wbnoinvd_writes_back_and_keeps_the_copy);
	tcase_add_test(tcase, a_line_of_one_keyid_is_coherent_between_packages);
	tcase_add_loop_test(
		tcase, page_wbinvd_after_page_remove_is_what_makes_a_page_safe,
		0, 2);
	tcase_add_test(
		tcase,
		a_page_not_flushed_before_it_is_given_away_corrupts_the_td);
	return tcase;
}

static TCase *erratum_tests(void)
{
	TCase *tcase = tcase_create("erratum");

	tcase_add_checked_fixture(tcase, up, down);
	tcase_add_test(tcase, a_partial_write_poisons_and_movdir64b_cleans);
	tcase_add_test(
		tcase,
		a_partial_write_does_not_poison_shared_lines_nor_whole_ones);
	tcase_add_test(tcase,
		       a_part_without_the_erratum_merges_a_partial_write);
	tcase_add_test(tcase,
		       S000_3_movdir64b_converts_from_any_keyid_to_any_other);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("sim_lines");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, kexec_tests());
	suite_add_tcase(suite, sight_tests());
	suite_add_tcase(suite, flush_tests());
	suite_add_tcase(suite, erratum_tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
