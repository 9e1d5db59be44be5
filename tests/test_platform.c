/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Machines judged by their registers: each precondition, errata, widths, and
 * the KeyIDs for guests, also when many CPUs want them at once.
 *
 * TDXC_SEED changes the random machines, TDXC_TEST_SCALE=percent their number.
 */
#include <tdxcore/err.h>
#include <tdxcore/platform.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define BIT(n)	     (1ull << (n))

static uint64_t scaled(uint64_t count)
{
	const char *text = getenv("TDXC_TEST_SCALE");
	uint64_t percent = text ? strtoull(text, NULL, 0) : 100;

	return count * percent / 100 + 1;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33 ^ *state << 20;
}

/* ---- one machine, and what is wrong with it ---- */

#define PARTITION (32ull << 32 | 31)
#define TME	  (6ull << 32 | 3)
#define VMX_BASIC (BIT(60) | 4096ull << 32 | 0x11)
#define MASK	  (0x3FFFF8000000ull | BIT(11) | BIT(10)) /* 128 MiB of 2^46 */

static const struct tdxc_platform_regs good = {
	.abi = TDXC_ABI,
	.keyid_partitioning = {PARTITION, true},
	.tme_activate = {TME, true},
	.vmx_basic = {VMX_BASIC, true},
	.mtrrcap = {0x8D0A, true},
	.seamrr_base = {0x90000008, true},
	.seamrr_mask = {MASK, true},
	.cpuid_0_ebx = 0x756E6547,
	.cpuid_0_edx = 0x49656E69,
	.cpuid_0_ecx = 0x6C65746E,
	.cpuid_1_eax = 0xA06D1,
	.cpuid_1_ecx = BIT(26) | BIT(21) | BIT(5),
	.cpuid_1_edx = BIT(27),
	.cpuid_7_ecx = BIT(28),
	.cpuid_80000008_eax = 0x3934,
	.hibernation_excluded = true,
	.s3_excluded = true,
};

static struct tdxc_platform judged(const struct tdxc_platform_regs *regs)
{
	struct tdxc_platform p;

	memset(&p, 0xA5, sizeof(p));
	ck_assert_int_eq(tdxc_platform_judge(regs, &p), TDXC_OK);
	return p;
}

START_TEST(a_good_machine_passes_every_check)
{
	const struct tdxc_platform p = judged(&good);

	ck_assert(p.usable);
	for (size_t i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		ck_assert_uint_eq(p.report[i].check, i);
		ck_assert_msg(p.report[i].verdict == TDXC_PLATFORM_PASS, "%s",
			      tdxc_platform_check_name(p.report[i].check));
		ck_assert_int_eq(p.report[i].reason, TDXC_REASON_MET);
	}
	ck_assert_ptr_null(tdxc_platform_first(&p, TDXC_PLATFORM_FAIL));
	ck_assert_ptr_null(tdxc_platform_first(&p, TDXC_PLATFORM_WARN));
	ck_assert_ptr_null(tdxc_platform_first(&p, TDXC_PLATFORM_UNKNOWN));
	ck_assert_ptr_eq(tdxc_platform_first(&p, TDXC_PLATFORM_PASS),
			 &p.report[0]);
}
END_TEST

/* seeds.md S001-2: known before a module runs. */
START_TEST(s001_2_keyids_and_widths_are_facts_of_the_registers)
{
	const struct tdxc_platform p = judged(&good);

	ck_assert_uint_eq(p.nr_shared_keyids, 31);
	ck_assert_uint_eq(p.nr_private_keyids, 32);
	ck_assert_uint_eq(p.global_keyid, 32);
	ck_assert_uint_eq(p.first_guest_keyid, 33);
	ck_assert_uint_eq(p.nr_guest_keyids, 31);
	ck_assert_uint_eq(p.maxphyaddr, 52);
	ck_assert_uint_eq(p.keyid_bits, 6);
	ck_assert_uint_eq(p.pa_bits, 46);
	ck_assert(p.seamrr_enabled);
	ck_assert_uint_eq(p.seamrr.start, 0x90000000);
	ck_assert_uint_eq(p.seamrr.end, 0x98000000);
	ck_assert_uint_eq(p.family, 6);
	ck_assert_uint_eq(p.model, 0xAD);
	ck_assert_uint_eq(p.vmcs_revision, 0x11);
	ck_assert_uint_eq(p.vmcs_bytes, 4096);
	ck_assert_uint_eq(p.errata, 0);
}
END_TEST

/* linux-host-tdx.md 1.5. */
START_TEST(a_keyed_address_is_the_worked_example)
{
	const struct tdxc_platform p = judged(&good);

	ck_assert_uint_eq(tdxc_platform_keyed(&p, 0x123456000, 33),
			  0x0008400123456000);
	ck_assert_uint_eq(tdxc_platform_keyed(&p, 0x123456000, 0), 0x123456000);
	ck_assert_uint_eq(tdxc_platform_keyed(&p, BIT(46) - 1, 63),
			  BIT(52) - 1);
}
END_TEST

enum change {
	WORD,  /* a CPUID register becomes this */
	VALUE, /* an MSR becomes this */
	FAULT, /* an MSR raises #GP, whatever it would hold */
	FLAG,  /* a host fact becomes this */
};

struct row {
	const char *name;
	enum change change;
	size_t at;
	uint64_t value;
	enum tdxc_platform_check check;
	enum tdxc_platform_verdict verdict;
	enum tdxc_platform_reason reason;
};

#define AT(member) offsetof(struct tdxc_platform_regs, member)
#define PASS	   TDXC_PLATFORM_PASS
#define WARN	   TDXC_PLATFORM_WARN
#define FAIL	   TDXC_PLATFORM_FAIL
#define UNKNOWN	   TDXC_PLATFORM_UNKNOWN

