/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The P-SEAMLDR: what it is given, and how it is called. */
#include "update_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/update.h>

#define PA_LIMIT (1ull << 52)

static bool page_ok(uint64_t pa)
{
	return pa != 0 && pa < PA_LIMIT && (pa & (TDXC_PAGE_SIZE - 1)) == 0;
}

static bool pages_ok(const uint64_t *pas, uint32_t n, uint32_t *bad)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (!page_ok(pas[i]))
			return false;
		(*bad)++;
	}
	return true;
}

int tdxc_update_params_fill(struct tdxc_seamldr_params *params,
			    enum tdxc_seamldr_scenario scenario,
			    const struct tdxc_update_pages *pages,
			    uint32_t *bad)
{
	uint32_t n = pages->nr_module;
	uint64_t sigstruct;

	*bad = 0;
	if (pages->nr_sigstruct != TDXC_UPDATE_SIGSTRUCT_PAGES || n == 0 ||
	    n > TDXC_UPDATE_MODULE_PAGES ||
	    (uint32_t)scenario > TDXC_SEAMLDR_UPDATE)
		return TDXC_E_INVAL;
	if (!pages_ok(pages->sigstruct, pages->nr_sigstruct, bad) ||
	    !pages_ok(pages->module, n, bad))
		return TDXC_E_RANGE;
	sigstruct = pages->sigstruct[0];
	memmove(params->module_pa, pages->module, n * sizeof(uint64_t));
	memset(&params->module_pa[n], 0,
	       (TDXC_UPDATE_MODULE_PAGES - n) * sizeof(uint64_t));
	memset(params, 0, offsetof(struct tdxc_seamldr_params, module_pa));
	params->scenario = (uint32_t)scenario;
	params->sigstruct_pa = sigstruct;
	params->nr_module_pages = n;
	*bad = 0;
	return TDXC_OK;
}

/* CF = 1 says that another CPU is in it, or that there is none; no register
 * tells which. Its statuses are its own: any but 0 is a refusal. */
int tdxc_update_seamldr_call_(const struct tdxc_seamcall_port *port,
			      uint64_t rax, uint64_t pa,
			      struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {pa, 0, 0, 0, 0, 0};
	uint64_t calls = 0;
	int err;

	do {
		err = tdxc_seamcall(port, rax, &regs, TDXC_SEAMCALL_IN, &limits,
				    diag);
		calls += diag->calls;
		if (err != TDXC_E_NODEV)
			break;
		tdxc_relax();
	} while (calls < TDXC_UPDATE_ATTEMPTS);
	diag->calls = calls;
	if (err == TDXC_E_NODEV)
		return TDXC_E_BUSY;
	return err == TDXC_OK && diag->status != 0 ? TDXC_E_IO : err;
}

int tdxc_update_read_info(const struct tdxc_seamcall_port *port,
			  bool loses_vmcs, const void *block, uint64_t block_pa,
			  struct tdxc_seamldr_info *info,
			  struct tdxc_seamcall_diag *diag)
{
	int err;

	memset(info, 0, sizeof(*info));
	memset(diag, 0, sizeof(*diag));
	if (loses_vmcs)
		return TDXC_E_OPNOTSUPP;
	if ((block_pa & (sizeof(*info) - 1)) != 0)
		return TDXC_E_INVAL;
	err = tdxc_update_seamldr_call_(port, TDXC_SEAMLDR_INFO, block_pa,
					diag);
	if (err == TDXC_OK)
		memcpy(info, block, sizeof(*info));
	return err;
}
