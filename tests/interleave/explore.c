/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * See explore.h. The current run is a path of nodes: a decision, the step that
 * it led to, and what remains to be tried in its place.
 *
 * ucontext makes the coroutines. Between those that run already longjmp()
 * switches: swapcontext() makes two system calls for a signal mask that nobody
 * changes, which was half of the time.
 */
#include "explore.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES   (128u * 1024u)
#define STACK_SPACING (4u * 1024u * 1024u)
#define NODES	      8192u
#define BUCKETS	      4096u /* of objects */
#define RIVALS	      64u
#define NONE	      UINT32_MAX

struct clock {
	uint16_t at[IL_THREADS];
};

struct node {
	struct il_step step;
	uint64_t before[IL_OBJECTS]; /* what objects were */
	uint32_t previous[IL_OBJECTS];
	struct clock count; /* steps of each thread before this one */
	struct clock clock; /* steps that led to this one, and it */
	/* Hash of the happens-before relation, if this thread goes on. */
	uint64_t after[IL_THREADS];
	uint32_t local;	    /* number of this step in its thread */
	uint32_t preempted; /* preemptions before this step */
	uint32_t left;	    /* how many more there may be */
	uint32_t ran;	    /* who took the step before */
	uint32_t choice;    /* of choices, where this is no step */
	uint32_t choices;
	uint8_t thread;
	uint8_t enabled; /* sets of threads */
	uint8_t wanted;
	uint8_t done;
	uint8_t asleep;
};

struct thread {
	ucontext_t context;
	jmp_buf place;
	struct il_step next;
	struct clock clock;
	uint32_t steps;
	bool ended;
};

/* Who used an object, in this run. */
struct object {
	const uint64_t *address;
	uint64_t run;
	uint32_t last; /* node */
	struct clock clock[IL_MODES];
};

static struct {
	const struct il_program *program;
	struct il_result *result;
	struct thread thread[IL_THREADS];
	struct node node[NODES];
	uint32_t depth;	 /* nodes of this run so far */
	uint32_t replay; /* of these are decided */
	uint32_t last;	 /* last node that is a step */
	int self;
	uint8_t asleep; /* for the next node */
	bool starting;
	bool over;
	uint64_t run;
	uint64_t history; /* hash of the happens-before relation */
	jmp_buf main_place;
	struct object object[BUCKETS];
} il = {.self = -1};

/* So far apart that Valgrind takes them for stacks: what is nearer is a frame
 * to it that comes or goes. */
static _Alignas(64) unsigned char stacks[IL_THREADS][STACK_SPACING];

/* States from which exploring with so many preemptions left is done. */
static struct {
	struct seen {
		uint64_t key;
		uint32_t left; /* plus 1; 0: the place is free */
	} * table;
	size_t size;
	size_t used;
} seen;

static uint64_t mix(uint64_t h, uint64_t value)
{
	h ^= value + 0x9e3779b97f4a7c15ull + (h << 12) + (h >> 4);
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 29;
}

int il_self(void)
{
	return il.self;
}

bool il_has_failed(void)
{
	return il.result != NULL && il.result->failed;
}

/* --- failure ----------------------------------------------------------------
 */

static void print_path(void)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < il.depth; i++) {
		const struct node *n = &il.node[i];

		printf("  %3u t%u ", i, n->thread);
		if (n->choices != 0) {
			printf("  choice %u of %u\n", n->choice, n->choices);
			continue;
		}
		printf("%s", n->step.what);
		for (k = 0; k < n->step.objects; k++) {
			putchar(' ');
			if (il.program->print != NULL)
				il.program->print(n->step.object[k]);
			else
				printf("%p", (const void *)n->step.object[k]);
			printf("(%" PRIx64 ")", n->before[k]);
		}
		putchar('\n');
	}
}

/* From a thread, or the explorer (-1), to another. */
static void switch_to(int from, int to)
{
	jmp_buf *here = from < 0 ? &il.main_place : &il.thread[from].place;

	if (_setjmp(*here) == 0)
		longjmp(to < 0 ? il.main_place : il.thread[to].place, 1);
}

static void leave(void)
{
	il.over = true;
	if (il.self >= 0) {
		int self = il.self;

		il.self = -1;
		switch_to(self, -1);
	}
}