/* One register differs from the good machine's: linux-host-tdx.md 1.2, 1.3. */
static const struct row rows[] = {
	{"AuthenticAMD", WORD, AT(cpuid_0_ebx), 0x68747541, TDXC_CHECK_INTEL,
	 FAIL, TDXC_REASON_OTHER_VENDOR},
	{"Genuxxxxntel", WORD, AT(cpuid_0_edx), 0x78787878, TDXC_CHECK_INTEL,
	 FAIL, TDXC_REASON_OTHER_VENDOR},
	{"GenuineIxxxx", WORD, AT(cpuid_0_ecx), 0x78787878, TDXC_CHECK_INTEL,
	 FAIL, TDXC_REASON_OTHER_VENDOR},
	{"no partitioning MSR", FAULT, AT(keyid_partitioning), PARTITION,
	 TDXC_CHECK_KEYID_PARTITIONING, FAIL, TDXC_REASON_NO_PARTITION},
	{"no private KeyID", VALUE, AT(keyid_partitioning), 63,
	 TDXC_CHECK_PRIVATE_KEYIDS, FAIL, TDXC_REASON_NO_PRIVATE},
	{"one private KeyID", VALUE, AT(keyid_partitioning), BIT(32) | 31,
	 TDXC_CHECK_GUEST_KEYIDS, FAIL, TDXC_REASON_ONLY_GLOBAL},
	{"two private KeyIDs", VALUE, AT(keyid_partitioning), 2 * BIT(32) | 31,
	 TDXC_CHECK_GUEST_KEYIDS, PASS, TDXC_REASON_MET},
	{"private KeyIDs alone", VALUE, AT(keyid_partitioning), 63 * BIT(32),
	 TDXC_CHECK_KEYID_BITS, PASS, TDXC_REASON_MET},
	{"no TME", FAULT, AT(tme_activate), TME, TDXC_CHECK_TME_LOCKED, FAIL,
	 TDXC_REASON_NO_TME},
	{"TME not locked", VALUE, AT(tme_activate), 6 * BIT(32) | 2,
	 TDXC_CHECK_TME_LOCKED, FAIL, TDXC_REASON_TME_UNLOCKED},
	{"TME not enabled", VALUE, AT(tme_activate), 6 * BIT(32) | 1,
	 TDXC_CHECK_TME_ENABLED, FAIL, TDXC_REASON_TME_OFF},
	{"one KeyID bit too few", VALUE, AT(tme_activate), 5 * BIT(32) | 3,
	 TDXC_CHECK_KEYID_BITS, FAIL, TDXC_REASON_KEYID_OVERFLOW},
	{"no KeyID bits", VALUE, AT(tme_activate), 3, TDXC_CHECK_KEYID_BITS,
	 FAIL, TDXC_REASON_KEYID_OVERFLOW},
	{"one KeyID too many", VALUE, AT(keyid_partitioning), 33 * BIT(32) | 31,
	 TDXC_CHECK_KEYID_BITS, FAIL, TDXC_REASON_KEYID_OVERFLOW},
	{"KeyIDs without end", VALUE, AT(keyid_partitioning), UINT64_MAX,
	 TDXC_CHECK_KEYID_BITS, FAIL, TDXC_REASON_KEYID_OVERFLOW},
	{"KeyIDs that wrap", VALUE, AT(keyid_partitioning),
	 0x20ull << 32 | 0xFFFFFFF0, TDXC_CHECK_KEYID_BITS, FAIL,
	 TDXC_REASON_KEYID_OVERFLOW},
	{"46 bits", WORD, AT(cpuid_80000008_eax), 0x302E, TDXC_CHECK_PA_WIDTH,
	 WARN, TDXC_REASON_PA_NOT_52},
	{"38 bits leave 32", WORD, AT(cpuid_80000008_eax), 38,
	 TDXC_CHECK_PA_WIDTH, WARN, TDXC_REASON_PA_NOT_52},
	{"37 bits leave 31", WORD, AT(cpuid_80000008_eax), 37,
	 TDXC_CHECK_PA_WIDTH, FAIL, TDXC_REASON_PA_WIDTH},
	{"53 bits", WORD, AT(cpuid_80000008_eax), 53, TDXC_CHECK_PA_WIDTH, FAIL,
	 TDXC_REASON_PA_WIDTH},
	{"no width", WORD, AT(cpuid_80000008_eax), 0, TDXC_CHECK_PA_WIDTH, FAIL,
	 TDXC_REASON_PA_WIDTH},
	{"no MTRRCAP", FAULT, AT(mtrrcap), 0x8D0A, TDXC_CHECK_SEAMRR_SUPPORTED,
	 UNKNOWN, TDXC_REASON_UNREADABLE},
	{"SEAMRR not announced", VALUE, AT(mtrrcap), 0xD0A,
	 TDXC_CHECK_SEAMRR_SUPPORTED, WARN, TDXC_REASON_NOT_ANNOUNCED},
	{"no SEAMRR mask", FAULT, AT(seamrr_mask), MASK,
	 TDXC_CHECK_SEAMRR_ENABLED, UNKNOWN, TDXC_REASON_UNREADABLE},
	{"SEAMRR off", VALUE, AT(seamrr_mask), MASK ^ BIT(11),
	 TDXC_CHECK_SEAMRR_ENABLED, FAIL, TDXC_REASON_SEAMRR_OFF},
	{"SEAMRR not locked", VALUE, AT(seamrr_mask), MASK ^ BIT(10),
	 TDXC_CHECK_SEAMRR_LOCKED, WARN, TDXC_REASON_SEAMRR_OPEN},
	{"no XSAVE", WORD, AT(cpuid_1_ecx), BIT(21) | BIT(5), TDXC_CHECK_XSAVE,
	 FAIL, TDXC_REASON_NOT_OFFERED},
	{"no MOVDIR64B", WORD, AT(cpuid_7_ecx), ~BIT(28) & UINT32_MAX,
	 TDXC_CHECK_MOVDIR64B, FAIL, TDXC_REASON_NOT_OFFERED},
	{"no self-snoop", WORD, AT(cpuid_1_edx), ~BIT(27) & UINT32_MAX,
	 TDXC_CHECK_SELF_SNOOP, FAIL, TDXC_REASON_NOT_OFFERED},
	{"no VMX", WORD, AT(cpuid_1_ecx), BIT(26) | BIT(21), TDXC_CHECK_VMX,
	 FAIL, TDXC_REASON_NOT_OFFERED},
	{"no VMX_BASIC", FAULT, AT(vmx_basic), VMX_BASIC, TDXC_CHECK_VMCS_SIZE,
	 FAIL, TDXC_REASON_UNREADABLE},
	{"large VMCS", VALUE, AT(vmx_basic), BIT(60) | 4097 * BIT(32),
	 TDXC_CHECK_VMCS_SIZE, FAIL, TDXC_REASON_VMCS_LARGE},
	{"small VMCS", VALUE, AT(vmx_basic), BIT(60) | 1024 * BIT(32),
	 TDXC_CHECK_VMCS_SIZE, PASS, TDXC_REASON_MET},
	{"no x2APIC", WORD, AT(cpuid_1_ecx), BIT(26) | BIT(5),
	 TDXC_CHECK_X2APIC, FAIL, TDXC_REASON_NOT_OFFERED},
	{"hibernation", FLAG, AT(hibernation_excluded), 0,
	 TDXC_CHECK_HIBERNATION, FAIL, TDXC_REASON_HIBERNATION},
	{"S3", FLAG, AT(s3_excluded), 0, TDXC_CHECK_S3, WARN, TDXC_REASON_S3},
};

