/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Who flushes when: the whole table, the policies beside each other, guests,
 * and the word that says why one CPU's caches may hold lines of another key.
 */
#include <tdxcore/coherence.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define SME	     1u
#define LEAF	     0x8000001Fu
#define SITES	     TDXC_COHERENCE_SITES
#define MODULES	     4u
#define ALL_FLAGS    0x1Fu
#define ALL_REASONS  0x1Fu

/* ---- machines ---- */

enum maker { INTEL, AMD };

/* What registers say of a machine, and what its kernel does. */
struct machine {
	enum maker maker;
	uint32_t shared_keyids;
	uint32_t private_keyids;
	uint32_t errata;
	uint32_t last_leaf;
	uint32_t leaf_1f;
	uint32_t guest;
	uint32_t flags;
};

#define INTEL_LEAVES 0x80000008u, SME /* beyond its last leaf: not zero */
#define PW	     TDXC_ERRATUM_PARTIAL_WRITE
#define DISABLES     TDXC_COHERENCE_DISABLES

static struct tdxc_coherence judged(const struct machine *m,
				    enum tdxc_coherence_policy policy)
{
	static struct tdxc_platform p;
	struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = policy,
		.guest = m->guest,
		.flags = m->flags,
		.platform = &p,
		.cpuid_80000000_eax = m->last_leaf,
		.cpuid_8000001f_eax = m->leaf_1f,
	};
	struct tdxc_coherence c;

	memset(&p, 0, sizeof(p));
	memset(&c, 0xA5, sizeof(c));
	p.report[TDXC_CHECK_INTEL].verdict =
		m->maker == INTEL ? TDXC_PLATFORM_PASS : TDXC_PLATFORM_FAIL;
	p.nr_shared_keyids = m->shared_keyids;
	p.nr_private_keyids = m->private_keyids;
	p.errata = m->errata;
	ck_assert_int_eq(tdxc_coherence_init(&c, &config), TDXC_OK);
	return c;
}

static struct tdxc_coherence_answer decide(const struct tdxc_coherence *c,
					   enum tdxc_coherence_site site,
					   enum tdxc_coherence_module module,
					   uint32_t reasons)
{
	struct tdxc_coherence_answer answer;

	memset(&answer, 0xA5, sizeof(answer));
	ck_assert_int_eq(
		tdxc_coherence_decide(c, site, module, reasons, &answer),
		TDXC_OK);
	return answer;
}

/* A row of the reference's table: how to get there, and its cells, a letter
 * each: n no, y yes, f flag, d disable then flag, x never, r refuse, o ok,
 * g degraded, - does not come up. */
