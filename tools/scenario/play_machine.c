/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory and processors that come and go: the library judges, and what it says
 * is what happens.
 */
#include "play_impl.h"

#include <stdlib.h>
#include <tdxcore/hotplug.h>

#define RANGES 4u

/* A line for people, below the statement's. */
static void tell(const struct play *p, const char *text)
{
	if (p->request->log)
		fprintf(p->request->log, "  %10s        %s\n", "", text);
}

/* --- memory ----------------------------------------------------------------
 */

/* What the module was told of; the caller's to free. */
static struct tdxc_range *list_memory(const struct play *p, size_t *nr)
{
	const struct tdxc_sim_host_config *config = &p->host.config;
	struct tdxc_range *list = calloc(config->nr_ram, sizeof *list);
	size_t i;

	if (!list)
		return NULL;
	for (i = 0; i < config->nr_ram; i++)
		list[i] = config->ram[i].range;
	tdxc_range_sort(list, config->nr_ram);
	*nr = tdxc_range_join(list, config->nr_ram);
	return list;
}

static bool judge(struct play *p, enum tdxc_hotplug_event event,
		  const struct tdxc_range *range,
		  struct tdxc_hotplug_verdict *verdict)
{
	const struct tdxc_module *m = &p->host.bringup.module;
	struct tdxc_hotplug_state state = {
		.abi = TDXC_ABI,
		.flags = p->s->machine.track ? TDXC_HOTPLUG_TRACK : 0,
		.tdx = TDXC_HOTPLUG_TDX_UP,
		.seamrr_enabled = p->host.platform.seamrr_enabled,
		.cmrs = m->cmrs,
		.nr_cmrs = m->nr_cmrs,
	};
	struct tdxc_range ranges[RANGES];
	char text[TDXC_HOTPLUG_MESSAGE_BYTES];
	struct tdxc_range *memory = list_memory(p, &state.nr_memory);
	int err = TDXC_E_NOMEM;

	state.memory = memory;
	if (memory)
		err = tdxc_hotplug_judge(&state, event, range, ranges, RANGES,
					 verdict);
	free(memory);
	if (err != TDXC_OK) {
		play_no_memory(p);
		return false;
	}
	tdxc_hotplug_message(event, range, verdict,
			     verdict->nr > 0 ? &ranges[0] : NULL, text,
			     sizeof text);
	tell(p, text);
	return true;
}

/* Whether that is what the scenario says. */
static bool is_expected(struct play *p, const struct scenario_statement *st,
			enum tdxc_hotplug_answer answer, const char *reason)
{
	static const enum tdxc_hotplug_answer answers[] = {
		[SCENARIO_ALLOWED] = TDXC_HOTPLUG_ALLOW,
		[SCENARIO_WARNED] = TDXC_HOTPLUG_WARN,
		[SCENARIO_REFUSED] = TDXC_HOTPLUG_REFUSE,
	};

	if (answers[st->verdict] == answer)
		return true;
	play_wrong(p, st->line, "%s expected, but the answer is %s: %s",
		   scenario_verdict_name(st->verdict),
		   tdxc_hotplug_answer_name(answer), reason);
	return false;
}

static bool is_cmr(const struct play *p, uint64_t pa)
{
	const struct tdxc_module *m = &p->host.bringup.module;
	size_t i;

	for (i = 0; i < m->nr_cmrs; i++) {
		if (pa >= m->cmrs[i].start && pa < m->cmrs[i].end)
			return true;
	}
	return false;
}

/* Which pages the allocator hands out for a use. */
static void probe(struct play *p, const struct scenario_statement *st,
		  enum tdxc_sim_page_use use, bool in_cmr)
{
	uint64_t pa = 0;

	if (tdxc_sim_host_alloc(&p->host, 1, use, 0, &pa) != TDXC_OK) {
		play_wrong(p, st->line, "no page is left");
		return;
	}
	if (is_cmr(p, pa) != in_cmr)
		play_wrong(p, st->line, "%s page comes from 0x%llx",
			   in_cmr ? "a private" : "a shared",
			   (unsigned long long)pa);
	tdxc_sim_host_free(&p->host, 1, pa);
}

static void add_memory(struct play *p, const struct scenario_statement *st)
{
	struct tdxc_hotplug_verdict verdict;
	int err;

	if (!judge(p, TDXC_HOTPLUG_MEMORY_ONLINE, &st->range, &verdict))
		return;
	if (verdict.answer == TDXC_HOTPLUG_REFUSE) {
		play_wrong(p, st->line, "it came, but may not go online: %s",
			   tdxc_hotplug_reason_text(verdict.reason));
		return;
	}
	err = tdxc_sim_host_plug(&p->host, st->range);
	if (err != TDXC_OK) {
		play_wrong(p, st->line, "it cannot come: %s",
			   tdxc_err_name(err));
		return;
	}
	probe(p, st, TDXC_SIM_USE_SHARED, false);
	probe(p, st, TDXC_SIM_USE_PRIVATE, true);
}

static void remove_memory(struct play *p, const struct scenario_statement *st)
{
	int err = tdxc_sim_host_unplug(&p->host, st->range);

	if (err == TDXC_E_BUSY)
		play_wrong(p, st->line, "pages of it are in use");
	else if (tdxc_sim_host_page(&p->host, st->range.start).state !=
		 TDXC_SIM_PAGE_ABSENT)
		play_wrong(p, st->line, "it is still there");
}

