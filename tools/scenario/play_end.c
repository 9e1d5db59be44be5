/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The host's kernel ends: in order, and another one takes over, or in a crash,
 * which leaves the crash kernel the memory that was set aside for it.
 */
#include "play_impl.h"

#include <sched.h>
#include <tdxcore/handover.h>

#define ROUNDS	100000u
#define SAMPLES 256u
#define WORDS	(SCENARIO_PAGE / sizeof(uint64_t))
#define ALL	UINT64_MAX

struct ending {
	struct play *p;
	const struct scenario_statement *st;
	struct tdxc_handover h;
	uint64_t samples[SAMPLES]; /* pages that TDs had */
	size_t nr_samples;
	uint64_t waits;	 /* reports that nothing was achieved */
	bool standing;	 /* on the CPU that hands over */
	uint32_t inside; /* guests, in the middle of their work */
};

static void wrong(struct ending *e, const char *what, uint64_t n)
{
	play_wrong(e->p, e->st->line, "%s: %llu", what, (unsigned long long)n);
}

/* --- the crash kernel's memory ---------------------------------------------
 */

static uint64_t pattern(uint64_t pa, uint64_t value)
{
	return tdxc_sim_guest_pattern(pa, value);
}

static int write_page(struct play *p, uint64_t pa, uint64_t value)
{
	uint64_t words[WORDS];
	size_t i;

	for (i = 0; i < WORDS; i++)
		words[i] = pattern(pa + i * sizeof words[0], value);
	return tdxc_sim_machine_store(&p->host.machine, 0, pa, words,
				      sizeof words);
}

static bool holds_page(struct play *p, uint64_t pa, uint64_t value)
{
	uint64_t words[WORDS];
	size_t i;

	if (tdxc_sim_machine_load(&p->host.machine, 0, pa, words,
				  sizeof words) != TDXC_OK)
		return false;
	for (i = 0; i < WORDS; i++) {
		if (words[i] != pattern(pa + i * sizeof words[0], value))
			return false;
	}
	return true;
}

static bool has_crash(const struct scenario *s)
{
	size_t i;

	for (i = 0; i < s->nr_statements; i++) {
		if (s->statements[i].kind == SCENARIO_HANDOVER &&
		    s->statements[i].what.handover == SCENARIO_CRASH)
			return true;
	}
	return false;
}

static int reserve(struct play *p)
{
	uint64_t at;
	int err;

	if (!has_crash(p->s))
		return TDXC_OK;
	err = tdxc_sim_host_alloc(&p->host, 2, TDXC_SIM_USE_NONE, 0,
				  &p->crash_region);
	for (at = 0; at < SCENARIO_LARGE && err == TDXC_OK; at += SCENARIO_PAGE)
		err = write_page(p, p->crash_region + at, p->request->seed);
	return err;
}

bool play_prepare_end(struct play *p)
{
	const struct tdxc_coherence_config config = {
		.abi = TDXC_ABI,
		.policy = TDXC_COHERENCE_TRACKED,
		.flags = TDXC_COHERENCE_STRICT |
			 (p->s->machine.dynamic_pamt ? TDXC_COHERENCE_DISABLES
						     : 0),
		.platform = &p->host.platform,
	};
	int err = tdxc_coherence_init(&p->coherence, &config);
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++)
		tdxc_coherence_cpu_init(&p->cpus[i], &p->coherence);
	if (err == TDXC_OK)
		err = reserve(p);
	if (err != TDXC_OK)
		play_wrong(p, 0, "nothing is set aside for the end: %s",
			   tdxc_err_name(err));
	return err == TDXC_OK;
}

/* --- in order --------------------------------------------------------------
 */

/* vCPUs that are in their guests, or on their way. */
static uint32_t nr_running(const struct play *p)
{
	uint32_t nr = 0;
	size_t i;
	uint32_t n;

	for (i = 0; i < p->s->nr_tds; i++) {
		for (n = 0; p->tds[i].vm && n < p->tds[i].def->vcpus; n++)
			nr += tdxc_load_acquire(
				      &p->tds[i].vm->vcpus[n].running) != 0;
	}
	return nr;
}

