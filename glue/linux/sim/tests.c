// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The library on the software module inside this kernel: bring-up, the life of
 * TDs, and what several CPUs do at once; under the kernel's locks and RCU.
 *
 * Hosts are brought up by the first test that needs one and stay until a test
 * takes them down and counts what is left.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../record.h"
#include "../selftest/selftest.h"
#include "sim.h"

#define REGION	  512ull
#define REGION_2M (REGION * PAGE_SIZE)

enum which { STATIC, DYNAMIC, ERRATUM, NR_HOSTS };

static const struct tdxc_ksim_machine_config configs[NR_HOSTS] = {
	[STATIC] = {.gib = 1},
	[DYNAMIC] = {.gib = 1, .dynamic_pamt = true},
	[ERRATUM] = {.gib = 1, .dynamic_pamt = true, .erratum = true},
};

static struct tdxc_ksim_host *hosts[NR_HOSTS];

#define NEEDS_SIM TDXC_SKIP_UNLESS(tdxc_ksim_is_on(), "sim=on was not given")

/* A recorded module has none. */
#define NEEDS_DYNAMIC_PAMT                                                     \
	do {                                                                   \
		NEEDS_SIM;                                                     \
		TDXC_SKIP_UNLESS(!tdxc_record_is_on(), "record=1 was given");  \
	} while (0)

static int need_host(enum which which)
{
	int err = TDXC_OK;

	if (hosts[which])
		return TDXC_OK;
	hosts[which] = tdxc_ksim_host_create(&configs[which], &err);
	return hosts[which] ? tdxc_ksim_host_up(hosts[which]) : err;
}

static u64 drop_host(enum which which)
{
	u64 left = hosts[which] ? tdxc_ksim_host_destroy(hosts[which]) : 0;

	hosts[which] = NULL;
	return left;
}

void tdxc_ksim_tests_exit(void)
{
	u32 i;

	for (i = 0; i < NR_HOSTS; i++)
		drop_host(i);
}

static enum tdxc_selftest_result audit(char *why, struct tdxc_ksim_host *host)
{
	struct tdxc_sim_violation wrong;

	if (tdxc_ksim_audit(&host->machine, &wrong) == 0)
		return TDXC_SELFTEST_OK;
	strscpy(why, wrong.text, TDXC_SELFTEST_WHY);
	return TDXC_SELFTEST_FAILED;
}

/* --- bring-up ------------------------------------------------------------- */

static enum tdxc_selftest_result powers_on(char *why)
{
	struct tdxc_ksim_host *host;
	int err;

	NEEDS_SIM;
	/* of a reader who went */
	drop_host(STATIC);
	host = tdxc_ksim_host_create(&configs[STATIC], &err);
	TDXC_EXPECT_EQ(err, TDXC_OK);
	hosts[STATIC] = host;
	TDXC_EXPECT_EQ(host->machine.nr_lps, num_online_cpus());
	TDXC_EXPECT_EQ(tdxc_module_step(&host->module), TDXC_MODULE_CPUS);
	return TDXC_SELFTEST_OK;
}

