/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The auditor: silent on what the module does, loud on anything else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "module.h"
#include "sim/sim_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GPA_4K	 0x40000000ull
#define GPA_2M	 0x80000000ull

/* TD a runs a vCPU on LP 1 and has pages of both sizes, one blocked; TD b is
 * still being built; both have a spare vCPU. */
static struct sim_fixture f;
static struct tdxc_sim_module *m;
static struct sim_td a;
static struct sim_td b;
static uint64_t page_4k;
static uint64_t page_2m;
static uint64_t page_blocked;

static const struct sim_shape plain = {
	.nr_lps = 4,
	.nr_packages = 2,
	.nr_tdmrs = 2,
	.gib = 1,
	.reserved = true,
};

static const struct sim_shape dynamic = {
	.nr_lps = 4,
	.nr_packages = 2,
	.nr_tdmrs = 2,
	.gib = 1,
	.profile = TDXC_SIM_PROFILE_NEWER,
	.dynamic_pamt = true,
	.reserved = true,
};

static void build(const struct sim_shape *shape)
{
	uint64_t pa;

	ck_assert_uint_eq(sim_up(&f, shape), 0);
	m = &f.machine.module;
	ck_assert_uint_eq(sim_td_build(&f, &a, 40, 2), 0);
	ck_assert_uint_eq(sim_td_build(&f, &b, 41, 2), 0);
	ck_assert_uint_eq(sim_td_aug(&f, &a, GPA_4K, 0, &page_4k), 0);
	ck_assert_uint_eq(sim_td_aug(&f, &a, GPA_4K + 4096, 0, &page_blocked),
			  0);
	ck_assert_uint_eq(sim_td_aug(&f, &a, GPA_2M, 1, &page_2m), 0);
	ck_assert_uint_eq(sim_td_aug(&f, &b, GPA_4K, 0, &pa), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &a), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 7, GPA_4K + 4096, a.tdr), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 1, 0, a.tdvpr[0]), 0);
	ck_assert(m->lps[1].in_guest);
}

static void expect_clean(void)
{
	struct tdxc_sim_violation v;
	int err = tdxc_sim_audit(&f.machine, &v);

	ck_assert_msg(err == 0, "%s", v.text);
	ck_assert_ptr_null(v.what);
}

/* --- corruption ---------------------------------------------------------- */

static struct tdxc_sim_pamt_entry *entry(uint64_t pa, uint8_t size)
{
	return tdxc_sim_pamt_entry(m, pa, size);
}

static struct tdxc_sim_tdr *tdr_of(const struct sim_td *td)
{
	return tdxc_sim_tdr_page(m, td->tdr);
}

static struct tdxc_sim_tdcs *tdcs_of(const struct sim_td *td)
{
	return tdxc_sim_tdcs_page(m, tdr_of(td));
}

static struct tdxc_sim_vcpu *vcpu_of(const struct sim_td *td, uint32_t i)
{
	return tdxc_sim_page_for_write(m, td->tdvpr[i], td->keyid);
}

/* Where a walk to `level` ends. */
static uint64_t *sept(const struct sim_td *td, uint64_t gpa, uint8_t level)
{
	struct tdxc_sim_td t = {td->tdr, tdr_of(td), tdcs_of(td), td->keyid};
	struct tdxc_sim_sept at;

	(void)tdxc_sim_sept_walk(m, &t, gpa, level, &at);
	return at.entry;
}

static void inside(void)
{
	m->inside = 1;
}

static void global_lock(void)
{
	m->lock = 4;
}

static void kot_lock(void)
{
	m->kot_lock = 1;
}

static void key_lock(void)
{
	m->key_lock = 1;
}

static void seamldr_lock(void)
{
	m->seamldr.lock = 1;
}

static void one_build_more(void)
{
	m->builds++;
}

static void tdmr_lock(void)
{
	m->tdmrs[1].lock = 1;
}

static void wb_lock(void)
{
	m->cache_wb[1].lock = 1;
}

static void module_state(void)
{
	m->state = 9;
}

static void pamt_lock(void)
{
	entry(f.next + 4096, 0)->word |= 4;
}

static void pamt_lock_1g(void)
{
	entry(f.base, 2)->word += 4; /* one more than the running vCPU's */
}

static void type_unknown(void)
{
	tdxc_sim_pamt_set(entry(f.next + 4096, 0), (enum tdxc_sim_page_type)9,
			  0);
}

static void tdr_of_2m(void)
{
	tdxc_sim_pamt_set(entry(f.end - TDXC_SIZE_1G, 1), PT_TDR, 0);
}

