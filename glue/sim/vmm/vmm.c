/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A VM: built, measured, finalised. */
#include "vmm.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <tdxcore/td_params.h>

#include "vmm_impl.h"

/* Of the guest: x87 and SSE; 2 GHz. */
#define XFAM	      3u
#define TSC_FREQUENCY 80u
/* Tables that wait for the end of read-side sections. */
#define RETIRED_MOST 16u

/* --- processors and the lock --------------------------------------------- */

struct tdxc_sim_vmm_cpu *vmm_cpu(struct tdxc_sim_vmm *vm)
{
	return &vm->cpus[tdxc_sim_port_lp()];
}

struct tdxc_sim_vmm_cpu *vmm_begin(struct tdxc_sim_vmm *vm)
{
	(void)tdxc_sim_host_take_lp(vm->host);
	return vmm_cpu(vm);
}

void vmm_trim(struct tdxc_sim_vmm *vm)
{
	tdxc_sim_host_reap(vm->host, RETIRED_MOST);
	tdxc_sim_host_pamt_drain(vm->host, TDXC_SIM_HOST_PAMT_HIGH);
}

void vmm_end(struct tdxc_sim_vmm *vm)
{
	vmm_trim(vm);
	tdxc_sim_host_drop_lp(vm->host);
}

void vmm_lock(struct tdxc_sim_vmm *vm, enum tdxc_lock how)
{
	struct tdxc_sim_vmm_cpu *cpu = vmm_cpu(vm);
	int err = how == TDXC_LOCK_SHARED ? pthread_rwlock_rdlock(&vm->lock)
					  : pthread_rwlock_wrlock(&vm->lock);

	if (err != 0 || cpu->held != VMM_UNLOCKED)
		tdxc_sim_host_stop("no lock", (uint64_t)err);
	cpu->held = how == TDXC_LOCK_SHARED ? VMM_LOCKED_SHARED
					    : VMM_LOCKED_EXCLUSIVE;
	tdxc_sim_host_read_lock(vm->host);
}

void vmm_unlock(struct tdxc_sim_vmm *vm)
{
	tdxc_sim_host_read_unlock(vm->host);
	vmm_cpu(vm)->held = VMM_UNLOCKED;
	(void)pthread_rwlock_unlock(&vm->lock);
}

enum tdxc_lock vmm_held(struct tdxc_sim_vmm *vm)
{
	return vmm_cpu(vm)->held == VMM_LOCKED_EXCLUSIVE ? TDXC_LOCK_EXCLUSIVE
							 : TDXC_LOCK_SHARED;
}

int vmm_topup(struct tdxc_sim_vmm *vm, enum tdxc_memory memory)
{
	int err = tdxc_sim_host_pamt_topup(vm->host);

	return err == TDXC_OK
		       ? tdxc_mmu_topup(&vm->mmu, &vmm_cpu(vm)->mmu, memory)
		       : err;
}

bool vmm_is_dead(const struct tdxc_sim_vmm *vm)
{
	return tdxc_load_acquire(&vm->dead) != 0;
}

void vmm_die(struct tdxc_sim_vmm *vm, const char *why, int err)
{
	(void)pthread_mutex_lock(&vm->backing);
	if (!vm->why) {
		vm->why = why;
		vm->why_err = err;
	}
	(void)pthread_mutex_unlock(&vm->backing);
	tdxc_store_release(&vm->dead, 1);
	for (uint32_t i = 0; i < vm->config.nr_vcpus; i++)
		tdxc_sim_vmm_kick(vm, i);
}

/* --- making one ---------------------------------------------------------- */

static int init_locks(struct tdxc_sim_vmm *vm)
{
	pthread_rwlockattr_t attr;

	if (pthread_rwlockattr_init(&attr) != 0)
		return TDXC_E_NOMEM;
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (pthread_rwlock_init(&vm->lock, &attr) != 0 ||
	    pthread_mutex_init(&vm->backing, NULL) != 0 ||
	    pthread_cond_init(&vm->unclaimed, NULL) != 0)
		return TDXC_E_NOMEM;
	(void)pthread_rwlockattr_destroy(&attr);
	return TDXC_OK;
}