static uint32_t first_online(const struct play *p)
{
	uint32_t cpu = 0;

	while (p->host.bringup.cpus[cpu].online == 0)
		cpu++;
	return cpu;
}

/* The port knows who made calls since the last flush. */
static void mark(struct play *p, uint32_t cpu)
{
	if (tdxc_load_acquire(&p->host.port.incoherent[cpu]) == 0)
		return;
	tdxc_coherence_begin(&p->cpus[cpu],
			     TDXC_COHERENCE_BY_SEAMCALL | TDXC_COHERENCE_BY_TD |
				     TDXC_COHERENCE_BY_CONVERSION);
	tdxc_coherence_end(&p->cpus[cpu]);
}

static int obey(struct ending *e, struct tdxc_handover_todo todo)
{
	struct tdxc_seamcall_diag diag;
	int err;

	switch (todo.step) {
	case TDXC_HANDOVER_STOP_TDS:
		return tdxc_handover_stopped(&e->h, nr_running(e->p));
	case TDXC_HANDOVER_DISABLE:
		if (!e->standing)
			tdxc_sim_host_take_this_lp(&e->p->host, todo.cpu);
		err = tdxc_handover_disable(&e->h, &e->p->cpus[todo.cpu],
					    &diag);
		if (!e->standing)
			tdxc_sim_host_drop_lp(&e->p->host);
		return err;
	case TDXC_HANDOVER_FLUSH:
		return tdxc_handover_flushed(&e->h, play_flush(e->p, todo.cpu));
	default:
		return TDXC_E_INVAL;
	}
}

/* To the end, whatever it is. */
static bool run(struct ending *e, enum tdxc_handover_kind kind)
{
	struct play *p = e->p;
	const struct tdxc_handover_config config = {
		.abi = TDXC_ABI,
		.kind = kind,
		.coherence = &p->coherence,
		.module = &p->host.bringup.module,
		.cpus = p->cpus,
		.nr_cpus = p->s->machine.cpus,
		.executing = first_online(p),
	};
	struct tdxc_handover_todo todo;
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++)
		mark(p, i);
	if (tdxc_handover_init(&e->h, &config) != TDXC_OK)
		return false;
	for (i = 0; i < ROUNDS; i++) {
		todo = tdxc_handover_next(&e->h);
		if (todo.step >= TDXC_HANDOVER_GO)
			return todo.step == TDXC_HANDOVER_GO;
		e->waits += obey(e, todo) != TDXC_OK;
	}
	return false;
}

/* --- TDs -------------------------------------------------------------------
 */

/* What they have is as it should be, for the last time. */
static void verify_all(struct ending *e)
{
	struct play *p = e->p;
	size_t i;

	for (i = 0; i < p->s->nr_tds && play_goes_on(p); i++) {
		struct tdxc_range all = {
			0, p->tds[i].def ? p->tds[i].def->memory : 0};

		if (play_td_lives(&p->tds[i]))
			play_verify_all(p, i, all, e->st->line);
	}
	if (play_goes_on(p))
		play_audit(p, e->st->line);
}

static void take_samples(struct ending *e)
{
	const struct tdxc_sim_host *host = &e->p->host;
	size_t i;
	size_t n;

	for (i = 0; i < host->nr_blocks; i++) {
		for (n = 0; n < 512 && e->nr_samples < SAMPLES; n++) {
			if (host->blocks[i].pages[n].state ==
			    TDXC_SIM_PAGE_LENT)
				e->samples[e->nr_samples++] =
					host->blocks[i].pa + n * SCENARIO_PAGE;
		}
	}
}

