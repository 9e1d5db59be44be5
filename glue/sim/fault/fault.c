/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "fault.h"

/* What a call that runs now was condemned to. A SEAMCALL stays on its thread
 * from beginning to end, and the machine's ops are not told whose call it is.
 */
static _Thread_local const struct tdxc_sim_fault_rule *current;

static bool condemned_to(enum tdxc_sim_fault_action action)
{
	return current && current->action == action;
}

static uint64_t mix(uint64_t z)
{
	z += 0x9E3779B97F4A7C15ull;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static uint64_t count(uint64_t *counter)
{
	return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* --- the machine, seen through the rules --------------------------------- */

static void *op_page(void *ctx, uint64_t pa, bool write)
{
	const struct tdxc_sim_fault *f = ctx;

	return f->ops->page(f->ctx, pa, write);
}

static void op_zero(void *ctx, uint64_t pa, uint64_t bytes)
{
	const struct tdxc_sim_fault *f = ctx;

	f->ops->zero(f->ctx, pa, bytes);
}

static bool op_random(void *ctx, void *out, size_t bytes)
{
	const struct tdxc_sim_fault *f = ctx;

	return !condemned_to(TDXC_SIM_FAULT_NO_ENTROPY) &&
	       f->ops->random(f->ctx, out, bytes);
}

static enum tdxc_sim_key_result op_key(void *ctx, uint32_t lp, uint32_t keyid)
{
	const struct tdxc_sim_fault *f = ctx;

	if (condemned_to(TDXC_SIM_FAULT_KEY_FAILS))
		return TDXC_SIM_KEY_NO_ENTROPY;
	if (condemned_to(TDXC_SIM_FAULT_KEY_BUSY))
		return TDXC_SIM_KEY_BUSY;
	return f->ops->key(f->ctx, lp, keyid);
}

static bool op_interrupt_pending(void *ctx, uint32_t lp)
{
	const struct tdxc_sim_fault *f = ctx;

	return condemned_to(TDXC_SIM_FAULT_INTERRUPT) ||
	       f->ops->interrupt_pending(f->ctx, lp);
}

static void op_flush_page(void *ctx, uint64_t pa)
{
	const struct tdxc_sim_fault *f = ctx;

	f->ops->flush_page(f->ctx, pa);
}

static void op_flush_block(void *ctx, uint32_t package, uint32_t block)
{
	const struct tdxc_sim_fault *f = ctx;

	f->ops->flush_block(f->ctx, package, block);
}

static uint64_t op_tsc(void *ctx, uint32_t lp)
{
	const struct tdxc_sim_fault *f = ctx;

	return f->ops->tsc(f->ctx, lp);
}

static void op_sha384(void *ctx, enum tdxc_sim_sha384_step step, void *state,
		      const void *data, size_t bytes, void *out)
{
	const struct tdxc_sim_fault *f = ctx;

	f->ops->sha384(f->ctx, step, state, data, bytes, out);
}

static const struct tdxc_sim_ops ops = {
	.page = op_page,
	.zero = op_zero,
	.random = op_random,
	.key = op_key,
	.interrupt_pending = op_interrupt_pending,
	.flush_page = op_flush_page,
	.flush_block = op_flush_block,
	.tsc = op_tsc,
	.sha384 = op_sha384,
};

void tdxc_sim_fault_attach(struct tdxc_sim_fault *fault,
			   struct tdxc_sim_machine *machine,
			   struct tdxc_sim_fault_rule *rules, size_t nr_rules,
			   uint64_t seed)
{
	memset(fault, 0, sizeof(*fault));
	fault->machine = machine;
	fault->rules = rules;
	fault->nr_rules = nr_rules;
	fault->seed = seed;
	fault->ops = machine->module.ops;
	fault->ctx = machine->module.ctx;
	machine->module.ops = &ops;
	machine->module.ctx = fault;
}

void tdxc_sim_fault_detach(struct tdxc_sim_fault *fault)
{
	fault->machine->module.ops = fault->ops;
	fault->machine->module.ctx = fault->ctx;
	fault->machine = NULL;
}

/* --- choosing ------------------------------------------------------------ */

/* Chance is drawn from the number of the call, so that a run repeats. */
static bool strikes(const struct tdxc_sim_fault *fault,
		    struct tdxc_sim_fault_rule *rule, size_t index)
{
	uint64_t number = count(&rule->seen);

	if (rule->nth != 0)
		return number == rule->nth;
	return mix(fault->seed ^ mix(index + 1) ^ number) % 1000000 <
	       rule->per_million;
}

static bool spend(struct tdxc_sim_fault_rule *rule)
{
	uint64_t hits = __atomic_load_n(&rule->hits, __ATOMIC_RELAXED);

	do {
		if (rule->most != 0 && hits >= rule->most)
			return false;
	} while (!__atomic_compare_exchange_n(&rule->hits, &hits, hits + 1,
					      false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static const struct tdxc_sim_fault_rule *choose(struct tdxc_sim_fault *fault,
						uint32_t leaf)
{
	for (size_t i = 0; i < fault->nr_rules; i++) {
		struct tdxc_sim_fault_rule *rule = &fault->rules[i];

		if (rule->leaf != leaf && rule->leaf != TDXC_SIM_FAULT_ANY_LEAF)
			continue;
		if (strikes(fault, rule, i) && spend(rule))
			return rule;
	}
	return NULL;
}

static void spin(uint64_t times)
{
	while (times-- > 0)
		tdxc_relax();
}

enum tdxc_sim_outcome tdxc_sim_fault_seamcall(struct tdxc_sim_fault *fault,
					      uint32_t lp,
					      struct tdxc_sim_regs *regs)
{
	uint64_t rax = regs->gpr[TDXC_SIM_RAX];
	uint32_t leaf = (uint32_t)(rax & 0xFFFF) |
			(rax >> 63 != 0 ? TDXC_SIM_FAULT_SEAMLDR : 0);
	uint32_t slot =
		leaf < TDXC_SIM_FAULT_LEAVES ? leaf : TDXC_SIM_FAULT_LEAVES - 1;
	const struct tdxc_sim_fault_rule *rule = choose(fault, leaf);
	enum tdxc_sim_outcome outcome;

	(void)count(&fault->calls[slot]);
	if (rule)
		(void)count(&fault->faults[slot]);
	if (rule && rule->action == TDXC_SIM_FAULT_STATUS) {
		regs->gpr[TDXC_SIM_RAX] = rule->value;
		return TDXC_SIM_RETURNED;
	}
	if (rule && rule->action == TDXC_SIM_FAULT_DELAY)
		spin(rule->value);
	current = rule;
	outcome = tdxc_sim_machine_seamcall(fault->machine, lp, regs);
	current = NULL;
	return outcome;
}

/* --- one at a time ------------------------------------------------------- */

/* The first call of its processor that is not done, unless that is in guest. */
static bool is_next(const struct tdxc_sim_fault *fault,
		    const struct tdxc_sim_queued *calls, size_t i)
{
	if (calls[i].done || fault->machine->module.lps[calls[i].lp].in_guest)
		return false;
	for (size_t k = 0; k < i; k++) {
		if (!calls[k].done && calls[k].lp == calls[i].lp)
			return false;
	}
	return true;
}

static size_t nr_next(const struct tdxc_sim_fault *fault,
		      const struct tdxc_sim_queued *calls, size_t nr_calls)
{
	size_t n = 0;

	for (size_t i = 0; i < nr_calls; i++)
		n += is_next(fault, calls, i);
	return n;
}

static struct tdxc_sim_queued *nth_next(const struct tdxc_sim_fault *fault,
					struct tdxc_sim_queued *calls, size_t n)
{
	size_t i = 0;

	for (;; i++) {
		if (is_next(fault, calls, i) && n-- == 0)
			return &calls[i];
	}
}

size_t tdxc_sim_fault_run(struct tdxc_sim_fault *fault,
			  struct tdxc_sim_queued *calls, size_t nr_calls,
			  uint64_t *seed)
{
	size_t turn = 0;
	size_t n;

	while ((n = nr_next(fault, calls, nr_calls)) != 0) {
		struct tdxc_sim_queued *call =
			nth_next(fault, calls, (size_t)(mix(*seed) % n));

		*seed = mix(*seed);
		call->outcome =
			tdxc_sim_fault_seamcall(fault, call->lp, &call->regs);
		call->turn = turn++;
		call->done = true;
	}
	return turn;
}
