/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "sha384.h"

/* The state has to be plain bytes in simulated memory, which libcrypto's
 * current interface, an opaque handle, cannot be: hence the older one. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "tdx_module.h"

_Static_assert(sizeof(SHA512_CTX) <= TDXC_SIM_SHA384_STATE,
	       "the module keeps enough room");

void tdxc_sim_sha384_init(void *state)
{
	(void)SHA384_Init(state);
}

void tdxc_sim_sha384_update(void *state, const void *data, size_t bytes)
{
	(void)SHA384_Update(state, data, bytes);
}

void tdxc_sim_sha384_final(void *state, void *out)
{
	(void)SHA384_Final(out, state);
}
