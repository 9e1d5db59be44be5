/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Runtime update.
 *
 * SYS.SHUTDOWN is the point of no return: what is behind it may only fail for
 * reasons that could not be known before. A busy answer is never such a reason,
 * because nothing happened: it leaves the phase as it was, however often.
 */
#include "module_work.h"
#include "update_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/update.h>
#include <tdxcore/version.h>

/* SYS.SHUTDOWN RCX. tdx-module-abi.md 1.4 */
#define SHUTDOWN_AVOID_SENSITIVE (1ull << 16)

#define STATUS_UPDATE_SENSITIVE	 0x8000051200000000ull

#define PHASE_NAME_LENGTH	 16

static const char phase_names[TDXC_UPDATE_PHASES][PHASE_NAME_LENGTH] = {
	[TDXC_UPDATE_NONE] = "not begun",
	[TDXC_UPDATE_INSTALL] = "SEAMLDR.INSTALL",
	[TDXC_UPDATE_CPUS] = "SYS.INIT",
	[TDXC_UPDATE_RUN] = "SYS.UPDATE",
	[TDXC_UPDATE_READ] = "SYS.RD",
	[TDXC_UPDATE_DONE] = "done",
	[TDXC_UPDATE_FAILED] = "failed",
};

const char *tdxc_update_phase_name(enum tdxc_update_phase phase)
{
	return (uint32_t)phase < TDXC_UPDATE_PHASES ? phase_names[phase]
						    : "unknown phase";
}

enum tdxc_update_phase tdxc_update_get_phase(const struct tdxc_update *u)
{
	return (enum tdxc_update_phase)tdxc_load_acquire(&u->phase);
}

/* --- before the point of no return -----------------------------------------
 */

static int config_check(const struct tdxc_update_config *config)
{
	const uint32_t flags =
		TDXC_UPDATE_AVOID_SENSITIVE | TDXC_UPDATE_OFFLINE_CPUS;
	const struct tdxc_module *m = config->module;

	if (config->abi != TDXC_ABI || (config->flags & ~flags) != 0 ||
	    m == NULL || config->installed == NULL || config->params_pa == 0 ||
	    (config->params_pa & (TDXC_PAGE_SIZE - 1)) != 0)
		return TDXC_E_INVAL;
	if (config->loses_vmcs)
		return TDXC_E_OPNOTSUPP;
	if (tdxc_module_step(m) != TDXC_MODULE_READY || m->disabled)
		return TDXC_E_INVAL;
	return TDXC_OK;
}

/* What a module writes is only known as far as it says so. */
static bool writes_version(const struct tdxc_sysinfo *info, uint16_t version)
{
	if (!tdxc_sysinfo_has(info, TDXC_FIELD_MODULE_HV))
		return false;
	if (info->no_downgrade != 0 ||
	    !tdxc_sysinfo_has(info, TDXC_FIELD_MIN_UPDATE_HV))
		return version == info->module_hv;
	return version >= info->min_update_hv && version <= info->module_hv;
}

static int module_check(const struct tdxc_update_config *config)
{
	const struct tdxc_sysinfo *info = &config->module->info;

	if (!tdxc_sysinfo_feature(info, TDXC_FEATURE_TD_PRESERVING))
		return TDXC_E_OPNOTSUPP;
	if ((config->flags & TDXC_UPDATE_AVOID_SENSITIVE) != 0 &&
	    !tdxc_sysinfo_feature(info, TDXC_FEATURE_UPDATE_COMPAT))
		return TDXC_E_OPNOTSUPP;
	if (!writes_version(info, config->handoff_version))
		return TDXC_E_RANGE;
	if (config->seamldr != NULL && config->seamldr->remaining_updates == 0)
		return TDXC_E_NOSPC;
	return TDXC_OK;
}

static int cpus_check(const struct tdxc_update_config *config)
{
	const struct tdxc_module_config *c = &config->module->config;
	uint32_t i;

	if ((config->flags & TDXC_UPDATE_OFFLINE_CPUS) != 0)
		return TDXC_OK;
	for (i = 0; i < c->nr_cpus; i++) {
		if (c->cpus[i].online == 0)
			return TDXC_E_NODEV;
	}
	return TDXC_OK;
}

