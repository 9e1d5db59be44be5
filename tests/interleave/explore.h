/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every interleaving of a few short threads, by replay.
 *
 * Threads are coroutines. Each says what it is about to access (il_step()), and
 * the explorer decides who goes on. When all have ended it starts again with
 * another decision, until every order that could matter was tried.
 *
 * Without a bound: dynamic partial-order reduction with source sets and sleep
 * sets (Abdulla, Aronis, Jonsson, Sagonas: POPL 2014). Two orders of steps that
 * touch nothing in common are one.
 *
 * With a bound on preemptions: every order with at most so many, less those
 * that lead to a state from which as much was tried before. A state is told by
 * the happens-before relation of what led to it (Musuvathi and Qadeer, 2007).
 *
 * Memory is sequentially consistent here.
 */
#ifndef TDXC_TESTS_EXPLORE_H
#define TDXC_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IL_THREADS   5
#define IL_OBJECTS   10
#define IL_UNBOUNDED UINT32_MAX

/* How a step uses an object. Two steps may change places unless they have an
 * object in common that one of them writes. IL_COMMUTE is a change that may
 * change places with its like, as a count of readers. */
enum il_mode { IL_READ, IL_COMMUTE, IL_WRITE, IL_MODES };

/* What a thread is about to do, in one step. */
struct il_step {
	const char *what;
	uint64_t *object[IL_OBJECTS];
	enum il_mode mode[IL_OBJECTS];
	uint32_t objects;
	/* It waits until object[0] & mask is not equal to value, or until it is
	 * (equal); mask 0: it does not wait. */
	uint64_t mask;
	uint64_t value;
	bool equal;
	/* Or until one of the first `any` objects is not as expected. */
	uint32_t any;
	uint64_t expected[IL_OBJECTS];
};

struct il_program {
	const char *name;
	uint32_t threads;
	void (*body[IL_THREADS])(void);
	/* Make everything as it is at the beginning. Called for each run. */
	void (*begin)(void);
	/* After each step, and when all threads have ended; either may call
	 * il_fail(). NULL: nothing to check. */
	void (*check)(void);
	void (*end)(void);
	/* How to print an object; NULL: its address. */
	void (*print)(const uint64_t *object);
	uint32_t preemptions; /* at most, or IL_UNBOUNDED */
	uint64_t most_runs;   /* then it is cut; 0: never */
	/* Selftest: no reduction at all. */
	bool naive;
};

struct il_result {
	uint64_t runs;	 /* schedules that were run to their end */
	uint64_t pruned; /* and those that turned out to be known */
	uint64_t steps;	 /* new ones */
	uint32_t longest;
	bool cut;
	bool failed;
	char invariant[24]; /* what failed, and how */
	char text[256];
};

void il_explore(const struct il_program *program, struct il_result *result);

/* Failures before il_explore() go here; it is emptied. */
void il_record(struct il_result *result);

/* The following are for threads. Outside of il_explore(), and in begin(),
 * check() and end(), steps take place without any decision. */

/* Before an access. */
void il_step(const struct il_step *step);
void il_access(const char *what, const uint64_t *object, enum il_mode mode);

/* Wait, as a step, until *object & mask is no longer value. */
void il_wait(const char *what, const uint64_t *object, uint64_t mask,
	     uint64_t value, enum il_mode mode);

/* Something the model leaves open: 0 to n - 1, each is tried. */
uint32_t il_choose(uint32_t n);

/* Number of the running thread, from 0; -1 outside. */
int il_self(void);

/* An invariant does not hold. Ends the exploration; does not return inside of
 * a thread. */
void il_fail(const char *invariant, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool il_has_failed(void);

#endif
