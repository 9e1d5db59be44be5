/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The machine under the module: the same answers with and without the line
 * model, memory that takes room only where it was written, accesses that are
 * refused, processors as threads, and what software reads of them.
 * TDXC_TEST_SCALE=percent: how much of each trace is played.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim_rig.h"
#include "trace/trace.h"

#define PAGE	  4096u
#define TIB	  ((uint64_t)1 << 40)
#define PATIENCE  60000u /* milliseconds */
#define MAX_FILES 64

static struct rig rig;

static void up(void)
{
	rig_power_on(&rig, 3);
}

static void plain_up(void)
{
	struct tdxc_sim_platform platform;

	rig_platform(&platform);
	ck_assert_int_eq(tdxc_sim_machine_init(&rig.machine, &platform, 3), 0);
}

static void down(void)
{
	rig_down(&rig);
}

/* --- the same answers in both modes -----------------------------------------
 */

enum host {
	FAST,	/* no line model */
	LINES,	/* with it, and a host that flushes what it wrote */
	EVICTS, /* and flushes pages it got back; caches run full all the time
		 */
};

struct player {
	struct tdxc_sim_machine machine;
	enum host host;
	bool powered;
	char *fill; /* a page */
	uint64_t calls;
	uint64_t digest; /* of all answers */
};

static const int line_regs[TRACE_NR_REGS] = {0, 1, 2, 8, 9, 10, 11, 12, 13};

static void power_cycle(struct player *p, const struct trace_platform *t)
{
	const struct tdxc_sim_machine_options options = {p->host != FAST,
							 false};
	struct tdxc_sim_platform platform = {
		.abi = TDXC_ABI,
		.profile = TDXC_SIM_PROFILE_1_5_01,
		.nr_lps = (uint32_t)t->lps,
		.nr_packages = (uint32_t)t->packages,
		.pa_width = (uint32_t)t->pawidth,
		.keyid_bits = (uint32_t)t->keyid_bits,
		.shared_keyids = (uint32_t)t->shared_keyids,
		.private_keyids = (uint32_t)t->private_keyids,
		.fms = (uint32_t)t->fms,
		.cache_blocks = (uint32_t)t->cacheblocks,
		.seamrr = {t->seamrr_base, t->seamrr_base + t->seamrr_size},
		.nr_cmrs = (uint32_t)t->nr_cmrs,
	};

	for (size_t i = 0; i < t->nr_cmrs; i++) {
		platform.cmrs[i].base = t->cmrs[i].base;
		platform.cmrs[i].size = t->cmrs[i].size;
	}
	ck_assert_int_eq(
		p->powered ? tdxc_sim_machine_reset(&p->machine, &platform)
			   : tdxc_sim_machine_init_with(&p->machine, &platform,
							1, &options),
		0);
	p->powered = true;
}

static void digest(struct player *p, uint64_t value)
{
	p->digest = (p->digest ^ value) * 0x100000001B3ull;
	p->digest ^= p->digest >> 29;
}

/* The recorded host gives pages of one TD to another without PAGE.WBINVD,
 * which only a machine without caches forgives. */
static void cache_pressure(struct player *p, uint64_t leaf)
{
	switch (leaf) {
	case 5:	   /* PAGE.RELOCATE */
	case 0x17: /* PAGE.PROMOTE */
	case 0x1C: /* PHYMEM.PAGE.RECLAIM */
	case 0x1D: /* PAGE.REMOVE */
	case 0x1E: /* SEPT.REMOVE */
		for (uint32_t lp = 0; lp < p->machine.platform.nr_lps; lp++)
			(void)tdxc_sim_machine_wbinvd(&p->machine, lp);
		break;
	default:
		tdxc_sim_machine_evict(&p->machine, 8);
		break;
	}
}

static void once(struct player *p, const struct trace_request *r,
		 struct tdxc_sim_regs *regs)
{
	bool in_guest = p->machine.module.lps[r->lp].in_guest;
	uint32_t lp = (uint32_t)r->lp;

	memset(regs, 0, sizeof(*regs));
	for (int i = 0; i < TRACE_NR_REGS; i++)
		regs->gpr[line_regs[i]] = r->regs[i];
	ck_assert_int_eq(in_guest,
			 r->kind == TRACE_TDCALL || r->kind == TRACE_EXIT);
	if (r->kind == TRACE_EXIT)
		tdxc_sim_machine_interrupt_exit(&p->machine, lp, regs);
	else if (r->kind == TRACE_TDCALL)
		digest(p, tdxc_sim_machine_tdcall(&p->machine, lp, regs));
	else
		digest(p, tdxc_sim_machine_seamcall(&p->machine, lp, regs));
	for (int i = 0; i < 16; i++)
		digest(p, regs->gpr[i]);
	if (p->host == EVICTS)
		cache_pressure(p, r->regs[TRACE_RAX] & 0xFFFF);
}

