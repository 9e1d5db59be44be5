/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of the module share: locks, the frame of a call, PAMT walks,
 * control structures, S-EPT entries. Section numbers are those of
 * tdx-module-abi.md.
 */
#ifndef TDXC_SIM_MODULE_H
#define TDXC_SIM_MODULE_H

#include "tdx_module.h"

#define PAGE_BYTES TDXC_PAGE_SIZE
#define NO_ID	   UINT64_MAX

/* A status with an operand or other details in its low half. */
#define STATUS(code, detail) (((uint64_t)(code) << 32) | (uint32_t)(detail))

/* Upper halves of status words (section 2.3). */
#define ST_INTERRUPTED_RESUMABLE   0x80000003u
#define ST_INTERRUPTED_RESTARTABLE 0x80000004u
#define ST_OPERAND_INVALID	   0xC0000100u
#define ST_ADDR_RANGE		   0xC0000101u
#define ST_BUSY			   0x80000200u
#define ST_PREVIOUS_EPOCH_BUSY	   0x80000201u
#define ST_SYS_BUSY		   0x80000202u
#define ST_NO_ENTROPY		   0x80000203u
#define ST_PAGE_METADATA	   0xC0000300u
#define ST_PAGE_NOT_FREE	   0xC0000303u
#define ST_RANGE_NOT_FREE	   0xC0000304u
#define ST_NO_PAMT_PAIR		   0xC0000305u
#define ST_PAMT_NOT_EMPTY	   0xC0000306u
#define ST_MISSING_PAMT_PAIR	   0x80000308u
#define ST_TD_ASSOCIATED_PAGES	   0xC0000400u
#define ST_SYS_INIT_NOT_PENDING	   0xC0000500u
#define ST_LP_INIT_NOT_DONE	   0xC0000502u
#define ST_LP_INIT_DONE		   0xC0000503u
#define ST_SYS_NOT_READY	   0xC0000505u
#define ST_SYS_SHUTDOWN		   0xC0000506u
#define ST_KEY_CONFIG_NOT_PENDING  0xC0000507u
#define ST_SYS_STATE_INCORRECT	   0xC0000508u
#define ST_SYS_INVALID_HANDOFF	   0xC0000509u
#define ST_LP_INIT_NOT_PENDING	   0xC000050Bu
#define ST_CONFIG_NOT_PENDING	   0xC000050Cu
#define ST_UPDATE_SENSITIVE	   0x80000512u
#define ST_TD_FATAL		   0xE0000604u
#define ST_TD_NON_DEBUG		   0xC0000605u
#define ST_TDCS_NOT_ALLOCATED	   0xC0000606u
#define ST_LIFECYCLE		   0xC0000607u
#define ST_OP_STATE		   0xC0000608u
#define ST_NO_VCPUS		   0xC0000609u
#define ST_TDCX_NUM		   0xC0000610u
#define ST_MRTD_CONTEXT		   0xC0000622u
#define ST_VCPU_STATE		   0xC0000700u
#define ST_VCPU_ASSOCIATED	   0x80000701u
#define ST_VCPU_NOT_ASSOCIATED	   0x80000702u
#define ST_MAX_VCPUS		   0xC0000705u
#define ST_NO_VE_INFO		   0xC0000704u
#define ST_KEY_GENERATION	   0x80000800u
#define ST_KEYS_NOT_CONFIGURED	   0x80000810u
#define ST_KEY_CONFIGURED	   0x00000815u
#define ST_WBCACHE_NOT_COMPLETE	   0x80000817u
#define ST_HKID_NOT_FREE	   0xC0000820u
#define ST_NO_HKID_TO_WBCACHE	   0x00000821u
#define ST_WBCACHE_RESUME	   0xC0000823u
#define ST_FLUSHVP_NOT_DONE	   0x80000824u
#define ST_TDMR_INITIALIZED	   0x00000A03u
#define ST_CMR_LIST_INVALID	   0xC0000A22u
#define ST_EPT_WALK_FAILED	   0xC0000B00u
#define ST_EPT_NOT_PRESENT	   0xC0000B03u
#define ST_NOT_BLOCKED		   0xC0000B06u
#define ST_ALREADY_BLOCKED	   0x00000B07u
#define ST_NOT_TRACKED		   0xC0000B08u
#define ST_PROMOTE_CONDITIONS	   0xC0000B09u
#define ST_ALREADY_ACCEPTED	   0x00000B0Au
#define ST_PAGE_SIZE_MISMATCH	   0xC0000B0Bu
#define ST_EPT_STATE		   0xC0000B0Du
#define ST_EPT_PAGE_NOT_FREE	   0xC0000B0Eu
#define ST_FIELD_ID		   0xC0000C00u
#define ST_FIELD_NOT_WRITABLE	   0xC0000C01u
#define ST_FIELD_NOT_READABLE	   0xC0000C02u
#define ST_FIELD_VALUE		   0xC0000C03u
#define ST_WR_MASK		   0xC0000C0Au
#define ST_FIRST_FIELD		   0x00000C0Bu