static int gate_close(struct tdxc_module *m, uint64_t *builds)
{
	*builds = 0;
	if (tdxc_try_cmpxchg(&m->builds, builds, BUILDS_CLOSED))
		return TDXC_OK;
	*builds &= ~BUILDS_CLOSED;
	return TDXC_E_BUSY;
}

static void gate_open(struct tdxc_module *m)
{
	tdxc_store_release(&m->builds, 0);
}

static int module_shut_down(const struct tdxc_update_config *config,
			    struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {
		config->handoff_version, 0, 0, 0, 0, 0};
	int err;

	if ((config->flags & TDXC_UPDATE_AVOID_SENSITIVE) != 0)
		regs.rcx |= SHUTDOWN_AVOID_SENSITIVE;
	err = tdxc_module_call_(config->module, TDXC_SYS_SHUTDOWN, &regs,
				TDXC_SEAMCALL_IN, diag);
	if (tdxc_status_code(diag->status) == STATUS_UPDATE_SENSITIVE)
		return TDXC_E_BUSY;
	return err;
}

/* --- behind it ---------------------------------------------------------------
 */

/* What the old module said about itself, and may differ in the next. */
static void forget_identity(struct tdxc_sysinfo *info)
{
	const uint64_t fields = 1ull << TDXC_FIELD_MINOR_VERSION |
				1ull << TDXC_FIELD_MAJOR_VERSION |
				1ull << TDXC_FIELD_UPDATE_VERSION |
				1ull << TDXC_FIELD_INTERNAL_VERSION |
				1ull << TDXC_FIELD_BUILD_NUM |
				1ull << TDXC_FIELD_BUILD_DATE |
				1ull << TDXC_FIELD_MODULE_HV |
				1ull << TDXC_FIELD_MIN_UPDATE_HV |
				1ull << TDXC_FIELD_NO_DOWNGRADE;

	info->present &= ~fields;
	info->minor_version = 0;
	info->major_version = 0;
	info->update_version = 0;
	info->internal_version = 0;
	info->build_num = 0;
	info->build_date = 0;
	info->module_hv = 0;
	info->min_update_hv = 0;
	info->no_downgrade = 0;
}

/* Keys stay: packages have them, and the next module is told so. */
static void forget_cpus(struct tdxc_update *u)
{
	struct tdxc_module *m = u->config.module;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		tdxc_store_release(&m->config.cpus[i].initialized, 0);
		tdxc_store_release(&u->config.installed[i], 0);
	}
	tdxc_store_release(&m->sys_init, SYS_INIT_NONE);
}

int tdxc_update_begin(struct tdxc_update *u,
		      const struct tdxc_update_config *config, uint64_t *builds,
		      struct tdxc_seamcall_diag *diag)
{
	struct tdxc_module *m = config->module;
	int err = config_check(config);

	memset(u, 0, sizeof(*u));
	memset(diag, 0, sizeof(*diag));
	*builds = 0;
	if (err == TDXC_OK)
		err = module_check(config);
	if (err == TDXC_OK)
		err = cpus_check(config);
	if (err == TDXC_OK)
		err = gate_close(m, builds);
	if (err != TDXC_OK)
		return err;
	err = module_shut_down(config, diag);
	if (err != TDXC_OK) {
		gate_open(m);
		return err;
	}
	u->config = *config;
	forget_cpus(u);
	forget_identity(&m->info);
	tdxc_module_set_step_(m, TDXC_MODULE_UPDATE);
	tdxc_store_release(&u->phase, TDXC_UPDATE_INSTALL);
	return TDXC_OK;
}

static void phase_advance(struct tdxc_update *u, enum tdxc_update_phase from,
			  enum tdxc_update_phase to)
{
	uint64_t phase = (uint64_t)from;

	(void)tdxc_try_cmpxchg(&u->phase, &phase, (uint64_t)to);
}

static int update_fail(struct tdxc_update *u, enum tdxc_update_phase phase,
		       uint32_t cpu, uint64_t status)
{
	struct tdxc_module *m = u->config.module;
	uint64_t at = (uint64_t)phase;

	if (!tdxc_try_cmpxchg(&u->phase, &at, TDXC_UPDATE_FAILED))
		return TDXC_E_CANCELED;
	u->failed_phase = phase;
	u->failed_cpu = cpu;
	u->failed_status = status;
	tdxc_module_set_step_(m, TDXC_MODULE_UNDO);
	gate_open(m);
	return TDXC_OK;
}

