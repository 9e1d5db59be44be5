// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* What this kernel does as a guest that gives shared memory back: time for the
 * conversion gate, and its TLB for the unshare engine. */
#include <linux/delay.h>
#include <linux/timekeeping.h>

#include "tdxc_linux.h"

static uint64_t now_ns(void *ctx)
{
	/* Also in an NMI */
	return ktime_get_mono_fast_ns();
}

static void sleep_a_moment(void *ctx)
{
	usleep_range(1, 10);
}

static void wait_a_moment(void *ctx)
{
	udelay(1);
}

/* For who may sleep: with one CPU, a conversion under way needs it to end. */
const struct tdxc_gate_ops tdxc_linux_gate_ops = {
	.abi = TDXC_ABI,
	.now_ns = now_ns,
	.pause = sleep_a_moment,
};

/* For who may not. */
const struct tdxc_gate_ops tdxc_linux_gate_ops_atomic = {
	.abi = TDXC_ABI,
	.now_ns = now_ns,
	.pause = wait_a_moment,
};

static void flush(void *ctx)
{
	tdxc_linux_flush_tlb();
}

/* The order among exclusions is the caller's list; nothing is to be prepared.
 */
static int before(void *ctx, uint32_t order)
{
	return TDXC_OK;
}

/* ctx: a struct tdxc_unshare_tdx */
const struct tdxc_unshare_ops tdxc_linux_unshare_ops = {
	.abi = TDXC_ABI,
	.convert = tdxc_unshare_tdx_op,
	.flush = flush,
	.before = before,
};