/* Steps until one that is another one. */
static enum tdxc_selftest_result step_to(char *why, enum tdxc_module_step step)
{
	NEEDS_SIM;
	TDXC_EXPECT(hosts[STATIC]);
	while (tdxc_module_step(&hosts[STATIC]->module) < step)
		TDXC_EXPECT_EQ(tdxc_ksim_host_step(hosts[STATIC]), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_module_step(&hosts[STATIC]->module), step);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result cpus_initialised(char *why)
{
	struct tdxc_ksim_host *host = hosts[STATIC];
	struct tdxc_module_todo todo;
	u32 i;

	NEEDS_SIM;
	TDXC_EXPECT(host);
	for (i = 0; i < host->machine.nr_lps; i++) {
		TDXC_EXPECT_EQ(tdxc_module_next(&host->module, &todo), TDXC_OK);
		TDXC_EXPECT_EQ(todo.step, TDXC_MODULE_CPUS);
		TDXC_EXPECT_EQ(tdxc_ksim_host_step(host), TDXC_OK);
	}
	for (i = 0; i < host->machine.nr_lps; i++)
		TDXC_EXPECT_EQ(host->cpus[i].initialized, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_calls(&host->machine, TDXC_SYS_INIT), 1);
	TDXC_EXPECT_EQ(tdxc_module_next(&host->module, &todo), TDXC_OK);
	TDXC_EXPECT_EQ(todo.step, TDXC_MODULE_READ);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result metadata_read(char *why)
{
	enum tdxc_selftest_result result = step_to(why, TDXC_MODULE_PLAN);

	if (result != TDXC_SELFTEST_OK)
		return result;
	TDXC_EXPECT_EQ(hosts[STATIC]->module.nr_cmrs, 2);
	TDXC_EXPECT_EQ(hosts[STATIC]->module.info.num_pkgs,
		       hosts[STATIC]->machine.platform.nr_packages);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result layout_planned(char *why)
{
	enum tdxc_selftest_result result = step_to(why, TDXC_MODULE_CONFIG);

	if (result != TDXC_SELFTEST_OK)
		return result;
	TDXC_EXPECT(hosts[STATIC]->module.nr_tdmrs > 0);
	TDXC_EXPECT_EQ(hosts[STATIC]->nr_pamts, hosts[STATIC]->module.nr_tdmrs);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result layout_accepted(char *why)
{
	return step_to(why, TDXC_MODULE_FLUSH);
}

static enum tdxc_selftest_result caches_flushed(char *why)
{
	enum tdxc_selftest_result result = step_to(why, TDXC_MODULE_KEYS);

	if (result == TDXC_SELFTEST_OK)
		TDXC_EXPECT_EQ(hosts[STATIC]->flushes, 1);
	return result;
}

static enum tdxc_selftest_result entropy_awaited(char *why)
{
	enum tdxc_selftest_result result;

	NEEDS_SIM;
	TDXC_EXPECT(hosts[STATIC]);
	hosts[STATIC]->machine.key_failure = TDXC_SIM_KEY_NO_ENTROPY;
	tdxc_store_release(&hosts[STATIC]->machine.key_failures, 3);
	result = step_to(why, TDXC_MODULE_TDMRS);
	if (result != TDXC_SELFTEST_OK)
		return result;
	TDXC_EXPECT_EQ(hosts[STATIC]->machine.key_failures, 0);
	TDXC_EXPECT_EQ(
		tdxc_ksim_calls(&hosts[STATIC]->machine, TDXC_SYS_KEY_CONFIG),
		hosts[STATIC]->machine.platform.nr_packages + 3);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result tdmrs_by_all(char *why)
{
	enum tdxc_selftest_result result = step_to(why, TDXC_MODULE_READY);
	struct tdxc_module_progress progress;

	if (result != TDXC_SELFTEST_OK)
		return result;
	progress = tdxc_module_get_progress(&hosts[STATIC]->module);
	TDXC_EXPECT(progress.total != 0);
	TDXC_EXPECT_EQ(progress.done, progress.total);
	/* what TDs need */
	TDXC_EXPECT_EQ(tdxc_ksim_host_up(hosts[STATIC]), TDXC_OK);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result audit_static(char *why)
{
	NEEDS_SIM;
	TDXC_EXPECT_EQ(need_host(STATIC), TDXC_OK);
	return audit(why, hosts[STATIC]);
}

struct one_call {
	struct tdxc_ksim_host *host;
	struct tdxc_seamcall_diag diag;
};

static int call_as_stranger(void *arg)
{
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {0};
	struct one_call *one = arg;
	u32 *lp;
	u32 was;
	int err;

	lp = &one->host->machine.lp_of[raw_smp_processor_id()];
	was = *lp;
	*lp = 0;
	err = tdxc_seamcall(&one->host->port, TDXC_SYS_LP_INIT, &regs,
			    TDXC_SEAMCALL_IN, &limits, &one->diag);
	*lp = was;
	return err;
}

static enum tdxc_selftest_result stranger_refused(char *why)
{
	struct one_call one;

	NEEDS_SIM;
	TDXC_EXPECT_EQ(need_host(STATIC), TDXC_OK);
	one.host = hosts[STATIC];
	TDXC_EXPECT_EQ(tdxc_ksim_on_lp(one.host, 0, call_as_stranger, &one),
		       TDXC_E_ACCES);
	TDXC_EXPECT_EQ(one.diag.status, TDXC_STATUS_UD);
	return TDXC_SELFTEST_OK;
}

/* --- a TD for one test ---------------------------------------------------- */

typedef enum tdxc_selftest_result (*body)(char *why, struct tdxc_ksim_vm *vm);

static enum tdxc_selftest_result run_body(char *why,
					  struct tdxc_ksim_host *host,
					  const struct tdxc_ksim_vm_config *c,
					  bool finalize, body body)
{
	enum tdxc_selftest_result result = TDXC_SELFTEST_OK;
	struct tdxc_ksim_vm *vm;
	int err;

	vm = tdxc_ksim_vm_create(host, c, &err);
	TDXC_EXPECT_EQ(err, TDXC_OK);
	if (finalize)
		err = tdxc_ksim_vm_finalize(vm);
	if (err == TDXC_OK)
		result = body(why, vm);
	/* the auditor wants a quiet moment */
	tdxc_ksim_vm_stop(vm);
	if (result == TDXC_SELFTEST_OK)
		result = audit(why, host);
	if (err == TDXC_OK)
		err = tdxc_ksim_vm_destroy(vm);
	else
		(void)tdxc_ksim_vm_destroy(vm);
	if (result != TDXC_SELFTEST_OK)
		return result;
	TDXC_EXPECT_EQ(err, TDXC_OK);
	TDXC_EXPECT_EQ(host->pages.nr_lent, 0);
	TDXC_EXPECT_EQ(host->pages.mistakes, 0);
	TDXC_EXPECT_EQ(tdxc_keyids_in_use(&host->keyids), 0);
	TDXC_EXPECT_EQ(host->quarantine.count, 0);
	return audit(why, host);
}

static enum tdxc_selftest_result with_td(char *why, enum which which,
					 const struct tdxc_ksim_vm_config *c,
					 bool finalize, body body)
{
	enum tdxc_selftest_result result;

	NEEDS_SIM;
	if (configs[which].dynamic_pamt)
		NEEDS_DYNAMIC_PAMT;
	TDXC_EXPECT_EQ(need_host(which), TDXC_OK);
	TDXC_EXPECT(tdxc_ksim_begin(hosts[which]));
	result = run_body(why, hosts[which], c, finalize, body);
	tdxc_ksim_end(hosts[which], NULL);
	return result;
}

/* Four vCPUs, 8 MiB, finalised. */
#define TD_TEST(fn, body, which, ...)                                          \
	static enum tdxc_selftest_result fn(char *why)                         \
	{                                                                      \
		const struct tdxc_ksim_vm_config c = {                         \
			.nr_vcpus = 4, .frames = 4 * REGION, __VA_ARGS__};     \
                                                                               \
		return with_td(why, which, &c, true, body);                    \
	}

/* All vCPUs at once, each with the part that is its own, or all of it. */
static enum tdxc_selftest_result run_all(char *why, struct tdxc_ksim_vm *vm,
					 enum tdxc_ksim_op op, bool together,
					 u64 rounds)
{
	u64 bytes = vm->frames * PAGE_SIZE / (together ? 1 : vm->nr_vcpus);
	int errs[TDXC_KSIM_VCPUS];
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_start(vm, i, op,
						    together ? 0 : i * bytes,
						    bytes, rounds),
			       TDXC_OK);
	for (i = 0; i < vm->nr_vcpus; i++)
		errs[i] = tdxc_ksim_vcpu_join(vm, i);
	for (i = 0; i < vm->nr_vcpus; i++) {
		TDXC_EXPECT_EQ(errs[i], TDXC_OK);
		TDXC_EXPECT_EQ(vm->vcpus[i].wrong, 0);
		TDXC_EXPECT_EQ(vm->vcpus[i].refused, 0);
	}
	return TDXC_SELFTEST_OK;
}

#define RUN_ALL(op, together, rounds)                                          \
	do {                                                                   \
		enum tdxc_selftest_result result_ =                            \
			run_all(why, vm, op, together, rounds);                \
		if (result_ != TDXC_SELFTEST_OK)                               \
			return result_;                                        \
	} while (0)

static u64 calls(const struct tdxc_ksim_vm *vm, u32 leaf)
{
	return tdxc_ksim_calls(&vm->host->machine, leaf);
}

/* Whether a counter of another thread gets there, however busy the machine. */
static bool reaches(const u64 *counter, u64 n)
{
	unsigned long deadline = jiffies + 20 * HZ;

	while (READ_ONCE(*counter) < n && time_before(jiffies, deadline))
		usleep_range(100, 200);
	return READ_ONCE(*counter) >= n;
}

static bool all_entered(const struct tdxc_ksim_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		if (!reaches(&vm->vcpus[i].entries, 1))
			return false;
	}
	return true;
}

/* --- life ----------------------------------------------------------------- */

static enum tdxc_selftest_result is_built(char *why, struct tdxc_ksim_vm *vm)
{
	u32 i;

	TDXC_EXPECT_EQ(vm->td.step, TDXC_TD_BUILD);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(vm->td_vcpus[i].state, TDXC_VCPU_READY);
	TDXC_EXPECT_EQ(tdxc_keyids_in_use(&vm->host->keyids), 1);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result td_built(char *why)
{
	const struct tdxc_ksim_vm_config c = {.nr_vcpus = 4, .frames = REGION};

	return with_td(why, STATIC, &c, false, is_built);
}

static enum tdxc_selftest_result measures(char *why, struct tdxc_ksim_vm *vm)
{
	u64 extends = calls(vm, TDXC_MR_EXTEND);
	u64 gpa;

	for (gpa = 0; gpa < 4 * PAGE_SIZE; gpa += PAGE_SIZE)
		TDXC_EXPECT_EQ(tdxc_ksim_vm_add(vm, gpa), TDXC_OK);
	TDXC_EXPECT(calls(vm, TDXC_MR_EXTEND) >= extends + 64);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_finalize(vm), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vcpu_start(vm, 0, TDXC_KSIM_TOUCH, 0,
					    4 * PAGE_SIZE, 1),
		       TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vcpu_join(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(vm->vcpus[0].wrong, 0);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, 4);
	TDXC_EXPECT_EQ(vm->vcpus[0].violations, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result image_measured(char *why)
{
	const struct tdxc_ksim_vm_config c = {.nr_vcpus = 1, .frames = REGION};

	return with_td(why, STATIC, &c, false, measures);
}

static enum tdxc_selftest_result ends_early(char *why, struct tdxc_ksim_vm *vm)
{
	TDXC_EXPECT_EQ(tdxc_ksim_vm_add(vm, 0), TDXC_OK);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result unfinished_gone(char *why)
{
	const struct tdxc_ksim_vm_config c = {.nr_vcpus = 2, .frames = REGION};

	return with_td(why, STATIC, &c, false, ends_early);
}

static enum tdxc_selftest_result accepts_large(char *why,
					       struct tdxc_ksim_vm *vm)
{
	u64 augs = calls(vm, TDXC_MEM_PAGE_AUG);
	u32 i;

	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	for (i = 0; i < vm->nr_vcpus; i++) {
		TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, i * REGION),
			       TDXC_LEVEL_2M);
		TDXC_EXPECT_EQ(vm->vcpus[i].accepts, 1);
	}
	TDXC_EXPECT_EQ(calls(vm, TDXC_MEM_PAGE_AUG), augs + vm->nr_vcpus);
	return TDXC_SELFTEST_OK;
}
TD_TEST(large_accepted, accepts_large, STATIC)

static enum tdxc_selftest_result faults_apart(char *why,
					      struct tdxc_ksim_vm *vm)
{
	u64 augs = calls(vm, TDXC_MEM_PAGE_AUG);
	u32 i;

	RUN_ALL(TDXC_KSIM_TOUCH, false, 2);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(vm->vcpus[i].verified, REGION);
	TDXC_EXPECT_EQ(calls(vm, TDXC_MEM_PAGE_AUG), augs + vm->frames);
	return TDXC_SELFTEST_OK;
}
TD_TEST(apart_at_once, faults_apart, STATIC, .small_pages = true)

static enum tdxc_selftest_result faults_same(char *why, struct tdxc_ksim_vm *vm)
{
	u64 gfn;

	RUN_ALL(TDXC_KSIM_TOUCH, true, 2);
	for (gfn = 0; gfn < vm->frames; gfn += 37)
		TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, gfn), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(vm->mmu.poison.set, 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(same_at_once, faults_same, STATIC, .small_pages = true)

static enum tdxc_selftest_result populates(char *why, struct tdxc_ksim_vm *vm)
{
	u32 i;

	TDXC_EXPECT_EQ(tdxc_ksim_vm_populate(vm, 0, vm->frames), TDXC_OK);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(vm->vcpus[i].violations, 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(mapped_ahead, populates, STATIC)

/* --- what goes ------------------------------------------------------------ */

static enum tdxc_selftest_result removes_in_batches(char *why,
						    struct tdxc_ksim_vm *vm)
{
	u64 tracks, removes;

	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	tracks = calls(vm, TDXC_MEM_TRACK);
	removes = calls(vm, TDXC_MEM_PAGE_REMOVE);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	TDXC_EXPECT_EQ(atomic64_read(&vm->zapped), vm->frames);
	TDXC_EXPECT_EQ(calls(vm, TDXC_MEM_PAGE_REMOVE), removes + vm->frames);
	TDXC_EXPECT_EQ(calls(vm, TDXC_MEM_TRACK) - tracks,
		       atomic64_read(&vm->batches));
	TDXC_EXPECT(atomic64_read(&vm->batches) <=
		    vm->frames / TDXC_KSIM_BATCH + 4);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 0), 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(removed_in_batches, removes_in_batches, STATIC, .small_pages = true)

static enum tdxc_selftest_result removes_large(char *why,
					       struct tdxc_ksim_vm *vm)
{
	u64 removes;

	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	removes = calls(vm, TDXC_MEM_PAGE_REMOVE);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	TDXC_EXPECT_EQ(calls(vm, TDXC_MEM_PAGE_REMOVE) - removes,
		       vm->frames / REGION);
	return TDXC_SELFTEST_OK;
}
TD_TEST(large_removed, removes_large, STATIC)

static enum tdxc_selftest_result comes_back_empty(char *why,
						  struct tdxc_ksim_vm *vm)
{
	u32 i;

	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(vm->vcpus[i].verified, 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(back_empty, comes_back_empty, STATIC, .small_pages = true)

static enum tdxc_selftest_result cuts(char *why, struct tdxc_ksim_vm *vm)
{
	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 100, 200), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 99), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 100), 0);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 199), 0);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 200), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, REGION), TDXC_LEVEL_2M);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION - 100);
	return TDXC_SELFTEST_OK;
}
TD_TEST(large_cut, cuts, STATIC)

static enum tdxc_selftest_result zaps_while_running(char *why,
						    struct tdxc_ksim_vm *vm)
{
	u64 entries;
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_start(vm, i, TDXC_KSIM_TOUCH,
						    i * REGION_2M, REGION_2M,
						    U64_MAX),
			       TDXC_OK);
	for (i = 0; i < 8; i++) {
		TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, i % 4 * REGION + 17,
						i % 4 * REGION + 300),
			       TDXC_OK);
		entries = vm->vcpus[i % vm->nr_vcpus].entries;
		TDXC_EXPECT(reaches(&vm->vcpus[i % vm->nr_vcpus].entries,
				    entries + 2));
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		tdxc_ksim_vcpu_stop(vm, i);
	for (i = 0; i < vm->nr_vcpus; i++) {
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_join(vm, i), TDXC_OK);
		TDXC_EXPECT_EQ(vm->vcpus[i].wrong, 0);
		TDXC_EXPECT_EQ(vm->vcpus[i].refused, 0);
	}
	return TDXC_SELFTEST_OK;
}
TD_TEST(small_zapped_running, zaps_while_running, STATIC, .small_pages = true)
TD_TEST(large_zapped_running, zaps_while_running, STATIC)

