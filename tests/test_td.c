/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A TD's life on the software TDX platform: built, measured, run, and taken
 * down from every step, with static and with Dynamic PAMT.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sha384.h"
#include "td/td_rig.h"

#define COUNT(a)	     (sizeof(a) / sizeof((a)[0]))
#define VCPUS		     TD_RIG_VCPUS
#define PAGE		     TD_RIG_PAGE

#define ID_MRTD		     0x1310000300000000ull
#define BUSY_RCX	     0x8000020000000001ull
#define NO_HKID_READY	     0x0000082100000000ull
#define INTERRUPTED	     0x8000000300000000ull
#define FLUSHVP_NOT_DONE     0x8000082400000000ull
#define WBCACHE_NOT_COMPLETE 0x8000081700000000ull
#define WBCACHE_RESUME_ERROR 0xC000082300000000ull
#define VCPU_NOT_ASSOCIATED  0x8000070200000000ull
#define METADATA_RCX	     0xC000030000000001ull

static struct td_rig *rig;

static const struct td_rig_shape shapes[] = {
	{.dynamic_pamt = false},
	{.dynamic_pamt = true},
};

static void up_as(const struct td_rig_shape *shape)
{
	rig = malloc(sizeof(*rig));
	ck_assert_ptr_nonnull(rig);
	td_rig_up(rig, shape);
}

static void down(void)
{
	td_rig_down(rig);
	free(rig);
}

static void expect_good(void)
{
	const char *wrong = td_rig_check(rig);

	ck_assert_msg(wrong == NULL, "%s", wrong ? wrong : "");
}

/* Nothing of a TD is left: no page, no KeyID, nothing lost. Without a look at
 * the whole machine. */
static void expect_gone(void)
{
	td_rig_forget(rig);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_GONE);
	ck_assert_uint_eq(rig->allocated, 0);
	ck_assert_uint_eq(rig->host.quarantine.count, 0);
	ck_assert_uint_eq(tdxc_sim_host_kept(&rig->host, rig->owner), 0);
	ck_assert_uint_eq(tdxc_sim_host_count(&rig->host, TDXC_SIM_PAGE_LENT),
			  0);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids), 0);
	ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
}

static void expect_nothing_left(void)
{
	expect_good();
	expect_gone();
}

static void expect_ok(int err)
{
	ck_assert_msg(err == TDXC_OK, "%s: %s %s %#llx", tdxc_err_name(err),
		      tdxc_td_step_name((enum tdxc_td_step)rig->td.step),
		      tdxc_leaf_name(rig->diag.rax),
		      (unsigned long long)rig->diag.status);
}

/* --- life ----------------------------------------------------------------- */

static void hash_of_image(unsigned char out[48])
{
	uint64_t state[TDXC_SIM_SHA384_STATE / 8];
	unsigned char block[128];
	unsigned char page[PAGE];

	tdxc_sim_sha384_init(state);
	for (uint64_t i = 0; i < TD_RIG_IMAGE; i++) {
		uint64_t gpa = (TD_RIG_GFN + i) * PAGE;

		memset(block, 0, sizeof(block));
		memcpy(block, "MEM.PAGE.ADD", 12);
		memcpy(block + 16, &gpa, sizeof(gpa));
		tdxc_sim_sha384_update(state, block, sizeof(block));
	}
	for (uint64_t at = 0; at < TD_RIG_IMAGE * PAGE; at += 256) {
		uint64_t gpa = TD_RIG_GFN * PAGE + at;

		(void)tdxc_sim_machine_load(&rig->host.machine, rig->cpu,
					    rig->source[at / PAGE], page,
					    sizeof(page));
		memset(block, 0, sizeof(block));
		memcpy(block, "MR.EXTEND", 9);
		memcpy(block + 16, &gpa, sizeof(gpa));
		tdxc_sim_sha384_update(state, block, sizeof(block));
		tdxc_sim_sha384_update(state, page + at % PAGE, 256);
	}
	tdxc_sim_sha384_final(state, out);
}

static void read_mrtd(unsigned char out[48])
{
	for (uint64_t i = 0; i < 6; i++) {
		struct tdxc_seamcall_regs regs = {.rcx = rig->td.tdr,
						  .rdx = ID_MRTD + i};
		uint64_t status = rig->host.seamcall.ops->call(
			rig->host.seamcall.ctx, TDXC_MNG_RD, &regs,
			TDXC_SEAMCALL_RET);

		ck_assert_uint_eq(status, 0);
		memcpy(out + 8 * i, &regs.r8, 8);
	}
}

START_TEST(whole_life_leaves_nothing_and_measures_the_image)
{
	unsigned char mrtd[48];
	unsigned char hash[48];

	up_as(&shapes[_i]);
	for (int life = 0; life < 3; life++) {
		td_rig_new(rig, VCPUS);
		expect_ok(td_rig_build(rig));
		ck_assert_uint_eq(rig->td.step, TDXC_TD_RUN);
		ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_RUN);
		ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
		ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 1);
		hash_of_image(hash);
		read_mrtd(mrtd);
		ck_assert_mem_eq(mrtd, hash, sizeof(hash));
		for (uint64_t i = 0; i < 5; i++)
			expect_ok(td_rig_map(rig, 0x80000 + i));
		if (life == 0)
			expect_good();
		expect_ok(td_rig_teardown(rig, 0));
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

START_TEST(whole_life_with_caches_leaves_no_line_and_no_poison)
{
	static const struct td_rig_shape lines = {
		.dynamic_pamt = true, .lines = true, .erratum = true};
	struct tdxc_sim_event event;

	up_as(&lines);
	td_rig_new(rig, 2);
	expect_ok(td_rig_build(rig));
	expect_ok(td_rig_map(rig, 0x80000));
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert_uint_ne(rig->rewrites, 0);
	expect_nothing_left();
	ck_assert(!tdxc_sim_machine_event(&rig->host.machine, &event));
	down();
}
END_TEST

/* What a table of life and death says. */
struct from {
	enum tdxc_td_step step;
	uint32_t vcpus; /* made before the end begins, at BUILD */
	uint32_t image; /* and frames */
	enum tdxc_td_step to;
};

static const struct from froms[] = {
	{TDXC_TD_CREATE, 0, 0, TDXC_TD_GONE},
	{TDXC_TD_KEYS, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_SETUP, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_BUILD, 0, 0, TDXC_TD_CLOSE},
	{TDXC_TD_BUILD, 1, 0, TDXC_TD_VCPUS},
	{TDXC_TD_BUILD, 3, 1, TDXC_TD_VCPUS},
	{TDXC_TD_BUILD, 3, 3, TDXC_TD_VCPUS},
	{TDXC_TD_RUN, 3, 3, TDXC_TD_VCPUS},
};

static void build_from(const struct from *from)
{
	td_rig_new(rig, VCPUS);
	if (from->step < TDXC_TD_BUILD) {
		expect_ok(td_rig_build_to(rig, from->step));
		return;
	}
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	while (rig->td.nr_vcpus < from->vcpus)
		expect_ok(td_rig_build_step(rig));
	while (rig->nr_image < from->image)
		expect_ok(td_rig_add_image(rig));
	if (from->step == TDXC_TD_RUN)
		expect_ok(td_rig_build(rig));
}