static void request(struct player *p, const struct trace_request *r)
{
	uint64_t left = r->count;
	struct tdxc_sim_regs regs;

	p->calls++;
	do {
		once(p, r, &regs);
	} while (--left != 0 &&
		 !(r->kind == TRACE_UNTIL && regs.gpr[TDXC_SIM_RDX] == r->end));
}

/* Memory outside the machine may be named; no answer depends on it. */
static void host_writes(struct player *p, uint64_t pa, const void *bytes,
			size_t n)
{
	(void)tdxc_sim_machine_store(&p->machine, 0, pa, bytes, n);
	if (p->host != FAST)
		(void)tdxc_sim_machine_clflush(&p->machine, 0, pa, n);
}

static void memory_event(struct player *p, const struct trace_event *e)
{
	uint64_t done = 0;

	for (size_t i = 0; i < e->nr_words; i++) {
		if (e->kind == TRACE_MEM)
			host_writes(p, e->pa + 8 * i, &e->words[i].value, 8);
		else
			digest(p, tdxc_sim_machine_read64(&p->machine,
							  e->pa + 8 * i));
	}
	if (e->kind != TRACE_FILL)
		return;
	memset(p->fill, (int)e->byte, PAGE);
	while (done < e->len) {
		uint64_t n = e->len - done < PAGE ? e->len - done : PAGE;

		host_writes(p, e->pa + done, p->fill, n);
		done += n;
	}
}

static void play(struct player *p, const struct trace *t,
		 const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_CASE:
		power_cycle(p, &t->platform);
		break;
	case TRACE_MEM:
	case TRACE_FILL:
	case TRACE_CHECK:
		memory_event(p, e);
		break;
	case TRACE_INTR:
		p->machine.interrupts[e->lp] = e->value != 0;
		break;
	case TRACE_KEYFAIL:
		p->machine.key_failures = e->value;
		p->machine.key_failure = strcmp(e->name, "busy") == 0
						 ? TDXC_SIM_KEY_BUSY
						 : TDXC_SIM_KEY_NO_ENTROPY;
		break;
	case TRACE_REQUEST:
		request(p, &e->request);
		break;
	}
}

/* Of each file; slow tools take part of them. */
static uint64_t percent(void)
{
	const char *text = getenv("TDXC_TEST_SCALE");

	return text ? strtoul(text, NULL, 10) : 100;
}

static void play_file(struct player *p, const char *path)
{
	struct trace_event event;
	struct trace trace;

	ck_assert(trace_open(&trace, path));
	while (trace_next(&trace, &event) &&
	       trace.pos * 100 <= trace.size * percent())
		play(p, &trace, &event);
	ck_assert_str_eq(trace.error, "");
	trace_close(&trace);
}

static void play_as(enum host host, const char *path, struct player *p)
{
	memset(p, 0, sizeof(*p));
	p->host = host;
	p->fill = malloc(PAGE);
	ck_assert_ptr_nonnull(p->fill);
	play_file(p, path);
	if (p->powered)
		tdxc_sim_machine_fini(&p->machine);
	free(p->fill);
}

static bool is_trace(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, ".trace") == 0;
}

static size_t trace_files(char paths[MAX_FILES][512])
{
	const char *data = getenv("TDXC_TEST_DATA");
	const struct dirent *entry;
	char folder[256];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(folder, sizeof(folder), "%s/traces",
		       data ? data : "tests/data");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL && n < MAX_FILES) {
		if (is_trace(entry->d_name))
			(void)snprintf(paths[n++], 512, "%s/%s", folder,
				       entry->d_name);
	}
	(void)closedir(dir);
	return n;
}

START_TEST(every_trace_is_answered_the_same_with_and_without_the_line_model)
{
	static char paths[MAX_FILES][512];
	static struct player fast;
	static struct player lines;
	static struct player evicts;
	size_t n = trace_files(paths);
	uint64_t calls = 0;

	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		play_as(FAST, paths[i], &fast);
		play_as(LINES, paths[i], &lines);
		play_as(EVICTS, paths[i], &evicts);
		ck_assert_msg(fast.digest == lines.digest &&
				      fast.digest == evicts.digest,
			      "%s", paths[i]);
		calls += fast.calls;
	}
	ck_assert(percent() < 100 || calls >= 95435);
}
END_TEST

