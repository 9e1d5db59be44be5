/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "sha384.h"

static uint64_t plain(const struct tdxc_sim_machine *machine, uint64_t pa)
{
	const struct tdxc_sim_platform *p = &machine->platform;

	return pa & (((uint64_t)1 << (p->pa_width - p->keyid_bits)) - 1);
}

static void *op_page(void *ctx, uint64_t pa, bool write)
{
	struct tdxc_sim_machine *machine = ctx;
	void *page = tdxc_sim_memory_page(machine->memory, plain(machine, pa));

	(void)write;
	if (!page)
		abort(); /* the module only asks for addresses it checked */
	return page;
}

static void op_zero(void *ctx, uint64_t pa, uint64_t bytes)
{
	struct tdxc_sim_machine *machine = ctx;

	tdxc_sim_memory_zero(machine->memory, plain(machine, pa), bytes);
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
	(void)keyid;
	while (left != 0) {
		if (__atomic_compare_exchange_n(
			    &machine->key_failures, &left, left - 1, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return machine->key_failure;
	}
	return TDXC_SIM_KEY_OK;
}

static bool op_interrupt_pending(void *ctx, uint32_t lp)
{
	const struct tdxc_sim_machine *machine = ctx;

	return __atomic_load_n(&machine->interrupts[lp], __ATOMIC_RELAXED) != 0;
}

static void op_flush_page(void *ctx, uint64_t pa)
{
	(void)ctx;
	(void)pa;
}

static void op_flush_block(void *ctx, uint32_t package, uint32_t block)
{
	(void)ctx;
	(void)package;
	(void)block;
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

static int load_module(struct tdxc_sim_machine *machine)
{
	return tdxc_sim_init(&machine->module, &ops, machine,
			     &machine->platform) == TDXC_OK
		       ? 0
		       : -1;
}

int tdxc_sim_machine_init(struct tdxc_sim_machine *machine,
			  const struct tdxc_sim_platform *platform,
			  uint64_t seed)
{
	memset(machine, 0, sizeof(*machine));
	machine->random = seed;
	machine->platform = *platform;
	machine->memory = tdxc_sim_memory_create(
		(uint64_t)1 << (platform->pa_width - platform->keyid_bits));
	if (!machine->memory)
		return -1;
	return load_module(machine);
}

int tdxc_sim_machine_reset(struct tdxc_sim_machine *machine,
			   const struct tdxc_sim_platform *platform)
{
	tdxc_sim_memory_reset(machine->memory);
	machine->platform = *platform;
	machine->key_failures = 0;
	memset(machine->interrupts, 0, sizeof(machine->interrupts));
	return load_module(machine);
}

void tdxc_sim_machine_fini(struct tdxc_sim_machine *machine)
{
	tdxc_sim_memory_destroy(machine->memory);
	machine->memory = NULL;
}

static char *bytes_at(struct tdxc_sim_machine *machine, uint64_t pa)
{
	char *page = tdxc_sim_memory_page(machine->memory, pa);

	return page ? page + pa % 4096 : NULL;
}

bool tdxc_sim_machine_write64(struct tdxc_sim_machine *machine, uint64_t pa,
			      uint64_t value)
{
	char *at = bytes_at(machine, pa);

	if (at)
		memcpy(at, &value, sizeof(value));
	return at != NULL;
}

uint64_t tdxc_sim_machine_read64(struct tdxc_sim_machine *machine, uint64_t pa)
{
	const char *at = bytes_at(machine, pa);
	uint64_t value = 0;

	if (at)
		memcpy(&value, at, sizeof(value));
	return value;
}
