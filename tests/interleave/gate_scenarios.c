/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversion gate and the converters in every schedule.
 *
 * A page is private, half converted, or shared. Converters make theirs shared
 * between begin and end; who closed the gate and was told that none is in
 * flight makes all pages private. Properties:
 *
 *   G-CLEAN  who was told so finds no page half converted
 *   G-LATE   and no page is converted behind its back
 *   G-COUNT  in the end none is in flight
 *   G-RACED  a crash that went on with conversions in flight is remembered
 *   G-OPEN   a gate that was opened is open, and only then
 *   G-WAIT   a close waits until none is in flight, unless its limit is reached
 *   G-PAGE   of the real converters: each page is as its entry says
 *
 * TDXC_TEST_SCALE below 100 cuts each to 20 schedules per percent; 200 and more
 * allow one more preemption for each 200.
 */
#include "explore.h"
#include "report.h"

#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/range.h>
#include <tdxcore/version.h>

#define PAGES	   3u
#define BASE	   0x40000000ull
#define SHARED_BIT (1ull << 47)
#define LIMIT_NS   1000ull
#define ALL	   IL_UNBOUNDED

enum page { PRIVATE, PENDING, HALF, SHARED };

static struct {
	struct tdxc_gate gate;
	uint64_t page[PAGES];
	uint64_t entry[PAGES]; /* of the guest's tables: 1: shared */
	struct tdxc_converter converter;
	uint64_t last[IL_THREADS]; /* value of the word that a thread saw */
	uint64_t now;
	bool may_time_out;
	bool clean; /* told to some thread, and not opened since */
	bool raced;
	bool opened;
} w;

/* --- the environment: see env/tdxc_env.h ------------------------------------
 */

static void saw(const uint64_t *p, uint64_t value)
{
	if (p == &w.gate.word && il_self() >= 0)
		w.last[il_self()] = value;
}

uint64_t world_load(const uint64_t *p, bool acquire)
{
	il_access(acquire ? "acquire" : "load", p, IL_READ);
	saw(p, *p);
	return *p;
}

void world_store(uint64_t *p, uint64_t value)
{
	il_access("store", p, IL_WRITE);
	*p = value;
}

/* Opening is no way to lose count of who is in flight. */
static void check_opening(const uint64_t *p, uint64_t old, uint64_t value)
{
	if (p == &w.gate.word && (old & ~value & TDXC_GATE_CLOSED) != 0 &&
	    (old & TDXC_GATE_COUNT) != 0)
		il_fail("G-OPEN", "it opens with %u in flight",
			(uint32_t)(old & TDXC_GATE_COUNT));
}

bool world_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	bool done;

	il_access("cmpxchg", p, IL_WRITE);
	done = *p == *old;
	if (done) {
		check_opening(p, *old, value);
		*p = value;
	} else {
		*old = *p;
	}
	saw(p, *p);
	return done;
}

uint64_t world_xchg(uint64_t *p, uint64_t value)
{
	uint64_t old;

	il_access("xchg", p, IL_WRITE);
	old = *p;
	check_opening(p, old, value);
	*p = value;
	saw(p, value);
	return old;
}

/* Another thread has changed the word already: nothing to wait for. */
void world_relax(void)
{
}

/* --- ports ------------------------------------------------------------------
 */

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	if (w.may_time_out && il_choose(2) == 1)
		w.now += LIMIT_NS;
	return w.now;
}

static void pause(void *ctx)
{
	(void)ctx;
	if (w.may_time_out)
		return;
	il_wait("pause", &w.gate.word, UINT64_MAX, w.last[il_self()], IL_READ);
}

static const struct tdxc_gate_ops gate_ops = {TDXC_ABI, now_ns, pause};

static uint64_t *page_at(uint64_t gpa)
{
	return &w.page[((gpa & ~SHARED_BIT) - BASE) / TDXC_PAGE_SIZE];
}

/* A host that does what it is asked, and a module without 1 GiB or RELEASE. */
static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	uint64_t *page;

	(void)ctx;
	if (rax == TDXC_TDG_MEM_PAGE_RELEASE)
		return 0xC000010000000000;
	page = page_at(rax == TDXC_TDG_VP_VMCALL ? regs->r12 : regs->rcx);
	il_access(rax == TDXC_TDG_VP_VMCALL ? "MapGPA" : "ACCEPT", page,
		  IL_WRITE);
	if (rax == TDXC_TDG_VP_VMCALL) {
		*page = (regs->r12 & SHARED_BIT) != 0 ? SHARED : PENDING;
		regs->r10 = TDXC_MAP_GPA_SUCCESS;
		return 0;
	}
	if (*page != PENDING)
		il_fail("G-PAGE", "ACCEPT of a page that is not pending");
	*page = PRIVATE;
	return 0;
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_OK;
}

