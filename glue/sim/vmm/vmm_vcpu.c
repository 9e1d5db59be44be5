/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * vCPUs: enter, see why it came out, make that good, and enter again, once.
 * Nothing of the MMU's is held while a vCPU is inside, and who needs it out
 * kicks it.
 */
#include <sched.h>
#include <string.h>

#include "vmm_impl.h"

#define CALL_HLT 12u

struct run {
	struct tdxc_sim_vmm *vm;
	struct tdxc_sim_vmm_vcpu *v;
	struct tdxc_seamcall_full regs;
	struct tdxc_td_exit exit;
};

/* --- the direct root ----------------------------------------------------- */

static void put_direct(struct tdxc_sim_vmm_vcpu *v)
{
	while (v->direct &&
	       tdxc_root_put(&v->vm->mmu, v->direct) == TDXC_E_AGAIN)
		;
	v->direct = NULL;
}

/* A root that is valid; it may become invalid the next moment. */
static int load_direct(struct tdxc_sim_vmm_vcpu *v)
{
	struct tdxc_sim_vmm *vm = v->vm;
	int err;

	if (v->direct && tdxc_root_matches(v->direct, TDXC_ROOTS_DIRECT))
		return TDXC_OK;
	put_direct(v);
	err = vmm_topup(vm, TDXC_MEMORY_SHARED);
	if (err != TDXC_OK)
		return err;
	vmm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_root_get(&vm->mmu, TDXC_ROOTS_DIRECT, &v->direct);
	vmm_unlock(vm);
	if (err != TDXC_OK)
		v->direct = NULL;
	else
		v->guest.shared_root = v->direct->tree.pa;
	return err == TDXC_E_NOSPC ? TDXC_E_AGAIN : err;
}

/* --- entering ------------------------------------------------------------ */

static uint32_t associated(const struct tdxc_sim_vmm_vcpu *v)
{
	return (uint32_t)tdxc_load_acquire(&v->vm->td_vcpus[v->index].cpu);
}

/* VP.FLUSH where it is, then stand on another processor. */
static int move(struct tdxc_sim_vmm_vcpu *v, uint32_t to)
{
	struct tdxc_sim_vmm *vm = v->vm;
	struct tdxc_sim_host *host = vm->host;
	uint32_t at = associated(v);
	struct tdxc_seamcall_diag diag;
	uint32_t tries = 0;
	int err = TDXC_OK;

	tdxc_sim_host_drop_lp(host);
	if (at != 0) {
		tdxc_sim_host_take_this_lp(host, at - 1);
		do {
			err = tdxc_td_vcpu_flush(&vm->td, v->index, at - 1,
						 &diag);
		} while (err == TDXC_E_BUSY && tries++ < 1000);
		tdxc_sim_host_drop_lp(host);
		vmm_count(&vm->counts.migrations, 1);
	}
	if (to != 0)
		tdxc_sim_host_take_this_lp(host, to - 1);
	else
		(void)tdxc_sim_host_take_lp(host);
	v->guest.lp = tdxc_sim_port_lp();
	return err;
}

static int enter(struct run *run)
{
	struct tdxc_sim_vmm *vm = run->vm;
	struct tdxc_sim_vmm_vcpu *v = run->v;
	int err;

	(void)__atomic_add_fetch(&v->sequence, 1, __ATOMIC_SEQ_CST);
	if (!tdxc_root_matches(v->direct, TDXC_ROOTS_DIRECT)) {
		err = TDXC_E_AGAIN;
	} else {
		tdxc_sim_host_set_guest(vm->host, &v->guest);
		err = tdxc_td_enter(&vm->td, v->index, v->guest.lp, &run->regs,
				    &run->exit);
		tdxc_sim_host_set_guest(vm->host, NULL);
	}
	(void)__atomic_add_fetch(&v->sequence, 1, __ATOMIC_SEQ_CST);
	return err;
}

/* --- exits --------------------------------------------------------------- */