void il_fail(const char *invariant, const char *format, ...)
{
	struct il_result *r = il.result;
	va_list args;

	if (r == NULL) {
		printf("%s outside of a run\n", invariant);
		abort();
	}
	if (!r->failed) {
		r->failed = true;
		snprintf(r->invariant, sizeof(r->invariant), "%s", invariant);
		va_start(args, format);
		vsnprintf(r->text, sizeof(r->text), format, args);
		va_end(args);
		if (il.depth != 0 && getenv("TDXC_INTERLEAVE_PATH") != NULL) {
			printf("%s: %s: %s\n", il.program->name, invariant,
			       r->text);
			print_path();
		}
	}
	leave();
}

/* --- dependence -------------------------------------------------------------
 */

static bool modes_conflict(enum il_mode a, enum il_mode b)
{
	return a != b || a == IL_WRITE;
}

static bool waits(const struct il_step *step)
{
	return step->mask != 0 || step->any != 0;
}

/* Whether a step need not wait, where its objects have these values. */
static bool may_go_on(const struct il_step *step, const uint64_t *value)
{
	uint32_t i;

	if (step->mask != 0)
		return ((value[0] & step->mask) == step->value) == step->equal;
	for (i = 0; i < step->any; i++)
		if (value[i] != step->expected[i])
			return true;
	return step->any == 0;
}

static bool is_enabled(const struct il_step *step)
{
	uint64_t value[IL_OBJECTS];
	uint32_t i;

	if (!waits(step))
		return true;
	for (i = 0; i < step->objects; i++)
		value[i] = *step->object[i];
	return may_go_on(step, value);
}

static bool steps_conflict(const struct il_step *a, const struct il_step *b)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < a->objects; i++)
		for (k = 0; k < b->objects; k++)
			if (a->object[i] == b->object[k] &&
			    modes_conflict(a->mode[i], b->mode[k]))
				return true;
	return false;
}

static struct object *object_of(const uint64_t *address)
{
	size_t at = mix(0, (uint64_t)(uintptr_t)address) % BUCKETS;

	while (il.object[at].run == il.run && il.object[at].address != address)
		at = (at + 1) % BUCKETS;
	if (il.object[at].run != il.run) {
		memset(&il.object[at], 0, sizeof(il.object[at]));
		il.object[at].run = il.run;
		il.object[at].address = address;
		il.object[at].last = NONE;
	}
	return &il.object[at];
}

static uint32_t place_of(const struct node *n, const uint64_t *object)
{
	uint32_t i = 0;

	while (n->step.object[i] != object)
		i++;
	return i;
}

static bool leads_to(const struct node *n, const struct clock *c)
{
	return n->local < c->at[n->thread];
}

/* What an object would be without a node and all that follows from it. */
static uint64_t value_without(uint64_t *object, uint32_t at)
{
	const struct node *n = &il.node[at];
	uint64_t value = *object;
	uint32_t j = object_of(object)->last;

	while (j != NONE && j >= at) {
		uint32_t i = place_of(&il.node[j], object);

		if (leads_to(n, &il.node[j].clock))
			value = il.node[j].before[i];
		j = il.node[j].previous[i];
	}
	return value;
}

/* Whether a step could have come before the one of a node instead: it need not
 * have waited there. */
static bool together(uint32_t at, const struct il_step *step)
{
	uint64_t value[IL_OBJECTS];
	uint32_t i;

	if (!waits(step))
		return true;
	for (i = 0; i < step->objects; i++)
		value[i] = value_without(step->object[i], at);
	return may_go_on(step, value);
}

static void join(struct clock *to, const struct clock *from)
{
	uint32_t i;

	for (i = 0; i < IL_THREADS; i++)
		if (to->at[i] < from->at[i])
			to->at[i] = from->at[i];
}

/* Put the step of a node into the happens-before relation. */
static void order_step(uint32_t at)
{
	struct node *n = &il.node[at];
	struct thread *t = &il.thread[n->thread];
	uint32_t i;
	uint32_t m;

	for (i = 0; i < n->step.objects; i++) {
		struct object *o = object_of(n->step.object[i]);

		for (m = 0; m < IL_MODES; m++)
			if (modes_conflict(n->step.mode[i], (enum il_mode)m))
				join(&t->clock, &o->clock[m]);
		n->previous[i] = o->last;
		o->last = at;
		n->before[i] = *n->step.object[i];
	}
	n->local = t->steps++;
	t->clock.at[n->thread] = (uint16_t)t->steps;
	n->clock = t->clock;
	for (i = 0; i < n->step.objects; i++)
		join(&object_of(n->step.object[i])->clock[n->step.mode[i]],
		     &t->clock);
}

