/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* MNG.RD and MNG.WR: what the host may read and write of a TD (3.9). */
#include "module.h"

enum value {
	V_FATAL,
	V_NUM_TDCX,
	V_CHLDCNT,
	V_LIFECYCLE,
	V_TDCX_PA,
	V_UUID,
	V_KEYID,
	V_PACKAGES,
	V_NUM_VCPUS,
	V_NUM_ASSOC,
	V_OP_STATE,
	V_NUM_L2,
	V_ATTRIBUTES,
	V_XFAM,
	V_MAX_VCPUS,
	V_GPAW,
	V_EPTP,
	V_TSC_OFFSET,
	V_TSC_MULTIPLIER,
	V_TSC_FREQUENCY,
	V_CONFIG_FLAGS,
	V_HP_TIMEOUT,
	V_VM_CTLS,
	V_EPOCH,
	V_REFCOUNT,
	V_MRTD,
	V_MRCONFIGID,
	V_MROWNER,
	V_MROWNERCONFIG,
	V_RTMR,
	V_ZERO,
	V_UNREADABLE,
};

static const struct tdxc_sim_field td_fields[] = {
	{0x8010000000000001ull, 1, V_FATAL, false},
	{0x8010000200000002ull, 1, V_NUM_TDCX, false},
	{0x8010000300000004ull, 1, V_CHLDCNT, false},
	{0x8010000200000005ull, 1, V_LIFECYCLE, false},
	{0x8010000300000010ull, 9, V_TDCX_PA, false},
	{0x8010000300000020ull, 4, V_UUID, false},
	{0x8110000100000001ull, 1, V_KEYID, false},
	{0x8110000300000002ull, 1, V_PACKAGES, false},
	{0x9010000200000001ull, 1, V_NUM_VCPUS, false},
	{0x9010000200000002ull, 1, V_NUM_ASSOC, false},
	{0x9010000200000004ull, 1, V_OP_STATE, false},
	{0x9010000100000005ull, 1, V_NUM_L2, false},
	{0x1110000300000000ull, 1, V_ATTRIBUTES, false},
	{0x1110000300000001ull, 1, V_XFAM, false},
	{0x1110000200000002ull, 1, V_MAX_VCPUS, false},
	{0x1110000000000003ull, 1, V_GPAW, false},
	{0x1110000300000004ull, 1, V_EPTP, false},
	{0x111000030000000Aull, 1, V_TSC_OFFSET, false},
	{0x111000030000000Bull, 1, V_TSC_MULTIPLIER, false},
	{0x111000010000000Cull, 1, V_TSC_FREQUENCY, false},
	{0x911000010000000Eull, 1, V_ZERO, false},
	{0x9110000300000011ull, 1, V_HP_TIMEOUT, false},
	{0x9110000300000012ull, 4, V_VM_CTLS, false},
	{0x1110000300000016ull, 1, V_CONFIG_FLAGS, false},
	{0x9210000300000000ull, 1, V_EPOCH, false},
	{0x9210000100000001ull, 2, V_REFCOUNT, false},
	{0x1310000300000000ull, 6, V_MRTD, false},
	{0x1310000300000010ull, 6, V_MRCONFIGID, false},
	{0x1310000300000018ull, 6, V_MROWNER, false},
	{0x1310000300000020ull, 6, V_MROWNERCONFIG, false},
	{0x1310000300000040ull, 24, V_RTMR, true},
	{0x94100003000003FEull, 1, V_UNREADABLE, false},
};

#define NR_TD_FIELDS (sizeof(td_fields) / sizeof(td_fields[0]))

static uint64_t tdr_value(const struct tdxc_sim_tdr *tdr, uint8_t get,
			  uint32_t i)
{
	switch (get) {
	case V_FATAL:
		return tdr->fatal;
	case V_NUM_TDCX:
		return tdr->nr_tdcx;
	case V_CHLDCNT:
		return tdxc_load_once(&tdr->chldcnt);
	case V_LIFECYCLE:
		return tdr->lifecycle;
	case V_TDCX_PA:
		return tdr->tdcx[i];
	case V_UUID:
		return tdr->uuid[i];
	case V_KEYID:
		return tdr->keyid;
	case V_PACKAGES:
		return tdr->packages;
	default:
		return 0;
	}
}

static uint64_t measured_value(const struct tdxc_sim_tdcs *tdcs, uint8_t get,
			       uint32_t i)
{
	switch (get) {
	case V_MRTD:
		return tdcs->mrtd[i];
	case V_MRCONFIGID:
		return tdcs->mrconfigid[i];
	case V_MROWNER:
		return tdcs->mrowner[i];
	case V_MROWNERCONFIG:
		return tdcs->mrownerconfig[i];
	case V_RTMR:
		return tdcs->rtmr[i];
	default:
		return 0;
	}
}

