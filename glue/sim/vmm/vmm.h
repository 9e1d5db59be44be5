/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A small VMM on the software platform: TDs with memory slots, vCPUs on
 * threads, faults, conversions, ballooning, pages that change their size and
 * place, and a teardown that accounts for every page. All page-table work, all
 * SEAMCALLs, and all retries are the library's; what is here is what a
 * hypervisor would have around it.
 *
 * Operations may be called from any thread that is between
 * tdxc_sim_host_thread_begin() and _end(), any number at once, but for create,
 * finalize and destroy. Each takes a processor for as long as it lasts.
 * Errors are the core's. After TDXC_E_IO the VM is dead: destroy it.
 */
#ifndef TDXC_SIM_VMM_H
#define TDXC_SIM_VMM_H

#include <tdxcore/mirror.h>
#include <tdxcore/td.h>

#include "host.h"

#define TDXC_SIM_VMM_VCPUS 64u
#define TDXC_SIM_VMM_SLOTS 16u
#define TDXC_SIM_VMM_BATCH TDXC_MMU_BATCH
/* Frames that are invalidated together. */
#define TDXC_SIM_VMM_PART 32u

/* Guest memory that begins private, or shared. @shape{gpa and bytes: multiples
 * of 2 MiB} */
struct tdxc_sim_vmm_slot {
	uint64_t gpa;
	uint64_t bytes; /* 0: no slot */
	bool shared;
};

struct tdxc_sim_vmm_config {
	uint32_t nr_vcpus; /* 1 to TDXC_SIM_VMM_VCPUS */
	struct tdxc_sim_vmm_slot slots[TDXC_SIM_VMM_SLOTS];
	uint32_t levels;  /* of both EPTs: 4, or 5; 0: 4 */
	bool small_pages; /* never map 2 MiB */
	/* Before zapping 512 pages of an aligned 2 MiB: promote. 0: what
	 * tdxc_sept_promotion_pays() says; 1: never; 2: always. */
	uint32_t promote_to_zap;
	uint32_t batch; /* entries removed together; 0: TDXC_SIM_VMM_BATCH */
	uint32_t broadcast_cost; /* as in tdxc_sept_config */
	uint32_t kick_spins;
	uint32_t track_spins;
	bool no_check; /* guests do not hold their TLB against the S-EPT */
};

/* Counted by the VMM; each atomic. See also vm->sept.counts, the port's calls
 * and tdxc_sim_vmm_mmu_counts(). */
struct tdxc_sim_vmm_counts {
	uint64_t enters;	 /* VP.ENTERs that got in */
	uint64_t held;		 /* entries that were held, or found it busy */
	uint64_t violations;	 /* exits */
	uint64_t private_faults; /* resolved */
	uint64_t shared_faults;	 /* resolved */
	uint64_t spurious;	 /* of both */
	uint64_t fault_retries;	 /* in place, without entering */
	uint64_t accept_demotes; /* a larger page was demoted to be accepted */
	uint64_t interrupts;	 /* exits by kicks */
	uint64_t vmcalls;
	uint64_t conversions; /* MapGPA and tdxc_sim_vmm_convert() */
	uint64_t implicit;    /* of these: for a fault in the other half */
	uint64_t converted;   /* frames */
	uint64_t ballooned;   /* frames */
	uint64_t zapped[2];   /* leaves: shared, private */
	uint64_t zap_retries;
	uint64_t demotes;
	uint64_t promotes;
	uint64_t relocations;
	uint64_t tables_removed;
	uint64_t migrations; /* of vCPUs to another processor */
	uint64_t shared_flushes;
	uint64_t image_pages;
	uint64_t quarantined;	 /* 4K pages */
	uint64_t bytes_verified; /* by guests and by the host */
	uint64_t teardown_calls; /* SEAMCALLs from the end of running on; exact
				    when nothing else runs */
	uint64_t teardown_least; /* tdxc_td_teardown_calls() */
};

/* How a vCPU's script ended. */
struct tdxc_sim_vmm_result {
	enum tdxc_sim_guest_result result; /* TDXC_SIM_GUEST_DONE: as planned */
	uint64_t where;			   /* GPA of what is wrong */
	uint64_t status;		   /* what was refused */
	int err; /* the host's, where it gave up: see vm->why */
	uint64_t bytes_verified;
};

struct tdxc_sim_vmm;

struct tdxc_sim_vmm_vcpu {
	struct tdxc_sim_vmm *vm;
	uint32_t index;
	pthread_t thread;
	bool started;
	uint64_t running; /* atomic */
	uint64_t move_to; /* atomic: LP + 1 to migrate to; 0: stay */
	struct tdxc_sim_guest guest;
	struct tdxc_sim_guest_op script[TDXC_SIM_GUEST_MAX_OPS];
	struct tdxc_sim_vmm_result result;
	struct tdxc_root *direct; /* root in its EPTP; referenced */
	/* Odd: it may be inside, with the root above. Atomic. */
	uint64_t sequence;
};

