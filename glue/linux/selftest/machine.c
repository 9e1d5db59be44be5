// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Bring-up, hotplug and the end of the kernel on a machine without TDX. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../bringup.h"
#include "../power.h"
#include "../tdxc_linux.h"
#include "selftest.h"

#define NO_TDX(why)                                                            \
	TDXC_SKIP_UNLESS(!tdxc_linux_platform()->usable, "this machine has "   \
							 "TDX")

/* A module object of the test's own, on the real instruction. */
struct attempt {
	struct tdxc_module module;
	struct tdxc_module_cpu cpu;
	struct tdxc_seamcall_diag diag;
	void *infos;
	u64 *pointers;
};

static void attempt_free(struct attempt *a)
{
	if (!a)
		return;
	free_page((unsigned long)a->infos);
	free_page((unsigned long)a->pointers);
	kvfree(a);
}

static struct attempt *attempt_new(void)
{
	struct attempt *a = kvzalloc(sizeof(*a), GFP_KERNEL);
	struct tdxc_module_config config = {
		.abi = TDXC_ABI,
		.port = tdxc_linux_seamcall_port(),
		.ops = &tdxc_linux_module_ops,
		.nr_cpus = 1,
		.pa_bits = 46,
		.global_keyid = 1,
		.infos_bytes = PAGE_SIZE,
	};

	if (!a)
		return NULL;
	a->infos = (void *)get_zeroed_page(GFP_KERNEL);
	a->pointers = (u64 *)get_zeroed_page(GFP_KERNEL);
	a->cpu.online = 1;
	config.cpus = &a->cpu;
	config.infos = a->infos;
	config.pointers = a->pointers;
	if (a->infos && a->pointers) {
		config.infos_pa = __pa(a->infos);
		config.pointers_pa = __pa(a->pointers);
		if (!tdxc_module_init(&a->module, &config))
			return a;
	}
	attempt_free(a);
	return NULL;
}

static enum tdxc_selftest_result sys_init_is_refused(char *why)
{
	struct attempt *a;
	u64 status;
	int err;

	NO_TDX(why);
	a = attempt_new();
	TDXC_EXPECT(a);
	err = tdxc_module_cpu_init(&a->module, 0, &a->diag);
	status = a->diag.status;
	attempt_free(a);
	TDXC_EXPECT(err == TDXC_E_ACCES || err == TDXC_E_OPNOTSUPP ||
		    err == TDXC_E_NODEV);
	TDXC_EXPECT_EQ(err, tdxc_seamcall_err(status));
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result refusal_is_remembered(char *why)
{
	struct attempt *a;
	u64 calls;
	int first, second;

	NO_TDX(why);
	a = attempt_new();
	TDXC_EXPECT(a);
	first = tdxc_module_cpu_init(&a->module, 0, &a->diag);
	second = tdxc_module_cpu_init(&a->module, 0, &a->diag);
	calls = a->diag.calls;
	attempt_free(a);
	TDXC_EXPECT_EQ(second, first);
	TDXC_EXPECT_EQ(calls, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result undo_of_nothing(char *why)
{
	struct attempt *a;
	enum tdxc_module_step step;
	int err;

	NO_TDX(why);
	a = attempt_new();
	TDXC_EXPECT(a);
	err = tdxc_module_undo(&a->module, &a->diag);
	step = tdxc_module_step(&a->module);
	attempt_free(a);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT_EQ(step, TDXC_MODULE_CPUS);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result pamts_come_and_go(char *why)
{
	struct tdxc_plan_tdmr tdmr = {.pamt_bytes = {4 << 20, 8 << 10, 4096},
				      .node = (u32)numa_node_id()};
	struct tdxc_range pamt[TDXC_PAMT_LEVELS] = {};
	u32 i, wrong = 0;

	TDXC_EXPECT_EQ(tdxc_linux_module_ops.pamt_alloc(NULL, &tdmr, pamt), 0);
	for (i = 0; i < TDXC_PAMT_LEVELS; i++)
		wrong += pamt[i].end - pamt[i].start != tdmr.pamt_bytes[i] ||
			 !PAGE_ALIGNED(pamt[i].start);
	tdxc_linux_module_ops.pamt_free(NULL, pamt);
	TDXC_EXPECT_EQ(wrong, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result pamt_all_or_none(char *why)
{
	struct tdxc_plan_tdmr tdmr = {.pamt_bytes = {4096, 4096, 1ull << 45},
				      .node = (u32)numa_node_id()};
	struct tdxc_range pamt[TDXC_PAMT_LEVELS] = {};

	TDXC_EXPECT_EQ(tdxc_linux_module_ops.pamt_alloc(NULL, &tdmr, pamt),
		       TDXC_E_NOMEM);
	TDXC_EXPECT_EQ(pamt[0].end, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result not_started(char *why)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();

	NO_TDX(why);
	TDXC_EXPECT(!b->started);
	TDXC_EXPECT(b->err == TDXC_E_NODEV);
	TDXC_EXPECT(!b->memory);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result memory_events(char *why)
{
	static const enum tdxc_hotplug_event events[] = {
		TDXC_HOTPLUG_ACPI_ADD, TDXC_HOTPLUG_ACPI_REMOVE,
		TDXC_HOTPLUG_DRIVER_ADD, TDXC_HOTPLUG_MEMORY_ONLINE,
		TDXC_HOTPLUG_MEMORY_OFFLINE};
	struct tdxc_range range = {1ull << 32, 5ull << 32};
	struct tdxc_hotplug_verdict verdict;
	struct tdxc_hotplug_state state;
	size_t i;

	NO_TDX(why);
	tdxc_linux_hotplug_state(&state);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		TDXC_EXPECT_EQ(tdxc_hotplug_judge(&state, events[i], &range,
						  NULL, 0, &verdict),
			       0);
		TDXC_EXPECT_EQ(verdict.answer, TDXC_HOTPLUG_ALLOW);
	}
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result cpu_events(char *why)
{
	struct tdxc_hotplug_verdict verdict;
	struct tdxc_hotplug_state state;

	NO_TDX(why);
	tdxc_linux_hotplug_state(&state);
	TDXC_EXPECT_EQ(tdxc_hotplug_judge(&state, TDXC_HOTPLUG_CPU_OFFLINE,
					  NULL, NULL, 0, &verdict),
		       0);
	TDXC_EXPECT_EQ(verdict.answer, TDXC_HOTPLUG_ALLOW);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result hand_over(char *why)
{
	TDXC_SKIP_UNLESS(!tdxc_linux_bringup()->started, "TDX is in use");
	TDXC_EXPECT_EQ(tdxc_linux_hand_over(TDXC_HANDOVER_REBOOT), 0);
	TDXC_EXPECT_EQ(tdxc_linux_hand_over(TDXC_HANDOVER_KEXEC), 0);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_machine[] = {
	{"bring-up: SYS.INIT is refused as its status says",
	 sys_init_is_refused},
	{"bring-up: the refusal is remembered, without a call",
	 refusal_is_remembered},
	{"bring-up: undoing nothing leaves it where it was", undo_of_nothing},
	{"bring-up: a PAMT of three regions comes and goes", pamts_come_and_go},
	{"bring-up: a PAMT is all there or not at all", pamt_all_or_none},
	{"bring-up: without TDX nothing was begun", not_started},
	{"hotplug: without TDX all memory may come and go", memory_events},
	{"hotplug: without TDX a CPU may go", cpu_events},
	{"hand-over: it comes to its end", hand_over},
	{},
};
