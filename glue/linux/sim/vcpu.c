// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * vCPUs: a thread bound to a CPU for each, and what it does inside.
 *
 * Preemption is off from before the entry until after the exit, as a CPU in a
 * guest is not taken away from it. A guest that is wanted elsewhere leaves.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "sim.h"

#define STEPS_INSIDE 256u /* then the timer's interrupt comes */
#define PATIENCE     100000u
#define PATIENCE_SEC 20u

enum {
	LEAF_ACCEPT = 6,
	EXIT_TDCALL = 77,
	ST_ALREADY_ACCEPTED = 0x00000B0A,
};
#define ST_BUSY		      0x80000200u
#define ST_PAGE_SIZE_MISMATCH 0xC0000B0Bu

u64 tdxc_ksim_pattern(u64 gpa)
{
	return (gpa >> 3) * 0x9E3779B97F4A7C15ull ^ 0x5DEECE66Dull;
}

/* --- inside --------------------------------------------------------------- */

/* A guest and the processor it is on. */
struct inside {
	struct tdxc_ksim_machine *machine;
	struct tdxc_ksim_vcpu *v;
	struct tdxc_sim_regs *regs; /* of the exit, once it is out */
	u32 lp;
	bool out;
};

static void interrupt(struct inside *in)
{
	tdxc_ksim_interrupt_exit(in->machine, in->lp, in->regs);
	in->out = true;
}

static struct tdxc_ksim_tlb *tlb_slot(struct tdxc_ksim_vcpu *v, u64 gpa)
{
	return &v->tlb[(gpa >> PAGE_SHIFT) % TDXC_KSIM_TLB];
}

/* Translations of another epoch are gone at the entry. */
static void flush_tlb(struct inside *in)
{
	u64 epoch = tdxc_sim_entry_epoch(&in->machine->module, in->lp);

	if (epoch != in->v->epoch)
		memset(in->v->tlb, 0, sizeof(in->v->tlb));
	in->v->epoch = epoch;
}

static enum tdxc_sim_access translate(struct inside *in, u64 gpa, u64 *pa)
{
	struct tdxc_ksim_tlb *slot = tlb_slot(in->v, gpa);
	struct tdxc_sim_translation t;
	enum tdxc_sim_access access;

	if (slot->gpa == gpa + 1) {
		*pa = slot->pa;
		return TDXC_SIM_ACCESS_OK;
	}
	access = tdxc_sim_translate(&in->machine->module, in->lp, gpa, &t);
	if (access != TDXC_SIM_ACCESS_OK)
		return access;
	*pa = t.pa + (gpa & (tdxc_level_frames(t.level + 1) * PAGE_SIZE - 1));
	slot->gpa = gpa + 1;
	slot->pa = *pa;
	return access;
}

/* TDG.MEM.PAGE.ACCEPT: the status; meaningless once it is out. */
static u64 accept_at(struct inside *in, u64 gpa, u32 level)
{
	u64 bytes = tdxc_level_frames(level + 1) * PAGE_SIZE;
	struct tdxc_sim_regs regs = {{0}};

	regs.gpr[TDXC_SIM_RAX] = LEAF_ACCEPT;
	regs.gpr[TDXC_SIM_RCX] = (gpa & ~(bytes - 1)) | level;
	if (tdxc_ksim_tdcall(in->machine, in->lp, &regs) == TDXC_SIM_EXITED) {
		*in->regs = regs;
		in->out = true;
	}
	return regs.gpr[TDXC_SIM_RAX];
}

/* Large first, as guests do. */
static void accept(struct inside *in, u64 gpa)
{
	u64 status = accept_at(in, gpa, 1);

	if (!in->out && status >> 32 == ST_PAGE_SIZE_MISMATCH)
		status = accept_at(in, gpa, 0);
	if (in->out)
		return;
	if (status == 0)
		in->v->accepts++;
	else if (status >> 32 != ST_ALREADY_ACCEPTED && status >> 32 != ST_BUSY)
		in->v->refused++;
}

/* A page that is fresh holds zeros; else what some vCPU wrote. */
static void use(struct inside *in, u64 gpa, u64 pa)
{
	u64 *word = tdxc_ksim_machine_page(in->machine, pa);
	u64 want = tdxc_ksim_pattern(gpa);
	u64 found = READ_ONCE(*word);

	if (found == want)
		in->v->verified++;
	else if (found == 0)
		WRITE_ONCE(*word, want);
	else
		in->v->wrong = gpa + 1;
}

