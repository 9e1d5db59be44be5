// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Private memory: what is behind it, faults, and what takes it away. One
 * invalidation at a time; a fault that was looked up before it ended is stale.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "sim.h"

#define REGION	 512u /* frames of 2 MiB */
#define PATIENCE 100000u
#define HASTE	 32u /* attempts before one waits for its turn */

/* --- backing -------------------------------------------------------------- */

static bool is_empty(const struct tdxc_ksim_vm *vm, u64 first)
{
	u32 i;

	for (i = 0; i < REGION; i++) {
		if (vm->backing[first + i] != 0)
			return false;
	}
	return true;
}

/* In one piece, and aligned: may be mapped as one page. */
static bool is_large(const struct tdxc_ksim_vm *vm, u64 first)
{
	u64 pa = vm->backing[first];
	u32 i;

	if (pa == 0 || pa % TDXC_SIZE_2M != 0)
		return false;
	for (i = 1; i < REGION; i++) {
		if (vm->backing[first + i] != pa + ((u64)i << PAGE_SHIFT))
			return false;
	}
	return true;
}

static int back_large(struct tdxc_ksim_vm *vm, u64 first)
{
	u64 pa;
	u32 i;

	if (tdxc_ksim_alloc(&vm->host->pages, 2, &pa) != TDXC_OK)
		return TDXC_E_NOMEM;
	for (i = 0; i < REGION; i++)
		vm->backing[first + i] = pa + ((u64)i << PAGE_SHIFT);
	return TDXC_OK;
}

/* The page behind fault->gfn, at fault->level or below. */
static int look_up_locked(struct tdxc_ksim_vm *vm, struct tdxc_fault *fault)
{
	u64 gfn = fault->gfn.n;
	u64 first = round_down(gfn, REGION);

	if (fault->level > TDXC_LEVEL_4K && !vm->small_pages &&
	    is_empty(vm, first))
		(void)back_large(vm, first);
	if (vm->backing[gfn] == 0 &&
	    tdxc_ksim_alloc(&vm->host->pages, 1, &vm->backing[gfn]))
		return TDXC_E_NOMEM;
	if (fault->level > TDXC_LEVEL_4K && !vm->small_pages &&
	    is_large(vm, first)) {
		fault->level = TDXC_LEVEL_2M;
		fault->pa = vm->backing[first];
	} else {
		fault->level = TDXC_LEVEL_4K;
		fault->pa = vm->backing[gfn];
	}
	return TDXC_OK;
}

static bool is_changing(struct tdxc_ksim_vm *vm, u64 gfn, u64 frames)
{
	return tdxc_load_acquire(&vm->changing) != 0 &&
	       gfn < READ_ONCE(vm->change_end) &&
	       gfn + frames > READ_ONCE(vm->change_start);
}

static int look_up(struct tdxc_ksim_vm *vm, struct tdxc_fault *fault)
{
	int err;

	if (fault->gfn.n >= vm->frames)
		return TDXC_E_NOENT;
	fault->sequence = tdxc_load_acquire(&vm->sequence);
	if (is_changing(vm, round_down(fault->gfn.n, REGION), REGION))
		return TDXC_E_AGAIN;
	mutex_lock(&vm->backing_lock);
	err = look_up_locked(vm, fault);
	mutex_unlock(&vm->backing_lock);
	return err;
}

void tdxc_ksim_vm_drop_backing(struct tdxc_ksim_vm *vm, u64 start, u64 end)
{
	u64 gfn;

	mutex_lock(&vm->backing_lock);
	for (gfn = start; gfn < end; gfn++) {
		u64 pa = vm->backing[gfn];

		/* what is not known to be back stays */
		if (pa == 0 || tdxc_ksim_is_lent(&vm->host->pages, pa))
			continue;
		tdxc_ksim_free(&vm->host->pages, 1, pa);
		vm->backing[gfn] = 0;
	}
	mutex_unlock(&vm->backing_lock);
}

