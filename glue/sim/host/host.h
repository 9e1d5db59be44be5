/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A host on the software platform: a machine with the module brought up by the
 * core, its KeyIDs, its pages and who has them, processors that threads stand
 * on, memory for page tables, and epochs.
 *
 * Every page knows its owner. Lending a page twice, handing back one that is
 * lent, or using one that nobody allocated stops the program at once: that is a
 * bug of the library or of the VMM above, and nothing that happens afterwards
 * would mean anything.
 */
#ifndef TDXC_SIM_HOST_H
#define TDXC_SIM_HOST_H

#include <pthread.h>

#include <tdxcore/pamt.h>
#include <tdxcore/platform.h>
#include <tdxcore/sept.h>

#include "bringup.h"
#include "fault.h"
#include "guest.h"
#include "port.h"

/* Pages in a processor's Dynamic PAMT cache: filled up to LOW before an
 * operation takes its locks, emptied down to HIGH after it. */
#define TDXC_SIM_HOST_PAMT_LOW	24u
#define TDXC_SIM_HOST_PAMT_HIGH 64u
#define TDXC_SIM_HOST_PAMT_ROOM 1280u
/* Tables of all MMUs of the host. */
#define TDXC_SIM_HOST_TABLES 65536u

/* What is wanted; zero members mean the usual. */
struct tdxc_sim_host_config {
	/* NULL: made from the members below. */
	const struct tdxc_sim_platform *platform;
	/* Memory map; NULL: all of the platform's CMRs. */
	const struct tdxc_plan_ram *ram;
	size_t nr_ram;
	uint32_t nr_lps;      /* 0: 20 */
	uint32_t nr_packages; /* 0: 2 */
	uint32_t gib;	      /* of RAM above 4 GiB; 0: 2 */
	bool static_pamt;     /* else Dynamic PAMT */
	bool lines;	      /* the machine's line model: slow, sees all */
	bool erratum;	      /* a CPU model with partial-write poisoning */
	uint64_t seed;
	uint64_t cost_ns; /* a SEAMCALL lasts at least so long */
	struct tdxc_seamcall_limits limits; /* all 0: the usual ones */
	uint32_t quarantine_room;	    /* 0: 4096 */
};

/* Who has a page. */
enum tdxc_sim_page_state {
	TDXC_SIM_PAGE_ABSENT, /* no memory that may be lent */
	TDXC_SIM_PAGE_FREE,
	TDXC_SIM_PAGE_HOST, /* in use by the host, for .owner or for itself */
	TDXC_SIM_PAGE_LENT, /* the module has it, as memory of TD .owner */
	/* Nobody knows whether the module has it; or it is known lost. */
	TDXC_SIM_PAGE_QUARANTINED,
	TDXC_SIM_PAGE_STATES
};

enum tdxc_sim_page_use {
	TDXC_SIM_USE_NONE,
	TDXC_SIM_USE_PRIVATE, /* backs private memory */
	TDXC_SIM_USE_SHARED,  /* backs shared memory */
	TDXC_SIM_USE_TABLE,   /* of a Secure EPT */
	TDXC_SIM_USE_CONTROL, /* TDR, TDCX, TDVPR; TD_PARAMS */
	TDXC_SIM_USE_PAMT,    /* in a cache, or part of a pair */
	TDXC_SIM_USES
};

struct tdxc_sim_page {
	uint8_t state;	/* enum tdxc_sim_page_state */
	uint8_t use;	/* enum tdxc_sim_page_use */
	uint16_t owner; /* TD; 0: the host itself */
};

/* 2 MiB of memory that can be lent. */
struct tdxc_sim_block {
	uint64_t pa;
	uint32_t nr_free; /* 4K pages */
	uint32_t list;	  /* which list it is in */
	/* No TDX memory: for shared pages only. */
	bool apart;
	struct tdxc_sim_block *next;
	struct tdxc_sim_block *prev;
	struct tdxc_sim_page pages[512];
};

/* A logical processor, and who stands on it. */
struct tdxc_sim_host_lp {
	pthread_mutex_t mutex; /* held by the thread that stands on it */
	pthread_mutex_t guest_mutex;
	struct tdxc_sim_guest *guest; /* that can be kicked off */
	/* The guest that VP.ENTER here lets in; of the thread that stands on
	 * it. */
	struct tdxc_sim_guest *entering;
	uint64_t wanted;  /* atomic: threads that want this very one */
	uint64_t offline; /* atomic: 1, nobody stands on it */
	struct tdxc_pamt_cache pamt;
	uint64_t pamt_pages[TDXC_SIM_HOST_PAMT_ROOM];
	/* tables that may still be seen */
	uint64_t retired[1024];
	uint32_t nr_retired;
	uint64_t inside_ns; /* time in the platform, if measured */
};

