/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Bring-up before the module is told anything: its metadata, the plan, memory
 * for PAMTs, and the structures SYS.CONFIG reads.
 */
#include "module_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

#define STATUS_OPERAND_INVALID_RAX 0xC000010000000000ull

/* Wider addresses do not fit the page numbers of a Dynamic PAMT pair.
 * tdx-module-abi.md 11 */
#define DYNAMIC_PAMT_MAX_PA_BITS 48

static bool uses_dynamic_pamt(const struct tdxc_module *m)
{
	return (m->config.flags & TDXC_MODULE_STATIC_PAMT) == 0 &&
	       tdxc_sysinfo_feature(&m->info, TDXC_FEATURE_DYNAMIC_PAMT) &&
	       m->info.pamt_bitmap_bits != 0 &&
	       m->config.pa_bits <= DYNAMIC_PAMT_MAX_PA_BITS;
}

static int limit_of(uint16_t value, uint32_t most, enum tdxc_field field,
		    uint32_t *limit, struct tdxc_metadata_fault *fault)
{
	if (value == 0 || value > most) {
		fault->field = tdxc_field_id(field);
		fault->value = value;
		return TDXC_E_INVAL;
	}
	*limit = value;
	return TDXC_OK;
}

static int derive_limits(struct tdxc_module *m,
			 struct tdxc_metadata_fault *fault)
{
	const struct tdxc_sysinfo *info = &m->info;
	struct tdxc_limits *l = &m->limits;
	int err = limit_of(info->max_tdmrs, 65535, TDXC_FIELD_MAX_TDMRS,
			   &l->max_tdmrs, fault);

	if (err == TDXC_OK)
		err = limit_of(info->max_reserved, 65535,
			       TDXC_FIELD_MAX_RESERVED, &l->max_reserved,
			       fault);
	if (err == TDXC_OK)
		err = limit_of(info->pamt_4k_entry_size, 4096,
			       TDXC_FIELD_PAMT_4K_ENTRY_SIZE,
			       &l->pamt_entry_size[TDXC_PAMT_4K], fault);
	if (err == TDXC_OK)
		err = limit_of(info->pamt_2m_entry_size, 4096,
			       TDXC_FIELD_PAMT_2M_ENTRY_SIZE,
			       &l->pamt_entry_size[TDXC_PAMT_2M], fault);
	if (err == TDXC_OK)
		err = limit_of(info->pamt_1g_entry_size, 4096,
			       TDXC_FIELD_PAMT_1G_ENTRY_SIZE,
			       &l->pamt_entry_size[TDXC_PAMT_1G], fault);
	if (l->max_tdmrs > TDXC_MODULE_MAX_TDMRS)
		l->max_tdmrs = TDXC_MODULE_MAX_TDMRS;
	l->pamt_bitmap_bits =
		uses_dynamic_pamt(m) ? m->info.pamt_bitmap_bits : 0;
	l->pa_bits = m->config.pa_bits;
	return err;
}

static int derive_cmrs(struct tdxc_module *m, struct tdxc_metadata_fault *fault)
{
	struct tdxc_cmr_fault cmr;
	int err;

	m->nr_cmrs = 0;
	if (!tdxc_sysinfo_has(&m->info, TDXC_FIELD_NUM_CMRS))
		return TDXC_OK;
	err = tdxc_cmr_read(m->info.cmrs, m->info.num_cmrs, m->config.pa_bits,
			    m->cmrs, &m->nr_cmrs, &cmr);
	if (err != TDXC_OK) {
		fault->field = tdxc_field_id(TDXC_FIELD_NUM_CMRS);
		fault->value = cmr.index;
	}
	return err;
}

static int judge_features(const struct tdxc_module *m,
			  struct tdxc_metadata_fault *fault)
{
	if ((m->config.flags & TDXC_MODULE_ALLOW_RBP_MOD) != 0 ||
	    tdxc_sysinfo_feature(&m->info, TDXC_FEATURE_NO_RBP_MOD))
		return TDXC_OK;
	fault->field = tdxc_field_id(TDXC_FIELD_FEATURES0);
	fault->value = m->info.features0;
	return TDXC_E_OPNOTSUPP;
}

/* All in one call where there is a page for it and the module knows how. */
static int read_info(struct tdxc_module *m, const void *page, uint64_t page_pa,
		     struct tdxc_metadata_fault *fault,
		     struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_seamcall_port *port = &m->config.port;
	int err;

	if (page != NULL) {
		err = tdxc_metadata_read_all(port, page, page_pa, &m->info,
					     fault, diag);
		if (diag->status != STATUS_OPERAND_INVALID_RAX)
			return err;
	}
	return tdxc_metadata_read(port, &m->info, fault, diag);
}

