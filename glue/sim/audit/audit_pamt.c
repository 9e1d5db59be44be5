/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every PAMT entry: its type at its level, nothing in use below a large page,
 * reserved pages and only they reserved, locks free. What is in use is
 * recorded for the checks that follow.
 */
#include "audit_state.h"

#define ENTRIES	   (PAGE_BYTES / 16)
#define PAIR_SHIFT 28
#define PAIR_COUNT 0x3FFull

/* A page of entries, and which memory they speak of. */
struct row {
	const struct tdxc_sim_tdmr *tdmr;
	const struct tdxc_sim_pamt_entry *entry;
	uint64_t pa; /* of entry[0] */
	uint64_t nr;
};

static uint64_t bytes_of(uint8_t size)
{
	return tdxc_sim_level_bytes(size);
}

static bool is_reserved(const struct tdxc_sim_tdmr *t, uint64_t pa)
{
	for (uint32_t i = 0; i < t->nr_reserved; i++) {
		if (pa >= t->reserved[i].start && pa < t->reserved[i].end)
			return true;
	}
	return false;
}

static bool touches_reserved(const struct tdxc_sim_tdmr *t, uint64_t start,
			     uint64_t end)
{
	struct tdxc_range r = {start, end};

	for (uint32_t i = 0; i < t->nr_reserved; i++) {
		if (tdxc_range_overlaps(t->reserved[i], r))
			return true;
	}
	return false;
}

static bool record(struct tdxc_sim_auditor *a,
		   const struct tdxc_sim_pamt_entry *e, uint64_t pa,
		   uint8_t size, uint8_t type)
{
	struct tdxc_sim_page_record *r;

	if (a->nr_pages == a->room) {
		size_t room = a->room == 0 ? 4096 : a->room * 2;

		r = a->ops->grow(a->ctx, a->pages, a->room * sizeof(*r),
				 room * sizeof(*r));
		if (!r)
			return tdxc_sim_audit_fail(a, "no memory for the audit",
						   room);
		a->pages = r;
		a->room = room;
	}
	r = &a->pages[a->nr_pages++];
	r->pa = pa;
	r->owner = tdxc_sim_pamt_owner(e);
	r->bepoch = e->bepoch;
	r->size = size;
	r->type = type;
	r->referred = false;
	return true;
}

static bool type_fits(uint8_t type, uint8_t size)
{
	switch (type) {
	case PT_NDA:
	case PT_REG:
		return true;
	case PT_RSVD:
	case PT_TDR:
	case PT_TDCX:
	case PT_TDVPR:
	case PT_EPT:
		return size == 0;
	default:
		return false;
	}
}

static bool entry_ok(struct tdxc_sim_auditor *a,
		     const struct tdxc_sim_pamt_entry *e, uint64_t pa,
		     uint8_t size)
{
	uint8_t type = tdxc_sim_pamt_type(e);

	if (!type_fits(type, size))
		return tdxc_sim_audit_fail(a, "page type illegal at its size",
					   pa);
	if (!tdxc_sim_audit_lock(a, &e->word, "PAMT entry locked", pa))
		return false;
	return type == PT_NDA || type == PT_RSVD ||
	       record(a, e, pa, size, type);
}

/* The row of a level's entries that starts with the one of pa. */
static struct row row_at(const struct tdxc_sim_auditor *a,
			 const struct tdxc_sim_tdmr *t, uint64_t pa,
			 uint8_t size)
{
	uint64_t at = t->pamt[size] + (pa - t->base) / bytes_of(size) * 16;
	const char *page = tdxc_sim_audit_page(a, at & ~(PAGE_BYTES - 1),
					       a->m->global_keyid);
	struct row row = {.tdmr = t, .pa = pa};

	row.entry = (const struct tdxc_sim_pamt_entry
			     *)(const void *)(page + at % PAGE_BYTES);
	row.nr = ENTRIES - at % PAGE_BYTES / 16;
	return row;
}

static bool is_zero(const struct tdxc_sim_pamt_entry *e, uint64_t nr)
{
	uint64_t any = 0;

	for (uint64_t i = 0; i < nr; i++)
		any |= e[i].word;
	return any == 0;
}

static bool small_entry_ok(struct tdxc_sim_auditor *a, const struct row *row,
			   uint64_t i, bool free_only)
{
	const struct tdxc_sim_pamt_entry *e = &row->entry[i];
	uint64_t pa = row->pa + i * PAGE_BYTES;
	uint8_t type = tdxc_sim_pamt_type(e);

	if (!a->m->dynamic_pamt &&
	    (type == PT_RSVD) != is_reserved(row->tdmr, pa))
		return tdxc_sim_audit_fail(
			a, "reserved page not so marked, or one that is none",
			pa);
	if (free_only && type != PT_NDA)
		return tdxc_sim_audit_fail(
			a, "4K page in use below a large page", pa);
	return entry_ok(a, e, pa, 0);
}