static void abandon_all(struct play *p)
{
	size_t i;

	for (i = 0; i < p->s->nr_tds; i++) {
		if (p->tds[i].vm)
			play_td_abandon(p, &p->tds[i]);
	}
}

/* --- what is left of the old one -------------------------------------------
 */

static uint64_t nr_dirty(struct play *p)
{
	const struct tdxc_sim_platform *platform = &p->host.description;
	uint32_t first = platform->shared_keyids + 1;
	uint64_t lines = 0;
	uint32_t i;

	for (i = 0; i < platform->private_keyids; i++)
		lines += tdxc_sim_machine_dirty(&p->host.machine, first + i);
	return lines;
}

static void look_at_machine(struct ending *e)
{
	struct play *p = e->p;
	struct tdxc_sim_event event;
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++) {
		if (tdxc_coherence_reasons(&p->cpus[i]) != 0 ||
		    tdxc_load_acquire(&p->host.port.incoherent[i]) != 0)
			wrong(e, "a CPU was not flushed", i);
	}
	if (nr_dirty(p) != 0)
		wrong(e, "lines of the old kernel are dirty", nr_dirty(p));
	if (tdxc_sim_machine_event(&p->host.machine, &event))
		wrong(e, "the machine reports an event", event.kind);
}

/* The next kernel uses pages that were private, and finds what it wrote. */
static void use_memory(struct ending *e)
{
	struct play *p = e->p;
	size_t i;

	for (i = 0; i < e->nr_samples; i++) {
		if (write_page(p, e->samples[i], i) != TDXC_OK)
			wrong(e, "a page cannot be written", e->samples[i]);
	}
	tdxc_sim_machine_evict(&p->host.machine, ALL);
	for (i = 0; i < e->nr_samples; i++) {
		if (!holds_page(p, e->samples[i], i))
			wrong(e, "a page was overwritten", e->samples[i]);
	}
}

static void next_kernel(struct ending *e)
{
	struct play *p = e->p;
	int err = tdxc_sim_host_next_kernel(&p->host);

	p->nr_rules = 0;
	p->ended = err != TDXC_OK || !play_prepare_end(p);
	if (!p->ended)
		return;
	play_wrong(p, e->st->line, "the next kernel has no module: %s",
		   tdxc_err_name(err));
}

static void kexec(struct ending *e)
{
	struct play *p = e->p;

	verify_all(e);
	if (!play_goes_on(p))
		return;
	tdxc_sim_host_thread_begin(&p->host);
	take_samples(e);
	if (!run(e, TDXC_HANDOVER_KEXEC) || e->h.degraded ||
	    e->h.disabled != (p->s->machine.dynamic_pamt
				      ? TDXC_DISABLE_DONE
				      : TDXC_DISABLE_NOT_TRIED))
		wrong(e, "the kernel does not end, at step", e->h.step);
	p->ended = true;
	abandon_all(p);
	look_at_machine(e);
	if (play_goes_on(p))
		use_memory(e);
	if (play_goes_on(p) && p->s->machine.dynamic_pamt)
		next_kernel(e);
	tdxc_sim_host_thread_end(&p->host);
}

/* --- crash -----------------------------------------------------------------
 */

static bool is_inside(const struct play_td *td)
{
	return __atomic_load_n(&td->vm->vcpus[0].sequence, __ATOMIC_SEQ_CST) %
		       2 ==
	       1;
}

/* A vCPU of each TD is in its guest, as long as there are CPUs beside the one
 * that crashes. */
static void let_guests_in(struct ending *e)
{
	static const struct tdxc_sim_guest_op work[] = {
		{.code = TDXC_SIM_GUEST_SPIN, .value = 1000},
		{.code = TDXC_SIM_GUEST_LOOP},
	};
	struct play *p = e->p;
	uint32_t cpus = 0;
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++)
		cpus += p->host.bringup.cpus[i].online;
	for (i = 0; i < p->s->nr_tds && e->inside + 1 < cpus; i++) {
		struct play_td *td = &p->tds[i];

		if (!play_td_lives(td) ||
		    tdxc_sim_vmm_start(td->vm, 0, work, 2) != TDXC_OK)
			continue;
		while (!is_inside(td) &&
		       tdxc_load_acquire(&td->vm->vcpus[0].running) != 0)
			(void)sched_yield();
		e->inside++;
	}
}