/* --- memory ------------------------------------------------------------------
 */

static uint64_t resident(void)
{
	unsigned long size;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	(void)fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

START_TEST(untouched_memory_reads_zero_and_takes_no_room)
{
	struct tdxc_sim_memory *mem = rig.machine.memory;
	uint64_t before;

	ck_assert_uint_eq(tdxc_sim_memory_size(mem), 64 * TIB);
	before = resident();
	for (uint64_t pa = 0; pa < 64 * TIB; pa += TIB / 1024)
		ck_assert_uint_eq(tdxc_sim_machine_read64(&rig.machine, pa), 0);
	ck_assert_uint_eq(tdxc_sim_memory_committed(mem), 0);
	ck_assert_ptr_null(tdxc_sim_memory_peek(mem, 63 * TIB));
	ck_assert_uint_lt(resident(), before + (16 << 20));
}
END_TEST

START_TEST(a_64_tib_machine_keeps_what_was_written_at_both_ends)
{
	struct tdxc_sim_machine *m = &rig.machine;

	ck_assert(tdxc_sim_machine_write64(m, 0, 1));
	ck_assert(tdxc_sim_machine_write64(m, 64 * TIB - 8, 2));
	ck_assert_uint_eq(tdxc_sim_machine_read64(m, 0), 1);
	ck_assert_uint_eq(tdxc_sim_machine_read64(m, 64 * TIB - 8), 2);
	ck_assert_uint_eq(tdxc_sim_memory_committed(m->memory), 2 * PAGE);
}
END_TEST

START_TEST(zeroing_does_not_commit)
{
	struct tdxc_sim_memory *mem = rig.machine.memory;

	(void)tdxc_sim_machine_write64(&rig.machine, TIB, 7);
	tdxc_sim_memory_zero(mem, 0, 64 * TIB);
	ck_assert_uint_eq(tdxc_sim_memory_committed(mem), PAGE);
	ck_assert_uint_eq(tdxc_sim_machine_read64(&rig.machine, TIB), 0);
}
END_TEST

START_TEST(a_reset_gives_all_memory_back)
{
	struct tdxc_sim_platform platform = rig.machine.platform;

	(void)tdxc_sim_machine_write64(&rig.machine, TIB, 7);
	platform.pa_width = 46;
	ck_assert_int_eq(tdxc_sim_machine_reset(&rig.machine, &platform), 0);
	ck_assert_uint_eq(tdxc_sim_memory_size(rig.machine.memory), TIB);
	ck_assert_uint_eq(tdxc_sim_memory_committed(rig.machine.memory), 0);
	platform.pa_width = 60;
	ck_assert_int_eq(tdxc_sim_machine_reset(&rig.machine, &platform), -1);
}
END_TEST

START_TEST(accesses_that_cannot_be_are_refused_and_do_nothing)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t end = 64 * TIB;
	char bytes[64] = {0};

	ck_assert_int_eq(tdxc_sim_machine_load(m, RIG_LPS, 0, bytes, 8),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_sim_machine_store(m, 0, 1ull << 52, bytes, 8),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_store(m, 0, end - 4, bytes, 8),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_store_nt(m, 0, end - 8, bytes, 64),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_clflush(m, 0, end - 8, 64),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_copy(m, 0, 0, end - 8, 64),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_copy(m, 0, end - 8, 0, 64),
			 TDXC_E_RANGE);
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(m, RIG_LPS), TDXC_E_INVAL);
	ck_assert(!tdxc_sim_machine_write64(m, end - 1, 1));
	ck_assert_uint_eq(tdxc_sim_memory_committed(m->memory), 0);
}
END_TEST

START_TEST(a_copy_goes_across_lines_pages_and_keyids)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t to = tdxc_sim_machine_keyed(m, 5 * PAGE + 3, 4);
	char in[300];
	char out[300];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	ck_assert_int_eq(
		tdxc_sim_machine_store(m, 0, PAGE - 100, in, sizeof(in)), 0);
	ck_assert_int_eq(
		tdxc_sim_machine_copy(m, 3, to, PAGE - 100, sizeof(in)), 0);
	ck_assert_int_eq(tdxc_sim_machine_load(m, 1, to, out, sizeof(out)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
}
END_TEST

START_TEST(a_copy_of_foreign_private_lines_reports_each)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t from = tdxc_sim_machine_keyed(m, PAGE, RIG_TD);
	struct tdxc_sim_event event;
	int n = 0;

	ck_assert_int_eq(tdxc_sim_machine_copy(m, 0, 0, from, PAGE), TDXC_E_IO);
	while (tdxc_sim_machine_event(m, &event))
		n++;
	ck_assert_int_eq(n, PAGE / 64);
}
END_TEST

