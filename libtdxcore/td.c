/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A TD: where it stands, what comes next, and the beginning of its end. */
#include "td_work.h"

#include <tdxcore/err.h>
#include <tdxcore/version.h>

#define STEP_NAME_LENGTH 20
#define ALIAS_48	 (1ull << 35)
#define ALIAS_52	 (1ull << 39)
#define MAX_L2_VMS	 3u
#define TDCX_PER_L2_VM	 1u
#define TDVPS_PER_L2_VM	 3u

static const char step_names[TDXC_TD_STEPS][STEP_NAME_LENGTH] = {
	[TDXC_TD_CREATE] = "MNG.CREATE",
	[TDXC_TD_KEYS] = "MNG.KEY.CONFIG",
	[TDXC_TD_SETUP] = "MNG.INIT",
	[TDXC_TD_BUILD] = "build",
	[TDXC_TD_RUN] = "run",
	[TDXC_TD_VCPUS] = "VP.FLUSH",
	[TDXC_TD_CLOSE] = "MNG.VPFLUSHDONE",
	[TDXC_TD_CACHES] = "PHYMEM.CACHE.WB",
	[TDXC_TD_KEYID] = "MNG.KEY.FREEID",
	[TDXC_TD_RECLAIM] = "PHYMEM.PAGE.RECLAIM",
	[TDXC_TD_GONE] = "gone",
};

const char *tdxc_td_step_name(enum tdxc_td_step step)
{
	return (uint32_t)step < TDXC_TD_STEPS ? step_names[step]
					      : "unknown step";
}

/* --- init ----------------------------------------------------------------- */

struct tdxc_td_pages tdxc_td_pages_(const struct tdxc_td_config *config)
{
	const struct tdxc_sysinfo *info = &config->module->info;
	struct tdxc_td_pages pages;

	pages.tdcx = (uint32_t)(info->tdcs_size / TDXC_PAGE_SIZE);
	pages.tdcx += config->nr_l2_vms * TDCX_PER_L2_VM;
	pages.tdvps = (uint32_t)(info->tdvps_size / TDXC_PAGE_SIZE);
	pages.tdvps += config->nr_l2_vms * TDVPS_PER_L2_VM;
	return pages;
}

static bool pages_ok(const struct tdxc_td_config *config)
{
	struct tdxc_td_pages pages = tdxc_td_pages_(config);

	return pages.tdcx != 0 && pages.tdcx <= TDXC_TD_MAX_TDCX &&
	       pages.tdvps != 0 && pages.tdvps <= TDXC_TD_MAX_TDVPS;
}

static bool is_first_of_package(const struct tdxc_module *m, uint32_t cpu)
{
	uint32_t i;

	for (i = 0; i < cpu; i++) {
		if (m->config.cpus[i].package == m->config.cpus[cpu].package)
			return false;
	}
	return true;
}

static uint32_t count_packages(const struct tdxc_module *m)
{
	uint32_t packages = 0;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++)
		packages += is_first_of_package(m, i);
	return packages;
}

static bool config_ok(const struct tdxc_td_config *config)
{
	const struct tdxc_td_ops *ops = config->ops;

	return config->abi == TDXC_ABI && ops != NULL && ops->abi == TDXC_ABI &&
	       ops->page_alloc != NULL && ops->page_free != NULL &&
	       ops->lock_held != NULL && config->module != NULL &&
	       config->keyids != NULL && config->sept != NULL &&
	       config->vcpus != NULL && config->nr_l2_vms <= MAX_L2_VMS &&
	       (config->alias == 0 || config->alias == ALIAS_48 ||
		config->alias == ALIAS_52);
}

int tdxc_td_init(struct tdxc_td *td, const struct tdxc_td_config *config)
{
	if (!config_ok(config) || !pages_ok(config) ||
	    count_packages(config->module) > TDXC_TD_MAX_PACKAGES)
		return TDXC_E_INVAL;
	memset(td, 0, sizeof(*td));
	td->config = *config;
	if (td->config.alias == 0)
		td->config.alias = ALIAS_48;
	return TDXC_OK;
}

uint32_t tdxc_td_nr_packages_(const struct tdxc_td *td)
{
	return count_packages(td->config.module);
}

/* --- what it is like ------------------------------------------------------ */

bool tdxc_td_is_alone_at_(const struct tdxc_td *td, enum tdxc_td_step step)
{
	return tdxc_td_step_(td) == step &&
	       td->config.ops->lock_held(td->config.ctx, TDXC_LOCK_EXCLUSIVE);
}

