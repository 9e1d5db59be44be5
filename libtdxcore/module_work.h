/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of the room `module` share; not API. */
#ifndef TDXCORE_MODULE_WORK_H
#define TDXCORE_MODULE_WORK_H

#include <tdxcore/module.h>

/* tdxc_module::sys_init: one of these, or the status of the failure, which has
 * bit 63 or 62 set. Result and done-mark are one word, so no CPU can read one
 * without the other. */
#define SYS_INIT_NONE	 0ull
#define SYS_INIT_RUNNING 1ull
#define SYS_INIT_DONE	 2ull

/* tdxc_module::builds: no TD may be begun; below it, how many are under way. */
#define BUILDS_CLOSED (1ull << 63)

static inline void tdxc_module_set_step_(struct tdxc_module *m,
					 enum tdxc_module_step step)
{
	tdxc_store_release(&m->step, (uint64_t)step);
}

/* One SEAMCALL of the module's, with the usual limits. */
int tdxc_module_call_(const struct tdxc_module *m, uint64_t rax,
		      struct tdxc_seamcall_regs *regs,
		      enum tdxc_seamcall_shape shape,
		      struct tdxc_seamcall_diag *diag);

/* As if SYS.INIT and LP.INIT had never been made, on offline CPUs too. */
void tdxc_module_forget_cpus_(struct tdxc_module *m);

/* Hand every PAMT back to the port. */
void tdxc_module_free_pamts_(struct tdxc_module *m);

/* Whether a CPU is inside tdxc_module_tdmr_init(). */
bool tdxc_module_is_working_(const struct tdxc_module *m);

#endif