/* Whether a step of this phase may be made. */
static int phase_check(const struct tdxc_update *u,
		       enum tdxc_update_phase wanted)
{
	enum tdxc_update_phase phase = tdxc_update_get_phase(u);

	if (phase == wanted)
		return TDXC_OK;
	return phase == TDXC_UPDATE_FAILED ? TDXC_E_CANCELED : TDXC_E_INVAL;
}

static int cpu_check(const struct tdxc_update *u, uint32_t cpu,
		     enum tdxc_update_phase phase)
{
	int err = phase_check(u, phase);

	/* Before the first begin there is no module to ask. */
	if (err == TDXC_OK && cpu >= u->config.module->config.nr_cpus)
		return TDXC_E_INVAL;
	return err;
}

static bool cpu_needs(const struct tdxc_update *u, enum tdxc_update_phase phase,
		      uint32_t cpu)
{
	if (phase == TDXC_UPDATE_INSTALL)
		return tdxc_load_acquire(&u->config.installed[cpu]) == 0;
	return tdxc_load_acquire(
		       &u->config.module->config.cpus[cpu].initialized) == 0;
}

static uint32_t cpus_needing(const struct tdxc_update *u,
			     enum tdxc_update_phase phase)
{
	uint32_t needing = 0;
	uint32_t i;

	for (i = 0; i < u->config.module->config.nr_cpus; i++)
		needing += cpu_needs(u, phase, i) ? 1 : 0;
	return needing;
}

/* Inside the claim: nobody else installs, fails or gives up. */
static int install_claimed(struct tdxc_update *u, uint32_t cpu,
			   struct tdxc_seamcall_diag *diag)
{
	int err = cpu_check(u, cpu, TDXC_UPDATE_INSTALL);

	if (err != TDXC_OK || !cpu_needs(u, TDXC_UPDATE_INSTALL, cpu))
		return err;
	err = tdxc_update_seamldr_call_(&u->config.module->config.port,
					TDXC_SEAMLDR_INSTALL,
					u->config.params_pa, diag);
	if (err == TDXC_E_BUSY)
		return err;
	if (err != TDXC_OK) {
		(void)update_fail(u, TDXC_UPDATE_INSTALL, cpu, diag->status);
		return err;
	}
	tdxc_store_release(&u->config.installed[cpu], 1);
	if (cpus_needing(u, TDXC_UPDATE_INSTALL) == 0)
		phase_advance(u, TDXC_UPDATE_INSTALL, TDXC_UPDATE_CPUS);
	return TDXC_OK;
}

int tdxc_update_install(struct tdxc_update *u, uint32_t cpu,
			struct tdxc_seamcall_diag *diag)
{
	uint64_t free = 0;
	int err;

	memset(diag, 0, sizeof(*diag));
	if (!tdxc_try_cmpxchg(&u->claim, &free, 1))
		return TDXC_E_AGAIN;
	err = install_claimed(u, cpu, diag);
	tdxc_store_release(&u->claim, 0);
	return err;
}

/* A SYS.INIT that was only busy is not remembered: the next CPU tries again.
 * Exactly this result, for another CPU may be at it already. */
static void forget_busy(struct tdxc_module *m,
			const struct tdxc_seamcall_diag *diag)
{
	uint64_t result = diag->status;

	if (diag->rax == TDXC_SYS_INIT)
		(void)tdxc_try_cmpxchg(&m->sys_init, &result, SYS_INIT_NONE);
}

int tdxc_update_cpu_init(struct tdxc_update *u, uint32_t cpu,
			 struct tdxc_seamcall_diag *diag)
{
	int err = cpu_check(u, cpu, TDXC_UPDATE_CPUS);

	memset(diag, 0, sizeof(*diag));
	if (err != TDXC_OK)
		return err;
	err = tdxc_module_cpu_init(u->config.module, cpu, diag);
	if (err == TDXC_OK && cpus_needing(u, TDXC_UPDATE_CPUS) == 0)
		phase_advance(u, TDXC_UPDATE_CPUS, TDXC_UPDATE_RUN);
	else if (err == TDXC_E_BUSY)
		forget_busy(u->config.module, diag);
	else if (err != TDXC_OK && err != TDXC_E_AGAIN)
		(void)update_fail(u, TDXC_UPDATE_CPUS, cpu, diag->status);
	return err;
}

