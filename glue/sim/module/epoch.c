/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * TLB epochs (section 7.5). Epoch and both counts of running vCPUs share one
 * word, so that they are always read together: 31:0 epoch, 47:32 vCPUs that
 * entered in an even epoch, 63:48 in an odd one.
 */
#include "module.h"

static uint32_t reader_shift(uint64_t epoch)
{
	return (epoch & 1) != 0 ? 48 : 32;
}

uint64_t tdxc_sim_epoch(uint64_t word)
{
	return word & 0xFFFFFFFF;
}

uint32_t tdxc_sim_epoch_readers(uint64_t word, uint64_t epoch)
{
	return word >> reader_shift(epoch) & 0xFFFF;
}

void tdxc_sim_epoch_init(struct tdxc_sim_tdcs *tdcs)
{
	tdcs->epoch = 1;
}

uint64_t tdxc_sim_epoch_enter(struct tdxc_sim_tdcs *tdcs)
{
	uint64_t old = tdxc_load_once(&tdcs->epoch);

	while (!tdxc_try_cmpxchg(&tdcs->epoch, &old,
				 old + (1ull << reader_shift(old))))
		tdxc_relax();
	return tdxc_sim_epoch(old);
}

void tdxc_sim_epoch_leave(struct tdxc_sim_tdcs *tdcs, uint64_t epoch)
{
	(void)tdxc_sim_add(&tdcs->epoch,
			   (uint64_t)0 - (1ull << reader_shift(epoch)));
}

/* False while a vCPU of the epoch before the current one runs. */
bool tdxc_sim_epoch_advance(struct tdxc_sim_tdcs *tdcs)
{
	uint64_t old = tdxc_load_once(&tdcs->epoch);

	do {
		if (tdxc_sim_epoch_readers(old, old + 1) != 0)
			return false;
	} while (!tdxc_try_cmpxchg(&tdcs->epoch, &old, old + 1));
	return true;
}

bool tdxc_sim_tracked(const struct tdxc_sim_tdcs *tdcs, uint64_t bepoch)
{
	uint64_t word = tdxc_load_acquire(&tdcs->epoch);
	uint64_t epoch = tdxc_sim_epoch(word);

	if (bepoch >> 63 != 0)
		return false;
	return bepoch + 1 < epoch ||
	       (bepoch + 1 == epoch &&
		tdxc_sim_epoch_readers(word, bepoch) == 0);
}
