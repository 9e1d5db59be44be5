/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Scenarios: text files that say what a machine, its TDs and their guests do
 * (docs/SCENARIOS.md is the grammar). Parsing gives plain data and has no
 * effect; what the text cannot mean is refused here, with its line, so that
 * whoever plays a scenario meets only what can go wrong in a machine.
 *
 *   scenario_file.c   a file into a text
 *   scenario_line.c   a line into words, words into numbers and ranges
 *   scenario.c        the machine, blocks, and who reads what
 *   scenario_td.c     TDs
 *   scenario_action.c guest and host statements
 *   scenario_event.c  what happens to the machine, and how kernels end
 *   scenario_inject.c inject and expect
 *   scenario_check.c  what only the whole can show
 */
#ifndef TDXCORE_TOOLS_SCENARIO_H
#define TDXCORE_TOOLS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map/map.h"

#define SCENARIO_MAX_BYTES  ((size_t)1 << 20)
#define SCENARIO_NAME_BYTES 32
#define SCENARIO_TEXT_BYTES 80
#define SCENARIO_MAX_CPUS   64u
#define SCENARIO_MAX_VCPUS  16u
#define SCENARIO_MAX_SLOTS  16u
/* TDs at one time: there are 31 KeyIDs for them. */
#define SCENARIO_MAX_LIVE     16u
#define SCENARIO_MAX_PARALLEL 16u
/* In a repeat in a repeat ... */
#define SCENARIO_MAX_DEPTH 4u
#define SCENARIO_MAX_TIMES 1000000u
/* Guest memory reaches below the shared bit of 48-bit addresses. */
#define SCENARIO_MAX_MEMORY ((uint64_t)256 << 30)
#define SCENARIO_MAX_TD	    ((uint64_t)64 << 30)
/* Tables of the host lie above. */
#define SCENARIO_MAX_PHYSICAL  ((uint64_t)1 << 45)
#define SCENARIO_MAX_IN_FLIGHT 1000u
#define SCENARIO_PAGE	       ((uint64_t)1 << 12)
#define SCENARIO_LARGE	       ((uint64_t)1 << 21)
#define SCENARIO_ANY_LEAF      UINT32_MAX

enum scenario_kind {
	SCENARIO_TD,	   /* build tds[td] and run it */
	SCENARIO_GUEST,	   /* enum scenario_guest */
	SCENARIO_HOST,	   /* enum scenario_host */
	SCENARIO_PARALLEL, /* up to statement `other`, all at once */
	SCENARIO_REPEAT,   /* up to statement `other`, `times` times */
	SCENARIO_END,	   /* of statement `other` */
	SCENARIO_INJECT,   /* enum scenario_inject */
	SCENARIO_EXPECT,   /* enum scenario_counter */
	SCENARIO_AUDIT,
	SCENARIO_TEARDOWN, /* of tds[td] */
	SCENARIO_MEMORY,   /* enum scenario_memory */
	SCENARIO_CPU,	   /* enum scenario_cpu: processor `cpu` */
	SCENARIO_HANDOVER, /* enum scenario_handover */
};

enum scenario_guest {
	SCENARIO_TOUCH,	 /* read, whatever is there */
	SCENARIO_WRITE,	 /* fill with a new pattern */
	SCENARIO_VERIFY, /* hold against what was written */
	SCENARIO_ACCEPT,
	SCENARIO_SHARE,
	SCENARIO_UNSHARE,
	SCENARIO_STORM, /* share, write, verify, unshare, write, verify */
};

enum scenario_host {
	SCENARIO_POPULATE,
	SCENARIO_BALLOON,
	SCENARIO_DELETE_SLOT,
	SCENARIO_PROMOTE,
	SCENARIO_DEMOTE,
	SCENARIO_RELOCATE,
	SCENARIO_REMOVE_TABLES,
	SCENARIO_ZAP_SHARED,
	SCENARIO_MIGRATE,
};

enum scenario_memory {
	SCENARIO_PLUG_ACPI,
	SCENARIO_PLUG_DRIVER,
	SCENARIO_UNPLUG,
};

enum scenario_cpu {
	SCENARIO_OFFLINE,
	SCENARIO_ONLINE,
};

/* Of a guest, tds[td], or of the host. */
enum scenario_handover {
	SCENARIO_UNSHARE_ALL,
	SCENARIO_GUEST_CRASH,
	SCENARIO_KEXEC,
	SCENARIO_CRASH,
};

