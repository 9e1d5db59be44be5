/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the module says about itself: SYS.RD, SYS.RDALL, SYS.INFO. */
#include "module.h"

enum value {
	V_ZERO,
	V_NUM_PKGS,
	V_PKG_FMS,
	V_VENDOR,
	V_BUILD_DATE,
	V_BUILD_NUM,
	V_MINOR,
	V_MAJOR,
	V_UPDATE,
	V_MODULE_HV,
	V_MIN_UPDATE_HV,
	V_NO_DOWNGRADE,
	V_FEATURES0,
	V_CMR_BASE,
	V_CMR_SIZE,
	V_CPUID_LEAF,
	V_CPUID_VALUE,
	V_ALLOWED_FMS,
	/* constants from here on: index into `constants` */
	V_1,
	V_2,
	V_3,
	V_5,
	V_7,
	V_12,
	V_16,
	V_32,
	V_64,
	V_200H,
	V_1000H,
	V_3000H,
	V_6000H,
	V_ATTRIBUTES_FIXED0,
	V_XFAM_FIXED0,
	V_576,
};

static const uint64_t constants[] = {
	1,	 2,   3,     5,	     7,	     12,     16,
	32,	 64,  0x200, 0x1000, 0x3000, 0x6000, 0x8000000070000001ull,
	0x6DBE7, 576,
};

/* The order of a walk (section 3.9). */
static const struct tdxc_sim_field sys_fields[] = {
	{0x0000000200000000ull, 1, V_NUM_PKGS, false},
	{0x0000000200000001ull, 8, V_PKG_FMS, false},
	{0x0800000200000000ull, 1, V_VENDOR, false},
	{0x8800000200000001ull, 1, V_BUILD_DATE, false},
	{0x8800000100000002ull, 1, V_BUILD_NUM, false},
	{0x0800000100000003ull, 1, V_MINOR, false},
	{0x0800000100000004ull, 1, V_MAJOR, false},
	{0x0800000100000005ull, 1, V_UPDATE, false},
	{0x0800000100000006ull, 1, V_ZERO, false}, /* INTERNAL_VERSION */
	{0x8900000100000000ull, 1, V_MODULE_HV, false},
	{0x8900000100000001ull, 1, V_MIN_UPDATE_HV, false},
	{0x8900000000000002ull, 1, V_NO_DOWNGRADE, false},
	{0x8900000100000003ull, 1, V_1, false}, /* NUM_HANDOFF_PAGES */
	{0x8900000000000004ull, 1, V_ZERO, false},
	{0x8900000100000005ull, 1, V_ZERO, false},
	{0x8900000200000006ull, 1, V_ZERO, false},
	{0x0A00000200000000ull, 1, V_ZERO, false}, /* SYS_ATTRIBUTES */
	{0x0A00000000000001ull, 1, V_1, false},	   /* NUM_TDX_FEATURES */
	{0x0A00000300000008ull, 1, V_FEATURES0, false},
	{0x9000000100000000ull, 1, V_32, false}, /* NUM_CMRS */
	{0x9000000300000080ull, 32, V_CMR_BASE, false},
	{0x9000000300000100ull, 32, V_CMR_SIZE, false},
	{0x9100000100000008ull, 1, V_64, false}, /* MAX_TDMRS */
	{0x9100000100000009ull, 1, V_16, false}, /* MAX_RESERVED */
	{0x9100000100000010ull, 1, V_16, false}, /* PAMT_4K_ENTRY_SIZE */
	{0x9100000100000011ull, 1, V_16, false},
	{0x9100000100000012ull, 1, V_16, false},
	{0x9800000100000000ull, 1, V_1000H, false}, /* TDR_BASE_SIZE */
	{0x9800000100000100ull, 1, V_6000H, false}, /* TDCS_BASE_SIZE */
	{0x9800000100000101ull, 1, V_1000H, false},
	{0x9800000100000200ull, 1, V_6000H, false}, /* TDVPS_BASE_SIZE */
	{0x9800000100000201ull, 1, V_3000H, false},
	{0x1900000300000000ull, 1, V_ATTRIBUTES_FIXED0, false},
	{0x1900000300000001ull, 1, V_ZERO, false},
	{0x1900000300000002ull, 1, V_XFAM_FIXED0, false},
	{0x1900000300000003ull, 1, V_3, false},
	{0x9900000100000004ull, 1, V_12, false}, /* NUM_CPUID_CONFIG */
	{0x9900000300000006ull, 1, V_7, false},	 /* CONFIG_FLAGS_FIXED0 */
	{0x9900000300000007ull, 1, V_ZERO, false},
	{0x9900000300000400ull, 32, V_CPUID_LEAF, false},
	{0x9900000300000500ull, 64, V_CPUID_VALUE, false},
	{0x9900000300000600ull, 1, V_ZERO, false}, /* ARCH_CAP mask */
	{0x9900000100000800ull, 1, V_1, false},	   /* NUM_ALLOWED_FMS */
	{0x9900000100000801ull, 1, V_ZERO, false},
	{0x9900000300000810ull, 64, V_ALLOWED_FMS, false},
	{0x9900000300000850ull, 64, V_ZERO, false},
	{0xA000000300000000ull, 1, V_ZERO, false}, /* MIG_ATTRIBUTES */
	{0x2000000100000001ull, 4, V_ZERO, false}, /* EXPORT, IMPORT */
	{0xA000000100000010ull, 1, V_200H, false}, /* MAX_MIGS */
	{0xA000000000000020ull, 1, V_3, false},
	{0xA000000000000021ull, 1, V_2, false},
	{0xA000000000000022ull, 1, V_5, false},
	{0xA100000100000000ull, 1, V_1, false}, /* MAX_SERV_TDS */
	{0xA100000300000001ull, 2, V_ZERO, false},
	{0xA200000100000000ull, 1, V_ZERO, false}, /* L2 GPA_ATTR mask */
	{0xA200000300000001ull, 6, V_ZERO, false},
};

