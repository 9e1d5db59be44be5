/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The mirror MMU over the Secure EPT of the software TDX platform, where every
 * SEAMCALL of every operation fails once: then the two trees agree, or the MMU
 * is poisoned and lends nothing any more (I-AGREE, I-BUG, H14, H16).
 */
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sept/sept_rig.h"

#define GFN	 0x40000ull
#define PAGE	 PAMT_RIG_PAGE
#define TABLES	 16u
#define TABLE_PA 0x200000000ull
#define END	 (1ull << 35)
#define MANY	 100000u
#define MIRROR	 1 /* index of counts */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct sept_rig rig;
static struct tdxc_mmu mmu;
static struct tdxc_root *root;
static struct tdxc_mmu_cpu cpu;
static struct tdxc_external_entry entries[TDXC_MMU_BATCH];
static uint64_t *slots[TDXC_MMU_BATCH];
static _Alignas(4096) unsigned char tables[TABLES][4096];
static uint64_t external[TABLES]; /* 0: a root's, or given back */
static bool used[TABLES];

/* ---- ops ---- */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	(void)ctx;
	for (uint32_t i = 0; i < TABLES; i++) {
		if (used[i])
			continue;
		used[i] = true;
		external[i] = mirror ? sept_rig_table_page(&rig) : 0;
		table->pa = TABLE_PA + i * PAGE;
		table->external = external[i];
		return TDXC_OK;
	}
	return TDXC_E_NOMEM;
}

static void table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	(void)ctx;
	used[(table->pa - TABLE_PA) / PAGE] = false;
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	(void)ctx;
	return external[(pa - TABLE_PA) / PAGE];
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	(void)ctx;
	(void)lock;
	return true;
}

static bool is_stale(void *ctx, const struct tdxc_fault *fault,
		     struct tdxc_gfn gfn, uint32_t level)
{
	(void)ctx;
	(void)fault;
	(void)gfn;
	(void)level;
	return false;
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	(void)ctx;
	return tdxc_sept_set(&rig.sept, change);
}

static void external_remove(void *ctx, struct tdxc_external_entry *e, size_t n,
			    enum tdxc_lock lock)
{
	(void)ctx;
	(void)lock;
	tdxc_sept_remove(&rig.sept, e, n);
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t page)
{
	(void)ctx;
	(void)level;
	return tdxc_sept_reclaim(&rig.sept, gfn, page);
}

static const struct tdxc_mmu_ops ops = {
	.abi = TDXC_ABI,
	.table_alloc = table_alloc,
	.table_free = table_free,
	.table_retire = table_free,
	.table_external = table_external,
	.lock_held = lock_held,
	.is_stale = is_stale,
	.external_set = external_set,
	.external_remove = external_remove,
	.external_reclaim = external_reclaim,
};

static void up(bool dynamic)
{
	const struct sept_rig_options options = {.dynamic_pamt = dynamic};
	const struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = 4,
		.ops = &ops,
		.virt = (uint64_t)(size_t)tables - TABLE_PA,
		.td = true,
		.promote_to_zap = true,
		.end = END,
	};

	sept_rig_up(&rig, &options);
	memset(used, 0, sizeof(used));
	memset(&cpu, 0, sizeof(cpu));
	cpu.batch.entries = entries;
	cpu.batch.slots = slots;
	cpu.batch.room = TDXC_MMU_BATCH;
	ck_assert_int_eq(tdxc_mmu_init(&mmu, &config), TDXC_OK);
	ck_assert_int_eq(tdxc_root_get(&mmu, TDXC_ROOTS_MIRROR, &root),
			 TDXC_OK);
}

/* ---- operations ---- */

static int map(uint64_t gfn, uint32_t level, uint64_t pa)
{
	const struct tdxc_fault fault = {
		.gfn = {gfn},
		.pa = pa,
		.level = level,
		.is_private = true,
		.write = true,
	};
	int err;

	ck_assert_int_eq(tdxc_mmu_topup(&mmu, &cpu, TDXC_MEMORY_PRIVATE), 0);
	err = tdxc_mmu_fault(&mmu, root, &cpu, &fault, TDXC_LOCK_SHARED);
	return err == TDXC_FAULT_RETRY ? TDXC_E_BUSY : err;
}

static int zap(uint64_t gfn, uint64_t n)
{
	struct tdxc_zapped out[TDXC_ENTRIES];
	struct tdxc_zap z;
	int err;

	memset(&z, 0, sizeof(z));
	z.start.n = gfn;
	z.end.n = gfn + n;
	z.reason = TDXC_ZAP_BACKING_GONE;
	z.out = out;
	z.room = COUNT(out);
	for (uint32_t i = 0; i < MANY; i++) {
		err = tdxc_mmu_zap(&mmu, &cpu, &z, TDXC_LOCK_SHARED);
		if (err != TDXC_E_AGAIN)
			break;
		z.nr_out = 0;
	}
	return err;
}

