/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of the room `update` share; not API. */
#ifndef TDXCORE_UPDATE_WORK_H
#define TDXCORE_UPDATE_WORK_H

#include <tdxcore/seamcall.h>

/* Call the P-SEAMLDR with the address of its operand. TDXC_E_BUSY: CF = 1 in
 * all of TDXC_UPDATE_ATTEMPTS attempts. TDXC_E_IO: a status that is not 0. */
int tdxc_update_seamldr_call_(const struct tdxc_seamcall_port *port,
			      uint64_t rax, uint64_t pa,
			      struct tdxc_seamcall_diag *diag);

#endif