/* Operand ids beyond the registers (section 2.2). */
enum {
	OP_ATTRIBUTES = 64,
	OP_XFAM = 65,
	OP_CONFIG_FLAGS = 66,
	OP_EPTP_CONTROLS = 67,
	OP_MAX_VCPUS = 68,
	OP_CPUID_CONFIG = 69,
	OP_TSC_FREQUENCY = 70,
	OP_NUM_L2_VMS = 71,
	OP_ARCH_CAPABILITIES = 72,
	OP_TDR = 128,
	OP_SEPT_TREE = 146,
	OP_TD_EPOCH = 169,
	OP_OP_STATE = 172,
	OP_KOT = 186,
	OP_KET = 187,
	OP_WBCACHE = 188,
};

/* --- locks (lock.c): 16 bits at the low end of a word, section 6.3 ------- */

bool tdxc_sim_lock_shared(uint64_t *word);
bool tdxc_sim_lock_exclusive(uint64_t *word);
/* Shared, held only by the caller, to exclusive. */
bool tdxc_sim_lock_promote(uint64_t *word);
void tdxc_sim_unlock_shared(uint64_t *word);
void tdxc_sim_unlock_exclusive(uint64_t *word);
/* By anyone, whichever way. */
bool tdxc_sim_is_locked(const uint64_t *word);
/* Add modulo 2^64, atomically; the old value. */
uint64_t tdxc_sim_add(uint64_t *word, uint64_t value);
void tdxc_sim_set_bits(uint64_t *word, uint64_t clear, uint64_t set);

/* --- the frame of a call (call.c) ---------------------------------------- */

struct tdxc_sim_held {
	uint64_t *word;
	bool exclusive;
};

#define SIM_MAX_HELD 16u

struct tdxc_sim_call {
	struct tdxc_sim_module *m;
	uint64_t *gpr;
	uint32_t lp;
	uint32_t nr_held;
	bool entered; /* VP.ENTER succeeded */
	struct tdxc_sim_held held[SIM_MAX_HELD];
};

bool tdxc_sim_hold(struct tdxc_sim_call *c, uint64_t *word, bool exclusive);
/* Release down to a level noted before. */
void tdxc_sim_release(struct tdxc_sim_call *c, uint32_t level);
void *tdxc_sim_page(const struct tdxc_sim_module *m, uint64_t pa,
		    uint32_t keyid);
void *tdxc_sim_page_for_write(const struct tdxc_sim_module *m, uint64_t pa,
			      uint32_t keyid);
uint32_t tdxc_sim_hkid_shift(const struct tdxc_sim_module *m);
/* Bits of an address that belong to the KeyID. */
uint64_t tdxc_sim_hkid_mask(const struct tdxc_sim_module *m);
uint64_t tdxc_sim_keyed(const struct tdxc_sim_module *m, uint64_t pa,
			uint32_t keyid);
uint32_t tdxc_sim_first_private(const struct tdxc_sim_module *m);
bool tdxc_sim_is_private_keyid(const struct tdxc_sim_module *m, uint64_t keyid);
uint32_t tdxc_sim_package(const struct tdxc_sim_module *m, uint32_t lp);
uint64_t tdxc_sim_all_packages(const struct tdxc_sim_module *m);
/* Host buffer operand: 0 or OPERAND_INVALID with the register (section 1.3). */
uint64_t tdxc_sim_check_shared(const struct tdxc_sim_module *m, uint64_t pa,
			       uint64_t align, uint64_t bytes,
			       uint32_t operand);
/* Bytes of shared memory, across pages, KeyID bits included in pa. */
void tdxc_sim_read_shared(const struct tdxc_sim_module *m, uint64_t pa,
			  void *out, size_t bytes);
void tdxc_sim_write_shared(const struct tdxc_sim_module *m, uint64_t pa,
			   const void *in, size_t bytes);
bool tdxc_sim_is_newer(const struct tdxc_sim_module *m);

