/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest's page tables: a direct map of all its memory, as a kernel has it, in
 * private pages of the guest that nobody wrote before.
 */
#include "play_impl.h"

#include <string.h>
#include <tdxcore/scan.h>

#define GIB	  ((uint64_t)1 << 30)
#define START_4	  0xFFFF888000000000ull
#define START_5	  0xFF11000000000000ull
#define NX	  (1ull << 63)
#define SMALL	  (NX | TDXC_PTE_TABLE)
#define LARGE	  (SMALL | TDXC_PTE_PS)
#define TABLE_PA  0x000FFFFFFFFFF000ull
#define PER_TABLE 512u

uint64_t *play_tables_at(struct play_td *td, uint64_t gpa)
{
	if (gpa >= td->def->memory)
		return NULL;
	return tdxc_sim_vmm_private_page(td->vm, gpa);
}

/* The guest writes it, so that it is mapped and accepted. */
static bool touch(struct play_td *td, uint64_t gpa)
{
	const struct tdxc_sim_guest_op op = {
		.code = TDXC_SIM_GUEST_WRITE,
		.gpa = gpa,
		.bytes = SCENARIO_PAGE,
	};

	return tdxc_sim_vmm_run(td->vm, 0, &op, 1).result ==
	       TDXC_SIM_GUEST_DONE;
}

int play_tables_take(struct play_tables *t, uint64_t *gpa)
{
	struct play_td *td = t->td;
	uint64_t *entries;

	while (t->next > 0) {
		size_t i = --t->next;

		if (td->is_shared[i] || td->stamps[i] != 0)
			continue;
		*gpa = i * SCENARIO_PAGE;
		if (!touch(td, *gpa))
			return TDXC_E_IO;
		entries = play_tables_at(td, *gpa);
		if (!entries)
			return TDXC_E_IO;
		memset(entries, 0, SCENARIO_PAGE);
		t->pages++;
		return TDXC_OK;
	}
	return TDXC_E_NOSPC;
}

static uint32_t index_at(uint64_t va, uint32_t level)
{
	return (uint32_t)(va >> (12 + 9 * (level - 1))) % PER_TABLE;
}

static uint64_t bytes_at(uint32_t level)
{
	return SCENARIO_PAGE << (9 * (level - 1));
}

/* The entry of that level, with the tables above it. */
static int reach(struct play_tables *t, uint64_t va, uint32_t level,
		 uint64_t **slot)
{
	uint64_t *table = play_tables_at(t->td, t->root);
	uint64_t gpa;
	uint32_t at;
	int err;

	for (at = t->levels; table && at > level; at--) {
		uint64_t *entry = &table[index_at(va, at)];

		if (*entry == 0) {
			err = play_tables_take(t, &gpa);
			if (err != TDXC_OK)
				return err;
			*entry = gpa | TDXC_PTE_TABLE;
		}
		if ((*entry & TDXC_PTE_PS) != 0)
			return TDXC_E_EXIST;
		table = play_tables_at(t->td, *entry & TABLE_PA);
	}
	if (!table)
		return TDXC_E_IO;
	*slot = &table[index_at(va, level)];
	return TDXC_OK;
}

static bool is_uniform(const struct play_td *td, uint64_t gpa, uint64_t bytes)
{
	const uint8_t *first = &td->is_shared[gpa / SCENARIO_PAGE];

	return gpa % bytes == 0 && gpa + bytes <= td->def->memory &&
	       memcmp(first, first + 1, bytes / SCENARIO_PAGE - 1) == 0;
}

static uint64_t leaf(const struct play_tables *t, uint64_t gpa, uint32_t level)
{
	uint64_t bits = level == 1 ? SMALL : LARGE;

	if (t->td->is_shared[gpa / SCENARIO_PAGE])
		bits |= t->td->alias;
	return gpa | bits;
}

static uint32_t level_of(const struct play_td *td, uint64_t gpa)
{
	uint32_t level = 3;

	while (level > 1 && !is_uniform(td, gpa, bytes_at(level)))
		level--;
	return level;
}

int play_tables_build(struct play_tables *t)
{
	uint64_t memory = t->td->def->memory;
	uint64_t gpa;
	uint32_t level;
	uint64_t *slot;
	int err;

	t->start = t->levels == 5 ? START_5 : START_4;
	t->next = memory / SCENARIO_PAGE;
	err = play_tables_take(t, &t->root);
	for (gpa = 0; gpa < memory && err == TDXC_OK; gpa += bytes_at(level)) {
		level = level_of(t->td, gpa);
		err = reach(t, t->start + gpa, level, &slot);
		if (err == TDXC_OK)
			*slot = leaf(t, gpa, level);
	}
	return err;
}

/* Of a page in the middle of its conversion: the first step is done. */
int play_tables_share(struct play_tables *t, uint64_t gpa)
{
	uint64_t *table;
	uint64_t *slot;
	uint64_t page;
	uint32_t level;
	uint32_t i;
	int err;

	for (level = 3; level > 1; level--) {
		uint64_t first = gpa & ~(bytes_at(level) - 1);

		err = reach(t, t->start + gpa, level, &slot);
		if (err != TDXC_OK)
			return err;
		if ((*slot & TDXC_PTE_PS) == 0)
			continue;
		err = play_tables_take(t, &page);
		if (err != TDXC_OK)
			return err;
		table = play_tables_at(t->td, page);
		for (i = 0; table && i < PER_TABLE; i++)
			table[i] = leaf(t, first + i * bytes_at(level - 1),
					level - 1);
		*slot = page | TDXC_PTE_TABLE;
	}
	err = reach(t, t->start + gpa, 1, &slot);
	if (err == TDXC_OK)
		*slot |= t->td->alias;
	return err;
}
