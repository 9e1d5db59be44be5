/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * TD_PARAMS, judged in the order of tdx-module-abi.md 3.5, then written. What
 * the structure reserves is 0 by construction, so the steps about reserved
 * bytes cannot fail.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td_params.h>
#include <tdxcore/version.h>

/* tdx-module-abi.md 2.2 */
#define OPERAND_ATTRIBUTES	  64
#define OPERAND_XFAM		  65
#define OPERAND_CONFIG_FLAGS	  66
#define OPERAND_EPTP_CONTROLS	  67
#define OPERAND_MAX_VCPUS	  68
#define OPERAND_CPUID_CONFIG	  69
#define OPERAND_TSC_FREQUENCY	  70
#define OPERAND_NUM_L2_VMS	  71
#define OPERAND_ARCH_CAPABILITIES 72
#define STATUS_TDCS_NOT_ALLOCATED 0xC000060600000000ull

#define EPTP_WRITE_BACK		  6ull
#define EPTP_LEVELS_SHIFT	  3

#define XFAM_AVX		  (1ull << 2)
#define XFAM_AVX512		  (7ull << 5)
#define XFAM_CET		  (3ull << 11)
#define XFAM_AMX		  (3ull << 17)

/* CPUID(1).EAX: family, model and stepping, and no reserved bits. */
#define CPUID_FMS_LEAF 1u
#define CPUID_FMS_BITS 0x0FFF3FFFu

/* Words of TD_PARAMS. */
#define WORD_ATTRIBUTES	       0
#define WORD_XFAM	       1
#define WORD_COUNTS	       2
#define WORD_EPTP_CONTROLS     3
#define WORD_CONFIG_FLAGS      4
#define WORD_TSC_FREQUENCY     5
#define WORD_MRCONFIGID	       10
#define WORD_MROWNER	       16
#define WORD_MROWNERCONFIG     22
#define WORD_ARCH_CAPABILITIES 28
#define WORD_CPUID_CONFIG      32
#define SHIFT_NUM_L2_VMS       16
#define SHIFT_MSR_CONFIG_CTLS  24

TDXC_STATIC_ASSERT(WORD_CPUID_CONFIG + 2 * TDXC_TD_PARAMS_CPUID ==
			   TDXC_TD_PARAMS_WORDS,
		   "CPUID_CONFIG ends with the structure");

/* --- names ---------------------------------------------------------------- */

#define FIELD_NAME_LENGTH 23
#define RULE_TEXT_LENGTH  48

static const char field_names[TDXC_TD_FIELDS][FIELD_NAME_LENGTH] = {
	[TDXC_TD_FIELD_NONE] = "none",
	[TDXC_TD_FIELD_ATTRIBUTES] = "ATTRIBUTES",
	[TDXC_TD_FIELD_XFAM] = "XFAM",
	[TDXC_TD_FIELD_MAX_VCPUS] = "MAX_VCPUS",
	[TDXC_TD_FIELD_NUM_L2_VMS] = "NUM_L2_VMS",
	[TDXC_TD_FIELD_CONFIG_FLAGS] = "CONFIG_FLAGS",
	[TDXC_TD_FIELD_EPTP_CONTROLS] = "EPTP_CONTROLS",
	[TDXC_TD_FIELD_TSC_FREQUENCY] = "TSC_FREQUENCY",
	[TDXC_TD_FIELD_CPUID_CONFIG] = "CPUID_CONFIG",
	[TDXC_TD_FIELD_ARCH_CAPABILITIES] = "IA32_ARCH_CAPABILITIES",
};

static const char rule_texts[TDXC_TD_RULES][RULE_TEXT_LENGTH] = {
	[TDXC_TD_RULE_NONE] = "nothing is wrong",
	[TDXC_TD_RULE_ALLOWED] = "a bit is set that must be clear",
	[TDXC_TD_RULE_REQUIRED] = "a bit is clear that must be set",
	[TDXC_TD_RULE_TOGETHER] = "bits that depend on each other do not agree",
	[TDXC_TD_RULE_BOUNDS] = "the number is out of bounds",
	[TDXC_TD_RULE_PAGES] = "the TD has no TDCX pages for it",
	[TDXC_TD_RULE_LEVELS] = "the address width does not fit the levels",
	[TDXC_TD_RULE_FMS] = "another family, model or stepping",
	[TDXC_TD_RULE_UNKNOWN] = "the leaf cannot be configured",
	[TDXC_TD_RULE_TWICE] = "the leaf is listed twice",
};

const char *tdxc_td_field_name(enum tdxc_td_field field)
{
	return (uint32_t)field < TDXC_TD_FIELDS ? field_names[field]
						: "unknown field";
}

