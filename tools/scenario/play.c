/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* From the first statement to the last, and what all parts need. */
#include "play_impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/run.h"

#define SEAMRR_BYTES ((uint64_t)128 << 20)

double play_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t play_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

/* --- what is wrong ---------------------------------------------------------
 */

static void explain(struct play *p, enum play_result result, size_t line,
		    const char *format, va_list args)
{
	(void)pthread_mutex_lock(&p->mutex);
	if (p->out->result == PLAY_RIGHT) {
		p->out->result = result;
		p->out->line = line;
		(void)vsnprintf(p->out->why, sizeof p->out->why, format, args);
	}
	tdxc_store_release(&p->wrong, 1);
	(void)pthread_mutex_unlock(&p->mutex);
}

void play_wrong(struct play *p, size_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	explain(p, PLAY_WRONG, line, format, args);
	va_end(args);
}

static void give_up(struct play *p, enum play_result result, const char *format,
		    ...)
{
	va_list args;

	va_start(args, format);
	explain(p, result, 0, format, args);
	va_end(args);
}

void play_no_memory(struct play *p)
{
	give_up(p, PLAY_NO_MEMORY, "out of memory");
}

bool play_goes_on(struct play *p)
{
	return tdxc_load_acquire(&p->wrong) == 0;
}

/* --- what guests must find -------------------------------------------------
 */

uint64_t play_value(const struct play *p, uint32_t stamp)
{
	uint64_t state = p->request->seed ^ (uint64_t)stamp << 32;

	return play_random(&state);
}

uint32_t play_stamp(struct play *p)
{
	return __atomic_add_fetch(&p->last_stamp, 1, __ATOMIC_RELAXED);
}

uint64_t play_slot_end(const struct play_td *td, uint64_t at, uint64_t end)
{
	struct tdxc_range slot;
	uint32_t i;

	for (i = 0; i < td->def->slots; i++) {
		slot = scenario_slot(td->def, i);
		if (at < slot.end)
			return slot.end < end ? slot.end : end;
	}
	return end;
}

uint64_t play_alike(const struct play_td *td, uint64_t at, uint64_t end,
		    bool stamped)
{
	size_t last = play_slot_end(td, at, end) / SCENARIO_PAGE;
	size_t first = at / SCENARIO_PAGE;
	size_t i = first;

	while (i < last && td->is_shared[i] == td->is_shared[first] &&
	       (!stamped || td->stamps[i] == td->stamps[first]))
		i++;
	return i * SCENARIO_PAGE;
}

void play_forget(struct play_td *td, struct tdxc_range range, bool shared_too)
{
	size_t i;

	for (i = range.start / SCENARIO_PAGE; i < range.end / SCENARIO_PAGE;
	     i++) {
		if (shared_too || !td->is_shared[i])
			td->stamps[i] = 0;
	}
}

/* A set that is full goes on in an array of twice the room. */
static int grow_tracker(struct tdxc_tracker *t)
{
	size_t room = t->room * 2 + 16;
	struct tdxc_range *ranges = calloc(room, sizeof *ranges);
	struct tdxc_range *old = NULL;
	int err;

	if (!ranges)
		return TDXC_E_NOMEM;
	err = tdxc_tracker_move(t, ranges, room, &old);
	free(old);
	return err;
}

bool play_set_shared(struct play_td *td, struct tdxc_range range, bool shared)
{
	int (*change)(struct tdxc_tracker * t, struct tdxc_range r) =
		shared ? tdxc_tracker_add : tdxc_tracker_remove;
	int err;

	memset(td->is_shared + range.start / SCENARIO_PAGE, shared,
	       tdxc_range_size(range) / SCENARIO_PAGE);
	(void)pthread_mutex_lock(&td->tracker_mutex);
	err = change(&td->tracker, range);
	if (err == TDXC_E_NOSPC)
		err = grow_tracker(&td->tracker);
	if (err == TDXC_OK)
		err = change(&td->tracker, range);
	(void)pthread_mutex_unlock(&td->tracker_mutex);
	return err == TDXC_OK;
}

/* --- at the same time ------------------------------------------------------
 */

/* A thread: a host statement, or a vCPU's part of a guest statement. */
struct part {
	struct play *p;
	const struct scenario_statement *st;
	uint32_t index;
	bool alone;
	bool started;
	pthread_t thread;
};

static void begin_guest(struct play *p, const struct scenario_statement *st)
{
	p->guests++;
	p->tds[st->td].guests++;
}

static void end_guest(struct play *p, const struct scenario_statement *st)
{
	(void)__atomic_fetch_sub(&p->tds[st->td].guests, 1, __ATOMIC_RELEASE);
	(void)__atomic_fetch_sub(&p->guests, 1, __ATOMIC_RELEASE);
}

