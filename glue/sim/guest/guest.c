/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A vCPU and its script. A step does one page of one op inside the guest; what
 * makes it exit is dealt with at once, and the step that follows enters again.
 */
#include "guest.h"

#include <sched.h>

#include "module.h"

enum {
	LEAF_VMCALL = 0,
	LEAF_ACCEPT = 6,
	CALL_HLT = 12,
	CALL_MAP_GPA = 0x10001,
};

#define VMCALL_R10_TO_R13 0x3C00u

uint64_t tdxc_sim_guest_pattern(uint64_t gpa, uint64_t value)
{
	return (gpa >> 3) * 0x9E3779B97F4A7C15ull ^ value;
}

int tdxc_sim_guest_init(struct tdxc_sim_guest *g)
{
	if (!g->machine || !g->script || g->nr_ops > TDXC_SIM_GUEST_MAX_OPS ||
	    g->lp >= g->machine->platform.nr_lps ||
	    !g->host.violation != !g->host.vmcall)
		return TDXC_E_INVAL;
	for (size_t i = 0; i < g->nr_ops; i++) {
		const struct tdxc_sim_guest_op *op = &g->script[i];

		if (op->gpa % 8 != 0 && op->code != TDXC_SIM_GUEST_LOOP)
			return TDXC_E_INVAL;
		if (op->code == TDXC_SIM_GUEST_TDCALL && !g->tdcall)
			return TDXC_E_INVAL;
		if (op->bytes % 8 != 0 ||
		    (op->code == TDXC_SIM_GUEST_LOOP && op->gpa >= i))
			return TDXC_E_INVAL;
	}
	memset(&g->result, 0,
	       sizeof(*g) - offsetof(struct tdxc_sim_guest, result));
	g->epoch = NO_ID;
	tdxc_store_release(&g->kick, 0);
	tdxc_store_release(&g->stop, 0);
	return TDXC_OK;
}

void tdxc_sim_guest_kick(struct tdxc_sim_guest *g)
{
	tdxc_store_release(&g->kick, 1);
}

void tdxc_sim_guest_stop(struct tdxc_sim_guest *g)
{
	tdxc_store_release(&g->stop, 1);
}

/* --- in and out ---------------------------------------------------------- */

static void interrupt(struct tdxc_sim_guest *g)
{
	tdxc_sim_machine_interrupt_exit(g->machine, g->lp, &g->regs);
	g->inside = false;
	g->exit = TDXC_SIM_GUEST_INTERRUPT;
}

static enum tdxc_sim_guest_result
end(struct tdxc_sim_guest *g, enum tdxc_sim_guest_result result, uint64_t where)
{
	if (g->inside)
		interrupt(g);
	g->result = result;
	g->where = where;
	return result;
}

static bool out_of_patience(struct tdxc_sim_guest *g)
{
	return ++g->futile > TDXC_SIM_GUEST_PATIENCE;
}

static void arrive(struct tdxc_sim_guest *g)
{
	g->inside = true;
	g->nr_entries++;
	tdxc_sim_machine_begin_call(g->machine, g->lp);
	tdxc_sim_guest_tlb_enter(g);
	tdxc_sim_machine_end_call(g->machine, g->lp);
}

/* Locks that are held make an entry busy: try again, not for ever. */
static enum tdxc_sim_guest_result enter(struct tdxc_sim_guest *g)
{
	uint64_t status;

	g->regs.gpr[TDXC_SIM_RAX] = 0;
	g->regs.gpr[TDXC_SIM_RCX] = g->tdvpr;
	if (tdxc_sim_machine_seamcall(g->machine, g->lp, &g->regs) ==
	    TDXC_SIM_ENTERED) {
		arrive(g);
		return TDXC_SIM_GUEST_RUNNING;
	}
	status = g->regs.gpr[TDXC_SIM_RAX];
	if (status >> 32 == ST_BUSY && !out_of_patience(g)) {
		(void)sched_yield();
		return TDXC_SIM_GUEST_RUNNING;
	}
	g->status = status;
	return end(g, TDXC_SIM_GUEST_REFUSED, g->tdvpr);
}

static enum tdxc_sim_guest_result take_violation(struct tdxc_sim_guest *g)
{
	g->inside = false;
	g->exit = TDXC_SIM_GUEST_VIOLATION;
	g->nr_violations++;
	if (out_of_patience(g))
		return end(g, TDXC_SIM_GUEST_STUCK, g->regs.gpr[TDXC_SIM_R8]);
	return TDXC_SIM_GUEST_RUNNING;
}

static enum tdxc_sim_guest_result violate(struct tdxc_sim_guest *g,
					  uint64_t gpa, bool write)
{
	tdxc_sim_machine_begin_call(g->machine, g->lp);
	tdxc_sim_violation_exit(&g->machine->module, g->lp, gpa, write,
				&g->regs);
	tdxc_sim_machine_end_call(g->machine, g->lp);
	return take_violation(g);
}

