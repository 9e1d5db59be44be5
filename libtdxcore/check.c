/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What TDH.SYS.CONFIG says about a layout, in the module's own order.
 *
 * The order is part of the contract: the first rule that fails decides the
 * status, so every rule here stands where tdx-module-abi.md section 4 puts it
 * and names its line there. TDMRs are checked one at a time and only against
 * the ones before, as the module does, which reads entry i + 1 only after it
 * accepted entry i.
 *
 * The structures come from memory as they are: any bytes, any alignment. A sum
 * is formed only after its overflow rule passed; sums over TDMRs that came
 * before cannot wrap because those were accepted (a caller who breaks that gets
 * a wrong answer, never a fault). Addresses with a KeyID bit or beyond the
 * physical width are one case: both have a bit at or above keyid_start_bit.
 *
 * Shares nothing with the planner but range.h, tdmr.h and status.h.
 */
#include <tdxcore/check.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

/* What the module compares and aligns addresses of operands with. */
#define CHECK_OPERAND_BYTES 512u

/* R8 of SYS.CONFIG: tdx-module-abi.md 4.1 step 7. */
#define CHECK_R8_KEYID	 0xFFFFull
#define CHECK_R8_DYNAMIC 0x10000ull

/* A pair node has 36-bit page numbers: tdx-module-abi.md 4.1, section 11. */
#define CHECK_DYNAMIC_KEYID_BIT 48u

/* The TDMR under scrutiny, and where its areas are. */
struct check_tdmr {
	const unsigned char *bytes; /* TDMR_INFO in memory. */
	uint64_t base;
	uint64_t end; /* Valid after rule 1. */
	struct tdxc_tdmr_region pamt[TDXC_PAMT_LEVELS];
};

static uint64_t check_code(uint64_t code, uint32_t byte0, uint32_t byte1,
			   uint32_t byte2)
{
	return code | (byte0 & 0xFF) | (byte1 & 0xFF) << 8 |
	       (byte2 & 0xFF) << 16;
}

static bool check_wraps(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b;
}

static bool check_limits_known(const struct tdxc_limits *limits)
{
	uint32_t level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		if (limits->pamt_entry_size[level] == 0 ||
		    limits->pamt_entry_size[level] > 4096)
			return false;
	}
	return limits->max_tdmrs >= 1 && limits->max_tdmrs <= 65535 &&
	       limits->max_reserved >= 1 && limits->max_reserved <= 65535 &&
	       limits->pamt_bitmap_bits <= 64 && limits->pa_bits >= 32 &&
	       limits->pa_bits <= 63;
}

/* Whether the description is one this library understands (check.h). */
static bool check_platform_known(const struct tdxc_check_platform *p)
{
	return p->abi == TDXC_ABI && check_limits_known(&p->limits) &&
	       p->keyid_start_bit >= 32 &&
	       p->keyid_start_bit <= p->limits.pa_bits;
}

/* Bytes of one TDMR_INFO: tdx-module-abi.md 3.4. */
static size_t check_info_bytes(const struct tdxc_check_platform *p)
{
	return sizeof(struct tdxc_tdmr_info) +
	       p->limits.max_reserved * sizeof(struct tdxc_tdmr_reserved);
}

static struct tdxc_tdmr_reserved check_area(const struct check_tdmr *t,
					    uint32_t j)
{
	struct tdxc_tdmr_reserved area;

	memcpy(&area,
	       t->bytes + sizeof(struct tdxc_tdmr_info) + j * sizeof area,
	       sizeof area);
	return area;
}

static void check_load(struct check_tdmr *t, const void *infos, size_t stride,
		       uint32_t i)
{
	struct tdxc_tdmr_info head;

	t->bytes = (const unsigned char *)infos + i * stride;
	memcpy(&head, t->bytes, sizeof head);
	t->base = head.base;
	t->end = head.base + head.size;
	t->pamt[TDXC_PAMT_4K] = head.pamt_4k;
	t->pamt[TDXC_PAMT_2M] = head.pamt_2m;
	t->pamt[TDXC_PAMT_1G] = head.pamt_1g;
}

static struct tdxc_range check_pamt_range(const struct check_tdmr *t,
					  uint32_t level)
{
	struct tdxc_range r;

	r.start = t->pamt[level].base;
	r.end = t->pamt[level].base + t->pamt[level].size;
	return r;
}

