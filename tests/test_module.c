/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Bring-up step by step: what each leaves behind, in success and failure. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "module/module_case.h"

#define COUNT(a)	 (sizeof(a) / sizeof((a)[0]))
#define GIB		 0x40000000ull
#define STATUS(upper)	 ((uint64_t)(upper) << 32)
#define BROKEN		 STATUS(0xC0000D00)
#define NO_ENTROPY	 STATUS(0x80000203)
#define KEY_FAILED	 STATUS(0x80000800)
#define CMR_LIST_INVALID STATUS(0xC0000A22)
#define NOT_PENDING	 STATUS(0xC000050C)
#define ALREADY_DONE	 STATUS(0x00000A03)
#define KEY_CONFIGURED	 STATUS(0x00000815)
#define SYS_NOT_READY	 STATUS(0xC0000505)
#define SYS_SHUTDOWN	 STATUS(0xC0000506)
#define OPERAND_INVALID	 STATUS(0xC0000100)
#define RESUMABLE	 STATUS(0x80000003)
#define SYS_BUSY	 STATUS(0x80000202)

static struct module_case c;
static struct tdxc_module *m;

static void up(void)
{
	module_case_up(&c, NULL, NULL);
	m = &c.b.module;
}

static void down(void)
{
	module_case_down(&c);
}

/* Another machine than the fixture's. */
static void again(const struct tdxc_sim_platform *platform,
		  const struct tdxc_sim_bringup_config *options)
{
	down();
	module_case_up(&c, platform, options);
	m = &c.b.module;
}

static void erratum_machine(void)
{
	struct tdxc_sim_platform platform;

	module_case_platform(&platform);
	platform.fms = 0x806F8; /* Sapphire Rapids */
	again(&platform, NULL);
}

/* Run until a step is reached; every step on the way must succeed. */
static void run_to(enum tdxc_module_step step)
{
	while (tdxc_module_step(m) != step)
		ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
}

static uint64_t calls(uint64_t leaf)
{
	return tdxc_sim_port_calls(&c.port, leaf);
}

static void answer(struct module_case_answer *a)
{
	module_case_answer(&c, a, 1);
}

static void nothing_is_lent(void)
{
	ck_assert_uint_eq(c.b.ops.nr_lent, 0);
	ck_assert_uint_eq(c.b.ops.bad_frees, 0);
}

/* --- all of it ------------------------------------------------------------ */

START_TEST(bring_up_makes_no_call_too_many)
{
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(calls(TDXC_SYS_INIT), 1);
	ck_assert_uint_eq(calls(TDXC_SYS_LP_INIT), MODULE_CASE_LPS);
	ck_assert_uint_eq(calls(TDXC_SYS_RDALL), 1);
	ck_assert_uint_eq(calls(TDXC_SYS_CONFIG), 1);
	ck_assert_uint_eq(calls(TDXC_SYS_KEY_CONFIG), MODULE_CASE_PACKAGES);
	/* 16 MiB a call, as Dynamic PAMT is used. */
	ck_assert_uint_eq(calls(TDXC_SYS_TDMR_INIT), 3 * 64);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&c.port),
			  1 + MODULE_CASE_LPS + 1 + 1 + MODULE_CASE_PACKAGES +
				  3 * 64);
	ck_assert_uint_eq(m->limits.pamt_bitmap_bits, 1);
	ck_assert_uint_eq(c.b.ops.nr_lent, m->nr_tdmrs);
}
END_TEST

START_TEST(bring_up_with_static_pamts_asks_field_by_field_too)
{
	struct tdxc_sim_bringup_config options = {
		.module_flags = TDXC_MODULE_STATIC_PAMT,
		.field_by_field = true,
	};

	again(NULL, &options);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(calls(TDXC_SYS_RDALL), 0);
	ck_assert_uint_gt(calls(TDXC_SYS_RD), 30);
	ck_assert_uint_eq(calls(TDXC_SYS_TDMR_INIT), 3 * 256);
	ck_assert_uint_eq(m->limits.pamt_bitmap_bits, 0);
}
END_TEST