static void apply(const struct row *row, struct tdxc_platform_regs *regs)
{
	char *at = (char *)regs + row->at;
	const struct tdxc_platform_msr msr = {row->value, row->change != FAULT};
	const uint32_t word = (uint32_t)row->value;
	const bool flag = row->value != 0;

	if (row->change == WORD)
		memcpy(at, &word, sizeof(word));
	else if (row->change == FLAG)
		memcpy(at, &flag, sizeof(flag));
	else
		memcpy(at, &msr, sizeof(msr));
}

static struct tdxc_platform judged_with(const struct row *row)
{
	struct tdxc_platform_regs regs = good;

	apply(row, &regs);
	return judged(&regs);
}

/* A finding gives one register, though two may have a part in it. */
static bool is_value_of(enum tdxc_platform_check check, size_t at)
{
	if (check == TDXC_CHECK_INTEL)
		return at == AT(cpuid_0_ebx);
	return check != TDXC_CHECK_KEYID_BITS || at == AT(tme_activate);
}

START_TEST(each_precondition_has_a_verdict_a_reason_and_its_value)
{
	const struct row *row = &rows[_i];
	const struct tdxc_platform p = judged_with(row);
	const struct tdxc_platform_finding *f = &p.report[row->check];

	ck_assert_msg(f->verdict == row->verdict, "%s", row->name);
	ck_assert_msg(f->reason == row->reason, "%s", row->name);
	ck_assert_msg(p.usable == (row->verdict != FAIL), "%s", row->name);
	if (is_value_of(row->check, row->at))
		ck_assert_uint_eq(f->value,
				  row->change == FAULT ? 0 : row->value);
	if (row->verdict != PASS)
		ck_assert_ptr_eq(tdxc_platform_first(&p, row->verdict), f);
}
END_TEST

/* What follows from it is not one more failure. */
START_TEST(one_cause_is_one_failure)
{
	const struct row *row = &rows[_i];
	const struct tdxc_platform p = judged_with(row);

	for (size_t i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		if (i == row->check || p.report[i].verdict == PASS)
			continue;
		ck_assert_msg(p.report[i].verdict == UNKNOWN &&
				      p.report[i].reason == TDXC_REASON_DEPENDS,
			      "%s: %s", row->name,
			      tdxc_platform_check_name(p.report[i].check));
	}
}
END_TEST

START_TEST(every_check_and_every_reason_has_a_row)
{
	bool checks[TDXC_PLATFORM_CHECKS] = {false};
	bool reasons[TDXC_PLATFORM_REASONS] = {false};

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].verdict != PASS)
			checks[rows[i].check] = true;
		reasons[rows[i].reason] = true;
	}
	reasons[TDXC_REASON_NOT_EXAMINED] = true; /* tests of their own */
	reasons[TDXC_REASON_DEPENDS] = true;
	for (size_t i = 0; i < COUNT(checks); i++)
		ck_assert_msg(checks[i], "check %zu", i);
	for (size_t i = 0; i < COUNT(reasons); i++)
		ck_assert_msg(reasons[i], "reason %zu", i);
}
END_TEST

START_TEST(all_failures_are_reported_and_the_first_is_found)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.cpuid_7_ecx = 0;
	regs.cpuid_1_edx = 0;
	regs.s3_excluded = false;
	regs.hibernation_excluded = false;
	p = judged(&regs);
	ck_assert(!p.usable);
	ck_assert_int_eq(tdxc_platform_first(&p, FAIL)->check,
			 TDXC_CHECK_MOVDIR64B);
	ck_assert_int_eq(p.report[TDXC_CHECK_SELF_SNOOP].verdict, FAIL);
	ck_assert_int_eq(p.report[TDXC_CHECK_HIBERNATION].verdict, FAIL);
	ck_assert_int_eq(tdxc_platform_first(&p, WARN)->check, TDXC_CHECK_S3);
}
END_TEST

/* Without VMX its MSR is not there either. */
START_TEST(a_register_of_a_feature_that_is_missing_is_not_missed)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.cpuid_1_ecx &= ~(uint32_t)BIT(5);
	regs.vmx_basic.readable = false;
	p = judged(&regs);
	ck_assert_int_eq(tdxc_platform_first(&p, FAIL)->check, TDXC_CHECK_VMX);
	ck_assert_int_eq(p.report[TDXC_CHECK_VMCS_SIZE].verdict, UNKNOWN);
	ck_assert_int_eq(p.report[TDXC_CHECK_VMCS_SIZE].reason,
			 TDXC_REASON_DEPENDS);
}
END_TEST

START_TEST(a_machine_of_which_nothing_is_known_is_not_usable)
{
	const struct tdxc_platform_regs regs = {.abi = TDXC_ABI};
	const struct tdxc_platform p = judged(&regs);

	ck_assert(!p.usable);
	ck_assert_uint_eq(p.nr_guest_keyids, 0);
	ck_assert_uint_eq(p.pa_bits, 0);
	ck_assert_uint_eq(p.errata, TDXC_ERRATUM_SEAMLDR_VMCS);
	for (size_t i = 0; i < TDXC_PLATFORM_CHECKS; i++)
		ck_assert_int_ne(p.report[i].verdict, PASS);
}
END_TEST

START_TEST(registers_of_another_abi_are_refused_unexamined)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	memset(&p, 0xA5, sizeof(p));
	regs.abi = TDXC_ABI + 1;
	ck_assert_int_eq(tdxc_platform_judge(&regs, &p), TDXC_E_INVAL);
	ck_assert(!p.usable);
	for (size_t i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		ck_assert_uint_eq(p.report[i].check, i);
		ck_assert_int_eq(p.report[i].verdict, UNKNOWN);
		ck_assert_int_eq(p.report[i].reason, TDXC_REASON_NOT_EXAMINED);
	}
}
END_TEST

