/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * When caches are flushed: the table, and how it is read.
 *
 * Everything that differs between platforms and sites stands in the table. What
 * is left to code is the choice of the row, and what a cell means for a CPU
 * with these reasons.
 */
#include <tdxcore/coherence.h>
#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define FLAGS                                                                  \
	(TDXC_COHERENCE_DISABLES | TDXC_COHERENCE_SME_ACTIVE |                 \
	 TDXC_COHERENCE_SNP_ENABLED | TDXC_COHERENCE_STRICT |                  \
	 TDXC_COHERENCE_WBNOINVD_OK)

#define SME_LEAF 0x8000001Fu
#define SME_BIT	 1u

struct cell {
	uint8_t cell;
	uint8_t note;
};

#define C(cell)                                                                \
	{                                                                      \
		TDXC_COHERENCE_##cell, TDXC_COHERENCE_PLAIN                    \
	}
#define N(cell, note)                                                          \
	{                                                                      \
		TDXC_COHERENCE_##cell, TDXC_COHERENCE_##note                   \
	}
#define ROW(row, ...) [TDXC_COHERENCE_##row] = {__VA_ARGS__}
#define SIX(cell)     C(cell), C(cell), C(cell), C(cell), C(cell), C(cell)

/* In the order of enum tdxc_coherence_site: reboot; kexec, remote and
 * executing; crash, the same; offline; S3; image load. */
