/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A machine judged by its registers.
 *
 * Each precondition gets its line of the report, also when an earlier one has
 * failed: whoever reads it wants to see everything that firmware has to be told
 * at once. A line that an earlier one settles says so and is not a failure of
 * its own.
 */
#include <tdxcore/err.h>
#include <tdxcore/platform.h>
#include <tdxcore/version.h>

#define BIT_OF(n)	(1ull << (n))

#define VENDOR_GENU	0x756E6547u
#define VENDOR_INEI	0x49656E69u
#define VENDOR_NTEL	0x6C65746Eu

#define TME_LOCKED	BIT_OF(0)
#define TME_ENABLED	BIT_OF(1)
#define TME_KEYID_SHIFT 32
#define TME_KEYID_FIELD 0xFu

/* The KeyID field of TME_ACTIVATE has four bits. */
#define LAST_KEYID	     0x7FFFull

#define VMX_BASIC_SIZE_SHIFT 32
#define VMX_BASIC_SIZE_FIELD 0x1FFFu
#define VMX_BASIC_REVISION   0x7FFFFFFFu
#define VMX_BASIC_KEEPS_VMCS BIT_OF(60)

#define MTRRCAP_SEAMRR	     BIT_OF(15)
#define SEAMRR_LOCKED	     BIT_OF(10)
#define SEAMRR_ENABLED	     BIT_OF(11)

/* What the module takes for the width, and what the planner works with. */
#define MODULE_PA_BITS 52u
#define PA_BITS_MIN    32u

static void judge(struct tdxc_platform *p, enum tdxc_platform_check check,
		  enum tdxc_platform_verdict verdict,
		  enum tdxc_platform_reason reason, uint64_t value)
{
	p->report[check].verdict = verdict;
	p->report[check].reason = reason;
	p->report[check].value = value;
	if (verdict == TDXC_PLATFORM_FAIL)
		p->usable = false;
}

static void pass(struct tdxc_platform *p, enum tdxc_platform_check check,
		 uint64_t value)
{
	judge(p, check, TDXC_PLATFORM_PASS, TDXC_REASON_MET, value);
}

static void fail(struct tdxc_platform *p, enum tdxc_platform_check check,
		 enum tdxc_platform_reason reason, uint64_t value)
{
	judge(p, check, TDXC_PLATFORM_FAIL, reason, value);
}

static void settled(struct tdxc_platform *p, enum tdxc_platform_check check,
		    uint64_t value)
{
	judge(p, check, TDXC_PLATFORM_UNKNOWN, TDXC_REASON_DEPENDS, value);
}

static bool has_passed(const struct tdxc_platform *p,
		       enum tdxc_platform_check check)
{
	return p->report[check].verdict == TDXC_PLATFORM_PASS;
}

static uint64_t msr_value(const struct tdxc_platform_msr *msr)
{
	return msr->readable ? msr->value : 0;
}

static void judge_vendor(const struct tdxc_platform_regs *regs,
			 struct tdxc_platform *p)
{
	if (regs->cpuid_0_ebx == VENDOR_GENU &&
	    regs->cpuid_0_edx == VENDOR_INEI &&
	    regs->cpuid_0_ecx == VENDOR_NTEL)
		pass(p, TDXC_CHECK_INTEL, regs->cpuid_0_ebx);
	else
		fail(p, TDXC_CHECK_INTEL, TDXC_REASON_OTHER_VENDOR,
		     regs->cpuid_0_ebx);
}

/* One private KeyID alone is useless: the module takes it. */
static void judge_private(struct tdxc_platform *p, uint64_t partition)
{
	if (p->nr_private_keyids == 0) {
		fail(p, TDXC_CHECK_PRIVATE_KEYIDS, TDXC_REASON_NO_PRIVATE,
		     partition);
		settled(p, TDXC_CHECK_GUEST_KEYIDS, partition);
		return;
	}
	pass(p, TDXC_CHECK_PRIVATE_KEYIDS, partition);
	if (p->nr_private_keyids == 1)
		fail(p, TDXC_CHECK_GUEST_KEYIDS, TDXC_REASON_ONLY_GLOBAL,
		     partition);
	else
		pass(p, TDXC_CHECK_GUEST_KEYIDS, partition);
}

