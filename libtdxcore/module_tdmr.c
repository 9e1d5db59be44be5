/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * TDMR.INIT by any number of CPUs.
 *
 * A CPU claims a TDMR, makes some calls for it, and lets go. The module refuses
 * two CPUs on one TDMR, so the longest TDMR bounds the whole: taking the one
 * with most work left keeps the end of the last close to that bound.
 */
#include "module_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

#define STATUS_TDMR_ALREADY_INITIALIZED 0x00000A0300000000ull

static uint64_t bytes_left(const struct tdxc_module_tdmr *t)
{
	return t->range.end - tdxc_load_acquire(&t->next);
}

static struct tdxc_module_tdmr *most_work(struct tdxc_module *m)
{
	struct tdxc_module_tdmr *best = NULL;
	uint64_t most = 0;
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++) {
		struct tdxc_module_tdmr *t = &m->tdmrs[i];
		uint64_t left = bytes_left(t);

		if (left > most && tdxc_load_acquire(&t->claim) == 0) {
			most = left;
			best = t;
		}
	}
	return best;
}

static void let_go(struct tdxc_module_tdmr *t)
{
	tdxc_store_release(&t->claim, 0);
}

/* NULL: all that is left has been claimed. Each race lost is another CPU that
 * found work, so there are no more of them than TDMRs before the next look. */
static struct tdxc_module_tdmr *claim_tdmr(struct tdxc_module *m)
{
	uint32_t tries;

	for (tries = 0; tries < TDXC_MODULE_MAX_TDMRS; tries++) {
		struct tdxc_module_tdmr *t = most_work(m);
		uint64_t free = 0;

		if (t == NULL)
			return NULL;
		if (!tdxc_try_cmpxchg(&t->claim, &free, 1))
			continue;
		if (bytes_left(t) != 0)
			return t;
		let_go(t);
	}
	return NULL;
}

static bool all_done(const struct tdxc_module *m)
{
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++) {
		if (bytes_left(&m->tdmrs[i]) != 0)
			return false;
	}
	return true;
}

/* The first failure is everybody's. */
static int tdmr_fail(struct tdxc_module *m, uint64_t status, int err)
{
	uint64_t none = 0;

	(void)tdxc_try_cmpxchg(&m->failed, &none, status);
	return err;
}

/* What RDX says after a call that succeeded. */
static int tdmr_advance(struct tdxc_module *m, struct tdxc_module_tdmr *t,
			uint64_t next)
{
	if (next > t->range.end)
		next = t->range.end;
	if (next < t->next)
		return tdmr_fail(m, TDXC_MODULE_STUCK, TDXC_E_IO);
	t->stalls = next == t->next ? t->stalls + 1 : 0;
	if (t->stalls >= TDXC_MODULE_STUCK_CALLS)
		return tdmr_fail(m, TDXC_MODULE_STUCK, TDXC_E_IO);
	tdxc_store_release(&t->next, next);
	return TDXC_OK;
}

static int tdmr_call(struct tdxc_module *m, struct tdxc_module_tdmr *t,
		     struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {t->range.start, 0, 0, 0, 0, 0};
	int err = tdxc_module_call_(m, TDXC_SYS_TDMR_INIT, &regs,
				    TDXC_SEAMCALL_RET, diag);

	if (err != TDXC_OK)
		return tdmr_fail(m, diag->status, err);
	if (tdxc_status_code(diag->status) == STATUS_TDMR_ALREADY_INITIALIZED)
		return tdmr_advance(m, t, t->range.end);
	return tdmr_advance(m, t, regs.rdx);
}

/* Whether this CPU may make another call. */
static int may_go_on(const struct tdxc_module *m,
		     struct tdxc_seamcall_diag *diag)
{
	uint64_t failed = tdxc_load_acquire(&m->failed);

	if (failed != 0 && failed != TDXC_MODULE_STUCK) {
		memset(diag, 0, sizeof(*diag));
		diag->rax = TDXC_SYS_TDMR_INIT;
		diag->status = failed;
		return tdxc_seamcall_err(failed);
	}
	if (failed == TDXC_MODULE_STUCK)
		return TDXC_E_IO;
	return tdxc_load_acquire(&m->cancel) != 0 ? TDXC_E_CANCELED : TDXC_OK;
}

static int tdmr_work(struct tdxc_module *m, struct tdxc_module_tdmr *t,
		     uint32_t max_calls, uint64_t *calls,
		     struct tdxc_seamcall_diag *diag)
{
	uint64_t steps = 0;
	int err = TDXC_OK;

	while (bytes_left(t) != 0 && (max_calls == 0 || steps < max_calls)) {
		err = may_go_on(m, diag);
		if (err != TDXC_OK)
			break;
		err = tdmr_call(m, t, diag);
		*calls += diag->calls;
		steps++;
		if (err != TDXC_OK)
			break;
	}
	return err;
}

static int tdmrs_finish(struct tdxc_module *m)
{
	uint64_t step = TDXC_MODULE_TDMRS;

	if (!all_done(m))
		return TDXC_E_AGAIN;
	(void)tdxc_try_cmpxchg(&m->step, &step, TDXC_MODULE_READY);
	return TDXC_OK;
}

int tdxc_module_tdmr_init(struct tdxc_module *m, uint32_t max_calls,
			  uint64_t *calls, struct tdxc_seamcall_diag *diag)
{
	enum tdxc_module_step step = tdxc_module_step(m);
	struct tdxc_module_tdmr *t;
	int err;

	memset(diag, 0, sizeof(*diag));
	*calls = 0;
	if (step == TDXC_MODULE_READY)
		return TDXC_OK;
	if (step != TDXC_MODULE_TDMRS)
		return TDXC_E_INVAL;
	err = may_go_on(m, diag);
	if (err != TDXC_OK)
		return err;
	t = claim_tdmr(m);
	if (t == NULL) {
		err = tdmrs_finish(m);
		return err == TDXC_E_AGAIN ? TDXC_E_NOENT : err;
	}
	err = tdmr_work(m, t, max_calls, calls, diag);
	let_go(t);
	return err == TDXC_OK ? tdmrs_finish(m) : err;
}

struct tdxc_module_progress
tdxc_module_get_progress(const struct tdxc_module *m)
{
	struct tdxc_module_progress progress = {0, 0};
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++) {
		const struct tdxc_module_tdmr *t = &m->tdmrs[i];

		progress.total += tdxc_range_size(t->range);
		progress.done += tdxc_range_size(t->range) - bytes_left(t);
	}
	return progress;
}

void tdxc_module_cancel(struct tdxc_module *m)
{
	tdxc_store_release(&m->cancel, 1);
}

bool tdxc_module_is_working_(const struct tdxc_module *m)
{
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++) {
		if (tdxc_load_acquire(&m->tdmrs[i].claim) != 0)
			return true;
	}
	return false;
}

int tdxc_module_resume(struct tdxc_module *m)
{
	uint32_t i;

	if (tdxc_module_step(m) != TDXC_MODULE_TDMRS)
		return TDXC_E_INVAL;
	if (tdxc_module_is_working_(m))
		return TDXC_E_BUSY;
	for (i = 0; i < m->nr_tdmrs; i++)
		m->tdmrs[i].stalls = 0;
	tdxc_store_release(&m->failed, 0);
	tdxc_store_release(&m->cancel, 0);
	return TDXC_OK;
}
