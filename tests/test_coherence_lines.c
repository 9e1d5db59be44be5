/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the decision table is worth, in the line model of the software platform:
 * for every platform, policy and site that keeps memory, CPUs dirty lines under
 * another key, are stopped and flush as they are told, and the next owner uses
 * the memory. Told so, nothing is ever overwritten; and for every flush that is
 * demanded there is a schedule in which leaving it out, and nothing else, costs
 * the next owner a line.
 *
 * What the model takes for granted, where the table does:
 *
 * - The owner after a crash is its reserved region. Lines of another key lie
 *   there from the CPU that crashes alone: it loaded the image and saved the
 *   registers. That is what the table's "no" for the others rests on; the
 *   strict option, the static policy and SNP hosts do without.
 * - A CPU of AMD's that goes offline flushes on the ordinary way down
 *   (UNVERIFIED): the "no" of those cells rests on it. Those that flush do not.
 *
 * TDXC_TEST_SCALE below 100 leaves the options of the policies out.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/coherence.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include "sim/sim_rig.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PAGE	     4096ull
#define LINE	     64u
#define CPUS	     RIG_LPS
#define EXECUTING    0u /* the CPU that hands over, or crashes */
#define LEAVES	     3u /* the CPU that goes offline */
#define NOBODY	     CPUS
#define SCHEDULES    81u /* three choices for each CPU */
#define MEMORY	     0x100000000ull
#define MEMORY_END   0x140000000ull
#define ELSEWHERE    0x20000000ull
#define C_BIT	     (1ull << 47)

/* Under which key lines are old, and the next owner's. */
enum keys { ONE_KEY, TDX_KEYS, C_BIT_OLD, C_BIT_NEW };

static const struct platform {
	const char *name;
	enum keys keys;
	enum tdxc_coherence_module module;
	bool intel;
	bool erratum;
	uint32_t private_keyids;
	uint32_t guest;
	uint32_t flags;
	bool crash_lines_of_all; /* SNP gives every page back in a crash */
} platforms[] = {
	{"intel", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, true, false, 0, 0, 0,
	 false},
	{"tdx-unused", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, true, false, 32, 0,
	 0, false},
	{"tdx", TDX_KEYS, TDXC_COHERENCE_CALLED, true, false, 32, 0, 0, false},
	{"tdx-erratum", TDX_KEYS, TDXC_COHERENCE_CALLED, true, true, 32, 0, 0,
	 false},
	{"tdx-disables", TDX_KEYS, TDXC_COHERENCE_DISABLED, true, true, 32, 0,
	 TDXC_COHERENCE_DISABLES, false},
	{"tdx-degraded", TDX_KEYS, TDXC_COHERENCE_NOT_DISABLED, true, true, 32,
	 0, TDXC_COHERENCE_DISABLES, false},
	{"amd", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, false, false, 0, 0, 0,
	 false},
	{"sme-off", C_BIT_NEW, TDXC_COHERENCE_NEVER_CALLED, false, false, 0, 0,
	 0, false},
	{"sme", C_BIT_OLD, TDXC_COHERENCE_NEVER_CALLED, false, false, 0, 0,
	 TDXC_COHERENCE_SME_ACTIVE, false},
	{"snp-host", C_BIT_OLD, TDXC_COHERENCE_NEVER_CALLED, false, false, 0, 0,
	 TDXC_COHERENCE_SNP_ENABLED, true},
	{"tdx-guest", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, true, false, 0,
	 TDXC_COHERENCE_IN_TDX, 0, false},
	{"sev-guest", C_BIT_OLD, TDXC_COHERENCE_NEVER_CALLED, false, false, 0,
	 TDXC_COHERENCE_IN_SEV, 0, false},
	{"snp-guest", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, false, false, 0,
	 TDXC_COHERENCE_IN_SNP, 0, false},
	{"mktme", ONE_KEY, TDXC_COHERENCE_NEVER_CALLED, true, false, 0, 0, 0,
	 false},
};