static int remove_tables(void)
{
	struct tdxc_table_zap z = {{GFN}, {GFN + 1024}, 0};

	return tdxc_mmu_remove_tables(&mmu, root, &cpu, &z, TDXC_LOCK_SHARED);
}

enum op {
	MAP_4K,
	MAP_2M,
	ZAP_3,
	ZAP_512,
	DEMOTE,
	PROMOTE,
	RELOCATE,
	REMOVE_TABLES,
	OPS
};

static uint64_t first;	/* page at GFN */
static uint64_t target; /* to move to */

static void fill_4k(uint32_t n)
{
	first = sept_rig_page(&rig, 2);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(map(GFN + i, 1, first + i * PAGE), TDXC_OK);
}

static void prepare(enum op op)
{
	target = sept_rig_page(&rig, 1);
	switch (op) {
	case MAP_4K:
	case MAP_2M:
		first = sept_rig_page(&rig, 2);
		break;
	case ZAP_512:
	case PROMOTE:
		fill_4k(512);
		break;
	case DEMOTE:
		first = sept_rig_page(&rig, 2);
		ck_assert_int_eq(map(GFN, 2, first), TDXC_OK);
		break;
	default:
		fill_4k(3);
		break;
	}
	sept_rig_run(&rig);
	if (op == REMOVE_TABLES)
		ck_assert_int_eq(zap(GFN, 3), TDXC_OK);
	sept_rig_mark(&rig);
}

static int perform(enum op op)
{
	struct tdxc_gfn gfn = {GFN};
	uint64_t pa = target;

	ck_assert_int_eq(tdxc_mmu_topup(&mmu, &cpu, TDXC_MEMORY_PRIVATE), 0);
	switch (op) {
	case MAP_4K:
		return map(GFN, 1, first);
	case MAP_2M:
		return map(GFN, 2, first);
	case ZAP_3:
		return zap(GFN, 3);
	case ZAP_512:
		return zap(GFN, 512);
	case DEMOTE:
		return tdxc_mmu_demote(&mmu, root, &cpu, gfn, 1,
				       TDXC_LOCK_SHARED);
	case PROMOTE:
		return tdxc_mmu_promote(&mmu, root, &cpu, gfn, 2,
					TDXC_LOCK_SHARED);
	case RELOCATE:
		return tdxc_mmu_relocate(&mmu, root, &cpu, gfn, &pa,
					 TDXC_LOCK_SHARED);
	default:
		return remove_tables();
	}
}

/* ---- agreement ---- */

static bool is_mapped(enum sept_rig_state state)
{
	return state == SEPT_RIG_MAPPED || state == SEPT_RIG_PENDING;
}

static bool is_blocked(enum sept_rig_state state)
{
	return state == SEPT_RIG_BLOCKED || state == SEPT_RIG_PENDING_BLOCKED ||
	       state == SEPT_RIG_TABLE_BLOCKED;
}

/* What the mirror says of a frame, the module says too. Without a TRACK an
 * entry stays blocked; that is said by TDXC_E_BUSY. */
static void frame_agrees(uint64_t gfn, bool may_be_blocked)
{
	struct tdxc_found found =
		tdxc_lookup(&root->tree, (struct tdxc_gfn){gfn});
	uint32_t level = (uint32_t)found.level;
	uint64_t at = gfn & ~(tdxc_level_frames(level) - 1);
	enum sept_rig_state state = sept_rig_state(&rig, at, level);

	ck_assert(!tdxc_spte_is_frozen(found.spte));
	/* under a table that is blocked the module shows nothing */
	if (may_be_blocked && state == SEPT_RIG_NO_ENTRY)
		return;
	if (!tdxc_spte_is_present(found.spte))
		ck_assert_int_eq(state, SEPT_RIG_FREE);
	else
		ck_assert(is_mapped(state) ||
			  (may_be_blocked && is_blocked(state)));
	if (tdxc_spte_is_present(found.spte))
		ck_assert_uint_eq(sept_rig_mapped(&rig, at, level),
				  tdxc_spte_pa(found.spte));
}

/* I-CNT: the counters are what the mirror has. */
static void counts_agree(void)
{
	uint64_t pages[4] = {0};

	for (uint64_t gfn = GFN; gfn < GFN + 1024;) {
		struct tdxc_found found =
			tdxc_lookup(&root->tree, (struct tdxc_gfn){gfn});

		if (tdxc_spte_is_leaf(found.spte))
			pages[found.level]++;
		gfn += found.level > 1 ? 512 : 1;
	}
	for (uint32_t level = 1; level < 3; level++)
		ck_assert_uint_eq(cpu.counts.pages[MIRROR][level],
				  pages[level]);
}

