/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory that leaves the guest: conversions, ballooning, slots that go, and
 * shared memory that the host wants unmapped. Each announces what it is about
 * to change, unmaps, changes, and only then lets faults complete again.
 */
#include <sched.h>
#include <string.h>

#include "vmm_impl.h"

/* --- TLBs of shared memory ----------------------------------------------- */

static void wait_outside(struct tdxc_sim_vmm *vm, uint32_t i)
{
	struct tdxc_sim_vmm_vcpu *v = &vm->vcpus[i];
	/* Fully ordered: who is seen outside enters later than whatever was
	 * done before. */
	uint64_t sequence =
		__atomic_fetch_add(&v->sequence, 0, __ATOMIC_SEQ_CST);

	if (sequence % 2 == 0)
		return;
	do {
		tdxc_sim_vmm_kick(vm, i);
		(void)sched_yield();
	} while (__atomic_load_n(&v->sequence, __ATOMIC_SEQ_CST) == sequence);
}

void vmm_flush_shared(struct tdxc_sim_vmm *vm)
{
	vmm_count(&vm->counts.shared_flushes, 1);
	for (uint32_t i = 0; i < vm->config.nr_vcpus; i++)
		wait_outside(vm, i);
}

/* --- unmapping ----------------------------------------------------------- */

static void count_zapped(struct tdxc_sim_vmm *vm, const struct tdxc_zap *zap)
{
	for (size_t i = 0; i < zap->nr_out; i++) {
		const struct tdxc_zapped *z = &zap->out[i];
		uint32_t half = z->memory == TDXC_MEMORY_PRIVATE ? VMM_PRIVATE
								 : VMM_SHARED;

		if (z->status == TDXC_OK)
			vmm_count(&vm->counts.zapped[half], 1);
		else
			vmm_count(&vm->counts.quarantined,
				  tdxc_level_frames(z->level));
	}
}

/* Large pages that reach beyond the range become small. */
static int cut(struct tdxc_sim_vmm *vm, const struct tdxc_zap *zap)
{
	int err = TDXC_OK;

	if (zap->start.n % VMM_REGION != 0)
		err = vmm_demote_locked(vm, zap->start.n);
	if (err == TDXC_OK && zap->end.n % VMM_REGION != 0)
		err = vmm_demote_locked(vm, zap->end.n - 1);
	return err == TDXC_OK ? TDXC_E_AGAIN : err;
}

static int zap_once(struct tdxc_sim_vmm *vm, struct tdxc_zap *zap)
{
	int err = vmm_topup(vm, TDXC_MEMORY_PRIVATE);

	if (err != TDXC_OK)
		return err;
	vmm_lock(vm, TDXC_LOCK_SHARED);
	err = tdxc_mmu_zap(&vm->mmu, &vmm_cpu(vm)->mmu, zap, TDXC_LOCK_SHARED);
	if (err == TDXC_E_EXIST)
		err = cut(vm, zap);
	if (zap->flush)
		vmm_flush_shared(vm);
	vmm_unlock(vm);
	count_zapped(vm, zap);
	vmm_trim(vm);
	return err;
}

int vmm_zap(struct tdxc_sim_vmm *vm, uint64_t start, uint64_t end,
	    enum tdxc_zap_reason reason)
{
	struct tdxc_zap zap = {
		.start = vmm_gfn(start),
		.end = vmm_gfn(end),
		.reason = reason,
		.out = vmm_cpu(vm)->zapped,
		.room = TDXC_SIM_VMM_BATCH,
	};
	uint32_t futile = 0;
	int err;

	for (;;) {
		err = zap_once(vm, &zap);
		if (err != TDXC_E_AGAIN && err != TDXC_E_BUSY)
			break;
		futile = zap.nr_out != 0 ? 0 : futile + 1;
		if (futile > VMM_PATIENCE)
			break;
		vmm_count(&vm->counts.zap_retries, 1);
		(void)sched_yield();
	}
	if (err == TDXC_E_IO)
		vmm_die(vm, "memory could not be unmapped", err);
	return err;
}

/* --- conversions --------------------------------------------------------- */

/* Frames of the range that the other half has. */
static uint64_t to_convert(const struct vmm_range *range, bool to_private)
{
	uint64_t n = 0;

	for (uint64_t gfn = range->start; gfn < range->end; gfn++)
		n += vmm_is_shared(range->memory, gfn) == to_private;
	return n;
}

int vmm_convert(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
		bool to_private)
{
	struct vmm_range range;
	uint64_t n;
	int err = vmm_range(vm, gpa, bytes, &range);

	if (err != TDXC_OK)
		return err;
	range.halves[VMM_SHARED] = true;
	range.halves[VMM_PRIVATE] = true;
	range.claim = true;
	vmm_begin_change(vm, &range);
	n = to_convert(&range, to_private);
	if (n != 0)
		err = vmm_zap(vm, range.start, range.end,
			      to_private ? TDXC_ZAP_TO_PRIVATE
					 : TDXC_ZAP_TO_SHARED);
	if (n != 0 && err == TDXC_OK) {
		vmm_set_shared(&range, !to_private);
		vmm_drop_pages(vm, &range,
			       to_private ? VMM_SHARED : VMM_PRIVATE);
	}
	vmm_end_change(vm, &range);
	vmm_count(&vm->counts.conversions, 1);
	if (err == TDXC_OK)
		vmm_count(&vm->counts.converted, n);
	return err;
}