/* Sites that keep memory. */
enum end { KEXEC, CRASH, OFFLINE, ENDS };

/* One platform under one policy, on one machine. */
static struct world {
	const struct platform *p;
	struct tdxc_coherence c;
	struct tdxc_coherence_cpu cpus[CPUS];
	struct tdxc_sim_machine machine;
	bool crash_lines_of_all;
	bool flushes_on_the_way_down;
	uint64_t next; /* memory not used yet */
} w;

static bool has_c_bit(const struct platform *p)
{
	return p->keys == C_BIT_OLD || p->keys == C_BIT_NEW;
}

static void judge(const struct platform *p, enum tdxc_coherence_policy policy,
		  uint32_t flags)
{
	static struct tdxc_platform judged;
	const struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = policy,
		.guest = p->guest,
		.flags = p->flags | flags,
		.platform = &judged,
		.cpuid_80000000_eax = p->intel ? 0x80000008 : 0x8000001F,
		.cpuid_8000001f_eax = has_c_bit(p),
	};

	memset(&judged, 0, sizeof(judged));
	judged.report[TDXC_CHECK_INTEL].verdict =
		p->intel ? TDXC_PLATFORM_PASS : TDXC_PLATFORM_FAIL;
	judged.nr_private_keyids = p->private_keyids;
	judged.nr_shared_keyids =
		p->private_keyids != 0 || strcmp(p->name, "mktme") == 0 ? 31
									: 0;
	judged.errata = p->erratum ? TDXC_ERRATUM_PARTIAL_WRITE : 0;
	ck_assert_int_eq(tdxc_coherence_init(&w.c, &config), TDXC_OK);
}

static void power_on(const struct platform *p, uint32_t packages)
{
	const struct tdxc_sim_machine_options options = {.lines = true,
							 .sme = has_c_bit(p)};
	struct tdxc_sim_platform platform;

	rig_platform(&platform);
	platform.nr_packages = packages;
	if (has_c_bit(p)) {
		platform.pa_width = 48;
		platform.keyid_bits = 5;
	}
	ck_assert_int_eq(
		tdxc_sim_machine_init_with(&w.machine, &platform, 7, &options),
		0);
	w.next = MEMORY;
}

static void build(const struct platform *p, enum tdxc_coherence_policy policy,
		  uint32_t flags, uint32_t packages)
{
	bool strict = policy == TDXC_COHERENCE_STATIC ||
		      (flags & TDXC_COHERENCE_STRICT) != 0;

	memset(&w, 0, sizeof(w));
	w.p = p;
	w.crash_lines_of_all = strict || p->crash_lines_of_all;
	w.flushes_on_the_way_down = !strict && !p->intel && p->guest == 0;
	judge(p, policy, flags);
	power_on(p, packages);
}

static void tear_down(void)
{
	tdxc_sim_machine_fini(&w.machine);
}

/* --- lines ---------------------------------------------------------------- */

static uint64_t old_key(uint32_t cpu, uint64_t pa)
{
	switch (w.p->keys) {
	case TDX_KEYS:
		return tdxc_sim_machine_keyed(
			&w.machine, pa, cpu % 2 != 0 ? RIG_TD : RIG_GLOBAL);
	case C_BIT_OLD:
		return pa | C_BIT;
	default:
		return pa;
	}
}

static uint64_t new_key(uint64_t pa)
{
	return w.p->keys == C_BIT_NEW ? pa | C_BIT : pa;
}

/* A CPU works with a line of `pa` under the old key; a private page is made
 * first, as the module does. */
