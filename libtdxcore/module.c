/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Bring-up: where it stands, what comes next, and the processors.
 *
 * The result of SYS.INIT is remembered whatever it is, because every later CPU
 * would get an answer that says less (SYS_INIT_NOT_PENDING) or start a second
 * attempt of a step that has failed.
 */
#include "module_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#define STATUS_LP_INIT_DONE 0xC000050300000000ull

#define STEP_NAME_LENGTH    16

static const char step_names[TDXC_MODULE_STEPS][STEP_NAME_LENGTH] = {
	[TDXC_MODULE_CPUS] = "SYS.INIT",
	[TDXC_MODULE_READ] = "SYS.RD",
	[TDXC_MODULE_PLAN] = "plan",
	[TDXC_MODULE_PLACE] = "place",
	[TDXC_MODULE_CONFIG] = "SYS.CONFIG",
	[TDXC_MODULE_FLUSH] = "flush",
	[TDXC_MODULE_KEYS] = "SYS.KEY.CONFIG",
	[TDXC_MODULE_TDMRS] = "SYS.TDMR.INIT",
	[TDXC_MODULE_READY] = "ready",
	[TDXC_MODULE_UPDATE] = "update",
	[TDXC_MODULE_UNDO] = "undo",
	[TDXC_MODULE_DEAD] = "dead",
};

const char *tdxc_module_step_name(enum tdxc_module_step step)
{
	return (uint32_t)step < TDXC_MODULE_STEPS ? step_names[step]
						  : "unknown step";
}

static bool ops_ok(const struct tdxc_module_config *config)
{
	const struct tdxc_module_ops *ops = config->ops;
	const struct tdxc_seamcall_ops *port = config->port.ops;

	return port != NULL && port->abi == TDXC_ABI && port->call != NULL &&
	       ops != NULL && ops->abi == TDXC_ABI && ops->pamt_alloc != NULL &&
	       ops->pamt_free != NULL && ops->flush_caches != NULL &&
	       ops->rewrite != NULL;
}

static bool is_aligned(uint64_t address)
{
	return (address & (TDXC_TDMR_INFO_ALIGN - 1)) == 0;
}

static bool memory_ok(const struct tdxc_module_config *config)
{
	return config->infos != NULL && config->pointers != NULL &&
	       is_aligned((uint64_t)(size_t)config->infos) &&
	       is_aligned((uint64_t)(size_t)config->pointers) &&
	       is_aligned(config->infos_pa) && is_aligned(config->pointers_pa);
}

static bool config_ok(const struct tdxc_module_config *config)
{
	const uint32_t flags =
		TDXC_MODULE_STATIC_PAMT | TDXC_MODULE_ALLOW_RBP_MOD;

	return config->abi == TDXC_ABI && (config->flags & ~flags) == 0 &&
	       config->cpus != NULL && config->nr_cpus != 0 &&
	       config->pa_bits >= 32 && config->pa_bits <= 63;
}

int tdxc_module_init(struct tdxc_module *m,
		     const struct tdxc_module_config *config)
{
	if (!config_ok(config) || !ops_ok(config) || !memory_ok(config))
		return TDXC_E_INVAL;
	memset(m, 0, sizeof(*m));
	m->config = *config;
	return TDXC_OK;
}

enum tdxc_module_step tdxc_module_step(const struct tdxc_module *m)
{
	return (enum tdxc_module_step)tdxc_load_acquire(&m->step);
}

int tdxc_module_call_(const struct tdxc_module *m, uint64_t rax,
		      struct tdxc_seamcall_regs *regs,
		      enum tdxc_seamcall_shape shape,
		      struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();

	return tdxc_seamcall(&m->config.port, rax, regs, shape, &limits, diag);
}

/* --- processors ----------------------------------------------------------- */

static bool cpu_is_initialized(const struct tdxc_module_cpu *cpu)
{
	return tdxc_load_acquire(&cpu->initialized) != 0;
}

static int sys_init_call(struct tdxc_module *m, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	int err = tdxc_module_call_(m, TDXC_SYS_INIT, &regs, TDXC_SEAMCALL_RET,
				    diag);

	tdxc_store_release(&m->sys_init,
			   err == TDXC_OK ? SYS_INIT_DONE : diag->status);
	return err;
}

static uint64_t sys_init_await(const struct tdxc_module *m)
{
	uint64_t result = SYS_INIT_RUNNING;
	uint32_t spins;

	for (spins = 0; spins < TDXC_MODULE_SPINS; spins++) {
		result = tdxc_load_acquire(&m->sys_init);
		if (result != SYS_INIT_RUNNING)
			break;
		tdxc_relax();
	}
	return result;
}

static int sys_init_once(struct tdxc_module *m, struct tdxc_seamcall_diag *diag)
{
	uint64_t result = SYS_INIT_NONE;

	if (tdxc_try_cmpxchg(&m->sys_init, &result, SYS_INIT_RUNNING))
		return sys_init_call(m, diag);
	result = sys_init_await(m);
	if (result == SYS_INIT_DONE)
		return TDXC_OK;
	if (result == SYS_INIT_RUNNING || result == SYS_INIT_NONE)
		return TDXC_E_AGAIN;
	diag->rax = TDXC_SYS_INIT;
	diag->status = result;
	return tdxc_seamcall_err(result);
}