static int module_take_over(struct tdxc_update *u,
			    struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	int err = tdxc_module_call_(u->config.module, TDXC_SYS_UPDATE, &regs,
				    TDXC_SEAMCALL_IN, diag);

	if (err == TDXC_OK)
		phase_advance(u, TDXC_UPDATE_RUN, TDXC_UPDATE_READ);
	else if (err != TDXC_E_BUSY)
		(void)update_fail(u, TDXC_UPDATE_RUN, 0, diag->status);
	return err;
}

static int module_read_again(struct tdxc_update *u,
			     struct tdxc_metadata_fault *fault,
			     struct tdxc_seamcall_diag *diag)
{
	struct tdxc_module *m = u->config.module;
	int err = tdxc_metadata_read(&m->config.port, &u->info, fault, diag);

	if (err != TDXC_OK)
		return err;
	if ((m->config.flags & TDXC_MODULE_ALLOW_RBP_MOD) == 0 &&
	    !tdxc_sysinfo_feature(&u->info, TDXC_FEATURE_NO_RBP_MOD)) {
		fault->field = tdxc_field_id(TDXC_FIELD_FEATURES0);
		fault->value = u->info.features0;
		return TDXC_E_OPNOTSUPP;
	}
	memcpy(&m->info, &u->info, sizeof(m->info));
	phase_advance(u, TDXC_UPDATE_READ, TDXC_UPDATE_DONE);
	tdxc_module_set_step_(m, TDXC_MODULE_READY);
	gate_open(m);
	return TDXC_OK;
}

int tdxc_update_finish(struct tdxc_update *u, struct tdxc_metadata_fault *fault,
		       struct tdxc_seamcall_diag *diag)
{
	int err;

	memset(fault, 0, sizeof(*fault));
	memset(diag, 0, sizeof(*diag));
	if (tdxc_update_get_phase(u) != TDXC_UPDATE_READ) {
		err = phase_check(u, TDXC_UPDATE_RUN);
		if (err == TDXC_OK)
			err = module_take_over(u, diag);
		if (err != TDXC_OK)
			return err;
	}
	return module_read_again(u, fault, diag);
}

int tdxc_update_give_up(struct tdxc_update *u)
{
	enum tdxc_update_phase phase = tdxc_update_get_phase(u);
	uint64_t free = 0;
	int err;

	if (phase < TDXC_UPDATE_INSTALL || phase > TDXC_UPDATE_READ)
		return TDXC_E_INVAL;
	if (!tdxc_try_cmpxchg(&u->claim, &free, 1))
		return TDXC_E_BUSY;
	err = update_fail(u, phase, 0, 0);
	tdxc_store_release(&u->claim, 0);
	return err == TDXC_OK ? TDXC_OK : TDXC_E_BUSY;
}

/* --- what comes next ---------------------------------------------------------
 */

/* The first online CPU that needs the phase, or else the first of all. */
static int next_cpu(const struct tdxc_update *u, struct tdxc_update_todo *todo)
{
	const struct tdxc_module_config *c = &u->config.module->config;
	uint32_t i;

	todo->missing = cpus_needing(u, todo->phase);
	todo->cpu = c->nr_cpus;
	for (i = 0; i < c->nr_cpus; i++) {
		if (!cpu_needs(u, todo->phase, i))
			continue;
		if (todo->cpu == c->nr_cpus || c->cpus[i].online != 0)
			todo->cpu = i;
		if (c->cpus[i].online != 0)
			return TDXC_OK;
	}
	return TDXC_E_NODEV;
}

static int first_online(const struct tdxc_update *u,
			struct tdxc_update_todo *todo)
{
	const struct tdxc_module_config *c = &u->config.module->config;
	uint32_t i;

	for (i = 0; i < c->nr_cpus; i++) {
		todo->cpu = i;
		if (c->cpus[i].online != 0)
			return TDXC_OK;
	}
	todo->cpu = 0;
	return TDXC_E_NODEV;
}

int tdxc_update_next(const struct tdxc_update *u, struct tdxc_update_todo *todo)
{
	memset(todo, 0, sizeof(*todo));
	todo->phase = tdxc_update_get_phase(u);
	switch (todo->phase) {
	case TDXC_UPDATE_INSTALL:
	case TDXC_UPDATE_CPUS:
		return next_cpu(u, todo);
	case TDXC_UPDATE_RUN:
	case TDXC_UPDATE_READ:
		return first_online(u, todo);
	default:
		return TDXC_OK;
	}
}
