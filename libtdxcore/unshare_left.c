/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What is left, in a compact form for the next kernel, which knows no more of
 * it than where it stands and checks it before it believes it.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>

/* "TDXLEFT1" */
#define LEFT_MAGIC    0x315446454C584454ull
#define LEFT_STATE    3ull
#define LEFT_LOW_BITS 10u
#define LEFT_LOW      ((1ull << LEFT_LOW_BITS) - 1)

/* clang-format off */
#define STAGE_TEXTS(X)                                                         \
	X(0, "unknown stage")                                                  \
	X(TDXC_UNSHARE_KEPT, "kept shared")                                    \
	X(TDXC_UNSHARE_WALK, "page table not understood")                      \
	X(TDXC_UNSHARE_ENTRY, "entry kept changing")                           \
	X(TDXC_UNSHARE_CONVERT, "conversion failed")                           \
	X(TDXC_UNSHARE_ACCEPT, "not accepted")
/* clang-format on */

/* Texts by offset, not by pointer: see err.c. */
struct stage_pool {
#define X(stage, text) char s##stage[sizeof(text)];
	STAGE_TEXTS(X)
#undef X
};

static const struct stage_pool stage_pool = {
#define X(stage, text) text,
	STAGE_TEXTS(X)
#undef X
};

static const uint16_t stage_offset[] = {
#define X(stage, text)                                                         \
	[stage] = (uint16_t)offsetof(struct stage_pool, s##stage),
	STAGE_TEXTS(X)
#undef X
};

const char *tdxc_unshare_stage_text(uint32_t stage)
{
	if (stage >= TDXC_UNSHARE_STAGES)
		stage = 0;
	return (const char *)&stage_pool + stage_offset[stage];
}

/* FNV-1a over words: against accidents, not against enemies. */
static uint64_t left_sum(const uint64_t *words, size_t n)
{
	uint64_t sum = 0xCBF29CE484222325ull;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i == 3)
			continue;
		sum = (sum ^ words[i]) * 0x100000001B3ull;
		sum ^= sum >> 32;
	}
	return sum;
}

static uint64_t left_word(uint64_t pa, uint64_t pages, uint64_t state)
{
	uint64_t n = pages - 1;

	return pa | state | (n & LEFT_LOW) << 2 | (n >> LEFT_LOW_BITS) << 52;
}

static uint64_t left_state(uint32_t stage)
{
	if (stage == TDXC_UNSHARE_KEPT)
		return TDXC_LEFT_KEPT;
	return stage == TDXC_UNSHARE_ACCEPT ? TDXC_LEFT_PENDING
					    : TDXC_LEFT_SHARED;
}

static size_t left_entries(struct tdxc_range r)
{
	uint64_t pages = tdxc_range_size(r) / TDXC_PAGE_SIZE;

	return (size_t)((pages + TDXC_LEFT_MAX_PAGES - 1) /
			TDXC_LEFT_MAX_PAGES);
}

int tdxc_unshare_pack(const struct tdxc_unshare *u, uint64_t *words,
		      size_t room, size_t *needed)
{
	size_t n = TDXC_LEFT_HEADER;
	uint32_t i;

	for (i = 0; i < u->nr_left; i++)
		n += left_entries(u->config.left[i].pa);
	*needed = n;
	if (n > room)
		return TDXC_E_NOSPC;
	words[0] = LEFT_MAGIC;
	words[1] = n - TDXC_LEFT_HEADER;
	words[2] = !u->finished || u->result.lost != 0 ||
		   u->result.left[TDXC_UNSHARE_WALK] != 0;
	n = TDXC_LEFT_HEADER;
	for (i = 0; i < u->nr_left; i++) {
		const struct tdxc_unshare_left *left = &u->config.left[i];
		struct tdxc_range r = left->pa;

		while (!tdxc_range_is_empty(r)) {
			uint64_t pages = tdxc_range_size(r) / TDXC_PAGE_SIZE;

			if (pages > TDXC_LEFT_MAX_PAGES)
				pages = TDXC_LEFT_MAX_PAGES;
			words[n++] = left_word(r.start, pages,
					       left_state(left->stage));
			r.start += pages * TDXC_PAGE_SIZE;
		}
	}
	words[3] = left_sum(words, n);
	return TDXC_OK;
}

int tdxc_left_check(const uint64_t *words, size_t n, size_t *entries,
		    bool *complete)
{
	*entries = 0;
	*complete = false;
	if (n < TDXC_LEFT_HEADER || words[0] != LEFT_MAGIC ||
	    words[1] > n - TDXC_LEFT_HEADER || words[2] > 1)
		return TDXC_E_INVAL;
	n = TDXC_LEFT_HEADER + (size_t)words[1];
	if (words[3] != left_sum(words, n))
		return TDXC_E_INVAL;
	*entries = (size_t)words[1];
	*complete = words[2] == 0;
	return TDXC_OK;
}

uint32_t tdxc_left_get(const uint64_t *words, size_t i, struct tdxc_range *pa)
{
	uint64_t word = words[TDXC_LEFT_HEADER + i];
	uint64_t pages = (word >> 2 & LEFT_LOW) | (word >> 52) << LEFT_LOW_BITS;

	pa->start = word & TDXC_PTE_PA_MASK;
	pa->end = pa->start + (pages + 1) * TDXC_PAGE_SIZE;
	return (uint32_t)(word & LEFT_STATE);
}