struct tdxc_sim_host {
	struct tdxc_sim_host_config config;
	struct tdxc_sim_platform description;
	struct tdxc_sim_machine machine;
	struct tdxc_sim_fault fault;
	struct tdxc_sim_port port;
	struct tdxc_seamcall_port seamcall;
	struct tdxc_plan_ram ram[TDXC_MAX_CMRS];
	struct tdxc_sim_bringup bringup;
	struct tdxc_platform platform;
	struct tdxc_keyids keyids;
	uint64_t *keyid_words;
	struct tdxc_pamt pamt;
	void *pamt_memory;
	struct tdxc_sept_quarantine quarantine;

	/* pages */
	pthread_mutex_t pages_mutex;
	struct tdxc_sim_block *blocks; /* by address */
	size_t nr_blocks;
	struct tdxc_sim_block *whole;	/* all free */
	struct tdxc_sim_block *partial; /* some free */
	struct tdxc_sim_block *apart;	/* some free, and no TDX memory */
	uint64_t counts[TDXC_SIM_PAGE_STATES][TDXC_SIM_USES];

	/* tables: memory of the host that no TDMR has */
	pthread_mutex_t tables_mutex;
	char *tables;
	uint64_t tables_pa;
	uint64_t *externals; /* by table */
	uint32_t *free_tables;
	uint32_t nr_free_tables;

	/* processors */
	struct tdxc_sim_host_lp *lps;
	uint64_t wanted;     /* atomic: threads that want any */
	uint64_t fail_pages; /* atomic: so many allocations fail from now on */
	uint16_t last_owner;
	bool bare; /* the next kernel could not bring the module up */
};

/* Machine, module, pages. TDXC_E_INVAL: the configuration makes no sense;
 * otherwise what bring-up said. Nothing to take down after an error. */
int tdxc_sim_host_up(struct tdxc_sim_host *host,
		     const struct tdxc_sim_host_config *config);
/* Another kernel takes over the machine as it is: the module was disabled and
 * caches were flushed, VMs were abandoned. It brings the module up as the first
 * one did, on all processors. What bring-up said; after an error only
 * tdxc_sim_host_down(). */
int tdxc_sim_host_next_kernel(struct tdxc_sim_host *host);
/* All TDs are gone. */
void tdxc_sim_host_down(struct tdxc_sim_host *host);
/* From now on calls may fail; rules as in fault.h, the caller's. And no more.
 * Nothing may be under way. */
void tdxc_sim_host_faults(struct tdxc_sim_host *host,
			  struct tdxc_sim_fault_rule *rules, size_t nr_rules,
			  uint64_t seed);
void tdxc_sim_host_no_faults(struct tdxc_sim_host *host);
/* Something is wrong: say so and abort. */
_Noreturn void tdxc_sim_host_stop(const char *what, uint64_t where);

/* --- pages ------------------------------------------------------------------
 */

/* A page of 4K (level 1) or 2M (level 2) in a TDMR, for a TD or, owner 0, for
 * the host. TDXC_E_NOMEM. */
int tdxc_sim_host_alloc(struct tdxc_sim_host *host, uint32_t level,
			enum tdxc_sim_page_use use, uint16_t owner,
			uint64_t *pa);
/* Only pages in state HOST. */
void tdxc_sim_host_free(struct tdxc_sim_host *host, uint32_t level,
			uint64_t pa);
/* HOST of this owner -> LENT; before the module gets it. */
void tdxc_sim_host_lend(struct tdxc_sim_host *host, uint32_t level, uint64_t pa,
			uint16_t owner);
/* LENT or QUARANTINED -> HOST: the module let it go. */
void tdxc_sim_host_returned(struct tdxc_sim_host *host, uint32_t level,
			    uint64_t pa, uint16_t owner);
/* HOST or LENT -> QUARANTINED; quarantined ones stay so. */
void tdxc_sim_host_quarantine(struct tdxc_sim_host *host, uint32_t level,
			      uint64_t pa);
struct tdxc_sim_page tdxc_sim_host_page(struct tdxc_sim_host *host,
					uint64_t pa);
/* Pages of 4K in a state, of any use. */
uint64_t tdxc_sim_host_count(struct tdxc_sim_host *host,
			     enum tdxc_sim_page_state state);
