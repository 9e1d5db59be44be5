/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What vCPUs do. Each has a part of a statement's range, cut into scripts that
 * a vCPU runs to their end; between them the host may look at shared memory.
 */
#include "play_impl.h"

#include <string.h>

#define PAGE_SIZE_MISMATCH 0xC0000B0Bu
/* Pages that a storm converts at a time, at most. */
#define STORM_PAGES 128u

/* A vCPU, and the script that it is to run next. */
struct actor {
	struct play *p;
	struct play_td *td;
	const struct scenario_statement *st;
	uint32_t vcpu;
	struct tdxc_range part;
	struct tdxc_sim_guest_op ops[TDXC_SIM_GUEST_MAX_OPS];
	size_t nr_ops;
	uint64_t random;
	struct tdxc_sim_vmm_result last;
};

/* --- scripts ---------------------------------------------------------------
 */

static void explain(struct actor *a)
{
	const struct tdxc_sim_vmm_result *r = &a->last;
	unsigned long long where = r->where;
	const char *name = a->td->def->name;
	size_t line = a->st->line;

	switch (r->result) {
	case TDXC_SIM_GUEST_WRONG:
		play_wrong(a->p, line,
			   "TD %s, vCPU %u: found something else than was "
			   "written, at 0x%llx",
			   name, a->vcpu, where);
		break;
	case TDXC_SIM_GUEST_STALE:
		play_wrong(a->p, line,
			   "TD %s, vCPU %u: a translation of 0x%llx outlived "
			   "its page",
			   name, a->vcpu, where);
		break;
	case TDXC_SIM_GUEST_REFUSED:
		play_wrong(a->p, line,
			   "TD %s, vCPU %u: refused at 0x%llx: 0x%llx", name,
			   a->vcpu, where, (unsigned long long)r->status);
		break;
	default:
		play_wrong(a->p, line,
			   "TD %s, vCPU %u: stopped at 0x%llx: %s: %s", name,
			   a->vcpu, where, tdxc_err_name(r->err),
			   a->td->vm->why ? a->td->vm->why : "no progress");
		break;
	}
}

/* Bytes that the script holds against what was written. */
static uint64_t to_verify(const struct actor *a)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < a->nr_ops; i++) {
		if (a->ops[i].code == TDXC_SIM_GUEST_VERIFY)
			sum += a->ops[i].bytes;
	}
	return sum;
}

/* Run what was put together. False: there is no point in going on. */
static bool try_script(struct actor *a)
{
	uint64_t bytes = to_verify(a);

	if (a->nr_ops == 0)
		return true;
	if (!play_goes_on(a->p) || !play_td_lives(a->td))
		return false;
	a->last = tdxc_sim_vmm_run(a->td->vm, a->vcpu, a->ops, a->nr_ops);
	a->nr_ops = 0;
	if (a->last.result != TDXC_SIM_GUEST_DONE)
		return false;
	if (a->last.bytes_verified != bytes)
		play_wrong(a->p, a->st->line,
			   "TD %s, vCPU %u: %llu bytes verified of %llu",
			   a->td->def->name, a->vcpu,
			   (unsigned long long)a->last.bytes_verified,
			   (unsigned long long)bytes);
	return true;
}

/* A TD that died is looked at when all that happens with it has ended. */
static bool blame(struct actor *a)
{
	if (play_goes_on(a->p) && play_td_lives(a->td))
		explain(a);
	return false;
}

static bool perform(struct actor *a)
{
	return try_script(a) || blame(a);
}

static bool add(struct actor *a, enum tdxc_sim_guest_code code, uint64_t gpa,
		uint64_t bytes, uint64_t value)
{
	if (a->nr_ops == TDXC_SIM_GUEST_MAX_OPS && !perform(a))
		return false;
	a->ops[a->nr_ops++] =
		(struct tdxc_sim_guest_op){code, gpa, bytes, value};
	return true;
}

/* As the guest addresses it. */
static uint64_t address(const struct actor *a, uint64_t gpa)
{
	return a->td->is_shared[gpa / SCENARIO_PAGE] ? gpa | a->td->alias : gpa;
}

static void stamp(struct actor *a, uint64_t from, uint64_t to, uint32_t value)
{
	size_t i;

	for (i = from / SCENARIO_PAGE; i < to / SCENARIO_PAGE; i++)
		a->td->stamps[i] = value;
}

/* --- touch, write, verify --------------------------------------------------
 */

static bool write_range(struct actor *a, enum tdxc_sim_guest_code code,
			uint64_t from, uint64_t to, uint32_t value)
{
	uint64_t next;

	for (; from < to; from = next) {
		next = play_alike(a->td, from, to, false);
		if (!add(a, code, address(a, from), next - from,
			 play_value(a->p, value)))
			return false;
		if (code == TDXC_SIM_GUEST_WRITE)
			stamp(a, from, next, value);
	}
	return true;
}