static void touch(struct inside *in, u64 gpa)
{
	u64 pa;

	switch (translate(in, gpa, &pa)) {
	case TDXC_SIM_ACCESS_OK:
		use(in, gpa, pa);
		in->v->at += PAGE_SIZE;
		break;
	case TDXC_SIM_ACCESS_VE:
		accept(in, gpa);
		break;
	case TDXC_SIM_ACCESS_VIOLATION:
		tdxc_ksim_violation_exit(in->machine, in->lp, gpa, true,
					 in->regs);
		in->out = true;
		break;
	}
}

static void do_page(struct inside *in)
{
	struct tdxc_ksim_vcpu *v = in->v;
	u64 gpa = v->gpa + v->at;

	if (v->op == TDXC_KSIM_SPIN) {
		cpu_relax();
		return;
	}
	if (v->op == TDXC_KSIM_ACCEPT && tlb_slot(v, gpa)->gpa != gpa + 1)
		accept(in, gpa);
	if (!in->out)
		touch(in, gpa);
	if (v->at >= v->bytes) {
		v->at = 0;
		v->rounds--;
	}
}

static bool is_over(const struct tdxc_ksim_vcpu *v)
{
	return v->rounds == 0 || v->wrong != 0 || v->refused != 0 ||
	       tdxc_load_acquire(&v->stop) != 0;
}

/* A TDCALL, again after a fault, or its answer: then it leaves. */
static void call(struct inside *in)
{
	struct tdxc_ksim_vcpu *v = in->v;
	struct tdxc_sim_regs regs = v->call;

	if (v->calling == TDXC_KSIM_CALL_AT_HOST) {
		regs = *in->regs;
	} else if (v->calling == TDXC_KSIM_CALL_DUE &&
		   tdxc_ksim_tdcall(in->machine, in->lp, &regs) ==
			   TDXC_SIM_EXITED) {
		*in->regs = regs;
		if ((regs.gpr[TDXC_SIM_RAX] & 0xFFFF) == EXIT_TDCALL)
			v->calling = TDXC_KSIM_CALL_AT_HOST;
		return;
	}
	v->call = regs;
	v->calling = TDXC_KSIM_CALL_DONE;
	interrupt(in);
}

void tdxc_ksim_inside(struct tdxc_ksim_machine *machine, u32 lp,
		      struct tdxc_sim_regs *regs)
{
	struct inside in = {machine, machine->entering[lp], regs, lp, false};
	u32 steps = 0;

	if (!in.v) {
		interrupt(&in);
		return;
	}
	in.v->entries++;
	flush_tlb(&in);
	if (in.v->op == TDXC_KSIM_CALL) {
		call(&in);
		return;
	}
	while (!in.out) {
		if (is_over(in.v) || tdxc_xchg(&in.v->kick, 0) != 0 ||
		    need_resched() || steps++ >= STEPS_INSIDE)
			interrupt(&in);
		else
			do_page(&in);
	}
}

/* --- the thread around it ------------------------------------------------- */

/* VP.FLUSH where it is, then on another CPU. */
static int move(struct tdxc_ksim_vcpu *v, u32 lp)
{
	struct tdxc_ksim_vm *vm = v->vm;
	u32 tries = 0;
	int err;

	do {
		err = tdxc_ksim_vcpu_flush(vm, v->index);
		cond_resched();
	} while (err == TDXC_E_BUSY && tries++ < PATIENCE);
	v->lp = lp;
	set_cpus_allowed_ptr(current, cpumask_of(vm->host->machine.cpu_of[lp]));
	v->migrations++;
	return err;
}

/* Before a CPU's offlining is refused it has been emptied of threads: they are
 * elsewhere then, and no longer bound. */
static int come_back(struct tdxc_ksim_vcpu *v)
{
	struct tdxc_ksim_machine *machine = &v->vm->host->machine;

	set_cpus_allowed_ptr(current, cpumask_of(machine->cpu_of[v->lp]));
	return TDXC_E_AGAIN;
}

static int enter(struct tdxc_ksim_vcpu *v, struct tdxc_td_exit *exit)
{
	struct tdxc_ksim_machine *machine = &v->vm->host->machine;
	struct tdxc_seamcall_full regs = {{0}};
	int err;

	preempt_disable();
	if (tdxc_ksim_machine_lp(machine) != v->lp) {
		preempt_enable();
		return come_back(v);
	}
	machine->entering[v->lp] = v;
	err = tdxc_td_enter(&v->vm->td, v->index, v->lp, &regs, exit);
	machine->entering[v->lp] = NULL;
	preempt_enable();
	return err;
}