static void stop_guests(struct play *p)
{
	size_t i;

	for (i = 0; i < p->s->nr_tds; i++) {
		if (!p->tds[i].vm)
			continue;
		tdxc_sim_vmm_stop(p->tds[i].vm, 0);
		(void)tdxc_sim_vmm_join(p->tds[i].vm, 0);
	}
}

/* A CPU that an NMI stopped does what the table says. */
static void stop_others(struct ending *e)
{
	struct play *p = e->p;
	struct tdxc_coherence_answer answer;
	uint32_t i;

	for (i = 0; i < p->s->machine.cpus; i++) {
		if (i == e->h.config.executing)
			continue;
		mark(p, i);
		if (tdxc_coherence_decide(
			    &p->coherence, TDXC_COHERENCE_CRASH_REMOTE,
			    e->h.state, tdxc_coherence_reasons(&p->cpus[i]),
			    &answer) != TDXC_OK)
			wrong(e, "no answer for a CPU", i);
		else if (answer.action == TDXC_COHERENCE_DO_WBINVD)
			(void)play_flush(p, i);
	}
}

static void look_at_region(struct ending *e)
{
	struct play *p = e->p;
	uint64_t at;

	tdxc_sim_machine_evict(&p->host.machine, ALL);
	for (at = 0; at < SCENARIO_LARGE && play_goes_on(p);
	     at += SCENARIO_PAGE) {
		if (!holds_page(p, p->crash_region + at, p->request->seed))
			wrong(e, "the crash region was overwritten", at);
	}
}

static void crash(struct ending *e)
{
	struct play *p = e->p;
	uint64_t calls;

	verify_all(e);
	if (!play_goes_on(p))
		return;
	tdxc_sim_host_thread_begin(&p->host);
	calls = tdxc_sim_port_calls(&p->host.port, TDXC_SYS_DISABLE);
	tdxc_sim_host_take_this_lp(&p->host, first_online(p));
	e->standing = true;
	let_guests_in(e);
	if (!run(e, TDXC_HANDOVER_CRASH))
		wrong(e, "the crash has no end, at step", e->h.step);
	stop_guests(p);
	tdxc_sim_host_drop_lp(&p->host);
	stop_others(e);
	calls = tdxc_sim_port_calls(&p->host.port, TDXC_SYS_DISABLE) - calls;
	if (e->waits != 0 || (p->nr_rules == 0 && e->inside == 0 &&
			      calls != p->s->machine.dynamic_pamt))
		wrong(e, "the crash waited: calls to disable the module",
		      calls);
	p->ended = true;
	abandon_all(p);
	look_at_region(e);
	tdxc_sim_host_thread_end(&p->host);
}

/* --- a statement -----------------------------------------------------------
 */

void play_handover(struct play *p, const struct scenario_statement *st)
{
	struct ending e = {.p = p, .st = st};

	switch (st->what.handover) {
	case SCENARIO_UNSHARE_ALL:
	case SCENARIO_GUEST_CRASH:
		if (!play_td_lives(&p->tds[st->td])) {
			play_wrong(p, st->line, "TD %s is dead",
				   p->tds[st->td].def->name);
			return;
		}
		tdxc_sim_host_thread_begin(&p->host);
		play_unshare(p, st);
		tdxc_sim_host_thread_end(&p->host);
		play_td_look(p, &p->tds[st->td], st, 1);
		play_count_quarantined(p);
		break;
	case SCENARIO_KEXEC:
		kexec(&e);
		break;
	case SCENARIO_CRASH:
		crash(&e);
		break;
	}
}