START_TEST(caches_are_flushed_between_config_and_keys_once)
{
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(c.b.ops.flushes, 1);
	for (size_t i = 0; i < module_case_first(&c, TDXC_SIM_PORT_FLUSH); i++)
		ck_assert(c.journal[i].act != TDXC_SIM_PORT_CALL ||
			  c.journal[i].a != TDXC_SYS_KEY_CONFIG);
	for (size_t i = module_case_first(&c, TDXC_SIM_PORT_FLUSH);
	     i < tdxc_sim_port_journalled(&c.port); i++)
		ck_assert(c.journal[i].act != TDXC_SIM_PORT_CALL ||
			  c.journal[i].a != TDXC_SYS_CONFIG);
}
END_TEST

START_TEST(a_step_out_of_order_is_refused_and_makes_no_call)
{
	struct tdxc_seamcall_diag diag;
	struct tdxc_plan_fault plan_fault;
	uint64_t made;

	ck_assert_int_eq(tdxc_module_configure(m, &diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_flush(m), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_key_config(m, 0, &diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 0, &made, &diag),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_place(m, &c.b.plan, &plan_fault),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_resume(m), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&c.port), 0);
	ck_assert_uint_eq(c.b.ops.op_calls, 0);
}
END_TEST

START_TEST(a_malformed_configuration_is_refused)
{
	const struct tdxc_module_config good = m->config;
	struct tdxc_module_ops ops = *good.ops;
	struct tdxc_module_config bad;
	struct tdxc_module other;

#define REFUSED(change)                                                        \
	do {                                                                   \
		bad = good;                                                    \
		bad.change;                                                    \
		ck_assert_int_eq(tdxc_module_init(&other, &bad),               \
				 TDXC_E_INVAL);                                \
	} while (0)
	REFUSED(abi = TDXC_ABI + 1);
	REFUSED(flags = 4);
	REFUSED(cpus = NULL);
	REFUSED(nr_cpus = 0);
	REFUSED(pa_bits = 31);
	REFUSED(pa_bits = 64);
	REFUSED(infos = NULL);
	REFUSED(infos_pa += 256);
	REFUSED(pointers = NULL);
	REFUSED(pointers_pa += 8);
	REFUSED(ops = NULL);
	REFUSED(port.ops = NULL);
	ops.abi++;
	REFUSED(ops = &ops);
	ops.abi--;
	ops.rewrite = NULL;
	REFUSED(ops = &ops);
#undef REFUSED
	ck_assert_int_eq(tdxc_module_init(&other, &good), TDXC_OK);
}
END_TEST

START_TEST(every_step_has_a_name)
{
	for (uint32_t i = 0; i < TDXC_MODULE_STEPS; i++) {
		ck_assert_str_ne(tdxc_module_step_name(i), "");
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(tdxc_module_step_name(i),
					 tdxc_module_step_name(k));
	}
	ck_assert_str_eq(tdxc_module_step_name(TDXC_MODULE_STEPS),
			 "unknown step");
}
END_TEST

/* --- processors ----------------------------------------------------------- */

START_TEST(idea_17_a_failed_sys_init_is_remembered_and_can_be_forgotten)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_INIT,
				       .nth = 1,
				       .most = 1,
				       .status = CMR_LIST_INVALID};
	struct tdxc_seamcall_diag diag;

	answer(&a);
	ck_assert_int_eq(tdxc_module_cpu_init(m, 0, &diag), TDXC_E_IO);
	ck_assert_uint_eq(diag.calls, 1);
	for (uint32_t cpu = 0; cpu < MODULE_CASE_LPS; cpu++) {
		ck_assert_int_eq(tdxc_module_cpu_init(m, cpu, &diag),
				 TDXC_E_IO);
		ck_assert_uint_eq(diag.rax, TDXC_SYS_INIT);
		ck_assert_uint_eq(diag.status, CMR_LIST_INVALID);
		ck_assert_uint_eq(diag.calls, 0);
	}
	ck_assert_uint_eq(a.seen, 1);
	ck_assert_int_eq(tdxc_module_forget_sys_init(m), TDXC_OK);
	ck_assert_int_eq(tdxc_module_cpu_init(m, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(a.seen, 2);
}
END_TEST

START_TEST(idea_18_a_failed_lp_init_concerns_its_cpu_alone)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_LP_INIT,
				       .nth = 3,
				       .most = 1,
				       .status = BROKEN};
	struct tdxc_seamcall_diag diag;
	uint32_t missing[2];

	answer(&a);
	for (uint32_t cpu = 0; cpu < MODULE_CASE_LPS; cpu++)
		ck_assert_int_eq(tdxc_module_cpu_init(m, cpu, &diag),
				 cpu == 2 ? TDXC_E_IO : TDXC_OK);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, missing, 2), 1);
	ck_assert_uint_eq(missing[0], 2);
	/* at init: it is the whole bring-up that waits for it */
	ck_assert_int_eq(tdxc_module_cpu_init(m, 2, &diag), TDXC_OK);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, NULL, 0), 0);
}
END_TEST