const char *tdxc_td_rule_text(enum tdxc_td_rule rule)
{
	return (uint32_t)rule < TDXC_TD_RULES ? rule_texts[rule]
					      : "unknown rule";
}

/* --- judged --------------------------------------------------------------- */

static bool blame(struct tdxc_td_params_fault *fault, enum tdxc_td_rule rule,
		  uint64_t bits)
{
	fault->rule = rule;
	fault->bits = bits;
	return false;
}

/* What the next rules are about, should one be broken. */
static void look_at(struct tdxc_td_params_fault *fault,
		    enum tdxc_td_field field, uint32_t operand, uint64_t value)
{
	fault->field = field;
	fault->value = value;
	fault->allowed = 0;
	fault->required = 0;
	fault->status = TDXC_STATUS_OPERAND_INVALID | operand;
}

static bool fixed_ok(struct tdxc_td_params_fault *fault, uint64_t fixed0,
		     uint64_t fixed1)
{
	uint64_t wrong = fault->value & ~fixed0;
	uint64_t missing = ~fault->value & fixed1;

	fault->allowed = fixed0;
	fault->required = fixed1;
	if (wrong != 0)
		return blame(fault, TDXC_TD_RULE_ALLOWED, wrong);
	if (missing != 0)
		return blame(fault, TDXC_TD_RULE_REQUIRED, missing);
	return true;
}

static bool number_ok(struct tdxc_td_params_fault *fault, uint64_t least,
		      uint64_t most)
{
	fault->required = least;
	fault->allowed = most;
	if (fault->value < least || fault->value > most)
		return blame(fault, TDXC_TD_RULE_BOUNDS, 0);
	return true;
}

static bool attributes_ok(const struct tdxc_td_rules *rules,
			  const struct tdxc_td_params *params,
			  struct tdxc_td_params_fault *fault)
{
	uint64_t a = params->attributes;
	uint64_t excluded = a & (TDXC_TD_ATTR_DEBUG | TDXC_TD_ATTR_PERFMON);

	look_at(fault, TDXC_TD_FIELD_ATTRIBUTES, OPERAND_ATTRIBUTES, a);
	if (!fixed_ok(fault, rules->info->attributes_fixed0,
		      rules->info->attributes_fixed1))
		return false;
	if ((a & TDXC_TD_ATTR_MIGRATABLE) != 0 && excluded != 0)
		return blame(fault, TDXC_TD_RULE_TOGETHER,
			     excluded | TDXC_TD_ATTR_MIGRATABLE);
	return true;
}

/* All bits of a group, or none. */
static bool group_ok(struct tdxc_td_params_fault *fault, uint64_t group)
{
	uint64_t set = fault->value & group;

	if (set != 0 && set != group)
		return blame(fault, TDXC_TD_RULE_TOGETHER, group);
	return true;
}

static bool xfam_ok(const struct tdxc_td_rules *rules,
		    const struct tdxc_td_params *params,
		    struct tdxc_td_params_fault *fault)
{
	uint64_t x = params->xfam;

	look_at(fault, TDXC_TD_FIELD_XFAM, OPERAND_XFAM, x);
	if (!fixed_ok(fault, rules->info->xfam_fixed0,
		      rules->info->xfam_fixed1) ||
	    !group_ok(fault, XFAM_AVX512) || !group_ok(fault, XFAM_CET) ||
	    !group_ok(fault, XFAM_AMX))
		return false;
	if ((x & XFAM_AVX512) != 0 && (x & XFAM_AVX) == 0)
		return blame(fault, TDXC_TD_RULE_TOGETHER,
			     XFAM_AVX512 | XFAM_AVX);
	return true;
}

static bool counts_ok(const struct tdxc_td_rules *rules,
		      const struct tdxc_td_params *params,
		      struct tdxc_td_params_fault *fault)
{
	bool limited =
		tdxc_sysinfo_has(rules->info, TDXC_FIELD_MAX_VCPUS_PER_TD);

	look_at(fault, TDXC_TD_FIELD_MAX_VCPUS, OPERAND_MAX_VCPUS,
		params->max_vcpus);
	if (!number_ok(fault, 1,
		       limited ? rules->info->max_vcpus_per_td : 0xFFFFu))
		return false;
	look_at(fault, TDXC_TD_FIELD_NUM_L2_VMS, OPERAND_NUM_L2_VMS,
		params->nr_l2_vms);
	if (!number_ok(fault, 0, TDXC_TD_L2_VMS_MOST))
		return false;
	fault->status = STATUS_TDCS_NOT_ALLOCATED;
	fault->allowed = rules->nr_l2_vms;
	if (params->nr_l2_vms > rules->nr_l2_vms)
		return blame(fault, TDXC_TD_RULE_PAGES, 0);
	return true;
}