static int init_cpus(struct tdxc_sim_vmm *vm)
{
	uint32_t n = vm->host->description.nr_lps;
	uint32_t room =
		vm->config.batch != 0 ? vm->config.batch : TDXC_SIM_VMM_BATCH;

	vm->cpus = calloc(n, sizeof(*vm->cpus));
	vm->sept_vcpus = aligned_alloc(64, vm->config.nr_vcpus *
						   sizeof(*vm->sept_vcpus));
	if (!vm->cpus || !vm->sept_vcpus)
		return TDXC_E_NOMEM;
	memset(vm->sept_vcpus, 0,
	       vm->config.nr_vcpus * sizeof(*vm->sept_vcpus));
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_mmu_batch *batch = &vm->cpus[i].mmu.batch;

		batch->entries = vm->cpus[i].entries;
		batch->slots = vm->cpus[i].slots;
		batch->room = room;
	}
	for (uint32_t i = 0; i < vm->config.nr_vcpus; i++) {
		vm->vcpus[i].vm = vm;
		vm->vcpus[i].index = i;
	}
	return TDXC_OK;
}

static int init_sept(struct tdxc_sim_vmm *vm)
{
	struct tdxc_sim_host *host = vm->host;
	const struct tdxc_sept_config config = {
		.abi = TDXC_ABI,
		.ops = &vmm_sept_ops,
		.ctx = vm,
		.port = &host->seamcall,
		.limits = host->config.limits,
		.pamt = &host->pamt,
		.pa_bits = host->platform.pa_bits,
		.clflush = tdxc_sim_host_must_flush(host),
		.rewrite = (host->platform.errata &
			    TDXC_ERRATUM_PARTIAL_WRITE) != 0,
		.kick_spins = vm->config.kick_spins,
		.track_spins = vm->config.track_spins,
		.broadcast_cost = vm->config.broadcast_cost,
		.vcpus = vm->sept_vcpus,
		.nr_vcpus = vm->config.nr_vcpus,
		.quarantine = &host->quarantine,
	};

	return tdxc_sept_init(&vm->sept, &config);
}

static int init_td(struct tdxc_sim_vmm *vm)
{
	const struct tdxc_td_config config = {
		.abi = TDXC_ABI,
		.ops = &vmm_td_ops,
		.ctx = vm,
		.module = &vm->host->bringup.module,
		.keyids = &vm->host->keyids,
		.sept = &vm->sept,
		.vcpus = vm->td_vcpus,
		.alias = vm->alias / VMM_PAGE,
	};

	return tdxc_td_init(&vm->td, &config);
}

static int init_mmu(struct tdxc_sim_vmm *vm)
{
	const struct tdxc_mmu_config config = {
		.abi = TDXC_ABI,
		.levels = vm->config.levels,
		.ops = &vmm_mmu_ops,
		.ctx = vm,
		.virt = tdxc_sim_host_virt(vm->host),
		.td = true,
		.promote_to_zap = vm->config.promote_to_zap == 2 ||
				  (vm->config.promote_to_zap == 0 &&
				   tdxc_sept_promotion_pays(&vm->sept)),
		.end = vm->alias / VMM_PAGE,
	};
	int err = tdxc_mmu_init(&vm->mmu, &config);

	return err == TDXC_OK
		       ? tdxc_root_get(&vm->mmu, TDXC_ROOTS_MIRROR, &vm->mirror)
		       : err;
}

static int init(struct tdxc_sim_vmm *vm)
{
	int err = init_locks(vm);

	if (err == TDXC_OK)
		err = init_cpus(vm);
	if (err == TDXC_OK)
		err = vmm_memory_up(vm);
	if (err == TDXC_OK)
		err = init_sept(vm);
	if (err == TDXC_OK)
		err = init_td(vm);
	return err;
}

void vmm_free(struct tdxc_sim_vmm *vm)
{
	vmm_memory_down(vm);
	(void)pthread_rwlock_destroy(&vm->lock);
	(void)pthread_mutex_destroy(&vm->backing);
	(void)pthread_cond_destroy(&vm->unclaimed);
	free(vm->sept_vcpus);
	free(vm->cpus);
	free(vm);
}