static const struct row {
	enum tdxc_coherence_row row;
	struct machine machine;
	enum tdxc_coherence_module module;
	char cells[SITES + 1];
	char fixed[SITES + 1]; /* of the static policy */
} rows[] = {
	{TDXC_COHERENCE_INTEL,
	 {INTEL, 0, 0, 0, INTEL_LEAVES, 0, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "nnnnnn-o",
	 "nnnnnn-o"},
	{TDXC_COHERENCE_TDX_UNUSED,
	 {INTEL, 31, 32, 0, INTEL_LEAVES, 0, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "nnnnnnoo",
	 "yyyyyyro"},
	{TDXC_COHERENCE_TDX,
	 {INTEL, 31, 32, 0, INTEL_LEAVES, 0, 0},
	 TDXC_COHERENCE_CALLED,
	 "fffnffro",
	 "yyyyyyro"},
	{TDXC_COHERENCE_TDX_ERRATUM,
	 {INTEL, 31, 32, PW, INTEL_LEAVES, 0, 0},
	 TDXC_COHERENCE_CALLED,
	 "f----frr",
	 "yyyyyyrr"},
	{TDXC_COHERENCE_TDX_DISABLES,
	 {INTEL, 31, 32, PW, INTEL_LEAVES, 0, DISABLES},
	 TDXC_COHERENCE_CALLED,
	 "ddfnffro",
	 "yyyyyyro"},
	{TDXC_COHERENCE_TDX_DEGRADED,
	 {INTEL, 31, 32, PW, INTEL_LEAVES, 0, DISABLES},
	 TDXC_COHERENCE_NOT_DISABLED,
	 "fffnffrg",
	 "yyyyyyrg"},
	{TDXC_COHERENCE_MKTME,
	 {INTEL, 63, 0, 0, INTEL_LEAVES, 0, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "nnnnnn-o",
	 "nnnnnn-o"},
	{TDXC_COHERENCE_AMD,
	 {AMD, 0, 0, 0, LEAF, 0, 0, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "nnnnnn-o",
	 "nnnnnn-o"},
	{TDXC_COHERENCE_SME_OFF,
	 {AMD, 0, 0, 0, LEAF, SME, 0, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "fyynyn-o",
	 "yyyyyy-o"},
	{TDXC_COHERENCE_SME,
	 {AMD, 0, 0, 0, LEAF, SME, 0, TDXC_COHERENCE_SME_ACTIVE},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "yyynyn-o",
	 "yyyyyy-o"},
	{TDXC_COHERENCE_SNP_HOST,
	 {AMD, 0, 0, 0, LEAF, SME, 0, TDXC_COHERENCE_SNP_ENABLED},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "yyyyyn-o",
	 "yyyyyy-o"},
	{TDXC_COHERENCE_TDX_GUEST,
	 {INTEL, 0, 0, 0, INTEL_LEAVES, TDXC_COHERENCE_IN_TDX, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "xxxxxxxo",
	 "xxxxxxxo"},
	{TDXC_COHERENCE_SEV_GUEST,
	 {AMD, 0, 0, 0, LEAF, SME, TDXC_COHERENCE_IN_SEV, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "fffnf--o",
	 "ffffff-o"},
	{TDXC_COHERENCE_SNP_GUEST,
	 {AMD, 0, 0, 0, LEAF, SME, TDXC_COHERENCE_IN_SNP, 0},
	 TDXC_COHERENCE_NEVER_CALLED,
	 "xxxxx--o",
	 "xxxxxxxo"},
};

static const char letters[] = {
	[TDXC_COHERENCE_NO] = 'n',	  [TDXC_COHERENCE_YES] = 'y',
	[TDXC_COHERENCE_FLAG] = 'f',	  [TDXC_COHERENCE_DISABLE_FLAG] = 'd',
	[TDXC_COHERENCE_FORBIDDEN] = 'x', [TDXC_COHERENCE_REFUSED] = 'r',
	[TDXC_COHERENCE_FINE] = 'o',	  [TDXC_COHERENCE_AT_RISK] = 'g',
	[TDXC_COHERENCE_NOT_ASKED] = '-',
};

static bool is_flush(enum tdxc_coherence_action a)
{
	return a == TDXC_COHERENCE_DO_WBINVD || a == TDXC_COHERENCE_DO_WBNOINVD;
}

/* What a letter asks of a CPU that is marked, or is not. */
static enum tdxc_coherence_action asked(char letter, bool marked, bool guest)
{
	switch (letter) {
	case 'y':
		return TDXC_COHERENCE_DO_WBINVD;
	case '-':
		if (guest)
			return TDXC_COHERENCE_DO_NEVER;
		/* fall through */
	case 'f':
	case 'd':
		return marked ? TDXC_COHERENCE_DO_WBINVD
			      : TDXC_COHERENCE_DO_NOTHING;
	case 'x':
		return TDXC_COHERENCE_DO_NEVER;
	case 'r':
		return TDXC_COHERENCE_DO_REFUSE;
	case 'g':
		return TDXC_COHERENCE_DO_DEGRADED;
	default:
		return TDXC_COHERENCE_DO_NOTHING;
	}
}

static bool is_amd(const struct row *r)
{
	return r->machine.maker == AMD;
}

START_TEST(u62_every_row_of_the_table_is_reached_and_answers_as_it_says)
{
	const struct row *r = &rows[_i];
	const struct tdxc_coherence c =
		judged(&r->machine, TDXC_COHERENCE_TRACKED);
	bool guest = r->machine.guest == TDXC_COHERENCE_IN_TDX ||
		     r->machine.guest == TDXC_COHERENCE_IN_SNP;

	ck_assert_int_eq(r->row, _i);
	ck_assert_int_eq(tdxc_coherence_row_of(&c, r->module), r->row);
	for (int site = 0; site < SITES; site++) {
		enum tdxc_coherence_site at = (enum tdxc_coherence_site)site;

		for (uint32_t marked = 0; marked < 2; marked++) {
			/* a mark of its own kind: a call shows use of TDX */
			uint32_t reason =
				is_amd(r) || r->row == TDXC_COHERENCE_TDX_UNUSED
					? TDXC_COHERENCE_BY_SME
					: TDXC_COHERENCE_BY_SEAMCALL;
			struct tdxc_coherence_answer a = decide(
				&c, at, r->module, marked != 0 ? reason : 0);

			ck_assert_int_eq(a.row, r->row);
			ck_assert_int_eq(letters[a.entry.cell], r->cells[site]);
			ck_assert_int_eq(a.action, asked(r->cells[site],
							 marked != 0, guest));
			ck_assert_uint_eq(a.reasons, marked != 0 ? reason : 0);
			ck_assert_int_eq(a.disable_first,
					 r->cells[site] == 'd');
		}
	}
}
END_TEST

START_TEST(the_static_table_asks_what_the_platform_can_do)
{
	const struct row *r = &rows[_i];
	struct tdxc_coherence_entry e;

	for (int site = 0; site < SITES; site++) {
		ck_assert_int_eq(tdxc_coherence_table(
					 TDXC_COHERENCE_STATIC, r->row,
					 (enum tdxc_coherence_site)site, &e),
				 TDXC_OK);
		ck_assert_int_eq(letters[e.cell], r->fixed[site]);
	}
}
END_TEST

START_TEST(what_nobody_read_in_a_kernel_is_labelled)
{
	static const enum tdxc_coherence_row derived[] = {
		TDXC_COHERENCE_MKTME,
		TDXC_COHERENCE_SEV_GUEST,
		TDXC_COHERENCE_SNP_GUEST,
	};
	struct tdxc_coherence_entry e;

	for (int row = 0; row < TDXC_COHERENCE_ROWS; row++) {
		for (int site = 0; site < SITES; site++) {
			bool want = site == TDXC_COHERENCE_SUSPEND;

			for (size_t i = 0; i < COUNT(derived); i++)
				want = want || (int)derived[i] == row;
			ck_assert_int_eq(tdxc_coherence_table(
						 TDXC_COHERENCE_TRACKED,
						 (enum tdxc_coherence_row)row,
						 (enum tdxc_coherence_site)site,
						 &e),
					 TDXC_OK);
			ck_assert_int_eq(e.derived, want);
		}
	}
}
END_TEST

/* ---- guests ---- */

START_TEST(u56_a_guest_never_flushes_whatever_the_input)
{
	static const uint32_t guests[] = {TDXC_COHERENCE_IN_TDX,
					  TDXC_COHERENCE_IN_SNP};
	uint64_t flushes = 0;

	for (size_t i = 0; i < COUNT(rows) * 2 * 2; i++) {
		struct machine m = rows[i / 4].machine;

		m.guest = guests[i % 2];
		for (m.flags = 0; m.flags <= ALL_FLAGS; m.flags++) {
			struct tdxc_coherence c = judged(
				&m, (enum tdxc_coherence_policy)(i / 2 % 2));

			ck_assert(!tdxc_coherence_possible(&c));
			for (uint32_t n = 0;
			     n < SITES * MODULES * (ALL_REASONS + 1); n++) {
				struct tdxc_coherence_answer a;

				if (tdxc_coherence_decide(
					    &c,
					    (enum tdxc_coherence_site)(n %
								       SITES),
					    (enum tdxc_coherence_module)(
						    n / SITES % MODULES),
					    n / SITES / MODULES, &a) != TDXC_OK)
					ck_abort();
				flushes += is_flush(a.action);
			}
		}
	}
	ck_assert_uint_eq(flushes, 0);
}
END_TEST

/* ---- the static policy ---- */

/* Sites at which a CPU that goes on may flush. */
static bool can_flush(int site)
{
	return site <= TDXC_COHERENCE_CPU_OFFLINE;
}

START_TEST(s003_2_one_rule_for_every_site_every_cpu_and_both_vendors)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct tdxc_coherence c =
			judged(&rows[i].machine, TDXC_COHERENCE_STATIC);
		bool flush = tdxc_coherence_possible(&c);

		for (uint32_t n = 0; n < SITES * MODULES * (ALL_REASONS + 1);
		     n++) {
			struct tdxc_coherence_answer a = decide(
				&c, (enum tdxc_coherence_site)(n % SITES),
				(enum tdxc_coherence_module)(n / SITES %
							     MODULES),
				n / SITES / MODULES);

			if (can_flush((int)(n % SITES)))
				ck_assert_int_eq(
					a.action == TDXC_COHERENCE_DO_WBINVD,
					flush);
		}
	}
}
END_TEST

START_TEST(the_static_policy_asks_no_state_at_any_site)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct tdxc_coherence c =
			judged(&rows[i].machine, TDXC_COHERENCE_STATIC);

		for (int site = 0; site < SITES; site++) {
			enum tdxc_coherence_site at =
				(enum tdxc_coherence_site)site;
			enum tdxc_coherence_action first =
				decide(&c, at, TDXC_COHERENCE_NEVER_CALLED, 0)
					.action;

			for (uint32_t n = 0; n < MODULES * 2; n++)
				ck_assert_int_eq(
					decide(&c, at,
					       (enum tdxc_coherence_module)(n /
									    2),
					       n % 2)
						.action,
					first);
		}
	}
}
END_TEST

START_TEST(s000_6_what_the_platform_can_do_decides_not_what_was_used)
{
	const struct machine tdx = {INTEL, 31, 32, 0, INTEL_LEAVES, 0, 0};
	const struct tdxc_coherence c = judged(&tdx, TDXC_COHERENCE_STATIC);

	for (uint32_t module = 0; module < MODULES; module++) {
		struct tdxc_coherence_answer a =
			decide(&c, TDXC_COHERENCE_KEXEC_REMOTE,
			       (enum tdxc_coherence_module)module, 0);

		ck_assert_int_eq(a.action, TDXC_COHERENCE_DO_WBINVD);
		ck_assert_uint_eq(a.reasons, TDXC_COHERENCE_BY_TDX_ENABLED);
	}
}
END_TEST

START_TEST(s000_7_the_kernels_own_flag_is_not_asked)
{
	/* mem_encrypt=off clears a kernel's flag, and not the CPU's bit */
	struct machine sme = {AMD, 0, 0, 0, LEAF, SME, 0, 0};

	for (uint32_t policy = 0; policy < 2; policy++) {
		for (uint32_t active = 0; active < 2; active++) {
			struct tdxc_coherence c;

			sme.flags = active * TDXC_COHERENCE_SME_ACTIVE;
			c = judged(&sme, (enum tdxc_coherence_policy)policy);
			ck_assert(tdxc_coherence_possible(&c));
			ck_assert_int_eq(decide(&c,
						TDXC_COHERENCE_KEXEC_EXECUTING,
						TDXC_COHERENCE_NEVER_CALLED,
						TDXC_COHERENCE_BY_SME)
						 .action,
					 TDXC_COHERENCE_DO_WBINVD);
		}
	}
}
END_TEST

START_TEST(s000_8_texts_name_the_reason_and_not_the_procedure)
{
	static const enum tdxc_coherence_reason reasons[] = {
		TDXC_COHERENCE_BY_SEAMCALL,    TDXC_COHERENCE_BY_TD,
		TDXC_COHERENCE_BY_CONVERSION,  TDXC_COHERENCE_BY_SME,
		TDXC_COHERENCE_BY_TDX_ENABLED,
	};

	for (size_t i = 0; i < COUNT(reasons); i++) {
		const char *text = tdxc_coherence_reason_text(reasons[i]);

		ck_assert_ptr_nonnull(strstr(text, "lines may be dirty"));
		ck_assert_ptr_null(strstr(text, "kexec"));
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(
				tdxc_coherence_reason_name(reasons[k]),
				tdxc_coherence_reason_name(reasons[i]));
	}
	ck_assert_ptr_nonnull(strstr(
		tdxc_coherence_reason_text(TDXC_COHERENCE_BY_TDX_ENABLED),
		"TDX is possible"));
}
END_TEST

START_TEST(s003_1_one_attribute_says_that_memory_may_be_incoherent)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct machine *m = &rows[i].machine;
		const struct tdxc_coherence c =
			judged(m, TDXC_COHERENCE_TRACKED);
		bool can = m->private_keyids > 0 ||
			   (m->leaf_1f != 0 && m->last_leaf >= LEAF);

		ck_assert_int_eq(tdxc_coherence_possible(&c),
				 can && m->guest != TDXC_COHERENCE_IN_TDX &&
					 m->guest != TDXC_COHERENCE_IN_SNP);
	}
}
END_TEST

START_TEST(s003_3_a_flush_too_many_is_accepted)
{
	/* encryption off, TDX never used: the static policy flushes */
	static const struct machine unused[] = {
		{AMD, 0, 0, 0, LEAF, SME, 0, 0},
		{INTEL, 31, 32, 0, INTEL_LEAVES, 0, 0},
	};

	for (size_t i = 0; i < COUNT(unused); i++) {
		struct tdxc_coherence c =
			judged(&unused[i], TDXC_COHERENCE_STATIC);

		ck_assert_int_eq(decide(&c, TDXC_COHERENCE_KEXEC_REMOTE,
					TDXC_COHERENCE_NEVER_CALLED, 0)
					 .action,
				 TDXC_COHERENCE_DO_WBINVD);
	}
}
END_TEST

START_TEST(s003_4_this_kernels_choice_changes_no_answer_at_a_hand_over)
{
	/* encryption on or off: the next kernel may choose the other */
	struct machine m = {AMD, 0, 0, 0, LEAF, SME, 0, 0};

	for (uint32_t policy = 0; policy < 2; policy++) {
		for (int site = TDXC_COHERENCE_KEXEC_REMOTE;
		     site <= TDXC_COHERENCE_CRASH_EXECUTING; site++) {
			struct tdxc_coherence off, active;

			m.flags = 0;
			off = judged(&m, (enum tdxc_coherence_policy)policy);
			m.flags = TDXC_COHERENCE_SME_ACTIVE;
			active = judged(&m, (enum tdxc_coherence_policy)policy);
			ck_assert_int_eq(
				decide(&off, (enum tdxc_coherence_site)site,
				       TDXC_COHERENCE_NEVER_CALLED, 8)
					.action,
				decide(&active, (enum tdxc_coherence_site)site,
				       TDXC_COHERENCE_NEVER_CALLED, 8)
					.action);
		}
	}
}
END_TEST

START_TEST(u59_amd_leaf_missing_sme_absent_and_sme_unused)
{
	static const struct {
		struct machine machine;
		enum tdxc_coherence_row row;
		bool flush;
	} cases[] = {
		{{AMD, 0, 0, 0, LEAF - 1, SME, 0, 0},
		 TDXC_COHERENCE_AMD,
		 false},
		{{AMD, 0, 0, 0, 0, SME, 0, 0}, TDXC_COHERENCE_AMD, false},
		{{AMD, 0, 0, 0, LEAF, 0, 0, 0}, TDXC_COHERENCE_AMD, false},
		{{AMD, 0, 0, 0, LEAF + 1, ~SME, 0, 0},
		 TDXC_COHERENCE_AMD,
		 false},
		{{AMD, 0, 0, 0, LEAF, SME, 0, 0}, TDXC_COHERENCE_SME_OFF, true},
		{{AMD, 0, 0, 0, LEAF + 2, ~0u, 0, 0},
		 TDXC_COHERENCE_SME_OFF,
		 true},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (uint32_t policy = 0; policy < 2; policy++) {
			struct tdxc_coherence c =
				judged(&cases[i].machine,
				       (enum tdxc_coherence_policy)policy);
			struct tdxc_coherence_cpu cpu;

			tdxc_coherence_cpu_init(&cpu, &c);
			ck_assert_int_eq(
				tdxc_coherence_row_of(
					&c, TDXC_COHERENCE_NEVER_CALLED),
				cases[i].row);
			ck_assert_int_eq(decide(&c,
						TDXC_COHERENCE_KEXEC_EXECUTING,
						TDXC_COHERENCE_NEVER_CALLED,
						tdxc_coherence_reasons(&cpu))
							 .action ==
						 TDXC_COHERENCE_DO_WBINVD,
					 cases[i].flush);
		}
	}
}
END_TEST

/* ---- which row ---- */

static const struct machine tdx_host = {INTEL, 31, 32, 0, INTEL_LEAVES, 0, 0};

START_TEST(u58_the_erratum_with_and_without_a_disabled_module)
{
	static const struct {
		uint32_t errata;
		uint32_t flags;
		enum tdxc_coherence_module module;
		enum tdxc_coherence_action load;
	} cases[] = {
		{0, 0, TDXC_COHERENCE_CALLED, TDXC_COHERENCE_DO_NOTHING},
		{0, DISABLES, TDXC_COHERENCE_DISABLED,
		 TDXC_COHERENCE_DO_NOTHING},
		{0, DISABLES, TDXC_COHERENCE_NOT_DISABLED,
		 TDXC_COHERENCE_DO_NOTHING},
		{PW, 0, TDXC_COHERENCE_NEVER_CALLED, TDXC_COHERENCE_DO_NOTHING},
		{PW, 0, TDXC_COHERENCE_CALLED, TDXC_COHERENCE_DO_REFUSE},
		{PW, 0, TDXC_COHERENCE_NOT_DISABLED, TDXC_COHERENCE_DO_REFUSE},
		{PW, DISABLES, TDXC_COHERENCE_CALLED,
		 TDXC_COHERENCE_DO_NOTHING},
		{PW, DISABLES, TDXC_COHERENCE_DISABLED,
		 TDXC_COHERENCE_DO_NOTHING},
		{PW, DISABLES, TDXC_COHERENCE_NOT_DISABLED,
		 TDXC_COHERENCE_DO_DEGRADED},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct machine m = tdx_host;
		struct tdxc_coherence c;

		m.errata = cases[i].errata;
		m.flags = cases[i].flags;
		c = judged(&m, TDXC_COHERENCE_TRACKED);
		ck_assert_int_eq(decide(&c, TDXC_COHERENCE_IMAGE_LOAD,
					cases[i].module, 0)
					 .action,
				 cases[i].load);
		/* the flush does not depend on it */
		ck_assert_int_eq(decide(&c, TDXC_COHERENCE_REBOOT,
					cases[i].module,
					TDXC_COHERENCE_BY_SEAMCALL)
					 .action,
				 TDXC_COHERENCE_DO_WBINVD);
	}
}
END_TEST

START_TEST(the_module_is_disabled_first_and_once)
{
	struct machine m = tdx_host;
	struct tdxc_coherence c;

	m.flags = DISABLES;
	c = judged(&m, TDXC_COHERENCE_TRACKED);
	ck_assert(decide(&c, TDXC_COHERENCE_REBOOT, TDXC_COHERENCE_CALLED, 0)
			  .disable_first);
	ck_assert(!decide(&c, TDXC_COHERENCE_REBOOT, TDXC_COHERENCE_DISABLED, 0)
			   .disable_first);
	ck_assert(!decide(&c, TDXC_COHERENCE_REBOOT,
			  TDXC_COHERENCE_NOT_DISABLED, 0)
			   .disable_first);
	ck_assert(!decide(&c, TDXC_COHERENCE_CRASH_EXECUTING,
			  TDXC_COHERENCE_CALLED, 0)
			   .disable_first);
}
END_TEST

START_TEST(strict_flushes_by_the_mark_where_linux_does_not)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct machine m = rows[i].machine;
		struct tdxc_coherence strict;

		m.flags |= TDXC_COHERENCE_STRICT;
		strict = judged(&m, TDXC_COHERENCE_TRACKED);
		for (int site = 0; site < SITES; site++) {
			bool lenient = rows[i].cells[site] == 'n' &&
				       (site == TDXC_COHERENCE_CRASH_REMOTE ||
					site == TDXC_COHERENCE_CPU_OFFLINE);
			char letter = lenient ? 'f' : rows[i].cells[site];
			bool guest = m.guest == TDXC_COHERENCE_IN_TDX ||
				     m.guest == TDXC_COHERENCE_IN_SNP;

			ck_assert_int_eq(
				decide(&strict, (enum tdxc_coherence_site)site,
				       rows[i].module, TDXC_COHERENCE_BY_SME)
					.action,
				asked(letter, true, guest));
			ck_assert_int_eq(decide(&strict,
						(enum tdxc_coherence_site)site,
						rows[i].module, 0)
						 .action,
					 asked(letter, false, guest));
		}
	}
}
END_TEST