/* --- PAMT (pamt.c), section 3.6 ------------------------------------------ */

enum tdxc_sim_page_type {
	PT_NDA = 0,
	PT_RSVD = 1,
	PT_REG = 3,
	PT_TDR = 4,
	PT_TDCX = 5,
	PT_TDVPR = 6,
	PT_EPT = 8,
	PT_PAMT = 15,
};

struct tdxc_sim_pamt_entry {
	uint64_t word; /* lock 15:0, type 23:16, owner page number 63:24 */
	uint64_t bepoch;
};

/* Where a walk stopped. */
struct tdxc_sim_pamt_ref {
	struct tdxc_sim_pamt_entry *entry;
	struct tdxc_sim_tdmr *tdmr;
	uint64_t pa;
	uint8_t size; /* 0 4K, 1 2M, 2 1G */
};

uint8_t tdxc_sim_pamt_type(const struct tdxc_sim_pamt_entry *e);
uint64_t
tdxc_sim_pamt_owner(const struct tdxc_sim_pamt_entry *e); /* TDR address */
/* Type and owner, the lock untouched. */
void tdxc_sim_pamt_set(struct tdxc_sim_pamt_entry *e,
		       enum tdxc_sim_page_type type, uint64_t owner);
/* Only the type. */
void tdxc_sim_pamt_set_type(struct tdxc_sim_pamt_entry *e,
			    enum tdxc_sim_page_type type);
/* A page that was used is free again: only the type goes, and for 2M and 1G
 * the owner too (SURPRISES.md 25). */
void tdxc_sim_pamt_free(struct tdxc_sim_module *m,
			struct tdxc_sim_pamt_entry *e, uint64_t pa,
			uint8_t size);
struct tdxc_sim_tdmr *tdxc_sim_find_tdmr(struct tdxc_sim_module *m,
					 uint64_t pa);
/* The entry of a page at a level, no lock, no check but that a TDMR has it. */
struct tdxc_sim_pamt_entry *tdxc_sim_pamt_entry(struct tdxc_sim_module *m,
						uint64_t pa, uint8_t size);
/* Section 1.3, HPA operand: format only. */
uint64_t tdxc_sim_check_hpa(const struct tdxc_sim_module *m, uint64_t pa,
			    uint8_t size, uint32_t operand);
/* Walk with locks held in the call; stops at a large page on the way. */
uint64_t tdxc_sim_pamt_walk(struct tdxc_sim_call *c, uint64_t pa, uint8_t size,
			    bool exclusive, uint32_t operand,
			    struct tdxc_sim_pamt_ref *ref);
/* The whole HPA operand check: format, coverage, locks, size and type. */
uint64_t tdxc_sim_claim_page(struct tdxc_sim_call *c, uint64_t pa, uint8_t size,
			     enum tdxc_sim_page_type type, bool exclusive,
			     uint32_t operand, struct tdxc_sim_pamt_ref *ref);
bool tdxc_sim_page_covered(struct tdxc_sim_module *m, uint64_t pa);
/* Dynamic PAMT: the pair's use count follows a 4K page. */
void tdxc_sim_pamt_count(struct tdxc_sim_module *m, uint64_t pa, int64_t by);
/* The two pages that hold a 2M range's 4K entries: DEMOTE takes them from R12
 * and R13, PROMOTE gives them back. */
uint64_t tdxc_sim_pair_claim(struct tdxc_sim_call *c);
void tdxc_sim_pair_unclaim(struct tdxc_sim_call *c);
void tdxc_sim_pair_install(struct tdxc_sim_module *m,
			   struct tdxc_sim_pamt_entry *node, uint64_t page0,
			   uint64_t page1);
void tdxc_sim_pair_take(struct tdxc_sim_module *m,
			struct tdxc_sim_pamt_entry *node, uint64_t pages[2]);
uint64_t tdxc_sim_pamt_init_step(struct tdxc_sim_module *m,
				 struct tdxc_sim_tdmr *t);

/* --- control structures (td.c, vcpu.c), section 3.8 ---------------------- */

#define SIM_TDCX_PAGES	6u
#define SIM_TDCX_MAX	9u
#define SIM_TDVPS_PAGES 6u
#define SIM_TDVPS_MAX	15u

enum tdxc_sim_lifecycle {
	LC_HKID_ASSIGNED,
	LC_KEYS_CONFIGURED,
	LC_BLOCKED,
	LC_TEARDOWN,
};

enum tdxc_sim_op_state {
	OS_UNINITIALIZED,
	OS_INITIALIZED,
	OS_RUNNABLE,
};