static void reserved_freed(void)
{
	tdxc_sim_pamt_set(entry(f.end - 4096, 0), PT_NDA, 0);
}

static void reserved_invented(void)
{
	tdxc_sim_pamt_set(entry(f.next + 4096, 0), PT_RSVD, 0);
}

static void small_below_2m(void)
{
	tdxc_sim_pamt_set(entry(page_2m + 4096, 0), PT_REG, a.tdr);
}

static void middle_below_1g(void)
{
	uint64_t pa = f.base + TDXC_SIZE_1G;

	tdxc_sim_pamt_set(entry(pa, 2), PT_REG, a.tdr);
	tdxc_sim_pamt_set(entry(pa, 1), PT_REG, a.tdr);
}

static void children(void)
{
	tdr_of(&a)->chldcnt++;
}

static void lost_page(void)
{
	tdxc_sim_pamt_set(entry(f.next + 4096, 0), PT_REG, a.tdr);
	tdr_of(&a)->chldcnt++;
}

static void orphan(void)
{
	tdxc_sim_pamt_set(entry(f.next + 4096, 0), PT_REG, f.next + 8192);
}

static void owned_tdr(void)
{
	tdxc_sim_pamt_set(entry(a.tdr, 0), PT_TDR, b.tdr);
}

static void lifecycle(void)
{
	tdr_of(&b)->lifecycle = 7;
}

static void lifecycle_ahead(void)
{
	tdr_of(&b)->lifecycle = LC_BLOCKED;
}

static void packages_missing(void)
{
	tdr_of(&b)->packages = 1;
}

static void keyid_changed(void)
{
	tdr_of(&b)->keyid = a.keyid;
}

static void keyid_shared(void)
{
	struct tdxc_sim_tdr *tdr = tdr_of(&b);

	tdr->keyid = a.keyid;
	for (uint64_t i = 0; i < tdr->nr_tdcx; i++)
		tdr->tdcx[i] = tdxc_sim_keyed(
			m, tdr->tdcx[i] & ~tdxc_sim_hkid_mask(m), a.keyid);
}

static void keyid_not_private(void)
{
	tdr_of(&b)->keyid = 5;
}

static void keyid_leaked(void)
{
	m->kot[50].state = TDXC_SIM_KEYID_ASSIGNED;
}

static void keyid_of_the_shared(void)
{
	m->kot[3].state = TDXC_SIM_KEYID_RESERVED;
}

static void keyid_to_flush(void)
{
	m->kot[50].to_flush = 1;
}

static void keyid_global(void)
{
	m->kot[SIM_GLOBAL_KEYID].state = TDXC_SIM_KEYID_FREE;
}

static void tdcx_many(void)
{
	tdr_of(&b)->nr_tdcx = 10;
}

static void tdcx_keyid(void)
{
	tdr_of(&b)->tdcx[1] =
		tdxc_sim_keyed(m, tdr_of(&b)->tdcx[1], 1) ^ 1ull << 50;
}

static void tdcx_foreign(void)
{
	tdr_of(&b)->tdcx[1] = tdxc_sim_keyed(m, page_4k, b.keyid);
}

static void tdcx_twice(void)
{
	tdr_of(&b)->tdcx[1] = tdr_of(&b)->tdcx[2];
}

static void op_state(void)
{
	tdcs_of(&b)->op_state = 99;
}

static void op_lock(void)
{
	tdcs_of(&b)->op_lock = 4;
}

static void tree_lock(void)
{
	tdcs_of(&b)->tree_lock = 1;
}

static void epoch_lock(void)
{
	tdcs_of(&b)->epoch_lock = 1;
}

static void eptp(void)
{
	tdcs_of(&b)->eptp += 4096;
}

static void sept_locked(void)
{
	*sept(&a, GPA_4K, 0) |= SEPT_LOCKED;
}

static void sept_dirty_free(void)
{
	*sept(&a, GPA_4K + 2 * 4096, 0) |= 8;
}

static void sept_state(void)
{
	*sept(&a, GPA_4K, 0) |= 1ull << 53;
}

static void sept_permission(void)
{
	*sept(&a, GPA_4K, 0) ^= 1;
}

static void sept_twice(void)
{
	*sept(&a, GPA_4K + 2 * 4096, 0) = *sept(&a, GPA_4K, 0);
}

static void sept_foreign(void)
{
	*sept(&a, GPA_4K, 0) = *sept(&b, GPA_4K, 0);
}

static void sept_size(void)
{
	*sept(&a, GPA_4K, 0) = tdxc_sim_sept_make(SS_PENDING, page_2m);
}