START_TEST(write_back_alone_is_for_the_kernel_that_goes_on)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (uint32_t flags = 0; flags <= ALL_FLAGS; flags++) {
			struct machine m = rows[i].machine;
			struct tdxc_coherence c;

			m.flags = flags;
			for (int n = 0; n < 2 * SITES; n++) {
				int site = n / 2;
				enum tdxc_coherence_action a;

				c = judged(&m,
					   (enum tdxc_coherence_policy)(n % 2));
				a = decide(&c, (enum tdxc_coherence_site)site,
					   TDXC_COHERENCE_CALLED,
					   TDXC_COHERENCE_BY_SEAMCALL)
					    .action;
				if (is_flush(a))
					ck_assert_int_eq(
						a == TDXC_COHERENCE_DO_WBNOINVD,
						site == TDXC_COHERENCE_CPU_OFFLINE &&
							(flags &
							 TDXC_COHERENCE_WBNOINVD_OK) !=
								0);
			}
		}
	}
}
END_TEST

/* ---- the word of one CPU ---- */

static struct tdxc_coherence_cpu cpus[3];
static struct tdxc_coherence host;

static void up(void)
{
	host = judged(&tdx_host, TDXC_COHERENCE_TRACKED);
	for (size_t i = 0; i < COUNT(cpus); i++)
		tdxc_coherence_cpu_init(&cpus[i], &host);
}

