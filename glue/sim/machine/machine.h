/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A simulated machine with the software TDX module in it: memory, caches,
 * processors, the key engine, interrupts. Any number of threads may make
 * SEAMCALLs, one per logical processor at a time.
 *
 * Addresses given to it are as software uses them: KeyID bits included.
 */
#ifndef TDXC_SIM_MACHINE_H
#define TDXC_SIM_MACHINE_H

#include "events.h"
#include "memory.h"
#include "tdx_module.h"

struct tdxc_sim_lines;
struct tdxc_sim_lps;

/* How the machine is built; it stays so for life. */
struct tdxc_sim_machine_options {
	/* With caches and KeyIDs as lines.h says. Without, every KeyID sees the
	 * same memory, caches do nothing, and all is fast. The module answers
	 * the same. */
	bool lines;
	/* An AMD machine with SME: no TDX module. Address bit pa_width-1 is the
	 * C-bit, KeyID 1 in this interface; the other KeyID bits are
	 * reserved. */
	bool sme;
};

struct tdxc_sim_machine {
	struct tdxc_sim_module module;
	struct tdxc_sim_platform platform;
	struct tdxc_sim_machine_options options;
	struct tdxc_sim_memory *memory;
	struct tdxc_sim_lines *lines; /* NULL without the line model */
	struct tdxc_sim_events *events;
	struct tdxc_sim_lps *lps; /* NULL: no threads */
	void *scrap;		  /* a page for addresses that have none */
	uint64_t random;	  /* state of the entropy source */
	uint64_t seed;
	/* Armed failures of the key engine: the next so many attempts. */
	uint64_t key_failures;
	enum tdxc_sim_key_result key_failure;
	uint8_t interrupts[TDXC_SIM_MAX_LPS]; /* pending, by LP */
	uint64_t tsc;
};

/* Power on with all memory zero, no line model. 0, or -1 when memory is short
 * or a platform value is out of range. */
int tdxc_sim_machine_init(struct tdxc_sim_machine *machine,
			  const struct tdxc_sim_platform *platform,
			  uint64_t seed);
int tdxc_sim_machine_init_with(struct tdxc_sim_machine *machine,
			       const struct tdxc_sim_platform *platform,
			       uint64_t seed,
			       const struct tdxc_sim_machine_options *options);
/* Power cycle: memory zero, caches empty, module unloaded and loaded, nothing
 * pending, no events. */
int tdxc_sim_machine_reset(struct tdxc_sim_machine *machine,
			   const struct tdxc_sim_platform *platform);
/* Threads of logical processors must have been stopped. */
void tdxc_sim_machine_fini(struct tdxc_sim_machine *machine);

/* Host memory under KeyID 0 by LP 0; false: beyond the memory. */
bool tdxc_sim_machine_write64(struct tdxc_sim_machine *machine, uint64_t pa,
			      uint64_t value);
uint64_t tdxc_sim_machine_read64(struct tdxc_sim_machine *machine, uint64_t pa);

/* --- the module ------------------------------------------------------------
 */

/*
 * As the module's own functions, on a machine that knows which LP calls: with
 * the line model all calls go through these. An LP that is in guest must not
 * call SEAMCALL, one that is not must not call TDCALL. On an SME machine RAX
 * becomes TDXC_STATUS_UD.
 */
enum tdxc_sim_outcome
tdxc_sim_machine_seamcall(struct tdxc_sim_machine *machine, uint32_t lp,
			  struct tdxc_sim_regs *regs);
enum tdxc_sim_outcome tdxc_sim_machine_tdcall(struct tdxc_sim_machine *machine,
					      uint32_t lp,
					      struct tdxc_sim_regs *regs);
void tdxc_sim_machine_interrupt_exit(struct tdxc_sim_machine *machine,
				     uint32_t lp, struct tdxc_sim_regs *regs);
/* The bracket they put around a call; for the module's other functions. */
void tdxc_sim_machine_begin_call(struct tdxc_sim_machine *machine, uint32_t lp);
void tdxc_sim_machine_end_call(struct tdxc_sim_machine *machine, uint32_t lp);

/* --- software's memory accesses --------------------------------------------
 */

/* The address with a KeyID in it. */
uint64_t tdxc_sim_machine_keyed(const struct tdxc_sim_machine *machine,
				uint64_t pa, uint32_t keyid);
/* Split an address. TDXC_E_RANGE: beyond the physical width, or the KeyID is
 * none of this machine's. */
int tdxc_sim_machine_split(const struct tdxc_sim_machine *machine, uint64_t pa,
			   uint64_t *plain, uint32_t *keyid);
bool tdxc_sim_machine_is_private(const struct tdxc_sim_machine *machine,
				 uint32_t keyid);