/* A shared address, 512 aligned, with its 512 bytes outside the SEAM range. */
static bool check_shared_pa(const struct tdxc_check_platform *p, uint64_t pa)
{
	struct tdxc_range r;

	if ((pa & (CHECK_OPERAND_BYTES - 1)) != 0 ||
	    pa >> p->limits.pa_bits != 0)
		return false;
	if (pa >> p->keyid_start_bit > p->shared_keyids)
		return false;
	/* A shared KeyID names the same memory, so it does not get around
	 * the SEAM range. */
	r.start = pa & ((1ull << p->keyid_start_bit) - 1);
	r.end = r.start + CHECK_OPERAND_BYTES;
	return !tdxc_range_overlaps(r, p->seamrr);
}

/* 4.1 step 7: a private KeyID and no undefined bit. */
static bool check_r8(const struct tdxc_check_platform *p, uint64_t r8)
{
	uint64_t keyid = r8 & CHECK_R8_KEYID;

	if ((r8 & ~(CHECK_R8_KEYID | CHECK_R8_DYNAMIC)) != 0)
		return false;
	if (keyid <= p->shared_keyids ||
	    keyid - p->shared_keyids > p->private_keyids)
		return false;
	if ((r8 & CHECK_R8_DYNAMIC) == 0)
		return true;
	return p->limits.pamt_bitmap_bits != 0 &&
	       p->keyid_start_bit <= CHECK_DYNAMIC_KEYID_BIT;
}

uint64_t tdxc_check_operands(const struct tdxc_check_platform *p, uint64_t rcx,
			     uint64_t rdx, uint64_t r8)
{
	if (!check_platform_known(p))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RAX;
	if (!check_shared_pa(p, rcx))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RCX;
	if (rdx > p->limits.max_tdmrs || rdx < 1)
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RDX;
	if (!check_r8(p, r8))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_R8;
	return TDXC_STATUS_SUCCESS;
}

uint64_t tdxc_check_info_address(const struct tdxc_check_platform *p,
				 uint64_t pa)
{
	if (!check_platform_known(p))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RAX;
	/* The module names RCX, not TDMR_INFO_PA: 4.1 step 8. */
	if (!check_shared_pa(p, pa))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RCX;
	return TDXC_STATUS_SUCCESS;
}

/* 4.2 rules 1 to 6; prev is NULL for the first TDMR. */
static uint64_t check_base_and_size(const struct tdxc_check_platform *p,
				    const struct check_tdmr *t,
				    const struct check_tdmr *prev, uint32_t i)
{
	uint64_t size = t->end - t->base;

	if (check_wraps(t->base, size))
		return check_code(TDXC_STATUS_INVALID_TDMR, i, 0, 0);
	if (prev != NULL && (t->base < prev->base || t->base < prev->end))
		return check_code(TDXC_STATUS_NON_ORDERED_TDMR, i, 0, 0);
	if (((t->base | size) & (TDXC_SIZE_1G - 1)) != 0 || size == 0 ||
	    t->base >> p->keyid_start_bit != 0 ||
	    (t->end - 1) >> p->keyid_start_bit != 0)
		return check_code(TDXC_STATUS_INVALID_TDMR, i, 0, 0);
	return TDXC_STATUS_SUCCESS;
}

/* 4.3 (b) to (g) for a used area; last is the area before it, if any. */
static uint64_t check_used_area(const struct check_tdmr *t,
				struct tdxc_tdmr_reserved area,
				const struct tdxc_tdmr_reserved *last)
{
	if (check_wraps(area.offset, area.size))
		return TDXC_STATUS_INVALID_RESERVED;
	if (last != NULL && (area.offset < last->offset ||
			     area.offset < last->offset + last->size))
		return TDXC_STATUS_NON_ORDERED_RESERVED;
	if (((area.offset | area.size) & (TDXC_PAGE_SIZE - 1)) != 0)
		return TDXC_STATUS_INVALID_RESERVED;
	if (check_wraps(t->base, area.offset) ||
	    check_wraps(t->base + area.offset, area.size) ||
	    t->base + area.offset + area.size > t->end)
		return TDXC_STATUS_INVALID_RESERVED;
	return TDXC_STATUS_SUCCESS;
}

/* 4.2 rule 7. */
static uint64_t check_reserved(const struct tdxc_check_platform *p,
			       const struct check_tdmr *t, uint32_t i)
{
	struct tdxc_tdmr_reserved last = {0, 0};
	struct tdxc_tdmr_reserved area;
	uint64_t status;
	uint32_t j;

	for (j = 0; j < p->limits.max_reserved; j++) {
		area = check_area(t, j);
		if (area.size == 0) {
			/* 4.3 (a): the empty one is to blame. */
			if (j + 1 < p->limits.max_reserved &&
			    check_area(t, j + 1).size != 0)
				return check_code(
					TDXC_STATUS_NON_ORDERED_RESERVED, i, j,
					0);
			continue;
		}
		status = check_used_area(t, area, j > 0 ? &last : NULL);
		if (status != TDXC_STATUS_SUCCESS)
			return check_code(status, i, j, 0);
		last = area;
	}
	return TDXC_STATUS_SUCCESS;
}

