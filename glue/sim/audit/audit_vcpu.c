/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A TD's vCPUs: their pages, where they run, and the counts kept of them. */
#include "audit_state.h"

struct counts {
	uint64_t initialised;
	uint64_t associated;
	uint64_t running[2]; /* by epoch, even and odd */
	uint64_t indices;    /* one bit each, of the first 64 */
};

static bool pages_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td,
		     const struct tdxc_sim_vcpu *vcpu, uint64_t pa)
{
	uint64_t mask = tdxc_sim_hkid_mask(a->m);

	if (vcpu->nr_pages == 0 || vcpu->nr_pages > SIM_TDVPS_MAX ||
	    (vcpu->pages[0] & ~mask) != pa)
		return tdxc_sim_audit_fail(a, "pages of a vCPU wrong", pa);
	for (uint64_t i = 1; i < vcpu->nr_pages; i++) {
		if (!tdxc_sim_audit_refer(a, td->pa, vcpu->pages[i] & ~mask,
					  PT_TDCX, 0, "page of a vCPU is none"))
			return false;
	}
	return true;
}

/* The LP that runs this vCPU, + 1; 0: none does. */
static uint64_t runs_on(const struct tdxc_sim_auditor *a, uint64_t tdvpr)
{
	for (uint32_t lp = 0; lp < a->m->platform.nr_lps; lp++) {
		if (a->m->lps[lp].in_guest && a->m->lps[lp].tdvpr == tdvpr)
			return lp + 1;
	}
	return 0;
}

static bool state_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_vcpu *vcpu, uint64_t pa)
{
	uint64_t lp = runs_on(a, pa);

	switch (vcpu->state) {
	case VS_UNINIT:
	case VS_READY:
	case VS_DISABLED:
		if (lp != 0)
			return tdxc_sim_audit_fail(
				a, "vCPU runs but is not active", pa);
		break;
	case VS_ACTIVE:
		if (lp == 0)
			return tdxc_sim_audit_fail(
				a, "vCPU active but runs nowhere", pa);
		if (lp != vcpu->lp)
			return tdxc_sim_audit_fail(
				a, "vCPU runs where it is not associated", pa);
		break;
	default:
		return tdxc_sim_audit_fail(a, "vCPU state unknown", pa);
	}
	if (vcpu->lp > a->m->platform.nr_lps ||
	    (vcpu->lp != 0 && vcpu->state == VS_UNINIT))
		return tdxc_sim_audit_fail(a, "vCPU association impossible",
					   pa);
	return true;
}

static bool index_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_audit_td *td,
		     const struct tdxc_sim_vcpu *vcpu, struct counts *n,
		     uint64_t pa)
{
	uint64_t bit = 1ull << (vcpu->index & 63);

	if (vcpu->index >= td->tdcs->nr_vcpus ||
	    (vcpu->index < 64 && (n->indices & bit) != 0))
		return tdxc_sim_audit_fail(a, "vCPU index taken or too large",
					   pa);
	if (vcpu->index < 64)
		n->indices |= bit;
	return true;
}

static bool vcpu_ok(struct tdxc_sim_auditor *a,
		    const struct tdxc_sim_audit_td *td,
		    struct tdxc_sim_page_record *page, struct counts *n)
{
	const struct tdxc_sim_vcpu *vcpu =
		tdxc_sim_audit_page(a, page->pa, td->keyid);
	uint64_t epoch = tdxc_sim_epoch(td->tdcs->epoch);

	page->referred = true;
	if (!pages_ok(a, td, vcpu, page->pa) || !state_ok(a, vcpu, page->pa))
		return false;
	n->associated += vcpu->lp != 0;
	if (vcpu->state == VS_UNINIT)
		return true;
	n->initialised++;
	if (!index_ok(a, td, vcpu, n, page->pa))
		return false;
	if (vcpu->state != VS_ACTIVE)
		return true;
	if (vcpu->epoch != epoch && vcpu->epoch + 1 != epoch)
		return tdxc_sim_audit_fail(a, "vCPU runs in an epoch long past",
					   page->pa);
	n->running[vcpu->epoch & 1]++;
	return true;
}

bool tdxc_sim_audit_vcpus(struct tdxc_sim_auditor *a,
			  const struct tdxc_sim_audit_td *td)
{
	const struct tdxc_sim_tdcs *tdcs = td->tdcs;
	struct counts n = {0};

	for (size_t i = 0; i < a->nr_pages; i++) {
		struct tdxc_sim_page_record *page = &a->pages[i];

		if (page->type == PT_TDVPR && page->owner == td->pa &&
		    !vcpu_ok(a, td, page, &n))
			return false;
	}
	if (tdcs->nr_vcpus != n.initialised)
		return tdxc_sim_audit_fail(a, "count of vCPUs wrong", td->pa);
	if (tdcs->nr_assoc_vcpus != n.associated)
		return tdxc_sim_audit_fail(a, "count of associated vCPUs wrong",
					   td->pa);
	if (tdxc_sim_epoch_readers(tdcs->epoch, 0) != n.running[0] ||
	    tdxc_sim_epoch_readers(tdcs->epoch, 1) != n.running[1])
		return tdxc_sim_audit_fail(
			a, "epoch counts are not those of running vCPUs",
			td->pa);
	return true;
}