/* What a hotplug event must be answered. */
enum scenario_verdict {
	SCENARIO_ALLOWED,
	SCENARIO_WARNED,
	SCENARIO_REFUSED,
};

enum scenario_inject {
	SCENARIO_INJECT_OFF,
	SCENARIO_INJECT_BUSY, /* one of `times` calls */
	SCENARIO_INJECT_FAIL, /* call number `times` from now */
};

enum scenario_counter {
	SCENARIO_COUNT_TDS,
	SCENARIO_COUNT_VERIFIED,
	SCENARIO_COUNT_BROADCASTS,
	SCENARIO_COUNT_RETRIES,
	SCENARIO_COUNT_QUARANTINED,
	SCENARIO_COUNT_SEAMCALLS, /* of `leaf` */
};

enum scenario_relation {
	SCENARIO_EQUAL,
	SCENARIO_AT_LEAST,
	SCENARIO_AT_MOST,
};

struct scenario_machine {
	char *map; /* owned; a file, beside the scenario's; NULL: memory */
	uint64_t memory;
	uint32_t packages;
	uint32_t cpus;
	bool dynamic_pamt;
	bool track; /* memory that is no TDX memory may come, and stays apart */
	bool lines; /* with the line model: slow, sees all */
};

struct scenario_td {
	char name[SCENARIO_NAME_BYTES];
	size_t line;
	uint32_t vcpus;
	uint64_t memory;
	uint64_t image; /* of it, from 0 on */
	uint32_t slots; /* it is divided into, see scenario_slot() */
	bool large;	/* 2 MiB pages where they fit */
};

/* How a guest makes its memory private: see docs/SCENARIOS.md. */
struct scenario_unshare {
	uint32_t levels;	/* of its page tables */
	bool tracked;		/* by a set instead of them */
	struct tdxc_range keep; /* empty: nothing */
	struct tdxc_range late;
	uint64_t in_flight; /* conversions that never end */
};

/* What a statement needs of these is set, the rest zero. */
struct scenario_statement {
	enum scenario_kind kind;
	size_t line;
	size_t td;
	size_t other;
	union {
		enum scenario_guest guest;
		enum scenario_host host;
		enum scenario_inject inject;
		enum scenario_memory memory;
		enum scenario_cpu cpu;
		enum scenario_handover handover;
		enum scenario_counter counter;
	} what;
	/* Of guest addresses; MEMORY: of physical ones. @units{bytes} */
	struct tdxc_range range;
	uint64_t stride; /* one page each so many bytes */
	uint64_t page;	 /* ACCEPT: at this size */
	uint32_t slot;	 /* DELETE_SLOT; the range is its */
	uint64_t times;
	uint32_t leaf; /* or SCENARIO_ANY_LEAF */
	bool may_fail;
	enum scenario_verdict verdict; /* MEMORY, CPU */
	uint32_t cpu;
	struct scenario_unshare unshare;
	/* GUEST: which of the TD's vCPUs do it */
	uint32_t first_vcpu;
	uint32_t nr_vcpus;
	enum scenario_relation relation;
	uint64_t value;
	char text[SCENARIO_TEXT_BYTES]; /* the line, as it stands there */
};

/* Zero-initialise; free with scenario_free(). */
struct scenario {
	struct scenario_machine machine;
	uint64_t seed;
	struct scenario_td *tds; /* owned; one per td statement */
	size_t nr_tds;
	struct scenario_statement *statements; /* owned */
	size_t nr_statements;
};

/* Any text. enum map_result; on failure `s` is empty and `error` filled. */
int scenario_parse(const char *text, size_t len, const char *name,
		   struct scenario *s, struct map_error *error);
/* A file, or standard input where path is "-". */
int scenario_read(const char *path, struct scenario *s,
		  struct map_error *error);
void scenario_free(struct scenario *s);

/* A TD's memory slot, in whole 2 MiB. */
struct tdxc_range scenario_slot(const struct scenario_td *td, uint32_t slot);
/* "balloon", for messages; "plug", ... */
const char *scenario_host_name(enum scenario_host what);
const char *scenario_verdict_name(enum scenario_verdict verdict);

/* Which pages' contents a statement changes, or depends on: two that run at
 * once must not share any. */
bool scenario_changes(const struct scenario_statement *st);
bool scenario_depends(const struct scenario_statement *st);

#endif