/* linux-host-tdx.md 13, idea 51. */
START_TEST(idea_51_one_private_keyid_is_refused_with_a_reason)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.keyid_partitioning.value = BIT(32) | 31;
	p = judged(&regs);
	ck_assert(!p.usable);
	ck_assert_uint_eq(p.global_keyid, 32);
	ck_assert_uint_eq(p.first_guest_keyid, 0);
	ck_assert_uint_eq(p.nr_guest_keyids, 0);
	ck_assert_str_eq(tdxc_platform_reason_text(
				 tdxc_platform_first(&p, FAIL)->reason),
			 "the TDX module takes the only private KeyID");
}
END_TEST

START_TEST(idea_51_a_fault_of_the_keyid_msr_is_refused_with_a_reason)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.keyid_partitioning.readable = false;
	p = judged(&regs);
	ck_assert(!p.usable);
	ck_assert_uint_eq(p.nr_private_keyids, 0);
	ck_assert_uint_eq(p.nr_guest_keyids, 0);
	ck_assert_int_eq(tdxc_platform_first(&p, FAIL)->reason,
			 TDXC_REASON_NO_PARTITION);
	ck_assert_int_eq(p.report[TDXC_CHECK_KEYID_BITS].reason,
			 TDXC_REASON_DEPENDS);
}
END_TEST

START_TEST(keyids_that_no_address_can_name_are_not_handed_out)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.keyid_partitioning.value = 0x7FFFull << 32 | 1;
	p = judged(&regs);
	ck_assert_uint_eq(p.nr_private_keyids, 0x7FFF);
	ck_assert_uint_eq(p.global_keyid, 0);
	ck_assert_uint_eq(p.nr_guest_keyids, 0);
	regs.keyid_partitioning.value = 0x7FFEull << 32 | 1;
	regs.tme_activate.value = 15ull << 32 | 3;
	p = judged(&regs);
	ck_assert(p.usable);
	ck_assert_uint_eq(p.global_keyid, 2);
	ck_assert_uint_eq(p.nr_guest_keyids, 0x7FFD);
	ck_assert_uint_eq(p.pa_bits, 37);
}
END_TEST

/* linux-host-tdx.md 1.5: only then are they taken from the width. */
START_TEST(keyid_bits_count_when_tme_is_locked_and_enabled)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	for (uint64_t on = 0; on < 4; on++) {
		regs.tme_activate.value = 6ull << 32 | on;
		p = judged(&regs);
		ck_assert_uint_eq(p.keyid_bits, on == 3 ? 6 : 0);
		ck_assert_uint_eq(p.pa_bits, on == 3 ? 46 : 52);
		ck_assert_int_eq(p.usable, on == 3);
	}
}
END_TEST

/* ---- errata ---- */

static const struct {
	uint32_t eax;
	uint32_t family;
	uint32_t model;
	bool poisons;
} parts[] = {
	{0x806F8, 6, 0x8F, true},    {0xC06F2, 6, 0xCF, true},
	{0xA06D1, 6, 0xAD, false},   {0x906EA, 6, 0x9E, false},
	{0x006F8, 6, 0x0F, false},   {0x80FF8, 15, 0x8F, false},
	{0x1806F8, 6, 0x8F, true},   {0xA00F11, 25, 0x01, false},
	{0xA00806F8, 6, 0x8F, true},
};

/* linux-host-tdx.md 1.4. */
START_TEST(partial_writes_poison_on_two_models)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.cpuid_1_eax = parts[_i].eax;
	p = judged(&regs);
	ck_assert_uint_eq(p.family, parts[_i].family);
	ck_assert_uint_eq(p.model, parts[_i].model);
	ck_assert_int_eq((p.errata & TDXC_ERRATUM_PARTIAL_WRITE) != 0,
			 parts[_i].poisons);
	ck_assert(p.usable);
	regs.cpuid_0_ecx = 0;
	p = judged(&regs);
	ck_assert_uint_eq(p.errata & TDXC_ERRATUM_PARTIAL_WRITE, 0);
}
END_TEST

START_TEST(the_seamldr_keeps_the_vmcs_only_where_bit_60_says_so)
{
	struct tdxc_platform_regs regs = good;

	regs.vmx_basic.value = VMX_BASIC ^ BIT(60);
	ck_assert_uint_eq(judged(&regs).errata, TDXC_ERRATUM_SEAMLDR_VMCS);
	ck_assert(judged(&regs).usable);
	regs.vmx_basic = (struct tdxc_platform_msr){VMX_BASIC, false};
	ck_assert_uint_eq(judged(&regs).errata, TDXC_ERRATUM_SEAMLDR_VMCS);
}
END_TEST

/* ---- SEAMRR ---- */

static const struct {
	const char *name;
	uint64_t base;
	uint64_t mask;
	bool base_readable;
	struct tdxc_range range;
} seamrrs[] = {
	{"128 MiB", 0x90000008, MASK, true, {0x90000000, 0x98000000}},
	{"mask of 52 bits",
	 0x90000008,
	 MASK | 0xFC00000000000,
	 true,
	 {0x90000000, 0x98000000}},
	{"last of 2^46",
	 0x3FFFF8000008,
	 MASK,
	 true,
	 {0x3FFFF8000000, 0x400000000000}},
	{"a page", 0x1008, 0x3FFFFFFFFC00, true, {0x1000, 0x2000}},
	{"off", 0x90000008, MASK ^ BIT(11), true, {0, 0}},
	{"no base", 0x90000008, MASK, false, {0, 0}},
	{"no mask", 0x90000008, BIT(11) | BIT(10), true, {0, 0}},
	{"mask with a hole", 0x90000008, MASK ^ BIT(40), true, {0, 0}},
	{"mask too short", 0x90000008, MASK ^ BIT(45), true, {0, 0}},
	{"base unaligned", 0x94000008, MASK, true, {0, 0}},
};