/* --- invalidations -------------------------------------------------------- */

static void begin_change(struct tdxc_ksim_vm *vm, u64 start, u64 end)
{
	mutex_lock(&vm->change_lock);
	WRITE_ONCE(vm->change_start, start);
	WRITE_ONCE(vm->change_end, end);
	tdxc_store_release(&vm->changing, 1);
}

static void end_change(struct tdxc_ksim_vm *vm)
{
	tdxc_store_release(&vm->sequence, vm->sequence + 1);
	tdxc_store_release(&vm->changing, 0);
	mutex_unlock(&vm->change_lock);
}

/* The sequence last: of an invalidation that ended meanwhile it tells. */
bool tdxc_ksim_vm_is_stale(struct tdxc_ksim_vm *vm,
			   const struct tdxc_fault *fault, u64 gfn, u32 level)
{
	if (is_changing(vm, gfn, tdxc_level_frames(level)))
		return true;
	smp_rmb();
	return tdxc_load_acquire(&vm->sequence) != fault->sequence;
}

/* --- faults --------------------------------------------------------------- */

static int demote_locked(struct tdxc_ksim_vm *vm, u64 gfn)
{
	const struct tdxc_gfn at = {gfn};

	return tdxc_mmu_demote(&vm->mmu, vm->mirror,
			       &tdxc_ksim_actor(vm->host)->mmu, at,
			       TDXC_LEVEL_4K, TDXC_LOCK_SHARED);
}

/* A larger page may be in the way of the one that is wanted. */
static int judge(struct tdxc_ksim_vm *vm, const struct tdxc_fault *fault,
		 int outcome)
{
	int err;

	switch (outcome) {
	case TDXC_FAULT_FIXED:
	case TDXC_FAULT_SPURIOUS:
		return TDXC_OK;
	case TDXC_FAULT_RETRY:
		return TDXC_E_AGAIN;
	case TDXC_FAULT_POISONED:
		return TDXC_E_IO;
	case TDXC_FAULT_EMULATE:
	case TDXC_FAULT_ACCESS:
		return TDXC_E_ACCES;
	case TDXC_E_EXIST:
		err = demote_locked(vm, fault->gfn.n);
		return err == TDXC_OK ? TDXC_E_AGAIN : err;
	default:
		return outcome;
	}
}

static int attempt(struct tdxc_ksim_vm *vm, const struct tdxc_fault *fault)
{
	int err = tdxc_ksim_vm_topup(vm);

	if (err != TDXC_OK)
		return err;
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
	err = judge(vm, fault,
		    tdxc_mmu_fault(&vm->mmu, vm->mirror,
				   &tdxc_ksim_actor(vm->host)->mmu, fault,
				   TDXC_LOCK_SHARED));
	tdxc_ksim_vm_unlock(vm);
	tdxc_ksim_pamt_drain(vm->host, TDXC_KSIM_PAMT_HIGH);
	return err;
}

static int resolve_once(struct tdxc_ksim_vm *vm, u64 gfn, u32 level, u64 source)
{
	struct tdxc_fault fault = {
		.gfn = {gfn},
		.level = level,
		.source = source,
		.is_private = true,
		.prefetch = source != 0,
		.host_writable = true,
	};
	int err = look_up(vm, &fault);

	if (err == TDXC_OK)
		err = attempt(vm, &fault);
	if (err == TDXC_E_OPNOTSUPP && fault.level > TDXC_LEVEL_4K) {
		fault.level = TDXC_LEVEL_4K;
		fault.pa = vm->backing[gfn];
		err = attempt(vm, &fault);
	}
	return err;
}

/* Where invalidations never cease, one of them has to wait. */
static int resolve_in_turn(struct tdxc_ksim_vm *vm, u64 gfn, u32 level,
			   u64 source)
{
	int err;

	mutex_lock(&vm->change_lock);
	err = resolve_once(vm, gfn, level, source);
	mutex_unlock(&vm->change_lock);
	return err;
}

