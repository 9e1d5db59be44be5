/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/trace.h"
#include "machine.h"

/* Registers of a trace line, in its order. */
static const int line_regs[TRACE_NR_REGS] = {0, 1, 2, 8, 9, 10, 11, 12, 13};

/* Steps of one SYS.TDMR.INIT: 64 TiB by 4 MiB, twice over. */
#define MAX_STEPS ((uint64_t)1 << 25)

struct player {
	struct trace trace;
	struct tdxc_sim_machine machine;
	bool powered;
	char name[TRACE_NAME_SIZE];
	struct replay_totals *totals;
	struct replay_report *report;
};

/* What came of a request. */
struct got {
	bool side_wrong; /* not made: the LP was on the other side */
	enum tdxc_sim_outcome outcome;
	struct tdxc_sim_regs regs;
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
	p->powered = tdxc_sim_machine_init(&p->machine, &platform, 1) == 0;
	return p->powered ? 0 : -1;
}

static void to_regs(const uint64_t *line, struct tdxc_sim_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	for (int i = 0; i < TRACE_NR_REGS; i++)
		regs->gpr[line_regs[i]] = line[i];
}

/* Count a difference; whether it is still to be printed. */
static bool note_mismatch(struct player *p)
{
	p->totals->mismatches++;
	if (!p->report || p->report->printed >= p->report->max)
		return false;
	p->report->printed++;
	return true;
}

static void print_answer(FILE *f, int kind, const uint64_t *regs,
			 const bool *any)
{
	static const char *const names[] = {"ret", "ret enter", "ret exit"};

	(void)fputs(names[kind], f);
	for (int i = 0; i < TRACE_NR_REGS; i++) {
		if (any && any[i])
			(void)fputs(" *", f);
		else
			(void)fprintf(f, " %" PRIx64, regs[i]);
	}
}

static void print_want(FILE *f, const struct trace_answer *want)
{
	(void)fputs(" want ", f);
	if (want->kind == TRACE_RET_ENTER && want->nr_listed == 0)
		(void)fputs("ret enter", f);
	else
		print_answer(f, (int)want->kind, want->regs, want->any);
	(void)fputc('\n', f);
}

static void mismatch(struct player *p, const struct trace_event *e,
		     const struct got *got)
{
	uint64_t regs[TRACE_NR_REGS];
	FILE *f;

	if (!note_mismatch(p))
		return;
	f = p->report->stream;
	(void)fprintf(f, "%s:%u: case %s: got ", p->trace.path, e->answer.line,
		      p->name);
	if (got->side_wrong) {
		(void)fprintf(f, "nothing, LP %" PRIx64 " is not in guest",
			      e->request.lp);
	} else {
		for (int i = 0; i < TRACE_NR_REGS; i++)
			regs[i] = got->regs.gpr[line_regs[i]];
		print_answer(f, (int)got->outcome, regs, NULL);
	}
	print_want(f, &e->answer);
}

static bool agrees(const struct trace_answer *want, const struct got *got)
{
	if (got->side_wrong || (int)want->kind != (int)got->outcome)
		return false;
	if (want->kind == TRACE_RET_ENTER && want->nr_listed == 0)
		return true;
	for (int i = 0; i < TRACE_NR_REGS; i++) {
		if (!want->any[i] &&
		    got->regs.gpr[line_regs[i]] != want->regs[i])
			return false;
	}
	return true;
}

/* The guest on an LP goes, whatever the trace says of it. */
static void force_out(struct player *p, uint32_t lp)
{
	struct tdxc_sim_regs regs;

	if (p->machine.module.lps[lp].in_guest)
		tdxc_sim_machine_interrupt_exit(&p->machine, lp, &regs);
}

/* The LP is a case's number below the platform's, which the reader checks. */
static void perform(struct player *p, const struct trace_request *r,
		    struct got *got)
{
	uint32_t lp = (uint32_t)r->lp;
	bool host = r->kind == TRACE_CALL || r->kind == TRACE_UNTIL;