static void acted(struct tdxc_coherence_cpu *cpu, uint32_t acts)
{
	tdxc_coherence_begin(cpu, acts);
	tdxc_coherence_end(cpu);
}

static bool flushes(size_t cpu, enum tdxc_coherence_site site)
{
	return is_flush(decide(&host, site, TDXC_COHERENCE_CALLED,
			       tdxc_coherence_reasons(&cpus[cpu]))
				.action);
}

static void flush(size_t cpu)
{
	tdxc_coherence_flush_begin(&cpus[cpu]);
	ck_assert_uint_eq(
		tdxc_coherence_flush_end(&cpus[cpu]) & TDXC_COHERENCE_ACTS, 0);
}

START_TEST(u52_only_the_cpu_with_dirty_lines_flushes)
{
	acted(&cpus[1], TDXC_COHERENCE_BY_SEAMCALL);
	ck_assert(!flushes(0, TDXC_COHERENCE_KEXEC_REMOTE));
	ck_assert(flushes(1, TDXC_COHERENCE_KEXEC_REMOTE));
	ck_assert(!flushes(2, TDXC_COHERENCE_KEXEC_REMOTE));
}
END_TEST

START_TEST(u53_a_seamcall_after_the_flush_makes_the_cpu_dirty_again)
{
	acted(&cpus[0], TDXC_COHERENCE_BY_SEAMCALL);
	flush(0);
	ck_assert(!flushes(0, TDXC_COHERENCE_KEXEC_EXECUTING));
	acted(&cpus[0], TDXC_COHERENCE_BY_SEAMCALL);
	ck_assert(flushes(0, TDXC_COHERENCE_KEXEC_EXECUTING));
}
END_TEST

