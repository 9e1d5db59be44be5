// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The whole bring-up in this kernel, with every CPU, real memory and real
 * flushes; only the instruction is a stand-in that answers as a module without
 * faults does. What a module refuses is the business of glue/sim.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../bringup.h"
#include "../tdxc_linux.h"
#include "selftest.h"

#define GIB	   (1ull << 30)
#define CLASS_CODE 0x3F00000000FFFFFFull
#define MAX_GIBS   64

/* A module that says yes. */
struct stand_in {
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS];
	u64 nr_cmrs;
	u64 packages;
	u64 fail_leaf; /* answers 0xC000..: refused; U64_MAX: none */
	atomic_t calls[128];
	unsigned long lp_init[BITS_TO_LONGS(NR_CPUS)];
	u64 gibs[MAX_GIBS]; /* initialised, by first GiB of the TDMR */
	u64 tdmrs;
};

static const struct {
	enum tdxc_field field;
	u64 value;
} scalars[] = {
	{TDXC_FIELD_MAJOR_VERSION, 1},
	{TDXC_FIELD_MINOR_VERSION, 5},
	{TDXC_FIELD_UPDATE_VERSION, 6},
	{TDXC_FIELD_FEATURES0, 1ull << TDXC_FEATURE_NO_RBP_MOD},
	{TDXC_FIELD_MAX_TDMRS, 64},
	{TDXC_FIELD_MAX_RESERVED, 16},
	{TDXC_FIELD_PAMT_4K_ENTRY_SIZE, 16},
	{TDXC_FIELD_PAMT_2M_ENTRY_SIZE, 16},
	{TDXC_FIELD_PAMT_1G_ENTRY_SIZE, 16},
	{TDXC_FIELD_TDR_SIZE, 4096},
	{TDXC_FIELD_TDCS_SIZE, 16384},
	{TDXC_FIELD_TDVPS_SIZE, 20480},
	{TDXC_FIELD_ATTRIBUTES_FIXED0, 0x10000000},
	{TDXC_FIELD_ATTRIBUTES_FIXED1, 0},
	{TDXC_FIELD_XFAM_FIXED0, 0x602E7},
	{TDXC_FIELD_XFAM_FIXED1, 3},
	{TDXC_FIELD_NUM_CPUID_CONFIG, 0},
};

#define NOT_THERE 0xC0000C0000000000ull
#define REFUSED	  0xC000010000000000ull

static u64 read_field(struct stand_in *s, struct tdxc_seamcall_regs *regs)
{
	u64 id = regs->rdx & CLASS_CODE, k = id & 0x7F;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scalars); i++) {
		if ((tdxc_field_id(scalars[i].field) & CLASS_CODE) != id)
			continue;
		regs->r8 = scalars[i].value;
		return 0;
	}
	/* tdx-module-abi.md 3.9: NUM_PKGS, NUM_CMRS, CMR_BASE, CMR_SIZE */
	if (id == (tdxc_field_id(TDXC_FIELD_NUM_PKGS) & CLASS_CODE))
		regs->r8 = s->packages;
	else if (id == (tdxc_field_id(TDXC_FIELD_NUM_CMRS) & CLASS_CODE))
		regs->r8 = s->nr_cmrs;
	else if ((id & ~0x7Full) == 0x1000000000000080ull && k < s->nr_cmrs)
		regs->r8 = s->cmrs[k].base;
	else if ((id & ~0x7Full) == 0x1000000000000100ull && k < s->nr_cmrs)
		regs->r8 = s->cmrs[k].size;
	else
		return NOT_THERE;
	return 0;
}

/* A GiB a call; one CPU at a time is at a TDMR. */
static u64 init_tdmr(struct stand_in *s, struct tdxc_seamcall_regs *regs)
{
	u64 first = regs->rcx / GIB;

	if (first >= MAX_GIBS)
		return REFUSED;
	s->gibs[first]++;
	regs->rdx = regs->rcx + s->gibs[first] * GIB;
	return 0;
}