static bool row_ok(struct tdxc_sim_auditor *a, const struct row *row,
		   bool free_only)
{
	uint64_t end = row->pa + row->nr * PAGE_BYTES;

	if (is_zero(row->entry, row->nr) &&
	    (a->m->dynamic_pamt || !touches_reserved(row->tdmr, row->pa, end)))
		return true;
	for (uint64_t i = 0; i < row->nr; i++) {
		if (!small_entry_ok(a, row, i, free_only))
			return false;
	}
	return true;
}

/* --- Dynamic PAMT -------------------------------------------------------- */

static bool bit_is_set(const struct tdxc_sim_auditor *a,
		       const struct tdxc_sim_tdmr *t, uint64_t pa)
{
	uint64_t index = (pa - t->base) / PAGE_BYTES;
	uint64_t at = t->pamt[0] + index / 64 * 8;
	const uint64_t *page = tdxc_sim_audit_page(a, at & ~(PAGE_BYTES - 1),
						   a->m->global_keyid);

	return (page[at % PAGE_BYTES / 8] >> (index % 64) & 1) != 0;
}

static uint64_t nr_used(const struct row *row)
{
	uint64_t used = 0;

	for (uint64_t i = 0; i < row->nr; i++)
		used += tdxc_sim_pamt_type(&row->entry[i]) != PT_NDA;
	return used;
}

/* Half of the entries behind a pair node: one of its two pages. */
static bool half_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdmr *t,
		    uint64_t pa, uint64_t word, uint64_t *used)
{
	uint64_t page = word >> PAIR_SHIFT << 12;
	const struct tdxc_sim_tdmr *home = tdxc_sim_find_tdmr(a->m, page);
	struct row row = {t, NULL, pa, ENTRIES};

	if (!home || !bit_is_set(a, home, page))
		return tdxc_sim_audit_fail(
			a, "page of a pair not marked in the bitmap", page);
	row.entry = tdxc_sim_audit_page(a, page, a->m->global_keyid);
	*used += nr_used(&row);
	return row_ok(a, &row, false);
}

static bool pair_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdmr *t,
		    const struct tdxc_sim_pamt_entry *node, uint64_t pa)
{
	uint64_t used = 0;

	if (!tdxc_sim_audit_lock(a, &node->word, "PAMT entry locked", pa) ||
	    !half_ok(a, t, pa, node->word, &used) ||
	    !half_ok(a, t, pa + ENTRIES * PAGE_BYTES, node->bepoch, &used))
		return false;
	if ((node->bepoch & PAIR_COUNT) != used)
		return tdxc_sim_audit_fail(
			a, "use count of a pair is not that of its entries",
			pa);
	return true;
}

/* --- from large to small ------------------------------------------------- */

static bool small_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdmr *t,
		     uint64_t pa, bool free_only)
{
	uint64_t end = pa + TDXC_SIZE_2M;

	while (pa < end) {
		struct row row = row_at(a, t, pa, 0);

		if (!row_ok(a, &row, free_only))
			return false;
		pa += row.nr * PAGE_BYTES;
	}
	return true;
}

static bool middle_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdmr *t,
		      uint64_t pa, bool free_only)
{
	struct row row = row_at(a, t, pa, 1);
	uint8_t type = tdxc_sim_pamt_type(row.entry);

	if (free_only && type != PT_NDA && type != PT_PAMT)
		return tdxc_sim_audit_fail(
			a, "2M page in use below a large page", pa);
	if (type == PT_PAMT && a->m->dynamic_pamt)
		return pair_ok(a, t, row.entry, pa);
	if (!entry_ok(a, row.entry, pa, 1))
		return false;
	return a->m->dynamic_pamt ||
	       small_ok(a, t, pa, free_only || type == PT_REG);
}

static bool large_ok(struct tdxc_sim_auditor *a, const struct tdxc_sim_tdmr *t,
		     uint64_t pa)
{
	struct row row = row_at(a, t, pa, 2);
	bool used = tdxc_sim_pamt_type(row.entry) != PT_NDA;
	uint64_t at;

	if (!entry_ok(a, row.entry, pa, 2))
		return false;
	for (at = pa; at < pa + TDXC_SIZE_1G; at += TDXC_SIZE_2M) {
		if (!middle_ok(a, t, at, used))
			return false;
	}
	return true;
}

bool tdxc_sim_audit_pamt(struct tdxc_sim_auditor *a)
{
	for (uint32_t i = 0; i < a->m->nr_tdmrs; i++) {
		const struct tdxc_sim_tdmr *t = &a->m->tdmrs[i];
		uint64_t end = t->initialized & ~(TDXC_SIZE_1G - 1);

		for (uint64_t pa = t->base; pa < end; pa += TDXC_SIZE_1G) {
			if (!large_ok(a, t, pa))
				return false;
		}
	}
	return true;
}