START_TEST(idea_18_a_late_cpu_that_fails_leaves_the_module_ready)
{
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	/* the host finds out late that it knows nothing of this CPU */
	c.b.cpus[3].initialized = 0;
	ck_assert_int_eq(tdxc_module_cpu_may_join(m, 3), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_module_cpu_init(m, 3, &diag), TDXC_E_IO);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_READY);
	ck_assert_int_eq(tdxc_module_cpu_may_join(m, 2), TDXC_OK);
	ck_assert_int_eq(tdxc_module_cpu_may_join(m, 4), TDXC_E_INVAL);
}
END_TEST

START_TEST(a_cpu_that_did_lp_init_makes_no_call_when_it_comes_back)
{
	struct tdxc_seamcall_diag diag;
	uint64_t before;

	run_to(TDXC_MODULE_PLAN);
	before = tdxc_sim_port_all_calls(&c.port);
	for (uint32_t cpu = 0; cpu < MODULE_CASE_LPS; cpu++)
		ck_assert_int_eq(tdxc_module_cpu_init(m, cpu, &diag), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&c.port), before);
	ck_assert_int_eq(tdxc_module_cpu_init(m, MODULE_CASE_LPS, &diag),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(lp_init_that_was_done_already_is_done)
{
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_module_cpu_init(m, 0, &diag), TDXC_OK);
	c.b.cpus[0].initialized = 0; /* its answer was lost */
	ck_assert_int_eq(tdxc_module_cpu_init(m, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(diag.status, STATUS(0xC0000503));
	ck_assert_uint_eq(c.b.cpus[0].initialized, 1);
}
END_TEST

START_TEST(sys_init_without_entropy_is_tried_ten_times)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_INIT, .nth = 1, .status = NO_ENTROPY};
	struct tdxc_seamcall_diag diag;

	answer(&a);
	ck_assert_int_eq(tdxc_module_cpu_init(m, 0, &diag), TDXC_E_BUSY);
	ck_assert_uint_eq(diag.calls, 10);
	ck_assert_uint_eq(a.seen, 10);
}
END_TEST

START_TEST(idea_55_config_names_the_cpus_that_are_missing)
{
	struct tdxc_module_todo todo;
	struct tdxc_seamcall_diag diag;
	uint32_t missing[MODULE_CASE_LPS];

	c.b.cpus[1].online = 0;
	c.b.cpus[3].online = 0;
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_next(m, &todo), TDXC_E_NODEV);
	ck_assert_int_eq(todo.step, TDXC_MODULE_CPUS);
	ck_assert_uint_eq(todo.cpu, 1);
	/* and for a caller who goes on all the same */
	m->step = TDXC_MODULE_CONFIG;
	ck_assert_int_eq(tdxc_module_configure(m, &diag), TDXC_E_NODEV);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, missing, 1), 2);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, missing, 4), 2);
	ck_assert_uint_eq(missing[0], 1);
	ck_assert_uint_eq(missing[1], 3);
	m->step = TDXC_MODULE_CPUS;
	c.b.cpus[1].online = 1;
	ck_assert_int_eq(tdxc_module_next(m, &todo), TDXC_OK);
	ck_assert_uint_eq(todo.cpu, 1);
}
END_TEST

START_TEST(idea_55_an_lp_the_host_does_not_know_shows_in_the_status)
{
	/* the host was told of three processors, the BIOS enabled four */
	m->config.nr_cpus = MODULE_CASE_LPS - 1;
	run_to(TDXC_MODULE_CONFIG);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_IO);
	ck_assert_uint_eq(c.b.diag.status, NOT_PENDING);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, NULL, 0), 0);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CONFIG);
}
END_TEST

