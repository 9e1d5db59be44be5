/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Conversions of a range: what is checked, in which order things are done, and
 * what is said about them.
 */
#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include "convert_work.h"

#define GPAW_MASK   0x3Full /* VP.INFO, RCX */
#define NAME_LENGTH 12
#define TEXT_LENGTH 56

static const char stage_names[TDXC_CONVERT_STAGES][NAME_LENGTH] = {
	"none", "check", "RELEASE", "MapGPA", "ACCEPT", "zero",
};

static const char reason_texts[TDXC_CONVERT_REASONS][TEXT_LENGTH] = {
	"nothing failed",
	"the range is empty, unaligned or out of bounds",
	"the TDCALL failed",
	"the page is mapped in no size that was tried",
	"the page was accepted before",
	"the TDX module has no leaf to release pages",
	"the host refused",
	"the host says to go on at an address outside the request",
	"the host says to go on and does nothing",
	"the host goes on in too small steps",
	"zeroing a page that was accepted before failed",
};

const char *tdxc_convert_stage_name(enum tdxc_convert_stage stage)
{
	return (uint32_t)stage < TDXC_CONVERT_STAGES ? stage_names[stage] : "?";
}

const char *tdxc_convert_reason_text(enum tdxc_convert_reason reason)
{
	return (uint32_t)reason < TDXC_CONVERT_REASONS ? reason_texts[reason]
						       : "?";
}

static bool is_gpaw(uint32_t gpaw)
{
	return gpaw == 48 || gpaw == 52;
}

static uint64_t shared_bit(const struct tdxc_converter *c)
{
	return 1ull << (c->config.gpaw - 1);
}

int tdxc_convert_fail_(const struct tdxc_converting_ *w,
		       enum tdxc_convert_stage stage,
		       enum tdxc_convert_reason reason, int err, uint64_t at,
		       const struct tdxc_tdcall_diag *diag)
{
	struct tdxc_convert_failure *f =
		w->r->failure.err == TDXC_OK ? &w->r->failure : &w->r->second;

	f->err = err;
	f->stage = stage;
	f->reason = reason;
	f->gpa = w->gpa + at;
	if (diag)
		f->diag = *diag;
	return err;
}

/* A status that is neither 0 nor an error is no success here. */
int tdxc_convert_call_err_(uint64_t status)
{
	int err = tdxc_seamcall_err(status);

	return err == TDXC_OK ? TDXC_E_IO : err;
}

/* What an attempt wrote is never what the next one starts from. */
static void call_with_attempts(const struct tdxc_convert_ops *ops, void *ctx,
			       uint32_t attempts, struct tdxc_tdcall_diag *diag)
{
	do {
		if (diag->calls++ != 0)
			tdxc_relax();
		diag->out = diag->in;
		diag->status = ops->tdcall(ctx, diag->rax, &diag->out);
	} while (tdxc_again(diag->status) == TDXC_AGAIN_BUSY &&
		 diag->calls < attempts);
	if (tdxc_status_is_synthetic(diag->status))
		diag->out = diag->in;
}

uint64_t tdxc_convert_call_(const struct tdxc_converting_ *w,
			    struct tdxc_tdcall_diag *diag)
{
	const struct tdxc_convert_config *config = &w->c->config;

	diag->calls = 0;
	call_with_attempts(config->ops, config->ctx, config->attempts, diag);
	w->r->busy += diag->calls - 1;
	if (tdxc_again(diag->status) == TDXC_AGAIN_BUSY)
		w->r->busy++;
	return diag->status;
}

