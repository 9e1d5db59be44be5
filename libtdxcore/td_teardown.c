/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Taking a TD down: its KeyID first, then its pages.
 *
 * Nothing here is repeated by itself but what is busy or interrupted: a step
 * that the module refuses is the caller's to try again, or to give up.
 */
#include "td_work.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>

/* tdx-module-abi.md 2.3 */
#define STATUS_FLUSHVP_NOT_DONE	    0x8000082400000000ull
#define STATUS_WBCACHE_NOT_COMPLETE 0x8000081700000000ull
#define STATUS_WBCACHE_RESUME_ERROR 0xC000082300000000ull

/* Write-backs begun anew because another CPU of the package ended this one. */
#define WBCACHE_STARTS 16u

/* --- the KeyID ------------------------------------------------------------ */

/* A TD at VCPUS whose last vCPU was never associated, or left late. */
static bool may_close(const struct tdxc_td *td)
{
	enum tdxc_td_step step = tdxc_td_step_(td);

	return step == TDXC_TD_CLOSE ||
	       (step == TDXC_TD_VCPUS && tdxc_td_is_empty_(td) &&
		tdxc_td_first_associated_(td) ==
			td->config.sept->config.nr_vcpus);
}

static void go_to_caches(struct tdxc_td *td)
{
	td->nr_packages = 0;
	tdxc_td_set_step_(td, TDXC_TD_CACHES);
}

int tdxc_td_close(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	int err;

	if (!may_close(td))
		return TDXC_E_INVAL;
	err = tdxc_td_call_tdr_(td, TDXC_MNG_VPFLUSHDONE, diag);
	if (tdxc_status_code(diag->status) == STATUS_FLUSHVP_NOT_DONE)
		return TDXC_E_BUSY;
	if (err != TDXC_OK)
		return err;
	tdxc_td_build_end_(td);
	go_to_caches(td);
	return TDXC_OK;
}

/* A session that another CPU of the package began and ended in between leaves
 * nothing to resume, and maybe nothing to do. */
static int write_back_caches(struct tdxc_td *td,
			     struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	uint32_t starts = 0;
	int err;

	do {
		err = tdxc_td_call_(td, TDXC_PHYMEM_CACHE_WB, &regs,
				    TDXC_SEAMCALL_IN, diag);
	} while (tdxc_status_code(diag->status) ==
			 STATUS_WBCACHE_RESUME_ERROR &&
		 ++starts < WBCACHE_STARTS);
	return err;
}

int tdxc_td_flush_package(struct tdxc_td *td, uint32_t cpu,
			  struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_module_config *m = &td->config.module->config;
	int err;

	if (tdxc_td_step_(td) != TDXC_TD_CACHES || cpu >= m->nr_cpus)
		return TDXC_E_INVAL;
	if (tdxc_td_has_package_(td, m->cpus[cpu].package))
		return TDXC_OK;
	/* NO_HKID_READY_TO_WBCACHE is no error. */
	err = write_back_caches(td, diag);
	if (err == TDXC_OK && tdxc_td_add_package_(td, m->cpus[cpu].package))
		tdxc_td_set_step_(td, TDXC_TD_KEYID);
	return err;
}

/* The module has freed the KeyID; a race that is lost here is made up for by
 * the step after this one. */
static void keyid_back(struct tdxc_td *td)
{
	if (td->keyid != 0 &&
	    tdxc_keyids_free(td->config.keyids, td->keyid) != TDXC_E_AGAIN)
		td->keyid = 0;
}

int tdxc_td_free_keyid(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	int err;

	if (!tdxc_td_is_alone_at_(td, TDXC_TD_KEYID))
		return TDXC_E_INVAL;
	err = tdxc_td_call_tdr_(td, TDXC_MNG_KEY_FREEID, diag);
	if (tdxc_status_code(diag->status) == STATUS_WBCACHE_NOT_COMPLETE &&
	    td->rewound < TDXC_TD_REWINDS) {
		td->rewound++;
		go_to_caches(td);
		return TDXC_E_AGAIN;
	}
	if (err != TDXC_OK)
		return err;
	keyid_back(td);
	tdxc_td_build_end_(td);
	tdxc_sept_set_stage(td->config.sept, TDXC_SEPT_RELEASED);
	tdxc_td_set_step_(td, TDXC_TD_RECLAIM);
	return TDXC_OK;
}

/* --- the pages ------------------------------------------------------------ */

/* Something was refused; the first refusal is the one to tell. */
struct reclaiming {
	bool refused;
	struct tdxc_seamcall_diag *diag;
};

static void refuse(struct tdxc_td *td, uint64_t pa,
		   const struct tdxc_seamcall_diag *diag, struct reclaiming *r)
{
	tdxc_td_quarantine_(td, pa, diag);
	if (!r->refused)
		*r->diag = *diag;
	r->refused = true;
}

