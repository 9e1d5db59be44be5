/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The explorer itself: it counts orders right, finds known bugs in small
 * protocols, is silent about their correct forms, and with its reductions sees
 * every outcome that trying everything sees (random programs; TDXC_SEED).
 */
#include "explore.h"
#include "report.h"

#include <string.h>

static struct {
	uint64_t x;
	uint64_t y;
	uint64_t lock;
	uint64_t slot;
	uint64_t external;
	uint64_t table;
	uint64_t seen[2];
} toy;

static void toy_begin(void)
{
	memset(&toy, 0, sizeof(toy));
}

static uint64_t load(const uint64_t *p)
{
	il_access("load", p, IL_READ);
	return *p;
}

static void store(uint64_t *p, uint64_t value)
{
	il_access("store", p, IL_WRITE);
	*p = value;
}

static bool swap(uint64_t *p, uint64_t old, uint64_t value)
{
	il_access("swap", p, IL_WRITE);
	if (*p != old)
		return false;
	*p = value;
	return true;
}

static void lock(uint64_t *p)
{
	il_wait("lock", p, 1, 1, IL_WRITE);
	*p = 1;
}

/* --- counting ---------------------------------------------------------------
 */

static void write_x(void)
{
	store(&toy.x, 1);
}

static void write_y(void)
{
	store(&toy.y, 1);
}

static void read_x(void)
{
	(void)load(&toy.x);
}

static void write_x_then_y(void)
{
	store(&toy.x, 1);
	store(&toy.y, 1);
}

static void count_x(void)
{
	il_access("count", &toy.x, IL_COMMUTE);
	toy.x++;
}

static void choose_three(void)
{
	store(&toy.x, 1);
	toy.seen[0] = il_choose(3);
}

static void lock_twice(void)
{
	lock(&toy.lock);
	store(&toy.lock, 0);
	lock(&toy.lock);
	store(&toy.lock, 0);
}

static void await_x(void)
{
	il_wait("await", &toy.x, ~0ull, 0, IL_READ);
}

struct counted {
	struct il_program program;
	uint64_t runs;
};

#define COUNTED(what, runs_, n, ...)                                           \
	{                                                                      \
		.program = {.name = what,                                      \
			    .threads = n,                                      \
			    .body = {__VA_ARGS__},                             \
			    .begin = toy_begin,                                \
			    .preemptions = IL_UNBOUNDED},                      \
		.runs = runs_                                                  \
	}

static const struct counted counted[] = {
	COUNTED("one thread: one order", 1, 1, write_x),
	COUNTED("different places: one order", 1, 2, write_x, write_y),
	COUNTED("two readers: one order", 1, 3, read_x, read_x, write_y),
	COUNTED("a reader and a writer: 2", 2, 2, read_x, write_x),
	COUNTED("two writers: 2", 2, 2, write_x, write_x),
	COUNTED("four writers: 4!", 24, 4, write_x, write_x, write_x, write_x),
	COUNTED("two writers of two places: 4", 4, 2, write_x_then_y,
		write_x_then_y),
	COUNTED("two writers, two places, a reader of one: 2 * (2 + 2 + 2)", 12,
		3, write_x_then_y, write_x_then_y, read_x),
	COUNTED("counters commute: 1", 1, 3, count_x, count_x, count_x),
	COUNTED("a counter and a reader: 2", 2, 2, count_x, read_x),
	COUNTED("a choice of three: 3", 3, 1, choose_three),
	COUNTED("choices of two threads: 2 * 3 * 3", 18, 2, choose_three,
		choose_three),
	COUNTED("a lock taken twice by each: 4 over 2", 6, 2, lock_twice,
		lock_twice),
	COUNTED("one who waits comes last: 1", 1, 2, await_x, write_x),
};

static void test_counts(struct report *r)
{
	struct il_result result;
	size_t i;

	for (i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		il_explore(&counted[i].program, &result);
		report_case(r, counted[i].program.name,
			    !result.failed && result.runs == counted[i].runs,
			    &result);
	}
}

/* --- known bugs -------------------------------------------------------------
 */

static void add_in_two_steps(void)
{
	store(&toy.x, load(&toy.x) + 1);
}

static void add_with_lock(void)
{
	lock(&toy.lock);
	store(&toy.x, load(&toy.x) + 1);
	store(&toy.lock, 0);
}