static const struct tdxc_convert_ops convert_ops = {TDXC_ABI, tdcall, zero};

/* --- what threads do --------------------------------------------------------
 */

static void set(uint64_t *p, uint64_t value)
{
	il_access("write", p, IL_WRITE);
	*p = value;
}

static uint64_t get(const uint64_t *p)
{
	il_access("read", p, IL_READ);
	return *p;
}

static void end(void)
{
	if (tdxc_gate_end(&w.gate) != TDXC_OK)
		il_fail("G-COUNT", "an end is refused");
}

/* Make the thread's page shared, if the gate lets it. */
static void convert(void)
{
	uint64_t *page = &w.page[il_self()];
	int err = tdxc_gate_begin(&w.gate);

	if (err == TDXC_E_CANCELED)
		return;
	if (err != TDXC_OK)
		il_fail("G-COUNT", "a begin returns %d", err);
	set(page, HALF);
	set(page, SHARED);
	end();
}

static void convert_twice(void)
{
	convert();
	convert();
}

/* A conversion inside a conversion: the inner one may be refused. */
static void convert_nested(void)
{
	if (tdxc_gate_begin(&w.gate) != TDXC_OK)
		return;
	set(&w.page[il_self()], HALF);
	convert();
	set(&w.page[il_self()], SHARED);
	end();
}

static void convert_really(void)
{
	uint64_t i = (uint64_t)il_self();
	struct tdxc_conversion r;

	if (tdxc_gate_begin(&w.gate) != TDXC_OK)
		return;
	set(&w.entry[i], 1);
	if (tdxc_convert_share(&w.converter, BASE + i * TDXC_PAGE_SIZE,
			       TDXC_PAGE_SIZE, &r) != TDXC_OK)
		il_fail("G-PAGE", "a page is not shared: %d", r.failure.err);
	end();
}

/* All pages become private again: nobody else is at it. */
static void take(void)
{
	uint32_t i;

	for (i = 0; i < PAGES; i++) {
		if (get(&w.page[i]) == HALF)
			il_fail("G-CLEAN", "page %u is half converted", i);
		set(&w.page[i], PRIVATE);
	}
}

static void look_at_all(void)
{
	uint32_t i;

	for (i = 0; i < PAGES; i++)
		if (get(&w.page[i]) == HALF)
			il_fail("G-CLEAN", "page %u is half converted", i);
}

static void take_really(void)
{
	struct tdxc_conversion r;
	uint64_t i;

	for (i = 0; i < PAGES; i++) {
		if (get(&w.entry[i]) == 0)
			continue;
		set(&w.entry[i], 0);
		if (tdxc_convert_unshare(&w.converter,
					 BASE + i * TDXC_PAGE_SIZE,
					 TDXC_PAGE_SIZE, &r) != TDXC_OK)
			il_fail("G-PAGE", "a page is not private: %d",
				r.failure.err);
	}
}

static bool close_and_wait(void)
{
	const struct tdxc_gate_wait wait = {&gate_ops, NULL, LIMIT_NS,
					    w.may_time_out ? 3 : 100};
	struct tdxc_gate_report report;
	int err = tdxc_gate_close(&w.gate, &wait, &report);

	if (err == TDXC_E_BUSY && !w.may_time_out)
		il_fail("G-WAIT", "it does not wait");
	if ((err == TDXC_OK) != (report.in_flight == 0))
		il_fail("G-WAIT", "it returns %d", err);
	return err == TDXC_OK;
}

static bool crash(void)
{
	bool clean = tdxc_gate_close_now(&w.gate) == 0;

	if (!clean)
		w.raced = true;
	return clean;
}

static void close_wait_take(void)
{
	if (close_and_wait()) {
		take();
		w.clean = true;
	} else if (crash()) {
		take();
		w.clean = true;
	}
}

static void crash_take(void)
{
	if (!crash())
		return;
	take();
	w.clean = true;
}

static void close_look(void)
{
	if (close_and_wait())
		look_at_all();
}

static void crash_look(void)
{
	if (crash())
		look_at_all();
}

static void crash_only(void)
{
	(void)crash();
}

static void close_take_open(void)
{
	if (!close_and_wait())
		il_fail("G-WAIT", "it does not wait");
	take();
	if (tdxc_gate_open(&w.gate) != TDXC_OK)
		il_fail("G-OPEN", "it does not open");
	w.opened = true;
}

static void open_only(void)
{
	if (tdxc_gate_open(&w.gate) == TDXC_OK)
		w.opened = true;
}