/* What profiles after 1.5.01 add: read, and last in a list of all; a walk from
 * id to id goes past them. */
static const struct tdxc_sim_field newer_fields[] = {
	{0x9100000000000013ull, 1, V_1, false}, /* BITMAP_ENTRY_BITS */
	{0x9100000000000014ull, 1, V_ZERO, false},
	{0x9900000100000008ull, 1, V_576, false}, /* MAX_VCPUS_PER_TD */
};

#define NR_SYS_FIELDS	(sizeof(sys_fields) / sizeof(sys_fields[0]))
#define NR_NEWER_FIELDS (sizeof(newer_fields) / sizeof(newer_fields[0]))

/* Section 3.9: what 1.5.01 advertises; for newer 36, Dynamic PAMT, and 47,
 * update compatibility. */
#define FEATURES0	0xF0EBFull
#define FEATURES0_NEWER (1ull << 36 | 1ull << 47)

/* CPUID leaves a TD can configure: leaf and sub-leaf, then what it may set. */
static const uint64_t cpuid_leaves[] = {
	0xFFFFFFFF00000001ull, 0x0000000000000004ull, 0x0000000100000004ull,
	0x0000000200000004ull, 0x0000000300000004ull, 0x0000000000000007ull,
	0x0000000100000007ull, 0xFFFFFFFF0000000Aull, 0xFFFFFFFF0000001Cull,
	0xFFFFFFFF80000008ull, 0x0000000200000007ull, 0x0000000000000023ull,
};

#define CACHE_EAX_EBX 0xFFFFF000FFFFC3FFull
#define CACHE_ECX_EDX 0xFFFFFFFBFFFFFFFFull

static const uint64_t cpuid_masks[] = {
	0x00FF00000FFF3FFFull, 0,
	CACHE_EAX_EBX,	       CACHE_ECX_EDX,
	CACHE_EAX_EBX,	       CACHE_ECX_EDX,
	CACHE_EAX_EBX,	       CACHE_ECX_EDX,
	CACHE_EAX_EBX,	       0x7FFFFFFFFull,
};

uint64_t tdxc_sim_cpuid_config_leaf(uint32_t i)
{
	return i < sizeof(cpuid_leaves) / 8 ? cpuid_leaves[i] : NO_ID;
}

void tdxc_sim_cpuid_config_mask(uint32_t i, uint64_t mask[2])
{
	uint32_t k;

	for (k = 0; k < 2; k++)
		mask[k] = 2 * i + k < sizeof(cpuid_masks) / 8
				  ? cpuid_masks[2 * i + k]
				  : 0;
}

static uint64_t cpuid_value(uint32_t element)
{
	uint64_t mask[2];

	tdxc_sim_cpuid_config_mask(element / 2, mask);
	return mask[element % 2];
}

static const struct tdxc_cmr *cmr_at(const struct tdxc_sim_module *m,
				     uint32_t i)
{
	static const struct tdxc_cmr none;

	return i < m->platform.nr_cmrs ? &m->platform.cmrs[i] : &none;
}

