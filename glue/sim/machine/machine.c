/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "sha384.h"

/* The LP whose call runs on this thread: the module's ops do not name it. */
static _Thread_local struct {
	const struct tdxc_sim_machine *machine;
	uint32_t lp;
} caller;

static uint64_t plain(const struct tdxc_sim_machine *machine, uint64_t pa)
{
	const struct tdxc_sim_platform *p = &machine->platform;

	return pa & (((uint64_t)1 << (p->pa_width - p->keyid_bits)) - 1);
}

/* A line as the module names it. false: its address came out of pages that
 * were overwritten, and is none. */
static bool line_at(const struct tdxc_sim_machine *machine, uint64_t pa,
		    struct tdxc_sim_line *at)
{
	at->lp = caller.machine == machine ? caller.lp : 0;
	return tdxc_sim_machine_split(machine, pa, &at->pa, &at->keyid) ==
	       TDXC_OK;
}

static void *scrap_page(struct tdxc_sim_machine *machine, uint64_t pa)
{
	struct tdxc_sim_event event = {.kind = TDXC_SIM_EVENT_NO_PAGE,
				       .by_module = true};
	struct tdxc_sim_line at;

	(void)line_at(machine, pa, &at);
	event.pa = at.pa;
	event.keyid = at.keyid;
	event.lp = at.lp;
	tdxc_sim_events_put(machine->events, &event);
	return machine->scrap;
}

static void *lines_page(struct tdxc_sim_machine *machine, uint64_t pa,
			bool write)
{
	struct tdxc_sim_line at;

	if (!line_at(machine, pa, &at))
		return NULL;
	return tdxc_sim_lines_page(machine->lines, &at, write,
				   caller.machine == machine);
}

static void *op_page(void *ctx, uint64_t pa, bool write)
{
	struct tdxc_sim_machine *machine = ctx;
	void *page = machine->lines ? lines_page(machine, pa, write)
				    : tdxc_sim_memory_page(machine->memory,
							   plain(machine, pa));

	return page ? page : scrap_page(machine, pa);
}

static void op_zero(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct tdxc_sim_machine *machine = ctx;
	struct tdxc_sim_line at;

	if (!machine->lines)
		tdxc_sim_memory_zero(machine->memory, plain(machine, pa),
				     bytes);
	else if (!line_at(machine, pa, &at) ||
		 tdxc_sim_lines_zero(machine->lines, &at, bytes) != TDXC_OK)
		(void)scrap_page(machine, pa);
}