/* 4.4 step 5, and section 11 for the bitmap of Dynamic PAMT. */
static uint64_t check_pamt_minimum(const struct tdxc_limits *limits,
				   uint64_t size, uint32_t level)
{
	/* 4 KiB, 2 MiB, 1 GiB are 9 address bits apart. */
	uint64_t pages = size >> (12 + 9 * level);

	if (level == TDXC_PAMT_4K && limits->pamt_bitmap_bits != 0)
		return pages * limits->pamt_bitmap_bits / 8;
	return pages * limits->pamt_entry_size[level];
}

/* 4.4: one region. */
static bool check_pamt_region(const struct tdxc_check_platform *p,
			      const struct check_tdmr *t, uint32_t level)
{
	uint64_t base = t->pamt[level].base;
	uint64_t size = t->pamt[level].size;

	if (check_wraps(base, size) ||
	    ((base | size) & (TDXC_PAGE_SIZE - 1)) != 0)
		return false;
	if (size < check_pamt_minimum(&p->limits, t->end - t->base, level))
		return false;
	return base >> p->keyid_start_bit == 0 &&
	       (base + size - 1) >> p->keyid_start_bit == 0;
}

/* 4.2 rule 8: largest pages first. */
static uint64_t check_pamt_format(const struct tdxc_check_platform *p,
				  const struct check_tdmr *t, uint32_t i)
{
	uint32_t level;

	for (level = TDXC_PAMT_LEVELS; level-- > 0;) {
		if (!check_pamt_region(p, t, level))
			return check_code(TDXC_STATUS_INVALID_PAMT, i, level,
					  0);
	}
	return TDXC_STATUS_SUCCESS;
}

/*
 * 4.5 for one pair of TDMRs. For a TDMR against itself only the larger levels
 * are compared: a region always overlaps itself.
 */
static uint64_t check_pamt_pair(const struct check_tdmr *t, uint32_t i,
				const struct check_tdmr *other, uint32_t j)
{
	struct tdxc_range mine;
	uint32_t level;
	uint32_t k;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		mine = check_pamt_range(t, level);
		for (k = i == j ? level + 1 : 0; k < TDXC_PAMT_LEVELS; k++) {
			if (tdxc_range_overlaps(mine,
						check_pamt_range(other, k)))
				return check_code(TDXC_STATUS_PAMT_OVERLAP, i,
						  level, j);
		}
	}
	return TDXC_STATUS_SUCCESS;
}

/*
 * 4.6: whether a PAMT region covers a byte of a TDMR that no reserved area
 * covers. The areas are in order and end with the first unused one.
 */
static bool check_hits_available(const struct tdxc_check_platform *p,
				 struct tdxc_range pamt,
				 const struct check_tdmr *t)
{
	struct tdxc_tdmr_reserved area;
	struct tdxc_range part;
	uint64_t start;
	uint32_t j;

	part.start = t->base;
	part.end = t->end;
	part = tdxc_range_intersect(pamt, part);
	for (j = 0; j < p->limits.max_reserved; j++) {
		if (tdxc_range_is_empty(part))
			return false;
		area = check_area(t, j);
		start = t->base + area.offset;
		if (area.size == 0 || start > part.start)
			break;
		if (part.start < start + area.size)
			part.start = start + area.size;
	}
	return !tdxc_range_is_empty(part);
}

/* 4.6 in one direction: the PAMT of TDMR i in the memory of TDMR j. */
static uint64_t check_pamt_in_memory(const struct tdxc_check_platform *p,
				     const struct check_tdmr *t, uint32_t i,
				     const struct check_tdmr *memory,
				     uint32_t j)
{
	uint32_t level;

	for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
		if (check_hits_available(p, check_pamt_range(t, level), memory))
			return check_code(TDXC_STATUS_PAMT_OVERLAP, i, level,
					  j);
	}
	return TDXC_STATUS_SUCCESS;
}