static uint64_t hash_step(uint32_t thread, uint64_t what, const struct clock *c)
{
	uint64_t h = mix(what, thread);
	uint32_t i;

	for (i = 0; i < IL_THREADS; i++)
		h = mix(h, c->at[i]);
	return h;
}

/* A sum: the order of independent steps is gone. */
static void add_history(uint32_t thread, uint64_t what)
{
	il.history += hash_step(thread, what, &il.thread[thread].clock);
}

/* What the history becomes if a thread takes its next step. */
static uint64_t history_after(uint32_t thread)
{
	const struct thread *t = &il.thread[thread];
	struct clock c = t->clock;
	uint32_t i;
	uint32_t m;

	for (i = 0; i < t->next.objects; i++)
		for (m = 0; m < IL_MODES; m++)
			if (modes_conflict(t->next.mode[i], (enum il_mode)m))
				join(&c,
				     &object_of(t->next.object[i])->clock[m]);
	c.at[thread] = (uint16_t)(t->steps + 1);
	return il.history + hash_step(thread, 0, &c);
}

/* --- what remains to be tried ----------------------------------------------
 */

/* Steps that a step conflicts with, latest first; enough of them that all
 * earlier ones lead to one of these. */
struct rivals {
	uint32_t at[RIVALS];
	uint32_t n;
};

static void add_rival(struct rivals *r, uint32_t at)
{
	uint32_t i;

	for (i = 0; i < r->n; i++)
		if (r->at[i] == at)
			return;
	if (r->n == RIVALS)
		abort();
	r->at[r->n++] = at;
}

/* What waits may pass over steps before which it could not have gone on: they
 * enabled it. */
static void find_rivals(uint32_t p, const struct il_step *next, uint32_t k,
			struct rivals *r)
{
	const struct clock *c = &il.thread[p].clock;
	uint32_t at = object_of(next->object[k])->last;

	while (at != NONE) {
		const struct node *n = &il.node[at];
		uint32_t i = place_of(n, next->object[k]);

		if (n->thread != p &&
		    modes_conflict(n->step.mode[i], next->mode[k]) &&
		    !leads_to(n, c) && together(at, next)) {
			add_rival(r, at);
			if (n->step.mode[i] == IL_WRITE)
				return;
		}
		at = n->previous[i];
	}
}

/* What comes before thread p's next step if node `at` and all that follows from
 * it does not. */
static struct clock clock_without(uint32_t at, uint32_t p,
				  const struct il_step *next)
{
	const struct node *n = &il.node[at];
	struct clock c = il.thread[p].clock;
	uint32_t k;

	for (k = 0; k < next->objects; k++) {
		uint32_t j = object_of(next->object[k])->last;

		while (j != NONE && j > at) {
			const struct node *m = &il.node[j];
			uint32_t i = place_of(m, next->object[k]);

			if (modes_conflict(m->step.mode[i], next->mode[k]) &&
			    !leads_to(n, &m->clock))
				join(&c, &m->clock);
			j = m->previous[i];
		}
	}
	return c;
}

/* Whether nothing of others after a node leads to what has this clock. */
static bool comes_first(const struct node *n, uint32_t q, const struct clock *c)
{
	uint32_t r;

	for (r = 0; r < il.program->threads; r++)
		if (r != q && r != n->thread && c->at[r] > n->count.at[r])
			return false;
	return true;
}

/* Threads that could take the first step if a node's step came after thread p's
 * next one: it, and what leads to it, without what follows from the node. */
static uint8_t who_comes_first(uint32_t at, uint32_t p,
			       const struct il_step *next)
{
	const struct node *n = &il.node[at];
	struct clock c = clock_without(at, p, next);
	uint8_t known = (uint8_t)(1u << n->thread);
	uint8_t first = 0;
	uint32_t j;

	for (j = at + 1; j < il.depth; j++) {
		const struct node *m = &il.node[j];

		if (m->choices != 0 || (known >> m->thread & 1) != 0)
			continue;
		known |= (uint8_t)(1u << m->thread);
		if (!leads_to(n, &m->clock) &&
		    comes_first(n, m->thread, &m->clock))
			first |= (uint8_t)(1u << m->thread);
	}
	if ((known >> p & 1) == 0 && comes_first(n, p, &c))
		first |= (uint8_t)(1u << p);
	return first;
}