/* The pages of the part that the statement's stride meets. */
static bool do_access(struct actor *a, enum tdxc_sim_guest_code code)
{
	uint64_t stride = a->st->stride;
	uint64_t skip = (a->part.start - a->st->range.start) % stride;
	uint64_t at = a->part.start + (skip ? stride - skip : 0);
	uint32_t value = play_stamp(a->p);

	if (stride == SCENARIO_PAGE)
		return write_range(a, code, at, a->part.end, value) &&
		       perform(a);
	for (; at < a->part.end; at += stride) {
		if (!write_range(a, code, at, at + SCENARIO_PAGE, value))
			return false;
	}
	return perform(a);
}

/* Shared memory is the host's as well: it must find the same. */
static bool host_verifies(struct actor *a, uint64_t from, uint64_t to,
			  uint32_t value)
{
	uint64_t where = from;
	int err = tdxc_sim_vmm_host_verify(a->td->vm, from, to - from,
					   play_value(a->p, value), &where);

	if (err == TDXC_OK || !play_td_lives(a->td))
		return err == TDXC_OK;
	play_wrong(a->p, a->st->line,
		   "TD %s: the host found something else in shared memory than "
		   "was written, at 0x%llx: %s",
		   a->td->def->name, (unsigned long long)where,
		   tdxc_err_name(err));
	return false;
}

static bool verify(struct actor *a, uint64_t from, uint64_t to)
{
	uint64_t next;
	uint32_t value;

	for (; from < to; from = next) {
		next = play_alike(a->td, from, to, true);
		value = a->td->stamps[from / SCENARIO_PAGE];
		if (value == 0)
			continue;
		if (!add(a, TDXC_SIM_GUEST_VERIFY, address(a, from),
			 next - from, play_value(a->p, value)))
			return false;
		if (a->td->is_shared[from / SCENARIO_PAGE] &&
		    !host_verifies(a, from, next, value))
			return false;
	}
	return perform(a);
}

/* --- accept, convert -------------------------------------------------------
 */

/* A guest takes the other size where that is how the page is mapped; *at: how
 * far it came. */
static bool accept(struct actor *a, uint64_t *at, uint64_t to, uint64_t bytes)
{
	bool large = bytes == SCENARIO_LARGE;

	(void)add(a,
		  large ? TDXC_SIM_GUEST_ACCEPT_2M : TDXC_SIM_GUEST_ACCEPT_4K,
		  *at, to - *at, 0);
	if (try_script(a)) {
		*at = to;
		return true;
	}
	if (a->last.result != TDXC_SIM_GUEST_REFUSED ||
	    a->last.status >> 32 != PAGE_SIZE_MISMATCH)
		return blame(a);
	*at = a->last.where & ~(SCENARIO_LARGE - 1);
	(void)add(a,
		  large ? TDXC_SIM_GUEST_ACCEPT_4K : TDXC_SIM_GUEST_ACCEPT_2M,
		  *at, SCENARIO_LARGE, 0);
	*at += SCENARIO_LARGE;
	return perform(a);
}

/* As far as one size goes: whole 2 MiB, or 4 KiB up to the next of those. */
static uint64_t one_size(const struct actor *a, uint64_t at, uint64_t end,
			 uint64_t *bytes)
{
	uint64_t border = (at | (SCENARIO_LARGE - 1)) + 1;

	*bytes = SCENARIO_PAGE;
	if (a->st->page == SCENARIO_PAGE)
		return end;
	if (at % SCENARIO_LARGE != 0 || border > end)
		return border < end ? border : end;
	*bytes = SCENARIO_LARGE;
	return end & ~(SCENARIO_LARGE - 1);
}

static bool do_accept(struct actor *a)
{
	uint64_t at = a->part.start;
	uint64_t bytes;
	uint64_t next;

	while (at < a->part.end) {
		next = play_alike(a->td, at, a->part.end, false);
		if (a->td->is_shared[at / SCENARIO_PAGE]) {
			at = next;
			continue;
		}
		next = one_size(a, at, next, &bytes);
		if (!accept(a, &at, next, bytes))
			return false;
	}
	return true;
}

/* As a kernel does it: between the begin and the end of a conversion. */
static bool convert(struct actor *a, struct tdxc_range r, bool to_shared)
{
	bool done;
	int err;

	do {
		err = tdxc_gate_begin(&a->td->gate);
	} while (err == TDXC_E_AGAIN);
	if (err != TDXC_OK)
		return false;
	(void)__atomic_fetch_add(&a->td->conversions, 1, __ATOMIC_RELAXED);
	done = add(a, to_shared ? TDXC_SIM_GUEST_SHARE : TDXC_SIM_GUEST_UNSHARE,
		   r.start, tdxc_range_size(r), 0) &&
	       perform(a);
	if (done) {
		play_forget(a->td, r, true);
		if (!play_set_shared(a->td, r, to_shared))
			play_no_memory(a->p);
	}
	(void)tdxc_gate_end(&a->td->gate);
	return done;
}