/* --- sizes, places, tables ------------------------------------------------ */

static enum tdxc_selftest_result demotes(char *why, struct tdxc_ksim_vm *vm)
{
	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_demote(vm, 7), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 0), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 511), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(vm->sept.counts.demoted, 1);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION);
	TDXC_EXPECT_EQ(vm->vcpus[0].violations, 1);
	return TDXC_SELFTEST_OK;
}
TD_TEST(demoted, demotes, STATIC)

static enum tdxc_selftest_result promotes(char *why, struct tdxc_ksim_vm *vm)
{
	u64 tables;

	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_demote(vm, 0), TDXC_OK);
	tables = (u64)atomic64_read(&vm->host->nr_tables);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_promote(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 0), TDXC_LEVEL_2M);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION);
	/* the table went with the readers that could see it */
	rcu_barrier();
	TDXC_EXPECT(atomic64_read(&vm->host->nr_tables) <= tables);
	return TDXC_SELFTEST_OK;
}
TD_TEST(promoted, promotes, STATIC)

static enum tdxc_selftest_result refuses_unlike(char *why,
						struct tdxc_ksim_vm *vm)
{
	TDXC_EXPECT_EQ(tdxc_ksim_vm_populate(vm, 0, REGION), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_demote(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(
		tdxc_ksim_vcpu_start(vm, 0, TDXC_KSIM_TOUCH, 0, PAGE_SIZE, 1),
		TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vcpu_join(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_promote(vm, 0), TDXC_E_OPNOTSUPP);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_level(vm, 0), TDXC_LEVEL_4K);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_promote(vm, REGION), TDXC_E_NOENT);
	return TDXC_SELFTEST_OK;
}
TD_TEST(unlike_not_promoted, refuses_unlike, STATIC)

static enum tdxc_selftest_result relocates(char *why, struct tdxc_ksim_vm *vm)
{
	u64 was;

	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	was = vm->backing[5];
	TDXC_EXPECT_EQ(tdxc_ksim_vm_relocate(vm, 5), TDXC_OK);
	TDXC_EXPECT(vm->backing[5] != was);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION);
	return TDXC_SELFTEST_OK;
}
TD_TEST(relocated, relocates, STATIC, .small_pages = true)

