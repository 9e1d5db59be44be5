/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The PAMT: one 16-byte entry per 4K, 2M and 1G of every TDMR, in simulated
 * memory under the global KeyID (sections 3.6, 5.1, 6, 11).
 */
#include "module.h"

#define TYPE_SHIFT  16
#define OWNER_SHIFT 24
#define LOCK_BITS   0xFFFFull
#define TYPE_BITS   (0xFFull << TYPE_SHIFT)

/* A pair node of Dynamic PAMT: page numbers of the two pages at bits 63:28 of
 * either word, use count at 9:0 of the second. */
#define PAIR_SHIFT 28
#define PAIR_COUNT 0x3FFull

static const uint8_t size_shift[] = {12, 21, 30};

uint8_t tdxc_sim_pamt_type(const struct tdxc_sim_pamt_entry *e)
{
	uint64_t type = tdxc_load_once(&e->word) >> TYPE_SHIFT & 0xFF;

	/* a pair node has address bits above its five type bits */
	return (type & 0x1F) == PT_PAMT ? PT_PAMT : (uint8_t)type;
}

uint64_t tdxc_sim_pamt_owner(const struct tdxc_sim_pamt_entry *e)
{
	return tdxc_load_once(&e->word) >> OWNER_SHIFT << 12;
}

void tdxc_sim_pamt_set(struct tdxc_sim_pamt_entry *e,
		       enum tdxc_sim_page_type type, uint64_t owner)
{
	tdxc_sim_set_bits(&e->word, ~LOCK_BITS,
			  (uint64_t)type << TYPE_SHIFT |
				  owner >> 12 << OWNER_SHIFT);
}

void tdxc_sim_pamt_set_type(struct tdxc_sim_pamt_entry *e,
			    enum tdxc_sim_page_type type)
{
	tdxc_sim_set_bits(&e->word, TYPE_BITS, (uint64_t)type << TYPE_SHIFT);
}

void tdxc_sim_pamt_free(struct tdxc_sim_module *m,
			struct tdxc_sim_pamt_entry *e, uint64_t pa,
			uint8_t size)
{
	if (size == 0)
		tdxc_sim_pamt_set_type(e, PT_NDA);
	else
		tdxc_sim_pamt_set(e, PT_NDA, 0);
	if (size == 0)
		tdxc_sim_pamt_count(m, pa, -1);
}

struct tdxc_sim_tdmr *tdxc_sim_find_tdmr(struct tdxc_sim_module *m, uint64_t pa)
{
	uint32_t i;

	for (i = m->nr_tdmrs; i-- > 0;) {
		if (m->tdmrs[i].base <= pa)
			return pa < m->tdmrs[i].end ? &m->tdmrs[i] : NULL;
	}
	return NULL;
}

static struct tdxc_sim_pamt_entry *entry_at(const struct tdxc_sim_module *m,
					    uint64_t pa)
{
	char *page = tdxc_sim_page_for_write(m, pa & ~(PAGE_BYTES - 1),
					     m->global_keyid);

	return (struct tdxc_sim_pamt_entry *)(void *)(page + pa % PAGE_BYTES);
}

/* The 4K entry through its pair node; NULL without one. */
static struct tdxc_sim_pamt_entry *
paired_entry(struct tdxc_sim_module *m, struct tdxc_sim_pamt_entry *node,
	     uint64_t pa)
{
	uint64_t index = pa >> 12 & 511;
	uint64_t word;

	if (tdxc_sim_pamt_type(node) != PT_PAMT)
		return NULL;
	word = tdxc_load_once(index < 256 ? &node->word : &node->bepoch);
	return entry_at(m, (word >> PAIR_SHIFT << 12) + index % 256 * 16);
}

static struct tdxc_sim_pamt_entry *entry_of(struct tdxc_sim_module *m,
					    const struct tdxc_sim_tdmr *t,
					    uint64_t pa, uint8_t size)
{
	uint64_t index = (pa - t->base) >> size_shift[size];

	if (size == 0 && m->dynamic_pamt)
		return paired_entry(m, entry_of(m, t, pa, 1), pa);
	return entry_at(m, t->pamt[size] + index * 16);
}

