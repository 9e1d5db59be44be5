/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Global metadata: read from the software TDX module in both ways, and from a
 * port that answers by a script, where everything may be wrong.
 *
 * TDXC_SEED changes the damaged lists, TDXC_TEST_SCALE=percent their number.
 */
#include <tdxcore/err.h>
#include <tdxcore/metadata.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"
#include "sim/sim_fixture.h"

#define COUNT(array)	    (sizeof(array) / sizeof(array)[0])
#define ID_INCORRECT	    0xC0000C0000000000ull
#define NOT_READABLE	    0xC0000C0200000000ull
#define LIST_OVERFLOW	    0xC0000C0400000000ull
#define SYS_NOT_READY	    0xC000050500000000ull
#define LP_INIT_NOT_DONE    0xC000050200000000ull
#define SYS_BUSY	    0x8000020200000000ull
#define OPERAND_INVALID_RAX 0xC000010000000000ull
#define NO_ID		    0xFFFFFFFFFFFFFFFFull
#define CPUID_LEAF	    0x9900000300000400ull
#define CPUID_VALUE	    0x9900000300000500ull
#define CMR_BASE	    0x9000000300000080ull
#define CMR_SIZE	    0x9000000300000100ull
#define NUM_CPUID	    3u
#define NUM_CMRS	    4u
#define PAGE		    4096u
#define PAGE_PA		    0x1000ull
#define KEY(id)		    ((id)&0x3F00000000FFFFFFull)
#define MANY		    2000

static struct tdxc_sysinfo info;
static struct tdxc_metadata_fault fault;
static struct tdxc_seamcall_diag diag;

static bool info_is_zero(void)
{
	static const struct tdxc_sysinfo zero;

	return memcmp(&info, &zero, sizeof(info)) == 0;
}

/* Leftovers of an earlier reading must not show. */
static void soil(void)
{
	memset(&info, 0xA5, sizeof(info));
	memset(&fault, 0xA5, sizeof(fault));
	memset(&diag, 0xA5, sizeof(diag));
}

/* --- the software TDX module --------------------------------------------- */

static struct sim_fixture f;
static struct tdxc_sim_port sim_port;
static struct tdxc_seamcall_port sim;

static const enum tdxc_sim_profile profiles[] = {TDXC_SIM_PROFILE_1_5_01,
						 TDXC_SIM_PROFILE_NEWER};

static void sim_start(enum tdxc_sim_profile profile)
{
	const struct sim_shape shape = {
		.nr_lps = 4,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 1,
		.profile = profile,
	};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	memset(&sim_port, 0, sizeof(sim_port));
	sim_port.machine = &f.machine;
	sim = tdxc_sim_port_seamcall(&sim_port);
	tdxc_sim_port_enter(0);
}

static const void *list_page(void)
{
	return tdxc_sim_memory_page(f.machine.memory, PAGE_PA);
}

/* A call for each scalar, CPUID leaf, half of a CPUID mask, half of a CMR; and
 * one for all of them. */
START_TEST(both_ways_fill_the_same_structure_with_known_numbers_of_calls)
{
	struct tdxc_sysinfo one_by_one;

	sim_start(profiles[_i]);
	soil();
	ck_assert_int_eq(tdxc_metadata_read(&sim, &info, &fault, &diag), 0);
	ck_assert_uint_eq(info.num_cpuid_config, 12);
	ck_assert_uint_eq(info.num_cmrs, 32);
	ck_assert_uint_eq(tdxc_sim_port_calls(&sim_port, TDXC_SYS_RD),
			  TDXC_FIELDS + 3 * 12 + 2 * 32);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&sim_port),
			  TDXC_FIELDS + 3 * 12 + 2 * 32);
	one_by_one = info;
	soil();
	ck_assert_int_eq(tdxc_metadata_read_all(&sim, list_page(), PAGE_PA,
						&info, &fault, &diag),
			 0);
	ck_assert_uint_eq(tdxc_sim_port_calls(&sim_port, TDXC_SYS_RDALL), 1);
	ck_assert_uint_eq(tdxc_sim_port_all_calls(&sim_port),
			  TDXC_FIELDS + 3 * 12 + 2 * 32 + 1);
	ck_assert_mem_eq(&info, &one_by_one, sizeof(info));
	sim_down(&f);
}
END_TEST

START_TEST(what_is_read_is_what_the_module_is)
{
	const bool newer = profiles[_i] == TDXC_SIM_PROFILE_NEWER;
	const struct tdxc_sim_platform *p = &f.machine.platform;

	sim_start(profiles[_i]);
	ck_assert_int_eq(tdxc_metadata_read(&sim, &info, &fault, &diag), 0);
	ck_assert_uint_eq(info.major_version, 1);
	ck_assert_uint_eq(info.minor_version, 5);
	ck_assert_uint_eq(info.num_pkgs, 2);
	ck_assert_uint_eq(info.max_tdmrs, 64);
	ck_assert_uint_eq(info.pamt_4k_entry_size, 16);
	ck_assert_uint_eq(info.tdcs_size, 0x6000);
	ck_assert_uint_eq(info.attributes_fixed0, 0x8000000070000001);
	ck_assert_uint_eq(info.cpuid_leaf[0], 0xFFFFFFFF00000001);
	ck_assert_mem_eq(info.cmrs, p->cmrs, 2 * sizeof(p->cmrs[0]));
	ck_assert(tdxc_sysinfo_feature(&info, TDXC_FEATURE_TD_PRESERVING));
	ck_assert_uint_eq(
		tdxc_sysinfo_feature(&info, TDXC_FEATURE_DYNAMIC_PAMT), newer);
	ck_assert_uint_eq(tdxc_sysinfo_has(&info, TDXC_FIELD_PAMT_BITMAP_BITS),
			  newer);
	ck_assert_uint_eq(info.pamt_bitmap_bits, newer);
	ck_assert_uint_eq(tdxc_sysinfo_has(&info, TDXC_FIELD_MAX_VCPUS_PER_TD),
			  newer);
	sim_down(&f);
}
END_TEST