static void add_with_swap(void)
{
	uint64_t old = load(&toy.x);

	while (!swap(&toy.x, old, old + 1))
		old = toy.x;
}

/* Looks and takes in two steps. */
static void add_with_bad_lock(void)
{
	il_wait("look", &toy.lock, 1, 1, IL_READ);
	store(&toy.lock, 1);
	store(&toy.x, load(&toy.x) + 1);
	store(&toy.lock, 0);
}

static void end_is_two(void)
{
	if (toy.x != 2)
		il_fail("LOST", "the sum is %" PRIu64, toy.x);
}

static void lock_x_then_y(void)
{
	lock(&toy.x);
	lock(&toy.y);
	store(&toy.y, 0);
	store(&toy.x, 0);
}

static void lock_y_then_x(void)
{
	lock(&toy.y);
	lock(&toy.x);
	store(&toy.x, 0);
	store(&toy.y, 0);
}

/* The freeze protocol in small: the slot and the external one agree unless the
 * slot is frozen, and only one of two links. */
enum { EMPTY, FROZEN, LINKED };

static void external_link(void)
{
	il_access("link", &toy.external, IL_WRITE);
	if (toy.external != EMPTY)
		il_fail("I-SINGLE", "linked twice");
	toy.external = LINKED;
}

static void freeze_well(void)
{
	if (load(&toy.slot) != EMPTY || !swap(&toy.slot, EMPTY, FROZEN))
		return;
	external_link();
	store(&toy.slot, LINKED);
}

static void freeze_by_store(void)
{
	if (load(&toy.slot) != EMPTY)
		return;
	store(&toy.slot, FROZEN);
	external_link();
	store(&toy.slot, LINKED);
}

static void publish_early(void)
{
	if (load(&toy.slot) != EMPTY || !swap(&toy.slot, EMPTY, FROZEN))
		return;
	store(&toy.slot, LINKED);
	external_link();
}

static void never_thaw(void)
{
	if (!swap(&toy.slot, EMPTY, FROZEN))
		return;
	external_link();
}

static void wait_for_thaw(void)
{
	il_wait("wait", &toy.slot, ~0ull, FROZEN, IL_READ);
	(void)load(&toy.slot);
}

static void slot_agrees(void)
{
	if (toy.slot != FROZEN && toy.slot != toy.external)
		il_fail("I-AGREE", "slot %" PRIu64 ", external %" PRIu64,
			toy.slot, toy.external);
}

/* The third of three writers is seen only where both others were preempted. */
static void mark(void)
{
	uint64_t n = load(&toy.x);

	store(&toy.x, n + 1);
	il_access("note", &toy.y, IL_WRITE);
	toy.y = toy.y * 10 + n;
}

static void end_not_all_at_once(void)
{
	if (toy.y == 0)
		il_fail("ALL-ZERO", "all three read before any wrote");
}

struct bug {
	struct il_program program;
	const char *invariant; /* NULL: it is correct */
};

#define BUG(what, check_, end_, bound, invariant_, n, ...)                     \
	{                                                                      \
		.program = {.name = what,                                      \
			    .threads = n,                                      \
			    .body = {__VA_ARGS__},                             \
			    .begin = toy_begin,                                \
			    .check = check_,                                   \
			    .end = end_,                                       \
			    .preemptions = bound},                             \
		.invariant = invariant_                                        \
	}