static void *play_part(void *arg)
{
	struct part *part = arg;
	struct play *p = part->p;

	tdxc_sim_host_thread_begin(&p->host);
	if (part->st->kind == SCENARIO_HOST)
		play_host(p, part->st, part->alone);
	else if (part->st->kind == SCENARIO_GUEST)
		play_guest(p, part->st, part->index);
	else
		play_unshare(p, part->st);
	tdxc_sim_host_thread_end(&p->host);
	if (part->st->kind == SCENARIO_GUEST)
		end_guest(p, part->st);
	return NULL;
}

static uint32_t parts_of(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_GUEST ? st->nr_vcpus : 1;
}

static bool is_migrate(const struct scenario_statement *st)
{
	return st->kind == SCENARIO_HOST && st->what.host == SCENARIO_MIGRATE;
}

static size_t make_parts(struct play *p, const struct scenario_statement *first,
			 size_t nr, struct part *parts)
{
	uint64_t random = p->request->seed ^ first->line;
	size_t n = 0;
	size_t i;
	uint32_t k;

	for (i = 0; i < nr; i++) {
		for (k = 0; k < parts_of(&first[i]); k++) {
			parts[n++] = (struct part){.p = p,
						   .st = &first[i],
						   .index = k,
						   .alone = nr == 1};
			if (first[i].kind == SCENARIO_GUEST)
				begin_guest(p, &first[i]);
		}
		/* However short the guests are, each of their vCPUs is asked to
		 * move before it enters. */
		if (is_migrate(&first[i]))
			play_migrate(p, &first[i], &random);
	}
	return n;
}

static void look_at_migrate(struct play *p, const struct scenario_statement *st)
{
	struct play_td *td = &p->tds[st->td];

	if (!is_migrate(st) || !play_goes_on(p) || !play_td_lives(td))
		return;
	if (tdxc_xchg(&td->moved, 0) == 0 && play_moved(td) == 0)
		play_wrong(p, st->line, "TD %s: no vCPU moved", td->def->name);
}

static bool all_live(struct play *p, const struct scenario_statement *first,
		     size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!play_td_lives(&p->tds[first[i].td])) {
			play_wrong(p, first[i].line, "TD %s is dead",
				   p->tds[first[i].td].def->name);
			return false;
		}
	}
	return true;
}

static void join_all(struct part *parts, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (parts[i].started)
			(void)pthread_join(parts[i].thread, NULL);
	}
}

void play_together(struct play *p, const struct scenario_statement *first,
		   size_t nr)
{
	size_t room = 0;
	struct part *parts;
	size_t i;

	if (!all_live(p, first, nr))
		return;
	for (i = 0; i < nr; i++)
		room += parts_of(&first[i]);
	parts = calloc(room, sizeof *parts);
	if (!parts) {
		play_no_memory(p);
		return;
	}
	p->guests = 0;
	room = make_parts(p, first, nr, parts);
	for (i = 0; i < room; i++) {
		parts[i].started = pthread_create(&parts[i].thread, NULL,
						  play_part, &parts[i]) == 0;
		if (parts[i].started)
			continue;
		play_no_memory(p);
		if (parts[i].st->kind == SCENARIO_GUEST)
			end_guest(p, parts[i].st);
	}
	join_all(parts, room);
	for (i = 0; i < nr; i++)
		look_at_migrate(p, &first[i]);
	for (i = 0; i < nr; i++)
		play_td_look(p, &p->tds[first[i].td], first, nr);
	play_count_quarantined(p);
	free(parts);
}

/* --- one after the other ---------------------------------------------------
 */

static void play_statement(struct play *p, const struct scenario_statement *st)
{
	switch (st->kind) {
	case SCENARIO_TD:
		play_td_build(p, st);
		break;
	case SCENARIO_GUEST:
	case SCENARIO_HOST:
		play_together(p, st, 1);
		break;
	case SCENARIO_PARALLEL:
		play_together(p, st + 1,
			      (size_t)(&p->s->statements[st->other] - st) - 1);
		break;
	case SCENARIO_INJECT:
		play_inject(p, st);
		break;
	case SCENARIO_AUDIT:
		play_audit(p, st->line);
		break;
	case SCENARIO_TEARDOWN:
		play_td_end(p, st->td, st->line);
		break;
	case SCENARIO_MEMORY:
		play_memory(p, st);
		break;
	case SCENARIO_CPU:
		play_cpu(p, st);
		break;
	case SCENARIO_HANDOVER:
		play_handover(p, st);
		break;
	case SCENARIO_REPEAT:
	case SCENARIO_END:
	case SCENARIO_EXPECT:
		break;
	}
}