/* TDR page, under the global KeyID. */
struct tdxc_sim_tdr {
	uint64_t fatal;
	uint64_t nr_tdcx;
	uint64_t chldcnt;
	uint64_t lifecycle;
	uint64_t tdcx[SIM_TDCX_MAX]; /* KeyID bits included */
	uint64_t uuid[4];
	uint64_t keyid;
	uint64_t packages; /* configured ones */
};

/* First TDCS page, under the TD's KeyID. */
struct tdxc_sim_tdcs {
	uint64_t op_state;
	uint64_t op_lock;
	uint64_t tree_lock;
	uint64_t epoch_lock;
	uint64_t epoch; /* see tdxc_sim_epoch_* */
	uint64_t nr_vcpus;
	uint64_t nr_assoc_vcpus;
	uint64_t attributes;
	uint64_t xfam;
	uint64_t max_vcpus;
	uint64_t nr_l2_vms;
	uint64_t gpaw;
	uint64_t eptp;
	uint64_t config_flags;
	uint64_t tsc_frequency;
	uint64_t tsc_multiplier;
	uint64_t tsc_offset;
	uint64_t hp_lock_timeout;
	uint64_t vm_ctls[4];
	uint64_t mrtd[6];
	uint64_t mrconfigid[6];
	uint64_t mrowner[6];
	uint64_t mrownerconfig[6];
	uint64_t rtmr[24];
	uint64_t sha384[TDXC_SIM_SHA384_STATE / 8];
	uint64_t measured_by; /* generation of the module that does */
};

TDXC_STATIC_ASSERT(sizeof(struct tdxc_sim_tdcs) <= 4096, "one page");

enum tdxc_sim_vcpu_state {
	VS_UNINIT = 0,
	VS_READY = 2,
	VS_ACTIVE = 4,
	VS_DISABLED = 8,
};

/* TDVPR page, under the TD's KeyID. */
struct tdxc_sim_vcpu {
	uint64_t nr_pages;
	uint64_t pages[SIM_TDVPS_MAX]; /* KeyID bits included */
	uint64_t state;
	uint64_t lp; /* associated LP + 1; 0: none */
	uint64_t epoch;
	uint64_t index;
	uint64_t vmcall_mask; /* 0: last exit was no VP.VMCALL */
	uint64_t guest[16];
	uint64_t pending_nmi;
};

/* A TDR operand that was checked, and what belongs to it. */
struct tdxc_sim_td {
	uint64_t pa;
	struct tdxc_sim_tdr *tdr;
	struct tdxc_sim_tdcs *tdcs; /* after tdxc_sim_check_td() */
	uint32_t keyid;
};

struct tdxc_sim_tdr *tdxc_sim_tdr_page(const struct tdxc_sim_module *m,
				       uint64_t pa);
/* TDR operand: locks the page. */
uint64_t tdxc_sim_claim_td(struct tdxc_sim_call *c, uint64_t pa, bool exclusive,
			   uint32_t operand, struct tdxc_sim_td *td);
/* Section 1.3 common TD check; allowed: bit mask of op-states. */
uint64_t tdxc_sim_check_td(struct tdxc_sim_call *c, struct tdxc_sim_td *td,
			   uint32_t allowed, bool lock_op_state);
struct tdxc_sim_tdcs *tdxc_sim_tdcs_page(const struct tdxc_sim_module *m,
					 const struct tdxc_sim_tdr *tdr);
bool tdxc_sim_is_debug(const struct tdxc_sim_td *td);
/* TDVPR operand and its TD's TDR, shared. */
uint64_t tdxc_sim_claim_vcpu(struct tdxc_sim_call *c, uint64_t pa,
			     bool exclusive, uint32_t operand,
			     struct tdxc_sim_td *td,
			     struct tdxc_sim_vcpu **vcpu);
/* The vCPU is complete, ready, and associated with this LP from now on. */
uint64_t tdxc_sim_vcpu_take(struct tdxc_sim_call *c, struct tdxc_sim_td *td,
			    struct tdxc_sim_vcpu *vcpu);
/* TD_PARAMS, in the order of section 3.5; cpuid: failing leaf. */
uint64_t tdxc_sim_apply_td_params(struct tdxc_sim_module *m,
				  struct tdxc_sim_td *td, uint64_t pa,
				  uint64_t *cpuid);

#define OS_BIT(state) (1u << (state))

/* --- TLB epochs (epoch.c), section 7.5 ----------------------------------- */

