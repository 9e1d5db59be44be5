/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * TD_PARAMS: each rule, and the software module's MNG.INIT as the judge of the
 * judge: for random structures both must say the same, to the bit of the status
 * and to the CPUID leaf.
 *
 * TDXC_SEED repeats a random run; TDXC_TEST_SCALE=percent: how many.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td_params.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "td/td_rig.h"

#define COUNT(a)	   (sizeof(a) / sizeof((a)[0]))
#define ROUNDS		   4000u
#define FEWEST		   40u
#define INVALID		   TDXC_STATUS_OPERAND_INVALID
#define TDCS_NOT_ALLOCATED 0xC000060600000000ull
#define FIELD_ID_INCORRECT 0xC0000C0000000000ull
#define BIT(n)		   (1ull << (n))
#define NONE		   0xFFFFFFFFu

/* --- a module of the tests' own --------------------------------------------
 */

static struct tdxc_sysinfo info;
static struct tdxc_td_rules rules;
static struct tdxc_td_params params;
static struct tdxc_td_params_fault fault;
static struct tdxc_td_cpuid cpuid[4];
static uint64_t page[TDXC_TD_PARAMS_WORDS];

static void plain(void)
{
	memset(&info, 0, sizeof(info));
	info.attributes_fixed0 = 0x8000000070000001ull;
	info.xfam_fixed0 = 0x6DBE7;
	info.xfam_fixed1 = 3;
	info.num_cpuid_config = 3;
	info.cpuid_leaf[0] = 1 | (uint64_t)NONE << 32;
	info.cpuid_value[0][0] = 0x0FFF3FFF | (uint64_t)0xFF << 32;
	info.cpuid_leaf[1] = 4 | 3ull << 32;
	info.cpuid_value[1][0] = 0xF0 | (uint64_t)0x0F << 32;
	info.cpuid_value[1][1] = 0x11 | (uint64_t)0x80000000 << 32;
	info.cpuid_leaf[2] = 7 | 0ull << 32;
	info.cpuid_value[2][1] = (uint64_t)1 << 63;
	memset(&rules, 0, sizeof(rules));
	rules.abi = TDXC_ABI;
	rules.info = &info;
	rules.config_flags_fixed0 = 7;
	rules.nr_l2_vms = 1;
	rules.five_level = true;
	memset(&params, 0, sizeof(params));
	params.abi = TDXC_ABI;
	params.levels = 4;
	params.xfam = 7;
	params.max_vcpus = 2;
	params.tsc_frequency = 80;
	params.cpuid = cpuid;
	memset(cpuid, 0, sizeof(cpuid));
	memset(page, 0x5A, sizeof(page));
}

static int build(void)
{
	return tdxc_td_params_build(&rules, &params, page, &fault);
}

static void expect_untouched(void)
{
	for (size_t i = 0; i < COUNT(page); i++)
		ck_assert_uint_eq(page[i], 0x5A5A5A5A5A5A5A5Aull);
}

static void expect_fault(enum tdxc_td_field field, enum tdxc_td_rule rule,
			 uint64_t value, uint64_t status)
{
	ck_assert_int_eq(build(), TDXC_E_INVAL);
	ck_assert_str_eq(tdxc_td_field_name(fault.field),
			 tdxc_td_field_name(field));
	ck_assert_str_eq(tdxc_td_rule_text(fault.rule),
			 tdxc_td_rule_text(rule));
	ck_assert_uint_eq(fault.value, value);
	ck_assert_uint_eq(fault.status, status);
	expect_untouched();
}

static void expect_built(void)
{
	static const struct tdxc_td_params_fault none;

	ck_assert_int_eq(build(), TDXC_OK);
	ck_assert_mem_eq(&fault, &none, sizeof(none));
}

/* --- the structure ---------------------------------------------------------
 */