bool tdxc_td_is_empty_(const struct tdxc_td *td)
{
	const struct tdxc_sept_config *sept = &td->config.sept->config;
	uint32_t i;

	for (i = 0; i < sept->nr_vcpus; i++) {
		if ((tdxc_load_acquire(&sept->vcpus[i].sequence) & 1) != 0)
			return false;
	}
	return true;
}

uint32_t tdxc_td_first_associated_(const struct tdxc_td *td)
{
	uint32_t n = td->config.sept->config.nr_vcpus;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (tdxc_load_acquire(&td->config.vcpus[i].cpu) != 0)
			break;
	}
	return i;
}

static bool has_associated(const struct tdxc_td *td)
{
	return tdxc_td_first_associated_(td) < td->config.sept->config.nr_vcpus;
}

bool tdxc_td_has_package_(const struct tdxc_td *td, uint32_t package)
{
	uint32_t i;

	for (i = 0; i < td->nr_packages; i++) {
		if (td->packages[i] == package)
			return true;
	}
	return false;
}

bool tdxc_td_add_package_(struct tdxc_td *td, uint32_t package)
{
	td->packages[td->nr_packages++] = package;
	return td->nr_packages == tdxc_td_nr_packages_(td);
}

/* --- what comes next ------------------------------------------------------ */

/* A CPU of a package that is not in the list, an online one if there is any. */
static int next_package(const struct tdxc_td *td, struct tdxc_td_todo *todo)
{
	const struct tdxc_module_config *m = &td->config.module->config;
	bool found = false;
	uint32_t i;

	for (i = 0; i < m->nr_cpus; i++) {
		bool online = m->cpus[i].online != 0;

		if (tdxc_td_has_package_(td, m->cpus[i].package) ||
		    (found && !online))
			continue;
		todo->cpu = i;
		todo->package = m->cpus[i].package;
		found = true;
		if (online)
			return TDXC_OK;
	}
	return TDXC_E_NODEV;
}

/* The same for the vCPUs that are associated with a CPU. */
static int next_vcpu(const struct tdxc_td *td, struct tdxc_td_todo *todo)
{
	const struct tdxc_module_config *m = &td->config.module->config;
	uint32_t n = td->config.sept->config.nr_vcpus;
	bool found = false;
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint64_t cpu = tdxc_load_acquire(&td->config.vcpus[i].cpu);
		bool online = cpu != 0 && m->cpus[cpu - 1].online != 0;

		if (cpu == 0 || (found && !online))
			continue;
		todo->vcpu = i;
		todo->cpu = (uint32_t)(cpu - 1);
		found = true;
		if (online)
			return TDXC_OK;
	}
	if (found)
		return TDXC_E_NODEV;
	todo->step = TDXC_TD_CLOSE;
	return TDXC_OK;
}

int tdxc_td_next(const struct tdxc_td *td, struct tdxc_td_todo *todo)
{
	memset(todo, 0, sizeof(*todo));
	todo->step = tdxc_td_step_(td);
	switch (todo->step) {
	case TDXC_TD_KEYS:
	case TDXC_TD_CACHES:
		return next_package(td, todo);
	case TDXC_TD_VCPUS:
		return next_vcpu(td, todo);
	default:
		return TDXC_OK;
	}
}

/* --- the end begins ------------------------------------------------------- */

/*
 * vCPUs announce that they enter before they look at the step, and associate
 * themselves after that. So once the step forbids it and none is inside, what
 * is associated stays as it is.
 */
int tdxc_td_end(struct tdxc_td *td)
{
	enum tdxc_td_step step = tdxc_td_step_(td);
	uint64_t vcpus = TDXC_TD_VCPUS;

	if (!td->config.ops->lock_held(td->config.ctx, TDXC_LOCK_EXCLUSIVE))
		return TDXC_E_INVAL;
	if (step == TDXC_TD_CREATE) {
		tdxc_td_set_step_(td, TDXC_TD_GONE);
		return TDXC_OK;
	}
	if (step < TDXC_TD_VCPUS) {
		(void)tdxc_xchg(&td->step, TDXC_TD_VCPUS);
		tdxc_sept_set_stage(td->config.sept, TDXC_SEPT_CLOSED);
	}
	if (!tdxc_td_is_empty_(td))
		return TDXC_E_BUSY;
	if (!has_associated(td))
		(void)tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_CLOSE);
	return TDXC_OK;
}
