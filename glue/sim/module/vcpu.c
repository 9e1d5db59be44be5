/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vCPUs: create, add pages, initialise, flush, read and write (1.6). */
#include "module.h"

uint64_t tdxc_sim_vp_create(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_pamt_ref ref;
	struct tdxc_sim_vcpu *vcpu;
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RDX], false,
					    TDXC_SIM_RDX, &td);

	if (status == 0)
		status =
			tdxc_sim_check_td(c, &td, OS_BIT(OS_INITIALIZED), true);
	if (status == 0)
		status = tdxc_sim_claim_page(c, pa, 0, PT_NDA, true,
					     TDXC_SIM_RCX, &ref);
	if (status != 0)
		return status;
	m->ops->zero(m->ctx, tdxc_sim_keyed(m, pa, td.keyid), PAGE_BYTES);
	vcpu = tdxc_sim_page_for_write(m, pa, td.keyid);
	vcpu->nr_pages = 1;
	vcpu->pages[0] = tdxc_sim_keyed(m, pa, td.keyid);
	(void)tdxc_sim_add(&td.tdr->chldcnt, 1);
	tdxc_sim_pamt_set(ref.entry, PT_TDVPR, td.pa);
	tdxc_sim_pamt_count(m, pa, 1);
	return 0;
}

uint64_t tdxc_sim_vp_addcx(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RCX];
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_pamt_ref ref;
	struct tdxc_sim_vcpu *vcpu;
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_vcpu(c, c->gpr[TDXC_SIM_RDX], true,
					      TDXC_SIM_RDX, &td, &vcpu);

	if (status == 0)
		status =
			tdxc_sim_check_td(c, &td, OS_BIT(OS_INITIALIZED), true);
	if (status != 0)
		return status;
	if (vcpu->state != VS_UNINIT)
		return STATUS(ST_VCPU_STATE, 0);
	if (vcpu->nr_pages == SIM_TDVPS_MAX)
		return STATUS(ST_TDCX_NUM, 0);
	status =
		tdxc_sim_claim_page(c, pa, 0, PT_NDA, true, TDXC_SIM_RCX, &ref);
	if (status != 0)
		return status;
	m->ops->zero(m->ctx, tdxc_sim_keyed(m, pa, td.keyid), PAGE_BYTES);
	vcpu->pages[vcpu->nr_pages++] = tdxc_sim_keyed(m, pa, td.keyid);
	(void)tdxc_sim_add(&td.tdr->chldcnt, 1);
	tdxc_sim_pamt_set(ref.entry, PT_TDCX, td.pa);
	tdxc_sim_pamt_count(m, pa, 1);
	return 0;
}

static bool has_all_pages(const struct tdxc_sim_td *td,
			  const struct tdxc_sim_vcpu *vcpu)
{
	return vcpu->nr_pages >= SIM_TDVPS_PAGES + 3 * td->tdcs->nr_l2_vms;
}

static void associate(struct tdxc_sim_td *td, struct tdxc_sim_vcpu *vcpu,
		      uint32_t lp)
{
	vcpu->lp = lp + 1;
	(void)tdxc_sim_add(&td->tdcs->nr_assoc_vcpus, 1);
}

uint64_t tdxc_sim_vp_init(struct tdxc_sim_call *c)
{
	struct tdxc_sim_vcpu *vcpu;
	struct tdxc_sim_td td;
	uint64_t index;
	uint64_t status = tdxc_sim_claim_vcpu(c, c->gpr[TDXC_SIM_RCX], true,
					      TDXC_SIM_RCX, &td, &vcpu);

	if (status == 0)
		status =
			tdxc_sim_check_td(c, &td, OS_BIT(OS_INITIALIZED), true);
	if (status != 0)
		return status;
	if (!has_all_pages(&td, vcpu))
		return STATUS(ST_TDCX_NUM, 0);
	if (vcpu->state != VS_UNINIT)
		return STATUS(ST_VCPU_STATE, 0);
	index = tdxc_sim_add(&td.tdcs->nr_vcpus, 1);
	if (index >= td.tdcs->max_vcpus) {
		(void)tdxc_sim_add(&td.tdcs->nr_vcpus, UINT64_MAX);
		return STATUS(ST_MAX_VCPUS, 0);
	}
	vcpu->index = index;
	vcpu->guest[TDXC_SIM_RCX] = c->gpr[TDXC_SIM_RDX];
	vcpu->guest[TDXC_SIM_R8] = c->gpr[TDXC_SIM_RDX];
	vcpu->state = VS_READY;
	associate(&td, vcpu, c->lp);
	return 0;
}