START_TEST(every_field_stands_where_the_module_reads_it)
{
	const unsigned char *bytes = (const unsigned char *)page;

	plain();
	params.attributes = TDXC_TD_ATTR_PERFMON | TDXC_TD_ATTR_NO_SEPT_VE;
	params.xfam = 0xE7;
	params.max_vcpus = 0x0123;
	params.nr_l2_vms = 1;
	params.arch_cap_valid = true;
	params.arch_cap = 0x0102030405060708ull;
	rules.arch_cap_mask = ~0ull;
	params.levels = 5;
	params.config_flags = TDXC_TD_FLAG_GPAW | TDXC_TD_FLAG_NO_RBP_MOD;
	params.tsc_frequency = 0x0101;
	memset(params.mrconfigid, 0xC1, 48);
	memset(params.mrowner, 0xC2, 48);
	memset(params.mrownerconfig, 0xC3, 48);
	cpuid[0] = (struct tdxc_td_cpuid){7, 0, {0, 0, 0, 0x80000000}};
	cpuid[1] = (struct tdxc_td_cpuid){4, 3, {0x30, 0x05, 0x10, 0x80000000}};
	params.nr_cpuid = 2;
	expect_built();
	ck_assert_uint_eq(page[0], 0x8000000010000000ull);
	ck_assert_uint_eq(page[1], 0xE7);
	ck_assert_uint_eq(page[2], 0x01010123);
	ck_assert_uint_eq(page[3], 0x26);
	ck_assert_uint_eq(page[4], 5);
	ck_assert_uint_eq(page[5], 0x0101);
	for (size_t i = 6; i < 10; i++)
		ck_assert_uint_eq(page[i], 0);
	for (size_t i = 0; i < 48; i++) {
		ck_assert_uint_eq(bytes[80 + i], 0xC1);
		ck_assert_uint_eq(bytes[128 + i], 0xC2);
		ck_assert_uint_eq(bytes[176 + i], 0xC3);
	}
	ck_assert_uint_eq(page[28], params.arch_cap);
	for (size_t i = 29; i < 34; i++)
		ck_assert_uint_eq(page[i], 0);
	ck_assert_uint_eq(page[34], 0x0500000030ull);
	ck_assert_uint_eq(page[35], 0x8000000000000010ull);
	ck_assert_uint_eq(page[36], 0);
	ck_assert_uint_eq(page[37], 0x8000000000000000ull);
	for (size_t i = 38; i < COUNT(page); i++)
		ck_assert_uint_eq(page[i], 0);
}
END_TEST

/* --- each rule -------------------------------------------------------------
 */

START_TEST(attributes_keep_to_the_fixed_bits)
{
	plain();
	info.attributes_fixed1 = BIT(28);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool allowed = (info.attributes_fixed0 >> bit & 1) != 0;

		params.attributes = BIT(28) | BIT(bit);
		if (allowed) {
			expect_built();
			memset(page, 0x5A, sizeof(page));
			continue;
		}
		expect_fault(TDXC_TD_FIELD_ATTRIBUTES, TDXC_TD_RULE_ALLOWED,
			     params.attributes, INVALID | 64);
		ck_assert_uint_eq(fault.bits, BIT(bit));
		ck_assert_uint_eq(fault.allowed, info.attributes_fixed0);
		ck_assert_uint_eq(fault.required, BIT(28));
	}
	params.attributes = 0;
	expect_fault(TDXC_TD_FIELD_ATTRIBUTES, TDXC_TD_RULE_REQUIRED, 0,
		     INVALID | 64);
	ck_assert_uint_eq(fault.bits, BIT(28));
}
END_TEST

START_TEST(a_migratable_td_is_neither_debug_nor_perfmon)
{
	static const uint64_t others[] = {TDXC_TD_ATTR_DEBUG,
					  TDXC_TD_ATTR_PERFMON};

	plain();
	for (size_t i = 0; i < COUNT(others); i++) {
		params.attributes = TDXC_TD_ATTR_MIGRATABLE | others[i];
		expect_fault(TDXC_TD_FIELD_ATTRIBUTES, TDXC_TD_RULE_TOGETHER,
			     params.attributes, INVALID | 64);
		ck_assert_uint_eq(fault.bits, params.attributes);
	}
	params.attributes = TDXC_TD_ATTR_MIGRATABLE;
	expect_built();
	params.attributes = TDXC_TD_ATTR_DEBUG | TDXC_TD_ATTR_PERFMON;
	expect_built();
}
END_TEST

START_TEST(xfam_keeps_to_the_fixed_bits)
{
	plain();
	for (unsigned bit = 0; bit < 2; bit++) {
		params.xfam = 7 & ~BIT(bit);
		expect_fault(TDXC_TD_FIELD_XFAM, TDXC_TD_RULE_REQUIRED,
			     params.xfam, INVALID | 65);
		ck_assert_uint_eq(fault.bits, BIT(bit));
	}
	for (unsigned bit = 2; bit < 64; bit++) {
		if ((info.xfam_fixed0 >> bit & 1) != 0)
			continue;
		params.xfam = 7 | BIT(bit);
		expect_fault(TDXC_TD_FIELD_XFAM, TDXC_TD_RULE_ALLOWED,
			     params.xfam, INVALID | 65);
		ck_assert_uint_eq(fault.bits, BIT(bit));
	}
}
END_TEST

