/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest's kernel ends: no conversion begins any more, those under way are
 * waited for, or not, and all memory becomes private, as its page tables say or
 * the set that was told of each conversion.
 */
#include "play_unshare.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TABLES ((uint64_t)1 << 26)
#define TICK_NS	   1000000ull
#define NR_REGS	   8u
#define SOME	   40u

/* A TD that died of it is looked at later. */
void play_kernel_wrong(struct play_kernel *k, const char *what, uint64_t where)
{
	if (!play_td_lives(k->td))
		return;
	play_wrong(k->p, k->st->line, "TD %s: %s: 0x%llx", k->td->def->name,
		   what, (unsigned long long)where);
}

bool play_kernel_fine(struct play_kernel *k, const char *what, int err)
{
	if (err == TDXC_OK)
		return true;
	if (play_td_lives(k->td))
		play_wrong(k->p, k->st->line, "TD %s: %s: %s", k->td->def->name,
			   what, tdxc_err_name(err));
	return false;
}

/* --- what the platform does ------------------------------------------------
 */

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	static const uint32_t number[NR_REGS] = {
		TDXC_SIM_RCX, TDXC_SIM_RDX, TDXC_SIM_R8,  TDXC_SIM_R9,
		TDXC_SIM_R10, TDXC_SIM_R11, TDXC_SIM_R12, TDXC_SIM_R13,
	};
	uint64_t *const at[NR_REGS] = {
		&regs->rcx, &regs->rdx, &regs->r8,  &regs->r9,
		&regs->r10, &regs->r11, &regs->r12, &regs->r13,
	};
	struct play_kernel *k = ctx;
	struct tdxc_sim_regs cpu = {{rax}};
	uint32_t i;

	for (i = 0; i < NR_REGS; i++)
		cpu.gpr[number[i]] = *at[i];
	if (tdxc_sim_vmm_tdcall(k->td->vm, 0, &cpu).result !=
	    TDXC_SIM_GUEST_DONE)
		return TDXC_STATUS_UD;
	for (i = 0; i < NR_REGS; i++)
		*at[i] = cpu.gpr[number[i]];
	return cpu.gpr[TDXC_SIM_RAX];
}

/* Not called: pages that are accepted already are counted. */
static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_E_OPNOTSUPP;
}

static const struct tdxc_convert_ops convert_ops = {TDXC_ABI, tdcall, zero};

static uint64_t *table(void *ctx, uint64_t pa, uint32_t level)
{
	struct play_kernel *k = ctx;

	(void)level;
	return play_tables_at(k->td, pa);
}

static const struct tdxc_scan_ops scan_ops = {TDXC_ABI, table};

static int convert(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	struct play_kernel *k = ctx;

	return tdxc_unshare_tdx_op(&k->tdx, pa, done);
}

static void flush(void *ctx)
{
	struct play_kernel *k = ctx;

	k->flushes++;
}

/* The devices of what comes late are shut down now: all else is private, and
 * none of this is. */
static int before(void *ctx, uint32_t order)
{
	struct play_kernel *k = ctx;
	const struct scenario_unshare *u = &k->st->unshare;
	uint64_t gpa;
	size_t i;

	(void)order;
	for (i = 0; i < k->td->nr_pages; i++) {
		gpa = i * SCENARIO_PAGE;
		if (k->td->is_shared[i] && !play_is_in(gpa, u->keep) &&
		    tdxc_sim_vmm_is_shared(k->td->vm, gpa) !=
			    play_is_in(gpa, u->late)) {
			play_kernel_wrong(k, "too early, or too late", gpa);
			break;
		}
	}
	return TDXC_OK;
}

static const struct tdxc_unshare_ops unshare_ops = {TDXC_ABI, convert, flush,
						    before};

/* --- the gate --------------------------------------------------------------
 */

/* What never ends is not waited for in real time. */
static uint64_t now_ns(void *ctx)
{
	struct play_kernel *k = ctx;

	return k->st->unshare.in_flight != 0 ? k->clock
					     : (uint64_t)(play_now() * 1e9);
}

static void pause_a_tick(void *ctx)
{
	struct play_kernel *k = ctx;

	k->clock += TICK_NS;
	if (k->st->unshare.in_flight == 0)
		(void)sched_yield();
}

static const struct tdxc_gate_ops gate_ops = {TDXC_ABI, now_ns, pause_a_tick};