static void act(uint32_t cpu, uint64_t pa)
{
	static const uint32_t acts[CPUS] = {
		TDXC_COHERENCE_BY_SEAMCALL, TDXC_COHERENCE_BY_TD,
		TDXC_COHERENCE_BY_CONVERSION, TDXC_COHERENCE_BY_SEAMCALL};
	unsigned char line[LINE];
	uint64_t at = old_key(cpu, pa);

	memset(line, 0x22, sizeof(line));
	if (w.p->keys == TDX_KEYS) {
		tdxc_coherence_begin(&w.cpus[cpu], acts[cpu]);
		ck_assert_int_eq(
			tdxc_sim_machine_movdir64b(&w.machine, cpu, at, line),
			TDXC_OK);
	}
	if (tdxc_sim_machine_store(&w.machine, cpu, at, line, LINE) != TDXC_OK)
		ck_abort_msg("a store of the old kernel failed");
	if (w.p->keys == TDX_KEYS)
		tdxc_coherence_end(&w.cpus[cpu]);
}

/* The next owner writes its line, and has it in memory. */
static void next_owner_writes(uint64_t pa)
{
	unsigned char line[LINE];

	memset(line, 0x33, sizeof(line));
	if (tdxc_sim_machine_store(&w.machine, EXECUTING, new_key(pa), line,
				   LINE) != TDXC_OK ||
	    tdxc_sim_machine_clflush(&w.machine, EXECUTING, new_key(pa),
				     LINE) != TDXC_OK)
		ck_abort_msg("the next owner cannot use its memory");
}

/* Whether it finds something else there. */
static bool next_owner_lost(uint64_t pa)
{
	unsigned char line[LINE];
	unsigned char got[LINE];

	memset(line, 0x33, sizeof(line));
	(void)tdxc_sim_machine_load(&w.machine, EXECUTING, new_key(pa), got,
				    LINE);
	return memcmp(got, line, LINE) != 0;
}

/* Those of these lines that are in its memory it uses; then everything leaves
 * the caches. */
static bool next_owner_loses(const uint64_t *lines, size_t n)
{
	bool lost = false;

	for (size_t i = 0; i < n; i++) {
		if (lines[i] >= MEMORY)
			next_owner_writes(lines[i]);
	}
	tdxc_sim_machine_evict(&w.machine, UINT64_MAX);
	for (size_t i = 0; i < n; i++) {
		if (lines[i] >= MEMORY && next_owner_lost(lines[i]))
			lost = true;
	}
	tdxc_sim_machine_evict(&w.machine, UINT64_MAX);
	return lost;
}

/* --- one schedule --------------------------------------------------------- */

/* What happens: for each CPU nothing, an act before anybody is stopped, or one
 * just before it is stopped itself. */
struct run {
	enum end end;
	uint32_t schedule; /* a digit of 0 to 2 for each CPU */
	uint32_t leaves_out;
	uint32_t demanded; /* bit n: CPU n was told to flush */
	bool refused;
	uint64_t line[CPUS];
};

static uint32_t choice(const struct run *r, uint32_t cpu)
{
	static const uint32_t power[CPUS] = {1, 3, 9, 27};

	return r->schedule / power[cpu] % 3;
}

static enum tdxc_coherence_site site_of(const struct run *r, uint32_t cpu)
{
	if (r->end == OFFLINE && cpu == LEAVES)
		return TDXC_COHERENCE_CPU_OFFLINE;
	if (r->end == CRASH)
		return cpu == EXECUTING ? TDXC_COHERENCE_CRASH_EXECUTING
					: TDXC_COHERENCE_CRASH_REMOTE;
	return cpu == EXECUTING ? TDXC_COHERENCE_KEXEC_EXECUTING
				: TDXC_COHERENCE_KEXEC_REMOTE;
}

static void flush(uint32_t cpu, enum tdxc_coherence_action action)
{
	tdxc_coherence_flush_begin(&w.cpus[cpu]);
	ck_assert_int_eq(action == TDXC_COHERENCE_DO_WBNOINVD
				 ? tdxc_sim_machine_wbnoinvd(&w.machine, cpu)
				 : tdxc_sim_machine_wbinvd(&w.machine, cpu),
			 TDXC_OK);
	(void)tdxc_coherence_flush_end(&w.cpus[cpu]);
}