/* All that a TD still has lent becomes QUARANTINED. Returns how many. */
uint64_t tdxc_sim_host_give_up(struct tdxc_sim_host *host, uint16_t owner);
/* HOST pages of a TD; 0 after it was taken down well. */
uint64_t tdxc_sim_host_kept(struct tdxc_sim_host *host, uint16_t owner);
/* Caches of the machine may hold lines of the host's that would overwrite what
 * the module writes: CLFLUSH a page before it is lent. The line model is such a
 * machine, whatever TDX_FEATURES0 says. */
bool tdxc_sim_host_must_flush(const struct tdxc_sim_host *host);
/* A number for the next TD. */
uint16_t tdxc_sim_host_new_owner(struct tdxc_sim_host *host);

/* Memory comes, in whole 2 MiB, that no TDMR has: it is kept apart from TDX
 * memory and backs shared pages only. Or memory goes, of either kind. Nothing
 * is under way. TDXC_E_EXIST: some is there. TDXC_E_NOENT: none of it is.
 * TDXC_E_BUSY: a page of it is in use. TDXC_E_NOMEM. After an error nothing has
 * changed. */
int tdxc_sim_host_plug(struct tdxc_sim_host *host, struct tdxc_range range);
int tdxc_sim_host_unplug(struct tdxc_sim_host *host, struct tdxc_range range);

/* With nothing under way: the auditor passes; each page that the module has is
 * LENT to that TD, or QUARANTINED, or part of a pair; each page that is LENT is
 * the module's; pages of pairs and caches are all there are. 0, or -1 with a
 * text. */
int tdxc_sim_host_check(struct tdxc_sim_host *host, char *text, size_t bytes);

/* --- processors -------------------------------------------------------------
 */

/* Around all that a thread does on the host: epochs. */
void tdxc_sim_host_thread_begin(struct tdxc_sim_host *host);
void tdxc_sim_host_thread_end(struct tdxc_sim_host *host);
/* Stand on a processor: any one, if possible the one of last time; or this
 * very one, whose guest is kicked off it. Not while standing on one. */
uint32_t tdxc_sim_host_take_lp(struct tdxc_sim_host *host);
void tdxc_sim_host_take_this_lp(struct tdxc_sim_host *host, uint32_t lp);
void tdxc_sim_host_drop_lp(struct tdxc_sim_host *host);
/* A vCPU thread between two entries: let others on, if any wait. */
void tdxc_sim_host_yield_lp(struct tdxc_sim_host *host);
/* A processor goes offline, with all that it has; and comes back. Nobody stands
 * on it, and no vCPU is associated with it. */
void tdxc_sim_host_lp_offline(struct tdxc_sim_host *host, uint32_t lp);
void tdxc_sim_host_lp_online(struct tdxc_sim_host *host, uint32_t lp);
/* The guest of the processor that this thread stands on, from before its
 * VP.ENTER on; NULL: none. */
void tdxc_sim_host_set_guest(struct tdxc_sim_host *host,
			     struct tdxc_sim_guest *guest);
/* The cache of the processor this thread stands on; filled, or emptied of what
 * is too much. Not with locks held. TDXC_E_NOMEM. */
struct tdxc_pamt_cache *tdxc_sim_host_pamt_cache(struct tdxc_sim_host *host);
int tdxc_sim_host_pamt_topup(struct tdxc_sim_host *host);
void tdxc_sim_host_pamt_drain(struct tdxc_sim_host *host, uint32_t keep);

/* --- tables and epochs ------------------------------------------------------
 */

/* tdxc_mmu_config::virt */
uint64_t tdxc_sim_host_virt(const struct tdxc_sim_host *host);
/* Memory for a table; with a page for the Secure EPT of TD `owner`, or, owner
 * 0, without. TDXC_E_NOMEM. */
int tdxc_sim_host_table_alloc(struct tdxc_sim_host *host, uint16_t owner,
			      struct tdxc_mmu_table *table);
void tdxc_sim_host_table_free(struct tdxc_sim_host *host,
			      const struct tdxc_mmu_table *table);
/* When all sections that could see it have ended. */
void tdxc_sim_host_table_retire(struct tdxc_sim_host *host,
				const struct tdxc_mmu_table *table);
uint64_t tdxc_sim_host_table_external(struct tdxc_sim_host *host, uint64_t pa);
/* Read-side sections of this thread. */
void tdxc_sim_host_read_lock(struct tdxc_sim_host *host);
void tdxc_sim_host_read_unlock(struct tdxc_sim_host *host);
/* Outside of them: wait for all sections, if so many tables wait for that. */
void tdxc_sim_host_reap(struct tdxc_sim_host *host, uint32_t at_least);

#endif
