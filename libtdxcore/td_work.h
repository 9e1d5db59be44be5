/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of the room `td` share; not API. */
#ifndef TDXCORE_TD_WORK_H
#define TDXCORE_TD_WORK_H

#include <tdxcore/td.h>

/* How many control pages the module wants: TDCX of the TD, and pages of each
 * vCPU with its TDVPR. */
struct tdxc_td_pages {
	uint32_t tdcx;
	uint32_t tdvps;
};

struct tdxc_td_pages tdxc_td_pages_(const struct tdxc_td_config *config);

static inline enum tdxc_td_step tdxc_td_step_(const struct tdxc_td *td)
{
	return (enum tdxc_td_step)tdxc_load_acquire(&td->step);
}

static inline void tdxc_td_set_step_(struct tdxc_td *td, enum tdxc_td_step step)
{
	tdxc_store_release(&td->step, (uint64_t)step);
}

/* At this step, and with the mirror's lock exclusive. */
bool tdxc_td_is_alone_at_(const struct tdxc_td *td, enum tdxc_td_step step);

/* No vCPU is inside any more. */
bool tdxc_td_is_empty_(const struct tdxc_td *td);
/* The first vCPU that is associated with a CPU; nr_vcpus of the Secure EPT:
 * none. */
uint32_t tdxc_td_first_associated_(const struct tdxc_td *td);

/* Packages of the machine; whether one is in the list of those done; and put it
 * there: true when every package is now. */
uint32_t tdxc_td_nr_packages_(const struct tdxc_td *td);
bool tdxc_td_has_package_(const struct tdxc_td *td, uint32_t package);
bool tdxc_td_add_package_(struct tdxc_td *td, uint32_t package);

/* A SEAMCALL with the TD's limits. An answer that the TD is dead is kept. */
int tdxc_td_call_(struct tdxc_td *td, uint64_t rax,
		  struct tdxc_seamcall_regs *regs,
		  enum tdxc_seamcall_shape shape,
		  struct tdxc_seamcall_diag *diag);
/* One whose only operand is the TDR, in RCX. */
int tdxc_td_call_tdr_(struct tdxc_td *td, uint64_t rax,
		      struct tdxc_seamcall_diag *diag);
/* The first status that says that the TD is dead stays. */
void tdxc_td_set_fatal_(struct tdxc_td *td, uint64_t status);

/* PAGE.WBINVD under a KeyID. */
int tdxc_td_write_back_(struct tdxc_td *td, uint64_t pa, uint32_t keyid,
			struct tdxc_seamcall_diag *diag);

/*
 * Lend a fresh page with a call: page in RCX, the object that gets it in RDX.
 * Of a failure nothing remains, but that the page is quarantined where the
 * module may have it (*lost).
 */
struct tdxc_td_loan {
	uint64_t rax;	 /* the call */
	uint64_t rdx;	 /* its second operand */
	uint32_t keyid;	 /* that the module writes the page under */
	uint64_t pa;	 /* result: the page; 0 when the loan failed */
	bool lost;	 /* result */
	uint64_t status; /* result: of the call; 0 also when none was made */
};

int tdxc_td_lend_(struct tdxc_td *td, struct tdxc_td_loan *loan,
		  struct tdxc_seamcall_diag *diag);

/* A page that the module has let go, written back: the host's again. */
void tdxc_td_page_back_(struct tdxc_td *td, uint64_t pa);
void tdxc_td_quarantine_(struct tdxc_td *td, uint64_t pa,
			 const struct tdxc_seamcall_diag *diag);

/* exit->status and the registers, taken apart; kind NONE where VP.ENTER did not
 * get in. The rest of `exit` is zero before. */
void tdxc_td_decode_exit_(const struct tdxc_seamcall_full *regs, uint64_t alias,
			  struct tdxc_td_exit *exit);

/* A KeyID that the module may have: never handed out again. */
void tdxc_td_keyid_lost_(struct tdxc_td *td, uint32_t keyid);

/* Let updates in again, where this TD kept them out. */
void tdxc_td_build_end_(struct tdxc_td *td);

#endif