static void stop(struct run *r, uint32_t cpu)
{
	struct tdxc_coherence_answer a;

	if (choice(r, cpu) == 2)
		act(cpu, r->line[cpu]);
	if (tdxc_coherence_decide(&w.c, site_of(r, cpu), w.p->module,
				  tdxc_coherence_reasons(&w.cpus[cpu]),
				  &a) != TDXC_OK)
		ck_abort_msg("no decision");
	if (a.action == TDXC_COHERENCE_DO_WBINVD ||
	    a.action == TDXC_COHERENCE_DO_WBNOINVD) {
		r->demanded |= 1u << cpu;
		if (cpu != r->leaves_out)
			flush(cpu, a.action);
	}
	if (r->end == OFFLINE && cpu == LEAVES && w.flushes_on_the_way_down)
		ck_assert_int_eq(tdxc_sim_machine_wbinvd(&w.machine, cpu), 0);
}

/* Where a CPU's line is: in the next owner's memory, or not. */
static void place_lines(struct run *r)
{
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		r->line[cpu] = w.next;
		w.next += LINE;
		if (r->end == CRASH && cpu != EXECUTING &&
		    !w.crash_lines_of_all)
			r->line[cpu] = ELSEWHERE + cpu * PAGE;
	}
	ck_assert_uint_lt(w.next, MEMORY_END);
}

static bool loses(struct run *r)
{
	r->demanded = 0;
	place_lines(r);
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		tdxc_coherence_cpu_init(&w.cpus[cpu], &w.c);
		if (choice(r, cpu) == 1)
			act(cpu, r->line[cpu]);
	}
	for (uint32_t cpu = CPUS; cpu > 0; cpu--)
		stop(r, cpu - 1);
	return next_owner_loses(r->line, CPUS);
}

/* --- every schedule ------------------------------------------------------- */

static const struct option {
	enum tdxc_coherence_policy policy;
	uint32_t flags;
} options[] = {
	{TDXC_COHERENCE_TRACKED, 0},
	{TDXC_COHERENCE_TRACKED, TDXC_COHERENCE_STRICT},
	{TDXC_COHERENCE_TRACKED, TDXC_COHERENCE_WBNOINVD_OK},
	{TDXC_COHERENCE_STATIC, 0},
	{TDXC_COHERENCE_STATIC, TDXC_COHERENCE_WBNOINVD_OK},
};

/* A policy that knows no use supposes it. */
static struct platform supposed(const struct platform *p,
				enum tdxc_coherence_policy policy)
{
	struct platform q = *p;

	if (policy == TDXC_COHERENCE_STATIC && p->private_keyids != 0)
		q.keys = TDX_KEYS;
	return q;
}

/* With the erratum and no way to disable the module, no image is loaded. */
static bool is_reached(enum end end)
{
	struct tdxc_coherence_answer a;

	ck_assert_int_eq(tdxc_coherence_decide(&w.c, TDXC_COHERENCE_IMAGE_LOAD,
					       w.p->module, 0, &a),
			 TDXC_OK);
	return end == OFFLINE || a.action != TDXC_COHERENCE_DO_REFUSE;
}

/* CPUs that may be told to flush at this end, and those whose flush mattered
 * in some schedule. */
struct sum {
	uint32_t demanded;
	uint32_t mattered;
	uint32_t runs;
};

/* At OFFLINE only the CPU that leaves is looked at; KEXEC has the others. */
static bool is_looked_at(enum end end, uint32_t cpu)
{
	return end != OFFLINE || cpu == LEAVES;
}

static void try_schedule(enum end end, uint32_t schedule, struct sum *sum)
{
	struct run told = {.end = end, .schedule = schedule};

	told.leaves_out = NOBODY;
	if (loses(&told))
		ck_abort_msg("%s, end %d, schedule %u: lost, flushed as told",
			     w.p->name, (int)end, schedule);
	sum->runs++;
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		struct run r = told;

		if ((told.demanded >> cpu & 1) == 0 || !is_looked_at(end, cpu))
			continue;
		r.leaves_out = cpu;
		sum->demanded |= 1u << cpu;
		if (loses(&r))
			sum->mattered |= 1u << cpu;
		sum->runs++;
	}
}