static enum tdxc_selftest_result drops_tables(char *why,
					      struct tdxc_ksim_vm *vm)
{
	u64 removed;

	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_remove_tables(vm, &removed), TDXC_OK);
	TDXC_EXPECT_EQ(removed, 0);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_remove_tables(vm, &removed), TDXC_OK);
	TDXC_EXPECT(removed >= vm->frames / REGION);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	return TDXC_SELFTEST_OK;
}
TD_TEST(tables_removed, drops_tables, STATIC, .small_pages = true)

/* A reader that walks the tree without a lock, as long as it is wanted. */
struct reader {
	struct tdxc_ksim_vm *vm;
	u64 looks;
	u64 nonsense; /* neither page nor table nor nothing */
};

static int read_on(void *arg)
{
	struct reader *reader = arg;
	u64 gfn = 0;

	while (!kthread_should_stop()) {
		u32 level = tdxc_ksim_vm_level(reader->vm, gfn);

		if (level > TDXC_LEVEL_2M)
			reader->nonsense++;
		reader->looks++;
		gfn = (gfn + 61) % reader->vm->frames;
		if (gfn < 61)
			cond_resched();
	}
	return 0;
}

static enum tdxc_selftest_result reads_under_rcu(char *why,
						 struct tdxc_ksim_vm *vm)
{
	struct reader reader = {vm, 0, 0};
	struct task_struct *task;
	int err = TDXC_OK;
	u32 i;

	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	task = kthread_run(read_on, &reader, "tdxsim/reader");
	TDXC_EXPECT(!IS_ERR(task));
	for (i = 0; i < 20 && err == TDXC_OK; i++) {
		err = tdxc_ksim_vm_demote(vm, 0);
		if (err == TDXC_OK)
			err = tdxc_ksim_vm_promote(vm, 0);
		usleep_range(200, 400);
	}
	kthread_stop(task);
	TDXC_EXPECT_EQ(err, TDXC_OK);
	TDXC_EXPECT(reader.looks > 0);
	TDXC_EXPECT_EQ(reader.nonsense, 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(readers_under_rcu, reads_under_rcu, STATIC)

/* --- vCPUs ---------------------------------------------------------------- */

static enum tdxc_selftest_result migrates(char *why, struct tdxc_ksim_vm *vm)
{
	u32 i;

	TDXC_EXPECT_EQ(
		tdxc_ksim_vcpu_start(vm, 0, TDXC_KSIM_SPIN, 0, PAGE_SIZE, 1),
		TDXC_OK);
	for (i = 1; i <= 8; i++) {
		if (vm->host->machine.nr_lps == 1)
			break;
		tdxc_ksim_vcpu_migrate(vm, 0, i % vm->host->machine.nr_lps);
		TDXC_EXPECT(reaches(&vm->vcpus[0].migrations, i));
	}
	tdxc_ksim_vcpu_stop(vm, 0);
	TDXC_EXPECT_EQ(tdxc_ksim_vcpu_join(vm, 0), TDXC_OK);
	return TDXC_SELFTEST_OK;
}
TD_TEST(vcpu_migrates, migrates, STATIC)

static enum tdxc_selftest_result forces_out(char *why, struct tdxc_ksim_vm *vm)
{
	u32 i;

	TDXC_EXPECT_EQ(tdxc_ksim_vm_populate(vm, 0, vm->frames), TDXC_OK);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_start(vm, i, TDXC_KSIM_SPIN, 0,
						    PAGE_SIZE, 1),
			       TDXC_OK);
	TDXC_EXPECT(all_entered(vm));
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	TDXC_EXPECT(vm->sept.counts.broadcasts > 0);
	return TDXC_SELFTEST_OK;
}
TD_TEST(spinning_forced_out, forces_out, STATIC)

static enum tdxc_selftest_result keeps_spinning(char *why,
						struct tdxc_ksim_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_start(vm, i, TDXC_KSIM_SPIN, 0,
						    PAGE_SIZE, 1),
			       TDXC_OK);
	TDXC_EXPECT(all_entered(vm));
	for (i = 0; i < vm->nr_vcpus; i++)
		tdxc_ksim_vcpu_stop(vm, i);
	for (i = 0; i < vm->nr_vcpus; i++)
		TDXC_EXPECT_EQ(tdxc_ksim_vcpu_join(vm, i), TDXC_OK);
	return TDXC_SELFTEST_OK;
}
TD_TEST(all_enter, keeps_spinning, STATIC)

