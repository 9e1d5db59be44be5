/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The words of coherence, in tables of fixed-width strings: see plan_text.c.
 * They name the reason, and nothing of how a kernel goes about it.
 */
#include <tdxcore/coherence.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const char *tdxc_coherence_policy_name(enum tdxc_coherence_policy policy)
{
	static const char names[][8] = {"static", "tracked"};

	return (size_t)policy < COUNT(names) ? names[policy] : "?";
}

const char *tdxc_coherence_row_name(enum tdxc_coherence_row row)
{
	static const char names[][16] = {
		[TDXC_COHERENCE_INTEL] = "intel",
		[TDXC_COHERENCE_TDX_UNUSED] = "tdx-unused",
		[TDXC_COHERENCE_TDX] = "tdx",
		[TDXC_COHERENCE_TDX_ERRATUM] = "tdx-erratum",
		[TDXC_COHERENCE_TDX_DISABLES] = "tdx-disables",
		[TDXC_COHERENCE_TDX_DEGRADED] = "tdx-degraded",
		[TDXC_COHERENCE_MKTME] = "mktme",
		[TDXC_COHERENCE_AMD] = "amd",
		[TDXC_COHERENCE_SME_OFF] = "sme-off",
		[TDXC_COHERENCE_SME] = "sme",
		[TDXC_COHERENCE_SNP_HOST] = "snp-host",
		[TDXC_COHERENCE_TDX_GUEST] = "tdx-guest",
		[TDXC_COHERENCE_SEV_GUEST] = "sev-guest",
		[TDXC_COHERENCE_SNP_GUEST] = "snp-guest",
	};

	return (size_t)row < COUNT(names) ? names[row] : "?";
}

const char *tdxc_coherence_row_text(enum tdxc_coherence_row row)
{
	static const char texts[][72] = {
		[TDXC_COHERENCE_INTEL] = "Intel without TDX",
		[TDXC_COHERENCE_TDX_UNUSED] =
			"TDX enabled by firmware, its module never called",
		[TDXC_COHERENCE_TDX] = "TDX used, its module not disabled",
		[TDXC_COHERENCE_TDX_ERRATUM] =
			"TDX used, not disabled, partial-write erratum",
		[TDXC_COHERENCE_TDX_DISABLES] =
			"TDX used, its module can be disabled",
		[TDXC_COHERENCE_TDX_DEGRADED] =
			"TDX used, disabling failed, partial-write erratum",
		[TDXC_COHERENCE_MKTME] =
			"Intel with shared KeyIDs only, KeyID 0 in use",
		[TDXC_COHERENCE_AMD] = "AMD without SME in CPUID",
		[TDXC_COHERENCE_SME_OFF] =
			"AMD with SME in CPUID, encryption off",
		[TDXC_COHERENCE_SME] = "AMD with SME on",
		[TDXC_COHERENCE_SNP_HOST] = "AMD, host of SEV-SNP guests",
		[TDXC_COHERENCE_TDX_GUEST] = "TDX guest",
		[TDXC_COHERENCE_SEV_GUEST] = "SEV guest, without ES and SNP",
		[TDXC_COHERENCE_SNP_GUEST] = "SEV-ES or SEV-SNP guest",
	};

	return (size_t)row < COUNT(texts) ? texts[row] : "?";
}

const char *tdxc_coherence_site_name(enum tdxc_coherence_site site)
{
	static const char names[][16] = {
		[TDXC_COHERENCE_REBOOT] = "reboot",
		[TDXC_COHERENCE_KEXEC_REMOTE] = "kexec-remote",
		[TDXC_COHERENCE_KEXEC_EXECUTING] = "kexec-executing",
		[TDXC_COHERENCE_CRASH_REMOTE] = "crash-remote",
		[TDXC_COHERENCE_CRASH_EXECUTING] = "crash-executing",
		[TDXC_COHERENCE_CPU_OFFLINE] = "cpu-offline",
		[TDXC_COHERENCE_SUSPEND] = "suspend-s3",
		[TDXC_COHERENCE_IMAGE_LOAD] = "image-load",
	};

	return (size_t)site < COUNT(names) ? names[site] : "?";
}