/* Thread p's next step is to come before a node's. */
static void want_before(uint32_t at, uint32_t p, const struct il_step *next)
{
	struct node *n = &il.node[at];
	uint8_t first = who_comes_first(at, p, next);

	if ((first & n->wanted) != 0)
		return;
	first &= n->enabled;
	if (first == 0)
		n->wanted |= n->enabled;
	else if ((first >> p & 1) != 0)
		n->wanted |= (uint8_t)(1u << p);
	else
		n->wanted |= (uint8_t)(first & -first);
}

/* All races of a thread's next step with steps that could change places with
 * it: nothing else lies between them. */
static void find_races(uint32_t p)
{
	const struct il_step *next = &il.thread[p].next;
	struct rivals r = {.n = 0};
	uint32_t i;
	uint32_t k;

	for (k = 0; k < next->objects; k++)
		find_rivals(p, next, k, &r);
	for (i = 0; i < r.n; i++) {
		bool direct = true;

		for (k = 0; k < r.n && direct; k++)
			direct = k == i || !leads_to(&il.node[r.at[i]],
						     &il.node[r.at[k]].clock);
		if (direct)
			want_before(r.at[i], p, next);
	}
}

/* Whoever has to wait now might have come before what made it wait. */
static void find_waits(void)
{
	uint32_t p;

	for (p = 0; p < il.program->threads; p++) {
		const struct thread *t = &il.thread[p];

		if (!t->ended && !is_enabled(&t->next))
			find_races(p);
	}
}

static void seen_grow(void)
{
	struct seen *old = seen.table;
	size_t size = seen.size;
	size_t i;

	seen.size = size == 0 ? 1u << 16 : size * 2;
	seen.table = calloc(seen.size, sizeof(*seen.table));
	if (seen.table == NULL)
		abort();
	for (i = 0; i < size; i++) {
		size_t at = old[i].key % seen.size;

		if (old[i].left == 0)
			continue;
		while (seen.table[at].left != 0)
			at = (at + 1) % seen.size;
		seen.table[at] = old[i];
	}
	free(old);
}

static size_t seen_place(uint64_t key)
{
	size_t at = key % seen.size;

	while (seen.table[at].left != 0 && seen.table[at].key != key)
		at = (at + 1) % seen.size;
	return at;
}

/* Whether a state was explored with as many preemptions left; it is now. */
static bool seen_state(uint64_t key, uint32_t left)
{
	size_t at;

	if (seen.used * 2 >= seen.size)
		seen_grow();
	at = seen_place(key);
	if (seen.table[at].left > left)
		return true;
	if (seen.table[at].left == 0)
		seen.used++;
	seen.table[at].key = key;
	seen.table[at].left = left + 1;
	return false;
}

/* --- one run ----------------------------------------------------------------
 */

static bool is_reduced(void)
{
	return il.program->preemptions == IL_UNBOUNDED && !il.program->naive;
}

static uint8_t enabled_set(void)
{
	uint8_t set = 0;
	uint32_t i;

	for (i = 0; i < il.program->threads; i++) {
		const struct thread *t = &il.thread[i];

		if (!t->ended && is_enabled(&t->next))
			set |= (uint8_t)(1u << i);
	}
	return set;
}

static bool all_ended(void)
{
	uint32_t i;

	for (i = 0; i < il.program->threads; i++)
		if (!il.thread[i].ended)
			return false;
	return true;
}

static uint32_t lowest(uint8_t set)
{
	return (uint32_t)__builtin_ctz(set);
}

static struct node *node_new(void)
{
	struct node *n = &il.node[il.depth];

	if (il.depth + 1 >= NODES)
		il_fail("P-FAULT", "no end after %u steps", il.depth);
	memset(n, 0, sizeof(*n));
	return n;
}

/* Which thread to prefer: the one that ran, so that it is not preempted. */
static uint32_t preferred(uint8_t set)
{
	uint32_t ran = il.last == NONE ? 0 : il.node[il.last].thread;

	return (set >> ran & 1) != 0 ? ran : lowest(set);
}

