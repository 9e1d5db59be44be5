/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The conversion gate: one word, exchanged.
 *
 * A flag beside a count would be two places, and each side would have to write
 * its own before it reads the other's, with a full barrier in between. In one
 * word the exchanges of both sides have an order on every machine.
 */
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/version.h>

TDXC_STATIC_ASSERT((TDXC_GATE_COUNT & (TDXC_GATE_CLOSED | TDXC_GATE_RACED)) ==
			   0,
		   "the count cannot reach the marks");

int tdxc_gate_begin(struct tdxc_gate *gate)
{
	uint64_t old = tdxc_load_once(&gate->word);
	uint32_t round;

	for (round = 0; round < TDXC_GATE_ROUNDS; round++) {
		if ((old & TDXC_GATE_CLOSED) != 0)
			return TDXC_E_CANCELED;
		if ((old & TDXC_GATE_COUNT) == TDXC_GATE_COUNT)
			return TDXC_E_NOSPC;
		if (tdxc_try_cmpxchg(&gate->word, &old, old + 1))
			return TDXC_OK;
		tdxc_relax();
	}
	return TDXC_E_AGAIN;
}

int tdxc_gate_end(struct tdxc_gate *gate)
{
	uint64_t old = tdxc_load_once(&gate->word);

	do {
		if ((old & TDXC_GATE_COUNT) == 0)
			return TDXC_E_INVAL;
	} while (!tdxc_try_cmpxchg(&gate->word, &old, old - 1));
	return TDXC_OK;
}

/* Set the closed mark, and `more` if any conversion is in flight; how many
 * are. */
static uint64_t gate_close(struct tdxc_gate *gate, uint64_t more)
{
	uint64_t old = tdxc_load_once(&gate->word);
	uint64_t now;

	do {
		now = old | TDXC_GATE_CLOSED;
		if ((old & TDXC_GATE_COUNT) != 0)
			now |= more;
	} while (!tdxc_try_cmpxchg(&gate->word, &old, now));
	return now & TDXC_GATE_COUNT;
}

/* A clock that went backward has not moved. */
static uint64_t gate_passed(const struct tdxc_gate_wait *wait, uint64_t *last)
{
	uint64_t now = wait->ops->now_ns(wait->ctx);
	uint64_t passed = now - *last;

	*last = now;
	return passed >> 63 != 0 ? 0 : passed;
}

static bool gate_is_drained(const struct tdxc_gate *gate,
			    struct tdxc_gate_report *report)
{
	report->looks++;
	report->in_flight = tdxc_load_acquire(&gate->word) & TDXC_GATE_COUNT;
	return report->in_flight == 0;
}

/* The clock is read before the gate: whatever a pause has cost, what ended in
 * it counts. */
static enum tdxc_gate_end_of_wait gate_wait(const struct tdxc_gate *gate,
					    const struct tdxc_gate_wait *wait,
					    struct tdxc_gate_report *report)
{
	uint64_t last = wait->ops->now_ns(wait->ctx);
	uint64_t passed;

	while (report->waited_ns < wait->limit_ns) {
		if (report->looks >= wait->looks)
			return TDXC_GATE_LOOKED_ENOUGH;
		wait->ops->pause(wait->ctx);
		passed = gate_passed(wait, &last);
		report->waited_ns += passed;
		if (report->waited_ns < passed)
			report->waited_ns = UINT64_MAX;
		if (gate_is_drained(gate, report))
			return TDXC_GATE_DRAINED;
	}
	return TDXC_GATE_TIMED_OUT;
}

int tdxc_gate_close(struct tdxc_gate *gate, const struct tdxc_gate_wait *wait,
		    struct tdxc_gate_report *report)
{
	memset(report, 0, sizeof(*report));
	if (wait->ops->abi != TDXC_ABI)
		return TDXC_E_INVAL;
	report->at_close = gate_close(gate, 0);
	report->in_flight = report->at_close;
	report->looks = 1;
	report->end = TDXC_GATE_DRAINED;
	if (report->at_close != 0)
		report->end = gate_wait(gate, wait, report);
	return report->end == TDXC_GATE_DRAINED ? TDXC_OK : TDXC_E_BUSY;
}

uint64_t tdxc_gate_close_now(struct tdxc_gate *gate)
{
	return gate_close(gate, TDXC_GATE_RACED);
}

int tdxc_gate_open(struct tdxc_gate *gate)
{
	uint64_t old = TDXC_GATE_CLOSED;

	if (tdxc_try_cmpxchg(&gate->word, &old, 0))
		return TDXC_OK;
	return (old & (TDXC_GATE_CLOSED | TDXC_GATE_RACED)) == TDXC_GATE_CLOSED
		       ? TDXC_E_BUSY
		       : TDXC_E_INVAL;
}

struct tdxc_gate_state tdxc_gate_look(const struct tdxc_gate *gate)
{
	uint64_t word = tdxc_load_acquire(&gate->word);
	struct tdxc_gate_state state = {
		.closed = (word & TDXC_GATE_CLOSED) != 0,
		.raced = (word & TDXC_GATE_RACED) != 0,
		.in_flight = word & TDXC_GATE_COUNT,
	};

	return state;
}