struct tdxc_sim_pamt_entry *tdxc_sim_pamt_entry(struct tdxc_sim_module *m,
						uint64_t pa, uint8_t size)
{
	const struct tdxc_sim_tdmr *t = tdxc_sim_find_tdmr(m, pa);

	return t ? entry_of(m, t, pa, size) : NULL;
}

static uint64_t usable_end(struct tdxc_sim_tdmr *t)
{
	return tdxc_load_acquire(&t->initialized) & ~(TDXC_SIZE_1G - 1);
}

bool tdxc_sim_page_covered(struct tdxc_sim_module *m, uint64_t pa)
{
	struct tdxc_sim_tdmr *t = tdxc_sim_find_tdmr(m, pa);

	return t && pa < usable_end(t);
}

uint64_t tdxc_sim_check_hpa(const struct tdxc_sim_module *m, uint64_t pa,
			    uint8_t size, uint32_t operand)
{
	if ((pa & ((1ull << size_shift[size]) - 1)) != 0 ||
	    (pa & tdxc_sim_hkid_mask(m)) != 0 || pa >> 52 != 0)
		return STATUS(ST_OPERAND_INVALID, operand);
	return 0;
}

/* Make the lock taken last exclusive, where the walk ends. */
static uint64_t finish_walk(struct tdxc_sim_call *c, bool exclusive,
			    uint32_t operand)
{
	struct tdxc_sim_held *last = &c->held[c->nr_held - 1];

	if (!exclusive)
		return 0;
	if (!tdxc_sim_lock_promote(last->word))
		return STATUS(ST_BUSY, operand);
	last->exclusive = true;
	return 0;
}

uint64_t tdxc_sim_pamt_walk(struct tdxc_sim_call *c, uint64_t pa, uint8_t size,
			    bool exclusive, uint32_t operand,
			    struct tdxc_sim_pamt_ref *ref)
{
	struct tdxc_sim_module *m = c->m;

	ref->pa = pa;
	ref->tdmr = tdxc_sim_find_tdmr(m, pa);
	if (!ref->tdmr || pa >= usable_end(ref->tdmr))
		return STATUS(ST_ADDR_RANGE, operand);
	for (ref->size = 2; ref->size > 0; ref->size--) {
		uint8_t type;

		ref->entry = entry_of(m, ref->tdmr, pa, ref->size);
		if (!tdxc_sim_hold(c, &ref->entry->word, false))
			return STATUS(ST_BUSY, operand);
		type = tdxc_sim_pamt_type(ref->entry);
		if (ref->size == size || type == PT_REG)
			return finish_walk(c, exclusive, operand);
		if (ref->size == 1 && m->dynamic_pamt && type != PT_PAMT)
			return finish_walk(c, exclusive, operand);
	}
	ref->entry = entry_of(m, ref->tdmr, pa, 0);
	if (!tdxc_sim_hold(c, &ref->entry->word, exclusive))
		return STATUS(ST_BUSY, operand);
	return 0;
}

static char *bitmap_byte(struct tdxc_sim_module *m,
			 const struct tdxc_sim_tdmr *t, uint64_t pa)
{
	uint64_t at = t->pamt[TDXC_PAMT_4K] + (pa - t->base) / PAGE_BYTES / 8;
	char *page = tdxc_sim_page_for_write(m, at & ~(PAGE_BYTES - 1),
					     m->global_keyid);

	return page + at % PAGE_BYTES;
}

static uint64_t *bitmap_word(struct tdxc_sim_module *m, uint64_t pa)
{
	const struct tdxc_sim_tdmr *t = tdxc_sim_find_tdmr(m, pa);
	uint64_t first = pa & ~(64 * PAGE_BYTES - 1);

	return (uint64_t *)(void *)bitmap_byte(m, t, first);
}

static bool bitmap_test(struct tdxc_sim_module *m, uint64_t pa)
{
	return tdxc_load_once(bitmap_word(m, pa)) >> (pa >> 12 & 63) & 1;
}

/* Set the bit; false when it was set. */
static bool bitmap_claim(struct tdxc_sim_module *m, uint64_t pa)
{
	uint64_t *word = bitmap_word(m, pa);
	uint64_t bit = 1ull << (pa >> 12 & 63);
	uint64_t old = tdxc_load_once(word);

	do {
		if ((old & bit) != 0)
			return false;
	} while (!tdxc_try_cmpxchg(word, &old, old | bit));
	return true;
}