/* Nothing may have come of what was refused. */
static void look_refused(struct play *p, const struct scenario_statement *st,
			 size_t blocks)
{
	if (p->host.nr_blocks != blocks)
		play_wrong(p, st->line,
			   "it was refused, and the allocator "
			   "has it all the same");
}

void play_memory(struct play *p, const struct scenario_statement *st)
{
	static const enum tdxc_hotplug_event events[] = {
		[SCENARIO_PLUG_ACPI] = TDXC_HOTPLUG_ACPI_ADD,
		[SCENARIO_PLUG_DRIVER] = TDXC_HOTPLUG_DRIVER_ADD,
		[SCENARIO_UNPLUG] = TDXC_HOTPLUG_ACPI_REMOVE,
	};
	size_t blocks = p->host.nr_blocks;
	struct tdxc_hotplug_verdict verdict;

	if (!judge(p, events[st->what.memory], &st->range, &verdict) ||
	    !is_expected(p, st, verdict.answer,
			 tdxc_hotplug_reason_text(verdict.reason)))
		return;
	if (verdict.answer == TDXC_HOTPLUG_REFUSE)
		look_refused(p, st, blocks);
	else if (st->what.memory == SCENARIO_UNPLUG)
		remove_memory(p, st);
	else
		add_memory(p, st);
}

/* --- processors ------------------------------------------------------------
 */

int play_flush(struct play *p, uint32_t cpu)
{
	int err;

	tdxc_coherence_flush_begin(&p->cpus[cpu]);
	err = tdxc_sim_machine_wbinvd(&p->host.machine, cpu);
	if (err != TDXC_OK)
		return err;
	tdxc_store_release(&p->host.port.incoherent[cpu], 0);
	(void)tdxc_coherence_flush_end(&p->cpus[cpu]);
	return TDXC_OK;
}

static uint32_t nr_online(const struct play *p)
{
	uint32_t nr = 0;
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++)
		nr += p->host.bringup.cpus[i].online;
	return nr;
}

/* The platform, the module, and that somebody must be left. */
static const char *may_leave(struct play *p, uint32_t cpu)
{
	uint32_t keyids = tdxc_keyids_in_use(&p->host.keyids);
	uint32_t package;

	if (p->host.bringup.cpus[cpu].online == 0)
		return "it is offline";
	if (nr_online(p) == 1)
		return "it is the last";
	if (tdxc_module_cpu_may_leave(&p->host.bringup.module, cpu, keyids,
				      &package) != TDXC_OK)
		return "its package has no other, and KeyIDs are in use";
	return NULL;
}

static const char *may_join(struct play *p, uint32_t cpu)
{
	if (p->host.bringup.cpus[cpu].online != 0)
		return "it is online";
	if (tdxc_module_cpu_may_join(&p->host.bringup.module, cpu) != TDXC_OK)
		return "the module does not know it";
	return NULL;
}

/* What it did for TDs goes elsewhere, and its caches to memory. */
static void leave(struct play *p, const struct scenario_statement *st)
{
	struct tdxc_coherence_answer answer;
	int err = TDXC_OK;
	size_t i;

	for (i = 0; i < p->s->nr_tds && err == TDXC_OK; i++) {
		if (play_td_lives(&p->tds[i]))
			err = tdxc_sim_vmm_leave_lp(p->tds[i].vm, st->cpu);
	}
	if (err == TDXC_OK)
		tdxc_sim_host_lp_offline(&p->host, st->cpu);
	if (err == TDXC_OK &&
	    tdxc_load_acquire(&p->host.port.incoherent[st->cpu]) != 0) {
		tdxc_coherence_begin(&p->cpus[st->cpu],
				     TDXC_COHERENCE_BY_SEAMCALL);
		tdxc_coherence_end(&p->cpus[st->cpu]);
	}
	if (err == TDXC_OK)
		err = tdxc_coherence_decide(
			&p->coherence, TDXC_COHERENCE_CPU_OFFLINE,
			TDXC_COHERENCE_CALLED,
			tdxc_coherence_reasons(&p->cpus[st->cpu]), &answer);
	if (err == TDXC_OK && (answer.action == TDXC_COHERENCE_DO_WBINVD ||
			       answer.action == TDXC_COHERENCE_DO_WBNOINVD))
		err = play_flush(p, st->cpu);
	if (err != TDXC_OK)
		play_wrong(p, st->line, "cpu %u cannot go: %s", st->cpu,
			   tdxc_err_name(err));
	else if (tdxc_coherence_reasons(&p->cpus[st->cpu]) != 0)
		play_wrong(p, st->line, "cpu %u went with lines in its caches",
			   st->cpu);
}

void play_cpu(struct play *p, const struct scenario_statement *st)
{
	bool goes = st->what.cpu == SCENARIO_OFFLINE;
	struct tdxc_hotplug_verdict verdict;
	const char *why;

	if (!judge(p, goes ? TDXC_HOTPLUG_CPU_OFFLINE : TDXC_HOTPLUG_CPU_ONLINE,
		   NULL, &verdict))
		return;
	why = goes ? may_leave(p, st->cpu) : may_join(p, st->cpu);
	if (!is_expected(p, st, why ? TDXC_HOTPLUG_REFUSE : verdict.answer,
			 why ? why : tdxc_hotplug_reason_text(verdict.reason)))
		return;
	if (why)
		tell(p, why);
	else if (goes)
		leave(p, st);
	else
		tdxc_sim_host_lp_online(&p->host, st->cpu);
}
