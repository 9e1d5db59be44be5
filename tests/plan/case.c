/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Planning problems as values and as text, random numbers, planner runs. */
#include "case.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/version.h>

#define RED_ZONE 64u
#define RED_BYTE 0xa5

void case_init(struct plan_case *c)
{
	memset(c, 0, sizeof(*c));
	c->config.abi = TDXC_ABI;
	c->config.limits = tdxc_limits_observed();
	c->config.cmrs = c->cmrs;
	c->config.ram = c->ram;
}

void case_cmr(struct plan_case *c, uint64_t start, uint64_t end)
{
	if (c->config.nr_cmrs >= CASE_MAX)
		abort();
	c->cmrs[c->config.nr_cmrs].start = start;
	c->cmrs[c->config.nr_cmrs++].end = end;
}

void case_ram(struct plan_case *c, uint64_t start, uint64_t end, uint32_t node)
{
	if (c->config.nr_ram >= CASE_MAX)
		abort();
	c->ram[c->config.nr_ram].range.start = start;
	c->ram[c->config.nr_ram].range.end = end;
	c->ram[c->config.nr_ram++].node = node;
}

void case_copy(struct plan_case *to, const struct plan_case *from)
{
	*to = *from;
	to->config.cmrs = to->cmrs;
	to->config.ram = to->ram;
}

bool case_trim(struct tdxc_range ram, struct tdxc_range *out)
{
	if (ram.start > UINT64_MAX - 4095 || ram.end < 4096)
		return false;
	out->start = (ram.start + 4095) / 4096 * 4096;
	out->end = ram.end / 4096 * 4096;
	return out->start < out->end;
}

void case_cmr_is_ram(struct plan_case *c)
{
	struct tdxc_range t;
	size_t n = 0;
	size_t i;

	for (i = 0; i < c->config.nr_ram; i++) {
		if (!case_trim(c->ram[i].range, &t) ||
		    t.end <= TDXC_PLAN_LEGACY_END)
			continue;
		if (t.start < TDXC_PLAN_LEGACY_END)
			t.start = TDXC_PLAN_LEGACY_END;
		if (n && c->cmrs[n - 1].end == t.start)
			c->cmrs[n - 1].end = t.end;
		else
			c->cmrs[n++] = t;
	}
	c->config.nr_cmrs = n;
}

static int case_parse_limits(struct plan_case *c, const char *text)
{
	struct tdxc_limits *l = &c->config.limits;
	int got =
		sscanf(text,
		       "t=%" SCNu32 " r=%" SCNu32 " e=%" SCNu32 ",%" SCNu32
		       ",%" SCNu32 " b=%" SCNu32 " pa=%" SCNu32 " f=%" SCNu32,
		       &l->max_tdmrs, &l->max_reserved, &l->pamt_entry_size[0],
		       &l->pamt_entry_size[1], &l->pamt_entry_size[2],
		       &l->pamt_bitmap_bits, &l->pa_bits, &c->config.flags);

	return got == 8 ? 0 : -1;
}

int case_parse(struct plan_case *c, const char *text)
{
	const char *at = strchr(text, '|');
	const char *bar = at ? strchr(at + 1, '|') : NULL;
	uint64_t start;
	uint64_t end;
	uint32_t node;
	int used;

	case_init(c);
	if (!bar || case_parse_limits(c, text))
		return -1;
	for (at++; sscanf(at, " %" SCNx64 "-%" SCNx64 "%n", &start, &end,
			  &used) == 2 &&
		   at + used <= bar;
	     at += used)
		case_cmr(c, start, end);
	for (at = bar + 1; sscanf(at, " %" SCNx64 "-%" SCNx64 "@%" SCNu32 "%n",
				  &start, &end, &node, &used) == 3;
	     at += used)
		case_ram(c, start, end, node);
	return at[strspn(at, " \n")] ? -1 : 0;
}

void case_format(const struct plan_case *c, char *text, size_t bytes)
{
	const struct tdxc_limits *l = &c->config.limits;
	FILE *f = fmemopen(text, bytes, "w");
	size_t i;

	if (!f)
		abort();
	fprintf(f, "t=%u r=%u e=%u,%u,%u b=%u pa=%u f=%u |", l->max_tdmrs,
		l->max_reserved, l->pamt_entry_size[0], l->pamt_entry_size[1],
		l->pamt_entry_size[2], l->pamt_bitmap_bits, l->pa_bits,
		c->config.flags);
	for (i = 0; i < c->config.nr_cmrs; i++)
		fprintf(f, " %" PRIx64 "-%" PRIx64, c->cmrs[i].start,
			c->cmrs[i].end);
	fprintf(f, " |");
	for (i = 0; i < c->config.nr_ram; i++)
		fprintf(f, " %" PRIx64 "-%" PRIx64 "@%u", c->ram[i].range.start,
			c->ram[i].range.end, c->ram[i].node);
	fclose(f);
}

