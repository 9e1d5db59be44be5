/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the core's platform room wants to know, read as software reads it.
 */
#ifndef TDXC_SIM_PORT_PLATFORM_H
#define TDXC_SIM_PORT_PLATFORM_H

#include <tdxcore/platform.h>

#include "machine.h"

/* The registers of one LP. The host facts are those of a host that neither
 * hibernates nor enters S3. TDXC_E_INVAL: there is no such LP. */
int tdxc_sim_port_platform(const struct tdxc_sim_machine *machine, uint32_t lp,
			   struct tdxc_platform_regs *regs);

#endif
