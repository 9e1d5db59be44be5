/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The end of a TD beside vCPUs that enter, in every schedule.
 *
 * vCPUs enter once or more, perhaps on another CPU after a flush; one thread
 * ends the TD; then each vCPU is flushed, all at once. Properties:
 *
 *   T-INSIDE  who was told that the TD is ended finds no vCPU inside
 *   T-LATE    and none gets in afterwards
 *   T-KNOWN   and knows of every vCPU that the module has associated
 *   T-FLUSH   no vCPU is flushed while it is inside, or on another CPU
 *   T-CLOSE   when all have been flushed, VPFLUSHDONE is what comes next, and
 *             no vCPU is associated
 *
 * TDXC_TEST_SCALE below 100 cuts each to 20 schedules per percent; 200 and more
 * allow one more preemption for each 200.
 */
#include "explore.h"
#include "report.h"

#include <tdxcore/err.h>
#include <tdxcore/td.h>
#include <tdxcore/version.h>

#define VCPUS		    3u
#define CPUS		    6u
#define ALL		    IL_UNBOUNDED
#define EXIT_INTERRUPT	    1u
#define BUSY_EPOCH	    0x80000200000000A9ull
#define VCPU_ASSOCIATED	    0x8000070100000000ull
#define VCPU_NOT_ASSOCIATED 0x8000070200000000ull

static struct {
	struct tdxc_module module;
	struct tdxc_module_cpu cpus[CPUS];
	struct tdxc_keyids keyids;
	struct tdxc_pamt pamt;
	struct tdxc_sept_quarantine quarantine;
	struct tdxc_sept sept;
	struct tdxc_td td;
	struct tdxc_td_vcpu vcpus[VCPUS];
	uint64_t inside[VCPUS];	    /* the module's */
	uint64_t associated[VCPUS]; /* CPU + 1 */
	uint64_t ended;
	uint64_t on[VCPUS]; /* CPU + 1 that the thread stands on */
	uint32_t threads;   /* vCPUs of the scenario */
	bool late_busy;	    /* VP.ENTER may fail after it has associated */
} w;

static _Alignas(64) struct tdxc_sept_vcpu sept_vcpus[VCPUS];

/* --- the environment: see env/tdxc_env.h ------------------------------------
 */

uint64_t world_load(const uint64_t *p, bool acquire)
{
	il_access(acquire ? "acquire" : "load", p, IL_READ);
	return *p;
}

void world_store(uint64_t *p, uint64_t value)
{
	il_access("store", p, IL_WRITE);
	*p = value;
}

bool world_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	bool done;

	il_access("cmpxchg", p, IL_WRITE);
	done = *p == *old;
	if (done)
		*p = value;
	else
		*old = *p;
	return done;
}

uint64_t world_xchg(uint64_t *p, uint64_t value)
{
	uint64_t old;

	il_access("xchg", p, IL_WRITE);
	old = *p;
	*p = value;
	return old;
}

void world_relax(void)
{
}

static uint64_t get(const uint64_t *p)
{
	il_access("read", p, IL_READ);
	return *p;
}

static void set(uint64_t *p, uint64_t value)
{
	il_access("write", p, IL_WRITE);
	*p = value;
}

/* --- the module -------------------------------------------------------------
 */

static void not_ended(uint32_t v)
{
	if (get(&w.ended) != 0)
		il_fail("T-LATE", "vCPU %u is inside an ended TD", v);
}

static uint64_t enter_guest(uint32_t v)
{
	uint64_t cpu = get(&w.associated[v]);

	not_ended(v);
	if (cpu != 0 && cpu != w.on[v])
		return VCPU_ASSOCIATED;
	set(&w.associated[v], w.on[v]);
	if (w.late_busy && il_choose(2) == 1)
		return BUSY_EPOCH;
	set(&w.inside[v], 1);
	not_ended(v);
	set(&w.inside[v], 0);
	return EXIT_INTERRUPT;
}

static uint64_t flush_vcpu(uint32_t v)
{
	if (get(&w.inside[v]) != 0)
		il_fail("T-FLUSH", "vCPU %u is flushed inside", v);
	if (get(&w.associated[v]) == 0)
		return VCPU_NOT_ASSOCIATED;
	if (w.associated[v] != w.on[v])
		il_fail("T-FLUSH", "vCPU %u is flushed on another CPU", v);
	set(&w.associated[v], 0);
	return 0;
}

static uint64_t call(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape shape)
{
	uint32_t v = (uint32_t)(regs->rcx >> 12) - 1;

	(void)ctx;
	(void)shape;
	return rax == TDXC_VP_ENTER ? enter_guest(v) : flush_vcpu(v);
}