/* What was written is verified before it is lost. */
static bool do_convert(struct actor *a, bool to_shared)
{
	struct tdxc_range r = a->part;

	if (!verify(a, r.start, r.end))
		return false;
	for (; r.start < a->part.end; r.start = r.end) {
		r.end = play_slot_end(a->td, r.start, a->part.end);
		if (!convert(a, r, to_shared))
			return false;
	}
	return true;
}

/* --- storms ----------------------------------------------------------------
 */

/* Guest to host and back, in memory that was just made shared. */
static bool exchange(struct actor *a, struct tdxc_range r)
{
	uint64_t bytes = tdxc_range_size(r);
	uint32_t value = play_stamp(a->p);
	int err;

	if (!add(a, TDXC_SIM_GUEST_WRITE, r.start | a->td->alias, bytes,
		 play_value(a->p, value)) ||
	    !perform(a) || !host_verifies(a, r.start, r.end, value))
		return false;
	value = play_stamp(a->p);
	err = tdxc_sim_vmm_host_write(a->td->vm, r.start, bytes,
				      play_value(a->p, value));
	if (err != TDXC_OK && play_td_lives(a->td))
		play_wrong(a->p, a->st->line,
			   "TD %s: the host cannot write shared memory at "
			   "0x%llx: %s",
			   a->td->def->name, (unsigned long long)r.start,
			   tdxc_err_name(err));
	return err == TDXC_OK &&
	       add(a, TDXC_SIM_GUEST_VERIFY, r.start | a->td->alias, bytes,
		   play_value(a->p, value));
}

static bool convert_there_and_back(struct actor *a, struct tdxc_range r)
{
	uint32_t value;

	if (!verify(a, r.start, r.end) || !convert(a, r, true) ||
	    !exchange(a, r) || !convert(a, r, false))
		return false;
	value = play_stamp(a->p);
	return write_range(a, TDXC_SIM_GUEST_WRITE, r.start, r.end, value) &&
	       verify(a, r.start, r.end);
}

static bool do_storm(struct actor *a)
{
	struct tdxc_range r = {a->part.start, a->part.start};
	uint64_t slot_end;

	while (r.start < a->part.end) {
		slot_end = play_slot_end(a->td, r.start, a->part.end);
		r.end = r.start + (play_random(&a->random) % STORM_PAGES + 1) *
					  SCENARIO_PAGE;
		if (r.end > slot_end)
			r.end = slot_end;
		if (!convert_there_and_back(a, r))
			return false;
		r.start = r.end;
	}
	return true;
}

/* --- a vCPU ----------------------------------------------------------------
 */

/* A range is divided at multiples of 2 MiB where that leaves no one without. */
static uint64_t cut(const struct scenario_statement *st, uint32_t index)
{
	uint64_t bytes = tdxc_range_size(st->range);
	uint64_t unit = bytes >= st->nr_vcpus * SCENARIO_LARGE ? SCENARIO_LARGE
							       : SCENARIO_PAGE;
	uint64_t at;

	if (index == 0)
		return st->range.start;
	if (index == st->nr_vcpus)
		return st->range.end;
	at = st->range.start +
	     bytes / SCENARIO_PAGE * index / st->nr_vcpus * SCENARIO_PAGE;
	at &= ~(unit - 1);
	return at > st->range.start ? at : st->range.start;
}

static bool act(struct actor *a)
{
	switch (a->st->what.guest) {
	case SCENARIO_TOUCH:
		return do_access(a, TDXC_SIM_GUEST_READ);
	case SCENARIO_WRITE:
		return do_access(a, TDXC_SIM_GUEST_WRITE);
	case SCENARIO_VERIFY:
		return verify(a, a->part.start, a->part.end);
	case SCENARIO_ACCEPT:
		return do_accept(a);
	case SCENARIO_SHARE:
		return do_convert(a, true);
	case SCENARIO_UNSHARE:
		return do_convert(a, false);
	case SCENARIO_STORM:
		break;
	}
	return do_storm(a);
}

void play_guest(struct play *p, const struct scenario_statement *st,
		uint32_t index)
{
	struct actor a = {
		.p = p,
		.td = &p->tds[st->td],
		.st = st,
		.vcpu = st->first_vcpu + index,
		.part = {cut(st, index), cut(st, index + 1)},
		.random = p->request->seed ^ st->line << 16 ^ index,
	};
	uint64_t i;

	if (a.part.start >= a.part.end)
		return;
	for (i = 0; i < st->times; i++) {
		if (!act(&a))
			return;
	}
}

void play_verify_all(struct play *p, size_t td, struct tdxc_range range,
		     size_t line)
{
	const struct scenario_statement st = {
		.kind = SCENARIO_GUEST,
		.line = line,
		.td = td,
		.what.guest = SCENARIO_VERIFY,
		.range = range,
		.stride = SCENARIO_PAGE,
		.times = 1,
		.nr_vcpus = p->tds[td].def->vcpus,
	};

	play_together(p, &st, 1);
}
