/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * vCPUs: made, entered, flushed from their CPU.
 *
 * A vCPU is marked as associated before the call that associates it, because
 * VP.ENTER may fail after that; a VP.FLUSH too many does no harm.
 */
#include "td_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

/* tdx-module-abi.md 2.3 */
#define STATUS_VCPU_NOT_ASSOCIATED 0x8000070200000000ull

#define CODE_CROSS_TD_FAULT	   0x80000008u
#define CODE_CROSS_TD_TRAP	   0x90000009u
#define CODE_BUSY_TIMEOUT	   0x90000205u
#define CODE_TD_FATAL		   0xE0000604u
#define CODE_VCPU_ASSOCIATED	   0x80000701u

static struct tdxc_td_vcpu *vcpu_of(const struct tdxc_td *td, uint32_t vcpu)
{
	return vcpu < td->config.sept->config.nr_vcpus ? &td->config.vcpus[vcpu]
						       : NULL;
}

/* --- made ----------------------------------------------------------------- */

static int add_page(struct tdxc_td *td, struct tdxc_td_vcpu *v,
		    struct tdxc_td_loan *loan, struct tdxc_seamcall_diag *diag)
{
	int err = tdxc_td_lend_(td, loan, diag);

	if (err == TDXC_OK)
		v->pages[v->nr_pages++] = loan->pa;
	return err;
}

static int add_pages(struct tdxc_td *td, struct tdxc_td_vcpu *v,
		     struct tdxc_seamcall_diag *diag)
{
	uint32_t wanted = tdxc_td_pages_(&td->config).tdvps;
	struct tdxc_td_loan loan = {
		.rax = TDXC_VP_CREATE,
		.rdx = td->tdr,
		.keyid = td->keyid,
	};
	int err = TDXC_OK;

	if (wanted > TDXC_TD_MAX_TDVPS)
		return TDXC_E_INVAL;
	if (v->state == TDXC_VCPU_NONE) {
		err = add_page(td, v, &loan, diag);
		if (err == TDXC_OK)
			v->state = TDXC_VCPU_CREATED;
	}
	loan.rax = TDXC_VP_ADDCX;
	loan.rdx = v->pages[0];
	while (err == TDXC_OK && v->nr_pages < wanted)
		err = add_page(td, v, &loan, diag);
	return err;
}

static int init(struct tdxc_td *td, uint32_t vcpu, uint64_t rcx,
		struct tdxc_seamcall_diag *diag)
{
	const uint32_t *ids = td->config.x2apic_ids;
	struct tdxc_seamcall_regs regs = {
		.rcx = td->config.vcpus[vcpu].pages[0],
		.rdx = rcx,
		.r8 = ids != NULL ? ids[vcpu] : 0,
	};

	return tdxc_td_call_(td, TDXC_LEAF_V(TDXC_VP_INIT, ids != NULL), &regs,
			     TDXC_SEAMCALL_IN, diag);
}

int tdxc_td_vcpu_create(struct tdxc_td *td, uint32_t vcpu, uint32_t cpu,
			uint64_t rcx, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_td_vcpu *v = vcpu_of(td, vcpu);
	int err;

	if (!tdxc_td_is_alone_at_(td, TDXC_TD_BUILD) || v == NULL ||
	    cpu >= td->config.module->config.nr_cpus ||
	    (v->state != TDXC_VCPU_NONE && v->state != TDXC_VCPU_CREATED))
		return TDXC_E_INVAL;
	err = add_pages(td, v, diag);
	if (err == TDXC_OK)
		err = init(td, vcpu, rcx, diag);
	if (err != TDXC_OK)
		return err;
	v->state = TDXC_VCPU_READY;
	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);
	td->nr_vcpus++;
	return TDXC_OK;
}

/* --- entered -------------------------------------------------------------- */

static int may_enter(const struct tdxc_td *td, const struct tdxc_td_vcpu *v,
		     uint32_t cpu, struct tdxc_td_exit *exit)
{
	uint64_t where;

	if (v == NULL || cpu >= td->config.module->config.nr_cpus ||
	    tdxc_td_step_(td) != TDXC_TD_RUN)
		return TDXC_E_INVAL;
	if (tdxc_load_acquire(&td->fatal) != 0) {
		exit->kind = TDXC_EXIT_TD_DEAD;
		return TDXC_E_IO;
	}
	if (v->state == TDXC_VCPU_DEAD) {
		exit->kind = TDXC_EXIT_VCPU_DEAD;
		return TDXC_E_IO;
	}
	if (v->state != TDXC_VCPU_READY)
		return TDXC_E_INVAL;
	where = tdxc_load_acquire(&v->cpu);
	return where == 0 || where == (uint64_t)cpu + 1 ? TDXC_OK : TDXC_E_BUSY;
}

