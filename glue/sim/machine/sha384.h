/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* SHA-384 by libcrypto, its state in memory the module owns. */
#ifndef TDXC_SIM_SHA384_H
#define TDXC_SIM_SHA384_H

#include <stddef.h>

/* `state`: TDXC_SIM_SHA384_STATE bytes, 8-aligned. `out`: 48 bytes. */
void tdxc_sim_sha384_init(void *state);
void tdxc_sim_sha384_update(void *state, const void *data, size_t bytes);
void tdxc_sim_sha384_final(void *state, void *out);

#endif
