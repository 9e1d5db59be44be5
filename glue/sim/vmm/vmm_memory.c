/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory slots: which half each frame belongs to, the page behind it, and
 * invalidations, which faults must not complete beside. Backing comes in pieces
 * of 2 MiB where a whole aligned piece belongs to one half.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm_impl.h"

#define PART TDXC_SIM_VMM_PART

static uint64_t part_of(const struct tdxc_sim_vmm_memory *m, uint64_t gfn)
{
	return (gfn - m->start) / PART;
}

/* --- up and down --------------------------------------------------------- */

static void slot_down(struct tdxc_sim_vmm_memory *m)
{
	free(m->is_shared);
	free(m->private_pa);
	free(m->shared_pa);
	free(m->claimed);
	for (uint32_t half = 0; half < 2; half++) {
		free(m->under_way[half]);
		free(m->last[half]);
	}
	memset(m, 0, sizeof(*m));
}

static int slot_up(const struct tdxc_sim_vmm_slot *slot,
		   struct tdxc_sim_vmm_memory *m)
{
	uint64_t frames = slot->bytes / VMM_PAGE;
	bool good = true;

	m->start = slot->gpa / VMM_PAGE;
	m->end = m->start + frames;
	m->live = 1;
	m->is_shared = calloc(frames / 64, sizeof(uint64_t));
	m->private_pa = calloc(frames, sizeof(uint64_t));
	m->shared_pa = calloc(frames, sizeof(uint64_t));
	m->claimed = calloc(frames / PART, sizeof(uint64_t));
	for (uint32_t half = 0; half < 2; half++) {
		m->under_way[half] = calloc(frames / PART, sizeof(uint64_t));
		m->last[half] = calloc(frames / PART, sizeof(uint64_t));
		good = good && m->under_way[half] && m->last[half];
	}
	if (!good || !m->is_shared || !m->private_pa || !m->shared_pa ||
	    !m->claimed)
		return TDXC_E_NOMEM;
	if (slot->shared)
		memset(m->is_shared, 0xFF, frames / 8);
	return TDXC_OK;
}

int vmm_memory_up(struct tdxc_sim_vmm *vm)
{
	const uint64_t region = VMM_REGION * VMM_PAGE;
	int err = TDXC_OK;

	for (uint32_t i = 0; err == TDXC_OK && i < TDXC_SIM_VMM_SLOTS; i++) {
		const struct tdxc_sim_vmm_slot *slot = &vm->config.slots[i];

		if (slot->bytes == 0)
			continue;
		if (slot->gpa % region != 0 || slot->bytes % region != 0 ||
		    slot->gpa >= vm->alias ||
		    slot->bytes > vm->alias - slot->gpa)
			err = TDXC_E_INVAL;
		else
			err = slot_up(slot, &vm->memory[i]);
	}
	return err;
}

void vmm_memory_down(struct tdxc_sim_vmm *vm)
{
	for (uint32_t i = 0; i < TDXC_SIM_VMM_SLOTS; i++)
		slot_down(&vm->memory[i]);
}

/* --- frames -------------------------------------------------------------- */

struct tdxc_sim_vmm_memory *vmm_find(struct tdxc_sim_vmm *vm, uint64_t gfn)
{
	for (uint32_t i = 0; i < TDXC_SIM_VMM_SLOTS; i++) {
		struct tdxc_sim_vmm_memory *m = &vm->memory[i];

		if (gfn >= m->start && gfn < m->end &&
		    tdxc_load_acquire(&m->live) != 0)
			return m;
	}
	return NULL;
}

int vmm_range(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
	      struct vmm_range *range)
{
	memset(range, 0, sizeof(*range));
	if ((gpa | bytes) % VMM_PAGE != 0 || bytes == 0)
		return TDXC_E_INVAL;
	range->start = gpa / VMM_PAGE;
	range->end = range->start + bytes / VMM_PAGE;
	range->memory = vmm_find(vm, range->start);
	if (!range->memory || range->end > range->memory->end)
		return TDXC_E_NOENT;
	return TDXC_OK;
}

static uint64_t *word_of(const struct tdxc_sim_vmm_memory *m, uint64_t gfn)
{
	return &m->is_shared[(gfn - m->start) / 64];
}

static uint64_t bit_of(const struct tdxc_sim_vmm_memory *m, uint64_t gfn)
{
	return 1ull << (gfn - m->start) % 64;
}

bool vmm_is_shared(const struct tdxc_sim_vmm_memory *m, uint64_t gfn)
{
	return (tdxc_load_acquire(word_of(m, gfn)) & bit_of(m, gfn)) != 0;
}

void vmm_set_shared(const struct vmm_range *range, bool is_shared)
{
	const struct tdxc_sim_vmm_memory *m = range->memory;

	for (uint64_t gfn = range->start; gfn < range->end; gfn++) {
		uint64_t *word = word_of(m, gfn);

		if (is_shared)
			(void)__atomic_or_fetch(word, bit_of(m, gfn),
						__ATOMIC_SEQ_CST);
		else
			(void)__atomic_and_fetch(word, ~bit_of(m, gfn),
						 __ATOMIC_SEQ_CST);
	}
}

