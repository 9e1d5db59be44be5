/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A TD on the software platform, its private memory a mirror MMU's, with a look
 * at every SEAMCALL: what tests of `td` start from.
 */
#ifndef TDXC_TESTS_TD_RIG_H
#define TDXC_TESTS_TD_RIG_H

#include <tdxcore/td.h>
#include <tdxcore/td_params.h>

#include "host.h"

#define TD_RIG_VCPUS 3u
#define TD_RIG_BATCH 64u
#define TD_RIG_IMAGE 3u	      /* frames of the image */
#define TD_RIG_GFN   0x40000u /* where it begins: 1 GiB */
#define TD_RIG_CALLS 4096u    /* that are remembered */
#define TD_RIG_PAGE  4096ull

struct td_rig;

/* A look at a SEAMCALL before it is made, or (after: true) at its answer.
 * Before: another status than 0 is its answer, and it is not made. After: the
 * status as it is, or as it is to be. */
typedef uint64_t (*td_rig_look)(struct td_rig *rig, bool after, uint64_t status,
				uint64_t rax, struct tdxc_seamcall_regs *regs);

struct td_rig_shape {
	bool dynamic_pamt;
	bool lines;
	bool erratum;
	uint32_t packages; /* 0: 2; two processors in each */
};

struct td_rig_call {
	uint64_t rax;
	uint64_t rcx;
	uint64_t status;
	uint32_t cpu;
};

struct td_rig {
	struct tdxc_sim_host host;
	struct tdxc_seamcall_port seamcall; /* through the look */
	td_rig_look look;		    /* or NULL */
	void *look_ctx;
	struct td_rig_call calls[TD_RIG_CALLS];
	uint64_t nr_calls; /* also those not remembered */
	uint32_t cpu;	   /* this thread stands on */
	bool exclusive;	   /* how the mirror's lock is held */

	uint16_t owner;
	uint64_t params_pa;
	uint64_t source[TD_RIG_IMAGE];
	uint64_t image[TD_RIG_IMAGE]; /* pages lent for it; 0: none */
	uint32_t nr_image;	      /* mapped so far */
	bool measured;
	uint64_t allocated; /* control pages out */
	uint64_t clflushes;
	uint64_t rewrites;
	uint64_t rewritten; /* the page last rewritten */
	uint64_t kicks;

	struct tdxc_sept sept;
	struct tdxc_sept_vcpu *sept_vcpus;
	struct tdxc_td_vcpu vcpus[TD_RIG_VCPUS];
	struct tdxc_td td;
	struct tdxc_mmu mmu;
	struct tdxc_mmu_cpu mmu_cpu;
	struct tdxc_external_entry entries[TD_RIG_BATCH];
	uint64_t *slots[TD_RIG_BATCH];
	struct tdxc_root *root;
	struct tdxc_seamcall_diag diag;
	uint64_t leaf;
};

/* Machine and module. Aborts on what can only be the rig's fault. */
void td_rig_up(struct td_rig *rig, const struct td_rig_shape *shape);
void td_rig_down(struct td_rig *rig);
/* A TD, at CREATE, with nr_vcpus vCPUs to be. */
void td_rig_new(struct td_rig *rig, uint32_t nr_vcpus);
/* Its configuration, to be changed before another tdxc_td_init(). */
struct tdxc_td_config td_rig_config(struct td_rig *rig);
/* After the TD: what it had is given up where it is quarantined. Everything
 * else must be the host's. */
void td_rig_forget(struct td_rig *rig);

/* Stand on a processor, its Dynamic PAMT cache filled. */
void td_rig_on(struct td_rig *rig, uint32_t cpu);
/* Forget the calls remembered. */
void td_rig_forget_calls(struct td_rig *rig);
/* Calls of a leaf among them. */
uint64_t td_rig_count(const struct td_rig *rig, uint64_t rax);

/* What comes next, to RUN, and there every vCPU in and out once. */
int td_rig_build(struct td_rig *rig);
/* The same, one step of it. */
int td_rig_build_step(struct td_rig *rig);
/* Up to and including a step, as tdxc_td_next() has it. */
int td_rig_build_to(struct td_rig *rig, enum tdxc_td_step step);
/* A page of the image: PAGE.ADD. */
int td_rig_add_image(struct td_rig *rig);
int td_rig_measure_image(struct td_rig *rig);
/* A private page of 4K: PAGE.AUG. */
int td_rig_map(struct td_rig *rig, uint64_t gfn);
int td_rig_fault(struct td_rig *rig, const struct tdxc_fault *fault);
/* Zap private frames. */
int td_rig_zap(struct td_rig *rig, uint64_t gfn, uint64_t frames);

/* From any step to GONE: each step is tried again so often, then the TD is
 * given up. TDXC_OK: nothing was refused. */
int td_rig_teardown(struct td_rig *rig, uint32_t tries);
/* One step of it. */
int td_rig_teardown_step(struct td_rig *rig);
/* Private pages and the mirror's roots, at RECLAIM. */
int td_rig_zap_mirror(struct td_rig *rig);

/* NULL: host, module, library and audit agree. Else what is wrong. */
const char *td_rig_check(struct td_rig *rig);

/* A VP.ENTER of vCPU `vcpu` on its processor, registers zero. */
int td_rig_enter(struct td_rig *rig, uint32_t vcpu,
		 struct tdxc_seamcall_full *regs, struct tdxc_td_exit *exit);

#endif