/* --- MNG.CREATE to VP.INIT ----------------------------------------------- */

static int build_params(struct tdxc_sim_vmm *vm, uint64_t *page)
{
	const struct tdxc_sim_host *host = vm->host;
	struct tdxc_td_rules rules = {
		.abi = TDXC_ABI,
		.info = &host->bringup.module.info,
		.fms = host->description.fms,
		.five_level = true,
	};
	const struct tdxc_td_params params = {
		.abi = TDXC_ABI,
		.levels = vm->config.levels,
		.xfam = XFAM,
		.config_flags = vm->config.levels == 5 ? TDXC_TD_FLAG_GPAW : 0,
		.max_vcpus = (uint16_t)vm->config.nr_vcpus,
		.tsc_frequency = TSC_FREQUENCY,
	};
	struct tdxc_td_params_fault fault;
	int err = tdxc_td_rules_read(&host->seamcall, &rules, &vm->diag);

	return err == TDXC_OK
		       ? tdxc_td_params_build(&rules, &params, page, &fault)
		       : err;
}

static int set_up(struct tdxc_sim_vmm *vm)
{
	uint64_t page[TDXC_TD_PARAMS_WORDS];
	uint64_t leaf;
	uint64_t pa;
	int err = build_params(vm, page);

	if (err != TDXC_OK)
		return err;
	err = tdxc_sim_host_alloc(vm->host, 1, TDXC_SIM_USE_CONTROL, 0, &pa);
	if (err != TDXC_OK)
		return err;
	err = tdxc_sim_port_publish(&vm->host->port, pa, page, sizeof(page));
	if (err == TDXC_OK)
		err = tdxc_td_setup(&vm->td, pa, &leaf, &vm->diag);
	tdxc_sim_host_free(vm->host, 1, pa);
	return err;
}

/* On the CPU that it names, where it names one. */
static int do_step(struct tdxc_sim_vmm *vm, const struct tdxc_td_todo *todo)
{
	int err = tdxc_sim_host_pamt_topup(vm->host);

	if (err != TDXC_OK)
		return err;
	switch (todo->step) {
	case TDXC_TD_CREATE:
		return tdxc_td_create(&vm->td, &vm->diag);
	case TDXC_TD_KEYS:
		return tdxc_td_key_config(&vm->td, todo->cpu, &vm->diag);
	case TDXC_TD_SETUP:
		return set_up(vm);
	default:
		return TDXC_E_INVAL;
	}
}

static int take_step(struct tdxc_sim_vmm *vm)
{
	struct tdxc_td_todo todo;
	int err = tdxc_td_next(&vm->td, &todo);

	if (err != TDXC_OK)
		return err;
	if (todo.step == TDXC_TD_KEYS)
		tdxc_sim_host_take_this_lp(vm->host, todo.cpu);
	else
		(void)tdxc_sim_host_take_lp(vm->host);
	err = do_step(vm, &todo);
	vmm_end(vm);
	return err;
}

static bool worth_trying(int err)
{
	return err == TDXC_E_BUSY || err == TDXC_E_AGAIN;
}

static int make_vcpu(struct tdxc_sim_vmm *vm, uint32_t vcpu)
{
	uint32_t tries = 0;
	int err;

	do {
		(void)vmm_begin(vm);
		err = tdxc_sim_host_pamt_topup(vm->host);
		if (err == TDXC_OK) {
			vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
			err = tdxc_td_vcpu_create(&vm->td, vcpu,
						  tdxc_sim_port_lp(), vcpu,
						  &vm->diag);
			vmm_unlock(vm);
		}
		vmm_end(vm);
	} while (worth_trying(err) && tries++ < 100);
	return err;
}

static int build(struct tdxc_sim_vmm *vm)
{
	uint32_t tries = 0;
	int err = TDXC_OK;

	while (tdxc_load_acquire(&vm->td.step) < TDXC_TD_BUILD) {
		err = take_step(vm);
		if (err != TDXC_OK && (!worth_trying(err) || tries++ >= 100))
			return err;
	}
	(void)vmm_begin(vm);
	err = init_mmu(vm);
	vmm_end(vm);
	for (uint32_t i = 0; err == TDXC_OK && i < vm->config.nr_vcpus; i++)
		err = make_vcpu(vm, i);
	return err;
}