	to_regs(r->regs, &got->regs);
	got->side_wrong = false;
	if (host) {
		/* in guest only after an answer that went wrong */
		force_out(p, lp);
		got->outcome =
			tdxc_sim_machine_seamcall(&p->machine, lp, &got->regs);
	} else if (!p->machine.module.lps[lp].in_guest) {
		got->side_wrong = true;
	} else if (r->kind == TRACE_TDCALL) {
		got->outcome =
			tdxc_sim_machine_tdcall(&p->machine, lp, &got->regs);
	} else {
		tdxc_sim_machine_interrupt_exit(&p->machine, lp, &got->regs);
		got->outcome = TDXC_SIM_EXITED;
	}
}

/* The call again and again until RDX is the end named; every call but the last
 * must succeed and not be there yet. A step need not be the reference's. */
static void perform_until(struct player *p, const struct trace_request *r,
			  struct got *got)
{
	uint64_t left = MAX_STEPS;

	do {
		perform(p, r, got);
	} while (got->outcome == TDXC_SIM_RETURNED &&
		 got->regs.gpr[TDXC_SIM_RAX] == 0 &&
		 got->regs.gpr[TDXC_SIM_RDX] != r->end && --left != 0);
}

/* Every one of the calls is made, so that what follows finds the state it
 * expects; `got` is the first answer that differs, or the last. */
static void perform_repeat(struct player *p, const struct trace_event *e,
			   struct got *got)
{
	uint64_t left = e->request.count;
	struct got more;

	perform(p, &e->request, got);
	while (left-- > 1) {
		perform(p, &e->request, &more);
		if (agrees(&e->answer, got))
			*got = more;
	}
}

/* Where the trace has the LP after this request. */
static bool belongs_in_guest(const struct trace_event *e)
{
	return e->answer.kind == TRACE_RET_ENTER ||
	       (e->answer.kind == TRACE_RET && e->request.kind == TRACE_TDCALL);
}

static void play_request(struct player *p, const struct trace_event *e)
{
	struct got got = {0};

	p->totals->calls++;
	if (e->request.kind == TRACE_UNTIL)
		perform_until(p, &e->request, &got);
	else
		perform_repeat(p, e, &got);
	if (agrees(&e->answer, &got))
		return;
	mismatch(p, e, &got);
	if (!belongs_in_guest(e))
		force_out(p, (uint32_t)e->request.lp);
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
		if (note_mismatch(p))
			(void)fprintf(p->report->stream,
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

static struct player *new_player(struct replay_totals *totals,
				 struct replay_report *report)
{
	struct player *p = calloc(1, sizeof(*p));

	if (p) {
		p->totals = totals;
		p->report = report;
	}
	return p;
}

/* All of an open trace. */
static int run(struct player *p, char *error, size_t error_bytes)
{
	struct trace_event event;

	while (trace_next(&p->trace, &event)) {
		if (play(p, &event) == 0)
			continue;
		(void)snprintf(error, error_bytes,
			       "%s:%u: case %s: this platform cannot be built",
			       p->trace.path, event.line, p->name);
		return -1;
	}
	if (p->trace.error[0] == '\0')
		return 0;
	(void)snprintf(error, error_bytes, "%s:%u: %s", p->trace.path,
		       p->trace.error_line != 0 ? p->trace.error_line : 1,
		       p->trace.error);
	return -1;
}

static void end(struct player *p)
{
	trace_close(&p->trace);
	if (p->powered)
		tdxc_sim_machine_fini(&p->machine);
	free(p);
}

int replay_file(const char *path, struct replay_totals *totals,
		struct replay_report *report, char *error, size_t error_bytes)
{
	struct player *p = new_player(totals, report);
	int err = -1;

	if (!p) {
		(void)snprintf(error, error_bytes, "%s: out of memory", path);
		return -1;
	}
	if (trace_open(&p->trace, path))
		err = run(p, error, error_bytes);
	else
		(void)snprintf(error, error_bytes, "%s: %s", path,
			       p->trace.error);
	end(p);
	return err;
}

int replay_text(const char *name, const char *text, size_t size,
		struct replay_totals *totals, struct replay_report *report,
		char *error, size_t error_bytes)
{
	struct player *p = new_player(totals, report);
	int err;

	if (!p) {
		(void)snprintf(error, error_bytes, "%s: out of memory", name);
		return -1;
	}
	trace_open_text(&p->trace, name, text, size);
	err = run(p, error, error_bytes);
	end(p);
	return err;
}
