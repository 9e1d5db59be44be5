/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * sim=on: the software TDX module inside this kernel, on a machine of its own.
 *
 * Its physical memory is simulated, its logical processors are the CPUs of this
 * kernel: a SEAMCALL is made by the CPU it is called on, with preemption off,
 * and a vCPU is inside for as long as its thread does not leave that CPU. Locks
 * and RCU are the kernel's own.
 */
#ifndef TDXC_LINUX_SIM_H
#define TDXC_LINUX_SIM_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/threads.h>
#include <linux/types.h>

#include <tdxcore/td_params.h>
#include <tdxcore/tdxcore.h>

#include "auditor.h"
#include "tdx_module.h"

struct crypto_shash;
struct task_struct;
struct tdxc_ksim_vcpu;

/* --- sparse.c: pages by frame, up to 2^36 frames -------------------------- */

/* NULL: no memory. */
void *tdxc_ksim_sparse_create(void);
void tdxc_ksim_sparse_destroy(void *root);
/* A frame's page, made when it is not there. NULL: no memory. */
void *tdxc_ksim_sparse_page(void *root, u64 frame);
/* The first page that is there from *frame to last; NULL: none. */
void *tdxc_ksim_sparse_next(void *root, u64 *frame, u64 last);

/* --- machine.c: memory, processors, the module ---------------------------- */

struct tdxc_ksim_machine_config {
	bool dynamic_pamt;
	bool erratum; /* a CPU model with partial-write poisoning */
	u32 gib;      /* of RAM above 4 GiB */
	/* Memory is this kernel's own where it is online; processors are all
	 * CPUs that are present, and may go. */
	bool real;
	u32 packages;		  /* real: of these CPUs */
	struct tdxc_range seamrr; /* real: what firmware says */
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS];
	u32 nr_cmrs;
};

struct tdxc_ksim_machine {
	struct tdxc_sim_module module;
	struct tdxc_sim_platform platform;
	void *pages;	     /* sparse.c */
	struct page *scrap;  /* for addresses that have none */
	bool real;	     /* see its config */
	atomic64_t scrapped; /* times it was needed: 0, or nothing is right */
	struct crypto_shash *sha384;
	bool holds_cpus;
	u32 nr_lps;
	int cpu_of[TDXC_SIM_MAX_LPS];
	u32 lp_of[NR_CPUS]; /* + 1; 0: the module knows no such processor */
	u64 interrupts[TDXC_SIM_MAX_LPS];
	u64 key_failures; /* the next so many attempts */
	enum tdxc_sim_key_result key_failure;
	/* Of who enters on a processor. */
	struct tdxc_ksim_vcpu *entering[TDXC_SIM_MAX_LPS];
	atomic64_t calls[128]; /* by leaf */
	atomic64_t refused;    /* other answers than success */
};

/* -ENOENT: the kernel has no SHA-384 (sha512_generic); -ENOMEM. */
int tdxc_ksim_machine_init(struct tdxc_ksim_machine *machine,
			   const struct tdxc_ksim_machine_config *config);
void tdxc_ksim_machine_fini(struct tdxc_ksim_machine *machine);
/* Its CPUs may go offline: it is not called before they are back. */
void tdxc_ksim_machine_let_go(struct tdxc_ksim_machine *machine);
/* For the core. */
struct tdxc_seamcall_port
tdxc_ksim_machine_port(struct tdxc_ksim_machine *machine);
/* The page at an address, KeyID or not, made when it is not there. */
void *tdxc_ksim_machine_page(struct tdxc_ksim_machine *machine, u64 pa);
void tdxc_ksim_machine_zero(struct tdxc_ksim_machine *machine, u64 pa,
			    u64 bytes);
/* The processor this runs on; preemption is off, or the thread is bound. */
u32 tdxc_ksim_machine_lp(const struct tdxc_ksim_machine *machine);
/* TDCALL and exits of who is inside on `lp`. */
enum tdxc_sim_outcome tdxc_ksim_tdcall(struct tdxc_ksim_machine *machine,
				       u32 lp, struct tdxc_sim_regs *regs);
void tdxc_ksim_interrupt_exit(struct tdxc_ksim_machine *machine, u32 lp,
			      struct tdxc_sim_regs *regs);
void tdxc_ksim_violation_exit(struct tdxc_ksim_machine *machine, u32 lp,
			      u64 gpa, bool write, struct tdxc_sim_regs *regs);
u64 tdxc_ksim_calls(const struct tdxc_ksim_machine *machine, u32 leaf);
/* 0, or -1 with a text. Nothing may be under way. */
int tdxc_ksim_audit(struct tdxc_ksim_machine *machine,
		    struct tdxc_sim_violation *out);

/* --- vcpu.c: what runs inside --------------------------------------------- */

