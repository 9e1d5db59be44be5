/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The order at the end of a kernel's life: last guest, last SEAMCALL, flush,
 * hand-over. Each CPU's flush comes after the last SEAMCALL on that CPU, the
 * one that disables the module among them.
 */
#include <tdxcore/err.h>
#include <tdxcore/handover.h>
#include <tdxcore/version.h>

static bool is_crash(const struct tdxc_handover *h)
{
	return h->config.kind == TDXC_HANDOVER_CRASH;
}

static void enter(struct tdxc_handover *h, enum tdxc_handover_step step)
{
	h->step = step;
	h->tries = 0;
}

/* Whether this host disables modules, on this platform. */
static bool disables(const struct tdxc_handover *h)
{
	return h->config.module != NULL &&
	       tdxc_coherence_row_of(h->config.coherence,
				     TDXC_COHERENCE_CALLED) ==
		       TDXC_COHERENCE_TDX_DISABLES;
}

static void enter_disable(struct tdxc_handover *h)
{
	enter(h, disables(h) ? TDXC_HANDOVER_DISABLE : TDXC_HANDOVER_FLUSH);
}

int tdxc_handover_init(struct tdxc_handover *h,
		       const struct tdxc_handover_config *config)
{
	if (config->abi != TDXC_ABI || config->kind >= TDXC_HANDOVER_KINDS ||
	    config->coherence == NULL || config->cpus == NULL ||
	    config->executing >= config->nr_cpus)
		return TDXC_E_INVAL;
	memset(h, 0, sizeof(*h));
	h->config = *config;
	if (h->config.limit == 0)
		h->config.limit = TDXC_HANDOVER_LIMIT;
	h->state = config->module != NULL ? TDXC_COHERENCE_CALLED
					  : TDXC_COHERENCE_NEVER_CALLED;
	h->disabled = TDXC_DISABLE_NOT_TRIED;
	/* In a crash the other CPUs were stopped, and no guest runs here. */
	if (config->module != NULL && !is_crash(h))
		enter(h, TDXC_HANDOVER_STOP_TDS);
	else
		enter_disable(h);
	return TDXC_OK;
}

/* Whether that was the last try of this step. */
static bool is_last_try(struct tdxc_handover *h)
{
	h->tries++;
	return is_crash(h) || h->tries >= h->config.limit;
}

int tdxc_handover_stopped(struct tdxc_handover *h, uint32_t running)
{
	if (h->step != TDXC_HANDOVER_STOP_TDS)
		return TDXC_E_INVAL;
	h->running = running;
	if (running != 0) {
		if (!is_last_try(h))
			return TDXC_E_AGAIN;
		if (h->config.kind != TDXC_HANDOVER_REBOOT) {
			enter(h, TDXC_HANDOVER_BLOCKED);
			return TDXC_E_BUSY;
		}
	}
	enter_disable(h);
	return TDXC_OK;
}

/* A module that was not configured has no memory to give back. */
static void judge_disable(struct tdxc_handover *h)
{
	bool clean = h->disabled == TDXC_DISABLE_DONE ||
		     !h->config.module->configured;

	h->state =
		clean ? TDXC_COHERENCE_DISABLED : TDXC_COHERENCE_NOT_DISABLED;
	h->tell = h->disabled != TDXC_DISABLE_DONE &&
		  h->disabled != TDXC_DISABLE_NO_MODULE;
	h->degraded = tdxc_coherence_row_of(h->config.coherence, h->state) ==
		      TDXC_COHERENCE_TDX_DEGRADED;
}

int tdxc_handover_disable(struct tdxc_handover *h,
			  struct tdxc_coherence_cpu *cpu,
			  struct tdxc_seamcall_diag *diag)
{
	int err;

