/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the auditor's files share. */
#ifndef TDXC_SIM_AUDIT_STATE_H
#define TDXC_SIM_AUDIT_STATE_H

#include "auditor.h"
#include "module.h"

/* Remember the first violation. Always false, so that a check is one line. */
bool tdxc_sim_audit_fail(struct tdxc_sim_auditor *a, const char *what,
			 uint64_t where);
/* A page without making it exist; zeros where nothing was written. */
const void *tdxc_sim_audit_page(const struct tdxc_sim_auditor *a, uint64_t pa,
				uint32_t keyid);
/* Readers that running vCPUs keep on a lock word. */
uint64_t tdxc_sim_audit_readers(const struct tdxc_sim_auditor *a,
				const uint64_t *word);
bool tdxc_sim_audit_lock(struct tdxc_sim_auditor *a, const uint64_t *word,
			 const char *what, uint64_t where);
/* The record of a page that starts at pa; NULL: it is not in use. */
struct tdxc_sim_page_record *
tdxc_sim_audit_find(const struct tdxc_sim_auditor *a, uint64_t pa);

bool tdxc_sim_audit_pamt(struct tdxc_sim_auditor *a);
/* All TDs: what they own, their S-EPT and their vCPUs. */
bool tdxc_sim_audit_tds(struct tdxc_sim_auditor *a);

/* A TD whose control structures can be read. */
struct tdxc_sim_audit_td {
	uint64_t pa;
	uint32_t keyid;
	const struct tdxc_sim_tdr *tdr;
	const struct tdxc_sim_tdcs *tdcs;
};

bool tdxc_sim_audit_sept(struct tdxc_sim_auditor *a,
			 const struct tdxc_sim_audit_td *td);
bool tdxc_sim_audit_vcpus(struct tdxc_sim_auditor *a,
			  const struct tdxc_sim_audit_td *td);
/* A page the TD points to: in use, of this type and size, its own, and
 * pointed to by nothing else. */
bool tdxc_sim_audit_refer(struct tdxc_sim_auditor *a, uint64_t owner,
			  uint64_t pa, uint8_t type, uint8_t size,
			  const char *what);

#endif