START_TEST(end_works_from_every_step)
{
	up_as(&shapes[_i]);
	for (size_t i = 0; i < COUNT(froms); i++) {
		build_from(&froms[i]);
		ck_assert_uint_eq(rig->td.step, froms[i].step);
		expect_ok(tdxc_td_end(&rig->td));
		ck_assert_uint_eq(rig->td.step, froms[i].to);
		expect_ok(tdxc_td_end(&rig->td));
		ck_assert_uint_eq(rig->td.step, froms[i].to);
		expect_ok(td_rig_teardown(rig, 0));
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

/* A TD that some exit has killed is torn down like any other. */
START_TEST(end_works_from_every_step_of_a_dead_td)
{
	up_as(&shapes[0]);
	for (size_t i = 1; i < COUNT(froms); i++) {
		build_from(&froms[i]);
		rig->td.fatal = 0xE000060400000000ull;
		expect_ok(td_rig_teardown(rig, 0));
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

/* --- answers that a test replaces ------------------------------------------
 */

/* From the `skip`-th call of a leaf on, `times` answers. */
struct answers {
	uint64_t leaf;
	uint64_t status;
	uint32_t skip;
	uint32_t times;
	uint32_t given;
};

static struct answers answers;

static uint64_t give_answers(struct td_rig *r, bool after, uint64_t status,
			     uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	(void)r;
	(void)regs;
	if (after)
		return status;
	if ((rax & 0xFFFF) != answers.leaf)
		return 0;
	if (answers.skip != 0) {
		answers.skip--;
		return 0;
	}
	if (answers.given == answers.times)
		return 0;
	answers.given++;
	return answers.status;
}

static void answer(uint64_t leaf, uint64_t status, uint32_t skip,
		   uint32_t times)
{
	answers = (struct answers){leaf, status, skip, times, 0};
	rig->look = give_answers;
}

static void answer_nothing(void)
{
	rig->look = NULL;
}

static const struct td_rig_call *call_from_end(uint64_t i)
{
	return &rig->calls[rig->nr_calls - 1 - i];
}

static void up_new(const struct td_rig_shape *shape, uint32_t nr_vcpus)
{
	up_as(shape);
	td_rig_new(rig, nr_vcpus);
}

static void teardown_to(enum tdxc_td_step step)
{
	expect_ok(tdxc_td_end(&rig->td));
	while (rig->td.step < step)
		expect_ok(td_rig_teardown_step(rig));
	ck_assert_uint_eq(rig->td.step, step);
	td_rig_forget_calls(rig);
}

static void finish(void)
{
	answer_nothing();
	expect_ok(td_rig_teardown(rig, 0));
	expect_nothing_left();
	down();
}

/* What is lost is named, with the call that failed; the rest is the host's. */
static void finish_lost(uint64_t pages, uint32_t keyids)
{
	answer_nothing();
	(void)td_rig_teardown(rig, 0);
	expect_good();
	ck_assert_uint_eq(rig->td.step, TDXC_TD_GONE);
	ck_assert_uint_eq(rig->host.quarantine.count, pages);
	ck_assert_uint_eq(rig->allocated, pages);
	ck_assert_uint_eq(tdxc_sim_host_kept(&rig->host, rig->owner), 0);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids), keyids);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	down();
}

/* --- CREATE ----------------------------------------------------------------
 */

static void expect_uncreated(void)
{
	ck_assert_uint_eq(rig->td.step, TDXC_TD_CREATE);
	ck_assert_uint_eq(rig->td.tdr, 0);
	ck_assert_uint_eq(rig->td.keyid, 0);
	ck_assert_uint_eq(rig->allocated, 0);
	ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
}

START_TEST(create_without_page_keyid_or_gate_leaves_nothing)
{
	uint32_t keyids[64];
	uint32_t n = 0;

	up_new(&shapes[1], 1);
	rig->host.fail_pages = 1;
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_NOMEM);
	expect_uncreated();
	tdxc_sim_host_pamt_drain(&rig->host, 0);
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_NOMEM);
	expect_uncreated();
	td_rig_on(rig, 0);
	rig->host.bringup.module.builds = 1ull << 63;
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_BUSY);
	rig->host.bringup.module.builds = 0;
	expect_uncreated();
	while (tdxc_keyids_alloc(&rig->host.keyids, &keyids[n]) == TDXC_OK)
		n++;
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_NOSPC);
	while (n != 0)
		ck_assert_int_eq(
			tdxc_keyids_free(&rig->host.keyids, keyids[--n]),
			TDXC_OK);
	expect_uncreated();
	ck_assert_uint_eq(td_rig_count(rig, TDXC_MNG_CREATE), 0);
	expect_ok(tdxc_td_create(&rig->td, &rig->diag));
	finish();
}
END_TEST

/* PAGE.WBINVD is the proof that the page is the host's. */
START_TEST(a_page_that_create_did_not_take_comes_back)
{
	static const uint64_t refusals[] = {BUSY_RCX, METADATA_RCX,
					    0x8000020300000000ull,
					    0xC000010100000001ull};

	up_new(&shapes[_i % 2], 1);
	for (size_t i = 0; i < COUNT(refusals); i++) {
		td_rig_forget_calls(rig);
		answer(TDXC_MNG_CREATE, refusals[i], 0, 10000);
		ck_assert_int_lt(tdxc_td_create(&rig->td, &rig->diag), 0);
		ck_assert_uint_eq(rig->diag.rax, TDXC_MNG_CREATE);
		ck_assert_uint_eq(rig->diag.status, refusals[i]);
		expect_uncreated();
		ck_assert_uint_eq(td_rig_count(rig, TDXC_PHYMEM_PAGE_WBINVD),
				  1);
	}
	ck_assert_uint_eq(rig->host.quarantine.count, 0);
	finish();
}
END_TEST

static uint64_t lose_create(struct td_rig *r, bool after, uint64_t status,
			    uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	(void)r;
	(void)regs;
	if (after && rax == TDXC_MNG_CREATE && status == 0)
		return METADATA_RCX;
	return after ? status : 0;
}

START_TEST(a_tdr_that_the_module_has_after_all_is_lost_with_its_keyid)
{
	const struct tdxc_sept_lost *lost;

	up_new(&shapes[_i % 2], 1);
	rig->look = lose_create;
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_IO);
	lost = &rig->host.quarantine.lost[0];
	ck_assert_uint_eq(lost->state, 1);
	ck_assert_uint_eq(lost->use, TDXC_SEPT_CONTROL);
	ck_assert_uint_eq(lost->level, 1);
	ck_assert_uint_eq(lost->diag.rax, TDXC_MNG_CREATE);
	ck_assert_uint_eq(lost->diag.status, METADATA_RCX);
	ck_assert_uint_eq(lost->pa, lost->diag.in.rcx);
	ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
	finish_lost(1, 1);
}
END_TEST

START_TEST(without_a_module_nothing_is_lent_or_lost)
{
	up_new(&shapes[0], 1);
	rig->host.port.module_absent = true;
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_NODEV);
	ck_assert_uint_eq(rig->nr_calls, 1);
	expect_uncreated();
	ck_assert_uint_eq(rig->host.quarantine.count, 0);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids), 0);
	rig->host.port.module_absent = false;
	finish();
}
END_TEST

START_TEST(a_td_lets_updates_in_for_itself_alone)
{
	struct tdxc_module *m;

	up_new(&shapes[0], 1);
	m = &rig->host.bringup.module;
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	expect_ok(td_rig_build(rig));
	ck_assert_uint_eq(m->builds, 1);
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert_uint_eq(m->builds, 1);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
	finish();
}
END_TEST

START_TEST(updates_are_kept_out_until_finalize_or_close)
{
	const struct tdxc_module *m;

	up_new(&shapes[0], 1);
	m = &rig->host.bringup.module;
	expect_ok(td_rig_build_to(rig, TDXC_TD_KEYS));
	ck_assert_uint_eq(m->builds, 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_RUN));
	ck_assert_uint_eq(m->builds, 0);
	expect_ok(td_rig_teardown(rig, 0));
	td_rig_new(rig, 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	teardown_to(TDXC_TD_CLOSE);
	ck_assert_uint_eq(m->builds, 1);
	expect_ok(tdxc_td_close(&rig->td, &rig->diag));
	ck_assert_uint_eq(m->builds, 0);
	finish();
}
END_TEST

START_TEST(a_keyid_that_the_module_calls_not_free_is_not_tried_again)
{
	up_new(&shapes[0], 1);
	answer(TDXC_MNG_CREATE, 0xC000082000000000ull, 0, 1);
	ck_assert_int_eq(tdxc_td_create(&rig->td, &rig->diag), TDXC_E_IO);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids), 1);
	expect_ok(tdxc_td_create(&rig->td, &rig->diag));
	ck_assert_uint_ne(rig->td.keyid, rig->diag.in.rdx);
	finish_lost(0, 1);
}
END_TEST

/* --- KEYS, SETUP ------------------------------------------------------------
 */

