/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Firmware as the guest of the software TDX module, for tests: a machine that
 * is simulated in a piece of memory, the module, a TD whose only vCPU this
 * firmware is, and a host that does what MapGPA and EPT violations ask for, as
 * well as it was told to.
 *
 * Guest-physical addresses are this firmware's own, below 15 GiB; what the
 * module does to them is recorded in its tables, and the memory itself is left
 * alone.
 *
 * All of it stands in one struct: who finds it later, as the stage does after
 * ExitBootServices, attaches it to functions of its own.
 */
#ifndef TDX_SIM_GUEST_LIB_H_
#define TDX_SIM_GUEST_LIB_H_

#include "../../../../sim/module/tdx_module.h"

#include <tdxcore/convert.h>
#include <tdxcore/tracker.h>

/* gEfiCallerIdGuid of no module: where the configuration table has it. */
#define TDXC_SIM_GUEST_GUID                                                    \
	{                                                                      \
		0x4b0de3a4, 0x86f1, 0x4d0c,                                    \
		{                                                              \
			0x9b, 0x3c, 0x65, 0x1e, 0x50, 0xa7, 0x2f, 0xd8         \
		}                                                              \
	}

#define TDXC_SIM_GUEST_PAGES  4096u
#define TDXC_SIM_GUEST_SLOTS  8192u
#define TDXC_SIM_GUEST_RANGES 1024u
#define TDXC_SIM_GUEST_GPAW   48u

struct tdxc_sim_firmware {
	struct tdxc_sim_module module;
	/* the machine: pages by frame, where they were written */
	uint64_t frames[TDXC_SIM_GUEST_SLOTS]; /* frame + 1 */
	uint32_t slots[TDXC_SIM_GUEST_SLOTS];
	uint32_t used;
	uint64_t scrapped; /* accesses that found no page left */
	uint64_t random;
	uint64_t tsc;
	/* the TD */
	uint64_t next; /* the next page for a structure of its own */
	uint64_t tdr;
	uint64_t tdvpr;
	/* the host: what it mapped, by size, and what is shared */
	struct tdxc_tracker mapped[2];
	struct tdxc_tracker shared;
	struct tdxc_range ranges[3][TDXC_SIM_GUEST_RANGES];
	uint64_t status; /* first SEAMCALL of the host's that failed */
	/* how it behaves; zero: well */
	uint64_t chunk;		  /* MapGPA: RETRY after so many bytes */
	struct tdxc_range refuse; /* ...and refused in here */
	struct tdxc_range small;  /* maps no 2M page in here */
	uint64_t busy;		  /* the next ACCEPTs find it busy */
	/* counted */
	uint64_t maps;
	uint64_t recent[2]; /* where the last two MapGPAs began, last first */
	uint64_t retries;
	uint64_t refused;
	uint64_t mapped_pages[2];
	uint64_t taken_pages[2];
	uint64_t accepts;
	uint64_t mismatches;
	uint8_t pages[TDXC_SIM_GUEST_PAGES + 1][4096]; /* the last: scrap */
};

/* Power on, up to a TD that runs this firmware. 0, or the status that stopped
 * it. `sim`: page aligned; all of it is overwritten. */
uint64_t tdxc_sim_firmware_up(struct tdxc_sim_firmware *sim);

/* From now on the caller's image answers. */
void tdxc_sim_firmware_attach(struct tdxc_sim_firmware *sim);

/* ctx: the sim. */
extern const struct tdxc_convert_ops tdxc_sim_firmware_ops;

/* All of it is mapped in the TD and accepted; or all of it is with the host. */
bool tdxc_sim_firmware_private(struct tdxc_sim_firmware *sim,
			       struct tdxc_range gpa);
bool tdxc_sim_firmware_shared(struct tdxc_sim_firmware *sim,
			      struct tdxc_range gpa);

#endif