struct xfam_row {
	uint64_t xfam;
	uint64_t blamed; /* 0: accepted */
};

static const struct xfam_row xfam_rows[] = {
	{0x3, 0},
	{0x7, 0},
	{0x27, 0xE0},
	{0xC7, 0xE0},
	{0xE7, 0},
	{0xE3, 0xE4},
	{0x807, 0x1800},
	{0x1007, 0x1800},
	{0x1807, 0},
	{0x20007, 0x60000},
	{0x40007, 0x60000},
	{0x60007, 0},
	{0x6D8E7 | 0x300, 0},
};

START_TEST(xfam_features_that_come_together_do)
{
	const struct xfam_row *row = &xfam_rows[_i];

	plain();
	params.xfam = row->xfam;
	if (row->blamed == 0) {
		expect_built();
		return;
	}
	expect_fault(TDXC_TD_FIELD_XFAM, TDXC_TD_RULE_TOGETHER, row->xfam,
		     INVALID | 65);
	ck_assert_uint_eq(fault.bits, row->blamed);
}
END_TEST

START_TEST(there_is_a_vcpu_and_not_more_than_the_module_takes)
{
	plain();
	params.max_vcpus = 0;
	expect_fault(TDXC_TD_FIELD_MAX_VCPUS, TDXC_TD_RULE_BOUNDS, 0,
		     INVALID | 68);
	ck_assert_uint_eq(fault.required, 1);
	ck_assert_uint_eq(fault.allowed, 0xFFFF);
	params.max_vcpus = 0xFFFF;
	expect_built();
	memset(page, 0x5A, sizeof(page));
	info.present |= BIT(TDXC_FIELD_MAX_VCPUS_PER_TD);
	info.max_vcpus_per_td = 576;
	params.max_vcpus = 577;
	expect_fault(TDXC_TD_FIELD_MAX_VCPUS, TDXC_TD_RULE_BOUNDS, 577,
		     INVALID | 68);
	ck_assert_uint_eq(fault.allowed, 576);
	params.max_vcpus = 576;
	expect_built();
}
END_TEST

START_TEST(l2_vms_are_three_at_most_and_have_their_pages)
{
	plain();
	params.nr_l2_vms = 4;
	expect_fault(TDXC_TD_FIELD_NUM_L2_VMS, TDXC_TD_RULE_BOUNDS, 4,
		     INVALID | 71);
	ck_assert_uint_eq(fault.allowed, 3);
	params.nr_l2_vms = 2;
	expect_fault(TDXC_TD_FIELD_NUM_L2_VMS, TDXC_TD_RULE_PAGES, 2,
		     TDCS_NOT_ALLOCATED);
	ck_assert_uint_eq(fault.allowed, 1);
	params.nr_l2_vms = 1;
	expect_built();
}
END_TEST

START_TEST(config_flags_keep_to_the_fixed_bits)
{
	plain();
	rules.config_flags_fixed1 = TDXC_TD_FLAG_NO_RBP_MOD;
	for (unsigned bit = 3; bit < 64; bit++) {
		params.config_flags = TDXC_TD_FLAG_NO_RBP_MOD | BIT(bit);
		expect_fault(TDXC_TD_FIELD_CONFIG_FLAGS, TDXC_TD_RULE_ALLOWED,
			     params.config_flags, INVALID | 66);
		ck_assert_uint_eq(fault.bits, BIT(bit));
		ck_assert_uint_eq(fault.allowed, 7);
	}
	params.config_flags = TDXC_TD_FLAG_PENDING_VE;
	expect_fault(TDXC_TD_FIELD_CONFIG_FLAGS, TDXC_TD_RULE_REQUIRED, 2,
		     INVALID | 66);
	ck_assert_uint_eq(fault.required, TDXC_TD_FLAG_NO_RBP_MOD);
	params.config_flags |= TDXC_TD_FLAG_NO_RBP_MOD;
	expect_built();
}
END_TEST

struct walk_row {
	uint32_t levels;
	bool wide;
	bool five_level;
	enum tdxc_td_rule rule;
};

