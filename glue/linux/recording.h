/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/* record=1 on a machine with TDX. */
#ifndef TDXC_LINUX_RECORDING_H
#define TDXC_LINUX_RECORDING_H

#include <tdxcore/tdxcore.h>

/* Executes a SEAMCALL. */
typedef u64 (*tdxc_linux_execute)(u64 rax, struct tdxc_seamcall_regs *regs,
				  enum tdxc_seamcall_shape shape);

/* This machine, in front of its first call. */
void tdxc_linux_record_machine(void);
/* Whether a call is to go through the function below. */
bool tdxc_linux_is_recording(void);
/* Preemption is off. */
u64 tdxc_linux_recorded(tdxc_linux_execute execute, u64 rax,
			struct tdxc_seamcall_regs *regs,
			enum tdxc_seamcall_shape shape);

#endif