/* splitmix64: the same run for the same seed. */
static uint64_t next_random(struct tdxc_sim_machine *machine)
{
	uint64_t z = __atomic_add_fetch(&machine->random, 0x9E3779B97F4A7C15ull,
					__ATOMIC_RELAXED);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static bool op_random(void *ctx, void *out, size_t bytes)
{
	char *to = out;

	while (bytes != 0) {
		uint64_t word = next_random(ctx);
		size_t n = bytes < sizeof(word) ? bytes : sizeof(word);

		memcpy(to, &word, n);
		to += n;
		bytes -= n;
	}
	return true;
}

static enum tdxc_sim_key_result op_key(void *ctx, uint32_t lp, uint32_t keyid)
{
	struct tdxc_sim_machine *machine = ctx;
	uint64_t left =
		__atomic_load_n(&machine->key_failures, __ATOMIC_RELAXED);

	(void)lp;
	while (left != 0) {
		if (__atomic_compare_exchange_n(
			    &machine->key_failures, &left, left - 1, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return machine->key_failure;
	}
	if (machine->lines)
		tdxc_sim_lines_new_key(machine->lines, keyid);
	return TDXC_SIM_KEY_OK;
}

static bool op_interrupt_pending(void *ctx, uint32_t lp)
{
	const struct tdxc_sim_machine *machine = ctx;

	return __atomic_load_n(&machine->interrupts[lp], __ATOMIC_RELAXED) != 0;
}

/* Any KeyID will do: one that is none has no lines. */
static void op_flush_page(void *ctx, uint64_t pa)
{
	struct tdxc_sim_machine *machine = ctx;
	struct tdxc_sim_line at;

	(void)line_at(machine, pa, &at);
	for (size_t i = 0; machine->lines && i < 64; i++) {
		tdxc_sim_lines_clflush(machine->lines, &at);
		at.pa += TDXC_SIM_LINE;
	}
}

static void op_flush_block(void *ctx, uint32_t package, uint32_t block)
{
	struct tdxc_sim_machine *machine = ctx;

	if (machine->lines)
		tdxc_sim_lines_flush_package(machine->lines, package, block,
					     true);
}

static uint64_t op_tsc(void *ctx, uint32_t lp)
{
	struct tdxc_sim_machine *machine = ctx;

	(void)lp;
	return __atomic_add_fetch(&machine->tsc, 1, __ATOMIC_RELAXED);
}

static void op_sha384(void *ctx, enum tdxc_sim_sha384_step step, void *state,
		      const void *data, size_t bytes, void *out)
{
	(void)ctx;
	switch (step) {
	case TDXC_SIM_SHA384_INIT:
		tdxc_sim_sha384_init(state);
		break;
	case TDXC_SIM_SHA384_UPDATE:
		tdxc_sim_sha384_update(state, data, bytes);
		break;
	case TDXC_SIM_SHA384_FINAL:
		tdxc_sim_sha384_final(state, out);
		break;
	}
}

static const struct tdxc_sim_ops ops = {
	op_page,
	op_zero,
	op_random,
	op_key,
	op_interrupt_pending,
	op_flush_page,
	op_flush_block,
	op_tsc,
	op_sha384,
};

/* What the module checks of a platform, for a machine that loads none. */
static bool is_sme_platform(const struct tdxc_sim_platform *p)
{
	return p->nr_lps != 0 && p->nr_lps <= TDXC_SIM_MAX_LPS &&
	       p->nr_packages != 0 && p->nr_packages <= p->nr_lps &&
	       p->nr_packages <= TDXC_SIM_MAX_PACKAGES && p->pa_width <= 52 &&
	       p->keyid_bits != 0 && p->keyid_bits < 12 &&
	       p->pa_width >= 32 + p->keyid_bits;
}

static bool load_module(struct tdxc_sim_machine *machine)
{
	if (machine->options.sme)
		return is_sme_platform(&machine->platform);
	return tdxc_sim_init(&machine->module, &ops, machine,
			     &machine->platform) == TDXC_OK;
}

static bool make_lines(struct tdxc_sim_machine *machine)
{
	const struct tdxc_sim_platform *p = &machine->platform;
	struct tdxc_sim_lines_config config = {
		.memory = machine->memory,
		.events = machine->events,
		.nr_lps = p->nr_lps,
		.nr_packages = p->nr_packages,
		.cache_blocks = p->cache_blocks,
		.nr_keyids = p->shared_keyids + p->private_keyids + 1,
		.first_private = p->shared_keyids + 1,
		.nr_private = p->private_keyids,
		.partial_write_poisons = tdxc_sim_machine_poisons(machine),
		.seed = machine->seed,
	};

	if (machine->options.sme) {
		config.cache_blocks = 1;
		config.nr_keyids = 2;
		config.nr_private = 0;
	}
	machine->lines = tdxc_sim_lines_create(&config);
	if (machine->lines && machine->options.sme)
		tdxc_sim_lines_new_key(machine->lines, 1);
	return machine->lines != NULL;
}

/* All that a power cycle makes new, on a platform that is set. */
static bool power_on(struct tdxc_sim_machine *machine)
{
	const struct tdxc_sim_platform *p = &machine->platform;
	uint64_t bytes;

	tdxc_sim_lines_destroy(machine->lines);
	machine->lines = NULL;
	tdxc_sim_events_clear(machine->events);
	if (!load_module(machine))
		return false;
	bytes = (uint64_t)1 << (p->pa_width - p->keyid_bits);
	if (machine->memory && tdxc_sim_memory_size(machine->memory) == bytes) {
		tdxc_sim_memory_reset(machine->memory);
	} else {
		tdxc_sim_memory_destroy(machine->memory);
		machine->memory = tdxc_sim_memory_create(bytes);
	}
	return machine->memory &&
	       (!machine->options.lines || make_lines(machine));
}

int tdxc_sim_machine_init_with(struct tdxc_sim_machine *machine,
			       const struct tdxc_sim_platform *platform,
			       uint64_t seed,
			       const struct tdxc_sim_machine_options *options)
{
	memset(machine, 0, sizeof(*machine));
	machine->random = seed;
	machine->seed = seed;
	machine->options = *options;
	machine->platform = *platform;
	machine->events = tdxc_sim_events_create();
	machine->scrap = calloc(1, 4096);
	if (machine->events && machine->scrap && power_on(machine))
		return 0;
	tdxc_sim_machine_fini(machine);
	return -1;
}

int tdxc_sim_machine_init(struct tdxc_sim_machine *machine,
			  const struct tdxc_sim_platform *platform,
			  uint64_t seed)
{
	const struct tdxc_sim_machine_options plain_machine = {false, false};

	return tdxc_sim_machine_init_with(machine, platform, seed,
					  &plain_machine);
}

int tdxc_sim_machine_reset(struct tdxc_sim_machine *machine,
			   const struct tdxc_sim_platform *platform)
{
	machine->platform = *platform;
	machine->key_failures = 0;
	memset(machine->interrupts, 0, sizeof(machine->interrupts));
	return power_on(machine) ? 0 : -1;
}

void tdxc_sim_machine_fini(struct tdxc_sim_machine *machine)
{
	tdxc_sim_lines_destroy(machine->lines);
	tdxc_sim_memory_destroy(machine->memory);
	tdxc_sim_events_destroy(machine->events);
	free(machine->scrap);
	machine->lines = NULL;
	machine->memory = NULL;
	machine->events = NULL;
	machine->scrap = NULL;
}

bool tdxc_sim_machine_event(struct tdxc_sim_machine *machine,
			    struct tdxc_sim_event *event)
{
	return tdxc_sim_events_get(machine->events, event);
}

void tdxc_sim_machine_begin_call(struct tdxc_sim_machine *machine, uint32_t lp)
{
	caller.machine = machine;
	caller.lp = lp;
}

void tdxc_sim_machine_end_call(struct tdxc_sim_machine *machine, uint32_t lp)
{
	caller.machine = NULL;
	if (machine->lines)
		tdxc_sim_lines_end_call(machine->lines, lp,
					machine->module.lps[lp].in_guest);
}

enum tdxc_sim_outcome
tdxc_sim_machine_seamcall(struct tdxc_sim_machine *machine, uint32_t lp,
			  struct tdxc_sim_regs *regs)
{
	enum tdxc_sim_outcome outcome;

	if (machine->options.sme) {
		regs->gpr[TDXC_SIM_RAX] = TDXC_STATUS_UD;
		return TDXC_SIM_RETURNED;
	}
	tdxc_sim_machine_begin_call(machine, lp);
	outcome = tdxc_sim_seamcall(&machine->module, lp, regs);
	tdxc_sim_machine_end_call(machine, lp);
	return outcome;
}

enum tdxc_sim_outcome tdxc_sim_machine_tdcall(struct tdxc_sim_machine *machine,
					      uint32_t lp,
					      struct tdxc_sim_regs *regs)
{
	enum tdxc_sim_outcome outcome;

	tdxc_sim_machine_begin_call(machine, lp);
	outcome = tdxc_sim_tdcall(&machine->module, lp, regs);
	tdxc_sim_machine_end_call(machine, lp);
	return outcome;
}

void tdxc_sim_machine_interrupt_exit(struct tdxc_sim_machine *machine,
				     uint32_t lp, struct tdxc_sim_regs *regs)
{
	tdxc_sim_machine_begin_call(machine, lp);
	tdxc_sim_interrupt_exit(&machine->module, lp, regs);
	tdxc_sim_machine_end_call(machine, lp);
}