START_TEST(keys_are_configured_once_on_each_package)
{
	static const struct td_rig_shape four = {.packages = 4};

	up_new(&four, 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_KEYS));
	for (uint32_t cpu = 0; cpu < 8; cpu++) {
		uint64_t calls = cpu / 2 + 1;

		ck_assert_uint_eq(rig->td.step,
				  cpu == 7 ? TDXC_TD_SETUP : TDXC_TD_KEYS);
		td_rig_on(rig, cpu);
		if (cpu < 7)
			expect_ok(
				tdxc_td_key_config(&rig->td, cpu, &rig->diag));
		else
			ck_assert_int_eq(
				tdxc_td_key_config(&rig->td, cpu, &rig->diag),
				TDXC_E_INVAL);
		ck_assert_uint_eq(td_rig_count(rig, TDXC_MNG_KEY_CONFIG),
				  calls);
	}
	finish();
}
END_TEST

START_TEST(key_configured_by_somebody_is_no_error)
{
	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_KEYS));
	answer(TDXC_MNG_KEY_CONFIG, 0x0000081500000000ull, 0, 1);
	expect_ok(tdxc_td_key_config(&rig->td, 0, &rig->diag));
	ck_assert_uint_eq(rig->td.nr_packages, 1);
	ck_assert_int_eq(tdxc_td_key_config(&rig->td, 99, &rig->diag),
			 TDXC_E_INVAL);
	finish();
}
END_TEST

START_TEST(an_answer_that_the_td_is_dead_is_kept)
{
	const uint64_t dead = 0xE000060400000000ull;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_KEYS));
	answer(TDXC_MNG_KEY_CONFIG, dead | 7, 0, 1);
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->td.fatal, dead | 7);
	answer(TDXC_MNG_KEY_CONFIG, dead | 8, 0, 1);
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->td.fatal, dead | 7);
	finish();
}
END_TEST

START_TEST(setup_goes_on_where_a_page_was_missing)
{
	up_new(&shapes[_i % 2], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_SETUP));
	answer(TDXC_MNG_ADDCX, METADATA_RCX, 2, 1);
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->td.nr_tdcx, 2);
	answer_nothing();
	rig->host.fail_pages = 1;
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_NOMEM);
	ck_assert_uint_eq(rig->td.nr_tdcx, 2);
	answer(TDXC_MNG_INIT, BUSY_RCX, 0, 10000);
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_BUSY);
	ck_assert_uint_eq(rig->td.nr_tdcx, 6);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_SETUP);
	ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_NONE);
	answer_nothing();
	expect_ok(td_rig_build_step(rig));
	ck_assert_uint_eq(rig->td.step, TDXC_TD_BUILD);
	ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_BUILD);
	ck_assert_uint_eq(td_rig_count(rig, TDXC_MNG_ADDCX), 7);
	finish();
}
END_TEST

START_TEST(setup_names_the_cpuid_leaf_that_is_refused)
{
	const struct tdxc_sysinfo *of;
	struct tdxc_sim_machine *m;
	uint32_t i = 0;
	uint64_t at;

	up_new(&shapes[0], 1);
	m = &rig->host.machine;
	of = &rig->host.bringup.module.info;
	while (of->cpuid_value[i][1] == UINT64_MAX)
		i++;
	at = rig->params_pa + 256 + 16ull * i + 8; /* ECX and EDX */
	expect_ok(td_rig_build_to(rig, TDXC_TD_SETUP));
	ck_assert(tdxc_sim_machine_write64(m, at, ~of->cpuid_value[i][1]));
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->diag.status, 0xC000010000000045ull);
	ck_assert_uint_eq(rig->leaf, of->cpuid_leaf[i]);
	ck_assert(tdxc_sim_machine_write64(m, at, 0));
	ck_assert(tdxc_sim_machine_write64(m, rig->params_pa, 2));
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->diag.status, 0xC000010000000040ull);
	ck_assert_uint_eq(rig->leaf, 0);
	ck_assert(tdxc_sim_machine_write64(m, rig->params_pa, 0));
	answer(TDXC_MNG_INIT, METADATA_RCX, 0, 1); /* RCX stays the TDR */
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->leaf, 0);
	answer_nothing();
	expect_ok(td_rig_build_step(rig));
	finish();
}
END_TEST

START_TEST(more_pages_than_there_is_room_for_are_refused_late_as_well)
{
	struct tdxc_sysinfo *of;

	up_new(&shapes[0], 1);
	of = &rig->host.bringup.module.info;
	expect_ok(td_rig_build_to(rig, TDXC_TD_SETUP));
	td_rig_forget_calls(rig);
	of->tdcs_size = 10 * 4096;
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_INVAL);
	of->tdcs_size = 6 * 4096;
	ck_assert_uint_eq(rig->nr_calls, 0);
	expect_ok(td_rig_build_step(rig));
	td_rig_forget_calls(rig);
	rig->td.config.nr_l2_vms = 4;
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_INVAL);
	rig->td.config.nr_l2_vms = 0;
	ck_assert_uint_eq(rig->nr_calls, 0);
	finish();
}
END_TEST

START_TEST(l2_vms_get_the_pages_that_they_need)
{
	struct tdxc_td_config config;
	uint64_t word;

	up_new(&shapes[_i % 2], 1);
	config = td_rig_config(rig);
	config.nr_l2_vms = 2;
	ck_assert_int_eq(tdxc_td_init(&rig->td, &config), TDXC_OK);
	word = tdxc_sim_machine_read64(&rig->host.machine, rig->params_pa + 16);
	ck_assert(tdxc_sim_machine_write64(
		&rig->host.machine, rig->params_pa + 16, word | 2ull << 16));
	expect_ok(td_rig_build(rig));
	ck_assert_uint_eq(rig->td.nr_tdcx, 8);
	ck_assert_uint_eq(rig->vcpus[0].nr_pages, 12);
	finish();
}
END_TEST

/* --- BUILD ------------------------------------------------------------------
 */