int tdxc_sim_vmm_convert(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
			 bool to_private)
{
	int err;

	(void)vmm_begin(vm);
	err = vmm_convert(vm, gpa, bytes, to_private);
	vmm_end(vm);
	return err;
}

/* --- what else goes ------------------------------------------------------ */

static int balloon(struct tdxc_sim_vmm *vm, struct vmm_range *range)
{
	int err;

	range->halves[VMM_PRIVATE] = true;
	range->claim = true;
	vmm_begin_change(vm, range);
	err = vmm_zap(vm, range->start, range->end, TDXC_ZAP_BACKING_GONE);
	if (err == TDXC_OK)
		vmm_drop_pages(vm, range, VMM_PRIVATE);
	vmm_end_change(vm, range);
	vmm_count(&vm->counts.ballooned, range->end - range->start);
	return err;
}

int tdxc_sim_vmm_balloon(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes)
{
	struct vmm_range range;
	int err = vmm_range(vm, gpa, bytes, &range);

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	err = balloon(vm, &range);
	vmm_end(vm);
	return err;
}

int tdxc_sim_vmm_unmap_shared(struct tdxc_sim_vmm *vm, uint64_t gpa,
			      uint64_t bytes)
{
	struct vmm_range range;
	int err = vmm_range(vm, gpa, bytes, &range);

	if (err != TDXC_OK)
		return err;
	range.halves[VMM_SHARED] = true;
	(void)vmm_begin(vm);
	vmm_begin_change(vm, &range);
	err = vmm_zap(vm, range.start, range.end, TDXC_ZAP_NOTIFIER);
	vmm_end_change(vm, &range);
	vmm_end(vm);
	return err;
}

static int zap_roots(struct tdxc_sim_vmm *vm)
{
	struct tdxc_sim_vmm_cpu *cpu = vmm_cpu(vm);
	struct tdxc_roots_zap zap = {.out = cpu->zapped,
				     .room = TDXC_SIM_VMM_BATCH};
	uint32_t tries = 0;
	int err;

	do {
		vmm_lock(vm, TDXC_LOCK_SHARED);
		err = tdxc_zap_roots(&vm->mmu, &cpu->mmu, &zap,
				     TDXC_LOCK_SHARED);
		vmm_unlock(vm);
		vmm_count(&vm->counts.zapped[VMM_SHARED], zap.nr_out);
		tdxc_sim_host_reap(vm->host, 1);
	} while (err == TDXC_E_AGAIN && tries++ < VMM_PATIENCE);
	return err;
}

int tdxc_sim_vmm_unmap_all_shared(struct tdxc_sim_vmm *vm)
{
	int err;

	(void)vmm_begin(vm);
	vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
	err = tdxc_roots_invalidate(&vm->mmu, TDXC_ROOTS_DIRECT,
				    TDXC_LOCK_EXCLUSIVE);
	vmm_unlock(vm);
	if (err == TDXC_OK) {
		vmm_flush_shared(vm);
		err = zap_roots(vm);
	}
	vmm_end(vm);
	return err;
}

/* --- slots --------------------------------------------------------------- */

static int whole_slot(struct tdxc_sim_vmm *vm, uint32_t slot,
		      struct vmm_range *range)
{
	memset(range, 0, sizeof(*range));
	if (slot >= TDXC_SIM_VMM_SLOTS || vm->config.slots[slot].bytes == 0)
		return TDXC_E_NOENT;
	range->memory = &vm->memory[slot];
	range->start = range->memory->start;
	range->end = range->memory->end;
	range->halves[VMM_SHARED] = true;
	range->halves[VMM_PRIVATE] = true;
	range->claim = true;
	return TDXC_OK;
}

/* Faults see at once that it is gone, and do not wait for it (H9, H10). */
int tdxc_sim_vmm_delete_slot(struct tdxc_sim_vmm *vm, uint32_t slot)
{
	struct vmm_range range;
	int err = whole_slot(vm, slot, &range);

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	vmm_begin_change(vm, &range);
	if (tdxc_xchg(&range.memory->live, 0) == 0)
		err = TDXC_E_NOENT;
	if (err == TDXC_OK)
		err = vmm_zap(vm, range.start, range.end,
			      TDXC_ZAP_SLOT_DELETED);
	if (err == TDXC_OK) {
		vmm_drop_pages(vm, &range, VMM_SHARED);
		vmm_drop_pages(vm, &range, VMM_PRIVATE);
	}
	vmm_end_change(vm, &range);
	vmm_end(vm);
	return err;
}

int tdxc_sim_vmm_restore_slot(struct tdxc_sim_vmm *vm, uint32_t slot)
{
	struct vmm_range range;
	int err = whole_slot(vm, slot, &range);

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	vmm_begin_change(vm, &range);
	vmm_set_shared(&range, vm->config.slots[slot].shared);
	if (tdxc_xchg(&range.memory->live, 1) != 0)
		err = TDXC_E_EXIST;
	vmm_end_change(vm, &range);
	vmm_end(vm);
	return err;
}
