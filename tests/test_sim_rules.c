/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The software TDX module against rules of tdx-module-abi.md, each written down
 * here a second time: the dispatcher and what leaves preset (1.1, 5.3),
 * lifecycles (8.1), the order of TD_PARAMS (3.5), field walks (3.9), keys and
 * caches on several packages (9), and what a guest meets (1.8, 1.9).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/p1.h"

#define NOT_READY    0xC000050500000000ull
#define SHUT_DOWN    0xC000050600000000ull
#define NO_KEYS	     0x8000081000000000ull
#define LIFECYCLE    0xC000060700000000ull
#define DEAD	     0xE000060400000000ull
#define NOT_READABLE 0xC0000C0200000000ull
#define BAD_FIELD    0xC0000C0000000000ull
#define NOT_WRITABLE 0xC0000C0100000000ull
#define FIRST_FIELD  0x00000C0B00000000ull
#define JUNK(i)	     (0xF7F7F7F7F7F7F7F7ull - 0x10ull * (i))
#define NONE	     UINT64_MAX

static struct tdxc_sim_regs full(uint32_t lp, uint64_t rax, const uint64_t *in,
				 size_t nr)
{
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = rax;
	for (size_t i = 0; i < nr; i++)
		regs.gpr[i < 2 ? i + 1 : i + 6] = in[i];
	(void)tdxc_sim_seamcall(&machine.module, lp, &regs);
	return regs;
}

#define FULL(lp, rax, ...)                                                     \
	full(lp, rax, (const uint64_t[]){__VA_ARGS__},                         \
	     COUNT(((const uint64_t[]){__VA_ARGS__})))

/* --- the dispatcher ---------------------------------------------------------
 */

/* Leaves of the module with junk in every register, once it is ready: what
 * comes back, and registers (1 RCX, 2 RDX, 3 R8, ...) that are zeroed or, with
 * 16 added, all ones. */
static const struct known {
	uint16_t leaf;
	bool early;
	uint64_t status;
	uint8_t preset[6];
} known[] = {
	{0, false, INVALID(1), {0}},
	{1, false, INVALID(2), {0}},
	{2, false, INVALID(2), {1, 2}},
	{3, false, INVALID(2), {1, 2}},
	{4, false, INVALID(2), {0}},
	{5, false, INVALID(2), {1, 2}},
	{6, false, INVALID(2), {1, 2}},
	{7, false, INVALID(2), {1, 2}},
	{8, false, INVALID(1), {0}},
	{9, false, INVALID(2), {0}},
	{10, false, INVALID(2), {0}},
	{11, false, INVALID(1), {3}},
	{13, false, INVALID(1), {3}},
	{15, false, INVALID(2), {1, 2}},
	{16, false, INVALID(2), {1, 2}},
	{17, false, INVALID(1), {0}},
	{18, false, INVALID(1), {0}},
	{19, false, INVALID(1), {0}},
	{20, false, INVALID(1), {0}},
	{21, false, INVALID(1), {1}},
	{22, false, INVALID(1), {0}},
	{23, false, INVALID(2), {1, 2}},
	{24, false, INVALID(1), {1, 2, 3, 4, 5, 6}},
	{25, false, INVALID(2), {1, 2}},
	{26, false, INVALID(1), {3}},
	{27, false, 0, {0}},
	{28, false, INVALID(1), {1, 2, 3, 4, 5, 6}},
	{29, false, INVALID(2), {1, 2}},
	{30, false, INVALID(2), {1, 2}},
	{31, true, 0xC000050700000000, {0}},
	{32, true, INVALID(1), {2, 4}},
	{33, true, INVALID(1), {1, 2, 3, 4, 5}},
	{34, true, BAD_FIELD, {2 + 16, 3}},
	{35, true, 0xC000050B00000000, {1, 2, 3}},
	{36, false, INVALID(1), {2}},
	{37, true, INVALID(2), {3 + 16}},
	{38, false, INVALID(1), {0}},
	{39, false, INVALID(2), {1, 2}},
	{40, false, INVALID(1), {0}},
	{41, false, INVALID(1), {0}},
	{43, false, INVALID(1), {3}},
	{44, true, 0, {0}},
	{45, true, 0xC000050C00000000, {0}},
	{52, false, INVALID(1), {0}},
	{53, true, 0xC000050800000000, {0}},
};

static const struct known *find(uint32_t leaf)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		if (known[i].leaf == leaf)
			return &known[i];
	}
	return NULL;
}

/* Debug, migration and service TD leaves: 1.5.01 has them, this module counts
 * them as unsupported and answers as if there were none. */
