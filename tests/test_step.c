/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * One writer, stopped after every instruction: what a reader without locks
 * could see at that moment is looked at from outside.
 *
 * The writer is a child process that shares the tables and the model of the
 * external tree with its parent, who single-steps it (ptrace) and checks the
 * path to the one frame that the writer works on:
 *
 *   empty     the external tree has nothing there
 *   present   the external tree has just that
 *   frozen    anything that it had before, or will have
 *
 * and every table on the way holds entries only, never zeros: that of the
 * frame, and of a large page that was split its other parts. Programs under
 * Valgrind cannot be stepped, so this suite is not run there.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tdxcore/err.h>
#include <tdxcore/mirror.h>
#include <tdxcore/version.h>

#define TABLES	   16u
#define MOST_STEPS 2000000u
#define GFN	   0x12345678ull
#define PAGE_PA	   0x765478000ull
#define LARGE_PA   0x765400000ull /* of 2 MiB, with that page at its place */
#define OTHER_PA   0x987654000ull

/* What writer and reader share. */
struct stage {
	uint64_t tables[TABLES][TDXC_ENTRIES];
	uint64_t nr_tables;
	uint64_t root_pa; /* 0: not there yet */
	/* The external tree on the way to the frame, by level: the entry it
	 * has, as the mirror writes it; 0: none. */
	uint64_t external[TDXC_MAX_LEVELS + 1];
	uint64_t busy;	 /* so many answers more are TDXC_E_BUSY */
	uint64_t stale;	 /* so many faults more are stale */
	uint64_t lies;	 /* report success and do nothing */
	uint64_t result; /* of the writer: 1 when all went as it should */
};

static struct stage *stage;

/* --- the platform of the writer
 * ----------------------------------------------- */

static int table_alloc(void *ctx, bool mirror, struct tdxc_mmu_table *table)
{
	(void)ctx;
	if (stage->nr_tables == TABLES)
		return TDXC_E_NOMEM;
	table->pa = (uint64_t)(size_t)stage->tables[stage->nr_tables++];
	table->external = mirror ? table->pa ^ 0x1000 : 0;
	return TDXC_OK;
}

static void table_drop(void *ctx, const struct tdxc_mmu_table *table)
{
	(void)ctx;
	(void)table;
}

static uint64_t table_external(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa ^ 0x1000;
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
	return stage->stale != 0 && stage->stale-- != 0;
}

static bool is_busy(void)
{
	return stage->busy != 0 && stage->busy-- != 0;
}

static int external_set(void *ctx, const struct tdxc_external_change *change)
{
	(void)ctx;
	if (is_busy())
		return TDXC_E_BUSY;
	if (stage->lies != 0)
		return TDXC_OK;
	stage->external[change->level] = change->now.bits;
	if (tdxc_spte_is_leaf(change->old) && tdxc_spte_is_table(change->now))
		stage->external[1] =
			tdxc_spte_private(PAGE_PA, TDXC_LEVEL_4K).bits;
	if (tdxc_spte_is_table(change->old))
		stage->external[1] = 0;
	return TDXC_OK;
}

static void external_remove(void *ctx, struct tdxc_external_entry *leaves,
			    size_t n, enum tdxc_lock lock)
{
	(void)ctx;
	(void)lock;
	for (size_t i = 0; i < n; i++) {
		leaves[i].status = is_busy() ? TDXC_E_BUSY : TDXC_OK;
		if (leaves[i].status == TDXC_OK)
			stage->external[leaves[i].level] = 0;
	}
}

static int external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
			    uint64_t external)
{
	(void)ctx;
	(void)gfn;
	(void)level;
	(void)external;
	return TDXC_OK;
}

static const struct tdxc_mmu_ops ops = {
	.abi = TDXC_ABI,
	.table_alloc = table_alloc,
	.table_free = table_drop,
	.table_retire = table_drop,
	.table_external = table_external,
	.lock_held = lock_held,
	.is_stale = is_stale,
	.external_set = external_set,
	.external_remove = external_remove,
	.external_reclaim = external_reclaim,
};

/* --- the writer
 * ---------------------------------------------------------------- */

static struct tdxc_mmu mmu;
static struct tdxc_mmu_cpu cpu;
static struct tdxc_external_entry entries[1];
static uint64_t *slots[1];
static struct tdxc_root *root;

static const struct tdxc_fault fault = {
	.gfn = {GFN},
	.pa = PAGE_PA,
	.level = TDXC_LEVEL_4K,
	.is_private = true,
	.write = true,
};

static int fault_once(void)
{
	return tdxc_mmu_fault(&mmu, root, &cpu, &fault, TDXC_LOCK_SHARED);
}