static uint64_t answer(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		       enum tdxc_seamcall_shape shape)
{
	struct stand_in *s = ctx;
	u64 leaf = rax & 0xFFFF;

	atomic_inc(&s->calls[leaf & 127]);
	if (leaf == s->fail_leaf)
		return REFUSED;
	switch (leaf) {
	case TDXC_SYS_LP_INIT:
		set_bit(raw_smp_processor_id(), s->lp_init);
		return 0;
	case TDXC_SYS_RD:
		return read_field(s, regs);
	case TDXC_SYS_RDALL:
		return REFUSED;
	case TDXC_SYS_CONFIG:
		s->tdmrs = regs->rdx;
		return 0;
	case TDXC_SYS_TDMR_INIT:
		return init_tdmr(s, regs);
	default:
		return 0;
	}
}

static const struct tdxc_seamcall_ops stand_in_ops = {
	.abi = TDXC_ABI,
	.call = answer,
};

/* A machine that has TDX, by its registers. */
static const struct tdxc_platform_regs good = {
	.abi = TDXC_ABI,
	.keyid_partitioning = {32ull << 32 | 31, true},
	.tme_activate = {6ull << 32 | 3, true},
	.vmx_basic = {1ull << 60 | 4096ull << 32 | 0x11, true},
	.mtrrcap = {0x8D0A, true},
	.seamrr_base = {0x90000008, true},
	.seamrr_mask = {0x3FFFF8000C00ull, true},
	.cpuid_0_ebx = 0x756E6547,
	.cpuid_0_edx = 0x49656E69,
	.cpuid_0_ecx = 0x6C65746E,
	.cpuid_1_eax = 0xA06D1,
	.cpuid_1_ecx = 1u << 26 | 1u << 21 | 1u << 5,
	.cpuid_1_edx = 1u << 27,
	.cpuid_7_ecx = 1u << 28,
	.cpuid_80000008_eax = 0x3934,
	.hibernation_excluded = true,
	.s3_excluded = true,
};

struct trial {
	struct stand_in module;
	struct tdxc_platform platform;
	struct tdxc_linux_bringup bringup;
};

static u64 packages(void)
{
	u64 seen = 0;
	int cpu;

	for_each_present_cpu(cpu) seen |=
		1ull << (topology_physical_package_id(cpu) & 63);
	return hweight64(seen);
}

/* What firmware would say: all RAM above the first MiB. */
static int fill_cmrs(struct stand_in *s)
{
	struct tdxc_plan_ram *ram;
	size_t nr, i;
	u64 start;

	ram = tdxc_linux_ram_get(&nr);
	if (!ram)
		return -ENOMEM;
	for (i = 0; i < nr && s->nr_cmrs < TDXC_MAX_CMRS; i++) {
		start = max(PAGE_ALIGN(ram[i].range.start), 1ull << 20);
		if (start >= ALIGN_DOWN(ram[i].range.end, PAGE_SIZE))
			continue;
		s->cmrs[s->nr_cmrs].base = start;
		s->cmrs[s->nr_cmrs++].size =
			ALIGN_DOWN(ram[i].range.end, PAGE_SIZE) - start;
	}
	kvfree(ram);
	return 0;
}

static struct trial *trial_new(u64 fail_leaf)
{
	struct trial *t = kvzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	mutex_init(&t->bringup.lock);
	t->module.fail_leaf = fail_leaf;
	t->module.packages = packages();
	if (fill_cmrs(&t->module) || tdxc_platform_judge(&good, &t->platform)) {
		kvfree(t);
		return NULL;
	}
	return t;
}

static int trial_start(struct trial *t)
{
	struct tdxc_linux_bringup_config config = {
		.platform = &t->platform,
		.port = {.ops = &stand_in_ops, .ctx = &t->module},
	};
	int err;

	mutex_lock(&t->bringup.lock);
	err = tdxc_linux_bringup_start(&t->bringup, &config);
	mutex_unlock(&t->bringup.lock);
	return err;
}