/* --- the end -------------------------------------------------------------- */

static enum tdxc_selftest_result leaves_mapped(char *why,
					       struct tdxc_ksim_vm *vm)
{
	RUN_ALL(TDXC_KSIM_TOUCH, true, 1);
	return TDXC_SELFTEST_OK;
}
TD_TEST(small_torn_down, leaves_mapped, STATIC, .small_pages = true)
TD_TEST(large_torn_down, leaves_mapped, STATIC)

static enum tdxc_selftest_result interrupts(char *why, struct tdxc_ksim_vm *vm)
{
	u32 i;

	/* one sub-block a call: PHYMEM.CACHE.WB is resumed */
	for (i = 0; i < vm->host->machine.nr_lps; i++)
		tdxc_store_release(&vm->host->machine.interrupts[i], 1);
	return TDXC_SELFTEST_OK;
}
TD_TEST(interrupted_end_, interrupts, STATIC)

static enum tdxc_selftest_result interrupted_end(char *why)
{
	enum tdxc_selftest_result result = interrupted_end_(why);
	struct tdxc_ksim_machine *machine;
	u32 i;

	if (result != TDXC_SELFTEST_OK)
		return result;
	machine = &hosts[STATIC]->machine;
	for (i = 0; i < machine->nr_lps; i++)
		tdxc_store_release(&machine->interrupts[i], 0);
	TDXC_EXPECT(tdxc_ksim_calls(machine, TDXC_PHYMEM_CACHE_WB) >
		    tdxc_ksim_calls(machine, TDXC_MNG_KEY_FREEID) * 2);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result has_company(char *why, struct tdxc_ksim_vm *vm)
{
	const struct tdxc_ksim_vm_config c = {.nr_vcpus = 2, .frames = REGION};
	struct tdxc_ksim_vm *other;
	int err;

	other = tdxc_ksim_vm_create(vm->host, &c, &err);
	TDXC_EXPECT_EQ(err, TDXC_OK);
	TDXC_EXPECT(other->td.keyid != vm->td.keyid);
	err = tdxc_ksim_vm_finalize(other);
	if (err == TDXC_OK)
		err = tdxc_ksim_vm_populate(other, 0, REGION);
	if (err == TDXC_OK &&
	    run_all(why, vm, TDXC_KSIM_TOUCH, false, 1) != TDXC_SELFTEST_OK)
		err = TDXC_E_IO;
	TDXC_EXPECT_EQ(tdxc_ksim_vm_destroy(other), TDXC_OK);
	TDXC_EXPECT_EQ(err, TDXC_OK);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION);
	return TDXC_SELFTEST_OK;
}
TD_TEST(two_tds, has_company, STATIC)

