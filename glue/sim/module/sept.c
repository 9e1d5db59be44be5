/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Secure EPT entries and the walk (sections 3.7, 7.2, 7.3). State bits: 9, 6,
 * 7 and 56:53; bit 9 of a mapped entry is the dirty flag and does not count.
 */
#include "module.h"

#define STATE_BITS  ((0xFull << 53) | (3ull << 6))
#define STATE_LEAF  (3ull << 6)
#define BLOCKED	    (1ull << 55)
#define PENDING	    (1ull << 56)
#define RWX	    7ull
#define LEAF_MT_WB  (6ull << 3)
#define SUPPRESS_VE (1ull << 63)

enum tdxc_sim_sept_state tdxc_sim_sept_state(uint64_t entry)
{
	switch (entry & STATE_BITS) {
	case SEPT_FREE &STATE_BITS:
		return SS_FREE;
	case 0:
		return SS_NL_MAPPED;
	case BLOCKED:
		return SS_NL_BLOCKED;
	case STATE_LEAF:
		return SS_MAPPED;
	case STATE_LEAF | BLOCKED:
		return SS_BLOCKED;
	case STATE_LEAF | PENDING:
		return SS_PENDING;
	case STATE_LEAF | PENDING | BLOCKED:
		return SS_PENDING_BLOCKED;
	default:
		return SS_OTHER;
	}
}

uint64_t tdxc_sim_sept_make(enum tdxc_sim_sept_state state, uint64_t hpa)
{
	static const uint64_t bits[] = {
		[SS_FREE] = SEPT_FREE,
		[SS_NL_MAPPED] = SUPPRESS_VE | RWX,
		[SS_NL_BLOCKED] = SUPPRESS_VE | BLOCKED,
		[SS_MAPPED] = SUPPRESS_VE | STATE_LEAF | LEAF_MT_WB | RWX,
		[SS_BLOCKED] = SUPPRESS_VE | BLOCKED | STATE_LEAF | LEAF_MT_WB,
		[SS_PENDING] = SUPPRESS_VE | PENDING | STATE_LEAF | LEAF_MT_WB,
		[SS_PENDING_BLOCKED] = SUPPRESS_VE | PENDING | BLOCKED |
				       STATE_LEAF | LEAF_MT_WB,
	};

	return bits[state] | (state == SS_FREE ? 0 : hpa);
}

bool tdxc_sim_sept_is_leaf(enum tdxc_sim_sept_state state)
{
	return state >= SS_MAPPED && state <= SS_PENDING_BLOCKED;
}

/* Architectural state numbers, RDX bits 15:8. */
static uint64_t state_number(enum tdxc_sim_sept_state state)
{
	static const uint8_t numbers[] = {
		[SS_FREE] = 0,
		[SS_NL_MAPPED] = 0x84,
		[SS_NL_BLOCKED] = 0x81,
		[SS_MAPPED] = 4,
		[SS_BLOCKED] = 1,
		[SS_PENDING] = 2,
		[SS_PENDING_BLOCKED] = 3,
		[SS_OTHER] = 5,
	};

	return numbers[state];
}

uint64_t tdxc_sim_sept_report_rdx(uint64_t entry, uint8_t level)
{
	return level | state_number(tdxc_sim_sept_state(entry)) << 8;
}

void tdxc_sim_sept_report(struct tdxc_sim_call *c, uint64_t entry,
			  uint8_t level)
{
	enum tdxc_sim_sept_state state = tdxc_sim_sept_state(entry);
	uint64_t shown = entry & RWX;

	if (state == SS_FREE)
		shown = SUPPRESS_VE;
	else if (tdxc_sim_sept_is_leaf(state))
		shown = entry & (0xFFull | SEPT_HPA | SUPPRESS_VE);
	c->gpr[TDXC_SIM_RCX] = shown & ~SEPT_LOCKED;
	c->gpr[TDXC_SIM_RDX] = tdxc_sim_sept_report_rdx(entry, level);
}

uint8_t tdxc_sim_sept_root_level(const struct tdxc_sim_td *td)
{
	return (uint8_t)(td->tdcs->eptp >> 3 & 7);
}

uint64_t tdxc_sim_level_bytes(uint8_t level)
{
	return PAGE_BYTES << (9 * level);
}

uint64_t tdxc_sim_check_gpa(const struct tdxc_sim_td *td, uint64_t rcx,
			    uint8_t min, uint8_t max, uint64_t *gpa,
			    uint8_t *level)
{
	uint32_t shared_bit = td->tdcs->gpaw != 0 ? 51 : 47;

	*level = (uint8_t)(rcx & 7);
	*gpa = rcx & SEPT_HPA;
	if ((rcx & 0xFF8) != 0 || rcx >> 52 != 0 || *level < min ||
	    *level > max || *gpa % tdxc_sim_level_bytes(*level) != 0 ||
	    *gpa >> shared_bit != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	return 0;
}

uint64_t *tdxc_sim_sept_table(const struct tdxc_sim_module *m,
			      const struct tdxc_sim_td *td, uint64_t hpa)
{
	return tdxc_sim_page_for_write(m, hpa, td->keyid);
}

static uint64_t index_at(uint64_t gpa, uint8_t level)
{
	return gpa >> (12 + 9 * level) & 511;
}

bool tdxc_sim_sept_walk(const struct tdxc_sim_module *m,
			const struct tdxc_sim_td *td, uint64_t gpa,
			uint8_t level, struct tdxc_sim_sept *at)
{
	at->gpa = gpa;
	at->level = tdxc_sim_sept_root_level(td);
	at->table = td->tdr->tdcx[3] & ~tdxc_sim_hkid_mask(m);
	for (;;) {
		uint64_t entry;

		at->entry = tdxc_sim_sept_table(m, td, at->table) +
			    index_at(gpa, at->level);
		if (at->level == level)
			return true;
		entry = tdxc_load_acquire(at->entry);
		if (tdxc_sim_sept_state(entry) != SS_NL_MAPPED)
			return false;
		at->table = entry & SEPT_HPA & ~SEPT_LOCKED;
		at->level--;
	}
}

/* The host wins the next round: bit 52 tells guests to stand back. */
bool tdxc_sim_sept_lock(uint64_t *entry)
{
	uint64_t old = tdxc_load_once(entry);

	for (;;) {
		if ((old & SEPT_LOCKED) != 0) {
			if ((old & SEPT_HP) != 0 ||
			    tdxc_try_cmpxchg(entry, &old, old | SEPT_HP))
				return false;
			continue;
		}
		if (tdxc_try_cmpxchg(entry, &old,
				     (old | SEPT_LOCKED) & ~SEPT_HP))
			return true;
	}
}

void tdxc_sim_sept_unlock(uint64_t *entry)
{
	tdxc_sim_set_bits(entry, SEPT_LOCKED, 0);
}

void tdxc_sim_sept_commit(uint64_t *entry, uint64_t value)
{
	tdxc_store_release(entry, value);
}