int tdxc_ksim_vm_fault(struct tdxc_ksim_vm *vm, u64 gfn, u32 level, u64 source)
{
	int err = TDXC_E_AGAIN;
	u32 tries;

	for (tries = 0; tries < PATIENCE && tdxc_ksim_worth_trying(err);
	     tries++) {
		if (tdxc_load_acquire(&vm->dead) != 0)
			return TDXC_E_IO;
		if (tries % HASTE != HASTE - 1)
			err = resolve_once(vm, gfn, level, source);
		else
			err = resolve_in_turn(vm, gfn, level, source);
		if (tdxc_ksim_worth_trying(err))
			cond_resched();
	}
	if (err == TDXC_OK)
		atomic64_inc(&vm->faults);
	return err;
}

u32 tdxc_ksim_vm_level(struct tdxc_ksim_vm *vm, u64 gfn)
{
	const struct tdxc_gfn at = {gfn};
	struct tdxc_found found;

	rcu_read_lock();
	found = tdxc_lookup(&vm->mirror->tree, at);
	rcu_read_unlock();
	return tdxc_spte_is_leaf(found.spte) ? found.level : 0;
}

int tdxc_ksim_vm_populate(struct tdxc_ksim_vm *vm, u64 start, u64 end)
{
	int err = TDXC_OK;
	u64 gfn = start;

	while (err == TDXC_OK && gfn < end) {
		err = tdxc_ksim_vm_fault(vm, gfn, TDXC_LEVEL_2M, 0);
		gfn = tdxc_ksim_vm_level(vm, gfn) == TDXC_LEVEL_2M
			      ? round_down(gfn, REGION) + REGION
			      : gfn + 1;
	}
	return err;
}

/* --- what takes pages away ------------------------------------------------ */

/* Large pages that reach beyond the range become small. */
static int cut(struct tdxc_ksim_vm *vm, const struct tdxc_zap *zap)
{
	int err = TDXC_OK;

	if (zap->start.n % REGION != 0)
		err = demote_locked(vm, zap->start.n);
	if (err == TDXC_OK && zap->end.n % REGION != 0)
		err = demote_locked(vm, zap->end.n - 1);
	return err == TDXC_OK ? TDXC_E_AGAIN : err;
}

static int zap_once(struct tdxc_ksim_vm *vm, struct tdxc_zap *zap)
{
	int err = tdxc_ksim_vm_topup(vm);

	if (err != TDXC_OK)
		return err;
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_mmu_zap(&vm->mmu, &tdxc_ksim_actor(vm->host)->mmu, zap,
			   TDXC_LOCK_SHARED);
	if (err == TDXC_E_EXIST)
		err = cut(vm, zap);
	tdxc_ksim_vm_unlock(vm);
	atomic64_add(zap->nr_out, &vm->zapped);
	tdxc_ksim_pamt_drain(vm->host, TDXC_KSIM_PAMT_HIGH);
	return err;
}

static int zap_range(struct tdxc_ksim_vm *vm, u64 start, u64 end)
{
	struct tdxc_zap zap = {
		.start = {start},
		.end = {end},
		.reason = TDXC_ZAP_BACKING_GONE,
		.out = tdxc_ksim_actor(vm->host)->zapped,
		.room = TDXC_KSIM_BATCH,
	};
	u32 futile = 0;
	int err;

	do {
		err = zap_once(vm, &zap);
		futile = zap.nr_out != 0 ? 0 : futile + 1;
		cond_resched();
	} while (tdxc_ksim_worth_trying(err) && futile < PATIENCE);
	return err;
}