static enum tdxc_selftest_result nothing_left(char *why)
{
	NEEDS_SIM;
	TDXC_EXPECT_EQ(need_host(STATIC), TDXC_OK);
	TDXC_EXPECT_EQ(hosts[STATIC]->pages.nr_taken, 0);
	TDXC_EXPECT_EQ(hosts[STATIC]->pages.nr_lent, 0);
	TDXC_EXPECT_EQ(atomic64_read(&hosts[STATIC]->machine.scrapped), 0);
	TDXC_EXPECT_EQ(drop_host(STATIC), 0);
	return TDXC_SELFTEST_OK;
}

/* --- Dynamic PAMT --------------------------------------------------------- */

static enum tdxc_selftest_result dynamic_up(char *why)
{
	NEEDS_DYNAMIC_PAMT;
	TDXC_EXPECT_EQ(need_host(DYNAMIC), TDXC_OK);
	TDXC_EXPECT_EQ(hosts[DYNAMIC]->pamt.dynamic, 1);
	return audit(why, hosts[DYNAMIC]);
}

static struct tdxc_pamt_stats stats_of(const struct tdxc_ksim_vm *vm)
{
	struct tdxc_pamt_stats stats;

	tdxc_pamt_read_stats(&vm->host->pamt, &stats);
	return stats;
}