/* So many conversions begin, and do not end. */
static bool begin_conversions(struct play_kernel *k)
{
	uint64_t i;

	for (i = 0; i < k->st->unshare.in_flight; i++) {
		if (!play_kernel_fine(k, "a conversion does not begin",
				      tdxc_gate_begin(&k->td->gate)))
			return false;
	}
	return true;
}

/* They end after all, and the kernel goes on. */
static void give_up(struct play_kernel *k)
{
	uint64_t i;

	for (i = 0; i < k->st->unshare.in_flight; i++)
		(void)tdxc_gate_end(&k->td->gate);
	(void)play_kernel_fine(k, "the gate does not open",
			       tdxc_gate_open(&k->td->gate));
}

/* Beside a guest that converts: in the middle of it. */
static void let_some_begin(struct play_kernel *k)
{
	uint64_t random = k->p->request->seed ^ k->st->line << 24;
	uint64_t first = tdxc_load_acquire(&k->td->conversions);
	uint64_t some = play_random(&random) % SOME + 1;

	while (tdxc_load_acquire(&k->td->guests) != 0 &&
	       tdxc_load_acquire(&k->td->conversions) - first < some)
		(void)sched_yield();
}

/* The other CPUs are stopped: they end where they find the gate closed. */
static void wait_for_guests(struct play_kernel *k)
{
	while (tdxc_load_acquire(&k->td->guests) != 0)
		(void)sched_yield();
}

/* With conversions in flight only a crash goes on. */
static bool close_gate(struct play_kernel *k)
{
	const struct tdxc_gate_wait wait = tdxc_gate_wait_usual(&gate_ops, k);
	uint64_t in_flight = k->st->unshare.in_flight;
	struct tdxc_gate_report report;
	int err;

	let_some_begin(k);
	if (k->st->what.handover == SCENARIO_GUEST_CRASH) {
		if (tdxc_gate_close_now(&k->td->gate) == in_flight)
			return true;
		play_kernel_wrong(k, "conversions in flight, expected",
				  in_flight);
		return false;
	}
	err = tdxc_gate_close(&k->td->gate, &wait, &report);
	if (err == TDXC_OK && in_flight == 0)
		return true;
	if (err == TDXC_E_BUSY && report.in_flight == in_flight &&
	    report.end == TDXC_GATE_TIMED_OUT)
		give_up(k);
	else
		play_kernel_wrong(k, "the gate: in flight", report.in_flight);
	return false;
}

/* --- setting up ------------------------------------------------------------
 */

static bool may_be_in_flight(const struct play_kernel *k, size_t i)
{
	const struct scenario_unshare *u = &k->st->unshare;
	uint64_t gpa = i * SCENARIO_PAGE;

	return !k->td->is_shared[i] && k->td->stamps[i] == 0 &&
	       i < k->tables.next && !play_is_in(gpa, u->keep) &&
	       !play_is_in(gpa, u->late);
}

/* Private pages that nobody wrote: their entries become shared, and no more. */
static bool leave_in_flight(struct play_kernel *k)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < k->td->nr_pages && n < k->st->unshare.in_flight; i++) {
		if (!may_be_in_flight(k, i))
			continue;
		k->in_flight[n++] = i * SCENARIO_PAGE;
		if (!play_kernel_fine(
			    k, "no memory for page tables",
			    play_tables_share(&k->tables, i * SCENARIO_PAGE)))
			return false;
	}
	if (n == k->st->unshare.in_flight)
		return true;
	play_kernel_wrong(
		k, "too few pages that nobody wrote, for so many in flight", n);
	return false;
}

static bool build_tables(struct play_kernel *k)
{
	size_t i;

	k->tables.td = k->td;
	k->tables.levels = k->st->unshare.levels;
	if (!play_kernel_fine(k, "no memory for page tables",
			      play_tables_build(&k->tables)))
		return false;
	for (i = 0; i < PLAY_SPARE; i++) {
		if (!play_kernel_fine(
			    k, "no memory for page tables",
			    play_tables_take(&k->tables, &k->spare[i])))
			return false;
	}
	return leave_in_flight(k);
}

static void exclude(struct play_kernel *k, struct tdxc_range range,
		    uint32_t order)
{
	if (!tdxc_range_is_empty(range))
		k->exclusions[k->nr_exclusions++] =
			(struct tdxc_unshare_exclusion){.pa = range,
							.order = order};
}