static void sept_large(void)
{
	*sept(&a, 1ull << 39, 3) = tdxc_sim_sept_make(SS_MAPPED, 1ull << 39);
}

static void sept_table_at_0(void)
{
	*sept(&a, GPA_4K, 0) = tdxc_sim_sept_make(SS_NL_MAPPED, page_4k);
}

static void sept_table_foreign(void)
{
	*sept(&a, GPA_4K + TDXC_SIZE_2M, 1) =
		tdxc_sim_sept_make(SS_NL_MAPPED, page_4k);
}

static void sept_table_twice(void)
{
	*sept(&a, GPA_4K + TDXC_SIZE_2M, 1) = *sept(&a, GPA_4K, 1);
}

static void future_block(void)
{
	entry(page_blocked, 0)->bepoch = 1000;
}

static void vcpu_pages(void)
{
	vcpu_of(&a, 1)->nr_pages = 99;
}

static void vcpu_foreign(void)
{
	vcpu_of(&a, 1)->pages[3] = page_4k;
}

static void vcpu_state(void)
{
	vcpu_of(&a, 1)->state = 3;
}

static void vcpu_ready_but_runs(void)
{
	vcpu_of(&a, 0)->state = VS_READY;
}

static void vcpu_active_but_rests(void)
{
	vcpu_of(&a, 1)->state = VS_ACTIVE;
}

static void vcpu_elsewhere(void)
{
	vcpu_of(&a, 0)->lp = 1;
}

static void vcpu_beyond(void)
{
	vcpu_of(&b, 1)->lp = 77;
}

static void vcpu_index(void)
{
	vcpu_of(&a, 1)->index = 0;
}

static void vcpu_epoch(void)
{
	vcpu_of(&a, 0)->epoch = 55;
}

static void vcpu_count(void)
{
	tdcs_of(&a)->nr_vcpus = 3;
}

static void vcpu_association(void)
{
	tdcs_of(&a)->nr_assoc_vcpus = 2;
}

static void epoch_count(void)
{
	tdcs_of(&a)->epoch += 1ull << 32;
}

static void lp_nowhere(void)
{
	m->lps[2] = m->lps[1];
	m->lps[2].tdvpr = page_4k;
	memset(m->lps[2].held, 0, sizeof(m->lps[2].held));
}

static void lp_twice(void)
{
	m->lps[2] = m->lps[1];
	memset(m->lps[2].held, 0, sizeof(m->lps[2].held));
}

static void lp_forgot(void)
{
	m->lps[1].in_guest = false;
}

static const struct {
	void (*corrupt)(void);
	const char *what;
} cases[] = {
	{inside, "calls still inside the module"},
	{global_lock, "global lock held"},
	{kot_lock, "KeyID table lock held"},
	{key_lock, "key engine lock held"},
	{seamldr_lock, "P-SEAMLDR lock held"},
	{one_build_more, "TDs being built counted wrongly"},
	{tdmr_lock, "TDMR lock held"},
	{wb_lock, "cache write-back lock held"},
	{module_state, "module state unknown"},
	{pamt_lock, "PAMT entry locked"},
	{pamt_lock_1g, "PAMT entry locked"},
	{type_unknown, "page type illegal at its size"},
	{tdr_of_2m, "page type illegal at its size"},
	{reserved_freed, "reserved page not so marked, or one that is none"},
	{reserved_invented, "reserved page not so marked, or one that is none"},
	{small_below_2m, "4K page in use below a large page"},
	{middle_below_1g, "2M page in use below a large page"},
	{children, "child count is not what the TD owns"},
	{lost_page, "page its TD does not refer to"},
	{orphan, "page of a TD that does not exist"},
	{owned_tdr, "TDR with an owner"},
	{lifecycle, "TD lifecycle unknown"},
	{lifecycle_ahead, "KeyID state does not fit the TD's lifecycle"},
	{packages_missing, "configured packages do not fit the lifecycle"},
	{keyid_changed, "TDCX page under another KeyID"},
	{keyid_shared, "two TDs share a KeyID"},
	{keyid_not_private, "KeyID of a TD not private"},
	{keyid_leaked, "KeyID taken by no TD"},
	{keyid_of_the_shared, "shared KeyID in the table"},
	{keyid_to_flush, "packages to flush for a KeyID wrong"},
	{keyid_global, "global KeyID not reserved"},
	{tdcx_many, "TDCX count too large"},
	{tdcx_keyid, "TDCX page under another KeyID"},
	{tdcx_foreign, "TDCX page of a TD is none"},
	{tdcx_twice, "page referred to twice"},
	{op_state, "op-state unknown"},
	{op_lock, "op-state lock held"},
	{tree_lock, "S-EPT tree lock held"},
	{epoch_lock, "epoch lock held"},
	{eptp, "EPT pointer of a TD wrong"},
	{sept_locked, "S-EPT entry locked"},
	{sept_dirty_free, "free S-EPT entry not empty"},
	{sept_state, "S-EPT entry in no legal state"},
	{sept_permission, "S-EPT entry in no legal state"},
	{sept_twice, "page referred to twice"},
	{sept_foreign,
	 "S-EPT leaf to a page that is not the TD's, of that size"},
	{sept_size, "S-EPT leaf to a page that is not the TD's, of that size"},
	{sept_large, "S-EPT leaf above 1G"},
	{sept_table_at_0, "S-EPT table below the last level"},
	{sept_table_foreign, "S-EPT table that is not the TD's"},
	{sept_table_twice, "page referred to twice"},
	{future_block, "page blocked in an epoch yet to come"},
	{vcpu_pages, "pages of a vCPU wrong"},
	{vcpu_foreign, "page of a vCPU is none"},
	{vcpu_state, "vCPU state unknown"},
	{vcpu_ready_but_runs, "vCPU runs but is not active"},
	{vcpu_active_but_rests, "vCPU active but runs nowhere"},
	{vcpu_elsewhere, "vCPU runs where it is not associated"},
	{vcpu_beyond, "vCPU association impossible"},
	{vcpu_index, "vCPU index taken or too large"},
	{vcpu_epoch, "vCPU runs in an epoch long past"},
	{vcpu_count, "count of vCPUs wrong"},
	{vcpu_association, "count of associated vCPUs wrong"},
	{epoch_count, "epoch counts are not those of running vCPUs"},
	{lp_nowhere, "LP in a guest that is none"},
	{lp_twice, "vCPU runs on two LPs"},
	{lp_forgot, "PAMT entry locked"},
};