static uint64_t last_keyid(const struct tdxc_platform *p)
{
	return (uint64_t)p->nr_shared_keyids + p->nr_private_keyids;
}

/* The first private KeyID is the global one, the rest are for guests. */
static void split_keyids(struct tdxc_platform *p)
{
	if (p->nr_private_keyids == 0 || last_keyid(p) > LAST_KEYID)
		return;
	p->global_keyid = p->nr_shared_keyids + 1;
	p->nr_guest_keyids = p->nr_private_keyids - 1;
	if (p->nr_guest_keyids != 0)
		p->first_guest_keyid = p->global_keyid + 1;
}

static void judge_keyids(const struct tdxc_platform_regs *regs,
			 struct tdxc_platform *p)
{
	uint64_t partition = msr_value(&regs->keyid_partitioning);

	if (!regs->keyid_partitioning.readable) {
		fail(p, TDXC_CHECK_KEYID_PARTITIONING, TDXC_REASON_NO_PARTITION,
		     0);
		settled(p, TDXC_CHECK_PRIVATE_KEYIDS, 0);
		settled(p, TDXC_CHECK_GUEST_KEYIDS, 0);
		return;
	}
	pass(p, TDXC_CHECK_KEYID_PARTITIONING, partition);
	p->nr_shared_keyids = (uint32_t)partition;
	p->nr_private_keyids = (uint32_t)(partition >> 32);
	judge_private(p, partition);
	split_keyids(p);
}

static void judge_tme(const struct tdxc_platform_regs *regs,
		      struct tdxc_platform *p)
{
	uint64_t tme = msr_value(&regs->tme_activate);

	if (!regs->tme_activate.readable) {
		fail(p, TDXC_CHECK_TME_LOCKED, TDXC_REASON_NO_TME, 0);
		settled(p, TDXC_CHECK_TME_ENABLED, 0);
		return;
	}
	if ((tme & TME_LOCKED) != 0)
		pass(p, TDXC_CHECK_TME_LOCKED, tme);
	else
		fail(p, TDXC_CHECK_TME_LOCKED, TDXC_REASON_TME_UNLOCKED, tme);
	if ((tme & TME_ENABLED) != 0)
		pass(p, TDXC_CHECK_TME_ENABLED, tme);
	else
		fail(p, TDXC_CHECK_TME_ENABLED, TDXC_REASON_TME_OFF, tme);
	if ((tme & TME_LOCKED) != 0 && (tme & TME_ENABLED) != 0)
		p->keyid_bits =
			(uint32_t)(tme >> TME_KEYID_SHIFT) & TME_KEYID_FIELD;
}

/* Linux takes it for granted (linux-host-tdx.md 11, feature 1). */
static void judge_keyid_bits(const struct tdxc_platform_regs *regs,
			     struct tdxc_platform *p)
{
	uint64_t tme = msr_value(&regs->tme_activate);

	if (!has_passed(p, TDXC_CHECK_PRIVATE_KEYIDS) ||
	    !has_passed(p, TDXC_CHECK_TME_LOCKED) ||
	    !has_passed(p, TDXC_CHECK_TME_ENABLED))
		settled(p, TDXC_CHECK_KEYID_BITS, tme);
	else if (last_keyid(p) >> p->keyid_bits != 0)
		fail(p, TDXC_CHECK_KEYID_BITS, TDXC_REASON_KEYID_OVERFLOW, tme);
	else
		pass(p, TDXC_CHECK_KEYID_BITS, tme);
}

static void judge_width(const struct tdxc_platform_regs *regs,
			struct tdxc_platform *p)
{
	uint32_t eax = regs->cpuid_80000008_eax;