const char *tdxc_coherence_cell_name(enum tdxc_coherence_cell cell)
{
	static const char names[][16] = {
		[TDXC_COHERENCE_NO] = "no",
		[TDXC_COHERENCE_YES] = "yes",
		[TDXC_COHERENCE_FLAG] = "flag",
		[TDXC_COHERENCE_DISABLE_FLAG] = "disable-flag",
		[TDXC_COHERENCE_FORBIDDEN] = "never",
		[TDXC_COHERENCE_REFUSED] = "refuse",
		[TDXC_COHERENCE_FINE] = "ok",
		[TDXC_COHERENCE_AT_RISK] = "degraded",
		[TDXC_COHERENCE_NOT_ASKED] = "n-a",
	};

	return (size_t)cell < COUNT(names) ? names[cell] : "?";
}

const char *tdxc_coherence_note_text(enum tdxc_coherence_note note)
{
	static const char texts[][56] = {
		[TDXC_COHERENCE_PLAIN] = "",
		[TDXC_COHERENCE_MARK_CLEAR] = "no mark can be set",
		[TDXC_COHERENCE_MARK_SET] = "SME in CPUID is a mark",
		[TDXC_COHERENCE_EARLY] = "mostly flushed earlier",
		[TDXC_COHERENCE_DISABLE_TRIED] =
			"disabling the module is tried",
		[TDXC_COHERENCE_WHILE_ON] = "while TDX is on",
		[TDXC_COHERENCE_NEWER] = "older kernels do not",
		[TDXC_COHERENCE_IN_NMI] = "in the NMI that stops the CPU",
		[TDXC_COHERENCE_HYPERVISOR] =
			"the hypervisor decides what CPUID shows",
		[TDXC_COHERENCE_VC_HANDLER] =
			"unless a #VC handler emulates WBINVD",
		[TDXC_COHERENCE_ERRATUM] =
			"memory that was private can be poisoned",
	};

	return (size_t)note < COUNT(texts) ? texts[note] : "?";
}

const char *tdxc_coherence_action_name(enum tdxc_coherence_action action)
{
	static const char names[][12] = {
		[TDXC_COHERENCE_DO_NOTHING] = "nothing",
		[TDXC_COHERENCE_DO_WBINVD] = "wbinvd",
		[TDXC_COHERENCE_DO_WBNOINVD] = "wbnoinvd",
		[TDXC_COHERENCE_DO_NEVER] = "never",
		[TDXC_COHERENCE_DO_REFUSE] = "refuse",
		[TDXC_COHERENCE_DO_DEGRADED] = "degraded",
	};

	return (size_t)action < COUNT(names) ? names[action] : "?";
}

const char *tdxc_coherence_reason_name(enum tdxc_coherence_reason reason)
{
	switch (reason) {
	case TDXC_COHERENCE_BY_SEAMCALL:
		return "seamcall";
	case TDXC_COHERENCE_BY_TD:
		return "td";
	case TDXC_COHERENCE_BY_CONVERSION:
		return "conversion";
	case TDXC_COHERENCE_BY_SME:
		return "sme";
	case TDXC_COHERENCE_BY_TDX_ENABLED:
		return "tdx-enabled";
	default:
		return "?";
	}
}

const char *tdxc_coherence_reason_text(enum tdxc_coherence_reason reason)
{
	switch (reason) {
	case TDXC_COHERENCE_BY_SEAMCALL:
		return "lines may be dirty since a SEAMCALL";
	case TDXC_COHERENCE_BY_TD:
		return "lines may be dirty since a TD ran";
	case TDXC_COHERENCE_BY_CONVERSION:
		return "lines may be dirty since a page was converted";
	case TDXC_COHERENCE_BY_SME:
		return "lines may be dirty where SME is possible";
	case TDXC_COHERENCE_BY_TDX_ENABLED:
		return "lines may be dirty where TDX is possible";
	default:
		return "?";
	}
}