/* Preemptions so far, the last decision included. */
static uint32_t preemptions_now(void)
{
	const struct node *n;

	if (il.last == NONE)
		return 0;
	n = &il.node[il.last];
	return n->preempted;
}

static bool decide_bounded(struct node *n)
{
	uint32_t bound = il.program->preemptions;
	uint32_t ran = il.last == NONE ? NONE : il.node[il.last].thread;
	uint32_t used = preemptions_now();
	bool goes_on = ran != NONE && (n->enabled >> ran & 1) != 0;
	uint32_t q;

	if (!il.program->naive &&
	    seen_state(mix(il.history, ran), bound - used))
		return false;
	n->wanted = n->enabled;
	if (goes_on && used == bound)
		n->wanted = (uint8_t)(1u << ran);
	n->thread = (uint8_t)preferred(n->wanted);
	n->ran = ran;
	n->left = bound - used;
	for (q = 0; q < il.program->threads; q++)
		if ((n->wanted >> q & 1) != 0)
			n->after[q] = history_after(q);
	return true;
}

/* Whether a thread's step leads from a node to a state that was seen; so it
 * need not be run to find that out. */
static bool leads_to_seen(const struct node *n, uint32_t q)
{
	bool preempts = n->ran != NONE && q != n->ran &&
			(n->enabled >> n->ran & 1) != 0;
	size_t at = seen_place(mix(n->after[q], q));

	return seen.table[at].left > n->left - preempts;
}

static bool decide_reduced(struct node *n)
{
	uint8_t awake;

	n->asleep = il.asleep;
	find_waits();
	awake = n->enabled & (uint8_t)~n->asleep;
	if (awake == 0)
		return false;
	n->thread = (uint8_t)preferred(awake);
	n->wanted |= (uint8_t)(1u << n->thread);
	return true;
}

/* A new decision; false: all that follows is known. */
static bool decide(struct node *n)
{
	uint32_t i;

	n->enabled = enabled_set();
	for (i = 0; i < il.program->threads; i++)
		n->count.at[i] = (uint16_t)il.thread[i].steps;
	if (n->enabled == 0) {
		il_fail("P-THAW", "the threads that are left wait forever");
		return false;
	}
	return is_reduced() ? decide_reduced(n) : decide_bounded(n);
}

/* Who does not have to be tried after this step: whoever was tried before it,
 * or need not be, and does not notice it. */
static void inherit_sleep(const struct node *n)
{
	uint8_t set = (uint8_t)((n->asleep | n->done) & ~(1u << n->thread));
	uint32_t i;

	il.asleep = 0;
	for (i = 0; i < il.program->threads; i++)
		if ((set >> i & 1) != 0 &&
		    !steps_conflict(&n->step, &il.thread[i].next))
			il.asleep |= (uint8_t)(1u << i);
}

/* Decide who goes on: the number of the thread, or -1 when the run is over. */
static int advance(void)
{
	struct node *n = &il.node[il.depth];
	bool fresh = il.depth >= il.replay;
	uint32_t ran = il.last == NONE ? NONE : il.node[il.last].thread;
	uint32_t used = preemptions_now();

	if (il.over)
		return -1;
	if (il.program->check != NULL && fresh) {
		il.program->check();
		if (il.over)
			return -1;
	}
	if (all_ended())
		return -1;
	if (fresh) {
		n = node_new();
		if (il.over)
			return -1;
		if (!decide(n)) {
			il.over = true;
			return -1;
		}
		il.result->steps++;
	}
	n->preempted = used;
	if (ran != NONE && ran != n->thread && (n->enabled >> ran & 1) != 0)
		n->preempted = used + 1;
	n->step = il.thread[n->thread].next;
	if (is_reduced() && il.depth + 1 >= il.replay)
		find_races(n->thread);
	inherit_sleep(n);
	order_step(il.depth);
	add_history(n->thread, 0);
	il.last = il.depth++;
	return n->thread;
}

/* The running thread has said what comes next, or has ended. */
static void yield(void)
{
	int self = il.self;
	int to;

	if (il.starting) {
		to = -1;
	} else {
		il.self = -1; /* check() makes no steps */
		to = advance();
		il.self = self;
	}
	if (to == self)
		return;
	il.self = to;
	switch_to(self, to);
}