	p->maxphyaddr = eax & 0xFF;
	if (p->maxphyaddr > MODULE_PA_BITS ||
	    p->maxphyaddr < PA_BITS_MIN + p->keyid_bits) {
		fail(p, TDXC_CHECK_PA_WIDTH, TDXC_REASON_PA_WIDTH, eax);
		return;
	}
	p->pa_bits = p->maxphyaddr - p->keyid_bits;
	if (p->maxphyaddr == MODULE_PA_BITS)
		pass(p, TDXC_CHECK_PA_WIDTH, eax);
	else
		judge(p, TDXC_CHECK_PA_WIDTH, TDXC_PLATFORM_WARN,
		      TDXC_REASON_PA_NOT_52, eax);
}

/*
 * The mask has all bits set from the size of the range up. Bits that KeyIDs
 * took from the width are not looked at: whether the mask has them is not
 * documented.
 */
static void read_seamrr(const struct tdxc_platform_regs *regs,
			struct tdxc_platform *p)
{
	uint64_t above = p->pa_bits != 0 ? BIT_OF(p->pa_bits) : 0;
	uint64_t field = (above - 1) & ~(TDXC_PAGE_SIZE - 1);
	uint64_t mask = regs->seamrr_mask.value & field;
	uint64_t base = msr_value(&regs->seamrr_base) & field;
	uint64_t size = mask & (0 - mask);

	if (above == 0 || !regs->seamrr_base.readable || mask == 0 ||
	    mask + size != above || (base & (size - 1)) != 0)
		return;
	p->seamrr.start = base;
	p->seamrr.end = base + size;
}

static void judge_seamrr_mask(const struct tdxc_platform_regs *regs,
			      struct tdxc_platform *p)
{
	uint64_t mask = msr_value(&regs->seamrr_mask);

	if (!regs->seamrr_mask.readable) {
		judge(p, TDXC_CHECK_SEAMRR_ENABLED, TDXC_PLATFORM_UNKNOWN,
		      TDXC_REASON_UNREADABLE, 0);
	} else if ((mask & SEAMRR_ENABLED) == 0) {
		fail(p, TDXC_CHECK_SEAMRR_ENABLED, TDXC_REASON_SEAMRR_OFF,
		     mask);
	} else {
		pass(p, TDXC_CHECK_SEAMRR_ENABLED, mask);
		p->seamrr_enabled = true;
		read_seamrr(regs, p);
	}
	if (!p->seamrr_enabled)
		settled(p, TDXC_CHECK_SEAMRR_LOCKED, mask);
	else if ((mask & SEAMRR_LOCKED) == 0)
		judge(p, TDXC_CHECK_SEAMRR_LOCKED, TDXC_PLATFORM_WARN,
		      TDXC_REASON_SEAMRR_OPEN, mask);
	else
		pass(p, TDXC_CHECK_SEAMRR_LOCKED, mask);
}

static void judge_seamrr(const struct tdxc_platform_regs *regs,
			 struct tdxc_platform *p)
{
	uint64_t cap = msr_value(&regs->mtrrcap);

	if (!regs->mtrrcap.readable)
		judge(p, TDXC_CHECK_SEAMRR_SUPPORTED, TDXC_PLATFORM_UNKNOWN,
		      TDXC_REASON_UNREADABLE, 0);
	else if ((cap & MTRRCAP_SEAMRR) == 0)
		judge(p, TDXC_CHECK_SEAMRR_SUPPORTED, TDXC_PLATFORM_WARN,
		      TDXC_REASON_NOT_ANNOUNCED, cap);
	else
		pass(p, TDXC_CHECK_SEAMRR_SUPPORTED, cap);
	judge_seamrr_mask(regs, p);
}

static void judge_feature(struct tdxc_platform *p,
			  enum tdxc_platform_check check, uint32_t reg,
			  uint32_t bit)
{
	if ((reg & BIT_OF(bit)) != 0)
		pass(p, check, reg);
	else
		fail(p, check, TDXC_REASON_NOT_OFFERED, reg);
}

static void judge_vmcs(const struct tdxc_platform_regs *regs,
		       struct tdxc_platform *p)
{
	uint64_t basic = msr_value(&regs->vmx_basic);

