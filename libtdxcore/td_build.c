/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* From nothing to a TD that can run: keys, control pages, the image. */
#include "td_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

/* tdx-module-abi.md 2.3 */
#define STATUS_HKID_NOT_FREE 0xC000082000000000ull
/* OPERAND_INVALID with the operand CPUID_CONFIG, tdx-module-abi.md 2.2 */
#define STATUS_CPUID_CONFIG (TDXC_STATUS_OPERAND_INVALID | 69)

#define FRAMES_OF_52_BITS   (1ull << 40)

/* --- CREATE --------------------------------------------------------------- */

/* The KeyID of a TD that was not created. */
static void keyid_back(struct tdxc_td *td, uint32_t keyid, bool doubtful)
{
	if (doubtful || tdxc_keyids_free(td->config.keyids, keyid) != TDXC_OK)
		tdxc_td_keyid_lost_(td, keyid);
}

static int create(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_td_loan loan = {
		.rax = TDXC_MNG_CREATE,
		.keyid = td->config.module->config.global_keyid,
	};
	uint32_t keyid;
	int err = tdxc_keyids_alloc(td->config.keyids, &keyid);

	if (err != TDXC_OK)
		return err;
	loan.rdx = keyid;
	err = tdxc_td_lend_(td, &loan, diag);
	if (err != TDXC_OK) {
		keyid_back(td, keyid,
			   loan.lost || tdxc_status_code(loan.status) ==
						STATUS_HKID_NOT_FREE);
		return err;
	}
	td->keyid = keyid;
	td->tdr = loan.pa;
	return TDXC_OK;
}

int tdxc_td_create(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	int err;

	if (tdxc_td_step_(td) != TDXC_TD_CREATE)
		return TDXC_E_INVAL;
	if (!td->building) {
		err = tdxc_module_build_begin(td->config.module);
		if (err != TDXC_OK)
			return err;
		td->building = true;
	}
	err = create(td, diag);
	if (err != TDXC_OK) {
		tdxc_td_build_end_(td);
		return err;
	}
	tdxc_sept_open(td->config.sept, td->tdr, td->keyid);
	tdxc_td_set_step_(td, TDXC_TD_KEYS);
	return TDXC_OK;
}

/* --- KEYS ----------------------------------------------------------------- */

int tdxc_td_key_config(struct tdxc_td *td, uint32_t cpu,
		       struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_module_config *m = &td->config.module->config;
	int err;

	if (tdxc_td_step_(td) != TDXC_TD_KEYS || cpu >= m->nr_cpus)
		return TDXC_E_INVAL;
	if (tdxc_td_has_package_(td, m->cpus[cpu].package))
		return TDXC_OK;
	/* KEY_CONFIGURED is no error: done, whoever did it. */
	err = tdxc_td_call_tdr_(td, TDXC_MNG_KEY_CONFIG, diag);
	if (err == TDXC_OK && tdxc_td_add_package_(td, m->cpus[cpu].package))
		tdxc_td_set_step_(td, TDXC_TD_SETUP);
	return err;
}

/* --- SETUP ---------------------------------------------------------------- */

static int add_tdcx(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	uint32_t wanted = tdxc_td_pages_(&td->config).tdcx;
	struct tdxc_td_loan loan = {
		.rax = TDXC_MNG_ADDCX,
		.rdx = td->tdr,
		.keyid = td->keyid,
	};
	int err;

	if (wanted > TDXC_TD_MAX_TDCX)
		return TDXC_E_INVAL;
	while (td->nr_tdcx < wanted) {
		err = tdxc_td_lend_(td, &loan, diag);
		if (err != TDXC_OK)
			return err;
		td->tdcx[td->nr_tdcx++] = loan.pa;
	}
	return TDXC_OK;
}

int tdxc_td_setup(struct tdxc_td *td, uint64_t params_pa, uint64_t *leaf,
		  struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = td->tdr, .rdx = params_pa};
	int err;

	*leaf = 0;
	if (tdxc_td_step_(td) != TDXC_TD_SETUP)
		return TDXC_E_INVAL;
	err = add_tdcx(td, diag);
	if (err != TDXC_OK)
		return err;
	err = tdxc_td_call_(td, TDXC_MNG_INIT, &regs, TDXC_SEAMCALL_RET, diag);
	if (diag->status == STATUS_CPUID_CONFIG)
		*leaf = regs.rcx;
	if (err != TDXC_OK)
		return err;
	tdxc_sept_set_stage(td->config.sept, TDXC_SEPT_BUILD);
	tdxc_td_set_step_(td, TDXC_TD_BUILD);
	return TDXC_OK;
}

/* --- the image ------------------------------------------------------------ */

static int extend(struct tdxc_td *td, uint64_t gpa,
		  struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = gpa, .rdx = td->tdr};

	return tdxc_td_call_(td, TDXC_MR_EXTEND, &regs, TDXC_SEAMCALL_RET,
			     diag);
}

int tdxc_td_measure(struct tdxc_td *td, struct tdxc_gfn start, uint64_t frames,
		    uint64_t *done, struct tdxc_seamcall_diag *diag)
{
	uint64_t bytes = frames * TDXC_PAGE_SIZE;
	int err;

	*done = 0;
	if (!tdxc_td_is_alone_at_(td, TDXC_TD_BUILD) ||
	    frames > FRAMES_OF_52_BITS || start.n > FRAMES_OF_52_BITS - frames)
		return TDXC_E_INVAL;
	while (*done < bytes) {
		err = extend(td, start.n * TDXC_PAGE_SIZE + *done, diag);
		if (err != TDXC_OK) {
			/* What is known not to have begun may begin again. */
			if (err != TDXC_E_BUSY || *done != 0)
				td->mismeasured = true;
			return err;
		}
		*done += TDXC_TD_EXTEND_BYTES;
	}
	return TDXC_OK;
}

int tdxc_td_finalize(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	int err;

	if (!tdxc_td_is_alone_at_(td, TDXC_TD_BUILD) || td->nr_vcpus == 0 ||
	    td->mismeasured)
		return TDXC_E_INVAL;
	err = tdxc_td_call_tdr_(td, TDXC_MR_FINALIZE, diag);
	if (err != TDXC_OK)
		return err;
	tdxc_td_build_end_(td);
	tdxc_sept_set_stage(td->config.sept, TDXC_SEPT_RUN);
	tdxc_td_set_step_(td, TDXC_TD_RUN);
	return TDXC_OK;
}