static void list_exclusions(struct play_kernel *k)
{
	const struct scenario_unshare *u = &k->st->unshare;

	if (u->keep.start < u->late.start) {
		exclude(k, u->keep, 0);
		exclude(k, u->late, 1);
	} else {
		exclude(k, u->late, 1);
		exclude(k, u->keep, 0);
	}
}

struct tdxc_scan_config play_kernel_scan(struct play_kernel *k)
{
	return (struct tdxc_scan_config){
		.abi = TDXC_ABI,
		.levels = k->tables.levels,
		.root = k->tables.root,
		.ops = &scan_ops,
		.ctx = k,
		.shared_bit = (uint32_t)__builtin_ctzll(k->td->alias),
		.polarity = TDXC_SHARED_IS_SET,
		.pa_bits = TDXC_SCAN_MAX_PA_BITS,
		.what = TDXC_SCAN_SHARED,
		.ram = &k->ram,
		.nr_ram = 1,
		.max_tables = MAX_TABLES,
	};
}

static int init_converter(struct play_kernel *k)
{
	struct tdxc_convert_config config = {
		.abi = TDXC_ABI,
		.ops = &convert_ops,
		.ctx = k,
		.accepted = TDXC_ACCEPTED_COUNT,
	};
	struct tdxc_tdcall_diag diag;
	int err = tdxc_convert_gpaw(&convert_ops, k, &config.gpaw, &diag);

	k->tdx.converter = &k->converter;
	return err == TDXC_OK ? tdxc_convert_init(&k->converter, &config) : err;
}

static int init_engine(struct play_kernel *k)
{
	struct tdxc_unshare_config config = {
		.abi = TDXC_ABI,
		.edit = TDXC_UNSHARE_CLEAR,
		.flush = TDXC_FLUSH_EARLY,
		.large = TDXC_LARGE_SPLIT,
		.ops = &unshare_ops,
		.ctx = k,
		.exclusions = k->exclusions,
		.nr_exclusions = k->nr_exclusions,
		.batch = k->batch,
		.batch_room = PLAY_BATCH,
		.left = k->left,
		.left_room = PLAY_LEFT,
		.tables = k->spare,
		.nr_tables = PLAY_SPARE,
	};

	if (k->st->unshare.tracked)
		config.tracked = &k->td->tracker;
	else
		config.scan = play_kernel_scan(k);
	return tdxc_unshare_init(&k->engine, &config);
}

/* --- a statement -----------------------------------------------------------
 */

/* To the host a page in flight is private, and to the guest it is shared. */
static void count_shared(struct play_kernel *k)
{
	uint64_t i;

	for (i = 0; !k->st->unshare.tracked && i < k->st->unshare.in_flight;
	     i++)
		k->td->is_shared[k->in_flight[i] / SCENARIO_PAGE] = 1;
	k->shared = play_kernel_shared(k, k->ram);
}

static void end_kernel(struct play_kernel *k)
{
	if (!begin_conversions(k) || !close_gate(k))
		return;
	k->began = tdxc_load_acquire(&k->td->conversions);
	wait_for_guests(k);
	if (!play_td_lives(k->td))
		return;
	if (!k->st->unshare.tracked && !build_tables(k))
		return;
	count_shared(k);
	k->implicit = play_kernel_implicit(k);
	list_exclusions(k);
	if (!play_kernel_fine(k, "no TD inside", init_converter(k)) ||
	    !play_kernel_fine(k, "not set up", init_engine(k)))
		return;
	if (!play_kernel_fine(k, "not all became private",
			      tdxc_unshare_run(&k->engine)))
		return;
	play_kernel_look(k);
	play_kernel_next(k);
}

void play_unshare(struct play *p, const struct scenario_statement *st)
{
	struct play_td *td = &p->tds[st->td];
	struct play_kernel *k = calloc(1, sizeof *k);

	if (k)
		k->in_flight = calloc(st->unshare.in_flight + 1,
				      sizeof k->in_flight[0]);
	if (k && k->in_flight) {
		k->p = p;
		k->td = td;
		k->st = st;
		k->ram.end = td->def->memory;
		end_kernel(k);
	} else {
		play_no_memory(p);
	}
	if (k)
		free(k->in_flight);
	free(k);
}