START_TEST(events_beyond_1024_are_dropped)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t from = tdxc_sim_machine_keyed(m, PAGE, RIG_TD);
	struct tdxc_sim_event event;
	int n = 0;

	ck_assert_int_eq(tdxc_sim_machine_copy(m, 0, 0, from, 1025 * 64),
			 TDXC_E_IO);
	while (tdxc_sim_machine_event(m, &event))
		ck_assert_uint_eq(event.pa, PAGE + 64 * (uint64_t)n++);
	ck_assert_int_eq(n, 1024);
}
END_TEST

START_TEST(without_the_line_model_every_keyid_sees_the_same)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t value = 0;

	(void)tdxc_sim_machine_write64(m, PAGE, 7);
	ck_assert_int_eq(tdxc_sim_machine_load(
				 m, 0, tdxc_sim_machine_keyed(m, PAGE, RIG_TD),
				 &value, 8),
			 0);
	ck_assert_uint_eq(value, 7);
	ck_assert_int_eq(tdxc_sim_machine_wbinvd(m, 0), 0);
	ck_assert_int_eq(tdxc_sim_machine_wbnoinvd(m, 0), 0);
	ck_assert_int_eq(tdxc_sim_machine_clflush(m, 0, PAGE, PAGE), 0);
	tdxc_sim_machine_evict(m, 10);
	ck_assert_uint_eq(tdxc_sim_machine_dirty(m, 0), 0);
	ck_assert_int_eq(tdxc_sim_machine_load(m, 0, 1ull << 52, &value, 8),
			 TDXC_E_RANGE);
}
END_TEST

/* --- processors
 * ---------------------------------------------------------------- */

struct tally {
	uint64_t by_lp[RIG_LPS];
	bool hold;
};

static void count(struct tdxc_sim_machine *machine, uint32_t lp, void *arg)
{
	struct tally *t = arg;
	uint64_t pa = tdxc_sim_machine_keyed(machine, 64ull * lp, 0);

	while (__atomic_load_n(&t->hold, __ATOMIC_ACQUIRE))
		(void)nanosleep(&(const struct timespec){0, 1000000}, NULL);
	for (int i = 0; i < 1000; i++) {
		uint64_t value = 0;

		(void)tdxc_sim_machine_load(machine, lp, pa, &value, 8);
		value++;
		(void)tdxc_sim_machine_store(machine, lp, pa, &value, 8);
		if (i % 100 == 0)
			(void)tdxc_sim_machine_wbinvd(machine, lp);
		t->by_lp[lp] = value;
	}
}

START_TEST(processors_run_at_once_and_caches_lose_nothing)
{
	struct tdxc_sim_machine *m = &rig.machine;
	struct tally t = {{0}, false};

	ck_assert_int_eq(tdxc_sim_machine_start_lps(m), 0);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_int_eq(tdxc_sim_machine_post(m, lp, count, &t), 0);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_int_eq(tdxc_sim_machine_wait(m, lp, PATIENCE), 0);
	ck_assert_int_eq(tdxc_sim_machine_stop_lps(m, PATIENCE), 0);
	for (uint32_t lp = 0; lp < RIG_LPS; lp++)
		ck_assert_uint_eq(t.by_lp[lp], 1000);
}
END_TEST

START_TEST(a_wait_for_a_processor_has_an_end)
{
	struct tdxc_sim_machine *m = &rig.machine;
	struct tally t = {{0}, true};

	ck_assert_int_eq(tdxc_sim_machine_post(m, 0, count, &t), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_sim_machine_stop_lps(m, 0), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_sim_machine_start_lps(m), 0);
	ck_assert_int_eq(tdxc_sim_machine_start_lps(m), TDXC_E_EXIST);
	ck_assert_int_eq(tdxc_sim_machine_post(m, RIG_LPS, count, &t),
			 TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_sim_machine_post(m, 0, NULL, &t), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_sim_machine_run_on(m, 1, count, &t, 1),
			 TDXC_E_AGAIN);
	ck_assert_int_eq(tdxc_sim_machine_post(m, 1, count, &t), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_sim_machine_stop_lps(m, 1), TDXC_E_AGAIN);
	__atomic_store_n(&t.hold, false, __ATOMIC_RELEASE);
	ck_assert_int_eq(tdxc_sim_machine_wait(m, 1, PATIENCE), 0);
	ck_assert_int_eq(tdxc_sim_machine_run_on(m, 2, count, &t, PATIENCE), 0);
	ck_assert_int_eq(tdxc_sim_machine_stop_lps(m, PATIENCE), 0);
}
END_TEST