static bool is_sane(const struct tdxc_sim_vmm_config *c)
{
	return c->nr_vcpus >= 1 && c->nr_vcpus <= TDXC_SIM_VMM_VCPUS &&
	       (c->levels == 0 || c->levels == 4 || c->levels == 5) &&
	       c->batch <= TDXC_SIM_VMM_BATCH;
}

struct tdxc_sim_vmm *
tdxc_sim_vmm_create(struct tdxc_sim_host *host,
		    const struct tdxc_sim_vmm_config *config, int *err)
{
	struct tdxc_sim_vmm *vm;

	*err = TDXC_E_INVAL;
	if (!is_sane(config))
		return NULL;
	*err = TDXC_E_NOMEM;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	vm->host = host;
	vm->config = *config;
	if (vm->config.levels == 0)
		vm->config.levels = 4;
	vm->alias = tdxc_alias_bit(vm->config.levels) * VMM_PAGE;
	vm->owner = tdxc_sim_host_new_owner(host);
	*err = init(vm);
	if (*err != TDXC_OK) {
		vmm_free(vm);
		return NULL;
	}
	*err = build(vm);
	if (*err == TDXC_OK)
		return vm;
	(void)tdxc_sim_vmm_destroy(vm, NULL);
	return NULL;
}

/* --- the image ----------------------------------------------------------- */

static void fill(struct tdxc_sim_vmm *vm, uint64_t pa, uint64_t gpa,
		 uint64_t value)
{
	struct tdxc_sim_machine *machine = &vm->host->machine;

	for (uint64_t i = 0; i < VMM_PAGE; i += 8)
		tdxc_sim_guest_store(machine, tdxc_sim_port_lp(), pa + i,
				     tdxc_sim_guest_pattern(gpa + i, value));
}

static int add_page(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t value,
		    uint64_t source)
{
	const struct tdxc_fault fault = {
		.gfn = vmm_gfn(gpa / VMM_PAGE),
		.source = source,
		.level = TDXC_LEVEL_4K,
		.is_private = true,
		.prefetch = true,
	};

	fill(vm, source, gpa, value);
	vmm_count(&vm->counts.image_pages, 1);
	return vmm_fault(vm, &fault, NULL);
}

static int measure(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	uint32_t tries = 0;
	uint64_t done;
	int err;

	do {
		vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
		err = tdxc_td_measure(&vm->td, vmm_gfn(gpa / VMM_PAGE), 1,
				      &done, &vm->diag);
		vmm_unlock(vm);
	} while (err == TDXC_E_BUSY && done == 0 && tries++ < 100);
	return err;
}

int tdxc_sim_vmm_add_image(struct tdxc_sim_vmm *vm, uint64_t gpa,
			   uint64_t bytes, uint64_t value, bool measured)
{
	struct vmm_range range;
	uint64_t source;
	int err = vmm_range(vm, gpa, bytes, &range);

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	err = tdxc_sim_host_alloc(vm->host, 1, TDXC_SIM_USE_NONE, 0, &source);
	if (err != TDXC_OK) {
		vmm_end(vm);
		return err;
	}
	for (uint64_t at = gpa; err == TDXC_OK && at < gpa + bytes;
	     at += VMM_PAGE) {
		err = add_page(vm, at, value, source);
		if (err == TDXC_OK && measured)
			err = measure(vm, at);
	}
	tdxc_sim_host_free(vm->host, 1, source);
	vmm_end(vm);
	return err;
}

int tdxc_sim_vmm_finalize(struct tdxc_sim_vmm *vm)
{
	uint32_t tries = 0;
	int err;

	do {
		(void)vmm_begin(vm);
		vmm_lock(vm, TDXC_LOCK_EXCLUSIVE);
		err = tdxc_td_finalize(&vm->td, &vm->diag);
		vmm_unlock(vm);
		vmm_end(vm);
	} while (worth_trying(err) && tries++ < 100);
	vm->finalized = err == TDXC_OK;
	return err;
}
