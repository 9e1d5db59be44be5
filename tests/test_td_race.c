/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * vCPUs enter a TD on threads of their own while another thread ends it: after
 * tdxc_td_end() nobody is inside or gets in, every vCPU that is associated is
 * known, and of vCPUs that are flushed at once the last one closes the step.
 * The module is a stub that notices both.
 *
 * TDXC_SEED repeats a run, as far as threads let it; TDXC_TEST_SCALE=percent:
 * how many rounds.
 */
#include <tdxcore/err.h>
#include <tdxcore/td.h>
#include <tdxcore/version.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS	       4u
#define CPUS	       8u
#define ROUNDS	       200u
#define FEWEST	       8u
#define LOOKS	       200u /* of a guest that is not told to leave */

#define EXIT_INTERRUPT 1u
#define BUSY_EPOCH     0x80000200000000A9ull

static struct tdxc_module module;
static struct tdxc_module_cpu cpus[CPUS];
static struct tdxc_keyids keyids;
static struct tdxc_pamt pamt;
static struct tdxc_sept sept;
static struct tdxc_td td;
static struct tdxc_td_vcpu vcpus[VCPUS];
static alignas(64) struct tdxc_sept_vcpu sept_vcpus[VCPUS];
static struct tdxc_sept_lost lost[1];
static struct tdxc_sept_quarantine quarantine = {.lost = lost, .room = 1};

/* All atomic. */
static uint64_t inside[VCPUS];
static uint64_t associated[VCPUS]; /* as the module has it */
static uint64_t kicked[VCPUS];
static uint64_t ended;
static uint64_t wrong;
static uint64_t entries;

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}

static void expect(bool good)
{
	if (!good)
		store(&wrong, 1);
}

static uint64_t enter_guest(uint32_t v)
{
	uint64_t status = EXIT_INTERRUPT;

	expect(load(&ended) == 0);
	store(&associated[v], 1);
	if (__atomic_add_fetch(&entries, 1, __ATOMIC_RELAXED) % 7 == 0)
		return BUSY_EPOCH;
	store(&inside[v], 1);
	for (uint32_t i = 0; i < LOOKS && load(&kicked[v]) == 0; i++)
		(void)sched_yield();
	store(&kicked[v], 0);
	expect(load(&ended) == 0);
	store(&inside[v], 0);
	return status;
}

static uint64_t stub_call(void *ctx, uint64_t rax,
			  struct tdxc_seamcall_regs *regs,
			  enum tdxc_seamcall_shape shape)
{
	uint32_t v = (uint32_t)(regs->rcx >> 12) - 1;

	(void)ctx;
	(void)shape;
	if (rax == TDXC_VP_ENTER)
		return enter_guest(v);
	expect(rax == TDXC_VP_FLUSH);
	expect(load(&inside[v]) == 0);
	if (load(&associated[v]) == 0)
		return 0x8000070200000000ull;
	store(&associated[v], 0);
	return 0;
}

static const struct tdxc_seamcall_ops stub_ops = {
	.abi = TDXC_ABI,
	.call = stub_call,
};

static const struct tdxc_seamcall_port port = {&stub_ops, NULL};

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

static const struct tdxc_td_ops td_ops = {
	.abi = TDXC_ABI,
	.page_alloc = page_alloc,
	.page_free = page_free,
	.lock_held = lock_held,
};

static void kick(void *ctx, uint32_t vcpu)
{
	(void)ctx;
	store(&kicked[vcpu], 1);
}

static void relax(void *ctx)
{
	(void)ctx;
	(void)sched_yield();
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
	.abi = TDXC_ABI,
	.kick = kick,
	.relax = relax,
	.clflush = on_page,
	.rewrite = on_page,
	.pamt_cache = pamt_cache,
	.table_free = page_free,
};

/* A TD that runs, its vCPUs on no CPU. */
static void new_td(void)
{
	const struct tdxc_sept_config sept_config = {
		.abi = TDXC_ABI,
		.ops = &sept_ops,
		.port = &port,
		.limits = tdxc_seamcall_limits_usual(),
		.pamt = &pamt,
		.pa_bits = 46,
		.vcpus = sept_vcpus,
		.nr_vcpus = VCPUS,
		.quarantine = &quarantine,
	};
	const struct tdxc_td_config config = {
		.abi = TDXC_ABI,
		.ops = &td_ops,
		.module = &module,
		.keyids = &keyids,
		.sept = &sept,
		.vcpus = vcpus,
	};

	module.config.cpus = cpus;
	module.config.nr_cpus = CPUS;
	module.info.tdcs_size = 0x6000;
	module.info.tdvps_size = 0x6000;
	memset(sept_vcpus, 0, sizeof(sept_vcpus));
	memset(vcpus, 0, sizeof(vcpus));
	memset(kicked, 0, sizeof(kicked));
	store(&ended, 0);
	for (uint32_t i = 0; i < VCPUS; i++) {
		vcpus[i].state = TDXC_VCPU_READY;
		vcpus[i].nr_pages = 1;
		vcpus[i].pages[0] = (i + 1ull) << 12;
	}
	ck_assert_int_eq(tdxc_sept_init(&sept, &sept_config), TDXC_OK);
	ck_assert_int_eq(tdxc_td_init(&td, &config), TDXC_OK);
	tdxc_sept_open(&sept, 0x1000000, 40);
	tdxc_sept_set_stage(&sept, TDXC_SEPT_RUN);
	td.step = TDXC_TD_RUN;
	td.tdr = 0x1000000;
}