START_TEST(u54_an_nmi_between_mark_and_seamcall_sees_the_mark)
{
	/* the kernel does not count the module as called yet */
	tdxc_coherence_begin(&cpus[0], TDXC_COHERENCE_BY_SEAMCALL);
	struct tdxc_coherence_answer a = decide(
		&host, TDXC_COHERENCE_KEXEC_REMOTE, TDXC_COHERENCE_NEVER_CALLED,
		tdxc_coherence_reasons(&cpus[0]));

	ck_assert_int_eq(a.action, TDXC_COHERENCE_DO_WBINVD);
	ck_assert_int_eq(a.row, TDXC_COHERENCE_TDX);
	ck_assert_uint_eq(a.reasons, TDXC_COHERENCE_BY_SEAMCALL);
}
END_TEST

START_TEST(u55_the_mark_stays_until_the_flush_is_over)
{
	acted(&cpus[0], TDXC_COHERENCE_BY_TD);
	tdxc_coherence_flush_begin(&cpus[0]);
	ck_assert(flushes(0, TDXC_COHERENCE_KEXEC_REMOTE));
	ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]), 0);
	ck_assert(!flushes(0, TDXC_COHERENCE_KEXEC_REMOTE));
}
END_TEST

START_TEST(an_end_without_a_flush_clears_nothing)
{
	acted(&cpus[0], TDXC_COHERENCE_BY_CONVERSION);
	ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]),
			  TDXC_COHERENCE_BY_CONVERSION);
	tdxc_coherence_flush_begin(&cpus[0]);
	acted(&cpus[0], TDXC_COHERENCE_BY_CONVERSION);
	ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]),
			  TDXC_COHERENCE_BY_CONVERSION);
	/* the next one counts */
	flush(0);
	ck_assert_uint_eq(tdxc_coherence_reasons(&cpus[0]), 0);
}
END_TEST

