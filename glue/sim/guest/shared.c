/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Plain EPT of 8-byte entries, for memory the guest shares. */
#include "guest.h"

#define RWX	 7ull
#define W	 2ull
#define ACCESSED (1ull << 8)
#define DIRTY	 (1ull << 9)
#define MT_WB	 (6ull << 3)
#define LARGE	 (1ull << 7)
#define ADDRESS	 0x000FFFFFFFFFF000ull
#define PAGE	 TDXC_PAGE_SIZE

uint64_t tdxc_sim_guest_load(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint64_t pa)
{
	uint64_t value = 0;

	if (!machine->lines) {
		const char *page = machine->module.ops->page(
			machine->module.ctx, pa & ~(PAGE - 1), false);

		return tdxc_load_acquire(
			(const uint64_t *)(const void *)(page + pa % PAGE));
	}
	(void)tdxc_sim_machine_load(machine, lp, pa, &value, sizeof(value));
	return value;
}

void tdxc_sim_guest_store(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t pa, uint64_t value)
{
	if (!machine->lines) {
		char *page = machine->module.ops->page(machine->module.ctx,
						       pa & ~(PAGE - 1), true);

		tdxc_store_release((uint64_t *)(void *)(page + pa % PAGE),
				   value);
		return;
	}
	(void)tdxc_sim_machine_store(machine, lp, pa, &value, sizeof(value));
}

static uint64_t entry_at(uint64_t table, uint64_t gpa, uint32_t level)
{
	return table + (gpa >> (12 + 9 * level) & 511) * 8;
}

bool tdxc_sim_shared_map(struct tdxc_sim_machine *machine, uint64_t root,
			 uint64_t gpa, uint64_t pa,
			 uint64_t (*table)(void *ctx), void *ctx)
{
	uint64_t at = root;
	uint32_t level;

	for (level = 3; level > 0; level--) {
		uint64_t slot = entry_at(at, gpa, level);
		uint64_t entry = tdxc_sim_guest_load(machine, 0, slot);

		if ((entry & RWX) == 0 && pa == TDXC_SIM_GUEST_UNMAP)
			return true;
		if ((entry & LARGE) != 0)
			return false;
		if ((entry & RWX) == 0) {
			entry = table(ctx);
			if (entry == 0)
				return false;
			entry |= RWX;
			tdxc_sim_guest_store(machine, 0, slot, entry);
		}
		at = entry & ADDRESS;
	}
	tdxc_sim_guest_store(machine, 0, entry_at(at, gpa, 0),
			     pa == TDXC_SIM_GUEST_UNMAP ? 0
							: (pa | RWX | MT_WB));
	return true;
}

/* Of an entry: what is there, in whichever memory. */
static uint64_t load_entry(const struct tdxc_sim_shared *ept, uint64_t at)
{
	if (ept->virt == 0)
		return tdxc_sim_guest_load(ept->machine, ept->lp, at);
	return tdxc_load_acquire((const uint64_t *)(size_t)(at + ept->virt));
}

/* A and D as a processor sets them; false: the entry has changed. */
static bool mark(const struct tdxc_sim_shared *ept, uint64_t at, uint64_t entry,
		 bool write)
{
	uint64_t marked = entry | ACCESSED | (write ? DIRTY : 0);

	if (ept->virt == 0 || marked == entry)
		return true;
	return tdxc_try_cmpxchg((uint64_t *)(size_t)(at + ept->virt), &entry,
				marked);
}

enum walked { WALKED, WALK_ABSENT, WALK_AGAIN };

static enum walked walk_once(const struct tdxc_sim_shared *ept, uint64_t gpa,
			     bool write, struct tdxc_sim_translation *out)
{
	const struct tdxc_sim_platform *p = &ept->machine->platform;
	uint64_t end = (uint64_t)1 << (p->pa_width - p->keyid_bits);
	uint32_t level = ept->levels - 1;
	uint64_t at = ept->root;

	for (;; level--) {
		uint64_t slot = entry_at(at, gpa, level);
		uint64_t entry = load_entry(ept, slot);

		at = entry & ADDRESS;
		if ((entry & RWX) == 0 || at >= end ||
		    (write && (entry & W) == 0))
			return WALK_ABSENT;
		if (level != 0 && (level > 2 || (entry & LARGE) == 0))
			continue;
		if (!mark(ept, slot, entry, write))
			return WALK_AGAIN;
		out->level = (uint8_t)level;
		out->pa = at & ~((PAGE << (9 * level)) - 1);
		return WALKED;
	}
}

bool tdxc_sim_shared_access(const struct tdxc_sim_shared *ept, uint64_t gpa,
			    bool write, struct tdxc_sim_translation *out)
{
	enum walked walked;

	do {
		walked = walk_once(ept, gpa, write, out);
	} while (walked == WALK_AGAIN);
	return walked == WALKED;
}

bool tdxc_sim_shared_walk(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t root, uint64_t gpa,
			  struct tdxc_sim_translation *out)
{
	const struct tdxc_sim_shared ept = {machine, lp, 4, root, 0};

	return tdxc_sim_shared_access(&ept, gpa, false, out);
}