static const struct tdxc_seamcall_ops seamcall_ops = {TDXC_ABI, call};
static const struct tdxc_seamcall_port port = {&seamcall_ops, NULL};

/* --- ports ------------------------------------------------------------------
 */

static int page_alloc(void *ctx, uint64_t *pa)
{
	(void)ctx;
	(void)pa;
	return TDXC_E_NOMEM;
}

static void page_free(void *ctx, uint64_t pa)
{
	(void)ctx;
	(void)pa;
}

static bool lock_held(void *ctx, enum tdxc_lock lock)
{
	(void)ctx;
	(void)lock;
	return true;
}

static const struct tdxc_td_ops td_ops = {TDXC_ABI, page_alloc, page_free,
					  lock_held};

static void kick(void *ctx, uint32_t vcpu)
{
	(void)ctx;
	(void)vcpu;
}

static void relax(void *ctx)
{
	(void)ctx;
}

static void on_page(void *ctx, uint64_t pa, uint64_t bytes)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
}

static struct tdxc_pamt_cache *pamt_cache(void *ctx)
{
	(void)ctx;
	return NULL;
}

static const struct tdxc_sept_ops sept_ops = {
	TDXC_ABI, kick, relax, on_page, on_page, pamt_cache, page_free};

/* --- what threads do --------------------------------------------------------
 */

static void enter_on(uint32_t cpu)
{
	uint32_t v = (uint32_t)il_self();
	struct tdxc_seamcall_full regs;
	struct tdxc_td_exit exit;
	int err;

	w.on[v] = cpu + 1;
	err = tdxc_td_enter(&w.td, v, cpu, &regs, &exit);
	if (err != TDXC_OK && err != TDXC_E_AGAIN && err != TDXC_E_INVAL)
		il_fail("T-KNOWN", "an entry returns %d", err);
}

static void flush(void)
{
	uint32_t v = (uint32_t)il_self();
	struct tdxc_seamcall_diag diag;
	int err = tdxc_td_vcpu_flush(&w.td, v, (uint32_t)(w.on[v] - 1), &diag);

	/* At CLOSE it is not wanted any more: this one was flushed. */
	if (err != TDXC_OK && err != TDXC_E_INVAL)
		il_fail("T-FLUSH", "a flush returns %d", err);
}

/* Wait for the end, and flush. */
static void leave(void)
{
	il_wait("ended", &w.ended, UINT64_MAX, 0, IL_READ);
	flush();
}

static void enter_once(void)
{
	enter_on((uint32_t)il_self());
	leave();
}

static void enter_twice(void)
{
	enter_on((uint32_t)il_self());
	enter_on((uint32_t)il_self());
	leave();
}

static void enter_and_move(void)
{
	enter_on((uint32_t)il_self());
	flush();
	enter_on((uint32_t)il_self() + VCPUS);
	leave();
}

/* Never associated, or just not any more. */
static void enter_and_flush(void)
{
	enter_on((uint32_t)il_self());
	flush();
	leave();
}

static void stay_away(void)
{
	w.on[il_self()] = (uint64_t)il_self() + 1;
	leave();
}

static void wait_for_one(void)
{
	for (uint32_t v = 0; v < w.threads; v++) {
		uint64_t seen = get(&sept_vcpus[v].sequence);

		if ((seen & 1) == 0)
			continue;
		il_wait("leaves", &sept_vcpus[v].sequence, UINT64_MAX, seen,
			IL_READ);
		return;
	}
}

static void check_ended(void)
{
	for (uint32_t v = 0; v < w.threads; v++) {
		if (get(&w.inside[v]) != 0)
			il_fail("T-INSIDE", "vCPU %u is inside", v);
		/* in this order: a flush may be under way */
		if (get(&w.vcpus[v].cpu) == 0 && get(&w.associated[v]) != 0)
			il_fail("T-KNOWN", "vCPU %u is forgotten", v);
	}
}

static void end_td(void)
{
	int err;

	while ((err = tdxc_td_end(&w.td)) == TDXC_E_BUSY)
		wait_for_one();
	if (err != TDXC_OK)
		il_fail("T-INSIDE", "an end returns %d", err);
	check_ended();
	set(&w.ended, 1);
}

/* --- runs -------------------------------------------------------------------
 */

static void init_sept(void)
{
	const struct tdxc_sept_config config = {
		.abi = TDXC_ABI,
		.ops = &sept_ops,
		.port = &port,
		.limits = tdxc_seamcall_limits_usual(),
		.pamt = &w.pamt,
		.pa_bits = 46,
		.vcpus = sept_vcpus,
		.nr_vcpus = w.threads,
		.quarantine = &w.quarantine,
	};

	if (tdxc_sept_init(&w.sept, &config) != TDXC_OK)
		il_fail("setup", "sept");
	tdxc_sept_set_stage(&w.sept, TDXC_SEPT_RUN);
}