static void trees_agree(bool may_be_blocked)
{
	static const uint64_t frames[] = {0, 1, 2, 3, 255, 511, 512};

	for (size_t i = 0; i < COUNT(frames); i++)
		frame_agrees(GFN + frames[i], may_be_blocked);
	counts_agree();
	ck_assert_uint_eq(cpu.frozen, 0);
	ck_assert(sept_rig_audit(&rig));
}

/* I-BUG: not one page more. */
static void nothing_is_lent_any_more(void)
{
	ck_assert_uint_ge(rig.quarantine.count, 1);
	ck_assert_uint_eq(rig.sept.diagnosed, 1);
	sept_rig_mark(&rig);
	ck_assert_int_eq(map(GFN + 513, 1, sept_rig_page(&rig, 1)),
			 TDXC_FAULT_POISONED);
	ck_assert_uint_eq(rig.nr_calls, 0);
}

/* ---- tests ---- */

static const struct {
	uint64_t status;
	uint64_t times;
} answers[] = {
	{0x8000020000000092, SEPT_RIG_ALWAYS},
	{0xC0000B0D00000001, SEPT_RIG_ALWAYS},
	{0xC0000B0D00000001, 1},
};

static void one_fault(enum op op, bool dynamic, uint64_t at, size_t answer)
{
	int err;

	up(dynamic);
	prepare(op);
	rig.fault.at = at;
	rig.fault.status = answers[answer].status;
	rig.fault.times = answers[answer].times;
	err = perform(op);
	if (tdxc_mmu_is_poisoned(&mmu)) {
		nothing_is_lent_any_more();
		sept_rig_down(&rig);
		return;
	}
	trees_agree(err == TDXC_E_BUSY && rig.fault.rax == TDXC_MEM_TRACK);
	rig.fault.at = 0;
	if (err != TDXC_OK) {
		ck_assert_int_eq(err, TDXC_E_BUSY);
		ck_assert_int_eq(perform(op), TDXC_OK);
	}
	trees_agree(false);
	ck_assert_uint_eq(rig.nr_freed_owned, 0);
	sept_rig_down(&rig);
}

START_TEST(the_trees_agree_or_the_mmu_is_poisoned_whatever_fails)
{
	enum op op = (enum op)(_i / 2);
	bool dynamic = _i % 2 == 1;
	uint64_t nr;

	up(dynamic);
	prepare(op);
	ck_assert_int_eq(perform(op), TDXC_OK);
	trees_agree(false);
	ck_assert(!tdxc_mmu_is_poisoned(&mmu));
	nr = rig.nr_calls;
	sept_rig_down(&rig);
	for (uint64_t at = 1; at <= nr; at++) {
		if (at > 16 && at + 3 <= nr)
			continue;
		for (size_t answer = 0; answer < COUNT(answers); answer++)
			one_fault(op, dynamic, at, answer);
	}
}
END_TEST

/* The incident of H14: a demotion that failed, and small pages in the mirror
 * all the same. */
START_TEST(H14_a_demotion_that_fails_leaves_one_large_page_in_both_trees)
{
	struct tdxc_found found;

	up(false);
	prepare(DEMOTE);
	rig.of_leaf = (struct sept_rig_fault){
		.at = 1,
		.status = answers[0].status,
		.times = SEPT_RIG_ALWAYS,
		.rax = TDXC_MEM_PAGE_DEMOTE,
	};
	ck_assert_int_eq(perform(DEMOTE), TDXC_E_BUSY);
	ck_assert(!tdxc_mmu_is_poisoned(&mmu));
	found = tdxc_lookup(&root->tree, (struct tdxc_gfn){GFN + 5});
	ck_assert_uint_eq(found.level, 2);
	ck_assert_int_eq(sept_rig_state(&rig, GFN, 2), SEPT_RIG_PENDING);
	/* what the incident then could not do */
	rig.of_leaf.at = 0;
	ck_assert_int_eq(zap(GFN, 512), TDXC_OK);
	trees_agree(false);
	sept_rig_down(&rig);
}
END_TEST

/* 512 pages, promoted first: 6 calls, and each 4 KiB written back. */
START_TEST(a_zap_of_512_pages_takes_the_route_over_a_promotion)
{
	up(false);
	prepare(ZAP_512);
	ck_assert_int_eq(perform(ZAP_512), TDXC_OK);
	ck_assert_uint_eq(rig.nr_calls, 6 + 1 + 512);
	ck_assert_uint_eq(sept_rig_calls(&rig, TDXC_MEM_PAGE_PROMOTE), 1);
	ck_assert_uint_eq(rig.nr_freed, 1);
	trees_agree(false);
	sept_rig_down(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sept_mirror");
	TCase *tc = tcase_create("mirror");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(
		tc, the_trees_agree_or_the_mmu_is_poisoned_whatever_fails, 0,
		OPS * 2);
	tcase_add_test(
		tc,
		H14_a_demotion_that_fails_leaves_one_large_page_in_both_trees);
	tcase_add_test(tc, a_zap_of_512_pages_takes_the_route_over_a_promotion);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
