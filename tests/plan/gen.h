/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Random machines, each generator with its own kind of malice. */
#ifndef TESTS_PLAN_GEN_H
#define TESTS_PLAN_GEN_H

#include "case.h"

/* Anything: a page to many GiB, up to 40 ranges, 1 to 4 nodes, odd limits. */
void gen_any(struct plan_case *c, struct rnd *r);

/* 20 to 190 ranges over TiBs, 64 to 512 TDMRs. */
void gen_many(struct plan_case *c, struct rnd *r);

/*
 * At most 6 GiB and 8 fragments, for the oracle: sizes near those of PAMT
 * regions, GiBs with little in them, fragments across GiB borders, limits of 1
 * to 3.
 */
void gen_small(struct plan_case *c, struct rnd *r);

/* At most 2 GiB and some 20 pages, for the page by page search. */
void gen_tiny(struct plan_case *c, struct rnd *r);

#endif