static int trial_stop(struct trial *t)
{
	int err;

	mutex_lock(&t->bringup.lock);
	err = tdxc_linux_bringup_stop(&t->bringup);
	mutex_unlock(&t->bringup.lock);
	return err;
}

static u64 calls_of(const struct trial *t, u64 leaf)
{
	return (u64)atomic_read(&t->module.calls[leaf]);
}

/* A trial takes every CPU that is there, and none while TDX has them. */
#define SKIP_UNLESS_FREE()                                                     \
	do {                                                                   \
		TDXC_SKIP_UNLESS(!tdxc_linux_bringup()->started &&             \
					 !tdxc_linux_bringup()->waiting,       \
				 "TDX is in use");                             \
		TDXC_SKIP_UNLESS(num_online_cpus() == num_present_cpus(),      \
				 "a CPU is offline");                          \
	} while (0)

static enum tdxc_selftest_result comes_up(char *why)
{
	struct trial *t;
	int up, down;
	u64 init, keys, lps, tdmrs, pamt, memory;
	enum tdxc_module_step step;

	SKIP_UNLESS_FREE();
	t = trial_new(U64_MAX);
	TDXC_EXPECT(t);
	up = trial_start(t);
	step = tdxc_module_step(&t->bringup.module);
	pamt = t->bringup.plan.pamt_bytes;
	memory = t->bringup.nr_memory;
	init = calls_of(t, TDXC_SYS_INIT);
	keys = calls_of(t, TDXC_SYS_KEY_CONFIG);
	lps = bitmap_weight(t->module.lp_init, NR_CPUS);
	tdmrs = t->module.tdmrs;
	down = up ? up : trial_stop(t);
	kvfree(t);
	TDXC_EXPECT_EQ(up, 0);
	TDXC_EXPECT_EQ(down, 0);
	TDXC_EXPECT_EQ(step, TDXC_MODULE_READY);
	TDXC_EXPECT_EQ(init, 1);
	TDXC_EXPECT_EQ(lps, num_online_cpus());
	TDXC_EXPECT_EQ(keys, packages());
	TDXC_EXPECT(tdmrs >= 1);
	TDXC_EXPECT(pamt >= 4 << 20);
	TDXC_EXPECT(memory >= 1);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result pamts_are_ram(char *why)
{
	struct trial *t;
	u64 wrong = 0;
	u32 i, k;
	int up;

	SKIP_UNLESS_FREE();
	t = trial_new(U64_MAX);
	TDXC_EXPECT(t);
	up = trial_start(t);
	for (i = 0; !up && i < t->bringup.module.nr_tdmrs; i++) {
		for (k = 0; k < TDXC_PAMT_LEVELS; k++) {
			struct tdxc_range r =
				t->bringup.module.tdmrs[i].pamt[k];

			wrong += r.start >= r.end ||
				 !PAGE_ALIGNED(r.start | r.end) ||
				 !pfn_valid(PHYS_PFN(r.start)) ||
				 !pfn_valid(PHYS_PFN(r.end - 1));
		}
	}
	if (!up)
		up = trial_stop(t);
	kvfree(t);
	TDXC_EXPECT_EQ(up, 0);
	TDXC_EXPECT_EQ(wrong, 0);
	return TDXC_SELFTEST_OK;
}

/* Free memory is counted on a machine where others allocate, too. */
#define SLACK (2ull << 20)

static enum tdxc_selftest_result fails_clean(char *why)
{
	static const u64 leaves[] = {TDXC_SYS_INIT, TDXC_SYS_LP_INIT,
				     TDXC_SYS_CONFIG, TDXC_SYS_KEY_CONFIG,
				     TDXC_SYS_TDMR_INIT};
	struct trial *t;
	u64 before, after;
	size_t i;
	int err;

