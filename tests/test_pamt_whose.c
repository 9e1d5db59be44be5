/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The machine check query: every kind of page of a machine with TDs is named,
 * whatever state the record is in, and with one SEAMCALL at most.
 */
#include <tdxcore/err.h>
#include <tdxcore/pamt.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pamt/pamt_rig.h"

#define RDMD	 TDXC_PHYMEM_PAGE_RDMD
#define USE_4K	 TDXC_PAMT_USE_4K
#define USE_2M	 TDXC_PAMT_USE_2M
#define PAGE	 PAMT_RIG_PAGE
#define GPA	 0x40000000ull
#define GPA_2M	 0x80000000ull
#define GIB	 0x40000000ull
#define LOW_RAM	 0x500000ull

#define BUSY_RCX 0x8000020000000001ull

static struct pamt_rig rig;
static struct tdxc_pamt *const pamt = &rig.pamt;
static struct pamt_rig_cache own;
static struct tdxc_seamcall_diag diag;
static uint64_t range;

/* A TD with one page of each kind. */
static struct sim_td td;
static uint64_t sept_page;
static uint64_t page_4k;
static uint64_t page_2m;

static void up_as(bool dynamic)
{
	const struct sim_shape shape = {
		.nr_lps = 2,
		.nr_packages = 1,
		.nr_tdmrs = 2,
		.gib = 1,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.dynamic_pamt = dynamic,
		.reserved = true,
	};

	ck_assert_uint_eq(pamt_rig_up(&rig, &shape), 0);
	tdxc_sim_port_enter(0);
	rig.next_page -= 0x100000; /* reserved */
	pamt_rig_cache(&own, 12);
	pamt_rig_fill(&rig, &own, 8);
	range = pamt_rig_range(&rig, 100);
	ck_assert_uint_eq(sim_td_build(&rig.f, &td, 40, 1), 0);
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 1), 0);
	sept_page = rig.f.next;
	ck_assert_uint_eq(sim_td_tables(&rig.f, &td, GPA, 0), 0);
	ck_assert_uint_eq(sim_td_aug(&rig.f, &td, GPA, 0, &page_4k), 0);
	ck_assert_uint_eq(sim_td_aug(&rig.f, &td, GPA_2M, 1, &page_2m), 0);
}

static void up(void)
{
	up_as(true);
}

static void up_static(void)
{
	up_as(false);
}

static void down(void)
{
	pamt_rig_down(&rig);
}

/* Asked as the machine check record has it: a line, with KeyID bits. */
static enum tdxc_whose whose(uint64_t page)
{
	struct tdxc_pamt_owner owner;
	uint64_t record = page | 0x7C0 | 40ull << PAMT_RIG_PA_BITS;

	ck_assert_int_eq(tdxc_pamt_whose(pamt, record, &owner), owner.whose);
	ck_assert_uint_eq(owner.page, page);
	return owner.whose;
}

static struct tdxc_pamt_owner owner_of(uint64_t pa)
{
	struct tdxc_pamt_owner owner;

	(void)tdxc_pamt_whose(pamt, pa, &owner);
	return owner;
}

static uint64_t asked(void)
{
	return tdxc_sim_port_calls(&rig.port, RDMD);
}

/* --- what the module knows ----------------------------------------------- */

START_TEST(idea_39_pages_of_a_td_are_named_with_their_owner)
{
	const struct {
		uint64_t page;
		enum tdxc_whose whose;
	} pages[] = {
		{page_4k, TDXC_WHOSE_GUEST},
		{page_2m, TDXC_WHOSE_GUEST},
		{page_2m + PAMT_RIG_2M - PAGE, TDXC_WHOSE_GUEST},
		{td.tdr, TDXC_WHOSE_TDR},
		{td.tdr + PAGE, TDXC_WHOSE_TDCX},
		{td.tdvpr[0], TDXC_WHOSE_TDVPR},
		{td.tdvpr[0] + PAGE, TDXC_WHOSE_TDCX},
		{sept_page, TDXC_WHOSE_SEPT},
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		ck_assert_int_eq(whose(pages[i].page), pages[i].whose);
		ck_assert(tdxc_whose_is_private(pages[i].whose));
		ck_assert_uint_eq(owner_of(pages[i].page).tdr, td.tdr);
		ck_assert_uint_eq(owner_of(pages[i].page).status, 0);
		ck_assert_uint_eq(asked(), 3 * (i + 1));
	}
}
END_TEST

