/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "trace.h"

/* Registers of a trace line, in its order. */
static const int line_regs[TRACE_NR_REGS] = {0, 1, 2, 8, 9, 10, 11, 12, 13};

struct player {
	struct trace trace;
	struct tdxc_sim_machine machine;
	bool powered;
	char name[TRACE_NAME_SIZE];
	struct replay_totals *totals;
	FILE *report;
	uint64_t max;
};

static void platform_of(const struct trace_platform *t,
			struct tdxc_sim_platform *p)
{
	memset(p, 0, sizeof(*p));
	p->abi = TDXC_ABI;
	p->profile = TDXC_SIM_PROFILE_1_5_01;
	p->nr_lps = (uint32_t)t->lps;
	p->nr_packages = (uint32_t)t->packages;
	p->pa_width = (uint32_t)t->pawidth;
	p->keyid_bits = (uint32_t)t->keyid_bits;
	p->shared_keyids = (uint32_t)t->shared_keyids;
	p->private_keyids = (uint32_t)t->private_keyids;
	p->fms = (uint32_t)t->fms;
	p->cache_blocks = (uint32_t)t->cacheblocks;
	p->seamrr.start = t->seamrr_base;
	p->seamrr.end = t->seamrr_base + t->seamrr_size;
	p->nr_cmrs = (uint32_t)t->nr_cmrs;
	for (size_t i = 0; i < t->nr_cmrs; i++) {
		p->cmrs[i].base = t->cmrs[i].base;
		p->cmrs[i].size = t->cmrs[i].size;
	}
}

static int power_cycle(struct player *p)
{
	struct tdxc_sim_platform platform;

	platform_of(&p->trace.platform, &platform);
	p->totals->cases++;
	if (p->powered)
		return tdxc_sim_machine_reset(&p->machine, &platform);
	p->powered = true;
	return tdxc_sim_machine_init(&p->machine, &platform, 1);
}

static void to_regs(const uint64_t *line, struct tdxc_sim_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	for (int i = 0; i < TRACE_NR_REGS; i++)
		regs->gpr[line_regs[i]] = line[i];
}

static bool may_report(const struct player *p)
{
	return p->report && p->totals->mismatches <= p->max;
}

static void print_answer(FILE *f, int outcome, const uint64_t *regs)
{
	static const char *const names[] = {"ret", "ret enter", "ret exit"};

	(void)fprintf(f, "%s", names[outcome]);
	for (int i = 0; i < TRACE_NR_REGS; i++)
		(void)fprintf(f, " %" PRIx64, regs[i]);
}

static void mismatch(struct player *p, const struct trace_answer *want,
		     enum tdxc_sim_outcome outcome,
		     const struct tdxc_sim_regs *got)
{
	uint64_t regs[TRACE_NR_REGS];

	p->totals->mismatches++;
	if (!may_report(p))
		return;
	for (int i = 0; i < TRACE_NR_REGS; i++)
		regs[i] = got->gpr[line_regs[i]];
	(void)fprintf(p->report, "%s:%u: case %s: got ", p->trace.path,
		      want->line, p->name);
	print_answer(p->report, (int)outcome, regs);
	(void)fprintf(p->report, " want ");
	print_answer(p->report, (int)want->kind, want->regs);
	(void)fputc('\n', p->report);
}

static bool agrees(const struct trace_answer *want,
		   enum tdxc_sim_outcome outcome,
		   const struct tdxc_sim_regs *got)
{
	if ((int)want->kind != (int)outcome)
		return false;
	if (want->kind == TRACE_RET_ENTER && want->nr_listed == 0)
		return true;
	for (int i = 0; i < TRACE_NR_REGS; i++) {
		if (!want->any[i] && got->gpr[line_regs[i]] != want->regs[i])
			return false;
	}
	return true;
}

static enum tdxc_sim_outcome perform(struct player *p,
				     const struct trace_request *r,
				     struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_module *m = &p->machine.module;
	uint32_t lp = (uint32_t)r->lp;
	bool in_guest = m->lps[lp].in_guest;

	to_regs(r->regs, regs);
	switch (r->kind) {
	case TRACE_TDCALL:
		if (in_guest)
			return tdxc_sim_tdcall(m, lp, regs);
		break;
	case TRACE_EXIT:
		if (!in_guest)
			break;
		tdxc_sim_interrupt_exit(m, lp, regs);
		return TDXC_SIM_EXITED;
	default:
		if (!in_guest)
			return tdxc_sim_seamcall(m, lp, regs);
		break;
	}
	/* an earlier answer went wrong: this one cannot be right */
	memset(regs, 0xFF, sizeof(*regs));
	return TDXC_SIM_RETURNED;
}