START_TEST(l53_a_vcpu_that_was_never_initialised_is_not_flushed)
{
	/* VP.CREATE fails, a VP.ADDCX, VP.INIT */
	static const struct {
		uint64_t leaf;
		uint32_t skip;
		uint32_t pages;
	} rows[] = {
		{TDXC_VP_CREATE, 0, 0},
		{TDXC_VP_ADDCX, 0, 1},
		{TDXC_VP_ADDCX, 4, 5},
		{TDXC_VP_INIT, 0, 6},
	};

	up_as(&shapes[_i % 2]);
	for (size_t i = 0; i < COUNT(rows); i++) {
		td_rig_new(rig, 2);
		expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
		answer(rows[i].leaf, METADATA_RCX, rows[i].skip, 1);
		ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
		answer_nothing();
		ck_assert_uint_eq(rig->vcpus[0].nr_pages, rows[i].pages);
		ck_assert_uint_eq(rig->vcpus[0].state,
				  rows[i].pages == 0 ? TDXC_VCPU_NONE
						     : TDXC_VCPU_CREATED);
		ck_assert_uint_eq(rig->vcpus[0].cpu, 0);
		expect_ok(tdxc_td_vcpu_flush(&rig->td, 0, 3, &rig->diag));
		expect_ok(td_rig_teardown(rig, 0));
		ck_assert_uint_eq(td_rig_count(rig, TDXC_VP_FLUSH), 0);
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

/* The software module knows version 0 alone: it is asked for that instead, and
 * the answer is one that is no error. */
static uint64_t init_with_id(struct td_rig *r, bool after, uint64_t status,
			     uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	uint32_t *seen = r->look_ctx;

	if (after || (rax & 0xFFFF) != TDXC_VP_INIT)
		return after ? status : 0;
	ck_assert_uint_eq(rax, TDXC_LEAF_V(TDXC_VP_INIT, 1));
	ck_assert_uint_lt(*seen, VCPUS);
	ck_assert_uint_eq(regs->r8, 0x100 + *seen * 7);
	++*seen;
	status = r->host.seamcall.ops->call(r->host.seamcall.ctx, TDXC_VP_INIT,
					    regs, TDXC_SEAMCALL_IN);
	ck_assert_uint_eq(status, 0);
	return 0x0000081500000000ull;
}

START_TEST(vcpus_are_given_the_x2apic_ids_that_are_wanted)
{
	static const uint32_t ids[VCPUS] = {0x100, 0x107, 0x10E};
	struct tdxc_td_config config;
	uint32_t seen = 0;

	up_new(&shapes[0], VCPUS);
	config = td_rig_config(rig);
	config.x2apic_ids = ids;
	ck_assert_int_eq(tdxc_td_init(&rig->td, &config), TDXC_OK);
	rig->look = init_with_id;
	rig->look_ctx = &seen;
	expect_ok(td_rig_build(rig));
	ck_assert_uint_eq(seen, VCPUS);
	finish();
}
END_TEST

START_TEST(h21_a_vcpu_that_failed_halfway_is_made_or_ended_like_any_other)
{
	up_as(&shapes[_i % 2]);
	for (uint32_t life = 0; life < 8; life++) {
		bool made;
		int err;

		td_rig_new(rig, VCPUS);
		expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
		for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
			answer(TDXC_VP_INIT, BUSY_RCX, 0, 10000);
			ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_BUSY);
			ck_assert_uint_eq(rig->vcpus[vcpu].cpu, 0);
			answer_nothing();
			if (life % 2 == 1 && vcpu == life / 2)
				break;
			expect_ok(td_rig_build_step(rig));
			ck_assert_uint_eq(rig->vcpus[vcpu].cpu, vcpu + 1);
			ck_assert_uint_eq(rig->td.nr_vcpus, vcpu + 1);
		}
		made = rig->vcpus[0].state == TDXC_VCPU_READY;
		td_rig_on(rig, 0);
		err = tdxc_td_vcpu_create(&rig->td, 0, 0, 0, &rig->diag);
		ck_assert_int_eq(err, made ? TDXC_E_INVAL : TDXC_OK);
		expect_ok(td_rig_teardown(rig, 0));
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

struct other_cpu {
	struct tdxc_mmu_cpu cpu;
	struct tdxc_external_entry entries[4];
	uint64_t *slots[4];
	uint32_t tried;
};

/* While the module is asked to add the page, another CPU wants it gone. */
static uint64_t zap_meanwhile(struct td_rig *r, bool after, uint64_t status,
			      uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	struct other_cpu *other = r->look_ctx;
	struct tdxc_zapped out[4];
	struct tdxc_zap zap = {
		.start = {TD_RIG_GFN},
		.end = {TD_RIG_GFN + TD_RIG_IMAGE},
		.reason = TDXC_ZAP_BACKING_GONE,
		.out = out,
		.room = 4,
	};

	(void)regs;
	if (rax != TDXC_MEM_PAGE_ADD || r->nr_image != 0)
		return after ? status : 0;
	ck_assert_int_eq(
		tdxc_mmu_zap(&r->mmu, &other->cpu, &zap, TDXC_LOCK_SHARED),
		TDXC_E_AGAIN);
	ck_assert_uint_eq(zap.nr_out, 0);
	other->tried++;
	return after ? status : 0;
}

START_TEST(h3_no_zap_comes_between_the_mirror_and_page_add)
{
	struct other_cpu other = {.tried = 0};

	up_new(&shapes[_i % 2], 1);
	other.cpu.batch =
		(struct tdxc_mmu_batch){other.entries, other.slots, 4};
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	rig->look = zap_meanwhile;
	rig->look_ctx = &other;
	expect_ok(td_rig_add_image(rig));
	rig->look = NULL;
	ck_assert_uint_eq(other.tried, 2);
	expect_good();
	expect_ok(td_rig_zap(rig, TD_RIG_GFN, 1));
	expect_good();
	finish();
}
END_TEST

START_TEST(h4_state_changes_need_the_mirrors_lock_for_themselves)
{
	uint64_t calls;
	uint64_t done;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	expect_ok(td_rig_build_step(rig));
	expect_ok(td_rig_add_image(rig));
	calls = rig->nr_calls;
	rig->exclusive = false;
	ck_assert_int_eq(tdxc_td_measure(&rig->td,
					 (struct tdxc_gfn){TD_RIG_GFN}, 1,
					 &done, &rig->diag),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(tdxc_td_finalize(&rig->td, &rig->diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_td_end(&rig->td), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_td_abandon(&rig->td), TDXC_E_INVAL);
	ck_assert_uint_eq(rig->nr_calls, calls);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_BUILD);
	rig->exclusive = true;
	expect_ok(td_rig_measure_image(rig) == TDXC_E_IO ? TDXC_OK : 1);
	finish();
}
END_TEST

START_TEST(h4_nothing_is_added_or_measured_after_finalize)
{
	uint64_t done;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	td_rig_forget_calls(rig);
	rig->nr_image = 0;
	(void)td_rig_zap(rig, TD_RIG_GFN, 1);
	ck_assert_int_ne(td_rig_add_image(rig), TDXC_OK);
	ck_assert_uint_eq(td_rig_count(rig, TDXC_MEM_PAGE_ADD), 0);
	ck_assert_int_eq(tdxc_td_measure(&rig->td,
					 (struct tdxc_gfn){TD_RIG_GFN}, 1,
					 &done, &rig->diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_td_finalize(&rig->td, &rig->diag), TDXC_E_INVAL);
	finish();
}
END_TEST

START_TEST(h5_vp_init_needs_the_mirrors_lock_for_itself)
{
	uint64_t calls;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	calls = rig->nr_calls;
	rig->exclusive = false;
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_INVAL);
	ck_assert_uint_eq(rig->nr_calls, calls);
	rig->exclusive = true;
	expect_ok(td_rig_build_step(rig));
	finish();
}
END_TEST

START_TEST(a_measurement_that_failed_is_never_finalised)
{
	const struct tdxc_gfn image = {TD_RIG_GFN};
	uint64_t done;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	ck_assert_int_eq(tdxc_td_finalize(&rig->td, &rig->diag), TDXC_E_INVAL);
	expect_ok(td_rig_build_step(rig));
	while (rig->nr_image < TD_RIG_IMAGE)
		expect_ok(td_rig_add_image(rig));
	answer(TDXC_MR_EXTEND, BUSY_RCX, 0, 10000);
	ck_assert_int_eq(tdxc_td_measure(&rig->td, image, 1, &done, &rig->diag),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(done, 0);
	ck_assert(!rig->td.mismeasured);
	ck_assert_int_eq(tdxc_td_measure(&rig->td,
					 (struct tdxc_gfn){1ull << 40}, 1,
					 &done, &rig->diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(
		tdxc_td_measure(&rig->td, image, 1ull << 60, &done, &rig->diag),
		TDXC_E_INVAL);
	ck_assert(!rig->td.mismeasured);
	answer(TDXC_MR_EXTEND, BUSY_RCX, 20, 10000);
	ck_assert_int_eq(tdxc_td_measure(&rig->td, image, 3, &done, &rig->diag),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(done, 20 * 256);
	ck_assert(rig->td.mismeasured);
	answer_nothing();
	expect_ok(td_rig_measure_image(rig));
	td_rig_forget_calls(rig);
	ck_assert_int_eq(tdxc_td_finalize(&rig->td, &rig->diag), TDXC_E_INVAL);
	ck_assert_uint_eq(rig->nr_calls, 0);
	finish();
}
END_TEST

START_TEST(a_hole_in_the_image_is_never_finalised)
{
	uint64_t done;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	expect_ok(td_rig_build_step(rig));
	ck_assert_int_eq(tdxc_td_measure(&rig->td,
					 (struct tdxc_gfn){TD_RIG_GFN}, 1,
					 &done, &rig->diag),
			 TDXC_E_IO);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(tdxc_td_finalize(&rig->td, &rig->diag), TDXC_E_INVAL);
	finish();
}
END_TEST

/* --- the end ----------------------------------------------------------------
 */

static uint64_t end_meanwhile(struct td_rig *r, bool after, uint64_t status,
			      uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	uint32_t *tried = r->look_ctx;

	(void)regs;
	if (rax != TDXC_VP_ENTER || after)
		return after ? status : 0;
	ck_assert_int_eq(tdxc_td_end(&r->td), TDXC_E_BUSY);
	ck_assert_uint_eq(r->td.step, TDXC_TD_VCPUS);
	ck_assert_int_eq(tdxc_td_vcpu_flush(&r->td, 1, r->cpu, &r->diag),
			 TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_td_close(&r->td, &r->diag), TDXC_E_INVAL);
	++*tried;
	return 0;
}

START_TEST(end_waits_for_who_is_inside_and_lets_nobody_in)
{
	struct tdxc_seamcall_full regs;
	struct tdxc_td_exit exit;
	uint32_t tried = 0;

	up_new(&shapes[0], 2);
	expect_ok(td_rig_build(rig));
	rig->look = end_meanwhile;
	rig->look_ctx = &tried;
	expect_ok(td_rig_enter(rig, 1, &regs, &exit));
	ck_assert_uint_eq(tried, 1);
	rig->look = NULL;
	td_rig_forget_calls(rig);
	ck_assert_int_eq(td_rig_enter(rig, 1, &regs, &exit), TDXC_E_INVAL);
	ck_assert_uint_eq(rig->nr_calls, 0);
	ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_CLOSED);
	expect_ok(tdxc_td_end(&rig->td));
	ck_assert_uint_eq(rig->td.step, TDXC_TD_VCPUS);
	expect_ok(tdxc_td_end(&rig->td));
	finish_lost(0, 0);
}
END_TEST

/* The step moves on when the last vCPU has left, whoever asks. */
START_TEST(a_td_without_vcpus_on_cpus_is_closed_from_vcpus)
{
	struct tdxc_td_todo todo;

	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	expect_ok(tdxc_td_vcpu_flush(&rig->td, 0, 0, &rig->diag));
	ck_assert_uint_eq(rig->td.step, TDXC_TD_RUN);
	rig->sept_vcpus[0].sequence |= 1;
	ck_assert_int_eq(tdxc_td_end(&rig->td), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_td_close(&rig->td, &rig->diag), TDXC_E_INVAL);
	rig->sept_vcpus[0].sequence++;
	expect_ok(tdxc_td_next(&rig->td, &todo));
	ck_assert_uint_eq(todo.step, TDXC_TD_CLOSE);
	expect_ok(tdxc_td_close(&rig->td, &rig->diag));
	finish();
}
END_TEST

START_TEST(a_flush_is_made_on_the_vcpus_cpu_or_not_at_all)
{
	up_new(&shapes[0], 2);
	expect_ok(td_rig_build(rig));
	td_rig_forget_calls(rig);
	ck_assert_int_eq(tdxc_td_vcpu_flush(&rig->td, 1, 0, &rig->diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_td_vcpu_flush(&rig->td, 2, 0, &rig->diag),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(rig->nr_calls, 0);
	td_rig_on(rig, 1);
	expect_ok(tdxc_td_vcpu_flush(&rig->td, 1, 1, &rig->diag));
	expect_ok(tdxc_td_vcpu_flush(&rig->td, 1, 1, &rig->diag));
	ck_assert_uint_eq(rig->nr_calls, 1);
	answer(TDXC_VP_FLUSH, VCPU_NOT_ASSOCIATED, 0, 1);
	td_rig_on(rig, 0);
	expect_ok(tdxc_td_vcpu_flush(&rig->td, 0, 0, &rig->diag));
	ck_assert_uint_eq(rig->vcpus[0].cpu, 0);
	rig->vcpus[0].cpu = 1; /* the module was not asked */
	finish();
}
END_TEST

START_TEST(l41_vpflushdone_that_is_not_done_keeps_the_keyid)
{
	uint64_t cpu;

	up_new(&shapes[_i % 2], 2);
	expect_ok(td_rig_build(rig));
	cpu = rig->vcpus[1].cpu;
	rig->vcpus[1].cpu = 0; /* as if it had been lost count of */
	teardown_to(TDXC_TD_CLOSE);
	ck_assert_int_eq(tdxc_td_close(&rig->td, &rig->diag), TDXC_E_BUSY);
	ck_assert_uint_eq(rig->diag.status, FLUSHVP_NOT_DONE);
	ck_assert_uint_eq(rig->nr_calls, 1);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_CLOSE);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 1);
	rig->vcpus[1].cpu = cpu;
	rig->td.step = TDXC_TD_VCPUS;
	finish();
}
END_TEST

START_TEST(l41_whoever_gives_up_there_keeps_pages_and_keyid_for_ever)
{
	uint64_t pages;

	up_new(&shapes[_i % 2], 2);
	expect_ok(td_rig_build(rig));
	rig->vcpus[1].cpu = 0;
	teardown_to(TDXC_TD_CLOSE);
	ck_assert_int_eq(tdxc_td_close(&rig->td, &rig->diag), TDXC_E_BUSY);
	pages = rig->allocated;
	expect_ok(tdxc_td_abandon(&rig->td));
	ck_assert_uint_eq(pages, 1 + 6 + 2 * 6);
	ck_assert_uint_ge(tdxc_sim_host_give_up(&rig->host, rig->owner), pages);
	finish_lost(pages, 1);
}
END_TEST

/* --- caches ------------------------------------------------------------------
 */

START_TEST(l40_cache_wb_is_resumed_until_done)
{
	up_new(&shapes[_i % 2], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_CACHES);
	rig->host.machine.interrupts[0] = 1; /* pending all the while */
	expect_ok(tdxc_td_flush_package(&rig->td, 0, &rig->diag));
	ck_assert_uint_eq(rig->nr_calls, 4);
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(rig->calls[i].rax, TDXC_PHYMEM_CACHE_WB);
		ck_assert_uint_eq(rig->calls[i].rcx, i != 0);
		ck_assert_uint_eq(rig->calls[i].status,
				  i < 3 ? INTERRUPTED : 0);
	}
	expect_ok(tdxc_td_flush_package(&rig->td, 1, &rig->diag));
	ck_assert_uint_eq(rig->nr_calls, 4);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_CACHES);
	finish();
}
END_TEST

START_TEST(l40_cache_wb_that_never_ends_is_given_back_to_the_caller)
{
	uint32_t most = 16; /* the rig's limit */

	up_new(&shapes[0], 1);
	teardown_to(TDXC_TD_GONE);
	td_rig_new(rig, 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_CACHES);
	answer(TDXC_PHYMEM_CACHE_WB, INTERRUPTED, 0, 100000);
	ck_assert_int_eq(tdxc_td_flush_package(&rig->td, 0, &rig->diag),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(rig->nr_calls, most);
	ck_assert_uint_eq(rig->td.nr_packages, 0);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_CACHES);
	finish();
}
END_TEST

START_TEST(l40_nothing_to_write_back_is_success)
{
	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_CACHES);
	answer(TDXC_PHYMEM_CACHE_WB, NO_HKID_READY, 0, 1);
	/* done by the flush for another TD: the module's own words */
	td_rig_on(rig, 0);
	ck_assert_uint_eq(rig->host.seamcall.ops->call(
				  rig->host.seamcall.ctx, TDXC_PHYMEM_CACHE_WB,
				  &(struct tdxc_seamcall_regs){0},
				  TDXC_SEAMCALL_IN),
			  0);
	expect_ok(tdxc_td_flush_package(&rig->td, 0, &rig->diag));
	ck_assert_uint_eq(rig->diag.status, NO_HKID_READY);
	ck_assert_uint_eq(rig->nr_calls, 1);
	ck_assert_uint_eq(rig->td.nr_packages, 1);
	finish();
}
END_TEST

START_TEST(l40_a_session_that_another_cpu_ended_is_begun_anew)
{
	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_CACHES);
	answer(TDXC_PHYMEM_CACHE_WB, WBCACHE_RESUME_ERROR, 0, 3);
	expect_ok(tdxc_td_flush_package(&rig->td, 0, &rig->diag));
	ck_assert_uint_eq(rig->nr_calls, 4);
	for (uint64_t i = 0; i < 4; i++)
		ck_assert_uint_eq(rig->calls[i].rcx, 0);
	td_rig_forget_calls(rig);
	answer(TDXC_PHYMEM_CACHE_WB, WBCACHE_RESUME_ERROR, 0, 100000);
	td_rig_on(rig, 2);
	ck_assert_int_eq(tdxc_td_flush_package(&rig->td, 2, &rig->diag),
			 TDXC_E_IO);
	ck_assert_uint_eq(rig->nr_calls, 16);
	finish();
}
END_TEST

START_TEST(a_keyid_whose_caches_were_not_written_back_goes_back_so_often)
{
	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_KEYID);
	for (uint32_t i = 0; i < TDXC_TD_REWINDS; i++) {
		answer(TDXC_MNG_KEY_FREEID, WBCACHE_NOT_COMPLETE, 0, 1);
		ck_assert_int_eq(tdxc_td_free_keyid(&rig->td, &rig->diag),
				 TDXC_E_AGAIN);
		ck_assert_uint_eq(rig->td.step, TDXC_TD_CACHES);
		ck_assert_uint_eq(rig->td.nr_packages, 0);
		while (rig->td.step != TDXC_TD_KEYID)
			expect_ok(td_rig_teardown_step(rig));
	}
	answer(TDXC_MNG_KEY_FREEID, WBCACHE_NOT_COMPLETE, 0, 1);
	ck_assert_int_eq(tdxc_td_free_keyid(&rig->td, &rig->diag), TDXC_E_IO);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_KEYID);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 1);
	rig->exclusive = false;
	ck_assert_int_eq(tdxc_td_free_keyid(&rig->td, &rig->diag),
			 TDXC_E_INVAL);
	rig->exclusive = true;
	finish();
}
END_TEST