uint64_t tdxc_sim_vp_flush(struct tdxc_sim_call *c)
{
	struct tdxc_sim_vcpu *vcpu;
	struct tdxc_sim_td td;
	uint64_t status = tdxc_sim_claim_vcpu(c, c->gpr[TDXC_SIM_RCX], true,
					      TDXC_SIM_RCX, &td, &vcpu);

	if (status != 0)
		return status;
	if (td.tdr->lifecycle != LC_KEYS_CONFIGURED)
		return STATUS(ST_KEYS_NOT_CONFIGURED, 0);
	if (td.tdr->nr_tdcx < SIM_TDCX_PAGES)
		return STATUS(ST_TDCX_NUM, 0);
	td.tdcs = tdxc_sim_tdcs_page(c->m, td.tdr);
	if (!has_all_pages(&td, vcpu))
		return STATUS(ST_TDCX_NUM, 0);
	if (vcpu->lp != c->lp + 1)
		return STATUS(ST_VCPU_NOT_ASSOCIATED, 0);
	vcpu->lp = 0;
	(void)tdxc_sim_add(&td.tdcs->nr_assoc_vcpus, UINT64_MAX);
	return 0;
}

uint64_t tdxc_sim_vcpu_take(struct tdxc_sim_call *c, struct tdxc_sim_td *td,
			    struct tdxc_sim_vcpu *vcpu)
{
	uint64_t none = 0;

	if (!has_all_pages(td, vcpu))
		return STATUS(ST_TDCX_NUM, 0);
	if (tdxc_load_acquire(&vcpu->state) != VS_READY)
		return STATUS(ST_VCPU_STATE, 0);
	if (tdxc_try_cmpxchg(&vcpu->lp, &none, c->lp + 1u))
		(void)tdxc_sim_add(&td->tdcs->nr_assoc_vcpus, 1);
	else if (none != c->lp + 1u)
		return STATUS(ST_VCPU_ASSOCIATED, 0);
	return 0;
}

enum value {
	V_INDEX,
	V_NUM_PAGES,
	V_ASSOC_LP,
	V_EPOCH,
	V_PEND_NMI,
	V_XFAM,
	V_PAGE_PA,
	V_ZERO,
	V_UNREADABLE,
};

/* VP-scope ids of section 3.9; their order in a walk is inferred. */
static const struct tdxc_sim_field vp_fields[] = {
	{0x0024000100000002ull, 1, V_ZERO, false}, /* a VMCS field */
	{0x9120000300000100ull, 1, V_ZERO, false},
	{0xA020000000000000ull, 1, V_UNREADABLE, false}, /* VCPU_STATE */
	{0xA020000200000002ull, 1, V_INDEX, false},
	{0xA020000000000003ull, 1, V_NUM_PAGES, false},
	{0xA020000200000004ull, 1, V_ASSOC_LP, false},
	{0xA020000300000006ull, 1, V_EPOCH, false},
	{0xA020000000000007ull, 1, V_ZERO, false},
	{0xA020000000000008ull, 1, V_ZERO, false},
	{0x202000000000000Bull, 1, V_PEND_NMI, false},
	{0x202000030000000Cull, 1, V_XFAM, false},
	{0xA02000000000000Full, 1, V_UNREADABLE, false}, /* LAST_TD_EXIT */
	{0xA020000300000010ull, 15, V_PAGE_PA, false},
};

#define NR_VP_FIELDS (sizeof(vp_fields) / sizeof(vp_fields[0]))

