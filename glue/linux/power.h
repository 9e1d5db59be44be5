/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/* Events of the host that concern TDX. */
#ifndef TDXC_LINUX_POWER_H
#define TDXC_LINUX_POWER_H

#include <tdxcore/tdxcore.h>

struct tdxc_linux_bringup;

/* A bring-up came to its end, or is about to be taken back: memory events that
 * are being judged are over when this returns. */
void tdxc_linux_publish(struct tdxc_linux_bringup *b, bool started);
/* What the core judges hotplug by, as of now. While the machine's module may be
 * taken back, its lists must not be looked at outside this file. */
void tdxc_linux_hotplug_state(struct tdxc_hotplug_state *state);
int tdxc_linux_hotplug_init(void);
void tdxc_linux_hotplug_exit(void);

/* The end of this kernel, here and now; returns how many CPUs did not flush. */
u32 tdxc_linux_hand_over(enum tdxc_handover_kind kind);

int tdxc_linux_power_init(void);
void tdxc_linux_power_exit(void);

#endif