/* The module's own answer, because one package was left out. */
START_TEST(a_package_that_was_left_out_is_flushed_after_all)
{
	up_new(&shapes[0], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_CACHES);
	expect_ok(tdxc_td_flush_package(&rig->td, 0, &rig->diag));
	rig->td.step = TDXC_TD_KEYID;
	ck_assert_int_eq(tdxc_td_free_keyid(&rig->td, &rig->diag),
			 TDXC_E_AGAIN);
	ck_assert_uint_eq(rig->diag.status, WBCACHE_NOT_COMPLETE);
	finish();
}
END_TEST

/* --- pages -------------------------------------------------------------------
 */

START_TEST(l42_a_page_whose_reclaim_failed_is_never_used_again)
{
	const struct tdxc_sept_quarantine *q;
	uint64_t tdr;

	up_new(&shapes[_i % 2], 2);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_RECLAIM);
	expect_ok(td_rig_zap_mirror(rig));
	tdr = rig->td.tdr;
	td_rig_forget_calls(rig);
	answer(TDXC_PHYMEM_PAGE_RECLAIM, METADATA_RCX, 3, 1);
	ck_assert_int_eq(tdxc_td_reclaim(&rig->td, &rig->diag), TDXC_E_IO);
	ck_assert_uint_eq(rig->diag.rax, TDXC_PHYMEM_PAGE_RECLAIM);
	ck_assert_uint_eq(rig->diag.status, METADATA_RCX);
	/* all others are reclaimed, but the TDR, which has a page left */
	ck_assert_uint_eq(td_rig_count(rig, TDXC_PHYMEM_PAGE_RECLAIM),
			  2 * 6 + 6);
	q = &rig->host.quarantine;
	ck_assert_uint_eq(q->count, 2);
	ck_assert_uint_eq(q->lost[0].pa, rig->calls[3].rcx);
	ck_assert_uint_eq(q->lost[1].pa, tdr);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_uint_eq(q->lost[i].diag.status, METADATA_RCX);
	/* no page that a next TD gets is one of them */
	answer_nothing();
	td_rig_forget(rig);
	td_rig_new(rig, 2);
	expect_ok(td_rig_build(rig));
	ck_assert_uint_ne(rig->td.tdr, tdr);
	finish_lost(2, 0);
}
END_TEST

