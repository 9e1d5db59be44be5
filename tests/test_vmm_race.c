/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Eight vCPUs and eight host threads on one TD, while SEAMCALLs find locks
 * taken: faults, zaps, conversions, promotions, demotions, relocations,
 * accepts, slots that go, vCPUs that move. Each guest has memory that only it
 * converts, and must find there what it wrote. Afterwards the mirror is the
 * Secure EPT, the auditor is content, and every page is the host's, lent, or
 * quarantined.
 *
 * TDXC_SIM_RACE_SECONDS: how long (2); TDXC_SEED: the seed of the first round,
 * printed in any case.
 */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define VCPUS	     8u
#define HOSTS	     8u
#define PAGE	     4096ull
#define MIB	     0x100000ull
#define OWN	     0x10000000ull /* 2 MiB of each vCPU, after the image */
#define STORM	     0x20000000ull /* anything happens to it */
#define CALM	     0x30000000ull /* shared, 128 KiB of each vCPU */
#define FLEETING     0x40000000ull /* the slot is deleted now and then */
#define CHUNK	     0x40000ull
#define CHUNKS	     8u
#define KEPT	     4u /* pages of a chunk */
#define STORM_PAGES  2048u
#define ALIAS	     (1ull << 47)
#define OPERAND_BUSY 0x8000020000000000ull
/* At a call that finds a lock taken: few enough that some need the guarded
 * retry, and so many that chance alone loses no page. */
#define ATTEMPTS 24u
#define SECOND	 1000000000ull

static struct tdxc_sim_host host;
static struct tdxc_sim_vmm *vm;
static uint64_t deadline;
static uint64_t verified;
static uint64_t done_ops;
static uint64_t scripts;
static const char *wrong; /* the first complaint */
static char wrong_text[200];
static pthread_mutex_t wrong_lock = PTHREAD_MUTEX_INITIALIZER;
static bool may_die; /* the round has a failure that nobody can mend */

struct thread {
	pthread_t id;
	uint32_t index;
	uint64_t random;
	uint64_t value; /* in this guest's memory */
};

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t from_env(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : usual;
}

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static uint64_t below(struct thread *t, uint64_t n)
{
	return (next(&t->random) >> 16) % n;
}