START_TEST(idea_32_the_last_cpu_of_a_package_stays_while_a_keyid_is_in_use)
{
	uint32_t package = 99;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 2, 1, &package), TDXC_OK);
	c.b.cpus[2].online = 0;
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 3, 1, &package),
			 TDXC_E_BUSY);
	ck_assert_uint_eq(package, 1);
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 3, 0, &package), TDXC_OK);
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 0, 1, &package), TDXC_OK);
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 4, 1, &package),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(a_package_keeps_a_cpu_while_keys_are_being_configured)
{
	uint32_t package;

	run_to(TDXC_MODULE_KEYS);
	c.b.cpus[2].online = 0;
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 3, 0, &package),
			 TDXC_E_BUSY);
	c.b.cpus[2].online = 1;
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 3, 0, &package), TDXC_OK);
}
END_TEST

START_TEST(no_cpu_leaves_while_an_update_is_under_way)
{
	uint32_t package;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	m->step = TDXC_MODULE_UPDATE;
	ck_assert_int_eq(tdxc_module_cpu_may_leave(m, 0, 0, &package),
			 TDXC_E_BUSY);
}
END_TEST

/* --- metadata and layout ----------------------------------------------------
 */

START_TEST(a_module_that_clobbers_rbp_is_refused_unless_accepted)
{
	struct tdxc_metadata_fault fault;
	struct tdxc_seamcall_diag diag;
	/* TDX_FEATURES0, and every field after it, reads as a wide number */
	struct module_case_answer a = {
		.leaf = TDXC_SYS_RD, .nth = 7, .most = 1, .status = 0};
	struct tdxc_sim_bringup_config options = {.field_by_field = true};

	again(NULL, &options);
	for (uint32_t cpu = 0; cpu < MODULE_CASE_LPS; cpu++)
		ck_assert_int_eq(tdxc_module_cpu_init(m, cpu, &diag), TDXC_OK);
	answer(&a);
	ck_assert_int_eq(tdxc_module_read(m, NULL, 0, &fault, &diag),
			 TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(fault.field, tdxc_field_id(TDXC_FIELD_FEATURES0));
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
	a.seen = 0;
	m->config.flags |= TDXC_MODULE_ALLOW_RBP_MOD;
	ck_assert_int_eq(tdxc_module_read(m, NULL, 0, &fault, &diag), TDXC_OK);
}
END_TEST

START_TEST(the_plan_can_be_looked_at_and_made_again_before_it_is_placed)
{
	uint32_t tdmrs;

	run_to(TDXC_MODULE_PLACE);
	ck_assert_uint_gt(c.b.plan.pamt_bytes, 0);
	ck_assert_uint_eq(c.b.ops.nr_lent, 0);
	tdmrs = c.b.plan.nr_tdmrs;
	ck_assert_int_eq(tdxc_module_plan(m, &c.b.request, &c.b.plan,
					  c.b.scratch, 0, &c.b.plan_fault),
			 TDXC_E_NOMEM);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_PLAN);
	run_to(TDXC_MODULE_CONFIG);
	ck_assert_uint_eq(m->nr_tdmrs, tdmrs);
}
END_TEST

START_TEST(a_pamt_that_finds_no_memory_leaves_none_behind)
{
	run_to(TDXC_MODULE_PLACE);
	c.b.ops.fail_at[0] = c.b.plan.nr_tdmrs;
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_NOMEM);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_PLAN);
	nothing_is_lent();
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

/* --- CONFIG and KEYS
 * ------------------------------------------------------------ */

START_TEST(config_that_is_refused_can_be_tried_again)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_CONFIG, .nth = 1, .most = 1, .status = BROKEN};

	answer(&a);
	run_to(TDXC_MODULE_CONFIG);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_IO);
	ck_assert_uint_eq(c.b.diag.status, BROKEN);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CONFIG);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(a_key_without_entropy_is_retried)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_KEY_CONFIG,
				       .nth = 1,
				       .most = 9,
				       .status = KEY_FAILED};

	answer(&a);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(a.seen, 9 + MODULE_CASE_PACKAGES);
}
END_TEST