static void bitmap_forget(struct tdxc_sim_module *m, uint64_t pa)
{
	tdxc_sim_set_bits(bitmap_word(m, pa), 1ull << (pa >> 12 & 63), 0);
}

/* No 4K entry below a free 2M entry may be in use (section 6.2). */
static bool all_children_free(struct tdxc_sim_module *m,
			      const struct tdxc_sim_pamt_ref *ref)
{
	uint64_t pa;

	for (pa = ref->pa; pa < ref->pa + TDXC_SIZE_2M; pa += PAGE_BYTES) {
		if (m->dynamic_pamt ? bitmap_test(m, pa)
				    : tdxc_sim_pamt_type(entry_of(
					      m, ref->tdmr, pa, 0)) != PT_NDA)
			return false;
	}
	return true;
}

/* Section 11: a 4K operand in a range without a pair. */
static uint64_t no_pair(const struct tdxc_sim_pamt_ref *ref, uint32_t operand)
{
	if (ref->size == 1 && tdxc_sim_pamt_type(ref->entry) == PT_NDA)
		return STATUS(ST_MISSING_PAMT_PAIR, operand);
	return STATUS(ST_PAGE_METADATA, operand);
}

uint64_t tdxc_sim_claim_page(struct tdxc_sim_call *c, uint64_t pa, uint8_t size,
			     enum tdxc_sim_page_type type, bool exclusive,
			     uint32_t operand, struct tdxc_sim_pamt_ref *ref)
{
	uint64_t status = tdxc_sim_check_hpa(c->m, pa, size, operand);

	if (status == 0)
		status = tdxc_sim_pamt_walk(c, pa, size, exclusive, operand,
					    ref);
	if (status != 0)
		return status;
	if (ref->size != size)
		return c->m->dynamic_pamt && type == PT_NDA
			       ? no_pair(ref, operand)
			       : STATUS(ST_PAGE_METADATA, operand);
	if (tdxc_sim_pamt_type(ref->entry) != type)
		return STATUS(ST_PAGE_METADATA, operand);
	if (type != PT_NDA)
		return 0;
	if ((size == 1 && !all_children_free(c->m, ref)) ||
	    (size == 0 && c->m->dynamic_pamt && bitmap_test(c->m, pa)))
		return STATUS(ST_PAGE_METADATA, operand);
	return 0;
}

void tdxc_sim_pamt_count(struct tdxc_sim_module *m, uint64_t pa, int64_t by)
{
	struct tdxc_sim_pamt_entry *node;

	if (!m->dynamic_pamt)
		return;
	node = tdxc_sim_pamt_entry(m, pa, 1);
	if (tdxc_sim_pamt_type(node) == PT_PAMT)
		(void)tdxc_sim_add(&node->bepoch, (uint64_t)by);
}

/* --- initialisation, section 5.1 ----------------------------------------- */

static void mark_reserved(struct tdxc_sim_module *m,
			  const struct tdxc_sim_tdmr *t, struct tdxc_range step)
{
	uint32_t i;

	for (i = 0; i < t->nr_reserved; i++) {
		struct tdxc_range r =
			tdxc_range_intersect(t->reserved[i], step);

		for (; r.start < r.end; r.start += PAGE_BYTES) {
			if (m->dynamic_pamt)
				(void)bitmap_claim(m, r.start);
			else
				tdxc_sim_pamt_set(entry_of(m, t, r.start, 0),
						  PT_RSVD, 0);
		}
	}
}

/* Zero the pages of a region that begin inside this step. */
static void zero_region(struct tdxc_sim_module *m, uint64_t region,
			uint64_t start, uint64_t end)
{
	uint64_t first = (start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	uint64_t last = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);

	if (first < last)
		m->ops->zero(m->ctx,
			     tdxc_sim_keyed(m, region + first, m->global_keyid),
			     last - first);
}