/* R10..R13 to the host; what it answers in them is back after the entry. */
static enum tdxc_sim_guest_result
vmcall(struct tdxc_sim_guest *g, uint64_t number, uint64_t r12, uint64_t r13)
{
	memset(&g->regs, 0, sizeof(g->regs));
	g->regs.gpr[TDXC_SIM_RAX] = LEAF_VMCALL;
	g->regs.gpr[TDXC_SIM_RCX] = VMCALL_R10_TO_R13;
	g->regs.gpr[TDXC_SIM_R11] = number;
	g->regs.gpr[TDXC_SIM_R12] = r12;
	g->regs.gpr[TDXC_SIM_R13] = r13;
	(void)tdxc_sim_machine_tdcall(g->machine, g->lp, &g->regs);
	g->inside = false;
	g->exit = TDXC_SIM_GUEST_VMCALL;
	g->calling = true;
	g->nr_vmcalls++;
	return TDXC_SIM_GUEST_RUNNING;
}

/* --- ops ----------------------------------------------------------------- */

static const struct tdxc_sim_guest_op *op_of(const struct tdxc_sim_guest *g)
{
	return &g->script[g->at];
}

static enum tdxc_sim_guest_result next(struct tdxc_sim_guest *g)
{
	g->at++;
	g->offset = 0;
	g->futile = 0;
	return TDXC_SIM_GUEST_RUNNING;
}

/* So much of the op is done. */
static enum tdxc_sim_guest_result advance(struct tdxc_sim_guest *g,
					  uint64_t bytes)
{
	g->offset += bytes;
	g->futile = 0;
	return g->offset >= op_of(g)->bytes ? next(g) : TDXC_SIM_GUEST_RUNNING;
}

/* Inside still: *status is what the guest was told, or BUSY and worth another
 * try. */
static enum tdxc_sim_guest_result accept_at(struct tdxc_sim_guest *g,
					    uint64_t gpa, uint64_t level,
					    uint64_t *status)
{
	memset(&g->regs, 0, sizeof(g->regs));
	g->regs.gpr[TDXC_SIM_RAX] = LEAF_ACCEPT;
	g->regs.gpr[TDXC_SIM_RCX] =
		(gpa & ~(tdxc_sim_level_bytes((uint8_t)level) - 1)) | level;
	*status = 0;
	if (tdxc_sim_machine_tdcall(g->machine, g->lp, &g->regs) ==
	    TDXC_SIM_EXITED)
		return take_violation(g);
	*status = g->regs.gpr[TDXC_SIM_RAX];
	if (*status >> 32 == ST_BUSY && !out_of_patience(g)) {
		(void)sched_yield();
		return TDXC_SIM_GUEST_RUNNING;
	}
	if (*status == 0 || *status >> 32 == ST_ALREADY_ACCEPTED ||
	    *status >> 32 == ST_PAGE_SIZE_MISMATCH)
		return TDXC_SIM_GUEST_RUNNING;
	g->status = *status;
	return end(g, TDXC_SIM_GUEST_REFUSED, gpa);
}

/* Large first, as guests do: a pending 2M page cannot be accepted in parts. */
static enum tdxc_sim_guest_result take_ve(struct tdxc_sim_guest *g,
					  uint64_t gpa)
{
	enum tdxc_sim_guest_result result;
	uint64_t status;

	g->nr_ve++;
	if (!g->accept)
		return end(g, TDXC_SIM_GUEST_VE, gpa);
	result = accept_at(g, gpa, 1, &status);
	if (result == TDXC_SIM_GUEST_RUNNING && g->inside &&
	    status >> 32 == ST_PAGE_SIZE_MISMATCH)
		result = accept_at(g, gpa, 0, &status);
	return result;
}

static enum tdxc_sim_guest_result do_accept(struct tdxc_sim_guest *g,
					    uint64_t level)
{
	uint64_t gpa = op_of(g)->gpa + g->offset;
	uint64_t status;
	enum tdxc_sim_guest_result result = accept_at(g, gpa, level, &status);

	if (result != TDXC_SIM_GUEST_RUNNING || !g->inside ||
	    status >> 32 == ST_BUSY)
		return result;
	if (status >> 32 == ST_PAGE_SIZE_MISMATCH) {
		g->status = status;
		return end(g, TDXC_SIM_GUEST_REFUSED, gpa);
	}
	return advance(g, tdxc_sim_level_bytes((uint8_t)level));
}

/* The words of one op that lie in the page at pa; where it went wrong, or
 * NO_ID. */
