/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The words of a platform's report, in tables of fixed-width strings: see
 * plan_text.c.
 */
#include <tdxcore/platform.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const char *tdxc_platform_check_name(enum tdxc_platform_check check)
{
	static const char names[][20] = {
		[TDXC_CHECK_INTEL] = "intel",
		[TDXC_CHECK_KEYID_PARTITIONING] = "keyid-partitioning",
		[TDXC_CHECK_PRIVATE_KEYIDS] = "private-keyids",
		[TDXC_CHECK_GUEST_KEYIDS] = "guest-keyids",
		[TDXC_CHECK_TME_LOCKED] = "tme-locked",
		[TDXC_CHECK_TME_ENABLED] = "tme-enabled",
		[TDXC_CHECK_KEYID_BITS] = "keyid-bits",
		[TDXC_CHECK_PA_WIDTH] = "pa-width",
		[TDXC_CHECK_SEAMRR_SUPPORTED] = "seamrr-supported",
		[TDXC_CHECK_SEAMRR_ENABLED] = "seamrr-enabled",
		[TDXC_CHECK_SEAMRR_LOCKED] = "seamrr-locked",
		[TDXC_CHECK_XSAVE] = "xsave",
		[TDXC_CHECK_MOVDIR64B] = "movdir64b",
		[TDXC_CHECK_SELF_SNOOP] = "self-snoop",
		[TDXC_CHECK_VMX] = "vmx",
		[TDXC_CHECK_VMCS_SIZE] = "vmcs-size",
		[TDXC_CHECK_X2APIC] = "x2apic",
		[TDXC_CHECK_HIBERNATION] = "hibernation",
		[TDXC_CHECK_S3] = "s3",
	};

	return (size_t)check < COUNT(names) ? names[check] : "?";
}

const char *tdxc_platform_check_source(enum tdxc_platform_check check)
{
	static const char sources[][24] = {
		[TDXC_CHECK_INTEL] = "CPUID(0).EBX",
		[TDXC_CHECK_KEYID_PARTITIONING] = "MSR 0x87",
		[TDXC_CHECK_PRIVATE_KEYIDS] = "MSR 0x87",
		[TDXC_CHECK_GUEST_KEYIDS] = "MSR 0x87",
		[TDXC_CHECK_TME_LOCKED] = "MSR 0x982",
		[TDXC_CHECK_TME_ENABLED] = "MSR 0x982",
		[TDXC_CHECK_KEYID_BITS] = "MSR 0x982",
		[TDXC_CHECK_PA_WIDTH] = "CPUID(0x80000008).EAX",
		[TDXC_CHECK_SEAMRR_SUPPORTED] = "MSR 0xfe",
		[TDXC_CHECK_SEAMRR_ENABLED] = "MSR 0x1401",
		[TDXC_CHECK_SEAMRR_LOCKED] = "MSR 0x1401",
		[TDXC_CHECK_XSAVE] = "CPUID(1).ECX",
		[TDXC_CHECK_MOVDIR64B] = "CPUID(7,0).ECX",
		[TDXC_CHECK_SELF_SNOOP] = "CPUID(1).EDX",
		[TDXC_CHECK_VMX] = "CPUID(1).ECX",
		[TDXC_CHECK_VMCS_SIZE] = "MSR 0x480",
		[TDXC_CHECK_X2APIC] = "CPUID(1).ECX",
		[TDXC_CHECK_HIBERNATION] = "host",
		[TDXC_CHECK_S3] = "host",
	};

	return (size_t)check < COUNT(sources) ? sources[check] : "?";
}

const char *tdxc_platform_reason_text(enum tdxc_platform_reason reason)
{
	static const char texts[][72] = {
		[TDXC_REASON_NOT_EXAMINED] = "not examined",
		[TDXC_REASON_MET] = "as required",
		[TDXC_REASON_DEPENDS] = "follows from an earlier check",
		[TDXC_REASON_OTHER_VENDOR] = "the CPU is not made by Intel",
		[TDXC_REASON_NO_PARTITION] =
			"the register raises #GP: no KeyIDs can be private",
		[TDXC_REASON_NO_PRIVATE] =
			"firmware set no private KeyID aside: TDX is off",
		[TDXC_REASON_ONLY_GLOBAL] =
			"the TDX module takes the only private KeyID",
		[TDXC_REASON_NO_TME] =
			"the register raises #GP: no memory encryption",
		[TDXC_REASON_TME_UNLOCKED] =
			"memory encryption is not locked and may change",
		[TDXC_REASON_TME_OFF] = "memory encryption is not enabled",
		[TDXC_REASON_KEYID_OVERFLOW] =
			"more KeyIDs than the KeyID bits of an address name",
		[TDXC_REASON_PA_WIDTH] =
			"not 32 to 52 address bits without KeyID bits",
		[TDXC_REASON_PA_NOT_52] =
			"the TDX module takes 52 bits for the width",
		[TDXC_REASON_UNREADABLE] = "the register raises #GP",
		[TDXC_REASON_NOT_ANNOUNCED] =
			"the register does not announce SEAMRR",
		[TDXC_REASON_SEAMRR_OFF] =
			"SEAMRR is not enabled: SEAMCALL would raise #GP",
		[TDXC_REASON_SEAMRR_OPEN] = "SEAMRR is not locked",
		[TDXC_REASON_NOT_OFFERED] = "the CPU does not offer it",
		[TDXC_REASON_VMCS_LARGE] = "a VMCS is larger than 4 KiB",
		[TDXC_REASON_HIBERNATION] =
			"hibernation is possible; exclude it (nohibernate)",
		[TDXC_REASON_S3] = "TDX does not survive S3; exclude it",
	};

	return (size_t)reason < COUNT(texts) ? texts[reason] : "?";
}

const char *tdxc_platform_verdict_name(enum tdxc_platform_verdict verdict)
{
	static const char names[][8] = {"unknown", "pass", "warn", "fail"};

	return (size_t)verdict < COUNT(names) ? names[verdict] : "?";
}
