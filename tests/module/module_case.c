/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "module_case.h"

#include <stdlib.h>
#include <string.h>

#define MIB 0x100000ull
#define GIB 0x40000000ull

void module_case_platform(struct tdxc_sim_platform *platform)
{
	*platform = (struct tdxc_sim_platform){
		.abi = TDXC_ABI,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.nr_lps = MODULE_CASE_LPS,
		.nr_packages = MODULE_CASE_PACKAGES,
		.pa_width = 52,
		.keyid_bits = 6,
		.shared_keyids = 31,
		.private_keyids = 32,
		.fms = 0xA06D0, /* family 6, model ADh: without the erratum */
		.cache_blocks = 4,
		.seamrr = {0x90000000, 0x98000000},
		.cmrs = {{MIB, GIB - MIB}, {4 * GIB, 2 * GIB}},
		.nr_cmrs = 2,
	};
}

/* --- the module's answers, and a test's ----------------------------------- */

static uint64_t count(uint64_t *seen)
{
	return __atomic_add_fetch(seen, 1, __ATOMIC_RELAXED);
}

static const struct module_case_answer *find_answer(struct module_case *c,
						    uint64_t rax)
{
	size_t i;

	for (i = 0; i < c->nr_answers; i++) {
		struct module_case_answer *a = &c->answers[i];
		uint64_t seen;

		if (a->leaf != rax && a->leaf != MODULE_CASE_ANY_LEAF)
			continue;
		seen = count(&a->seen);
		if (seen >= a->nth && (a->most == 0 || seen < a->nth + a->most))
			return a;
	}
	return NULL;
}

static uint64_t answered_call(void *ctx, uint64_t rax,
			      struct tdxc_seamcall_regs *regs,
			      enum tdxc_seamcall_shape shape)
{
	struct module_case *c = ctx;
	const struct module_case_answer *a = find_answer(c, rax);

	if (!a)
		return tdxc_sim_port_seamcall_ops.call(&c->port, rax, regs,
						       shape);
	tdxc_sim_port_note(&c->port, TDXC_SIM_PORT_CALL, rax, regs->rcx);
	if (shape != TDXC_SEAMCALL_IN)
		regs->rdx = a->rdx;
	return a->status;
}

static const struct tdxc_seamcall_ops answered_ops = {
	.abi = TDXC_ABI,
	.call = answered_call,
};

void module_case_answer(struct module_case *c,
			struct module_case_answer *answers, size_t n)
{
	c->answers = answers;
	c->nr_answers = n;
}

/* --- the machine ------------------------------------------------------------
 */

static void describe_ram(struct module_case *c)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		const struct tdxc_cmr *cmr = &c->machine.platform.cmrs[i];

		c->ram[i].range.start = cmr->base;
		c->ram[i].range.end = cmr->base + cmr->size;
	}
}

static void build(struct module_case *c,
		  const struct tdxc_sim_platform *platform,
		  const struct tdxc_sim_machine_options *machine)
{
	memset(c, 0, sizeof(*c));
	if (platform)
		c->platform = *platform;
	else
		module_case_platform(&c->platform);
	if (tdxc_sim_machine_init_with(&c->machine, &c->platform, 1, machine) !=
	    0)
		abort();
	describe_ram(c);
	c->port.machine = &c->machine;
	c->port.journal = c->journal;
	c->port.journal_room = MODULE_CASE_JOURNAL;
}

static void prepare(struct module_case *c,
		    const struct tdxc_sim_bringup_config *options)
{
	struct tdxc_sim_bringup_config config = {0};

	if (options)
		config = *options;
	config.port = &c->port;
	config.ram = c->ram;
	config.nr_ram = 2;
	if (tdxc_sim_bringup_init(&c->b, &config) != TDXC_OK)
		abort();
	c->b.module.config.port.ops = &answered_ops;
	c->b.module.config.port.ctx = c;
}

void module_case_up(struct module_case *c,
		    const struct tdxc_sim_platform *platform,
		    const struct tdxc_sim_bringup_config *options)
{
	const struct tdxc_sim_machine_options machine = {0};

	build(c, platform, &machine);
	prepare(c, options);
}

void module_case_up_with_lines(struct module_case *c,
			       const struct tdxc_sim_platform *platform)
{
	const struct tdxc_sim_machine_options machine = {.lines = true};

	build(c, platform, &machine);
	prepare(c, NULL);
}

void module_case_down(struct module_case *c)
{
	tdxc_sim_bringup_fini(&c->b);
	tdxc_sim_machine_fini(&c->machine);
}

/* --- the journal ------------------------------------------------------------
 */

size_t module_case_acts(const struct module_case *c, enum tdxc_sim_port_act act)
{
	size_t n = tdxc_sim_port_journalled(&c->port);
	size_t acts = 0;
	size_t i;

	for (i = 0; i < n; i++)
		acts += c->journal[i].act == act;
	return acts;
}

size_t module_case_first(const struct module_case *c,
			 enum tdxc_sim_port_act act)
{
	size_t n = tdxc_sim_port_journalled(&c->port);
	size_t i;

	for (i = 0; i < n && c->journal[i].act != act; i++)
		;
	return i;
}

size_t module_case_last(const struct module_case *c, enum tdxc_sim_port_act act)
{
	size_t i = tdxc_sim_port_journalled(&c->port);

	while (i > 0 && c->journal[i - 1].act != act)
		i--;
	return i == 0 ? MODULE_CASE_JOURNAL : i - 1;
}
