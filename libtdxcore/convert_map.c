/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * MapGPA: a part at a time, as far as the host says.
 *
 * The host is not trusted with anything but availability: where it leads to is
 * compared with the request, without the shared bit, and both standing still
 * and going in small steps end.
 */
#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/status.h>

#include "convert_work.h"

/* One call for [gpa + at, gpa + bytes). */
static uint64_t map_call(const struct tdxc_converting_ *w, uint64_t shared,
			 uint64_t at, struct tdxc_tdcall_diag *diag)
{
	memset(diag, 0, sizeof(*diag));
	diag->rax = TDXC_TDG_VP_VMCALL;
	diag->in.rcx = TDXC_VMCALL_R10_TO_R13;
	diag->in.r11 = TDXC_VMCALL_MAP_GPA;
	diag->in.r12 = (w->gpa + at) | shared;
	diag->in.r13 = w->bytes - at;
	w->r->map_calls++;
	return tdxc_convert_call_(w, diag);
}

/* Whether the host's address lies in what is left; with the wrong shared bit it
 * lies far outside, and so does one before the range. A host that has done all
 * answers SUCCESS, so the end is outside too. */
static bool map_leads_on(const struct tdxc_converting_ *w, uint64_t shared,
			 uint64_t r11, uint64_t *at)
{
	uint64_t offset = (r11 ^ shared) - w->gpa;

	if ((r11 & (TDXC_PAGE_SIZE - 1)) != 0 || offset < *at ||
	    offset >= w->bytes)
		return false;
	*at = offset;
	return true;
}

/* An answer that is not SUCCESS; TDXC_OK: another call may follow. */
static int map_answer(const struct tdxc_converting_ *w, uint64_t shared,
		      const struct tdxc_tdcall_diag *diag, uint32_t *futile)
{
	uint64_t *at = &w->r->mapped;
	uint64_t before = *at;
	bool leads_on = map_leads_on(w, shared, diag->out.r11, at);

	if (diag->out.r10 != TDXC_MAP_GPA_RETRY)
		return tdxc_convert_fail_(w, TDXC_CONVERT_MAP,
					  TDXC_CONVERT_REFUSED, TDXC_E_IO, *at,
					  diag);
	w->r->retries++;
	if (!leads_on)
		return tdxc_convert_fail_(w, TDXC_CONVERT_MAP,
					  TDXC_CONVERT_RETRY_ADDRESS, TDXC_E_IO,
					  *at, diag);
	*futile = *at == before ? *futile + 1 : 0;
	if (*futile >= w->c->config.futile)
		return tdxc_convert_fail_(w, TDXC_CONVERT_MAP,
					  TDXC_CONVERT_NO_PROGRESS, TDXC_E_BUSY,
					  *at, diag);
	return TDXC_OK;
}

int tdxc_convert_map_(const struct tdxc_converting_ *w, uint64_t shared)
{
	uint64_t budget = w->c->config.map_calls + w->bytes / TDXC_SIZE_2M;
	struct tdxc_tdcall_diag diag;
	uint32_t futile = 0;
	uint64_t status;
	int err;

	for (;;) {
		status = map_call(w, shared, w->r->mapped, &diag);
		if (status != TDXC_STATUS_SUCCESS)
			return tdxc_convert_fail_(
				w, TDXC_CONVERT_MAP, TDXC_CONVERT_CALL,
				tdxc_convert_call_err_(status), w->r->mapped,
				&diag);
		if (diag.out.r10 == TDXC_MAP_GPA_SUCCESS)
			break;
		err = map_answer(w, shared, &diag, &futile);
		if (err)
			return err;
		if (w->r->map_calls >= budget)
			return tdxc_convert_fail_(
				w, TDXC_CONVERT_MAP, TDXC_CONVERT_BUDGET,
				TDXC_E_BUSY, w->r->mapped, &diag);
	}
	w->r->mapped = w->bytes;
	return TDXC_OK;
}