uint64_t tdxc_sim_epoch(uint64_t word);
uint32_t tdxc_sim_epoch_readers(uint64_t word, uint64_t epoch);
void tdxc_sim_epoch_init(struct tdxc_sim_tdcs *tdcs);
uint64_t tdxc_sim_epoch_enter(struct tdxc_sim_tdcs *tdcs);
void tdxc_sim_epoch_leave(struct tdxc_sim_tdcs *tdcs, uint64_t epoch);
bool tdxc_sim_epoch_advance(struct tdxc_sim_tdcs *tdcs);
bool tdxc_sim_tracked(const struct tdxc_sim_tdcs *tdcs, uint64_t bepoch);

/* --- secure EPT (sept.c), section 3.7 ------------------------------------ */

enum tdxc_sim_sept_state {
	SS_FREE,
	SS_NL_MAPPED,
	SS_NL_BLOCKED,
	SS_MAPPED,
	SS_BLOCKED,
	SS_PENDING,
	SS_PENDING_BLOCKED,
	SS_OTHER,
};

#define SEPT_FREE   0x80E0000000000000ull
#define SEPT_LOCKED (1ull << 11)
#define SEPT_HP	    (1ull << 52)
#define SEPT_HPA    0x000FFFFFFFFFF000ull

/* An entry found by a walk. */
struct tdxc_sim_sept {
	uint64_t *entry;
	uint64_t gpa;
	uint8_t level;
	uint64_t table; /* S-EPT page the entry stands in */
};

enum tdxc_sim_sept_state tdxc_sim_sept_state(uint64_t entry);
uint64_t tdxc_sim_sept_make(enum tdxc_sim_sept_state state, uint64_t hpa);
bool tdxc_sim_sept_is_leaf(enum tdxc_sim_sept_state state);
/* RCX and RDX as the leaves report an entry. */
void tdxc_sim_sept_report(struct tdxc_sim_call *c, uint64_t entry,
			  uint8_t level);
uint64_t tdxc_sim_sept_report_rdx(uint64_t entry, uint8_t level);
uint8_t tdxc_sim_sept_root_level(const struct tdxc_sim_td *td);
/* RCX of a MEM leaf: format, levels, private GPA. */
uint64_t tdxc_sim_check_gpa(const struct tdxc_sim_td *td, uint64_t rcx,
			    uint8_t min, uint8_t max, uint64_t *gpa,
			    uint8_t *level);
/* The entry of gpa at level; false: `at` is where the walk stopped. */
bool tdxc_sim_sept_walk(const struct tdxc_sim_module *m,
			const struct tdxc_sim_td *td, uint64_t gpa,
			uint8_t level, struct tdxc_sim_sept *at);
uint64_t *tdxc_sim_sept_table(const struct tdxc_sim_module *m,
			      const struct tdxc_sim_td *td, uint64_t hpa);
bool tdxc_sim_sept_lock(uint64_t *entry);
void tdxc_sim_sept_unlock(uint64_t *entry);
/* Write an entry that is locked, and unlock it. */
void tdxc_sim_sept_commit(uint64_t *entry, uint64_t value);

/* What every MEM leaf starts with; sept_leaf.c. */
struct tdxc_sim_mem {
	struct tdxc_sim_td td;
	struct tdxc_sim_sept at;
	uint64_t entry; /* value found */
	enum tdxc_sim_sept_state state;
	bool locked;
};

struct tdxc_sim_mem_rules {
	uint32_t op_states;
	uint8_t min_level;
	uint8_t max_level; /* 255: that of the root */
	bool tdr_exclusive;
	bool tree_exclusive;
	bool no_tree;
};

uint64_t tdxc_sim_mem_begin(struct tdxc_sim_call *c,
			    const struct tdxc_sim_mem_rules *rules,
			    uint64_t rdx, struct tdxc_sim_mem *mem);
/* Unlocks what begin locked; passes the status on. */
uint64_t tdxc_sim_mem_end(struct tdxc_sim_mem *mem, uint64_t status);
uint64_t tdxc_sim_mem_state_error(struct tdxc_sim_call *c,
				  const struct tdxc_sim_mem *mem);
/* Section 7.5: blocked and tracked where that is required. */
uint64_t tdxc_sim_mem_require_tracked(struct tdxc_sim_call *c,
				      const struct tdxc_sim_mem *mem,
				      uint64_t bepoch);
uint64_t tdxc_sim_level_bytes(uint8_t level);