static int call_reclaim(struct tdxc_td *td, uint64_t pa,
			struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {.rcx = pa};

	return tdxc_td_call_(td, TDXC_PHYMEM_PAGE_RECLAIM, &regs,
			     TDXC_SEAMCALL_RET, diag);
}

static void reclaim_child(struct tdxc_td *td, uint64_t pa, struct reclaiming *r)
{
	struct tdxc_seamcall_diag diag;

	if (call_reclaim(td, pa, &diag) == TDXC_OK)
		tdxc_td_page_back_(td, pa);
	else
		refuse(td, pa, &diag, r);
}

static void reclaim_vcpu(struct tdxc_td *td, struct tdxc_td_vcpu *v,
			 struct reclaiming *r)
{
	while (v->nr_pages != 0)
		reclaim_child(td, v->pages[--v->nr_pages], r);
	v->state = TDXC_VCPU_NONE;
}

/* The module writes the TDR under the global KeyID until it lets go of it, so
 * its lines come last. With a child left RECLAIM cannot succeed. */
static void reclaim_tdr(struct tdxc_td *td, struct reclaiming *r)
{
	uint32_t global = td->config.module->config.global_keyid;
	struct tdxc_seamcall_diag diag;
	int err;

	if (r->refused) {
		tdxc_td_quarantine_(td, td->tdr, r->diag);
		return;
	}
	err = call_reclaim(td, td->tdr, &diag);
	if (err == TDXC_OK)
		err = tdxc_td_write_back_(td, td->tdr, global, &diag);
	if (err == TDXC_OK)
		tdxc_td_page_back_(td, td->tdr);
	else
		refuse(td, td->tdr, &diag, r);
}

int tdxc_td_reclaim(struct tdxc_td *td, struct tdxc_seamcall_diag *diag)
{
	struct reclaiming r = {false, diag};
	uint32_t i;

	if (tdxc_td_step_(td) != TDXC_TD_RECLAIM)
		return TDXC_E_INVAL;
	keyid_back(td);
	tdxc_td_build_end_(td);
	for (i = 0; i < td->config.sept->config.nr_vcpus; i++)
		reclaim_vcpu(td, &td->config.vcpus[i], &r);
	while (td->nr_tdcx != 0)
		reclaim_child(td, td->tdcx[--td->nr_tdcx], &r);
	reclaim_tdr(td, &r);
	td->tdr = 0;
	tdxc_td_set_step_(td, TDXC_TD_GONE);
	return r.refused ? TDXC_E_IO : TDXC_OK;
}

/* --- given up ------------------------------------------------------------- */

static void abandon_pages(struct tdxc_td *td)
{
	struct tdxc_seamcall_diag none;
	uint32_t i;

	memset(&none, 0, sizeof(none));
	for (i = 0; i < td->config.sept->config.nr_vcpus; i++) {
		struct tdxc_td_vcpu *v = &td->config.vcpus[i];

		while (v->nr_pages != 0)
			tdxc_td_quarantine_(td, v->pages[--v->nr_pages], &none);
		v->state = TDXC_VCPU_NONE;
		tdxc_store_release(&v->cpu, 0);
	}
	while (td->nr_tdcx != 0)
		tdxc_td_quarantine_(td, td->tdcx[--td->nr_tdcx], &none);
	if (td->tdr != 0)
		tdxc_td_quarantine_(td, td->tdr, &none);
	td->tdr = 0;
}

int tdxc_td_abandon(struct tdxc_td *td)
{
	enum tdxc_td_step step = tdxc_td_step_(td);

	if (step == TDXC_TD_GONE ||
	    !td->config.ops->lock_held(td->config.ctx, TDXC_LOCK_EXCLUSIVE))
		return TDXC_E_INVAL;
	(void)tdxc_xchg(&td->step, TDXC_TD_GONE);
	if (step != TDXC_TD_CREATE && step != TDXC_TD_RECLAIM)
		tdxc_sept_set_stage(td->config.sept, TDXC_SEPT_CLOSED);
	if (step == TDXC_TD_RECLAIM)
		keyid_back(td);
	if (td->keyid != 0)
		tdxc_td_keyid_lost_(td, td->keyid);
	td->keyid = 0;
	abandon_pages(td);
	tdxc_td_build_end_(td);
	return TDXC_OK;
}

/* --- what it costs -------------------------------------------------------- */

uint64_t tdxc_td_teardown_calls(const struct tdxc_td *td, uint64_t leaves,
				uint64_t tables)
{
	/* VPFLUSHDONE, FREEID; RECLAIM and WBINVD of the TDR. */
	uint64_t calls =
		4 + leaves + tables + td->nr_tdcx + tdxc_td_nr_packages_(td);
	uint32_t i;

	if (td->tdr == 0)
		return 0;
	for (i = 0; i < td->config.sept->config.nr_vcpus; i++) {
		calls += td->config.vcpus[i].nr_pages;
		calls += tdxc_load_acquire(&td->config.vcpus[i].cpu) != 0;
	}
	return calls;
}