static uint64_t sys_value(const struct tdxc_sim_module *m, uint8_t get,
			  uint32_t i)
{
	if (get >= V_1)
		return constants[get - V_1];
	switch ((enum value)get) {
	case V_NUM_PKGS:
		return m->platform.nr_packages;
	case V_PKG_FMS:
		return i < m->platform.nr_packages ? m->platform.fms : 0;
	case V_VENDOR:
		return 0x8086;
	case V_BUILD_DATE:
		return 0x20240212;
	case V_BUILD_NUM:
		return m->identity.build;
	case V_MINOR:
		return m->identity.minor;
	case V_MAJOR:
		return m->identity.major;
	case V_UPDATE:
		return m->identity.update;
	case V_MODULE_HV:
		return m->identity.module_hv;
	case V_MIN_UPDATE_HV:
		return m->identity.min_update_hv;
	case V_NO_DOWNGRADE:
		return m->identity.no_downgrade;
	case V_FEATURES0:
		return (tdxc_sim_is_newer(m) ? FEATURES0 | FEATURES0_NEWER
					     : FEATURES0) &
		       ~m->platform.features0_off;
	case V_CMR_BASE:
		return cmr_at(m, i)->base;
	case V_CMR_SIZE:
		return cmr_at(m, i)->size;
	case V_CPUID_LEAF:
		return tdxc_sim_cpuid_config_leaf(i);
	case V_CPUID_VALUE:
		return cpuid_value(i);
	case V_ALLOWED_FMS:
		return i == 0 ? m->platform.fms : 0;
	default:
		return 0;
	}
}

uint64_t tdxc_sim_sys_rd(struct tdxc_sim_call *c)
{
	uint64_t id = c->gpr[TDXC_SIM_RDX];
	const struct tdxc_sim_module *m = c->m;
	uint32_t element;
	size_t field;

	c->gpr[TDXC_SIM_RDX] = NO_ID;
	c->gpr[TDXC_SIM_R8] = 0;
	if (!m->lps[c->lp].initialized)
		return STATUS(ST_LP_INIT_NOT_DONE, 0);
	if (tdxc_sim_field_is_null(id)) {
		c->gpr[TDXC_SIM_RDX] = sys_fields[0].id;
		return STATUS(ST_FIRST_FIELD, 0);
	}
	if (tdxc_sim_field_find(sys_fields, NR_SYS_FIELDS, id, &field,
				&element)) {
		c->gpr[TDXC_SIM_R8] =
			sys_value(m, sys_fields[field].get, element);
		c->gpr[TDXC_SIM_RDX] = tdxc_sim_field_next(
			sys_fields, NR_SYS_FIELDS, field, element, id);
		return 0;
	}
	if (tdxc_sim_is_newer(m) &&
	    tdxc_sim_field_find(newer_fields, NR_NEWER_FIELDS, id, &field,
				&element)) {
		c->gpr[TDXC_SIM_R8] =
			sys_value(m, newer_fields[field].get, element);
		return 0;
	}
	return STATUS(ST_FIELD_ID, 0);
}

/*
 * A list in a 4 KiB page: header, then sequences of one id and its elements. A
 * sequence goes on as long as ids follow each other, the non-architectural bit
 * aside: 36 sequences in 3128 bytes for all there is, so a page always
 * suffices.
 */
struct list {
	uint64_t *words;
	uint32_t nr_words;
	uint32_t header; /* of the sequence that grows */
	uint64_t next;	 /* the id that would continue it */
	uint16_t nr_sequences;
};

#define ID_NON_ARCH   (1ull << 63)
#define ID_LAST_FIELD (1ull << 38)

static void list_put(struct list *list, uint64_t id, uint64_t value)
{
	if (list->nr_sequences != 0 &&
	    ((id ^ list->next) & ~ID_NON_ARCH) == 0) {
		list->words[list->header] += ID_LAST_FIELD;
	} else {
		list->header = list->nr_words;
		list->words[list->nr_words++] = id;
		list->nr_sequences++;
	}
	list->words[list->nr_words++] = value;
	list->next = id + 1;
}

/* From an element of a field of a table on. */
static void list_fill(const struct tdxc_sim_module *m, struct list *list,
		      const struct tdxc_sim_field *table, size_t nr,
		      size_t field, uint32_t element)
{
	for (; field < nr; field++, element = 0) {
		const struct tdxc_sim_field *f = &table[field];

		for (; element < f->count; element++)
			list_put(list, f->id + element,
				 sys_value(m, f->get, element));
	}
}