/* Called by the machine once VP.ENTER got in, on `lp`: the guest has left when
 * it returns, and `regs` are what VP.ENTER answers. */
void tdxc_ksim_inside(struct tdxc_ksim_machine *machine, u32 lp,
		      struct tdxc_sim_regs *regs);

/* --- pages.c: memory that can be lent ------------------------------------- */

struct tdxc_ksim_pages {
	spinlock_t lock;
	u64 base;
	u64 nr;		      /* frames */
	unsigned long *taken; /* by the host, lent or not */
	unsigned long *lent;
	u64 nr_taken;
	u64 nr_lent;
	u64 mistakes; /* lent twice, freed while lent, and the like */
	u64 small;    /* where to look next */
};

int tdxc_ksim_pages_init(struct tdxc_ksim_pages *pages, struct tdxc_range r);
void tdxc_ksim_pages_fini(struct tdxc_ksim_pages *pages);
/* Of level 1 or 2. TDXC_OK or TDXC_E_NOMEM. */
int tdxc_ksim_alloc(struct tdxc_ksim_pages *pages, u32 level, u64 *pa);
void tdxc_ksim_free(struct tdxc_ksim_pages *pages, u32 level, u64 pa);
/* The module gets it; it comes back. */
void tdxc_ksim_lend(struct tdxc_ksim_pages *pages, u32 level, u64 pa);
void tdxc_ksim_returned(struct tdxc_ksim_pages *pages, u32 level, u64 pa);
bool tdxc_ksim_is_lent(struct tdxc_ksim_pages *pages, u64 pa);

/* --- host.c: the module brought up by the core ---------------------------- */

#define TDXC_KSIM_BATCH	    64u
#define TDXC_KSIM_PAMT_LOW  24u
#define TDXC_KSIM_PAMT_HIGH 64u
#define TDXC_KSIM_PAMT_ROOM 160u
#define TDXC_KSIM_ACTORS    64u

/* What a thread brings along for the library. */
struct tdxc_ksim_actor {
	struct task_struct *task; /* NULL: free */
	struct tdxc_mmu_cpu mmu;
	struct tdxc_pamt_cache pamt;
	enum { TDXC_KSIM_UNLOCKED, TDXC_KSIM_SHARED, TDXC_KSIM_EXCLUSIVE } held;
	u64 pamt_pages[TDXC_KSIM_PAMT_ROOM];
	struct tdxc_external_entry entries[TDXC_KSIM_BATCH];
	u64 *slots[TDXC_KSIM_BATCH];
	struct tdxc_zapped zapped[TDXC_KSIM_BATCH];
};

struct tdxc_ksim_host {
	struct tdxc_ksim_machine machine;
	struct tdxc_ksim_machine_config config;
	struct tdxc_seamcall_port port;
	struct tdxc_module module;
	struct tdxc_module_cpu cpus[TDXC_SIM_MAX_LPS];
	struct tdxc_plan_ram ram[2];
	struct tdxc_plan_config request;
	struct tdxc_plan plan;
	struct tdxc_plan_fault plan_fault;
	struct tdxc_metadata_fault metadata_fault;
	struct tdxc_seamcall_diag diag;
	void *scratch;
	void *infos;
	u64 *pointers;
	u64 nr_pamts; /* lent out */
	u64 flushes;
	struct tdxc_platform platform;
	struct tdxc_keyids keyids;
	u64 *keyid_words;
	struct tdxc_pamt pamt;
	void *pamt_memory;
	struct tdxc_sept_quarantine quarantine;
	struct tdxc_ksim_pages pages;
	struct tdxc_ksim_actor *actors;
	atomic64_t nr_tables; /* of MMUs, not freed so far */
};

/* Machine on, module not called; then, step by step or until it is ready. */
struct tdxc_ksim_host *
tdxc_ksim_host_create(const struct tdxc_ksim_machine_config *config, int *err);
int tdxc_ksim_host_step(struct tdxc_ksim_host *host);
/* All steps, and what TDs need. */
int tdxc_ksim_host_up(struct tdxc_ksim_host *host);
/* Whatever there is; the number of pages, tables and PAMTs that nobody gave
 * back. */
u64 tdxc_ksim_host_destroy(struct tdxc_ksim_host *host);
/* Run on the CPU that is a processor of the module. */
int tdxc_ksim_on_lp(struct tdxc_ksim_host *host, u32 lp, int (*fn)(void *arg),
		    void *arg);

/* The calling thread becomes an actor, once. NULL: too many. */
struct tdxc_ksim_actor *tdxc_ksim_begin(struct tdxc_ksim_host *host);
struct tdxc_ksim_actor *tdxc_ksim_actor(struct tdxc_ksim_host *host);
/* Gives its pages back; `mmu` may be NULL. */
void tdxc_ksim_end(struct tdxc_ksim_host *host, struct tdxc_mmu *mmu);
int tdxc_ksim_pamt_topup(struct tdxc_ksim_host *host);
void tdxc_ksim_pamt_drain(struct tdxc_ksim_host *host, u32 keep);