/* 4.2 rules 9 and 10. */
static uint64_t check_overlaps(const struct tdxc_check_platform *p,
			       const struct check_tdmr *t, const void *infos,
			       size_t stride, uint32_t i)
{
	struct check_tdmr other;
	uint64_t status;
	uint32_t j;

	for (j = 0; j <= i; j++) {
		check_load(&other, infos, stride, j);
		status = check_pamt_pair(t, i, &other, j);
		if (status != TDXC_STATUS_SUCCESS)
			return status;
	}
	for (j = 0; j <= i; j++) {
		check_load(&other, infos, stride, j);
		status = check_pamt_in_memory(p, t, i, &other, j);
		/* The other way round the earlier TDMR comes first. */
		if (status == TDXC_STATUS_SUCCESS && j < i)
			status = check_pamt_in_memory(p, &other, j, t, i);
		if (status != TDXC_STATUS_SUCCESS)
			return status;
	}
	return TDXC_STATUS_SUCCESS;
}

/* 4.7: whether one run of touching CMRs contains the range. */
static bool check_in_cmrs(const struct tdxc_check_platform *p,
			  struct tdxc_range r)
{
	struct tdxc_range run = {0, 0};
	size_t k;

	for (k = 0; k < p->nr_cmrs; k++) {
		if (p->cmrs[k].size == 0)
			continue;
		if (tdxc_range_is_empty(run) || p->cmrs[k].base != run.end)
			run.start = p->cmrs[k].base;
		run.end = p->cmrs[k].base + p->cmrs[k].size;
		if (tdxc_range_contains(run, r))
			return true;
	}
	return false;
}

/* 4.2 rule 11. */
static uint64_t check_pamt_in_cmrs(const struct tdxc_check_platform *p,
				   const struct check_tdmr *t, uint32_t i)
{
	uint32_t level;

	for (level = TDXC_PAMT_LEVELS; level-- > 0;) {
		if (!check_in_cmrs(p, check_pamt_range(t, level)))
			return check_code(TDXC_STATUS_PAMT_OUTSIDE_CMRS, i,
					  level, 0);
	}
	return TDXC_STATUS_SUCCESS;
}

/* 4.2 rule 12: every piece between, before and after the reserved areas. */
static uint64_t check_memory_in_cmrs(const struct tdxc_check_platform *p,
				     const struct check_tdmr *t, uint32_t i)
{
	struct tdxc_tdmr_reserved area;
	struct tdxc_range piece;
	uint32_t j;

	piece.start = t->base;
	for (j = 0; j <= p->limits.max_reserved; j++) {
		area.size = 0;
		if (j < p->limits.max_reserved)
			area = check_area(t, j);
		piece.end = area.size ? t->base + area.offset : t->end;
		if (!tdxc_range_is_empty(piece) && !check_in_cmrs(p, piece))
			return check_code(TDXC_STATUS_TDMR_OUTSIDE_CMRS, i, 0,
					  0);
		if (area.size == 0)
			break;
		piece.start = piece.end + area.size;
	}
	return TDXC_STATUS_SUCCESS;
}

uint64_t tdxc_check_tdmr(const struct tdxc_check_platform *p, const void *infos,
			 size_t stride, uint32_t i)
{
	struct check_tdmr prev;
	struct check_tdmr t;
	uint64_t status;

	if (!check_platform_known(p) || stride < check_info_bytes(p))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RAX;
	check_load(&t, infos, stride, i);
	if (i > 0)
		check_load(&prev, infos, stride, i - 1);
	status = check_base_and_size(p, &t, i > 0 ? &prev : NULL, i);
	if (status == TDXC_STATUS_SUCCESS)
		status = check_reserved(p, &t, i);
	if (status == TDXC_STATUS_SUCCESS)
		status = check_pamt_format(p, &t, i);
	if (status == TDXC_STATUS_SUCCESS)
		status = check_overlaps(p, &t, infos, stride, i);
	if (status == TDXC_STATUS_SUCCESS)
		status = check_pamt_in_cmrs(p, &t, i);
	if (status == TDXC_STATUS_SUCCESS)
		status = check_memory_in_cmrs(p, &t, i);
	return status;
}

uint64_t tdxc_check_layout(const struct tdxc_check_platform *p,
			   const void *infos, size_t stride, uint32_t n)
{
	uint64_t status = TDXC_STATUS_SUCCESS;
	uint32_t i;

	if (!check_platform_known(p))
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RAX;
	if (n > p->limits.max_tdmrs || n < 1)
		return TDXC_STATUS_OPERAND_INVALID | TDXC_OPERAND_RDX;
	for (i = 0; i < n && status == TDXC_STATUS_SUCCESS; i++)
		status = tdxc_check_tdmr(p, infos, stride, i);
	return status;
}