static const struct walk_row walk_rows[] = {
	{3, false, true, TDXC_TD_RULE_BOUNDS},
	{6, false, true, TDXC_TD_RULE_BOUNDS},
	{0, false, true, TDXC_TD_RULE_BOUNDS},
	{12, false, true, TDXC_TD_RULE_BOUNDS},
	{4, false, true, TDXC_TD_RULE_NONE},
	{4, false, false, TDXC_TD_RULE_NONE},
	{4, true, true, TDXC_TD_RULE_LEVELS},
	{5, true, true, TDXC_TD_RULE_NONE},
	{5, false, true, TDXC_TD_RULE_NONE},
	{5, false, false, TDXC_TD_RULE_LEVELS},
	{5, true, false, TDXC_TD_RULE_LEVELS},
};

START_TEST(levels_fit_the_address_width_and_the_processor)
{
	const struct walk_row *row = &walk_rows[_i];

	plain();
	params.levels = row->levels;
	params.config_flags = row->wide ? TDXC_TD_FLAG_GPAW : 0;
	rules.five_level = row->five_level;
	if (row->rule == TDXC_TD_RULE_NONE) {
		expect_built();
		ck_assert_uint_eq(page[3], 6 | (row->levels - 1) << 3);
		return;
	}
	expect_fault(TDXC_TD_FIELD_EPTP_CONTROLS, row->rule, row->levels,
		     INVALID | 67);
}
END_TEST

START_TEST(tsc_frequency_has_bounds)
{
	static const uint16_t bad[] = {0, 3, 401, 0xFFFF};

	plain();
	for (size_t i = 0; i < COUNT(bad); i++) {
		params.tsc_frequency = bad[i];
		expect_fault(TDXC_TD_FIELD_TSC_FREQUENCY, TDXC_TD_RULE_BOUNDS,
			     bad[i], INVALID | 70);
		ck_assert_uint_eq(fault.required, 4);
		ck_assert_uint_eq(fault.allowed, 400);
	}
	params.tsc_frequency = 4;
	expect_built();
	params.tsc_frequency = 400;
	expect_built();
}
END_TEST

START_TEST(cpuid_values_keep_to_the_configurable_bits)
{
	const uint64_t leaf = 4 | 3ull << 32;

	plain();
	params.nr_cpuid = 1;
	for (uint32_t reg = 0; reg < 4; reg++) {
		uint32_t mask = (uint32_t)(info.cpuid_value[1][reg / 2] >>
					   32 * (reg % 2));

		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t value = 1u << bit;

			cpuid[0] = (struct tdxc_td_cpuid){4, 3, {0}};
			cpuid[0].value[reg] = value;
			if ((mask & value) != 0) {
				expect_built();
				memset(page, 0x5A, sizeof(page));
				continue;
			}
			expect_fault(TDXC_TD_FIELD_CPUID_CONFIG,
				     TDXC_TD_RULE_ALLOWED, value, INVALID | 69);
			ck_assert_uint_eq(fault.leaf, leaf);
			ck_assert_uint_eq(fault.reg, reg);
			ck_assert_uint_eq(fault.allowed, mask);
			ck_assert_uint_eq(fault.bits, value);
		}
	}
}
END_TEST

START_TEST(the_first_leaf_in_the_modules_order_is_blamed)
{
	plain();
	cpuid[0] = (struct tdxc_td_cpuid){7, 0, {1, 0, 0, 0}};
	cpuid[1] = (struct tdxc_td_cpuid){4, 3, {0, 0, 2, 0}};
	params.nr_cpuid = 2;
	expect_fault(TDXC_TD_FIELD_CPUID_CONFIG, TDXC_TD_RULE_ALLOWED, 2,
		     INVALID | 69);
	ck_assert_uint_eq(fault.leaf, 4 | 3ull << 32);
	ck_assert_uint_eq(fault.reg, 2);
}
END_TEST

START_TEST(a_leaf_is_known_and_listed_once)
{
	plain();
	cpuid[0] = (struct tdxc_td_cpuid){4, 2, {0, 0, 0, 0}};
	params.nr_cpuid = 1;
	expect_fault(TDXC_TD_FIELD_CPUID_CONFIG, TDXC_TD_RULE_UNKNOWN, 0, 0);
	ck_assert_uint_eq(fault.leaf, 4 | 2ull << 32);
	cpuid[0].subleaf = 3;
	cpuid[1] = cpuid[0];
	params.nr_cpuid = 2;
	expect_fault(TDXC_TD_FIELD_CPUID_CONFIG, TDXC_TD_RULE_TWICE, 0, 0);
	cpuid[1].leaf = 7;
	cpuid[1].subleaf = 0;
	expect_built();
}
END_TEST