START_TEST(seamrr_is_a_range_or_empty)
{
	struct tdxc_platform_regs regs = good;
	struct tdxc_platform p;

	regs.seamrr_base.value = seamrrs[_i].base;
	regs.seamrr_base.readable = seamrrs[_i].base_readable;
	regs.seamrr_mask.value = seamrrs[_i].mask;
	p = judged(&regs);
	ck_assert_msg(p.seamrr.start == seamrrs[_i].range.start &&
			      p.seamrr.end == seamrrs[_i].range.end,
		      "%s: %" PRIx64 "-%" PRIx64, seamrrs[_i].name,
		      p.seamrr.start, p.seamrr.end);
	ck_assert_int_eq(p.seamrr_enabled, seamrrs[_i].mask >> 11 & 1);
}
END_TEST

/* ---- words ---- */

START_TEST(checks_reasons_and_verdicts_have_words_of_their_own)
{
	for (unsigned i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		const char *name = tdxc_platform_check_name(i);

		ck_assert_str_ne(name, "?");
		ck_assert_str_ne(tdxc_platform_check_source(i), "?");
		ck_assert_str_ne(tdxc_platform_check_source(i), "");
		ck_assert_uint_eq(
			strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
			strlen(name));
		ck_assert_uint_ne(strlen(name), 0);
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(name, tdxc_platform_check_name(k));
	}
	for (unsigned i = 0; i < TDXC_PLATFORM_REASONS; i++) {
		ck_assert_str_ne(tdxc_platform_reason_text(i), "?");
		ck_assert_str_ne(tdxc_platform_reason_text(i), "");
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(tdxc_platform_reason_text(i),
					 tdxc_platform_reason_text(k));
	}
	ck_assert_str_eq(tdxc_platform_verdict_name(UNKNOWN), "unknown");
	ck_assert_str_eq(tdxc_platform_verdict_name(PASS), "pass");
	ck_assert_str_eq(tdxc_platform_verdict_name(WARN), "warn");
	ck_assert_str_eq(tdxc_platform_verdict_name(FAIL), "fail");
}
END_TEST

START_TEST(numbers_without_words_are_question_marks)
{
	ck_assert_str_eq(tdxc_platform_check_name(TDXC_PLATFORM_CHECKS), "?");
	ck_assert_str_eq(tdxc_platform_check_source(TDXC_PLATFORM_CHECKS), "?");
	ck_assert_str_eq(tdxc_platform_reason_text(TDXC_PLATFORM_REASONS), "?");
	ck_assert_str_eq(tdxc_platform_verdict_name(FAIL + 1), "?");
	ck_assert_str_eq(tdxc_platform_reason_text(1000000), "?");
}
END_TEST

/* ---- any machine ---- */

/* Registers near the good ones: random everywhere, nothing would ever pass. */
static void randomise(struct tdxc_platform_regs *regs, uint64_t *state)
{
	uint64_t changes = next_random(state) % 4;

	*regs = good;
	while (changes--) {
		struct row row = rows[next_random(state) % COUNT(rows)];

		if (row.change != FLAG && next_random(state) % 2)
			row.value ^= BIT(next_random(state) % 64);
		apply(&row, regs);
	}
	if (next_random(state) % 4)
		return;
	regs->tme_activate.value = next_random(state) << 32 | 3;
	regs->seamrr_mask.value = next_random(state) * next_random(state);
	regs->keyid_partitioning.value =
		(next_random(state) & 0x3F) << 32 | (next_random(state) & 0x3F);
	regs->cpuid_80000008_eax = next_random(state) & 0x3F;
}

static bool report_is_consistent(const struct tdxc_platform *p)
{
	bool failed = false;

	for (size_t i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		const struct tdxc_platform_finding *f = &p->report[i];

		failed |= f->verdict == FAIL;
		if (f->check != i || f->reason == TDXC_REASON_NOT_EXAMINED ||
		    f->reason >= TDXC_PLATFORM_REASONS ||
		    (f->verdict == PASS) != (f->reason == TDXC_REASON_MET))
			return false;
	}
	return p->usable == !failed;
}

static bool facts_are_consistent(const struct tdxc_platform *p)
{
	uint32_t last = p->first_guest_keyid + p->nr_guest_keyids - 1;

	if (p->pa_bits != 0 && (p->pa_bits < 32 || p->pa_bits > 52))
		return false;
	if (p->seamrr.start > p->seamrr.end || p->seamrr.end > BIT(p->pa_bits))
		return false;
	return !p->usable || (p->nr_guest_keyids != 0 &&
			      p->global_keyid > p->nr_shared_keyids &&
			      tdxc_platform_keyed(p, BIT(p->pa_bits) - 1,
						  last) < BIT(p->maxphyaddr));
}

START_TEST(any_registers_give_a_consistent_report)
{
	const char *text = getenv("TDXC_SEED");
	uint64_t state = text ? strtoull(text, NULL, 0) : 1;
	uint64_t count = scaled(200000);
	struct tdxc_platform_regs regs;
	struct tdxc_platform p;
	uint64_t usable = 0;

	printf("any registers: seed %" PRIu64 "\n", state);
	for (uint64_t i = 0; i < count; i++) {
		randomise(&regs, &state);
		if (tdxc_platform_judge(&regs, &p) != TDXC_OK ||
		    !report_is_consistent(&p) || !facts_are_consistent(&p))
			ck_abort_msg("machine %" PRIu64, i);
		usable += p.usable;
	}
	printf("any registers: %" PRIu64 " of %" PRIu64 " usable\n", usable,
	       count);
	ck_assert_uint_ne(usable, 0);
	ck_assert_uint_ne(usable, count);
}
END_TEST

/* ---- the simulated machine ---- */

static const struct {
	uint32_t pa_width;
	uint32_t keyid_bits;
	uint32_t shared;
	uint32_t private;
	uint32_t fms;
	struct tdxc_range seamrr;
	uint32_t errata;
} machines[] = {
	{52, 6, 31, 32, 0x806F8, {0x90000000, 0x98000000}, 3},
	{52, 6, 31, 32, 0xC06F2, {0x90000000, 0x98000000}, 3},
	{52, 7, 63, 64, 0xA06D1, {0x80000000, 0x82000000}, 0},
	{46, 4, 7, 8, 0xA06D1, {0x90000000, 0x98000000}, 0},
	{52, 6, 61, 2, 0xA06D1, {0xC0000000, 0xD0000000}, 0},
	{52, 1, 0, 1, 0xA06D1, {0x90000000, 0x98000000}, 0},
	{52, 6, 31, 32, 0xA06D1, {0x90000000, 0x90000000}, 0},
};