START_TEST(a_flush_that_interrupts_an_act_clears_nothing)
{
	tdxc_coherence_begin(&cpus[0], TDXC_COHERENCE_BY_SEAMCALL);
	tdxc_coherence_begin(&cpus[0], TDXC_COHERENCE_BY_CONVERSION);
	for (int i = 0; i < 2; i++) {
		tdxc_coherence_flush_begin(&cpus[0]);
		ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]),
				  TDXC_COHERENCE_BY_SEAMCALL |
					  TDXC_COHERENCE_BY_CONVERSION);
		tdxc_coherence_end(&cpus[0]);
	}
	tdxc_coherence_end(&cpus[0]); /* one too many */
	flush(0);
	ck_assert_uint_eq(tdxc_coherence_reasons(&cpus[0]), 0);
	ck_assert_uint_eq(cpus[0].word, 0);
}
END_TEST

START_TEST(l33_a_pinned_thread_with_preemption_on_may_flush)
{
	/* another thread of the CPU runs between any two steps */
	acted(&cpus[0], TDXC_COHERENCE_BY_SEAMCALL);
	tdxc_coherence_flush_begin(&cpus[0]);
	acted(&cpus[0], TDXC_COHERENCE_BY_TD);
	ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]),
			  TDXC_COHERENCE_BY_SEAMCALL | TDXC_COHERENCE_BY_TD);
	ck_assert(flushes(0, TDXC_COHERENCE_CPU_OFFLINE));
	flush(0);
	ck_assert(!flushes(0, TDXC_COHERENCE_CPU_OFFLINE));
}
END_TEST