	p->vmcs_revision = (uint32_t)basic & VMX_BASIC_REVISION;
	p->vmcs_bytes = (uint32_t)(basic >> VMX_BASIC_SIZE_SHIFT) &
			VMX_BASIC_SIZE_FIELD;
	if (!has_passed(p, TDXC_CHECK_VMX))
		settled(p, TDXC_CHECK_VMCS_SIZE, basic);
	else if (!regs->vmx_basic.readable)
		fail(p, TDXC_CHECK_VMCS_SIZE, TDXC_REASON_UNREADABLE, 0);
	else if (p->vmcs_bytes > TDXC_PAGE_SIZE)
		fail(p, TDXC_CHECK_VMCS_SIZE, TDXC_REASON_VMCS_LARGE, basic);
	else
		pass(p, TDXC_CHECK_VMCS_SIZE, basic);
}

static void judge_cpu(const struct tdxc_platform_regs *regs,
		      struct tdxc_platform *p)
{
	judge_feature(p, TDXC_CHECK_XSAVE, regs->cpuid_1_ecx, 26);
	judge_feature(p, TDXC_CHECK_MOVDIR64B, regs->cpuid_7_ecx, 28);
	judge_feature(p, TDXC_CHECK_SELF_SNOOP, regs->cpuid_1_edx, 27);
	judge_feature(p, TDXC_CHECK_VMX, regs->cpuid_1_ecx, 5);
	judge_vmcs(regs, p);
	judge_feature(p, TDXC_CHECK_X2APIC, regs->cpuid_1_ecx, 21);
}

static void judge_host(const struct tdxc_platform_regs *regs,
		       struct tdxc_platform *p)
{
	if (regs->hibernation_excluded)
		pass(p, TDXC_CHECK_HIBERNATION, 1);
	else
		fail(p, TDXC_CHECK_HIBERNATION, TDXC_REASON_HIBERNATION, 0);
	if (regs->s3_excluded)
		pass(p, TDXC_CHECK_S3, 1);
	else
		judge(p, TDXC_CHECK_S3, TDXC_PLATFORM_WARN, TDXC_REASON_S3, 0);
}

static void read_model(const struct tdxc_platform_regs *regs,
		       struct tdxc_platform *p)
{
	uint32_t eax = regs->cpuid_1_eax;

	p->family = eax >> 8 & 0xF;
	if (p->family == 0xF)
		p->family += eax >> 20 & 0xFF;
	p->model = (eax >> 4 & 0xF) | (eax >> 12 & 0xF0);
}

static void read_errata(const struct tdxc_platform_regs *regs,
			struct tdxc_platform *p)
{
	if (has_passed(p, TDXC_CHECK_INTEL) && p->family == 6 &&
	    (p->model == 0x8F || p->model == 0xCF))
		p->errata |= TDXC_ERRATUM_PARTIAL_WRITE;
	if ((msr_value(&regs->vmx_basic) & VMX_BASIC_KEEPS_VMCS) == 0)
		p->errata |= TDXC_ERRATUM_SEAMLDR_VMCS;
}

int tdxc_platform_judge(const struct tdxc_platform_regs *regs,
			struct tdxc_platform *platform)
{
	uint32_t i;

	memset(platform, 0, sizeof(*platform));
	for (i = 0; i < TDXC_PLATFORM_CHECKS; i++)
		platform->report[i].check = (enum tdxc_platform_check)i;
	if (regs->abi != TDXC_ABI)
		return TDXC_E_INVAL;
	platform->usable = true;
	judge_vendor(regs, platform);
	judge_keyids(regs, platform);
	judge_tme(regs, platform);
	judge_keyid_bits(regs, platform);
	judge_width(regs, platform);
	judge_seamrr(regs, platform);
	judge_cpu(regs, platform);
	judge_host(regs, platform);
	read_model(regs, platform);
	read_errata(regs, platform);
	return TDXC_OK;
}

const struct tdxc_platform_finding *
tdxc_platform_first(const struct tdxc_platform *platform,
		    enum tdxc_platform_verdict verdict)
{
	uint32_t i;

	for (i = 0; i < TDXC_PLATFORM_CHECKS; i++) {
		if (platform->report[i].verdict == verdict)
			return &platform->report[i];
	}
	return NULL;
}