/* All frames of an aligned 2 MiB, which slots begin and end at. */
static bool region_is(const struct tdxc_sim_vmm_memory *m, uint64_t gfn,
		      uint32_t half)
{
	const uint64_t *word = word_of(m, gfn & ~(VMM_REGION - 1ull));
	uint64_t want = half == VMM_SHARED ? UINT64_MAX : 0;

	for (uint32_t i = 0; i < VMM_REGION / 64; i++) {
		if (tdxc_load_acquire(&word[i]) != want)
			return false;
	}
	return true;
}

/* --- invalidations ------------------------------------------------------- */

static bool is_claimed(const struct vmm_range *range)
{
	const struct tdxc_sim_vmm_memory *m = range->memory;
	uint64_t last = part_of(m, range->end - 1);

	for (uint64_t p = part_of(m, range->start); p <= last; p++) {
		if (m->claimed[p] != 0)
			return true;
	}
	return false;
}

static void mark(const struct vmm_range *range, uint64_t sequence)
{
	const struct tdxc_sim_vmm_memory *m = range->memory;
	uint64_t last = part_of(m, range->end - 1);

	for (uint64_t p = part_of(m, range->start); p <= last; p++) {
		if (range->claim)
			m->claimed[p] = 1;
		for (uint32_t half = 0; half < 2; half++) {
			if (!range->halves[half])
				continue;
			(void)__atomic_add_fetch(&m->under_way[half][p], 1,
						 __ATOMIC_SEQ_CST);
			(void)tdxc_xchg(&m->last[half][p], sequence);
		}
	}
}

void vmm_begin_change(struct tdxc_sim_vmm *vm, const struct vmm_range *range)
{
	(void)pthread_mutex_lock(&vm->backing);
	while (range->claim && is_claimed(range))
		(void)pthread_cond_wait(&vm->unclaimed, &vm->backing);
	mark(range, __atomic_add_fetch(&vm->sequence, 1, __ATOMIC_SEQ_CST));
	(void)pthread_mutex_unlock(&vm->backing);
}

void vmm_end_change(struct tdxc_sim_vmm *vm, const struct vmm_range *range)
{
	const struct tdxc_sim_vmm_memory *m = range->memory;
	uint64_t last = part_of(m, range->end - 1);

	(void)pthread_mutex_lock(&vm->backing);
	for (uint64_t p = part_of(m, range->start); p <= last; p++) {
		if (range->claim)
			m->claimed[p] = 0;
		for (uint32_t half = 0; half < 2; half++) {
			if (range->halves[half])
				(void)__atomic_sub_fetch(&m->under_way[half][p],
							 1, __ATOMIC_SEQ_CST);
		}
	}
	if (range->claim)
		(void)pthread_cond_broadcast(&vm->unclaimed);
	(void)pthread_mutex_unlock(&vm->backing);
}

static bool part_is_stale(const struct tdxc_sim_vmm_memory *m, uint32_t half,
			  uint64_t part, uint64_t sequence)
{
	return __atomic_load_n(&m->under_way[half][part], __ATOMIC_SEQ_CST) !=
		       0 ||
	       __atomic_load_n(&m->last[half][part], __ATOMIC_SEQ_CST) >
		       sequence;
}

/* Whether some part of so many frames is. */
static bool frames_are_stale(const struct tdxc_sim_vmm_memory *m, uint32_t half,
			     uint64_t gfn, uint64_t frames, uint64_t sequence)
{
	uint64_t last = part_of(m, gfn + frames - 1);

	for (uint64_t p = part_of(m, gfn); p <= last; p++) {
		if (part_is_stale(m, half, p, sequence))
			return true;
	}
	return false;
}

bool vmm_is_stale(struct tdxc_sim_vmm *vm, const struct tdxc_fault *fault,
		  uint64_t gfn, uint32_t level)
{
	const struct tdxc_sim_vmm_memory *m = vmm_find(vm, gfn);
	uint32_t half = fault->is_private ? VMM_PRIVATE : VMM_SHARED;

	if (!m || level > TDXC_LEVEL_2M ||
	    frames_are_stale(m, half, gfn, tdxc_level_frames(level),
			     fault->sequence))
		return true;
	return level == TDXC_LEVEL_2M
		       ? !region_is(m, gfn, half)
		       : vmm_is_shared(m, gfn) == fault->is_private;
}

/* --- backing ------------------------------------------------------------- */

static uint64_t *pages_of(const struct tdxc_sim_vmm_memory *m, uint32_t half)
{
	return half == VMM_PRIVATE ? m->private_pa : m->shared_pa;
}

static bool is_empty(const uint64_t *page)
{
	for (uint32_t i = 0; i < VMM_REGION; i++) {
		if (page[i] != 0)
			return false;
	}
	return true;
}