START_TEST(u60_a_crash_on_a_clean_cpu_while_another_is_dirty)
{
	struct machine m = tdx_host;

	acted(&cpus[1], TDXC_COHERENCE_BY_SEAMCALL);
	ck_assert(!flushes(0, TDXC_COHERENCE_CRASH_EXECUTING));
	/* the crash kernel's memory was never the module's, says Linux */
	ck_assert(!flushes(1, TDXC_COHERENCE_CRASH_REMOTE));
	m.flags = TDXC_COHERENCE_STRICT;
	host = judged(&m, TDXC_COHERENCE_TRACKED);
	ck_assert(!flushes(0, TDXC_COHERENCE_CRASH_EXECUTING));
	ck_assert(flushes(1, TDXC_COHERENCE_CRASH_REMOTE));
	/* the reasons are told whatever is done */
	host = judged(&tdx_host, TDXC_COHERENCE_TRACKED);
	ck_assert_uint_eq(decide(&host, TDXC_COHERENCE_CRASH_REMOTE,
				 TDXC_COHERENCE_CALLED,
				 tdxc_coherence_reasons(&cpus[1]))
				  .reasons,
			  TDXC_COHERENCE_BY_SEAMCALL);
}
END_TEST

START_TEST(u61_a_cpu_that_went_offline_and_came_back_is_clean)
{
	acted(&cpus[2], TDXC_COHERENCE_BY_SEAMCALL);
	ck_assert(flushes(2, TDXC_COHERENCE_CPU_OFFLINE));
	flush(2);
	/* whether its word was kept or is begun anew */
	ck_assert(!flushes(2, TDXC_COHERENCE_KEXEC_REMOTE));
	tdxc_coherence_cpu_init(&cpus[2], &host);
	ck_assert(!flushes(2, TDXC_COHERENCE_KEXEC_REMOTE));
	acted(&cpus[2], TDXC_COHERENCE_BY_SEAMCALL);
	ck_assert(flushes(2, TDXC_COHERENCE_KEXEC_REMOTE));
}
END_TEST

START_TEST(what_the_platform_does_of_itself_no_flush_clears)
{
	const struct machine sme = {AMD, 0, 0, 0, LEAF, SME, 0, 0};

	host = judged(&sme, TDXC_COHERENCE_TRACKED);
	tdxc_coherence_cpu_init(&cpus[0], &host);
	ck_assert_uint_eq(tdxc_coherence_reasons(&cpus[0]),
			  TDXC_COHERENCE_BY_SME);
	tdxc_coherence_flush_begin(&cpus[0]);
	ck_assert_uint_eq(tdxc_coherence_flush_end(&cpus[0]),
			  TDXC_COHERENCE_BY_SME);
	/* nobody can mark it, or anything else that is no act */
	host = judged(&tdx_host, TDXC_COHERENCE_TRACKED);
	tdxc_coherence_cpu_init(&cpus[0], &host);
	acted(&cpus[0], ~(uint32_t)TDXC_COHERENCE_ACTS);
	ck_assert_uint_eq(tdxc_coherence_reasons(&cpus[0]), 0);
}
END_TEST

/* ---- what is refused, and words ---- */