START_TEST(each_kind_of_corruption_is_named)
{
	struct tdxc_sim_violation v;

	build(&plain);
	expect_clean();
	cases[_i].corrupt();
	ck_assert_int_eq(tdxc_sim_audit(&f.machine, &v), -1);
	ck_assert_str_eq(v.what, cases[_i].what);
	ck_assert_ptr_nonnull(strstr(v.text, v.what));
	sim_down(&f);
}
END_TEST

/* --- Dynamic PAMT -------------------------------------------------------- */

static void pair_count(void)
{
	entry(page_4k, 1)->bepoch++;
}

static void pair_page(void)
{
	entry(page_4k, 1)->bepoch += 2ull << 28;
}

static void pair_lock(void)
{
	entry(f.end - TDXC_SIZE_1G, 1)->word |= 4;
}

static void pair_entry(void)
{
	tdxc_sim_pamt_set(entry(page_4k, 0), PT_TDVPR, a.tdr);
}

static const struct {
	void (*corrupt)(void);
	const char *what;
} dynamic_cases[] = {
	{pair_count, "use count of a pair is not that of its entries"},
	{pair_page, "page of a pair not marked in the bitmap"},
	{pair_lock, "PAMT entry locked"},
	{pair_entry, "pages of a vCPU wrong"},
};

START_TEST(so_is_that_of_dynamic_pamt)
{
	struct tdxc_sim_violation v;

	build(&dynamic);
	expect_clean();
	dynamic_cases[_i].corrupt();
	ck_assert_int_eq(tdxc_sim_audit(&f.machine, &v), -1);
	ck_assert_str_eq(v.what, dynamic_cases[_i].what);
	sim_down(&f);
}
END_TEST

/* --- what is right ------------------------------------------------------- */

START_TEST(a_module_not_yet_ready_has_nothing_to_hide)
{
	build(&plain);
	ck_assert_int_eq(
		tdxc_sim_machine_reset(&f.machine, &f.machine.platform), 0);
	expect_clean();
	sim_down(&f);
}
END_TEST

START_TEST(a_td_is_clean_at_every_step_of_its_end)
{
	struct tdxc_sim_regs regs;

	build(_i == 0 ? &plain : &dynamic);
	tdxc_sim_interrupt_exit(m, 1, &regs);
	expect_clean();
	ck_assert_uint_eq(SIM_CALL(&f, 1, 18, a.tdvpr[0]), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 19, a.tdr), 0);
	expect_clean();
	ck_assert_uint_eq(SIM_CALL(&f, 0, 40), 0);
	expect_clean();
	ck_assert_uint_eq(SIM_CALL(&f, 2, 40), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 20, a.tdr), 0);
	expect_clean();
	ck_assert_uint_eq(SIM_CALL(&f, 0, 28, page_4k), 0);
	expect_clean();
	ck_assert_uint_eq(sim_td_destroy(&f, &b), 0);
	expect_clean();
	sim_down(&f);
}
END_TEST