START_TEST(l42_a_private_page_that_is_left_keeps_the_tdr)
{
	up_new(&shapes[_i % 2], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_RECLAIM);
	answer(TDXC_PHYMEM_PAGE_RECLAIM, METADATA_RCX, 0, 1);
	ck_assert_int_ne(td_rig_zap_mirror(rig), TDXC_OK);
	answer_nothing();
	ck_assert_int_eq(tdxc_td_reclaim(&rig->td, &rig->diag), TDXC_E_IO);
	ck_assert_uint_eq(rig->diag.status, 0xC000040000000000ull);
	ck_assert_uint_eq(rig->allocated, 1);
	ck_assert_uint_eq(rig->td.step, TDXC_TD_GONE);
	expect_good();
	down();
}
END_TEST

START_TEST(l43_the_tdr_is_reclaimed_first_then_written_back_globally)
{
	uint64_t global;
	uint64_t tdr;

	up_new(&shapes[_i % 2], 2);
	expect_ok(td_rig_build(rig));
	tdr = rig->td.tdr;
	global = (uint64_t)rig->host.bringup.module.config.global_keyid
		 << rig->host.platform.pa_bits;
	teardown_to(TDXC_TD_RECLAIM);
	expect_ok(td_rig_zap_mirror(rig));
	td_rig_forget_calls(rig);
	expect_ok(tdxc_td_reclaim(&rig->td, &rig->diag));
	while ((call_from_end(0)->rax & 0xFFFF) == TDXC_PHYMEM_PAMT_REMOVE)
		rig->nr_calls--;
	ck_assert_uint_eq(call_from_end(0)->rax, TDXC_PHYMEM_PAGE_WBINVD);
	ck_assert_uint_eq(call_from_end(0)->rcx, tdr | global);
	ck_assert_uint_eq(call_from_end(1)->rax, TDXC_PHYMEM_PAGE_RECLAIM);
	ck_assert_uint_eq(call_from_end(1)->rcx, tdr);
	ck_assert_uint_eq(td_rig_count(rig, TDXC_PHYMEM_PAGE_WBINVD), 1);
	finish_lost(0, 0);
}
END_TEST

START_TEST(l43_a_tdr_that_was_not_written_back_is_lost)
{
	up_new(&shapes[_i % 2], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_RECLAIM);
	answer(TDXC_PHYMEM_PAGE_WBINVD, BUSY_RCX, 0, 100000);
	ck_assert_int_eq(td_rig_teardown_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->diag.status, BUSY_RCX);
	ck_assert_uint_eq(rig->host.quarantine.lost[0].use, TDXC_SEPT_CONTROL);
	finish_lost(1, 0);
}
END_TEST

/* With caches: what is left in them under the global KeyID would overwrite what
 * the next owner of the page writes. */
START_TEST(l43_no_line_of_the_tdr_is_left_in_a_cache)
{
	static const struct td_rig_shape lines = {.lines = true};
	uint64_t tdr;

	up_new(&lines, 1);
	expect_ok(td_rig_build(rig));
	tdr = rig->td.tdr;
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert(tdxc_sim_machine_write64(&rig->host.machine, tdr, 0x77));
	ck_assert_int_eq(
		tdxc_sim_machine_clflush(&rig->host.machine, 0, tdr, PAGE),
		TDXC_OK);
	tdxc_sim_machine_evict(&rig->host.machine, UINT64_MAX);
	ck_assert_uint_eq(tdxc_sim_machine_read64(&rig->host.machine, tdr),
			  0x77);
	finish();
}
END_TEST

START_TEST(pages_are_flushed_before_and_rewritten_after_where_wanted)
{
	static const struct td_rig_shape erratum = {.dynamic_pamt = true,
						    .erratum = true};
	uint64_t tdr;

	up_new(&erratum, 2);
	rig->sept.config.clflush = true;
	expect_ok(td_rig_build_to(rig, TDXC_TD_BUILD));
	ck_assert_uint_eq(rig->clflushes, 1 + 6);
	expect_ok(td_rig_build_step(rig));
	ck_assert_uint_eq(rig->clflushes, 1 + 6 + 6);
	ck_assert_uint_eq(rig->rewrites, 0);
	tdr = rig->td.tdr;
	rig->sept.config.clflush = false;
	answer(TDXC_VP_CREATE, METADATA_RCX, 0, 1);
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	ck_assert_uint_eq(rig->rewrites, 1);
	answer_nothing();
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert_uint_eq(rig->rewrites, 1 + 1 + 6 + 6);
	ck_assert_uint_eq(rig->rewritten, tdr);
	expect_nothing_left();
	td_rig_new(rig, 1);
	rig->sept.config.rewrite = false;
	rig->rewrites = 0;
	expect_ok(td_rig_build(rig));
	ck_assert_uint_eq(rig->clflushes, 1 + 6 + 6);
	expect_ok(td_rig_teardown(rig, 0));
	ck_assert_uint_eq(rig->rewrites, 0);
	down();
}
END_TEST