START_TEST(what_is_out_of_range_is_refused_and_changes_nothing)
{
	static struct tdxc_platform p;
	const struct tdxc_coherence_config good = {.abi = TDXC_ABI,
						   .platform = &p};
	struct tdxc_coherence_config bad[5] = {good, good, good, good, good};
	struct tdxc_coherence c;
	struct tdxc_coherence before;
	struct tdxc_coherence_answer a;
	struct tdxc_coherence_entry e;

	bad[0].abi++;
	bad[1].policy = TDXC_COHERENCE_POLICIES;
	bad[2].guest = TDXC_COHERENCE_IN_SNP + 1;
	bad[3].flags = ALL_FLAGS + 1;
	bad[4].platform = NULL;
	memset(&c, 0xA5, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(tdxc_coherence_init(&c, &bad[i]),
				 TDXC_E_INVAL);
	ck_assert_mem_eq(&c, &before, sizeof(c));
	c = judged(&tdx_host, TDXC_COHERENCE_TRACKED);
	ck_assert_int_eq(tdxc_coherence_decide(&c, TDXC_COHERENCE_SITES,
					       TDXC_COHERENCE_CALLED, 0, &a),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_coherence_decide(
				 &c, TDXC_COHERENCE_REBOOT,
				 (enum tdxc_coherence_module)MODULES, 0, &a),
			 TDXC_E_INVAL);
	ck_assert_int_eq(
		tdxc_coherence_table(TDXC_COHERENCE_POLICIES, 0, 0, &e),
		TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_coherence_table(0, TDXC_COHERENCE_ROWS, 0, &e),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_coherence_table(0, 0, TDXC_COHERENCE_SITES, &e),
			 TDXC_E_INVAL);
}
END_TEST

START_TEST(every_word_is_there)
{
	for (int i = 0; i < TDXC_COHERENCE_ROWS; i++) {
		enum tdxc_coherence_row row = (enum tdxc_coherence_row)i;

		ck_assert_uint_gt(strlen(tdxc_coherence_row_name(row)), 2);
		ck_assert_uint_gt(strlen(tdxc_coherence_row_text(row)), 8);
	}
	for (int i = 0; i < SITES; i++)
		ck_assert_uint_gt(strlen(tdxc_coherence_site_name(
					  (enum tdxc_coherence_site)i)),
				  5);
	for (int i = 0; i < TDXC_COHERENCE_CELLS; i++)
		ck_assert_uint_gt(strlen(tdxc_coherence_cell_name(
					  (enum tdxc_coherence_cell)i)),
				  1);
	for (int i = 1; i < TDXC_COHERENCE_NOTES; i++)
		ck_assert_uint_gt(strlen(tdxc_coherence_note_text(
					  (enum tdxc_coherence_note)i)),
				  8);
	for (int i = 0; i < TDXC_COHERENCE_ACTIONS; i++)
		ck_assert_uint_gt(strlen(tdxc_coherence_action_name(
					  (enum tdxc_coherence_action)i)),
				  4);
	ck_assert_str_eq(tdxc_coherence_policy_name(TDXC_COHERENCE_STATIC),
			 "static");
	ck_assert_str_eq(tdxc_coherence_policy_name(TDXC_COHERENCE_POLICIES),
			 "?");
	ck_assert_str_eq(tdxc_coherence_row_name(TDXC_COHERENCE_ROWS), "?");
	ck_assert_str_eq(tdxc_coherence_row_text(TDXC_COHERENCE_ROWS), "?");
	ck_assert_str_eq(tdxc_coherence_site_name(TDXC_COHERENCE_SITES), "?");
	ck_assert_str_eq(tdxc_coherence_cell_name(TDXC_COHERENCE_CELLS), "?");
	ck_assert_str_eq(tdxc_coherence_note_text(TDXC_COHERENCE_PLAIN), "");
	ck_assert_str_eq(tdxc_coherence_note_text(TDXC_COHERENCE_NOTES), "?");
	ck_assert_str_eq(tdxc_coherence_action_name(TDXC_COHERENCE_ACTIONS),
			 "?");
	ck_assert_str_eq(
		tdxc_coherence_reason_name((enum tdxc_coherence_reason)0), "?");
	ck_assert_str_eq(
		tdxc_coherence_reason_text((enum tdxc_coherence_reason)3), "?");
}
END_TEST

static TCase *table_tests(void)
{
	TCase *t = tcase_create("table");

	tcase_add_loop_test(
		t, u62_every_row_of_the_table_is_reached_and_answers_as_it_says,
		0, COUNT(rows));
	tcase_add_loop_test(t, the_static_table_asks_what_the_platform_can_do,
			    0, COUNT(rows));
	tcase_add_test(t, what_nobody_read_in_a_kernel_is_labelled);
	tcase_add_test(t, u56_a_guest_never_flushes_whatever_the_input);
	tcase_add_test(
		t, s003_2_one_rule_for_every_site_every_cpu_and_both_vendors);
	tcase_add_test(t, the_static_policy_asks_no_state_at_any_site);
	tcase_add_test(
		t, s000_6_what_the_platform_can_do_decides_not_what_was_used);
	tcase_add_test(t, s000_7_the_kernels_own_flag_is_not_asked);
	tcase_add_test(t, s000_8_texts_name_the_reason_and_not_the_procedure);
	tcase_add_test(t,
		       s003_1_one_attribute_says_that_memory_may_be_incoherent);
	tcase_add_test(t, s003_3_a_flush_too_many_is_accepted);
	tcase_add_test(
		t, s003_4_this_kernels_choice_changes_no_answer_at_a_hand_over);
	tcase_add_test(t, u59_amd_leaf_missing_sme_absent_and_sme_unused);
	tcase_add_test(t, u58_the_erratum_with_and_without_a_disabled_module);
	tcase_add_test(t, the_module_is_disabled_first_and_once);
	tcase_add_test(t, strict_flushes_by_the_mark_where_linux_does_not);
	tcase_add_test(t, write_back_alone_is_for_the_kernel_that_goes_on);
	tcase_add_test(t, what_is_out_of_range_is_refused_and_changes_nothing);
	tcase_add_test(t, every_word_is_there);
	return t;
}

static TCase *word_tests(void)
{
	TCase *t = tcase_create("word");

	tcase_add_checked_fixture(t, up, NULL);
	tcase_add_test(t, u52_only_the_cpu_with_dirty_lines_flushes);
	tcase_add_test(
		t, u53_a_seamcall_after_the_flush_makes_the_cpu_dirty_again);
	tcase_add_test(t, u54_an_nmi_between_mark_and_seamcall_sees_the_mark);
	tcase_add_test(t, u55_the_mark_stays_until_the_flush_is_over);
	tcase_add_test(t, an_end_without_a_flush_clears_nothing);
	tcase_add_test(t, a_flush_that_interrupts_an_act_clears_nothing);
	tcase_add_test(t, l33_a_pinned_thread_with_preemption_on_may_flush);
	tcase_add_test(t, u60_a_crash_on_a_clean_cpu_while_another_is_dirty);
	tcase_add_test(t, u61_a_cpu_that_went_offline_and_came_back_is_clean);
	tcase_add_test(t, what_the_platform_does_of_itself_no_flush_clears);
	return t;
}

int main(void)
{
	Suite *s = suite_create("coherence");
	SRunner *runner;
	int failed;

	suite_add_tcase(s, table_tests());
	suite_add_tcase(s, word_tests());
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