/* What a status means that is neither an exit nor the death of something. */
static int not_in(struct tdxc_td *td, uint64_t status,
		  struct tdxc_td_exit *exit)
{
	switch ((uint32_t)(status >> 32)) {
	case CODE_CROSS_TD_FAULT:
	case CODE_CROSS_TD_TRAP:
	case CODE_BUSY_TIMEOUT:
		return TDXC_E_AGAIN;
	case CODE_VCPU_ASSOCIATED:
		return TDXC_E_BUSY;
	case CODE_TD_FATAL:
		tdxc_td_set_fatal_(td, status);
		exit->kind = TDXC_EXIT_TD_DEAD;
		return TDXC_E_IO;
	default:
		return tdxc_again(status) != TDXC_AGAIN_NO
			       ? TDXC_E_AGAIN
			       : tdxc_seamcall_err(status);
	}
}

static int came_out(struct tdxc_td *td, struct tdxc_td_vcpu *v,
		    const struct tdxc_seamcall_full *regs,
		    struct tdxc_td_exit *exit)
{
	tdxc_td_decode_exit_(regs, td->config.alias, exit);
	if (exit->kind == TDXC_EXIT_NONE)
		return not_in(td, exit->status, exit);
	if (exit->kind == TDXC_EXIT_VCPU_DEAD)
		v->state = TDXC_VCPU_DEAD;
	if (exit->kind == TDXC_EXIT_TD_DEAD)
		tdxc_td_set_fatal_(td, exit->status);
	return TDXC_OK;
}

/* Inside the gate: whoever ends the TD sees this vCPU, or it sees that. */
static int enter(struct tdxc_td *td, struct tdxc_td_vcpu *v, uint32_t cpu,
		 struct tdxc_seamcall_full *regs, struct tdxc_td_exit *exit)
{
	const struct tdxc_seamcall_port *port = td->config.sept->config.port;
	uint64_t before = tdxc_load_acquire(&v->cpu);
	int err;

	if (tdxc_td_step_(td) != TDXC_TD_RUN)
		return TDXC_E_INVAL;
	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);
	regs->common.rcx = v->pages[0];
	exit->status = port->ops->call(port->ctx, TDXC_VP_ENTER, &regs->common,
				       TDXC_SEAMCALL_FULL);
	err = came_out(td, v, regs, exit);
	if (err == TDXC_E_BUSY)
		tdxc_store_release(&v->cpu, before);
	return err;
}

int tdxc_td_enter(struct tdxc_td *td, uint32_t vcpu, uint32_t cpu,
		  struct tdxc_seamcall_full *regs, struct tdxc_td_exit *exit)
{
	struct tdxc_td_vcpu *v = vcpu_of(td, vcpu);
	int err;

	memset(exit, 0, sizeof(*exit));
	err = may_enter(td, v, cpu, exit);
	if (err != TDXC_OK)
		return err;
	err = tdxc_sept_enter_begin(td->config.sept, vcpu);
	if (err != TDXC_OK)
		return err;
	err = enter(td, v, cpu, regs, exit);
	tdxc_sept_enter_end(td->config.sept, vcpu);
	return err;
}

/* --- flushed -------------------------------------------------------------- */

static int flush(struct tdxc_td *td, struct tdxc_td_vcpu *v,
		 struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = v->pages[0]};
	int err =
		tdxc_td_call_(td, TDXC_VP_FLUSH, &regs, TDXC_SEAMCALL_IN, diag);

	if (tdxc_status_code(diag->status) == STATUS_VCPU_NOT_ASSOCIATED)
		return TDXC_OK;
	return err;
}

/*
 * Of CPUs that flush at the same time the last one sees all marks cleared: each
 * clears its own with a full barrier. A vCPU that was let in before the step
 * forbade it may not have marked itself yet: as long as one is inside the step
 * stays, and tdxc_td_close() looks again.
 */
static void flushed(struct tdxc_td *td, struct tdxc_td_vcpu *v)
{
	uint64_t vcpus = TDXC_TD_VCPUS;

	(void)tdxc_xchg(&v->cpu, 0);
	/* Changes nothing, but orders the step before the looks. */
	if (!tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_VCPUS))
		return;
	if (tdxc_td_is_empty_(td) &&
	    tdxc_td_first_associated_(td) == td->config.sept->config.nr_vcpus)
		(void)tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_CLOSE);
}

int tdxc_td_vcpu_flush(struct tdxc_td *td, uint32_t vcpu, uint32_t cpu,
		       struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_config *sept = &td->config.sept->config;
	struct tdxc_td_vcpu *v = vcpu_of(td, vcpu);
	enum tdxc_td_step step = tdxc_td_step_(td);
	uint64_t where;
	int err;

	if (v == NULL || (step != TDXC_TD_BUILD && step != TDXC_TD_RUN &&
			  step != TDXC_TD_VCPUS))
		return TDXC_E_INVAL;
	where = tdxc_load_acquire(&v->cpu);
	if (where == 0)
		return TDXC_OK;
	if (where != (uint64_t)cpu + 1)
		return TDXC_E_INVAL;
	if ((tdxc_load_acquire(&sept->vcpus[vcpu].sequence) & 1) != 0)
		return TDXC_E_BUSY;
	err = flush(td, v, diag);
	if (err == TDXC_OK)
		flushed(td, v);
	return err;
}