/* The call again and again until RDX is the end named; every call but the last
 * must succeed and not be there yet. Bounded: a TDMR step is 4 MiB at least. */
static enum tdxc_sim_outcome perform_until(struct player *p,
					   const struct trace_request *r,
					   struct tdxc_sim_regs *regs)
{
	uint64_t left = 1u << 20;
	enum tdxc_sim_outcome outcome;

	do {
		outcome = perform(p, r, regs);
	} while (outcome == TDXC_SIM_RETURNED && regs->gpr[0] == 0 &&
		 regs->gpr[2] != r->end && --left != 0);
	return outcome;
}

static void play_request(struct player *p, const struct trace_event *e)
{
	const struct trace_request *r = &e->request;
	struct tdxc_sim_regs regs;
	enum tdxc_sim_outcome outcome;
	uint64_t left = r->count;

	p->totals->calls++;
	if (r->lp >= p->machine.platform.nr_lps) {
		memset(&regs, 0xFF, sizeof(regs));
		mismatch(p, &e->answer, TDXC_SIM_RETURNED, &regs);
		return;
	}
	if (r->kind == TRACE_UNTIL) {
		outcome = perform_until(p, r, &regs);
	} else {
		do {
			outcome = perform(p, r, &regs);
		} while (agrees(&e->answer, outcome, &regs) && left-- > 1);
	}
	if (!agrees(&e->answer, outcome, &regs))
		mismatch(p, &e->answer, outcome, &regs);
}

static void play_fill(struct player *p, const struct trace_event *e)
{
	uint64_t pa = e->pa;
	uint64_t end = e->pa + e->len;

	for (; pa < end; pa++) {
		char *page = tdxc_sim_memory_page(p->machine.memory, pa);
		uint64_t n = 4096 - pa % 4096;

		if (!page)
			return;
		if (n > end - pa)
			n = end - pa;
		memset(page + pa % 4096, (int)e->byte, n);
		pa += n - 1;
	}
}

static void play_check(struct player *p, const struct trace_event *e)
{
	for (size_t i = 0; i < e->nr_words; i++) {
		uint64_t got =
			tdxc_sim_machine_read64(&p->machine, e->pa + 8 * i);

		if (e->words[i].any || got == e->words[i].value)
			continue;
		p->totals->mismatches++;
		if (may_report(p))
			(void)fprintf(p->report,
				      "%s:%u: case %s: got %" PRIx64
				      " at %" PRIx64 " want %" PRIx64 "\n",
				      p->trace.path, e->line, p->name, got,
				      e->pa + 8 * i, e->words[i].value);
		return;
	}
}

static int play(struct player *p, const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_CASE:
		memcpy(p->name, e->name, sizeof(p->name));
		return power_cycle(p);
	case TRACE_MEM:
		for (size_t i = 0; i < e->nr_words; i++)
			(void)tdxc_sim_machine_write64(
				&p->machine, e->pa + 8 * i, e->words[i].value);
		return 0;
	case TRACE_FILL:
		play_fill(p, e);
		return 0;
	case TRACE_CHECK:
		play_check(p, e);
		return 0;
	case TRACE_INTR:
		if (e->lp < TDXC_SIM_MAX_LPS)
			p->machine.interrupts[e->lp] = e->value != 0;
		return 0;
	case TRACE_KEYFAIL:
		p->machine.key_failures = e->value;
		p->machine.key_failure = strcmp(e->name, "busy") == 0
						 ? TDXC_SIM_KEY_BUSY
						 : TDXC_SIM_KEY_NO_ENTROPY;
		return 0;
	case TRACE_REQUEST:
		play_request(p, e);
		return 0;
	}
	return 0;
}

int replay_file(const char *path, struct replay_totals *totals, FILE *report,
		uint64_t max, char *error, size_t error_bytes)
{
	struct player *p = calloc(1, sizeof(*p));
	struct trace_event event;
	int err = 0;

	if (!p) {
		(void)snprintf(error, error_bytes, "%s: out of memory", path);
		return -1;
	}
	p->totals = totals;
	p->report = report;
	p->max = max;
	if (trace_open(&p->trace, path)) {
		while (err == 0 && trace_next(&p->trace, &event))
			err = play(p, &event);
	}
	if (p->trace.error[0] != '\0') {
		(void)snprintf(error, error_bytes, "%s:%u: %s", path,
			       p->trace.error_line, p->trace.error);
		err = -1;
	} else if (err != 0) {
		(void)snprintf(error, error_bytes,
			       "%s: platform of case %s cannot be built", path,
			       p->name);
	}
	trace_close(&p->trace);
	if (p->powered)
		tdxc_sim_machine_fini(&p->machine);
	free(p);
	return err;
}