/* linux-host-tdx.md 13, idea 54. */
START_TEST(idea_54_a_module_that_is_not_ready_lacks_no_field)
{
	sim_start(profiles[_i]);
	ck_assert_int_eq(
		tdxc_sim_machine_reset(&f.machine, &f.machine.platform), 0);
	soil();
	ck_assert_int_eq(tdxc_metadata_read(&sim, &info, &fault, &diag),
			 TDXC_E_IO);
	ck_assert_uint_eq(diag.status, LP_INIT_NOT_DONE);
	ck_assert_uint_eq(fault.field, tdxc_field_id((enum tdxc_field)0));
	ck_assert(info_is_zero());
	soil();
	ck_assert_int_eq(tdxc_metadata_read_all(&sim, list_page(), PAGE_PA,
						&info, &fault, &diag),
			 TDXC_E_IO);
	ck_assert_uint_eq(diag.status, LP_INIT_NOT_DONE);
	ck_assert(info_is_zero());
	sim_down(&f);
}
END_TEST

START_TEST(a_page_the_module_refuses_is_no_malformed_list)
{
	sim_start(profiles[_i]);
	ck_assert_int_eq(tdxc_metadata_read_all(&sim, list_page(), PAGE_PA + 8,
						&info, &fault, &diag),
			 TDXC_E_IO);
	ck_assert_uint_eq(diag.status, 0xC000010000000002);
	ck_assert(info_is_zero());
	sim_down(&f);
}
END_TEST

/* --- a scripted module ---------------------------------------------------- */

/* What a TD cannot be built without; written down a second time on purpose. */
static const enum tdxc_field required[] = {
	TDXC_FIELD_MAX_TDMRS,	       TDXC_FIELD_MAX_RESERVED,
	TDXC_FIELD_PAMT_4K_ENTRY_SIZE, TDXC_FIELD_PAMT_2M_ENTRY_SIZE,
	TDXC_FIELD_PAMT_1G_ENTRY_SIZE, TDXC_FIELD_TDR_SIZE,
	TDXC_FIELD_TDCS_SIZE,	       TDXC_FIELD_TDVPS_SIZE,
	TDXC_FIELD_ATTRIBUTES_FIXED0,  TDXC_FIELD_ATTRIBUTES_FIXED1,
	TDXC_FIELD_XFAM_FIXED0,	       TDXC_FIELD_XFAM_FIXED1,
	TDXC_FIELD_NUM_CPUID_CONFIG,
};

static bool is_required(enum tdxc_field field)
{
	size_t i;

	for (i = 0; i < COUNT(required); i++) {
		if (required[i] == field)
			return true;
	}
	return false;
}

struct script {
	/* SYS.RD of this id is answered otherwise. */
	uint64_t id;
	uint64_t status; /* 0: with the value */
	uint64_t value;
	uint64_t busy; /* first so many calls */
	uint64_t rd_calls;
	/* SYS.RDALL. */
	uint8_t *page; /* exactly 4 KiB */
	const uint8_t (*lists)[PAGE];
	uint32_t nr_lists; /* the last one again and again */
	bool endless;
	uint64_t rdall_status;
	uint64_t resume[20]; /* R8 of each call */
	uint64_t rdall_calls;
	uint64_t array_reads;
};

static struct script script;

/* A value that names the field it is for. */
static uint64_t usual(uint64_t id)
{
	if (id == tdxc_field_id(TDXC_FIELD_NUM_CPUID_CONFIG))
		return NUM_CPUID;
	if (id == tdxc_field_id(TDXC_FIELD_NUM_CMRS))
		return NUM_CMRS;
	if (id == tdxc_field_id(TDXC_FIELD_NO_DOWNGRADE))
		return 1;
	if (KEY(id) == KEY(tdxc_field_id(TDXC_FIELD_FEATURES0)))
		return 1ull << TDXC_FEATURE_TD_PRESERVING;
	return 0x100 + (id & 0xFF);
}

static bool is_array(uint64_t id)
{
	return (id >= CPUID_LEAF && id < CPUID_LEAF + 0x200) ||
	       (id >= CMR_BASE && id < CMR_BASE + 0x100);
}

static uint64_t answer_rd(struct script *s, struct tdxc_seamcall_regs *regs)
{
	uint64_t id = regs->rdx;

	s->rd_calls++;
	regs->rdx = NO_ID;
	regs->r8 = 0;
	if (s->rd_calls <= s->busy)
		return SYS_BUSY;
	s->array_reads += is_array(id);
	if (id == s->id && s->status != 0)
		return s->status;
	regs->r8 = id == s->id ? s->value : usual(id);
	return 0;
}