static struct sum try_schedules(const struct platform *p,
				const struct option *o, enum end end,
				uint32_t packages)
{
	struct platform q = supposed(p, o->policy);
	struct sum sum = {0};

	build(&q, o->policy, o->flags, packages);
	for (uint32_t s = 0; s < SCHEDULES && is_reached(end); s++)
		try_schedule(end, s, &sum);
	tear_down();
	return sum;
}

/* Valgrind and sanitizers take the two policies without their options. */
static bool is_quick(void)
{
	const char *percent = getenv("TDXC_TEST_SCALE");

	return percent != NULL && atoi(percent) < 100;
}

START_TEST(u62_s000_1_flushed_as_told_nothing_is_lost_and_no_flush_is_spare)
{
	const struct platform *p = &platforms[_i];
	uint32_t runs = 0;

	for (size_t o = 0; o < COUNT(options); o += is_quick() ? 3 : 1) {
		for (int end = 0; end < ENDS; end++) {
			/* each CPU has its own caches, or two share them */
			struct sum own = try_schedules(p, &options[o],
						       (enum end)end, CPUS);
			struct sum shared = try_schedules(
				p, &options[o], (enum end)end, CPUS / 2);

			ck_assert_msg(own.demanded == own.mattered,
				      "%s, option %zu, end %d: demanded 0x%x, "
				      "mattered 0x%x",
				      p->name, o, end, own.demanded,
				      own.mattered);
			ck_assert_uint_eq(shared.demanded, own.demanded);
			runs += own.runs + shared.runs;
		}
	}
	printf("%s: %u runs\n", p->name, runs);
}
END_TEST

/* The controls: that the model would show what the table prevents. */

START_TEST(where_the_table_rests_on_something_it_shows)
{
	const struct option linux_like = {TDXC_COHERENCE_TRACKED, 0};
	struct run r = {.leaves_out = NOBODY};

	/* lines of remote CPUs in the crash kernel's memory */
	build(&platforms[2], linux_like.policy, linux_like.flags, CPUS);
	w.crash_lines_of_all = true;
	r.end = CRASH;
	r.schedule = 27 * 2;
	ck_assert(loses(&r));
	tear_down();
	/* no flush on the way down */
	build(&platforms[8], linux_like.policy, linux_like.flags, CPUS);
	w.flushes_on_the_way_down = false;
	r.end = OFFLINE;
	ck_assert(loses(&r));
	tear_down();
}
END_TEST

/* Linux' crash kernel lives in memory that never was the module's: there even
 * the flush of the CPU that crashes is one too many, which is accepted. */
START_TEST(s003_3_memory_that_never_was_private_needs_no_flush)
{
	uint64_t lines[100];

	build(&platforms[2], TDXC_COHERENCE_TRACKED, 0, CPUS);
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		act(cpu, ELSEWHERE + cpu * PAGE);
	for (size_t i = 0; i < COUNT(lines); i++)
		lines[i] = MEMORY + i * LINE;
	ck_assert(!next_owner_loses(lines, COUNT(lines)));
	tear_down();
}
END_TEST

/* --- with the module and a TD --------------------------------------------- */

#define TD_PAGES 8u
#define PAMT	 RIG_END

static struct rig rig;

static void store_page(uint32_t lp, uint64_t pa, int byte)
{
	unsigned char page[PAGE];

	memset(page, byte, sizeof(page));
	ck_assert_int_eq(tdxc_sim_machine_store(&rig.machine, lp, pa, page,
						sizeof(page)),
			 0);
}

static void old_kernel_runs_a_td(void)
{
	rig_up(&rig, 3);
	rig_td(&rig);
	for (uint32_t i = 0; i < TD_PAGES; i++) {
		uint64_t pa = rig_add(&rig, i * PAGE, 0x11);

		store_page(i % RIG_LPS, rig_keyed(&rig, pa, RIG_TD), 0x22);
	}
}

