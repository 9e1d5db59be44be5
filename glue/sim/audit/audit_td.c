/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* TDs: lifecycle and KeyID, what they own, and that nothing is left over. */
#include "audit_state.h"

bool tdxc_sim_audit_refer(struct tdxc_sim_auditor *a, uint64_t owner,
			  uint64_t pa, uint8_t type, uint8_t size,
			  const char *what)
{
	struct tdxc_sim_page_record *r = tdxc_sim_audit_find(a, pa);

	if (!r || r->type != type || r->size != size || r->owner != owner)
		return tdxc_sim_audit_fail(a, what, pa);
	if (r->referred)
		return tdxc_sim_audit_fail(a, "page referred to twice", pa);
	r->referred = true;
	return true;
}

/* Units of 4K that the PAMT says are a TD's. */
static uint64_t owned_units(const struct tdxc_sim_auditor *a, uint64_t tdr)
{
	uint64_t units = 0;

	for (size_t i = 0; i < a->nr_pages; i++) {
		if (a->pages[i].type != PT_TDR && a->pages[i].owner == tdr)
			units += 1ull << (9 * a->pages[i].size);
	}
	return units;
}

static bool keyid_fits(struct tdxc_sim_auditor *a,
		       const struct tdxc_sim_tdr *tdr, uint64_t pa)
{
	static const enum tdxc_sim_keyid_state expected[] = {
		[LC_HKID_ASSIGNED] = TDXC_SIM_KEYID_ASSIGNED,
		[LC_KEYS_CONFIGURED] = TDXC_SIM_KEYID_ASSIGNED,
		[LC_BLOCKED] = TDXC_SIM_KEYID_FLUSHED,
	};

	if (tdr->lifecycle > LC_TEARDOWN)
		return tdxc_sim_audit_fail(a, "TD lifecycle unknown", pa);
	if (!tdxc_sim_is_private_keyid(a->m, tdr->keyid))
		return tdxc_sim_audit_fail(a, "KeyID of a TD not private", pa);
	if (tdr->lifecycle == LC_TEARDOWN)
		return true;
	a->keyid_users[tdr->keyid]++;
	if (a->m->kot[tdr->keyid].state != expected[tdr->lifecycle])
		return tdxc_sim_audit_fail(
			a, "KeyID state does not fit the TD's lifecycle", pa);
	return true;
}

static bool packages_fit(struct tdxc_sim_auditor *a,
			 const struct tdxc_sim_tdr *tdr, uint64_t pa)
{
	uint64_t all = tdxc_sim_all_packages(a->m);

	if ((tdr->packages & ~all) != 0 ||
	    (tdr->lifecycle == LC_HKID_ASSIGNED && tdr->packages == all) ||
	    (tdr->lifecycle == LC_KEYS_CONFIGURED && tdr->packages != all))
		return tdxc_sim_audit_fail(
			a, "configured packages do not fit the lifecycle", pa);
	return true;
}

static bool tdcx_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdr *tdr,
		    uint64_t pa)
{
	uint64_t mask = tdxc_sim_hkid_mask(a->m);

	if (tdr->nr_tdcx > SIM_TDCX_MAX)
		return tdxc_sim_audit_fail(a, "TDCX count too large", pa);
	for (uint64_t i = 0; i < tdr->nr_tdcx; i++) {
		uint64_t page = tdr->tdcx[i] & ~mask;

		if (tdr->tdcx[i] !=
		    tdxc_sim_keyed(a->m, page, (uint32_t)tdr->keyid))
			return tdxc_sim_audit_fail(
				a, "TDCX page under another KeyID", page);
		if (!tdxc_sim_audit_refer(a, pa, page, PT_TDCX, 0,
					  "TDCX page of a TD is none"))
			return false;
	}
	return true;
}