START_TEST(a_page_that_a_td_had_is_ordinary_and_its_former_owner_known)
{
	ck_assert_uint_eq(SIM_CALL(&rig.f, 0, 29, GPA, td.tdr), 0);
	ck_assert_int_eq(whose(page_4k), TDXC_WHOSE_NOT_TDX);
	ck_assert_uint_eq(owner_of(page_4k).tdr, td.tdr);
	ck_assert_int_eq(whose(range), TDXC_WHOSE_NOT_TDX);
	ck_assert_uint_eq(owner_of(range).tdr, 0);
	ck_assert(!tdxc_whose_is_private(TDXC_WHOSE_NOT_TDX));
}
END_TEST

START_TEST(idea_39_a_page_of_a_pamt_region_is_named_without_a_call)
{
	struct tdxc_range r = rig.pamts[0];

	ck_assert_int_eq(whose(r.start), TDXC_WHOSE_STATIC_PAMT);
	ck_assert_int_eq(whose(r.end - PAGE), TDXC_WHOSE_STATIC_PAMT);
	ck_assert_uint_eq(asked(), 0);
	ck_assert_int_eq(whose(r.end), TDXC_WHOSE_NOT_TDX);
	ck_assert_uint_eq(asked(), 1);
}
END_TEST

START_TEST(a_reserved_area_is_ordinary_memory_unless_a_pamt_lies_there)
{
	struct tdxc_range pamts[1] = {{rig.f.end - PAGE, rig.f.end}};

	ck_assert_int_eq(whose(rig.f.end - PAGE), TDXC_WHOSE_RESERVED);
	ck_assert(!tdxc_whose_is_private(TDXC_WHOSE_RESERVED));
	rig.config.pamts = pamts;
	ck_assert_int_eq(tdxc_pamt_init(pamt, &rig.config), TDXC_OK);
	ck_assert_int_eq(whose(rig.f.end - PAGE), TDXC_WHOSE_STATIC_PAMT);
	ck_assert_int_eq(whose(rig.f.end - 2 * PAGE), TDXC_WHOSE_RESERVED);
}
END_TEST

START_TEST(outside_the_initialised_tdmrs_memory_is_ordinary)
{
	uint64_t bytes;

	ck_assert_int_eq(whose(LOW_RAM), TDXC_WHOSE_NOT_TDX);
	ck_assert_int_eq(whose(0), TDXC_WHOSE_NOT_TDX);
	/* as if another GiB was configured, and not initialised so far */
	rig.tdmrs[0].end += GIB;
	bytes = tdxc_pamt_bytes(&rig.config);
	free(rig.memory);
	rig.memory = malloc(bytes);
	rig.config.memory = rig.memory;
	rig.config.memory_bytes = bytes;
	ck_assert_int_eq(tdxc_pamt_init(pamt, &rig.config), TDXC_OK);
	ck_assert_int_eq(whose(rig.f.end + GIB / 2), TDXC_WHOSE_UNINITIALIZED);
	ck_assert(!tdxc_whose_is_private(TDXC_WHOSE_UNINITIALIZED));
}
END_TEST

/* --- what only the record knows ------------------------------------------ */

static void expect_pair(const uint64_t pair[2], uint64_t of)
{
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(whose(pair[i]), TDXC_WHOSE_DYNAMIC_PAMT);
		ck_assert_uint_eq(owner_of(pair[i]).pair_of, of);
	}
}

static void expect_ordinary(const uint64_t pair[2])
{
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(whose(pair[i]), TDXC_WHOSE_NOT_TDX);
		ck_assert_uint_eq(owner_of(pair[i]).pair_of, 0);
	}
}

static int get(void)
{
	return tdxc_pamt_get(pamt, range, USE_4K, &own.cache, &diag);
}

static int put(struct tdxc_pamt_cache *cache)
{
	return tdxc_pamt_put(pamt, range, USE_4K, cache, &diag);
}