/* Table memory of MMUs: real pages. */
int tdxc_ksim_table_alloc(struct tdxc_ksim_host *host, bool external,
			  struct tdxc_mmu_table *table);
void tdxc_ksim_table_free(struct tdxc_ksim_host *host,
			  const struct tdxc_mmu_table *table);
void tdxc_ksim_table_retire(struct tdxc_ksim_host *host,
			    const struct tdxc_mmu_table *table);
u64 tdxc_ksim_table_external(u64 pa);

/* --- vm.c, vm_ops.c, vm_memory.c, vm_end.c: a TD ---------------------------
 */

#define TDXC_KSIM_VCPUS 8u
/* The bit that says shared, 47, as a frame number. */
#define TDXC_KSIM_ALIAS (1ull << 35)

/* What a vCPU does, page by page. */
enum tdxc_ksim_op {
	TDXC_KSIM_ACCEPT, /* accept, 2M first, then write the pattern */
	TDXC_KSIM_TOUCH,  /* access; accept on #VE; write or verify */
	TDXC_KSIM_SPIN,	  /* stay inside until it is stopped */
	TDXC_KSIM_CALL,	  /* one TDCALL at a time, for guest.c */
};

struct tdxc_ksim_tlb {
	u64 gpa; /* + 1; 0: empty */
	u64 pa;
};

#define TDXC_KSIM_TLB 32u

struct tdxc_ksim_vcpu {
	struct tdxc_ksim_vm *vm;
	u32 index;
	struct task_struct *thread;
	struct completion done;
	u32 lp;
	enum tdxc_ksim_op op;
	u64 gpa; /* what it works on; at: where it is */
	u64 bytes;
	u64 at;
	u64 rounds;
	u64 stop;    /* atomic */
	u64 kick;    /* atomic */
	u64 move_to; /* atomic: LP + 1 */
	int err;
	u64 wrong; /* GPA + 1 of contents that are not right */
	u64 entries;
	u64 violations;
	u64 accepts;
	u64 refused; /* TDCALLs refused for another reason than size */
	u64 verified;
	u64 migrations;
	u64 epoch;
	/* TDXC_KSIM_CALL */
	enum {
		TDXC_KSIM_CALL_DONE,
		TDXC_KSIM_CALL_DUE,
		TDXC_KSIM_CALL_AT_HOST, /* the host has it, and answers */
	} calling;
	struct tdxc_sim_regs call;
	struct tdxc_ksim_tlb tlb[TDXC_KSIM_TLB];
};

struct tdxc_ksim_vm {
	struct tdxc_ksim_host *host;
	u32 nr_vcpus;
	u64 frames; /* of private memory, from GPA 0 */
	bool small_pages;
	struct tdxc_td td;
	struct tdxc_sept sept;
	struct tdxc_mmu mmu;
	struct tdxc_root *mirror;
	struct tdxc_sept_vcpu *sept_vcpus;
	struct tdxc_td_vcpu td_vcpus[TDXC_KSIM_VCPUS];
	struct tdxc_ksim_vcpu vcpus[TDXC_KSIM_VCPUS];
	rwlock_t lock;
	/* By frame, the page behind it; 0: none. */
	struct mutex backing_lock;
	u64 *backing;
	/* One invalidation at a time. */
	struct mutex change_lock;
	u64 changing;
	u64 change_start;
	u64 change_end;
	u64 sequence;
	u64 dead;
	atomic64_t faults;
	atomic64_t zapped;
	atomic64_t batches;
	struct tdxc_seamcall_diag diag;
};

struct tdxc_ksim_vm_config {
	u32 nr_vcpus;
	u64 frames; /* a multiple of 512 */
	bool small_pages;
	bool promote_to_zap;
};

/* At step BUILD; NULL with *err. */
struct tdxc_ksim_vm *
tdxc_ksim_vm_create(struct tdxc_ksim_host *host,
		    const struct tdxc_ksim_vm_config *config, int *err);
/* A page of the image, measured. */
int tdxc_ksim_vm_add(struct tdxc_ksim_vm *vm, u64 gpa);
int tdxc_ksim_vm_finalize(struct tdxc_ksim_vm *vm);
/* All vCPUs out, and their threads gone. */
void tdxc_ksim_vm_stop(struct tdxc_ksim_vm *vm);
/* Everything goes, whatever state it is in. TDXC_OK: all came back. */
int tdxc_ksim_vm_destroy(struct tdxc_ksim_vm *vm);

void tdxc_ksim_vm_lock(struct tdxc_ksim_vm *vm, enum tdxc_lock how);
void tdxc_ksim_vm_unlock(struct tdxc_ksim_vm *vm);
int tdxc_ksim_vm_topup(struct tdxc_ksim_vm *vm);
bool tdxc_ksim_worth_trying(int err);

