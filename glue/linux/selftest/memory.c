// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* Memory and page tables of the running kernel. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../compat.h"
#include "../tdxc_linux.h"
#include "selftest.h"

static enum tdxc_selftest_result ram_is_ascending(char *why)
{
	size_t nr, i, bad = 0;
	u64 bytes = 0;
	struct tdxc_plan_ram *ram = tdxc_linux_ram_get(&nr);

	TDXC_EXPECT(ram);
	for (i = 0; i < nr; i++) {
		bytes += ram[i].range.end - ram[i].range.start;
		if (ram[i].range.start >= ram[i].range.end ||
		    (i && ram[i].range.start < ram[i - 1].range.end))
			bad++;
	}
	kvfree(ram);
	TDXC_EXPECT(nr > 0);
	TDXC_EXPECT_EQ(bad, 0);
	TDXC_EXPECT(bytes >= (u64)totalram_pages() << PAGE_SHIFT);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result ram_is_counted(char *why)
{
	struct tdxc_plan_ram one;
	size_t nr = tdxc_linux_ram(NULL, 0);

	TDXC_EXPECT_EQ(tdxc_linux_ram(&one, 1), nr);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result plan_of_this_machine(char *why)
{
	struct tdxc_plan_config config = {.abi = TDXC_ABI,
					  .limits = tdxc_limits_observed()};
	struct tdxc_plan_fault fault;
	struct tdxc_plan plan = {};
	struct tdxc_plan_ram *ram;
	struct tdxc_range *cmrs;
	void *scratch = NULL;
	int err = -ENOMEM;
	size_t bytes, i;

	ram = tdxc_linux_ram_get(&config.nr_ram);
	TDXC_EXPECT(ram);
	cmrs = kvcalloc(config.nr_ram, sizeof(*cmrs), GFP_KERNEL);
	for (i = 0; cmrs && i < config.nr_ram; i++) {
		cmrs[i].start = PAGE_ALIGN(ram[i].range.start);
		cmrs[i].end = ALIGN_DOWN(ram[i].range.end, PAGE_SIZE);
	}
	config.ram = ram;
	config.cmrs = cmrs;
	config.nr_cmrs = config.nr_ram;
	if (cmrs && !tdxc_plan_scratch_bytes(&config, &bytes))
		scratch = kvmalloc(bytes, GFP_KERNEL);
	if (scratch)
		err = tdxc_plan_make(&plan, &config, scratch, bytes, &fault);
	kvfree(scratch);
	kvfree(cmrs);
	kvfree(ram);
	TDXC_EXPECT_EQ(err, 0);
	TDXC_EXPECT(plan.nr_tdmrs >= 1);
	TDXC_EXPECT(plan.pamt_bytes > 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result page_comes_and_goes(char *why)
{
	u64 pa = 1;

	TDXC_EXPECT_EQ(tdxc_linux_page_alloc(&pa), 0);
	TDXC_EXPECT_EQ(pa & ~PAGE_MASK, 0);
	tdxc_linux_page_free(pa);
	return TDXC_SELFTEST_OK;
}

/* Every byte of it is there, and no other than what was asked for. */
static enum tdxc_selftest_result contiguous(char *why, u64 bytes)
{
	struct tdxc_range range;
	u64 at, wrong = 0;

	TDXC_EXPECT_EQ(tdxc_linux_contig_alloc(bytes, numa_node_id(), &range),
		       0);
	for (at = range.start; at < range.end; at += PAGE_SIZE)
		*(u64 *)__va(at) = at;
	for (at = range.start; at < range.end; at += PAGE_SIZE)
		wrong += *(u64 *)__va(at) != at;
	tdxc_linux_contig_free(range);
	TDXC_EXPECT_EQ(wrong, 0);
	TDXC_EXPECT_EQ(range.end - range.start, PAGE_ALIGN(bytes));
	TDXC_EXPECT_EQ(range.start & ~PAGE_MASK, 0);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result contiguous_small(char *why)
{
	return contiguous(why, 3 * PAGE_SIZE + 8);
}

static enum tdxc_selftest_result contiguous_block(char *why)
{
	return contiguous(why, PAGE_SIZE << TDXC_COMPAT_MAX_ORDER);
}

/* The 4K part of a TDMR of 8 GiB. */
static enum tdxc_selftest_result contiguous_joined(char *why)
{
	return contiguous(why, 32ull << 20);
}

static enum tdxc_selftest_result too_much_is_refused(char *why)
{
	struct tdxc_range range = {1, 2};
	u64 bytes = (u64)totalram_pages() << PAGE_SHIFT;

	/* Twice: the first attempt gave everything back. */
	TDXC_EXPECT_EQ(tdxc_linux_contig_alloc(bytes, numa_node_id(), &range),
		       TDXC_E_NOMEM);
	TDXC_EXPECT_EQ(tdxc_linux_contig_alloc(bytes, numa_node_id(), &range),
		       TDXC_E_NOMEM);
	TDXC_EXPECT_EQ(range.start, 1);
	return contiguous(why, 16ull << 20);
}

/* The page behind one address, as the tables say; 0: none. */
static u64 look_up(const void *at)
{
	struct tdxc_scan_config config;
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	u64 pa = 0;

	if (tdxc_linux_walk_begin(&config))
		return 0;
	config.what = TDXC_SCAN_MAPPED;
	config.start = (u64)at & PAGE_MASK;
	config.end = config.start + PAGE_SIZE;
	if (!tdxc_scan_begin(&scan, &config) &&
	    tdxc_scan_next_leaf(&scan, &leaf) == TDXC_SCAN_LEAF)
		pa = leaf.pa + ((u64)at - leaf.va);
	tdxc_linux_walk_end(&config);
	return pa;
}

static enum tdxc_selftest_result walk_direct_map(char *why)
{
	unsigned long page = __get_free_page(GFP_KERNEL);
	u64 seen;

	TDXC_EXPECT(page);
	seen = look_up((void *)(page + 0x123));
	free_page(page);
	TDXC_EXPECT_EQ(seen, __pa(page) + 0x123);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result walk_vmalloc(char *why)
{
	u8 *at = vmalloc(4 * PAGE_SIZE);
	u64 seen, want;

	TDXC_EXPECT(at);
	at[2 * PAGE_SIZE] = 1;
	seen = look_up(at + 2 * PAGE_SIZE);
	want = PFN_PHYS(vmalloc_to_pfn(at + 2 * PAGE_SIZE));
	vfree(at);
	TDXC_EXPECT_EQ(seen, want);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result walk_finds_nothing(char *why)
{
	void *at = vmalloc(PAGE_SIZE);
	u64 guard;

	TDXC_EXPECT(at);
	guard = look_up((u8 *)at + PAGE_SIZE);
	vfree(at);
	TDXC_EXPECT_EQ(guard, 0);
	return TDXC_SELFTEST_OK;
}

/* No kernel outside a TD has the bit set that the scan asks for. */
static enum tdxc_selftest_result walk_no_shared(char *why)
{
	struct tdxc_scan_config config;
	enum tdxc_scan_event event;
	struct tdxc_scan_leaf leaf;
	struct tdxc_scan scan;
	u64 tables;

	TDXC_EXPECT_EQ(tdxc_linux_walk_begin(&config), 0);
	config.start = PAGE_OFFSET;
	config.end = PAGE_OFFSET + ((u64)totalram_pages() << PAGE_SHIFT);
	event = tdxc_scan_begin(&scan, &config)
			? TDXC_SCAN_BAD
			: tdxc_scan_next_leaf(&scan, &leaf);
	tables = scan.tables_read;
	tdxc_linux_walk_end(&config);
	TDXC_EXPECT_EQ(event, TDXC_SCAN_END);
	TDXC_EXPECT(tables >= 2);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_memory[] = {
	{"memory: RAM is told ascending, and all of it", ram_is_ascending},
	{"memory: what has no room is counted", ram_is_counted},
	{"memory: TDMRs are planned for this machine", plan_of_this_machine},
	{"memory: a page comes and goes", page_comes_and_goes},
	{"memory: less than a block in one piece", contiguous_small},
	{"memory: a whole block in one piece", contiguous_block},
	{"memory: more than a block in one piece", contiguous_joined},
	{"memory: too much is refused and given back", too_much_is_refused},
	{"walk: the direct map leads to its page", walk_direct_map},
	{"walk: vmalloc memory leads to its page", walk_vmalloc},
	{"walk: a guard page leads nowhere", walk_finds_nothing},
	{"walk: a kernel outside a TD shares nothing", walk_no_shared},
	{},
};