/* --- what software reads
 * ---------------------------------------------------------- */

static uint64_t msr(uint32_t index)
{
	uint64_t value;

	ck_assert_int_eq(tdxc_sim_machine_rdmsr(&rig.machine, 0, index, &value),
			 0);
	return value;
}

START_TEST(msrs_say_what_the_platform_is)
{
	uint64_t value;

	ck_assert_uint_eq(msr(0x87), 32ull << 32 | 31);
	ck_assert_uint_eq(msr(0x982), 6ull << 32 | 3);
	ck_assert_uint_eq(msr(0x480) >> 60 & 1, 0); /* SPR has the erratum */
	ck_assert_uint_eq(msr(0x480) >> 32 & 0x1FFF, 4096);
	ck_assert_uint_eq(msr(0x1401) >> 11 & 1, 1);
	ck_assert_uint_eq(msr(0x1401) & 0x98000000, 0x98000000);
	ck_assert_uint_eq(msr(0x1400) & ~(uint64_t)(PAGE - 1), 0x90000000);
	ck_assert_uint_eq(msr(0xFE) >> 15 & 1, 1);
	ck_assert_uint_eq(msr(0x3A) & 1, 1);
	ck_assert_int_eq(
		tdxc_sim_machine_rdmsr(&rig.machine, 0, 0x1234, &value),
		TDXC_E_OPNOTSUPP);
	ck_assert_int_eq(
		tdxc_sim_machine_rdmsr(&rig.machine, RIG_LPS, 0x87, &value),
		TDXC_E_INVAL);
	rig.machine.platform.seamrr.end = rig.machine.platform.seamrr.start;
	rig.machine.platform.fms = 0xA06D1;
	ck_assert_uint_eq(msr(0x1401), 0);
	ck_assert_uint_eq(msr(0x480) >> 60 & 1, 1);
}
END_TEST

START_TEST(the_erratum_follows_family_and_model)
{
	static const struct {
		uint32_t fms;
		bool poisons;
	} parts[] = {
		{0x806F8, true},  {0xC06F2, true},   {0xA06D1, false},
		{0x906EA, false}, {0xA00F11, false},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		rig.machine.platform.fms = parts[i].fms;
		ck_assert_int_eq(tdxc_sim_machine_poisons(&rig.machine),
				 parts[i].poisons);
	}
}
END_TEST

START_TEST(cpuid_names_what_a_host_needs_for_tdx)
{
	const struct tdxc_sim_machine *m = &rig.machine;
	struct tdxc_sim_cpuid one = tdxc_sim_machine_cpuid(m, 2, 1, 0);

	ck_assert_uint_eq(one.eax, m->platform.fms);
	ck_assert_uint_eq(one.ebx >> 24, 2);
	ck_assert_uint_eq(one.ecx >> 26 & 1, 1);
	ck_assert_uint_eq(one.ecx >> 5 & 1, 1);
	ck_assert_uint_eq(one.edx >> 27 & 1, 1);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 7, 0).ecx >> 28 & 1, 1);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 7, 1).ecx, 0);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x80000008, 0).eax, 52);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x8000001F, 0).eax, 0);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0, 0).ebx, 0x756E6547);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x80000000, 0).eax,
			  0x80000008);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x21, 0).eax, 0);
}
END_TEST