START_TEST(a_key_that_is_configured_already_is_no_failure)
{
	struct tdxc_seamcall_diag diag;

	run_to(TDXC_MODULE_KEYS);
	ck_assert_int_eq(tdxc_module_key_config(m, 0, &diag), TDXC_OK);
	c.b.cpus[0].keyed = 0; /* its answer was lost */
	ck_assert_int_eq(tdxc_module_key_config(m, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(diag.status, KEY_CONFIGURED);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(a_package_without_an_online_cpu_is_named)
{
	struct tdxc_module_todo todo;

	run_to(TDXC_MODULE_KEYS);
	c.b.cpus[2].online = 0;
	c.b.cpus[3].online = 0;
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_next(m, &todo), TDXC_E_NODEV);
	ck_assert_int_eq(todo.step, TDXC_MODULE_KEYS);
	ck_assert_uint_eq(todo.package, 1);
	c.b.cpus[3].online = 1;
	ck_assert_int_eq(tdxc_module_next(m, &todo), TDXC_OK);
	ck_assert_uint_eq(todo.cpu, 3);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(a_package_the_host_does_not_know_is_noticed)
{
	struct tdxc_seamcall_diag diag;

	run_to(TDXC_MODULE_KEYS);
	m->info.num_pkgs = MODULE_CASE_PACKAGES + 1;
	ck_assert_int_eq(tdxc_module_key_config(m, 0, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_key_config(m, 3, &diag), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_KEYS);
}
END_TEST

START_TEST(idea_22_a_key_failure_undoes_once_flush_rewrite_free)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_KEY_CONFIG, .nth = 2, .status = BROKEN};
	struct tdxc_seamcall_diag diag;
	uint64_t tdmrs;

	erratum_machine();
	answer(&a);
	run_to(TDXC_MODULE_KEYS);
	tdmrs = m->nr_tdmrs;
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_IO);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(c.b.ops.flushes, 2); /* bring-up's, and undo's */
	ck_assert_uint_eq(module_case_acts(&c, TDXC_SIM_PORT_REWRITE),
			  tdmrs * TDXC_PAMT_LEVELS);
	ck_assert_uint_eq(module_case_acts(&c, TDXC_SIM_PORT_PAMT_FREE), tdmrs);
	ck_assert_uint_lt(module_case_last(&c, TDXC_SIM_PORT_CALL),
			  module_case_last(&c, TDXC_SIM_PORT_FLUSH));
	ck_assert_uint_lt(module_case_last(&c, TDXC_SIM_PORT_FLUSH),
			  module_case_first(&c, TDXC_SIM_PORT_REWRITE));
	ck_assert_uint_lt(module_case_last(&c, TDXC_SIM_PORT_REWRITE),
			  module_case_first(&c, TDXC_SIM_PORT_PAMT_FREE));
	nothing_is_lent();
	/* SYS.DISABLE was refused: the module was not ready for it */
	ck_assert_uint_eq(diag.status, SYS_NOT_READY);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_DEAD);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(c.b.ops.flushes, 2);
}
END_TEST

/* --- TDMR.INIT --------------------------------------------------------------
 */

START_TEST(idea_23_calls_without_progress_are_counted_and_end)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_TDMR_INIT,
				       .nth = 1,
				       .most = TDXC_MODULE_STUCK_CALLS};

	run_to(TDXC_MODULE_TDMRS);
	a.rdx = m->tdmrs[m->nr_tdmrs - 1].range.start;
	ck_assert_uint_eq(m->nr_tdmrs, 2);
	answer(&a);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_IO);
	ck_assert_uint_eq(c.b.diag.status, 0);
	ck_assert_uint_eq(a.seen, TDXC_MODULE_STUCK_CALLS);
	ck_assert_uint_eq(m->failed, TDXC_MODULE_STUCK);
	/* named, and resumable */
	ck_assert_int_eq(tdxc_module_resume(m), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(idea_24_an_address_beyond_the_end_counts_as_finished)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_TDMR_INIT, .nth = 1, .rdx = ~0ull << 12};

	run_to(TDXC_MODULE_TDMRS);
	answer(&a);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(a.seen, m->nr_tdmrs);
	ck_assert_uint_eq(m->tdmrs[0].next, m->tdmrs[0].range.end);
}
END_TEST

START_TEST(an_address_that_goes_backwards_is_a_failure)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_TDMR_INIT, .nth = 1, .rdx = 0};

	run_to(TDXC_MODULE_TDMRS);
	answer(&a);
	ck_assert_int_eq(tdxc_sim_bringup_step(&c.b), TDXC_E_IO);
}
END_TEST