static bool locks_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td)
{
	return tdxc_sim_audit_lock(a, &td->tdcs->op_lock, "op-state lock held",
				   td->pa) &&
	       tdxc_sim_audit_lock(a, &td->tdcs->tree_lock,
				   "S-EPT tree lock held", td->pa) &&
	       tdxc_sim_audit_lock(a, &td->tdcs->epoch_lock, "epoch lock held",
				   td->pa);
}

/* From the sixth TDCX page on a TD has a control structure; what it says
 * counts once MNG.INIT has written it. */
static bool structure_ok(struct tdxc_sim_auditor *a,
			 const struct tdxc_sim_tdr *tdr, uint64_t pa)
{
	struct tdxc_sim_audit_td td = {pa, (uint32_t)tdr->keyid, tdr, NULL};
	uint64_t mask = tdxc_sim_hkid_mask(a->m);

	if (tdr->nr_tdcx < SIM_TDCX_PAGES)
		return true;
	td.tdcs = tdxc_sim_audit_page(a, tdr->tdcx[0] & ~mask, td.keyid);
	if (td.tdcs->op_state > OS_RUNNABLE)
		return tdxc_sim_audit_fail(a, "op-state unknown", pa);
	if (!locks_ok(a, &td))
		return false;
	if (td.tdcs->op_state == OS_UNINITIALIZED)
		return true;
	return tdxc_sim_audit_vcpus(a, &td) && tdxc_sim_audit_sept(a, &td);
}

/* Created, not finalised, not blocked. */
static bool is_being_built(const struct tdxc_sim_auditor *a,
			   const struct tdxc_sim_tdr *tdr)
{
	uint64_t mask = tdxc_sim_hkid_mask(a->m);
	const struct tdxc_sim_tdcs *tdcs;

	if (tdr->lifecycle > LC_KEYS_CONFIGURED)
		return false;
	if (tdr->nr_tdcx < SIM_TDCX_PAGES)
		return true;
	tdcs = tdxc_sim_audit_page(a, tdr->tdcx[0] & ~mask,
				   (uint32_t)tdr->keyid);
	return tdcs->op_state != OS_RUNNABLE;
}

static bool td_ok(struct tdxc_sim_auditor *a, uint64_t pa)
{
	const struct tdxc_sim_tdr *tdr =
		tdxc_sim_audit_page(a, pa, a->m->global_keyid);

	if (!keyid_fits(a, tdr, pa) || !packages_fit(a, tdr, pa))
		return false;
	if (tdr->chldcnt != owned_units(a, pa))
		return tdxc_sim_audit_fail(
			a, "child count is not what the TD owns", pa);
	a->builds += is_being_built(a, tdr);
	/* after teardown its pages go one by one, its structures with them */
	if (tdr->lifecycle == LC_TEARDOWN)
		return true;
	return tdcx_ok(a, tdr, pa) && structure_ok(a, tdr, pa);
}

/* Is this page someone's, and does its owner know? */
static bool owner_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_page_record *page)
{
	const struct tdxc_sim_page_record *tdr =
		tdxc_sim_audit_find(a, page->owner);
	const struct tdxc_sim_tdr *content;

	if (page->type == PT_TDR)
		return page->owner == 0 ||
		       tdxc_sim_audit_fail(a, "TDR with an owner", page->pa);
	if (!tdr || tdr->type != PT_TDR)
		return tdxc_sim_audit_fail(
			a, "page of a TD that does not exist", page->pa);
	content = tdxc_sim_audit_page(a, tdr->pa, a->m->global_keyid);
	if (page->referred || content->lifecycle == LC_TEARDOWN)
		return true;
	return tdxc_sim_audit_fail(a, "page its TD does not refer to",
				   page->pa);
}

bool tdxc_sim_audit_tds(struct tdxc_sim_auditor *a)
{
	size_t i;

	for (i = 0; i < a->nr_pages; i++) {
		if (a->pages[i].type == PT_TDR && !td_ok(a, a->pages[i].pa))
			return false;
	}
	for (i = 0; i < a->nr_pages; i++) {
		if (!owner_ok(a, &a->pages[i]))
			return false;
	}
	return true;
}