/* --- measurement (measure.c) --------------------------------------------- */

void tdxc_sim_measure_start(struct tdxc_sim_call *c,
			    struct tdxc_sim_tdcs *tdcs);
/* An update in between: from newer modules an error, in older ones what was
 * measured is lost. */
uint64_t tdxc_sim_measure_check(struct tdxc_sim_call *c,
				struct tdxc_sim_tdcs *tdcs);
void tdxc_sim_measure_add(struct tdxc_sim_call *c, struct tdxc_sim_tdcs *tdcs,
			  uint64_t gpa);

/* --- metadata (fields.c), section 3.9 ------------------------------------ */

/* One element after the other, in the module's order. */
struct tdxc_sim_field {
	uint64_t id; /* canonical id of element 0 */
	uint16_t count;
	uint8_t get; /* which value: the table's own numbering */
	bool debug_only;
};

/* The id that asks for the first field. */
bool tdxc_sim_field_is_null(uint64_t id);
/* Index of the field and element of an id; false: unknown or ill-formed. */
bool tdxc_sim_field_find(const struct tdxc_sim_field *table, size_t nr,
			 uint64_t id, size_t *field, uint32_t *element);
/* Id of the element after this one, which `id` named; NO_ID after the last. */
uint64_t tdxc_sim_field_next(const struct tdxc_sim_field *table, size_t nr,
			     size_t field, uint32_t element, uint64_t id);

/* CPUID configuration a TD may choose: leaf | sub-leaf << 32, and the masks of
 * eax | ebx << 32 and ecx | edx << 32. */
uint64_t tdxc_sim_cpuid_config_leaf(uint32_t i);
void tdxc_sim_cpuid_config_mask(uint32_t i, uint64_t mask[2]);

/* --- the end of a module (update.c, seamldr.c) --------------------------- */

/* The global lock, exclusive or shared; section 2.4. */
uint64_t tdxc_sim_hold_global(struct tdxc_sim_call *c, bool exclusive);
/* From here on no call gets past the dispatcher; false: some already were. */
bool tdxc_sim_stop_others(struct tdxc_sim_module *m);
/* As after loading, except for what was counted and handed over. */
void tdxc_sim_forget(struct tdxc_sim_module *m);
/* RAX bit 63. */
void tdxc_sim_seamldr(struct tdxc_sim_module *m, uint32_t lp,
		      struct tdxc_sim_regs *regs);

/* --- leaves -------------------------------------------------------------- */

typedef uint64_t tdxc_sim_leaf(struct tdxc_sim_call *c);

tdxc_sim_leaf tdxc_sim_sys_init, tdxc_sim_sys_lp_init, tdxc_sim_sys_info,
	tdxc_sim_sys_rd, tdxc_sim_sys_rdall, tdxc_sim_sys_config,
	tdxc_sim_sys_key_config, tdxc_sim_sys_tdmr_init,
	tdxc_sim_sys_lp_shutdown, tdxc_sim_sys_shutdown, tdxc_sim_sys_update,
	tdxc_sim_sys_disable;
tdxc_sim_leaf tdxc_sim_mng_create, tdxc_sim_mng_key_config, tdxc_sim_mng_addcx,
	tdxc_sim_mng_init, tdxc_sim_mng_rd, tdxc_sim_mng_wr,
	tdxc_sim_mng_vpflushdone, tdxc_sim_mng_key_freeid,
	tdxc_sim_mng_key_reclaimid;
tdxc_sim_leaf tdxc_sim_vp_create, tdxc_sim_vp_addcx, tdxc_sim_vp_init,
	tdxc_sim_vp_flush, tdxc_sim_vp_enter, tdxc_sim_vp_rd, tdxc_sim_vp_wr;
tdxc_sim_leaf tdxc_sim_mr_extend, tdxc_sim_mr_finalize;
tdxc_sim_leaf tdxc_sim_sept_add, tdxc_sim_sept_remove, tdxc_sim_sept_rd,
	tdxc_sim_page_add, tdxc_sim_page_aug, tdxc_sim_page_remove,
	tdxc_sim_page_promote, tdxc_sim_page_demote, tdxc_sim_page_relocate,
	tdxc_sim_range_block, tdxc_sim_range_unblock, tdxc_sim_track;
tdxc_sim_leaf tdxc_sim_rdmd, tdxc_sim_reclaim, tdxc_sim_page_wbinvd,
	tdxc_sim_cache_wb, tdxc_sim_pamt_add, tdxc_sim_pamt_remove;

#endif
