/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What tdxcore plan and TdxPlan.efi have in common, so that both say the same
 * of one memory map: what counts as RAM, what the CMRs are where nobody knows
 * them, what becomes of RAM without a layout, and the JSON document.
 *
 * Freestanding, like the core: no allocation, no C library.
 */
#ifndef TDXCORE_TOOLS_LAYOUT_H
#define TDXCORE_TOOLS_LAYOUT_H

#include <tdxcore/cmr.h>
#include <tdxcore/plan.h>

/* Addresses of a machine are below 2^this. */
#define LAYOUT_PA_BITS 52

/* --- RAM and CMRs -------------------------------------------------------- */

/* The attribute "specific purpose" of an EFI memory descriptor. */
#define LAYOUT_EFI_SP (1ull << 18)

/* Whether an EFI memory descriptor is RAM once boot services are gone. */
bool layout_efi_is_ram(uint64_t type, uint64_t attributes);

/* RAM of a map, not trimmed to pages. */
struct layout_ram {
	struct tdxc_range range; /* Never empty. */
	uint32_t node;
};

/*
 * Whole pages, ascending; touching ranges of one node are joined. They are
 * joined before they are trimmed: a page that two of them share is RAM, of the
 * lower one's node. Room for as many entries in `out`; returns how many it has.
 */
size_t layout_pages(const struct layout_ram *ram, size_t nr,
		    struct tdxc_plan_ram *out);
/* Convertible memory where nobody knows: the RAM above 1 MiB, no more. */
size_t layout_cmrs(const struct tdxc_plan_ram *ram, size_t nr,
		   struct tdxc_range *out);

/* --- a layout ------------------------------------------------------------ */

/* A planned machine. */
struct layout_plan {
	const struct tdxc_plan_config *config;
	const struct tdxc_plan *plan; /* Only lists and totals where there is
					 none. */
	const void *infos;	      /* TDMR_INFO array. */
	const char *reason; /* Why there is none; "" where there is. */
};

/* TDMR_INFO number i, as the module reads it. */
const struct tdxc_tdmr_info *layout_info(const struct layout_plan *l, size_t i);
/* Reserved areas of it in use. */
size_t layout_nr_reserved(const struct layout_plan *l, size_t i);

/* What the module would say of it: its status. Room for all CMRs in `cmrs`. */
uint64_t layout_check(const struct layout_plan *l, struct tdxc_cmr *cmrs);

/* Entries that layout_none() may need. */
size_t layout_none_most(const struct tdxc_plan_config *config);
/* Without a layout all RAM is excluded, and still accounted for: in `room`. */
void layout_none(struct tdxc_plan *plan, const struct tdxc_plan_config *config,
		 struct tdxc_plan_excluded *room);

/* --- the document -------------------------------------------------------- */

/* Where text goes. Whoever takes it notes what fails. */
struct layout_sink {
	void (*put)(void *ctx, const char *text, size_t len);
	void *ctx;
};

/* One object; addresses and sizes are hex strings, because JSON numbers lose
 * bits beyond 2^53 in many readers. */
void layout_json(const struct layout_plan *l, const struct layout_sink *sink);

#endif