START_TEST(an_sme_machine_has_a_c_bit_and_no_tdx)
{
	const struct tdxc_sim_machine_options sme = {.lines = true,
						     .sme = true};
	struct tdxc_sim_machine *m = &rig.machine;
	struct tdxc_sim_platform platform = m->platform;
	struct tdxc_sim_regs regs = {{33}};
	uint64_t value;

	platform.pa_width = 48;
	platform.keyid_bits = 5;
	tdxc_sim_machine_fini(m);
	ck_assert_int_eq(tdxc_sim_machine_init_with(m, &platform, 1, &sme), 0);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x8000001F, 0).eax, 1);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x8000001F, 0).ebx,
			  47 | 5 << 6);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0x80000008, 0).eax, 43);
	ck_assert_uint_eq(tdxc_sim_machine_cpuid(m, 0, 0, 0).ebx, 0x68747541);
	ck_assert_uint_eq(tdxc_sim_machine_keyed(m, 64, 1), 1ull << 47 | 64);
	ck_assert_uint_eq(tdxc_sim_machine_keyed(m, 64, 0), 64);
	ck_assert_int_eq(tdxc_sim_machine_load(m, 0, 1ull << 44, &value, 8),
			 TDXC_E_RANGE);
	ck_assert(!tdxc_sim_machine_is_private(m, 1));
	ck_assert_int_eq(tdxc_sim_machine_rdmsr(m, 0, 0x87, &value),
			 TDXC_E_OPNOTSUPP);
	ck_assert_int_eq(tdxc_sim_machine_rdmsr(m, 0, 0xC0010010, &value), 0);
	ck_assert_uint_eq(value >> 23 & 1, 1);
	ck_assert_int_eq(tdxc_sim_machine_seamcall(m, 0, &regs),
			 TDXC_SIM_RETURNED);
	ck_assert_uint_eq(regs.gpr[TDXC_SIM_RAX], TDXC_STATUS_UD);
	platform.nr_packages = 9;
	ck_assert_int_eq(tdxc_sim_machine_reset(m, &platform), -1);
}
END_TEST

/* A module that follows pointers out of a page that was overwritten gets a
 * scrap page, and the machine says so. */
START_TEST(an_address_that_is_none_is_an_event_and_not_a_crash)
{
	struct tdxc_sim_machine *m = &rig.machine;
	uint64_t nowhere = tdxc_sim_machine_keyed(m, 0, 0) | 1ull << 55;
	struct tdxc_sim_event event;
	char *page = m->module.ops->page(m, nowhere, true);

	page[0] = 1;
	m->module.ops->zero(m, nowhere, PAGE);
	m->module.ops->flush_page(m, nowhere);
	for (int i = 0; i < 2; i++) {
		ck_assert(tdxc_sim_machine_event(m, &event));
		ck_assert_int_eq(event.kind, TDXC_SIM_EVENT_NO_PAGE);
		ck_assert(event.by_module);
	}
	ck_assert(!tdxc_sim_machine_event(m, &event));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_machine");
	TCase *modes = tcase_create("modes");
	TCase *plain = tcase_create("plain");
	TCase *lined = tcase_create("lined");
	SRunner *runner;
	int failed;

	tcase_add_test(
		modes,
		every_trace_is_answered_the_same_with_and_without_the_line_model);
	suite_add_tcase(suite, modes);

	tcase_add_checked_fixture(plain, plain_up, down);
	tcase_add_test(plain, untouched_memory_reads_zero_and_takes_no_room);
	tcase_add_test(plain,
		       a_64_tib_machine_keeps_what_was_written_at_both_ends);
	tcase_add_test(plain, zeroing_does_not_commit);
	tcase_add_test(plain, a_reset_gives_all_memory_back);
	tcase_add_test(plain,
		       accesses_that_cannot_be_are_refused_and_do_nothing);
	tcase_add_test(plain, a_copy_goes_across_lines_pages_and_keyids);
	tcase_add_test(plain, without_the_line_model_every_keyid_sees_the_same);
	tcase_add_test(plain, processors_run_at_once_and_caches_lose_nothing);
	tcase_add_test(plain, a_wait_for_a_processor_has_an_end);
	tcase_add_test(plain, msrs_say_what_the_platform_is);
	tcase_add_test(plain, the_erratum_follows_family_and_model);
	tcase_add_test(plain, cpuid_names_what_a_host_needs_for_tdx);
	suite_add_tcase(suite, plain);

	tcase_add_checked_fixture(lined, up, down);
	tcase_add_test(lined,
		       accesses_that_cannot_be_are_refused_and_do_nothing);
	tcase_add_test(lined, a_copy_goes_across_lines_pages_and_keyids);
	tcase_add_test(lined, a_copy_of_foreign_private_lines_reports_each);
	tcase_add_test(lined, events_beyond_1024_are_dropped);
	tcase_add_test(lined, processors_run_at_once_and_caches_lose_nothing);
	tcase_add_test(lined, an_sme_machine_has_a_c_bit_and_no_tdx);
	tcase_add_test(lined,
		       an_address_that_is_none_is_an_event_and_not_a_crash);
	suite_add_tcase(suite, lined);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