/* DEMOTE or PROMOTE of TD b's 2M page, with pages for a pair. */
static uint64_t resize(uint64_t leaf, uint64_t table, uint64_t pair[2])
{
	struct tdxc_sim_regs regs = {{leaf, GPA_2M | 1, b.tdr}};
	uint64_t status;

	regs.gpr[TDXC_SIM_R8] = table;
	regs.gpr[TDXC_SIM_R12] = pair[0];
	regs.gpr[TDXC_SIM_R13] = pair[1];
	(void)tdxc_sim_seamcall(m, 0, &regs);
	status = regs.gpr[TDXC_SIM_RAX];
	pair[0] = regs.gpr[TDXC_SIM_R12];
	pair[1] = regs.gpr[TDXC_SIM_R13];
	expect_clean();
	return status;
}

START_TEST(a_pair_comes_and_goes_with_the_pages_it_describes)
{
	static const struct {
		uint64_t r12;
		uint64_t r13;
		uint64_t status;
	} bad[] = {
		{8, 0x100000000, 0xC00001000000000C},
		{0x100000000, 8, 0xC00001000000000D},
		{0x1000, 0x100000000, 0xC00001010000000C},
		{0x100000000, 0x100000000, 0xC00003030000000C},
	};
	uint64_t pages[2];
	uint64_t pair[2];
	uint64_t table;
	uint64_t pa;

	build(&dynamic);
	ck_assert_uint_eq(sim_td_aug(&f, &b, GPA_2M, 1, &pa), 0);
	table = sim_page(&f, 4096);
	for (size_t i = 0; i < COUNT(bad); i++) {
		pair[0] = bad[i].r12;
		pair[1] = bad[i].r13;
		ck_assert_uint_eq(resize(15, table, pair), bad[i].status);
	}
	pages[0] = sim_page(&f, 4096);
	pages[1] = sim_page(&f, 4096);
	pair[0] = pages[0];
	pair[1] = pages[0];
	ck_assert_uint_eq(resize(15, table, pair), 0xC00003030000000D);
	pair[1] = pages[1];
	entry(pa, 1)->word |= 4; /* someone else's shared lock */
	{
		struct tdxc_sim_regs regs = {{15, GPA_2M | 1, b.tdr}};

		regs.gpr[TDXC_SIM_R8] = table;
		regs.gpr[TDXC_SIM_R12] = pages[0];
		regs.gpr[TDXC_SIM_R13] = pages[1];
		(void)tdxc_sim_seamcall(m, 0, &regs);
		ck_assert_uint_eq(regs.gpr[TDXC_SIM_RAX], 0x8000020000000001);
	}
	entry(pa, 1)->word &= ~4ull;
	ck_assert_uint_eq(resize(15, table, pair), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 59, pa | 1), 0xC000030600000000);
	pair[0] = 0;
	pair[1] = 0;
	ck_assert_uint_eq(resize(23, 0, pair), 0);
	ck_assert_uint_eq(pair[0], pages[0]);
	ck_assert_uint_eq(pair[1], pages[1]);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 59, pa | 1), 0xC000030500000001);
	sim_down(&f);
}
END_TEST

START_TEST(a_failed_attempt_may_leave_its_priority_bit)
{
	build(&plain);
	m->lock = 2;
	entry(page_4k, 0)->word |= 2;
	*sept(&a, GPA_4K, 0) |= SEPT_HP;
	expect_clean();
	sim_down(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_audit");
	TCase *wrong = tcase_create("wrong");
	TCase *right = tcase_create("right");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(wrong, each_kind_of_corruption_is_named, 0,
			    COUNT(cases));
	tcase_add_loop_test(wrong, so_is_that_of_dynamic_pamt, 0,
			    COUNT(dynamic_cases));
	tcase_add_test(right, a_module_not_yet_ready_has_nothing_to_hide);
	tcase_add_loop_test(right, a_td_is_clean_at_every_step_of_its_end, 0,
			    2);
	tcase_add_test(right,
		       a_pair_comes_and_goes_with_the_pages_it_describes);
	tcase_add_test(right, a_failed_attempt_may_leave_its_priority_bit);
	suite_add_tcase(suite, wrong);
	suite_add_tcase(suite, right);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