/* Writes all of it through KeyID 0, knowing of no page what it was. */
static uint64_t next_kernel_loses(uint64_t start, uint64_t end)
{
	unsigned char want[LINE];
	unsigned char got[LINE];
	uint64_t lost = 0;

	for (uint64_t pa = start; pa < end; pa += PAGE) {
		store_page(0, pa, 0x33);
		tdxc_sim_machine_evict(&rig.machine, 16);
	}
	tdxc_sim_machine_evict(&rig.machine, UINT64_MAX);
	memset(want, 0x33, sizeof(want));
	for (uint64_t pa = start; pa < end; pa += LINE) {
		(void)tdxc_sim_machine_load(&rig.machine, 0, pa, got, LINE);
		lost += memcmp(got, want, LINE) != 0;
	}
	return lost;
}

static void stop_all(enum tdxc_coherence_policy policy, bool flushes)
{
	const struct platform tdx = platforms[2];

	judge(&tdx, policy, 0);
	for (uint32_t lp = RIG_LPS; lp > 0; lp--) {
		struct tdxc_coherence_cpu cpu;
		struct tdxc_coherence_answer a;

		/* every LP made SEAMCALLs and ran the TD */
		tdxc_coherence_cpu_init(&cpu, &w.c);
		tdxc_coherence_begin(&cpu, TDXC_COHERENCE_BY_SEAMCALL);
		tdxc_coherence_end(&cpu);
		ck_assert_int_eq(
			tdxc_coherence_decide(
				&w.c,
				lp == 1 ? TDXC_COHERENCE_KEXEC_EXECUTING
					: TDXC_COHERENCE_KEXEC_REMOTE,
				TDXC_COHERENCE_CALLED,
				tdxc_coherence_reasons(&cpu), &a),
			TDXC_OK);
		ck_assert_int_eq(a.action, TDXC_COHERENCE_DO_WBINVD);
		if (flushes)
			ck_assert_int_eq(
				tdxc_sim_machine_wbinvd(&rig.machine, lp - 1),
				0);
	}
}

START_TEST(s000_1_lines_of_the_module_and_its_td_are_flushed)
{
	bool flushes = _i < TDXC_COHERENCE_POLICIES;

	old_kernel_runs_a_td();
	stop_all((enum tdxc_coherence_policy)(_i % TDXC_COHERENCE_POLICIES),
		 flushes);
	ck_assert_int_eq(next_kernel_loses(RIG_BASE, rig.next) == 0, flushes);
	rig_down(&rig);
}
END_TEST

START_TEST(s000_4_the_next_kernel_needs_no_record_of_private_pages)
{
	struct tdxc_sim_event event;

	old_kernel_runs_a_td();
	stop_all(TDXC_COHERENCE_TRACKED, true);
	/* TD pages, control pages, S-EPT, PAMT: all the same to it */
	ck_assert_uint_eq(next_kernel_loses(RIG_BASE, rig.next), 0);
	ck_assert_uint_eq(next_kernel_loses(PAMT, PAMT + 64 * PAGE), 0);
	ck_assert_uint_eq(next_kernel_loses(RIG_END - 64 * PAGE, RIG_END), 0);
	ck_assert(!tdxc_sim_machine_event(&rig.machine, &event));
	rig_down(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("coherence_lines");
	TCase *t = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(
		t,
		u62_s000_1_flushed_as_told_nothing_is_lost_and_no_flush_is_spare,
		0, COUNT(platforms));
	tcase_add_test(t, where_the_table_rests_on_something_it_shows);
	tcase_add_test(t, s003_3_memory_that_never_was_private_needs_no_flush);
	tcase_add_loop_test(
		t, s000_1_lines_of_the_module_and_its_td_are_flushed, 0, 4);
	tcase_add_test(t,
		       s000_4_the_next_kernel_needs_no_record_of_private_pages);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