START_TEST(a_tdmr_that_is_initialized_already_is_done)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_TDMR_INIT,
				       .nth = 1,
				       .most = 1,
				       .status = ALREADY_DONE};

	run_to(TDXC_MODULE_TDMRS);
	answer(&a);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(progress_goes_from_nothing_to_all_by_gib)
{
	struct tdxc_module_progress p;
	struct tdxc_seamcall_diag diag;
	uint64_t last = 0;
	uint64_t made;
	int err;

	run_to(TDXC_MODULE_TDMRS);
	p = tdxc_module_get_progress(m);
	ck_assert_uint_eq(p.done, 0);
	ck_assert_uint_eq(p.total, 3 * GIB);
	do {
		err = tdxc_module_tdmr_init(m, 10, &made, &diag);
		ck_assert_uint_le(made, 10);
		p = tdxc_module_get_progress(m);
		ck_assert_uint_ge(p.done, last);
		last = p.done;
	} while (err == TDXC_E_AGAIN);
	ck_assert_int_eq(err, TDXC_OK);
	ck_assert_uint_eq(last, 3 * GIB);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 10, &made, &diag), TDXC_OK);
	ck_assert_uint_eq(made, 0);
}
END_TEST

START_TEST(the_tdmr_with_most_work_left_is_taken_first)
{
	struct tdxc_seamcall_diag diag;
	uint64_t made;

	run_to(TDXC_MODULE_TDMRS);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 64, &made, &diag),
			 TDXC_E_AGAIN);
	ck_assert_uint_eq(m->tdmrs[0].next, m->tdmrs[0].range.start);
	ck_assert_uint_gt(m->tdmrs[1].next, m->tdmrs[1].range.start);
}
END_TEST

START_TEST(a_claimed_tdmr_is_left_to_its_cpu)
{
	struct tdxc_seamcall_diag diag;
	uint64_t made;

	run_to(TDXC_MODULE_TDMRS);
	m->tdmrs[1].claim = 1;
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 0, &made, &diag),
			 TDXC_E_AGAIN);
	ck_assert_uint_eq(made, 64);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 0, &made, &diag),
			 TDXC_E_NOENT);
	ck_assert_int_eq(tdxc_module_resume(m), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_BUSY);
	ck_assert_uint_eq(c.b.ops.nr_lent, 2);
	m->tdmrs[1].claim = 0;
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(cancel_stops_between_calls_and_resume_goes_on)
{
	struct tdxc_seamcall_diag diag;
	uint64_t made;

	run_to(TDXC_MODULE_TDMRS);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 5, &made, &diag),
			 TDXC_E_AGAIN);
	tdxc_module_cancel(m);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 5, &made, &diag),
			 TDXC_E_CANCELED);
	ck_assert_uint_eq(made, 0);
	ck_assert_int_eq(tdxc_module_resume(m), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_uint_eq(calls(TDXC_SYS_TDMR_INIT), 3 * 64);
}
END_TEST

START_TEST(a_failure_on_one_cpu_stops_all)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_TDMR_INIT,
				       .nth = 7,
				       .most = 1,
				       .status = BROKEN};
	struct tdxc_seamcall_diag diag;
	uint64_t made;

	run_to(TDXC_MODULE_TDMRS);
	answer(&a);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 0, &made, &diag), TDXC_E_IO);
	ck_assert_uint_eq(made, 7);
	ck_assert_int_eq(tdxc_module_tdmr_init(m, 0, &made, &diag), TDXC_E_IO);
	ck_assert_uint_eq(made, 0);
	ck_assert_uint_eq(diag.status, BROKEN);
	ck_assert_int_eq(tdxc_module_resume(m), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

/* --- taking it down ---------------------------------------------------------
 */

START_TEST(undo_before_config_frees_and_plans_again)
{
	struct tdxc_seamcall_diag diag;

	run_to(TDXC_MODULE_CONFIG);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert_uint_eq(c.b.ops.flushes, 0);
	nothing_is_lent();
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_PLAN);
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
}
END_TEST

START_TEST(undo_of_a_ready_module_starts_from_sys_init_again)
{
	struct tdxc_seamcall_diag diag;

	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
		ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
		ck_assert_uint_eq(diag.status, 0);
		nothing_is_lent();
		ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
	}
	ck_assert_uint_eq(calls(TDXC_SYS_INIT), 2);
}
END_TEST