size_t case_usable(const struct plan_case *c, struct tdxc_plan_ram *out,
		   size_t max)
{
	struct tdxc_range t;
	size_t n = 0;
	size_t i;
	size_t k;

	for (i = 0; i < c->config.nr_ram; i++) {
		if (!case_trim(c->config.ram[i].range, &t))
			continue;
		if (t.start < TDXC_PLAN_LEGACY_END)
			t.start = TDXC_PLAN_LEGACY_END;
		for (k = 0; k < c->config.nr_cmrs; k++) {
			struct tdxc_range cmr = c->config.cmrs[k];
			struct tdxc_range r = {
				cmr.start > t.start ? cmr.start : t.start,
				cmr.end < t.end ? cmr.end : t.end,
			};

			if (r.start >= r.end)
				continue;
			if (n >= max)
				abort();
			out[n].range = r;
			out[n++].node = c->config.ram[i].node;
		}
	}
	return n;
}

uint64_t rnd_next(struct rnd *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t rnd_below(struct rnd *r, uint64_t n)
{
	return rnd_next(r) % n;
}

bool rnd_one_in(struct rnd *r, uint64_t n)
{
	return rnd_below(r, n) == 0;
}

uint64_t test_seed(const char *what, uint64_t fallback)
{
	const char *text = getenv("TDXC_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : fallback;

	printf("%s: seed %" PRIu64 " (TDXC_SEED repeats or changes it)\n", what,
	       seed);
	fflush(stdout);
	return seed;
}

uint64_t test_scale(uint64_t count)
{
	const char *text = getenv("TDXC_TEST_SCALE");
	uint64_t percent = text ? strtoull(text, NULL, 0) : 100;
	uint64_t scaled = count * percent / 100;

	return scaled ? scaled : 1;
}

void plan_run_make(struct plan_run *run, const struct plan_case *c)
{
	size_t bytes = 0;
	size_t i;

	memset(run, 0, sizeof(*run));
	run->seal = 1;
	run->make = tdxc_plan_scratch_bytes(&c->config, &bytes);
	if (run->make)
		return;
	run->scratch_bytes = bytes;
	run->memory = malloc(bytes + (size_t)2 * RED_ZONE);
	if (!run->memory)
		abort();
	memset(run->memory, RED_BYTE, RED_ZONE);
	memset(run->memory + RED_ZONE + bytes, RED_BYTE, RED_ZONE);
	run->make = tdxc_plan_make(&run->plan, &c->config,
				   run->memory + RED_ZONE, bytes, &run->fault);
	for (i = 0; i < RED_ZONE; i++)
		run->overrun |= run->memory[i] != RED_BYTE ||
				run->memory[RED_ZONE + bytes + i] != RED_BYTE;
}

void plan_run_seal(struct plan_run *run, const struct plan_case *c)
{
	size_t bytes = run->scratch_bytes;
	size_t i;

	run->infos_bytes = run->plan.nr_tdmrs *
			   tdxc_tdmr_info_stride(c->config.limits.max_reserved);
	run->infos = aligned_alloc(TDXC_TDMR_INFO_ALIGN, run->infos_bytes);
	if (!run->infos)
		abort();
	memset(run->infos, RED_BYTE, run->infos_bytes);
	run->seal = tdxc_plan_seal(&run->plan, run->infos, run->infos_bytes,
				   &run->fault);
	for (i = 0; i < RED_ZONE; i++)
		run->overrun |= run->memory[i] != RED_BYTE ||
				run->memory[RED_ZONE + bytes + i] != RED_BYTE;
}

void plan_run(struct plan_run *run, const struct plan_case *c)
{
	plan_run_make(run, c);
	if (!run->make)
		plan_run_seal(run, c);
}

void plan_run_end(struct plan_run *run)
{
	free(run->memory);
	free(run->infos);
	run->memory = NULL;
	run->infos = NULL;
}