static bool is_missing(uint32_t leaf)
{
	return leaf == 12 || leaf == 14 || leaf == 48 || leaf == 49 ||
	       (leaf >= 64 && leaf <= 96);
}

static bool is_versioned(uint32_t leaf)
{
	return leaf == 3 || leaf == 11 || leaf == 23 || leaf == 26 ||
	       leaf == 30;
}

static void preset(const struct known *k, uint32_t version, uint64_t *r)
{
	for (size_t i = 0; i < COUNT(k->preset) && k->preset[i] != 0; i++)
		r[k->preset[i] & 15] = k->preset[i] > 15 ? NONE : 0;
	if (version == 0)
		return;
	if (k->leaf == 11 || k->leaf == 26)
		r[2] = NONE;
	if (k->leaf == 23 || k->leaf == 30)
		r[4] = r[5] = r[6] = NONE;
	for (size_t i = 3; k->leaf == 3 && version == 1 && i < 7; i++)
		r[i] &= ~(1ull << 63);
}

/* RAX, RCX, RDX, R8 ... R13 of a call with junk; false: not looked at. */
static bool expect(enum vector_start state, bool down, uint32_t leaf,
		   uint32_t version, uint64_t *r)
{
	const struct known *k = find(leaf);

	for (uint64_t i = 0; i < 8; i++)
		r[i + 1] = JUNK(i);
	if (version > 0 && !is_versioned(leaf)) {
		r[0] = INVALID(0);
	} else if (down) {
		r[0] = leaf == 44 ? 0 : SHUT_DOWN;
	} else if (state < READY && !(k && k->early)) {
		r[0] = NOT_READY;
	} else if (!k) {
		r[0] = INVALID(0);
	} else if (state < READY) {
		return false; /* vectors S have them */
	} else {
		preset(k, version, r);
		r[0] = version > 1 ? INVALID(0) : k->status;
	}
	return true;
}

static unsigned try_leaf(enum vector_start state, bool down, uint32_t leaf,
			 uint32_t version)
{
	static const uint64_t junk[] = {JUNK(0), JUNK(1), JUNK(2), JUNK(3),
					JUNK(4), JUNK(5), JUNK(6), JUNK(7)};
	uint64_t before = machine.module.unsupported;
	uint64_t want[9];
	struct tdxc_sim_regs got;

	if (!expect(state, down, leaf, version, want))
		return 0;
	got = full(1, leaf | version << 16, junk, COUNT(junk));
	for (unsigned i = 0; i < 9; i++) {
		uint64_t value = got.gpr[i < 3 ? i : i + 5];

		ck_assert_msg(value == want[i],
			      "leaf %u version %u state %d register %u: got "
			      "%llx want %llx",
			      leaf, version, (int)state, i,
			      (unsigned long long)value,
			      (unsigned long long)want[i]);
	}
	if (state == READY && !down && version == 0 && is_missing(leaf))
		ck_assert_uint_eq(machine.module.unsupported, before + 1);
	return 1;
}

