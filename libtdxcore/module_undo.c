/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Taking a module down: SYS.DISABLE, and giving back what bring-up took; and
 * the gate between TDs being built and updates.
 *
 * Freeing comes last and only after everything before it succeeded: a PAMT that
 * is still in a cache under the module's KeyID, or poisoned, would destroy what
 * its next owner writes.
 */
#include "module_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

#define STATUS_SYS_NOT_READY 0xC000050500000000ull
#define STATUS_SYS_SHUTDOWN  0xC000050600000000ull

static enum tdxc_module_disabled disable_outcome(uint64_t status)
{
	if (tdxc_status_kind(status) != TDXC_STATUS_KIND_ERROR)
		return TDXC_DISABLE_DONE;
	if (tdxc_status_is_synthetic(status))
		return TDXC_DISABLE_NO_MODULE;
	switch (tdxc_status_code(status)) {
	case TDXC_STATUS_OPERAND_INVALID:
		return TDXC_DISABLE_NOT_OFFERED;
	case STATUS_SYS_NOT_READY:
	case STATUS_SYS_SHUTDOWN:
		return TDXC_DISABLE_NOT_READY;
	default:
		return TDXC_DISABLE_REFUSED;
	}
}

int tdxc_module_disable(struct tdxc_module *m, enum tdxc_module_disabled *how,
			struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	int err = tdxc_module_call_(m, TDXC_SYS_DISABLE, &regs,
				    TDXC_SEAMCALL_IN, diag);

	*how = TDXC_DISABLE_NOT_TRIED;
	if (err == TDXC_E_BUSY)
		return err;
	*how = disable_outcome(diag->status);
	if (*how == TDXC_DISABLE_DONE)
		m->disabled = true;
	return TDXC_OK;
}

static int rewrite_pamts(struct tdxc_module *m)
{
	const struct tdxc_module_config *c = &m->config;
	uint32_t level;
	int err;

	if (!c->partial_write_erratum)
		return TDXC_OK;
	for (; m->rewritten < m->nr_tdmrs; m->rewritten++) {
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			err = c->ops->rewrite(
				c->ctx, m->tdmrs[m->rewritten].pamt[level]);
			if (err != TDXC_OK)
				return err;
		}
	}
	return TDXC_OK;
}

/* Make sure that nothing of the module is left in the PAMTs. */
static int take_back(struct tdxc_module *m, struct tdxc_seamcall_diag *diag)
{
	enum tdxc_module_disabled how;
	int err;

	if (!m->disabled) {
		err = tdxc_module_disable(m, &how, diag);
		if (err != TDXC_OK)
			return err;
	}
	err = m->config.ops->flush_caches(m->config.ctx);
	return err == TDXC_OK ? rewrite_pamts(m) : err;
}

/* Where a new attempt may begin. */
static void rewind(struct tdxc_module *m)
{
	enum tdxc_module_step step = tdxc_module_step(m);

	if (!m->configured) {
		step = step > TDXC_MODULE_PLAN ? TDXC_MODULE_PLAN : step;
	} else if (m->disabled) {
		tdxc_module_forget_cpus_(m);
		step = TDXC_MODULE_CPUS;
	} else {
		step = TDXC_MODULE_DEAD;
	}
	m->configured = false;
	m->disabled = false;
	m->rewritten = 0;
	tdxc_store_release(&m->failed, 0);
	tdxc_store_release(&m->cancel, 0);
	tdxc_module_set_step_(m, step);
}

int tdxc_module_undo(struct tdxc_module *m, struct tdxc_seamcall_diag *diag)
{
	enum tdxc_module_step step = tdxc_module_step(m);
	int err;

	memset(diag, 0, sizeof(*diag));
	if (step == TDXC_MODULE_UPDATE)
		return TDXC_E_INVAL;
	if (step == TDXC_MODULE_DEAD)
		return TDXC_OK;
	if (tdxc_module_is_working_(m) ||
	    (tdxc_load_acquire(&m->builds) & ~BUILDS_CLOSED) != 0)
		return TDXC_E_BUSY;
	if (m->configured) {
		tdxc_module_set_step_(m, TDXC_MODULE_UNDO);
		err = take_back(m, diag);
		if (err != TDXC_OK)
			return err;
	}
	tdxc_module_free_pamts_(m);
	rewind(m);
	return TDXC_OK;
}

/* --- TDs being built ------------------------------------------------------ */

int tdxc_module_build_begin(struct tdxc_module *m)
{
	uint64_t builds = tdxc_load_acquire(&m->builds);
	uint32_t tries;

	for (tries = 0; tries < TDXC_MODULE_SPINS; tries++) {
		if ((builds & BUILDS_CLOSED) != 0)
			return TDXC_E_BUSY;
		if (tdxc_try_cmpxchg(&m->builds, &builds, builds + 1))
			return TDXC_OK;
		tdxc_relax();
	}
	return TDXC_E_AGAIN;
}

int tdxc_module_build_end(struct tdxc_module *m)
{
	uint64_t builds = tdxc_load_acquire(&m->builds);
	uint32_t tries;

	for (tries = 0; tries < TDXC_MODULE_SPINS; tries++) {
		if ((builds & ~BUILDS_CLOSED) == 0)
			return TDXC_E_INVAL;
		if (tdxc_try_cmpxchg(&m->builds, &builds, builds - 1))
			return TDXC_OK;
		tdxc_relax();
	}
	return TDXC_E_AGAIN;
}
