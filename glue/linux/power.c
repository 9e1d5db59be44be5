// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Sleep, and the end of the kernel. */
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/suspend.h>

#include "bringup.h"
#include "compat.h"
#include "power.h"
#include "tdxc_linux.h"

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

static int flush_on(u32 cpu)
{
	/* In a panic interrupts are off. */
	if (cpu == raw_smp_processor_id()) {
		tdxc_linux_wbinvd();
		return 0;
	}
	return smp_call_function_single((int)cpu, flush_ipi, NULL, 1);
}

static void disable(struct tdxc_handover *h)
{
	struct tdxc_seamcall_diag diag;

	preempt_disable();
	while (tdxc_handover_disable(h, tdxc_linux_coherence_this(), &diag) ==
	       TDXC_E_AGAIN)
		cpu_relax();
	preempt_enable();
	if (h->config.module)
		pr_info("tdxcore: the end: last SEAMCALL, SYS.DISABLE on CPU "
			"%u: 0x%llx\n",
			h->config.executing, diag.status);
}

static void flush(struct tdxc_handover *h, u32 cpu)
{
	int err = flush_on(cpu);

	/* What is repeated, and how often, `h` says. */
	if (!tdxc_handover_flushed(h, err) && !err)
		pr_info("tdxcore: the end: flush on CPU %u\n", cpu);
}

static const char *const kinds[] = {
	[TDXC_HANDOVER_REBOOT] = "reboot",
	[TDXC_HANDOVER_KEXEC] = "kexec",
	[TDXC_HANDOVER_CRASH] = "crash",
};

static u32 over(const struct tdxc_handover *h)
{
	if (h->config.module)
		pr_info("tdxcore: the end: hand-over (%s), %u CPUs did not "
			"flush%s\n",
			kinds[h->config.kind], h->unflushed,
			h->degraded ? ", memory may be poisoned" : "");
	return h->unflushed;
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
			flush(&h, todo.cpu);
			break;
		default:
			return over(&h);
		}
	}
}

/* Memory is kept in a kexec only. Until it is known otherwise it is one. */
static enum tdxc_handover_kind ending = TDXC_HANDOVER_KEXEC;
static bool ended;

/* Where a kexec leaves the syscore out, this is the last that a module hears
 * of. */
static int reboot_event(struct notifier_block *block, unsigned long action,
			void *command)
{
	bool kexec = action == SYS_RESTART && command &&
		     !strcmp(command, "kexec reboot");

	ending = kexec ? TDXC_HANDOVER_KEXEC : TDXC_HANDOVER_REBOOT;
	if (kexec && !TDXC_COMPAT_KEXEC_HAS_SYSCORE) {
		/* Who executes stays the same CPU. */
		migrate_disable();
		(void)tdxc_linux_hand_over(ending);
		migrate_enable();
		ended = true;
	}
	return NOTIFY_OK;
}

/* After all others': KVM's stops its guests. */
static struct notifier_block reboot_block = {
	.notifier_call = reboot_event,
	.priority = INT_MIN,
};

static void shut_down(void)
{
	if (!ended)
		(void)tdxc_linux_hand_over(ending);
}

TDXC_COMPAT_SYSCORE(tdxc_syscore, shut_down);

/* A crash kernel that is loaded is entered before this, unless the kernel was
 * told crash_kexec_post_notifiers. */
static int panic_event(struct notifier_block *block, unsigned long action,
		       void *message)
{
	(void)tdxc_linux_hand_over(TDXC_HANDOVER_CRASH);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {.notifier_call = panic_event};

int tdxc_linux_power_init(void)
{
	int err = register_pm_notifier(&sleep_block);

	if (err)
		return err;
	err = register_reboot_notifier(&reboot_block);
	if (err) {
		unregister_pm_notifier(&sleep_block);
		return err;
	}
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	tdxc_compat_register_syscore(&tdxc_syscore);
	return 0;
}

void tdxc_linux_power_exit(void)
{
	tdxc_compat_unregister_syscore(&tdxc_syscore);
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	unregister_reboot_notifier(&reboot_block);
	unregister_pm_notifier(&sleep_block);
}
