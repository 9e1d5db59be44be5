/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * From a map to the planner's RAM: whole pages, joined where nothing is between
 * them.
 */
#include "layout.h"

#define EFI_RAM_TYPES 0x9Eu /* 1, 2, 3, 4 and 7 */

/*
 * What Linux calls usable: unless the firmware set the attribute "specific
 * purpose", which makes it soft reserved. ACPI tables (9) stay, persistent
 * memory (14) and unaccepted memory (15) are not RAM.
 */
bool layout_efi_is_ram(uint64_t type, uint64_t attributes)
{
	return type < 32 && ((EFI_RAM_TYPES >> type) & 1) != 0 &&
	       !(attributes & LAYOUT_EFI_SP);
}

static uint64_t page_down(uint64_t address)
{
	return address & ~(TDXC_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t address)
{
	return page_down(address + TDXC_PAGE_SIZE - 1);
}

/* End of the run of touching ranges that starts with number i. */
static uint64_t run_end(const struct layout_ram *ram, size_t nr, size_t i)
{
	while (i + 1 < nr && ram[i + 1].range.start == ram[i].range.end)
		i++;
	return ram[i].range.end;
}

static size_t append(struct tdxc_plan_ram *out, size_t n, uint64_t start,
		     uint64_t end, uint32_t node)
{
	if (start >= end)
		return n;
	if (n > 0 && out[n - 1].range.end == start && out[n - 1].node == node) {
		out[n - 1].range.end = end;
		return n;
	}
	out[n].range.start = start;
	out[n].range.end = end;
	out[n].node = node;
	return n + 1;
}

size_t layout_pages(const struct layout_ram *ram, size_t nr,
		    struct tdxc_plan_ram *out)
{
	uint64_t before = UINT64_MAX; /* End of the range before. */
	uint64_t limit = 0;
	uint64_t end;
	size_t n = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (ram[i].range.start != before)
			limit = page_down(run_end(ram, nr, i));
		before = ram[i].range.end;
		/* A page that two touching ranges share goes to the lower. */
		end = page_up(before) < limit ? page_up(before) : limit;
		n = append(out, n, page_up(ram[i].range.start), end,
			   ram[i].node);
	}
	return n;
}

size_t layout_cmrs(const struct tdxc_plan_ram *ram, size_t nr,
		   struct tdxc_range *out)
{
	const struct tdxc_range above = {TDXC_PLAN_LEGACY_END,
					 1ull << LAYOUT_PA_BITS};
	size_t i;

	for (i = 0; i < nr; i++)
		out[i] = tdxc_range_intersect(ram[i].range, above);
	return tdxc_range_join(out, nr);
}