START_TEST(family_model_and_stepping_are_the_machines_or_none)
{
	plain();
	cpuid[0] = (struct tdxc_td_cpuid){1, NONE, {0x806F8, 0, 0, 0}};
	params.nr_cpuid = 1;
	expect_built();
	memset(page, 0x5A, sizeof(page));
	rules.fms = 0xA06D0;
	expect_fault(TDXC_TD_FIELD_CPUID_CONFIG, TDXC_TD_RULE_FMS, 0x806F8,
		     INVALID | 69);
	ck_assert_uint_eq(fault.allowed, 0xA06D0);
	cpuid[0].value[0] = 0;
	expect_built();
	cpuid[0].value[0] = 0xA06D0;
	expect_built();
}
END_TEST

START_TEST(arch_capabilities_count_only_where_they_are_said_to)
{
	plain();
	rules.arch_cap_mask = 0xF0;
	params.arch_cap = 0x10;
	expect_fault(TDXC_TD_FIELD_ARCH_CAPABILITIES, TDXC_TD_RULE_ALLOWED,
		     0x10, INVALID | 72);
	ck_assert_uint_eq(fault.allowed, 0);
	params.arch_cap_valid = true;
	params.arch_cap = 0x11;
	expect_fault(TDXC_TD_FIELD_ARCH_CAPABILITIES, TDXC_TD_RULE_ALLOWED,
		     0x11, INVALID | 72);
	ck_assert_uint_eq(fault.bits, 1);
	ck_assert_uint_eq(fault.allowed, 0xF0);
	params.arch_cap = 0xF0;
	expect_built();
}
END_TEST

START_TEST(the_first_fault_in_the_modules_order_is_named)
{
	static const enum tdxc_td_field order[] = {
		TDXC_TD_FIELD_ATTRIBUTES,	 TDXC_TD_FIELD_XFAM,
		TDXC_TD_FIELD_MAX_VCPUS,	 TDXC_TD_FIELD_NUM_L2_VMS,
		TDXC_TD_FIELD_CONFIG_FLAGS,	 TDXC_TD_FIELD_EPTP_CONTROLS,
		TDXC_TD_FIELD_TSC_FREQUENCY,	 TDXC_TD_FIELD_CPUID_CONFIG,
		TDXC_TD_FIELD_ARCH_CAPABILITIES,
	};

	plain();
	params.attributes = 2;
	params.xfam = 0;
	params.max_vcpus = 0;
	params.nr_l2_vms = 9;
	params.config_flags = 8;
	params.levels = 7;
	params.tsc_frequency = 0;
	cpuid[0] = (struct tdxc_td_cpuid){7, 0, {1, 0, 0, 0}};
	params.nr_cpuid = 1;
	params.arch_cap = 1;
	for (size_t i = 0; i < COUNT(order); i++) {
		ck_assert_int_eq(build(), TDXC_E_INVAL);
		ck_assert_int_eq(fault.field, order[i]);
		if (i == 0)
			params.attributes = 0;
		else if (i == 1)
			params.xfam = 3;
		else if (i == 2)
			params.max_vcpus = 1;
		else if (i == 3)
			params.nr_l2_vms = 0;
		else if (i == 4)
			params.config_flags = 0;
		else if (i == 5)
			params.levels = 4;
		else if (i == 6)
			params.tsc_frequency = 4;
		else
			params.nr_cpuid = 0;
	}
	params.arch_cap = 0;
	expect_built();
}
END_TEST

START_TEST(what_is_missing_or_of_another_abi_is_refused)
{
	plain();
	rules.abi++;
	expect_fault(TDXC_TD_FIELD_NONE, TDXC_TD_RULE_NONE, 0, 0);
	plain();
	params.abi++;
	expect_fault(TDXC_TD_FIELD_NONE, TDXC_TD_RULE_NONE, 0, 0);
	plain();
	rules.info = NULL;
	expect_fault(TDXC_TD_FIELD_NONE, TDXC_TD_RULE_NONE, 0, 0);
	plain();
	params.cpuid = NULL;
	params.nr_cpuid = 1;
	expect_fault(TDXC_TD_FIELD_NONE, TDXC_TD_RULE_NONE, 0, 0);
	plain();
	info.num_cpuid_config = TDXC_TD_PARAMS_CPUID + 1;
	ck_assert_int_eq(build(), TDXC_E_NOSPC);
	ck_assert_uint_eq(fault.value, TDXC_TD_PARAMS_CPUID + 1);
	expect_untouched();
	info.num_cpuid_config = TDXC_TD_PARAMS_CPUID;
	expect_built();
}
END_TEST

