/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Reading the module's list of convertible memory ranges.
 *
 * The list comes from firmware by way of the module, which has verified it; it
 * is verified here again because everything planned afterwards rests on it, and
 * because a library caller or a command line may have typed it. The result is
 * what the module's containment check works with: touching entries are one
 * (tdx-module-abi.md 4.7), unused ones are not there.
 */
#include <tdxcore/cmr.h>
#include <tdxcore/err.h>

#define CMR_TEXTS(X)                                                           \
	X(TDXC_CMR_FAULT_NONE, "nothing to report")                            \
	X(TDXC_CMR_FAULT_EMPTY_LIST, "no entry has a size")                    \
	X(TDXC_CMR_FAULT_UNALIGNED, "base or size is not a multiple of 4 KiB") \
	X(TDXC_CMR_FAULT_WRAP, "base plus size wraps around")                  \
	X(TDXC_CMR_FAULT_PA_WIDTH, "ends beyond the physical address width")   \
	X(TDXC_CMR_FAULT_ORDER, "starts below the entry before it")            \
	X(TDXC_CMR_FAULT_OVERLAP, "overlaps the entry before it")              \
	X(TDXC_CMR_WARN_SIZE_0_BASE, "has a base but no size, ignored")        \
	X(TDXC_CMR_WARN_INNER_EMPTY, "unused entry before a used one, "        \
				     "ignored")

/* Texts by offset, not by pointer: see err.c. */
struct cmr_pool {
#define X(kind, text) char kind[sizeof(text)];
	CMR_TEXTS(X)
#undef X
};

static const struct cmr_pool cmr_pool = {
#define X(kind, text) text,
	CMR_TEXTS(X)
#undef X
};

static const uint16_t cmr_offset[] = {
#define X(kind, text) [kind] = (uint16_t)offsetof(struct cmr_pool, kind),
	CMR_TEXTS(X)
#undef X
};

const char *tdxc_cmr_fault_text(enum tdxc_cmr_fault_kind kind)
{
	if ((uint32_t)kind >= sizeof cmr_offset / sizeof cmr_offset[0])
		return "unknown reason";
	return (const char *)&cmr_pool + cmr_offset[kind];
}

/* What is wrong with a used entry; "last" is the used one before it, if any. */
static enum tdxc_cmr_fault_kind cmr_judge(const struct tdxc_cmr *cmr,
					  const struct tdxc_cmr *last,
					  uint32_t pa_bits)
{
	if (((cmr->base | cmr->size) & (TDXC_PAGE_SIZE - 1)) != 0)
		return TDXC_CMR_FAULT_UNALIGNED;
	if (cmr->size > UINT64_MAX - cmr->base)
		return TDXC_CMR_FAULT_WRAP;
	if (pa_bits < 64 && (cmr->base + cmr->size - 1) >> pa_bits != 0)
		return TDXC_CMR_FAULT_PA_WIDTH;
	if (last != NULL && cmr->base < last->base)
		return TDXC_CMR_FAULT_ORDER;
	if (last != NULL && cmr->base < last->base + last->size)
		return TDXC_CMR_FAULT_OVERLAP;
	return TDXC_CMR_FAULT_NONE;
}

/* Append, or lengthen the last range when the two touch. */
static size_t cmr_append(struct tdxc_range *out, size_t nr,
			 const struct tdxc_cmr *cmr)
{
	if (nr > 0 && out[nr - 1].end == cmr->base) {
		out[nr - 1].end = cmr->base + cmr->size;
		return nr;
	}
	out[nr].start = cmr->base;
	out[nr].end = cmr->base + cmr->size;
	return nr + 1;
}

/*
 * The first suspicious entry, for the report. An unused entry is only
 * suspicious when a used one follows, so the last used one bounds the search.
 */
static void cmr_warn(const struct tdxc_cmr *raw, size_t n, size_t last_used,
		     struct tdxc_cmr_fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (raw[i].size != 0)
			continue;
		if (raw[i].base != 0)
			fault->kind = TDXC_CMR_WARN_SIZE_0_BASE;
		else if (i < last_used)
			fault->kind = TDXC_CMR_WARN_INNER_EMPTY;
		else
			continue;
		fault->index = (uint32_t)i;
		return;
	}
}

int tdxc_cmr_read(const struct tdxc_cmr *raw, size_t n, uint32_t pa_bits,
		  struct tdxc_range *out, size_t *nr_out,
		  struct tdxc_cmr_fault *fault)
{
	const struct tdxc_cmr *last = NULL;
	size_t nr = 0;
	size_t i;

	*nr_out = 0;
	fault->kind = TDXC_CMR_FAULT_NONE;
	fault->index = 0;
	for (i = 0; i < n; i++) {
		if (raw[i].size == 0)
			continue;
		fault->kind = cmr_judge(&raw[i], last, pa_bits);
		if (fault->kind != TDXC_CMR_FAULT_NONE) {
			fault->index = (uint32_t)i;
			return TDXC_E_INVAL;
		}
		nr = cmr_append(out, nr, &raw[i]);
		last = &raw[i];
	}
	if (last == NULL) {
		fault->kind = TDXC_CMR_FAULT_EMPTY_LIST;
		return TDXC_E_INVAL;
	}
	cmr_warn(raw, n, (size_t)(last - raw), fault);
	*nr_out = nr;
	return TDXC_OK;
}