START_TEST(every_leaf_in_every_state_of_the_module)
{
	static const enum vector_start states[] = {OFF,	   INITED, LPS,
						   CONFIG, READY,  READY};
	enum vector_start state = states[_i];
	bool down = _i == (int)COUNT(states) - 1;
	unsigned calls = 0;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(state);
	if (down)
		must(52, 0, 0, 0);
	for (uint32_t leaf = 0; leaf < 256; leaf++) {
		for (uint32_t version = 0; version < 5; version++)
			calls += try_leaf(state, down, leaf, version);
	}
	for (unsigned bit = 24; bit < 63; bit++) {
		struct tdxc_sim_regs got = FULL(0, 1ull << bit | 44, 1, 2, 3);

		ck_assert_uint_eq(got.gpr[0], INVALID(0));
		ck_assert_uint_eq(got.gpr[1], 1);
	}
	printf("%u calls\n", calls);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* --- lifecycle --------------------------------------------------------------
 */

/* Section 8.1 on a TD in op-state I with a vCPU; RCX, RDX, R8 are good. 0: the
 * leaf goes on, which here means anything but the statuses below. */
static const struct life {
	uint16_t leaf;
	uint64_t rcx, rdx, r8;
	uint64_t status[4];
	bool dies; /* TD_FATAL */
} lives[] = {
	{8, TDR, 0, 0, {0, LIFECYCLE, LIFECYCLE, LIFECYCLE}, true},
	{1, A, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{21, TDR, PARAMS, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{11, TDR, CHLDCNT, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{13, TDR, CHLDCNT, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{2, 0, TDR, A, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{3, 0x200001, TDR, A, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{5, 0, TDR, A, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{6, 0, TDR, A, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{7, 0, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{15, 1, TDR, A, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{16, 0, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{17, TDR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{23, 1, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{25, 1, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{29, 0, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{30, 1, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{38, TDR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{39, 0, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{10, A, TDR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{4, A, TDVPR, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{22, TDVPR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{0, TDVPR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{26, TDVPR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{43, TDVPR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, true},
	{18, TDVPR, 0, 0, {NO_KEYS, 0, NO_KEYS, NO_KEYS}, false},
	{19,
	 TDR,
	 0,
	 0,
	 {0x8000082400000000, 0x8000082400000000, LIFECYCLE, LIFECYCLE},
	 false},
	{20, TDR, 0, 0, {LIFECYCLE, LIFECYCLE, 0, LIFECYCLE}, false},
	{27, TDR, 0, 0, {0, 0, 0, 0}, false},
	{28, TDCX, 0, 0, {LIFECYCLE, LIFECYCLE, LIFECYCLE, 0}, false},
	{28,
	 TDR,
	 0,
	 0,
	 {LIFECYCLE, LIFECYCLE, LIFECYCLE, 0xC000040000000000},
	 false},
	{24, TDR, 0, 0, {0, 0, 0, 0}, false},
};

START_TEST(a_leaf_in_every_lifecycle_state)
{
	const struct life *l = &lives[_i];

	for (unsigned i = 0; i < 8; i++) {
		bool fatal = i >= 4;
		uint64_t want = fatal && l->dies ? DEAD : l->status[i % 4];
		uint64_t got;

		power_on(TDXC_SIM_PROFILE_1_5_01, 2);
		start(VCPU);
		write64(TDR + offsetof(struct tdxc_sim_tdr, lifecycle), i % 4);
		write64(TDR + offsetof(struct tdxc_sim_tdr, fatal), fatal);
		got = call(0, l->leaf, l->rcx, l->rdx, l->r8);
		if (want != 0)
			ck_assert_msg(got == want,
				      "leaf %u lifecycle %u: got %llx want "
				      "%llx",
				      l->leaf, i, (unsigned long long)got,
				      (unsigned long long)want);
		else
			ck_assert_msg(got != NO_KEYS && got != LIFECYCLE &&
					      got != DEAD,
				      "leaf %u lifecycle %u: %llx", l->leaf, i,
				      (unsigned long long)got);
		tdxc_sim_machine_fini(&machine);
	}
}
END_TEST

/* --- TD_PARAMS ---------------------------------------------------------------
 */

/* Section 3.5, in its order: words that are wrong, and what is told. */
static const struct {
	uint32_t offset;
	uint64_t xor_with;
	uint64_t status;
} params[] = {
	{0, 2, INVALID(64)},	       {8, 1, INVALID(65)},
	{16, 1, INVALID(68)}, /* MAX_VCPUS 1 becomes 0 */
	{16, 4ull << 16, INVALID(71)}, {16, 1ull << 16, 0xC000060600000000},
	{16, 1ull << 32, INVALID(2)},  {32, 8, INVALID(66)},
	{24, 1, INVALID(67)},	       {40, 80, INVALID(70)},
	{40, 1ull << 16, INVALID(2)},  {16, 2ull << 24, INVALID(2)},
	{240, 1, INVALID(2)},	       {256 + 16, 0x400, INVALID(69)},
	{448, 1, INVALID(2)},	       {224, 1, INVALID(72)},
};

static uint64_t init_with(uint32_t faults, uint64_t *rcx)
{
	struct tdxc_sim_regs got;

	for (uint64_t at = 0; at < 1024; at += 8)
		write64(PARAMS + at, 0);
	write64(PARAMS + 8, 7);
	write64(PARAMS + 16, 1);
	write64(PARAMS + 24, 0x1E);
	write64(PARAMS + 40, 80);
	for (size_t i = 0; i < COUNT(params); i++) {
		uint64_t pa = PARAMS + params[i].offset;

		if ((faults >> i & 1) != 0)
			write64(pa, tdxc_sim_machine_read64(&machine, pa) ^
					    params[i].xor_with);
	}
	got = FULL(0, 21, TDR, PARAMS);
	*rcx = got.gpr[TDXC_SIM_RCX];
	return got.gpr[TDXC_SIM_RAX];
}

START_TEST(the_first_wrong_field_of_td_params_is_told)
{
	uint64_t rcx;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(PAGES);
	for (unsigned i = 0; i < COUNT(params); i++) {
		for (unsigned k = i; k < COUNT(params); k++) {
			uint64_t got = init_with(1u << i | 1u << k, &rcx);

			ck_assert_msg(got == params[i].status,
				      "wrong %u and %u: %llx", i, k,
				      (unsigned long long)got);
			ck_assert_uint_eq(
				rcx, params[i].status == INVALID(69) ? 4 : 0);
		}
	}
	ck_assert_uint_eq(init_with(0, &rcx), 0);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* --- fields
 * ------------------------------------------------------------------- */

START_TEST(a_walk_through_the_system_visits_354_fields)
{
	uint64_t id = 0x0000000200000000;
	unsigned n = 0;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(LPS);
	for (; id != NONE; n++) {
		struct tdxc_sim_regs got = FULL(0, 34, 0, id);

		ck_assert_uint_eq(got.gpr[0], 0);
		ck_assert_uint_lt(n, 400);
		if (got.gpr[TDXC_SIM_RDX] == NONE)
			ck_assert_uint_eq(id, 0xA200000300000006);
		id = got.gpr[TDXC_SIM_RDX];
	}
	ck_assert_uint_eq(n, 354);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* Read a list back with SYS.RD, element by element. */
static unsigned check_list(uint64_t words, unsigned sequences)
{
	unsigned elements = 0;
	uint64_t at = 1;

	for (unsigned s = 0; s < sequences; s++) {
		uint64_t header =
			tdxc_sim_machine_read64(&machine, BUFFER + 8 * at++);
		uint64_t id = header & ~(0x1FFull << 38);

		for (uint64_t n = 0; n <= (header >> 38 & 0x1FF); n++) {
			struct tdxc_sim_regs got = FULL(0, 34, 0, id + n);
			uint64_t value = tdxc_sim_machine_read64(
				&machine, BUFFER + 8 * at++);

			ck_assert_uint_eq(got.gpr[0], 0);
			ck_assert_uint_eq(got.gpr[TDXC_SIM_R8], value);
			elements++;
		}
	}
	ck_assert_uint_eq(at, words);
	return elements;
}

START_TEST(the_list_of_all_has_36_sequences_in_3128_bytes)
{
	static const uint64_t null_ids[] = {NONE, NONE & ~(7ull << 52),
					    NONE & ~(1ull << 53)};
	struct tdxc_sim_regs got;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(LPS);
	for (unsigned i = 0; i < COUNT(null_ids); i++) {
		got = FULL(0, 37, 0, BUFFER, null_ids[i]);
		ck_assert_uint_eq(got.gpr[0], 0);
		ck_assert_uint_eq(got.gpr[TDXC_SIM_R8], NONE);
		ck_assert_uint_eq(tdxc_sim_machine_read64(&machine, BUFFER),
				  3128 | 36 << 16);
		ck_assert_uint_eq(check_list(3128 / 8, 36), 354);
		got = FULL(0, 34, 0, null_ids[i]);
		ck_assert_uint_eq(got.gpr[0], FIRST_FIELD);
		ck_assert_uint_eq(got.gpr[TDXC_SIM_RDX], 0x0000000200000000);
	}
	/* from the middle of an array */
	got = FULL(0, 37, 0, BUFFER, 0xA200000300000004);
	ck_assert_uint_eq(got.gpr[0], 0);
	ck_assert_uint_eq(tdxc_sim_machine_read64(&machine, BUFFER),
			  40 | 1 << 16);
	ck_assert_uint_eq(check_list(5, 1), 3);
	got = FULL(0, 37, 0, BUFFER, 5ull << 24);
	ck_assert_uint_eq(got.gpr[0], BAD_FIELD);
	got = FULL(0, 37, 0, BUFFER + 8, NONE);
	ck_assert_uint_eq(got.gpr[0], INVALID(2));
	tdxc_sim_machine_fini(&machine);
}
END_TEST

START_TEST(only_some_bits_of_an_id_matter)
{
	const uint64_t id = 0x9100000100000008; /* MAX_TDMRS */
	const uint64_t ignored =
		3ull << 32 | 7ull << 50 | 1ull << 54 | 1ull << 53 | 1ull << 63;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(LPS);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t other = id ^ 1ull << bit;
		struct tdxc_sim_regs got = FULL(0, 34, 0, other);
		bool same = (ignored >> bit & 1) != 0;

		/* 9 is MAX_RESERVED, code 0 and 18h are nothing */
		if (bit == 0)
			continue;
		ck_assert_msg(
			(got.gpr[0] == 0) == same || (bit >= 56 && bit < 62),
			"bit %u: %llx", bit, (unsigned long long)got.gpr[0]);
		if (same)
			ck_assert_uint_eq(got.gpr[TDXC_SIM_R8], 64);
	}
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* TD and vCPU fields: leaf, RCX, id, R8, R9; what comes back. */
static const struct {
	uint64_t rax, rcx, id, r8, r9;
	uint64_t status, rdx_out, r8_out;
} fields[] = {
	{11, TDR, NONE, 0, 0, BAD_FIELD, NONE, 0},
	{0x1000B, TDR, NONE, 0, 0, FIRST_FIELD, 0x8010000000000001, 0},
	{0x1000B, TDR, 0x8110000100000001, 0, 0, 0, 0x8110000300000002, KEYID},
	{0x1000B, TDR, 0x8100000100000001, 0, 0, 0, 0x8110000300000002, KEYID},
	{11, TDR, 0x8010000300000010, 0, 0, 0, 0x8010000300000010,
	 TDCX | 0x20ull << 46},
	{11, TDR, 0x1110000300000004, 0, 0, 0, 0x1110000300000004, ROOT | 0x1E},
	{11, TDR, 0x9210000300000000, 0, 0, 0, 0x9210000300000000, 1},
	{11, TDR, 0x9110000300000011, 0, 0, 0, 0x9110000300000011, 0xF4240},
	{11, TDR, 0x9110000300001234, 0, 0, BAD_FIELD, 0x9110000300001234, 0},
	{13, TDR, 0x9110000300000011, 9999, NONE, 0xC0000C0300000000,
	 0x9110000300000011, 0},
	{13, TDR, 0x9110000300000011, 100000001, NONE, 0xC0000C0300000000,
	 0x9110000300000011, 0},
	{13, TDR, 0x9110000300000011, 20000, 0xFFFF, 0xC0000C0A00000000,
	 0x9110000300000011, 0},
	{13, TDR, 0x9110000300000011, 20000, 0, NOT_WRITABLE,
	 0x9110000300000011, 0},
	{13, TDR, 0x9110000300000011, 10000, NONE, 0, 0x9110000300000011,
	 0xF4240},
	{13, TDR, 0x9110000300000011, 100000000, NONE, 0, 0x9110000300000011,
	 10000},
	{13, TDR, 0x9110000300000012, 3, 1, 0, 0x9110000300000012, 0},
	{13, TDR, 0x9110000300000012, 0, 1, 0, 0x9110000300000012, 1},
	{13, TDR, 0x9110000300000012, 1, 2, NOT_WRITABLE, 0x9110000300000012,
	 0},
	{13, TDR, 0x1110000300000000, 1, NONE, NOT_WRITABLE, 0x1110000300000000,
	 0},
	{13, TDR, 0x1110000300012340, 1, NONE, BAD_FIELD, 0x1110000300012340,
	 0},
	{26, TDVPR, NONE, 0, 0, BAD_FIELD, NONE, 0},
	{0x1001A, TDVPR, NONE, 0, 0, FIRST_FIELD, 0x0024000100000002, 0},
	{26, TDVPR, 0xA020000200000004, 0, 0, 0, 0xA020000200000004, 0},
	{26, TDVPR, 0xA020000000000003, 0, 0, 0, 0xA020000000000003, 6},
	{26, TDVPR, 0xA020000300000011, 0, 0, 0, 0xA020000300000011,
	 (TDVPR + 0x1000) | 0x20ull << 46},
	{26, TDVPR, 0xA020000000000000, 0, 0, NOT_READABLE, 0xA020000000000000,
	 0},
	{26, TDVPR, 0xA02000000000000F, 0, 0, NOT_READABLE, 0xA02000000000000F,
	 0},
	{26, TDVPR, 0xA020000000000F00, 0, 0, BAD_FIELD, 0xA020000000000F00, 0},
	{43, TDVPR, 0x202000000000000B, 1, 1, 0, 0x202000000000000B, 0},
	{43, TDVPR, 0x202000000000000B, 0, 0, NOT_WRITABLE, 0x202000000000000B,
	 0},
	{43, TDVPR, 0x202000000000000B, 0, NONE, 0, 0x202000000000000B, 1},
	{43, TDVPR, 0xA020000200000004, 0, NONE, NOT_WRITABLE,
	 0xA020000200000004, 0},
};

START_TEST(fields_of_a_td_and_a_vcpu)
{
	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(VCPU);
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct tdxc_sim_regs got =
			FULL(0, fields[i].rax, fields[i].rcx, fields[i].id,
			     fields[i].r8, fields[i].r9);

		ck_assert_msg(got.gpr[TDXC_SIM_RAX] == fields[i].status &&
				      got.gpr[TDXC_SIM_RDX] ==
					      fields[i].rdx_out &&
				      got.gpr[TDXC_SIM_R8] == fields[i].r8_out,
			      "field row %zu: %llx %llx %llx", i,
			      (unsigned long long)got.gpr[TDXC_SIM_RAX],
			      (unsigned long long)got.gpr[TDXC_SIM_RDX],
			      (unsigned long long)got.gpr[TDXC_SIM_R8]);
	}
	tdxc_sim_machine_fini(&machine);
}
END_TEST

START_TEST(reading_a_vcpu_associates_it)
{
	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	ck_assert_uint_eq(call(3, 26, TDVPR, 0xA020000000000F00, 0), BAD_FIELD);
	ck_assert_uint_eq(call(0, 26, TDVPR, 0xA020000000000003, 0),
			  0x8000070100000000);
	ck_assert_uint_eq(call(0, 0, TDVPR, 0, 0), 0x8000070100000000);
	ck_assert_uint_eq(call(0, 19, TDR, 0, 0), 0x8000082400000000);
	ck_assert_uint_eq(call(3, 18, TDVPR, 0, 0), 0);
	ck_assert_uint_eq(call(0, 19, TDR, 0, 0), 0);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* --- keys and caches
 * ----------------------------------------------------------- */

START_TEST(a_key_that_failed_is_tried_again)
{
	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(CONFIG);
	machine.key_failures = 2;
	machine.key_failure = TDXC_SIM_KEY_BUSY;
	ck_assert_uint_eq(call(2, 31, 0, 0, 0), 0x80000200000000BB);
	machine.key_failure = TDXC_SIM_KEY_NO_ENTROPY;
	ck_assert_uint_eq(call(2, 31, 0, 0, 0), 0x8000080000000000);
	ck_assert_uint_eq(call(2, 31, 0, 0, 0), 0);
	machine.key_failures = 1;
	ck_assert_uint_eq(call(3, 31, 0, 0, 0), 0x0000081500000000);
	ck_assert_uint_eq(call(1, 31, 0, 0, 0), 0x8000080000000000);
	ck_assert_uint_eq(call(0, 31, 0, 0, 0), 0);
	start_tdmr(TDMR);
	must(9, TDR, KEYID, 0);
	machine.key_failures = 1;
	ck_assert_uint_eq(call(3, 8, TDR, 0, 0), 0x8000080000000000);
	ck_assert_uint_eq(call(1, 8, TDR, 0, 0), 0);
	ck_assert_uint_eq(call(0, 8, TDR, 0, 0), 0x0000081500000000);
	ck_assert_uint_eq(call(3, 8, TDR, 0, 0), 0);
	ck_assert_uint_eq(call(3, 8, TDR, 0, 0), LIFECYCLE);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* Two packages, a TD that is flushed after the snapshot, interrupts. */
START_TEST(a_cache_flush_is_of_its_package_and_its_snapshot)
{
	const uint64_t other = A;

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	must(9, other, 0x22, 0);
	must(19, TDR, 0, 0);
	machine.interrupts[1] = 1;
	ck_assert_uint_eq(call(1, 40, 0, 0, 0), 0x8000000300000000);
	must(19, other, 0, 0);
	ck_assert_uint_eq(call(2, 40, 1, 0, 0), 0xC000082300000000);
	ck_assert_uint_eq(call(1, 40, 1, 0, 0), 0x8000000300000000);
	ck_assert_uint_eq(call(0, 40, 1, 0, 0), 0);
	ck_assert_uint_eq(call(0, 40, 1, 0, 0), 0xC000082300000000);
	ck_assert_uint_eq(call(3, 40, 0, 0, 0), 0);
	ck_assert_uint_eq(call(0, 20, TDR, 0, 0), 0);
	ck_assert_uint_eq(call(0, 20, other, 0, 0), 0x8000081700000000);
	/* four sub-blocks: an interrupt cannot keep it from its end */
	ck_assert_uint_eq(call(1, 40, 0, 0, 0), 0x8000000300000000);
	ck_assert_uint_eq(call(1, 40, 0, 0, 0), 0x8000000300000000);
	ck_assert_uint_eq(call(1, 40, 1, 0, 0), 0x8000000300000000);
	ck_assert_uint_eq(call(1, 40, 1, 0, 0), 0x8000000300000000);
	ck_assert_uint_eq(call(1, 40, 1, 0, 0), 0);
	ck_assert_uint_eq(call(0, 20, other, 0, 0), 0);
	ck_assert_uint_eq(call(0, 40, 0, 0, 0), 0x0000082100000000);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* --- pages
 * ---------------------------------------------------------------------- */

/* RDMD, then RECLAIM in TEARDOWN: type and size of every kind of page. */
START_TEST(every_kind_of_page_is_told_and_reclaimed)
{
	static const struct {
		uint64_t pa;
		uint64_t type, size;
	} pages[] = {{TDCX, 5, 0},  {ROOT, 5, 0},
		     {TDVPR, 6, 0}, {TDVPR + 0x1000, 5, 0},
		     {PDPT, 8, 0},  {PD, 8, 0},
		     {PT, 8, 0},    {A, 3, 0},
		     {H2, 3, 1},    {TDCX + 0x1000, 5, 0}};

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	must(6, 0, TDR, A);
	must(6, 0x200001, TDR, H2);
	must(19, TDR, 0, 0);
	must(40, 0, 0, 0);
	ck_assert_uint_eq(call(2, 40, 0, 0, 0), 0);
	for (size_t i = 0; i < COUNT(pages); i++) {
		struct tdxc_sim_regs got = FULL(0, 24, pages[i].pa);

		ck_assert_uint_eq(got.gpr[0], 0);
		ck_assert_uint_eq(got.gpr[1], pages[i].type);
		ck_assert_uint_eq(got.gpr[2], TDR);
		ck_assert_uint_eq(got.gpr[8], pages[i].size);
		got = FULL(0, 28, pages[i].pa);
		ck_assert_uint_eq(got.gpr[0], LIFECYCLE);
		ck_assert_uint_eq(got.gpr[1], pages[i].type);
	}
	must(20, TDR, 0, 0);
	for (size_t i = 0; i < COUNT(pages); i++) {
		struct tdxc_sim_regs got = FULL(0, 28, pages[i].pa);

		ck_assert_uint_eq(got.gpr[0], 0);
		ck_assert_uint_eq(got.gpr[1], pages[i].type);
		ck_assert_uint_eq(got.gpr[8], pages[i].size);
		got = FULL(0, 24, pages[i].pa);
		ck_assert_uint_eq(got.gpr[1], 0);
		/* a 4K page still tells who had it */
		ck_assert_uint_eq(got.gpr[2], pages[i].size == 0 ? TDR : 0);
		must(41, pages[i].pa | 0x20ull << 46, 0, 0);
	}
	ck_assert_uint_eq(call(0, 28, TDR, 0, 0), 0xC000040000000000);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* --- the guest
 * -------------------------------------------------------------------- */

static struct tdxc_sim_regs guest(enum tdxc_sim_outcome want, uint64_t rax,
				  uint64_t rcx)
{
	struct tdxc_sim_regs regs = {{rax, rcx}};

	for (uint64_t i = 2; i < 16; i++)
		regs.gpr[i] = 0x1000 + i;
	ck_assert_int_eq(tdxc_sim_tdcall(&machine.module, 1, &regs), want);
	return regs;
}

static void enter(uint64_t *host)
{
	struct tdxc_sim_regs regs = {{0, TDVPR}};

	for (uint64_t i = 2; i < 16; i++)
		regs.gpr[i] = 0x2000 + i;
	ck_assert_int_eq(tdxc_sim_seamcall(&machine.module, 1, &regs),
			 TDXC_SIM_ENTERED);
	memcpy(host, regs.gpr, sizeof(regs.gpr));
}

START_TEST(vmcall_passes_what_its_mask_names)
{
	uint64_t in[16];

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	enter(in);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool bad = bit < 2 || bit == 4 || bit > 31;
		uint64_t mask = 1ull << bit;
		struct tdxc_sim_regs out = guest(
			bad ? TDXC_SIM_RETURNED : TDXC_SIM_EXITED, 0, mask);

		if (bad) {
			ck_assert_uint_eq(out.gpr[0], INVALID(1));
			ck_assert_uint_eq(out.gpr[1], mask);
			continue;
		}
		ck_assert_uint_eq(out.gpr[0], 77);
		ck_assert_uint_eq(out.gpr[1], mask);
		for (unsigned i = 2; i < 16; i++)
			ck_assert_uint_eq(out.gpr[i],
					  i == bit ? 0x1000 + i : 0);
		enter(in);
		ck_assert_uint_eq(in[0], 0);
		ck_assert_uint_eq(in[1], mask);
		for (unsigned i = 2; i < 16; i++)
			ck_assert_uint_eq(in[i],
					  (i == bit ? 0x2000u : 0x1000u) + i);
	}
	tdxc_sim_machine_fini(&machine);
}
END_TEST

static void expect_violation(uint64_t gpa, uint64_t wanted, uint64_t level,
			     uint64_t state)
{
	struct tdxc_sim_regs out = guest(TDXC_SIM_EXITED, 6, gpa | wanted);
	uint64_t in[16];

	ck_assert_uint_eq(out.gpr[0], 48);
	ck_assert_uint_eq(out.gpr[1], 2);
	ck_assert_uint_eq(out.gpr[2],
			  1 | wanted << 32 | level << 35 | state << 38);
	ck_assert_uint_eq(out.gpr[TDXC_SIM_R8], gpa);
	enter(in);
}

START_TEST(accept_stops_where_the_tables_end)
{
	uint64_t in[16];

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(RUN);
	enter(in);
	expect_violation(0x1000, 0, 0, 0);	   /* no page */
	expect_violation(0x200000, 0, 1, 0);	   /* no table */
	expect_violation(0x200000, 1, 1, 0);	   /* no 2M page */
	expect_violation(0x40000000, 0, 2, 0);	   /* no 1G */
	expect_violation(0x40000000, 1, 2, 0);	   /* no 1G */
	expect_violation(0x8000000000, 0, 3, 0);   /* no 512G */
	expect_violation(0x7FFFFFFFF000, 0, 3, 0); /* the last page */
	must(7, 1, TDR, 0);
	expect_violation(0, 0, 1, 0x81); /* a blocked table */
	ck_assert_uint_eq(guest(TDXC_SIM_RETURNED, 6, 2).gpr[0], INVALID(1));
	ck_assert_uint_eq(guest(TDXC_SIM_RETURNED, 6, 0x1001).gpr[0],
			  INVALID(1));
	ck_assert_uint_eq(guest(TDXC_SIM_RETURNED, 6, 1ull << 47).gpr[0],
			  INVALID(1));
	tdxc_sim_machine_fini(&machine);
}
END_TEST

/* 52 bits and five levels; a table's level may be 4, a page's GPA bit 50. */
START_TEST(a_wide_guest_has_five_levels)
{
	const uint64_t high = 1ull << 50;
	uint64_t in[16];

	power_on(TDXC_SIM_PROFILE_1_5_01, 2);
	start(PAGES);
	write64(PARAMS + 24, 6 | 4 << 3);
	write64(PARAMS + 32, 1);
	must(21, TDR, PARAMS, 0);
	start_vcpu();
	must(17, TDR, 0, 0);
	must(18, TDVPR, 0, 0);
	ck_assert_uint_eq(call(0, 3, 1ull << 51 | 4, TDR, A), INVALID(1));
	ck_assert_uint_eq(call(0, 3, 5, TDR, A), INVALID(1));
	ck_assert_uint_eq(call(0, 3, high | 3, TDR, A), 0xC0000B0000000001);
	for (uint64_t level = 4; level > 0; level--)
		must(3, high | level, TDR, A + level * 0x1000);
	must(6, high, TDR, B + 0x100000);
	enter(in);
	ck_assert_uint_eq(guest(TDXC_SIM_RETURNED, 1, 0).gpr[1], 52);
	ck_assert_uint_eq(guest(TDXC_SIM_RETURNED, 6, high).gpr[0], 0);
	expect_violation(0, 0, 4, 0);
	must(7, high | 4, TDR, 0);
	ck_assert_uint_eq(call(0, 7, high | 4, TDR, 0), 0x00000B0700000001);
	tdxc_sim_machine_fini(&machine);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_rules");
	TCase *tc = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, every_leaf_in_every_state_of_the_module, 0, 6);
	tcase_add_loop_test(tc, a_leaf_in_every_lifecycle_state, 0,
			    (int)COUNT(lives));
	tcase_add_test(tc, the_first_wrong_field_of_td_params_is_told);
	tcase_add_test(tc, a_walk_through_the_system_visits_354_fields);
	tcase_add_test(tc, the_list_of_all_has_36_sequences_in_3128_bytes);
	tcase_add_test(tc, only_some_bits_of_an_id_matter);
	tcase_add_test(tc, fields_of_a_td_and_a_vcpu);
	tcase_add_test(tc, reading_a_vcpu_associates_it);
	tcase_add_test(tc, a_key_that_failed_is_tried_again);
	tcase_add_test(tc, a_cache_flush_is_of_its_package_and_its_snapshot);
	tcase_add_test(tc, every_kind_of_page_is_told_and_reclaimed);
	tcase_add_test(tc, vmcall_passes_what_its_mask_names);
	tcase_add_test(tc, accept_stops_where_the_tables_end);
	tcase_add_test(tc, a_wide_guest_has_five_levels);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
