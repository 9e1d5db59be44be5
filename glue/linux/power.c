// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Memory that comes and goes, sleep, and the end of the kernel: the kernel
 * tells, the core judges. While TDX is off every verdict is to go on.
 */
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/suspend.h>

#include "bringup.h"
#include "compat.h"
#include "power.h"
#include "tdxc_linux.h"
#include "trace.h"

/* Not the bring-up's mutex: who brings memory online holds locks that a
 * bring-up needs. */
static DEFINE_RWLOCK(published);

void tdxc_linux_publish(struct tdxc_linux_bringup *b, bool started)
{
	write_lock(&published);
	b->started = started;
	write_unlock(&published);
}

void tdxc_linux_hotplug_state(struct tdxc_hotplug_state *state)
{
	const struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	const struct tdxc_platform *p = tdxc_linux_platform();

	*state = (struct tdxc_hotplug_state){
		.abi = TDXC_ABI,
		.flags = (tdxc_linux_param_use_tdx() ? 0
						     : TDXC_HOTPLUG_NO_USE_TDX),
		.tdx = p->usable ? TDXC_HOTPLUG_TDX_ENABLED
				 : TDXC_HOTPLUG_TDX_OFF,
		.seamrr_enabled = p->seamrr_enabled,
	};
	if (!b->started)
		return;
	state->tdx = TDXC_HOTPLUG_TDX_UP;
	state->cmrs = b->module.cmrs;
	state->nr_cmrs = b->module.nr_cmrs;
	state->memory = b->memory;
	state->nr_memory = b->nr_memory;
}

/* --- memory --------------------------------------------------------------- */

static bool is_refused(enum tdxc_hotplug_event event, struct tdxc_range range)
{
	char text[TDXC_HOTPLUG_MESSAGE_BYTES];
	struct tdxc_hotplug_verdict verdict;
	struct tdxc_hotplug_state state;
	struct tdxc_range first;
	int err;

	read_lock(&published);
	tdxc_linux_hotplug_state(&state);
	err = tdxc_hotplug_judge(&state, event, &range, &first, 1, &verdict);
	read_unlock(&published);
	if (err)
		return false;
	trace_tdxcore_hotplug(event, range.start, range.end, verdict.answer,
			      verdict.reason);
	if (verdict.answer != TDXC_HOTPLUG_ALLOW) {
		tdxc_hotplug_message(event, &range, &verdict,
				     verdict.nr ? &first : NULL, text,
				     sizeof(text));
		pr_warn_ratelimited("tdxcore: %s\n", text);
	}
	return verdict.answer == TDXC_HOTPLUG_REFUSE;
}

static int memory_event(struct notifier_block *block, unsigned long action,
			void *data)
{
	const struct memory_notify *notify = data;
	struct tdxc_range range = {
		PFN_PHYS(notify->start_pfn),
		PFN_PHYS(notify->start_pfn + notify->nr_pages),
	};
	bool refused = false;

	if (action == MEM_GOING_ONLINE)
		refused = is_refused(TDXC_HOTPLUG_MEMORY_ONLINE, range);
	if (action == MEM_GOING_OFFLINE)
		refused = is_refused(TDXC_HOTPLUG_MEMORY_OFFLINE, range);
	return refused ? NOTIFY_BAD : NOTIFY_OK;
}

static struct notifier_block memory_block = {.notifier_call = memory_event};

/* --- sleep ---------------------------------------------------------------- */

/* TDX survives neither hibernation nor S3: what cpu.c reports as excluded is
 * excluded here. */
static int sleep_event(struct notifier_block *block, unsigned long action,
		       void *data)
{
	if (!tdxc_linux_bringup()->started)
		return NOTIFY_OK;
	if (action == PM_HIBERNATION_PREPARE || action == PM_RESTORE_PREPARE ||
	    (action == PM_SUSPEND_PREPARE && !pm_suspend_default_s2idle())) {
		pr_warn("tdxcore: TDX is up: no hibernation and no S3\n");
		return NOTIFY_BAD;
	}
	return NOTIFY_OK;
}

static struct notifier_block sleep_block = {.notifier_call = sleep_event};

/* --- the end -------------------------------------------------------------- */

static void flush_ipi(void *unused)
{
	tdxc_linux_wbinvd();
}

static void disable(struct tdxc_handover *h)
{
	struct tdxc_seamcall_diag diag;

	preempt_disable();
	while (tdxc_handover_disable(h, tdxc_linux_coherence_this(), &diag) ==
	       TDXC_E_AGAIN)
		cpu_relax();
	preempt_enable();
	if (h->tell)
		pr_info("tdxcore: SYS.DISABLE: 0x%llx\n", diag.status);
}

u32 tdxc_linux_hand_over(enum tdxc_handover_kind kind)
{
	struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	struct tdxc_handover_config config = {
		.abi = TDXC_ABI,
		.kind = kind,
		.coherence = tdxc_linux_coherence(),
		.module = b->started ? &b->module : NULL,
		.cpus = tdxc_linux_coherence_of(0),
		.nr_cpus = nr_cpu_ids,
		.executing = raw_smp_processor_id(),
	};
	struct tdxc_handover_todo todo;
	struct tdxc_handover h;

	if (tdxc_handover_init(&h, &config))
		return 0;
	for (;;) {
		todo = tdxc_handover_next(&h);
		switch (todo.step) {
		case TDXC_HANDOVER_STOP_TDS:
			/* Whoever runs TDs stopped them before. */
			if (tdxc_handover_stopped(&h, 0))
				return h.unflushed;
			break;
		case TDXC_HANDOVER_DISABLE:
			disable(&h);
			break;
		case TDXC_HANDOVER_FLUSH:
			/* What is repeated, and how often, `h` says. */
			(void)!tdxc_handover_flushed(
				&h, smp_call_function_single(
					    (int)todo.cpu, flush_ipi, NULL, 1));
			break;
		default:
			return h.unflushed;
		}
	}
}

static void shut_down(void)
{
	u32 unflushed = tdxc_linux_hand_over(TDXC_HANDOVER_KEXEC);

	if (unflushed)
		pr_warn("tdxcore: %u CPUs did not flush\n", unflushed);
}

TDXC_COMPAT_SYSCORE(tdxc_syscore, shut_down);

int tdxc_linux_power_init(void)
{
	int err = register_memory_notifier(&memory_block);

	if (err)
		return err;
	err = register_pm_notifier(&sleep_block);
	if (err) {
		unregister_memory_notifier(&memory_block);
		return err;
	}
	tdxc_compat_register_syscore(&tdxc_syscore);
	return 0;
}

void tdxc_linux_power_exit(void)
{
	tdxc_compat_unregister_syscore(&tdxc_syscore);
	unregister_pm_notifier(&sleep_block);
	unregister_memory_notifier(&memory_block);
}