/* A slot that was deleted may come back. */
static int wait_for_slot(struct run *run, const struct tdxc_fault *fault)
{
	int err = TDXC_E_NOENT;

	while (err == TDXC_E_NOENT) {
		if (vmm_is_dead(run->vm) ||
		    tdxc_load_acquire(&run->v->guest.stop) != 0)
			return TDXC_E_CANCELED;
		tdxc_sim_host_yield_lp(run->vm->host);
		(void)sched_yield();
		err = vmm_fault(run->vm, fault, &run->v->guest.stop);
	}
	return err;
}

static bool was_deleted(const struct tdxc_sim_vmm *vm, uint64_t gfn)
{
	for (uint32_t i = 0; i < TDXC_SIM_VMM_SLOTS; i++) {
		if (gfn >= vm->memory[i].start && gfn < vm->memory[i].end)
			return true;
	}
	return false;
}

static int on_violation(struct run *run)
{
	struct tdxc_fault fault = {.level = TDXC_LEVEL_2M};
	int err;

	vmm_count(&run->vm->counts.violations, 1);
	/* Mapped since it was missed: these guests take a #VE for it. */
	if (run->exit.pending) {
		vmm_count(&run->vm->counts.spurious, 1);
		return TDXC_OK;
	}
	tdxc_td_fault(&run->exit, &fault);
	err = vmm_fault(run->vm, &fault, &run->v->guest.stop);
	if (err == TDXC_E_NOENT && was_deleted(run->vm, fault.gfn.n))
		err = wait_for_slot(run, &fault);
	return err == TDXC_E_CANCELED ? TDXC_OK : err;
}

/* A slot at a time: the guest does not know of slots. */
static uint64_t slot_end(struct tdxc_sim_vmm *vm,
			 const struct tdxc_td_conversion *c)
{
	const struct tdxc_sim_vmm_memory *m = vmm_find(vm, c->start.n);

	return m && m->end < c->end.n ? m->end : c->end.n;
}

static int on_map_gpa(struct run *run)
{
	struct tdxc_seamcall_full *regs = &run->regs;
	struct tdxc_td_conversion c;
	uint64_t answer = tdxc_td_map_gpa(regs, run->vm->alias / VMM_PAGE, &c);
	uint64_t end;
	int err;

	regs->common.r10 = answer;
	regs->common.r11 = 0;
	if (answer != TDXC_MAP_GPA_SUCCESS || c.start.n == c.end.n)
		return TDXC_OK;
	end = slot_end(run->vm, &c);
	err = vmm_convert(run->vm, c.start.n * VMM_PAGE,
			  (end - c.start.n) * VMM_PAGE, c.to_private);
	if (err == TDXC_OK && end != c.end.n) {
		regs->common.r10 = TDXC_MAP_GPA_RETRY;
		regs->common.r11 = regs->r12 + (end - c.start.n) * VMM_PAGE;
	}
	if (err == TDXC_E_NOENT) {
		regs->common.r10 = TDXC_MAP_GPA_INVALID_OPERAND;
		return TDXC_OK;
	}
	if (err == TDXC_E_BUSY) {
		regs->common.r10 = TDXC_MAP_GPA_RETRY;
		regs->common.r11 = regs->r12;
		return TDXC_OK;
	}
	return err;
}

static int on_vmcall(struct run *run)
{
	vmm_count(&run->vm->counts.vmcalls, 1);
	if (run->regs.common.r11 == TDXC_VMCALL_MAP_GPA)
		return on_map_gpa(run);
	if (run->regs.common.r11 == CALL_HLT)
		(void)sched_yield();
	run->regs.common.r10 = 0;
	return TDXC_OK;
}

static int on_exit(struct run *run)
{
	vmm_count(&run->vm->counts.enters, 1);
	switch (run->exit.kind) {
	case TDXC_EXIT_VIOLATION:
		return on_violation(run);
	case TDXC_EXIT_VMCALL:
		return on_vmcall(run);
	case TDXC_EXIT_INTERRUPT:
		vmm_count(&run->vm->counts.interrupts, 1);
		return TDXC_OK;
	case TDXC_EXIT_VCPU_DEAD:
		return TDXC_E_IO;
	case TDXC_EXIT_TD_DEAD:
		vmm_die(run->vm, "the TD is dead", TDXC_E_IO);
		return TDXC_E_IO;
	default:
		return TDXC_E_OPNOTSUPP;
	}
}