START_TEST(every_value_has_a_name)
{
	for (int i = 0; i < TDXC_TD_FIELDS; i++) {
		ck_assert_str_ne(tdxc_td_field_name((enum tdxc_td_field)i), "");
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(
				tdxc_td_field_name((enum tdxc_td_field)i),
				tdxc_td_field_name((enum tdxc_td_field)k));
	}
	for (int i = 0; i < TDXC_TD_RULES; i++)
		ck_assert_str_ne(tdxc_td_rule_text((enum tdxc_td_rule)i), "");
	ck_assert_str_eq(tdxc_td_field_name(TDXC_TD_FIELDS), "unknown field");
	ck_assert_str_eq(tdxc_td_rule_text(TDXC_TD_RULES), "unknown rule");
}
END_TEST

/* --- the module's rules -----------------------------------------------------
 */

struct canned {
	uint64_t answers[3]; /* statuses */
	uint64_t values[3];
	uint32_t calls;
};

static uint64_t canned_call(void *ctx, uint64_t rax,
			    struct tdxc_seamcall_regs *regs,
			    enum tdxc_seamcall_shape shape)
{
	struct canned *c = ctx;
	uint32_t i = c->calls++;

	(void)shape;
	ck_assert_uint_eq(rax, TDXC_SYS_RD);
	ck_assert_uint_lt(i, 3);
	regs->r8 = c->values[i];
	return c->answers[i];
}

static const struct tdxc_seamcall_ops canned_ops = {
	.abi = TDXC_ABI,
	.call = canned_call,
};

