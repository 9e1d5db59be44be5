// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The page tables of the running kernel, for the scanner: found through CR3,
 * for init_mm is not exported, and copied table by table, because the kernel
 * may free or unmap one at any time.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/processor.h>
#include <asm/special_insns.h>

#include "tdxc_linux.h"

struct tdxc_linux_walk {
	u64 table[TDXC_MAX_LEVELS + 1][512];
};

static uint64_t *copy_table(void *ctx, uint64_t pa, uint32_t level)
{
	struct tdxc_linux_walk *walk = ctx;
	u64 *to = walk->table[level];

	if (!pfn_valid(PHYS_PFN(pa)) ||
	    copy_from_kernel_nofault(to, __va(pa), PAGE_SIZE))
		return NULL;
	return to;
}

static const struct tdxc_scan_ops scan_ops = {
	.abi = TDXC_ABI,
	.table = copy_table,
};

int tdxc_linux_walk_begin(struct tdxc_scan_config *config)
{
	struct tdxc_linux_walk *walk = kvmalloc(sizeof(*walk), GFP_KERNEL);

	if (!walk)
		return TDXC_E_NOMEM;
	*config = (struct tdxc_scan_config){
		.abi = TDXC_ABI,
		.levels = native_read_cr4() & X86_CR4_LA57 ? 5 : 4,
		.root = __read_cr3() & PTE_PFN_MASK,
		.ops = &scan_ops,
		.ctx = walk,
		.shared_bit = 51,
		.polarity = TDXC_SHARED_IS_SET,
		.pa_bits = min_t(u32, boot_cpu_data.x86_phys_bits, 51),
		.what = TDXC_SCAN_SHARED,
		.max_tables = U64_MAX,
	};
	return TDXC_OK;
}

void tdxc_linux_walk_end(struct tdxc_scan_config *config)
{
	kvfree(config->ctx);
}