START_TEST(idea_39_a_page_of_a_dynamic_pair_is_named)
{
	const uint64_t pair[2] = {own.pages[6], own.pages[7]};

	expect_ordinary(pair);
	ck_assert_int_eq(get(), TDXC_OK);
	expect_pair(pair, range);
	ck_assert_int_eq(whose(own.pages[5]), TDXC_WHOSE_NOT_TDX);
	ck_assert_int_eq(put(&own.cache), TDXC_OK);
	expect_ordinary(pair);
}
END_TEST

START_TEST(retained_and_quarantined_pairs_are_named)
{
	struct tdxc_sim_fault_rule rule = {.leaf = TDXC_PHYMEM_PAMT_REMOVE,
					   .action = TDXC_SIM_FAULT_STATUS,
					   .nth = 1,
					   .value = 0xC000030500000001ull};
	const uint64_t pair[2] = {own.pages[6], own.pages[7]};

	ck_assert_int_eq(get(), TDXC_OK);
	ck_assert_int_eq(put(NULL), TDXC_OK);
	expect_pair(pair, range);
	ck_assert_int_eq(get(), TDXC_OK);
	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(put(&own.cache), TDXC_E_IO);
	expect_pair(pair, range);
}
END_TEST

static uint64_t nr_interrupted;
static uint64_t interrupted_pair[2];

/* A machine check while this CPU is inside PAMT.ADD or PAMT.REMOVE. */
static uint64_t interrupted_call(void *ctx, uint64_t rax,
				 struct tdxc_seamcall_regs *regs,
				 enum tdxc_seamcall_shape shape)
{
	uint64_t status;

	if (rax != RDMD) {
		expect_pair(interrupted_pair, range);
		nr_interrupted++;
	}
	status = tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);
	if (rax != RDMD)
		expect_pair(interrupted_pair, range);
	return status;
}

START_TEST(idea_39_a_pair_is_named_in_the_middle_of_add_and_remove)
{
	static const struct tdxc_seamcall_ops ops = {TDXC_ABI,
						     interrupted_call};

	rig.seamcall.ops = &ops;
	nr_interrupted = 0;
	memcpy(interrupted_pair, &own.pages[6], sizeof(interrupted_pair));
	ck_assert_int_eq(get(), TDXC_OK);
	ck_assert_int_eq(put(&own.cache), TDXC_OK);
	ck_assert_uint_eq(nr_interrupted, 2);
	expect_ordinary(interrupted_pair);
}
END_TEST

START_TEST(pages_handed_to_demote_are_named_before_it_is_called)
{
	const uint64_t pair[2] = {own.pages[0], own.pages[1]};

	ck_assert_int_eq(tdxc_pamt_get(pamt, range, USE_2M, NULL, &diag),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_pamt_demote_begin(pamt, range, pair), TDXC_OK);
	expect_pair(pair, range);
	ck_assert_int_eq(tdxc_pamt_demote_end(pamt, range, false), TDXC_OK);
	expect_ordinary(pair);
}
END_TEST

/* --- no answer ----------------------------------------------------------- */

/* Without a module the record is all there is. */
static void expect_what_is_known(uint64_t status)
{
	const uint64_t pair[2] = {own.pages[6], own.pages[7]};

	ck_assert_int_eq(whose(td.tdr), TDXC_WHOSE_UNKNOWN);
	ck_assert_uint_eq(owner_of(td.tdr).status, status);
	ck_assert(!tdxc_whose_is_private(TDXC_WHOSE_UNKNOWN));
	ck_assert_int_eq(whose(LOW_RAM), TDXC_WHOSE_NOT_TDX);
	ck_assert_int_eq(whose(rig.pamts[0].start), TDXC_WHOSE_STATIC_PAMT);
	ck_assert_int_eq(whose(range + PAMT_RIG_2M + PAGE), TDXC_WHOSE_GUEST);
	ck_assert_int_eq(whose(range + PAGE), TDXC_WHOSE_UNKNOWN);
	expect_pair(pair, range);
}

