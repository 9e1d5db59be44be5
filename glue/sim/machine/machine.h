/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A simulated machine with the software TDX module in it: memory, processors,
 * the key engine, interrupts. Any number of threads may make SEAMCALLs, one
 * per logical processor at a time.
 */
#ifndef TDXC_SIM_MACHINE_H
#define TDXC_SIM_MACHINE_H

#include "memory.h"
#include "tdx_module.h"

struct tdxc_sim_machine {
	struct tdxc_sim_module module;
	struct tdxc_sim_platform platform;
	struct tdxc_sim_memory *memory;
	uint64_t random; /* state of the entropy source */
	/* Armed failures of the key engine: the next so many attempts. */
	uint64_t key_failures;
	enum tdxc_sim_key_result key_failure;
	uint8_t interrupts[TDXC_SIM_MAX_LPS]; /* pending, by LP */
	uint64_t tsc;
};

/* Power on with all memory zero. 0, or -1 when memory is short or a platform
 * value is out of range. */
int tdxc_sim_machine_init(struct tdxc_sim_machine *machine,
			  const struct tdxc_sim_platform *platform,
			  uint64_t seed);
/* Power cycle: memory zero, module unloaded and loaded, nothing pending. */
int tdxc_sim_machine_reset(struct tdxc_sim_machine *machine,
			   const struct tdxc_sim_platform *platform);
void tdxc_sim_machine_fini(struct tdxc_sim_machine *machine);

/* Host memory under KeyID 0; false: beyond the memory. */
bool tdxc_sim_machine_write64(struct tdxc_sim_machine *machine, uint64_t pa,
			      uint64_t value);
uint64_t tdxc_sim_machine_read64(struct tdxc_sim_machine *machine, uint64_t pa);

#endif