START_TEST(undo_stops_where_an_op_fails_and_goes_on_from_there)
{
	struct tdxc_seamcall_diag diag;
	uint64_t before;

	erratum_machine();
	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	before = c.b.ops.op_calls;
	c.b.ops.fail_at[0] = before + 1; /* the flush */
	c.b.ops.fail_at[1] = before + 5; /* a rewrite, after flush again */
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	ck_assert_uint_eq(c.b.ops.nr_lent, 2);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	ck_assert_uint_eq(c.b.ops.nr_lent, 2);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	nothing_is_lent();
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
	ck_assert_uint_eq(calls(TDXC_SYS_DISABLE), 1);
}
END_TEST

START_TEST(idea_38_nothing_is_rewritten_without_the_erratum)
{
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(module_case_acts(&c, TDXC_SIM_PORT_REWRITE), 0);
}
END_TEST

static const struct {
	uint64_t status;
	int err;
	enum tdxc_module_disabled how;
} disables[] = {
	{OPERAND_INVALID, TDXC_OK, TDXC_DISABLE_NOT_OFFERED},
	{SYS_NOT_READY, TDXC_OK, TDXC_DISABLE_NOT_READY},
	{SYS_SHUTDOWN, TDXC_OK, TDXC_DISABLE_NOT_READY},
	{TDXC_STATUS_VMFAILINVALID, TDXC_OK, TDXC_DISABLE_NO_MODULE},
	{TDXC_STATUS_UD, TDXC_OK, TDXC_DISABLE_NO_MODULE},
	{TDXC_STATUS_GP, TDXC_OK, TDXC_DISABLE_NO_MODULE},
	{BROKEN, TDXC_OK, TDXC_DISABLE_REFUSED},
	{0, TDXC_OK, TDXC_DISABLE_DONE},
	{RESUMABLE, TDXC_E_BUSY, TDXC_DISABLE_NOT_TRIED},
	{SYS_BUSY, TDXC_E_BUSY, TDXC_DISABLE_NOT_TRIED},
};

START_TEST(every_answer_to_sys_disable_has_its_meaning_and_an_end)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_DISABLE,
				       .nth = 1,
				       .status = disables[_i].status};
	enum tdxc_module_disabled how;
	struct tdxc_seamcall_diag diag;

	answer(&a);
	ck_assert_int_eq(tdxc_module_disable(m, &how, &diag), disables[_i].err);
	ck_assert_int_eq(how, disables[_i].how);
	ck_assert_uint_le(a.seen, TDXC_ATTEMPTS_RESUME);
}
END_TEST

START_TEST(an_interrupted_sys_disable_is_resumed)
{
	struct module_case_answer a = {.leaf = TDXC_SYS_DISABLE,
				       .nth = 1,
				       .most = 50,
				       .status = RESUMABLE};
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	answer(&a);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(diag.again[TDXC_AGAIN_RESUME], 50);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
}
END_TEST

START_TEST(undo_frees_nothing_while_sys_disable_is_not_through)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_DISABLE, .nth = 1, .status = SYS_BUSY};
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	answer(&a);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	ck_assert_uint_eq(c.b.ops.nr_lent, 2);
	module_case_answer(&c, NULL, 0);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	nothing_is_lent();
}
END_TEST

START_TEST(an_old_module_gives_its_memory_back_but_stays_dead)
{
	struct module_case_answer a = {
		.leaf = TDXC_SYS_DISABLE, .nth = 1, .status = OPERAND_INVALID};
	struct tdxc_module_todo todo;
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	answer(&a);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_DEAD);
	ck_assert_int_eq(tdxc_module_next(m, &todo), TDXC_OK);
	ck_assert_int_eq(todo.step, TDXC_MODULE_DEAD);
	ck_assert_uint_eq(c.b.ops.flushes, 2);
	nothing_is_lent();
}
END_TEST

START_TEST(builds_are_counted_and_keep_undo_out)
{
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_sim_bringup_run(&c.b), TDXC_OK);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
}
END_TEST

static TCase *with_fixture(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, up, down);
	suite_add_tcase(s, t);
	return t;
}