extern const struct tdxc_mmu_ops tdxc_ksim_mmu_ops;
extern const struct tdxc_sept_ops tdxc_ksim_sept_ops;
extern const struct tdxc_td_ops tdxc_ksim_td_ops;

/* Private memory. Frames are [start, end). */
int tdxc_ksim_vm_fault(struct tdxc_ksim_vm *vm, u64 gfn, u32 level, u64 source);
int tdxc_ksim_vm_populate(struct tdxc_ksim_vm *vm, u64 start, u64 end);
/* Unmap, and give the pages back: they come again, zeroed, when touched. */
int tdxc_ksim_vm_zap(struct tdxc_ksim_vm *vm, u64 start, u64 end);
int tdxc_ksim_vm_promote(struct tdxc_ksim_vm *vm, u64 gfn);
int tdxc_ksim_vm_demote(struct tdxc_ksim_vm *vm, u64 gfn);
int tdxc_ksim_vm_relocate(struct tdxc_ksim_vm *vm, u64 gfn);
int tdxc_ksim_vm_remove_tables(struct tdxc_ksim_vm *vm, u64 *removed);
u32 tdxc_ksim_vm_level(struct tdxc_ksim_vm *vm, u64 gfn);
bool tdxc_ksim_vm_is_stale(struct tdxc_ksim_vm *vm,
			   const struct tdxc_fault *fault, u64 gfn, u32 level);
void tdxc_ksim_vm_drop_backing(struct tdxc_ksim_vm *vm, u64 start, u64 end);

/* A vCPU on a thread of its own, bound to a processor. */
int tdxc_ksim_vcpu_start(struct tdxc_ksim_vm *vm, u32 vcpu,
			 enum tdxc_ksim_op op, u64 gpa, u64 bytes, u64 rounds);
/* Its script's end. */
int tdxc_ksim_vcpu_join(struct tdxc_ksim_vm *vm, u32 vcpu);
void tdxc_ksim_vcpu_stop(struct tdxc_ksim_vm *vm, u32 vcpu);
void tdxc_ksim_vcpu_kick(struct tdxc_ksim_vm *vm, u32 vcpu);
/* It goes on on another processor. */
void tdxc_ksim_vcpu_migrate(struct tdxc_ksim_vm *vm, u32 vcpu, u32 lp);
/* VP.FLUSH where it is. */
int tdxc_ksim_vcpu_flush(struct tdxc_ksim_vm *vm, u32 vcpu);
/* What a page of a guest begins with. */
u64 tdxc_ksim_pattern(u64 gpa);

/* --- guest.c: a guest that converts memory, and its host ------------------ */

/* On vCPU 0 of `vm`; the calling thread is an actor and bound to its CPU. */
struct tdxc_ksim_guest {
	struct tdxc_ksim_vm *vm;
	struct tdxc_seamcall_full regs; /* of the next entry */
	u64 refuse_start;		/* frames that stay shared */
	u64 refuse_end;
	u64 map_gpas; /* that the host did */
	u64 refused;  /* and did not */
	u64 faults;   /* pages that it put in */
};

/* ctx: a struct tdxc_ksim_guest */
extern const struct tdxc_convert_ops tdxc_ksim_convert_ops;
void tdxc_ksim_guest_init(struct tdxc_ksim_guest *guest,
			  struct tdxc_ksim_vm *vm);

/* --- init.c ----------------------------------------------------------------
 */

/* The parameter. */
bool tdxc_ksim_is_on(void);
/* While a machine holds them, no CPU goes offline, and none comes that the
 * module does not know. */
void tdxc_ksim_hold_cpus(void);
void tdxc_ksim_release_cpus(void);
int tdxc_ksim_init(void);
void tdxc_ksim_exit(void);

/* --- firmware.c: this machine, with TDX ----------------------------------- */

bool tdxc_ksim_firmware_is_on(void);
/* What firmware changes of this machine's registers. */
void tdxc_ksim_firmware_regs(struct tdxc_platform_regs *regs);
/* SEAMCALL on this CPU; preemption is off. */
u64 tdxc_ksim_firmware_call(u64 rax, struct tdxc_seamcall_regs *regs,
			    enum tdxc_seamcall_shape shape);
int tdxc_ksim_firmware_init(void);
void tdxc_ksim_firmware_exit(void);

/* --- tests.c, stress.c ---------------------------------------------------- */

/* tests.c: hosts that the tests left. */
void tdxc_ksim_tests_exit(void);
/* stress.c: random operations on TDs for so many seconds; 0, or what went
 * wrong. */
int tdxc_ksim_stress(unsigned int seconds, u64 seed, char *why, size_t bytes);

#endif