	SKIP_UNLESS_FREE();
	before = global_zone_page_state(NR_FREE_PAGES);
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		t = trial_new(leaves[i]);
		TDXC_EXPECT(t);
		err = trial_start(t);
		kvfree(t);
		TDXC_EXPECT_EQ(err, TDXC_E_IO);
	}
	after = global_zone_page_state(NR_FREE_PAGES);
	TDXC_EXPECT(after + (SLACK >> PAGE_SHIFT) >= before);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result again(char *why)
{
	struct trial *t;
	int err = 0;
	u32 i;

	SKIP_UNLESS_FREE();
	for (i = 0; i < 3 && !err; i++) {
		t = trial_new(U64_MAX);
		TDXC_EXPECT(t);
		err = trial_start(t);
		if (!err)
			err = trial_stop(t);
		kvfree(t);
	}
	TDXC_EXPECT_EQ(err, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result one_at_a_time(char *why)
{
	struct trial *t, *second;
	int err, busy = 0;

	SKIP_UNLESS_FREE();
	t = trial_new(U64_MAX);
	second = trial_new(U64_MAX);
	err = t && second ? trial_start(t) : -ENOMEM;
	if (!err) {
		busy = trial_start(second);
		err = trial_stop(t);
	}
	kvfree(second);
	kvfree(t);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT_EQ(busy, TDXC_E_BUSY);
	return TDXC_SELFTEST_OK;
}

/* The last CPU, where it can be spared. */
static int spare_cpu(void)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);

	return cpu > 0 ? (int)cpu : -1;
}

static enum tdxc_selftest_result cpu_comes_back(char *why)
{
	int cpu = spare_cpu(), err, gone = 0, back = 0;
	struct trial *t;
	u64 first, lp_inits = 0;

	SKIP_UNLESS_FREE();
	TDXC_SKIP_UNLESS(cpu > 0, "one CPU");
	t = trial_new(U64_MAX);
	TDXC_EXPECT(t);
	err = trial_start(t);
	first = calls_of(t, TDXC_SYS_LP_INIT);
	if (!err) {
		gone = remove_cpu((unsigned int)cpu);
		back = gone ? 0 : add_cpu((unsigned int)cpu);
		lp_inits = calls_of(t, TDXC_SYS_LP_INIT);
		err = trial_stop(t);
	}
	kvfree(t);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT_EQ(gone, 0);
	TDXC_EXPECT_EQ(back, 0);
	TDXC_EXPECT_EQ(lp_inits, first);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result every_cpu_is_needed(char *why)
{
	int cpu = spare_cpu(), err, back;
	enum tdxc_module_step step;
	struct trial *t;
	u64 configs;

	SKIP_UNLESS_FREE();
	TDXC_SKIP_UNLESS(cpu > 0, "one CPU");
	TDXC_EXPECT_EQ(remove_cpu((unsigned int)cpu), 0);
	t = trial_new(U64_MAX);
	err = t ? trial_start(t) : -ENOMEM;
	step = t ? t->bringup.step : TDXC_MODULE_DEAD;
	configs = t ? calls_of(t, TDXC_SYS_CONFIG) : 0;
	back = add_cpu((unsigned int)cpu);
	kvfree(t);
	TDXC_EXPECT_EQ(back, 0);
	TDXC_EXPECT_EQ(err, TDXC_E_NODEV);
	TDXC_EXPECT_EQ(step, TDXC_MODULE_CPUS);
	TDXC_EXPECT_EQ(configs, 0);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_bringup[] = {
	{"bring-up: every CPU, every package, every TDMR, and back", comes_up},
	{"bring-up: PAMTs are memory of this machine", pamts_are_ram},
	{"bring-up: whichever call is refused, all memory is back",
	 fails_clean},
	{"bring-up: what was taken down comes up again", again},
	{"bring-up: a CPU leaves and comes back without LP.INIT",
	 cpu_comes_back},
	{"bring-up: with a CPU offline nothing is configured",
	 every_cpu_is_needed},
	{"bring-up: of two at a time the second is refused", one_at_a_time},
	{},
};