static bool is_contiguous(const uint64_t *page)
{
	if (page[0] % (VMM_REGION * VMM_PAGE) != 0)
		return false;
	for (uint32_t i = 1; i < VMM_REGION; i++) {
		if (page[i] != page[0] + i * VMM_PAGE)
			return false;
	}
	return true;
}

static enum tdxc_sim_page_use use_of(uint32_t half)
{
	return half == VMM_PRIVATE ? TDXC_SIM_USE_PRIVATE : TDXC_SIM_USE_SHARED;
}

/* 2 MiB for an empty region; or one page for one frame. */
static int supply(struct tdxc_sim_vmm *vm, struct tdxc_sim_vmm_memory *m,
		  uint64_t gfn, uint32_t half)
{
	uint64_t *page = &pages_of(m, half)[gfn - m->start];
	uint64_t *first = page - (gfn & (VMM_REGION - 1));
	uint64_t pa;

	if (is_empty(first) && region_is(m, gfn, half) &&
	    tdxc_sim_host_alloc(vm->host, 2, use_of(half), vm->owner, &pa) ==
		    TDXC_OK) {
		for (uint32_t i = 0; i < VMM_REGION; i++)
			first[i] = pa + i * VMM_PAGE;
		return TDXC_OK;
	}
	return tdxc_sim_host_alloc(vm->host, 1, use_of(half), vm->owner, page);
}

static bool may_be_large(const struct tdxc_sim_vmm *vm,
			 const struct tdxc_sim_vmm_memory *m,
			 const struct tdxc_fault *fault, uint32_t half)
{
	uint64_t first = fault->gfn.n & ~(VMM_REGION - 1ull);

	return !vm->config.small_pages && fault->level >= TDXC_LEVEL_2M &&
	       !frames_are_stale(m, half, first, VMM_REGION, UINT64_MAX) &&
	       region_is(m, first, half) &&
	       is_contiguous(&pages_of(m, half)[first - m->start]);
}

static int look_up_locked(struct tdxc_sim_vmm *vm,
			  struct tdxc_sim_vmm_memory *m,
			  struct tdxc_fault *fault)
{
	uint32_t half = fault->is_private ? VMM_PRIVATE : VMM_SHARED;
	uint64_t gfn = fault->gfn.n;
	uint64_t *page = &pages_of(m, half)[gfn - m->start];
	int err = TDXC_OK;

	if (part_is_stale(m, half, part_of(m, gfn), UINT64_MAX))
		return TDXC_E_AGAIN;
	if (vmm_is_shared(m, gfn) == fault->is_private)
		return TDXC_E_ACCES;
	if (*page == 0)
		err = supply(vm, m, gfn, half);
	if (err != TDXC_OK)
		return err;
	fault->level = may_be_large(vm, m, fault, half) ? TDXC_LEVEL_2M
							: TDXC_LEVEL_4K;
	fault->pa = *page;
	if (fault->level == TDXC_LEVEL_2M)
		fault->pa &= ~(VMM_REGION * VMM_PAGE - 1);
	return TDXC_OK;
}

int vmm_look_up(struct tdxc_sim_vmm *vm, struct tdxc_fault *fault)
{
	struct tdxc_sim_vmm_memory *m;
	int err;

	(void)pthread_mutex_lock(&vm->backing);
	fault->sequence = __atomic_load_n(&vm->sequence, __ATOMIC_SEQ_CST);
	m = vmm_find(vm, fault->gfn.n);
	err = m ? look_up_locked(vm, m, fault) : TDXC_E_NOENT;
	(void)pthread_mutex_unlock(&vm->backing);
	return err;
}

void vmm_drop_pages(struct tdxc_sim_vmm *vm, const struct vmm_range *range,
		    uint32_t half)
{
	const struct tdxc_sim_vmm_memory *m = range->memory;
	uint64_t *pages = pages_of(m, half);

	(void)pthread_mutex_lock(&vm->backing);
	for (uint64_t gfn = range->start; gfn < range->end; gfn++) {
		uint64_t *page = &pages[gfn - m->start];

		/* Of a page that is lost the record stays: nothing else can be
		 * lent in its place. */
		if (*page == 0 || tdxc_sim_host_page(vm->host, *page).state !=
					  TDXC_SIM_PAGE_HOST)
			continue;
		tdxc_sim_host_free(vm->host, 1, *page);
		*page = 0;
	}
	(void)pthread_mutex_unlock(&vm->backing);
}

uint64_t vmm_page(struct tdxc_sim_vmm *vm, struct tdxc_sim_vmm_memory *m,
		  uint64_t gfn, uint32_t half)
{
	uint64_t pa;

	(void)pthread_mutex_lock(&vm->backing);
	pa = pages_of(m, half)[gfn - m->start];
	(void)pthread_mutex_unlock(&vm->backing);
	return pa;
}

void vmm_set_page(struct tdxc_sim_vmm *vm, struct tdxc_sim_vmm_memory *m,
		  uint64_t gfn, uint32_t half, uint64_t pa)
{
	(void)pthread_mutex_lock(&vm->backing);
	pages_of(m, half)[gfn - m->start] = pa;
	(void)pthread_mutex_unlock(&vm->backing);
}