/* The next 4 MiB (Dynamic PAMT: 16 MiB) of a TDMR whose lock is held. */
uint64_t tdxc_sim_pamt_init_step(struct tdxc_sim_module *m,
				 struct tdxc_sim_tdmr *t)
{
	uint64_t bytes = m->dynamic_pamt ? 16 << 20 : 4 << 20;
	uint64_t start = t->initialized - t->base;
	uint64_t end = start + bytes;
	struct tdxc_range step = {t->initialized, t->initialized + bytes};

	if (m->dynamic_pamt)
		zero_region(m, t->pamt[0], start >> 15, end >> 15);
	else
		zero_region(m, t->pamt[0], start >> 12 << 4, end >> 12 << 4);
	zero_region(m, t->pamt[1], start >> 21 << 4, end >> 21 << 4);
	if (start % TDXC_SIZE_1G == 0)
		zero_region(m, t->pamt[2], start >> 30 << 4,
			    (start >> 30 << 4) + 16);
	mark_reserved(m, t, step);
	tdxc_store_release(&t->initialized, step.end);
	return step.end;
}

/* --- Dynamic PAMT, section 11 -------------------------------------------- */

static uint64_t claim_2m(struct tdxc_sim_call *c, struct tdxc_sim_pamt_ref *ref)
{
	uint64_t rcx = c->gpr[TDXC_SIM_RCX];
	uint64_t pa = rcx & ~(PAGE_BYTES - 1);

	if (!c->m->dynamic_pamt)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RAX);
	if ((rcx & (PAGE_BYTES - 1)) != 1 ||
	    tdxc_sim_check_hpa(c->m, pa, 1, TDXC_SIM_RCX) != 0)
		return STATUS(ST_OPERAND_INVALID, TDXC_SIM_RCX);
	ref->pa = pa;
	return 0;
}

/* A page offered for the pair: inside the range itself, or free elsewhere. */
static uint64_t claim_pair_page(struct tdxc_sim_call *c, uint64_t range,
				uint64_t pa, uint32_t operand)
{
	struct tdxc_sim_pamt_ref ref;
	uint64_t status;

	if ((pa & ~(TDXC_SIZE_2M - 1)) != range) {
		status = tdxc_sim_pamt_walk(c, pa, 0, false, operand, &ref);
		if (status != 0)
			return status;
		if (tdxc_sim_pamt_type(ref.entry) != PT_NDA)
			return STATUS(ST_PAGE_NOT_FREE, operand);
	}
	return bitmap_claim(c->m, pa) ? 0 : STATUS(ST_PAGE_NOT_FREE, operand);
}

/* Format and coverage of both, in that order. */
static uint64_t check_pair_pages(struct tdxc_sim_call *c,
				 const uint32_t operand[2])
{
	uint64_t status = 0;
	uint32_t i;

	for (i = 0; status == 0 && i < 2; i++) {
		uint64_t pa = c->gpr[operand[i]];

		status = tdxc_sim_check_hpa(c->m, pa, 0, operand[i]);
		if (status == 0 && !tdxc_sim_page_covered(c->m, pa))
			status = STATUS(ST_ADDR_RANGE, operand[i]);
	}
	return status;
}

static uint64_t claim_pair(struct tdxc_sim_call *c, uint64_t range,
			   const uint32_t operand[2])
{
	uint64_t page0 = c->gpr[operand[0]];
	uint64_t status = claim_pair_page(c, range, page0, operand[0]);

	if (status != 0)
		return status;
	status = claim_pair_page(c, range, c->gpr[operand[1]], operand[1]);
	if (status != 0)
		bitmap_forget(c->m, page0);
	return status;
}

static const uint32_t demote_operands[2] = {TDXC_SIM_R12, TDXC_SIM_R13};

uint64_t tdxc_sim_pair_claim(struct tdxc_sim_call *c)
{
	uint64_t status = check_pair_pages(c, demote_operands);

	return status == 0 ? claim_pair(c, NO_ID, demote_operands) : status;
}

void tdxc_sim_pair_unclaim(struct tdxc_sim_call *c)
{
	bitmap_forget(c->m, c->gpr[TDXC_SIM_R12]);
	bitmap_forget(c->m, c->gpr[TDXC_SIM_R13]);
}

