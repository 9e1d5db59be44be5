/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A step that failed, in words. */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>

/* The CPU that a step ran on, where it is one that was chosen. */
static void on_cpu(const struct tdxc_sim_bringup *b, char *text, size_t room)
{
	text[0] = '\0';
	if (b->failed_step == TDXC_MODULE_CPUS ||
	    b->failed_step == TDXC_MODULE_KEYS)
		snprintf(text, room, " on CPU %u", b->failed_cpu);
}

static void explain_status(struct run *run)
{
	const struct tdxc_sim_bringup *b = &run->bringup;
	const char *leaf = tdxc_leaf_name(b->diag.rax);
	struct tdxc_status_info info;
	char calls[40] = "";
	char cpu[24];

	(void)tdxc_status_lookup(b->diag.status, &info);
	on_cpu(b, cpu, sizeof cpu);
	if (b->diag.calls > 1)
		snprintf(calls, sizeof calls, " (%" PRIu64 " calls)",
			 b->diag.calls);
	snprintf(run->reason, sizeof run->reason,
		 "%s%s: SEAMCALL %s: 0x%016" PRIx64 " %s: %s%s",
		 tdxc_module_step_name(b->failed_step), cpu,
		 leaf ? leaf : "without a name", b->diag.status, info.name,
		 info.meaning, calls);
	run->hint = info.hint;
	run->outcome = RUN_REFUSED;
}

/* No status is bad, but what the module said. */
static void explain_answer(struct run *run)
{
	const struct tdxc_sim_bringup *b = &run->bringup;
	const struct tdxc_metadata_fault *fault = &b->metadata_fault;
	const char *step = tdxc_module_step_name(b->failed_step);

	run->outcome = RUN_REFUSED;
	if (b->failed_step == TDXC_MODULE_READ)
		snprintf(run->reason, sizeof run->reason,
			 "%s: field 0x%016" PRIx64 " says 0x%" PRIx64 ": %s",
			 step, fault->field, fault->value,
			 tdxc_err_name(b->err));
	else
		snprintf(run->reason, sizeof run->reason,
			 "%s: the module makes no progress", step);
}

/* The library refuses an empty list of CMRs before it plans anything; that is
 * no bad list here but a machine without convertible memory. */
static bool no_cmrs(const struct run *run)
{
	return run->bringup.failed_step == TDXC_MODULE_READ &&
	       run->bringup.diag.status == 0 && run->platform.nr_cmrs == 0;
}

static void explain_ours(struct run *run, const char *text)
{
	const char *step = tdxc_module_step_name(run->bringup.failed_step);

	snprintf(run->reason, sizeof run->reason, "%s: %s", step, text);
}

void run_explain(struct run *run)
{
	const struct tdxc_sim_bringup *b = &run->bringup;
	bool planning = b->failed_step == TDXC_MODULE_PLAN ||
			b->failed_step == TDXC_MODULE_PLACE;

	run->hint = "";
	if (b->err == TDXC_E_NOMEM) {
		run->outcome = RUN_NO_MEMORY;
		explain_ours(run, "out of memory");
	} else if (planning && b->err == TDXC_E_NOSPC) {
		run->outcome = RUN_INFEASIBLE;
		snprintf(run->reason, sizeof run->reason, "%s",
			 tdxc_plan_fault_text(b->plan_fault.kind));
	} else if (no_cmrs(run)) {
		run->outcome = RUN_INFEASIBLE;
		snprintf(run->reason, sizeof run->reason,
			 "the module reports no convertible memory");
	} else if (b->diag.status != 0) {
		explain_status(run);
	} else if (b->failed_step == TDXC_MODULE_READ ||
		   b->failed_step == TDXC_MODULE_TDMRS) {
		explain_answer(run);
	} else {
		run->outcome = RUN_BROKEN;
		explain_ours(run,
			     planning && b->plan_fault.kind
				     ? tdxc_plan_fault_text(b->plan_fault.kind)
				     : tdxc_err_name(b->err));
	}
}
