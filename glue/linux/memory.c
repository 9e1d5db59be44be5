// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Memory: what the machine has, single pages, and contiguous memory for PAMTs.
 *
 * A static PAMT needs 4 MiB in one piece per GiB of its TDMR, more than the
 * buddy allocator gives at once. Kernels before 7.0 let no module ask for
 * more, so the largest blocks are taken until enough of them lie side by side,
 * and the others are given back. Soon after boot that works; later memory may
 * be too fragmented, and then the answer is -ENOMEM.
 */
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmstat.h>

#include "compat.h"
#include "tdxc_linux.h"

#define BLOCK_PAGES (1ul << TDXC_COMPAT_MAX_ORDER)
#define BLOCK_BYTES (BLOCK_PAGES << PAGE_SHIFT)
/* Blocks held while looking, in multiples of what is needed. */
#define ROUNDS 4

/* --- what there is -------------------------------------------------------- */

struct ram_list {
	struct tdxc_plan_ram *ram;
	size_t room;
	size_t nr;
};

static u32 node_of(u64 pa)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(pa));

	return page ? (u32)page_to_nid(page) : 0;
}

static void ram_add(struct ram_list *list, u64 start, u64 end, u32 node)
{
	if (list->nr < list->room) {
		list->ram[list->nr].range.start = start;
		list->ram[list->nr].range.end = end;
		list->ram[list->nr].node = node;
	}
	list->nr++;
}

/* Nodes change at sections only. */
static int ram_resource(struct resource *res, void *arg)
{
	u64 start = res->start, end = res->end + 1, next, at;
	u32 node = node_of(start);

	for (at = start; at < end; at = next) {
		next = min_t(u64, end,
			     ALIGN_DOWN(at, 1ull << SECTION_SIZE_BITS) +
				     (1ull << SECTION_SIZE_BITS));
		if (node_of(at) != node) {
			ram_add(arg, start, at, node);
			start = at;
			node = node_of(at);
		}
	}
	ram_add(arg, start, end, node);
	return 0;
}

size_t tdxc_linux_ram(struct tdxc_plan_ram *ram, size_t room)
{
	struct ram_list list = {.ram = ram, .room = room};

	walk_iomem_res_desc(IORES_DESC_NONE,
			    IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    &list, ram_resource);
	return list.nr;
}

struct tdxc_plan_ram *tdxc_linux_ram_get(size_t *nr)
{
	size_t room = tdxc_linux_ram(NULL, 0) + 16;
	struct tdxc_plan_ram *ram = kvcalloc(room, sizeof(*ram), GFP_KERNEL);

	if (!ram)
		return NULL;
	*nr = tdxc_linux_ram(ram, room);
	if (*nr > room) {
		kvfree(ram);
		return NULL;
	}
	return ram;
}

/* --- single pages --------------------------------------------------------- */

int tdxc_linux_page_alloc(u64 *pa)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return TDXC_E_NOMEM;
	*pa = PFN_PHYS(page_to_pfn(page));
	return TDXC_OK;
}

void tdxc_linux_page_free(u64 pa)
{
	__free_page(pfn_to_page(PHYS_PFN(pa)));
}

/* --- contiguous memory ---------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* Index of the first of `need` sorted blocks that lie side by side; nr: none.
 */
static size_t side_by_side(const unsigned long *pfns, size_t nr, size_t need)
{
	size_t run = 1, i;

	if (nr > 0 && need == 1)
		return 0;
	for (i = 1; i < nr; i++) {
		run = pfns[i] == pfns[i - 1] + BLOCK_PAGES ? run + 1 : 1;
		if (run == need)
			return i + 1 - need;
	}
	return nr;
}

static void blocks_free(const unsigned long *pfns, size_t nr)
{
	while (nr-- > 0)
		__free_pages(pfn_to_page(pfns[nr]), TDXC_COMPAT_MAX_ORDER);
}

static size_t blocks_take(unsigned long *pfns, size_t nr, size_t room, int node)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY | __GFP_THISNODE;
	struct page *page;

	while (nr < room) {
		page = alloc_pages_node(node, gfp, TDXC_COMPAT_MAX_ORDER);
		if (!page)
			break;
		pfns[nr++] = page_to_pfn(page);
	}
	return nr;
}

static int joined_alloc(size_t need, int node, u64 *pa)
{
	unsigned long *pfns =
		kvmalloc_array(need * ROUNDS, sizeof(*pfns), GFP_KERNEL);
	size_t nr = 0, first = 0, before, round;

	if (!pfns)
		return TDXC_E_NOMEM;
	for (round = 1; round <= ROUNDS; round++) {
		before = nr;
		nr = blocks_take(pfns, nr, need * round, node);
		sort(pfns, nr, sizeof(*pfns), by_value, NULL);
		first = side_by_side(pfns, nr, need);
		if (first < nr || nr == before)
			break;
	}
	if (nr == 0 || first >= nr) {
		blocks_free(pfns, nr);
		kvfree(pfns);
		return TDXC_E_NOMEM;
	}
	*pa = PFN_PHYS(pfns[first]);
	blocks_free(pfns, first);
	blocks_free(pfns + first + need, nr - first - need);
	kvfree(pfns);
	return TDXC_OK;
}

static int large_alloc(u64 bytes, int node, u64 *pa)
{
	struct page *page;

	if (!TDXC_COMPAT_HAS_CONTIG)
		return joined_alloc(DIV_ROUND_UP_ULL(bytes, BLOCK_BYTES), node,
				    pa);
	page = tdxc_compat_alloc_contig(bytes >> PAGE_SHIFT, node);
	if (!page)
		return TDXC_E_NOMEM;
	*pa = PFN_PHYS(page_to_pfn(page));
	return TDXC_OK;
}

int tdxc_linux_contig_alloc(u64 bytes, int node, struct tdxc_range *range)
{
	struct page *page;
	u64 pa;
	int err = TDXC_OK;

	bytes = PAGE_ALIGN(bytes);
	/* Not to take all memory away for what cannot be found. */
	if (bytes >> PAGE_SHIFT > global_zone_page_state(NR_FREE_PAGES))
		return TDXC_E_NOMEM;
	if (bytes > BLOCK_BYTES) {
		err = large_alloc(bytes, node, &pa);
	} else {
		page = alloc_pages_node(node, GFP_KERNEL | __GFP_NOWARN,
					get_order(bytes));
		if (page)
			pa = PFN_PHYS(page_to_pfn(page));
		else
			err = TDXC_E_NOMEM;
	}
	if (err)
		return err;
	range->start = pa;
	range->end = pa + bytes;
	return TDXC_OK;
}

void tdxc_linux_contig_free(struct tdxc_range range)
{
	u64 bytes = range.end - range.start, at;
	unsigned long pfn = PHYS_PFN(range.start);

	if (bytes <= BLOCK_BYTES) {
		__free_pages(pfn_to_page(pfn), get_order(bytes));
	} else if (TDXC_COMPAT_HAS_CONTIG) {
		tdxc_compat_free_contig(pfn, bytes >> PAGE_SHIFT);
	} else {
		for (at = 0; at < bytes; at += BLOCK_BYTES)
			__free_pages(pfn_to_page(pfn + PHYS_PFN(at)),
				     TDXC_COMPAT_MAX_ORDER);
	}
}