int tdxc_module_read(struct tdxc_module *m, const void *page, uint64_t page_pa,
		     struct tdxc_metadata_fault *fault,
		     struct tdxc_seamcall_diag *diag)
{
	enum tdxc_module_step step = tdxc_module_step(m);
	int err;

	memset(fault, 0, sizeof(*fault));
	memset(diag, 0, sizeof(*diag));
	if (step != TDXC_MODULE_CPUS && step != TDXC_MODULE_PLAN)
		return TDXC_E_INVAL;
	err = read_info(m, page, page_pa, fault, diag);
	if (err == TDXC_OK)
		err = judge_features(m, fault);
	if (err == TDXC_OK)
		err = derive_limits(m, fault);
	if (err == TDXC_OK)
		err = derive_cmrs(m, fault);
	if (err == TDXC_OK)
		tdxc_module_set_step_(m, TDXC_MODULE_PLAN);
	return err;
}

static void fill_request(const struct tdxc_module *m,
			 struct tdxc_plan_config *plan)
{
	plan->limits = m->limits;
	if (plan->nr_cmrs == 0) {
		plan->cmrs = m->cmrs;
		plan->nr_cmrs = m->nr_cmrs;
	}
}

int tdxc_module_plan_bytes(const struct tdxc_module *m,
			   const struct tdxc_plan_config *plan, size_t *bytes)
{
	struct tdxc_plan_config filled = *plan;

	fill_request(m, &filled);
	return tdxc_plan_scratch_bytes(&filled, bytes);
}

int tdxc_module_plan(struct tdxc_module *m, struct tdxc_plan_config *plan,
		     struct tdxc_plan *result, void *scratch, size_t bytes,
		     struct tdxc_plan_fault *fault)
{
	enum tdxc_module_step step = tdxc_module_step(m);
	int err;

	memset(fault, 0, sizeof(*fault));
	if (step != TDXC_MODULE_PLAN && step != TDXC_MODULE_PLACE)
		return TDXC_E_INVAL;
	fill_request(m, plan);
	err = tdxc_plan_make(result, plan, scratch, bytes, fault);
	tdxc_module_set_step_(m, err == TDXC_OK ? TDXC_MODULE_PLACE
						: TDXC_MODULE_PLAN);
	return err;
}

/* --- memory for PAMTs ----------------------------------------------------- */

static bool same_places(const struct tdxc_range *a, const struct tdxc_range *b)
{
	return memcmp(a, b, TDXC_PAMT_LEVELS * sizeof(*a)) == 0;
}

void tdxc_module_free_pamts_(struct tdxc_module *m)
{
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++)
		m->config.ops->pamt_free(m->config.ctx, m->tdmrs[i].pamt);
	m->nr_tdmrs = 0;
}

static int place_one(struct tdxc_module *m, struct tdxc_plan *plan, uint32_t i)
{
	const struct tdxc_plan_tdmr *planned = &plan->tdmrs[i];
	struct tdxc_module_tdmr *t = &m->tdmrs[i];
	int err;

	memset(t, 0, sizeof(*t));
	t->range = planned->range;
	t->next = planned->range.start;
	err = m->config.ops->pamt_alloc(m->config.ctx, planned, t->pamt);
	if (err != TDXC_OK)
		return err;
	m->nr_tdmrs = i + 1;
	/* What the planner proved holds only where it wanted them. */
	if (same_places(planned->pamt, t->pamt))
		return TDXC_OK;
	return tdxc_plan_place(plan, i, t->pamt);
}

static void fill_pointers(struct tdxc_module *m)
{
	size_t stride = tdxc_tdmr_info_stride(m->limits.max_reserved);
	uint32_t i;

	for (i = 0; i < m->nr_tdmrs; i++)
		m->config.pointers[i] = m->config.infos_pa + i * stride;
}

int tdxc_module_place(struct tdxc_module *m, struct tdxc_plan *plan,
		      struct tdxc_plan_fault *fault)
{
	int err = TDXC_OK;
	uint32_t i;

	memset(fault, 0, sizeof(*fault));
	if (tdxc_module_step(m) != TDXC_MODULE_PLACE ||
	    plan->nr_tdmrs > TDXC_MODULE_MAX_TDMRS)
		return TDXC_E_INVAL;
	for (i = 0; i < plan->nr_tdmrs && err == TDXC_OK; i++)
		err = place_one(m, plan, i);
	if (err == TDXC_OK)
		err = tdxc_plan_seal(plan, m->config.infos,
				     m->config.infos_bytes, fault);
	if (err != TDXC_OK) {
		tdxc_module_free_pamts_(m);
		tdxc_module_set_step_(m, TDXC_MODULE_PLAN);
		return err;
	}
	fill_pointers(m);
	tdxc_module_set_step_(m, TDXC_MODULE_CONFIG);
	return TDXC_OK;
}