	if (h->step != TDXC_HANDOVER_DISABLE)
		return TDXC_E_INVAL;
	tdxc_coherence_begin(cpu, TDXC_COHERENCE_BY_SEAMCALL);
	err = tdxc_module_disable(h->config.module, &h->disabled, diag);
	tdxc_coherence_end(cpu);
	if (err != TDXC_OK && !is_last_try(h))
		return TDXC_E_AGAIN;
	judge_disable(h);
	enter(h, TDXC_HANDOVER_FLUSH);
	return TDXC_OK;
}

/* --- flushing ------------------------------------------------------------- */

/* A crash reaches no other CPU. Otherwise the one that hands over comes last:
 * its lines are the last to be dirtied. */
static uint32_t nr_to_flush(const struct tdxc_handover *h)
{
	return is_crash(h) ? 1 : h->config.nr_cpus;
}

static uint32_t cpu_at(const struct tdxc_handover *h, uint32_t at)
{
	if (at + 1 == nr_to_flush(h))
		return h->config.executing;
	return at < h->config.executing ? at : at + 1;
}

static enum tdxc_coherence_site site_of(const struct tdxc_handover *h,
					uint32_t cpu)
{
	switch (h->config.kind) {
	case TDXC_HANDOVER_CRASH:
		return TDXC_COHERENCE_CRASH_EXECUTING;
	case TDXC_HANDOVER_KEXEC:
		return cpu == h->config.executing
			       ? TDXC_COHERENCE_KEXEC_EXECUTING
			       : TDXC_COHERENCE_KEXEC_REMOTE;
	default:
		return TDXC_COHERENCE_REBOOT;
	}
}

static enum tdxc_coherence_action action_for(const struct tdxc_handover *h,
					     uint32_t cpu)
{
	struct tdxc_coherence_answer answer;
	uint32_t reasons = tdxc_coherence_reasons(&h->config.cpus[cpu]);

	if (tdxc_coherence_decide(h->config.coherence, site_of(h, cpu),
				  h->state, reasons, &answer) != TDXC_OK)
		return TDXC_COHERENCE_DO_NOTHING;
	return answer.action;
}

static bool is_flush(enum tdxc_coherence_action action)
{
	return action == TDXC_COHERENCE_DO_WBINVD ||
	       action == TDXC_COHERENCE_DO_WBNOINVD;
}

static void next_cpu(struct tdxc_handover *h)
{
	h->at++;
	h->tries = 0;
}

struct tdxc_handover_todo tdxc_handover_next(struct tdxc_handover *h)
{
	struct tdxc_handover_todo todo = {h->step, h->config.executing,
					  TDXC_COHERENCE_DO_NOTHING};

	if (h->step != TDXC_HANDOVER_FLUSH)
		return todo;
	for (; h->at < nr_to_flush(h); next_cpu(h)) {
		todo.cpu = cpu_at(h, h->at);
		todo.action = action_for(h, todo.cpu);
		if (is_flush(todo.action))
			return todo;
	}
	enter(h, TDXC_HANDOVER_GO);
	todo.step = h->step;
	todo.cpu = h->config.executing;
	todo.action = TDXC_COHERENCE_DO_NOTHING;
	return todo;
}

int tdxc_handover_flushed(struct tdxc_handover *h, int err)
{
	const struct tdxc_coherence_cpu *cpu;

	if (h->step != TDXC_HANDOVER_FLUSH || h->at >= nr_to_flush(h))
		return TDXC_E_INVAL;
	cpu = &h->config.cpus[cpu_at(h, h->at)];
	if (err != TDXC_OK ||
	    (tdxc_coherence_reasons(cpu) & TDXC_COHERENCE_ACTS) != 0) {
		if (!is_last_try(h))
			return TDXC_E_AGAIN;
		h->unflushed++;
	}
	next_cpu(h);
	return TDXC_OK;
}

const char *tdxc_handover_step_name(enum tdxc_handover_step step)
{
	static const char names[][12] = {"stop-tds", "disable", "flush", "go",
					 "blocked"};

	return (size_t)step < sizeof(names) / sizeof(names[0]) ? names[step]
							       : "?";
}