static int lp_init(struct tdxc_module *m, struct tdxc_module_cpu *cpu,
		   struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	int err = tdxc_module_call_(m, TDXC_SYS_LP_INIT, &regs,
				    TDXC_SEAMCALL_RET, diag);

	/* Done by whom does not matter: the answer may have been lost. */
	if (tdxc_status_code(diag->status) == STATUS_LP_INIT_DONE)
		err = TDXC_OK;
	if (err == TDXC_OK)
		tdxc_store_release(&cpu->initialized, 1);
	return err;
}

int tdxc_module_cpu_init(struct tdxc_module *m, uint32_t cpu,
			 struct tdxc_seamcall_diag *diag)
{
	int err;

	memset(diag, 0, sizeof(*diag));
	if (cpu >= m->config.nr_cpus)
		return TDXC_E_INVAL;
	if (cpu_is_initialized(&m->config.cpus[cpu]))
		return TDXC_OK;
	err = sys_init_once(m, diag);
	if (err != TDXC_OK)
		return err;
	return lp_init(m, &m->config.cpus[cpu], diag);
}

int tdxc_module_forget_sys_init(struct tdxc_module *m)
{
	uint64_t result = tdxc_load_acquire(&m->sys_init);

	if (result == SYS_INIT_RUNNING ||
	    !tdxc_try_cmpxchg(&m->sys_init, &result, SYS_INIT_NONE))
		return TDXC_E_BUSY;
	return TDXC_OK;
}

void tdxc_module_forget_cpus_(struct tdxc_module *m)
{
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		tdxc_store_release(&m->config.cpus[i].initialized, 0);
		m->config.cpus[i].keyed = 0;
	}
	tdxc_store_release(&m->sys_init, SYS_INIT_NONE);
}

uint32_t tdxc_module_cpus_missing(const struct tdxc_module *m, uint32_t *cpus,
				  uint32_t cap)
{
	uint32_t missing = 0;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		if (cpu_is_initialized(&m->config.cpus[i]))
			continue;
		if (missing < cap)
			cpus[missing] = i;
		missing++;
	}
	return missing;
}

static bool package_has_another(const struct tdxc_module *m, uint32_t cpu)
{
	const struct tdxc_module_cpu *cpus = m->config.cpus;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		if (i != cpu && cpus[i].online != 0 &&
		    cpus[i].package == cpus[cpu].package)
			return true;
	}
	return false;
}

int tdxc_module_cpu_may_leave(const struct tdxc_module *m, uint32_t cpu,
			      uint32_t keyids_in_use, uint32_t *package)
{
	enum tdxc_module_step step = tdxc_module_step(m);
	bool needed = keyids_in_use != 0 ||
		      (step > TDXC_MODULE_CONFIG && step < TDXC_MODULE_READY);

	if (cpu >= m->config.nr_cpus)
		return TDXC_E_INVAL;
	*package = m->config.cpus[cpu].package;
	if (step == TDXC_MODULE_UPDATE)
		return TDXC_E_BUSY;
	if (!needed || package_has_another(m, cpu))
		return TDXC_OK;
	return TDXC_E_BUSY;
}

int tdxc_module_cpu_may_join(const struct tdxc_module *m, uint32_t cpu)
{
	if (cpu >= m->config.nr_cpus)
		return TDXC_E_INVAL;
	if (m->configured && !cpu_is_initialized(&m->config.cpus[cpu]) &&
	    tdxc_module_step(m) != TDXC_MODULE_UPDATE)
		return TDXC_E_NODEV;
	return TDXC_OK;
}

/* --- what comes next ------------------------------------------------------ */

/* The first CPU that needs the step, an online one if there is any. */
static int next_cpu(const struct tdxc_module *m, struct tdxc_module_todo *todo,
		    bool (*needs)(const struct tdxc_module_cpu *cpu))
{
	const struct tdxc_module_cpu *cpus = m->config.cpus;
	int err = TDXC_E_NOENT;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		if (!needs(&cpus[i]))
			continue;
		if (err == TDXC_E_NOENT || cpus[i].online != 0) {
			todo->cpu = i;
			todo->package = cpus[i].package;
			err = TDXC_E_NODEV;
		}
		if (cpus[i].online != 0)
			return TDXC_OK;
	}
	return err;
}

static bool needs_lp_init(const struct tdxc_module_cpu *cpu)
{
	return !cpu_is_initialized(cpu);
}

static bool needs_key(const struct tdxc_module_cpu *cpu)
{
	return cpu->keyed == 0;
}

int tdxc_module_next(const struct tdxc_module *m, struct tdxc_module_todo *todo)
{
	int err = TDXC_OK;

	todo->step = tdxc_module_step(m);
	todo->cpu = 0;
	todo->package = m->config.cpus[0].package;
	if (todo->step == TDXC_MODULE_CPUS) {
		err = next_cpu(m, todo, needs_lp_init);
		if (err == TDXC_E_NOENT)
			todo->step = TDXC_MODULE_READ;
	} else if (todo->step == TDXC_MODULE_KEYS) {
		err = next_cpu(m, todo, needs_key);
	}
	return err == TDXC_E_NOENT ? TDXC_OK : err;
}