int tdxc_convert_gpaw(const struct tdxc_convert_ops *ops, void *ctx,
		      uint32_t *gpaw, struct tdxc_tdcall_diag *diag)
{
	uint32_t found;

	*gpaw = 0;
	memset(diag, 0, sizeof(*diag));
	diag->rax = TDXC_TDG_VP_INFO;
	if (ops->abi != TDXC_ABI)
		return TDXC_E_INVAL;
	call_with_attempts(ops, ctx, TDXC_CONVERT_ATTEMPTS, diag);
	if (diag->status != TDXC_STATUS_SUCCESS)
		return tdxc_convert_call_err_(diag->status);
	found = (uint32_t)(diag->out.rcx & GPAW_MASK);
	if (!is_gpaw(found))
		return TDXC_E_IO;
	*gpaw = found;
	return TDXC_OK;
}

int tdxc_convert_init(struct tdxc_converter *c,
		      const struct tdxc_convert_config *config)
{
	memset(c, 0, sizeof(*c));
	if (config->abi != TDXC_ABI || config->ops->abi != TDXC_ABI ||
	    !is_gpaw(config->gpaw) ||
	    (uint32_t)config->accepted > TDXC_ACCEPTED_ZERO ||
	    (uint32_t)config->release > TDXC_RELEASE_ALWAYS)
		return TDXC_E_INVAL;
	c->config = *config;
	if (c->config.attempts == 0)
		c->config.attempts = TDXC_CONVERT_ATTEMPTS;
	if (c->config.futile == 0)
		c->config.futile = TDXC_CONVERT_FUTILE;
	if (c->config.map_calls == 0)
		c->config.map_calls = TDXC_CONVERT_MAP_CALLS;
	return TDXC_OK;
}

/* Private and shared addresses are those below the shared bit, and the same
 * ones with it. */
static int convert_begin(const struct tdxc_converting_ *w)
{
	uint64_t end = shared_bit(w->c);

	memset(w->r, 0, sizeof(*w->r));
	if (w->bytes == 0 || ((w->gpa | w->bytes) & (TDXC_PAGE_SIZE - 1)) != 0)
		return tdxc_convert_fail_(w, TDXC_CONVERT_CHECK,
					  TDXC_CONVERT_RANGE, TDXC_E_INVAL, 0,
					  NULL);
	if (w->gpa >= end || w->bytes > end - w->gpa)
		return tdxc_convert_fail_(w, TDXC_CONVERT_CHECK,
					  TDXC_CONVERT_RANGE, TDXC_E_RANGE, 0,
					  NULL);
	return TDXC_OK;
}

int tdxc_convert_share(struct tdxc_converter *c, uint64_t gpa, uint64_t bytes,
		       struct tdxc_conversion *r)
{
	const struct tdxc_converting_ w = {c, gpa, bytes, r};
	int err = convert_begin(&w);

	if (!err)
		err = tdxc_convert_release_(&w);
	if (!err)
		err = tdxc_convert_map_(&w, shared_bit(c));
	r->done = r->mapped;
	/* A second failure is recorded beside the first, and leaves a gap. */
	if (err && r->released > r->mapped)
		(void)tdxc_convert_accept_(&w, r->mapped, r->released);
	return err;
}

/* What is accepted is what MapGPA did, from the range's own start: the address
 * at which the last RETRY went on has nothing to do with it. */
int tdxc_convert_unshare(struct tdxc_converter *c, uint64_t gpa, uint64_t bytes,
			 struct tdxc_conversion *r)
{
	const struct tdxc_converting_ w = {c, gpa, bytes, r};
	int err = convert_begin(&w);

	if (err)
		return err;
	(void)tdxc_convert_map_(&w, 0);
	if (r->mapped != 0)
		(void)tdxc_convert_accept_(&w, 0, r->mapped);
	r->done = r->gap_start;
	return r->failure.err;
}

int tdxc_convert_accept(struct tdxc_converter *c, uint64_t gpa, uint64_t bytes,
			struct tdxc_conversion *r)
{
	const struct tdxc_converting_ w = {c, gpa, bytes, r};
	int err = convert_begin(&w);

	if (err)
		return err;
	err = tdxc_convert_accept_(&w, 0, bytes);
	r->done = r->gap_start;
	return err;
}