/* Where to go on after statement i. */
static size_t next_of(struct play *p, size_t i)
{
	const struct scenario_statement *st = &p->s->statements[i];

	if (st->kind == SCENARIO_PARALLEL)
		return st->other + 1;
	if (st->kind != SCENARIO_END)
		return i + 1;
	if (++p->rounds[st->other] < p->s->statements[st->other].times)
		return st->other + 1;
	p->rounds[st->other] = 0;
	return i + 1;
}

static void log_statement(const struct play *p,
			  const struct scenario_statement *st, double began)
{
	if (!p->request->log || st->kind == SCENARIO_END ||
	    st->kind == SCENARIO_EXPECT)
		return;
	fprintf(p->request->log, "  %8.3f s  %4zu  %s\n", play_now() - began,
		st->line, st->text);
}

/* The lines of a parallel follow it, without times of their own. */
static void log_together(const struct play *p,
			 const struct scenario_statement *st)
{
	const struct scenario_statement *end = &p->s->statements[st->other];

	if (!p->request->log || st->kind != SCENARIO_PARALLEL)
		return;
	while (++st < end)
		fprintf(p->request->log, "  %10s  %4zu    %s\n", "", st->line,
			st->text);
}

static void play_statements(struct play *p)
{
	const struct scenario_statement *st;
	double began;
	size_t i = 0;

	while (i < p->s->nr_statements && play_goes_on(p)) {
		st = &p->s->statements[i];
		began = play_now();
		play_statement(p, st);
		log_statement(p, st, began);
		log_together(p, st);
		if (p->request->watch)
			p->request->watch(p->request->ctx, &p->host, st->line);
		i = next_of(p, i);
	}
}

/* --- the machine -----------------------------------------------------------
 */

static bool machine_up(struct play *p)
{
	const struct scenario_machine *m = &p->s->machine;
	const struct run_request described = {
		.cmrs = p->request->cmrs,
		.nr_cmrs = p->request->nr_cmrs,
		.dynamic_pamt = m->dynamic_pamt,
		.packages = m->packages,
		.cpus = m->cpus,
	};
	struct tdxc_sim_host_config config = {
		.nr_lps = m->cpus,
		.nr_packages = m->packages,
		.gib = (uint32_t)(m->memory >> 30),
		.static_pamt = !m->dynamic_pamt,
		.lines = m->lines,
		.seed = p->request->seed,
	};
	struct tdxc_sim_platform platform;
	int err;

	if (m->map) {
		run_describe(&described, &platform);
		/* The module's own range, which firmware took out of the map:
		 * where no map reaches. */
		platform.seamrr.end = 1ull << RUN_PA_BITS;
		platform.seamrr.start = platform.seamrr.end - SEAMRR_BYTES;
		config.platform = &platform;
		config.ram = p->request->ram;
		config.nr_ram = p->request->nr_ram;
	}
	err = tdxc_sim_host_up(&p->host, &config);
	if (err == TDXC_E_NOMEM)
		play_no_memory(p);
	else if (err != TDXC_OK)
		give_up(p, PLAY_NO_MACHINE, "no machine: %s",
			tdxc_err_name(err));
	return err == TDXC_OK;
}

static void play_machine(struct play *p)
{
	size_t i;

	if (!machine_up(p))
		return;
	if (play_prepare_end(p))
		play_statements(p);
	for (i = 0; i < p->s->nr_tds; i++) {
		if (p->tds[i].vm)
			play_td_end(p, i, 0);
	}
	play_count(p);
	tdxc_sim_host_down(&p->host);
	play_expectations(p);
}

void scenario_play(const struct play_request *request,
		   struct play_outcome *outcome)
{
	const struct scenario *s = request->scenario;
	struct play *p = calloc(1, sizeof *p);
	double began = play_now();

	memset(outcome, 0, sizeof *outcome);
	(void)snprintf(outcome->audit, sizeof outcome->audit, "not made");
	if (!p) {
		outcome->result = PLAY_NO_MEMORY;
		return;
	}
	p->request = request;
	p->s = s;
	p->out = outcome;
	p->tds = calloc(s->nr_tds, sizeof *p->tds);
	p->rounds = calloc(s->nr_statements, sizeof *p->rounds);
	(void)pthread_mutex_init(&p->mutex, NULL);
	if (p->tds && p->rounds)
		play_machine(p);
	else
		play_no_memory(p);
	outcome->seconds = play_now() - began;
	(void)pthread_mutex_destroy(&p->mutex);
	free(p->rounds);
	free(p->tds);
	free(p);
}
