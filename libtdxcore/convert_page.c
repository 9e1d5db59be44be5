/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * ACCEPT and RELEASE: page by page, the largest size first.
 *
 * A size that does not match is a matter of one place; a module without 1 GiB
 * says so wherever it is asked, so this is asked once.
 */
#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/spte.h>
#include <tdxcore/status.h>

#include "convert_work.h"

/* tdx-module-abi.md 2.3 */
#define PAGE_ALREADY_ACCEPTED 0x00000B0A00000000ull
#define PAGE_SIZE_MISMATCH    0xC0000B0B00000000ull

static uint64_t page_bytes(uint32_t level)
{
	return tdxc_level_frames(level) * TDXC_PAGE_SIZE;
}

/* What was learnt about 1 GiB at this leaf. */
static uint64_t *page_no_1g(const struct tdxc_converting_ *w, uint64_t leaf)
{
	return leaf == TDXC_TDG_MEM_PAGE_ACCEPT ? &w->c->no_1g_accept
						: &w->c->no_1g_release;
}

static uint32_t page_level(const struct tdxc_converting_ *w, uint64_t leaf,
			   uint64_t gpa, uint64_t left)
{
	uint32_t level = TDXC_LEVEL_1G;

	if (tdxc_load_once(page_no_1g(w, leaf)) != 0)
		level = TDXC_LEVEL_2M;
	while (level > TDXC_LEVEL_4K && (page_bytes(level) > left ||
					 (gpa & (page_bytes(level) - 1)) != 0))
		level--;
	return level;
}

static bool is_code(uint64_t status, uint64_t code)
{
	return tdxc_status_code(status) == code;
}

/* The module knows no such leaf: it complains about RAX. */
static bool is_no_leaf(uint64_t status)
{
	return status == (TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RAX);
}

/* Whether a smaller page may do, at this place or everywhere. */
static bool page_falls_back(const struct tdxc_converting_ *w, uint64_t leaf,
			    uint32_t level, uint64_t status)
{
	if (level == TDXC_LEVEL_4K)
		return false;
	if (is_code(status, PAGE_SIZE_MISMATCH))
		return true;
	if (level != TDXC_LEVEL_1G ||
	    !is_code(status, TDXC_STATUS_OPERAND_INVALID) || is_no_leaf(status))
		return false;
	tdxc_store_release(page_no_1g(w, leaf), 1);
	return true;
}

/* Call the module for the page at an offset, at *level or below. */
static uint64_t page_call(const struct tdxc_converting_ *w, uint64_t at,
			  uint32_t *level, struct tdxc_tdcall_diag *diag)
{
	uint64_t status;

	for (;; --*level) {
		diag->in.rcx = (w->gpa + at) | tdxc_level_of_module(*level);
		status = tdxc_convert_call_(w, diag);
		if (!page_falls_back(w, diag->rax, *level, status))
			return status;
		w->r->fallbacks++;
	}
}

/* A page that was accepted, at its own size or as a part of a larger one. */
static int page_already(const struct tdxc_converting_ *w, uint64_t at,
			uint32_t level, const struct tdxc_tdcall_diag *diag)
{
	const struct tdxc_convert_config *config = &w->c->config;
	int err = TDXC_OK;

	if (config->accepted == TDXC_ACCEPTED_ERROR)
		return tdxc_convert_fail_(w, TDXC_CONVERT_ACCEPT,
					  TDXC_CONVERT_ALREADY, TDXC_E_EXIST,
					  at, diag);
	if (config->accepted == TDXC_ACCEPTED_ZERO)
		err = config->ops->zero(config->ctx, w->gpa + at,
					page_bytes(level));
	if (err)
		return tdxc_convert_fail_(w, TDXC_CONVERT_ZERO, TDXC_CONVERT_OP,
					  err, at, diag);
	w->r->already += page_bytes(level);
	return TDXC_OK;
}

/* An answer that no smaller size helps with. */
static int page_answer(const struct tdxc_converting_ *w, uint64_t at,
		       uint32_t level, const struct tdxc_tdcall_diag *diag)
{
	uint64_t status = diag->status;
	bool accept = diag->rax == TDXC_TDG_MEM_PAGE_ACCEPT;
	enum tdxc_convert_stage stage =
		accept ? TDXC_CONVERT_ACCEPT : TDXC_CONVERT_RELEASE;

	/* A level below the one asked for would leave the rest unknown. */
	if (accept && is_code(status, PAGE_ALREADY_ACCEPTED) &&
	    (uint32_t)status >= tdxc_level_of_module(level))
		return page_already(w, at, level, diag);
	if (is_code(status, PAGE_SIZE_MISMATCH))
		return tdxc_convert_fail_(w, stage, TDXC_CONVERT_SIZE,
					  TDXC_E_IO, at, diag);
	if (!accept && is_no_leaf(status))
		return tdxc_convert_fail_(w, stage, TDXC_CONVERT_NOT_OFFERED,
					  TDXC_E_OPNOTSUPP, at, diag);
	return tdxc_convert_fail_(w, stage, TDXC_CONVERT_CALL,
				  tdxc_convert_call_err_(status), at, diag);
}

/* A leaf for all pages from *at on. */
static int page_walk(const struct tdxc_converting_ *w, uint64_t leaf,
		     uint64_t *at, uint64_t to)
{
	struct tdxc_tdcall_diag diag = {.rax = leaf};
	uint32_t level;
	int err;

	while (*at < to) {
		level = page_level(w, leaf, w->gpa + *at, to - *at);
		if (page_call(w, *at, &level, &diag) != TDXC_STATUS_SUCCESS) {
			err = page_answer(w, *at, level, &diag);
			if (err)
				return err;
		}
		w->r->pages[tdxc_level_of_module(level)]++;
		*at += page_bytes(level);
	}
	return TDXC_OK;
}

int tdxc_convert_accept_(const struct tdxc_converting_ *w, uint64_t from,
			 uint64_t to)
{
	w->r->gap_start = from;
	w->r->gap_end = to;
	return page_walk(w, TDXC_TDG_MEM_PAGE_ACCEPT, &w->r->gap_start, to);
}

/* Without the leaf, and without need of it, memory is shared as it is. */
int tdxc_convert_release_(const struct tdxc_converting_ *w)
{
	const struct tdxc_convert_config *config = &w->c->config;
	struct tdxc_conversion *r = w->r;
	int err;

	if (config->release == TDXC_RELEASE_NEVER ||
	    (config->release == TDXC_RELEASE_IF_OFFERED &&
	     tdxc_load_once(&w->c->no_release) != 0))
		return TDXC_OK;
	err = page_walk(w, TDXC_TDG_MEM_PAGE_RELEASE, &r->released, w->bytes);
	if (config->release == TDXC_RELEASE_ALWAYS || r->released != 0 ||
	    r->failure.reason != TDXC_CONVERT_NOT_OFFERED)
		return err;
	tdxc_store_release(&w->c->no_release, 1);
	memset(&r->failure, 0, sizeof(r->failure));
	return TDXC_OK;
}