static const struct cell tracked[][TDXC_COHERENCE_SITES] = {
	ROW(INTEL, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(TDX_UNUSED, C(NO), N(NO, MARK_CLEAR), C(NO), C(NO), C(NO), C(NO),
	    C(FINE), C(FINE)),
	ROW(TDX, C(FLAG), N(FLAG, EARLY), C(FLAG), C(NO), C(FLAG),
	    N(FLAG, EARLY), N(REFUSED, WHILE_ON), C(FINE)),
	ROW(TDX_ERRATUM, C(FLAG), C(NOT_ASKED), C(NOT_ASKED), C(NOT_ASKED),
	    C(NOT_ASKED), C(FLAG), C(REFUSED), C(REFUSED)),
	ROW(TDX_DISABLES, C(DISABLE_FLAG), C(DISABLE_FLAG), C(FLAG),
	    N(NO, DISABLE_TRIED), C(FLAG), C(FLAG), C(REFUSED), C(FINE)),
	ROW(TDX_DEGRADED, C(FLAG), C(FLAG), C(FLAG), C(NO), C(FLAG), C(FLAG),
	    C(REFUSED), N(AT_RISK, ERRATUM)),
	ROW(MKTME, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(AMD, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(SME_OFF, N(FLAG, MARK_SET), C(YES), N(YES, NEWER), C(NO), C(YES),
	    C(NO), C(NOT_ASKED), C(FINE)),
	ROW(SME, C(YES), C(YES), C(YES), C(NO), C(YES), C(NO), C(NOT_ASKED),
	    C(FINE)),
	ROW(SNP_HOST, C(YES), C(YES), C(YES), N(YES, IN_NMI), C(YES), C(NO),
	    C(NOT_ASKED), C(FINE)),
	ROW(TDX_GUEST, SIX(FORBIDDEN), C(FORBIDDEN), C(FINE)),
	ROW(SEV_GUEST, N(FLAG, HYPERVISOR), C(FLAG), C(FLAG), C(NO), C(FLAG),
	    C(NOT_ASKED), C(NOT_ASKED), C(FINE)),
	ROW(SNP_GUEST, N(FORBIDDEN, VC_HANDLER), C(FORBIDDEN), C(FORBIDDEN),
	    C(FORBIDDEN), C(FORBIDDEN), C(NOT_ASKED), C(NOT_ASKED), C(FINE)),
};

/* One answer for every CPU and site that flushes. */
static const struct cell fixed[][TDXC_COHERENCE_SITES] = {
	ROW(INTEL, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(TDX_UNUSED, SIX(YES), C(REFUSED), C(FINE)),
	ROW(TDX, SIX(YES), C(REFUSED), C(FINE)),
	ROW(TDX_ERRATUM, SIX(YES), C(REFUSED), C(REFUSED)),
	ROW(TDX_DISABLES, SIX(YES), C(REFUSED), C(FINE)),
	ROW(TDX_DEGRADED, SIX(YES), C(REFUSED), N(AT_RISK, ERRATUM)),
	ROW(MKTME, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(AMD, SIX(NO), C(NOT_ASKED), C(FINE)),
	ROW(SME_OFF, SIX(YES), C(NOT_ASKED), C(FINE)),
	ROW(SME, SIX(YES), C(NOT_ASKED), C(FINE)),
	ROW(SNP_HOST, SIX(YES), C(NOT_ASKED), C(FINE)),
	ROW(TDX_GUEST, SIX(FORBIDDEN), C(FORBIDDEN), C(FINE)),
	ROW(SEV_GUEST, SIX(FLAG), C(NOT_ASKED), C(FINE)),
	ROW(SNP_GUEST, SIX(FORBIDDEN), C(FORBIDDEN), C(FINE)),
};

TDXC_STATIC_ASSERT(sizeof(tracked) / sizeof(tracked[0]) == TDXC_COHERENCE_ROWS,
		   "a row for each platform");
TDXC_STATIC_ASSERT(sizeof(fixed) == sizeof(tracked), "and in both tables");

/* Rows that no kernel was seen to have. */
#define DERIVED_ROWS                                                           \
	(1u << TDXC_COHERENCE_MKTME | 1u << TDXC_COHERENCE_SEV_GUEST |         \
	 1u << TDXC_COHERENCE_SNP_GUEST)

int tdxc_coherence_table(enum tdxc_coherence_policy policy,
			 enum tdxc_coherence_row row,
			 enum tdxc_coherence_site site,
			 struct tdxc_coherence_entry *entry)
{
	const struct cell *cell;

	if ((uint32_t)policy >= TDXC_COHERENCE_POLICIES ||
	    (uint32_t)row >= TDXC_COHERENCE_ROWS ||
	    (uint32_t)site >= TDXC_COHERENCE_SITES)
		return TDXC_E_INVAL;
	cell = policy == TDXC_COHERENCE_STATIC ? &fixed[row][site]
					       : &tracked[row][site];
	entry->cell = (enum tdxc_coherence_cell)cell->cell;
	entry->note = (enum tdxc_coherence_note)cell->note;
	entry->derived = (DERIVED_ROWS >> row & 1) != 0 ||
			 site == TDXC_COHERENCE_SUSPEND;
	return TDXC_OK;
}

/* --- the platform --------------------------------------------------------- */

/* A leaf beyond the last is not zero on every CPU. */
static bool has_sme(const struct tdxc_coherence_config *config)
{
	return config->cpuid_80000000_eax >= SME_LEAF &&
	       (config->cpuid_8000001f_eax & SME_BIT) != 0;
}

int tdxc_coherence_init(struct tdxc_coherence *c,
			const struct tdxc_coherence_config *config)
{
	const struct tdxc_platform *p = config->platform;

	if (config->abi != TDXC_ABI || p == NULL ||
	    config->policy >= TDXC_COHERENCE_POLICIES ||
	    config->guest > TDXC_COHERENCE_IN_SNP ||
	    (config->flags & ~(uint32_t)FLAGS) != 0)
		return TDXC_E_INVAL;
	c->policy = config->policy;
	c->guest = config->guest;
	c->flags = config->flags;
	c->capability = has_sme(config) ? TDXC_COHERENCE_BY_SME : 0;
	if (p->nr_private_keyids > 0)
		c->capability |= TDXC_COHERENCE_BY_TDX_ENABLED;
	c->intel = p->report[TDXC_CHECK_INTEL].verdict == TDXC_PLATFORM_PASS;
	c->mktme = p->nr_shared_keyids > 0;
	c->partial_write = (p->errata & TDXC_ERRATUM_PARTIAL_WRITE) != 0;
	return TDXC_OK;
}

/* WBINVD raises an exception: no cell and no reason may lead to it. */
static bool must_not_flush(const struct tdxc_coherence *c)
{
	return c->guest == TDXC_COHERENCE_IN_TDX ||
	       c->guest == TDXC_COHERENCE_IN_SNP;
}

bool tdxc_coherence_possible(const struct tdxc_coherence *c)
{
	return c->capability != 0 && !must_not_flush(c);
}

static enum tdxc_coherence_row tdx_row(const struct tdxc_coherence *c,
				       enum tdxc_coherence_module module)
{
	bool disables = (c->flags & TDXC_COHERENCE_DISABLES) != 0;

	if (module == TDXC_COHERENCE_NEVER_CALLED)
		return TDXC_COHERENCE_TDX_UNUSED;
	if (disables && module != TDXC_COHERENCE_NOT_DISABLED)
		return TDXC_COHERENCE_TDX_DISABLES;
	if (!c->partial_write)
		return TDXC_COHERENCE_TDX;
	return disables ? TDXC_COHERENCE_TDX_DEGRADED
			: TDXC_COHERENCE_TDX_ERRATUM;
}

static enum tdxc_coherence_row amd_row(const struct tdxc_coherence *c)
{
	if ((c->capability & TDXC_COHERENCE_BY_SME) == 0)
		return TDXC_COHERENCE_AMD;
	if ((c->flags & TDXC_COHERENCE_SNP_ENABLED) != 0)
		return TDXC_COHERENCE_SNP_HOST;
	return (c->flags & TDXC_COHERENCE_SME_ACTIVE) != 0
		       ? TDXC_COHERENCE_SME
		       : TDXC_COHERENCE_SME_OFF;
}

enum tdxc_coherence_row tdxc_coherence_row_of(const struct tdxc_coherence *c,
					      enum tdxc_coherence_module module)
{
	switch (c->guest) {
	case TDXC_COHERENCE_IN_TDX:
		return TDXC_COHERENCE_TDX_GUEST;
	case TDXC_COHERENCE_IN_SEV:
		return TDXC_COHERENCE_SEV_GUEST;
	case TDXC_COHERENCE_IN_SNP:
		return TDXC_COHERENCE_SNP_GUEST;
	default:
		break;
	}
	if (!c->intel)
		return amd_row(c);
	if (c->policy == TDXC_COHERENCE_STATIC)
		module = TDXC_COHERENCE_CALLED;
	if ((c->capability & TDXC_COHERENCE_BY_TDX_ENABLED) != 0)
		return tdx_row(c, module);
	return c->mktme ? TDXC_COHERENCE_MKTME : TDXC_COHERENCE_INTEL;
}

/* --- the answer ----------------------------------------------------------- */

/* Where the table does not flush though there may be a reason. */
static bool is_lenient(enum tdxc_coherence_site site)
{
	return site == TDXC_COHERENCE_CRASH_REMOTE ||
	       site == TDXC_COHERENCE_CPU_OFFLINE;
}

static enum tdxc_coherence_action flush(const struct tdxc_coherence *c,
					enum tdxc_coherence_site site)
{
	return site == TDXC_COHERENCE_CPU_OFFLINE &&
			       (c->flags & TDXC_COHERENCE_WBNOINVD_OK) != 0
		       ? TDXC_COHERENCE_DO_WBNOINVD
		       : TDXC_COHERENCE_DO_WBINVD;
}

static enum tdxc_coherence_action action_of(const struct tdxc_coherence *c,
					    enum tdxc_coherence_site site,
					    enum tdxc_coherence_cell cell,
					    uint32_t reasons)
{
	if (must_not_flush(c) && cell != TDXC_COHERENCE_FINE)
		return TDXC_COHERENCE_DO_NEVER;
	if (cell == TDXC_COHERENCE_NO && is_lenient(site) &&
	    (c->flags & TDXC_COHERENCE_STRICT) != 0)
		cell = TDXC_COHERENCE_FLAG;
	switch (cell) {
	case TDXC_COHERENCE_YES:
		return flush(c, site);
	case TDXC_COHERENCE_FLAG:
	case TDXC_COHERENCE_DISABLE_FLAG:
	case TDXC_COHERENCE_NOT_ASKED:
		return reasons != 0 ? flush(c, site)
				    : TDXC_COHERENCE_DO_NOTHING;
	case TDXC_COHERENCE_FORBIDDEN:
		return TDXC_COHERENCE_DO_NEVER;
	case TDXC_COHERENCE_REFUSED:
		return TDXC_COHERENCE_DO_REFUSE;
	case TDXC_COHERENCE_AT_RISK:
		return TDXC_COHERENCE_DO_DEGRADED;
	default:
		return TDXC_COHERENCE_DO_NOTHING;
	}
}

int tdxc_coherence_decide(const struct tdxc_coherence *c,
			  enum tdxc_coherence_site site,
			  enum tdxc_coherence_module module, uint32_t reasons,
			  struct tdxc_coherence_answer *answer)
{
	struct tdxc_coherence_entry entry;
	enum tdxc_coherence_row row;
	int err;

	if ((uint32_t)module > TDXC_COHERENCE_NOT_DISABLED)
		return TDXC_E_INVAL;
	/* An NMI may come between the first mark and the first call. */
	if (module == TDXC_COHERENCE_NEVER_CALLED &&
	    (reasons & TDXC_COHERENCE_ACTS) != 0)
		module = TDXC_COHERENCE_CALLED;
	row = tdxc_coherence_row_of(c, module);
	err = tdxc_coherence_table((enum tdxc_coherence_policy)c->policy, row,
				   site, &entry);
	if (err != TDXC_OK)
		return err;
	if (c->policy == TDXC_COHERENCE_STATIC)
		reasons = c->capability;
	answer->action = action_of(c, site, entry.cell, reasons);
	answer->reasons = reasons;
	answer->disable_first = entry.cell == TDXC_COHERENCE_DISABLE_FLAG &&
				module == TDXC_COHERENCE_CALLED;
	answer->row = row;
	answer->entry = entry;
	return TDXC_OK;
}