static int zap_once(void)
{
	struct tdxc_zapped out[1];
	struct tdxc_zap zap = {
		.start = {GFN},
		.end = {GFN + 1},
		.reason = TDXC_ZAP_TO_SHARED,
		.out = out,
		.room = 1,
	};

	return tdxc_mmu_zap(&mmu, &cpu, &zap, TDXC_LOCK_SHARED);
}

static bool map_and_unmap(void)
{
	return fault_once() == TDXC_FAULT_FIXED &&
	       fault_once() == TDXC_FAULT_SPURIOUS && zap_once() == TDXC_OK &&
	       fault_once() == TDXC_FAULT_FIXED;
}

static bool give_up_when_busy(void)
{
	bool ok;

	stage->busy = 1;
	ok = fault_once() == TDXC_FAULT_RETRY;
	stage->busy = 0;
	ok = ok && fault_once() == TDXC_FAULT_FIXED;
	stage->busy = 1;
	ok = ok && zap_once() == TDXC_E_BUSY;
	return ok && zap_once() == TDXC_OK;
}

static bool give_up_when_stale(void)
{
	stage->stale = 1;
	return fault_once() == TDXC_FAULT_RETRY &&
	       fault_once() == TDXC_FAULT_FIXED;
}

static bool lie(void)
{
	stage->lies = 1;
	(void)fault_once();
	return true;
}

/* --- sizes, places, tables */

static bool top_up(void)
{
	return tdxc_mmu_topup(&mmu, &cpu, TDXC_MEMORY_PRIVATE) == TDXC_OK;
}

static int map_large(void)
{
	struct tdxc_fault large = fault;

	large.pa = LARGE_PA;
	large.level = TDXC_LEVEL_2M;
	return tdxc_mmu_fault(&mmu, root, &cpu, &large, TDXC_LOCK_SHARED);
}

static int demote_once(void)
{
	return tdxc_mmu_demote(&mmu, root, &cpu, fault.gfn, TDXC_LEVEL_4K,
			       TDXC_LOCK_SHARED);
}

static int promote_once(void)
{
	return tdxc_mmu_promote(&mmu, root, &cpu, fault.gfn, TDXC_LEVEL_2M,
				TDXC_LOCK_SHARED);
}

static int move_once(void)
{
	uint64_t pa = OTHER_PA;

	return tdxc_mmu_relocate(&mmu, root, &cpu, fault.gfn, &pa,
				 TDXC_LOCK_SHARED);
}

static int remove_once(void)
{
	const uint64_t frames = tdxc_level_frames(TDXC_LEVEL_1G);
	struct tdxc_table_zap zap = {
		.start = {GFN & ~(frames - 1)},
		.end = {(GFN | (frames - 1)) + 1},
	};
	int err = tdxc_mmu_remove_tables(&mmu, root, &cpu, &zap,
					 TDXC_LOCK_SHARED);

	return err == TDXC_OK && zap.removed == 0 ? TDXC_E_NOENT : err;
}

static bool split_and_join(void)
{
	return map_large() == TDXC_FAULT_FIXED && demote_once() == TDXC_OK &&
	       promote_once() == TDXC_OK && top_up() &&
	       demote_once() == TDXC_OK && zap_once() == TDXC_OK &&
	       promote_once() == TDXC_E_NOENT;
}

static bool give_up_splitting_and_joining(void)
{
	bool ok = map_large() == TDXC_FAULT_FIXED;

	stage->busy = 1;
	ok = ok && demote_once() == TDXC_E_BUSY && demote_once() == TDXC_OK;
	stage->busy = 1;
	return ok && promote_once() == TDXC_E_BUSY && promote_once() == TDXC_OK;
}

static bool move(void)
{
	bool ok = fault_once() == TDXC_FAULT_FIXED;

	stage->busy = 1;
	return ok && move_once() == TDXC_E_BUSY && move_once() == TDXC_OK;
}

static bool remove_tables(void)
{
	bool ok = fault_once() == TDXC_FAULT_FIXED && zap_once() == TDXC_OK;

	stage->busy = 1;
	return ok && remove_once() == TDXC_E_BUSY && remove_once() == TDXC_OK &&
	       remove_once() == TDXC_OK && remove_once() == TDXC_E_NOENT &&
	       top_up() && fault_once() == TDXC_FAULT_FIXED;
}

/* In the child. The parent steps from the first stop on. */
static void write_stepped(bool (*work)(void))
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	(void)raise(SIGSTOP);
	stage->result = work() ? 1 : 2;
	_exit(0);
}