static enum tdxc_selftest_result takes_pairs(char *why, struct tdxc_ksim_vm *vm)
{
	TDXC_EXPECT(stats_of(vm).installed > 0);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 2);
	TDXC_EXPECT(stats_of(vm).references > vm->frames);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_zap(vm, 0, vm->frames), TDXC_OK);
	TDXC_EXPECT(stats_of(vm).references < vm->frames);
	return TDXC_SELFTEST_OK;
}
TD_TEST(pairs_come_and_go, takes_pairs, DYNAMIC, .small_pages = true)

static enum tdxc_selftest_result needs_no_pair(char *why,
					       struct tdxc_ksim_vm *vm)
{
	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	TDXC_EXPECT_EQ(stats_of(vm).large, vm->frames / REGION);
	return TDXC_SELFTEST_OK;
}
TD_TEST(large_without_pair, needs_no_pair, DYNAMIC)

static enum tdxc_selftest_result resizes_pairs(char *why,
					       struct tdxc_ksim_vm *vm)
{
	struct tdxc_pamt_stats before;

	RUN_ALL(TDXC_KSIM_ACCEPT, false, 1);
	before = stats_of(vm);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_demote(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(stats_of(vm).large, before.large - 1);
	TDXC_EXPECT(stats_of(vm).installed > before.installed);
	TDXC_EXPECT_EQ(tdxc_ksim_vm_promote(vm, 0), TDXC_OK);
	TDXC_EXPECT_EQ(stats_of(vm).large, before.large);
	RUN_ALL(TDXC_KSIM_TOUCH, false, 1);
	TDXC_EXPECT_EQ(vm->vcpus[0].verified, REGION);
	return TDXC_SELFTEST_OK;
}
TD_TEST(pair_for_demote, resizes_pairs, DYNAMIC)
TD_TEST(dynamic_same_at_once, faults_same, DYNAMIC, .small_pages = true)
TD_TEST(dynamic_zapped_running, zaps_while_running, DYNAMIC,
	.small_pages = true)
TD_TEST(dynamic_large_running, zaps_while_running, DYNAMIC)
TD_TEST(dynamic_torn_down, leaves_mapped, DYNAMIC)
TD_TEST(dynamic_relocated, relocates, DYNAMIC, .small_pages = true)
TD_TEST(dynamic_cut, cuts, DYNAMIC)
TD_TEST(promoted_to_zap, removes_large, DYNAMIC, .promote_to_zap = true)

static enum tdxc_selftest_result no_references(char *why)
{
	struct tdxc_pamt_stats stats;

	NEEDS_DYNAMIC_PAMT;
	TDXC_EXPECT_EQ(need_host(DYNAMIC), TDXC_OK);
	tdxc_pamt_read_stats(&hosts[DYNAMIC]->pamt, &stats);
	TDXC_EXPECT_EQ(stats.references, 0);
	TDXC_EXPECT_EQ(stats.large, 0);
	TDXC_EXPECT_EQ(stats.quarantined, 0);
	TDXC_EXPECT_EQ(stats.installed, stats.retained);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result no_pairs_left(char *why)
{
	NEEDS_DYNAMIC_PAMT;
	TDXC_EXPECT_EQ(need_host(DYNAMIC), TDXC_OK);
	TDXC_EXPECT_EQ(drop_host(DYNAMIC), 0);
	return TDXC_SELFTEST_OK;
}

/* --- the erratum, and stress ---------------------------------------------- */

TD_TEST(erratum_torn_down, leaves_mapped, ERRATUM, .small_pages = true)
TD_TEST(erratum_zapped_running, zaps_while_running, ERRATUM)

static enum tdxc_selftest_result disabled(char *why)
{
	struct tdxc_ksim_host *host;