/*
 * By LP `lp`, any bytes from pa on. TDXC_OK, or:
 * TDXC_E_INVAL  there is no such LP; nothing happened
 * TDXC_E_RANGE  as split, or the bytes go past the end; nothing happened
 * TDXC_E_IO     machine check: an event tells. A load delivers garbage for the
 *		 line, a store to it is lost; the other lines are done
 * TDXC_E_NOMEM  the computer that simulates is short of memory
 */
int tdxc_sim_machine_load(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t pa, void *out, size_t bytes);
int tdxc_sim_machine_store(struct tdxc_sim_machine *machine, uint32_t lp,
			   uint64_t pa, const void *in, size_t bytes);
int tdxc_sim_machine_copy(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t to, uint64_t from, size_t bytes);
/* MOVDIR64B: 64 bytes to an address that is a multiple of 64 (else
 * TDXC_E_INVAL), past the caches, with no check of what was there. */
int tdxc_sim_machine_movdir64b(struct tdxc_sim_machine *machine, uint32_t lp,
			       uint64_t pa, const void *line);
/* Non-temporal or uncached stores: past the caches. Lines that are not written
 * whole are partial writes: see the erratum. */
int tdxc_sim_machine_store_nt(struct tdxc_sim_machine *machine, uint32_t lp,
			      uint64_t pa, const void *in, size_t bytes);

/* PCONFIG: a new key for a shared KeyID other than 0 (else TDXC_E_RANGE); until
 * then it works with the key of KeyID 0. Its cached lines are the caller's to
 * flush. */
int tdxc_sim_machine_pconfig(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint32_t keyid);

/* --- caches; without the line model there is nothing to do ------------------
 */

/* Every line the bytes touch, under the KeyID in pa and no other. */
int tdxc_sim_machine_clflush(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint64_t pa, size_t bytes);
/* The caches of the LP's package, all KeyIDs; WBNOINVD keeps the lines. */
int tdxc_sim_machine_wbinvd(struct tdxc_sim_machine *machine, uint32_t lp);
int tdxc_sim_machine_wbnoinvd(struct tdxc_sim_machine *machine, uint32_t lp);
/* So many lines leave the caches of the machine, dirty ones to memory, in an
 * order that comes from the seed. */
void tdxc_sim_machine_evict(struct tdxc_sim_machine *machine, uint64_t lines);
/* Lines of a KeyID that are dirty in some cache. */
uint64_t tdxc_sim_machine_dirty(struct tdxc_sim_machine *machine,
				uint32_t keyid);

/* --- events ------------------------------------------------------------------
 */

/* The oldest event; false: there is none. */
bool tdxc_sim_machine_event(struct tdxc_sim_machine *machine,
			    struct tdxc_sim_event *event);

/* --- what software reads of the processor
 * ------------------------------------- */

/* Family and model have the partial-write erratum. */
bool tdxc_sim_machine_poisons(const struct tdxc_sim_machine *machine);
/* TDXC_E_OPNOTSUPP: \#GP. */
int tdxc_sim_machine_rdmsr(const struct tdxc_sim_machine *machine, uint32_t lp,
			   uint32_t index, uint64_t *value);

struct tdxc_sim_cpuid {
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/* Zero for leaves this machine says nothing in. */
struct tdxc_sim_cpuid
tdxc_sim_machine_cpuid(const struct tdxc_sim_machine *machine, uint32_t lp,
		       uint32_t leaf, uint32_t subleaf);

/* --- a thread per logical processor, when wanted
 * ------------------------------- */

typedef void (*tdxc_sim_work)(struct tdxc_sim_machine *machine, uint32_t lp,
			      void *arg);

/* TDXC_E_EXIST: they run already. TDXC_E_NOMEM: none was left running. */
int tdxc_sim_machine_start_lps(struct tdxc_sim_machine *machine);
/* Start work on an LP. TDXC_E_BUSY: it has some. TDXC_E_NODEV: no threads.
 * TDXC_E_INVAL: no such LP. */
int tdxc_sim_machine_post(struct tdxc_sim_machine *machine, uint32_t lp,
			  tdxc_sim_work work, void *arg);
/* Until its work is done. TDXC_E_AGAIN: not in this time. */
int tdxc_sim_machine_wait(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint32_t milliseconds);
/* Post, and wait: any of their errors. */
int tdxc_sim_machine_run_on(struct tdxc_sim_machine *machine, uint32_t lp,
			    tdxc_sim_work work, void *arg,
			    uint32_t milliseconds);
/* End the threads. TDXC_E_AGAIN: some work is not done in this time; they all
 * still run. */
int tdxc_sim_machine_stop_lps(struct tdxc_sim_machine *machine,
			      uint32_t milliseconds);

#endif