static void thread_main(void)
{
	struct thread *t = &il.thread[il.self];

	il.program->body[il.self]();
	t->ended = true;
	yield();
	abort();
}

static void thread_start(uint32_t i)
{
	struct thread *t = &il.thread[i];

	memset(&t->next, 0, sizeof(t->next));
	memset(&t->clock, 0, sizeof(t->clock));
	t->steps = 0;
	t->ended = false;
	if (getcontext(&t->context) != 0)
		abort();
	t->context.uc_stack.ss_sp = stacks[i];
	t->context.uc_stack.ss_size = STACK_BYTES;
	t->context.uc_link = NULL;
	makecontext(&t->context, thread_main, 0);
	il.self = (int)i;
	if (_setjmp(il.main_place) == 0 && setcontext(&t->context) != 0)
		abort();
	il.self = -1;
}

/* Returns whether it came to its end. */
static bool run(void)
{
	uint32_t i;
	int to;

	il.run++;
	il.depth = 0;
	il.last = NONE;
	il.asleep = 0;
	il.history = 0;
	il.over = false;
	il.self = -1;
	il.program->begin();
	il.starting = true;
	for (i = 0; i < il.program->threads; i++)
		thread_start(i);
	il.starting = false;
	to = advance();
	if (to >= 0) {
		il.self = to;
		switch_to(-1, to);
		il.self = -1;
	}
	if (il.over || !all_ended())
		return false;
	if (il.program->end != NULL)
		il.program->end();
	return true;
}

static bool pick_other(struct node *n)
{
	uint8_t left = n->wanted & (uint8_t) ~(n->done | n->asleep);

	while (left != 0) {
		uint32_t q = lowest(left);

		if (is_reduced() || il.program->naive || !leads_to_seen(n, q)) {
			n->thread = (uint8_t)q;
			return true;
		}
		n->done |= (uint8_t)(1u << q);
		left &= (uint8_t)(left - 1);
	}
	return false;
}

/* Leave only what is decided otherwise next time; false: nothing is. */
static bool backtrack(void)
{
	while (il.depth > 0) {
		struct node *n = &il.node[il.depth - 1];

		if (n->choices != 0) {
			if (++n->choice < n->choices)
				break;
			il.depth--;
			continue;
		}
		n->done |= (uint8_t)(1u << n->thread);
		if (pick_other(n))
			break;
		il.depth--;
	}
	il.replay = il.depth;
	return il.depth > 0;
}

void il_record(struct il_result *result)
{
	memset(result, 0, sizeof(*result));
	il.result = result;
	il.depth = 0;
}

void il_explore(const struct il_program *program, struct il_result *result)
{
	il_record(result);
	il.program = program;
	il.replay = 0;
	do {
		if (run())
			result->runs++;
		else
			result->pruned++;
		if (result->longest < il.depth)
			result->longest = il.depth;
		result->cut =
			program->most_runs != 0 &&
			result->runs + result->pruned >= program->most_runs;
	} while (!result->failed && !result->cut && backtrack());
	free(seen.table);
	memset(&seen, 0, sizeof(seen));
	il.result = NULL;
}

/* --- for threads ------------------------------------------------------------
 */

void il_step(const struct il_step *step)
{
	if (il.self < 0)
		return;
	il.thread[il.self].next = *step;
	yield();
}

void il_access(const char *what, const uint64_t *object, enum il_mode mode)
{
	struct il_step step = {.what = what,
			       .object = {(uint64_t *)(uintptr_t)object},
			       .mode = {mode},
			       .objects = 1};

	il_step(&step);
}

void il_wait(const char *what, const uint64_t *object, uint64_t mask,
	     uint64_t value, enum il_mode mode)
{
	struct il_step step = {.what = what,
			       .object = {(uint64_t *)(uintptr_t)object},
			       .mode = {mode},
			       .objects = 1,
			       .mask = mask,
			       .value = value};

	il_step(&step);
}

uint32_t il_choose(uint32_t n)
{
	struct node *node = &il.node[il.depth];
	uint32_t thread = (uint32_t)il.self;

	if (il.self < 0 || n < 2)
		return 0;
	if (il.depth >= il.replay) {
		node = node_new();
		node->thread = (uint8_t)thread;
		node->choices = n;
	}
	il.depth++;
	add_history(thread, node->choice + 1);
	return node->choice;
}