/* What is known of a slot's frames. */
struct tdxc_sim_vmm_memory {
	uint64_t start; /* frames */
	uint64_t end;
	uint64_t live;	      /* atomic; 0: deleted */
	uint64_t *is_shared;  /* a bit per frame; atomic words */
	uint64_t *private_pa; /* 0: none; under the backing mutex */
	uint64_t *shared_pa;
	/* Per part, shared and private half: invalidations under way, and the
	 * number of the last that began. Atomic. */
	uint64_t *under_way[2];
	uint64_t *last[2];
	uint64_t *claimed; /* per part: somebody converts; backing mutex */
};

struct tdxc_sim_vmm_cpu;

struct tdxc_sim_vmm {
	struct tdxc_sim_host *host;
	struct tdxc_sim_vmm_config config;
	uint16_t owner; /* as pages know it */
	struct tdxc_td td;
	struct tdxc_sept sept;
	struct tdxc_mmu mmu;
	struct tdxc_root *mirror; /* referenced */
	struct tdxc_sept_vcpu *sept_vcpus;
	struct tdxc_td_vcpu td_vcpus[TDXC_SIM_VMM_VCPUS];
	struct tdxc_sim_vmm_vcpu vcpus[TDXC_SIM_VMM_VCPUS];
	struct tdxc_sim_vmm_cpu *cpus; /* by LP */
	struct tdxc_sim_vmm_memory memory[TDXC_SIM_VMM_SLOTS];
	pthread_rwlock_t lock;
	pthread_mutex_t backing;
	pthread_cond_t unclaimed;
	uint64_t sequence; /* atomic: of invalidations */
	uint64_t dead;	   /* atomic: no entry, no lending */
	const char *why;   /* ...because; valid when dead */
	int why_err;
	uint64_t alias; /* shared bit, as an address */
	bool finalized;
	struct tdxc_sim_vmm_counts counts;
	struct tdxc_seamcall_diag diag; /* of create, finalize, destroy */
};

/* --- life -------------------------------------------------------------------
 */

/* A TD with its vCPUs, at step BUILD. NULL, with *err. */
struct tdxc_sim_vmm *
tdxc_sim_vmm_create(struct tdxc_sim_host *host,
		    const struct tdxc_sim_vmm_config *config, int *err);
/* Pages with the pattern of `value` (tdxc_sim_guest_pattern()) become part of
 * the image, mapped, measured if so wanted. */
int tdxc_sim_vmm_add_image(struct tdxc_sim_vmm *vm, uint64_t gpa,
			   uint64_t bytes, uint64_t value, bool measure);
int tdxc_sim_vmm_finalize(struct tdxc_sim_vmm *vm);
/* From any state, after stopping the vCPUs: everything is taken down, pages of
 * unknown fate stay quarantined. TDXC_OK: all came back. TDXC_E_IO: some did
 * not. The VM is gone in any case; *counts, if not NULL, are its last ones. */
int tdxc_sim_vmm_destroy(struct tdxc_sim_vmm *vm,
			 struct tdxc_sim_vmm_counts *counts);

/* The kernel ends, and the module with it: no SEAMCALL is made any more, and
 * what the TD had is the next kernel's to find out about. vCPUs are stopped.
 * The VM is gone. */
void tdxc_sim_vmm_abandon(struct tdxc_sim_vmm *vm,
			  struct tdxc_sim_vmm_counts *counts);

/* --- vCPUs ------------------------------------------------------------------
 */

/* Run a script, which is copied, on a thread of its own. TDXC_E_BUSY: it runs
 * already. TDXC_E_INVAL: the script makes no sense. */
int tdxc_sim_vmm_start(struct tdxc_sim_vmm *vm, uint32_t vcpu,
		       const struct tdxc_sim_guest_op *script, size_t nr_ops);
/* Wait for its end. */
struct tdxc_sim_vmm_result tdxc_sim_vmm_join(struct tdxc_sim_vmm *vm,
					     uint32_t vcpu);
/* Both, on the calling thread. */
struct tdxc_sim_vmm_result
tdxc_sim_vmm_run(struct tdxc_sim_vmm *vm, uint32_t vcpu,
		 const struct tdxc_sim_guest_op *script, size_t nr_ops);
/* A TDCALL by this vCPU, with these registers before and after; the host does
 * what the guest asks it for. As tdxc_sim_vmm_run(). */