static const struct bug bugs[] = {
	BUG("an addition in two steps is lost", NULL, end_is_two, IL_UNBOUNDED,
	    "LOST", 2, add_in_two_steps, add_in_two_steps),
	BUG("it is lost with one preemption", NULL, end_is_two, 1, "LOST", 2,
	    add_in_two_steps, add_in_two_steps),
	BUG("it is not lost without preemption", NULL, end_is_two, 0, NULL, 2,
	    add_in_two_steps, add_in_two_steps),
	BUG("under a lock it is not lost", NULL, end_is_two, IL_UNBOUNDED, NULL,
	    2, add_with_lock, add_with_lock),
	BUG("with compare and swap it is not lost", NULL, end_is_two,
	    IL_UNBOUNDED, NULL, 2, add_with_swap, add_with_swap),
	BUG("a lock taken in two steps", NULL, end_is_two, IL_UNBOUNDED, "LOST",
	    2, add_with_bad_lock, add_with_bad_lock),
	BUG("locks in two orders", NULL, NULL, IL_UNBOUNDED, "P-THAW", 2,
	    lock_x_then_y, lock_y_then_x),
	BUG("locks in one order", NULL, NULL, IL_UNBOUNDED, NULL, 2,
	    lock_x_then_y, lock_x_then_y),
	BUG("freeze, link, publish", slot_agrees, NULL, IL_UNBOUNDED, NULL, 3,
	    freeze_well, freeze_well, wait_for_thaw),
	BUG("freeze by a plain store", slot_agrees, NULL, IL_UNBOUNDED,
	    "I-SINGLE", 2, freeze_by_store, freeze_by_store),
	BUG("publish before the link", slot_agrees, NULL, IL_UNBOUNDED,
	    "I-AGREE", 2, publish_early, publish_early),
	BUG("frozen for ever", slot_agrees, NULL, IL_UNBOUNDED, "P-THAW", 2,
	    never_thaw, wait_for_thaw),
	BUG("three read at once, with two preemptions", NULL,
	    end_not_all_at_once, 2, "ALL-ZERO", 3, mark, mark, mark),
	BUG("three do not with one", NULL, end_not_all_at_once, 1, NULL, 3,
	    mark, mark, mark),
};

static void test_bugs(struct report *r)
{
	struct il_result result;
	size_t i;

	for (i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
		const char *wanted = bugs[i].invariant;

		il_explore(&bugs[i].program, &result);
		report_case(r, bugs[i].program.name,
			    result.failed == (wanted != NULL) &&
				    (wanted == NULL ||
				     strcmp(result.invariant, wanted) == 0),
			    &result);
	}
}

/* --- random programs: nothing is missed -------------------------------------
 */

#define CELLS	 3
#define LENGTH	 4
#define OUTCOMES 4096

enum op {
	OP_LOAD,
	OP_STORE,
	OP_SWAP,
	OP_WAIT,
	OP_COUNT,
	OP_CHOOSE,
	OP_TWO, /* reads one, writes another, in one step */
	OP_ANY, /* waits until one of two changes */
	OPS
};

static struct {
	struct {
		uint8_t op;
		uint8_t cell;
		uint8_t value;
	} code[IL_THREADS][LENGTH];
	uint32_t length;
	uint64_t cell[CELLS];
	uint64_t saw[IL_THREADS];
} rnd;

static struct outcomes {
	uint64_t at[OUTCOMES];
	uint32_t n;
} outcomes[2];

static struct outcomes *outcomes_now;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void random_two(uint32_t from, uint32_t to)
{
	struct il_step step = {.what = "two",
			       .object = {&rnd.cell[from], &rnd.cell[to]},
			       .mode = {IL_READ, IL_WRITE},
			       .objects = 2};

	if (from == to)
		return;
	il_step(&step);
	rnd.cell[to] = rnd.cell[from] + 2;
}

static uint64_t random_any(uint64_t *one, uint64_t *other)
{
	struct il_step step = {
		.what = "look", .object = {one, other}, .objects = 2};

	il_step(&step);
	step.what = "wait";
	step.any = 2;
	step.expected[0] = *one;
	step.expected[1] = *other;
	if (*one == 0)
		il_step(&step);
	return *one + *other;
}

static void random_op(uint32_t self, uint32_t i)
{
	uint32_t op = rnd.code[self][i].op;
	uint64_t *p = &rnd.cell[rnd.code[self][i].cell];
	uint64_t value = rnd.code[self][i].value;
	uint64_t *saw = &rnd.saw[self];

	switch (op) {
	case OP_LOAD:
		*saw = *saw * 7 + load(p) + 1;
		break;
	case OP_STORE:
		store(p, value);
		break;
	case OP_SWAP:
		*saw = *saw * 7 + (swap(p, value % 2, value + 1) ? 1 : 2);
		break;
	case OP_WAIT:
		il_wait("wait", &rnd.cell[0], 1, value % 2, IL_READ);
		*saw = *saw * 7 + rnd.cell[0];
		break;
	case OP_COUNT:
		il_access("count", p, IL_COMMUTE);
		*p += 1;
		break;
	case OP_CHOOSE:
		store(p, il_choose(2));
		break;
	case OP_ANY:
		if (p != &rnd.cell[0])
			*saw = *saw * 7 + random_any(p, &rnd.cell[0]);
		break;
	default:
		random_two(rnd.code[self][i].cell, (uint32_t)value % CELLS);
		break;
	}
}

