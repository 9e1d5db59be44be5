/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory cut into pieces that are of one kind throughout: what a drawing draws.
 */
#ifndef TDXCORE_TOOLS_PLAN_PIECES_H
#define TDXCORE_TOOLS_PLAN_PIECES_H

#include "plan_cmd.h"

/* In no TDMR. */
#define PLAN_OUTSIDE UINT32_MAX

enum plan_kind {
	PLAN_KIND_USABLE,
	PLAN_KIND_PAMT,
	PLAN_KIND_LIMIT,
	PLAN_KIND_UNECONOMIC,
	PLAN_KIND_USELESS, /* RAM, not convertible or below 1 MiB. */
	PLAN_KIND_FIXED,   /* No RAM, not convertible. */
	PLAN_KIND_HOLE,	   /* No RAM, convertible. */
	PLAN_NR_KINDS
};

static inline bool plan_kind_is_ram(enum plan_kind kind)
{
	return kind != PLAN_KIND_HOLE && kind != PLAN_KIND_FIXED;
}

struct plan_piece {
	struct tdxc_range range;
	enum plan_kind kind;
	uint32_t tdmr;	/* PLAN_OUTSIDE: in none. */
	uint32_t node;	/* Of RAM. */
	uint32_t owner; /* TDMR whose PAMT it holds. */
	double x;	/* Where it is drawn; the drawing's business. */
	double width;
};

/*
 * All of every TDMR, and RAM outside them; ascending. free() the result. NULL:
 * no memory.
 */
struct plan_piece *plan_cut(const struct plan_report *r, size_t *nr);

#endif
