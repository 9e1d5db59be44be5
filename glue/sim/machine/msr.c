/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What software reads of the processor before it calls a module: model
 * specific registers and CPUID. Read-only, a function of the platform alone.
 */
#include <string.h>

#include "machine.h"

enum {
	MSR_FEATURE_CONTROL = 0x3A,
	MSR_KEYID_PARTITIONING = 0x87,
	MSR_MTRRCAP = 0xFE,
	MSR_VMX_BASIC = 0x480,
	MSR_TME_ACTIVATE = 0x982,
	MSR_SEAMRR_BASE = 0x1400, /* number UNVERIFIED */
	MSR_SEAMRR_MASK = 0x1401, /* number UNVERIFIED */
};

#define MSR_AMD_SYSCFG 0xC0010010u

/* Family 6, models 8Fh and CFh: the first two generations of TDX parts. */
bool tdxc_sim_machine_poisons(const struct tdxc_sim_machine *machine)
{
	uint32_t fms = machine->platform.fms;
	uint32_t model = (fms >> 4 & 0xF) | (fms >> 12 & 0xF0);

	return !machine->options.sme && (fms >> 8 & 0xF) == 6 &&
	       (model == 0x8F || model == 0xCF);
}

/* Revision 1, 4 KiB, write-back. Bit 60 clear: SEAMRET from P-SEAMLDR loses
 * the current VMCS; that the same parts have both errata is UNVERIFIED. */
static uint64_t vmx_basic(const struct tdxc_sim_machine *machine)
{
	uint64_t value = 1ull | 4096ull << 32 | 6ull << 50 | 1ull << 55;

	return tdxc_sim_machine_poisons(machine) ? value : value | 1ull << 60;
}

/* Bit 11 enabled is what users look at; bit 10 locked, and bit 3 of the base
 * configured, are UNVERIFIED. */
static uint64_t seamrr_mask(const struct tdxc_sim_platform *p)
{
	uint64_t size = p->seamrr.end - p->seamrr.start;

	if (size == 0)
		return 0;
	return ((((uint64_t)1 << (p->pa_width - p->keyid_bits)) - 1) &
		~(size - 1)) |
	       1u << 11 | 1u << 10;
}

static int intel_msr(const struct tdxc_sim_machine *machine, uint32_t index,
		     uint64_t *value)
{
	const struct tdxc_sim_platform *p = &machine->platform;

	switch (index) {
	case MSR_FEATURE_CONTROL: /* locked, VMX outside SMX */
		*value = 1u << 2 | 1u;
		return TDXC_OK;
	case MSR_KEYID_PARTITIONING:
		*value = (uint64_t)p->private_keyids << 32 | p->shared_keyids;
		return TDXC_OK;
	case MSR_MTRRCAP: /* that bit 15 says SEAMRR is UNVERIFIED */
		*value = 1u << 15 | 1u << 11 | 1u << 10 | 1u << 8 | 10u;
		return TDXC_OK;
	case MSR_VMX_BASIC:
		*value = vmx_basic(machine);
		return TDXC_OK;
	case MSR_TME_ACTIVATE: /* locked, enabled */
		*value = (uint64_t)(p->keyid_bits & 0xF) << 32 | 3u;
		return TDXC_OK;
	case MSR_SEAMRR_BASE:
		*value = p->seamrr.start | 1u << 3;
		return TDXC_OK;
	case MSR_SEAMRR_MASK:
		*value = seamrr_mask(p);
		return TDXC_OK;
	default:
		return TDXC_E_OPNOTSUPP;
	}
}

int tdxc_sim_machine_rdmsr(const struct tdxc_sim_machine *machine, uint32_t lp,
			   uint32_t index, uint64_t *value)
{
	*value = 0;
	if (lp >= machine->platform.nr_lps)
		return TDXC_E_INVAL;
	if (!machine->options.sme)
		return intel_msr(machine, index, value);
	if (index != MSR_AMD_SYSCFG)
		return TDXC_E_OPNOTSUPP;
	*value = 1u << 23; /* memory encryption enabled */
	return TDXC_OK;
}

static uint32_t word_of(const char *text)
{
	uint32_t word;

	memcpy(&word, text, sizeof(word));
	return word;
}

static void vendor(const struct tdxc_sim_machine *machine,
		   struct tdxc_sim_cpuid *out)
{
	const char *name =
		machine->options.sme ? "AuthenticAMD" : "GenuineIntel";

	out->ebx = word_of(name);
	out->edx = word_of(name + 4);
	out->ecx = word_of(name + 8);
}

static struct tdxc_sim_cpuid features(const struct tdxc_sim_machine *machine,
				      uint32_t lp)
{
	struct tdxc_sim_cpuid out = {
		.eax = machine->platform.fms,
		.ebx = (lp & 0xFF) << 24,
		.ecx = 1u << 26 | 1u << 21, /* XSAVE, x2APIC */
		.edx = 1u << 19,	    /* CLFLUSH */
	};

	if (!machine->options.sme) {
		out.ecx |= 1u << 5;  /* VMX */
		out.edx |= 1u << 27; /* self-snoop */
	}
	return out;
}

struct tdxc_sim_cpuid
tdxc_sim_machine_cpuid(const struct tdxc_sim_machine *machine, uint32_t lp,
		       uint32_t leaf, uint32_t subleaf)
{
	const struct tdxc_sim_platform *p = &machine->platform;
	struct tdxc_sim_cpuid out = {0, 0, 0, 0};

	switch (leaf) {
	case 0:
		out.eax = 7;
		vendor(machine, &out);
		break;
	case 1:
		return features(machine, lp);
	case 7: /* MOVDIR64B */
		out.ecx = subleaf == 0 ? 1u << 28 : 0;
		break;
	case 0x80000000u:
		out.eax = machine->options.sme ? 0x8000001Fu : 0x80000008u;
		break;
	case 0x80000008u:
		out.eax = machine->options.sme ? p->pa_width - p->keyid_bits
					       : p->pa_width;
		break;
	case 0x8000001Fu: /* SME; the C-bit, and how many bits it costs */
		if (machine->options.sme) {
			out.eax = 1;
			out.ebx = (p->pa_width - 1) | p->keyid_bits << 6;
		}
		break;
	default:
		break;
	}
	return out;
}