static void random_body(void)
{
	uint32_t self = (uint32_t)il_self();
	uint32_t i;

	for (i = 0; i < rnd.length; i++)
		random_op(self, i);
	store(&rnd.cell[0], 2 + self); /* lets one who waits go on */
}

static void random_begin(void)
{
	memset(rnd.cell, 0, sizeof(rnd.cell));
	memset(rnd.saw, 0, sizeof(rnd.saw));
}

static void random_end(void)
{
	uint64_t h = 0;
	uint32_t i;

	for (i = 0; i < CELLS; i++)
		h = (h ^ rnd.cell[i]) * 0x100000001b3ull;
	for (i = 0; i < IL_THREADS; i++)
		h = (h ^ rnd.saw[i]) * 0x100000001b3ull;
	for (i = 0; i < outcomes_now->n; i++)
		if (outcomes_now->at[i] == h)
			return;
	if (outcomes_now->n < OUTCOMES)
		outcomes_now->at[outcomes_now->n++] = h;
}

static bool same_outcomes(void)
{
	uint32_t i;
	uint32_t k;

	if (outcomes[0].n != outcomes[1].n)
		return false;
	for (i = 0; i < outcomes[0].n; i++) {
		for (k = 0; k < outcomes[1].n; k++)
			if (outcomes[0].at[i] == outcomes[1].at[k])
				break;
		if (k == outcomes[1].n)
			return false;
	}
	return true;
}

static void random_program(uint64_t *seed, uint32_t threads)
{
	uint32_t t;
	uint32_t i;

	rnd.length = threads == 2 ? LENGTH : 2;
	for (t = 0; t < threads; t++) {
		for (i = 0; i < rnd.length; i++) {
			uint64_t r = next_random(seed);

			rnd.code[t][i].op = (uint8_t)(r % OPS);
			rnd.code[t][i].cell = (uint8_t)((r >> 8) % CELLS);
			rnd.code[t][i].value = (uint8_t)((r >> 16) % 3);
		}
	}
}

/* Explores one program twice. A program that can deadlock ends both ways. */
static bool compare(uint32_t threads, uint32_t preemptions,
		    struct il_result *sum)
{
	struct il_program p = {.name = "random",
			       .threads = threads,
			       .body = {random_body, random_body, random_body},
			       .begin = random_begin,
			       .end = random_end,
			       .preemptions = preemptions};
	struct il_result result[2];
	uint32_t i;

	for (i = 0; i < 2; i++) {
		outcomes_now = &outcomes[i];
		outcomes[i].n = 0;
		p.naive = i == 0;
		il_explore(&p, &result[i]);
	}
	sum->runs += result[1].runs;
	sum->pruned += result[1].pruned;
	sum->steps += result[1].steps;
	if (result[0].failed || result[1].failed)
		return result[0].failed && result[1].failed;
	return same_outcomes() && result[1].runs <= result[0].runs;
}

static void test_random(struct report *r, uint64_t seed)
{
	static const struct {
		const char *name;
		uint32_t threads;
		uint32_t preemptions;
		uint32_t rounds;
	} kinds[] = {
		{"reduction misses nothing of 2 threads", 2, IL_UNBOUNDED, 500},
		{"reduction misses nothing of 3 threads", 3, IL_UNBOUNDED, 300},
		{"no preemption, 3 threads: nothing missed", 3, 0, 300},
		{"1 preemption, 3 threads: nothing missed", 3, 1, 300},
		{"2 preemptions, 3 threads: nothing missed", 3, 2, 300},
	};
	uint64_t percent = from_env("TDXC_TEST_SCALE", 100);
	size_t k;
	uint64_t i;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct il_result sum;
		uint64_t rounds = kinds[k].rounds * percent / 100 + 1;
		bool ok = true;

		memset(&sum, 0, sizeof(sum));
		for (i = 0; i < rounds && ok; i++) {
			random_program(&seed, kinds[k].threads);
			ok = compare(kinds[k].threads, kinds[k].preemptions,
				     &sum);
		}
		report_case(r, kinds[k].name, ok, &sum);
	}
}

int main(void)
{
	uint64_t seed = from_env("TDXC_SEED", 0x5eed0004);
	struct report r = {0, 0, 0};

	printf("seed 0x%" PRIx64 "\n", seed);
	test_counts(&r);
	test_bugs(&r);
	test_random(&r, seed);
	return report_end(&r);
}