void tdxc_sim_pair_install(struct tdxc_sim_module *m,
			   struct tdxc_sim_pamt_entry *node, uint64_t page0,
			   uint64_t page1)
{
	m->ops->zero(m->ctx, tdxc_sim_keyed(m, page0, m->global_keyid),
		     PAGE_BYTES);
	m->ops->zero(m->ctx, tdxc_sim_keyed(m, page1, m->global_keyid),
		     PAGE_BYTES);
	tdxc_store_release(&node->bepoch, page1 >> 12 << PAIR_SHIFT);
	tdxc_sim_set_bits(&node->word, ~LOCK_BITS,
			  (uint64_t)PT_PAMT << TYPE_SHIFT |
				  page0 >> 12 << PAIR_SHIFT);
}

void tdxc_sim_pair_take(struct tdxc_sim_module *m,
			struct tdxc_sim_pamt_entry *node, uint64_t pages[2])
{
	pages[0] = tdxc_load_once(&node->word) >> PAIR_SHIFT << 12;
	pages[1] = tdxc_load_once(&node->bepoch) >> PAIR_SHIFT << 12;
	tdxc_sim_set_bits(&node->word, ~LOCK_BITS, 0);
	tdxc_store_release(&node->bepoch, 0);
	bitmap_forget(m, pages[0]);
	bitmap_forget(m, pages[1]);
}

uint64_t tdxc_sim_pamt_add(struct tdxc_sim_call *c)
{
	static const uint32_t operand[2] = {TDXC_SIM_RDX, TDXC_SIM_R8};
	struct tdxc_sim_pamt_ref ref;
	uint64_t status = claim_2m(c, &ref);

	if (status == 0)
		status = check_pair_pages(c, operand);
	if (status == 0)
		status = tdxc_sim_pamt_walk(c, ref.pa, 1, true, TDXC_SIM_RCX,
					    &ref);
	if (status != 0)
		return status;
	if (ref.size != 1 || tdxc_sim_pamt_type(ref.entry) != PT_NDA)
		return STATUS(ST_RANGE_NOT_FREE, TDXC_SIM_RCX);
	status = claim_pair(c, ref.pa, operand);
	if (status == 0)
		tdxc_sim_pair_install(c->m, ref.entry, c->gpr[TDXC_SIM_RDX],
				      c->gpr[TDXC_SIM_R8]);
	return status;
}

/* An entry that is locked still belongs to a call that is about to end, which
 * will write to it once more. */
static bool pair_page_in_use(struct tdxc_sim_module *m, uint64_t pa)
{
	const struct tdxc_sim_pamt_entry *e = entry_at(m, pa);
	uint32_t i;

	for (i = 0; i < 256; i++) {
		if (tdxc_sim_pamt_type(&e[i]) != PT_NDA ||
		    tdxc_sim_is_locked(&e[i].word))
			return true;
	}
	return false;
}

uint64_t tdxc_sim_pamt_remove(struct tdxc_sim_call *c)
{
	struct tdxc_sim_module *m = c->m;
	struct tdxc_sim_pamt_ref ref;
	uint64_t status = claim_2m(c, &ref);
	uint64_t pages[2];

	if (status == 0)
		status = tdxc_sim_pamt_walk(c, ref.pa, 1, true, TDXC_SIM_RCX,
					    &ref);
	if (status != 0)
		return status;
	if (ref.size != 1 || tdxc_sim_pamt_type(ref.entry) != PT_PAMT)
		return STATUS(ST_NO_PAMT_PAIR, TDXC_SIM_RCX);
	pages[0] = tdxc_load_once(&ref.entry->word) >> PAIR_SHIFT << 12;
	pages[1] = tdxc_load_once(&ref.entry->bepoch) >> PAIR_SHIFT << 12;
	if (pair_page_in_use(m, pages[0]))
		return STATUS(ST_PAMT_NOT_EMPTY, 0);
	if (pair_page_in_use(m, pages[1]))
		return STATUS(ST_PAMT_NOT_EMPTY, 1);
	tdxc_sim_pair_take(m, ref.entry, pages);
	c->gpr[TDXC_SIM_RDX] = pages[0];
	c->gpr[TDXC_SIM_R8] = pages[1];
	return 0;
}