static uint64_t vp_value(const struct tdxc_sim_td *td,
			 const struct tdxc_sim_vcpu *vcpu, uint8_t get,
			 uint32_t i)
{
	switch (get) {
	case V_INDEX:
		return vcpu->index;
	case V_NUM_PAGES:
		return vcpu->nr_pages;
	case V_ASSOC_LP:
		return tdxc_load_once(&vcpu->lp) - 1;
	case V_EPOCH:
		return vcpu->epoch;
	case V_PEND_NMI:
		return tdxc_load_once(&vcpu->pending_nmi);
	case V_XFAM:
		return td->tdcs->xfam;
	case V_PAGE_PA:
		return vcpu->pages[i];
	default:
		return 0;
	}
}

/* VP.RD and VP.WR up to the field: both associate the vCPU with this LP. */
static uint64_t open_vcpu(struct tdxc_sim_call *c, struct tdxc_sim_td *td,
			  struct tdxc_sim_vcpu **vcpu)
{
	uint64_t status = tdxc_sim_claim_vcpu(c, c->gpr[TDXC_SIM_RCX], false,
					      TDXC_SIM_RCX, td, vcpu);

	if (status == 0)
		status = tdxc_sim_check_td(c, td, ~OS_BIT(OS_UNINITIALIZED),
					   true);
	return status == 0 ? tdxc_sim_vcpu_take(c, td, *vcpu) : status;
}

uint64_t tdxc_sim_vp_rd(struct tdxc_sim_call *c)
{
	uint64_t version = c->gpr[TDXC_SIM_RAX] >> 16;
	uint64_t id = c->gpr[TDXC_SIM_RDX];
	struct tdxc_sim_vcpu *vcpu;
	uint32_t element;
	struct tdxc_sim_td td;
	uint64_t status;
	size_t field;

	c->gpr[TDXC_SIM_R8] = 0;
	if (version != 0)
		c->gpr[TDXC_SIM_RDX] = NO_ID;
	if (version > 1)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
	status = open_vcpu(c, &td, &vcpu);
	if (status != 0)
		return status;
	if (tdxc_sim_field_is_null(id) && version == 1) {
		c->gpr[TDXC_SIM_RDX] = vp_fields[0].id;
		return STATUS(ST_FIRST_FIELD, 0);
	}
	if (!tdxc_sim_field_find(vp_fields, NR_VP_FIELDS, id, &field, &element))
		return STATUS(ST_FIELD_ID, 0);
	if (vp_fields[field].get == V_UNREADABLE)
		return STATUS(ST_FIELD_NOT_READABLE, 0);
	c->gpr[TDXC_SIM_R8] =
		vp_value(&td, vcpu, vp_fields[field].get, element);
	if (version == 1)
		c->gpr[TDXC_SIM_RDX] = tdxc_sim_field_next(
			vp_fields, NR_VP_FIELDS, field, element, id);
	return 0;
}

uint64_t tdxc_sim_vp_wr(struct tdxc_sim_call *c)
{
	uint64_t id = c->gpr[TDXC_SIM_RDX];
	uint64_t value = c->gpr[TDXC_SIM_R8];
	uint64_t mask = c->gpr[TDXC_SIM_R9];
	struct tdxc_sim_vcpu *vcpu;
	uint32_t element;
	struct tdxc_sim_td td;
	uint64_t status;
	size_t field;

	c->gpr[TDXC_SIM_R8] = 0;
	status = open_vcpu(c, &td, &vcpu);
	if (status != 0)
		return status;
	if (!tdxc_sim_field_find(vp_fields, NR_VP_FIELDS, id, &field, &element))
		return STATUS(ST_FIELD_ID, 0);
	if (vp_fields[field].get != V_PEND_NMI || (mask & 1) == 0)
		return STATUS(ST_FIELD_NOT_WRITABLE, 0);
	c->gpr[TDXC_SIM_R8] = tdxc_xchg(&vcpu->pending_nmi, value & 1);
	return 0;
}