static int on_exit(struct tdxc_ksim_vcpu *v, const struct tdxc_td_exit *exit)
{
	struct tdxc_fault fault = {.level = TDXC_LEVEL_2M};

	switch (exit->kind) {
	case TDXC_EXIT_VIOLATION:
		v->violations++;
		tdxc_td_fault(exit, &fault);
		return tdxc_ksim_vm_fault(v->vm, fault.gfn.n, fault.level, 0);
	case TDXC_EXIT_INTERRUPT:
		return TDXC_OK;
	default:
		return TDXC_E_IO;
	}
}

static int run_once(struct tdxc_ksim_vcpu *v)
{
	u64 to = tdxc_xchg(&v->move_to, 0);
	u64 at = tdxc_load_acquire(&v->vm->td_vcpus[v->index].cpu);
	struct tdxc_td_exit exit;
	int err = TDXC_OK;

	if (to != 0 && to != v->lp + 1)
		err = move(v, (u32)to - 1);
	else if (at != 0 && at != v->lp + 1)
		err = move(v, v->lp);
	if (err == TDXC_OK)
		err = enter(v, &exit);
	return err == TDXC_OK ? on_exit(v, &exit) : err;
}

static void run(struct tdxc_ksim_vcpu *v)
{
	unsigned long deadline = jiffies + PATIENCE_SEC * HZ;
	u32 futile = 0;

	while (!is_over(v) && time_before(jiffies, deadline)) {
		v->err = run_once(v);
		futile = v->err == TDXC_OK ? 0 : futile + 1;
		if (v->err == TDXC_OK)
			deadline = jiffies + PATIENCE_SEC * HZ;
		if (v->err != TDXC_OK && !tdxc_ksim_worth_trying(v->err))
			return;
		/* entry is held for somebody who may need this CPU */
		if (futile > 1000)
			usleep_range(20, 100);
		else
			cond_resched();
	}
	/* a stop is no failure of what it interrupted */
	if (is_over(v))
		v->err = TDXC_OK;
}

static int thread(void *arg)
{
	struct tdxc_ksim_vcpu *v = arg;
	struct tdxc_ksim_host *host = v->vm->host;

	if (tdxc_ksim_begin(host)) {
		run(v);
		tdxc_ksim_end(host, &v->vm->mmu);
	} else {
		v->err = TDXC_E_NOMEM;
	}
	complete(&v->done);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

int tdxc_ksim_vcpu_start(struct tdxc_ksim_vm *vm, u32 vcpu,
			 enum tdxc_ksim_op op, u64 gpa, u64 bytes, u64 rounds)
{
	struct tdxc_ksim_machine *machine = &vm->host->machine;
	struct tdxc_ksim_vcpu *v = &vm->vcpus[vcpu];
	struct task_struct *task;

	v->op = op;
	v->gpa = gpa;
	v->bytes = bytes;
	v->rounds = rounds;
	v->at = 0;
	v->err = TDXC_OK;
	v->wrong = 0;
	v->refused = 0;
	tdxc_store_release(&v->stop, 0);
	v->lp = vcpu % machine->nr_lps;
	init_completion(&v->done);
	task = kthread_create(thread, v, "tdxsim/%u", vcpu);
	if (IS_ERR(task))
		return TDXC_E_NOMEM;
	kthread_bind(task, machine->cpu_of[v->lp]);
	v->thread = task;
	wake_up_process(task);
	return TDXC_OK;
}

int tdxc_ksim_vcpu_join(struct tdxc_ksim_vm *vm, u32 vcpu)
{
	struct tdxc_ksim_vcpu *v = &vm->vcpus[vcpu];

	if (!v->thread)
		return v->err;
	wait_for_completion(&v->done);
	kthread_stop(v->thread);
	v->thread = NULL;
	return v->err;
}

void tdxc_ksim_vcpu_stop(struct tdxc_ksim_vm *vm, u32 vcpu)
{
	tdxc_store_release(&vm->vcpus[vcpu].stop, 1);
}

void tdxc_ksim_vcpu_kick(struct tdxc_ksim_vm *vm, u32 vcpu)
{
	tdxc_store_release(&vm->vcpus[vcpu].kick, 1);
}

void tdxc_ksim_vcpu_migrate(struct tdxc_ksim_vm *vm, u32 vcpu, u32 lp)
{
	tdxc_xchg(&vm->vcpus[vcpu].move_to, lp + 1ull);
	tdxc_ksim_vcpu_kick(vm, vcpu);
}