/* --- the loop ------------------------------------------------------------ */

static int prepare(struct run *run)
{
	struct tdxc_sim_vmm_vcpu *v = run->v;
	uint64_t to = tdxc_xchg(&v->move_to, 0);

	tdxc_sim_host_yield_lp(run->vm->host);
	if (vmm_is_dead(run->vm))
		return TDXC_E_IO;
	if (to != 0 && to != v->guest.lp + 1) {
		int err = move(v, (uint32_t)to);

		if (err != TDXC_OK)
			return err;
	}
	return load_direct(v);
}

static int run_once(struct run *run)
{
	int err = prepare(run);

	if (err != TDXC_OK)
		return err;
	err = enter(run);
	switch (err) {
	case TDXC_OK:
		return on_exit(run);
	case TDXC_E_AGAIN:
		vmm_count(&run->vm->counts.held, 1);
		return err;
	case TDXC_E_BUSY:
		return move(run->v, 0);
	default:
		return err;
	}
}

/* The script has ended; or the host gives up, and tells. */
static void conclude(struct run *run, int err)
{
	const struct tdxc_sim_guest *g = &run->v->guest;
	struct tdxc_sim_vmm_result *r = &run->v->result;

	r->result = g->result;
	r->where = g->where;
	r->status = g->status;
	r->err = err;
	r->bytes_verified = g->bytes_verified;
	if (err != TDXC_OK && g->result == TDXC_SIM_GUEST_RUNNING) {
		r->result = TDXC_SIM_GUEST_STUCK;
		r->where = run->exit.gfn.n * VMM_PAGE;
		r->status = run->exit.status;
	}
	vmm_count(&run->vm->counts.bytes_verified, g->bytes_verified);
}

static void loop(struct tdxc_sim_vmm_vcpu *v)
{
	struct run run = {.vm = v->vm, .v = v};
	uint32_t futile = 0;
	int err = TDXC_OK;

	(void)vmm_begin(v->vm);
	v->guest.lp = tdxc_sim_port_lp();
	if (associated(v) != 0 && associated(v) != v->guest.lp + 1)
		err = move(v, 0);
	while (err == TDXC_OK && v->guest.result == TDXC_SIM_GUEST_RUNNING) {
		err = run_once(&run);
		futile = err == TDXC_E_AGAIN ? futile + 1 : 0;
		if (err == TDXC_E_AGAIN && futile < VMM_PATIENCE) {
			(void)sched_yield();
			err = TDXC_OK;
		}
	}
	put_direct(v);
	conclude(&run, err);
	vmm_end(v->vm);
	tdxc_store_release(&v->running, 0);
}

/* --- from outside -------------------------------------------------------- */

static int load_script(struct tdxc_sim_vmm *vm, uint32_t vcpu,
		       const struct tdxc_sim_guest_op *script, size_t nr_ops)
{
	struct tdxc_sim_vmm_vcpu *v = &vm->vcpus[vcpu];
	struct tdxc_sim_guest *g = &v->guest;

	if (vcpu >= vm->config.nr_vcpus || nr_ops > TDXC_SIM_GUEST_MAX_OPS)
		return TDXC_E_INVAL;
	if (v->started || tdxc_load_acquire(&v->running) != 0)
		return TDXC_E_BUSY;
	memcpy(v->script, script, nr_ops * sizeof(*script));
	memset(&v->result, 0, sizeof(v->result));
	g->machine = &vm->host->machine;
	g->lp = 0;
	g->tdvpr = vm->td_vcpus[vcpu].pages[0];
	g->shared_bit = vm->alias;
	g->shared_virt = tdxc_sim_host_virt(vm->host);
	g->script = v->script;
	g->nr_ops = nr_ops;
	g->accept = true;
	g->check = !vm->config.no_check;
	return tdxc_sim_guest_init(g);
}

static void *thread(void *arg)
{
	struct tdxc_sim_vmm_vcpu *v = arg;

	tdxc_sim_host_thread_begin(v->vm->host);
	loop(v);
	tdxc_sim_host_thread_end(v->vm->host);
	return NULL;
}