START_TEST(without_a_module_the_record_answers_or_nobody)
{
	ck_assert_int_eq(get(), TDXC_OK);
	ck_assert_int_eq(
		tdxc_pamt_get(pamt, range + PAMT_RIG_2M, USE_2M, NULL, &diag),
		TDXC_OK);
	rig.port.module_absent = true;
	expect_what_is_known(TDXC_STATUS_VMFAILINVALID);
	rig.port.module_absent = false;
	rig.port.vmx_off[0] = true;
	expect_what_is_known(TDXC_STATUS_UD);
}
END_TEST

static const uint64_t no_answers[] = {
	BUSY_RCX,
	0x8000020200000000ull, /* SYS_BUSY */
	0x8000020300000000ull, /* RND_NO_ENTROPY */
	0x8000000300000000ull, /* INTERRUPTED_RESUMABLE */
	0xC000050000000000ull,
};

START_TEST(the_module_is_asked_once_whatever_it_answers)
{
	struct tdxc_sim_fault_rule rule = {.leaf = RDMD,
					   .action = TDXC_SIM_FAULT_STATUS,
					   .per_million = 1000000,
					   .value = no_answers[_i]};

	pamt_rig_faults(&rig, &rule, 1, 1);
	ck_assert_int_eq(whose(page_4k), TDXC_WHOSE_UNKNOWN);
	ck_assert_uint_eq(asked(), 1);
	ck_assert_uint_eq(owner_of(page_4k).status, no_answers[_i]);
	ck_assert_uint_eq(owner_of(page_4k).tdr, 0);
}
END_TEST

static uint64_t strange_type;

static uint64_t strange_call(void *ctx, uint64_t rax,
			     struct tdxc_seamcall_regs *regs,
			     enum tdxc_seamcall_shape shape)
{
	uint64_t status =
		tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);

	regs->rcx = strange_type;
	return status;
}

START_TEST(a_page_type_without_a_name_is_private_all_the_same)
{
	static const struct tdxc_seamcall_ops ops = {TDXC_ABI, strange_call};
	static const uint64_t types[] = {2, 7, 9, 15, 255, UINT64_MAX};

	rig.seamcall.ops = &ops;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		strange_type = types[i];
		ck_assert_int_eq(whose(range), TDXC_WHOSE_OTHER);
	}
	ck_assert(tdxc_whose_is_private(TDXC_WHOSE_OTHER));
}
END_TEST

static Suite *whose_suite(void)
{
	Suite *s = suite_create("pamt_whose");
	TCase *fixed = tcase_create("static");
	TCase *tc = tcase_create("dynamic");

	tcase_add_checked_fixture(fixed, up_static, down);
	tcase_add_test(fixed, idea_39_pages_of_a_td_are_named_with_their_owner);
	tcase_add_test(
		fixed,
		a_page_that_a_td_had_is_ordinary_and_its_former_owner_known);
	tcase_add_test(fixed,
		       idea_39_a_page_of_a_pamt_region_is_named_without_a_call);
	tcase_add_test(
		fixed,
		a_reserved_area_is_ordinary_memory_unless_a_pamt_lies_there);
	tcase_add_test(fixed, outside_the_initialised_tdmrs_memory_is_ordinary);
	suite_add_tcase(s, fixed);
	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, idea_39_pages_of_a_td_are_named_with_their_owner);
	tcase_add_test(
		tc,
		a_page_that_a_td_had_is_ordinary_and_its_former_owner_known);
	tcase_add_test(tc, outside_the_initialised_tdmrs_memory_is_ordinary);
	tcase_add_test(tc, idea_39_a_page_of_a_dynamic_pair_is_named);
	tcase_add_test(tc, retained_and_quarantined_pairs_are_named);
	tcase_add_test(tc,
		       idea_39_a_pair_is_named_in_the_middle_of_add_and_remove);
	tcase_add_test(tc,
		       pages_handed_to_demote_are_named_before_it_is_called);
	tcase_add_test(tc, without_a_module_the_record_answers_or_nobody);
	tcase_add_loop_test(tc, the_module_is_asked_once_whatever_it_answers, 0,
			    sizeof(no_answers) / sizeof(no_answers[0]));
	tcase_add_test(tc, a_page_type_without_a_name_is_private_all_the_same);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(whose_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