static uint64_t access_words(struct tdxc_sim_guest *g, uint64_t gpa,
			     uint64_t pa, uint64_t bytes)
{
	const struct tdxc_sim_guest_op *op = op_of(g);

	for (uint64_t i = 0; i < bytes; i += 8) {
		uint64_t want = tdxc_sim_guest_pattern(
			(gpa + i) & ~g->shared_bit, op->value);

		if (op->code == TDXC_SIM_GUEST_WRITE)
			tdxc_sim_guest_store(g->machine, g->lp, pa + i, want);
		else if (tdxc_sim_guest_load(g->machine, g->lp, pa + i) !=
				 want &&
			 op->code == TDXC_SIM_GUEST_VERIFY)
			return gpa + i;
	}
	return NO_ID;
}

static enum tdxc_sim_guest_result do_access(struct tdxc_sim_guest *g)
{
	const struct tdxc_sim_guest_op *op = op_of(g);
	uint64_t gpa = op->gpa + g->offset;
	uint64_t bytes = PAGE_BYTES - gpa % PAGE_BYTES;
	uint64_t wrong;
	uint64_t pa;

	if (bytes > op->bytes - g->offset)
		bytes = op->bytes - g->offset;
	switch (tdxc_sim_guest_translate(
		g, gpa, op->code == TDXC_SIM_GUEST_WRITE, &pa)) {
	case TDXC_SIM_GUEST_MAPPED:
		break;
	case TDXC_SIM_GUEST_PENDING:
		return take_ve(g, gpa);
	case TDXC_SIM_GUEST_ABSENT:
		return violate(g, gpa, op->code == TDXC_SIM_GUEST_WRITE);
	case TDXC_SIM_GUEST_OUTLIVED:
		return end(g, TDXC_SIM_GUEST_STALE, gpa);
	}
	wrong = access_words(g, gpa, pa, bytes);
	if (wrong != NO_ID)
		return end(g, TDXC_SIM_GUEST_WRONG, wrong);
	if (op->code == TDXC_SIM_GUEST_VERIFY)
		g->bytes_verified += bytes;
	return advance(g, bytes);
}

static enum tdxc_sim_guest_result do_map_gpa(struct tdxc_sim_guest *g,
					     uint64_t bit)
{
	const struct tdxc_sim_guest_op *op = op_of(g);
	uint64_t gpa = (op->gpa + g->offset) & ~g->shared_bit;

	return vmcall(g, CALL_MAP_GPA, gpa | bit, op->bytes - g->offset);
}

/* The host may do a part, and say with R10 = 1 where to go on. */
static enum tdxc_sim_guest_result map_gpa_answered(struct tdxc_sim_guest *g)
{
	uint64_t gpa = (op_of(g)->gpa + g->offset) & ~g->shared_bit;
	uint64_t answer = g->regs.gpr[TDXC_SIM_R10];
	uint64_t reached = g->regs.gpr[TDXC_SIM_R11] & ~g->shared_bit;

	if (answer == 0)
		return next(g);
	if (answer == 1 && reached >= gpa && !out_of_patience(g)) {
		g->offset += reached - gpa;
		return TDXC_SIM_GUEST_RUNNING;
	}
	g->status = answer;
	return end(g, TDXC_SIM_GUEST_REFUSED, gpa);
}

static enum tdxc_sim_guest_result do_spin(struct tdxc_sim_guest *g)
{
	/* some rounds a step, so that a kick is heard */
	for (uint32_t i = 0; i < 64 && g->offset < op_of(g)->value; i++) {
		g->offset++;
		tdxc_relax();
	}
	return g->offset >= op_of(g)->value ? next(g) : TDXC_SIM_GUEST_RUNNING;
}

static enum tdxc_sim_guest_result do_loop(struct tdxc_sim_guest *g)
{
	const struct tdxc_sim_guest_op *op = op_of(g);

	if (op->value != 0 && ++g->loops[g->at] > op->value) {
		g->loops[g->at] = 0;
		return next(g);
	}
	g->at = (size_t)op->gpa;
	g->offset = 0;
	return TDXC_SIM_GUEST_RUNNING;
}

/* A violation repeats the instruction; VP.VMCALL ends with the next entry. */
static enum tdxc_sim_guest_result do_tdcall(struct tdxc_sim_guest *g)
{
	g->regs = *g->tdcall;
	if (tdxc_sim_machine_tdcall(g->machine, g->lp, &g->regs) ==
	    TDXC_SIM_RETURNED) {
		*g->tdcall = g->regs;
		return next(g);
	}
	if (g->tdcall->gpr[TDXC_SIM_RAX] != LEAF_VMCALL)
		return take_violation(g);
	g->inside = false;
	g->exit = TDXC_SIM_GUEST_VMCALL;
	g->calling = true;
	g->nr_vmcalls++;
	return TDXC_SIM_GUEST_RUNNING;
}

