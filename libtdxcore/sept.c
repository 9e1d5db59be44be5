/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The Secure EPT of a TD: its stages, and the gate that vCPUs enter through.
 *
 * A vCPU makes its sequence odd, then looks whether entry is held; who holds
 * entry says so, then looks at the sequences. Both have a full barrier in
 * between, so at least one sees the other.
 */
#include <tdxcore/version.h>

#include "sept_work.h"

#define MIN_PA_BITS 32u
#define MAX_PA_BITS 52u
#define CACHE_LINE  64u

/* Of a promotion before a removal: BLOCK, TRACK, PROMOTE, BLOCK, TRACK,
 * REMOVE, and the write-back of the table. */
#define PROMOTION_CALLS 7u

static bool ops_are_complete(const struct tdxc_sept_ops *ops)
{
	return ops && ops->abi == TDXC_ABI && ops->kick && ops->relax &&
	       ops->clflush && ops->rewrite && ops->pamt_cache &&
	       ops->table_free;
}

static bool vcpus_are_good(const struct tdxc_sept_config *config)
{
	return config->nr_vcpus == 0 ||
	       (config->vcpus && (uintptr_t)config->vcpus % CACHE_LINE == 0);
}

static uint32_t or_usual(uint32_t value, uint32_t usual)
{
	return value != 0 ? value : usual;
}

int tdxc_sept_init(struct tdxc_sept *sept,
		   const struct tdxc_sept_config *config)
{
	struct tdxc_sept_config *c = &sept->config;

	if (config->abi != TDXC_ABI || !ops_are_complete(config->ops) ||
	    !config->port || config->port->ops->abi != TDXC_ABI ||
	    !config->pamt || !config->quarantine ||
	    config->pa_bits < MIN_PA_BITS || config->pa_bits > MAX_PA_BITS ||
	    !vcpus_are_good(config))
		return TDXC_E_INVAL;
	memset(sept, 0, sizeof(*sept));
	*c = *config;
	c->kick_spins = or_usual(c->kick_spins, TDXC_SEPT_KICK_SPINS);
	c->track_spins = or_usual(c->track_spins, TDXC_SEPT_TRACK_SPINS);
	c->broadcast_cost =
		or_usual(c->broadcast_cost, TDXC_SEPT_BROADCAST_COST);
	return TDXC_OK;
}

void tdxc_sept_open(struct tdxc_sept *sept, uint64_t tdr, uint32_t keyid)
{
	sept->tdr = tdr;
	sept->keyid = keyid;
}

void tdxc_sept_set_stage(struct tdxc_sept *sept, enum tdxc_sept_stage stage)
{
	if (stage > tdxc_sept_stage_(sept) && stage < TDXC_SEPT_STAGES)
		tdxc_store_release(&sept->stage, (uint64_t)stage);
}

bool tdxc_sept_promotion_pays(const struct tdxc_sept *sept)
{
	return PROMOTION_CALLS + (uint64_t)sept->config.broadcast_cost <
	       2ull * TDXC_ENTRIES;
}

int tdxc_sept_enter_begin(struct tdxc_sept *sept, uint32_t vcpu)
{
	struct tdxc_sept_vcpu *v = &sept->config.vcpus[vcpu];
	uint64_t outside = tdxc_load_once(&v->sequence);

	/* A request to leave that came too late was for the last time. */
	tdxc_store_release(&v->kicked, 0);
	(void)tdxc_xchg(&v->sequence, outside + 1);
	if (tdxc_load_acquire(&sept->held) == 0)
		return TDXC_OK;
	tdxc_store_release(&v->sequence, outside + 2);
	return TDXC_E_AGAIN;
}

void tdxc_sept_enter_end(struct tdxc_sept *sept, uint32_t vcpu)
{
	struct tdxc_sept_vcpu *v = &sept->config.vcpus[vcpu];

	tdxc_store_release(&v->kicked, 0);
	tdxc_store_release(&v->sequence, tdxc_load_once(&v->sequence) + 1);
}