static void set_up(void)
{
	const struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = 4,
		.ops = &ops,
		.td = true,
		.end = tdxc_alias_bit(4),
	};

	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(stage, MAP_FAILED);
	memset(&cpu, 0, sizeof(cpu));
	cpu.batch.entries = entries;
	cpu.batch.slots = slots;
	cpu.batch.room = 1;
	ck_assert_int_eq(tdxc_mmu_init(&mmu, &config), TDXC_OK);
	ck_assert_int_eq(tdxc_root_get(&mmu, TDXC_ROOTS_MIRROR, &root),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_mmu_topup(&mmu, &cpu, TDXC_MEMORY_PRIVATE),
			 TDXC_OK);
	stage->root_pa = root->tree.pa;
}

static void tear_down(void)
{
	(void)munmap(stage, sizeof(*stage));
}

/* --- the reader
 * ------------------------------------------------------------------ */

/* Another part of the large page; while it is joined, frozen. */
static bool is_part(uint64_t entry, uint32_t i)
{
	uint64_t pa = LARGE_PA + ((uint64_t)i << 12);

	return entry == tdxc_spte_private(pa, TDXC_LEVEL_4K).bits ||
	       entry == TDXC_SPTE_FROZEN_BITS;
}

static const char *judge_table(const uint64_t *table, uint32_t index,
			       uint32_t level)
{
	for (uint32_t i = 0; i < TDXC_ENTRIES; i++) {
		if (i != index && table[i] != TDXC_SPTE_EMPTY_BITS &&
		    !(level == TDXC_LEVEL_4K && is_part(table[i], i)))
			return "a table on the way holds something else";
	}
	return NULL;
}

/* What a walk could see now; NULL: all is as it must be. */
static const char *judge(bool *frozen)
{
	uint64_t pa = stage->root_pa;

	for (uint32_t level = 4; level >= 1; level--) {
		const uint64_t *table = (const uint64_t *)(size_t)pa;
		uint32_t index = tdxc_table_index(GFN, level);
		struct tdxc_spte s = {table[index]};
		const char *complaint = judge_table(table, index, level);

		if (complaint)
			return complaint;
		if (tdxc_spte_is_frozen(s)) {
			*frozen = true;
			return NULL;
		}
		if (s.bits == TDXC_SPTE_EMPTY_BITS)
			return stage->external[level] == 0
				       ? NULL
				       : "empty, but the external tree is not";
		if (s.bits != stage->external[level])
			return "present, and the external tree disagrees";
		if (!tdxc_spte_is_table(s))
			return NULL;
		pa = tdxc_spte_pa(s);
	}
	return "a table at the lowest level";
}

struct steps {
	uint64_t all;
	uint64_t frozen;
	const char *complaint;
};

/* Step the child to its end, or to the first complaint. */
static struct steps step_through(pid_t child)
{
	struct steps steps = {0, 0, NULL};
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSTOPPED(status));
	while (WIFSTOPPED(status) && steps.all < MOST_STEPS &&
	       !steps.complaint) {
		bool frozen = false;

		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL),
				 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		steps.all++;
		steps.complaint = judge(&frozen);
		steps.frozen += frozen;
	}
	if (WIFSTOPPED(status)) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, 0);
	}
	return steps;
}

static struct steps run(bool (*work)(void))
{
	struct steps steps;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		write_stepped(work);
	steps = step_through(child);
	printf("%llu instructions stepped, %llu of them with a frozen entry\n",
	       (unsigned long long)steps.all, (unsigned long long)steps.frozen);
	return steps;
}

static bool (*const works[])(void) = {
	map_and_unmap,
	give_up_when_busy,
	give_up_when_stale,
	split_and_join,
	give_up_splitting_and_joining,
	move,
	remove_tables,
};

START_TEST(after_every_instruction_both_trees_agree_or_the_entry_is_frozen)
{
	struct steps steps = run(works[_i]);

	if (steps.complaint)
		ck_abort_msg("%s", steps.complaint);
	ck_assert_uint_eq(stage->result, 1);
	ck_assert_uint_gt(steps.frozen, 0);
}
END_TEST

/* The control: that the eye sees. */
START_TEST(an_external_change_that_did_not_happen_is_seen)
{
	struct steps steps = run(lie);

	ck_assert_ptr_nonnull(steps.complaint);
	ck_assert_str_eq(steps.complaint,
			 "present, and the external tree disagrees");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("step");
	TCase *t = tcase_create("steps");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 0);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(
		t,
		after_every_instruction_both_trees_agree_or_the_entry_is_frozen,
		0, (int)(sizeof(works) / sizeof(works[0])));
	tcase_add_test(t, an_external_change_that_did_not_happen_is_seen);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