static void add_cpus(Suite *s)
{
	TCase *t = with_fixture(s, "processors");

	tcase_add_test(
		t,
		idea_17_a_failed_sys_init_is_remembered_and_can_be_forgotten);
	tcase_add_test(t, idea_18_a_failed_lp_init_concerns_its_cpu_alone);
	tcase_add_test(t,
		       idea_18_a_late_cpu_that_fails_leaves_the_module_ready);
	tcase_add_test(t,
		       a_cpu_that_did_lp_init_makes_no_call_when_it_comes_back);
	tcase_add_test(t, lp_init_that_was_done_already_is_done);
	tcase_add_test(t, sys_init_without_entropy_is_tried_ten_times);
	tcase_add_test(t, idea_55_config_names_the_cpus_that_are_missing);
	tcase_add_test(
		t, idea_55_an_lp_the_host_does_not_know_shows_in_the_status);
	tcase_add_test(
		t,
		idea_32_the_last_cpu_of_a_package_stays_while_a_keyid_is_in_use);
	tcase_add_test(t,
		       a_package_keeps_a_cpu_while_keys_are_being_configured);
	tcase_add_test(t, no_cpu_leaves_while_an_update_is_under_way);
}

static void add_steps(Suite *s)
{
	TCase *t = with_fixture(s, "steps");

	tcase_add_test(t, bring_up_makes_no_call_too_many);
	tcase_add_test(t, bring_up_with_static_pamts_asks_field_by_field_too);
	tcase_add_test(t, caches_are_flushed_between_config_and_keys_once);
	tcase_add_test(t, a_step_out_of_order_is_refused_and_makes_no_call);
	tcase_add_test(t, a_malformed_configuration_is_refused);
	tcase_add_test(t, every_step_has_a_name);
	tcase_add_test(t,
		       a_module_that_clobbers_rbp_is_refused_unless_accepted);
	tcase_add_test(
		t,
		the_plan_can_be_looked_at_and_made_again_before_it_is_placed);
	tcase_add_test(t, a_pamt_that_finds_no_memory_leaves_none_behind);
	tcase_add_test(t, config_that_is_refused_can_be_tried_again);
	tcase_add_test(t, a_key_without_entropy_is_retried);
	tcase_add_test(t, a_key_that_is_configured_already_is_no_failure);
	tcase_add_test(t, a_package_without_an_online_cpu_is_named);
	tcase_add_test(t, a_package_the_host_does_not_know_is_noticed);
}

static void add_tdmrs(Suite *s)
{
	TCase *t = with_fixture(s, "TDMR.INIT");

	tcase_add_test(t, idea_23_calls_without_progress_are_counted_and_end);
	tcase_add_test(t, idea_24_an_address_beyond_the_end_counts_as_finished);
	tcase_add_test(t, an_address_that_goes_backwards_is_a_failure);
	tcase_add_test(t, a_tdmr_that_is_initialized_already_is_done);
	tcase_add_test(t, progress_goes_from_nothing_to_all_by_gib);
	tcase_add_test(t, the_tdmr_with_most_work_left_is_taken_first);
	tcase_add_test(t, a_claimed_tdmr_is_left_to_its_cpu);
	tcase_add_test(t, cancel_stops_between_calls_and_resume_goes_on);
	tcase_add_test(t, a_failure_on_one_cpu_stops_all);
}

static void add_undo(Suite *s)
{
	TCase *t = with_fixture(s, "undo");

	tcase_add_test(t, idea_22_a_key_failure_undoes_once_flush_rewrite_free);
	tcase_add_test(t, undo_before_config_frees_and_plans_again);
	tcase_add_test(t, undo_of_a_ready_module_starts_from_sys_init_again);
	tcase_add_test(t, undo_stops_where_an_op_fails_and_goes_on_from_there);
	tcase_add_test(t, idea_38_nothing_is_rewritten_without_the_erratum);
	tcase_add_loop_test(
		t, every_answer_to_sys_disable_has_its_meaning_and_an_end, 0,
		COUNT(disables));
	tcase_add_test(t, an_interrupted_sys_disable_is_resumed);
	tcase_add_test(t, undo_frees_nothing_while_sys_disable_is_not_through);
	tcase_add_test(t, an_old_module_gives_its_memory_back_but_stays_dead);
	tcase_add_test(t, builds_are_counted_and_keep_undo_out);
}

int main(void)
{
	Suite *s = suite_create("module");
	SRunner *runner;
	int failed;

	add_cpus(s);
	add_steps(s);
	add_tdmrs(s);
	add_undo(s);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