START_TEST(a_teardown_costs_what_it_is_said_to)
{
	up_as(&shapes[_i % 2]);
	for (size_t i = 0; i < COUNT(froms); i++) {
		uint64_t least;
		uint64_t tables;
		uint64_t pamt;

		build_from(&froms[i]);
		tables = rig->mmu_cpu.counts.tables[1];
		least = tdxc_td_teardown_calls(
			&rig->td, rig->mmu_cpu.counts.pages[1][1], tables);
		td_rig_forget_calls(rig);
		expect_ok(td_rig_teardown(rig, 0));
		pamt = td_rig_count(rig, TDXC_PHYMEM_PAMT_REMOVE);
		ck_assert_uint_eq(rig->nr_calls - pamt, least);
		ck_assert_uint_eq(tdxc_td_teardown_calls(&rig->td, tables, 3),
				  0);
		expect_gone();
	}
	expect_good();
	down();
}
END_TEST

/* --- given up ----------------------------------------------------------------
 */

START_TEST(abandon_keeps_everything_for_ever_from_every_step)
{
	up_as(&shapes[_i % 2]);
	for (size_t i = 0; i < COUNT(froms); i++) {
		uint64_t before = rig->host.quarantine.count;
		uint64_t pages;

		build_from(&froms[i]);
		pages = rig->allocated - before;
		expect_ok(tdxc_td_abandon(&rig->td));
		(void)tdxc_sim_host_give_up(&rig->host, rig->owner);
		ck_assert_uint_eq(rig->td.step, TDXC_TD_GONE);
		ck_assert_int_eq(tdxc_td_abandon(&rig->td), TDXC_E_INVAL);
		ck_assert_uint_eq(rig->host.quarantine.count, before + pages);
		ck_assert_uint_eq(tdxc_keyids_quarantined(&rig->host.keyids),
				  i);
		ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
		ck_assert_uint_eq(rig->host.bringup.module.builds, 0);
		ck_assert_uint_eq(tdxc_td_teardown_calls(&rig->td, 1, 1), 0);
		for (uint32_t v = 0; v < VCPUS; v++)
			ck_assert_uint_eq(rig->vcpus[v].cpu, 0);
		td_rig_forget(rig);
	}
	for (uint64_t i = 0; i < rig->host.quarantine.count; i++)
		ck_assert_uint_eq(rig->host.quarantine.lost[i].diag.calls, 0);
	expect_good();
	down();
}
END_TEST

START_TEST(abandon_after_the_keyid_is_free_keeps_pages_alone)
{
	up_new(&shapes[_i % 2], 1);
	expect_ok(td_rig_build(rig));
	teardown_to(TDXC_TD_RECLAIM);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	expect_ok(td_rig_zap_mirror(rig));
	expect_ok(tdxc_td_abandon(&rig->td));
	ck_assert_uint_eq(rig->sept.stage, TDXC_SEPT_RELEASED);
	ck_assert_uint_eq(tdxc_keyids_in_use(&rig->host.keyids), 0);
	finish_lost(1 + 6 + 6, 0);
}
END_TEST

/* --- advice ------------------------------------------------------------------
 */

START_TEST(next_names_a_cpu_that_is_online_or_what_is_missing)
{
	struct tdxc_module_cpu *cpus;
	struct tdxc_td_todo todo;

	up_new(&shapes[0], 3);
	cpus = rig->host.bringup.cpus;
	expect_ok(td_rig_build_to(rig, TDXC_TD_KEYS));
	cpus[0].online = 0;
	expect_ok(tdxc_td_next(&rig->td, &todo));
	ck_assert_uint_eq(todo.cpu, 1);
	ck_assert_uint_eq(todo.package, 0);
	cpus[1].online = 0;
	expect_ok(tdxc_td_next(&rig->td, &todo));
	ck_assert_uint_eq(todo.cpu, 2);
	ck_assert_uint_eq(todo.package, 1);
	expect_ok(td_rig_build_step(rig));
	ck_assert_int_eq(tdxc_td_next(&rig->td, &todo), TDXC_E_NODEV);
	ck_assert_uint_eq(todo.step, TDXC_TD_KEYS);
	ck_assert_uint_eq(todo.cpu, 0);
	ck_assert_uint_eq(todo.package, 0);
	cpus[0].online = 1;
	cpus[1].online = 1;
	expect_ok(td_rig_build(rig));
	expect_ok(tdxc_td_end(&rig->td));
	cpus[0].online = 0;
	expect_ok(tdxc_td_next(&rig->td, &todo));
	ck_assert_uint_eq(todo.vcpu, 1);
	ck_assert_uint_eq(todo.cpu, 1);
	cpus[1].online = 0;
	cpus[2].online = 0;
	ck_assert_int_eq(tdxc_td_next(&rig->td, &todo), TDXC_E_NODEV);
	ck_assert_uint_eq(todo.vcpu, 0);
	ck_assert_uint_eq(todo.cpu, 0);
	cpus[0].online = 1;
	cpus[1].online = 1;
	cpus[2].online = 1;
	finish();
}
END_TEST

/* A function of another step says so and makes no call. */
START_TEST(each_function_wants_its_step)
{
	struct tdxc_seamcall_full regs;
	struct tdxc_td_exit exit;
	uint64_t done;

	up_as(&shapes[0]);
	for (uint64_t step = 0; step < TDXC_TD_STEPS; step++) {
		struct tdxc_td *td;

		td_rig_new(rig, 1);
		td = &rig->td;
		td->step = step;
		if (step != TDXC_TD_CREATE)
			ck_assert_int_eq(tdxc_td_create(td, &rig->diag),
					 TDXC_E_INVAL);
		if (step != TDXC_TD_KEYS)
			ck_assert_int_eq(tdxc_td_key_config(td, 0, &rig->diag),
					 TDXC_E_INVAL);
		if (step != TDXC_TD_SETUP)
			ck_assert_int_eq(
				tdxc_td_setup(td, 0, &rig->leaf, &rig->diag),
				TDXC_E_INVAL);
		if (step != TDXC_TD_BUILD) {
			ck_assert_int_eq(
				tdxc_td_vcpu_create(td, 0, 0, 0, &rig->diag),
				TDXC_E_INVAL);
			ck_assert_int_eq(tdxc_td_measure(td,
							 (struct tdxc_gfn){0},
							 1, &done, &rig->diag),
					 TDXC_E_INVAL);
		}
		ck_assert_int_eq(tdxc_td_finalize(td, &rig->diag),
				 TDXC_E_INVAL);
		ck_assert_int_eq(tdxc_td_enter(td, 0, 0, &regs, &exit),
				 TDXC_E_INVAL);
		if (step != TDXC_TD_BUILD && step != TDXC_TD_RUN &&
		    step != TDXC_TD_VCPUS)
			ck_assert_int_eq(
				tdxc_td_vcpu_flush(td, 0, 0, &rig->diag),
				TDXC_E_INVAL);
		if (step != TDXC_TD_CLOSE && step != TDXC_TD_VCPUS)
			ck_assert_int_eq(tdxc_td_close(td, &rig->diag),
					 TDXC_E_INVAL);
		if (step != TDXC_TD_CACHES)
			ck_assert_int_eq(
				tdxc_td_flush_package(td, 0, &rig->diag),
				TDXC_E_INVAL);
		if (step != TDXC_TD_KEYID)
			ck_assert_int_eq(tdxc_td_free_keyid(td, &rig->diag),
					 TDXC_E_INVAL);
		if (step != TDXC_TD_RECLAIM)
			ck_assert_int_eq(tdxc_td_reclaim(td, &rig->diag),
					 TDXC_E_INVAL);
		ck_assert_uint_eq(rig->nr_calls, 0);
	}
	down();
}
END_TEST