/* CONFIG_FLAGS before EPTP_CONTROLS, though it stands behind it. */
static bool walk_ok(const struct tdxc_td_rules *rules,
		    const struct tdxc_td_params *params,
		    struct tdxc_td_params_fault *fault)
{
	bool wide = (params->config_flags & TDXC_TD_FLAG_GPAW) != 0;

	look_at(fault, TDXC_TD_FIELD_CONFIG_FLAGS, OPERAND_CONFIG_FLAGS,
		params->config_flags);
	if (!fixed_ok(fault, rules->config_flags_fixed0,
		      rules->config_flags_fixed1))
		return false;
	look_at(fault, TDXC_TD_FIELD_EPTP_CONTROLS, OPERAND_EPTP_CONTROLS,
		params->levels);
	if (!number_ok(fault, 4, 5))
		return false;
	if (params->levels == 5 ? !rules->five_level : wide)
		return blame(fault, TDXC_TD_RULE_LEVELS, 0);
	return true;
}

static bool tsc_ok(const struct tdxc_td_params *params,
		   struct tdxc_td_params_fault *fault)
{
	look_at(fault, TDXC_TD_FIELD_TSC_FREQUENCY, OPERAND_TSC_FREQUENCY,
		params->tsc_frequency);
	return number_ok(fault, TDXC_TD_TSC_LEAST, TDXC_TD_TSC_MOST);
}

/* Without the bit that says that it counts it can only be 0. */
static bool arch_cap_ok(const struct tdxc_td_rules *rules,
			const struct tdxc_td_params *params,
			struct tdxc_td_params_fault *fault)
{
	look_at(fault, TDXC_TD_FIELD_ARCH_CAPABILITIES,
		OPERAND_ARCH_CAPABILITIES, params->arch_cap);
	return fixed_ok(fault,
			params->arch_cap_valid ? rules->arch_cap_mask : 0, 0);
}

/* --- CPUID ---------------------------------------------------------------- */

static uint64_t leaf_of(const struct tdxc_td_cpuid *cpuid)
{
	return cpuid->leaf | (uint64_t)cpuid->subleaf << 32;
}

/* NULL: not listed. */
static const struct tdxc_td_cpuid *
cpuid_find(const struct tdxc_td_params *params, uint64_t leaf)
{
	size_t i;

	for (i = 0; i < params->nr_cpuid; i++) {
		if (leaf_of(&params->cpuid[i]) == leaf)
			return &params->cpuid[i];
	}
	return NULL;
}

static uint32_t configurable(const struct tdxc_sysinfo *info, uint32_t entry,
			     uint32_t reg)
{
	uint64_t pair = info->cpuid_value[entry][reg / 2];

	return (uint32_t)(pair >> 32 * (reg % 2));
}

static void look_at_cpuid(struct tdxc_td_params_fault *fault, uint64_t leaf,
			  uint32_t reg, uint32_t value)
{
	look_at(fault, TDXC_TD_FIELD_CPUID_CONFIG, OPERAND_CPUID_CONFIG, value);
	fault->leaf = leaf;
	fault->reg = reg;
}

static bool fms_ok(const struct tdxc_td_rules *rules, uint32_t eax)
{
	return rules->fms == 0 || eax == 0 ||
	       (eax & CPUID_FMS_BITS) == rules->fms;
}

static bool cpuid_entry_ok(const struct tdxc_td_rules *rules, uint32_t entry,
			   const struct tdxc_td_cpuid *cpuid,
			   struct tdxc_td_params_fault *fault)
{
	uint32_t reg;

	for (reg = 0; reg < 4; reg++) {
		look_at_cpuid(fault, leaf_of(cpuid), reg, cpuid->value[reg]);
		if (!fixed_ok(fault, configurable(rules->info, entry, reg), 0))
			return false;
	}
	look_at_cpuid(fault, leaf_of(cpuid), 0, cpuid->value[0]);
	if (cpuid->leaf == CPUID_FMS_LEAF && !fms_ok(rules, cpuid->value[0])) {
		fault->allowed = rules->fms;
		return blame(fault, TDXC_TD_RULE_FMS, CPUID_FMS_BITS);
	}
	return true;
}

static bool is_configurable(const struct tdxc_sysinfo *info, uint64_t leaf)
{
	uint32_t i;

	for (i = 0; i < info->num_cpuid_config; i++) {
		if (info->cpuid_leaf[i] == leaf)
			return true;
	}
	return false;
}