START_TEST(rules_are_what_the_module_says_or_the_least)
{
	struct canned c = {.values = {0x1F, 2, 0xF0}};
	const struct tdxc_seamcall_port port = {&canned_ops, &c};
	struct tdxc_seamcall_diag diag;

	plain();
	ck_assert_int_eq(tdxc_td_rules_read(&port, &rules, &diag), TDXC_OK);
	ck_assert_uint_eq(rules.config_flags_fixed0, 0x1F);
	ck_assert_uint_eq(rules.config_flags_fixed1, 2);
	ck_assert_uint_eq(rules.arch_cap_mask, 0xF0);
	c.calls = 0;
	for (size_t i = 0; i < 3; i++)
		c.answers[i] = FIELD_ID_INCORRECT;
	ck_assert_int_eq(tdxc_td_rules_read(&port, &rules, &diag), TDXC_OK);
	ck_assert_uint_eq(rules.config_flags_fixed0, TDXC_TD_FLAG_GPAW);
	ck_assert_uint_eq(rules.config_flags_fixed1, 0);
	ck_assert_uint_eq(rules.arch_cap_mask, 0);
	rules.arch_cap_mask = 77;
	for (size_t i = 0; i < 3; i++) {
		memset(c.answers, 0, sizeof(c.answers));
		c.answers[i] = 0xC000050500000000ull;
		c.calls = 0;
		ck_assert_int_eq(tdxc_td_rules_read(&port, &rules, &diag),
				 TDXC_E_IO);
		ck_assert_uint_eq(diag.status, c.answers[i]);
		ck_assert_uint_eq(rules.arch_cap_mask, 77);
	}
	rules.abi++;
	c.calls = 0;
	ck_assert_int_eq(tdxc_td_rules_read(&port, &rules, &diag),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(c.calls, 0);
}
END_TEST

/* --- against MNG.INIT --------------------------------------------------------
 */

static struct td_rig *rig;

static uint64_t random64(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* One time in n. */
static bool rarely(uint64_t *state, uint64_t n)
{
	return random64(state) % n == 0;
}

/* Mostly good, one bit wrong now and then. */
static uint64_t bits(uint64_t *state, uint64_t fixed0, uint64_t fixed1)
{
	uint64_t value = (random64(state) & fixed0) | fixed1;

	return rarely(state, 8) ? value ^ BIT(random64(state) % 64) : value;
}

static void random_cpuid(uint64_t *state, const struct tdxc_sysinfo *of,
			 struct tdxc_td_cpuid *list)
{
	params.cpuid = list;
	params.nr_cpuid = 0;
	for (uint32_t i = 0; i < of->num_cpuid_config; i++) {
		struct tdxc_td_cpuid *c = &list[params.nr_cpuid];

		if (!rarely(state, 3))
			continue;
		c->leaf = (uint32_t)of->cpuid_leaf[i];
		c->subleaf = (uint32_t)(of->cpuid_leaf[i] >> 32);
		for (uint32_t reg = 0; reg < 4; reg++)
			c->value[reg] =
				(uint32_t)(of->cpuid_value[i][reg / 2] >>
					   32 * (reg % 2)) &
				(uint32_t)random64(state);
		if (c->leaf == 1 && !rarely(state, 8))
			c->value[0] = rarely(state, 2) ? rules.fms : 0;
		if (rarely(state, 8))
			c->value[random64(state) % 4] ^=
				1u << random64(state) % 32;
		params.nr_cpuid++;
	}
}

static uint64_t random_xfam(uint64_t *state, const struct tdxc_sysinfo *of)
{
	uint64_t x = bits(state, of->xfam_fixed0, of->xfam_fixed1);

	if (rarely(state, 4))
		return x;
	/* whole groups, so that most are consistent */
	x &= ~(7ull << 5 | 3ull << 11 | 3ull << 17);
	if ((x & 4) != 0 && rarely(state, 2))
		x |= 7ull << 5;
	return rarely(state, 2) ? x | 3ull << 17 : x;
}

static void random_params(uint64_t *state, struct tdxc_td_cpuid *list)
{
	const struct tdxc_sysinfo *of = rules.info;

	memset(&params, 0, sizeof(params));
	params.abi = TDXC_ABI;
	params.attributes = bits(state, of->attributes_fixed0, 0);
	if (!rarely(state, 8))
		params.attributes &= ~TDXC_TD_ATTR_MIGRATABLE;
	params.xfam = random_xfam(state, of);
	params.max_vcpus =
		(uint16_t)(rarely(state, 12) ? 0 : random64(state) % 576 + 1);
	params.nr_l2_vms =
		(uint8_t)(rarely(state, 8) ? random64(state) % 256 : 0);
	params.config_flags = bits(state, rules.config_flags_fixed0, 0);
	params.levels = (params.config_flags & 1) != 0 ? 5 : 4;
	if (rarely(state, 8))
		params.levels = (uint32_t)(random64(state) % 10);
	params.tsc_frequency =
		(uint16_t)(random64(state) % (rarely(state, 8) ? 65536 : 401));
	for (size_t i = 0; i < 48; i++)
		params.mrowner[i] = (uint8_t)random64(state);
	random_cpuid(state, of, list);
	params.arch_cap_valid = rarely(state, 2);
	params.arch_cap = rarely(state, 12) ? BIT(random64(state) % 64) : 0;
}

/* What a page says that was not built: the module must refuse it. */
static void write_unchecked(void)
{
	const struct tdxc_sysinfo *of = rules.info;

	memset(page, 0, sizeof(page));
	page[0] = params.attributes;
	page[1] = params.xfam;
	page[2] = params.max_vcpus | (uint64_t)params.nr_l2_vms << 16 |
		  (uint64_t)params.arch_cap_valid << 24;
	page[3] = 6 | (uint64_t)((params.levels - 1) & 7) << 3;
	page[4] = params.config_flags;
	page[5] = params.tsc_frequency;
	memcpy(&page[16], params.mrowner, 48);
	page[28] = params.arch_cap;
	for (size_t i = 0; i < params.nr_cpuid; i++) {
		const struct tdxc_td_cpuid *c = &params.cpuid[i];
		uint32_t at = 0;

		while (of->cpuid_leaf[at] !=
		       (c->leaf | (uint64_t)c->subleaf << 32))
			at++;
		page[32 + 2 * at] = c->value[0] | (uint64_t)c->value[1] << 32;
		page[33 + 2 * at] = c->value[2] | (uint64_t)c->value[3] << 32;
	}
}

static uint64_t ask_module(uint64_t *leaf)
{
	struct tdxc_seamcall_regs regs = {.rcx = rig->td.tdr,
					  .rdx = rig->params_pa};
	uint64_t status;

	ck_assert_int_eq(tdxc_sim_machine_store(&rig->host.machine, rig->cpu,
						rig->params_pa, page,
						sizeof(page)),
			 TDXC_OK);
	status = rig->seamcall.ops->call(rig->seamcall.ctx, TDXC_MNG_INIT,
					 &regs, TDXC_SEAMCALL_RET);
	*leaf = regs.rcx;
	return status;
}

/* A TD that MNG.INIT has not been asked about yet, its pages added. MNG.INIT is
 * kept from the library. */
static uint64_t hold_init(struct td_rig *r, bool after, uint64_t status,
			  uint64_t rax, struct tdxc_seamcall_regs *regs)
{
	(void)r;
	(void)regs;
	if (after)
		return status;
	return rax == TDXC_MNG_INIT ? INVALID | 1 : 0;
}

static void fresh_td(void)
{
	td_rig_new(rig, 1);
	ck_assert_int_eq(td_rig_build_to(rig, TDXC_TD_SETUP), TDXC_OK);
	rig->look = hold_init;
	ck_assert_int_eq(td_rig_build_step(rig), TDXC_E_IO);
	rig->look = NULL;
}

static void compare(uint64_t seed, uint64_t round)
{
	int verdict = build();
	uint64_t status;
	uint64_t leaf;

	if (verdict != TDXC_OK)
		write_unchecked();
	status = ask_module(&leaf);
	ck_assert_msg(status == fault.status && leaf == fault.leaf,
		      "seed %" PRIu64 " round %" PRIu64
		      ": %s, %s: here %#" PRIx64 " leaf %#" PRIx64
		      ", the module %#" PRIx64 " leaf %#" PRIx64,
		      seed, round, tdxc_td_field_name(fault.field),
		      tdxc_td_rule_text(fault.rule), fault.status, fault.leaf,
		      status, leaf);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(the_verdict_is_the_modules)
{
	static const struct td_rig_shape shapes[] = {{.dynamic_pamt = false},
						     {.dynamic_pamt = true}};
	uint64_t seed = from_env("TDXC_SEED", 20261121) + (uint64_t)_i;
	uint64_t rounds =
		ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	struct tdxc_td_cpuid list[TDXC_TD_PARAMS_CPUID];
	struct tdxc_seamcall_diag diag;
	uint64_t state = seed;
	uint64_t accepted = 0;

	rig = malloc(sizeof(*rig));
	ck_assert_ptr_nonnull(rig);
	td_rig_up(rig, &shapes[_i]);
	memset(&rules, 0, sizeof(rules));
	rules.abi = TDXC_ABI;
	rules.info = &rig->host.bringup.module.info;
	rules.five_level = true;
	rules.fms = rig->host.description.fms;
	ck_assert_int_eq(tdxc_td_rules_read(&rig->seamcall, &rules, &diag),
			 TDXC_OK);
	fresh_td();
	for (uint64_t round = 0; round < rounds; round++) {
		random_params(&state, list);
		compare(seed, round);
		if (fault.status != 0)
			continue;
		accepted++;
		ck_assert_int_eq(td_rig_teardown(rig, 0), TDXC_OK);
		fresh_td();
	}
	printf("seed %" PRIu64 ": %" PRIu64 " of %" PRIu64 " accepted\n", seed,
	       accepted, rounds);
	ck_assert_uint_gt(accepted, rounds / 100);
	ck_assert_int_eq(td_rig_teardown(rig, 0), TDXC_OK);
	td_rig_down(rig);
	free(rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td_params");
	TCase *tc = tcase_create("rules");
	TCase *module = tcase_create("module");

	tcase_add_test(tc, every_field_stands_where_the_module_reads_it);
	tcase_add_test(tc, attributes_keep_to_the_fixed_bits);
	tcase_add_test(tc, a_migratable_td_is_neither_debug_nor_perfmon);
	tcase_add_test(tc, xfam_keeps_to_the_fixed_bits);
	tcase_add_loop_test(tc, xfam_features_that_come_together_do, 0,
			    COUNT(xfam_rows));
	tcase_add_test(tc, there_is_a_vcpu_and_not_more_than_the_module_takes);
	tcase_add_test(tc, l2_vms_are_three_at_most_and_have_their_pages);
	tcase_add_test(tc, config_flags_keep_to_the_fixed_bits);
	tcase_add_loop_test(tc, levels_fit_the_address_width_and_the_processor,
			    0, COUNT(walk_rows));
	tcase_add_test(tc, tsc_frequency_has_bounds);
	tcase_add_test(tc, cpuid_values_keep_to_the_configurable_bits);
	tcase_add_test(tc, the_first_leaf_in_the_modules_order_is_blamed);
	tcase_add_test(tc, a_leaf_is_known_and_listed_once);
	tcase_add_test(tc, family_model_and_stepping_are_the_machines_or_none);
	tcase_add_test(tc, arch_capabilities_count_only_where_they_are_said_to);
	tcase_add_test(tc, the_first_fault_in_the_modules_order_is_named);
	tcase_add_test(tc, what_is_missing_or_of_another_abi_is_refused);
	tcase_add_test(tc, every_value_has_a_name);
	tcase_add_test(tc, rules_are_what_the_module_says_or_the_least);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(module, the_verdict_is_the_modules, 0, 2);
	suite_add_tcase(s, module);
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
