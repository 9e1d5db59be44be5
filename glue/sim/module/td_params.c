/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* TD_PARAMS, in the module's order of validation (section 3.5). */
#include "module.h"

#define ATTRIBUTES_FIXED0    0x8000000070000001ull
#define ATTRIBUTE_DEBUG	     (1ull << 0)
#define ATTRIBUTE_MIGRATABLE (1ull << 29)
#define ATTRIBUTE_PERFMON    (1ull << 63)
#define XFAM_FIXED0	     0x6DBE7ull
#define XFAM_FIXED1	     0x3ull
#define CONFIG_FLAGS_FIXED0  0x7ull
#define FLAG_GPAW	     1ull

struct td_params {
	uint64_t attributes;
	uint64_t xfam;
	uint16_t max_vcpus;
	uint8_t nr_l2_vms;
	uint8_t msr_config_ctls;
	uint32_t reserved0;
	uint64_t eptp_controls;
	uint64_t config_flags;
	uint16_t tsc_frequency;
	uint8_t reserved1[38];
	uint64_t mrconfigid[6];
	uint64_t mrowner[6];
	uint64_t mrownerconfig[6];
	uint64_t arch_capabilities;
	uint8_t reserved2[24];
	uint32_t cpuid[12][4];
	uint8_t reserved3[576];
};

TDXC_STATIC_ASSERT(sizeof(struct td_params) == 1024, "TD_PARAMS");
TDXC_STATIC_ASSERT(offsetof(struct td_params, mrconfigid) == 80, "TD_PARAMS");
TDXC_STATIC_ASSERT(offsetof(struct td_params, cpuid) == 256, "TD_PARAMS");

