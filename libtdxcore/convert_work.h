/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of the room `convert` share; not API. */
#ifndef TDXCORE_CONVERT_WORK_H
#define TDXCORE_CONVERT_WORK_H

#include <tdxcore/convert.h>

/* A conversion that is going on. */
struct tdxc_converting_ {
	struct tdxc_converter *c;
	uint64_t gpa;
	uint64_t bytes;
	struct tdxc_conversion *r;
};

/* Record a failure, `at` bytes from the start; returns err. Only the first two
 * are kept. */
int tdxc_convert_fail_(const struct tdxc_converting_ *w,
		       enum tdxc_convert_stage stage,
		       enum tdxc_convert_reason reason, int err, uint64_t at,
		       const struct tdxc_tdcall_diag *diag);

/* diag->rax and diag->in are called until the answer is not BUSY, or attempts
 * are used up; the rest of diag is set. */
uint64_t tdxc_convert_call_(const struct tdxc_converting_ *w,
			    struct tdxc_tdcall_diag *diag);

/* What a TDCALL that failed amounts to. */
int tdxc_convert_call_err_(uint64_t status);

/* MapGPA of the range; `shared`: the shared bit or 0. r->mapped is set. */
int tdxc_convert_map_(const struct tdxc_converting_ *w, uint64_t shared);

/* ACCEPT from one offset to another. What is left is r's gap. */
int tdxc_convert_accept_(const struct tdxc_converting_ *w, uint64_t from,
			 uint64_t to);

/* RELEASE of the range, as the configuration wants. r->released is set. */
int tdxc_convert_release_(const struct tdxc_converting_ *w);

#endif