static void init_td(void)
{
	const struct tdxc_td_config config = {
		.abi = TDXC_ABI,
		.ops = &td_ops,
		.module = &w.module,
		.keyids = &w.keyids,
		.sept = &w.sept,
		.vcpus = w.vcpus,
	};

	if (tdxc_td_init(&w.td, &config) != TDXC_OK)
		il_fail("setup", "td");
	w.td.step = TDXC_TD_RUN;
	w.td.tdr = TDXC_PAGE_SIZE;
}

static void begin(void)
{
	uint32_t threads = w.threads;
	bool late_busy = w.late_busy;

	memset(&w, 0, sizeof(w));
	memset(sept_vcpus, 0, sizeof(sept_vcpus));
	w.threads = threads;
	w.late_busy = late_busy;
	w.module.config.cpus = w.cpus;
	w.module.config.nr_cpus = CPUS;
	w.module.info.tdcs_size = 0x6000;
	w.module.info.tdvps_size = 0x6000;
	for (uint32_t v = 0; v < VCPUS; v++) {
		w.vcpus[v].state = TDXC_VCPU_READY;
		w.vcpus[v].nr_pages = 1;
		w.vcpus[v].pages[0] = (v + 1ull) << 12;
	}
	init_sept();
	init_td();
}

static void finish(void)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&w.td, &todo);

	if (err != TDXC_OK || todo.step != TDXC_TD_CLOSE)
		il_fail("T-CLOSE", "%d: next is %s", err,
			tdxc_td_step_name(todo.step));
	for (uint32_t v = 0; v < w.threads; v++) {
		if (w.associated[v] != 0)
			il_fail("T-CLOSE", "vCPU %u is associated", v);
	}
}

static void print(const uint64_t *object)
{
	printf("+%zu", (size_t)((const char *)object - (const char *)&w));
}

struct scenario {
	const char *name;
	uint32_t vcpus;
	void (*body[VCPUS])(void); /* then comes who ends the TD */
	uint32_t preemptions;
	bool late_busy;
};

/* Those with many threads or steps: every schedule with so many preemptions. */
static const struct scenario scenarios[] = {
	{"one vCPU", 1, {enter_once}, ALL, false},
	{"one vCPU, twice", 1, {enter_twice}, ALL, false},
	{"one vCPU that moves", 1, {enter_and_move}, ALL, false},
	{"one vCPU that was flushed", 1, {enter_and_flush}, ALL, false},
	{"one vCPU that never entered", 1, {stay_away}, ALL, false},
	{"one vCPU, busy when it is associated", 1, {enter_twice}, ALL, true},
	{"two vCPUs", 2, {enter_once, enter_once}, 3, false},
	{"two vCPUs, one of them away", 2, {enter_once, stay_away}, 4, false},
	{"two vCPUs, one of which moves",
	 2,
	 {enter_once, enter_and_move},
	 3,
	 false},
	{"two vCPUs, busy when associated",
	 2,
	 {enter_once, enter_and_flush},
	 3,
	 true},
	{"three vCPUs", 3, {enter_once, enter_once, enter_once}, 2, false},
	{"three vCPUs, one of which moves",
	 3,
	 {enter_once, enter_and_move, enter_once},
	 2,
	 false},
};

static void explore(const struct scenario *s, struct report *r,
		    uint64_t percent)
{
	struct il_program program = {
		.name = s->name,
		.threads = s->vcpus + 1,
		.begin = begin,
		.end = finish,
		.print = print,
		.preemptions = s->preemptions,
		.most_runs = percent < 100 ? percent * 20 : 0,
	};
	struct il_result result;

	memcpy(program.body, s->body, s->vcpus * sizeof(s->body[0]));
	program.body[s->vcpus] = end_td;
	if (percent > 100 && s->preemptions != ALL)
		program.preemptions += (uint32_t)(percent / 200);
	w.threads = s->vcpus;
	w.late_busy = s->late_busy;
	il_explore(&program, &result);
	report_case(r, s->name, !result.failed, &result);
}

int main(int argc, char **argv)
{
	uint64_t percent = from_env("TDXC_TEST_SCALE", 100);
	const char *only = argc > 1 ? argv[1] : "";
	struct report r = {0, 0, 0};
	size_t i;

	for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strncmp(scenarios[i].name, only, strlen(only)) == 0)
			explore(&scenarios[i], &r, percent);
	return report_end(&r);
}