uint64_t tdxc_sim_sys_rdall(struct tdxc_sim_call *c)
{
	uint64_t pa = c->gpr[TDXC_SIM_RDX];
	uint64_t id = c->gpr[TDXC_SIM_R8];
	const struct tdxc_sim_module *m = c->m;
	struct list list = {NULL, 1, 0, 0, 0};
	uint32_t element = 0;
	size_t field = 0;
	uint64_t status;

	c->gpr[TDXC_SIM_R8] = NO_ID;
	if (!m->lps[c->lp].initialized)
		return STATUS(ST_LP_INIT_NOT_DONE, 0);
	status = tdxc_sim_check_shared(m, pa, PAGE_BYTES, PAGE_BYTES,
				       TDXC_SIM_RDX);
	if (status != 0)
		return status;
	if (!tdxc_sim_field_is_null(id) &&
	    !tdxc_sim_field_find(sys_fields, NR_SYS_FIELDS, id, &field,
				 &element))
		return STATUS(ST_FIELD_ID, 0);
	list.words = m->ops->page(m->ctx, pa, true);
	memset(list.words, 0, PAGE_BYTES);
	list_fill(m, &list, sys_fields, NR_SYS_FIELDS, field, element);
	if (tdxc_sim_is_newer(m))
		list_fill(m, &list, newer_fields, NR_NEWER_FIELDS, 0, 0);
	list.words[0] = 8ull * list.nr_words | (uint64_t)list.nr_sequences
						       << 16;
	return 0;
}

/* TDSYSINFO (section 3.2), as 128 words. */
static void fill_sysinfo(const struct tdxc_sim_module *m, uint64_t *w)
{
	uint32_t i;

	w[0] = 0x8086ull << 32;
	w[1] = sys_value(m, V_BUILD_DATE, 0) |
	       sys_value(m, V_BUILD_NUM, 0) << 32 |
	       sys_value(m, V_MINOR, 0) << 48;
	w[2] = sys_value(m, V_MAJOR, 0) | 1ull << 16;
	w[4] = 64 | 16ull << 16 | 16ull << 32;
	w[6] = 0x6000 | 0x6000ull << 32;
	w[8] = sys_value(m, V_ATTRIBUTES_FIXED0, 0);
	w[10] = sys_value(m, V_XFAM_FIXED0, 0);
	w[11] = 3;
	w[16] = 12;
	for (i = 0; i < 12; i++) {
		uint64_t mask[2];
		char *at = (char *)w + 132 + 24 * (size_t)i;
		uint64_t leaf = tdxc_sim_cpuid_config_leaf(i);

		tdxc_sim_cpuid_config_mask(i, mask);
		memcpy(at, &leaf, 8);
		memcpy(at + 8, mask, 16);
	}
}

static void write_info(const struct tdxc_sim_module *m, uint64_t info,
		       uint64_t cmrs)
{
	uint64_t *w = m->ops->page(m->ctx, info & ~(PAGE_BYTES - 1), true);
	uint32_t i;

	fill_sysinfo(m, w + info % PAGE_BYTES / 8);
	for (i = 0; i < TDXC_MAX_CMRS; i++)
		tdxc_sim_write_shared(m, cmrs + 16ull * i, cmr_at(m, i), 16);
}

uint64_t tdxc_sim_sys_info(struct tdxc_sim_call *c)
{
	static const uint64_t zero[16];
	uint64_t info = c->gpr[TDXC_SIM_RCX];
	uint64_t size = c->gpr[TDXC_SIM_RDX];
	uint64_t cmrs = c->gpr[TDXC_SIM_R8];
	uint64_t count = c->gpr[TDXC_SIM_R9];
	const struct tdxc_sim_module *m = c->m;
	uint64_t status;
	uint32_t i;

	c->gpr[TDXC_SIM_RDX] = 0;
	c->gpr[TDXC_SIM_R9] = 0;
	if (!m->lps[c->lp].initialized)
		return STATUS(ST_LP_INIT_NOT_DONE, 0);
	status = tdxc_sim_check_shared(m, info, 1024, 1024, TDXC_SIM_RCX);
	if (status != 0)
		return status;
	if (size < 1024)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RDX);
	for (i = 0; i < 8; i++)
		tdxc_sim_write_shared(m, info + 128ull * i, zero, sizeof(zero));
	status = tdxc_sim_check_shared(m, cmrs, 512, 512, TDXC_SIM_R8);
	if (status != 0)
		return status;
	if (count < TDXC_MAX_CMRS)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_R9);
	write_info(m, info, cmrs);
	c->gpr[TDXC_SIM_RDX] = 1024;
	c->gpr[TDXC_SIM_R9] = TDXC_MAX_CMRS;
	return 0;
}