static void add(uint64_t *counter, uint64_t n)
{
	(void)__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static bool over(void)
{
	return now() > deadline || tdxc_load_acquire(&vm->dead) != 0 ||
	       __atomic_load_n(&wrong, __ATOMIC_ACQUIRE) != NULL;
}

static void complain(const char *what, uint64_t a, uint64_t b, int err)
{
	(void)pthread_mutex_lock(&wrong_lock);
	if (!wrong) {
		(void)snprintf(wrong_text, sizeof(wrong_text),
			       "%s: %" PRIx64 " %" PRIx64 " err %d, %s", what,
			       a, b, err, vm->why ? vm->why : "-");
		__atomic_store_n(&wrong, wrong_text, __ATOMIC_RELEASE);
	}
	(void)pthread_mutex_unlock(&wrong_lock);
}

/* --- guests ----------------------------------------------------------------
 */

struct script {
	struct tdxc_sim_guest_op ops[TDXC_SIM_GUEST_MAX_OPS];
	size_t n;
};

static void put(struct script *s, enum tdxc_sim_guest_code code, uint64_t gpa,
		uint64_t bytes, uint64_t value)
{
	s->ops[s->n++] = (struct tdxc_sim_guest_op){code, gpa, bytes, value};
}

/* Whatever the hosts do to it, it can be touched. */
static void put_storm(struct script *s, struct thread *t)
{
	uint64_t page = below(t, STORM_PAGES);
	uint64_t pages =
		1 + below(t, STORM_PAGES - page < 6 ? STORM_PAGES - page : 6);
	uint64_t gpa = STORM + page * PAGE;

	switch (below(t, 8)) {
	case 0:
		put(s, TDXC_SIM_GUEST_ACCEPT_4K, gpa, pages * PAGE, 0);
		break;
	case 1:
		put(s, TDXC_SIM_GUEST_SHARE, gpa, pages * PAGE, 0);
		break;
	case 2:
		put(s, TDXC_SIM_GUEST_UNSHARE, gpa, pages * PAGE, 0);
		break;
	case 3:
		put(s, TDXC_SIM_GUEST_WRITE, gpa | ALIAS, pages * PAGE, 1);
		break;
	case 4:
		put(s, TDXC_SIM_GUEST_READ, FLEETING + below(t, 512) * PAGE, 8,
		    0);
		break;
	default:
		put(s, TDXC_SIM_GUEST_WRITE, gpa, pages * PAGE, 1);
		break;
	}
}

/* Of its own memory a guest keeps the first pages of each 256 KiB; the hosts
 * move them about and change their size. */
static uint64_t kept(const struct thread *t, uint64_t chunk)
{
	return OWN + (t->index + 1) * 2 * MIB + chunk * CHUNK;
}

/* The rest it converts to and fro, and what it keeps must not notice. */
static void put_conversion(struct script *s, struct thread *t)
{
	uint64_t gpa = kept(t, below(t, CHUNKS)) + (KEPT + below(t, 40)) * PAGE;
	uint64_t bytes = (1 + below(t, 8)) * PAGE;

	put(s, TDXC_SIM_GUEST_SHARE, gpa, bytes, 0);
	put(s, TDXC_SIM_GUEST_WRITE, gpa | ALIAS, PAGE, t->value + 1);
	put(s, TDXC_SIM_GUEST_VERIFY, gpa | ALIAS, PAGE, t->value + 1);
	put(s, TDXC_SIM_GUEST_UNSHARE, gpa, bytes, 0);
	put(s, TDXC_SIM_GUEST_ACCEPT_4K, gpa, bytes, 0);
	put(s, TDXC_SIM_GUEST_WRITE, gpa, PAGE, t->value);
	put(s, TDXC_SIM_GUEST_VERIFY, gpa, PAGE, t->value);
}

static void make_first_script(struct script *s, struct thread *t)
{
	s->n = 0;
	put(s, TDXC_SIM_GUEST_ACCEPT_4K, kept(t, 0), 2 * MIB, 0);
	for (uint64_t i = 0; i < CHUNKS; i++)
		put(s, TDXC_SIM_GUEST_WRITE, kept(t, i), KEPT * PAGE, t->value);
	for (uint64_t i = 0; i < CHUNKS; i++)
		put(s, TDXC_SIM_GUEST_VERIFY, kept(t, i), KEPT * PAGE,
		    t->value);
}

static void make_script(struct script *s, struct thread *t)
{
	uint64_t calm = (CALM + t->index * 32 * PAGE) | ALIAS;

	s->n = 0;
	put(s, TDXC_SIM_GUEST_WRITE, calm, PAGE, t->value);
	for (uint64_t i = 0; i < 6; i++)
		put_storm(s, t);
	put(s, TDXC_SIM_GUEST_VERIFY, kept(t, below(t, CHUNKS)), KEPT * PAGE,
	    t->value);
	put_conversion(s, t);
	put(s, TDXC_SIM_GUEST_VERIFY, calm, PAGE, t->value);
	for (uint64_t i = 0; i < 4; i++)
		put_storm(s, t);
	for (uint64_t i = 0; below(t, 8) == 0 && i < CHUNKS; i++)
		put(s, TDXC_SIM_GUEST_VERIFY, kept(t, i), KEPT * PAGE,
		    t->value);
}

static bool run(struct thread *t, const struct script *s)
{
	struct tdxc_sim_vmm_result r =
		tdxc_sim_vmm_run(vm, t->index, s->ops, s->n);

	add(&verified, r.bytes_verified);
	add(&scripts, 1);
	if (r.result == TDXC_SIM_GUEST_DONE)
		return true;
	if (!may_die || tdxc_load_acquire(&vm->dead) == 0)
		complain("a guest ended", (uint64_t)r.result, r.where, r.err);
	return false;
}

static void *guest_thread(void *arg)
{
	struct thread *t = arg;
	struct script s = {.n = 0};
	bool good;

	tdxc_sim_host_thread_begin(&host);
	make_first_script(&s, t);
	good = run(t, &s);
	while (good && !over()) {
		make_script(&s, t);
		good = run(t, &s);
	}
	tdxc_sim_host_thread_end(&host);
	return NULL;
}

/* --- hosts -----------------------------------------------------------------
 */

/* Pages of guests, which lose nothing by it. */
static int resize(struct thread *t)
{
	uint64_t gpa =
		OWN + (1 + below(t, VCPUS)) * 2 * MIB + below(t, 512) * PAGE;
	uint64_t removed;

	switch (below(t, 6)) {
	case 0:
		return tdxc_sim_vmm_promote(vm, gpa);
	case 1:
		return tdxc_sim_vmm_demote(vm, gpa);
	case 2:
		return tdxc_sim_vmm_remove_tables(vm, OWN, 0x40000000,
						  &removed);
	case 3:
		return tdxc_sim_vmm_promote(vm, STORM + below(t, STORM_PAGES) *
								PAGE);
	case 4:
		return tdxc_sim_vmm_demote(vm, STORM + below(t, STORM_PAGES) *
							       PAGE);
	default:
		return tdxc_sim_vmm_relocate(vm, gpa);
	}
}

static int disturb(struct thread *t)
{
	uint64_t page = below(t, STORM_PAGES);
	uint64_t most = below(t, 4) == 0 ? 1024 : 24;
	uint64_t pages =
		1 +
		below(t, STORM_PAGES - page < most ? STORM_PAGES - page : most);
	uint64_t gpa = STORM + page * PAGE;

	if (below(t, 4) == 0) {
		pages = 512;
		gpa &= ~(2 * MIB - 1);
	}
	switch (below(t, 8)) {
	case 0:
		return tdxc_sim_vmm_convert(vm, gpa, pages * PAGE, false);
	case 1:
	case 2:
		return tdxc_sim_vmm_convert(vm, gpa, pages * PAGE, true);
	case 3:
	case 4:
		return tdxc_sim_vmm_balloon(vm, gpa, pages * PAGE);
	case 5:
		return tdxc_sim_vmm_unmap_shared(vm, gpa, pages * PAGE);
	default:
		return tdxc_sim_vmm_populate(vm, gpa, pages * PAGE,
					     below(t, 4) != 0);
	}
}

static int other(struct thread *t)
{
	switch (below(t, 8)) {
	case 0:
		return tdxc_sim_vmm_unmap_all_shared(vm);
	case 1:
		return tdxc_sim_vmm_unmap_shared(vm, CALM, MIB);
	case 2:
		return tdxc_sim_vmm_delete_slot(vm, 3);
	case 3:
	case 4:
		return tdxc_sim_vmm_restore_slot(vm, 3);
	default:
		return tdxc_sim_vmm_migrate(
			vm, (uint32_t)below(t, VCPUS),
			(uint32_t)below(t, host.description.nr_lps));
	}
}

/* What may come of an operation beside others. */
static bool is_good(int err)
{
	switch (err) {
	case TDXC_OK:
	case TDXC_E_AGAIN:
	case TDXC_E_BUSY:
	case TDXC_E_NOENT:
	case TDXC_E_EXIST:
	case TDXC_E_NOSPC:
	case TDXC_E_OPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static void *host_thread(void *arg)
{
	struct thread *t = arg;

	tdxc_sim_host_thread_begin(&host);
	while (!over()) {
		uint64_t kind = below(t, 8);
		int err = kind < 4   ? disturb(t)
			  : kind < 7 ? resize(t)
				     : other(t);

		add(&done_ops, 1);
		if (!is_good(err) &&
		    (!may_die || tdxc_load_acquire(&vm->dead) == 0))
			complain("an operation failed", kind, 0, err);
	}
	tdxc_sim_host_thread_end(&host);
	return NULL;
}

/* --- rounds ----------------------------------------------------------------
 */

static struct thread threads[VCPUS + HOSTS];

static void boot(uint64_t *seed)
{
	struct tdxc_sim_host_config config = {
		.nr_lps = next(seed) % 3 == 0 ? 11 : 20,
		.gib = 1,
		.lines = next(seed) % 4 == 0,
		.erratum = next(seed) % 2 == 0,
		.static_pamt = next(seed) % 3 == 0,
		.seed = *seed,
		.limits = {{1, 10, ATTEMPTS, 1000}},
	};
	struct tdxc_sim_vmm_config c = {
		.nr_vcpus = VCPUS,
		.slots = {{OWN, (VCPUS + 1) * 2 * MIB, false},
			  {STORM, STORM_PAGES * PAGE, false},
			  {CALM, 2 * MIB, true},
			  {FLEETING, 2 * MIB, false}},
		.small_pages = next(seed) % 4 == 0,
		.promote_to_zap = (uint32_t)(next(seed) % 3),
		.batch = next(seed) % 2 == 0 ? 16 : 0,
	};
	int err = tdxc_sim_host_up(&host, &config);

	ck_assert_int_eq(err, TDXC_OK);
	tdxc_sim_host_thread_begin(&host);
	vm = tdxc_sim_vmm_create(&host, &c, &err);
	ck_assert_msg(vm != NULL, "err %d", err);
	ck_assert_int_eq(tdxc_sim_vmm_add_image(vm, OWN, 8 * PAGE, 7, true),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_vmm_finalize(vm), TDXC_OK);
}

static void race(uint64_t *seed)
{
	for (uint32_t i = 0; i < VCPUS + HOSTS; i++) {
		struct thread *t = &threads[i];

		t->index = i < VCPUS ? i : i - VCPUS;
		t->random = next(seed);
		t->value = 100 + i;
		ck_assert_int_eq(
			pthread_create(&t->id, NULL,
				       i < VCPUS ? guest_thread : host_thread,
				       t),
			0);
	}
	/* Guests that wait for a slot that is gone would wait for ever. */
	for (uint32_t i = VCPUS; i < VCPUS + HOSTS; i++)
		(void)pthread_join(threads[i].id, NULL);
	(void)tdxc_sim_vmm_restore_slot(vm, 3);
	for (uint32_t i = 0; i < VCPUS; i++)
		(void)pthread_join(threads[i].id, NULL);
}

static void print_lost(void)
{
	for (uint32_t i = 0; i < host.quarantine.room; i++) {
		const struct tdxc_sept_lost *lost = &host.quarantine.lost[i];
		const char *leaf = tdxc_leaf_name(lost->diag.rax);

		if (lost->state == 0)
			break;
		printf("lost %" PRIx64 ", use %d, gfn %" PRIx64
		       ": %s answered %" PRIx64 "\n",
		       lost->pa, (int)lost->use, lost->gfn.n, leaf ? leaf : "-",
		       lost->diag.status);
	}
}

/* With the line model: no line was overwritten, poisoned, or read through
 * another key. */
static void expect_no_event(void)
{
	struct tdxc_sim_event event;

	ck_assert_msg(!tdxc_sim_machine_event(&host.machine, &event),
		      "event %d at %" PRIx64, (int)event.kind, event.pa);
}

static void expect_all_well(void)
{
	char text[200] = "";
	bool dead = tdxc_load_acquire(&vm->dead) != 0;
	int err;

	if (wrong || (dead && !may_die))
		print_lost();
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert_msg(!dead || may_die, "dead: %s %d", vm->why, vm->why_err);
	if (!dead)
		ck_assert_msg(tdxc_sim_vmm_compare(vm, text, sizeof(text)) == 0,
			      "%s", text);
	ck_assert_msg(tdxc_sim_host_check(&host, text, sizeof(text)) == 0, "%s",
		      text);
	err = tdxc_sim_vmm_destroy(vm, NULL);
	ck_assert_msg(err == TDXC_OK || dead, "teardown: %d", err);
	ck_assert_msg(tdxc_sim_host_check(&host, text, sizeof(text)) == 0, "%s",
		      text);
	ck_assert_uint_eq(tdxc_sim_host_count(&host, TDXC_SIM_PAGE_LENT), 0);
	if (!dead)
		ck_assert_uint_eq(
			tdxc_sim_host_count(&host, TDXC_SIM_PAGE_QUARANTINED),
			0);
	expect_no_event();
}

/* Long enough for something to happen where all is slow. */
static uint64_t round_ns(void)
{
	uint64_t ns = from_env("TDXC_SIM_RACE_SECONDS", 2) * SECOND / 4;

	return ns > 4 * SECOND ? 4 * SECOND : ns;
}

/* Every fault of a rule makes a lock look taken, or an interrupt pending. */
static void round_of(uint64_t seed, bool fatal)
{
	static const uint32_t leaves[] = {
		TDXC_MEM_PAGE_AUG,	TDXC_MEM_PAGE_REMOVE,
		TDXC_MEM_RANGE_BLOCK,	TDXC_MEM_PAGE_PROMOTE,
		TDXC_MEM_PAGE_DEMOTE,	TDXC_MEM_SEPT_ADD,
		TDXC_PHYMEM_PAGE_WBINVD};
	/* What can be undone when it stays busy. */
	static const uint32_t stubborn[] = {
		TDXC_MEM_PAGE_AUG, TDXC_MEM_RANGE_BLOCK, TDXC_MEM_SEPT_ADD};
	struct tdxc_sim_fault_rule rules[COUNT(stubborn) + 3];
	bool often = next(&seed) % 2 == 0;
	size_t n = 0;

	may_die = fatal;
	memset(rules, 0, sizeof(rules));
	boot(&seed);
	if (fatal)
		rules[n++] = (struct tdxc_sim_fault_rule){
			.leaf = leaves[next(&seed) % COUNT(leaves)],
			.nth = 20 + next(&seed) % 500,
			.most = 1,
			.value = 0xC000010000000000};
	for (size_t i = 0; i < COUNT(stubborn); i++)
		rules[n++] = (struct tdxc_sim_fault_rule){
			.leaf = stubborn[i],
			.per_million = often ? 700000 : 10000,
			.value = OPERAND_BUSY};
	rules[n++] = (struct tdxc_sim_fault_rule){
		.leaf = TDXC_SIM_FAULT_ANY_LEAF,
		.per_million = often ? 150000 : 10000,
		.value = OPERAND_BUSY};
	rules[n++] =
		(struct tdxc_sim_fault_rule){.leaf = TDXC_SIM_FAULT_ANY_LEAF,
					     .action = TDXC_SIM_FAULT_INTERRUPT,
					     .per_million = 5000};
	tdxc_sim_host_faults(&host, rules, n, seed);
	deadline = now() + round_ns();
	race(&seed);
	tdxc_sim_host_no_faults(&host);
	expect_all_well();
	tdxc_sim_host_thread_end(&host);
	tdxc_sim_host_down(&host);
}

static void rounds(bool fatal)
{
	uint64_t seed = from_env("TDXC_SEED", now());
	uint64_t end = now() + from_env("TDXC_SIM_RACE_SECONDS", 2) *
				       (fatal ? SECOND / 4 : SECOND);
	uint32_t n = 0;

	do {
		printf("seed %" PRIu64 "\n", seed);
		fflush(stdout);
		round_of(seed, fatal);
		(void)next(&seed);
		n++;
	} while (now() < end);
	printf("%u rounds: %" PRIu64 " bytes verified, %" PRIu64
	       " scripts, %" PRIu64 " operations\n",
	       n, verified, scripts, done_ops);
	ck_assert(fatal || verified != 0);
}

START_TEST(no_byte_is_lost_and_every_page_accounted_for)
{
	rounds(false);
}
END_TEST

START_TEST(a_failure_nobody_can_mend_loses_what_it_names_and_no_more)
{
	rounds(true);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("vmm_race");
	TCase *tc = tcase_create("race");

	tcase_add_test(tc, no_byte_is_lost_and_every_page_accounted_for);
	tcase_add_test(
		tc, a_failure_nobody_can_mend_loses_what_it_names_and_no_more);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