static void power_on(struct tdxc_sim_machine *machine, size_t i, bool sme)
{
	const struct tdxc_sim_machine_options options = {.sme = sme};
	struct tdxc_sim_platform platform;

	memset(&platform, 0, sizeof(platform));
	platform.abi = TDXC_ABI;
	platform.profile = TDXC_SIM_PROFILE_NEWER;
	platform.nr_lps = 4;
	platform.nr_packages = 2;
	platform.pa_width = machines[i].pa_width;
	platform.keyid_bits = machines[i].keyid_bits;
	platform.shared_keyids = machines[i].shared;
	platform.private_keyids = machines[i].private;
	platform.fms = machines[i].fms;
	platform.cache_blocks = 1;
	platform.seamrr = machines[i].seamrr;
	platform.nr_cmrs = 1;
	platform.cmrs[0].base = 0x100000;
	platform.cmrs[0].size = 0x7FF00000;
	ck_assert_int_eq(
		tdxc_sim_machine_init_with(machine, &platform, 1, &options), 0);
}

START_TEST(a_simulated_machine_is_what_it_was_configured_to_be)
{
	bool seamrr = machines[_i].seamrr.start != machines[_i].seamrr.end;
	struct tdxc_sim_machine machine;
	struct tdxc_platform_regs regs;
	struct tdxc_platform p;

	power_on(&machine, (size_t)_i, false);
	for (uint32_t lp = 0; lp < 4; lp++) {
		ck_assert_int_eq(tdxc_sim_port_platform(&machine, lp, &regs),
				 TDXC_OK);
		p = judged(&regs);
		ck_assert_int_eq(p.usable, seamrr && machines[_i].private > 1);
		ck_assert_uint_eq(p.maxphyaddr, machines[_i].pa_width);
		ck_assert_uint_eq(p.keyid_bits, machines[_i].keyid_bits);
		ck_assert_uint_eq(p.nr_shared_keyids, machines[_i].shared);
		ck_assert_uint_eq(p.global_keyid, machines[_i].shared + 1);
		ck_assert_uint_eq(p.nr_guest_keyids, machines[_i].private - 1);
		ck_assert_int_eq(p.seamrr_enabled, seamrr);
		if (seamrr) {
			ck_assert_uint_eq(p.seamrr.start,
					  machines[_i].seamrr.start);
			ck_assert_uint_eq(p.seamrr.end,
					  machines[_i].seamrr.end);
		}
		ck_assert_uint_eq(p.errata, machines[_i].errata);
		ck_assert_uint_eq(
			tdxc_platform_keyed(&p, 0x1000, p.global_keyid),
			tdxc_sim_machine_keyed(&machine, 0x1000,
					       p.global_keyid));
		for (uint32_t k = 0; k < p.nr_private_keyids; k++)
			ck_assert(tdxc_sim_machine_is_private(
				&machine, p.global_keyid + k));
	}
	ck_assert_int_eq(tdxc_sim_port_platform(&machine, 4, &regs),
			 TDXC_E_INVAL);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

START_TEST(a_simulated_sme_machine_is_refused_for_its_vendor)
{
	struct tdxc_sim_machine machine;
	struct tdxc_platform_regs regs;
	struct tdxc_platform p;

	power_on(&machine, 0, true);
	ck_assert_int_eq(tdxc_sim_port_platform(&machine, 0, &regs), TDXC_OK);
	p = judged(&regs);
	ck_assert(!p.usable);
	ck_assert_int_eq(tdxc_platform_first(&p, FAIL)->check,
			 TDXC_CHECK_INTEL);
	ck_assert_int_eq(p.report[TDXC_CHECK_KEYID_PARTITIONING].reason,
			 TDXC_REASON_NO_PARTITION);
	ck_assert_uint_eq(p.errata & TDXC_ERRATUM_PARTIAL_WRITE, 0);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* ---- KeyIDs ---- */

#define MAX_WORDS 4

struct pool {
	struct tdxc_keyids keyids;
	uint64_t words[MAX_WORDS];
};

static struct tdxc_platform machine_with(uint32_t guests)
{
	struct tdxc_platform p = judged(&good);

	p.nr_guest_keyids = guests;
	return p;
}

static void fill_pool(struct pool *pool, uint32_t guests)
{
	const struct tdxc_platform p = machine_with(guests);

	memset(pool, 0xA5, sizeof(*pool));
	ck_assert_int_eq(
		tdxc_keyids_init(&pool->keyids, &p, pool->words, MAX_WORDS),
		TDXC_OK);
}

static uint32_t take(struct pool *pool)
{
	uint32_t keyid = 0;

	ck_assert_int_eq(tdxc_keyids_alloc(&pool->keyids, &keyid), TDXC_OK);
	return keyid;
}

static const uint32_t sizes[] = {1, 2, 31, 32, 33, 63, 64, 65, 128};

START_TEST(each_guest_keyid_is_handed_out_once)
{
	struct pool pool;
	uint32_t keyid = 4711;
	uint32_t nr = sizes[_i];

	fill_pool(&pool, nr);
	for (uint32_t i = 0; i < nr; i++) {
		ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), i);
		ck_assert_uint_eq(take(&pool), 33 + i);
	}
	ck_assert_int_eq(tdxc_keyids_alloc(&pool.keyids, &keyid), TDXC_E_NOSPC);
	ck_assert_uint_eq(keyid, 4711);
	ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), nr);
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33 + nr / 2), TDXC_OK);
	ck_assert_uint_eq(take(&pool), 33 + nr / 2);
	for (uint32_t i = 0; i < nr; i++)
		ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33 + i),
				 TDXC_OK);
	ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), 0);
	ck_assert_uint_eq(take(&pool), 33);
}
END_TEST

START_TEST(a_keyid_is_freed_once_and_only_a_guests)
{
	static const uint32_t foreign[] = {0,  1,  31, 32, 34,	      66,
					   67, 96, 97, 98, UINT32_MAX};
	struct pool pool;
	uint64_t before[MAX_WORDS];

	fill_pool(&pool, 33);
	ck_assert_uint_eq(take(&pool), 33);
	memcpy(before, pool.words, sizeof(before));
	for (size_t i = 0; i < COUNT(foreign); i++) {
		ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, foreign[i]),
				 TDXC_E_INVAL);
		ck_assert_int_eq(
			tdxc_keyids_quarantine(&pool.keyids, foreign[i]),
			TDXC_E_INVAL);
	}
	ck_assert_mem_eq(before, pool.words, sizeof(before));
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33), TDXC_OK);
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), 0);
	fill_pool(&pool, 32);
	pool.words[1] = UINT64_MAX / 3; /* as if in use, but not the pool's */
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33 + 32), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), 0);
}
END_TEST

