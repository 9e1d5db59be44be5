/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Failures on purpose, counters, expectations, the audit. */
#include "play_impl.h"

#include <string.h>

/* TDX_OPERAND_BUSY of no operand in particular; TDX_OPERAND_INVALID of RCX. */
#define STATUS_BUSY 0x8000020000000000ull
#define STATUS_FAIL 0xC000010000000001ull

/* --- inject ----------------------------------------------------------------
 */

/* Rules are added to, or all dropped; the counts of those in force go on from
 * zero. */
void play_inject(struct play *p, const struct scenario_statement *st)
{
	struct tdxc_sim_fault_rule *rule = &p->rules[p->nr_rules];

	tdxc_sim_host_no_faults(&p->host);
	if (st->what.inject == SCENARIO_INJECT_OFF) {
		p->nr_rules = 0;
		return;
	}
	if (p->nr_rules == PLAY_RULES) {
		play_wrong(p, st->line, "more than %u failures in force",
			   PLAY_RULES);
		return;
	}
	memset(rule, 0, sizeof *rule);
	rule->leaf = st->leaf == SCENARIO_ANY_LEAF ? TDXC_SIM_FAULT_ANY_LEAF
						   : st->leaf;
	rule->action = TDXC_SIM_FAULT_STATUS;
	if (st->what.inject == SCENARIO_INJECT_BUSY) {
		rule->value = STATUS_BUSY;
		rule->per_million = 1000000 / st->times;
	} else {
		rule->value = STATUS_FAIL;
		rule->nth = st->times;
		rule->most = 1;
	}
	p->nr_rules++;
	tdxc_sim_host_faults(&p->host, p->rules, p->nr_rules,
			     p->request->seed ^ st->line);
}

/* --- audit -----------------------------------------------------------------
 */

void play_audit_wrong(struct play *p, size_t line, const char *who,
		      const char *text)
{
	struct play_outcome *out = p->out;

	if (!p->audit_wrong)
		(void)snprintf(out->audit, sizeof out->audit, "%s%s: %s",
			       who[0] ? "TD " : "the machine", who, text);
	p->audit_wrong = true;
	play_wrong(p, line, "audit: %s", out->audit);
}

static void audit_machine(struct play *p, size_t line)
{
	char text[160];

	if (tdxc_sim_host_check(&p->host, text, sizeof text) != 0)
		play_audit_wrong(p, line, "", text);
}

void play_audit(struct play *p, size_t line)
{
	char text[160];
	size_t i;

	tdxc_sim_host_thread_begin(&p->host);
	audit_machine(p, line);
	for (i = 0; i < p->s->nr_tds; i++) {
		if (play_td_lives(&p->tds[i]) &&
		    tdxc_sim_vmm_compare(p->tds[i].vm, text, sizeof text) != 0)
			play_audit_wrong(p, line, p->tds[i].def->name, text);
	}
	tdxc_sim_host_thread_end(&p->host);
}

/* Where the host's kernel has ended, the audit before its end was the last. */
static void last_audit(struct play *p)
{
	tdxc_sim_host_thread_begin(&p->host);
	if (!p->ended)
		audit_machine(p, 0);
	tdxc_sim_host_thread_end(&p->host);
	if (!p->audit_wrong)
		(void)snprintf(p->out->audit, sizeof p->out->audit, "ok");
}

/* --- counters --------------------------------------------------------------
 */

/* Pages may come back with their TD: what counts is the most there were. */
void play_count_quarantined(struct play *p)
{
	uint64_t now = tdxc_sim_host_count(&p->host, TDXC_SIM_PAGE_QUARANTINED);

	if (now > p->out->quarantined)
		p->out->quarantined = now;
}

void play_count(struct play *p)
{
	struct play_outcome *out = p->out;
	size_t i;

	tdxc_sim_host_no_faults(&p->host);
	last_audit(p);
	for (i = 0; i < TDXC_SIM_PORT_LEAVES; i++)
		out->seamcalls[i] = tdxc_sim_port_calls(&p->host.port, i);
	for (i = 0; i < TDXC_AGAIN_KINDS; i++)
		out->retries += p->host.port.again[i];
	if (p->host.bare)
		return;
	play_count_quarantined(p);
	out->quarantined_still =
		tdxc_sim_host_count(&p->host, TDXC_SIM_PAGE_QUARANTINED);
}

static uint64_t counter(const struct play *p,
			const struct scenario_statement *st)
{
	const struct play_outcome *out = p->out;

	switch (st->what.counter) {
	case SCENARIO_COUNT_TDS:
		return out->tds;
	case SCENARIO_COUNT_VERIFIED:
		return out->bytes_verified;
	case SCENARIO_COUNT_BROADCASTS:
		return out->broadcasts;
	case SCENARIO_COUNT_RETRIES:
		return out->retries;
	case SCENARIO_COUNT_QUARANTINED:
		return out->quarantined;
	case SCENARIO_COUNT_SEAMCALLS:
		break;
	}
	return out->seamcalls[st->leaf];
}

static bool holds(uint64_t value, const struct scenario_statement *st)
{
	switch (st->relation) {
	case SCENARIO_EQUAL:
		return value == st->value;
	case SCENARIO_AT_LEAST:
		return value >= st->value;
	case SCENARIO_AT_MOST:
		break;
	}
	return value <= st->value;
}

/* What every scenario must show is asked for last: what it says itself is more
 * telling. */
void play_expectations(struct play *p)
{
	bool quarantine_said = false;
	size_t i;

	for (i = 0; i < p->s->nr_statements; i++) {
		const struct scenario_statement *st = &p->s->statements[i];

		if (st->kind != SCENARIO_EXPECT)
			continue;
		quarantine_said =
			quarantine_said ||
			st->what.counter == SCENARIO_COUNT_QUARANTINED;
		if (!holds(counter(p, st), st))
			play_wrong(p, st->line, "%s, but it is %llu", st->text,
				   (unsigned long long)counter(p, st));
	}
	if (p->out->quarantined > 0 && !quarantine_said)
		play_wrong(p, 0,
			   "%llu pages were quarantined, and the scenario does "
			   "not expect any",
			   (unsigned long long)p->out->quarantined);
	if (p->out->bytes_verified == 0)
		play_wrong(p, 0, "no byte was verified");
}