/* What the module never sees: it takes values by position. */
static bool cpuid_list_ok(const struct tdxc_td_rules *rules,
			  const struct tdxc_td_params *params,
			  struct tdxc_td_params_fault *fault)
{
	size_t i;

	for (i = 0; i < params->nr_cpuid; i++) {
		const struct tdxc_td_cpuid *cpuid = &params->cpuid[i];
		uint64_t leaf = leaf_of(cpuid);

		look_at_cpuid(fault, leaf, 0, cpuid->value[0]);
		fault->status = 0;
		if (!is_configurable(rules->info, leaf))
			return blame(fault, TDXC_TD_RULE_UNKNOWN, 0);
		if (cpuid_find(params, leaf) != cpuid)
			return blame(fault, TDXC_TD_RULE_TWICE, 0);
	}
	return true;
}

static bool cpuid_ok(const struct tdxc_td_rules *rules,
		     const struct tdxc_td_params *params,
		     struct tdxc_td_params_fault *fault)
{
	uint32_t i;

	if (!cpuid_list_ok(rules, params, fault))
		return false;
	for (i = 0; i < rules->info->num_cpuid_config; i++) {
		const struct tdxc_td_cpuid *cpuid =
			cpuid_find(params, rules->info->cpuid_leaf[i]);

		if (cpuid != NULL && !cpuid_entry_ok(rules, i, cpuid, fault))
			return false;
	}
	fault->leaf = 0;
	fault->reg = 0;
	return true;
}

/* --- written -------------------------------------------------------------- */

static void write_cpuid(const struct tdxc_sysinfo *info,
			const struct tdxc_td_params *params, uint64_t *page)
{
	uint32_t i;

	for (i = 0; i < info->num_cpuid_config; i++) {
		const struct tdxc_td_cpuid *cpuid =
			cpuid_find(params, info->cpuid_leaf[i]);
		uint64_t *at = page + WORD_CPUID_CONFIG + (size_t)2 * i;

		if (cpuid == NULL)
			continue;
		at[0] = cpuid->value[0] | (uint64_t)cpuid->value[1] << 32;
		at[1] = cpuid->value[2] | (uint64_t)cpuid->value[3] << 32;
	}
}

static void write_page(const struct tdxc_td_rules *rules,
		       const struct tdxc_td_params *params, uint64_t *page)
{
	memset(page, 0, TDXC_TD_PARAMS_BYTES);
	page[WORD_ATTRIBUTES] = params->attributes;
	page[WORD_XFAM] = params->xfam;
	page[WORD_COUNTS] = params->max_vcpus |
			    (uint64_t)params->nr_l2_vms << SHIFT_NUM_L2_VMS |
			    (uint64_t)params->arch_cap_valid
				    << SHIFT_MSR_CONFIG_CTLS;
	page[WORD_EPTP_CONTROLS] =
		EPTP_WRITE_BACK | (uint64_t)(params->levels - 1)
					  << EPTP_LEVELS_SHIFT;
	page[WORD_CONFIG_FLAGS] = params->config_flags;
	page[WORD_TSC_FREQUENCY] = params->tsc_frequency;
	memcpy(&page[WORD_MRCONFIGID], params->mrconfigid,
	       sizeof(params->mrconfigid));
	memcpy(&page[WORD_MROWNER], params->mrowner, sizeof(params->mrowner));
	memcpy(&page[WORD_MROWNERCONFIG], params->mrownerconfig,
	       sizeof(params->mrownerconfig));
	page[WORD_ARCH_CAPABILITIES] = params->arch_cap;
	write_cpuid(rules->info, params, page);
}

int tdxc_td_params_build(const struct tdxc_td_rules *rules,
			 const struct tdxc_td_params *params, uint64_t *page,
			 struct tdxc_td_params_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	if (rules->abi != TDXC_ABI || params->abi != TDXC_ABI ||
	    rules->info == NULL ||
	    (params->cpuid == NULL && params->nr_cpuid != 0))
		return TDXC_E_INVAL;
	if (rules->info->num_cpuid_config > TDXC_TD_PARAMS_CPUID) {
		fault->value = rules->info->num_cpuid_config;
		return TDXC_E_NOSPC;
	}
	if (!attributes_ok(rules, params, fault) ||
	    !xfam_ok(rules, params, fault) ||
	    !counts_ok(rules, params, fault) ||
	    !walk_ok(rules, params, fault) || !tsc_ok(params, fault) ||
	    !cpuid_ok(rules, params, fault) ||
	    !arch_cap_ok(rules, params, fault))
		return TDXC_E_INVAL;
	memset(fault, 0, sizeof(*fault));
	write_page(rules, params, page);
	return TDXC_OK;
}