struct runner {
	pthread_t thread;
	uint32_t vcpu;
	uint64_t seed;
};

static uint64_t random64(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* To another CPU now and then. */
static uint32_t move(struct runner *r, uint32_t cpu)
{
	struct tdxc_seamcall_diag diag;
	int err;

	if (random64(&r->seed) % 4 != 0)
		return cpu;
	err = tdxc_td_vcpu_flush(&td, r->vcpu, cpu, &diag);
	expect(err == TDXC_OK || err == TDXC_E_INVAL);
	return err == TDXC_OK ? (uint32_t)(random64(&r->seed) % CPUS) : cpu;
}

/* Until the TD is ended; then each flushes its own, all at once. */
static void *run_vcpu(void *arg)
{
	struct tdxc_seamcall_full regs;
	struct tdxc_seamcall_diag diag;
	struct runner *r = arg;
	struct tdxc_td_exit exit;
	uint32_t cpu = r->vcpu;
	int err;

	do {
		cpu = move(r, cpu);
		memset(&regs, 0, sizeof(regs));
		err = tdxc_td_enter(&td, r->vcpu, cpu, &regs, &exit);
		expect(err == TDXC_OK || err == TDXC_E_AGAIN ||
		       err == TDXC_E_INVAL);
	} while (err != TDXC_E_INVAL);
	while (load(&ended) == 0)
		(void)sched_yield();
	err = tdxc_td_vcpu_flush(&td, r->vcpu, cpu, &diag);
	/* The others may have closed the step: then there was nothing to do. */
	expect(err == TDXC_OK ||
	       (err == TDXC_E_INVAL && load(&associated[r->vcpu]) == 0));
	return NULL;
}

static void end_td(uint64_t *seed)
{
	uint64_t until = random64(seed) % 40;
	uint64_t before = load(&entries);
	int err;

	while (load(&entries) < before + until)
		(void)sched_yield();
	do {
		err = tdxc_td_end(&td);
		expect(err == TDXC_OK || err == TDXC_E_BUSY);
		for (uint32_t i = 0; i < VCPUS; i++)
			kick(NULL, i);
	} while (err == TDXC_E_BUSY);
	for (uint32_t i = 0; i < VCPUS; i++) {
		expect(load(&inside[i]) == 0);
		expect(load(&associated[i]) == 0 ||
		       tdxc_load_acquire(&vcpus[i].cpu) != 0);
	}
	store(&ended, 1);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(a_td_ends_beside_vcpus_that_enter_and_move)
{
	uint64_t seed = from_env("TDXC_SEED", 20261121);
	uint64_t rounds =
		ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	struct runner runners[VCPUS];
	struct tdxc_td_todo todo;
	uint64_t state = seed;

	for (uint64_t round = 0; round < rounds; round++) {
		new_td();
		for (uint32_t i = 0; i < VCPUS; i++) {
			runners[i].vcpu = i;
			runners[i].seed = random64(&state);
			ck_assert_int_eq(pthread_create(&runners[i].thread,
							NULL, run_vcpu,
							&runners[i]),
					 0);
		}
		end_td(&state);
		for (uint32_t i = 0; i < VCPUS; i++)
			ck_assert_int_eq(pthread_join(runners[i].thread, NULL),
					 0);
		ck_assert_msg(wrong == 0, "seed %" PRIu64 " round %" PRIu64,
			      seed, round);
		for (uint32_t i = 0; i < VCPUS; i++)
			ck_assert_uint_eq(associated[i], 0);
		ck_assert_int_eq(tdxc_td_next(&td, &todo), TDXC_OK);
		ck_assert_uint_eq(todo.step, TDXC_TD_CLOSE);
	}
	printf("seed %" PRIu64 ": %" PRIu64 " rounds, %" PRIu64 " entries\n",
	       seed, rounds, entries);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("td_race");
	TCase *tc = tcase_create("race");

	tcase_add_test(tc, a_td_ends_beside_vcpus_that_enter_and_move);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