START_TEST(a_configuration_that_lacks_something_is_refused)
{
	struct tdxc_td_config good;
	struct tdxc_td_config bad;
	struct tdxc_td_ops ops;
	struct tdxc_sysinfo *of;
	struct tdxc_td td;

	up_new(&shapes[0], 1);
	good = td_rig_config(rig);
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_OK);
	ck_assert_uint_eq(td.config.alias, 1ull << 35);
#define REFUSED(change)                                                        \
	do {                                                                   \
		bad = good;                                                    \
		ops = *good.ops;                                               \
		bad.ops = &ops;                                                \
		change;                                                        \
		ck_assert_int_eq(tdxc_td_init(&td, &bad), TDXC_E_INVAL);       \
	} while (0)
	REFUSED(bad.abi++);
	REFUSED(bad.ops = NULL);
	REFUSED(ops.abi++);
	REFUSED(ops.page_alloc = NULL);
	REFUSED(ops.page_free = NULL);
	REFUSED(ops.lock_held = NULL);
	REFUSED(bad.module = NULL);
	REFUSED(bad.keyids = NULL);
	REFUSED(bad.sept = NULL);
	REFUSED(bad.vcpus = NULL);
	REFUSED(bad.alias = 1);
	REFUSED(bad.alias = 1ull << 47);
	REFUSED(bad.nr_l2_vms = 4);
#undef REFUSED
	of = &rig->host.bringup.module.info;
	of->tdcs_size = 10 * 4096;
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_E_INVAL);
	of->tdcs_size = 0;
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_E_INVAL);
	of->tdcs_size = 6 * 4096;
	of->tdvps_size = 0xF000;
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_OK);
	bad = good;
	bad.nr_l2_vms = 1;
	ck_assert_int_eq(tdxc_td_init(&td, &bad), TDXC_E_INVAL);
	of->tdvps_size = 0;
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_E_INVAL);
	of->tdvps_size = 6 * 4096;
	good.alias = 1ull << 39;
	ck_assert_int_eq(tdxc_td_init(&td, &good), TDXC_OK);
	ck_assert_uint_eq(td.config.alias, 1ull << 39);
	finish();
}
END_TEST

START_TEST(every_step_has_a_name)
{
	for (int i = 0; i < TDXC_TD_STEPS; i++) {
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(
				tdxc_td_step_name((enum tdxc_td_step)i),
				tdxc_td_step_name((enum tdxc_td_step)k));
	}
	ck_assert_str_eq(tdxc_td_step_name(TDXC_TD_RECLAIM),
			 "PHYMEM.PAGE.RECLAIM");
	ck_assert_str_eq(tdxc_td_step_name(TDXC_TD_STEPS), "unknown step");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td");
	TCase *life = tcase_create("life");
	TCase *steps = tcase_create("steps");

	tcase_add_loop_test(life,
			    whole_life_leaves_nothing_and_measures_the_image, 0,
			    COUNT(shapes));
	tcase_add_test(life,
		       whole_life_with_caches_leaves_no_line_and_no_poison);
	tcase_add_loop_test(life, end_works_from_every_step, 0, COUNT(shapes));
	tcase_add_test(life, end_works_from_every_step_of_a_dead_td);
	suite_add_tcase(s, life);
	tcase_add_test(steps, create_without_page_keyid_or_gate_leaves_nothing);
	tcase_add_loop_test(steps, a_page_that_create_did_not_take_comes_back,
			    0, 2);
	tcase_add_loop_test(
		steps,
		a_tdr_that_the_module_has_after_all_is_lost_with_its_keyid, 0,
		2);
	tcase_add_test(
		steps,
		a_keyid_that_the_module_calls_not_free_is_not_tried_again);
	tcase_add_test(steps, keys_are_configured_once_on_each_package);
	tcase_add_test(steps, key_configured_by_somebody_is_no_error);
	tcase_add_loop_test(steps, setup_goes_on_where_a_page_was_missing, 0,
			    2);
	tcase_add_test(steps, setup_names_the_cpuid_leaf_that_is_refused);
	tcase_add_loop_test(steps, l2_vms_get_the_pages_that_they_need, 0, 2);
	tcase_add_loop_test(
		steps, l53_a_vcpu_that_was_never_initialised_is_not_flushed, 0,
		2);
	tcase_add_loop_test(
		steps,
		h21_a_vcpu_that_failed_halfway_is_made_or_ended_like_any_other,
		0, 2);
	tcase_add_loop_test(
		steps, h3_no_zap_comes_between_the_mirror_and_page_add, 0, 2);
	tcase_add_test(steps,
		       h4_state_changes_need_the_mirrors_lock_for_themselves);
	tcase_add_test(steps, h4_nothing_is_added_or_measured_after_finalize);
	tcase_add_test(steps, h5_vp_init_needs_the_mirrors_lock_for_itself);
	tcase_add_test(steps, a_measurement_that_failed_is_never_finalised);
	tcase_add_test(steps, a_hole_in_the_image_is_never_finalised);
	tcase_add_test(steps, end_waits_for_who_is_inside_and_lets_nobody_in);
	tcase_add_test(steps, a_td_without_vcpus_on_cpus_is_closed_from_vcpus);
	tcase_add_test(steps, a_flush_is_made_on_the_vcpus_cpu_or_not_at_all);
	tcase_add_loop_test(
		steps, l41_vpflushdone_that_is_not_done_keeps_the_keyid, 0, 2);
	tcase_add_loop_test(
		steps,
		l41_whoever_gives_up_there_keeps_pages_and_keyid_for_ever, 0,
		2);
	tcase_add_loop_test(steps, l40_cache_wb_is_resumed_until_done, 0, 2);
	tcase_add_test(
		steps,
		l40_cache_wb_that_never_ends_is_given_back_to_the_caller);
	tcase_add_test(steps, l40_nothing_to_write_back_is_success);
	tcase_add_test(steps,
		       l40_a_session_that_another_cpu_ended_is_begun_anew);
	tcase_add_test(
		steps,
		a_keyid_whose_caches_were_not_written_back_goes_back_so_often);
	tcase_add_test(steps, a_package_that_was_left_out_is_flushed_after_all);
	tcase_add_loop_test(steps,
			    l42_a_page_whose_reclaim_failed_is_never_used_again,
			    0, 2);
	tcase_add_loop_test(
		steps, l42_a_private_page_that_is_left_keeps_the_tdr, 0, 2);
	tcase_add_loop_test(
		steps,
		l43_the_tdr_is_reclaimed_first_then_written_back_globally, 0,
		2);
	tcase_add_loop_test(steps, l43_a_tdr_that_was_not_written_back_is_lost,
			    0, 2);
	tcase_add_test(steps, l43_no_line_of_the_tdr_is_left_in_a_cache);
	tcase_add_test(
		steps,
		pages_are_flushed_before_and_rewritten_after_where_wanted);
	tcase_add_loop_test(steps, a_teardown_costs_what_it_is_said_to, 0, 2);
	tcase_add_loop_test(
		steps, abandon_keeps_everything_for_ever_from_every_step, 0, 2);
	tcase_add_loop_test(
		steps, abandon_after_the_keyid_is_free_keeps_pages_alone, 0, 2);
	tcase_add_test(steps,
		       next_names_a_cpu_that_is_online_or_what_is_missing);
	tcase_add_test(steps, each_function_wants_its_step);
	tcase_add_test(steps, a_configuration_that_lacks_something_is_refused);
	tcase_add_test(steps, without_a_module_nothing_is_lent_or_lost);
	tcase_add_test(steps, updates_are_kept_out_until_finalize_or_close);
	tcase_add_test(steps, an_answer_that_the_td_is_dead_is_kept);
	tcase_add_test(steps, vcpus_are_given_the_x2apic_ids_that_are_wanted);
	tcase_add_test(steps, a_td_lets_updates_in_for_itself_alone);
	tcase_add_test(
		steps,
		more_pages_than_there_is_room_for_are_refused_late_as_well);
	tcase_add_test(steps, every_step_has_a_name);
	suite_add_tcase(s, steps);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