static uint64_t tdcs_value(const struct tdxc_sim_tdcs *tdcs, uint8_t get,
			   uint32_t i)
{
	uint64_t epoch = tdxc_load_once(&tdcs->epoch);

	switch (get) {
	case V_NUM_VCPUS:
		return tdxc_load_once(&tdcs->nr_vcpus);
	case V_NUM_ASSOC:
		return tdxc_load_once(&tdcs->nr_assoc_vcpus);
	case V_OP_STATE:
		return tdcs->op_state;
	case V_NUM_L2:
		return tdcs->nr_l2_vms;
	case V_ATTRIBUTES:
		return tdcs->attributes;
	case V_XFAM:
		return tdcs->xfam;
	case V_MAX_VCPUS:
		return tdcs->max_vcpus;
	case V_GPAW:
		return tdcs->gpaw;
	case V_EPTP:
		return tdcs->eptp;
	case V_TSC_OFFSET:
		return tdcs->tsc_offset;
	case V_TSC_MULTIPLIER:
		return tdcs->tsc_multiplier;
	case V_TSC_FREQUENCY:
		return tdcs->tsc_frequency;
	case V_CONFIG_FLAGS:
		return tdcs->config_flags;
	case V_HP_TIMEOUT:
		return tdxc_load_once(&tdcs->hp_lock_timeout);
	case V_VM_CTLS:
		return tdxc_load_once(&tdcs->vm_ctls[i]);
	case V_EPOCH:
		return tdxc_sim_epoch(epoch);
	case V_REFCOUNT:
		return tdxc_sim_epoch_readers(epoch, i);
	default:
		return measured_value(tdcs, get, i);
	}
}

static uint64_t value_of(const struct tdxc_sim_td *td, uint8_t get, uint32_t i)
{
	return get <= V_PACKAGES ? tdr_value(td->tdr, get, i)
				 : tdcs_value(td->tdcs, get, i);
}

/* The next element's id; what only a debug TD shows is passed over. */
static uint64_t next_id(const struct tdxc_sim_td *td, size_t field,
			uint32_t element, uint64_t given)
{
	uint64_t id = tdxc_sim_field_next(td_fields, NR_TD_FIELDS, field,
					  element, given);

	if (field + 1 < NR_TD_FIELDS && td_fields[field + 1].debug_only &&
	    id == td_fields[field + 1].id && !tdxc_sim_is_debug(td))
		id = td_fields[field + 2].id;
	return id;
}

static uint64_t read_field(struct tdxc_sim_call *c,
			   const struct tdxc_sim_td *td, uint64_t id,
			   bool versioned)
{
	uint32_t element;
	size_t field;

	if (tdxc_sim_field_is_null(id)) {
		if (!versioned)
			return STATUS(ST_FIELD_ID, 0);
		c->gpr[TDXC_SIM_RDX] = td_fields[0].id;
		return STATUS(ST_FIRST_FIELD, 0);
	}
	if (!tdxc_sim_field_find(td_fields, NR_TD_FIELDS, id, &field, &element))
		return STATUS(ST_FIELD_ID, 0);
	if (td_fields[field].get == V_UNREADABLE ||
	    (td_fields[field].debug_only && !tdxc_sim_is_debug(td)))
		return STATUS(ST_FIELD_NOT_READABLE, 0);
	c->gpr[TDXC_SIM_R8] = value_of(td, td_fields[field].get, element);
	if (versioned)
		c->gpr[TDXC_SIM_RDX] = next_id(td, field, element, id);
	return 0;
}

/* Any state but UNINITIALIZED (section 8.3). */
#define ANY_INITIALIZED (~OS_BIT(OS_UNINITIALIZED))

uint64_t tdxc_sim_mng_rd(struct tdxc_sim_call *c)
{
	uint64_t version = c->gpr[TDXC_SIM_RAX] >> 16;
	uint64_t id = c->gpr[TDXC_SIM_RDX];
	struct tdxc_sim_td td;
	uint64_t status;

	c->gpr[TDXC_SIM_R8] = 0;
	if (version != 0)
		c->gpr[TDXC_SIM_RDX] = NO_ID;
	if (version > 1)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
	status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], false, TDXC_SIM_RCX,
				   &td);
	if (status == 0)
		status = tdxc_sim_check_td(c, &td, ANY_INITIALIZED, true);
	return status == 0 ? read_field(c, &td, id, version == 1) : status;
}

/* 10 ms to 100 s, in microseconds, and only as a whole (section 3.9). */
static uint64_t write_hp_timeout(struct tdxc_sim_td *td, uint64_t value,
				 uint64_t mask)
{
	if (mask != UINT64_MAX)
		return STATUS(ST_WR_MASK, 0);
	if (value < 10000 || value > 100000000)
		return STATUS(ST_FIELD_VALUE, 0);
	(void)tdxc_xchg(&td->tdcs->hp_lock_timeout, value);
	return 0;
}

uint64_t tdxc_sim_mng_wr(struct tdxc_sim_call *c)
{
	uint64_t id = c->gpr[TDXC_SIM_RDX];
	uint64_t value = c->gpr[TDXC_SIM_R8];
	uint64_t mask = c->gpr[TDXC_SIM_R9];
	uint32_t element;
	uint64_t old;
	size_t field;
	struct tdxc_sim_td td;
	uint64_t status;

	c->gpr[TDXC_SIM_R8] = 0;
	status = tdxc_sim_claim_td(c, c->gpr[TDXC_SIM_RCX], false, TDXC_SIM_RCX,
				   &td);
	if (status == 0)
		status = tdxc_sim_check_td(c, &td, ANY_INITIALIZED, true);
	if (status != 0)
		return status;
	if (!tdxc_sim_field_find(td_fields, NR_TD_FIELDS, id, &field, &element))
		return STATUS(ST_FIELD_ID, 0);
	old = value_of(&td, td_fields[field].get, element);
	if (mask != 0 && td_fields[field].get == V_HP_TIMEOUT)
		status = write_hp_timeout(&td, value, mask);
	else if ((mask & 1) != 0 && td_fields[field].get == V_VM_CTLS)
		tdxc_sim_set_bits(&td.tdcs->vm_ctls[element], 1, value & 1);
	else
		status = STATUS(ST_FIELD_NOT_WRITABLE, 0);
	if (status == 0)
		c->gpr[TDXC_SIM_R8] = old;
	return status;
}