static uint64_t invalid(uint32_t operand)
{
	return STATUS(ST_OPERAND_INVALID, operand);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

static bool attributes_ok(uint64_t a)
{
	if ((a & ~ATTRIBUTES_FIXED0) != 0)
		return false;
	return (a & ATTRIBUTE_MIGRATABLE) == 0 ||
	       (a & (ATTRIBUTE_DEBUG | ATTRIBUTE_PERFMON)) == 0;
}

/* All of the bits in `group`, or none. */
static bool all_or_none(uint64_t value, uint64_t group)
{
	return (value & group) == 0 || (value & group) == group;
}

/* AVX-512 (7:5) needs AVX (2); CET (12:11) and AMX (18:17) come in pairs. */
static bool xfam_ok(uint64_t x)
{
	return (x & ~XFAM_FIXED0) == 0 && (x & XFAM_FIXED1) == XFAM_FIXED1 &&
	       all_or_none(x, 7ull << 5) && all_or_none(x, 3ull << 11) &&
	       all_or_none(x, 3ull << 17) &&
	       ((x >> 5 & 7) == 0 || (x >> 2 & 1) != 0);
}

/* Write-back memory type, 4 or 5 levels, and 5 for a 52-bit guest. */
static bool eptp_ok(uint64_t eptp, uint64_t flags)
{
	uint64_t pwl = eptp >> 3 & 7;

	return eptp >> 6 == 0 && (eptp & 7) == 6 && (pwl == 3 || pwl == 4) &&
	       ((flags & FLAG_GPAW) == 0 || pwl == 4);
}

/* Which bits of CPUID leaves a TD may choose: the first leaf's family, model
 * and stepping must be the platform's or 0; the masks of the cache leaves are
 * those SYS.RD reports. */
static bool cpuid_ok(const struct tdxc_sim_module *m, const struct td_params *p,
		     uint32_t i)
{
	const uint32_t *v = p->cpuid[i];
	uint32_t eax = v[0];
	uint64_t mask[2];

	tdxc_sim_cpuid_config_mask(i, mask);
	if (i == 0 && eax != 0 && (eax & 0x0FFF3FFF) != m->platform.fms)
		return false;
	return (v[0] & ~(uint32_t)mask[0]) == 0 &&
	       (v[1] & ~(uint32_t)(mask[0] >> 32)) == 0 &&
	       (v[2] & ~(uint32_t)mask[1]) == 0 &&
	       (v[3] & ~(uint32_t)(mask[1] >> 32)) == 0;
}

static uint64_t check_head(const struct td_params *p,
			   const struct tdxc_sim_td *td)
{
	if (!attributes_ok(p->attributes))
		return invalid(OP_ATTRIBUTES);
	if (!xfam_ok(p->xfam))
		return invalid(OP_XFAM);
	if (p->max_vcpus == 0)
		return invalid(OP_MAX_VCPUS);
	if (p->nr_l2_vms > 3)
		return invalid(OP_NUM_L2_VMS);
	if (td->tdr->nr_tdcx < SIM_TDCX_PAGES + p->nr_l2_vms)
		return STATUS(ST_TDCS_NOT_ALLOCATED, 0);
	if (p->reserved0 != 0)
		return invalid(TDXC_SIM_RDX);
	if ((p->config_flags & ~CONFIG_FLAGS_FIXED0) != 0)
		return invalid(OP_CONFIG_FLAGS);
	if (!eptp_ok(p->eptp_controls, p->config_flags))
		return invalid(OP_EPTP_CONTROLS);
	if (p->tsc_frequency < 4 || p->tsc_frequency > 400)
		return invalid(OP_TSC_FREQUENCY);
	return 0;
}

static uint64_t check_tail(const struct tdxc_sim_module *m,
			   const struct td_params *p, uint64_t *cpuid)
{
	uint32_t i;

	if (!all_zero(p->reserved1, sizeof(p->reserved1)) ||
	    (p->msr_config_ctls & 0xFE) != 0 ||
	    !all_zero(p->reserved2, sizeof(p->reserved2)))
		return invalid(TDXC_SIM_RDX);
	for (i = 0; i < 12; i++) {
		if (cpuid_ok(m, p, i))
			continue;
		*cpuid = tdxc_sim_cpuid_config_leaf(i);
		return invalid(OP_CPUID_CONFIG);
	}
	if (!all_zero(p->reserved3, sizeof(p->reserved3)))
		return invalid(TDXC_SIM_RDX);
	if (p->arch_capabilities != 0)
		return invalid(OP_ARCH_CAPABILITIES);
	return 0;
}

static void apply(struct tdxc_sim_tdcs *tdcs, const struct td_params *p,
		  uint64_t root)
{
	tdcs->attributes = p->attributes;
	tdcs->xfam = p->xfam;
	tdcs->max_vcpus = p->max_vcpus;
	tdcs->nr_l2_vms = p->nr_l2_vms;
	tdcs->config_flags = p->config_flags;
	tdcs->gpaw = p->config_flags & FLAG_GPAW;
	tdcs->eptp = root | p->eptp_controls;
	tdcs->tsc_frequency = p->tsc_frequency;
	memcpy(tdcs->mrconfigid, p->mrconfigid, sizeof(tdcs->mrconfigid));
	memcpy(tdcs->mrowner, p->mrowner, sizeof(tdcs->mrowner));
	memcpy(tdcs->mrownerconfig, p->mrownerconfig,
	       sizeof(tdcs->mrownerconfig));
}

uint64_t tdxc_sim_apply_td_params(struct tdxc_sim_module *m,
				  struct tdxc_sim_td *td, uint64_t pa,
				  uint64_t *cpuid)
{
	/* 1 KiB-aligned, so it lies within one page */
	const char *page = m->ops->page(m->ctx, pa & ~(PAGE_BYTES - 1), false);
	const struct td_params *p =
		(const struct td_params *)(const void *)(page +
							 pa % PAGE_BYTES);
	uint64_t status = check_head(p, td);

	if (status == 0)
		status = check_tail(m, p, cpuid);
	if (status == 0)
		apply(td->tdcs, p, td->tdr->tdcx[3] & ~tdxc_sim_hkid_mask(m));
	return status;
}