START_TEST(a_quarantined_keyid_never_comes_back)
{
	struct pool pool;
	uint32_t keyid;

	fill_pool(&pool, 3);
	for (uint32_t i = 0; i < 3; i++)
		(void)take(&pool);
	ck_assert_int_eq(tdxc_keyids_quarantine(&pool.keyids, 34), TDXC_OK);
	ck_assert_int_eq(tdxc_keyids_quarantine(&pool.keyids, 34),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 34), TDXC_E_INVAL);
	ck_assert_uint_eq(tdxc_keyids_in_use(&pool.keyids), 2);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&pool.keyids), 1);
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 33), TDXC_OK);
	ck_assert_int_eq(tdxc_keyids_free(&pool.keyids, 35), TDXC_OK);
	ck_assert_uint_eq(take(&pool), 33);
	ck_assert_uint_eq(take(&pool), 35);
	ck_assert_int_eq(tdxc_keyids_alloc(&pool.keyids, &keyid), TDXC_E_NOSPC);
}
END_TEST

START_TEST(an_allocator_needs_a_usable_machine_and_room)
{
	struct tdxc_platform p = machine_with(33);
	struct pool pool;
	struct pool before;

	memset(&pool, 0xA5, sizeof(pool));
	before = pool;
	ck_assert_uint_eq(tdxc_keyids_words(&p), 2);
	ck_assert_int_eq(tdxc_keyids_init(&pool.keyids, &p, pool.words, 1),
			 TDXC_E_NOSPC);
	p.usable = false;
	ck_assert_uint_eq(tdxc_keyids_words(&p), 0);
	ck_assert_int_eq(tdxc_keyids_init(&pool.keyids, &p, pool.words, 2),
			 TDXC_E_NODEV);
	ck_assert_mem_eq(&before, &pool, sizeof(pool));
}
END_TEST

START_TEST(no_more_words_are_used_than_asked_for)
{
	const struct tdxc_platform p = machine_with(sizes[_i]);
	size_t words = tdxc_keyids_words(&p);
	struct pool pool;

	fill_pool(&pool, sizes[_i]);
	for (uint32_t i = 0; i < sizes[_i]; i++)
		(void)take(&pool);
	for (size_t i = words; i < MAX_WORDS; i++)
		ck_assert_uint_eq(pool.words[i], 0xA5A5A5A5A5A5A5A5);
}
END_TEST

/* ---- KeyIDs wanted by many CPUs ---- */

#define CPUS   8u
#define GUESTS 40u /* of which each CPU holds up to HOLDS */
#define HOLDS  6u
#define LEAKS  2u /* by each CPU */

/* Written only by who holds the KeyID, without atomics: two holders are a race
 * that a thread sanitizer sees, and a wrong name otherwise. */
static uint32_t holder[GUESTS];
static struct pool shared_pool;
static uint64_t rounds;
static pthread_barrier_t start_line;

struct cpu {
	pthread_t id;
	uint32_t name;
	uint64_t random;
	uint32_t held[HOLDS];
	uint32_t nr_held;
	uint32_t leaked;
	uint64_t allocated;
	uint64_t refused;
	uint64_t wrong;
};

static void cpu_take(struct cpu *cpu)
{
	uint32_t keyid = 0;

	if (tdxc_keyids_alloc(&shared_pool.keyids, &keyid) != TDXC_OK) {
		cpu->refused++;
		return;
	}
	if (keyid < 33 || keyid >= 33 + GUESTS || holder[keyid - 33] != 0) {
		cpu->wrong++;
		return;
	}
	holder[keyid - 33] = cpu->name;
	cpu->held[cpu->nr_held++] = keyid;
	cpu->allocated++;
}

static void cpu_give(struct cpu *cpu, uint32_t i, bool leak)
{
	uint32_t keyid = cpu->held[i];
	int err;

	if (holder[keyid - 33] != cpu->name)
		cpu->wrong++;
	holder[keyid - 33] = 0;
	err = leak ? tdxc_keyids_quarantine(&shared_pool.keyids, keyid)
		   : tdxc_keyids_free(&shared_pool.keyids, keyid);
	if (err != TDXC_OK)
		cpu->wrong++;
	cpu->leaked += leak;
	cpu->held[i] = cpu->held[--cpu->nr_held];
}

static void *cpu_run(void *arg)
{
	struct cpu *cpu = arg;

	(void)pthread_barrier_wait(&start_line);
	for (uint64_t round = 0; round < rounds; round++) {
		uint64_t dice = next_random(&cpu->random);

		if (cpu->nr_held < HOLDS && dice % 2 == 0)
			cpu_take(cpu);
		else if (cpu->nr_held != 0)
			cpu_give(cpu, (uint32_t)(dice >> 8) % cpu->nr_held,
				 cpu->leaked < LEAKS && dice % 64 == 1);
		if (tdxc_keyids_in_use(&shared_pool.keyids) > GUESTS)
			cpu->wrong++;
	}
	while (cpu->nr_held != 0)
		cpu_give(cpu, 0, false);
	return NULL;
}