int tdxc_sim_vmm_start(struct tdxc_sim_vmm *vm, uint32_t vcpu,
		       const struct tdxc_sim_guest_op *script, size_t nr_ops)
{
	struct tdxc_sim_vmm_vcpu *v = &vm->vcpus[vcpu];
	int err = load_script(vm, vcpu, script, nr_ops);

	if (err != TDXC_OK)
		return err;
	tdxc_store_release(&v->running, 1);
	v->started = pthread_create(&v->thread, NULL, thread, v) == 0;
	if (!v->started)
		tdxc_store_release(&v->running, 0);
	return v->started ? TDXC_OK : TDXC_E_NOMEM;
}

struct tdxc_sim_vmm_result tdxc_sim_vmm_join(struct tdxc_sim_vmm *vm,
					     uint32_t vcpu)
{
	struct tdxc_sim_vmm_vcpu *v = &vm->vcpus[vcpu];

	if (v->started)
		(void)pthread_join(v->thread, NULL);
	v->started = false;
	return v->result;
}

struct tdxc_sim_vmm_result
tdxc_sim_vmm_run(struct tdxc_sim_vmm *vm, uint32_t vcpu,
		 const struct tdxc_sim_guest_op *script, size_t nr_ops)
{
	struct tdxc_sim_vmm_vcpu *v = &vm->vcpus[vcpu];
	int err = load_script(vm, vcpu, script, nr_ops);

	if (err != TDXC_OK)
		return (struct tdxc_sim_vmm_result){
			.result = TDXC_SIM_GUEST_REFUSED, .err = err};
	tdxc_store_release(&v->running, 1);
	loop(v);
	return v->result;
}

struct tdxc_sim_vmm_result tdxc_sim_vmm_tdcall(struct tdxc_sim_vmm *vm,
					       uint32_t vcpu,
					       struct tdxc_sim_regs *regs)
{
	const struct tdxc_sim_guest_op op = {.code = TDXC_SIM_GUEST_TDCALL};
	struct tdxc_sim_vmm_result result;

	vm->vcpus[vcpu].guest.tdcall = regs;
	result = tdxc_sim_vmm_run(vm, vcpu, &op, 1);
	vm->vcpus[vcpu].guest.tdcall = NULL;
	return result;
}

int tdxc_sim_vmm_leave_lp(struct tdxc_sim_vmm *vm, uint32_t lp)
{
	struct tdxc_seamcall_diag diag;
	int err = TDXC_OK;

	tdxc_sim_host_take_this_lp(vm->host, lp);
	for (uint32_t i = 0; i < vm->config.nr_vcpus && err == TDXC_OK; i++) {
		uint32_t tries = 0;

		if (tdxc_load_acquire(&vm->vcpus[i].move_to) == lp + 1ull)
			(void)tdxc_xchg(&vm->vcpus[i].move_to, 0);
		if (associated(&vm->vcpus[i]) != lp + 1)
			continue;
		do {
			err = tdxc_td_vcpu_flush(&vm->td, i, lp, &diag);
		} while (err == TDXC_E_BUSY && tries++ < VMM_PATIENCE);
		vmm_count(&vm->counts.migrations, 1);
	}
	tdxc_sim_host_drop_lp(vm->host);
	return err;
}

void tdxc_sim_vmm_stop(struct tdxc_sim_vmm *vm, uint32_t vcpu)
{
	tdxc_sim_guest_stop(&vm->vcpus[vcpu].guest);
}

void tdxc_sim_vmm_kick(struct tdxc_sim_vmm *vm, uint32_t vcpu)
{
	tdxc_sim_guest_kick(&vm->vcpus[vcpu].guest);
}

int tdxc_sim_vmm_migrate(struct tdxc_sim_vmm *vm, uint32_t vcpu, uint32_t lp)
{
	if (vcpu >= vm->config.nr_vcpus || lp >= vm->host->description.nr_lps)
		return TDXC_E_INVAL;
	(void)tdxc_xchg(&vm->vcpus[vcpu].move_to, lp + 1ull);
	tdxc_sim_vmm_kick(vm, vcpu);
	return TDXC_OK;
}
