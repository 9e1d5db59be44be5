/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* SEAMCALL on the simulated machine, as the core makes it. */
#include <time.h>

#include "port.h"

static _Thread_local uint32_t current_lp;

void tdxc_sim_port_enter(uint32_t lp)
{
	current_lp = lp;
}

uint32_t tdxc_sim_port_lp(void)
{
	return current_lp;
}

static uint64_t count(uint64_t *counter)
{
	return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void tdxc_sim_port_note(struct tdxc_sim_port *port, enum tdxc_sim_port_act act,
			uint64_t a, uint64_t b)
{
	uint64_t at = count(&port->nr_journal);

	if (at < port->journal_room)
		port->journal[at] =
			(struct tdxc_sim_port_entry){act, current_lp, a, b};
}

size_t tdxc_sim_port_journalled(const struct tdxc_sim_port *port)
{
	uint64_t acts = __atomic_load_n(&port->nr_journal, __ATOMIC_RELAXED);

	return acts < port->journal_room ? (size_t)acts : port->journal_room;
}

static size_t slot(uint64_t rax, size_t slots)
{
	size_t leaf = rax & 0xFFFF;

	return leaf < slots ? leaf : slots - 1;
}

uint64_t tdxc_sim_port_calls(const struct tdxc_sim_port *port, uint64_t rax)
{
	const uint64_t *counter =
		(rax & TDXC_SEAMLDR) != 0
			? &port->seamldr_calls[slot(rax, TDXC_SIM_PORT_SEAMLDR)]
			: &port->calls[slot(rax, TDXC_SIM_PORT_LEAVES)];

	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

uint64_t tdxc_sim_port_all_calls(const struct tdxc_sim_port *port)
{
	uint64_t all = 0;

	for (uint64_t leaf = 0; leaf < TDXC_SIM_PORT_LEAVES; leaf++)
		all += tdxc_sim_port_calls(port, leaf);
	for (uint64_t leaf = 0; leaf < TDXC_SIM_PORT_SEAMLDR; leaf++)
		all += tdxc_sim_port_calls(port, TDXC_SEAMLDR | leaf);
	return all;
}

static void count_call(struct tdxc_sim_port *port, uint64_t rax)
{
	if ((rax & TDXC_SEAMLDR) != 0)
		(void)count(
			&port->seamldr_calls[slot(rax, TDXC_SIM_PORT_SEAMLDR)]);
	else
		(void)count(&port->calls[slot(rax, TDXC_SIM_PORT_LEAVES)]);
}

/* What the instruction itself says before anyone is asked; 0: nothing. */
static uint64_t refused(const struct tdxc_sim_port *port, uint64_t rax)
{
	if (port->vmx_off[current_lp])
		return TDXC_STATUS_UD;
	if (port->seamrr_off)
		return TDXC_STATUS_GP;
	if ((rax & TDXC_SEAMLDR) != 0 ? port->seamldr_absent
				      : port->module_absent)
		return TDXC_STATUS_VMFAILINVALID;
	return 0;
}

static bool instruction_failed(uint64_t status)
{
	return status == TDXC_STATUS_VMFAILINVALID ||
	       status == TDXC_STATUS_UD || status == TDXC_STATUS_GP;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void run_call(struct tdxc_sim_port *port, struct tdxc_sim_regs *regs)
{
	enum tdxc_sim_outcome outcome;

	outcome = port->fault ? tdxc_sim_fault_seamcall(port->fault, current_lp,
							regs)
			      : tdxc_sim_machine_seamcall(port->machine,
							  current_lp, regs);
	if (outcome != TDXC_SIM_ENTERED)
		return;
	if (port->guest)
		port->guest(port->guest_ctx, port->machine, current_lp, regs);
	else
		tdxc_sim_machine_interrupt_exit(port->machine, current_lp,
						regs);
}

static void execute(struct tdxc_sim_port *port, struct tdxc_sim_regs *regs)
{
	uint64_t rax = regs->gpr[TDXC_SIM_RAX];
	uint64_t start = port->cost_ns != 0 ? now_ns() : 0;
	uint64_t status = refused(port, rax);

	if (status != 0)
		regs->gpr[TDXC_SIM_RAX] = status;
	else
		run_call(port, regs);
	while (port->cost_ns != 0 && now_ns() - start < port->cost_ns)
		tdxc_relax();
}

static void load_six(uint64_t *gpr, const struct tdxc_seamcall_regs *in)
{
	gpr[TDXC_SIM_RCX] = in->rcx;
	gpr[TDXC_SIM_RDX] = in->rdx;
	gpr[TDXC_SIM_R8] = in->r8;
	gpr[TDXC_SIM_R9] = in->r9;
	gpr[TDXC_SIM_R10] = in->r10;
	gpr[TDXC_SIM_R11] = in->r11;
}

static void store_six(const uint64_t *gpr, struct tdxc_seamcall_regs *out)
{
	out->rcx = gpr[TDXC_SIM_RCX];
	out->rdx = gpr[TDXC_SIM_RDX];
	out->r8 = gpr[TDXC_SIM_R8];
	out->r9 = gpr[TDXC_SIM_R9];
	out->r10 = gpr[TDXC_SIM_R10];
	out->r11 = gpr[TDXC_SIM_R11];
}

static void load_rest(uint64_t *gpr, const struct tdxc_seamcall_full *in)
{
	gpr[TDXC_SIM_RBX] = in->rbx;
	gpr[TDXC_SIM_RSI] = in->rsi;
	gpr[TDXC_SIM_RDI] = in->rdi;
	gpr[TDXC_SIM_R12] = in->r12;
	gpr[TDXC_SIM_R13] = in->r13;
	gpr[TDXC_SIM_R14] = in->r14;
	gpr[TDXC_SIM_R15] = in->r15;
}

static void store_rest(const uint64_t *gpr, struct tdxc_seamcall_full *out)
{
	out->rbx = gpr[TDXC_SIM_RBX];
	out->rsi = gpr[TDXC_SIM_RSI];
	out->rdi = gpr[TDXC_SIM_RDI];
	out->r12 = gpr[TDXC_SIM_R12];
	out->r13 = gpr[TDXC_SIM_R13];
	out->r14 = gpr[TDXC_SIM_R14];
	out->r15 = gpr[TDXC_SIM_R15];
}

static uint64_t op_call(void *ctx, uint64_t rax,
			struct tdxc_seamcall_regs *regs,
			enum tdxc_seamcall_shape shape)
{
	struct tdxc_seamcall_full *full =
		shape == TDXC_SEAMCALL_FULL
			? (struct tdxc_seamcall_full *)(void *)regs
			: NULL;
	struct tdxc_sim_regs cpu = {{rax}};
	struct tdxc_sim_port *port = ctx;

	__atomic_store_n(&port->incoherent[current_lp], 1, __ATOMIC_RELAXED);
	count_call(port, rax);
	tdxc_sim_port_note(port, TDXC_SIM_PORT_CALL, rax, regs->rcx);
	load_six(cpu.gpr, regs);
	if (full)
		load_rest(cpu.gpr, full);
	execute(port, &cpu);
	if (instruction_failed(cpu.gpr[TDXC_SIM_RAX])) {
		(void)count(&port->failed);
		return cpu.gpr[TDXC_SIM_RAX];
	}
	if (tdxc_again(cpu.gpr[TDXC_SIM_RAX]) != TDXC_AGAIN_NO)
		(void)count(&port->again[tdxc_again(cpu.gpr[TDXC_SIM_RAX])]);
	if (shape != TDXC_SEAMCALL_IN)
		store_six(cpu.gpr, regs);
	if (full)
		store_rest(cpu.gpr, full);
	return cpu.gpr[TDXC_SIM_RAX];
}

const struct tdxc_seamcall_ops tdxc_sim_port_seamcall_ops = {
	.abi = TDXC_ABI,
	.call = op_call,
};

struct tdxc_seamcall_port tdxc_sim_port_seamcall(struct tdxc_sim_port *port)
{
	return (struct tdxc_seamcall_port){&tdxc_sim_port_seamcall_ops, port};
}