static void close_open(void)
{
	(void)close_and_wait();
	open_only();
}

static void close_unshare(void)
{
	if (!close_and_wait())
		il_fail("G-WAIT", "it does not wait");
	take_really();
	w.clean = true;
}

/* --- programs ---------------------------------------------------------------
 */

static void begin(void)
{
	const struct tdxc_convert_config config = {
		.abi = TDXC_ABI,
		.gpaw = 48,
		.ops = &convert_ops,
		.release = TDXC_RELEASE_IF_OFFERED,
	};
	bool may_time_out = w.may_time_out;

	memset(&w, 0, sizeof(w));
	w.may_time_out = may_time_out;
	if (tdxc_convert_init(&w.converter, &config) != TDXC_OK)
		il_fail("G-PAGE", "no converter");
}

static void finish(void)
{
	struct tdxc_gate_state state = tdxc_gate_look(&w.gate);
	uint32_t i;

	if (state.in_flight != 0)
		il_fail("G-COUNT", "%u in flight", (uint32_t)state.in_flight);
	if (w.raced != state.raced)
		il_fail("G-RACED", "raced %d, %d", w.raced, state.raced);
	if (w.raced && !state.closed)
		il_fail("G-RACED", "it opened after a race");
	if (w.opened == state.closed)
		il_fail("G-OPEN", "opened %d, closed %d", w.opened,
			state.closed);
	for (i = 0; w.clean && i < PAGES; i++)
		if (w.page[i] != PRIVATE || w.entry[i] != 0)
			il_fail("G-LATE", "page %u is not private", i);
}

static void print(const uint64_t *object)
{
	if (object == &w.gate.word)
		printf("gate");
	else
		printf("%p", (const void *)object);
}

struct scenario {
	const char *name;
	uint32_t threads;
	void (*body[IL_THREADS])(void);
	uint32_t preemptions;
	bool may_time_out;
};

/* Those with many threads or steps: every schedule with so many preemptions. */
static const struct scenario scenarios[] = {
	{"a converter and a crash", 2, {convert, crash_take}, ALL, false},
	{"two converters and a crash",
	 3,
	 {convert, convert, crash_take},
	 ALL,
	 false},
	{"a converter and a close", 2, {convert, close_wait_take}, ALL, false},
	{"two converters and a close",
	 3,
	 {convert, convert, close_wait_take},
	 ALL,
	 false},
	{"three converters and a close",
	 4,
	 {convert, convert, convert, close_wait_take},
	 3,
	 false},
	{"a close that may time out", 2, {convert, close_wait_take}, ALL, true},
	{"two converters, and a close that may time out",
	 3,
	 {convert, convert, close_wait_take},
	 3,
	 true},
	{"a conversion inside a conversion",
	 2,
	 {convert_nested, close_wait_take},
	 ALL,
	 false},
	{"one inside another, beside a third",
	 3,
	 {convert_nested, convert, close_wait_take},
	 3,
	 false},
	{"closed and opened again",
	 2,
	 {convert_twice, close_take_open},
	 ALL,
	 false},
	{"closed and opened again, two converters",
	 3,
	 {convert_twice, convert, close_take_open},
	 3,
	 false},
	{"a close and a crash",
	 3,
	 {convert, close_look, crash_look},
	 ALL,
	 false},
	{"two converters, a close and a crash",
	 4,
	 {convert, convert, close_look, crash_look},
	 3,
	 false},
	{"a crash and an opening",
	 3,
	 {convert, crash_only, open_only},
	 ALL,
	 false},
	{"a close that timed out, and an opening",
	 2,
	 {convert, close_open},
	 ALL,
	 true},
	{"a real converter and a close",
	 2,
	 {convert_really, close_unshare},
	 ALL,
	 false},
	{"real converters and a close",
	 3,
	 {convert_really, convert_really, close_unshare},
	 ALL,
	 false},
	{"three real converters and a close",
	 4,
	 {convert_really, convert_really, convert_really, close_unshare},
	 3,
	 false},
};

static void explore(const struct scenario *s, struct report *r,
		    uint64_t percent)
{
	struct il_program program = {
		.name = s->name,
		.threads = s->threads,
		.begin = begin,
		.end = finish,
		.print = print,
		.preemptions = s->preemptions,
		.most_runs = percent < 100 ? percent * 20 : 0,
	};
	struct il_result result;

	memcpy(program.body, s->body, sizeof(program.body));
	if (percent > 100 && s->preemptions != ALL)
		program.preemptions += (uint32_t)(percent / 200);
	w.may_time_out = s->may_time_out;
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