static uint64_t answer_rdall(struct script *s, struct tdxc_seamcall_regs *regs)
{
	uint64_t call = s->rdall_calls++;
	uint64_t at = call < s->nr_lists ? call : s->nr_lists - 1;

	ck_assert_uint_eq(regs->rdx, PAGE_PA);
	if (call < COUNT(s->resume))
		s->resume[call] = regs->r8;
	regs->r8 = NO_ID;
	/* As the convention allows outputs to be used for something else. */
	regs->rdx = 0x5555;
	if (s->rdall_status != 0)
		return s->rdall_status;
	memcpy(s->page, s->lists[at], PAGE);
	if (!s->endless && call + 1 >= s->nr_lists)
		return 0;
	regs->r8 = 0x1000 + call;
	return LIST_OVERFLOW;
}

static uint64_t scripted_call(void *ctx, uint64_t rax,
			      struct tdxc_seamcall_regs *regs,
			      enum tdxc_seamcall_shape shape)
{
	struct script *s = ctx;

	ck_assert_int_eq(shape, TDXC_SEAMCALL_RET);
	if (rax == TDXC_SYS_RD)
		return answer_rd(s, regs);
	ck_assert_uint_eq(rax, TDXC_SYS_RDALL);
	return answer_rdall(s, regs);
}

static const struct tdxc_seamcall_ops scripted_ops = {TDXC_ABI, scripted_call};
static const struct tdxc_seamcall_port scripted = {&scripted_ops, &script};

static int read_one_by_one(void)
{
	soil();
	return tdxc_metadata_read(&scripted, &info, &fault, &diag);
}

static void script_answer(enum tdxc_field field, uint64_t status,
			  uint64_t value)
{
	memset(&script, 0, sizeof(script));
	script.id = tdxc_field_id(field);
	script.status = status;
	script.value = value;
}

static void expect_refused(int err, int wanted, uint64_t field)
{
	ck_assert_int_eq(err, wanted);
	ck_assert_uint_eq(fault.field, field);
	ck_assert(info_is_zero());
}

/* linux-host-tdx.md 13, idea 25. */
START_TEST(idea_25_no_version_is_claimed_when_its_field_cannot_be_read)
{
	static const enum tdxc_field version[] = {TDXC_FIELD_MINOR_VERSION,
						  TDXC_FIELD_MAJOR_VERSION,
						  TDXC_FIELD_UPDATE_VERSION};
	size_t i;

	for (i = 0; i < COUNT(version); i++) {
		script_answer(version[i], SYS_NOT_READY, 0);
		expect_refused(read_one_by_one(), TDXC_E_IO,
			       tdxc_field_id(version[i]));
		ck_assert_uint_eq(script.rd_calls, version[i] + 1u);
	}
}
END_TEST

/* linux-host-tdx.md 13, idea 26. */
START_TEST(idea_26_too_many_cpuid_entries_are_refused_before_any_is_read)
{
	const uint64_t id = tdxc_field_id(TDXC_FIELD_NUM_CPUID_CONFIG);

	script_answer(TDXC_FIELD_NUM_CPUID_CONFIG, 0, TDXC_MAX_CPUID_CONFIG);
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert_uint_eq(script.array_reads,
			  3 * TDXC_MAX_CPUID_CONFIG + 2 * NUM_CMRS);
	script_answer(TDXC_FIELD_NUM_CPUID_CONFIG, 0,
		      TDXC_MAX_CPUID_CONFIG + 1);
	expect_refused(read_one_by_one(), TDXC_E_NOSPC, id);
	ck_assert_uint_eq(fault.value, TDXC_MAX_CPUID_CONFIG + 1);
	ck_assert_uint_eq(script.array_reads, 0);
}
END_TEST

START_TEST(too_many_cmrs_are_refused_before_any_is_read)
{
	script_answer(TDXC_FIELD_NUM_CMRS, 0, TDXC_MAX_CMRS);
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert_uint_eq(script.array_reads,
			  3 * NUM_CPUID + 2 * TDXC_MAX_CMRS);
	script_answer(TDXC_FIELD_NUM_CMRS, 0, TDXC_MAX_CMRS + 1);
	expect_refused(read_one_by_one(), TDXC_E_NOSPC,
		       tdxc_field_id(TDXC_FIELD_NUM_CMRS));
	ck_assert_uint_eq(script.array_reads, 0);
}
END_TEST

static const uint64_t absent[] = {ID_INCORRECT, NOT_READABLE};

START_TEST(a_field_that_does_not_exist_is_absent_or_named)
{
	enum tdxc_field field = (enum tdxc_field)_i;
	size_t i;

	for (i = 0; i < COUNT(absent); i++) {
		/* Details, as other codes have them, change nothing. */
		script_answer(field, absent[i] | i, 0);
		if (is_required(field)) {
			expect_refused(read_one_by_one(), TDXC_E_NOENT,
				       tdxc_field_id(field));
			continue;
		}
		ck_assert_int_eq(read_one_by_one(), TDXC_OK);
		ck_assert_uint_eq(info.present, ((1ull << TDXC_FIELDS) - 1) &
							~(1ull << field));
		ck_assert(!tdxc_sysinfo_has(&info, field));
	}
}
END_TEST

