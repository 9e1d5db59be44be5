/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * TLB tracking, and forcing vCPUs out.
 *
 * TRACKs are numbered. Who has blocked entries reads the number of the last one
 * that began; any later one, by whomever, is for him too. One CPU makes it and
 * sees all vCPUs out before it lets the next begin: PREVIOUS_TLB_EPOCH_BUSY is
 * the answer otherwise.
 */
#include "sept_work.h"

#define PREVIOUS_TLB_EPOCH_BUSY 0x8000020100000000ull

/* vCPUs that are told before any of them is waited for. */
#define TOLD_TOGETHER 32u
/* Times that a vCPU is told before it counts as stuck. */
#define TIMES_TOLD 16u

void tdxc_sept_hold_(struct tdxc_sept *sept)
{
	/* Fully ordered: what was held is looked at afterwards. */
	tdxc_sept_add_(&sept->held, 1);
	tdxc_sept_add_(&sept->counts.guarded, 1);
}

void tdxc_sept_release_(struct tdxc_sept *sept)
{
	tdxc_sept_add_(&sept->held, ~0ull);
}

/* --- vCPUs ---------------------------------------------------------------- */

static bool is_inside(uint64_t sequence)
{
	return (sequence & 1) != 0;
}

static void tell(struct tdxc_sept *sept, uint32_t vcpu)
{
	const struct tdxc_sept_config *c = &sept->config;

	if (tdxc_xchg(&c->vcpus[vcpu].kicked, 1) == 0) {
		tdxc_sept_add_(&sept->counts.kicks, 1);
		c->ops->kick(c->ctx, vcpu);
	}
}

/* Until the vCPU has left since it was seen inside. */
static int wait_until_out(const struct tdxc_sept *sept, uint32_t vcpu,
			  uint64_t seen)
{
	const struct tdxc_sept_config *c = &sept->config;
	uint32_t again = c->kick_spins / TIMES_TOLD + 1;
	uint32_t i;

	for (i = 1; i <= c->kick_spins; i++) {
		if (tdxc_load_acquire(&c->vcpus[vcpu].sequence) != seen)
			return TDXC_OK;
		if (i % again == 0)
			c->ops->kick(c->ctx, vcpu);
		c->ops->relax(c->ctx);
	}
	return TDXC_E_BUSY;
}

/* Those from `first` on, together. */
static int force_out_some(struct tdxc_sept *sept, uint32_t first, uint32_t n)
{
	uint64_t seen[TOLD_TOGETHER];
	int err = TDXC_OK;
	uint32_t i;

	for (i = 0; i < n; i++) {
		seen[i] = tdxc_load_acquire(
			&sept->config.vcpus[first + i].sequence);
		if (is_inside(seen[i]))
			tell(sept, first + i);
	}
	for (i = 0; i < n && err == TDXC_OK; i++) {
		if (is_inside(seen[i]))
			err = wait_until_out(sept, first + i, seen[i]);
	}
	return err;
}

int tdxc_sept_force_out_(struct tdxc_sept *sept)
{
	uint32_t nr = sept->config.nr_vcpus;
	uint32_t first;
	int err = TDXC_OK;

	/* Fully ordered: who is seen outside from here on enters later than
	 * whatever the caller has done. */
	tdxc_sept_add_(&sept->counts.broadcasts, 1);
	for (first = 0; first < nr && err == TDXC_OK; first += TOLD_TOGETHER) {
		uint32_t left = nr - first;

		err = force_out_some(sept, first,
				     left < TOLD_TOGETHER ? left
							  : TOLD_TOGETHER);
	}
	return err;
}

/* --- TRACK ---------------------------------------------------------------- */

static void track_op(const struct tdxc_sept *sept, struct tdxc_sept_op_ *op)
{
	tdxc_sept_op_init_(op, TDXC_MEM_TRACK, sept->tdr, 0);
}

/* Some vCPU was in the TD since before the last TRACK. */
static int track_after_all_left(struct tdxc_sept *sept,
				struct tdxc_sept_op_ *op)
{
	int err;

	tdxc_sept_hold_(sept);
	err = tdxc_sept_force_out_(sept);
	if (err == TDXC_OK) {
		track_op(sept, op);
		err = tdxc_sept_call_once_(sept, op);
	}
	tdxc_sept_release_(sept);
	return err;
}

static int call_track(struct tdxc_sept *sept, struct tdxc_sept_op_ *op)
{
	int err;

	track_op(sept, op);
	err = tdxc_sept_call_(sept, op);
	if (err == TDXC_E_IO &&
	    tdxc_status_code(op->diag.status) == PREVIOUS_TLB_EPOCH_BUSY)
		err = track_after_all_left(sept, op);
	return err;
}

/* With the lock on TRACKs. */
static int make_track(struct tdxc_sept *sept, struct tdxc_seamcall_diag *diag)
{
	uint64_t number = tdxc_load_once(&sept->track_begun) + 1;
	struct tdxc_sept_op_ op;
	int err;

	/* Fully ordered: who read an older number has blocked his entries
	 * before the call. */
	(void)tdxc_xchg(&sept->track_begun, number);
	err = call_track(sept, &op);
	*diag = op.diag;
	if (err)
		return err;
	tdxc_sept_add_(&sept->counts.tracks, 1);
	err = tdxc_sept_force_out_(sept);
	if (err == TDXC_OK)
		tdxc_store_release(&sept->track_done, number);
	return err;
}

/* 1: not now, look again. */
static int try_track(struct tdxc_sept *sept, uint64_t needed,
		     struct tdxc_seamcall_diag *diag)
{
	uint64_t unlocked = 0;
	int err;

	if (tdxc_load_acquire(&sept->track_done) >= needed) {
		tdxc_sept_add_(&sept->counts.shared, 1);
		return TDXC_OK;
	}
	if (!tdxc_try_cmpxchg(&sept->track_lock, &unlocked, 1))
		return 1;
	/* It may have been done just before. */
	err = tdxc_load_acquire(&sept->track_done) >= needed
		      ? 1
		      : make_track(sept, diag);
	tdxc_store_release(&sept->track_lock, 0);
	return err;
}

int tdxc_sept_track(struct tdxc_sept *sept, struct tdxc_seamcall_diag *diag)
{
	uint64_t needed;
	uint32_t i;

	if (tdxc_sept_stage_(sept) != TDXC_SEPT_RUN)
		return TDXC_OK;
	/* A SEAMCALL orders what came before it only on the CPUs that have it:
	 * the number is read after the BLOCKs everywhere. */
	tdxc_sept_add_(&sept->track_begun, 0);
	needed = tdxc_load_acquire(&sept->track_begun) + 1;
	for (i = 0; i < sept->config.track_spins; i++) {
		int err = try_track(sept, needed, diag);

		if (err <= 0)
			return err;
		sept->config.ops->relax(sept->config.ctx);
	}
	return TDXC_E_BUSY;
}