int tdxc_ksim_vm_zap(struct tdxc_ksim_vm *vm, u64 start, u64 end)
{
	int err;

	begin_change(vm, start, end);
	err = zap_range(vm, start, end);
	if (err == TDXC_OK)
		tdxc_ksim_vm_drop_backing(vm, start, end);
	end_change(vm);
	return err;
}

/* --- pages that change their size or place, tables that go ---------------- */

int tdxc_ksim_vm_demote(struct tdxc_ksim_vm *vm, u64 gfn)
{
	int err = tdxc_ksim_vm_topup(vm);

	if (err != TDXC_OK)
		return err;
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
	err = demote_locked(vm, gfn);
	tdxc_ksim_vm_unlock(vm);
	return err;
}

int tdxc_ksim_vm_promote(struct tdxc_ksim_vm *vm, u64 gfn)
{
	const struct tdxc_gfn at = {gfn};
	int err = tdxc_ksim_vm_topup(vm);

	if (err != TDXC_OK)
		return err;
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_mmu_promote(&vm->mmu, vm->mirror,
			       &tdxc_ksim_actor(vm->host)->mmu, at,
			       TDXC_LEVEL_2M, TDXC_LOCK_SHARED);
	tdxc_ksim_vm_unlock(vm);
	tdxc_ksim_pamt_drain(vm->host, TDXC_KSIM_PAMT_HIGH);
	return err;
}

static int relocate_to(struct tdxc_ksim_vm *vm, u64 gfn, u64 *pa)
{
	const struct tdxc_gfn at = {gfn};
	u64 now = *pa;
	int err = tdxc_ksim_vm_topup(vm);

	if (err != TDXC_OK)
		return err;
	tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_mmu_relocate(&vm->mmu, vm->mirror,
				&tdxc_ksim_actor(vm->host)->mmu, at, pa,
				TDXC_LOCK_SHARED);
	tdxc_ksim_vm_unlock(vm);
	if (err == TDXC_OK) {
		mutex_lock(&vm->backing_lock);
		vm->backing[gfn] = now;
		mutex_unlock(&vm->backing_lock);
	}
	return err;
}

int tdxc_ksim_vm_relocate(struct tdxc_ksim_vm *vm, u64 gfn)
{
	u64 pa;
	int err = tdxc_ksim_alloc(&vm->host->pages, 1, &pa);

	if (err != TDXC_OK)
		return err;
	begin_change(vm, gfn, gfn + 1);
	err = relocate_to(vm, gfn, &pa);
	end_change(vm);
	if (!tdxc_ksim_is_lent(&vm->host->pages, pa))
		tdxc_ksim_free(&vm->host->pages, 1, pa);
	return err;
}

/* One pass; what is empty afterwards the next one finds. */
static int remove_pass(struct tdxc_ksim_vm *vm, struct tdxc_table_zap *zap)
{
	u32 tries = 0;
	int err;

	do {
		err = tdxc_ksim_vm_topup(vm);
		if (err != TDXC_OK)
			return err;
		tdxc_ksim_vm_lock(vm, TDXC_LOCK_SHARED);
		err = tdxc_mmu_remove_tables(&vm->mmu, vm->mirror,
					     &tdxc_ksim_actor(vm->host)->mmu,
					     zap, TDXC_LOCK_SHARED);
		tdxc_ksim_vm_unlock(vm);
		tdxc_ksim_pamt_drain(vm->host, TDXC_KSIM_PAMT_HIGH);
	} while (tdxc_ksim_worth_trying(err) && tries++ < PATIENCE);
	return err;
}

int tdxc_ksim_vm_remove_tables(struct tdxc_ksim_vm *vm, u64 *removed)
{
	struct tdxc_table_zap zap = {.removed = 0};
	u64 before;
	int err;

	do {
		before = zap.removed;
		zap.start.n = 0;
		zap.end.n = vm->frames;
		err = remove_pass(vm, &zap);
	} while (err == TDXC_OK && zap.removed != before);
	*removed = zap.removed;
	return err;
}