/* Back from VP.VMCALL. */
static enum tdxc_sim_guest_result answered(struct tdxc_sim_guest *g)
{
	g->calling = false;
	switch (op_of(g)->code) {
	case TDXC_SIM_GUEST_TDCALL:
		*g->tdcall = g->regs;
		return next(g);
	case TDXC_SIM_GUEST_HLT:
		return next(g);
	default:
		return map_gpa_answered(g);
	}
}

static enum tdxc_sim_guest_result do_op(struct tdxc_sim_guest *g)
{
	switch (op_of(g)->code) {
	case TDXC_SIM_GUEST_READ:
	case TDXC_SIM_GUEST_WRITE:
	case TDXC_SIM_GUEST_VERIFY:
		return do_access(g);
	case TDXC_SIM_GUEST_ACCEPT_4K:
		return do_accept(g, 0);
	case TDXC_SIM_GUEST_ACCEPT_2M:
		return do_accept(g, 1);
	case TDXC_SIM_GUEST_SHARE:
		return do_map_gpa(g, g->shared_bit);
	case TDXC_SIM_GUEST_UNSHARE:
		return do_map_gpa(g, 0);
	case TDXC_SIM_GUEST_SPIN:
		return do_spin(g);
	case TDXC_SIM_GUEST_LOOP:
		return do_loop(g);
	case TDXC_SIM_GUEST_HLT:
		return vmcall(g, CALL_HLT, 0, 0);
	case TDXC_SIM_GUEST_TDCALL:
		return do_tdcall(g);
	case TDXC_SIM_GUEST_EXIT:
		break;
	}
	return end(g, TDXC_SIM_GUEST_DONE, 0);
}

static bool ended(const struct tdxc_sim_guest *g)
{
	return tdxc_load_acquire(&g->stop) != 0 || g->at >= g->nr_ops;
}

static enum tdxc_sim_guest_result step_inside(struct tdxc_sim_guest *g)
{
	if (g->calling)
		return answered(g);
	if (tdxc_xchg(&g->kick, 0) == 0)
		return do_op(g);
	interrupt(g);
	g->nr_interrupts++;
	return TDXC_SIM_GUEST_RUNNING;
}

void tdxc_sim_guest_inside(struct tdxc_sim_guest *g, struct tdxc_sim_regs *regs)
{
	g->regs = *regs;
	arrive(g);
	while (g->inside) {
		if (ended(g))
			(void)end(g, TDXC_SIM_GUEST_DONE, 0);
		else
			(void)step_inside(g);
	}
	*regs = g->regs;
}

/* Whether its host wants it to go on. */
static bool tell_host(struct tdxc_sim_guest *g)
{
	const struct tdxc_sim_guest_host *host = &g->host;

	switch (g->exit) {
	case TDXC_SIM_GUEST_VIOLATION:
		return host->violation &&
		       host->violation(host->ctx, g, g->regs.gpr[TDXC_SIM_R8],
				       g->regs.gpr[TDXC_SIM_RCX],
				       g->regs.gpr[TDXC_SIM_RDX]);
	case TDXC_SIM_GUEST_VMCALL:
		return host->vmcall && host->vmcall(host->ctx, g, &g->regs);
	case TDXC_SIM_GUEST_INTERRUPT:
		return !host->interrupt || host->interrupt(host->ctx, g);
	case TDXC_SIM_GUEST_NO_EXIT:
		break;
	}
	return true;
}

static uint64_t subject(const struct tdxc_sim_guest *g)
{
	switch (g->exit) {
	case TDXC_SIM_GUEST_VIOLATION:
		return g->regs.gpr[TDXC_SIM_R8];
	case TDXC_SIM_GUEST_VMCALL:
		return g->regs.gpr[TDXC_SIM_R12];
	default:
		return 0;
	}
}

enum tdxc_sim_guest_result tdxc_sim_guest_step(struct tdxc_sim_guest *g)
{
	enum tdxc_sim_guest_result result;
	uint64_t where;

	if (ended(g))
		return end(g, TDXC_SIM_GUEST_DONE, 0);
	if (!g->inside)
		return enter(g);
	result = step_inside(g);
	if (result != TDXC_SIM_GUEST_RUNNING || g->inside)
		return result;
	where = subject(g);
	return tell_host(g) ? TDXC_SIM_GUEST_RUNNING
			    : end(g, TDXC_SIM_GUEST_STUCK, where);
}

enum tdxc_sim_guest_result tdxc_sim_guest_run(struct tdxc_sim_guest *g)
{
	enum tdxc_sim_guest_result result;

	do {
		result = tdxc_sim_guest_step(g);
	} while (result == TDXC_SIM_GUEST_RUNNING);
	return result;
}