struct tdxc_sim_vmm_result tdxc_sim_vmm_tdcall(struct tdxc_sim_vmm *vm,
					       uint32_t vcpu,
					       struct tdxc_sim_regs *regs);
/* Its script ends soon, and is DONE. */
void tdxc_sim_vmm_stop(struct tdxc_sim_vmm *vm, uint32_t vcpu);
void tdxc_sim_vmm_kick(struct tdxc_sim_vmm *vm, uint32_t vcpu);
/* It goes on on another processor: VP.FLUSH on the old one. Asks only: done
 * before its next entry. TDXC_E_INVAL: no such vCPU or LP. */
int tdxc_sim_vmm_migrate(struct tdxc_sim_vmm *vm, uint32_t vcpu, uint32_t lp);
/* No vCPU is associated with a processor that is about to go offline. None
 * runs. */
int tdxc_sim_vmm_leave_lp(struct tdxc_sim_vmm *vm, uint32_t lp);

/* --- memory ----------------------------------------------------------------
 * gpa without the shared bit, gpa and bytes multiples of 4 KiB.
 */

/* Map ahead. TDXC_E_NOENT: no slot, or that is not what the frames are. */
int tdxc_sim_vmm_populate(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
			  bool is_private);
/* Frames become shared, or private: contents are lost. */
int tdxc_sim_vmm_convert(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
			 bool to_private);
/* Private memory loses its backing, and gets other pages when touched. */
int tdxc_sim_vmm_balloon(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes);
/* Shared memory is unmapped, as by an MMU notifier; contents stay. */
int tdxc_sim_vmm_unmap_shared(struct tdxc_sim_vmm *vm, uint64_t gpa,
			      uint64_t bytes);
/* All shared memory, by another direct root. */
int tdxc_sim_vmm_unmap_all_shared(struct tdxc_sim_vmm *vm);
/* A slot by its index goes with its memory, and comes back empty. */
int tdxc_sim_vmm_delete_slot(struct tdxc_sim_vmm *vm, uint32_t slot);
int tdxc_sim_vmm_restore_slot(struct tdxc_sim_vmm *vm, uint32_t slot);
/* One large page of 512, of which gpa is in one; and back; one attempt each:
 * results as tdxc_mmu_promote() and tdxc_mmu_demote(). */
int tdxc_sim_vmm_promote(struct tdxc_sim_vmm *vm, uint64_t gpa);
int tdxc_sim_vmm_demote(struct tdxc_sim_vmm *vm, uint64_t gpa);
/* A private 4K page moves to another page of the host's. As
 * tdxc_mmu_relocate(); TDXC_E_NOMEM. */
int tdxc_sim_vmm_relocate(struct tdxc_sim_vmm *vm, uint64_t gpa);
/* Empty tables of the mirror go. */
int tdxc_sim_vmm_remove_tables(struct tdxc_sim_vmm *vm, uint64_t gpa,
			       uint64_t bytes, uint64_t *removed);
/* The host fills shared memory with the pattern, or holds it against it:
 * TDXC_E_IO with *where. TDXC_E_NOENT: a frame is not shared. */
int tdxc_sim_vmm_host_write(struct tdxc_sim_vmm *vm, uint64_t gpa,
			    uint64_t bytes, uint64_t value);
int tdxc_sim_vmm_host_verify(struct tdxc_sim_vmm *vm, uint64_t gpa,
			     uint64_t bytes, uint64_t value, uint64_t *where);

/* --- looking ---------------------------------------------------------------
 */

void tdxc_sim_vmm_read_counts(struct tdxc_sim_vmm *vm,
			      struct tdxc_sim_vmm_counts *counts);
/* Of all processors; nothing may be under way. */
void tdxc_sim_vmm_mmu_counts(struct tdxc_sim_vmm *vm,
			     struct tdxc_mmu_counts *counts);
/* What is mapped at gpa: level, 0: nothing. */
uint32_t tdxc_sim_vmm_level(struct tdxc_sim_vmm *vm, uint64_t gpa,
			    bool is_private);
/* What the frame at gpa is, by its attributes. */
bool tdxc_sim_vmm_is_shared(struct tdxc_sim_vmm *vm, uint64_t gpa);
/* The private page at gpa, as its guest sees it, on a machine without the line
 * model. NULL: nothing is mapped there. */
void *tdxc_sim_vmm_private_page(struct tdxc_sim_vmm *vm, uint64_t gpa);
/* With nothing under way: every entry of the mirror against the S-EPT, every
 * page of it against the backing, and the library's counts against the entries.
 * 0, or -1 with a text. */
int tdxc_sim_vmm_compare(struct tdxc_sim_vmm *vm, char *text, size_t bytes);

#endif
