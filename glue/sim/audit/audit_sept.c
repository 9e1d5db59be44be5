/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A TD's secure EPT: every table and page it maps is its own, once. */
#include "audit_state.h"

static bool is_blocked(enum tdxc_sim_sept_state state)
{
	return state == SS_NL_BLOCKED || state == SS_BLOCKED ||
	       state == SS_PENDING_BLOCKED;
}

static bool leaf_ok(struct tdxc_sim_auditor *a,
		    const struct tdxc_sim_audit_td *td, uint64_t hpa,
		    uint8_t level)
{
	if (level > 2)
		return tdxc_sim_audit_fail(a, "S-EPT leaf above 1G", hpa);
	return tdxc_sim_audit_refer(
		a, td->pa, hpa, PT_REG, level,
		"S-EPT leaf to a page that is not the TD's, of that size");
}

/* An epoch yet to come would let the page go too early. */
static bool epoch_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td, uint64_t hpa)
{
	const struct tdxc_sim_page_record *page = tdxc_sim_audit_find(a, hpa);

	if (page->bepoch > tdxc_sim_epoch(td->tdcs->epoch))
		return tdxc_sim_audit_fail(
			a, "page blocked in an epoch yet to come", hpa);
	return true;
}

/* What stands in an entry; *table: the next table down, or 0. */
static bool entry_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td, uint64_t entry,
		     uint8_t level, uint64_t *table)
{
	enum tdxc_sim_sept_state state = tdxc_sim_sept_state(entry);
	uint64_t hpa = entry & SEPT_HPA;

	*table = 0;
	if ((entry & SEPT_LOCKED) != 0)
		return tdxc_sim_audit_fail(a, "S-EPT entry locked", entry);
	entry &= ~SEPT_HP;
	if (state == SS_FREE)
		return entry == SEPT_FREE ||
		       tdxc_sim_audit_fail(a, "free S-EPT entry not empty",
					   entry);
	if (state == SS_OTHER || entry != tdxc_sim_sept_make(state, hpa))
		return tdxc_sim_audit_fail(a, "S-EPT entry in no legal state",
					   entry);
	if (tdxc_sim_sept_is_leaf(state)) {
		if (!leaf_ok(a, td, hpa, level))
			return false;
	} else {
		if (level == 0)
			return tdxc_sim_audit_fail(
				a, "S-EPT table below the last level", entry);
		if (!tdxc_sim_audit_refer(a, td->pa, hpa, PT_EPT, 0,
					  "S-EPT table that is not the TD's"))
			return false;
		*table = hpa;
	}
	return !is_blocked(state) || epoch_ok(a, td, hpa);
}

/* At most five levels deep. */
static bool table_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td, uint64_t hpa,
		     uint8_t level)
{
	const uint64_t *entry = tdxc_sim_audit_page(a, hpa, td->keyid);

	for (uint32_t i = 0; i < 512; i++) {
		uint64_t below;

		if (!entry_ok(a, td, entry[i], level, &below))
			return false;
		if (below != 0 && !table_ok(a, td, below, (uint8_t)(level - 1)))
			return false;
	}
	return true;
}

bool tdxc_sim_audit_sept(struct tdxc_sim_auditor *a,
			 const struct tdxc_sim_audit_td *td)
{
	uint64_t root = td->tdr->tdcx[3] & ~tdxc_sim_hkid_mask(a->m);
	uint64_t levels = td->tdcs->eptp >> 3 & 7;

	if ((td->tdcs->eptp & SEPT_HPA) != root || (levels != 3 && levels != 4))
		return tdxc_sim_audit_fail(a, "EPT pointer of a TD wrong",
					   td->pa);
	return table_ok(a, td, root, (uint8_t)levels);
}
