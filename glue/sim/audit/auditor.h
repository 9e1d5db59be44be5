/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The auditor: is everything the module keeps, in its own structure and in
 * simulated memory, consistent? Reads every PAMT entry, TD, S-EPT page and
 * vCPU; changes nothing. For quiet moments: no call may be under way, guests
 * may run.
 *
 * As freestanding as the module: memory comes from the caller.
 */
#ifndef TDXC_SIM_AUDITOR_H
#define TDXC_SIM_AUDITOR_H

#include "tdx_module.h"

/* The first thing found wrong. */
struct tdxc_sim_violation {
	const char *what; /* a sentence without a full stop; NULL: none */
	uint64_t where;	  /* page, entry, KeyID or LP it speaks of */
	char text[160];	  /* both, to print */
};

/* A page in use, as its PAMT entry has it. */
struct tdxc_sim_page_record {
	uint64_t pa;
	uint64_t owner;
	uint64_t bepoch;
	uint8_t size;
	uint8_t type;
	bool referred; /* a structure points to it */
};

/* What the audit needs of its surroundings. All mandatory. */
struct tdxc_sim_audit_ops {
	/* Whether the page at pa was ever written; else it holds zeros, and is
	 * not made to exist. */
	bool (*exists)(void *ctx, uint64_t pa);
	/* Memory of so many bytes with the contents of `old`, which is gone
	 * then; NULL: there is none, and `old` stays. */
	void *(*grow)(void *ctx, void *old, size_t old_bytes, size_t bytes);
};

/* Zero it, set the first three; the rest is the auditor's. */
struct tdxc_sim_auditor {
	struct tdxc_sim_module *m;
	const struct tdxc_sim_audit_ops *ops;
	void *ctx;
	struct tdxc_sim_violation *out;
	/* in ascending order of pa, because the PAMT is read so; the caller's
	 * to free, from grow() */
	struct tdxc_sim_page_record *pages;
	size_t nr_pages;
	size_t room;
	uint32_t keyid_users[TDXC_SIM_MAX_KEYIDS];
	uint64_t builds; /* TDs that could still be finalised */
};

/* 0: all is consistent. -1: it is not, and `out` says what and where; or
 * memory is short, which it says as well. */
int tdxc_sim_audit_run(struct tdxc_sim_auditor *a,
		       struct tdxc_sim_violation *out);

#endif