START_TEST(no_keyid_is_handed_out_twice_to_eight_cpus)
{
	static struct cpu cpus[CPUS];
	uint64_t allocated = 0;
	uint64_t refused = 0;
	uint32_t leaked = 0;

	rounds = scaled(300000);
	ck_assert_int_eq(pthread_barrier_init(&start_line, NULL, CPUS), 0);
	fill_pool(&shared_pool, GUESTS);
	memset(holder, 0, sizeof(holder));
	memset(cpus, 0, sizeof(cpus));
	for (uint32_t i = 0; i < CPUS; i++) {
		cpus[i].name = i + 1;
		cpus[i].random = i;
		ck_assert_int_eq(
			pthread_create(&cpus[i].id, NULL, cpu_run, &cpus[i]),
			0);
	}
	for (uint32_t i = 0; i < CPUS; i++) {
		ck_assert_int_eq(pthread_join(cpus[i].id, NULL), 0);
		ck_assert_uint_eq(cpus[i].wrong, 0);
		allocated += cpus[i].allocated;
		refused += cpus[i].refused;
		leaked += cpus[i].leaked;
	}
	(void)pthread_barrier_destroy(&start_line);
	printf("KeyIDs: %" PRIu64 " allocations, %" PRIu64
	       " refused, %u quarantined\n",
	       allocated, refused, leaked);
	ck_assert_uint_ne(allocated, 0);
	ck_assert_uint_eq(tdxc_keyids_in_use(&shared_pool.keyids), 0);
	ck_assert_uint_eq(tdxc_keyids_quarantined(&shared_pool.keyids), leaked);
}
END_TEST

#define RIVALS 4u

struct rival {
	pthread_t id;
	bool quarantines;
	uint32_t won; /* rounds */
};

/* All want to end the use of the one KeyID that is in use. */
static void *rival_run(void *arg)
{
	struct rival *rival = arg;
	int err;

	for (uint64_t round = 0; round < rounds; round++) {
		(void)pthread_barrier_wait(&start_line);
		err = rival->quarantines
			      ? tdxc_keyids_quarantine(&shared_pool.keyids, 33)
			      : tdxc_keyids_free(&shared_pool.keyids, 33);
		rival->won += err == TDXC_OK;
		(void)pthread_barrier_wait(&start_line);
	}
	return NULL;
}

START_TEST(a_keyid_is_freed_or_quarantined_by_one_cpu_alone)
{
	struct rival rivals[RIVALS];
	uint32_t quarantined = 0;
	uint32_t won = 0;
	uint32_t lost_for_good = 0;

	memset(rivals, 0, sizeof(rivals));
	rounds = scaled(2000);
	ck_assert_int_eq(pthread_barrier_init(&start_line, NULL, RIVALS + 1),
			 0);
	for (uint32_t i = 0; i < RIVALS; i++) {
		rivals[i].quarantines = i % 2 == 1;
		ck_assert_int_eq(pthread_create(&rivals[i].id, NULL, rival_run,
						&rivals[i]),
				 0);
	}
	for (uint64_t round = 0; round < rounds; round++) {
		fill_pool(&shared_pool, 1);
		(void)take(&shared_pool);
		(void)pthread_barrier_wait(&start_line);
		(void)pthread_barrier_wait(&start_line);
		ck_assert_uint_eq(tdxc_keyids_in_use(&shared_pool.keyids), 0);
		lost_for_good += tdxc_keyids_quarantined(&shared_pool.keyids);
	}
	for (uint32_t i = 0; i < RIVALS; i++) {
		ck_assert_int_eq(pthread_join(rivals[i].id, NULL), 0);
		won += rivals[i].won;
		quarantined += rivals[i].quarantines ? rivals[i].won : 0;
	}
	(void)pthread_barrier_destroy(&start_line);
	ck_assert_uint_eq(won, rounds);
	ck_assert_uint_eq(quarantined, lost_for_good);
}
END_TEST

static TCase *report_case(void)
{
	TCase *tc = tcase_create("report");

	tcase_add_test(tc, a_good_machine_passes_every_check);
	tcase_add_test(tc, s001_2_keyids_and_widths_are_facts_of_the_registers);
	tcase_add_test(tc, a_keyed_address_is_the_worked_example);
	tcase_add_loop_test(
		tc, each_precondition_has_a_verdict_a_reason_and_its_value, 0,
		COUNT(rows));
	tcase_add_loop_test(tc, one_cause_is_one_failure, 0, COUNT(rows));
	tcase_add_test(tc, every_check_and_every_reason_has_a_row);
	tcase_add_test(tc, all_failures_are_reported_and_the_first_is_found);
	tcase_add_test(tc,
		       a_register_of_a_feature_that_is_missing_is_not_missed);
	tcase_add_test(tc, a_machine_of_which_nothing_is_known_is_not_usable);
	tcase_add_test(tc, registers_of_another_abi_are_refused_unexamined);
	tcase_add_test(tc, idea_51_one_private_keyid_is_refused_with_a_reason);
	tcase_add_test(
		tc, idea_51_a_fault_of_the_keyid_msr_is_refused_with_a_reason);
	tcase_add_test(tc, keyids_that_no_address_can_name_are_not_handed_out);
	tcase_add_test(tc, keyid_bits_count_when_tme_is_locked_and_enabled);
	tcase_add_test(tc, any_registers_give_a_consistent_report);
	tcase_add_test(tc, checks_reasons_and_verdicts_have_words_of_their_own);
	tcase_add_test(tc, numbers_without_words_are_question_marks);
	return tc;
}

static TCase *machine_case(void)
{
	TCase *tc = tcase_create("machines");

	tcase_add_loop_test(tc, partial_writes_poison_on_two_models, 0,
			    COUNT(parts));
	tcase_add_test(tc,
		       the_seamldr_keeps_the_vmcs_only_where_bit_60_says_so);
	tcase_add_loop_test(tc, seamrr_is_a_range_or_empty, 0, COUNT(seamrrs));
	tcase_add_loop_test(tc,
			    a_simulated_machine_is_what_it_was_configured_to_be,
			    0, COUNT(machines));
	tcase_add_test(tc, a_simulated_sme_machine_is_refused_for_its_vendor);
	return tc;
}

static TCase *keyid_case(void)
{
	TCase *tc = tcase_create("keyids");

	tcase_add_loop_test(tc, each_guest_keyid_is_handed_out_once, 0,
			    COUNT(sizes));
	tcase_add_test(tc, a_keyid_is_freed_once_and_only_a_guests);
	tcase_add_test(tc, a_quarantined_keyid_never_comes_back);
	tcase_add_test(tc, an_allocator_needs_a_usable_machine_and_room);
	tcase_add_loop_test(tc, no_more_words_are_used_than_asked_for, 0,
			    COUNT(sizes));
	tcase_add_test(tc, no_keyid_is_handed_out_twice_to_eight_cpus);
	tcase_add_test(tc, a_keyid_is_freed_or_quarantined_by_one_cpu_alone);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("platform");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, report_case());
	suite_add_tcase(suite, machine_case());
	suite_add_tcase(suite, keyid_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
