/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * libFuzzer target: bytes become a configuration, good or malformed; what the
 * planner makes of it must be accepted by the checker and account for every
 * byte of RAM, and a refusal must say why.
 *
 * One byte chooses how ranges are read: raw 64-bit numbers (nearly always
 * malformed), or small steps from one range to the next (nearly always good),
 * so that both roads are walked.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/err.h>

#include "../plan/case.h"
#include "../plan/verify.h"

#define MAX_RANGES 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	while (bytes-- && in->left) {
		value = value << 8 | *in->at++;
		in->left--;
	}
	return value;
}

/* A length of any magnitude: 3 bits of unit, 13 bits of count. */
static uint64_t take_length(struct input *in)
{
	static const uint64_t unit[] = {1,	 4096,	  4096,	   1 << 16,
					1 << 20, 1 << 22, 1 << 26, 1 << 30};
	uint64_t value = take(in, 2);

	return (value & 0x1fff) * unit[value >> 13];
}

static void take_limits(struct input *in, struct plan_case *c)
{
	struct tdxc_limits *l = &c->config.limits;
	uint64_t kind = take(in, 1);

	l->max_tdmrs = kind & 1 ? (uint32_t)take(in, 1) : 64;
	l->max_reserved = kind & 2 ? (uint32_t)take(in, 1) : 16;
	if (kind & 4) {
		l->pamt_entry_size[0] = (uint32_t)take(in, 2);
		l->pamt_entry_size[1] = (uint32_t)take(in, 2);
		l->pamt_entry_size[2] = (uint32_t)take(in, 2);
	}
	l->pamt_bitmap_bits = kind & 8 ? (uint32_t)take(in, 1) : 0;
	l->pa_bits = kind & 16 ? (uint32_t)take(in, 1) : 52;
	c->config.flags = kind & 32 ? (uint32_t)take(in, 1)
				    : (uint32_t)(kind >> 6) & TDXC_PLAN_ECONOMY;
	if (kind == 0xff)
		c->config.abi = (uint32_t)take(in, 1);
}

static struct tdxc_range take_range(struct input *in, bool raw, uint64_t *last)
{
	struct tdxc_range r;

	if (raw) {
		r.start = take(in, 8);
		r.end = take(in, 8);
	} else {
		r.start = *last + take_length(in);
		r.end = r.start + take_length(in) + 1;
		*last = r.end;
	}
	return r;
}

static void take_case(struct input *in, struct plan_case *c)
{
	uint64_t kind = take(in, 1);
	uint64_t n = take(in, 1) % (MAX_RANGES + 1);
	uint64_t last = kind & 1 ? 1ull << 32 : 0;
	struct tdxc_range r;

	case_init(c);
	take_limits(in, c);
	while (n--) {
		r = take_range(in, kind & 2, &last);
		case_ram(c, r.start, r.end, (uint32_t)n & 3);
	}
	if (kind & 4) {
		case_cmr_is_ram(c);
		if (kind & 8 && c->config.nr_cmrs > 1)
			c->cmrs[0].end = c->cmrs[--c->config.nr_cmrs].end;
		if (kind & 8)
			c->config.nr_cmrs = c->config.nr_cmrs > 0;
		return;
	}
	last = 0;
	for (n = take(in, 1) % (MAX_RANGES + 1); n--;) {
		r = take_range(in, kind & 16, &last);
		if (!(kind & 32)) {
			r.start &= ~4095ull;
			r.end &= ~4095ull;
		}
		case_cmr(c, r.start, r.end);
	}
}

static void fail(const struct plan_case *c, const char *wrong)
{
	static char text[CASE_TEXT];

	case_format(c, text, sizeof(text));
	fprintf(stderr, "TDXC_CASE=\"%s\"\n%s\n", text, wrong);
	abort();
}

/* Places of the caller's, from the input: any nonsense may be among them. */
static void take_places(struct input *in, struct plan_run *run)
{
	struct tdxc_range pamt[TDXC_PAMT_LEVELS];
	uint32_t i = (uint32_t)take(in, 1);
	int level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		bool raw = take(in, 1) & 1;
		uint64_t last = 0;

		pamt[level] = take_range(in, raw, &last);
		if (!raw && i < run->plan.nr_tdmrs)
			pamt[level].end = pamt[level].start +
					  run->plan.tdmrs[i].pamt_bytes[level];
	}
	if (tdxc_plan_place(&run->plan, i, pamt) == TDXC_OK &&
	    i >= run->plan.nr_tdmrs)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct plan_case c;
	struct input in = {data, size};
	struct plan_run run;
	const char *wrong = NULL;
	bool placed = false;

	take_case(&in, &c);
	/* one TDMR_INFO of 65,535 areas is a MiB: nothing to learn from it */
	if (c.config.limits.max_reserved > 255)
		c.config.limits.max_reserved = 255;
	plan_run_make(&run, &c);
	if (!run.make) {
		while (in.left) {
			take_places(&in, &run);
			placed = true;
		}
		plan_run_seal(&run, &c);
	}
	if (run.make)
		wrong = verify_failure(&c, &run);
	else if (run.seal && !placed &&
		 !(c.config.flags & TDXC_PLAN_CALLER_PLACES))
		wrong = "the planner's own places were refused";
	else if (!run.seal && !placed)
		wrong = verify_run(&c, &run);
	else if (!run.seal) {
		/* places of the caller's need not lie in RAM, nor be tight */
		c.config.flags |= TDXC_PLAN_CALLER_PLACES;
		if (run.plan.usable_bytes &&
		    run.plan.lost_bound <= run.plan.lost_bytes)
			wrong = verify_run(&c, &run);
	}
	if (wrong)
		fail(&c, wrong);
	plan_run_end(&run);
	return 0;
}