	NEEDS_DYNAMIC_PAMT;
	TDXC_EXPECT_EQ(need_host(ERRATUM), TDXC_OK);
	host = hosts[ERRATUM];
	TDXC_EXPECT_EQ(tdxc_module_undo(&host->module, &host->diag), TDXC_OK);
	TDXC_EXPECT_EQ(tdxc_module_step(&host->module), TDXC_MODULE_CPUS);
	TDXC_EXPECT_EQ(host->nr_pamts, 0);
	TDXC_EXPECT_EQ(drop_host(ERRATUM), 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result survives_stress(char *why)
{
	NEEDS_SIM;
	TDXC_EXPECT_EQ(tdxc_ksim_stress(2, 1, why, TDXC_SELFTEST_WHY), 0);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_sim[] = {
	{"sim: a machine with a processor for each CPU", powers_on},
	{"sim: SYS.INIT once, LP.INIT on every CPU", cpus_initialised},
	{"sim: the module says what it is", metadata_read},
	{"sim: a layout is planned and its PAMTs placed", layout_planned},
	{"sim: the module takes the planned layout", layout_accepted},
	{"sim: caches are flushed before keys", caches_flushed},
	{"sim: a key without entropy is asked for again", entropy_awaited},
	{"sim: TDMR.INIT by all CPUs at once", tdmrs_by_all},
	{"sim: the auditor finds nothing after bring-up", audit_static},
	{"sim: #UD on a CPU that is none of the module's", stranger_refused},
	{"sim: a TD is built, its vCPUs too", td_built},
	{"sim: an image is measured, and the guest finds it", image_measured},
	{"sim: a TD that was never finalised goes", unfinished_gone},
	{"sim: all vCPUs enter, each on its CPU", all_enter},
	{"sim: 2 MiB are accepted as one page", large_accepted},
	{"sim: four CPUs fault on pages of their own", apart_at_once},
	{"sim: four CPUs fault on the same pages", same_at_once},
	{"sim: memory that is mapped ahead does not fault", mapped_ahead},
	{"sim: a removal makes one TRACK for a batch", removed_in_batches},
	{"sim: a large page is removed by one call", large_removed},
	{"sim: memory comes back empty", back_empty},
	{"sim: a large page is cut where a removal ends", large_cut},
	{"sim: small pages go while their guests run", small_zapped_running},
	{"sim: large pages go while their guests run", large_zapped_running},
	{"sim: a demotion loses no contents", demoted},
	{"sim: a promotion loses no contents", promoted},
	{"sim: pages that are not alike stay small", unlike_not_promoted},
	{"sim: a page moves with its contents", relocated},
	{"sim: empty tables go, and come again", tables_removed},
	{"sim: readers under RCU while tables come and go", readers_under_rcu},
	{"sim: a vCPU goes from CPU to CPU", vcpu_migrates},
	{"sim: vCPUs that spin are forced out", spinning_forced_out},
	{"sim: a TD goes with its small pages", small_torn_down},
	{"sim: a TD goes with its large pages", large_torn_down},
	{"sim: a write-back of caches that is interrupted", interrupted_end},
	{"sim: two TDs side by side", two_tds},
	{"sim: nothing is left of machine and TDs", nothing_left},
	{"sim: Dynamic PAMT is brought up", dynamic_up},
	{"sim: PAMT pairs come and go with 4K pages", pairs_come_and_go},
	{"sim: a 2M page needs no pair", large_without_pair},
	{"sim: a demotion brings its pair, a promotion returns it",
	 pair_for_demote},
	{"sim: Dynamic PAMT, four CPUs on the same pages",
	 dynamic_same_at_once},
	{"sim: Dynamic PAMT, small pages go while guests run",
	 dynamic_zapped_running},
	{"sim: Dynamic PAMT, large pages go while guests run",
	 dynamic_large_running},
	{"sim: Dynamic PAMT, a TD goes with its pages", dynamic_torn_down},
	{"sim: Dynamic PAMT, a page moves", dynamic_relocated},
	{"sim: Dynamic PAMT, a large page is cut", dynamic_cut},
	{"sim: Dynamic PAMT, promoted to be removed", promoted_to_zap},
	{"sim: no reference to a pair is left", no_references},
	{"sim: no pair is left after Dynamic PAMT", no_pairs_left},
	{"sim: erratum, pages are rewritten at the end", erratum_torn_down},
	{"sim: erratum, pages go while their guests run",
	 erratum_zapped_running},
	{"sim: SYS.DISABLE, and everything is given back", disabled},
	{"sim: random operations by four threads", survives_stress},
	{},
};