START_TEST(members_of_absent_fields_are_zero)
{
	script_answer(TDXC_FIELD_PAMT_BITMAP_BITS, ID_INCORRECT, 0);
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert_uint_eq(info.pamt_bitmap_bits, 0);
	script_answer(TDXC_FIELD_FEATURES0, ID_INCORRECT, 0);
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert(!tdxc_sysinfo_feature(&info, TDXC_FEATURE_TD_PRESERVING));
	script_answer(TDXC_FIELD_NUM_CMRS, ID_INCORRECT, 0);
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert_uint_eq(info.num_cmrs, 0);
	ck_assert_uint_eq(script.array_reads, 3 * NUM_CPUID);
}
END_TEST

struct not_now {
	uint64_t status;
	int err;
};

static const struct not_now not_now[] = {
	{SYS_NOT_READY, TDXC_E_IO},
	{LP_INIT_NOT_DONE, TDXC_E_IO},
	{0xC000050600000000, TDXC_E_IO}, /* SYS_SHUTDOWN */
	{0xC000050700000000, TDXC_E_IO},
	{SYS_BUSY, TDXC_E_BUSY},
	{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
	{TDXC_STATUS_UD, TDXC_E_ACCES},
};

/* linux-host-tdx.md 13, idea 54: for optional fields, too. */
START_TEST(idea_54_a_field_that_cannot_be_read_yet_is_not_absent)
{
	enum tdxc_field field = (enum tdxc_field)_i;
	size_t i;

	for (i = 0; i < COUNT(not_now); i++) {
		script_answer(field, not_now[i].status, 0);
		expect_refused(read_one_by_one(), not_now[i].err,
			       tdxc_field_id(field));
		ck_assert_uint_eq(diag.status, not_now[i].status);
		ck_assert_uint_eq(diag.in.rdx, tdxc_field_id(field));
	}
}
END_TEST

static const unsigned char width[TDXC_FIELDS] = {
	[TDXC_FIELD_MINOR_VERSION] = 2,
	[TDXC_FIELD_MAJOR_VERSION] = 2,
	[TDXC_FIELD_UPDATE_VERSION] = 2,
	[TDXC_FIELD_INTERNAL_VERSION] = 2,
	[TDXC_FIELD_BUILD_NUM] = 2,
	[TDXC_FIELD_BUILD_DATE] = 4,
	[TDXC_FIELD_FEATURES0] = 8,
	[TDXC_FIELD_NUM_PKGS] = 4,
	[TDXC_FIELD_MAX_TDMRS] = 2,
	[TDXC_FIELD_MAX_RESERVED] = 2,
	[TDXC_FIELD_PAMT_4K_ENTRY_SIZE] = 2,
	[TDXC_FIELD_PAMT_2M_ENTRY_SIZE] = 2,
	[TDXC_FIELD_PAMT_1G_ENTRY_SIZE] = 2,
	[TDXC_FIELD_PAMT_BITMAP_BITS] = 2,
	[TDXC_FIELD_TDR_SIZE] = 2,
	[TDXC_FIELD_TDCS_SIZE] = 2,
	[TDXC_FIELD_TDVPS_SIZE] = 2,
	[TDXC_FIELD_ATTRIBUTES_FIXED0] = 8,
	[TDXC_FIELD_ATTRIBUTES_FIXED1] = 8,
	[TDXC_FIELD_XFAM_FIXED0] = 8,
	[TDXC_FIELD_XFAM_FIXED1] = 8,
	[TDXC_FIELD_NUM_CPUID_CONFIG] = 2,
	[TDXC_FIELD_MAX_VCPUS_PER_TD] = 2,
	[TDXC_FIELD_MODULE_HV] = 2,
	[TDXC_FIELD_MIN_UPDATE_HV] = 2,
	[TDXC_FIELD_NO_DOWNGRADE] = 2,
	[TDXC_FIELD_NUM_CMRS] = 2,
};

static bool is_count(enum tdxc_field field)
{
	return field == TDXC_FIELD_NUM_CPUID_CONFIG ||
	       field == TDXC_FIELD_NUM_CMRS;
}

START_TEST(a_value_is_taken_whole_or_refused)
{
	enum tdxc_field field = (enum tdxc_field)_i;
	uint64_t most = NO_ID;

	if (width[_i] < 8)
		most = (1ull << 8 * width[_i]) - 1;
	if (!is_count(field)) {
		script_answer(field, 0, most);
		ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	}
	if (width[_i] == 8)
		return;
	script_answer(field, 0, most + 1);
	expect_refused(read_one_by_one(), TDXC_E_RANGE, tdxc_field_id(field));
	ck_assert_uint_eq(fault.value, most + 1);
	script_answer(field, 0, 1ull << 63);
	expect_refused(read_one_by_one(), TDXC_E_RANGE, tdxc_field_id(field));
}
END_TEST

static const uint64_t in_arrays[] = {
	CPUID_LEAF,  CPUID_LEAF + NUM_CPUID - 1,
	CPUID_VALUE, CPUID_VALUE + 2 * NUM_CPUID - 1,
	CMR_BASE,    CMR_BASE + NUM_CMRS - 1,
	CMR_SIZE,    CMR_SIZE + NUM_CMRS - 1,
};

START_TEST(a_missing_element_of_an_array_is_named)
{
	memset(&script, 0, sizeof(script));
	script.id = in_arrays[_i];
	script.status = ID_INCORRECT;
	expect_refused(read_one_by_one(), TDXC_E_NOENT, in_arrays[_i]);
	script.status = SYS_NOT_READY;
	expect_refused(read_one_by_one(), TDXC_E_IO, in_arrays[_i]);
}
END_TEST

START_TEST(elements_of_arrays_land_where_they_belong)
{
	unsigned k;

	memset(&script, 0, sizeof(script));
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	for (k = 0; k < NUM_CPUID; k++) {
		ck_assert_uint_eq(info.cpuid_leaf[k], usual(CPUID_LEAF + k));
		ck_assert_uint_eq(info.cpuid_value[k][0],
				  usual(CPUID_VALUE + 2 * k));
		ck_assert_uint_eq(info.cpuid_value[k][1],
				  usual(CPUID_VALUE + 2 * k + 1));
	}
	ck_assert_uint_eq(info.cpuid_leaf[k], 0);
	for (k = 0; k < NUM_CMRS; k++) {
		ck_assert_uint_eq(info.cmrs[k].base, usual(CMR_BASE + k));
		ck_assert_uint_eq(info.cmrs[k].size, usual(CMR_SIZE + k));
	}
	ck_assert_uint_eq(info.cmrs[k].base, 0);
}
END_TEST

START_TEST(a_busy_module_is_asked_again_a_bounded_number_of_times)
{
	memset(&script, 0, sizeof(script));
	script.busy = 3;
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	ck_assert_uint_eq(script.rd_calls,
			  3 + TDXC_FIELDS + 3 * NUM_CPUID + 2 * NUM_CMRS);
	memset(&script, 0, sizeof(script));
	script.busy = NO_ID;
	expect_refused(read_one_by_one(), TDXC_E_BUSY,
		       tdxc_field_id((enum tdxc_field)0));
	ck_assert_uint_eq(script.rd_calls, TDXC_ATTEMPTS_BUSY);
}
END_TEST

START_TEST(ids_beyond_the_table_do_not_exist)
{
	ck_assert_uint_eq(tdxc_field_id(TDXC_FIELDS), 0);
	ck_assert_uint_eq(tdxc_field_id((enum tdxc_field)1000), 0);
	ck_assert_uint_eq(tdxc_field_id(TDXC_FIELD_FEATURES0),
			  0x0A00000300000008);
}
END_TEST

/* --- lists -----------------------------------------------------------------
 */

#define LISTS 20

static uint8_t lists[LISTS][PAGE];
static size_t fill; /* of the list that grows */

static void put(uint8_t *list, size_t at, uint64_t word)
{
	memcpy(list + at, &word, sizeof(word));
}

static uint64_t get(const uint8_t *list, size_t at)
{
	uint64_t word;

	memcpy(&word, list + at, sizeof(word));
	return word;
}

static void list_begin(uint8_t *list)
{
	memset(list, 0xEE, PAGE);
	put(list, 0, 8);
	fill = 8;
}

/* One sequence of n elements: the fields of one id each, or, with `as_array`,
 * 16 elements to a field. */
static void list_add(uint8_t *list, uint64_t id, uint64_t n, bool as_array)
{
	uint64_t k;

	put(list, fill,
	    as_array ? id | 15ull << 34 | (n / 16 - 1) << 38
		     : id | (n - 1) << 38);
	for (k = 0; k < n; k++)
		put(list, fill + 8 + 8 * k, usual(id + k));
	fill += 8 + 8 * n;
	put(list, 0, fill | ((get(list, 0) >> 16) + 1) << 16);
}

static void list_scalars(uint8_t *list, int without)
{
	int i;

	for (i = 0; i < TDXC_FIELDS; i++) {
		if (i != without)
			list_add(list, tdxc_field_id((enum tdxc_field)i), 1,
				 false);
	}
}

static void list_arrays(uint8_t *list)
{
	list_add(list, CPUID_LEAF, 32, true);
	list_add(list, CPUID_VALUE, 64, true);
	list_add(list, CMR_BASE, 32, false);
	list_add(list, CMR_SIZE, 32, false);
}

static void list_usual(int without)
{
	list_begin(lists[0]);
	list_scalars(lists[0], without);
	list_arrays(lists[0]);
}

static int read_lists(uint32_t nr)
{
	uint8_t *page = malloc(PAGE);
	int err;

	ck_assert_ptr_nonnull(page);
	script.page = page;
	script.lists = (const uint8_t(*)[PAGE])lists;
	script.nr_lists = nr;
	soil();
	err = tdxc_metadata_read_all(&scripted, page, PAGE_PA, &info, &fault,
				     &diag);
	free(page);
	return err;
}

static void script_clear(void)
{
	memset(&script, 0, sizeof(script));
}

START_TEST(a_list_says_what_single_reads_say)
{
	struct tdxc_sysinfo one_by_one;

	script_clear();
	ck_assert_int_eq(read_one_by_one(), TDXC_OK);
	one_by_one = info;
	list_usual(-1);
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	ck_assert_uint_eq(script.rdall_calls, 1);
	ck_assert_uint_eq(script.resume[0], NO_ID);
	ck_assert_mem_eq(&info, &one_by_one, sizeof(info));
}
END_TEST

START_TEST(a_field_that_is_not_listed_is_absent_or_named)
{
	enum tdxc_field field = (enum tdxc_field)_i;

	script_clear();
	list_usual(_i);
	if (is_required(field)) {
		expect_refused(read_lists(1), TDXC_E_NOENT,
			       tdxc_field_id(field));
		return;
	}
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	ck_assert_uint_eq(info.present,
			  ((1ull << TDXC_FIELDS) - 1) & ~(1ull << field));
}
END_TEST

START_TEST(unknown_fields_and_other_element_sizes_are_no_reason_to_stop)
{
	uint64_t bits = tdxc_field_id(TDXC_FIELD_PAMT_BITMAP_BITS);

	script_clear();
	list_begin(lists[0]);
	list_add(lists[0], 0xA200000300000001, 6, false);
	list_scalars(lists[0], TDXC_FIELD_PAMT_BITMAP_BITS);
	list_add(lists[0], bits ^ 1ull << 32, 1, false);
	list_arrays(lists[0]);
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	ck_assert(tdxc_sysinfo_has(&info, TDXC_FIELD_PAMT_BITMAP_BITS));
	ck_assert_uint_eq(info.pamt_bitmap_bits, usual(bits));
}
END_TEST

START_TEST(a_value_in_a_list_is_taken_whole_or_refused)
{
	const uint64_t id = tdxc_field_id(TDXC_FIELD_MAX_TDMRS);

	script_clear();
	list_begin(lists[0]);
	list_add(lists[0], id, 1, false);
	put(lists[0], fill - 8, 0x10000);
	list_scalars(lists[0], TDXC_FIELD_MAX_TDMRS);
	list_arrays(lists[0]);
	expect_refused(read_lists(1), TDXC_E_RANGE, id);
	ck_assert_uint_eq(fault.value, 0x10000);
}
END_TEST

START_TEST(idea_26_too_many_cpuid_entries_in_a_list_are_refused)
{
	const uint64_t id = tdxc_field_id(TDXC_FIELD_NUM_CPUID_CONFIG);

	script_clear();
	list_begin(lists[0]);
	list_add(lists[0], id, 1, false);
	put(lists[0], fill - 8, TDXC_MAX_CPUID_CONFIG + 1);
	list_scalars(lists[0], TDXC_FIELD_NUM_CPUID_CONFIG);
	list_arrays(lists[0]);
	expect_refused(read_lists(1), TDXC_E_NOSPC, id);
}
END_TEST

START_TEST(an_array_longer_than_the_room_for_it_is_not_written_beyond)
{
	static const uint64_t beyond[] = {
		CPUID_LEAF + TDXC_MAX_CPUID_CONFIG,
		CPUID_VALUE + 2 * TDXC_MAX_CPUID_CONFIG - 1,
		CMR_BASE + TDXC_MAX_CMRS, CMR_SIZE + TDXC_MAX_CMRS - 1};
	struct tdxc_sysinfo before;
	size_t i;

	script_clear();
	list_usual(-1);
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	before = info;
	for (i = 0; i < COUNT(beyond); i++)
		list_add(lists[0], beyond[i], 5, false);
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	ck_assert_mem_eq(&info, &before, sizeof(info));
}
END_TEST

struct short_array {
	uint64_t base;
	uint64_t n;
};

static const struct short_array short_arrays[] = {
	{CPUID_LEAF, NUM_CPUID},
	{CPUID_VALUE, 2 * NUM_CPUID},
	{CMR_BASE, NUM_CMRS},
	{CMR_SIZE, NUM_CMRS},
};

START_TEST(an_array_shorter_than_its_count_is_named)
{
	const struct short_array *a = &short_arrays[_i];
	uint64_t listed = a->n - 1;
	size_t i;

	script_clear();
	for (; listed <= a->n; listed++) {
		list_begin(lists[0]);
		list_scalars(lists[0], -1);
		for (i = 0; i < COUNT(short_arrays); i++)
			list_add(lists[0], short_arrays[i].base,
				 short_arrays[i].base == a->base
					 ? listed
					 : short_arrays[i].n,
				 false);
		if (listed == a->n)
			ck_assert_int_eq(read_lists(1), TDXC_OK);
		else
			expect_refused(read_lists(1), TDXC_E_NOENT,
				       a->base + listed);
	}
}
END_TEST

struct bad_header {
	const char *what;
	uint64_t word; /* of the list */
};

/* The list as it would be: 27 scalars and the arrays. */
#define SEQUENCES (TDXC_FIELDS + 4u)
#define BYTES	  (8u + 16u * TDXC_FIELDS + 4 * 8u + 8 * (32u + 64 + 32 + 32))
#define HEADER(bytes, sequences)                                               \
	((uint64_t)(bytes) | (uint64_t)(sequences) << 16)

static const struct bad_header bad_headers[] = {
	{"nothing at all", 0},
	{"no sequence", HEADER(BYTES, 0)},
	{"no sequence and no bytes", HEADER(8, 0)},
	{"shorter than itself", HEADER(7, SEQUENCES)},
	{"a sequence, but no bytes", HEADER(8, 1)},
	{"less than a sequence", HEADER(15, 1)},
	{"longer than the page", HEADER(4097, SEQUENCES)},
	{"much longer than the page", HEADER(0xFFFF, 0xFFFF)},
	{"one sequence more", HEADER(BYTES, SEQUENCES + 1)},
	{"one sequence less", HEADER(BYTES, SEQUENCES - 1)},
	{"one byte more", HEADER(BYTES + 1, SEQUENCES)},
	{"the whole page", HEADER(4096, SEQUENCES)},
	{"all sequences there can be", HEADER(BYTES, 0xFFFF)},
};

START_TEST(a_malformed_list_is_refused_and_its_header_named)
{
	const struct bad_header *bad = &bad_headers[_i];

	script_clear();
	list_usual(-1);
	ck_assert_uint_eq(get(lists[0], 0), HEADER(BYTES, SEQUENCES));
	put(lists[0], 0, bad->word);
	expect_refused(read_lists(1), TDXC_E_INVAL, bad->word);
	ck_assert_uint_eq(diag.status, 0);
}
END_TEST

START_TEST(a_list_cut_short_anywhere_is_refused)
{
	uint64_t bytes;

	script_clear();
	list_usual(-1);
	for (bytes = 8; bytes < BYTES; bytes++) {
		put(lists[0], 0, HEADER(bytes, SEQUENCES));
		ck_assert_int_eq(read_lists(1), TDXC_E_INVAL);
		ck_assert(info_is_zero());
	}
	put(lists[0], 0, HEADER(BYTES, SEQUENCES));
	ck_assert_int_eq(read_lists(1), TDXC_OK);
}
END_TEST

/* Valgrind and AddressSanitizer watch the end of the page. */
START_TEST(a_sequence_beyond_the_end_is_refused_and_its_header_named)
{
	const uint64_t longest = 0xA2000003FFFFFFFFull & ~0xFFFFFFull;
	const uint64_t id = CPUID_LEAF | 511ull << 38;

	script_clear();
	list_begin(lists[0]);
	put(lists[0], 8, id);
	put(lists[0], 0, HEADER(PAGE, 1));
	expect_refused(read_lists(1), TDXC_E_INVAL, id);
	ck_assert_uint_eq(fault.value, 512);
	put(lists[0], 8, longest | 511ull << 38 | 15ull << 34);
	expect_refused(read_lists(1), TDXC_E_INVAL,
		       longest | 511ull << 38 | 15ull << 34);
	ck_assert_uint_eq(fault.value, 512 * 16);
	/* 510 elements fill the page exactly. */
	put(lists[0], 8, 0xA200000300000000 | 509ull << 38);
	ck_assert_int_eq(read_lists(1), TDXC_E_NOENT);
	put(lists[0], 8, 0xA200000300000000 | 510ull << 38);
	ck_assert_int_eq(read_lists(1), TDXC_E_INVAL);
}
END_TEST

/* --- more than a page ------------------------------------------------------
 */

START_TEST(a_list_of_several_pages_is_resumed_where_the_module_says)
{
	struct tdxc_sysinfo one_page;

	script_clear();
	list_usual(-1);
	ck_assert_int_eq(read_lists(1), TDXC_OK);
	one_page = info;
	/* Arrays go on in the next page, in the middle. */
	list_begin(lists[0]);
	list_add(lists[0], CMR_BASE, 32, false);
	list_add(lists[0], CPUID_VALUE, 3, false);
	list_begin(lists[1]);
	list_add(lists[1], CPUID_VALUE + 3, 61, false);
	list_scalars(lists[1], -1);
	list_begin(lists[2]);
	list_add(lists[2], CPUID_LEAF, 32, true);
	list_add(lists[2], CMR_SIZE, 32, false);
	script_clear();
	ck_assert_int_eq(read_lists(3), TDXC_OK);
	ck_assert_mem_eq(&info, &one_page, sizeof(info));
	ck_assert_uint_eq(script.rdall_calls, 3);
	ck_assert_uint_eq(script.resume[0], NO_ID);
	ck_assert_uint_eq(script.resume[1], 0x1000);
	ck_assert_uint_eq(script.resume[2], 0x1001);
}
END_TEST

START_TEST(a_list_without_end_is_given_up_after_16_pages)
{
	script_clear();
	list_usual(-1);
	script.endless = true;
	expect_refused(read_lists(1), TDXC_E_INVAL, 0x100F);
	ck_assert_uint_eq(script.rdall_calls, 16);
}
END_TEST

START_TEST(a_malformed_second_page_undoes_the_first)
{
	script_clear();
	list_usual(-1);
	list_begin(lists[1]);
	expect_refused(read_lists(2), TDXC_E_INVAL, 8);
	ck_assert_uint_eq(script.rdall_calls, 2);
}
END_TEST

START_TEST(a_refusal_of_the_whole_list_is_not_taken_for_a_list)
{
	static const struct not_now refusals[] = {
		{OPERAND_INVALID_RAX, TDXC_E_IO},
		{LP_INIT_NOT_DONE, TDXC_E_IO},
		{ID_INCORRECT, TDXC_E_IO},
		{SYS_BUSY, TDXC_E_BUSY},
		{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
	};
	size_t i;

	list_usual(-1);
	for (i = 0; i < COUNT(refusals); i++) {
		script_clear();
		script.rdall_status = refusals[i].status;
		expect_refused(read_lists(1), refusals[i].err, 0);
		ck_assert_uint_eq(diag.status, refusals[i].status);
	}
}
END_TEST

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* A few words of a good list written over: an answer of the documented kind,
 * and no version claimed with an error. */
START_TEST(damaged_lists_are_read_or_refused_but_never_half)
{
	uint64_t state = from_env("TDXC_SEED", 1);
	uint64_t rounds = MANY * from_env("TDXC_TEST_SCALE", 100) / 100;
	uint64_t good = 0;
	uint64_t i, k;

	printf("TDXC_SEED=%llu\n", (unsigned long long)state);
	for (i = 0; i <= rounds; i++) {
		int err;

		script_clear();
		list_usual(-1);
		for (k = sim_random(&state) % 3 + 1; k > 0; k--) {
			uint64_t at = sim_random(&state) % (BYTES / 8) * 8;
			uint64_t word = sim_random(&state);

			put(lists[0], at,
			    word % 3 == 0
				    ? word
				    : get(lists[0], at) ^ 1ull << word % 64);
		}
		err = read_lists(1);
		good += err == TDXC_OK;
		if (err == TDXC_OK)
			continue;
		ck_assert(err == TDXC_E_INVAL || err == TDXC_E_NOENT ||
			  err == TDXC_E_RANGE || err == TDXC_E_NOSPC);
		ck_assert(info_is_zero());
	}
	ck_assert_uint_ne(good, 0);
}
END_TEST

static TCase *sim_case(void)
{
	const int n = COUNT(profiles);
	TCase *tc = tcase_create("software TDX module");

	tcase_add_loop_test(
		tc,
		both_ways_fill_the_same_structure_with_known_numbers_of_calls,
		0, n);
	tcase_add_loop_test(tc, what_is_read_is_what_the_module_is, 0, n);
	tcase_add_loop_test(
		tc, idea_54_a_module_that_is_not_ready_lacks_no_field, 0, n);
	tcase_add_loop_test(tc, a_page_the_module_refuses_is_no_malformed_list,
			    0, n);
	return tc;
}

static TCase *read_case(void)
{
	TCase *tc = tcase_create("one by one");

	tcase_add_test(
		tc,
		idea_25_no_version_is_claimed_when_its_field_cannot_be_read);
	tcase_add_test(
		tc,
		idea_26_too_many_cpuid_entries_are_refused_before_any_is_read);
	tcase_add_test(tc, too_many_cmrs_are_refused_before_any_is_read);
	tcase_add_loop_test(tc, a_field_that_does_not_exist_is_absent_or_named,
			    0, TDXC_FIELDS);
	tcase_add_test(tc, members_of_absent_fields_are_zero);
	tcase_add_loop_test(
		tc, idea_54_a_field_that_cannot_be_read_yet_is_not_absent, 0,
		TDXC_FIELDS);
	tcase_add_loop_test(tc, a_value_is_taken_whole_or_refused, 0,
			    TDXC_FIELDS);
	tcase_add_loop_test(tc, a_missing_element_of_an_array_is_named, 0,
			    COUNT(in_arrays));
	tcase_add_test(tc, elements_of_arrays_land_where_they_belong);
	tcase_add_test(tc,
		       a_busy_module_is_asked_again_a_bounded_number_of_times);
	tcase_add_test(tc, ids_beyond_the_table_do_not_exist);
	return tc;
}

static TCase *list_case(void)
{
	TCase *tc = tcase_create("lists");

	tcase_add_test(tc, a_list_says_what_single_reads_say);
	tcase_add_loop_test(tc, a_field_that_is_not_listed_is_absent_or_named,
			    0, TDXC_FIELDS);
	tcase_add_test(
		tc,
		unknown_fields_and_other_element_sizes_are_no_reason_to_stop);
	tcase_add_test(tc, a_value_in_a_list_is_taken_whole_or_refused);
	tcase_add_test(tc,
		       idea_26_too_many_cpuid_entries_in_a_list_are_refused);
	tcase_add_test(
		tc, an_array_longer_than_the_room_for_it_is_not_written_beyond);
	tcase_add_loop_test(tc, an_array_shorter_than_its_count_is_named, 0,
			    COUNT(short_arrays));
	tcase_add_loop_test(tc,
			    a_malformed_list_is_refused_and_its_header_named, 0,
			    COUNT(bad_headers));
	tcase_add_test(tc, a_list_cut_short_anywhere_is_refused);
	tcase_add_test(
		tc, a_sequence_beyond_the_end_is_refused_and_its_header_named);
	tcase_add_test(
		tc, a_list_of_several_pages_is_resumed_where_the_module_says);
	tcase_add_test(tc, a_list_without_end_is_given_up_after_16_pages);
	tcase_add_test(tc, a_malformed_second_page_undoes_the_first);
	tcase_add_test(tc, a_refusal_of_the_whole_list_is_not_taken_for_a_list);
	tcase_add_test(tc, damaged_lists_are_read_or_refused_but_never_half);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("metadata");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, sim_case());
	suite_add_tcase(suite, read_case());
	suite_add_tcase(suite, list_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
